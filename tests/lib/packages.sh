# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# packages.sh: what this machine lacks of tests/lab/packages, and getting it.  Sourced by ./check and ./demo.

PACKAGES_LIST=${BASH_SOURCE[0]%/*}/../lab/packages

packages_of() {	# packages_of SET...: the names
	local set
	for set; do
		sed -n "s/^$set //p" "$PACKAGES_LIST"
	done | tr ' ' '\n'
}

packages_missing() {	# packages_missing SET...: those that are not installed; all of them where there is no dpkg
	local p
	for p in $(packages_of "$@"); do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done
}

# packages_install SET...: installs what is missing; starts no service that a package brings.  False with a message where it cannot.
packages_install() {
	local missing policy=/usr/sbin/policy-rc.d made='' status log
	missing=$(packages_missing "$@" | paste -sd ' ')
	[ -n "$missing" ] || return 0
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		echo "this is not Debian (no apt-get): the counterparts of these packages are needed: $missing" >&2
		return 1
	fi
	if [ "$(id -u)" != 0 ]; then
		echo "not root, so these packages were not installed: apt-get install $missing" >&2
		return 1
	fi
	echo "installing: $missing"
	log=$(mktemp) || return 1
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=1
	fi
	# shellcheck disable=SC2086 # several names
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 </dev/null
	status=$?
	[ -z "$made" ] || rm -f $policy
	if [ $status != 0 ]; then
		echo "apt-get could not install them:" >&2
		tail -n 15 "$log" >&2
	fi
	rm -f "$log"
	return $status
}

# mib_folder FOLDER: the IETF's base MIB modules (SNMPv2-SMI and so on) there.  Debian's libsnmp-base has none (they are in non-free);
# erlang-snmp in main carries them, so that package is unpacked there and not installed.
mib_folder() {
	local dir=$1 work f
	[ ! -s "$dir/SNMP-FRAMEWORK-MIB" ] || return 0
	work=$(mktemp -d) || return 1
	(
		# apt fetches as its own user, who must be able to write here
		chmod 755 "$work" && cd "$work" && { [ "$(id -u)" != 0 ] || chown _apt . 2>/dev/null || :; } &&
		{ apt-get download -qq erlang-snmp || { [ "$(id -u)" = 0 ] && apt-get update -qq && apt-get download -qq erlang-snmp; }; } &&
		dpkg -x erlang-snmp_*.deb unpacked
	) >"$work/log" 2>&1
	mkdir -p "$dir"
	for f in "$work"/unpacked/usr/lib/erlang/lib/snmp-*/mibs/*.mib; do
		[ ! -s "$f" ] || cp "$f" "$dir/$(basename "$f" .mib)"
	done
	[ -s "$dir/SNMP-FRAMEWORK-MIB" ] || { echo "no base MIB modules: package erlang-snmp could not be fetched:"; tail -n 5 "$work/log"; } >&2
	rm -rf "$work"
	[ -s "$dir/SNMP-FRAMEWORK-MIB" ]
}
