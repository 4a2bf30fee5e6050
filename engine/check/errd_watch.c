/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errd_watch.c: which processes belong to which row, and a pidfd on each of them so that its death is seen when it happens.
 */
#include "config.h"
#include "check/errd_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
closed(uv_handle_t *h)
{
	free(h->data);
}

/* *at is taken out of the list of its row */
static void
forget(struct errd_watch **at)
{
	struct errd_watch *w = *at;

	*at = w->next;
	w->row = NULL;
	if (w->fd == -1) {
		free(w);
		return;
	}
	uv_close((uv_handle_t *)&w->poll, closed);	/* stops polling at once; the memory goes later */
	close(w->fd);
}

/* It ended.  Is what is left enough, the next poll counts again; else look now: another one may have come. */
static void
died(uv_poll_t *p, int status, int events)
{
	struct errd_watch *w = p->data, **at;
	struct errd_row *r = w->row;

	for (at = &r->watches; *at != w; at = &(*at)->next)
		;
	forget(at);
	r->count--;
	if (r->conf.service || r->count < r->conf.atleast || r->value != ERRD_UP)
		errd_look_soon(r->e, 0);
}

/* false: it ended meanwhile */
static bool
hold(struct errd_row *r, pid_t pid, uint64_t start)
{
	struct errd_watch *w = r->count < ERRD_PIDS_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL)
		return true;
	w->pid = pid;
	w->start = start;
	w->row = r;
	w->seen = true;
	w->fd = proc_open(pid, start);
	if (w->fd == -1 && errno == ESRCH) {
		free(w);
		return false;
	}
	w->poll.data = w;
	if (w->fd != -1 && uv_poll_init(r->e->loop, &w->poll, w->fd) != 0) {
		close(w->fd);
		w->fd = -1;
	}
	if (w->fd != -1)
		uv_poll_start(&w->poll, UV_READABLE, died);
	w->next = r->watches;
	r->watches = w;
	return true;
}

static struct errd_watch *
find(struct errd_row *r, const struct proc *p)
{
	struct errd_watch *w;

	for (w = r->watches; w != NULL; w = w->next)
		if (w->pid == p->pid && w->start == p->start)
			return w;
	return NULL;
}

static bool
scanned(const struct errd_row *r)
{
	return r->watched && !r->conf.service && r->broken[0] == '\0';
}

static bool
selects(const struct errd_row *r, const struct proc *p)
{
	if (r->has_name_re ? !proc_name_matches(p, &r->name_re) : !proc_is(p, r->conf.name))
		return false;
	return !r->has_args_re || regexec(&r->args_re, p->args, 0, NULL, 0) == 0;
}

static bool
visit(void *ctx, const struct proc *p)
{
	struct errd *e = ctx;
	int i;

	for (i = 0; i < e->n; i++) {
		struct errd_row *r = e->rows[i];
		struct errd_watch *w;

		if (!scanned(r) || !selects(r, p))
			continue;
		w = find(r, p);
		if (w != NULL)
			w->seen = true;
		if (w != NULL || hold(r, p->pid, p->start))
			r->count++;
	}
	return true;
}

bool
errd_scan(struct errd *e)
{
	struct errd_watch **at, *w;
	const char *why;
	bool any = false;
	int i;

	for (i = 0; i < e->n; i++) {
		struct errd_row *r = e->rows[i];

		if (!scanned(r))
			continue;
		any = true;
		r->count = 0;
		for (w = r->watches; w != NULL; w = w->next)
			w->seen = false;
	}
	if (!any)
		return true;
	if (procs_scan(NULL, visit, e) == -1) {
		why = strerror(errno);
		for (i = 0; i < e->n; i++)
			if (scanned(e->rows[i]))
				errd_cannot(e->rows[i], why);
		return false;
	}
	for (i = 0; i < e->n; i++) {
		if (!scanned(e->rows[i]))
			continue;
		for (at = &e->rows[i]->watches; *at != NULL; ) {
			if ((*at)->seen)
				at = &(*at)->next;
			else
				forget(at);
		}
	}
	return true;
}

void
errd_watch_only(struct errd_row *r, pid_t pid)
{
	uint64_t start = 0;

	if (pid > 0 && proc_start(pid, &start) == -1)
		pid = 0;
	while (r->watches != NULL && (r->watches->pid != pid || r->watches->start != start))
		forget(&r->watches);
	if (pid > 0 && r->watches == NULL)
		hold(r, pid, start);
}

void
errd_unwatch(struct errd_row *r)
{
	while (r->watches != NULL)
		forget(&r->watches);
	r->count = 0;
}
