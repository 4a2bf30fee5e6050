#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bench_export.sh [PART...]: what safeexport costs and how fast it is.  Parts: scrape idle latency push outage (all).
#
# scrape: 100 modules x 50 resources, 200 times over one connection.  Beside ours: the limit (the same bytes over the same loopback) and the
#	floor of a peer that forks four commands for each scrape, as ha_cluster_exporter does (posix_spawn of true, nothing read).
#	Target: under 20 ms.
# idle: CPU time with 5000 resources, ticks each 2 s, a scrape each 15 s, over IDLE_S (60) seconds.  Target: under 0.2 % of a core.
# latency: from the time of a change to its arrival at a store, and at /metrics.  Target: p99 under 100 ms.
# push: POINTS (500000) changes wait in the spool, then VictoriaMetrics starts.  Target: 50,000 points/s.  Beside: the limit, the same
#	bodies posted by curl from files, one after the other.
# outage: an hour of 100 changes per second (360,000) while the store is away, within the default bound: nothing may be missing.
# shellcheck disable=SC1010,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
NEEDS="curl python3 sqlite3 victoria-metrics ip unshare"
AGENT_DIR=$(dirname "$0")/../agent
# shellcheck source-path=SCRIPTDIR/../agent source=../agent/export.sh
. "$AGENT_DIR/export.sh"
[ $# -gt 0 ] || set -- scrape idle latency push outage
IDLE_S=${IDLE_S:-60} POINTS=${POINTS:-500000}

wants() { case " $PARTS " in *" $1 "*) ;; *) return 1 ;; esac; }
PARTS=$*
seconds() { awk "BEGIN { printf \"%.3f\", ($2 - $1) / 1000 }"; }
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
engine_of() { # options of fake_engine: another one
	[ -z "$ENGINE_PID" ] || { exec 3>&-; stop_pid $ENGINE_PID; }
	start_engine "$@"
}

if wants scrape || wants idle; then
	engine_of -m 100 -r 50
	start_export --listen 127.0.0.1:0
	until_true 20 metric_is 'safekit_up{node="node1"}' 1
fi
if wants scrape; then
	cat > "$D/scrape.py" <<'END'
import http.client, os, socket, sys, threading, time
port = int(sys.argv[1])
def percentiles(t):
    t.sort()
    return "p50 %6.2f ms  p99 %6.2f ms" % (t[len(t) // 2] * 1000, t[len(t) * 99 // 100] * 1000)
def scrapes(port, accept):
    c, t, size = http.client.HTTPConnection("127.0.0.1", port), [], 0
    for i in range(200):
        begin = time.perf_counter()
        c.request("GET", "/metrics", headers={"Accept": accept})
        size = len(c.getresponse().read())
        t.append(time.perf_counter() - begin)
    return percentiles(t), size
ours, size = scrapes(port, "text/plain")
om, _ = scrapes(port, "application/openmetrics-text")
head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
page = head + b"x" * size
s = socket.create_server(("127.0.0.1", 0))
def serve():
    c, _ = s.accept()
    while c.recv(65536):
        c.sendall(page)
threading.Thread(target=serve, daemon=True).start()
limit, _ = scrapes(s.getsockname()[1], "text/plain")
t = []
for i in range(200):
    begin = time.perf_counter()
    for j in range(4):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    t.append(time.perf_counter() - begin)
print("scrape of %d bytes, text 0.0.4: %s" % (size, ours))
print("scrape, OpenMetrics 1.0:         %s" % om)
print("limit (the same bytes):          %s" % limit)
print("floor of a peer with four forks: %s (and nothing read)" % percentiles(t))
END
	note "samples: $(metrics | grep -vc '^#')"
	python3 "$D/scrape.py" "$PORT"
	note "of which making it: $(metric 'safekit_scrape_duration_seconds{node="node1"}') s; resident: $(awk '/VmRSS/ { print $2 / 1024 }' /proc/$EXPORT_PID/status) MB"
fi
if wants idle; then
	before=$(cpu_ticks $EXPORT_PID) t0=$(now_ms)
	end=$((t0 + IDLE_S * 1000))
	while [ "$(now_ms)" -lt $end ]; do
		sleep 15
		metrics > /dev/null
	done
	echo "idle with a scrape each 15 s: $(awk "BEGIN { printf \"%.3f\", ($(cpu_ticks $EXPORT_PID) - $before) / $(getconf CLK_TCK) * 100000 / ($(now_ms) - $t0) }") % of a core over $(seconds "$t0" "$(now_ms)") s"
fi
stop_export

if wants latency; then
	engine_of -m 10 -r 50
	cat > "$D/arrive.py" <<'END'
import http.server, gzip, sys, time
T = []
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        t = sorted(x for x in T if x < 60)
        text = b"%d changes: p50 %.1f ms p99 %.1f ms worst %.1f ms" % (len(t), t[len(t) // 2] * 1000, t[len(t) * 99 // 100] * 1000, t[-1] * 1000) if t else b"0"
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding"): body = gzip.decompress(body)
        now = time.time()
        T.extend(now - int(l.rsplit(b" ", 1)[1]) / 1000 for l in body.splitlines())
        self.send_response(204); self.end_headers()
s = http.server.ThreadingHTTPServer(("127.0.0.1", 18081), H)
print("ready", flush=True)
s.serve_forever()
END
	background "$D/arrive.log" python3 "$D/arrive.py"
	until_true 10 grep -q ready "$D/arrive.log"
	start_export --listen 127.0.0.1:0 --spool "$D/latency.db" --influxdb http://127.0.0.1:18081
	until_true 20 metric_is 'safekit_export_waiting_changes{node="node1",sink="influxdb"}' 0
	i=0
	while [ $i -lt 1000 ]; do i=$((i + 1)); tell resource $((i % 10 + 1)) $((i % 50 + 1)) "$i"; done
	until_true 20 eval 'curl -sS http://127.0.0.1:18081/ | grep -q "^1000 changes"'
	echo "change to store: $(curl -sS http://127.0.0.1:18081/)"
	cat > "$D/visible.py" <<'END'
import http.client, os, sys, time
c, t = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1])), []
engine = open(sys.argv[2], "w")
for i in range(200):
    engine.write("resource 3 7 %d\n" % (100000 + i)); engine.flush()
    begin = time.perf_counter()
    while True:
        c.request("GET", "/metrics")
        if b'resource="intf.10.0.7.0"} %d\n' % (100000 + i) in c.getresponse().read(): break
    t.append(time.perf_counter() - begin)
t.sort()
print("change to /metrics (asked again and again): p50 %.1f ms p99 %.1f ms" % (t[100] * 1000, t[198] * 1000))
END
	python3 "$D/visible.py" "$PORT" "$D/in"
	stop_export
fi

# COUNT NAME: changes wait in the spool, then the store is there
drain() {
	rm -rf "$D/drain.db"* "$D/victoria"
	engine_of -m 100 -r 50 -b 1000
	printf 'listen = 127.0.0.1:0\nspool = %s\n[sink v]\ntype = victoriametrics\nurl = http://127.0.0.1:18428\nretry = 1s\n' "$D/drain.db" > "$D/drain.conf"
	start_export -c "$D/drain.conf"
	until_true 20 metric_is 'safekit_up{node="node1"}' 1
	t0=$(now_ms)
	_left=$1
	while [ $_left -gt 0 ]; do _n=$((_left > 10000 ? 10000 : _left)); tell burst $_n; _left=$((_left - _n)); done
	until_true 300 metric_is 'safekit_export_waiting_changes{node="node1",sink="v"}' $(($1 + 5000))
	t1=$(now_ms)
	echo "$2: $1 changes from the engine into the spool in $(seconds "$t0" "$t1") s ($(awk "BEGIN { printf \"%d\", $1 * 1000 / ($t1 - $t0) }")/s); spool $(metric 'safekit_export_spool_bytes{node="node1"}' | awk '{ printf "%.1f", $1 / 1048576 }') MB"
	start_victoria
	until_true 60 eval '[ "$(metric "safekit_export_points_total{node=\"node1\",sink=\"v\"}")" -gt 0 ]'
	cat > "$D/drain.py" <<'END'
import re, sys, time, urllib.request
def get(name):
    text = urllib.request.urlopen("http://127.0.0.1:%s/metrics" % sys.argv[1]).read().decode()
    return float(re.search(r'^%s\{[^}]*sink="v"\} (.*)$' % name, text, re.M)[1])
t0, p0 = time.time(), get("safekit_export_points_total")
while True:
    p = get("safekit_export_points_total")
    t = time.time()
    if p >= int(sys.argv[2]): break
    time.sleep(0.1)
print("%s: %d points in %.2f s: %d points/s" % (sys.argv[3], p - p0, t - t0, (p - p0) / (t - t0)))
END
	python3 "$D/drain.py" "$PORT" $(($1 + 5000)) "$2"
	until_true 60 metric_is 'safekit_export_waiting_changes{node="node1",sink="v"}' 0
	until_true 60 victoria_is "$1" "0 0"
	echo "$2: missing, twice: $(victoria_numbers safekit_change_value | counted "$1"); dropped $(metrics | grep '^safekit_export_dropped' | awk '{ s += $2 } END { print s }'); resident $(awk '/VmRSS/ { printf "%.0f", $2 / 1024 }' /proc/$EXPORT_PID/status) MB"
}
if wants push; then
	drain "$POINTS" push
	# the limit: bodies of 5000 lines, made before, by one curl over one connection
	python3 -c '
import gzip, sys
for k in range(100):
    b = "".join("safekit_change,module=m%d,node=node1,resource=intf.10.0.%d.0 value=%d %d\n" % (i % 100, i % 50, i, 1700000000000 + k * 5000 + i) for i in range(5000))
    gzip.open("%s/body.%d" % (sys.argv[1], k), "wb", 1).write(b.encode())' "$D"
	t0=$(now_ms)
	i=0 args=""
	while [ $i -lt 100 ]; do args="$args${args:+ --next} -sS -H Content-Encoding:gzip --data-binary @$D/body.$i http://127.0.0.1:18428/write?precision=ms"; i=$((i + 1)); done
	curl $args
	t1=$(now_ms)
	echo "limit (bodies made before): $(awk "BEGIN { printf \"%d\", 500000 * 1000 / ($t1 - $t0) }") points/s"
	stop_export
	stop_pid $VICTORIA_PID
fi
if wants outage; then
	drain 360000 outage
	stop_export
	stop_pid $VICTORIA_PID
fi
