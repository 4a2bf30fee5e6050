/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.c: speaks to safeadmin for everybody else (libsafekit).  One socket, non-blocking underneath; the blocking calls poll.
 */
#include "config.h"
#include "ctl/safekit.h"
#include "wire/ctlmsg.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUT_MAX	(4u << 20)	/* bytes waiting to be sent before the connection counts as lost */

struct sk_conn {
	int		 fd;
	struct ctl_decoder in;
	char		*out;
	size_t		 out_len, out_room;
	json_t		*kept;		/* array: events and replies that came while sk_ask() waited for its own */
	json_int_t	 last_id;
	bool		 lost;
};

struct sk_conn *
sk_connect(char *err, size_t errsize)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct sk_conn *c;
	int fd;

	if (!path_format(sa.sun_path, sizeof(sa.sun_path), "%s/run/safeadmin.sock", path_safevar())) {
		snprintf(err, errsize, "Error: %s/run/safeadmin.sock is too long for a socket", path_safevar());
		return NULL;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1) {
		snprintf(err, errsize, "Error: socket: %s", strerror(errno));
		return NULL;
	}
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		if (errno == EACCES || errno == EPERM)
			snprintf(err, errsize, "Error: not allowed to use %s: be root or in group safekit", sa.sun_path);
		else if (errno == EAGAIN)
			snprintf(err, errsize, "Error: safeadmin administrator daemon does not accept connections (busy or stopped)");
		else
			snprintf(err, errsize, "Error: safeadmin administrator daemon not running");
		close(fd);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL || (c->kept = json_array()) == NULL) {
		snprintf(err, errsize, "Error: out of memory");
		free(c);
		close(fd);
		return NULL;
	}
	c->fd = fd;
	ctl_decoder_init(&c->in, CTL_FRAME_MAX_SERVER);
	return c;
}

void
sk_close(struct sk_conn *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	ctl_decoder_free(&c->in);
	free(c->out);
	json_decref(c->kept);
	free(c);
}

int
sk_fd(const struct sk_conn *c)
{
	return c->fd;
}

bool
sk_wants_write(const struct sk_conn *c)
{
	return c->out_len > 0;
}

static void
flush_out(struct sk_conn *c)
{
	while (c->out_len > 0 && !c->lost) {
		ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1) {
			c->lost = true;
			return;
		}
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
}

bool
sk_send(struct sk_conn *c, json_t *req)
{
	char *frame, *more;
	size_t n = ctl_encode(req, &frame);

	json_decref(req);
	if (n == 0)
		return false;
	if (c->lost || c->out_len + n > OUT_MAX) {
		free(frame);
		return false;
	}
	if (c->out_len + n > c->out_room) {	/* by half as much again: a line that is behind must not cost a copy of all for each row */
		size_t room = (c->out_len + n) * 3 / 2;

		more = realloc(c->out, room);
		if (more == NULL) {
			free(frame);
			return false;
		}
		c->out = more;
		c->out_room = room;
	}
	memcpy(c->out + c->out_len, frame, n);
	c->out_len += n;
	free(frame);
	flush_out(c);
	return !c->lost;
}

/* 1 object, 0 nothing yet, -1 lost */
static int
take(struct sk_conn *c, json_t **obj, char *err, size_t errsize)
{
	char buf[65536];

	for (;;) {
		int rc = ctl_decoder_next(&c->in, obj, err, errsize);
		ssize_t n;

		if (rc != 0)
			return rc;
		n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			if (c->lost) {
				snprintf(err, errsize, "connection to safeadmin lost");
				return -1;
			}
			return 0;
		}
		if (n <= 0) {
			snprintf(err, errsize, "connection to safeadmin lost");
			c->lost = true;
			return -1;
		}
		if (!ctl_decoder_add(&c->in, buf, (size_t)n)) {
			snprintf(err, errsize, "out of memory");
			return -1;
		}
	}
}

static int
take_within(struct sk_conn *c, json_t **obj, int timeout_ms, char *err, size_t errsize)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		int64_t left;
		int rc;

		flush_out(c);
		rc = take(c, obj, err, errsize);
		if (rc != 0)
			return rc;
		left = deadline - clock_mono_ms();
		if (left <= 0)
			return 0;
		if (c->out_len > 0)
			p.events |= POLLOUT;
		if (poll(&p, 1, (int)left) == -1 && errno != EINTR) {
			snprintf(err, errsize, "poll: %s", strerror(errno));
			return -1;
		}
	}
}

int
sk_next(struct sk_conn *c, json_t **obj, int timeout_ms, char *err, size_t errsize)
{
	if (json_array_size(c->kept) > 0) {
		*obj = json_incref(json_array_get(c->kept, 0));
		json_array_remove(c->kept, 0);
		return 1;
	}
	return take_within(c, obj, timeout_ms, err, errsize);
}

json_t *
sk_ask(struct sk_conn *c, json_t *req, int timeout_ms, char *code, char *err, size_t errsize)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;
	json_int_t id = ++c->last_id;
	const char *text;
	json_t *obj;
	int rc;

	str_copy(code, 16, "internal");
	if (req == NULL || json_object_set_new(req, "id", json_integer(id)) == -1) {
		json_decref(req);
		snprintf(err, errsize, "out of memory");
		return NULL;
	}
	if (!sk_send(c, req)) {
		str_copy(code, 16, "unreachable");
		snprintf(err, errsize, "connection to safeadmin lost");
		return NULL;
	}
	for (;;) {
		int64_t left = deadline - clock_mono_ms();

		rc = take_within(c, &obj, left > 0 ? (int)left : 0, err, errsize);
		if (rc <= 0) {
			str_copy(code, 16, "unreachable");
			if (rc == 0)
				snprintf(err, errsize, "safeadmin did not answer within %d ms", timeout_ms);
			return NULL;
		}
		if (json_is_integer(json_object_get(obj, "id")) && json_integer_value(json_object_get(obj, "id")) == id)
			break;
		json_array_append_new(c->kept, obj);
	}
	if (json_is_true(json_object_get(obj, "ok")))
		return obj;
	text = json_string_value(json_object_get(obj, "code"));
	str_copy(code, 16, text != NULL ? text : "internal");
	text = json_string_value(json_object_get(obj, "message"));
	str_copy(err, errsize, text != NULL ? text : "safeadmin gave no reason");
	json_decref(obj);
	return NULL;
}
