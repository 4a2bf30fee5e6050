#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vipd.py: virtual addresses with real interfaces, sockets, a neighbour.  Started by t-vipd in namespaces of its own.
# v0 (10.9.0.1) is our end of a cable, v1 (10.9.0.2) is the end of another server, a network namespace of its own; likewise w0 (10.8.0.1).
import json, os, signal, socket, subprocess, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vipd_lib import LONG, Vipd, Wire, addresses, advert, garp, run, seen

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


def until(what, seconds=LONG):      # for what has no event to wait for
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def vip(*interfaces, attrs=""):
    return "<vip%s><interface_list>%s</interface_list></vip>" % (attrs, "".join(interfaces))


def real(*addrs, attrs=""):     # an address, or (address, more attributes)
    rows = "".join('<virtual_addr addr="%s" where="one_side_alias" check="off" %s/>' % (a if isinstance(a, tuple) else (a, "")) for a in addrs)
    return '<interface check="off" %s><real_interface>%s</real_interface></interface>' % (attrs, rows)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


# ---- the world ----

def make_world():
    run("mount", "--make-rprivate", "/")
    write("/tmp/t-vipd.hosts.%d" % os.getpid(), "127.0.0.1 localhost\n10.9.0.120 vip.test\n10.9.0.110 vip.test\nfd09::120 vip.test\n")
    write("/tmp/t-vipd.resolv.%d" % os.getpid(), "nameserver 10.9.0.77\noptions timeout:20 attempts:1\n")
    run("mount", "--bind", "/tmp/t-vipd.hosts.%d" % os.getpid(), "/etc/hosts")
    run("mount", "--bind", os.path.realpath("/tmp/t-vipd.resolv.%d" % os.getpid()), os.path.realpath("/etc/resolv.conf"))
    run("ip", "link", "set", "lo", "up")
    peer = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    peer.stdout.readline()
    for dev, n in (("v", 9), ("w", 8)):
        run("ip", "link", "add", dev + "0", "type", "veth", "peer", "name", dev + "1", "netns", str(peer.pid))
        run("ip", "addr", "add", "10.%d.0.1/24" % n, "dev", dev + "0")
        run("ip", "addr", "add", "fd0%d::1/64" % n, "dev", dev + "0", "nodad")
        run("ip", "link", "set", dev + "0", "up")
        there(peer, "ip", "addr", "add", "10.%d.0.2/24" % n, "dev", dev + "1")
        there(peer, "ip", "addr", "add", "fd0%d::2/64" % n, "dev", dev + "1", "nodad")
        there(peer, "ip", "link", "set", dev + "1", "up")
    return peer


def there(peer, *cmd):
    return run("nsenter", "-t", str(peer.pid), "-n", *cmd)


def mac(dev):
    with open("/sys/class/net/%s/address" % dev) as f:
        return f.read().strip()


def mac_of(dev):
    return bytes.fromhex(json.loads(run("ip", "-j", "link", "show", "dev", dev))[0]["address"].replace(":", ""))


# ---- tests ----

def simple():
    d = Vipd(build, top)
    wire = Wire(peer.pid, "v1")
    d.setup(vip(real("10.9.0.100", ("10.9.0.101", 'netmask="255.255.255.128"'), "fd09::100"), real("10.8.0.100")))
    before = addresses("v0")
    ok(d.want(False) == "" and addresses("v0") == before, "nothing wanted: nothing set")
    ok(d.want(True) == "", "want is answered")
    ok(addresses("v0") - before == {"10.9.0.100/24", "10.9.0.101/25", "fd09::100/64"},
       "IPv4 with the network's mask, IPv4 with its own, IPv6: on the interface of their network", addresses("v0"))
    ok("10.8.0.100/24" in addresses("w0"), "another interface, another address", addresses("w0"))
    got = d.logs()
    ok(got == ["Virtual IP <%s of am> set" % a for a in ("10.9.0.100", "10.9.0.101", "fd09::100", "10.8.0.100")], "messages", got)
    own = mac_of("v0")
    ok(wire.collect(lambda f: all(len(seen(f, i)) >= 3 for i in (garp("10.9.0.100", own), garp("10.9.0.101", own), advert("fd09::100", own)))),
       "three gratuitous ARP for each, three advertisements", len(wire.frames))
    ok(d.want(True) == "" and d.logs() == [], "wanted again: answered, and nothing done")
    tentative = json.loads(run("ip", "-j", "addr", "show", "dev", "v0", "to", "fd09::100"))
    ok("tentative" not in json.dumps(tentative), "IPv6 without duplicate detection", tentative)
    ok(d.want(False) == "" and addresses("v0") == before and "10.8.0.100/24" not in addresses("w0"), "unset")
    got = d.logs()
    ok(got == ["Virtual IP <%s of am> unset" % a for a in ("10.9.0.100", "10.9.0.101", "fd09::100", "10.8.0.100")], "messages", got)
    wire.take()
    wire.close()
    ok(d.end() == (0, ""), "ends with its line")


def names():
    d = Vipd(build, top)
    d.setup(vip(real("vip.test", "later.test")))
    why = d.want(True)
    ok("10.9.0.110/24" in addresses("v0"), "a name with several addresses: the lowest IPv4 one, on every server", addresses("v0"))
    ok(why is not None and why.startswith("later.test: "), "a name that nobody knows: want is answered with that", why)
    got = d.logs()
    ok("Virtual IP <vip.test of am> set" in got, "the message has the address as configured", got)
    write("/etc/hosts", "127.0.0.1 localhost\n10.9.0.121 later.test\n")
    ok(d.wait(lambda o: o.get("text") == "Virtual IP <later.test of am> set") is not None and "10.9.0.121/24" in addresses("v0"),
       "it is set when the name is known")
    errors = [t for t in d.logs() if "cannot be set" in t]
    ok(len(errors) <= 1, "its error is said once at most", errors)
    write("/etc/hosts", "127.0.0.1 localhost\n")
    ok(d.want(False) == "" and d.want(True) == "" and "10.9.0.110/24" in addresses("v0"), "a name once known is kept")
    d.end()


def interfaces():
    d = Vipd(build, top)
    d.setup(vip(real(("10.7.0.1", 'netmask="255.255.255.0"'), "10.7.1.1", attrs='name="w0"'), real("10.9.0.100", attrs='name="late0"'),
                real("10.6.0.1")))
    why = d.want(True)
    ok({"10.7.0.1/24", "10.7.1.1/32"} <= addresses("w0"), "name=: there, whatever its networks are", addresses("w0"))
    ok(why == "10.9.0.100: there is no interface late0; 10.6.0.1: no interface has a network with 10.6.0.1: expected one, or <interface name=...>",
       "no such interface, no such network: answered with the reasons", why)
    got = d.logs()
    ok("Virtual IP <10.9.0.100 of am> cannot be set: there is no interface late0" in got, "... and said", got)
    run("ip", "link", "add", "late0", "type", "bridge")
    ok(d.wait(lambda o: o.get("text") == "Virtual IP <10.9.0.100 of am> set") is not None and addresses("late0") == {"10.9.0.100/32"},
       "set when the interface has come")
    ok([t for t in d.logs() if "cannot be set" in t] == [], "the reason is said once")
    run("ip", "link", "del", "late0")
    ok(d.want(False) == "", "an interface that went with its address is no error")
    d.end()


def rerouting():
    d = Vipd(build, top)
    wire = Wire(peer.pid, "v1")
    d.setup(vip(real("10.9.0.100", attrs='arpreroute="on" arpinterval="1" arpelapse="3"'), real("10.9.0.101")))
    d.want(True)
    ok(wire.collect(lambda f: len(seen(f, garp("10.9.0.100"))) >= 4), "arpreroute: again after arpinterval")
    times = [t for t, _ in seen(wire.frames, garp("10.9.0.100"))]
    ok(times[-1] - times[0] > 1.5, "... and that is a second after those of the beginning", times)
    end = time.monotonic() + 4
    wire.collect(lambda f: time.monotonic() > end, 4)
    ok(3 <= len(seen(wire.frames, garp("10.9.0.101"))) <= 3, "without arpreroute: three in the first second and no more")
    last = max(t for t, _ in seen(wire.frames, garp("10.9.0.100")))
    ok(last - times[0] < 3.5, "none after arpelapse", last - times[0])
    wire.close()
    d.end()


def client(to, port, source="10.9.0.2"):      # of the peer, connected
    from vipd_lib import setns
    here, other = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/proc/%d/ns/net" % peer.pid, os.O_RDONLY)
    setns(other)
    try:
        s = socket.socket()
    finally:
        setns(here)
        os.close(here)
        os.close(other)
    s.settimeout(LONG)
    s.connect((to, port))
    return s


def resets():
    for word, reset in (("on", True), ("off", False)):
        d = Vipd(build, top)
        d.setup(vip(real("10.9.0.100"), attrs=' tcpreset="%s"' % word))
        d.want(True)
        service = socket.create_server(("0.0.0.0", 0))
        port = service.getsockname()[1]
        virtual, plain = client("10.9.0.100", port), client("10.9.0.1", port)
        ours = [service.accept()[0] for _ in range(2)]
        d.logs()
        d.want(False)
        got = d.logs()
        said = "1 connections of virtual IP 10.9.0.100 reset" in got
        virtual.settimeout(LONG if reset else 0.5)
        try:
            end = "closed" if virtual.recv(1) == b"" else "data"
        except ConnectionResetError:
            end = "reset"
        except TimeoutError:
            end = "nothing"
        ok((end, said) == (("reset", True) if reset else ("nothing", False)), "tcpreset=%s: the client's connection" % word, (end, got))
        plain.sendall(b"x")
        ok(b"x" in [x.recv(1) for x in ours if x.getsockname()[0] == "10.9.0.1"], "... that of another address goes on")
        again = socket.create_connection(("10.9.0.1", port))
        ok(service.accept() is not None, "... and so does the service itself")
        for x in (virtual, plain, again, service, *ours):
            x.close()
        d.end()


def connections():
    d = Vipd(build, top)
    d.setup(vip(real(("10.9.0.100", 'connections="on"'), "10.9.0.101", ("fd09::100", 'connections="on"'))))
    service = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    port = service.getsockname()[1]
    d.want(True)
    ok(d.wait(lambda o: o.get("resource") == "connections.10.9.0.100" and o.get("value") == "0") is not None, "none at first")
    held = [client("10.9.0.100", port), client("10.9.0.100", port), client("10.9.0.101", port)]
    ok(d.wait(lambda o: o.get("resource") == "connections.10.9.0.100" and o.get("value") == "2") is not None,
       "two of IPv4, with a service that listens on IPv6")
    ok(d.now.get("connections.fd09::100") == "0" and "connections.10.9.0.101" not in d.now, "each address on its own, only where asked for", d.now)
    d.want(False)
    ok(not d.now, "the resources go with the addresses", d.now)
    for x in (service, *held):
        x.close()
    d.end()


class Monitor:      # what happens to addresses
    def __init__(self):
        self.p = subprocess.Popen(["ip", "-o", "monitor", "address"], stdout=subprocess.PIPE, text=True)
        run("ip", "link", "add", "mark0", "type", "bridge")
        self.n = 0

    def happened(self):     # up to now: until a mark is seen
        self.n += 1
        mark = "192.0.2.%d" % self.n
        while True:
            subprocess.run(["ip", "addr", "add", mark + "/32", "dev", "mark0"], check=True)
            lines = []
            for line in self.p.stdout:
                if mark in line:
                    return [x for x in lines if "mark0" not in x]
                lines.append(line)

    def close(self):
        self.p.terminate()
        self.p.wait()
        self.p.stdout.close()
        run("ip", "link", "del", "mark0")


def lives():
    d = Vipd(build, top)
    two, one = vip(real("10.9.0.100", ("10.9.0.101", 'netmask="255.255.255.128"'), "fd09::100")), vip(real("10.9.0.100"))
    d.setup(two)
    d.want(True)
    d.kill()
    ok({"10.9.0.100/24", "10.9.0.101/25", "fd09::100/64"} <= addresses("v0"), "killed: addresses stay")
    wire, monitor = Wire(peer.pid, "v1"), Monitor()
    until(lambda: monitor.happened() == [])
    wire.take()
    d.start()
    d.setup(two)
    ok(d.want(True) == "", "the next one answers")
    ok(monitor.happened() == [], "... changes nothing")
    ok(d.logs() == [], "... says nothing")
    ok(not seen(wire.take(), lambda f: garp("10.9.0.100")(f) or garp("10.9.0.101")(f) or advert("fd09::100")(f)), "... nothing on the wire")
    monitor.close()
    d.kill()
    d.start()
    d.setup(one)
    ok(d.want(True) == "" and addresses("v0") & {"10.9.0.100/24", "10.9.0.101/25", "fd09::100/64"} == {"10.9.0.100/24"},
       "what the new configuration has not is taken down", addresses("v0"))
    got = d.logs()
    ok(sorted(got) == ["Virtual IP <%s of am> removed: left by a process that was killed" % a for a in ("10.9.0.101", "fd09::100")], "... and said", got)
    d.kill()
    d.start()
    d.setup(vip(real(("10.9.0.100", 'netmask="255.255.255.128"'))))
    ok(d.want(True) == "" and "10.9.0.100/25" in addresses("v0") and "10.9.0.100/24" not in addresses("v0"), "another mask: another address",
       addresses("v0"))
    d.kill()
    d.start()
    d.setup(one)
    d.logs()
    ok(d.want(False) == "" and not {"10.9.0.100/25", "10.9.0.100/24"} & addresses("v0"), "not wanted any more: taken down")
    got = d.logs()
    ok(got == ["Virtual IP <10.9.0.100 of am> removed: left by a process that was killed"], "... and said", got)
    ok(not os.path.exists(d.var + "/vip.json"), "nothing set, nothing to remember")
    d.want(True)
    d.kill()
    d.env["SAFE_BOOT_ID"] = "boot-2"
    d.start()
    d.setup(one)
    d.want(False)
    ok("10.9.0.100/24" in addresses("v0") and d.logs() == [], "what was set in another boot is not ours")
    run("ip", "addr", "del", "10.9.0.100/24", "dev", "v0")
    d.want(True)
    d.kill()
    write(d.var + "/vip.json", '{"boot":"boot-2"')
    d.start()
    d.setup(one)
    ok(d.want(True) == "", "a damaged vip.json counts as none")
    got = d.logs()
    ok(got == ["Virtual IP 10.9.0.100 was on v0 already, set by somebody else: taken over", "Virtual IP <10.9.0.100 of am> set"],
       "an address that is there already is taken over, and that is said", got)
    d.want(False)
    ok("10.9.0.100/24" not in addresses("v0"), "... and taken away")
    status, err = d.end()
    ok(status == 0 and "vip.json: expected JSON with the boot id" in err, "... the damage is told", err)
    wire.close()


def ends():
    one = vip(real("10.9.0.100"))
    d = Vipd(build, top)
    for name, how in (("end of its line", lambda: d.s.close()), ("SIGTERM", lambda: d.p.terminate()), ("quit", lambda: d.send({"op": "quit"}))):
        d.setup(one)
        d.want(True)
        d.logs()
        there_before = "10.9.0.100/24" in addresses("v0")
        how()
        if name != "end of its line":
            d.drain()
            got = d.logs()
            ok(got == ["Virtual IP <10.9.0.100 of am> unset"], "%s: said" % name, got)
        ok(d.p.wait(LONG) == 0 and there_before and "10.9.0.100/24" not in addresses("v0"), "%s: everything down, and the end" % name)
        d.s.close()
        d.p.stderr.close()
        d.start()
    d.setup(one)
    d.want(True)
    d.kill()
    d.start()
    ok(d.end(keep=True) == (0, "") and "10.9.0.100/24" not in addresses("v0"), "heart gone before setup: what was left is taken down, too")
    d.start()
    d.setup(one)
    d.want(True)
    d.p.send_signal(signal.SIGSTOP)
    former, line = d.p, d.s
    d.start()           # waits for the former one
    d.setup(one)
    number = d.want(True, wait=False)
    line.close()
    former.send_signal(signal.SIGCONT)
    former.wait(LONG)
    former.stderr.close()
    ok(d.wait(lambda o: o.get("ack") == number) is not None and "10.9.0.100/24" in addresses("v0"),
       "a former one that still takes down is waited for: what is set after it stays")
    d.end()


def wrong():
    good = {"op": "setup", "module": "am", "id": 1, "node": "n1", "self": 0, "nodes": ["n1"], "key": "", "var": "/x", "lans": []}
    d = Vipd(build, top)
    good["config"] = d.config(vip(real("10.9.0.100")))
    numbers = "setup: expected module, id, nodes, self (index into nodes) and var (a path)"
    rows = [
        (b"nonsense", "no JSON object"), (b"[]", "no JSON object"), (b'{"op":1}', "expected an op"), (b'{"op":"fly"}', "expected an op"),
        (b'{"op":"want"}', "expected seq, addresses and serve"), (b'{"op":"want","seq":"1","addresses":true,"serve":true}', "expected seq"),
        (b'{"op":"want","seq":1,"addresses":1,"serve":true}', "expected seq"), (b'{"op":"setup"}', numbers),
        (dict(good, id=0), numbers), (dict(good, id=257), numbers), (dict(good, self=1), numbers), (dict(good, nodes=[]), numbers),
        (dict(good, nodes=["n%d" % i for i in range(33)]), numbers), (dict(good, nodes=["n" * 64]), numbers), (dict(good, var="x"), numbers),
        (dict(good, module="../am"), numbers), (dict(good, module="other"), "expected module (ours)"), (dict(good, key="12"), "expected key"),
        (dict(good, config=dict(good["config"], mode="no")), "mode"), (dict(good, config=None), "expected"),
    ]
    for line, text in rows:
        d.s.sendall((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        d.drain()
        status, err = d.end(keep=True)
        ok(status == 1 and text in err, "refused: %s" % (line if isinstance(line, bytes) else text), (status, err))
        d.start()
    d.end()


def setups():
    d = Vipd(build, top)
    monitor = Monitor()
    d.setup(vip(real("10.9.0.100")))
    d.want(True)
    until(lambda: monitor.happened() == [])
    d.logs()
    d.setup(vip(real("10.9.0.100")), key="00" * 32)
    ok(d.want(True) == "" and monitor.happened() == [] and d.logs() == [], "setup again with another key: nothing happens to addresses")
    d.setup(vip(real("10.9.0.101")))
    ok(d.wait(lambda o: o.get("text") == "Virtual IP <10.9.0.101 of am> set") is not None and
       addresses("v0") & {"10.9.0.100/24", "10.9.0.101/24"} == {"10.9.0.101/24"}, "another configuration: the former down, the new one up")
    monitor.close()
    d.end()


def once():
    d = Vipd(build, top)
    with open(d.dir + "/safe/private/modules/am/module.json", "w") as f:
        json.dump(d.config(vip(real("10.9.0.100", "fd09::100"))), f)
    ok(d.once("set")[0] == 1 and "10.9.0.100/24" not in addresses("v0"), "refused while a vipd runs")
    d.end(keep=True)
    got = d.once("set")
    ok(got[0] == 1 and "no number" in got[2], "a module without a number", got)
    write(d.var + "/id", "3\n")
    got = d.once("set")
    ok(got == (0, "Virtual IP <10.9.0.100 of am> set\nVirtual IP <fd09::100 of am> set\n", "") and
       {"10.9.0.100/24", "fd09::100/64"} <= addresses("v0"), "--set", got)
    got = d.once("set")
    ok(got == (0, "", ""), "--set again: nothing to do", got)
    got = d.once("unset")
    ok(got[0] == 0 and got[2] == "" and sorted(got[1].splitlines()) == ["Virtual IP <10.9.0.100 of am> unset", "Virtual IP <fd09::100 of am> unset"] and
       not {"10.9.0.100/24", "fd09::100/64"} & addresses("v0"), "--unset", got)
    ok(d.once("unset") == (0, "", ""), "--unset again: nothing to do")
    d.once("set")
    got = d.once("clean")
    ok(got[0] == 0 and len(got[1].splitlines()) == 2 and "left by a process that was killed" in got[1] and
       not {"10.9.0.100/24", "fd09::100/64"} & addresses("v0"), "--clean", got)
    os.unlink(d.dir + "/safe/private/modules/am/module.json")
    got = d.once("set")
    ok(got[0] == 1 and "no active configuration" in got[2], "no configuration", got)
    got = subprocess.run([build + "/vipd", "-m", "am"], capture_output=True, text=True, close_fds=True)
    ok(got.returncode == 1 and "started by heart" in got.stderr, "by hand without a word", got)
    d.start()
    d.end()


def main():
    global peer
    peer = make_world()
    try:
        for f in tests:
            if len(sys.argv) < 4 or f.__name__ in sys.argv[3:]:
                f()
    finally:
        peer.stdin.close()
        peer.wait()
        for name in ("hosts", "resolv"):
            os.unlink("/tmp/t-vipd.%s.%d" % (name, os.getpid()))
    print("1..%d" % count)
    return bad > 0


tests = [simple, names, interfaces, rerouting, resets, connections, lives, ends, wrong, setups, once]
if __name__ == "__main__":
    sys.exit(main())
