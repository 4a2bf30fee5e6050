#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Servers among themselves: what is signed is let in, once; what is not, or was changed, is not; strangers cost no place.
# shellcheck disable=SC1007,SC1010,SC2012,SC2209,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=gate.sh
. "$(dirname "$0")/gate.sh"

cat > "$D/node.py" <<'END'
# node.py SOCKET KEY WHAT [ARGS]: requests of a server, written from doc/API.md
import hashlib, hmac, http.client, json, socket, sys, threading
path, key = sys.argv[1], bytes.fromhex(sys.argv[2])

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)

def ask(method, target, body=b"", headers={}):
    c = Unix("h")
    c.request(method, target, body or None, {"X-Safekit-Method": "node", "X-Safekit-Role": "Admin", "X-Safekit-Addr": "10.1.0.12", "X-Safekit-Node": "node2", "X-Safekit-Server": "10.1.0.11", "Content-Type": "application/json", **headers})
    r = c.getresponse()
    return r.status, json.loads(r.read() or b"{}")

def nonce():
    return ask("GET", "/node/api/v1/challenge")[1]["nonce"]

def auth(n, method, target, body=b"", k=key, server="10.1.0.11"):
    text = "safekit-web-2\n%s\n%s\n%s\n%s\n%s\n" % (server, method, target, hashlib.sha256(body).hexdigest(), n)
    return "SafeKit keyid=%s, nonce=%s, mac=%s" % (hashlib.sha256(k).hexdigest()[:8], n, hmac.new(k, text.encode(), "sha256").hexdigest())

def signed(method, target, body=b"", headers={}, n=None, k=key):
    target = "/node/api/v1" + target
    return ask(method, target, body, {"Authorization": auth(n or nonce(), method, target, body, k), **headers})

M, C = "/node/api/v1/modules", "/commands"
cmd = json.dumps({"argv": ["stop", "-m", "m1"]}).encode()
def case(what):
    if what == "read": return signed("GET", "/modules")[0]
    if what == "query": return signed("GET", "/log?last=3&levels=main")[0]
    if what == "command": return signed("POST", C, cmd)
    if what == "session": s = signed("GET", "/session")[1]; return s["user"], s["role"], s["login"]
    if what == "capped":
        s = signed("GET", "/session", headers={"X-Safekit-Role": "Monitor"})[1]
        return s["role"], signed("POST", C, cmd, headers={"X-Safekit-Role": "Monitor"})[0], signed("GET", "/modules", headers={"X-Safekit-Role": "x"})[0], signed("GET", "/modules", headers={"X-Safekit-Role": ""})[0]
    if what == "unsigned": return ask("GET", M)[0]
    if what == "otherkey": return signed("GET", "/modules", k=bytes(32))[0]
    if what == "twice": n = nonce(); return signed("GET", "/modules", n=n)[0], signed("GET", "/modules", n=n)[0]
    if what == "twiceatonce":
        n, got = nonce(), []
        t = [threading.Thread(target=lambda: got.append(signed("POST", C, cmd, n=n)[0])) for i in range(8)]
        [x.start() for x in t], [x.join() for x in t]
        return sorted(got)
    if what == "invented": return signed("GET", "/modules", n="0" * 64)[0], signed("GET", "/modules", n="ab" * 8)[0]
    if what == "otherpath": return ask("GET", "/node/api/v1/nodes", headers={"Authorization": auth(nonce(), "GET", M)})[0]
    if what == "otherquery": return ask("GET", "/node/api/v1/log?last=3", headers={"Authorization": auth(nonce(), "GET", "/node/api/v1/log?last=4")})[0]
    if what == "othermethod": return ask("DELETE", M, headers={"Authorization": auth(nonce(), "GET", M)})[0]
    if what == "otherserver": return ask("GET", M, headers={"Authorization": auth(nonce(), "GET", M, server="10.1.0.12")})[0]
    if what == "noserver": return signed("GET", "/modules", headers={"X-Safekit-Server": ""})[0]
    if what == "zone": return signed("GET", "/modules", headers={"X-Safekit-Server": "10.1.0.11%eth0"})[0]
    if what == "otherbody": return ask("POST", "/node/api/v1/commands", cmd.replace(b"m1", b"m2"), {"Authorization": auth(nonce(), "POST", "/node/api/v1/commands", cmd)})[0]
    if what == "user": return ask("GET", "/api/v1/modules", headers={"Authorization": auth(nonce(), "GET", "/api/v1/modules")})[0]
    if what == "role": return ask("GET", M, headers={"X-Safekit-Role": "Admin", "X-Safekit-User": "u"})[0]
    if what == "name": return signed("GET", "/modules", headers={"X-Safekit-Node": "-u root"})[0]
    if what == "headers": return [signed("GET", "/modules", headers={"Authorization": h})[0] for h in ("", "Basic YTph", "SafeKit", "SafeKit keyid=00000000, nonce=0, mac=0", "SafeKit " + "x" * 5000)]
    if what == "file": return signed("POST", "/files", b"PK\3\4file")[0]
    if what == "told": b = b"PK\3\4file"; return signed("POST", "/files", b, {"X-Safekit-Body": hashlib.sha256(b).hexdigest()})[0]
    if what == "lied": b = b"PK\3\4file"; return ask("POST", "/node/api/v1/files", b"another", {"Authorization": auth(nonce(), "POST", "/node/api/v1/files", b), "X-Safekit-Body": hashlib.sha256(b).hexdigest()})[0]
    if what == "strangers":
        # who sends without a signature that is good holds the one place of his kind, not that of who announces his body
        held = []
        for i in range(6):
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.sendall(("POST /node/api/v1/files HTTP/1.1\r\nHost: h\r\nX-Safekit-Method: node\r\nX-Safekit-Role: Admin\r\nContent-Length: %d\r\nAuthorization: %s\r\n\r\nPK" % (2 if held else 1000000, auth(nonce(), "POST", "/x", b"", bytes(32)))).encode())
            held.append(s)
        held[5].settimeout(10)
        busy = held[5].recv(100)[:12]
        b = b"PK\3\4file"
        return busy, signed("POST", "/files", b, {"X-Safekit-Body": hashlib.sha256(b).hexdigest()})[0], signed("GET", "/modules")[0]
print(case(sys.argv[3]))
END
KEY=$(openssl rand -hex 32)
node() { python3 "$D/node.py" "$D/var/run/web/gateway.sock" "$KEY" "$@" 2>&1; }

start_engine -m 3 -r 4
start_gate
check "the picture arrives" until_true 5 api_is 3 'len(d)' /modules
same "without a key nobody is let in" "$(node read)" 401
has "and it is said" "$(cat "$D/gate.err")" "this server has no key"
echo "$KEY" > "$D/web/conf/node.key"
chmod 600 "$D/web/conf/node.key"
same "a key is in force at once" "$(node read)" 200
same "a query" "$(node query)" 200
same "who it is" "$(node session)" "('node:node2', 'Admin', 'node')"
: > "$D/actions"
has "a command" "$(node command)" "(200, {'status': 0"
has "in the command log" "$(cat "$D/actions")" "command --role Admin -u node:node2@10.1.0.12 stop -m m1"
: > "$D/actions"
same "a port of httpd that takes away" "$(node capped)" "('Monitor', 403, 403, 403)"
same "nothing signed" "$(node unsigned)" 401
same "another key" "$(node otherkey)" 401
same "a number is good once" "$(node twice)" "(200, 401)"
same "also for eight at the same time" "$(node twiceatonce)" "[200, 401, 401, 401, 401, 401, 401, 401]"
same "one command came through" "$(grep -c 'action stop' "$D/actions")" 1
same "an invented number" "$(node invented)" "(401, 401)"
for what in otherpath otherquery otherbody otherserver; do same "a signature for something else: $what" "$(node $what)" 401; done
same "the web server does not say which address was asked" "$(node noserver)" 503
same "a zone is of one end only" "$(node zone)" 200
same "another method" "$(node othermethod)" 405
same "not for the entrance of users" "$(node user)" 401
same "no role helps" "$(node role)" 401
same "a name that is none" "$(node name)" 400
same "headers that are none" "$(node headers)" "[401, 401, 401, 401, 401]"
same "a file" "$(node file)" 201
same "one whose hash is told before" "$(node told)" 201
same "another one than was told" "$(node lied)" 400
same "strangers' bodies have one place" "$(node strangers)" "(b'HTTP/1.1 503', 201, 200)"
check "and it is free again" until_true 10 eval '[ "$(node file)" = 201 ]'
same "what they sent is not kept" "$(ls "$D/var/tmp/web" | wc -l)" 4
echo "nonsense" > "$D/web/conf/node.key"
same "a damaged key is none" "$(node read)" 401
mkdir -p "$D/var/cluster"
openssl rand -hex 32 > "$D/var/cluster/cluster.key"
same "the cluster's key is not the one that signs" "$(KEY=$(cat "$D/var/cluster/cluster.key") node read)" 401
same "no key was told" "$(grep -c "$KEY" "$D/gate.err")" 0
finish_tests
