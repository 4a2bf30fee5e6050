#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The MIB by two parsers.  smilint always exits with 0: nothing printed is the verdict.  The IETF's modules come from Debian's
# erlang-snmp, unpacked (not installed) below the build folder, or from $SAFEKIT_MIB_BASE.
set -u
S=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)} B=${builddir:-$PWD}
command -v smilint >/dev/null 2>&1 || { echo "1..0 # SKIP no smilint here"; exit 0; }
base=${SAFEKIT_MIB_BASE:-$B/tests/agent/base-mibs}
if [ ! -f "$base/SNMPv2-SMI" ]; then
	t=$(mktemp -d "${TMPDIR:-/tmp}/mibXXXXXX")
	trap 'rm -rf "$t"' EXIT
	chmod 755 "$t"
	if ! (cd "$t" && apt-get download erlang-snmp && dpkg -x erlang-snmp*.deb er) >"$t/log" 2>&1; then
		echo "1..0 # SKIP no base MIBs: apt-get download erlang-snmp: $(tail -n 1 "$t/log")"
		exit 0
	fi
	mkdir -p "$base"
	for f in "$t"/er/usr/lib/erlang/lib/snmp-*/mibs/*.mib; do
		cp "$f" "$base/$(basename "$f" .mib)"
	done
fi
n=0 failed=0
verdict() { # NAME 0|1
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; failed=1; fi
}
lint() { SMIPATH=$base smilint -l "$1" -s "$2" 2>&1; }
mib=$S/mib/SAFEKIT-MIB.txt

out=$(lint 6 "$mib"); [ -z "$out" ]; verdict "smilint -l 6 has nothing to say" $?
[ -z "$out" ] || echo "$out" | sed 's/^/# /'

# the same check must see what is wrong
w=$(mktemp -d "${TMPDIR:-/tmp}/mibXXXXXX")
sed 's/INDEX { skModuleId, skResourceIndex }/INDEX { skModuleId, skResourceNumber }/' "$mib" > "$w/SAFEKIT-MIB"
out=$(lint 6 "$w/SAFEKIT-MIB"); [ -n "$out" ]; verdict "smilint sees a wrong index" $?
sed 's/skResourceValue, skResourceHealth,/skResourceValue,/' "$mib" > "$w/SAFEKIT-MIB"
out=$(lint 6 "$w/SAFEKIT-MIB"); [ -n "$out" ]; verdict "smilint sees an object without group" $?

if command -v snmptranslate >/dev/null 2>&1; then
	cp "$mib" "$w/SAFEKIT-MIB"
	for pair in skModuleCurrentState.1=.1.3.6.1.4.1.107.175.10.1.1.3.1 skResourceName.1.2=.1.3.6.1.4.1.107.175.10.2.1.2.1.2 \
	    skTrapLogMesg=.1.3.6.1.4.1.107.175.10.0.1 skShareBuckets.1.2=.1.3.6.1.4.1.107.175.10.3.4.1.3.1.2 \
	    skModuleAction.7=.1.3.6.1.4.1.107.175.10.1.1.26.7; do
		got=$(MIBS=SAFEKIT-MIB MIBDIRS=$base:$w snmptranslate -On -IR "SAFEKIT-MIB::${pair%=*}" 2>/dev/null)	# a first run says on stderr which folders it made
		[ "$got" = "${pair#*=}" ]; verdict "snmptranslate: ${pair%=*} is ${pair#*=}" $?
	done
	got=$(MIBS=SAFEKIT-MIB MIBDIRS=$base:$w snmptranslate -Of -IR SAFEKIT-MIB::skModuleCurrentState.1 2>/dev/null)
	case $got in *.enterprises.bull.safe.safekit.skModuleTable.skModuleEntry.skModuleCurrentState.1) r=0 ;; *) r=1 ;; esac
	verdict "the path of the user's guide (10.8)" $r
fi

# the header's generator refuses what it does not understand
printf 'x MODULE-IDENTITY\n ::= { enterprises 1 }\na OBJECT-TYPE\n MAX-ACCESS read-only\n ::= { nobody 3 }\n' |
    { ! awk -f "$S/mib/oids.awk" >/dev/null 2>&1; }; verdict "oids.awk refuses an unknown parent" $?
sed 's/::= { skModuleEntry 4 }/::= { skModuleEntry 3 }/' "$mib" | { ! awk -f "$S/mib/oids.awk" >/dev/null 2>&1; }
verdict "oids.awk refuses a number given twice" $?
rm -rf "$w"
echo "1..$n"
exit $failed
