/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trap.h: which notices become notifications, and when.
 *
 * Owns: the queue between the feed thread and the AgentX thread, the token bucket, the counters of what was sent and held back.
 * Called by: both threads under the mutex of struct agent.  Never does: send, or read a clock.
 */
#ifndef SK_AGENT_TRAP_H
#define SK_AGENT_TRAP_H

#include "wire/report.h"

/*
 * More than about 600 notifications without reading between them leave snmpd and agent both blocked in writing to each other for
 * ever (measured with Net-SNMP 5.9.3).  So few go at a time that their answers fit the socket buffers by far.
 */
#define TRAP_PER_TURN	20
#define TRAP_QUEUE	1024	/* notices that wait while snmpd is away (ours: 1.2 MB) */
#define TRAP_RATE	20	/* per second (ours) */
#define TRAP_BURST	200	/* ours */

struct trap_queue {
	uint32_t rate, burst;
	char	 levels[8];	/* of log notices that are sent */
	int64_t	 tokens;	/* thousandths */
	int64_t	 filled_ms;
	uint32_t sent, suppressed;
	size_t	 first, count;
	struct rpt_notice *ring;	/* TRAP_QUEUE */
};

bool trap_init(struct trap_queue *q, uint32_t rate, uint32_t burst, const char *levels, int64_t now_ms);	/* false: no memory */
void trap_free(struct trap_queue *q);
/* true: queued.  false: not sent, because its level is not wanted, or held back by the rate (counted) */
bool trap_offer(struct trap_queue *q, const struct rpt_notice *n, int64_t now_ms);
bool trap_take(struct trap_queue *q, struct rpt_notice *n);	/* next one to send, counted as sent; false: none waits */

#endif
