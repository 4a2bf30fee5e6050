/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent/trap.c: what is sent, held back, dropped and counted. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include "agent/trap.h"

static struct rpt_notice
notice(uint64_t seq, int type, const char *level)
{
	struct rpt_notice n;

	memset(&n, 0, sizeof(n));
	n.seq = seq;
	n.type = type;
	str_copy(n.level, sizeof(n.level), level);
	return n;
}

static unsigned
offer(struct trap_queue *q, unsigned n, int type, int64_t now)
{
	unsigned i, taken = 0;

	for (i = 0; i < n; i++) {
		struct rpt_notice row = notice(i + 1, type, "E");

		taken += trap_offer(q, &row, now);
	}
	return taken;
}

static void
test_burst_then_rate(void **state)
{
	struct trap_queue q;

	assert_true(trap_init(&q, 20, 200, "UEC", 0));
	assert_int_equal(offer(&q, 2000, NT_STATE, 0), 200);
	assert_int_equal(q.suppressed, 1800);
	/* 20 per second: one each 50 ms, and never before */
	assert_int_equal(offer(&q, 1, NT_STATE, 49), 0);
	assert_int_equal(offer(&q, 2, NT_STATE, 50), 1);
	assert_int_equal(offer(&q, 100, NT_STATE, 1050), 20);
	/* a long quiet time fills the bucket and no more; a clock that stands fills nothing */
	assert_int_equal(offer(&q, 1000, NT_STATE, INT64_MAX / 2), 200);
	assert_int_equal(offer(&q, 1, NT_STATE, INT64_MAX / 2), 0);
	trap_free(&q);
}

static void
test_a_flood_leaves_room_for_what_matters(void **state)
{
	struct trap_queue q;

	assert_true(trap_init(&q, 20, 200, "UEC", 0));
	assert_int_equal(offer(&q, 2000, NT_RESOURCE, 0), 150);
	assert_int_equal(offer(&q, 10, NT_LOG, 0), 0);
	assert_int_equal(offer(&q, 2000, NT_SPLITBRAIN, 0), 50);
	trap_free(&q);
}

static void
test_levels_of_log_messages(void **state)
{
	static const struct { const char *level; bool sent; } cases[] = { { "U", true }, { "E", true }, { "C", true }, { "S", false },
	    { "I", false }, { "d", false }, { "", false } };
	struct trap_queue q;
	size_t i;

	assert_true(trap_init(&q, 20, 200, "UEC", 0));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct rpt_notice n = notice(i, NT_LOG, cases[i].level);

		assert_int_equal(trap_offer(&q, &n, 0), cases[i].sent);
		/* a level is of log notices only */
		n = notice(i, NT_STATE, cases[i].level);
		assert_true(trap_offer(&q, &n, 0));
	}
	assert_int_equal(q.suppressed, 0);	/* not wanted is not held back */
	trap_free(&q);
}

static void
test_order_and_counters(void **state)
{
	struct trap_queue q;
	struct rpt_notice n;
	uint64_t expect;

	assert_true(trap_init(&q, 1, 10, "", 0));
	assert_int_equal(offer(&q, 5, NT_STATE, 0), 5);
	for (expect = 1; expect <= 5; expect++) {
		assert_int_equal(q.count, 6 - expect);
		assert_true(trap_take(&q, &n));
		assert_int_equal(n.seq, expect);
	}
	assert_false(trap_take(&q, &n));
	assert_int_equal(q.sent, 5);
	trap_free(&q);
}

static void
test_a_full_queue_drops_the_oldest(void **state)
{
	struct trap_queue q;
	struct rpt_notice n;

	assert_true(trap_init(&q, 10000, 10000, "", 0));
	assert_int_equal(offer(&q, TRAP_QUEUE + 7, NT_STATE, 0), TRAP_QUEUE + 7);
	assert_int_equal(q.count, TRAP_QUEUE);
	assert_int_equal(q.suppressed, 7);
	assert_true(trap_take(&q, &n));
	assert_int_equal(n.seq, 8);
	trap_free(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_a_flood_leaves_room_for_what_matters),
		cmocka_unit_test(test_levels_of_log_messages),
		cmocka_unit_test(test_order_and_counters),
		cmocka_unit_test(test_a_full_queue_drops_the_oldest),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
