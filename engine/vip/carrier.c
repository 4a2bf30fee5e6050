/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carrier.c: a netlink socket that hears of links; see carrier.h */
#include "config.h"
#include "vip/carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#define NEWS_MAX	32768	/* bytes of one read: the kernel's largest message of a dump is that long */

struct carrier {
	struct mnl_socket *nl;
	uv_poll_t poll;
	uv_timer_t later;
	int handles;
	void (*news)(void *ctx, int ifindex, bool there);
	void *ctx;
};

static int
take(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const unsigned both = IFF_UP | IFF_RUNNING;
	struct carrier *c = arg;

	if ((nlh->nlmsg_type == RTM_NEWLINK || nlh->nlmsg_type == RTM_DELLINK) && mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifi) && ifi->ifi_index > 0)
		c->news(c->ctx, ifi->ifi_index, nlh->nlmsg_type == RTM_NEWLINK && (ifi->ifi_flags & both) == both);
	return MNL_CB_OK;
}

static void
on_news(uv_poll_t *p, int status, int events)
{
	static char buf[NEWS_MAX] __attribute__((aligned(8)));
	struct carrier *c = p->data;
	ssize_t n;
	int i;

	(void)status;
	(void)events;
	for (i = 0; i < 64 && c->news != NULL; i++) {	/* then others have their turn */
		n = mnl_socket_recvfrom(c->nl, buf, sizeof(buf));
		if (n <= 0) {
			if (n == -1 && errno == ENOBUFS)
				c->news(c->ctx, 0, false);
			if (n == 0 || errno != ENOBUFS)
				return;
			continue;
		}
		mnl_cb_run(buf, (size_t)n, 0, 0, take, c);
	}
}

struct carrier *
carrier_open(uv_loop_t *loop, void (*news)(void *ctx, int ifindex, bool there), void *ctx)
{
	struct carrier *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->news = news;
	c->ctx = ctx;
	c->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (c->nl == NULL || mnl_socket_bind(c->nl, RTMGRP_LINK, MNL_SOCKET_AUTOPID) == -1 ||
	    uv_poll_init(loop, &c->poll, mnl_socket_get_fd(c->nl)) != 0) {
		if (c->nl != NULL)
			mnl_socket_close(c->nl);
		free(c);
		return NULL;
	}
	uv_timer_init(loop, &c->later);
	c->poll.data = c->later.data = c;
	c->handles = 2;
	uv_poll_start(&c->poll, UV_READABLE, on_news);
	return c;
}

static void
on_later(uv_timer_t *t)
{
	struct carrier *c = t->data;

	c->news(c->ctx, 0, false);
}

void
carrier_later(struct carrier *c)
{
	uv_timer_start(&c->later, on_later, 0, 0);
}

static void
closed(uv_handle_t *h)
{
	struct carrier *c = h->data;

	if (--c->handles > 0)
		return;
	mnl_socket_close(c->nl);
	free(c);
}

void
carrier_close(struct carrier *c)
{
	if (c == NULL)
		return;
	c->news = NULL;
	uv_close((uv_handle_t *)&c->poll, closed);
	uv_close((uv_handle_t *)&c->later, closed);
}
