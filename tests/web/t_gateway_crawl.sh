#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The API against itself: every operation of its OpenAPI document with right and wrong types, sizes and orders, and whatever HTTP allows: 4xx,
# never 5xx, never an end.  CRAWL: how many requests; SEED: which (said when it fails).
# shellcheck disable=SC1007,SC1010,SC2012,SC2209,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=gate.sh
. "$(dirname "$0")/gate.sh"

start_engine -m 3 -r 4
start_gate
check "the picture arrives" until_true 5 api_is 3 'len(d)' /modules
for m in m1 m2; do mkdir -p "$D/modules/$m/conf"; echo '<safe/>' > "$D/modules/$m/conf/userconfig.xml"; done
SEED=${SEED:-$(date +%s)}
child=$(pgrep -P $GATE_PID | head -n 1)
fds() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
before=$(fds "$child") parents=$(fds $GATE_PID)
check "${CRAWL:-1500} requests, seed $SEED" python3 "$S/tests/web/crawl.py" "$D/var/run/web/gateway.sock" "$SEED" "${CRAWL:-1500}"
check "the same two processes serve" kill -0 "$child" $GATE_PID
check "with as many descriptors as before" until_true 40 eval '[ "$(fds $child)" -le $((before + 2)) ] && [ "$(fds $GATE_PID)" -le $((parents + 1)) ]'
same "and answer" "$(code /modules)" 200
same "the document names every route of the program" "$(api /openapi.json | field 'sum(len(i) for i in d["paths"].values())')" "$("$B/safewebgate" --routes | grep -c '^| [A-Z]* `')"
same "doc/API.md has them, too" "$("$B/safewebgate" --routes | while IFS= read -r line; do grep -qF -- "$line" "$S/doc/API.md" || echo "$line"; done)" ""

# what is no HTTP
cat > "$D/noise.py" <<'END'
import os, random, socket, sys
rng = random.Random(int(sys.argv[2]))
parts = [b"GET /api/v1/modules HTTP/1.1\r\n", b"POST /api/v1/commands HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 10\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n",
    b"X-Safekit-Role: Admin\r\n", b"X-Safekit-User: u\r\n", b"\r\n", b"zzz\r\n", b"\0", b"GET http://a/b HTTP/9.9\r\n", b"A: " + b"b" * 20000 + b"\r\n", b" X: y\r\n", b"Expect: 100-continue\r\n"]
for i in range(400):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    try:
        s.sendall(b"".join(rng.choice(parts) for _ in range(rng.randrange(1, 9))) + os.urandom(rng.randrange(20)))
        s.shutdown(socket.SHUT_WR)
        s.settimeout(0.01)
        s.recv(100)
    except OSError:
        pass
    s.close()
END
python3 "$D/noise.py" "$D/var/run/web/gateway.sock" "$SEED"
check "after 400 connections of noise the same two processes serve" kill -0 "$child" $GATE_PID
same "and answer" "$(code /modules)" 200
check "what they held is given back" until_true 40 eval '[ "$(fds $child)" -le $((before + 2)) ]'
same "nothing was said of a fault" "$(grep -ciE 'sanitizer|assert|abort|fault' "$D/gate.err")" 0
finish_tests
