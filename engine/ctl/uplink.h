/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uplink.h: heart's line to safeadmin.  Everything published goes up here; orders come down.
 *
 * Owns: the connection and what waits while safeadmin is away (bounded).  Called by: heart's loop thread.  Never blocks after the
 * first hello.
 */
#ifndef SK_UPLINK_H
#define SK_UPLINK_H

#include "wire/report.h"
#include <jansson.h>
#include <uv.h>

#define UPLINK_WAITING_MAX	4096	/* log rows and notices kept while safeadmin is away (ours) */

struct uplink;
struct uplink_hooks {
	void *ctx;
	void (*order)(void *ctx, json_t *order);	/* an object with "op"; borrowed */
	void (*again)(void *ctx, json_t *setup);	/* connected anew: publish everything; setup borrowed, may be NULL */
};
/* Connect and say hello; waits for the setup at most wait_ms.  NULL with the reason. */
struct uplink *uplink_open(uv_loop_t *loop, const char *module, int wait_ms, json_t **setup, char *err, size_t errsize);
void uplink_start(struct uplink *u, const struct uplink_hooks *hooks);
void uplink_close(struct uplink *u);	/* after uplink_start(); freed when the loop has run once more */
/* obj is stolen.  keep: it must not be lost while safeadmin is away (log, notice); otherwise it will be published anew anyway */
void uplink_send(struct uplink *u, json_t *obj, bool keep);
bool uplink_connected(const struct uplink *u);

#endif
