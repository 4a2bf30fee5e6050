#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# protocol.py: a client of the control socket that is right, wrong, slow, many and not allowed.  Started by t-protocol.
# Everything is below one temporary folder; every wait is for an event, with LONG seconds as the end of patience.
import json, os, re, resource, shutil, signal, socket, struct, subprocess, sys, tempfile, time

LONG = 30
build, top = sys.argv[1], sys.argv[2]
T = tempfile.mkdtemp(prefix="t-protocol.")
os.chmod(T, 0o755)
SAFE, VAR = T + "/safe", T + "/var"
SOCK = VAR + "/run/safeadmin.sock"
count = bad = 0


def ok(good, name, why=""):
    global count, bad
    count += 1
    bad += not good
    print(("ok" if good else "not ok"), count, "-", name)
    if not good and why != "":
        print("# " + str(why)[:1500].replace("\n", "\n# "))
    sys.stdout.flush()


def skip(name, why):
    global count
    count += 1
    print("ok", count, "-", name, "# SKIP", why)


class Closed(Exception):
    pass


class Client:
    def __init__(self, path=SOCK):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(LONG)
        end = time.monotonic() + LONG
        while True:
            try:
                self.s.connect(path)
                break
            except BlockingIOError:     # the queue of those that wait is full
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        self.buf = b""
        self.n = 0
        self.events = []

    def raw(self, data):
        self.s.sendall(data)

    def send(self, obj):
        data = json.dumps(obj).encode()
        self.raw(struct.pack(">I", len(data)) + data)

    def take(self):
        while True:
            if len(self.buf) >= 4:
                n = struct.unpack(">I", self.buf[:4])[0]
                if len(self.buf) >= 4 + n:
                    obj = json.loads(self.buf[4:4 + n])
                    self.buf = self.buf[4 + n:]
                    return obj
            more = self.s.recv(1 << 20)
            if not more:
                raise Closed()
            self.buf += more

    def ask(self, op, **members):
        self.n += 1
        self.send(dict(members, op=op, id=self.n))
        while True:
            obj = self.take()
            if obj.get("id") == self.n:
                return obj
            self.events.append(obj)

    def event(self, good):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            obj = self.events.pop(0) if self.events else self.take()
            if good(obj):
                return obj
        raise TimeoutError("no such event")

    def close(self):
        self.s.close()


def is_error(reply, code):
    return reply.get("ok") is False and reply.get("code") == code and bool(reply.get("message"))


def check_error(reply, code, name):
    ok(is_error(reply, code), name + ": " + code, reply)


def closes(c):
    """what comes before the connection ends"""
    seen = []
    try:
        while True:
            seen.append(c.take())
    except (Closed, ConnectionResetError):
        return seen
    finally:
        c.close()


# ---- the server ----

def make_tree():
    os.makedirs(SAFE + "/private/bin")
    os.symlink(build + "/heart", SAFE + "/private/bin/heart")
    for name, number in (("lamp", 1),):
        os.makedirs(SAFE + "/modules/%s/bin" % name)
        os.makedirs(SAFE + "/private/modules/" + name)
        os.makedirs(VAR + "/modules/" + name)
        with open(VAR + "/modules/%s/id" % name, "w") as f:
            f.write("%d\n" % number)
        with open(SAFE + "/private/modules/%s/module.json" % name, "w") as f:
            json.dump({"mode": "light", "failover": True, "defaultprim": "alone", "maxloop": 3, "loop_interval_ms": 86400000,
                       "automatic_reboot": False, "boot": "ignore", "boot_delay_ms": 0, "user": True, "nicestop_ms": 300000,
                       "forcestop_ms": 300000, "userlog": True, "userlogsize_kb": 2048, "polltimer_ms": 30000,
                       "period_ms": 5000, "handle_ms": 15000, "farm_signature": "", "vip_signature": "", "rfs_signature": "",
                       "signature": "", "heartbeats": [], "vars": [], "checks": [], "procs": [], "rules": [], "vhosts": [],
                       "has_farm": False, "farm_port": 0, "farm_pulse_ms": 500, "farm_mlost_count": 3, "farm_slost_count": 4,
                       "farm_lans": [], "tcpreset": True, "vintfs": [], "vaddrs": [], "groups": [], "lbrules": [], "rfs": []}, f)


def start():
    env = dict(os.environ, SAFE=SAFE, SAFEVAR=VAR, SAFE_BOOT_ID="t-protocol")
    p = subprocess.Popen([build + "/safeadmin", "-f"], env=env, stdin=subprocess.DEVNULL, stderr=open(T + "/stderr", "a"))
    end = time.monotonic() + LONG
    while time.monotonic() < end and p.poll() is None:
        try:
            return p, Client()
        except OSError:
            time.sleep(0.02)
    raise SystemExit("Bail out! safeadmin does not listen")


def wait_module(c, good):
    """the module's report as a subscriber sees it, when it is as wanted"""
    s = Client()
    picture = s.ask("subscribe")
    for row in picture["modules"]:
        if row["name"] == "lamp" and good(row):
            s.close()
            return row
    e = s.event(lambda o: o.get("event") == "module" and o["data"]["name"] == "lamp" and good(o["data"]))
    s.close()
    return e["data"]


def memory_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


# ---- tests ----

# (op, right members, [(wrong members, code)...]); None as a right request: tested elsewhere
LONG_NAME = "m" * 64
WRONG_MODULE = [({"module": "none"}, "notfound"), ({"module": 7}, "usage"), ({"module": None}, "usage"), ({"module": LONG_NAME}, "usage"),
                ({"module": {}}, "usage")]


def with_module(**more):
    return [(dict(more, **m), code) for m, code in WRONG_MODULE]


OPS = [
    ("hello", {"client": "test"}, []),
    ("get", {"what": "modules"}, [({}, "usage"), ({"what": 1}, "usage"), ({"what": "all"}, "usage"), ({"what": "x" * 100}, "usage"),
                                  ({"what": "modules", "module": "none"}, "notfound"), ({"what": "modules", "module": []}, "usage")]),
    ("get", {"what": "resources", "module": "lamp"}, []),
    ("get", {"what": "nodes"}, []), ("get", {"what": "remotes"}, []), ("get", {"what": "shares"}, []), ("get", {"what": "engine"}, []),
    ("action", {"module": "lamp", "verb": "start", "by": "test"},
     with_module(verb="start") + [({"module": "lamp"}, "usage"), ({"module": "lamp", "verb": 1}, "usage"),
                                  ({"module": "lamp", "verb": "fly"}, "usage"), ({"module": "lamp", "verb": "none"}, "usage"),
                                  ({"module": "lamp", "verb": "start", "by": 7}, "usage"),
                                  ({"module": "lamp", "verb": "start", "by": "b" * 64}, "usage"),
                                  ({"module": "lamp", "verb": "start", "identity": 7}, "usage"),
                                  ({"module": "lamp", "verb": "swap"}, "refused"), ({"module": "lamp", "verb": "prim"}, "refused"),
                                  ({"module": "lamp", "verb": "start", "options": 7}, "usage"), ({"module": "lamp", "verb": "start", "options": {"x": 1}}, "usage"),
                                  ({"module": "lamp", "verb": "start", "options": {"fullsync": True}}, "usage"),
                                  ({"module": "lamp", "verb": "prim", "options": {"fullsync": "yes"}}, "usage"),
                                  ({"module": "lamp", "verb": "swap", "options": {"nosync": None}}, "usage"),
                                  ({"module": "lamp", "verb": "secondforce"}, "usage"),
                                  ({"module": "lamp", "verb": "secondforce", "options": {"date_ms": 1.5}}, "usage"),
                                  ({"module": "lamp", "verb": "secondforce", "options": {"date_ms": 5}}, "refused"),
                                  ({"module": "lamp", "verb": "primforce"}, "refused"),
                                  ({"module": "lamp", "verb": "prim", "options": {"fullsync": True}}, "refused")]),
    ("action", {"module": "lamp", "verb": "start", "by": "test", "options": {}}, []),
    ("set", {"module": "lamp", "resource": "custom.a", "value": "up", "by": "test"},
     with_module(resource="custom.a", value="up") + [({"module": "lamp", "value": "up"}, "usage"),
                                                     ({"module": "lamp", "resource": "custom.a"}, "usage"),
                                                     ({"module": "lamp", "resource": "custom.a", "value": 1}, "usage"),
                                                     ({"module": "lamp", "resource": "r" * 128, "value": "up"}, "usage"),
                                                     ({"module": "lamp", "resource": "custom.*", "value": "up"}, "usage"),
                                                     ({"module": "lamp", "resource": "custom.a b", "value": "up"}, "usage"),
                                                     ({"module": "lamp", "resource": "custom.a", "value": "v" * 128}, "usage")]),
    ("print", {"module": "lamp", "level": "I", "message": "hello", "by": "test"},
     with_module(level="I", message="x") + [({"module": "lamp", "message": "x"}, "usage"),
                                            ({"module": "lamp", "level": "C", "message": "x"}, "usage"),
                                            ({"module": "lamp", "level": "I"}, "usage"),
                                            ({"module": "lamp", "level": "I", "message": "x" * 512}, "usage")]),
    ("log", {"module": "lamp", "levels": "A", "last": 10},
     [({"module": 7}, "usage"), ({"levels": 7}, "usage"), ({"last": "x"}, "usage"), ({"last": 0}, "usage"), ({"last": 100001}, "usage"),
      ({"last": 1.5}, "usage"), ({"after": -1}, "usage"), ({"after": "x"}, "usage")]),
    ("history", {"module": "lamp", "resource": "custom.a", "last": 10},
     [({}, "usage"), ({"module": "lamp"}, "usage"), ({"module": "lamp", "resource": 1}, "usage"),
      ({"module": "lamp", "resource": "custom.a", "last": -1}, "usage")]),
    ("notices", {"after": 0, "last": 10}, [({"after": []}, "usage"), ({"last": "10"}, "usage")]),
    ("cmdlog", {"last": 10}, [({"last": False}, "usage")]),
    ("command", {"pid": 1, "user": "root", "command": "safekit state", "status": "running"},
     [({}, "usage"), ({"status": 1}, "usage"), ({"status": "running"}, "usage"), ({"status": "running", "command": 1}, "usage"),
      ({"status": "running", "command": "c" * 512}, "usage"), ({"status": "running", "command": "c", "pid": "x"}, "usage"),
      ({"status": "return 0", "seq": "x"}, "usage"), ({"status": "return 0", "seq": -1}, "usage")]),
    ("loop", {"module": "lamp", "verb": "check", "identity": "test"},
     with_module(verb="check") + [({"module": "lamp", "verb": "jump"}, "usage"), ({"module": "lamp"}, "usage"),
                                  ({"module": "lamp", "verb": 7}, "usage")]),
    ("failover", None, with_module(value="on") + [({"module": "lamp", "value": "on"}, "refused"), ({"module": "lamp", "value": 1}, "usage"),
                                                  ({"module": "lamp", "value": "maybe"}, "usage"), ({"module": "lamp"}, "usage")]),
    ("errd", {"module": "lamp", "verb": "list", "by": "test"},
     with_module(verb="list") + [({"module": "lamp"}, "usage"), ({"module": "lamp", "verb": "watch"}, "usage"), ({"module": "lamp", "verb": 7}, "usage"),
                                 ({"module": "lamp", "verb": "enable"}, "usage"),
                                 ({"module": "lamp", "verb": "enable", "class": "c" * 64}, "usage"), ({"module": "lamp", "verb": "enable", "class": 1}, "usage"), ({"module": "lamp", "verb": "enable", "class": "x"}, "refused")]),
    ("checker", {"module": "lamp", "value": "on", "by": "test"},
     with_module(value="on") + [({"module": "lamp"}, "usage"), ({"module": "lamp", "value": "maybe"}, "usage"), ({"module": "lamp", "value": 1}, "usage")]),
    ("explain", {"module": "lamp"}, with_module()),
    # of a module that replicates nothing: tests/ctl/t-rfs has the others
    ("rfs", None, with_module(verb="policy") + [({"module": "lamp"}, "usage"), ({"module": "lamp", "verb": 7}, "usage"),
                                                ({"module": "lamp", "verb": "fly"}, "usage"), ({"module": "lamp", "verb": "policy"}, "refused"),
                                                ({"module": "lamp", "verb": "verify"}, "refused"), ({"module": "lamp", "verb": "diff", "told": True}, "refused"),
                                                ({"module": "lamp", "verb": "diff", "told": 1}, "usage"), ({"module": "lamp", "verb": "policy", "more": 1}, "usage"),
                                                ({"module": "lamp", "verb": "policy", "words": "full"}, "usage"),
                                                ({"module": "lamp", "verb": "policy", "words": [1]}, "usage"),
                                                ({"module": "lamp", "verb": "policy", "words": ["a", "b", "c", "d"]}, "usage"),
                                                ({"module": "lamp", "verb": "policy", "words": ["w" * 64]}, "usage"),
                                                ({"module": "lamp", "verb": "policy", "by": "b" * 64}, "usage")]),
    ("boot", {"module": "lamp", "value": "status"}, with_module(value="status") + [({"module": "lamp"}, "usage"),
                                                                                  ({"module": "lamp", "value": "perhaps"}, "usage")]),
    ("clean", {"module": "lamp", "what": "log"}, [({"module": "lamp"}, "usage"), ({"module": "lamp", "what": "house"}, "usage"),
                                                  ({"what": "log"}, "usage"), ({"module": "none", "what": "process"}, "notfound")]),
    ("module-changed", {"module": "lamp"}, [({}, "usage"), ({"module": 1}, "usage")]),
    ("cluster-changed", {}, []),
    ("confinfo", {}, []),
    ("heart", None, [({}, "usage"), ({"module": "none", "pid": 7}, "refused"), ({"module": "lamp", "pid": 7}, "refused"),
                     ({"module": "lamp", "pid": "x"}, "usage"), ({"module": "lamp", "pid": -1}, "usage")]),
    ("subscribe", None, [({"module": 7}, "usage"), ({"module": LONG_NAME}, "usage")]),
]


def test_ops(c):
    for op, right, wrong in OPS:
        if right is not None:
            r = c.ask(op, **right)
            ok(r.get("ok") is True, "%s %s" % (op, json.dumps(right)), r)
        for members, code in wrong:
            r = c.ask(op, **members)
            name = json.dumps(members)
            ok(is_error(r, code), "%s %s: %s" % (op, name if len(name) < 90 else name[:90] + "...", code), r)
    check_error(c.ask("fly"), "usage", "an op that is not")
    check_error(c.ask(""), "usage", "an empty op")
    c.send({"id": 999})
    check_error(c.take(), "usage", "no op")
    c.send({"id": 999, "op": 7})
    check_error(c.take(), "usage", "an op that is a number")


def test_ids(c):
    for i in (0, -5, 2 ** 62):
        c.send({"id": i, "op": "hello"})
        r = c.take()
        ok(r.get("id") == i and r["ok"], "the reply carries the id %d" % i, r)
    c.send({"op": "hello"})
    ok(c.take().get("id", 0) is None, "a request without id gets a reply with null")
    for i in range(1000, 1200):
        c.send({"id": i, "op": ("hello", "log", "get")[i % 3], "what": "engine"})
    ids = sorted(c.take()["id"] for i in range(200))
    ok(ids == list(range(1000, 1200)), "200 requests at once: each is answered once")


def test_doc():
    with open(top + "/doc/PROTOCOL.md") as f:
        rows = re.findall(r"^\| `([a-z-]+)` \|.*?\| *(root)?[^|]*\|$", f.read(), re.M)
    with open(top + "/engine/ctl/ops.c") as f:
        table = re.findall(r'\{ "([a-z-]+)", (true|false), op_', f.read())
    ok(sorted(o for o, r in rows) == sorted(o for o, r in table), "the ops of doc/PROTOCOL.md are those of ops.c",
       set(o for o, r in rows) ^ set(o for o, r in table))
    ok(sorted(o for o, r in rows if r) == sorted(o for o, r in table if r == "true"), "and so are those for root",
       set(o for o, r in rows if r) ^ set(o for o, r in table if r == "true"))
    ok(set(o for o, r in rows) == set(o[0] for o in OPS), "and each is tested here", set(o for o, r in rows) ^ set(o[0] for o in OPS))


def test_garbage():
    for data, name in ((b"\xff\xff\xff\xff", "a frame of 4 GiB"), (struct.pack(">I", (1 << 20) + 1), "a frame of 1 MiB + 1"),
                       (struct.pack(">I", 0), "an empty frame"), (struct.pack(">I", 1) + b"{", "a frame of one byte"),
                       (struct.pack(">I", 4) + b"abcd", "not JSON"), (struct.pack(">I", 2) + b"[]", "not an object"),
                       (struct.pack(">I", 9) + b'{"a":"\xff"}', "not UTF-8"), (b"GET / HTTP/1.1\r\n\r\n", "another protocol"),
                       (struct.pack(">I", 17) + b'{"op":1,"op":"x"}', "a member twice"),
                       (struct.pack(">I", 14) + b'{"op":"\\u0000"}'[:14], "a cut text"),
                       (struct.pack(">I", 15) + b'{"op":"\\u0000"}', "a zero byte in a text"),
                       (struct.pack(">I", 100000) + b"[" * 100000, "100000 brackets")):
        c = Client()
        c.raw(data)
        seen = closes(c)
        ok(len(seen) == 1 and is_error(seen[0], "usage") and "id" not in seen[0], name + ": told and closed", seen)
    c = Client()
    c.raw(struct.pack(">I", 100) + b"{")
    c.s.shutdown(socket.SHUT_WR)
    ok(closes(c) == [], "half a frame and the end")
    c = Client()
    data = json.dumps({"id": 1, "op": "hello"}).encode()
    for b in struct.pack(">I", len(data)) + data:
        c.raw(bytes([b]))
    ok(c.take().get("ok") is True, "a frame byte by byte")
    big = json.dumps({"id": 2, "op": "hello", "client": "x" * ((1 << 20) - 60)}).encode()
    c.raw(struct.pack(">I", len(big)) + big)
    ok(c.take().get("ok") is True, "a frame of almost 1 MiB")
    c.close()


def test_subscription(c):
    s = Client()
    s.send({"id": 1, "op": "subscribe", "logs": True})
    for i in range(50):
        c.send({"id": 1, "op": "set", "module": "lamp", "resource": "custom.gap", "value": "v%d" % i, "by": "test"})
    pic = s.take()
    ok(pic.get("ok") is True and all(k in pic for k in ("modules", "resources", "nodes", "remotes", "shares", "engine", "notice_seq")),
       "a subscription begins with the whole picture", list(pic))
    now = [r["value"] for r in pic["resources"] if r["name"] == "custom.gap"]
    begin = int(now[0][1:]) + 1 if now else 0
    seen = []
    while len(seen) < 50 - begin:
        e = s.event(lambda o: o.get("event") == "resource" and o["data"]["name"] == "custom.gap")
        seen.append(int(e["data"]["value"][1:]))
    ok(seen == list(range(begin, 50)), "then come all changes, in order, none missing", seen)
    for i in range(50):
        c.take()
    ok(s.event(lambda o: o.get("event") == "tick") is not None, "a tick comes")
    c.ask("print", module="lamp", level="E", message="to be seen", by="test")
    e = s.event(lambda o: o.get("event") == "log" and o["data"]["message"] == "to be seen")
    ok(e["data"]["module"] == "lamp" and e["data"]["level"] == "E", "logs come to who wants them", e)
    n = s.event(lambda o: o.get("event") == "notice" and o["data"]["message"] == "to be seen")
    ok(n["data"]["seq"] > pic["notice_seq"], "notices are numbered on from the picture's", n)
    other = Client()
    other.ask("subscribe", logs=True, module="other")
    c.ask("print", module="lamp", level="I", message="not for all", by="test")
    s.event(lambda o: o.get("event") == "log" and o["data"]["message"] == "not for all")
    other.event(lambda o: o.get("event") == "tick")
    ok(not any(o.get("event") == "log" for o in other.events), "logs of one module only")
    other.close()
    s.close()


def test_outcome(c):
    s = Client()
    s.ask("subscribe")
    r = c.ask("action", module="lamp", verb="restart", by="test")
    ok(r.get("ok") is True and r.get("seq", 0) > 0, "an action is accepted with its number", r)
    e = s.event(lambda o: o.get("event") == "notice" and o["data"]["type"] == "action" and o["data"]["from"] == str(r["seq"]))
    ok(e["data"]["to"] == "done" and e["data"]["object"] == "restart", "and its outcome is a notice", e)
    s.close()


def test_slow_reader(c, pid):
    s = Client()
    s.ask("subscribe")
    # 500 bytes an event, 4 MiB and what the kernel holds: before 40000 it is closed
    text = "x" * 100
    for i in range(40000):
        c.send({"id": 1, "op": "set", "module": "lamp", "resource": "custom.slow", "value": "%s%d" % (text, i), "by": "test"})
        if i % 100 == 99:
            for k in range(100):
                c.take()
    r = c.ask("hello")
    ok(r["ok"], "a reader that sleeps holds nobody up")
    seen = closes(s)
    ok(0 < len(seen) < 40000, "it is closed at the bound", len(seen))
    # who asks and never reads: safeadmin stops listening, and does not grow for it
    before = memory_kb(pid)
    s = Client()
    s.s.setblocking(False)
    data = json.dumps({"id": 1, "op": "get", "what": "resources"}).encode()
    data = (struct.pack(">I", len(data)) + data) * 100
    sent, still = 0, time.monotonic() + 2
    while time.monotonic() < still and sent < 300 << 20:
        try:
            sent += s.s.send(data)
            still = time.monotonic() + 2
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    ok(c.ask("hello")["ok"], "one that asks and never reads holds nobody up")
    grown = memory_kb(pid) - before
    # the address sanitizer keeps up to 256 MiB of what was freed
    most = 400 if "ASAN_OPTIONS" in os.environ else 100
    ok(grown < most << 10, "and costs less than %d MiB" % most, "%d KiB after %d bytes of questions" % (grown, sent))
    s.close()


def test_many(c):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200 and hard != resource.RLIM_INFINITY:
        skip("1000 connections", "no more than %d files here" % hard)
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    many = [Client() for i in range(1000)]
    ok(all(m.ask("hello")["ok"] for m in many), "1000 connections are served")
    more = []
    try:
        for i in range(60):
            more.append(Client())
        last = [m for m in more[40:]]
        ok(all(is_error(closes(m)[0], "busy") for m in last[-5:]), "too many are told: busy")
    except OSError as e:
        ok(False, "too many are told: busy", e)
    for m in many + more:
        m.close()
    end, good = time.monotonic() + LONG, False
    while not good and time.monotonic() < end:      # their ends are on the way
        n = Client()
        try:
            good = n.ask("hello").get("ok") is True
        except (Closed, OSError):
            pass
        n.close()
    ok(good, "and when they are gone there is room again")


def run_as(how, code):
    return subprocess.run(how + [sys.executable, "-c", code, SOCK], capture_output=True, text=True, timeout=LONG)


ASK = """
import socket, struct, sys, json
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
def ask(op):
    d = json.dumps({"id": 1, "op": op, "module": "lamp", "what": "log"}).encode()
    s.sendall(struct.pack(">I", len(d)) + d)
    b = b""
    while len(b) < 4 or len(b) < 4 + struct.unpack(">I", b[:4])[0]:
        m = s.recv(65536)
        if not m: break
        b += m
    return json.loads(b[4:])
"""


def test_who_may():
    if not shutil.which("setpriv"):
        skip("others are denied", "no setpriv")
        return
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    os.chmod(SOCK, 0o666)   # as if the file's mode did not protect it: the server itself must
    r = run_as(nobody, ASK + "\nprint(ask('hello'))")
    ok("'code': 'denied'" in r.stdout or "BrokenPipe" in r.stderr, "nobody is denied", r.stdout + r.stderr)
    os.chmod(SOCK, 0o660)
    r = run_as(nobody, ASK)
    ok("PermissionError" in r.stderr, "the socket's mode keeps nobody out", r.stdout + r.stderr)
    try:
        import grp
        gid = str(grp.getgrnam("safekit").gr_gid)
    except KeyError:
        skip("group safekit may ask", "no group safekit on this machine")
        return
    for how in (["setpriv", "--reuid", "65534", "--regid", gid, "--clear-groups"],
                ["setpriv", "--reuid", "65534", "--regid", "65534", "--groups", gid]):
        r = run_as(how, ASK + "\nprint(ask('hello')['ok'], ask('clean')['code'], ask('heart')['code'])")
        ok(r.stdout.strip() == "True denied denied", "group safekit may ask, and not what is for root (%s)" % how[-2], r.stdout + r.stderr)


def test_end(c, heart):
    shutil.copy(SAFE + "/private/modules/lamp/module.json", T)
    s = Client()
    s.ask("subscribe")
    c.ask("action", module="lamp", verb="stop", by="test")
    wait_module(c, lambda r: r["state"] == "STOP")
    shutil.rmtree(SAFE + "/private/modules/lamp")
    r = c.ask("module-changed", module="lamp")
    ok(r.get("ok") is True, "a module is taken away", r)
    e = s.event(lambda o: o.get("event") == "module-gone")
    ok(e["id"] == 1, "subscribers are told", e)
    check_error(c.ask("action", module="lamp", verb="start"), "notfound", "afterwards")
    end = time.monotonic() + LONG
    while time.monotonic() < end and os.path.exists("/proc/%d" % heart):
        time.sleep(0.02)
    ok(not os.path.exists("/proc/%d" % heart), "its heart has ended")
    s.close()


# A heart that we play: rows of load go through the picture, and become nobody's when it has died
def test_shares(c):
    with open(T + "/heart", "w") as f:
        f.write('#!/bin/sh\necho $$ >>%s/hearts\nexec sleep 300\n' % T)
    os.chmod(T + "/heart", 0o755)
    os.unlink(SAFE + "/private/bin/heart")
    os.symlink(T + "/heart", SAFE + "/private/bin/heart")
    var = VAR + "/modules/farmer"
    os.makedirs(SAFE + "/private/modules/farmer")
    os.makedirs(var)
    with open(var + "/id", "w") as f:
        f.write("2\n")
    shutil.copy(T + "/module.json", SAFE + "/private/modules/farmer/module.json")
    with open(var + "/ready.txt", "w") as f:
        f.write("OK\n")
    ok(c.ask("module-changed", module="farmer").get("ok") is True, "another module")
    end = time.monotonic() + LONG
    while time.monotonic() < end and not (os.path.exists(T + "/hearts") and os.path.getsize(T + "/hearts")):
        time.sleep(0.01)
    ok(not os.path.exists(var + "/ready.txt"), "ready.txt without a heart is taken away")
    with open(T + "/hearts") as f:
        pid = int(f.read().split()[0])
    s = Client()
    ok(s.ask("subscribe").get("shares") == [], "no row of load yet")
    h = Client()
    ok(h.ask("heart", module="farmer", pid=pid).get("ok") is True, "we are its heart")
    row = {"module_id": 99, "index": 2, "module": "lamp", "group": "FarmProto", "buckets": 128, "view": 5, "serving": 2, "members": "n1 n2",
           "since_ms": 1000}
    want = dict(row, module_id=2, module="farmer")
    h.send({"share": row})
    ok(s.event(lambda o: o.get("event") == "share")["data"] == want, "a row is told, as one of the module whose heart it is")
    h.send({"share": dict(row, index=1, group="Other")})
    s.event(lambda o: o.get("event") == "share")
    ok(c.ask("get", what="shares")["rows"] == [dict(want, index=1, group="Other"), want], "get: in their order")
    ok(c.ask("get", what="shares", module="farmer")["rows"][1] == want, "of one module")
    check_error(c.ask("get", what="shares", module="lamp"), "notfound", "of a module that is not there")
    ok([r["index"] for r in Client().ask("subscribe")["shares"]] == [1, 2], "a new subscriber has them")
    for bad_row in ({}, {"index": 33, "group": "x"}, {"index": 0}, dict(row, index=-1), dict(row, group=7), dict(row, members="x" * 600), 7, []):
        h.send({"share": bad_row})
    h.send({"share-gone": 1})
    h.send({"share-gone": 77})
    h.send({"share-gone": "1"})
    e = s.event(lambda o: o.get("event", "").startswith("share"))
    ok(e == {"event": "share-gone", "module_id": 2, "index": 1}, "what is none is left out; a row goes", e)
    with open(var + "/ready.txt", "w") as f:
        f.write("OK\n")
    h.close()
    os.kill(pid, signal.SIGKILL)
    e = s.event(lambda o: o.get("event") == "share")["data"]
    ok((e["buckets"], e["view"], e["serving"], e["members"]) == (0, 0, 0, ""), "a heart that died: nobody takes load here", e)
    ok(not os.path.exists(var + "/ready.txt"), "and nobody is ready")
    shutil.rmtree(SAFE + "/private/modules/farmer")
    c.ask("module-changed", module="farmer")
    e = s.event(lambda o: o.get("event") in ("share-gone", "module-gone"))
    ok(e["event"] == "share-gone" and c.ask("get", what="shares")["rows"] == [], "the rows go with the module, before it", e)
    s.close()


make_tree()
admin, c = start()
heart = 0
try:
    first = wait_module(c, lambda r: r["state"] == "STOP" and r["pid"] > 0)
    heart = first["pid"]
    test_doc()
    test_ops(c)
    ok(wait_module(c, lambda r: r["state"] == "UP" and r["status"] == "Ready")["pid"] == heart, "the module came up")
    test_ids(c)
    test_garbage()
    test_subscription(c)
    test_outcome(c)
    test_who_may()
    test_many(c)
    test_slow_reader(c, admin.pid)
    test_end(c, heart)
    test_shares(c)
    c.close()
    admin.terminate()
    ok(admin.wait(LONG) == 0, "safeadmin ends when asked")
    ok(not os.path.exists(SOCK), "and takes its socket along")
except (Closed, OSError, TimeoutError, KeyError) as e:
    import traceback
    ok(False, "the conversation goes on", traceback.format_exc())
finally:
    if admin.poll() is None:
        admin.kill()
        admin.wait()
    if heart and os.path.exists("/proc/%d" % heart):
        os.kill(heart, signal.SIGKILL)
    if os.path.exists(T + "/hearts"):
        with open(T + "/hearts") as f:
            for pid in f.read().split():
                try:
                    with open("/proc/%s/comm" % pid) as comm:
                        if comm.read() == "sleep\n":
                            os.kill(int(pid), signal.SIGKILL)
                except (FileNotFoundError, ProcessLookupError):
                    pass
    with open(T + "/stderr") as f:
        said = f.read()
    if bad and said:
        print("# stderr of safeadmin and heart:\n# " + said[-3000:].replace("\n", "\n# "))
    shutil.rmtree(T, ignore_errors=True)
print("1..%d" % count)
sys.exit(bad != 0)
