#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Pushing, against a strict stand-in for KairosDB and InfluxDB that fails in every way it is told: each change once, none lost, none looping.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 sqlite3 ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

start_store
start_engine -m 2 -r 5
cat > "$D/one.conf" <<END
listen = 127.0.0.1:0
spool = $D/spool/spool.db
[sink kairos]
type = kairosdb
url = $STORE
retry = 1s
hold = 1s
END
start_export -c "$D/one.conf"
missing() { store "len(set(range(1, $1 + 1)) - set(numbers('intf.')))"; }
none_missing() { [ "$(missing "$1")" = 0 ]; }

# what is sent
check "the value of every resource at the start" until_true 10 store_is 'values("safekit.intf").count("up")' 10
same "and its number" "$(store 'values(".number").count(1)')" 10
same "the documented name, and tags module and node" "$(store 'sorted(S["points"])[0]')" 'safekit.intf.10.0.1.0.number{"module": "m1", "node": "node1"}'
same "with the time of the change, not of now" "$(store 'sorted(S["points"]["safekit.intf.10.0.1.0{\"module\": \"m1\", \"node\": \"node1\"}"].items())')" "[('1741343315000', 'up')]"
tell resource 1 2 down
check "a change" until_true 10 store_is 'values("safekit.intf.10.0.2.0{\"module\": \"m1\"").count("down")' 1
tell resource 1 2 'a"b\c'
check "a text with quotes" until_true 10 store_is 'values("safekit.intf.10.0.2.0{\"module\": \"m1\"").count("a\"b\\c")' 1
tell resource 1 2 1.5
check "a real number" until_true 10 store_is 'values("safekit.intf.10.0.2.0{\"module\": \"m1\"").count(1.5)' 1
tell burst 1000
check "a burst of 1000, many of them in one millisecond: each has a point of its own" until_true 20 none_missing 1000
check "bodies are compressed" [ "$(store 'S["gzipped"]')" -gt 0 ]
same "everything could be understood" "$(store 'S["bad"]')" "[]"

# in every way
n=1000
for m in 500 503 401 reset lost slow close; do
	mode $m
	n=$((n + 500))
	case $m in slow) sed 's/^retry.*/&\ntimeout = 1s/' "$D/one.conf" > "$D/slow.conf"; stop_export; start_export -c "$D/slow.conf" ;; esac
	tell burst 500
	case $m in
	lost | close) ;;
	*) check "$m: said" until_true 10 grep -q "trying again" "$D/export.err"
	check "$m: safekit_export_sink_up is 0" until_true 10 metric_is 'safekit_export_sink_up{node="node1",sink="kairos"}' 0
	same "$m: nothing is dropped" "$(metrics | grep safekit_export_dropped_total | awk '{ s += $2 } END { print s }')" 0 ;;
	esac
	[ $m = close ] || mode ok
	check "$m: all arrive" until_true 30 none_missing $n
done
mode ok
same "no point was replaced by another" "$(store 'S["conflicts"]')" "[]"
check "the spool is empty again" until_true 15 metric_is 'safekit_export_waiting_changes{node="node1",sink="kairos"}' 0
rows() { sqlite3 "$D/spool/spool.db" 'SELECT count(*) FROM change'; }
rows_are() { [ "$(rows)" = "$1" ]; }
check "and nothing stays on the disk" until_true 15 rows_are 0

# refused: a partial write is dropped, counted and not repeated
mode refuse:intf.10.0.3.0
tell burst 100
n=$((n + 100))
R='safekit_export_dropped_total{node="node1",sink="kairos",reason="refused"}'
check "20 of 100 refused: the others are there" until_true 10 eval '[ "$(missing '$n')" = 20 ]'
check "and they are counted" until_true 5 metric_is "$R" 20
has "and said" "$(cat "$D/export.err")" "refused"
posts=$(store 'S["posts"]')
tell burst 10
n=$((n + 10))
check "and go on" until_true 10 eval '[ "$(missing '$n')" = 22 ]'
check "without a loop" [ "$(store 'S["posts"]')" -lt $((posts + 20)) ]
mode all:intf.10.0.4.0
tell burst 100
n=$((n + 100))
check "one that cannot be named is found by halves: only those are lost" until_true 20 eval '[ "$(missing '$n')" = 42 ]'
check "and counted" until_true 5 metric_is "$R" 42
mode limit:7
tell burst 100
n=$((n + 100))
check "a request that is too large is halved" until_true 20 eval '[ "$(missing '$n')" = 42 ]'
same "nothing of that is lost" "$(metric "$R")" 42
mode ok

# what is done is not sent again after a restart
check "done" until_true 10 rows_are 0
stop_export
repeats=$(store 'S["repeats"]')
start_export -c "$D/one.conf"
tell resource 1 5 up
check "a change after a restart" until_true 10 store_is 'values("safekit.intf.10.0.5.0{\"module\": \"m1\"").count("up")' 2
same "nothing was sent again" "$(store 'S["repeats"]')" "$repeats"

# the exporter away, killed, and the engine's connection: histories fill the gap
stop_export -KILL
tell burst 300
n=$((n + 300))
start_export -c "$D/one.conf"
check "what happened while it was killed comes from the engine's history" until_true 20 eval '[ "$(missing '$n')" = 42 ]'
stop_export -KILL
tell resource-add 1 77
for v in 99000001 99000002 99000003; do tell resource 1 77 $v; done
start_export -c "$D/one.conf"
check "a resource that came meanwhile, with all that it was" until_true 20 store_is '[x for x in numbers("intf.10.0.77.0") if x > 99000000]' "[99000001, 99000002, 99000003]"
tell resource-del 1 77
kill -STOP $EXPORT_PID
tell drop
tell burst 300
n=$((n + 300))
kill -CONT $EXPORT_PID
check "and over a new connection" until_true 20 eval '[ "$(missing '$n')" = 42 ]'
same "no point was replaced by another" "$(store 'S["conflicts"]')" "[]"
same "nothing that could not be understood" "$(store 'S["bad"]')" "[]"

# a second sink gets the values that are, and what comes; the first loses nothing by it
mode ok
stop_export
{ cat "$D/one.conf"; printf '[sink flux]\ntype = influxdb\nurl = %s/\ndatabase = a b\ngzip = off\n' "$STORE"; } > "$D/two.conf"
start_export -c "$D/two.conf"
check "a new sink has the last value of every resource" until_true 10 store_is 'len([k for k in S["points"] if k.startswith(",module=")])' 11
tell resource 2 1 PRIM
check "text and number in one line" until_true 10 store_is 'values("resource=intf.10.0.1.0").count("text=\"PRIM\",value=3")' 1
check "and the first one has it too" until_true 10 store_is 'values("safekit.intf.10.0.1.0{").count("PRIM")' 1
same "nothing that could not be understood" "$(store 'S["bad"]')" "[]"

# another cluster configuration: this server has another name from now on
tell node renamed
tell resource 2 2 99005001
check "the new name of the server is the tag" until_true 10 store_is 'values("safekit.intf.10.0.2.0{\"module\": \"m2\", \"node\": \"renamed\"").count(99005001)' 1
same "and not the old one" "$(store 'values("safekit.intf.10.0.2.0{\"module\": \"m2\", \"node\": \"node1\"").count(99005001)')" 0
tell node node1

# bounds
stop_export
mode 503
rm -rf "$D/spool"
sed 's/^spool = .*/&\nspool_size = 1M/' "$D/one.conf" > "$D/small.conf"
start_export -c "$D/small.conf"
check "begins anew without a spool" until_true 10 metric_is 'safekit_export_sink_up{node="node1",sink="kairos"}' 0
for i in 1 2 3 4; do tell burst 9000; done
n=$((n + 36000))
dropped() { metric 'safekit_export_dropped_total{node="node1",sink="kairos",reason="size"}'; }
check "over its size the oldest go and are counted" until_true 20 eval '[ "$(dropped)" -gt 100 ]'
check "the spool keeps its bound" until_true 10 eval '[ "$(metric "safekit_export_spool_bytes{node=\"node1\"}")" -le 1048576 ]'
until_true 5 eval '[ "$(metric "safekit_export_changes_total{node=\"node1\"}")" -ge 36000 ]'
kept=$(metric 'safekit_export_waiting_changes{node="node1",sink="kairos"}')
d=$(dropped)
same "what was dropped and what waits is all there was" "$(($(dropped) + $(metric 'safekit_export_waiting_changes{node="node1",sink="kairos"}')))" "$(metric 'safekit_export_changes_total{node="node1"}')"
stop_export -KILL
start_export -c "$D/small.conf"
check "the count survives kill -9" until_true 5 eval '[ "$(dropped)" -ge '"$d"' ]'
mode ok
check "what was kept arrives: the newest $kept" until_true 20 eval '[ "$(store "len([x for x in numbers(\"intf.\") if x > '$((n - 36000))'])")" -ge $((kept - 1)) ]'
check "up to the last one" [ "$(store "numbers('intf.').count($n)")" = 1 ]

# a damaged spool is set aside; one that cannot be written is waited for
stop_export
head -c 100000 /dev/urandom > "$D/spool/spool.db"
rm -f "$D"/spool/spool.db-*
start_export -c "$D/one.conf"
check "a damaged spool is said" until_true 5 grep -q "set aside as" "$D/export.err"
# the times of the burst ran ahead of the clock, as each change of a series has a millisecond of its own; who lost the spool does not know
check "the clock comes after what was sent" until_true 60 eval '[ "$(store "max(int(t) for p in S[\"points\"].values() for t in p)")" -lt "$(date +%s%3N)" ]'
tell resource 1 1 99004711
check "and another one works" until_true 10 store_is 'numbers("intf.").count(99004711)' 1
stop_export
rm -rf "$D/spool"
echo "in the way" > "$D/spool"
start_export -c "$D/one.conf"
check "no spool: said" until_true 5 grep -q "trying again each second" "$D/export.err"
check "and served" until_true 5 metric_is 'safekit_export_spool_up{node="node1"}' 0
tell resource 1 1 99004712
rm "$D/spool"
mkdir "$D/spool"
check "there again: what happened is fetched" until_true 10 store_is 'numbers("intf.").count(99004712)' 1
same "and served" "$(until_true 5 metric_is 'safekit_export_spool_up{node="node1"}' 1; metric 'safekit_export_spool_up{node="node1"}')" 1
finish_tests
