/* SPDX-License-Identifier: GPL-2.0-or-later */
/* failover.c: what rules order, when, and what holds a module in WAIT: short stories of two servers on a virtual clock. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "conf/conf.h"
#include "module_world.h"

#define PERIOD	500
#define HANDLE	1500

static const char default_text[] =
    "ping_failure: if (ping.? == down) then wait();"
    "tcp_failure: if (tcp.? == down) then restart();"
    "ip_failure: if (ip.? == down) then stopstart();"
    "splitbrain_failure: if (splitbrain.uptodate == down) then wait();";
static struct rules *compiled[2];

static void
rules_for(int i, const char *user)
{
	struct rules_part parts[2] = { { user, 1, 1, RULES_USER }, { default_text, 1, 1, RULES_DEFAULT } };
	struct rules_error err;
	struct rules *r = rules_compile(parts, 2, &err);

	if (r == NULL)
		fail_msg("%d:%d: %s", err.line, err.column, err.text);
	mod_set_rules(&W.s[i].m, r);
	rules_free(compiled[i]);
	compiled[i] = r;
}

static void
set(int i, const char *name, const char *value)
{
	mod_resource(&W.s[i].m, name, value, rpt_health_of(value), false, "test");
	mod_settle(&W.s[i].m, W.now);
}

/* Two servers with rules and, where asked for, a witness that both see */
static void
pair(const char *user, bool witness)
{
	int i;

	world_setup(NULL);
	for (i = 0; i < 2; i++) {
		struct mod_conf c = conf_of(i);

		c.period_ms = PERIOD;
		c.handle_ms = HANDLE;
		if (witness)
			strcpy(c.witness, "splitbrain.w");
		power_on(i, &c);
		rules_for(i, user);
		set(i, "ping.gw", "up");
		if (witness)
			set(i, "splitbrain.w", "up");
	}
	act(0, VERB_START);
	act(1, VERB_START);
	pass(4 * TIMEOUT);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
}

static int
world_end(void **state)
{
	int i;

	for (i = 0; i < 2; i++) {
		rules_free(compiled[i]);
		compiled[i] = NULL;
	}
	return 0;
}

static void
test_wait_and_wakeup(void **state)
{
	pair("", false);
	set(0, "ping.gw", "down");
	pass(HANDLE - 10);
	state_is(0, S_PRIM);
	pass(20 + 4 * SCRIPT_MS);
	assert_int_equal(said(0, "Action wait from failover rule ping_failure"), 1);
	assert_int_equal(said(0, "Transition WAIT_TR from failover rule ping_failure"), 1);
	pass(TIMEOUT);
	state_is(0, S_BLOCKED);
	state_is(1, S_ALONE);
	assert_string_equal(mod_waits_for(&W.s[0].m), "failover rule ping_failure");
	assert_int_equal(W.s[0].m.report.loop_count, 1);
	pass(10 * HANDLE);	/* however long it takes */
	state_is(0, S_BLOCKED);
	set(0, "ping.gw", "up");
	pass(HANDLE - 10);
	state_is(0, S_BLOCKED);
	pass(20 + TIMEOUT);
	assert_int_equal(said(0, "Transition WAKEUP from failover rule Implicit_WAKEUP"), 1);
	state_is(0, S_SECOND);
	state_is(1, S_PRIM);
}

static void
test_a_short_failure_is_nothing(void **state)
{
	int i;

	pair("", false);
	for (i = 0; i < 5; i++) {
		set(0, "ping.gw", "down");
		pass(HANDLE - 100);
		set(0, "ping.gw", "up");
		pass(200);
	}
	state_is(0, S_PRIM);
	assert_int_equal(said(0, "Action wait from failover rule ping_failure"), 0);
	assert_int_equal(W.s[0].m.report.loop_count, 0);
}

static void
test_restart_until_maxloop(void **state)
{
	int i;

	pair("", false);
	for (i = 0; i < 4; i++) {
		state_is(0, S_PRIM);
		set(0, "tcp.web", "down");
		pass(HANDLE + 200);
		set(0, "tcp.web", "up");	/* the restart has mended it, for a while */
		pass(200);
	}
	assert_int_equal(said(0, "Action restart from failover rule tcp_failure"), 4);
	assert_int_equal(ran(0, P_RESTART_PRIM), 3);
	assert_int_equal(said(0, "Stopping loop"), 1);
	pass(TIMEOUT);
	state_is(0, S_STOP);
	assert_string_equal(W.s[0].m.report.reason, "Stopping loop: Action restart from failover rule tcp_failure");
	state_is(1, S_ALONE);
}

/* The user's rules come first, and a label of the default ones is replaced */
static void
test_own_rules_first(void **state)
{
	pair("mine: if (tcp.web == down) then stopstart(); ping_failure: if (FALSE) then wait();", false);
	set(0, "tcp.web", "down");
	set(0, "ping.gw", "down");
	pass(HANDLE + 20);
	assert_int_equal(said(0, "Action stopstart from failover rule mine"), 1);
	assert_int_equal(said(0, "Action restart from failover rule tcp_failure"), 0);
	assert_int_equal(said(0, "Action wait from failover rule ping_failure"), 0);
}

static void
test_the_first_verdict_is_waited_for(void **state)
{
	struct mod_conf c = conf_of(0);

	c.period_ms = PERIOD;
	c.handle_ms = HANDLE;
	world_setup(NULL);
	power_on(0, &c);
	rules_for(0, "");
	set(0, "ping.gw", "init");
	act(0, VERB_START);
	pass(5 * TIMEOUT);
	state_is(0, S_WAIT);
	assert_string_equal(mod_waits_for(&W.s[0].m), "the first verdict for failover rule ping_failure");
	set(0, "ping.gw", "up");
	pass(50);
	state_is(0, S_ALONE);
	assert_int_equal(said(0, "Transition WAKEUP from failover rule Implicit_WAKEUP"), 0);	/* it has never been held */

	act(0, VERB_STOP);
	pass(100);
	set(0, "ping.gw", "init");
	act(0, VERB_START);
	pass(TIMEOUT);
	set(0, "ping.gw", "down");
	pass(10);
	state_is(0, S_BLOCKED);	/* nothing runs that could flap: at once */
	assert_int_equal(said(0, "Waiting for failover rule ping_failure"), 1);
	assert_int_equal(said(0, "Action wait from failover rule ping_failure"), 1);
	assert_int_equal(W.s[0].m.report.loop_count, 0);
	set(0, "ping.gw", "up");
	pass(HANDLE + 50);
	state_is(0, S_ALONE);
}

static void
test_remote_resources(void **state)
{
	pair("ill: if (intf.? == down && remote.intf.* == up) then wait();"
	    "alone_ill: if (intf.? == down && remote.intf.eth0 == unknown) then stop();", false);
	set(0, "intf.eth0", "up");
	set(1, "intf.eth0", "up");
	pass(3 * PULSE);
	set(1, "intf.eth0", "down");
	pass(2 * PULSE);
	set(0, "intf.eth0", "down");	/* both are ill: nobody waits */
	pass(4 * HANDLE);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
	set(1, "intf.eth0", "up");
	pass(HANDLE + 2 * PULSE + 4 * SCRIPT_MS);
	assert_int_equal(said(0, "Action wait from failover rule ill"), 1);
	pass(TIMEOUT);
	state_is(1, S_ALONE);
	/* nothing is heard of a server without power */
	power_off(0);
	pass(2 * TIMEOUT);
	set(1, "intf.eth0", "down");
	pass(HANDLE + 50);
	assert_int_equal(said(1, "Action stop from failover rule alone_ill"), 1);
	pass(100);
	state_is(1, S_STOP);
}

static void
test_assignment(void **state)
{
	pair("fix: if (custom.a == down) then custom.b = up; use: if (custom.b == up) then swap();", false);
	set(0, "custom.b", "down");
	set(0, "custom.a", "down");
	assert_int_equal(said(0, "Resource custom.b set to up by failover rule fix"), 1);
	pass(HANDLE + 200);
	assert_int_equal(said(0, "Action swap from failover rule use"), 1);
	state_is(0, S_SECOND);
	state_is(1, S_PRIM);
}

static void
cut_all(bool yes)
{
	cut(0, yes);
	cut(1, yes);
}

/* Both lose each other; only n1 sees the witness */
static void
test_splitbrain_witness_of_the_primary(void **state)
{
	pair("", true);
	cut_all(true);
	pass(TIMEOUT / 2);
	set(1, "splitbrain.w", "down");
	pass(TIMEOUT + 50);
	state_is(0, S_ALONE);
	assert_int_equal(said(1, "Resource splitbrain.uptodate set to down by splitbraincheck"), 1);
	assert_int_equal(said(1, "Action wait from failover rule splitbrain_failure"), 1);
	assert_int_equal(ran(1, P_TAKEOVER), 0);
	state_is(1, S_BLOCKED);
	set(1, "splitbrain.w", "up");	/* that alone does not bring it back */
	pass(4 * HANDLE);
	state_is(1, S_BLOCKED);
	cut_all(false);
	pass(TIMEOUT);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
	assert_int_equal(said(1, "Resource splitbrain.uptodate set to up by splitbraincheck"), 1);
	assert_int_equal(said(1, "Split brain recovery: staying alone") + said(0, "Split brain recovery: staying alone"), 0);
}

/* ... only the secondary does: it takes over, and the primary gives up at once, without handle_time */
static void
test_splitbrain_witness_of_the_secondary(void **state)
{
	pair("", true);
	cut_all(true);
	pass(TIMEOUT / 2);
	set(0, "splitbrain.w", "down");
	pass(TIMEOUT / 2 + PULSE + 4 * SCRIPT_MS);
	assert_int_equal(said(0, "Action wait from failover rule splitbrain_failure"), 1);
	pass(100);
	state_is(0, S_BLOCKED);
	state_is(1, S_ALONE);
	/* the administrator knows better */
	act(0, VERB_STOP);
	pass(100);
	act(0, VERB_START);
	pass(3 * TIMEOUT);
	state_is(0, S_BLOCKED);
	act(0, VERB_STOP);
	pass(100);
	act(0, VERB_PRIM);
	pass(3 * TIMEOUT);
	state_is(0, S_ALONE);
}

/* The witness has not spoken yet: neither takes over before it has */
static void
test_splitbrain_verdict_comes_late(void **state)
{
	pair("", true);
	set(1, "splitbrain.w", "init");
	cut_all(true);
	pass(3 * TIMEOUT);
	state_is(0, S_ALONE);
	state_is(1, S_SECOND);
	set(1, "splitbrain.w", "up");
	pass(100);
	state_is(1, S_ALONE);	/* as documented: both see it */
}

/* The network of n1 is gone: what else its checkers say does not keep it primary beside the one that has taken over */
static void
test_splitbrain_goes_before_other_rules(void **state)
{
	static const char *const also[] = { "tcp.web", "ping.gw" };	/* restart(), and wait() with handle_time */
	size_t i;

	for (i = 0; i < ARRAY_LEN(also); i++) {
		world_end(NULL);
		pair("", true);
		cut_all(true);
		pass(TIMEOUT / 2);
		set(0, "splitbrain.w", "down");
		set(0, also[i], "down");
		pass(TIMEOUT / 2 + PULSE + 4 * SCRIPT_MS);
		assert_int_equal(said(0, "Action wait from failover rule splitbrain_failure"), 1);
		pass(100);
		state_is(0, S_BLOCKED);
		state_is(1, S_ALONE);
	}
}

/* A rule that is about to stop a waiting module does not let it go on in the meantime */
static void
test_held_while_another_rule_is_counted(void **state)
{
	int i;

	pair("mine: if (custom.x == down) then stop();", true);
	cut_all(true);
	pass(TIMEOUT / 2);
	set(0, "splitbrain.w", "down");
	pass(2 * TIMEOUT);
	state_is(0, S_BLOCKED);
	state_is(1, S_ALONE);
	act(0, VERB_STOP);
	pass(100);
	set(0, "custom.x", "down");
	set(0, "splitbrain.w", "up");
	act(0, VERB_START);
	for (i = 0; i < HANDLE - 100; i += 10) {
		pass(10);
		assert_false(mod_holds(&W.s[0].m));
	}
	state_is(0, S_BLOCKED);
	pass(300);
	state_is(0, S_STOP);
	assert_int_equal(said(0, "Action stop from failover rule mine"), 1);
}

/* What was wrong before scripts ran and was right while they did is counted anew */
static void
test_time_is_counted_anew_after_scripts(void **state)
{
	pair("", false);
	set(0, "tcp.web", "down");
	pass(HANDLE - 100);
	W.s[0].hold_scripts = true;
	act(0, VERB_RESTART);
	set(0, "tcp.web", "init");
	pass(2 * HANDLE);
	W.s[0].hold_scripts = false;
	pass(10);
	state_is(0, S_PRIM);
	set(0, "tcp.web", "down");
	pass(HANDLE - 100);
	assert_int_equal(said(0, "Action restart from failover rule tcp_failure"), 0);
	/* right for a while during scripts, wrong again when they end */
	set(0, "tcp.web", "up");
	pass(10);
	set(0, "tcp.web", "down");
	pass(10);
	W.s[0].hold_scripts = true;
	act(0, VERB_RESTART);
	set(0, "tcp.web", "init");
	pass(2 * HANDLE);
	set(0, "tcp.web", "down");
	W.s[0].hold_scripts = false;
	pass(HANDLE - 100);
	assert_int_equal(said(0, "Action restart from failover rule tcp_failure"), 0);
	pass(200);
	assert_int_equal(said(0, "Action restart from failover rule tcp_failure"), 1);
}

/* n1 does not hear n2, which hears it release: n2 without the witness stays, because n1 with it takes again */
static void
test_one_way_without_witness(void **state)
{
	int i;

	pair("", true);
	set(1, "splitbrain.w", "down");
	cut(1, true);
	pass(2 * TIMEOUT);
	state_is(0, S_ALONE);
	state_is(1, S_SECOND);
	act(0, VERB_STOPSTART);
	for (i = 0; i < 400; i++) {
		pass(5);
		assert_false(mod_holds(&W.s[0].m) && mod_holds(&W.s[1].m));
	}
	state_is(0, S_ALONE);
	state_is(1, S_SECOND);
	act(0, VERB_STOP);
	pass(TIMEOUT);
	state_is(1, S_SECOND);
	act(1, VERB_STOP);	/* and it can be stopped */
	pass(100);
	state_is(1, S_STOP);
}

/* The swap has gone half way when the network goes, and the witness with it: secondary, so that rules and orders are heard */
static void
test_splitbrain_within_a_swap(void **state)
{
	pair("", true);
	W.s[1].hold_scripts = true;
	act(0, VERB_SWAP);
	cut_all(true);
	set(0, "splitbrain.w", "down");
	pass(2 * TIMEOUT);
	assert_int_equal(said(0, "Action wait from failover rule splitbrain_failure"), 1);
	set(0, "splitbrain.w", "up");
	pass(2 * TIMEOUT);
	state_is(0, S_BLOCKED);
	act(0, VERB_STOP);
	pass(100);
	state_is(0, S_STOP);
}

static void
test_alone_does_not_need_the_witness(void **state)
{
	pair("", true);
	power_off(1);
	pass(2 * TIMEOUT);
	state_is(0, S_ALONE);
	set(0, "splitbrain.w", "down");	/* the router boots: no reason to stop the only server */
	pass(4 * HANDLE);
	state_is(0, S_ALONE);
	/* but who starts without having seen either does not become primary by itself */
	act(0, VERB_STOP);
	pass(200);
	act(0, VERB_START);
	pass(4 * TIMEOUT);
	state_is(0, S_WAIT);
	assert_string_equal(mod_waits_for(&W.s[0].m), "the other server or the splitbrain witness, or the command prim");
	set(0, "splitbrain.w", "up");
	pass(100);
	state_is(0, S_ALONE);
}

static void
test_change_while_running(void **state)
{
	struct mod_conf c;

	pair("", false);
	c = W.s[0].m.conf;
	c.maxloop = 7;
	assert_false(mod_change(&W.s[0].m, &c, W.now));	/* PRIM: not allowed */
	act(1, VERB_STOP);
	pass(TIMEOUT);
	state_is(0, S_ALONE);
	assert_true(mod_change(&W.s[0].m, &c, W.now));
	assert_int_equal(W.s[0].m.report.loop_max, 7);
	c.hb[0].timeout_ms = 2 * TIMEOUT;
	assert_true(mod_change(&W.s[0].m, &c, W.now));
	pass(3 * TIMEOUT);
	state_is(0, S_ALONE);
	act(1, VERB_START);
	pass(TIMEOUT);
	state_is(0, S_PRIM);
}

static json_t *
look_up(void *ctx, const char *name)
{
	return json_pack("{s:s,s:s}", "name", name, "value", "down");
}

static void
each(void *ctx, void (*fn)(void *arg, const char *name), void *arg)
{
	fn(arg, "ping.gw");
	fn(arg, "pingo.gw");
	fn(arg, "tcp.web");
}

static void
test_explain(void **state)
{
	static const struct mod_lookup lookup = { NULL, look_up, each };
	json_t *e, *rule, *ref;

	pair("", false);
	set(0, "ping.gw", "down");
	pass(PULSE);
	e = mod_explain(&W.s[0].m, W.now, &lookup);
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "candidate"), "label")), "ping_failure");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(e, "candidate"), "due_ms")) - W.wall, HANDLE - PULSE);
	assert_true(json_is_null(json_object_get(e, "hold")));
	json_decref(e);
	pass(HANDLE + TIMEOUT);
	e = mod_explain(&W.s[0].m, W.now, &lookup);
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "hold"), "label")), "ping_failure");
	assert_string_equal(json_string_value(json_object_get(json_object_get(e, "hold"), "by")), "rule");
	rule = json_array_get(json_object_get(e, "rules"), 0);
	assert_string_equal(json_string_value(json_object_get(rule, "value")), "true");
	ref = json_array_get(json_object_get(rule, "names"), 0);
	assert_string_equal(json_string_value(json_object_get(ref, "ref")), "ping.?");
	assert_int_equal(json_array_size(json_object_get(ref, "resources")), 1);
	assert_true(json_array_size(json_object_get(e, "release")) > 0);
	assert_string_equal(json_string_value(json_object_get(e, "reason")), "Action wait from failover rule ping_failure");
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(e, "ill"), 0), "name")), "ping.gw");
	json_decref(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_wait_and_wakeup, world_end),
		cmocka_unit_test_teardown(test_a_short_failure_is_nothing, world_end),
		cmocka_unit_test_teardown(test_restart_until_maxloop, world_end),
		cmocka_unit_test_teardown(test_own_rules_first, world_end),
		cmocka_unit_test_teardown(test_the_first_verdict_is_waited_for, world_end),
		cmocka_unit_test_teardown(test_remote_resources, world_end),
		cmocka_unit_test_teardown(test_assignment, world_end),
		cmocka_unit_test_teardown(test_splitbrain_witness_of_the_primary, world_end),
		cmocka_unit_test_teardown(test_splitbrain_witness_of_the_secondary, world_end),
		cmocka_unit_test_teardown(test_splitbrain_verdict_comes_late, world_end),
		cmocka_unit_test_teardown(test_splitbrain_goes_before_other_rules, world_end),
		cmocka_unit_test_teardown(test_held_while_another_rule_is_counted, world_end),
		cmocka_unit_test_teardown(test_time_is_counted_anew_after_scripts, world_end),
		cmocka_unit_test_teardown(test_one_way_without_witness, world_end),
		cmocka_unit_test_teardown(test_splitbrain_within_a_swap, world_end),
		cmocka_unit_test_teardown(test_alone_does_not_need_the_witness, world_end),
		cmocka_unit_test_teardown(test_change_while_running, world_end),
		cmocka_unit_test_teardown(test_explain, world_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
