#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bench of safemail: latency of a mail, a burst, a queue that drains.

  bench_mail.py BUILDDIR [--events N] [--burst N] [--queue N]

Feeds a journal through systemd-journal-remote and takes mails with an SMTP server of its own (asyncio, answers at once, keeps nothing).
Prints what was measured beside the target of issue 6; the status is 1 when a target was missed or an event was lost.
"""
import argparse
import asyncio
import email
import email.policy
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

REMOTE = "/lib/systemd/systemd-journal-remote"
ap = argparse.ArgumentParser()
ap.add_argument("build")
ap.add_argument("--events", type=int, default=300)
ap.add_argument("--burst", type=int, default=100000)
ap.add_argument("--queue", type=int, default=10000)
ap.add_argument("--journald", action="store_true", help="only that: latency through systemd-journald, in a mount namespace that the caller made")
args = ap.parse_args()
MISSED = []


class Box(threading.Thread):
    """An SMTP server in a thread: mails with the time when their 250 was sent."""

    def __init__(self):
        super().__init__(daemon=True)
        self.mails, self.port, self.ready = [], None, threading.Event()
        self.start()
        self.ready.wait()

    async def session(self, reader, writer):
        async def say(text):
            writer.write(text.encode() + b"\r\n")
            await writer.drain()
        await say("220 bench")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                await say("250-bench\r\n250 8BITMIME")
            elif word == b"DATA":
                await say("354 go on")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append((time.time(), data))
                await say("250 taken")
            elif word == b"QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")
        writer.close()

    def run(self):
        async def serve():
            server = await asyncio.start_server(self.session, "127.0.0.1", 0, limit=1 << 26)
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
            await server.serve_forever()
        asyncio.run(serve())


class World:
    """A journal, a box and a safemail in a folder of their own."""

    def __init__(self, rule, box=None):
        self.dir = tempfile.mkdtemp(prefix="bench_mail")
        self.box = box
        self.mail = None
        os.mkdir(self.dir + "/journal")
        self.remote = subprocess.Popen([REMOTE, "-o", self.dir + "/journal/live.journal", "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.configure(box.port if box else 9, rule)

    def configure(self, port, rule, source=None):
        with open(self.dir + "/conf", "w", encoding="utf-8") as f:
            f.write("[server]\nhost = 127.0.0.1\nport = %d\ntls = none\n[mail]\nfrom = a@example.org\nnode = node1\nqueue-max = 1000000\n"
                    "source = %s\n[rule bench]\nto = b@example.org\nmax-per-hour = 0\n%s\n" % (port, source or "journal:%s/journal" % self.dir, rule))

    def start(self):
        self.mail = subprocess.Popen([args.build + "/safemail", "--no-drop", "-c", self.dir + "/conf", "-d", self.dir + "/spool"],
                                     stderr=open(self.dir + "/log", "a", encoding="utf-8"))
        until(lambda: self.sql("SELECT value FROM meta WHERE name='cursor'"))

    def sql(self, text):
        try:
            with sqlite3.connect(self.dir + "/spool/spool.db", timeout=10) as db:
                return db.execute(text).fetchall()
        except sqlite3.OperationalError:
            return []

    def entries(self, numbers, level="C", key=533):
        out = []
        for n in numbers:
            us = int(time.time() * 1e6)
            out.append("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_UID=0\n"
                       "SYSLOG_IDENTIFIER=safekit\nNODE=node1\nMODULE=m%d\nORIGIN=heart\nLEVEL=%s\nKEY=%d\nTIME_US=%d\nMESSAGE=event %d of a bench\n\n"
                       % (us, us, n % 10, level, key, us, n))
        self.remote.stdin.write("".join(out).encode())
        self.remote.stdin.flush()

    def memory(self):
        with open("/proc/%d/status" % self.mail.pid, encoding="utf-8") as f:
            text = f.read()
        return {k: int(re.search(k + r":\s+(\d+) kB", text).group(1)) / 1024 for k in ("VmHWM", "RssAnon")}

    def stop(self):
        if self.mail:
            self.mail.send_signal(signal.SIGTERM)
            self.mail.wait()
        self.remote.stdin.close()
        self.remote.terminate()
        self.remote.wait()
        shutil.rmtree(self.dir)


def until(ask, seconds=120.0):
    end = time.time() + seconds
    while not ask():
        if time.time() > end:
            sys.exit("bench_mail: waited %d s in vain" % seconds)
        time.sleep(0.005)


def text_of(data):
    return email.message_from_bytes(data, policy=email.policy.default).get_body(("plain",)).get_content()


def row(what, got, target, good):
    print("%-58s %-22s %-22s %s" % (what, got, target, "" if good else "MISSED"))
    if not good:
        MISSED.append(what)


def latency():
    world = World("window = 0", Box())
    world.start()
    took = []
    for n in range(args.events):
        before = time.time()
        world.entries([n])
        until(lambda: len(world.box.mails) > n)
        took.append(world.box.mails[n][0] - before)
    world.stop()
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    row("event to mail handed over, window 0: p50 / p99 / max", "%.1f / %.1f / %.1f ms" % (p50 * 1e3, p99 * 1e3, took[-1] * 1e3), "p99 < 1000 ms", p99 < 1)


def journald():
    """What a server has: the engine's datagram to journald, which wakes its readers at most four times a second."""
    os.makedirs("/run/systemd/journal")
    os.makedirs("/run/log")
    daemon = subprocess.Popen(["/lib/systemd/systemd-journald"], stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists("/run/systemd/journal/socket"))
    world = World("window = 0", Box())
    world.configure(world.box.port, "window = 0", "journal")
    world.start()
    took = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        for n in range(args.events // 3):
            before = time.time()
            s.sendto(b"MESSAGE=event %d\nSYSLOG_IDENTIFIER=safekit\nPRIORITY=2\nNODE=node1\nMODULE=m\nLEVEL=C\nORIGIN=heart\nKEY=533\n" % n,
                     "/run/systemd/journal/socket")
            until(lambda: len(world.box.mails) > n)
            took.append(world.box.mails[n][0] - before)
    world.stop()
    daemon.terminate()
    daemon.wait()
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    row("  through systemd-journald", "%.1f / %.1f / %.1f ms" % (p50 * 1e3, p99 * 1e3, took[-1] * 1e3), "p99 < 1000 ms", p99 < 1)


def burst():
    world = World("window = 5s\nrows = 200", Box())
    world.start()
    base = world.memory()["RssAnon"]
    begin = time.time()
    for n in range(0, args.burst, 1000):
        world.entries(range(n, n + 1000), *(("C", 533) if n % 2000 else ("E", 512)))

    def told():
        return sum(int(re.search(r"The following (\d+) noteworthy", text_of(data)).group(1)) for _, data in list(world.box.mails))
    until(lambda: told() >= args.burst)
    span = world.box.mails[-1][0] - begin
    memory = world.memory()
    texts = [text_of(data) for _, data in world.box.mails]
    summed = sum(int(n) for t in texts for n in re.findall(r"^  (\d+) x ", t, re.M))
    rows = sum(len(re.findall(r"^node1 ", t, re.M)) for t in texts)
    windows = int(span / 5) + 1
    row("burst of %d events: mails per window of 5 s" % args.burst, "%d mails in %.1f s" % (len(texts), span), "at most 2 a window", len(texts) <= 2 * windows)
    row("  rows + summed up = events", "%d + %d" % (rows, summed), str(args.burst), rows + summed == args.burst)
    row("  memory of its own: before, after", "%.1f, %.1f MB" % (base, memory["RssAnon"]), "bounded: < 20 MB", memory["RssAnon"] < 20)
    row("  peak resident, the journal's mapped files included", "%.1f MB" % memory["VmHWM"], "", True)
    world.stop()


def drain():
    world = World("window = 0")
    world.start()
    world.entries([0])
    until(lambda: world.sql("SELECT count(*) FROM delivery") == [(1,)])
    world.mail.terminate()
    world.mail.wait()
    with sqlite3.connect(world.dir + "/spool/spool.db") as db:
        mail = db.execute("SELECT made_us,rule,sender,subject,tells,data,message_id FROM mail").fetchone()
        for n in range(2, args.queue + 1):
            mid = "bench.%d@node1" % n
            data = mail[5].replace(mail[6].encode(), mid.encode())
            rowid = db.execute("INSERT INTO mail(made_us,rule,sender,subject,tells,data,message_id) VALUES(?,?,?,?,?,?,?)", mail[:5] + (data, mid)).lastrowid
            db.execute("INSERT INTO delivery(mail,recipient) VALUES(?,'b@example.org')", (rowid,))
        db.execute("UPDATE delivery SET next_us=0")
    world.box = Box()
    world.configure(world.box.port, "window = 0")
    begin = time.time()
    world.start()
    until(lambda: len(world.box.mails) >= args.queue, 300)
    rate = args.queue / (world.box.mails[args.queue - 1][0] - begin)
    until(lambda: world.sql("SELECT count(*) FROM delivery") == [(0,)])
    ids = {re.search(rb"Message-ID: <([^>]*)>", data).group(1) for _, data in world.box.mails}
    row("%d queued mails drain" % args.queue, "%.0f mails/s" % rate, "> 200/s", rate > 200)
    row("  handed over, different ones", "%d, %d" % (len(world.box.mails), len(ids)), str(args.queue), len(world.box.mails) == len(ids) == args.queue)
    row("  memory of its own", "%.1f MB" % world.memory()["RssAnon"], "bounded: < 20 MB", world.memory()["RssAnon"] < 20)
    world.stop()


if args.journald:
    journald()
    sys.exit(1 if MISSED else 0)
print("%-58s %-22s %s" % ("", "measured", "target"), flush=True)
latency()
sys.stdout.flush()
if os.geteuid() == 0 and os.path.exists("/lib/systemd/systemd-journald"):
    inside = 'mount -t tmpfs tmpfs /run && printf "[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\n" >/run/j.conf && ' \
        'mount --bind /run/j.conf /etc/systemd/journald.conf && exec "$@"'
    if subprocess.call(["unshare", "-m", "sh", "-c", inside, "sh", sys.argv[0], args.build, "--journald", "--events", str(args.events)]) != 0:
        MISSED.append("journald")
burst()
drain()
sys.exit(1 if MISSED else 0)
