/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.c: moves packets between a socket and its owner. */
#include "config.h"
#include "cluster/link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_MAX	1024	/* packets handed out in one go, so that a flood cannot keep the loop for ever */

struct link {
	uv_poll_t	 poll;
	int		 fd, lan;
	struct link_conf conf;
	link_receive	 receive;
	link_settle	 settle;
	void		*ctx;
};

bool
link_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return true;
	}
	return false;
}

static bool
same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr,
	    sizeof(struct in6_addr)) == 0;
}

static socklen_t
addr_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

void
link_drain(struct link *l)
{
	uint8_t buf[2048];
	int i, k;

	for (i = 0; i < DRAIN_MAX && l->fd != -1; i++) {	/* who receives may close */
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(l->fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &len);
		int node = -1;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n == -1)
			continue;	/* an ICMP error of something we sent: reported once, means nothing */
		for (k = 0; k < l->conf.count; k++)
			if (same_host(&from, &l->conf.peers[k].addr))
				node = l->conf.peers[k].node;
		if ((size_t)n <= sizeof(buf))
			l->receive(l->ctx, l->lan, node, buf, (size_t)n);
	}
}

static void
on_readable(uv_poll_t *handle, int status, int events)
{
	struct link *l = handle->data;

	link_drain(l);
	l->settle(l->ctx);
}

struct link *
link_open(uv_loop_t *loop, int lan, const struct link_conf *conf, link_receive receive, link_settle settle, void *ctx,
    char *err, size_t errsize)
{
	struct link *l = calloc(1, sizeof(*l));
	int on = 1, room = 1 << 20;

	if (l == NULL) {
		snprintf(err, errsize, "out of memory");
		return NULL;
	}
	l->conf = *conf;
	l->lan = lan;
	l->receive = receive;
	l->settle = settle;
	l->ctx = ctx;
	l->fd = socket(conf->local.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd == -1)
		goto fail;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (conf->local.ss_family == AF_INET6) {
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
	} else {
		setsockopt(l->fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	}
	if (bind(l->fd, (const struct sockaddr *)&conf->local, addr_len(&conf->local)) == -1)
		goto fail;
	if (uv_poll_init(loop, &l->poll, l->fd) != 0 || uv_poll_start(&l->poll, UV_READABLE, on_readable) != 0)
		goto fail;
	l->poll.data = l;
	return l;

fail:
	snprintf(err, errsize, "lan %s: %s", conf->lan, strerror(errno));
	if (l->fd != -1)
		close(l->fd);
	free(l);
	return NULL;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
link_close(struct link *l)
{
	if (l == NULL)
		return;
	uv_poll_stop(&l->poll);
	uv_close((uv_handle_t *)&l->poll, on_closed);
	/* now and not in on_closed: the port is free for the next link_open() of the same turn of the loop (libuv allows it after a stop) */
	close(l->fd);
	l->fd = -1;
}

bool
link_send(struct link *l, int node, const uint8_t *data, size_t len)
{
	int k;

	for (k = 0; k < l->conf.count; k++)
		if (l->conf.peers[k].node == node)
			return sendto(l->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&l->conf.peers[k].addr,
			    addr_len(&l->conf.peers[k].addr)) == (ssize_t)len;
	return false;
}
