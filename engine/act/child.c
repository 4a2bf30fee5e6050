/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.c: a helper's life, and the two directions of the line to it. */
#include "config.h"
#include "act/child.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_MAX		(16u << 20)	/* what it has not read yet (ours) */

extern char **environ;

/* One process: made and waited for by a thread */
struct life {
	const char	*program, *module;
	int		 child_fd, note_fd;
	int		 line_fd;	/* what child_fd is called there */
	atomic_int	 pidfd;		/* -1: not started (yet); closed by the loop thread when it has joined this one */
	atomic_bool	 doomed;	/* child_kill() */
	int		 status;	/* of waitpid, or -errno of the start */
};

struct child {
	uv_loop_t	*loop;
	struct child_conf conf;
	struct child_hooks hooks;
	char		 name[SK_NAME_MAX], program[512], module[SK_NAME_MAX];
	bool		 wanted;	/* should run */
	bool		 quitting;	/* this life was told to end; the next begins when it has */
	bool		 threaded;	/* a life is under way */
	struct life	 life;
	pthread_t	 thread;
	int		 fd;		/* our end, -1 */
	uv_poll_t	*poll;
	uv_poll_t	 note;
	uv_timer_t	 again, end;
	int		 handles;	/* not closed yet, at the end */
	char		*in, *out;
	size_t		 in_len, in_room, out_len, out_room;
	int64_t		 born_ms;
	uint64_t	 pause_ms;	/* before the next start */
};

static void on_again(uv_timer_t *t);
static void on_end(uv_timer_t *t);
static void on_io(uv_poll_t *p, int status, int events);

/* ---- the process ---- */

static void *
live(void *arg)
{
	struct life *l = arg;
	char *argv[] = { (char *)(uintptr_t)l->program, (char *)(uintptr_t)"-m", (char *)(uintptr_t)l->module, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none;
	uint64_t one = 1;
	pid_t pid;
	int rc;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, l->child_fd, l->line_fd);
	posix_spawnattr_init(&at);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawn(&pid, l->program, &fa, &at, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	close(l->child_fd);
	if (rc != 0) {
		l->status = -rc;
	} else {
		atomic_store(&l->pidfd, (int)syscall(SYS_pidfd_open, pid, 0));
		if (atomic_load(&l->doomed))	/* said before we knew whom to kill; its line may be open already */
			(void)syscall(SYS_pidfd_send_signal, atomic_load(&l->pidfd), SIGKILL, NULL, 0);
		while (waitpid(pid, &l->status, 0) == -1 && errno == EINTR)
			;
	}
	(void)!write(l->note_fd, &one, sizeof(one));
	return NULL;
}

static void
poll_closed(uv_handle_t *h)
{
	free(h);
}

static void
send_signal(struct child *c, int sig)
{
	int fd = c->threaded ? atomic_load(&c->life.pidfd) : -1;

	if (fd != -1)
		(void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

/* The process has ended and its thread has said so, the last that it does.  Not joined: it has no priority, and may get no processor. */
static void
let_go(struct child *c)
{
	pthread_detach(c->thread);
	c->threaded = false;
	if (atomic_load(&c->life.pidfd) != -1)
		close(atomic_load(&c->life.pidfd));
	atomic_store(&c->life.pidfd, -1);
}

static void
drop_line(struct child *c)
{
	if (c->fd == -1)
		return;
	uv_poll_stop(c->poll);
	uv_close((uv_handle_t *)c->poll, poll_closed);
	c->poll = NULL;
	close(c->fd);
	c->fd = -1;
	c->in_len = c->out_len = 0;
}

/* As much as it takes now */
static void
flush(struct child *c)
{
	ssize_t n = c->out_len > 0 ? send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) : 0;

	if (n > 0) {
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
	uv_poll_start(c->poll, UV_READABLE | (c->out_len > 0 ? UV_WRITABLE : 0), on_io);
}

void
child_send(struct child *c, const json_t *obj)
{
	char *text = json_dumps(obj, JSON_COMPACT), *grown;
	size_t n = text != NULL ? strlen(text) : 0;

	if (text == NULL || c->fd == -1 || c->out_len + n + 1 > OUT_MAX) {
		free(text);
		return;
	}
	if (c->out_len + n + 1 > c->out_room) {
		grown = realloc(c->out, c->out_len + n + 1);
		if (grown == NULL) {
			free(text);
			return;
		}
		c->out = grown;
		c->out_room = c->out_len + n + 1;
	}
	memcpy(c->out + c->out_len, text, n);
	c->out[c->out_len + n] = '\n';
	c->out_len += n + 1;
	free(text);
	if (c->out_len == n + 1)	/* else it is waited for already */
		flush(c);
}

/* ---- what it says ---- */

static void
take_lines(struct child *c)
{
	char *at = c->in, *end;

	while (c->fd != -1 && (end = memchr(at, '\n', c->in_len - (size_t)(at - c->in))) != NULL) {
		json_t *obj = json_loadb(at, (size_t)(end - at), 0, NULL);

		if (json_is_object(obj))
			c->hooks.line(c->hooks.ctx, obj);
		else
			warn_text("%s: %s said something that is no JSON object", c->module, c->name);
		json_decref(obj);
		at = end + 1;
	}
	if (c->fd == -1)
		return;
	c->in_len -= (size_t)(at - c->in);
	memmove(c->in, at, c->in_len);
}

static bool
room_to_read(struct child *c)
{
	char *grown;

	if (c->in_room - c->in_len >= 4096)
		return true;
	if (c->in_len > c->conf.line_max)
		return false;
	grown = realloc(c->in, c->in_room + 16384);
	if (grown == NULL)
		return false;
	c->in = grown;
	c->in_room += 16384;
	return true;
}

/* False: nothing to read now, or never again (*ended) */
static bool
take_some(struct child *c, bool *ended)
{
	ssize_t n = c->fd != -1 && room_to_read(c) ? recv(c->fd, c->in + c->in_len, c->in_room - c->in_len, 0) : 0;

	*ended = n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
	if (n <= 0)
		return false;
	c->in_len += (size_t)n;
	take_lines(c);
	return true;
}

/* ---- its life ---- */

static void
start(struct child *c)
{
	int pair[2];

	if (c->threaded || !c->wanted)
		return;
	c->poll = calloc(1, sizeof(*c->poll));
	if (c->poll == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		free(c->poll);
		c->poll = NULL;
		uv_timer_start(&c->again, on_again, c->conf.restart_ms, 0);
		return;
	}
	c->fd = pair[0];
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);	/* ours; how the other end is read is the child's business */
	c->life.program = c->program;
	c->life.module = c->module;
	c->life.child_fd = pair[1];
	c->life.line_fd = c->conf.fd;
	atomic_store(&c->life.pidfd, -1);
	atomic_store(&c->life.doomed, false);
	c->quitting = false;
	uv_poll_init(c->loop, c->poll, c->fd);
	c->poll->data = c;
	uv_poll_start(c->poll, UV_READABLE, on_io);
	if (pthread_create(&c->thread, NULL, live, &c->life) != 0) {
		close(pair[1]);
		drop_line(c);
		uv_timer_start(&c->again, on_again, c->conf.restart_ms, 0);
		return;
	}
	c->threaded = true;
	uv_timer_stop(&c->again);
	c->born_ms = clock_mono_ms();
	c->hooks.born(c->hooks.ctx);
}

static void
on_again(uv_timer_t *t)
{
	start(t->data);
}

static void
describe(int status, char *how, size_t size)
{
	if (status < 0)
		snprintf(how, size, "cannot be started: %s", strerror(-status));
	else if (WIFSIGNALED(status))
		snprintf(how, size, "signal %d", WTERMSIG(status));
	else
		snprintf(how, size, "status %d", WEXITSTATUS(status));
}

/* A process has ended: hear its last words, collect the thread; start another when it should be there. */
static void
on_note(uv_poll_t *p, int status, int events)
{
	struct child *c = p->data;
	char how[128];
	bool ended;
	uint64_t n;

	if (read(c->life.note_fd, &n, sizeof(n)) != sizeof(n) || !c->threaded)
		return;
	while (take_some(c, &ended))
		;
	let_go(c);
	uv_timer_stop(&c->end);
	drop_line(c);
	if (c->quitting || !c->wanted) {
		c->hooks.gone(c->hooks.ctx, NULL);
		start(c);	/* when it is wanted again */
		return;
	}
	describe(c->life.status, how, sizeof(how));
	c->pause_ms = c->pause_ms == 0 || clock_mono_ms() - c->born_ms >= (int64_t)c->conf.restart_max_ms ? c->conf.restart_ms :
	    2 * c->pause_ms > c->conf.restart_max_ms ? c->conf.restart_max_ms : 2 * c->pause_ms;
	uv_timer_start(&c->again, on_again, c->pause_ms, 0);
	c->hooks.gone(c->hooks.ctx, how);
}

static void
on_io(uv_poll_t *p, int status, int events)
{
	struct child *c = p->data;
	bool ended;

	if ((events & UV_WRITABLE) != 0)
		flush(c);
	if (status >= 0 && (events & UV_READABLE) == 0)
		return;
	if (!take_some(c, &ended) && ended) {
		/* its end comes through the thread; what only closed the line is no use to us */
		uv_poll_stop(p);
		if (c->threaded && !uv_is_active((uv_handle_t *)&c->end))
			uv_timer_start(&c->end, on_end, CHILD_END_MS, CHILD_END_MS);
	}
}

static void
on_end(uv_timer_t *t)
{
	send_signal(t->data, SIGKILL);
}

/* ---- the owner ---- */

struct child *
child_new(uv_loop_t *loop, const struct child_conf *conf, const struct child_hooks *hooks)
{
	struct child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->life.note_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->life.note_fd == -1 || uv_poll_init(loop, &c->note, c->life.note_fd) != 0) {
		if (c->life.note_fd != -1)
			close(c->life.note_fd);
		free(c);
		return NULL;
	}
	c->loop = loop;
	c->conf = *conf;
	c->hooks = *hooks;
	c->fd = -1;
	atomic_store(&c->life.pidfd, -1);
	str_copy(c->name, sizeof(c->name), conf->name);
	str_copy(c->program, sizeof(c->program), conf->program);
	str_copy(c->module, sizeof(c->module), conf->module);
	uv_timer_init(loop, &c->again);
	uv_timer_init(loop, &c->end);
	c->note.data = c->again.data = c->end.data = c;
	uv_poll_start(&c->note, UV_READABLE, on_note);
	return c;
}

void
child_start(struct child *c)
{
	c->wanted = true;
	if (!child_running(c))
		start(c);	/* or when the one that is told to end has ended */
}

void
child_drain(struct child *c)
{
	bool ended;

	while (take_some(c, &ended))
		;		/* its end is seen by the loop */
}

bool
child_running(const struct child *c)
{
	return c->fd != -1 && !c->quitting;
}

void
child_kill(struct child *c)
{
	warn_text("%s: %s does not answer: it is killed", c->module, c->name);
	atomic_store(&c->life.doomed, true);
	send_signal(c, SIGKILL);
}

void
child_stop(struct child *c)
{
	json_t *quit;

	c->wanted = false;
	c->pause_ms = 0;
	uv_timer_stop(&c->again);
	if (!child_running(c))
		return;
	c->quitting = true;
	quit = json_pack("{s:s}", "op", "quit");
	child_send(c, quit);
	json_decref(quit);
	uv_timer_start(&c->end, on_end, CHILD_END_MS, CHILD_END_MS);
}

static void
handle_closed(uv_handle_t *h)
{
	struct child *c = h->data;

	if (--c->handles == 0)
		free(c);
}

void
child_free(struct child *c)
{
	if (c == NULL)
		return;
	c->wanted = false;
	drop_line(c);	/* end of file tells it to end, with its children */
	if (c->threaded) {
		struct pollfd ended = { c->life.note_fd, POLLIN, 0 };

		if (c->conf.term)
			send_signal(c, SIGTERM);
		while (poll(&ended, 1, CHILD_END_MS) == 0)
			send_signal(c, SIGKILL);
		pthread_join(c->thread, NULL);
		if (atomic_load(&c->life.pidfd) != -1)
			close(atomic_load(&c->life.pidfd));
	}
	close(c->life.note_fd);
	free(c->in);
	free(c->out);
	c->handles = 3;
	uv_close((uv_handle_t *)&c->note, handle_closed);
	uv_close((uv_handle_t *)&c->again, handle_closed);
	uv_close((uv_handle_t *)&c->end, handle_closed);
}
