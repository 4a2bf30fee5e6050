/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine/cluster/link: sockets of this machine's loopback, opened anew in the same turn of the loop, as a new configuration does. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cluster/link.h"

static int received, settled;
static struct link *to_close;

static void
on_receive(void *ctx, int lan, int from, const uint8_t *data, size_t len)
{
	assert_int_equal(from, 1);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "abc", 3);
	received++;
	link_close(to_close);
	to_close = NULL;
}

static void
on_settle(void *ctx)
{
	settled++;
}

/* A port that is free now: the kernel's choice */
static uint16_t
free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static struct link *
open_at(uv_loop_t *loop, const char *own, const char *other, uint16_t port, int peer)
{
	struct link_conf c = { .lan = "default", .count = 1 };
	struct link *l;
	char err[256] = "";

	assert_true(link_address(own, port, &c.local));
	assert_true(link_address(other, port, &c.peers[0].addr));
	c.peers[0].node = peer;
	l = link_open(loop, 0, &c, on_receive, on_settle, NULL, err, sizeof(err));
	assert_string_equal(err, "");
	assert_non_null(l);
	return l;
}

static void
test_opened_anew_at_once(void **state)
{
	uint16_t port = free_port();
	struct link *a, *b;
	uv_loop_t loop;
	int i;

	received = settled = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	a = open_at(&loop, "127.0.0.1", "127.0.0.2", port, 1);
	b = open_at(&loop, "127.0.0.2", "127.0.0.1", port, 0);
	for (i = 0; i < 3; i++) {
		link_close(a);
		a = open_at(&loop, "127.0.0.1", "127.0.0.2", port, 1);
	}
	assert_true(link_send(b, 0, (const uint8_t *)"abc", 3));
	while (settled == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(received, 1);
	link_close(a);
	link_close(b);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void
test_closed_by_its_receiver(void **state)
{
	uint16_t port = free_port();
	struct link *a, *b;
	uv_loop_t loop;

	received = settled = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	a = open_at(&loop, "127.0.0.1", "127.0.0.2", port, 1);
	b = open_at(&loop, "127.0.0.2", "127.0.0.1", port, 0);
	assert_true(link_send(b, 0, (const uint8_t *)"abc", 3));
	assert_true(link_send(b, 0, (const uint8_t *)"abc", 3));
	to_close = a;
	while (received == 0)
		uv_run(&loop, UV_RUN_ONCE);
	link_close(b);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(received, 1);		/* the second packet came to a closed socket */
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void
test_addresses(void **state)
{
	struct sockaddr_storage sa;

	assert_true(link_address("10.1.0.11", 4800, &sa));
	assert_int_equal(sa.ss_family, AF_INET);
	assert_true(link_address("fd00:1::11", 4800, &sa));
	assert_int_equal(sa.ss_family, AF_INET6);
	assert_false(link_address("n1", 4800, &sa));
	assert_false(link_address("10.1.0", 4800, &sa));
	assert_false(link_address("", 4800, &sa));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opened_anew_at_once),
		cmocka_unit_test(test_closed_by_its_receiver),
		cmocka_unit_test(test_addresses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
