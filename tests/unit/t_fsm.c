/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables of fsm/, walked: all that can happen has a row, nothing is dead, nothing holds the application unseen.
 *
 * The walk goes over nodes (state, goal, plan that runs, dirty, vip); dirty: start_prim may have run and stop_prim force has not ended
 * since; vip: what was ordered last of virtual addresses and the farm's load.
 * What can happen in a node: an operator's event always; the plan's end while one runs; what the see-table says while none runs;
 * revive once, at birth; while files are brought up to date what rfsd says, and of the primary that it is gone.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fsm/fsm.h"

static const int modes[] = { MODE_MIRROR, MODE_LIGHT };
static const enum fsm_event operator_events[] = { E_START, E_PRIM, E_SECOND, E_STOP, E_FORCESTOP, E_STOPSTART, E_STOPWAIT, E_RESTART,
	E_SWAP };
#define PEER_BITS (C_PHELD | C_PLEAVING | C_PACCEPT | C_PSECOND | C_PSTABLE | C_PCLAIM | C_PGIVEN | C_PDECIDING | C_PASK | \
	C_PSTARTING | C_ACK | C_WIN | C_WINSPLIT | C_PDEAF)

/* ---- the walk ---- */

enum { G_STOP, G_AGAIN, G_WAIT, G_COUNT };
struct node { int state, goal, plan, dirty, vip; };
#define VIPS	(FV_OFF + 1)
#define NODES	(S_COUNT * G_COUNT * P_COUNT * 2 * VIPS)
struct walk {
	int	 mode;
	bool	 seen[NODES];
	struct node list[NODES];
	size_t	 count;
	bool	*row_used;
};

static bool
leads_out(int s)
{
	return s == S_LEAVE_ALONE || s == S_LEAVE_PRIM || s == S_LEAVE_SECOND || s == S_LEAVE_UP || s == S_FORCE || s == S_FORCE_HELD ||
	    s == S_POSTSTOP;
}

static enum fsm_event
done_event(const struct node *n)	/* as module.c names it */
{
	if (!leads_out(n->state))
		return E_DONE;
	return n->goal == G_AGAIN ? E_DONE_AGAIN : n->goal == G_WAIT ? E_DONE_WAIT : E_DONE_STOP;
}

static bool
has_step(int plan, const char *script, bool force)
{
	int i;

	for (i = 0; i < PLAN_STEPS_MAX && fsm_plans[plan].steps[i].script != NULL; i++)
		if (strcmp(fsm_plans[plan].steps[i].script, script) == 0 && fsm_plans[plan].steps[i].force == force)
			return true;
	return false;
}

static const struct fsm_row *
must_step(int mode, const struct node *n, enum fsm_event e)
{
	bool missing;
	const struct fsm_row *row = fsm_step(mode, (enum fsm_state)n->state, e, &missing);

	if (missing)
		fail_msg("mode %s: no row for %s in state %s (goal %d, plan %s)", rpt_mode_names[mode], fsm_event_names[e],
		    fsm_states[n->state].name, n->goal, fsm_plans[n->plan].name);
	return row;
}

/* What the node becomes, as module.c's apply() does it */
static struct node
after(const struct node *n, enum fsm_event e, const struct fsm_row *row)
{
	bool done = e == E_DONE || e == E_DONE_STOP || e == E_DONE_AGAIN || e == E_DONE_WAIT;
	struct node to = *n;

	if (row->acts & (A_REFUSE | A_DEFER))
		return to;
	if (row->acts & A_GOAL_STOP)
		to.goal = G_STOP;
	if (row->acts & A_GOAL_AGAIN)
		to.goal = G_AGAIN;
	if (row->acts & A_GOAL_WAIT)
		to.goal = G_WAIT;
	if (done && has_step(n->plan, "stop_prim", true) && !has_step(n->plan, "start_prim", false))
		to.dirty = 0;
	if (done && fsm_plan_vip_after((enum fsm_plan)n->plan) != FV_NONE)
		to.vip = fsm_plan_vip_after((enum fsm_plan)n->plan);
	if (done || (row->acts & A_KILL))
		to.plan = P_NONE;
	if (row->next != SAME)
		to.state = (int)row->next;
	if (row->plan != P_NONE)
		to.plan = (int)row->plan;
	if (fsm_plan_vip_before(row->plan) != FV_NONE)
		to.vip = fsm_plan_vip_before(row->plan);
	if (has_step((int)row->plan, "start_prim", false) || e == E_REVIVE)
		to.dirty = 1;
	return to;
}

static void
visit(struct walk *w, struct node n)
{
	size_t i = (size_t)(((n.state * G_COUNT + n.goal) * P_COUNT + n.plan) * 2 + n.dirty) * VIPS + (size_t)n.vip;

	if (!w->seen[i]) {
		w->seen[i] = true;
		w->list[w->count++] = n;
	}
}

/* Follow what can happen in node n; visit where it leads. */
static void
follow(struct walk *w, struct node n)
{
	const struct fsm_tables *t = fsm_tables(w->mode);
	enum fsm_event events[E_COUNT];
	size_t i, count = 0;

	for (i = 0; i < ARRAY_LEN(operator_events); i++)
		events[count++] = operator_events[i];
	if (n.state == S_STOP)
		events[count++] = E_REVIVE;
	if (n.plan != P_NONE)
		events[count++] = done_event(&n);
	if (n.state == S_SYNC || n.state == S_SWAP_SYNC) {
		events[count++] = E_SYNC_FAILED;
		events[count++] = E_SYNC_AGAIN;
	}
	for (i = 0; i < t->nsee && count < E_COUNT; i++)
		if ((t->see[i].states & BIT(n.state)) != 0 && t->see[i].event != E_NONE &&
		    (n.plan == P_NONE || ((n.state == S_SYNC || n.state == S_SWAP_SYNC) && t->see[i].event != E_SYNCED)))
			events[count++] = t->see[i].event;
	for (i = 0; i < count; i++) {
		const struct fsm_row *row = must_step(w->mode, &n, events[i]);

		w->row_used[row - t->rows] = true;
		visit(w, after(&n, events[i], row));
	}
}

static struct walk *
walk_all(int mode)
{
	static struct walk w;
	size_t i;

	free(w.row_used);
	memset(&w, 0, sizeof(w));
	w.mode = mode;
	w.row_used = calloc(fsm_tables(mode)->nrows, sizeof(bool));
	assert_non_null(w.row_used);
	visit(&w, (struct node){ S_STOP, G_STOP, P_NONE, 0, FV_OFF });
	for (i = 0; i < w.count; i++)
		follow(&w, w.list[i]);
	return &w;
}

static void
walk_end(struct walk *w)
{
	free(w->row_used);
	w->row_used = NULL;
}

/* ---- tests ---- */

static void
test_all_that_can_happen_has_a_row(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		struct walk *w = walk_all(modes[i]);	/* fails by itself */

		assert_true(w->count > 10);
		walk_end(w);
	}
}

static void
test_every_state_is_reached(void **state)
{
	uint64_t reached, all = 0;
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		struct walk *w = walk_all(modes[i]);

		for (reached = 0, k = 0; k < w->count; k++)
			reached |= BIT(w->list[k].state);
		walk_end(w);
		for (k = 0; k < S_COUNT; k++)
			if (((reached ^ fsm_tables(modes[i])->states) & BIT(k)) != 0)
				fail_msg("%s: state %s: %s", rpt_mode_names[modes[i]], fsm_states[k].name,
				    (reached & BIT(k)) != 0 ? "reached but not of this mode" : "never reached");
		all |= reached;
	}
	assert_int_equal(all, BIT(S_COUNT) - 1);
}

/* Rows that nothing uses today.  Each with the reason why it stays. */
static bool
dead_on_purpose(const struct fsm_row *r)
{
	/* light: the goal "wait" never gets as far as the force scripts (leaving ends in BLOCKED); the row makes a later way through them safe */
	if ((r->states & (BIT(S_FORCE) | BIT(S_FORCE_HELD))) == BIT(S_FORCE) && r->event == E_DONE_WAIT)
		return true;
	return r->event == E_REVIVE && (r->states & ~BIT(S_STOP)) != 0;	/* revive comes at birth only: the explicit ignore */
}

static void
test_no_row_is_dead(void **state)
{
	size_t i, k, s;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		const struct fsm_tables *t = fsm_tables(modes[i]);
		struct walk *w = walk_all(modes[i]);

		for (k = 0; k < t->nrows; k++) {
			bool first = false;

			for (s = 0; s < S_COUNT; s++)
				if ((t->rows[k].states & BIT(s)) != 0 && fsm_step(modes[i], (enum fsm_state)s, t->rows[k].event, NULL) == &t->rows[k])
					first = true;
			if (!first)
				fail_msg("%s: row %zu (%s) is behind an earlier one in all of its states", rpt_mode_names[modes[i]], k,
				    fsm_event_names[t->rows[k].event]);
			if (!w->row_used[k] && !dead_on_purpose(&t->rows[k]))
				fail_msg("%s: row %zu (%s) cannot happen", rpt_mode_names[modes[i]], k, fsm_event_names[t->rows[k].event]);
		}
		walk_end(w);
	}
}

/* Conditions that can be together: alive or lost, nothing of the peer unless alive, one force at most */
static bool
consistent(unsigned c)
{
	if ((c & (C_KNOWN | C_LOST)) == (C_KNOWN | C_LOST) || ((c & C_KNOWN) == 0 && (c & PEER_BITS) != 0))
		return false;
	if ((c & C_PLEAVING) != 0 && (c & C_PHELD) == 0)
		return false;
	if ((c & C_PACCEPT) != 0 && (c & C_PHELD) == 0)
		return false;
	if ((c & C_PSTARTING) != 0 && (c & C_PDECIDING) == 0)
		return false;
	return (c & (C_FPRIM | C_FSECOND)) != (C_FPRIM | C_FSECOND);
}

/* The bits that the see-table looks at in any of these states */
static unsigned
bits_of(const struct fsm_tables *t, uint64_t states)
{
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < t->nsee; i++)
		if ((t->see[i].states & states) != 0)
			bits |= t->see[i].all | t->see[i].none;
	return bits;
}

/* Next subset of mask after c; 0 after the last */
static unsigned
next_subset(unsigned c, unsigned mask)
{
	return (c - mask) & mask;
}

static void
test_every_see_row_can_win(void **state)
{
	size_t i, k, s;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		const struct fsm_tables *t = fsm_tables(modes[i]);

		for (k = 0; k < t->nsee; k++) {
			const struct fsm_see *row = &t->see[k];
			bool wins = false;

			for (s = 0; s < S_COUNT && !wins; s++) {
				unsigned mask = bits_of(t, BIT(s)) & ~row->all & ~row->none, c = 0;

				/* what is implied by what is known of the peer */
				if ((row->all & PEER_BITS) != 0)
					mask |= C_KNOWN | (~row->none & (C_PHELD | C_PDECIDING));
				if ((row->states & BIT(s)) == 0)
					continue;
				do {
					unsigned conds = row->all | c;
					size_t first;

					if (!consistent(conds | ((conds & PEER_BITS) != 0 ? C_KNOWN : 0)))
						continue;
					for (first = 0; first < k; first++)
						if ((t->see[first].states & BIT(s)) != 0 && (conds & t->see[first].all) == t->see[first].all &&
						    (conds & t->see[first].none) == 0)
							break;
					wins = first == k;
				} while (!wins && (c = next_subset(c, mask)) != 0);
			}
			if (!wins)
				fail_msg("%s: see-row %zu (%s) never wins", rpt_mode_names[modes[i]], k, fsm_event_names[row->event]);
		}
	}
}

static void
test_what_is_seen_has_a_row(void **state)
{
	size_t i, k, s;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		const struct fsm_tables *t = fsm_tables(modes[i]);

		for (k = 0; k < t->nsee; k++)
			for (s = 0; s < S_COUNT; s++) {
				struct node n = { (int)s, G_STOP, P_NONE, 0 };

				if ((t->see[k].states & BIT(s)) != 0 && t->see[k].event != E_NONE)
					must_step(modes[i], &n, t->see[k].event);
			}
	}
}

/* A plan is watched: nothing looks at the peer while it runs, nothing slips to another state without killing or replacing it */
static void
test_plans_are_not_left_running(void **state)
{
	size_t i, k, e;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		struct walk *w = walk_all(modes[i]);
		const struct fsm_tables *t = fsm_tables(modes[i]);

		for (k = 0; k < w->count; k++) {
			const struct node *n = &w->list[k];

			if (n->plan == P_NONE)
				continue;
			assert_int_equal(fsm_states[n->state].status, ST_TRANSIENT);
			for (e = 0; e < t->nsee; e++)
				if ((t->see[e].states & BIT(n->state)) != 0 && t->see[e].event != E_SYNCED)
					assert_true((must_step(modes[i], n, t->see[e].event)->acts & A_KILL) != 0);	/* SYNC */
			for (e = 0; e < ARRAY_LEN(operator_events); e++) {
				const struct fsm_row *row = must_step(modes[i], n, operator_events[e]);

				if ((row->acts & (A_REFUSE | A_DEFER)) == 0 && (row->next != SAME || row->plan != P_NONE) &&
				    (row->acts & A_KILL) == 0)
					fail_msg("%s in %s leaves the plan %s running", fsm_event_names[operator_events[e]],
					    fsm_states[n->state].name, fsm_plans[n->plan].name);
			}
		}
		walk_end(w);
	}
}

/* After an event, with all scripts ending and the peer gone: how far?  64 steps are more than there are states on any way. */
static int
run_out(int mode, struct node n, enum fsm_event wish, unsigned conds)
{
	const struct fsm_row *row = must_step(mode, &n, wish);
	bool waiting = (row->acts & A_DEFER) != 0;
	int i;

	n = after(&n, wish, row);
	for (i = 0; i < 64; i++) {
		enum fsm_event e;

		row = must_step(mode, &n, wish);
		if (waiting && (row->acts & A_DEFER) == 0) {
			waiting = false;
			e = wish;
		} else if (n.plan != P_NONE) {
			e = done_event(&n);
		} else {
			e = fsm_perceive(mode, (enum fsm_state)n.state, conds);
		}
		if (e == E_NONE)
			break;
		n = after(&n, e, must_step(mode, &n, e));
	}
	return n.state;
}

static void
test_every_state_stops(void **state)
{
	/* the peer is lost; or it lives, holds nothing and answers: in none of these may a stop wait for ever */
	static const unsigned worlds[] = { C_LOST, C_KNOWN | C_ACK | C_WIN, C_KNOWN | C_PSTABLE | C_PDEAF, C_KNOWN | C_PHELD | C_PSTABLE,
	    C_KNOWN | C_PGIVEN | C_PSECOND | C_ACK, C_KNOWN | C_PSECOND | C_PSTABLE | C_ACK };
	size_t i, k, u;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		struct walk *w = walk_all(modes[i]);

		for (k = 0; k < w->count; k++)
			for (u = 0; u < ARRAY_LEN(worlds); u++) {
				int forced = run_out(modes[i], w->list[k], E_FORCESTOP, worlds[u]);
				int nice = run_out(modes[i], w->list[k], E_STOP, worlds[u]);

				if (forced != S_STOP)
					fail_msg("forcestop in %s leads to %s", fsm_states[w->list[k].state].name, fsm_states[forced].name);
				/* SWAP_GIVEN: a living secondary takes, and then it holds: another world */
				if (nice != S_STOP && !(nice == S_SWAP_GIVEN && (worlds[u] & C_PSECOND)))
					fail_msg("stop in %s (world %zu) leads to %s", fsm_states[w->list[k].state].name, u,
					    fsm_states[nice].name);
			}
		walk_end(w);
	}
}

static void
test_nothing_runs_unseen(void **state)
{
	struct walk *w = walk_all(MODE_MIRROR);
	bool some = false;
	size_t k;

	for (k = 0; k < w->count; k++) {
		const struct node *n = &w->list[k];
		unsigned flags = fsm_states[n->state].flags;

		if (n->dirty && (flags & F_HELD) == 0)
			fail_msg("%s: start_prim may have run, stop_prim force has not ended, and the others are not told",
			    fsm_states[n->state].name);
		if (has_step(n->plan, "start_prim", false))
			assert_true((flags & F_HELD) != 0);
		if (has_step(n->plan, "start_both", false))	/* start_both runs on both servers of a pair */
			assert_true((flags & (F_HELD | F_SECOND)) != 0);
		if (has_step(n->plan, "start_second", false))
			assert_true((flags & F_SECOND) != 0);
		some |= n->dirty != 0;
	}
	walk_end(w);
	assert_true(some);
}

/* With a world that stands still the tables come to rest: no event chases another */
static void
test_the_tables_settle(void **state)
{
	size_t i, s;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		const struct fsm_tables *t = fsm_tables(modes[i]);

		for (s = 0; s < S_COUNT; s++) {
			/* the states of a way without scripts look at the same bits as one of these groups */
			static const uint64_t groups[] = { BIT(S_WAIT) | BIT(S_BLOCKED) | BIT(S_CLAIM), BIT(S_ALONE) | BIT(S_PRIM),
			    BIT(S_SECOND) | BIT(S_SECOND_CLAIM) | BIT(S_SWAP_TAKE), BIT(S_SWAP_GIVEN) | BIT(S_SWAP_CLAIM) };
			unsigned mask = 0, start = 0;
			size_t g;

			for (g = 0; g < ARRAY_LEN(groups); g++)
				if ((groups[g] & BIT(s)) != 0)
					mask = bits_of(t, groups[g]);
			if ((t->states & BIT(s)) == 0 || mask == 0)
				continue;
			do {
				struct node n = { (int)s, G_STOP, P_NONE, 0 };
				unsigned c = start | ((start & PEER_BITS) != 0 ? C_KNOWN : 0);
				int steps = 0;
				enum fsm_event e;

				while (consistent(c) && n.plan == P_NONE && (e = fsm_perceive(modes[i], (enum fsm_state)n.state, c)) != E_NONE) {
					const struct fsm_row *row = must_step(modes[i], &n, e);

					n = after(&n, e, row);
					if (row->next != SAME)
						c &= ~(unsigned)(C_ACK | C_ASKED);	/* of another state counter */
					c |= (row->acts & A_ASK ? C_ASKED : 0) | (row->acts & A_SAY_SPLIT_STAY ? C_SPLITSEEN : 0);
					if (row->acts & A_FORGET_FORCED)
						c &= ~(unsigned)(C_FPRIM | C_FSECOND);
					if (++steps > 8)
						fail_msg("%s: from %s with conditions %#x: no rest at %s", rpt_mode_names[modes[i]],
						    fsm_states[s].name, start, fsm_event_names[e]);
				}
			} while ((start = next_subset(start, mask)) != 0);
		}
	}
}

static void
test_status_words(void **state)
{
	uint64_t settled = BIT(S_STOP) | BIT(S_BLOCKED);
	int s;

	for (s = 0; s < S_COUNT; s++) {
		const struct fsm_state_row *r = &fsm_states[s];
		bool stable = (r->flags & F_STABLE) != 0;

		assert_non_null(r->name);
		assert_true(r->meaning != NULL && r->meaning[0] != '\0');
		assert_int_equal(stable, r->status == ST_READY);
		assert_int_equal((settled & BIT(s)) != 0, r->status == ST_NOTREADY);
		if (r->flags & F_HELD)
			assert_true(r->state == RS_ALONE || r->state == RS_PRIM || s == S_FORCE_HELD);
		if (r->flags & (F_CLAIM | F_GIVEN | F_SECOND))
			assert_int_equal(r->flags & F_HELD, 0);
		if (r->flags & (F_LEAVING | F_ACCEPT))
			assert_true((r->flags & F_HELD) != 0);
		/* ALONE and PRIM are only shown while the application is held, so that nobody reads them otherwise */
		assert_int_equal(r->state == RS_ALONE || r->state == RS_PRIM, (r->flags & F_HELD) != 0 && s != S_FORCE_HELD);
	}
	for (s = 1; s < E_COUNT; s++)
		assert_non_null(fsm_event_names[s]);
}

/* Scripts get from and to.  from: what users saw when the plan began; to: what they see during or after it. */
static bool
args_argued(int plan, const struct node *from)
{
	switch (plan) {
	case P_FORCE:		/* from wherever a forcestop came: the scripts stop what may run, from WAIT to STOP (user's guide 14.4) */
	case P_POSTSTOP:	/* the module is down for the scripts even when it starts again at once */
		return true;
	case P_PRESTART:	/* started again without showing STOP */
		return from->state == S_POSTSTOP;
	case P_SWAP_SECOND:	/* the second half of PRIM -> SECOND: users see SECOND since the release */
		return from->state == S_SWAP_SYNC;
	case P_SYNC:		/* has no scripts */
		return true;
	case P_START_SECOND:	/* users see SECOND since the synchronisation began; the scripts learn that it was WAIT before */
		return from->state == S_SYNC;
	case P_TAKEBACK:	/* the swap did not happen: it was PRIM */
		return from->state == S_SWAP_CLAIM;
	default:
		return false;
	}
}

static void
test_script_arguments(void **state)
{
	size_t i, k, e;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		struct walk *w = walk_all(modes[i]);

		for (k = 0; k < w->count; k++)
			for (e = 1; e < E_COUNT; e++) {
				const struct node *n = &w->list[k];
				const struct fsm_row *row = fsm_step(modes[i], (enum fsm_state)n->state, (enum fsm_event)e, NULL);
				struct node to, end;

				if (row->plan == P_NONE || args_argued((int)row->plan, n))
					continue;
				to = after(n, (enum fsm_event)e, row);
				end = after(&to, done_event(&to), must_step(modes[i], &to, done_event(&to)));
				if (fsm_plans[row->plan].from != fsm_states[n->state].state)
					fail_msg("%s in %s: plan %s says from %s", fsm_event_names[e], fsm_states[n->state].name,
					    fsm_plans[row->plan].name, rpt_state_names[fsm_plans[row->plan].from]);
				if (fsm_plans[row->plan].to != fsm_states[to.state].state && fsm_plans[row->plan].to != fsm_states[end.state].state)
					fail_msg("%s in %s: plan %s says to %s", fsm_event_names[e], fsm_states[n->state].name,
					    fsm_plans[row->plan].name, rpt_state_names[fsm_plans[row->plan].to]);
			}
		walk_end(w);
	}
}

/* Every stop script is asked nicely before it is forced, in the same order; every plan is used */
static void
test_plans(void **state)
{
	bool used[P_COUNT] = { [P_NONE] = true };
	size_t i, k;
	int p, j;

	for (i = 0; i < ARRAY_LEN(modes); i++)
		for (k = 0; k < fsm_tables(modes[i])->nrows; k++)
			used[fsm_tables(modes[i])->rows[k].plan] = true;
	for (p = 0; p < P_COUNT; p++) {
		if (!used[p])
			fail_msg("no row runs plan %s", fsm_plans[p].name);
		for (j = 0; j < PLAN_STEPS_MAX && fsm_plans[p].steps[j].script != NULL; j++) {
			const struct fsm_step *s = &fsm_plans[p].steps[j];

			assert_int_equal(strncmp(s->script, "stop_", 5) == 0, s->stop);
			assert_true(!s->force || s->stop);
			if (s->force && p != P_FORCE)
				assert_true(has_step(p, s->script, false));
		}
		assert_true(j < PLAN_STEPS_MAX);	/* room for the end mark */
	}
}

static const char *const vip_names[] = { "none", "on", "serve", "drain", "off" };

/* An address is nowhere but where the application may run, and there from the first start script to the last stop script */
static void
test_addresses_are_where_the_application_is(void **state)
{
	bool seen[VIPS] = { false };
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(modes); i++) {
		struct walk *w = walk_all(modes[i]);

		for (k = 0; k < w->count; k++) {
			const struct node *n = &w->list[k];
			int want = n->vip;

			seen[n->vip] = true;
			if (modes[i] == MODE_MIRROR && (fsm_states[n->state].flags & F_HELD) == 0)
				want = FV_OFF;
			else if (n->state == S_STOP || n->state == S_WAIT || n->state == S_BLOCKED || n->state == S_POSTSTOP || n->state == S_PRESTART)
				want = FV_OFF;
			else if (n->state == S_ALONE || n->state == S_PRIM || n->state == S_TO_UP || has_step(n->plan, "start_prim", false))
				want = FV_ON;
			else if (n->state == S_UP)
				want = FV_SERVE;
			else if (n->state == S_RESTART_UP || n->state == S_LEAVE_UP)
				want = FV_DRAIN;
			if (n->plan == P_LEAVE_ALONE || n->plan == P_LEAVE_PRIM || n->plan == P_LEAVE_ALONE_WAIT || n->plan == P_LEAVE_PRIM_WAIT ||
			    n->plan == P_SWAP_OUT)
				want = FV_ON;	/* while stop_prim runs */
			if (n->state == S_LEAVE_UP && n->plan == P_NONE)
				want = n->vip;
			if (n->vip != want)
				fail_msg("%s, plan %s: addresses are %s, not %s", fsm_states[n->state].name, fsm_plans[n->plan].name,
				    vip_names[n->vip], vip_names[want]);
		}
		walk_end(w);
	}
	assert_true(seen[FV_ON] && seen[FV_SERVE] && seen[FV_DRAIN] && seen[FV_OFF] && !seen[FV_NONE]);
}

/* What each plan does with them: every plan by name */
static void
test_plans_and_addresses(void **state)
{
	static const struct { enum fsm_plan plan; enum fsm_vip before, after; } want[] = {
		{ P_NONE, FV_NONE, FV_NONE }, { P_PRESTART, FV_NONE, FV_NONE }, { P_START_ALONE, FV_ON, FV_NONE }, { P_SYNC, FV_NONE, FV_NONE },
		{ P_START_SECOND, FV_NONE, FV_NONE }, { P_SEC_ON, FV_NONE, FV_NONE }, { P_SEC_OFF, FV_NONE, FV_NONE },
		{ P_TAKEOVER, FV_ON, FV_NONE }, { P_SWAP_OUT, FV_NONE, FV_OFF }, { P_SWAP_SECOND, FV_NONE, FV_NONE },
		{ P_SWAP_IN, FV_ON, FV_NONE }, { P_TAKEBACK, FV_ON, FV_NONE }, { P_RESTART_ALONE, FV_NONE, FV_NONE },
		{ P_RESTART_PRIM, FV_NONE, FV_NONE }, { P_RESTART_SECOND, FV_NONE, FV_NONE }, { P_LEAVE_ALONE, FV_NONE, FV_OFF },
		{ P_LEAVE_PRIM, FV_NONE, FV_OFF }, { P_LEAVE_SECOND, FV_NONE, FV_NONE }, { P_LEAVE_ALONE_WAIT, FV_NONE, FV_OFF },
		{ P_LEAVE_PRIM_WAIT, FV_NONE, FV_OFF }, { P_LEAVE_SECOND_WAIT, FV_NONE, FV_NONE }, { P_FORCE, FV_NONE, FV_OFF },
		{ P_POSTSTOP, FV_NONE, FV_NONE }, { P_START_UP, FV_ON, FV_SERVE }, { P_RESTART_UP, FV_DRAIN, FV_SERVE },
		{ P_LEAVE_UP, FV_DRAIN, FV_NONE }, { P_LEAVE_UP_WAIT, FV_DRAIN, FV_OFF },
	};
	size_t i;

	assert_int_equal(ARRAY_LEN(want), P_COUNT);
	for (i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(want[i].plan, i);
		if (fsm_plan_vip_before(want[i].plan) != want[i].before || fsm_plan_vip_after(want[i].plan) != want[i].after)
			fail_msg("plan %s: %s before, %s after", fsm_plans[i].name, vip_names[fsm_plan_vip_before(want[i].plan)],
			    vip_names[fsm_plan_vip_after(want[i].plan)]);
	}
}

static void
test_bids(void **state)
{
	/* an operator's word, then continuity, then the configuration */
	assert_true(fsm_bid(S_WAIT, 1, 0, false, 0, false) > fsm_bid(S_SWAP_GIVEN, 0, 0, true, 1, true));
	assert_true(fsm_bid(S_SWAP_GIVEN, 0, 0, true, 0, false) > fsm_bid(S_SECOND, 0, 0, true, 1, true));
	assert_true(fsm_bid(S_SECOND, 0, 0, true, 0, false) > fsm_bid(S_WAIT, 0, 0, true, 1, true));
	assert_true(fsm_bid(S_WAIT, 0, 0, true, 0, true) > fsm_bid(S_WAIT, 0, 0, true, 1, false));
	assert_true(fsm_bid(S_WAIT, 0, 0, true, 1, false) > fsm_bid(S_WAIT, 0, 0, true, 0, false));
	assert_true(fsm_bid(S_WAIT, 0, 0, false, 1, false) > fsm_bid(S_WAIT, 0, 0, false, -1, true));
	assert_int_equal(fsm_bid(S_WAIT, 0, 0, false, 0, true), 0);	/* failover off: was not primary */
	assert_int_equal(fsm_bid(S_WAIT, 0, 1, true, 1, true), 0);	/* started by "second" */
	assert_true(fsm_bid(S_WAIT, 0, 0, true, 0, false) > 0);
	/* a bid does not change on the ways WAIT - CLAIM, SECOND - its claims, GIVEN - CLAIM: two that claim must not swap places */
	assert_int_equal(fsm_bid(S_WAIT, 0, 0, true, 1, true), fsm_bid(S_CLAIM, 0, 0, true, 1, true));
	assert_int_equal(fsm_bid(S_SECOND, 0, 0, true, 1, true), fsm_bid(S_SECOND_CLAIM, 0, 0, true, 1, true));
	assert_int_equal(fsm_bid(S_SECOND, 0, 0, true, 1, true), fsm_bid(S_SWAP_TAKE, 0, 0, true, 1, true));
	assert_int_equal(fsm_bid(S_SWAP_GIVEN, 0, 0, true, 1, true), fsm_bid(S_SWAP_CLAIM, 0, 0, true, 1, true));
}

static void
test_the_document_is_the_tables(void **state)
{
	char *printed = NULL, *kept = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&printed, &n);

	assert_non_null(f);
	fsm_print_doc(f);
	fclose(f);
	if (path_read(TEST_SRCDIR "/doc/STATES.md", &kept, 1u << 20) < 0)
		fail_msg("doc/STATES.md cannot be read: make states-doc");
	if (strcmp(printed, kept) != 0)
		fail_msg("doc/STATES.md is not what the tables say: make states-doc");
	free(printed);
	free(kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_can_happen_has_a_row),
		cmocka_unit_test(test_every_state_is_reached),
		cmocka_unit_test(test_no_row_is_dead),
		cmocka_unit_test(test_every_see_row_can_win),
		cmocka_unit_test(test_what_is_seen_has_a_row),
		cmocka_unit_test(test_plans_are_not_left_running),
		cmocka_unit_test(test_every_state_stops),
		cmocka_unit_test(test_nothing_runs_unseen),
		cmocka_unit_test(test_the_tables_settle),
		cmocka_unit_test(test_status_words),
		cmocka_unit_test(test_script_arguments),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_plans_and_addresses),
		cmocka_unit_test(test_addresses_are_where_the_application_is),
		cmocka_unit_test(test_bids),
		cmocka_unit_test(test_the_document_is_the_tables),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
