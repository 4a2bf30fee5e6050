/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_trim.c: keeps the bounds of the spool, and tells how it does.
 */
#include "config.h"
#include "agent/export/spool_impl.h"

#define TRIM_ROWS	20000	/* dropped in one transaction (ours) */
#define KEEP_ROWS	1000	/* kept whatever the size: the last values of all resources may be more than a small bound (ours) */
#define TRIM_STEPS	25	/* of them each second at most: meanwhile nobody listens to the engine (ours) */

/* All up to seq go; sinks that have not got them lose them */
static bool
drop(struct spool *s, int64_t seq, enum drop_reason reason)
{
	struct reader before[SINKS_MAX];
	bool good = sp_run(s, "BEGIN IMMEDIATE");
	size_t i;

	memcpy(before, s->sink, sizeof(before));
	sqlite3_reset(s->q[Q_DROP]);
	sqlite3_bind_int64(s->q[Q_DROP], 1, seq);
	good = good && sqlite3_step(s->q[Q_DROP]) == SQLITE_DONE;
	sqlite3_reset(s->q[Q_DROP]);
	for (i = 0; good && i < s->sinks; i++) {
		struct reader *r = &s->sink[i];

		if (r->sent < seq) {
			r->dropped[reason] += (uint64_t)(seq - r->sent);
			r->sent = seq;
		}
		if (r->done < seq) {
			r->done = seq;
			good = sp_write_sink(s, r);
		}
	}
	good = good && sp_run(s, "COMMIT");
	if (!good) {
		memcpy(s->sink, before, sizeof(before));
		sp_failed(s, "drop");
	}
	return good;
}

/* The oldest one behind after; false: none */
static bool
front(struct spool *s, int64_t after, int64_t *seq, int64_t *put_ms)
{
	sqlite3_stmt *q = s->q[Q_FRONT];
	bool there;

	sqlite3_reset(q);
	sqlite3_bind_int64(q, 1, after);
	there = sqlite3_step(q) == SQLITE_ROW;
	if (there) {
		*seq = sqlite3_column_int64(q, 0);
		*put_ms = sqlite3_column_int64(q, 1);
	}
	sqlite3_reset(q);
	return there;
}

static uint64_t
used(struct spool *s)
{
	int64_t pages = sp_number(s, "PRAGMA page_count", 0) - sp_number(s, "PRAGMA freelist_count", 0);

	return (uint64_t)(pages * sp_number(s, "PRAGMA page_size", 4096));
}

/* What is too old: up to the last one of the first TRIM_ROWS before one that is not */
static int64_t
old_until(struct spool *s, int64_t first, int64_t limit_ms)
{
	sqlite3_stmt *q = s->q[Q_YOUNG];
	int64_t seq = first + TRIM_ROWS - 1;

	sqlite3_reset(q);
	sqlite3_bind_int64(q, 1, TRIM_ROWS);
	sqlite3_bind_int64(q, 2, limit_ms);
	if (sqlite3_step(q) == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
		seq = sqlite3_column_int64(q, 0) - 1;
	sqlite3_reset(q);
	return seq < s->last ? seq : s->last;
}

/* One step; false: nothing to do, or it failed */
static bool
trim_step(struct spool *s, int64_t now_ms)
{
	int64_t first, put_ms, all = INT64_MAX, limit_ms = now_ms - (int64_t)s->limits.age_s * 1000;
	size_t i;

	if (s->db == NULL || !front(s, 0, &first, &put_ms))
		return false;
	for (i = 0; i < s->sinks; i++)
		all = s->sink[i].done < all ? s->sink[i].done : all;
	if (all >= first)
		return drop(s, all < first + TRIM_ROWS ? all : first + TRIM_ROWS - 1, DROP_SIZE);	/* nobody loses these */
	if (put_ms < limit_ms)
		return drop(s, old_until(s, first, limit_ms), DROP_AGE);
	if (used(s) > s->limits.size && s->last - first >= KEEP_ROWS) {
		int64_t some = first + (s->last - first) / 20;

		some = some < s->last - KEEP_ROWS ? some : s->last - KEEP_ROWS;
		return drop(s, some < first + TRIM_ROWS ? some : first + TRIM_ROWS - 1, DROP_SIZE);
	}
	return false;
}

void
spool_trim(struct spool *s, int64_t now_ms)
{
	bool more = true;
	int i;

	for (i = 0; i < TRIM_STEPS && more; i++) {
		pthread_mutex_lock(&s->mutex);
		more = trim_step(s, now_ms);
		pthread_mutex_unlock(&s->mutex);
	}
}

void
spool_figures(struct spool *s, struct keep *k)
{
	struct sink_figures fig[SINKS_MAX];
	uint64_t bytes, changes;
	int64_t seq, oldest;
	size_t i;
	bool up;

	pthread_mutex_lock(&s->mutex);
	up = s->db != NULL && s->said[0] == '\0';
	bytes = s->db != NULL ? used(s) : 0;
	changes = s->changes;
	memset(fig, 0, sizeof(fig));
	for (i = 0; i < s->sinks; i++) {
		const struct reader *r = &s->sink[i];

		memcpy(fig[i].dropped, r->dropped, sizeof(r->dropped));
		fig[i].waiting = s->last > r->sent ? (uint64_t)(s->last - r->sent) : 0;
		if (s->db != NULL && fig[i].waiting > 0 && front(s, r->sent, &seq, &oldest))
			fig[i].oldest_ms = oldest;
	}
	pthread_mutex_unlock(&s->mutex);

	pthread_mutex_lock(&k->mutex);
	k->spool_up = up;
	k->spool_bytes = bytes;
	k->spool_limit = s->limits.size;
	k->changes = changes;
	for (i = 0; i < k->sinks; i++) {
		memcpy(k->sink[i].dropped, fig[i].dropped, sizeof(fig[i].dropped));
		k->sink[i].waiting = fig[i].waiting;
		k->sink[i].oldest_ms = fig[i].oldest_ms;
	}
	pthread_mutex_unlock(&k->mutex);
}
