/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine/vip/farm_net: three nodes of a farm in one process, over the loopback: one view, a share each, another key, goodbyes. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "vip/farm_net.h"
#include "wire/message.h"

#define NODES	3
#define PULSE	60	/* ms */
#define TURNS_MS 20000	/* until then it must have come true: only a hang is ended by it */

struct peer {
	struct farm_net *net;
	struct filter_tables tables;
	uint64_t lease;
	uint32_t serving;
	int	 buckets, errors, served, drained, self;
	char	 last[256];
};
static struct peer peers[NODES];
static uv_loop_t loop;
static uint16_t port;

static void
on_tables(void *ctx)
{
	struct peer *p = ctx;

	if (p->net != NULL)
		farm_tables(farm_net_farm(p->net), 0, &p->tables);
}

static void
on_lease(void *ctx, uint64_t until_ns)
{
	struct peer *p = ctx;

	assert_true(until_ns >= p->lease);
	assert_true(until_ns / 1000000 <= (uint64_t)clock_mono_ms() + 3 * PULSE);
	p->lease = until_ns;
}

static void
on_share(void *ctx, int group, uint32_t serving, int buckets, uint32_t view)
{
	struct peer *p = ctx;

	assert_int_equal(group, 0);
	assert_int_not_equal(view, 0);
	assert_int_equal(view, farm_net_view(p->net));
	p->serving = serving;
	p->buckets = buckets;
}

static void
on_served(void *ctx, bool serve)
{
	struct peer *p = ctx;

	if (serve)
		p->served++;
	else
		p->drained++;
}

static void
on_log(void *ctx, int message, const char *text)
{
	struct peer *p = ctx;

	assert_int_equal(message, MSG_FARM_ERROR);
	assert_int_equal(strncmp(text, "farm: ", 6), 0);
	str_copy(p->last, sizeof(p->last), text);
	p->errors++;
}

static void
conf_of(struct farm_net_conf *c, int self)
{
	char ip[32];
	int i;

	memset(c, 0, sizeof(*c));
	c->farm.nodes = NODES;
	c->farm.self = self;
	c->farm.groups = 1;
	c->farm.intfs = 1;
	c->farm.mac[0][0] = 2;
	c->farm.mac[0][5] = (uint8_t)(self + 1);
	strcpy(c->farm.group[0].name, "FarmProto");
	c->lans = 1;
	strcpy(c->lan[0].lan, "default");
	for (i = 0; i < NODES; i++) {
		c->farm.group[0].power[i] = 1;
		snprintf(c->nodes[i], sizeof(c->nodes[i]), "node%d", i + 1);
		snprintf(ip, sizeof(ip), "127.0.0.%d", 11 + i);
		if (i == self) {
			assert_true(link_address(ip, port, &c->lan[0].local));
			continue;
		}
		assert_true(link_address(ip, port, &c->lan[0].peers[c->lan[0].count].addr));
		c->lan[0].peers[c->lan[0].count++].node = i;
	}
	c->has_key = true;
	memset(c->key, 7, sizeof(c->key));
	c->pulse_ms = PULSE;
	c->mlost_count = 3;
	c->slost_count = 4;
}

static void
open_peer(int i, const struct farm_net_conf *conf)
{
	const struct farm_net_hooks hooks = { &peers[i], on_tables, on_lease, on_share, on_served, on_log };
	char err[256];

	memset(&peers[i], 0, sizeof(peers[i]));
	peers[i].self = i;
	peers[i].net = farm_net_open(&loop, conf, &hooks, err, sizeof(err));
	assert_non_null(peers[i].net);
}

static bool
until(bool (*is_so)(void))
{
	int64_t end = clock_mono_ms() + TURNS_MS;

	while (!is_so()) {
		if (clock_mono_ms() > end)
			return false;
		uv_run(&loop, UV_RUN_ONCE);
	}
	return true;
}

static int
owned(int i)
{
	int b, n = 0;

	for (b = 0; b < FILTER_BUCKETS; b++)
		n += peers[i].tables.group[0].bucket[b].owner == i;
	return n;
}

static bool
all_serve(void)
{
	int i, n = 0;

	for (i = 0; i < NODES; i++) {
		if (peers[i].serving != 7 || owned(i) != peers[i].buckets || peers[i].tables.known != 7 || peers[i].tables.deaf != 0)
			return false;
		n += owned(i);
	}
	return n == FILTER_BUCKETS;
}

static uint32_t before;		/* a view */
static bool all_serve_anew(void) { return farm_net_view(peers[0].net) > before && farm_net_view(peers[2].net) > before && all_serve(); }
static bool two_serve(void) { return peers[0].serving == 3 && peers[1].serving == 3 && owned(0) == 128 && owned(1) == 128; }
static bool last_drained(void) { return peers[2].drained == 1; }
static bool first_alone(void) { return peers[0].serving == 1 && owned(0) == FILTER_BUCKETS; }
static bool another_key_said(void) { return strstr(peers[0].last, "node3 has another key") != NULL; }
static bool differs_said(void) { return strstr(peers[0].last, "node3: other load balancing") != NULL; }
static bool free_of_port(void) { return farm_net_view(peers[0].net) != 0; }

static void
start(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	port = ntohs(sa.sin_port);
	assert_int_equal(uv_loop_init(&loop), 0);
}

static void
end(void)
{
	int i;

	for (i = 0; i < NODES; i++) {
		farm_net_close(peers[i].net);
		peers[i].net = NULL;
	}
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);	/* no handle is left */
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void
test_three_nodes(void **state)
{
	struct farm_net_conf c;
	uint8_t key[32] = { 9 };
	int i;

	start();
	for (i = 0; i < NODES; i++) {
		conf_of(&c, i);
		open_peer(i, &c);
		farm_net_serve(peers[i].net, true);
	}
	assert_true(until(all_serve));
	for (i = 0; i < NODES; i++) {
		assert_int_equal(peers[i].served, 1);
		assert_int_equal(farm_net_view(peers[i].net), farm_net_view(peers[0].net));
		assert_in_range(owned(i), 85, 86);
	}
	/* another key, first here, then there: nobody is lost */
	farm_net_key(peers[0].net, key);
	farm_net_key(peers[1].net, key);
	farm_net_key(peers[1].net, key);
	farm_net_key(peers[2].net, key);
	for (i = 0; i < NODES; i++)
		assert_int_equal(peers[i].errors, 0);
	/* this process is stopped beyond the lease: all begin anew, with new sessions */
	before = farm_net_view(peers[0].net);
	usleep(5 * PULSE * 1000);
	assert_true(until(all_serve_anew));
	/* one drains, and goes */
	farm_net_serve(peers[2].net, false);
	assert_true(until(last_drained));
	assert_true(until(two_serve));
	farm_net_close(peers[2].net);
	peers[2].net = NULL;
	farm_net_close(peers[1].net);	/* without draining: its buckets are taken all the same */
	peers[1].net = NULL;
	assert_true(until(first_alone));
	end();
}

static void
test_who_does_not_fit(void **state)
{
	struct farm_net_conf c;
	char err[256];
	struct farm_net_hooks none = { 0 };

	start();
	conf_of(&c, 0);
	open_peer(0, &c);
	farm_net_serve(peers[0].net, true);
	conf_of(&c, 1);
	open_peer(1, &c);
	farm_net_serve(peers[1].net, true);
	conf_of(&c, 2);
	memset(c.key, 8, sizeof(c.key));
	open_peer(2, &c);
	farm_net_serve(peers[2].net, true);
	assert_true(until(two_serve));
	assert_true(until(another_key_said));
	farm_net_close(peers[2].net);
	/* other powers: it is a member, and takes no load */
	conf_of(&c, 2);
	c.farm.group[0].power[0] = 5;
	open_peer(2, &c);
	farm_net_serve(peers[2].net, true);
	assert_true(until(differs_said));
	assert_true(until(two_serve));
	assert_int_equal(owned(2), 0);
	c.lans = SK_LANS_MAX + 1;
	assert_null(farm_net_open(&loop, &c, &none, err, sizeof(err)));
	end();
}

/* A former process that is about to end has the port still: said once, tried again; alone we are in no view until then */
static void
test_a_port_that_is_taken(void **state)
{
	struct farm_net_conf c;
	int fd;

	start();
	conf_of(&c, 0);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&c.lan[0].local, sizeof(struct sockaddr_in)), 0);
	open_peer(0, &c);
	assert_int_equal(peers[0].errors, 1);
	farm_net_serve(peers[0].net, false);
	assert_int_equal(peers[0].drained, 1);	/* it is so already */
	farm_net_serve(peers[0].net, true);
	assert_int_equal(farm_net_view(peers[0].net), 0);
	close(fd);
	assert_true(until(free_of_port));
	assert_true(until(first_alone));
	assert_int_equal(peers[0].errors, 1);
	peers[1].net = peers[2].net = NULL;
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_nodes),
		cmocka_unit_test(test_who_does_not_fit),
		cmocka_unit_test(test_a_port_that_is_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
