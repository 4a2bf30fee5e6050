#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_check.py: what CHECKS tcp checks of a listener on this server cost, each INTERVAL seconds, and how evenly they are spread.
#
# usage: bench_check.py BUILDDIR [CHECKS [INTERVAL [SECONDS]]]
import os, select, socket, sys, threading, time
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + "/tests/ctl")
sys.dont_write_bytecode = True
from checkd_lib import Checkd, run_ns

build = os.path.abspath(sys.argv[1])
checks, interval, seconds = (int(sys.argv[i]) if len(sys.argv) > i else d for i, d in ((2, 1000), (3, 1), (4, 20)))
times, resets = [], 0
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
port = listener.getsockname()[1]


def serve():    # an ordinary service: says a banner, reads until the end
    global resets
    ep = select.epoll()
    ep.register(listener, select.EPOLLIN)
    conns = {}
    while True:
        for fd, _ in ep.poll():
            if fd == listener.fileno():
                c, _ = listener.accept()
                times.append(time.monotonic())
                try:
                    c.send(b"220 ready\r\n")
                except OSError:
                    resets += 1
                conns[c.fileno()] = c
                ep.register(c, select.EPOLLIN)
                continue
            try:
                if conns[fd].recv(100):
                    continue
            except OSError:
                resets += 1
            ep.unregister(fd)
            conns.pop(fd).close()


threading.Thread(target=serve, daemon=True).start()
d = Checkd(build, TOP)
d.setup("".join('<tcp ident="t%d" when="prim"><to addr="127.0.0.1" port="%d" interval="%ds" timeout="1s"/></tcp>' % (i, port, interval)
                for i in range(checks)))
d.classes("prim")
ok = all(d.until(**{"tcp__t%d" % i: "up"}) for i in range(checks))
d.quiet(2)
n0, t0, c0 = len(times), time.monotonic(), run_ns(d.p.pid)
flaps = d.quiet(seconds)
c1, t1 = run_ns(d.p.pid), time.monotonic()
window = times[n0:]
gaps = {}
for t in window:
    gaps[int((t - t0) * 20)] = gaps.get(int((t - t0) * 20), 0) + 1
rss = [l.split()[1] for l in open("/proc/%d/status" % d.p.pid) if l.startswith("VmRSS")][0]
print("%d tcp checks every %d s: %s, %.2f %% of a core (aim: under 5 for 1000 at 1 s), %d connections/s, RSS %s kB"
      % (checks, interval, "all up" if ok and not flaps else "NOT ALL UP", (c1 - c0) / 1e7 / (t1 - t0), len(window) / (t1 - t0), rss))
print("spread: at most %d connections within 50 ms (even: %.1f); connections that the service saw reset: %d"
      % (max(gaps.values() or [0]), len(window) / (t1 - t0) / 20, resets))
states = {}
for line in open("/proc/net/tcp").read().splitlines()[1:]:
    f = line.split()
    side = "service" if int(f[1].split(":")[1], 16) == port else "ours" if int(f[2].split(":")[1], 16) == port else ""
    if side and f[3] == "06":
        states[side] = states.get(side, 0) + 1
print("TIME_WAIT: ours %d, the service's %d" % (states.get("ours", 0), states.get("service", 0)))
print(d.end())
os._exit(0)
