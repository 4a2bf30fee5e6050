#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 400
#
# kill -9 of safemail at any instant, while servers come and go and one breaks off after it took a mail: each event is in the boxes, by
# Message-ID exactly once; what was sent twice can only be what a server took in the instant of a kill.
# shellcheck disable=SC2119,SC2317	# options that a test does not use; functions that check calls
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"

ROUNDS=${ROUNDS:-40}
SEED=${SEED:-$((RANDOM))}
RANDOM=$SEED
echo "# SEED=$SEED ROUNDS=$ROUNDS"
start_journal
start_smtp first
start_smtp second
conf <<END
$(server_lines first)
$(server_lines second)
[mail]
source = journal:$D/journal
from = safekit@example.org
node = node1
retry = 1s
[rule one]
to = one@example.org, two@example.org
window = 0
max-per-hour = 0
[rule later]
to = three@example.org
window = 1s
rows = 10000
max-per-hour = 0
END
start_mail
N=0 KILLS=0 up=(first second)
for ((round = 1; round <= ROUNDS; round++)); do
	for ((i = RANDOM % 6; i >= 0; i--)); do entry m C 533 "event $((N += 1))"; done
	# an instant: 0 to 60 ms
	read -r -t "0.0$((RANDOM % 60 + 10))" <> <(:)
	case $((RANDOM % 6)) in
	0)	which=${up[RANDOM % 2]}
		if [ -n "${PID[$which]:-}" ]; then stop_smtp "$which" KILL; else start_smtp "$which"; fi ;;
	*)	stop_mail KILL
		KILLS=$((KILLS + 1))
		start_mail ;;
	esac
done
for which in first second; do [ -n "${PID[$which]:-}" ] || start_smtp "$which"; done
queue_is_empty() { [ "$(queue | tail -n 1)" = "0 waiting, 0 refused" ] && [ "$(spool 'SELECT count(*) FROM window')" = 0 ]; }
last_is_there() { grep -qs "event $N " <(for f in "$D"/*/*.eml; do text_of "$f"; done); }
check "all was sent" until_ok 60 queue_is_empty
check "the last event as well" until_ok 20 last_is_there
stop_mail

/usr/bin/python3 - "$D" "$N" >"$D/verdict" <<'END'
import collections, email, email.policy, glob, re, sys
folder, n = sys.argv[1], int(sys.argv[2])
seen = collections.defaultdict(lambda: collections.Counter())	# recipient -> event -> how often, mails counted once
mails = collections.Counter()
text = {}
for name in glob.glob(folder + "/*/*.eml"):
    m = email.message_from_binary_file(open(name, "rb"), policy=email.policy.default)
    key = (m["x-rcpt-to"], m["message-id"])
    mails[key] += 1
    body = m.get_body(("plain",)).get_content()
    if key in text and text[key] != body:
        print("another text under the same Message-ID:", key)
    text[key] = body
for (rcpt, _), body in text.items():
    for e in re.findall(r" event (\d+) ", body):
        seen[rcpt][int(e)] += 1
for rcpt in ("one@example.org", "two@example.org", "three@example.org"):
    bad = [e for e in range(1, n + 1) if seen[rcpt][e] != 1]
    if bad:
        print(rcpt, "not once:", [(e, seen[rcpt][e]) for e in bad])
print("twice %d" % sum(c - 1 for c in mails.values()))
print("mails %d" % len(mails))
END
check_is "$(grep -v '^twice\|^mails' "$D/verdict")" "" "each of $N events once in each box ($KILLS kills)"
TWICE=$(sed -n 's/^twice //p' "$D/verdict")
echo "# $(paste -sd ' ' "$D/verdict"): same mail handed over again after a kill or a server's death"
check "no more repeats than deliveries under way at kills" test "$TWICE" -le $((KILLS * 8))
tap_done
