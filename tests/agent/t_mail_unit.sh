#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What an administrator copies for safemail: the unit's hardening, a sample that is read and shows the defaults.
# shellcheck disable=SC2119,SC2317	# options that a test does not use; functions that check calls
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"

UNIT=$B/contrib/systemd/safemail.service
if ! command -v systemd-analyze >/dev/null; then
	tap_skip "systemd-analyze security" "systemd is not installed"
elif [ ! -e "$UNIT" ]; then
	tap_not_ok "the unit is built"
else
	check "systemd-analyze security: below 3.0" systemd-analyze security --offline=true --threshold=29 "$UNIT"
	score=$(systemd-analyze security --offline=true "$UNIT" | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p')
	echo "# exposure level $score"
	# the test can fail: without its hardening the unit is above
	sed '/^\(No\|Protect\|Private\|Restrict[A-Z]\|System\|Capability\|Memory\|Lock\)/d' "$UNIT" >"$D/bare.service"
	check_status 1 "a unit without hardening is above" systemd-analyze security --offline=true --threshold=29 "$D/bare.service"
fi
SAMPLE=$S/contrib/mail/safemail.conf.sample
sample_takes() { "$SAFEMAIL" --no-drop -c "$1" --dry-run --since 1; }
{ sed 's|^#source = .*|source = file:/dev/null|' "$SAMPLE"; } >"$D/as-is.conf"
: >"$D/log"
sed -i "s|file:/dev/null|file:$D/log|" "$D/as-is.conf"
check "the sample is read" sample_takes "$D/as-is.conf"
# each word that is commented out, with the value that it shows, is one that the configuration takes
sed -E 's/^#(([a-z-]+) = )/\1/; s/^#\[/[/' "$D/as-is.conf" | sed '/^credential/d' >"$D/all.conf"
check "and with everything that is commented out" sample_takes "$D/all.conf"
while read -r word; do
	grep -q "^\.It Cm.*\b$word\b" "$S/notifier/safemail.8" || echo "$word"
done >"$D/undocumented" < <(sed -nE 's/^#?([a-z-]+) = .*/\1/p' "$SAMPLE" | sort -u)
check_is "$(cat "$D/undocumented")" "" "each word of the sample is in the man page"
# ---- the sandbox and the user ----
RUNTIME=$(sed -n 's/^RuntimeDirectory=//p' "$UNIT")
# shellcheck disable=SC2016	# the dollar is rsyslog's
SOCKET=$(sed -n 's/^ *\$OMUxSockSocket //p' "$S/doc/ALERTS.md")
check_is "${SOCKET%/*}" "/run/$RUNTIME" "the documented socket is where the unit may make one"
check "and so is the sample's" grep -q "socket:$SOCKET" "$SAMPLE"
# started by root it becomes safekit, who must still be able to read what root and adm may
as_safekit() {	# as_safekit CONF: with a user safekit in a mount namespace of its own
	# shellcheck disable=SC2016	# for the inner shell
	unshare -m sh -c 'mount --bind "$0" /etc/passwd && exec "$1" -c "$2" --dry-run --since 3600' "$D/passwd" "$SAFEMAIL" "$1"
}
cp /etc/passwd "$D/passwd"
grep -q '^safekit:' "$D/passwd" || echo "safekit:x:64321:64321::/:/usr/sbin/nologin" >>"$D/passwd"
if [ "$(id -u)" != 0 ] || ! unshare -m mount --bind "$D/passwd" /etc/passwd 2>/dev/null; then
	tap_skip "the user safekit reads files of syslog" "not root, or no mounts here"
else
	chmod 755 "$D"
	printf '%s n1 safekit: | mirror | heart | C | hello | 533\n' "$(date -d '-10 min' +%Y-%m-%dT%H:%M:%S.%6N%:z)" >"$D/log"
	chown root:adm "$D/log"
	chmod 640 "$D/log"
	printf '[server]\nhost = 127.0.0.1\n[mail]\nnode = n1\nsource = file:%s\n[rule a]\nto = a@example.org\n' "$D/log" >"$D/user.conf"
	as_safekit "$D/user.conf" >"$D/user.out" 2>&1
	check "the user safekit reads files of syslog" grep -q "^Subject: n1: mirror: hello" "$D/user.out"
	chmod 600 "$D/log"
	as_safekit "$D/user.conf" >"$D/user.out" 2>&1
	check "and is not root" grep -q "$D/log: Permission denied" "$D/user.out"
fi
tap_done
