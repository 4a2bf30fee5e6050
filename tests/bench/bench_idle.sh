#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_idle.sh: what MODULES light modules cost on one idle server: CPU seconds per minute (all our processes) and memory per module.
#
# usage: bench_idle.sh [-m MODULES] [-s SECONDS]
# shellcheck disable=SC2016	# what is in single quotes is for the node's shell
set -u
# shellcheck source-path=SCRIPTDIR source=../lab/lib.sh
. "${BASH_SOURCE[0]%/*}/../lab/lib.sh"

modules=100 seconds=60
while getopts m:s: o; do
	case $o in
	m) modules=$OPTARG ;;
	s) seconds=$OPTARG ;;
	*) exit 2 ;;
	esac
done
lab_needs awk
lab up -n 1 -l 1 >/dev/null 2>&1 || { echo "no lab"; exit 1; }
mkdir -p "$LAB_DIR/idle/conf" "$LAB_DIR/idle/bin"
echo '<safe><service mode="light"><user/></service></safe>' >"$LAB_DIR/idle/conf/userconfig.xml"
printf '#!/bin/sh\nexit 0\n' >"$LAB_DIR/idle/bin/start_both"
chmod +x "$LAB_DIR/idle/bin/start_both"
for ((i = 1; i <= modules; i++)); do
	on n1 safekit module install -m "m$i" "$LAB_DIR/idle" >/dev/null && on n1 safekit config -m "m$i" >/dev/null && on n1 safekit start -m "m$i"
done
for ((i = 1; i <= modules; i++)); do on n1 safekit waitstate -m "m$i" UP -t 60; done

# run time in ns of all threads of our programs (schedstat), and memory
measure='for p in /proc/[0-9]*; do case $(readlink $p/exe) in */heart|*/safeadmin) cat $p/task/*/schedstat;; esac; done'
t0=$EPOCHREALTIME
a=$(on n1 sh -c "$measure" | awk '{ s += $1 } END { print s }')
read -r -t "$seconds" <> <(:) || :
b=$(on n1 sh -c "$measure" | awk '{ s += $1 } END { print s }')
t1=$EPOCHREALTIME
awk -v a="$a" -v b="$b" -v s="$t0" -v e="$t1" -v m="$modules" \
	'BEGIN { printf "%d light modules idle: %.3f CPU s/min (aim: under 1.2 for 100)\n", m, (b - a) / 1e9 / (e - s) * 60 }'
on n1 sh -c 'for p in /proc/[0-9]*; do case $(readlink $p/exe) in */heart) awk "/^VmRSS/ {r=\$2} /^RssAnon/ {a=\$2} END {print \"h\", r, a}" $p/status; grep ^Pss: $p/smaps_rollup;;
	*/safeadmin) awk "/^VmRSS/ {print \"s\", \$2}" $p/status;; esac; done' |
	awk '$1 == "h" { n++; r += $2; a += $3; if ($2 > max) max = $2 } $1 == "Pss:" { p += $2 } $1 == "s" { s = $2 }
	END { printf "memory per module: RSS %.2f MB mean, %.2f max (aim: under 4); private %.2f MB; proportional %.2f MB; safeadmin RSS %.1f MB\n", r/n/1024, max/1024, a/n/1024, p/n/1024, s/1024 }'
