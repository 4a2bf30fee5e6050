# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib.sh: for tests that need servers.  Source it and call lab_up; the lab is the test's own and goes away with it.
#   lab WORD...    the lab script on our lab       on NODE CMD...   lab exec NODE -- CMD...

# shellcheck source-path=SCRIPTDIR source=../lib/tap.sh
. "${BASH_SOURCE[0]%/*}/../lib/tap.sh"

LAB=$(readlink -f "${BASH_SOURCE[0]%/*}/lab")
LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lab-XXXXXX")
export LAB_DIR

lab() { "$LAB" "$@"; }
on() { local node=$1; shift; "$LAB" exec "$node" -- "$@"; }

lab_end() {
	trap '' INT TERM HUP
	lab down
	rm -rf --one-file-system "$LAB_DIR"
}
trap lab_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

lab_needs() {	# the whole script is skipped, with the reason, where a lab cannot be
	local program
	[ "$(id -u)" = 0 ] || tap_skip_all "needs root for network namespaces"
	for program in ip nsenter unshare setsid flock "$@"; do
		command -v "$program" >/dev/null || tap_skip_all "$program is not installed"
	done
	unshare -m --propagation unchanged -n -u -i -p --fork true 2>/dev/null || tap_skip_all "no namespaces on this machine"
}

lab_up() {	# lab_up ARGS...: with the tree that tests/run was given (LAB_SAFE_TREE)
	local out
	lab_needs true
	out=$(lab up "$@" 2>&1) && return 0
	tap_not_ok "lab up $*" "$out"
	tap_done
}
