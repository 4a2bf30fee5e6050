# librfssync: the change map and synchronisation (map, match, state_match, psync, ssync)
