/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spool_window.c: open windows and modules that are down, to the disk and back.  See spool.h. */
#include "config.h"
#include "notifier/spool_impl.h"

#include <string.h>

/* ---- to the disk: what is marked unsaved ---- */
static enum spool_result
save_rows(struct spool *s, const char *rule, struct window *w)
{
	enum spool_result r = SPOOL_OK;

	for (; r == SPOOL_OK && w->saved < w->rows; w->saved++) {
		const struct mail_event *ev = &w->row[w->saved];
		const char level[2] = { ev->level, '\0' };

		r = sp_run(s, "INSERT INTO event(rule,time_us,node,module,origin,level,key,message) VALUES(?,?,?,?,?,?,?,?)", "tittttit", rule, ev->time_us,
		    ev->node, ev->module, ev->origin, level, (int64_t)ev->key, ev->message);
	}
	return r;
}

static enum spool_result
save_sums(struct spool *s, const char *rule, struct window *w)
{
	enum spool_result r = SPOOL_OK;
	size_t i;

	for (i = 0; r == SPOOL_OK && i < w->sums; i++) {
		struct sum *m = &w->sum[i];
		const char level[2] = { m->level, '\0' };

		if (!m->unsaved)
			continue;
		r = sp_run(s, "INSERT OR REPLACE INTO sum(rule,node,module,origin,level,key,count,first_us,last_us,message) VALUES(?,?,?,?,?,?,?,?,?,?)",
		    "tttttiiiit", rule, m->node, m->module, m->origin, level, (int64_t)m->key, (int64_t)m->count, m->first_us, m->last_us, m->message);
		m->unsaved = false;
	}
	return r;
}

static enum spool_result
save_made(struct spool *s, const char *rule, struct window *w)
{
	enum spool_result r;
	size_t i;

	if (!w->made_unsaved)
		return SPOOL_OK;
	w->made_unsaved = false;
	r = sp_run(s, "DELETE FROM made WHERE rule=?", "t", rule);
	for (i = 0; r == SPOOL_OK && i < w->made_count; i++)
		r = sp_run(s, "INSERT INTO made(rule,us) VALUES(?,?)", "ti", rule, w->made[i]);
	return r;
}

static enum spool_result
save_window(struct spool *s, const char *rule, struct window *w)
{
	enum spool_result r = save_made(s, rule, w);

	if (r != SPOOL_OK || !w->unsaved)
		return r;
	w->unsaved = false;
	if (w->emptied) {
		w->emptied = false;
		r = sp_run(s, "DELETE FROM event WHERE rule=?", "t", rule);
		if (r == SPOOL_OK)
			r = sp_run(s, "DELETE FROM sum WHERE rule=?", "t", rule);
		if (r == SPOOL_OK)
			r = sp_run(s, "DELETE FROM window WHERE rule=?", "t", rule);
	}
	if (r == SPOOL_OK && w->open)
		r = sp_run(s, "INSERT OR REPLACE INTO window(rule,opened_us,urgent,events) VALUES(?,?,?,?)", "tiii", rule, w->opened_us, (int64_t)w->urgent,
		    (int64_t)w->events);
	if (r == SPOOL_OK)
		r = save_rows(s, rule, w);
	return r == SPOOL_OK ? save_sums(s, rule, w) : r;
}

static enum spool_result
save_gone(struct spool *s, const struct mail_conf *conf, struct gone *d)
{
	enum spool_result r = sp_run(s, "DELETE FROM told WHERE node=? AND module=?", "tt", d->node, d->module);
	uint32_t i;

	d->unsaved = false;
	if (r == SPOOL_OK && d->since_us == 0 && !d->asked)
		return sp_run(s, "DELETE FROM gone WHERE node=? AND module=?", "tt", d->node, d->module);
	if (r == SPOOL_OK)
		r = sp_run(s, "INSERT OR REPLACE INTO gone(node,module,asked,since_us,state) VALUES(?,?,?,?,?)", "ttiit", d->node, d->module,
		    (int64_t)d->asked, d->since_us, d->state);
	for (i = 0; r == SPOOL_OK && i < conf->rules; i++)
		if (d->told_us[i] != 0)
			r = sp_run(s, "INSERT INTO told(node,module,rule,us) VALUES(?,?,?,?)", "ttti", d->node, d->module, conf->rule[i].name, d->told_us[i]);
	return r;
}

enum spool_result
spool_save(struct spool *s, struct gather *g)
{
	enum spool_result r = SPOOL_OK;
	size_t i;

	for (i = 0; r == SPOOL_OK && i < g->conf->rules; i++)
		r = save_window(s, g->conf->rule[i].name, &g->window[i]);
	for (i = 0; r == SPOOL_OK && i < g->gones; i++)
		if (g->gone[i].unsaved)
			r = save_gone(s, g->conf, &g->gone[i]);
	return r;
}

/* ---- and back ---- */
static void
text_at(sqlite3_stmt *st, int col, char *buf, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, col);

	str_copy(buf, size, text != NULL ? text : "");
	event_clean(buf);
}

static char
level_at(sqlite3_stmt *st, int col)
{
	char level[2];

	text_at(st, col, level, sizeof(level));
	return level[0] != '\0' && strchr(EVENT_LEVELS, level[0]) != NULL ? level[0] : 'I';
}

static int
rule_number(const struct gather *g, const char *name)
{
	uint32_t i;

	for (i = 0; i < g->conf->rules; i++)
		if (strcmp(g->conf->rule[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int
rule_at(const struct gather *g, sqlite3_stmt *st, int col)
{
	char rule[SK_NAME_MAX];

	text_at(st, col, rule, sizeof(rule));
	return rule_number(g, rule);
}

/* What belonged to a rule that is no more becomes the first rule's */
static enum spool_result
adopt_rule(struct spool *s, const char *orphan, const char *heir)
{
	enum spool_result r;

	r = sp_run(s, "INSERT INTO window(rule,opened_us,urgent,events) SELECT ?1,opened_us,urgent,events FROM window WHERE rule=?2"
	    " ON CONFLICT(rule) DO UPDATE SET opened_us=min(opened_us,excluded.opened_us), urgent=max(urgent,excluded.urgent), events=events+excluded.events",
	    "tt", heir, orphan);
	if (r == SPOOL_OK)
		r = sp_run(s, "UPDATE event SET rule=?1 WHERE rule=?2", "tt", heir, orphan);
	if (r == SPOOL_OK)
		r = sp_run(s, "INSERT INTO sum(rule,node,module,origin,level,key,count,first_us,last_us,message)"
		    " SELECT ?1,node,module,origin,level,key,count,first_us,last_us,message FROM sum WHERE rule=?2"
		    " ON CONFLICT DO UPDATE SET count=count+excluded.count, first_us=min(first_us,excluded.first_us), last_us=max(last_us,excluded.last_us)",
		    "tt", heir, orphan);
	if (r == SPOOL_OK)
		r = sp_run(s, "DELETE FROM sum WHERE rule=?", "t", orphan);
	if (r == SPOOL_OK)
		r = sp_run(s, "DELETE FROM window WHERE rule=?", "t", orphan);
	return r;
}

static enum spool_result
adopt(struct spool *s, const struct gather *g)
{
	char orphan[SK_NAME_MAX];
	enum spool_result r;

	do {
		sqlite3_stmt *st = sp_statement(s, "SELECT rule FROM window", &r);
		int rc;

		if (st == NULL)
			return r;
		orphan[0] = '\0';
		while ((rc = sqlite3_step(st)) == SQLITE_ROW && orphan[0] == '\0')
			if (rule_at(g, st, 0) == -1)
				text_at(st, 0, orphan, sizeof(orphan));
		r = sp_result(s, rc, "window");
		sqlite3_reset(st);
		if (r == SPOOL_OK && orphan[0] != '\0')
			r = adopt_rule(s, orphan, g->conf->rule[0].name);
	} while (r == SPOOL_OK && orphan[0] != '\0');
	return r;
}

static bool
load_window(struct gather *g, sqlite3_stmt *st)
{
	int i = rule_at(g, st, 0);
	struct window *w;

	if (i == -1)
		return true;
	w = &g->window[i];
	w->open = true;
	w->opened_us = sqlite3_column_int64(st, 1);
	w->urgent = sqlite3_column_int64(st, 2) != 0;
	w->events = (uint64_t)sqlite3_column_int64(st, 3);
	return true;
}

static bool
load_event(struct gather *g, sqlite3_stmt *st)
{
	struct mail_event ev = { .time_us = sqlite3_column_int64(st, 1), .level = level_at(st, 5), .key = (uint32_t)sqlite3_column_int64(st, 6) };
	int i = rule_at(g, st, 0);

	if (i == -1)
		return true;
	text_at(st, 2, ev.node, sizeof(ev.node));
	text_at(st, 3, ev.module, sizeof(ev.module));
	text_at(st, 4, ev.origin, sizeof(ev.origin));
	text_at(st, 7, ev.message, sizeof(ev.message));
	if (!gather_put_row(&g->window[i], &ev))
		return false;
	g->window[i].saved = g->window[i].rows;
	return true;
}

static bool
load_sum(struct gather *g, sqlite3_stmt *st)
{
	int i = rule_at(g, st, 0);
	struct sum *m = i == -1 ? NULL : gather_put_sum(&g->window[i]);

	if (m == NULL)
		return i == -1;
	text_at(st, 1, m->node, sizeof(m->node));
	text_at(st, 2, m->module, sizeof(m->module));
	text_at(st, 3, m->origin, sizeof(m->origin));
	m->level = level_at(st, 4);
	m->key = (uint32_t)sqlite3_column_int64(st, 5);
	m->count = (uint64_t)sqlite3_column_int64(st, 6);
	m->first_us = sqlite3_column_int64(st, 7);
	m->last_us = sqlite3_column_int64(st, 8);
	text_at(st, 9, m->message, sizeof(m->message));
	return true;
}

static bool
load_made(struct gather *g, sqlite3_stmt *st)
{
	int i = rule_at(g, st, 0);

	return i == -1 || gather_put_made(&g->window[i], sqlite3_column_int64(st, 1));
}

static bool
load_gone(struct gather *g, sqlite3_stmt *st)
{
	char node[SK_NAME_MAX], module[SK_NAME_MAX];
	struct gone *d;

	text_at(st, 0, node, sizeof(node));
	text_at(st, 1, module, sizeof(module));
	d = gather_put_gone(g, node, module);
	if (d == NULL)
		return false;
	d->asked = sqlite3_column_int64(st, 2) != 0;
	d->since_us = sqlite3_column_int64(st, 3);
	text_at(st, 4, d->state, sizeof(d->state));
	return true;
}

static bool
load_told(struct gather *g, sqlite3_stmt *st)
{
	char node[SK_NAME_MAX], module[SK_NAME_MAX];
	int i = rule_at(g, st, 2);
	size_t k;

	text_at(st, 0, node, sizeof(node));
	text_at(st, 1, module, sizeof(module));
	for (k = 0; i != -1 && k < g->gones; k++)
		if (strcmp(g->gone[k].node, node) == 0 && strcmp(g->gone[k].module, module) == 0)
			g->gone[k].told_us[i] = sqlite3_column_int64(st, 3);
	return true;
}

enum spool_result
spool_load(struct spool *s, struct gather *g)
{
	static const struct { const char *sql; bool (*row)(struct gather *g, sqlite3_stmt *st); } tables[] = {
		{ "SELECT rule,opened_us,urgent,events FROM window", load_window },
		{ "SELECT rule,time_us,node,module,origin,level,key,message FROM event ORDER BY id", load_event },
		{ "SELECT rule,node,module,origin,level,key,count,first_us,last_us,message FROM sum ORDER BY rule,first_us", load_sum },
		{ "SELECT rule,us FROM made ORDER BY id", load_made },
		{ "SELECT node,module,asked,since_us,state FROM gone", load_gone },
		{ "SELECT node,module,rule,us FROM told", load_told },
	};
	enum spool_result r = spool_begin(s);
	size_t i;

	if (r == SPOOL_OK)
		r = adopt(s, g);
	if (r == SPOOL_OK)
		r = spool_commit(s);
	if (r != SPOOL_OK)
		spool_rollback(s);
	for (i = 0; r == SPOOL_OK && i < ARRAY_LEN(tables); i++) {
		sqlite3_stmt *st = sp_statement(s, tables[i].sql, &r);
		int rc = SQLITE_DONE;

		while (st != NULL && (rc = sqlite3_step(st)) == SQLITE_ROW)
			if (!tables[i].row(g, st)) {
				sqlite3_reset(st);
				return SPOOL_LATER;
			}
		if (st != NULL) {
			r = sp_result(s, rc, "load");
			sqlite3_reset(st);
		}
	}
	return r;
}
