# SPDX-License-Identifier: GPL-2.0-or-later
#
# checkd_lib.py: plays heart for a real checkd: starts it with a socket as descriptor 3, sends lines, waits for lines.
# Every wait is for an event, with LONG seconds as the end of patience.
import json, os, shutil, socket, subprocess, tempfile, time

LONG = 30


class Checkd:
    def __init__(self, build, top, env=None, prefix=()):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="t-checkd.")
        self.bin, self.var = self.dir + "/bin", self.dir + "/var"
        for d in (self.bin, self.var, self.dir + "/safe/private/conf/include"):
            os.makedirs(d)
        shutil.copy(top + "/engine/conf/failover.xml", self.dir + "/safe/private/conf/include")
        self.env = dict(os.environ, SAFE=self.dir + "/safe", SAFEVAR=self.dir + "/var", **(env or {}))
        ours, theirs = socket.socketpair()
        self.s = ours
        fd = theirs.fileno()

        def third():
            os.dup2(fd, 3)
            os.set_inheritable(3, True)
        self.p = subprocess.Popen([*prefix, build + "/checkd", "-m", "am"], preexec_fn=third, close_fds=False, env=self.env,
                                  stderr=subprocess.PIPE)
        theirs.close()
        self.buf = b""
        self.lines = []         # not waited for yet, (time, object)
        self.now = {}           # resource -> (value, why)
        self.said = []          # everything, in order
        self.seq = 0

    def config(self, checks, user='<user logging="userlog"/>', extra=""):
        xml = self.dir + "/userconfig.xml"
        with open(xml, "w") as f:
            f.write('<safe><service mode="mirror"><heart><heartbeat name="l"/></heart>%s<check>%s</check>%s</service></safe>'
                    % (user, checks, extra))
        p = subprocess.run([self.build + "/tests/ctl/runform", xml], capture_output=True, env=self.env)
        if p.returncode != 0:
            raise Exception(p.stderr.decode())
        return json.loads(p.stdout)

    def send(self, obj):
        self.s.sendall(json.dumps(obj).encode() + b"\n")

    def setup(self, checks, **more):
        self.send({"op": "setup", "module": "am", "id": 1, "node": "n1", "bin": self.bin, "var": self.var,
                   "config": self.config(checks, **more)})

    def classes(self, *on, checkers=True, errd=True, wait=True):
        self.seq += 1
        self.send({"op": "classes", "seq": self.seq, "on": list(on), "checkers": checkers, "errd": errd})
        if wait:
            self.wait(lambda o: o.get("ack") == self.seq)
        return self.seq

    def take(self, end):        # one more line into lines; False: nothing until end; None: closed
        while b"\n" not in self.buf:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.s.settimeout(left)
            try:
                more = self.s.recv(1 << 16)
            except TimeoutError:
                return False
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.buf += more
        line, self.buf = self.buf.split(b"\n", 1)
        obj = json.loads(line)
        if "resource" in obj:
            self.now[obj["resource"]] = (obj["value"], obj["why"])
        self.lines.append((time.monotonic(), obj))
        self.said.append(obj)
        return True

    # The first line that is wanted, those before it are dropped; None: did not come
    def wait(self, wanted, seconds=LONG):
        end = time.monotonic() + seconds
        while True:
            while self.lines:
                self.when, obj = self.lines.pop(0)
                if wanted(obj):
                    return obj
            if not self.take(end):
                return None

    def until(self, seconds=LONG, **values):     # resource__ident="up": all have these values
        want = {k.replace("__", "."): v for k, v in values.items()}
        end = time.monotonic() + seconds
        while any(self.now.get(k, ("",))[0] != v for k, v in want.items()):
            if not self.take(end):
                return False
        return True

    def quiet(self, seconds):   # what comes within that time
        end = time.monotonic() + seconds
        before = len(self.said)
        while self.take(end):
            pass
        return self.said[before:]

    def value(self, name):
        return self.now.get(name, (None, None))

    def end(self):              # as heart does: the line ends.  Returns the exit status and what was said on stderr
        self.s.close()
        err = self.p.communicate(timeout=LONG)[1].decode()
        shutil.rmtree(self.dir)
        return self.p.returncode, err


def run_ns(pid):                # CPU time of all threads so far, ns
    total = 0
    for t in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, t)) as f:
            total += int(f.read().split()[0])
    return total
