#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_ready.sh: two servers, MODULES mirror modules with a 500 ms timeout; a client asks one server for ready.txt for SECONDS, as fast as it is
# answered, over kept connections and over a new one each: requests/s, and how many heartbeats were called lost, failovers and transitions meanwhile.
# Target: 10,000 requests/s, none of these.  Client and servers share this machine's cores: a load balancer asks some requests a second.
#
# usage: bench_ready.sh [-m MODULES] [-t SECONDS]
# shellcheck disable=SC2016	# what is in single quotes is for the shell in the node
set -u
# shellcheck source-path=SCRIPTDIR source=../lab/lib.sh
. "${BASH_SOURCE[0]%/*}/../lab/lib.sh"

modules=20 seconds=20
while getopts m:t: o; do
	case $o in
	m) modules=$OPTARG ;;
	t) seconds=$OPTARG ;;
	*) exit 2 ;;
	esac
done
lab_needs awk wrk ab curl
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
for n in n1 n2; do on $n safekit webserver start || exit 1; done

count() { for n in n1 n2; do on $n safekit state --json; done | grep -o '"failovers": *[0-9]*\|"transitions": *[0-9]*' | awk -F: '{ s[$1] += $2 } END { for (k in s) printf "%s %d ", k, s[k] }'; }
lost() { for n in n1 n2; do for ((i = 1; i <= modules; i++)); do on $n safekit log -m "m$i" -s 1000; done; done | grep -c 'set to down by heart'; }
ticks() {	# CPU time of httpd on both servers, in ticks
	for n in n1 n2; do
		on $n sh -c 'for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in apache2 | httpd) cat $p/stat ;; esac; done'
	done | awk '{ s += $14 + $15 } END { print s + 0 }'
}
measure() {	# measure TEXT CMD...
	local text=$1 before lost_before t
	shift
	before=$(count) lost_before=$(lost) t=$(ticks)
	echo "$text: $("$@" 2>/dev/null | sed -n 's/^Requests.sec: *\([0-9.]*\).*/\1 requests\/s/p; s/^Requests per second: *\([0-9.]*\).*/\1 requests\/s/p; s/^ *\(99%\) *\(.*\)/p99 \2/p' | paste -sd ' ')," \
		"$((($(ticks) - t) * 1000 / $(getconf CLK_TCK))) ms of CPU by httpd"
	echo "  counters: $before-> $(count) heartbeats called lost: $(($(lost) - lost_before))"
}
primary=n1
[ "$(on c curl -s -o /dev/null -w '%{http_code}' http://10.1.0.11:9010/var/modules/m1/ready.txt)" = 200 ] || primary=n2
url=http://10.1.0.1${primary#n}:9010/var/modules/m1/ready.txt
echo "$modules modules, 500 ms timeout, 100 ms pulse, 2 lans; client and servers on $(nproc) cores; $seconds s each"
measure "ready.txt, 64 kept connections" on c wrk -t 2 -c 64 -d "$seconds" --latency "$url"
measure "ready.txt, a new connection each, 16 at once" on c ab -q -t "$seconds" -n 10000000 -c 16 "$url"
measure "not ready (404), 64 kept connections" on c wrk -t 2 -c 64 -d "$seconds" --latency "http://10.1.0.1$((3 - ${primary#n})):9010/var/modules/m1/ready.txt"
