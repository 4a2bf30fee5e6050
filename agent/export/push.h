/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * push.h: one thread per sink: takes changes from the spool, posts them (libcurl), and says which ones are there for good.
 *
 * Owns: the connection to the store.  Called by: main.c.  Never does: lose what it was not told to drop: what is posted may be posted again (stores
 * take the same point twice as one), until the store had the time to write it down.
 */
#ifndef SK_EXPORT_PUSH_H
#define SK_EXPORT_PUSH_H

#include "agent/export/export.h"
#include "agent/export/spool.h"

struct push;
struct push *push_start(struct exporter *e, struct spool *s, size_t sink);	/* NULL: said why */
/* After export_quitting() and spool_wake(): ends within the time that a transaction takes */
void push_stop(struct push *p);

#endif
