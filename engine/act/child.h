/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child.h: one helper process of heart, kept alive, and the line to it: JSON objects, one per line, over a socketpair.
 *
 * Owns: the process, its restarts, both buffers of the line (bounded).  Called by: heart's loop thread (act/watch: checkd; heart/vip: vipd);
 * all calls but child_free() return at once: the process is started and waited for in a thread of its own.  Never does: know what is said.
 */
#ifndef SK_CHILD_H
#define SK_CHILD_H

#include "base/base.h"
#include <jansson.h>
#include <uv.h>

struct child;
struct child_conf {
	const char *name;	/* in diagnostics: "checkd" */
	const char *program, *module;	/* run as: program -m module */
	int	 fd;		/* the line is this descriptor there */
	size_t	 line_max;	/* bytes of one line from it */
	uint64_t restart_ms, restart_max_ms;	/* between a death and the next start: the first, twice as long each time, the longest; a
		 * life as long as the longest pause begins anew */
	bool	 term;		/* at child_free(): SIGTERM, too; otherwise it has CHILD_END_MS to end by itself after end of file */
};
struct child_hooks {
	void *ctx;
	void (*born)(void *ctx);		/* a new one: the first lines are to be sent, from here */
	void (*line)(void *ctx, json_t *obj);	/* an object; borrowed */
	void (*gone)(void *ctx, const char *how);	/* it has ended.  how: unexpectedly, it is started again; NULL: it was told to */
};
/* NULL without memory.  conf is copied. */
struct child *child_new(uv_loop_t *loop, const struct child_conf *conf, const struct child_hooks *hooks);
void child_start(struct child *c);	/* runs already: nothing; told to end: another one when it has */
void child_send(struct child *c, const json_t *obj);	/* borrowed; to nobody where none runs */
void child_drain(struct child *c);	/* line() for all that it has said by now */
bool child_running(const struct child *c);	/* and not told to end */
void child_kill(struct child *c);	/* it hangs: gone() follows, and the next one */
void child_stop(struct child *c);	/* {"op":"quit"}; killed when it has not ended within CHILD_END_MS */
void child_free(struct child *c);	/* ends it and waits for that; freed when the loop has run once more */

#define CHILD_END_MS	5000	/* from "quit", or end of file, to SIGKILL (ours) */

#endif
