#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store that is strict: it stands in for KairosDB (/api/v1/datapoints) and InfluxDB (/write), and fails when it is told to.

usage: fake_store.py PORT_FILE MODE_FILE [ADDRESS].  It writes its port into PORT_FILE and looks into MODE_FILE before each request:
  ok | 500 | 503 | 401 | slow (does not answer) | reset (takes the body, stores nothing, ends the connection) | lost (stores, ends the
  connection without an answer) | close (answers, then ends the connection) | refuse:TEXT (400, naming the points whose name has TEXT; stores
  the others) | evil (503, with what would write in a log) | all:TEXT (400 for the whole batch when a point has TEXT, not saying which) | limit:N (413 above N points)
GET /dump: {"points": {series: {time: value}}, "posts": N, "gzipped": N, "bad": [reason...], "repeats": N, "conflicts": [...],
  "paths": [path and Authorization of each kind of request]}
A body that KairosDB or InfluxDB would not understand is answered 400 and kept in "bad".
"""
import gzip
import http.server
import json
import re
import socket
import sys
import threading

S = {"points": {}, "posts": 0, "gzipped": 0, "bad": [], "repeats": 0, "conflicts": [], "paths": []}
LOCK = threading.Lock()
GONE = threading.Event()


def mode():
    return open(sys.argv[2]).read().strip()


def read_kairosdb(text):
    """[(series, time, value)] of a body, or ValueError"""
    body = json.loads(text)
    if not isinstance(body, list) or not body:
        raise ValueError("expected a list that is not empty")
    points = []
    for m in body:
        if set(m) != {"name", "type", "tags", "datapoints"}:
            raise ValueError("members " + ",".join(sorted(m)))
        if not re.fullmatch(r"safekit\.[A-Za-z0-9._/-]+", m["name"]) or not m["tags"]:
            raise ValueError("name or tags of " + m["name"])
        if not all(re.fullmatch(r"[A-Za-z0-9._/-]+", t) for t in list(m["tags"]) + list(m["tags"].values())):
            raise ValueError("tags of " + m["name"])
        for time, value in m["datapoints"]:
            kind = {"string": str, "long": int, "double": float}[m["type"]]
            if not isinstance(time, int) or type(value) is not kind:
                raise ValueError(f"{m['name']}: {value!r} is no {m['type']}")
            points.append((m["name"] + json.dumps(m["tags"], sort_keys=True), time, value))
    return points


LINE = re.compile(r'safekit_change((?:,[a-z]+=(?:\\.|[^\\, =])+)+) ((?:text="(?:\\.|[^"\\])*")?,?(?:value=-?[0-9.e+-]+)?) ([0-9]+)')


def read_influxdb(text):
    points = []
    for line in text.splitlines():
        m = LINE.fullmatch(line)
        if not m or not m[2] or m[2].endswith(",") or m[2].startswith(","):
            raise ValueError("line " + line)
        points.append((m[1], int(m[3]), m[2]))
    return points


def store(points):
    for series, time, value in points:
        old = S["points"].setdefault(series, {}).get(str(time))
        if old is None:
            S["points"][series][str(time)] = value
        elif old == value:
            S["repeats"] += 1
        else:
            S["conflicts"].append([series, time, old, value])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, text=""):
        data = text.encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(data)

    def do_HEAD(self):
        self.say(405)

    def do_GET(self):
        with LOCK:
            text = json.dumps(S)
        self.say(200 if self.path == "/dump" else 404, text)

    def die(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        m = mode()
        if m == "slow":
            GONE.wait(60)
            return self.die()
        if m == "reset":
            return self.die()
        if m == "evil":
            return self.say(503, "a line\033[2J\rforged: line\nforged: another")
        if m in ("500", "503", "401"):
            return self.say(int(m), '{"errors":["told to"]}')
        kairosdb = self.path == "/api/v1/datapoints"
        with LOCK:
            S["posts"] += 1
            path = self.path + " " + self.headers.get("Authorization", "")
            if path not in S["paths"]:
                S["paths"].append(path)
            try:
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                    S["gzipped"] += 1
                if not kairosdb and not self.path.startswith("/write?precision=ms"):
                    raise ValueError("path " + self.path)
                points = (read_kairosdb if kairosdb else read_influxdb)(body.decode())
            except (ValueError, KeyError, TypeError) as e:
                S["bad"].append(str(e))
                return self.say(400, '{"errors":["cannot be understood"]}')
            what, _, text = m.partition(":")
            wrong = [i for i, p in enumerate(points) if text and text in p[0]]
            if what == "limit" and len(points) > int(text):
                return self.say(413, "too large")
            if what == "all" and wrong:
                return self.say(400, '{"errors":["something is wrong in it"]}')
            store(p for i, p in enumerate(points) if what != "refuse" or i not in wrong)
        if m == "lost":
            return self.die()
        if what == "refuse" and wrong:
            if kairosdb:
                return self.say(400, json.dumps({"errors": [f"metric[{i}](name={points[i][0]}).value is wrong." for i in wrong]}))
            return self.say(400, json.dumps({"error": f"partial write: field type conflict dropped={len(wrong)}"}))
        self.close_connection = m == "close"
        return self.say(204)


server = http.server.ThreadingHTTPServer((sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(sys.argv[1], "w") as f:
    f.write(str(server.server_port))
server.serve_forever()
