/* SPDX-License-Identifier: GPL-2.0-or-later */
/* repl_impl.h: what repl.c (operations and modes), repl_link.c (what comes from the stream), repl_time.c (timers, cuts) and repl_mend.c share. */
#ifndef SK_RFS_REPL_IMPL_H
#define SK_RFS_REPL_IMPL_H

#include "rfs/repl.h"
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define HOLES_MAX	1024		/* numbers without an operation that are filled; more is no accident (ours) */
#define CUT_MS		10000		/* between two cuts (ours) */

enum repl_mode { MODE_ALONE, MODE_SYNC, MODE_PAIR };
/* of a ticket */
enum { TICKET_NEW, TICKET_WAITS, TICKET_OURS /* of repl_mend.c */, TICKET_OURS_DONE };

/* One connection's operations.  order: held from the number to the socket; list: shortly, and inside of order. */
struct lane {
	pthread_mutex_t order, list;
	struct repl_ticket *head, **tail;
	atomic_uint_fast64_t sent;	/* last that goes or went over this life of the connection */
	uint64_t acked;			/* highest that we know to be applied there */
	int64_t	 since;			/* something waits without an answer since then */
};

struct repl {
	struct repl_conf conf;
	struct repl_hooks hooks;
	struct stream *stream;
	struct psync *ps;
	int	 lanes_count;
	struct lane lanes[REPL_CONNS_MAX];
	/* written with all lanes' order held, read with one of them or by a look that may be late */
	_Atomic int mode;
	atomic_bool up;			/* connected with one who gets operations */
	atomic_bool stranger;		/* connected with one who does not */
	atomic_bool refused;		/* PAIR: who is not connected will not be waited for, nor let in again */

	pthread_mutex_t lock;		/* of what follows; innermost besides list */
	pthread_cond_t cond;
	bool	 stop, asked, confirmed, give_sent, given, degraded;
	atomic_bool giving;
	uint64_t gen, their_session, life;
	int64_t	 down_ms;
	pthread_t timer, cutter;
	bool	 timer_runs, cutter_runs;

	int64_t	 cut_ms;
	uint64_t cut, cut_done;		/* number of the last cut; last that the secondary has on its disk */
	atomic_uint_fast64_t epoch;	/* counts cuts: what was touched before is to be touched again if it is sent behind */
	atomic_bool touched;
	atomic_uint_fast64_t op_bytes;	/* of operations sent */
};

/* ---- repl.c ---- */
void repl_lock_all(struct repl *r);
void repl_unlock_all(struct repl *r);
bool repl_send_op(struct repl *r, int lane, const struct repl_ticket *t, bool again);	/* order is held */
struct repl_ticket *repl_take(struct repl *r, int lane, uint64_t upto);	/* list of tickets that are done */
void repl_finish(struct repl *r, struct repl_ticket *list);		/* done() for each; nothing is held */
void repl_fail(struct repl *r);		/* refused, and not connected: all that waits.  Nothing is held */
void repl_ask(struct repl *r, const char *why, bool degraded);
void repl_greet(struct repl *r);					/* what the next greeting says */
bool repl_idle(struct repl *r);
void repl_touch_again(struct repl *r, const struct rfs_op *op);
/* ---- repl_link.c: the stream's hooks ---- */
void repl_up(void *ctx, const struct frame_hello *hello);
void repl_down(void *ctx, const char *why);
void repl_frame(void *ctx, int conn, const struct frame *f);
/* ---- repl_time.c ---- */
void *repl_timer(void *arg);
void *repl_cutter(void *arg);
bool repl_wait_ms(struct repl *r, int64_t ms);	/* on cond, lock is held; false: time is over */

#endif
