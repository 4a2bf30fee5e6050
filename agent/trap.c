/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trap.c: holds notifications back where there are too many, the less important first.
 *
 * Owns: queue and token bucket.  Called under the mutex of struct agent.  Never does: send, or read a clock.
 */
#include "config.h"
#include "agent/trap.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN	1000	/* one notification, in thousandths: a rate per second is then so many per ms */

bool
trap_init(struct trap_queue *q, uint32_t rate, uint32_t burst, const char *levels, int64_t now_ms)
{
	memset(q, 0, sizeof(*q));
	q->rate = rate;
	q->burst = burst;
	q->tokens = (int64_t)burst * TOKEN;
	q->filled_ms = now_ms;
	str_copy(q->levels, sizeof(q->levels), levels);
	q->ring = calloc(TRAP_QUEUE, sizeof(*q->ring));
	return q->ring != NULL;
}

void
trap_free(struct trap_queue *q)
{
	free(q->ring);
	q->ring = NULL;
}

static void
fill(struct trap_queue *q, int64_t now_ms)
{
	int64_t full = (int64_t)q->burst * TOKEN, passed = now_ms - q->filled_ms;

	if (passed <= 0)
		return;
	q->filled_ms = now_ms;
	/* a bucket of any size is full after burst / rate seconds: longer times would only overflow */
	if (passed > full / q->rate + 1)
		passed = full / q->rate + 1;
	q->tokens += passed * q->rate;
	if (q->tokens > full)
		q->tokens = full;
}

bool
trap_offer(struct trap_queue *q, const struct rpt_notice *n, int64_t now_ms)
{
	bool lesser = n->type == NT_LOG || n->type == NT_RESOURCE;
	int64_t keep;

	if (n->type == NT_LOG && (n->level[0] == '\0' || strchr(q->levels, n->level[0]) == NULL))
		return false;
	fill(q, now_ms);
	/* a flood of resources must not hide the change of state that it leads to */
	keep = lesser ? (int64_t)(q->burst / 4) * TOKEN : 0;
	if (q->tokens - TOKEN < keep) {
		q->suppressed++;
		return false;
	}
	q->tokens -= TOKEN;
	if (q->count == TRAP_QUEUE) {
		/* snmpd is away for long: the newest say more than the oldest */
		q->first = (q->first + 1) % TRAP_QUEUE;
		q->count--;
		q->suppressed++;
	}
	q->ring[(q->first + q->count) % TRAP_QUEUE] = *n;
	q->count++;
	return true;
}

bool
trap_take(struct trap_queue *q, struct rpt_notice *n)
{
	if (q->count == 0)
		return false;
	*n = q->ring[q->first];
	q->first = (q->first + 1) % TRAP_QUEUE;
	q->count--;
	q->sent++;
	return true;
}
