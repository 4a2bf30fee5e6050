#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Notifications through snmpd to snmptrapd: each kind as v2c trap and as v3 inform, always the same objects; bursts; snmpd away.
# shellcheck disable=SC1010,SC2015,SC2016,SC2086,SC2119,SC2317	# pids and OIDs have no blanks; words of ours in conditions and commands
TRAPS=127.0.0.1:16172
SNMPD_MORE="trap2sink $TRAPS public
trapsess -Ci -v 3 -u informer -a SHA-256 -A informer-auth-pass -x AES -X informer-priv-pass -l authPriv $TRAPS"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cat > "$D/trapd.conf" <<-END
	snmpTrapdAddr udp:$TRAPS
	authCommunity log public
	createUser informer SHA-256 "informer-auth-pass" AES "informer-priv-pass"
	authUser log informer priv
	format2 %P|%v\n
END
snmptrapd -f -Lf "$D/traps" -On -C -c "$D/trapd.conf" -p "$D/trapd.pid" &
TRAPD_PID=$!
until_true 5 grep -q . "$D/traps"
start_snmpd
start_engine
start_agent --control on --log-traps UEC
until_true 5 reachable_is 1

i=0
for kind in log state failover-begin failover-end resource heartbeat-lost heartbeat-restored split-brain action maxloop; do
	i=$((i + 1))
	tell notice $kind 1 E "text of $kind"
	check "$kind: v2c trap" until_true 5 grep -q "TRAP2.*|.*OID: $R\.0\.$i	" "$D/traps"
	check "$kind: v3 inform" until_true 5 grep -q "INFORM.*|.*OID: $R\.0\.$i	" "$D/traps"
done
# the objects of each notification: ten of them in the order of the MIB, with the instance of the table's row
shape() { sed -n "s/.*OID: $R\.0\.[0-9]*	//p" "$D/traps" | sed "s/$R\.3\.3\.7\.1//g; s/ = [^	]*//g; s/	/ /g" | sort -u; }
want=$(for seq in 1 2 3 4 5 6 7 8 9 10; do
	for c in 2 3 4 5 6 7 8 9 10 11; do printf '.%s.%s ' $c $seq; done | sed 's/ $//'; echo
done | sort -u)
same "ten objects, the same ones each time" "$(shape)" "$want"
one=$(grep "OID: $R\.0\.8	" "$D/traps" | head -n 1 | tr '\t' '\n' | grep "^$R" | sed "s/^$R.3.3.7.1//; s/ = [A-Za-z0-9-]*: / /" | grep -v '^\.3\.' | tr '\n' ' ')
same "values of split-brain" "$one" '.2.8 8 .4.8 8 .5.8 1 .6.8 "m1" .7.8 "object.1" .8.8 "from" .9.8 "to" .10.8 "text of split-brain" .11.8 "node1" '
same "and the table has it" "$(get $R.3.3.7.1.10.8)" '"text of split-brain"'
same "last number" "$(get $R.3.3.1.0)" 10

tell notice log 1 I "an information"
tell notice log 0 C "critical, of the node"
check "critical log message of the node" until_true 5 grep -q "critical, of the node" "$D/traps"
check "information is not sent" sh -c "! grep -q 'an information' $D/traps"
same "and is in the table" "$(get $R.3.3.7.1.10.11)" '"an information"'

# an action by SNMP: its end is told
snmpset -v2c -c private -Oqv $HOST $R.1.1.26.1 i 5 >/dev/null
until_true 3 grep -q "^action swap" "$D/actions"
tell finish 1 done
check "end of an action" until_true 5 grep -q 'OID: .*\.0\.9	.*"swap".*"done".*"Action swap: done"' "$D/traps"

# burst: neither hangs, the rate is kept, what is held back is counted, and what matters gets through
sent=$(get $R.3.3.4.0)
t=$(now_ms)
tell notices 2000
check "snmpd answers during a burst of 2,000" text_is '"m1"' get $R.1.1.2.1
note "snmpd and agent answered $(($(now_ms) - t)) ms after the burst began"
until_text 10 $((12 + 1 + 2000)) get $R.3.3.1.0
same "all are in the numbering" "$(get $R.3.3.1.0)" $((12 + 1 + 2000))
tell notice split-brain 1 C "in the middle of a flood"
check "split brain gets through" until_true 5 grep -q "in the middle of a flood" "$D/traps"
until_text 5 0 get $R.3.3.6.0
took=$(($(now_ms) - t))
new=$(($(get $R.3.3.4.0) - sent)) held=$(get $R.3.3.5.0)
note "burst of 2,001: $new sent, $held held back, within $took ms"
check "rate: at most burst + rate" [ $new -le $((200 + 20 * took / 1000 + 20)) ]
same "what is not sent is counted" $((new + held)) 2001
same "the table has the last 512" "$(walk $R.3.3.7.1.2 | wc -l)" 512

# snmpd away: notifications wait
stop_pid $SNMPD_PID
sed -i '/informer/d' "$D/snmpd.conf"	# snmpd's start waits 4 s for an unanswered v3 inform target
tell notice failover-begin 1 C "while snmpd was away"
start_snmpd
check "told when snmpd is back" until_true 6 grep -q "while snmpd was away" "$D/traps"

# the engine away: what it noted meanwhile is told when the agent is back with it
last=$(get $R.3.3.1.0)
stop_pid $AGENT_PID; AGENT_PID=""
tell notice maxloop 1 C "while the agent was away"
start_agent
check "a new agent has the table" until_text 5 $((last + 1)) get $R.3.3.1.0
check "and does not send what is older than itself" sh -c "! grep -q 'while the agent was away' $D/traps"
kill -STOP $AGENT_PID
tell drop
tell notice maxloop 1 C "while the connection was away"
kill -CONT $AGENT_PID
check "what happened between two connections is sent" until_true 5 grep -q "while the connection was away" "$D/traps"
last=$(get $R.3.3.1.0)
tell late
kill -STOP $AGENT_PID
tell drop
tell notice maxloop 1 C "older, asked for"
kill -CONT $AGENT_PID
check "a notice that overtakes older ones is sent" until_true 5 grep -q "overtakes the older ones" "$D/traps"
check "and so are they" until_true 5 grep -q "older, asked for" "$D/traps"
same "the table has both" "$(get $R.3.3.7.1.10.$((last + 1)) $R.3.3.7.1.10.$((last + 2)) | tr '\n' ' ')" '"older, asked for" "overtakes the older ones" '

# no limit to speak of, and snmpd stopped: 700 notifications at once would leave snmpd and agent in each other's way for ever
stop_pid $AGENT_PID; AGENT_PID=""
start_agent --trap-rate 10000 --trap-burst 10000
until_true 5 reachable_is 1
kill -STOP $SNMPD_PID
tell notices 5000
kill -CONT $SNMPD_PID
t=$(now_ms)
check "5,000 notices while snmpd is stopped: the tree is there" until_true 20 agent_answers
check "and the queue empties" until_text 20 0 get $R.3.3.6.0
sent=$(get $R.3.3.4.0) held=$(get $R.3.3.5.0)
note "$sent sent, $held dropped from a full queue, all $(($(now_ms) - t)) ms after snmpd went on"
check "more than 700 went" [ "$sent" -gt 700 ]
same "sent and dropped are all there were" $((sent + held)) 5000
finish_tests
