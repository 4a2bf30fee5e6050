#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# heart_rfs.py: plays safeadmin for real hearts whose rfsd is fake_rfsd.  Started by t-rfs.
import json, os, re, signal, socket, time
import heart_lib
from heart_lib import LONG, ok, eq, run

DIR = "/tmp/t-rfs-no-such-folder/a"
MIRROR = ('<safe><service mode="mirror"><heart pulse="100" timeout="500"><heartbeat name="l"/></heart>'
          '<rfs%s><replicated dir="' + DIR + '"/></rfs><user/></service></safe>')
PLAIN = '<safe><service mode="mirror"><heart pulse="100" timeout="500"><heartbeat name="l"/></heart><user/></service></safe>'
FORCED = ["stop_sec force", "stop_prim force", "stop_second force", "stop_both force"]


class Heart(heart_lib.Heart):
    fake = "rfsd"
    scripts = heart_lib.Heart.scripts + ("start_sec", "stop_sec")

    def __init__(self, attrs="", mode="", node=0, xml=None, silence=2000):
        super().__init__(xml or MIRROR % attrs, mode, node)
        self.env["SAFE_RFS_SILENCE"] = str(silence)
        self.env["TRACE"] = self.trace
        self.told = []

    def say(self, **obj):       # to heart, in the name of its rfsd
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendto(json.dumps(obj).encode(), self.dir + "/say")
        s.close()

    def state_file(self, **resources):
        with open(self.dir + "/state.new", "w") as f:
            json.dump({k.replace("__", "."): v for k, v in resources.items()}, f)
        os.rename(f.name, self.dir + "/state")

    def take(self, end):
        o = super().take(end)
        if o is not None and "told" in o:
            self.told.append(o)
        return o

    def pid(self):
        return int([x for x in self.lines() if x.startswith("born")][-1].split()[1])

    def has(self, name, value):
        return self.until(lambda: self.resources.get(name) == value)

    def rests(self):            # rfsd has ended
        return self.until(lambda: not any(os.path.exists("/proc/%d" % int(x.split()[1])) for x in self.lines() if x.startswith("born")))

    def born(self):             # heart is started, its first look is over
        self.start()
        self.state("STOP", "NotReady")
        self.seen("quit")
        self.rests()
        return self.news()

    def alone(self):
        self.act("start")
        good = self.state("ALONE", "Ready")
        self.news()
        return good


def without(lines, *words):
    return [x for x in lines if x.split()[0] not in words]


def order():
    h = Heart()
    eq(h.born(), ["born", "setup n2", "want off", "ack off", "quit"],
       "rfsd is started once at birth: what was left is unmounted, what it knows is told")
    eq(h.resources.get("rfs.uptodate"), "up", "its resources are in the picture in STOP, too")
    line = h.line()
    eq((line["module"], line["id"], line["node"], line["self"], line["peer"], line["var"]), ("m", 7, "n1", 0, "n2", h.var), "the setup line")
    eq(line["lan"], {"name": "l", "local": "127.0.0.1", "peer": "127.0.0.2"}, "with the lan of the replication")
    eq(line["config"], h.conf, "and the configuration")

    h.mode("off=hold")
    h.act("start")
    h.seen("want off")
    ok(h.until(lambda: "prestart" not in h.lines()) and h.report["status"] == "Transient", "prestart waits for rfsd", h.lines())
    eq(h.resources.get("rfs.uptodate"), "up", "what it told before the first answer is known")
    h.mode("alone=hold")
    ok(h.seen("want alone") and h.state("ALONE", "Transient"), "on the way to ALONE")
    h.until(lambda: False, 0.1)
    t = without(h.news(), "born", "setup")
    eq(t, ["want off", "ack off", "prestart", "want alone"], "start_prim does not run before the folder is mounted")
    h.mode("")
    ok(h.state("ALONE", "Ready"), "it is mounted: ALONE")
    eq(h.news(), ["ack alone", "start_both", "start_prim"], "then the scripts")
    h.act("restart")
    h.until(lambda: h.lines()[-1] in ("start_prim",) and len(h.lines()) - h.at >= 6) and h.state("ALONE", "Ready")
    eq([x for x in h.news() if "want" in x], [], "restart leaves the folders")
    h.mode("off=hold")
    h.act("stop")
    h.seen("want off")
    h.until(lambda: False, 0.1)
    ok(h.report["status"] == "Transient", "stop: the scripts have run, the folders are not unmounted yet", h.report)
    eq(h.news(), ["stop_prim", "stop_both"] + FORCED + ["want off"], "folders after the stop scripts, poststop after that")
    h.mode("")
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "stopped")
    eq(h.news(), ["ack off", "poststop", "quit"], "and the end of rfsd")
    eq(h.resources.get("rfs.uptodate"), "up", "what it knew stays in the picture")

    h.alone()
    h.act("stopwait")
    ok(h.until(lambda: h.report["state"] == "WAIT" and h.report["status"] == "NotReady"), "stopwait")
    eq([x for x in h.news() if x.startswith("want")], ["want off"], "unmounted in WAIT, rfsd lives on")
    h.act("stop")
    h.state("STOP", "NotReady")
    h.seen("quit")
    h.end()


def failing():
    h = Heart(mode="alone=fail")
    h.born()
    h.act("start")
    h.seen("fails alone")
    ok(h.state("STOP", "NotReady"), "a folder that cannot be mounted: the module stops")
    h.seen("quit")
    t = h.news()
    ok("start_prim" not in t and "start_both" not in t, "the application is not started", t)
    eq(t[-4:], ["want off", "ack off", "poststop", "quit"], "everything is undone")
    ok(h.logged("/a: it is gone"), "the log has the reason")
    ok("/a: it is gone" in h.report["reason"], "the report, too", h.report["reason"])
    eq(h.report["action_outcome"], "failed", "and the start has failed") if h.report["action_verb"] == "start" else ok(
        h.report["action_verb"] == "forcestop", "as a forcestop", h.report)
    h.mode("")
    ok(h.alone(), "when it can be mounted again, it starts")

    h.mode("off=fail")
    h.act("stop")
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "a folder that cannot be unmounted: the module stops all the same")
    ok(h.report["script_failures"] >= 1, "it counts as a script that failed")
    h.news()

    h.mode("")
    h.alone()
    h.mode("alone=fail")
    os.kill(h.pid(), signal.SIGKILL)
    ok(h.seen("fails alone") and h.until(lambda: "poststop" in h.lines()[h.at:]), "a rfsd that cannot go on where the former one was")
    t = h.news()
    h.mode("")
    ok(h.state("ALONE", "Ready"), "the module is stopped and started anew", h.report)
    ok(not any(x in ("start_prim", "start_both") for x in t[:t.index("poststop")]), "nothing ran on a folder that is not mounted", t)
    eq(h.report["loop_count"], 1, "counted against maxloop")
    h.act("stop")
    h.state("STOP", "NotReady")
    h.seen("quit")
    h.rests()
    os.unlink(h.safe + "/private/bin/rfsd")
    h.news()
    h.act("start")
    ok(h.logged("cannot be started"), "no rfsd at all: the log tells why")
    h.act("forcestop")
    h.until(lambda: False, 0.1)
    ok("start_prim" not in h.news(), "and nothing is started")
    h.end()


def dying():
    h = Heart()
    h.born()
    h.alone()
    h.state_file(rfs__degraded="")      # what the next one does not tell is gone
    os.kill(h.pid(), signal.SIGKILL)
    ok(h.logged("Process nfsadmin ended unexpectedly (signal 9): restarted"), "the death of rfsd is said")
    h.seen("ack alone")
    eq(h.news(), ["born", "setup n2", "want alone", "ack alone"], "the next one is told the same, no script runs")
    eq((h.report["state"], h.report["status"]), ("ALONE", "Ready"), "the module stays as it is")
    ok(h.until(lambda: "rfs.degraded" not in h.resources), "what the next one does not tell is forgotten")
    eq(h.resources.get("rfs.uptodate"), "up", "what it tells stays")

    h.mode("alone=die")
    os.kill(h.pid(), signal.SIGKILL)
    ok(h.until(lambda: sum(x.startswith("born") for x in h.lines()[h.at:]) >= 3), "one that dies of what it is told is started again and again")
    h.mode("")
    ok(h.seen("ack alone"), "until it does it")
    ok(h.report["status"] == "Ready" and h.report["loop_count"] == 0, "nothing happens to the module")

    h.news()
    h.say(out=1, why="of a want before")
    h.say(out="$seq", why="/a did not answer within 220000 ms")
    ok(h.seen("poststop") and h.state("ALONE", "Ready"), "a mount that does not answer: stopstart")
    t = h.news()
    ok(t.index("stop_prim") < t.index("want off") < t.index("poststop") < t.index("want alone"), "with the scripts", t)
    ok(any("/a did not answer" in m for m in h.logs) and h.report["loop_count"] == 1, "said and counted", h.report)

    h.news()
    h.mode("off=die")
    h.act("stop")
    ok(h.until(lambda: sum(x.startswith("born") for x in h.lines()[h.at:]) >= 2), "one that dies when it is to unmount")
    ok(h.report["status"] != "NotReady", "the module waits")
    h.mode("")
    ok(h.state("STOP", "NotReady"), "until it is done")
    h.end()


def silent():
    h = Heart(silence=400)
    h.born()
    h.mode("alone=mute ping=no")
    h.act("start")
    ok(h.logged("killed: no answer for 0 s"), "a rfsd that says nothing is killed")
    h.until(lambda: sum(x.startswith("born") for x in h.lines()[h.at:]) >= 4)
    ok(h.report["state"] == "ALONE" and h.report["status"] == "Transient" and "start_prim" not in h.lines(), "again and again, nothing starts without it")
    h.mode("alone=hold")
    h.until(lambda: "want alone" in h.lines()[h.at:])
    n = len([x for x in h.lines() if x.startswith("born")])
    h.until(lambda: False, 2)
    ok(len([x for x in h.lines() if x.startswith("born")]) <= n + 1, "one that answers pings has all the time that it needs", h.lines())
    h.mode("")
    ok(h.state("ALONE", "Ready"), "and then the module starts")
    h.news()
    h.mode("alone=hang")
    os.kill(h.pid(), signal.SIGSTOP)
    ok(h.until(lambda: any(x.startswith("born") for x in h.lines()[h.at:])), "one that hangs without an order is found by its pings")
    h.mode("")
    h.seen("ack alone")
    ok(h.report["status"] == "Ready", "the module does not notice")
    h.news()
    h.mode("off=hang")
    h.act("stop")
    h.until(lambda: sum(x == "hangs" for x in h.lines()[h.at:]) >= 4)
    ok(h.report["status"] == "Transient" and "poststop" not in h.lines(), "a stop does not go on while the folders are mounted", h.report)
    h.act("forcestop")
    ok(h.state("STOP", "NotReady"), "forcestop does")
    ok(h.logged("replicated directories may still be mounted"), "and says so")
    h.mode("")
    ok(h.seen("quit"), "rfsd is tried again until it is done")
    h.end()


def pictures():
    h = Heart(' syncat="1 0 * * *"')
    h.born()
    r = h.ask("set", resource="rfs.syncat", value="up", by="test")
    eq((r["ok"], r.get("code")), (False, "refused"), "set rfs.syncat in STOP is refused")
    h.alone()
    h.say(resource="rfs_bandwidth.replication", value="123", by="nfsbox", why="")
    ok(h.has("rfs_bandwidth.replication", "123"), "a resource of rfsd is published")
    ok(not any("rfs_bandwidth" in m for m in h.logs), "without a row in the log")
    h.say(resource="rfs.degraded", value="up", by="nfsadmin", why="it is out of order", log=True)
    ok(h.logged("Resource rfs.degraded set to up by nfsadmin"), "where it is worth one, there is one")
    h.say(**{"resource-gone": "rfs_bandwidth.replication"})
    ok(h.until(lambda: "rfs_bandwidth.replication" not in h.resources), "one that is gone")
    for name in ("custom.a", "state.local", "heartbeat.l", "rfs.*", "rfs", "rfs.a b", "usersetting.failover", "rfs." + "x" * 200):
        h.say(resource=name, value="up", by="nfsadmin")
    h.say(resource="rfs.uptodate", value="x" * 300, by="nfsadmin")
    h.say(resource="rfs.x", value="", by="nfsadmin")
    h.say(resource="rfs.uptodate", value=7, by="nfsadmin")
    h.say(resource="rfs.last", value="1", by="nfsadmin")
    h.has("rfs.last", "1")
    eq(sorted(x for x in h.resources if x.startswith(("custom", "rfs"))), ["rfs.degraded", "rfs.last", "rfs.lastprimstate", "rfs.swapping", "rfs.uptodate"],
       "what is not rfsd's is not taken from it")
    eq(h.resources["state.local"], "ALONE", "nor overwritten")
    h.say(log=621, origin="reintegre", text="Copied 17 files")
    ok(h.logged("Copied 17 files"), "what it logs is handed on")

    h.say(progress={"dir": DIR, "phase": "copy", "files": 3, "files_total": 9, "bytes": 42 << 30, "bytes_total": 100 << 30, "sent": 5,
                    "rate_kbs": 77, "left_s": 30})
    ok(h.has("rfs_sync.left", "30 s"), "progress is published")
    eq({k[9:]: v for k, v in h.resources.items() if k.startswith("rfs_sync.")},
       {"phase": "copy", "dir": DIR, "files": "3/9", "bytes": "%d/%d" % (42 << 30, 100 << 30), "sent": "5", "rate": "77 KB/s", "progress": "42 %",
        "left": "30 s"}, "as resources")
    e = h.ask("explain")["explain"]["rfs"]
    eq((e["role"], e["progress"]["progress"], e["process"]), ("alone", "42 %", True), "and explained")
    h.say(progress={"phase": ""})
    ok(h.until(lambda: not any(x.startswith("rfs_sync") for x in h.resources)), "gone when it is over")
    for bad in ({"phase": 7}, {"phase": "x", "bytes": -1, "bytes_total": "x"}, {}, {"phase": "x", "left_s": [], "dir": {}}):
        h.say(progress=bad)
    h.say(progress=7)
    h.say(progress={"phase": ""})

    r = h.ask("set", resource="rfs.syncat", value="up", by="test")
    ok(r["ok"] and h.seen("set rfs.syncat up test") and h.has("rfs.syncat", "up"), "set rfs.syncat goes to rfsd, which publishes it")
    for name in ("rfs.uptodate", "rfs.degraded", "usersetting.rfssyncmode", "rfs_bandwidth.replication", "rfs_sync.left"):
        r = h.ask("set", resource=name, value="up", by="test")
        eq((r["ok"], r.get("code")), (False, "refused"), "set %s is refused" % name)
    r = h.ask("set", resource="rfs.syncat", value="perhaps", by="test")
    eq((r["ok"], r.get("code")), (False, "usage"), "set rfs.syncat to something else")
    ok(h.ask("set", resource="custom.a", value="up", by="test")["ok"], "others may be set")

    h.s.close()                         # safeadmin begins anew
    h.resources, h.buf = {}, b""
    h.accept()
    ok(h.has("rfs.uptodate", "up"), "the resources are published anew to another safeadmin")
    h.act("stop")
    h.state("STOP", "NotReady")
    h.seen("quit")
    h.rests()
    h.ask("setup", setup=dict(h.setup(), signature="cd" * 32, module=h.runform(PLAIN)))
    ok(h.until(lambda: not any(x.startswith("rfs") for x in h.resources)), "a configuration without <rfs>: they are gone", h.resources)
    h.news()
    h.act("start")
    ok(h.state("ALONE", "Ready"), "which starts")
    eq(h.news(), ["prestart", "start_both", "start_prim"], "without rfsd")
    r = h.ask("rfs", verb="policy", by="test")
    eq((r["ok"], r.get("code")), (False, "refused"), "nothing to synchronise there")
    eq(h.ask("action", verb="prim", by="test", options={"fullsync": True}).get("code"), "refused", "nor fully")
    h.end()


def questions():
    h = Heart()
    h.born()
    r = h.ask("rfs", verb="policy", by="test", words=[])
    eq((r["ok"], r.get("text")), (True, "policy "), "rfssync in STOP is answered")
    h.seen("quit")
    h.rests()
    eq(sorted(h.news()), sorted(["born", "setup n2", "want off", "ack off", "policy ", "quit"]), "by a rfsd that is started for it")
    r = h.ask("rfs", verb="verify", by="test")
    eq((r["ok"], r.get("code")), (False, "refused"), "verify is for the secondary")
    eq(h.ask("rfs", verb="diff", by="test").get("code"), "refused", "diff for ALONE")
    eq(h.ask("rfs", verb="fly", by="test").get("code"), "usage", "no such verb")
    h.alone()
    h.told = []
    r = h.ask("rfs", verb="policy", by="test", words=["external", "prim", "disk 7"])
    eq((r["ok"], r.get("text")), (True, "policy external prim disk 7"), "rfssync")
    eq(h.told, [], "nothing is told between where it was not asked for")
    h.mode("policy=fail")
    r = h.ask("rfs", verb="policy", by="test", words=["full"])
    eq((r["ok"], r.get("code"), r.get("message")), (False, "refused", "not now"), "a refusal is told")

    h.mode("diff=hold")
    h.n += 1
    diff = h.n
    h.send({"id": diff, "op": "rfs", "verb": "diff", "by": "test", "told": True})
    h.seen("diff ")
    eq(h.ask("rfs", verb="diff", by="test").get("code"), "busy", "one at a time")
    r = h.ask("rfs", verb="policy", by="test", words=["full"])
    ok(r["ok"], "others are answered meanwhile")
    eq(h.ask("explain")["explain"]["rfs"]["running"], ["diff"], "explain tells that it runs")
    h.said = []
    h.mode("")
    ok(h.until(lambda: any(o.get("id") == diff and "ok" in o for o in h.said)), "it is answered when it is done")
    mine = [{k: v for k, v in o.items() if k != "id"} for o in h.said if o.get("id") == diff]
    eq(mine, [{"told": "looking"}, {"ok": True, "text": "diff "}], "and told between")

    h.mode("diff=hold")
    h.n += 1
    diff = h.n
    h.send({"id": diff, "op": "rfs", "verb": "diff", "by": "test"})
    h.seen("diff ")
    h.until(lambda: "diff " in h.lines()[h.at:])
    h.said = []
    os.kill(h.pid(), signal.SIGKILL)
    ok(h.until(lambda: any(o.get("id") == diff and o.get("ok") is False for o in h.said)), "rfsd dies meanwhile: it is refused")
    h.mode("")
    h.seen("ack alone")
    h.say(reply=4711, ok=True, text="to nobody")
    h.say(told=4711, text="to nobody")
    h.say(reply="x")
    ok(h.ask("rfs", verb="diff", by="test")["ok"], "and may be asked again")

    for verb, options, code in (("prim", {"nosync": True}, "usage"), ("prim", {"fullsync": 1}, "usage"), ("prim", [], "usage"),
                                ("prim", {"fly": True}, "usage"), ("swap", {"fullsync": True}, "usage"), ("secondforce", None, "usage"),
                                ("secondforce", {"date_ms": 0}, "usage"), ("secondforce", {"date_ms": "2016-03-01"}, "usage"),
                                ("second", {"date_ms": 5}, "usage"), ("start", {"fullsync": True}, "usage"),
                                ("prim", {"fullsync": True}, "refused"), ("primforce", None, "refused"), ("secondforce", {"date_ms": 5}, "refused")):
        r = h.ask("action", verb=verb, by="test", **({} if options is None else {"options": options}))
        eq((r["ok"], r.get("code")), (False, code), "%s with %s in ALONE: %s" % (verb, json.dumps(options), code))
    h.end()


def rebirth():
    h = Heart()
    h.born()
    h.alone()
    ok(os.path.exists(h.var + "/rfs/worker.sock"), "(mounted)")
    h.p.kill()
    h.p.wait()
    h.touch("block.stop_prim")
    h.start()
    h.seen("stop_prim force")
    h.seen("setup n2")
    h.until(lambda: False, 0.1)
    t = h.news()
    ok("setup n2" in t and not any(x.startswith("want") for x in t), "heart is killed: the next rfsd serves what is there, without a want", t)
    h.untouch("block.stop_prim")
    ok(h.state("ALONE", "Ready"), "the module is stopped and started anew")
    t = h.news()
    ok(t.index("stop_both force") < t.index("want off") < t.index("want alone") < t.index("start_prim"), "unmounted after the stop scripts", t)
    h.act("stop")
    h.state("STOP", "NotReady")
    h.seen("quit")
    h.rests()
    h.p.terminate()
    h.p.wait()
    h.news()
    h.conf = h.runform(PLAIN)
    os.makedirs(h.var + "/rfs", exist_ok=True)
    open(h.var + "/rfs/worker.sock", "w").close()
    eq(h.born(), ["born", "setup n2", "want off", "ack off", "quit"], "something is left of a module that replicates no more: it is unmounted")
    h.p.terminate()
    h.p.wait()
    h.start()
    h.state("STOP", "NotReady")
    h.news()
    h.act("start")
    h.state("ALONE", "Ready")
    eq(h.news(), ["prestart", "start_both", "start_prim"], "nothing is left: no rfsd")
    h.end()


def started_while_looking():
    h = Heart(mode="off=hold")
    h.start()
    h.seen("want off")
    h.has("rfs.uptodate", "up")
    h.act("start")
    ok(h.until(lambda: h.report.get("status") == "Transient"), "start while the rfsd of heart's birth has told what it knows and not answered yet")
    h.mode("")
    ok(h.state("ALONE", "Ready"), "what it told is not waited for again", [h.report, h.logs[-5:]])
    eq(h.news(), ["born", "setup n2", "want off", "ack off", "prestart", "want alone", "ack alone", "start_both", "start_prim"], "it goes on, it was not started anew")

    h.mode("diff=hold")
    h.n += 1
    h.send({"id": h.n, "op": "rfs", "verb": "diff", "by": "test"})
    h.seen("diff ")
    h.act("stop")
    ok(h.state("STOP", "NotReady") and "quit" not in h.lines(), "STOP while a question keeps rfsd")
    h.news()
    h.act("start")
    ok(h.state("ALONE", "Ready"), "start: what it told before is known still", [h.report, h.logs[-5:]])
    t = h.news()
    ok("born" not in t and "prestart" in t, "the same rfsd goes on", t)
    h.end()


# ---- two servers ----

class Pair:
    marks = 0

    def __init__(self):
        self.a, self.b = Heart(node=0), Heart(node=1)
        for h in (self.a, self.b):
            h.state_file(rfs__uptodate="up" if h is self.a else "down", rfs__lastprimstate="up" if h is self.a else "down")
            h.start()
        for h in (self.a, self.b):
            self.state(h, "STOP", "NotReady")
            self.until(lambda: "quit" in h.lines())
            h.rests()
            h.news()

    def until(self, good, seconds=LONG):
        end = time.monotonic() + seconds
        while not good():
            if time.monotonic() > end:
                return False
            for h in (self.a, self.b):
                while h.s is not None and h.take(time.monotonic() + 0.003) is not None:
                    pass
        return True

    def state(self, h, state, status):
        return self.until(lambda: (h.report.get("state"), h.report.get("status")) == (state, status))

    def seen(self, h, line, n=1):
        return self.until(lambda: h.lines()[h.at:].count(line) >= n)

    def pairs(self, p):         # its worker has found out that the other one has all; heart has heard it
        self.marks += 1
        p.say(facts={"inconsistent": False, "paired": True})
        p.say(resource="rfs.mark", value=str(self.marks), by="nfsadmin")
        self.until(lambda: p.resources.get("rfs.mark") == str(self.marks))

    def sync(self, p, s):       # then it tells the other one
        self.pairs(p)
        s.say(synced="$seq")

    def up(self):
        a, b = self.a, self.b
        a.act("start")
        self.state(a, "ALONE", "Ready")
        b.act("start")
        self.seen(b, "ack sync")
        self.sync(a, b)
        good = self.state(b, "SECOND", "Ready") and self.state(a, "PRIM", "Ready")
        a.news()
        b.news()
        return good

    def end(self):
        self.a.end()
        self.b.end()


SYNC = 'want sync {"mode": "default"}'


def joining():
    p = Pair()
    a, b = p.a, p.b
    a.act("start")
    ok(p.state(a, "ALONE", "Ready"), "one server is ALONE")
    a.news()
    b.act("start")
    ok(p.seen(b, "ack sync") and p.state(b, "SECOND", "Transient"), "the other one synchronises: SECOND Transient")
    eq(without(b.news(), "born", "setup"), ["want off", "ack off", "prestart", SYNC, "ack sync"], "without any script")
    eq(b.ask("explain")["explain"]["rfs"]["role"], "sync", "explain knows")
    b.say(synced=1)
    b.say(synced="x")
    b.say(**{"sync-failed": 1, "why": "of before", "again": False})
    p.until(lambda: False, 0.3)
    eq(b.news(), [], "what belongs to a former attempt is not taken for this one's")
    b.say(synced="$seq")
    ok(p.seen(b, "ack sync") and p.state(b, "SECOND", "Transient"), "a synchronisation of which the primary does not know: once more")
    ok("start_second" not in b.news(), "without having been secondary")
    os.kill(b.pid(), signal.SIGKILL)
    ok(p.seen(b, "ack sync"), "rfsd dies while it synchronises")
    eq(b.news(), ["born", "setup n1", SYNC, "ack sync"], "the next one goes on, nobody else notices")
    p.sync(a, b)
    ok(p.state(b, "SECOND", "Ready") and p.state(a, "PRIM", "Ready"), "it does: SECOND Ready, PRIM Ready")
    eq(b.news(), ["want second", "ack second", "start_both", "start_second", "start_sec"], "the role, then the scripts")
    eq(a.news(), ["want prim", "ack prim", "start_sec"], "on the primary, too")
    for h, role in ((a, "prim"), (b, "second")):
        os.kill(h.pid(), signal.SIGKILL)
        p.seen(h, "ack " + role)
        peer = "n2" if h is a else "n1"
        eq(h.news(), ["born", "setup " + peer, "want " + role, "ack " + role], "rfsd dies as %s: the next one is told the same" % role)
    p.until(lambda: False, 0.5)
    eq([(h.report["state"], h.report["status"], h.report["loop_count"]) for h in (a, b)], [("PRIM", "Ready", 0), ("SECOND", "Ready", 0)],
       "and the pair does not notice")
    eq(a.ask("rfs", verb="diff", by="test").get("code"), "refused", "rfsdiff is not for PRIM")
    r = b.ask("rfs", verb="verify", by="test")
    eq((r["ok"], r.get("text")), (True, "verify "), "rfsverify on the secondary")
    b.news()

    b.act("stop")
    ok(p.state(b, "STOP", "NotReady") and p.state(a, "ALONE", "Ready"), "the secondary is stopped")
    p.seen(b, "quit")
    t = a.news()
    ok("granted 0" in t, "the primary needs it no more, without being asked", t)
    eq(without(t, "granted"), ["want alone", "ack alone", "stop_sec", "stop_sec force"], "ALONE before its stop_sec")
    t = b.news()
    ok(t.index("stop_second") < t.index("want off") < t.index("poststop"), "there the folders go after the scripts", t)
    r = b.ask("action", verb="second", by="test", options={"fullsync": True})
    ok(r["ok"] and p.seen(b, 'want sync {"mode": "full"}'), "second fullsync: told to rfsd", [r, b.lines()[b.at:], b.logs[-10:], a.logs[-10:], a.report, a.p.poll(), open(a.dir + "/stderr").read(), open("/proc/%d/status" % a.p.pid).read()[:300]])
    b.say(**{"sync-failed": "$seq", "why": "the disk is full", "again": False})
    ok(p.state(b, "STOP", "NotReady"), "a synchronisation that fails for good: STOP")
    ok("the disk is full" in b.report["reason"], "with the reason", b.report["reason"])
    p.seen(b, "quit")
    b.rests()
    b.news()
    r = b.ask("action", verb="secondforce", by="test", options={"date_ms": 1456790400000})
    ok(r["ok"] and p.seen(b, 'want sync {"date_ms": 1456790400000, "mode": "date"}'), "secondforce -d: told to rfsd", b.lines()[b.at:])
    b.say(**{"sync-failed": "$seq", "why": "the network is slow", "again": True})
    ok(p.until(lambda: sum(x.startswith("want sync") for x in b.lines()[b.at:]) >= 2), "one that may succeed is tried again")
    p.sync(a, b)
    ok(p.state(b, "SECOND", "Ready"), "until it does")
    p.end()


def apart():
    p = Pair()
    a, b = p.a, p.b
    ok(p.up(), "PRIM and SECOND")
    b.touch("block.stop_second")
    a.say(ask="alone", seq=17, why="no answer for 30 s", degraded=False)
    ok(p.seen(b, "stop_second"), "the primary's rfsd asks to go on alone: the secondary leaves")
    p.until(lambda: False, 0.3)
    t = a.news()
    ok(t == [] or "granted 17" in t, "(granted when it is none any more)", t)
    ok(b.report["status"] != "Ready", "it is none when that is granted")
    b.untouch("block.stop_second")
    ok(p.until(lambda: "granted 17" in a.lines()) and p.state(a, "ALONE", "Ready"), "granted; ALONE")
    ok(p.seen(b, SYNC), "the other one synchronises anew", [b.lines()[b.at:], b.logs[-10:], b.report, a.report, a.resources, b.resources])
    ok("start_prim" not in b.lines(), "and never was primary")
    p.sync(a, b)
    ok(p.state(b, "SECOND", "Ready") and p.state(a, "PRIM", "Ready"), "PRIM and SECOND again")
    a.news()
    b.news()

    b.p.send_signal(signal.SIGSTOP)
    s, b.s = b.s, None
    a.say(ask="alone", seq=18, why="no answer for 30 s", degraded=False)
    p.seen(a, "granted 18")
    ok(any(x.startswith("granted") for x in a.lines()[a.at:]), "the other server is lost: granted")
    b.p.send_signal(signal.SIGCONT)
    b.s = s
    ok(p.seen(b, "stop_second"), "it was frozen: it leaves, too", [b.lines()[b.at:], b.logs[-9:], a.logs[-9:]])
    ok("start_prim" not in b.lines(), "and does not take over")
    ok(p.state(a, "ALONE", "Ready") and a.lines()[a.at:].count("start_prim") == 0, "the primary has gone on all the time")
    p.seen(b, SYNC)
    p.sync(a, b)
    ok(p.state(b, "SECOND", "Ready") and p.state(a, "PRIM", "Ready"), "PRIM and SECOND again")
    a.news()
    b.news()

    b.say(out="$seq", why="its disk is full")
    ok(p.seen(b, "poststop"), "a secondary that cannot follow leaves")
    ok(p.seen(a, "granted 0") and p.seen(b, SYNC) and p.state(a, "ALONE", "Ready"), "the primary goes on alone, and it tries again")
    a.mode("prim=fail")
    p.sync(a, b)
    ok(p.seen(a, "fails prim"), "a primary that cannot note that it has a secondary")
    ok(p.seen(a, "want alone") and p.state(a, "ALONE", "Ready"), "goes on alone", a.lines()[a.at:])
    ok("stop_prim" not in a.lines(), "the application was not stopped")
    a.mode("")
    p.end()


def handing_over():
    p = Pair()
    a, b = p.a, p.b
    ok(p.up(), "PRIM and SECOND")
    a.mode("given=hold")
    b.mode("alone=hold")
    a.act("swap")
    p.seen(a, "want given")
    p.until(lambda: False, 0.5)
    eq((a.news(), b.news()), (["stop_prim", "stop_prim force", "want given"], []), "swap: nothing is taken before all is given")
    a.mode("")
    p.seen(b, "want alone")
    p.until(lambda: False, 0.3)
    t = b.news()
    ok(t[-1] == "want alone" and "start_prim" not in t, "then the other one has its folders mounted, before its application starts", t)
    b.mode("")
    ok(p.seen(b, "start_prim") and p.seen(a, SYNC), "it runs the application, the giver synchronises")
    p.seen(a, "ack sync")
    p.sync(b, a)
    ok(p.state(b, "PRIM", "Ready") and p.state(a, "SECOND", "Ready"), "swapped", [a.lines()[a.at:], b.lines()[b.at:], a.logs[-9:], b.logs[-9:]])
    t = a.news()
    ok(t.index("ack given") < t.index(SYNC) < t.index("want second") < t.index("start_second"), "the giver follows", t)
    b.news()

    a, b = b, a                 # a is primary
    a.mode("given=fail")
    a.act("swap")
    ok(p.seen(a, "fails given") and p.seen(a, "poststop"), "what cannot be given is not taken: the primary is stopped and started anew", [a.lines()[a.at:], a.logs[-10:], b.logs[-10:]])
    a.mode("")
    ok(p.until(lambda: a.report["status"] == "Ready" or "want sync" in " ".join(a.lines()[a.at:])), "and comes back", a.lines()[a.at:])
    ok(any("it is gone" in m for m in a.logs), "the log has the reason")
    p.end()


def taking_over():
    p = Pair()
    a, b = p.a, p.b
    ok(p.up(), "PRIM and SECOND")
    b.mode("alone=hold")
    a.p.send_signal(signal.SIGSTOP)
    s, a.s = a.s, None
    p.seen(b, "want alone")
    p.until(lambda: False, 0.5)
    t = b.news()
    ok(t[-1] == "want alone" and "start_prim" not in t, "the primary is lost: its files first", t)
    os.kill(b.pid(), signal.SIGKILL)
    p.until(lambda: b.lines()[b.at:].count("want alone") >= 1)
    ok("start_prim" not in b.lines(), "rfsd dies meanwhile: nothing is started without it")
    b.mode("")
    ok(p.state(b, "ALONE", "Ready"), "then the application")
    t = b.news()
    ok(t.index("ack alone") < t.index("start_prim"), "in this order", t)
    a.touch("block.stop_prim")
    a.p.send_signal(signal.SIGCONT)
    a.s = s
    ok(p.seen(a, "stop_prim"), "the former primary leaves", a.lines()[a.at:])
    ok(p.seen(a, "refuse") and not any(x.startswith("granted") for x in a.lines()[a.at:]), "what it writes now waits for nobody: it fails", a.lines()[a.at:])
    a.news()
    os.kill(a.pid(), signal.SIGKILL)
    ok(p.seen(a, "want prim"), "its rfsd dies meanwhile")
    t = a.news()
    ok("refuse" in t and t.index("refuse") < t.index("want prim"), "the next one hears that, too", t)
    a.untouch("block.stop_prim")
    ok(p.seen(a, SYNC), "and synchronises")
    ok("refuse" not in a.news(), "that is over then")
    p.sync(b, a)
    ok(p.state(a, "SECOND", "Ready") and p.state(b, "PRIM", "Ready"), "PRIM and SECOND", [a.lines()[a.at:], a.logs[-10:], b.logs[-10:], a.report, b.report])
    a.news()
    b.news()
    b.act("stop")
    ok(p.state(a, "ALONE", "Ready") and p.state(b, "STOP", "NotReady"), "the primary is stopped: the other one takes over")
    t = b.news()
    ok(t.index("stop_prim") < t.index("want given") < t.index("ack given") < t.index("want off"), "all is given before it leaves", t)
    t = a.news()
    ok(t.index("ack alone") < t.index("start_prim"), "and mounted before the application starts", t)
    eq(b.resources.get("rfs.uptodate"), "up", "(a fake knows nothing of data)")
    p.end()


def forced():
    p = Pair()
    a, b = p.a, p.b
    a.state_file(rfs__uptodate="down", rfs__lastprimstate="down")
    a.act("start")
    ok(p.state(a, "WAIT", "NotReady"), "not up to date: WAIT", a.report)
    ok(any("notuptodate_server" in m for m in a.logs) or "wait" in a.report["reason"], "by the rule", a.report["reason"])
    a.act("stop")
    p.state(a, "STOP", "NotReady")
    p.seen(a, "quit")
    a.rests()
    a.news()
    a.act("prim")
    ok(p.state(a, "ALONE", "Ready"), "prim")
    t = a.news()
    ok(t.index("force prim") < t.index("want alone") < t.index("start_prim"), "this server's data counts, before it is mounted", t)
    a.act("stop")
    p.state(a, "STOP", "NotReady")
    p.seen(a, "quit")
    a.rests()
    a.news()
    a.mode("force=fail")
    a.act("prim")
    ok(p.seen(a, "ack force") and p.state(a, "STOP", "NotReady"), "rfsd refuses: STOP")
    ok(any("data may be inconsistent" in m for m in a.logs), "with its reason")
    ok("start_prim" not in a.news(), "nothing was started")
    p.end()


run((order, failing, dying, silent, pictures, questions, rebirth, started_while_looking, joining, apart, handing_over, taking_over, forced))
