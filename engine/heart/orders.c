/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orders.c: what safeadmin passes on from operators, scripts and checkers: one function an order. */
#include "config.h"
#include "heart/heart.h"

#include <stdio.h>
#include <string.h>

#define RESOURCES_MAX	4096	/* of a module (ours) */

void
heart_reply(const json_t *order, bool ok, const char *code, const char *message, json_t *more)
{
	json_t *r = json_pack("{s:O?,s:b}", "id", json_object_get(order, "id"), "ok", ok);

	if (!ok) {
		json_object_set_new(r, "code", json_string(code));
		json_object_set_new(r, "message", json_string(message));
	}
	json_object_update(r, more);
	json_decref(more);
	uplink_send(H.up, r, false);
}

static const char *
member(const json_t *obj, const char *name, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : otherwise;
}

static void
order_action(const json_t *o)
{
	char err[SK_TEXT_MAX] = "";
	const char *by = member(o, "by", "unknown");
	int verb = rpt_lookup(rpt_verb_names, VERB_COUNT, member(o, "verb", ""));
	uint32_t seq = 0;

	if (verb <= VERB_NONE) {
		snprintf(err, sizeof(err), "no such action: %.64s", member(o, "verb", ""));
		heart_reply(o, false, "usage", err, NULL);
		return;
	}
	seq = mod_action(&H.mod, verb, by, json_string_value(json_object_get(o, "identity")), clock_mono_ms(), err, sizeof(err));
	heart_reply(o, seq != 0, "refused", err, seq != 0 ? json_pack("{s:I}", "seq", (json_int_t)seq) : NULL);
}

static void
order_setup(const json_t *o)
{
	json_t *setup = json_object_get(o, "setup");
	const char *code = NULL;
	char err[SK_TEXT_MAX];
	bool ok = heart_apply(setup, &code, err, sizeof(err));

	json_decref(H.pending);
	H.pending = !ok && strcmp(code, "refused") == 0 ? json_incref(setup) : NULL;
	heart_reply(o, ok, code, err, NULL);
}

static void
order_set(const json_t *o)
{
	const char *name = member(o, "resource", ""), *value = member(o, "value", "");

	if (strchr(name, '.') == NULL || name[strcspn(name, "*? \t\r\n")] != '\0' || strlen(name) >= SK_RES_MAX || value[0] == '\0' || strlen(value) >= SK_VALUE_MAX) {
		heart_reply(o, false, "usage", "expected resource_class.resource_id, without blanks and wildcards, and a value", NULL);
		return;
	}
	if (json_object_get(H.resources, name) == NULL && json_object_size(H.resources) >= RESOURCES_MAX + json_object_size(H.watched)) {
		heart_reply(o, false, "busy", "a module has at most 4096 resources besides those of its checkers", NULL);
		return;
	}
	heart_set(name, value, member(o, "by", "unknown"), "");
	mod_settle(&H.mod, clock_mono_ms());
	heart_reply(o, true, NULL, NULL, NULL);
}

static void
order_loop(const json_t *o)
{
	const char *verb = member(o, "verb", "");
	enum mod_loop what = strcmp(verb, "inc") == 0 ? LOOP_INC : strcmp(verb, "reset") == 0 ? LOOP_RESET : LOOP_CHECK;
	bool reached;

	if (what == LOOP_CHECK && strcmp(verb, "check") != 0) {
		heart_reply(o, false, "usage", "verb: expected inc, reset or check", NULL);
		return;
	}
	reached = mod_loop(&H.mod, what);
	heart_reply(o, true, NULL, NULL, json_pack("{s:b,s:I,s:I}", "reached", reached, "count", (json_int_t)H.mod.report.loop_count, "max",
	    (json_int_t)H.mod.report.loop_max));
}

static void
order_failover(const json_t *o)
{
	const char *value = member(o, "value", "");
	char err[SK_TEXT_MAX];
	bool ok;

	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
		heart_reply(o, false, "usage", "value: expected on or off", NULL);
		return;
	}
	ok = mod_set_failover(&H.mod, strcmp(value, "on") == 0, member(o, "by", "unknown"), err, sizeof(err));
	heart_reply(o, ok, "refused", err, NULL);
}

static bool
on_or_off(const json_t *o, bool *on)
{
	const char *value = member(o, "value", "");

	*on = strcmp(value, "on") == 0;
	if (*on || strcmp(value, "off") == 0)
		return true;
	heart_reply(o, false, "usage", "value: expected on or off", NULL);
	return false;
}

static void
order_checker(const json_t *o)
{
	bool on;

	if (!on_or_off(o, &on))
		return;
	heart_watch_set(false, on, member(o, "by", "unknown"));
	heart_reply(o, true, NULL, NULL, NULL);
}

/* Nobody is there to ask: what is configured, and that nothing of it is watched */
static json_t *
list_procs(void)
{
	json_t *list = json_array();
	int i;

	for (i = 0; i < H.setup.conf.procs_count; i++) {
		const struct conf_proc *p = &H.setup.conf.procs[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:i,s:i,s:s,s:[],s:b,s:s}", "name", p->name, "class", p->class_name, "atleast",
		    p->atleast, "atmax", p->atmax, "action", p->action == DO_EXEC ? p->exec : conf_do_names[p->action], "pids", "watched", 0,
		    "value", "init"));
	}
	return list;
}

static void
order_errd(json_t *o)
{
	const char *verb = member(o, "verb", ""), *class_name = member(o, "class", "");
	bool on = strcmp(verb, "resume") == 0 || strcmp(verb, "on") == 0, off = strcmp(verb, "suspend") == 0 || strcmp(verb, "off") == 0;

	if (on || off) {
		heart_watch_set(true, on, member(o, "by", "unknown"));
		heart_reply(o, true, NULL, NULL, NULL);
	} else if (strcmp(verb, "list") == 0) {
		if (!heart_ask_checkd(o, json_pack("{s:s,s:s}", "op", "errd", "verb", "list")))
			heart_reply(o, true, NULL, NULL, json_pack("{s:o}", "procs", list_procs()));
	} else if (strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0) {
		if (class_name[0] == '\0')
			heart_reply(o, false, "usage", "class: expected the class of a <proc>", NULL);
		else if (!heart_ask_checkd(o, json_pack("{s:s,s:s,s:s}", "op", "errd", "verb", verb, "class", class_name)))
			heart_reply(o, false, "refused", H.setup.conf.procs_count == 0 ? "the module has no <errd>" :
			    "no process is watched: the module is stopped", NULL);
	} else {
		heart_reply(o, false, "usage", "verb: expected enable, disable, suspend, resume, on, off or list", NULL);
	}
}

static void
order_explain(const json_t *o)
{
	heart_reply(o, true, NULL, NULL, json_pack("{s:o}", "explain", heart_explain()));
}

static void
order_boot(const json_t *o)
{
	int boot = rpt_lookup(rpt_boot_names, BOOT_COUNT, member(o, "value", ""));

	if (boot >= 0)
		mod_set_boot(&H.mod, boot);
	heart_reply(o, boot >= 0, "usage", "expected on, off, auto or ignore", NULL);
}

static void
order_quit(const json_t *o)
{
	if (H.mod.state != S_STOP) {
		heart_reply(o, false, "refused", "the module is not in STOP", NULL);
		return;
	}
	heart_reply(o, true, NULL, NULL, NULL);
	heart_quit();
}

void
heart_order(void *ctx, json_t *o)
{
	static const struct { const char *op; void (*run)(const json_t *o); } orders[] = {
		{ "action", order_action }, { "setup", order_setup }, { "set", order_set }, { "loop", order_loop },
		{ "failover", order_failover }, { "boot", order_boot }, { "quit", order_quit }, { "checker", order_checker },
		{ "explain", order_explain },
	};
	const char *op = member(o, "op", "");
	size_t i;

	if (strcmp(op, "errd") == 0) {
		order_errd(o);
		heart_rearm();
		return;
	}
	for (i = 0; i < ARRAY_LEN(orders); i++)
		if (strcmp(op, orders[i].op) == 0) {
			orders[i].run(o);
			heart_rearm();
			return;
		}
	heart_reply(o, false, "usage", "heart does not know this order", NULL);
}
