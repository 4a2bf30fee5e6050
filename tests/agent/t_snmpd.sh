#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# snmpd ends, is killed, hangs, comes late; the agent is killed and ends.
# shellcheck disable=SC1010,SC2015,SC2016,SC2086,SC2119,SC2317	# pids and OIDs have no blanks; words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
start_snmpd
start_engine
start_agent
until_true 5 reachable_is 1

for how in TERM KILL; do
	stop_pid $SNMPD_PID -$how
	t=$(now_ms)
	start_snmpd
	up=$(now_ms)
	check "snmpd back after $how: the tree is there" until_true 5 agent_answers
	took=$(($(now_ms) - up))
	note "tree back $took ms after snmpd answers ($(($(now_ms) - t)) ms after its start)"
	reachable_is 1 && pass "and fresh" || fail "and fresh"
done

# snmpd stopped for longer than its ping: the feed goes on
lost=$(grep -c "connection lost" "$D/agent.err")
kill -STOP $SNMPD_PID
tell module 1 state ALONE
# longer than the ping's timeout with its repetitions: the AgentX thread is stuck in the library now
until_true 15 eval '[ "$(grep -c "connection lost" "$D/agent.err")" -gt '"$lost"' ]' || note "the library did not notice within 15 s"
t=$(now_ms)
tell notices 5000	# 1.5 MB of events: more than the socket holds, so they are read or the stand-in blocks
tell module 2 state WAIT
took=$(($(now_ms) - t))
pass "the feed thread reads while snmpd is stopped ($took ms; else the stand-in would block until the test is killed)"
kill -CONT $SNMPD_PID
t=$(now_ms)
check "snmpd goes on: the tree is there" until_true 10 agent_answers
note "tree back $(($(now_ms) - t)) ms after snmpd went on"
same "with what happened meanwhile" "$(get $R.1.1.3.1) $(get $R.1.1.3.2) $(get $R.1.1.4.1)" "2 1 3"
check "the picture is fresh, not of before" [ "$(get $R.3.1.3.0)" -lt 2500 ]

# the agent before snmpd
kill -TERM $AGENT_PID; wait $AGENT_PID; rc=$?; AGENT_PID=""
same "the agent ends on TERM" $rc 0
check "without an agent there is no tree" sh -c "snmpget -v2c -c public -Oqv $HOST $R.3.1.1.0 2>&1 | grep -q 'No Such'"
stop_pid $SNMPD_PID
"$B/safeagent" -x "$D/agentx.sock" --no-drop 2>> "$D/agent.err" &
AGENT_PID=$!
start_snmpd
t=$(now_ms)
check "an agent that was there first" until_true 5 agent_answers
note "tree there $(($(now_ms) - t)) ms after snmpd answers"

# TERM while snmpd hangs
kill -STOP $SNMPD_PID
t=$(now_ms)
kill -TERM $AGENT_PID; wait $AGENT_PID 2>/dev/null
took=$(($(now_ms) - t)); AGENT_PID=""
kill -CONT $SNMPD_PID
check "TERM while snmpd is stopped ends the agent within 3 s ($took ms)" [ $took -le 3000 ]

# without privileges
W="setpriv --reuid 65534 --regid 65534 --clear-groups"
if [ "$(id -u)" = 0 ] && $W test -x "$B/safeagent" 2>/dev/null; then
	chmod 755 "$D"
	stop_pid $SNMPD_PID
	sed -i 's/^agentXPerms.*/agentXPerms 0666 0755/' "$D/snmpd.conf"
	start_snmpd
	AGENT_WRAP=$W start_agent --control on
	check "unprivileged: fresh" until_true 5 reachable_is 1
	same "unprivileged: no capability" "$(awk '/^(Uid|CapEff)/ { printf "%s ", $2 }' /proc/$AGENT_PID/status)" "65534 0000000000000000 "
	stop_pid $AGENT_PID; AGENT_PID=""
else
	note "skipped: unprivileged agent (not root, or the build folder is private)"
fi

# who waits for snmpd in vain says what to look at
"$B/safeagent" -x "$D/no.sock" --no-drop 2> "$D/alone.err" &
AGENT_PID=$!
check "without snmpd: said after 5 s" until_true 8 grep -q "nobody answers at $D/no.sock (No such file or directory)" "$D/alone.err"
stop_pid $AGENT_PID; AGENT_PID=""
stop_pid $ENGINE_PID; ENGINE_PID=""
"$B/safeagent" -x "$D/no.sock" --no-drop 2> "$D/alone.err" &
AGENT_PID=$!
check "without engine: said once" until_true 5 grep -q "safeadmin administrator daemon not running" "$D/alone.err"
stop_pid $AGENT_PID; AGENT_PID=""

# options
for bad in "--control maybe" "--trap-rate 0" "--trap-burst x" "--log-traps Q" "--nonsense" "operand"; do
	"$B/safeagent" --no-drop $bad >/dev/null 2>"$D/err"; rc=$?
	check "bad option '$bad': exit status 2 and a reason" [ $rc = 2 -a -s "$D/err" ]
done
finish_tests
