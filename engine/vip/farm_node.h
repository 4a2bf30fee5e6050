/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm_node.h: one node of a farm without its network: the group and the farm put together, the word, the lease.
 *
 * Owns: one group, one farm (vip/farm.h).  Pure: no fd, no clock: vip/farm_net.c gives it both, tests/sim/farm_sim.c virtual ones.
 * Never does: touch the kernel, seal a packet.
 *
 * Word: 0, or FARM_SERVES and 31 bits of the configuration's hash.  Only those serve whose configuration most of the serving have
 * (equal numbers: that of the lowest): two nodes with different powers would not agree on who owns what.  So a new configuration goes
 * round node by node, and a bucket has one owner all the time.
 * A node that begins to serve where nobody does waits mlost + 6 pulses from its birth: so long may others that serve be silent, when they lost their
 * leader.  What others outside of its view may own
 * or hold it does not take before it was heard that they do not (vip/farm.h).
 * Lease: given with each pulse, until min(mlost, slost) pulses less a half after it: before others can have taken our buckets.  The caller hands over all
 * that has come before a tick, so that a view that excludes us is known.  When it has run out (the process
 * was stopped), we begin in the group anew: what the filter did meanwhile it did without us.
 */
#ifndef SK_VIP_FARM_NODE_H
#define SK_VIP_FARM_NODE_H

#include "cluster/group.h"
#include "vip/farm.h"

#define FARM_SERVES	1	/* bit of the word */

struct farm_node_conf {
	struct farm_conf farm;
	int	 pulse_ms, mlost_count, slost_count;
	uint32_t first_view, first_info;	/* of group.h */
};
struct farm_node_hooks {
	void *ctx;
	void (*send)(void *ctx, int to, const struct group_msg *m);
	/* farm_tables() has something new.  They are in force when this returns: then the others are told. */
	void (*tables)(void *ctx);
	void (*lease)(void *ctx, int64_t until);	/* on the caller's clock */
	/* Serving members or our share of a group changed (the view is in force) */
	void (*share)(void *ctx, int group, uint32_t serving, int buckets, uint32_t view);
	void (*served)(void *ctx, bool serve);	/* the wish of farm_node_serve() is in the view in force, or cannot be for too long */
	/* We begin anew: what was sent until now and is still under way must not be handed to us any more */
	void (*anew)(void *ctx);
	void (*differs)(void *ctx, uint32_t nodes);	/* members with another configuration than ours; 0: none any more */
};
struct farm_node;
struct farm_node *farm_node_new(const struct farm_node_conf *conf, const struct farm_node_hooks *hooks, int64_t now);
void farm_node_free(struct farm_node *n);
void farm_node_serve(struct farm_node *n, bool serve, int64_t now);	/* hooks.served follows, maybe at once */
void farm_node_receive(struct farm_node *n, const struct group_msg *m, int64_t now);
void farm_node_tick(struct farm_node *n, int64_t now);
void farm_node_check(struct farm_node *n, int64_t now);	/* while there is no network, instead of ticks: the wish may take too long */
int64_t farm_node_next(const struct farm_node *n);
void farm_node_holds(struct farm_node *n, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8]);
void farm_node_leave(struct farm_node *n);	/* says goodbye; silent from then on */
uint32_t farm_node_view(const struct farm_node *n);
struct farm *farm_node_farm(struct farm_node *n);
const struct group *farm_node_group(const struct farm_node *n);

#endif
