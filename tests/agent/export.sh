# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2086,SC2119,SC2120,SC2317	# used by who sources it; pids have no blanks
#
# export.sh: lib.sh and safeexport.  A script sources it first, after NEEDS.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
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
