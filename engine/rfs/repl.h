/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repl.h: the primary's side of the stream: who needs what, and when it may be answered.
 *
 * Owns: the mode (below), the operations that the secondary has not acknowledged, cuts.  Called by: serve.c from its threads, worker.c (line of the
 * keeper), psync.c.  Never does: apply anything, speak with the kernel.
 *
 * Modes.  ALONE: nothing is sent, all is in the map.  SYNC: a secondary synchronises; what psync_route() says is sent and waited for, and on a break
 * all waiters are let go at once.  PAIR: all is sent and waited for; on a break they stay, the stream comes back and gets them again, or after
 * sendtimeout (no stream) or locktimeout (no answer) "ask-alone" goes up; "alone" lets them go, "refuse" lets them fail.  From "pair" to its answer: as PAIR.
 */
#ifndef SK_RFS_REPL_H
#define SK_RFS_REPL_H

#include "rfs/map.h"
#include "rfs/stream.h"
#include <jansson.h>

/* In the shared memory, so that the next worker goes on with the same numbers */
#define REPL_CONNS_MAX	64
struct repl_shm { uint64_t session; uint64_t next_seq[REPL_CONNS_MAX]; uint32_t paired; uint32_t conns; uint64_t peer_session; /* paired: the secondary's */ };
#define REPL_REFUSED	UINT32_C(0x45494f)
struct repl_ticket {			/* of one request: in its slot of the shared memory */
	uint64_t seq;			/* 0: not sent */
	uint32_t conn;
	uint32_t state;			/* repl's; REPL_REFUSED: when it is done, or REPL_LOCAL is returned: to be answered with EIO.  Set to 0 before a new one */
	uint32_t ahead;			/* the caller's: answered before the acknowledgement; an OP_FSYNC of its node waits for it */
	struct rfs_op op;		/* as sent; its pointers point into the slot, which stays until done() */
	struct repl_ticket *next;
};
struct repl;
struct psync;
struct repl_conf {
	struct stream_conf stream;
	struct repl_shm *shm;
	int	 dirs;
	struct tree *trees[RFS_DIRS_MAX];
	struct map *maps[RFS_DIRS_MAX];
	int64_t	 lock_ms;		/* locktimeout */
	bool	 pair;			/* a former worker of this term had a secondary */
	bool	 degraded;		/* no stream at all */
	bool	 refused;		/* as repl_refuse() */
};
struct repl_hooks {
	void *ctx;
	/* of a REPL_SENT or REPL_WAIT: the secondary has it, or nobody needs it any more.  From any thread, also before repl_submit() has returned; t is not
	 * touched afterwards */
	void (*done)(void *ctx, struct repl_ticket *t);
	void (*event)(void *ctx, json_t *event);	/* to the keeper, stolen.  From any thread */
	/* serve_settle(): returns when what was prepared before is applied.  Between map_cut_begin() and the syncfs() of that cut: a change that was
	 * prepared before the cut and applied after the syncfs would be forgotten by its commit.  NULL: nothing to wait for */
	void (*settle)(void *ctx);
};
struct repl *repl_new(const struct repl_conf *conf, const struct repl_hooks *hooks);
void repl_set_sync(struct repl *r, struct psync *ps);
bool repl_start(struct repl *r, char *err, size_t errsize);
/* Before op is applied here: the map knows (may wait for the disk).  0 or an errno for the application. */
int repl_prepare(struct repl *r, const struct rfs_op *op);
enum repl_sent { REPL_LOCAL, REPL_WAIT /* for the stream, or was sent before */, REPL_SENT /* of a pair; its connection has it */ };
/* The caller holds what keeps other changes of the same file or name out until this returns.  t->op is filled in.  WRITE: before it is applied here (what then
 * fails here is repaired with repl_repair()); the others after.  OP_FSYNC, but not of data alone, waits behind what was answered ahead of its
 * node, else it is REPL_LOCAL.  t->seq != 0 (of a worker that was killed): sent again under its number. */
enum repl_sent repl_submit(struct repl *r, struct repl_ticket *t);
/* Sent, but it failed here: the secondary gets what is here.  Waits until it has it; the caller holds the node, and answers afterwards. */
void repl_repair(struct repl *r, uint8_t dir, uint64_t node, uint64_t off, uint64_t len);
void repl_alone(struct repl *r, uint64_t gen);
/* pair: without the stream nobody will be allowed to go on: what waits for it fails with EIO, what comes is refused, and the stream does not come back */
void repl_refuse(struct repl *r);
void repl_paired(struct repl *r, uint64_t gen);
void repl_give(struct repl *r);
struct stream *repl_stream(struct repl *r);
bool repl_wait_idle(struct repl *r, int64_t ms);	/* nothing unacknowledged */
/* Nobody waits in repl_sync_end() any more, and psync is not called any more: before psync_free(), which is before repl_free() */
void repl_stop(struct repl *r);
void repl_free(struct repl *r);

/* ---- psync.c asks and is asked ---- */
void repl_sync_begin(struct repl *r);	/* mode SYNC */
bool repl_sync_end(struct repl *r);	/* the secondary has all: asks the keeper for "paired", mode PAIR; false: the stream is gone */

#endif
