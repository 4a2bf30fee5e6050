#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rfsd.py: replicated folders with a real kernel.  Started by t-rfsd in namespaces of its own.  Two servers, n1 and n2, each with its folder.
import os, shutil, signal, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rfsd_lib import LONG, Rfsd, until

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
    return p.stdout[:2000] + p.stderr[:500]


class Writer(threading.Thread):     # an application: writes records with fsync, remembers what was acknowledged
    def __init__(self, dir, name="journal"):
        super().__init__(daemon=True)
        self.path, self.dir, self.name_ = dir + "/" + name, dir, name
        self.acked, self.errors, self.stop = 0, [], False
        self.start()

    def run(self):
        n = 0
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        while not self.stop:
            try:
                os.pwrite(fd, b"%15d\n" % n, n * 16)
                os.fsync(fd)
                if n % 7 == 0:
                    p = "%s/%s.d%d" % (self.dir, self.name_, n)
                    os.mkdir(p)
                    os.rename(p, p + ".moved")
                    os.rmdir(p + ".moved")
            except OSError as e:
                self.errors.append(e)
                break
            n += 1
            self.acked = n
        os.close(fd)

    def end(self):
        self.stop = True
        self.join(LONG)
        return not self.is_alive() and not self.errors

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


def main():
    tests = [alone, policy, degraded]
    for t in tests:
        if not only or t.__name__ in only:
            t()
    print("1..%d" % count)
    subprocess.run(["umount", "-l", "-q"] + [r for r in (T + "/%s/%s/rep" % (t.__name__, n) for t in tests for n in ("n1", "n2")) if os.path.ismount(r)],
                   stderr=subprocess.DEVNULL)
    shutil.rmtree(T, ignore_errors=True)
    sys.exit(1 if bad else 0)


main()
