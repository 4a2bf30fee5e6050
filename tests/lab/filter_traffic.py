# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers and clients of t-filter.

serve NAME ADDR...      TCP 80: NAME per line that comes; UDP 5000: NAME per datagram; prints "ready"
tcp ADDR N PORT         N connections from source ports PORT...: how many each server got, e.g. "n1=3 n2=1"; "none=2": no answer
udp ADDR N PORT         likewise, one datagram each
keep ADDR N PORT        N connections; prints the shares, then for each line on stdin asks all again and prints "same N of M"
watch INTF MAC SECONDS  Ethernet frames that came from MAC, ARP and ND answers that name it: "source=0 arp=3 nd=1", after a line on stdin
syn ADDR N PORT         N connects that are not waited for
attached INTF           programs on tcx: "ingress=1 egress=1"; none where the kernel has no tcx
"""
import collections
import ctypes
import platform
import select
import socket
import struct
import sys
import time


def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def shares(names):
    return " ".join("%s=%d" % i for i in sorted(collections.Counter(names).items()))


def serve(name, *addrs):
    poll = select.poll()
    by = {}

    def add(s, kind):
        by[s.fileno()] = (s, kind)
        poll.register(s, select.POLLIN)
    for a in addrs:
        s = socket.socket(family(a), socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((a, 80))
        s.listen(512)
        add(s, "listener")
        s = socket.socket(family(a), socket.SOCK_DGRAM)
        s.bind((a, 5000))
        add(s, "udp")
    print("ready", flush=True)
    while True:
        for fd, _ in poll.poll():
            s, kind = by[fd]
            if kind == "listener":
                add(s.accept()[0], "tcp")
            elif kind == "udp":
                s.sendto(name.encode(), s.recvfrom(100)[1])
            else:
                try:
                    data = s.recv(100)
                except OSError:
                    data = b""
                if data:
                    s.send(name.encode() + b"\n")
                else:
                    poll.unregister(fd)
                    del by[fd]
                    s.close()


def connect(addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(2.5)
    s.bind(("", port))
    try:
        s.connect((addr, 80))
    except OSError as e:
        s.close()
        return None, "reset" if isinstance(e, ConnectionError) else "none"
    return s, ""


def ask(s):
    try:
        s.send(b"who\n")
        said = b""
        while not said.endswith(b"\n"):
            part = s.recv(100)
            if not part:
                return "closed"
            said += part
        return said.decode().strip()
    except OSError as e:
        return "reset" if isinstance(e, ConnectionError) else "none"


def tcp(addr, n, port):
    names = []
    for i in range(int(n)):
        s, why = connect(addr, int(port) + i)
        names.append(ask(s) if s else why)
        if s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
    print(shares(names))


def udp(addr, n, port):
    names = []
    for i in range(int(n)):
        s = socket.socket(family(addr), socket.SOCK_DGRAM)
        s.bind(("", int(port) + i))
        s.sendto(b"who", (addr, 5000))
        s.settimeout(1)
        got = []
        try:
            while True:
                got.append(s.recv(100).decode())
                s.settimeout(0.002)     # a second answer would be a fault
        except OSError:
            pass
        names.append("+".join(got) if got else "none")
    print(shares(names))


def keep(addr, n, port):
    socks = [connect(addr, int(port) + i)[0] for i in range(int(n))]
    first = [ask(s) if s else "none" for s in socks]
    print(shares(first), flush=True)
    for _ in sys.stdin:
        again = [ask(s) if s else "none" for s in socks]
        print("same %d of %d" % (sum(a == b for a, b in zip(first, again)), len(first)), flush=True)


def watch(intf, mac, seconds):
    mac = bytes(int(x, 16) for x in mac.split(":"))
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((intf, 0))
    source = arp = nd = 0
    end = time.monotonic() + float(seconds)
    print("ready", flush=True)
    while time.monotonic() < end:
        readable = select.select([s, sys.stdin], [], [], 1)[0]
        if s in readable:
            f = s.recv(2000)
            source += f[6:12] == mac
            arp += f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[22:28] == mac
            nd += f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 136 and f[80:86] == mac
        elif sys.stdin in readable:
            break
    print("source=%d arp=%d nd=%d" % (source, arp, nd), flush=True)


def syn(addr, n, port):
    for i in range(int(n)):
        s = socket.socket(family(addr), socket.SOCK_STREAM)
        s.setblocking(False)
        s.bind(("", int(port) + i))
        try:
            s.connect((addr, 80))
        except BlockingIOError:
            pass
        s.close()


def attached(intf):
    nr = {"x86_64": 321, "aarch64": 280, "riscv64": 280}[platform.machine()]
    said = []
    for name, kind in ("ingress", 46), ("egress", 47):
        ids = (ctypes.c_uint32 * 64)()
        # union bpf_attr, query: target, attach_type, query_flags, attach_flags, prog_ids, prog_cnt
        attr = ctypes.create_string_buffer(struct.pack("IIIIQI", socket.if_nametoindex(intf), kind, 0, 0, ctypes.addressof(ids), 64), 128)
        bad = ctypes.CDLL(None).syscall(nr, 16, attr, 128)
        said.append("%s=%d" % (name, 0 if bad else struct.unpack_from("I", attr, 24)[0]))
    print(" ".join(said))


globals()[sys.argv[1]](*sys.argv[2:])
