/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module.c: turns what is known into conditions, asks the tables, carries out their rows.
 */
#include "config.h"
#include "module/module.h"
#include "module/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EVAL_MAX	64	/* steps without outside news before we call it a loop in the tables (a bug of ours) */

/* After a cut a neighbour is asked for once a second (ARP, neighbour discovery) and packets wait: that for each of the two directions (ours) */
#define TOLD_MS		2000
#define BID_OF_PAIR	32	/* fsm_bid(): from here on the server was one of a pair a moment ago */

static const enum fsm_event verb_events[VERB_COUNT] = {
	[VERB_START] = E_START, [VERB_STOP] = E_STOP, [VERB_RESTART] = E_RESTART, [VERB_SWAP] = E_SWAP,
	[VERB_STOPSTART] = E_STOPSTART, [VERB_PRIM] = E_PRIM, [VERB_SECOND] = E_SECOND, [VERB_FORCESTOP] = E_FORCESTOP,
	[VERB_STOPWAIT] = E_STOPWAIT, [VERB_SHUTDOWN] = E_STOP, [VERB_PRIMFORCE] = E_PRIM, [VERB_SECONDFORCE] = E_SECOND,
};

void
mod_say(struct mod *m, enum message msg, ...)
{
	char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, msg);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(text, sizeof(text), message_rows[msg].format, ap);	/* formats of the catalogue: %s only */
#pragma GCC diagnostic pop
	va_end(ap);
	m->hooks.log(m->hooks.ctx, msg, text);
}

/* What we tell changes: a new state counter, told at once on every lan. */
void
mod_tell(struct mod *m)
{
	m->sc++;
	m->sc_ms = m->now;
	m->send_now = true;
}

void
mod_publish(struct mod *m)
{
	m->hooks.report(m->hooks.ctx, &m->report);
}

void
mod_persist(struct mod *m)
{
	m->hooks.persist(m->hooks.ctx, &m->rec);
}

static bool
failover_on(const struct mod *m)
{
	return m->rec.failover >= 0 ? m->rec.failover == 1 : m->conf.failover;
}

unsigned
mod_bid(const struct mod *m)
{
	unsigned bid = fsm_bid(m->state, m->forced_prim, m->forced_second, failover_on(m), mod_rfs_lastprim(m), m->conf.defaultprim == DP_ME);

	return bid < BID_OF_PAIR && !mod_rfs_eligible(m) ? 0 : bid;
}

bool
mod_holds(const struct mod *m)
{
	return (fsm_states[m->state].flags & F_HELD) != 0;
}

/* ---- what we know ---- */

static unsigned
peer_conditions(const struct mod *m)
{
	static const struct { unsigned flag, cond; } map[] = {
		{ F_HELD, C_PHELD }, { F_LEAVING, C_PLEAVING }, { F_ACCEPT, C_PACCEPT }, { F_SECOND, C_PSECOND },
		{ F_STABLE, C_PSTABLE }, { F_CLAIM, C_PCLAIM }, { F_GIVEN, C_PGIVEN }, { F_DECIDING, C_PDECIDING }, { F_ASK, C_PASK },
	};
	const struct beat *b = &m->peer.beat;
	unsigned bid = mod_bid(m), c = C_KNOWN;
	bool lower = m->conf.self < b->from;
	size_t i;

	for (i = 0; i < ARRAY_LEN(map); i++)
		if ((b->flags & map[i].flag) != 0)
			c |= map[i].cond;
	if ((b->flags & F_DECIDING) != 0 && b->bid > 0)
		c |= C_PSTARTING;
	if (b->ack_incarnation == m->incarnation && b->ack_sc == m->sc)
		c |= C_TOLD | (m->now - m->sc_ms < m->lease_ms ? C_ACK : 0);
	if (m->now - m->known_ms >= TOLD_MS)
		c |= C_TOLD;
	if (bid > b->bid || (bid == b->bid && lower))
		c |= C_WIN;
	if (mod_rfs_rank(m) > b->rank || (mod_rfs_rank(m) == b->rank && lower))
		c |= C_WINSPLIT;
	if (b->sees == BEAT_LOST)
		c |= C_PDEAF;
	return c;
}

unsigned
mod_conditions(const struct mod *m)
{
	unsigned c = 0;

	if (m->peer.view == BEAT_KNOWN)
		c |= peer_conditions(m);
	else if (m->peer.view == BEAT_LOST)
		c |= C_LOST;
	if (m->forced_prim)
		c |= C_FPRIM;
	if (m->forced_second)
		c |= C_FSECOND;
	if (mod_bid(m) == 0)
		c |= C_NOBID;
	if (!failover_on(m))
		c |= C_FAILOFF;
	if (m->hold || mod_failover_holds(m, HOLD_RULE))
		c |= C_HOLD;
	if (mod_failover_holds(m, HOLD_PENDING))
		c |= C_PENDING;
	/* once the other server went on without us, an answer of the witness is no leave to take over */
	if (m->conf.witness[0] != '\0' && (m->witness != RH_UP || m->rec.split_out) && !m->forced_prim)
		c |= C_NOWITNESS;
	if (m->autoswap)
		c |= C_AUTOSWAP;
	if (m->ask)
		c |= C_ASKED;
	if (m->split_seen)
		c |= C_SPLITSEEN;
	return c | mod_rfs_conditions(m);
}

const char *
mod_waits_for(const struct mod *m)
{
	unsigned c = mod_conditions(m);

	if (m->state != S_WAIT && m->state != S_BLOCKED && m->state != S_CLAIM)
		return "";
	if (mod_failover_holds(m, HOLD_RULE) || mod_failover_holds(m, HOLD_PENDING))
		return m->hold_text;
	if ((c & C_HOLD) != 0)
		return "the end of stopwait";
	if ((c & (C_LOST | C_NOWITNESS)) == (C_LOST | C_NOWITNESS))
		return "the other server or the splitbrain witness, or the command prim";
	if ((c & C_PENDING) != 0)
		return "what is known of the replicated directories";
	if ((c & C_NOBID) != 0 && !mod_rfs_eligible(m))
		return "the other server to become primary, or the command prim (data may be not uptodate)";
	if ((c & C_NOBID) != 0)
		return "the other server to become primary, or the command prim (failover is off)";
	if ((c & (C_KNOWN | C_LOST)) == 0)
		return "a first heartbeat of the other server, or the heartbeat timeout";
	if ((c & C_PHELD) != 0)
		return "the primary to accept a secondary";
	return "the other server's answer";
}

/* ---- actions and their outcome ---- */

static void
action_end(struct mod *m, int outcome, const char *message)
{
	struct rpt_module *r = &m->report;
	char seq[16];

	if (r->action_outcome != OUT_RUNNING)
		return;
	r->action_outcome = outcome;
	r->action_end_ms = m->hooks.wall_ms(m->hooks.ctx);
	str_copy(r->action_message, sizeof(r->action_message), message);
	snprintf(seq, sizeof(seq), "%u", r->action_seq);
	m->hooks.notice(m->hooks.ctx, NT_ACTION, rpt_verb_names[r->action_verb], seq, rpt_outcome_names[outcome], message);
	mod_publish(m);
}

/* Who asked without waiting for the answer (SNMP) finds it here; an action that runs keeps its place. */
static void
action_refused(struct mod *m, enum rpt_verb verb, const char *by, const char *why)
{
	struct rpt_module *r = &m->report;

	m->hooks.notice(m->hooks.ctx, NT_ACTION, rpt_verb_names[verb], "", rpt_outcome_names[OUT_REFUSED], why);
	if (r->action_outcome == OUT_RUNNING)
		return;
	r->action_seq++;
	r->action_verb = verb;
	r->action_outcome = OUT_REFUSED;
	r->action_begin_ms = r->action_end_ms = m->hooks.wall_ms(m->hooks.ctx);
	str_copy(r->action_by, sizeof(r->action_by), by);
	str_copy(r->action_message, sizeof(r->action_message), why);
	mod_publish(m);
}

/* A settled state was entered: is what was asked for true now? */
static void
action_judge(struct mod *m)
{
	static const struct { int verb; uint64_t good; } want[] = {
		{ VERB_START, BIT(S_ALONE) | BIT(S_PRIM) | BIT(S_SECOND) | BIT(S_UP) | BIT(S_BLOCKED) },
		{ VERB_STOP, BIT(S_STOP) }, { VERB_FORCESTOP, BIT(S_STOP) }, { VERB_SHUTDOWN, BIT(S_STOP) },
		{ VERB_RESTART, BIT(S_ALONE) | BIT(S_PRIM) | BIT(S_SECOND) | BIT(S_UP) },
		{ VERB_STOPSTART, BIT(S_ALONE) | BIT(S_PRIM) | BIT(S_SECOND) | BIT(S_UP) | BIT(S_BLOCKED) },
		{ VERB_SWAP, BIT(S_PRIM) | BIT(S_SECOND) },
		{ VERB_PRIM, BIT(S_ALONE) | BIT(S_PRIM) }, { VERB_SECOND, BIT(S_SECOND) }, { VERB_STOPWAIT, BIT(S_BLOCKED) },
		{ VERB_PRIMFORCE, BIT(S_ALONE) | BIT(S_PRIM) }, { VERB_SECONDFORCE, BIT(S_SECOND) },
	};
	uint64_t settled = BIT(S_STOP) | BIT(S_BLOCKED) | BIT(S_ALONE) | BIT(S_PRIM) | BIT(S_SECOND) | BIT(S_UP);
	char text[SK_TEXT_MAX];
	size_t i;

	if ((settled & BIT(m->state)) == 0 || m->report.action_outcome != OUT_RUNNING || m->deferred != E_NONE)
		return;
	for (i = 0; i < ARRAY_LEN(want); i++) {
		int failures = m->run_failures;

		if (want[i].verb != m->report.action_verb)
			continue;
		snprintf(text, sizeof(text), "%s %s%s", rpt_state_names[m->report.state], rpt_status_names[m->report.status],
		    failures > 0 ? ", some scripts failed" : "");
		action_end(m, (want[i].good & BIT(m->state)) != 0 ? OUT_DONE : OUT_FAILED, text);
	}
}

/* ---- saying ---- */

static void
say_failover(struct mod *m, enum message msg)
{
	mod_say(m, msg);
	str_copy(m->cause, sizeof(m->cause), message_rows[msg].format);
	m->report.failovers++;
	m->hooks.notice(m->hooks.ctx, NT_FAILOVER_BEGIN, "", rpt_state_names[RS_SECOND], rpt_state_names[RS_ALONE], m->cause);
}

static void
say_cause(struct mod *m, enum message msg)
{
	mod_say(m, msg);
	str_copy(m->cause, sizeof(m->cause), message_rows[msg].format);
}

static void
say_acts(struct mod *m, unsigned acts)
{
	if (acts & A_SAY_NOHB)
		say_failover(m, MSG_FAILOVER_NOHB);
	if (acts & A_SAY_REMOTE_STOP)
		say_failover(m, MSG_FAILOVER_STOP);
	if (acts & A_FAILOVER_END)
		m->hooks.notice(m->hooks.ctx, NT_FAILOVER_END, "", rpt_state_names[RS_SECOND], rpt_state_names[RS_ALONE], m->report.reason);
	if (acts & A_SAY_FAILOVER_OFF) {
		say_cause(m, MSG_FAILOVER_OFF);
		mod_say(m, MSG_ACTION_CALLED, "stopstart", "failover-off");
		mod_say(m, MSG_TRANSITION, "STOPSTART", "failover-off");
		m->action_word = "stopstart";
	}
	if (acts & (A_SAY_SPLIT_STAY | A_SAY_SPLIT_EXIT)) {
		bool stay = (acts & A_SAY_SPLIT_STAY) != 0;

		say_cause(m, stay ? MSG_SPLIT_STAY : MSG_SPLIT_EXIT);
		m->hooks.notice(m->hooks.ctx, NT_SPLITBRAIN, m->report.peer, "", stay ? "staying" : "exiting", m->cause);
		m->split_seen = stay;
		if (!stay)
			m->action_word = "stopstart";
	}
	if (acts & A_SAY_INCONSISTENT) {
		mod_say(m, MSG_RFS_INCONSISTENT);
		mod_say(m, MSG_RFS_PRIMFORCE_HINT);
	}
	if (acts & A_SAY_PRIM_ABORTED)
		say_cause(m, MSG_PRIM_ABORTED);
	if (acts & A_SAY_SECOND_ABORTED)
		say_cause(m, MSG_SECOND_ABORTED);
	if (acts & A_SAY_SWAP_SYSTEM)
		mod_say(m, MSG_TRANSITION, "SWAP", "SYSTEM");
	if (acts & A_SAY_SWAP_DEFAULTPRIM)
		mod_say(m, MSG_TRANSITION, "SWAP", "defaultprim");
	if (acts & A_SAY_SWAP_BEGIN) {
		say_cause(m, MSG_BEGIN_SWAP);
		m->action_word = "swap";
	}
	if (acts & A_SAY_SWAP_END)
		say_cause(m, MSG_END_SWAP);
	if (acts & A_SAY_END_OF_STOP)
		mod_say(m, MSG_END_OF_STOP);
	if (acts & A_SAY_AUTO_START) {
		say_cause(m, MSG_ACTION_AUTO);
		m->action_word = "start";
	}
	if (acts & A_SAY_WAKEUP) {
		mod_say(m, MSG_TRANSITION, "WAKEUP", "failover rule Implicit_WAKEUP");
		str_copy(m->cause, sizeof(m->cause), "Transition WAKEUP from failover rule Implicit_WAKEUP");
	}
}

/* ---- doing ---- */

static void
remember_acts(struct mod *m, unsigned acts)
{
	struct mod_record before = m->rec;

	if (acts & (A_GOAL_STOP | A_GOAL_AGAIN | A_GOAL_WAIT))
		m->goal = (int)(acts & (A_GOAL_STOP | A_GOAL_AGAIN | A_GOAL_WAIT));
	if (acts & A_FORGET_FORCED)
		m->forced_prim = m->forced_second = false;
	if (acts & A_FORCE_PRIM)
		m->forced_prim = true, m->forced_second = false;
	if (acts & A_FORCE_SECOND)
		m->forced_second = true, m->forced_prim = false;
	if (acts & (A_FORGET_FORCED | A_FORCE_PRIM | A_FORCE_SECOND))
		mod_rfs_tell_rules(m);
	if (acts & A_ASK)
		m->ask = true;
	if (acts & A_RANK_START)
		m->rank = m->rec.rank;
	if (acts & A_RANK_TAKEOVER)
		m->rank = 1;
	if (acts & A_RANK_PRIM)
		m->rank = 2;
	if (acts & A_LASTPRIM_YES)
		m->rec.lastprim = 1;
	if (acts & A_LASTPRIM_NO)
		m->rec.lastprim = 0;
	if (acts & (A_RANK_START | A_RANK_TAKEOVER | A_RANK_PRIM | A_LASTPRIM_NO))
		m->rec.rank = 0;
	if (memcmp(&before, &m->rec, sizeof(before)) != 0)
		mod_persist(m);
}

/* The only place where the state is written. */
static void
become(struct mod *m, enum fsm_state next)
{
	const struct fsm_state_row *old = &fsm_states[m->state], *new = &fsm_states[next];
	struct rpt_module *r = &m->report;
	bool was_running = m->rec.running;

	mod_rfs_become(m, next);
	m->state = next;
	mod_tell(m);
	m->ask = false;
	if (next == S_TO_SECOND)
		m->autoswap = m->conf.defaultprim == DP_ME || (m->conf.defaultprim == DP_LASTPRIM && m->autoswap);
	else if (next != S_SECOND && next != S_PRESTART && next != S_WAIT && next != S_BLOCKED && next != S_CLAIM && next != S_SYNC)
		m->autoswap = false;
	if (next == S_STOP)	/* where the other server saw us go, whatever it does from now on is newer than what we have */
		m->rec.rank = (mod_conditions(m) & C_KNOWN) == 0 && m->rec.lastprim == 1 ? m->rank : 0;
	m->rec.running = next != S_STOP;
	if (m->rec.running != was_running)
		mod_persist(m);

	if (old->state != new->state || old->status != new->status) {
		mod_say(m, MSG_LOCAL_STATE, rpt_state_names[new->state], rpt_status_names[new->status]);
		r->since_ms = m->hooks.wall_ms(m->hooks.ctx);
	}
	r->state = new->state;
	r->status = new->status;
	if (old->state != new->state || next == S_BLOCKED)	/* what was started and is blocked: that is the news */
		str_copy(r->reason, sizeof(r->reason), m->cause);
	if (old->state != new->state) {
		r->prev_state = old->state;
		r->transitions++;
		mod_own_resource(m, "state.local", rpt_state_names[new->state], "heart");
		m->hooks.notice(m->hooks.ctx, NT_STATE, "", rpt_state_names[old->state], rpt_state_names[new->state], m->cause);
	}
	mod_publish(m);
	action_judge(m);
}

static void
start_plan(struct mod *m, enum fsm_plan plan)
{
	mod_rfs_plan(m, plan);
	m->run_seq = ++m->last_run_seq;
	m->hooks.run(m->hooks.ctx, plan, m->run_seq, m->action_word);
}

/* Returns the row's acts, so that the caller learns of a refusal. */
static unsigned
apply(struct mod *m, enum fsm_event e)
{
	bool missing;
	const struct fsm_row *row = fsm_step(m->conf.mode, m->state, e, &missing);

	if (missing) {
		char text[128];

		snprintf(text, sizeof(text), "event %s has no row in state %s", fsm_event_names[e], fsm_states[m->state].name);
		mod_say(m, MSG_DEBUG, text);
	}
	if (row->acts & A_REFUSE)
		return row->acts;
	if (row->acts & A_DEFER) {
		/* a stop is stronger than a stopstart, that than a stopwait */
		if (m->deferred != E_STOP && !(m->deferred == E_STOPSTART && e == E_STOPWAIT))
			m->deferred = e;
		return row->acts;
	}
	if (row->acts & A_KILL) {
		m->deferred = E_NONE;
		m->run_seq = 0;
		m->hooks.kill(m->hooks.ctx);
	}
	if (e == E_TAKE && m->forced_prim && m->conf.rfs) {
		m->rfs.uptodate = RH_UP;	/* as rfsd will say in a moment */
		m->hooks.rfs_force(m->hooks.ctx, m->rfs.primforce || m->rfs.fullsync_prim);
	}
	remember_acts(m, row->acts);
	say_acts(m, row->acts);
	if (row->acts & A_ASK)
		mod_tell(m);
	if (row->next != SAME)
		become(m, row->next);
	if (row->plan != P_NONE)
		start_plan(m, row->plan);
	return row->acts;
}

/* Whoever looks at a module in WAIT sees what it waits for. */
static void
say_waiting(struct mod *m)
{
	const char *what = m->run_seq == 0 ? mod_waits_for(m) : "";

	if (strcmp(m->waits_for, what) == 0)
		return;
	str_copy(m->waits_for, sizeof(m->waits_for), what);
	if (what[0] == '\0')
		return;
	mod_say(m, MSG_WAITING, what);
	if (m->report.action_outcome == OUT_RUNNING) {
		snprintf(m->report.action_message, sizeof(m->report.action_message), "waits for %s", what);
		mod_publish(m);
	}
}

void
mod_post(struct mod *m, enum fsm_event e)
{
	apply(m, e);
	mod_eval(m);
}

void
mod_eval(struct mod *m)
{
	int i;

	if (m->in_eval)
		return;
	m->in_eval = true;
	for (i = 0; i < EVAL_MAX; i++) {
		enum fsm_event e = E_NONE;

		mod_failover(m);
		mod_rfs_grant(m);
		if (m->deferred != E_NONE && (fsm_step(m->conf.mode, m->state, m->deferred, NULL)->acts & A_DEFER) == 0) {
			e = m->deferred;
			m->deferred = E_NONE;
		} else if (m->run_seq == 0 || ((m->state == S_SYNC || m->state == S_SWAP_SYNC) && m->conf.rfs)) {
			e = fsm_perceive(m->conf.mode, m->state, mod_conditions(m));
		}
		if (e == E_NONE)
			break;
		apply(m, e);
	}
	if (i == EVAL_MAX)
		mod_say(m, MSG_DEBUG, "the state tables do not settle: this is a bug, please report it");
	say_waiting(m);
	m->in_eval = false;
	if (m->send_now)
		mod_beat_all(m);
}

void
mod_script_failed(struct mod *m)
{
	m->report.script_failures++;
	mod_publish(m);
}

void
mod_script_done(struct mod *m, uint32_t seq, int failures, int64_t now)
{
	enum fsm_event e = E_DONE;

	mod_rfs_clock(m, now);
	if (seq == 0 || seq != m->run_seq)
		return;		/* of an act that was given up */
	m->run_seq = 0;
	m->run_failures += failures;
	mod_rfs_acked(m);
	switch (m->state) {
	case S_LEAVE_ALONE: case S_LEAVE_PRIM: case S_LEAVE_SECOND: case S_LEAVE_UP: case S_FORCE: case S_FORCE_HELD: case S_POSTSTOP:
		e = m->goal == A_GOAL_AGAIN ? E_DONE_AGAIN : m->goal == A_GOAL_WAIT ? E_DONE_WAIT : E_DONE_STOP;
		break;
	default:
		break;
	}
	apply(m, e);
	mod_eval(m);
}

/* ---- operators ---- */

bool
mod_pair_ready(const struct mod *m)
{
	unsigned c = mod_conditions(m);

	return m->state == S_PRIM ? (c & (C_PSECOND | C_PSTABLE)) == (C_PSECOND | C_PSTABLE)
	    : m->state == S_SECOND ? (c & (C_PHELD | C_PSTABLE | C_PACCEPT)) == (C_PHELD | C_PSTABLE) : true;
}

static bool
counted(enum rpt_verb verb)
{
	return verb == VERB_RESTART || verb == VERB_STOPSTART || verb == VERB_STOPWAIT;
}

static const char *
transition_name(enum rpt_verb verb)
{
	return verb == VERB_STOPWAIT ? "WAIT_TR" : verb == VERB_STOPSTART ? "STOPSTART" : verb == VERB_RESTART ? "RESTART" :
	    verb == VERB_SWAP ? "SWAP" : "STOP";
}

/* Who asked, in the log and as the cause of what follows */
static void
say_who(struct mod *m, enum rpt_verb verb, const char *by, const char *rule)
{
	if (rule != NULL) {
		const char *word = verb == VERB_STOPWAIT ? "wait" : rpt_verb_names[verb];
		char from[SK_TEXT_MAX];

		snprintf(from, sizeof(from), "failover rule %s", rule);
		mod_say(m, MSG_ACTION_RULE, word, rule);
		mod_say(m, MSG_TRANSITION, transition_name(verb), from);
		snprintf(m->cause, sizeof(m->cause), "Action %s from failover rule %s", word, rule);
	} else if (strcmp(by, "boot") == 0) {
		mod_say(m, MSG_ACTION_BOOT);
		str_copy(m->cause, sizeof(m->cause), message_rows[MSG_ACTION_BOOT].format);
	} else {
		mod_say(m, MSG_ACTION_CALLED, rpt_verb_names[verb], by);
		snprintf(m->cause, sizeof(m->cause), "Action %s called by %s", rpt_verb_names[verb], by);
	}
}

static bool
begins_as_prim(enum rpt_verb verb)
{
	return verb == VERB_PRIM || verb == VERB_PRIMFORCE;
}

static bool
begins_as_second(enum rpt_verb verb)
{
	return verb == VERB_SECOND || verb == VERB_SECONDFORCE;
}

static uint32_t
take_action(struct mod *m, enum rpt_verb verb, const char *by, const char *identity, const char *rule, char *err, size_t errsize)
{
	struct rpt_module *r = &m->report;
	enum fsm_event e = verb > VERB_NONE && verb < VERB_COUNT ? verb_events[verb] : E_NONE;
	enum fsm_state before = m->state;
	char last[sizeof(m->cause)];
	struct mod_options options = m->options;
	unsigned acts;

	m->options = (struct mod_options){ false };
	if (e == E_NONE) {
		snprintf(err, errsize, "not an action");
		return 0;
	}
	if ((fsm_step(m->conf.mode, m->state, e, NULL)->acts & A_REFUSE) != 0 || (verb == VERB_SWAP && !mod_pair_ready(m))) {
		snprintf(err, errsize, "%s is not possible in state %s %s%s", rpt_verb_names[verb], rpt_state_names[r->state],
		    rpt_status_names[r->status], verb == VERB_SWAP && (before == S_PRIM || before == S_SECOND) ?
		    ": the other server is not ready" : begins_as_prim(verb) || begins_as_second(verb) ? ": stop the module first" : "");
		mod_say(m, MSG_ACTION_REFUSED, rpt_verb_names[verb], err);
		action_refused(m, verb, by, err);
		return 0;
	}
	action_end(m, OUT_SUPERSEDED, "another action came");
	/* An administrator's command resets the counter (user's guide 13.2); the end and the start of the server are not commands: with
	 * automatic_reboot they are part of the loop that maxloop is to end. */
	if (identity == NULL && verb != VERB_SHUTDOWN && strcmp(by, "boot") != 0)
		mod_loop(m, LOOP_RESET);
	say_who(m, verb, by, rule);
	if (identity != NULL && counted(verb) && mod_loop(m, LOOP_INC)) {
		mod_say(m, MSG_STOPPING_LOOP);
		str_copy(last, sizeof(last), m->cause);		/* the module says why it stopped; the log has both */
		snprintf(m->cause, sizeof(m->cause), "Stopping loop: %.*s", (int)sizeof(m->cause) - 16, last);
		m->hooks.notice(m->hooks.ctx, NT_MAXLOOP, rpt_verb_names[verb], "", identity, "Stopping loop");
		verb = VERB_STOP;
		e = E_STOP;
	} else if (identity != NULL && verb == VERB_STOPSTART && m->conf.automatic_reboot) {
		/* instead of stopping and starting (user's guide 13.2): the application is stopped, so that the other server takes over at
		 * once, and the server boots; start at boot, or boot="auto", brings the module back */
		mod_say(m, MSG_REBOOT, m->cause);
		m->hooks.reboot(m->hooks.ctx);
		verb = VERB_SHUTDOWN;
		e = E_STOP;
	}
	r->action_seq++;
	r->action_verb = verb;
	r->action_outcome = OUT_RUNNING;
	r->action_begin_ms = m->hooks.wall_ms(m->hooks.ctx);
	r->action_end_ms = 0;
	str_copy(r->action_by, sizeof(r->action_by), by);
	r->action_message[0] = '\0';
	m->run_failures = 0;
	if (verb == VERB_START || begins_as_prim(verb) || begins_as_second(verb) || verb == VERB_STOPSTART)
		m->rec.wanted = true;
	else if (verb == VERB_STOP || verb == VERB_FORCESTOP)
		m->rec.wanted = false;
	mod_persist(m);
	if (begins_as_prim(verb) && m->rec.split_out)
		mod_split_found(m);	/* the administrator knows better (user's guide 13.17) */
	if (verb == VERB_STOPWAIT && rule == NULL) {
		m->hold = true;
		m->wake_ms = m->now + (m->conf.period_ms > 0 ? m->conf.period_ms : FAILOVER_PERIOD_MS);
	} else if (verb == VERB_STOP || verb == VERB_FORCESTOP || verb == VERB_SHUTDOWN) {
		m->hold = false;
		m->wake_ms = 0;
	}
	if (m->state == S_STOP)
		m->autoswap = m->rec.lastprim == 1;	/* for defaultprim="lastprim": were we primary before the last stop */
	mod_rfs_wish(m, verb, &options);
	m->action_word = begins_as_prim(verb) || begins_as_second(verb) ? "start" : verb == VERB_FORCESTOP || verb == VERB_SHUTDOWN ? "stop" :
	    rpt_verb_names[verb];
	acts = apply(m, e);
	if ((acts & A_DEFER) != 0)
		mod_say(m, MSG_ACTION_DEFERRED, rpt_verb_names[verb], m->run_seq != 0 ? "the scripts that run" : "the hand-over");
	mod_publish(m);
	/* nothing to do: it is true already */
	if (m->state == before && (acts & (A_DEFER | A_ASK)) == 0 && m->run_seq == 0)
		action_judge(m);
	mod_eval(m);
	return r->action_seq;
}

void
mod_break_off(struct mod *m, bool again, const char *why)
{
	const struct fsm_row *stop = fsm_step(m->conf.mode, m->state, E_STOP, NULL);
	/* on its way to STOP already; a goal from before counts for nothing where a stop would be kept for later */
	bool stops = m->deferred == E_STOP || (m->goal == A_GOAL_STOP && stop->next == SAME && (stop->acts & A_DEFER) == 0);
	bool restart = again && !stops && !mod_loop(m, LOOP_INC);

	if (again && !stops && !restart) {
		mod_say(m, MSG_STOPPING_LOOP);
		m->hooks.notice(m->hooks.ctx, NT_MAXLOOP, "stopstart", "", "rfs", "Stopping loop");
	}
	action_end(m, OUT_FAILED, why);
	apply(m, E_FORCESTOP);
	if (restart)
		apply(m, E_STOPSTART);
	mod_eval(m);
}

uint32_t
mod_action(struct mod *m, enum rpt_verb verb, const char *by, const char *identity, int64_t now, char *err, size_t errsize)
{
	mod_rfs_clock(m, now);
	return take_action(m, verb, by, identity, NULL, err, errsize);
}

uint32_t
mod_rule_action(struct mod *m, enum rpt_verb verb, const char *label)
{
	char err[SK_TEXT_MAX], by[SK_NAME_MAX];

	snprintf(by, sizeof(by), "rule %s", label);
	return take_action(m, verb, by, label, label, err, sizeof(err));
}

bool
mod_set_failover(struct mod *m, bool on, const char *by, char *err, size_t errsize)
{
	if (m->conf.mode != MODE_MIRROR) {
		snprintf(err, errsize, "failover is for mirror modules");
		return false;
	}
	if (m->state != S_ALONE && m->state != S_PRIM && m->state != S_SECOND && m->state != S_BLOCKED && m->state != S_WAIT) {
		snprintf(err, errsize, "failover can be set in a stable state (ALONE, PRIM, SECOND, WAIT), not in %s %s",
		    rpt_state_names[m->report.state], rpt_status_names[m->report.status]);
		return false;
	}
	m->rec.failover = on;
	m->report.failover = on;
	mod_tell(m);
	mod_persist(m);
	mod_say(m, MSG_FAILOVER_SET, on ? "on" : "off", by);
	mod_own_resource(m, "usersetting.failover", on ? "on" : "off", by);
	mod_publish(m);
	mod_eval(m);
	return true;
}

void
mod_set_watch(struct mod *m, bool errd, bool on, const char *by)
{
	*(errd ? &m->rec.errd_off : &m->rec.checkers_off) = !on;
	mod_persist(m);
	mod_say(m, errd ? MSG_ERRD_SET : MSG_CHECKER_SET, on ? "on" : "off", by);
	mod_own_resource(m, errd ? "usersetting.errd" : "usersetting.checker", on ? "on" : "off", by);
}

void
mod_set_boot(struct mod *m, int boot)
{
	m->conf.boot = boot;
	m->report.boot = boot;
	mod_own_resource(m, "usersetting.boot", rpt_boot_names[boot], "heart");
	mod_publish(m);
}

bool
mod_loop(struct mod *m, enum mod_loop what)
{
	struct mod_record *rec = &m->rec;
	int64_t wall = m->hooks.wall_ms(m->hooks.ctx);
	int i, keep = 0;

	if (what == LOOP_RESET && rec->loops == 0)
		return false;
	/* forget what lies outside the interval; a clock that went back makes "in the future" mean "now" */
	for (i = 0; i < rec->loops; i++) {
		if (rec->loop_ms[i] > wall)
			rec->loop_ms[i] = wall;
		if (wall - rec->loop_ms[i] < m->conf.loop_interval_ms && what != LOOP_RESET)
			rec->loop_ms[keep++] = rec->loop_ms[i];
	}
	rec->loops = keep;
	if (what == LOOP_INC && m->conf.loop_interval_ms > 0) {
		if (rec->loops == MOD_LOOP_MAX + 1) {
			memmove(rec->loop_ms, rec->loop_ms + 1, sizeof(rec->loop_ms[0]) * MOD_LOOP_MAX);
			rec->loops--;
		}
		rec->loop_ms[rec->loops++] = wall;
	}
	if (what != LOOP_CHECK)
		mod_persist(m);
	m->report.loop_count = (uint32_t)rec->loops;
	mod_publish(m);
	/* maxloop="3": the fourth error within the interval stops the module (user's guide 4.4, 7.10) */
	return m->conf.loop_interval_ms > 0 && rec->loops > m->conf.maxloop;
}
