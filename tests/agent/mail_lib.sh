# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034	# used by who sources it
#
# mail_lib.sh: safemail, a journal that is fed from a pipe (systemd-journal-remote), and SMTP servers of the test's own on loopback ports that
# the kernel chose.  Source it; end with tap_done.  Everything is below $D and goes away with the script.
set -u
S=${srcdir:-$(cd "$(dirname "$0")/../.." && pwd)}
B=${builddir:-$PWD}
. "$S/tests/lib/tap.sh"

SAFEMAIL=$B/safemail
REMOTE=/lib/systemd/systemd-journal-remote
[ -x "$SAFEMAIL" ] || tap_skip_all "safemail was not built (configure --without-mail)"
/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || tap_skip_all "python3-aiosmtpd is not installed"

D=$(mktemp -d "${TMPDIR:-/tmp}/mailXXXXXX") || exit
export TZ=UTC SAFE=$D/safe SAFEVAR=$D/var
declare -A PID	# by the name that the test gave
MAIL_PID=''

stop_pid() {	# stop_pid PID [SIGNAL]: and wait until it is gone
	[ -n "$1" ] || return 0
	kill "-${2:-TERM}" "$1" 2>/dev/null
	kill -CONT "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}
cleanup() {
	local name
	exec 9>&-
	stop_pid "$MAIL_PID" KILL
	for name in "${!PID[@]}"; do stop_pid "${PID[$name]}" KILL; done
	[ -n "${KEEP:-}" ] || rm -rf "$D"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP PIPE

# ---- the log ----
start_journal() {	# a journal in $D/journal; what goes into fd 9 comes into it
	[ -x $REMOTE ] || tap_skip_all "systemd-journal-remote is not installed"
	grep -q '^#define HAVE_JOURNAL' "$B/config.h" || tap_skip_all "safemail was built --without-journal"
	mkdir -p "$D/journal"
	mkfifo "$D/fifo"
	$REMOTE -o "$D/journal/live.journal" - <"$D/fifo" 2>"$D/remote.log" &
	PID[journal]=$!
	exec 9>"$D/fifo"
}
entry() {	# entry MODULE LEVEL KEY MESSAGE [NODE] [UID]: as the engine writes it
	local us=${EPOCHREALTIME/[.,]/}
	printf '__REALTIME_TIMESTAMP=%s\n__MONOTONIC_TIMESTAMP=%s\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_UID=%s\nSYSLOG_IDENTIFIER=safekit\nNODE=%s\nMODULE=%s\nORIGIN=heart\nLEVEL=%s\nKEY=%s\nMESSAGE=%s\n\n' \
		"$us" "$us" "${6:-0}" "${5:-node1}" "$1" "$2" "$3" "$4" >&9
}

# ---- servers ----
start_smtp() {	# start_smtp NAME [OPTION...]: PORT_OF[NAME] is its port; the same one when it is started again
	local name=$1
	shift
	[ -z "${PORT_OF[$name]:-}" ] || set -- --port "${PORT_OF[$name]}" "$@"
	rm -f "$D/$name/port"
	mkdir -p "$D/$name"
	"$S/tests/agent/smtpd.py" "$D/$name" "$@" 2>>"$D/$name.log" &
	PID[$name]=$!
	until_ok 20 test -s "$D/$name/port" || { tap_not_ok "SMTP server $name" "$(cat "$D/$name.log")"; exit 1; }
	PORT_OF[$name]=$(cat "$D/$name/port")
}
declare -A PORT_OF
stop_smtp() { stop_pid "${PID[$1]}" "${2:-TERM}"; unset "PID[$1]"; }
taken() { sort "$D/$1/taken" 2>/dev/null; }
taken_count_is() { [ "$(taken "$1" | wc -l)" = "$2" ]; }
free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# text_of FILE.eml [text|html]: a part, decoded by a library that is not ours; header_of FILE.eml NAME
text_of() {
	/usr/bin/python3 - "$1" "${2:-text}" <<-'END'
	import email, email.policy, sys
	m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
	print(m.get_body(("plain" if sys.argv[2] == "text" else "html",)).get_content().replace("\r\n", "\n"), end="")
	END
}
header_of() {
	/usr/bin/python3 - "$1" "$2" <<-'END'
	import email, email.policy, sys
	m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
	if m.defects or any(p.defects for p in m.walk()): print("defects", m.defects)
	print("|".join(str(v) for v in m.get_all(sys.argv[2], [])))
	END
}

# ---- safemail ----
conf() {	# conf <<END: the configuration; $SERVER_LINES names server "box"
	cat >"$D/safemail.conf"
}
server_lines() { printf '[server]\nhost = 127.0.0.1\nport = %s\ntls = none\n' "${PORT_OF[$1]}"; }
start_mail() {	# start_mail [OPTION...]; comes back when it reads the log
	"$SAFEMAIL" -v --no-drop -c "$D/safemail.conf" -d "$D/spool" "$@" 2>>"$D/safemail.log" &
	MAIL_PID=$!
	until_ok 20 cursor_is_kept || { tap_not_ok "safemail begins" "$(cat "$D/safemail.log")"; exit 1; }
}
stop_mail() { stop_pid "$MAIL_PID" "${1:-TERM}"; MAIL_PID=''; }
cursor_is_kept() { [ -n "$(spool "SELECT value FROM meta WHERE name='cursor'")" ]; }
spool() {	# spool SQL: what the spool holds
	/usr/bin/python3 - "$D/spool/spool.db" "$1" <<-'END'
	import sqlite3, sys
	db = sqlite3.connect("file:%s?mode=rw" % sys.argv[1], uri=True, timeout=5, isolation_level=None)
	for row in db.execute(sys.argv[2]): print("|".join(str(v) for v in row))
	END
}
queue() { "$SAFEMAIL" -d "$D/spool" --show-queue; }

# ---- certificates ----
make_certificate() {	# $D/cert.pem and $D/key.pem for localhost, to be trusted as they are; $D/other.pem: another one
	local name
	command -v openssl >/dev/null || tap_skip_all "openssl is not installed"
	for name in cert other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
			-addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -keyout "$D/$name.key" -out "$D/$name.pem" 2>/dev/null || exit 1
	done
}
