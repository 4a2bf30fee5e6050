/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent/snap.c: the picture against a naive model; what SNMP is told of actions. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agent/snap.h"

#define MODEL_MODULES	6
#define MODEL_INDEXES	40

static uint32_t seed = 20261122;

static uint32_t
random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;	/* Numerical Recipes' generator: the same run each time */
	return (seed >> 8) % n;
}

static struct rpt_resource
resource(uint32_t module, uint32_t index, const char *value)
{
	struct rpt_resource r;

	memset(&r, 0, sizeof(r));
	r.module_id = module;
	r.index = index;
	str_copy(r.value, sizeof(r.value), value);
	return r;
}

static struct rpt_module
module(uint32_t id)
{
	struct rpt_module m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.pid = 100;
	snprintf(m.name, sizeof(m.name), "m%u", id);
	return m;
}

static struct rpt_share
share(uint32_t module, uint32_t index, uint32_t buckets)
{
	struct rpt_share s;

	memset(&s, 0, sizeof(s));
	s.module_id = module;
	s.index = index;
	s.buckets = buckets;
	return s;
}

static void
compare_with_model(struct snap *s, const bool model[MODEL_MODULES + 1][MODEL_INDEXES + 1])
{
	const struct snap_row *row = rowset_from(&s->set[SNAP_RESOURCES], 0);
	size_t count = 0;
	uint32_t m, i;

	for (m = 1; m <= MODEL_MODULES; m++)
		for (i = 1; i <= MODEL_INDEXES; i++) {
			assert_int_equal(rowset_get(&s->set[SNAP_RESOURCES], snap_key2(m, i)) != NULL, model[m][i]);
			if (!model[m][i])
				continue;
			/* the row behind the last one is this one */
			assert_non_null(row);
			assert_true(row->key == snap_key2(m, i));
			assert_int_equal(((struct rpt_resource *)row->data)->index, i);
			row = rowset_from(&s->set[SNAP_RESOURCES], row->key + 1);
			count++;
		}
	assert_null(row);
	assert_int_equal(s->set[SNAP_RESOURCES].count, count);
}

static void
test_random_changes_match_a_model(void **state)
{
	static bool model[MODEL_MODULES + 1][MODEL_INDEXES + 1];
	static struct snap s;
	uint32_t turn, m, i;

	assert_true(snap_init(&s, 0));
	for (turn = 0; turn < 20000; turn++) {
		struct rpt_resource r;
		struct rpt_module mod;

		m = 1 + random_below(MODEL_MODULES);
		i = 1 + random_below(MODEL_INDEXES);
		switch (random_below(20)) {
		case 0:
			mod = module(m);
			assert_true(snap_put_module(&s, &mod, turn));
			snap_drop_module(&s, m, turn);
			memset(model[m], 0, sizeof(model[m]));
			break;
		case 1: case 2: case 3: case 4: case 5: case 6: case 7:
			snap_drop_resource(&s, m, i, turn);
			model[m][i] = false;
			break;
		default:
			r = resource(m, i, "up");
			assert_true(snap_put_resource(&s, &r, turn));
			model[m][i] = true;
		}
		if (turn % 50 == 0)
			compare_with_model(&s, model);
		/* the hint of a look-up must never outlive what it points at */
		rowset_from(&s.set[SNAP_RESOURCES], snap_key2(random_below(MODEL_MODULES + 2), random_below(MODEL_INDEXES + 2)));
	}
	compare_with_model(&s, model);
	snap_free(&s);
}

static void
test_bad_numbers_are_refused(void **state)
{
	static struct snap s;
	struct rpt_resource r = resource(0, 1, "up");
	struct rpt_module m = module(0);
	struct rpt_share sh;
	struct rpt_node n;

	assert_true(snap_init(&s, 0));
	assert_false(snap_put_module(&s, &m, 0));
	m.id = SK_MODULES_MAX + 1;
	assert_false(snap_put_module(&s, &m, 0));
	assert_false(snap_put_resource(&s, &r, 0));
	r = resource(1, 0, "up");
	assert_false(snap_put_resource(&s, &r, 0));
	r = resource(SK_MODULES_MAX + 1, 1, "up");
	assert_false(snap_put_resource(&s, &r, 0));
	sh = share(0, 1, 128);
	assert_false(snap_put_share(&s, &sh, 0));
	sh = share(1, 0, 128);
	assert_false(snap_put_share(&s, &sh, 0));
	sh = share(SK_MODULES_MAX + 1, 1, 128);
	assert_false(snap_put_share(&s, &sh, 0));
	snap_drop_share(&s, 4000000000u, 1, 0);
	memset(&n, 0, sizeof(n));
	assert_false(snap_put_node(&s, &n, 0));
	snap_drop_module(&s, 4000000000u, 0);
	snap_drop_resource(&s, 4000000000u, 1, 0);
	assert_int_equal(s.set[SNAP_RESOURCES].count, 0);
	snap_free(&s);
}

static void
test_last_change_moves_only_with_a_change(void **state)
{
	struct rpt_resource r = resource(1, 1, "up");
	static struct snap s;

	assert_true(snap_init(&s, 5));
	snap_put_resource(&s, &r, 10);
	assert_int_equal(s.changed_ms[SNAP_RESOURCES], 10);
	snap_put_resource(&s, &r, 20);
	assert_int_equal(s.changed_ms[SNAP_RESOURCES], 10);
	r = resource(1, 1, "down");
	snap_put_resource(&s, &r, 30);
	assert_int_equal(s.changed_ms[SNAP_RESOURCES], 30);
	assert_int_equal(s.changed_ms[SNAP_MODULES], 5);
	snap_free(&s);
}

static void
test_shares_come_and_go_with_their_module(void **state)
{
	struct rpt_module m = module(2), other = module(3);
	static struct snap s, fresh;
	struct rpt_share sh;
	uint32_t i;

	assert_true(snap_init(&s, 5));
	snap_put_module(&s, &m, 5);
	snap_put_module(&s, &other, 5);
	for (i = 1; i <= 3; i++) {
		sh = share(2, i, 128);
		assert_true(snap_put_share(&s, &sh, 10));
	}
	sh = share(3, 1, 256);
	assert_true(snap_put_share(&s, &sh, 10));
	snap_put_share(&s, &sh, 20);
	assert_int_equal(s.changed_ms[SNAP_SHARES], 10);
	sh.buckets = 64;
	snap_put_share(&s, &sh, 30);
	assert_int_equal(s.changed_ms[SNAP_SHARES], 30);
	snap_drop_share(&s, 2, 2, 40);
	assert_int_equal(s.changed_ms[SNAP_SHARES], 40);
	snap_drop_share(&s, 2, 2, 50);
	assert_int_equal(s.changed_ms[SNAP_SHARES], 40);
	assert_int_equal(s.set[SNAP_SHARES].count, 3);
	snap_drop_module(&s, 2, 60);
	assert_int_equal(s.set[SNAP_SHARES].count, 1);
	assert_int_equal(s.changed_ms[SNAP_SHARES], 60);
	assert_int_equal(((struct rpt_share *)rowset_get(&s.set[SNAP_SHARES], snap_key2(3, 1)))->buckets, 64);
	/* a new picture without any */
	assert_true(snap_init(&fresh, 0));
	snap_exchange(&s, &fresh, 70);
	assert_int_equal(s.set[SNAP_SHARES].count, 0);
	assert_int_equal(s.changed_ms[SNAP_SHARES], 70);
	snap_free(&fresh);
	snap_free(&s);
}

static struct rpt_notice
notice(uint64_t seq)
{
	struct rpt_notice n;

	memset(&n, 0, sizeof(n));
	n.seq = seq;
	return n;
}

static void
test_notices_keep_the_last_512_in_order(void **state)
{
	static struct snap s;
	struct rpt_notice n;
	uint64_t seq;

	assert_true(snap_init(&s, 0));
	for (seq = 1; seq <= 1000; seq++) {
		n = notice(seq);
		assert_true(snap_put_notice(&s, &n, 0));
	}
	assert_false(snap_put_notice(&s, &n, 0));	/* twice */
	assert_int_equal(s.set[SNAP_NOTICE].count, SNAP_NOTICES);
	assert_int_equal(s.set[SNAP_NOTICE].rows[0].key, 1000 - SNAP_NOTICES + 1);
	/* the index begins anew: order must not be lost */
	n = notice((1ull << 32) + 3);
	assert_true(snap_put_notice(&s, &n, 0));
	assert_int_equal(s.set[SNAP_NOTICE].count, 1);
	assert_int_equal(s.set[SNAP_NOTICE].rows[0].key, 3);
	snap_reset_notices(&s);
	n = notice(1);
	assert_true(snap_put_notice(&s, &n, 0));
	snap_free(&s);
}

static void
test_silence_is_noticed(void **state)
{
	static struct snap s, fresh;

	assert_true(snap_init(&s, 0));
	assert_false(snap_reachable(&s, 0));
	assert_true(snap_init(&fresh, 0));
	snap_exchange(&s, &fresh, 1000);
	assert_true(snap_reachable(&s, 1000 + SNAP_SILENCE_MS));
	assert_false(snap_reachable(&s, 1001 + SNAP_SILENCE_MS));
	snap_lost(&s, 0);
	assert_false(snap_reachable(&s, 1000));
	snap_free(&fresh);
	snap_free(&s);
}

static void
test_exchange_keeps_locks_and_tells_change(void **state)
{
	struct rpt_module m = module(1);
	static struct snap s, fresh;
	int32_t lock;

	assert_true(snap_init(&s, 0));
	assert_true(snap_init(&fresh, 0));
	lock = s.action[1].lock;
	snap_put_module(&fresh, &m, 0);
	snap_exchange(&s, &fresh, 50);
	snap_free(&fresh);
	assert_int_equal(s.action[1].lock, lock);
	assert_int_equal(s.changed_ms[SNAP_MODULES], 50);
	/* the same picture again is no change */
	assert_true(snap_init(&fresh, 0));
	snap_put_module(&fresh, &m, 0);
	snap_exchange(&s, &fresh, 60);
	assert_int_equal(s.changed_ms[SNAP_MODULES], 50);
	snap_free(&fresh);
	snap_free(&s);
}

static void
test_an_action_from_question_to_report(void **state)
{
	struct rpt_module m = module(3);
	static struct snap s;

	assert_true(snap_init(&s, 0));
	assert_int_equal(snap_running(&s, 3), VERB_NONE);	/* not there */
	m.action_seq = 7;
	snap_put_module(&s, &m, 0);
	assert_int_equal(snap_running(&s, 3), VERB_NONE);
	snap_ask(&s, 3, VERB_SWAP, 1000);
	assert_true(snap_asked(&s, 3));
	assert_int_equal(snap_running(&s, 3), VERB_SWAP);
	snap_accepted(&s, 3, 8);
	assert_true(snap_asked(&s, 3));	/* the report still says 7 */
	m.action_seq = 8;
	m.action_verb = VERB_SWAP;
	m.action_outcome = OUT_RUNNING;
	snap_put_module(&s, &m, 0);
	assert_false(snap_asked(&s, 3));
	assert_int_equal(snap_running(&s, 3), VERB_SWAP);
	m.action_outcome = OUT_DONE;
	snap_put_module(&s, &m, 0);
	assert_int_equal(snap_running(&s, 3), VERB_NONE);
	snap_free(&s);
}

static void
test_a_report_that_is_faster_than_the_answer(void **state)
{
	struct rpt_module m = module(3);
	static struct snap s;

	assert_true(snap_init(&s, 0));
	m.action_seq = UINT32_MAX;	/* numbers begin anew in between */
	snap_put_module(&s, &m, 0);
	snap_ask(&s, 3, VERB_STOP, 1000);
	m.action_seq = 0;
	m.action_verb = VERB_STOP;
	m.action_outcome = OUT_DONE;
	snap_put_module(&s, &m, 0);
	snap_accepted(&s, 3, 0);
	assert_false(snap_asked(&s, 3));
	assert_int_equal(snap_running(&s, 3), VERB_NONE);
	snap_free(&s);
}

static void
test_a_refusal_is_shown_until_the_next_action(void **state)
{
	struct rpt_module m = module(3);
	static struct snap s;

	assert_true(snap_init(&s, 0));
	snap_put_module(&s, &m, 0);
	snap_ask(&s, 3, VERB_PRIM, 1000);
	snap_ended(&s, 3, OUT_REFUSED, "no", 1001);
	assert_true(snap_asked(&s, 3));
	assert_int_equal(s.action[3].outcome, OUT_REFUSED);
	assert_int_equal(snap_running(&s, 3), VERB_NONE);
	m.action_seq = 1;
	snap_put_module(&s, &m, 0);
	assert_false(snap_asked(&s, 3));
	snap_free(&s);
}

static void
test_lost_connections_end_what_waits(void **state)
{
	struct rpt_module m = module(3);
	static struct snap s;

	assert_true(snap_init(&s, 0));
	snap_put_module(&s, &m, 0);
	snap_ask(&s, 3, VERB_START, 1000);
	snap_lost(&s, 2000);
	assert_int_equal(s.action[3].outcome, OUT_FAILED);
	assert_int_equal(s.action[3].end_ms, 2000);
	/* accepted, and then the process of the module is another one: its numbers begin anew */
	snap_ask(&s, 3, VERB_START, 1000);
	snap_accepted(&s, 3, 9);
	assert_int_equal(snap_running(&s, 3), VERB_START);
	m.pid = 101;
	snap_put_module(&s, &m, 0);
	assert_int_equal(snap_running(&s, 3), VERB_NONE);
	snap_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes_match_a_model),
		cmocka_unit_test(test_bad_numbers_are_refused),
		cmocka_unit_test(test_last_change_moves_only_with_a_change),
		cmocka_unit_test(test_shares_come_and_go_with_their_module),
		cmocka_unit_test(test_notices_keep_the_last_512_in_order),
		cmocka_unit_test(test_silence_is_noticed),
		cmocka_unit_test(test_exchange_keeps_locks_and_tells_change),
		cmocka_unit_test(test_an_action_from_question_to_report),
		cmocka_unit_test(test_a_report_that_is_faster_than_the_answer),
		cmocka_unit_test(test_a_refusal_is_shown_until_the_next_action),
		cmocka_unit_test(test_lost_connections_end_what_waits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
