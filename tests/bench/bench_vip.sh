#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_vip.sh: the longest time that a client is without an answer of a mirror's virtual address when the primary loses its power.  The client
# pings it every millisecond; two servers in a lab.  Beside ours: keepalived (VRRPv3, advert_int 0.1; its Debian package), which has no
# application to start, as our module here has none.  The clock is the client's: what ARP needs is counted.
#
# usage: bench_vip.sh [-r RUNS] [WHAT...]	WHAT: TIMEOUT_MS:PULSE_MS or keepalived (keepalived 500:100 300:100)
# limit: of 300:100 keepalived's longest of the same run; else timeout + pulse + 100 ms.
# shellcheck disable=SC2016,SC2086	# words for a node's shell; names of nodes, numbers
set -u
# shellcheck source-path=SCRIPTDIR source=../lab/vip.sh
. "${BASH_SOURCE[0]%/*}/../lab/vip.sh"

runs=50
while getopts r: o; do
	case $o in
	r) runs=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- keepalived 500:100 300:100
lab_needs awk python3

fail() { echo "bench_vip: $*" >&2; exit 1; }

# ---- ours ----

ours_configure() {	# TIMEOUT PULSE
	local n
	mkdir -p "$LAB_DIR/bench/conf" "$LAB_DIR/bench/bin"
	cat >"$LAB_DIR/bench/conf/userconfig.xml" <<-END
	<safe><service mode="mirror"><heart pulse="$2" timeout="$1"><heartbeat name="default"/><heartbeat name="net2"/></heart>
	<vip><interface_list><interface $UNCHECKED><real_interface><virtual_addr addr="$VIP" where="one_side_alias" $UNCHECKED/></real_interface></interface>
	</interface_list></vip><user/></service></safe>
	END
	for n in n1 n2; do
		on $n safekit stop -m bench >/dev/null 2>&1 && on $n safekit waitstop -m bench -t 60 >/dev/null
		{ on $n safekit module install -m bench "$LAB_DIR/bench" && on $n safekit config -m bench; } >"$LAB_DIR/out" 2>&1 ||
			{ on $n safekit module uninstall -m bench && on $n safekit module install -m bench "$LAB_DIR/bench" && on $n safekit config -m bench; } \
			>"$LAB_DIR/out" 2>&1 || fail "$n: $(cat "$LAB_DIR/out")"
	done
}
ours_pair() {	# both run; PRIMARY, OTHER
	local n
	for n in n1 n2; do on $n safekit start -m bench >/dev/null; done	# what is started stays so
	for n in n1 n2; do on $n safekit waitstart -m bench -t 60 >/dev/null || return; done
	PRIMARY=n1 OTHER=n2
	[ "$(on n1 safekit state -m bench -lq)" != SECOND ] && [ "$(on n2 safekit state -m bench -lq)" != PRIM ] || PRIMARY=n2 OTHER=n1
	on $PRIMARY safekit waitstate -m bench PRIM -t 60 >/dev/null && on $OTHER safekit waitstate -m bench SECOND -t 60 >/dev/null
}
ours_end() {
	local n
	for n in n1 n2; do on $n safekit stop -m bench >/dev/null; done
	for n in n1 n2; do on $n safekit waitstop -m bench -t 60 >/dev/null; done
}

# ---- keepalived ----

keepalived_configure() {
	cat >"$LAB_DIR/keepalived.conf" <<-END
	global_defs {
	    vrrp_version 3
	}
	vrrp_instance V1 {
	    state BACKUP
	    interface eth1
	    virtual_router_id 51
	    priority 100
	    nopreempt
	    advert_int 0.1
	    virtual_ipaddress {
	        $VIP/24 dev eth1
	    }
	}
	END
}
has_keepalived() { [ -n "$(on "$1" pgrep -x keepalived)" ]; }
keepalived_pair() {
	local n
	for n in n1 n2; do
		has_keepalived $n || on $n sh -c 'exec setsid keepalived -n -l -f "$0" </dev/null >"$1" 2>&1 &' "$LAB_DIR/keepalived.conf" "$LAB_DIR/$n/log/keepalived.log"
	done
	until_ok 60 has_keepalived n1 && until_ok 60 has_keepalived n2 && until_ok 60 keepalived_one || return
	# the other one has heard the master: it is BACKUP for longer than three advertisements
	until_ok 60 grep -q 'Entering BACKUP STATE' "$LAB_DIR/$OTHER/log/keepalived.log"
}
keepalived_one() {	# one has the address
	local a b
	has n1 $VIP; a=$?
	has n2 $VIP; b=$?
	[ $a != $b ] || return
	if [ $a = 0 ]; then PRIMARY=n1 OTHER=n2; else PRIMARY=n2 OTHER=n1; fi
}
keepalived_end() {
	local n
	for n in n1 n2; do on $n sh -c 'pids=$(pgrep -x keepalived) && kill $pids'; done
	until_ok 60 has_not n1 $VIP && until_ok 60 has_not n2 $VIP
}

# ----

measure() {	# measure KIND: RUNS lines of ms
	local r
	for ((r = 0; r < runs; r++)); do
		"$1_pair" || fail "$1: no pair"
		until_ok 60 pinged $VIP || fail "$1: $VIP does not answer"
		line_open gap python3 "$CLIENT" gap $VIP 1
		line_say gap next; line_read gap
		line_say gap mark; line_read gap
		lab power-off $PRIMARY
		line_say gap next; line_read gap
		echo "$LINE"
		line_say gap quit; line_close gap
		lab power-on $PRIMARY
	done
}
report() {	# report NAME LIMIT <ms
	sort -n | awk -v name="$1" -v limit="$2" '{ v[NR] = $1; over += limit != "-" && $1 > limit }
		END { printf "%-34s %5d %9.1f %9.1f %9.1f %9s  %s\n", name, NR, v[1], v[int((NR + 1) / 2)], v[NR], limit, limit == "-" ? "-" : over + 0 }'
}

out=$(lab up -n 2 -l 2 2>&1) || fail "no lab: $out"
printf '%-34s %5s %9s %9s %9s %9s  %s\n' "client without answer" runs "min ms" median "max ms" limit "over the limit"
peer=-
for what; do
	case $what in
	keepalived)
		if ! command -v keepalived >/dev/null; then
			echo "keepalived: skipped: not installed (Debian package keepalived)"
			continue
		fi
		keepalived_configure
		measure keepalived >"$LAB_DIR/ms" || exit
		keepalived_end
		peer=$(sort -n "$LAB_DIR/ms" | tail -n 1)
		report "keepalived, advert_int 0.1" - <"$LAB_DIR/ms"
		;;
	*)
		ours_configure "${what%:*}" "${what#*:}"
		measure ours >"$LAB_DIR/ms" || exit
		ours_end
		limit=$((${what%:*} + ${what#*:} + 100))
		[ "$what" != 300:100 ] || limit=$peer
		report "ours, timeout ${what%:*} ms, pulse ${what#*:} ms" "$limit" <"$LAB_DIR/ms"
		;;
	esac
done
