/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h: heart's line to its checkd: starts it, starts it anew, tells it what to watch, hears what it says.
 *
 * Owns: the process checkd of one module and the socketpair to it (wire/checkline.h says what is spoken).  Called by: heart's loop thread; all
 * calls return at once: the process is started and waited for in a thread of its own.  Never does: judge what a checker says.
 */
#ifndef SK_WATCH_H
#define SK_WATCH_H

#include "base/base.h"
#include <jansson.h>
#include <uv.h>

struct watch;
struct watch_hooks {
	void *ctx;
	void (*resource)(void *ctx, const char *name, const char *value, const char *by, const char *why);
	void (*action)(void *ctx, const char *verb, const char *by, const char *identity);
	void (*log)(void *ctx, unsigned key, const char *origin, const char *text);	/* key: of wire/message.h */
	void (*reply)(void *ctx, uint32_t id, json_t *answer);	/* to watch_ask(); NULL: checkd is
		 * gone, of what it was asked nothing more is answered.  Borrowed */
	void (*acked)(void *ctx);		/* what watch_classes() turned off says nothing any more */
	void (*died)(void *ctx, const char *how);	/* unexpectedly; it is being started again */
};
/* NULL without memory.  program: path of checkd; module: its name */
struct watch *watch_new(uv_loop_t *loop, const char *program, const char *module, const struct watch_hooks *hooks);
void watch_start(struct watch *w, json_t *setup);	/* setup: the whole first line; stolen.  Running already: it gets the new setup */
/* The classes that are on now.  True: hooks.acked follows (also when checkd dies, or is killed because it has not answered for WATCH_ACK_MS). */
bool watch_classes(struct watch *w, unsigned classes, bool checkers, bool errd);
bool watch_ask(struct watch *w, json_t *order);	/* order: with "id"; stolen.  False: not running */
void watch_tell(struct watch *w, json_t *order);	/* stolen; also told to a checkd that is started anew */
bool watch_running(const struct watch *w);
void watch_stop(struct watch *w);
void watch_free(struct watch *w);	/* kills it and waits for its end; freed when the loop has run once more */

#define WATCH_ACK_MS	5000	/* custom checkers are dead within 1 s (check/); then heart goes on (ours) */

#endif
