#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A store behind TLS and a password: an InfluxDB that asks for both.  A certificate of a stranger and a wrong password are said; nothing is lost.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 influxd openssl ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

certificate() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/$1.key" -out "$D/$1.pem" -days 30 -subj "/CN=$1" \
	    -addext subjectAltName=IP:127.0.0.1 2> "$D/openssl.err"
}
certificate store
certificate stranger
INFLUX_HTTP="https-enabled = true
https-certificate = \"$D/store.pem\"
https-private-key = \"$D/store.key\"
auth-enabled = true"
INFLUX_URL=https://127.0.0.1:18086
start_influx
ask() { curl -sS --cacert "$D/store.pem" -u "safekit:geh:eim" -G "$INFLUX_URL/query" --data-urlencode db=safekit --data-urlencode "q=$1" ; }
curl -sS --cacert "$D/store.pem" -X POST -G "$INFLUX_URL/query" --data-urlencode "q=CREATE USER safekit WITH PASSWORD 'geh:eim' WITH ALL PRIVILEGES" > /dev/null
curl -sS --cacert "$D/store.pem" -u "safekit:geh:eim" -X POST -G "$INFLUX_URL/query" --data-urlencode 'q=CREATE DATABASE safekit' > /dev/null

start_engine -m 1 -r 3
mkdir "$D/credentials"
echo wrong > "$D/credentials/influx-password"
cat > "$D/tls.conf" <<END
listen = 127.0.0.1:0
spool = $D/spool.db
[sink influx]
type = influxdb
url = $INFLUX_URL
database = safekit
user = safekit
password_file = influx-password
ca_file = $D/stranger.pem
retry = 1s
END
export CREDENTIALS_DIRECTORY="$D/credentials"
start_export -c "$D/tls.conf"
check "the certificate of a stranger is refused" until_true 10 grep -qi "sink influx: .*certificate" "$D/export.err"
stop_export
sed "s|^ca_file = .*|ca_file = $D/store.pem|" "$D/tls.conf" > "$D/right.conf"
start_export -c "$D/right.conf"
check "a wrong password is said" until_true 10 grep -q "sink influx: HTTP status 401" "$D/export.err"
same "nothing is dropped" "$(metrics | grep '^safekit_export_dropped' | awk '{ s += $2 } END { print s }')" 0
printf 'geh:eim\n' > "$D/credentials/influx-password"
is_there() { ask 'SELECT count(value) FROM safekit_change' | grep -q "$1"; }
check "the right one, written meanwhile, is read, and all arrive" until_true 20 is_there ',3\]'
same "no password in what it says" "$(grep -c -e 'geh:eim' -e wrong "$D/export.err")" 0
same "none on its command line" "$(tr '\0' ' ' < /proc/$EXPORT_PID/cmdline | grep -c geh)" 0

# InfluxDB 2 is told by a token; what is sent is looked at by the stand-in
stop_export
start_store
printf 'T0ken\n' > "$D/credentials/token"
printf 'listen = 127.0.0.1:0\nspool = %s\n[sink two]\ntype = influxdb\nurl = %s/write?precision=ms&bucket=b\ntoken_file = token\n' "$D/two.db" "$STORE" > "$D/two.conf"
start_export -c "$D/two.conf"
check "the whole path of the URL, and a token" until_true 10 store_is 'S["paths"]' "['/write?precision=ms&bucket=b Token T0ken']"
finish_tests
