# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2086,SC2317	# used by who sources it; pids and OIDs have no blanks
#
# lib.sh: snmpd, safeagent and a stand-in for the engine in a network namespace of the test's own.  TAP on stdout.
#
# A script sources it first; NEEDS: the programs that it runs, where these are others.  Where no namespace can be made, it says "skip" and ends.  $B = build folder, $S = source folder.
set -u
S=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
B=${builddir:-$PWD}
S=$(cd "$S" && pwd); B=$(cd "$B" && pwd)
PATH=$PATH:/usr/sbin:/sbin

skip_all() { echo "1..0 # SKIP $*"; exit 0; }

for need in ${NEEDS:-snmpd snmptrapd snmpget snmpset snmpbulkwalk ip unshare}; do
	command -v $need >/dev/null 2>&1 || skip_all "no $need here"
done
if [ -z "${AGENT_TEST_NS:-}" ]; then
	if [ "$(id -u)" = 0 ]; then how="unshare -n"; else how="unshare -rn"; fi
	$how true 2>/dev/null || skip_all "no network namespace can be made here"
	AGENT_TEST_NS=1 srcdir=$S builddir=$B exec $how sh "$0" "$@"
fi
ip link set lo up || skip_all "no loopback in the namespace"

D=$(mktemp -d "${TMPDIR:-/tmp}/agentXXXXXX")
export SAFE=$D SAFEVAR=$D/var MIBS="" SNMPCONFPATH=$D/nocfg SNMP_PERSISTENT_DIR=$D/pers TZ=UTC
mkdir -p "$D/var" "$D/nocfg" "$D/pers"
R=.1.3.6.1.4.1.107.175.10
HOST=127.0.0.1:16161
pids="" TESTS=0 FAILED=0
SNMPD_PID="" AGENT_PID="" ENGINE_PID="" TRAPD_PID=""

cleanup() {
	for p in $AGENT_PID $SNMPD_PID $TRAPD_PID $ENGINE_PID $pids; do
		kill -CONT "$p" 2>/dev/null; kill -KILL "$p" 2>/dev/null
	done
	wait 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$D"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP PIPE	# PIPE: "| head" must not leave daemons behind

note() { echo "# $*"; }
pass() { TESTS=$((TESTS + 1)); echo "ok $TESTS - $*"; }
fail() { TESTS=$((TESTS + 1)); FAILED=$((FAILED + 1)); echo "not ok $TESTS - $*"; }
check() { # NAME COMMAND...
	_n=$1; shift
	if "$@"; then pass "$_n"; else fail "$_n"; fi
}
same() { # NAME GOT EXPECTED
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1"; note "got      '$2'"; note "expected '$3'"; fi
}
has() { # NAME GOT PART
	case $2 in *"$3"*) pass "$1" ;; *) fail "$1"; note "got '$2', expected '$3' in it" ;; esac
}
finish_tests() { echo "1..$TESTS"; [ $FAILED = 0 ]; exit; }
now_ms() { date +%s%3N; }
# until SECONDS COMMAND...: an event that nobody tells us of is looked for each 20 ms
until_true() {
	_end=$(($(now_ms) + $1 * 1000)); shift
	while ! "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt $_end ] || return 1
		sleep 0.02
	done
}
until_text() { # SECONDS TEXT COMMAND...: the command's output is TEXT
	_s=$1 _t=$2; shift 2
	until_true "$_s" text_is "$_t" "$@"
}
text_is() { _x=$1; shift; [ "$("$@" 2>/dev/null)" = "$_x" ]; }

get() { snmpget -v2c -c public -Oqv -r1 -t3 $HOST "$@" 2>&1; }
set_as_v2() { snmpset -v2c -c private -Oqv -r0 -t3 $HOST "$@" 2>&1; }
walk() { snmpbulkwalk -v2c -c public -Onq -r1 -t5 $HOST "$@" 2>&1; }

start_snmpd() {
	if [ ! -f "$D/snmpd.conf" ]; then
		cat > "$D/snmpd.conf" <<-END
		agentaddress udp:$HOST
		master agentx
		agentXSocket unix:$D/agentx.sock
		agentXPerms 0660 0770
		rocommunity public 127.0.0.1 -V all
		rwcommunity private 127.0.0.1 -V all
		view all included .1
		${SNMPD_MORE:-}
		END
	fi
	snmpd -f -Lf "$D/snmpd.log" -C -c "$D/snmpd.conf" &
	SNMPD_PID=$!
	until_true 10 snmpget -v2c -c public -Oqv -r0 -t0.1 $HOST .1.3.6.1.2.1.1.3.0 || { note "snmpd does not start"; cat "$D/snmpd.log" >&2; exit 1; }
}
start_engine() { # options of fake_engine
	[ -p "$D/in" ] || mkfifo "$D/in"
	: > "$D/out"
	"$B/tests/agent/fake_engine" -a "$D/actions" "$@" < "$D/in" > "$D/out" 2> "$D/engine.err" &
	ENGINE_PID=$!
	exec 3> "$D/in"
	until_true 10 grep -q ready "$D/out" || { note "fake_engine does not start"; exit 1; }
}
# tell COMMAND...: and wait until it is done
tell() {
	_c=$(wc -l < "$D/out")
	printf '%s\n' "$*" >&3
	until_true 20 lines_above "$_c" "$D/out" || { note "fake_engine: no answer to $*"; exit 1; }
	[ "$(tail -n 1 "$D/out")" = ok ] || { note "fake_engine: $*: $(tail -n 1 "$D/out")"; exit 1; }
}
lines_above() { [ "$(wc -l < "$2")" -gt "$1" ]; }
count_is() { [ "$(grep -c "$2" "$3")" = "$1" ]; }
stop_pid() { kill "${2:--TERM}" "$1"; wait "$1" 2>/dev/null; :; }
start_agent() { # options of safeagent
	${AGENT_WRAP:-} "$B/safeagent" -f -x "$D/agentx.sock" --no-drop "$@" 2>> "$D/agent.err" &
	AGENT_PID=$!
	until_true 10 agent_answers || { note "safeagent does not answer"; cat "$D/agent.err" >&2; exit 1; }
}
agent_answers() { case $(snmpget -v2c -c public -Oqv -r0 -t0.5 $HOST $R.3.1.1.0 2>&1) in *[0-9].[0-9]*) ;; *) return 1 ;; esac; }
reachable_is() { [ "$(get $R.3.1.2.0)" = "$1" ]; }
