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


def main():
    global peer
    peer = make_world()
    try:
        for f in tests:
            f()
    finally:
        peer.stdin.close()
        peer.wait()
        for name in ("hosts", "resolv"):
            os.unlink("/tmp/t-vipd.%s.%d" % (name, os.getpid()))
    print("1..%d" % count)
    return bad > 0


tests = [simple]
if __name__ == "__main__":
    sys.exit(main())
