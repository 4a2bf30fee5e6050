/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal_query.c: answers questions from the database and from the rows that still wait for it.
 *
 * Called by: the writer thread, without the lock.  Never does: change anything.
 */
#include "config.h"
#include "pub/journal_impl.h"

#include <stdlib.h>
#include <string.h>

struct found_row {
	uint64_t seq;
	json_t	*obj;
};
struct found {
	struct found_row *row;
	size_t count, room;
};

static bool
found_add(struct found *f, uint64_t seq, json_t *obj)
{
	if (obj == NULL)
		return false;
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 256 : f->room * 2;
		void *more = realloc(f->row, room * sizeof(*f->row));

		if (more == NULL) {
			json_decref(obj);
			return false;
		}
		f->row = more;
		f->room = room;
	}
	f->row[f->count].seq = seq;
	f->row[f->count++].obj = obj;
	return true;
}

static void
found_clear(struct found *f)
{
	size_t i;

	for (i = 0; i < f->count; i++)
		json_decref(f->row[i].obj);
	f->count = 0;
}

static uint64_t
seq_of(enum jkind kind, const union jany *a)
{
	switch (kind) {
	case JK_LOG: return a->log.seq;
	case JK_NOTICE: return a->notice.seq;
	case JK_HISTORY: return a->history.seq;
	default: return a->command.seq;
	}
}

static json_t *
shown(enum jkind kind, const union jany *a)
{
	return report_encode(kind == JK_HISTORY ? &jhistory_shown : jrow_types[kind], a);
}

static bool
wanted(const struct jask *q, const union jany *a)
{
	switch (q->kind) {
	case JK_LOG:
		return a->log.seq > q->after && strcmp(a->log.module, q->module) == 0 &&
		    (q->levels[0] == '\0' || (a->log.level[0] != '\0' && strchr(q->levels, a->log.level[0]) != NULL));
	case JK_HISTORY:
		return strcmp(a->history.module, q->module) == 0 && strcmp(a->history.name, q->resource) == 0;
	default:
		return seq_of(q->kind, a) > q->after;
	}
}

static enum jresult
from_database(struct journal *j, struct jask *q, struct found *f)
{
	static const char *const which[JK_TABLES] = {
		"module=?3 AND (?4='' OR (level<>'' AND instr(?4,level)>0)) AND", "", "", "module=?3 AND name=?4 AND" };
	char columns[512];
	enum jresult r;
	sqlite3_stmt *st;
	union jany a;
	size_t i;
	int rc;

	if (!jdb_columns(q->kind, columns, sizeof(columns)))
		return JR_WAIT;
	st = jdb_prepare(j, &r, "SELECT %s FROM %s WHERE %s seq>?1 ORDER BY seq DESC LIMIT ?2", columns, jrow_tables[q->kind], which[q->kind]);
	if (st == NULL)
		return r;
	sqlite3_bind_int64(st, 1, q->after > INT64_MAX ? INT64_MAX : (int64_t)q->after);
	sqlite3_bind_int(st, 2, q->last);
	if (q->kind == JK_LOG || q->kind == JK_HISTORY) {
		sqlite3_bind_text(st, 3, q->module, -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 4, q->kind == JK_LOG ? q->levels : q->resource, -1, SQLITE_STATIC);
	}
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		jdb_read(st, q->kind, &a);
		if (!found_add(f, seq_of(q->kind, &a), shown(q->kind, &a))) {
			rc = SQLITE_NOMEM;
			break;
		}
	}
	r = jdb_result(j, rc, "read");
	sqlite3_finalize(st);
	for (i = 0; i < f->count / 2; i++) {	/* oldest first */
		struct found_row t = f->row[i];

		f->row[i] = f->row[f->count - 1 - i];
		f->row[f->count - 1 - i] = t;
	}
	return r;
}

/* What a waiting row will do to the database, done to the answer. */
static bool
apply(const struct jask *q, const struct jrow *row, struct found *f)
{
	union jany a;
	size_t i;

	if (row->kind != q->kind && row->kind != JK_FORGET && !(row->kind == JK_END && q->kind == JK_COMMAND))
		return true;
	jrow_unpack(row, &a);
	if (row->kind == JK_FORGET) {
		if (((q->kind == JK_LOG && a.forget.logs) || (q->kind == JK_HISTORY && a.forget.resources)) &&
		    strcmp(a.forget.module, q->module) == 0)
			found_clear(f);
		return true;
	}
	if (row->kind == JK_END) {
		for (i = f->count; i-- > 0; )
			if (f->row[i].seq == a.command.seq) {
				json_t *status = json_string(a.command.status);

				return json_object_set_new(f->row[i].obj, "status", status != NULL ? status : json_string("?")) == 0;
			}
		return true;
	}
	return !wanted(q, &a) || found_add(f, seq_of(q->kind, &a), shown(q->kind, &a));
}

/* waiting: rows that are not in the database yet, in order */
enum jresult
jquery_run(struct journal *j, struct jask *q, const struct jrows *waiting)
{
	struct found f = { NULL, 0, 0 };
	enum jresult r = j->db == NULL ? JR_OK : from_database(j, q, &f);
	const struct jrow *row;
	bool ok = r == JR_OK;
	size_t i;

	if (ok)
		TAILQ_FOREACH(row, waiting, all)
			if (!(ok = apply(q, row, &f)))
				break;
	q->rows = ok ? json_array() : NULL;
	if (q->rows != NULL)
		for (i = f.count > (size_t)q->last ? f.count - (size_t)q->last : 0; i < f.count; i++)
			json_array_append(q->rows, f.row[i].obj);	/* NOLINT(clang-analyzer-core.CallAndMessage): i < f.count */
	found_clear(&f);
	free(f.row);
	return r;
}
