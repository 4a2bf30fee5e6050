/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockets.c: TCP sockets of this server, over sock_diag: a walk in slices through the event loop, and the reset of all of one address. */
#include "config.h"
#include "vip/ip.h"
#include "vip/sockets.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE		32768	/* bytes of a dump per turn of the loop: some 350 sockets (ours) */
#define PATIENCE_MS	5000	/* with a dump (ours) */
#define ANSWER_S	2	/* of the kernel to a reset (ours) */
#define BATCH		64	/* sockets reset per message to the kernel (ours) */
#define ROUNDS		8	/* of a reset: what was opened meanwhile (ours) */
#define CLOSED_STATES	(1u << TCP_LISTEN | 1u << TCP_CLOSE)

struct sockets {
	uv_loop_t	*loop;
	uv_poll_t	 poll;
	uv_timer_t	 timer;
	struct mnl_socket *nl;
	unsigned	 seq;
	bool		 walking, closing;
	int		 family;	/* of the dump that runs */
	int		 count;
	uint8_t		(*ips)[16];
	void		(*row)(void *ctx, const struct sockets_row *r);
	void		(*done)(void *ctx, bool complete);
	void		*ctx;
};

/* ---- messages ---- */

static void
ask_dump(struct nlmsghdr *nlh, int family, uint32_t states, unsigned seq)
{
	struct inet_diag_req_v2 *q;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	q = mnl_nlmsg_put_extra_header(nlh, sizeof(*q));
	q->sdiag_family = (uint8_t)family;
	q->sdiag_protocol = IPPROTO_TCP;
	q->idiag_states = states;
}

static void
set_bytes(int family, const uint32_t from[4], uint8_t out[16])
{
	struct sockaddr_storage ip;

	ip_set(&ip, family, from);
	ip_bytes(&ip, out);
}

static const struct inet_diag_msg *
read_row(const struct nlmsghdr *nlh, struct sockets_row *r)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	const struct inet_diag_msg *d = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(nlh) < sizeof(*d) ||
	    (d->idiag_family != AF_INET && d->idiag_family != AF_INET6))
		return NULL;
	set_bytes(d->idiag_family, d->id.idiag_src, r->local);
	set_bytes(d->idiag_family, d->id.idiag_dst, r->remote);
	r->sport = ntohs(d->id.idiag_sport);
	r->dport = ntohs(d->id.idiag_dport);
	r->v6 = memcmp(r->local, mapped, sizeof(mapped)) != 0;
	r->established = d->idiag_state == TCP_ESTABLISHED;
	return d;
}

/* ---- walk ---- */

static void
finish(struct sockets *s, bool complete)
{
	s->walking = false;
	uv_timer_stop(&s->timer);
	free(s->ips);
	s->ips = NULL;
	s->done(s->ctx, complete);
}

static bool
begin(struct sockets *s, int family)
{
	char buf[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	s->family = family;
	ask_dump(nlh, family, ~CLOSED_STATES, ++s->seq);
	return mnl_socket_sendto(s->nl, nlh, nlh->nlmsg_len) != -1;
}

static void
take_row(struct sockets *s, const struct nlmsghdr *nlh)
{
	struct sockets_row r;
	int i;

	if (read_row(nlh, &r) == NULL)
		return;
	for (i = 0; i < s->count; i++)
		if (memcmp(s->ips[i], r.local, 16) == 0) {
			s->row(s->ctx, &r);
			return;
		}
}

/* IPv4 sockets, then IPv6 ones (these have clients of IPv4, too, with mapped addresses) */
static void
take_end(struct sockets *s, bool good)
{
	if (!good || s->family == AF_INET6)
		finish(s, good);
	else if (!begin(s, AF_INET6))
		finish(s, false);
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct sockets *s = poll->data;
	char buf[SLICE] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t n = mnl_socket_recvfrom(s->nl, buf, sizeof(buf));
	int left = (int)n;

	if (status < 0)
		uv_poll_start(poll, UV_READABLE, on_readable);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (s->walking)
			finish(s, false);
		return;
	}
	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (!s->walking || nlh->nlmsg_seq != s->seq)	/* of a walk that was given up */
			continue;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
			take_end(s, nlh->nlmsg_type == NLMSG_DONE);
		else
			take_row(s, nlh);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct sockets *s = timer->data;

	if (s->walking)
		finish(s, false);
}

struct sockets *
sockets_open(uv_loop_t *loop)
{
	struct sockets *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s->nl == NULL || mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    uv_poll_init(loop, &s->poll, mnl_socket_get_fd(s->nl)) != 0) {
		if (s->nl != NULL)
			mnl_socket_close(s->nl);
		free(s);
		return NULL;
	}
	uv_timer_init(loop, &s->timer);
	s->poll.data = s->timer.data = s;
	uv_poll_start(&s->poll, UV_READABLE, on_readable);
	return s;
}

bool
sockets_walk(struct sockets *s, const struct sockaddr_storage *ips, int count, void (*row)(void *ctx, const struct sockets_row *r),
    void (*done)(void *ctx, bool complete), void *ctx)
{
	int i;

	if (s->walking || count < 1)
		return false;
	s->ips = calloc((size_t)count, sizeof(*s->ips));
	if (s->ips == NULL)
		return false;
	for (i = 0; i < count; i++)
		ip_bytes(&ips[i], s->ips[i]);
	s->count = count;
	s->row = row;
	s->done = done;
	s->ctx = ctx;
	s->walking = begin(s, AF_INET);
	if (!s->walking) {
		free(s->ips);
		s->ips = NULL;
		return false;
	}
	uv_timer_start(&s->timer, on_timer, PATIENCE_MS, 0);
	return true;
}

static void
closed_poll(uv_handle_t *h)
{
	struct sockets *s = h->data;

	mnl_socket_close(s->nl);
	free(s->ips);
	free(s);
}

static void
closed_timer(uv_handle_t *h)
{
	struct sockets *s = h->data;

	uv_close((uv_handle_t *)&s->poll, closed_poll);
}

void
sockets_close(struct sockets *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	s->walking = false;
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->timer, closed_timer);
}

/* ---- reset ---- */

struct victims { uint8_t ip[16]; struct inet_diag_req_v2 *list; size_t count, room; bool no_memory; };

static int
take_victim(const struct nlmsghdr *nlh, void *arg)
{
	struct victims *v = arg;
	struct sockets_row r;
	const struct inet_diag_msg *d = read_row(nlh, &r);

	if (d == NULL || memcmp(r.local, v->ip, 16) != 0)
		return MNL_CB_OK;
	if (v->count == v->room) {
		size_t room = v->room > 0 ? v->room * 2 : BATCH;
		struct inet_diag_req_v2 *more = realloc(v->list, room * sizeof(*more));

		if (more == NULL) {
			v->no_memory = true;	/* those that are in the list go in this round */
			return MNL_CB_OK;
		}
		v->list = more;
		v->room = room;
	}
	v->list[v->count++] = (struct inet_diag_req_v2){ .sdiag_family = d->idiag_family, .sdiag_protocol = IPPROTO_TCP,
		.idiag_states = ~0u, .id = d->id };
	return MNL_CB_OK;
}

static int
collect(struct mnl_socket *nl, unsigned *seq, int family, struct victims *v)
{
	/* a connection that only waits for its last segments to fade has nothing to be reset, and older kernels refuse it */
	uint32_t states = ~(CLOSED_STATES | 1u << TCP_TIME_WAIT);
	char buf[SLICE] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	ssize_t n;
	int rc;

	ask_dump(nlh, family, states, ++*seq);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) == -1)
		return -1;
	do {
		n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (n == -1)
			return -1;
		rc = mnl_cb_run(buf, (size_t)n, *seq, mnl_socket_get_portid(nl), take_victim, v);
	} while (rc > MNL_CB_STOP);
	return rc;
}

/* How many of the list were reset; *refused: errno of one that was not, other than that it is gone */
static int
destroy(struct mnl_socket *nl, unsigned *seq, const struct inet_diag_req_v2 *list, size_t count, int *refused)
{
	char buf[BATCH * (NLMSG_HDRLEN + sizeof(*list)) + 256] __attribute__((aligned(8))), in[SLICE] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh;
	size_t used = 0, i, answers = 0;
	ssize_t n;
	int good = 0, left;

	for (i = 0; i < count; i++) {
		struct nlmsghdr *q = mnl_nlmsg_put_header(buf + used);

		q->nlmsg_type = SOCK_DESTROY;
		q->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
		q->nlmsg_seq = ++*seq;
		memcpy(mnl_nlmsg_put_extra_header(q, sizeof(*list)), &list[i], sizeof(*list));
		used += MNL_ALIGN(q->nlmsg_len);
	}
	if (mnl_socket_sendto(nl, buf, used) == -1) {
		*refused = errno;
		return 0;
	}
	while (answers < count) {
		n = mnl_socket_recvfrom(nl, in, sizeof(in));
		if (n == -1) {
			*refused = errno;
			return good;
		}
		left = (int)n;
		for (nlh = (const void *)in; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
				continue;
			answers++;
			good += e->error == 0;
			if (e->error != 0 && e->error != -ENOENT)
				*refused = -e->error;
		}
	}
	return good;
}

static int
reset_all(struct mnl_socket *nl, const struct sockaddr_storage *ip, char *err, size_t errsize)
{
	struct victims v = { .count = 0 };
	int total = 0, refused = 0, round, rc = 0;
	unsigned seq = 0;
	size_t at;

	ip_bytes(ip, v.ip);
	for (round = 0; round < ROUNDS && refused == 0; round++) {
		v.count = 0;
		if ((ip->ss_family == AF_INET && collect(nl, &seq, AF_INET, &v) == -1) || collect(nl, &seq, AF_INET6, &v) == -1) {
			rc = errno != EINTR ? errno : 0;	/* EINTR: sockets came and went meanwhile */
			if (rc != 0)
				break;
		}
		for (at = 0; at < v.count && refused == 0; at += BATCH)
			total += destroy(nl, &seq, v.list + at, v.count - at < BATCH ? v.count - at : BATCH, &refused);
		if (v.count == 0)
			break;
	}
	free(v.list);
	if (refused == EOPNOTSUPP)
		snprintf(err, errsize, "connections cannot be reset: the kernel lacks CONFIG_INET_DIAG_DESTROY");
	else if (refused != 0 || rc != 0)
		snprintf(err, errsize, "connections cannot be reset: sock_diag: %s", strerror(refused != 0 ? refused : rc));
	return refused != 0 || rc != 0 ? -1 : total;
}

int
sockets_reset(const struct sockaddr_storage *ip, char *err, size_t errsize)
{
	struct timeval patience = { .tv_sec = ANSWER_S };
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int rc = -1;

	if (nl == NULL || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == -1)
		snprintf(err, errsize, "connections cannot be reset: sock_diag: %s", strerror(errno));
	else
		rc = reset_all(nl, ip, err, errsize);
	if (nl != NULL)
		mnl_socket_close(nl);
	return rc;
}
