/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.c: from reports and histories to changes.
 *
 * While the history of a resource is asked for, what is told of it is held back: the answer may have it or not.  The history is in the order of
 * events; what was written down last is found in it by its time and by how many changes there were at that time.
 */
#include "config.h"
#include "agent/export/record.h"

#include <stdio.h>

#define ASKS		64	/* histories on their way at once (ours) */
#define HISTORY_ROWS	1000	/* that the engine keeps of a resource */
#define HELD_MAX	100000	/* reports held back; more: the connection is made anew (ours) */

struct record {
	struct spool	*spool;
	struct sk_conn	*conn;
	char		 node[SK_NAME_MAX];
	json_t		*pending;	/* "module/resource" -> array of [time, value] held back, the first from the picture */
	json_t		*todo;		/* array of their names that were not asked for yet */
	size_t		 asked, held;
	json_int_t	 first_id, next_id;	/* of this connection */
	char		 ask[ASKS][SK_NAME_MAX + SK_RES_MAX];	/* name by id % ASKS; "" = free */
	bool		 failed;
};

struct record *
record_new(struct spool *s)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->spool = s;
	r->next_id = RECORD_FIRST_ID;
	r->pending = json_object();
	r->todo = json_array();
	return r;
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	json_decref(r->pending);
	json_decref(r->todo);
	free(r);
}

static void
forget(struct record *r)
{
	json_object_clear(r->pending);
	json_array_clear(r->todo);
	memset(r->ask, 0, sizeof(r->ask));
	r->asked = r->held = 0;
	r->first_id = r->next_id;
}

void
record_connected(struct record *r, struct sk_conn *conn, const char *node)
{
	r->conn = conn;
	if (conn != NULL)
		str_copy(r->node, sizeof(r->node), node);
	r->failed = false;
	forget(r);
}

/* ---- putting ---- */

static void
put(struct record *r, const char *module, const char *resource, const char *value, int64_t time_ms)
{
	if (spool_put(r->spool, r->node, module, resource, value, time_ms) == SPOOL_FAILED)
		r->failed = true;
}

static void
hold(struct record *r, json_t *held, const struct rpt_resource *res, int64_t time_ms)
{
	json_array_append_new(held, json_pack("[I,s]", (json_int_t)time_ms, res->value));
	if (++r->held > HELD_MAX)
		r->failed = true;
}

void
record_resource(struct record *r, const struct rpt_resource *res, bool live)
{
	int64_t time_ms = res->since_ms != 0 ? res->since_ms : res->assigned_ms;
	char name[SK_NAME_MAX + SK_RES_MAX];
	struct spool_last last;
	json_t *held;

	if (r->failed || r->conn == NULL)
		return;
	snprintf(name, sizeof(name), "%s/%s", res->module, res->name);
	held = json_object_get(r->pending, name);
	if (held != NULL) {
		hold(r, held, res, time_ms);
		return;
	}
	if (live) {
		put(r, res->module, res->name, res->value, time_ms);
		return;
	}
	if (!spool_last(r->spool, r->node, res->module, res->name, &last)) {
		r->failed = true;
	} else if (!last.known && time_ms <= last.time_ms) {
		put(r, res->module, res->name, res->value, time_ms);	/* never seen, and older than the spool: its past is not ours */
	} else if (last.time_ms != time_ms || strcmp(last.value, res->value) != 0) {
		json_object_set_new(r->pending, name, json_array());
		json_array_append_new(r->todo, json_string(name));
		hold(r, json_object_get(r->pending, name), res, time_ms);
	}
}

/* ---- histories ---- */

static json_int_t
time_of(const json_t *rows, size_t i)
{
	return json_integer_value(json_object_get(json_array_get(rows, i), "time_ms"));
}

static const char *
value_of(const json_t *rows, size_t i)
{
	return json_string_value(json_object_get(json_array_get(rows, i), "value"));
}

/* The first row that was not written down yet */
static size_t
news(const json_t *rows, const struct spool_last *last)
{
	size_t i, n = json_array_size(rows), newer = n, behind = 0;
	uint32_t count = 0;

	for (i = 0; i < n && (!last->known || count < last->count); i++) {
		if (last->known && time_of(rows, i) == last->time_ms) {
			count++;
			behind = i + 1;
		}
		if (time_of(rows, i) > last->time_ms && newer == n)
			newer = i;
	}
	return count > 0 ? behind : newer;
}

static bool
has(const json_t *rows, json_int_t time_ms, const char *value)
{
	size_t i;

	for (i = json_array_size(rows); i > 0; i--)
		if (time_of(rows, i - 1) == time_ms && value_of(rows, i - 1) != NULL && strcmp(value_of(rows, i - 1), value) == 0)
			return true;
	return false;
}

static void
take_history(struct record *r, const char *name, const json_t *rows)
{
	const char *slash = strchr(name, '/'), *resource = slash + 1;
	char module[SK_NAME_MAX];
	json_t *held = json_object_get(r->pending, name), *row;
	struct spool_last last;
	size_t i;

	if (held == NULL || !path_format(module, sizeof(module), "%.*s", (int)(slash - name), name))
		return;
	if (!spool_last(r->spool, r->node, module, resource, &last)) {
		r->failed = true;
		return;
	}
	for (i = news(rows, &last); i < json_array_size(rows); i++)
		if (value_of(rows, i) != NULL)
			put(r, module, resource, value_of(rows, i), time_of(rows, i));
	/* what the history has not: it came later, or the engine lost it */
	json_array_foreach(held, i, row) {
		json_int_t t = json_integer_value(json_array_get(row, 0));
		const char *value = json_string_value(json_array_get(row, 1));

		if (!spool_last(r->spool, r->node, module, resource, &last))
			r->failed = true;
		else if (value != NULL && !has(rows, t, value) && (!last.known || t > last.time_ms || (t == last.time_ms && strcmp(value, last.value) != 0)))
			put(r, module, resource, value, t);
	}
	r->held -= json_array_size(held);
	json_object_del(r->pending, name);
}

void
record_answer(struct record *r, json_int_t id, const json_t *obj)
{
	char *name = r->ask[id % ASKS];

	if (id < r->first_id || id >= r->next_id || name[0] == '\0' || r->failed)
		return;
	take_history(r, name, json_object_get(obj, "rows"));	/* without rows when it was refused */
	name[0] = '\0';
	r->asked--;
}

static void
ask_more(struct record *r)
{
	char module[SK_NAME_MAX];

	while (r->conn != NULL && r->asked < ASKS && json_array_size(r->todo) > 0) {
		const char *name = json_string_value(json_array_get(r->todo, json_array_size(r->todo) - 1)), *slash = strchr(name, '/');
		char *ask = r->ask[r->next_id % ASKS];

		if (ask[0] != '\0')
			return;	/* the oldest one is still on its way */
		path_format(module, sizeof(module), "%.*s", (int)(slash - name), name);
		str_copy(ask, SK_NAME_MAX + SK_RES_MAX, name);
		sk_send(r->conn, json_pack("{s:I, s:s, s:s, s:s, s:i}", "id", r->next_id++, "op", "history", "module", module, "resource", slash + 1,
		    "last", HISTORY_ROWS));
		r->asked++;
		json_array_remove(r->todo, json_array_size(r->todo) - 1);
	}
}

bool
record_turn(struct record *r)
{
	if (!spool_commit(r->spool))
		r->failed = true;
	if (r->failed)
		forget(r);
	else
		ask_more(r);
	if (!r->failed && r->asked == 0 && json_array_size(r->todo) == 0)
		spool_settled(r->spool);
	return !r->failed;
}
