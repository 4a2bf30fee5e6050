/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a synchronisation has to look at: every row of engine/rfs/state_match.c. */
#include "config.h"
#include "rfs/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* a primary that went on alone with 3, after it was paired with 2, and with 1 before */
static const struct rfs_state alone = { .gen = 3, .base = 2, .history = { 2, 1 } };

static void
row(const struct rfs_state *p, struct rfs_state s, enum state_match want)
{
	assert_int_equal(state_match(p, &s), want);
}

static void
test_full(void **state)
{
	struct rfs_state p = alone;

	row(&p, (struct rfs_state){ .gen = 2, .base = 2, .full = true }, MATCH_FULL);
	p.full = true;
	row(&p, (struct rfs_state){ .gen = 2, .base = 2 }, MATCH_FULL);
	row(&p, (struct rfs_state){ .gen = 3, .base = 3 }, MATCH_FULL);
	row(&p, (struct rfs_state){ .inconsistent = true, .from = 3 }, MATCH_FULL);
}

static void
test_forced(void **state)
{
	struct rfs_state p = alone;

	p.inconsistent = true;
	row(&p, (struct rfs_state){ .gen = 2, .base = 2 }, MATCH_BLIND);
}

static void
test_interrupted(void **state)
{
	row(&alone, (struct rfs_state){ .gen = 2, .base = 2, .inconsistent = true, .from = 3 }, MATCH_RESUME);
	row(&alone, (struct rfs_state){ .gen = 2, .base = 2, .inconsistent = true, .from = 2 }, MATCH_RESUME);
	row(&alone, (struct rfs_state){ .gen = 2, .base = 2, .inconsistent = true, .from = 1 }, MATCH_RESUME);
	row(&alone, (struct rfs_state){ .gen = 0, .inconsistent = true, .from = 3 }, MATCH_RESUME);
	row(&alone, (struct rfs_state){ .gen = 2, .base = 2, .inconsistent = true, .from = 7 }, MATCH_BLIND);
	row(&alone, (struct rfs_state){ .gen = 2, .base = 2, .inconsistent = true, .from = 0 }, MATCH_BLIND);
}

static void
test_nothing_known(void **state)
{
	struct rfs_state p = { 0 };

	row(&alone, (struct rfs_state){ 0 }, MATCH_BLIND);
	row(&p, (struct rfs_state){ .gen = 2, .base = 2 }, MATCH_BLIND);
	row(&p, (struct rfs_state){ 0 }, MATCH_BLIND);
}

static void
test_maps(void **state)
{
	struct rfs_state paired = { .gen = 2, .base = 2, .history = { 1 } };

	row(&paired, (struct rfs_state){ .gen = 2, .base = 2, .history = { 1 } }, MATCH_MAPS);	/* both stopped as a pair */
	row(&alone, (struct rfs_state){ .gen = 2, .base = 2, .history = { 1 } }, MATCH_MAPS);	/* it went away, we went on */
}

static void
test_newer(void **state)
{
	struct rfs_state p = { .gen = 2, .base = 2, .history = { 1 } };

	row(&p, (struct rfs_state){ .gen = 4, .base = 2, .history = { 2, 1 } }, MATCH_REFUSE);
	row(&p, (struct rfs_state){ .gen = 5, .base = 4, .history = { 4, 2, 1 } }, MATCH_REFUSE);
	row(&alone, (struct rfs_state){ .gen = 5, .base = 3, .history = { 3 } }, MATCH_REFUSE);
}

static void
test_fork(void **state)
{
	row(&alone, (struct rfs_state){ .gen = 9, .base = 2, .history = { 2, 1 } }, MATCH_FORK);
	/* their maps do not begin at the same instant: nothing but to look at everything */
	row(&alone, (struct rfs_state){ .gen = 9, .base = 1, .history = { 1 } }, MATCH_BLIND);
}

static void
test_long_ago(void **state)
{
	row(&alone, (struct rfs_state){ .gen = 1, .base = 1 }, MATCH_BLIND);	/* a copy from before the last pair */
	row(&alone, (struct rfs_state){ .gen = 77, .base = 76 }, MATCH_BLIND);
}

/* Never: p and s swapped give a primary to each */
static void
test_never_both(void **state)
{
	struct rfs_state s[4] = { alone, { .gen = 2, .base = 2, .history = { 1 } }, { .gen = 9, .base = 2, .history = { 2, 1 } }, { .gen = 1, .base = 1 } };
	int i, j;

	for (i = 0; i < 4; i++)
		for (j = 0; j < 4; j++)
			assert_false(state_match(&s[i], &s[j]) == MATCH_REFUSE && state_match(&s[j], &s[i]) == MATCH_REFUSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full), cmocka_unit_test(test_forced), cmocka_unit_test(test_interrupted), cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_maps), cmocka_unit_test(test_newer), cmocka_unit_test(test_fork), cmocka_unit_test(test_long_ago),
		cmocka_unit_test(test_never_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
