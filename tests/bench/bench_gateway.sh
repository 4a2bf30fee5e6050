#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bench_gateway.sh [PART...]: what safewebgate costs and how fast it is.  Parts: snapshot listeners (both).
#
# snapshot: GET /snapshot of 100 modules x 50 resources, RATE (200) a second for SECONDS (10), open loop, while a module changes ten times a second; the
#	time counts from when a request was due.  Beside ours: the same with If-None-Match while nothing changes, the limit (the same bytes by a server
#	that does nothing else) and what answers by forks, as pcs status json does (safekit state --json, one after the other).  Target: p99 under 20 ms.
# listeners: LISTENERS (1000) streams of events, CHANGES (20) changes a second for SECONDS: CPU time of the engine (the stand-in) and of the gateway with none and
#	with all of them, and from the change to the last listener's byte.  Target: the engine's time does not change.
# shellcheck disable=SC1010,SC3045,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
WEB=$(dirname "$0")/../web
# shellcheck source-path=SCRIPTDIR/../web source=../web/gate.sh
. "$WEB/gate.sh"
[ $# -gt 0 ] || set -- snapshot listeners
PARTS=$*
wants() { case " $PARTS " in *" $1 "*) ;; *) return 1 ;; esac; }
export RATE=${RATE:-200} SECONDS_EACH=${SECONDS_EACH:-10} LISTENERS=${LISTENERS:-1000} CHANGES=${CHANGES:-20}

cat > "$D/bench.py" <<'END'
import asyncio, os, socket, subprocess, sys, threading, time
path, fifo, rate, seconds = sys.argv[2], sys.argv[3], float(os.environ["RATE"]), float(os.environ["SECONDS_EACH"])
HEAD = "X-Safekit-User: u\r\nX-Safekit-Role: Monitor\r\nX-Safekit-Method: file\r\n"

def percentiles(t):
    t.sort()
    return "p50 %7.2f ms  p99 %7.2f ms  most %7.2f ms" % (t[len(t) // 2] * 1000, t[len(t) * 99 // 100] * 1000, t[-1] * 1000)

class Line:
    """One connection, kept alive, as Apache's are"""
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.buf = bytearray(1 << 22)
    def get(self, target, more=""):
        self.s.sendall(("GET /api/v1%s HTTP/1.1\r\nHost: h\r\n%s%s\r\n" % (target, HEAD, more)).encode())
        n = self.s.recv_into(self.buf)
        while (end := self.buf.find(b"\r\n\r\n", 0, n)) < 0:
            n += self.s.recv_into(memoryview(self.buf)[n:])
        head = bytes(self.buf[:end]).decode()
        length = [int(l.split(":")[1]) for l in head.split("\r\n") if l.lower().startswith("content-length")]
        want = end + 4 + (0 if " 304 " in head.split("\r\n")[0] else length[0])
        view = memoryview(self.buf)
        while n < want:
            got = self.s.recv_into(view[n:])
            if got == 0:
                raise EOFError
            n += got
        return head, want - end - 4

def paced(path, target, more=""):
    """Requests at their times, over four connections: what is late counts as late"""
    lines, times, lock, size = [Line(path) for _ in range(4)], [], threading.Lock(), [0]
    begin, count = time.perf_counter() + 0.05, int(rate * seconds)
    turn = iter(range(count))
    def work(line):
        while True:
            with lock:
                i = next(turn, None)
            if i is None:
                return
            due = begin + i / rate
            if (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            size[0] = line.get(target, more)[1]
            times.append(time.perf_counter() - due)
    threads = [threading.Thread(target=work, args=(l,)) for l in lines]
    [t.start() for t in threads], [t.join() for t in threads]
    return percentiles(times), size[0]

def changing(per_second, stop):
    with open(fifo, "w") as f:
        n = 0
        while not stop.is_set():
            n += 1
            f.write("resource 1 1 v%d\n" % n)
            f.flush()
            stop.wait(1 / per_second)

def snapshot():
    stop = threading.Event()
    t = threading.Thread(target=changing, args=(10, stop))
    t.start()
    ours, size = paced(path, "/snapshot")
    stop.set(), t.join()
    tag = [l.split(": ")[1] for l in Line(path).get("/snapshot")[0].split("\r\n") if l.startswith("ETag")][0]
    same, none = paced(path, "/snapshot", "If-None-Match: %s\r\n" % tag)
    # the limit: the same bytes and nothing else
    other = path + ".limit"
    page = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    server = socket.socket(socket.AF_UNIX)
    server.bind(other), server.listen(8)
    pid = os.fork()
    if pid == 0:
        def serve(c):
            while c.recv(65536):
                c.sendall(page)
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
    limit, _ = paced(other, "/")
    os.kill(pid, 9), os.waitpid(pid, 0)
    forks = []
    for i in range(100):
        begin = time.perf_counter()
        subprocess.run([os.environ["SAFE"] + "/safekit", "state", "--json"], stdout=subprocess.DEVNULL)
        forks.append(time.perf_counter() - begin)
    print("snapshot of %d bytes at %d/s, changing:  %s" % (size, rate, ours))
    print("snapshot unchanged (%d bytes) at %d/s:      %s" % (none, rate, same))
    print("limit, the same bytes at %d/s:           %s" % (rate, limit))
    print("a fork each (state --json, no resources): %s, %.0f/s at most" % (percentiles(forks), len(forks) / sum(forks)))

def ticks(pid):
    with open("/proc/%s/stat" % pid) as f:
        p = f.read().rsplit(")", 1)[1].split()
    return (int(p[11]) + int(p[12])) * 10  # ms

async def listen(n, times, sent, ready):
    async def one():
        r, w = await asyncio.open_unix_connection(path)
        w.write(("GET /api/v1/events?module=m1 HTTP/1.1\r\nHost: h\r\n%s\r\n" % HEAD).encode())
        text = b""
        while b"event: hello" not in text:
            text += await r.read(4096)
        ready.append(1)
        while line := await r.readline():
            at = line.find(b'"value":"t')
            if at >= 0:
                i = int(line[at + 10:line.find(b'"', at + 10)])
                times.append(time.perf_counter() - sent[i])
    await asyncio.gather(*[one() for _ in range(n)])

def measured(n, engine, gate):
    times, sent, ready = [], {}, []
    t = threading.Thread(target=lambda: asyncio.run(listen(n, times, sent, ready)), daemon=True)
    if n > 0:
        t.start()
    while len(ready) < n:
        time.sleep(0.05)
    per, before = float(os.environ["CHANGES"]), (ticks(engine), ticks(gate))
    with open(fifo, "w") as f:
        for i in range(int(per * seconds)):
            sent[i] = time.perf_counter()
            f.write("resource 1 1 t%d\n" % i)
            f.flush()
            time.sleep(1 / per)
    end = time.time() + 20
    while len(times) < n * len(sent) and time.time() < end:
        time.sleep(0.1)
    after = (ticks(engine), ticks(gate))
    return [after[i] - before[i] for i in (0, 1)], times, n * len(sent)

def listeners():
    engine, gate, n = sys.argv[4], sys.argv[5], int(os.environ["LISTENERS"])
    none, _, _ = measured(0, engine, gate)
    many, times, want = measured(n, engine, gate)
    print("no listener:    engine %5d ms, gateway %5d ms of CPU in %d s" % (none[0], none[1], seconds))
    print("%d listeners: engine %5d ms, gateway %5d ms of CPU, %d of %d events told" % (n, many[0], many[1], len(times), want))
    print("from the change to a listener (python reads them all): %s" % percentiles(times))

{"snapshot": snapshot, "listeners": listeners}[sys.argv[1]]()
END

start_engine -m 100 -r 50
start_gate
until_true 20 api_is 100 'len(d)' /modules || { note "no picture"; exit 1; }
child=$(pgrep -P $GATE_PID | head -n 1)
ulimit -n 4096
for part in snapshot listeners; do
	if wants $part; then python3 "$D/bench.py" $part "$D/var/run/web/gateway.sock" "$D/in" "$ENGINE_PID" "$child"; fi
done
note "resident: $(awk '/VmRSS/ { print $2 / 1024 }' "/proc/$child/status") MB"
