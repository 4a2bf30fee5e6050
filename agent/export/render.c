/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * render.c: the answer of /metrics, row by row of the table of metrics.
 *
 * The labels of a row are made once and copied into each of its samples: 100 modules with 50 resources each are 33,000 samples.
 * Never does: I/O; wait with the mutex held.
 */
#include "config.h"
#include "agent/export/keep.h"
#include "agent/export/metrics.h"
#include "agent/export/point.h"

#include <stdio.h>
#include <time.h>

#define REPLICATION_MAX	16	/* rows of the table with MS_REPLICATION */

struct labels { struct text text; size_t *end; size_t count; };	/* end[i]: where those of row i end */
struct render {
	struct keep	*k;
	bool		 openmetrics, reachable;
	int64_t		 begun_us, now_ms;	/* now_ms: wall clock */
	struct text	*out;
	struct text	 node;		/* node="n1" */
	struct labels	 rows[SNAP_TABLES], sinks;
	const struct rpt_resource *(*rep)[REPLICATION_MAX];	/* by module id, then by place among the rows of MS_REPLICATION */
	size_t		 rep_place;
};

static int64_t
mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000000 + ts.tv_nsec / 1000;
}

/* ---- labels ---- */

static void
escaped(struct text *t, const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "\\\"\n");

		text_add(t, s, n);
		if (s[n] == '\0')
			return;
		text_put(t, s[n] == '\n' ? "\\n" : s[n] == '"' ? "\\\"" : "\\\\");
		s += n + 1;
	}
}

static void
label(struct text *t, const char *name, const char *value)
{
	if (t->len > 0 && t->p[t->len - 1] == '"')
		text_add(t, ",", 1);
	text_put(t, name);
	text_add(t, "=\"", 2);
	escaped(t, value);
	text_add(t, "\"", 1);
}

static void
row_labels(const struct render *r, enum snap_table table, const void *row, struct text *t)
{
	const struct rpt_resource *res = row;
	const struct rpt_share *share = row;

	/* without a comma between rows: each begins with the node */
	text_add(t, r->node.p, r->node.len);
	switch (table) {
	case SNAP_MODULES: label(t, "module", ((const struct rpt_module *)row)->name); break;
	case SNAP_RESOURCES: label(t, "module", res->module); label(t, "resource", res->name); break;
	case SNAP_NODES: label(t, "member", ((const struct rpt_node *)row)->name); break;
	default: label(t, "module", share->module); label(t, "group", share->group); break;
	}
}

static bool
make_labels(struct render *r)
{
	static const enum snap_table tables[] = { SNAP_MODULES, SNAP_RESOURCES, SNAP_NODES, SNAP_SHARES };
	size_t i, j;

	label(&r->node, "node", r->k->snap.engine.node);
	for (i = 0; i < ARRAY_LEN(tables); i++) {
		const struct rowset *set = &r->k->snap.set[tables[i]];
		struct labels *l = &r->rows[tables[i]];

		l->count = set->count;
		l->end = calloc(set->count + 1, sizeof(*l->end));
		for (j = 0; l->end != NULL && j < set->count; j++) {
			row_labels(r, tables[i], set->rows[j].data, &l->text);
			l->end[j] = l->text.len;
		}
		if (l->end == NULL || l->text.failed)
			return false;
	}
	r->sinks.end = calloc(SINKS_MAX, sizeof(*r->sinks.end));
	for (j = 0; r->sinks.end != NULL && j < r->k->sinks; j++) {
		text_add(&r->sinks.text, r->node.p, r->node.len);
		label(&r->sinks.text, "sink", r->k->sink[j].name);
		r->sinks.end[j] = r->sinks.text.len;
	}
	return r->sinks.end != NULL && !r->node.failed && !r->sinks.text.failed;
}

/* Which resources tell of the replication */
static bool
find_replication(struct render *r)
{
	const struct rowset *set = &r->k->snap.set[SNAP_RESOURCES];
	size_t i, j, place;

	r->rep = calloc(SK_MODULES_MAX + 1, sizeof(*r->rep));
	for (i = 0; r->rep != NULL && i < set->count; i++) {
		const struct rpt_resource *res = set->rows[i].data;

		if (strncmp(res->name, "rfs", 3) != 0)
			continue;
		for (j = place = 0; j < metrics_count; j++) {
			if (metrics[j].scope != MS_REPLICATION)
				continue;
			if (strcmp(metrics[j].source, res->name) == 0 && place < REPLICATION_MAX)
				r->rep[res->module_id][place] = res;
			place++;
		}
	}
	return r->rep != NULL;
}

/* ---- samples ---- */

struct at { const char *labels; size_t len; };

static struct at
labels_of(const struct labels *l, size_t i)
{
	size_t begin = i == 0 ? 0 : l->end[i - 1];

	return (struct at){ l->text.p + begin, l->end[i] - begin };
}

/* name{labels,more="word"} and a blank; more may be NULL */
static void
begin(struct render *r, const struct metric *m, struct at at, const char *more, const char *word)
{
	text_put(r->out, m->name);
	text_put(r->out, metric_suffix(m));
	text_add(r->out, "{", 1);
	text_add(r->out, at.labels, at.len);
	if (more != NULL)
		label(r->out, more, word);
	text_add(r->out, "} ", 2);
}

static void
sample(struct render *r, const struct metric *m, struct at at, uint64_t value)
{
	begin(r, m, at, NULL, NULL);
	text_u64(r->out, value);
	text_add(r->out, "\n", 1);
}

static void
sample_real(struct render *r, const struct metric *m, struct at at, double value)
{
	char number[40];

	begin(r, m, at, NULL, NULL);
	snprintf(number, sizeof(number), "%.15g\n", value);
	text_put(r->out, number);
}

static void
sample_time(struct render *r, const struct metric *m, struct at at, int64_t ms)
{
	char part[8];

	if (ms <= 0)
		return;
	begin(r, m, at, NULL, NULL);
	text_u64(r->out, (uint64_t)ms / 1000);
	snprintf(part, sizeof(part), ".%03u\n", (unsigned)(ms % 1000));
	text_put(r->out, part);
}

static void
sample_of(struct render *r, const struct metric *m, struct at at, const char *more, const char *word, uint64_t value)
{
	begin(r, m, at, more, word);
	text_u64(r->out, value);
	text_add(r->out, "\n", 1);
}

static void
states(struct render *r, const struct metric *m, struct at at, const char *const *words, int count, int state)
{
	int i;

	for (i = 0; i < count; i++)
		sample_of(r, m, at, m->name, words[i], i == state);
}

/* ---- modules ---- */

static void
module_info(struct render *r, const struct metric *m, struct at at, const struct rpt_module *mod)
{
	text_put(r->out, m->name);
	text_put(r->out, "_info{");
	text_add(r->out, at.labels, at.len);
	label(r->out, "mode", rpt_mode_names[mod->mode]);
	label(r->out, "peer", mod->peer);
	label(r->out, "boot", rpt_boot_names[mod->boot]);
	label(r->out, "signature", mod->signature);
	text_put(r->out, "} 1\n");
}

/* Those that a module of its mode can make are there from the beginning: a counter that begins at 1 tells Prometheus nothing */
static void
transitions(struct render *r, const struct metric *m, struct at at, const struct rpt_module *mod)
{
	static const unsigned possible[MODE_COUNT] = {
		[MODE_MIRROR] = 1 << RS_STOP | 1 << RS_WAIT | 1 << RS_ALONE | 1 << RS_PRIM | 1 << RS_SECOND,
		[MODE_FARM] = 1 << RS_STOP | 1 << RS_WAIT | 1 << RS_UP, [MODE_LIGHT] = 1 << RS_STOP | 1 << RS_WAIT | 1 << RS_UP,
	};
	unsigned from, to, can = possible[mod->mode];

	for (from = 0; from < RS_COUNT; from++)
		for (to = 0; to < RS_COUNT; to++) {
			uint64_t n = r->k->transitions[mod->id][from][to];

			if (n == 0 && (from == to || (can >> from & 1) == 0 || (can >> to & 1) == 0))
				continue;
			text_put(r->out, m->name);
			text_put(r->out, "_total{");
			text_add(r->out, at.labels, at.len);
			label(r->out, "from", rpt_state_names[from]);
			label(r->out, "to", rpt_state_names[to]);
			text_put(r->out, "} ");
			text_u64(r->out, n);
			text_add(r->out, "\n", 1);
		}
}

static bool
two_numbers(const char *value, uint64_t *done, uint64_t *whole)
{
	char first[24];
	const char *slash = strchr(value, '/');

	return slash != NULL && (size_t)(slash - value) < sizeof(first) && path_format(first, sizeof(first), "%.*s", (int)(slash - value), value) &&
	    str_to_u64(first, 0, UINT64_MAX, done) && str_to_u64(slash + 1, 0, UINT64_MAX, whole);
}

static void
replication(struct render *r, const struct metric *m, struct at at, const struct rpt_module *mod)
{
	const struct rpt_resource *res = r->rep_place < REPLICATION_MAX ? r->rep[mod->id][r->rep_place] : NULL;
	uint64_t n, whole;

	if (res == NULL)
		return;
	if (m->special == MX_FLAG) {
		if (res->health == RH_UP || res->health == RH_DOWN)
			sample(r, m, at, res->health == RH_UP);
	} else if (m->special == MX_KBYTES) {
		if (str_to_u64(res->value, 0, UINT64_MAX / 1024, &n))
			sample(r, m, at, n * 1024);
	} else if (two_numbers(res->value, &n, &whole)) {
		sample(r, m, at, m->special == MX_DONE ? n : whole);
	}
}

/* ---- the others ---- */

static void
resource(struct render *r, const struct metric *m, struct at at, const struct rpt_resource *res)
{
	double number;
	enum value_kind kind;

	if (m->special == MX_HEALTH) {
		if (res->health != RH_OTHER)
			states(r, m, at, metric_healths, ARRAY_LEN(metric_healths), res->health);
	} else if (res->health == RH_OTHER) {
		kind = value_number(res->value, &number);
		if (kind == VALUE_WHOLE || kind == VALUE_REAL)
			sample_real(r, m, at, number);
	}
}

static void
sink(struct render *r, const struct metric *m, struct at at, const struct sink_figures *s)
{
	size_t i;

	switch (m->special) {
	case MX_SINK_UP:
		if (s->tried)
			sample(r, m, at, s->up);
		break;
	case MX_POINTS: sample(r, m, at, s->points); break;
	case MX_DROPPED:
		for (i = 0; i < DROP_COUNT; i++)
			sample_of(r, m, at, "reason", drop_reason_names[i], s->dropped[i]);
		break;
	case MX_REQUESTS:
		for (i = 0; i < PUSH_COUNT; i++)
			sample_of(r, m, at, "result", push_result_names[i], s->requests[i]);
		break;
	case MX_WAITING: sample(r, m, at, s->waiting); break;
	case MX_DELAY: sample_real(r, m, at, s->oldest_ms == 0 || s->oldest_ms > r->now_ms ? 0 : (double)(r->now_ms - s->oldest_ms) / 1000); break;
	default: break;
	}
}

static void
exporter(struct render *r, const struct metric *m, struct at at)
{
	const struct keep *k = r->k;

	switch (m->special) {
	case MX_UP: sample(r, m, at, r->reachable); return;
	case MX_BUILD: sample_of(r, m, at, "version", PACKAGE_VERSION, 1); return;
	case MX_AGE: sample_real(r, m, at, (double)(clock_mono_ms() - k->snap.heard_ms) / 1000); return;
	case MX_DURATION: sample_real(r, m, at, (double)(mono_us() - r->begun_us) / 1e6); return;
	default: break;
	}
	if (!k->spooling)
		return;
	switch (m->special) {
	case MX_CHANGES: sample(r, m, at, k->changes); break;
	case MX_SPOOL_UP: sample(r, m, at, k->spool_up); break;
	case MX_SPOOL_BYTES: sample(r, m, at, k->spool_bytes); break;
	case MX_SPOOL_LIMIT: sample(r, m, at, k->spool_limit); break;
	default: break;
	}
}

/* ---- rows ---- */

static void
special(struct render *r, const struct metric *m, struct at at, const void *row)
{
	const struct rpt_module *mod = row;
	const struct rpt_node *node = row;
	const struct rpt_engine *engine = row;

	switch (m->special) {
	case MX_ENGINE_INFO:
		text_put(r->out, m->name);
		text_put(r->out, "_info{");
		text_add(r->out, at.labels, at.len);
		label(r->out, "version", engine->version);
		label(r->out, "leader", engine->leader);
		text_put(r->out, "} 1\n");
		break;
	case MX_MODULE_INFO: module_info(r, m, at, mod); break;
	case MX_TRANSITIONS: transitions(r, m, at, mod); break;
	case MX_EVENTS:
		for (int i = NT_LOG + 1; i < NT_COUNT; i++)
			sample_of(r, m, at, "event", rpt_notice_names[i], r->k->events[mod->id][i]);
		break;
	case MX_SAME:
		if (node->conf_match != CM_UNKNOWN)
			sample(r, m, at, node->conf_match == CM_SAME);
		break;
	case MX_RATIO: sample_real(r, m, at, ((const struct rpt_share *)row)->buckets / 256.0); break;
	case MX_HEALTH: case MX_NUMBER: resource(r, m, at, row); break;
	default: replication(r, m, at, mod); break;
	}
}

static void
one_row(struct render *r, const struct metric *m, struct at at, const void *row)
{
	const char *field = (const char *)row + m->off;

	if (m->special == MX_PEER && ((const struct rpt_module *)row)->peer[0] == '\0')
		return;
	switch (m->how) {
	case MH_U32: sample(r, m, at, *(const uint32_t *)(const void *)field); break;
	case MH_U64: sample(r, m, at, *(const uint64_t *)(const void *)field); break;
	case MH_BOOL: sample(r, m, at, *(const int *)(const void *)field != 0); break;
	case MH_TIME: sample_time(r, m, at, *(const int64_t *)(const void *)field); break;
	case MH_ENUM: states(r, m, at, m->states, m->states_count, *(const int *)(const void *)field); break;
	case MH_SPECIAL: special(r, m, at, row); break;
	}
}

static void
rows(struct render *r, const struct metric *m)
{
	static const enum snap_table of_scope[MS_COUNT] = {
		[MS_MODULE] = SNAP_MODULES, [MS_REPLICATION] = SNAP_MODULES, [MS_RESOURCE] = SNAP_RESOURCES, [MS_NODE] = SNAP_NODES,
		[MS_SHARE] = SNAP_SHARES,
	};
	const struct at node = { r->node.p, r->node.len };
	enum snap_table table = of_scope[m->scope];
	size_t i;

	if (m->scope == MS_EXPORTER)
		exporter(r, m, node);
	else if (m->scope == MS_ENGINE && r->k->snap.engine.started_ms != 0)
		one_row(r, m, node, &r->k->snap.engine);
	for (i = 0; m->scope == MS_SINK && i < r->k->sinks; i++)
		sink(r, m, labels_of(&r->sinks, i), &r->k->sink[i]);
	for (i = 0; table != SNAP_NONE && i < r->rows[table].count; i++)
		one_row(r, m, labels_of(&r->rows[table], i), r->k->snap.set[table].rows[i].data);
}

static void
header(struct render *r, const struct metric *m, const char *what, const char *text)
{
	text_put(r->out, "# ");
	text_put(r->out, what);
	text_put(r->out, m->name);
	if (!r->openmetrics)
		text_put(r->out, metric_suffix(m));
	text_add(r->out, " ", 1);
	text_put(r->out, text);
	text_add(r->out, "\n", 1);
}

/* A family without samples is left out with its header */
static void
family(struct render *r, const struct metric *m)
{
	size_t before = r->out->len, after;
	bool gauge = !r->openmetrics && (m->type == MT_STATESET || m->type == MT_INFO);

	header(r, m, "HELP ", m->help);
	header(r, m, "TYPE ", metric_type_names[gauge ? MT_GAUGE : m->type]);
	if (r->openmetrics && m->unit[0] != '\0')
		header(r, m, "UNIT ", m->unit);
	after = r->out->len;
	rows(r, m);
	if (r->out->len == after)
		r->out->len = before;
	r->rep_place += m->scope == MS_REPLICATION;
}

void
render(struct keep *k, bool openmetrics, struct text *out)
{
	struct render r = { .k = k, .openmetrics = openmetrics, .out = out, .begun_us = mono_us(), .now_ms = clock_wall_us() / 1000 };
	size_t i;

	pthread_mutex_lock(&k->mutex);
	r.reachable = snap_reachable(&k->snap, clock_mono_ms());
	if (make_labels(&r) && find_replication(&r))
		for (i = 0; i < metrics_count; i++)
			family(&r, &metrics[i]);
	else
		out->failed = true;
	pthread_mutex_unlock(&k->mutex);
	if (openmetrics)
		text_put(out, "# EOF\n");
	for (i = 0; i < SNAP_TABLES; i++) {
		text_free(&r.rows[i].text);
		free(r.rows[i].end);
	}
	text_free(&r.sinks.text);
	free(r.sinks.end);
	text_free(&r.node);
	free(r.rep);
}
