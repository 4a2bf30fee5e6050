#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_failover.sh: time from the power-off of the primary to the first line of start_prim on the other server, in a lab of two servers.
# The clock starts before "lab power-off" is run, so what it takes to kill the node counts against us.
#
# usage: bench_failover.sh [-s] [-r RUNS] TIMEOUT_MS[:PULSE_MS]...
#   -s: every reader of the other server (safeadmin, safeagent, snmpd where they run) is stopped by SIGSTOP during the failover
# shellcheck disable=SC2016	# what is in single quotes is for the node's shell
set -u
# shellcheck source-path=SCRIPTDIR source=../lab/lib.sh
. "${BASH_SOURCE[0]%/*}/../lab/lib.sh"

runs=50 stop=no
while getopts sr: o; do
	case $o in
	s) stop=yes ;;
	r) runs=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
lab_needs awk

module() {	# module TIMEOUT PULSE: the module under test, in $LAB_DIR.bench
	mkdir -p "$LAB_DIR.bench/conf" "$LAB_DIR.bench/bin"
	cat >"$LAB_DIR.bench/conf/userconfig.xml" <<-END
	<safe><service mode="mirror"><heart pulse="$2" timeout="$1"><heartbeat name="default"/><heartbeat name="net2"/></heart><user/></service></safe>
	END
	# the first line: the shell's own clock, no process
	printf '#!/bin/bash\necho "$EPOCHREALTIME" >"$SAFEUSERVAR/began"\n' >"$LAB_DIR.bench/bin/start_prim"
	chmod +x "$LAB_DIR.bench/bin/start_prim"
}

pair() {	# both started, one PRIM, one SECOND
	local i
	for i in n1 n2; do
		on $i safekit start -m bench || return 1	# what is started stays so
	done
	for i in n1 n2; do
		on $i safekit waitstart -m bench -t 60 || return 1
	done
	if [ "$(on n1 safekit state -m bench -lq)" = SECOND ] || [ "$(on n2 safekit state -m bench -lq)" = PRIM ]; then
		prim=n2 second=n1
	else
		prim=n1 second=n2
	fi
	on "$prim" safekit waitstate -m bench PRIM -t 60 && on "$second" safekit waitstate -m bench SECOND -t 60
}

readers() {	# readers SIGNAL NODE
	on "$2" sh -c 'for p in /proc/[0-9]*; do case $(readlink $p/exe) in */safeadmin|*/safeagent|*/snmpd) kill -'"$1"' ${p#/proc/};; esac; done'
}

one() {	# one run: prints ms
	local t0 t1 began=$LAB_DIR/$second/var/modules/bench/began
	rm -f "$began"
	[ $stop = no ] || readers STOP "$second"
	t0=$EPOCHREALTIME
	lab power-off "$prim"
	until [ -s "$began" ]; do read -r -t 0.02 <> <(:) || :; done
	t1=$(cat "$began")
	[ $stop = no ] || readers CONT "$second"
	awk -v a="$t0" -v b="$t1" 'BEGIN { printf "%.1f\n", (b - a) * 1000 }'
	lab power-on "$prim"
}

printf '%-28s %5s %9s %9s %9s %9s  %s\n' "timeout, pulse${stop:+ (readers stopped: $stop)}" runs "min ms" "median" "max ms" "limit" "over the limit"
for spec; do
	timeout=${spec%%:*} pulse=${spec#*:}
	[ "$pulse" != "$spec" ] || pulse=$((timeout >= 10000 ? 700 : timeout >= 2000 ? 200 : 100))
	out=$(lab up -n 2 -l 2 2>&1) || { echo "no lab: $out"; exit 1; }
	module "$timeout" "$pulse"
	for n in n1 n2; do
		on $n safekit module install -m bench "$LAB_DIR.bench" >/dev/null && on $n safekit config -m bench >/dev/null
	done
	for ((r = 0; r < runs; r++)); do
		pair || { echo "no pair" >&2; exit 1; }
		one
	done | sort -n | awk -v t="$timeout" -v p="$pulse" '{ v[NR] = $1; over += $1 > t + p + 100 }
		END { printf "%-28s %5d %9.1f %9.1f %9.1f %9d  %d\n", t " ms, " p " ms", NR, v[1], v[int((NR + 1) / 2)], v[NR], t + p + 100, over }'
	lab down
	rm -rf "$LAB_DIR.bench"
done
