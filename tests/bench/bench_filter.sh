#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_filter.sh: cost of the filter for a small UDP packet over veth: without a filter, with a classifier that does nothing, with ours (1 and 16 rules), with
# iptables -m cluster (one rule); then packets/s with three nodes behind a bridge that floods.  Aim: 16 rules at most 1.10 of none, and a third of what
# xt_cluster adds.
#
# usage: bench_filter.sh -b BUILDDIR [-r ROUNDS] [-n PACKETS]
set -u
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." || exit
build=$PWD/build/check rounds=1000 packets=1024
while getopts b:r:n: o; do
	case $o in
	b) build=$(readlink -f "$OPTARG") ;;
	r) rounds=$OPTARG ;;
	n) packets=$OPTARG ;;
	*) exit 2 ;;
	esac
done
if [ "${BENCH_INSIDE:-}" != 1 ]; then	# namespaces of our own: all of it goes when we go
	BENCH_INSIDE=1 exec unshare -mnpf --mount-proc --propagation private "$(readlink -f "${BASH_SOURCE[0]}" || echo "$0")" -b "$build" -r "$rounds" -n "$packets"
fi
mount -t tmpfs none /run && mkdir /run/netns || exit
ip link set lo up
iptables=iptables
! command -v iptables-legacy >/dev/null || iptables="iptables-legacy"
args=() k=0

node() {	# node NS INTF-ON-OUR-SIDE IP: a namespace with eth0, which is the far end
	ip netns add "$1"
	ip link add "$2" type veth peer name eth0 netns "$1" || exit
	ip link set "$2" up
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$3/32" dev eth0
	ip -n "$1" addr add "${3%.*}.9/24" dev eth0
	ip netns exec "$1" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
}
client() {	# client INTF VIP MAC
	ip addr add "${2%.*}.1/24" dev "$1"
	ip neigh add "$2" lladdr "$3" dev "$1" nud permanent
}
cluster() {	# cluster NS NODES NODE VIP
	ip netns exec "$1" $iptables -t mangle -A PREROUTING -d "$4" -p udp --dport 5000 -m cluster --cluster-total-nodes "$2" ! --cluster-local-node "$3" \
		--cluster-hash-seed 0x5afe -j DROP
}
one() {	# one NAME RULES
	local vip
	k=$((k + 1)) vip=10.77.$k.100
	node "${1}1" v$k $vip
	case $1 in
	ours*)
		ip -n "${1}1" link set eth0 promisc on
		client v$k $vip "$(printf 5a:fe:0a:4d:%02x:64 $k)" ;;
	*) client v$k $vip "$(ip netns exec "${1}1" cat /sys/class/net/eth0/address)" ;;
	esac
	args+=("$1:eth0:$vip:1${2:+:$2}")
}
three() {	# three NAME RULES
	local i vip
	k=$((k + 1)) vip=10.77.$k.100
	ip link add br$k type bridge mcast_snooping 0 stp_state 0 && ip link set br$k up
	for i in 1 2 3; do
		node "$1$i" v$k-$i $vip
		ip link set v$k-$i master br$k
		ip -n "$1$i" link set eth0 promisc on
	done
	case $1 in
	ours*) client br$k $vip "$(printf 5a:fe:0a:4d:%02x:64 $k)" ;;
	*) client br$k $vip 01:00:5e:00:00:64 ;;
	esac
	args+=("$1:eth0:$vip:3${2:+:$2}")
}

echo "one node, $rounds rounds of $packets packets:"
one none-
one nothing-
ip netns exec nothing-1 tc qdisc add dev eth0 clsact
ip netns exec nothing-1 tc filter add dev eth0 ingress bpf da bytecode '1,6 0 0 4294967295' || exit
one "ours-1rule-" 1
one "ours-16rules-" 16
one "xt_cluster-"
if ! cluster xt_cluster-1 1 1 10.77.$k.100; then
	echo "(no xt_cluster here)"
	unset 'args[-1]'
fi
"$build/tests/bench/bench_filter" "$rounds" "$packets" "${args[@]}" || exit
echo
echo "three nodes, all get every packet (all: all take it; the others: one of them):"
args=()
three all-
three ours-on-3- 16
three cluster-on-3-
for i in 1 2 3; do cluster cluster-on-3-$i 3 $i 10.77.$k.100 || unset 'args[2]'; done
"$build/tests/bench/bench_filter" "$rounds" "$packets" "${args[@]}"
