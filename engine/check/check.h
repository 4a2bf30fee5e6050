/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.h: the built-in checkers of one module as rows of one table (user's guide 13.10-13.17).
 *
 * Owns: the rows, what they are waiting for, the children of custom checkers.  Called by: checkd, from its loop thread; every call returns
 * at once.  Never does: decide what a verdict means for the module (heart does); block on a name, a peer, a child.
 */
#ifndef SK_CHECK_H
#define SK_CHECK_H

#include "conf/conf.h"
#include <uv.h>

struct check_hooks {
	void *ctx;
	/* value "init", "up", "down", "unknown"; why "" when up and init */
	void (*resource)(void *ctx, const char *name, const char *value, const char *by, const char *why);
	void (*action)(void *ctx, const char *verb, const char *by, const char *identity);
	void (*log)(void *ctx, int message, const char *origin, const char *text);	/* message: enum message */
	void (*ack)(void *ctx, int64_t seq);	/* of table_classes() */
};

/* What custom checkers are started with.  All is copied. */
struct check_setup {
	const char	*module;	/* name */
	const char	*bin, *var;	/* SAFEUSERBIN, SAFEUSERVAR */
	char		**env;		/* of scripts */
	bool		 userlog;	/* output to files of SAFEUSERVAR */
	int		 userlogsize_kb;	/* such a file is emptied when it has grown beyond that */
};

struct table;
struct table *table_new(uv_loop_t *loop, const struct check_hooks *hooks);	/* NULL: no memory */
/* The checks from now on; rows that stay the same keep their state.  False: no memory (err). */
bool table_setup(struct table *t, const struct check_setup *s, const struct conf_check *checks, int n, char *err, size_t errsize);
/* The whole set of classes that is on (bits 1 << enum conf_when).  hooks.ack(seq) follows, perhaps before the return, when nothing of what
 * went off can be reported any more.  False: more than TABLE_ACKS_MAX wait. */
#define TABLE_ACKS_MAX	64
bool table_classes(struct table *t, int64_t seq, unsigned when_on);
void table_witness(struct table *t, int64_t interval_ms);	/* splitbrain: so often from now on */
void table_kill(struct table *t);	/* custom checkers: SIGKILL at once, for the end of the program */
void table_free(struct table *t);	/* the loop must run until nothing is left */

#endif
