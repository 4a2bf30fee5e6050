#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_nofalse.sh: MODULES mirror modules with a 500 ms timeout on two servers, both cores loaded by stress-ng, for MINUTES: how many
# failovers and lost heartbeats that should not have been?
#
# usage: bench_nofalse.sh [-m MODULES] [-t MINUTES]
set -u
# shellcheck source-path=SCRIPTDIR source=../lab/lib.sh
. "${BASH_SOURCE[0]%/*}/../lab/lib.sh"

modules=100 minutes=10
while getopts m:t: o; do
	case $o in
	m) modules=$OPTARG ;;
	t) minutes=$OPTARG ;;
	*) exit 2 ;;
	esac
done
lab_needs awk stress-ng
lab up -n 2 -l 2 >/dev/null 2>&1 || { echo "no lab"; exit 1; }
mkdir -p "$LAB_DIR/m/conf"
echo '<safe><service mode="mirror"><heart pulse="100" timeout="500"><heartbeat name="default"/><heartbeat name="net2"/></heart></service></safe>' \
	>"$LAB_DIR/m/conf/userconfig.xml"
for ((i = 1; i <= modules; i++)); do
	for n in n1 n2; do
		on $n safekit module install -m "m$i" "$LAB_DIR/m" >/dev/null && on $n safekit config -m "m$i" >/dev/null && on $n safekit start -m "m$i"
	done
done
for ((i = 1; i <= modules; i++)); do
	for n in n1 n2; do on $n safekit waitstart -m "m$i" -t 60; done
done
count() { for n in n1 n2; do on $n safekit state --json; done | grep -o '"failovers": *[0-9]*\|"transitions": *[0-9]*' | awk -F: '{ s[$1] += $2 } END { for (k in s) printf "%s %d ", k, s[k] }'; }
lost() { for n in n1 n2; do for ((i = 1; i <= modules; i++)); do on $n safekit log -m "m$i" -s 1000; done; done | grep -c 'set to down by heart'; }
before=$(count) lost_before=$(lost)
stress-ng --cpu "$(nproc)" --io 2 --timeout "$((minutes * 60))" >/dev/null 2>&1
after=$(count) lost_after=$(lost)
echo "$modules modules, 500 ms timeout, 100 ms pulse, 2 lans, $(nproc) cores loaded by stress-ng --cpu $(nproc) --io 2 for $minutes min:"
echo "  counters before: $before"
echo "  counters after:  $after"
echo "  heartbeats called lost: $((lost_after - lost_before))"
