/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errd_setup.c: rows come, stay, and go with the configuration; the list of them.
 */
#include "config.h"
#include "check/errd_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
copy(const char *s)
{
	return strdup(s != NULL ? s : "");
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool
same(const struct conf_proc *a, const struct conf_proc *b)
{
	return strcmp(a->name, b->name) == 0 && same_text(a->nameregex, b->nameregex) && same_text(a->argregex, b->argregex) &&
	    a->service == b->service && a->atleast == b->atleast && a->atmax == b->atmax && a->start_after == b->start_after &&
	    a->when == b->when && strcmp(a->class_name, b->class_name) == 0 && a->action == b->action && same_text(a->exec, b->exec);
}

static bool
compile(struct errd_row *r, const char *what, const char *text, regex_t *re)
{
	char why[64];
	int rc;

	if (text[0] == '\0')
		return false;
	rc = regcomp(re, text, REG_EXTENDED | REG_NOSUB);
	if (rc == 0)
		return true;
	regerror(rc, re, why, sizeof(why));
	snprintf(r->broken, sizeof(r->broken), "%s: %s", what, why);
	return false;
}

static struct errd_row *
row_new(struct errd *e, const struct conf_proc *c)
{
	struct errd_row *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->e = e;
	r->conf = *c;
	r->conf.nameregex = copy(c->nameregex);
	r->conf.argregex = copy(c->argregex);
	r->conf.exec = copy(c->exec);
	if (r->conf.nameregex == NULL || r->conf.argregex == NULL || r->conf.exec == NULL) {
		errd_row_free(r);
		return NULL;
	}
	r->has_name_re = compile(r, "nameregex", r->conf.nameregex, &r->name_re);
	r->has_args_re = compile(r, "argregex", r->conf.argregex, &r->args_re);
	return r;
}

void
errd_row_free(struct errd_row *r)
{
	errd_unwatch(r);
	errd_systemctl_let_go(r);
	errd_handler_let_go(r, true);
	if (r->has_name_re)
		regfree(&r->name_re);
	if (r->has_args_re)
		regfree(&r->args_re);
	free(r->conf.nameregex);
	free(r->conf.argregex);
	free(r->conf.exec);
	free(r);
}

static void
free_env(char **env)
{
	char **v;

	for (v = env; v != NULL && *v != NULL; v++)
		free(*v);
	free(env);
}

static char **
copy_env(char **env)
{
	char **new;
	size_t n = 0, i;

	while (env != NULL && env[n] != NULL)
		n++;
	new = calloc(n + 2, sizeof(*new));	/* SAFECHECKER comes for a handler */
	for (i = 0; new != NULL && i < n; i++) {
		if ((new[i] = strdup(env[i])) == NULL) {
			free_env(new);
			return NULL;
		}
	}
	return new;
}

/* Is the class of a new row on?  As its bit says, or, for a class of the user's, as another row of it is. */
static bool
class_is_on(const struct errd *e, const struct conf_proc *c)
{
	int i;

	for (i = 0; i < e->n; i++)
		if (strcmp(e->rows[i]->conf.class_name, c->class_name) == 0)
			return e->rows[i]->enabled;
	return e->when_on >> c->when & 1;
}

/* The old row that is the same, taken out of its place */
static struct errd_row *
take_same(struct errd *e, const struct conf_proc *c, bool *taken)
{
	int i;

	for (i = 0; i < e->n; i++) {
		if (!taken[i] && same(&e->rows[i]->conf, c)) {
			taken[i] = true;
			return e->rows[i];
		}
	}
	return NULL;
}

static void
new_rows(struct errd *e, const struct conf_proc *procs, int n)
{
	struct errd_row **rows = calloc((size_t)n + 1, sizeof(struct errd_row *));
	bool *taken = calloc((size_t)e->n + 1, sizeof(bool)), on;
	int i, count = 0;

	for (i = 0; rows != NULL && taken != NULL && i < n; i++) {
		rows[count] = take_same(e, &procs[i], taken);
		if (rows[count] == NULL && (rows[count] = row_new(e, &procs[i])) != NULL) {
			on = class_is_on(e, &procs[i]);
			rows[count]->enabled = on;
		}
		if (rows[count] != NULL)
			count++;
		else
			warn_text("process %s is not watched: no memory", procs[i].name);
	}
	if (rows == NULL || taken == NULL) {
		warn_text("processes stay as they were: no memory");
		free(rows);
		free(taken);
		return;
	}
	for (i = 0; i < e->n; i++) {
		if (taken[i])
			continue;
		errd_watch_row(e->rows[i], false);
		errd_row_free(e->rows[i]);
	}
	free(e->rows);
	free(taken);
	e->rows = rows;
	e->n = count;
	for (i = 0; i < count; i++)
		errd_watch_row(rows[i], rows[i]->enabled && e->on);
}

void
errd_setup(struct errd *e, const struct conf_proc *procs, int n, int64_t polltimer_ms, const char *module, const char *bin,
    const char *var, char **env)
{
	int64_t now = clock_mono_ms();

	free(e->module);
	free(e->bin);
	free(e->var);
	free_env(e->env);
	e->module = copy(module);
	e->bin = copy(bin);
	e->var = copy(var);
	e->env = copy_env(env);
	if (e->module == NULL || e->bin == NULL || e->var == NULL || e->env == NULL)
		warn_text("process monitoring: no memory for handlers");
	e->polltimer = polltimer_ms > 0 ? polltimer_ms : 1;
	if (e->next_poll > now + e->polltimer)
		e->next_poll = now + e->polltimer;
	new_rows(e, procs, n);
	errd_arm(e);
}

struct errd *
errd_new(uv_loop_t *loop, const struct errd_hooks *hooks)
{
	struct errd *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->loop = loop;
	e->hooks = *hooks;
	e->on = true;
	e->next_look = INT64_MAX;
	e->polltimer = 30000;
	e->timer = calloc(1, sizeof(*e->timer));
	if (e->timer == NULL || uv_timer_init(loop, e->timer) != 0) {
		free(e->timer);
		free(e);
		return NULL;
	}
	e->timer->data = e;
	return e;
}

static void
timer_closed(uv_handle_t *h)
{
	free(h);
}

void
errd_free(struct errd *e)
{
	int i;

	if (e == NULL)
		return;
	for (i = 0; i < e->n; i++)
		errd_row_free(e->rows[i]);
	uv_close((uv_handle_t *)e->timer, timer_closed);
	free(e->rows);
	free(e->module);
	free(e->bin);
	free(e->var);
	free_env(e->env);
	free(e);
}

/* ---- the list ---- */

static const char *
action_name(const struct errd_row *r)
{
	return r->conf.action == DO_EXEC ? r->conf.exec : conf_do_names[r->conf.action];
}

/* SAFEUSERVAR/errdlist: one line per row, the processes last */
static void
write_list(const struct errd *e)
{
	const struct errd_watch *w;
	char *text = NULL, file[1024];
	size_t size = 0;
	FILE *f;
	int i;

	if (e->var == NULL || e->var[0] == '\0' || !path_format(file, sizeof(file), "%s/errdlist", e->var))
		return;
	if ((f = open_memstream(&text, &size)) == NULL)
		return;
	fprintf(f, "# module %s: name class atleast atmax action value pids\n", e->module != NULL ? e->module : "");
	for (i = 0; i < e->n; i++) {
		const struct errd_row *r = e->rows[i];

		fprintf(f, "%s %s %d %d %s %s", r->conf.name, r->conf.class_name, r->conf.atleast, r->conf.atmax, action_name(r),
		    r->watched ? errd_value_name(r) : "suspended");
		for (w = r->watches; w != NULL; w = w->next)
			fprintf(f, " %d", (int)w->pid);
		fputc('\n', f);
	}
	if (fclose(f) == 0 && path_write_atomic(file, text, size, 0640) == -1)
		warn_errno("%s", file);
	free(text);
}

json_t *
errd_list(const struct errd *e)
{
	json_t *list = json_array(), *pids;
	const struct errd_watch *w;
	int i;

	for (i = 0; list != NULL && i < e->n; i++) {
		const struct errd_row *r = e->rows[i];

		pids = json_array();
		for (w = r->watches; w != NULL; w = w->next)
			json_array_append_new(pids, json_integer(w->pid));
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:s, s:o, s:b, s:s}", "name", r->conf.name, "class",
		    r->conf.class_name, "atleast", r->conf.atleast, "atmax", r->conf.atmax, "action", action_name(r), "pids", pids,
		    "watched", (int)r->watched, "value", errd_value_name(r)));
	}
	write_list(e);
	return list;
}
