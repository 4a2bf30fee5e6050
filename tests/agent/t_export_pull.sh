#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# /metrics: both formats by their own parsers, a real Prometheus, counters over reconnections, the engine away, TLS, passwords.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl promtool prometheus python3 openssl ip unshare"
# shellcheck source-path=SCRIPTDIR source=export.sh
. "$(dirname "$0")/export.sh"

start_export --listen 127.0.0.1:0
same "before the engine was seen" "$(metric 'safekit_up{node=""}')" 0
check "and promtool finds nothing wrong with that" sh -c 'curl -sS http://127.0.0.1:$1/metrics | promtool check metrics' sh "$PORT"
start_engine -m 3 -r 4 -s 41
check "the picture arrives" until_true 5 metric_is 'safekit_up{node="node1"}' 1

M='node="node1",module="m1"'
same "state is a state set" "$(metrics | grep "^safekit_module_state{$M" | sed 's/.*safekit_module_state="//' | tr '\n' ' ')" \
    'STOP"} 0 WAIT"} 0 ALONE"} 0 PRIM"} 1 SECOND"} 0 UP"} 0 UNKNOWN"} 0 '
same "failovers" "$(metric "safekit_module_failovers_total{$M}")" 1
same "when it came to that state, to the millisecond" "$(metric "safekit_module_state_since_timestamp_seconds{$M}")" 1741343315.598
same "health of a resource" "$(metric "safekit_resource_state{$M,resource=\"intf.10.0.2.0\",safekit_resource_state=\"up\"}")" 1
same "a share of network load" "$(metric 'safekit_share_ratio{node="node1",module="m2",group="g1"}')" 0.5
same "nodes of the cluster" "$(metric 'safekit_node_state{node="node1",member="node2",safekit_node_state="up"}')" 1

# the formats
metrics > "$D/text"
metrics -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5' > "$D/open"
check "promtool: nothing to say" sh -c 'promtool check metrics < "$1"' sh "$D/text"
check "the last line is ended" test "$(tail -c 1 "$D/text" | od -An -tx1 | tr -d ' ')" = 0a
same "OpenMetrics ends in EOF" "$(tail -n 1 "$D/open")" "# EOF"
same "content type of the one" "$(metrics -o /dev/null -w '%{content_type}')" "text/plain; version=0.0.4; charset=utf-8"
same "content type of the other" "$(metrics -o /dev/null -w '%{content_type}' -H 'Accept: application/openmetrics-text')" \
    "application/openmetrics-text; version=1.0.0; charset=utf-8"
same "what Prometheus 2.42 says" "$(metrics -o /dev/null -w '%{content_type}' -H 'Accept: application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1')" \
    "application/openmetrics-text; version=1.0.0; charset=utf-8"
same "who would rather have text gets it" "$(metrics -o /dev/null -w '%{content_type}' -H 'Accept: application/openmetrics-text;q=0.3, text/plain')" \
    "text/plain; version=0.0.4; charset=utf-8"
same "no sample twice" "$(grep -v '^#' "$D/text" | sed 's/ [^ ]*$//' | sort | uniq -d)" ""
same "a metric is one group" "$(grep '^# TYPE' "$D/text" | sort | uniq -d)" ""
if python3 -c 'import prometheus_client' 2>/dev/null; then
	cat > "$D/parse.py" <<-END
	import sys
	from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
	families = list(parse(open(sys.argv[1]).read()))
	print(len(families), sum(f.type == "stateset" for f in families) > 5, sum(f.type == "info" for f in families) > 2)
	END
	has "the parser of OpenMetrics takes it" "$(python3 "$D/parse.py" "$D/open" 2>&1 | tail -n 1)" "True True"
else
	note "no python3-prometheus-client: OpenMetrics is checked by Prometheus only"
fi
same "another page" "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:$PORT/other)" 404
same "another method" "$(curl -s -o /dev/null -w '%{http_code}' -X POST -d x http://127.0.0.1:$PORT/metrics)" 405

# changes
tell module 1 state ALONE
check "a change is there" until_true 2 metric_is "safekit_module_state{$M,safekit_module_state=\"ALONE\"}" 1
tell resource-add 1 700
tell module 1 peer '"a\"b\\c"'
check "quotes in a label" until_true 2 metric_is "safekit_module_info{$M,mode=\"mirror\",peer=\"a\\\"b\\\\c\",boot=\"on\",signature=\"0a1b2c\"}" 1
check "and promtool finds nothing wrong with them" sh -c 'curl -sS http://127.0.0.1:$1/metrics | promtool check metrics' sh "$PORT"
tell module-del 3
check "a module that is no more is not served" until_true 2 eval '[ "$(metrics | grep -c "module=\"m3\"")" = 0 ]'
tell transition 1 PRIM ALONE
check "a transition is counted" until_true 2 metric_is "safekit_module_transitions_total{$M,from=\"PRIM\",to=\"ALONE\"}" 1
same "and others of its mode are there at 0" "$(metric "safekit_module_transitions_total{$M,from=\"ALONE\",to=\"PRIM\"}")" 0
kill -STOP $EXPORT_PID
tell drop
tell transition 1 ALONE WAIT
tell transition 1 WAIT ALONE
tell transition 1 ALONE WAIT
kill -CONT $EXPORT_PID
check "those that happened while it was not connected, too" until_true 5 metric_is "safekit_module_transitions_total{$M,from=\"ALONE\",to=\"WAIT\"}" 2
same "each once" "$(metric "safekit_module_transitions_total{$M,from=\"PRIM\",to=\"ALONE\"}") $(metric "safekit_module_events_total{$M,event=\"state\"}")" "1 4"

# nonsense from the engine is said and skipped
tell raw '{"event":"module","data":{"id":1,"state":"RED"}}'
tell raw '{"event":"resource-gone","module_id":-1,"index":"x"}'
tell raw '{"event":"of a newer engine"}'
tell raw '{"neither":1}'
check "nonsense is said" until_true 2 grep -q "module.state: expected one of the known words" "$D/export.err"
tell raw 'not json'
check "a stream that is not JSON is begun anew" until_true 5 grep -q "not JSON" "$D/export.err"
check "and has the picture again" until_true 5 metric_is 'safekit_up{node="node1"}' 1

# a real Prometheus
cat > "$D/prom.yml" <<END
global: { scrape_interval: 1s }
scrape_configs: [ { job_name: safekit, static_configs: [ { targets: [ "127.0.0.1:$PORT" ] } ] } ]
END
background "$D/prom.log" prometheus --config.file="$D/prom.yml" --storage.tsdb.path="$D/tsdb" --web.listen-address=127.0.0.1:19090
ask() { curl -sS -G http://127.0.0.1:19090/api/v1/query --data-urlencode "query=$1"; }
answers() { ask "$1" | grep -q "$2"; }
check "Prometheus scrapes it" until_true 30 answers 'safekit_up' '"1"\]'
same "every family arrives" "$(curl -sS http://127.0.0.1:19090/api/v1/label/__name__/values | tr ',' '\n' | grep -c safekit_)" "$(metrics | grep -v '^#' | sed 's/{.*//' | sort -u | wc -l)"

# the engine goes
stop_pid $ENGINE_PID -KILL
ENGINE_PID=""
check "engine killed: told" until_true 5 metric_is 'safekit_up{node="node1"}' 0
same "state is the last known" "$(metric "safekit_module_state{$M,safekit_module_state=\"WAIT\"}")" 1
check "Prometheus hears of it" until_true 10 answers 'safekit_up' '"0"\]'
start_engine -m 3 -r 4
check "engine back" until_true 5 metric_is 'safekit_up{node="node1"}' 1
same "its picture, not the old one" "$(metric "safekit_module_state{$M,safekit_module_state=\"PRIM\"}")" 1
kill -STOP $ENGINE_PID
check "engine stopped: told after three missing ticks" until_true 9 metric_is 'safekit_up{node="node1"}' 0
kill -CONT $ENGINE_PID
check "and goes on" until_true 5 metric_is 'safekit_up{node="node1"}' 1

# clients that do not read, or do not ask, keep nobody waiting
cat > "$D/slow.py" <<END
import socket, sys, time
many = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for i in range(8)]
for i, s in enumerate(many):
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + (b"\r\n" if i % 2 else b""))
print("open", flush=True)
sys.stdin.read()
END
mkfifo "$D/hold"
python3 "$D/slow.py" "$PORT" < "$D/hold" > "$D/slow.out" 2>&1 &
pids="$pids $!"
exec 4> "$D/hold"
check "eight clients that are slow or silent" until_true 10 grep -q open "$D/slow.out"
check "do not keep a ninth one waiting" metrics -m 5 -o /dev/null
exec 4>&-
stop_export
same "a signal ends it" "$(grep -c 'listening on' "$D/export.err")" 1

# TLS and passwords
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$D/key.pem" -out "$D/cert.pem" -days 30 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 2> "$D/openssl.err"
printf 'scraper:%s\n' "$(openssl passwd -6 's3:cret')" > "$D/users"
chmod 600 "$D/users" "$D/key.pem"
cat > "$D/tls.conf" <<END
# a comment
listen = 127.0.0.1:0
tls_certificate = $D/cert.pem
tls_key = $D/key.pem
auth_file = $D/users
END
start_export -c "$D/tls.conf"
code() { curl -s -o /dev/null -w '%{http_code}' --cacert "$D/cert.pem" "$@" "https://127.0.0.1:$PORT/metrics"; }
same "with the password" "$(code -u 'scraper:s3:cret')" 200
same "and again" "$(code -u 'scraper:s3:cret')" 200
same "without" "$(code)" 401
same "another password" "$(code -u scraper:wrong)" 401
same "another user" "$(code -u scrape:s3:cret)" 401
same "the index wants one too" "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$D/cert.pem" https://127.0.0.1:$PORT/)" 401
same "TLS 1.1 is not spoken" "$(curl -s -o /dev/null -w '%{http_code}' --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 -k https://127.0.0.1:$PORT/metrics)" 000
stop_export
same "a password in a URL is refused" "$("$B/safeexport" -c '' --kairosdb http://u:p@h:1 --check 2>&1)" \
    "safeexport: sink kairosdb: url: a password belongs into password_file, not into the URL"
printf 'listen = 127.0.0.1:0\n[sink a]\ntype = oracle\n' > "$D/bad.conf"
same "an error says where and what" "$("$B/safeexport" -c "$D/bad.conf" --check 2>&1)" \
    "safeexport: $D/bad.conf:3: type = oracle: expected kairosdb, influxdb or victoriametrics"
check "the table of the document is --metrics" sh -c '"$1"/safeexport --metrics | while IFS= read -r l; do grep -qxF -- "$l" "$2/doc/METRICS.md" || exit 1; done' sh "$B" "$S"
finish_tests
