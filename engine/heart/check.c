/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c: what is watched beside the scripts: checkd's life along the module's, the values it tells, the compiled rules.
 *
 * Before scripts run that stop something, what watches it is turned off and has said its last word (checkd acknowledges): the end of a
 * process that stop_prim ends is no error.  After scripts that start something it is turned on.  heart/plan.c has the order.
 */
#include "config.h"
#include "heart/heart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKER_CLASSES	((1u << WHEN_COUNT) - 1)

/* ---- resources ---- */

static bool
is_proc(const char *name)
{
	return strncmp(name, "proc.", strlen("proc.")) == 0;
}

/* Is this resource's checker at work?  What is not watched is unknown to the rules; what is and has said nothing yet is init. */
static bool
is_on(const char *name, const json_t *row)
{
	unsigned when = (unsigned)json_integer_value(json_object_get(row, "when"));

	return (H.classes & 1u << when) != 0 && !(is_proc(name) ? H.mod.rec.errd_off : H.mod.rec.checkers_off);
}

static void
assign(const char *name, const char *value, const char *by)
{
	const json_t *row = json_object_get(H.watched, name);
	int health = rpt_health_of(value);

	if (health == RH_INIT && row != NULL && !is_on(name, row))
		health = RH_UNKNOWN;
	mod_resource(&H.mod, name, value, health, json_is_true(json_object_get(row, "own")), by);
}

static const char *
value_of(const char *name)
{
	const char *v = json_string_value(json_object_get(json_object_get(H.resources, name), "value"));

	return v != NULL ? v : "";
}

void
heart_set(const char *name, const char *value, const char *by, const char *why)
{
	char before[SK_VALUE_MAX], text[SK_TEXT_MAX];
	int health = rpt_health_of(value);

	str_copy(before, sizeof(before), value_of(name));
	assign(name, value, by);
	json_object_set_new(json_object_get(H.notes, name), "why", json_string(why));
	if (strcmp(before, value) == 0)
		return;
	snprintf(text, sizeof(text), "Resource %s set to %s by %s", name, value, by);
	heart_log(health == RH_OTHER || health == RH_INIT ? MSG_RESOURCE_INFO : MSG_RESOURCE, by, text);
	if (health != RH_INIT)
		heart_notice(NT_RESOURCE, name, before, value, text);
	if (why[0] != '\0') {
		snprintf(text, sizeof(text), "Checker %s: %s", name, why);
		heart_log(MSG_CHECK_WHY, by, text);
	}
}

/* Everything of these classes begins or ends, processes or what checkers look at: no verdict */
static void
set_init(unsigned classes, bool checkers, bool procs)
{
	const char *name;
	json_t *row;

	json_object_foreach(H.watched, name, row)
		if ((is_proc(name) ? procs : checkers) && (classes & 1u << json_integer_value(json_object_get(row, "when"))) != 0)
			assign(name, "init", json_string_value(json_object_get(row, "by")));
}

/* ---- checkd ---- */

static void
on_resource(void *ctx, const char *name, const char *value, const char *by, const char *why)
{
	const json_t *row = json_object_get(H.watched, name);

	/* of a configuration before, or too late */
	if (row == NULL || value[0] == '\0' || strlen(value) >= SK_VALUE_MAX || (!is_on(name, row) && strcmp(value, "init") != 0 &&
	    json_integer_value(json_object_get(row, "when")) != WHEN_OTHER))
		return;
	heart_set(name, value, by, why);
	mod_settle(&H.mod, clock_mono_ms());
	heart_rearm();
}

static void
on_action(void *ctx, const char *verb, const char *by, const char *identity)
{
	char err[SK_TEXT_MAX];
	int v = rpt_lookup(rpt_verb_names, VERB_COUNT, verb);

	/* scripts run: what was seen is about what they have stopped, or have yet to start */
	if (v <= VERB_NONE || !mod_settled(&H.mod))
		return;
	mod_action(&H.mod, (enum rpt_verb)v, by, identity[0] != '\0' ? identity : by, clock_mono_ms(), err, sizeof(err));
	heart_rearm();
}

void
heart_say(unsigned key, const char *origin, const char *text)
{
	int i;

	for (i = 0; i < MSG_COUNT && message_rows[i].key != key; i++)
		;
	heart_log(i < MSG_COUNT ? (enum message)i : MSG_USER_I, origin, text);
}

static void
on_log(void *ctx, unsigned key, const char *origin, const char *text)
{
	heart_say(key, origin, text);
}

/* checkd is gone, with what it was asked */
static void
refuse_asked(void)
{
	const char *number;
	json_t *order;
	void *tmp;

	json_object_foreach_safe(H.asked, tmp, number, order) {
		heart_reply(order, false, "refused", "the process checkd has ended: try again", NULL);
		json_object_del(H.asked, number);
	}
}

static void
on_reply(void *ctx, uint32_t id, json_t *answer)
{
	char number[16];
	json_t *order, *procs = json_object_get(answer, "procs");
	const char *message = json_string_value(json_object_get(answer, "message"));

	if (answer == NULL) {
		refuse_asked();
		return;
	}
	snprintf(number, sizeof(number), "%u", id);
	order = json_incref(json_object_get(H.asked, number));
	if (order == NULL)
		return;
	json_object_del(H.asked, number);
	heart_reply(order, json_is_true(json_object_get(answer, "ok")), "refused", message != NULL ? message : "", procs != NULL ?
	    json_pack("{s:O}", "procs", procs) : NULL);
	json_decref(order);
}

static void
on_acked(void *ctx)
{
	H.ack_waits = false;
	heart_plan_go();
}

static void
on_died(void *ctx, const char *how)
{
	char text[SK_TEXT_MAX];
	const char *name;
	json_t *row;

	snprintf(text, sizeof(text), "Process checkd ended unexpectedly (%s): checkers are unknown until it is started again", how);
	heart_log(MSG_CHECKD_DIED, "heart", text);
	json_object_foreach(H.watched, name, row)
		if (is_on(name, row))
			assign(name, "unknown", "heart");
	mod_settle(&H.mod, clock_mono_ms());
	heart_rearm();
}

static json_t *
setup_line(void)
{
	const char *am = H.setup.mod.name;
	char bin[512], var[512];

	path_format(bin, sizeof(bin), "%s/private/modules/%s/bin", path_safe(), am);
	path_format(var, sizeof(var), "%s/modules/%s", path_safevar(), am);
	return json_pack("{s:s,s:s,s:i,s:s,s:s,s:s,s:o}", "op", "setup", "module", am, "id", (int)H.setup.mod.id, "node",
	    H.setup.mod.nodes[H.setup.mod.self], "bin", bin, "var", var, "config", conf_module_to_json(&H.setup.conf));
}

static void
tell_classes(void)
{
	if (watch_classes(H.watch, H.classes, !H.mod.rec.checkers_off, !H.mod.rec.errd_off))
		H.ack_waits = true;
}

static void
tell_witness(void)
{
	int64_t ms = INT64_MAX;
	int i;

	if (H.mod.conf.witness[0] == '\0')
		return;
	/* when the heartbeats are found lost, the witness has been asked since they stopped: two pings within the shortest timeout */
	for (i = 0; i < H.mod.conf.hb_count; i++)
		if (H.mod.conf.hb[i].timeout_ms / 4 < ms)
			ms = H.mod.conf.hb[i].timeout_ms / 4;
	watch_tell(H.watch, json_pack("{s:s,s:I}", "op", "witness", "ms", (json_int_t)ms));
}

void
heart_check_start(void)
{
	if (json_object_size(H.watched) == 0)
		return;
	tell_witness();
	watch_start(H.watch, setup_line());
}

void
heart_check_off(enum fsm_plan plan)
{
	unsigned off = fsm_plan_off(plan) & H.classes;

	if (off == 0)
		return;
	H.classes &= ~off;
	tell_classes();
	set_init(off, true, true);
}

bool
heart_check_waits(void)
{
	return H.ack_waits;
}

void
heart_check_on(enum fsm_plan plan)
{
	unsigned on = fsm_plan_on(plan) & ~H.classes;

	if (on == 0)
		return;
	H.classes |= on;
	set_init(on, true, true);
	tell_classes();
}

void
heart_check_stopped(void)
{
	if (H.classes == 0 && !watch_running(H.watch))
		return;
	H.classes = 0;
	watch_stop(H.watch);
	set_init(CHECKER_CLASSES, true, true);
}

void
heart_watch_set(bool errd, bool on, const char *by)
{
	bool was = !(errd ? H.mod.rec.errd_off : H.mod.rec.checkers_off);

	mod_set_watch(&H.mod, errd, on, by);
	if (on == was)
		return;		/* and checkd has nothing to say anew */
	set_init(CHECKER_CLASSES, !errd, errd);
	tell_classes();
	mod_settle(&H.mod, clock_mono_ms());
}

bool
heart_ask_checkd(json_t *order, json_t *what)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", ++H.asked_last);
	json_object_set_new(what, "id", json_integer(H.asked_last));
	if (!watch_ask(H.watch, what))
		return false;
	json_object_set(H.asked, number, order);
	return true;
}

/* ---- configuration ---- */

static void
watch_row(const char *class_name, const char *ident, int when, bool own, const char *by)
{
	char name[SK_RES_MAX];

	snprintf(name, sizeof(name), "%s.%s", class_name, ident);
	json_object_set_new(H.watched, name, json_pack("{s:i,s:b,s:s}", "when", when, "own", own, "by", by));
}

static void
list_watched(void)
{
	const struct conf_module *c = &H.setup.conf;
	int i;

	for (i = 0; i < c->checks_count; i++) {
		const struct conf_check *k = &c->checks[i];

		watch_row(conf_check_classes[k->kind], k->ident, k->when, k->action != DO_DEFAULT, k->kind == CHECK_CUSTOM ? "heart" :
		    conf_check_origins[k->kind]);
	}
	for (i = 0; i < c->procs_count; i++)
		watch_row("proc", c->procs[i].name, c->procs[i].when, c->procs[i].action != DO_DEFAULT, "errd");
}

static struct rules *
compile_rules(void)
{
	struct rules_part parts[CONF_RULES_MAX];
	struct rules_error err;
	struct rules *r;
	char text[SK_TEXT_MAX];
	int i;

	for (i = 0; i < H.setup.conf.rules_count; i++) {
		const struct conf_rules *c = &H.setup.conf.rules[i];

		parts[i] = (struct rules_part){ c->text, c->line, c->column, c->origin };
	}
	r = rules_compile(parts, i, &err);
	if (r == NULL) {	/* safekit config has compiled them: only without memory */
		snprintf(text, sizeof(text), "Configuration refused: failover rules, line %d, column %d: %.*s", err.line, err.column,
		    SK_TEXT_MAX / 2, err.text);
		heart_log(MSG_CONFIG_REFUSED, "heart", text);
	}
	return r;
}

void
heart_resource_gone(const char *name)
{
	if (H.rules != NULL)
		rules_remove(H.rules, name);
	uplink_send(H.up, json_pack("{s:s}", "resource-gone", name), false);
	json_object_del(H.notes, name);
	json_object_del(H.resources, name);	/* last: name may be its own key */
}

static bool
is_stale(const char *name, const json_t *before)
{
	int i;

	if (strncmp(name, "heartbeat.", strlen("heartbeat.")) == 0) {
		for (i = 0; i < H.mod.conf.hb_count; i++)
			if (strcmp(name + strlen("heartbeat."), H.mod.conf.hb[i].ident) == 0)
				return false;
		return true;
	}
	return json_object_get(before, name) != NULL && json_object_get(H.watched, name) == NULL;
}

void
heart_check_setup(void)
{
	struct rules *old = H.rules;
	const char *name;
	json_t *row, *before = H.watched;
	void *next;

	H.watched = json_object();
	list_watched();
	H.rules = compile_rules();
	mod_set_rules(&H.mod, H.rules);
	rules_free(old);
	/* what is known already, then what is new */
	json_object_foreach_safe(H.resources, next, name, row) {
		if (is_stale(name, before))
			heart_resource_gone(name);
		else if (json_object_get(H.watched, name) == NULL && H.rules != NULL)
			rules_set(H.rules, name, rpt_health_of(value_of(name)), false);
	}
	json_object_foreach(H.watched, name, row)
		if (value_of(name)[0] == '\0')
			assign(name, "init", json_string_value(json_object_get(row, "by")));
		else
			assign(name, value_of(name), json_string_value(json_object_get(row, "by")));
	json_decref(before);
	if (H.mod.state == S_STOP)
		return;
	if (json_object_size(H.watched) == 0) {
		watch_stop(H.watch);
		return;
	}
	heart_check_start();
	tell_classes();
}

/* ---- explain ---- */

static json_t *
look_up(void *ctx, const char *name)
{
	const json_t *r = json_object_get(H.resources, name), *note = json_object_get(H.notes, name);

	if (r == NULL)
		return NULL;
	return json_pack("{s:s,s:O,s:O*,s:O,s:O*}", "name", name, "value", json_object_get(r, "value"), "since_ms",
	    json_object_get(note, "since_ms"), "by", json_object_get(r, "by"), "why", json_object_get(note, "why"));
}

static void
each_name(void *ctx, void (*fn)(void *arg, const char *name), void *arg)
{
	const char *name;
	json_t *r;

	json_object_foreach(H.resources, name, r)
		fn(arg, name);
}

json_t *
heart_explain(void)
{
	static const struct mod_lookup lookup = { NULL, look_up, each_name };
	json_t *all = mod_explain(&H.mod, clock_mono_ms(), &lookup), *rfs = heart_rfs_explain();

	if (rfs != NULL)
		json_object_set_new(all, "rfs", rfs);
	return all;
}

/* ---- life ---- */

bool
heart_check_init(const char *am)
{
	static const struct watch_hooks hooks = { NULL, on_resource, on_action, on_log, on_reply, on_acked, on_died };
	char program[512];

	path_format(program, sizeof(program), "%s/private/bin/checkd", path_safe());
	H.watched = json_object();
	H.asked = json_object();
	H.watch = watch_new(H.loop, program, am, &hooks);
	return H.watch != NULL && H.watched != NULL && H.asked != NULL;
}

void
heart_check_free(void)
{
	watch_free(H.watch);
	mod_set_rules(&H.mod, NULL);
	rules_free(H.rules);
	json_decref(H.watched);
	json_decref(H.asked);
}
