/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs_told.c: what rfsd tells beside its answers to orders (resources, progress, logs), and what it is asked for operators (rfssync,
 * rfsverify, rfsdiff: the answer may take hours, nothing waits here).
 *
 * Resources stay in the picture while the module is in STOP; the rules, and so the other server, see them only while it is not: to the other
 * one a stopped server is unknown (rule notuptodate_server).  Until a rfsd of this start has told its own they are init: no rule decides.
 */
#include "config.h"
#include "heart/rfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESOURCES_MAX	256	/* that it tells (ours) */
#define ASKED_MAX	16	/* questions under way (ours) */
#define TEXT_MAX	(256u << 10)	/* bytes of an answer: an order's frame is 1 MiB at most (ours) */
#define PROGRESS_MS	1000	/* between two rows of the picture, each of which is kept in the history (ours) */

static struct {
	json_t		*names;		/* of its resources -> told in this life */
	bool		 fresh;		/* it has acknowledged something in this life */
	bool		 telling;	/* a resource is being published for it */
	json_t		*asked;		/* number -> {"order","line","verb","sent"} */
	uint32_t	 asked_last;
	json_t		*sets;		/* name -> line: what it is to be told when it is born */
	int64_t		 progress_ms;	/* of the last that was published; 0 nothing is under way */
} T;

/* ---- resources ---- */

static bool
is_its(const char *name)
{
	static const char *const begins[] = { "rfs.", "rfs_bandwidth.", "usersetting.rfs" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(begins); i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

/* of those that rules look at, here and on the other server */
static bool
is_for_rules(const char *name)
{
	return strncmp(name, "rfs.", strlen("rfs.")) == 0;
}

static void
hide(const char *name)
{
	if (H.rules != NULL && is_for_rules(name))
		rules_remove(H.rules, name);
}

static void
put(const char *name, const char *value, const char *by, const char *why, bool log)
{
	T.telling = true;
	if (log) {
		heart_set(name, value, by, why);
	} else {
		mod_resource(&H.mod, name, value, rpt_health_of(value), false, by);
		json_object_set_new(json_object_get(H.notes, name), "why", json_string(why));
	}
	T.telling = false;
	if (H.mod.state == S_STOP)
		hide(name);
}

static bool
may_be(const char *name, const char *value)
{
	return strchr(name, '.') != NULL && strlen(name) < SK_RES_MAX && name[strcspn(name, "*? \t\r\n")] == '\0' && value[0] != '\0' &&
	    strlen(value) < SK_VALUE_MAX && json_object_get(H.watched, name) == NULL;
}

static const char *
text_of(const json_t *obj, const char *name, const char *otherwise)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : otherwise;
}

static void
take_resource(const json_t *obj)
{
	const char *name = text_of(obj, "resource", ""), *value = text_of(obj, "value", ""), *by = text_of(obj, "by", "nfsadmin");

	if (!is_its(name) || !may_be(name, value) || strlen(by) >= SK_NAME_MAX ||
	    (json_object_get(T.names, name) == NULL && json_object_size(T.names) >= RESOURCES_MAX))
		return;
	json_object_set_new(T.names, name, json_true());
	put(name, value, by, text_of(obj, "why", ""), json_is_true(json_object_get(obj, "log")));
}

static void
forget(const char *name)
{
	char copy[SK_RES_MAX];

	if (json_object_get(T.names, name) == NULL)
		return;
	str_copy(copy, sizeof(copy), name);	/* it may be the key that goes */
	heart_resource_gone(copy);
	json_object_del(T.names, copy);
}

void
rfs_told_fresh(void)
{
	const char *name;
	json_t *told;
	void *next;

	if (T.fresh)
		return;
	T.fresh = true;
	json_object_foreach_safe(T.names, next, name, told)
		if (!json_is_true(told))
			forget(name);
}

void
rfs_told_show(bool runs)
{
	const char *name;
	json_t *told;

	json_object_foreach(T.names, name, told) {
		const json_t *r = json_object_get(H.resources, name);

		if (is_for_rules(name))
			put(name, runs && json_is_true(told) ? text_of(r, "value", "init") : "init", text_of(r, "by", "nfsadmin"), "", false);
	}
	if (json_object_get(T.names, "rfs.uptodate") == NULL) {
		json_object_set_new(T.names, "rfs.uptodate", json_false());
		put("rfs.uptodate", "init", "nfsadmin", "", false);
	}
}

void
rfs_told_hide(void)
{
	const char *name;
	json_t *told;

	json_object_foreach(T.names, name, told)
		hide(name);
}

void
rfs_told_gone(void)
{
	const char *name;
	json_t *told;
	void *next;

	json_object_foreach_safe(T.names, next, name, told)
		forget(name);
}

/* What somebody else has set (a failover rule; not put() of ours): the owner decides what comes of it, and publishes that */
void
heart_rfs_assigned(const char *name, const char *value, const char *by)
{
	json_t *line;

	if (T.telling || T.names == NULL || !is_for_rules(name) || !setup_has_rfs(&H.setup))
		return;
	line = json_pack("{s:s,s:s,s:s,s:s}", "op", "set", "name", name, "value", value, "by", by);
	if (rfs_send(line))
		json_decref(line);
	else
		json_object_set_new(T.sets, name, line);
}

/* ---- progress ---- */

static void
show(const char *id, const char *value)
{
	char name[SK_RES_MAX], clean[SK_VALUE_MAX];

	snprintf(name, sizeof(name), "rfs_sync.%s", id);
	str_copy(clean, sizeof(clean), value);
	str_make_utf8(clean);
	if (clean[0] == '\0' || strcmp(text_of(json_object_get(H.resources, name), "value", ""), clean) == 0)
		return;
	json_object_set_new(T.names, name, json_true());
	put(name, clean, "nfsadmin", "", false);
}

static void
show_of(const char *id, json_int_t n, json_int_t of)
{
	char text[SK_VALUE_MAX];

	snprintf(text, sizeof(text), "%lld/%lld", (long long)n, (long long)of);
	show(id, text);
}

static void
show_unit(const char *id, json_int_t n, const char *unit)
{
	char text[SK_VALUE_MAX];

	snprintf(text, sizeof(text), "%lld%s", (long long)n, unit);
	show(id, text);
}

static json_int_t
number_of(const json_t *obj, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(obj, name));

	return n > 0 ? n : 0;
}

void
rfs_told_over(void)
{
	static const char *const ids[] = { "phase", "dir", "files", "bytes", "sent", "rate", "progress", "left" };
	char name[SK_RES_MAX];
	size_t i;

	T.progress_ms = 0;
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		snprintf(name, sizeof(name), "rfs_sync.%s", ids[i]);
		forget(name);
	}
}

static void
take_progress(const json_t *p)
{
	json_int_t bytes = number_of(p, "bytes"), total = number_of(p, "bytes_total");
	int64_t now = clock_mono_ms();

	if (json_object_size(p) == 0)
		return;		/* says only that it lives */
	if (text_of(p, "phase", "")[0] == '\0') {
		rfs_told_over();
		return;
	}
	if (T.progress_ms != 0 && now - T.progress_ms < PROGRESS_MS)
		return;
	T.progress_ms = now;
	show("phase", text_of(p, "phase", ""));
	show("dir", text_of(p, "dir", ""));
	show_of("files", number_of(p, "files"), number_of(p, "files_total"));
	show_of("bytes", bytes, total);
	show_unit("sent", number_of(p, "sent"), "");
	show_unit("rate", number_of(p, "rate_kbs"), " KB/s");
	if (total > 0)
		show_unit("progress", bytes >= total ? 100 : (json_int_t)(100 * (long double)bytes / (long double)total), " %");
	if (json_object_get(p, "left_s") != NULL)
		show_unit("left", number_of(p, "left_s"), " s");
}

/* ---- what it is asked ---- */

bool
rfs_told_waits(void)
{
	return json_object_size(T.asked) > 0;
}

bool
heart_rfs_busy(const char *verb)
{
	const char *number;
	json_t *row;

	json_object_foreach(T.asked, number, row)
		if (strcmp(verb, "policy") != 0 && strcmp(text_of(row, "verb", ""), "policy") != 0)
			return true;
	return json_object_size(T.asked) >= ASKED_MAX;
}

void
heart_rfs_ask(const json_t *order, const char *verb, json_t *words)
{
	json_t *line, *row;
	char number[16];

	snprintf(number, sizeof(number), "%u", ++T.asked_last);
	line = json_pack("{s:s,s:I,s:O*}", "op", verb, "n", (json_int_t)T.asked_last, "words", words);
	row = json_pack("{s:O,s:s,s:o,s:b}", "order", order, "verb", verb, "line", line, "sent", rfs_send(line));
	if (row == NULL || json_object_set_new(T.asked, number, row) == -1)
		heart_reply(order, false, "internal", "out of memory", NULL);
	rfs_look();		/* where the module is in STOP */
}

/* What a synchronisation, or a question that is not answered, does: for "safekit explain" */
json_t *
heart_rfs_explain(void)
{
	static const char *const ids[] = { "phase", "dir", "files", "bytes", "sent", "rate", "progress", "left" };
	json_t *progress = json_object(), *running = json_array();
	char name[SK_RES_MAX];
	const char *number;
	json_t *row;
	size_t i;

	if (!setup_has_rfs(&H.setup)) {
		json_decref(progress);
		json_decref(running);
		return NULL;
	}
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		snprintf(name, sizeof(name), "rfs_sync.%s", ids[i]);
		row = json_object_get(json_object_get(H.resources, name), "value");
		if (row != NULL)
			json_object_set(progress, ids[i], row);
	}
	json_object_foreach(T.asked, number, row)
		json_array_append(running, json_object_get(row, "verb"));
	return json_pack("{s:s,s:b,s:o,s:o}", "role", rfs_role(), "process", rfs_runs(), "progress", progress, "running", running);
}

static void
take_reply(const json_t *obj)
{
	json_int_t n = json_integer_value(json_object_get(obj, "reply"));
	bool good = json_is_true(json_object_get(obj, "ok"));
	char number[32], *text;
	json_t *row;

	snprintf(number, sizeof(number), "%lld", (long long)n);
	row = json_incref(json_object_get(T.asked, number));
	if (row == NULL)
		return;
	json_object_del(T.asked, number);
	text = strndup(text_of(obj, "text", ""), TEXT_MAX);
	if (text != NULL)
		str_make_utf8(text);	/* cut within a character, maybe */
	heart_reply(json_object_get(row, "order"), good, "refused", text != NULL ? text : "", good ?
	    json_pack("{s:s}", "text", text != NULL ? text : "") : NULL);
	free(text);
	json_decref(row);
	rfs_idle();
}

static void
take_told(const json_t *obj)
{
	const json_t *order, *text = json_object_get(obj, "text");
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json_object_get(obj, "told")));
	order = json_object_get(json_object_get(T.asked, number), "order");
	if (json_is_true(json_object_get(order, "told")) && json_string_length(text) > 0 && json_string_length(text) <= TEXT_MAX)
		uplink_send(H.up, json_pack("{s:O,s:O}", "id", json_object_get(order, "id"), "told", text), false);
}

static void
refuse_asked(bool all)
{
	const char *number;
	json_t *row;
	void *next;

	json_object_foreach_safe(T.asked, next, number, row) {
		if (!all && !json_is_true(json_object_get(row, "sent")))
			continue;
		heart_reply(json_object_get(row, "order"), false, "refused", "the process nfsadmin has ended: try again", NULL);
		json_object_del(T.asked, number);
	}
}

/* ---- its life ---- */

bool
rfs_told_line(const json_t *obj)
{
	const json_t *part;
	const char *text;

	if (json_object_get(obj, "resource") != NULL) {
		take_resource(obj);
	} else if ((text = json_string_value(json_object_get(obj, "resource-gone"))) != NULL) {
		forget(text);
	} else if (json_is_object(part = json_object_get(obj, "progress"))) {
		take_progress(part);
	} else if ((part = json_object_get(obj, "log")) != NULL && (text = json_string_value(json_object_get(obj, "text"))) != NULL) {
		heart_say((unsigned)json_integer_value(part), text_of(obj, "origin", "nfsadmin"), text);
	} else if (json_object_get(obj, "reply") != NULL) {
		take_reply(obj);
	} else if (json_object_get(obj, "told") != NULL) {
		take_told(obj);
	} else {
		return false;
	}
	return true;
}

void
rfs_told_born(void)
{
	const char *key;
	json_t *row;

	T.fresh = false;
	json_object_foreach(T.names, key, row)
		json_object_set_new(T.names, key, json_false());
	json_object_foreach(T.sets, key, row)
		rfs_send(row);
	json_object_clear(T.sets);
	json_object_foreach(T.asked, key, row) {
		rfs_send(json_object_get(row, "line"));
		json_object_set_new(row, "sent", json_true());
	}
}

void
rfs_told_died(void)
{
	refuse_asked(false);
	rfs_idle();
}

void
rfs_told_ended(void)
{
	refuse_asked(!rfs_runs() && H.mod.state == S_STOP && rfs_role()[0] == '\0');
	rfs_told_over();
}

bool
rfs_told_init(void)
{
	T.names = json_object();
	T.asked = json_object();
	T.sets = json_object();
	return T.names != NULL && T.asked != NULL && T.sets != NULL;
}

void
rfs_told_free(void)
{
	json_decref(T.names);
	json_decref(T.asked);
	json_decref(T.sets);
	T.names = T.asked = T.sets = NULL;
}
