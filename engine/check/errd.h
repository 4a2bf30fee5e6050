/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errd.h: process monitoring (UG 13.9): are there as many processes as userconfig.xml asks for, and what is done when there are not.
 *
 * Owns: the rows of <errd>, which classes are watched, a pidfd of every process found, handlers and systemctl as children.
 * Called by: checkd, from its loop thread; hooks are called from there too and must not call back into errd.
 * Never does: decide what an action becomes (heart's), touch a process that it watches.
 */
#ifndef SK_ERRD_H
#define SK_ERRD_H

#include "base/base.h"
#include "conf/conf.h"
#include "wire/message.h"
#include <jansson.h>
#include <uv.h>

struct errd;
struct errd_hooks {
	void *ctx;
	/* proc.NAME is now up, down, init (not watched, or not known yet) or unknown (cannot be seen: why) */
	void (*resource)(void *ctx, const char *name, const char *value, const char *by, const char *why);
	void (*action)(void *ctx, const char *verb, const char *by, const char *identity);
	void (*log)(void *ctx, int message, const char *origin, const char *text);	/* message: enum message */
};

struct errd *errd_new(uv_loop_t *loop, const struct errd_hooks *hooks);	/* NULL: no memory */
/* The rows to watch; copies what it keeps.  Rows that stay the same keep their state, classes that are on stay on, also those of the
 * user's.  bin: SAFEUSERBIN, var: SAFEUSERVAR, env: of the handlers, as of scripts (NULL at its end). */
void errd_setup(struct errd *e, const struct conf_proc *procs, int n, int64_t polltimer_ms, const char *module, const char *bin,
    const char *var, char **env);
/* The whole set of classes that heart has on (bits 1 << enum conf_when) and whether errd is on at all (false: suspended).  What goes on
 * begins with init, what goes off ends with it; no resource and no action of what went off is reported after the return (a handler that
 * still runs is let run; its end is logged).  A class of the user's, and one that errd_enable() changed, stays as it is until its bit
 * changes. */
void errd_classes(struct errd *e, unsigned when_on, bool on);
/* safekit errd enable|disable CLASS.  false: no row is of that class (err) */
bool errd_enable(struct errd *e, const char *class_name, bool on, char *err, size_t errsize);
/* New reference: array, see wire/checkline.h; also writes it as a table to SAFEUSERVAR/errdlist.  NULL: no memory */
json_t *errd_list(const struct errd *e);
void errd_free(struct errd *e);		/* kills handlers with their groups; memory goes when the loop has run the close callbacks */

#endif
