# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2086,SC2119,SC2120,SC2317	# used by who sources it; pids have no blanks
#
# export.sh: lib.sh and safeexport.  A script sources it first, after NEEDS; AGENT_DIR: where the two are, if not beside the script.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${AGENT_DIR:-$(dirname "$0")}/lib.sh"
[ -x "$B/safeexport" ] || skip_all "safeexport was not built"
EXPORT_PID="" PORT=""

# A program in the background, gone at the end: its pid in PID
background() { # FILE_OF_ITS_OUTPUT COMMAND...
	_o=$1; shift
	"$@" > "$_o" 2>&1 &
	PID=$!
	pids="$pids $PID"
}
start_export() { # options of safeexport
	: > "$D/export.err"
	${EXPORT_WRAP:-} "$B/safeexport" -f --no-drop "$@" 2> "$D/export.err" &
	EXPORT_PID=$!
	pids="$pids $EXPORT_PID"
	until_true 10 grep -qE 'listening on|engine:|spool|sink' "$D/export.err" || { note "safeexport does not start"; cat "$D/export.err" >&2; exit 1; }
	PORT=$(sed -n 's/.*listening on .*://p' "$D/export.err" | head -n 1)
}
stop_export() { [ -z "$EXPORT_PID" ] || stop_pid "$EXPORT_PID" "${1:--TERM}"; EXPORT_PID=""; }
metrics() { curl -sS "$@" "http://127.0.0.1:$PORT/metrics"; }
metric() { metrics | SAMPLE="$1 " awk 'index($0, ENVIRON["SAMPLE"]) == 1 { print substr($0, length(ENVIRON["SAMPLE"]) + 1) }'; } # NAME{LABELS} -> value
metric_is() { [ "$(metric "$1")" = "$2" ]; }

# ---- a store that fails when it is told to ----
start_store() {
	[ -f "$D/mode" ] || echo ok > "$D/mode"
	rm -f "$D/store.port"
	background "$D/store.log" python3 "$S/tests/agent/fake_store.py" "$D/store.port" "$D/mode"
	STORE_PID=$PID
	until_true 10 test -s "$D/store.port" || { note "fake_store.py does not start"; cat "$D/store.log" >&2; exit 1; }
	STORE=http://127.0.0.1:$(cat "$D/store.port")
}
mode() { echo "$1" > "$D/mode.new"; mv "$D/mode.new" "$D/mode"; }
# A figure of the store: an expression of S, its dump, and of values(TEXT), the values of all series whose name has TEXT
store() {
	curl -sS "$STORE/dump" | python3 -c '
import json, sys
S = json.load(sys.stdin)
def values(text):
    return [v for k, p in S["points"].items() if text in k for v in p.values()]
def numbers(text):
    return sorted(int(v) for v in values(text) if type(v) is int)
print(eval(sys.argv[1]))' "$1"
}
store_is() { [ "$(store "$1")" = "$2" ]; }

# ---- real stores; each is started again on the data that it had ----
start_victoria() {
	background "$D/victoria.log" victoria-metrics -storageDataPath="$D/victoria" -httpListenAddr=127.0.0.1:18428 -memory.allowedBytes=64MB \
	    -dedup.minScrapeInterval=1ms -retentionPeriod=100y -loggerLevel=ERROR
	VICTORIA_PID=$PID
	until_true 20 curl -sf http://127.0.0.1:18428/health || { note "victoria-metrics does not start"; cat "$D/victoria.log" >&2; exit 1; }
}
# [number, ...] of all samples of a metric, sorted, by VictoriaMetrics
victoria_numbers() {
	curl -sS -G http://127.0.0.1:18428/api/v1/export --data-urlencode "match[]=$1" | python3 -c '
import json, sys
print(json.dumps(sorted(v for line in sys.stdin for v in json.loads(line)["values"])))'
}
start_influx() { # INFLUX_HTTP: more of its section [http]; INFLUX_URL: where that puts it
	if [ ! -f "$D/influx.conf" ]; then
		cat > "$D/influx.conf" <<-END
		reporting-disabled = true
		bind-address = "127.0.0.1:18088"
		[meta]
		dir = "$D/influx/meta"
		[data]
		dir = "$D/influx/data"
		wal-dir = "$D/influx/wal"
		query-log-enabled = false
		[monitor]
		store-enabled = false
		[http]
		bind-address = "127.0.0.1:18086"
		log-enabled = false
		${INFLUX_HTTP:-}
		END
	fi
	background "$D/influx.log" influxd -config "$D/influx.conf"
	INFLUX_PID=$PID
	until_true 30 curl -skf "${INFLUX_URL:-http://127.0.0.1:18086}/ping" || { note "influxd does not start"; tail -n 20 "$D/influx.log" >&2; exit 1; }
}
influx() { curl -sS -G "$@" http://127.0.0.1:18086/query --data-urlencode db=safekit; }
influx_numbers() {
	influx --data-urlencode 'q=SELECT value FROM safekit_change' | python3 -c '
import json, sys
s = json.load(sys.stdin)["results"][0].get("series", [])
print(json.dumps(sorted(v[1] for x in s for v in x["values"] if v[1] is not None)))'
}
# What of the N numbers behind 1000 is missing and what is there twice, of a list of numbers: "0 0" when each is there once
counted() { # N < LIST
	python3 -c '
import collections, json, sys
c = collections.Counter(int(v) for v in json.load(sys.stdin))
n = int(sys.argv[1])
print(sum(c[i] == 0 for i in range(1001, n + 1001)), sum(c[i] > 1 for i in range(1001, n + 1001)))' "$1"
}
victoria_is() { [ "$(victoria_numbers safekit_change_value | counted "$1")" = "$2" ]; }
influx_is() { [ "$(influx_numbers | counted "$1")" = "$2" ]; }
