# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# pki_lib.sh: a network and mount namespace of the test's own with two installed trees in it, $S1 and $S2, as two servers would have them.
#
# A script sources it first; NEEDS: programs.  In the namespace: lo, also with 10.9.0.1 and 10.9.0.2.
set -u
TOP=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")
# shellcheck source=tests/lib/tap.sh
. "$TOP/tests/lib/tap.sh"
PATH=$PATH:/usr/sbin:/sbin
TREE=${LAB_SAFE_TREE:-}
SAFE_IN_TREE=$(find "$TREE" -path '*/private/bin/safecert' -prune 2>/dev/null | head -n 1)
SAFE_IN_TREE=${SAFE_IN_TREE%/private/bin/safecert}
[ -n "$SAFE_IN_TREE" ] || tap_skip_all "no installed tree with the web service (LAB_SAFE_TREE)"
[ "$(id -u)" = 0 ] || tap_skip_all "only root can run this"
for need in ${NEEDS:-} openssl ip unshare; do
	command -v "$need" >/dev/null 2>&1 || tap_skip_all "no $need here"
done
if [ -z "${PKI_TEST_NS:-}" ]; then
	unshare -nm true 2>/dev/null || tap_skip_all "no namespaces can be made here"
	PKI_TEST_NS=1 exec unshare -nm --propagation private bash "$0" "$@"
fi
if ! { ip link set lo up && ip addr add 10.9.0.1/32 dev lo && ip addr add 10.9.0.2/32 dev lo; }; then tap_skip_all "no addresses can be set here"; fi

D=$(mktemp -d "${TMPDIR:-/tmp}/pkiXXXXXX") || exit 1
chmod 755 "$D"
CLEANUPS=()
cleanup() {
	local c
	for c in "${CLEANUPS[@]}"; do eval "$c"; done >/dev/null 2>&1
	[ -n "${KEEP:-}" ] || rm -rf "$D"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
for s in 1 2; do
	mkdir -p "$D/s$s" && cp -a "$SAFE_IN_TREE" "$D/s$s/safe" && mkdir -p "$D/s$s/var/run" "$D/s$s/var/log" "$D/s$s/var/cluster" || exit 1
done
chmod -R go+rX "$D"
# a safeadmin of a test starts no web service
for s in 1 2; do mkdir -p "$D/s$s/var/boot" && echo off >"$D/s$s/var/boot/safewebserver"; done
# shellcheck disable=SC2034	# for who sources it
S1=$D/s1/safe S2=$D/s2/safe
# on NUMBER COMMAND...: on that server, in SAFE/web/bin as the manual has it
on() {
	local n=$1
	shift
	(cd "$D/s$n/safe/web/bin" && SAFE=$D/s$n/safe SAFEVAR=$D/s$n/var "$@")
}
has() {	# TEXT PART NAME
	case $1 in *"$2"*) tap_ok "$3" ;; *) tap_not_ok "$3" "expected \"$2\" in: $1" ;; esac
}
modes() { (cd "$1" && find . -type f ! -path './html/*' -printf '%m %p\n' | sort -k2); }
