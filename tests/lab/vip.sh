# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# vip.sh: for tests of virtual addresses: what is on a server, and what the client (node c) sees of it.  Source it instead of lib.sh.
# shellcheck disable=SC2015,SC2034,SC2053,SC2086	# as in lib.sh; for those who source this; patterns; LONG_S and such are numbers

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$HERE/lib.sh"
CLIENT=$HERE/netclient
VIP=10.1.0.100 VIP6=fd00:1::100
VMAC=5a:fe:0a:01:00:64	# 5A:FE and the address in hexadecimal
UNCHECKED='check="off"'

var() { echo "$LAB_DIR/$1/var/modules/$APP"; }	# SAFEUSERVAR
has() { [ -n "$(on "$1" ip -o address show to "$2")" ]; }
has_not() { ! has "$@"; }
mac_of() { on "$1" cat "/sys/class/net/eth${2:-1}/address"; }
neighbour() { on c ip neigh show "$1" | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p'; }	# what the client believes
maps_to() { [ "$(neighbour "$1")" = "$2" ]; }
ask_again() { on c ip neigh flush dev eth1; }
believe() {	# believe MS: how long the client takes an entry of its ARP table for true
	local v
	for v in 4 6; do on c sh -c "echo $1 >/proc/sys/net/ipv$v/neigh/eth1/base_reachable_time_ms"; done
}
pinged() { on c ping -n -c 1 -W 1 "$1"; }

shows() { until_ok $LONG_S resource_is "$1" "$2" "$3" && tap_ok "$1 shows $2=$3" || tap_not_ok "$1 shows $2=$3" "$(on "$1" safekit state -v -m "$APP")"; }
resource_is() { on "$1" safekit state -v -m "$APP" | grep -q "^ *$2=$3\b"; }
ready() { check_is "$([ ! -e "$(var "$1")/ready.txt" ] || echo yes)" "$2" "$1: ready.txt is there: ${2:-no}"; }

# ---- a client that goes on ----

# shellcheck disable=SC2016	# for the node's shell
behind() {	# behind NAME CMD...: runs on the client until behind_end; its output goes to $LAB_DIR/NAME
	local name=$1
	shift
	on c sh -c 'echo $$ >"$0"; exec "$@"' "$LAB_DIR/$name.pid" "$@" >"$LAB_DIR/$name" 2>&1 </dev/null &
	until_ok $LONG_S test -s "$LAB_DIR/$name.pid"
}
behind_end() {	# (not by its parent here: that one is in another PID namespace)
	on c kill "$(cat "$LAB_DIR/$1.pid")" 2>/dev/null
	rm -f "$LAB_DIR/$1.pid"
}

start_ping() {	# start_ping ADDRESS: ten a second
	behind ping ping -n -i 0.1 "$1"
	check "the client's ping is answered" until_ok $LONG_S answers_after 0
}
answers() { grep -c 'bytes from' "$LAB_DIR/ping"; }
answers_after() { [ "$(answers)" -gt "$1" ]; }
goes_on() {	# five answers more than now
	check "the client's ping goes on${1:+ ($1)}" until_ok $LONG_S answers_after $(($(answers) + 5))
}
stop_ping() { behind_end ping; }

listen() {	# listen: what the client sees from now on goes to $LAB_DIR/frames
	behind frames python3 "$CLIENT" listen eth1
	until_ok $LONG_S grep -q listening "$LAB_DIR/frames" || tap_not_ok "the client listens" "$(cat "$LAB_DIR/frames")"
}
listen_end() { behind_end frames; }
announced() {	# announced ADDRESS MAC: how often: sender and target are the address
	case $1 in
	*:*) grep -c "^nd reply $1 $2 " "$LAB_DIR/frames" ;;
	*) grep -c "^arp [a-z]* $1 $2 $1 " "$LAB_DIR/frames" ;;
	esac
}
announced_more() { [ "$(announced "$1" "$2")" -ge "$3" ]; }

# A program on the client that is asked and answers, a line each
declare -A LINE_IN LINE_OUT LINE_PID
line_open() {	# line_open NAME CMD...
	local name=$1 i o
	shift
	rm -f "$LAB_DIR/$name.in" "$LAB_DIR/$name.out"
	mkfifo "$LAB_DIR/$name.in" "$LAB_DIR/$name.out"
	on c "$@" <"$LAB_DIR/$name.in" >"$LAB_DIR/$name.out" 2>&1 &
	LINE_PID[$name]=$!
	exec {i}>"$LAB_DIR/$name.in" {o}<"$LAB_DIR/$name.out"
	LINE_IN[$name]=$i LINE_OUT[$name]=$o
}
line_say() { echo "$2" >&"${LINE_IN[$1]}"; }
line_read() { LINE=; read -r -t 60 -u "${LINE_OUT[$1]}" LINE; }
line_close() {
	local i=${LINE_IN[$1]} o=${LINE_OUT[$1]}
	exec {i}>&- {o}<&-
	wait "${LINE_PID[$1]}"
}

hold() {	# hold HOST PORT N: connections of the client that stay; HELD: what there is
	line_open hold python3 "$CLIENT" hold "$@"
	line_read hold
	HELD=$LINE
}
held() { line_say hold "$*"; line_read hold; HELD=$LINE; }
held_is() { held look; [[ $HELD == $1 ]]; }
hold_end() { line_say hold quit; line_close hold; }


said() { messages "$1" | grep -qF -- "$2"; }	# said NODE TEXT: part of a line

# ours NODE: pids of heart, safeadmin, vipd and checkd, as the node numbers them
ours() {
	local name
	for name in heart safeadmin vipd checkd; do pids_of "$1" $name; done
}
# shellcheck disable=SC2016	# for the node's shell
pids_of() { on "$1" sh -c 'for p in /proc/[0-9]*; do [ "$(readlink "$p/exe")" = "$SAFE/private/bin/$0" ] && echo "${p#/proc/}"; done; :' "$2"; }
