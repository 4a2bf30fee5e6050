/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool_db.c: the database of the spool: its tables, its statements, where the sinks are, what to do when it fails.
 *
 * Numbers of changes (seq) are never used again, not even after a damaged file was set aside: a new file begins at the time in microseconds.
 * They have no holes and are dropped from the front, so they count what waits.
 */
#include "config.h"
#include "agent/export/spool_impl.h"

#include <sys/file.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS		5000	/* somebody else reads the file (sqlite3) */
#define SERIES_MAX	200000	/* rows of series, twice what an engine has: of more than that, those whose last change is the oldest go (ours) */
#define TABLES_VERSION		1	/* of the tables; kept as user_version */
#define STRING_OF(n)	#n
#define STRING(n)	STRING_OF(n)

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
    " refused INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS born(ms INTEGER NOT NULL); PRAGMA user_version=" STRING(TABLES_VERSION) ";";

void
sp_close(struct spool *s)
{
	size_t i;

	for (i = 0; i < Q_COUNT; i++) {
		sqlite3_finalize(s->q[i]);
		s->q[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

void
sp_failed(struct spool *s, const char *what)
{
	bool later = s->db != NULL && s->version > TABLES_VERSION;
	const char *why = s->own_reason != NULL ? s->own_reason : s->db != NULL ? sqlite3_errmsg(s->db) : "no memory";
	int code = s->db == NULL && s->own_reason != NULL ? SQLITE_BUSY : s->db != NULL ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	char aside[1100];

	if (strcmp(s->said, why) != 0)
		warn_text("spool %s: %s: %s (trying again each second)", s->file, what, why);
	str_copy(s->said, sizeof(s->said), why);
	s->failed_ms = clock_mono_ms();
	s->own_reason = NULL;
	sp_close(s);
	if (!later && code != SQLITE_CORRUPT && code != SQLITE_NOTADB)
		return;
	if (later)
		path_format(aside, sizeof(aside), "%s.version-%lld-%lld", s->file, (long long)s->version, (long long)time(NULL));
	else
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

sqlite3_stmt *
sp_bind(sqlite3_stmt *q, int first, const char *a, const char *b, const char *c)
{
	sqlite3_reset(q);
	sqlite3_bind_text(q, first, a, -1, SQLITE_STATIC);
	if (b != NULL)
		sqlite3_bind_text(q, first + 1, b, -1, SQLITE_STATIC);
	if (c != NULL)
		sqlite3_bind_text(q, first + 2, c, -1, SQLITE_STATIC);
	return q;
}

bool
sp_run(struct spool *s, const char *text)
{
	return s->db != NULL && sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK;
}

int64_t
sp_number(struct spool *s, const char *text, int64_t otherwise)
{
	sqlite3_stmt *q = NULL;
	int64_t n = otherwise;

	if (sqlite3_prepare_v2(s->db, text, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

bool
sp_write_sink(struct spool *s, const struct reader *r)
{
	sqlite3_stmt *q = sp_bind(s->q[Q_DONE], 5, r->name, NULL, NULL);
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
	sqlite3_stmt *q = sp_bind(s->q[Q_DROPPED], 1, r->name, NULL, NULL);
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
		r->done = sp_number(s, "SELECT min(seq)-1 FROM change", sp_number(s, "SELECT seq FROM sqlite_sequence WHERE name='change'", 0));
		/* a name has no quotes: str_is_name() */
		snprintf(text, sizeof(text), "INSERT INTO sink VALUES('%s',%lld,0,0,0)", r->name, (long long)r->done);
		if (!sp_run(s, text))
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
	char text[64 + SINKS_MAX * (SK_NAME_MAX + 3)] = "DELETE FROM sink WHERE name NOT IN (''";
	size_t i, n;

	for (i = 0; i < s->sinks; i++) {
		n = strlen(text);
		good = good && path_format(text + n, sizeof(text) - n, ",'%s'", s->sink[i].name) && find_sink(s, &s->sink[i], &is_new);
	}
	n = strlen(text);
	good = good && path_format(text + n, sizeof(text) - n, ")") && sp_run(s, text);
	if (good && is_new) {
		snprintf(text, sizeof(text), "INSERT INTO change(put_ms,time_ms,series,value) SELECT %lld,out_ms,id,value FROM series WHERE count>0",
		    (long long)sp_wall_ms());
		good = sp_run(s, text);
	}
	return good;
}

/* Two that send from one file would drop what only one of them has sent.  Not the file itself: closing it would end SQLite's locks */
static bool
lock(struct spool *s)
{
	char file[1100];

	if (s->lock != -1)
		return true;
	if (!path_format(file, sizeof(file), "%s.lock", s->file) || (s->lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) == -1)
		return true;	/* the folder is not there, which SQLite says; or that lock is not ours, and the database is not either */
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	close(s->lock);
	s->lock = -1;
	s->own_reason = "another safeexport uses it";
	return false;
}

bool
sp_open(struct spool *s)
{
	char text[256];
	size_t i;

	if (!lock(s))
		return false;
	if (sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return false;
	sqlite3_busy_timeout(s->db, BUSY_MS);
	s->version = sp_number(s, "PRAGMA user_version", 0);
	s->own_reason = s->version > TABLES_VERSION ? "made by a later release" : NULL;
	if (s->own_reason != NULL || !sp_run(s, schema) || !sp_run(s, "BEGIN IMMEDIATE"))
		return false;
	snprintf(text, sizeof(text), "INSERT INTO sqlite_sequence(name,seq) SELECT 'change',%lld WHERE NOT EXISTS"
	    " (SELECT 1 FROM sqlite_sequence WHERE name='change')", (long long)clock_wall_us());
	if (!sp_run(s, text))
		return false;
	snprintf(text, sizeof(text), "INSERT INTO born SELECT %lld WHERE NOT EXISTS (SELECT 1 FROM born)", (long long)sp_wall_ms());
	if (!sp_run(s, text))
		return false;
	s->born_ms = sp_number(s, "SELECT ms FROM born", 0);
	for (i = 0; i < Q_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->q[i], NULL) != SQLITE_OK)
			return false;
	snprintf(text, sizeof(text), "DELETE FROM series WHERE id IN (SELECT id FROM series WHERE id NOT IN (SELECT series FROM change)"
	    " ORDER BY time_ms LIMIT max(0,(SELECT count(*) FROM series)-%d))", SERIES_MAX);
	if (!find_sinks(s) || !sp_run(s, text) || !sp_run(s, "COMMIT"))
		return false;
	s->last = sp_number(s, "SELECT seq FROM sqlite_sequence WHERE name='change'", 0);
	return true;
}
