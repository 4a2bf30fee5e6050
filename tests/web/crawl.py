#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""crawl.py SOCKET SEED COUNT: asks the OpenAPI document what there is, and then for it with wrong types, sizes and orders.

Every answer must be a status below 500 (503 "busy" apart, when it says when to come back), of the document's kinds, and each 4xx a problem
with a detail.  The last line is "N requests, K kinds of status".  Status 0 when nothing was wrong.
"""
import collections, http.client, json, random, socket, sys

path, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
APACHE = {"X-Safekit-User": "u", "X-Safekit-Role": "Admin", "X-Safekit-Method": "file", "X-Safekit-Addr": "10.0.0.1", "X-Safekit-Tls": "on"}
NASTY = ["", "-m", "--role", "-u", "a" * 64, "a" * 200, "../../etc/passwd", "%00", "\u00e9\u4e2d", "'; rm -rf /", "$(id)", "0", "-1", "1e9", "99999999999999999999",
    "null", "true", "@file:x", "@new:safe", "\r\nX-Safekit-Role: Admin", "{}", "[]", "NaN", " ", "m1/../m2", "@file:" + "0" * 32, "%n%s", "\x7f", "m\u0000x"]


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)


def ask(method, target, headers, body=None):
    c = Unix("localhost")
    c.putrequest(method, target, skip_accept_encoding=True)
    for k, v in headers.items():
        c.putheader(k, v)
    if body is not None and "Transfer-Encoding" not in headers and "Content-Length" not in headers:
        c.putheader("Content-Length", str(len(body)))
    c.endheaders()
    try:
        if body is not None:
            c.send(body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has answered already
    r = c.getresponse()
    if r.headers.get("Content-Type") == "text/event-stream":
        text = r.read1(64)
    else:
        text = r.read()
    c.close()
    return r, text


def quote(s):
    return "".join(ch if rng.random() < 0.7 and ch.isalnum() and ord(ch) < 128 else "".join("%%%02x" % b for b in ch.encode()) for ch in s)


def good(schema):
    t = schema.get("type")
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if t == "integer":
        return rng.choice([schema.get("minimum", 0), schema.get("maximum", 5), schema.get("minimum", 0) + 1])
    if t == "boolean":
        return rng.random() < 0.5
    if t == "array":
        return rng.choice([["state"], ["level"], ["module", "list"], ["help", "start"], ["explain", "-m", "m1"], ["start", "-m", "m2"]])
    if "pattern" in schema:
        return "0" * 32 if "{32}" in schema["pattern"] else rng.choice(["m1", "m2", "m3", "AM"])
    return rng.choice(["conf/userconfig.xml", "intf.10.0.1.0", "2026-01-01", "up"])


def bad():
    return rng.choice([None, True, 0, -1, 3.5, 1e300, [], {}, [[]], [None], {"a": {"b": []}}, rng.choice(NASTY), [rng.choice(NASTY)] * rng.choice([1, 3, 70]), "x" * 5000, 2**62])


def value_of(schema, p):
    return good(schema) if rng.random() < p else bad()


def as_text(v):
    return v if isinstance(v, str) else json.dumps(v)


r, text = ask("GET", "/api/v1/openapi.json", APACHE)
doc = json.loads(text)
operations = [(p, m, op) for p, item in doc["paths"].items() for m, op in item.items()]
seen, wrong = collections.Counter(), []
for i in range(count):
    p, method, op = rng.choice(operations)
    sane = rng.choice([0.0, 0.5, 0.9, 1.0])
    headers, query, body = dict(APACHE), [], None
    for par in op["parameters"]:
        if par["in"] == "path":
            v = value_of(par["schema"], sane)
            p = p.replace("{%s}" % par["name"], as_text(v) if par["name"] == "path" and rng.random() < 0.5 and as_text(v).isascii() and "\r" not in as_text(v) and " " not in as_text(v) and "\0" not in as_text(v) and "\x7f" not in as_text(v) else quote(as_text(v)))
        elif par["in"] == "query" and rng.random() < 0.6:
            query.append(par["name"] + "=" + quote(as_text(value_of(par["schema"], sane))))
        elif par["in"] == "header" and rng.random() < 0.9 and par["name"] == "X-Safekit-Csrf":
            headers["X-Safekit-Csrf"] = "1"
        elif par["in"] == "header" and rng.random() < 0.4:
            headers[par["name"]] = rng.choice(["*", '"x"', '"' + "0" * 64 + '"', "", '"' * 100])
    if rng.random() > sane:
        query.append(rng.choice(["x=1", "last=1&last=2", "%", "=", "&&", "a=%zz"]))
    content = op.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        schema = content["application/json"]["schema"]
        obj = {k: value_of(s, sane) for k, s in schema["properties"].items() if k in schema["required"] or rng.random() < 0.4}
        if rng.random() > sane:
            obj[rng.choice(NASTY)] = bad()
        body = json.dumps(obj).encode()
        headers["Content-Type"] = rng.choice(["application/json"] * 8 + ["text/plain", "application/json; charset=utf-8", ""])
    elif content:
        body = rng.choice([b"", b"<safe/>", b"PK\x03\x04", b"PK\x03\x04" + bytes(rng.randrange(256) for _ in range(500)), b"\0" * 100000])
    if rng.random() > max(sane, 0.7):
        body = rng.choice([b"", b"{", b"[" * 60000, b"\xff\xfe", b"{\"argv\":[\"state\"],\"argv\":[]}", b"x" * 70000, b"null", b"1"])
    if rng.random() > max(sane, 0.8):
        method = rng.choice(["get", "post", "put", "delete", "patch", "head", "options", "trace", "x" * 20])
    if rng.random() > max(sane, 0.8):
        headers[rng.choice(list(APACHE))] = rng.choice(["", "Admin", "node", "root", "x" * 3000, "Monitor"])
    if rng.random() > max(sane, 0.9):
        headers["Transfer-Encoding"] = rng.choice(["chunked"])
        body = b"5\r\n{\"arg\r\n0\r\n\r\n" if rng.random() < 0.5 else b"0\r\n\r\n"
    target = rng.choice(["/api/v1"] * 9 + ["/node/api/v1"]) + p + ("?" + "&".join(query) if query else "")
    what = "%s %s %s %r" % (method.upper(), target[:200], {k: v[:40] for k, v in headers.items() if k not in APACHE or v != APACHE[k]}, (body or b"")[:80])
    try:
        r, text = ask(method.upper(), target, headers, body)
    except Exception as e:  # a crash shows as a connection that ends
        wrong.append("%s: %r" % (what, e))
        continue
    seen[r.status] += 1
    if r.status >= 500 and not (r.status == 503 and "Retry-After" in r.headers):
        wrong.append("%s: %d %r" % (what, r.status, text[:200]))
    elif r.status >= 400 and method != "head":
        try:
            problem = json.loads(text)
            if problem["status"] != r.status or not problem["detail"] or r.headers["Content-Type"] != "application/problem+json":
                wrong.append("%s: a problem that is none: %r" % (what, text[:200]))
        except Exception:
            # what is no HTTP is answered by the library
            if r.status not in (400, 413, 414, 431):
                wrong.append("%s: %d without a problem: %r" % (what, r.status, text[:200]))
for w in wrong[:20]:
    print("#", w)
print("%d requests, statuses %s" % (count, " ".join("%d:%d" % kv for kv in sorted(seen.items()))))
sys.exit(1 if wrong else 0)
