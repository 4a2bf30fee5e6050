/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.c: checkd's life, and the two directions of the line. */
#include "config.h"
#include "act/watch.h"
#include "wire/checkline.h"
#include "conf/conf.h"

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

#define RESTART_MS	1000	/* between a death and the next start (ours); */
#define RESTART_MAX_MS	60000	/* twice as long each time, up to this, until one has lived so long */
#define END_MS		5000	/* from "quit" to SIGKILL (ours) */
#define OUT_MAX		(16u << 20)	/* what checkd has not read yet (ours) */

extern char **environ;

/* One process: made and waited for by a thread */
struct life {
	const char	*program, *module;
	int		 child_fd, note_fd;
	atomic_int	 pidfd;		/* -1: not started (yet); closed by the loop thread when it has joined this one */
	int		 status;	/* of waitpid, or -errno of the start */
};

struct watch {
	uv_loop_t	*loop;
	struct watch_hooks hooks;
	char		 program[512], module[SK_NAME_MAX];
	bool		 wanted;	/* should run */
	bool		 quitting;	/* this life was told to end; the next begins when it has */
	bool		 threaded;	/* a life is under way */
	struct life	 life;
	pthread_t	 thread;
	int		 fd;		/* our end, -1 */
	uv_poll_t	*poll;
	uv_poll_t	 note;
	uv_timer_t	 again, late, end;
	int		 handles;	/* not closed yet, at the end */
	char		*in, *out;
	size_t		 in_len, in_room, out_len, out_room;
	json_t		*setup, *told;
	unsigned	 classes;
	bool		 checkers, errd;
	uint32_t	 seq;
	bool		 waiting;	/* for the acknowledgement of seq */
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
	posix_spawn_file_actions_adddup2(&fa, l->child_fd, CHECK_LINE_FD);
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
send_signal(struct watch *w, int sig)
{
	int fd = w->threaded ? atomic_load(&w->life.pidfd) : -1;

	if (fd != -1)
		(void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

/* The process has ended and its thread has said so, the last that it does.  Not joined: it has no priority, and may get no processor. */
static void
let_go(struct watch *w)
{
	pthread_detach(w->thread);
	w->threaded = false;
	if (atomic_load(&w->life.pidfd) != -1)
		close(atomic_load(&w->life.pidfd));
	atomic_store(&w->life.pidfd, -1);
}

static void
drop_line(struct watch *w)
{
	if (w->fd == -1)
		return;
	uv_poll_stop(w->poll);
	uv_close((uv_handle_t *)w->poll, poll_closed);
	w->poll = NULL;
	close(w->fd);
	w->fd = -1;
	w->in_len = w->out_len = 0;
}

static void
acked(struct watch *w)
{
	uv_timer_stop(&w->late);
	if (!w->waiting)
		return;
	w->waiting = false;
	w->hooks.acked(w->hooks.ctx);
}

static void
send_line(struct watch *w, const json_t *obj)
{
	char *text = json_dumps(obj, JSON_COMPACT), *grown;
	size_t n = text != NULL ? strlen(text) : 0;

	if (text == NULL || w->fd == -1 || w->out_len + n + 1 > OUT_MAX) {
		free(text);
		return;
	}
	if (w->out_len + n + 1 > w->out_room) {
		grown = realloc(w->out, w->out_len + n + 1);
		if (grown == NULL) {
			free(text);
			return;
		}
		w->out = grown;
		w->out_room = w->out_len + n + 1;
	}
	memcpy(w->out + w->out_len, text, n);
	w->out[w->out_len + n] = '\n';
	w->out_len += n + 1;
	free(text);
	uv_poll_start(w->poll, UV_READABLE | UV_WRITABLE, on_io);
}

static void
send_classes(struct watch *w)
{
	json_t *on = json_array(), *obj;
	int i;

	for (i = 0; i < WHEN_COUNT; i++)
		if ((w->classes & 1u << i) != 0)
			json_array_append_new(on, json_string(conf_when_names[i]));
	obj = json_pack("{s:s,s:I,s:o,s:b,s:b}", "op", "classes", "seq", (json_int_t)w->seq, "on", on, "checkers", w->checkers, "errd", w->errd);
	send_line(w, obj);
	json_decref(obj);
}

static void
start(struct watch *w)
{
	int pair[2];

	if (w->threaded || !w->wanted)
		return;
	w->poll = calloc(1, sizeof(*w->poll));
	if (w->poll == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		free(w->poll);
		w->poll = NULL;
		uv_timer_start(&w->again, on_again, RESTART_MS, 0);
		return;
	}
	w->fd = pair[0];
	(void)fcntl(w->fd, F_SETFL, O_NONBLOCK);	/* ours; how the other end is read is checkd's business */
	w->life.program = w->program;
	w->life.module = w->module;
	w->life.child_fd = pair[1];
	atomic_store(&w->life.pidfd, -1);
	w->quitting = false;
	uv_poll_init(w->loop, w->poll, w->fd);
	w->poll->data = w;
	uv_poll_start(w->poll, UV_READABLE, on_io);
	if (pthread_create(&w->thread, NULL, live, &w->life) != 0) {
		close(pair[1]);
		drop_line(w);
		uv_timer_start(&w->again, on_again, RESTART_MS, 0);
		return;
	}
	w->threaded = true;
	w->born_ms = clock_mono_ms();
	send_line(w, w->setup);
	if (w->told != NULL)
		send_line(w, w->told);
	w->seq++;
	send_classes(w);
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

/* A process has ended: collect the thread; start another when it should be there. */
static void
on_note(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	char how[128];
	uint64_t n;

	if (read(w->life.note_fd, &n, sizeof(n)) != sizeof(n) || !w->threaded)
		return;
	let_go(w);
	uv_timer_stop(&w->end);
	drop_line(w);
	w->hooks.reply(w->hooks.ctx, 0, NULL);
	acked(w);
	if (!w->wanted)
		return;
	if (w->quitting) {
		start(w);
		return;
	}
	describe(w->life.status, how, sizeof(how));
	w->pause_ms = w->pause_ms == 0 || clock_mono_ms() - w->born_ms >= RESTART_MAX_MS ? RESTART_MS :
	    2 * w->pause_ms > RESTART_MAX_MS ? RESTART_MAX_MS : 2 * w->pause_ms;
	w->hooks.died(w->hooks.ctx, how);
	uv_timer_start(&w->again, on_again, w->pause_ms, 0);
}

/* ---- what it says ---- */

static const char *
word(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : "";
}

static void
take_line(struct watch *w, json_t *obj)
{
	const json_t *number;

	if (json_object_get(obj, "resource") != NULL) {
		w->hooks.resource(w->hooks.ctx, word(obj, "resource"), word(obj, "value"), word(obj, "by"), word(obj, "why"));
	} else if (json_object_get(obj, "action") != NULL) {
		w->hooks.action(w->hooks.ctx, word(obj, "action"), word(obj, "by"), word(obj, "identity"));
	} else if ((number = json_object_get(obj, "log")) != NULL) {
		w->hooks.log(w->hooks.ctx, (unsigned)json_integer_value(number), word(obj, "origin"), word(obj, "text"));
	} else if ((number = json_object_get(obj, "ack")) != NULL) {
		if (json_integer_value(number) == w->seq)
			acked(w);
	} else if ((number = json_object_get(obj, "reply")) != NULL) {
		w->hooks.reply(w->hooks.ctx, (uint32_t)json_integer_value(number), obj);
	}
}

static void
take_lines(struct watch *w)
{
	char *at = w->in, *end;

	while (w->fd != -1 && (end = memchr(at, '\n', w->in_len - (size_t)(at - w->in))) != NULL) {
		json_t *obj = json_loadb(at, (size_t)(end - at), 0, NULL);

		if (json_is_object(obj))
			take_line(w, obj);
		else
			warn_text("%s: checkd said something that is no JSON object", w->module);
		json_decref(obj);
		at = end + 1;
	}
	if (w->fd == -1)
		return;
	w->in_len -= (size_t)(at - w->in);
	memmove(w->in, at, w->in_len);
}

static bool
room_to_read(struct watch *w)
{
	char *grown;

	if (w->in_room - w->in_len >= 4096)
		return true;
	if (w->in_len > CHECK_LINE_MAX)
		return false;
	grown = realloc(w->in, w->in_room + 16384);
	if (grown == NULL)
		return false;
	w->in = grown;
	w->in_room += 16384;
	return true;
}

static void
on_io(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	ssize_t n;

	if ((events & UV_WRITABLE) != 0) {
		n = w->out_len > 0 ? send(w->fd, w->out, w->out_len, MSG_NOSIGNAL) : 0;
		if (n > 0) {
			w->out_len -= (size_t)n;
			memmove(w->out, w->out + n, w->out_len);
		}
		if (w->out_len == 0)
			uv_poll_start(p, UV_READABLE, on_io);
	}
	if (status < 0 || (events & UV_READABLE) != 0) {
		n = room_to_read(w) ? recv(w->fd, w->in + w->in_len, w->in_room - w->in_len, 0) : 0;
		if (n > 0) {
			w->in_len += (size_t)n;
			take_lines(w);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			/* its end comes through the thread; what only closed the line is no use to us */
			uv_poll_stop(p);
			if (w->threaded && !uv_is_active((uv_handle_t *)&w->end))
				uv_timer_start(&w->end, on_end, END_MS, END_MS);
		}
	}
}

static void
on_end(uv_timer_t *t)
{
	send_signal(t->data, SIGKILL);
}

/* ---- the owner ---- */

struct watch *
watch_new(uv_loop_t *loop, const char *program, const char *module, const struct watch_hooks *hooks)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->life.note_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->life.note_fd == -1 || uv_poll_init(loop, &w->note, w->life.note_fd) != 0) {
		free(w);
		return NULL;
	}
	w->loop = loop;
	w->hooks = *hooks;
	w->fd = -1;
	atomic_store(&w->life.pidfd, -1);
	w->checkers = w->errd = true;
	str_copy(w->program, sizeof(w->program), program);
	str_copy(w->module, sizeof(w->module), module);
	uv_timer_init(loop, &w->again);
	uv_timer_init(loop, &w->late);
	uv_timer_init(loop, &w->end);
	w->note.data = w->again.data = w->late.data = w->end.data = w;
	uv_poll_start(&w->note, UV_READABLE, on_note);
	return w;
}

void
watch_start(struct watch *w, json_t *setup)
{
	json_decref(w->setup);
	w->setup = setup;
	w->wanted = true;
	if (watch_running(w))
		send_line(w, setup);
	else
		start(w);	/* or when the one that is told to end has ended */
}

static void
on_late(uv_timer_t *t)
{
	struct watch *w = t->data;

	/* what hangs watches nothing, and what it says later is about what is no more: another one takes its place */
	warn_text("%s: checkd does not answer: it is killed", w->module);
	send_signal(w, SIGKILL);
	acked(w);
}

bool
watch_classes(struct watch *w, unsigned classes, bool checkers, bool errd)
{
	unsigned off = w->classes & ~classes;

	w->classes = classes;
	w->checkers = checkers;
	w->errd = errd;
	if (!watch_running(w))
		return false;
	w->seq++;
	send_classes(w);
	if (off == 0)
		return false;
	w->waiting = true;
	uv_timer_start(&w->late, on_late, WATCH_ACK_MS, 0);
	return true;
}

bool
watch_ask(struct watch *w, json_t *order)
{
	bool can = watch_running(w);

	if (can)
		send_line(w, order);
	json_decref(order);
	return can;
}

void
watch_tell(struct watch *w, json_t *order)
{
	json_decref(w->told);
	w->told = order;
	if (watch_running(w))
		send_line(w, order);
}

bool
watch_running(const struct watch *w)
{
	return w->fd != -1 && !w->quitting;
}

void
watch_stop(struct watch *w)
{
	json_t *quit;

	w->wanted = false;
	w->classes = 0;
	w->pause_ms = 0;
	uv_timer_stop(&w->again);
	if (!watch_running(w))
		return;
	w->quitting = true;
	quit = json_pack("{s:s}", "op", "quit");
	send_line(w, quit);
	json_decref(quit);
	uv_timer_start(&w->end, on_end, END_MS, END_MS);
}

static void
handle_closed(uv_handle_t *h)
{
	struct watch *w = h->data;

	if (--w->handles == 0)
		free(w);
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	w->wanted = false;
	drop_line(w);	/* end of file tells it to end, with its children */
	if (w->threaded) {
		struct pollfd ended = { w->life.note_fd, POLLIN, 0 };

		send_signal(w, SIGTERM);
		while (poll(&ended, 1, END_MS) == 0)
			send_signal(w, SIGKILL);
		pthread_join(w->thread, NULL);
	}
	json_decref(w->setup);
	json_decref(w->told);
	close(w->life.note_fd);
	free(w->in);
	free(w->out);
	w->handles = 4;
	uv_close((uv_handle_t *)&w->note, handle_closed);
	uv_close((uv_handle_t *)&w->again, handle_closed);
	uv_close((uv_handle_t *)&w->late, handle_closed);
	uv_close((uv_handle_t *)&w->end, handle_closed);
}
