/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tcp.c: does a service take connections?  Non-blocking connect(2), each address of a name in turn.
 *
 * How a connection ends: we send FIN first (shutdown), let the service close its side in peace for LINGER_MS, drop what it may have said,
 * and close.  So the service reads a clean end of file and what it writes first (a banner) is taken, not answered with a reset; and
 * TIME_WAIT, which stays with the side that closes first, is ours and never the service's.  SO_LINGER 0 would leave no TIME_WAIT anywhere,
 * but the service would see "connection reset" (before it even accepted), and some log that at each check.
 */
#include "config.h"
#include "check/impl.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINGER_MS	500	/* for the service to close its side (ours) */
#define LINGER_MAX	4096	/* connections that wait for it; beyond that the oldest is closed at once (ours) */

struct lingering { int fd; int64_t since; };

struct tcp_shared {
	uv_timer_t	 timer;
	uv_loop_t	*loop;
	struct lingering ring[LINGER_MAX];
	int		 first, count;
};

struct tcp {
	int		 fd;		/* -1: none */
	uv_poll_t	*poll;		/* NULL: not needed so far */
	int		 at, count;	/* which address */
	int64_t		 deadline;
	int		 error;		/* of the last address */
	union addr	 addrs[ADDRS_MAX];
};

/* ---- connections that end ---- */

static void
drop_oldest(struct tcp_shared *s)
{
	struct lingering *l = &s->ring[s->first];
	char said[4096];
	int i;

	for (i = 0; i < 16 && recv(l->fd, said, sizeof(said), MSG_DONTWAIT) > 0; i++)
		;	/* bytes left unread would turn our FIN into a reset; who sends more than that gets one */
	close(l->fd);
	s->first = (s->first + 1) % LINGER_MAX;
	s->count--;
}

static void
on_linger(uv_timer_t *timer)
{
	struct tcp_shared *s = timer->data;
	int64_t now = (int64_t)uv_now(s->loop);

	while (s->count > 0 && s->ring[s->first].since + LINGER_MS <= now)
		drop_oldest(s);
	if (s->count == 0)
		uv_timer_stop(timer);
}

/* A thousand connections that end at once need descriptors; children get back what we were given (custom.c) */
static void
raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max < 65536 ? rl.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static struct tcp_shared *
shared_get(struct table *t)
{
	struct shared *sh = table_shared(t);

	if (sh->tcp == NULL && (sh->tcp = calloc(1, sizeof(*sh->tcp))) != NULL) {
		raise_files();
		sh->tcp->loop = table_loop(t);
		uv_timer_init(sh->tcp->loop, &sh->tcp->timer);
		sh->tcp->timer.data = sh->tcp;
	}
	return sh->tcp;
}

static void
linger(struct tcp_shared *s, int fd)
{
	if (shutdown(fd, SHUT_WR) == -1) {	/* it has gone already */
		close(fd);
		return;
	}
	if (s->count == LINGER_MAX)
		drop_oldest(s);
	s->ring[(s->first + s->count) % LINGER_MAX] = (struct lingering){ fd, (int64_t)uv_now(s->loop) };
	if (s->count++ == 0)
		uv_timer_start(&s->timer, on_linger, LINGER_MS / 4, LINGER_MS / 4);
}

static void
free_shared(uv_handle_t *h)
{
	free(h->data);
}

void
tcp_shared_free(struct tcp_shared *s)
{
	if (s == NULL)
		return;
	while (s->count > 0)
		drop_oldest(s);
	uv_close((uv_handle_t *)&s->timer, free_shared);
}

/* ---- one check ---- */

static void
free_poll(uv_handle_t *h)
{
	free(h);
}

static void
stop_poll(struct tcp *p)
{
	if (p->poll != NULL)
		uv_close((uv_handle_t *)p->poll, free_poll);
	p->poll = NULL;
}

static void
tcp_stop(struct row *r)
{
	struct tcp *p = r->priv;

	if (p == NULL)
		return;
	stop_poll(p);
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

static bool
tcp_begin(struct row *r)
{
	struct tcp *p = calloc(1, sizeof(*p));

	if (p == NULL || shared_get(r->t) == NULL) {
		free(p);
		return false;
	}
	p->fd = -1;
	r->priv = p;
	return true;
}

static void
tcp_end(struct row *r)
{
	free(r->priv);
	r->priv = NULL;
}

/* Nobody listens on a port from which the kernel has just chosen our own end: a connection with itself */
static bool
is_self(const struct tcp *p)
{
	const union addr *to = &p->addrs[p->at];
	union addr from = { .sa = { 0 } };
	socklen_t len = sizeof(from);

	return getsockname(p->fd, &from.sa, &len) == 0 && addr_same(&from, to) &&
	    (to->sa.sa_family == AF_INET ? from.in.sin_port == to->in.sin_port : from.in6.sin6_port == to->in6.sin6_port);
}

static void
connected(struct row *r)
{
	struct tcp *p = r->priv;
	int fd = p->fd;

	stop_poll(p);
	p->fd = -1;
	linger(table_shared(r->t)->tcp, fd);
	row_verdict(r, ROW_UP, "%s", "");
}

static void
failed(struct row *r, int err)
{
	const char *reason = connect_reason(err);

	if (reason[0] != '\0')
		row_verdict(r, ROW_DOWN, "%.80s port %u: %s", r->conf.addr, r->conf.port, reason);
	else
		row_verdict(r, ROW_UNKNOWN, "connection to %.80s port %u: %s", r->conf.addr, r->conf.port, strerror(err));
}

static void try_addresses(struct row *r);

/* 0, EALREADY while it runs, or why not.  Asked at once as well: on this server or a near one the answer is there already, or comes with
 * the next look, which saves the loop's two visits to epoll. */
static int
progress(struct tcp *p)
{
	const union addr *a = &p->addrs[p->at];

	if (connect(p->fd, &a->sa, addr_len(a)) == 0 || errno == EISCONN)
		return is_self(p) ? ECONNREFUSED : 0;
	return errno == EINPROGRESS || errno == EINTR ? EALREADY : errno;
}

static void
next_address(struct row *r, int err)
{
	struct tcp *p = r->priv;

	tcp_stop(r);
	p->error = err;
	p->at++;
	try_addresses(r);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct row *r = poll->data;
	int rc = progress(r->priv);

	if (rc == 0)
		connected(r);
	else if (rc != EALREADY)
		next_address(r, rc);
}

static bool
wait_for(struct row *r)
{
	struct tcp *p = r->priv;
	int64_t left = p->deadline - (int64_t)uv_now(table_loop(r->t));

	p->poll = malloc(sizeof(*p->poll));
	if (p->poll == NULL)
		return false;
	if (uv_poll_init(table_loop(r->t), p->poll, p->fd) != 0) {
		free(p->poll);
		p->poll = NULL;
		return false;
	}
	p->poll->data = r;
	uv_poll_start(p->poll, UV_WRITABLE, on_poll);
	row_wait(r, left > 0 ? left / (p->count - p->at) : 0);	/* the time is shared by the addresses that are left */
	return true;
}

static void
try_addresses(struct row *r)
{
	struct tcp *p = r->priv;
	int rc;

	for (; p->at < p->count; p->at++) {
		p->fd = socket(p->addrs[p->at].sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (p->fd == -1) {
			p->error = errno;
			continue;
		}
		rc = progress(p);
		if (rc == EALREADY)
			rc = progress(p);
		if (rc == 0) {
			connected(r);
			return;
		}
		if (rc == EALREADY && wait_for(r))
			return;
		p->error = rc == EALREADY ? ENOMEM : rc;
		tcp_stop(r);
	}
	failed(r, p->error);
}

static void
tcp_probe(struct row *r)
{
	struct tcp *p = r->priv;

	p->at = 0;
	p->error = EINVAL;
	p->count = row_addrs(r, p->addrs, ADDRS_MAX);
	p->deadline = (int64_t)uv_now(table_loop(r->t)) + row_timeout(r);
	try_addresses(r);
}

static void
tcp_expire(struct row *r)
{
	struct tcp *p = r->priv;

	if (p->at + 1 < p->count)
		next_address(r, ETIMEDOUT);
	else
		row_verdict(r, ROW_DOWN, "%.80s port %u: no answer within %lld ms", r->conf.addr, r->conf.port, (long long)row_timeout(r));
}

const struct kind check_tcp = {
	.kind = CHECK_TCP, .names = true, .begin = tcp_begin, .probe = tcp_probe, .expire = tcp_expire, .stop = tcp_stop, .end = tcp_end,
};
