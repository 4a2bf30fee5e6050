# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2086,SC2119,SC2120,SC2317	# used by who sources it; pids have no blanks
#
# gate.sh: tests/agent/lib.sh and safewebgate in front of a stand-in for the engine, asked on its socket as Apache would.  A script sources it
# first.  SAFE and SAFEVAR are the test's own; safekit is the one that was built.
NEEDS="${NEEDS:-curl python3 ip unshare}"
# shellcheck source-path=SCRIPTDIR/../agent source=../agent/lib.sh
. "$(dirname "$0")/../agent/lib.sh"
[ -x "$B/safewebgate" ] || skip_all "safewebgate was not built"
GATE_PID="" ROLE=Admin

mkdir -p "$D/var/run" "$D/modules" "$D/private/modules" "$D/web/conf" "$D/Application_Modules"
ln -sf "$B/safekit" "$D/safekit"

start_gate() {
	: > "$D/gate.err"
	"$B/safewebgate" -w "$(id -un)" -p "$D/gate.pid" 2> "$D/gate.err" &
	GATE_PID=$!
	pids="$pids $GATE_PID"
	until_true 10 grep -q serving "$D/gate.err" || { note "safewebgate does not start"; cat "$D/gate.err" >&2; exit 1; }
}
stop_gate() { [ -z "$GATE_PID" ] || stop_pid "$GATE_PID" "${1:--TERM}"; GATE_PID=""; }

# raw CURL-OPTIONS... PATH: without the headers of Apache
raw() { curl -sS -g --path-as-is --unix-socket "$D/var/run/web/gateway.sock" "$@"; }
# api CURL-OPTIONS... PATH: as user u with the role $ROLE, below /api/v1
api() {
	for _p; do :; done
	_n=$#
	while [ $_n -gt 1 ]; do set -- "$@" "$1"; shift; _n=$((_n - 1)); done
	shift
	raw -H "X-Safekit-User: u" -H "X-Safekit-Role: $ROLE" -H "X-Safekit-Method: file" -H "X-Safekit-Addr: 10.9.8.7" -H "X-Safekit-Tls: off" \
	    -H "X-Safekit-Csrf: 1" "$@" "http://localhost/api/v1$_p"
}
code() { api -o /dev/null -w '%{http_code}' "$@"; }	# its status
post() { _j=$1; shift; api -X POST -H 'Content-Type: application/json' -d "$_j" "$@"; }
post_code() { _j=$1; shift; code -X POST -H 'Content-Type: application/json' -d "$_j" "$@"; }
# field EXPRESSION: of the JSON on stdin, as python's d
field() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
api_is() { [ "$(api "$3" | field "$2")" = "$1" ]; }	# TEXT EXPRESSION PATH
