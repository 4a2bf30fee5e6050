#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An SMTP server (aiosmtpd) that answers as the recipient's name says and keeps what it takes.

  smtpd.py FOLDER [--host ADDRESS] [--port N] [--tls CERT KEY [--smtps]] [--auth USER PASSWORD] [--ram]

Writes its port to FOLDER/port.  Each mail taken: FOLDER/NUMBER.eml (envelope in X-Rcpt-To, X-Session: tls, login) and a line
"Message-ID recipient" in FOLDER/taken, on the disk before the reply.  Names: refused* 550, later* 451, toobig* 552 after the text,
drop* closes the connection after the text was taken,
slow* answers 5 s after it was taken.  FOLDER/rules, if there, holds lines "WORD CODE" that override (read at each mail).
"""
import argparse
import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

ap = argparse.ArgumentParser()
ap.add_argument("folder")
ap.add_argument("--host", default="127.0.0.1")
ap.add_argument("--port", type=int, default=0)
ap.add_argument("--tls", nargs=2)
ap.add_argument("--smtps", action="store_true")
ap.add_argument("--auth", nargs=2)
ap.add_argument("--ram", action="store_true", help="no fsync, no .eml: for benches")
args = ap.parse_args()
os.makedirs(args.folder, exist_ok=True)
taken = open(os.path.join(args.folder, "taken"), "a", encoding="utf-8")
count = len(open(taken.name, encoding="utf-8").readlines())


def rules():
    try:
        with open(os.path.join(args.folder, "rules"), encoding="utf-8") as f:
            return dict(line.split() for line in f if line.strip())
    except FileNotFoundError:
        return {}


def asked(address):
    for word, code in rules().items():
        if address.startswith(word):
            return None if code == "250" else code
    for word, code in (("refused", "550"), ("later", "451")):
        if address.startswith(word):
            return code
    return None


def keep(envelope, session):
    global count
    text = envelope.content
    mid = next((line.split(b":", 1)[1].strip().decode() for line in text.split(b"\r\n") if line.lower().startswith(b"message-id:")), "none")
    count += 1
    if not args.ram:
        with open(os.path.join(args.folder, "%d.eml" % count), "wb") as f:
            f.write(b"X-Rcpt-To: %s\r\n" % ", ".join(envelope.rcpt_tos).encode())
            f.write(b"X-Session: %s %s %s\r\n" % (b"tls" if session.ssl else b"clear", b"login" if session.authenticated else b"-", envelope.mail_from.encode()))
            f.write(text)
    for rcpt in envelope.rcpt_tos:
        taken.write("%s %s\n" % (mid, rcpt))
    taken.flush()
    if not args.ram:
        os.fsync(taken.fileno())


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        code = asked(address)
        if code is not None:
            return "%s 5.0.0 %s: answer of the test" % (code, address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("toobig"):
            return "552 5.3.4 too big: answer of the test"
        keep(envelope, session)
        if envelope.rcpt_tos[0].startswith("slow"):
            await asyncio.sleep(5)
        if envelope.rcpt_tos[0].startswith("drop"):
            server.transport.abort()
        return "250 2.0.0 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()] == args.auth
    return AuthResult(success=good, handled=good)


async def main():
    context = None
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*args.tls)
    more = {}
    if args.auth:
        more = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": True}

    def factory():
        return SMTP(Handler(), tls_context=None if args.smtps else context, require_starttls=bool(context) and not args.smtps,
                    hostname="localhost", **more)
    server = await asyncio.get_running_loop().create_server(factory, args.host, args.port, ssl=context if args.smtps else None)
    port = os.path.join(args.folder, "port")
    with open(port + ".new", "w", encoding="utf-8") as f:
        f.write("%d\n" % server.sockets[0].getsockname()[1])
    os.rename(port + ".new", port)
    await server.serve_forever()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)
