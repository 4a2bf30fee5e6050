/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spool.h: changes that wait for the sinks, on disk (SQLite): what was written down is sent, whoever is killed when.
 *
 * Owns: the database; what was last written down of each resource, in the same transaction as the change itself, so that a change is written
 * down once; how far each sink is; what was dropped.  Bounded in size and age: the oldest go first, and are counted.
 * Called by: the feed thread and one thread per sink; one mutex, held for one transaction.  Never does: network.
 * A disk that fails or is full: nothing is taken (spool_up() is false) until spool_revive() opens it anew; a damaged file is set aside.
 * A file has one spool at a time (FILE.lock); another one waits.
 */
#ifndef SK_EXPORT_SPOOL_H
#define SK_EXPORT_SPOOL_H

#include "agent/export/keep.h"
#include "agent/export/point.h"

struct spool;
struct spool_limits { uint64_t size, age_s; };
/* What was last written down of a resource.  Not known: time_ms is when the spool was made, as what was before is not ours */
struct spool_last { bool known; int64_t time_ms; uint32_t count; char value[SK_VALUE_MAX]; };

/* The folder is made.  sinks: their names, at most SINKS_MAX; a sink that was not there before gets the last value of every resource.
 * NULL only without memory: a disk that does not work is told and tried again by spool_revive(). */
struct spool *spool_new(const char *file, const struct spool_limits *limits, const char *const *sinks, size_t count);
void spool_free(struct spool *s);
bool spool_up(struct spool *s);
void spool_revive(struct spool *s);
/* Nothing is left to be put: if it failed before, and for some seconds not again, it works */
void spool_settled(struct spool *s);

/* ---- the feed thread: what is put is there after spool_commit(); the mutex is held from the first put to the commit ---- */
enum spool_result { SPOOL_SAME, SPOOL_PUT, SPOOL_FAILED };
/* One change.  The same value at the same time as last: SPOOL_SAME.  time_ms: wall clock */
enum spool_result spool_put(struct spool *s, const char *node, const char *module, const char *resource, const char *value, int64_t time_ms);
bool spool_last(struct spool *s, const char *node, const char *module, const char *resource, struct spool_last *last);
bool spool_commit(struct spool *s);	/* false: nothing of it was written */
void spool_trim(struct spool *s, int64_t now_ms);	/* keeps the bounds, forgets what all sinks have */
/* size, waiting, oldest, dropped, changes into k; takes both mutexes, one after the other */
void spool_figures(struct spool *s, struct keep *k);

/* ---- sinks, by their number in the list given to spool_new() ---- */
int64_t spool_position(struct spool *s, size_t sink);	/* all up to this one it has, for good */
/* At most max changes behind after, oldest first; their texts are in texts, valid until it is changed */
size_t spool_read(struct spool *s, int64_t after, struct change *out, size_t max, struct text *texts);
void spool_sent(struct spool *s, size_t sink, int64_t seq);	/* it took these; not for good yet: not written down */
bool spool_done(struct spool *s, size_t sink, int64_t seq);	/* it has these for good */
void spool_refused(struct spool *s, size_t sink, size_t count);
/* Wait until there is something behind after, or spool_wake(), at most ms */
void spool_wait(struct spool *s, int64_t after, int ms);
void spool_wake(struct spool *s);

#endif
