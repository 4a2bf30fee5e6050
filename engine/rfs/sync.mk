# librfssync: the change map and synchronisation (map, match, state_match, psync, ssync)
noinst_LIBRARIES += librfssync.a
librfssync_a_SOURCES = \
	engine/rfs/map.h engine/rfs/map_impl.h engine/rfs/map.c engine/rfs/map_log.c engine/rfs/match.h engine/rfs/match.c \
	engine/rfs/state.h engine/rfs/state_match.c
librfssync_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
RFSSYNC_LIBS = librfssync.a
