/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * picture.h: the one picture of this server, in memory: modules, resources, nodes, modules of other nodes, the engine itself.
 *
 * Owns: the reports of safeadmin.  Called by: safeadmin's loop thread.  Never does: decide anything, I/O.
 * Whoever changes it says so through the functions here, and one listener (the control server) is told what changed.
 */
#ifndef SK_PICTURE_H
#define SK_PICTURE_H

#include "wire/report.h"

#define PICTURE_SHARES_MAX	32	/* load balancing groups of one module (= CONF_GROUPS_MAX) */
#define PICTURE_RESOURCES_MAX	8192	/* resources of one module (ours: heart allows 4096) */

enum picture_change { PC_MODULE, PC_MODULE_GONE, PC_RESOURCE, PC_RESOURCE_GONE, PC_NODE, PC_NODES_RESET, PC_REMOTES, PC_SHARE,
	PC_SHARE_GONE, PC_ENGINE };
/* row: the report (module, resource, node, share, engine), or NULL for PC_NODES_RESET and PC_REMOTES */
typedef void (*picture_listener)(void *ctx, enum picture_change what, const void *row);

struct picture_module {
	struct rpt_module report;
	struct rpt_resource *res;	/* sorted by name */
	size_t count, room;
	struct rpt_share *shares;	/* sorted by index */
	size_t shares_count, shares_room;
};
struct picture {
	struct picture_module *modules;	/* sorted by id */
	size_t	 count, room;
	struct rpt_node nodes[SK_NODES_MAX];
	int	 nodes_count;
	struct rpt_remote *remotes;
	size_t	 remotes_count;
	struct rpt_engine engine;
	picture_listener listener;
	void	*ctx;
};

void picture_init(struct picture *p, picture_listener listener, void *ctx);
void picture_free(struct picture *p);
struct picture_module *picture_find(struct picture *p, const char *name);
/* Add or replace by id.  NULL without memory. */
struct picture_module *picture_put_module(struct picture *p, const struct rpt_module *r);
void picture_drop_module(struct picture *p, uint32_t id);
/* index: called only for a new resource, gives its stable index.  Returns the row (valid until the next change), NULL when full or without
 * memory; *changed tells whether the value is another one. */
const struct rpt_resource *picture_put_resource(struct picture *p, const char *module, const char *name, const char *value,
    const char *by, int64_t assigned_ms, uint32_t (*index)(void *ctx, const char *module, const char *name), void *index_ctx, bool *changed);
void picture_drop_resources(struct picture *p, const char *module);
void picture_drop_resource(struct picture *p, const char *module, const char *name);	/* one that is no more; absent is fine */
/* By index, 1..PICTURE_SHARES_MAX; false: no such module, no such index, no memory */
bool picture_put_share(struct picture *p, const char *module, const struct rpt_share *r);
void picture_drop_share(struct picture *p, const char *module, uint32_t index);	/* absent is fine */
void picture_void_shares(struct picture *p, const char *module, int64_t at_ms);	/* nobody takes load here any more; the rows stay */
void picture_put_nodes(struct picture *p, const struct rpt_node *nodes, int count);	/* another cluster configuration */
void picture_put_node(struct picture *p, const struct rpt_node *n);			/* by index */
void picture_put_remotes(struct picture *p, const struct rpt_remote *rows, size_t count);
void picture_touch_engine(struct picture *p);	/* p->engine was changed */

#endif
