/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group.h: who is here.  One membership component for cluster (safeadmin) and, later, farm modules: a leader and followers, one
 * view, numbered, the same on all members.
 *
 * Owns: the protocol's state machine, nothing else.  Pure: no fd, no clock, no malloc after group_init(); the caller gives the
 * time and the decoded messages and sends what comes out.  So the daemon and the simulation run the same code.
 *
 * How it works.  Nodes have an index (order of cluster.xml); the lowest index that is alive leads.
 *  - A follower sends ALIVE to its leader every pulse.  The leader sends VIEW (number, members) to every configured node every
 *    pulse, so that a node that is not a member hears of the group and joins (ALIVE with its name in it).
 *  - A follower that hears no VIEW from its leader for mlost_count pulses forms its own view of those it hears and announces itself
 *    if it has the lowest index among them; the leader drops a follower after slost_count silent pulses.
 *  - Two leaders that hear each other merge: the higher index yields and joins with its members.
 *  - A view's number only grows (max of all numbers seen + 1); number and member set together name a view.
 * Every ALIVE and VIEW carries the sender's info version; a node that lacks a version asks (WANT) and gets INFO in pieces.
 */
#ifndef SK_GROUP_H
#define SK_GROUP_H

#include "base/base.h"

#define GROUP_INFO_MAX	65536	/* bytes of one node's info (its modules and signatures); ours: 256 modules of 256 bytes */
#define GROUP_PIECE_MAX	1100	/* payload of one INFO piece: with header and tag below 1280 (IPv6 minimum MTU) */

enum group_msg_type { GM_ALIVE = 1, GM_VIEW = 2, GM_WANT = 3, GM_INFO = 4, GM_LEAVE = 5 };
struct group_msg {
	uint8_t	 type;
	uint8_t	 from;			/* sender's index */
	uint32_t view;			/* number of the sender's view */
	uint8_t	 leader;		/* sender's leader */
	uint32_t members;		/* bit per index; of the sender's view */
	uint32_t heard;			/* bit per index: whom the sender hears directly (for diagnosis) */
	uint32_t info_version[SK_NODES_MAX];	/* VIEW: of every member; ALIVE: [from] only */
	/* WANT: which info; INFO: one piece of it */
	uint8_t	 about;
	uint32_t version;
	uint16_t piece, pieces;
	uint16_t len;
	uint8_t	 data[GROUP_PIECE_MAX];
};
/* Bytes <-> struct; the decoder accepts any bytes (fuzzed).  Encode returns bytes written (<= size, 0: does not fit). */
size_t group_encode(const struct group_msg *m, uint8_t *buf, size_t size);
bool group_decode(const uint8_t *buf, size_t len, struct group_msg *m);

struct group;
struct group_hooks {
	void *ctx;
	/* send to one node, on every framework lan the caller has */
	void (*send)(void *ctx, int to, const struct group_msg *m);
	/* the view changed: number, leader, members (bits) */
	void (*view)(void *ctx, uint32_t number, int leader, uint32_t members);
	/* the info of a member is complete and new; info is valid during the call */
	void (*info)(void *ctx, int node, uint32_t version, const uint8_t *info, size_t len);
};
struct group_conf { int nodes, self; int pulse_ms, mlost_count, slost_count; };

/* NULL without memory or with a senseless conf.  now: monotonic ms. */
struct group *group_new(const struct group_conf *conf, const struct group_hooks *hooks, int64_t now);
void group_free(struct group *g);
/* our own info changed: a new version is announced.  false: too long */
bool group_set_info(struct group *g, const uint8_t *info, size_t len);
void group_receive(struct group *g, const struct group_msg *m, int64_t now);	/* m was authenticated; its content is checked here */
void group_tick(struct group *g, int64_t now);
int64_t group_next(const struct group *g);	/* when group_tick() is due, monotonic ms */
void group_leave(struct group *g);		/* say goodbye (shutdown): the others need not wait */
uint32_t group_members(const struct group *g);
int group_leader(const struct group *g);
uint32_t group_view(const struct group *g);

#endif
