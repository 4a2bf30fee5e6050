#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
#
# t_firewall: firewallcfg with the real nft, iptables and firewalld in a namespace: added twice is added once, removal leaves nothing, rules of
# others stay, a port is open to a real connection; modules follow their configuration (UG 10.2, 8.2 notes).
# shellcheck disable=SC2317	# functions that check calls
# shellcheck source=tests/web/pki_lib.sh
. "$(dirname "$(readlink -f "$0")")/pki_lib.sh"
safekit() { SAFE=$S1 SAFEVAR=$D/s1/var "$S1/safekit" "$@"; }
fw() { SAFE=$S1 SAFEVAR=$D/s1/var "$S1/private/bin/firewallcfg" "$@"; }
[ -x "$S1/safekit" ] || tap_skip_all "no safekit in the installed tree"
mkdir -p "$S1/web/conf"
printf 'define httpadminport "9010"\n# Define httpcontrolport 9011\nDefine httpsport 9453\n' >"$S1/web/conf/httpd.conf"
ADMIN=
end_all() {
	[ -z "$ADMIN" ] || kill "$ADMIN"
	for p in $(pgrep -f "^$D/s1/safe/private/bin/"); do kill -KILL "$p"; done
}
CLEANUPS+=(end_all)
cat >"$D/cluster.xml" <<-EOF
	<?xml version="1.0" encoding="UTF-8"?>
	<cluster><lans><lan name="default"><node name="n1" addr="10.9.0.1"/><node name="n2" addr="10.9.0.3"/></lan></lans></cluster>
EOF
SAFE=$S1 SAFEVAR=$D/s1/var SAFE_BOOT_ID=fw "$S1/private/bin/safeadmin" -f >"$D/admin.log" 2>&1 &
ADMIN=$!
until_ok 20 safekit module listid
check "cluster config" safekit cluster config "$D/cluster.xml"
check "module install" safekit module install -m farm
configure() { sed -i 's/addr="[^"]*"/addr="10.9.0.77"/' "$S1/modules/farm/conf/userconfig.xml"; safekit config -m farm; }

# ---- nft ----
rules() { nft list ruleset; }
filter() {
	nft flush ruleset
	nft -f - <<-EOF
	table inet mine {
		chain input {
			type filter hook input priority 0; policy drop;
			iif lo udp dport 7 accept comment "not ours"
		}
		chain forward { type filter hook forward priority 0; policy drop; }
	}
	EOF
}
if command -v nft >/dev/null && nft list ruleset >/dev/null 2>&1 && filter 2>/dev/null; then
	before=$(rules)
	check "nft: list finds it" test "$(fw list | head -n 1)" = nft
	check "nft: add" fw add
	has "$(rules)" 'udp dport 4800 accept comment "safekit:core"' "nft: safeadmin's port"
	has "$(rules)" 'tcp dport 9010 accept comment "safekit:core"' "nft: the port of the web service"
	check_is "$(rules | grep -c 9453)" 0 "nft: and none that is not in use"
	once=$(rules)
	check "nft: add again" fw add
	check_is "$(rules | sort)" "$(sort <<<"$once")" "nft: added twice is added once"
	check_is "$(rules | grep -c 'safekit:module')" 0 "nft: no rule of a module that is not configured"
	echo 'udp 4999' >"$D/s1/var/firewall/module.farm.new"	# of a module of that name
	out=$(configure 2>&1)
	check_is "$?" 0 "nft: a module is configured" || tap_diag "$out"
	has "$(rules)" 'udp dport 4803 accept comment "safekit:module.farm"' "nft: its port is open at once"
	fw reload
	has "$(rules)" 'udp dport 4999 accept comment "safekit:module.farm.new"' "nft: a module whose name is another's with .new behind it is not forgotten"
	fw del farm.new
	check "nft: deconfig" safekit deconfig -m farm
	check_is "$(rules | grep -c 'safekit:module')" 0 "nft: and closed"
	mkdir -p "$S1/web/conf/ssl" && : >"$S1/web/conf/ssl/httpd.webconsolessl.conf"
	check "nft: add with HTTPS" fw add
	check_is "$(rules | grep -c 'tcp dport 9453')$(rules | grep -c 'tcp dport 9010')" 10 "nft: the port of HTTPS instead of that of HTTP"
	rm "$S1/web/conf/ssl/httpd.webconsolessl.conf"
	check "nft: add with HTTP" fw add
	check "nft: add safeagent" fw add safeagent
	has "$(rules)" 'udp dport 3600 accept comment "safekit:safeagent"' "nft: its port"
	check_status 1 "nft: add of a module that is not there" fw add nomodule
	check_status 1 "nft: a name that is none" fw add '../x;id'
	filter
	check_is "$(rules)" "$before" "nft: a new boot has forgotten all"
	check "nft: reload" fw reload
	has "$(rules)" 'safekit:safeagent' "nft: and it is there again"
	# a real connection, which the policy drops else
	if command -v python3 >/dev/null; then
		python3 -c 'import signal,socket; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("10.9.0.1", 9010)); s.listen(); print(1, flush=True); signal.pause()' >"$D/listening" &
		listener=$!
		CLEANUPS+=("kill $listener")
		until_ok 5 grep -q 1 "$D/listening"
		reach() { timeout 1 bash -c 'exec 3<>/dev/tcp/10.9.0.1/9010'; }
		nft add rule inet mine input tcp dport 32768-60999 accept	# answers
		check "nft: the port can be reached" until_ok 5 reach
		fw del >/dev/null
		check_is "$(reach 2>/dev/null && echo open)" "" "nft: not any more after del"
		kill "$listener"
	else
		tap_skip "nft: connections" "no python3 here"
	fi
	filter && fw add && fw add safeagent
	check "nft: del" fw del
	check "nft: del safeagent" fw del safeagent
	check_is "$(rules)" "$before" "nft: nothing is left, what was there stays"
	check_is "$(find "$D/s1/var/firewall" -type f ! -name .lock)" "" "nft: and no file"
	nft flush ruleset
	check_is "$(fw add 2>&1)" "No firewall is active: there is nothing to open" "no firewall: it says so"
	fw del
else
	tap_skip "nft" "nft cannot be used here"
fi

# ---- iptables ----
for kind in legacy nft; do
	mkdir -p "$D/bin$kind"
	for p in iptables ip6tables; do
		x=$(command -v "$p-$kind") && ln -sf "$x" "$D/bin$kind/$p"
	done
	run() { PATH=$D/bin$kind:$PATH SAFE_FIREWALL=iptables "$@"; }
	save() { run iptables -w -S; run ip6tables -w -S; }
	if [ ! -e "$D/bin$kind/iptables" ] || ! run iptables -w -P INPUT DROP 2>/dev/null || ! run ip6tables -w -P INPUT DROP 2>/dev/null; then
		tap_skip "iptables-$kind" "it cannot be used here"
		continue
	fi
	run iptables -w -A INPUT -p udp --dport 7 -m comment --comment "not ours" -j ACCEPT
	before=$(save)
	check "iptables-$kind: add" run fw add
	has "$(save)" '--dport 4800 -m comment --comment "safekit:core" -j ACCEPT' "iptables-$kind: safeadmin's port" ||
		has "$(save)" 'safekit:core' "iptables-$kind: its mark"
	check_is "$(save | grep -c -- '-A INPUT -j SAFEKIT')" 2 "iptables-$kind: looked at first, for IPv4 and IPv6"
	once=$(save)
	check "iptables-$kind: add again" run fw add
	check_is "$(save)" "$once" "iptables-$kind: added twice is added once"
	check "iptables-$kind: add safeagent" run fw add safeagent
	check "iptables-$kind: del" run fw del
	check_is "$(save | grep -c safekit:core)" 0 "iptables-$kind: only that is removed"
	check_is "$(save | grep -c safekit:safeagent)" 4 "iptables-$kind: the rest stays"
	check "iptables-$kind: del safeagent" run fw del safeagent
	check_is "$(save)" "$before" "iptables-$kind: nothing is left, what was there stays"
	run fw add >/dev/null
	run iptables -w -A INPUT -j SAFEKIT
	run ip6tables -w -F INPUT
	check "iptables-$kind: del, after others restored a rule and flushed a chain" run fw del
	check_is "$(save)" "$before" "iptables-$kind: nothing is left"
	run fw add >/dev/null
	run iptables -w -F && run ip6tables -w -F
	check "iptables-$kind: reload, after others flushed all" run fw reload
	has "$(run iptables -w -S)" '-A INPUT -j SAFEKIT' "iptables-$kind: it is there again"
	check "iptables-$kind: and gone" run fw del
	check_is "$(save | grep -c SAFEKIT)" 0 "iptables-$kind: nothing is left"
	run iptables -w -P INPUT ACCEPT; run iptables -w -F; run ip6tables -w -P INPUT ACCEPT
done

# ---- firewalld: on a bus of its own ----
start_firewalld() {
	command -v firewalld >/dev/null && command -v dbus-daemon >/dev/null || return 1
	mkdir -p "$D/run" "$D/etc" && cp -a /etc/firewalld/. "$D/etc/" && mount --bind "$D/etc" /etc/firewalld && mount --bind "$D/run" /run || return 1
	mkdir -p /run/dbus
	dbus-daemon --system --nofork --nopidfile >"$D/dbus.log" 2>&1 &
	CLEANUPS+=("kill $!")
	until_ok 5 test -S /run/dbus/system_bus_socket || return 1
	firewalld --nofork --nopid >"$D/firewalld.log" 2>&1 &
	CLEANUPS+=("kill $!")
	until_ok 20 firewall-cmd --state
}
if start_firewalld; then
	known() { firewall-cmd --list-all; firewall-cmd --permanent --list-all; firewall-cmd --permanent --get-services; (cd /etc/firewalld && find . -name '*safekit*'); }
	firewall-cmd --permanent --add-port=7/udp >/dev/null && firewall-cmd --reload >/dev/null
	before=$(known)
	check "firewalld: it is chosen" test "$(fw list | head -n 1)" = firewalld
	check "firewalld: add" fw add
	check "firewalld: its service is in the zone" firewall-cmd --query-service=safekit-core
	check "firewalld: for good" firewall-cmd --permanent --query-service=safekit-core
	has "$(firewall-cmd --info-service=safekit-core)" "4800/udp" "firewalld: safeadmin's port"
	once=$(known)
	check "firewalld: add again" fw add
	check_is "$(known)" "$once" "firewalld: added twice is added once"
	check "firewalld: del" fw del
	check_is "$(known)" "$before" "firewalld: nothing is left, what was there stays"
else
	tap_skip "firewalld" "it cannot be run here: $(tail -n 1 "$D/firewalld.log" "$D/dbus.log" 2>/dev/null | tr '\n' ' ' | cut -c 1-150)"
fi
tap_done
