/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent/action.c: the answer to each action in each state, and PDUs from check to commit. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "agent/action.h"

#define N	SET_INCONSISTENT
#define U	SET_UNAVAILABLE
#define Y	SET_OK

static struct set_case
good_case(int verb, int mode, int state, int peer)
{
	return (struct set_case){ .verb = verb, .control = true, .reachable = true, .mode = mode, .state = state, .status = ST_READY,
	    .peer_state = peer };
}

static void
test_every_verb_in_every_state_of_a_mirror(void **state)
{
	/* with a peer that fits: PRIM beside SECOND and so on; columns STOP WAIT ALONE PRIM SECOND UP UNKNOWN */
	static const struct { int verb; enum set_answer expect[RS_COUNT]; } rows[] = {
		{ VERB_NONE,	  { SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE,
				    SET_WRONG_VALUE } },
		{ VERB_START,	  { Y, Y, Y, Y, Y, Y, U } },
		{ VERB_STOP,	  { Y, Y, Y, Y, Y, Y, U } },
		{ VERB_FORCESTOP, { Y, Y, Y, Y, Y, Y, U } },
		{ VERB_STOPSTART, { Y, Y, Y, Y, Y, Y, U } },
		{ VERB_RESTART,	  { N, N, Y, Y, Y, Y, U } },
		{ VERB_SWAP,	  { N, N, U, Y, Y, N, U } },
		{ VERB_PRIM,	  { Y, Y, N, N, N, N, U } },
		{ VERB_SECOND,	  { U, U, N, N, N, N, U } },
		{ VERB_STOPWAIT,  { SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE,
				    SET_WRONG_VALUE } },
		{ VERB_SHUTDOWN,  { SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE,
				    SET_WRONG_VALUE } },
		{ VERB_PRIMFORCE, { SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE,
				    SET_WRONG_VALUE } },
		{ VERB_SECONDFORCE, { SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE, SET_WRONG_VALUE,
				    SET_WRONG_VALUE } },
	};
	static const int peers[RS_COUNT] = { [RS_STOP] = RS_STOP, [RS_WAIT] = RS_STOP, [RS_ALONE] = RS_STOP, [RS_PRIM] = RS_SECOND,
	    [RS_SECOND] = RS_PRIM, [RS_UP] = RS_UNKNOWN, [RS_UNKNOWN] = RS_UNKNOWN };
	size_t i;
	int s;

	assert_int_equal(ARRAY_LEN(rows), VERB_COUNT);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		for (s = 0; s < RS_COUNT; s++) {
			struct set_case c = good_case(rows[i].verb, MODE_MIRROR, s, peers[s]);

			if (action_judge(&c) != rows[i].expect[s])
				fail_msg("%s in %s: %d, expected %d", rpt_verb_names[rows[i].verb], rpt_state_names[s], action_judge(&c),
				    rows[i].expect[s]);
		}
}

static void
test_roles_are_for_mirrors(void **state)
{
	static const int modes[] = { MODE_FARM, MODE_LIGHT }, verbs[] = { VERB_SWAP, VERB_PRIM, VERB_SECOND };
	size_t m, v;

	for (m = 0; m < ARRAY_LEN(modes); m++) {
		struct set_case c = good_case(VERB_RESTART, modes[m], RS_UP, RS_UNKNOWN);

		assert_int_equal(action_judge(&c), SET_OK);
		for (v = 0; v < ARRAY_LEN(verbs); v++) {
			c = good_case(verbs[v], modes[m], RS_STOP, RS_UNKNOWN);
			assert_int_equal(action_judge(&c), SET_INCONSISTENT);
			c = good_case(verbs[v], modes[m], RS_UP, RS_UNKNOWN);
			assert_int_equal(action_judge(&c), SET_INCONSISTENT);
		}
	}
}

static void
test_the_other_server_counts(void **state)
{
	static const struct { int verb, state, peer; enum set_answer expect; } rows[] = {
		{ VERB_PRIM, RS_STOP, RS_PRIM, N }, { VERB_PRIM, RS_STOP, RS_ALONE, N }, { VERB_PRIM, RS_STOP, RS_UNKNOWN, Y },
		{ VERB_PRIM, RS_WAIT, RS_WAIT, Y }, { VERB_SECOND, RS_STOP, RS_ALONE, Y }, { VERB_SECOND, RS_STOP, RS_PRIM, Y },
		{ VERB_SECOND, RS_STOP, RS_UNKNOWN, U }, { VERB_SECOND, RS_WAIT, RS_SECOND, U }, { VERB_SWAP, RS_PRIM, RS_UNKNOWN, U },
		{ VERB_SWAP, RS_SECOND, RS_STOP, U }, { VERB_SWAP, RS_SECOND, RS_ALONE, Y },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct set_case c = good_case(rows[i].verb, MODE_MIRROR, rows[i].state, rows[i].peer);

		if (action_judge(&c) != rows[i].expect)
			fail_msg("row %zu: %d, expected %d", i, action_judge(&c), rows[i].expect);
	}
}

static void
test_what_comes_before_the_state(void **state)
{
	struct set_case c = good_case(VERB_STOP, MODE_MIRROR, RS_PRIM, RS_SECOND);

	c.control = false;
	assert_int_equal(action_judge(&c), SET_NOT_WRITABLE);
	c.control = true;
	c.reachable = false;
	assert_int_equal(action_judge(&c), SET_UNAVAILABLE);
	c.verb = 99;
	assert_int_equal(action_judge(&c), SET_WRONG_VALUE);
	c = good_case(VERB_STOP, MODE_MIRROR, RS_PRIM, RS_SECOND);
	c.status = ST_UNKNOWN;
	assert_int_equal(action_judge(&c), SET_UNAVAILABLE);
	c.status = ST_READY;
	c.lock = LOCK_DIFFERS;
	assert_int_equal(action_judge(&c), SET_INCONSISTENT);
	/* without lock: a repetition is one, another action has to wait; with lock the manager knows what it does */
	c.lock = LOCK_ABSENT;
	c.running = VERB_STOP;
	assert_int_equal(action_judge(&c), SET_MERGE);
	c.running = VERB_START;
	assert_int_equal(action_judge(&c), SET_INCONSISTENT);
	c.lock = LOCK_MATCHES;
	assert_int_equal(action_judge(&c), SET_OK);
	/* the first swap has changed the state before its repetition arrives */
	c = good_case(VERB_PRIM, MODE_MIRROR, RS_PRIM, RS_STOP);
	c.running = VERB_PRIM;
	assert_int_equal(action_judge(&c), SET_MERGE);
}

/* ---- PDUs ---- */

static struct snap snap;
static struct order_queue queue;

static int
setup(void **state)
{
	static struct snap fresh;
	struct rpt_module m;
	uint32_t id;

	memset(&queue, 0, sizeof(queue));
	if (!snap_init(&snap, 0) || !snap_init(&fresh, 0))
		return -1;
	for (id = 1; id <= 2; id++) {
		memset(&m, 0, sizeof(m));
		m.id = id;
		snprintf(m.name, sizeof(m.name), "m%u", id);
		m.state = RS_PRIM;
		m.status = ST_READY;
		m.peer_state = RS_SECOND;
		snap_put_module(&fresh, &m, 0);
	}
	snap_exchange(&snap, &fresh, 0);
	snap_free(&fresh);
	return 0;
}

static int
teardown(void **state)
{
	snap_free(&snap);
	return 0;
}

static void
add(struct set_pdu *p, enum set_column column, uint32_t module, long value)
{
	p->var[p->count++] = (struct set_var){ .column = column, .is_integer = true, .instance = true, .module = module, .value = value };
}

static int
check(struct set_pdu *p)
{
	return action_check(&snap, &queue, true, true, p);
}

static void
test_pdu_with_lock_runs_once(void **state)
{
	struct set_pdu p = { .count = 0 };
	int32_t lock = snap.action[1].lock;
	struct order o;

	/* the lock may come behind the action: the PDU is one thing */
	add(&p, SET_ACTION, 1, VERB_SWAP + 1);
	add(&p, SET_LOCK, 1, lock);
	assert_int_equal(check(&p), -1);
	assert_int_equal(snap.action[1].lock, lock);	/* nothing happened yet */
	assert_int_equal(action_apply(&snap, &queue, true, true, &p), -1);
	assert_int_not_equal(snap.action[1].lock, lock);
	action_commit(&snap, &queue, &p, 1000);
	assert_true(order_take(&queue, &o));
	assert_int_equal(o.verb, VERB_SWAP);
	assert_string_equal(o.name, "m1");
	assert_false(o.merged);
	assert_false(order_take(&queue, &o));
	/* the same PDU again */
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_INCONSISTENT);
}

static void
test_pdu_without_lock_is_merged(void **state)
{
	struct set_pdu p = { .count = 0 };
	struct order o;

	add(&p, SET_ACTION, 1, VERB_RESTART + 1);
	assert_int_equal(action_apply(&snap, &queue, true, true, &p), -1);
	action_commit(&snap, &queue, &p, 1000);
	assert_int_equal(action_apply(&snap, &queue, true, true, &p), -1);
	action_commit(&snap, &queue, &p, 1000);
	assert_true(order_take(&queue, &o));
	assert_false(o.merged);
	assert_true(order_take(&queue, &o));
	assert_true(o.merged);
	p.var[0].value = VERB_STOP + 1;
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_INCONSISTENT);
}

static void
test_undo_gives_the_lock_back(void **state)
{
	static const int32_t locks[] = { 0, 5, INT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_LEN(locks); i++) {
		struct set_pdu p = { .count = 0 };

		snap.action[1].lock = locks[i];
		add(&p, SET_LOCK, 1, locks[i]);
		add(&p, SET_ACTION, 1, VERB_STOP + 1);
		assert_int_equal(action_apply(&snap, &queue, true, true, &p), -1);
		assert_int_equal(snap.action[1].lock, locks[i] == INT32_MAX ? 0 : locks[i] + 1);
		action_undo(&snap, &p);
		action_undo(&snap, &p);
		assert_int_equal(snap.action[1].lock, locks[i]);
		action_commit(&snap, &queue, &p, 1000);	/* what was undone is not committed */
		assert_int_equal(queue.count, 0);
	}
}

static void
test_what_a_pdu_must_not_hold(void **state)
{
	struct set_pdu p = { .count = 0 };

	add(&p, SET_ACTION, 1, VERB_STOP + 1);
	add(&p, SET_ACTION, 2, VERB_STOP + 1);
	assert_int_equal(check(&p), -1);	/* two modules */
	add(&p, SET_ACTION, 1, VERB_STOP + 1);
	assert_int_equal(check(&p), 2);
	assert_int_equal(p.var[2].answer, SET_INCONSISTENT);

	p.count = 0;
	add(&p, SET_LOCK, 1, snap.action[1].lock);
	add(&p, SET_LOCK, 1, snap.action[1].lock);
	assert_int_equal(check(&p), 1);
	assert_int_equal(p.var[1].answer, SET_INCONSISTENT);

	p.count = 0;
	add(&p, SET_OTHER, 1, 1);
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_NOT_WRITABLE);

	p.count = 0;
	add(&p, SET_ACTION, 3, VERB_STOP + 1);
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_NO_CREATION);
	p.var[0].module = 4000000000u;
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_NO_CREATION);

	p.var[0].module = 1;
	p.var[0].is_integer = false;
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_WRONG_TYPE);
}

static void
test_values_out_of_range(void **state)
{
	static const long bad[] = { 0, 1, -1, 10, 11, 12, 2147483647L, -2147483647L - 1 };
	struct set_pdu p = { .count = 0 };
	size_t i;

	add(&p, SET_ACTION, 1, 0);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		p.var[0].value = bad[i];
		assert_int_equal(check(&p), 0);
		assert_int_equal(p.var[0].answer, SET_WRONG_VALUE);
	}
	p.count = 0;
	add(&p, SET_LOCK, 1, -1);
	assert_int_equal(check(&p), 0);
	assert_int_equal(p.var[0].answer, SET_WRONG_VALUE);
}

static void
test_a_full_queue_refuses_before_commit(void **state)
{
	struct set_pdu p = { .count = 0 };

	add(&p, SET_ACTION, 1, VERB_STOP + 1);
	add(&p, SET_ACTION, 2, VERB_STOP + 1);
	queue.count = ORDERS - 1;
	assert_int_equal(check(&p), 1);
	assert_int_equal(p.var[1].answer, SET_UNAVAILABLE);
	queue.count = 0;
}

static void
test_engine_lost_between_action_and_commit(void **state)
{
	struct set_pdu p = { .count = 0 };

	add(&p, SET_ACTION, 1, VERB_STOP + 1);
	assert_int_equal(action_apply(&snap, &queue, true, true, &p), -1);
	snap_lost(&snap, 900);
	action_commit(&snap, &queue, &p, 1000);
	assert_int_equal(queue.count, 0);	/* not run in an hour */
	assert_true(snap_asked(&snap, 1));
	assert_int_equal(snap.action[1].outcome, OUT_FAILED);
	/* and from then on it is refused in time */
	assert_int_equal(action_check(&snap, &queue, true, false, &p), 0);
	assert_int_equal(p.var[0].answer, SET_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_verb_in_every_state_of_a_mirror),
		cmocka_unit_test(test_roles_are_for_mirrors),
		cmocka_unit_test(test_the_other_server_counts),
		cmocka_unit_test(test_what_comes_before_the_state),
		cmocka_unit_test_setup_teardown(test_pdu_with_lock_runs_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pdu_without_lock_is_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undo_gives_the_lock_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_a_pdu_must_not_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values_out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_queue_refuses_before_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_engine_lost_between_action_and_commit, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
