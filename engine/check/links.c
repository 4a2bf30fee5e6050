/* SPDX-License-Identifier: GPL-2.0-or-later */
/* links.c: the picture of interfaces and addresses: rtnetlink messages in, answers out.  Pure. */
#include "config.h"
#include "check/links.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX	65536	/* interfaces or addresses that are kept (ours) */

static bool
make_room(void **rows, int *room, int count, size_t size)
{
	int n = *room > 0 ? *room * 2 : 16;
	void *more;

	if (count < *room)
		return true;
	if (n > ROWS_MAX)
		return false;
	more = realloc(*rows, (size_t)n * size);
	if (more == NULL)
		return false;
	*rows = more;
	*room = n;
	return true;
}

static struct link_row *
find_row(const struct links *l, int index)
{
	int i;

	for (i = 0; i < l->nrows; i++)
		if (l->rows[i].index == index)
			return &l->rows[i];
	return NULL;
}

static struct link_addr *
find_addr(const struct links *l, const union addr *a, int index)
{
	int i;

	for (i = 0; i < l->naddrs; i++)
		if ((index == 0 || l->addrs[i].index == index) && addr_same(&l->addrs[i].addr, a))
			return &l->addrs[i];
	return NULL;
}

static bool
take_link(struct links *l, const struct nlmsghdr *nlh, bool *lost)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct link_row now = { .index = ifi->ifi_index, .flags = ifi->ifi_flags, .operstate = -1, .round = l->round }, *row;
	const struct nlattr *a;
	bool changed;

	row = find_row(l, now.index);
	if (nlh->nlmsg_type == RTM_DELLINK) {
		if (row == NULL || ifi->ifi_family != AF_UNSPEC)	/* AF_BRIDGE: it only left a bridge */
			return false;
		*row = l->rows[--l->nrows];
		return true;
	}
	mnl_attr_for_each(a, nlh, sizeof(*ifi)) {
		if (mnl_attr_get_type(a) == IFLA_IFNAME && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			str_copy(now.name, sizeof(now.name), mnl_attr_get_str(a));
		else if (mnl_attr_get_type(a) == IFLA_OPERSTATE && mnl_attr_validate(a, MNL_TYPE_U8) >= 0)
			now.operstate = mnl_attr_get_u8(a);
	}
	if (row == NULL) {
		if (now.name[0] == '\0')
			return false;
		if (!make_room((void **)&l->rows, &l->rows_room, l->nrows, sizeof(*l->rows))) {
			*lost = true;
			return false;
		}
		l->rows[l->nrows++] = now;
		return true;
	}
	if (now.name[0] == '\0')
		str_copy(now.name, sizeof(now.name), row->name);
	if (now.operstate == -1)
		now.operstate = row->operstate;
	changed = now.flags != row->flags || now.operstate != row->operstate || strcmp(now.name, row->name) != 0;
	*row = now;
	return changed;
}

/* IFA_LOCAL is ours, IFA_ADDRESS that of the other end where the two differ */
static bool
read_addr(const struct nlmsghdr *nlh, struct link_addr *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	size_t size = ifa->ifa_family == AF_INET ? 4 : 16;
	const struct nlattr *a, *best = NULL;

	memset(out, 0, sizeof(*out));
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return false;
	out->index = (int)ifa->ifa_index;
	out->flags = ifa->ifa_flags;
	out->prefix = ifa->ifa_prefixlen;
	mnl_attr_for_each(a, nlh, sizeof(*ifa)) {
		int type = mnl_attr_get_type(a);

		if ((type == IFA_LOCAL || (type == IFA_ADDRESS && best == NULL)) && mnl_attr_get_payload_len(a) == size)
			best = a;
		else if (type == IFA_FLAGS && mnl_attr_get_payload_len(a) == sizeof(uint32_t))
			out->flags = mnl_attr_get_u32(a);
	}
	if (best == NULL)
		return false;
	out->addr.sa.sa_family = ifa->ifa_family;
	if (ifa->ifa_family == AF_INET)
		memcpy(&out->addr.in.sin_addr, mnl_attr_get_payload(best), size);
	else
		memcpy(&out->addr.in6.sin6_addr, mnl_attr_get_payload(best), size);
	if (ifa->ifa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&out->addr.in6.sin6_addr))
		out->addr.in6.sin6_scope_id = ifa->ifa_index;
	return true;
}

static bool
take_addr(struct links *l, const struct nlmsghdr *nlh, bool *lost)
{
	struct link_addr now, *row;
	bool changed;

	if (!read_addr(nlh, &now))
		return false;
	now.round = l->round;
	row = find_addr(l, &now.addr, now.index);
	if (nlh->nlmsg_type == RTM_DELADDR) {
		if (row == NULL)
			return false;
		*row = l->addrs[--l->naddrs];
		return true;
	}
	if (row != NULL) {
		changed = row->flags != now.flags || row->prefix != now.prefix;
		*row = now;
		return changed;
	}
	if (!make_room((void **)&l->addrs, &l->addrs_room, l->naddrs, sizeof(*l->addrs))) {
		*lost = true;
		return false;
	}
	l->addrs[l->naddrs++] = now;
	return true;
}

bool
links_take(struct links *l, const struct nlmsghdr *nlh, bool *lost)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct ifinfomsg) && take_link(l, nlh, lost);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct ifaddrmsg) && take_addr(l, nlh, lost);
	default:
		return false;
	}
}

void
links_begin(struct links *l)
{
	l->round++;
}

bool
links_finish(struct links *l)
{
	bool changed = !l->known;
	int i;

	for (i = l->nrows - 1; i >= 0; i--)
		if (l->rows[i].round != l->round) {
			l->rows[i] = l->rows[--l->nrows];
			changed = true;
		}
	for (i = l->naddrs - 1; i >= 0; i--)
		if (l->addrs[i].round != l->round) {
			l->addrs[i] = l->addrs[--l->naddrs];
			changed = true;
		}
	l->known = true;
	return changed;
}

void
links_free(struct links *l)
{
	free(l->rows);
	free(l->addrs);
	memset(l, 0, sizeof(*l));
}

const struct link_row *
links_name(const struct links *l, const char *name)
{
	int i;

	for (i = 0; i < l->nrows; i++)
		if (strcmp(l->rows[i].name, name) == 0)
			return &l->rows[i];
	return NULL;
}

const struct link_row *
links_index(const struct links *l, int index)
{
	return find_row(l, index);
}

const struct link_addr *
links_addr(const struct links *l, const union addr *a, int index)
{
	return find_addr(l, a, index);
}

static bool
in_network(const struct link_addr *net, const union addr *a)
{
	const uint8_t *x = a->sa.sa_family == AF_INET ? (const uint8_t *)&a->in.sin_addr : a->in6.sin6_addr.s6_addr;
	const uint8_t *y = a->sa.sa_family == AF_INET ? (const uint8_t *)&net->addr.in.sin_addr : net->addr.in6.sin6_addr.s6_addr;
	int bits = a->sa.sa_family == AF_INET ? 32 : 128, bytes = net->prefix / 8, rest = net->prefix % 8;

	if (net->addr.sa.sa_family != a->sa.sa_family || net->prefix < 0 || net->prefix >= bits || addr_same(&net->addr, a))
		return false;
	return memcmp(x, y, (size_t)bytes) == 0 && (rest == 0 || ((x[bytes] ^ y[bytes]) >> (8 - rest)) == 0);
}

const struct link_addr *
links_network(const struct links *l, const union addr *a)
{
	const struct link_addr *best = NULL;
	int i;

	for (i = 0; i < l->naddrs; i++)
		if (in_network(&l->addrs[i], a) && (best == NULL || l->addrs[i].prefix > best->prefix))
			best = &l->addrs[i];
	return best;
}

void
links_reason(const struct link_row *row, char *why, size_t size)
{
	why[0] = '\0';
	if ((row->flags & IFF_UP) == 0)
		snprintf(why, size, "%s is switched off", row->name);
	else if ((row->flags & IFF_LOWER_UP) == 0)
		snprintf(why, size, "%s has no carrier (cable)", row->name);
	else if (row->operstate == IF_OPER_LOWERLAYERDOWN || row->operstate == IF_OPER_DOWN || row->operstate == IF_OPER_NOTPRESENT)
		snprintf(why, size, "%s is down", row->name);
	else if (row->operstate == IF_OPER_DORMANT || row->operstate == IF_OPER_TESTING)
		snprintf(why, size, "%s does not pass packets yet (dormant)", row->name);
}
