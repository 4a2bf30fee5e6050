/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed.c: the one connection to the engine: keeps the picture and the events up to date, and carries questions of requests.
 *
 * Owns: the connection, and the questions that have no answer yet.  When the engine goes, its picture goes with it: nobody is shown what may not
 * be so any more.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "ctl/safekit.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MS	200	/* between attempts to reach the engine (ours) */
#define SILENT_MS	10000	/* without a word, though it says "tick" each 2 s: it hangs (ours) */
#define ASK_MS		10000	/* for an answer (as safekit) */
#define ASKS_MAX	128	/* questions at once (ours) */
#define MESSAGES_PER_TURN 4096	/* then requests have their turn (ours) */
#define MESSAGES_TOLD	32	/* the same where somebody listens: what one turn can tell him (ours) */
#define ID_SUBSCRIBE	1000000	/* ids below are libsafekit's */
#define ID_FIRST	1000001

static struct sk_conn *conn;
static bool pictured, more;
static int64_t heard_ms, called_ms, last_id = ID_FIRST;
static char said[256];
static struct question { json_int_t id; struct request *r; engine_reply then; int64_t until_ms; } questions[ASKS_MAX];

static const struct kind { const char *list, *event; enum list l; } kinds[] = {
	{ "modules", "module", L_MODULES }, { "resources", "resource", L_RESOURCES }, { "nodes", "node", L_NODES }, { "shares", "share", L_SHARES },
};

bool
feed_connected(void)
{
	return conn != NULL && pictured;
}

/* ---- the picture ---- */

static void
put_rows(enum list l, const json_t *list)
{
	const json_t *row;
	size_t i;

	picture_clear(l);
	json_array_foreach(list, i, row)
		if (!picture_put(l, row))
			gate_log_rarely("engine: a row of its picture is not understood");
}

static void
take_picture(const json_t *obj)
{
	char text[64];
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		put_rows(kinds[i].l, json_object_get(obj, kinds[i].list));
	put_rows(L_REMOTES, json_object_get(obj, "remotes"));
	picture_clear(L_ENGINE);
	(void)picture_put(L_ENGINE, json_object_get(obj, "engine"));
	pictured = true;
	gate_log("engine: connected");
	snprintf(text, sizeof(text), "{\"connected\":true}");
	ring_put("reset", "", text);
}

/* ---- events ---- */

static uint32_t
number_of(const json_t *obj, const char *member)
{
	json_int_t n = json_integer_value(json_object_get(obj, member));

	return n >= 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

static void
publish(const char *kind, const char *module, const json_t *data)
{
	char *text = json_dumps(data, JSON_COMPACT);

	if (text != NULL)
		ring_put(kind, module, text);
	free(text);
}

/* "module-gone" and so on: the numbers, and the module's name, which a listener may not know any more */
static void
take_gone(enum list l, const char *name, const json_t *event)
{
	uint32_t id = number_of(event, l == L_MODULES ? "id" : "module_id"), index = number_of(event, "index");
	json_t *data = json_pack("{s:I,s:I,s:s}", "module_id", (json_int_t)id, "index", (json_int_t)index, "module", picture_module_name(id));

	publish(name, picture_module_name(id), data);
	json_decref(data);
	picture_drop(l, id, index);
}

static void
take_row(const struct kind *k, const json_t *data)
{
	const char *module = json_string_value(json_object_get(data, k->l == L_MODULES ? "name" : "module")), *text;

	if (!picture_put(k->l, data)) {
		gate_log_rarely("engine: event %s is not understood", k->event);
		return;
	}
	text = picture_text(k->l, k->l == L_NODES ? 0 : number_of(data, k->l == L_MODULES ? "id" : "module_id"),
	    k->l == L_MODULES ? 0 : number_of(data, "index"));
	if (text != NULL)
		ring_put(k->event, module != NULL ? module : "", text);
}

static void
take_event(const char *name, const json_t *event)
{
	const json_t *data = json_object_get(event, "data");
	const char *module = json_string_value(json_object_get(data, "module"));
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(name, kinds[i].event) == 0) {
			take_row(&kinds[i], data);
			return;
		}
	if (strcmp(name, "module-gone") == 0) {
		take_gone(L_MODULES, name, event);
	} else if (strcmp(name, "resource-gone") == 0) {
		take_gone(L_RESOURCES, name, event);
	} else if (strcmp(name, "share-gone") == 0) {
		take_gone(L_SHARES, name, event);
	} else if (strcmp(name, "nodes-reset") == 0) {
		picture_clear(L_NODES);
		ring_put(name, "", "{}");
	} else if (strcmp(name, "remotes") == 0) {
		put_rows(L_REMOTES, json_object_get(event, "rows"));
		publish(name, "", json_object_get(event, "rows"));
	} else if (strcmp(name, "engine") == 0) {
		(void)picture_put(L_ENGINE, data);
		publish(name, "", data);
	} else if (strcmp(name, "notice") == 0 || strcmp(name, "log") == 0) {
		publish(name, module != NULL ? module : "", data);
	}
}

/* ---- questions ---- */

static unsigned
status_of(const char *code)
{
	static const struct { const char *code; unsigned status; } codes[] = {
		{ "usage", 400 }, { "notfound", 404 }, { "refused", 409 }, { "busy", 503 }, { "denied", 403 }, { "unreachable", 503 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].code, code) == 0)
			return codes[i].status;
	return 500;
}

void
engine_ask(struct request *r, json_t *req, engine_reply then)
{
	struct question *q;

	for (q = questions; q < questions + ASKS_MAX && q->r != NULL; q++)
		;
	if (!feed_connected() || req == NULL || q == questions + ASKS_MAX) {
		json_decref(req);
		problem(r, 503, feed_connected() ? "too many questions at once" : "the engine of this server does not answer");
		return;
	}
	*q = (struct question){ ++last_id, r, then, clock_mono_ms() + ASK_MS };
	json_object_set_new(req, "id", json_integer(q->id));
	if (sk_send(conn, req))
		return;
	q->r = NULL;
	problem(r, 503, "the engine of this server does not answer");
}

static void
take_answer(json_int_t id, const json_t *obj)
{
	const char *code = json_string_value(json_object_get(obj, "code")), *message = json_string_value(json_object_get(obj, "message"));
	struct question *q;
	struct request *r;

	for (q = questions; q < questions + ASKS_MAX && (q->r == NULL || q->id != id); q++)
		;
	if (q == questions + ASKS_MAX)
		return;
	r = q->r;
	q->r = NULL;
	if (json_is_true(json_object_get(obj, "ok")))
		q->then(r, obj);
	else
		problem(r, status_of(code != NULL ? code : ""), "%s", message != NULL ? message : "the engine gave no reason");
}

static void
end_questions(int64_t older_than)
{
	struct question *q;

	for (q = questions; q < questions + ASKS_MAX; q++)
		if (q->r != NULL && q->until_ms <= older_than) {
			struct request *r = q->r;

			q->r = NULL;
			problem(r, 503, "the engine of this server did not answer");
		}
}

/* ---- the connection ---- */

static void
hang_up(const char *why)
{
	bool was = pictured;
	int i;

	gate_log("engine: %s", why);
	sk_close(conn);
	conn = NULL;
	pictured = more = false;
	end_questions(INT64_MAX);
	for (i = 0; was && i < L_COUNT; i++)
		picture_clear((enum list)i);
	if (was)
		ring_put("reset", "", "{\"connected\":false}");
}

static void
call_engine(void)
{
	char err[256];

	called_ms = heard_ms = clock_mono_ms();
	conn = sk_connect(err, sizeof(err));
	if (conn == NULL) {
		if (strcmp(err, said) != 0)
			gate_log("engine: %s (trying again each %d ms)", err, RECONNECT_MS);
		str_copy(said, sizeof(said), err);
		return;
	}
	said[0] = '\0';
	sk_send(conn, json_pack("{s:i, s:s, s:b}", "id", ID_SUBSCRIBE, "op", "subscribe", "logs", 1));
}

static void
take(const json_t *obj)
{
	const char *event = json_string_value(json_object_get(obj, "event")), *message = json_string_value(json_object_get(obj, "message"));
	json_int_t id = json_integer_value(json_object_get(obj, "id"));

	heard_ms = clock_mono_ms();
	if (event != NULL)
		take_event(event, obj);
	else if (id == ID_SUBSCRIBE && json_is_true(json_object_get(obj, "ok")))
		take_picture(obj);
	else if (id > ID_FIRST)
		take_answer(id, obj);
	else
		gate_log_rarely("engine: %s", message != NULL ? message : "a message that is no event and no answer");
}

int
feed_fd(short *events)
{
	if (conn == NULL)
		return -1;
	*events = (short)(POLLIN | (sk_wants_write(conn) ? POLLOUT : 0));
	return sk_fd(conn);
}

int
feed_timeout(void)
{
	return more ? 0 : conn == NULL ? RECONNECT_MS : 1000;
}

void
feed_turn(void)
{
	int64_t now = clock_mono_ms();
	char err[256] = "";
	int i, rc = 0, most = events_count() > 0 ? MESSAGES_TOLD : MESSAGES_PER_TURN;
	json_t *obj;

	if (conn == NULL) {
		if (called_ms == 0 || now - called_ms >= RECONNECT_MS)
			call_engine();
		return;
	}
	for (i = 0; i < most && (rc = sk_next(conn, &obj, 0, err, sizeof(err))) == 1; i++) {
		take(obj);
		json_decref(obj);
	}
	more = rc == 1;
	end_questions(now);
	if (rc == -1)
		hang_up(err);
	else if (clock_mono_ms() - heard_ms > SILENT_MS)
		hang_up("it says nothing");
}
