/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * feed.c: listens to the engine: keeps the picture, counts notices, has changes of resources recorded.
 *
 * Owns: the connection to safeadmin.  JSON is decoded outside of the mutex.  A message that cannot be understood is said and skipped; a
 * connection that cannot be understood is closed and made anew.  Never does: HTTP, or wait for another thread for longer than a
 * transaction of the spool takes.
 */
#include "config.h"
#include "agent/export/export.h"
#include "agent/export/record.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECONNECT_MS	200	/* between attempts to reach the engine (ours) */
#define SUBSCRIBE_MS	10000	/* a picture of 100,000 resources takes the engine and us less than 1 s */
#define MESSAGES_PER_TURN 4096	/* then what was recorded is committed, if not before because nothing more came (ours) */
#define REVIVE_MS	1000	/* between attempts to open a spool that does not work (ours) */
#define FIGURES_MS	1000	/* between looks at its size (ours) */
#define NOTICES_MAX	10000	/* that the engine keeps */
#define ID_SUBSCRIBE	1000000	/* ids below are libsafekit's */
#define ID_NOTICES	1000001

struct feed {
	struct exporter *e;
	struct sk_conn *conn;
	bool	 pictured;	/* subscribe was answered */
	bool	 trim;		/* a picture was taken: its JSON and the old rows are free now */
	bool	 more;		/* messages wait in the connection's own buffer: poll() does not know of them */
	json_t	*held;		/* array: notices that came while older ones are still asked for; NULL: none are */
	char	 said[256];	/* why the engine is not reached: said once */
	int64_t	 asked_ms;
	/* where there are sinks */
	struct record *record;
	bool	 following;	/* resources of the picture that did not fit into the answer follow as events */
	bool	 retell;	/* the spool did not take what was recorded: the picture is told again when it works */
	int64_t	 revived_ms, figures_ms;
};

static const char *
text_of(const json_t *obj, const char *member, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(obj, member));

	return text != NULL ? text : otherwise;
}

/* ---- rows ---- */

union row { struct rpt_module module; struct rpt_resource resource; struct rpt_node node; struct rpt_share share; };

static const struct list { const char *list, *event; enum snap_table table; const struct report_type *type; } lists[] = {
	{ "modules", "module", SNAP_MODULES, &rpt_module_type }, { "resources", "resource", SNAP_RESOURCES, &rpt_resource_type },
	{ "nodes", "node", SNAP_NODES, &rpt_node_type }, { "shares", "share", SNAP_SHARES, &rpt_share_type },
};

static bool
put(struct snap *s, enum snap_table table, const union row *row)
{
	int64_t now = clock_mono_ms();

	switch (table) {
	case SNAP_MODULES: return snap_put_module(s, &row->module, now);
	case SNAP_RESOURCES: return snap_put_resource(s, &row->resource, now);
	case SNAP_NODES: return snap_put_node(s, &row->node, now);
	default: return snap_put_share(s, &row->share, now);
	}
}

static bool
decode(const struct list *l, const json_t *obj, union row *row, char *err, size_t errsize)
{
	memset(row, 0, sizeof(*row));
	return report_decode(l->type, obj, row, err, errsize);
}

static void
read_picture(struct snap *fresh, const json_t *obj)
{
	char err[256];
	const json_t *r;
	union row row;
	size_t i, j;

	if (!report_decode(&rpt_engine_type, json_object_get(obj, "engine"), &fresh->engine, err, sizeof(err)))
		warn_text("engine: %s", err);
	for (i = 0; i < ARRAY_LEN(lists); i++)
		json_array_foreach(json_object_get(obj, lists[i].list), j, r) {
			str_copy(err, sizeof(err), "number out of range");
			if (!decode(&lists[i], r, &row, err, sizeof(err)) || !put(fresh, lists[i].table, &row))
				warn_text("engine: %s row %zu left out: %s", lists[i].list, j, err);
		}
}

static void
take_picture(struct feed *f, const json_t *obj)
{
	struct keep *k = &f->e->keep;
	uint64_t have, last = 0;
	struct snap *fresh = malloc(sizeof(*fresh));

	if (fresh == NULL || !snap_init(fresh, clock_mono_ms())) {
		warn_text("no memory for the picture of the engine");
		free(fresh);
		return;
	}
	read_picture(fresh, obj);
	if (json_is_integer(json_object_get(obj, "notice_seq")))
		last = (uint64_t)json_integer_value(json_object_get(obj, "notice_seq"));

	pthread_mutex_lock(&k->mutex);
	snap_exchange(&k->snap, fresh, clock_mono_ms());
	keep_modules(k);
	if (last < k->snap.notice_seq)
		snap_reset_notices(&k->snap);	/* the engine lost its journal and counts anew */
	if (!k->counting)
		k->snap.notice_seq = last;
	k->counting = true;
	have = k->snap.notice_seq;
	pthread_mutex_unlock(&k->mutex);
	snap_free(fresh);
	free(fresh);
	f->pictured = f->trim = f->retell = true;
	f->following = json_integer_value(json_object_get(obj, "more")) > 0;
	warn_text("engine: connected");
	/* what happened while we were not there */
	if (last > have && (f->held = json_array()) != NULL)
		sk_send(f->conn, json_pack("{s:i, s:s, s:I, s:i}", "id", ID_NOTICES, "op", "notices", "after", (json_int_t)have,
		    "last", NOTICES_MAX));
}

/* ---- notices ---- */

static void
take_notice(struct feed *f, const json_t *row)
{
	struct rpt_notice n = { .seq = 0 };
	char err[256] = "";

	if (!report_decode(&rpt_notice_type_type, row, &n, err, sizeof(err))) {
		warn_text("engine: notice left out: %s", err);
		return;
	}
	pthread_mutex_lock(&f->e->keep.mutex);
	keep_notice(&f->e->keep, &n);
	pthread_mutex_unlock(&f->e->keep.mutex);
}

/* The notices that we asked for after a picture, then those that came meanwhile: they are counted in their order only */
static void
take_notices(struct feed *f, const json_t *obj)
{
	json_t *held = f->held;
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(obj, "rows"), i, row)
		take_notice(f, row);
	f->held = NULL;
	json_array_foreach(held, i, row)
		take_notice(f, row);
	json_decref(held);
}

/* ---- events ---- */

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
	struct keep *k = &f->e->keep;
	uint32_t id, index = 0;

	if (!number_of(event, module ? "id" : "module_id", &id) || (!module && !number_of(event, "index", &index)))
		return "expected the number of what is gone";
	pthread_mutex_lock(&k->mutex);
	if (module) {
		snap_drop_module(&k->snap, id, clock_mono_ms());
		keep_modules(k);
	} else if (table == SNAP_SHARES) {
		snap_drop_share(&k->snap, id, index, clock_mono_ms());
	} else {
		snap_drop_resource(&k->snap, id, index, clock_mono_ms());
	}
	pthread_mutex_unlock(&k->mutex);
	return NULL;
}

static const char *
take_row(struct feed *f, const struct list *l, const json_t *event)
{
	struct keep *k = &f->e->keep;
	static char err[256];
	union row row;
	bool good;

	if (!decode(l, json_object_get(event, "data"), &row, err, sizeof(err)))
		return err;
	pthread_mutex_lock(&k->mutex);
	good = put(&k->snap, l->table, &row);
	if (l->table == SNAP_MODULES)
		keep_modules(k);
	pthread_mutex_unlock(&k->mutex);
	if (good && l->table == SNAP_RESOURCES && f->record != NULL && !f->retell)
		record_resource(f->record, &row.resource, !f->following);
	return good ? NULL : "number out of range";
}

static const char *
take_engine(struct feed *f, const json_t *event)
{
	struct rpt_engine e;
	static char err[256];

	memset(&e, 0, sizeof(e));
	if (!report_decode(&rpt_engine_type, json_object_get(event, "data"), &e, err, sizeof(err)))
		return err;
	if (strcmp(e.node, f->e->keep.snap.engine.node) != 0)
		f->retell = true;	/* another cluster configuration: what follows is of a server of another name */
	pthread_mutex_lock(&f->e->keep.mutex);
	f->e->keep.snap.engine = e;
	pthread_mutex_unlock(&f->e->keep.mutex);
	return NULL;
}

static void
take_event(struct feed *f, const char *name, const json_t *event)
{
	const char *wrong = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(lists); i++)
		if (strcmp(name, lists[i].event) == 0)
			wrong = take_row(f, &lists[i], event);
	if (strcmp(name, "module-gone") == 0) {
		wrong = take_gone(f, event, SNAP_MODULES);
	} else if (strcmp(name, "resource-gone") == 0) {
		wrong = take_gone(f, event, SNAP_RESOURCES);
	} else if (strcmp(name, "share-gone") == 0) {
		wrong = take_gone(f, event, SNAP_SHARES);
	} else if (strcmp(name, "nodes-reset") == 0) {
		pthread_mutex_lock(&f->e->keep.mutex);
		snap_reset_nodes(&f->e->keep.snap, clock_mono_ms());
		pthread_mutex_unlock(&f->e->keep.mutex);
	} else if (strcmp(name, "picture-end") == 0) {
		f->following = false;
	} else if (strcmp(name, "engine") == 0) {
		wrong = take_engine(f, event);
	} else if (strcmp(name, "notice") == 0) {
		if (f->held == NULL || json_array_append(f->held, json_object_get(event, "data")) == -1)
			take_notice(f, json_object_get(event, "data"));
	}
	if (wrong != NULL)
		warn_text("engine: event %s left out: %s", name, wrong);
}

/* ---- recording ---- */

/* The picture as it is now against what was recorded.  This thread alone changes it, so it may read it without the mutex */
static void
retell(struct feed *f)
{
	const struct rowset *set = &f->e->keep.snap.set[SNAP_RESOURCES];
	size_t i;

	f->retell = false;
	record_connected(f->record, f->conn, f->e->keep.snap.engine.node);
	for (i = 0; i < set->count; i++)
		record_resource(f->record, set->rows[i].data, false);
}

static void
record(struct feed *f)
{
	int64_t now = clock_mono_ms();

	if (f->record == NULL)
		return;
	/* first: from the first put to this the feed thread holds the spool */
	if (!record_turn(f->record))
		f->retell = true;
	if (!spool_up(f->e->spool) && now - f->revived_ms >= REVIVE_MS) {
		f->revived_ms = now;
		spool_revive(f->e->spool);
		f->retell = true;
	}
	if (f->retell && f->pictured && spool_up(f->e->spool)) {
		retell(f);
		if (!record_turn(f->record))
			f->retell = true;
	}
	if (now - f->figures_ms < FIGURES_MS)
		return;
	f->figures_ms = now;
	spool_trim(f->e->spool, clock_wall_us() / 1000);
	spool_figures(f->e->spool, &f->e->keep);
}

/* ---- the connection ---- */

static void
take_answer(struct feed *f, json_int_t id, const json_t *obj)
{
	bool ok = json_is_true(json_object_get(obj, "ok"));

	if (!ok && (id == ID_SUBSCRIBE || id == ID_NOTICES))
		warn_text("engine: %s: %s", id == ID_SUBSCRIBE ? "subscribe" : "notices", text_of(obj, "message", "refused without a reason"));
	if (ok && id == ID_SUBSCRIBE)
		take_picture(f, obj);
	if (id == ID_NOTICES)
		take_notices(f, obj);	/* without rows when they were refused */
	if (f->record != NULL && id >= RECORD_FIRST_ID)
		record_answer(f->record, id, obj);
}

static void
take(struct feed *f, const json_t *obj)
{
	const char *event = json_string_value(json_object_get(obj, "event"));

	pthread_mutex_lock(&f->e->keep.mutex);
	f->e->keep.snap.heard_ms = clock_mono_ms();
	pthread_mutex_unlock(&f->e->keep.mutex);
	if (json_is_integer(json_object_get(obj, "id")) && event == NULL)
		take_answer(f, json_integer_value(json_object_get(obj, "id")), obj);
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
	f->pictured = f->more = f->following = false;
	if (f->record != NULL)
		record_connected(f->record, NULL, "");
	json_decref(f->held);
	f->held = NULL;	/* they are asked for again */
	pthread_mutex_lock(&f->e->keep.mutex);
	snap_lost(&f->e->keep.snap, clock_wall_us() / 1000);
	pthread_mutex_unlock(&f->e->keep.mutex);
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
	f->asked_ms = clock_mono_ms();
	sk_send(f->conn, json_pack("{s:i, s:s, s:b}", "id", ID_SUBSCRIBE, "op", "subscribe", "logs", 0));
}

static void
listen_engine(struct feed *f)
{
	struct pollfd p[2] = { { .fd = sk_fd(f->conn), .events = POLLIN }, { .fd = f->e->wake_feed, .events = POLLIN } };
	char err[256] = "";
	int i, rc = 0;
	json_t *obj;

	if (sk_wants_write(f->conn))
		p[0].events |= POLLOUT;
	if (poll(p, 2, f->more ? 0 : f->record != NULL ? FIGURES_MS : 3000) == -1 && errno != EINTR) {
		hang_up(f, strerror(errno));
		return;
	}
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
}

void
feed_run(struct exporter *e)
{
	struct feed f = { .e = e };

	if (e->spool != NULL && (f.record = record_new(e->spool)) == NULL)
		fatal("out of memory");
	while (!export_quitting()) {
		struct pollfd p = { .fd = e->wake_feed, .events = POLLIN };

		if (f.conn != NULL)
			listen_engine(&f);
		else
			call_engine(&f);
		record(&f);
		/* also after a connection that ended: what made us hang up may do so again at once */
		if (f.conn == NULL)
			poll(&p, 1, RECONNECT_MS);
	}
	sk_close(f.conn);
	json_decref(f.held);
	record_free(f.record);
}
