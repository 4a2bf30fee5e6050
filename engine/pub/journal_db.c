/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal_db.c: the journal's SQLite file.
 *
 * Owns: dir/journal.db and its -wal, the files set aside.  Called by: the writer thread (journal_new() before it exists).
 * Never does: hold the journal's lock during a disk operation, give up: each function ends in JR_OK, JR_WAIT (later) or JR_DAMAGED.
 *
 * WAL with synchronous=FULL: a commit is on the disk when it returns; one fsync pays for a whole batch.  locking_mode=EXCLUSIVE: the
 * file is ours alone, and no memory is shared with whoever truncates journal.db-shm (that would be a SIGBUS in safeadmin).  Columns
 * follow the published fields (wire/fields.c); a field that an older file lacks is added.  Inserts replace by seq, so that a batch
 * whose commit failed half way can be written again.
 */
#include "config.h"
#include "pub/journal_impl.h"
#include "wire/message.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS		1000	/* somebody's sqlite3 shell may hold the file for a moment */
#define SQL_MAX		2048
#define LOG_TRIM	1000	/* rows between two trims of the logs of a module, of the notices, of the commands */
#define HISTORY_TRIM	100	/* the same of a resource */

enum jresult
jdb_result(struct journal *j, int rc, const char *doing)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return JR_OK;
	snprintf(j->why, sizeof(j->why), "%s: %s", doing, j->db != NULL ? sqlite3_errmsg(j->db) : sqlite3_errstr(rc));
	switch (rc & 0xff) {
	case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_FORMAT:
		return JR_DAMAGED;
	case SQLITE_FULL: case SQLITE_BUSY: case SQLITE_LOCKED: case SQLITE_NOMEM:
		return JR_WAIT;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
			return JR_DAMAGED;
	}
	j->reopen = true;
	if (j->db != NULL && sqlite3_system_errno(j->db) != 0) {
		size_t n = strlen(j->why);

		snprintf(j->why + n, sizeof(j->why) - n, " (%s)", strerror(sqlite3_system_errno(j->db)));
	}
	return JR_WAIT;
}

sqlite3_stmt *
jdb_prepare(struct journal *j, enum jresult *r, const char *fmt, ...)
{
	char sql[SQL_MAX];
	sqlite3_stmt *st = NULL;
	va_list ap;
	int rc, n;

	va_start(ap, fmt);
	n = vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	rc = n < (int)sizeof(sql) ? sqlite3_prepare_v3(j->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) : SQLITE_TOOBIG;
	*r = jdb_result(j, rc, "prepare");
	if (rc == SQLITE_ERROR)		/* the statements are ours: a table that does not fit them is damage */
		*r = JR_DAMAGED;
	return st;
}

static enum jresult
db_exec(struct journal *j, const char *sql)
{
	int rc = sqlite3_exec(j->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_ERROR ? (jdb_result(j, rc, sql), JR_DAMAGED) : jdb_result(j, rc, sql);
}

bool
jdb_columns(enum jkind kind, char *buf, size_t size)
{
	const struct report_type *type = jrow_types[kind];
	size_t i, n = 0;

	for (i = 0; i < type->count && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s\"%s\"", i == 0 ? "" : ",", type->fields[i].name);
	return n < size;
}

static enum jresult
db_table(struct journal *j, enum jkind kind)
{
	const struct report_type *type = jrow_types[kind];
	enum jresult r;
	char sql[256];
	size_t i;

	snprintf(sql, sizeof(sql), "CREATE TABLE IF NOT EXISTS %s(seq INTEGER PRIMARY KEY)", jrow_tables[kind]);
	r = db_exec(j, sql);
	for (i = 1; r == JR_OK && i < type->count; i++) {
		const struct field *f = &type->fields[i];
		sqlite3_stmt *st = jdb_prepare(j, &r, "SELECT 1 FROM pragma_table_info('%s') WHERE name='%s'", jrow_tables[kind], f->name);
		int rc = st == NULL ? SQLITE_DONE : sqlite3_step(st);

		sqlite3_finalize(st);
		if (r == JR_OK)
			r = jdb_result(j, rc, "table");
		if (r != JR_OK || rc == SQLITE_ROW)
			continue;
		snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN \"%s\" %s", jrow_tables[kind], f->name,
		    f->type == F_STR ? "TEXT NOT NULL DEFAULT ''" : "INTEGER NOT NULL DEFAULT 0");
		r = db_exec(j, sql);
	}
	return r;
}

static enum jresult
db_schema(struct journal *j)
{
	static const char *const last[] = {
		"CREATE TABLE IF NOT EXISTS resource_index(module TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,"
		" PRIMARY KEY(module,name)) WITHOUT ROWID",
		"CREATE INDEX IF NOT EXISTS log_module ON log(module,seq)",
		"CREATE INDEX IF NOT EXISTS history_name ON history(module,name,seq)",
		"COMMIT",
	};
	enum jresult r = db_exec(j, "BEGIN IMMEDIATE");
	size_t i;

	for (i = 0; r == JR_OK && i < JK_TABLES; i++)
		r = db_table(j, (enum jkind)i);
	for (i = 0; r == JR_OK && i < ARRAY_LEN(last); i++)
		r = db_exec(j, last[i]);
	return r;
}

static enum jresult
db_statements(struct journal *j)
{
	static const char of_module[] = "WHERE module=?1", of_resource[] = "WHERE module=?1 AND name=?3";
	static const int keep[] = { JOURNAL_LOG_ROWS, JOURNAL_NOTICE_ROWS, JOURNAL_COMMAND_ROWS, JOURNAL_HISTORY_ROWS };
	const char *const whose[] = { of_module, "", "", of_resource };
	enum jresult r = JR_OK;
	char columns[512], marks[64];
	int i;

	for (i = 0; r == JR_OK && i < JK_TABLES; i++) {
		size_t c, n = jrow_types[i]->count;

		for (c = 0; c < n; c++)
			memcpy(marks + 2 * c, "?,", 2);
		marks[2 * n - 1] = '\0';
		jdb_columns((enum jkind)i, columns, sizeof(columns));
		j->insert[i] = jdb_prepare(j, &r, "INSERT OR REPLACE INTO %s(%s) VALUES(%s)", jrow_tables[i], columns, marks);
		if (r == JR_OK)
			j->trim[i] = jdb_prepare(j, &r, "DELETE FROM %s %s %s seq<=(SELECT seq FROM %s %s ORDER BY seq DESC LIMIT 1 OFFSET %d)",
			    jrow_tables[i], whose[i], whose[i][0] == '\0' ? "WHERE" : "AND", jrow_tables[i], whose[i], keep[i]);
	}
	if (r == JR_OK)
		j->end_command = jdb_prepare(j, &r, "UPDATE command SET status=?2 WHERE seq=?1");
	if (r == JR_OK)
		j->insert_index = jdb_prepare(j, &r, "INSERT OR REPLACE INTO resource_index(module,name,number) VALUES(?,?,?)");
	return r;
}

static ino_t
inode_of(const char *file, const char *suffix, off_t *size)
{
	char path[PATH_MAX + 8];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", file, suffix);
	if (lstat(path, &st) == -1)
		return 0;
	if (size != NULL)
		*size = st.st_size;
	return st.st_ino;
}

enum jresult
jdb_open(struct journal *j)
{
	off_t wal_size = 0;
	enum jresult r;
	int fd, rc;

	if (j->db != NULL)
		return JR_OK;
	/* made here for its mode: SQLite would let the umask decide, and gives -wal the mode of the database */
	if (path_mkdirs(j->dir, 0750) == -1 || (fd = open(j->file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640)) == -1) {
		snprintf(j->why, sizeof(j->why), "%.200s: %s", j->file, strerror(errno));
		return JR_WAIT;
	}
	close(fd);
	if (inode_of(j->file, "-wal", &wal_size) != 0 && wal_size > 0)
		j->unclean = true;
	rc = sqlite3_open_v2(j->file, &j->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	r = jdb_result(j, rc, "open");
	if (r == JR_OK) {
		sqlite3_extended_result_codes(j->db, 1);
		sqlite3_busy_timeout(j->db, BUSY_MS);
		sqlite3_db_config(j->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		r = db_exec(j, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF;"
		    " PRAGMA cell_size_check=ON; PRAGMA journal_size_limit=16777216");
	}
	if (r == JR_OK)
		r = db_schema(j);
	if (r == JR_OK)
		r = db_statements(j);
	if (r == JR_OK)
		j->wal_ino = inode_of(j->file, "-wal", NULL);
	else
		jdb_close(j);
	return r;
}

void
jdb_close(struct journal *j)
{
	int i;

	for (i = 0; i < JK_TABLES; i++) {
		sqlite3_finalize(j->insert[i]);
		sqlite3_finalize(j->trim[i]);
		j->insert[i] = j->trim[i] = NULL;
	}
	sqlite3_finalize(j->end_command);
	sqlite3_finalize(j->insert_index);
	j->end_command = j->insert_index = NULL;
	sqlite3_close_v2(j->db);
	j->db = NULL;
	j->reopen = false;
}

static int
check_time(void *ctx)
{
	return clock_mono_ms() > *(int64_t *)ctx;
}

enum jresult
jdb_check(struct journal *j)
{
	int64_t deadline = clock_mono_ms() + JOURNAL_CHECK_MS;
	enum jresult r;
	sqlite3_stmt *st = jdb_prepare(j, &r, "PRAGMA quick_check(1)");
	int rc;

	if (st == NULL)
		return r;
	sqlite3_progress_handler(j->db, 10000, check_time, &deadline);
	rc = sqlite3_step(st);
	sqlite3_progress_handler(j->db, 0, NULL, NULL);
	if (rc == SQLITE_INTERRUPT) {	/* a big file: the rest is found when it is read */
		r = JR_OK;
	} else if (rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0) {
		snprintf(j->why, sizeof(j->why), "quick_check: %.200s", (const char *)sqlite3_column_text(st, 0));
		r = JR_DAMAGED;
	} else {
		r = jdb_result(j, rc, "quick_check");
	}
	sqlite3_finalize(st);
	if (r == JR_OK)
		j->unclean = false;
	return r;
}

enum jresult
jdb_present(struct journal *j)
{
	int moved = 0;

	if (sqlite3_file_control(j->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved) {
		snprintf(j->why, sizeof(j->why), "%.200s was removed", j->file);
		return JR_DAMAGED;
	}
	if (j->wal_ino == 0)
		j->wal_ino = inode_of(j->file, "-wal", NULL);
	else if (inode_of(j->file, "-wal", NULL) != j->wal_ino) {
		/* closing brings what the lost -wal held into the database, then a new -wal is made */
		jdb_close(j);
		return jdb_open(j);
	}
	return JR_OK;
}

/* ---- set aside ---- */
static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
remove_aside(const char *dir, const char *name)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char path[2 * PATH_MAX];
	size_t i;

	for (i = 0; i < ARRAY_LEN(suffix); i++)
		if (path_format(path, sizeof(path), "%s/%s%s", dir, name, suffix[i]))
			unlink(path);
}

static void
trim_aside(const char *dir)	/* names end in their time, so the oldest sorts first */
{
	static const char prefix[] = "journal.db.damaged-";
	char *names[64];
	struct dirent *e;
	size_t n = 0, i;
	DIR *d = opendir(dir);

	while (d != NULL && n < ARRAY_LEN(names) && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1) == 0 && strcmp(e->d_name + len - 4, "-wal") != 0 &&
		    strcmp(e->d_name + len - 4, "-shm") != 0 && (names[n] = strdup(e->d_name)) != NULL)
			n++;
	}
	if (d != NULL)
		closedir(d);
	/* cppcheck-suppress uninitvar ; n are filled in */
	qsort(names, n, sizeof(names[0]), by_name);
	for (i = 0; i < n; i++) {
		if (i + JOURNAL_DAMAGED_MAX < n)
			remove_aside(dir, names[i]);
		free(names[i]);
	}
}

enum jresult
jdb_set_aside(struct journal *j)
{
	static const char *const suffix[] = { "-wal", "-shm" };
	char name[64], from[PATH_MAX + 8], to[PATH_MAX + 80];
	int64_t us = clock_wall_us();
	time_t sec = (time_t)(us / 1000000);
	bool gone = false;
	struct tm tm;
	size_t i, n;

	if (j->aside_ms != 0 && clock_mono_ms() - j->aside_ms < JOURNAL_RETRY_MS) {	/* this disk damages all it gets: not in a loop */
		jdb_close(j);
		return JR_WAIT;
	}
	gmtime_r(&sec, &tm);
	n = strftime(name, sizeof(name), "journal.db.damaged-%Y%m%dT%H%M%S", &tm);
	snprintf(name + n, sizeof(name) - n, ".%06dZ", (int)(us % 1000000));
	/* rename before close: closing must neither write into the evidence nor remove its -wal */
	if (j->db != NULL)
		sqlite3_db_config(j->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	snprintf(to, sizeof(to), "%s/%s", j->dir, name);
	if (rename(j->file, to) == -1) {
		gone = errno == ENOENT;
		if (!gone) {
			snprintf(j->why, sizeof(j->why), "the damaged %.150s cannot be set aside: %s", j->file, strerror(errno));
			jdb_close(j);
			return JR_WAIT;
		}
	}
	for (i = 0; i < ARRAY_LEN(suffix); i++) {
		snprintf(from, sizeof(from), "%s%s", j->file, suffix[i]);
		snprintf(to, sizeof(to), "%s/%s%s", j->dir, name, suffix[i]);
		if (gone)
			unlink(from);	/* of no use without its database, and poison for the next one */
		else
			rename(from, to);
	}
	jdb_close(j);
	trim_aside(j->dir);
	j->aside_ms = clock_mono_ms();
	j->rewrite = true;
	j->unclean = false;
	j->index_in_db = 0;
	journal_trouble(j, MSG_JOURNAL_REBUILT, "Journal database was damaged: set aside as %s and rebuilt", gone ? "nothing (it was removed)" : name);
	return JR_OK;
}

/* ---- writing ---- */
static void
bind_fields(sqlite3_stmt *st, const struct report_type *type, const void *rpt)
{
	size_t i;

	for (i = 0; i < type->count; i++) {
		const struct field *f = &type->fields[i];
		const char *at = (const char *)rpt + f->off;
		int n = (int)i + 1;

		switch (f->type) {
		case F_U32: sqlite3_bind_int64(st, n, *(const uint32_t *)(const void *)at); break;
		case F_U64: case F_TIME_MS: case F_TIME_US: sqlite3_bind_int64(st, n, *(const int64_t *)(const void *)at); break;
		case F_ENUM: case F_BOOL: sqlite3_bind_int(st, n, *(const int *)(const void *)at); break;
		case F_STR: sqlite3_bind_text(st, n, at, -1, SQLITE_STATIC); break;
		}
	}
}

static enum jresult
db_run(struct journal *j, sqlite3_stmt *st, const char *doing)
{
	int rc = sqlite3_step(st);
	enum jresult r = jdb_result(j, rc, doing);

	sqlite3_reset(st);
	return r;
}

/* Old rows go once in a while, first with the first row of this life, so that short lives trim too. */
static enum jresult
db_trim(struct journal *j, enum jkind kind, const char *module, const char *name)
{
	uint32_t period = kind == JK_HISTORY ? HISTORY_TRIM : LOG_TRIM;
	struct jname *count = jnames_find(&j->trims, module, name);

	if (count == NULL)
		count = jnames_add(&j->trims, module, name, period);
	else
		count->index++;
	if (count == NULL || count->index < period)
		return JR_OK;
	count->index = 0;
	if (kind == JK_LOG || kind == JK_HISTORY)
		sqlite3_bind_text(j->trim[kind], 1, module, -1, SQLITE_STATIC);
	if (kind == JK_HISTORY)
		sqlite3_bind_text(j->trim[kind], 3, name, -1, SQLITE_STATIC);
	return db_run(j, j->trim[kind], "trim");
}

static enum jresult
db_forget(struct journal *j, const struct jforget *f)
{
	static const char *const sql[] = { "DELETE FROM log WHERE module=?", "DELETE FROM history WHERE module=?" };
	const bool wanted[] = { f->logs, f->resources };
	enum jresult r = JR_OK;
	size_t i;

	for (i = 0; r == JR_OK && i < ARRAY_LEN(sql); i++) {
		sqlite3_stmt *st = wanted[i] ? jdb_prepare(j, &r, "%s", sql[i]) : NULL;

		if (st == NULL)
			continue;
		sqlite3_bind_text(st, 1, f->module, -1, SQLITE_STATIC);
		r = db_run(j, st, "forget");
		sqlite3_finalize(st);
	}
	return r;
}

static enum jresult
db_row(struct journal *j, const struct jrow *row)
{
	enum jkind kind = (enum jkind)row->kind;
	enum jresult r;
	union jany a;

	jrow_unpack(row, &a);
	if (kind == JK_FORGET)
		return db_forget(j, &a.forget);
	if (kind == JK_END) {
		sqlite3_bind_int64(j->end_command, 1, (int64_t)a.command.seq);
		sqlite3_bind_text(j->end_command, 2, a.command.status, -1, SQLITE_STATIC);
		return db_run(j, j->end_command, "update command");
	}
	bind_fields(j->insert[kind], jrow_types[kind], &a);
	r = db_run(j, j->insert[kind], "insert");
	if (r != JR_OK)
		return r;
	switch (kind) {
	case JK_LOG: return db_trim(j, kind, a.log.module, "");
	case JK_HISTORY: return db_trim(j, kind, a.history.module, a.history.name);
	case JK_NOTICE: return db_trim(j, kind, "", "notice");	/* a module name is never "", a history row always has one */
	default: return db_trim(j, kind, "", "command");
	}
}

enum jresult
jdb_write(struct journal *j, struct jname *const *names, size_t n, const struct jrows *rows)
{
	enum jresult r = db_exec(j, "BEGIN IMMEDIATE");
	const struct jrow *row;
	size_t i;

	if (r == JR_OK && j->rewrite)
		TAILQ_FOREACH(row, &j->kept, all)
			if ((r = db_row(j, row)) != JR_OK)
				break;
	for (i = 0; r == JR_OK && i < n; i++) {
		sqlite3_bind_text(j->insert_index, 1, names[i]->text, -1, SQLITE_STATIC);
		sqlite3_bind_text(j->insert_index, 2, names[i]->text + names[i]->resource_at, -1, SQLITE_STATIC);
		sqlite3_bind_int64(j->insert_index, 3, names[i]->index);
		r = db_run(j, j->insert_index, "insert index");
	}
	if (r == JR_OK)
		TAILQ_FOREACH(row, rows, all)
			if ((r = db_row(j, row)) != JR_OK)
				break;
	if (r == JR_OK)
		r = db_exec(j, "COMMIT");
	if (r != JR_OK && !sqlite3_get_autocommit(j->db)) {
		char why[sizeof(j->why)];

		str_copy(why, sizeof(why), j->why);
		db_exec(j, "ROLLBACK");
		str_copy(j->why, sizeof(j->why), why);
	}
	if (r == JR_OK)
		j->rewrite = false;
	return r;
}

/* ---- reading ---- */
static void
read_text(sqlite3_stmt *st, int column, char *at, size_t size)
{
	const char *s = (const char *)sqlite3_column_text(st, column);

	str_copy(at, size, s == NULL ? "" : s);
}

void
jdb_read(sqlite3_stmt *st, enum jkind kind, union jany *out)
{
	const struct report_type *type = jrow_types[kind];
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < type->count; i++) {
		const struct field *f = &type->fields[i];
		char *at = (char *)out + f->off;
		int c = (int)i;

		switch (f->type) {
		case F_U32: *(uint32_t *)(void *)at = (uint32_t)sqlite3_column_int64(st, c); break;
		case F_U64: case F_TIME_MS: case F_TIME_US: *(int64_t *)(void *)at = sqlite3_column_int64(st, c); break;
		case F_ENUM: case F_BOOL: *(int *)(void *)at = sqlite3_column_int(st, c); break;
		case F_STR: read_text(st, c, at, f->size); break;
		}
	}
}

uint64_t
jdb_last_seq(struct journal *j, enum jkind kind)
{
	enum jresult r;
	sqlite3_stmt *st = jdb_prepare(j, &r, "SELECT max(seq) FROM %s", jrow_tables[kind]);
	int64_t seq = st != NULL && sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;

	sqlite3_finalize(st);
	return seq < 0 || seq > 1ll << 52 ? 0 : (uint64_t)seq;
}

enum jresult
jdb_index_load(struct journal *j, struct jnames *t, size_t *same)
{
	char module[SK_NAME_MAX], name[SK_RES_MAX];
	enum jresult r;
	sqlite3_stmt *st = jdb_prepare(j, &r, "SELECT module,name,number FROM resource_index WHERE number BETWEEN 1 AND %u", JOURNAL_INDEX_LAST);
	int rc = SQLITE_DONE;

	while (st != NULL && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint32_t number = (uint32_t)sqlite3_column_int64(st, 2);
		struct jname *n;

		read_text(st, 0, module, sizeof(module));
		read_text(st, 1, name, sizeof(name));
		n = jnames_find(t, module, name);
		if (n == NULL)
			n = jnames_add(t, module, name, number);
		if (n == NULL) {
			rc = SQLITE_NOMEM;
			break;
		}
		*same += n->index == number;
	}
	if (r == JR_OK)
		r = jdb_result(j, rc, "read indexes");
	sqlite3_finalize(st);
	return r;
}
