/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intf.c: is an interface up and does it still have its address (intf; of a virtual address: is there one whose network has it, and is that
 * one up); is an address defined on this server (ip)?  IPv4 addresses that another server has, too, are no fault here: those of a farm are.  Events of the kernel
 * are judged as they come; each interval asks for a whole dump as a safety net.
 */
#include "config.h"
#include "check/links.h"

#include <linux/if_addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct intf {
	bool		 has_addr;
	union addr	 addr;
	char		 seen[SK_NAME_MAX];	/* interface that had the address last, where none is configured */
};

/* ---- intf ---- */

static void
judge_link(struct row *r, const struct link_row *link)
{
	char why[WHY_MAX];

	links_reason(link, why, sizeof(why));
	row_verdict(r, why[0] == '\0' ? ROW_UP : ROW_DOWN, "%s", why);
}

/* conf.network */
static void
judge_network(struct row *r, const struct links *l)
{
	union addr addrs[ADDRS_MAX];
	int i, n = row_addrs(r, addrs, ADDRS_MAX);
	const struct link_addr *net = NULL;
	const struct link_row *link;

	for (i = 0; i < n && net == NULL; i++)
		net = links_network(l, &addrs[i]);
	link = net != NULL ? links_index(l, net->index) : NULL;
	if (link != NULL)
		judge_link(r, link);
	else
		row_verdict(r, ROW_DOWN, "no interface has an address in the network of %.60s", r->conf.addr);
}

static void
judge_intf(struct row *r, const struct links *l)
{
	struct intf *x = r->priv;
	const char *name = r->conf.intf[0] != '\0' ? r->conf.intf : x->seen;
	const struct link_addr *a = x->has_addr ? links_addr(l, &x->addr, 0) : NULL;
	const struct link_row *link;
	char why[WHY_MAX] = "";

	if (r->conf.intf[0] == '\0' && a != NULL && (link = links_index(l, a->index)) != NULL) {
		str_copy(x->seen, sizeof(x->seen), link->name);
		judge_link(r, link);
		return;
	}
	link = name[0] != '\0' ? links_name(l, name) : NULL;
	if (link != NULL)
		links_reason(link, why, sizeof(why));
	if (name[0] == '\0')
		row_verdict(r, ROW_DOWN, "%.60s is on no interface", r->conf.addr);
	else if (link == NULL)
		row_verdict(r, ROW_DOWN, "there is no interface %s", name);
	else if (why[0] != '\0')
		row_verdict(r, ROW_DOWN, "%s", why);
	else if (x->has_addr && links_addr(l, &x->addr, link->index) == NULL)
		row_verdict(r, ROW_DOWN, "%.60s is not on %s", r->conf.addr, name);
	else
		row_verdict(r, ROW_UP, "%s", "");
}

static bool
intf_begin(struct row *r)
{
	struct intf *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return false;
	x->has_addr = addr_parse(r->conf.addr, 0, &x->addr);
	r->priv = x;
	return true;
}

static void
intf_end(struct row *r)
{
	free(r->priv);
	r->priv = NULL;
}

/* ---- ip ---- */

/* 127/8 is ours as a whole without being listed */
static bool
is_loopback(const union addr *a)
{
	return a->sa.sa_family == AF_INET && (ntohl(a->in.sin_addr.s_addr) >> 24) == 127;
}

static void
judge_ip(struct row *r, const struct links *l)
{
	union addr addrs[ADDRS_MAX];
	int i, n = row_addrs(r, addrs, ADDRS_MAX);
	bool twice = false;

	for (i = 0; i < n; i++) {
		const struct link_addr *a = links_addr(l, &addrs[i], 0);

		if (is_loopback(&addrs[i]) || (a != NULL && (a->flags & IFA_F_DADFAILED) == 0)) {
			row_verdict(r, ROW_UP, "%s", "");
			return;
		}
		twice |= a != NULL;
	}
	if (twice)
		row_verdict(r, ROW_DOWN, "%.80s is used by another server, too", r->conf.addr);
	else
		row_verdict(r, ROW_DOWN, "%.80s is not defined on this server", r->conf.addr);
}

/* ---- both ---- */

static void
judge(struct row *r)
{
	const struct links *l = rt_links(table_shared(r->t)->rt);

	if (!l->known)
		return;		/* the first dump runs: its end is an event */
	if (r->conf.network)
		judge_network(r, l);
	else if (r->conf.kind == CHECK_INTF)
		judge_intf(r, l);
	else
		judge_ip(r, l);
}

static void
links_probe(struct row *r)
{
	char err[WHY_MAX];
	struct rt *rt = rt_get(r->t, err, sizeof(err));

	if (rt == NULL) {
		row_verdict(r, ROW_UNKNOWN, "%s", err);
		return;
	}
	rt_refresh(rt);
	judge(r);
}

static void
links_event(struct row *r)
{
	if (table_shared(r->t)->rt != NULL)
		judge(r);
}

static void
links_expire(struct row *r)
{
	row_verdict(r, ROW_UNKNOWN, "the kernel does not tell its interfaces within %lld ms", (long long)row_timeout(r));
}

const struct kind check_intf = {
	.kind = CHECK_INTF, .names = true, .begin = intf_begin, .probe = links_probe, .expire = links_expire, .event = links_event, .end = intf_end,
};
const struct kind check_ip = {
	.kind = CHECK_IP, .names = true, .probe = links_probe, .expire = links_expire, .event = links_event,
};
