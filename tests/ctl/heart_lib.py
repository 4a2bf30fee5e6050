# SPDX-License-Identifier: GPL-2.0-or-later
#
# heart_lib.py: plays safeadmin for a real heart whose helper (vipd, rfsd) is a fake that writes down what it hears.  Of heart_vip.py and
# heart_rfs.py.  Scripts and the fake write into one file, line by line: the order there is the order of the acts.
# Every wait is for an event, with LONG seconds as the end of patience.
import json, os, re, shutil, signal, socket, struct, subprocess, sys, tempfile, time

LONG = 40
build, top = sys.argv[1], sys.argv[2]
KEY, KEY2 = "00" * 32, "11" * 32
ADDRS = ("127.0.0.1", "127.0.0.2")
hearts = []
count = bad = 0


def ok(good, name, why=""):
    global count, bad
    count += 1
    bad += not good
    print(("ok" if good else "not ok"), count, "-", name)
    if not good and why != "":
        print("# " + str(why)[:3000].replace("\n", "\n# "))
    sys.stdout.flush()


def eq(got, want, name):
    ok(got == want, name, "got  %s\nwant %s" % (got, want))


class Heart:
    scripts = ("prestart", "poststop", "start_prim", "stop_prim", "start_both", "stop_both", "start_second", "stop_second")
    fake = "vipd"               # the helper that tests/ctl/fake_<fake> stands in for

    def __init__(self, xml, mode="ok", node=0):
        self.node = node
        self.dir = tempfile.mkdtemp(prefix="t-%s." % self.fake)
        self.safe, self.vardir = self.dir + "/safe", self.dir + "/var"
        self.var = self.vardir + "/modules/m"
        self.trace = self.dir + "/trace"
        bins = self.safe + "/private/modules/m/bin"
        for d in (self.safe + "/private/bin", bins, self.vardir + "/run", self.var, self.safe + "/private/conf/include"):
            os.makedirs(d)
        os.chmod(self.dir, 0o755)
        shutil.copy(top + "/engine/conf/failover.xml", self.safe + "/private/conf/include")
        os.symlink(top + "/tests/ctl/fake_" + self.fake, self.safe + "/private/bin/" + self.fake)
        open(self.trace, "w").close()
        self.mode(mode)
        for s in self.scripts:
            with open(bins + "/" + s, "w") as f:
                f.write('#!/bin/sh\nw=%s; [ "$1" = force ] && w="$w force"; [ -e %s/ready.txt ] && w="$w ready"\necho "$w" >>%s\n'
                        'while [ -e %s/block.%s ]; do sleep 0.01; done\n[ ! -e %s/fail.%s ]\n'
                        % (s, self.var, self.trace, self.dir, s, self.dir, s))
            os.chmod(bins + "/" + s, 0o755)
        self.env = dict(os.environ, SAFE=self.safe, SAFEVAR=self.vardir, SAFE_BOOT_ID="t-heart", TRACE=self.trace,
                        FAKE_MODE=self.dir + "/mode")
        self.conf = self.runform(xml)
        self.listen = socket.socket(socket.AF_UNIX)
        self.listen.bind(self.vardir + "/run/safeadmin.sock")
        self.listen.listen(4)
        self.listen.settimeout(LONG)
        self.n, self.at = 0, 0
        self.p = None
        hearts.append(self)

    def runform(self, xml):
        with open(self.dir + "/userconfig.xml", "w") as f:
            f.write(xml)
        p = subprocess.run([build + "/tests/ctl/runform", f.name], capture_output=True, env=self.env)
        if p.returncode != 0:
            raise Exception(p.stderr.decode())
        return json.loads(p.stdout)

    def setup(self, key=KEY):
        at = [{"node": 0, "ip": ADDRS[0]}, {"node": 1, "ip": ADDRS[1]}]
        return {"node": "n%d" % (self.node + 1), "self": self.node, "nodes": ["n1", "n2"], "peer": "", "name": "m", "id": 7, "key": key, "encryption": False,
                "boot": "off", "config_ms": 1, "signature": "ab" * 32, "running": False, "module": self.conf,
                "lans": [{"name": "l", "local": ADDRS[self.node], "at": at}, {"name": "other", "local": "", "at": []}]}

    def mode(self, word):
        with open(self.dir + "/mode.new", "w") as f:
            f.write(word)
        os.rename(f.name, self.dir + "/mode")

    def touch(self, name):
        open(self.dir + "/" + name, "w").close()

    def untouch(self, name):
        os.unlink(self.dir + "/" + name)

    # ---- the process and the line to it ----

    def start(self):
        self.buf = b""
        self.report, self.logs, self.resources, self.shares, self.said = {}, [], {}, {}, []
        self.p = subprocess.Popen([build + "/heart", "-m", "m"], env=self.env, stdin=subprocess.DEVNULL,
                                  stderr=open(self.dir + "/stderr", "a"))
        self.accept()

    def accept(self):
        self.s, _ = self.listen.accept()
        hello = self.take(time.monotonic() + LONG)
        self.send({"id": hello.get("id"), "ok": True, "setup": self.setup()})

    def send(self, obj):
        data = json.dumps(obj).encode()
        self.s.sendall(struct.pack(">I", len(data)) + data)

    def take(self, end):
        while len(self.buf) < 4 or len(self.buf) < 4 + struct.unpack(">I", self.buf[:4])[0]:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.s.settimeout(left)
            try:
                more = self.s.recv(1 << 20)
            except TimeoutError:
                return None
            if not more:
                raise EOFError()
            self.buf += more
        n = struct.unpack(">I", self.buf[:4])[0]
        obj = json.loads(self.buf[4:4 + n])
        self.buf = self.buf[4 + n:]
        if "op" in obj:
            return obj
        if "module" in obj:
            self.report = obj["module"]
        elif "log" in obj:
            self.logs.append(obj["log"]["message"])
        elif "resource" in obj:
            self.resources[obj["resource"]["name"]] = obj["resource"]["value"]
        elif "resource-gone" in obj:
            self.resources.pop(obj["resource-gone"], None)
        elif "share" in obj:
            self.shares[obj["share"]["index"]] = obj["share"]
        elif "share-gone" in obj:
            self.shares.pop(obj["share-gone"], None)
        self.said.append(obj)
        return obj

    def until(self, good, seconds=LONG):        # polls files, too
        end = time.monotonic() + seconds
        while not good():
            if time.monotonic() > end:
                return False
            self.take(min(end, time.monotonic() + 0.01))
        return True

    def ask(self, op, **members):
        self.n += 1
        self.send(dict(members, op=op, id=self.n))
        end = time.monotonic() + LONG
        while True:
            o = self.take(end)
            if o is None or o.get("id") == self.n:
                return o

    def act(self, verb):
        return self.ask("action", verb=verb, by="test")

    def state(self, state, status):
        return self.until(lambda: (self.report.get("state"), self.report.get("status")) == (state, status))

    def logged(self, text):
        return self.until(lambda: any(text in m for m in self.logs))

    # ---- the trace ----

    def lines(self):
        with open(self.trace) as f:
            return f.read().splitlines()

    def seen(self, line):       # since the last news()
        return self.until(lambda: line in self.lines()[self.at:])

    def news(self):             # what is new, without the numbers of processes
        new = self.lines()[self.at:]
        self.at += len(new)
        return [re.sub(r"^born .*", "born", x) for x in new]

    def vipd(self):             # its pid
        return int([x for x in self.lines() if x.startswith("born")][-1].split()[1])

    def line(self):             # the setup that it was given last
        with open(self.dir + "/setup.json") as f:
            return json.load(f)

    def ready(self):
        try:
            with open(self.var + "/ready.txt") as f:
                return f.read() == "OK\n"
        except FileNotFoundError:
            return False

    def end(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.s.close()
        self.until_gone()
        with open(self.dir + "/stderr") as f:
            err = f.read()
        shutil.rmtree(self.dir)
        return err

    def until_gone(self):       # no fake of ours is left
        end = time.monotonic() + LONG
        pids = [int(x.split()[1]) for x in self.lines() if x.startswith("born")]
        while time.monotonic() < end and any(os.path.exists("/proc/%d" % p) for p in pids):
            time.sleep(0.01)
        for p in pids:
            if os.path.exists("/proc/%d" % p):
                ok(False, "vipd %d ended" % p)
                os.kill(p, signal.SIGKILL)


def run(tests):
    only = sys.argv[3:]
    for test in tests:
        if not only or test.__name__ in only:
            try:
                test()
            except Exception as e:
                ok(False, test.__name__, repr(e))
                import traceback
                traceback.print_exc()
            finally:
                for h in hearts:
                    if h.p is not None and h.p.poll() is None:
                        h.p.kill()
                        h.p.wait()
    print("1..%d" % count)
    sys.exit(bad > 0)
