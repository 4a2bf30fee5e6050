/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errd_child.c: what errd runs: handlers of the user's, and systemctl for the state of units.  Each has a group of its own and a time
 * after which the group is killed; a child that nobody waits for any more (row NULL) is reaped all the same.
 */
#include "config.h"
#include "check/errd_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIT_GONE_MS	100	/* systemd has not reaped a main process that we saw die: ask again so soon (ours) */
#define UNIT_GONE_TRIES	20	/* then systemd's word counts: it may see processes that we do not */

static void
closed(uv_handle_t *h)
{
	struct errd_child *c = h->data;

	if (--c->closing == 0)
		free(c);
}

/* The process has ended or was never there: all handles go, then the memory */
static void
child_close(struct errd_child *c, bool with_out)
{
	c->closing = with_out ? 3 : 2;
	uv_close((uv_handle_t *)&c->process, closed);
	uv_close((uv_handle_t *)&c->timer, closed);
	if (with_out)
		uv_close((uv_handle_t *)&c->out, closed);
}

static struct errd_child *
child_new(struct errd_row *r)
{
	struct errd_child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->row = r;
	c->process.data = c->timer.data = c->out.data = c;
	uv_timer_init(r->e->loop, &c->timer);
	return c;
}

static void
child_kill(struct errd_child *c)
{
	if (c->process.pid > 0 && uv_is_active((uv_handle_t *)&c->process))
		kill(-c->process.pid, SIGKILL);	/* it leads its group; not reaped yet, so the number is still its own */
}

static void systemctl_step(struct errd_child *c);

static void
too_long(uv_timer_t *t)
{
	struct errd_child *c = t->data;

	c->timed_out = true;
	child_kill(c);
	systemctl_step(c);	/* its output may be held open by somebody else */
}

/* ---- handlers ---- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
handler_said(struct errd_row *r, const char *what)
{
	errd_log(r->e, MSG_HANDLER, r->conf.exec, r->conf.name, what);
}

static void
handler_exited(uv_process_t *p, int64_t status, int sig)
{
	struct errd_child *c = p->data;
	struct errd_row *r = c->row;
	bool muted = c->muted;
	char what[80];

	if (r != NULL) {
		r->handler = NULL;
		if (c->timed_out)
			snprintf(what, sizeof(what), "timed out after %d s: killed", ERRD_HANDLER_MS / 1000);
		else if (sig != 0)
			snprintf(what, sizeof(what), "killed by signal %d", sig);
		else
			snprintf(what, sizeof(what), "returned %d", (int)status);
		handler_said(r, what);
		if (!muted && (c->timed_out || sig != 0 || status != 0))
			r->e->hooks.action(r->e->hooks.ctx, conf_do_names[DO_STOPSTART], "errd", "errd");
		errd_look_soon(r->e, 0);
	}
	child_close(c, false);
}

/* Output of the last run: SAFEUSERVAR/errd_<proc>.ulog; /dev/null where that cannot be */
static int
open_output(const struct errd_row *r)
{
	char file[1024];
	int fd = -1;

	if (r->e->var != NULL && r->e->var[0] != '\0' && strchr(r->conf.name, '/') == NULL &&
	    path_format(file, sizeof(file), "%s/errd_%s.ulog", r->e->var, r->conf.name))
		fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	return fd != -1 ? fd : open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static int
spawn_handler(struct errd_row *r, struct errd_child *c, char *file)
{
	struct errd *e = r->e;
	char *args[2] = { file, NULL }, checker[512];
	int out = open_output(r), rc;
	uv_stdio_container_t io[3] = { { .flags = UV_IGNORE }, { .flags = UV_INHERIT_FD, .data.fd = out },
		{ .flags = UV_INHERIT_FD, .data.fd = out } };
	uv_process_options_t o = { .exit_cb = handler_exited, .file = file, .args = args, .cwd = e->bin, .flags = UV_PROCESS_DETACHED,
		.stdio_count = out != -1 ? 3 : 0, .stdio = io, .env = e->env };
	size_t n = 0;

	while (e->env != NULL && e->env[n] != NULL)
		n++;
	snprintf(checker, sizeof(checker), "SAFECHECKER=%.400s", base_name(r->conf.exec));
	if (e->env != NULL)
		e->env[n] = checker;	/* copy_env() left room */
	rc = uv_spawn(e->loop, &c->process, &o);
	if (e->env != NULL)
		e->env[n] = NULL;
	if (out != -1)
		close(out);
	return rc;
}

bool
errd_handler_start(struct errd_row *r)
{
	const char *exec = r->conf.exec;
	struct errd_child *c = NULL;
	char file[1024], what[128];
	int rc = UV_ENOMEM;

	if (!path_format(file, sizeof(file), "%s%s%s", exec[0] == '/' || r->e->bin == NULL ? "" : r->e->bin, exec[0] == '/' ? "" : "/", exec))
		rc = UV_ENAMETOOLONG;
	else if ((c = child_new(r)) != NULL)
		rc = spawn_handler(r, c, file);
	if (rc != 0) {
		snprintf(what, sizeof(what), "cannot be run: %s", uv_strerror(rc));
		handler_said(r, what);
		if (c != NULL)
			child_close(c, false);
		return false;
	}
	uv_timer_start(&c->timer, too_long, ERRD_HANDLER_MS, 0);
	r->handler = c;
	handler_said(r, "started");
	return true;
}

void
errd_handler_let_go(struct errd_row *r, bool kill_it)
{
	if (r->handler == NULL)
		return;
	if (kill_it)
		child_kill(r->handler);
	r->handler->row = NULL;
	r->handler = NULL;
}

/* ---- units of systemd ---- */

/* The value of a line "KEY=value" of the answer */
static bool
property(const char *answer, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);
	const char *p;

	for (p = answer; p != NULL && *p != '\0'; p = strchr(p, '\n'), p = p != NULL ? p + 1 : NULL) {
		if (strncmp(p, key, n) != 0 || p[n] != '=')
			continue;
		snprintf(buf, size, "%.*s", (int)strcspn(p + n + 1, "\n"), p + n + 1);
		return true;
	}
	return false;
}

static bool
is_active(const char *state)
{
	return strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0 || strcmp(state, "refreshing") == 0;
}

static void
judge_unit(struct errd_row *r, const char *answer)
{
	char state[32], pid[32] = "0";
	uint64_t number = 0, start;

	if (!property(answer, "ActiveState", state, sizeof(state))) {
		errd_cannot(r, "systemctl show: no ActiveState in its answer");
		return;
	}
	property(answer, "MainPID", pid, sizeof(pid));
	str_to_u64(pid, 0, INT32_MAX, &number);
	str_copy(r->unit_state, sizeof(r->unit_state), state);
	if (is_active(state) && number > 0 && proc_start((pid_t)number, &start) == -1 && r->tries++ < UNIT_GONE_TRIES) {
		errd_look_soon(r->e, UNIT_GONE_MS);
		return;
	}
	r->tries = 0;
	errd_watch_only(r, is_active(state) ? (pid_t)number : 0);
	r->count = is_active(state) ? 1 : 0;
	errd_judge(r, clock_mono_ms());
}

static void
systemctl_done(struct errd_child *c)
{
	struct errd_row *r = c->row;
	char why[128];

	if (r != NULL) {
		r->systemctl = NULL;
		c->answer[c->len] = '\0';
		if (c->timed_out) {
			snprintf(why, sizeof(why), "systemctl show: no answer within %d s", ERRD_SYSTEMCTL_MS / 1000);
			errd_cannot(r, why);
		} else if (c->signal != 0 || c->status != 0) {
			snprintf(why, sizeof(why), "systemctl show: %s %d", c->signal != 0 ? "killed by signal" : "exit status",
			    c->signal != 0 ? c->signal : (int)c->status);
			errd_cannot(r, why);
		} else {
			judge_unit(r, c->answer);
		}
		if (r->again)
			errd_look_soon(r->e, 0);
		r->again = false;
		errd_arm(r->e);
	}
	child_close(c, true);
}

static void
systemctl_step(struct errd_child *c)
{
	if (c->asks && c->exited && (c->eof || c->timed_out)) {
		c->asks = false;
		systemctl_done(c);
	}
}

static void
systemctl_exited(uv_process_t *p, int64_t status, int sig)
{
	struct errd_child *c = p->data;

	c->status = status;
	c->signal = sig;
	c->exited = true;
	systemctl_step(c);
}

static void
room(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct errd_child *c = h->data;

	*buf = uv_buf_init(c->answer + c->len, (unsigned)(sizeof(c->answer) - 1 - c->len));	/* none left: UV_ENOBUFS ends the reading */
}

static void
got(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct errd_child *c = s->data;

	if (n > 0)
		c->len += (size_t)n;
	if (n >= 0)
		return;
	uv_read_stop(s);
	if (n != UV_EOF)
		child_kill(c);
	c->eof = true;
	systemctl_step(c);
}

void
errd_systemctl_ask(struct errd_row *r)
{
	char *args[] = { (char *)(uintptr_t)"systemctl", (char *)(uintptr_t)"show", (char *)(uintptr_t)"--property=ActiveState,MainPID",
		(char *)(uintptr_t)"--", r->conf.name, NULL };
	struct errd_child *c;
	int rc;

	if (r->systemctl != NULL) {
		r->again = true;
		return;
	}
	c = child_new(r);
	if (c == NULL)
		return;
	uv_pipe_init(r->e->loop, &c->out, 0);
	c->asks = true;
	uv_stdio_container_t io[3] = { { .flags = UV_IGNORE }, { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		.data.stream = (uv_stream_t *)&c->out }, { .flags = UV_IGNORE } };
	uv_process_options_t o = { .exit_cb = systemctl_exited, .file = "systemctl", .args = args, .flags = UV_PROCESS_DETACHED,
		.stdio_count = 3, .stdio = io };
	rc = uv_spawn(r->e->loop, &c->process, &o);
	if (rc != 0) {
		char why[96];

		snprintf(why, sizeof(why), "systemctl: %s", uv_strerror(rc));
		errd_cannot(r, why);
		child_close(c, true);
		return;
	}
	r->systemctl = c;
	uv_timer_start(&c->timer, too_long, ERRD_SYSTEMCTL_MS, 0);
	uv_read_start((uv_stream_t *)&c->out, room, got);
}

void
errd_systemctl_let_go(struct errd_row *r)
{
	if (r->systemctl == NULL)
		return;
	child_kill(r->systemctl);
	r->systemctl->row = NULL;
	r->systemctl = NULL;
}
