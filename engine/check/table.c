/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c: the rows: which are on, when each is checked, what its resource is.  Knows nothing of any kind of checker but struct kind.
 */
#include "config.h"
#include "check/impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	uv_loop_t	*loop;
	struct check_hooks hooks;
	struct shared	 shared;
	struct names	*names;
	struct row	**rows;
	int		 count;
	uint32_t	 serials;
	unsigned	 when_on;
	int64_t		 witness_ms;	/* 0: as configured */
	int64_t		 acks[TABLE_ACKS_MAX];
	int		 acks_count;
};

static const char *const value_names[] = { "init", "init", "up", "down", "unknown" };	/* by enum row_value */

uv_loop_t *table_loop(struct table *t) { return t->loop; }
const struct check_hooks *table_hooks(struct table *t) { return &t->hooks; }
struct shared *table_shared(struct table *t) { return &t->shared; }

struct row *
table_row(struct table *t, uint32_t rank, uint32_t serial)
{
	struct row *r = rank < (uint32_t)t->count ? t->rows[rank] : NULL;

	return r != NULL && r->serial == serial && r->value != ROW_OFF ? r : NULL;
}

static void on_timer(uv_timer_t *timer);

/* ---- one row ---- */

static void
set_value(struct row *r, enum row_value v, const char *why)
{
	uint32_t hash = 2166136261u;	/* FNV-1a: the text itself is heart's to keep */
	const char *p;

	for (p = why; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	if (r->value == v && r->why == hash && v != ROW_INIT)
		return;
	r->value = v;
	r->why = hash;
	r->t->hooks.resource(r->t->hooks.ctx, r->name, value_names[v], r->by, why);
}

static int64_t
interval_of(const struct row *r)
{
	int64_t ms = r->conf.kind == CHECK_SPLITBRAIN && r->t->witness_ms > 0 ? r->t->witness_ms : r->conf.interval_ms;

	if (r->kind->interval_max > 0 && !r->as_configured && ms > r->kind->interval_max)
		ms = r->kind->interval_max;
	return ms > 0 ? ms : 1;
}

int64_t
row_timeout(const struct row *r)
{
	int64_t ms = r->conf.timeout_ms;

	if (r->conf.kind == CHECK_SPLITBRAIN && r->t->witness_ms > 0 && ms > 2 * r->t->witness_ms)
		ms = 2 * r->t->witness_ms;
	return ms > 0 ? ms : 1;
}

static void
arm(struct row *r, int64_t when)
{
	int64_t now = (int64_t)uv_now(r->t->loop), due = spread_tick(when);

	uv_timer_start(&r->timer, on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
}

static void
sleep_until_next(struct row *r)
{
	r->phase = PHASE_IDLE;
	arm(r, spread_next(r->base_ms, interval_of(r), r->rank, r->t->count, (int64_t)uv_now(r->t->loop)));
}

void
row_wait(struct row *r, int64_t ms)
{
	r->last_look = false;
	uv_timer_start(&r->timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

void
row_verdict(struct row *r, enum row_value v, const char *fmt, ...)
{
	char why[WHY_MAX], text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	str_make_utf8(why);
	if (r->kind->stop != NULL)
		r->kind->stop(r);
	sleep_until_next(r);
	if (v == ROW_UNKNOWN && !r->said) {
		snprintf(text, sizeof(text), "Checker %s cannot run: %s", r->name, why);
		r->t->hooks.log(r->t->hooks.ctx, MSG_CHECK_ERROR, r->by, text);
	}
	r->said = v == ROW_UNKNOWN;
	set_value(r, v, why);
}

int
row_addrs(const struct row *r, union addr *out, int max)
{
	union addr some[ADDRS_MAX];
	int i, k, n = 0, have;

	for (i = 0; i < r->ntargets; i++) {
		if (r->targets[i].name == NULL) {
			some[0] = r->targets[i].addr;
			have = 1;
		} else {
			have = name_addrs(r->targets[i].name, r->conf.port, some);
		}
		for (k = 0; k < have && n < max; k++)
			out[n++] = some[k];
	}
	return n;
}

/* Names first: with an address at hand the check begins, and a new answer is for the next one. */
static void
begin_probe(struct row *r)
{
	bool pending = false, known = r->ntargets == 0;
	const struct name *failed = NULL;
	const char *failed_text = "";
	int i;

	for (i = 0; i < r->ntargets; i++) {
		const struct name *n = r->targets[i].name;
		enum name_state s = n == NULL ? NAME_KNOWN : name_state(n);

		known |= s == NAME_KNOWN;
		pending |= s == NAME_PENDING;
		if (s == NAME_FAILED && failed == NULL) {
			failed = n;
			failed_text = r->targets[i].text;
		}
	}
	if (known) {
		r->phase = PHASE_PROBE;
		r->kind->probe(r);
	} else if (pending) {
		r->phase = PHASE_NAMES;
	} else {
		row_verdict(r, ROW_DOWN, "%.80s: %s", failed_text, name_error(failed));
	}
}

static void
check_now(struct row *r)
{
	int i;

	r->phase = PHASE_NAMES;
	row_wait(r, row_timeout(r));
	for (i = 0; i < r->ntargets; i++)
		if (r->targets[i].name != NULL)
			name_refresh(r->targets[i].name);
	begin_probe(r);
}

static void
on_timer(uv_timer_t *timer)
{
	struct row *r = timer->data;

	/* A process that was stopped meanwhile must not blame others: what waits in the sockets is read first (by the loop, after timers) */
	if (r->phase != PHASE_IDLE && !r->last_look) {
		r->last_look = true;
		uv_timer_start(timer, on_timer, 1, 0);
		return;
	}
	switch (r->phase) {
	case PHASE_IDLE:
		check_now(r);
		return;
	case PHASE_NAMES:
		row_verdict(r, ROW_DOWN, "%.80s: the name service does not answer within %lld ms", r->targets[0].text,
		    (long long)row_timeout(r));
		return;
	case PHASE_PROBE:
		r->kind->expire(r);
		return;
	}
}

static void
on_name(void *ctx, const struct name *n)
{
	struct table *t = ctx;
	int i, k;

	for (i = 0; i < t->count; i++) {
		struct row *r = t->rows[i];

		for (k = 0; r->phase == PHASE_NAMES && r->value != ROW_OFF && k < r->ntargets; k++)
			if (r->targets[k].name == n)
				begin_probe(r);
	}
}

void
table_changed_links(struct table *t)
{
	int i;

	for (i = 0; i < t->count; i++)
		if (t->rows[i]->value != ROW_OFF && t->rows[i]->kind->event != NULL && t->rows[i]->phase != PHASE_NAMES)
			t->rows[i]->kind->event(t->rows[i]);
}

/* The first check comes soon, since the module waits for it; rows follow each other by a millisecond so that a thousand do not begin in
 * one burst. */
static void
switch_on(struct row *r)
{
	int64_t now = (int64_t)uv_now(r->t->loop);

	r->base_ms = now;
	r->said = false;
	r->phase = PHASE_IDLE;
	set_value(r, ROW_INIT, "");
	if (r->kind->begin != NULL && !r->kind->begin(r)) {
		set_value(r, ROW_UNKNOWN, "no memory");
		return;
	}
	if (r->kind->probe != NULL)
		arm(r, now + r->rank % 1000);
}

static void
switch_off(struct row *r)
{
	uv_timer_stop(&r->timer);
	if (r->kind->stop != NULL)
		r->kind->stop(r);
	if (r->kind->end != NULL)
		r->kind->end(r);
	r->phase = PHASE_IDLE;
	set_value(r, ROW_INIT, "");
	r->value = ROW_OFF;
}

static void
apply_classes(struct table *t)
{
	int i;

	for (i = 0; i < t->count; i++) {
		struct row *r = t->rows[i];
		bool on = (t->when_on & (1u << r->conf.when)) != 0;

		if (on && r->value == ROW_OFF)
			switch_on(r);
		else if (!on && r->value != ROW_OFF)
			switch_off(r);
	}
}

/* ---- the configuration ---- */

static struct row *
take_same(struct table *t, const struct conf_check *c, int guess)
{
	int i;

	for (i = 0; i < t->count; i++) {
		int at = (guess + i) % t->count;	/* most often it stands where it stood */
		struct row *r = t->rows[at];

		if (r != NULL && row_conf_same(&r->conf, c) && !custom_changed(r)) {
			t->rows[at] = NULL;
			return r;
		}
	}
	return NULL;
}

/* Rows that stay keep their state; new ones are made before anything is given up, so that no memory means no change. */
bool
table_setup(struct table *t, const struct check_setup *s, const struct conf_check *checks, int n, char *err, size_t errsize)
{
	struct row **rows = calloc((size_t)n + 1, sizeof(struct row *)), *kept;
	int i;

	if (rows == NULL || !customs_setup(t->shared.customs, s)) {
		free(rows);
		snprintf(err, errsize, "no memory for %d checks", n);
		return false;
	}
	for (i = 0; i < n; i++) {
		rows[i] = row_new(t, t->names, ++t->serials, &checks[i]);
		if (rows[i] != NULL)
			continue;
		while (i-- > 0)
			row_free(rows[i]);
		free(rows);
		snprintf(err, errsize, "no memory for %d checks", n);
		return false;
	}
	for (i = 0; i < n; i++) {
		kept = take_same(t, &checks[i], i);
		if (kept != NULL) {
			row_free(rows[i]);
			rows[i] = kept;
		}
		rows[i]->rank = i;
	}
	for (i = 0; i < t->count; i++) {
		if (t->rows[i] == NULL)
			continue;
		if (t->rows[i]->value != ROW_OFF)
			switch_off(t->rows[i]);
		row_free(t->rows[i]);
	}
	free(t->rows);
	t->rows = rows;
	t->count = n;
	apply_classes(t);
	return true;
}

/* ---- the table ---- */

struct table *
table_new(uv_loop_t *loop, const struct check_hooks *hooks)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->loop = loop;
	t->hooks = *hooks;
	t->names = names_new(loop, on_name, t);
	t->shared.customs = customs_new(t);
	if (t->names != NULL && t->shared.customs != NULL)
		return t;
	names_free(t->names);
	customs_free(t->shared.customs);
	free(t);
	return NULL;
}

void
table_quiet(struct table *t)
{
	int i, n = t->acks_count;

	t->acks_count = 0;
	for (i = 0; i < n; i++)
		t->hooks.ack(t->hooks.ctx, t->acks[i]);
}

bool
table_classes(struct table *t, int64_t seq, unsigned when_on)
{
	if (t->acks_count == TABLE_ACKS_MAX)
		return false;
	t->when_on = when_on;
	apply_classes(t);
	t->acks[t->acks_count++] = seq;
	if (customs_dying(t->shared.customs) == 0)
		table_quiet(t);
	return true;
}

void
table_witness(struct table *t, int64_t interval_ms)
{
	int i;

	t->witness_ms = interval_ms;
	for (i = 0; i < t->count; i++)
		if (t->rows[i]->conf.kind == CHECK_SPLITBRAIN && t->rows[i]->value != ROW_OFF && t->rows[i]->phase == PHASE_IDLE)
			sleep_until_next(t->rows[i]);
}

void
table_kill(struct table *t)
{
	customs_kill(t->shared.customs);
}

void
table_free(struct table *t)
{
	int i;

	for (i = 0; i < t->count; i++) {
		if (t->rows[i]->value != ROW_OFF)
			switch_off(t->rows[i]);
		row_free(t->rows[i]);
	}
	free(t->rows);
	t->rows = NULL;
	t->count = 0;
	customs_free(t->shared.customs);
	tcp_shared_free(t->shared.tcp);
	ping_shared_free(t->shared.ping);
	rt_free(t->shared.rt);
	peek_free(t->shared.peek);
	far_free(t->shared.far);
	names_free(t->names);
	free(t);
}
