/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/cli_explain.c: what somebody reads at night.  The object is what heart sends; the words are compared as they are shown. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "cli/cli.h"

#define NOW	1463756885000	/* 2016-05-20 15:08:05 UTC */

static void
shows(const char *json, const char *expected)
{
	json_error_t je;
	json_t *e = json_loads(json, 0, &je);
	size_t len = 0;
	char *text = NULL;
	FILE *mem = open_memstream(&text, &len);

	assert_non_null(e);
	assert_non_null(mem);
	explain_show(mem, e, "mirror", NOW);
	fclose(mem);
	assert_string_equal(text, expected);
	free(text);
	json_decref(e);
}

static void
test_held_by_a_rule(void **state)
{
	shows("{\"state\":\"WAIT\",\"status\":\"NotReady\",\"since_ms\":1463756805000,\"reason\":\"Action wait called by rule p_router\","
	    "\"goal\":\"start\",\"waits_for\":\"\",\"checkers\":\"on\",\"errd\":\"on\",\"loop\":{\"count\":1,\"max\":3},"
	    "\"rules\":[{\"label\":\"p_router\",\"text\":\"p_router: if (ping.router == down) then wait();\",\"origin\":\"generated\","
	    "\"order\":\"wait\",\"value\":\"true\",\"since_ms\":1463756804000,\"names\":[{\"ref\":\"ping.router\",\"remote\":false,"
	    "\"healths\":[\"down\"],\"resources\":[{\"name\":\"ping.router\",\"value\":\"down\",\"since_ms\":1463749605000,"
	    "\"by\":\"pingcheck\",\"why\":\"no answer within 5 s\"}]}]},"
	    "{\"label\":\"q\",\"text\":\"q: if (tcp.? == down) then restart();\",\"origin\":\"default\",\"order\":\"restart\","
	    "\"value\":\"undecided\",\"since_ms\":0,\"names\":[{\"ref\":\"tcp.?\",\"remote\":false,\"healths\":[\"up\",\"init\"],"
	    "\"resources\":[{\"name\":\"tcp.web\",\"value\":\"init\",\"since_ms\":0,\"by\":\"\",\"why\":\"\"}]}]},"
	    "{\"label\":\"never\",\"text\":\"never: if (FALSE) then stop();\",\"origin\":\"user\",\"order\":\"stop\",\"value\":\"false\","
	    "\"since_ms\":0,\"names\":[]}],\"candidate\":null,"
	    "\"hold\":{\"by\":\"rule\",\"label\":\"p_router\",\"since_ms\":1463756805000},"
	    "\"peer\":{\"node\":\"node2\",\"state\":\"ALONE\",\"status\":\"Ready\",\"heard\":true},"
	    "\"release\":[\"ping.router becomes up or unknown\",\"safekit checker off -m mirror, to start without checkers\"]}",
	    "Module mirror is in state WAIT NotReady since 2016-05-20 15:06:45 (1 min 20 s ago)\n"
	    "  Why: Action wait called by rule p_router\n"
	    "  Goal: start\n"
	    "  The other server, node2, is in state ALONE Ready\n"
	    "\n"
	    "Failover rule p_router holds it since 2016-05-20 15:06:45 (1 min 20 s ago):\n"
	    "    p_router: if (ping.router == down) then wait();\n"
	    "    This is made from an action= attribute in userconfig.xml. It looks at\n"
	    "      ping.router is down since 2016-05-20 13:06:45 (2 h 1 min ago), said by pingcheck: no answer within 5 s\n"
	    "\n"
	    "What would release it:\n"
	    "  - ping.router becomes up or unknown\n"
	    "  - safekit checker off -m mirror, to start without checkers\n"
	    "\n"
	    "Good to know:\n"
	    "  - maxloop: 1 of at most 3 automatic restarts in loop_interval (safekit resetloop -m mirror)\n"
	    "\n"
	    "Rules that are not decided yet (a resource in them is in state init):\n"
	    "    q: if (tcp.? == down) then restart();\n"
	    "      tcp.?: up and init\n"
	    "      tcp.web is init\n");
}

static void
test_shares_of_load(void **state)
{
	shows("{\"state\":\"UP\",\"status\":\"Ready\",\"since_ms\":0,\"reason\":\"\",\"hold\":null,\"shares\":["
	    "{\"group\":\"web\",\"buckets\":86,\"view\":7,\"serving\":3,\"members\":\"n1 n2 n3\"},"
	    "{\"group\":\"dns\",\"buckets\":0,\"view\":7,\"serving\":1,\"members\":\"n2\"},"
	    "{\"group\":\"a\",\"buckets\":0,\"view\":7,\"serving\":0,\"members\":\"\"},"
	    "{\"group\":\"b\",\"buckets\":0,\"view\":0,\"serving\":0,\"members\":\"\"}]}",
	    "Module mirror is in state UP Ready\n"
	    "\n"
	    "Nothing holds it.\n"
	    "\n"
	    "Network load:\n"
	    "  - group web: 33.6 % is taken here, all of it by n1 n2 n3\n"
	    "  - group dns: nothing is taken here (not UP, power 0 in <host>, or another configuration than most: see the log), all of it by n2\n"
	    "  - group a: nobody takes it\n"
	    "  - group b: none, this server is not in the farm's membership\n");
}

static void
test_a_countdown(void **state)
{
	shows("{\"state\":\"PRIM\",\"status\":\"Ready\",\"since_ms\":1463151885000,\"reason\":\"start\",\"checkers\":\"off\",\"errd\":\"off\","
	    "\"loop\":{\"count\":0,\"max\":3},\"rules\":[{\"label\":\"r\",\"text\":\"r: if (remote.custom.a == up) then swap();\","
	    "\"origin\":\"user\",\"order\":\"swap\",\"value\":\"true\",\"since_ms\":1463756884000,\"names\":[{\"ref\":\"remote.custom.a\","
	    "\"remote\":true,\"healths\":[\"up\"],\"resources\":[]}]}],"
	    "\"candidate\":{\"label\":\"r\",\"order\":\"swap\",\"since_ms\":1463756884000,\"due_ms\":1463756888500},\"hold\":null,"
	    "\"peer\":{\"node\":\"node2\",\"state\":\"UNKNOWN\",\"status\":\"Unknown\",\"heard\":false},\"release\":[]}",
	    "Module mirror is in state PRIM Ready since 2016-05-13 15:04:45 (7 days 0 h ago)\n"
	    "  Why: start\n"
	    "  The other server, node2, is not heard\n"
	    "\n"
	    "Nothing holds it.\n"
	    "\n"
	    "Next: rule r is true since 2016-05-20 15:08:04 (1 s ago) and orders swap in 4 s, at 2016-05-20 15:08:08, unless it becomes false\n"
	    "    r: if (remote.custom.a == up) then swap();\n"
	    "    This is of <failover> in userconfig.xml. It looks at\n"
	    "      remote.custom.a (on the other server): up\n"
	    "\n"
	    "Good to know:\n"
	    "  - the checkers are off: their resources do not change (safekit checker on -m mirror)\n"
	    "  - processes are not watched (safekit errd on -m mirror)\n");
}

/* What is down though no rule says what to do then; not again what was told with a rule */
static void
test_no_rule(void **state)
{
	shows("{\"state\":\"ALONE\",\"status\":\"Ready\",\"rules\":[{\"label\":\"r\",\"text\":\"r: if (tcp.a == down) then restart();\","
	    "\"value\":\"true\",\"names\":[{\"ref\":\"tcp.a\",\"healths\":[\"down\"],\"resources\":[{\"name\":\"tcp.a\",\"value\":\"down\"}]}]},"
	    "{\"label\":\"f\",\"text\":\"f\",\"value\":\"false\",\"names\":[{\"ref\":\"tcp.b\",\"healths\":[\"down\"],"
	    "\"resources\":[{\"name\":\"tcp.b\",\"value\":\"down\"}]}]}],"
	    "\"ill\":[{\"name\":\"tcp.a\",\"value\":\"down\"},{\"name\":\"tcp.b\",\"value\":\"down\",\"since_ms\":1463756884000,"
	    "\"by\":\"tcpcheck\",\"why\":\"connection refused\"}]}",
	    "Module mirror is in state ALONE Ready\n"
	    "\n"
	    "Nothing holds it.\n"
	    "\n"
	    "Other rules that are true:\n"
	    "    r: if (tcp.a == down) then restart();\n"
	    "      tcp.a is down\n"
	    "\n"
	    "No rule acts on these now:\n"
	    "      tcp.b is down since 2016-05-20 15:08:04 (1 s ago), said by tcpcheck: connection refused\n");
}

/* What others wrote does not reach the terminal as control characters; what is missing is left out */
static void
test_little_and_strange(void **state)
{
	shows("{\"state\":\"WAIT\",\"status\":\"NotReady\",\"reason\":\"a\\u001b[2Jb\\nc\",\"hold\":{\"by\":\"splitbrain\",\"since_ms\":0}}",
	    "Module mirror is in state WAIT NotReady\n"
	    "  Why: a?[2Jb?c\n"
	    "\n"
	    "It stays in WAIT to avoid a split brain: the other server is lost and no witness answers\n");
	shows("{\"hold\":{\"by\":\"rule\",\"label\":\"gone\"},\"rules\":7,\"release\":[1],\"candidate\":{\"label\":\"x\",\"order\":\"stop\"}}",
	    "Module mirror is in state  \n"
	    "\n"
	    "Failover rule gone holds it:\n"
	    "\n"
	    "Next: rule x is true and orders stop now\n"
	    "\n"
	    "What would release it:\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_by_a_rule),
		cmocka_unit_test(test_shares_of_load),
		cmocka_unit_test(test_a_countdown),
		cmocka_unit_test(test_no_rule),
		cmocka_unit_test(test_little_and_strange),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
