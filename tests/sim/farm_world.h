/* SPDX-License-Identifier: GPL-2.0-or-later */
/* farm_world.h: a farm of servers on a virtual clock and a virtual network, and the judge; see farm_sim.c. */
#ifndef SIM_FARM_WORLD_H
#define SIM_FARM_WORLD_H

#include "filter_core.h"
#include "sim/events.h"
#include "sim/rng.h"
#include "vip/farm_node.h"

#define PULSE		1000	/* ms */
#define STALE_MAX	2500	/* ms: the longest delay of a packet in rough histories */
#define COUNT_MS	1000	/* between counts of sockets, while they are needed */
#define CONNS		48
#define GROUPS		2
#define BIT(i)		(UINT32_C(1) << (i))
#define WORDS		(FILTER_BUCKETS / 64)

struct server {
	/* the machine */
	bool	 up;
	int64_t	 offset;	/* of its clock */
	int	 drift;		/* 1/100000 */
	int	 life;		/* of the process: what was meant for a former one is void */
	/* the kernel */
	bool	 attached;
	struct filter_conf fconf;
	struct filter_tables tables;
	int64_t	 lease;		/* local ms */
	uint64_t takes[GROUPS][WORDS];	/* new connections of these, while the lease holds */
	/* vipd */
	struct farm_node *node;	/* NULL: not running */
	struct farm_node_conf conf;
	bool	 paused, anew, wish, counting, planned;
	int64_t	 sure_until;	/* it goes on: what it sends arrives, for a pulse */
	struct event *waiting;	/* packets that came meanwhile */
	size_t	 waiting_count, waiting_room;
	uint32_t counted_in;
	uint8_t	 bits[FILTER_GROUPS][FILTER_BUCKETS / 8];
	bool	 ordered;	/* this life was told whether to serve */
	bool	 asked, served;	/* hooks.served is owed; what it said */
	uint32_t first_view;
};
struct conn { bool open; int holder; uint8_t group, bucket; };

struct world {
	uint64_t seed;
	struct rng rng;
	int64_t	 now;
	int	 nodes, mlost, slost, loss, dup, slow, conns;
	uint16_t power[GROUPS][SK_NODES_MAX];
	uint32_t reach[SK_NODES_MAX];	/* links: bit per receiver */
	int64_t	 losing[SK_NODES_MAX][SK_NODES_MAX][GM_LEAVE + 1];	/* since when all of a kind are lost; -1: none */
	struct server server[SK_NODES_MAX];
	struct conn conn[CONNS];
	struct events events;
	bool	 verbose, failed, rough, directed, pauses;
	char	 why[256];
	unsigned long opened, refused, segments, resets;	/* of all histories */
};
extern struct world sim;

int rnd(int n);
void story(const char *fmt, ...) PRINTFLIKE(1, 2);
void fail(const char *fmt, ...) PRINTFLIKE(1, 2);

/* The next history begins; what it is to be is written to sim afterwards */
void world_clear(void);
void run_until(int64_t end);
/* Peace, all that has to be after it, and the verdict */
void world_settle(void);
void world_end(void);

void start(int i);	/* the module: vipd, and after a while the application serves */
void stop(int i);	/* after the application was stopped */
void serve(int i, bool on);
void power_off(int i);
void kill_vipd(int i);	/* started again after a while */
void pause_vipd(int i, int ms);
void links_all(void);

int farm_stories(int test, bool *ok);	/* runs histories that were written by hand; the number of the last test */

#endif
