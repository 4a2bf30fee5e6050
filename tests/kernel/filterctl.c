/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filterctl.c: vipd's side of the filter by hand, for the kernel tests.  Which filter: SAFE_VIP_FILTER ("module", else "bpf").
 *
 *	filterctl usable
 *	filterctl attach IF ID MODE SELF ADDR...	MODE invisible, directed (one group, rules: tcp and udp on_port, arp on_addr)
 *							or mirror (invisible, no group); prints "new" or "kept"
 *	filterctl tables IF ID OWNERS HOLDERS [MAC...]	bucket b belongs to the (b modulo n)th of OWNERS ("0,1,2", "-": nobody);
 *							HOLDERS: bits; MAC of node 0, 1...
 *	filterctl lease IF ID SECONDS
 *	filterctl show IF ID				mode, owners (how many buckets each), lease, counts
 *	filterctl detach IF ID
 *	filterctl churn IF ID TIMES			attach, replace, write, detach, again and again: what is not freed is missing soon
 */
#include "config.h"
#include "vip/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SEED	7

static const struct filter_kind_ops *ops;
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

int
main(int argc, char **argv)
{
	const char *kind = getenv("SAFE_VIP_FILTER"), *verb = argc > 1 ? argv[1] : "";
	char err[SK_TEXT_MAX] = "";
	struct filter_conf conf;
	struct filter *f;
	bool kept;

	diag_init("filterctl", 0);
	/* not filter_choose(): to ask whether BPF can be used takes seconds in a guest without KVM */
	ops = kind != NULL && strcmp(kind, "module") == 0 ? &filter_module : &filter_bpf;
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
	fprintf(stderr, "filterctl: see filterctl.c\n");
	return 2;
}
