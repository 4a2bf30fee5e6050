/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rt.c: the rtnetlink socket.  Events and dumps come over one socket; a dump is two requests, links and then addresses. */
#include "config.h"
#include "check/links.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFRESH_MS	1000	/* at most one dump a second (ours) */
#define PATIENCE_MS	2000	/* for a dump to end before it is asked anew (ours) */
#define RETRY_MS	10	/* after a dump that the kernel refused (ours) */
#define BURST		32	/* datagrams taken in one visit */

struct rt {
	struct table	*t;
	struct mnl_socket *nl;
	uv_poll_t	 poll;
	uv_timer_t	 timer;		/* the next dump, or the end of patience with the one that runs */
	struct links	 links;
	enum { RT_IDLE, RT_LINKS, RT_ADDRS } dump;
	bool		 again;		/* the dump that runs is not good */
	bool		 wanted;
	unsigned	 seq;
	int64_t		 last_ms;	/* when the last dump began */
};

static void on_timer(uv_timer_t *timer);

static bool
ask(struct rt *rt, uint16_t type)
{
	char buf[128] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++rt->seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->rtgen_family = AF_UNSPEC;
	return mnl_socket_sendto(rt->nl, nlh, nlh->nlmsg_len) != -1;
}

static void
begin_dump(struct rt *rt)
{
	rt->last_ms = (int64_t)uv_now(table_loop(rt->t));
	rt->again = rt->wanted = false;
	links_begin(&rt->links);
	rt->dump = RT_LINKS;
	if (!ask(rt, RTM_GETLINK))
		warn_errno("rtnetlink");
	uv_timer_start(&rt->timer, on_timer, PATIENCE_MS, 0);
}

static void
on_timer(uv_timer_t *timer)
{
	begin_dump(timer->data);
}

void
rt_refresh(struct rt *rt)
{
	int64_t now = (int64_t)uv_now(table_loop(rt->t)), due = rt->last_ms + REFRESH_MS;

	if (rt->dump != RT_IDLE || rt->wanted)
		return;
	rt->wanted = true;
	uv_timer_start(&rt->timer, on_timer, due > now ? (uint64_t)(due - now) : 0, 0);
}

/* The kernel's end of one request */
static bool
done(struct rt *rt)
{
	bool changed = false;

	if (rt->again) {
		begin_dump(rt);
		return false;
	}
	if (rt->dump == RT_LINKS) {
		rt->dump = RT_ADDRS;
		if (!ask(rt, RTM_GETADDR))
			warn_errno("rtnetlink");
		return false;
	}
	changed = links_finish(&rt->links);
	rt->dump = RT_IDLE;
	uv_timer_stop(&rt->timer);
	return changed;
}

static bool
take(struct rt *rt, const char *buf, size_t size)
{
	const struct nlmsghdr *nlh = (const void *)buf;
	bool changed = false, lost = false;
	int left = (int)size;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		bool answer = nlh->nlmsg_seq != 0 && nlh->nlmsg_pid == mnl_socket_get_portid(rt->nl);
		bool ours = answer && rt->dump != RT_IDLE && nlh->nlmsg_seq == rt->seq;

		if (answer && !ours)
			continue;	/* of a dump that was given up: what it tells may be older than what we know */
		if ((nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0 && ours)
			rt->again = true;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
			if (ours && nlh->nlmsg_type == NLMSG_DONE)
				changed |= done(rt);
			else if (ours)		/* busy with the dump that was given up */
				uv_timer_start(&rt->timer, on_timer, RETRY_MS, 0);
		} else {
			changed |= links_take(&rt->links, nlh, &lost);
		}
	}
	rt->again |= lost;
	return changed;
}

static void
on_readable(uv_poll_t *poll, int status, int events)
{
	struct rt *rt = poll->data;
	char buf[32768] __attribute__((aligned(8)));
	bool changed = false;
	int i;

	if (status < 0)		/* libuv stops at an error, and ENOBUFS is one */
		uv_poll_start(poll, UV_READABLE, on_readable);
	for (i = 0; i < BURST; i++) {
		ssize_t n = mnl_socket_recvfrom(rt->nl, buf, sizeof(buf));

		if (n == -1 && errno == ENOBUFS) {	/* events were lost: only all of it tells now */
			begin_dump(rt);
			continue;
		}
		if (n <= 0)
			break;
		changed |= take(rt, buf, (size_t)n);
	}
	if (changed && rt->links.known)
		table_changed_links(rt->t);
}

static struct rt *
rt_open(struct table *t)
{
	struct rt *rt = calloc(1, sizeof(*rt));
	int rc;

	if (rt == NULL)
		return NULL;
	rt->t = t;
	rt->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (rt->nl == NULL || mnl_socket_bind(rt->nl, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, MNL_SOCKET_AUTOPID) == -1)
		rc = -errno;
	else
		rc = uv_poll_init(table_loop(t), &rt->poll, mnl_socket_get_fd(rt->nl));
	if (rc != 0) {
		if (rt->nl != NULL)
			mnl_socket_close(rt->nl);
		free(rt);
		errno = -rc;
		return NULL;
	}
	uv_timer_init(table_loop(t), &rt->timer);
	rt->poll.data = rt->timer.data = rt;
	uv_poll_start(&rt->poll, UV_READABLE, on_readable);
	begin_dump(rt);
	return rt;
}

struct rt *
rt_get(struct table *t, char *err, size_t errsize)
{
	struct shared *sh = table_shared(t);

	if (sh->rt == NULL)
		sh->rt = rt_open(t);
	if (sh->rt == NULL)
		snprintf(err, errsize, "rtnetlink: %s", strerror(errno));
	return sh->rt;
}

const struct links *
rt_links(const struct rt *rt)
{
	return &rt->links;
}

static void
closed_poll(uv_handle_t *h)
{
	struct rt *rt = h->data;

	mnl_socket_close(rt->nl);
	links_free(&rt->links);
	free(rt);
}

static void
closed_timer(uv_handle_t *h)
{
	struct rt *rt = h->data;

	uv_close((uv_handle_t *)&rt->poll, closed_poll);
}

void
rt_free(struct rt *rt)
{
	if (rt == NULL)
		return;
	uv_poll_stop(&rt->poll);
	uv_close((uv_handle_t *)&rt->timer, closed_timer);
}
