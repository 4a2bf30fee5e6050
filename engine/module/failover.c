/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * failover.c: the failover machine (user's guide 13.18): what the rules order, when it is time for it, and what holds a module in WAIT.
 *
 * Owns: struct mod_failover, the splitbrain decision.  Called by: mod_eval(), pulse.c.  Never does: write the state (an action goes the
 * way of every action), look at a resource's name (rules.c does), read a clock.
 *
 * Rules are evaluated when something that they look at changes, and at least once a period.  An action is taken when the rules have
 * ordered the same for handle_time; three things do not wait that long: a start (nothing runs that could flap), the end of a first
 * verdict's wait, and the splitbrain rule (the other server takes over at this moment).
 */
#include "config.h"
#include "conf/conf.h"
#include "module/module.h"
#include "module/internal.h"

#include <stdio.h>
#include <string.h>

#define ASSIGN_ROUNDS	8	/* assignments that lead to assignments: then the next period goes on (ours) */

static const enum rpt_verb verbs[RULE_ORDERS] = {
	[RULE_STOP] = VERB_STOP, [RULE_STOPSTART] = VERB_STOPSTART, [RULE_WAIT] = VERB_STOPWAIT, [RULE_RESTART] = VERB_RESTART,
	[RULE_SWAP] = VERB_SWAP, [RULE_ASSIGN] = VERB_NONE,
};

static bool
waiting(const struct mod *m)
{
	return m->state == S_WAIT || m->state == S_BLOCKED || m->state == S_CLAIM;
}

bool
mod_settled(const struct mod *m)
{
	return m->run_seq == 0 && m->deferred == E_NONE &&
	    (m->state == S_ALONE || m->state == S_PRIM || m->state == S_SECOND || m->state == S_UP);
}

/* A synchronisation takes hours: a rule that has the module wait or stop does not wait for its end (that on the flow's network, say). */
static bool
judged(const struct mod *m)
{
	return mod_settled(m) || (m->state == S_SYNC && m->deferred == E_NONE);
}

static int64_t
period(const struct mod *m)
{
	return m->conf.period_ms > 0 ? m->conf.period_ms : FAILOVER_PERIOD_MS;
}

static int64_t
handle_time(const struct mod *m, int rule)
{
	if (rule >= 0 && m->fo.at_once[rule])
		return 0;
	return m->conf.period_ms > 0 ? m->conf.handle_ms : FAILOVER_HANDLE_MS;
}

bool
mod_failover_holds(const struct mod *m, int kind)
{
	return m->fo.hold == kind;
}

static void
forget(struct mod *m)
{
	m->fo.candidate = NO_RULE;
	m->fo.hold = HOLD_NONE;
	m->fo.hold_rule = NO_RULE;
}

void
mod_failover_reset(struct mod *m)
{
	forget(m);
	m->fo.dirty = true;
	m->fo.next_ms = m->now;
}

/* ---- rules ---- */

static void
only_splitbrain(void *ctx, const char *ref, bool remote, unsigned healths)
{
	bool *only = ctx;

	if (remote || strncmp(ref, "splitbrain.", strlen("splitbrain.")) != 0)
		*only = false;
}

void
mod_set_rules(struct mod *m, struct rules *rules)
{
	int64_t wall = m->hooks.wall_ms(m->hooks.ctx);
	int i, n = rules != NULL ? rules_count(rules) : 0;

	m->fo.rules = rules;
	for (i = 0; i < n; i++) {
		bool only = rules_row(rules, i)->origin == RULES_DEFAULT && rules_row(rules, i)->order == RULE_WAIT;

		rules_refs(rules, i, only_splitbrain, &only);
		m->fo.at_once[i] = only;
		m->fo.value[i] = RULE_FALSE;
		m->fo.since_wall_ms[i] = wall;
	}
	mod_failover_remote(m);
	mod_rfs_tell_rules(m);
	if (m->fo.hold == HOLD_RULE)
		m->fo.hold = HOLD_PENDING;	/* its number may mean another rule now: judged anew */
	m->fo.candidate = m->fo.hold_rule = NO_RULE;
	if (rules == NULL)
		forget(m);
	m->fo.dirty = true;
}

void
mod_failover_remote(struct mod *m)
{
	struct rules_word w[RULES_REMOTE_MAX];
	int i;

	if (m->fo.rules == NULL)
		return;
	for (i = 0; i < m->peer.beat.words; i++)
		w[i] = (struct rules_word){ m->peer.beat.word[i].key, m->peer.beat.word[i].healths };
	rules_remote(m->fo.rules, w, m->peer.heard && m->peer.view == BEAT_KNOWN ? m->peer.beat.words : -1);
	m->fo.dirty = true;
}

/* Assignments are carried out at once: they say what a resource is, not what to do. */
static bool
assign(struct mod *m)
{
	bool changed = false;
	int i;

	for (i = 0; i < rules_count(m->fo.rules); i++) {
		const struct rule_row *r = rules_row(m->fo.rules, i);
		const char *value = rpt_health_names[r->health];

		if (r->order != RULE_ASSIGN || r->value != RULE_TRUE || m->fo.value[i] == RULE_TRUE)
			continue;
		mod_say(m, MSG_RULE_ASSIGN, r->target, value, r->label);
		mod_resource(m, r->target, value, r->health, false, r->label);
		changed = true;
	}
	return changed;
}

static void
note_values(struct mod *m)
{
	int i;

	for (i = 0; i < rules_count(m->fo.rules); i++) {
		int value = rules_row(m->fo.rules, i)->value;

		if (value == m->fo.value[i])
			continue;
		m->fo.value[i] = (uint8_t)value;
		m->fo.since_wall_ms[i] = m->hooks.wall_ms(m->hooks.ctx);
	}
}

static void
evaluate(struct mod *m)
{
	struct rules_facts facts = { m->conf.nodes[m->conf.self], m->conf.defaultprim == DP_ME,
	    m->peer.view == BEAT_KNOWN ? RH_UP : m->peer.view == BEAT_LOST ? RH_DOWN : RH_UNKNOWN };
	int i;

	for (i = 0; i < ASSIGN_ROUNDS; i++) {
		bool again;

		m->fo.dirty = false;
		rules_eval(m->fo.rules, &facts);
		again = assign(m);
		note_values(m);
		if (!again)
			break;
	}
	m->fo.next_ms = m->now + period(m);
}

/* ---- judging ---- */

static bool
possible(const struct mod *m, int order)
{
	if (waiting(m))
		return order == RULE_WAIT || order == RULE_STOP || order == RULE_STOPSTART;
	return order != RULE_ASSIGN && (order != RULE_SWAP || (m->conf.mode == MODE_MIRROR && mod_pair_ready(m) && m->state != S_ALONE));
}

/* The first rule in the order in which they count that says so; NO_RULE */
static int
first_rule(const struct mod *m, int value, bool wait_only)
{
	int i;

	for (i = 0; m->fo.rules != NULL && i < rules_count(m->fo.rules); i++) {
		const struct rule_row *r = rules_row(m->fo.rules, i);

		if (r->value == value && (wait_only ? r->order == RULE_WAIT : possible(m, r->order)))
			return i;
	}
	return NO_RULE;
}

/* The splitbrain rule goes before all: the other server does not wait for what another rule would have us do first. */
static int
first_running(const struct mod *m)
{
	int i;

	for (i = 0; i < rules_count(m->fo.rules); i++)
		if (m->fo.at_once[i] && rules_row(m->fo.rules, i)->value == RULE_TRUE)
			return i;
	return first_rule(m, RULE_TRUE, false);
}

static int
order_of(const struct mod *m, int rule)
{
	return rule < 0 ? rule : rules_row(m->fo.rules, rule)->order;
}

/* True: this has been what the rules order for so long that it is done now. */
static bool
due(struct mod *m, int rule)
{
	struct mod_failover *f = &m->fo;

	if (rule == NO_RULE || f->candidate == NO_RULE || order_of(m, rule) != order_of(m, f->candidate))
		f->candidate_ms = m->now;
	f->candidate = rule;
	return rule != NO_RULE && m->now - f->candidate_ms >= handle_time(m, rule == WAKE_RULE ? f->hold_rule : rule);
}

static void
hold(struct mod *m, int kind, int rule)
{
	struct mod_failover *f = &m->fo;
	const struct rule_row *r = rules_row(f->rules, rule);

	if (f->hold == kind && f->hold_rule == rule)
		return;
	if (kind == HOLD_RULE && m->state == S_WAIT) {
		bool old_data = m->conf.rfs && strcmp(r->label, "notuptodate_server") == 0;	/* user's guide 5.5 */

		if (old_data)
			mod_say(m, MSG_DATA_NOTUPTODATE);
		mod_say(m, MSG_ACTION_RULE, "wait", r->label);
		if (old_data)
			mod_say(m, MSG_DATA_PRIM_HINT);
		snprintf(m->cause, sizeof(m->cause), "Action wait from failover rule %s", r->label);
	}
	f->hold = kind;
	f->hold_rule = rule;
	f->hold_wall_ms = m->hooks.wall_ms(m->hooks.ctx);
	snprintf(m->hold_text, sizeof(m->hold_text), kind == HOLD_RULE ? "failover rule %s" : "the first verdict for failover rule %s", r->label);
}

/* In WAIT: hold as long as a wait() applies or may apply, and go on when none does. */
static void
judge_waiting(struct mod *m)
{
	struct mod_failover *f = &m->fo;
	int wait = first_rule(m, RULE_TRUE, true), pending = first_rule(m, RULE_UNDECIDED, true);
	int other = first_rule(m, RULE_TRUE, false);
	bool counts = other != NO_RULE && order_of(m, other) != RULE_WAIT;	/* a way out: the module is held until it is taken */

	if (counts && due(m, other)) {
		f->candidate = NO_RULE;
		mod_rule_action(m, verbs[order_of(m, other)], rules_row(f->rules, other)->label);
		return;
	}
	if (!counts && (wait != NO_RULE || pending != NO_RULE))
		f->candidate = NO_RULE;
	if (wait != NO_RULE)
		hold(m, HOLD_RULE, wait);
	else if (pending != NO_RULE && f->hold != HOLD_RULE)
		hold(m, HOLD_PENDING, pending);
	else if (!counts && pending == NO_RULE && (f->hold != HOLD_RULE || due(m, WAKE_RULE)))
		forget(m);
}

static void
judge_running(struct mod *m)
{
	struct mod_failover *f = &m->fo;
	int rule = first_running(m), order = order_of(m, rule);

	if (m->state == S_SYNC && order != RULE_WAIT && order != RULE_STOP && order != RULE_STOPSTART)
		rule = NO_RULE;
	if (f->hold == HOLD_PENDING)
		forget(m);
	if (!due(m, rule))
		return;
	f->candidate = NO_RULE;
	if (order == RULE_WAIT)
		hold(m, HOLD_RULE, rule);
	mod_rule_action(m, verbs[order], rules_row(f->rules, rule)->label);
}

/* While scripts run nothing is ordered, but what is no longer true is counted anew afterwards. */
static void
judge_busy(struct mod *m)
{
	struct mod_failover *f = &m->fo;
	int i;

	for (i = 0; f->candidate >= 0 && i < rules_count(f->rules); i++)
		if (rules_row(f->rules, i)->value == RULE_TRUE && order_of(m, i) == order_of(m, f->candidate))
			return;
	f->candidate = NO_RULE;
}

void
mod_failover(struct mod *m)
{
	struct mod_failover *f = &m->fo;

	if (f->rules == NULL || m->state == S_STOP) {
		if (m->state == S_STOP)
			forget(m);
		return;
	}
	if (f->dirty || m->now >= f->next_ms)
		evaluate(m);
	if (waiting(m) && m->run_seq == 0)
		judge_waiting(m);
	else if (judged(m))
		judge_running(m);
	else
		judge_busy(m);
}

int64_t
mod_failover_due(const struct mod *m)
{
	const struct mod_failover *f = &m->fo;

	if (f->candidate == NO_RULE)
		return INT64_MAX;
	return f->candidate_ms + handle_time(m, f->candidate == WAKE_RULE ? f->hold_rule : f->candidate);
}

int64_t
mod_failover_next(const struct mod *m)
{
	const struct mod_failover *f = &m->fo;

	if (f->rules == NULL || m->state == S_STOP)
		return INT64_MAX;
	if (mod_failover_due(m) < f->next_ms && (judged(m) || (waiting(m) && m->run_seq == 0)))
		return mod_failover_due(m);
	return f->next_ms;
}

/* ---- splitbrain (user's guide 13.17) ---- */

static void
set_uptodate(struct mod *m, bool up)
{
	const char *name = "splitbrain.uptodate";

	if (m->rec.split_out == !up)
		return;
	m->rec.split_out = !up;
	mod_persist(m);
	mod_say(m, MSG_RESOURCE, name, up ? "up" : "down", "splitbraincheck");
	m->hooks.notice(m->hooks.ctx, NT_RESOURCE, name, up ? "down" : "up", up ? "up" : "down",
	    up ? "the other server is heard again, or prim was ordered" : "neither the other server nor the witness answers: the other server goes on");
	mod_resource(m, name, up ? "up" : "down", up ? RH_UP : RH_DOWN, false, "splitbraincheck");
}

/* Heard of neither the other server nor the witness: the other one goes on, we do not. */
static void
split_judge(struct mod *m)
{
	if (!m->split_judge || m->peer.view != BEAT_LOST || (m->witness != RH_UP && m->witness != RH_DOWN))
		return;
	m->split_judge = false;
	if (m->witness == RH_DOWN)
		set_uptodate(m, false);
}

void
mod_split_lost(struct mod *m)
{
	/* who was neither primary nor secondary has nothing to give up; it asks the witness before it starts */
	m->split_judge = m->conf.witness[0] != '\0' && (fsm_states[m->state].flags & (F_HELD | F_SECOND)) != 0;
	split_judge(m);
}

void
mod_split_found(struct mod *m)
{
	m->split_judge = false;
	set_uptodate(m, true);
}

void
mod_resource(struct mod *m, const char *name, const char *value, int health, bool own, const char *by)
{
	m->hooks.resource(m->hooks.ctx, name, value, by);
	if (m->conf.witness[0] != '\0' && strcmp(name, m->conf.witness) == 0) {
		m->witness = health;
		split_judge(m);
	}
	if (mod_rfs_resource(m, name, health))
		return;
	if (m->fo.rules != NULL && rules_set(m->fo.rules, name, health, own))
		m->fo.dirty = true;
}

void
mod_own_resource(struct mod *m, const char *name, const char *value, const char *by)
{
	mod_resource(m, name, value, rpt_health_of(value), false, by);
}
