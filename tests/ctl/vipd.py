#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vipd.py: virtual addresses with real interfaces, sockets, a neighbour.  Started by t-vipd in namespaces of its own.
# v0 (10.9.0.1) is our end of a cable, v1 (10.9.0.2) is the end of another server, a network namespace of its own; likewise w0 (10.8.0.1).
import ctypes, fcntl, json, os, re, select, signal, socket, struct, subprocess, sys, time
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


def announced():        # after a split brain: neighbours have heard of the other server
    d = Vipd(build, top)
    wire = Wire(peer.pid, "v1")
    d.setup(vip(real("10.9.0.100")))
    d.want(True)
    own = mac_of("v0")
    wire.collect(lambda f: len(seen(f, garp("10.9.0.100", own))) >= 3)
    wire.take()
    d.send({"op": "announce"})
    ok(wire.collect(lambda f: len(seen(f, garp("10.9.0.100", own))) >= 3), "announced again, three times, when heart says so")
    d.want(False)
    wire.take()
    d.send({"op": "announce"})
    ok(d.want(False) == "" and not seen(wire.take(), garp("10.9.0.100")), "not what is not set")
    wire.close()
    ok(d.end() == (0, ""), "the end")


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
    got = len(seen(wire.frames, garp("10.9.0.100")))
    ok(got <= 5, "none after arpelapse: three, those after 2 and 3 s, and no more", got)
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


class Monitor:      # what happens to addresses: the kernel tells before the change returns.  Link-local ones aside
    def __init__(self):
        self.s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        self.s.bind((0, 0x10 | 0x100))      # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR

    def happened(self):
        got = []
        try:
            while True:
                message = self.s.recv(8192)
                if b"\xfe\x80\0\0" not in message:
                    got.append(message)
        except BlockingIOError:
            return got

    def close(self):
        self.s.close()


def lives():
    d = Vipd(build, top)
    two, one = vip(real("10.9.0.100", ("10.9.0.101", 'netmask="255.255.255.128"'), "fd09::100")), vip(real("10.9.0.100"))
    d.setup(two)
    d.want(True)
    d.kill()
    ok({"10.9.0.100/24", "10.9.0.101/25", "fd09::100/64"} <= addresses("v0"), "killed: addresses stay")
    wire, monitor = Wire(peer.pid, "v1"), Monitor()
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


def frozen():     # heart has died, and its vipd cannot hear it: stopped, or stuck
    one = vip(real("10.9.0.100"))
    d = Vipd(build, top)
    d.setup(one)
    d.want(True)
    d.p.send_signal(signal.SIGSTOP)
    former = d.p
    d.s.close()
    d.start()
    d.setup(one)
    ok(d.want(False) == "" and "10.9.0.100/24" not in addresses("v0"), "a former one that does not end: what it has set is taken down")
    ok(until(lambda: former.poll() == -signal.SIGKILL), "... and it is killed: it would take down what is set later", former.poll())
    ok(d.want(True) == "" and "10.9.0.100/24" in addresses("v0"), "... set again")
    former.send_signal(signal.SIGCONT)
    former.kill()
    former.wait(LONG)
    former.stderr.close()
    ok("10.9.0.100/24" in addresses("v0"), "... it stays")
    status, err = d.end()
    ok(status == 0 and "killed" in err, "... said", err)


def stuck():      # the kernel does not take it away as we know it: here because it is of the kind with another end
    d = Vipd(build, top)
    d.setup(vip(real("10.9.0.100", "10.9.0.101")))
    run("ip", "addr", "add", "10.9.0.100", "peer", "10.9.99.9/32", "dev", "v0")
    d.want(True)
    d.logs()
    why = d.want(False)
    ok(why.startswith("10.9.0.100: still on v0"), "what cannot be taken away is no success", why)
    got = d.logs()
    ok(sum("10.9.0.100 cannot be taken away" in t for t in got) == 1 and "Virtual IP <10.9.0.101 of am> unset" in got, "... said, once", got)
    ok(any(a["ip"] == "10.9.0.100" for a in json.load(open(d.var + "/vip.json"))["addresses"]), "... and remembered")
    run("ip", "addr", "del", "10.9.0.100", "peer", "10.9.99.9/32", "dev", "v0")
    run("ip", "addr", "add", "10.9.0.100/24", "dev", "v0")
    ok(until(lambda: "10.9.0.100/24" not in addresses("v0")), "... and tried again")
    ok(d.want(False) == "" and until(lambda: not os.path.exists(d.var + "/vip.json")), "... until it is done")
    ok(d.end() == (0, ""), "the end")


def secondaries():      # the kernel takes the other addresses of a network away with the first one, where it is not told to keep them
    where = "/proc/sys/net/ipv4/conf/%s/promote_secondaries"
    write(where % "all", "0")
    write(where % "v0", "0")
    d = Vipd(build, top)
    d.setup(vip(real(("10.77.0.100", 'netmask="255.255.255.0"'), attrs='name="v0"')))
    ok(d.want(True) == "" and "10.77.0.100/24" in addresses("v0"), "the first address of a network")
    run("ip", "addr", "add", "10.77.0.101/24", "dev", "v0")
    run("ip", "addr", "add", "10.77.0.102/24", "dev", "v0")
    ok(d.want(False) == "", "... taken away")
    ok({a for a in addresses("v0") if a.startswith("10.77.")} == {"10.77.0.101/24", "10.77.0.102/24"}, "those of others stay", addresses("v0"))
    with open(where % "v0") as f:
        ok(f.read() == "0\n", "... and the interface's setting is as before")
    ok(d.end() == (0, ""), "the end")
    for a in ("10.77.0.101/24", "10.77.0.102/24"):
        subprocess.run(["ip", "addr", "del", a, "dev", "v0"], capture_output=True)


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
    ok(len(monitor.happened()) == 1, "an address set: one event")
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


def virtual(*addrs, kind="vmac_invisible", where="one_side_alias", attrs="", more=""):
    rows = "".join('<virtual_addr addr="%s" where="%s" check="off"/>' % (a, where) for a in addrs)
    return '<interface check="off" %s><virtual_interface type="%s" %s>%s</virtual_interface></interface>' % (attrs, kind, more, rows)


def promisc(dev):
    return "PROMISC" in run("ip", "link", "show", "dev", dev)


libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    r = libc.syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], command, attr, len(attr))
    if r < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return r


def filtered(dev):      # on clsact, or on tcx
    ask = ctypes.create_string_buffer(128)      # the kernel writes to all of its struct, whatever size it is told
    struct.pack_into("IIIIQII", ask, 0, socket.if_nametoindex(dev), 46, 0, 0, 0, 0, 0)
    try:
        bpf(16, ask)    # BPF_PROG_QUERY of BPF_TCX_INGRESS
    except OSError:     # before 6.6
        pass
    return struct.unpack_from("I", ask, 24)[0] > 0 or "clsact" in run("tc", "qdisc", "show", "dev", dev)


def neighbour(ip):      # what the peer knows, after it was asked
    subprocess.run(["nsenter", "-t", str(peer.pid), "-n", "ping", "-c", "1", "-W", "2", ip], capture_output=True)
    rows = json.loads(there(peer, "ip", "-j", "neigh", "show", ip))
    return rows[0].get("lladdr") if rows else None


def pings(ip):
    return subprocess.run(["nsenter", "-t", str(peer.pid), "-n", "ping", "-c", "1", "-W", "5", ip], capture_output=True).returncode == 0


def mirror_virtual():
    d = Vipd(build, top)
    d.setup(vip(virtual("10.9.0.100", "fd09::100")))
    ok(d.want(True) == "", "mirror, vmac_invisible: set")
    ok(promisc("v0") and filtered("v0"), "promiscuous, filtered")
    ok(pings("10.9.0.100") and neighbour("10.9.0.100") == "5a:fe:0a:09:00:64", "ARP says 5A:FE and the address, and it answers", neighbour("10.9.0.100"))
    ok(pings("fd09::100") and neighbour("fd09::100") == "5a:fe:0a:09:00:64", "neighbour discovery likewise")
    got = d.ctrl("-l")
    ok(got == (0, "module am, interface v0 (vmac_invisible, bpf)\nBitmap 1:%s\n" % ":".join(["ffffffff"] * 8), ""), "vip_if_ctrl -l", got)
    got = d.ctrl("-l", "-v")
    ok(got[0] == 0 and "frames: other " in got[1], "vip_if_ctrl -l -v", got)
    other = Vipd(build, top, dir=d.dir, module="b")
    other.setup(vip(virtual("10.9.0.110")), id=2)
    ok(other.want(True) == "" and pings("10.9.0.110") and pings("10.9.0.100"), "another module on the same interface")
    d.kill()
    d.start()
    d.setup(vip(virtual("10.9.0.100", "fd09::100")))
    ok(d.want(True) == "" and pings("10.9.0.100") and d.logs() == [], "killed and come back: nothing is said")
    ok(d.want(False) == "" and promisc("v0") and filtered("v0") and pings("10.9.0.110"), "the other one needs promiscuous mode on")
    other.kill()
    other.start()
    ok(other.end(keep=True) == (0, "") and not promisc("v0") and not filtered("v0"), "the last one gone: all as before")
    run("ip", "link", "set", "v0", "promisc", "on")
    d.want(True)
    d.want(False)
    ok(promisc("v0"), "promiscuous mode of somebody else stays")
    run("ip", "link", "set", "v0", "promisc", "off")
    d.want(True)
    d.kill()
    d.start()
    d.setup(vip(real("10.9.0.101")))
    ok(d.want(True) == "" and not promisc("v0") and not filtered("v0"), "what a killed one left and nobody wants any more goes")
    d.end(keep=True)
    d.start()
    d.setup(vip(virtual("10.9.0.100", more='addr="5a:fe:00:00:00:07"'), virtual("10.8.0.100", kind="vmac_directed")))
    ok(d.want(True) == "" and neighbour("10.9.0.100") == "5a:fe:00:00:00:07" and promisc("v0") and not promisc("w0"), "a virtual MAC as configured",
       neighbour("10.9.0.100"))
    ok(pings("10.8.0.100") and bytes.fromhex((neighbour("10.8.0.100") or "").replace(":", "")) == mac_of("w0"), "vmac_directed: our own MAC")
    d.setup(vip(virtual("10.9.0.100"), virtual("10.9.0.101")))
    ok(d.wait(lambda o: "another <virtual_interface> of the module is on v0" in o.get("text", "")) is not None, "two <virtual_interface> on one: refused")
    d.end()
    ok(not promisc("v0") and not filtered("v0") and not filtered("w0"), "nothing is left")


def loaded_at(dev):     # when the BPF program that is attached there was loaded, s since boot
    number = int(re.search(r" id (\d+)", run("tc", "filter", "show", "dev", dev, "ingress")).group(1))
    fd = bpf(13, ctypes.create_string_buffer(struct.pack("III", number, 0, 0)))      # BPF_PROG_GET_FD_BY_ID
    info = ctypes.create_string_buffer(256)
    bpf(15, ctypes.create_string_buffer(struct.pack("IIQ", fd, 128, ctypes.addressof(info))))     # BPF_OBJ_GET_INFO_BY_FD
    os.close(fd)
    return struct.unpack_from("Q", info, 40)[0] / 1e9


def programs(pid):      # that a process has loaded
    fds, n = "/proc/%d/fd/" % pid, 0
    for fd in os.listdir(fds):
        try:
            n += os.readlink(fds + fd) == "anon_inode:bpf-prog"
        except FileNotFoundError:   # closed by now: while it loads a program it opens others
            pass
    return n


def prepared():
    d = Vipd(build, top, env={"SAFE_VIP_TC": "clsact"})
    d.setup(vip(virtual("10.9.0.100")))
    d.want(False)
    for name in ("the first time", "the next time"):
        ok(until(lambda: programs(d.p.pid) > 0), "%s: a program is loaded before there is an address" % name)
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        ok(d.want(True) == "" and loaded_at("v0") < before, "... and attached when it comes", loaded_at("v0") - before)
        ok(programs(d.p.pid) == 0, "... not kept besides")
        d.want(False)
    ok(d.end() == (0, ""), "the end")


def waits_for_lock(pid):
    with open("/proc/locks") as f:
        return any("->" in row and row.split()[5] == str(pid) for row in f)


def both_go():      # the last of two that go at once turns promiscuous mode off
    d = Vipd(build, top)
    other = Vipd(build, top, dir=d.dir, module="b")
    d.setup(vip(virtual("10.9.0.100")))
    other.setup(vip(virtual("10.9.0.110")), id=2)
    left = 0
    for i in range(10):
        for x in (d, other):
            x.want(True)
        with open(d.dir + "/var/vip.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for x in (d, other):
                x.want(False, wait=False)
            until(lambda: all(waits_for_lock(x.p.pid) for x in (d, other)))
        for x in (d, other):
            x.wait(lambda o: o.get("ack") == x.seq)
        left += promisc("v0")
        run("ip", "link", "set", "v0", "promisc", "off")
    ok(left == 0, "two modules go at once, 10 times: promiscuous mode is off", left)
    other.end(keep=True)
    d.end()


def tagged(vid, n):     # so many frames of that VLAN come to v0, for the virtual address; VID 0: no VLAN, a priority alone
    ip = bytes.fromhex("4500001d000000004011") + b"\0\0" + socket.inet_aton("10.9.0.2") + socket.inet_aton("10.9.0.100")
    frame = bytes.fromhex("5afe0a090064" "020000000001" "8100") + struct.pack("!HH", 5 << 13 | vid, 0x0800) + ip + struct.pack("!HHHH", 7, 7, 9, 0) + b"x"
    code = "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('v1', 0))\nfor i in range(%d): s.send(bytes.fromhex('%s'))"
    there(peer, "python3", "-c", code % (n, frame.ljust(60, b"\0").hex()))


def vlans():    # a frame of a VLAN is for the interface above
    d = Vipd(build, top)
    d.setup(vip(virtual("10.9.0.100")))
    d.want(True)

    def taken():
        return int(re.search(r"frames: .*\bno_rule (\d+)", d.ctrl("-l", "-v")[1]).group(1))
    first = taken()
    tagged(5, 100)
    tagged(0, 500)      # fewer than the kernel keeps for a CPU that is busy (netdev_max_backlog, 1000)
    ok(until(lambda: taken() - first >= 500), "frames with a priority are filtered as others", taken() - first)
    ok(taken() - first < 600, "those of a VLAN are not", taken() - first)
    d.end()


def without_filter():
    d = Vipd(build, top, env={"SAFE_VIP_FILTER": "none"})
    d.setup(vip(virtual("10.9.0.100"), real("10.9.0.101")))
    why = d.want(True)
    ok(why == "10.9.0.100: SAFE_VIP_FILTER=none: expected bpf or module" and "10.9.0.101/24" in addresses("v0") and "10.9.0.100/24" not in addresses("v0"),
       "no filter: no address behind it, and that is said", why)
    d.end()


class Node:     # of a farm: a vipd in a network namespace of its own, on the client's bridge
    def __init__(self, world, number):
        self.number = number
        self.ns = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ns.stdout.readline()
        self.prefix = ("nsenter", "-t", str(self.ns.pid), "-n")
        run("ip", "link", "add", "port%d" % number, "master", "lan", "type", "veth", "peer", "name", "e0", "netns", str(self.ns.pid))
        run("ip", "link", "set", "port%d" % number, "up")
        for c in (("addr", "add", "10.5.0.1%d/24" % number, "dev", "e0"), ("link", "set", "e0", "up"), ("link", "set", "lo", "up")):
            run(*self.prefix, "ip", *c)
        self.d = Vipd(build, top, prefix=self.prefix, env={"SAFE_BOOT_ID": "boot-n%d" % number})

    def setup(self, vip_text):
        self.d.setup(vip_text, mode="farm", extra=FARM, me=self.number - 1, nodes=["n1", "n2"], key="11" * 32, lans=[
            {"name": "l", "local": "10.5.0.1%d" % self.number, "at": [{"node": i, "ip": "10.5.0.1%d" % (i + 1)} for i in range(2)]}])

    def end(self):
        got = self.d.end()
        run("ip", "link", "del", "port%d" % self.number)    # the kernel takes a namespace down when it has time; the next farm has the same names
        self.ns.stdin.close()
        self.ns.wait()
        return got


FARM = '<farm pulse="100ms"><lan name="l"/></farm>'
GROUP = '<loadbalancing_list><group name="FarmProto"><rule port="9010" proto="tcp" filter="on_port"/></group></loadbalancing_list>'
HALVES = ("00000000:" * 4 + "ffffffff:" * 3 + "ffffffff", "ffffffff:" * 4 + "00000000:" * 3 + "00000000")


def farm(kind):
    run("ip", "link", "add", "lan", "type", "bridge", "stp_state", "0", "mcast_snooping", "0", "ageing_time", "0" if kind == "vmac_invisible" else "30000")
    run("ip", "addr", "add", "10.5.0.1/24", "dev", "lan")
    run("ip", "link", "set", "lan", "up")
    a, b = Node(None, 1), Node(None, 2)
    text = vip(virtual("10.5.0.100", kind=kind, where="alias", attrs='arpreroute="on" arpinterval="1"'))
    text = text.replace("</vip>", GROUP + "</vip>")
    for n in (a, b):
        n.setup(text)
        ok(n.d.want(True) == "", "%s, node %d: addresses" % (kind, n.number))
    ok(a.d.want(True, serve=True) == "", "node 1 serves")
    alone = {"farm membership: n1 (group FarmProto)", "farm load: 256/256 (group FarmProto)"}
    ok(a.d.until(lambda: a.d.now.get("lbgroup.FarmProto_0") == "100.0 %") and alone <= set(a.d.logs()), "... alone: all of it", a.d.said)
    ok(b.d.want(True, serve=True) == "", "node 2 serves")
    both = {"farm membership: n1 n2 (group FarmProto)", "farm load: 128/256 (group FarmProto)"}
    for n in (a, b):
        ok(n.d.until(lambda: n.d.now.get("lbgroup.FarmProto_0") == "50.0 %") and both <= set(n.d.logs()), "node %d: half each" % n.number, n.d.said)
        ok(n.d.until(lambda: n.d.shares.get("FarmProto", {}).get("serving") == 2) and n.d.shares["FarmProto"]["buckets"] == 128 and
           n.d.shares["FarmProto"]["members"] == "n1 n2" and n.d.shares["FarmProto"]["index"] == 1, "... and as a row", n.d.shares)
    head = "module am, group FarmProto, interface e0 (%s, bpf)\n" % kind
    lines = ["Bitmap %d:%s\n" % (i + 1, HALVES[i]) for i in range(2)]
    for n in (a, b):
        want = head + (lines[n.number - 1] if kind == "vmac_invisible" else "".join(lines))
        ok(until(lambda: n.d.ctrl("-l") == (0, want, "")), "vip_if_ctrl -l on node %d" % n.number, n.d.ctrl("-l"))
    run("ip", "neigh", "flush", "dev", "lan")
    services = [in_ns(n.ns.pid, lambda: socket.create_server(("10.5.0.100", 9010))) for n in (a, b)]
    held = [socket.create_connection(("10.5.0.100", 9010), timeout=LONG) for _ in range(24)]
    taken = accept_from(services, 24)
    ok(len(taken[0]) + len(taken[1]) == 24 and min(len(t) for t in taken) > 0, "24 connections, some to each", [len(t) for t in taken])
    ok(b.d.want(True, serve=False) == "", "node 2 leaves")
    ok(a.d.until(lambda: a.d.now.get("lbgroup.FarmProto_0") == "100.0 %") and b.d.until(lambda: b.d.now.get("lbgroup.FarmProto_0") == "0.0 %"),
       "... its share goes to node 1")
    ok(until(lambda: a.d.ctrl("-l")[1] == head + "Bitmap 1:" + ":".join(["ffffffff"] * 8) + "\n"), "... all buckets", a.d.ctrl("-l"))
    good = 0
    for s in held:
        s.sendall(b"x")
    for conns in taken:
        for c in conns:
            c.settimeout(LONG)
            good += c.recv(1) == b"x"
    ok(good == 24, "... no connection is lost", good)
    more = [socket.create_connection(("10.5.0.100", 9010), timeout=LONG) for _ in range(8)]
    new = accept_from(services, 8)
    ok([len(t) for t in new] == [8, 0], "... new ones go to node 1", [len(t) for t in new])
    taken = [t + n for t, n in zip(taken, new)]     # kept: what nobody holds is closed
    a.d.kill()
    a.d.start()
    a.setup(text)
    ok(a.d.want(True, serve=True) == "" and a.d.until(lambda: a.d.now.get("lbgroup.FarmProto_0") == "100.0 %"), "vipd of node 1 killed and come back")
    for s in held[:2] + more[:2]:
        s.sendall(b"y")
    ok(until(lambda: subprocess.run([*a.prefix, "ss", "-Htn", "state", "established"], capture_output=True).stdout.count(b"10.5.0.100:9010") == len(taken[0])),
       "... connections are there")
    for s in held + more + services + sum(taken, []):
        s.close()
    got = a.d.want(False), b.d.want(False)
    ok(got == ("", ""), "addresses away")
    left = run(*a.prefix, "tc", "qdisc", "show", "dev", "e0") + run(*a.prefix, "ip", "link", "show", "dev", "e0")
    ok("clsact" not in left and "PROMISC" not in left, "nothing is left", left)
    for n in (a, b):
        got = n.end()
        ok(got == (0, ""), "node %d ends" % n.number, got)
    run("ip", "link", "del", "lan")


def in_ns(pid, what):
    from vipd_lib import setns
    here, other = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/proc/%d/ns/net" % pid, os.O_RDONLY)
    setns(other)
    try:
        return what()
    finally:
        setns(here)
        os.close(here)
        os.close(other)


def accept_from(services, count):       # the connections of each, when so many have come
    got, end = [[] for _ in services], time.monotonic() + LONG
    while sum(map(len, got)) < count and time.monotonic() < end:
        for s in select.select(services, [], [], end - time.monotonic())[0]:
            got[services.index(s)].append(s.accept()[0])
    return got


def farm_invisible():
    farm("vmac_invisible")


def farm_directed():
    farm("vmac_directed")


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


tests = [simple, announced, names, interfaces, rerouting, resets, connections, lives, ends, frozen, stuck, secondaries, wrong, setups, once, mirror_virtual, prepared, both_go, vlans, without_filter,
         farm_invisible, farm_directed]
if __name__ == "__main__":
    sys.exit(main())
