/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal_impl.h: the inside of the journal; only engine/pub/journal*.c includes it.
 *
 * journal.c		what the loop thread calls, and the start
 * journal_writer.c	the writer thread
 * journal_row.c	rows in memory: packed, queued, dropped in the documented order
 * journal_number.c	numbers that must outlive the database: indexes (dir/index) and sequences (dir/sequence)
 * journal_db.c		SQLite: open, write, trim, set aside
 * journal_query.c	questions
 *
 * Who touches what is said at struct journal; the lock is never held during a disk operation.
 */
#ifndef SK_JOURNAL_IMPL_H
#define SK_JOURNAL_IMPL_H

#include "pub/journal.h"

#include <sys/queue.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>

#define JOURNAL_BATCH_MAX	4096	/* rows per transaction: one fsync pays for all of them; about 1 MB */
#define JOURNAL_KEPT_ROWS	4096	/* rows kept in memory after their commit, to fill a rebuilt database (ours) */
#define JOURNAL_RETRY_MS	1000	/* between two tries on a disk that does not work (contract) */
#define JOURNAL_FREE_MS		5000	/* journal_free() waits that long (contract) */
#define JOURNAL_RESERVE		65536	/* sequence numbers reserved on disk ahead of use: as many as the queue can hold */
#define JOURNAL_DAMAGED_MAX	3	/* files set aside that are kept */
#define JOURNAL_CHECK_MS	2000	/* longest quick_check after an unclean end */
#define JOURNAL_INDEX_LAST	2147483647u	/* an SNMP Integer32 index */

/* The first four have a table and a sequence of their own; the last two change rows. */
enum jkind { JK_LOG, JK_NOTICE, JK_COMMAND, JK_HISTORY, JK_TABLES, JK_END = JK_TABLES, JK_FORGET, JK_COUNT };

struct jhistory {
	uint64_t seq;
	int64_t	 time_ms;
	char	 module[SK_NAME_MAX], name[SK_RES_MAX], value[SK_VALUE_MAX], by[SK_NAME_MAX];
};
struct jforget {
	char	 module[SK_NAME_MAX];
	int	 logs, resources;
};
union jany {
	struct rpt_log log;
	struct rpt_notice notice;
	struct rpt_command command;
	struct jhistory history;
	struct jforget forget;
};
extern const struct report_type *const jrow_types[JK_COUNT];	/* how each kind is stored: a column per field */
extern const struct report_type jhistory_shown;			/* what the protocol shows of a history row */
extern const char *const jrow_tables[JK_TABLES];

/* ---- journal_row.c ---- */
struct jrow {
	TAILQ_ENTRY(jrow) all, rank_all;
	uint64_t order;		/* place in the queue, for questions */
	uint8_t	 kind, rank;
	char	 data[];	/* packed fields */
};
TAILQ_HEAD(jrows, jrow);
enum { RANK_CHEAP, RANK_LOG, RANK_DEAR, RANK_COUNT };	/* dropped in this order: d and I rows; other logs and history; the rest */
struct jqueue {
	struct jrows all, rank[RANK_COUNT];
	size_t count;
};
struct jrow *jrow_pack(enum jkind kind, const void *rpt);	/* NULL without memory */
void jrow_unpack(const struct jrow *row, union jany *out);
void jrows_free(struct jrows *rows);
void jqueue_init(struct jqueue *q);
void jqueue_push(struct jqueue *q, struct jrow *row);
size_t jqueue_take(struct jqueue *q, size_t max, struct jrows *out);	/* the oldest, in order; returns how many */
void jqueue_return(struct jqueue *q, struct jrows *rows);		/* back in front */
bool jqueue_drop(struct jqueue *q);					/* the row that is missed least; false when empty */

/* ---- journal_number.c ---- */
struct jname {
	uint32_t index;
	uint32_t resource_at;	/* offset in text */
	char	 text[];	/* module NUL resource NUL */
};
struct jnames {
	struct jname **slot;	/* open addressing, a power of two, at most half full */
	size_t slots;
	struct jname **all;	/* in the order they were added */
	size_t count, room;
};
struct jname *jnames_find(const struct jnames *t, const char *module, const char *resource);
struct jname *jnames_add(struct jnames *t, const char *module, const char *resource, uint32_t index);	/* NULL without memory */
void jnames_free(struct jnames *t);
/* Adds what the file says.  Returns 0, or -1 with errno when it cannot be read (ENOENT: there is none).  *dirty: hold lines that are
 * no use: write it anew. */
int jindex_load(const char *file, struct jnames *t, bool *dirty);
int jindex_append(const char *file, struct jname *const *names, size_t n);	/* durable when it returns 0; else -1, errno */
int jindex_write(const char *file, struct jname *const *names, size_t n);	/* the whole file */
int jsequence_load(const char *file, uint64_t next[JK_TABLES]);	/* 0, or -1 with errno (EILSEQ: damaged) */
int jsequence_write(const char *file, const uint64_t next[JK_TABLES]);

/* ---- the journal ---- */
struct jask {
	TAILQ_ENTRY(jask) all;
	enum jkind kind;
	char	 module[SK_NAME_MAX], resource[SK_RES_MAX], levels[16];
	int	 last;
	uint64_t after, mark;	/* mark: every row queued up to here belongs to the answer */
	journal_answer done;
	void	*ctx;
	json_t	*rows;
};
TAILQ_HEAD(jasks, jask);
struct jtrouble {
	TAILQ_ENTRY(jtrouble) all;
	int	 message;
	char	 text[SK_TEXT_MAX];
};
TAILQ_HEAD(jtroubles, jtrouble);

enum jresult { JR_OK, JR_WAIT, JR_DAMAGED };	/* JR_WAIT: try again later, j->why says why */
struct journal {
	/* set before the thread exists */
	char	 dir[PATH_MAX], file[PATH_MAX], index_file[PATH_MAX], sequence_file[PATH_MAX];
	struct journal_hooks hooks;
	pthread_t thread;
	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct jqueue queue;
	size_t	 flight_count;
	uint64_t order;
	struct jasks asked, answered;
	struct jtroubles troubles;
	uint64_t next[JK_TABLES];	/* to be given */
	uint64_t reserved[JK_TABLES];	/* numbers below are safe on disk */
	uint64_t last_notice, lost;
	struct jnames names;
	bool	 stop, abandoned;	/* abandoned: the hooks are no more */
	int64_t	 stop_ms;
	/* loop thread only */
	struct jnames modules;		/* index = the highest given in that module */
	/* writer thread only (journal_new() before it exists) */
	struct jrows flight;		/* being written */
	struct jrows kept;		/* written */
	size_t	 kept_count;
	sqlite3	*db;
	sqlite3_stmt *insert[JK_TABLES], *trim[JK_TABLES], *end_command, *insert_index;
	struct jnames trims;		/* rows written since the last trim */
	ino_t	 wal_ino;
	bool	 unclean;		/* the last end was: a quick_check is due */
	bool	 reopen;		/* an I/O error: a new connection looks at the disk as it is then */
	bool	 rewrite;		/* kept rows and indexes are not in this database yet */
	size_t	 index_in_file, index_in_db;	/* how many of names are */
	bool	 failing, told;		/* an episode of trouble; it was told */
	int64_t	 retry_ms, told_ms, aside_ms;	/* next try; last told; last file set aside */
	char	 why[256];
};

/* ---- journal_db.c ---- */
enum jresult jdb_open(struct journal *j);
void jdb_close(struct journal *j);
enum jresult jdb_check(struct journal *j);		/* after an unclean end; bounded in time */
enum jresult jdb_present(struct journal *j);		/* is the open file still the one in the directory? */
enum jresult jdb_set_aside(struct journal *j);		/* closes; JR_OK: out of the way and told */
enum jresult jdb_write(struct journal *j, struct jname *const *names, size_t n, const struct jrows *rows);	/* one transaction */
enum jresult jdb_index_load(struct journal *j, struct jnames *t, size_t *same);	/* file first: t wins; same: rows as in t */
uint64_t jdb_last_seq(struct journal *j, enum jkind kind);	/* 0: none, or not readable */
enum jresult jdb_result(struct journal *j, int rc, const char *doing);
sqlite3_stmt *jdb_prepare(struct journal *j, enum jresult *r, const char *fmt, ...) PRINTFLIKE(3, 4);
bool jdb_columns(enum jkind kind, char *buf, size_t size);	/* "seq","time_us",... */
void jdb_read(sqlite3_stmt *st, enum jkind kind, union jany *out);

/* ---- journal_query.c ---- */
enum jresult jquery_run(struct journal *j, struct jask *q, const struct jrows *waiting);

/* ---- journal_writer.c ---- */
void *jwriter_main(void *arg);
bool jwriter_reserve(struct journal *j);		/* sequence numbers, ahead of use */
bool jwriter_succeeded(struct journal *j, enum jresult r);	/* r == JR_OK; a failure is told and sets the time of the next try */
bool jwriter_failed(struct journal *j, enum jresult r);	/* deals with a failed statement; true: go on, with a new file */
void journal_trouble(struct journal *j, int message, const char *fmt, ...) PRINTFLIKE(3, 4);

#endif
