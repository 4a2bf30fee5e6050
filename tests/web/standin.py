#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# standin.py: a web service as other servers see it (doc/REMOTE.md), written from the document and not from the code: it checks the
# credential with Python's hmac and runs the real safekit.  standin.py ADDRESS PORT SAFEKIT READY [CERT KEY [CLIENTS-CA]], SAFE and SAFEVAR of its server
# in the environment.  READY: a fifo that gets a line when it listens.
# SAFEVAR/fault, read for each request: "silent" (no answer), "late" (none to a request), "garbage", "broken" (500), "cut" (half an answer),
# "long" (an answer without end), "drop" (does it, and closes the connection instead of an answer),
# "nothing" (not of this suite: 404).  SAFEVAR/asked: one line for each signed request that was let in.
# SAFEVAR/colours is there: commands say control characters.
# SAFEVAR/slow is there: commands took too long and said too much.
# SAFEVAR/travelled: the files that it was given, one behind the other.
import hashlib, hmac, http.server, json, os, secrets, socketserver, ssl, subprocess, sys, threading

SAFE, SAFEVAR = os.environ["SAFE"], os.environ["SAFEVAR"]
SAFEKIT = sys.argv[3]
nonces, lock = set(), threading.Lock()


def hkdf(key, salt, info, length):
    prk, out, block, i = hmac.new(salt, key, hashlib.sha256).digest(), b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:length]


def hexfile(path):
    try:
        return bytes.fromhex(open(path).read().strip())
    except OSError:
        return None


def keys():
    found = {}
    key = hexfile(SAFE + "/web/conf/node.key")
    if key:
        found[hashlib.sha256(key).hexdigest()[:8]] = key
    key = hexfile(SAFEVAR + "/cluster/cluster.key")
    if key:
        key = hkdf(key, b"sk-derive-1", b"web", 32)
        found[hashlib.sha256(key).hexdigest()[:8]] = key
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, obj, kind="application/json", more=()):
        data = obj if isinstance(obj, bytes) else json.dumps(obj).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status, title, detail):
        self.answer(status, {"type": "about:blank", "title": title, "status": status, "detail": detail}, "application/problem+json")

    def faulty(self, challenge):
        try:
            fault = open(SAFEVAR + "/fault").read().strip()
        except OSError:
            return False
        if fault == "silent" or (fault == "late" and not challenge):
            threading.Event().wait(3600)
        if fault == "garbage":
            self.answer(200, b"<html>It works!</html>", "text/html")
        elif fault == "nothing":
            self.answer(404, b"<html>Not found</html>", "text/html")
        elif fault == "broken" and not challenge:
            self.problem(500, "Internal error", "the disk is full")
        elif fault == "cut" and not challenge:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b'{"status":0,')
            self.close_connection = True
        elif fault == "long" and not challenge:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                pass
        else:
            return False
        return True

    def credential(self, body):
        line = self.headers.get("Authorization", "")
        if not line.startswith("SafeKit "):
            return "no credential"
        told = dict(part.strip().split("=", 1) for part in line[8:].split(","))
        with lock:
            if told["nonce"] not in nonces:
                return "nonce"
            nonces.remove(told["nonce"])
        key = keys().get(told["keyid"])
        if key is None:
            return "another key"
        text = "safekit-web-2\n%s\n%s\n%s\n%s\n%s\n" % (self.request.getsockname()[0], self.command, self.path, hashlib.sha256(body).hexdigest(), told["nonce"])
        if not hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), told["mac"]):
            return "mac"
        return None

    def ready(self):
        path = SAFEVAR + "/modules/" + self.path.split("/")[3] + "/ready.txt"
        try:
            text, tag = open(path, "rb").read(), '"%x"' % os.stat(path).st_mtime_ns
            self.answer(200, text, "text/plain", [("ETag", tag)])
        except OSError:
            self.answer(404, b"Not found", "text/html")

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        challenge = self.path == "/node/api/v1/challenge"
        if self.faulty(challenge):
            return
        if challenge:
            nonce = secrets.token_hex(16)
            with lock:
                nonces.add(nonce)
            self.answer(200, {"nonce": nonce})
            return
        if self.path.startswith("/var/modules/"):
            self.ready()
            return
        wrong = self.credential(body)
        if wrong:
            self.problem(401, "Unauthorized", wrong)
            return
        user = "node:%s@%s" % (self.headers.get("X-Safekit-Node", "?"), self.client_address[0])
        with lock, open(SAFEVAR + "/asked", "a") as asked:
            asked.write("%s %s %s\n" % (user, self.command, self.path))
        if self.headers.get("X-Safekit-Csrf") is None and self.command != "GET":
            self.problem(403, "Forbidden", "no X-Safekit-Csrf")
        elif self.path == "/node/api/v1/session":
            self.answer(200, {"user": user, "role": "Admin"})
        elif self.path == "/node/api/v1/files" and self.command == "POST":
            token = secrets.token_hex(16)
            os.makedirs(SAFEVAR + "/tmp/web", exist_ok=True)
            with open(SAFEVAR + "/tmp/web/" + token, "wb") as f:
                f.write(body)
            with open(SAFEVAR + "/travelled", "ab") as f:
                f.write(body)
            self.answer(201, {"file": token})
        elif self.path.startswith("/node/api/v1/files/") and self.command == "DELETE":
            os.unlink(SAFEVAR + "/tmp/web/" + self.path.split("/")[5])
            self.send_response(204)
            self.end_headers()
        elif self.path == "/node/api/v1/commands" and self.command == "POST":
            self.run(json.loads(body)["argv"], user)
        elif self.path.startswith("/node/api/v1/modules/"):
            said = subprocess.run([SAFEKIT, "state", "--json", "-m", self.path.split("/")[5]], stdout=subprocess.PIPE).stdout
            row = json.loads(said) if said.strip() else None
            if row:
                self.answer(200, row[0] if isinstance(row, list) else row)
            else:
                self.problem(404, "Not Found", "no such module")
        else:
            self.problem(404, "Not Found", self.path)

    do_GET = do_POST = do_DELETE = handle_any

    def run(self, argv, user):
        try:
            drop = open(SAFEVAR + "/fault").read().strip() == "drop"
        except OSError:
            drop = False
        argv = [SAFEVAR + "/tmp/web/" + w[6:] if w.startswith("@file:") else w for w in argv]
        ended = subprocess.run([SAFEKIT, "--role", "Admin", "-u", user] + argv, stdin=subprocess.DEVNULL, capture_output=True)
        if drop:
            self.close_connection = True
            return
        if os.path.exists(SAFEVAR + "/colours"):
            self.answer(200, {"status": 0, "stdout": "a\x1b[2Jb\x9b2Jc\r\nd\u00e9\n", "stderr": "\x9dx\n"})
            return
        more = {"note": "ended by the web service: it took too long", "truncated": True} if os.path.exists(SAFEVAR + "/slow") else {}
        self.answer(200, {"status": ended.returncode, "stdout": ended.stdout.decode(), "stderr": ended.stderr.decode(), **more})


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, address):
        pass


server = Server((sys.argv[1], int(sys.argv[2])), Handler)
if len(sys.argv) > 6:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[5], sys.argv[6])
    if len(sys.argv) > 7:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(sys.argv[7])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(sys.argv[4], "w") as ready:
    ready.write("ready\n")
server.serve_forever()
