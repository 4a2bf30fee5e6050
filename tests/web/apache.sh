# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034,SC2317	# used by who sources it
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
	unshare -nm true 2>/dev/null || tap_skip_all "no network and mount namespace can be made here"
	WEB_TEST_NS=1 builddir=$B exec unshare -nm --propagation private -- bash "$0" "$@"
fi
ip link set lo up || tap_skip_all "no loopback in the namespace"

D=$(mktemp -d "${TMPDIR:-/tmp}/webXXXXXX") && chmod 755 "$D" || exit 1
# the users of contrib/systemd/safekit.sysusers
add_users() {
	local file
	for file in passwd group; do grep -v -E '^safe(kit|web):' /etc/$file >"$D/$file" || return; done
	printf '%s:/:/usr/sbin/nologin\n' safekit:x:64480:64480: safeweb:x:64481:64481: >>"$D/passwd" || return
	printf '%s:\n' safekit:x:64480 safeweb:x:64481 >>"$D/group" || return
	mount --bind "$D/passwd" /etc/passwd && mount --bind "$D/group" /etc/group
}
add_users || tap_skip_all "no users can be made in the namespace"
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
	echo_gateway
}
echo_gateway() {
	printf '#!/bin/sh\nexec python3 "%s" "$@"\n' "$TOP/tests/web/echo_gateway.py" >"$D/echo" && chmod 755 "$D/echo" && mv "$D/echo" "$SAFE/private/bin/safewebgate"
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
status() { rm -f "$D/body" "$D/head"; curl -sS -o "$D/body" -D "$D/head" -w '%{http_code}' "$@" 2>"$D/curl.err" || head -n 1 "$D/curl.err"; }	# status ARGS... URL -> status; body in $D/body
said() {	# said HEADER...: what the gateway got, "-" none
	python3 -IS -c 'import json, sys; h = json.load(open(sys.argv[1]))["headers"]; print(*[h.get(n.lower(), "-") for n in sys.argv[2:]])' "$D/body" "$@" 2>&1
}
who() {	# who ARGS...: "STATUS user role method" that the gateway saw; "STATUS" when the request did not reach it
	local code
	code=$(status "$@")
	if [[ $(head -c 10 "$D/body" 2>/dev/null | tr -d '\0') != '{"echo": 1' ]]; then echo "$code"; return; fi
	echo "$code $(said X-Safekit-User X-Safekit-Role X-Safekit-Method)"
}
header() { sed -n "s/^$1: \(.*\)\r\$/\1/Ip" "$D/head" | tail -n 1; }

ready() { mkdir -p "$SAFEVAR/modules/$1" && echo OK >"$SAFEVAR/modules/$1/ready.txt"; }	# as heart does

not() { ! "$@"; }

# ---- the access matrix: each kind of route, as one who has a role ROLE (Admin, Control, Monitor; "no": known, without a role; "-": nobody) ----
reaches() {	# reaches METHOD ROUTE CURLARGS...: what comes of it: the status, and what the gateway was told of the user where it was asked
	local method=$1 route=$2 how=()
	shift 2
	[ "$method" = GET ] || how=(-X "$method" -H 'Content-Type: application/json' --data '{}')
	if [ "$method" = HEAD ]; then how=(-I); fi
	who "${how[@]}" "$@" "$URL$route" | sed 's/ $//'
}
matrix() {	# matrix LABEL ROLE USER LOGIN CURLARGS...: LOGIN as in X-Safekit-Method
	local label=$1 role=$2 user=$3 login=$4 page method route api
	shift 4
	case $role in
	-) page=401 api=401 ;;
	no) page=403 api=403 ;;
	*) page=200 api="200 $user $role $login" ;;
	esac
	[ "$login$page" != openid401 ] || page=302	# to the provider
	[ "$login" != certificate ] || [ "$page" != 401 ] || { page=403 api=403; }	# a certificate cannot be asked for any more
	for method in GET POST PUT DELETE PATCH; do
		check_is "$(reaches $method /api/v1/modules "$@")" "$api" "$label: $method /api/v1/modules"
		check_is "$(reaches $method /node/api/v1/state "$@")" "200 - Admin node" "$label: $method /node/api/v1/state"
	done
	check_is "$(reaches GET / "$@")" $page "$label: GET /"
	check_is "$(reaches GET /index.html "$@")" $page "$label: GET /index.html"
	check_is "$(reaches GET /nothing "$@")" ${page/200/404} "$label: GET /nothing"
	for route in /api /api/ /api/v2/x /node/x /nodes /server-status /conf/user.conf /web/conf/user.conf /var /var/modules/m /var/modules/m/other.txt \
		/var/modules/m/ready.txt/x /var/modules/ready.txt /var/modules/m%2fready.txt /var/modules/.hidden/ready.txt; do
		case $route in
		/node/x) check_is "$(reaches GET $route "$@")" 404 "$label: GET $route" ;;
		*%2f*) check_is "$(reaches GET $route "$@")" 404 "$label: GET $route" ;;
		*) check "$label: GET $route" not_served "$page" "$(reaches GET "$route" "$@")" ;;
		esac
	done
	for route in /.role/Admin /.role/Control /.role/Monitor /.role/x /errors/401.json /errors/login.html; do
		check "$label: GET $route" not_served ${page/[!3]??/403} "$(reaches GET "$route" "$@")"
	done
	for route in '/var/modules/m/ready.txt/../../../../safe/web/conf/user.conf' '/errors/../user.conf' '/errors/..%2fuser.conf' '/node/../api/v1/modules' \
		'/node/%2e%2e/api/v1/modules' '/var/modules/m/ready.txt/%2e%2e/%2e%2e/%2e%2e/%2e%2e/api/v1/modules' '//api/v1/modules' '/node/api/v1/%2e%2e/%2e%2e/%2e%2e/api/v1/modules'; do
		check "$label: GET $route" not_more "$api" "$(reaches GET "$route" --path-as-is "$@")"
	done
	check_is "$(reaches GET /var/modules/m/ready.txt "$@") $(cat "$D/body")" "200 OK" "$label: GET ready.txt of a module that is ready"
	check_is "$(reaches HEAD /var/modules/m/ready.txt "$@")" 200 "$label: HEAD of it"
	check_is "$(reaches GET /var/modules/idle/ready.txt "$@")" 404 "$label: GET ready.txt of one that is not"
	for method in POST PUT DELETE OPTIONS TRACE; do
		check_is "$(reaches $method /var/modules/m/ready.txt "$@")" 405 "$label: $method ready.txt"
	done
}
not_served() {	# not_served STATUS GOT: refused as STATUS says, or not found; not found is told to who may know only
	case $2 in
	"$1" | 404 | 403 | 401) [[ $1 != 401 && $1 != 302 ]] || [ "$2" != 404 ] ;;
	*) false ;;
	esac || { echo "got $2"; return 1; }
}
not_more() {	# not_more API GOT: a path with detours reaches no more than the straight one, and no file of the configuration
	case $2 in
	"$1" | 4?? | 302) ! grep -q '\$2y\$' "$D/body" ;;
	*) false ;;
	esac || { echo "got $2"; return 1; }
}
forged() {	# forged CURLARGS...: a client says himself who he is and what he may
	reaches GET /api/v1/modules -H 'X-Safekit-User: mallory' -H 'X-Safekit-Role: Admin' -H 'x-safekit-role: Admin' -H 'X-Safekit-Method: none' \
		-H 'X-Safekit-Addr: 10.9.9.9' -H 'X-Safekit-Tls: maybe' -H 'X-Forwarded-For: 10.9.9.9' \
		-H 'X-Forwarded-Host: elsewhere.example' "$@"
}

# ---- the same through the real gateway: every route of the API ----
real_gateway() {	# in the echo's place, before a stand-in for the engine; false: they were not built
	[ -x "$B/safewebgate" ] && [ -x "$B/tests/agent/fake_engine" ] || return
	mkfifo "$D/engine.in"
	"$B/tests/agent/fake_engine" -m 2 -r 3 <"$D/engine.in" >"$D/engine.out" 2>&1 &
	PIDS+=($!)
	exec 7>"$D/engine.in"
	until_ok 20 grep -q ready "$D/engine.out" || { tap_not_ok "the stand-in for the engine" "$(cat "$D/engine.out")"; tap_done; }
	cp "$B/safewebgate" "$SAFE/private/bin/safewebgate.new" && mv "$SAFE/private/bin/safewebgate.new" "$SAFE/private/bin/safewebgate" && web_up
}
routes_read() {	# routes_read CURLARGS...: ROUTES: "ROLE METHOD PATH", of the document that the gateway gives to an administrator
	status "$@" "$URL/api/v1/openapi.json" >/dev/null
	ROUTES=$(python3 -c '
import json, re, sys
for path, ops in json.load(open(sys.argv[1]))["paths"].items():
    path = re.sub(r"\{path\}", "conf/userconfig.xml", path)
    for method, op in ops.items():
        if op["x-safekit-role"] != "none":	# else for servers only
            print(op["x-safekit-role"], method.upper(), "/api/v1" + re.sub(r"\{\w+\}", "nothing", path))
' "$D/body" 2>"$D/curl.err")
	check "the API has routes" test "$(grep -cE '^(Admin|Control|Monitor) [A-Z]+ /api/v1/[^ ]+$' <<<"$ROUTES")" -gt 20 || tap_diag "$(head -c 300 "$D/body"; cat "$D/curl.err")"
}
routes() {	# routes LABEL ROLE CURLARGS...: as one who has ROLE (as in matrix)
	local label=$1 role=$2 least method path got args bad='' n=0 rank='no Monitor Control Admin'
	shift 2
	while read -r least method path; do
		args=(-H 'X-Safekit-Csrf: 1')
		[ "$method" = GET ] || args+=(-X "$method" -H 'Content-Type: application/json' --data '{}')
		[[ $path != */events ]] || args+=(-m 0.3)
		got=$(status "${args[@]}" "$@" "$URL$path") n=$((n + 1))
		got=${got:0:3}	# a stream that is cut by -m leaves words behind it
		case $role in
		-) [[ $got = 401 || $got/$label = 403/*certificate* ]] ;;
		*) if [[ ${rank%%"$role"*} != *"$least"* && $role != "$least" ]]; then [ "$got" = 403 ]; else [[ $got != 401 && $got != 403 && $got != 5?? && $got != 000 ]]; fi ;;
		esac || bad+="$method $path ($least): $got $(head -c 200 "$D/body" 2>/dev/null)"$'\n'
	done <<<"$ROUTES"
	check_is "$bad" "" "$label: each of $n routes"
}
