/* SPDX-License-Identifier: GPL-2.0-or-later */
/* addr.c: virtual addresses on interfaces, over rtnetlink: a request, the kernel's answer, nothing kept in between. */
#include "config.h"
#include "vip/addr.h"
#include "vip/ip.h"
#include "vip/left.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/time.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_S	2	/* the kernel answers at once, or something is very wrong (ours) */
#define REQUEST_MAX	512
#define DUMP_TRIES	4	/* of a dump during which addresses changed (ours) */

struct addr {
	struct mnl_socket *nl;
	unsigned	 seq;
	int		 ignored;
	struct sockaddr_storage ignore[ADDR_IGNORE];
};

struct addr *
addr_open(char *err, size_t errsize)
{
	struct timeval patience = { .tv_sec = ANSWER_S };
	struct addr *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	a->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (a->nl == NULL || mnl_socket_bind(a->nl, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    setsockopt(mnl_socket_get_fd(a->nl), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == -1) {
		snprintf(err, errsize, "rtnetlink: %s", strerror(errno));
		addr_close(a);
		return NULL;
	}
	return a;
}

void
addr_close(struct addr *a)
{
	if (a == NULL)
		return;
	if (a->nl != NULL)
		mnl_socket_close(a->nl);
	free(a);
}

/* A dump during which something changed says so; libmnl would stop in its middle and leave the rest in the socket */
static bool
interrupted(char *buf, size_t size)
{
	struct nlmsghdr *nlh = (void *)buf;
	int left = (int)size;
	bool is = false;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		is |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		nlh->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return is;
}

/* Sends, and takes the answer: row() per message of a dump.  -1 with errno: of the kernel, or of the socket (EINTR: a dump to be repeated) */
static int
ask(struct addr *a, struct nlmsghdr *nlh, mnl_cb_t row, void *arg)
{
	char buf[32768] __attribute__((aligned(8)));
	bool again = false;
	ssize_t n;
	int rc;

	nlh->nlmsg_seq = ++a->seq;
	if (mnl_socket_sendto(a->nl, nlh, nlh->nlmsg_len) == -1)
		return -1;
	for (;;) {
		n = mnl_socket_recvfrom(a->nl, buf, sizeof(buf));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		/* the rest of an answer that was given up is of another sequence number */
		if (mnl_nlmsg_ok((const struct nlmsghdr *)buf, (int)n) && ((const struct nlmsghdr *)buf)->nlmsg_seq != a->seq)
			continue;
		again |= interrupted(buf, (size_t)n);
		rc = mnl_cb_run(buf, (size_t)n, a->seq, mnl_socket_get_portid(a->nl), row, arg);
		if (rc == MNL_CB_STOP && again) {
			errno = EINTR;
			return -1;
		}
		if (rc <= MNL_CB_STOP)
			return rc;
	}
}

static struct nlmsghdr *
request(char *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return nlh;
}

static int
dump(struct addr *a, uint16_t type, int family, mnl_cb_t row, void *arg)
{
	char buf[REQUEST_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, type, NLM_F_DUMP);

	if (type == RTM_GETLINK)
		((struct ifinfomsg *)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg)))->ifi_family = AF_UNSPEC;
	else
		((struct ifaddrmsg *)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg)))->ifa_family = (uint8_t)family;
	return ask(a, nlh, row, arg);
}

/* ---- links ---- */

static int
take_link(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct addr_link *l = arg;
	const struct nlattr *at;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_OK;
	l->index = ifi->ifi_index;
	l->up = (ifi->ifi_flags & IFF_UP) != 0;
	l->running = (ifi->ifi_flags & IFF_RUNNING) != 0;
	l->promisc = (ifi->ifi_flags & IFF_PROMISC) != 0;
	mnl_attr_for_each(at, nlh, sizeof(*ifi)) {
		if (mnl_attr_get_type(at) == IFLA_IFNAME && mnl_attr_validate(at, MNL_TYPE_NUL_STRING) >= 0)
			str_copy(l->name, sizeof(l->name), mnl_attr_get_str(at));
		else if (mnl_attr_get_type(at) == IFLA_ADDRESS && mnl_attr_get_payload_len(at) == 6) {
			memcpy(l->mac, mnl_attr_get_payload(at), 6);
			l->ether = ifi->ifi_type == ARPHRD_ETHER;
		}
	}
	return MNL_CB_OK;
}

bool
addr_link(struct addr *a, int ifindex, const char *name, struct addr_link *out)
{
	char buf[REQUEST_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, RTM_GETLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	memset(out, 0, sizeof(*out));
	if (ifindex > 0)
		ifi->ifi_index = ifindex;
	else if (name != NULL && strlen(name) < IFNAMSIZ)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	else
		return false;
	return ask(a, nlh, take_link, out) != -1 && out->index > 0;
}

/* ---- addresses ---- */

struct rows { addr_row_fn each; void *ctx; };

static int
take_addr(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *at, *best = NULL;
	struct rows *r = arg;
	struct addr_row row;
	size_t size;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	size = ifa->ifa_family == AF_INET ? 4 : 16;
	row.flags = ifa->ifa_flags;
	mnl_attr_for_each(at, nlh, sizeof(*ifa)) {
		int type = mnl_attr_get_type(at);

		/* IFA_LOCAL is ours, IFA_ADDRESS that of the other end where the two differ */
		if ((type == IFA_LOCAL || (type == IFA_ADDRESS && best == NULL)) && mnl_attr_get_payload_len(at) == size)
			best = at;
		else if (type == IFA_FLAGS && mnl_attr_get_payload_len(at) == sizeof(uint32_t))
			row.flags = mnl_attr_get_u32(at);
	}
	if (best == NULL)
		return MNL_CB_OK;
	row.index = (int)ifa->ifa_index;
	row.prefix = ifa->ifa_prefixlen;
	ip_set(&row.ip, ifa->ifa_family, mnl_attr_get_payload(best));
	r->each(r->ctx, &row);
	return MNL_CB_OK;
}

bool
addr_each(struct addr *a, int family, addr_row_fn each, void *ctx)
{
	struct rows r = { each, ctx };
	int tries = DUMP_TRIES, rc;

	do
		rc = dump(a, RTM_GETADDR, family, take_addr, &r);
	while (rc == -1 && errno == EINTR && --tries > 0);
	return rc != -1;
}

struct search { const struct addr *a; const struct sockaddr_storage *ip; int index; int best_index, best_prefix; };

void
addr_ignore(struct addr *a, const struct sockaddr_storage *ips, int n)
{
	a->ignored = n < ADDR_IGNORE ? n : ADDR_IGNORE;
	if (a->ignored > 0)
		memcpy(a->ignore, ips, (size_t)a->ignored * sizeof(*ips));
}

static bool
link_local(const struct sockaddr_storage *ip)
{
	return ip->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)ip)->sin6_addr);
}

static void
better(void *ctx, const struct addr_row *row)
{
	struct search *s = ctx;
	int i;

	for (i = 0; i < s->a->ignored; i++)
		if (ip_same(&s->a->ignore[i], &row->ip))
			return;
	if ((s->index != 0 && row->index != s->index) || row->prefix >= ip_bits(&row->ip) || row->prefix <= s->best_prefix ||
	    !ip_in(s->ip, &row->ip, row->prefix))
		return;
	s->best_index = row->index;
	s->best_prefix = row->prefix;
}

bool
addr_find(struct addr *a, const struct sockaddr_storage *ip, const char *name, int prefix, struct addr_on *on, char *err, size_t errsize)
{
	struct search s = { .a = a, .ip = ip };
	struct addr_link l = { 0 };
	char text[IP_TEXT_MAX];

	memset(on, 0, sizeof(*on));
	if (name != NULL && name[0] != '\0') {
		if (!addr_link(a, 0, name, &l)) {
			snprintf(err, errsize, "there is no interface %s", name);
			return false;
		}
		s.index = l.index;
	} else if (link_local(ip)) {
		snprintf(err, errsize, "a link-local address is on every interface: expected <interface name=...>");
		return false;
	}
	if (!addr_each(a, ip->ss_family, better, &s)) {
		snprintf(err, errsize, "rtnetlink: %s", strerror(errno));
		return false;
	}
	if (s.index == 0 && s.best_index == 0) {
		snprintf(err, errsize, "no interface has a network with %s: expected one, or <interface name=...>", ip_text(ip, text));
		return false;
	}
	if (s.index == 0 && !addr_link(a, s.best_index, NULL, &l)) {
		snprintf(err, errsize, "interface %d is gone", s.best_index);
		return false;
	}
	on->ifindex = l.index;
	str_copy(on->intf, sizeof(on->intf), l.name);
	on->prefix = prefix >= 0 && prefix <= ip_bits(ip) ? prefix : s.best_prefix > 0 ? s.best_prefix : ip_bits(ip);
	memcpy(on->mac, l.mac, 6);
	on->ether = l.ether;
	on->up = l.up;
	return true;
}

struct seen { const struct sockaddr_storage *ip; int index; bool found; struct addr_row row; };

static void
look_for(void *ctx, const struct addr_row *row)
{
	struct seen *s = ctx;

	if (row->index == s->index && ip_same(&row->ip, s->ip)) {
		s->found = true;
		s->row = *row;
	}
}

bool
addr_is_set(struct addr *a, int ifindex, const struct sockaddr_storage *ip)
{
	struct seen s = { .ip = ip, .index = ifindex };

	return addr_each(a, ip->ss_family, look_for, &s) && s.found;
}

static int
change(struct addr *a, uint16_t type, uint16_t flags, int ifindex, const struct sockaddr_storage *ip, int prefix)
{
	char buf[REQUEST_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, type, (uint16_t)(flags | NLM_F_ACK));
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	/* Not the source of connections that this server opens: IPv4 has that from the network's first address */
	struct ifa_cacheinfo life = { .ifa_prefered = 0, .ifa_valid = UINT32_MAX };
	size_t len;
	const uint8_t *raw = ip_raw(ip, &len);

	if (raw == NULL) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	ifa->ifa_family = (uint8_t)ip->ss_family;
	ifa->ifa_prefixlen = (uint8_t)prefix;
	ifa->ifa_scope = link_local(ip) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	ifa->ifa_index = (uint32_t)ifindex;
	mnl_attr_put(nlh, IFA_LOCAL, len, raw);
	mnl_attr_put(nlh, IFA_ADDRESS, len, raw);
	if (type == RTM_NEWADDR && ip->ss_family == AF_INET6) {
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
		mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(life), &life);
	}
	return ask(a, nlh, NULL, NULL);
}

bool
addr_set(struct addr *a, const struct addr_on *on, const struct sockaddr_storage *ip, bool *was, char *err, size_t errsize)
{
	struct seen s = { .ip = ip, .index = on->ifindex };

	addr_each(a, ip->ss_family, look_for, &s);
	/* refused by duplicate detection: it would not be answered for */
	if (s.found && ip->ss_family == AF_INET6 && (s.row.flags & (IFA_F_DADFAILED | IFA_F_TENTATIVE)) != 0) {
		change(a, RTM_DELADDR, 0, on->ifindex, ip, s.row.prefix);
		s.found = false;
	}
	*was = s.found;
	if (s.found || change(a, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, on->ifindex, ip, on->prefix) == 0)
		return true;
	*was = errno == EEXIST;
	if (*was)
		return true;
	snprintf(err, errsize, "%s: %s", on->intf, strerror(errno));
	return false;
}

/* IPv4: with the first address of a network the kernel takes its others away (another module's, the administrator's), unless the interface
 * says that the next one takes its place.  So it says for the moment, under the lock of all vipd.  fd -1: nothing to do, or not to be done */
struct promotion { int lock, fd; };

static bool
is_first(struct addr *a, int ifindex, const struct sockaddr_storage *ip)
{
	struct seen s = { .ip = ip, .index = ifindex };

	return ip->ss_family == AF_INET && addr_each(a, AF_INET, look_for, &s) && s.found && (s.row.flags & IFA_F_SECONDARY) == 0 &&
	    s.row.prefix < ip_bits(ip);
}

static struct promotion
promotion_begin(struct addr *a, int ifindex, const struct sockaddr_storage *ip)
{
	struct promotion p = { -1, -1 };
	struct addr_link l;
	char file[128], was;

	if (!is_first(a, ifindex, ip) || !addr_link(a, ifindex, NULL, &l))
		return p;
	snprintf(file, sizeof(file), "/proc/sys/net/ipv4/conf/%s/promote_secondaries", l.name);
	p.lock = left_lock();
	p.fd = open(file, O_RDWR | O_CLOEXEC);
	if (p.fd != -1 && pread(p.fd, &was, 1, 0) == 1 && was == '0' && pwrite(p.fd, "1", 1, 0) == 1)
		return p;
	if (p.fd != -1)
		close(p.fd);
	left_unlock(p.lock);
	return (struct promotion){ -1, -1 };
}

static void
promotion_end(const struct promotion *p)
{
	if (p->fd == -1)
		return;
	if (pwrite(p->fd, "0", 1, 0) != 1)
		warn_errno("promote_secondaries");
	close(p->fd);
	left_unlock(p->lock);
}

static int
take_away(struct addr *a, int ifindex, const struct sockaddr_storage *ip, int prefix)
{
	struct promotion p = promotion_begin(a, ifindex, ip);
	int rc = change(a, RTM_DELADDR, 0, ifindex, ip, prefix), e = errno;

	promotion_end(&p);
	errno = e;
	return rc;
}

bool
addr_unset(struct addr *a, int ifindex, const struct sockaddr_storage *ip, int prefix, char *err, size_t errsize)
{
	struct seen s = { .ip = ip, .index = ifindex };

	if (take_away(a, ifindex, ip, prefix) == 0)
		return true;
	if (errno != EADDRNOTAVAIL && errno != ENODEV) {
		snprintf(err, errsize, "interface %d: %s", ifindex, strerror(errno));
		return false;
	}
	/* with another prefix than we know (it was there before us) */
	addr_each(a, ip->ss_family, look_for, &s);
	if (!s.found || take_away(a, ifindex, ip, s.row.prefix) == 0)
		return true;
	snprintf(err, errsize, "interface %d: %s", ifindex, strerror(errno));
	return false;
}

bool
addr_promisc(struct addr *a, int ifindex, bool on, bool *was, char *err, size_t errsize)
{
	char buf[REQUEST_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct addr_link l;

	if (!addr_link(a, ifindex, NULL, &l)) {
		*was = false;
		snprintf(err, errsize, "interface %d is gone", ifindex);
		return !on;
	}
	*was = l.promisc;
	if (l.promisc == on)
		return true;
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	ifi->ifi_change = IFF_PROMISC;
	ifi->ifi_flags = on ? IFF_PROMISC : 0;
	if (ask(a, nlh, NULL, NULL) == 0)
		return true;
	snprintf(err, errsize, "promiscuous mode of %s: %s", l.name, strerror(errno));
	return false;
}
