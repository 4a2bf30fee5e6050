/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module/folders.c with the real module.c and pulse.c: a secondary that has to synchronise first, a primary that may acknowledge alone only
 * when the other one is lost or has heard that it is none any more, data that is not up to date, a swap.  The test is rfsd.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "conf/conf.h"
#include "module_world.h"

static struct rules *rules[2];

static const char default_rules[] =
    "notuptodate_server: if ((rfs.uptodate == down && remote.rfs.uptodate == down) ||"
    " (rfs.swapping == down && rfs.uptodate == down && remote.rfs.uptodate == unknown) ||"
    " (rfs.uptodate == unknown && remote.rfs.uptodate == down)) then wait();"
    "lastprim_server: if (rfs.uptodate == down && remote.rfs.uptodate == down && rfs.lastprimstate == up &&"
    " remote.rfs.lastprimstate == down) then rfs.uptodate=up;"
    "flow_check: if (heartbeat.flow == down && (rfs.uptodate == down || rfs.uptodate == unknown)) then wait();"
    "tcp_failure: if (tcp.? == down) then restart();";

static void
resource(int i, const char *name, bool up)
{
	mod_resource(&W.s[i].m, name, up ? "up" : "down", up ? RH_UP : RH_DOWN, false, "nfsadmin");
}

/* rfsd is there and tells what it knows */
static void
facts(int i, bool uptodate, bool lastprim, bool inconsistent)
{
	struct mod *m = &W.s[i].m;

	mod_rfs_paired(m, false);
	mod_rfs_inconsistent(m, inconsistent);
	resource(i, "rfs.swapping", false);
	resource(i, "rfs.lastprimstate", lastprim);
	resource(i, "rfs.uptodate", uptodate);
	mod_settle(m, W.now);
}

static void
rfs_on(int i)
{
	struct rules_part part = { default_rules, 1, 1, RULES_DEFAULT };
	struct rules_error err;
	struct mod_conf conf = conf_of(i);

	conf.rfs = true;
	conf.period_ms = conf.handle_ms = 100;
	power_on(i, &conf);
	rules_free(rules[i]);
	rules[i] = rules_compile(&part, 1, &err);
	assert_non_null(rules[i]);
	mod_set_rules(&W.s[i].m, rules[i]);
}

static void
start(int i, enum rpt_verb verb, bool uptodate, bool lastprim)
{
	act(i, verb);
	facts(i, uptodate, lastprim, false);
}

/* What rfsd publishes in that role */
static void
role(int i, bool uptodate, bool lastprim)
{
	resource(i, "rfs.uptodate", uptodate);
	resource(i, "rfs.lastprimstate", lastprim);
	mod_settle(&W.s[i].m, W.now);
}

/* n1 ALONE, n2 synchronising */
static void
sync_up(void)
{
	rfs_on(0);
	rfs_on(1);
	pass(500);
	start(0, VERB_START, true, true);
	pass(500);
	state_is(0, S_ALONE);
	start(1, VERB_START, false, false);
	pass(500);
	state_is(1, S_SYNC);
	state_is(0, S_ALONE);
}

static void
paired(int i)
{
	mod_rfs_paired(&W.s[i].m, true);
	mod_settle(&W.s[i].m, W.now);
}

static void
synced(int i)
{
	mod_rfs_synced(&W.s[i].m);
	mod_settle(&W.s[i].m, W.now);
}

/* n1 PRIM, n2 SECOND */
static void
rfs_pair_up(void)
{
	sync_up();
	paired(0);
	role(1, true, false);
	synced(1);
	pass(200);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
}

static int
teardown(void **state)
{
	int i;

	for (i = 0; i < 2; i++) {
		rules_free(rules[i]);
		rules[i] = NULL;
	}
	return 0;
}

static void
ask(int i)
{
	mod_rfs_ask(&W.s[i].m, "no answer");
	mod_settle(&W.s[i].m, W.now);
}

/* ---- synchronising ---- */

static void
test_second_only_when_both_sides_say_so(void **state)
{
	sync_up();
	assert_int_equal(W.s[1].m.report.state, RS_SECOND);
	assert_int_equal(W.s[1].m.report.status, ST_TRANSIENT);
	assert_int_equal(ran(1, P_START_SECOND), 0);
	paired(0);
	pass(500);
	state_is(1, S_SYNC);		/* the primary has noted it, we have not heard that we are whole */
	synced(1);
	pass(200);
	state_is(1, S_SECOND);
	state_is(0, S_PRIM);
	assert_int_equal(ran(1, P_START_SECOND), 1);
	assert_int_equal(ran(0, P_SEC_ON), 1);
}

static void
test_synced_for_a_primary_that_is_not_paired(void **state)
{
	sync_up();
	synced(1);	/* of a pairing that the primary has taken back meanwhile */
	assert_int_equal(W.s[1].m.state, S_SYNC);
	pass(500);
	assert_int_not_equal(W.s[1].m.state, S_SECOND);
	assert_int_equal(ran(1, P_START_SECOND), 0);
	assert_int_equal(said(1, "This server cannot follow the primary: the primary goes on without this server"), 1);
}

static void
test_the_primary_leaves_while_synchronising(void **state)
{
	sync_up();
	act(0, VERB_STOP);
	pass(50);
	assert_int_not_equal(W.s[1].m.state, S_SYNC);
	assert_int_equal(ran(1, P_FORCE), 1);
	assert_int_equal(ran(1, P_START_SECOND), 0);
	facts(1, false, false, true);
	pass(1000);
	state_is(1, S_BLOCKED);		/* starts anew, and waits for data */
}

static void
test_synchronisation_fails(void **state)
{
	sync_up();
	mod_rfs_failed(&W.s[1].m, "disk full", false);
	pass(500);
	state_is(1, S_STOP);
	assert_string_equal(W.s[1].m.report.reason, "Reintegration failed: disk full");
	start(1, VERB_START, false, false);
	pass(500);
	state_is(1, S_SYNC);
	mod_rfs_failed(&W.s[1].m, "network", true);
	facts(1, false, false, true);
	pass(500);
	state_is(1, S_SYNC);		/* once more */
}

static void
test_operators_do_not_wait_for_a_synchronisation(void **state)
{
	static const struct { enum rpt_verb verb; enum fsm_state end; } cases[] = {
		{ VERB_STOP, S_STOP }, { VERB_FORCESTOP, S_STOP }, { VERB_STOPSTART, S_SYNC }, { VERB_STOPWAIT, S_BLOCKED } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		world_setup(NULL);
		sync_up();
		assert_true(act(1, cases[i].verb) > 0);
		assert_int_equal(W.s[1].m.deferred, E_NONE);
		facts(1, false, false, true);
		pass(60);
		state_is(1, cases[i].end);
	}
}

static void
test_a_rule_does_not_wait_for_a_synchronisation(void **state)
{
	sync_up();
	resource(1, "tcp.of_the_primary", false);
	pass(1000);
	state_is(1, S_SYNC);
	resource(1, "heartbeat.flow", false);
	pass(110);
	assert_int_equal(said(1, "Action wait from failover rule flow_check"), 1);
	facts(1, false, false, true);
	pass(1000);
	state_is(1, S_BLOCKED);
	state_is(0, S_ALONE);
	resource(1, "heartbeat.flow", true);
	pass(1000);
	state_is(1, S_SYNC);
}

/* ---- alone ---- */

static void
test_the_secondary_is_dropped(void **state)
{
	rfs_pair_up();
	ask(0);
	assert_int_equal(W.s[0].alones, 0);	/* it may still take over */
	W.s[1].hold_scripts = true;		/* and is slow to leave: that does not matter */
	pass(10);
	assert_int_equal(W.s[0].alones, 1);
	state_is(1, S_LEAVE_SECOND);
	assert_int_equal(W.s[1].last_beat.flags & F_SECOND, 0);
	pass(100);
	state_is(0, S_ALONE);
	assert_int_equal(W.s[0].last_beat.flags & (F_DROP | F_PAIRED), 0);
}

static void
test_a_secondary_that_runs_scripts_is_dropped(void **state)
{
	sync_up();
	W.s[1].hold_scripts = true;
	paired(0);
	synced(1);
	pass(100);
	state_is(1, S_TO_SECOND);
	ask(0);
	pass(10);
	assert_int_equal(W.s[0].alones, 1);
	state_is(1, S_TO_SECOND);
	cut(0, true);
	pass(2 * TIMEOUT);		/* whatever becomes of the primary now */
	W.s[1].hold_scripts = false;
	pass(100);
	assert_int_equal(ran(1, P_TAKEOVER), 0);
	assert_false(mod_holds(&W.s[1].m));
}

static void
test_alone_while_scripts_block(void **state)
{
	rfs_pair_up();
	W.s[0].hold_scripts = true;
	act(0, VERB_RESTART);
	state_is(0, S_RESTART_PRIM);
	ask(0);
	pass(10);
	assert_int_equal(W.s[0].alones, 1);	/* what the scripts wait for */
	state_is(0, S_RESTART_PRIM);
}

static void
test_nobody_is_let_alone_beside_one_that_may_take_over(void **state)
{
	rfs_pair_up();
	cut(0, true);			/* it does not hear that it is dropped */
	ask(0);
	pass(TIMEOUT / 2);
	assert_int_equal(W.s[0].alones, 0);
	cut(1, true);
	pass(2 * TIMEOUT);
	assert_int_equal(W.s[0].alones, 1);	/* lost */
	assert_int_equal(ran(1, P_TAKEOVER), 1);
}

/* A witness, and it does not answer this one: its scripts are not to wait for writes that nobody will acknowledge */
static void
test_writes_of_a_primary_that_is_cut_off_fail(void **state)
{
	rfs_pair_up();
	strcpy(W.s[0].m.conf.witness, "splitbrain.w");
	mod_resource(&W.s[0].m, "splitbrain.w", "up", RH_UP, false, "test");
	cut(0, true);
	cut(1, true);
	mod_resource(&W.s[0].m, "splitbrain.w", "down", RH_DOWN, false, "test");
	pass(2 * TIMEOUT);
	ask(0);
	state_is(0, S_PRIM);
	assert_int_equal(W.s[0].refuses, 0);	/* it may be allowed still */
	W.s[0].hold_scripts = true;
	act(0, VERB_STOPWAIT);			/* as the splitbrain rule does */
	state_is(0, S_LEAVE_PRIM);
	assert_int_equal(W.s[0].refuses, 1);
	pass(2 * TIMEOUT);
	assert_int_equal(W.s[0].refuses, 1);
	assert_int_equal(W.s[0].alones, 0);
	W.s[0].hold_scripts = false;
	pass(100);
	assert_false(mod_holds(&W.s[0].m));
}

/* Whoever leaves beside a secondary waits for it, and for the leave to go on without it */
static void
test_writes_of_a_primary_that_stops_do_not_fail(void **state)
{
	rfs_pair_up();
	W.s[0].hold_scripts = true;
	act(0, VERB_STOP);
	pass(100);
	ask(0);
	pass(100);
	assert_int_equal(W.s[0].alones, 1);
	world_setup(NULL);
	rfs_pair_up();
	W.s[0].hold_scripts = true;
	act(0, VERB_STOP);
	cut(0, true);
	cut(1, true);
	pass(2 * TIMEOUT);
	assert_int_equal(W.s[0].alones, 1);
	assert_int_equal(W.s[0].refuses, 0);
}

/* It is none yet, but may be a moment later: it has to have heard that it is not to be one */
static void
test_nobody_is_let_alone_beside_one_that_synchronises(void **state)
{
	sync_up();
	paired(0);
	cut(0, true);
	ask(0);
	synced(1);
	pass(TIMEOUT / 2);
	state_is(1, S_SYNC);
	assert_int_equal(W.s[0].alones, 0);
	cut(0, false);
	pass(200);
	assert_int_equal(W.s[0].alones, 1);
	assert_int_not_equal(W.s[1].m.state, S_SECOND);
	assert_int_equal(ran(1, P_START_SECOND), 0);
}

static void
test_the_secondary_stops(void **state)
{
	rfs_pair_up();
	act(1, VERB_STOP);
	pass(200);
	assert_int_equal(W.s[0].alones, 1);	/* rfsd did not have to ask */
	state_is(0, S_ALONE);
	ask(0);
	assert_int_equal(W.s[0].alones, 2);	/* it is so already */
}

static void
test_paired_again_is_believed_after_the_plan_only(void **state)
{
	rfs_pair_up();
	W.s[0].hold_scripts = W.s[0].slow_rfsd = true;
	act(1, VERB_STOP);
	pass(100);
	state_is(0, S_LOSE_SECOND);
	paired(0);			/* crossed our order */
	assert_int_equal(mod_conditions(&W.s[0].m) & C_WHOLE, 0);
	mod_rfs_paired(&W.s[0].m, false);
	W.s[0].hold_scripts = false;
	pass(100);
	state_is(0, S_ALONE);
	assert_int_not_equal(mod_conditions(&W.s[0].m) & C_APART, 0);
	paired(0);
	assert_int_not_equal(mod_conditions(&W.s[0].m) & C_WHOLE, 0);
}

/* ---- frozen ---- */

/* Time passes for one only */
static void
freeze(int i, int64_t ms)
{
	W.s[i].alive = false;
	pass(ms);
	W.s[i].alive = true;
}

static void
test_a_frozen_secondary_does_not_take_over(void **state)
{
	rfs_pair_up();
	freeze(1, 2 * TIMEOUT);
	assert_int_equal(W.s[0].alones, 1);	/* it was lost */
	power_off(0);
	pass(5 * TIMEOUT);
	assert_int_equal(ran(1, P_TAKEOVER), 0);
	assert_false(mod_holds(&W.s[1].m));
}

static void
test_a_frozen_secondary_that_was_not_missed(void **state)
{
	rfs_pair_up();
	freeze(1, TIMEOUT * 6 / 10);
	pass(2 * PULSE);
	assert_int_equal(mod_conditions(&W.s[1].m) & C_STALE, 0);	/* the primary has answered */
	assert_int_equal(W.s[0].alones, 0);
	power_off(0);
	pass(2 * TIMEOUT);
	assert_int_equal(ran(1, P_TAKEOVER), 1);
}

static void
test_a_frozen_primary_gives_way(void **state)
{
	rfs_pair_up();
	freeze(0, 2 * TIMEOUT);
	assert_int_equal(ran(1, P_TAKEOVER), 1);
	pass(500);
	assert_int_equal(W.s[0].alones, 0);
	state_is(1, S_ALONE);		/* though the rank of a primary of a pair is higher */
	assert_false(mod_holds(&W.s[0].m));
	assert_int_equal(W.s[0].refuses, 1);
	assert_int_equal(said(0, "Split brain recovery: exiting alone"), 1);
}

static void
test_a_frozen_primary_whose_secondary_took_over_and_went(void **state)
{
	rfs_pair_up();
	W.s[0].alive = false;
	pass(2 * TIMEOUT);
	state_is(1, S_ALONE);
	act(1, VERB_STOP);
	pass(500);
	state_is(1, S_STOP);
	W.s[0].alive = true;
	pass(200);
	assert_int_equal(W.s[0].alones, 0);
	assert_false(mod_holds(&W.s[0].m));
	facts(0, false, true, false);
	pass(500);
	state_is(0, S_BLOCKED);
}

static void
test_the_heart_of_the_primary_was_dead(void **state)
{
	struct mod_conf conf = conf_of(0);

	rfs_pair_up();
	power_off(0);
	pass(2 * TIMEOUT);
	state_is(1, S_ALONE);
	W.s[1].hold_scripts = true;
	act(1, VERB_STOP);
	conf.rfs = true;
	W.s[0].disk.running = true;
	W.s[0].hold_scripts = true;
	power_on(0, &conf);
	mod_born(&W.s[0].m, true);
	state_is(0, S_FORCE_HELD);
	mod_rfs_paired(&W.s[0].m, true);	/* rfsd lived on, and nothing was acknowledged */
	mod_rfs_inconsistent(&W.s[0].m, false);
	W.s[1].hold_scripts = false;
	pass(500);
	state_is(1, S_STOP);
	ask(0);
	pass(500);
	assert_int_equal(W.s[0].alones, 0);
}

/* ---- which data ---- */

static void
test_data_that_is_not_up_to_date(void **state)
{
	rfs_on(0);
	rfs_on(1);
	start(0, VERB_START, false, false);
	start(1, VERB_START, false, false);
	pass(3 * TIMEOUT);
	state_is(0, S_BLOCKED);
	state_is(1, S_BLOCKED);
	assert_int_equal(said(0, "Data may be not uptodate for replicated directories (wait for the start of the remote server)"), 1);
	assert_int_equal(said(0, "Action wait from failover rule notuptodate_server"), 1);
	assert_int_equal(said(0, "If you are sure that this server has valid data, run safekit prim to force start as primary"), 1);
	act(0, VERB_STOP);
	pass(100);
	start(0, VERB_PRIM, false, false);
	pass(500);
	state_is(0, S_ALONE);
	assert_int_equal(W.s[0].forces, 1);
	role(0, true, true);
	pass(500);
	state_is(1, S_SYNC);
}

static void
test_the_last_primary_of_a_pair(void **state)
{
	rfs_on(0);
	rfs_on(1);
	start(1, VERB_START, false, false);
	pass(500);
	state_is(1, S_BLOCKED);		/* the other server is not started */
	start(0, VERB_START, false, true);
	pass(500);
	state_is(0, S_ALONE);
	state_is(1, S_SYNC);
	assert_int_equal(W.s[0].forces, 0);
}

/* defaultprim does not make a primary of old data, whatever the rules are */
static void
test_old_data_does_not_win(void **state)
{
	rfs_on(0);
	rfs_on(1);
	mod_set_rules(&W.s[0].m, NULL);
	W.s[0].m.conf.defaultprim = DP_ME;
	W.s[0].m.rec.lastprim = 1;
	start(0, VERB_START, false, true);
	pass(3 * TIMEOUT);
	state_is(0, S_BLOCKED);
	start(1, VERB_START, true, true);
	pass(500);
	state_is(1, S_ALONE);
	state_is(0, S_SYNC);
}

static void
test_prim_with_inconsistent_data(void **state)
{
	rfs_on(0);
	act(0, VERB_PRIM);
	facts(0, false, false, true);
	pass(3 * TIMEOUT);
	state_is(0, S_STOP);
	assert_int_equal(W.s[0].forces, 0);
	assert_int_equal(said(0, "Data may be inconsistent for replicated directories (stopped during reintegration)"), 1);
	assert_int_equal(said(0, "If you are sure that this server has valid data, run safekit primforce to force start as primary"), 1);
	assert_int_equal(said(0, "Requested prim start aborted "), 1);
	act(0, VERB_PRIMFORCE);
	assert_int_equal(said(0, "Action primforce called by SYSTEM/root"), 1);
	facts(0, false, false, true);
	pass(3 * TIMEOUT);
	state_is(0, S_ALONE);
	assert_int_equal(W.s[0].forces, 100);
}

/* prim beside a primary is refused, and leaves nothing behind */
static void
test_prim_beside_a_primary(void **state)
{
	sync_up();
	act(1, VERB_STOP);
	pass(100);
	start(1, VERB_PRIM, false, false);
	pass(500);
	state_is(1, S_STOP);
	assert_int_equal(W.s[1].forces, 0);
	state_is(0, S_ALONE);
}

static void
test_options(void **state)
{
	const struct mod_options full = { .full = true }, date = { .date_ms = 5 };

	sync_up();
	act(1, VERB_STOP);
	pass(100);
	mod_options(&W.s[1].m, &full);
	start(1, VERB_SECOND, false, false);
	pass(500);
	state_is(1, S_SYNC);
	assert_true(W.s[1].m.rfs.full);
	act(1, VERB_STOP);
	pass(100);
	mod_options(&W.s[1].m, &date);
	start(1, VERB_SECONDFORCE, false, false);
	pass(500);
	assert_int_equal(W.s[1].m.rfs.date_ms, 5);
	assert_false(W.s[1].m.rfs.full);
	paired(0);
	synced(1);
	pass(200);
	state_is(1, S_SECOND);
	assert_int_equal(W.s[1].m.rfs.date_ms, 0);	/* used */
}

/* ---- swap ---- */

static void
test_swap(void **state)
{
	rfs_pair_up();
	act(0, VERB_SWAP);
	pass(100);
	state_is(0, S_SWAP_SYNC);
	assert_int_equal(W.s[0].last_beat.flags & F_SECOND, 0);
	assert_true(mod_holds(&W.s[1].m));
	assert_int_equal(W.s[1].last_beat.flags & F_PAIRED, 0);
	role(0, false, false);
	role(1, true, true);
	pass(500);
	state_is(0, S_SWAP_SYNC);
	state_is(1, S_ALONE);
	paired(1);
	synced(0);
	pass(200);
	state_is(0, S_SECOND);
	state_is(1, S_PRIM);
}

/* Who claimed what we gave may have taken, and be dead: its data may be newer than ours */
static void
test_swap_with_a_taker_that_dies(void **state)
{
	rfs_pair_up();
	W.s[1].hold_scripts = true;
	act(0, VERB_SWAP);
	while (W.s[1].m.state != S_SWAP_TAKE)
		pass(1);
	state_is(0, S_SWAP_GIVEN);
	pass(1);
	power_off(1);
	W.wire_count = 0;
	role(0, false, true);
	pass(3 * TIMEOUT);
	assert_int_equal(ran(0, P_TAKEBACK), 0);
	assert_false(mod_holds(&W.s[0].m));
}

static void
test_swap_with_a_secondary_that_dies(void **state)
{
	rfs_pair_up();
	W.s[0].hold_scripts = true;
	act(0, VERB_SWAP);
	pass(50);
	power_off(1);
	W.s[0].hold_scripts = false;
	pass(3 * TIMEOUT);
	state_is(0, S_ALONE);
	assert_int_equal(ran(0, P_TAKEBACK), 1);
}

/* ---- what goes wrong here ---- */

static void
test_a_secondary_that_cannot_follow(void **state)
{
	rfs_pair_up();
	mod_rfs_out(&W.s[1].m, "disk full");
	pass(50);
	assert_int_equal(W.s[0].alones, 1);
	assert_int_equal(W.s[1].m.rec.loops, 1);
	assert_int_equal(said(1, "Action stopstart called by nfsadmin"), 1);
}

static void
test_folders_are_lost(void **state)
{
	rfs_pair_up();
	mod_rfs_lost(&W.s[0].m, "not mounted", true, W.now);
	assert_string_equal(W.s[0].m.cause, "not mounted");
	state_is(0, S_FORCE_HELD);
	facts(0, false, true, false);
	role(1, true, true);
	pass(500);
	assert_true(mod_holds(&W.s[1].m));
	assert_int_equal(W.s[0].m.rec.loops, 1);
	assert_int_not_equal(W.s[0].m.state, S_STOP);
	mod_rfs_lost(&W.s[1].m, "not mounted", false, W.now);
	pass(500);
	state_is(1, S_STOP);
}

#define T(t) cmocka_unit_test_setup_teardown(t, world_setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_second_only_when_both_sides_say_so), T(test_synced_for_a_primary_that_is_not_paired), T(test_the_primary_leaves_while_synchronising),
		T(test_synchronisation_fails), T(test_operators_do_not_wait_for_a_synchronisation), T(test_a_rule_does_not_wait_for_a_synchronisation),
		T(test_the_secondary_is_dropped),
		T(test_a_secondary_that_runs_scripts_is_dropped), T(test_alone_while_scripts_block),
		T(test_nobody_is_let_alone_beside_one_that_may_take_over), T(test_nobody_is_let_alone_beside_one_that_synchronises),
		T(test_writes_of_a_primary_that_is_cut_off_fail), T(test_writes_of_a_primary_that_stops_do_not_fail),
		T(test_the_secondary_stops),
		T(test_paired_again_is_believed_after_the_plan_only), T(test_a_frozen_secondary_does_not_take_over),
		T(test_a_frozen_secondary_that_was_not_missed), T(test_a_frozen_primary_gives_way),
		T(test_a_frozen_primary_whose_secondary_took_over_and_went), T(test_the_heart_of_the_primary_was_dead),
		T(test_data_that_is_not_up_to_date), T(test_the_last_primary_of_a_pair), T(test_old_data_does_not_win),
		T(test_prim_with_inconsistent_data), T(test_prim_beside_a_primary), T(test_options), T(test_swap),
		T(test_swap_with_a_taker_that_dies), T(test_swap_with_a_secondary_that_dies), T(test_a_secondary_that_cannot_follow),
		T(test_folders_are_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
