# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# pki.sh: what the certificate commands share: where files are, checks of names, keys, requests, signing, installing.
#
# Owns: SAFE/web/conf/ca (certs/: public; private/: keys, requests, pkcs12; 0700) and the installed files in SAFE/web/conf.
# Sourced by: the commands in SAFE/web/bin and SAFE/private/bin.  Never does: give a secret to a process as an argument, write a key that
# somebody else can read even for a moment (umask 077), leave half of a set of files installed.
set -u
umask 077
export LC_ALL=C
SAFE=${SAFE:-$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)}
SAFEVAR=${SAFEVAR:-$("$SAFE/safekit" -p | sed -n 's/^SAFEVAR=//p')}
export SAFE SAFEVAR
PATH=$PATH:/usr/sbin:/sbin
CONF=$SAFE/web/conf
CA=$CONF/ca
CERTS=$CA/certs
PRIVATE=$CA/private
PROGRAM=${0##*/}
ROLES='Admin|Control|Monitor'
NAME='[A-Za-z0-9][A-Za-z0-9._@-]{0,62}'	# of a user or a server: safe as a file name and in a subject
# shellcheck disable=SC2034	# initssl uses it
CA_DAYS=3653
LEAF_DAYS=1826		# 5 years, the authority 10 (UG 11.6)
KEY_OPTIONS=(-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve)

die() { printf 'Error: %s: %s\n' "$PROGRAM" "$*" >&2; exit 1; }
usage_error() { printf 'Error: %s\nusage: %s\n' "$1" "$2" >&2; exit 2; }
say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
need_root() { [ "$(id -u)" = 0 ] || die "only root may do that"; }
need() { command -v "$1" >/dev/null 2>&1 || die "the program $1 is missing${2:+ (package $2)}"; }

# One at a time: two that write the same files would leave a mixture.  A program that is started meanwhile does not inherit the lock (9>&-)
lock_pki() {
	mkdir -p "$SAFEVAR/run" || exit 1
	exec 9>"$SAFEVAR/run/pki.lock" || exit 1
	flock -w 60 9 || die "another certificate command has been running for a minute (lock $SAFEVAR/run/pki.lock)"
}
work_folder() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/pki.XXXXXX") || exit 1
	trap 'rm -rf "$WORK"' EXIT
	trap 'exit 130' INT TERM HUP
}
make_conf() { (umask 022; mkdir -p "$CONF") || die "cannot make $CONF"; }
make_folders() {
	# the web service gives away what is in certs/: everybody may come there, and to nothing else
	make_conf
	if ! { mkdir -p "$PRIVATE" "$CERTS" && chmod 755 "$CA" "$CERTS" && chmod 700 "$PRIVATE"; }; then die "cannot make $CA"; fi
}
is_name() { [[ $1 =~ ^$NAME$ && $1 != *..* ]]; }
is_role() { [[ $1 =~ ^($ROLES)$ ]]; }
local_name() {
	local h
	h=$(uname -n)
	is_name "$h" || die "the name of this host, \"$h\", cannot be part of a file name: expected letters, digits, . _ -"
	printf '%s' "$h"
}

# put FROM TO MODE: the old file or the new one, also after a power failure
put() {
	local tmp="$2.new.$$"
	if ! { cp -- "$1" "$tmp" && chmod "$3" "$tmp" && sync -- "$tmp" && mv -f -- "$tmp" "$2"; }; then
		rm -f -- "$tmp"
		die "cannot write $2"
	fi
}

# ---- keys and requests ----

# key_file FILE [new]: what is there stays, so that a request that waits for its certificate keeps its key
key_file() {
	local tmp="$1.new.$$"
	if [ -s "$1" ] && [ "${2:-}" != new ]; then
		return
	fi
	openssl genpkey "${KEY_OPTIONS[@]}" -out "$tmp" 2>"$WORK/err" || { cat "$WORK/err" >&2; rm -f "$tmp"; die "no key could be made"; }
	if ! { chmod 600 "$tmp" && sync "$tmp" && mv -f "$tmp" "$1"; }; then die "cannot write $1"; fi
}

# The strings of a file that is a list in JSON: ["a", "b"].  People edit it, so it is read strictly and told where it is wrong.
json_strings() {
	local text rest item
	[ -e "$1" ] || return 0
	text=$(tr -d '\n\r\t' <"$1") || die "$1 cannot be read"
	[[ $text =~ ^\ *\[(.*)\]\ *$ ]] || die "$1: expected a list of texts in JSON, like [\"192.168.0.1\"]"
	rest=${BASH_REMATCH[1]}
	while [[ $rest =~ ^\ *\"([^\"\\]*)\"\ *(,(.*))?$ ]]; do
		item=${BASH_REMATCH[1]} rest=${BASH_REMATCH[3]:-}
		printf '%s\n' "$item"
		if [ -z "${BASH_REMATCH[2]:-}" ]; then
			return 0
		fi
	done
	[[ $rest =~ ^\ *$ ]] || die "$1: expected \"text\" or a comma, got ${rest:0:40}"
}
is_dns() { [[ ${#1} -le 253 && $1 =~ ^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*$ ]]; }
is_ipv4() {
	local b
	[[ $1 =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$ ]] || return 1
	for b in "${BASH_REMATCH[@]:1}"; do [ "$((10#$b))" -le 255 ] || return 1; done
}
is_ipv6() { [[ $1 =~ ^[0-9A-Fa-f:]{2,39}$ && $1 == *:*:* ]]; }
alt_names() {	# the subjectAltName of this server: what the three lists say
	local list names item n=0
	for list in ipv4 ipv6 ipnames; do
		names=$(json_strings "$CONF/$list.json") || exit 1	# not in a pipe: die must end us
		while read -r item; do
			[ -n "$item" ] || continue
			case $list in
			ipv4) is_ipv4 "$item" || die "$CONF/ipv4.json: \"$item\" is no IPv4 address" ;;
			ipv6) is_ipv6 "$item" || die "$CONF/ipv6.json: \"$item\" is no IPv6 address" ;;
			ipnames) is_dns "$item" || die "$CONF/ipnames.json: \"$item\" is no DNS name" ;;
			esac
			if [ $list = ipnames ]; then printf 'DNS:%s\n' "$item"; else printf 'IP:%s\n' "$item"; fi
			n=$((n + 1))
		done <<<"$names"
	done
	[ "$n" -gt 0 ] || die "no name and no address of this server is known: run getipandnames, or write $CONF/ipnames.json"
}

# request KEY CSR SUBJECT [SAN]
request() {
	local names=(-subj "$3")
	if [ -n "${4:-}" ]; then names+=(-addext "subjectAltName=$4"); fi
	openssl req -new -sha256 -key "$1" -config /dev/null -utf8 "${names[@]}" -out "$2.new.$$" 2>"$WORK/err" ||
		{ cat "$WORK/err" >&2; rm -f "$2.new.$$"; die "no request could be made for $3"; }
	mv -f "$2.new.$$" "$2"
}
server_request() {	# server_request BASENAME [new]
	local names
	names=$(alt_names) || exit 1
	key_file "$PRIVATE/$1.key" "${2:-}"
	request "$PRIVATE/$1.key" "$PRIVATE/$1.csr" "/CN=$(local_name)" "$(paste -sd, - <<<"$names")"
}
user_request() {	# user_request NAME ROLE [new]
	key_file "$PRIVATE/user_$2_$1.key" "${3:-}"
	request "$PRIVATE/user_$2_$1.key" "$PRIVATE/user_$2_$1.csr" "/OU=$2/CN=$1"
}

# ---- the authority ----

is_ca_server() { [ -s "$PRIVATE/cacert.key" ] && [ -s "$CERTS/cacert.crt" ]; }
# issue server|user BASENAME [CSR]: PRIVATE/BASENAME.csr -> CERTS/BASENAME.crt.  safecert takes from the request what may be in it, nothing else
issue() {
	local role=()
	if [ "$1" = user ]; then role=(-r "$(cut -d_ -f2 <<<"$2")"); fi
	"$SAFE/private/bin/safecert" sign -t "$1" "${role[@]}" -c "$CERTS/cacert.crt" -k "$PRIVATE/cacert.key" -d "$LEAF_DAYS" \
		-o "$CERTS/$2.crt" "${3:-$PRIVATE/$2.csr}" || die "$2.csr is not signed"
}
# pkcs12 BASENAME: the password of the file comes on stdin
pkcs12() {
	local tmp="$PRIVATE/$1.p12.new.$$"
	openssl pkcs12 -export -inkey "$PRIVATE/$1.key" -in "$CERTS/$1.crt" -certfile "$CERTS/cacert.crt" -name "$1" \
		-keypbe AES-256-CBC -certpbe AES-256-CBC -macalg sha256 -iter 100000 -passout stdin -out "$tmp" 2>"$WORK/err" ||
		{ cat "$WORK/err" >&2; rm -f "$tmp"; die "no $1.p12 could be made"; }
	chmod 600 "$tmp" && mv -f "$tmp" "$PRIVATE/$1.p12"
}
# ask_password PROMPT: twice at a terminal; else the next line of stdin.  In REPLY
ask_password() {
	local again
	if [ -t 0 ]; then
		if ! { IFS= read -rsp "$1: " REPLY && echo >&2 && IFS= read -rsp "Again: " again && echo >&2; }; then die "no password was given"; fi
		[ "$REPLY" = "$again" ] || die "the two passwords differ"
	else
		IFS= read -r REPLY || die "no password was given: expected a line on stdin for: $1"
	fi
	good_password "$REPLY"
}
PASSWORD_MIN=7
good_password() {
	[ "${#1}" -ge $PASSWORD_MIN ] || die "the password is too short: at least $PASSWORD_MIN characters"
	[ "${#1}" -le 72 ] || die "the password is too long: at most 72 bytes count"	# of bcrypt
	[[ $1 != *[$'\001'-$'\037\177']* ]] || die "there is a control character in the password"
}

# ---- installed files ----

same_key() {	# KEY CRT: they belong together
	local a b
	a=$(openssl pkey -in "$1" -pubout -passin pass: 2>/dev/null) && b=$(openssl x509 -in "$2" -noout -pubkey 2>/dev/null) &&
		[ -n "$a" ] && [ "$a" = "$b" ]
}
# install_set CACERT SERVER_CRT SERVER_KEY ADMIN_CRT ADMIN_KEY [CLCACERT]: all is looked at before the first file is put in its place
install_set() {
	local clients=${6:-$1}
	same_key "$3" "$2" || die "the key of the server is not that of its certificate"
	same_key "$5" "$4" || die "the key of the administrator is not that of its certificate"
	openssl verify -CAfile "$1" -untrusted "$2" -purpose sslserver "$2" >"$WORK/err" 2>&1 ||
		{ grep -m 1 ^error "$WORK/err" >&2; die "the certificate of the server is not good with that of the authority"; }
	openssl verify -CAfile "$clients" -untrusted "$4" -purpose sslclient "$4" >"$WORK/err" 2>&1 ||
		{ grep -m 1 ^error "$WORK/err" >&2; die "the certificate of the administrator is not good with that of the authority"; }
	{ cat "$4" && openssl pkey -in "$5" -traditional; } >"$WORK/proxy.crtkey" || die "cannot read the key of the administrator"
	put "$3" "$CONF/server.key" 600
	put "$2" "$CONF/server.crt" 644
	put "$5" "$CONF/admin.key" 600
	put "$4" "$CONF/admin.crt" 644
	put "$WORK/proxy.crtkey" "$CONF/proxy.crtkey" 600
	put "$1" "$CONF/cacert.crt" 644
	put "$clients" "$CONF/clcacert.crt" 644
}
