/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * custom.c: checkers of the user's, as children (user's guide 13.15, 15.13).  A child has a session of its own, the environment of scripts
 * plus SAFECHECKER, and dies with us (PR_SET_PDEATHSIG).  It sets its resource itself; when it ends although it should run it is
 * started again, later and later.
 *
 * A child that is to end gets SIGTERM with its group, and SIGKILL after TERM_MS.  It counts as gone when nothing of its group is left:
 * a "safekit set" that it had just begun must not speak after it.
 */
#include "config.h"
#include "check/custom.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TERM_MS		1000	/* from SIGTERM to SIGKILL: an order to heart waits for it (ours) */
#define GROUP_MS	500	/* for what SIGKILL leaves of a group to disappear (ours) */
#define LOOK_MS		10
#define AGAIN_MS	1000	/* before the first new start, doubled up to AGAIN_MAX_MS (ours) */
#define AGAIN_MAX_MS	60000
#define LIVED_MS	60000	/* who lived so long begins with AGAIN_MS again (ours) */
#define LOG_LOOK_MS	2000	/* how often the size of outputs is looked at (ours) */
#define LOG_FLOOD_MS	50	/* ... at first, and of those that have just grown too large: one that floods writes 250 MB each second (ours) */

static void start(struct child *c);
static void say(struct child *c, enum message m, const char *fmt, ...) PRINTFLIKE(3, 4);

/* ---- a child's life ---- */

static void
free_child(uv_handle_t *h)
{
	free(h->data);
}

static struct child *
of_name(struct customs *s, const char *name, const struct child *but)
{
	struct child *c;

	for (c = s->first; c != NULL; c = c->next)
		if (c != but && strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Nothing of it is left, and its row is off */
static void
gone(struct child *c)
{
	struct customs *s = c->of;
	struct child **p, *waits;

	for (p = &s->first; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	child_shut(&c->log_fd);
	child_shut(&c->exec_fd);
	uv_close((uv_handle_t *)&c->timer, free_child);
	s->dying--;
	waits = of_name(s, c->name, c);	/* its row went on again meanwhile */
	if (waits != NULL && waits->state == WAIT_START && waits->row != NULL)
		start(waits);
	if (s->end && s->first == NULL)
		uv_close((uv_handle_t *)&s->sigchld, customs_closed);
	else if (s->dying == 0 && !s->end)
		table_quiet(s->t);
}

static void
say(struct child *c, enum message m, const char *fmt, ...)
{
	const struct check_hooks *h = table_hooks(c->of->t);
	char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_make_utf8(text);
	h->log(h->ctx, m, c->row->by, text);
}

/* It cannot be started: said once, until it runs */
static void
say_cannot(struct child *c, int err)
{
	if (!c->row->said)
		say(c, MSG_CHECK_ERROR, "Checker %s cannot run: %.200s: %s", c->name, c->row->conf.exec,
		    err == EINVAL ? "a quote in its arguments is not closed" : strerror(err));
	c->row->said = true;
}

static void
say_ended(struct child *c, int status)
{
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "status %d", WEXITSTATUS(status));
	c->row->said = false;
	say(c, MSG_CUSTOM_ENDED, "Custom checker %s ended unexpectedly (%s): started again", c->name, how);
}

static void on_again(uv_timer_t *timer);
static void on_group(uv_timer_t *timer);

static void
again(struct child *c)
{
	c->state = WAIT_START;
	c->again_ms = c->again_ms == 0 ? AGAIN_MS : c->again_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : c->again_ms * 2;
	uv_timer_start(&c->timer, on_again, (uint64_t)c->again_ms, 0);
}

/* An output that grows for months would fill the disk: it is emptied at its limit (of user's guide 13.7, there at the start only) */
static void
on_log_look(uv_timer_t *timer)
{
	struct child *c = timer->data;
	struct stat st;
	bool large = fstat(c->log_fd, &st) == 0 && st.st_size > (off_t)c->of->userlogsize_kb * 1024;

	if (large && ftruncate(c->log_fd, 0) == -1)
		warn_errno("output of %s", c->name);
	c->look_ms = large ? LOG_FLOOD_MS : c->look_ms * 2 > LOG_LOOK_MS ? LOG_LOOK_MS : c->look_ms * 2;
	uv_timer_start(&c->timer, on_log_look, (uint64_t)c->look_ms, 0);
}

static void
start(struct child *c)
{
	const struct check_hooks *h = table_hooks(c->of->t);
	int err;

	if (of_name(c->of, c->name, c) != NULL)
		return;		/* its predecessor: gone() calls us */
	if (c->again_ms != 0)
		h->resource(h->ctx, c->name, "init", c->row->by, "");
	err = child_run(c);
	c->started_ms = clock_mono_ms();
	if (err != 0) {
		say_cannot(c, err);
		again(c);
		return;
	}
	c->state = RUNS;
	c->look_ms = LOG_FLOOD_MS;
	if (c->log_fd != -1 && c->of->userlogsize_kb > 0)
		uv_timer_start(&c->timer, on_log_look, LOG_FLOOD_MS, 0);
}

static void
on_again(uv_timer_t *timer)
{
	start(timer->data);
}

/* Its group got SIGKILL; wait for it to disappear */
static void
watch_group(struct child *c)
{
	c->state = GROUP;
	c->killed_ms = clock_mono_ms();
	uv_timer_start(&c->timer, on_group, 0, LOOK_MS);
}

static void
on_group(uv_timer_t *timer)
{
	struct child *c = timer->data;

	if (kill(-c->group, 0) == 0 && clock_mono_ms() - c->killed_ms < GROUP_MS)
		return;
	uv_timer_stop(timer);
	c->group = 0;
	if (c->row == NULL)
		gone(c);
	else
		again(c);
}

/* The first process has ended: its zombie keeps the group's number ours until here */
static void
ended(struct child *c)
{
	int status = 0, err = 0;

	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) == -1 && errno == EINTR)
		;
	c->group = c->pid;
	c->pid = 0;
	uv_timer_stop(&c->timer);
	if (c->row != NULL && read(c->exec_fd, &err, sizeof(err)) == (ssize_t)sizeof(err)) {
		say_cannot(c, err);
	} else if (c->row != NULL) {
		say_ended(c, status);
		if (clock_mono_ms() - c->started_ms >= LIVED_MS)
			c->again_ms = 0;
	}
	child_shut(&c->exec_fd);
	watch_group(c);
}

static void
on_sigchld(uv_signal_t *sig, int signum)
{
	struct customs *s = sig->data;
	struct child *c, *next;

	for (c = s->first; c != NULL; c = next) {
		siginfo_t info = { 0 };

		next = c->next;
		if (c->pid > 0 && waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == c->pid)
			ended(c);
	}
}

static void
on_term_over(uv_timer_t *timer)
{
	struct child *c = timer->data;

	c->state = KILLED;
	if (c->pid > 0)
		kill(-c->pid, SIGKILL);
}

/* ---- a row ---- */

static bool
custom_begin(struct row *r)
{
	struct customs *s = table_shared(r->t)->customs;
	struct child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->of = s;
	c->row = r;
	c->log_fd = c->exec_fd = -1;
	c->state = WAIT_START;
	str_copy(c->name, sizeof(c->name), r->name);
	uv_timer_init(table_loop(s->t), &c->timer);
	c->timer.data = c;
	c->next = s->first;
	s->first = c;
	r->priv = c;
	start(c);
	return true;
}

static void
custom_end(struct row *r)
{
	struct child *c = r->priv;

	r->priv = NULL;
	if (c == NULL)
		return;
	c->row = NULL;
	c->of->dying++;
	uv_timer_stop(&c->timer);
	if (c->state == GROUP) {
		uv_timer_start(&c->timer, on_group, 0, LOOK_MS);
	} else if (c->pid > 0) {
		c->state = TERMED;
		kill(-c->pid, SIGTERM);
		uv_timer_start(&c->timer, on_term_over, TERM_MS, 0);
	} else {
		gone(c);
	}
}

bool
custom_changed(const struct row *r)
{
	const struct child *c = r->conf.kind == CHECK_CUSTOM ? r->priv : NULL;
	struct stat st;

	return c != NULL && child_program(c, &st) && (st.st_mtim.tv_sec != c->program.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != c->program.st_mtim.tv_nsec || st.st_size != c->program.st_size);
}

const struct kind check_custom = { .kind = CHECK_CUSTOM, .begin = custom_begin, .end = custom_end };

/* ---- all of them ---- */

struct customs *
customs_new(struct table *t)
{
	struct customs *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->t = t;
	getrlimit(RLIMIT_NOFILE, &s->files);
	uv_signal_init(table_loop(t), &s->sigchld);
	s->sigchld.data = s;
	uv_signal_start(&s->sigchld, on_sigchld, SIGCHLD);
	uv_unref((uv_handle_t *)&s->sigchld);
	return s;
}

int
customs_dying(const struct customs *s)
{
	return s->dying;
}

void
customs_kill(struct customs *s)
{
	struct child *c;

	for (c = s->first; c != NULL; c = c->next)
		if (c->pid > 0)
			kill(-c->pid, SIGKILL);
}

void
customs_free(struct customs *s)
{
	if (s == NULL)
		return;
	s->end = true;
	uv_ref((uv_handle_t *)&s->sigchld);	/* children on their way out are waited for */
	if (s->first == NULL)
		uv_close((uv_handle_t *)&s->sigchld, customs_closed);
}
