/* SPDX-License-Identifier: GPL-2.0-or-later */
/* second_impl.h: what second.c (the stream's hooks), second_table.c (the shared memory), second_apply.c (one operation) and second_flush.c share. */
#ifndef SK_RFS_SECOND_IMPL_H
#define SK_RFS_SECOND_IMPL_H

#include "rfs/second.h"
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define TABLE_CONNS	64		/* nbremconn (as REPL_CONNS_MAX) */

/* ---- second_table.c: what outlives a worker ---- */
/* Of one connection.  applying: being applied; with it what its names were before, so that who continues knows what was done. */
struct ledger { uint64_t applied, applying, pre, pre2; };
struct region { uint64_t off, cap; };	/* in the shared memory; cap: entries, a power of 2 */
struct table_head {
	uint64_t used;			/* entries, also those of files that are gone */
	uint32_t cur;			/* which region counts */
	uint32_t pad;
	struct region regions[2];
};
struct second_shm {
	uint64_t magic;
	uint64_t session;		/* ours; another one: begins anew */
	uint64_t peer_session;		/* the primary's that we follow, 0 none */
	uint64_t gen;			/* synced: the pair's */
	uint32_t whole, synced, out, pad;
	char	 why[SK_TEXT_MAX];	/* out */
	uint64_t end;			/* of what is used of the memory */
	struct ledger ledger[TABLE_CONNS];
	struct table_head heads[RFS_DIRS_MAX];
};
struct entry { uint64_t theirs, ours; };
struct tables {
	int	 fd;
	struct second_shm *shm;
	pthread_rwlock_t lock;
	struct entry *map[RFS_DIRS_MAX];
	uint64_t cap[RFS_DIRS_MAX];
};
bool tables_open(struct tables *t, int fd, uint64_t session, char *err, size_t errsize);	/* what a former worker of this session (0: of any) left, or nothing */
void tables_close(struct tables *t);
uint64_t tables_get(struct tables *t, int dir, uint64_t theirs);
bool tables_set(struct tables *t, int dir, uint64_t theirs, uint64_t ours);	/* ours 0: forget; false: no memory */
void tables_clear(struct tables *t);

/* ---- one connection ---- */
#define BATCH_MAX	32		/* files to flush one by one; more: the whole file system (ours) */
struct pending { uint8_t dir; bool all /* attributes too */; uint64_t node; };
struct lane {
	bool	 ack;			/* something is applied and not acknowledged */
	struct pending batch[BATCH_MAX];
	int	 batch_count;		/* BATCH_MAX: all */
	uint64_t cut;			/* FR_CUT that came */
	bool	 give;
};
struct second {
	struct second_conf conf;
	struct tables tables;
	struct stream *stream;
	struct ssync *sync;
	struct lane lanes[TABLE_CONNS];
	int	 lanes_count;
	atomic_bool out, follows;	/* follows: the primary is the one that we paired with, or synchronises us */
	pthread_mutex_t lock;		/* of what follows, and of the lanes' cut and give */
	pthread_cond_t cond;
	uint64_t cut, cut_done;		/* that has come over all connections; that was done last */
	uint64_t cut_maps[RFS_DIRS_MAX];
	bool	 taken, stop;
	pthread_t cutter;
	bool	 cutter_runs;
};

/* ---- second_apply.c ---- */
void second_apply(struct second *s, int conn, const struct frame *f);
bool second_strict(const struct second *s);	/* no synchronisation is going on */
/* ---- second_flush.c ---- */
enum pending_what { PENDING_DATA, PENDING_ALL };
void second_pending(struct second *s, int conn, uint8_t dir, uint64_t node, enum pending_what what);
bool second_flush(struct second *s, int conn);	/* false: it leaves */
bool second_flush_all(struct second *s);
/* ---- second.c ---- */
void second_leave(struct second *s, const char *why, bool again);	/* cannot follow: nothing is applied or acknowledged any more */

#endif
