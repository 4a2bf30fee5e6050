/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.h: what of replication must outlive a worker: mounts and their descriptors, the worker's life, what is remembered.
 *
 * Called by: rfsd.c, one loop thread.  Never does: touch a replicated folder in that thread (who would answer?), move data.
 */
#ifndef SK_RFS_KEEPER_H
#define SK_RFS_KEEPER_H

#include "rfs/state.h"
#include <uv.h>

struct keeper;
struct keeper_hooks {
	void *ctx;
	void (*say)(void *ctx, json_t *line);	/* to heart, stolen */
	void (*over)(void *ctx);		/* after {"op":"quit"}: all is down */
};
/* var: SAFEVAR/modules/AM.  A worker that serves already is adopted.  NULL with the reason. */
struct keeper *keeper_new(uv_loop_t *loop, const char *module, const char *var, const struct keeper_hooks *hooks, char *err, size_t errsize);
const char *keeper_order(struct keeper *k, const json_t *o);	/* a line of heart; NULL, or what was expected instead */

/* The other program in this one: rfsd -m AM --worker primary|second */
int worker_run(const char *module, bool primary);

#endif
