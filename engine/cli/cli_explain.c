/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_explain.c: safekit explain: why a module is in its state, in words, in the order in which somebody who was woken up asks: what is,
 * since when, why, what holds it, what happens next and when, what would release it; the other rules come last.
 *
 * heart knows all this and sends one object (op explain); here it only becomes text: nothing is looked up, guessed or decided.  The shares of a
 * farm's load come from the picture (op get).
 *	{"state","status","since_ms","reason","goal","waits_for","checkers":"on|off","errd":"on|off","loop":{"count","max"},
 *	 "rules":[{"label","text","origin":"user|generated|default","order","value":"true|false|undecided","since_ms",
 *		"names":[{"ref","remote","healths":[],"resources":[{"name","value","since_ms","by","why"}]}]}],
 *	 "ill":[as in resources],	down, or with a why, whether a rule looks at it or not
 *	 "candidate":{"label","order","since_ms","due_ms"} or null,	a rule that is true and not yet obeyed
 *	 "hold":{"by":"rule|stopwait|splitbrain|","label","since_ms"} or null,
 *	 "peer":{"node","state","status","heard"}, "release":[text],
 *	 "shares":[rows of wire/report.h, rpt_share]}	added here, for a farm
 * Times are wall clock in ms, 0: not known.  A member that is missing is left out of the story.
 */
#include "config.h"
#include "cli/cli.h"

#include <string.h>

#define SHOWN_MAX	8	/* resources of one reference that are named; the others are counted (ours) */

static const char *
text_of(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : "";
}

static int64_t
ms_of(const json_t *obj, const char *name)
{
	return json_integer_value(json_object_get(obj, name));
}

static bool
is(const json_t *obj, const char *name, const char *word)
{
	return strcmp(text_of(obj, name), word) == 0;
}

/* "12 s", "3 min 12 s", "2 h 5 min", "3 days 4 h" */
static void
put_duration(FILE *to, int64_t ms)
{
	long long s = ms < 0 ? 0 : ms / 1000;

	if (s < 60)
		fprintf(to, "%lld s", s);
	else if (s < 3600)
		fprintf(to, "%lld min %lld s", s / 60, s % 60);
	else if (s < 86400)
		fprintf(to, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		fprintf(to, "%lld day%s %lld h", s / 86400, s < 172800 ? "" : "s", s / 3600 % 24);
}

/* " since 2026-11-22 10:12:33 (3 min 12 s ago)", nothing when it is not known */
static void
put_since(FILE *to, int64_t since_ms, int64_t now_ms)
{
	char date[40];

	if (since_ms <= 0)
		return;
	fprintf(to, " since %s (", show_time(since_ms * 1000, false, ' ', date, sizeof(date)));
	put_duration(to, now_ms - since_ms);
	fputs(" ago)", to);
}

static void
put_line(FILE *to, const char *before, const char *text)
{
	if (text[0] == '\0')
		return;
	fputs(before, to);
	show_safe(to, text);
	fputc('\n', to);
}

static const json_t *
rule_of(const json_t *explain, const char *label)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(explain, "rules"), i, rule)
		if (is(rule, "label", label))
			return rule;
	return NULL;
}

/* ---- rules and the resources they look at ---- */

static void
put_resource(FILE *to, const json_t *r, int64_t now_ms)
{
	fputs("      ", to);
	show_safe(to, text_of(r, "name"));
	fputs(" is ", to);
	show_safe(to, text_of(r, "value"));
	put_since(to, ms_of(r, "since_ms"), now_ms);
	if (text_of(r, "by")[0] != '\0') {
		fputs(", said by ", to);
		show_safe(to, text_of(r, "by"));
	}
	if (text_of(r, "why")[0] != '\0') {
		fputs(": ", to);
		show_safe(to, text_of(r, "why"));
	}
	fputc('\n', to);
}

/* "up and down", as the set of healths of a reference */
static void
put_healths(FILE *to, const json_t *healths)
{
	const json_t *h;
	size_t i;

	if (json_array_size(healths) == 0)
		fputs("no such resource", to);
	json_array_foreach(healths, i, h) {
		if (i > 0)
			fputs(i + 1 == json_array_size(healths) ? " and " : ", ", to);
		show_safe(to, json_string_value(h) != NULL ? json_string_value(h) : "?");
	}
}

static void
put_reference(FILE *to, const json_t *name, int64_t now_ms)
{
	const json_t *resources = json_object_get(name, "resources"), *r;
	size_t i;

	/* a single resource under its own name speaks for itself */
	if (json_array_size(resources) != 1 || strcmp(text_of(json_array_get(resources, 0), "name"), text_of(name, "ref")) != 0) {
		fputs("      ", to);
		show_safe(to, text_of(name, "ref"));
		fputs(json_is_true(json_object_get(name, "remote")) ? " (on the other server): " : ": ", to);
		put_healths(to, json_object_get(name, "healths"));
		fputc('\n', to);
	}
	json_array_foreach(resources, i, r) {
		if (i == SHOWN_MAX) {
			fprintf(to, "      and %zu more\n", json_array_size(resources) - i);
			break;
		}
		put_resource(to, r, now_ms);
	}
}

static const char *
origin_words(const json_t *rule)
{
	if (is(rule, "origin", "generated"))
		return "made from an action= attribute in userconfig.xml";
	if (is(rule, "origin", "default"))
		return "a default rule (SAFE/private/conf/include/failover.xml)";
	return "of <failover> in userconfig.xml";
}

/* The rule as written, where it is from, and what it sees */
static void
put_rule(FILE *to, const json_t *rule, int64_t now_ms)
{
	const json_t *name;
	size_t i;

	put_line(to, "    ", text_of(rule, "text"));
	fprintf(to, "    This is %s. It looks at\n", origin_words(rule));
	if (json_array_size(json_object_get(rule, "names")) == 0)
		fputs("      no resource\n", to);
	json_array_foreach(json_object_get(rule, "names"), i, name)
		put_reference(to, name, now_ms);
}

/* ---- the parts, in their order ---- */

static void
put_state(FILE *to, const json_t *e, const char *module, int64_t now_ms)
{
	const json_t *peer = json_object_get(e, "peer");

	fprintf(to, "Module %s is in state %s %s", module, text_of(e, "state"), text_of(e, "status"));
	put_since(to, ms_of(e, "since_ms"), now_ms);
	fputc('\n', to);
	put_line(to, "  Why: ", text_of(e, "reason"));
	put_line(to, "  Goal: ", text_of(e, "goal"));
	put_line(to, "  It waits for: ", text_of(e, "waits_for"));
	if (text_of(peer, "node")[0] != '\0') {
		fputs("  The other server, ", to);
		show_safe(to, text_of(peer, "node"));
		if (json_is_true(json_object_get(peer, "heard")))
			fprintf(to, ", is in state %s %s\n", text_of(peer, "state"), text_of(peer, "status"));
		else
			fputs(", is not heard\n", to);
	}
}

static void
put_hold(FILE *to, const json_t *e, int64_t now_ms)
{
	const json_t *hold = json_object_get(e, "hold"), *rule;

	fputc('\n', to);
	if (!json_is_object(hold) || is(hold, "by", "")) {
		fputs("Nothing holds it.\n", to);
	} else if (is(hold, "by", "rule")) {
		fputs("Failover rule ", to);
		show_safe(to, text_of(hold, "label"));
		fputs(" holds it", to);
		put_since(to, ms_of(hold, "since_ms"), now_ms);
		fputs(":\n", to);
		rule = rule_of(e, text_of(hold, "label"));
		if (rule != NULL)
			put_rule(to, rule, now_ms);
	} else if (is(hold, "by", "stopwait")) {
		fputs("A stopwait holds it", to);
		put_since(to, ms_of(hold, "since_ms"), now_ms);
		fputc('\n', to);
	} else if (is(hold, "by", "splitbrain")) {
		fputs("It stays in WAIT to avoid a split brain: the other server is lost and no witness answers", to);
		put_since(to, ms_of(hold, "since_ms"), now_ms);
		fputc('\n', to);
	} else {
		put_line(to, "Held by: ", text_of(hold, "by"));
	}
}

static void
put_next(FILE *to, const json_t *e, int64_t now_ms)
{
	const json_t *next = json_object_get(e, "candidate"), *rule;
	int64_t due = ms_of(next, "due_ms");
	char date[40];

	if (!json_is_object(next))
		return;
	fputs("\nNext: rule ", to);
	show_safe(to, text_of(next, "label"));
	fputs(" is true", to);
	put_since(to, ms_of(next, "since_ms"), now_ms);
	fprintf(to, " and orders %s ", text_of(next, "order"));
	if (due > now_ms) {
		fputs("in ", to);
		put_duration(to, due - now_ms + 999);	/* never "in 0 s" */
		fprintf(to, ", at %s, unless it becomes false\n", show_time(due * 1000, false, ' ', date, sizeof(date)));
	} else {
		fputs("now\n", to);
	}
	rule = rule_of(e, text_of(next, "label"));
	if (rule != NULL)
		put_rule(to, rule, now_ms);
}

static void
put_release(FILE *to, const json_t *e, const char *module)
{
	const json_t *text, *list = json_object_get(e, "release"), *loop = json_object_get(e, "loop");
	size_t i;

	if (json_array_size(list) > 0)
		fputs("\nWhat would release it:\n", to);
	json_array_foreach(list, i, text)
		put_line(to, "  - ", json_string_value(text) != NULL ? json_string_value(text) : "");
	if (is(e, "checkers", "off") || is(e, "errd", "off") || ms_of(loop, "count") > 0)
		fputs("\nGood to know:\n", to);
	if (is(e, "checkers", "off"))
		fprintf(to, "  - the checkers are off: their resources do not change (safekit checker on -m %s)\n", module);
	if (is(e, "errd", "off"))
		fprintf(to, "  - processes are not watched (safekit errd on -m %s)\n", module);
	if (ms_of(loop, "count") > 0)
		fprintf(to, "  - maxloop: %lld of at most %lld automatic restarts in loop_interval (safekit resetloop -m %s)\n",
		    (long long)ms_of(loop, "count"), (long long)ms_of(loop, "max"), module);
}

/* Rules with this value that were not told yet */
static void
put_others(FILE *to, const json_t *e, const char *value, const char *title, int64_t now_ms)
{
	const char *held = text_of(json_object_get(e, "hold"), "label"), *next = text_of(json_object_get(e, "candidate"), "label");
	const json_t *rule, *name;
	bool first = true;
	size_t i, k;

	json_array_foreach(json_object_get(e, "rules"), i, rule) {
		if (!is(rule, "value", value) || is(rule, "label", held) || is(rule, "label", next))
			continue;
		if (first)
			fprintf(to, "\n%s\n", title);
		first = false;
		put_line(to, "    ", text_of(rule, "text"));
		json_array_foreach(json_object_get(rule, "names"), k, name)
			put_reference(to, name, now_ms);
	}
}

/* Is this resource told with one of the rules above? */
static bool
is_told(const json_t *e, const char *name)
{
	const char *held = text_of(json_object_get(e, "hold"), "label"), *next = text_of(json_object_get(e, "candidate"), "label");
	const json_t *rule, *ref, *r;
	size_t i, k, n;

	json_array_foreach(json_object_get(e, "rules"), i, rule) {
		if (is(rule, "value", "false") && !is(rule, "label", held) && !is(rule, "label", next))
			continue;
		json_array_foreach(json_object_get(rule, "names"), k, ref)
			json_array_foreach(json_object_get(ref, "resources"), n, r)
				if (n < SHOWN_MAX && is(r, "name", name))
					return true;
	}
	return false;
}

static void
put_ill(FILE *to, const json_t *e, int64_t now_ms)
{
	const json_t *r;
	bool first = true;
	size_t i;

	json_array_foreach(json_object_get(e, "ill"), i, r) {
		if (is_told(e, text_of(r, "name")))
			continue;
		if (first)
			fputs("\nNo rule acts on these now:\n", to);
		first = false;
		put_resource(to, r, now_ms);
	}
}

/* What a farm's server is there for: of each group that it takes nothing, why */
static void
put_shares(FILE *to, const json_t *e)
{
	const json_t *row;
	char share[16];
	size_t i;

	json_array_foreach(json_object_get(e, "shares"), i, row) {
		if (i == 0)
			fputs("\nNetwork load:\n", to);
		fputs("  - group ", to);
		show_safe(to, text_of(row, "group"));
		if (ms_of(row, "view") == 0)
			fputs(": none, this server is not in the farm's membership\n", to);
		else if (ms_of(row, "serving") == 0)
			fputs(": nobody takes it\n", to);
		else if (ms_of(row, "buckets") > 0)
			fprintf(to, ": %s is taken here, all of it by ", show_share(row, share, sizeof(share)));
		else
			fputs(": nothing is taken here (not UP, power 0 in <host>, or another configuration than most: see the log), all of it by ", to);
		if (ms_of(row, "view") != 0 && ms_of(row, "serving") != 0) {
			show_safe(to, text_of(row, "members"));
			fputc('\n', to);
		}
	}
}

void
explain_show(FILE *to, const json_t *e, const char *module, int64_t now_ms)
{
	put_state(to, e, module, now_ms);
	put_hold(to, e, now_ms);
	put_next(to, e, now_ms);
	put_release(to, e, module);
	put_shares(to, e);
	put_others(to, e, "true", "Other rules that are true:", now_ms);
	put_others(to, e, "undecided", "Rules that are not decided yet (a resource in them is in state init):", now_ms);
	put_ill(to, e, now_ms);
}

int
do_explain(struct cli *c)
{
	json_t *reply = cli_ask(c, json_pack("{s:s,s:s}", "op", "explain", "module", c->module), NULL, NULL), *shares, *rows;
	json_t *explain = json_object_get(reply, "explain");
	int status = EXIT_DONE;

	if (reply == NULL)
		return EXIT_FAILED;
	shares = cli_ask(c, json_pack("{s:s,s:s,s:s}", "op", "get", "what", "shares", "module", c->module), NULL, NULL);
	rows = json_object_get(shares, "rows");
	if (json_array_size(rows) > 0)
		json_object_set(explain, "shares", rows);
	if (!json_is_object(explain)) {
		cli_error("the engine did not explain module %s", c->module);
		status = EXIT_FAILED;
	} else if (c->json) {
		show_json(explain);
	} else {
		explain_show(stdout, explain, c->module, clock_wall_us() / 1000);
	}
	json_decref(shares);
	json_decref(reply);
	return status;
}
