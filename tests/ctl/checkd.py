#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# checkd.py: every kind of checker, with real sockets, interfaces, children.  Started by t-checkd in namespaces of its own.
# v0 (10.9.0.1) is our end of a cable, v1 (10.9.0.2) is the end of another server, a network namespace of its own.
import hashlib, hmac, json, os, shutil, signal, socket, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from checkd_lib import LONG, Checkd

build, top = sys.argv[1], sys.argv[2]
count = bad = 0


def ok(good, name, why=""):
    global count, bad
    count += 1
    bad += not good
    print(("ok" if good else "not ok"), count, "-", name)
    if not good and why != "":
        print("# " + str(why)[:1500].replace("\n", "\n# "))
    sys.stdout.flush()


def run(*cmd):
    subprocess.run(cmd, check=True)


def write(path, text, mode=None):
    with open(path, "w") as f:
        f.write(text)
    if mode is not None:
        os.chmod(path, mode)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):     # the second where it goes between open and read
        return False


def until(what, seconds=LONG):      # for what has no event to wait for
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_res(name, value):
    return lambda o: o.get("resource") == name and o.get("value") == value


def to(addr, interval="200ms", timeout="200ms", **more):
    return '<to addr="%s" interval="%s" timeout="%s"%s/>' % (addr, interval, timeout, "".join(' %s="%s"' % kv for kv in more.items()))


# ---- the world ----

def make_world():
    run("mount", "--make-rprivate", "/")
    write("/tmp/t-checkd.hosts.%d" % os.getpid(), "127.0.0.1 localhost\n127.0.0.1 service.test\n")
    write("/tmp/t-checkd.resolv.%d" % os.getpid(), "nameserver 10.9.0.77\noptions timeout:20 attempts:1\n")
    run("mount", "--bind", "/tmp/t-checkd.hosts.%d" % os.getpid(), "/etc/hosts")
    run("mount", "--bind", os.path.realpath("/tmp/t-checkd.resolv.%d" % os.getpid()), os.path.realpath("/etc/resolv.conf"))
    run("ip", "link", "set", "lo", "up")
    peer = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    peer.stdout.readline()
    run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(peer.pid))
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "v0")
    run("ip", "addr", "add", "fd09::1/64", "dev", "v0", "nodad")
    run("ip", "link", "set", "v0", "up")
    there(peer, "ip", "addr", "add", "10.9.0.2/24", "dev", "v1")
    there(peer, "ip", "addr", "add", "fd09::2/64", "dev", "v1", "nodad")
    there(peer, "ip", "link", "set", "v1", "up")
    return peer


def there(peer, *cmd):
    run("nsenter", "-t", str(peer.pid), "-n", *cmd)


# ---- tests ----

def tcp():
    d = Checkd(build, top)
    service = socket.create_server(("127.0.0.1", 0))
    port = service.getsockname()[1]
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fullport = full.getsockname()[1]
    fill = []
    for _ in range(4):      # its queue is full: who comes now gets no answer
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(("127.0.0.1", fullport))
        fill.append(c)
    d.setup("".join('<tcp ident="%s" when="prim">%s</tcp>' % (i, to(a, port=p)) for i, a, p in (
        ("here", "127.0.0.1", port), ("byname", "service.test", port), ("refused", "127.0.0.1", 1), ("full", "127.0.0.1", fullport),
        ("noroute", "192.0.2.1", port), ("six", "::1", port), ("slowname", "name.example", port))))
    begun = time.monotonic()
    d.classes("prim")
    ok(d.value("tcp.here")[0] is not None and all(o.get("value") == "init" for o in d.said[:7]), "what goes on begins with init")
    ok(d.until(tcp__here="up", tcp__byname="up", tcp__refused="down", tcp__full="down", tcp__noroute="down", tcp__six="down"),
       "verdicts: here, by name, refused, full, no route, nobody listens", d.now)
    ok(time.monotonic() - begun < 5, "a name server that does not answer holds up nobody")
    ok("refused" in d.value("tcp.refused")[1] and "within 200 ms" in d.value("tcp.full")[1] and "no route" in d.value("tcp.noroute")[1],
       "each says why", d.now)
    ok(d.until(tcp__slowname="down") and "name service" in d.value("tcp.slowname")[1], "a name that is not resolved within the timeout",
       d.now)
    c, _ = service.accept()
    ok(c.recv(1) == b"", "the service sees a clean end")
    c.close()
    ok(d.quiet(0.7) == [], "nothing is said while nothing changes")
    service.close()
    ok(d.until(tcp__here="down", tcp__byname="down", seconds=3), "service stopped: down")
    service = socket.create_server(("127.0.0.1", port))
    ok(d.until(tcp__here="up", tcp__byname="up", seconds=3), "service started: up")
    write("/etc/hosts", "127.0.0.1 localhost\n127.0.0.9 service.test\n")
    service.close()
    service = socket.create_server(("127.0.0.9", port))
    ok(d.until(tcp__byname="up", tcp__here="down", seconds=5) or d.until(tcp__byname="up", seconds=3), "a name that moves is followed", d.now)
    d.classes()
    ok(all(v == ("init", "") for v in d.now.values()), "what goes off ends with init", d.now)
    ok(d.quiet(0.5) == [], "what is off is not checked")
    d.classes("prim", checkers=False)
    ok(d.quiet(0.3) == [], "checker off: nothing is on")
    d.classes("pre")
    ok(d.quiet(0.3) == [], "another class: nothing is on")
    d.classes("prim")
    begun = time.monotonic()
    ok(d.end() == (0, "") and time.monotonic() - begun < 3, "ends with the line, also while a name server is awaited")
    for s in (service, full, *fill):
        s.close()


# The only port that the kernel can give to our end is the one that nobody listens on: it connects to itself
def itself():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        before = f.read()
    write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000")
    # when it can give none, that is no word about the service
    with socket.socket() as s, socket.create_server(("127.0.0.1", 30000)) as service:
        s.bind(("0.0.0.0", 40000))
        d = Checkd(build, top)
        d.setup('<tcp ident="t" when="prim">%s</tcp>' % to("127.0.0.1", port=30000))
        d.classes("prim")
        ok(d.until(tcp__t="unknown", seconds=3) and any(o.get("log") == 609 for o in d.said), "no port left for our end: unknown, and said",
           d.said)
        s.close()
        ok(d.until(tcp__t="up", seconds=3), "... and up when there is one")
        d.end()
    with socket.socket() as s:
        ok(s.connect_ex(("127.0.0.1", 40000)) == 0, "this kernel connects a port with itself")
    d = Checkd(build, top)
    d.setup('<tcp ident="t" when="prim">%s</tcp>' % to("127.0.0.1", port=40000))
    d.classes("prim")
    ok(d.until(tcp__t="down", seconds=3) and "refused" in d.value("tcp.t")[1], "a connection with itself is no service", d.now)
    d.end()
    write("/proc/sys/net/ipv4/ip_local_port_range", before)


def ping(peer):
    d = Checkd(build, top)
    d.setup("".join('<ping ident="%s">%s</ping>' % (i, to(a, timeout="300ms")) for i, a in (
        ("lo4", "127.0.0.1"), ("lo6", "::1"), ("far4", "10.9.0.2"), ("far6", "fd09::2"), ("unused", "10.9.0.3"), ("noroute", "192.0.2.1"),
        ("name", "localhost"))))
    d.classes("pre")
    ok(d.until(ping__lo4="up", ping__lo6="up", ping__far4="up", ping__far6="up", ping__unused="down", ping__noroute="down", ping__name="up"),
       "ping: v4, v6, here, far, by name; unused address, no route", d.now)
    ok("no answer" in d.value("ping.unused")[1] and "no route" in d.value("ping.noroute")[1], "each says why", d.now)
    there(peer, "ip", "addr", "del", "10.9.0.2/24", "dev", "v1")
    ok(d.until(ping__far4="down", seconds=5) and d.value("ping.far6")[0] == "up", "the far address goes: down, the other stays up", d.now)
    there(peer, "ip", "addr", "add", "10.9.0.2/24", "dev", "v1")
    ok(d.until(ping__far4="up", seconds=5), "it comes back: up")
    before = len(d.said)
    for _ in range(5):
        d.p.send_signal(signal.SIGSTOP)
        time.sleep(0.37)
        d.p.send_signal(signal.SIGCONT)
        d.quiet(0.13)
    ok(d.said[before:] == [], "a checkd that was stopped blames nobody", d.said[before:])
    ok(d.end() == (0, ""), "ends with the line")
    # without a privilege, where the kernel lets a group
    write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")
    d = Checkd(build, top, prefix=("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"))
    d.setup('<ping ident="lo4">%s</ping><ping ident="lo6">%s</ping>' % (to("127.0.0.1"), to("::1")))
    d.classes("pre")
    ok(d.until(ping__lo4="up", ping__lo6="up", seconds=5), "ping without CAP_NET_RAW by ping_group_range", d.now)
    d.end()
    write("/proc/sys/net/ipv4/ping_group_range", "1 0")
    d = Checkd(build, top, prefix=("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"))
    d.setup('<ping ident="lo4">%s</ping>' % to("127.0.0.1"))
    d.classes("pre")
    ok(d.until(ping__lo4="unknown", seconds=5) and any(o.get("log") == 609 for o in d.said), "neither: unknown, and said", d.said)
    d.quiet(0.7)
    ok(sum(o.get("log") == 609 for o in d.said) == 1, "... once", d.said)
    d.end()


def witnesses(peer):
    d = Checkd(build, top)
    d.setup('<splitbrain ident="w" exec="ping" arg="10.9.0.3 10.9.0.2"/>')
    d.send({"op": "witness", "ms": 100})
    d.classes("pre")
    ok(d.until(splitbrain__w="up", seconds=3), "splitbrain: one of two witnesses answers: up", d.now)
    t = time.monotonic()
    there(peer, "ip", "link", "set", "v1", "down")
    ok(d.wait(is_res("splitbrain.w", "down")) and time.monotonic() - t < 1.5, "none answers: down, as soon as op witness asks for",
       d.said)
    there(peer, "ip", "link", "set", "v1", "up")
    ok(d.until(splitbrain__w="up", seconds=5), "one answers again: up")
    ok(all(o["by"] == "splitbraincheck" for o in d.said if "resource" in o), "by splitbraincheck")
    d.end()


def interfaces(peer):
    d = Checkd(build, top)
    far = "30s"     # events, not the poll
    d.setup('<intf ident="named" intf="v0"><to local_addr="10.9.0.1"/></intf><intf ident="byaddr"><to local_addr="10.9.0.1"/></intf>'
            '<intf ident="gone" intf="v7"><to local_addr="10.9.7.1"/></intf>'
            '<ip ident="four"><to addr="10.9.0.1" interval="%s"/></ip><ip ident="six"><to addr="fd09::1" interval="%s"/></ip>'
            '<ip ident="later"><to addr="10.9.0.50" interval="%s"/></ip><ip ident="lo"><to addr="127.0.0.1"/></ip>' % (far, far, far))
    d.classes("pre", "prim")
    ok(d.until(intf__named="up", intf__byaddr="up", intf__gone="down", ip__four="up", ip__six="up", ip__later="down", ip__lo="up"),
       "intf and ip: first verdicts", d.now)
    for what, undo, why in (
            (("there", "ip", "link", "set", "v1", "down"), ("there", "ip", "link", "set", "v1", "up"), "v0 has no carrier (cable)"),
            (("ip", "link", "set", "v0", "down"), ("ip", "link", "set", "v0", "up"), "v0 is switched off")):
        t = time.monotonic()
        (there(peer, *what[1:]) if what[0] == "there" else run(*what))
        o = d.wait(is_res("intf.named", "down"), 5)
        ok(o is not None and o["why"] == why and d.until(intf__byaddr="down", seconds=1), "intf: " + why, (o, d.now))
        ok(o is not None and d.when - t < 1, "... at once")
        (there(peer, *undo[1:]) if undo[0] == "there" else run(*undo))
        ok(d.until(intf__named="up", intf__byaddr="up", seconds=5), "... and up again", d.now)
    run("ip", "addr", "add", "10.9.0.50/24", "dev", "v0")
    ok(d.until(ip__later="up", seconds=2), "ip: address added: up", d.now)
    run("ip", "addr", "del", "10.9.0.50/24", "dev", "v0")
    ok(d.until(ip__later="down", seconds=2) and "not defined" in d.value("ip.later")[1], "ip: address removed: down", d.now)
    run("ip", "addr", "del", "10.9.0.1/24", "dev", "v0")
    ok(d.until(ip__four="down", intf__named="down", intf__byaddr="down", seconds=2) and "is not on v0" in d.value("intf.named")[1],
       "intf: its address is removed: down", d.now)
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "v0")
    ok(d.until(ip__four="up", intf__named="up", intf__byaddr="up", seconds=2), "... and up again", d.now)
    run("ip", "link", "add", "v7", "type", "veth", "peer", "name", "v8")
    run("ip", "link", "set", "v8", "up")
    run("ip", "addr", "add", "10.9.7.1/24", "dev", "v7")
    run("ip", "link", "set", "v7", "up")
    ok(d.until(intf__gone="up", seconds=2), "an interface that comes: up", d.now)
    run("ip", "link", "del", "v7")
    ok(d.until(intf__gone="down", seconds=2), "an interface that goes: down", d.now)
    ok(d.wait(lambda o: o.get("why") == "there is no interface v7", 2) is not None or "no interface" in d.value("intf.gone")[1],
       "... and the last reason is told", d.now)
    storm(d)
    ok(d.end() == (0, ""), "ends with the line")


# Checkers that check="on" made where config knew no network of the virtual address: the interface is found by it
def networks(peer):
    d = Checkd(build, top)
    intf, ip = {"intf__10.9.0.77": None}, {"ip__10.9.0.77": None}

    def is_now(what, value, seconds=2):
        return d.until(seconds=seconds, **{k: value for k in what})
    d.setup("", extra='<vip><interface_list><interface><real_interface><virtual_addr addr="10.9.0.77"/></real_interface></interface>'
            '</interface_list></vip>')
    d.classes("pre", "prim")
    ok(is_now(intf, "up", 5) and is_now(ip, "down"), "interface of a virtual address: up, the address is not there", d.now)
    run("ip", "addr", "add", "10.9.0.77/24", "dev", "v0")
    ok(is_now(ip, "up") and is_now(intf, "up"), "the address is set: up", d.now)
    there(peer, "ip", "link", "set", "v1", "down")
    ok(is_now(intf, "down", 5) and "cable" in d.value("intf.10.9.0.77")[1], "cable out: down", d.now)
    there(peer, "ip", "link", "set", "v1", "up")
    ok(is_now(intf, "up", 5), "... and up again", d.now)
    run("ip", "addr", "add", "10.9.0.78/32", "dev", "v0")
    write("/proc/sys/net/ipv4/conf/v0/promote_secondaries", "1")  # else the virtual address goes with the first one
    run("ip", "addr", "del", "10.9.0.1/24", "dev", "v0")
    ok(is_now(intf, "down") and d.value("intf.10.9.0.77")[1] == "no interface has an address in the network of 10.9.0.77",
       "its network is gone: down; the virtual address itself and single hosts are none", d.now)
    run("ip", "addr", "del", "10.9.0.78/32", "dev", "v0")
    run("ip", "addr", "add", "10.9.0.1/24", "dev", "v0")
    ok(is_now(intf, "up"), "... and up again", d.now)
    run("ip", "addr", "del", "10.9.0.77/24", "dev", "v0")
    ok(is_now(ip, "down") and is_now(intf, "up"), "the address is removed", d.now)
    ok(d.end() == (0, ""), "ends with the line")


# More events than its socket holds while it is stopped: ENOBUFS, and only a whole dump tells
def storm(d):
    d.p.send_signal(signal.SIGSTOP)
    batch = "".join("addr add 10.8.%d.%d/32 dev v0\naddr del 10.8.%d.%d/32 dev v0\n" % (i, k, i, k) for i in range(40) for k in range(1, 60))
    subprocess.run(["ip", "-batch", "-"], input=batch.encode(), check=True)
    run("ip", "addr", "add", "10.9.0.50/24", "dev", "v0")
    d.p.send_signal(signal.SIGCONT)
    ok(d.until(ip__later="up", seconds=5), "events were lost in a storm: a whole dump finds the address", d.now)
    run("ip", "addr", "del", "10.9.0.50/24", "dev", "v0")
    ok(d.until(ip__later="down", ip__four="up", seconds=5), "and events go on", d.now)


CHECKER = """#!/bin/sh
trap 'echo term >>%s/trace; exit 0' TERM
echo "$$ $1 $2 $3 $4 $SAFECHECKER $SAFEMODULE $SAFENODE $SAFEUSERBIN $PWD $VAR1" >>%s/trace
echo output of $2
while :; do sleep 0.05; done
"""


def trace(d):
    try:
        with open(d.var + "/trace") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def custom():
    d = Checkd(build, top)
    write(d.bin + "/mychecker", CHECKER % (d.var, d.var), 0o755)
    write(d.bin + "/deaf", '#!/bin/sh\ntrap "" TERM\nsleep 1000 &\necho $$ $! >%s/deaf\nwhile :; do sleep 1; done\n' % d.var, 0o755)
    conf = '<custom ident="c1" when="prim" exec="mychecker" arg="proc &quot;two words&quot;"/>'
    user = '<user logging="userlog"><var name="VAR1" value="value1"/></user>'
    d.setup(conf, user=user)
    ok(d.quiet(0.2) == [], "custom: nothing runs before its class is on")
    d.classes("prim")
    ok(d.value("custom.c1") == ("init", "") and d.said[0]["by"] == "mychecker", "custom: init, by its program", d.said)
    until(lambda: len(trace(d)) == 1)
    line = trace(d)[0]
    pid = int(line.split()[0])
    ok(line == "%d am custom.c1 proc two words mychecker am n1 %s %s value1" % (pid, d.env["SAFE"] + "/private/modules/am/bin", d.bin),
       "custom: arguments, environment, folder", line)
    logs = [f for f in os.listdir(d.var) if f.startswith("userlog_") and f.endswith("_custom.c1.ulog")]
    ok(len(logs) == 1 and open(d.var + "/" + logs[0]).read() == "output of custom.c1\n", "custom: output in its userlog", os.listdir(d.var))
    ok(os.getsid(pid) == pid, "custom: a session of its own")

    os.kill(pid, signal.SIGKILL)
    t = time.monotonic()
    o = d.wait(lambda o: "log" in o)
    ok(o == {"log": 604, "origin": "mychecker", "text": "Custom checker custom.c1 ended unexpectedly (signal 9): started again"},
       "custom: death is said", o)
    ok(d.wait(is_res("custom.c1", "init")) is not None and until(lambda: len(trace(d)) == 2), "custom: started again, init again")
    ok(0.9 < time.monotonic() - t < 3, "... after a second", time.monotonic() - t)
    pid = int(trace(d)[1].split()[0])
    os.kill(pid, signal.SIGKILL)
    t = time.monotonic()
    ok(until(lambda: len(trace(d)) == 3) and 1.9 < time.monotonic() - t < 4, "... and later the next time", time.monotonic() - t)

    pid = int(trace(d)[2].split()[0])
    d.setup(conf + '<custom ident="c2" when="prim" exec="mychecker"/>', user=user)
    ok(until(lambda: len(trace(d)) == 4) and alive(pid), "dynamic configuration: what is new starts, what stays the same is left alone")
    d.setup(conf, user=user)
    ok(until(lambda: trace(d)[-1] == "term"), "dynamic configuration: what is gone is stopped")
    d.classes()
    ok(not alive(pid) and trace(d).count("term") == 2, "class off: SIGTERM, and acknowledged when it is dead", trace(d))
    ok(d.said[-1] == {"ack": d.seq} and d.said[-2] == {"resource": "custom.c1", "value": "init", "by": "mychecker", "why": ""},
       "... with init before", d.said[-2:])

    # a dynamic configuration brought another script of that name
    started = len(trace(d))
    d.setup(conf, user=user)
    d.classes("prim")
    until(lambda: len(trace(d)) == started + 1)
    pid = int(trace(d)[-1].split()[0])
    os.utime(d.bin + "/mychecker", (1, 1))
    d.setup(conf, user=user)
    ok(until(lambda: len(trace(d)) == started + 3) and not alive(pid) and trace(d)[-1].startswith("term") is False,
       "dynamic configuration: a script that is another one now is started anew", trace(d)[started:])
    d.classes()

    d.setup('<custom ident="c1" when="prim" exec="deaf"/>')
    d.classes("prim")
    until(lambda: os.path.exists(d.var + "/deaf") and len(open(d.var + "/deaf").read().split()) == 2)
    pids = [int(p) for p in open(d.var + "/deaf").read().split()]
    t = time.monotonic()
    first = d.classes(wait=False)
    os.unlink(d.var + "/deaf")
    second = d.classes("prim", wait=False)
    got = [d.wait(lambda o: "ack" in o)["ack"], d.wait(lambda o: "ack" in o)["ack"]]
    took = time.monotonic() - t
    ok(got == [first, second] and 0.9 < took < 2.5 and not alive(pids[0]) and not alive(pids[1]),
       "a checker that ignores SIGTERM is killed with its children after a second, then acknowledged", (got, took))
    ok(until(lambda: os.path.exists(d.var + "/deaf")), "and on again meanwhile: started when the old one was gone")
    until(lambda: len(open(d.var + "/deaf").read().split()) == 2)
    pids = [int(p) for p in open(d.var + "/deaf").read().split()]
    ok(d.end() == (0, "") and until(lambda: not alive(pids[0]) and not alive(pids[1])), "heart is gone: children are killed at once")


def custom_wrong():
    d = Checkd(build, top)
    write(d.bin + "/mychecker", CHECKER % (d.var, d.var), 0o755)
    write(d.bin + "/noexec", "#!/bin/sh\n", 0o644)
    d.setup('<custom ident="c1" when="prim" exec="/nonexistent/x"/>')
    d.classes("prim")
    o = d.wait(lambda o: o.get("log") == 609)
    ok(o is not None and "/nonexistent/x: No such file" in o["text"], "a program that is not there: said", o)
    d.quiet(1.5)
    ok(sum("log" in o for o in d.said) == 1, "... once", d.said)
    d.setup('<custom ident="c1" when="prim" exec="mychecker"/>')
    d.classes("prim")
    until(lambda: len(trace(d)) == 1)
    pid = int(trace(d)[0].split()[0])
    d.p.kill()
    d.p.wait()
    ok(until(lambda: not alive(pid), 5), "checkd dies: its checkers do, too")
    d.end()
    d = Checkd(build, top)
    d.setup('<custom ident="c1" when="prim" exec="mychecker"/>')
    write(d.bin + "/mychecker", "#!/bin/sh\nexit 3\n", 0o755)
    d.classes("prim")
    o = d.wait(lambda o: "log" in o)
    ok(o is not None and "(status 3)" in o["text"], "a checker that ends: its status is said", o)
    write(d.bin + "/mychecker", "#!/bin/sh\ni=0; while [ $i -lt 300 ]; do echo 0123456789; i=$((i+1)); done; echo >%s/wrote; exec sleep 100\n"
          % d.var, 0o755)
    d.setup('<custom ident="loud" when="prim" exec="mychecker"/>', user='<user logging="userlog" userlogsize="1"/>')
    until(lambda: os.path.exists(d.var + "/wrote"))
    log = [d.var + "/" + f for f in os.listdir(d.var) if f.endswith("_custom.loud.ulog")][0]
    ok(until(lambda: os.stat(log).st_size == 0, 5), "an output that has grown beyond userlogsize is emptied", os.stat(log))
    write(d.bin + "/mychecker", "#!/bin/sh\nexec yes 0123456789\n", 0o755)
    d.setup('<custom ident="flood" when="prim" exec="mychecker"/>', user='<user logging="userlog" userlogsize="1"/>')
    until(lambda: any(f.endswith("_custom.flood.ulog") for f in os.listdir(d.var)))
    log = [d.var + "/" + f for f in os.listdir(d.var) if f.endswith("_custom.flood.ulog")][0]
    largest, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        largest = max(largest, os.stat(log).st_size)
        time.sleep(0.005)
    ok(1 << 20 < largest < 200 << 20, "a flood of output is kept small, too: it was %d MiB at most in 3 s" % (largest >> 20), "")
    d.end()


# ---- another module ----

class FakeAdmin:        # safeadmin as far as "get modules" goes
    def __init__(self, var):
        os.makedirs(var + "/run", exist_ok=True)
        self.path = var + "/run/safeadmin.sock"
        self.s = socket.socket(socket.AF_UNIX)
        self.s.bind(self.path)
        self.s.listen(5)
        self.rows = {}
        self.mute = False
        self.conns = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.conns.append(c)
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        f = c.makefile("rb")
        while True:
            head = f.read(4)
            if len(head) < 4:
                return
            o = json.loads(f.read(struct.unpack(">I", head)[0]))
            if self.mute:
                continue
            if o["module"] in self.rows:
                r = {"id": o["id"], "ok": True, "rows": [self.rows[o["module"]]]}
            else:
                r = {"id": o["id"], "ok": False, "code": "notfound", "message": "module %s is not configured" % o["module"]}
            data = json.dumps(r).encode()
            c.sendall(struct.pack(">I", len(data)) + data)

    def end(self):
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()
        os.unlink(self.path)
        for c in self.conns:
            c.shutdown(socket.SHUT_RDWR)
            c.close()
        self.conns = []


def row(state, status, since):
    return {"name": "other", "state": state, "status": status, "since_ms": since, "counters_ms": 1}


def module():
    d = Checkd(build, top)
    d.setup('<module name="other"/><module name="nothere">%s</module>' % to("10.9.0.1"))
    d.classes("pre")
    here = "module__other_127.0.0.1"
    name = here.replace("__", ".")
    ok(d.until(**{here: "unknown"}) and "not running" in d.value(name)[1], "module: without safeadmin unknown", d.now)
    admin = FakeAdmin(d.var)
    ok(d.until(**{here: "down", "module__nothere_10.9.0.1": "down"}), "module that is not configured: down; an address of ours is here", d.now)
    admin.rows["other"] = row("ALONE", "Transient", 1)
    d.quiet(1.2)
    ok(d.value(name)[0] == "down", "starting: still down")
    admin.rows["other"] = row("ALONE", "Ready", 2)
    ok(d.until(**{here: "up"}), "ready: up", d.now)
    before = len(d.said)
    admin.rows["other"] = row("PRIM", "Ready", 3)
    d.quiet(1.3)
    ok(d.said[before:] == [], "a change of role is no news", d.said[before:])
    admin.rows["other"] = row("PRIM", "Ready", 5)
    o = d.wait(lambda o: "action" in o)
    ok(o == {"action": "stopstart", "by": "modulecheck", "identity": "modulecheck"}, "restarted between two looks: stopstart", o)
    d.quiet(1.2)
    ok(d.value(name)[0] == "up" and sum("action" in o for o in d.said) == 1, "... once, and up", d.said[before:])
    before = len(d.said)
    admin.rows["other"] = row("WAIT", "Transient", 6)
    d.until(**{here: "down"})
    ok(["action" in o for o in d.said[before:]] == [True, False] and d.value(name)[1] == "other: it waits, starts or stops",
       "stopping: stopstart, then down", d.said[before:])
    admin.mute = True
    ok(d.until(**{here: "unknown"}, seconds=10) and "within" in d.value(name)[1], "safeadmin hangs: unknown", d.now)
    admin.end()
    ok(d.until(**{"module__nothere_10.9.0.1": "unknown"}), "safeadmin ends: unknown", d.now)
    admin = FakeAdmin(d.var)
    admin.rows["other"] = row("UP", "Ready", 9)
    ok(d.until(**{here: "up"}, seconds=10), "it comes back: up", d.now)
    admin.end()
    ok(d.end() == (0, ""), "ends with the line")


# ---- another module on another server: its web service is far_web.py in the other network ----

KEY, OTHER_KEY = "11" * 32, "22" * 32


def web_key(cluster_key):       # HKDF-SHA-256, as wire/packet.h has it
    prk = hmac.new(b"sk-derive-1", bytes.fromhex(cluster_key), hashlib.sha256).digest()
    return hmac.new(prk, b"web\x01", hashlib.sha256).hexdigest()


class FarWeb:
    def __init__(self, peer, file, port=9010, tls=(), **now):
        self.file = file
        self.set(**now)
        self.p = subprocess.Popen(["nsenter", "-t", str(peer.pid), "-n", sys.executable, top + "/tests/ctl/far_web.py", "10.9.0.2", str(port),
                                   file, *tls], stdout=subprocess.PIPE, text=True)
        self.p.stdout.readline()

    def set(self, **now):
        write(self.file + ".new", json.dumps(now))
        os.rename(self.file + ".new", self.file)

    def asked(self, status, path):      # waits for such a request
        while True:
            if self.p.stdout.readline() == "%d %s\n" % (status, path):
                return True

    def end(self):
        self.p.kill()
        self.p.wait()


def module_far(peer):
    d = Checkd(build, top)
    write("/etc/hosts", "10.9.0.2 far.test\nfd09::2 far.test\n")
    os.makedirs(d.var + "/cluster")
    write(d.var + "/cluster/cluster.key", KEY + "\n")
    d.setup('<module ident="far" name="other">%s</module>' % to("far.test", "200ms", "1s"))
    d.classes("pre")
    far, file = "module.far", d.dir + "/far.json"
    path = "/node/api/v1/modules/other"
    ok(d.until(module__far="down") and "other on far.test: " in d.value(far)[1], "far: nobody listens: down", d.now)
    web = FarWeb(peer, file, key=web_key(KEY))
    ok(web.asked(404, path) and d.wait(lambda o: "not configured" in o.get("why", "")), "far: no such module there: down, says why", d.now)
    web.set(key=web_key(KEY), row=row("PRIM", "Ready", 1))
    ok(d.until(module__far="up"), "far: it is primary: up", d.now)
    before = len(d.said)
    for _ in range(3):
        web.asked(200, path)
    ok(d.said[before:] == [], "far: nothing new is no news", d.said[before:])
    web.set(key=web_key(KEY), row=row("PRIM", "Ready", 7))
    o = d.wait(lambda o: "action" in o)
    ok(o == {"action": "stopstart", "by": "modulecheck", "identity": "modulecheck"} and d.value(far)[0] == "up",
       "far: restarted between two looks: stopstart, and up", o)
    web.set(key=web_key(KEY), row=row("WAIT", "NotReady", 9))
    ok(d.until(module__far="down") and sum("action" in o for o in d.said) == 2, "far: it stops: stopstart, then down", d.said[before:])

    # another key there: what can be seen without
    before = len(d.said)
    web.set(key=web_key(OTHER_KEY), row=row("PRIM", "Ready", 10))
    ok(web.asked(404, "/var/modules/other/ready.txt") and d.wait(lambda o: "not ready" in o.get("why", "")), "far: another key, no ready.txt: down",
       d.now)
    web.set(key=web_key(OTHER_KEY), ready='"a"')
    ok(d.until(module__far="up"), "far: ready.txt: up")
    web.set(ready='"a"')
    web.asked(200, "/var/modules/other/ready.txt")
    web.asked(200, "/var/modules/other/ready.txt")
    ok(not any("action" in o for o in d.said[before:]) and d.value(far)[0] == "up", "far: a web server without our interface: the same", d.said[before:])
    web.set(ready='"b"')
    ok(d.wait(lambda o: "action" in o)["action"] == "stopstart" and d.value(far)[0] == "up", "far: another ready.txt: restarted", d.said[before:])
    web.set(ready=None)
    ok(d.until(module__far="down"), "far: it goes: down")
    web.set(key=web_key(OTHER_KEY), row=row("PRIM", "Ready", 10))
    write(d.var + "/cluster/cluster.key", OTHER_KEY)
    ok(d.until(module__far="up"), "far: we get its key while we run: up", d.now)
    web.set(silent=True)
    ok(d.until(module__far="down") and "no answer within 1000 ms" in d.value(far)[1], "far: no answer: down when the timeout is over", d.now)
    web.end()
    ok(d.end() == (0, ""), "far: ends with the line")

    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, stderr=subprocess.DEVNULL, cwd=os.path.dirname(file))

    d = Checkd(build, top)
    tls = tempfile.mkdtemp(prefix="t-checkd.")
    file = tls + "/far.json"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=far",
            "-addext", "subjectAltName=IP:10.9.0.2", "-keyout", "k.pem", "-out", "c.pem")
    web = FarWeb(peer, file, 9453, (tls + "/c.pem", tls + "/k.pem"), ready='"a"')
    checks = "".join('<module ident="%s" name="other">%s</module>' % (i, to(a, "200ms", "1s", port=9453, secure="on"))
                     for i, a in (("tls", "10.9.0.2"), ("wrong", "far.test")))
    d.setup(checks)
    d.classes("pre")
    ok(d.until(module__tls="unknown") and "certificate" in d.value("module.tls")[1], "far: a certificate of nobody known: unknown, says why", d.now)
    with open(tls + "/c.pem") as f:
        cert = f.read()
    ok(d.end() == (0, ""), "far: ends")
    d = Checkd(build, top)
    os.makedirs(d.dir + "/safe/web/conf")
    write(d.dir + "/safe/web/conf/cacert.crt", cert)
    d.setup(checks)
    d.classes("pre")
    ok(d.until(module__tls="up", module__wrong="unknown"), "far: with cacert.crt: up without any key of ours; another name than its: unknown", d.now)
    web.end()
    shutil.rmtree(tls)
    ok(d.end() == (0, ""), "far: ends")


# ---- the line itself ----

def line():
    for text, what in (("nonsense\n", "JSON"), ("[1]\n", "JSON"), ('{"op":"what"}\n', "op"), ('{"op":"classes","seq":1,"on":[]}\n', "classes"),
                       ('{"op":"setup","module":"am"}\n', "setup"), ('{"op":"witness","ms":0}\n', "witness"),
                       ('{"op":"setup","module":"am","node":"n","bin":"b","var":"v","config":{}}\n', "expected"),
                       ("x" * (17 << 20), "too long")):
        d = Checkd(build, top)
        try:
            d.s.sendall(text.encode())
        except (BrokenPipeError, ConnectionResetError):
            pass
        until(lambda: d.p.poll() is not None)
        status, err = d.end()
        ok(status == 1 and what in err and err.startswith("checkd: "), "a line that is not understood ends it: " + text[:40].strip(), err)
    d = Checkd(build, top)
    d.setup("")
    d.classes("pre")
    d.send({"op": "errd", "id": 7, "verb": "list"})
    o = d.wait(lambda o: "reply" in o)
    ok(o == {"reply": 7, "ok": True, "procs": []}, "errd list", o)
    d.send({"op": "errd", "id": 8, "verb": "enable", "class": "none"})
    o = d.wait(lambda o: "reply" in o)
    ok(o is not None and o["reply"] == 8 and o["ok"] is False and o["message"] != "", "errd enable of no such class", o)
    d.send({"op": "quit"})
    until(lambda: d.p.poll() is not None)
    ok(d.end() == (0, ""), "quit")
    d = Checkd(build, top)
    d.setup("")
    d.classes()
    d.p.terminate()
    ok(until(lambda: d.p.poll() is not None) and d.end() == (0, ""), "SIGTERM")
    d = Checkd(build, top)
    n = 4096
    d.setup("".join('<tcp ident="t%d" when="prim">%s</tcp>' % (i, to("127.0.0.1", "60s", "5s", port=1)) for i in range(n)))
    d.classes("prim")
    ok(d.until(**{"tcp__t%d" % i: "down" for i in range(n)}), "4096 checks: all judged")
    d.setup("".join('<tcp ident="t%d" when="prim">%s</tcp>' % (i, to("127.0.0.1", "60s", "5s", port=1)) for i in reversed(range(n))))
    d.send({"op": "errd", "id": 9, "verb": "list"})
    before = len(d.said)
    d.wait(lambda o: "reply" in o)
    ok(len(d.said) == before + 1, "the same in another order: nothing is said anew", d.said[before:before + 3])
    ok(d.end() == (0, ""), "ends with the line")


peer = make_world()
try:
    tcp()
    itself()
    ping(peer)
    witnesses(peer)
    interfaces(peer)
    networks(peer)
    custom()
    custom_wrong()
    module()
    module_far(peer)
    line()
finally:
    peer.stdin.close()
    peer.wait()
    for f in ("hosts", "resolv"):
        os.unlink("/tmp/t-checkd.%s.%d" % (f, os.getpid()))
print("1..%d" % count)
sys.exit(bad != 0)
