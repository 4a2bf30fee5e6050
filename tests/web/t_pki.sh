#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 120
#
# t_pki: initssl, makeusercert, checkcert, getipandnames, rmcerts, printcert with the real openssl (UG 11.3.2, 11.6).
# shellcheck disable=SC2317	# functions that check calls
# shellcheck source=tests/web/pki_lib.sh
. "$(dirname "$(readlink -f "$0")")/pki_lib.sh"
C=$S1/web/conf
PASSWORDS=$'pwd1-long\npwd2-long\npwd3-long'

# ---- lists of names ----
check "getipandnames" on 1 ./getipandnames
check "ipv4.json has the addresses" grep -q '"10.9.0.1"' "$C/ipv4.json"
check "ipnames.json has the name of the host" grep -q "\"$(uname -n)\"" "$C/ipnames.json"
printf '["public.example.org", "localhost"]\n' >"$C/ipnames.json"
check "getipandnames again" on 1 ./getipandnames
check "what was added by hand stays" grep -q '"public.example.org"' "$C/ipnames.json"
cp "$C/ipnames.json" "$D/names"
for bad in '["a b"]' '{"a":1}' '["x",]y' '["-x"]' 'nothing' '["a\n"]'; do
	printf '%s' "$bad" >"$C/ipnames.json"
	check_status 1 "a list that is wrong is refused: $bad" on 1 ./initssl req
done
cp "$D/names" "$C/ipnames.json"

# ---- the authority ----
check_status 1 "a password that is too short" on 1 ./initssl ca <<<short
check_status 1 "and nothing is left of it" test -e "$C/ca/private/cacert.key"
check "initssl ca" on 1 ./initssl ca '/O=My Company/OU=My Entity/CN=My Company Private Certificate Authority' <<<"$PASSWORDS"
behind() { openssl verify -attime "$(($(date +%s) - 400))" -CAfile "$C/cacert.crt" "$C/server.crt" "$C/cacert.crt"; }
check "it is good for a server whose clock is minutes behind" behind
check_is "$(modes "$C" | grep -E 'key|p12|csr' | grep -v '^600 ')" "" "keys, requests and pkcs12 files have mode 0600"
check_is "$(cd "$C/ca" && find . -type f | sort)" "./certs/cacert.crt
./certs/server_localca.crt
./certs/user_Admin_administrator.crt
./certs/user_Admin_system.crt
./certs/user_Control_manager.crt
./certs/user_Monitor_operator.crt
./private/cacert.key
./private/server_localca.csr
./private/server_localca.key
./private/user_Admin_administrator.csr
./private/user_Admin_administrator.key
./private/user_Admin_administrator.p12
./private/user_Admin_system.csr
./private/user_Admin_system.key
./private/user_Control_manager.csr
./private/user_Control_manager.key
./private/user_Control_manager.p12
./private/user_Monitor_operator.csr
./private/user_Monitor_operator.key
./private/user_Monitor_operator.p12" "the files of 11.6"
has "$(openssl x509 -in "$C/cacert.crt" -noout -subject)" "My Company Private Certificate Authority" "the subject that was wanted"
for t in server client CA CLCA; do check "checkcert -t $t" on 1 ./checkcert -t $t; done
check "checkcert -h" on 1 ./checkcert -h public.example.org
check "checkcert -i" on 1 ./checkcert -i 10.9.0.2
check_status 1 "checkcert -h of another name" on 1 ./checkcert -h other.example.org
check_status 1 "checkcert -i of another address" on 1 ./checkcert -i 10.9.0.3
check_status 2 "checkcert -i of what is no address" on 1 ./checkcert -i localhost
check_status 2 "checkcert without an option" on 1 ./checkcert server
ends() { date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s; }
years() { echo $((($(ends "$1") - $(date +%s)) / 86400 / 365)); }
check_is "$(years "$C/cacert.crt") $(years "$C/server.crt") $(years "$C/admin.crt")" "10 5 5" "10 years and 5 years"
check_status 1 "initssl ca over an authority is refused" on 1 ./initssl ca <<<"$PASSWORDS"
check "the pkcs12 file opens with its password" openssl pkcs12 -in "$C/ca/private/user_Control_manager.p12" -passin pass:pwd2-long -nodes -noout
check_status 1 "and with no other" openssl pkcs12 -in "$C/ca/private/user_Control_manager.p12" -passin pass:pwd1-long -nodes -noout
has "$(openssl x509 -in "$C/ca/certs/user_Control_manager.crt" -noout -subject -nameopt RFC2253)" "CN=manager,OU=Control" "role in OU, name in CN"
has "$(openssl x509 -in "$C/admin.crt" -noout -ext extendedKeyUsage)" "TLS Web Client Authentication" "admin.crt is for clients"
check "proxy.crtkey has both" test "$(grep -c BEGIN "$C/proxy.crtkey")" = 2

# ---- users ----
check "makeusercert" on 1 ./makeusercert mary.smith Monitor <<<"pass-of-mary"
check "its pkcs12 file" openssl pkcs12 -in "$C/ca/private/user_Monitor_mary.smith.p12" -passin pass:pass-of-mary -nodes -noout
for bad in '../x' 'a/b' '-x' '' 'a b' 'a..b' "\$(id)" $'a\nb' "$(printf 'x%.0s' {1..64})"; do
	check_status 2 "a name that is no name: ${bad@Q}" on 1 ./makeusercert "$bad" Admin
done
check_status 2 "a role that is none" on 1 ./makeusercert mary Root
check "makeusercert on a server without authority makes a request" on 2 ./makeusercert john Control
check "it is there" test -s "$S2/web/conf/ca/private/user_Control_john.csr"

# ---- renewal ----
fingerprint() { openssl x509 -in "$1" -noout -fingerprint; }
key_of() { openssl x509 -in "$1" -noout -pubkey | sha256sum; }
old=$(fingerprint "$C/server.crt") key=$(key_of "$C/server.crt")
check "initssl renew" on 1 ./initssl renew
[ "$(fingerprint "$C/server.crt")" != "$old" ]; check_is $? 0 "another certificate"
check_is "$(key_of "$C/server.crt")" "$key" "the same key"
check "initssl renew --newkey" on 1 ./initssl renew --newkey
[ "$(key_of "$C/server.crt")" != "$key" ]; check_is $? 0 "another key"
check "the other files are of the new key" on 1 ./checkcert -t server
check "initssl renewca" on 1 ./initssl renewca
check "... also for a server whose clock is minutes behind" behind
check "what was issued before is good" openssl verify -CAfile "$C/cacert.crt" "$C/ca/certs/user_Monitor_operator.crt"
check "checkcert -t client" on 1 ./checkcert -t client

# ---- what checkcert finds ----
has "$(on 1 ./checkcert -h other.example 2>&1)" "is not for other.example: expected one of IP:10.9.0.1" "a name that is not in the certificate, and those that are"
chmod 644 "$C/server.key"
has "$(on 1 ./checkcert -t server 2>&1)" "can be read by others" "a key that others can read"
chmod 600 "$C/server.key"
cp "$C/server.key" "$D/key" && cp "$C/admin.key" "$C/server.key"
has "$(on 1 ./checkcert -t server 2>&1)" "is not the key of" "a key of another certificate"
cp "$D/key" "$C/server.key"
cp "$C/server.crt" "$D/crt" && cp "$C/admin.crt" "$C/server.crt"
has "$(on 1 ./checkcert -t server 2>&1)" "is not good for sslserver" "a client's certificate as that of the server"
cp "$D/crt" "$C/server.crt"
cp "$C/server.crt" "$C/cacert.crt.old" && mv "$C/cacert.crt" "$D/ca" && cp "$C/server.crt" "$C/cacert.crt"
has "$(on 1 ./checkcert -t CA 2>&1)" "not one of an authority" "a certificate that is no authority"
cp "$D/ca" "$C/cacert.crt"
mv "$C/admin.crt" "$D/admin"
has "$(on 1 ./checkcert -t client 2>&1)" "is missing" "a file that is missing"
cp "$D/admin" "$C/admin.crt"
# the server's certificate as the client's (11.3.2.2): role by sslgroup.conf.  An external authority: of openssl alone
X=$D/x && mkdir "$X"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$X/ca.key" -out "$X/ca.crt" -subj "/CN=Enterprise CA" -days 30 >/dev/null 2>&1
openssl req -newkey rsa:2048 -nodes -keyout "$X/s.key" -out "$X/s.csr" -subj "/CN=s1.w.com" >/dev/null 2>&1
printf 'subjectAltName=DNS:s1.w.com,IP:10.9.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >"$X/ext"
openssl x509 -req -in "$X/s.csr" -CA "$X/ca.crt" -CAkey "$X/ca.key" -CAcreateserial -days 20 -extfile "$X/ext" -out "$X/s.crt" >/dev/null 2>&1
E=$S2/web/conf
for f in server admin; do cp "$X/s.crt" "$E/$f.crt" && install -m 600 "$X/s.key" "$E/$f.key"; done
cp "$X/ca.crt" "$E/cacert.crt" && cp "$X/ca.crt" "$E/clcacert.crt"
check "external PKI: server" on 2 ./checkcert -t server
check "external PKI: chain" on 2 ./checkcert -t CA
has "$(on 2 ./checkcert -t client 2>&1)" "has not the role Admin" "external PKI: a client without a role"
printf 'Admin:"s1.w.com" "s2.w.com" "MARY SMITH"\n' >"$E/sslgroup.conf"
check "external PKI: role by sslgroup.conf" on 2 ./checkcert -t client
if command -v faketime >/dev/null; then
	has "$(on 2 faketime +25d ./checkcert -t server 2>&1)" "has expired" "a certificate that has expired"
	has "$(on 2 faketime -2d ./checkcert -t server 2>&1)" "Certificate is not yet valid" "a clock that is behind"
else
	tap_skip "expired and not yet valid certificates" "no faketime here"
fi

# ---- printcert, rmcerts ----
out=$(on 1 "$S1/private/bin/printcert")
has "$out" "subject CN=$(uname -n)" "printcert shows the subject"
has "$out" "expires " "and the end"
check_is "$(grep -c 'PRIVATE' <<<"$out")" 0 "and no key"
mkdir -p "$S1/private/modules/mirror" && : >"$S1/private/modules/mirror/module.json"
has "$(on 1 "$S1/private/bin/printcert" -m mirror)" "derived from the cluster's" "printcert -m without a key"
printf '0%.0s' {1..64} >"$S1/private/modules/mirror/module.key"
has "$(on 1 "$S1/private/bin/printcert" -m mirror)" "own key" "printcert -m with a key"
check_status 2 "printcert of what is no module" on 1 "$S1/private/bin/printcert" -m ../x
mkdir -p "$C/ssl" && : >"$C/ssl/httpd.webconsolessl.conf"
check "rmcerts" on 1 "$S1/private/bin/rmcerts" -y
check_is "$(find "$C" -name '*.key' -o -name '*.crt' -o -name '*.p12' -o -name '*.csr' -o -name '*ssl.conf' -path '*/ssl/*')" "" "nothing is left"
has "$(on 1 "$S1/private/bin/printcert")" "no certificates in " "printcert says so"
check "and an authority can be made again" on 1 ./initssl ca <<<"$PASSWORDS"

# ---- safesecret ----
secret() { SAFE=$S1 SAFEVAR=$D/s1/var "$S1/private/bin/safesecret" "$@"; }
K=$S1/private/conf
check "safesecret set" secret set bindpwd <<<'Pass word "0"'
check_is "$(secret get bindpwd)" 'Pass word "0"' "safesecret get"
check_is "$(stat -c %a "$K/secrets" "$K/secrets/bindpwd" "$K/secrets.key" | tr '\n' ' ')" "700 600 600 " "modes"
check_is "$(grep -c Pass "$K/secrets/bindpwd")" 0 "it is not readable in the file"
cp "$K/secrets/bindpwd" "$K/secrets/other"
check_status 1 "a secret does not stand in for another" secret get other
rm "$K/secrets/other"
printf 'x' | dd of="$K/secrets/bindpwd" bs=1 seek=40 conv=notrunc 2>/dev/null
check_status 1 "a secret that was changed" secret get bindpwd
check "set again" secret set bindpwd <<<word1
check "another one" secret set openidsecret <<<word2
check "rekey" secret rekey "$D/new.key"
printf 'key = %s\n' "$D/new.key" >"$K/secrets.conf"
rm "$K/secrets.key"
check_is "$(secret get bindpwd) $(secret get openidsecret)" "word1 word2" "the new key, elsewhere"
chmod 644 "$D/new.key"
check_status 1 "a key that others can read is refused" secret get bindpwd
chmod 600 "$D/new.key"
check_is "$(secret list | sort | tr '\n' ' ')" "bindpwd openidsecret " "list"
check "del" secret del bindpwd
check_status 1 "it is gone" secret get bindpwd
for bad in ../x .x a/b ''; do check_status 1 "a name that is none: ${bad:-empty}" secret get "$bad"; done
printf 'key secrets\n' >"$K/secrets.conf"
check_status 1 "a configuration that is wrong" secret list
check_status 1 "an empty secret" secret set x </dev/null
tap_done
