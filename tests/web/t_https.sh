#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
#
# t_https: the certificates of initssl in the real web service with its real gateway: roles by client certificates, renewal while it runs, rmcerts
# back to HTTP (UG 11.3, 11.4.1, 8.2 notes 2.3.6).
# shellcheck disable=SC2317	# functions that until_ok and the end call
NEEDS="curl htpasswd"
# shellcheck source=tests/web/pki_lib.sh
. "$(dirname "$(readlink -f "$0")")/pki_lib.sh"
command -v apache2 >/dev/null 2>&1 || command -v httpd >/dev/null 2>&1 || tap_skip_all "Apache httpd is not installed"
[ -x "$S1/private/bin/safewebgate" ] || tap_skip_all "no gateway in the installed tree"
C=$S1/web/conf P=$S1/web/conf/ca/private
safekit() { SAFE=$S1 SAFEVAR=$D/s1/var "$S1/safekit" "$@"; }
ADMIN=
end_all() {
	safekit webserver stop
	[ -z "$ADMIN" ] || kill "$ADMIN"
}
CLEANUPS+=(end_all)
SAFE=$S1 SAFEVAR=$D/s1/var SAFE_BOOT_ID=https "$S1/private/bin/safeadmin" -f >"$D/admin.log" 2>&1 &
ADMIN=$!
until_ok 20 safekit module listid

check "initssl ca" on 1 ./initssl ca <<<$'pwd1-long\npwd2-long\npwd3-long'
mkdir -p "$C/ssl" && cp "$C/httpd.webconsolessl.conf" "$C/ssl/"
sed -i 's/^Define usefile/# Define usefile/' "$C/httpd.conf"
out=$(safekit webserver start 2>&1 </dev/null)
check_is "$?" 0 "the web service starts with HTTPS" || tap_diag "$out" "$(tail -n 5 "$D"/s1/var/web/error.log 2>&1)"
# session USER_BASENAME: status and role that the API tells the owner of a certificate
session() {
	local code
	code=$(curl -s -m 20 --cacert "$C/cacert.crt" ${1:+--cert "$C/ca/certs/$1.crt" --key "$P/$1.key"} -o "$D/body" -w '%{http_code}' https://10.9.0.1:9453/api/v1/session)
	echo "$code $(grep -oE '"role": *"[A-Za-z]+"' "$D/body" | cut -d'"' -f4)"
}
until_ok 20 curl -s --cacert "$C/cacert.crt" -o /dev/null https://10.9.0.1:9453/
check_is "$(session user_Admin_administrator)" "200 Admin" "the Admin's certificate gives Admin"
check_is "$(session user_Control_manager)" "200 Control" "the manager's gives Control"
check_is "$(session user_Monitor_operator)" "200 Monitor" "the operator's gives Monitor"
check_is "$(session user_Admin_system)" "200 Admin" "that of distributed commands gives Admin"
[[ $(session '') =~ ^40[13] ]]; check_is $? 0 "none gives nothing"
check_status 60 "a browser that does not know the authority warns" curl -s -m 20 -o /dev/null https://10.9.0.1:9453/
# a certificate of somebody else with the same names
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/f.key" -out "$D/f.crt" -subj /OU=Admin/CN=administrator -days 5 2>/dev/null
code=$(curl -s -m 20 --cacert "$C/cacert.crt" --cert "$D/f.crt" --key "$D/f.key" -o /dev/null -w '%{http_code}' https://10.9.0.1:9453/api/v1/session)
[[ $code =~ ^(000|40[13])$ ]]; check_is $? 0 "a certificate of another authority gives nothing ($code)"
code=$(curl -s -m 20 --cacert "$C/cacert.crt" --cert "$C/server.crt" --key "$C/server.key" -o /dev/null -w '%{http_code}' https://10.9.0.1:9453/api/v1/session)
[[ $code =~ ^(000|40[13])$ ]]; check_is $? 0 "nor does a server's ($code)"
for v in -tls1 -tls1_1; do
	check_status 1 "TLS: $v is refused" bash -c "openssl s_client -connect 10.9.0.1:9453 $v -cipher ALL:@SECLEVEL=0 </dev/null"
done

check "initssl renewca" on 1 ./initssl renewca
check "initssl renew --newkey" on 1 ./initssl renew --newkey
check "webserver restart" safekit webserver restart
shown() { openssl s_client -connect 10.9.0.1:9453 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint; }
renewed() { [ "$(shown)" = "$(openssl x509 -in "$C/server.crt" -noout -fingerprint)" ]; }
check "it shows the renewed certificate" until_ok 20 renewed
check_is "$(session user_Monitor_operator)" "200 Monitor" "a user's certificate is as good as before"

sed -i 's/^# Define usefile/Define usefile/' "$C/httpd.conf"
check "rmcerts" on 1 "$S1/private/bin/rmcerts" -y
clear_text() { [[ $(curl -s -m 5 -o /dev/null -w '%{http_code}' http://10.9.0.1:9010/api/v1/session) =~ ^40[13]$ ]]; }
check "the web service speaks HTTP, and asks who comes" until_ok 20 clear_text
check_status 7 "and HTTPS no more" curl -sk -m 5 -o /dev/null https://10.9.0.1:9453/
# the wizard while the web service runs: it is restarted with HTTPS, and the wizard does not wait for its end
check "rmcerts has given its lock back" flock -n "$D/s1/var/run/pki.lock" true
check "startcaserv" on 1 ./startcaserv <<<CA-password
CLEANUPS=('on 1 ./stopcaserv' "${CLEANUPS[@]}")
code=$(curl -sk -u CA_admin:CA-password -m 60 -o "$D/body" -w '%{http_code}' -F action=initca -F adminpassword=pwd1-long -F controlpassword=pwd2-long -F monitorpassword=pwd3-long \
	https://10.9.0.1:9001/caserv)
check_is "$code" 200 "the wizard: First server" || tap_diag "$(cat "$D/body")"
speaks_tls() { curl -s -m 5 --cacert "$C/cacert.crt" -o /dev/null https://10.9.0.1:9453/; }
check "the web service speaks HTTPS" until_ok 20 speaks_tls
check "stopcaserv" on 1 ./stopcaserv
check "and it goes on" speaks_tls
check "webserver stop" safekit webserver stop
tap_done
