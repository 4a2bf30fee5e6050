#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
#
# shellcheck disable=SC2317	# functions that until_ok and the end call
# t_expiry: a real safeadmin tells when the certificates of the web service expire: messages of level C (which safemail mails) and resources.
# shellcheck source=tests/web/pki_lib.sh
. "$(dirname "$(readlink -f "$0")")/pki_lib.sh"
[ -x "$S1/private/bin/safeadmin" ] || tap_skip_all "no safeadmin in the installed tree"
C=$S1/web/conf
ADMIN='' MAIL='' SMTPD=''
# hearts outlive safeadmin
end_all() {
	[ -z "$ADMIN" ] || kill "$ADMIN"
	for p in $MAIL $SMTPD $(pgrep -f "^$D/s1/safe/private/bin/"); do kill -KILL "$p"; done
}
CLEANUPS+=(end_all)
safekit() { SAFE=$S1 SAFEVAR=$D/s1/var "$S1/safekit" "$@"; }
start() {
	SAFE=$S1 SAFEVAR=$D/s1/var SAFE_BOOT_ID=t_expiry SAFE_JOURNAL_SOCKET=$D/none SAFE_DEVLOG=$D/log "$S1/private/bin/safeadmin" -f >>"$D/admin.log" 2>&1 &
	ADMIN=$!
	until_ok 20 safekit module listid
}
stop() { kill "$ADMIN"; wait "$ADMIN"; }
# make DAYS SECONDS NAME: a certificate that is good for so long and a little less
make() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/k" -out "$D/c" -subj "/CN=$2" -days "$1" 2>/dev/null
	mv "$D/c" "$C/$2.crt"
}
lines() { safekit log -A -s 1000 | grep -c "Certificate $1"; }
lines_are() { [ "$(lines "$2")" = "$1" ]; }
value() { safekit state -m light -v | sed -n "s/^[ 	]*$1=\([^ ]*\).*/\1/p"; }
value_is() { [ "$(value "$1")" = "$2" ]; }
mkdir -p "$C"

# the real safemail with a rule of defaults, reading what safeadmin writes; a mail server that keeps what it gets
start_mail() {
	/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null && [ -x "$S1/private/bin/safemail" ] || return 1
	mkdir -p "$D/box"
	"$TOP/tests/agent/smtpd.py" "$D/box" 2>"$D/smtpd.log" &
	SMTPD=$!
	until_ok 20 test -s "$D/box/port" || return 1
	printf '[server]\nhost = 127.0.0.1\nport = %s\ntls = none\n[mail]\nsource = socket:%s\nfrom = safekit@example.org\n[rule all]\nto = admin@example.org\nwindow = 1s\n' \
		"$(cat "$D/box/port")" "$D/log" >"$D/safemail.conf"
	"$S1/private/bin/safemail" --no-drop -c "$D/safemail.conf" -d "$D/spool" 2>"$D/safemail.log" &
	MAIL=$!
	until_ok 20 test -S "$D/log"
}
mailed() {	# TEXT: in a mail (quoted-printable: without the ends of its lines)
	cat "$D"/box/*.eml | tr -d '\r' | sed -e ':a' -e '/=$/{N;s/=\n//;ba' -e '}' | grep -qF "$1"
}
MAILS=no
if start_mail; then MAILS=yes; fi

make 40 server
make 20 admin
start || { tap_not_ok "safeadmin starts" "$(cat "$D/admin.log")"; tap_done; }
check "20 days left: said" until_ok 10 lines_are 1 "admin expires in 20 days"
check_is "$(lines server)" 0 "40 days left: nothing is said"
check_is "$(safekit log -s 1000 | grep -c 'Certificate admin')" 1 "its level is one of those that are shown without being asked for"
safekit log -A --json | grep -A6 -B6 'Certificate admin' | grep -q '"level": *"C"'
check_is $? 0 "it is C: safemail mails it"
if [ $MAILS = yes ]; then
	check "a mail tells it" until_ok 20 mailed "Certificate admin expires in 20 days"
else
	tap_skip "a mail tells it" "safemail or python3-aiosmtpd is missing: $(tail -n 1 "$D/safemail.log" 2>/dev/null)"
fi
check "module install" safekit module install -m light
check "config" safekit config -m light
check "resource of the module: up" until_ok 20 value_is cert.server up
check_is "$(value cert.server_days)" 39 "days that are left"
make 6 server
check "a file that changes is seen at once: 7 days" until_ok 10 lines_are 1 "server expires in 6 days"
check "and its resource" until_ok 10 value_is cert.server_days 5
openssl req -x509 -new -key "$D/k" -subj /CN=old -days 1 -out "$C/cacert.crt" 2>/dev/null
check "1 day" until_ok 10 lines_are 1 "cacert expires in 1 days"
stop
start
check "after a restart its resources are there again" until_ok 20 value_is cert.admin up
check_is "$(lines 'admin expires')$(lines 'server expires')$(lines 'cacert expires')" "111" "what was told is not told again"
stop
sed -i '/"admin"/,/}/s/"told": [0-9]*/"told": 0/' "$D/s1/var/certificates.json"
check "as if the clock had once been ahead: admin was called expired" grep -q '"told": 0' "$D/s1/var/certificates.json"
start
check "... and is told of when its time comes" until_ok 10 lines_are 2 "admin expires in 20 days"
# one that has expired, as openssl of any version can make it
touch "$D/index" && printf '01\n' >"$D/serial"
cat >"$D/ca.cnf" <<-EOF
	[ca]
	default_ca=c
	[c]
	database=$D/index
	serial=$D/serial
	new_certs_dir=$D
	default_md=sha256
	policy=p
	[p]
	commonName=supplied
EOF
openssl req -new -key "$D/k" -subj /CN=gone -config /dev/null -out "$D/gone.csr" 2>/dev/null
openssl ca -batch -config "$D/ca.cnf" -selfsign -keyfile "$D/k" -in "$D/gone.csr" -startdate 20200101000000Z -enddate 20210101000000Z -out "$D/gone.crt" >/dev/null 2>&1
mv "$D/gone.crt" "$C/server.crt"
check "expired: said" until_ok 10 lines_are 1 "server has expired"
check "and its resource is down" until_ok 10 value_is cert.server down
echo nonsense >"$C/server.crt"
check "a file that is no certificate: unknown" until_ok 10 value_is cert.server unknown
make 400 server
check "renewed: up" until_ok 10 value_is cert.server up
check_is "$(safekit state -m light -lq)" STOP "no failover rule minds"
safekit shutdown -t 20 >/dev/null
stop
check_is "$(grep -ci -e error -e sanitizer "$D/admin.log")" 0 "safeadmin has nothing else to say"
tap_done
