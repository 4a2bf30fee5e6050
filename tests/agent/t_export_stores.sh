#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
# Real VictoriaMetrics and InfluxDB: what is pushed can be read there; then the nemesis: kill -9 on exporter and stores in turn, while
# the engine goes on.  Each change is in each store exactly once.  NEMESIS_ROUNDS and NEMESIS_SEED of the environment.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 sqlite3 victoria-metrics influxd ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

start_victoria
start_influx
influx -X POST --data-urlencode 'q=CREATE DATABASE safekit' > /dev/null
start_engine -m 2 -r 10 -b 1000
cat > "$D/real.conf" <<END
listen = 127.0.0.1:0
spool = $D/spool.db
[sink victoria]
type = victoriametrics
url = http://127.0.0.1:18428
retry = 1s
[sink influx]
type = influxdb
url = http://127.0.0.1:18086
database = safekit
retry = 1s
END
start_export -c "$D/real.conf"

tell resource 1 1 PRIM
tell resource 1 2 2.5
has_text() { influx --data-urlencode 'q=SELECT value,text FROM safekit_change' | grep -q '3,"PRIM"'; }
check "InfluxDB has a text and its number" until_true 20 has_text
same "by node, module and resource" "$(influx --data-urlencode 'q=SHOW SERIES' | grep -o '"safekit_change,[^"]*' | sort | head -n 1)" \
    '"safekit_change,module=m1,node=node1,resource=intf.10.0.1.0'
check "and a real number" sh -c 'curl -sS -G http://127.0.0.1:18086/query --data-urlencode db=safekit --data-urlencode "q=SELECT value FROM safekit_change" | grep -q "2\.5"'
victoria_has() { victoria_numbers "safekit_change_value{module=\"m1\",resource=\"$1\"}" | grep -q "$2"; }
check "VictoriaMetrics has the number of a state" until_true 20 victoria_has intf.10.0.1.0 3
check "and a real number" until_true 20 victoria_has intf.10.0.2.0 2.5
same "nothing was refused" "$(metrics | grep -E '^safekit_export_(dropped|requests).*(refused|partly|split|failed)' | awk '{ s += $2 } END { print s }')" 0

# what is dropped or kept for later is judged by these words (sink_influx.c)
has "InfluxDB, of a request without a database" "$(curl -sS -d 'x v=1' http://127.0.0.1:18086/write)" "database is required"
has "InfluxDB, of a line" "$(curl -sS -d 'x' 'http://127.0.0.1:18086/write?db=safekit')" "unable to parse"

# away for a while; the resource is told often enough to have several in a millisecond
n=0
more() { tell burst "$1"; n=$((n + $1)); }
kill -STOP $VICTORIA_PID
more 3000
check "one store that hangs does not keep the other one waiting" until_true 20 influx_is $n "0 0"
kill -CONT $VICTORIA_PID
check "and gets it when it goes on" until_true 40 victoria_is $n "0 0"

# nemesis
seed=${NEMESIS_SEED:-$(date +%s)}
note "NEMESIS_SEED=$seed"
x=$seed
rnd() { x=$(((x * 1103515245 + 12345) % 2147483648)); r=$((x / 65536 % $1)); }
round=0 victims=""
while [ $round -lt "${NEMESIS_ROUNDS:-14}" ]; do
	round=$((round + 1))
	rnd 120; more $((r + 30))
	rnd 40; sleep 0.$((r + 10))
	rnd 100; more $((r + 1))
	rnd 5
	victims="$victims $r"
	case $r in
	0 | 1) stop_pid $EXPORT_PID -KILL; rnd 80; more $((r + 1)); start_export -c "$D/real.conf" ;;
	2) stop_pid $VICTORIA_PID -KILL; rnd 80; more $((r + 1)); rnd 3; sleep 0.$r; start_victoria ;;
	3) stop_pid $INFLUX_PID -KILL; rnd 80; more $((r + 1)); rnd 3; sleep 0.$r; start_influx ;;
	4) stop_pid $EXPORT_PID -KILL; stop_pid $VICTORIA_PID -KILL; rnd 80; more $((r + 1)); start_victoria; start_export -c "$D/real.conf" ;;
	esac
done
note "$n changes; killed:$victims (0, 1: exporter, 2: VictoriaMetrics, 3: InfluxDB, 4: exporter and VictoriaMetrics)"
check "nemesis: each change is in InfluxDB exactly once" until_true 60 influx_is $n "0 0"
check "nemesis: each change is in VictoriaMetrics exactly once" until_true 60 victoria_is $n "0 0"
same "InfluxDB: missing, twice" "$(influx_numbers | counted $n)" "0 0"
same "VictoriaMetrics: missing, twice" "$(victoria_numbers safekit_change_value | counted $n)" "0 0"
rows_are() { [ "$(sqlite3 "$D/spool.db" 'SELECT count(*) FROM change')" = "$1" ]; }
check "and nothing is left in the spool" until_true 30 rows_are 0
same "nothing was dropped" "$(metrics | grep '^safekit_export_dropped' | awk '{ s += $2 } END { print s }')" 0
finish_tests
