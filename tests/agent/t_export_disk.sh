#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A spool on a disk that is full: nothing is lost that the engine still has, /metrics is served all the time; then kill -9 at any instant
# of a burst, again and again.  SEED of the environment.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 nsenter mount ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

mkdir "$D/disk"
# a mount namespace with a small disk: whoever leaves it, the disk goes with the last one
mkfifo "$D/hold"
unshare -m --propagation private sh -c 'mount -t tmpfs -o size=2m none "$0" && echo there && cat' "$D/disk" < "$D/hold" > "$D/holder" 2>&1 &
HOLDER=$!
pids="$pids $HOLDER"
exec 5> "$D/hold"
until_true 10 grep -q there "$D/holder" || skip_all "no small disk can be mounted here: $(cat "$D/holder")"
inside() { nsenter -t $HOLDER -m "$@"; }

start_store
start_engine -m 2 -r 20
printf 'listen = 127.0.0.1:0\nspool = %s\n[sink s]\ntype = influxdb\nurl = %s\nretry = 1s\ngzip = off\n' "$D/disk/spool.db" "$STORE" > "$D/disk.conf"
EXPORT_WRAP="nsenter -t $HOLDER -m"
start_export -c "$D/disk.conf"
numbers() { store 'len(set(range(1, '"$1"' + 1)) - set(int(v[6:]) for v in values("") if v.startswith("value=")))'; }
none_missing() { [ "$(numbers "$1")" = 0 ]; }
tell burst 100
check "at first" until_true 10 none_missing 100
mode 503
inside sh -c 'cat /dev/zero > "$0/filler" 2>/dev/null' "$D/disk"
tell burst 2000
check "the disk is full: said" until_true 10 grep -q "spool .*full" "$D/export.err"
check "and served" until_true 10 metric_is 'safekit_export_spool_up{node="node1"}' 0
tell burst 2000
mode ok
check "/metrics is there meanwhile" metric_is 'safekit_up{node="node1"}' 1
inside rm "$D/disk/filler"
check "room again: all of it arrives" until_true 30 none_missing 4100
same "each once" "$(store 'S["conflicts"]')" "[]"
check "it says that it works" grep -q "works again" "$D/export.err"
check "and serves that" until_true 10 metric_is 'safekit_export_spool_up{node="node1"}' 1
stop_export

# kill -9 while it writes; another store, as another spool would send what changed in one millisecond by its own time
EXPORT_WRAP=""
stop_pid $STORE_PID
start_store
sed "s|^spool = .*|spool = $D/kill/spool.db|; s|^url = .*|url = $STORE|" "$D/disk.conf" > "$D/kill.conf"
start_export -c "$D/kill.conf"
check "another spool and store: the last values" until_true 20 store_is 'len(S["points"])' 40
stop_export
n=4100 x=${SEED:-$(date +%s)} round=0
note "SEED=$x"
while [ $round -lt 15 ]; do
	round=$((round + 1))
	x=$(((x * 1103515245 + 12345) % 2147483648))
	start_export -c "$D/kill.conf"
	lines=$(wc -l < "$D/out")
	echo "burst 1000" >&3
	n=$((n + 1000))
	sleep "0.$(printf %03d $((x / 65536 % 150)))"
	stop_export -KILL
	until_true 20 lines_above "$lines" "$D/out"
done
start_export -c "$D/kill.conf"
missing_behind() { store 'len(set(range(4101, '$n' + 1)) - set(int(v[6:]) for v in values("") if v.startswith("value=")))'; }
none_behind() { [ "$(missing_behind)" = 0 ]; }
check "15 times kill -9 in a burst: none of 15,000 is missing" until_true 30 none_behind
same "none at two times" "$(store 'max(sum(v == "value=%d" % i for v in values("")) for i in range('$((n - 300))', '$n' + 1))')" 1
same "no point was replaced by another" "$(store 'S["conflicts"]')" "[]"
finish_tests
