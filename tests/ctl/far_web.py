# SPDX-License-Identifier: GPL-2.0-or-later
#
# far_web.py ADDRESS PORT FILE [CERT KEY]: the web service of another server, as far as the module checker needs it.  FILE, read for each
# request, is JSON: "key" (hex, of the credential that it knows), "row" (the module; null: there is none), "ready" (tag of ready.txt, null:
# there is none), "silent" (no answer).  Says "ready" on stdout when it listens, then one line for each request with what it answered.
import hashlib, hmac, http.server, json, secrets, ssl, sys, threading

nonces = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, text, tag=None):
        print(status, self.path, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(text.encode())

    def signed(self, key):
        told = dict(p.strip().split("=", 1) for p in self.headers.get("Authorization", "SafeKit x=")[8:].split(","))
        text = "safekit-web-2\n%s\nGET\n%s\n%s\n%s\n" % (self.request.getsockname()[0], self.path, hashlib.sha256(b"").hexdigest(), told.get("nonce"))
        return key and told.get("nonce") in nonces and hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest() == told["mac"]

    def do_GET(self):
        now = json.load(open(sys.argv[3]))
        if now.get("silent"):
            threading.Event().wait(3600)
        if self.path.startswith("/var/modules/"):
            self.answer(200, "ready\n", now["ready"]) if now.get("ready") else self.answer(404, "<html>no</html>")
        elif "key" not in now:
            self.answer(404, "<html>another web server</html>")
        elif self.path == "/node/api/v1/challenge":
            nonce = secrets.token_hex(16)
            nonces.add(nonce)
            self.answer(200, json.dumps({"nonce": nonce}))
        elif not self.signed(now["key"]):
            self.answer(401, json.dumps({"title": "Unauthorized", "status": 401}))
        elif now.get("row"):
            self.answer(200, json.dumps(now["row"]))
        else:
            self.answer(404, json.dumps({"title": "Not Found", "status": 404}))


server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler)
server.daemon_threads = True
if len(sys.argv) > 5:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
