/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool.c: the file, its transactions, cursor and windows.  See spool.h. */
#include "config.h"
#include "notifier/spool_impl.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESERVE_SIZE	(1024 * 1024)	/* room to bring SQLite's log (at most 128 pages and a transaction) into the file, and some small ones */
#define BUSY_MS		2000	/* --retry and --drop write for an instant */

enum spool_result
sp_result(struct spool *s, int rc, const char *doing)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return SPOOL_OK;
	snprintf(s->why, sizeof(s->why), "%.100s: %s", doing, s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	switch (rc & 0xff) {
	case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_FORMAT:
	case SQLITE_ERROR:	/* the statements are ours: tables that do not fit them are damage */
		return SPOOL_DAMAGED;
	case SQLITE_FULL: case SQLITE_BUSY: case SQLITE_LOCKED: case SQLITE_NOMEM:
		return SPOOL_LATER;
	}
	s->broken = true;
	return rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS ? SPOOL_DAMAGED : SPOOL_LATER;
}

sqlite3_stmt *
sp_statement(struct spool *s, const char *sql, enum spool_result *r)
{
	sqlite3_stmt *st = NULL;
	size_t i;

	*r = SPOOL_OK;
	for (i = 0; i < s->kept_count; i++)
		if (s->kept[i].sql == sql) {
			sqlite3_reset(s->kept[i].st);
			sqlite3_clear_bindings(s->kept[i].st);
			return s->kept[i].st;
		}
	if (s->kept_count == STATEMENTS_MAX)
		fatal("more than %d statements", STATEMENTS_MAX);
	*r = sp_result(s, sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL), sql);
	if (*r != SPOOL_OK)
		return NULL;
	s->kept[s->kept_count].sql = sql;
	s->kept[s->kept_count++].st = st;
	return st;
}

enum spool_result
sp_run(struct spool *s, const char *sql, const char *format, ...)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, sql, &r);
	int i, rc = SQLITE_OK;
	va_list ap;

	if (st == NULL)
		return r;
	va_start(ap, format);
	for (i = 0; format[i] != '\0' && rc == SQLITE_OK; i++)
		if (format[i] == 'i') {
			rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
		} else if (format[i] == 't') {
			rc = sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else {
			const void *data = va_arg(ap, const void *);

			rc = sqlite3_bind_blob64(st, i + 1, data, va_arg(ap, size_t), SQLITE_STATIC);
		}
	va_end(ap);
	while (rc == SQLITE_OK || rc == SQLITE_ROW)
		rc = sqlite3_step(st);
	r = sp_result(s, rc, sql);
	sqlite3_reset(st);
	return r;
}

enum spool_result
sp_number(struct spool *s, const char *sql, int64_t *out)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, sql, &r);
	int rc;

	if (st == NULL)
		return r;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	r = sp_result(s, rc, sql);
	sqlite3_reset(st);
	return r;
}

/* ---- the file ---- */
#define SCHEMA_VERSION	1	/* PRAGMA user_version; 0 in a file that has just been made */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta VALUES('spool', lower(hex(randomblob(8))));"
    "CREATE TABLE IF NOT EXISTS window(rule TEXT PRIMARY KEY, opened_us INTEGER NOT NULL, urgent INTEGER NOT NULL, events INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS event(id INTEGER PRIMARY KEY, rule TEXT NOT NULL, time_us INTEGER NOT NULL, node TEXT NOT NULL, module TEXT NOT NULL,"
    " origin TEXT NOT NULL, level TEXT NOT NULL, key INTEGER NOT NULL, message TEXT NOT NULL);"
    "CREATE INDEX IF NOT EXISTS event_rule ON event(rule,id);"
    "CREATE TABLE IF NOT EXISTS sum(rule TEXT NOT NULL, node TEXT NOT NULL, module TEXT NOT NULL, origin TEXT NOT NULL,"
    " level TEXT NOT NULL, key INTEGER NOT NULL, count INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, message TEXT NOT NULL,"
    " PRIMARY KEY(rule,node,module,origin,level,key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS made(id INTEGER PRIMARY KEY, rule TEXT NOT NULL, us INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS gone(node TEXT NOT NULL, module TEXT NOT NULL, asked INTEGER NOT NULL, since_us INTEGER NOT NULL, state TEXT NOT NULL,"
    " PRIMARY KEY(node,module)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS told(node TEXT NOT NULL, module TEXT NOT NULL, rule TEXT NOT NULL, us INTEGER NOT NULL,"
    " PRIMARY KEY(node,module,rule)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS mail(id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, made_us INTEGER NOT NULL, rule TEXT NOT NULL,"
    " sender TEXT NOT NULL, subject TEXT NOT NULL, tells INTEGER NOT NULL, data BLOB NOT NULL);"
    /* refused: 0 or the number of the refusal; tells: up to which number a mail tells of them; told: a mail that tells of it was taken */
    "CREATE TABLE IF NOT EXISTS delivery(id INTEGER PRIMARY KEY AUTOINCREMENT, mail INTEGER NOT NULL, recipient TEXT NOT NULL,"
    " refused INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, next_us INTEGER NOT NULL DEFAULT 0,"
    " why TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery(refused,next_us,id);"
    "CREATE INDEX IF NOT EXISTS delivery_mail ON delivery(mail);"
    "PRAGMA user_version=1;"
    "COMMIT;";

/* Tables of a safemail that is newer than this one are no damage: they stay where they are, for it */
static enum spool_result
make_tables(struct spool *s)
{
	int64_t version = 0;
	enum spool_result r = sp_number(s, "PRAGMA user_version", &version);

	if (r != SPOOL_OK || version == SCHEMA_VERSION)
		return r;
	if (version > SCHEMA_VERSION) {
		snprintf(s->why, sizeof(s->why), "spool.db is a newer safemail's (version %" PRId64 ", this one's is %d)", version, SCHEMA_VERSION);
		return SPOOL_LATER;
	}
	return sp_result(s, sqlite3_exec(s->db, schema, NULL, NULL, NULL), "schema");
}

static enum spool_result
open_file(struct spool *s, const char *file, bool make)
{
	enum spool_result r;
	int keep = 1;
	int fd = open(file, O_RDWR | (make ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640), rc;

	if (fd == -1) {
		snprintf(s->why, sizeof(s->why), "%.200s: %s", file, strerror(errno));
		return SPOOL_LATER;
	}
	close(fd);
	rc = sqlite3_open_v2(file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	r = sp_result(s, rc, "open");
	if (r != SPOOL_OK)
		return r;
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	/* its log keeps the size that it came to: on a full disk there is room to mark what was sent */
	sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep);
	r = sp_result(s, sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=128;"
	    " PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON",
	    NULL, NULL, NULL), "open");
	if (r == SPOOL_OK)
		r = make_tables(s);
	if (r != SPOOL_OK && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static enum spool_result
check_file(struct spool *s)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, "PRAGMA quick_check(1)", &r);
	int rc;

	if (st == NULL)
		return r;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0) {
		snprintf(s->why, sizeof(s->why), "%.200s", (const char *)sqlite3_column_text(st, 0));
		r = SPOOL_DAMAGED;
	} else {
		r = sp_result(s, rc, "check");
	}
	sqlite3_reset(st);
	return r;
}

struct spool *
spool_open(const char *dir, bool alone, bool check, enum spool_result *result, char *why, size_t whysize)
{
	struct spool *s = calloc(1, sizeof(*s));
	char path[CONF_PATH_MAX + 32];

	*result = SPOOL_LATER;
	if (s == NULL) {
		snprintf(why, whysize, "out of memory");
		return NULL;
	}
	s->lock = -1;
	if (alone && path_mkdirs(dir, 0750) == -1) {
		snprintf(s->why, sizeof(s->why), "%.200s: %s", dir, strerror(errno));
	} else if (alone && (snprintf(path, sizeof(path), "%s/lock", dir), s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640)) == -1) {
		snprintf(s->why, sizeof(s->why), "%.200s: %s", path, strerror(errno));
	} else if (alone && flock(s->lock, LOCK_EX | LOCK_NB) == -1) {
		snprintf(s->why, sizeof(s->why), "another safemail works on %.180s", dir);
	} else {
		snprintf(path, sizeof(path), "%s/spool.db", dir);
		*result = open_file(s, path, alone);
		if (*result == SPOOL_OK && check)
			*result = check_file(s);
		if (*result == SPOOL_OK)
			return s;
	}
	str_copy(why, whysize, s->why);
	spool_close(s);
	return NULL;
}

void
spool_close(struct spool *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->kept_count; i++)
		sqlite3_finalize(s->kept[i].st);
	sqlite3_close_v2(s->db);
	if (s->lock != -1)
		close(s->lock);
	free(s);
}

bool
spool_set_aside(const char *dir, char *to, size_t size, int64_t *last_us)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char from[CONF_PATH_MAX + 32], name[CONF_PATH_MAX + 64];
	int64_t now = clock_wall_us() / 1000000, us;
	struct stat st;
	size_t i;

	*last_us = 0;

	for (i = 0; i < ARRAY_LEN(suffix); i++) {
		snprintf(from, sizeof(from), "%s/spool.db%s", dir, suffix[i]);
		snprintf(name, sizeof(name), "%s/spool.db.damaged-%" PRId64 "%s", dir, now, suffix[i]);
		/* a log without a byte was made by the try to open it */
		if (i < 2 && stat(from, &st) == 0 && st.st_size > 0 && (us = (int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000) > *last_us)
			*last_us = us;
		if (rename(from, name) == -1 && (errno != ENOENT || i == 0))
			return false;
		if (i == 0)
			str_copy(to, size, name);
	}
	return true;
}

bool
spool_broken(const struct spool *s)
{
	return s->broken;
}

const char *
spool_why(const struct spool *s)
{
	return s->why;
}

bool
spool_reserve(const char *dir)
{
	char path[CONF_PATH_MAX + 32];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/reserve", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd == -1)
		return false;
	rc = posix_fallocate(fd, 0, RESERVE_SIZE);
	close(fd);
	if (rc != 0)
		unlink(path);
	return rc == 0;
}

void
spool_use_reserve(struct spool *s, const char *dir)
{
	char path[CONF_PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/reserve", dir);
	unlink(path);
	sqlite3_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
}

/* ---- transactions ---- */
enum spool_result
spool_begin(struct spool *s)
{
	return sp_run(s, "BEGIN IMMEDIATE", "");
}

enum spool_result
spool_commit(struct spool *s)
{
	return sp_run(s, "COMMIT", "");
}

void
spool_rollback(struct spool *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

enum spool_result
spool_cursor(struct spool *s, char *buf, size_t size)
{
	enum spool_result r;
	sqlite3_stmt *st = sp_statement(s, "SELECT value FROM meta WHERE name='cursor'", &r);
	int rc;

	buf[0] = '\0';
	if (st == NULL)
		return r;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		str_copy(buf, size, (const char *)sqlite3_column_text(st, 0));
	r = sp_result(s, rc, "cursor");
	sqlite3_reset(st);
	return r;
}

enum spool_result
spool_set_cursor(struct spool *s, const char *cursor)
{
	return sp_run(s, "INSERT OR REPLACE INTO meta VALUES('cursor',?)", "t", cursor);
}
