/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed.c: the thread that listens to the engine: keeps the picture, hands notices on, carries orders out.
 *
 * Owns: the connection to safeadmin.  JSON is decoded outside of the mutex.  A message that cannot be understood is said and
 * skipped; a connection that cannot be understood is closed and made anew.  Never does: SNMP, or wait for the AgentX thread.
 */
#include "config.h"
#include "agent/agent.h"
#include "ctl/safekit.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECONNECT_MS	200	/* between attempts to reach the engine (ours) */
#define SUBSCRIBE_MS	10000	/* a picture of 100,000 resources takes the engine and us less than 1 s */
#define MESSAGES_PER_TURN 256	/* then orders have their turn (ours) */
#define ID_SUBSCRIBE	1000000	/* ids below are libsafekit's */
#define ID_NOTICES	1000001
#define ID_ORDER	1000002	/* first one of orders */

/* An order on its way: two questions (write it down; do it), then the end of what was written down */
struct errand {
	bool	 busy, merged, refused;
	json_int_t ask_command, ask_action;	/* ids, 0 = answered or not asked */
	json_int_t command_seq;	/* 0 = not written down */
	uint32_t module;
};

struct feed {
	struct agent *a;
	struct sk_conn *conn;
	bool	 pictured;	/* subscribe was answered */
	bool	 trim;		/* a picture was taken: its JSON and the old rows are free now */
	bool	 more;		/* messages wait in the connection's own buffer: poll() does not know of them */
	json_t	*held;		/* array: notices that came while older ones are still asked for; NULL: none are */
	char	 said[256];	/* why the engine is not reached: said once */
	int64_t	 asked_ms;
	json_int_t last_id;
	struct errand errand[ORDERS];
};

static int64_t
wall_ms(void)
{
	return clock_wall_us() / 1000;
}

static const char *
text_of(const json_t *obj, const char *member, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(obj, member));

	return text != NULL ? text : otherwise;
}

/* ---- pictures ---- */

/* Rows of one list into a table of fresh; those that cannot be understood are said and left out */
static void
read_rows(const json_t *obj, const char *list, struct snap *fresh, int64_t now)
{
	const json_t *row;
	char err[256] = "";
	size_t i;

	json_array_foreach(json_object_get(obj, list), i, row) {
		bool good;

		if (strcmp(list, "modules") == 0) {
			struct rpt_module m = { .id = 0 };

			good = report_decode(&rpt_module_type, row, &m, err, sizeof(err)) && snap_put_module(fresh, &m, now);
		} else if (strcmp(list, "resources") == 0) {
			struct rpt_resource r = { .module_id = 0 };

			good = report_decode(&rpt_resource_type, row, &r, err, sizeof(err)) && snap_put_resource(fresh, &r, now);
		} else if (strcmp(list, "shares") == 0) {
			struct rpt_share s = { .module_id = 0 };

			good = report_decode(&rpt_share_type, row, &s, err, sizeof(err)) && snap_put_share(fresh, &s, now);
		} else {
			struct rpt_node n = { .index = 0 };

			good = report_decode(&rpt_node_type, row, &n, err, sizeof(err)) && snap_put_node(fresh, &n, now);
		}
		if (!good)
			warn_text("engine: %s row %zu left out: %s", list, i, err[0] != '\0' ? err : "number out of range");
	}
}

static void
take_picture(struct feed *f, const json_t *obj)
{
	struct agent *a = f->a;
	int64_t now = clock_mono_ms();
	uint64_t have, last = 0;
	struct snap *fresh;
	char err[256];

	fresh = malloc(sizeof(*fresh));
	if (fresh == NULL || !snap_init(fresh, now)) {
		warn_text("no memory for the picture of the engine");
		free(fresh);
		return;
	}
	if (!report_decode(&rpt_engine_type, json_object_get(obj, "engine"), &fresh->engine, err, sizeof(err)))
		warn_text("engine: %s", err);
	read_rows(obj, "modules", fresh, now);
	read_rows(obj, "resources", fresh, now);
	read_rows(obj, "nodes", fresh, now);
	read_rows(obj, "shares", fresh, now);
	if (json_is_integer(json_object_get(obj, "notice_seq")))
		last = (uint64_t)json_integer_value(json_object_get(obj, "notice_seq"));

	pthread_mutex_lock(&a->mutex);
	snap_exchange(&a->snap, fresh, clock_mono_ms());
	if (last < a->snap.notice_seq)
		snap_reset_notices(&a->snap);	/* the engine lost its journal and counts anew */
	have = a->snap.notice_seq;
	pthread_mutex_unlock(&a->mutex);
	snap_free(fresh);
	free(fresh);
	f->pictured = f->trim = true;
	warn_text("engine: connected");
	/* what happened while we were not there, or before */
	if (last > have && (f->held = json_array()) != NULL)
		sk_send(f->conn, json_pack("{s:i, s:s, s:I, s:i}", "id", ID_NOTICES, "op", "notices", "after", (json_int_t)have,
		    "last", SNAP_NOTICES));
}

/* ---- notices ---- */

static void
take_notice(struct feed *f, const json_t *row, bool send)
{
	struct rpt_notice n = { .seq = 0 };
	int64_t now = clock_mono_ms();
	bool queued = false;
	char err[256];

	if (!report_decode(&rpt_notice_type_type, row, &n, err, sizeof(err))) {
		warn_text("engine: notice left out: %s", err);
		return;
	}
	pthread_mutex_lock(&f->a->mutex);
	if (snap_put_notice(&f->a->snap, &n, now) && send)
		queued = trap_offer(&f->a->traps, &n, now);
	pthread_mutex_unlock(&f->a->mutex);
	if (queued)
		agent_wake(f->a->wake_agentx);
}

/* The notices that we asked for after a picture, then those that came meanwhile: the table takes them in their order only.  Those of
 * before the start of the agent fill the table and are not sent again. */
static void
take_notices(struct feed *f, const json_t *obj)
{
	json_t *held = f->held;
	const json_t *row;
	int64_t started;
	size_t i;

	pthread_mutex_lock(&f->a->mutex);
	started = f->a->snap.started_ms;
	pthread_mutex_unlock(&f->a->mutex);
	json_array_foreach(json_object_get(obj, "rows"), i, row)
		take_notice(f, row, json_integer_value(json_object_get(row, "time_ms")) >= started);
	f->held = NULL;
	json_array_foreach(held, i, row)
		take_notice(f, row, true);
	json_decref(held);
}

/* ---- events ---- */

static const char *
take_module(struct feed *f, const json_t *event)
{
	struct rpt_module m = { .id = 0 };
	static char err[256];
	bool good;

	if (!report_decode(&rpt_module_type, json_object_get(event, "data"), &m, err, sizeof(err)))
		return err;
	pthread_mutex_lock(&f->a->mutex);
	good = snap_put_module(&f->a->snap, &m, clock_mono_ms());
	pthread_mutex_unlock(&f->a->mutex);
	return good ? NULL : "module id out of range";
}

static const char *
take_resource(struct feed *f, const json_t *event)
{
	struct rpt_resource r = { .module_id = 0 };
	static char err[256];
	bool good;

	if (!report_decode(&rpt_resource_type, json_object_get(event, "data"), &r, err, sizeof(err)))
		return err;
	pthread_mutex_lock(&f->a->mutex);
	good = snap_put_resource(&f->a->snap, &r, clock_mono_ms());
	pthread_mutex_unlock(&f->a->mutex);
	return good ? NULL : "module id or index out of range";
}

static const char *
take_share(struct feed *f, const json_t *event)
{
	struct rpt_share s = { .module_id = 0 };
	static char err[256];
	bool good;

	if (!report_decode(&rpt_share_type, json_object_get(event, "data"), &s, err, sizeof(err)))
		return err;
	pthread_mutex_lock(&f->a->mutex);
	good = snap_put_share(&f->a->snap, &s, clock_mono_ms());
	pthread_mutex_unlock(&f->a->mutex);
	return good ? NULL : "module id or index out of range";
}

static const char *
take_node(struct feed *f, const json_t *event)
{
	struct rpt_node n = { .index = 0 };
	static char err[256];
	bool good;

	if (!report_decode(&rpt_node_type, json_object_get(event, "data"), &n, err, sizeof(err)))
		return err;
	pthread_mutex_lock(&f->a->mutex);
	good = snap_put_node(&f->a->snap, &n, clock_mono_ms());
	pthread_mutex_unlock(&f->a->mutex);
	return good ? NULL : "node index out of range";
}

static const char *
take_engine(struct feed *f, const json_t *event)
{
	struct rpt_engine e;
	static char err[256];

	memset(&e, 0, sizeof(e));
	if (!report_decode(&rpt_engine_type, json_object_get(event, "data"), &e, err, sizeof(err)))
		return err;
	pthread_mutex_lock(&f->a->mutex);
	f->a->snap.engine = e;
	pthread_mutex_unlock(&f->a->mutex);
	return NULL;
}

static bool
number_of(const json_t *obj, const char *member, uint32_t *n)
{
	const json_t *v = json_object_get(obj, member);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
		return false;
	*n = (uint32_t)json_integer_value(v);
	return true;
}

static const char *
take_gone(struct feed *f, const json_t *event, enum snap_table table)
{
	bool module = table == SNAP_MODULES;
	uint32_t id, index = 0;

	if (!number_of(event, module ? "id" : "module_id", &id) || (!module && !number_of(event, "index", &index)))
		return "expected the number of what is gone";
	pthread_mutex_lock(&f->a->mutex);
	if (module)
		snap_drop_module(&f->a->snap, id, clock_mono_ms());
	else if (table == SNAP_SHARES)
		snap_drop_share(&f->a->snap, id, index, clock_mono_ms());
	else
		snap_drop_resource(&f->a->snap, id, index, clock_mono_ms());
	pthread_mutex_unlock(&f->a->mutex);
	return NULL;
}

static void
take_event(struct feed *f, const char *name, const json_t *event)
{
	const char *wrong = NULL;

	if (strcmp(name, "tick") == 0)
		return;	/* that it came was noted */
	if (strcmp(name, "module") == 0) {
		wrong = take_module(f, event);
	} else if (strcmp(name, "resource") == 0) {
		wrong = take_resource(f, event);
	} else if (strcmp(name, "module-gone") == 0) {
		wrong = take_gone(f, event, SNAP_MODULES);
	} else if (strcmp(name, "resource-gone") == 0) {
		wrong = take_gone(f, event, SNAP_RESOURCES);
	} else if (strcmp(name, "share") == 0) {
		wrong = take_share(f, event);
	} else if (strcmp(name, "share-gone") == 0) {
		wrong = take_gone(f, event, SNAP_SHARES);
	} else if (strcmp(name, "node") == 0) {
		wrong = take_node(f, event);
	} else if (strcmp(name, "nodes-reset") == 0) {
		pthread_mutex_lock(&f->a->mutex);
		snap_reset_nodes(&f->a->snap, clock_mono_ms());
		pthread_mutex_unlock(&f->a->mutex);
	} else if (strcmp(name, "engine") == 0) {
		wrong = take_engine(f, event);
	} else if (strcmp(name, "notice") == 0) {
		if (f->held == NULL || json_array_append(f->held, json_object_get(event, "data")) == -1)
			take_notice(f, json_object_get(event, "data"), true);
	}
	if (wrong != NULL)
		warn_text("engine: event %s left out: %s", name, wrong);
}

/* ---- orders ---- */

/* Write down how it ended, when both answers are there */
static void
errand_close(struct feed *f, struct errand *e)
{
	if (e->ask_command != 0 || e->ask_action != 0)
		return;
	if (e->command_seq != 0)
		sk_send(f->conn, json_pack("{s:I, s:s, s:I, s:s}", "id", ++f->last_id, "op", "command", "seq", e->command_seq,
		    "status", e->refused ? "return 1" : "return 0"));
	e->busy = false;
}

static void
errand_answer(struct feed *f, struct errand *e, json_int_t id, const json_t *obj)
{
	bool ok = json_is_true(json_object_get(obj, "ok"));
	json_int_t seq = json_integer_value(json_object_get(obj, "seq"));

	if (id == e->ask_command) {
		e->ask_command = 0;
		if (ok)
			e->command_seq = seq;
		else
			warn_text("engine: command log: %s", text_of(obj, "message", "refused without a reason"));
	} else {
		e->ask_action = 0;
		e->refused = !ok;
		pthread_mutex_lock(&f->a->mutex);
		if (ok)
			snap_accepted(&f->a->snap, e->module, (uint32_t)seq);
		else
			snap_ended(&f->a->snap, e->module, OUT_REFUSED, text_of(obj, "message", "refused without a reason"), wall_ms());
		pthread_mutex_unlock(&f->a->mutex);
	}
	errand_close(f, e);
}

static struct errand *
errand_free(struct feed *f)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(f->errand); i++)
		if (!f->errand[i].busy)
			return &f->errand[i];
	return NULL;
}

/* Orders that wait, as long as there is room to remember their answers */
static void
run_orders(struct feed *f)
{
	struct errand *e;
	struct order o;
	char text[128];
	bool more;

	while (f->pictured && (e = errand_free(f)) != NULL) {
		pthread_mutex_lock(&f->a->mutex);
		more = order_take(&f->a->orders, &o);
		pthread_mutex_unlock(&f->a->mutex);
		if (!more)
			return;
		*e = (struct errand){ .busy = true, .merged = o.merged, .module = o.module };
		snprintf(text, sizeof(text), "snmp set %s -m %s%s", rpt_verb_names[o.verb], o.name,
		    o.merged ? " (repeated: runs already)" : "");
		e->ask_command = ++f->last_id;
		sk_send(f->conn, json_pack("{s:I, s:s, s:i, s:s, s:s, s:s}", "id", e->ask_command, "op", "command", "pid", (int)getpid(),
		    "user", "snmp", "command", text, "status", "running"));
		if (o.merged)
			continue;
		e->ask_action = ++f->last_id;
		sk_send(f->conn, json_pack("{s:I, s:s, s:s, s:s, s:s}", "id", e->ask_action, "op", "action", "module", o.name,
		    "verb", rpt_verb_names[o.verb], "by", "snmp"));
	}
}

/* ---- the connection ---- */

static void
take_answer(struct feed *f, json_int_t id, const json_t *obj)
{
	bool ok = json_is_true(json_object_get(obj, "ok"));
	size_t i;

	if (!ok && (id == ID_SUBSCRIBE || id == ID_NOTICES))
		warn_text("engine: %s: %s", id == ID_SUBSCRIBE ? "subscribe" : "notices", text_of(obj, "message", "refused without a reason"));
	if (ok && id == ID_SUBSCRIBE)
		take_picture(f, obj);
	if (id == ID_NOTICES)
		take_notices(f, obj);	/* without rows when they were refused */
	for (i = 0; i < ARRAY_LEN(f->errand); i++)
		if (f->errand[i].busy && id != 0 && (id == f->errand[i].ask_command || id == f->errand[i].ask_action))
			errand_answer(f, &f->errand[i], id, obj);
}

static void
take(struct feed *f, const json_t *obj)
{
	const json_t *id = json_object_get(obj, "id");
	const char *event = json_string_value(json_object_get(obj, "event"));

	pthread_mutex_lock(&f->a->mutex);
	f->a->snap.heard_ms = clock_mono_ms();
	pthread_mutex_unlock(&f->a->mutex);
	if (json_is_integer(json_object_get(obj, "id")) && event == NULL)
		take_answer(f, json_integer_value(id), obj);
	else if (event != NULL)
		take_event(f, event, obj);
	else
		warn_text("engine: %s", text_of(obj, "message", "a message that is no event and no answer"));
}

static void
hang_up(struct feed *f, const char *why)
{
	warn_text("engine: %s", why);
	sk_close(f->conn);
	f->conn = NULL;
	f->pictured = f->more = false;
	json_decref(f->held);
	f->held = NULL;	/* they are asked for again */
	memset(f->errand, 0, sizeof(f->errand));
	pthread_mutex_lock(&f->a->mutex);
	f->a->orders.count = 0;	/* of SETs that were asked in the last moment: told as failed by snap_lost() */
	snap_lost(&f->a->snap, wall_ms());
	pthread_mutex_unlock(&f->a->mutex);
}

static void
call_engine(struct feed *f)
{
	char err[256];

	f->conn = sk_connect(err, sizeof(err));
	if (f->conn == NULL) {
		if (strcmp(err, f->said) != 0)
			warn_text("engine: %s (trying again each %d ms)", err, RECONNECT_MS);
		str_copy(f->said, sizeof(f->said), err);
		return;
	}
	f->said[0] = '\0';
	f->last_id = ID_ORDER;
	f->asked_ms = clock_mono_ms();
	sk_send(f->conn, json_pack("{s:i, s:s, s:b}", "id", ID_SUBSCRIBE, "op", "subscribe", "logs", 0));
}

static void
listen_engine(struct feed *f)
{
	struct pollfd p[2] = { { .fd = sk_fd(f->conn), .events = POLLIN }, { .fd = f->a->wake_feed, .events = POLLIN } };
	char err[256] = "";
	int i, rc = 0;
	json_t *obj;

	if (sk_wants_write(f->conn))
		p[0].events |= POLLOUT;
	if (poll(p, 2, f->more ? 0 : 1000) == -1 && errno != EINTR) {
		hang_up(f, strerror(errno));
		return;
	}
	if (p[1].revents != 0)
		agent_woken(f->a->wake_feed);
	for (i = 0; i < MESSAGES_PER_TURN && (rc = sk_next(f->conn, &obj, 0, err, sizeof(err))) == 1; i++) {
		take(f, obj);
		json_decref(obj);
	}
	f->more = rc == 1;
	if (f->trim && !f->more)
		malloc_trim(0);	/* otherwise they stay with us: 80 MB at 100,000 resources */
	f->trim = f->trim && f->more;
	if (rc == -1)
		hang_up(f, err);
	else if (!f->pictured && clock_mono_ms() - f->asked_ms > SUBSCRIBE_MS)
		hang_up(f, "subscribe was not answered within 10 s");
	else
		run_orders(f);
}

void *
feed_run(void *agent)
{
	static struct feed f;

	f.a = agent;
	while (!agent_quitting()) {
		struct pollfd p = { .fd = f.a->wake_feed, .events = POLLIN };

		if (f.conn != NULL)
			listen_engine(&f);
		else
			call_engine(&f);
		/* also after a connection that ended: what made us hang up may do so again at once */
		if (f.conn == NULL && poll(&p, 1, RECONNECT_MS) == 1)
			agent_woken(f.a->wake_feed);
	}
	sk_close(f.conn);
	json_decref(f.held);
	return NULL;
}
