/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm_sim.c: histories of a farm of 2 to 32 servers on a virtual clock and a virtual network, each from its seed.
 *
 * The real engine/cluster and engine/vip code and the real verdict of kmod/filter_core.h run in farm_world.c; farm_stories.c has histories
 * that were written by hand.  This file makes those at random.  One history: servers start, stop, drain, serve, change powers, lose power;
 * their vipd is killed, started again, stopped for a while; packets are lost, late, twice, out of order.  Then peace, and the verdict.
 *
 * Two kinds.  Gentle: every server hears every other one.  Then at every instant: no bucket is taken by two servers, no segment of a
 * connection whose server lives is taken by another one (it would be reset), and that server takes it.  Rough: partitions, links cut
 * one way, heavy loss, restarts at once.  Then the same among those that are in one view.
 * After peace, within the bound: one owner per bucket, the same on all; everybody serves; nobody is said to hold what he does not.
 *
 *   farm_sim [-n RUNS] [-s SEED] [-k NODES] [-r] [-v]      TAP; a failing seed is printed; with -v its story is told; -r: rough
 */
#include "config.h"
#include "sim/farm_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH		500	/* histories per TAP line */

static void
partition(void)
{
	uint32_t side = (uint32_t)rng_next(&sim.rng);
	int i, way = rnd(3);

	story("partition %x, %s", side & (BIT(sim.nodes - 1) * 2 - 1), way == 0 ? "both ways" : "one way");
	for (i = 0; i < sim.nodes; i++)
		if ((side & BIT(i)) != 0)
			sim.reach[i] &= way == 1 ? UINT32_MAX : side;
		else
			sim.reach[i] &= way == 2 ? UINT32_MAX : ~side;
}

static void
new_powers(void)
{
	int g, i, kind = rnd(3);

	for (g = 0; g < GROUPS; g++)
		for (i = 0; i < SK_NODES_MAX; i++)
			sim.power[g][i] = (uint16_t)(g == 0 || kind == 0 ? 1 : kind == 1 ? rnd(4) : 1 + rnd(256));
}

/* Something that a gentle history may have as well */
static void
gentle_step(void)
{
	int i = rnd(sim.nodes);
	struct server *s = &sim.server[i];

	if (s->node == NULL) {
		if (!s->attached)	/* else vipd is about to be started again */
			start(i);
		return;
	}
	if (s->paused)
		return;
	switch (rnd(9)) {
	case 6:
	case 7:
		if (sim.pauses)
			pause_vipd(i, 1 + rnd(rnd(2) == 0 ? 3 * PULSE : 3 * (sim.mlost + sim.slost) * PULSE));
		break;
	case 0:
		power_off(i);
		break;
	case 1:
	case 2:
		if (!s->wish && !s->asked)
			stop(i);
		else
			serve(i, false);
		break;
	case 3:
	case 4:
		serve(i, !s->wish);
		break;
	case 5:
		if (sim.pauses)
			kill_vipd(i);
		break;
	case 8:
		story("new powers");
		new_powers();	/* for who starts from now on */
		break;
	}
}

static void
rough_step(void)
{
	switch (rnd(6)) {
	case 0:
		partition();
		break;
	case 1:
		story("links heal");
		links_all();
		break;
	case 2:
		sim.loss = rnd(3) == 0 ? 0 : rnd(50);
		sim.dup = rnd(20);
		sim.slow = rnd(3) == 0 ? 0 : rnd(30);
		story("loss %d%% duplicates %d%% late %d%%", sim.loss, sim.dup, sim.slow);
		break;
	default:
		gentle_step();
		break;
	}
}

static void
begin_history(uint64_t seed, int nodes, bool rough)
{
	static const int counts[][2] = { { 3, 4 }, { 3, 4 }, { 3, 5 }, { 2, 3 }, { 4, 8 }, { 4, 3 } };
	int pick;

	sim.seed = seed;
	rng_seed(&sim.rng, seed);
	sim.loss = sim.dup = sim.slow = 0;
	sim.rough = rough;
	sim.directed = rnd(2) == 0;
	sim.pauses = rough || rnd(3) != 0;
	sim.nodes = nodes > 0 ? nodes : 2 + rnd(7);
	sim.conns = rnd(4) == 0 ? CONNS : 1 + rnd(CONNS);
	pick = rnd((int)ARRAY_LEN(counts));
	sim.mlost = counts[pick][0];
	sim.slost = counts[pick][1];
	if (!rough) {
		sim.dup = rnd(10);
		sim.loss = rnd(2) == 0 ? 0 : rnd(2) == 0 ? rnd(3) : rnd(30);
	}
	world_clear();
	new_powers();
	story("seed %llu: %d servers, %s, mlost %d, slost %d, loss %d%%", (unsigned long long)seed, sim.nodes,
	    sim.directed ? "directed" : "invisible", sim.mlost, sim.slost, sim.loss);
}

static void
history(uint64_t seed, int nodes, bool rough)
{
	int i, steps;

	begin_history(seed, nodes, rough);
	for (i = 0; i < sim.nodes; i++)
		if (rnd(5) != 0)
			start(i);
	for (steps = rnd(24); steps > 0 && !sim.failed; steps--) {
		run_until(sim.now + rnd(rnd(3) == 0 ? 12 * PULSE : 3 * PULSE));
		if (rough)
			rough_step();
		else
			gentle_step();
	}
	world_settle();
	world_end();
}

static bool
batch(int test, uint64_t first, int runs, int nodes, bool rough)
{
	int i, bad = 0;

	for (i = 0; i < runs; i++) {
		history(first + (uint64_t)i, nodes, rough);
		if (!sim.failed)
			continue;
		if (bad++ < 5)
			printf("# seed %llu: %s; see farm_sim -n 1 -v -s %llu%s%s\n", (unsigned long long)sim.seed, sim.why,
			    (unsigned long long)sim.seed, rough ? " -r" : "", nodes > 0 ? " -k 32" : "");
	}
	printf("%sok %d - %d %s histories of %s from seed %llu\n", bad > 0 ? "not " : "", test, runs, rough ? "rough" : "gentle",
	    nodes > 0 ? "a fixed number of servers" : "2 to 8 servers", (unsigned long long)first);
	if (bad > 0)
		printf("# %d of them failed\n", bad);
	fflush(stdout);
	return bad == 0;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, runs = 5000, nodes = 0, left;
	bool ok = true, odd = false, rough = false, all = true;
	int c, test = 0;

	diag_init("farm_sim", 0);
	while ((c = getopt(argc, argv, "n:s:k:rv")) != -1) {
		if (c == 'v')
			sim.verbose = true;
		else if (c == 'r')
			rough = true;
		else if ((c != 'n' || !str_to_u64(optarg, 1, 100000000, &runs)) && (c != 's' || !str_to_u64(optarg, 0, UINT64_MAX, &seed)) &&
		    (c != 'k' || !str_to_u64(optarg, 1, SK_NODES_MAX, &nodes)))
			odd = true;
		if (c == 'n' || c == 'r' || c == 'k')
			all = false;
	}
	if (odd || optind != argc) {
		fprintf(stderr, "usage: farm_sim [-n RUNS] [-s SEED] [-k NODES] [-r] [-v]\n");
		return 2;
	}
	if (all)
		test = farm_stories(test, &ok);
	for (left = runs; left > 0;) {
		int n = left < BATCH ? (int)left : BATCH;

		if (all || !rough)
			ok = batch(++test, seed + runs - left, n, (int)nodes, false) && ok;
		if (all || rough)
			ok = batch(++test, seed + runs - left, n, (int)nodes, true) && ok;
		left -= (uint64_t)n;
	}
	if (all) {
		ok = batch(++test, 503606, 1, 0, false) && ok;	/* found leader_stops_halfway() */
		ok = batch(++test, seed, 20, SK_NODES_MAX, false) && ok;
		ok = batch(++test, seed, 20, SK_NODES_MAX, true) && ok;
	}
	printf("# %lu connections, %lu refused in between, %lu segments on their way, %lu resets excused (no common view)\n", sim.opened, sim.refused,
	    sim.segments, sim.resets);
	printf("1..%d\n", test);
	free(sim.events.heap);
	for (c = 0; c < SK_NODES_MAX; c++)
		free(sim.server[c].waiting);
	return ok ? 0 : 1;
}
