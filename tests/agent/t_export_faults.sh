#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong around the exporter: long answers, answers that would write in the log, secrets that cannot be read, credentials, clients that do
# not read, and the system calls that its unit allows.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 openssl ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

start_store
start_engine -m 2 -r 5
cat > "$D/one.conf" <<END
listen = 127.0.0.1:0
spool = $D/spool/spool.db
[sink kairos]
type = kairosdb
url = $STORE
user = me
password_file = $D/password
retry = 1s
hold = 0
END
echo secret > "$D/password"
start_export -c "$D/one.conf"
check "what is at the start" until_true 10 store_is 'values("safekit.intf").count("up")' 10

# a partial write of 5000 points, each of them named in the answer: all are counted
mode refuse:intf
R='safekit_export_dropped_total{node="node1",sink="kairos",reason="refused"}'
tell burst 5000
check "each refused point is counted, also of an answer of 600 KB" until_true 10 metric_is "$R" 5000
mode evil
tell resource 1 1 99004999
check "an answer is told" until_true 10 grep -q "HTTP status 503" "$D/export.err"
same "but does not write lines or escapes of its own" "$(grep -c -e '^forged' -e "$(printf '\033')" "$D/export.err")" 0

# a secret that is not there any more
mv "$D/password" "$D/password.away"
check "a password that cannot be read: said" until_true 10 grep -q "password: No such file" "$D/export.err"
check "once" sh -c '[ "$(grep -c "No such file" "$1")" = 1 ]' sh "$D/export.err"
has "without the password" "$(grep -c secret "$D/export.err")" 0
mv "$D/password.away" "$D/password"
mode ok
check "and goes on when it is there again" until_true 10 store_is 'numbers("intf.").count(99004999)' 1
stop_export

# a password that everybody on the way can read
same "the store is here: nothing to warn of" "$(grep -c 'over the network' "$D/export.err")" 0
sed 's|^url = .*|url = http://192.0.2.1:8080|' "$D/one.conf" > "$D/far.conf"
start_export -c "$D/far.conf"
check "elsewhere, without TLS: warned" until_true 10 grep -q "sink kairos: the password goes over the network" "$D/export.err"
stop_export

# nothing to send: that is no sink that is down
start_export -c "$D/one.conf"
check "started anew" until_true 5 metric_is 'safekit_up{node="node1"}' 1
same "nothing was sent yet, so nothing is said of the sink" "$(metric 'safekit_export_sink_up{node="node1",sink="kairos"}')" ""
tell resource 1 1 up
check "then it is up" until_true 10 metric_is 'safekit_export_sink_up{node="node1",sink="kairos"}' 1
stop_export

# clients that ask and do not read: answers on their way are bounded
stop_pid $ENGINE_PID
start_engine -m 20 -r 1000
start_export -c "" --listen 127.0.0.1:0
check "20,000 resources" until_true 20 eval '[ "$(metrics | wc -c)" -gt 10000000 ]'
said=$(python3 -c '
import socket, sys
held = []
def ask():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    held.append(s)
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    return s.recv(12)[9:].decode()
got = [ask() for i in range(14)]
print(got[0], got[-1], [int(l.split()[1]) // 1024 for l in open("/proc/" + sys.argv[2] + "/status") if l.startswith("VmHWM")][0])' "$PORT" $EXPORT_PID)
note "first, last, MB at most: $said"
check "of 14 that do not read, the first gets an answer, the last one 503" sh -c 'case $1 in "200 503 "*) ;; *) exit 1 ;; esac' sh "$said"
check "within 400 MB" [ "${said##* }" -lt 400 ]
check "and when they are gone, it is there for others" until_true 10 metrics -f -o /dev/null
stop_export

# names without a slash are systemd's credentials, also those of TLS
mkdir "$D/credentials"
for n in server client; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/credentials/$n.key" -out "$D/credentials/$n.pem" -days 30 -subj /CN=$n \
	    -addext subjectAltName=IP:127.0.0.1 2> "$D/openssl.err"
done
background "$D/tls.out" openssl s_server -accept 127.0.0.1:18443 -cert "$D/credentials/server.pem" -key "$D/credentials/server.key" -Verify 1 \
    -CAfile "$D/credentials/client.pem" -www
until_true 10 grep -q ACCEPT "$D/tls.out"
printf '[sink tls]\ntype = victoriametrics\nurl = https://127.0.0.1:18443\nca_file = server.pem\ncert_file = client.pem\nkey_file = client.key\n' > "$D/tls.conf"
CREDENTIALS_DIRECTORY=$D/credentials
export CREDENTIALS_DIRECTORY
start_export -c "$D/tls.conf" --listen 127.0.0.1:0 --spool "$D/tls.db"
check "certificate and key are found among the credentials" until_true 10 grep -q "CN = client" "$D/tls.out"
stop_export
unset CREDENTIALS_DIRECTORY
finish_tests
