/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm.h: what a view of the farm's group means for the filter of this node.
 *
 * Owns: owners and holders of every bucket, what we tell the others (info) and what they told us.  Pure: no fd, no clock: the daemon and
 * the simulation run the same code.  Called by: vip/farm_net.c (loop thread of vipd), tests.  Never does: send, log, touch the kernel.
 *
 * The group (cluster/group.h) has every node whose module is started as a member; the word of a member says whether it serves (UP) or
 * not (starting, stopping, restarting): FARM_SERVES.  Words are part of the view, so all nodes agree on both.
 *
 * Owners.  assign_buckets() of the serving members.  What a node loses it loses at once.  What it gains from a member that lives it takes
 * when every member is known to have the view in force (group_acked), or that member is known to; what it gains from a node that is not in the view
 * any more, at once.  So no bucket has two owners while the members hear each other, and between two owners lie two network round
 * trips, not a timeout.
 * Holders.  A node that loses a bucket may hold connections of it: it says so (holds, from its sockets) and is asked until its info, counted
 * in this view or a later one, says that there are none.  A member whose info of this view is not known may hold anything.
 */
#ifndef SK_VIP_FARM_H
#define SK_VIP_FARM_H

#include "base/base.h"
#include "filter_abi.h"

#define FARM_SERVES	1	/* word of a member */
#define FARM_INTFS	8	/* interfaces with virtual addresses (= CONF_VINTFS_MAX) */

struct farm_group_conf { char name[SK_NAME_MAX]; uint32_t seed; uint16_t power[SK_NODES_MAX]; };	/* power 0: not of this group, or no share */
struct farm_conf {
	int nodes, self, groups, intfs;
	struct farm_group_conf group[FILTER_GROUPS];
	uint8_t mac[FARM_INTFS][6];	/* ours, per interface in the order of the configuration */
};
struct farm;
struct farm *farm_new(const struct farm_conf *conf);	/* NULL: no memory, or senseless */
void farm_free(struct farm *f);

/* A view is in force here (also when only acked changed).  acked: members known to have it; serving: of the members, from their words. */
void farm_view(struct farm *f, uint32_t number, uint32_t members, uint32_t serving, uint32_t acked);
/* What a node said; false: not understood (then it may hold anything, and nothing can be sent on to it) */
bool farm_hear(struct farm *f, int node, const uint8_t *info, size_t len);
/* Sockets counted: bits of buckets per group in which this node has connections.  counted_in: the view in force when counting began. */
void farm_holds(struct farm *f, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8]);
bool farm_must_count(const struct farm *f);	/* we may hold connections of buckets that are not ours: count again in a while */
/* Bytes for group_set_info(); false: as before */
bool farm_info(struct farm *f, const uint8_t **info, size_t *len);
/* For the filter on one interface; false: nothing changed since the last call for it */
bool farm_tables(struct farm *f, int intf, struct filter_tables *t);
/* In the view in force: buckets of a node (0..256), whatever it has taken yet; its serving members of a group */
int farm_share(const struct farm *f, int group, int node);
uint32_t farm_serving(const struct farm *f, int group);

#endif
