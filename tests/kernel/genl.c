/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * genl.c: the loadable module's netlink interface (filter_genl.h), byte by byte, for the kernel tests.
 *
 *	genl refuse IF ID	what no filter may take: each is refused with the errno that is expected, and what was attached stays
 *	genl vectors COUNT SEED	the verdict as it runs in the kernel: all shared vectors as their table expects, and COUNT random frames as
 *				plain C says (the module was built with TRY=y)
 */
#include "config.h"
#include "base/base.h"
#include "filter_core.h"
#include "filter_genl.h"
#include "lib/filter_vectors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW	1000000u

static struct mnl_socket *sock;
static uint16_t family;
static char room[sizeof(struct filter_tables) + 2 * sizeof(struct filter_conf) + 4096];
static int bad;

static struct nlmsghdr *
message(uint16_t type, uint8_t command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(room);
	struct genlmsghdr *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = command;
	g->version = 1;
	return nlh;
}

static struct nlmsghdr *
about(uint8_t command, uint32_t ifindex, uint32_t id)
{
	struct nlmsghdr *nlh = message(family, command);

	mnl_attr_put_u32(nlh, FILTER_GENL_A_IFINDEX, ifindex);
	mnl_attr_put_u32(nlh, FILTER_GENL_A_MODULE, id);
	return nlh;
}

/* 0 or an errno */
static int
ask(struct nlmsghdr *nlh, mnl_cb_t take, void *data)
{
	char in[8192];
	ssize_t n;
	int more;

	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return errno;
	do {
		n = mnl_socket_recvfrom(sock, in, sizeof(in));
		more = n < 0 ? -1 : mnl_cb_run(in, (size_t)n, 0, mnl_socket_get_portid(sock), take, data);
	} while (more > 0);
	return more < 0 ? errno : 0;
}

static int
take_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID)
			family = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static void
begin(void)
{
	struct nlmsghdr *nlh;

	sock = mnl_socket_open(NETLINK_GENERIC);
	if (sock == NULL || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		fatal("netlink: %s", strerror(errno));
	nlh = message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, FILTER_GENL_NAME);
	if (ask(nlh, take_family, NULL) != 0 || family == 0)
		fatal("no family " FILTER_GENL_NAME);
}

/* ---- refusals ---- */

static void
expect(struct nlmsghdr *nlh, int wanted, const char *what)
{
	int got = ask(nlh, NULL, NULL);

	if (got == wanted)
		return;
	printf("%s: %s, expected %s\n", what, strerror(got), strerror(wanted));
	bad++;
}

static void
a_conf(struct filter_conf *c)
{
	memset(c, 0, sizeof(*c));
	c->abi = FILTER_ABI;
	c->mode = FILTER_INVISIBLE;
	c->addrs = c->groups = 1;
	c->rules = 1;
	c->rule[0] = (struct filter_rule){ .proto = FILTER_TCP, .addr = FILTER_ANY };
	c->addr[0][15] = 1;
}

static void
put_tables(struct nlmsghdr *nlh, const struct filter_tables *t, int groups)
{
	struct filter_genl_head head = { .known = t->known, .deaf = t->deaf };
	int g;

	memcpy(head.mac, t->mac, sizeof(head.mac));
	mnl_attr_put(nlh, FILTER_GENL_A_HEAD, sizeof(head), &head);
	for (g = 0; g < groups; g++)
		mnl_attr_put(nlh, FILTER_GENL_A_GROUP, sizeof(t->group[g]), &t->group[g]);
}

static void
refuse_confs(uint32_t index, uint32_t id)
{
	static const struct { size_t at; uint8_t value; int wanted; const char *what; } rows[] = {
		{ offsetof(struct filter_conf, abi), FILTER_ABI + 1, EPROTO, "another abi" },
		{ offsetof(struct filter_conf, mode), 3, EINVAL, "no mode" },
		{ offsetof(struct filter_conf, mode), 0, EINVAL, "mode 0" },
		{ offsetof(struct filter_conf, self), FILTER_NODES, EINVAL, "no node" },
		{ offsetof(struct filter_conf, addrs), FILTER_ADDRS + 1, EINVAL, "too many addresses" },
		{ offsetof(struct filter_conf, groups), FILTER_GROUPS + 1, EINVAL, "too many groups" },
		{ offsetof(struct filter_conf, rules) + 1, 2, EINVAL, "too many rules" },
		{ offsetof(struct filter_conf, rule[0].group), 1, EINVAL, "rule of a group that is not there" },
		{ offsetof(struct filter_conf, rule[0].addr), 1, EINVAL, "rule of an address that is not there" },
		{ offsetof(struct filter_conf, rule[0].by), 3, EINVAL, "rule by nothing" },
		{ offsetof(struct filter_conf, rule[0].proto), 1, EINVAL, "rule of no protocol" },
	};
	struct filter_conf conf;
	struct nlmsghdr *nlh;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		a_conf(&conf);
		((uint8_t *)&conf)[rows[i].at] = rows[i].value;
		nlh = about(FILTER_GENL_ATTACH, index, id);
		mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
		expect(nlh, rows[i].wanted, rows[i].what);
	}
	a_conf(&conf);
	nlh = about(FILTER_GENL_ATTACH, index, id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf) - 4, &conf);
	expect(nlh, ERANGE, "conf of another size");
	nlh = about(FILTER_GENL_ATTACH, if_nametoindex("lo"), id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
	expect(nlh, EMEDIUMTYPE, "no Ethernet");
	nlh = about(FILTER_GENL_ATTACH, 9999, id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
	expect(nlh, ENODEV, "no interface");
	expect(about(FILTER_GENL_ATTACH, index, id), EINVAL, "attach without conf");
	expect(message(family, FILTER_GENL_ATTACH), EINVAL, "attach of nothing to nothing");
	expect(about(FILTER_GENL_DETACH, index, id), ENOENT, "detach of nothing");
	expect(about(FILTER_GENL_WRITE, index, id), ENOENT, "write to nothing");
	expect(about(FILTER_GENL_READ, index, id), ENOENT, "read of nothing");
	expect(about(99, index, id), EOPNOTSUPP, "no command");
}

static int
refuse(const char *intf, uint32_t id)
{
	static struct filter_tables t;
	uint32_t index = if_nametoindex(intf);
	struct filter_conf conf;
	struct nlmsghdr *nlh;

	refuse_confs(index, id);
	a_conf(&conf);
	nlh = about(FILTER_GENL_ATTACH, index, id);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(conf), &conf);
	expect(nlh, 0, "attach");
	expect(about(FILTER_GENL_LEASE, index, id), EINVAL, "lease without time");
	expect(about(FILTER_GENL_WRITE, index, id), EINVAL, "no tables");
	nlh = about(FILTER_GENL_WRITE, index, id);
	put_tables(nlh, &t, 0);
	expect(nlh, EINVAL, "tables without a group");
	nlh = about(FILTER_GENL_WRITE, index, id);
	put_tables(nlh, &t, 2);
	expect(nlh, E2BIG, "tables with a group too many");
	t.group[0].bucket[17].owner = FILTER_NODES;
	nlh = about(FILTER_GENL_WRITE, index, id);
	put_tables(nlh, &t, 1);
	expect(nlh, EINVAL, "an owner that is no node");
	t.group[0].bucket[17].owner = FILTER_NOBODY;
	nlh = about(FILTER_GENL_WRITE, index, id);
	put_tables(nlh, &t, 1);
	expect(nlh, 0, "write");
	expect(about(FILTER_GENL_DETACH, index, id), 0, "detach");
	return bad;
}

/* ---- vectors ---- */

struct trial {
	const struct filter_conf *conf;
	const struct filter_tables *tables;
	struct filter_control control;
	uint8_t frame[FV_FRAME_MAX], held;
	size_t len;
};
struct outcome { struct filter_key key; struct filter_verdict verdict; struct filter_spot spot; uint8_t asks; };

static int
take_outcome(const struct nlmsghdr *nlh, void *data)
{
	struct outcome *o = data;
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) == FILTER_GENL_A_KEY && mnl_attr_get_payload_len(a) == sizeof(o->key))
			memcpy(&o->key, mnl_attr_get_payload(a), sizeof(o->key));
		else if (mnl_attr_get_type(a) == FILTER_GENL_A_VERDICT && mnl_attr_get_payload_len(a) == sizeof(o->verdict))
			memcpy(&o->verdict, mnl_attr_get_payload(a), sizeof(o->verdict));
		else if (mnl_attr_get_type(a) == FILTER_GENL_A_SPOT && mnl_attr_get_payload_len(a) == sizeof(o->spot))
			memcpy(&o->spot, mnl_attr_get_payload(a), sizeof(o->spot));
		else if (mnl_attr_get_type(a) == FILTER_GENL_A_ASKS)
			o->asks = mnl_attr_get_u8(a);
	}
	return MNL_CB_OK;
}

static struct outcome
in_kernel(const struct trial *y)
{
	struct outcome o;
	struct nlmsghdr *nlh = message(family, FILTER_GENL_TRY);
	int err;

	memset(&o, 0, sizeof(o));
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(*y->conf), y->conf);
	put_tables(nlh, y->tables, y->conf->groups);
	mnl_attr_put(nlh, FILTER_GENL_A_CONTROL, sizeof(y->control), &y->control);
	mnl_attr_put(nlh, FILTER_GENL_A_FRAME, y->len, y->frame);
	mnl_attr_put_u64(nlh, FILTER_GENL_A_NOW, NOW);
	mnl_attr_put_u8(nlh, FILTER_GENL_A_HELD, y->held);
	err = ask(nlh, take_outcome, &o);
	if (err != 0)
		fatal("the module does not try: %s", strerror(err));
	return o;
}

static struct outcome
in_plain_c(const struct trial *y)
{
	static const uint8_t none[6];
	const uint8_t *end = y->frame + y->len;
	struct outcome o;

	memset(&o, 0, sizeof(o));
	filter_look(y->conf, y->tables, y->frame, end, &o.key);
	o.asks = filter_asks_socket(y->conf, y->tables, &o.key) != 0;
	o.verdict = filter_judge(y->conf, y->tables, &y->control, NOW, &o.key, y->len >= 12 ? y->frame + 6 : none, y->held);
	if (y->conf->mode == FILTER_INVISIBLE && !filter_disguise(y->conf, y->frame, end, &o.spot))
		memset(&o.spot, 0, sizeof(o.spot));
	return o;
}

static bool
same(const struct outcome *a, const struct outcome *b)
{
	const struct filter_verdict *v = &a->verdict, *w = &b->verdict;

	/* the rest of a key is said for a frame that a rule names only */
	return a->key.kind == b->key.kind && (a->key.kind != FILTER_K_RULE || memcmp(&a->key, &b->key, sizeof(a->key)) == 0) && a->asks == b->asks &&
	    v->pass == w->pass && v->take == w->take && v->count == w->count && v->to == w->to && a->spot.at == b->spot.at &&
	    a->spot.checksum_at == b->spot.checksum_at;
}

static void
tell(const char *name, const struct outcome *a, const char *other, const struct outcome *b)
{
	bad++;
	printf("%s: kernel: kind %u asks %u pass %u take %u count %u to %x spot %u %u; %s: kind %u asks %u pass %u take %u count %u to %x spot %u %u\n", name,
	    a->key.kind, a->asks, a->verdict.pass, a->verdict.take, a->verdict.count, a->verdict.to, a->spot.at, a->spot.checksum_at, other,
	    b->key.kind, b->asks, b->verdict.pass, b->verdict.take, b->verdict.count, b->verdict.to, b->spot.at, b->spot.checksum_at);
}

static int
vectors(int count, uint64_t seed)
{
	static struct filter_tables tables;
	struct fv_random random = { seed };
	struct trial y = { .tables = &tables };
	struct outcome kernel, plain;
	struct filter_conf conf;
	char name[120];
	size_t i;
	int n;

	y.conf = &conf;
	for (i = 0; i < fv_count; i++) {
		const struct fv_vector *v = &fv_vectors[i];

		fv_conf(v->world, &conf);
		fv_tables(v, &tables);
		y.len = fv_build(&v->frame, y.frame);
		y.held = v->held;
		y.control.lease_ns = v->lease_over ? NOW : NOW + 1;
		kernel = in_kernel(&y);
		plain = kernel;
		plain.key.kind = v->kind;
		plain.asks = v->asks;
		plain.verdict = (struct filter_verdict){ .pass = v->pass, .take = v->take, .count = v->count, .to = v->to };
		fv_name(v, name, sizeof(name));
		if (!same(&kernel, &plain))
			tell(name, &kernel, "expected", &plain);
		plain = in_plain_c(&y);
		if (!same(&kernel, &plain))
			tell(name, &kernel, "plain C", &plain);
	}
	for (n = 0; n < count; n++) {
		if (n % 16 == 0) {
			fv_random_conf(&random, &conf);
			fv_random_tables(&random, &tables);
		}
		y.len = fv_random_frame(&random, &conf, y.frame);
		y.held = (uint8_t)(n % 3);
		y.control.lease_ns = n % 8 == 7 ? NOW : NOW + 1;
		kernel = in_kernel(&y);
		plain = in_plain_c(&y);
		if (!same(&kernel, &plain)) {
			snprintf(name, sizeof(name), "random frame %d of seed %llu", n, (unsigned long long)seed);
			tell(name, &kernel, "plain C", &plain);
		}
	}
	printf("%zu vectors, %d random frames\n", fv_count, count);
	return bad;
}

int
main(int argc, char **argv)
{
	diag_init("genl", 0);
	begin();
	if (argc == 4 && strcmp(argv[1], "refuse") == 0)
		return refuse(argv[2], (uint32_t)atoi(argv[3])) != 0;
	if (argc == 4 && strcmp(argv[1], "vectors") == 0)
		return vectors(atoi(argv[2]), strtoull(argv[3], NULL, 0)) != 0;
	fprintf(stderr, "genl: see genl.c\n");
	return 2;
}
