/* SPDX-License-Identifier: GPL-2.0-or-later */
/* talk.c: the end of a line to heart: JSON objects, one per line, bounded both ways. */
#include "config.h"
#include "base/base.h"
#include "base/talk.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct talk {
	uv_poll_t	 poll;
	struct talk_hooks hooks;
	int		 fd;
	size_t		 line_max;
	bool		 ended, closing;
	char		*in, *out;
	size_t		 in_len, in_room, out_len, out_room;
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void
end(struct talk *l, const char *why)
{
	if (l->ended || l->closing)
		return;
	l->ended = true;
	uv_poll_stop(&l->poll);
	l->hooks.end(l->hooks.ctx, why);
}

static bool
make_room(char **buf, size_t *room, size_t need)
{
	char *more;
	size_t n = *room > 0 ? *room : 4096;

	while (n < need)
		n *= 2;
	if (n == *room)
		return true;
	more = realloc(*buf, n);
	if (more == NULL)
		return false;
	*buf = more;
	*room = n;
	return true;
}

/* A long line comes once, with the configuration */
static void
give_back(char **buf, size_t *room)
{
	if (*room > 65536) {
		free(*buf);
		*buf = NULL;
		*room = 0;
	}
}

static void
flush_out(struct talk *l)
{
	while (l->out_len > 0) {
		ssize_t n = send(l->fd, l->out, l->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1) {
			end(l, "");
			return;
		}
		l->out_len -= (size_t)n;
		memmove(l->out, l->out + n, l->out_len);
	}
	if (l->out_len == 0)
		give_back(&l->out, &l->out_room);
	uv_poll_start(&l->poll, UV_READABLE | (l->out_len > 0 ? UV_WRITABLE : 0), on_poll);
}

void
talk_send(struct talk *l, json_t *obj)
{
	char *text = obj != NULL ? json_dumps(obj, JSON_COMPACT) : NULL;
	size_t n = text != NULL ? strlen(text) : 0;
	bool idle = l->out_len == 0;

	json_decref(obj);
	if (l->ended || l->closing) {
		free(text);
		return;
	}
	if (text == NULL || n + 1 > l->line_max || l->out_len + n + 1 > TALK_OUT_MAX ||
	    !make_room(&l->out, &l->out_room, l->out_len + n + 1)) {
		free(text);
		end(l, "what it is told cannot be kept: it does not read, or there is no memory");
		return;
	}
	memcpy(l->out + l->out_len, text, n);
	l->out[l->out_len + n] = '\n';
	l->out_len += n + 1;
	free(text);
	if (idle)
		flush_out(l);
}

/* False: that was the end */
static bool
take_line(struct talk *l, char *text, size_t n)
{
	json_error_t e;
	json_t *obj = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	char why[SK_TEXT_MAX];

	if (!json_is_object(obj)) {
		snprintf(why, sizeof(why), "it says what is no JSON object: %.200s", obj == NULL ? e.text : "another value");
		json_decref(obj);
		end(l, why);
		return false;
	}
	l->hooks.object(l->hooks.ctx, obj);
	json_decref(obj);
	return !l->ended && !l->closing;
}

static void
take_lines(struct talk *l, size_t from)
{
	char *start = l->in, *nl;

	while ((nl = memchr(start + from, '\n', l->in_len - (size_t)(start - l->in) - from)) != NULL) {
		if (!take_line(l, start, (size_t)(nl - start)))
			return;
		start = nl + 1;
		from = 0;
	}
	l->in_len -= (size_t)(start - l->in);
	memmove(l->in, start, l->in_len);
	if (l->in_len == 0)
		give_back(&l->in, &l->in_room);
	else if (l->in_len >= l->line_max)
		end(l, "its line is too long");
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct talk *l = poll->data;
	size_t before = l->in_len;
	ssize_t n;

	if ((events & UV_WRITABLE) != 0)
		flush_out(l);
	if ((status == 0 && (events & UV_READABLE) == 0) || l->ended)	/* an error: recv() tells */
		return;
	if (!make_room(&l->in, &l->in_room, l->in_len + 16384)) {
		end(l, "no memory for its line");
		return;
	}
	n = recv(l->fd, l->in + l->in_len, l->in_room - l->in_len, MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(l, "");
		return;
	}
	l->in_len += (size_t)n;
	take_lines(l, before);
}

struct talk *
talk_open(uv_loop_t *loop, int fd, size_t line_max, const struct talk_hooks *hooks)
{
	struct talk *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return NULL;
	l->fd = fd;
	l->line_max = line_max;
	l->hooks = *hooks;
	rc = fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? -errno : uv_poll_init(loop, &l->poll, fd);
	if (rc != 0) {
		free(l);
		errno = -rc;
		return NULL;
	}
	l->poll.data = l;
	uv_poll_start(&l->poll, UV_READABLE, on_poll);
	return l;
}

static void
free_talk(uv_handle_t *h)
{
	struct talk *l = h->data;

	free(l->in);
	free(l->out);
	free(l);
}

void
talk_close(struct talk *l)
{
	if (l == NULL)
		return;
	l->closing = true;
	uv_close((uv_handle_t *)&l->poll, free_talk);
	close(l->fd);
}
