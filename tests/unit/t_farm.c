/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine/vip/farm: owners, holders, info, case by case.  What happens between many nodes is tests/sim/farm_sim's. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vip/farm.h"

#define B(i)	(UINT32_C(1) << (i))
#define HALF	(FILTER_BUCKETS / 2)

static struct filter_tables tables;

static struct farm *
make(int self, int nodes)
{
	struct farm_conf c = { .nodes = nodes, .self = self, .groups = 2, .intfs = 2 };
	struct farm *f;
	int i, k;

	strcpy(c.group[0].name, "FarmProto_0");
	strcpy(c.group[1].name, "FarmProto_1");
	c.group[0].seed = 11;
	c.group[1].seed = 12;
	for (i = 0; i < nodes; i++)
		c.group[0].power[i] = 1;
	c.group[1].power[0] = 1;
	c.group[1].power[1] = 3;
	for (k = 0; k < 2; k++) {
		memset(c.mac[k], 0x10 * (k + 1), 6);
		c.mac[k][5] = (uint8_t)self;
	}
	f = farm_new(&c);
	assert_non_null(f);
	return f;
}

static void
view(struct farm *f, uint32_t number, uint32_t members, uint32_t serving, uint32_t acked)
{
	struct farm_view v = { number, __builtin_ctz(members), members, serving, acked, 0, false };

	farm_view(f, &v);
}

static const struct filter_bucket *
bucket(struct farm *f, int g, int b)
{
	if (!farm_tables(f, 0, &tables))
		assert_false(farm_changed(f) && farm_tables(f, 0, &tables));
	return &tables.group[g].bucket[b];
}

/* What node `from` says now reaches f */
static void
tell(struct farm *from, int node, struct farm *f)
{
	const uint8_t *info;
	size_t len;

	assert_true(farm_info(from, &info, &len));
	assert_true(farm_hear(f, node, info, len));
}

static void
count_nothing(struct farm *f, uint32_t counted_in)
{
	uint8_t bits[FILTER_GROUPS][FILTER_BUCKETS / 8] = { { 0 } };

	farm_holds(f, counted_in, bits);
}

static void
test_alone(void **state)
{
	struct farm *f = make(0, 3);

	assert_int_equal(bucket(f, 0, 5)->owner, FILTER_NOBODY);	/* no view */
	assert_int_equal(tables.group[0].seed, 11);
	assert_int_equal(farm_serving(f, 0), 0);
	view(f, 10, B(0), 0, B(0));
	assert_int_equal(bucket(f, 0, 5)->owner, FILTER_NOBODY);
	view(f, 11, B(0), B(0), B(0));
	assert_int_equal(bucket(f, 0, 5)->owner, 0);
	assert_int_equal(bucket(f, 0, 5)->holders, 0);
	assert_int_equal(farm_share(f, 0, 0), 256);
	assert_int_equal(farm_share(f, 1, 0), 256);
	assert_int_equal(farm_serving(f, 1), B(0));
	assert_int_equal(farm_serves(f), B(0));
	assert_int_equal(tables.known, B(0));
	assert_int_equal(tables.mac[0][0], 0x10);
	assert_true(farm_tables(f, 1, &tables));	/* each interface is told */
	assert_int_equal(tables.mac[0][0], 0x20);
	assert_false(farm_tables(f, 1, &tables));
	assert_false(farm_tables(f, 2, &tables));
	view(f, 11, B(0), B(0), B(0));
	assert_false(farm_changed(f));
	farm_free(f);
}

/* Two nodes, the second one begins to serve: the first one loses its half at once, the second takes it when the first is known to have lost it */
static void
test_handing_over(void **state)
{
	struct farm *a = make(0, 2), *b = make(1, 2);

	view(a, 10, B(0), B(0), B(0));
	view(a, 11, 3, B(0), B(0));
	view(b, 11, 3, B(0), 3);
	assert_int_equal(bucket(a, 0, HALF)->owner, 0);
	assert_int_equal(bucket(b, 0, HALF)->owner, 0);
	view(a, 12, 3, 3, B(0));
	assert_int_equal(bucket(a, 0, HALF)->owner, 1);
	assert_int_equal(bucket(a, 0, HALF)->holders, B(0));	/* our connections of it go on */
	assert_int_equal(bucket(a, 0, 0)->owner, 0);
	assert_int_equal(farm_share(a, 0, 0), HALF);
	assert_int_equal(farm_share(a, 1, 1), 192);		/* power 3 to 1 */
	view(b, 12, 3, 3, B(1));		/* as if the leader's acknowledgement were not there */
	assert_int_equal(bucket(b, 0, HALF)->owner, FILTER_NOBODY);
	assert_int_equal(bucket(b, 0, 0)->owner, 0);
	view(b, 12, 3, 3, 3);
	assert_int_equal(bucket(b, 0, HALF)->owner, 1);
	assert_int_equal(bucket(b, 0, HALF)->holders, B(0));	/* nothing known of it: it may hold anything */
	/* the first says what it holds: then nobody else is asked about its own half, but still about the other */
	tell(a, 0, b);
	assert_int_equal(bucket(b, 0, HALF)->holders, B(0));
	count_nothing(a, 11);			/* counted before it was lost: says nothing */
	assert_true(farm_must_count(a));
	count_nothing(a, 12);
	assert_false(farm_must_count(a));
	tell(a, 0, b);
	assert_int_equal(bucket(b, 0, HALF)->holders, 0);
	assert_int_equal(bucket(a, 0, HALF)->holders, 0);
	assert_int_equal(tables.known, B(0));
	farm_free(a);
	farm_free(b);
}

static void
test_holders_are_counted(void **state)
{
	struct farm *a = make(0, 2);
	uint8_t bits[FILTER_GROUPS][FILTER_BUCKETS / 8] = { { 0 } };

	count_nothing(a, 0);			/* without a view: the filter has the tables of a former life */
	view(a, 10, B(0), B(0), B(0));
	assert_false(farm_must_count(a));	/* all is ours */
	view(a, 11, 3, 3, B(0));
	assert_true(farm_must_count(a));
	bits[0][200 / 8] = 1u << 200 % 8;
	farm_holds(a, 11, bits);
	assert_true(farm_must_count(a));
	assert_int_equal(bucket(a, 0, 199)->holders & B(0), 0);
	assert_int_equal(bucket(a, 0, 200)->holders & B(0), B(0));
	/* its owner dies: ours again, and lost again: counted anew */
	view(a, 12, B(0), B(0), B(0));
	assert_int_equal(bucket(a, 0, 199)->owner, 0);
	assert_false(farm_must_count(a));
	view(a, 13, 3, 3, B(0));
	farm_holds(a, 12, bits);
	assert_int_equal(bucket(a, 0, 199)->holders & B(0), B(0));
	farm_holds(a, 13, bits);
	assert_int_equal(bucket(a, 0, 199)->holders & B(0), 0);
	/* something lost within a view: the count that may have been under way does not count, the next one does */
	farm_outside(a, 0, 0, B(1));
	assert_int_equal(bucket(a, 0, 5)->owner, FILTER_NOBODY);
	count_nothing(a, 13);
	assert_int_equal(bucket(a, 0, 5)->holders & B(0), B(0));
	count_nothing(a, 13);
	assert_int_equal(bucket(a, 0, 5)->holders & B(0), 0);
	farm_free(a);
}

/* Three nodes: what the third gains from the second needs the second's word only, when the view before is known */
static void
test_whose_word_is_needed(void **state)
{
	struct farm *f = make(2, 3);
	int b, of[3] = { -1, -1, -1 }, gained = -1;

	view(f, 20, 7, 7, 7);
	for (b = 0; b < FILTER_BUCKETS; b++)
		of[bucket(f, 0, b)->owner] = b;
	assert_true(of[0] >= 0 && of[1] >= 0 && of[2] >= 0);
	view(f, 21, 7, 5, B(2));		/* the second does not serve any more */
	assert_int_equal(farm_share(f, 0, 2), HALF);
	for (b = 0; gained < 0 && b < FILTER_BUCKETS; b++)
		if (bucket(f, 0, b)->owner == FILTER_NOBODY)
			gained = b;
	assert_true(gained >= 0);
	assert_int_equal(bucket(f, 0, of[2])->owner, 2);	/* what was ours and is, stays */
	view(f, 21, 7, 5, B(2) | B(0));
	assert_int_equal(bucket(f, 0, gained)->owner, FILTER_NOBODY);
	view(f, 21, 7, 5, 7);
	assert_int_equal(bucket(f, 0, gained)->owner, 2);
	/* it is dead: at once */
	view(f, 22, 7, 7, 7);
	assert_int_equal(bucket(f, 0, gained)->owner, 1);
	view(f, 23, 5, 5, B(2));
	assert_int_equal(bucket(f, 0, gained)->owner, 2);
	/* a view was missed: everybody's word is needed, also for what was ours */
	view(f, 25, 5, 5, B(2));
	assert_int_equal(bucket(f, 0, gained)->owner, FILTER_NOBODY);
	view(f, 25, 5, 5, 5);
	assert_int_equal(bucket(f, 0, gained)->owner, 2);
	farm_free(f);
}

static void
test_dead_or_only_not_in_the_view(void **state)
{
	struct farm *f = make(0, 2);
	struct farm_view v = { 11, 0, B(0), B(0), B(0), B(1), false };

	view(f, 10, 3, 3, 3);
	farm_view(f, &v);	/* the other is out of the view, but spoke a moment ago */
	assert_int_equal(bucket(f, 0, HALF)->owner, FILTER_NOBODY);
	assert_int_equal(bucket(f, 0, 0)->owner, 0);
	farm_outside(f, B(1), 0, 0);
	assert_int_equal(bucket(f, 0, HALF)->owner, 0);
	assert_int_equal(bucket(f, 0, HALF)->holders, B(1));	/* we hear it: it may hold anything */
	farm_outside(f, 0, 0, 0);
	assert_int_equal(bucket(f, 0, HALF)->holders, 0);
	farm_free(f);
}

static void
test_giving_way(void **state)
{
	struct farm *f = make(3, 5);

	view(f, 10, B(3) | B(4), B(3) | B(4), B(3) | B(4));
	assert_int_equal(farm_share(f, 0, 3), HALF);
	assert_int_equal(farm_serving(f, 1), 0);	/* power 0 there */
	assert_int_equal(bucket(f, 1, 0)->owner, FILTER_NOBODY);
	farm_outside(f, B(0), 0, B(0) | B(2));
	assert_int_equal(bucket(f, 0, 0)->owner == 4 || bucket(f, 0, 0)->owner == FILTER_NOBODY, true);
	assert_int_equal(farm_share(f, 0, 3), HALF);
	farm_outside(f, 0, 0, 0);
	assert_int_equal(bucket(f, 0, 0)->owner, 3);
	farm_free(f);
	/* a view that does not serve our group is no reason */
	f = make(1, 4);
	view(f, 10, B(1), B(1), B(1));
	farm_outside(f, 0, 0, B(2));
	assert_int_equal(bucket(f, 1, 0)->owner, 1);
	assert_int_equal(bucket(f, 0, 0)->owner, FILTER_NOBODY);
	farm_free(f);
}

static void
test_beginning_anew(void **state)
{
	struct farm *f = make(0, 2);

	view(f, 10, B(0), B(0), B(0));
	farm_view(f, NULL);
	assert_int_equal(bucket(f, 0, 0)->owner, FILTER_NOBODY);
	assert_int_equal(bucket(f, 0, 0)->holders, B(0));
	assert_false(farm_must_count(f));
	view(f, 10, 3, 3, B(0));	/* the same number means nothing now */
	assert_int_equal(bucket(f, 0, 0)->owner, FILTER_NOBODY);
	view(f, 10, 3, 3, 3);
	assert_int_equal(bucket(f, 0, 0)->owner, 0);
	farm_free(f);
}

/* Views whose owners are computed with another configuration say nothing of who may have what */
static void
test_foreign_view(void **state)
{
	struct farm *f = make(0, 3);
	struct farm_view v = { 11, 0, 7, B(1), 7, 0, true };

	view(f, 10, 7, 7, 7);
	farm_view(f, &v);
	view(f, 12, 7, 7, B(0) | B(1));
	assert_int_equal(bucket(f, 0, 0)->owner != 0, true);
	view(f, 12, 7, 7, 7);
	assert_int_equal(farm_share(f, 0, 0), 86);
	farm_free(f);
}

/* ---- info ---- */

static void
test_macs_and_who_knows_them(void **state)
{
	struct farm *a = make(0, 3), *b = make(1, 3);

	view(a, 10, 3, 3, 3);
	view(b, 10, 3, 3, 3);
	tell(b, 1, a);			/* b has not heard of a's MAC */
	bucket(a, 0, 0);
	assert_int_equal(tables.known, 3);
	assert_int_equal(tables.deaf, B(1));
	assert_int_equal(tables.mac[1][0], 0x10);
	assert_int_equal(tables.mac[1][5], 1);
	tell(a, 0, b);
	bucket(b, 0, 0);
	assert_int_equal(tables.known, 3);
	assert_int_equal(tables.deaf, 0);	/* a knows b's */
	tell(b, 1, a);			/* new, because b knows a's now */
	bucket(a, 0, 0);
	assert_int_equal(tables.deaf, 0);
	/* what is not understood does not make a frame of it a client's */
	assert_false(farm_hear(a, 1, (const uint8_t *)"?", 1));
	bucket(a, 0, 0);
	assert_int_equal(tables.known, 3);
	assert_int_equal(bucket(a, 0, 0)->holders, B(1));
	farm_free(a);
	farm_free(b);
}

static void
test_info_is_strict(void **state)
{
	struct farm *a = make(0, 3), *b = make(1, 3), *other;
	struct farm_conf c = { .nodes = 3, .self = 0, .groups = 2 };
	uint8_t bits[FILTER_GROUPS][FILTER_BUCKETS / 8] = { { 0xf0 }, { 0 } }, buf[200], *cut;
	const uint8_t *info;
	size_t len, n;

	view(a, 10, 3, 0, 3);
	farm_holds(a, 10, bits);
	farm_holds(a, 10, bits);
	assert_true(farm_info(a, &info, &len));
	assert_int_equal(len, 16 + 2 * 6 + 1 + 32 + 1);
	assert_false(farm_info(a, &info, &len));	/* as before */
	memcpy(buf, info, len);
	assert_true(farm_hear(b, 0, buf, len));
	assert_false(farm_hear(b, 1, buf, len));	/* ourselves */
	assert_false(farm_hear(b, 3, buf, len));
	assert_false(farm_hear(b, -1, buf, len));
	assert_false(farm_hear(b, 0, buf, len + 1));
	for (n = 0; n < len; n++) {
		cut = malloc(n == 0 ? 1 : n);		/* exactly as long, for the sanitizer */
		memcpy(cut, buf, n);
		assert_false(farm_hear(b, 0, cut, n));
		free(cut);
	}
#define WRONG(at, value) do { uint8_t was = buf[at]; buf[at] = (uint8_t)(value); assert_false(farm_hear(b, 0, buf, len)); buf[at] = was; } while (0)
	WRONG(0, 2);			/* version */
	WRONG(1, buf[1] + 1);		/* hash */
	WRONG(9, 3);			/* leader */
	WRONG(9, 255);			/* nobody, but a view */
	WRONG(14, 9);			/* interfaces */
	WRONG(15, 1);			/* groups */
	WRONG(28, 3);			/* kind */
	WRONG(29, 0);			/* "some", and it is none */
#undef WRONG
	assert_true(farm_hear(b, 0, buf, len));
	/* another configuration */
	other = farm_new(&c);
	assert_true(farm_info(other, &info, &len));
	assert_false(farm_hear(b, 0, info, len));
	farm_free(other);
	farm_free(a);
	farm_free(b);
}

static void
test_hash(void **state)
{
	struct farm_conf a = { .nodes = 3, .self = 0, .groups = 1, .intfs = 1 }, b;

	strcpy(a.group[0].name, "x");
	a.group[0].power[0] = 1;
	b = a;
	b.self = 2;			/* what may differ */
	b.intfs = 2;
	b.mac[0][0] = 7;
	b.group[0].power[5] = 1;	/* no such node */
	b.group[1].seed = 9;		/* no such group */
	assert_int_equal(farm_hash(&a), farm_hash(&b));
#define DIFFERS(change) do { b = a; change; assert_int_not_equal(farm_hash(&a), farm_hash(&b)); } while (0)
	DIFFERS(b.nodes = 4);
	DIFFERS(b.groups = 2);
	DIFFERS(b.group[0].seed = 1);
	DIFFERS(b.group[0].power[0] = 2);
	DIFFERS(b.group[0].power[2] = 1);
	DIFFERS(b.group[0].name[0] = 'y');
#undef DIFFERS
}

static void
test_senseless(void **state)
{
	static const struct farm_conf bad[] = { { 0, 0, 1, 1 }, { 33, 0, 1, 1 }, { 2, 2, 1, 1 }, { 2, -1, 1, 1 }, { 2, 0, FILTER_GROUPS + 1, 1 },
	    { 2, 0, -1, 1 }, { 2, 0, 1, FARM_INTFS + 1 }, { 2, 0, 1, -1 } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(farm_new(&bad[i]));
	farm_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_handing_over),
		cmocka_unit_test(test_holders_are_counted),
		cmocka_unit_test(test_whose_word_is_needed),
		cmocka_unit_test(test_dead_or_only_not_in_the_view),
		cmocka_unit_test(test_giving_way),
		cmocka_unit_test(test_beginning_anew),
		cmocka_unit_test(test_foreign_view),
		cmocka_unit_test(test_macs_and_who_knows_them),
		cmocka_unit_test(test_info_is_strict),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_senseless),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
