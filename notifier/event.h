/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.h: one message of the engine as the system's log holds it, and what it says of a module's state.
 *
 * Owns: the reading of a line of syslog (RFC 3164 as files and /dev/log have it, RFC 5424) and of the fields of a journal entry.
 * Called by: the followers.  Pure: no clock but the caller's, no file.  Never trusts what it reads: every text is cut to its size, made
 * UTF-8, and control characters become blanks, so that nothing behind it can be made to begin a line of its own.
 */
#ifndef SK_NOTIFIER_EVENT_H
#define SK_NOTIFIER_EVENT_H

#include "base/base.h"

#define EVENT_TAG	"safekit"	/* identifier in the journal, tag in syslog */
#define EVENT_LEVELS	"CEUSId"	/* worst first */
#define EVENT_LINE_MAX	4096		/* bytes of a line of syslog that are looked at (ours; the engine's are below 1 kB) */

/* of the engine's messages (wire/message.h): actions of somebody, at boot time, automatic, of a failover rule */
enum { KEY_ACTION = 500, KEY_ACTION_BOOT = 501, KEY_ACTION_RULE = 503, KEY_LOCAL_STATE = 512 };
/* keys of messages that are ours and not the engine's (wire/message.h ends below 700) */
enum { KEY_REMINDER = 700, KEY_RECOVERY = 701, KEY_TROUBLE = 702, KEY_TEST = 703 };

struct mail_event {
	int64_t	 time_us;	/* wall clock */
	char	 node[SK_NAME_MAX], module[SK_NAME_MAX], origin[SK_NAME_MAX];	/* "" where the log does not say */
	char	 level;		/* one of EVENT_LEVELS */
	uint32_t key;		/* 0: none */
	char	 message[SK_TEXT_MAX];
};

/* Values of a journal entry's fields, NULL where there is none */
struct event_fields { const char *message, *node, *module, *origin, *level, *key, *time_us, *hostname; };

/* received_us: when the log got it, for entries that do not say when it happened.  Always succeeds: what has no fields of ours (logger -t
 * safekit) is read as the payload of a line. */
void event_from_fields(const struct event_fields *f, int64_t received_us, struct mail_event *ev);
/* One line, no newline needed.  now_us gives the year that RFC 3164 leaves out; node is what the line does not say.  false: not ours. */
bool event_from_line(const char *line, int64_t now_us, const char *node, struct mail_event *ev);

/* "Local state STATE STATUS": true with the two words, as the engine spells them (rpt_state_names, rpt_status_names) */
bool event_state(const struct mail_event *ev, char state[16], char status[16]);
/* "2025-03-07T11:28:35.598077+01:00", as the documented mail has it; buf >= 40 bytes; returns buf */
char *event_time(int64_t time_us, char *buf, size_t size);
/* In place: well-formed UTF-8 without control characters */
void event_clean(char *text);

#endif
