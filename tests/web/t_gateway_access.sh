#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The access matrix of the gateway: every operation of the OpenAPI document x every role x every login that Apache may tell, and both entrances.
# shellcheck disable=SC1007,SC1010,SC2012,SC2209,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=gate.sh
. "$(dirname "$0")/gate.sh"

cat > "$D/matrix.py" <<'END'
import http.client, json, socket, sys
path = sys.argv[1]
ROLES = ["", "none", "Monitor", "Control", "Admin", "admin", "Admin, Monitor"]
RANK = {"none": 0, "Monitor": 1, "Control": 2, "Admin": 3}
LOGINS = ["file", "ldap", "openid", "certificate", "none", "node", "", None]
VALUES = {"module": "m1", "resource": "custom.x", "token": "0" * 32, "path": "conf/userconfig.xml"}

class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)

def ask(method, target, headers, body):
    c = Unix("h")
    c.request(method, target, body, headers)
    r = c.getresponse()
    if r.headers.get("Content-Type") != "text/event-stream":
        r.read()
    c.close()
    return r.status

def headers(user, role, login):
    h = {"X-Safekit-Csrf": "1", "X-Safekit-Addr": "10.0.0.1"}
    h.update({k: v for k, v in (("X-Safekit-User", user), ("X-Safekit-Role", role), ("X-Safekit-Method", login)) if v is not None})
    return h

def document():
    c = Unix("h")
    c.request("GET", "/api/v1/openapi.json", headers=headers("u", "Admin", "file"))
    return json.loads(c.getresponse().read())

wrong, count = [], 0
for p, item in document()["paths"].items():
    for method, op in item.items():
        target, need, body, more = p.format(**VALUES), RANK[op["x-safekit-role"]], None, {}
        content = op.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            # what is let in is refused for its content: the matrix changes nothing
            body, more = b"{}", {"Content-Type": "application/json"}
        elif content:
            body = b"x"
        if target == "/cluster/config" and method == "put":
            more["If-Match"] = '"' + "0" * 64 + '"'
        for login in LOGINS:
            for role in ROLES:
                for user in ("u", None):
                    status = ask(method.upper(), "/api/v1" + target, {**headers(user, role, login), **more}, body)
                    count += 1
                    known = user is not None and login not in (None, "", "node")
                    if not known:
                        good = status == 401
                    elif RANK.get(role, 0) == 0:
                        good = status == 403
                    elif need == 0:
                        good = status == 404  # the challenge is for servers
                    elif RANK[role] < need:
                        good = status == 403
                    else:
                        good = status not in (401, 403) and status < 500
                    if not good:
                        wrong.append("%s %s user %s role %r login %s: %d" % (method, target, user, role, login, status))
                    # the servers' entrance: nobody without a signature, and with one no more than httpd's role for the port
                    status = ask(method.upper(), "/node/api/v1" + target, {**headers(user, role, login), **more}, body)
                    count += 1
                    if status != (403 if login != "node" else 200 if need == 0 else 403 if RANK.get(role, 0) < need else 401):
                        wrong.append("%s /node%s user %s role %r login %s: %d" % (method, target, user, role, login, status))
print("\n".join("# " + w for w in wrong[:20]))
print("%d requests, %d wrong" % (count, len(wrong)))
sys.exit(1 if wrong else 0)
END

start_engine -m 3 -r 4
start_gate
check "the picture arrives" until_true 5 api_is 3 'len(d)' /modules
: > "$D/actions"
check "every operation x every role x every login" python3 "$D/matrix.py" "$D/var/run/web/gateway.sock"
same "no command came of it that changes the engine" "$(grep -c '^action' "$D/actions")" 0

# every command of safekit x every role: the table of verbs decides
for role in Monitor Control Admin; do
	: > "$D/denied"
	"$B/safekit" help | sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)\{0,1\}\)  .*/\1/p' | while read -r a b; do
		[ "$(ROLE=$role post_code "{\"argv\":[\"$a\"${b:+,\"$b\"},\"too\",\"many\",\"words\",\"for\",\"all\"]}" /commands)" != 403 ] || echo "$a${b:+ $b}" >> "$D/denied"
	done
	cp "$D/denied" "$D/denied.$role"
done
same "what Control may not, Monitor may not" "$(grep -vxFc -f "$D/denied.Monitor" "$D/denied.Control")" 0
same "what Admin may not, Control may not" "$(grep -vxFc -f "$D/denied.Control" "$D/denied.Admin")" 0
for verb in start stop swap prim "module install" "cluster config" config kill; do check "Monitor may not: $verb" grep -qx "$verb" "$D/denied.Monitor"; done
for verb in "module install" "cluster config" config kill snapshot logsave; do check "Control may not: $verb" grep -qx "$verb" "$D/denied.Control"; done
for verb in logview incloop; do check "nobody may: $verb" grep -qx "$verb" "$D/denied.Admin"; done
note "not for Admin from elsewhere: $(paste -sd , "$D/denied.Admin")"
finish_tests
