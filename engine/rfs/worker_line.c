/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker_line.c: events to the keeper of the moment, orders from it, and the next keeper's way in.  See worker_line.h. */
#include "config.h"
#include "rfs/worker_line.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_MAX		(4u << 20)	/* bytes that wait for a keeper that does not read; more is let go, but for what needs an answer (ours) */
#define LAST_WORDS_MS	1000

/* What the next keeper has to hear again, in the order in which it is told: an answer takes it off */
static const char *const lasting[] = { "begin", "pair", "ask-alone", "refused", "synced", "sync-failed", "out", "taken", "given" };

struct worker_line {
	struct worker_line_hooks hooks;
	bool	 primary, end, ready, pair;
	int	 fuse, fd, door, note;
	char	*in;
	size_t	 in_len, in_room;
	json_t	*blob;
	pthread_mutex_t lock;		/* of what follows */
	char	*out;
	size_t	 out_len, out_room;
	json_t	*kept[ARRAY_LEN(lasting)];
};

/* ---- out ---- */

static void
append(struct worker_line *l, const json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT), *grown;
	size_t n = text != NULL ? strlen(text) + 1 : 0;

	if (text == NULL || l->out_len + n > OUT_MAX) {
		free(text);
		return;
	}
	if (l->out_len + n > l->out_room) {
		grown = realloc(l->out, l->out_len + n + 4096);
		if (grown == NULL) {
			free(text);
			return;
		}
		l->out = grown;
		l->out_room = l->out_len + n + 4096;
	}
	memcpy(l->out + l->out_len, text, n - 1);
	l->out[l->out_len + n - 1] = '\n';
	l->out_len += n;
	free(text);
}

void
worker_tell(struct worker_line *l, json_t *event)
{
	const char *word = json_string_value(json_object_get(event, "event"));
	uint64_t one = 1;
	size_t i;

	if (word == NULL) {
		json_decref(event);
		return;
	}
	pthread_mutex_lock(&l->lock);
	for (i = 0; i < ARRAY_LEN(lasting); i++)
		if (strcmp(lasting[i], word) == 0) {
			json_decref(l->kept[i]);
			l->kept[i] = json_incref(event);
		}
	if (strcmp(word, "ready") == 0)
		l->ready = true;
	if (l->fd != -1)
		append(l, event);
	json_decref(event);
	pthread_mutex_unlock(&l->lock);
	(void)!write(l->note, &one, sizeof(one));
}

void
worker_line_answered(struct worker_line *l, const char *word)
{
	size_t i;

	pthread_mutex_lock(&l->lock);
	for (i = 0; i < ARRAY_LEN(lasting); i++)
		if (strcmp(lasting[i], word) == 0) {
			json_decref(l->kept[i]);
			l->kept[i] = NULL;
		}
	pthread_mutex_unlock(&l->lock);
}

static void
drop_keeper(struct worker_line *l)
{
	pthread_mutex_lock(&l->lock);
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
	l->in_len = l->out_len = 0;
	pthread_mutex_unlock(&l->lock);
}

/* False: the keeper is gone */
static bool
flush(struct worker_line *l)
{
	bool ok = true;
	ssize_t n;

	pthread_mutex_lock(&l->lock);
	while (l->fd != -1 && l->out_len > 0) {
		n = send(l->fd, l->out, l->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			ok = errno == EAGAIN;
			break;
		}
		l->out_len -= (size_t)n;
		memmove(l->out, l->out + n, l->out_len);
	}
	pthread_mutex_unlock(&l->lock);
	return ok;
}

void
worker_line_flush(struct worker_line *l)
{
	struct pollfd p = { l->fd, POLLOUT, 0 };

	while (flush(l) && l->fd != -1 && l->out_len > 0 && poll(&p, 1, LAST_WORDS_MS) == 1)
		;
}

/* ---- in ---- */

/* The first whole line; NULL: none yet */
static json_t *
take_line(struct worker_line *l)
{
	char *nl = l->in_len > 0 ? memchr(l->in, '\n', l->in_len) : NULL;
	json_t *o;

	if (nl == NULL)
		return NULL;
	o = json_loadb(l->in, (size_t)(nl - l->in), JSON_REJECT_DUPLICATES, NULL);
	l->in_len -= (size_t)(nl + 1 - l->in);
	memmove(l->in, nl + 1, l->in_len);
	return o != NULL ? o : json_null();
}

/* False: the keeper is gone, or says what has no end */
static bool
read_some(struct worker_line *l, int flags)
{
	char *grown;
	ssize_t n;

	if (l->in_room - l->in_len < 4096) {
		if (l->in_room >= RFS_LINE_MAX)
			return false;
		grown = realloc(l->in, l->in_room * 2 + 65536);
		if (grown == NULL)
			return false;
		l->in = grown;
		l->in_room = l->in_room * 2 + 65536;
	}
	n = recv(l->fd, l->in + l->in_len, l->in_room - l->in_len, flags);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	l->in_len += (size_t)n;
	return true;
}

json_t *
worker_line_first(struct worker_line *l)
{
	json_t *o;

	while ((o = take_line(l)) == NULL)
		if (!read_some(l, 0))
			return NULL;
	return o;
}

static void
on_readable(struct worker_line *l)
{
	json_t *o;

	if (!read_some(l, MSG_DONTWAIT)) {
		drop_keeper(l);
		return;
	}
	while (l->fd != -1 && (o = take_line(l)) != NULL) {
		if (json_is_object(o))
			l->hooks.order(l->hooks.ctx, o);
		json_decref(o);
	}
}

/* ---- the next keeper ---- */

static bool
hand_over(struct worker_line *l, int fd)
{
	char kind = l->primary ? WORKER_HELLO_PRIMARY : WORKER_HELLO_SECOND;
	char control[CMSG_SPACE(sizeof(int) * (2 + RFS_DIRS_MAX))] = { 0 };
	struct iovec iov = { &kind, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	int fds[2 + RFS_DIRS_MAX], n = 0, i;
	struct cmsghdr *c;

	fds[n++] = RFS_FD_SHM;
	fds[n++] = RFS_FD_LISTEN;
	for (i = 0; i < l->fuse; i++)
		fds[n++] = RFS_FD_FUSE + i;
	m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n);
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)n);
	return sendmsg(fd, &m, MSG_NOSIGNAL) == 1;
}

static void
take_keeper(struct worker_line *l)
{
	struct sockaddr_un from;
	socklen_t from_len = sizeof(from);
	int fd = accept4(l->door, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	json_t *o;
	size_t i;

	if (fd == -1)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 || peer.uid != 0 || !hand_over(l, fd)) {
		close(fd);
		return;
	}
	drop_keeper(l);
	pthread_mutex_lock(&l->lock);
	l->fd = fd;
	o = json_pack("{s:s,s:b,s:b,s:O?}", "event", "adopted", "ready", l->ready, "pair", l->pair, "blob", l->blob);
	append(l, o);
	json_decref(o);
	for (i = 0; i < ARRAY_LEN(lasting); i++)
		if (l->kept[i] != NULL)
			append(l, l->kept[i]);
	pthread_mutex_unlock(&l->lock);
}

void
worker_line_blob(struct worker_line *l, const json_t *blob)
{
	json_decref(l->blob);
	l->blob = json_deep_copy(blob);
	if (json_is_true(json_object_get(blob, "synced")))
		worker_line_answered(l, "synced");
	if (json_is_true(json_object_get(blob, "given")))
		worker_line_answered(l, "given");
	if (json_is_true(json_object_get(blob, "taken")))
		worker_line_answered(l, "taken");
}

void
worker_line_pair(struct worker_line *l, bool pair)
{
	l->pair = pair;
	worker_line_answered(l, "pair");
	if (pair)
		return;
	worker_line_answered(l, "ask-alone");
	worker_line_answered(l, "refused");
}

/* ---- life ---- */

static int
open_door(const char *folder, char *err, size_t errsize)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = WORKER_SOCKET };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* from inside the folder: its path may be longer than an address.  A worker has no other use for its folder. */
	if (fd != -1 && chdir(folder) == 0 && (unlink(WORKER_SOCKET) == 0 || errno == ENOENT)) {
		mode_t before = umask(0177);
		int rc = bind(fd, (struct sockaddr *)&a, sizeof(a));

		umask(before);
		if (rc == 0 && listen(fd, 4) == 0)
			return fd;
	}
	snprintf(err, errsize, "%s/%s: %s", folder, WORKER_SOCKET, strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

struct worker_line *
worker_line_new(const char *folder, bool primary, int fuse, const struct worker_line_hooks *hooks, char *err, size_t errsize)
{
	struct worker_line *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	l->hooks = *hooks;
	l->primary = primary;
	l->fuse = fuse;
	l->fd = RFS_FD_LINE;
	(void)fcntl(l->fd, F_SETFD, FD_CLOEXEC);
	pthread_mutex_init(&l->lock, NULL);
	l->note = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->door = open_door(folder, err, errsize);
	if (l->door != -1)
		return l;
	free(l);
	return NULL;
}

void
worker_line_run(struct worker_line *l)
{
	int64_t tick = clock_mono_ms() + 1000, now;
	uint64_t n;

	while (!l->end) {
		struct pollfd p[] = { { l->note, POLLIN, 0 }, { l->door, POLLIN, 0 }, { l->fd, (short)(POLLIN | (l->out_len > 0 ? POLLOUT : 0)), 0 } };

		now = clock_mono_ms();
		(void)poll(p, ARRAY_LEN(p), tick > now ? (int)(tick - now) : 0);
		if ((p[0].revents & POLLIN) != 0)
			(void)!read(l->note, &n, sizeof(n));
		if (l->fd != -1 && (p[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			on_readable(l);
		if ((p[1].revents & POLLIN) != 0)
			take_keeper(l);
		if (l->fd != -1 && !flush(l))
			drop_keeper(l);
		if (clock_mono_ms() >= tick) {
			tick = clock_mono_ms() + 1000;
			l->hooks.tick(l->hooks.ctx);
		}
	}
}

void
worker_line_end(struct worker_line *l)
{
	l->end = true;
}
