#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# safewebgate as Apache sees it: who may what, the picture and entity tags, commands and their roles, files, tricks with headers and words, ends.
# shellcheck disable=SC1007,SC1010,SC2012,SC2209,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=gate.sh
. "$(dirname "$0")/gate.sh"

has "a user that is not there" "$("$B/safewebgate" -w nobody.of.that.name 2>&1)" "there is no user nobody.of.that.name"
start_gate
same "without an engine: a session" "$(api /session | field 'd["engine"], d["user"], d["role"]')" "(False, 'u', 'Admin')"
same "and 503 for what it knows" "$(code /modules) $(code /snapshot) $(code /log)" "503 503 503"
start_engine -m 3 -r 4 -s 41
check "the picture arrives" until_true 5 api_is 3 'len(d)' /modules

# ---- the socket ----
same "the socket is the web server's alone" "$(stat -c '%a %U' "$D/var/run/web/gateway.sock")" "600 $(id -un)"
same "its folder can be entered" "$(stat -c %a "$D/var/run/web")" 755
same "a second one does not take its place" "$("$B/safewebgate" -w "$(id -un)" 2>&1 | grep -c 'runs already')" 1
child=$(pgrep -P $GATE_PID | head -n 1)
same "the half that speaks HTTP has no way to new privileges" "$(awk '/NoNewPrivs/ { print $2 }' "/proc/$child/status")" 1

# ---- who ----
same "nobody" "$(raw -o /dev/null -w '%{http_code}' http://h/api/v1/modules)" 401
same "a user without a role" "$(ROLE=Nothing code /modules)" 403
same "roles are words" "$(ROLE=admin code /modules) $(ROLE= code /modules)" "403 403"
same "a role twice" "$(code -H 'X-Safekit-Role: Admin' /modules)" 400
same "a user twice, in other letters" "$(code -H 'x-safekit-USER: root' /modules)" 400
same "a user by the login of servers" "$(raw -o /dev/null -w '%{http_code}' -H 'X-Safekit-User: u' -H 'X-Safekit-Role: Admin' -H 'X-Safekit-Method: node' http://h/api/v1/modules)" 401
same "the servers' entrance with the login of users" "$(raw -o /dev/null -w '%{http_code}' -H 'X-Safekit-User: u' -H 'X-Safekit-Role: Admin' -H 'X-Safekit-Method: file' http://h/node/api/v1/modules)" 403
for r in Monitor Control Admin; do
	same "role $r reads modules, the command log, files" "$(ROLE=$r code /modules) $(ROLE=$r code /commands) $(ROLE=$r code /modules/m1/files)" \
	    "200 $([ $r = Monitor ] && echo 403 || echo 200) $([ $r = Admin ] && echo 404 || echo 403)"
	same "role $r starts a module" "$(ROLE=$r post_code '{"action":"start"}' /modules/m1/actions)" "$([ $r = Monitor ] && echo 403 || echo 200)"
	same "role $r runs safekit start, safekit state" "$(ROLE=$r post_code '{"argv":["start","-m","m1"]}' /commands) $(ROLE=$r post_code '{"argv":["state"]}' /commands)" \
	    "$([ $r = Monitor ] && echo 403 || echo 200) 200"
done

# ---- the picture ----
same "a module" "$(api /modules/m1 | field 'd["state"]')" PRIM
same "one that is not there" "$(code /modules/m9) $(code /modules/m9/resources) $(code /modules/m9/log)" "404 404 404"
same "its resources" "$(api /modules/m2/resources | field 'len(d), d[0]["module"]')" "(4, 'm2')"
same "all resources, of one" "$(api /resources | field 'len(d)') $(api '/resources?module=m3' | field 'len(d)')" "12 4"
same "nodes, shares, engine" "$(api /nodes | field 'len(d)') $(api /shares | field 'd[0]["buckets"]') $(api /engine | field 'd["node"]')" "2 128 node1"
same "the whole" "$(api /snapshot | field 'sorted(d), len(d["resources"]), d["engine"]["node"]')" \
    "(['engine', 'event_id', 'modules', 'nodes', 'remotes', 'resources', 'shares'], 12, 'node1')"
tag=$(api -D - -o /dev/null /modules | sed -n 's/^ETag: \(.*\)\r$/\1/p')
same "unchanged" "$(code -H "If-None-Match: $tag" /modules) $(code -H 'If-None-Match: "other"' /modules)" "304 200"
tell module 1 state ALONE
check "changed" until_true 5 api_is ALONE 'd["state"]' /modules/m1
same "and that is another tag" "$(code -H "If-None-Match: $tag" /modules)" 200
same "HEAD has no body" "$(api -I /modules | grep -ci '^content-type: application/json')" 1
tell resource 1 1 down
check "a resource" until_true 5 api_is down '[x["value"] for x in d if x["index"] == 1][0]' /modules/m1/resources
tell module-del 3
check "a module that is no more, and its resources" until_true 5 api_is 8 'len(d)' /resources
same "is not there" "$(code /modules/m3)" 404

# ---- what the engine is asked ----
same "log" "$(api '/modules/m1/log?last=3' | field '[x["message"] for x in d]')" "['line 8', 'line 9', 'line 10']"
same "explain, history, notices, cluster" "$(code /modules/m1/explain) $(code /modules/m1/resources/intf.10.0.1.0/history) $(code /notices) $(code /cluster)" "200 200 200 200"
tell refuse refused no
same "other ways of saying no" "$(post_code '{"action":"stop"}' /modules/m1/actions)" 200
tell accept

# ---- commands ----
: > "$D/actions"
same "a command" "$(post '{"argv":["start","-m","m1"]}' /commands | field 'd["status"], d["stdout"]')" "(0, '')"
has "in the command log with user and address" "$(cat "$D/actions")" "command --role Admin -u u@10.9.8.7 start -m m1"
has "the engine hears who it was" "$(cat "$D/actions")" "action start m1 u@10.9.8.7"
has "and the file" "$(tail -n 1 "$D/var/commandlog")" "return 0"
same "one that fails" "$(post '{"argv":["waitstart"]}' /commands | field 'd["status"], d["stderr"][:6]')" "(2, 'Error:')"
same "a command is not a shell" "$(post '{"argv":["printi","-m","m1","$(touch /tmp/x); `id`"]}' /commands | field 'd["stderr"]')" \
    "Error: not served by fake_engine"
same "a detector's name from elsewhere" "$(post_code '{"argv":["stop","-m","m1","-i","errd"]}' /commands)" 403
same "a second role" "$(ROLE=Monitor post_code '{"argv":["--role","Admin","stop","-m","m1"]}' /commands) $(ROLE=Monitor post_code '{"argv":["stop","-m","m1","--role","Admin"]}' /commands)" "200 200"
has "is a typing error" "$(ROLE=Monitor post '{"argv":["stop","-m","m1","--role","Admin"]}' /commands | field 'd["status"], d["stderr"]')" "option --role twice"
has "another user" "$(post '{"argv":["stop","-u","root","-m","m1"]}' /commands | field 'd["stderr"]')" "option -u twice"
for verb in -r -p logview incloop webserver -H -E -G --pack --man; do
	case $(post_code "{\"argv\":[\"$verb\",\"id\"]}" /commands) in
	403) pass "safekit $verb is for the server itself" ;;
	200) has "safekit $verb is for the server itself" "$(post "{\"argv\":[\"$verb\",\"id\"]}" /commands | field 'd["status"] != 0')" True ;;
	*) fail "safekit $verb is for the server itself" ;;
	esac
done
same "-r behind a module" "$(post_code '{"argv":["-m","m1","-r","id"]}' /commands)" 403
same "what nobody should see was not run" "$(grep -c 'action stop' "$D/actions")" 0
same "a file of somebody else" "$(post_code '{"argv":["cluster","config","@file:00000000000000000000000000000000"]}' /commands)" 422
same "a path instead of a file's name" "$(post_code '{"argv":["cluster","config","@file:../../etc/passwd"]}' /commands)" 422
same "our own word" "$(post_code '{"argv":["module","package","-m","m1","@new:safe"]}' /commands)" 422
same "files are for Admin" "$(ROLE=Control post_code '{"argv":["state","@file:00000000000000000000000000000000"]}' /commands)" 403
same "NUL" "$(post_code '{"argv":["state\u0000"]}' /commands)" 400
same "too many words" "$(post_code "{\"argv\":[$(seq -s, 65)]}" /commands)" 422
same "fullsync where it has no sense" "$(post_code '{"action":"stop","fullsync":true}' /modules/m1/actions)" 422
post '{"value":"down"}' -X PUT /modules/m1/resources/custom.x > /dev/null
has "a resource is set in the user's name" "$(cat "$D/actions")" "set m1 u@10.9.8.7"

# ---- tricks of other sites' pages ----
same "no header of ours" "$(raw -o /dev/null -w '%{http_code}' -H 'X-Safekit-User: u' -H 'X-Safekit-Role: Admin' -H 'X-Safekit-Method: file' -H 'Content-Type: application/json' \
    -d '{"action":"stop"}' http://h/api/v1/modules/m1/actions)" 403
same "another origin" "$(post_code '{"action":"start"}' -H 'Origin: https://evil.example' /modules/m1/actions)" 403
same "no origin" "$(post_code '{"action":"start"}' -H 'Origin: null' /modules/m1/actions)" 403
same "ours" "$(post_code '{"action":"start"}' -H 'Origin: http://localhost' /modules/m1/actions)" 200
same "ours by another way" "$(post_code '{"action":"start"}' -H 'Origin: https://ha.example:9453' -H 'X-Forwarded-Host: ha.example:9453' /modules/m1/actions)" 200
same "what the browser says" "$(post_code '{"action":"start"}' -H 'Sec-Fetch-Site: cross-site' /modules/m1/actions)" 403
same "also for what only reads" "$(code -H 'Sec-Fetch-Site: cross-site' /modules) $(code -H 'Sec-Fetch-Site: same-site' /modules) $(code -H 'Sec-Fetch-Site: same-origin' /modules)" "403 403 200"
same "a form's type" "$(code -X POST -H 'Content-Type: text/plain' -d '{"action":"start"}' /modules/m1/actions)" 415
same "no permission for other sites" "$(api -i -X OPTIONS /modules | grep -ci access-control)" 0

# ---- sizes ----
head -c 70000 /dev/zero | tr '\0' x > "$D/big"
same "a body that is too long" "$(code -X POST -H 'Content-Type: application/json' --data-binary @"$D/big" /commands)" 413
same "and one that does not say how long it is" "$(code -X POST -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary @"$D/big" /commands)" 413
same "a path that is too long" "$(code "/modules/$(head -c 4200 "$D/big")")" 400
same "a body where there is none" "$(code -X GET -d x /modules)" 400
truncate -s 67108865 "$D/huge"
same "a file that is too long" "$(code -X POST --data-binary @"$D/huge" /files)" 413
same "nothing is left of it" "$(ls "$D/var/tmp/web" | wc -l)" 0

# ---- files ----
printf 'PK\003\004rest' > "$D/zip"
token=$(api -X POST --data-binary @"$D/zip" /files | field 'd["file"]')
same "a file is root's" "$(stat -c '%a %U' "$D/var/tmp/web/$token.zip") $(stat -c %a "$D/var/tmp/web")" "600 $(id -un) 700"
same "what was sent is there" "$(cmp "$D/zip" "$D/var/tmp/web/$token.zip" && echo same)" same
has "a command gets its path" "$(post "{\"argv\":[\"cluster\",\"config\",\"@file:$token\"]}" /commands | field 'd["stderr"]')" "$D/var/tmp/web/$token.zip"
same "its end as it is told" "$(api -X POST -d '<x/>' '/files?type=safe' > /dev/null; ls "$D/var/tmp/web" | sed 's/.*\.//' | sort | tr '\n' ' ')" "safe zip "
for i in 1 2 3 4 5 6; do api -o /dev/null -X POST -d '<x/>' /files; done
same "eight of them" "$(ls "$D/var/tmp/web" | wc -l) $(code -X POST -d '<x/>' /files)" "8 503"
same "one goes" "$(code -X DELETE "/files/$token") $(code -X DELETE "/files/$token") $(ls "$D/var/tmp/web" | wc -l)" "204 404 7"
same "and another comes" "$(code -X POST -d '<x/>' /files)" 201
for f in "$D"/var/tmp/web/*; do f=${f##*/}; api -X DELETE "/files/${f%.*}"; done

# ---- a module's files, with the real safekit ----
mkdir -p "$D/modules/m1/conf" "$D/modules/m1/bin"
echo '<safe/>' > "$D/modules/m1/conf/userconfig.xml"
ln -s /etc/passwd "$D/modules/m1/bin/link"
same "the list has no links" "$(api /modules/m1/files | field '[x["path"] for x in d]')" "['conf/userconfig.xml']"
same "nor are they followed" "$(code /modules/m1/files/bin/link)" 404
same "nor others out of the module" "$(code /modules/m1/files/..%2f..%2fsafekit) $(code /modules/m1/files/../../x) $(code /modules/m1/files/conf/../../x)" "400 400 400"
same "a file" "$(api /modules/m1/files/conf/userconfig.xml)" '<safe/>'
tag=$(api -D - -o /dev/null /modules/m1/files/conf/userconfig.xml | sed -n 's/^ETag: \(.*\)\r$/\1/p')
same "is changed" "$(api -X PUT -H "If-Match: $tag" -d '<safe></safe>' /modules/m1/files/conf/userconfig.xml | field 'd["status"]')$(cat "$D/modules/m1/conf/userconfig.xml")" '0<safe></safe>'
same "but not twice from the same" "$(code -X PUT -H "If-Match: $tag" -d '<x/>' /modules/m1/files/conf/userconfig.xml)" 412
same "a new one" "$(api -X PUT -H 'If-None-Match: *' -d '#!/bin/sh' /modules/m1/files/bin/start_prim | field 'd["status"]') $(stat -c %a "$D/modules/m1/bin/start_prim")" "0 755"
same "that is there" "$(code -X PUT -H 'If-None-Match: *' -d x /modules/m1/files/bin/start_prim)" 412
same "over a link" "$(api -X PUT -d x /modules/m1/files/bin/link | field 'd["status"]') $(grep -c root: /etc/passwd)" "0 1"
same "removed" "$(api -X DELETE /modules/m1/files/bin/start_prim | field 'd["status"]') $(code /modules/m1/files/bin/start_prim)" "0 404"
has "changes are in the command log" "$(cat "$D/var/commandlog")" "module putfile -m m1 bin/start_prim"
same "what was sent for it is gone" "$(ls "$D/var/tmp/web" | wc -l)" 0
ln -sf /etc/passwd "$D/modules/m1/bin/link"
same "a package with a link in it" "$(code /modules/m1/package)" 409
rm "$D/modules/m1/bin/link"
same "the module as a package" "$(api -o "$D/p.safe" -w '%{http_code} %{content_type}' /modules/m1/package) $(python3 -m zipfile -l "$D/p.safe" | grep -c userconfig)" "200 application/zip 1"
same "of none" "$(code /modules/nothing/package)" 409
same "back again" "$(api -X PUT --data-binary @"$D/p.safe" '/modules/m7/package?id=7' | field 'd["status"], d["stderr"]')" "(0, '')"
same "is there" "$(cat "$D/modules/m7/conf/userconfig.xml")" '<safe></safe>'
same "what is no package" "$(code -X PUT -d 'no zip' /modules/m8/package)" 422

# ---- ends ----
kill -KILL $ENGINE_PID
check "without the engine: nothing that may be old" until_true 5 eval '[ "$(code /modules)" = 503 ]'
ENGINE_PID=""
start_engine -m 3 -r 4
check "it comes back" until_true 5 api_is PRIM 'd["state"]' /modules/m1
kill -KILL "$child"
check "one half dies, the other with it" until_true 5 eval '! kill -0 $GATE_PID'
same "the socket is gone" "$(ls "$D/var/run/web" | tr '\n' ' ')" "gateway.lock "
wait $GATE_PID 2>/dev/null
start_gate
check "another one starts" until_true 5 api_is PRIM 'd["state"]' /modules/m1
same "without the files of the former" "$(ls "$D/var/tmp/web" | wc -l)" 0
child=$(pgrep -P $GATE_PID | head -n 1)
kill -KILL $GATE_PID
check "the other half dies, the one with it" until_true 5 eval '! kill -0 $child'
start_gate
stop_gate
same "SIGTERM ends it, and it tidies up" "$(ls "$D/var/run/web" | tr '\n' ' ')$(ls "$D/gate.pid" 2>/dev/null)" "gateway.lock "
finish_tests
