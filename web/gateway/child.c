/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.c: the loop of the half that speaks HTTP: requests, the engine, the parent and the pipes of commands, each when it has something.
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <errno.h>
#include <openssl/rand.h>
#include <poll.h>
#include <string.h>

enum { AT_HTTP, AT_PARENT, AT_ENGINE, AT_PIPES };

static int
sooner(int a, int b)
{
	return a == -1 ? b : b == -1 || a < b ? a : b;
}

/* One turn of the loop; false: the parent is gone */
static bool
turn(int sock)
{
	struct pollfd p[AT_PIPES + RUN_PIPES];
	int pipes[RUN_PIPES], n = run_fds(pipes, RUN_PIPES), i;

	memset(p, 0, sizeof(p));
	p[AT_HTTP] = (struct pollfd){ .fd = http_fd(), .events = POLLIN };
	p[AT_PARENT] = (struct pollfd){ .fd = sock, .events = POLLIN };
	p[AT_ENGINE].fd = feed_fd(&p[AT_ENGINE].events);
	for (i = 0; i < n; i++)
		p[AT_PIPES + i] = (struct pollfd){ .fd = pipes[i], .events = POLLIN };
	if (poll(p, (nfds_t)(AT_PIPES + n), sooner(http_timeout(), sooner(feed_timeout(), events_timeout()))) == -1 && errno != EINTR)
		return false;
	for (i = 0; i < n; i++)
		if (p[AT_PIPES + i].revents != 0)
			run_read(p[AT_PIPES + i].fd);
	if (p[AT_PARENT].revents != 0 && !parent_hear(sock))
		return false;
	feed_turn();
	events_turn();
	http_turn();
	return true;
}

int
child_run(int sock, int listener)
{
	uint8_t secret[32];

	if (RAND_bytes(secret, sizeof(secret)) != 1)
		fatal("no random numbers");
	nonce_secret(secret);
	parent_at(sock);
	if (!http_start(listener))
		fatal("libmicrohttpd does not begin");
	gate_log("serving");
	while (turn(sock))
		;
	http_stop();
	ring_free();
	return 0;
}
