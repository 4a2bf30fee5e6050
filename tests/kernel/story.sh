# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
#
# story.sh: what a story in the guest says with: busybox sh, one serial line.  Host's side: guest_points of lib.sh.

good() { echo "@ ok $1"; }
fail() {	# fail NAME [WHY]
	echo "@ not ok $1"
	[ -z "${2:-}" ] || echo "$2" | tail -n 30 | sed 's/^/@ # /'
	return 1
}
check() {	# check NAME CMD...
	local name="$1" out
	shift
	if out=$("$@" 2>&1); then good "$name"; else fail "$name" "status $? of: $*
$out"; fi
}
is() {	# is GOT WANTED NAME
	if [ "$1" = "$2" ]; then good "$3"; else fail "$3" "got:      $1
expected: $2"; fi
}
has() { case $1 in *"$2"*) good "$3" ;; *) fail "$3" "no \"$2\" in: $1" ;; esac; }	# has TEXT PART NAME

soon() {	# soon CMD...: true within 10 s
	local n=0
	until "$@"; do
		[ $((n += 1)) -lt 500 ] || return 1
		usleep 20000
	done
}
took() { echo "@ # $1 at $(cut -d ' ' -f 1 /proc/uptime) s"; }	# since the kernel began

the_end() {	# what the kernel said decides: no oops, warning, or refcount that went wrong
	local said
	said=$(dmesg | grep -E -A 12 'BUG|WARNING|Oops|general protection|unable to handle|refcount_t|Call Trace|leaked|unregister_netdevice: waiting|suspicious RCU' | head -n 40)
	if [ -z "$said" ]; then
		good "the kernel has nothing to complain of"
		probe exit 7
	fi
	fail "the kernel has nothing to complain of" "$said"
	probe exit 2
}
