#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# safemail and systemd-journald, alone in a mount namespace: what the engine writes comes into mails once, through rotations, a restart of
# journald and kills of safemail.
# shellcheck disable=SC2119,SC2317	# options that a test does not use; functions that check calls
if [ -z "${MAIL_TEST_NS:-}" ]; then
	S=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
	. "$S/tests/lib/tap.sh"
	[ -x /lib/systemd/systemd-journald ] || tap_skip_all "systemd-journald is not installed"
	if [ "$(id -u)" = 0 ]; then how="unshare -m"; else how="unshare -Urm"; fi
	$how sh -c 'mount -t tmpfs tmpfs /run' 2>/dev/null || tap_skip_all "no mount namespace can be made here"
	MAIL_TEST_NS=1 exec $how "$0" "$@"
fi
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"
grep -q '^#define HAVE_JOURNAL' "$B/config.h" || tap_skip_all "safemail was built --without-journal"
[ -x "$B/tests/agent/say_log" ] || tap_skip_all "say_log was not built"

mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log || exit
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nReadKMsg=no\nAudit=no\n' >"$D/journald.conf"
mount --bind "$D/journald.conf" /etc/systemd/journald.conf || exit
start_journald() {
	/lib/systemd/systemd-journald 2>>"$D/journald.log" &
	PID[journald]=$!
	until_ok 10 test -S /run/systemd/journal/socket || { tap_not_ok "journald begins" "$(cat "$D/journald.log")"; exit 1; }
}
start_smtp box
conf <<END
$(server_lines box)
[mail]
source = journal
from = safekit@example.org
node = node1
[rule all]
to = admin@example.org
window = 0
max-per-hour = 0
rows = 10000
END
# before journald is there: it says so, and waits
"$SAFEMAIL" -v --no-drop -c "$D/safemail.conf" -d "$D/spool" 2>>"$D/safemail.log" &
MAIL_PID=$!
check "no journal is told" until_ok 10 grep -q "journal: no file that this user may read\|no journal and neither" "$D/safemail.log"
start_journald
until_ok 20 cursor_is_kept || { tap_not_ok "safemail begins" "$(cat "$D/safemail.log")"; exit 1; }
said() { local f; for f in "$D"/box/*.eml; do [ ! -e "$f" ] || text_of "$f"; done | sed -nE 's/.* heart +C +message ([0-9]+) .*/\1/p' | sort -n; }
said_is() { [ "$(said | paste -sd ' ')" = "$(seq -s ' ' 1 "$1")" ]; }
check_said() { until_ok 30 said_is "$1"; check_is "$(said | wc -l) $(said | sort -nu | wc -l)" "$1 $1" "$2"; }

"$B/tests/agent/say_log" 1 3
check_said 3 "the engine's messages"
check_is "$(text_of "$D/box/1.eml" | grep -c "^n1 .* AM .* heart .* C .* 533$")" "$(text_of "$D/box/1.eml" | grep -c 'message [0-9]')" "with all columns"
# the time is that of the event, not of the journal: say_log says it happened in the year 2023
check "and the engine's time" grep -q "2023-11-14T22:13:2" <(text_of "$D/box/1.eml")
kill -USR2 "${PID[journald]}"
"$B/tests/agent/say_log" 4 200
check_said 200 "a rotation in between"
stop_mail KILL
"$B/tests/agent/say_log" 201 300
kill -USR2 "${PID[journald]}"
"$B/tests/agent/say_log" 301 400
start_mail
check_said 400 "killed: it goes on where it was"
stop_pid "${PID[journald]}"
"$B/tests/agent/say_log" 401 410 &	# waits in the engine's queue until journald is there
PID[say]=$!
start_journald
wait "${PID[say]}"
unset "PID[say]"
check_said 410 "journald was away"
if command -v logger >/dev/null; then
	logger -u /run/systemd/journal/dev-log -t safekit -- "| AM | heart | C | message 411 | 533"
	check_said 411 "and a message that came through /dev/log"
fi
check_status 0 "it ends" stop_mail
tap_done
