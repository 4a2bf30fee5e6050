/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream_conn.c: the bytes of one connection.
 *
 * Owns: its socket, its encryption, what waits to be sent, what came and is not told yet.  Called by: stream.c, any sender.  A sender writes in its own
 * thread; the lock is held for one pass of a socket that does not block, and never needed by what reads.  What the socket does not take waits in the queue, which the reader empties
 * as soon as it can, and so does any sender that finds it full.
 */
#include "config.h"
#include "rfs/stream_impl.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_PIECE	(16384 - FRAME_HEAD)	/* of a frame, copied to go out in one record with the head */
#define SEALED_PIECE	(128u << 10)		/* bytes that are encrypted before they go to the socket (ours) */

bool
conn_init(struct conn *c, struct stream *s, int index)
{
	memset(c, 0, sizeof(*c));
	c->stream = s;
	c->index = index;
	c->fd = -1;
	c->queue_end = &c->queue;
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return pthread_mutex_init(&c->lock, NULL) == 0 && pthread_mutex_init(&c->crypt, NULL) == 0 && c->wake >= 0;
}

void
conn_destroy(struct conn *c)
{
	if (c->wake >= 0)
		close(c->wake);
	pthread_mutex_destroy(&c->crypt);
	pthread_mutex_destroy(&c->lock);
}

void
conn_open(struct conn *c, int fd, SSL *ssl)
{
	pthread_mutex_lock(&c->lock);
	c->fd = fd;
	c->ssl = ssl;
	c->records = ssl != NULL ? BIO_new(BIO_s_mem()) : NULL;
	if (c->records != NULL)
		SSL_set0_wbio(ssl, c->records);		/* it owns them; without memory for them nothing can be sent, and that is said */
	c->in_ms = clock_mono_ms();
	c->life++;
	c->open = true;
	pthread_mutex_unlock(&c->lock);
}

void
conn_close(struct conn *c)
{
	struct chunk *k;

	pthread_mutex_lock(&c->lock);
	c->open = false;
	while ((k = c->queue) != NULL) {
		c->queue = k->next;
		free(k);
	}
	c->queue_end = &c->queue;
	c->queued = 0;
	SSL_free(c->ssl);
	c->ssl = NULL;
	c->records = NULL;
	free(c->sealed);
	c->sealed = NULL;
	c->sealed_len = c->sealed_size = 0;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	pthread_mutex_unlock(&c->lock);
	free(c->buf);
	c->buf = NULL;
	c->have = c->used = c->size = 0;
}

void
conn_wake(struct conn *c)
{
	uint64_t one = 1;

	if (write(c->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		warn_errno("eventfd");
}

ssize_t
conn_read(SSL *ssl, int fd, void *buf, size_t size, bool *more, char *err, size_t errsize)
{
	ssize_t n;

	*more = false;
	if (ssl == NULL) {
		n = recv(fd, buf, size, MSG_DONTWAIT);
		*more = n == (ssize_t)size;
		if (n > 0)
			return n;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		snprintf(err, errsize, "%s", n == 0 ? "the other side has closed" : strerror(errno));
		return -1;
	}
	ERR_clear_error();
	errno = 0;
	n = SSL_read(ssl, buf, (int)size);
	if (n > 0) {
		*more = SSL_has_pending(ssl) == 1;
		return n;
	}
	switch (SSL_get_error(ssl, (int)n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_SYSCALL:
		snprintf(err, errsize, "%s", errno != 0 ? strerror(errno) : "the other side has closed");
		return -1;
	default:
		snprintf(err, errsize, "%s", ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
		    ERR_peek_error() == 0 ? "the other side has closed" : "what came was changed on the way");
		ERR_clear_error();
		return -1;
	}
}

/* As much as the socket takes: bytes, 0 none now, -1 broken */
static ssize_t
write_some(struct conn *c, struct iovec *iov, int count, char *err, size_t errsize)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)count };
	ssize_t n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return n < 0 ? 0 : n;
	snprintf(err, errsize, "%s", strerror(errno));
	return -1;
}

/* All that waits, as far as the socket takes it */
static bool
flush(struct conn *c, char *err, size_t errsize)
{
	struct chunk *k;
	ssize_t n;

	while ((k = c->queue) != NULL) {
		struct iovec iov = { k->data + k->done, k->len - k->done };

		n = write_some(c, &iov, 1, err, errsize);
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		k->done += (size_t)n;
		c->queued -= (size_t)n;
		if (k->done == k->len) {
			c->queue = k->next;
			if (c->queue == NULL)
				c->queue_end = &c->queue;
			free(k);
		}
	}
	return true;
}

/* What is left of iov behind the first done bytes */
static bool
enqueue(struct conn *c, const struct iovec *iov, int count, size_t done)
{
	struct chunk *k;
	size_t total = 0, n;
	int i;

	for (i = 0; i < count; i++)
		total += iov[i].iov_len;
	if (done == total)
		return true;
	k = malloc(sizeof(*k) + total - done);
	if (k == NULL)
		return false;
	k->next = NULL;
	k->len = k->done = 0;
	for (i = 0; i < count; i++) {
		n = done < iov[i].iov_len ? done : iov[i].iov_len;
		if (n < iov[i].iov_len)
			memcpy(k->data + k->len, (const uint8_t *)iov[i].iov_base + n, iov[i].iov_len - n);
		k->len += iov[i].iov_len - n;
		done -= n;
	}
	*c->queue_end = k;
	c->queue_end = &k->next;
	c->queued += k->len;
	return true;
}

/* Into the socket, behind what waits; what it does not take waits too */
static bool
put(struct conn *c, struct iovec *iov, int count, char *err, size_t errsize)
{
	ssize_t n = c->queue == NULL ? write_some(c, iov, count, err, errsize) : 0;

	if (n < 0)
		return false;
	if (!enqueue(c, iov, count, (size_t)n)) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	return true;
}

/* Plain bytes as records, at the end of what is sealed.  crypt is held for that only, never while the socket is written to: a reader that is woken by
 * the answer would wait for the one who sent the question. */
static bool
seal(struct conn *c, const uint8_t *buf, size_t len, char *err, size_t errsize)
{
	size_t done = 0, waits;
	uint8_t *p;
	int n = 1;

	if (c->records == NULL) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	pthread_mutex_lock(&c->crypt);
	ERR_clear_error();
	while (done < len && (n = SSL_write(c->ssl, buf + done, (int)(len - done))) > 0)
		done += (size_t)n;
	waits = BIO_ctrl_pending(c->records);
	if (n > 0 && c->sealed_size - c->sealed_len < waits && (p = realloc(c->sealed, c->sealed_len + waits)) != NULL) {
		c->sealed = p;
		c->sealed_size = c->sealed_len + waits;
	}
	if (n > 0 && c->sealed_size - c->sealed_len >= waits) {
		n = BIO_read(c->records, c->sealed + c->sealed_len, (int)waits);
		c->sealed_len += n > 0 ? (size_t)n : 0;
	} else {
		n = 0;
	}
	ERR_clear_error();
	pthread_mutex_unlock(&c->crypt);
	if (n <= 0)
		snprintf(err, errsize, "the connection is broken: nothing can be encrypted any more");
	return n > 0;
}

static bool
put_sealed(struct conn *c, char *err, size_t errsize)
{
	struct iovec iov = { c->sealed, c->sealed_len };

	c->sealed_len = 0;
	return put(c, &iov, 1, err, errsize);
}

/* The head and what fits beside it as one record; the rest from where it is.  The order of iov is kept. */
static bool
put_encrypted(struct conn *c, const struct iovec *iov, int count, char *err, size_t errsize)
{
	uint8_t first[FRAME_HEAD + FIRST_PIECE];
	size_t len = 0, take = 0, done, at, total = 0;
	bool ok;
	int i;

	for (i = 0; i < count; i++) {
		total += iov[i].iov_len;
		take = iov[i].iov_len < sizeof(first) - len ? iov[i].iov_len : sizeof(first) - len;
		if (take > 0)
			memcpy(first + len, iov[i].iov_base, take);
		len += take;
	}
	c->sealed_len = 0;
	ok = seal(c, first, len, err, errsize);
	for (done = len; ok && done < total; done += take) {
		for (at = done, i = 0; at >= iov[i].iov_len; i++)
			at -= iov[i].iov_len;
		take = iov[i].iov_len - at < SEALED_PIECE ? iov[i].iov_len - at : SEALED_PIECE;
		ok = (c->sealed_len < SEALED_PIECE || put_sealed(c, err, errsize)) &&
		    seal(c, (const uint8_t *)iov[i].iov_base + at, take, err, errsize);
	}
	return ok && put_sealed(c, err, errsize);
}

/* Until less waits than may.  The lock is held, but not while it waits. */
static bool
wait_room(struct conn *c, int64_t send_ms, char *err, size_t errsize)
{
	int64_t until = clock_mono_ms() + send_ms;
	struct pollfd p = { .events = POLLOUT };
	uint64_t life = c->life;

	while (c->queued > CONN_QUEUE_MAX) {
		size_t before = c->queued;

		if (!flush(c, err, errsize))
			return false;
		if (c->queued < before)
			until = clock_mono_ms() + send_ms;
		if (c->queued <= CONN_QUEUE_MAX)
			break;
		if (clock_mono_ms() >= until) {
			snprintf(err, errsize, "the other side takes nothing");
			return false;
		}
		p.fd = c->fd;
		pthread_mutex_unlock(&c->lock);
		poll(&p, 1, 100);
		pthread_mutex_lock(&c->lock);
		if (!c->open || c->life != life || stream_broken(c->stream)) {
			err[0] = '\0';
			return false;
		}
	}
	return true;
}

bool
conn_send(struct conn *c, const struct frame *f, int64_t send_ms, char *err, size_t errsize)
{
	uint8_t head[FRAME_HEAD];
	struct iovec iov[3] = { { head, FRAME_HEAD }, { (void *)(uintptr_t)f->body, f->body_len },
		{ (void *)(uintptr_t)f->body2, f->body2_len } };
	bool wake, ok;

	err[0] = '\0';
	frame_head(f, head);
	pthread_mutex_lock(&c->lock);
	if (!c->open || !wait_room(c, send_ms, err, errsize)) {
		pthread_mutex_unlock(&c->lock);
		return false;
	}
	wake = c->queue == NULL;
	ok = c->ssl != NULL ? put_encrypted(c, iov, 3, err, errsize) : put(c, iov, 3, err, errsize);
	wake = wake && c->queue != NULL;
	atomic_fetch_add_explicit(&c->bytes_out, FRAME_HEAD + (uint_fast64_t)f->body_len + f->body2_len, memory_order_relaxed);
	pthread_mutex_unlock(&c->lock);
	if (wake)
		conn_wake(c);
	return ok;
}

int
conn_next(struct conn *c, struct frame *f, char *err, size_t errsize)
{
	size_t need;

	if (c->have - c->used < FRAME_HEAD)
		return 0;
	if (!frame_parse_head(c->buf + c->used, f, &need, err, errsize))
		return -1;
	if (c->have - c->used < need)
		return 0;
	f->body = c->buf + c->used + FRAME_HEAD;
	c->used += need;
	return 1;
}

/* Room for more: what is told goes, what is there moves to the front when the end is near */
static bool
make_room(struct conn *c, char *err, size_t errsize)
{
	uint8_t *p;

	if (c->used == c->have)
		c->used = c->have = 0;
	if (c->size < CONN_BUF) {
		p = realloc(c->buf, CONN_BUF);
		if (p == NULL) {
			snprintf(err, errsize, "no memory");
			return false;
		}
		c->buf = p;
		c->size = CONN_BUF;
	}
	if (c->used > 0 && c->size - c->have < CONN_BUF / 2) {
		memmove(c->buf, c->buf + c->used, c->have - c->used);
		c->have -= c->used;
		c->used = 0;
	}
	return true;
}

/* All that is there now: bytes read, -1 broken */
static ssize_t
fill(struct conn *c, char *err, size_t errsize)
{
	size_t before;
	bool more = true;
	ssize_t n = 0;

	if (!make_room(c, err, errsize))
		return -1;
	before = c->have;
	while (more && c->have < c->size) {
		if (c->ssl != NULL)
			pthread_mutex_lock(&c->crypt);
		n = conn_read(c->ssl, c->fd, c->buf + c->have, c->size - c->have, &more, err, errsize);
		if (c->ssl != NULL)
			pthread_mutex_unlock(&c->crypt);
		if (n <= 0)
			break;
		c->have += (size_t)n;
	}
	if (c->have > before) {
		c->in_ms = clock_mono_ms();
		atomic_fetch_add_explicit(&c->bytes_in, c->have - before, memory_order_relaxed);
		return (ssize_t)(c->have - before);	/* what is broken is found the next time */
	}
	return n < 0 ? -1 : 0;
}

/* Answers and asks for signs of life; what is not for us goes on */
static bool
tell(struct conn *c, const struct frame *f, char *err, size_t errsize)
{
	const struct stream_hooks *hooks = stream_hooks_of(c->stream);
	struct frame pong = { .type = FR_PONG };

	switch (f->type) {
	case FR_PING:
		return conn_send(c, &pong, stream_conf_of(c->stream)->send_ms, err, errsize) || stream_broken(c->stream);
	case FR_PONG:
		return true;
	case FR_HELLO:
		snprintf(err, errsize, "a greeting in the midst of the talk");
		return false;
	default:
		hooks->frame(hooks->ctx, c->index, f);
		return true;
	}
}

/* Waits for what comes, and until what waits can go; milliseconds until the next sign of life is due */
static bool
rest(struct conn *c, char *err, size_t errsize)
{
	const struct stream_conf *conf = stream_conf_of(c->stream);
	int64_t every = conf->send_ms / 3 < 100 ? 100 : conf->send_ms / 3, now = clock_mono_ms();
	struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->wake, .events = POLLIN } };
	struct frame ping = { .type = FR_PING };
	uint64_t count;
	bool ok;

	pthread_mutex_lock(&c->lock);
	ok = flush(c, err, errsize);
	if (c->queue != NULL)
		p[0].events |= POLLOUT;
	pthread_mutex_unlock(&c->lock);
	if (ok && c->ssl != NULL && c->have < c->size) {
		pthread_mutex_lock(&c->crypt);
		if (SSL_pending(c->ssl) > 0)
			every = 0;
		pthread_mutex_unlock(&c->crypt);
	}
	if (!ok)
		return false;
	if (poll(p, 2, (int)every) < 0 && errno != EINTR) {
		snprintf(err, errsize, "poll: %s", strerror(errno));
		return false;
	}
	if (p[1].revents != 0 && read(c->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		warn_errno("eventfd");
	if (p[0].revents != 0 || every == 0)
		return true;
	now = clock_mono_ms();
	if (now - c->in_ms > 3 * conf->send_ms) {
		snprintf(err, errsize, "no sign of life for %d s", (int)((now - c->in_ms) / 1000));
		return false;
	}
	/* both ask: one of them may be an old one that has not noticed yet */
	if (now - c->in_ms >= every && !conn_send(c, &ping, conf->send_ms, err, errsize))
		return stream_broken(c->stream);
	return true;
}

/* All frames that came whole, also when the stream broke meanwhile: frames told, -1 a rule was broken */
static int
tell_all(struct conn *c, char *err, size_t errsize)
{
	struct frame f;
	int rc, told = 0;

	while ((rc = conn_next(c, &f, err, errsize)) == 1) {
		if (!tell(c, &f, err, errsize))
			return -1;
		told++;
	}
	return rc < 0 ? -1 : told;
}

void
conn_run(struct conn *c)
{
	const struct stream_hooks *hooks = stream_hooks_of(c->stream);
	char err[SK_TEXT_MAX] = "";
	int told;

	if (hooks->reader != NULL)
		hooks->reader(hooks->ctx);
	while (!stream_broken(c->stream)) {
		if (fill(c, err, sizeof(err)) < 0)
			break;
		told = tell_all(c, err, sizeof(err));
		if (told < 0)
			break;
		if (told > 0 && hooks->idle != NULL)
			hooks->idle(hooks->ctx, c->index);
		if (c->have == c->size)
			continue;
		if (!rest(c, err, sizeof(err)))
			break;
	}
	stream_break(c->stream, err[0] != '\0' ? err : "closed");
}
