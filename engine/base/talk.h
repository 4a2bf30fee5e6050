/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * talk.h: the end of checkd or vipd of the line to heart (wire/checkline.h, wire/vipline.h say what is spoken).
 *
 * Owns: the descriptor, what waits in both directions (bounded).  Called by: checkd, vipd, from their loop thread; it is compiled into these
 * two (libbase has no event loop).  Never does: block.
 */
#ifndef SK_TALK_H
#define SK_TALK_H

#include "base/base.h"
#include <jansson.h>
#include <uv.h>

#define TALK_OUT_MAX	(4u << 20)	/* bytes that wait for heart before it counts as stuck (ours) */

struct talk;
struct talk_hooks {
	void *ctx;
	void (*object)(void *ctx, const json_t *obj);	/* borrowed; it may call talk_send() and talk_close() */
	void (*end)(void *ctx, const char *why);	/* once: "" heart is gone, else what was wrong with it */
};
struct talk *talk_open(uv_loop_t *loop, int fd, size_t line_max, const struct talk_hooks *hooks);	/* line_max: bytes of a line; takes fd;
	 * NULL with errno */
void talk_send(struct talk *l, json_t *obj);	/* stolen; NULL counts as no memory: the end */
void talk_close(struct talk *l);		/* what waits is lost; freed when the loop has run once more */

#endif
