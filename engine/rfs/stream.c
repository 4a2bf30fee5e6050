/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream.c: who is connected: greets, tells when all connections are there and when one broke, begins again.
 *
 * Owns: one thread that does all of this (serves what stream_accept.c or stream_connect.c have found), the readers.  Called by: repl.c, second.c.  Never does:
 * know what an operation is.
 */
#include "config.h"
#include "rfs/stream_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

bool
stream_broken(const struct stream *s)
{
	return atomic_load(&s->broken);
}

const struct stream_conf *
stream_conf_of(const struct stream *s)
{
	return &s->conf;
}

const struct stream_hooks *
stream_hooks_of(const struct stream *s)
{
	return &s->hooks;
}

static void
wake(struct stream *s)
{
	uint64_t one = 1;

	if (write(s->wake, &one, sizeof(one)) < 0 && errno != EAGAIN)
		warn_errno("eventfd");
}

void
stream_break(struct stream *s, const char *why)
{
	int i;

	pthread_mutex_lock(&s->lock);
	if (atomic_load(&s->broken)) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	str_copy(s->why, sizeof(s->why), why);
	str_make_utf8(s->why);
	atomic_store(&s->broken, true);
	pthread_mutex_unlock(&s->lock);
	for (i = 0; i < s->conf.conns; i++) {
		struct conn *c = &s->conns[i];

		pthread_mutex_lock(&c->lock);
		if (c->open)
			shutdown(c->fd, SHUT_RDWR);
		pthread_mutex_unlock(&c->lock);
		conn_wake(c);
	}
	wake(s);
}

bool
stream_stopping(const struct stream *s)
{
	return atomic_load(&s->stop);
}

void
stream_rest(struct stream *s, struct pollfd *p, int count, int ms)
{
	uint64_t v;

	p[0] = (struct pollfd){ .fd = s->wake, .events = POLLIN };
	if (poll(p, (nfds_t)count, ms) < 0) {
		int i;

		for (i = 0; i < count; i++)
			p[i].revents = 0;
		return;
	}
	if (p[0].revents != 0 && read(s->wake, &v, sizeof(v)) < 0 && errno != EAGAIN)
		warn_errno("eventfd");
}

void
stream_say(struct stream *s, const char *what)
{
	int64_t now = clock_mono_ms();

	if (strcmp(s->said, what) == 0 && now - s->said_ms < 60000)
		return;		/* it tries again and again */
	str_copy(s->said, sizeof(s->said), what);
	s->said_ms = now;
	warn_text("replication: %s", what);
}

void
stream_socket(const struct stream *s, int fd)
{
	int on = 1, idle = 1, ms = (int)(s->conf.send_ms < INT32_MAX ? s->conf.send_ms : INT32_MAX), times = 3;
	int every = ms / 3000 > 0 ? ms / 3000 : 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) != 0)
		warn_errno("socket of the replication");
}

size_t
stream_greeting(struct stream *s, int index, uint64_t attempt, uint8_t **out)
{
	struct frame f = { .type = FR_HELLO, .aux = attempt };
	struct frame_hello h;
	uint8_t *buf = malloc(CONN_HELLO_BUF + SK_NAME_MAX);
	size_t n = 0;

	if (buf == NULL)
		return 0;
	pthread_mutex_lock(&s->lock);
	h = s->mine;
	h.conn = index;
	h.applied = s->applied[index];
	n = frame_hello_encode(&h, buf + FRAME_HEAD, CONN_HELLO_BUF + SK_NAME_MAX - FRAME_HEAD);
	pthread_mutex_unlock(&s->lock);
	if (n == 0) {
		free(buf);
		return 0;
	}
	f.body_len = (uint32_t)n;
	frame_head(&f, buf);
	*out = buf;
	return FRAME_HEAD + n;
}

void
stream_hello(struct stream *s, const struct frame_hello *mine)
{
	char *json = mine->json != NULL ? strdup(mine->json) : NULL;
	int i;

	pthread_mutex_lock(&s->lock);
	free(s->mine.json);
	s->mine.json = json;
	s->mine.peer_session = mine->peer_session;
	for (i = 0; i < s->conf.conns; i++)
		if (mine->conn < 0 || mine->conn == i)
			s->applied[i] = mine->applied;
	pthread_mutex_unlock(&s->lock);
}

bool
stream_check_hello(struct stream *s, const struct frame_hello *h, char *err, size_t errsize)
{
	if (h->version != FRAME_VERSION)
		snprintf(err, errsize, "the other server speaks version %d, this one %d", h->version, FRAME_VERSION);
	else if (h->module_id != s->conf.module_id)
		snprintf(err, errsize, "the other side replicates module %d, this one module %d", h->module_id, s->conf.module_id);
	else if (h->primary == s->conf.primary)
		snprintf(err, errsize, "both sides are %s", h->primary ? "primary" : "secondary");
	else if (h->conns != s->conf.conns)
		snprintf(err, errsize, "nbremconn is %d on the other server and %d on this one", h->conns, s->conf.conns);
	else if (h->session == 0)
		snprintf(err, errsize, "the other side has no session");
	else
		return true;
	return false;
}

/* ---- one life of all connections ---- */
static void *
reader(void *arg)
{
	conn_run(arg);
	return NULL;
}

static void
forget_theirs(struct stream *s)
{
	int i;

	for (i = 0; i < s->conf.conns; i++) {
		free(s->theirs[i].json);
		s->theirs[i].json = NULL;
	}
}

void
stream_live(struct stream *s)
{
	char why[SK_TEXT_MAX];
	int i, rc = 0;

	s->hooks.up(s->hooks.ctx, s->theirs);
	s->live = true;
	for (i = 0; i < s->conf.conns && rc == 0; i++) {
		rc = pthread_create(&s->conns[i].thread, NULL, reader, &s->conns[i]);
		s->conns[i].running = rc == 0;
	}
	if (rc != 0) {
		snprintf(why, sizeof(why), "no thread: %s", strerror(rc));
		stream_break(s, why);
	}
}

void
stream_end(struct stream *s)
{
	bool was_live = s->live;
	char why[SK_TEXT_MAX];
	int i;

	stream_break(s, "closed");
	for (i = 0; i < s->conf.conns; i++) {
		if (s->conns[i].running)
			pthread_join(s->conns[i].thread, NULL);
		s->conns[i].running = false;
	}
	for (i = 0; i < s->conf.conns; i++)
		conn_close(&s->conns[i]);
	forget_theirs(s);
	s->live = false;
	pthread_mutex_lock(&s->lock);
	str_copy(why, sizeof(why), s->why);
	pthread_mutex_unlock(&s->lock);
	if (was_live)
		s->hooks.down(s->hooks.ctx, why);
}

void
stream_begin(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->why[0] = '\0';
	atomic_store(&s->broken, stream_stopping(s));
	pthread_mutex_unlock(&s->lock);
}

static void *
manager(void *arg)
{
	struct stream *s = arg;

	if (s->conf.primary)
		stream_accept(s);
	else
		stream_connect(s);
	stream_end(s);
	return NULL;
}

/* ---- for others ---- */
struct stream *
stream_new(const struct stream_conf *conf, const struct stream_hooks *hooks)
{
	struct stream *s = calloc(1, sizeof(*s));
	int i;

	if (s == NULL || conf->conns < 1 || conf->conns > STREAM_CONNS_MAX) {
		free(s);
		return NULL;
	}
	s->conf = *conf;
	s->hooks = *hooks;
	s->mine = (struct frame_hello){ .version = FRAME_VERSION, .module_id = conf->module_id, .primary = conf->primary,
		.session = conf->session, .conns = conf->conns };
	str_copy(s->mine.node, sizeof(s->mine.node), conf->node);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&s->lock, NULL);
	for (i = 0; i < conf->conns; i++)
		if (!conn_init(&s->conns[i], s, i))
			s->failed = true;
	if (conf->has_key) {
		s->tls = tls_context(conf->primary, conf->key);
		s->failed = s->failed || s->tls == NULL;
	}
	s->failed = s->failed || s->wake < 0;
	atomic_store(&s->broken, true);		/* nothing is connected */
	return s;
}

bool
stream_start(struct stream *s, char *err, size_t errsize)
{
	int rc, flags;

	if (s->failed) {
		snprintf(err, errsize, "no memory or descriptors for the replication");
		return false;
	}
	signal(SIGPIPE, SIG_IGN);	/* OpenSSL writes with write(2) */
	if (s->conf.primary) {
		flags = fcntl(s->conf.listen_fd, F_GETFL);
		if (flags < 0 || fcntl(s->conf.listen_fd, F_SETFL, flags | O_NONBLOCK) != 0) {
			snprintf(err, errsize, "listening socket: %s", strerror(errno));
			return false;
		}
	}
	rc = pthread_create(&s->thread, NULL, manager, s);
	if (rc != 0) {
		snprintf(err, errsize, "no thread: %s", strerror(rc));
		return false;
	}
	s->started = true;
	return true;
}

bool
stream_send(struct stream *s, int conn, const struct frame *f)
{
	char err[SK_TEXT_MAX];

	if (conn < 0)
		conn = stream_conn_of(s, f->node);
	if (atomic_load(&s->broken))
		return false;
	if (conn_send(&s->conns[conn], f, s->conf.send_ms, err, sizeof(err)))
		return true;
	if (err[0] != '\0')
		stream_break(s, err);
	return false;
}

int
stream_conn_of(const struct stream *s, uint64_t node)
{
	return (int)((node * UINT64_C(0x9e3779b97f4a7c15) >> 32) % (uint64_t)s->conf.conns);
}

int
stream_conns(const struct stream *s)
{
	return s->conf.conns;
}

void
stream_drop(struct stream *s, const char *why)
{
	stream_break(s, why);
}

void
stream_stats(const struct stream *s, uint64_t *bytes_in, uint64_t *bytes_out)
{
	int i;

	*bytes_in = *bytes_out = 0;
	for (i = 0; i < s->conf.conns; i++) {
		*bytes_in += atomic_load_explicit(&s->conns[i].bytes_in, memory_order_relaxed);
		*bytes_out += atomic_load_explicit(&s->conns[i].bytes_out, memory_order_relaxed);
	}
}

void
stream_stop(struct stream *s)
{
	atomic_store(&s->stop, true);
	stream_break(s, "closed");
	wake(s);
	if (s->started)
		pthread_join(s->thread, NULL);
	s->started = false;
}

void
stream_free(struct stream *s)
{
	int i;

	if (s == NULL)
		return;
	stream_stop(s);
	for (i = 0; i < s->conf.conns; i++)
		conn_destroy(&s->conns[i]);
	tls_context_free(s->tls);
	if (s->wake >= 0)
		close(s->wake);
	free(s->mine.json);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
