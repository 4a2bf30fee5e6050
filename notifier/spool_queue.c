/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_queue.c: mails that wait, and what became of them.  See spool.h. */
#include "config.h"
#include "notifier/spool_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum spool_result
spool_next_id(struct spool *s, const char *node, char *buf, size_t size)
{
	int64_t last = 0;
	enum spool_result r = sp_number(s, "SELECT seq FROM sqlite_sequence WHERE name='mail'", &last);
	sqlite3_stmt *st = r == SPOOL_OK ? sp_statement(s, "SELECT value FROM meta WHERE name='spool'", &r) : NULL;
	int rc;

	if (st == NULL)
		return r;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		snprintf(buf, size, "safekit.%.16s.%" PRId64 "@%s", (const char *)sqlite3_column_text(st, 0), last + 1, node);
	r = rc == SQLITE_DONE ? SPOOL_DAMAGED : sp_result(s, rc, "name of the spool");
	sqlite3_reset(st);
	return r;
}

enum spool_result
spool_add(struct spool *s, const char *message_id, const struct mail_rule *rule, const char *from, const struct mail_text *mail, int64_t tells,
    int64_t now_us)
{
	enum spool_result r;
	int64_t id;
	uint32_t i;

	r = sp_run(s, "INSERT INTO mail(message_id,made_us,rule,sender,subject,tells,data) VALUES(?,?,?,?,?,?,?)", "titttib", message_id, now_us, rule->name,
	    from, mail->subject, tells, mail->data, mail->len);
	id = sqlite3_last_insert_rowid(s->db);
	for (i = 0; r == SPOOL_OK && i < rule->to_count; i++)
		r = sp_run(s, "INSERT INTO delivery(mail,recipient) VALUES(?,?)", "it", id, rule->to[i]);
	return r;
}

static bool
is_busy(int64_t id, const int64_t *busy, size_t busies)
{
	size_t i;

	for (i = 0; i < busies; i++)
		if (busy[i] == id)
			return true;
	return false;
}

static struct delivery *
read_delivery(sqlite3_stmt *st)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->id = sqlite3_column_int64(st, 0);
	str_copy(d->message_id, sizeof(d->message_id), (const char *)sqlite3_column_text(st, 2));
	str_copy(d->from, sizeof(d->from), (const char *)sqlite3_column_text(st, 3));
	str_copy(d->to, sizeof(d->to), (const char *)sqlite3_column_text(st, 4));
	d->attempts = (uint32_t)sqlite3_column_int64(st, 5);
	d->len = (size_t)sqlite3_column_bytes(st, 6);
	d->data = malloc(d->len + 1);
	if (d->data == NULL) {
		free(d);
		return NULL;
	}
	memcpy(d->data, sqlite3_column_blob(st, 6), d->len);
	d->data[d->len] = '\0';
	return d;
}

enum spool_result
spool_due(struct spool *s, int64_t now_us, int64_t ahead_us, const int64_t *busy, size_t busies, struct delivery **out, size_t max, size_t *count, int64_t *next_us)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, "SELECT d.id,d.next_us,m.message_id,m.sender,d.recipient,d.attempts,m.data FROM delivery d JOIN mail m ON m.id=d.mail"
	    " WHERE d.refused=0 ORDER BY d.next_us,d.id", &r);
	int rc = SQLITE_DONE;
	int64_t at;

	*count = 0;
	*next_us = INT64_MAX;
	if (st == NULL)
		return r;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (is_busy(sqlite3_column_int64(st, 0), busy, busies))
			continue;
		at = sqlite3_column_int64(st, 1);
		if (*count == max || (at > now_us && at - now_us <= ahead_us)) {
			*next_us = at;
			break;
		}
		out[*count] = read_delivery(st);
		if (out[*count] == NULL) {
			rc = SQLITE_NOMEM;
			break;
		}
		(*count)++;
	}
	r = sp_result(s, rc, "queue");
	sqlite3_reset(st);
	return r;
}

enum spool_result
spool_attempt(struct spool *s, int64_t id)
{
	return sp_run(s, "UPDATE delivery SET attempts=attempts+1 WHERE id=?", "i", id);
}

static enum spool_result
forget_delivered(struct spool *s)
{
	return sp_run(s, "DELETE FROM mail WHERE id NOT IN (SELECT mail FROM delivery)", "");
}

enum spool_result
spool_done(struct spool *s, int64_t id)
{
	enum spool_result r = sp_run(s, "UPDATE delivery SET told=1 WHERE told=0 AND refused BETWEEN 1 AND"
	    " (SELECT tells FROM mail WHERE id=(SELECT mail FROM delivery WHERE id=?1))", "i", id);

	if (r == SPOOL_OK)
		r = sp_run(s, "DELETE FROM mail WHERE id=(SELECT mail FROM delivery WHERE id=?1)"
		    " AND 1=(SELECT count(*) FROM delivery WHERE mail=(SELECT mail FROM delivery WHERE id=?1))", "i", id);
	return r == SPOOL_OK ? sp_run(s, "DELETE FROM delivery WHERE id=?", "i", id) : r;
}

enum spool_result
spool_later(struct spool *s, int64_t id, int64_t next_us, const char *why)
{
	return sp_run(s, "UPDATE delivery SET next_us=?2, why=?3 WHERE id=?1", "iit", id, next_us, why);
}

enum spool_result
spool_refused(struct spool *s, int64_t id, const char *why)
{
	return sp_run(s, "UPDATE delivery SET refused=1+(SELECT max(refused) FROM delivery), told=0, why=?2 WHERE id=?1", "it", id, why);
}

enum spool_result
spool_forget_refused(struct spool *s, uint32_t keep, uint64_t *forgotten)
{
	enum spool_result r = sp_run(s, "DELETE FROM delivery WHERE refused BETWEEN 1 AND"
	    " (SELECT refused FROM delivery WHERE refused<>0 ORDER BY refused DESC LIMIT 1 OFFSET ?)", "i", (int64_t)keep);

	*forgotten = r == SPOOL_OK ? (uint64_t)sqlite3_changes64(s->db) : 0;
	return *forgotten > 0 ? forget_delivered(s) : r;
}

enum spool_result
spool_waiting(struct spool *s, uint64_t *waiting, uint64_t *refused)
{
	int64_t w = 0, f = 0;
	enum spool_result r = sp_number(s, "SELECT count(*) FROM delivery WHERE refused=0", &w);

	if (r == SPOOL_OK)
		r = sp_number(s, "SELECT count(*) FROM delivery WHERE refused<>0", &f);
	*waiting = (uint64_t)w;
	*refused = (uint64_t)f;
	return r;
}

enum spool_result
spool_untold(struct spool *s, char *buf, size_t size, int64_t *tells)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, "SELECT max(refused),recipient,why,(SELECT count(*) FROM delivery WHERE refused<>0 AND told=0) FROM delivery"
	    " WHERE refused<>0 AND told=0", &r);
	int rc;

	buf[0] = '\0';
	*tells = 0;
	if (st == NULL)
		return r;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && (*tells = sqlite3_column_int64(st, 0)) != 0) {
		int64_t count = sqlite3_column_int64(st, 3);

		snprintf(buf, size, "%" PRId64 " mail%s set aside because a server refused %s for ever (safemail --show-queue); the last one to %s: %s", count,
		    count == 1 ? " was" : "s were", count == 1 ? "it" : "them", (const char *)sqlite3_column_text(st, 1), (const char *)sqlite3_column_text(st, 2));
	}
	r = sp_result(s, rc, "refused");
	sqlite3_reset(st);
	event_clean(buf);
	return r;
}

enum spool_result
spool_now(struct spool *s)
{
	return sp_run(s, "UPDATE delivery SET next_us=0 WHERE refused=0", "");
}

/* ---- tools ---- */
enum spool_result
spool_list(struct spool *s, void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, "SELECT d.id,m.made_us,d.next_us,m.message_id,m.rule,d.recipient,m.subject,d.why,d.attempts,d.refused FROM delivery d"
	    " JOIN mail m ON m.id=d.mail ORDER BY d.id", &r);
	int rc;

	if (st == NULL)
		return r;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct spool_row d = { sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
			(const char *)sqlite3_column_text(st, 3), (const char *)sqlite3_column_text(st, 4), (const char *)sqlite3_column_text(st, 5),
			(const char *)sqlite3_column_text(st, 6), (const char *)sqlite3_column_text(st, 7), (uint32_t)sqlite3_column_int64(st, 8),
			sqlite3_column_int64(st, 9) != 0 };

		row(ctx, &d);
	}
	r = sp_result(s, rc, "queue");
	sqlite3_reset(st);
	return r;
}

enum spool_result
spool_retry(struct spool *s, int64_t id, uint64_t *changed)
{
	enum spool_result r = sp_run(s, "UPDATE delivery SET refused=0, next_us=0 WHERE ?1=0 OR id=?1", "i", id);

	*changed = (uint64_t)sqlite3_changes64(s->db);
	return r;
}

enum spool_result
spool_drop(struct spool *s, int64_t id, uint64_t *changed)
{
	enum spool_result r = spool_begin(s);

	if (r == SPOOL_OK)
		r = sp_run(s, "DELETE FROM delivery WHERE ?1=0 OR id=?1", "i", id);
	*changed = (uint64_t)sqlite3_changes64(s->db);
	if (r == SPOOL_OK)
		r = forget_delivered(s);
	if (r == SPOOL_OK)
		r = spool_commit(s);
	if (r != SPOOL_OK)
		spool_rollback(s);
	return r;
}

void
delivery_free(struct delivery *d)
{
	if (d == NULL)
		return;
	free(d->data);
	free(d);
}
