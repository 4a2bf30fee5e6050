/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h: writes changes of resources down in the spool, each once, also those that happened while nobody listened.
 *
 * A picture is compared with what was written down last; where it differs, the engine's history says what came in between.
 * Owns: which questions about histories are on their way, and what came meanwhile.  Called by: the feed thread.
 */
#ifndef SK_EXPORT_RECORD_H
#define SK_EXPORT_RECORD_H

#include "agent/export/spool.h"
#include "ctl/safekit.h"

#define RECORD_FIRST_ID	2000000	/* ids of questions from here on are record.c's */

struct record;
struct record *record_new(struct spool *s);	/* NULL: no memory */
void record_free(struct record *r);

/* A picture came over this connection, or it ended (NULL) */
void record_connected(struct record *r, struct sk_conn *conn, const char *node);
/* One resource.  live: it was just told as a change; else it is part of a picture */
void record_resource(struct record *r, const struct rpt_resource *res, bool live);
void record_answer(struct record *r, json_int_t id, const json_t *obj);
/* After some of those: what was put is committed, further histories are asked for.  false: the spool does not take it; the whole picture
 * must be told again when it does */
bool record_turn(struct record *r);

#endif
