/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm.h: what a view of the farm's group means for the filter of this node.
 *
 * Owns: owners and holders of every bucket, what we tell the others (info) and what they told us.  Pure: no fd, no clock: the daemon and
 * the simulation run the same code.  Called by: vip/farm_node.c (loop thread of vipd), tests.  Never does: send, log, touch the kernel.
 *
 * The group (cluster/group.h) has every node whose module is started as a member; the word of a member says whether it serves (UP) or
 * not (starting, stopping, restarting).  Words are part of the view, so all nodes agree on both.
 *
 * Owners.  assign_buckets() of the serving members.  What a node loses it loses at once.  What it gains it takes when nobody else can
 * have it any more: each member that may (the owner in the view before, one that has not said since then that it has a newer one, one
 * that is new, any member after a view that we missed) is known to have the view in force (group_acked), or is in no view of ours
 * and silent.  So no bucket has two owners while the members hear each other; between two owners lie three ways through the
 * network, not a timeout, and a bucket of a dead node, which has been silent long enough to be missed, is taken at once.
 * Rivals.  Who hears a lower leader's view that is not his (two groups about to merge; or that one does not hear us) has no buckets where
 * that view has serving members: they own them all.
 * MACs.  A frame that comes from a known MAC of a member is not sent on again; so we send nothing to a node before it has said that its
 * filters know ours: then no frame goes round, whatever the views.
 * Holders.  A node may hold connections of each bucket that it had, until its sockets, counted after it lost it, show none.  It tells so
 * in its info, together with the view it speaks of.  A member whose info of our view or a newer one is not known may hold anything, and so
 * may a node that is heard and not in the view.
 */
#ifndef SK_VIP_FARM_H
#define SK_VIP_FARM_H

#include "base/base.h"
#include "filter_abi.h"

#define FARM_INTFS	8	/* interfaces with virtual addresses (= CONF_VINTFS_MAX) */

struct farm_group_conf { char name[SK_NAME_MAX]; uint32_t seed; uint16_t power[SK_NODES_MAX]; };	/* power 0: not of this group, or no share */
struct farm_conf {
	int nodes, self, groups, intfs;
	struct farm_group_conf group[FILTER_GROUPS];
	uint8_t mac[FARM_INTFS][6];	/* ours, per interface in the order of the configuration; 0: none */
};
struct farm;
struct farm *farm_new(const struct farm_conf *conf);	/* NULL: no memory, or senseless */
void farm_free(struct farm *f);

/* near: nodes not in the view that spoke lately: they may live in another one, and not know yet that they lost what we gain.
 * foreign: those who serve have another configuration: who owns what in this view is not known here.
 * heard: nodes not in the view that we hear, besides those of farm_outside(): who goes out of the view holds from the same moment on */
struct farm_view { uint32_t number; int leader; uint32_t members, serving, acked, near; bool foreign; uint32_t heard; };
/* A view is in force here (also when only acked changed).  acked: members known to have it; serving: of the members, from their words.
 * NULL: none is any more, we begin anew. */
void farm_view(struct farm *f, const struct farm_view *v);
/* heard: nodes not in our view that we hear; near: as of a view; rivals: serving members of a view that we give way to */
void farm_outside(struct farm *f, uint32_t heard, uint32_t near, uint32_t rivals);
/* What a node said; false: not understood, or of another configuration (then it may hold anything, and nothing can be sent on to it) */
bool farm_hear(struct farm *f, int node, const uint8_t *info, size_t len);
/* Sockets counted: bits of buckets per group in which this node has connections.  counted_in: the view in force when counting began.
 * One count at a time. */
void farm_holds(struct farm *f, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8]);
bool farm_must_count(const struct farm *f);	/* we may hold connections of buckets that are not ours: count again in a while */
/* Bytes for group_set_info(), valid until the next call; false: as before */
bool farm_info(struct farm *f, const uint8_t **info, size_t *len);
/* For the filter on one interface; groups that are not in the configuration are left alone.  false: nothing changed since the last call for it */
bool farm_changed(const struct farm *f);	/* farm_tables() has something new for an interface */
bool farm_tables(struct farm *f, int intf, struct filter_tables *t);
/* In the view in force: buckets of a node (0..256), whatever it has taken yet; its serving members of a group */
int farm_share(const struct farm *f, int group, int node);
uint32_t farm_serving(const struct farm *f, int group);
uint32_t farm_serves(const struct farm *f);	/* of any group, or of none */
uint32_t farm_hash(const struct farm_conf *conf);	/* of what must be equal on all nodes: groups, seeds, powers */

#endif
