/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm_net.h: the farm's group on the network: links, seals, the group and its farm (vip/farm.h), and the lease.
 *
 * Owns: sockets of every <lan> of <farm>, one node of the farm (vip/farm_node.h).  Called by: vipd's loop thread.  Never does: touch the
 * kernel's filter or an address: it tells through hooks.  A port that is taken (a former vipd that is about to end) is tried again each second;
 * until one lan is there, this node is in no view: it does not take what others have.
 */
#ifndef SK_VIP_FARM_NET_H
#define SK_VIP_FARM_NET_H

#include "cluster/link.h"
#include "vip/farm.h"

struct farm_net_conf {
	struct farm_conf farm;
	char	 nodes[SK_NODES_MAX][SK_NAME_MAX];
	int	 lans;
	struct link_conf lan[SK_LANS_MAX];
	bool	 has_key;
	uint8_t	 key[32];
	int	 pulse_ms, mlost_count, slost_count;
};
struct farm_net_hooks {
	void *ctx;
	/* farm_tables() has something new.  They are in force when this returns: then the others are told. */
	void (*tables)(void *ctx);
	void (*lease)(void *ctx, uint64_t until_ns);	/* CLOCK_MONOTONIC */
	/* Serving members or our share of a group changed (after the view is in force): for log, resource and report */
	void (*share)(void *ctx, int group, uint32_t serving, int buckets, uint32_t view);
	/* The wish of farm_net_serve() is in the view in force, or took too long; the last of the hooks of one event: farm_net_close() is allowed */
	void (*served)(void *ctx, bool serve);
	void (*log)(void *ctx, int message, const char *text);	/* enum message; the whole text */
};
struct farm_net;
struct farm_net *farm_net_open(uv_loop_t *loop, const struct farm_net_conf *conf, const struct farm_net_hooks *hooks, char *err, size_t errsize);
void farm_net_serve(struct farm_net *n, bool serve);	/* hooks.served follows, maybe at once, also when it is so already; within
	 * 2 * (mlost + slost) pulses (and a second without network) in any case */
void farm_net_holds(struct farm_net *n, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8]);
uint32_t farm_net_view(const struct farm_net *n);
/* Another key: the former one stays good for 10 minutes, as for heartbeats */
void farm_net_key(struct farm_net *n, const uint8_t key[32]);
struct farm *farm_net_farm(struct farm_net *n);
void farm_net_close(struct farm_net *n);	/* says goodbye; freed when the loop has run once more */

#endif
