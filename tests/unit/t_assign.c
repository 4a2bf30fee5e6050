/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine/vip/assign: exact shares, the documented halves, and how many buckets move when a node comes or goes. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/rng.h"
#include "vip/assign.h"

#define B(i) (UINT32_C(1) << (i))

static void
count(const uint8_t *owner, int n[FILTER_NODES])
{
	int i;

	memset(n, 0, FILTER_NODES * sizeof(*n));
	for (i = 0; i < FILTER_BUCKETS; i++)
		if (owner[i] < FILTER_NODES)
			n[owner[i]]++;
}

/* The shares, written the slow way */
static void
shares(const uint16_t *power, uint32_t serving, int share[FILTER_NODES])
{
	unsigned sum = 0, rest[FILTER_NODES] = { 0 };
	int i, k, left = FILTER_BUCKETS;

	memset(share, 0, FILTER_NODES * sizeof(*share));
	for (i = 0; i < FILTER_NODES; i++)
		sum += (serving & B(i)) != 0 ? power[i] : 0;
	if (sum == 0)
		return;
	for (i = 0; i < FILTER_NODES; i++)
		if ((serving & B(i)) != 0) {
			share[i] = (int)(power[i] * 256u / sum);
			rest[i] = power[i] * 256u % sum;
			left -= share[i];
		}
	while (left-- > 0) {
		k = 0;
		for (i = 1; i < FILTER_NODES; i++)
			if (rest[i] > rest[k])
				k = i;
		share[k]++;
		rest[k] = 0;
	}
}

static void
test_shares_are_exact(void **state)
{
	uint16_t power[FILTER_NODES];
	int got[FILTER_NODES], want[FILTER_NODES], run, i;
	uint8_t owner[FILTER_BUCKETS], again[FILTER_BUCKETS];
	uint32_t serving;
	struct rng r;

	rng_seed(&r, 1);
	for (run = 0; run < 3000; run++) {
		unsigned kind = rng_below(&r, 4);

		serving = (uint32_t)rng_next(&r) & (rng_below(&r, 2) == 0 ? UINT32_MAX : 0xff);
		for (i = 0; i < FILTER_NODES; i++)
			power[i] = (uint16_t)(kind == 0 ? 1 : kind == 1 ? rng_below(&r, 4) : kind == 2 ? rng_below(&r, 257) : rng_below(&r, 8) == 0 ? 256 : 1);
		assign_buckets(power, serving, owner);
		count(owner, got);
		shares(power, serving, want);
		for (i = 0; i < FILTER_NODES; i++)
			assert_int_equal(got[i], want[i]);
		assign_buckets(power, serving, again);
		assert_memory_equal(owner, again, sizeof(owner));
	}
}

/* User's guide 4.3.5, also when they are not the first of the cluster */
static void
test_two_equal_servers_have_the_halves(void **state)
{
	uint16_t power[FILTER_NODES];
	uint8_t owner[FILTER_BUCKETS];
	int a, b, i;

	for (a = 0; a < FILTER_NODES; a++)
		for (b = a + 1; b < FILTER_NODES; b++) {
			memset(power, 0, sizeof(power));
			power[a] = power[b] = (uint16_t)(1 + (a * b) % 256);
			assign_buckets(power, UINT32_MAX, owner);
			for (i = 0; i < FILTER_BUCKETS; i++)
				assert_int_equal(owner[i], i < FILTER_BUCKETS / 2 ? a : b);
		}
	/* and the first two of more */
	for (i = 0; i < FILTER_NODES; i++)
		power[i] = 1;
	assign_buckets(power, 3, owner);
	for (i = 0; i < FILTER_BUCKETS; i++)
		assert_int_equal(owner[i], i / (FILTER_BUCKETS / 2));
}

static void
test_nobody(void **state)
{
	uint16_t power[FILTER_NODES] = { 0, 5 };
	uint8_t owner[FILTER_BUCKETS];
	int i;

	assign_buckets(power, 0, owner);
	for (i = 0; i < FILTER_BUCKETS; i++)
		assert_int_equal(owner[i], FILTER_NOBODY);
	assign_buckets(power, ~B(1), owner);
	for (i = 0; i < FILTER_BUCKETS; i++)
		assert_int_equal(owner[i], FILTER_NOBODY);
	assign_buckets(power, B(1) | B(7), owner);
	for (i = 0; i < FILTER_BUCKETS; i++)
		assert_int_equal(owner[i], 1);
}

/* ---- how many move ---- */

struct moves { double moved, least, worst; };

static void
transition(struct moves *m, const uint16_t *power, uint32_t before, uint32_t after)
{
	uint8_t a[FILTER_BUCKETS], b[FILTER_BUCKETS];
	int na[FILTER_NODES], nb[FILTER_NODES], i, moved = 0, least = 0;

	assign_buckets(power, before, a);
	assign_buckets(power, after, b);
	count(a, na);
	count(b, nb);
	for (i = 0; i < FILTER_BUCKETS; i++)
		moved += a[i] != b[i];
	for (i = 0; i < FILTER_NODES; i++)
		least += na[i] > nb[i] ? na[i] - nb[i] : 0;
	m->moved += moved;
	m->least += least;
	if (least > 0 && (double)moved / least > m->worst)
		m->worst = (double)moved / least;
}

static void
tell(const char *what, const struct moves *m)
{
	print_message("# %s: %.3f times the least, at worst %.2f\n", what, m->moved / m->least, m->worst);
}

static void
test_up_to_8_equal_nodes(void **state)
{
	/* bounds: what was measured, rounded up; moves[0]: all */
	static const struct { double mean, worst; } bound[9] = { { 1.06, 1.35 }, { 0 }, { 1, 1 }, { 1.03, 1.15 }, { 1.05, 1.2 }, { 1.09, 1.25 },
	    { 1.12, 1.3 }, { 1.16, 1.35 }, { 1.2, 1.35 } };
	struct moves m[9] = { { 0 } };
	uint16_t power[FILTER_NODES];
	uint32_t s;
	char what[32];
	int i;

	for (i = 0; i < FILTER_NODES; i++)
		power[i] = 7;
	for (s = 1; s < 256; s++)
		for (i = 0; i < 8; i++)
			if ((s & B(i)) != 0 && s != B(i)) {
				transition(&m[0], power, s, s & ~B(i));
				transition(&m[__builtin_popcount(s)], power, s, s & ~B(i));
			}
	for (i = 0; i <= 8; i++) {
		if (i == 1)
			continue;
		snprintf(what, sizeof(what), i == 0 ? "2 to 8 nodes" : "one of %d", i);
		tell(what, &m[i]);
		assert_true(m[i].moved <= bound[i].mean * m[i].least && m[i].worst <= bound[i].worst);
	}
}

static void
test_many_nodes_and_powers(void **state)
{
	static const struct { const char *what; unsigned powers; double mean, worst; } rows[] = {
		{ "random, equal powers", 1, 1.6, 2.9 }, { "random, powers 1 to 4", 4, 1.6, 4.5 }, { "random, powers 1 to 256", 256, 1.6, 8 } };
	uint16_t power[FILTER_NODES];
	uint32_t s;
	size_t row;
	int run, i;
	struct rng r;

	rng_seed(&r, 7);
	for (row = 0; row < ARRAY_LEN(rows); row++) {
		struct moves m = { 0 };

		for (run = 0; run < 2000; run++) {
			for (i = 0; i < FILTER_NODES; i++)
				power[i] = (uint16_t)(1 + rng_below(&r, rows[row].powers));
			s = (uint32_t)rng_next(&r);
			i = (int)rng_below(&r, FILTER_NODES);
			if ((s | B(i)) != B(i))
				transition(&m, power, s | B(i), s & ~B(i));
		}
		tell(rows[row].what, &m);
		assert_true(m.moved <= rows[row].mean * m.least && m.worst <= rows[row].worst);
	}
}

/* A power that changes by one moves little, too */
static void
test_a_power_changes(void **state)
{
	uint16_t before[FILTER_NODES] = { 1, 1, 1 }, after[FILTER_NODES] = { 1, 2, 1 };
	uint8_t a[FILTER_BUCKETS], b[FILTER_BUCKETS];
	int i, moved = 0;

	assign_buckets(before, 7, a);
	assign_buckets(after, 7, b);
	for (i = 0; i < FILTER_BUCKETS; i++)
		moved += a[i] != b[i];
	assert_in_range(moved, 43, 60);		/* from 85 to 128 */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_are_exact),
		cmocka_unit_test(test_two_equal_servers_have_the_halves),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_up_to_8_equal_nodes),
		cmocka_unit_test(test_many_nodes_and_powers),
		cmocka_unit_test(test_a_power_changes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
