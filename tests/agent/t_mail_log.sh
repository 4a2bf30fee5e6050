#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Where safemail reads: a file of syslog through rotations, also while it was away; a socket; rsyslog; journald with what the engine writes, through
# rotation and restart.  Each message is in a mail once.
# shellcheck disable=SC2119,SC2129,SC2317	# options that a test does not use; functions that check calls
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"

start_smtp box
LOG=$D/log/syslog
mkdir -p "$D/log"
source_is() {
	conf <<-END
		$(server_lines box)
		[mail]
		source = $1
		from = safekit@example.org
		node = node1
		[rule all]
		to = admin@example.org
		window = 0
		max-per-hour = 0
	END
}
line() { printf '%s n1 safekit: | mirror | heart | C | %s | 533\n' "$(date +%Y-%m-%dT%H:%M:%S.%6N%:z)" "$1"; }
# the messages of all mails, in the order of the events
told() { local f; for f in "$D"/box/*.eml; do [ ! -e "$f" ] || text_of "$f"; done | sed -nE 's/.*heart +C +(event [^ ]*) .*/\1/p' | sort -V; }
told_is() { [ "$(told)" = "$(printf 'event %s\n' "$@")" ]; }
check_told() {	# check_told NAME EVENT...
	local name=$1
	shift
	until_ok 15 told_is "$@"
	check_is "$(told)" "$(printf 'event %s\n' "$@")" "$name"
}
again() { stop_mail; rm -rf "$D/spool" "$D"/box/*.eml; : >"$D/box/taken"; }

# ---- a file ----
source_is "file:$LOG"
line "event 0" >"$LOG"
start_mail
line "event 1" >>"$LOG"
check_told "a line that is added" 1
printf '%s' "$(line "event 2")" >>"$LOG"
line "x" | head -c 0 >>"$LOG"
mv "$LOG" "$LOG.1"
printf '\n' >>"$LOG.1"
line "event 3" >>"$LOG.1"
line "event 4" >"$LOG"
check_told "a rotation: the old file to its end, then the new one" 1 2 3 4
# logrotate: the new file is there before the syslog daemon uses it
looked_again() {	# safemail has read all that there was; a configuration that it does not take is told behind it
	local n
	n=$(grep -c "configuration stays" "$D/safemail.log")
	cp "$D/safemail.conf" "$D/good.conf"
	echo nonsense >"$D/safemail.conf"
	kill -HUP "$MAIL_PID"
	until_ok 10 sh -c "[ \$(grep -c 'configuration stays' $D/safemail.log) -gt $n ]"
	kill -HUP "$MAIL_PID"
	until_ok 10 sh -c "[ \$(grep -c 'configuration stays' $D/safemail.log) -gt $((n + 1)) ]"
	mv "$D/good.conf" "$D/safemail.conf"
}
rm "$LOG.1"
mv "$LOG" "$LOG.1"
: >"$LOG"
looked_again
line "event 4a" >>"$LOG.1"
cp "$LOG.1" "$LOG.save"
line "event 4b" >>"$LOG"
check_told "what is still written to the old file when there is a new one; a copy is not read" 1 2 3 4 4a 4b
rm "$LOG.save"
stop_mail
line "event 5" >>"$LOG"
mv "$LOG.1" "$LOG.2"; mv "$LOG" "$LOG.1"
line "event 6" >"$LOG"
mv "$LOG.2" "$LOG.3"; mv "$LOG.1" "$LOG.2"; mv "$LOG" "$LOG.1"
line "event 7" >"$LOG"
start_mail
check_told "two rotations while it was away" 1 2 3 4 4a 4b 5 6 7
cp "$LOG" "$LOG.copy"; : >"$LOG"
line "event 8" >>"$LOG"
check_told "a file that is cut in place" 1 2 3 4 4a 4b 5 6 7 8
stop_mail
rm -f "$LOG.copy"
line "event 8a" >>"$LOG"
cp "$LOG" "$LOG.1"; : >"$LOG"
line "event 8b" >>"$LOG"
start_mail
check_told "a file that was cut while it was away: its copy to the end, then what is new" 1 2 3 4 4a 4b 5 6 7 8 8a 8b
stop_mail KILL
rm -f "$LOG" "$LOG".*
line "event 9" >"$LOG"
start_mail
check_told "files that were removed while it was away: what is there" 1 2 3 4 4a 4b 5 6 7 8 8a 8b 9
check "and it is told" grep -q "not there any more" "$D/safemail.log"
head -c 300000 /dev/zero | tr '\0' x >>"$LOG"
printf '\n' >>"$LOG"
line "event 10" >>"$LOG"
check_told "behind a line that is too long" 1 2 3 4 4a 4b 5 6 7 8 8a 8b 9 10
again
rm -f "$LOG" "$LOG".*; : >"$LOG"
start_mail
stop_mail
line "event 1" >>"$LOG"; mv "$LOG" "$LOG.1"; line "event 2" >"$LOG"
start_mail
check_told "a file that was empty when it was left, and was rotated" 1 2
again

# ---- a socket ----
if command -v logger >/dev/null; then
	source_is "socket:$D/log/socket"
	start_mail
	logger -u "$D/log/socket" --rfc3164 -t safekit -- "| mirror | heart | C | event 1 | 533"
	logger -u "$D/log/socket" --rfc5424 -t safekit -- "| mirror | heart | C | event 2 | 533"
	check_told "a socket, both formats" 1 2
	again
else
	tap_skip "a socket" "no logger here"
fi

# ---- rsyslog ----
RSYSLOGD=/usr/sbin/rsyslogd
if [ -x $RSYSLOGD ]; then
	cat >"$D/rsyslog.conf" <<-END
		module(load="imuxsock" SysSock.Use="off")
		input(type="imuxsock" Socket="$D/log/devlog")
		*.* action(type="omfile" file="$LOG" template="${TEMPLATE:-RSYSLOG_FileFormat}")
	END
	rm -f "$LOG"; : >"$LOG"
	source_is "file:$LOG"
	$RSYSLOGD -n -f "$D/rsyslog.conf" -i "$D/rsyslog.pid" 2>"$D/rsyslog.err" &
	PID[rsyslog]=$!
	check "rsyslogd begins" until_ok 10 test -S "$D/log/devlog"
	start_mail
	logger -u "$D/log/devlog" -t safekit -- "| mirror | heart | C | event 1 | 533"
	check_told "through rsyslog" 1
	again
	stop_pid "${PID[rsyslog]}"
	unset "PID[rsyslog]"
else
	tap_skip "rsyslog" "rsyslog is not installed"
fi
tap_done
