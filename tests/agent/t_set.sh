#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# SET through snmpd: each error, repetition, spin lock, results, command log; SNMPv3 with a view of the action columns only.
# shellcheck disable=SC1010,SC2015,SC2016,SC2086,SC2119,SC2317	# pids and OIDs have no blanks; words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# the sample that is shipped, with the addresses of this test, the users that its comment describes, and communities for the rest
{
	sed -E "s|^agentaddress .*|agentaddress udp:$HOST|; s|^agentXSocket .*|agentXSocket unix:$D/agentx.sock|; s|^agentXPerms .*|agentXPerms 0660 0770|" \
	    "$S/contrib/snmp/snmpd.conf.sample"
	sed -n 's/^# *\(createUser sk.*\)/\1/p' "$S/contrib/snmp/snmpd.conf.sample"
	echo "rocommunity public 127.0.0.1 -V all"
	echo "rwcommunity private 127.0.0.1 -V all"
	echo "view all included .1"
} > "$D/snmpd.conf"
start_snmpd
start_engine -m 4 -r 1
start_agent --control on
until_true 5 reachable_is 1
A=$R.1.1.26 L=$R.1.1.27
actions() { grep -c "^action" "$D/actions"; }
: > "$D/actions"

# all that is refused is refused before anything happens
has "none is no action" "$(set_as_v2 $A.1 i 1)" wrongValue
has "no such action" "$(set_as_v2 $A.1 i 99)" wrongValue
has "negative" "$(set_as_v2 $A.1 i -3)" wrongValue
has "wrong type" "$(set_as_v2 $A.1 s start)" wrongType
has "no such module" "$(set_as_v2 $A.77 i 2)" noCreation
has "read-only column" "$(set_as_v2 $R.1.1.3.1 i 1)" notWritable
has "scalar" "$(set_as_v2 $R.3.1.4.0 i 1)" notWritable
has "no such object" "$(set_as_v2 $R.9.1.0 i 1)" notWritable
has "prim of a primary" "$(set_as_v2 $A.1 i 7)" inconsistentValue
has "two actions on one module" "$(set_as_v2 $A.1 i 3 $A.1 i 4)" inconsistentValue
has "wrong lock" "$(set_as_v2 $L.1 i $(( ($(get $L.1) + 5) % 2147483647 )) $A.1 i 3)" inconsistentValue
tell module 2 mode farm
tell module 2 state UP
tell module 3 state ALONE
tell module 4 status Unknown
until_text 2 4 get $R.1.1.4.4
has "swap of a farm" "$(set_as_v2 $A.2 i 5)" inconsistentValue
has "swap without the other server" "$(set_as_v2 $A.3 i 5)" resourceUnavailable
has "a module whose process does not answer" "$(set_as_v2 $A.4 i 3)" resourceUnavailable
lock=$(get $L.1)
has "a good varbind beside a bad one" "$(set_as_v2 $L.1 i "$lock" $A.1 i 5 $A.2 i 5)" inconsistentValue
same "leaves the lock alone" "$(get $L.1)" "$lock"
has "a good varbind beside one of snmpd that is bad" "$(set_as_v2 $L.1 i "$lock" $A.1 i 5 .1.3.6.1.2.1.1.3.0 i 5)" otWritable
same "leaves the lock alone too" "$(get $L.1)" "$lock"
same "nothing reached the engine" "$(actions)" 0

# repeated with lock: once
same "swap with lock" "$(set_as_v2 $L.1 i "$lock" $A.1 i 5 | tr '\n' ' ')" "$lock 5 "
has "the same PDU again" "$(set_as_v2 $L.1 i "$lock" $A.1 i 5)" inconsistentValue
check "runs once" until_text 2 1 actions
same "lock is one more" "$(get $L.1)" $(((lock + 1) % 2147483648))
check "running: action, verb, outcome, by" until_text 2 "5 1 5 2 \"snmp\" " sh -c "$(printf 'snmpget -v2c -c public -Oqv %s %s.1.1.26.1 %s.1.1.28.1 %s.1.1.29.1 %s.1.1.30.1 %s.1.1.31.1 | tr "\\n" " "' $HOST $R $R $R $R $R)"
# repeated without lock while it runs: once
same "swap without lock while it runs" "$(set_as_v2 $A.1 i 5)" 5
has "another action while it runs" "$(set_as_v2 $A.1 i 3)" inconsistentValue
check "the command log has the SETs" until_text 2 2 grep -c "^command snmp set swap -m m1" "$D/actions"
check "and their ends" until_text 2 2 grep -c "^command-end return 0" "$D/actions"
same "still once" "$(actions)" 1
tell finish 1 done
check "done: outcome" until_text 2 3 get $R.1.1.30.1
same "action reads none" "$(get $A.1)" 1
same "message" "$(get $R.1.1.32.1)" '"Action swap: done"'
has "notice of its end" "$(get $R.3.3.7.1.8.1 $R.3.3.7.1.9.1 $R.3.3.7.1.4.1 | tr '\n' ' ')" 9
# with lock an action may follow while one runs (stop during start)
set_as_v2 $A.3 i 4 >/dev/null
check "restart runs" until_text 2 4 get $A.3
same "stop with lock while restart runs" "$(set_as_v2 $L.3 i "$(get $L.3)" $A.3 i 3 | tail -n 1)" 3
check "reached the engine" until_true 2 grep -q "^action stop m3 snmp" "$D/actions"
same "two modules in one PDU" "$(set_as_v2 $A.1 i 3 $A.2 i 4 | tr '\n' ' ')" "3 4 "
tell finish 1 failed
check "failed: outcome" until_text 2 4 get $R.1.1.30.1
lock=$(get $L.2)
same "lock alone" "$(set_as_v2 $L.2 i "$lock")" "$lock"
same "is one more" "$(get $L.2)" $(((lock + 1) % 2147483648))

# each verb reaches the engine under its name
tell module 1 state STOP
tell module 1 peer_state ALONE
until_text 2 0 get $R.1.1.3.1
for v in 2=start 3=stop 6=stopstart 8=second 9=forcestop; do
	set_as_v2 $A.1 i ${v%=*} >/dev/null
	check "verb ${v#*=}" until_true 2 grep -q "^action ${v#*=} m1 snmp" "$D/actions"
	until_text 2 ${v%=*} get $R.1.1.29.1; until_text 2 2 get $R.1.1.30.1
	tell finish 1 done
	until_text 2 1 get $A.1
done
tell module 1 peer_state STOP
until_text 2 0 get $R.1.1.7.1
set_as_v2 $A.1 i 7 >/dev/null
check "verb prim" until_true 2 grep -q "^action prim m1 snmp" "$D/actions"
until_text 2 2 get $R.1.1.30.1
tell finish 1 done
until_text 2 1 get $A.1

# refused by the engine after the answer: the columns tell
tell refuse refused "module m1 is locked"
same "accepted" "$(set_as_v2 $A.1 i 2)" 2
check "and refused by the engine" until_text 2 5 get $R.1.1.30.1
same "with its reason" "$(get $R.1.1.32.1) $(get $R.1.1.29.1) $(get $A.1)" '"module m1 is locked" 2 1'
check "written down" until_true 2 grep -q "^command-end return 1" "$D/actions"
tell accept
# a manager's default: five repetitions of one PDU
n=$(actions)
kill -STOP $AGENT_PID
( sleep 1.5; kill -CONT $AGENT_PID ) &
snmpset -v2c -c private -Oqv -t 0.4 -r 5 $HOST $L.1 i "$(get $L.1)" $A.1 i 2 >/dev/null 2>&1
wait $!
get $R.3.1.1.0 >/dev/null
until_true 3 eval '[ "$(actions)" -gt '"$n"' ]'
note "SET repeated by a manager while the agent was stopped: $(($(actions) - n)) run"
check "a SET that was repeated ran once at most" [ $(($(actions) - n)) -le 1 ]
tell finish 1 done
until_text 3 1 get $A.1

# SNMPv3
v3() { _u=$1 _t=$2; shift 2; $_t -v3 -l authPriv -u sk$_u -a SHA-256 -A CHANGE-ME-$_u-auth -x AES -X CHANGE-ME-$_u-priv -Oqv -r0 -t3 $HOST "$@" 2>&1; }
n=$(actions)
same "authPriv: operator reads" "$(v3 operator snmpget $R.1.1.2.1)" '"m1"'
same "operator acts" "$(v3 operator snmpset $L.1 i "$(v3 operator snmpget $L.1)" $A.1 i 2 | tail -n 1)" 2
check "and it runs" until_text 2 $((n + 1)) actions
has "operator writes nothing else of the suite" "$(v3 operator snmpset $R.1.1.3.1 i 1)" noAccess
has "nor of snmpd" "$(v3 operator snmpset .1.3.6.1.2.1.1.5.0 s x)" noAccess
has "nor reads elsewhere" "$(v3 operator snmpget .1.3.6.1.2.1.4.1.0)" "No Such Object"
has "reader reads" "$(v3 reader snmpget $R.1.1.2.1)" m1
has "reader does not act" "$(v3 reader snmpset $A.1 i 3)" noAccess
has "operator without privacy does not read" "$(snmpget -v3 -l authNoPriv -u skoperator -a SHA-256 -A CHANGE-ME-operator-auth -Oqv -r0 -t3 $HOST $R.1.1.2.1 2>&1)" authorizationError
has "wrong password" "$(snmpget -v3 -l authPriv -u skoperator -a SHA-256 -A CHANGE-ME-0perator-auth -x AES -X CHANGE-ME-operator-priv -Oqv -r0 -t3 $HOST $R.1.1.2.1 2>&1)" "Authentication failure"

# the engine gone
tell finish 1 done
stop_pid $ENGINE_PID -KILL
ENGINE_PID=""
until_true 2 reachable_is 2
has "no engine" "$(set_as_v2 $A.1 i 3)" resourceUnavailable
finish_tests
