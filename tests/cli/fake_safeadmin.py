#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fake_safeadmin: speaks the control protocol (doc/PROTOCOL.md 1) for tests of its clients, without an engine behind it.
#
# usage: fake_safeadmin.py STATE_DIR     listens on $SAFEVAR/run/safeadmin.sock until it gets SIGTERM; says "ready" on stdout
# STATE_DIR holds what the test wants it to know and what it was asked:
#   modules.json resources.json nodes.json remotes.json   lists of reports; read at each question; procs.json, explain.json: answers
#   requests.log   one JSON object per line: every request, in order
#   control        a fifo; a line is a command: {"event": ...} is sent to all subscribers; {"log": {...}} is a new row, kept and sent;
#                  {"flood": N} makes N rows with no pause; {"drop": true} closes all connections; {"refuse": {"op": [code, message]}}
#                  answers so from now on; {"module": {...}} replaces the module of that name in modules.json and sends the event
import asyncio
import json
import os
import signal
import struct
import sys
import time

state_dir = sys.argv[1]
sock = os.environ["SAFEVAR"] + "/run/safeadmin.sock"
logs, commands, refuse, subscribers, writers = [], [], {}, {}, set()
counters = {"seq": 0, "command": 0, "loop": 0}
boots = {}


def stored(name):
    try:
        with open(f"{state_dir}/{name}.json", encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return []


def send(writer, obj):
    data = json.dumps(obj).encode()
    writer.write(struct.pack(">I", len(data)) + data)


def new_log(row):
    counters["seq"] += 1
    full = {"seq": counters["seq"], "time_us": int(time.time() * 1e6), "module": "mirror", "origin": "heart", "level": "E", "key": 512,
            "message": ""}
    full.update(row)
    logs.append(full)
    for writer, want in subscribers.items():
        if want["logs"] and want.get("module") in (None, full["module"]):
            send(writer, {"event": "log", "data": full})


def event(obj):
    for writer in subscribers:
        send(writer, obj)


def set_module(data):
    rows = [m for m in stored("modules") if m["name"] != data["name"]]
    old = [m for m in stored("modules") if m["name"] == data["name"]]
    full = dict(old[0] if old else {})
    full.update(data)
    with open(f"{state_dir}/modules.json", "w", encoding="utf-8") as f:
        json.dump(rows + [full], f)
    event({"event": "module", "data": full})


def known(req):
    return req.get("module") == "*" or any(m["name"] == req.get("module") for m in stored("modules"))


def op_get(req):
    rows = stored(req["what"])
    if "module" in req:
        rows = [r for r in rows if r.get("module", r.get("name")) == req["module"]]
    return {"rows": rows}


def op_log(req):
    rows = [r for r in logs if r["module"] == req["module"] and r["seq"] > req.get("after", 0)
            and (req["levels"] == "A" or r["level"] in req["levels"])]
    return {"rows": rows[-req["last"]:]}


def op_command(req):
    if "seq" in req:
        commands[req["seq"] - 1]["status"] = req["status"]
        return {"seq": req["seq"]}
    commands.append({"seq": len(commands) + 1, "time_us": int(time.time() * 1e6), "pid": req["pid"], "user": req["user"],
                     "command": req["command"], "status": req["status"]})
    return {"seq": len(commands)}


def op_loop(req):
    if req["verb"] == "inc":
        counters["loop"] += 1
    elif req["verb"] == "reset":
        counters["loop"] = 0
    return {"reached": counters["loop"] >= 3, "count": counters["loop"], "max": 3}


def op_boot(req):
    if req["value"] != "status":
        boots[req["module"]] = req["value"]
    return {"boot": boots.get(req["module"], "off")}


def op_print(req):
    new_log({"module": req["module"], "origin": req["by"], "level": req["level"], "message": req["message"]})
    return {}


def op_shutdown(req):
    for m in stored("modules"):
        set_module({"name": m["name"], "state": "STOP", "status": "NotReady"})


def op_action(req):
    if req["verb"] == "shutdown":
        asyncio.get_running_loop().call_later(0.1, op_shutdown, req)
    return {"seq": 7}


def op_rfs(req):
    return {"text": {"verify": "4 files compared\nno difference\x1b[2J", "diff": "2 files to copy"}.get(req["verb"], "policy: " + " ".join(req.get("words") or ["default"]))}


OPS = {
    "hello": lambda r: {"node": "node1", "version": "0.1.0", "safe": os.environ["SAFE"], "safevar": os.environ["SAFEVAR"]},
    "get": op_get, "log": op_log, "command": op_command, "loop": op_loop, "boot": op_boot, "print": op_print, "action": op_action,
    "set": lambda r: {}, "failover": lambda r: {}, "clean": lambda r: {}, "checker": lambda r: {}, "errd": lambda r: {"procs": stored("procs")} if r["verb"] == "list" else {},
    "explain": lambda r: {"explain": stored("explain")}, "module-changed": lambda r: {}, "cluster-changed": lambda r: {},
    "rfs": op_rfs,
    "cmdlog": lambda r: {"rows": commands[-r["last"]:]}, "confinfo": lambda r: {"rows": stored("confinfo")},
}
NEED_MODULE = {"action", "set", "loop", "failover", "boot", "clean", "print", "checker", "errd", "explain", "rfs"}


def answer(req):
    op = req.get("op")
    if op in refuse:
        return {"ok": False, "code": refuse[op][0], "message": refuse[op][1]}
    if op not in OPS:
        return {"ok": False, "code": "usage", "message": f"unknown op {op}"}
    if op in NEED_MODULE and not known(req):
        return {"ok": False, "code": "notfound", "message": f"module {req.get('module')} is not configured"}
    return dict(OPS[op](req), ok=True)


async def client(reader, writer):
    writers.add(writer)
    try:
        while True:
            size = struct.unpack(">I", await reader.readexactly(4))[0]
            req = json.loads(await reader.readexactly(size))
            with open(f"{state_dir}/requests.log", "a", encoding="utf-8") as f:
                f.write(json.dumps({k: v for k, v in req.items() if k != "id"}) + "\n")
            if req.get("op") == "subscribe" and "subscribe" not in refuse:
                subscribers[writer] = req
                send(writer, {"id": req["id"], "ok": True, "notice_seq": 0, "engine": [],
                              **{w: stored(w) for w in ("modules", "resources", "nodes", "remotes")}})
            else:
                if req.get("told"):
                    send(writer, {"id": req["id"], "told": "1 of 4 files"})
                send(writer, dict(answer(req), id=req["id"]))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        subscribers.pop(writer, None)
        writers.discard(writer)
        writer.close()


async def flood(count):
    for i in range(count):
        new_log({"message": f"flood {i}"})
        if i % 100 == 0:
            await asyncio.sleep(0)


def control(obj):
    if "event" in obj:
        event(obj["event"])
    elif "log" in obj:
        new_log(obj["log"])
    elif "flood" in obj:
        asyncio.get_running_loop().create_task(flood(obj["flood"]))
    elif "drop" in obj:
        subscribers.clear()
        for w in list(writers):
            w.transport.abort()
    elif "refuse" in obj:
        refuse.clear()
        refuse.update(obj["refuse"])
    elif "module" in obj:
        set_module(obj["module"])


async def main():
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    os.makedirs(os.path.dirname(sock), exist_ok=True)
    if os.path.exists(sock):
        os.unlink(sock)
    server = await asyncio.start_unix_server(client, sock, backlog=100)
    fifo = f"{state_dir}/control"
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    fd = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    pending = b""

    def readable():
        nonlocal pending
        pending += os.read(fd, 65536)
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            control(json.loads(line))

    loop.add_reader(fd, readable)
    print("ready", flush=True)
    await stop.wait()
    server.close()
    for w in list(writers):
        w.transport.abort()
    os.unlink(sock)


asyncio.run(main())
