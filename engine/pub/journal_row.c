/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal_row.c: rows of the journal while they are in memory.
 *
 * Owns: the packed form (a report without the unused end of its texts: a log row takes about 200 bytes instead of 700) and the order
 * in which rows are dropped when memory is full.  Called by: both threads, under the lock of the journal.  Never does: know SQLite.
 */
#include "config.h"
#include "pub/journal_impl.h"

#include <stdlib.h>
#include <string.h>

#define F(s, m, t, h)	{ #m, t, offsetof(struct s, m), sizeof(((struct s *)NULL)->m), NULL, 0, "", h }
static const struct field history_fields[] = {
	F(jhistory, seq, F_U64, "sequence number"),
	F(jhistory, time_ms, F_TIME_MS, "when"),
	F(jhistory, module, F_STR, "module name"),
	F(jhistory, name, F_STR, "resource"),
	F(jhistory, value, F_STR, "value from then on"),
	F(jhistory, by, F_STR, "who assigned it"),
};
static const struct field shown_fields[] = {
	F(jhistory, time_ms, F_TIME_MS, "when"),
	F(jhistory, value, F_STR, "value from then on"),
	F(jhistory, by, F_STR, "who assigned it"),
};
static const struct field forget_fields[] = {
	F(jforget, module, F_STR, "module name"),
	F(jforget, logs, F_BOOL, "its logs"),
	F(jforget, resources, F_BOOL, "its resource history"),
};
static const struct report_type history_type = { "history", sizeof(struct jhistory), history_fields, ARRAY_LEN(history_fields) };
static const struct report_type forget_type = { "forget", sizeof(struct jforget), forget_fields, ARRAY_LEN(forget_fields) };
const struct report_type jhistory_shown = { "history", sizeof(struct jhistory), shown_fields, ARRAY_LEN(shown_fields) };

const struct report_type *const jrow_types[JK_COUNT] = { &rpt_log_type, &rpt_notice_type_type, &rpt_command_type, &history_type,
    &rpt_command_type, &forget_type };
const char *const jrow_tables[JK_TABLES] = { "log", "notice", "command", "history" };

static size_t
packed_size(const struct report_type *type, const char *rpt)
{
	size_t i, n = 0;

	for (i = 0; i < type->count; i++) {
		const struct field *f = &type->fields[i];

		n += f->type == F_STR ? strnlen(rpt + f->off, f->size - 1) + 1 : f->size;
	}
	return n;
}

static uint8_t
rank_of(enum jkind kind, const void *rpt)
{
	if (kind == JK_LOG) {
		char level = ((const struct rpt_log *)rpt)->level[0];

		return level == 'd' || level == 'I' ? RANK_CHEAP : RANK_LOG;
	}
	return kind == JK_HISTORY ? RANK_LOG : RANK_DEAR;
}

struct jrow *
jrow_pack(enum jkind kind, const void *rpt)
{
	const struct report_type *type = jrow_types[kind];
	struct jrow *row = malloc(sizeof(*row) + packed_size(type, rpt));
	const char *from = rpt;
	char *p;
	size_t i;

	if (row == NULL)
		return NULL;
	row->kind = (uint8_t)kind;
	row->rank = rank_of(kind, rpt);
	row->order = 0;
	for (p = row->data, i = 0; i < type->count; i++) {
		const struct field *f = &type->fields[i];
		size_t n = f->type == F_STR ? strnlen(from + f->off, f->size - 1) : f->size;

		memcpy(p, from + f->off, n);
		p += n;
		if (f->type == F_STR)
			*p++ = '\0';
	}
	return row;
}

void
jrow_unpack(const struct jrow *row, union jany *out)
{
	const struct report_type *type = jrow_types[row->kind];
	const char *p = row->data;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < type->count; i++) {
		const struct field *f = &type->fields[i];
		size_t n = f->type == F_STR ? strlen(p) + 1 : f->size;

		memcpy((char *)out + f->off, p, n);
		p += n;
	}
}

void
jrows_free(struct jrows *rows)
{
	struct jrow *row;

	while ((row = TAILQ_FIRST(rows)) != NULL) {
		TAILQ_REMOVE(rows, row, all);
		free(row);
	}
}

void
jqueue_init(struct jqueue *q)
{
	size_t i;

	TAILQ_INIT(&q->all);
	for (i = 0; i < RANK_COUNT; i++)
		TAILQ_INIT(&q->rank[i]);
	q->count = 0;
}

void
jqueue_push(struct jqueue *q, struct jrow *row)
{
	TAILQ_INSERT_TAIL(&q->all, row, all);
	TAILQ_INSERT_TAIL(&q->rank[row->rank], row, rank_all);
	q->count++;
}

static void
queue_remove(struct jqueue *q, struct jrow *row)
{
	TAILQ_REMOVE(&q->all, row, all);
	TAILQ_REMOVE(&q->rank[row->rank], row, rank_all);
	q->count--;
}

size_t
jqueue_take(struct jqueue *q, size_t max, struct jrows *out)
{
	struct jrow *row;
	size_t n;

	for (n = 0; n < max && (row = TAILQ_FIRST(&q->all)) != NULL; n++) {
		queue_remove(q, row);
		TAILQ_INSERT_TAIL(out, row, all);
	}
	return n;
}

void
jqueue_return(struct jqueue *q, struct jrows *rows)
{
	struct jrow *row;

	while ((row = TAILQ_LAST(rows, jrows)) != NULL) {
		TAILQ_REMOVE(rows, row, all);
		TAILQ_INSERT_HEAD(&q->all, row, all);
		TAILQ_INSERT_HEAD(&q->rank[row->rank], row, rank_all);
		q->count++;
	}
}

bool
jqueue_drop(struct jqueue *q)
{
	size_t i;

	for (i = 0; i < RANK_COUNT; i++) {
		struct jrow *row = TAILQ_FIRST(&q->rank[i]);

		if (row != NULL) {
			queue_remove(q, row);
			free(row);
			return true;
		}
	}
	return false;
}
