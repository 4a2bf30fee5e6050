/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errd.c: when errd looks, and what it makes of what it sees.
 *
 * One timer holds all that waits: the poll, the look after a death, the rows that are not due yet.  A look scans /proc once for all rows.
 */
#include "config.h"
#include "check/errd_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER	INT64_MAX

static const char *const value_names[] = { [ERRD_INIT] = "init", [ERRD_UP] = "up", [ERRD_DOWN] = "down", [ERRD_UNKNOWN] = "unknown" };

void
errd_log(struct errd *e, int message, const char *a, const char *b, const char *c)
{
	const char *args[3] = { a, b, c }, *f = message_rows[message].format;
	char text[SK_TEXT_MAX];
	size_t at = 0;
	int i = 0;

	for (; *f != '\0' && at < sizeof(text) - 1; f++) {	/* formats take %s only (wire/message.h) */
		if (f[0] == '%' && f[1] == 's' && i < 3) {
			int n = snprintf(text + at, sizeof(text) - at, "%s", args[i++]);

			at += (size_t)n < sizeof(text) - at ? (size_t)n : sizeof(text) - 1 - at;
			f++;
		} else {
			text[at++] = *f;
		}
	}
	text[at] = '\0';
	str_make_utf8(text);
	e->hooks.log(e->hooks.ctx, message, "errd", text);
}

static void
tell_value(struct errd_row *r, const char *why)
{
	char name[SK_RES_MAX];

	snprintf(name, sizeof(name), "proc.%s", r->conf.name);
	r->e->hooks.resource(r->e->hooks.ctx, name, value_names[r->value], "errd", why);
}

void
errd_set_value(struct errd_row *r, enum errd_value value, const char *why)
{
	if (r->value == value)
		return;
	r->value = value;
	tell_value(r, why);
}

const char *
errd_value_name(const struct errd_row *r)
{
	return value_names[r->value];
}

void
errd_cannot(struct errd_row *r, const char *why)
{
	errd_set_value(r, ERRD_UNKNOWN, why);
	if (!r->told_error)
		errd_log(r->e, MSG_CHECK_ERROR, r->conf.name, why, "");
	r->told_error = true;
}

/* ---- judging ---- */

static void
act(struct errd_row *r)
{
	struct errd *e = r->e;

	if (r->conf.action == DO_EXEC) {
		if (!errd_handler_start(r))
			e->hooks.action(e->hooks.ctx, conf_do_names[DO_STOPSTART], "errd", "errd");
	} else if (r->conf.action != DO_NOACTION) {
		e->hooks.action(e->hooks.ctx, conf_do_names[r->conf.action == DO_DEFAULT ? DO_STOPSTART : r->conf.action], "errd", "errd");
	}
}

/* Said and acted upon once between two polls; what is only said (noaction), once per failure */
static void
failed(struct errd_row *r, const char *event, const char *why)
{
	bool was_down = r->value == ERRD_DOWN;

	errd_set_value(r, ERRD_DOWN, why);
	if (r->acted || (was_down && r->conf.action == DO_NOACTION))
		return;
	r->acted = true;
	errd_log(r->e, MSG_ERRD_EVENT, event, r->conf.name, "");
	act(r);
}

void
errd_judge(struct errd_row *r, int64_t now)
{
	const struct conf_proc *c = &r->conf;
	char why[128];

	if (!r->watched || r->due > now || r->handler != NULL)
		return;
	r->told_error = false;
	if (c->atleast >= 0 && r->count < c->atleast) {
		if (!r->settled) {		/* once: it may be between fork and exec */
			r->settled = true;
			r->due = now + (ERRD_SETTLE_MS < r->e->polltimer ? ERRD_SETTLE_MS : r->e->polltimer);
			return;
		}
		if (c->service)
			snprintf(why, sizeof(why), "unit is %s", r->unit_state);
		else
			snprintf(why, sizeof(why), "%d running, expected at least %d", r->count, c->atleast);
		failed(r, "atleast", why);
		return;
	}
	r->settled = true;
	if (c->atmax >= 0 && r->count > c->atmax) {
		snprintf(why, sizeof(why), "%d running, expected at most %d", r->count, c->atmax);
		failed(r, "atmax", why);
		return;
	}
	errd_set_value(r, ERRD_UP, "");
}

/* ---- looking ---- */

static void
on_timer(uv_timer_t *t)
{
	struct errd *e = t->data;
	int64_t now = clock_mono_ms();
	bool poll = now >= e->next_poll, counted;
	int i;

	if (poll)
		e->next_poll = now + e->polltimer;
	e->next_look = NEVER;
	e->last_look = now;
	counted = errd_scan(e);
	for (i = 0; i < e->n; i++) {
		struct errd_row *r = e->rows[i];

		if (poll)
			r->acted = false;
		if (!r->watched || r->due > now)
			continue;
		if (r->broken[0] != '\0')
			errd_cannot(r, r->broken);
		else if (r->conf.service)
			errd_systemctl_ask(r);
		else if (counted)
			errd_judge(r, now);
	}
	errd_arm(e);
}

/* The next thing to happen.  Nobody is watched: nothing */
void
errd_arm(struct errd *e)
{
	int64_t now = clock_mono_ms(), next = NEVER;
	int i;

	for (i = 0; i < e->n; i++) {
		if (!e->rows[i]->watched)
			continue;
		if (next > e->next_poll)
			next = e->next_poll;
		if (e->rows[i]->due > e->last_look && e->rows[i]->due < next)
			next = e->rows[i]->due;
		if (e->next_look < next)
			next = e->next_look;
	}
	if (next == NEVER) {
		uv_timer_stop(e->timer);
		return;
	}
	uv_update_time(e->loop);
	uv_timer_start(e->timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

void
errd_look_soon(struct errd *e, int64_t delay_ms)
{
	int64_t now = clock_mono_ms(), at = now + delay_ms, first;

	if (now - e->burst_began >= 1000) {
		e->burst_began = now;
		e->burst = 0;
	}
	first = e->last_look + (e->burst < ERRD_BURST ? ERRD_RESCAN_MS : ERRD_STORM_MS);
	if (at < first)
		at = first;
	if (at < e->next_look) {
		e->next_look = at;
		e->burst++;
	}
	errd_arm(e);
}

/* ---- classes ---- */

void
errd_watch_row(struct errd_row *r, bool on)
{
	struct errd *e = r->e;
	int64_t now = clock_mono_ms();

	if (r->watched == on)
		return;
	r->watched = on;
	r->settled = r->acted = r->told_error = r->again = false;
	if (!on) {
		errd_unwatch(r);
		errd_systemctl_let_go(r);
		errd_set_value(r, ERRD_INIT, "");
		return;
	}
	r->due = now + (r->conf.start_after > 1 ? (r->conf.start_after - 1) * e->polltimer : 0);
	tell_value(r, "");		/* init */
	if (e->next_poll <= now)
		e->next_poll = now + e->polltimer;
	if (r->due <= now && e->next_look > now)
		e->next_look = now;
}

void
errd_classes(struct errd *e, unsigned when_on, bool on)
{
	unsigned changed = e->when_on ^ when_on;
	int i;

	e->when_on = when_on;
	e->on = on;
	for (i = 0; i < e->n; i++) {
		struct errd_row *r = e->rows[i];
		unsigned bit = 1u << r->conf.when;

		if (changed & bit)
			r->enabled = when_on & bit;
		if (r->handler != NULL && (!on || (changed & bit & ~when_on)))
			r->handler->muted = true;
		errd_watch_row(r, r->enabled && on);
	}
	errd_arm(e);
}

bool
errd_enable(struct errd *e, const char *class_name, bool on, char *err, size_t errsize)
{
	bool found = false;
	int i;

	for (i = 0; i < e->n; i++) {
		if (strcmp(e->rows[i]->conf.class_name, class_name) != 0)
			continue;
		found = true;
		e->rows[i]->enabled = on;
		errd_watch_row(e->rows[i], on && e->on);
	}
	if (!found)
		snprintf(err, errsize, "no process of class \"%.63s\": expected one that a <proc> of <errd> names", class_name);
	errd_arm(e);
	return found;
}
