/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ping.c: does a host answer ICMP echo?  One socket per family for all rows: a SOCK_DGRAM one where net.ipv4.ping_group_range lets us (no
 * privilege), else a raw one.  A request is sent again each RESEND_MS until the timeout, so that one lost packet is no failure.
 *
 * A reply counts when it carries our nonce, the row's number, the number of its check, and comes from an address that was asked.
 */
#include "config.h"
#include "check/impl.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ICMP_FILTER
#define ICMP_FILTER 1		/* linux/icmp.h, which cannot be included beside netinet/ip_icmp.h */
#endif
#define RESEND_MS	1000	/* or a third of a short timeout (ours) */
#define BURST		64	/* replies taken in one visit */
#define HEAD		8	/* bytes of an echo header */

struct body { uint8_t nonce[8]; uint32_t rank, serial, check; };	/* only we read it: our byte order */

struct ping_socket {
	struct ping_shared *of;
	uv_poll_t	 poll;
	int		 fd, family, error;
	bool		 raw;
};

struct ping_shared {
	struct table	*t;
	uint8_t		 nonce[8];
	uint16_t	 id;
	struct ping_socket *sockets[2];	/* v4, v6; NULL: not needed so far, or it cannot be had */
};

struct ping {
	uint32_t	 check;		/* number of this one */
	uint16_t	 seq;
	int64_t		 deadline;
	int		 count, sent, error;
	bool		 no_socket;	/* for one of the addresses */
	union addr	 addrs[ADDRS_MAX * 2];
};

/* ---- the sockets ---- */

static uint16_t
checksum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return htons((uint16_t)~sum);
}

/* The row that waits for this reply, or NULL.  p: from the ICMP header on. */
static struct row *
match(struct ping_shared *s, const union addr *from, const uint8_t *p, size_t n, bool raw)
{
	uint8_t want = from->sa.sa_family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	struct body b;
	struct row *r;
	struct ping *g;
	uint16_t id;
	int i;

	if (n < HEAD + sizeof(b) || p[0] != want || p[1] != 0)
		return NULL;
	memcpy(&id, p + 4, sizeof(id));
	memcpy(&b, p + HEAD, sizeof(b));
	if ((raw && id != s->id) || memcmp(b.nonce, s->nonce, sizeof(b.nonce)) != 0)
		return NULL;
	r = table_row(s->t, b.rank, b.serial);
	if (r == NULL || r->phase != PHASE_PROBE || (r->kind != &check_ping && r->kind != &check_splitbrain))
		return NULL;
	g = r->priv;
	for (i = 0; b.check == g->check && i < g->count; i++)
		if (addr_same(&g->addrs[i], from))
			return r;
	return NULL;
}

static void
on_reply(uv_poll_t *poll, int status, int events)
{
	struct ping_socket *k = poll->data;
	uint8_t buf[512], *p;
	int i;

	if (status < 0)		/* libuv stops at an error, and "unreachable" for one of many hosts is none of the others' */
		uv_poll_start(poll, UV_READABLE, on_reply);
	for (i = 0; i < BURST; i++) {
		union addr from = { .sa = { 0 } };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(k->fd, buf, sizeof(buf), MSG_DONTWAIT, &from.sa, &len);
		size_t head = 0;
		struct row *r;

		if (n == -1 && errno == EAGAIN)
			return;
		p = buf;
		if (k->raw && k->family == AF_INET)
			head = (size_t)(buf[0] & 15) * 4;
		if (n <= 0 || from.sa.sa_family != k->family || n < (ssize_t)head)
			continue;
		r = match(k->of, &from, p + head, (size_t)n - head, k->raw);
		if (r != NULL)
			row_verdict(r, ROW_UP, "%s", "");
	}
}

/* A raw socket hears the echoes of all: let the kernel pass replies only */
static void
filter_replies(int fd, int family)
{
	struct icmp6_filter six;
	uint32_t four = ~(1u << ICMP_ECHOREPLY);

	ICMP6_FILTER_SETBLOCKALL(&six);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &six);
	if (family == AF_INET ? setsockopt(fd, SOL_RAW, ICMP_FILTER, &four, sizeof(four)) == -1
	    : setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six, sizeof(six)) == -1)
		debug_text("no filter for echo replies: %s", strerror(errno));
}

static int
open_socket(int family, bool *raw)
{
	int proto = family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);

	*raw = false;
	if (fd != -1 || (errno != EACCES && errno != EPROTONOSUPPORT))
		return fd;
	fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);
	*raw = true;
	if (fd != -1)
		filter_replies(fd, family);
	return fd;
}

/* NULL with errno */
static struct ping_socket *
socket_get(struct ping_shared *s, int family)
{
	struct ping_socket **slot = &s->sockets[family == AF_INET6], *k = *slot;
	int buf = 1 << 20, rc;

	if (k != NULL)
		return k;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->of = s;
	k->family = family;
	k->fd = open_socket(family, &k->raw);
	rc = k->fd == -1 ? -errno : uv_poll_init(table_loop(s->t), &k->poll, k->fd);
	if (rc != 0) {
		if (k->fd != -1)
			close(k->fd);
		free(k);
		errno = -rc;
		return NULL;
	}
	setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &buf, sizeof(buf));	/* a thousand replies may come together; less is good, too */
	k->poll.data = k;
	uv_poll_start(&k->poll, UV_READABLE, on_reply);
	*slot = k;
	return k;
}

static struct ping_shared *
shared_get(struct table *t)
{
	struct shared *sh = table_shared(t);
	struct ping_shared *s = sh->ping;

	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->t = t;
	if (getrandom(s->nonce, sizeof(s->nonce), 0) != (ssize_t)sizeof(s->nonce) ||
	    getrandom(&s->id, sizeof(s->id), 0) != (ssize_t)sizeof(s->id)) {
		free(s);
		return NULL;
	}
	sh->ping = s;
	return s;
}

static void
free_socket(uv_handle_t *h)
{
	free(h->data);
}

void
ping_shared_free(struct ping_shared *s)
{
	size_t i;

	for (i = 0; s != NULL && i < ARRAY_LEN(s->sockets); i++) {
		if (s->sockets[i] == NULL)
			continue;
		uv_close((uv_handle_t *)&s->sockets[i]->poll, free_socket);
		close(s->sockets[i]->fd);
	}
	free(s);
}

/* ---- one check ---- */

static int
send_one(struct row *r, const union addr *to)
{
	struct ping_shared *s = table_shared(r->t)->ping;
	struct ping *g = r->priv;
	struct ping_socket *k = socket_get(s, to->sa.sa_family);
	struct body b = { .rank = (uint32_t)r->rank, .serial = r->serial, .check = g->check };
	uint8_t pkt[HEAD + sizeof(b)] = { to->sa.sa_family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST };
	uint16_t seq = htons(g->seq), sum;

	if (k == NULL) {
		g->no_socket = true;
		return errno;
	}
	memcpy(b.nonce, s->nonce, sizeof(b.nonce));
	memcpy(pkt + 4, &s->id, sizeof(s->id));
	memcpy(pkt + 6, &seq, sizeof(seq));
	memcpy(pkt + HEAD, &b, sizeof(b));
	if (to->sa.sa_family == AF_INET) {	/* the kernel does it for v6 */
		sum = checksum(pkt, sizeof(pkt));
		memcpy(pkt + 2, &sum, sizeof(sum));
	}
	return sendto(k->fd, pkt, sizeof(pkt), MSG_DONTWAIT | MSG_NOSIGNAL, &to->sa, addr_len(to)) == -1 ? errno : 0;
}

static void
send_all(struct row *r)
{
	struct ping *g = r->priv;
	int64_t left = g->deadline - (int64_t)uv_now(table_loop(r->t)), again = row_timeout(r) / 3 + 1;
	int i, rc;

	if (again > RESEND_MS)
		again = RESEND_MS;
	g->seq++;
	for (i = 0; i < g->count; i++) {
		rc = send_one(r, &g->addrs[i]);
		if (rc == 0)
			g->sent++;
		else
			g->error = rc;
	}
	row_wait(r, left < again ? left : again);
}

static void
ping_probe(struct row *r)
{
	struct ping *g = r->priv;
	int i;

	g->check++;
	g->seq = 0;
	g->sent = g->error = 0;
	g->no_socket = false;
	g->count = row_addrs(r, g->addrs, ARRAY_LEN(g->addrs));
	for (i = 0; i < g->count; i++) {
		if (g->addrs[i].sa.sa_family == AF_INET)
			g->addrs[i].in.sin_port = 0;
		else
			g->addrs[i].in6.sin6_port = 0;
	}
	g->deadline = (int64_t)uv_now(table_loop(r->t)) + row_timeout(r);
	send_all(r);
}

static void
ping_expire(struct row *r)
{
	struct ping *g = r->priv;
	const char *reason = connect_reason(g->error);

	if ((int64_t)uv_now(table_loop(r->t)) < g->deadline)
		send_all(r);
	else if (g->sent > 0)
		row_verdict(r, ROW_DOWN, "%.80s: no answer within %lld ms", r->conf.addr, (long long)row_timeout(r));
	else if (reason[0] != '\0' && !g->no_socket)
		row_verdict(r, ROW_DOWN, "%.80s: %s", r->conf.addr, reason);
	else
		row_verdict(r, ROW_UNKNOWN, "no packet for %.80s: %s", r->conf.addr, strerror(g->error));
}

static bool
ping_begin(struct row *r)
{
	if (shared_get(r->t) == NULL)
		return false;
	r->priv = calloc(1, sizeof(struct ping));
	return r->priv != NULL;
}

static void
ping_end(struct row *r)
{
	free(r->priv);
	r->priv = NULL;
}

const struct kind check_ping = {
	.kind = CHECK_PING, .names = true, .begin = ping_begin, .probe = ping_probe, .expire = ping_expire, .end = ping_end,
};
/* Witnesses are all pinged at once; one that answers is enough (8.2 notes 2.1.6). */
const struct kind check_splitbrain = {
	.kind = CHECK_SPLITBRAIN, .names = true, .begin = ping_begin, .probe = ping_probe, .expire = ping_expire, .end = ping_end,
};
