# SPDX-License-Identifier: GPL-2.0-or-later
#
# vipd_lib.py: plays heart for a real vipd: starts it with a socket as descriptor 3, sends lines, waits for lines; sees the wire.
# Every wait is for an event, with LONG seconds as the end of patience.
import json, os, shutil, signal, socket, struct, subprocess, tempfile, time

LONG = 30


def run(*cmd, **more):
    p = subprocess.run(cmd, capture_output=True, text=True, **more)
    if p.returncode != 0:
        raise Exception("%s: status %d: %s" % (" ".join(cmd), p.returncode, p.stderr.strip()))
    return p.stdout


def addresses(dev):     # {"10.1.0.100/24", ...} of a device
    rows = json.loads(run("ip", "-j", "addr", "show", "dev", dev))
    return {"%s/%d" % (a["local"], a["prefixlen"]) for a in rows[0]["addr_info"]}


class Vipd:
    def __init__(self, build, top, dir=None, module="am", env=None, prefix=()):
        self.build, self.top, self.module = build, top, module
        self.dir = dir or tempfile.mkdtemp(prefix="t-vipd.")
        self.var = self.dir + "/var/modules/" + module
        for d in (self.var, self.dir + "/safe/private/conf/include", self.dir + "/safe/private/modules/" + module):
            os.makedirs(d, exist_ok=True)
        shutil.copy(top + "/engine/conf/failover.xml", self.dir + "/safe/private/conf/include")
        self.env = {**os.environ, "SAFE": self.dir + "/safe", "SAFEVAR": self.dir + "/var", "SAFE_BOOT_ID": "boot-1", **(env or {})}
        self.prefix = prefix
        self.start()

    def start(self):
        ours, theirs = socket.socketpair()
        self.s = ours
        fd = theirs.fileno()

        def third():
            os.dup2(fd, 3)
            os.set_inheritable(3, True)
        self.p = subprocess.Popen([*self.prefix, self.build + "/vipd", "-m", self.module], preexec_fn=third, close_fds=False, env=self.env,
                                  stderr=subprocess.PIPE)
        theirs.close()
        self.buf, self.lines, self.now, self.said, self.shares, self.seq = b"", [], {}, [], {}, 0

    def config(self, vip, mode="mirror", extra=""):
        xml = self.dir + "/userconfig.xml"
        with open(xml, "w") as f:
            f.write('<safe><service mode="%s">%s%s%s</service></safe>'
                    % (mode, '<heart><heartbeat name="l"/></heart>' if mode == "mirror" else "", extra, vip))
        p = subprocess.run([self.build + "/tests/ctl/runform", xml], capture_output=True, env=self.env)
        if p.returncode != 0:
            raise Exception(p.stderr.decode())
        return json.loads(p.stdout)

    def send(self, obj):
        self.s.sendall(json.dumps(obj).encode() + b"\n")

    def setup(self, vip, mode="mirror", extra="", **more):     # me: index of this node
        line = {"op": "setup", "module": self.module, "id": 1, "node": "n1", "self": more.pop("me", 0), "nodes": ["n1", "n2"], "key": "",
                "var": self.var, "config": self.config(vip, mode=mode, extra=extra), "lans": []}
        line.update(more)
        self.send(line)

    def want(self, addresses, serve=False, wait=True):      # the why of the answer
        self.seq += 1
        self.send({"op": "want", "seq": self.seq, "addresses": addresses, "serve": serve})
        if not wait:
            return self.seq
        o = self.wait(lambda o: o.get("ack") == self.seq)
        return None if o is None else o["why"]

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
        if "share" in obj:
            self.shares[obj["share"]["group"]] = obj["share"]
        if "resource" in obj:
            self.now[obj["resource"]] = obj["value"]
        if "resource-gone" in obj:
            self.now.pop(obj["resource-gone"], None)
        self.lines.append(obj)
        self.said.append(obj)
        return True

    # The first line that is wanted, those before it are dropped; None: did not come
    def wait(self, wanted, seconds=LONG):
        end = time.monotonic() + seconds
        while True:
            while self.lines:
                obj = self.lines.pop(0)
                if wanted(obj):
                    return obj
            if not self.take(end):
                return None

    def until(self, what, seconds=LONG):    # takes lines until what() is true
        end = time.monotonic() + seconds
        while not what():
            if not self.take(end):
                return False
        return True

    def ctrl(self, *options):   # vip_if_ctrl: exit status, stdout, stderr
        p = subprocess.run([*self.prefix, self.build + "/vip_if_ctrl", *options], env=self.env, capture_output=True, text=True, timeout=LONG)
        return p.returncode, p.stdout, p.stderr

    def logs(self):             # texts said since it was asked last
        got = [o["text"] for o in self.said if "log" in o]
        self.said = [o for o in self.said if "log" not in o]
        return got

    def drain(self):            # what was said until it closed the line
        while self.take(time.monotonic() + LONG):
            pass

    def kill(self):             # as a crash
        self.p.send_signal(signal.SIGKILL)
        self.p.wait(LONG)
        self.p.stderr.close()
        self.s.close()

    def end(self, keep=False):  # as heart does: the line ends.  Returns the exit status and what was said on stderr
        self.s.close()
        err = self.p.communicate(timeout=LONG)[1].decode()
        if not keep:
            shutil.rmtree(self.dir)
        return self.p.returncode, err

    def once(self, what):       # vipd --set ...: exit status, stdout, stderr
        p = subprocess.run([self.build + "/vipd", "-m", self.module, "--" + what], env=self.env, capture_output=True, text=True, timeout=LONG)
        return p.returncode, p.stdout, p.stderr


class Wire:                     # frames of a device of another network namespace, and when they came there
    def __init__(self, pid, dev):
        def open_there():
            here = os.open("/proc/self/ns/net", os.O_RDONLY)
            there = os.open("/proc/%d/ns/net" % pid, os.O_RDONLY)
            setns(there)
            try:
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                s.bind((dev, 0))
            finally:
                setns(here)
                os.close(here)
                os.close(there)
            return s
        self.s = open_there()
        self.s.setsockopt(socket.SOL_SOCKET, 35, 1)     # SO_TIMESTAMPNS
        self.frames = []

    def recv(self):
        frame, anc, _, _ = self.s.recvmsg(2048, 64)
        sec, ns = struct.unpack("qq", anc[0][2][:16])
        return sec + ns / 1e9, frame

    def collect(self, enough, seconds=LONG):    # until enough(frames) is true of all frames so far
        end = time.monotonic() + seconds
        while not enough(self.frames):
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.s.settimeout(left)
            try:
                self.frames.append(self.recv())
            except TimeoutError:
                return False
        return True

    def take(self):             # what has come so far
        self.s.setblocking(False)
        try:
            while True:
                self.frames.append(self.recv())
        except BlockingIOError:
            pass
        got, self.frames = self.frames, []
        return got

    def close(self):
        self.s.close()


def setns(fd):
    import ctypes
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def garp(ip, mac=None):         # is it a gratuitous ARP for ip (which says mac)
    want = socket.inet_aton(ip)

    def is_it(f):
        f = f[1]
        return f[:6] == b"\xff" * 6 and f[12:14] == b"\x08\x06" and f[28:32] == want and f[38:42] == want and \
            (mac is None or f[22:28] == mac)
    return is_it


def advert(ip, mac=None):       # an unsolicited neighbour advertisement
    want = socket.inet_pton(socket.AF_INET6, ip)

    def is_it(f):
        f = f[1]
        return f[12:14] == b"\x86\xdd" and f[20] == 58 and f[54] == 136 and f[62:78] == want and f[58] & 0x20 != 0 and \
            f[38:54] == socket.inet_pton(socket.AF_INET6, "ff02::1") and (mac is None or f[80:86] == mac)
    return is_it


def seen(frames, is_it):
    return [f for f in frames if is_it(f)]
