/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal.h: what happened, kept.  Logs, notices, resource history, stable resource indexes, command log: SQLite, in a thread of
 * its own, never on the caller's path.
 *
 * Owns: SAFEVAR/db/journal.db, the files index and sequence beside it (numbers that must outlive the database), and the writer thread.
 * Called by: safeadmin only, from its loop thread.  Never does: block the caller on the disk; call back from another thread (answers
 * come through journal_poll() on the loop thread).
 * A full disk delays: rows wait in memory (at most JOURNAL_QUEUE_MAX, then the oldest debug and info rows go first, then other log and
 * history rows, and are counted) and are retried every second; told once per episode and at most once a minute.  A damaged file is
 * renamed journal.db.damaged-<time> (three are kept), a new one is made, known indexes and the last rows in memory are written again,
 * and the owner is told through `trouble`.
 */
#ifndef SK_JOURNAL_H
#define SK_JOURNAL_H

#include "wire/report.h"
#include <jansson.h>

#define JOURNAL_QUEUE_MAX	65536	/* rows waiting in memory (ours) */
#define JOURNAL_LOG_ROWS	100000	/* log rows kept per module (ours; the CLI shows 300 by default) */
#define JOURNAL_HISTORY_ROWS	1000	/* history rows kept per resource (ours) */
#define JOURNAL_NOTICE_ROWS	10000
#define JOURNAL_COMMAND_ROWS	20000

struct journal;
struct journal_hooks {
	void *ctx;
	/* any thread, also within journal_new(): make the loop call journal_poll() soon (uv_async_send) */
	void (*wake)(void *ctx);
	/* loop thread, from journal_poll(): something to say: a MSG_JOURNAL_* with its whole text, ready for a log row */
	void (*trouble)(void *ctx, int message, const char *text);
};
/* Starts the thread; opens (or rebuilds) dir/journal.db; reads indexes and sequence numbers synchronously, at most once, here at
 * start-up.  NULL only without memory or thread: a disk that does not work is told by trouble() and retried. */
struct journal *journal_new(const char *dir, const struct journal_hooks *hooks);
/* Writes what waits (at most 5 s; one try when the disk does not work), ends the thread.  Questions without an answer get NULL. */
void journal_free(struct journal *j);
void journal_poll(struct journal *j);

/* All return at once.  seq of log, notice and command rows is given here, at once, and never again. */
uint64_t journal_log(struct journal *j, struct rpt_log *row);
uint64_t journal_notice(struct journal *j, struct rpt_notice *row);
uint64_t journal_command(struct journal *j, struct rpt_command *row);
void journal_command_end(struct journal *j, uint64_t seq, const char *status);
void journal_resource(struct journal *j, const struct rpt_resource *row);	/* a change: history row */
uint32_t journal_index(struct journal *j, const char *module, const char *resource);	/* stable index 1.., given and remembered; 0 only without memory */
void journal_forget(struct journal *j, const char *module, bool logs, bool resources);	/* clean; indexes stay reserved */
uint64_t journal_lost(const struct journal *j);
uint64_t journal_last_notice(const struct journal *j);

/* Questions: answered later by done(ctx, rows) on the loop thread from journal_poll(); rows is a JSON array (borrowed), NULL when the
 * database cannot be read.  Rows that still wait to be written are in the answer.  levels: a set of letters, "" or with A: all.  The
 * last rows by seq, oldest first; last <= 0: all that are kept.  Every question is answered once, at the latest by journal_free(). */
typedef void (*journal_answer)(void *ctx, json_t *rows);
void journal_ask_log(struct journal *j, const char *module, const char *levels, int last, uint64_t after, journal_answer done, void *ctx);
void journal_ask_history(struct journal *j, const char *module, const char *resource, int last, journal_answer done, void *ctx);
void journal_ask_notices(struct journal *j, uint64_t after, int last, journal_answer done, void *ctx);
void journal_ask_commands(struct journal *j, int last, journal_answer done, void *ctx);

#endif
