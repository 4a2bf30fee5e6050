#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# How safewebgate runs commands: words as they are, a clean environment, outputs that are long, strange or held open, many at once, ends on either side.
# A script stands in for safekit.
# shellcheck disable=SC1007,SC1010,SC2012,SC2209,SC2015,SC2016,SC2034,SC2086,SC2119,SC2317	# words of ours in conditions and commands
# shellcheck source-path=SCRIPTDIR source=gate.sh
. "$(dirname "$0")/gate.sh"

rm "$D/safekit"
cat > "$D/safekit" <<END
#!/bin/bash
[ "\$1 \$2 \$3 \$4" = "--role Admin -u u@10.9.8.7" ] || [ "\$1 \$2 \$5" = "--role Control wait" ] || { echo "no role"; exit 99; }
shift 4
case \$1 in
env) env -0 | cut -z -d = -f 1 | sort -z | tr '\\0' ' ' ;;
stdin) cat; pwd; ls /proc/self/fd | tr '\\n' ' ' ;;
words) printf '[%s]' "\$@" ;;
long) head -c 6000000 /dev/zero | tr '\\0' x; echo said >&2 ;;
both) head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2 ;;
strange) printf 'a\\000b\\377\\303\\251\\033[1m' ;;
daemon) sleep 1000 & echo \$! > $D/daemon; echo started ;;
signal) kill -KILL \$\$ ;;
wait) echo x >> $D/waiting; read -r _ < $D/gate.fifo; echo done >> $D/ended ;;
*) exit 3 ;;
esac
END
chmod +x "$D/safekit"
mkfifo "$D/gate.fifo"
export SECRET=of-the-caller SAFEMODULE=m1
start_gate
run() { post "{\"argv\":[$1]}" /commands; }

same "a clean environment" "$(run '"env"' | field 'd["stdout"]')" "HOME LANG PATH PWD SAFE SAFEVAR SHLVL TZ _ "
same "no standard input, no folder and no descriptor of ours" "$(run '"stdin"' | field 'd["stdout"]')" "/
0 1 2 3 "
same "words as they are" "$(run '"words","a b","","$(id)","\u00e9\n","*","--","-x"' | field 'repr(d["stdout"])')" "'[words][a b][][\$(id)][é\\n][*][--][-x]'"
same "status" "$(run '"other"' | field 'd["status"]')" 3
same "a signal" "$(run '"signal"' | field 'd["status"]')" 137
same "what is no text" "$(run '"strange"' | field 'repr(d["stdout"])')" "'a?b?é\\x1b[1m'"
run '"long"' > "$D/long"
same "a long output is cut" "$(field 'len(d["stdout"]), d["stderr"]' < "$D/long")" "(4194304, 'said\\n\\nError: the output was longer than 4 MiB and is cut\\n')"
same "for programs, too" "$(field 'd["truncated"]' < "$D/long")" True
same "both" "$(run '"both"' | field 'len(d["stdout"]), len(d["stderr"]), d["stderr"][-10:]')" "(4194304, 4194304, 'nd is cut\\n')"
t0=$(now_ms)
same "a daemon that holds the output is not waited for" "$(run '"daemon"' | field 'd["stdout"]')" "started"
check "at once" test $(($(now_ms) - t0)) -lt 5000
kill "$(cat "$D/daemon")"

# many at once
: > "$D/waiting"; : > "$D/ended"
ROLE=Control
for i in 1 2 3 4 5 6; do run '"wait"' > "$D/run.$i" & pids="$pids $!"; done
check "six run" until_true 10 eval '[ "$(wc -l < "$D/waiting")" = 6 ]'
same "who is not Admin leaves room for who is" "$(post_code '{"argv":["wait"]}' /commands)" 503
ROLE=Admin
for i in 7 8; do run '"wait"' > "$D/run.$i" & pids="$pids $!"; done
check "eight run" until_true 10 eval '[ "$(wc -l < "$D/waiting")" = 8 ]'
same "a ninth is told to come again" "$(post_code '{"argv":["env"]}' /commands)" 503
same "others are answered meanwhile" "$(code /session)" 200
(exec 5> "$D/gate.fifo"; until [ "$(wc -l < "$D/ended" 2>/dev/null)" = 8 ]; do echo go >&5; sleep 0.02; done)
check "all end" until_true 10 eval '[ "$(grep -l "\"status\":0" "$D"/run.* | wc -l)" = 8 ]'
same "there is room again" "$(post_code '{"argv":["env"]}' /commands)" 200

# ends: whoever asked goes away, the gateway goes away: the command goes on
: > "$D/waiting"; : > "$D/ended"
raw -m 1 -X POST -H "X-Safekit-User: u" -H "X-Safekit-Role: Admin" -H "X-Safekit-Method: file" -H "X-Safekit-Addr: 10.9.8.7" -H "X-Safekit-Csrf: 1" -H 'Content-Type: application/json' \
    -d '{"argv":["wait"]}' http://h/api/v1/commands > /dev/null 2>&1
same "who asked has gone" "$(wc -l < "$D/waiting") $(wc -l < "$D/ended")" "1 0"
run '"wait"' > /dev/null 2>&1 &
check "another command" until_true 10 eval '[ "$(wc -l < "$D/waiting")" = 2 ]'
stop_gate
(exec 5> "$D/gate.fifo"; until [ "$(wc -l < "$D/ended")" = 2 ]; do echo go >&5; sleep 0.02; done)
same "both commands have ended by themselves" "$(wc -l < "$D/ended")" 2
finish_tests
