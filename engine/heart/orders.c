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

/* What comes with an action (doc/PROTOCOL.md 1): each where it means something, and only there */
static bool
take_options(const json_t *o, int verb, struct mod_options *out, char *err, size_t errsize)
{
	const json_t *options = json_object_get(o, "options"), *full = json_object_get(options, "fullsync"),
	    *nosync = json_object_get(options, "nosync"), *date = json_object_get(options, "date_ms");
	size_t known = (full != NULL) + (nosync != NULL) + (size_t)(date != NULL);

	*out = (struct mod_options){ json_is_true(full), json_is_true(nosync), json_integer_value(date) };
	if ((options != NULL && !json_is_object(options)) || json_object_size(options) != known)
		snprintf(err, errsize, "options: expected fullsync (prim, second), nosync (swap) or date_ms (secondforce)");
	else if (full != NULL && (!json_is_boolean(full) || (verb != VERB_PRIM && verb != VERB_SECOND)))
		snprintf(err, errsize, "fullsync: expected true or false, with prim or second");
	else if (nosync != NULL && (!json_is_boolean(nosync) || verb != VERB_SWAP))
		snprintf(err, errsize, "nosync: expected true or false, with swap");
	else if (date != NULL && (!json_is_integer(date) || out->date_ms < 1 || verb != VERB_SECONDFORCE))
		snprintf(err, errsize, "date_ms: expected milliseconds since 1970, with secondforce");
	else if (verb == VERB_SECONDFORCE && date == NULL)
		snprintf(err, errsize, "secondforce: expected the option date_ms");
	else
		return true;
	return false;
}

static void
order_action(const json_t *o)
{
	char err[SK_TEXT_MAX] = "";
	const char *by = member(o, "by", "unknown");
	int verb = rpt_lookup(rpt_verb_names, VERB_COUNT, member(o, "verb", ""));
	struct mod_options options;
	uint32_t seq = 0;

	if (verb <= VERB_NONE) {
		snprintf(err, sizeof(err), "no such action: %.64s", member(o, "verb", ""));
		heart_reply(o, false, "usage", err, NULL);
		return;
	}
	if (!take_options(o, verb, &options, err, sizeof(err))) {
		heart_reply(o, false, "usage", err, NULL);
		return;
	}
	if (!setup_has_rfs(&H.setup) && (json_object_size(json_object_get(o, "options")) > 0 || verb == VERB_PRIMFORCE || verb == VERB_SECONDFORCE)) {
		heart_reply(o, false, "refused", "the module replicates no directory", NULL);
		return;
	}
	mod_options(&H.mod, &options);
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

static bool
is_of_rfs(const char *name)
{
	static const char *const begins[] = { "rfs.", "rfs_", "usersetting.rfs" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(begins); i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

/* They say what data is worth: only rules may (user's guide 13.18.5), and an operator when a scheduled synchronisation is due (13.6.4.10) */
static void
set_of_rfs(const json_t *o, const char *name, const char *value)
{
	bool known = strcmp(value, "up") == 0 || strcmp(value, "down") == 0;

	if (strcmp(name, "rfs.syncat") != 0 || H.setup.conf.rfs.syncat[0] == '\0') {
		heart_reply(o, false, "refused", strcmp(name, "rfs.syncat") == 0 ? "no synchronization is scheduled: <rfs> has no syncat" :
		    "it is set by the replication and by failover rules only; to start with this server's data: safekit prim", NULL);
	} else if (!known) {
		heart_reply(o, false, "usage", "rfs.syncat: expected up or down", NULL);
	} else if (H.mod.state == S_STOP) {
		heart_reply(o, false, "refused", "the module is stopped", NULL);
	} else {
		heart_rfs_assigned(name, value, member(o, "by", "unknown"));	/* which publishes it */
		heart_reply(o, true, NULL, NULL, NULL);
	}
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
	if (setup_has_rfs(&H.setup) && is_of_rfs(name)) {
		set_of_rfs(o, name, value);
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

/* safekit rfssync, rfsverify, rfsdiff */
static void
order_rfs(const json_t *o)
{
	const char *verb = member(o, "verb", "");
	bool policy = strcmp(verb, "policy") == 0, verify = strcmp(verb, "verify") == 0, diff = strcmp(verb, "diff") == 0;

	if (!policy && !verify && !diff)
		heart_reply(o, false, "usage", "verb: expected policy, verify or diff", NULL);
	else if (!setup_has_rfs(&H.setup))
		heart_reply(o, false, "refused", "the module replicates no directory", NULL);
	else if (verify && H.mod.state != S_SECOND)
		heart_reply(o, false, "refused", "rfsverify is for the secondary server: the module is not SECOND Ready here", NULL);
	else if (diff && H.mod.state != S_ALONE)
		heart_reply(o, false, "refused", "rfsdiff is for the server without a secondary: the module is not ALONE Ready here", NULL);
	else if (heart_rfs_busy(verb))
		heart_reply(o, false, "busy", "rfsverify or rfsdiff is running already", NULL);
	else
		heart_rfs_ask(o, verb, policy ? json_object_get(o, "words") : NULL);
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
		{ "explain", order_explain }, { "rfs", order_rfs },
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
