/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream_connect.c: the secondary's way to be connected: it tries, until it is stopped.
 *
 * Called by: stream.c's thread.  An attempt is all connections or none; between two of them 100 ms, then more, up to 1 s.
 */
#include "config.h"
#include "rfs/stream_link.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MIN_MS	100
#define WAIT_MAX_MS	1000
#define CANNOT_MS	5000	/* of trying: a primary that is about to listen needs less (ours) */
#define CANNOT_AGAIN_MS	60000	/* between two words about it (ours) */

struct try { int fd; SSL *ssl; uint8_t *buf; size_t have; };

/* Waits for the descriptor; false: stopping, or too late (err) */
static bool
wait_fd(struct stream *s, int fd, short events, int64_t until, char *err, size_t errsize)
{
	struct pollfd p[2] = { { .fd = -1 }, { .fd = fd, .events = events } };
	int64_t left;

	while ((left = until - clock_mono_ms()) > 0 && !stream_stopping(s)) {
		stream_rest(s, p, 2, (int)left);
		if (p[1].revents != 0)
			return true;
	}
	snprintf(err, errsize, "the primary does not answer");
	return false;
}

static struct addrinfo *
numeric(const char *host, uint16_t port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *ai = NULL;
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	return getaddrinfo(host, text, &hints, &ai) == 0 ? ai : NULL;
}

static int
dial(struct stream *s, int64_t until, char *err, size_t errsize)
{
	struct addrinfo *to = numeric(s->conf.peer, s->conf.port), *from = s->conf.local[0] != '\0' ? numeric(s->conf.local, 0) : NULL;
	socklen_t len = sizeof(int);
	int fd = -1, rc = -1, error = 0;

	if (to != NULL)
		fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		snprintf(err, errsize, "address %s of the primary: %s", s->conf.peer, to != NULL ? strerror(errno) : "not one");
		goto out;
	}
	if (from != NULL && from->ai_family == to->ai_family && bind(fd, from->ai_addr, from->ai_addrlen) != 0) {
		snprintf(err, errsize, "address %s: %s", s->conf.local, strerror(errno));
		goto out;
	}
	stream_socket(s, fd);
	rc = connect(fd, to->ai_addr, to->ai_addrlen);
	if (rc != 0 && errno == EINPROGRESS && wait_fd(s, fd, POLLOUT, until, err, errsize)) {
		rc = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0 ? 0 : -1;
		if (rc != 0)
			snprintf(err, errsize, "%s port %u: %s", s->conf.peer, s->conf.port, strerror(error));
	} else if (rc != 0 && err[0] == '\0') {
		snprintf(err, errsize, "%s port %u: %s", s->conf.peer, s->conf.port, strerror(errno));
	}
out:
	if (to != NULL)
		freeaddrinfo(to);
	if (from != NULL)
		freeaddrinfo(from);
	if (rc != 0 && fd >= 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool
say(struct stream *s, struct try *t, const uint8_t *buf, size_t len, int64_t until, char *err, size_t errsize)
{
	ssize_t n;

	while (len > 0) {
		if (t->ssl != NULL) {
			n = SSL_write(t->ssl, buf, (int)len);
			if (n <= 0 && SSL_get_error(t->ssl, (int)n) != SSL_ERROR_WANT_WRITE && SSL_get_error(t->ssl, (int)n) != SSL_ERROR_WANT_READ) {
				snprintf(err, errsize, "the primary has closed");
				return false;
			}
		} else {
			n = send(t->fd, buf, len, MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN && errno != EINTR) {
				snprintf(err, errsize, "%s", strerror(errno));
				return false;
			}
		}
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		} else if (!wait_fd(s, t->fd, POLLOUT, until, err, errsize)) {
			return false;
		}
	}
	return true;
}

static bool
open_one(struct stream *s, struct try *t, int index, uint64_t attempt, char *err, size_t errsize)
{
	int64_t until = clock_mono_ms() + STREAM_GREET_MS;
	short events = 0;
	uint8_t *buf;
	size_t n;
	bool ok;
	int rc = 1;

	t->fd = dial(s, until, err, errsize);
	if (t->fd < 0)
		return false;
	if (s->tls != NULL) {
		t->ssl = tls_new(s->tls, t->fd, false);
		if (t->ssl == NULL) {
			snprintf(err, errsize, "no memory");
			return false;
		}
		while ((rc = tls_handshake(t->ssl, &events, err, errsize)) == 0)
			if (!wait_fd(s, t->fd, events, until, err, errsize))
				return false;
	}
	if (rc < 0)
		return false;
	n = stream_greeting(s, index, attempt, &buf);
	if (n == 0) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	ok = say(s, t, buf, n, until, err, errsize);
	free(buf);
	return ok;
}

/* The answer to a greeting; what came behind it stays in t->buf */
static bool
hear(struct stream *s, struct try *t, int index, uint64_t attempt, int64_t until, char *err, size_t errsize)
{
	size_t need = FRAME_HEAD;
	struct frame f;
	bool more;
	ssize_t n;

	t->buf = malloc(CONN_BUF);
	if (t->buf == NULL) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	while (t->have < need) {
		/* exactly that much: what follows is the reader's */
		n = conn_read(t->ssl, t->fd, t->buf + t->have, need - t->have, &more, err, errsize);
		if (n < 0 || (n == 0 && !wait_fd(s, t->fd, POLLIN, until, err, errsize)))
			return false;
		t->have += (size_t)n;
		if (t->have < FRAME_HEAD || need > FRAME_HEAD)
			continue;
		if (!frame_parse_head(t->buf, &f, &need, err, errsize))
			return false;
	}
	f.body = t->buf + FRAME_HEAD;
	if (!frame_hello_decode(&f, &s->theirs[index], err, errsize) || !stream_check_hello(s, &s->theirs[index], err, errsize))
		return false;
	if (f.aux != attempt || s->theirs[index].conn != index || s->theirs[index].session != s->theirs[0].session) {
		snprintf(err, errsize, "a greeting for another connection");
		return false;
	}
	return true;
}

static bool
attempt_all(struct stream *s, struct try *t, char *err, size_t errsize)
{
	uint64_t attempt;
	int64_t until;
	int i;

	if (RAND_bytes((uint8_t *)&attempt, sizeof(attempt)) != 1) {
		snprintf(err, errsize, "no random numbers");
		return false;
	}
	for (i = 0; i < s->conf.conns; i++)
		if (!open_one(s, &t[i], i, attempt, err, errsize))
			return false;
	until = clock_mono_ms() + 2 * STREAM_GREET_MS;	/* it may have to finish with a former life first */
	for (i = 0; i < s->conf.conns; i++)
		if (!hear(s, &t[i], i, attempt, until, err, errsize))
			return false;
	return true;
}

static bool
establish(struct stream *s, char err[SK_TEXT_MAX])
{
	struct try t[STREAM_CONNS_MAX] = { 0 };
	bool ok;
	int i;

	for (i = 0; i < s->conf.conns; i++)
		t[i].fd = -1;
	err[0] = '\0';
	ok = attempt_all(s, t, err, SK_TEXT_MAX);
	if (ok)
		stream_begin(s);
	for (i = 0; i < s->conf.conns; i++) {
		free(t[i].buf);
		if (ok) {
			conn_open(&s->conns[i], t[i].fd, t[i].ssl);
			continue;
		}
		SSL_free(t[i].ssl);
		if (t[i].fd >= 0)
			close(t[i].fd);
		free(s->theirs[i].json);
		s->theirs[i].json = NULL;
	}
	if (!ok && !stream_stopping(s))
		stream_say(s, err);
	return ok;
}

/* Tries since; *said: when that was told last, 0 never */
static void
failed(struct stream *s, const char *why, int64_t since, int64_t *said)
{
	int64_t now = clock_mono_ms();

	if (s->hooks.cannot == NULL || stream_stopping(s) || now - since < CANNOT_MS || (*said != 0 && now - *said < CANNOT_AGAIN_MS))
		return;
	*said = now;
	s->hooks.cannot(s->hooks.ctx, why);
}

void
stream_connect(struct stream *s)
{
	int64_t until, since = clock_mono_ms(), said = 0;
	char err[SK_TEXT_MAX];
	struct pollfd p[1];
	int wait = WAIT_MIN_MS;

	while (!stream_stopping(s)) {
		if (!establish(s, err)) {
			failed(s, err, since, &said);
		} else {
			until = clock_mono_ms();
			stream_live(s);
			while (!stream_stopping(s) && !stream_broken(s))
				stream_rest(s, p, 1, -1);
			if (stream_stopping(s))
				return;		/* stream.c ends it */
			stream_end(s);
			if (clock_mono_ms() - until >= WAIT_MAX_MS)
				wait = WAIT_MIN_MS;	/* not one of those whom the other side drops at once, again and again */
			since = clock_mono_ms();
			said = 0;
		}
		until = clock_mono_ms() + wait;
		while (!stream_stopping(s) && clock_mono_ms() < until)
			stream_rest(s, p, 1, (int)(until - clock_mono_ms()) + 1);
		wait = wait * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : wait * 2;
	}
}
