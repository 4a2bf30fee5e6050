/* SPDX-License-Identifier: GPL-2.0-or-later */
/* module.c and pulse.c: short stories of two servers on a virtual clock. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "module_world.h"

/* ---- becoming primary ---- */

static void
test_alone_after_the_timeout(void **state)
{
	struct mod_conf c = conf_of(0);

	power_on(0, &c);
	assert_true(act(0, VERB_START) > 0);
	pass(TIMEOUT - 20);
	state_is(0, S_WAIT);
	assert_string_equal(mod_waits_for(&W.s[0].m), "a first heartbeat of the other server, or the heartbeat timeout");
	pass(40);
	state_is(0, S_ALONE);
	assert_int_equal(ran(0, P_PRESTART), 1);
	assert_int_equal(ran(0, P_START_ALONE), 1);
	assert_int_equal(said(0, "Local state ALONE Ready"), 1);
	assert_int_equal(W.s[0].disk.lastprim, 1);
	assert_true(W.s[0].disk.running && W.s[0].disk.wanted);
	assert_int_equal(W.s[0].m.rank, 0);
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_DONE);
	assert_string_equal(W.s[0].hb_value[0], "down");
}

static void
test_alone_at_once_when_the_peer_is_stopped(void **state)
{
	both_on();
	pass(3 * PULSE);
	act(0, VERB_START);
	pass(50);	/* prestart, claim, its acknowledgement, start_prim */
	state_is(0, S_ALONE);
	state_is(1, S_STOP);
}

static void
test_a_claim_waits_for_its_acknowledgement(void **state)
{
	both_on();
	pass(3 * PULSE);
	cut(0, true);	/* n2 hears nothing of the claim, but n1 hears n2 */
	act(0, VERB_START);
	pass(TIMEOUT / 2);
	state_is(0, S_CLAIM);
	assert_string_equal(mod_waits_for(&W.s[0].m), "the other server's answer");
	cut(0, false);
	pass(3 * PULSE);
	state_is(0, S_ALONE);
}

/* Who becomes primary when both start at the same time */
static void
test_election(void **state)
{
	static const struct { int dp[2], lastprim[2], winner; } cases[] = {
		{ { DP_ALONE, DP_ALONE }, { -1, -1 }, 0 },	/* the first in cluster.xml */
		{ { DP_ALONE, DP_ALONE }, { 0, 1 }, 1 },	/* who was primary last */
		{ { DP_ALONE, DP_ALONE }, { 1, 0 }, 0 },
		{ { DP_PEER, DP_ME }, { -1, -1 }, 1 },		/* defaultprim */
		{ { DP_PEER, DP_ME }, { 1, 0 }, 1 },		/* ... before lastprim */
		{ { DP_ME, DP_PEER }, { 0, 1 }, 0 },
	};
	size_t i;
	int k;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		world_setup(NULL);
		for (k = 0; k < 2; k++) {
			struct mod_conf c = conf_of(k);

			c.defaultprim = cases[i].dp[k];
			W.s[k].disk.lastprim = cases[i].lastprim[k];
			power_on(k, &c);
		}
		pass(3 * PULSE);
		act(0, VERB_START);
		act(1, VERB_START);
		pass(TIMEOUT);
		state_is(cases[i].winner, S_PRIM);
		state_is(1 - cases[i].winner, S_SECOND);
		assert_int_equal(ran(1 - cases[i].winner, P_START_ALONE), 0);
	}
}

static void
test_two_claims_meet(void **state)
{
	both_on();
	pass(3 * PULSE);
	cut(0, true);	/* n2 does not hear n1's claim and makes its own */
	act(0, VERB_START);
	pass(20);
	state_is(0, S_CLAIM);
	act(1, VERB_START);
	pass(2);
	cut(1, true);
	pass(100);
	state_is(1, S_CLAIM);
	cut(0, false);
	cut(1, false);
	pass(TIMEOUT / 2);
	state_is(0, S_PRIM);	/* bids are equal: the first in cluster.xml */
	state_is(1, S_SECOND);
	assert_int_equal(ran(1, P_START_ALONE), 0);
}

/* An acknowledgement that is older than the shortest timeout says nothing: the peer may have taken since */
static void
test_an_old_acknowledgement_is_worth_nothing(void **state)
{
	struct beat ack;

	both_on();
	pass(3 * PULSE);
	cut(0, true);
	cut(1, true);
	act(0, VERB_START);
	pass(20);
	state_is(0, S_CLAIM);
	ack = W.s[1].last_beat;
	ack.seq += 100;
	ack.ack_incarnation = W.s[0].m.incarnation;
	ack.ack_sc = W.s[0].m.sc;
	/* frozen for the lease, then it reads what came meanwhile before anything else */
	W.now = W.s[0].m.sc_ms + W.s[0].m.lease_ms;
	mod_receive(&W.s[0].m, 0, &ack, W.now);
	mod_settle(&W.s[0].m, W.now);
	state_is(0, S_CLAIM);
	ack.seq++;
	W.now = W.s[0].m.sc_ms + W.s[0].m.lease_ms - 1;
	mod_receive(&W.s[0].m, 0, &ack, W.now);
	mod_settle(&W.s[0].m, W.now);
	state_is(0, S_TO_ALONE);
}

static void
test_a_claim_is_renewed(void **state)
{
	uint32_t sc;

	both_on();
	pass(3 * PULSE);
	cut(0, true);
	act(0, VERB_START);
	pass(20);
	sc = W.s[0].m.sc;
	pass(W.s[0].m.lease_ms / 2);
	state_is(0, S_CLAIM);
	assert_int_equal(W.s[0].m.sc, sc + 1);
}

static void
test_a_deaf_peer(void **state)
{
	both_on();
	pass(3 * PULSE);
	cut(0, true);	/* n2 hears nothing for ever, n1 hears that it does not */
	act(0, VERB_START);
	pass(2 * TIMEOUT);
	state_is(0, S_ALONE);
	assert_int_equal(W.s[0].m.peer.view, BEAT_KNOWN);
	assert_int_equal(W.s[0].m.peer.beat.sees, BEAT_LOST);
}

static void
test_prim_and_second_by_force(void **state)
{
	both_on();
	W.s[1].m.rec.lastprim = 1;
	pass(3 * PULSE);
	act(0, VERB_PRIM);
	act(1, VERB_START);
	pass(500);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
	assert_false(W.s[0].m.forced_prim);	/* it has had its say */
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_DONE);
	assert_int_equal(act(0, VERB_PRIM), 0);	/* stop first */
	act(1, VERB_STOP);
	pass(500);
	act(1, VERB_SECOND);
	pass(500);
	state_is(1, S_SECOND);
	/* prim while the other is primary */
	act(1, VERB_STOP);
	pass(500);
	act(1, VERB_PRIM);
	pass(500);
	state_is(1, S_STOP);
	assert_int_equal(said(1, "Requested prim start aborted "), 1);
	assert_int_equal(W.s[1].m.report.action_outcome, OUT_FAILED);
	/* second without a primary */
	act(0, VERB_STOP);
	pass(500);
	act(1, VERB_SECOND);
	pass(500);
	state_is(1, S_STOP);
	assert_int_equal(said(1, "Requested second start aborted "), 1);
}

/* ---- heartbeats ---- */

static void
test_heartbeats_are_judged_per_lan(void **state)
{
	pair_up();
	W.cut[0][0] = true;
	pass(TIMEOUT + PULSE);
	assert_string_equal(W.s[1].hb_value[0], "down");
	assert_string_equal(W.s[1].hb_value[1], "up");
	assert_int_equal(W.s[1].m.report.heartbeats_up, 1);
	assert_int_equal(noticed(1, NT_HB_LOST, "down"), 1);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
	W.cut[0][0] = false;
	pass(2 * PULSE);
	assert_string_equal(W.s[1].hb_value[0], "up");
	assert_int_equal(W.s[1].m.report.heartbeats_up, 2);
}

static void
test_late_and_doubled_packets_are_no_sign_of_life(void **state)
{
	struct beat old;
	int i;

	pair_up();
	old = W.s[0].last_beat;
	power_off(0);
	for (i = 0; i < 2 * TIMEOUT / PULSE; i++) {
		pass(PULSE);
		mod_receive(&W.s[1].m, i % LANS, &old, W.now);	/* somebody sends the same again and again */
		mod_settle(&W.s[1].m, W.now);
	}
	state_is(1, S_ALONE);
	assert_int_equal(said(1, "Reason of failover: no heartbeat"), 1);
	assert_int_equal(W.s[1].m.rank, 1);
}

static void
test_sequence_numbers_last(void **state)
{
	pair_up();
	W.s[0].m.seq = UINT32_MAX - 5;	/* as after 62 days of 8 lans at 10 ms */
	pass(3 * TIMEOUT);
	assert_true(W.s[0].m.seq > UINT32_MAX);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
	assert_int_equal(noticed(1, NT_HB_LOST, NULL), 0);
}

static void
test_lives_of_the_peer(void **state)
{
	struct beat old;
	struct mod_conf c = conf_of(0);

	pair_up();
	old = W.s[0].last_beat;
	old.seq += 1000;
	act(0, VERB_STOP);
	pass(500);
	state_is(1, S_ALONE);
	power_on(0, &c);	/* a greater incarnation: taken at once */
	pass(2 * PULSE);
	assert_int_equal(W.s[1].m.peer.beat.incarnation, W.s[0].m.incarnation);
	assert_int_equal(W.s[1].m.peer.state, RS_STOP);
	mod_receive(&W.s[1].m, 0, &old, W.now);	/* late, of the life before, which was PRIM */
	mod_settle(&W.s[1].m, W.now);
	assert_int_equal(W.s[1].m.peer.beat.incarnation, W.s[0].m.incarnation);
	assert_int_equal(W.s[1].m.peer.state, RS_STOP);
	state_is(1, S_ALONE);
	/* clock and record were lost: a smaller incarnation, but the peer was silent for the timeout */
	power_off(0);
	pass(2 * TIMEOUT);
	W.s[0].disk.life = 0;
	power_on(0, &c);
	assert_true(W.s[0].m.incarnation < W.s[1].m.peer.beat.incarnation);
	pass(2 * PULSE);
	assert_int_equal(W.s[1].m.peer.beat.incarnation, W.s[0].m.incarnation);
}

static void
test_what_is_not_of_our_peer_is_ignored(void **state)
{
	struct beat b = { .from = 1, .module_id = 7, .incarnation = 9, .seq = 1, .state = RS_PRIM, .status = ST_READY, .flags = F_HELD };
	struct mod_conf c = conf_of(0);
	int i;

	power_on(0, &c);
	for (i = 0; i < 5; i++) {
		struct beat x = b;

		switch (i) {
		case 0: x.module_id = 8; break;		/* another module on our port */
		case 1: x.from = 0; break;		/* ourselves */
		case 2: x.from = 2; break;		/* a third node */
		default: break;
		}
		mod_receive(&W.s[0].m, i == 3 ? -1 : i == 4 ? LANS : 0, &x, W.now);
		assert_false(W.s[0].m.peer.heard);
	}
	mod_receive(&W.s[0].m, 0, &b, W.now);
	assert_true(W.s[0].m.peer.heard);
}

static void
test_the_peer_is_learned(void **state)
{
	struct mod_conf c = conf_of(0), d = conf_of(1);

	c.peer = -1;
	power_on(0, &c);
	power_on(1, &d);
	assert_string_equal(W.s[0].m.report.peer, "");
	pass(2 * PULSE);
	assert_string_equal(W.s[0].m.report.peer, "n2");
	assert_string_equal(W.s[0].disk.peer, "n2");
}

/* ---- losing and splitting ---- */

static void
test_remote_stop(void **state)
{
	pair_up();
	act(0, VERB_STOP);
	pass(500);
	state_is(0, S_STOP);
	state_is(1, S_ALONE);
	assert_int_equal(said(1, "Reason of failover: remote stop"), 1);
	assert_int_equal(said(1, "Reason of failover: no heartbeat"), 0);
	assert_int_equal(noticed(1, NT_FAILOVER_BEGIN, NULL), 1);
	assert_int_equal(noticed(1, NT_FAILOVER_END, NULL), 1);
	assert_int_equal(W.s[1].m.report.failovers, 1);
	assert_int_equal(ran(1, P_TAKEOVER), 1);
	assert_int_equal(said(0, "End of stop"), 1);
	assert_int_equal(W.s[0].disk.rank, 0);	/* the other saw us go */
	assert_false(W.s[0].disk.running || W.s[0].disk.wanted);
}

static void
test_split_brain(void **state)
{
	pair_up();
	cut(0, true);
	cut(1, true);
	pass(2 * TIMEOUT);
	state_is(0, S_ALONE);
	state_is(1, S_ALONE);
	cut(0, false);
	cut(1, false);
	pass(TIMEOUT);
	state_is(0, S_PRIM);	/* rank 2: stayed primary of the pair */
	state_is(1, S_SECOND);
	assert_int_equal(said(0, "Split brain recovery: staying alone"), 1);
	assert_int_equal(said(0, "Split brain recovery: exiting alone"), 0);
	assert_int_equal(said(1, "Split brain recovery: exiting alone"), 1);
	assert_int_equal(said(1, "Split brain recovery: staying alone"), 0);
	assert_int_equal(noticed(0, NT_SPLITBRAIN, "staying"), 1);
	assert_int_equal(noticed(1, NT_SPLITBRAIN, "exiting"), 1);
	assert_int_equal(ran(0, P_LEAVE_ALONE), 0);
}

/* Who stayed primary of the pair is still that after a clean stop and start while the network was cut; after an unexpected halt it is not. */
static void
test_split_brain_after_a_stop(void **state)
{
	pair_up();
	cut(0, true);
	cut(1, true);
	pass(2 * TIMEOUT);
	act(0, VERB_STOP);
	pass(500);
	state_is(0, S_STOP);
	assert_int_equal(W.s[0].disk.rank, 2);
	act(0, VERB_START);
	pass(2 * TIMEOUT);
	state_is(0, S_ALONE);
	assert_int_equal(W.s[0].m.rank, 2);
	assert_int_equal(W.s[0].disk.rank, 0);
	cut(0, false);
	cut(1, false);
	pass(TIMEOUT);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
}

static void
test_split_brain_of_equals(void **state)
{
	both_on();
	cut(0, true);
	cut(1, true);
	act(1, VERB_START);
	pass(300);
	act(0, VERB_START);
	pass(2 * TIMEOUT);
	state_is(0, S_ALONE);
	state_is(1, S_ALONE);
	assert_int_equal(W.s[0].m.rank, W.s[1].m.rank);
	cut(0, false);
	cut(1, false);
	pass(TIMEOUT);
	state_is(0, S_PRIM);	/* the first in cluster.xml */
	state_is(1, S_SECOND);
}

/* n2 hears n1 no more and takes over; n1 hears that it does.  One of them has to go when the cable is back, and it is n2. */
static void
test_one_way_network(void **state)
{
	pair_up();
	cut(0, true);
	pass(3 * TIMEOUT);
	state_is(1, S_ALONE);
	assert_true(mod_holds(&W.s[0].m));
	assert_int_equal(said(0, "Split brain recovery: staying alone"), 1);
	cut(0, false);
	pass(TIMEOUT);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
}

static void
test_failover_off(void **state)
{
	struct mod_conf a = conf_of(0), b = conf_of(1);

	a.failover = b.failover = false;
	power_on(0, &a);
	power_on(1, &b);
	pass(3 * PULSE);
	act(0, VERB_START);
	pass(300);
	act(1, VERB_START);
	pass(300);
	state_is(1, S_SECOND);
	power_off(0);
	pass(2 * TIMEOUT);
	state_is(1, S_BLOCKED);
	assert_int_equal(said(1, "Failover-off configured"), 1);
	assert_int_equal(said(1, "Transition STOPSTART from failover-off"), 1);
	assert_int_equal(ran(1, P_TAKEOVER), 0);
	assert_int_equal(W.s[1].m.report.failovers, 0);
	/* the operator decides */
	act(1, VERB_STOP);
	pass(300);
	act(1, VERB_PRIM);
	pass(300);
	state_is(1, S_ALONE);
	/* n1 was primary last as far as it knows, but the other holds: it becomes secondary */
	power_on(0, &a);
	act(0, VERB_START);
	pass(500);
	state_is(0, S_SECOND);
}

static void
test_set_failover(void **state)
{
	struct mod_conf light = conf_of(0);
	char err[SK_TEXT_MAX];

	pair_up();
	assert_true(mod_set_failover(&W.s[1].m, false, "SYSTEM/root", err, sizeof(err)));
	assert_int_equal(W.s[1].m.report.failover, 0);
	assert_int_equal(W.s[1].disk.failover, 0);
	assert_int_equal(said(1, "Failover set to off by SYSTEM/root"), 1);
	W.s[1].hold_scripts = true;
	act(1, VERB_RESTART);
	assert_false(mod_set_failover(&W.s[1].m, true, "SYSTEM/root", err, sizeof(err)));
	assert_non_null(strstr(err, "SECOND Transient"));
	world_setup(NULL);
	light.mode = MODE_LIGHT;
	light.hb_count = 0;
	power_on(0, &light);
	assert_false(mod_set_failover(&W.s[0].m, true, "SYSTEM/root", err, sizeof(err)));
}

/* ---- swap ---- */

static void
test_swap_from_either_side(void **state)
{
	int from;

	for (from = 0; from < 2; from++) {
		world_setup(NULL);
		pair_up();
		assert_true(act(from, VERB_SWAP) > 0);
		pass(TIMEOUT);
		state_is(0, S_SECOND);
		state_is(1, S_PRIM);
		assert_int_equal(W.s[from].m.report.action_outcome, OUT_DONE);
		assert_int_equal(W.s[0].disk.lastprim, 0);
		assert_int_equal(W.s[1].disk.lastprim, 1);
		assert_int_equal(said(0, "Begin of Swap"), 1);
		assert_int_equal(said(1, "End of Swap"), 1);
		assert_int_equal(W.s[1].m.report.failovers, 0);
	}
}

static void
test_swap_with_a_dying_partner(void **state)
{
	pair_up();
	W.s[0].hold_scripts = true;
	act(0, VERB_SWAP);
	state_is(0, S_SWAP_OUT);
	power_off(1);
	W.s[0].hold_scripts = false;
	pass(3 * TIMEOUT);
	state_is(0, S_ALONE);
	assert_int_equal(ran(0, P_TAKEBACK), 1);
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_FAILED);
	assert_int_equal(act(0, VERB_SWAP), 0);	/* nobody to swap with */
}

static void
test_defaultprim_takes_its_role_back(void **state)
{
	struct mod_conf a = conf_of(0), b = conf_of(1);

	a.defaultprim = DP_ME;
	b.defaultprim = DP_PEER;
	power_on(0, &a);
	power_on(1, &b);
	pass(3 * PULSE);
	act(1, VERB_START);
	pass(300);
	state_is(1, S_ALONE);
	act(0, VERB_START);
	pass(TIMEOUT);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
	assert_int_equal(said(0, "Transition SWAP from defaultprim"), 1);
}

/* ---- actions ---- */

/* What is asked for while scripts run waits; the strongest wins: stop before stopstart before stopwait */
static void
test_deferred(void **state)
{
	static const struct { enum rpt_verb verbs[3]; enum fsm_event want; } cases[] = {
		{ { VERB_STOPWAIT, VERB_STOPSTART, VERB_STOP }, E_STOP }, { { VERB_STOP, VERB_STOPSTART, VERB_STOPWAIT }, E_STOP },
		{ { VERB_STOPSTART, VERB_STOP, VERB_STOPWAIT }, E_STOP }, { { VERB_STOPSTART, VERB_STOPWAIT, VERB_STOPWAIT }, E_STOPSTART },
		{ { VERB_STOPWAIT, VERB_STOPSTART, VERB_STOPWAIT }, E_STOPSTART }, { { VERB_STOPWAIT, VERB_STOPWAIT, VERB_STOPWAIT }, E_STOPWAIT },
	};
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		world_setup(NULL);
		both_on();
		pass(3 * PULSE);
		W.s[0].hold_scripts = true;
		act(0, VERB_START);
		for (k = 0; k < 3; k++)
			assert_true(act(0, cases[i].verbs[k]) > 0);
		state_is(0, S_PRESTART);
		assert_int_equal(W.s[0].m.deferred, cases[i].want);
		W.s[0].hold_scripts = false;
		pass(100);
		assert_int_equal(W.s[0].m.deferred, E_NONE);
		if (cases[i].want == E_STOP)
			state_is(0, S_STOP);
		else if (cases[i].want == E_STOPWAIT)
			state_is(0, S_BLOCKED);
	}
}

static void
test_forcestop_forgets_what_waits(void **state)
{
	both_on();
	pass(3 * PULSE);
	W.s[0].hold_scripts = true;
	act(0, VERB_START);
	act(0, VERB_STOPSTART);
	act(0, VERB_FORCESTOP);
	assert_int_equal(W.s[0].kills, 1);
	assert_int_equal(W.s[0].m.deferred, E_NONE);
	W.s[0].hold_scripts = false;
	pass(300);
	state_is(0, S_STOP);
	assert_int_equal(ran(0, P_FORCE), 1);
	assert_int_equal(ran(0, P_PRESTART), 1);
}

static void
test_the_end_of_a_killed_script_is_nobodys(void **state)
{
	uint32_t old;

	pair_up();
	W.s[0].hold_scripts = true;
	act(0, VERB_RESTART);
	old = W.s[0].running;
	act(0, VERB_FORCESTOP);
	state_is(0, S_FORCE_HELD);
	mod_script_done(&W.s[0].m, old, 0, W.now);
	mod_script_done(&W.s[0].m, 0, 0, W.now);
	state_is(0, S_FORCE_HELD);
	assert_true(mod_holds(&W.s[0].m));	/* until stop_prim force has ended */
}

static void
test_outcomes(void **state)
{
	both_on();
	pass(3 * PULSE);
	W.s[0].hold_scripts = true;
	act(0, VERB_START);
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_RUNNING);
	act(0, VERB_STOP);
	assert_int_equal(noticed(0, NT_ACTION, "superseded"), 1);
	W.s[0].hold_scripts = false;
	pass(300);
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_DONE);
	assert_int_equal(W.s[0].m.report.action_seq, 2);
	assert_true(W.s[0].m.report.action_end_ms >= W.s[0].m.report.action_begin_ms);
	act(0, VERB_STOP);	/* it is true already */
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_DONE);
	assert_int_equal(act(0, VERB_RESTART), 0);
	assert_int_equal(act(0, VERB_SWAP), 0);
	assert_int_equal(act(0, VERB_NONE), 0);
	assert_int_equal(act(0, VERB_COUNT), 0);
	assert_int_equal(act(0, (enum rpt_verb)-1), 0);
	W.s[0].script_failures = 1;
	act(0, VERB_START);
	pass(300);
	state_is(0, S_ALONE);
	assert_non_null(strstr(W.s[0].m.report.action_message, "some scripts failed"));
}

static void
test_script_words(void **state)
{
	both_on();
	pass(3 * PULSE);
	act(0, VERB_PRIM);
	pass(100);
	assert_string_equal(W.s[0].words[0], "start");
	act(0, VERB_SHUTDOWN);
	pass(100);
	assert_string_equal(W.s[0].words[W.s[0].plans_count - 1], "stop");
	state_is(0, S_STOP);
	assert_true(W.s[0].disk.wanted);	/* a shutdown is not the operator's wish to stop: boot="auto" */
}

static void
test_stopwait_wakes_up(void **state)
{
	both_on();
	pass(3 * PULSE);
	act(0, VERB_START);
	pass(100);
	act(0, VERB_STOPWAIT);
	pass(100);
	state_is(0, S_BLOCKED);
	assert_int_equal(ran(0, P_LEAVE_ALONE_WAIT), 1);
	assert_string_equal(mod_waits_for(&W.s[0].m), "the end of stopwait");
	pass(FAILOVER_PERIOD_MS - 300);
	state_is(0, S_BLOCKED);
	pass(500);
	state_is(0, S_ALONE);
	assert_int_equal(said(0, "Transition WAKEUP from failover rule Implicit_WAKEUP"), 1);
}

/* ---- maxloop ---- */

static void
test_maxloop(void **state)
{
	int i;

	pair_up();
	for (i = 0; i < 3; i++) {
		act_as(1, VERB_RESTART, "errd");
		pass(200);
		state_is(1, S_SECOND);
	}
	assert_int_equal(W.s[1].m.report.loop_count, 3);
	act_as(1, VERB_STOPSTART, "errd");	/* maxloop="3": the fourth */
	pass(300);
	state_is(1, S_STOP);
	assert_int_equal(said(1, "Stopping loop"), 1);
	assert_int_equal(noticed(1, NT_MAXLOOP, NULL), 1);
	assert_int_equal(W.s[1].disk.loops, 4);
	act(1, VERB_START);	/* a person resets */
	pass(300);
	assert_int_equal(W.s[1].disk.loops, 0);
	act_as(1, VERB_STOP, "errd");	/* a stop does not count */
	assert_int_equal(W.s[1].disk.loops, 0);
}

static void
test_maxloop_window(void **state)
{
	struct mod_conf c = conf_of(0);
	int i;

	c.loop_interval_ms = 60000;
	power_on(0, &c);
	for (i = 0; i < 3; i++)
		assert_false(mod_loop(&W.s[0].m, LOOP_INC));
	W.wall += 59999;
	assert_true(mod_loop(&W.s[0].m, LOOP_INC));
	assert_int_equal(W.s[0].m.rec.loops, 4);
	W.wall += 1;
	assert_false(mod_loop(&W.s[0].m, LOOP_CHECK));	/* the first three are a minute old */
	assert_int_equal(W.s[0].m.rec.loops, 1);
	/* the clock goes back by a year: what lies in the future counts from now on, and not for ever */
	W.wall -= 366LL * 86400 * 1000;
	assert_false(mod_loop(&W.s[0].m, LOOP_CHECK));
	assert_int_equal(W.s[0].m.rec.loops, 1);
	W.wall += 60000;
	assert_false(mod_loop(&W.s[0].m, LOOP_CHECK));
	assert_int_equal(W.s[0].m.rec.loops, 0);
	/* more than there is room for */
	for (i = 0; i < 2 * MOD_LOOP_MAX; i++)
		mod_loop(&W.s[0].m, LOOP_INC);
	assert_int_equal(W.s[0].m.rec.loops, MOD_LOOP_MAX + 1);
	mod_loop(&W.s[0].m, LOOP_RESET);
	assert_int_equal(W.s[0].m.rec.loops, 0);
	/* loop_interval="0": no counter */
	W.s[0].m.conf.loop_interval_ms = 0;
	for (i = 0; i < 10; i++)
		assert_false(mod_loop(&W.s[0].m, LOOP_INC));
	assert_int_equal(W.s[0].m.rec.loops, 0);
}

static void
test_automatic_reboot(void **state)
{
	pair_up();
	W.s[1].m.conf.automatic_reboot = true;
	act(1, VERB_STOPSTART);	/* a person's */
	pass(300);
	assert_int_equal(W.s[1].reboots, 0);
	act_as(1, VERB_STOPSTART, "errd");
	assert_int_equal(W.s[1].reboots, 1);
}

/* ---- lives of ours ---- */

static void
test_revive(void **state)
{
	struct mod_conf c = conf_of(0);

	pair_up();
	power_off(0);	/* the process dies, the application runs on */
	pass(50);
	power_on(0, &c);
	mod_born(&W.s[0].m, true);
	assert_true(mod_holds(&W.s[0].m));	/* the application may run: nobody may take before it is stopped */
	assert_int_equal(said(0, "Previous halt unexpected"), 1);
	assert_int_equal(W.s[0].m.rec.loops, 1);
	assert_int_equal(ran(1, P_TAKEOVER), 0);
	pass(TIMEOUT);
	state_is(1, S_PRIM);
	state_is(0, S_SECOND);
}

static void
test_born_after_a_power_cut(void **state)
{
	struct mod_conf c = conf_of(0);

	pair_up();
	assert_true(W.s[0].disk.running);
	power_off(0);
	power_on(0, &c);
	mod_born(&W.s[0].m, false);
	state_is(0, S_STOP);
	assert_int_equal(said(0, "Previous halt unexpected"), 1);
	assert_false(W.s[0].disk.running);
	assert_true(W.s[0].disk.wanted);
	assert_int_equal(ran(0, P_FORCE), 0);
	power_on(0, &c);
	mod_born(&W.s[0].m, false);
	assert_int_equal(said(0, "Previous halt unexpected"), 1);	/* once */
}

static void
test_revive_stops_at_maxloop(void **state)
{
	struct mod_conf c = conf_of(0);
	int i;

	pair_up();
	for (i = 0; i < 4; i++) {
		power_off(0);
		power_on(0, &c);
		mod_born(&W.s[0].m, true);
		pass(2 * TIMEOUT);
	}
	state_is(0, S_STOP);
	assert_int_equal(said(0, "Stopping loop"), 1);
	assert_false(W.s[0].disk.running);
}

static void
test_reconfigure(void **state)
{
	struct mod_conf c = conf_of(0);
	char err[SK_TEXT_MAX];

	pair_up();
	c.maxloop = 9;
	assert_false(mod_reconfigure(&W.s[0].m, &c));
	assert_int_equal(W.s[0].m.conf.maxloop, 3);
	assert_true(mod_set_failover(&W.s[0].m, false, "x", err, sizeof(err)));
	act(0, VERB_STOP);
	W.s[0].hold_scripts = true;
	pass(100);
	assert_false(mod_reconfigure(&W.s[0].m, &c));
	W.s[0].hold_scripts = false;
	pass(100);
	state_is(0, S_STOP);
	assert_true(mod_reconfigure(&W.s[0].m, &c));
	assert_int_equal(W.s[0].m.conf.maxloop, 9);
	assert_int_equal(W.s[0].m.report.loop_max, 9);
	assert_int_equal(W.s[0].disk.failover, -1);	/* what the file says is in force again */
	assert_int_equal(W.s[0].m.report.failover, 1);
	c.maxloop = 1000000;
	assert_true(mod_reconfigure(&W.s[0].m, &c));
	assert_int_equal(W.s[0].m.conf.maxloop, MOD_LOOP_MAX);
}

/* ---- light ---- */

static void
test_light(void **state)
{
	struct mod_conf c = conf_of(0);

	c.mode = MODE_LIGHT;
	c.hb_count = 0;
	power_on(0, &c);
	assert_int_equal(mod_next(&W.s[0].m), INT64_MAX);	/* nothing to do: no timer */
	act(0, VERB_START);
	pass(100);
	state_is(0, S_UP);
	assert_int_equal(act(0, VERB_SWAP), 0);
	assert_int_equal(act(0, VERB_PRIM), 0);
	act(0, VERB_RESTART);
	pass(100);
	state_is(0, S_UP);
	assert_int_equal(ran(0, P_RESTART_UP), 1);
	act_as(0, VERB_STOPWAIT, "errd");
	pass(100);
	state_is(0, S_BLOCKED);
	pass(FAILOVER_PERIOD_MS + 100);
	state_is(0, S_UP);
	act(0, VERB_STOP);
	pass(100);
	state_is(0, S_STOP);
	assert_int_equal(W.s[0].m.report.action_outcome, OUT_DONE);
}

#define STORY(f) cmocka_unit_test_setup(f, world_setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(test_alone_after_the_timeout), STORY(test_alone_at_once_when_the_peer_is_stopped),
		STORY(test_a_claim_waits_for_its_acknowledgement), STORY(test_election), STORY(test_two_claims_meet),
		STORY(test_an_old_acknowledgement_is_worth_nothing), STORY(test_a_claim_is_renewed), STORY(test_a_deaf_peer),
		STORY(test_prim_and_second_by_force), STORY(test_heartbeats_are_judged_per_lan),
		STORY(test_late_and_doubled_packets_are_no_sign_of_life), STORY(test_sequence_numbers_last), STORY(test_lives_of_the_peer),
		STORY(test_what_is_not_of_our_peer_is_ignored), STORY(test_the_peer_is_learned), STORY(test_remote_stop),
		STORY(test_split_brain), STORY(test_split_brain_after_a_stop), STORY(test_split_brain_of_equals), STORY(test_one_way_network), STORY(test_failover_off),
		STORY(test_set_failover), STORY(test_swap_from_either_side), STORY(test_swap_with_a_dying_partner),
		STORY(test_defaultprim_takes_its_role_back), STORY(test_deferred), STORY(test_forcestop_forgets_what_waits),
		STORY(test_the_end_of_a_killed_script_is_nobodys), STORY(test_outcomes), STORY(test_script_words),
		STORY(test_stopwait_wakes_up), STORY(test_maxloop), STORY(test_maxloop_window), STORY(test_automatic_reboot),
		STORY(test_revive), STORY(test_born_after_a_power_cut), STORY(test_revive_stops_at_maxloop), STORY(test_reconfigure),
		STORY(test_light),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
