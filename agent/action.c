/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * action.c: decides about SET requests by rules in a table.
 *
 * Owns: the rules.  The engine decides again when the order reaches it; what is refused here is what a manager can know to be
 * wrong from the picture it reads.  Never does: I/O.
 */
#include "config.h"
#include "agent/action.h"

#include <string.h>

#define S(state)	(1u << (state))
#define IN_SERVICE	(S(RS_ALONE) | S(RS_PRIM) | S(RS_SECOND) | S(RS_UP))
#define ANY_STATE	(S(RS_STOP) | S(RS_WAIT) | IN_SERVICE)
#define ANY_MODE	(S(MODE_MIRROR) | S(MODE_FARM) | S(MODE_LIGHT))
#define MIRROR		S(MODE_MIRROR)
#define PRIMARY		(S(RS_ALONE) | S(RS_PRIM))

/* One row per action that a manager may ask for (user's guide 9.4) */
static const struct action_rule {
	int	 verb;
	unsigned modes;		/* else inconsistentValue */
	unsigned states;	/* else inconsistentValue */
	unsigned lonely;	/* states that allow it only when there is another server: resourceUnavailable */
	unsigned peer_bars;	/* states of the other server that forbid it: inconsistentValue */
	unsigned peer_needs;	/* states of the other server without which it cannot be: resourceUnavailable; 0 = any */
} rules[] = {
	/* start of what is started and stop of what is stopped are no error: the engine has nothing to do */
	{ VERB_START,	  ANY_MODE, ANY_STATE,		 0, 0, 0 },
	{ VERB_STOP,	  ANY_MODE, ANY_STATE,		 0, 0, 0 },
	{ VERB_FORCESTOP, ANY_MODE, ANY_STATE,		 0, 0, 0 },
	{ VERB_STOPSTART, ANY_MODE, ANY_STATE,		 0, 0, 0 },
	/* runs stop and start scripts of an application that runs */
	{ VERB_RESTART,	  ANY_MODE, IN_SERVICE,		 0, 0, 0 },
	/* roles are exchanged: both must be there */
	{ VERB_SWAP,	  MIRROR,   S(RS_PRIM) | S(RS_SECOND) | S(RS_ALONE), S(RS_ALONE), 0, S(RS_PRIM) | S(RS_SECOND) | S(RS_ALONE) },
	/* start with a forced role: "fails if the other server is already primary", "fails if the other server is not primary" */
	{ VERB_PRIM,	  MIRROR,   S(RS_STOP) | S(RS_WAIT), 0, PRIMARY, 0 },
	{ VERB_SECOND,	  MIRROR,   S(RS_STOP) | S(RS_WAIT), 0, 0, PRIMARY },
};

static const struct action_rule *
rule_of(long verb)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].verb == verb)
			return &rules[i];
	return NULL;
}

enum set_answer
action_judge(const struct set_case *c)
{
	const struct action_rule *r = rule_of(c->verb);
	unsigned state = S(c->state), peer = S(c->peer_state);

	if (!c->control)
		return SET_NOT_WRITABLE;
	if (r == NULL)
		return SET_WRONG_VALUE;
	if (!c->reachable)
		return SET_UNAVAILABLE;
	if (c->lock == LOCK_DIFFERS)
		return SET_INCONSISTENT;
	/* a repetition is answered before the state, which the first one may have changed already */
	if (c->lock == LOCK_ABSENT && c->running != VERB_NONE)
		return c->running == c->verb ? SET_MERGE : SET_INCONSISTENT;
	if (c->status == ST_UNKNOWN || c->state == RS_UNKNOWN)
		return SET_UNAVAILABLE;
	if ((r->modes & S(c->mode)) == 0 || (r->states & state) == 0 || (r->peer_bars & peer) != 0)
		return SET_INCONSISTENT;
	if ((r->lonely & state) != 0 || (r->peer_needs != 0 && (r->peer_needs & peer) == 0))
		return SET_UNAVAILABLE;
	return SET_OK;
}

/* ---- orders ---- */

bool
order_take(struct order_queue *q, struct order *o)
{
	if (q->count == 0)
		return false;
	*o = q->ring[q->first];
	q->first = (q->first + 1) % ORDERS;
	q->count--;
	return true;
}

static void
order_put(struct order_queue *q, const struct order *o)
{
	q->ring[(q->first + q->count) % ORDERS] = *o;
	q->count++;
}

/* ---- a PDU ---- */

static struct set_var *
lock_of(struct set_pdu *p, uint32_t module)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->var[i].column == SET_LOCK && p->var[i].module == module)
			return &p->var[i];
	return NULL;
}

static enum set_answer
judge_action(struct snap *s, bool control, bool reachable, struct set_pdu *p, const struct set_var *var)
{
	const struct rpt_module *m = snap_module(s, var->module);
	const struct set_var *lock = lock_of(p, var->module);
	/* numbers of the MIB begin at 1 = none */
	struct set_case c = { .verb = var->value >= 1 && var->value <= VERB_COUNT ? (int)var->value - 1 : VERB_NONE,
	    .control = control, .reachable = reachable, .mode = m->mode, .state = m->state, .status = m->status,
	    .peer_state = m->peer_state, .running = snap_running(s, var->module) };

	if (lock != NULL)
		c.lock = lock->value == s->action[var->module].lock ? LOCK_MATCHES : LOCK_DIFFERS;
	return action_judge(&c);
}

static enum set_answer
judge_lock(struct snap *s, bool control, const struct set_var *var)
{
	if (!control)
		return SET_NOT_WRITABLE;
	if (var->value < 0 || var->value > INT32_MAX)
		return SET_WRONG_VALUE;
	return var->value == s->action[var->module].lock ? SET_OK : SET_INCONSISTENT;
}

static enum set_answer
judge_var(struct snap *s, bool control, bool reachable, struct set_pdu *p, size_t at)
{
	struct set_var *var = &p->var[at];
	size_t i;

	if (var->column == SET_OTHER || !control)
		return SET_NOT_WRITABLE;
	if (!var->instance || var->module < 1 || var->module > SK_MODULES_MAX || snap_module(s, var->module) == NULL)
		return SET_NO_CREATION;
	if (!var->is_integer)
		return SET_WRONG_TYPE;
	for (i = 0; i < at; i++)
		if (p->var[i].column == var->column && p->var[i].module == var->module)
			return SET_INCONSISTENT;
	return var->column == SET_LOCK ? judge_lock(s, control, var) : judge_action(s, control, reachable, p, var);
}

int
action_check(struct snap *s, const struct order_queue *q, bool control, bool reachable, struct set_pdu *p)
{
	size_t i, orders = 0;

	for (i = 0; i < p->count; i++) {
		p->var[i].answer = judge_var(s, control, reachable, p, i);
		if (p->var[i].answer > SET_MERGE)
			return (int)i;
		if (p->var[i].column == SET_ACTION && ++orders + q->count > ORDERS) {
			p->var[i].answer = SET_UNAVAILABLE;
			return (int)i;
		}
	}
	return -1;
}

/* TestAndIncr of RFC 2579: 0 follows 2147483647 */
static int32_t
lock_step(int32_t lock, bool forward)
{
	if (forward)
		return lock == INT32_MAX ? 0 : lock + 1;
	return lock == 0 ? INT32_MAX : lock - 1;
}

static void
step_locks(struct snap *s, struct set_pdu *p, bool forward)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (p->var[i].column == SET_LOCK)
			s->action[p->var[i].module].lock = lock_step(s->action[p->var[i].module].lock, forward);
}

int
action_apply(struct snap *s, const struct order_queue *q, bool control, bool reachable, struct set_pdu *p)
{
	int refused = action_check(s, q, control, reachable, p);

	if (refused == -1) {
		step_locks(s, p, true);
		p->applied = true;
	}
	return refused;
}

void
action_undo(struct snap *s, struct set_pdu *p)
{
	if (p->applied)
		step_locks(s, p, false);
	p->applied = false;
}

void
action_commit(struct snap *s, struct order_queue *q, struct set_pdu *p, int64_t wall_ms)
{
	size_t i;

	for (i = 0; i < p->count && p->applied; i++) {
		const struct set_var *var = &p->var[i];
		const struct rpt_module *m = snap_module(s, var->module);
		struct order o = { .module = var->module, .verb = (int)var->value - 1, .merged = var->answer == SET_MERGE };

		/* room was counted in action_check(), and only this thread adds; a module that went meanwhile needs no action */
		if (var->column != SET_ACTION || m == NULL || q->count == ORDERS)
			continue;
		if (!o.merged)
			snap_ask(s, var->module, o.verb, wall_ms);
		/* lost since action_apply(): an order must not wait for an engine that may come back in an hour */
		if (!s->connected) {
			snap_ended(s, var->module, OUT_FAILED, "connection to the engine lost before the action was asked for", wall_ms);
			continue;
		}
		str_copy(o.name, sizeof(o.name), m->name);
		order_put(q, &o);
	}
	p->applied = false;
}
