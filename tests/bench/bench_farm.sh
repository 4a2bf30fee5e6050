#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_farm.sh: a farm of three in a lab.
#   resets	of long-lived connections when a server joins, and when one leaves gracefully (its own are closed in order by its application)
#   takeover	from the moment that the others know of the crash (their log: "farm membership") to the first answer to a client whose
#		packets were the dead server's; the client sends one datagram a millisecond.
# Beside the latter: from the power-off to the answer, which is the detection's time (pulse 200 ms, 5 lost for a leader, 8 for a follower).
#
# usage: bench_farm.sh [-r RUNS] [-c CONNECTIONS] [TYPE...]	(10, 1000, vmac_invisible vmac_directed)
# shellcheck disable=SC2015,SC2086	# fail ends it; names of nodes, numbers
set -u
# shellcheck source-path=SCRIPTDIR source=../lab/vip.sh
. "${BASH_SOURCE[0]%/*}/../lab/vip.sh"

runs=10 connections=1000
while getopts r:c: o; do
	case $o in
	r) runs=$OPTARG ;;
	c) connections=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- vmac_invisible vmac_directed
lab_needs awk python3
LIMIT_MS=50
PORT=9010

fail() { echo "bench_farm: $*" >&2; exit 1; }

# ---- the farm ----

configure() {	# TYPE
	local n
	mkdir -p "$LAB_DIR/bench"
	cp -r "$HERE/modules/balanced/." "$LAB_DIR/bench"
	cat >"$LAB_DIR/bench/conf/userconfig.xml" <<-END
	<safe><service mode="farm"><farm pulse="200" mlost_count="5" slost_count="8"><lan name="default"/></farm>
	<vip><interface_list><interface arpreroute="on" $UNCHECKED><virtual_interface type="$1">
	<virtual_addr addr="$VIP" where="alias" $UNCHECKED/></virtual_interface></interface></interface_list>
	<loadbalancing_list><group name="FarmProto"><rule proto="tcp" port="$PORT" filter="on_port"/><rule proto="udp" port="5300" filter="on_port"/></group>
	</loadbalancing_list></vip><user/></service></safe>
	END
	for n in n1 n2 n3; do
		{ on $n safekit module install -m $APP "$LAB_DIR/bench" && on $n safekit config -m $APP; } >"$LAB_DIR/out" 2>&1 || fail "$n: $(cat "$LAB_DIR/out")"
	done
}
start() { sk $1 start >/dev/null && sk $1 waitstate UP -t 60 >/dev/null || fail "start of $1"; }
buckets() { on "$1" safekit state -v -m $APP | sed -n 's/^ *lbgroup\.FarmProto_0=\([0-9]*\).*/\1/p'; }
thirds() { [ "$(buckets n1) $(buckets n2) $(buckets n3)" = "33 33 33" ]; }
two() { [ "$(buckets n1) $(buckets n2)" = "50 50" ]; }

lost() {	# lost NAME: of those that are held now
	held round
	awk -v name="$1" -v n="$connections" '{ for (i = 1; i < NF; i += 2) v[$i] = $(i + 1)
		printf "%-58s %6d %8d %8d %8s  (closed in order: %d)\n", name, n, v["reset"], v["silent"], 0, v["closed"] }' <<<"$HELD"
}

# ---- the crash of n3 ----

knew() {	# us: when n1 or n2 said that they are two
	local n
	for n in n1 n2; do
		sk $n log -A -s 200 --json | awk -v want='"farm membership: n1 n2 (group FarmProto)"' '
			/"time_us":/ { t = $2 + 0 } index($0, want) { at = t } END { if (at) printf "%.0f\n", at }'
	done | sort -n | head -n 1
}
crash() {	# ms: from the power-off, and from the knowledge, to the answer
	local r t0 at
	for ((r = 0; r < runs; r++)); do
		until_ok 60 thirds || fail "no farm of three"
		pinged $VIP >/dev/null
		line_open watch python3 "$CLIENT" watch $VIP 5300 n3
		line_read watch
		t0=$EPOCHREALTIME
		lab power-off n3
		line_read watch
		at=${LINE#* }
		line_say watch quit
		line_close watch
		until_ok 60 two || fail "the others do not miss n3"
		awk -v a="$t0" -v b="$at" -v k="$(knew)" 'BEGIN { printf "%.1f %.1f\n", (b - a) * 1000, b * 1000 - k / 1000 }'
		lab power-on n3
		start n3
	done
}

for type; do
	out=$(lab up -n 3 -l 2 2>&1) || fail "no lab: $out"
	configure $type
	start n1
	start n2
	until_ok 60 two || fail "no farm of two"
	printf '%-58s %6s %8s %8s %8s\n' "$type" held resets silent limit
	hold $VIP $PORT $connections
	lost "n1, n2"
	start n3
	until_ok 60 thirds || fail "no farm of three"
	lost "n3 has joined"
	hold_end
	hold $VIP $PORT $connections
	sk n3 stop >/dev/null && sk n3 waitstop -t 60 >/dev/null || fail "stop of n3"
	until_ok 60 two || fail "no farm of two"
	lost "n3 has left"
	hold_end
	start n3
	crash >"$LAB_DIR/ms" || { cat "$LAB_DIR/ms"; exit 1; }
	printf '%-58s %6s %8s %8s %8s %8s  %s\n' "$type: crash of n3, ms" runs min median max limit over
	awk '{ print $1 }' "$LAB_DIR/ms" | sort -n | awk '{ v[NR] = $1 } END {
		printf "%-58s %6d %8.1f %8.1f %8.1f %8s\n", "power-off to the answer of another", NR, v[1], v[int((NR + 1) / 2)], v[NR], "-" }'
	awk '{ print $2 }' "$LAB_DIR/ms" | sort -n | awk -v limit=$LIMIT_MS '{ v[NR] = $1; over += $1 > limit } END {
		printf "%-58s %6d %8.1f %8.1f %8.1f %8d  %d\n", "known to the others to the answer of another", NR, v[1], v[int((NR + 1) / 2)], v[NR], limit, over }'
	lab down
	find "$LAB_DIR" -mindepth 1 -delete
done
