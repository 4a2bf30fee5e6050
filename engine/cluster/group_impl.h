/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group_impl.h: the inside of a group, shared by group.c (who is here) and group_info.c (what they say) and by nobody else.
 */
#ifndef SK_GROUP_IMPL_H
#define SK_GROUP_IMPL_H

#include "cluster/group.h"

#define BIT(i)	(UINT32_C(1) << (i))

enum group_state {
	GS_LISTEN,	/* just born: no view yet */
	GS_FOLLOW,
	GS_LOST,	/* the leader is lost; a lower member may take over first */
	GS_LEAD,
	GS_LEFT,	/* said goodbye */
};

/* The info of one node as we have it */
struct group_info {
	uint32_t announced;	/* version that the owner has now, 0: not known */
	uint32_t version;	/* of what is in buf */
	bool	 whole;		/* buf is complete */
	bool	 told;		/* hooks.info was called for it since the node came into the view */
	bool	 waiting;	/* asked in this pulse, not complete */
	unsigned tries;		/* pulses in which it was asked */
	uint16_t pieces;
	uint64_t got, asked;	/* bit per piece */
	uint8_t	*buf;
	size_t	 len, room;
};

struct group {
	struct group_conf  conf;
	struct group_hooks hooks;
	enum group_state   state;
	uint32_t number;	/* the view in force */
	int	 leader;	/* -1: none yet */
	uint32_t members;
	uint32_t word[SK_NODES_MAX];	/* of the members; 0 elsewhere */
	uint32_t acked;		/* members known to have it in force, ourselves among them */
	uint32_t own_word;	/* as it was set; word[self] follows with the next view */
	uint32_t told[SK_NODES_MAX];	/* last words heard, of members and of who is joining: those of the next view */
	int64_t	 told_at[SK_NODES_MAX];	/* GS_LEAD: when told changed */
	bool	 acks_told;	/* GS_LEAD: members were told that all have this view */
	uint32_t highest;	/* highest view number heard or given */
	int64_t	 next;		/* when the next pulse is due */
	int64_t	 last;		/* the latest time that the caller gave */
	int	 wait;		/* GS_LISTEN, GS_LOST: pulses to go */
	bool	 excluded;	/* GS_FOLLOW: our leader decided without us */
	bool	 said_goodbye;	/* GS_LOST: our leader did */
	bool	 renew;		/* GS_LEAD: a member has a number that ours must exceed */
	uint32_t joining, leaving;	/* GS_LEAD (joining: GS_LISTEN too): for the next decision */
	int64_t	 leader_at;	/* last VIEW of our leader with our name */
	int64_t	 alive_at[SK_NODES_MAX];	/* last ALIVE, or when it was admitted */
	int64_t	 claim_at[SK_NODES_MAX];	/* last VIEW of a leader */
	int64_t	 claim_since[SK_NODES_MAX];	/* the first of them since it was silent */
	uint32_t claim_members[SK_NODES_MAX];	/* of that view */
	uint32_t claim_word[SK_NODES_MAX][SK_NODES_MAX];
	int64_t	 heard_at[SK_NODES_MAX];	/* last message of any kind */
	int64_t	 went_at[SK_NODES_MAX];	/* when it told us that it went over to another leader */
	uint32_t told_near;	/* who lives outside of our view, by the last VIEW of our leader */
	int64_t	 told_near_at;
	int64_t	 asked_at[SK_NODES_MAX];	/* our last ALIVE to it */
	int64_t	 counted_at[SK_NODES_MAX];	/* GS_FOLLOW: a higher leader began to count us in */
	uint32_t admitted[SK_NODES_MAX];	/* number of the view that admitted it */
	uint32_t left[SK_NODES_MAX];	/* highest number of a view of ours that it left */
	struct group_info info[SK_NODES_MAX];
	int	 info_first;	/* where to go on asking: nobody starves */
	int	 info_budget;	/* pieces that may still be sent in this pulse */
};

void group_fill(const struct group *g, struct group_msg *m, int type, int64_t now);	/* all but what belongs to the type */

void group_info_announced(struct group *g, int node, uint32_t version);
void group_info_view(struct group *g, uint32_t gone);	/* these left the view */
void group_info_tick(struct group *g, int64_t now);
void group_info_want(struct group *g, const struct group_msg *m, int64_t now);
void group_info_piece(struct group *g, const struct group_msg *m, int64_t now);
void group_info_free(struct group *g);

#endif
