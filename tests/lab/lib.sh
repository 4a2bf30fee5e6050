# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib.sh: for tests that need servers.  Source it and call lab_up; the lab is the test's own and goes away with it.
#   lab WORD...    the lab script on our lab       on NODE CMD...   lab exec NODE -- CMD...

# shellcheck source-path=SCRIPTDIR source=../lib/tap.sh
. "${BASH_SOURCE[0]%/*}/../lib/tap.sh"

LAB=$(readlink -f "${BASH_SOURCE[0]%/*}/lab")
LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/lab-XXXXXX")
export LAB_DIR

lab() { "$LAB" "$@"; }
on() { local node=$1; shift; "$LAB" exec "$node" -- "$@"; }

lab_end() {
	trap '' INT TERM HUP
	lab down
	rm -rf --one-file-system "$LAB_DIR"
}
trap lab_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

lab_needs() {	# the whole script is skipped, with the reason, where a lab cannot be
	local program
	[ "$(id -u)" = 0 ] || tap_skip_all "needs root for network namespaces"
	for program in ip nsenter unshare setsid flock "$@"; do
		command -v "$program" >/dev/null || tap_skip_all "$program is not installed"
	done
	unshare -m --propagation unchanged -n -u -i -p --fork true 2>/dev/null || tap_skip_all "no namespaces on this machine"
}

lab_up() {	# lab_up ARGS...: with the tree that tests/run was given (LAB_SAFE_TREE)
	local out
	lab_needs true
	out=$(lab up "$@" 2>&1) && return 0
	tap_not_ok "lab up $*" "$out"
	tap_done
}

# ---- modules: "app" is tests/lab/modules/counter with a configuration of the test's own ----

APP=app
LONG_S=20	# longest wait for something that takes milliseconds to 3 s; a loaded 2-core machine with sanitizers needs below 10

lab_tree() {	# these tests need the real daemons
	local tree=${LAB_SAFE_TREE:-}
	[ -x "$tree/private/bin/safeadmin" ] || [ -x "$tree/opt/safekit/private/bin/safeadmin" ] ||
		tap_skip_all "no installed tree with safeadmin (LAB_SAFE_TREE)"
	[ -x "$tree/private/bin/heart" ] || [ -x "$tree/opt/safekit/private/bin/heart" ] || tap_skip_all "no heart in the installed tree"
}

app_xml() {	# app_xml ATTRIBUTES...: a mirror on both lans, 100 ms and 1.5 s: short, and yet no scheduling delay of a loaded machine
	cat <<-END
	<?xml version="1.0" encoding="UTF-8"?>
	<safe>
	  <service mode="mirror" $*>
	    <heart pulse="100" timeout="1500">
	      <heartbeat name="default"/>
	      <heartbeat name="net2" ident="flow"/>
	    </heart>
	    <user logging="userlog" nicestoptimeout="10" forcestoptimeout="10">
	      <var name="COUNTER_PORT" value="8080"/>
	    </user>
	  </service>
	</safe>
	END
}

app_install() {	# app_install NODE...: installs and configures it; the configuration is read from stdin
	local node xml out dir=${APP_DIR:-${BASH_SOURCE[0]%/*}/modules/counter}
	xml=$(cat)
	for node; do
		out=$(on "$node" safekit module install -m "$APP" "$dir" 2>&1) && app_configure "$node" <<<"$xml" && continue
		tap_not_ok "module $APP on $node" "$out"
		tap_done
	done
}

app_configure() {	# app_configure NODE...: another configuration, from stdin; the module must be stopped
	local node out xml
	xml=$(cat)
	for node; do
		cat >"$LAB_DIR/$node/safe/modules/$APP/conf/userconfig.xml" <<<"$xml"
		if ! out=$(on "$node" safekit config -m "$APP" 2>&1) || ! until_ok $LONG_S app_is "$node" STOP; then
			tap_not_ok "safekit config -m $APP on $node" "$out"
			tap_done
		fi
	done
}

app_state() { on "$1" safekit state -lq -m "$APP"; }
app_is() { [ "$(app_state "$1" 2>/dev/null)" = "$2" ]; }
sk() { local node=$1; shift; on "$node" safekit "$@" -m "$APP"; }	# sk NODE VERB ...

becomes() {	# becomes NODE STATE [NODE STATE]...: stable
	while [ $# -ge 2 ]; do
		check "$1 becomes $2" sk "$1" waitstate "$2" -t $LONG_S ||
			tap_diag "state:"$'\n'"$(on "$1" safekit state -v 2>&1)"$'\n'"the end of its log:"$'\n'"$(messages "$1" | tail -n 15)"
		shift 2
	done
}

start_pair() {	# n1 PRIM, n2 SECOND, from STOP
	check "start of n1" sk n1 start
	becomes n1 ALONE
	check "start of n2" sk n2 start
	becomes n2 SECOND n1 PRIM
}

stop_pair() {	# whatever they do
	sk n1 stop >/dev/null
	sk n2 stop >/dev/null
	becomes n1 STOP n2 STOP
}

# ---- what the log of a module says since the last mark ----

MARK=0
mark() {	# mark NODE...: forget what was logged so far
	local node
	MARK=$((MARK + 1))
	for node; do sk "$node" printi "mark $MARK of the test" >/dev/null; done
}

messages() {	# the texts, all levels, one per line
	sk "$1" log -A -s 3000 | sed 's/^| [^|]* | [^|]* | [A-Za-z] | //' |
		awk -v mark="mark $MARK of the test" '{ line[NR] = $0 } $0 == mark { at = NR } END { for (i = at + 1; i <= NR; i++) print line[i] }'
}

has_messages() {	# has_messages NODE TEXT...: these lines, word for word, in this order; others may stand between
	local node=$1
	shift
	messages "$node" | awk 'BEGIN { n = ARGC - 1; for (i = 1; i <= n; i++) want[i] = ARGV[i]; ARGC = 1; at = 1 }
		$0 == want[at] { at++ } END { exit at <= n }' "$@"
}

logged() {	# logged NODE TEXT...: waits for them
	local node=$1 name
	shift
	name=$(printf ', "%s"' "$@")
	until_ok $LONG_S has_messages "$node" "$@" && { tap_ok "$node logs ${name#, }"; return; }
	tap_not_ok "$node logs ${name#, }" "$(messages "$node")"
}

not_logged() {	# not_logged NODE TEXT...: none of them (ask after something that comes later was seen)
	local node=$1 text all found=
	shift
	all=$(messages "$node")
	for text; do
		if grep -Fxq -- "$text" <<<"$all"; then found+=" \"$text\""; fi
	done
	check_is "$found" "" "$node does not log $(printf '"%s" ' "$@")"
}

count_messages() { messages "$1" | grep -Fxc -- "$2"; }	# NODE TEXT

# ---- the application, as a client sees it ----

answer_of() { on c socat -T 2 -u "TCP:10.1.0.1${1#n}:8080,connect-timeout=1" - 2>/dev/null; }
serves() {	# serves NODE: it answers there, and as that server
	local answer
	answer=$(answer_of "$1")
	[[ $answer == "$1 answers request "* ]]
}
silent() { [ -z "$(answer_of "$1")" ]; }
only() {	# only NODE OTHER...: the application answers on NODE and nowhere else
	local node=$1 other
	shift
	check "the application answers on $node" serves "$node"
	for other; do check "and not on $other" silent "$other"; done
}

# ---- processes of a node ----

pid_of() {	# pid_of NODE heart|safeadmin, as the node numbers it
	local file=$LAB_DIR/$1/var/run/safeadmin.lock
	[ "$2" = safeadmin ] || file=$LAB_DIR/$1/var/modules/$APP/heart.lock
	cat "$file"
}
