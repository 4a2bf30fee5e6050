/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fsm.h: what a module decides.  Pure tables: no fd, no clock, no malloc, no global state.
 *
 * Two tables and one door each:
 *   perceive: what we know (conditions) while in a state      -> an event, or E_NONE
 *   step:     state x event                                   -> what to run, what to do at once, next state
 * module/core.c is the only caller: it keeps the state, asks perceive() after everything that may have changed, feeds events to
 * step(), and carries out what the row says.  doc/STATES.md is printed from these tables (fsm_print_doc).
 *
 * Words.  A server *holds* while its application may run as primary: from before the first start_prim until stop_prim force has
 * ended.  The rule that everything here serves: a server begins to hold only when the other one is lost (no heartbeat for the
 * timeout), or after the other one, seen alive and not holding, has acknowledged our *claim*.
 */
#ifndef SK_FSM_H
#define SK_FSM_H

#include "wire/report.h"

enum fsm_state {
	S_STOP, S_PRESTART, S_WAIT, S_BLOCKED,			/* shared by all modes */
	S_FORCE, S_FORCE_HELD, S_POSTSTOP,
	S_CLAIM, S_TO_ALONE, S_ALONE, S_LEAVE_ALONE, S_RESTART_ALONE,	/* mirror */
	S_TO_PRIM, S_PRIM, S_LOSE_SECOND, S_LEAVE_PRIM, S_RESTART_PRIM,
	S_SYNC, S_TO_SECOND, S_SECOND, S_SECOND_CLAIM, S_TAKEOVER, S_LEAVE_SECOND, S_RESTART_SECOND,
	S_SWAP_OUT, S_SWAP_GIVEN, S_SWAP_CLAIM, S_TAKEBACK, S_SWAP_TAKE, S_SWAP_IN, S_SWAP_SYNC, S_SWAP_SECOND,
	S_TO_UP, S_UP, S_RESTART_UP, S_LEAVE_UP,		/* light */
	S_COUNT
};
#define BIT(n)		(UINT64_C(1) << (n))
_Static_assert(S_COUNT <= 64, "states are bits of a word");

/* What a state means to others: told in every heartbeat. */
enum fsm_flag {
	F_HELD		= 1 << 0,	/* the application may run here as primary */
	F_LEAVING	= 1 << 1,	/* holds, but is on its way out by itself */
	F_ACCEPT	= 1 << 2,	/* primary, stable, ready for a secondary */
	F_SECOND	= 1 << 3,	/* is, becomes or is ready to be secondary */
	F_STABLE	= 1 << 4,	/* no script runs, nothing pending */
	F_CLAIM		= 1 << 5,	/* wants to hold: waits for an acknowledgement */
	F_GIVEN		= 1 << 6,	/* swap: has released, the other may take */
	F_DECIDING	= 1 << 7,	/* started, decides about its role */
	F_ASK		= 1 << 8,	/* asks the primary for a swap (not of a state: set by A_ASK) */
	/* of modules that replicate files, not of a state either */
	F_DROP		= 1 << 9,	/* holds, and cannot reach the other one's replication: that one is to be no secondary any more */
	F_PAIRED	= 1 << 10,	/* holds, and acknowledges nothing that the other one does not have: that one may take over */
};
struct fsm_state_row {
	const char	*name;
	int		 state, status;	/* what users see: enum rpt_state, rpt_status */
	unsigned	 flags;
	const char	*meaning;
};
extern const struct fsm_state_row fsm_states[S_COUNT];

enum fsm_event {
	E_NONE,
	/* an operator, a script, a rule */
	E_START, E_PRIM, E_SECOND, E_STOP, E_FORCESTOP, E_STOPSTART, E_STOPWAIT, E_RESTART, E_SWAP,
	E_REVIVE,		/* this process was born after its predecessor died with the module running */
	/* scripts of the state's plan have ended; for states that lead out: with which goal */
	E_DONE, E_DONE_STOP, E_DONE_AGAIN, E_DONE_WAIT,
	/* perceived */
	E_GO_UP, E_BLOCK, E_BLOCK_FAILOVER, E_WAKE, E_CLAIM, E_TAKE_LOST, E_TAKE, E_YIELD, E_FOLLOW, E_ABORT_PRIM, E_ABORT_SECOND,
	E_SECOND_CAME, E_SECOND_LEFT, E_LOST, E_RELEASED, E_SPLIT_STAY, E_SPLIT_EXIT, E_SWAP_ASKED, E_SWAP_GIVEN, E_SWAPPED,
	E_AUTOSWAP,
	E_SYNCED, E_DROPPED, E_SYNC_FAILED, E_SYNC_AGAIN, E_STALE, E_INCONSISTENT,	/* files are replicated */
	E_COUNT
};
extern const char *const fsm_event_names[E_COUNT];

/* Done at once by module/core, in this order */
enum fsm_act {
	A_GOAL_STOP	= 1 << 0,	/* where the way out leads */
	A_GOAL_AGAIN	= 1 << 1,
	A_GOAL_WAIT	= 1 << 2,
	A_FORGET_FORCED	= 1 << 3,	/* prim/second have had their say */
	A_FORCE_PRIM	= 1 << 4,
	A_FORCE_SECOND	= 1 << 5,
	A_KILL		= 1 << 6,	/* kill the script that runs */
	A_DEFER		= 1 << 7,	/* keep the event until the state is stable */
	A_REFUSE	= 1 << 8,	/* tell who asked: not in this state */
	A_ASK		= 1 << 9,	/* set F_ASK */
	A_RANK_START	= 1 << 10,	/* alone by start: rank 0 (or what a clean halt left) */
	A_RANK_TAKEOVER	= 1 << 11,	/* alone by takeover: rank 1 */
	A_RANK_PRIM	= 1 << 12,	/* primary of a pair: rank 2 */
	A_SAY_NOHB	= 1 << 13,	/* log messages with their counters and notices */
	A_SAY_REMOTE_STOP = 1 << 14,
	A_SAY_FAILOVER_OFF = 1 << 15,
	A_SAY_SPLIT_STAY = 1 << 16,
	A_SAY_SPLIT_EXIT = 1 << 17,
	A_SAY_PRIM_ABORTED = 1 << 18,
	A_SAY_SECOND_ABORTED = 1 << 19,
	A_SAY_SWAP_BEGIN = 1 << 20,
	A_SAY_SWAP_END	= 1 << 21,
	A_SAY_END_OF_STOP = 1 << 22,
	A_SAY_AUTO_START = 1 << 23,
	A_SAY_SWAP_SYSTEM = 1 << 24,	/* Transition SWAP from SYSTEM */
	A_SAY_SWAP_DEFAULTPRIM = 1 << 25,
	A_SAY_WAKEUP	= 1 << 26,
	A_LASTPRIM_YES	= 1 << 27,	/* remembered on disk: was primary last */
	A_LASTPRIM_NO	= 1 << 28,	/* was secondary last */
	A_FAILOVER_END	= 1 << 29,
	A_SAY_INCONSISTENT = 1 << 30,
};

/* Script plans: plan.c of this room lists their steps */
enum fsm_plan {
	P_NONE, P_PRESTART, P_START_ALONE, P_SYNC, P_START_SECOND, P_SEC_ON, P_SEC_OFF, P_TAKEOVER, P_SWAP_OUT, P_SWAP_SECOND, P_SWAP_IN,
	P_TAKEBACK, P_RESTART_ALONE, P_RESTART_PRIM, P_RESTART_SECOND, P_LEAVE_ALONE, P_LEAVE_PRIM, P_LEAVE_SECOND,
	P_LEAVE_ALONE_WAIT, P_LEAVE_PRIM_WAIT, P_LEAVE_SECOND_WAIT, P_FORCE, P_POSTSTOP,
	P_START_UP, P_RESTART_UP, P_LEAVE_UP, P_LEAVE_UP_WAIT,
	P_COUNT
};
struct fsm_step { const char *script; bool stop, force; };	/* stop: bound by nice/forcestoptimeout */
#define PLAN_STEPS_MAX	12
struct fsm_plan_row {
	const char	*name;
	int		 from, to;	/* first two arguments of the scripts: enum rpt_state */
	struct fsm_step	 steps[PLAN_STEPS_MAX];
};
extern const struct fsm_plan_row fsm_plans[P_COUNT];
/* What is watched beside: classes (bits 1 << enum conf_when) that end before a plan runs, and that begin when it has ended
 * (user's guide 13.11: after the eponymous start script, until the stop script; pre: after prestart, until poststop). */
unsigned fsm_plan_off(enum fsm_plan plan);
unsigned fsm_plan_on(enum fsm_plan plan);

/* What is done with virtual addresses and the farm's load around a plan's scripts (8.2 notes, 2.3.5: an address is set before start_prim or
 * start_both, and taken away after stop_prim or stop_both).  before: when the scripts begin it is so; after: when they have ended it is ordered and
 * awaited before the plan counts as done.  VIP_OFF after a plan that leaves a role also when its scripts failed. */
enum fsm_vip { FV_NONE, FV_ON /* addresses set */, FV_SERVE /* and in the farm with its share */, FV_DRAIN /* addresses stay, no share: new
	* connections go elsewhere, those that are there go on */, FV_OFF };
enum fsm_vip fsm_plan_vip_before(enum fsm_plan plan);
enum fsm_vip fsm_plan_vip_after(enum fsm_plan plan);

/* What is done with replicated folders (wire/rfsline.h: roles) around a plan's scripts; awaited like fsm_vip.  Without <rfs> nothing is ordered. */
enum fsm_rfs { RF_NONE, RF_OFF, RF_ALONE, RF_PRIM, RF_GIVEN, RF_SYNC, RF_SECOND };
extern const char *const fsm_rfs_names[RF_SECOND + 1];	/* NULL, "off", "alone", ... */
enum fsm_rfs fsm_plan_rfs_before(enum fsm_plan plan);
enum fsm_rfs fsm_plan_rfs_after(enum fsm_plan plan);

struct fsm_row { uint64_t states; enum fsm_event event; unsigned acts; enum fsm_plan plan; enum fsm_state next; };
#define SAME S_COUNT	/* next: stay where we are, whichever state of the row's it is; without acts: an explicit ignore */

/* What perceive() knows: bits.  "Peer" bits are only set while the peer is known, i.e. some heartbeat is up. */
enum fsm_cond {
	C_KNOWN		= 1 << 0,	/* some heartbeat is up; otherwise, once the timeout has passed: */
	C_LOST		= 1 << 1,	/* none is; neither bit: too early to tell */
	C_PHELD		= 1 << 2,
	C_PLEAVING	= 1 << 3,
	C_PACCEPT	= 1 << 4,
	C_PSECOND	= 1 << 5,
	C_PSTABLE	= 1 << 6,
	C_PCLAIM	= 1 << 7,
	C_PGIVEN	= 1 << 8,
	C_PDECIDING	= 1 << 9,
	C_PASK		= 1 << 10,
	C_PSTARTING	= 1 << 11,	/* peer is on its way up (WAIT Transient) and may become primary */
	C_ACK		= 1 << 12,	/* peer has seen our present state, and that less than the timeout ago */
	C_WIN		= 1 << 13,	/* our bid beats the peer's (ties: lower node index) */
	C_WINSPLIT	= 1 << 14,	/* our rank beats the peer's (ties: lower node index) */
	C_FPRIM		= 1 << 15,	/* started by "prim" */
	C_FSECOND	= 1 << 16,	/* started by "second" */
	C_NOBID		= 1 << 17,	/* may not become primary by itself (failover off, was not primary last) */
	C_FAILOFF	= 1 << 18,	/* failover is off */
	C_HOLD		= 1 << 19,	/* a rule or a stopwait holds the module in WAIT */
	C_AUTOSWAP	= 1 << 20,	/* defaultprim says that this server should be primary */
	C_ASKED		= 1 << 21,	/* we have asked for a swap already */
	C_SPLITSEEN	= 1 << 22,	/* this split brain has been dealt with (we stay) */
	C_PDEAF		= 1 << 23,	/* the peer tells that it has lost us (one-way network): it will not acknowledge */
	C_NOWITNESS	= 1 << 25,	/* a splitbrain witness is configured and does not answer, or has not yet: the peer's silence may be ours */
	C_PENDING	= 1 << 26,	/* a rule that may hold the module has resources without a first verdict */
	C_TOLD		= 1 << 24,	/* peer has seen our present state, or we hear it for so long that it had the time to */
	/* where files are replicated (without <rfs>: C_WHOLE while in S_SYNC and S_SWAP_SYNC, nothing else) */
	C_WHOLE		= 1 << 27,	/* syncing: our files are the primary's, and it tells that it needs us; as primary: nothing is acknowledged alone */
	C_APART		= 1 << 28,	/* as primary: writes are acknowledged without the other one; else: the primary does that, or wants to */
	C_INCONSISTENT	= 1 << 29,	/* prim was ordered, and the files are half old, half new */
	C_STALE		= 1 << 30,	/* we did not run for so long that the other one may have gone on without us */
};
struct fsm_see { uint64_t states; unsigned all, none; enum fsm_event event; };

/* mode: enum rpt_mode (mirror or light).  First matching row wins; perceive: E_NONE when nothing matches. */
enum fsm_event fsm_perceive(int mode, enum fsm_state s, unsigned conds);
/* Never NULL: an event without a row in this state gives a row that ignores it, and *missing (may be NULL) is set. */
const struct fsm_row *fsm_step(int mode, enum fsm_state s, enum fsm_event e, bool *missing);

/* The bid of a server that starts: 0 = may not.  Told in heartbeats, compared with the peer's. */
unsigned fsm_bid(enum fsm_state s, int forced_prim, int forced_second, bool failover, int lastprim, bool preferred);

struct fsm_tables { const struct fsm_see *see; size_t nsee; const struct fsm_row *rows; size_t nrows; uint64_t states; };
const struct fsm_tables *fsm_tables(int mode);
void fsm_print_doc(void *file);		/* FILE *: doc/STATES.md */

#endif
