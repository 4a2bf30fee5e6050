#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rfsd.py: replicated folders with a real kernel.  Started by t-rfsd in namespaces of its own.  Two servers, n1 and n2, each with its folder.
import errno, json, mmap, os, random, shutil, signal, struct, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rfsd_lib import LONG, Renames, Rfsd, until

build, top = sys.argv[1], sys.argv[2]
only = sys.argv[3:]
count = bad = 0
T = tempfile.mkdtemp(prefix="t-rfsd.")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def ok(good, name, why=""):
    global count, bad
    count += 1
    bad += not good
    print(("ok" if good else "not ok"), count, "-", name)
    if not good and why != "":
        print("# " + str(why)[:3000].replace("\n", "\n# "))
    sys.stdout.flush()


def server(which, dir, **more):
    ips = {"n1": "127.0.0.1", "n2": "127.0.0.2"}
    peer = "n2" if which == "n1" else "n1"
    r = Rfsd(build, top, dir, which, ips[which], peer, ips[peer], **more)
    r.setup()
    return r


def read(path):
    with open(path) as f:
        return f.read()


def write(path, text, sync=False):
    with open(path, "w") as f:
        f.write(text)
        if sync:
            f.flush()
            os.fsync(f.fileno())


def same(a, b):         # the difference of two trees in words, "" none
    p = subprocess.run(["diff", "-r", "--no-dereference", "-x", ".safekit_rfs", a, b], capture_output=True, text=True)
    said = [x for x in (p.stdout + p.stderr).splitlines() if not (x.startswith("File ") and x.count(" is a fifo") == 2)]
    return "\n".join(said)[:2500]


class App:      # a process: whoever starts rfsd must not have files of a mount open (closing them at exec waits for the worker)
    def __init__(self):
        self.shared = mmap.mmap(-1, 4096)       # done, stop, an error
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.closerange(3, 1024)          # no end of a line to a rfsd
                self.run()
            except OSError as e:
                self.put(2, e.errno)
            finally:
                os._exit(0)

    def get(self, i):
        return struct.unpack_from("q", self.shared, 8 * i)[0]

    def put(self, i, v):
        struct.pack_into("q", self.shared, 8 * i, v)

    done = acked = property(lambda self: self.get(0))
    stop = property(lambda self: self.get(1) != 0, lambda self, v: self.put(1, int(v)))
    errors = property(lambda self: [os.strerror(self.get(2))] if self.get(2) else [])

    def join(self, seconds=LONG):
        if self.pid and until(lambda: os.waitpid(self.pid, os.WNOHANG)[0] != 0, seconds):
            self.pid = 0
        return self.pid == 0

    def end(self):
        self.stop = True
        return self.join() and not self.errors


class Writer(App):      # writes records with fsync, remembers what was acknowledged
    def __init__(self, dir, name="journal"):
        self.path, self.dir, self.name_ = dir + "/" + name, dir, name
        super().__init__()

    def run(self):
        n = 0
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        while not self.stop:
            os.pwrite(fd, b"%15d\n" % n, n * 16)
            os.fsync(fd)
            if n % 7 == 0:
                p = "%s/%s.d%d" % (self.dir, self.name_, n)
                os.mkdir(p)
                os.rename(p, p + ".moved")
                os.rmdir(p + ".moved")
            n += 1
            self.put(0, n)

    def missing(self, dir):         # records that were acknowledged and are not there
        with open(dir + "/" + self.name_, "rb") as f:
            data = f.read()
        return [n for n in range(self.acked) if data[n * 16:n * 16 + 16] != b"%15d\n" % n]


def alone():
    d = T + "/alone"
    a = server("n1", d, inner='<tocheck path="there"/>')
    ok(a.want("off") == "" and os.path.islink(a.rep), "off: the link")
    ok(a.until(lambda: "rfs.uptodate" in a.now) and a.now["rfs.uptodate"] == "down" and a.facts.get("inconsistent") is False,
       "at first nobody is up to date", a.now)
    why = a.want("alone")
    ok(why is not None and "there" in why and os.path.islink(a.rep), "tocheck: refused with words", why)
    write(a.back + "/there", "x")
    write(a.back + "/before", "was here")
    why = a.want("alone")
    ok(why == "" and a.mount() == "fuse.safekit", "alone: mounted", (why, a.logged))
    st = a.state()
    ok(st["uptodate"] and st["lastprim"] and not st["paired"] and st["gen"] != "0" * 16, "the disk says up to date", st)
    ok(a.now["rfs.uptodate"] == "up" and a.now["rfs.lastprimstate"] == "up" and a.now["rfs.degraded"] == "down", "resources", a.now)
    ok(read(a.rep + "/before") == "was here", "what was there is there")
    write(a.rep + "/f", "one", sync=True)
    os.mkdir(a.rep + "/d")
    ok(read(a.back + "/f") == "one" and os.path.isdir(a.back + "/d"), "what is written is in the folder behind")
    w = Writer(a.rep)
    until(lambda: w.acked > 5)
    for i in range(3):
        before = w.acked
        pid = a.kill_worker()
        ok(pid and until(lambda: w.acked > before + 5 or w.errors), "kill -9 of the worker under load %d: goes on" % i, w.errors)
    line = a.until(lambda: any("another one took over" in t for t in a.logged))
    ok(line, "and that is said", a.logged)
    print("# " + "; ".join(t.split(": ")[-1] for t in a.logged if "took over" in t))
    # the keeper dies: the worker serves on, the next keeper adopts it
    before, pid = w.acked, a.worker()
    a.kill()
    ok(until(lambda: w.acked > before + 5 or w.errors) and not w.errors, "kill -9 of the keeper: the worker serves on", w.errors)
    a.again()
    ok(a.want("alone") == "" and a.worker() == pid, "the next keeper adopts it", a.logged)
    gen = a.state()["gen"]
    ok(a.now["rfs.uptodate"] == "up" and gen == st["gen"], "and is up to date as before", a.now)
    before = w.acked
    a.kill_worker()
    ok(until(lambda: w.acked > before + 5 or w.errors) and not w.errors, "the adopted worker is watched", w.errors)
    before = w.acked
    # keeper, then worker, then another keeper: only the descriptors of /dev/fuse are gone with both
    ok(w.end(), "no error for the application", w.errors)
    ok(w.missing(a.back) == [], "all that was acknowledged is there")
    ok(a.want("off") == "" and os.path.islink(a.rep) and a.mount() == "" and read(a.rep + "/f") == "one", "off: the link again", a.logged)
    st = a.state()
    ok(st["uptodate"] and not st["degraded"], "and still up to date", st)
    # everything dies
    ok(a.want("alone") == "", "alone again")
    a.kill()
    os.kill(a.worker(), signal.SIGKILL)
    ok(until(lambda: a.worker() == 0), "keeper and worker killed")
    a.again()
    ok(a.want("off") == "" and os.path.islink(a.rep) and a.mount() == "", "a mount that nobody serves is repaired", a.logged)
    ok(any("former life" in t for t in a.logged), "and said", a.logged)
    ok(a.want("alone") == "", "alone")
    a.kill()
    os.kill(a.worker(), signal.SIGKILL)
    until(lambda: a.worker() == 0)
    a.again()
    ok(a.want("alone") == "" and a.wait(lambda o: "out" in o) is not None, "under a running application: heart is asked to start it anew", a.logged)
    a.want("off")
    # somebody sits in the folder
    ok(a.want("alone") == "", "alone once more")
    here = os.open(a.rep, os.O_RDONLY)
    why = a.want("off")
    ok(why == "" and any("is used by" in t for t in a.logged) and os.path.islink(a.rep), "a folder in use is unmounted, and said", (why, a.logged))
    os.close(here)
    ok(a.end() == 0, "quit")


def policy():
    d = T + "/policy"
    a = server("n1", d)
    a.want("off")
    a.send({"op": "policy", "n": 7, "words": []})
    o = a.wait(lambda o: o.get("reply") == 7)
    ok(o and o["ok"] and '"full"' in o["text"], "rfssync shows full at first", o)
    a.send({"op": "policy", "n": 8, "words": ["external", "prim", "backup1"]})
    o = a.wait(lambda o: o.get("reply") == 8)
    ok(o and o["ok"], "external prim", o)
    a.until(lambda: a.now.get("usersetting.rfssyncuid") == "backup1")
    ok(a.now.get("usersetting.rfssyncrole") == "prim" and a.now.get("usersetting.rfssyncuid") == "backup1", "resources", a.now)
    a.send({"op": "policy", "n": 9, "words": ["external", "prim", "x" * 25]})
    o = a.wait(lambda o: o.get("reply") == 9)
    ok(o and not o["ok"], "a uid of 25 characters is refused", o)
    a.send({"op": "policy", "n": 10, "words": ["full"]})
    o = a.wait(lambda o: o.get("reply") == 10)
    ok(o and o["ok"] and a.state()["full"], "full", o)
    a.send({"op": "ping", "n": 5})
    ok(a.wait(lambda o: o.get("pong") == 5) is not None, "ping")
    ok(a.end() == 0, "quit")
    os.makedirs(d + "/n2/var/modules/am/rfs")
    with open(d + "/n2/var/modules/am/rfs/state.json", "w") as f:
        f.write("{ not JSON")
    b = server("n2", d)
    b.want("off")
    ok(b.now["rfs.uptodate"] == "down" and any("cannot be read" in t for t in b.logged), "a state that cannot be read: not up to date, and said", b.logged)
    b.end()


def degraded():
    a = server("n1", T + "/degraded")
    ok(a.want("alone") == "", "alone")
    write(a.rep + "/f", "x")
    for i in range(6):
        pid = a.worker()
        os.kill(pid, signal.SIGKILL)
        until(lambda: a.worker() not in (0, pid))
    ok(a.until(lambda: a.now.get("rfs.degraded") == "up"), "a worker that dies six times: degraded", a.logged)
    ok(read(a.rep + "/f") == "x", "and the folder is served")
    ok(a.want("off") == "" and a.until(lambda: a.now["rfs.degraded"] == "down"), "until it is stopped", a.now)
    a.end()


def give():             # nobody takes
    a = server("n1", T + "/give", attrs='sendtimeout="1"')
    a.want("alone")
    write(a.rep + "/f", "x")
    why = a.want("given")
    ok(why != "" and a.mount() == "" and os.path.islink(a.rep), "given without another server cannot be", (why, a.logged))
    ok(a.want("alone") == "" and read(a.rep + "/f") == "x", "and is taken back", a.logged)
    seq = a.want("given", wait=False)
    ok(a.want("alone") == "" and a.mount() == "fuse.safekit", "also while it is under way", (seq, a.logged))
    a.want("given", wait=False)
    ok(a.want("off") == "" and os.path.islink(a.rep), "given, then off", a.logged)
    a.end()


def checktime():
    a = server("n1", T + "/checktime", attrs='checktime="300" checkintv="1"')
    ok(a.want("alone") == "", "alone")
    pid = a.worker()
    os.kill(pid, signal.SIGSTOP)
    o = a.wait(lambda o: "out" in o)
    ok(o is not None and any("did not answer within 300 ms" in t for t in a.logged), "a folder that does not answer within checktime: told", a.logged)
    os.kill(pid, signal.SIGCONT)
    ok(a.want("off") == "" and os.path.islink(a.rep), "off")
    a.end()


def syncing():          # syncdelta, syncat: what the other server was told long ago
    d = T + "/syncing"
    a = server("n1", d)
    a.want("alone")
    a.want("off")
    a.end()
    st = a.state()

    def begin(ago_ms, **more):
        now = int(time.time() * 1000)
        with open(a.var + "/rfs/state.json", "w") as f:
            json.dump({**st, "uptodate": False, "synced_ms": now - ago_ms, "alive_ms": now - ago_ms, **more}, f)
        b = server("n1", d, attrs='syncdelta="2" syncat="0 0 1 1 *"')
        b.want("off")
        b.until(lambda: "rfs.synced" in b.now and "rfs.syncat" in b.now)
        return b
    b = begin(1000)
    ok(b.now["rfs.synced"] == "up" and b.now["rfs.syncat"] == "up", "rfs.synced is up within syncdelta", b.now)
    b.end()
    b = begin(121000)
    ok(b.now["rfs.synced"] == "down", "and down after it", b.now)
    b.end()
    b = begin(1000, inconsistent=True)
    ok(b.now["rfs.synced"] == "down" and b.facts.get("inconsistent") is True, "and where data is not consistent", (b.now, b.facts))
    why = b.order({"op": "force", "how": "prim"})
    ok(why != "" and any("primforce" in t for t in b.logged), "prim is refused then", (why, b.logged))
    ok(b.order({"op": "force", "how": "primforce"}) == "" and b.want("alone") == "" and b.facts.get("inconsistent") is False, "primforce is not", b.facts)
    ok(b.state()["full"] and b.state()["base"] == "0" * 16 and b.state()["uptodate"], "and the next synchronisation copies everything", b.state())
    b.want("off")
    b.end()
    b = begin(1000, syncat_down=True)
    ok(b.now["rfs.syncat"] == "down", "synchronised as scheduled: rfs.syncat is down", b.now)
    b.send({"op": "set", "name": "rfs.syncat", "value": "up", "by": "safekit"})
    ok(b.until(lambda: b.now["rfs.syncat"] == "up"), "until it is set")
    b.send({"op": "set", "name": "rfs.uptodate", "value": "up", "by": "rule"})
    ok(b.until(lambda: b.now["rfs.uptodate"] == "up") and not b.state()["uptodate"], "rfs.uptodate set by a rule is published, not written down", b.now)
    ok(b.want("alone") == "" and b.state()["uptodate"] and b.state()["gen"] != st["gen"], "before this server is alone", b.state())
    b.want("off")
    b.end()


def fill(dir):      # something to copy
    for i in range(40):
        d = "%s/dir%d" % (dir, i)
        os.mkdir(d)
        for k in range(5):
            with open("%s/file%d" % (d, k), "wb") as f:
                f.write(os.urandom(1000 * (i + 1)))
    with open(dir + "/large", "wb") as f:
        f.write(os.urandom(20 << 20))
    os.symlink("dir0/file0", dir + "/link")
    os.link(dir + "/dir1/file1", dir + "/hard")


def pair(d, **more):    # n1 alone, n2 synchronised from it and second, n1 prim
    a, b = server("n1", d, **more), server("n2", d, **more)
    ok(a.want("alone") == "" and b.want("off") == "", "n1 alone, n2 off", (a.logged, b.logged))
    return a, b


def synchronise(a, b, what):    # b from a
    why = b.want("sync", sync={"mode": "default"})
    o = b.wait(lambda o: "synced" in o or "sync-failed" in o or "out" in o)
    good = why == "" and o is not None and o.get("synced") == b.seq
    ok(good, what + ": synchronised", (why, o, a.logged, b.logged))
    ok(a.until(lambda: a.facts.get("paired") is True), what + ": the primary has noted it first", a.facts)
    ok(b.want("second") == "" and a.want("prim") == "", what + ": second and prim", (a.logged, b.logged))
    return good


def pairs():
    a, b = pair(T + "/pairs", key="5" * 64)
    fill(a.rep)
    w = Writer(a.rep)
    until(lambda: w.acked > 5)
    if not synchronise(a, b, "pair"):
        return
    sa, sb = a.state(), b.state()
    ok(not sa["uptodate"] and sa["paired"] and sa["gen"] == sa["base"], "the primary's disk: not up to date without the other", sa)
    ok(not sb["uptodate"] and sb["gen"] == sa["gen"] and not sb["inconsistent"] and not sb["lastprim"], "the secondary's disk: neither", sb)
    ok(a.now["rfs.uptodate"] == "up" and b.now["rfs.uptodate"] == "up", "both are published as up to date", (a.now, b.now))
    ok(b.mount() == "ext4" or b.mount() != "", "the secondary has its folder")
    try:
        write(b.rep + "/no", "x")
        ok(False, "and cannot be written to")
    except OSError as e:
        ok(e.errno == 30, "and cannot be written to", e)
    for who in (a, b, a, b):
        before = w.acked
        pid = who.kill_worker()
        ok(pid and until(lambda: w.acked > before + 5 or w.errors) and not w.errors, "kill -9 of the worker of " + who.name + " under load: goes on",
           (w.errors, a.logged, b.logged))
    for who in (a, b):
        before, pid = w.acked, who.worker()
        who.kill()
        ok(until(lambda: w.acked > before + 5 or w.errors) and not w.errors, "kill -9 of the keeper of " + who.name + ": goes on", w.errors)
        who.again()
        ok(who.want("prim" if who is a else "second") == "" and who.worker() == pid, "the next keeper of " + who.name + " adopts", who.logged)
    ok(a.facts.get("paired") is True and a.now["rfs.uptodate"] == "up" and b.now["rfs.uptodate"] == "up", "nothing has changed", (a.facts, a.now, b.now))
    ok(not any("asks" in t for t in a.logged), "nobody asked to go on alone")
    ok(w.end(), "no error for the application", w.errors)
    ok(w.missing(a.back) == [] and w.missing(b.back) == [], "all that was acknowledged is on both")
    ok(same(a.back, b.back) == "", "both are equal", same(a.back, b.back))
    # the primary dies with all it has
    w = Writer(a.rep, "second-life")
    until(lambda: w.acked > 20)
    a.kill()
    os.kill(a.worker(), signal.SIGKILL)
    w.end()
    acked = w.acked
    written = Renames(b.var + "/rfs")
    ok(b.want("alone") == "", "takeover", b.logged)
    until(lambda: b.state()["uptodate"])    # when its disk has all
    ok(written.end("state.json") > 1, "the disk says up to date by a word of its own, after the takeover")
    sb2 = b.state()
    ok(sb2["lastprim"] and sb2["gen"] != sb["gen"] and sb2["base"] == sb["gen"], "with a generation of its own, on the disk", sb2)
    ok(until(lambda: b.state()["uptodate"]), "and up to date once the disk has all", b.state())
    ok(acked > 20 and w.missing(b.rep) == [], "all that was acknowledged is there")
    write(b.rep + "/new", "after the takeover", sync=True)
    os.unlink(b.rep + "/link")
    a.again()
    ok(a.want("off") == "" and a.until(lambda: a.now.get("rfs.uptodate") == "down"), "the former primary knows that it is old", (a.now, a.logged))
    synchronise(b, a, "back")
    ok(same(a.back, b.back) == "" and read(a.back + "/new") == "after the takeover", "both are equal", same(a.back, b.back))
    # the secondary goes: alone is granted, what waited is let go
    w = Writer(b.rep, "third-life")
    until(lambda: w.acked > 5)
    ok(a.want("off") == "", "the secondary leaves", a.logged)
    o = b.wait(lambda o: o.get("ask") == "alone")
    ok(o is not None, "the primary asks", b.logged)
    b.send({"op": "alone-granted", "seq": o["seq"] if o else 0})
    before = w.acked
    ok(until(lambda: w.acked > before + 5 or w.errors) and not w.errors, "granted: goes on alone", w.errors)
    ok(b.until(lambda: b.facts.get("paired") is False) and until(lambda: b.state()["uptodate"]), "and the disk says so", b.state())
    w.end()
    # swap
    synchronise(b, a, "again")
    ok(b.want("given") == "" and b.mount() not in ("", "fuse.safekit"), "given", (b.logged, a.logged))
    ok(a.until(lambda: a.now["rfs.swapping"] == "up"), "the other one knows", (a.now, a.logged))
    ok(a.want("alone") == "", "taken", a.logged)
    write(a.rep + "/swapped", "x", sync=True)
    synchronise(a, b, "swapped")
    ok(same(a.back, b.back) == "", "both are equal", same(a.back, b.back))
    ok(b.want("off") == "" and b.mount() == "" and os.path.islink(b.rep), "second off", b.logged)
    a.want("alone")
    ok(a.want("off") == "" and a.mount() == "" and a.state()["uptodate"], "prim off", (a.logged, a.state()))
    ok(a.end() == 0 and b.end() == 0, "quit")


def refused():          # the primary is cut off, and is the one to stop: what waits for the other one fails, at once and for good
    d = T + "/refused"
    a, b = pair(d)
    write(a.rep + "/f", "was here")
    if not synchronise(a, b, "refused"):
        return
    w = Writer(a.rep)
    until(lambda: w.acked > 5)
    a.send({"op": "refuse"})
    before = w.acked
    ok(until(lambda: w.acked > before + 5 or w.errors) and not w.errors, "a secondary that is there still takes what is written", w.errors)
    a.kill_worker()                 # its successor waits for nobody
    ok(w.join(10) and w.errors == [os.strerror(errno.EIO)], "one that is not there is not waited for: EIO", (w.errors, w.acked, a.logged))
    ok(a.until(lambda: any("Writes that wait for the other server fail" in t for t in a.logged)), "the log has it", a.logged)
    ok(read(a.rep + "/f") == "was here", "what is there can be read")
    try:
        write(a.rep + "/g", "x", sync=True)
        ok(False, "and nothing written")
    except OSError as e:
        ok(e.errno == errno.EIO, "and nothing written", e)
    a.kill()
    a.again()
    a.send({"op": "refuse"})
    begun = time.monotonic()
    why = a.want("given")
    ok(why != "" and time.monotonic() - begun < 10, "it cannot be given any more, which is said at once", (why, time.monotonic() - begun, a.logged))
    ok(a.want("off") == "" and os.path.islink(a.rep) and a.state()["paired"] and not a.state()["uptodate"], "off: it needs the other one still", a.state())
    ok(w.missing(b.back) == [], "all that was acknowledged is there")
    ok(b.want("alone") == "", "which takes over", b.logged)
    synchronise(b, a, "refused, back")
    os.sync()
    ok(same(a.back, b.back) == "", "both are equal", same(a.back, b.back))
    # the other server is gone before it is said
    w = Writer(b.rep)
    until(lambda: w.acked > 5)
    a.kill()
    os.kill(a.worker(), signal.SIGKILL)
    until(lambda: a.worker() == 0)
    ok(not w.errors, "the other server is lost: no error")
    b.send({"op": "refuse"})
    ok(w.join(10) and w.errors == [os.strerror(errno.EIO)], "until it is said that what waits for it waits for nothing: EIO", (w.errors, b.logged))
    begun = time.monotonic()
    ok(b.want("off") == "" and time.monotonic() - begun < 10, "and the folders are left at once", (time.monotonic() - begun, b.logged))
    a.again()
    a.want("off")
    ok(w.missing(a.back) == [], "all that was acknowledged is there")
    a.end()
    b.end()


def asked():            # of a worker that dies before it answers
    a, b = pair(T + "/asked")
    write(a.rep + "/f", "x")
    if not synchronise(a, b, "asked"):
        return
    for r, op in ((b, "verify"), (a, "diff")):
        pid = r.worker()
        os.kill(pid, signal.SIGSTOP)
        n = r.seq + 500
        r.send({"op": op, "n": n})
        r.send({"op": "ping", "n": 5})
        r.wait(lambda o: o.get("pong") == 5)
        os.kill(pid, signal.SIGKILL)
        o = r.wait(lambda o: o.get("reply") == n, 20)
        ok(o is not None and not o["ok"] and "try again" in o["text"], op + ": the worker dies: refused", o)
        until(lambda: r.worker() not in (0, pid))
        r.until(lambda: any("another one took over" in t for t in r.logged))
        end = time.monotonic() + LONG
        while True:     # it may be asked before it is connected, and says so
            n += 1
            r.send({"op": op, "n": n})
            o = r.wait(lambda o: o.get("reply") == n)
            if o is None or "connect" not in o["text"] or time.monotonic() > end:
                break
        ok(o is not None and o["ok"], "and answered by the next one", o)
    b.want("off")
    a.want("alone")
    a.want("off")
    a.end()
    b.end()


def both_die():         # keeper and worker of a primary that has a secondary
    a, b = pair(T + "/both")
    write(a.rep + "/f", "x")
    if not synchronise(a, b, "both"):
        return
    gen = a.state()["gen"]
    a.kill()
    os.kill(a.worker(), signal.SIGKILL)
    until(lambda: a.worker() == 0)
    os.kill(b.worker(), signal.SIGSTOP)     # it may take over at any time
    a.again()
    ok(a.want("prim") == "", "the next ones begin anew", a.logged)
    st = a.state()
    ok(st["paired"] and not st["uptodate"] and st["gen"] == gen and a.facts.get("paired") is True, "and need the secondary as before", (st, a.facts))
    w = Writer(a.rep)
    os.kill(b.worker(), signal.SIGCONT)
    o = a.wait(lambda o: o.get("ask") == "alone")
    ok(o is not None and w.acked == 0 and not w.errors, "nothing is acknowledged that it does not have", (w.acked, w.errors))
    ok(b.wait(lambda o: "out" in o) is not None, "the secondary leaves", b.logged)
    ok(a.state()["paired"], "heart has not granted yet", a.state())
    a.send({"op": "alone-granted", "seq": o["seq"] if o else 0})
    ok(until(lambda: w.acked > 5 or w.errors) and not w.errors and a.state()["uptodate"], "granted: the application goes on", (w.errors, a.state()))
    ok(w.end(), "no error for the application", w.errors)
    begun = time.monotonic()
    why = a.want("given")
    ok(why != "" and time.monotonic() - begun < 10, "to give is refused at once where nobody follows", (why, time.monotonic() - begun))
    b.want("off")
    a.want("off")
    a.end()
    b.end()


def rfssync(r, *words):
    n = r.seq + 1000
    r.seq += 1
    r.send({"op": "policy", "n": n, "words": list(words)})
    return r.wait(lambda o: o.get("reply") == n)


def external():         # a copy is carried to the other server; what has changed since is all that goes over the network
    a, b = pair(T + "/external")
    fill(a.rep)
    ok(rfssync(a, "external", "prim", "tape 1")["ok"], "rfssync external prim on the source, which works")
    with open(a.rep + "/large", "r+b") as f:    # while the copy is made
        f.seek(9 << 20)
        f.write(b"changed since the copy was begun")
    subprocess.run(["sh", "-c", 'cd "$1" && tar -cf - --exclude=./.safekit_rfs . | tar -C "$2" -xpf -', "x", a.back, b.back], check=True)
    write(a.rep + "/later", "made after the copy")
    with open(a.rep + "/large", "r+b") as f:
        f.seek(1 << 20)
        f.write(b"changed after the copy")
    os.unlink(a.rep + "/hard")
    ok(rfssync(b, "external", "second", "tape 2")["ok"], "rfssync external second, but with another uid")
    b.want("sync", sync={"mode": "default"})
    o = b.wait(lambda o: "synced" in o or "sync-failed" in o)
    ok(o is not None and "sync-failed" in o and not o["again"], "is refused", (o, b.logged))
    b.want("off")
    ok(rfssync(b, "external", "second", "tape 1")["ok"], "rfssync external second")
    b.want("sync", sync={"mode": "default"})
    o = b.wait(lambda o: "synced" in o or "sync-failed" in o)
    ok(o is not None and "synced" in o, "is done", (o, b.logged, a.logged))
    copied = [t for t in b.logged if t.startswith("Copied ")]
    ok(copied and int(copied[-1].split(", ")[1].split()[0]) < 17000, "two zones of 8 MB and a small file went over the network", copied)
    ok(same(a.back, b.back) == "", "both are equal", same(a.back, b.back))
    ok(b.until(lambda: b.now["usersetting.rfssyncmode"] == "default") and a.until(lambda: a.now["usersetting.rfssyncmode"] == "default"),
       "the policy is the default one again", (a.now, b.now))
    b.want("off")
    a.want("alone")
    a.want("off")
    a.end()
    b.end()


class Files(App):       # changes names, sizes and contents at random
    OWN = {getattr(errno, e) for e in ("ENOENT", "EEXIST", "EISDIR", "ENOTDIR", "ENOTEMPTY", "EINVAL", "EPERM", "ENXIO", "ELOOP", "ESPIPE")}

    def __init__(self, dir, seed):
        self.dir, self.rnd = dir + "/files%d" % seed, random.Random(seed)
        os.mkdir(self.dir)
        super().__init__()

    def name(self):
        return "%s/%d" % (self.dir, self.rnd.randrange(30))

    def once(self):
        r, n = self.rnd, self.name()
        what = r.randrange(15)
        if what <= 2:
            fd = os.open(n, os.O_RDWR | os.O_CREAT, 0o600 | r.randrange(64))
            os.pwrite(fd, bytes([r.randrange(256)]) * r.randrange(1, 70000), r.randrange(200000))
            if what == 0:
                os.fsync(fd)
            os.close(fd)
        elif what == 3:
            os.truncate(n, r.randrange(300000))
        elif what == 4:
            os.unlink(n)
        elif what == 5:
            os.rename(n, self.name())
        elif what == 6:
            os.link(n, self.name())
        elif what == 7:
            os.chmod(n, r.randrange(0o1000))
        elif what == 8:
            os.utime(n, (r.randrange(1 << 30), r.randrange(1 << 30)))
        elif what == 9:
            os.symlink("to%d" % r.randrange(100), n)
        elif what == 10:
            os.mkfifo(n)
        elif what == 11:
            os.mkdir(n)
        elif what == 12:
            os.rmdir(n)
        elif what == 13:
            os.rename(n, self.name() + "/%d" % r.randrange(5))      # into a folder, where it is one
        else:
            fd = os.open(n, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
            os.setxattr(fd, "user.x%d" % r.randrange(3), b"v" * r.randrange(50))
            os.write(fd, b"appended")
            os.close(fd)

    def run(self):
        n = 0
        while not self.stop:
            try:
                self.once()
            except OSError as e:
                if e.errno not in self.OWN:
                    raise
            n += 1
            self.put(0, n)


def listing(dir):       # what diff does not look at
    out = []
    for root, dirs, files in os.walk(dir):
        dirs[:] = sorted(d for d in dirs if d != ".safekit_rfs")
        for n in sorted(dirs + files):
            st = os.lstat(os.path.join(root, n))
            out.append("%s %o %d:%d n%d %d.%09d" % (os.path.relpath(os.path.join(root, n), dir), st.st_mode, st.st_uid, st.st_gid,
                                                   0 if n in dirs else st.st_nlink, st.st_mtime_ns // 10**9, st.st_mtime_ns % 10**9))
    return out


def storm():            # SEED, ROUNDS: of the environment
    seed, rounds = int(os.environ.get("SEED", 1)), int(os.environ.get("ROUNDS", 20))
    rnd = random.Random(seed)
    a, b = pair(T + "/storm", attrs='sendtimeout="20" nbremconn="2" ' + os.environ.get("ATTRS", ""), key="7" * 64)
    fill(a.rep)
    apps = [Writer(a.rep, "w1"), Writer(a.rep, "w2"), Files(a.rep, 1), Files(a.rep, 2)]
    if not synchronise(a, b, "storm"):
        return
    told = []
    for i in range(rounds):
        what = rnd.randrange(6)
        told.append(what)
        if what in (0, 1):
            (a, b)[what].kill_worker()
        elif what in (2, 3):
            who = (a, b)[what - 2]
            who.kill()
            who.again()
            if who.want("prim" if who is a else "second", wait=True) is None:
                break
        elif what == 4:         # the secondary leaves and comes back, its synchronisation is disturbed
            b.want("off")
            o = a.wait(lambda o: o.get("ask") == "alone")
            a.send({"op": "alone-granted", "seq": o["seq"] if o else 0})
            b.want("sync", sync={"mode": "default"})
            if rnd.randrange(2):
                time.sleep(rnd.random() * 0.3)
                (a, b)[rnd.randrange(2)].kill_worker()
            while True:
                o = b.wait(lambda o: "synced" in o or "sync-failed" in o or "out" in o)
                if o is None or "synced" in o:
                    break
                told.append(o)
                b.want("off")
                b.want("sync", sync={"mode": "default"})
            b.want("second")
            if a.want("prim") != "":
                told.append("no prim")
        if any(x.errors for x in apps):
            break
        time.sleep(rnd.random() * 0.3)
    marks = [(x.acked if isinstance(x, Writer) else x.done) for x in apps]
    alive = until(lambda: all((x.acked if isinstance(x, Writer) else x.done) > m for x, m in zip(apps, marks)) or any(x.errors for x in apps))
    ok(alive, "storm %d: every application goes on" % seed, (told, marks, a.logged[-5:], b.logged[-5:]))
    ok(all([x.end() for x in apps]), "storm: no error for any", ([x.errors for x in apps], told))
    fd = os.open(a.rep, os.O_RDONLY)
    os.sync()
    os.close(fd)
    ok(all(x.missing(a.back) == [] and x.missing(b.back) == [] for x in apps[:2]), "all that was acknowledged is on both", told)
    ok(same(a.back, b.back) == "", "both are equal", (same(a.back, b.back), told))
    la, lb = listing(a.back), listing(b.back)
    ok(la == lb, "also in modes, owners, links and times", ([x for x in la if x not in lb][:10], [x for x in lb if x not in la][:10], told))
    print("# storm %d: %s" % (seed, marks))
    b.want("off")
    a.want("alone")
    a.want("off")
    a.end()
    b.end()


def takeovers():        # SEED, ROUNDS: servers die as a whole, swap, leave, at random; what was ever acknowledged stays
    seed, rounds = int(os.environ.get("SEED", 1)), int(os.environ.get("ROUNDS", 8))
    rnd = random.Random(seed)
    p, s = pair(T + "/takeovers", attrs='sendtimeout="20" ruzone_blocksize="1048576" reipacketsize="1048576" ' + os.environ.get("ATTRS", ""))
    fill(p.rep)
    apps, told, n = [], [], 0

    def begin():
        nonlocal n
        n += 1
        apps.append((Writer(p.rep, "w%d" % n), Files(p.rep, 100 + n)))

    def end():              # the applications stop, or are stopped by errors; what they had acknowledged is all that counts
        for x in apps[-1]:
            x.stop = True
        for x in apps[-1]:
            x.join(LONG)

    def lost(dir):          # records that were acknowledged once and are not there
        return [(w.name_, w.missing(dir)[:5]) for w, f in apps if w.acked and w.missing(dir)]

    def crash(r):
        pid = r.worker()
        r.kill()
        if pid:
            os.kill(pid, signal.SIGKILL)
        until(lambda: r.worker() == 0)

    def disturbed_sync():
        for _ in range(10):
            if s.want("sync", sync={"mode": "default"}) != "":
                return False
            if rnd.randrange(3) == 0:
                time.sleep(rnd.random() * 0.2)
                rnd.choice((p, s)).kill_worker()
            o = s.wait(lambda o: "synced" in o or "sync-failed" in o or "out" in o)
            if o is None:
                return False
            if "synced" in o:
                return s.want("second") == "" and p.want("prim") == ""
            told.append(o)
            s.want("off")
        return False
    begin()
    good = disturbed_sync()
    for i in range(rounds):
        if not good:
            break
        time.sleep(rnd.random() * 0.5)
        what = rnd.choice(("primary dies", "secondary dies", "swap", "both die", "stop"))
        told.append(what)
        if what in ("primary dies", "stop", "both die"):
            if what == "stop":
                end()
                p.want("off")
            else:
                crash(p)
                end()
            if what == "both die":      # the secondary, too: the former primary has everything
                crash(s)
                s.again()
                s.want("off")
            else:
                p, s = s, p
            if what != "stop":
                (s if what == "primary dies" else p).again()
                (s if what == "primary dies" else p).want("off")
            good = p.want("alone") == ""
        elif what == "secondary dies":
            crash(s)
            o = p.wait(lambda o: o.get("ask") == "alone")
            p.send({"op": "alone-granted", "seq": o["seq"] if o else 0})
            s.again()
            s.want("off")
        else:
            end()
            good = p.want("given") == ""
            p, s = s, p
            good = good and p.want("alone") == ""
        if good and (gone := lost(p.back)):
            told.append(gone)
            good = False
        if good and what != "secondary dies":
            begin()
        good = good and disturbed_sync()
    ok(good, "takeovers %d: %d rounds" % (seed, rounds), (told, p.logged[-8:], s.logged[-8:]))
    end()
    fd = os.open(p.rep, os.O_RDONLY)
    os.sync()
    os.close(fd)
    ok(lost(p.back) == [] and lost(s.back) == [], "nothing that was acknowledged is lost", (lost(p.back), lost(s.back), told))
    ok(same(p.back, s.back) == "", "both are equal", (same(p.back, s.back), told))
    la, lb = listing(p.back), listing(s.back)
    ok(la == lb, "also in modes, owners, links and times", ([x for x in la if x not in lb][:10], [x for x in lb if x not in la][:10], told))
    print("# takeovers %d: %s" % (seed, [w.acked for w, f in apps]), [t for t in told if isinstance(t, str)])
    s.want("off")
    p.want("alone")
    p.want("off")
    p.end()
    s.end()


def main():
    tests = [alone, policy, degraded, give, checktime, syncing, pairs, refused, asked, both_die, external]
    long = [storm, takeovers]       # minutes: by name only
    for t in tests + long:
        if t.__name__ in only or (not only and t in tests):
            t()
    print("1..%d" % count)
    subprocess.run(["umount", "-l", "-q"] + [r for r in (T + "/%s/%s/rep" % (t.__name__, n) for t in tests + long for n in ("n1", "n2")) if os.path.ismount(r)],
                   stderr=subprocess.DEVNULL)
    shutil.rmtree(T, ignore_errors=True)
    sys.exit(1 if bad else 0)


main()
