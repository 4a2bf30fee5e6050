#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bench_snmp.sh [RESOURCES...]: rows per second of walks of skResourceTable through snmpd, and the agent's CPU time per cell.
#
# All processes run on CPU 0: unpinned, each AgentX round trip wakes an idle CPU and the figures say more of the machine than of us.
# A row is 6 columns.  bulkwalk: snmpbulkwalk -Cr50, one AgentX round trip per cell.  row-wise: GETBULK of 6 columns x 16 repetitions
# (snmpd answers 100 varbinds at most), one round trip per row.
# Beside ours, from the same run: the limit (floor: a subagent that computes rows and looks nothing up) and the peer (the library's
# table_iterator, cut after some seconds).  Targets on an idle machine: bulkwalk >= 8,000 rows/s, row-wise >= 24,000 at 10,000
# resources, flat within 15 % from 1,000 to 100,000, <= 12 us of the agent's CPU per cell.
# shellcheck disable=SC1010,SC2015,SC2016,SC2086,SC2119,SC2317	# pids and OIDs have no blanks; words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=../agent/lib.sh
. "$(dirname "$0")/../agent/lib.sh"
command -v taskset >/dev/null 2>&1 || skip_all "no taskset here"
taskset -p -c 0 $$ >/dev/null 2>&1 || skip_all "cannot pin to CPU 0"
[ $# -gt 0 ] || set -- 1000 10000 100000
SECONDS_MAX=${SECONDS_MAX:-15}
P=.1.3.6.1.4.1.8072.9999.9999.1

cpu_ns() { cat /proc/"$1"/task/*/schedstat | awk '{ s += $1 } END { printf "%.0f", s }'; }
ratio() { awk "BEGIN { printf(\"%.${3:-0}f\", (($2) > 0 ? ($1) / ($2) : 0)) }"; }

# measure NAME ROWS PID TABLE: a line; figures also in $bulk $row $cell
measure() {
	c0=$(cpu_ns "$3") t0=$(date +%s%N) cells=0
	for col in 2 3 4 5 6 7; do
		left=$((SECONDS_MAX - ($(date +%s%N) - t0) / 1000000000))
		[ $left -gt 0 ] || break
		cells=$((cells + $(timeout $left snmpbulkwalk -v2c -c public -OQn -Cr50 -t5 $HOST "$4.1.$col" | wc -l)))
	done
	t1=$(date +%s%N) c1=$(cpu_ns "$3")
	bulk=$(ratio "$cells * 1000000000 / 6" $((t1 - t0)))
	cell=$(ratio $((c1 - c0)) $((cells * 1000)) 1)
	c0=$(cpu_ns "$3") t0=$(date +%s%N)
	rows=$("$B/tests/agent/rowwalk" $HOST 6 16 "$SECONDS_MAX" "$4.1") || exit 1
	t1=$(date +%s%N) c1=$(cpu_ns "$3")
	row=$(ratio "$rows * 1000000000" $((t1 - t0)))
	printf '%-10s %-10s %12s %12s %10s %10s\n' "$2" "$1" "$bulk" "$row" "$cell" "$(ratio $((c1 - c0)) $((rows * 1000)) 1)"
}
peer() { # KIND ROWS
	"$B/tests/bench/agentx_peer" "$D/agentx.sock" "$2" "$1" 2>/dev/null & PEER=$!
	pids=$PEER
	until_true 10 eval 'snmpgetnext -v2c -c public -Oqn -r0 -t5 $HOST $P.1.2 | grep -q "^$P.1.2.1.1 "' || { note "no peer"; exit 1; }
	measure "$1" "$2" $PEER $P
	stop_pid $PEER -KILL; pids=""
	until_true 10 eval 'snmpgetnext -v2c -c public -Oqn -r0 -t1 $HOST $P.1.2 | grep -vq "^$P.1.2.1.1 "'
}

printf '%-10s %-10s %12s %12s %10s %10s\n' resources who bulkwalk/s row-wise/s us/cell us/row
start_snmpd
for n in "$@"; do
	start_engine -m 100 -r $((n / 100))
	start_agent
	until_true 60 text_is "$n" get $R.3.1.9.0 || { note "the picture of $n did not arrive"; exit 1; }
	measure ours "$n" $AGENT_PID $R.2
	our_bulk=$bulk our_row=$row our_cell=$cell
	stop_pid $AGENT_PID; AGENT_PID=""
	exec 3>&-
	stop_pid $ENGINE_PID; ENGINE_PID=""
	peer floor "$n"
	printf '%-10s %-10s %12s %12s %10s\n' "$n" ours/limit "$(ratio "$our_bulk" "$bulk" 2)" "$(ratio "$our_row" "$row" 2)" \
	    "$(ratio "$our_cell" "$cell" 2)"
	if [ "$n" -le 1000 ] || [ -n "${ITERATOR:-}" ]; then
		peer iterator "$n"
		printf '%-10s %-10s %12s %12s %10s\n' "$n" ours/peer "$(ratio "$our_bulk" "$bulk" 2)" "$(ratio "$our_row" "$row" 2)" \
		    "$(ratio "$our_cell" "$cell" 2)"
	fi
done
