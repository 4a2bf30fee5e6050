/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rfs.h: what rfs.c (rfsd's life and role) and rfs_told.c (what it tells, what it is asked) share.  Thread: heart's loop thread. */
#ifndef SK_HEART_RFS_H
#define SK_HEART_RFS_H

#include "heart/heart.h"

/* rfs.c */
bool rfs_send(const json_t *line);	/* borrowed; false: no rfsd runs now */
bool rfs_runs(void);
void rfs_look(void);			/* module in STOP: rfsd is started for the answer to what is asked, or to tell what it knows */
void rfs_idle(void);			/* something is answered: rfsd may end, where the module is in STOP */
const char *rfs_role(void);		/* the word of the last want, "" none */

/* rfs_told.c */
bool rfs_told_init(void);
void rfs_told_free(void);
bool rfs_told_line(const json_t *obj);	/* true: it was one of those that are no answer to an order of rfs.c */
void rfs_told_born(void);		/* a new one: what waits for it is sent; what it does not tell again is forgotten at */
void rfs_told_fresh(void);		/* its first ack */
void rfs_told_died(void);		/* of what it was asked nothing is answered any more */
void rfs_told_ended(void);		/* it was told to end: nothing is under way */
void rfs_told_gone(void);		/* the module replicates nothing any more */
void rfs_told_show(bool runs);		/* the rules see its resources: what the one that runs has told, else init until it tells */
void rfs_told_hide(void);		/* they do not, and the other server is not told of them: the module is in STOP */
void rfs_told_over(void);		/* no synchronisation is under way any more */
bool rfs_told_waits(void);		/* somebody waits for an answer */

#endif
