/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool.c: puts changes in, and hands them to the sinks.
 */
#include "config.h"
#include "agent/export/spool_impl.h"

#include <sys/stat.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define SETTLED_MS	5000	/* without a failure, where nothing is to be written; what the sinks have is dropped each second (ours) */

struct spool *
spool_new(const char *file, const struct spool_limits *limits, const char *const *sinks, size_t count)
{
	struct spool *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	char folder[1024], *slash;
	size_t i;

	if (s == NULL || count > SINKS_MAX || !str_copy(s->file, sizeof(s->file), file)) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->more, &attr);
	pthread_condattr_destroy(&attr);
	s->limits = *limits;
	s->lock = -1;
	s->sinks = count;
	for (i = 0; i < count; i++)
		str_copy(s->sink[i].name, sizeof(s->sink[i].name), sinks[i]);
	str_copy(folder, sizeof(folder), file);
	slash = strrchr(folder, '/');
	if (slash != NULL && slash != folder) {
		*slash = '\0';
		if (path_mkdirs(folder, 0750) == -1)
			warn_errno("%s", folder);
	}
	spool_revive(s);
	spool_revive(s);	/* a damaged one was set aside */
	return s;
}

void
spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	sp_close(s);
	if (s->lock != -1)
		close(s->lock);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

bool
spool_up(struct spool *s)
{
	bool up;

	pthread_mutex_lock(&s->mutex);
	up = s->db != NULL;
	pthread_mutex_unlock(&s->mutex);
	return up;
}

/* A full disk can be opened; that something was written says that it works */
static void
works(struct spool *s)
{
	if (s->db == NULL || s->said[0] == '\0')
		return;
	warn_text("spool %s: works again", s->file);
	s->said[0] = '\0';
}

void
spool_settled(struct spool *s)
{
	pthread_mutex_lock(&s->mutex);
	if (clock_mono_ms() - s->failed_ms >= SETTLED_MS)
		works(s);
	pthread_mutex_unlock(&s->mutex);
}

void
spool_revive(struct spool *s)
{
	mode_t before = umask(027);

	pthread_mutex_lock(&s->mutex);
	if (s->db == NULL && !sp_open(s))
		sp_failed(s, "open");
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->mutex);
	umask(before);
}

/* ---- putting ---- */

static bool
begin(struct spool *s)
{
	if (!s->putting) {
		pthread_mutex_lock(&s->mutex);
		s->putting = true;
		s->put_count = 0;
		s->bad = !sp_run(s, "BEGIN IMMEDIATE");
	}
	return !s->bad;
}

struct series { int64_t id, out_ms; struct spool_last last; };

static bool
find_series(struct spool *s, const char *node, const char *module, const char *resource, struct series *found)
{
	sqlite3_stmt *q = sp_bind(s->q[Q_FIND], 1, node, module, resource);
	int rc = sqlite3_step(q);

	memset(found, 0, sizeof(*found));
	if (rc == SQLITE_ROW) {
		found->id = sqlite3_column_int64(q, 0);
		found->last.time_ms = sqlite3_column_int64(q, 1);
		found->last.count = (uint32_t)sqlite3_column_int64(q, 2);
		found->last.known = found->last.count > 0;
		found->out_ms = sqlite3_column_int64(q, 3);
		str_copy(found->last.value, sizeof(found->last.value), (const char *)sqlite3_column_text(q, 4));
	}
	sqlite3_reset(q);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

bool
spool_last(struct spool *s, const char *node, const char *module, const char *resource, struct spool_last *last)
{
	struct series found;

	if (!begin(s) || !find_series(s, node, module, resource, &found)) {
		s->bad = true;
		return false;
	}
	*last = found.last;
	if (!last->known)
		last->time_ms = s->born_ms;
	return true;
}

static bool
add(struct spool *s, struct series *series, const char *value, int64_t time_ms)
{
	const struct spool_last *l = &series->last;
	int64_t out_ms = time_ms;
	sqlite3_stmt *q;

	/* a point of the same series with the same time would replace the one before */
	if (l->known && time_ms >= l->time_ms && out_ms <= series->out_ms)
		out_ms = series->out_ms + 1;
	q = sp_bind(s->q[Q_INSERT], 4, value, NULL, NULL);
	sqlite3_bind_int64(q, 1, sp_wall_ms());
	sqlite3_bind_int64(q, 2, out_ms);
	sqlite3_bind_int64(q, 3, series->id);
	if (sqlite3_step(q) != SQLITE_DONE)
		return false;
	sqlite3_reset(q);
	q = sp_bind(s->q[Q_LAST], 4, value, NULL, NULL);
	sqlite3_bind_int64(q, 1, time_ms);
	sqlite3_bind_int64(q, 2, l->known && l->time_ms == time_ms ? l->count + 1 : 1);
	sqlite3_bind_int64(q, 3, out_ms);
	sqlite3_bind_int64(q, 5, series->id);
	if (sqlite3_step(q) != SQLITE_DONE)
		return false;
	sqlite3_reset(q);
	s->put_count++;
	return true;
}

enum spool_result
spool_put(struct spool *s, const char *node, const char *module, const char *resource, const char *value, int64_t time_ms)
{
	struct series series;
	bool good;

	if (!begin(s))
		return SPOOL_FAILED;
	good = find_series(s, node, module, resource, &series);
	if (good && series.last.known && series.last.time_ms == time_ms && strcmp(series.last.value, value) == 0)
		return SPOOL_SAME;
	if (good && series.id == 0) {
		good = sqlite3_step(sp_bind(s->q[Q_ADD], 1, node, module, resource)) == SQLITE_DONE;
		sqlite3_reset(s->q[Q_ADD]);
		series.id = sqlite3_last_insert_rowid(s->db);
	}
	if (good && add(s, &series, value, time_ms))
		return SPOOL_PUT;
	s->bad = true;
	return SPOOL_FAILED;
}

bool
spool_commit(struct spool *s)
{
	bool good;

	if (!s->putting)
		return true;
	good = !s->bad && sp_run(s, "COMMIT");
	if (!good) {
		if (s->db != NULL || !s->bad)
			sp_failed(s, "write");
	} else if (s->put_count > 0) {
		s->last = sp_number(s, "SELECT seq FROM sqlite_sequence WHERE name='change'", s->last);
		s->changes += s->put_count;
		works(s);
		pthread_cond_broadcast(&s->more);
	}
	s->putting = false;
	pthread_mutex_unlock(&s->mutex);
	return good;
}

/* ---- sinks ---- */

int64_t
spool_position(struct spool *s, size_t sink)
{
	int64_t done;

	pthread_mutex_lock(&s->mutex);
	done = s->sink[sink].done;
	pthread_mutex_unlock(&s->mutex);
	return done;
}

/* Into texts; its place as an offset, as texts may move */
static size_t
keep_text(struct text *texts, sqlite3_stmt *q, int column)
{
	size_t at = texts->len;
	const char *p = (const char *)sqlite3_column_text(q, column);

	text_add(texts, p != NULL ? p : "", p != NULL ? (size_t)sqlite3_column_bytes(q, column) + 1 : 1);
	return at;
}

size_t
spool_read(struct spool *s, int64_t after, struct change *out, size_t max, struct text *texts)
{
	sqlite3_stmt *q;
	size_t n = 0, i;
	int rc = SQLITE_DONE;

	texts->len = 0;
	pthread_mutex_lock(&s->mutex);
	if (s->db != NULL) {
		q = s->q[Q_READ];
		sqlite3_reset(q);
		sqlite3_bind_int64(q, 1, after);
		sqlite3_bind_int64(q, 2, (int64_t)max);
		while (n < max && (rc = sqlite3_step(q)) == SQLITE_ROW) {
			out[n].seq = sqlite3_column_int64(q, 0);
			out[n].time_ms = sqlite3_column_int64(q, 1);
			out[n].node = (const char *)keep_text(texts, q, 2);
			keep_text(texts, q, 3);
			keep_text(texts, q, 4);
			keep_text(texts, q, 5);
			n++;
		}
		sqlite3_reset(q);
		if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
			sp_failed(s, "read");
			n = 0;
		}
	}
	pthread_mutex_unlock(&s->mutex);
	for (i = 0; !texts->failed && i < n; i++) {
		/* the four texts of a change stand one behind the other */
		out[i].node = texts->p + (size_t)out[i].node;
		out[i].module = out[i].node + strlen(out[i].node) + 1;
		out[i].resource = out[i].module + strlen(out[i].module) + 1;
		out[i].value = out[i].resource + strlen(out[i].resource) + 1;
	}
	if (texts->failed) {	/* no memory: again later */
		text_free(texts);
		return 0;
	}
	return n;
}

void
spool_sent(struct spool *s, size_t sink, int64_t seq)
{
	pthread_mutex_lock(&s->mutex);
	if (seq > s->sink[sink].sent)
		s->sink[sink].sent = seq;
	pthread_mutex_unlock(&s->mutex);
}

bool
spool_done(struct spool *s, size_t sink, int64_t seq)
{
	struct reader *r = &s->sink[sink];
	bool good;

	pthread_mutex_lock(&s->mutex);
	if (seq > r->done)
		r->done = seq;
	if (r->sent < r->done)
		r->sent = r->done;
	good = s->db != NULL && sp_write_sink(s, r);
	if (!good && s->db != NULL)
		sp_failed(s, "write");
	pthread_mutex_unlock(&s->mutex);
	return good;
}

void
spool_refused(struct spool *s, size_t sink, size_t count)
{
	pthread_mutex_lock(&s->mutex);
	s->sink[sink].dropped[DROP_REFUSED] += count;
	pthread_mutex_unlock(&s->mutex);
}

void
spool_wait(struct spool *s, int64_t after, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&s->mutex);
	if (s->db == NULL || s->last <= after)
		pthread_cond_timedwait(&s->more, &s->mutex, &until);
	pthread_mutex_unlock(&s->mutex);
}

void
spool_wake(struct spool *s)
{
	pthread_mutex_lock(&s->mutex);
	pthread_cond_broadcast(&s->more);
	pthread_mutex_unlock(&s->mutex);
}
