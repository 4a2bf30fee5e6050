# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2317	# used by who sources it
#
# apache.sh: the web service (the real httpd and its configuration) with an echo in the gateway's place, in a network namespace of its own.
#
# A script sources it first; NEEDS: programs besides.  $D: its folder, gone at the end.  What is started with background() ends with the test.
# shellcheck source-path=SCRIPTDIR source=../lib/tap.sh
. "${BASH_SOURCE[0]%/*}/../lib/tap.sh"
TOP=$(readlink -f "${BASH_SOURCE[0]%/*}/../..")
B=${builddir:-${TEST_BUILDDIR:-$TOP/build/check}}
PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" = 0 ] || tap_skip_all "needs root: httpd becomes another user"
for need in curl python3 openssl htpasswd ip unshare ${NEEDS:-}; do
	command -v "$need" >/dev/null || tap_skip_all "$need is not installed"
done
command -v apache2 >/dev/null || command -v httpd >/dev/null || tap_skip_all "Apache httpd is not installed (apache2-bin)"
[ -x "$B/web/conf/safewebserver" ] || tap_skip_all "the web service was not built (configure --without-web)"
if [ -z "${WEB_TEST_NS:-}" ]; then
	unshare -n true 2>/dev/null || tap_skip_all "no network namespace can be made here"
	WEB_TEST_NS=1 builddir=$B exec unshare -n -- bash "$0" "$@"
fi
ip link set lo up || tap_skip_all "no loopback in the namespace"

D=$(mktemp -d "${TMPDIR:-/tmp}/webXXXXXX") && chmod 755 "$D" || exit 1
export SAFE=$D/safe SAFEVAR=$D/var TZ=UTC SAFE_WAIT_SECONDS=0
CONF=$SAFE/web/conf
PIDS=()

cleanup() {
	local pid
	trap '' INT TERM HUP
	[ ! -e "$SAFEVAR/run/safewebserver.pid" ] || "$SAFE/safekit" webserver stop >/dev/null 2>&1
	for pid in "${PIDS[@]}"; do kill -KILL "$pid" 2>/dev/null; done
	wait 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$D"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

background() {	# background LOG CMD...: its number in PID
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null &
	PID=$!
	PIDS+=("$PID")
}

# SAFE as make install would make it, as far as the web service needs it
make_safe() {
	mkdir -p "$SAFE/private/bin" "$CONF/ssl" "$SAFE/web/bin" "$SAFEVAR/modules" && cp "$TOP"/web/conf/*.conf "$CONF" && cp -r "$TOP/web/conf/errors" "$CONF" &&
		cp -r "$TOP/web/htdocs" "$SAFE/web" && cp "$B/web/conf/safewebserver" "$B/web/conf/webservercfg" "$B/webkey" "$SAFE/private/bin" &&
		cp "$B/safekit" "$SAFE" && ln -s "$(command -v htpasswd)" "$SAFE/web/bin/htpasswd" || exit 1
	printf '#!/bin/sh\nexec python3 "%s" "$@"\n' "$TOP/tests/web/echo_gateway.py" >"$SAFE/private/bin/safewebgate" && chmod 755 "$SAFE/private/bin/safewebgate"
}

define() {	# define NAME [VALUE]: the line of httpd.conf for NAME is in force, with this value
	sed -i -E "s|^#? ?Define $1( .*)?\$|Define $1${2:+ \"${2//&/\\&}\"}|" "$CONF/httpd.conf"
	grep -q "^Define $1" "$CONF/httpd.conf" || sed -i "s|^Include |Define $1${2:+ \"${2//&/\\&}\"}\nInclude |" "$CONF/httpd.conf"
}
undefine() { sed -i -E "s|^Define $1( .*)?\$|# &|" "$CONF/httpd.conf"; }

safekit() { "$SAFE/safekit" "$@"; }
webserver() {	# webserver WORD: done, else the test ends
	local out
	if ! out=$(safekit webserver "$1" 2>&1); then
		tap_not_ok "safekit webserver $1" "$out"$'\n'"$(tail -n 5 "$SAFEVAR/web/error.log" 2>&1)"
		tap_done
	fi
}
gate_listens() { [ -S "$SAFEVAR/run/web/gateway.sock" ]; }
web_up() {	# the web service with what is configured now, whether it runs or not
	rm -f "$SAFEVAR/run/web/gateway.sock"
	webserver restart
	until_ok 20 gate_listens || { tap_not_ok "the gateway listens"; tap_done; }
}

URL=http://127.0.0.1:9010
status() { curl -sS -o "$D/body" -D "$D/head" -w '%{http_code}' "$@" 2>"$D/curl.err" || cat "$D/curl.err"; }	# status ARGS... URL -> status; body in $D/body
said() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["headers"].get(sys.argv[2].lower(), "-"))' "$D/body" "$1" 2>&1; }	# a header that the gateway got, "-" none
who() {	# who ARGS...: "STATUS user role method" that the gateway saw; "STATUS" when the request did not reach it
	local code
	code=$(status "$@")
	if grep -q '"echo"' "$D/body" 2>/dev/null; then echo "$code $(said X-Safekit-User) $(said X-Safekit-Role) $(said X-Safekit-Method)"; else echo "$code"; fi
}
header() { sed -n "s/^$1: \(.*\)\r\$/\1/Ip" "$D/head" | tail -n 1; }

ready() { mkdir -p "$SAFEVAR/modules/$1" && echo OK >"$SAFEVAR/modules/$1/ready.txt"; }	# as heart does
