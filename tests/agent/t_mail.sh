#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# safemail from an entry of the journal to a mail in a box: the window, the table, servers in order, refusals, servers that come back.
# shellcheck disable=SC2119,SC2317	# options that a test does not use; functions that check calls
# shellcheck source-path=SCRIPTDIR source=mail_lib.sh
. "$(dirname "$0")/mail_lib.sh"

start_journal
start_smtp box
conf <<END
$(server_lines box)
[mail]
source = journal:$D/journal
from = safekit@node1.example.org
node = node1
[rule all]
to = admin@example.org
window = 2s
END
entry mirror C 533 "before the first start: nobody is told"
# journal-remote has it when the file has a second entry of its own making: look with another reader
in_journal() { journalctl -q -D "$D/journal" -o cat MESSAGE="$1" 2>/dev/null | grep -q .; }
check "the journal is fed" until_ok 10 in_journal "before the first start: nobody is told"
start_mail
entry mirror E 610 "Virtual IP <ip1.10 of mirror> set"
entry mirror E 512 "Local state WAIT Transient"
entry mirror C 533 "Reason of failover: no heartbeat"
entry mirror S 520 "Script start_prim"
entry mirror E 512 "Local state ALONE Ready"
entry mirror C 999 "somebody who is not root" node1 1000
check "a window becomes a mail" until_ok 10 taken_count_is box 1
check_is "$(header_of "$D/box/1.eml" subject)" "node1: mirror: Reason of failover: no heartbeat (+2)" "the subject names node and worst event"
check_is "$(header_of "$D/box/1.eml" from),$(header_of "$D/box/1.eml" to),$(header_of "$D/box/1.eml" auto-submitted)" \
	"safekit@node1.example.org,admin@example.org,auto-generated" "sender, recipient"
table() { text_of "$1" | grep "^$2 " | sed -E 's/[0-9]{4}-[0-9-]{5}T[0-9:.]{15}\+00:00/TIME/; s/  +/ | /g'; }
check_is "$(table "$D/box/1.eml" Node; table "$D/box/1.eml" node1)" "Node | Module | Timestamp | Origin | Level | Message | Message key
node1 | mirror | TIME | heart | E | Local state ALONE Ready | 512
node1 | mirror | TIME | heart | C | Reason of failover: no heartbeat | 533
node1 | mirror | TIME | heart | E | Local state WAIT Transient | 512" "the documented table as text, newest first"
cells() { text_of "$1" html | sed -nE 's/<\/?(td|th)[^>]*>/|/g; /^<tr/p' | sed -E 's/<[^>]*>//g; s/\|+/|/g; s/[0-9]{4}-[0-9-]{5}T[0-9:.]{15}\+00:00/TIME/'; }
check_is "$(cells "$D/box/1.eml")" "|Node|Module|Timestamp|Origin|Level|Message|Message key|
|node1|mirror|TIME|heart|E|Local state ALONE Ready|512|
|node1|mirror|TIME|heart|C|Reason of failover: no heartbeat|533|
|node1|mirror|TIME|heart|E|Local state WAIT Transient|512|" "and as HTML"
check_is "$(queue)" "0 waiting, 0 refused" "the spool is empty"
check_status 0 "SIGTERM ends it" stop_mail
tap_done
