#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""echo_gateway.py: in safewebgate's place: answers each request with the request, as JSON.  Raw, so that nothing is mended on the way.

-w USER: who owns the socket SAFEVAR/run/web/gateway.sock, which only he may open.
"""
import json
import os
import pwd
import signal
import socketserver
import sys


def unfold(head):
    """Header lines as a dict; a name that comes twice gets both values, so that a test sees it"""
    out = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name, value = name.decode("latin-1").lower(), value.strip().decode("latin-1")
        out[name] = out[name] + "|" + value if name in out else value
    return out


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline(65536)
            if not line:
                return
            head += line
        head = head[:-4]
        headers = unfold(head)
        body = self.rfile.read(int(headers.get("content-length", 0)))
        answer = json.dumps({"echo": 1, "request": head.split(b"\r\n")[0].decode("latin-1"), "headers": headers,
                             "body": len(body)}).encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                         % (len(answer), answer))


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main():
    path = os.environ["SAFEVAR"] + "/run/web/gateway.sock"
    if os.path.exists(path):
        os.unlink(path)
    os.umask(0o177)
    with Server(path + ".new", Echo) as server:
        user = pwd.getpwnam(sys.argv[sys.argv.index("-w") + 1])
        os.chown(path + ".new", user.pw_uid, user.pw_gid)
        os.rename(path + ".new", path)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        server.serve_forever()


main()
