/* SPDX-License-Identifier: GPL-2.0-or-later */
/* farm_impl.h: the inside of a farm, shared by farm.c and farm_info.c and by nobody else. */
#ifndef SK_VIP_FARM_IMPL_H
#define SK_VIP_FARM_IMPL_H

#include "vip/farm.h"

#define BIT(i)		(UINT32_C(1) << (i))
#define HAS(bits, b)	(((bits)[(b) / 8] >> ((b) % 8) & 1) != 0)
#define SET(bits, b)	((bits)[(b) / 8] = (uint8_t)((bits)[(b) / 8] | 1u << (b) % 8))
#define CLEAR(bits, b)	((bits)[(b) / 8] = (uint8_t)((bits)[(b) / 8] & ~(1u << (b) % 8)))

/* What a node said last */
struct farm_said {
	bool	 known;		/* what it holds */
	uint32_t number;	/* the view that it spoke of */
	int	 leader;
	uint8_t	 may[FILTER_GROUPS][FILTER_BUCKETS / 8];	/* it may hold connections of these */
	bool	 met;		/* mac is known; stays so when it is not understood any more */
	uint32_t knows;		/* nodes whose MACs its filters know */
	uint8_t	 mac[FARM_INTFS][6];
};

#define FARM_INFO_MAX	(16 + FARM_INTFS * 6 + FILTER_GROUPS * (1 + FILTER_BUCKETS / 8))	/* 1120: two pieces at most */

struct farm {
	struct farm_conf conf;
	uint32_t hash;			/* of conf */
	struct farm_view view;		/* number 0: none */
	uint32_t heard, rivals;		/* farm_outside() */
	uint8_t	 target[FILTER_GROUPS][FILTER_BUCKETS];		/* owners in this view */
	uint32_t hazard[FILTER_GROUPS][FILTER_BUCKETS];		/* who else may have it in force still */
	uint8_t	 mine[FILTER_GROUPS][FILTER_BUCKETS / 8];	/* ours, in force */
	uint8_t	 may[FILTER_GROUPS][FILTER_BUCKETS / 8];	/* we may hold connections of these */
	uint32_t lost_in[FILTER_GROUPS][FILTER_BUCKETS];	/* number of the view in which it ceased to be ours */
	uint8_t	 next_target[FILTER_BUCKETS];
	bool	 viewing;		/* in change_view() */
	bool	 skip_count;		/* the next count may have begun before something was lost */
	bool	 info_changed;
	uint32_t generation;		/* of what the filter is told */
	uint32_t told[FARM_INTFS];
	struct farm_said said[SK_NODES_MAX];
	uint8_t	 info[FARM_INFO_MAX];
};

uint32_t farm_knows(const struct farm *f);	/* nodes whose MACs our filters know once farm_tables() was asked */

#endif
