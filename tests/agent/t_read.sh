#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Reading through snmpd: get, walk, getbulk, walks while rows come and go, the engine away and back.
# shellcheck disable=SC1010,SC2015,SC2016,SC2086,SC2119,SC2317	# pids and OIDs have no blanks; words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
start_snmpd
start_engine -m 3 -r 4 -s 41
start_agent
check "the picture arrives" until_true 5 reachable_is 1

same "get: state of module 1" "$(get $R.1.1.3.1)" 3
same "get: name of resource 2 of module 1" "$(get $R.2.1.2.1.2)" '"intf.10.0.2.0"'
same "get: no such column" "$(snmpget -v2c -c public -Oqv $HOST $R.1.1.99.1 2>&1)" "No Such Object available on this agent at this OID"
same "get: no such module" "$(snmpget -v2c -c public -Oqv $HOST $R.1.1.3.9 2>&1)" "No Such Instance currently exists at this OID"
has "get by SNMPv1: counters have 32 bits" "$(snmpget -v1 -c public -Oqv $HOST $R.1.1.12.1 2>&1)" 3
same "node of this server" "$(get $R.3.1.5.0)" '"node1"'
same "control is off unless asked for" "$(get $R.3.1.4.0)" 2
has "and a SET says so" "$(set_as_v2 $R.1.1.26.1 i 3)" notWritable

# the whole tree as text; what differs from run to run is masked
walk $R | sed -E 's/^(\.1\.3\.6\.1\.4\.1\.107\.175\.10)//; s/^(\.1\.1\.27\.[0-9]+|\.3\.1\.(3|7|10|11|12|19|20)\.0) .*/\1 */' > "$D/walk"
check "walk is tests/agent/walk.expected" cmp -s "$D/walk" "$S/tests/agent/walk.expected"
cmp -s "$D/walk" "$S/tests/agent/walk.expected" || diff "$S/tests/agent/walk.expected" "$D/walk" | head -20 | sed 's/^/# /'
snmpwalk -v2c -c public -Onq $HOST $R 2>&1 | sed -E 's/^(\.1\.3\.6\.1\.4\.1\.107\.175\.10)//; s/^(\.1\.1\.27\.[0-9]+|\.3\.1\.(3|7|10|11|12|19|20)\.0) .*/\1 */' > "$D/next"
check "GETNEXT walks the same" cmp -s "$D/walk" "$D/next"
same "row-wise GETBULK" "$(snmpbulkget -v2c -c public -Onq -Cn0 -Cr3 $HOST $R.2.1.2 $R.2.1.3 2>&1 | sed "s/^$R//" | tr '\n' ' ')" \
    '.2.1.2.1.1 "intf.10.0.1.0" .2.1.3.1.1 "up" .2.1.2.1.2 "intf.10.0.2.0" .2.1.3.1.2 "up" .2.1.2.1.3 "intf.10.0.3.0" .2.1.3.1.3 "up" '

# changes
tell module 1 state ALONE
tell module 1 reason "\"Reason of failover: no heartbeat\""
same "a change is there at once" "$(until_text 2 2 get $R.1.1.3.1; get $R.1.1.3.1)" 2
before=$(get -Ot $R.3.1.11.0)
tell resource 1 2 down
until_text 2 4 get $R.2.1.4.1.2
same "health of a resource" "$(get $R.2.1.4.1.2)" 4
check "and its table's LastChange" [ "$(get -Ot $R.3.1.11.0)" -gt "$before" ]
tell resource-add 1 700
tell resource-del 1 1
until_text 2 12 get $R.3.1.9.0
same "an index is stable: others keep theirs" "$(get $R.2.1.2.1.2 $R.2.1.2.1.700 | tr '\n' ' ')" '"intf.10.0.2.0" "intf.10.2.188.0" '
same "a share of network load" "$(get $R.3.4.1.2.2.1 $R.3.4.1.3.2.1 $R.3.4.1.5.2.1 $R.3.4.1.6.2.1 | tr '\n' ' ')" '"g1" 128 2 "node1 node2" '
tell share 3 2 256
check "a share comes" until_text 2 256 get $R.3.4.1.3.3.2
before=$(get -Ot $R.3.1.20.0)
tell share 3 2 64
check "and changes" until_text 2 64 get $R.3.4.1.3.3.2
check "and its table's LastChange" [ "$(get -Ot $R.3.1.20.0)" -gt "$before" ]
tell share-del 3 2
check "and goes" until_text 2 "No Such Instance currently exists at this OID" get $R.3.4.1.3.3.2
tell module-del 2
check "a module goes with its resources" until_text 2 8 get $R.3.1.9.0
same "and with its shares" "$(get $R.3.4.1.3.2.1)" "No Such Instance currently exists at this OID"
tell module-add 9
check "and another one comes" until_text 2 '"m9"' get $R.1.1.2.9
tell nodes 5
check "nodes anew" until_text 2 '"node5"' get $R.3.2.1.2.5

# nonsense from the engine is said and skipped
tell raw '{"event":"module","data":{"id":1,"state":"RED"}}'
tell raw '{"event":"module","data":7}'
tell raw '{"event":"resource-gone","module_id":-1,"index":"x"}'
tell raw '{"event":"share","data":{"module_id":1,"index":0}}'
tell raw '{"event":"share-gone","module_id":1}'
tell raw '{"event":"of a newer engine"}'
tell raw '{"neither":1}'
tell module 3 state WAIT
check "nonsense does not stop the feed" until_text 2 1 get $R.1.1.3.3
has "and is said" "$(cat "$D/agent.err")" "module.state: expected one of the known words"
tell raw 'not json'
check "a stream that is not JSON is begun anew" until_true 5 grep -q "not JSON" "$D/agent.err"
check "and has the picture again" until_true 5 reachable_is 1

# walks while rows come and go
churn_walks() {
	for _i in 1 2 3 4 5 6 7 8; do
		snmpwalk -v2c -c public -Onq -r0 -t5 $HOST $R.2 > "$D/churn.$_i" 2>&1 || return 1
		grep -q "not increasing" "$D/churn.$_i" && return 1
		# each row that was there all the time is seen once
		[ "$(grep -c "^$R\.2\.1\.2\.3\." "$D/churn.$_i")" = 4 ] || return 1
	done
}
c=$(wc -l < "$D/out")
echo "churn 60000" >&3
check "walks while rows churn: always increasing, nothing stable missing" churn_walks
[ "$(wc -l < "$D/out")" = "$c" ] && pass "rows churned all the time" || note "churn ended before the walks"
until_true 60 lines_above "$c" "$D/out"

# the engine goes
stop_pid $ENGINE_PID -KILL
ENGINE_PID=""
check "engine killed: told within 1 s" until_true 1 reachable_is 2
same "state is the last known" "$(get $R.1.1.3.1)" 2
same "status is unknown" "$(get $R.1.1.4.1)" 4
same "peer status is unknown" "$(get $R.1.1.8.1)" 4
same "resource keeps its value" "$(get $R.2.1.3.3.2)" '"up"'
same "health is unknown" "$(get $R.2.1.4.3.2)" 1
walk $R > "$D/away"
check "no hole: $(wc -l < "$D/away") values" [ "$(wc -l < "$D/away")" -gt 200 ]
age=$(get $R.3.1.3.0)
check "the age grows" until_true 3 eval '[ "$(get $R.3.1.3.0)" -gt '"$age"' ]'
t=$(now_ms)
start_engine -m 3 -r 4
check "engine back: fresh" until_true 2 reachable_is 1
note "engine back: fresh after $(($(now_ms) - t)) ms"
same "its picture, not the old one" "$(get $R.1.1.3.1)" 3

# the engine hangs
kill -STOP $ENGINE_PID
check "engine stopped: told after three missing ticks" until_true 9 reachable_is 2
same "and the last known values stay" "$(get $R.1.1.3.1) $(get $R.1.1.4.1)" "3 4"
kill -CONT $ENGINE_PID
check "and goes on" until_true 4 reachable_is 1
finish_tests
