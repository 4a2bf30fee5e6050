#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What safemail keeps: windows over a kill, a full disk, a damaged spool, a rule that is gone, the bound of the queue, --dry-run.
# shellcheck disable=SC2119,SC2317	# options that a test does not use; functions that check calls
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"

start_journal
start_smtp box
settings() {	# settings LINES...: [mail] and what follows
	conf <<-END
		$(server_lines box)
		[mail]
		source = journal:$D/journal
		from = safekit@example.org
		node = node1
		retry = 1s
		$(printf '%s\n' "$@")
	END
}
bodies() { local f; for f in "$D"/box/*.eml; do [ ! -e "$f" ] || text_of "$f"; done; }
events() { bodies | sed -nE 's/.* (event [0-9]+) .*/\1/p' | sort -V; }
events_are() { [ "$(events | paste -sd ,)" = "$(seq -f 'event %g' -s , "$1")" ]; }
rows_are() { [ "$(spool 'SELECT count(*) FROM event')" = "$1" ]; }
queue_is() { [ "$(queue | tail -n 1)" = "$1" ]; }
box_is_empty() { rm -f "$D"/box/*.eml; }

# ---- a window outlives the process ----
settings "[rule all]" "to = admin@example.org" "window = 1h"
start_mail
entry m C 533 "event 1"
check "an event is on the disk" until_ok 10 rows_are 1
stop_mail KILL
entry m C 533 "event 2"
start_mail
check "killed: the window is still open" until_ok 10 rows_are 2
settings "[rule other]" "to = other@example.org" "window = 1s"
kill -HUP "$MAIL_PID"
check "the rule is gone: its window becomes the first rule's" until_ok 10 events_are 2
check_is "$(cut -d' ' -f 2 "$D/box/taken")" other@example.org "and that rule's recipient has it"
printf 'nonsense\n' >"$D/safemail.conf"
kill -HUP "$MAIL_PID"
check "a wrong configuration is told" until_ok 10 grep -q 'safemail.conf: line 1: "nonsense": expected' "$D/safemail.log"
entry m C 533 "event 3"
check "and not used" until_ok 10 events_are 3
stop_mail
box_is_empty

# ---- the queue's bound: what does not fit stays in its window ----
stop_smtp box
settings "queue-max = 2" "[rule all]" "to = admin@example.org" "window = 0" "max-per-hour = 0"
start_mail
entry m C 533 "event 1"
check "one waits" until_ok 10 queue_is "1 waiting, 0 refused"
entry m C 533 "event 2"
check "two wait" until_ok 10 queue_is "2 waiting, 0 refused"
for i in 3 4 5; do entry m C 533 "event $i"; done
check "the others stay in their window" until_ok 10 rows_are 3
check_is "$(queue | tail -n 1)" "2 waiting, 0 refused" "and in the bound"
check "a full queue is told" until_ok 10 grep -q "queue is full" "$D/safemail.log"
start_smtp box
check "all come when the server is back" until_ok 40 events_are 5
check_is "$(find "$D/box" -name '*.eml' | wc -l)" 3 "in three mails"
stop_mail
box_is_empty

# ---- a clock that is set back: what was put off by the old time is not put off by the difference ----
stop_smtp box
settings "[rule all]" "to = admin@example.org" "window = 0" "max-per-hour = 0"
start_mail
entry m C 533 "event 1"
check "a mail waits" until_ok 10 queue_is "1 waiting, 0 refused"
stop_mail
spool "UPDATE delivery SET next_us = $((EPOCHSECONDS + 7200))000000"
start_smtp box
start_mail
check "two hours back: it is sent all the same" until_ok 15 events_are 1
stop_mail
box_is_empty

# ---- what was refused does not keep others from their mails, and has a bound, too ----
settings "queue-max = 2" "[rule gone]" "to = refused@example.org" "window = 0" "max-per-hour = 0" \
	"[rule all]" "to = admin@example.org" "window = 0" "max-per-hour = 0"
start_mail
for i in 1 2 3 4; do
	entry m C 533 "event $i"
	check "event $i is mailed, whatever was refused before" until_ok 15 events_are "$i"
done
check "the newest two of the refused ones are kept" until_ok 10 queue_is "0 waiting, 2 refused"
check_is "$(spool "SELECT count(*) FROM mail")" 2 "and no others"
check "and that is told" grep -q "the oldest of them are forgotten" "$D/safemail.log"
"$SAFEMAIL" -d "$D/spool" --drop all >"$D/drop.out"
stop_mail
box_is_empty

# ---- a full disk ----
full_disk() {
	rm -rf "$D/spool"
	mkdir "$D/spool"
	mount -t tmpfs -o size=8m tmpfs "$D/spool" || return
	settings "[rule all]" "to = admin@example.org" "window = 0" "max-per-hour = 0" "rows = 1000"
	start_mail
	entry m C 533 "event 1"
	check "there is room" until_ok 10 events_are 1
	dd if=/dev/zero of="$D/spool/filler" bs=4k 2>/dev/null
	# far more than fits into what SQLite has already
	for i in $(seq 2 400); do entry m C 533 "event $i $(printf '%0400d' 0)"; done
	check "a full disk is told" until_ok 20 grep -q "full" "$D/safemail.log"
	check "safemail is there" kill -0 "$MAIL_PID"
	rm "$D/spool/filler"
	check "with room again nothing is missing, nothing twice" until_ok 30 events_are 400
	check_is "$(cut -d' ' -f 1 "$D/box/taken" | sort | uniq -d)" "" "no Message-ID twice"
	# a queue that fills the disk itself: it is emptied although nothing new can be written
	reserve_is_there() { kill -USR1 "$MAIL_PID"; test -s "$D/spool/reserve"; }
	check "the reserve is made again" until_ok 10 reserve_is_there
	stop_smtp box
	entry m C 533 "event 401"
	check "mails wait" until_ok 10 queue_waits
	dd if=/dev/zero of="$D/spool/filler" bs=4k 2>/dev/null
	for i in $(seq 402 800); do entry m C 533 "event $i $(printf '%0400d' 0)"; done
	check "the disk is full again" until_ok 30 test ! -e "$D/spool/reserve"
	start_smtp box
	check "mails that waited are sent on a full disk" until_ok 40 sent 401
	check_is "$(events | uniq -d)" "" "once"
	rm "$D/spool/filler"
	check "and the others when there is room" until_ok 40 events_are 800
	stop_mail
	umount "$D/spool"
}
queue_waits() { queue | grep -q '^[1-9][0-9]* waiting'; }
sent() { events | grep -qx "event $1"; }
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	mkdir -p "$D/try"
	if mount -t tmpfs tmpfs "$D/try" 2>/dev/null; then umount "$D/try"; full_disk; else tap_skip "a full disk" "no tmpfs can be mounted here"; fi
else
	tap_skip "a full disk" "not root"
fi
box_is_empty

# ---- a damaged spool ----
rm -rf "$D/spool"
settings "[rule all]" "to = admin@example.org" "window = 0" "max-per-hour = 0"
start_mail
stop_mail
entry m C 533 "event 1"
rm -f "$D/spool/spool.db-wal"	# which would have the pages again
dd if=/dev/urandom of="$D/spool/spool.db" bs=4096 seek=1 count=3 conv=notrunc 2>/dev/null
touch -r "$D/spool/lock" "$D/spool/spool.db"	# when safemail wrote it last
start_mail
told() { bodies | grep -q "The spool of mails was damaged and is set aside as"; }
check "a damaged spool is told by mail" until_ok 15 told
check_is "$(bodies | grep -c "The spool of mails was damaged")" 1 "once"
check "and set aside" sh -c "ls $D/spool/spool.db.damaged-* | grep -q ."
check "what came since it was written last is not lost" until_ok 10 events_are 1
entry m C 533 "event 2"
check "and it goes on" until_ok 10 events_are 2
"$SAFEMAIL" --no-drop -c "$D/safemail.conf" -d "$D/spool" 2>"$D/second.log" &
PID[again]=$!
check "a second one does not touch it" until_ok 10 grep -q "another safemail works on" "$D/second.log"
stop_pid "${PID[again]}"
unset "PID[again]"
stop_mail

# ---- a spool of a safemail that is newer ----
spool "PRAGMA user_version=2"
"$SAFEMAIL" --no-drop -c "$D/safemail.conf" -d "$D/spool" 2>"$D/newer.log" &
PID[older]=$!
check "an older safemail says so" until_ok 10 grep -q "spool.db is a newer safemail's" "$D/newer.log"
stop_pid "${PID[older]}"
unset "PID[older]"
check_is "$(spool "PRAGMA user_version"),$(find "$D/spool" -name 'spool.db.damaged-*' ! -name '*-wal' ! -name '*-shm' | wc -l)" "2,1" "and leaves it as it is"

# ---- limits, reminders and recovery in words; the dry run ----
settings "[rule all]" "to = admin@example.org" "window = 1s" "max-per-hour = 1"
entry m E 512 "Local state WAIT NotReady"
entry m E 512 "Local state ALONE Ready"
"$SAFEMAIL" --no-drop -c "$D/safemail.conf" --dry-run --since 3600 >"$D/dry.eml" 2>"$D/dry.err"
check "--dry-run makes mails" grep -q "^Message-ID: <safekit.dry-run.1@node1>" "$D/dry.eml"
check_is "$(grep -c "^Message-ID:" "$D/dry.eml")" 1 "one in the hour that is allowed"
check "keeps nothing, sends nothing" sh -c "[ ! -e $D/var ] && ! grep -rq dry-run $D/box"
tap_done
