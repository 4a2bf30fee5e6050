# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
# shellcheck source=tests/kernel/story.sh
#
# lan.sh: the story of t-kernel, in the guest: three servers and a client on a LAN of namespaces, with the filter loaded for real.
. /story.sh

VIP=10.1.0.100 VIP6=fd00:1::100 VMAC=5a:fe:0a:01:00:64
MACS="02:00:00:00:00:10 02:00:00:00:00:11 02:00:00:00:00:12"

ip() { /bin/ip "$@"; }	# not busybox's own
# A server is a network namespace, and a mount namespace for its own bpffs; a process that sleeps holds both.
on() { ns=$1; shift; nsenter -t "$(cat "/run/$ns.pid")" -n -m "$@"; }
each() { for i in 0 1 2; do "$@" $i || return; done; }

plug() {	# plug NAME HOST MAC
	unshare -n -m sh -c "mount -t bpf bpf /sys/fs/bpf; touch /run/$1.up; exec sleep 1000000" &
	echo $! >"/run/$1.pid"
	soon [ -e "/run/$1.up" ]
	ip link add "v$1" type veth peer name eth0 address "$3" netns "$(cat "/run/$1.pid")" && ip link set "v$1" master lan0 up || return
	on "$1" sh -c "
		ip() { /bin/ip \"\$@\"; }
		for f in all default eth0; do echo 0 >/proc/sys/net/ipv6/conf/\$f/accept_dad; done
		ip link set lo up; ip link set eth0 up promisc on
		ip addr add 10.1.0.$2/24 dev eth0; ip addr add fd00:1::$2/64 dev eth0 nodad"
}

lan_up() {
	ip link add lan0 type bridge stp_state 0 mcast_snooping 0 ageing_time 0 && ip link set lan0 up && plug c 1 02:00:00:00:00:c1 &&
	plug n0 10 02:00:00:00:00:10 && plug n1 11 02:00:00:00:00:11 && plug n2 12 02:00:00:00:00:12 || return
	for i in 0 1 2; do
		on n$i /bin/ip addr add $VIP/32 dev eth0
		on n$i /bin/ip addr add $VIP6/128 dev eth0 nodad
		(exec nsenter -t "$(cat /run/n$i.pid)" -n -m probe serve n$i) >/run/serve$i &
		echo $! >/run/serve$i.pid
	done
	soon each serving
}
serving() { [ -s /run/serve"$1" ]; }

forget() { on c /bin/ip neigh flush all; }	# what the client knows of MACs
attach() { on n"$2" filterctl attach eth0 5 "$1" "$2" $VIP $VIP6; }
# shellcheck disable=SC2086 # several MACs
tables() { on n"$3" filterctl tables eth0 5 "$1" "$2" $MACS; }
lease() { on n"$2" filterctl lease eth0 5 "$1"; }
show() { on n"$1" filterctl show eth0 5; }
detach() { on n"$1" filterctl detach eth0 5; }
spread() { on c probe spread "$@"; }
silence() { PATIENCE_MS=800 spread "$@"; }	# the same where no answer is expected: not waited for that long
counted() { show "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }	# counted NODE WHAT

share() {	# share WHAT: every kind of traffic goes where its bucket belongs, and to nobody else
	is "$(spread $VIP udp 20000 150)" "$(probe buckets 10.1.0.1 7 20000 150 3)" "$1: UDP, IPv4: each bucket to its owner"
	is "$(spread $VIP tcp 21000 100)" "$(probe buckets 10.1.0.1 7 21000 100 3)" "$1: TCP, IPv4: each bucket to its owner"
	is "$(spread $VIP6 udp 22000 60)" "$(probe buckets fd00:1::1 7 22000 60 3)" "$1: UDP, IPv6: each bucket to its owner"
	is "$(spread $VIP6 tcp 23000 60)" "$(probe buckets fd00:1::1 7 23000 60 3)" "$1: TCP, IPv6: each bucket to its owner"
}

hold_on() {	# hold_on ADDR PORT: a connection on fd 7 (questions) and 8 (answers)
	mkfifo /run/q /run/a
	on c probe hold "$1" "$2" </run/q >/run/a &
	exec 7>/run/q 8</run/a
	rm /run/q /run/a
}
ask_it() { echo who >&7; read -r ask_answer <&8; echo "$ask_answer"; }
let_go() { exec 7>&- 8<&-; }

keep() {	# keep MODE ADDR: a connection outlives that its bucket goes to another
	local who other
	each tables 0,1,2 0
	hold_on "$2" 30000
	who=$(ask_it)
	case $who in
	n0) other=1 ;;
	n[12]) other=0 ;;
	*) fail "$1: $2: a connection" "answered by: $who"; let_go; return ;;
	esac
	each tables $other 7
	is "$(ask_it)$(ask_it)" "$who$who" "$1: $2: a connection stays with $who when n$other owns its bucket"
	is "$(spread "$2" tcp 30001 20)" "n$other=20" "$1: $2: new connections go to n$other"
	check "$1: $2: counted as held" [ "$(counted "${who#n}" held)" -gt 0 ]
	let_go
}

round() {	# round MODE
	local mode="$1"
	forget
	is "$(each attach "$mode" | paste -s -d ' ')" "new new new" "$mode: attached on three servers" || return
	is "$(each attach "$mode" | paste -s -d ' ')" "kept kept kept" "$mode: found again with the same configuration" || return
	each tables 0,1,2 0
	is "$(silence $VIP udp 19000 5)" "none=5" "$mode: without a lease nobody answers"
	each lease 600
	forget
	share "$mode"
	has "$(show 0)" "n0=86 n1=85 n2=85" "$mode: read back what was written"
	if [ "$mode" = invisible ]; then
		has "$(on c /bin/ip neigh show $VIP)" "lladdr $VMAC" "$mode: ARP says the virtual MAC"
		has "$(on c /bin/ip neigh show $VIP6)" "lladdr $VMAC" "$mode: neighbour discovery says the virtual MAC"
		has "$(on c ping -c 3 -W 1 $VIP)" "DUP!" "$mode: every server answers a ping (DUP!)"
	else
		has "$(on c /bin/ip neigh show $VIP)" "lladdr 02:00:00:00:00:1" "$mode: ARP says the MAC of a server"
		check "$mode: a ping is answered" on c ping -c 1 -W 1 $VIP
		# IPv4 and IPv6 may know different ones, of the same owner of the client's bucket
		is "$(each show | tr ' ' '\n' | grep -c '^sent=0$')" 2 "$mode: frames were sent on, by the one that the client knows"
	fi
	keep "$mode" $VIP
	keep "$mode" $VIP6
	each tables 1 0
	lease 0 1
	is "$(silence $VIP udp 31000 5)" "none=5" "$mode: past its lease a server drops what is its own"
	lease 600 1
	is "$(spread $VIP udp 31000 5)" "n1=5" "$mode: and takes it again with a new lease"
}

mirror() {
	forget
	is "$(attach mirror 1)" new "mirror: another configuration replaces the first"
	each_other() { detach 0 && detach 2; }
	check "mirror: detached on the others" each_other
	on n0 /bin/ip addr del $VIP/32 dev eth0
	on n2 /bin/ip addr del $VIP/32 dev eth0
	is "$(spread $VIP udp 32000 20)" "n1=20" "mirror: all is for the one that has the address, without lease"
	has "$(on c /bin/ip neigh show $VIP)" "lladdr $VMAC" "mirror: it answers with the virtual MAC"
	on n0 /bin/ip addr add $VIP/32 dev eth0
	on n2 /bin/ip addr add $VIP/32 dev eth0
	check "mirror: detached" detach 1
}

# The verifier of this kernel takes some seconds in a guest: one server only.  What the program decides is tried in the lab.
bpf() {
	is "$(attach directed 0)" new "bpf: the verifier of this kernel takes the program, and it attaches" || return
	tables 0 0 0
	is "$(silence $VIP udp 19000 5)" "none=5" "bpf: without a lease nobody answers"
	lease 600 0
	forget
	is "$(spread $VIP udp 20000 50)" "n0=50" "bpf: UDP, IPv4"
	is "$(spread $VIP6 tcp 21000 50)" "n0=50" "bpf: TCP, IPv6"
	has "$(show 0)" "n0=256" "bpf: read back what was written"
	check "bpf: detached" detach 0
}

lan_up
took "lan up"
export SAFE_VIP_FILTER=module
check "usable" filterctl usable
round invisible
took invisible
mirror
took mirror
round directed
took directed
each detach
if [ -e /with-bpf ]; then
	for i in 1 2; do on n$i /bin/ip link set eth0 down; done
	(export SAFE_VIP_FILTER=bpf; bpf)
	for i in 1 2; do on n$i /bin/ip link set eth0 up; done
	took bpf
fi

# ---- what no filter may take, and everything that may go before it is detached ----
check "what makes no sense is refused" on n0 genl refuse eth0 6
took refuse
is "$(on n0 filterctl churn eth0 6 800)" "done" "attached, replaced and detached 800 times in 256 MB"
took churn
check "the shared vectors and random frames: the same verdict as in plain C" genl vectors 2000 4
took vectors
each attach invisible >/dev/null
each lease 600
on n2 /bin/ip link del eth0
is "$(on n2 filterctl show eth0 5 2>&1)" "filterctl: eth0: no filter of module 5" "an interface goes with its filter"
kill "$(cat /run/serve1.pid)" "$(cat /run/n1.pid)"
no_port() { [ ! -e /sys/class/net/vn1 ]; }
check "a namespace goes with its filter" soon no_port
each_left() { attach directed 0 && tables 0 0 0 && lease 600 0; }
check "attached once more" each_left
forget
spread $VIP udp 33000 100 >/run/while &
check "unloaded while frames come" rmmod safevip
wait $!
is "$(grep -c safevip /proc/modules)" 0 "it is gone"
has "$(filterctl usable 2>&1)" "is not loaded" "and that is what is said"
is "$(spread $VIP udp 34000 10)" "n0=10" "the server is reached as without it"
check "loaded again" insmod /modules/safevip.ko
is "$(attach directed 0)" "new" "and attached, as new"
check "unloaded" rmmod safevip
took unload
the_end
