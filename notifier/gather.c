/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gather.c: the windows of the rules, and the modules that are down.  See gather.h. */
#include "config.h"
#include "notifier/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_US		3600000000LL
#define OWN_ORIGIN	"safemail"

void
gather_init(struct gather *g, const struct mail_conf *conf)
{
	memset(g, 0, sizeof(*g));
	g->conf = conf;
}

void
gather_free(struct gather *g)
{
	size_t i;

	for (i = 0; i < CONF_RULES_MAX; i++) {
		free(g->window[i].row);
		free(g->window[i].sum);
		free(g->window[i].made);
	}
	free(g->gone);
	gather_init(g, g->conf);
}

/* Room for one more; sizes double, up to what the callers bound */
static bool
grow(void *array, size_t count, size_t *size, size_t each)
{
	void **a = array, *p;
	size_t n = *size == 0 ? 8 : *size * 2;

	if (count < *size)
		return true;
	p = realloc(*a, n * each);
	if (p == NULL)
		return false;
	*a = p;
	*size = n;
	return true;
}

/* ---- one window ---- */
bool
gather_put_row(struct window *w, const struct mail_event *ev)
{
	if (!grow(&w->row, w->rows, &w->rows_size, sizeof(*w->row)))
		return false;
	w->row[w->rows++] = *ev;
	if (ev->level == 'C')
		w->critical++;
	return true;
}

struct sum *
gather_put_sum(struct window *w)
{
	struct sum *s;

	if (!grow(&w->sum, w->sums, &w->sums_size, sizeof(*w->sum)))
		return NULL;
	s = &w->sum[w->sums++];
	memset(s, 0, sizeof(*s));
	return s;
}

static struct sum *
find_sum(struct window *w, const struct mail_event *ev)
{
	size_t i;

	for (i = 0; i < w->sums; i++) {
		struct sum *s = &w->sum[i];

		if (s->key == ev->key && s->level == ev->level && strcmp(s->module, ev->module) == 0 && strcmp(s->origin, ev->origin) == 0 &&
		    strcmp(s->node, ev->node) == 0)
			return s;
	}
	return NULL;
}

static struct sum *
sum_of(struct window *w, const struct mail_event *ev)
{
	static const struct mail_event others = { .module = "(others)", .level = 'I' };	/* those that have no place of their own */
	struct sum *s = find_sum(w, ev);

	if (s == NULL && w->sums >= GATHER_SUMS_MAX - 1) {
		s = find_sum(w, &others);
		if (s == NULL)
			ev = &others;
	}
	if (s != NULL)
		return s;
	s = gather_put_sum(w);
	if (s == NULL)
		return NULL;
	str_copy(s->node, sizeof(s->node), ev->node);
	str_copy(s->module, sizeof(s->module), ev->module);
	str_copy(s->origin, sizeof(s->origin), ev->origin);
	s->level = ev->level;
	s->key = ev->key;
	return s;
}

static bool
window_add(struct window *w, const struct mail_rule *r, const struct mail_event *ev, int64_t now_us)
{
	size_t same = ev->level == 'C' ? w->critical : w->rows - w->critical;

	if (same < r->rows) {
		if (!gather_put_row(w, ev))
			return false;
	} else {
		struct sum *s = sum_of(w, ev);

		if (s == NULL)
			return false;
		if (s->count++ == 0)
			s->first_us = ev->time_us;
		s->last_us = ev->time_us;
		str_copy(s->message, sizeof(s->message), ev->message);
		s->unsaved = true;
	}
	if (!w->open) {
		w->open = true;
		w->opened_us = now_us;
	}
	if (strchr(r->urgent, ev->level) != NULL && ev->key != KEY_REMINDER)
		w->urgent = true;
	w->events++;
	w->unsaved = true;
	return true;
}

static int
rank(const struct mail_event *ev)
{
	char state[16], status[16];

	if (ev->key == KEY_REMINDER)
		return 80;
	if (ev->level == 'C')
		return 90;
	if (ev->key == KEY_RECOVERY)
		return 60;
	if (event_state(ev, state, status))
		return strcmp(status, "NotReady") == 0 ? 70 : 50;
	return 40 - (int)(strchr(EVENT_LEVELS, ev->level) - EVENT_LEVELS);
}

const struct mail_event *
window_worst(const struct window *w)
{
	const struct mail_event *worst = NULL;
	size_t i;

	for (i = 0; i < w->rows; i++)
		if (worst == NULL || rank(&w->row[i]) > rank(worst))
			worst = &w->row[i];
	return worst;
}

/* ---- modules that are down ---- */
struct gone *
gather_put_gone(struct gather *g, const char *node, const char *module)
{
	struct gone *d;
	size_t i;

	for (i = 0; i < g->gones; i++)
		if (strcmp(g->gone[i].module, module) == 0 && strcmp(g->gone[i].node, node) == 0)
			return &g->gone[i];
	/* what is neither down nor about to be stopped gives its place away */
	for (i = 0; i < g->gones && (g->gone[i].asked || g->gone[i].since_us != 0 || g->gone[i].unsaved); i++)
		;
	if (i == g->gones) {
		if (g->gones >= GATHER_DOWN_MAX)
			i = 0;	/* somebody floods the log with names: the oldest is forgotten */
		else if (!grow(&g->gone, g->gones, &g->gones_size, sizeof(*g->gone)))
			return NULL;
		else
			g->gones++;
	}
	d = &g->gone[i];
	memset(d, 0, sizeof(*d));
	str_copy(d->node, sizeof(d->node), node);
	str_copy(d->module, sizeof(d->module), module);
	return d;
}

static struct gone *
find_gone(struct gather *g, const struct mail_event *ev)
{
	size_t i;

	for (i = 0; i < g->gones; i++)
		if (strcmp(g->gone[i].module, ev->module) == 0 && strcmp(g->gone[i].node, ev->node) == 0)
			return &g->gone[i];
	return NULL;
}

static bool
asks_stop(const struct mail_event *ev)
{
	static const char *const verbs[] = { "stop ", "forcestop ", "shutdown " };
	static const char begin[] = "Action ";
	size_t i;

	if (strncmp(ev->message, begin, strlen(begin)) != 0)
		return false;
	for (i = 0; i < ARRAY_LEN(verbs); i++)
		if (strncmp(ev->message + strlen(begin), verbs[i], strlen(verbs[i])) == 0)
			return true;
	return false;
}

static void
told(struct gone *d, uint32_t rule, int64_t now_us)
{
	if (d != NULL && d->since_us != 0) {
		d->told_us[rule] = now_us;
		d->unsaved = true;
	}
}

/* What the event says of its module; *back: the module that it brings back, to be cleared by the caller after its rules were told */
static bool
follow_module(struct gather *g, const struct mail_event *ev, struct gone **of, struct gone **back)
{
	char state[16], status[16];
	struct gone *d;

	*of = *back = NULL;
	if (ev->key == KEY_ACTION || (ev->key >= KEY_ACTION_BOOT && ev->key <= KEY_ACTION_RULE)) {
		bool asked = ev->key == KEY_ACTION && asks_stop(ev);

		d = asked ? gather_put_gone(g, ev->node, ev->module) : find_gone(g, ev);
		if (d == NULL)
			return !asked;
		if (d->asked != asked) {
			d->asked = asked;
			d->unsaved = true;
		}
		return true;
	}
	if (!event_state(ev, state, status))
		return true;
	d = find_gone(g, ev);
	if (strcmp(status, "Ready") == 0) {
		if (d != NULL && (d->since_us != 0 || d->asked))
			*back = d;
	} else if (strcmp(status, "NotReady") == 0 && !(strcmp(state, "STOP") == 0 && d != NULL && d->asked)) {
		d = gather_put_gone(g, ev->node, ev->module);
		if (d == NULL)
			return false;
		if (d->since_us == 0)
			d->since_us = ev->time_us > 0 ? ev->time_us : 1;
		str_copy(d->state, sizeof(d->state), state);
		d->unsaved = true;
		*of = d;
	} else if (d != NULL && strcmp(status, "NotReady") == 0 && d->since_us != 0) {
		d->since_us = 0;	/* it was down, and now it is stopped as somebody wishes: no more reminders */
		memset(d->told_us, 0, sizeof(d->told_us));
		d->unsaved = true;
	}
	return true;
}

static void
time_in_words(int64_t us, char *buf, size_t size)
{
	int64_t s = us > 0 ? us / 1000000 : 0;

	if (s < 120)
		snprintf(buf, size, "%lld s", (long long)s);
	else if (s < 7200)
		snprintf(buf, size, "%lld min", (long long)(s / 60));
	else if (s < 2 * 86400)
		snprintf(buf, size, "%lld h %lld min", (long long)(s / 3600), (long long)(s / 60 % 60));
	else
		snprintf(buf, size, "%lld days", (long long)(s / 86400));
}

static struct mail_event
own_event(uint32_t key, char level, const char *node, const char *module, int64_t now_us)
{
	struct mail_event ev = { .time_us = now_us, .level = level, .key = key, .origin = OWN_ORIGIN };

	str_copy(ev.node, sizeof(ev.node), node);
	str_copy(ev.module, sizeof(ev.module), module);
	return ev;
}

static struct mail_event
recovery_of(const struct gone *d, const struct mail_event *ev)
{
	struct mail_event own = own_event(KEY_RECOVERY, 'E', d->node, d->module, ev->time_us);
	char state[16], status[16], words[64];

	event_state(ev, state, status);
	time_in_words(ev->time_us - d->since_us, words, sizeof(words));
	snprintf(own.message, sizeof(own.message), "Module %s is back (%s %s) after %s", d->module, state, status, words);
	return own;
}

bool
gather_event(struct gather *g, const struct mail_event *ev, int64_t now_us)
{
	struct gone *of, *back;
	struct mail_event recovery;
	uint32_t i;

	if (!follow_module(g, ev, &of, &back))
		return false;
	if (back != NULL && back->since_us != 0)
		recovery = recovery_of(back, ev);
	for (i = 0; i < g->conf->rules; i++) {
		const struct mail_rule *r = &g->conf->rule[i];
		struct window *w = &g->window[i];
		bool recovers = back != NULL && back->since_us != 0 && back->told_us[i] != 0 && r->recovery;

		if (!rule_has_module(r, ev->module))
			continue;
		if (recovers || rule_opens(r, ev) || (w->open && rule_gathers(r, ev))) {
			if (!window_add(w, r, ev, now_us))
				return false;
			told(of, i, now_us);
		}
		if (recovers && !window_add(w, r, &recovery, now_us))
			return false;
	}
	if (back != NULL) {
		back->since_us = 0;
		back->asked = false;
		memset(back->told_us, 0, sizeof(back->told_us));
		back->unsaved = true;
	}
	return true;
}

bool
gather_own(struct gather *g, uint32_t key, const char *node, const char *text, int64_t now_us)
{
	struct mail_event ev = own_event(key, 'C', node, "", now_us);
	uint32_t i;

	str_copy(ev.message, sizeof(ev.message), text);
	event_clean(ev.message);
	for (i = 0; i < g->conf->rules; i++)
		if (!window_add(&g->window[i], &g->conf->rule[i], &ev, now_us))
			return false;
	return true;
}

/* ---- time ---- */
static int64_t
remind_at(struct gone *d, uint32_t rule, const struct mail_rule *r, int64_t now_us)
{
	int64_t at, quiet;

	if (d->since_us == 0 || r->reminder_us == 0 || d->told_us[rule] == 0)
		return INT64_MAX;
	if (d->told_us[rule] > now_us) {
		d->told_us[rule] = now_us;
		d->unsaved = true;
	}
	at = d->told_us[rule] + r->reminder_us;
	quiet = at <= now_us ? rule_quiet_until(r, now_us) : 0;
	return quiet > at ? quiet : at;
}

bool
gather_remind(struct gather *g, const char *node, int64_t now_us)
{
	char when[40], words[64];
	uint32_t rule;
	size_t i;

	for (i = 0; i < g->gones; i++) {
		struct gone *d = &g->gone[i];

		for (rule = 0; rule < g->conf->rules; rule++) {
			const struct mail_rule *r = &g->conf->rule[rule];
			struct mail_event ev;

			if (remind_at(d, rule, r, now_us) > now_us)
				continue;
			ev = own_event(KEY_REMINDER, 'C', d->node[0] != '\0' ? d->node : node, d->module, now_us);
			time_in_words(now_us - d->since_us, words, sizeof(words));
			snprintf(ev.message, sizeof(ev.message), "Module %s has been down for %s (%s NotReady since %s)", d->module, words, d->state,
			    event_time(d->since_us, when, sizeof(when)));
			if (!window_add(&g->window[rule], r, &ev, now_us))
				return false;
			told(d, rule, now_us);
		}
	}
	return true;
}

/* When the window of a rule becomes a mail: at its end, after quiet hours, when the hour has room; INT64_MAX: it is closed */
static int64_t
due_at(struct gather *g, uint32_t rule, int64_t now_us)
{
	const struct mail_rule *r = &g->conf->rule[rule];
	struct window *w = &g->window[rule];
	int64_t at, quiet;
	size_t i;

	if (!w->open)
		return INT64_MAX;
	if (w->opened_us > now_us) {
		w->opened_us = now_us;
		w->unsaved = true;
	}
	at = w->opened_us + r->window_us;
	for (i = 0; i < w->made_count; i++)
		if (w->made[i] > now_us) {
			w->made[i] = now_us;
			w->made_unsaved = true;
		}
	if (r->max_per_hour != 0 && w->made_count >= r->max_per_hour) {
		int64_t room = w->made[w->made_count - r->max_per_hour] + HOUR_US;

		if (room > at)
			at = room;
	}
	if (!w->urgent && at <= now_us) {
		quiet = rule_quiet_until(r, now_us);
		if (quiet > at)
			at = quiet;
	}
	return at;
}

bool
gather_due(struct gather *g, uint32_t rule, int64_t now_us)
{
	return due_at(g, rule, now_us) <= now_us;
}

bool
gather_put_made(struct window *w, int64_t us)
{
	int64_t *p = realloc(w->made, (w->made_count + 1) * sizeof(*p));

	if (p == NULL)
		return false;
	w->made = p;
	w->made[w->made_count++] = us;
	return true;
}

bool
gather_taken(struct gather *g, uint32_t rule, int64_t now_us)
{
	struct window *w = &g->window[rule];
	size_t old = 0;

	while (old < w->made_count && w->made[old] + HOUR_US <= now_us)
		old++;
	if (old > 0) {
		memmove(w->made, w->made + old, (w->made_count - old) * sizeof(*w->made));
		w->made_count -= old;
	}
	if (g->conf->rule[rule].max_per_hour != 0) {
		if (!gather_put_made(w, now_us))
			return false;
		w->made_unsaved = true;
	}
	w->open = w->urgent = false;
	w->emptied = true;
	w->events = 0;
	w->rows = w->saved = w->critical = w->sums = 0;
	w->unsaved = true;
	/* a burst's memory is given back */
	free(w->row);
	free(w->sum);
	w->row = NULL;
	w->sum = NULL;
	w->rows_size = w->sums_size = 0;
	return true;
}

int64_t
gather_next(struct gather *g, int64_t now_us)
{
	int64_t next = INT64_MAX, at;
	uint32_t rule;
	size_t i;

	for (rule = 0; rule < g->conf->rules; rule++) {
		at = due_at(g, rule, now_us);
		if (at < next)
			next = at;
		for (i = 0; i < g->gones; i++) {
			at = remind_at(&g->gone[i], rule, &g->conf->rule[rule], now_us);
			if (at < next)
				next = at;
		}
	}
	return next;
}
