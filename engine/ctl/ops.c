/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops.c: what a client may ask, one row each (doc/PROTOCOL.md 1).  Looks at the request, asks the room that knows, answers.
 */
#include "config.h"
#include "ctl/admin.h"
#include "ctl/certs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PICTURE_ROWS_MAX 20000	/* resources in one answer: about 6 MB, well below the longest frame; the rest follows as events */
#define LAST_MAX	100000	/* rows of one answer (doc/PROTOCOL.md) */
#define LAST_DEFAULT	300	/* ... when it is not said (ours) */

void
reply_ok(struct client *c, const json_t *id, json_t *more)
{
	json_t *r = json_pack("{s:O?,s:b}", "id", id, "ok", 1);

	json_object_update(r, more);
	json_decref(more);
	server_send(c, r);
}

void
reply_error(struct client *c, const json_t *id, const char *code, const char *fmt, ...)
{
	char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	server_send(c, json_pack("{s:O?,s:b,s:s,s:s}", "id", id, "ok", 0, "code", code, "message", text));
}

/* A member that is a text shorter than max; otherwise when absent; NULL (and an answer) when it is something else. */
static const char *
text_member(struct client *c, const json_t *req, const char *name, size_t max, const char *otherwise)
{
	const json_t *v = json_object_get(req, name);

	if (v == NULL && otherwise != NULL)
		return otherwise;
	if (json_is_string(v) && json_string_length(v) < max && strlen(json_string_value(v)) == json_string_length(v))
		return json_string_value(v);
	reply_error(c, json_object_get(req, "id"), "usage", "%s: expected a text of at most %zu bytes", name, max - 1);
	return NULL;
}

/* A member that is a number in [min, max]; otherwise when absent.  false (and an answer) when it is something else. */
static bool
number_member(struct client *c, const json_t *req, const char *name, json_int_t min, json_int_t max, json_int_t otherwise, json_int_t *out)
{
	const json_t *v = json_object_get(req, name);

	*out = v == NULL ? otherwise : json_integer_value(v);
	if (v == NULL || (json_is_integer(v) && *out >= min && *out <= max))
		return true;
	reply_error(c, json_object_get(req, "id"), "usage", "%s: expected a number from %lld to %lld", name, (long long)min, (long long)max);
	return false;
}

#define LAST(c, req, out)	number_member(c, req, "last", 1, LAST_MAX, LAST_DEFAULT, out)
#define AFTER(c, req, out)	number_member(c, req, "after", 0, INT64_MAX, 0, out)

static bool
must_exist(struct admin *a, struct client *c, const json_t *req, const char *module)
{
	if (picture_find(&a->picture, module) != NULL)
		return true;
	reply_error(c, json_object_get(req, "id"), "notfound", "module %s is not configured on this server", module);
	return false;
}

/* ---- answers that come later: remember the client by number ---- */

struct later { struct admin *admin; uint64_t serial; json_t *id; };

static struct later *
later_new(struct admin *a, struct client *c, const json_t *req)
{
	struct later *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		reply_error(c, json_object_get(req, "id"), "internal", "out of memory");
		return NULL;
	}
	l->admin = a;
	l->serial = client_serial(c);
	l->id = json_incref(json_object_get(req, "id"));
	return l;
}

static void
later_free(struct later *l)
{
	json_decref(l->id);
	free(l);
}

static void
later_rows(void *ctx, json_t *rows)
{
	struct later *l = ctx;
	struct client *c = server_client(l->admin, l->serial);

	if (c != NULL && rows != NULL)
		reply_ok(c, l->id, json_pack("{s:O}", "rows", rows));
	else if (c != NULL)
		reply_error(c, l->id, "internal", "the journal database cannot be read");
	later_free(l);
}

static void
later_order(struct admin *a, void *ctx, const json_t *reply)
{
	struct later *l = ctx;
	struct client *c = server_client(a, l->serial);
	bool last = json_object_get(reply, "told") == NULL;

	if (c != NULL && reply == NULL) {
		reply_error(c, l->id, "unreachable", "the process of the module ended before it answered");
	} else if (c != NULL) {
		json_t *copy = json_copy((json_t *)(uintptr_t)reply);

		json_object_set(copy, "id", l->id != NULL ? l->id : json_null());
		server_send(c, copy);
	}
	if (last)
		later_free(l);
}

static void
forward(struct admin *a, struct client *c, const json_t *req, const char *module, json_t *order)
{
	struct later *l = later_new(a, c, req);
	const char *code;

	if (l == NULL) {
		json_decref(order);
		return;
	}
	if (registry_order(a, module, order, later_order, l, &code))
		return;
	if (strcmp(code, "notfound") == 0)
		reply_error(c, l->id, code, "module %s is not configured on this server", module);
	else
		reply_error(c, l->id, code, "the process of module %s does not run", module);
	later_free(l);
}

/* ---- rows ---- */

static void
op_hello(struct admin *a, struct client *c, const json_t *req)
{
	reply_ok(c, json_object_get(req, "id"), json_pack("{s:s,s:s,s:s,s:s}", "node", member_node(a), "version", a->picture.engine.version,
	    "safe", path_safe(), "safevar", path_safevar()));
}

static json_t *
rows_modules(struct admin *a, const char *module)
{
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < a->picture.count; i++)
		if (module[0] == '\0' || strcmp(a->picture.modules[i].report.name, module) == 0)
			json_array_append_new(rows, report_encode(&rpt_module_type, &a->picture.modules[i].report));
	return rows;
}

static json_t *
rows_resources(struct admin *a, const char *module)
{
	json_t *rows = json_array();
	size_t i, k;

	for (i = 0; i < a->picture.count; i++)
		for (k = 0; k < a->picture.modules[i].count; k++)
			if (module[0] == '\0' || strcmp(a->picture.modules[i].report.name, module) == 0)
				json_array_append_new(rows, report_encode(&rpt_resource_type, &a->picture.modules[i].res[k]));
	return rows;
}

static json_t *
rows_nodes(struct admin *a, const char *module)
{
	json_t *rows = json_array();
	int i;

	for (i = 0; i < a->picture.nodes_count; i++)
		json_array_append_new(rows, report_encode(&rpt_node_type, &a->picture.nodes[i]));
	return rows;
}

static json_t *
rows_remotes(struct admin *a, const char *module)
{
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < a->picture.remotes_count; i++)
		if (module[0] == '\0' || strcmp(a->picture.remotes[i].module, module) == 0)
			json_array_append_new(rows, report_encode(&rpt_remote_type, &a->picture.remotes[i]));
	return rows;
}

static json_t *
rows_shares(struct admin *a, const char *module)
{
	json_t *rows = json_array();
	size_t i, k;

	for (i = 0; i < a->picture.count; i++)
		for (k = 0; k < a->picture.modules[i].shares_count; k++)
			if (module[0] == '\0' || strcmp(a->picture.modules[i].report.name, module) == 0)
				json_array_append_new(rows, report_encode(&rpt_share_type, &a->picture.modules[i].shares[k]));
	return rows;
}

static json_t *
rows_engine(struct admin *a, const char *module)
{
	return json_pack("[o]", report_encode(&rpt_engine_type, &a->picture.engine));
}

static void
op_get(struct admin *a, struct client *c, const json_t *req)
{
	static const struct { const char *what; json_t *(*rows)(struct admin *a, const char *module); } kinds[] = {
		{ "modules", rows_modules }, { "resources", rows_resources }, { "nodes", rows_nodes }, { "remotes", rows_remotes },
		{ "engine", rows_engine }, { "shares", rows_shares },
	};
	const char *what = text_member(c, req, "what", 32, NULL), *module = what == NULL ? NULL : text_member(c, req, "module", SK_NAME_MAX, "");
	size_t i;

	if (module == NULL)
		return;
	if (module[0] != '\0' && strcmp(what, "remotes") != 0 && !must_exist(a, c, req, module))
		return;
	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].what, what) == 0) {
			json_t *rows = kinds[i].rows(a, module);

			if (json_array_size(rows) <= PICTURE_ROWS_MAX) {
				reply_ok(c, json_object_get(req, "id"), json_pack("{s:o}", "rows", rows));
			} else {
				json_decref(rows);
				reply_error(c, json_object_get(req, "id"), "usage", "more than %d rows: ask module by module, or subscribe",
				    PICTURE_ROWS_MAX);
			}
			return;
		}
	reply_error(c, json_object_get(req, "id"), "usage", "what: expected modules, resources, nodes, remotes, shares or engine");
}

/* The resources that did not go into the answer, each as an event to this client alone; then the end mark */
static void
rest_of_picture(struct admin *a, struct client *c, json_t *rows)
{
	uint64_t serial = client_serial(c);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (i < PICTURE_ROWS_MAX)
			continue;
		server_send(c, json_pack("{s:s,s:O}", "event", "resource", "data", row));
		if (server_client(a, serial) == NULL)
			return;
	}
	server_send(c, json_pack("{s:s}", "event", "picture-end"));
}

static void
op_subscribe(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, "");
	json_t *rows, *first;
	size_t i, n;

	if (module == NULL)
		return;
	rows = rows_resources(a, "");
	n = json_array_size(rows) < PICTURE_ROWS_MAX ? json_array_size(rows) : PICTURE_ROWS_MAX;
	first = json_array();
	for (i = 0; i < n; i++)
		json_array_append(first, json_array_get(rows, i));
	client_subscribe(c, json_is_true(json_object_get(req, "logs")), module);
	reply_ok(c, json_object_get(req, "id"), json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I}", "modules", rows_modules(a, ""), "resources", first,
	    "nodes", rows_nodes(a, ""), "remotes", rows_remotes(a, ""), "shares", rows_shares(a, ""), "engine", report_encode(&rpt_engine_type, &a->picture.engine),
	    "notice_seq", (json_int_t)journal_last_notice(a->journal), "more", (json_int_t)(json_array_size(rows) - n)));
	if (json_array_size(rows) > n)
		rest_of_picture(a, c, rows);
	json_decref(rows);
}

static void
forward_all(struct admin *a, struct client *c, const json_t *req);

static void
op_action(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL), *verb, *by;

	if (module == NULL || (verb = text_member(c, req, "verb", 32, NULL)) == NULL ||
	    (by = text_member(c, req, "by", SK_NAME_MAX, "unknown")) == NULL ||
	    text_member(c, req, "identity", SK_NAME_MAX, "") == NULL)
		return;
	if (strcmp(module, "*") == 0 && strcmp(verb, "shutdown") == 0) {
		forward_all(a, c, req);
		return;
	}
	forward(a, c, req, module, json_pack("{s:s,s:s,s:s,s:O?,s:O?,s:O*}", "op", "action", "verb", verb, "by", by, "identity",
	    json_object_get(req, "identity"), "args", json_object_get(req, "args"), "options", json_object_get(req, "options")));
}

static void
ignore_reply(struct admin *a, void *ctx, const json_t *reply)
{
}

static void
shutdown_one(void *ctx, const char *module)
{
	const char *code;

	registry_order(ctx, module, json_pack("{s:s,s:s,s:s}", "op", "action", "verb", "shutdown", "by", "SYSTEM"), ignore_reply, NULL, &code);
}

static void
forward_all(struct admin *a, struct client *c, const json_t *req)
{
	registry_each(a, shutdown_one, a);
	reply_ok(c, json_object_get(req, "id"), json_pack("{s:i}", "seq", 0));
}

static void
op_pass(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL);
	json_t *order;

	if (module == NULL || text_member(c, req, "value", SK_VALUE_MAX, "") == NULL || text_member(c, req, "by", SK_NAME_MAX, "") == NULL ||
	    text_member(c, req, "resource", SK_RES_MAX, "") == NULL || text_member(c, req, "verb", 32, "") == NULL ||
	    text_member(c, req, "class", SK_NAME_MAX, "") == NULL)
		return;
	order = json_copy((json_t *)(uintptr_t)req);
	forward(a, c, req, module, order);
}

static bool
good_words(struct client *c, const json_t *req)
{
	const json_t *words = json_object_get(req, "words"), *word;
	bool good = words == NULL || (json_is_array(words) && json_array_size(words) <= 3);
	size_t i;

	json_array_foreach(words, i, word)
		good = good && json_is_string(word) && json_string_length(word) < SK_NAME_MAX && strlen(json_string_value(word)) == json_string_length(word);
	if (!good)
		reply_error(c, json_object_get(req, "id"), "usage", "words: expected at most three texts of at most %d bytes", SK_NAME_MAX - 1);
	return good;
}

static void
op_rfs(struct admin *a, struct client *c, const json_t *req)
{
	static const char *const known[] = { "id", "op", "module", "verb", "by", "words", "told" };
	const char *module, *name;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)req, name, v) {
		for (i = 0; i < ARRAY_LEN(known) && strcmp(known[i], name) != 0; i++)
			;
		if (i < ARRAY_LEN(known) && (strcmp(name, "told") != 0 || json_is_boolean(v)))
			continue;
		reply_error(c, json_object_get(req, "id"), "usage", "expected module, verb, by, words and told (true or false), got %.64s", name);
		return;
	}
	module = text_member(c, req, "module", SK_NAME_MAX, NULL);
	if (module == NULL || text_member(c, req, "verb", 16, NULL) == NULL || text_member(c, req, "by", SK_NAME_MAX, "unknown") == NULL ||
	    !good_words(c, req))
		return;
	forward(a, c, req, module, json_copy((json_t *)(uintptr_t)req));
}

static void
op_print(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL), *level, *message, *by;
	struct rpt_log row = { 0 };

	if (module == NULL || (level = text_member(c, req, "level", 2, NULL)) == NULL ||
	    (message = text_member(c, req, "message", SK_TEXT_MAX, NULL)) == NULL ||
	    (by = text_member(c, req, "by", SK_NAME_MAX, "user")) == NULL)
		return;
	if (level[0] != 'I' && level[0] != 'E') {
		reply_error(c, json_object_get(req, "id"), "usage", "level: expected I or E");
		return;
	}
	if (!must_exist(a, c, req, module))
		return;
	str_copy(row.module, sizeof(row.module), module);
	str_copy(row.origin, sizeof(row.origin), by);
	str_copy(row.level, sizeof(row.level), level);
	str_copy(row.message, sizeof(row.message), message);
	row.key = message_rows[level[0] == 'I' ? MSG_USER_I : MSG_USER_E].key;
	admin_log(a, &row);
	reply_ok(c, json_object_get(req, "id"), NULL);
}

static void
op_log(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, ""), *levels;
	json_int_t last, after;
	struct later *l;

	if (module == NULL || (levels = text_member(c, req, "levels", 16, "A")) == NULL || !LAST(c, req, &last) || !AFTER(c, req, &after) ||
	    (l = later_new(a, c, req)) == NULL)
		return;
	journal_ask_log(a->journal, module, levels, (int)last, (uint64_t)after, later_rows, l);
}

static void
op_history(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL), *resource;
	json_int_t last;
	struct later *l;

	if (module == NULL || (resource = text_member(c, req, "resource", SK_RES_MAX, NULL)) == NULL || !LAST(c, req, &last) ||
	    (l = later_new(a, c, req)) == NULL)
		return;
	journal_ask_history(a->journal, module, resource, (int)last, later_rows, l);
}

static void
op_notices(struct admin *a, struct client *c, const json_t *req)
{
	json_int_t last, after;
	struct later *l;

	if (LAST(c, req, &last) && AFTER(c, req, &after) && (l = later_new(a, c, req)) != NULL)
		journal_ask_notices(a->journal, (uint64_t)after, (int)last, later_rows, l);
}

static void
op_cmdlog(struct admin *a, struct client *c, const json_t *req)
{
	json_int_t last;
	struct later *l;

	if (LAST(c, req, &last) && (l = later_new(a, c, req)) != NULL)
		journal_ask_commands(a->journal, (int)last, later_rows, l);
}

static void
op_command(struct admin *a, struct client *c, const json_t *req)
{
	struct rpt_command row = { 0 };
	const char *status = text_member(c, req, "status", SK_NAME_MAX, NULL), *user, *command;
	json_int_t seq, pid;

	if (status == NULL || !number_member(c, req, "seq", 1, INT64_MAX, 0, &seq) || !number_member(c, req, "pid", 0, INT32_MAX, 0, &pid))
		return;
	if (seq > 0) {
		journal_command_end(a->journal, (uint64_t)seq, status);
		reply_ok(c, json_object_get(req, "id"), json_pack("{s:I}", "seq", seq));
		return;
	}
	if ((user = text_member(c, req, "user", SK_NAME_MAX, "unknown")) == NULL ||
	    (command = text_member(c, req, "command", SK_TEXT_MAX, NULL)) == NULL)
		return;
	row.time_us = clock_wall_us();
	row.pid = (uint32_t)pid;
	str_copy(row.status, sizeof(row.status), status);
	str_copy(row.user, sizeof(row.user), user);
	str_copy(row.command, sizeof(row.command), command);
	reply_ok(c, json_object_get(req, "id"), json_pack("{s:I}", "seq", (json_int_t)journal_command(a->journal, &row)));
}

static void
op_boot(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL), *value;
	char err[SK_TEXT_MAX] = "";
	int boot;

	if (module == NULL || (value = text_member(c, req, "value", 16, NULL)) == NULL)
		return;
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0 && strcmp(value, "status") != 0) {
		reply_error(c, json_object_get(req, "id"), "usage", "value: expected on, off or status");
		return;
	}
	if (!must_exist(a, c, req, module))
		return;
	boot = registry_boot(a, module, strcmp(value, "status") == 0 ? NULL : value, err, sizeof(err));
	if (boot < 0)
		reply_error(c, json_object_get(req, "id"), "refused", "%s", err);
	else
		reply_ok(c, json_object_get(req, "id"), json_pack("{s:s}", "boot", rpt_boot_names[boot]));
}

static void
op_clean(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL), *what;
	bool all;

	if (module == NULL || (what = text_member(c, req, "what", 16, NULL)) == NULL)
		return;
	all = strcmp(what, "all") == 0;
	if (!all && strcmp(what, "log") != 0 && strcmp(what, "resource") != 0 && strcmp(what, "process") != 0) {
		reply_error(c, json_object_get(req, "id"), "usage", "what: expected log, resource, process or all");
		return;
	}
	journal_forget(a->journal, module, all || strcmp(what, "log") == 0, all || strcmp(what, "resource") == 0);
	if ((all || strcmp(what, "process") == 0) && !registry_kill(a, module)) {
		reply_error(c, json_object_get(req, "id"), "notfound", "module %s has no process", module);
		return;
	}
	reply_ok(c, json_object_get(req, "id"), NULL);
}

static void
op_module_changed(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL);
	char err[SK_TEXT_MAX];

	if (module == NULL)
		return;
	if (registry_changed(a, module, err, sizeof(err)))
		reply_ok(c, json_object_get(req, "id"), NULL);
	else
		reply_error(c, json_object_get(req, "id"), "refused", "%s", err);
}

static void
op_cluster_changed(struct admin *a, struct client *c, const json_t *req)
{
	member_reload(a);
	reply_ok(c, json_object_get(req, "id"), NULL);
}

static void
op_confinfo(struct admin *a, struct client *c, const json_t *req)
{
	reply_ok(c, json_object_get(req, "id"), json_pack("{s:o}", "rows", member_confinfo(a)));
}

static void
op_heart(struct admin *a, struct client *c, const json_t *req)
{
	const char *module = text_member(c, req, "module", SK_NAME_MAX, NULL);
	char err[SK_TEXT_MAX];
	json_int_t pid;
	json_t *setup;

	if (module == NULL || !number_member(c, req, "pid", 1, INT32_MAX, 0, &pid))
		return;
	if (!registry_heart_hello(a, c, module, (int)pid, &setup, err, sizeof(err))) {
		reply_error(c, json_object_get(req, "id"), "refused", "%s", err);
		return;
	}
	reply_ok(c, json_object_get(req, "id"), json_pack("{s:o}", "setup", setup));
	certs_heart_came(a, module);
}

void
ops_request(struct admin *a, struct client *c, json_t *req)
{
	static const struct { const char *op; bool root; void (*run)(struct admin *a, struct client *c, const json_t *req); } ops[] = {
		{ "hello", false, op_hello }, { "get", false, op_get }, { "subscribe", false, op_subscribe }, { "action", false, op_action },
		{ "set", false, op_pass }, { "loop", false, op_pass }, { "failover", false, op_pass }, { "print", false, op_print },
		{ "errd", false, op_pass }, { "checker", false, op_pass }, { "explain", false, op_pass }, { "rfs", false, op_rfs },
		{ "log", false, op_log }, { "history", false, op_history }, { "notices", false, op_notices }, { "cmdlog", false, op_cmdlog },
		{ "command", false, op_command }, { "boot", false, op_boot }, { "clean", true, op_clean },
		{ "module-changed", true, op_module_changed }, { "cluster-changed", true, op_cluster_changed },
		{ "confinfo", false, op_confinfo }, { "heart", true, op_heart },
	};
	const json_t *id = json_object_get(req, "id");
	const char *op = json_string_value(json_object_get(req, "op"));
	size_t i;

	for (i = 0; op != NULL && i < ARRAY_LEN(ops); i++) {
		if (strcmp(ops[i].op, op) != 0)
			continue;
		if (ops[i].root && !client_is_root(c))
			reply_error(c, id, "denied", "%s is for root", op);
		else
			ops[i].run(a, c, req);
		return;
	}
	reply_error(c, id, "usage", "op: expected one of doc/PROTOCOL.md, got %.64s", op != NULL ? op : "none");
}
