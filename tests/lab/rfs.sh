# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034
#
# rfs.sh: for tests of file replication; source it instead of lib.sh.  The module is "app" (the counter), with /srv/replicated replicated.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

REP=/srv/replicated
BACKING=${REP}_For_SafeKit_Replication
TREECMP=${TEST_BUILDDIR:-${BASH_SOURCE[0]%/*}/../../build/check}/tests/rfs/treecmp
NOT_UPTODATE="Data may be not uptodate for replicated directories (wait for the start of the remote server)"

rfs_needs() {	# rfs_needs PROGRAM...
	lab_needs socat "$@"
	lab_tree
	[ -c /dev/fuse ] || tap_skip_all "no /dev/fuse on this machine"
	[ -x "$TREECMP" ] || tap_skip_all "$TREECMP was not built"
}

rfs_xml() {	# rfs_xml [SERVICE-ATTRIBUTES [RFS-ATTRIBUTES [INSIDE]]]: INSIDE: what stands in <rfs> instead of the one folder
	local inside=${3:-"<replicated dir=\"$REP\" mode=\"read_only\"/>"}
	app_xml "${1:-}" | RFS="    <rfs ${2:-}>$inside</rfs>" awk '/^    <user / { print ENVIRON["RFS"] } { print }'
}

rfs_install() {	# rfs_install NODE...: with an empty folder on each; configuration from stdin
	local node
	for node; do on "$node" mkdir -p "$REP" || return; done
	app_install "$@"
}

first_start() {	# n1 has the data
	local node
	check "prim of n1" sk n1 prim
	becomes n1 ALONE
	check "second of n2" sk n2 second
	becomes n2 SECOND n1 PRIM
	app_is n2 SECOND && app_is n1 PRIM && return
	for node in n1 n2; do tap_diag "$node:"$'\n'"$(messages $node)"; done
	tap_done	# all that follows would fail as well
}

restart_pair() {	# restart_pair PRIM SECOND: from STOP, PRIM has the data
	check "start of $1" sk "$1" start
	becomes "$1" ALONE
	check "start of $2" sk "$2" start
	becomes "$2" SECOND "$1" PRIM
}

put() { on "$1" sh -c 'printf "%s\n" "$2" >"$1" && sync "$1"' x "$REP/$2" "${3:-$2}"; }	# put NODE FILE [TEXT]: written and synced
text_of() { on "$1" cat "$REP/$2" 2>/dev/null; }
has() { check_is "$(text_of "$1" "$2")" "${3:-$2}" "$1 has $2"; }
has_not() { check_status 1 "$1 does not have $2" on "$1" test -e "$REP/$2"; }

init_of() { local pid; read -r pid _ <"$LAB_DIR/$1/init.pid" && echo "$pid"; }
seen() { echo "/proc/$(init_of "$1")/root$2"; }	# seen NODE PATH: that file from here
same_trees() {	# same_trees [TREECMP-OPTIONS]: what n1 and n2 see in $REP, with both at rest
	on n1 sync -f "$REP"
	on n2 sync -f "$REP"
	check "both trees are equal" "$TREECMP" "$@" "$(seen n1 "$REP")" "$(seen n2 "$REP")"
}

resource() { sk "$1" state -v | sed -n "s/^ *$2=\([^ ]*\).*/\1/p"; }	# resource NODE NAME
resource_is() { [ "$(resource "$1" "$2")" = "$3" ]; }
resource_becomes() { check "$1: $2 becomes $3" until_ok $LONG_S resource_is "$@" || tap_diag "$(sk "$1" state -v)"; }

logged_like() {	# logged_like NODE REGEX...: a message that matches, each
	local node=$1 re
	shift
	for re; do
		check "$node logs a message like \"$re\"" until_ok $LONG_S eval "messages $node | grep -Exq -- \"\$re\"" || tap_diag "$(messages "$node")"
	done
}

rfsd_of() {	# rfsd_of NODE keeper|worker: pids, as this machine numbers them
	local pid exe words
	for pid in /proc/[0-9]*; do
		exe=$(readlink "$pid/exe" 2>/dev/null)
		# its end: seen from a changed root, a path of another mount namespace begins elsewhere
		[[ ${exe% (deleted)} == *"$LAB_DIR/$1/safe/private/bin/rfsd" ]] || continue
		words=$(tr '\0' ' ' 2>/dev/null <"$pid/cmdline")
		case $2/$words in worker/*--worker*) echo "${pid#/proc/}" ;; worker/*) ;; *--worker*) ;; *) echo "${pid#/proc/}" ;; esac
	done
}
