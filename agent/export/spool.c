/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool.c: the database of the spool.
 *
 * Numbers of changes (seq) are never used again, not even after a damaged file was set aside: a new file begins at the time in microseconds.
 * They have no holes and are dropped from the front, so they count what waits.
 */
#include "config.h"
#include "agent/export/spool.h"

#include <sys/stat.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

#define BUSY_MS		5000	/* somebody else reads the file (sqlite3) */
#define TRIM_ROWS	20000	/* dropped in one transaction (ours) */
#define FORGET_MS	(90 * INT64_C(86400000))	/* resources that were not heard of since: their row goes (ours) */

enum statement { Q_FIND, Q_ADD, Q_LAST, Q_INSERT, Q_READ, Q_DONE, Q_DROP, Q_FRONT, Q_DROPPED, Q_YOUNG, Q_COUNT };
static const char *const sql[Q_COUNT] = {
	[Q_FIND] = "SELECT id,time_ms,count,out_ms,value FROM series WHERE node=? AND module=? AND resource=?",
	[Q_ADD] = "INSERT INTO series(node,module,resource,time_ms,count,out_ms,value) VALUES(?,?,?,0,0,0,'')",
	[Q_LAST] = "UPDATE series SET time_ms=?,count=?,out_ms=?,value=? WHERE id=?",
	[Q_INSERT] = "INSERT INTO change(put_ms,time_ms,series,value) VALUES(?,?,?,?)",
	[Q_READ] = "SELECT seq,c.time_ms,node,module,resource,c.value FROM change c JOIN series s ON s.id=c.series WHERE seq>? ORDER BY seq LIMIT ?",
	[Q_DONE] = "UPDATE sink SET done=?,size=?,age=?,refused=? WHERE name=?",
	[Q_DROP] = "DELETE FROM change WHERE seq<=?",
	[Q_FRONT] = "SELECT seq,put_ms FROM change WHERE seq>? ORDER BY seq LIMIT 1",
	[Q_DROPPED] = "SELECT done,size,age,refused FROM sink WHERE name=?",
	[Q_YOUNG] = "SELECT min(seq) FROM (SELECT seq,put_ms FROM change ORDER BY seq LIMIT ?) WHERE put_ms>=?",
};
static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=4194304; PRAGMA temp_store=MEMORY;"
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, node TEXT NOT NULL, module TEXT NOT NULL, resource TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, count INTEGER NOT NULL, out_ms INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE(node,module,resource));"
    "CREATE TABLE IF NOT EXISTS change(seq INTEGER PRIMARY KEY AUTOINCREMENT, put_ms INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " series INTEGER NOT NULL, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS sink(name TEXT PRIMARY KEY, done INTEGER NOT NULL, size INTEGER NOT NULL, age INTEGER NOT NULL,"
    " refused INTEGER NOT NULL);";

struct reader {
	char	 name[SK_NAME_MAX];
	int64_t	 done, sent;	/* sent is never behind done */
	uint64_t dropped[DROP_COUNT];
};
struct spool {
	pthread_mutex_t	 mutex;
	pthread_cond_t	 more;
	char		 file[1024];
	struct spool_limits limits;
	sqlite3		*db;		/* NULL: does not work now */
	sqlite3_stmt	*q[Q_COUNT];
	bool		 putting;	/* the feed thread holds the mutex */
	bool		 bad;		/* a put failed: the commit will */
	int64_t		 last;		/* last seq that is committed */
	uint64_t	 put_count, changes;	/* in this transaction; since the start */
	size_t		 sinks;
	struct reader	 sink[SINKS_MAX];
	char		 said[256];
};

static int64_t
wall_ms(void)
{
	return clock_wall_us() / 1000;
}

/* ---- SQLite ---- */

static void
close_db(struct spool *s)
{
	size_t i;

	for (i = 0; i < Q_COUNT; i++) {
		sqlite3_finalize(s->q[i]);
		s->q[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* Something of the database failed: said once, closed until spool_revive() */
static void
failed(struct spool *s, const char *what)
{
	const char *why = s->db != NULL ? sqlite3_errmsg(s->db) : "no memory";
	int code = s->db != NULL ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	char aside[1100];

	if (strcmp(s->said, why) != 0)
		warn_text("spool %s: %s: %s (trying again each second)", s->file, what, why);
	str_copy(s->said, sizeof(s->said), why);
	close_db(s);
	if (code != SQLITE_CORRUPT && code != SQLITE_NOTADB)
		return;
	path_format(aside, sizeof(aside), "%s.damaged-%lld", s->file, (long long)time(NULL));
	if (rename(s->file, aside) == -1)
		warn_errno("spool %s: rename to %s", s->file, aside);
	else
		warn_text("spool %s: set aside as %s: what waited there for the sinks is not sent", s->file, aside);
	path_format(aside, sizeof(aside), "%s-wal", s->file);
	remove(aside);
	path_format(aside, sizeof(aside), "%s-shm", s->file);
	remove(aside);
}

static sqlite3_stmt *
bind_text(sqlite3_stmt *q, int first, const char *a, const char *b, const char *c)
{
	sqlite3_reset(q);
	sqlite3_bind_text(q, first, a, -1, SQLITE_STATIC);
	if (b != NULL)
		sqlite3_bind_text(q, first + 1, b, -1, SQLITE_STATIC);
	if (c != NULL)
		sqlite3_bind_text(q, first + 2, c, -1, SQLITE_STATIC);
	return q;
}

static bool
run(struct spool *s, const char *text)
{
	return s->db != NULL && sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t
one_number(struct spool *s, const char *text, int64_t otherwise)
{
	sqlite3_stmt *q = NULL;
	int64_t n = otherwise;

	if (sqlite3_prepare_v2(s->db, text, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

static bool
write_sink(struct spool *s, const struct reader *r)
{
	sqlite3_stmt *q = bind_text(s->q[Q_DONE], 5, r->name, NULL, NULL);
	bool good;
	int i;

	sqlite3_bind_int64(q, 1, r->done);
	for (i = 0; i < DROP_COUNT; i++)
		sqlite3_bind_int64(q, 2 + i, (int64_t)r->dropped[i]);
	good = sqlite3_step(q) == SQLITE_DONE;
	sqlite3_reset(q);
	return good;
}

/* Where a sink is; one that is new begins with all that is there, and the last value of every resource is put once more (false: failed) */
static bool
find_sink(struct spool *s, struct reader *r, bool *is_new)
{
	sqlite3_stmt *q = bind_text(s->q[Q_DROPPED], 1, r->name, NULL, NULL);
	int rc = sqlite3_step(q), i;
	char text[160];

	if (rc == SQLITE_ROW) {
		r->done = sqlite3_column_int64(q, 0);
		for (i = 0; i < DROP_COUNT; i++)
			r->dropped[i] = (uint64_t)sqlite3_column_int64(q, 1 + i);
	}
	sqlite3_reset(q);
	if (rc == SQLITE_DONE) {
		*is_new = true;
		r->done = one_number(s, "SELECT min(seq)-1 FROM change", one_number(s, "SELECT seq FROM sqlite_sequence WHERE name='change'", 0));
		/* a name has no quotes: str_is_name() */
		snprintf(text, sizeof(text), "INSERT INTO sink VALUES('%s',%lld,0,0,0)", r->name, (long long)r->done);
		if (!run(s, text))
			return false;
	} else if (rc != SQLITE_ROW) {
		return false;
	}
	r->sent = r->done;
	return true;
}

static bool
find_sinks(struct spool *s)
{
	bool is_new = false, good = true;
	char text[512] = "DELETE FROM sink WHERE name NOT IN (''";
	size_t i, n;

	for (i = 0; i < s->sinks; i++) {
		n = strlen(text);
		path_format(text + n, sizeof(text) - n, ",'%s'", s->sink[i].name);
		good = good && find_sink(s, &s->sink[i], &is_new);
	}
	n = strlen(text);
	good = good && path_format(text + n, sizeof(text) - n, ")") && run(s, text);
	if (good && is_new) {
		snprintf(text, sizeof(text), "INSERT INTO change(put_ms,time_ms,series,value) SELECT %lld,out_ms,id,value FROM series WHERE count>0",
		    (long long)wall_ms());
		good = run(s, text);
	}
	return good;
}

static bool
open_db(struct spool *s)
{
	char text[256];
	size_t i;

	if (sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return false;
	sqlite3_busy_timeout(s->db, BUSY_MS);
	if (!run(s, schema) || !run(s, "BEGIN IMMEDIATE"))
		return false;
	snprintf(text, sizeof(text), "INSERT INTO sqlite_sequence(name,seq) SELECT 'change',%lld WHERE NOT EXISTS"
	    " (SELECT 1 FROM sqlite_sequence WHERE name='change')", (long long)clock_wall_us());
	if (!run(s, text))
		return false;
	for (i = 0; i < Q_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->q[i], NULL) != SQLITE_OK)
			return false;
	snprintf(text, sizeof(text), "DELETE FROM series WHERE time_ms<%lld AND id NOT IN (SELECT series FROM change)",
	    (long long)(wall_ms() - FORGET_MS));
	if (!find_sinks(s) || !run(s, text) || !run(s, "COMMIT"))
		return false;
	s->last = one_number(s, "SELECT seq FROM sqlite_sequence WHERE name='change'", 0);
	return true;
}

/* ---- the whole ---- */

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
	close_db(s);
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

void
spool_revive(struct spool *s)
{
	mode_t before = umask(027);

	pthread_mutex_lock(&s->mutex);
	if (s->db == NULL) {
		if (!open_db(s)) {
			failed(s, "open");
		} else if (s->said[0] != '\0') {
			warn_text("spool %s: works again", s->file);
			s->said[0] = '\0';
		}
	}
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
		s->bad = !run(s, "BEGIN IMMEDIATE");
	}
	return !s->bad;
}

struct series { int64_t id, out_ms; struct spool_last last; };

static bool
find_series(struct spool *s, const char *node, const char *module, const char *resource, struct series *found)
{
	sqlite3_stmt *q = bind_text(s->q[Q_FIND], 1, node, module, resource);
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
	q = bind_text(s->q[Q_INSERT], 4, value, NULL, NULL);
	sqlite3_bind_int64(q, 1, wall_ms());
	sqlite3_bind_int64(q, 2, out_ms);
	sqlite3_bind_int64(q, 3, series->id);
	if (sqlite3_step(q) != SQLITE_DONE)
		return false;
	sqlite3_reset(q);
	q = bind_text(s->q[Q_LAST], 4, value, NULL, NULL);
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
		good = sqlite3_step(bind_text(s->q[Q_ADD], 1, node, module, resource)) == SQLITE_DONE;
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
	good = !s->bad && run(s, "COMMIT");
	if (!good) {
		if (s->db != NULL || !s->bad)
			failed(s, "write");
	} else if (s->put_count > 0) {
		s->last = one_number(s, "SELECT seq FROM sqlite_sequence WHERE name='change'", s->last);
		s->changes += s->put_count;
		pthread_cond_broadcast(&s->more);
	}
	s->putting = false;
	pthread_mutex_unlock(&s->mutex);
	return good;
}

/* ---- bounds ---- */

/* All up to seq go; sinks that have not got them lose them */
static bool
drop(struct spool *s, int64_t seq, enum drop_reason reason)
{
	struct reader before[SINKS_MAX];
	bool good = run(s, "BEGIN IMMEDIATE");
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
			good = write_sink(s, r);
		}
	}
	good = good && run(s, "COMMIT");
	if (!good) {
		memcpy(s->sink, before, sizeof(before));
		failed(s, "drop");
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
	int64_t pages = one_number(s, "PRAGMA page_count", 0) - one_number(s, "PRAGMA freelist_count", 0);

	return (uint64_t)(pages * one_number(s, "PRAGMA page_size", 4096));
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
	if (used(s) > s->limits.size) {
		int64_t some = first + (s->last - first) / 20;

		return drop(s, some < first + TRIM_ROWS ? some : first + TRIM_ROWS - 1, DROP_SIZE);
	}
	return false;
}

void
spool_trim(struct spool *s, int64_t now_ms)
{
	bool more;

	do {
		pthread_mutex_lock(&s->mutex);
		more = trim_step(s, now_ms);
		pthread_mutex_unlock(&s->mutex);
	} while (more);
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
	up = s->db != NULL;
	bytes = up ? used(s) : 0;
	changes = s->changes;
	memset(fig, 0, sizeof(fig));
	for (i = 0; i < s->sinks; i++) {
		const struct reader *r = &s->sink[i];

		memcpy(fig[i].dropped, r->dropped, sizeof(r->dropped));
		fig[i].waiting = s->last > r->sent ? (uint64_t)(s->last - r->sent) : 0;
		if (up && fig[i].waiting > 0 && front(s, r->sent, &seq, &oldest))
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
			failed(s, "read");
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
	return texts->failed ? 0 : n;
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
	good = s->db != NULL && write_sink(s, r);
	if (!good && s->db != NULL)
		failed(s, "write");
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
