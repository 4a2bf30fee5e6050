/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow_journal.c: systemd's journal.  The only file that knows libsystemd.
 *
 * Entries with the identifier safekit, written by root (any-user = yes takes all): anybody may write to the journal, and a mail should not be
 * his to send.  The cursor is the journal's own, so rotation and vacuuming are its business; an entry that is gone is the next one that is there.
 */
#include "config.h"
#include "notifier/follow.h"

#include <systemd/sd-journal.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX	(SK_TEXT_MAX * 2)
#define LOOK_MS		30000	/* whether folders came or went: a volatile journal that becomes persistent (journalctl --flush) */

struct follow {
	sd_journal *j;
	const char *dir;	/* "": the system's */
	char	 node[SK_NAME_MAX], cursor[1024];
	bool	 at_cursor;	/* the next entry may be the one that was read last */
	bool	 runtime, persistent;
};
static const char runtime_dir[] = "/run/log/journal", persistent_dir[] = "/var/log/journal";
static const char at_head[] = "head";	/* the cursor as long as there is no entry of ours */

static bool
match(struct follow *f, bool any_user)
{
	static const char tag[] = "SYSLOG_IDENTIFIER=" EVENT_TAG;

	return sd_journal_add_match(f->j, tag, 0) >= 0 && (any_user || sd_journal_add_match(f->j, "_UID=0", 0) >= 0);
}

/* After a seek (rc is what it said): the entry before that place is where we are, and its cursor is ours until there is another one */
static int
behind(struct follow *f, int rc)
{
	char *text;

	if (rc >= 0)
		rc = sd_journal_previous(f->j);
	if (rc == 0) {	/* nothing before: next() after seek_tail would never move in an empty journal */
		str_copy(f->cursor, sizeof(f->cursor), at_head);
		return sd_journal_seek_head(f->j);
	}
	if (rc > 0)
		rc = sd_journal_get_cursor(f->j, &text);
	if (rc >= 0) {
		str_copy(f->cursor, sizeof(f->cursor), text);
		free(text);
	}
	return rc;
}

static int
position(struct follow *f, const char *cursor, int64_t since_us)
{
	int rc;

	if (since_us > 0)
		return behind(f, sd_journal_seek_realtime_usec(f->j, (uint64_t)since_us));
	if (strcmp(cursor, at_head) == 0) {
		str_copy(f->cursor, sizeof(f->cursor), at_head);
		return sd_journal_seek_head(f->j);
	}
	if (cursor[0] != '\0') {
		rc = sd_journal_seek_cursor(f->j, cursor);
		if (rc >= 0) {
			str_copy(f->cursor, sizeof(f->cursor), cursor);
			f->at_cursor = true;
			return rc;
		}
		warn_text("the journal does not take the cursor \"%s\": from now on", cursor);
	}
	return behind(f, sd_journal_seek_tail(f->j));
}

static void
journal_close(struct follow *f)
{
	sd_journal_close(f->j);
	free(f);
}

static struct follow *
journal_open(const struct mail_conf *conf, const char *node, const char *cursor, int64_t since_us, char *why, size_t whysize)
{
	struct follow *f = calloc(1, sizeof(*f));
	int rc = -ENOMEM;

	if (f != NULL) {
		f->dir = conf->source_path;
		str_copy(f->node, sizeof(f->node), node);
		f->runtime = access(runtime_dir, F_OK) == 0;
		f->persistent = access(persistent_dir, F_OK) == 0;
		rc = f->dir[0] != '\0' ? sd_journal_open_directory(&f->j, f->dir, 0) : sd_journal_open(&f->j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
		if (rc >= 0)
			sd_journal_set_data_threshold(f->j, VALUE_MAX);
		if (rc >= 0 && !match(f, conf->any_user))
			rc = -ENOMEM;
		if (rc >= 0)
			rc = sd_journal_get_fd(f->j);	/* before the first look: nothing comes between */
		if (rc >= 0)
			rc = position(f, cursor, since_us);
	}
	if (rc >= 0 && f->dir[0] == '\0' && sd_journal_has_runtime_files(f->j) == 0 && sd_journal_has_persistent_files(f->j) == 0) {
		/* libsystemd says nothing of files that it may not open; and one that comes later it would not see */
		snprintf(why, whysize, "journal: no file that this user may read (is he in the group systemd-journal?)");
		journal_close(f);
		return NULL;
	}
	if (rc >= 0)
		return f;
	snprintf(why, whysize, "journal: %s", strerror(-rc));
	if (f != NULL)
		journal_close(f);
	return NULL;
}

static char *
field(struct follow *f, const char *name, char *buf, size_t size)
{
	const char *data;
	size_t len, skip = strlen(name) + 1;

	if (sd_journal_get_data(f->j, name, (const void **)&data, &len) < 0 || len < skip)
		return NULL;
	len -= skip;
	if (len >= size)
		len = size - 1;
	memcpy(buf, data + skip, len);
	buf[len] = '\0';
	return buf;
}

static bool
folders_changed(const struct follow *f)
{
	return f->dir[0] == '\0' && ((access(runtime_dir, F_OK) == 0) != f->runtime || (access(persistent_dir, F_OK) == 0) != f->persistent);
}

static int
journal_next(struct follow *f, struct mail_event *ev)
{
	enum { V_MESSAGE, V_NODE, V_MODULE, V_ORIGIN, V_LEVEL, V_KEY, V_TIME, V_HOST, V_COUNT };
	char value[V_COUNT][VALUE_MAX];
	struct event_fields fields;
	uint64_t received_us = 0;
	int rc;

	do {
		rc = sd_journal_next(f->j);
		if (rc == 0) {
			/* what the fd tells is taken in; it may be what makes the next entry visible */
			rc = sd_journal_process(f->j);
			if (rc == SD_JOURNAL_NOP)
				return folders_changed(f) ? -1 : 0;
			rc = rc < 0 ? rc : sd_journal_next(f->j);
		}
		if (rc <= 0)
			return rc == 0 ? 0 : -1;
		rc = f->at_cursor ? sd_journal_test_cursor(f->j, f->cursor) : 0;
		f->at_cursor = false;
	} while (rc > 0);
	fields.message = field(f, "MESSAGE", value[V_MESSAGE], VALUE_MAX);
	fields.node = field(f, "NODE", value[V_NODE], VALUE_MAX);
	fields.module = field(f, "MODULE", value[V_MODULE], VALUE_MAX);
	fields.origin = field(f, "ORIGIN", value[V_ORIGIN], VALUE_MAX);
	fields.level = field(f, "LEVEL", value[V_LEVEL], VALUE_MAX);
	fields.key = field(f, "KEY", value[V_KEY], VALUE_MAX);
	fields.time_us = field(f, "TIME_US", value[V_TIME], VALUE_MAX);
	fields.hostname = field(f, "_HOSTNAME", value[V_HOST], VALUE_MAX);
	sd_journal_get_realtime_usec(f->j, &received_us);
	event_from_fields(&fields, (int64_t)received_us, ev);
	return 1;
}

static bool
journal_cursor(struct follow *f, char *buf, size_t size)
{
	char *text;

	if (sd_journal_get_cursor(f->j, &text) < 0)	/* nothing was read yet */
		return str_copy(buf, size, f->cursor);
	str_copy(f->cursor, sizeof(f->cursor), text);
	free(text);
	return str_copy(buf, size, f->cursor);
}

static int
journal_fd(struct follow *f, short *events)
{
	int e = sd_journal_get_events(f->j);

	*events = e < 0 ? POLLIN : (short)e;
	return sd_journal_get_fd(f->j);
}

static int
journal_wait(struct follow *f)
{
	return LOOK_MS;
}

const struct follow_source follow_journal = { "journal", journal_open, journal_close, journal_next, journal_cursor, journal_fd, journal_wait };
