# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# tap.sh: test scripts say what they found in TAP.  Source it; end with tap_done: a script that dies before has no plan and fails.

TAP_N=0 TAP_BAD=0

tap_diag() { while IFS= read -r line; do echo "# $line"; done <<<"$*" | tail -n 40; }

tap_ok() { TAP_N=$((TAP_N + 1)); echo "ok $TAP_N - $1"; }
tap_not_ok() {	# NAME [WHY]
	TAP_N=$((TAP_N + 1)) TAP_BAD=$((TAP_BAD + 1))
	echo "not ok $TAP_N - $1"
	[ -z "${2:-}" ] || tap_diag "$2"
	return 0
}
tap_skip() { TAP_N=$((TAP_N + 1)); echo "ok $TAP_N - $1 # SKIP $2"; }
tap_skip_all() { echo "1..0 # SKIP $1"; exit 0; }
tap_done() { echo "1..$TAP_N"; [ $TAP_BAD = 0 ]; exit; }

check() {	# check NAME CMD...: CMD succeeds; its output is shown when it does not
	local name=$1 out status
	shift
	out=$("$@" 2>&1) && { tap_ok "$name"; return 0; }
	status=$?
	tap_not_ok "$name" "status $status of: $*"$'\n'"$out"
	return 1
}

check_status() {	# check_status WANTED NAME CMD...
	local want=$1 name=$2 out status
	shift 2
	out=$("$@" 2>&1)
	status=$?
	[ "$status" = "$want" ] && { tap_ok "$name"; return 0; }
	tap_not_ok "$name" "status $status, expected $want, of: $*"$'\n'"$out"
	return 1
}

check_is() {	# check_is GOT WANTED NAME
	[ "$1" = "$2" ] && { tap_ok "$3"; return 0; }
	case $1$2 in
	*$'\n'*) tap_not_ok "$3" "difference (<: got, >: expected):"$'\n'"$(diff <(printf '%s\n' "$1") <(printf '%s\n' "$2"))" ;;
	*) tap_not_ok "$3" "got:      $1"$'\n'"expected: $2" ;;
	esac
	return 1
}

until_ok() {	# until_ok SECONDS CMD...: ask again every 20 ms until CMD succeeds; for what has no event to wait for
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.02 <> <(:) || :
	done
}
