# SPDX-License-Identifier: GPL-2.0-or-later
#
# rfsd_lib.py: plays heart for a real rfsd: starts it with a socket as descriptor 3, sends lines, waits for lines.
# Every wait is for an event, with LONG seconds as the end of patience.
import ctypes, json, os, signal, socket, subprocess, sys, time

LONG = 60


def until(what, seconds=LONG):      # for what has no event to wait for
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class Renames:      # how often a file of that name was put in its place
    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, folder.encode(), 0x80) < 0:      # IN_MOVED_TO
            raise OSError(ctypes.get_errno(), "inotify")

    def end(self, name):
        got, count = b"", 0
        try:
            while True:
                got += os.read(self.fd, 65536)
        except BlockingIOError:
            os.close(self.fd)
        while got:
            size = int.from_bytes(got[12:16], sys.byteorder)
            count += got[16:16 + size].rstrip(b"\0") == name.encode()
            got = got[16 + size:]
        return count


class Rfsd:
    def __init__(self, build, top, dir, name, ip, peer, peer_ip, attrs="", inner="", replicated='mode="read_only"', key=""):
        self.build, self.top, self.name, self.ip, self.peer, self.peer_ip, self.key = build, top, name, ip, peer, peer_ip, key
        self.dir = dir + "/" + name
        self.var = self.dir + "/var/modules/am"
        self.rep = self.dir + "/rep"                        # the place of the replicated folder
        self.back = self.rep + "_For_SafeKit_Replication"
        for d in (self.var, self.dir + "/safe/private/conf/include", self.back):
            os.makedirs(d, exist_ok=True)
        with open(top + "/engine/conf/failover.xml") as f, open(self.dir + "/safe/private/conf/include/failover.xml", "w") as g:
            g.write(f.read())
        if not os.path.lexists(self.rep):
            os.symlink(os.path.basename(self.back), self.rep)   # as safekit config leaves it
        self.env = {**os.environ, "SAFE": self.dir + "/safe", "SAFEVAR": self.dir + "/var", "SAFE_BOOT_ID": "boot-1"}
        self.attrs, self.inner, self.replicated = attrs, inner, replicated
        self.seq = 0
        self.start()

    def start(self):
        ours, theirs = socket.socketpair()
        self.s = ours
        fd = theirs.fileno()

        def third():
            os.dup2(fd, 3)
            os.set_inheritable(3, True)
        self.p = subprocess.Popen([self.build + "/rfsd", "-m", "am"], preexec_fn=third, close_fds=False, env=self.env)
        theirs.close()
        self.buf, self.lines, self.now, self.logged, self.facts = b"", [], {}, [], {}

    def config(self):
        xml = self.dir + "/userconfig.xml"
        with open(xml, "w") as f:
            f.write('<safe><service mode="mirror"><heart><heartbeat name="l"/></heart><rfs %s><replicated dir="%s" %s>%s</replicated></rfs></service></safe>'
                    % (self.attrs, self.rep, self.replicated, self.inner))
        p = subprocess.run([self.build + "/tests/ctl/runform", xml], capture_output=True, env=self.env)
        if p.returncode != 0:
            raise Exception(p.stderr.decode())
        return json.loads(p.stdout)

    def send(self, obj):
        self.s.sendall(json.dumps(obj).encode() + b"\n")

    def setup(self, **more):
        line = {"op": "setup", "module": "am", "id": 1, "node": self.name, "self": 0 if self.name < self.peer else 1, "peer": self.peer,
                "key": self.key, "var": self.var, "config": self.config(), "lan": {"name": "l", "local": self.ip, "peer": self.peer_ip}}
        line.update(more)
        self.send(line)

    def order(self, obj):               # with a new seq; the why of its ack
        self.seq += 1
        self.send({**obj, "seq": self.seq})
        return self.acked(self.seq)

    def want(self, role, wait=True, **more):
        self.seq += 1
        self.send({"op": "want", "seq": self.seq, "role": role, **more})
        return self.acked(self.seq) if wait else self.seq

    def acked(self, seq):               # the why of the answer; None: none came
        o = self.wait(lambda o: o.get("ack") == seq)
        return None if o is None else o.get("why", "")

    def take(self, end):                # one more line into lines; False: nothing until end; None: closed
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
        o = json.loads(line)
        if "resource" in o:
            self.now[o["resource"]] = o["value"]
        if "facts" in o:
            self.facts = o["facts"]
        if "origin" in o:
            self.logged.append(o["text"])
        self.lines.append(o)
        return True

    # The first line that is wanted, those before it are dropped; None: did not come
    def wait(self, wanted, seconds=LONG):
        end = time.monotonic() + seconds
        while True:
            while self.lines:
                o = self.lines.pop(0)
                if wanted(o):
                    return o
            if not self.take(end):
                return None

    def until(self, what, seconds=LONG):    # takes lines until what() is true
        end = time.monotonic() + seconds
        while not what():
            if not self.take(end):
                return False
        return True

    def state(self):
        with open(self.var + "/rfs/state.json") as f:
            return json.load(f)

    def worker(self):                   # pid of the one that holds the lock, 0 none
        want = [b"rfsd", b"-m", b"am", b"--worker"]
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    args = f.read().split(b"\0")
                if args[:4] == want and os.readlink("/proc/%s/cwd" % pid) == os.path.realpath(self.var) + "/rfs":
                    return int(pid)
            except OSError:
                pass
        return 0

    def kill_worker(self):              # None: there is none; one that was killed just before is replaced in a moment
        until(self.worker)
        pid = self.worker()
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def kill(self):                     # the keeper, as a crash
        self.p.send_signal(signal.SIGKILL)
        self.p.wait(LONG)
        self.s.close()

    def again(self):                    # the next keeper, as heart would start it
        self.start()
        self.setup()

    def end(self):                      # heart quits: its status
        self.send({"op": "quit"})
        return self.p.wait(LONG)

    def mount(self):                    # file system type of what is mounted there, "" none
        found = ""
        with open("/proc/self/mounts") as f:
            for row in f:
                cols = row.split()
                if cols[1] == self.rep:
                    found = cols[2]
        return found
