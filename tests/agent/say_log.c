/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * say_log.c: messages FROM..TO through the engine's own writer (pub/syslog.c), for tests of who reads them.
 * usage: say_log FROM TO; waits up to 10 s for a receiver
 */
#include "config.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include "pub/syslog.h"

#define WAIT_MS	10000

int
main(int argc, char **argv)
{
	struct syslog_out *s = syslog_new("n1", NULL, "/nonexistent/devlog");
	int i, from, to, waited = 0;

	if (s == NULL || argc != 3) {
		fprintf(stderr, "usage: say_log FROM TO\n");
		return 2;
	}
	from = atoi(argv[1]);
	to = atoi(argv[2]);
	for (i = from; i <= to; i++) {
		struct rpt_log row = { .seq = (uint64_t)i, .time_us = 1700000000000000 + i, .module = "AM", .origin = "heart", .level = "C", .key = 533 };

		snprintf(row.message, sizeof(row.message), "message %d", i);
		syslog_put(s, &row);
		while (syslog_waiting(s) > 500 && waited++ < WAIT_MS) {
			poll(NULL, 0, 1);
			syslog_flush(s);
		}
	}
	while (syslog_waiting(s) > 0 && waited++ < WAIT_MS) {
		poll(NULL, 0, 1);
		syslog_flush(s);
	}
	i = syslog_waiting(s) == 0 && syslog_dropped(s) == 0 ? 0 : 1;
	syslog_free(s);
	return i;
}
