/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: what checkers compute without asking anybody: addresses, spread, words, interfaces from crafted messages, other modules. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include "check/links.h"
#include "check/other.h"

/* ---- addresses ---- */

static void
addresses(void **state)
{
	union addr a, b;

	assert_true(addr_parse("192.168.1.10", 80, &a));
	assert_int_equal(a.sa.sa_family, AF_INET);
	assert_int_equal(ntohs(a.in.sin_port), 80);
	assert_int_equal(addr_len(&a), sizeof(a.in));
	assert_true(addr_parse("192.168.1.10", 81, &b));
	assert_true(addr_same(&a, &b));
	assert_true(addr_parse("192.168.1.11", 80, &b));
	assert_false(addr_same(&a, &b));
	assert_true(addr_parse("fd00:0:0::1", 80, &a));
	assert_int_equal(addr_len(&a), sizeof(a.in6));
	assert_false(addr_same(&a, &b));
	assert_true(addr_parse("fd00::1", 0, &b));
	assert_true(addr_same(&a, &b));
	assert_true(addr_parse("fe80::1%lo", 0, &a));
	assert_int_equal(a.in6.sin6_scope_id, 1);
	assert_true(addr_parse("fe80::1", 0, &b));
	assert_true(addr_same(&a, &b));		/* without an interface: any */
	b.in6.sin6_scope_id = 7;
	assert_false(addr_same(&a, &b));
}

static void
no_addresses(void **state)
{
	static const char *const wrong[] = { "", "R1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::g", "fe80::1%no-such-if", "1.2.3.4%lo", " 1.2.3.4",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc" };
	union addr a;
	size_t i;

	for (i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(addr_parse(wrong[i], 1, &a));
}

/* ---- times ---- */

static void
spread(void **state)
{
	int count[100] = { 0 }, i;
	int64_t now, next;

	for (i = 0; i < 1000; i++) {	/* a thousand rows of one second: ten in each hundredth */
		next = spread_next(5000, 1000, i, 1000, 5000 + i);
		assert_in_range(next, 5001 + i, 6000 + i);
		count[next % 1000 / 10]++;
	}
	for (i = 0; i < 100; i++)
		assert_int_equal(count[i], 10);
	for (now = 0; now < 30000; now += 7) {	/* always in its own place, never further than the interval */
		next = spread_next(12345, 1000, 3, 10, now);
		assert_int_equal((next - 12345 - 300) % 1000, 0);
		assert_in_range(next, now + 1, now + 1000);
	}
	assert_int_equal(spread_next(100, 50, 0, 1, 100), 150);
	assert_int_equal(spread_next(100, 50, 0, 0, 149), 150);
	assert_int_equal(spread_tick(100), 100);
	assert_int_equal(spread_tick(101), 110);
}

/* ---- words ---- */

static void
words(void **state)
{
	static const struct { const char *text; int n; const char *words[4]; } cases[] = {
		{ "", 0, { NULL } },
		{ "  \t ", 0, { NULL } },
		{ "proc 60", 2, { "proc", "60" } },
		{ " -D  -A wait ", 3, { "-D", "-A", "wait" } },
		{ "\"two words\" 'and \"more\"'", 2, { "two words", "and \"more\"" } },
		{ "a\"b c\"d ''", 2, { "ab cd", "" } },
		{ "a\\ b \"\\\"\" '\\'", 3, { "a b", "\"", "\\" } },
		{ "end\\", 1, { "end\\" } },
		{ "open \"quote", -1, { NULL } },
		{ "'", -1, { NULL } },
	};
	size_t i;
	char **w;
	int n, k;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		w = words_split(cases[i].text, &n);
		assert_int_equal(n, cases[i].n);
		assert_int_equal(w == NULL, cases[i].n < 0);
		for (k = 0; k < n; k++)
			assert_string_equal(w[k], cases[i].words[k]);
		assert_true(w == NULL || w[n] == NULL);
		free(w);
	}
}

static void
reasons(void **state)
{
	assert_string_equal(connect_reason(ECONNREFUSED), "connection refused");
	assert_string_equal(connect_reason(ETIMEDOUT), "timed out");
	assert_string_not_equal(connect_reason(ENETUNREACH), "");
	/* not the service's fault: no verdict about it */
	assert_string_equal(connect_reason(EMFILE), "");
	assert_string_equal(connect_reason(EADDRNOTAVAIL), "");
	assert_string_equal(connect_reason(ENOMEM), "");
}

/* ---- interfaces ---- */

static char buf[4096] __attribute__((aligned(8)));

static struct nlmsghdr *
link_msg(uint16_t type, int index, const char *name, unsigned flags, int operstate)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = index;
	ifi->ifi_flags = flags;
	if (name != NULL)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (operstate >= 0)
		mnl_attr_put_u8(nlh, IFLA_OPERSTATE, (uint8_t)operstate);
	return nlh;
}

static uint8_t prefix_length = 24;	/* of the next ones */

static struct nlmsghdr *
addr_msg(uint16_t type, int index, const char *text, unsigned flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;
	union addr a;

	assert_true(addr_parse(text, 0, &a));
	nlh->nlmsg_type = type;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = (uint8_t)a.sa.sa_family;
	ifa->ifa_index = (uint32_t)index;
	ifa->ifa_prefixlen = prefix_length;
	if (a.sa.sa_family == AF_INET)
		mnl_attr_put(nlh, IFA_LOCAL, 4, &a.in.sin_addr);
	else
		mnl_attr_put(nlh, IFA_ADDRESS, 16, &a.in6.sin6_addr);
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	return nlh;
}

static const struct link_addr *
has(const struct links *l, const char *text, int index)
{
	union addr a;

	assert_true(addr_parse(text, 0, &a));
	return links_addr(l, &a, index);
}

static void
interfaces(void **state)
{
	struct links l = { 0 };
	bool lost = false;
	char why[64];

	links_begin(&l);
	assert_true(links_take(&l, link_msg(RTM_NEWLINK, 2, "eth0", IFF_UP | IFF_LOWER_UP, IF_OPER_UP), &lost));
	assert_true(links_take(&l, link_msg(RTM_NEWLINK, 3, "eth1", 0, IF_OPER_DOWN), &lost));
	assert_true(links_take(&l, addr_msg(RTM_NEWADDR, 2, "10.1.0.1", 0), &lost));
	assert_true(links_take(&l, addr_msg(RTM_NEWADDR, 2, "fd00::1", IFA_F_DADFAILED), &lost));
	assert_false(l.known);
	assert_true(links_finish(&l));
	assert_true(l.known);
	assert_non_null(has(&l, "10.1.0.1", 0));
	assert_non_null(has(&l, "10.1.0.1", 2));
	assert_null(has(&l, "10.1.0.1", 3));
	assert_int_equal(has(&l, "fd00::1", 0)->flags, IFA_F_DADFAILED);
	links_reason(links_name(&l, "eth0"), why, sizeof(why));
	assert_string_equal(why, "");
	links_reason(links_index(&l, 3), why, sizeof(why));
	assert_string_equal(why, "eth1 is switched off");

	/* the same again is no change; a cable out is one, also without the attributes that did not change */
	assert_false(links_take(&l, link_msg(RTM_NEWLINK, 2, "eth0", IFF_UP | IFF_LOWER_UP, IF_OPER_UP), &lost));
	assert_true(links_take(&l, link_msg(RTM_NEWLINK, 2, NULL, IFF_UP, -1), &lost));
	links_reason(links_name(&l, "eth0"), why, sizeof(why));
	assert_string_equal(why, "eth0 has no carrier (cable)");
	assert_true(links_take(&l, link_msg(RTM_NEWLINK, 2, "eth0", IFF_UP | IFF_LOWER_UP, IF_OPER_LOWERLAYERDOWN), &lost));
	links_reason(links_name(&l, "eth0"), why, sizeof(why));
	assert_string_equal(why, "eth0 is down");
	assert_true(links_take(&l, link_msg(RTM_NEWLINK, 2, "lan0", IFF_UP | IFF_LOWER_UP, IF_OPER_UNKNOWN), &lost));
	assert_null(links_name(&l, "eth0"));
	links_reason(links_name(&l, "lan0"), why, sizeof(why));
	assert_string_equal(why, "");

	assert_true(links_take(&l, addr_msg(RTM_DELADDR, 2, "10.1.0.1", 0), &lost));
	assert_false(links_take(&l, addr_msg(RTM_DELADDR, 2, "10.1.0.1", 0), &lost));
	assert_null(has(&l, "10.1.0.1", 0));
	assert_true(links_take(&l, link_msg(RTM_DELLINK, 3, "eth1", 0, -1), &lost));
	assert_null(links_index(&l, 3));
	assert_false(lost);
	links_free(&l);
}

static void
networks(void **state)
{
	static const struct { const char *addr; int index, prefix; } have[] = {
		{ "10.1.0.1", 2, 16 }, { "10.1.2.3", 3, 24 }, { "10.1.2.9", 4, 32 }, { "10.1.2.20", 5, 24 }, { "172.16.5.1", 6, 12 }, { "fd00:1::1", 7, 64 },
		{ "fd00:1::7", 8, 128 }, { "192.168.1.129", 9, 25 },
	};
	static const struct { const char *addr; int index; } rows[] = {	/* index 0: of no network */
		{ "10.1.9.9", 2 }, { "10.1.2.4", 3 }, { "10.1.2.9", 3 }, { "10.1.2.3", 5 }, { "10.2.0.1", 0 }, { "172.31.255.255", 6 }, { "172.32.0.0", 0 },
		{ "fd00:1::99", 7 }, { "fd00:1::7", 7 }, { "fd00:1:0:1::1", 0 }, { "192.168.1.128", 9 }, { "192.168.1.127", 0 }, { "::1", 0 },
	};
	const struct link_addr *net;
	struct links l = { 0 };
	bool lost = false;
	union addr a;
	size_t i;

	for (i = 0; i < ARRAY_LEN(have); i++) {
		prefix_length = (uint8_t)have[i].prefix;
		assert_true(links_take(&l, addr_msg(RTM_NEWADDR, have[i].index, have[i].addr, 0), &lost));
	}
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(addr_parse(rows[i].addr, 0, &a));
		net = links_network(&l, &a);
		if ((net != NULL ? net->index : 0) != rows[i].index)
			fail_msg("%s: interface %d, expected %d", rows[i].addr, net != NULL ? net->index : 0, rows[i].index);
	}
	/* another length of the same address is a change */
	prefix_length = 8;
	assert_true(links_take(&l, addr_msg(RTM_NEWADDR, 2, "10.1.0.1", 0), &lost));
	assert_false(links_take(&l, addr_msg(RTM_NEWADDR, 2, "10.1.0.1", 0), &lost));
	assert_true(addr_parse("10.2.0.1", 0, &a));
	assert_int_equal(links_network(&l, &a)->index, 2);
	prefix_length = 24;
	links_free(&l);
}

/* What a new dump does not name has gone, and what came as an event during it stays */
static void
dumps(void **state)
{
	struct links l = { 0 };
	bool lost = false;

	links_begin(&l);
	links_take(&l, link_msg(RTM_NEWLINK, 2, "eth0", IFF_UP, IF_OPER_UP), &lost);
	links_take(&l, link_msg(RTM_NEWLINK, 3, "eth1", IFF_UP, IF_OPER_UP), &lost);
	links_take(&l, addr_msg(RTM_NEWADDR, 2, "10.1.0.1", 0), &lost);
	links_finish(&l);
	links_begin(&l);
	links_take(&l, link_msg(RTM_NEWLINK, 3, "eth1", IFF_UP, IF_OPER_UP), &lost);
	links_take(&l, link_msg(RTM_NEWLINK, 4, "eth2", IFF_UP, IF_OPER_UP), &lost);
	assert_non_null(links_name(&l, "eth0"));
	assert_true(links_finish(&l));
	assert_null(links_name(&l, "eth0"));
	assert_non_null(links_name(&l, "eth1"));
	assert_non_null(links_name(&l, "eth2"));
	assert_null(has(&l, "10.1.0.1", 0));
	links_begin(&l);
	links_take(&l, link_msg(RTM_NEWLINK, 3, "eth1", IFF_UP, IF_OPER_UP), &lost);
	links_take(&l, link_msg(RTM_NEWLINK, 4, "eth2", IFF_UP, IF_OPER_UP), &lost);
	assert_false(links_finish(&l));
	links_free(&l);
}

static void
broken_messages(void **state)
{
	struct links l = { 0 };
	struct nlmsghdr *nlh;
	bool lost = false;
	unsigned char noise[200];
	unsigned i, seed = 1;

	nlh = link_msg(RTM_NEWLINK, 2, "eth0", IFF_UP, IF_OPER_UP);
	nlh->nlmsg_len = NLMSG_HDRLEN + 4;	/* cut within ifinfomsg */
	assert_false(links_take(&l, nlh, &lost));
	nlh = addr_msg(RTM_NEWADDR, 2, "10.1.0.1", 0);
	nlh->nlmsg_len = NLMSG_HDRLEN + 2;
	assert_false(links_take(&l, nlh, &lost));
	nlh = link_msg(RTM_NEWLINK, 2, NULL, IFF_UP, IF_OPER_UP);	/* a new one without a name */
	assert_false(links_take(&l, nlh, &lost));
	nlh = mnl_nlmsg_put_header(buf);	/* an address of the wrong length */
	nlh->nlmsg_type = RTM_NEWADDR;
	((struct ifaddrmsg *)mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg)))->ifa_family = AF_INET6;
	mnl_attr_put(nlh, IFA_ADDRESS, 4, "abcd");
	assert_false(links_take(&l, nlh, &lost));
	assert_int_equal(l.nrows + l.naddrs, 0);
	for (i = 0; i < 20000; i++) {		/* noise behind right headers: nothing is read beyond the message */
		size_t n;

		for (n = 0; n < sizeof(noise); n++)
			noise[n] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
		nlh = mnl_nlmsg_put_header(buf);
		nlh->nlmsg_type = (uint16_t)(RTM_NEWLINK + i % 6);
		memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(noise)), noise, sizeof(noise));
		nlh->nlmsg_len = NLMSG_HDRLEN + i % sizeof(noise);
		links_take(&l, nlh, &lost);
	}
	links_free(&l);
}

/* ---- another module ---- */

#define SEES(st, stat, since, birth) { .exists = true, .state = st, .status = stat, .since_ms = since, .counters_ms = birth }

static void
other_module(void **state)
{
	static const struct step { struct other_sight now; enum other_verdict want; bool stopstart; } steps[] = {
		{ { .exists = false }, OTHER_DOWN, false },
		{ SEES(RS_STOP, ST_NOTREADY, 1, 1), OTHER_DOWN, false },
		{ SEES(RS_WAIT, ST_TRANSIENT, 2, 1), OTHER_DOWN, false },
		{ SEES(RS_ALONE, ST_TRANSIENT, 3, 1), OTHER_DOWN, false },
		{ SEES(RS_ALONE, ST_READY, 4, 1), OTHER_UP, false },
		{ SEES(RS_ALONE, ST_READY, 4, 1), OTHER_UP, false },
		/* the other server of its pair comes and goes: its application is left alone */
		{ SEES(RS_PRIM, ST_TRANSIENT, 5, 1), OTHER_UP, false },
		{ SEES(RS_PRIM, ST_TRANSIENT, 5, 1), OTHER_UP, false },
		{ SEES(RS_PRIM, ST_READY, 6, 1), OTHER_UP, false },
		{ SEES(RS_ALONE, ST_READY, 8, 1), OTHER_UP, false },
		/* safekit restart, seen while it runs */
		{ SEES(RS_ALONE, ST_TRANSIENT, 9, 1), OTHER_DOWN, true },
		{ SEES(RS_ALONE, ST_TRANSIENT, 9, 1), OTHER_DOWN, false },
		{ SEES(RS_ALONE, ST_READY, 10, 1), OTHER_UP, false },
		/* a restart between two looks */
		{ SEES(RS_ALONE, ST_READY, 14, 1), OTHER_UP, true },
		{ SEES(RS_ALONE, ST_READY, 14, 1), OTHER_UP, false },
		/* its process died and started it anew */
		{ SEES(RS_ALONE, ST_READY, 15, 2), OTHER_UP, true },
		/* its process does not answer: nothing is known, nothing is forgotten */
		{ SEES(RS_ALONE, ST_UNKNOWN, 16, 2), OTHER_UNKNOWN, false },
		{ SEES(RS_ALONE, ST_READY, 15, 2), OTHER_UP, false },
		/* failover away from here */
		{ SEES(RS_SECOND, ST_READY, 20, 2), OTHER_DOWN, true },
		{ SEES(RS_SECOND, ST_READY, 20, 2), OTHER_DOWN, false },
		{ SEES(RS_ALONE, ST_TRANSIENT, 21, 2), OTHER_DOWN, false },
		{ SEES(RS_ALONE, ST_READY, 22, 2), OTHER_UP, false },
		{ { .exists = false }, OTHER_DOWN, true },
		{ SEES(RS_UP, ST_READY, 23, 2), OTHER_UP, false },
		{ SEES(RS_STOP, ST_NOTREADY, 24, 2), OTHER_DOWN, true },
	};
	struct other_sight before = { 0 };
	const char *why;
	bool stopstart;
	size_t i;

	for (i = 0; i < ARRAY_LEN(steps); i++) {
		assert_int_equal(other_judge(&before, &steps[i].now, &stopstart, &why), steps[i].want);
		assert_int_equal(stopstart, steps[i].stopstart);
		assert_int_equal(why[0] == '\0', steps[i].want == OTHER_UP);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses), cmocka_unit_test(no_addresses), cmocka_unit_test(spread), cmocka_unit_test(words),
		cmocka_unit_test(reasons), cmocka_unit_test(interfaces), cmocka_unit_test(networks), cmocka_unit_test(dumps), cmocka_unit_test(broken_messages),
		cmocka_unit_test(other_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
