/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * action.h: what a SET may do: from a request to an order for the engine, or to the error that the manager is told.
 *
 * Owns: the rules (a pure table) and the queue of orders to the feed thread.  Called by: the AgentX thread under the mutex; tests.
 * Never does: I/O.  Everything that can fail fails in action_check() or action_apply(); action_commit() cannot, because an error
 * at that point does not reach the manager (AgentX CleanupSet has no answer).
 */
#ifndef SK_AGENT_ACTION_H
#define SK_AGENT_ACTION_H

#include "agent/snap.h"

/* Names of RFC 3416 4.2.5; agentx.c gives them their numbers */
enum set_answer { SET_OK, SET_MERGE,	/* accepted; accepted as the repetition of what is running */
	SET_WRONG_TYPE, SET_WRONG_VALUE, SET_NO_CREATION, SET_NOT_WRITABLE, SET_INCONSISTENT, SET_UNAVAILABLE };

enum set_lock { LOCK_ABSENT, LOCK_MATCHES, LOCK_DIFFERS };
struct set_case {
	int  verb;		/* enum rpt_verb; anything else is answered as well */
	bool control, reachable;
	int  mode, state, status, peer_state;	/* of the module */
	enum set_lock lock;
	int  running;		/* enum rpt_verb that runs on the module */
};
enum set_answer action_judge(const struct set_case *c);

/* ---- a PDU ---- */
#define SET_VARS	64	/* varbinds of one SET (ours: more are answered with resourceUnavailable) */
enum set_column { SET_OTHER, SET_ACTION, SET_LOCK };
struct set_var {
	enum set_column column;
	bool	 is_integer;	/* the type that the columns have */
	bool	 instance;	/* the name has the form of an instance */
	uint32_t module;	/* module id of the name */
	long	 value;
	enum set_answer answer;
};
struct set_pdu {
	size_t	 count;
	struct set_var var[SET_VARS];
	bool	 applied;	/* locks are taken; orders wait for commit or undo */
};

/* Orders to the feed thread */
#define ORDERS	64	/* that wait (ours) */
struct order {
	uint32_t module;
	char	 name[SK_NAME_MAX];
	int	 verb;
	bool	 merged;	/* nothing to do but to write it down */
};
struct order_queue { struct order ring[ORDERS]; size_t first, count; };
bool order_take(struct order_queue *q, struct order *o);

/* Judge all varbinds; index of the first that is refused, or -1.  answer of each is filled. */
int action_check(struct snap *s, const struct order_queue *q, bool control, bool reachable, struct set_pdu *p);
/* Judge again and take the locks.  -1: everything up to here can be undone. */
int action_apply(struct snap *s, const struct order_queue *q, bool control, bool reachable, struct set_pdu *p);
void action_undo(struct snap *s, struct set_pdu *p);
void action_commit(struct snap *s, struct order_queue *q, struct set_pdu *p, int64_t wall_ms);

#endif
