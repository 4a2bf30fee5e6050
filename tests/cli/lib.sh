# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# lib.sh: a private SAFE and SAFEVAR, the built safekit, and a fake safeadmin for it.  Source it after cd to the top of the tree.
# Everything is below $T, which goes when the script ends; the fake safeadmin ends with it.
# shellcheck source=tests/lib/tap.sh
. tests/lib/tap.sh

T=$(mktemp -d) || exit
export SAFE=$T/safe SAFEVAR=$T/var SAFE_WAIT_SECONDS=0 LC_ALL=C.UTF-8 TZ=UTC
unset SAFEMODULE SAFE_BOOT_ID
BUILD=${TEST_BUILDDIR:-$PWD/build/check}
K=$BUILD/safekit
[ -x "$K" ] || tap_skip_all "safekit is not built in $BUILD"
mkdir -p "$SAFE/private/bin" "$SAFE/private/conf/include" "$SAFEVAR" "$T/fake"
cp engine/conf/failover.xml "$SAFE/private/conf/include/"
ADMIN_PID=''

finish() { admin_stop; rm -rf "$T"; }
trap finish EXIT

need_python() { command -v python3 >/dev/null || tap_skip_all "python3 is not installed"; }

admin_start() {	# the fake safeadmin; returns when it listens
	local line
	[ -p "$T/fake/ready" ] || mkfifo "$T/fake/ready"
	python3 tests/cli/fake_safeadmin.py "$T/fake" >"$T/fake/ready" 2>"$T/fake/stderr" &
	ADMIN_PID=$!
	read -r -t 20 line <"$T/fake/ready" && [ "$line" = ready ]
}
admin_stop() {
	[ -n "$ADMIN_PID" ] || return 0
	kill "$ADMIN_PID" 2>/dev/null
	wait "$ADMIN_PID" 2>/dev/null
	ADMIN_PID=''
}
admin_do() { echo "$1" >"$T/fake/control"; }
admin_module() {	# NAME STATE STATUS [more members of the report]
	echo "[{\"id\":1,\"name\":\"$1\",\"mode\":\"mirror\",\"state\":\"$2\",\"status\":\"$3\",\"pid\":77${4:+,$4}}]" >"$T/fake/modules.json"
}
asked() { tail -n "${1:-1}" "$T/fake/requests.log"; }
asked_op() {	# the last request of that op, keys sorted
	grep "\"op\": \"$1\"" "$T/fake/requests.log" | tail -n 1 | python3 -c 'import json,sys; print(json.dumps(json.loads(sys.stdin.readline()),sort_keys=True))'
}
# run safekit: stdout in $OUT, stderr in $ERR, status in $RC
run() {
	"$K" "$@" >"$T/out" 2>"$T/err" </dev/null
	RC=$?
	OUT=$(cat "$T/out") ERR=$(cat "$T/err")
}
# said STATUS STDERR NAME CMD...: exact words
said() {
	local want=$1 text=$2 name=$3
	shift 3
	run "$@"
	check_is "$RC $ERR" "$want $text" "$name"
}
# done_ok NAME CMD...
done_ok() {
	local name=$1
	shift
	run "$@"
	if [ "$RC" = 0 ]; then tap_ok "$name"; else tap_not_ok "$name" "status $RC: $OUT $ERR"; fi
}
matches() {	# TEXT PATTERN(bash) NAME
	# shellcheck disable=SC2053
	if [[ $1 == $2 ]]; then tap_ok "$3"; else tap_not_ok "$3" "got: $1"$'\n'"expected like: $2"; fi
}
write_cluster() {	# FILE
	cat >"$1" <<-'END'
	<cluster>
	  <lans>
	    <lan name="default">
	      <node name="node1" addr="127.0.0.1"/>
	      <node name="node2" addr="127.0.0.2"/>
	    </lan>
	  </lans>
	</cluster>
	END
}
