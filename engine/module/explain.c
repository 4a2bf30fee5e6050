/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.c: why a module is where it is, as data: its state and cause, the rules and what they see, what holds it, what is about to
 * happen and what would release it.  The words for people are the CLI's.
 *
 * Called by: heart, for "safekit explain".  Never does: change anything.
 */
#include "config.h"
#include "conf/conf.h"
#include "module/module.h"
#include "module/internal.h"

#include <stdio.h>
#include <string.h>

#define RESOURCES_MAX	20	/* told for one reference with a wildcard (ours) */

static const char *const value_names[] = { [RULE_FALSE] = "false", [RULE_TRUE] = "true", [RULE_UNDECIDED] = "undecided" };
static const char *const origin_names[] = { [RULES_USER] = "user", [RULES_GENERATED] = "generated", [RULES_DEFAULT] = "default" };

struct search { const struct mod_lookup *lookup; const char *ref; json_t *found; };

/* ref: class.id, either may be "?" or "*" */
static bool
matches(const char *ref, const char *name)
{
	const char *rdot = strchr(ref, '.'), *ndot = strchr(name, '.');
	bool any_class, any_id;

	if (rdot == NULL || ndot == NULL)
		return false;
	any_class = rdot == ref + 1 && (ref[0] == '?' || ref[0] == '*');
	any_id = (rdot[1] == '?' || rdot[1] == '*') && rdot[2] == '\0';
	return (any_class || (rdot - ref == ndot - name && strncmp(ref, name, (size_t)(rdot - ref)) == 0)) &&
	    (any_id || strcmp(rdot, ndot) == 0);
}

static void
consider(void *arg, const char *name)
{
	struct search *s = arg;
	json_t *r;

	if (!matches(s->ref, name) || json_array_size(s->found) >= RESOURCES_MAX)
		return;
	r = s->lookup->resource(s->lookup->ctx, name);
	if (r != NULL)
		json_array_append_new(s->found, r);
}

static json_t *
healths_of(unsigned healths)
{
	json_t *list = json_array();
	int i;

	for (i = 0; i < RH_COUNT; i++)
		if ((healths & 1u << i) != 0)
			json_array_append_new(list, json_string(rpt_health_names[i]));
	return list;
}

struct refs { const struct mod_lookup *lookup; json_t *list; };

static void
add_ref(void *ctx, const char *ref, bool remote, unsigned healths)
{
	struct refs *r = ctx;
	struct search s = { r->lookup, strncmp(ref, "local.", 6) == 0 ? ref + 6 : ref, json_array() };

	if (!remote)
		r->lookup->each(r->lookup->ctx, consider, &s);
	json_array_append_new(r->list, json_pack("{s:s,s:b,s:o,s:o}", "ref", ref, "remote", remote, "healths", healths_of(healths), "resources",
	    s.found));
}

static json_t *
explain_rules(const struct mod *m, const struct mod_lookup *l)
{
	json_t *list = json_array();
	int i;

	for (i = 0; m->fo.rules != NULL && i < rules_count(m->fo.rules); i++) {
		const struct rule_row *row = rules_row(m->fo.rules, i);
		struct refs refs = { l, json_array() };

		rules_refs(m->fo.rules, i, add_ref, &refs);
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:o}", "label", row->label, "text", row->text, "origin",
		    origin_names[row->origin], "order", rule_order_names[row->order], "value", value_names[m->fo.value[i]], "since_ms",
		    (json_int_t)m->fo.since_wall_ms[i], "names", refs.list));
	}
	return list;
}

/* What is not well, or of which something is known, whether a rule looks at it or not */
static void
consider_ill(void *arg, const char *name)
{
	struct search *s = arg;
	const char *value;
	json_t *r;

	if (json_array_size(s->found) >= RESOURCES_MAX || strncmp(name, "heartbeat.", 10) == 0)
		return;
	r = s->lookup->resource(s->lookup->ctx, name);
	value = json_string_value(json_object_get(r, "value"));
	if (value != NULL && strcmp(value, rpt_health_names[RH_UP]) != 0 && (strcmp(value, rpt_health_names[RH_DOWN]) == 0 ||
	    json_string_length(json_object_get(r, "why")) > 0))
		json_array_append(s->found, r);
	json_decref(r);
}

static json_t *
explain_ill(const struct mod_lookup *l)
{
	struct search s = { l, "", json_array() };

	l->each(l->ctx, consider_ill, &s);
	return s.found;
}

static json_t *
explain_candidate(const struct mod *m, int64_t now)
{
	const struct mod_failover *f = &m->fo;
	int64_t wall = m->hooks.wall_ms(m->hooks.ctx), due = mod_failover_due(m);

	if (f->rules == NULL || f->candidate == NO_RULE)
		return json_null();
	return json_pack("{s:s,s:s,s:I,s:I}", "label", f->candidate == WAKE_RULE ? "Implicit_WAKEUP" : rules_row(f->rules, f->candidate)->label,
	    "order", f->candidate == WAKE_RULE ? "wakeup" : rule_order_names[rules_row(f->rules, f->candidate)->order], "since_ms",
	    (json_int_t)(wall - (now - f->candidate_ms)), "due_ms", (json_int_t)(wall + (due > now ? due - now : 0)));
}

static json_t *
explain_hold(const struct mod *m)
{
	const struct mod_failover *f = &m->fo;
	const char *label = f->rules != NULL && f->hold_rule >= 0 ? rules_row(f->rules, f->hold_rule)->label : "";

	if (f->hold == HOLD_RULE || f->hold == HOLD_PENDING)
		return json_pack("{s:s,s:s,s:I}", "by", f->hold == HOLD_PENDING ? "pending" : m->rec.split_out && f->hold_rule >= 0 &&
		    f->at_once[f->hold_rule] ? "splitbrain" : "rule", "label", label, "since_ms", (json_int_t)f->hold_wall_ms);
	if (m->hold)
		return json_pack("{s:s,s:s,s:I}", "by", "stopwait", "label", "", "since_ms", (json_int_t)m->report.since_ms);
	return json_null();
}

static void
add_text(json_t *list, const char *text)
{
	json_array_append_new(list, json_string(text));
}

static void
release_waiting(const struct mod *m, json_t *list)
{
	const struct mod_failover *f = &m->fo;
	unsigned c = mod_conditions(m);
	char text[2 * SK_TEXT_MAX];
	int64_t ms;

	if (f->hold == HOLD_RULE && f->rules != NULL && f->hold_rule >= 0) {
		ms = m->conf.period_ms > 0 ? m->conf.handle_ms : FAILOVER_HANDLE_MS;
		snprintf(text, sizeof(text), "when the condition of rule %s is no longer true for %lld %s, the module goes on by itself",
		    rules_row(f->rules, f->hold_rule)->label, (long long)(ms % 1000 == 0 ? ms / 1000 : ms), ms % 1000 == 0 ? "seconds" : "ms");
		add_text(list, text);
	}
	if (f->hold == HOLD_PENDING)
		add_text(list, "when the checkers that the rule names have said up or down");
	if (m->rec.split_out)
		add_text(list, "when a heartbeat of the other server is received; or, if the other server is really down: safekit stop, then safekit prim");
	else if ((c & (C_LOST | C_NOWITNESS)) == (C_LOST | C_NOWITNESS))
		add_text(list, "when the other server or the splitbrain witness answers; or safekit stop, then safekit prim");
	if (m->hold)
		add_text(list, "the end of stopwait, a few seconds after it was ordered");
	if ((c & C_NOBID) != 0 && !mod_rfs_eligible(m))
		add_text(list, "when the other server, which has newer data, is primary; or, if this server's data is to count: safekit stop, then safekit prim");
	else if ((c & C_NOBID) != 0)
		add_text(list, "when the other server is primary; or safekit stop, then safekit prim (failover is off)");
}

static json_t *
explain_release(const struct mod *m)
{
	json_t *list = json_array();

	if (m->state == S_STOP)
		add_text(list, m->report.loop_count > (uint32_t)m->conf.maxloop ? "repair the cause, then safekit start (it resets the maxloop counter)" :
		    "safekit start");
	else if (m->report.state == RS_WAIT)
		release_waiting(m, list);
	return list;
}

json_t *
mod_explain(const struct mod *m, int64_t now, const struct mod_lookup *l)
{
	const struct rpt_module *r = &m->report;

	return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:s,s:s,s:{s:I,s:I},s:o,s:o,s:o,s:o,s:{s:s,s:s,s:s,s:b},s:o}", "module", r->name, "state",
	    rpt_state_names[r->state], "status", rpt_status_names[r->status], "since_ms", (json_int_t)r->since_ms, "reason", r->reason, "goal",
	    fsm_states[m->state].meaning, "waits_for", mod_waits_for(m), "checkers", m->rec.checkers_off ? "off" : "on", "errd",
	    m->rec.errd_off ? "off" : "on", "loop", "count", (json_int_t)r->loop_count, "max", (json_int_t)r->loop_max, "rules",
	    explain_rules(m, l), "ill", explain_ill(l), "candidate", explain_candidate(m, now), "hold", explain_hold(m), "peer", "node", r->peer, "state",
	    rpt_state_names[r->peer_state], "status", rpt_status_names[r->peer_status], "heard", m->peer.view == BEAT_KNOWN, "release",
	    explain_release(m));
}
