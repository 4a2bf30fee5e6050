#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# heart_vip.py: plays safeadmin for a real heart whose vipd is fake_vipd.  Started by t-vip.
# Scripts and the fake vipd write into one file, line by line: the order there is the order of the acts.
# Every wait is for an event, with LONG seconds as the end of patience.
import os, signal, time
from heart_lib import KEY, KEY2, LONG, Heart, eq, ok, run

VIP = '''<vip><interface_list><interface check="off"><%(kind)s><virtual_addr addr="10.9.0.99" where="%(where)s" check="off"/></%(end)s>
</interface></interface_list>%(lb)s</vip>'''
LB = ('<loadbalancing_list>%s</loadbalancing_list>' % ''.join(
      '<group name="%s"><rule port="%d" proto="tcp" filter="on_port"/></group>' % g for g in (("FarmProto", 80), ("Second", 81))))
FARM = ('<safe><service mode="farm"><farm><lan name="l"/></farm>%s<user/></service></safe>'
        % (VIP % {"kind": 'virtual_interface type="vmac_directed"', "end": "virtual_interface", "where": "alias", "lb": LB}))
MIRROR = ('<safe><service mode="mirror"><heart pulse="100" timeout="500"><heartbeat name="l"/></heart>%s<user/></service></safe>'
          % (VIP % {"kind": "real_interface", "end": "real_interface", "where": "one_side_alias", "lb": ""}))
PLAIN = '<safe><service mode="farm"><farm><lan name="l"/></farm><user/></service></safe>'
LIGHT = '<safe><service mode="light"><user/></service></safe>'


UP = ["prestart", "want 10", "ack 10", "start_both", "want 11", "ack 11"]
DOWN = ["want 10", "ack 10", "stop_both", "stop_prim force", "stop_second force", "stop_both force", "want 00", "ack 00", "poststop"]


def without_start(lines):       # prestart runs beside the birth of vipd
    return [x for x in lines if x not in ("born", "setup 0000") and x != "prestart"]


def farm():
    h = Heart(FARM)
    h.start()
    ok(h.state("STOP", "NotReady"), "a farm module: its heart is born")
    h.until(lambda: len(h.shares) == 2)
    eq([(s["index"], s["group"], s["buckets"], s["view"], s["serving"], s["members"]) for s in h.shares.values()],
       [(1, "FarmProto", 0, 0, 0, ""), (2, "Second", 0, 0, 0, "")], "a row of load for each group from the beginning")
    eq(h.news(), [], "no vipd in STOP")
    h.act("start")
    ok(h.state("UP", "Ready"), "started")
    h.seen("ack 11")
    t = h.news()
    eq([x for x in t if x != "prestart"][:2], ["born", "setup 0000"], "vipd is started at prestart")
    eq(without_start(t), ["want 00", "ack 00"] + UP[1:], "addresses before start_both, share of the load after it")
    line = h.line()
    eq((line["module"], line["id"], line["node"], line["self"], line["nodes"], line["key"], line["var"]),
       ("m", 7, "n1", 0, ["n1", "n2"], KEY, h.var), "the setup line")
    eq(line["lans"], [{"name": "l", "local": "127.0.0.1", "at": [{"node": 0, "ip": "127.0.0.1"}, {"node": 1, "ip": "127.0.0.2"}]}],
       "with the lans of the farm")
    eq(line["config"], h.conf, "and the configuration")
    h.until(lambda: h.shares[2]["buckets"] == 256)
    eq((h.shares[1]["module"], h.shares[1]["module_id"], h.shares[1]["buckets"], h.shares[1]["members"]), ("m", 7, 256, "n1"),
       "a row of load is handed on, as this module's")
    ok(h.logged("Virtual IP <10.9.0.99 of m> set"), "what it logs is handed on")
    eq(h.resources.get("lbgroup.FarmProto_0"), "100.0 %", "its resources, too")
    ok(not any("lbgroup" in m for m in h.logs), "which are no news for the log")
    ok(h.until(h.ready), "ready.txt is there: UP Ready")

    h.s.close()                         # safeadmin begins anew
    h.shares, h.buf = {}, b""
    h.accept()
    ok(h.until(lambda: len(h.shares) == 2 and h.shares[2]["buckets"] == 256), "the rows are published anew to another safeadmin")

    h.ask("setup", setup=h.setup())
    h.ask("setup", setup=h.setup(KEY2))
    ok(h.seen("setup 1111"), "another key: a new setup line")
    eq(h.news(), ["setup 1111"], "and none when nothing has changed")
    h.ask("setup", setup=h.setup())
    h.seen("setup 0000")
    h.news()

    h.mode("hold")
    h.act("restart")
    h.seen("want 10")
    ok(h.state("UP", "Transient"), "restart: UP Transient, and nothing runs before the share is given up")
    eq(h.news(), ["want 10"], "no script yet")
    ok(h.until(lambda: not h.ready()), "ready.txt is gone")
    h.mode("ok")
    h.seen("want 11")
    ok(h.state("UP", "Ready"), "restarted")
    eq(h.news(), ["ack 10", "stop_both", "stop_both force", "start_both", "want 11", "ack 11"], "then the scripts, then the share again")
    ok(h.until(h.ready), "ready.txt is there again")

    os.kill(h.vipd(), signal.SIGKILL)
    ok(h.logged("Process vipd ended unexpectedly (signal 9): restarted"), "the death of vipd is said")
    h.seen("ack 11")
    eq(h.news(), ["born", "setup 0000", "want 11", "ack 11"], "the next one is told the same, no script runs")
    ok(h.ready() and h.report["status"] == "Ready", "the module stays as it is")

    h.act("stop")
    ok(h.state("STOP", "NotReady"), "stopped")
    h.seen("quit")
    eq(h.news(), DOWN + ["quit"], "share, scripts, addresses, and the end of vipd")
    ok(not h.ready(), "ready.txt is gone")
    h.until(lambda: h.shares[1]["view"] == 0 and h.shares[2]["view"] == 0 and not any("lbgroup" in r for r in h.resources))
    eq([(s["buckets"], s["view"], s["serving"], s["members"]) for s in h.shares.values()], [(0, 0, 0, "")] * 2, "the rows say so")
    eq([r for r in h.resources if "lbgroup" in r], [], "its resources are gone")

    h.act("start")
    ok(h.state("UP", "Ready"), "started again")
    h.news()
    h.act("stopstart")
    h.seen("poststop")
    ok(h.until(lambda: "want 11" in h.lines()[h.at:]) and h.state("UP", "Ready"), "stopstart")
    eq(h.news(), DOWN + UP, "vipd lives on through it")

    h.touch("fail.start_both")
    h.act("restart")
    h.seen("ack 11")
    eq(h.news()[-3:], ["start_both", "want 11", "ack 11"], "a start script that fails: the share is taken, as the module is UP")
    h.untouch("fail.start_both")
    h.ask("setup", setup=dict(h.setup(), signature="cd" * 32, module=h.runform(PLAIN)))
    h.act("stop")
    ok(h.until(lambda: h.shares == {}), "a configuration without groups: no rows")
    h.end()


def farm_kill():
    h = Heart(FARM, "hold")
    h.start()
    h.act("start")
    h.seen("want 00")
    eq(h.report["status"], "Transient", "starting, vipd does not answer yet")
    h.until(lambda: "prestart" in h.lines())
    h.act("forcestop")
    h.mode("ok")
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "forcestop while the addresses are waited for")
    t = h.news()
    ok("start_both" not in t, "start_both did not run", t)
    eq(t[-2:], ["poststop", "quit"], "everything ended")

    h.touch("block.start_both")
    h.act("start")
    h.seen("start_both")
    h.news()
    h.act("forcestop")
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "forcestop while start_both runs")
    eq(h.news(), ["stop_prim force", "stop_second force", "stop_both force", "want 00", "ack 00", "poststop", "quit"],
       "the script is killed, the addresses go after the stop scripts")
    h.untouch("block.start_both")

    h.act("start")
    h.state("UP", "Ready") and h.until(h.ready)
    h.mode("leave")                     # at the end of its line it does not clean up
    h.news()
    h.p.kill()
    h.p.wait()
    ok(h.until_eof(), "heart is killed: its vipd sees the end of file")
    h.mode("ok")
    ok(h.ready(), "ready.txt is left")
    h.start()
    ok(not h.ready(), "and gone before heart says hello")
    ok(h.state("UP", "Ready"), "the next heart stops and starts the module")
    h.seen("ack 11")
    t = [x for x in h.news() if x not in ("born", "setup 0000", "eof")]
    ok(t.index("want 00") < t.index("want 10") < t.index("start_both"), "a vipd took down what was left, first", t)
    h.act("stop")
    h.state("STOP", "NotReady")
    h.seen("quit")
    h.news()
    open(h.var + "/vip.json", "w").close()
    h.p.terminate()
    h.p.wait()
    h.start()
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "something is left and the module is stopped: vipd is started and ends")
    eq(h.news(), ["born", "setup 0000", "want 00", "ack 00", "quit"], "after it has taken it down")
    h.act("start")
    h.state("UP", "Ready")
    h.news()
    h.p.terminate()
    ok(h.p.wait(LONG) == 0 and not h.ready(), "the server goes down: heart ends, ready.txt is gone")
    ok("eof" in h.lines()[h.at:], "and waited for vipd's end")
    h.end()


def until_eof(self):
    end = time.monotonic() + LONG
    while "eof" not in self.lines()[self.at:] and time.monotonic() < end:
        time.sleep(0.01)
    return "eof" in self.lines()[self.at:]


Heart.until_eof = until_eof


def mirror():
    h = Heart(MIRROR)
    h.start()
    h.act("start")
    ok(h.state("ALONE", "Ready"), "a mirror without its other server: ALONE")
    eq(without_start(h.news()), ["want 00", "ack 00", "want 10", "ack 10", "start_both", "start_prim"], "addresses before the start scripts")
    ok("lans" not in h.line() and h.line()["config"]["vaddrs"][0]["one_side"] is True, "a setup line without lans")
    ok(h.until(h.ready), "ready.txt is there")
    h.act("restart")
    ok(h.until(lambda: h.lines()[-1] == "start_prim" and len(h.lines()) - h.at == 6) and h.state("ALONE", "Ready"), "restart")
    eq(h.news(), ["stop_prim", "stop_both", "stop_prim force", "stop_both force", "start_both", "start_prim"],
       "leaves the addresses; ready.txt is gone before the first script")
    h.until(h.ready)
    h.act("stopwait")
    ok(h.until(lambda: (h.report["state"], h.report["status"]) == ("WAIT", "NotReady")), "stopwait")
    eq(h.news(), ["stop_prim", "stop_both", "stop_prim force", "stop_both force", "want 00", "ack 00"], "addresses away after the scripts")
    h.act("stop")
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "stopped")
    eq([x for x in h.news() if "want" in x], [], "what is away is not asked for again")
    h.mode("hold")
    h.act("start")
    h.until(lambda: any(x.startswith("want") for x in h.lines()[h.at:]))    # 10 at once when it was born late
    ok(h.state("ALONE", "Transient"), "the addresses are waited for")
    h.mode("fail")
    ok(h.state("ALONE", "Ready"), "an address that cannot be set: the module goes on")
    ok(h.report["script_failures"] == 1 and h.until(lambda: "some scripts failed" in h.report["action_message"]),
       "it counts as a script that failed", h.report)
    h.mode("ok")
    h.seen("ack 10")
    h.news()
    h.act("stop")
    ok(h.state("STOP", "NotReady") and h.seen("quit"), "stopped")
    eq(h.news(), ["stop_prim", "stop_both", "want 00", "ack 00", "stop_prim force", "stop_second force", "stop_both force", "poststop", "quit"],
       "stop: addresses away after stop_prim, before force")
    h.end()


def late():
    h = Heart(MIRROR)
    h.start()
    h.act("start")
    h.state("ALONE", "Ready")
    h.mode("hang")
    h.news()
    h.act("stop")
    ok(h.state("STOP", "NotReady"), "a vipd that hangs: the module stops all the same")
    ok(h.logged("Process vipd ended unexpectedly (killed: no answer for 5 s)"), "it was killed")
    ok(h.logged("Process vipd does not answer: the module goes on"), "and the log says what that may mean")
    t = h.news()
    ok(t.count("born") >= 1 and t.count("want 00") >= 2, "the next one was told the same", t)
    ok(h.report["script_failures"] >= 1, "it counts as a failure", h.report)
    h.mode("ok")
    ok(h.seen("quit"), "vipd is tried again until everything is down")
    eq(h.news()[-3:], ["want 00", "ack 00", "quit"], "then it ends")

    h.mode("die")
    h.act("start")
    ok(h.until(lambda: sum(x.startswith("born") for x in h.lines()[h.at:]) >= 3), "one that dies of what it is told is started again and again")
    h.mode("ok")
    ok(h.state("ALONE", "Ready"), "until it does it")
    eq(sum("Process vipd ended unexpectedly (signal 9)" in m for m in h.logs), 1, "said once")
    h.act("stop")
    h.state("STOP", "NotReady")
    h.seen("quit")
    h.until_gone()
    os.unlink(h.safe + "/private/bin/vipd")
    h.act("start")
    ok(h.state("ALONE", "Ready") and h.logged("cannot be started"), "no vipd at all: the module starts, and the log tells why")
    h.end()


def late_before():      # late already, for another order: the plan gives it two spans of its own
    h = Heart(MIRROR)
    h.start()
    h.act("start")
    h.state("ALONE", "Ready")
    h.mode("hang")
    h.news()
    os.kill(h.vipd(), signal.SIGKILL)
    ok(h.until(lambda: h.lines()[h.at:].count("hangs") == 2), "the next vipd does not answer what was ordered before")
    h.news()
    h.mode("ok")
    h.act("stop")       # of which the one that hangs hears nothing
    ok(h.state("STOP", "NotReady") and "ack 00" in h.lines()[h.at:], "the one after it does what was ordered then")
    ok(not any("does not answer: the module goes on" in m for m in h.logs), "so the module has waited for it", h.logs)
    h.end()


def without():
    h = Heart(LIGHT)
    h.start()
    h.act("start")
    ok(h.state("UP", "Ready"), "a module without addresses starts")
    ok(h.until(h.ready), "it is ready, too")
    h.touch("block.stop_both")
    h.act("stop")
    ok(h.until(lambda: "stop_both" in h.lines() or "stop_both ready" in h.lines()) and h.until(lambda: not h.ready()),
       "ready.txt goes while stop_both runs")
    h.untouch("block.stop_both")
    ok(h.state("STOP", "NotReady"), "and stops")
    eq([x for x in h.lines() if x.split()[0] in ("born", "setup", "want")], [], "no vipd")
    h.end()


run((farm, farm_kill, mirror, late, late_before, without))
