#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench_rfs.py: what file replication costs an application, beside a peer and the limit, in one lab of two servers.
#	ours	the mount of a mirror module that is PRIM, its secondary on the other server
#	peer	GlusterFS replica 2, mounted on n1, bricks on both
#	fuse	libfuse's example passthrough_ll with writeback cache, on n1's disk
#	bare	a folder of n1's disk
# All four on the same disk of n1 (and of n2).  Each work is done on each of them, in turns that begin elsewhere each time; medians are told.
#
# usage: bench_rfs.py [-r REPEATS] [-a second|none] [-s DISK] [-w WORK,...] [-o SIDE,...] [-x ATTRIBUTES] [-c]
#   works: create commit write read random untar pgbench   and, ours against rsync -a, once each: first zones memory
#   -x  more attributes of <rfs>
#   -c  each server's processes on a CPU of their own, as two machines have them
# environment: LAB_SAFE_TREE; TEST_BUILDDIR with tests/bench/bench_rfs_io (make tests/bench/bench_rfs_io); LAB_DISKS=/dev/shm keeps the machine's disk out.
# needs: glusterfs-server, libfuse3-dev, rsync, postgresql
import argparse, glob, os, re, shutil, statistics, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.realpath(__file__))
LAB = HERE + "/../lab/lab"
APP = "app"
EXAMPLE = "/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c"
SIDES = {"ours": "/srv/replicated", "peer": "/srv/glfs", "fuse": "/srv/fuse", "bare": "/srv/bare"}
BELOW = {"ours": "/srv/replicated_For_SafeKit_Replication", "peer": "/srv/brick", "fuse": "/srv/fuse_below", "bare": "/srv/bare"}
UNITS = {"create": "files/s", "stat": "/s", "commit": "/s", "write": "MB/s", "read": "MB/s", "random": "/s", "untar": "s", "pgbench": "tps"}


class Bench:
    def __init__(self, args):
        self.args = args
        self.dir = tempfile.mkdtemp(prefix="bench-rfs-")
        os.chmod(self.dir, 0o755)
        self.io = os.environ.get("TEST_BUILDDIR", HERE + "/../../build/check") + "/tests/bench/bench_rfs_io"
        self.sides = [s for s in args.o.split(",")]
        self.bin = (sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [""])[-1]

    def lab(self, *words, **more):
        done = subprocess.run([LAB] + list(words), env=dict(os.environ, LAB_DIR=self.dir), stdin=subprocess.DEVNULL, capture_output=True, text=True, **more)
        if done.returncode:
            raise SystemExit("lab %s: status %d: %s%s" % (" ".join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout.strip()

    def on(self, node, *cmd):
        own = ["taskset", "-c", str(self.cpu(node))] if self.args.c else []
        return self.lab("exec", node, "--", *own, *cmd)

    def cpu(self, node):
        cpus = sorted(os.sched_getaffinity(0))
        return cpus[(int(node[1:]) - 1) % len(cpus)]

    def own_cpu(self, node):
        """of what runs there already; what comes later inherits it"""
        net, own = self.lab("exec", node, "--", "readlink", "/proc/self/ns/net"), {self.cpu(node)}
        for task in glob.glob("/proc/[0-9]*/task/[0-9]*"):
            try:
                if os.readlink(task + "/ns/net") == net:
                    os.sched_setaffinity(int(task.rsplit("/", 1)[1]), own)
            except OSError:
                pass        # it is gone

    def sh(self, node, text):
        return self.on(node, "sh", "-c", text)

    def sk(self, node, *words):
        return self.on(node, "safekit", *words, "-m", APP)

    # ---- the four sides ----

    def up_ours(self):
        xml = """<?xml version="1.0" encoding="UTF-8"?>
<safe><service mode="mirror" maxloop="100"><heart><heartbeat name="default"/><heartbeat name="net2" ident="flow"/></heart>
<rfs async="%s" %s><replicated dir="/srv/replicated" mode="read_only"/></rfs><user/></service></safe>
""" % (self.args.a, self.args.x)
        module = self.dir + "/module"
        os.makedirs(module + "/conf")
        os.makedirs(module + "/bin")
        with open(module + "/conf/userconfig.xml", "w") as f:
            f.write(xml)
        for node in ("n1", "n2"):
            self.on(node, "mkdir", "-p", SIDES["ours"])
            self.on(node, "safekit", "module", "install", "-m", APP, module)
            self.sk(node, "config")
        self.sk("n1", "prim")
        self.sk("n1", "waitstate", "ALONE", "-t", "60")
        self.sk("n2", "second")
        self.whole()

    def whole(self):
        self.sk("n2", "waitstate", "SECOND", "-t", "3600")
        self.sk("n1", "waitstate", "PRIM", "-t", "60")

    def up_peer(self):
        for node in ("n1", "n2"):
            self.sh(node, "mkdir -p /srv/gluster/lib /srv/gluster/log /srv/brick /srv/glfs && mount --bind /srv/gluster/lib /var/lib/glusterd && "
                          "mount --bind /srv/gluster/log /var/log/glusterfs && glusterd -p /run/glusterd.pid -l /srv/gluster/log/glusterd.log")
        self.sh("n1", "until gluster --mode=script peer probe 10.2.0.12; do sleep 0.2; done; until gluster peer status | grep -q Connected; do sleep 0.2; done")
        self.sh("n1", "until gluster --mode=script volume create v replica 2 10.2.0.11:/srv/brick 10.2.0.12:/srv/brick force; do sleep 0.2; done; "
                      "gluster --mode=script volume start v && mount -t glusterfs 10.2.0.11:/v /srv/glfs")
        self.sh("n1", "until echo x >/srv/glfs/x && sleep 0.2 && [ -e /srv/brick/x ]; do :; done")
        self.sh("n2", "[ -e /srv/brick/x ]")

    def up_fuse(self):
        program = self.dir + "/passthrough_ll"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True).stdout.split()
        subprocess.run(["gcc", "-O2", "-w", "-o", program, EXAMPLE] + flags, check=True)
        self.sh("n1", "mkdir -p /srv/fuse /srv/fuse_below && setsid -f %s -f -o writeback,cache=auto,allow_other,source=/srv/fuse_below /srv/fuse "
                      "</dev/null >%s/n1/log/fuse.log 2>&1; until findmnt /srv/fuse; do sleep 0.05; done" % (program, self.dir))

    def up_bare(self):
        self.on("n1", "mkdir", "-p", "/srv/bare")

    def up(self):
        self.lab("up", "-n", "2", "-l", "2", "-s", self.args.s)
        for node in ("n1", "n2") if self.args.c else ():
            self.own_cpu(node)
        for side in self.sides:
            getattr(self, "up_" + side)()

    # ---- works: each gives a number ----

    def quiet(self):
        for node in ("n1", "n2"):
            self.on(node, "sync", "-f", "/srv")

    def w_create(self, side, rep):
        n = self.run_io("create", "%s/c%d" % (SIDES[side], rep), str(self.args.files), "4096")
        self.on("n1", "rm", "-rf", "%s/c%d" % (SIDES[side], rep))
        return n

    def run_io(self, *words):
        return float(self.on("n1", self.io, *words))

    def w_commit(self, side, rep):
        return self.run_io("commit", SIDES[side] + "/commit", "3000", "4096")

    def w_write(self, side, rep):
        path = SIDES[side] + "/write"
        self.sh("n1", "rm -f %s" % path)
        return self.run_io("write", path, str(self.args.mib))

    def drop(self, side, name):
        for node in ("n1", "n2"):
            for folder in (SIDES[side], BELOW[side]):
                if node == "n1" or folder == BELOW[side] and side in ("ours", "peer"):
                    self.on(node, self.io, "drop", "%s/%s" % (folder, name))

    def big(self, side):
        if self.sh("n1", "stat -c %%s %s/write 2>/dev/null || echo 0" % SIDES[side]) != str(self.args.mib << 20):
            self.w_write(side, 0)

    def w_read(self, side, rep):
        self.big(side)
        self.drop(side, "write")
        return self.run_io("read", SIDES[side] + "/write")

    def w_random(self, side, rep):
        self.big(side)
        self.drop(side, "write")
        return self.run_io("random", SIDES[side] + "/write", "20000", "4096")

    def w_untar(self, side, rep):
        archive = self.dir + "/source.tar"
        if not os.path.exists(archive):
            top = HERE + "/../.."
            files = subprocess.run("git -C %s ls-files | head -n 305" % top, shell=True, capture_output=True, text=True).stdout.split()
            subprocess.run(["tar", "-C", top, "-cf", archive] + files, check=True)
        to = SIDES[side] + "/u"
        out = self.sh("n1", "mkdir %s; s=$(date +%%s%%N); tar -C %s -xf %s; e=$(date +%%s%%N); rm -rf %s; echo $((e - s))" % (to, to, archive, to))
        return int(out) / 1e9

    def postgres(self, *words):
        return self.on("n1", "runuser", "-u", "postgres", "--", *words)

    def w_pgbench(self, side, rep):
        data = SIDES[side] + "/pg"
        if self.sh("n1", "[ -e %s/PG_VERSION ] && echo 1 || echo" % data) == "":
            self.sh("n1", "mkdir -m 700 %s && chown postgres %s && chown postgres /run/postgresql 2>/dev/null || { mkdir -p /run/postgresql; chown postgres /run/postgresql; }" % (data, data))
            self.postgres(self.bin + "/initdb", "-D", data, "-A", "trust", "-U", "postgres")
            self.sh("n1", "printf \"listen_addresses=''\\nunix_socket_directories='/run/postgresql'\\nshared_buffers=128MB\\n\" >>%s/postgresql.conf" % data)
            self.pg("start", data)
            self.postgres(self.bin + "/pgbench", "-i", "-q", "-s", "10", "-h", "/run/postgresql", "postgres")
        else:
            self.pg("start", data)
        out = self.postgres(self.bin + "/pgbench", "-c", "8", "-j", "2", "-T", str(self.args.seconds), "-h", "/run/postgresql", "postgres")
        self.pg("stop", data)
        return float(re.search(r"^tps = ([0-9.]+)", out, re.M).group(1))

    def pg(self, word, data):
        self.sh("n1", "runuser -u postgres -- %s/pg_ctl -s -w -D %s -l /run/postgresql/%s.log %s </dev/null >/dev/null 2>&1" % (self.bin, data, os.path.basename(os.path.dirname(data)), word))

    # ---- once each ----

    def seconds(self, f):
        t = time.monotonic()
        f()
        return time.monotonic() - t

    def rsync(self):
        """of n1's folder below the mount to an empty one of n2, by rsync's own daemon over the same network"""
        conf = self.dir + "/rsyncd.conf"
        with open(conf, "w") as f:
            f.write("uid = root\ngid = root\nuse chroot = no\n[to]\npath = /srv/rsync\nread only = no\n")
        self.sh("n2", "rm -rf /srv/rsync; mkdir /srv/rsync; [ -e /run/rsyncd.pid ] || rsync --daemon --config=%s --dparam=pidfile=/run/rsyncd.pid" % conf)
        t = self.seconds(lambda: self.on("n1", "rsync", "-a", "--exclude=/.safekit_rfs", BELOW["ours"] + "/", "rsync://10.2.0.12/to/"))
        t += self.seconds(lambda: self.on("n2", "sync", "-f", "/srv"))
        self.on("n2", "rm", "-rf", "/srv/rsync")
        return t

    def restart_empty(self, make):
        self.sk("n2", "stop")
        self.sk("n2", "waitstate", "STOP", "-t", "60")
        self.sk("n1", "waitstate", "ALONE", "-t", "60")
        self.sh("n1", "rm -rf /srv/replicated/*")
        self.sh("n2", "rm -rf /srv/replicated/*")
        make()
        self.quiet()

    def synced(self, *how):
        def go():
            self.sk("n2", *how)
            self.whole()
        t = self.seconds(go)
        copied = [l for l in self.sk("n2", "log", "-A", "-s", "40").split("\n") if "Copied" in l]
        return t, re.sub(r"^.*\| ", "", copied[-1]) if copied else "nothing copied"

    def once_first(self):
        for name, make in (("100,000 files of 1 KiB", lambda: [self.run_io("create", "/srv/replicated/f%d" % i, "10000", "1024") for i in range(10)]),
                           ("one file of %d MiB" % self.args.g, lambda: self.run_io("write", "/srv/replicated/big", str(self.args.g)))):
            ours, theirs = [], []
            for _ in range(3 if self.args.r >= 3 else 1):
                self.restart_empty(make)
                t, text = self.synced("second", "fullsync")
                ours.append(t)
                theirs.append(self.rsync())
            a, b = statistics.median(ours), statistics.median(theirs)
            print("first synchronisation, %s: ours %.2f s, rsync -a %.2f s, ratio %.2f   (%s; ours %s, rsync %s)" %
                  (name, a, b, b / a, text, ["%.1f" % x for x in ours], ["%.1f" % x for x in theirs]), flush=True)

    def once_zones(self):
        big, zone = "/srv/replicated/big", 8 << 20
        if self.sh("n1", "stat -c %%s %s 2>/dev/null || echo 0" % big) != str(self.args.g << 20):
            self.run_io("write", big, str(self.args.g))
        for zones in (1, 10, 100):
            self.sk("n2", "stop")
            self.sk("n1", "waitstate", "ALONE", "-t", "60")
            zones = min(zones, (self.args.g << 20) // zone)
            self.on("n1", "python3", "-c", "import os\nfd = os.open('%s', os.O_RDWR)\nfor i in range(%d): os.pwrite(fd, os.urandom(4096), i * %d + 5000)\nos.fsync(fd)" % (big, zones, zone))
            t, text = self.synced("start")
            print("resynchronisation after a write in %d zones of 8 MiB of a %d MiB file: %.2f s   (%s)" % (zones, self.args.g, t, text), flush=True)

    def rss(self, node):
        """KiB of anonymous and shared memory of rfsd's processes"""
        out, place = {}, "%s/%s/safe/private/bin/rfsd" % (self.dir, node)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink("/proc/%s/exe" % pid) == place:
                    with open("/proc/%s/cmdline" % pid, "rb") as f:
                        name = "worker" if b"--worker" in f.read() else "keeper"
                    with open("/proc/%s/smaps_rollup" % pid) as f:
                        out[name] = int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
            except OSError:
                pass
        return out

    def peak(self, go):
        """the most that each node's processes had while go() ran; and what go() gave"""
        most, stop = {"n1": {}, "n2": {}}, threading.Event()

        def look():
            while not stop.wait(0.05):
                for node in most:
                    for name, kib in self.rss(node).items():
                        most[node][name] = max(kib, most[node].get(name, 0))
        t = threading.Thread(target=look)
        t.start()
        try:
            got = go()
        finally:
            stop.set()
            t.join()
        return most, got

    def once_memory(self):
        files = self.args.memory
        self.restart_empty(lambda: None)
        self.synced("start")
        before = {node: self.rss(node) for node in ("n1", "n2")}

        def tell(what, now):
            for node in before:
                more = (now[node].get("worker", 0) + now[node].get("keeper", 0) - sum(before[node].values())) / 1024
                print("memory, %d files, %s, %s: %s KiB, %.0f MB more than with none: %.0f MB per million files (limit 300)" %
                      (files, what, {"n1": "primary", "n2": "secondary"}[node], now[node], more, more * 1e6 / files), flush=True)

        def make():
            for i in range(files // 10000):
                self.run_io("create", "/srv/replicated/m%d" % i, "10000", str(self.args.memory_bytes))
        most, _ = self.peak(make)
        tell("while they are made", most)
        self.sk("n2", "stop")
        self.sk("n1", "waitstate", "ALONE", "-t", "60")
        self.sh("n2", "rm -rf /srv/replicated/*")
        most, (t, text) = self.peak(lambda: self.synced("second", "fullsync"))
        tell("while all are copied to an empty folder (%.1f s)" % t, most)
        tell("afterwards", {node: self.rss(node) for node in before})
        self.sk("n2", "stop")
        self.sk("n1", "waitstate", "ALONE", "-t", "60")
        most, (t, text) = self.peak(lambda: self.synced("second", "fullsync"))
        tell("while all are compared (%.1f s)" % t, most)

    # ---- the table ----

    def table(self, works):
        results = {(w, s): [] for w in works for s in self.sides}
        for rep in range(self.args.r):
            for w in works:
                turn = rep % len(self.sides)
                for side in self.sides[turn:] + self.sides[:turn]:
                    self.quiet()
                    results[w, side].append(getattr(self, "w_" + w)(side, rep))
                print("# %d %s: %s" % (rep + 1, w, "  ".join("%s %.4g" % (x, results[w, x][-1]) for x in self.sides)), flush=True)
        print("\n%-8s %-8s" % ("work", "") + "".join("%12s" % s for s in self.sides) + "   ours/peer  ours/fuse  (medians of %d, async=%s; spread min..max below)" % (self.args.r, self.args.a))
        for w in works:
            m = {s: statistics.median(results[w, s]) for s in self.sides}
            line = "%-8s %-8s" % (w, UNITS[w]) + "".join("%12.4g" % m[s] for s in self.sides)
            for other in ("peer", "fuse"):
                if "ours" in m and other in m:
                    line += "%10.2f" % (m[other] / m["ours"] if UNITS[w] == "s" else m["ours"] / m[other])
            print(line)
            print("%17s" % "" + "".join("%12s" % ("%.3g..%.3g" % (min(results[w, s]), max(results[w, s]))) for s in self.sides), flush=True)

    def run(self):
        words = self.args.w.split(",")
        once = [w for w in words if hasattr(self, "once_" + w)]
        works = [w for w in words if hasattr(self, "w_" + w)]
        try:
            self.up()
            if works:
                self.table(works)
            for w in once:
                getattr(self, "once_" + w)()
        finally:
            if not self.args.k:
                subprocess.run([LAB, "down"], env=dict(os.environ, LAB_DIR=self.dir))
                shutil.rmtree(self.dir, ignore_errors=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("-r", type=int, default=5)
    p.add_argument("-a", choices=["second", "none"], default="second")
    p.add_argument("-s", default="12G")
    p.add_argument("-w", default="create,commit,write,read,random,untar,pgbench,first,zones,memory")
    p.add_argument("-o", default="ours,peer,fuse,bare")
    p.add_argument("-g", type=int, default=4096, help="MiB of the big file of first and zones")
    p.add_argument("-x", default="")
    p.add_argument("-c", action="store_true", help="each server has one CPU of its own")
    p.add_argument("--files", type=int, default=10000, help="of create")
    p.add_argument("--mib", type=int, default=1024, help="of write, read, random")
    p.add_argument("--memory", type=int, default=200000, help="files of memory")
    p.add_argument("--memory-bytes", type=int, default=0, help="bytes of each of them")
    p.add_argument("--seconds", type=int, default=15, help="of pgbench")
    p.add_argument("-k", action="store_true", help="leave the lab up")
    Bench(p.parse_args()).run()


main()
