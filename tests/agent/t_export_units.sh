#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The exporter's units: systemd understands them, they are hardened, and what the user's guide (10.7) names is installed by its name.
# shellcheck disable=SC2016	# for the shell that make runs
NEEDS="systemd-analyze ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

[ -f "$B/contrib/systemd/safeexport.service" ] || skip_all "the units were not made"
for unit in safeexport safeKairosDBd; do
	cp "$B/contrib/systemd/$unit.service" "$D/"
	# the programs need not be installed here
	said=$(systemd-analyze verify "$D/$unit.service" 2>&1 | grep -F "$unit" | grep -v -e 'is not executable' -e 'man safeexport')
	same "$unit: systemd has nothing to say" "$said" ""
	exposure=$(systemd-analyze security --offline=yes "$D/$unit.service" 2>&1 | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\).*/\1/p')
	has "$unit: a wrong configuration is told once, not each second" "$(cat "$D/$unit.service")" "RestartPreventExitStatus=2"
	note "$unit: systemd-analyze security $exposure"
	check "$unit: exposure under 3.0" awk 'BEGIN { exit !(ARGV[1] != "" && ARGV[1] + 0 < 3) }' "$exposure"
done
has "the URL to change is the documented one" "$(cat "$D/safeKairosDBd.service")" "--kairosdb http://127.0.0.1:8080"
has "the folder of the spool is there, whoever starts the exporter" "$(cat "$S/contrib/systemd/safekit.tmpfiles.in")" "@safevardir@/export  0750 safekit safekit"
line=$(sed -n 's|^ExecStart=[^ ]*/safeexport ||p' "$D/safeKairosDBd.service")
check "its options are right" sh -c '"$0" '"$line"' --check' "$B/safeexport"
sed -n 's/^#\([a-z_]* = .*\)/\1/p; s/^#\(\[sink .*\)/\1/p' "$S/contrib/export/safeexport.conf.sample" > "$D/all.conf"
check "the sample, with all that is commented out" "$B/safeexport" -c "$D/all.conf" --check
missing=$(grep -o '{ "[a-z_]*", I_' "$S/agent/export/conf.c" | cut -d '"' -f 2 | sort -u | while read -r name; do
	grep -qw "$name" "$S/agent/export/safeexport.8" && grep -qw "$name" "$S/contrib/export/safeexport.conf.sample" || echo "$name"
done)
same "each name of the configuration is in the manual and in the sample" "$missing" ""
finish_tests
