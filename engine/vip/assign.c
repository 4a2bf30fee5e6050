/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assign.c: which node owns which bucket.
 *
 * Every bucket has a mark 0..255 from every node, every node gives each mark once (drawn once and for all from SEED).  A bucket prefers
 * the node whose -log(mark) / power is lowest: so each gets its part of first choices by its power, whoever else is there (weighted
 * rendezvous hashing), and only the buckets of a node that goes would move.  Shares are exact by deferred acceptance (Gale and Shapley,
 * 1962): a bucket asks the nodes in the order of its preference, a node keeps as many as its share is, those with its highest marks.  The outcome
 * does not depend on the order in which buckets ask, and changes little when a node comes or goes.
 *
 * Owns: the marks.  Called by: vip/farm.  Never does: remember a former owner; floating point (all servers must agree).
 */
#include "config.h"
#include "vip/assign.h"

#include <string.h>

#ifndef ASSIGN_SEED
#define ASSIGN_SEED	8330	/* of 20,000 the one that moves least for up to 4 and up to 6 nodes */
#endif
#define HALF		(FILTER_BUCKETS / 2)

static struct {
	bool	 made;
	uint8_t	 mark[FILTER_NODES][FILTER_BUCKETS];
	uint8_t	 of[FILTER_NODES][FILTER_BUCKETS];	/* bucket with that mark */
	uint32_t cost[FILTER_BUCKETS];			/* of a mark: -log2 of (mark + 1/2) / 256, in 1/65536 */
	uint64_t rnd;
} lists;

/* splitmix64 (public domain algorithm by S. Vigna), written anew */
static uint64_t
rnd64(void)
{
	uint64_t z = lists.rnd += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void
shuffle(uint8_t *p, int n)
{
	int i, j;
	uint8_t t;

	for (i = n - 1; i > 0; i--) {
		j = (int)(rnd64() % (uint64_t)(i + 1));
		t = p[i];
		p[i] = p[j];
		p[j] = t;
	}
}

/* log2(x) in 1/65536, bit by bit: squaring doubles the logarithm */
static uint32_t
log2_of(uint32_t x)
{
	int whole = 31 - __builtin_clz(x), bit;
	uint32_t log = (uint32_t)whole << 16;
	uint64_t m = ((uint64_t)x << 31) >> whole;	/* 1 <= m < 2, in 1/2^31 */

	for (bit = 15; bit >= 0; bit--) {
		m = m * m >> 31;
		if (m >= UINT64_C(1) << 32) {
			m >>= 1;
			log |= 1u << bit;
		}
	}
	return log;
}

/* Nodes 0 and 1: their marks are such that each is preferred by one half of the buckets, as documented (user's guide 4.3.5) */
static void
mark_first_two(void)
{
	uint8_t a[FILTER_BUCKETS], b[FILTER_BUCKETS], place[FILTER_BUCKETS];
	int i, first, low = 0, high = HALF;
	bool tie;

	for (i = 0; i < FILTER_BUCKETS; i++)
		a[i] = b[i] = place[i] = (uint8_t)i;
	do {
		shuffle(b, FILTER_BUCKETS);
		for (i = first = 0, tie = false; i < FILTER_BUCKETS; i++) {
			first += a[i] > b[i];
			tie = tie || a[i] == b[i];
		}
	} while (tie || first != HALF);
	shuffle(place, HALF);
	shuffle(place + HALF, HALF);
	for (i = 0; i < FILTER_BUCKETS; i++) {
		int at = place[a[i] > b[i] ? low++ : high++];

		lists.mark[0][at] = a[i];
		lists.mark[1][at] = b[i];
	}
}

static void
make_lists(void)
{
	int i, b;

	lists.rnd = ASSIGN_SEED;
	mark_first_two();
	for (i = 2; i < FILTER_NODES; i++) {
		for (b = 0; b < FILTER_BUCKETS; b++)
			lists.mark[i][b] = (uint8_t)b;
		shuffle(lists.mark[i], FILTER_BUCKETS);
	}
	for (i = 0; i < FILTER_NODES; i++)
		for (b = 0; b < FILTER_BUCKETS; b++)
			lists.of[i][lists.mark[i][b]] = (uint8_t)b;
	for (b = 0; b < FILTER_BUCKETS; b++)
		lists.cost[b] = (9u << 16) - log2_of(2 * (uint32_t)b + 1);
	lists.made = true;
}

struct seat { uint8_t node, row; uint16_t power; int share, held, lowest; bool keeps[FILTER_BUCKETS]; };	/* keeps, lowest: by mark */

/* Largest remainder; ties to the lower index */
static void
share_out(struct seat *seat, int n, uint32_t sum)
{
	uint32_t rest[FILTER_NODES];
	int i, best, left = FILTER_BUCKETS;

	for (i = 0; i < n; i++) {
		seat[i].share = (int)(FILTER_BUCKETS * (uint32_t)seat[i].power / sum);
		rest[i] = FILTER_BUCKETS * (uint32_t)seat[i].power % sum + 1;	/* 0: has its one more */
		left -= seat[i].share;
	}
	for (; left > 0; left--) {
		for (i = 1, best = 0; i < n; i++)
			if (rest[i] > rest[best])
				best = i;
		rest[best] = 0;
		seat[best].share++;
	}
}

/* a before b in the preference of a bucket */
static bool
is_preferred(const struct seat *a, const struct seat *b, int bucket)
{
	uint64_t ca = (uint64_t)lists.cost[lists.mark[a->row][bucket]] * b->power;
	uint64_t cb = (uint64_t)lists.cost[lists.mark[b->row][bucket]] * a->power;

	return ca < cb || (ca == cb && a->row < b->row);
}

/* The first in the bucket's preference after `last` (-1: of all) */
static int
next_choice(const struct seat *seat, int n, int last, int bucket)
{
	int i, best = -1;

	for (i = 0; i < n; i++)
		if (i != last && (last < 0 || is_preferred(&seat[last], &seat[i], bucket)) &&
		    (best < 0 || is_preferred(&seat[i], &seat[best], bucket)))
			best = i;
	return best;
}

/* The node keeps the bucket or not; the bucket that has to ask on, -1: none */
static int
ask(struct seat *s, int bucket)
{
	int mark = lists.mark[s->row][bucket];

	if (s->held == s->share && (s->share == 0 || mark < s->lowest))
		return bucket;
	s->keeps[mark] = true;
	if (s->held == 0 || mark < s->lowest)
		s->lowest = mark;
	if (s->held < s->share) {
		s->held++;
		return -1;
	}
	mark = s->lowest;
	s->keeps[mark] = false;
	while (!s->keeps[s->lowest])
		s->lowest++;
	return lists.of[s->row][mark];
}

void
assign_buckets(const uint16_t power[FILTER_NODES], uint32_t serving, uint8_t owner[FILTER_BUCKETS])
{
	struct seat seat[FILTER_NODES];
	int8_t at[FILTER_BUCKETS];
	int i, b, bucket, row = 0, n = 0;
	uint32_t sum = 0;

	if (!lists.made)
		make_lists();
	memset(owner, FILTER_NOBODY, FILTER_BUCKETS);
	memset(seat, 0, sizeof(seat));
	for (i = 0; i < FILTER_NODES; i++) {
		if (power[i] == 0)
			continue;
		/* marks by the order among those that have a power at all: a group of two has the halves, whichever two they are */
		seat[n].row = (uint8_t)row++;
		if ((serving >> i & 1) == 0)
			continue;
		seat[n].node = (uint8_t)i;
		seat[n].power = power[i];
		sum += power[i];
		n++;
	}
	if (n == 0)
		return;
	share_out(seat, n, sum);
	memset(at, -1, sizeof(at));
	for (b = 0; b < FILTER_BUCKETS; b++)
		for (bucket = b; bucket >= 0;) {
			at[bucket] = (int8_t)next_choice(seat, n, at[bucket], bucket);
			bucket = ask(&seat[at[bucket]], bucket);
		}
	for (b = 0; b < FILTER_BUCKETS; b++)
		owner[b] = seat[at[b]].node;
}
