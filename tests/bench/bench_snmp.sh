#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bench_snmp.sh [RESOURCES...]: rows per second of walks of skResourceTable through snmpd, and the agent's CPU time per cell.
#
# All processes run on CPU 0: unpinned, each AgentX round trip wakes an idle CPU and the figures say more of the machine than of us.
# A row is 6 columns.  bulkwalk: snmpbulkwalk -Cr50, one AgentX round trip per cell.  row-wise: GETBULK of 6 columns x 16 repetitions
# (snmpd answers 100 varbinds at most), one round trip per row.  The limit beside them is snmpd's own: GETNEXT of sysUpTime with the
# same tools costs no AgentX at all.  Targets (from the measured baseline of a hand-written handler): bulkwalk >= 8,000, row-wise >=
# 24,000 at 10,000 rows, flat within 15 % from 1,000 to 100,000, <= 12 us of the agent's CPU per cell.
. "$(dirname "$0")/../agent/lib.sh"
command -v taskset >/dev/null 2>&1 || skip_all "no taskset here"
taskset -p -c 0 $$ >/dev/null 2>&1 || skip_all "cannot pin to CPU 0"
[ $# -gt 0 ] || set -- 1000 10000 100000
SECONDS_MAX=${SECONDS_MAX:-15}

cpu_ns() { cat /proc/$AGENT_PID/task/*/schedstat | awk '{ s += $1 } END { printf "%.0f", s }'; }
ratio() { awk "BEGIN { printf(\"%.${3:-0}f\", ($2 > 0 ? ($1) / ($2) : 0)) }"; }

printf '%-10s %12s %12s %14s %14s\n' resources bulkwalk/s row-wise/s us/cell-bulk us/row-wise
start_snmpd
for n in "$@"; do
	start_engine -m 100 -r $((n / 100))
	start_agent
	until_true 60 text_is "$n" get $R.3.1.9.0 || { note "the picture of $n did not arrive"; exit 1; }
	# bulkwalk of the 6 columns 2..7, cut at SECONDS_MAX
	c0=$(cpu_ns) t0=$(date +%s%N) cells=0
	for col in 2 3 4 5 6 7; do
		cells=$((cells + $(snmpbulkwalk -v2c -c public -OQn -Cr50 -t5 $HOST $R.2.1.$col | wc -l)))
		[ $(($(date +%s%N) - t0)) -lt ${SECONDS_MAX}000000000 ] || break
	done
	t1=$(date +%s%N) c1=$(cpu_ns)
	bulk=$(ratio "$cells * 1000000000 / 6" $((t1 - t0)))
	cell=$(ratio $(((c1 - c0) / 10)) $((cells * 100)) 2)
	# row-wise
	c0=$(cpu_ns) t0=$(date +%s%N)
	rows=$("$B/tests/agent/rowwalk" $HOST 6 16 "$SECONDS_MAX") || exit 1
	t1=$(date +%s%N) c1=$(cpu_ns)
	printf '%-10s %12s %12s %14s %14s\n' "$n" "$bulk" "$(ratio "$rows * 1000000000" $((t1 - t0)))" "$cell" \
	    "$(ratio $(((c1 - c0) / 10)) $((rows * 100)) 2)"
	stop_pid $AGENT_PID; AGENT_PID=""
	exec 3>&-
	stop_pid $ENGINE_PID; ENGINE_PID=""
done
