/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group_sim.c: histories of the membership protocol on a virtual clock and a virtual network, each from its seed.
 *
 * Owns: clock, network, the nodes' lives and the judge.  Runs the real engine/cluster code.  One history: chaos (loss, duplicates,
 * reordering, delay, one-way cuts, partitions, crashes, restarts, goodbyes), then peace on a fixed graph of links (complete in two
 * histories of three), then the verdict: the one view that the rules allow, within the bound, stable, with everybody's info everywhere.
 *
 *   group_sim [-n RUNS] [-s SEED] [-k NODES] [-c] [-v]      TAP; a failing seed is printed; with -v its story is told
 *
 * -c: calm histories instead: one event happens to a group at rest, and nobody who lives may be reported down.
 */
#include "config.h"
#include "cluster/group.h"
#include "sim/events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PULSE		1000	/* ms */
#define BATCH		1000	/* histories per TAP line */
#define STALE_MAX	2500	/* ms: the longest delay of a packet in the chaos */
#define BIT(i)		(UINT32_C(1) << (i))
#define TABLE		8192	/* (number, leader) pairs of one history; power of two */

enum { EV_TICK, EV_PACKET };

struct blob { uint32_t version; uint64_t sum; };

struct node {
	struct group *g;	/* NULL: dead */
	int	 life;
	int64_t	 offset;	/* of its clock */
	int	 drift;		/* of its clock, 1/100000 */
	uint32_t number;	/* highest view of this life */
	int	 leader;
	uint32_t members;
	uint32_t acked;
	uint32_t word;		/* our own */
	struct blob own;
	struct blob seen[SK_NODES_MAX];
	int	 views;		/* changes since last asked */
	int	 sent;		/* ALIVE, VIEW, LEAVE since last asked */
	int	 ticks;
};

static struct {
	uint64_t seed, rnd;
	int64_t	 now;
	int	 nodes, mlost, slost, loss, dup, slow, blob_max;
	uint32_t up[SK_NODES_MAX];	/* links: bit per receiver */
	struct node node[SK_NODES_MAX];
	struct events events;
	struct view { uint32_t number, members, had; int leader; uint64_t epoch; uint32_t word[SK_NODES_MAX]; } name[TABLE];	/* had: who had it in force */
	uint64_t epoch;
	bool	 verbose, failed;
	bool	 calm;		/* links are complete and lossless: no node that lives may be reported down */
	uint32_t excused;	/* but these may: they were silent for long enough */
	char	 why[256];
} sim;

/* splitmix64 (public domain algorithm by S. Vigna), written anew */
static uint64_t
rnd64(void)
{
	uint64_t z = sim.rnd += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int
rnd(int n)
{
	return (int)(rnd64() % (uint64_t)n);
}

static void story(const char *fmt, ...) PRINTFLIKE(1, 2);
static void fail(const char *fmt, ...) PRINTFLIKE(1, 2);

static void
story(const char *fmt, ...)
{
	va_list ap;

	if (!sim.verbose)
		return;
	printf("# %7.3f ", (double)sim.now / PULSE);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void
fail(const char *fmt, ...)
{
	va_list ap;

	if (sim.failed)
		return;
	sim.failed = true;
	va_start(ap, fmt);
	vsnprintf(sim.why, sizeof(sim.why), fmt, ap);
	va_end(ap);
	story("FAILED: %s", sim.why);
}

/* ---- time ---- */

static int64_t
local(const struct node *n)
{
	return n->offset + sim.now + sim.now * n->drift / 100000;
}

static void
push_tick(int i)
{
	struct node *n = &sim.node[i];
	int64_t left = group_next(n->g) - local(n);
	struct event e = { .at = sim.now + (left < 1 ? 1 : left), .kind = EV_TICK, .to = i, .life = n->life };

	events_push(&sim.events, e);
}

/* ---- hooks of a node ---- */

static int
packet_delay(void)
{
	if (sim.slow > 0 && rnd(100) < sim.slow)
		return 1 + rnd(STALE_MAX);
	return 1 + rnd(PULSE / 4);
}

static void
on_send(void *ctx, int to, const struct group_msg *m)
{
	struct node *n = ctx;
	int from = (int)(n - sim.node), copies = 1;
	uint8_t buf[1200];	/* the packet layer takes no more */
	size_t len = group_encode(m, buf, sizeof(buf));

	if (len == 0 || to < 0 || to >= sim.nodes || to == from || m->from != from)
		fail("node %d sends nonsense (type %d to %d)", from, m->type, to);
	if (m->type != GM_WANT && m->type != GM_INFO)
		n->sent++;
	if ((sim.up[from] & BIT(to)) == 0 || rnd(100) < sim.loss)
		return;
	if (rnd(100) < sim.dup)
		copies = 2;
	while (copies-- > 0) {
		struct event e = { .at = sim.now + packet_delay(), .kind = EV_PACKET, .from = from, .to = to,
		    .life = sim.node[to].life, .len = len, .data = malloc(len) };

		if (e.data == NULL)
			fatal("no memory");
		memcpy(e.data, buf, len);
		events_push(&sim.events, e);
	}
}

static struct view *
view_of_name(uint32_t number, int leader)
{
	size_t h = (number * 31u + (unsigned)leader) % TABLE;

	while (sim.name[h].epoch == sim.epoch && (sim.name[h].number != number || sim.name[h].leader != leader))
		h = (h + 1) % TABLE;
	return &sim.name[h];
}

static void
on_acked(void *ctx, uint32_t number, uint32_t acked)
{
	struct node *n = ctx;

	if (number != n->number || (acked & ~n->members) != 0 || (n->acked & ~acked) != 0 || n->acked == acked)
		fail("node %d: acked %x after %x of members %x", (int)(n - sim.node), acked, n->acked, n->members);
	n->acked = acked;
}

/* Who is said to have had this view in force has had it */
static void
judge_acked(int i)
{
	struct node *n = &sim.node[i];
	uint32_t had = view_of_name(n->number, n->leader)->had;

	if (group_acked(n->g) != n->acked)
		fail("node %d: acked %x, its hook was told %x", i, group_acked(n->g), n->acked);
	if (n->number != 0 && (n->acked & ~had) != 0)
		fail("node %d: view %u is said to be in force at %x, was at %x", i, n->number, n->acked, had);
}

static void
on_view(void *ctx, uint32_t number, int leader, uint32_t members)
{
	struct node *n = ctx;
	int i = (int)(n - sim.node), j;
	struct view *v = view_of_name(number, leader);

	story("node %d view %u leader %d members %x", i, number, leader, members);
	n->views++;
	if (number < n->number || (number == n->number && leader >= n->leader))
		fail("node %d: view %u of %d after %u of %d", i, number, leader, n->number, n->leader);
	if ((members & BIT(i)) == 0 || leader < 0 || (members & BIT(leader)) == 0 || (members & (BIT(leader) - 1)) != 0)
		fail("node %d: view %u leader %d members %x is senseless", i, number, leader, members);
	for (j = 0; sim.calm && j < sim.nodes; j++)
		if ((n->members & ~members & BIT(j)) != 0 && sim.node[j].g != NULL && j != i && (sim.excused & BIT(j)) == 0)
			fail("node %d reports node %d down, which lives", i, j);
	if (v->epoch == sim.epoch && v->members != members)
		fail("view %u of leader %d is %x and %x", number, leader, v->members, members);
	for (j = 0; j < sim.nodes; j++) {
		if (v->epoch == sim.epoch && v->word[j] != group_word(n->g, j))
			fail("view %u of leader %d: word of node %d is %u and %u", number, leader, j, v->word[j], group_word(n->g, j));
		if ((members & BIT(j)) == 0 && group_word(n->g, j) != 0)
			fail("node %d: view %u has a word of node %d, no member", i, number, j);
		v->word[j] = group_word(n->g, j);
	}
	if (v->epoch != sim.epoch)
		v->had = 0;
	v->number = number;
	v->leader = leader;
	v->members = members;
	v->had |= BIT(i);
	v->epoch = sim.epoch;
	n->acked = group_acked(n->g);
	for (j = 0; j < sim.nodes; j++)
		if ((members & BIT(j)) == 0)
			memset(&n->seen[j], 0, sizeof(n->seen[j]));	/* a reader forgets who is down */
	n->number = number;
	n->leader = leader;
	n->members = members;
}

static uint64_t
sum_of(const uint8_t *p, size_t len)
{
	uint64_t sum = UINT64_C(14695981039346656037) + len;	/* FNV-1a */

	while (len-- > 0)
		sum = (sum ^ *p++) * UINT64_C(1099511628211);
	return sum;
}

static void
on_info(void *ctx, int about, uint32_t version, const uint8_t *info, size_t len)
{
	struct node *n = ctx;

	if ((n->members & BIT(about)) == 0)
		fail("node %d: info of %d, which is no member", (int)(n - sim.node), about);
	n->seen[about].version = version;
	n->seen[about].sum = sum_of(info, len);
}

/* ---- lives ---- */

static void
new_info(int i)
{
	static uint8_t buf[GROUP_INFO_MAX];
	static const int edges[] = { 0, 1, GROUP_PIECE_MAX, GROUP_PIECE_MAX + 1, GROUP_INFO_MAX };
	int pick = rnd(10), k;
	size_t len = (size_t)(pick == 0 ? edges[rnd((int)ARRAY_LEN(edges))] : pick == 1 ? rnd(GROUP_INFO_MAX) : rnd(300));
	struct node *n = &sim.node[i];

	if (len > (size_t)sim.blob_max)
		len = (size_t)sim.blob_max;
	for (k = 0; k < (int)len; k += 64)
		buf[k] = (uint8_t)rnd(256);
	if (!group_set_info(n->g, buf, len))
		fail("node %d: info of %zu bytes refused", i, len);
	n->own.sum = sum_of(buf, len);
}

static void
new_word(int i)
{
	struct node *n = &sim.node[i];

	n->word = (uint32_t)rnd(4) << 29 | 1;
	story("node %d: word %u", i, n->word);
	group_set_word(n->g, n->word);
}

static void
birth(int i)
{
	struct node *n = &sim.node[i];
	struct group_hooks hooks = { n, on_send, on_view, on_info, on_acked };
	/* seconds of a clock, as the daemon gives them, and as many pulses */
	struct group_conf conf = { sim.nodes, i, PULSE, sim.mlost, sim.slost, (uint32_t)(1000 + sim.now / 1000), (uint32_t)rnd64() };
	int life = n->life;

	memset(n, 0, sizeof(*n));
	n->life = life;
	n->offset = rnd(1000000);
	n->drift = rnd(201) - 100;	/* 1 per mille: far worse than any quartz */
	n->members = n->acked = BIT(i);
	n->g = group_new(&conf, &hooks, local(n));
	if (n->g == NULL)
		fatal("no memory");
	story("node %d is born, clock %lld", i, (long long)local(n));
	new_info(i);
	new_word(i);
	push_tick(i);
}

static void
death(int i, bool goodbye)
{
	struct node *n = &sim.node[i];

	story("node %d %s", i, goodbye ? "leaves" : "crashes");
	if (goodbye)
		group_leave(n->g);
	group_free(n->g);
	n->g = NULL;
	n->life++;
}

static void
run_until(int64_t end)
{
	struct event e;
	struct group_msg m;

	while (sim.events.count > 0 && sim.events.heap[0].at <= end && !sim.failed) {
		struct node *n;

		e = events_pop(&sim.events);
		sim.now = e.at;
		n = &sim.node[e.to];
		if (n->g != NULL && e.life == n->life) {
			if (e.kind == EV_TICK) {
				n->ticks++;
				group_tick(n->g, local(n));
				push_tick(e.to);
			} else if (!group_decode(e.data, e.len, &m)) {
				fail("a message of node %d does not decode", e.from);
			} else {
				group_receive(n->g, &m, local(n));
			}
			if (group_members(n->g) != n->members || group_view(n->g) != n->number)
				fail("node %d has a view that its hook was not told", e.to);
			judge_acked(e.to);
		}
		free(e.data);
	}
	sim.now = end;
}

/* ---- one history ---- */

static void
links_all(bool on)
{
	int i;

	for (i = 0; i < sim.nodes; i++)
		sim.up[i] = on ? UINT32_MAX : 0;
}

static void
links_random(int percent)
{
	int i, j;

	for (i = 0; i < sim.nodes; i++)
		for (j = 0; j < sim.nodes; j++)
			if (rnd(100) < percent)
				sim.up[i] |= BIT(j);
			else
				sim.up[i] &= ~BIT(j);
}

static void
partition(void)
{
	uint32_t side = (uint32_t)rnd64();
	int i, way = rnd(3);	/* both ways, or one of them */

	story("partition %x | %x, %s", side & (BIT(sim.nodes - 1) * 2 - 1), ~side & (BIT(sim.nodes - 1) * 2 - 1),
	    way == 0 ? "both ways" : "one way");
	for (i = 0; i < sim.nodes; i++)
		if ((side & BIT(i)) != 0)
			sim.up[i] &= way == 1 ? UINT32_MAX : side;
		else
			sim.up[i] &= way == 2 ? UINT32_MAX : ~side;
}

static void
chaos_step(void)
{
	int i = rnd(sim.nodes);

	switch (rnd(10)) {
	case 0:
	case 1:
		if (sim.node[i].g != NULL)
			death(i, rnd(3) == 0);
		break;
	case 2:
	case 3:
		if (sim.node[i].g == NULL)
			birth(i);
		break;
	case 4:
		partition();
		break;
	case 5:
		story("links heal");
		links_all(true);
		break;
	case 6:
		links_random(70);
		story("links at random");
		break;
	case 7:
		sim.loss = rnd(3) == 0 ? 0 : rnd(50);
		sim.dup = rnd(20);
		sim.slow = rnd(3) == 0 ? 0 : rnd(30);
		story("loss %d%% duplicates %d%% late %d%%", sim.loss, sim.dup, sim.slow);
		break;
	case 8:
		if (sim.node[i].g != NULL)
			new_info(i);
		break;
	case 9:
		if (sim.node[i].g != NULL)
			new_word(i);
		break;
	}
}

/* The one outcome that the rules allow on this graph: view_of[i] = members of i's view */
static void
expected(uint32_t view_of[SK_NODES_MAX])
{
	uint32_t placed = 0;
	int i, j;

	for (i = 0; i < sim.nodes; i++) {
		view_of[i] = 0;
		if (sim.node[i].g == NULL)
			placed |= BIT(i);
	}
	for (i = 0; i < sim.nodes; i++) {
		uint32_t view = BIT(i);

		if ((placed & BIT(i)) != 0)
			continue;
		for (j = i + 1; j < sim.nodes; j++)
			if ((placed & BIT(j)) == 0 && (sim.up[i] & BIT(j)) != 0 && (sim.up[j] & BIT(i)) != 0)
				view |= BIT(j);
		placed |= view;
		for (j = i; j < sim.nodes; j++)
			if ((view & BIT(j)) != 0)
				view_of[j] = view;
	}
}

static void
judge_views(const uint32_t view_of[SK_NODES_MAX], bool acked)
{
	int i, j, leader;

	for (i = 0; i < sim.nodes; i++) {
		const struct node *n = &sim.node[i];

		if (n->g == NULL)
			continue;
		leader = __builtin_ctz(view_of[i]);
		if (group_members(n->g) != view_of[i] || group_leader(n->g) != leader)
			fail("node %d: leader %d members %x, expected leader %d members %x", i, group_leader(n->g), group_members(n->g),
			    leader, view_of[i]);
		else if (group_view(n->g) != group_view(sim.node[leader].g))
			fail("node %d: view %u, its leader %d has %u", i, group_view(n->g), leader, group_view(sim.node[leader].g));
		else if (acked && group_acked(n->g) != group_members(n->g))
			fail("node %d: of %x only %x are known to have view %u", i, group_members(n->g), group_acked(n->g), group_view(n->g));
		for (j = 0; j < sim.nodes; j++)
			if ((view_of[i] & BIT(j)) != 0 && group_word(n->g, j) != sim.node[j].word)
				fail("node %d: node %d has word %u, not %u", i, j, group_word(n->g, j), sim.node[j].word);
	}
}

static void
judge_peace(const uint32_t view_of[SK_NODES_MAX], bool complete)
{
	int i, j, allowed;

	for (i = 0; i < sim.nodes; i++) {
		struct node *n = &sim.node[i];

		if (n->g == NULL)
			continue;
		if (n->views != 0)
			fail("node %d: %d changes of view in peace", i, n->views);
		/* one question per leader heard and one answer per leader that counts us in: on the complete graph that is one ALIVE */
		allowed = group_leader(n->g) == i ? sim.nodes - 1 + (complete ? 0 : i) : complete ? 1 : 2 * sim.nodes;
		if (n->sent > n->ticks * allowed)
			fail("node %d: %d messages in %d pulses, allowed %d each", i, n->sent, n->ticks, allowed);
		for (j = 0; j < sim.nodes; j++)
			if (j != i && (view_of[i] & BIT(j)) != 0 && n->seen[j].sum != sim.node[j].own.sum)
				fail("node %d has not the info of node %d", i, j);
	}
}

static void
begin_history(uint64_t seed, int nodes)
{
	static const int counts[][2] = { { 3, 5 }, { 3, 5 }, { 2, 3 }, { 3, 3 }, { 4, 8 } };
	int pick;

	sim.seed = sim.rnd = seed;
	sim.epoch++;
	sim.now = sim.loss = sim.dup = sim.slow = 0;
	sim.failed = sim.calm = false;
	sim.excused = 0;
	sim.nodes = nodes > 0 ? nodes : 2 + rnd(7);
	sim.blob_max = rnd(4) == 0 ? GROUP_INFO_MAX : 2000;
	pick = rnd((int)ARRAY_LEN(counts));
	sim.mlost = counts[pick][0];
	sim.slost = counts[pick][1];
	story("seed %llu: %d nodes, mlost %d, slost %d", (unsigned long long)seed, sim.nodes, sim.mlost, sim.slost);
	links_all(true);
	memset(sim.node, 0, sizeof(sim.node));
}

static void
end_history(void)
{
	int i;

	for (i = 0; i < sim.nodes; i++)
		if (sim.node[i].g != NULL)
			group_free(sim.node[i].g);
	events_clear(&sim.events);
}

static void
history(uint64_t seed, int nodes)
{
	uint32_t view_of[SK_NODES_MAX];
	int i, steps, bound, alive = 0;
	bool complete;

	begin_history(seed, nodes);
	bound = 2 * (sim.mlost + sim.slost);
	for (i = 0; i < sim.nodes; i++)
		if (rnd(5) != 0)
			birth(i);
	for (steps = rnd(24); steps > 0 && !sim.failed; steps--) {
		run_until(sim.now + rnd(6 * PULSE));
		chaos_step();
	}
	/* peace: who is dead stays so, but not all */
	for (i = 0; i < sim.nodes; i++) {
		if (sim.node[i].g == NULL && rnd(2) == 0)
			birth(i);
		alive += sim.node[i].g != NULL;
	}
	if (alive == 0)
		birth(0);
	complete = rnd(3) != 0;
	links_all(true);
	if (!complete)
		links_random(75);
	sim.loss = sim.dup = sim.slow = 0;
	expected(view_of);
	story("peace on %s graph", complete ? "the complete" : "a fixed");
	/* what was under way arrives first; on a graph with gaps an outcome may wait for another, index by index */
	run_until(sim.now + STALE_MAX + (int64_t)(complete ? bound : 3 * bound) * PULSE + PULSE / 4);
	if (!sim.failed)
		judge_views(view_of, true);
	for (i = 0; i < sim.nodes; i++)
		sim.node[i].views = sim.node[i].sent = sim.node[i].ticks = 0;
	run_until(sim.now + 8 * PULSE);
	if (!sim.failed)
		judge_peace(view_of, complete);

	end_history();
}

/* One thing happens to a group at rest: how soon is there one view again, and is nobody reported down who lives? */
static void
calm_history(uint64_t seed, int nodes)
{
	uint32_t view_of[SK_NODES_MAX];
	uint32_t word;
	int i, halves, victim, half_pulses;
	bool spoke = false;

	begin_history(seed, nodes);
	for (i = 0; i < sim.nodes; i++)
		birth(i);
	run_until((2 * sim.mlost + 2) * PULSE);
	sim.calm = true;
	victim = rnd(3) == 0 ? rnd(sim.nodes) : 0;
	halves = 2 * (victim == 0 ? sim.mlost : sim.slost);	/* silence is noticed after this, half a pulse, and at a pulse */
	for (i = 0; i < sim.nodes; i++)
		sim.node[i].views = 0;
	word = sim.node[victim].word;
	switch (rnd(6)) {
	case 0:
		death(victim, false);
		half_pulses = halves + 5;
		break;
	case 1:
		death(victim, true);
		half_pulses = 4;
		break;
	case 2:	/* a restart that is faster than the others' patience */
		death(victim, false);
		run_until(sim.now + rnd(PULSE / 4));
		birth(victim);
		if (sim.mlost < 3)	/* it listens for as long as the others wait */
			sim.excused = BIT(victim);
		half_pulses = 2 * sim.mlost + 5;
		break;
	case 3:	/* a restart that is not */
		death(victim, false);
		run_until(sim.now + (sim.mlost + sim.slost + 3) * PULSE);
		birth(victim);
		half_pulses = 2 * sim.mlost + 5;
		break;
	case 4:	/* one new view, acknowledged by all: to the leader, its pulse, and three times through the network */
		new_word(victim);
		spoke = true;
		half_pulses = 5;
		break;
	default:	/* two halves meet again */
		sim.calm = false;
		partition();
		run_until(sim.now + (sim.mlost + 2 * sim.slost + 6) * PULSE);
		links_all(true);
		sim.calm = true;
		half_pulses = 6;
		break;
	}
	run_until(sim.now + half_pulses * PULSE / 2);
	expected(view_of);
	if (!sim.failed)
		judge_views(view_of, spoke);	/* who misses the leader last adopts a pulse later */
	run_until(sim.now + 20 * PULSE);
	if (!sim.failed)
		judge_views(view_of, true);
	for (i = 0; spoke && i < sim.nodes; i++)
		if (sim.node[i].views != (word != sim.node[victim].word))
			fail("node %d: %d views for a new word", i, sim.node[i].views);
	end_history();
}

static bool
batch(int test, void (*one)(uint64_t, int), uint64_t first, int runs, int nodes, const char *what)
{
	int i, bad = 0;

	for (i = 0; i < runs; i++) {
		one(first + (uint64_t)i, nodes);
		if (!sim.failed)
			continue;
		if (bad++ < 5)
			printf("# seed %llu%s: %s; see group_sim -n 1 -v -s %llu%s\n", (unsigned long long)sim.seed,
			    nodes > 0 ? " (32 nodes)" : "", sim.why, (unsigned long long)sim.seed,
			    one == calm_history ? " -c" : nodes > 0 ? " -k 32" : "");
	}
	printf("%sok %d - %d histories of %s from seed %llu%s\n", bad > 0 ? "not " : "", test, runs, what, (unsigned long long)first,
	    bad > 0 ? " FAILED" : "");
	fflush(stdout);
	return bad == 0;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, runs = 5000, nodes = 0, left;
	bool ok = true, odd = false, calm = false;
	int c, test = 0;

	diag_init("group_sim", 0);
	while ((c = getopt(argc, argv, "n:s:k:cv")) != -1) {
		if (c == 'v')
			sim.verbose = true;
		else if (c == 'c')
			calm = true;
		else if ((c != 'n' || !str_to_u64(optarg, 1, 100000000, &runs)) && (c != 's' || !str_to_u64(optarg, 0, UINT64_MAX, &seed)) &&
		    (c != 'k' || !str_to_u64(optarg, 1, SK_NODES_MAX, &nodes)))
			odd = true;
	}
	if (odd || optind != argc) {
		fprintf(stderr, "usage: group_sim [-n RUNS] [-s SEED] [-k NODES] [-c] [-v]\n");
		return 2;
	}
	for (left = runs; left > 0; test++) {
		int n = left < BATCH ? (int)left : BATCH;

		ok = batch(test + 1, calm ? calm_history : history, seed + runs - left, n, (int)nodes,
		    nodes > 0 ? "a fixed number of nodes" : "2 to 8 nodes") && ok;
		left -= (uint64_t)n;
	}
	if (nodes == 0 && !calm && runs >= BATCH) {
		ok = batch(++test, calm_history, seed, BATCH, 0, "2 to 8 nodes at rest, one event") && ok;
		ok = batch(++test, history, seed, 10, SK_NODES_MAX, "32 nodes") && ok;
	}
	printf("1..%d\n", test);
	free(sim.events.heap);
	return ok ? 0 : 1;
}
