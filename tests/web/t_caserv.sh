#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
#
# t_caserv: the CA web service with the real Apache, curl and openssl; a second server gets its certificates from it; what strangers and other
# sites send is refused (UG 11.3.1, 11.6.5).
NEEDS="apache2 curl htpasswd"
command -v apache2 >/dev/null 2>&1 || NEEDS="httpd curl htpasswd"
# shellcheck source=tests/web/pki_lib.sh
. "$(dirname "$(readlink -f "$0")")/pki_lib.sh"
C=$S1/web/conf P=$S1/web/conf/ca/private
URL=https://10.9.0.1:9001
CLEANUPS+=('on 1 ./stopcaserv')
"$S1/private/bin/safewebserver" user >/dev/null 2>&1 || tap_skip_all "no user for the web server here"
export SAFE_FIREWALL=

out=$(on 1 ./startcaserv <<<"CA-Pass:w0rd \"\\x" 2>&1)
check_is "$?" 0 "startcaserv" || { tap_diag "$out" "$(tail -n 5 "$D/s1/var/log/caserv_error.log" 2>&1)"; tap_done; }
PRINT=$(grep -oE '([0-9A-F]{2}:){31}[0-9A-F]{2}' <<<"$out")
check "it shows the fingerprint of its certificate" test -n "$PRINT"
check_status 1 "a second startcaserv is refused" on 1 ./startcaserv <<<"another-password"
check_is "$(stat -c %a "$C/caserv.key") $(stat -c %a "$C/caserv.user") $(stat -c %a "$D/s1/var/run/web/caserv.sock")" "600 640 600" "modes of key, hash and socket"
# shellcheck disable=SC2016	# bcrypt writes $
check "the password is kept as a bcrypt hash" grep -q '^CA_admin:\$2y\$12\$' "$C/caserv.user"
child=$(pgrep -P "$(cat "$D/s1/var/run/web/safecaserv.pid")" | head -n 1)
[ "$(awk '/^Uid:/ { print $2 $3 $4 }' "/proc/$child/status")" != 000 ]; check_is $? 0 "the process that reads forms is not root"
check_is "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$child/status") $(awk '/^CapPrm:/ { print $2 }' "/proc/$child/status")" "1 0000000000000000" "and cannot become it again"

printf 'user = "CA_admin:CA-Pass:w0rd \\"\\\\x"\n' >"$D/curlrc"
# code FILE ARGS...: status of an answer, its body in $D/body
as() { curl -sk -K "$D/curlrc" -m 60 -o "$D/body" -w '%{http_code}' "$@"; }
nobody() { curl -sk -m 20 -o "$D/body" -w '%{http_code}' "$@"; }
form() { local a=$1; shift; as -F "action=$a" "$@" "$URL/caserv"; }

# ---- who may come in, and how ----
for path in / /advanced.html /getcsr.html /certs/cacert.crt /nothing; do
	check_is "$(nobody "$URL$path")" 401 "without a password: $path"
done
check_is "$(nobody -F action=list "$URL/caserv")" 401 "without a password: a form"
check_is "$(curl -sk -m 20 -u CA_admin:wrong -o /dev/null -w '%{http_code}' "$URL/")" 401 "with a wrong password"
check_is "$(curl -sk -m 20 -u root:x -o /dev/null -w '%{http_code}' "$URL/")" 401 "as another user"
for path in / /advanced.html /getcsr.html; do
	check_is "$(as "$URL$path")" 200 "the page $path"
	check "it has forms" grep -q 'action="caserv"' "$D/body"
done
check_is "$(as "$URL/legacy.html")" 302 "legacy.html goes to the advanced page"
has "$(curl -sk -K "$D/curlrc" -D - -o /dev/null "$URL/")" "frame-ancestors 'self'" "pages have a content security policy"
for v in -tls1 -tls1_1; do
	check_status 1 "TLS: $v is refused" bash -c "openssl s_client -connect 10.9.0.1:9001 $v -cipher ALL:@SECLEVEL=0 </dev/null"
done
for v in -tls1_2 -tls1_3; do check "TLS: $v" bash -c "openssl s_client -connect 10.9.0.1:9001 $v </dev/null"; done
for path in /certs/ /certs/../private/cacert.key /certs/..%2fprivate%2fcacert.key /certs/%2e%2e/private/cacert.key /private/cacert.key /conf/ca/private/cacert.key \
	/certs/.htaccess /caserv.css/.. /../conf/caserv.key; do
	code=$(as --path-as-is "$URL$path")
	[[ $code =~ ^(400|403|404)$ ]] || grep -q '<h1>' "$D/body"
	check_is "$?" 0 "not given away: $path ($code)"
	check_is "$(grep -c 'PRIVATE KEY' "$D/body")" 0 "no key in the answer"
done
for m in GET PUT DELETE TRACE OPTIONS; do
	code=$(as -X $m "$URL/caserv")
	[[ $code =~ ^40[35]$ ]]; check_is $? 0 "method $m on /caserv is refused ($code)"
done

# ---- other sites ----
check_is "$(form list -H 'Origin: https://evil.example')" 403 "a form of another site (Origin)"
check_is "$(form list -H 'Origin: null')" 403 "a form of a hidden origin"
check_is "$(form list -H 'Origin: http://10.9.0.1:9001')" 403 "a form that came in clear"
check_is "$(form list -H 'Sec-Fetch-Site: cross-site')" 403 "a form of another site (Sec-Fetch-Site)"
check_is "$(form list -H 'Sec-Fetch-Site: same-site')" 403 "a form of a neighbour"
check_is "$(form list -H "Origin: $URL" -H 'Sec-Fetch-Site: same-origin')" 200 "a form of our own page"

# ---- before there is an authority ----
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/k" -out "$D/good.csr" -subj /CN=n9 -addext subjectAltName=DNS:n9,IP:10.9.0.9 2>/dev/null
check_is "$(form signrequest -F name=server_n9 -F "servercsr=<$D/good.csr")" 422 "nothing is signed without an authority"
check_is "$(form initca -F adminpassword=short -F controlpassword=long-enough -F monitorpassword=long-enough)" 422 "a password that is too short"
check_is "$(form initca -F adminpassword=long-enough -F controlpassword=long-enough)" 422 "a password that is missing"
# shellcheck disable=SC2016	# for the other side to expand
check_is "$(form initca -F 'subject=/CN=$(touch /tmp/x)' -F adminpassword=long-enough -F controlpassword=long-enough -F monitorpassword=long-enough)" 422 "a subject that is a command"

# ---- the wizard on the first server ----
check_is "$(form initca -F adminpassword=pwd1-long -F controlpassword=pwd2-long -F monitorpassword=pwd3-long)" 200 "First server: Confirm" || tap_diag "$(cat "$D/body")"
for t in server client CA CLCA; do check "checkcert -t $t" on 1 ./checkcert -t $t; done
check "the pkcs12 file has the password of the form" openssl pkcs12 -in "$P/user_Control_manager.p12" -passin pass:pwd2-long -nodes -noout
check "the web service is switched to HTTPS" cmp -s "$C/httpd.webconsolessl.conf" "$C/ssl/httpd.webconsolessl.conf"
check_is "$(form initca -F adminpassword=pwd1-long -F controlpassword=pwd2-long -F monitorpassword=pwd3-long)" 422 "and not a second time"
check_is "$(as "$URL/certs/cacert.crt")" 200 "/certs/cacert.crt"
check "is the authority's certificate" cmp -s "$D/body" "$C/ca/certs/cacert.crt"

# ---- requests to be signed ----
sign() { form signrequest -F "name=$1" -F "$2=<$3"; }
check_is "$(sign server_n9 servercsr "$D/good.csr")" 200 "a request of a server"
check "its certificate is good" openssl verify -CAfile "$C/cacert.crt" -purpose sslserver -verify_hostname n9 "$D/body"
check_is "$(openssl x509 -in "$D/body" -noout -pubkey)" "$(openssl pkey -in "$D/k" -pubout)" "it is for the key of the request"
check_is "$(as --data-urlencode action=signrequest --data-urlencode name=server_n9 --data-urlencode "servercsr@$D/good.csr" "$URL/caserv")" 200 "the same in the other form encoding"
req() { openssl req -new -key "$D/k" -out "$D/$1.csr" -subj "$2" -config /dev/null "${@:3}" 2>"$D/req.err" || tap_diag "$(cat "$D/req.err")"; }
req ca /CN=n9 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign -addext extendedKeyUsage=clientAuth -addext subjectAltName=DNS:n9
check_is "$(sign server_n9 servercsr "$D/ca.csr")" 200 "a request that wants to be an authority"
text=$(openssl x509 -in "$D/body" -noout -text)
has "$text" "CA:FALSE" "is none"
[[ $text != *"Client Auth"* && $text != *"Certificate Sign"* ]]; check_is $? 0 "and gets no usage that it asks for"
req admin /OU=Admin/CN=n9 -addext subjectAltName=DNS:n9
check_is "$(sign server_n9 servercsr "$D/admin.csr")" 200 "a server that wants a role"
[[ $(openssl x509 -in "$D/body" -noout -subject) != *Admin* ]]; check_is $? 0 "has none"
req wild /CN=n9 -addext 'subjectAltName=DNS:*.example.org'
check_is "$(sign server_n9 servercsr "$D/wild.csr")" 422 "a wildcard"
req mail /CN=n9 -addext subjectAltName=email:root@example.org
check_is "$(sign server_n9 servercsr "$D/mail.csr")" 422 "an alternative name that is no host"
req noname "/CN=a b"
check_is "$(sign server_n9 servercsr "$D/noname.csr")" 422 "a server without a name"
req many /CN=n9 -addext "subjectAltName=$(printf 'DNS:n%d,' {1..200})DNS:x"
check_is "$(sign server_n9 servercsr "$D/many.csr")" 422 "too many names"
req user /OU=Control/CN=joe
check_is "$(sign user_Control_joe usercsr "$D/user.csr")" 200 "a request of a user"
check "its certificate is good" openssl verify -CAfile "$C/cacert.crt" -purpose sslclient "$D/body"
check_is "$(sign user_Admin_joe usercsr "$D/user.csr")" 422 "a role that is not that of the name"
req root /OU=Root/CN=joe
check_is "$(sign user_Admin_joe usercsr "$D/root.csr")" 422 "a role that there is not"
req two /OU=Control/OU=Admin/CN=joe
check_is "$(sign user_Control_joe usercsr "$D/two.csr")" 422 "two roles"
check_is "$(sign server_localca servercsr "$D/good.csr")" 422 "the name of the authority's own server"
# shellcheck disable=SC2016
for bad in ../x server_../x 'server_;id' cacert 'server_$(id)' "server_a b" "$(printf 'server_%0200d' 1)" '' 'user_Root_x'; do
	check_is "$(sign "$bad" servercsr "$D/good.csr" | sed 's/400/422/')" 422 "a name that is none: ${bad:0:40}"
done
sed '3s/./A/5; 3s/./B/9' "$D/good.csr" >"$D/torn.csr"
check_is "$(sign server_n9 servercsr "$D/torn.csr")" 422 "a request that was changed"
openssl genrsa -out "$D/weak" 1024 2>/dev/null
openssl req -new -key "$D/weak" -out "$D/weak.csr" -subj /CN=n9 -config /dev/null -addext subjectAltName=DNS:n9 2>/dev/null
check_is "$(sign server_n9 servercsr "$D/weak.csr")" 422 "a weak key"
has "$(cat "$D/body")" "1024 bits: expected 2048" "and it says why"
head -c 60000 /dev/urandom | base64 -w 64 >"$D/noise" && check_is "$(sign server_n9 servercsr "$D/noise" | sed s/400/422/)" 422 "noise"
head -c 600000 /dev/zero | tr '\0' A >"$D/big"
code=$(sign server_n9 servercsr "$D/big")
[[ $code =~ ^4(00|13)$ ]]; check_is $? 0 "more than the limit ($code)"
check_is "$(sign server_n9 servercsr "$D/good.csr")" 200 "and it still works"

# ---- other forms ----
check_is "$(form rm)" 400 "an action that there is not"
check_is "$(form list -F x=y)" 400 "a field that there is not"
check_is "$(form get -F file=cacert.crt -F file=cacert.crt)" 400 "a field twice"
check_is "$(as -H 'Content-Type: application/json' -d '{}' "$URL/caserv")" 415 "a body that is no form"
check_is "$(as -H 'Content-Type: multipart/form-data; boundary=x' -d 'nonsense' "$URL/caserv" | sed s/415/400/)" 400 "a form that is torn"
check_is "$(form list)" 200 "list"
has "$(cat "$D/body")" "user_Admin_administrator.p12" "names the files"
check_is "$(grep -c '\.key' "$D/body")" 0 "but no key"
check_is "$(form get -F file=user_Monitor_operator.p12)" 200 "get a pkcs12 file"
check "it is that file" cmp -s "$D/body" "$P/user_Monitor_operator.p12"
for bad in cacert.key server_localca.key ../private/cacert.key user_Admin_x.p12 /etc/shadow 'cacert.crt/../x' ''; do
	check_is "$(form get -F "file=$bad")" 422 "get ${bad:-nothing} is refused"
done
check_is "$(form usercert -F name=ann -F role=Monitor -F password=pass-of-ann)" 200 "a user of the console"
check "the download opens with the password" openssl pkcs12 -in "$D/body" -passin pass:pass-of-ann -nodes -noout
check_is "$(form usercert -F name=ann -F role=Monitor -F password=pass-of-ann)" 422 "the user name must be unique"
# shellcheck disable=SC2016
check_is "$(form usercert -F 'name=$(id)' -F role=Monitor -F password=pass-of-ann)" 422 "a name that is a command"
check_is "$(form usercert -F name=ann -F $'role=Admin\nx' -F password=pass-of-ann)" 400 "a role with a line break"

# ---- the second server, by the command line ----
password='CA-Pass:w0rd "\x'
check_status 1 "initssl req: nobody vouches for the server" on 2 ./initssl req "$URL" "CA_admin:-" <<<"$password"
check_status 1 "initssl req: another fingerprint" on 2 ./initssl req "$URL" "CA_admin:-" "${PRINT//[0-4]/5}" <<<"$password"
check_status 1 "initssl req: a wrong password" on 2 ./initssl req "$URL" "CA_admin:-" "$PRINT" <<<"wrong-password"
check_status 2 "initssl req: a URL in clear" on 2 ./initssl req http://10.9.0.1:9001 "CA_admin:-" "$PRINT" <<<"$password"
check "initssl req" on 2 ./initssl req "$URL" CA_admin:- "$PRINT" <<<"$password"
for t in server client CA CLCA; do check "second server: checkcert -t $t" on 2 ./checkcert -t $t; done
check_is "$(modes "$S2/web/conf" | grep -E 'key|p12|csr' | grep -v '^600 ')" "" "second server: modes"
check "both have the same authority" cmp -s "$C/cacert.crt" "$S2/web/conf/cacert.crt"
key=$(cat "$S2/web/conf/server.key")
check "renewal: initssl req again" on 2 ./initssl req "$URL" "CA_admin:$password" "$PRINT"
check_is "$(cat "$S2/web/conf/server.key")" "$key" "renewal keeps the key"
check "renewal with a new key" on 2 ./initssl req --newkey "$URL" "CA_admin:-" "$PRINT" <<<"$password"
[ "$(cat "$S2/web/conf/server.key")" != "$key" ]; check_is $? 0 "it is another one"
check_is "$(pgrep -fa 'CA-Pass' | grep -v "^$$ ")" "" "no password in the list of processes"
check "stopcaserv" on 1 ./stopcaserv
on 1 ./startcaserv <<<"$password" >"$D/start.a" 2>&1 & a=$!
on 1 ./startcaserv <<<"$password" >"$D/start.b" 2>&1 & b=$!
wait $a; a=$?
wait $b; b=$?
check_is "$((a + b))" 1 "startcaserv, with a certificate of the authority now, twice at once: one starts" || tap_diag "$(cat "$D/start.a" "$D/start.b")"
check_is "$(pgrep -c -f "^$S1/private/bin/safecaserv")" 2 "... and there is one keeper with its process, as many as stopcaserv ends"
check "renewal: the authority vouches for the server" on 2 ./initssl req "$URL" CA_admin:- <<<"$password"

# ---- external PKI by the advanced page ----
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$D/xca.key" -out "$D/xca.crt" -subj "/CN=Enterprise CA" -days 30 >/dev/null 2>&1
openssl req -newkey rsa:2048 -nodes -keyout "$D/xs.key" -out "$D/xs.csr" -subj "/CN=s1.w.com" >/dev/null 2>&1
printf 'subjectAltName=DNS:s1.w.com\nextendedKeyUsage=serverAuth,clientAuth\n' >"$D/ext"
openssl x509 -req -in "$D/xs.csr" -CA "$D/xca.crt" -CAkey "$D/xca.key" -CAcreateserial -days 20 -extfile "$D/ext" -out "$D/xs.crt" >/dev/null 2>&1
up() { form install -F "servercrt=@$1" -F "serverkey=@$2" -F "cacrt=@$3"; }
before=$(sha256sum "$C"/*.crt "$C"/*.key)
check_is "$(up "$D/xs.crt" "$D/xca.key" "$D/xca.crt")" 422 "upload: a key of another certificate"
check_is "$(up "$D/xs.crt" "$D/xs.key" "$C/ca/certs/cacert.crt")" 422 "upload: another authority"
check_is "$(up "$D/good.csr" "$D/xs.key" "$D/xca.crt")" 422 "upload: no certificate"
check_is "$(up "$D/xs.crt" "$D/xs.key" /dev/null)" 422 "upload: a file that is missing"
check_is "$(sha256sum "$C"/*.crt "$C"/*.key)" "$before" "nothing was changed by that"
check_is "$(up "$D/xs.crt" "$D/xs.key" "$D/xca.crt")" 200 "upload: a good set"
check "checkcert -t server" on 1 ./checkcert -t server
check_is "$(stat -c %a "$C/server.key" "$C/admin.key" | tr '\n' ' ')" "600 600 " "modes of the keys"

# ---- one dies, both die; nothing is left ----
keeper=$(cat "$D/s1/var/run/web/safecaserv.pid") child=$(pgrep -P "$keeper" | head -n 1)
kill -KILL "$keeper"
check "the process that reads forms ends with the keeper" until_ok 5 bash -c "! kill -0 $child"
check_is "$(form list)" 503 "and Apache says so"
check "stopcaserv" on 1 ./stopcaserv
check_is "$(find "$C" "$D/s1/var/run/web" -name 'caserv.*' ! -name '*.conf')" "" "no password, key or socket is left"
check_is "$(find "$D"/s?/var/tmp -name 'ca.*' 2>/dev/null)" "" "no field of a form is left"
check_is "$(grep -rl -e pwd1-long -e 'CA-Pass' "$D/s1/var" "$D/s2/var")" "" "no password is in a log"
tap_done
