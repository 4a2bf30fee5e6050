#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Server-sent events: what changes, each once and in order, also over a connection that broke; filters; slow readers; many of them.
# shellcheck disable=SC1007,SC1010,SC2012,SC2209,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=gate.sh
. "$(dirname "$0")/gate.sh"

# listen FILE [QUERY] [CURL-OPTIONS]: in the background; pid in LISTENER
listen() {
	_f=$1 _q=${2:-}; shift; [ $# = 0 ] || shift
	: > "$_f"
	raw -N -H "X-Safekit-User: u" -H "X-Safekit-Role: Monitor" -H "X-Safekit-Method: file" "$@" "http://h/api/v1/events$_q" > "$_f" 2> "$_f.err" &
	LISTENER=$!
	pids="$pids $LISTENER"
	until_true 5 grep -qE '^event: (hello|reset)|^id:' "$_f" || { note "no stream"; cat "$_f" "$_f.err" >&2; }
}
last_id() { sed -n 's/^id: //p' "$1" | tail -n 1; }
log_line() { tell raw "{\"event\":\"log\",\"data\":{\"seq\":1,\"time_us\":1,\"module\":\"$1\",\"origin\":\"heart\",\"level\":\"E\",\"key\":1,\"message\":\"$2\"}}"; }

start_engine -m 3 -r 4
start_gate
check "the picture arrives" until_true 5 api_is 3 'len(d)' /modules
listen "$D/all"
all=$LISTENER
has "hello" "$(cat "$D/all")" 'event: hello
data: {"connected":true}'
same "the snapshot says where it stands" "$(api /snapshot | field 'd["event_id"]')" "$(last_id "$D/all")"
listen "$D/m2" "?module=m2&logs=true"
listen "$D/logs" "?logs=true"
tell module 1 state ALONE
tell resource 2 1 down
tell resource-del 2 2
tell module-del 3
log_line m1 "of one"; log_line m2 "of the other"
check "a module's change" until_true 5 grep -q '"name":"m1".*"state":"ALONE"' "$D/all"
check "what is gone, with the module's name" until_true 5 grep -q '{"module_id":2,"index":2,"module":"m2"}' "$D/all"
check "a module that is gone" until_true 5 grep -q '{"module_id":3,"index":0,"module":"m3"}' "$D/all"
check "log lines for who asks" until_true 5 grep -q 'of the other' "$D/logs"
same "for nobody else" "$(grep -c '^event: log' "$D/all")" 0
check "and of one module" until_true 5 grep -q 'of the other' "$D/m2"
same "not of others" "$(grep -c 'of one\|"m1"' "$D/m2")" 0
same "their numbers grow by one" "$(sed -n 's/^id: .*-//p' "$D/logs" | tail -n +2 | awk 'NR > 1 && $1 != last + 1 { bad++ } { last = $1 } END { print bad + 0 }')" 0

# a connection that breaks
id=$(last_id "$D/all")
kill $all; wait $all 2>/dev/null
tell module 1 state WAIT
tell module 1 state ALONE
listen "$D/again" "" -H "Last-Event-ID: $id"
check "what was missed is told" until_true 5 eval '[ "$(grep -c "^event: module$" "$D/again")" = 2 ]'
same "and nothing else" "$(sed -n 's/^event: //p' "$D/again" | sort | uniq -c | tr -s ' \n' ' ')" " 2 module "
same "in its order" "$(grep -o '"state":"[A-Z]*"' "$D/again" | tr '\n' ' ')" '"state":"WAIT" "state":"ALONE" '
for other in nonsense 0123456789abcdef-1 "$(echo "$id" | sed 's/-.*/-99999999/')"; do
	listen "$D/x" "" -H "Last-Event-ID: $other"
	has "an id that is not ours: $other" "$(cat "$D/x")" "event: reset"
	kill $LISTENER
done

# one that is too far behind, and one that does not read
cat > "$D/slow.py" <<'END'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.connect(sys.argv[1])
s.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: h\r\nX-Safekit-User: u\r\nX-Safekit-Role: Monitor\r\nX-Safekit-Method: file\r\n\r\n")
print(s.recv(200)[:15], flush=True)
sys.stdin.read()
END
mkfifo "$D/hold"
python3 "$D/slow.py" "$D/var/run/web/gateway.sock" < "$D/hold" > "$D/slow.out" 2>&1 &
pids="$pids $!"
exec 4> "$D/hold"
check "one that does not read" until_true 10 grep -q "HTTP/1.1 200" "$D/slow.out"
child=$(pgrep -P $GATE_PID | head -n 1)
id=$(last_id "$D/again")
before=$(awk '/VmRSS/ { print $2 }' "/proc/$child/status")
tell churn 20000
check "keeps nobody waiting" until_true 30 eval '[ "$(grep -c "^event: resource" "$D/again")" -gt 20000 ]'
after=$(awk '/VmRSS/ { print $2 }' "/proc/$child/status")
note "memory: $before -> $after KiB"
if grep -qa __asan_init "$B/safewebgate"; then
	note "a sanitizer keeps what is freed: not judged"
else
	check "and no memory (less than 40 MiB more)" test $((after - before)) -lt 40960
fi
listen "$D/behind" "" -H "Last-Event-ID: $id"
has "who was away for too long starts anew" "$(cat "$D/behind")" "event: reset"
exec 4>&-

# the engine goes and comes
kill -KILL $ENGINE_PID; ENGINE_PID=""
check "the engine goes: told" until_true 5 grep -q '{"connected":false}' "$D/again"
start_engine -m 2 -r 1
check "and comes" until_true 5 eval '[ "$(grep -c "{\"connected\":true}" "$D/again")" -ge 1 ]'
same "who changes: refused" "$(ROLE=Monitor code -X POST /events)" 405
finish_tests
