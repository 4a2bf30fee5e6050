#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 500
# A real KairosDB (with its H2 store), where Maven and the network give it: documented names, texts and numbers, a partial write, kill -9.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 java mvn ip unshare"
if [ -z "${AGENT_TEST_NS:-}" ]; then
	# the network is left behind in lib.sh
	s=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)} b=${builddir:-$PWD}
	command -v mvn >/dev/null 2>&1 || { echo "1..0 # SKIP no mvn here (Debian: maven)"; exit 0; }
	if [ ! -d "$b/kairosdb-lib" ]; then
		timeout 300 mvn -q -B -f "$s/tests/data/kairosdb/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
		    -DoutputDirectory="$b/kairosdb-lib.new" > "$b/kairosdb.log" 2>&1 && mv "$b/kairosdb-lib.new" "$b/kairosdb-lib" ||
			{ echo "1..0 # SKIP Maven does not give org.kairosdb:kairosdb: $(grep -m 1 ERROR "$b/kairosdb.log" | cut -c 1-150)"; exit 0; }
	fi
fi
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

cat > "$D/kairosdb.conf" <<END
kairosdb: {
  service.telnet: "<disabled>"
  service.datastore: "org.kairosdb.datastore.h2.H2Module"
  datastore.h2.database_path: "$D/h2"
  jetty.address: "127.0.0.1"
  jetty.port: 18080
}
END
URL=http://127.0.0.1:18080
start_kairosdb() {
	background "$D/kairosdb.log" java --add-opens java.base/java.lang=ALL-UNNAMED -Xmx256m -Dlogback.configurationFile="$S/tests/data/kairosdb/logback.xml" \
	    -cp "$B/kairosdb-lib/*" org.kairosdb.core.Main -c run -p "$D/kairosdb.conf"
	KAIROSDB_PID=$PID
	until_true 90 curl -sf -o /dev/null $URL/api/v1/version || { note "KairosDB does not start"; tail -n 20 "$D/kairosdb.log" >&2; exit 1; }
}
cd "$D" || exit
start_kairosdb
start_engine -m 2 -r 5 -b 1000
# values of a metric, of all tags
values() {
	curl -sS -d '{"start_absolute": 1000, "metrics": [{"name": "'"$1"'", "tags": {'"${2:-}"'}}]}' $URL/api/v1/datapoints/query | python3 -c '
import json, sys
print(json.dumps([v[1] for q in json.load(sys.stdin)["queries"] for r in q["results"] for v in r["values"]]))'
}
all_numbers() { for i in 1 2 3 4 5; do values safekit.intf.10.0.$i.0; done | python3 -c 'import json, sys; print(json.dumps([v for l in sys.stdin for v in json.loads(l) if type(v) is int]))'; }
kairosdb_is() { [ "$(all_numbers | counted "$1")" = "$2" ]; }
values_are() { [ "$(values "$1" "$2")" = "$3" ]; }

# the options of the unit safeKairosDBd
start_export -c "" --listen 127.0.0.1:0 --spool "$D/kairosdb.db" --kairosdb $URL
check "the value of a resource, as a text" until_true 30 values_are safekit.intf.10.0.1.0 '"module": ["m1"]' '["up"]'
check "and as a number" until_true 30 values_are safekit.intf.10.0.1.0.number '"module": ["m1"], "node": ["node1"]' '[1]'
tell resource 1 1 PRIM
check "a state" until_true 30 values_are safekit.intf.10.0.1.0 '"module": ["m1"]' '["up", "PRIM"]'
tell resource 1 1 1.5
has_value() { values "$1" "$2" | grep -qF "$3"; }
check "a real number" until_true 30 has_value safekit.intf.10.0.1.0 '"module": ["m1"]' 1.5
has "metrics begin with safekit" "$(curl -sS "$URL/api/v1/metricnames?prefix=safekit.")" '"safekit.intf.10.0.1.0"'
n=3000
tell burst 3000
check "3000 changes, several in a millisecond: each is there once" until_true 60 kairosdb_is $n "0 0"
same "nothing was refused" "$(metrics | grep -E '^safekit_export_(dropped|requests).*(refused|partly|split|failed)' | awk '{ s += $2 } END { print s }')" 0

# what the stand-in of t_export_push says about partial writes is what KairosDB does
cat > "$D/partial" <<END
[{"name":"safekit.partial","type":"long","tags":{"module":"m"},"datapoints":[[1700000000123,1]]},
{"name":"safekit.partial","type":"long","tags":{},"datapoints":[[1700000000124,2]]}]
END
same "a partial write is answered 400" "$(curl -sS -o "$D/said" -w '%{http_code}' -d @"$D/partial" $URL/api/v1/datapoints)" 400
has "which names the point" "$(cat "$D/said")" '"metric[1]('
check "and the other one is stored" until_true 30 values_are safekit.partial "" '[1]'

# kill -9, three times, while changes go on
for i in 1 2 3; do
	tell burst 300
	stop_pid $KAIROSDB_PID -KILL
	tell burst 100
	[ $i != 2 ] || { stop_export -KILL; tell burst 50; n=$((n + 50)); start_export -c "" --listen 127.0.0.1:0 --spool "$D/kairosdb.db" --kairosdb $URL; }
	n=$((n + 400))
	start_kairosdb
done
check "kill -9 of KairosDB and the exporter: each change is there exactly once" until_true 90 kairosdb_is $n "0 0"
same "nothing was dropped" "$(metrics | grep '^safekit_export_dropped' | awk '{ s += $2 } END { print s }')" 0
finish_tests
