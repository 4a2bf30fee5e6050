/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filterctl.c: vipd's side of the filter by hand, for the kernel tests.  Which filter: SAFE_VIP_FILTER ("module", else "bpf").
 *
 *	filterctl kinds					those that it was built with
 *	filterctl usable
 *	filterctl attach IF ID MODE SELF ADDR...	MODE invisible, directed (one group, rules: tcp and udp on_port, arp on_addr)
 *							or mirror (invisible, no group); prints "new" or "kept"
 *	filterctl tables IF ID OWNERS HOLDERS [MAC...]	bucket b belongs to the (b modulo n)th of OWNERS ("0,1,2", "-": nobody);
 *							HOLDERS: bits; MAC of node 0, 1...
 *	filterctl lease IF ID SECONDS
 *	filterctl show IF ID				mode, owners (how many buckets each), lease, counts
 *	filterctl detach IF ID
 *	filterctl churn IF ID TIMES			attach, replace, write, detach, again and again: what is not freed is missing soon
 *	filterctl refuse IF ID				what no filter may take: each is refused with the errno that is expected (module)
 */
#include "config.h"
#include "vip/filter.h"

#include "filter_genl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SEED	7

static const struct filter_kind_ops *ops = &filter_module;
static struct filter_tables tables;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void
interface_mac(const char *name, uint8_t mac[6])
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r;

	memset(&r, 0, sizeof(r));
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0)
		fatal("%s: no MAC: %s", name, strerror(errno));
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static void
make_conf(struct filter_conf *c, const char *intf, const char *mode, int self, int n, char **addrs)
{
	static const struct filter_rule rules[] = {
		{ .proto = FILTER_TCP, .by = FILTER_ON_PORT, .addr = FILTER_ANY, .port = 80 },
		{ .proto = FILTER_UDP, .by = FILTER_ON_PORT, .addr = FILTER_ANY },
		{ .proto = FILTER_ARP, .by = FILTER_ON_ADDR, .addr = FILTER_ANY },
	};
	int i;

	memset(c, 0, sizeof(*c));
	c->abi = FILTER_ABI;
	c->mode = strcmp(mode, "directed") == 0 ? FILTER_DIRECTED : FILTER_INVISIBLE;
	c->self = (uint8_t)self;
	c->addrs = (uint8_t)n;
	interface_mac(intf, c->mac);
	for (i = 0; i < n && i < FILTER_ADDRS; i++) {
		if (inet_pton(AF_INET6, addrs[i], c->addr[i]) != 1) {
			c->addr[i][10] = c->addr[i][11] = 0xff;
			if (inet_pton(AF_INET, addrs[i], c->addr[i] + 12) != 1)
				fatal("%s: no address", addrs[i]);
		}
	}
	if (c->mode == FILTER_INVISIBLE) {
		c->vmac[0] = 0x5a;
		c->vmac[1] = 0xfe;
		memcpy(c->vmac + 2, c->addr[0] + 12, 4);
	}
	if (strcmp(mode, "mirror") == 0)
		return;
	c->groups = 1;
	/* directed: whoever is asked answers only for the owner, without a rule of ours for arp */
	c->rules = c->mode == FILTER_DIRECTED ? 2 : 3;
	memcpy(c->rule, rules, sizeof(rules));
}

static struct filter *
opened(const char *intf, const char *id)
{
	struct filter *f = ops->find((int)if_nametoindex(intf), atoi(id));

	if (f == NULL)
		fatal("%s: no filter of module %s", intf, id);
	return f;
}

static void
make_tables(struct filter_tables *t, const char *owners, const char *holders, int n, char **macs)
{
	uint8_t list[FILTER_NODES];
	int i, count = 0;

	memset(t, 0, sizeof(*t));
	for (; *owners != '\0' && count < FILTER_NODES; owners++)
		if (*owners != ',')
			list[count++] = *owners == '-' ? FILTER_NOBODY : (uint8_t)(*owners - '0');
	t->group[0].seed = SEED;
	for (i = 0; i < FILTER_BUCKETS; i++) {
		t->group[0].bucket[i].owner = list[i % count];
		t->group[0].bucket[i].holders = (uint32_t)strtoul(holders, NULL, 0);
	}
	for (i = 0; i < n; i++) {
		unsigned int m[6];
		int k;

		if (sscanf(macs[i], "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
			fatal("%s: no MAC", macs[i]);
		for (k = 0; k < 6; k++)
			t->mac[i][k] = (uint8_t)m[k];
		t->known |= 1u << i;
	}
}

static int
show(const char *intf, const char *id)
{
	static const char *const names[FILTER_COUNTS] = { "other", "all", "owned", "held", "not_ours", "sent", "lease", "bad" };
	struct filter *f = opened(intf, id);
	struct filter_control control;
	struct filter_counts counts;
	struct filter_conf conf;
	int i, k, n;

	if (!ops->read(f, &conf, &tables, &control, &counts))
		fatal("%s: not read: %s", intf, strerror(errno));
	printf("mode=%d self=%d groups=%d known=%x lease=%s", conf.mode, conf.self, conf.groups, tables.known,
	    control.lease_ns > now_ns() ? "on" : "over");
	for (i = 0; i < FILTER_NODES; i++) {
		for (n = 0, k = 0; k < FILTER_BUCKETS; k++)
			n += tables.group[0].bucket[k].owner == i;
		if (n > 0 && conf.groups > 0)
			printf(" n%d=%d", i, n);
	}
	for (i = 0; i < FILTER_COUNTS; i++)
		printf(" %s=%llu", names[i], (unsigned long long)counts.n[i]);
	printf("\n");
	ops->release(f);
	return 0;
}

static int
churn(const char *intf, const char *id, int times)
{
	char first[] = "10.9.9.1", second[] = "10.9.9.2", *addrs[] = { first, second }, err[SK_TEXT_MAX];
	struct filter_conf one, two;
	struct filter *f;
	bool kept;
	int i;

	make_conf(&one, intf, "invisible", 0, 1, addrs);
	make_conf(&two, intf, "directed", 0, 2, addrs);
	make_tables(&tables, "0,1", "0", 0, NULL);
	for (i = 0; i < times; i++) {
		f = ops->attach((int)if_nametoindex(intf), atoi(id), &one, &kept, err, sizeof(err));
		if (f == NULL || kept)
			fatal("%d: attach: %s", i, f == NULL ? err : "kept");
		ops->release(f);
		f = ops->attach((int)if_nametoindex(intf), atoi(id), &two, &kept, err, sizeof(err));
		if (f == NULL || kept)
			fatal("%d: replace: %s", i, f == NULL ? err : "kept");
		if (i % 64 == 0 && (!ops->write(f, &tables) || !ops->write(f, &tables)))
			fatal("%d: write: %s", i, strerror(errno));
		ops->detach(f);
	}
	printf("done\n");
	return 0;
}

/* ---- what has to be refused: by hand, for filter_module says none of it ---- */

static char room[sizeof(struct filter_tables) + 2 * sizeof(struct filter_conf)];

static struct nlmsghdr *
message(uint16_t family, uint8_t command, uint32_t ifindex, uint32_t id)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct genlmsghdr *g;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = command;
	g->version = 1;
	mnl_attr_put_u32(nlh, FILTER_GENL_A_IFINDEX, ifindex);
	mnl_attr_put_u32(nlh, FILTER_GENL_A_MODULE, id);
	return nlh;
}

static int
take_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
			*(uint16_t *)data = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static int
ask(struct mnl_socket *s, struct nlmsghdr *nlh, mnl_cb_t take, void *data)
{
	char in[8192];
	ssize_t n;
	int more;

	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		return errno;
	do {
		n = mnl_socket_recvfrom(s, in, sizeof(in));
		more = n < 0 ? -1 : mnl_cb_run(in, (size_t)n, 0, mnl_socket_get_portid(s), take, data);
	} while (more > 0);
	return more < 0 ? errno : 0;
}

static int bad;

static void
expect(struct mnl_socket *s, struct nlmsghdr *nlh, int wanted, const char *what)
{
	int got = ask(s, nlh, NULL, NULL);

	if (got == wanted)
		return;
	printf("%s: %s, expected %s\n", what, strerror(got), strerror(wanted));
	bad = 1;
}

static int
refuse(const char *intf, uint32_t id)
{
	static const struct { size_t at; uint8_t value; int wanted; const char *what; } confs[] = {
		{ offsetof(struct filter_conf, abi), FILTER_ABI + 1, EPROTO, "another abi" },
		{ offsetof(struct filter_conf, mode), 3, EINVAL, "no mode" },
		{ offsetof(struct filter_conf, self), FILTER_NODES, EINVAL, "no node" },
		{ offsetof(struct filter_conf, addrs), FILTER_ADDRS + 1, EINVAL, "too many addresses" },
		{ offsetof(struct filter_conf, groups), FILTER_GROUPS + 1, EINVAL, "too many groups" },
		{ offsetof(struct filter_conf, rules) + 1, 2, EINVAL, "too many rules" },
		{ offsetof(struct filter_conf, rule[0].group), 1, EINVAL, "rule of a group that is not there" },
		{ offsetof(struct filter_conf, rule[0].addr), 1, EINVAL, "rule of an address that is not there" },
		{ offsetof(struct filter_conf, rule[0].by), 3, EINVAL, "rule by nothing" },
		{ offsetof(struct filter_conf, rule[0].proto), 1, EINVAL, "rule of no protocol" },
	};
	uint32_t index = if_nametoindex(intf);
	struct mnl_socket *s = mnl_socket_open(NETLINK_GENERIC);
	struct filter_genl_head head = { .known = 0 };
	char text[] = "10.9.9.1", *addr = text;
	struct filter_conf conf;
	struct nlmsghdr *nlh;
	uint16_t family = 0;
	size_t i;

	if (s == NULL || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		fatal("netlink: %s", strerror(errno));
	nlh = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 0);
	nlh->nlmsg_len = MNL_ALIGN(sizeof(*nlh)) + MNL_ALIGN(sizeof(struct genlmsghdr));
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, FILTER_GENL_NAME);
	if (ask(s, nlh, take_family, &family) != 0 || family == 0)
		fatal("no family");
	for (i = 0; i < ARRAY_LEN(confs); i++) {
		make_conf(&conf, intf, "invisible", 0, 1, &addr);
		((uint8_t *)&conf)[confs[i].at] = confs[i].value;
		nlh = message(family, FILTER_GENL_ATTACH, index, id);
		mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
		expect(s, nlh, confs[i].wanted, confs[i].what);
	}
	make_conf(&conf, intf, "invisible", 0, 1, &addr);
	expect(s, message(family, FILTER_GENL_ATTACH, index, id), EINVAL, "attach without conf");
	nlh = message(family, FILTER_GENL_ATTACH, index, id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf) - 4, &conf);
	expect(s, nlh, ERANGE, "conf of another size");
	nlh = message(family, FILTER_GENL_ATTACH, if_nametoindex("lo"), id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
	expect(s, nlh, EMEDIUMTYPE, "no Ethernet");
	nlh = message(family, FILTER_GENL_ATTACH, 9999, id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
	expect(s, nlh, ENODEV, "no interface");
	expect(s, message(family, FILTER_GENL_DETACH, index, id), ENOENT, "detach of nothing");
	expect(s, message(family, FILTER_GENL_READ, index, id), ENOENT, "read of nothing");
	expect(s, message(family, 99, index, id), EOPNOTSUPP, "no command");

	nlh = message(family, FILTER_GENL_ATTACH, index, id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
	expect(s, nlh, 0, "attach");
	expect(s, message(family, FILTER_GENL_LEASE, index, id), EINVAL, "lease without time");
	nlh = message(family, FILTER_GENL_WRITE, index, id);
	mnl_attr_put(nlh, FILTER_GENL_A_HEAD, sizeof(head), &head);
	expect(s, nlh, EINVAL, "tables without a group");
	make_tables(&tables, "0", "0", 0, NULL);
	for (i = 0; i < 2; i++)
		mnl_attr_put(nlh, FILTER_GENL_A_GROUP, sizeof(tables.group[0]), &tables.group[0]);
	expect(s, nlh, E2BIG, "tables with a group too many");
	tables.group[0].bucket[17].owner = FILTER_NODES;
	nlh = message(family, FILTER_GENL_WRITE, index, id);
	mnl_attr_put(nlh, FILTER_GENL_A_HEAD, sizeof(head), &head);
	mnl_attr_put(nlh, FILTER_GENL_A_GROUP, sizeof(tables.group[0]), &tables.group[0]);
	expect(s, nlh, EINVAL, "an owner that is no node");
	expect(s, message(family, FILTER_GENL_DETACH, index, id), 0, "detach");
	mnl_socket_close(s);
	if (!bad)
		printf("done\n");
	return bad;
}

int
main(int argc, char **argv)
{
	const char *kind = getenv("SAFE_VIP_FILTER"), *verb = argc > 1 ? argv[1] : "";
	char err[SK_TEXT_MAX] = "";
	struct filter_conf conf;
	struct filter *f;
	bool kept;

	diag_init("filterctl", 0);
	if (strcmp(verb, "kinds") == 0) {
		printf("module%s\n",
#ifdef HAVE_FILTER_BPF
		    " bpf"
#else
		    ""
#endif
		);
		return 0;
	}
#ifdef HAVE_FILTER_BPF
	if (kind == NULL || strcmp(kind, "bpf") == 0)
		ops = &filter_bpf;
#else
	if (kind == NULL || strcmp(kind, "bpf") == 0)
		fatal("built without the BPF filter");
#endif
	if (strcmp(verb, "usable") == 0) {
		if (!ops->usable(err, sizeof(err)))
			fatal("%s", err);
		return 0;
	}
	if (argc >= 7 && strcmp(verb, "attach") == 0) {
		make_conf(&conf, argv[2], argv[4], atoi(argv[5]), argc - 6, argv + 6);
		f = ops->attach((int)if_nametoindex(argv[2]), atoi(argv[3]), &conf, &kept, err, sizeof(err));
		if (f == NULL)
			fatal("%s", err);
		printf("%s\n", kept ? "kept" : "new");
		ops->release(f);
		return 0;
	}
	if (argc >= 6 && strcmp(verb, "tables") == 0) {
		f = opened(argv[2], argv[3]);
		make_tables(&tables, argv[4], argv[5], argc - 6, argv + 6);
		if (!ops->write(f, &tables))
			fatal("%s: not written: %s", argv[2], strerror(errno));
		ops->release(f);
		return 0;
	}
	if (argc == 5 && strcmp(verb, "lease") == 0) {
		f = opened(argv[2], argv[3]);
		ops->lease(f, now_ns() + strtoull(argv[4], NULL, 10) * 1000000000ULL);
		ops->release(f);
		return 0;
	}
	if (argc == 4 && strcmp(verb, "show") == 0)
		return show(argv[2], argv[3]);
	if (argc == 4 && strcmp(verb, "detach") == 0) {
		ops->detach(opened(argv[2], argv[3]));
		return 0;
	}
	if (argc == 5 && strcmp(verb, "churn") == 0)
		return churn(argv[2], argv[3], atoi(argv[4]));
	if (argc == 4 && strcmp(verb, "refuse") == 0)
		return refuse(argv[2], (uint32_t)atoi(argv[3]));
	fprintf(stderr, "filterctl: see filterctl.c\n");
	return 2;
}
