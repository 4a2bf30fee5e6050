/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm_stories.c: histories of a farm written by hand: what random ones meet once in some ten thousand, and not with every code.
 * Each begins where all serve and ends as a random one does: peace, and the verdict.
 */
#include "config.h"
#include "sim/farm_world.h"

#include <stdio.h>
#include <string.h>

static const struct group *
group_of(int i)
{
	return farm_node_group(sim.server[i].node);
}

/* Servers first..nodes - 1 serve; the others are not there yet */
static void
all_serve(int first, int nodes, bool rough, int mlost, int slost)
{
	int i, g;

	rng_seed(&sim.rng, 1);
	world_clear();
	sim.seed = 1;
	sim.loss = sim.dup = sim.slow = 0;
	sim.rough = rough;
	sim.directed = sim.pauses = true;
	sim.nodes = nodes;
	sim.conns = CONNS;
	sim.mlost = mlost;
	sim.slost = slost;
	for (g = 0; g < GROUPS; g++)
		for (i = 0; i < SK_NODES_MAX; i++)
			sim.power[g][i] = 1;
	for (i = first; i < nodes; i++)
		start(i);
	run_until((3 * (mlost + slost) + 6) * PULSE);
	for (i = first; i < nodes; i++)
		if (!sim.server[i].served)
			fail("server %d does not serve", i);
}

static void
members_are(int i, uint32_t members)
{
	int64_t end = sim.now + 20 * PULSE;

	while (!sim.failed && group_members(group_of(i)) != members && sim.now < end)
		run_until(sim.now + 1);
	if (group_members(group_of(i)) != members)
		fail("server %d: members %x, not %x", i, group_members(group_of(i)), members);
}

/* A new leader takes all in; two of them do not hear it, then it is stopped.  Those two stay with the old leader, who knows that the others
 * live and went over; its fellow, who never heard them, has to know it, too. */
static void
leader_stops_halfway(void)
{
	all_serve(1, 5, false, 4, 3);
	start(0);
	run_until(sim.now + sim.mlost * PULSE + PULSE / 2);	/* its first VIEW was heard */
	sim.reach[0] &= ~(BIT(1) | BIT(2));
	members_are(0, 0x1f);
	members_are(3, 0x1f);
	members_are(4, 0x1f);
	pause_vipd(0, 14 * PULSE);
	links_all();
	members_are(1, 0x6);
	run_until(sim.now + 14 * PULSE);
}

/* The same, and the fellow is stopped meanwhile and begins anew, in the old leader's view: without any memory of the others */
static void
fellow_begins_anew(void)
{
	all_serve(1, 5, false, 4, 3);
	start(0);
	run_until(sim.now + sim.mlost * PULSE + PULSE / 2);
	pause_vipd(2, 23 * PULSE / 10);		/* its lease is over before it is missed */
	sim.reach[0] &= ~(BIT(1) | BIT(2));
	members_are(0, 0x1f);
	members_are(3, 0x1f);
	members_are(4, 0x1f);
	pause_vipd(0, 14 * PULSE);
	links_all();
	members_are(1, 0x6);
	run_until(sim.now + 14 * PULSE);
}

/* 0 does not hear 1, 1 hears 0, for long: 0 owns everything, from when it missed 1; 1 nothing, from when it has heard that (so: rough) */
static void
heard_one_way(void)
{
	int g, w;

	all_serve(0, 2, true, 3, 4);
	sim.reach[1] &= ~BIT(0);
	run_until(sim.now + 60 * PULSE);
	for (g = 0; g < GROUPS; g++)
		for (w = 0; w < WORDS; w++)
			if (sim.server[0].takes[g][w] != UINT64_MAX || sim.server[1].takes[g][w] != 0)
				fail("group %d: server 0 does not own all", g);
}

/* 1 gives higher numbers than 0 while they are apart, and forgets them when it is stopped: what it held in those views it does not hold for ever */
static void
lower_numbers_after_a_stop(void)
{
	uint32_t number;
	int i;

	all_serve(0, 2, true, 3, 4);
	sim.reach[0] = BIT(0);
	sim.reach[1] = BIT(1);
	members_are(1, BIT(1));
	run_until(sim.now + 20 * PULSE);
	for (i = 0; i < 16; i++) {
		serve(1, i % 2 != 0);
		run_until(sim.now + 2 * PULSE);
	}
	number = group_view(group_of(1));
	serve(1, false);
	while (!sim.failed && group_view(group_of(1)) == number)
		run_until(sim.now + 1);
	if (group_view(group_of(1)) <= group_view(group_of(0)))
		fail("views of server 1 are not higher");
	pause_vipd(1, 4 * PULSE);
	links_all();
	run_until(sim.now + 6 * PULSE);
}

int
farm_stories(int test, bool *ok)
{
	static const struct { const char *name; void (*run)(void); } stories[] = {
		{ "a new leader stops before all have heard that it took them in", leader_stops_halfway },
		{ "as before, and a follower of the old leader begins anew", fellow_begins_anew },
		{ "a link that works one way", heard_one_way },
		{ "views with lower numbers after a stop", lower_numbers_after_a_stop },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(stories); i++) {
		story("%s", stories[i].name);
		stories[i].run();
		world_settle();
		world_end();
		printf("%sok %d - %s\n", sim.failed ? "not " : "", ++test, stories[i].name);
		if (sim.failed)
			printf("# %s\n", sim.why);
		*ok = *ok && !sim.failed;
	}
	return test;
}
