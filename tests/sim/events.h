/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events.h: what happens next in a simulation of many nodes: a heap by time, in order of arrival where the time is the same. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include "base/base.h"

#include <stdlib.h>

struct event { int64_t at; uint64_t order; int kind, from, to, life; size_t len; uint8_t *data; };
struct events { struct event *heap; size_t count, room; uint64_t order; };

static inline bool
event_earlier(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void
events_push(struct events *q, struct event e)
{
	size_t i;

	if (q->count == q->room) {
		q->room = q->room == 0 ? 1024 : q->room * 2;
		q->heap = realloc(q->heap, q->room * sizeof(e));
		if (q->heap == NULL)
			fatal("no memory");
	}
	e.order = q->order++;
	for (i = q->count++; i > 0 && event_earlier(&e, &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
		q->heap[i] = q->heap[(i - 1) / 2];
	q->heap[i] = e;
}

static inline struct event
events_pop(struct events *q)
{
	struct event top = q->heap[0], last = q->heap[--q->count];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < q->count) {
		if (c + 1 < q->count && event_earlier(&q->heap[c + 1], &q->heap[c]))
			c++;
		if (!event_earlier(&q->heap[c], &last))
			break;
		q->heap[i] = q->heap[c];
		i = c;
	}
	q->heap[i] = last;
	return top;
}

static inline void
events_clear(struct events *q)
{
	while (q->count > 0)
		free(q->heap[--q->count].data);
}

#endif
