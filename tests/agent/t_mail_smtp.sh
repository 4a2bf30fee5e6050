#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# safemail and its servers: their order, what they answer, TLS, AUTH; a real MTA (exim) besides the one that answers as told.
# shellcheck disable=SC2119,SC2317	# options that a test does not use; functions that check calls
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"

start_journal
make_certificate
start_smtp first
start_smtp second
printf 's3cret-word\n' >"$D/password"
chmod 600 "$D/password"
NOBODY=$(free_port)

rules() {	# rules ADDRESS...: one rule per address, each event a mail
	local i=0 a
	printf '[mail]\nsource = journal:%s\nfrom = safekit@example.org\nnode = node1\nretry = 1s\n' "$D/journal"
	for a; do printf '[rule r%d]\nto = %s\nwindow = 0\nmax-per-hour = 0\n' $((i += 1)) "$a"; done
}
said() { grep -qF -- "$1" "$D/safemail.log"; }
queue_is() { [ "$(queue | tail -n 1)" = "$1" ]; }
event() { entry mirror C 533 "$1"; }
nobody_lines() { printf '[server]\nhost = 127.0.0.1\nport = %s\ntls = none\n' "$NOBODY"; }

# ---- order ----
conf <<END
$(nobody_lines)
$(server_lines first)
$(server_lines second)
$(rules admin@example.org)
END
start_mail
event one
check "a server that is not there is passed over" until_ok 10 taken_count_is first 1
stop_smtp first
event two
check "the next one takes what the one before does not" until_ok 10 taken_count_is second 1
stop_smtp second
event three
check "with all away the mail waits" until_ok 10 queue_is "1 waiting, 0 refused"
check "and that is told" until_ok 10 said "Failed to connect"
start_smtp second
check "it is sent when one is back" until_ok 15 taken_count_is second 2
check_is "$(cut -d' ' -f 1 "$D/first/taken" "$D/second/taken" | sort | uniq -d)" "" "nothing twice"
stop_mail

# ---- answers ----
start_smtp first
conf <<END
$(server_lines first)
$(rules refused@example.org later@example.org toobig@example.org good@example.org)
END
start_mail
event four
check "the good one has it" until_ok 10 grep -q good@example.org "$D/first/taken"
check "550 and 552 are set aside, 451 waits" until_ok 10 queue_is "1 waiting, 2 refused"
check_status 3 "--show-queue says so with its status" queue
check "with the server's words" grep -q "refused .*refused@example.org .*: 127.0.0.1: 550 5.0.0 refused@example.org: answer of the test" <(queue)
check "it is told" said "to refused@example.org was refused and is set aside"
event five
told_in_mail() { local f; for f in "$D"/first/*.eml; do text_of "$f"; done | grep -q "2 mails were set aside because a server refused them for ever"; }
check "the next mail tells it as well" until_ok 10 told_in_mail
printf 'later 250\n' >"$D/first/rules"
check "451 is tried again" until_ok 15 grep -q later@example.org "$D/first/taken"
printf 'refused 250\nlater 250\n' >"$D/first/rules"
ID=$(queue | sed -n 's/^\([0-9]*\)  refused .* refused@example.org .*/\1/p' | head -n 1)
check_is "$("$SAFEMAIL" -d "$D/spool" --retry "$ID")" "1 to be tried again" "--retry"
kill -USR1 "$MAIL_PID"
check "and it is taken" until_ok 15 grep -q refused@example.org "$D/first/taken"
check_is "$("$SAFEMAIL" -d "$D/spool" --drop all | sed 's/[0-9]* //')" "dropped" "--drop"
check "the queue is empty then" queue_is "0 waiting, 0 refused"
check_status 1 "--retry of what is not there" "$SAFEMAIL" -d "$D/spool" --retry 99999
stop_mail
# a server refuses what the next one takes
rm -f "$D/first/rules"
printf 'refused 250\n' >"$D/second/rules"
conf <<END
$(server_lines first)
$(server_lines second)
$(rules refused@example.org)
END
start_mail
event six
check "refused by the first, taken by the second" until_ok 10 grep -q refused@example.org "$D/second/taken"
check "and not set aside" queue_is "0 waiting, 0 refused"
stop_mail

# ---- a server that serves nobody ----
/usr/bin/python3 -c 'import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1] + ".new", "w").write("%d\n" % s.getsockname()[1]); os.rename(sys.argv[1] + ".new", sys.argv[1])
while True:
    c = s.accept()[0]
    c.sendall(b"554 5.3.2 localhost: no service here: answer of the test\r\n")
    c.close()' "$D/closed" &
PID[closed]=$!
check "a server that says 554 to everybody" until_ok 10 test -s "$D/closed"
rm -f "$D"/first/*.eml; : >"$D/first/taken"
PORT_OF[closed]=$(cat "$D/closed")
conf <<END
$(server_lines closed)
$(rules admin@example.org)
END
start_mail
event "six and a half"
check "says nothing of a mail" until_ok 10 said "127.0.0.1: 554 5.3.2"
check_is "$(queue | tail -n 1)" "1 waiting, 0 refused" "it waits"
stop_mail
stop_pid "${PID[closed]}"
unset "PID[closed]"
conf <<END
$(server_lines first)
$(rules admin@example.org)
END
start_mail
check "and is taken by one that serves" until_ok 15 taken_count_is first 1
stop_mail

# ---- silence ----
# a server that accepts connections and never says a word; the kernel does that for a socket nobody accepts from
/usr/bin/python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1] + ".new", "w").write("%d\n" % s.getsockname()[1]); import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(1000)' "$D/silent" &
PID[silent]=$!
check "a silent server" until_ok 10 test -s "$D/silent"
rm -f "$D"/first/*.eml; : >"$D/first/taken"
conf <<END
[server]
host = 127.0.0.1
port = $(cat "$D/silent")
tls = none
timeout = 2s
connect-timeout = 2s
$(server_lines first)
timeout = 2s
$(rules slow@example.org)
END
start_mail
event seven
check "a server that says nothing is given up, the next one asked" until_ok 20 taken_count_is first 1
check "one that thinks about a text it has is waited for" until_ok 20 queue_is "0 waiting, 0 refused"
check_is "$(taken first | wc -l)" 1 "so that it has it once"
stop_mail
stop_pid "${PID[silent]}"
unset "PID[silent]"
conf <<END
$(server_lines first)
$(rules drop@example.org)
END
start_mail
event eight
check "one that took it and broke off gets it again" until_ok 20 taken_count_is first 3
check_is "$(taken first | grep -c "$(taken first | grep drop@ | head -n 1 | cut -d' ' -f 1)")" 2 "under the same Message-ID"
stop_mail KILL
rm -rf "$D/spool"

# ---- TLS and AUTH ----
tls_case() {	# tls_case NAME PORT LINES...: --test, its answer in $D/test.out
	local name=$1 port=$2
	shift 2
	{ printf '[server]\nhost = localhost\nport = %s\n' "$port"; printf '%s\n' "$@"; rules admin@example.org; } >"$D/tls.conf"
	"$SAFEMAIL" --no-drop -c "$D/tls.conf" --test >"$D/test.out" 2>&1
}
AUTH=("user = alarm" "password-file = $D/password")
start_smtp tls --tls "$D/cert.pem" "$D/cert.key" --auth alarm s3cret-word
P=${PORT_OF[tls]}
check "STARTTLS and AUTH" tls_case ok "$P" "${AUTH[@]}" "ca-file = $D/cert.pem"
check_is "$(header_of "$D/tls/1.eml" x-session)" "tls login safekit@example.org" "as the server saw it"
check_status 1 "a certificate that is not to be trusted" tls_case ca "$P" "${AUTH[@]}" "ca-file = $D/other.pem"
check "is told" grep -q "not taken now: localhost: .*certificate" "$D/test.out"
check_status 1 "without AUTH" tls_case noauth "$P" "ca-file = $D/cert.pem"
check "is told, and is not a refusal of the mail" grep -q "not taken now: localhost: 530" "$D/test.out"
printf 'wrong\n' >"$D/wrong"; chmod 600 "$D/wrong"
check_status 1 "a wrong password" tls_case wrong "$P" "user = alarm" "password-file = $D/wrong" "ca-file = $D/cert.pem"
check "is told" grep -q "not taken now: localhost: 535" "$D/test.out"
check_status 1 "no password file" tls_case none "$P" "user = alarm" "password-file = $D/nothing" "ca-file = $D/cert.pem"
check "is told" grep -q "not taken now: $D/nothing: No such file" "$D/test.out"
chmod 644 "$D/wrong"
check_status 1 "a password that all may read" tls_case open "$P" "user = alarm" "password-file = $D/wrong" "ca-file = $D/cert.pem"
check "is not used" grep -q "not a file that others cannot read" "$D/test.out"
mkdir "$D/credentials"; cp -p "$D/password" "$D/credentials/smtp-password"
export CREDENTIALS_DIRECTORY=$D/credentials
check "a credential of systemd" tls_case cred "$P" "user = alarm" "credential = smtp-password" "ca-file = $D/cert.pem"
unset CREDENTIALS_DIRECTORY
check_status 1 "STARTTLS is demanded of a server that has none" tls_case plain "${PORT_OF[second]}"
check "is told" grep -qi "not taken now: localhost: .*starttls\|not taken now: localhost: .*SSL\|not taken now: localhost: .*TLS" "$D/test.out"
check "tls = try takes it" tls_case try "${PORT_OF[second]}" "tls = try"
start_smtp smtps --tls "$D/cert.pem" "$D/cert.key" --smtps
check "TLS from the first byte" tls_case smtps "${PORT_OF[smtps]}" "tls = on" "ca-file = $D/cert.pem"
check "the password is in no output" sh -c "! grep -q s3cret-word $D/safemail.log $D/test.out"

# ---- a real MTA ----
EXIM=/usr/sbin/exim4
exim_case() {
	local port
	port=$(free_port)
	mkdir -p "$D/exim/spool" "$D/exim/log" "$D/exim/box"
	chmod -R 777 "$D/exim"
	chmod 755 "$D"
	chmod 644 "$D/cert.pem" "$D/cert.key"
	cat >"$D/exim/conf" <<-END
		primary_hostname = localhost
		spool_directory = $D/exim/spool
		log_file_path = $D/exim/log/%slog
		log_selector = +tls_cipher
		tls_advertise_hosts = *
		tls_certificate = $D/cert.pem
		tls_privatekey = $D/cert.key
		auth_advertise_hosts = \${if eq{\$tls_in_cipher}{}{}{*}}
		acl_smtp_rcpt = acl_rcpt
		acl_smtp_data = accept
		queue_only = false
		begin acl
		acl_rcpt:
		  deny local_parts = nobody
		       message = no such user here
		  accept authenticated = *
		  deny message = sign in first
		begin routers
		all:
		  driver = accept
		  transport = box
		begin transports
		box:
		  driver = appendfile
		  maildir_format
		  directory = $D/exim/box
		  user = Debian-exim
		begin authenticators
		plain:
		  driver = plaintext
		  public_name = PLAIN
		  server_prompts = :
		  server_condition = \${if and{{eq{\$auth2}{alarm}}{eq{\$auth3}{s3cret-word}}}}
		  server_set_id = \$auth2
	END
	chmod 644 "$D/exim/conf"
	chown root "$D/exim/conf"
	chown -R Debian-exim "$D/exim/spool" "$D/exim/log" "$D/exim/box"
	$EXIM -C "$D/exim/conf" -bdf -oX "127.0.0.1.$port" 2>"$D/exim/err" >&2 &
	PID[exim]=$!
	until_ok 20 sh -c "exec 3<>/dev/tcp/127.0.0.1/$port" || until_ok 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || { tap_not_ok "exim begins" "$(cat "$D/exim/err" "$D"/exim/log/* 2>/dev/null)"; return; }
	{ printf '[server]\nhost = localhost\nport = %s\nca-file = %s\n' "$port" "$D/cert.pem"; printf '%s\n' "${AUTH[@]}"; rules admin@localhost nobody@localhost; } >"$D/safemail.conf"
	rm -rf "$D/spool"
	start_mail
	event "through exim: .\xc3\xa9"
	check "exim takes it" until_ok 15 sh -c "ls $D/exim/box/new/* 2>/dev/null | grep -q ."
	check "with TLS and AUTH" grep -q "P=esmtpsa .*A=plain:alarm" "$D/exim/log/mainlog"
	check "and refuses nobody, who is set aside" until_ok 10 queue_is "0 waiting, 1 refused"
	cat "$D"/exim/box/new/* >"$D/exim.eml"
	check "the mail is as it was sent" sh -c "grep -q 'Message-ID: <safekit\..*@node1>' $D/exim.eml"
	check "and can be read" grep -q "through exim" <(text_of "$D/exim.eml")
	stop_mail
	stop_pid "${PID[exim]}"
	unset "PID[exim]"
}
if [ ! -x $EXIM ]; then tap_skip "exim" "exim4-daemon-light is not installed"
elif [ "$(id -u)" != 0 ]; then tap_skip "exim" "not root"
else exim_case
fi
tap_done
