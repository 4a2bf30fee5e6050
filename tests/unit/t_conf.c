/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf/: cluster.xml and userconfig.xml: documented examples, defaults, and a row per rule that refuses or warns. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include <libxml/parser.h>
#include "conf/xml.h"

#define DATA	TEST_SRCDIR "/tests/data/conf/"

static struct conf_errors errs;
static struct conf_cluster cluster;
static struct conf_module module;

static void
show(void)
{
	int i;

	for (i = 0; i < errs.count; i++)
		printf("# %c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
}

/* The finding with that level, line and word, or the test fails and shows what there is. */
static void
expect(const char *what, char level, int line, const char *word)
{
	int i;

	for (i = 0; i < errs.count; i++)
		if (errs.e[i].level == level && errs.e[i].line == line && strstr(errs.e[i].text, word) != NULL)
			return;
	show();
	fail_msg("%s: no %c at line %d with \"%s\"", what, level, line, word);
}

static void
load_cluster(const char *name)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), DATA "%s", name);
	if (conf_cluster_load(file, &cluster, &errs) != 0) {
		show();
		fail_msg("%s is refused", name);
	}
}

static void
load_module(const char *name, const struct conf_cluster *c)
{
	char file[PATH_MAX];

	snprintf(file, sizeof(file), DATA "%s", name);
	if (conf_module_load(file, c, &module, &errs) != 0) {
		show();
		fail_msg("%s is refused", name);
	}
}

static void
test_cluster_documented_examples(void **state)
{
	load_cluster("cluster-two-lans.xml");
	assert_int_equal(errs.count, 0);
	assert_int_equal(cluster.port, 4800);
	assert_int_equal(cluster.pulse_ms, 1000);
	assert_int_equal(cluster.mlost_count, 3);
	assert_int_equal(cluster.slost_count, 5);
	assert_int_equal(cluster.nodes_count, 4);
	assert_int_equal(cluster.lans_count, 2);
	assert_string_equal(cluster.nodes[3], "node4");
	assert_string_equal(cluster.lans[1].name, "repli");
	assert_string_equal(cluster.lans[1].at[2].addr, "10.0.0.3");
	assert_string_equal(cluster.lans[1].at[2].laddr, "");
	assert_true(cluster.lans[0].console && cluster.lans[0].framework && cluster.lans[0].command);
	assert_true(cluster.lans[1].console && cluster.lans[1].framework && !cluster.lans[1].command);

	load_cluster("cluster-private.xml");
	assert_int_equal(errs.count, 0);
	assert_false(cluster.lans[1].console);
	assert_int_equal(cluster.lans[1].count, 2);

	load_cluster("cluster-public.xml");
	assert_int_equal(errs.count, 0);
	assert_false(cluster.lans[1].framework);
	assert_string_equal(cluster.lans[1].at[1].addr, "node2.mydomain.com");

	load_cluster("cluster-nat.xml");
	assert_int_equal(errs.count, 0);
	assert_string_equal(cluster.lans[0].at[1].laddr, "10.0.0.2");

	load_cluster("cluster-examples.xml");	/* the guide gives two nodes one address */
	assert_int_equal(errs.count, 1);
	expect("15", 'W', 6, "same addr 10.1.0.3");
	assert_int_equal(cluster.lans_count, 3);
}

static void
test_cluster_every_attribute(void **state)
{
	load_cluster("cluster-attributes.xml");
	assert_int_equal(errs.count, 1);
	expect("connect", 'W', 10, "connect");
	assert_int_equal(cluster.port, 4801);
	assert_int_equal(cluster.pulse_ms, 2000);
	assert_int_equal(cluster.mlost_count, 4);
	assert_int_equal(cluster.slost_count, 6);
	assert_string_equal(cluster.nodes[0], "n2");	/* order of first appearance */
	assert_int_equal(cluster.lans[1].at[0].node, 1);
	assert_false(cluster.lans[0].console || cluster.lans[0].framework || cluster.lans[0].command);
	assert_true(cluster.lans[1].framework && !cluster.lans[1].command);
	assert_true(cluster.lans[2].command);
	assert_string_equal(cluster.lans[0].at[1].laddr, "10.0.0.1");
	assert_int_equal(strlen(cluster.signature), 64);
}

#define LANS(a)		"<cluster>\n<lans" a ">\n<lan name=\"a\">\n" N1 N2 "</lan>\n</lans></cluster>"
#define LAN(a, nodes)	"<lan name=" a ">\n" nodes "</lan>\n"
#define TWO(l1, l2)	"<cluster><lans>\n" l1 l2 "</lans></cluster>"
#define N1		"<node name=\"n1\" addr=\"10.0.0.1\"/>\n"
#define N2		"<node name=\"n2\" addr=\"10.0.0.2\"/>\n"
#define ADDR(a)		"<cluster><lans><lan name=\"a\">\n" N1 "<node name=\"n2\" addr=\"" a "\"/></lan></lans></cluster>"
#define S61		"0123456789012345678901234567890123456789012345678901234567890"

struct rule { const char *what, *text; char level; int line; const char *word; };

static const struct rule cluster_rules[] = {
	{ "empty", "", 'E', 1, "well-formed" },
	{ "cut", "<cluster>\n<lans>\n", 'E', 3, "well-formed" },
	{ "mismatch", "<cluster>\n<lans>\n</cluster>", 'E', 3, "well-formed" },
	{ "not XML", "hello", 'E', 1, "well-formed" },
	{ "not UTF-8", "<cluster>\n\x93</cluster>", 'E', 2, "UTF-8" },
	{ "unknown encoding", "<?xml version=\"1.0\" encoding=\"nope\"?><cluster/>", 'E', 1, "ncoding" },
	{ "root", "\n<clusters/>", 'E', 2, "<clusters>: expected the file to be one <cluster>" },
	{ "namespace", "<cluster xmlns=\"http://x\"/>", 'E', 1, "<cluster>" },
	{ "no lans", "<cluster/>", 'E', 1, "<cluster> lacks <lans>" },
	{ "no lan", "<cluster>\n<lans/></cluster>", 'E', 2, "<lans> lacks <lan>" },
	{ "no node", "<cluster><lans>\n<lan name=\"a\"/></lans></cluster>", 'E', 2, "<lan> lacks <node>" },
	{ "lans twice", "<cluster><lans><lan name=\"a\">" N1 "</lan></lans>\n<lans><lan name=\"a\">" N1 "</lan></lans></cluster>", 'E', 3,
	    "<lans> again" },
	{ "unknown tag", "<cluster>\n<lans>\n<lan name=\"a\">\n<host/></lan></lans></cluster>", 'E', 4,
	    "unknown tag <host> in <lan>; known there: <node>" },
	{ "unknown attribute", LANS(" ports=\"1\""), 'E', 2,
	    "unknown attribute ports of <lans>; known there: port, pulse, mlost_count, slost_count" },
	{ "attribute of a namespace", LANS(" xmlns:x=\"http://x\" x:port=\"1\""), 'E', 2, "unknown attribute x:port" },
	{ "start of a long tag", "<cluster>\n<lans\n port=\"1\"\n foo=\"1\"\n><lan name=\"a\">" N1 N2 "</lan></lans></cluster>", 'E', 2, "foo" },
	{ "text", "<cluster>\n<lans>hello<lan name=\"a\">" N1 N2 "</lan></lans></cluster>", 'E', 2, "text \"hello\" in <lans>" },
	{ "no name", "<cluster><lans>\n<lan>" N1 N2 "</lan></lans></cluster>", 'E', 2, "<lan> lacks the attribute name" },
	{ "no addr", "<cluster><lans><lan name=\"a\">\n\n<node name=\"n1\"/></lan></lans></cluster>", 'E', 3, "<node> lacks the attribute addr" },
	{ "on or off", TWO("", LAN("\"a\" console=\"yes\"", N1 N2)), 'E', 2, "console=\"yes\" of <lan>: expected one of on, off" },
	{ "port 0", LANS(" port=\"0\""), 'E', 2, "port=\"0\" of <lans>: expected a number from 1 to 65535" },
	{ "port 65536", LANS(" port=\"65536\""), 'E', 2, "from 1 to 65535" },
	{ "port text", LANS(" port=\"http\""), 'E', 2, "port=\"http\"" },
	{ "pulse", LANS(" pulse=\"9\""), 'E', 2, "pulse=\"9\" of <lans>: expected a duration from 10ms to 1m" },
	{ "pulse unit", LANS(" pulse=\"1 fortnight\""), 'E', 2, "pulse=\"1 fortnight\"" },
	{ "mlost_count", LANS(" mlost_count=\"0\""), 'E', 2, "mlost_count=\"0\"" },
	{ "slost_count", LANS(" slost_count=\"1001\""), 'E', 2, "slost_count=\"1001\"" },
	{ "lan name", TWO("", LAN("\"a b\"", N1 N2)), 'E', 2, "name=\"a b\" of <lan> is not a name" },
	{ "node name", "<cluster><lans><lan name=\"a\">\n<node name=\"../x\" addr=\"n\"/></lan></lans></cluster>", 'E', 2, "../x" },
	{ "node name too long", "<cluster><lans><lan name=\"a\">\n<node name=\"" S61 "xyz\" addr=\"n\"/></lan></lans></cluster>", 'E', 2,
	    "is not a name" },
	{ "lan twice", TWO(LAN("\"a\"", N1 N2), LAN("\"a\"", N1 N2)), 'E', 6, "lan \"a\" again" },
	{ "node twice", TWO("", LAN("\"a\"", N1 N1)), 'E', 4, "node \"n1\" again in lan \"a\"" },
	{ "no whole lan", TWO(LAN("\"a\" console=\"off\"", N1), LAN("\"b\" console=\"off\"", N2)), 'E', 1, "no lan with framework" },
	{ "framework off", TWO("", LAN("\"a\" framework=\"off\"", N1 N2)), 'E', 1, "no lan with framework" },
	{ "console lacks", TWO(LAN("\"a\"", N1 N2), LAN("\"b\"", N1)), 'E', 6, "console=\"on\" (the default) but lacks n2" },
	{ "two commands", TWO(LAN("\"a\" command=\"on\"", N1 N2), LAN("\"b\" command=\"on\"", N1 N2)), 'E', 6, "both have command" },
	{ "command lacks", TWO(LAN("\"a\"", N1 N2), LAN("\"b\" console=\"off\" command=\"on\"", N1)), 'E', 6, "command=\"on\" but lacks n2" },
	{ "command framework", TWO(LAN("\"a\"", N1 N2), LAN("\"b\" framework=\"off\" command=\"on\"", N1 N2)), 'E', 6, "framework=\"off\"" },
	{ "admin", TWO(LAN("\"a\"", N1 N2), LAN("\"b\" admin=\"off\"", N1)), 'W', 6, "admin of <lan> is obsolete: expected console=\"off\"" },
	{ "default command", TWO(LAN("\"a\" console=\"off\"", N1), LAN("\"b\"", N1 N2)), 'W', 2, "commands go through lan \"a\"" },
	{ "one node", TWO("", LAN("\"a\"", N1)), 'W', 1, "at least 2 nodes" },
	{ "addr empty", ADDR(""), 'E', 3, "addr=\"\" of <node>" },
	{ "addr range", ADDR("10.0.0.256"), 'E', 3, "10.0.0.256" },
	{ "addr short", ADDR("10.1"), 'E', 3, "10.1" },
	{ "addr label", ADDR("a..b"), 'E', 3, "a..b" },
	{ "addr dash", ADDR("-a"), 'E', 3, "-a" },
	{ "addr blank", ADDR("a b"), 'E', 3, "a b" },
	{ "addr label length", ADDR("x" S61 "xx.fr"), 'E', 3, "host name" },
	{ "addr length", ADDR(S61 "." S61 "." S61 "." S61 ".xxxxxx"), 'E', 3, "host name" },
	{ "addr any", ADDR("0.0.0.0"), 'E', 3, "0.0.0.0" },
	{ "addr any 6", ADDR("::"), 'E', 3, "::" },
	{ "addr multicast", ADDR("224.0.0.1"), 'E', 3, "224.0.0.1" },
	{ "addr multicast 6", ADDR("ff02::1"), 'E', 3, "ff02::1" },
	{ "addr IPv6", ADDR("fe80::zz"), 'E', 3, "fe80::zz" },
	{ "laddr", "<cluster><lans><lan name=\"a\">\n<node name=\"n1\" addr=\"n\" laddr=\"!\"/></lan></lans></cluster>", 'E', 2, "laddr=\"!\"" },
	{ "no control characters", ADDR("a&#10;b"), 'E', 3, "a b" },
	{ "entity", "<!DOCTYPE cluster [\n<!ENTITY a \"b\">]>\n<cluster>&a;</cluster>", 'E', 2, "entity declaration is refused" },
	{ "parameter entity", "<!DOCTYPE cluster [\n%x;]>\n<cluster/>", 'E', 3, "parameter entity is refused" },
	{ "external entity", "<!DOCTYPE c [\n<!ENTITY a SYSTEM \"file:///etc/hostname\">]>\n<c>&a;</c>", 'E', 2, "refused" },
	{ "external DTD", "<!DOCTYPE cluster SYSTEM \"file:///etc/hostname\">\n<cluster/>", 'E', 1, "SYSTEM or PUBLIC is refused" },
	{ "default attribute", "<!DOCTYPE cluster [\n<!ATTLIST lan name CDATA \"x\">]>\n<cluster/>", 'E', 2, "refused" },
	{ "element declaration", "<!DOCTYPE cluster [\n<!ELEMENT lan EMPTY>]>\n<cluster/>", 'E', 2, "refused" },
	{ "notation", "<!DOCTYPE cluster [\n<!NOTATION n SYSTEM \"x\">]>\n<cluster/>", 'E', 2, "refused" },
	{ "unknown entity", "<cluster>\n&foo;</cluster>", 'E', 2, "foo" },
	{ "billion laughs", "<!DOCTYPE c [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;\">]><c>&c;&c;</c>", 'E', 1,
	    "entity declaration is refused" },
};

static void
run_rule(const struct rule *r, int rc)
{
	if (rc != (r->level == 'E' ? -1 : 0)) {
		show();
		fail_msg("%s: returned %d", r->what, rc);
	}
	expect(r->what, r->level, r->line, r->word);
	assert_string_equal(errs.e[0].file, "x.xml");
	assert_int_equal(conf_has_errors(&errs), r->level == 'E');
}

static void
test_cluster_rules(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(cluster_rules); i++) {
		const struct rule *r = &cluster_rules[i];
		struct conf_cluster before;

		memset(&cluster, 0x5a, sizeof(cluster));
		before = cluster;
		run_rule(r, conf_cluster_parse("x.xml", r->text, strlen(r->text), &cluster, &errs));
		if (r->level == 'E')
			assert_memory_equal(&before, &cluster, sizeof(before));	/* filled on success only */
	}
}

static void
test_cluster_limits(void **state)
{
	char text[16384];
	size_t len;
	int i, n;

	for (n = SK_NODES_MAX; n <= SK_NODES_MAX + 1; n++) {
		len = (size_t)snprintf(text, sizeof(text), "<cluster><lans><lan name=\"a\">");
		for (i = 1; i <= n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "\n<node name=\"n%d\" addr=\"10.0.0.%d\"/>", i, i);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "</lan></lans></cluster>");
		assert_int_equal(conf_cluster_parse("x.xml", text, len, &cluster, &errs), n <= SK_NODES_MAX ? 0 : -1);
	}
	expect("33 nodes", 'E', SK_NODES_MAX + 2, "at most 32 nodes");
	for (n = SK_LANS_MAX; n <= SK_LANS_MAX + 1; n++) {
		len = (size_t)snprintf(text, sizeof(text), "<cluster><lans>");
		for (i = 1; i <= n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "\n<lan name=\"l%d\"><node name=\"a\" addr=\"a\"/></lan>", i);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "</lans></cluster>");
		assert_int_equal(conf_cluster_parse("x.xml", text, len, &cluster, &errs), n <= SK_LANS_MAX ? 0 : -1);
	}
	expect("9 lans", 'E', SK_LANS_MAX + 2, "at most 8");
}

static void
test_typographic_characters(void **state)
{
	static const struct rule rules[] = {
		{ "2018", "<cluster>\n<lans port=\xe2\x80\x98" "1\xe2\x80\x99/></cluster>", 'E', 2, "U+2018 at line 2: write ' instead" },
		{ "2019", "<cluster\n a=\xe2\x80\x99" "1'/>", 'E', 2, "U+2019 at line 2: write ' instead" },
		{ "201C", "<cluster>\n\n<lans port=\xe2\x80\x9c" "1\xe2\x80\x9d/></cluster>", 'E', 3, "U+201C at line 3: write \" instead" },
		{ "closing only", "<cluster>\n<lans port=\"1\xe2\x80\x9d>\n<lan/></lans></cluster>", 'E', 2, "U+201D at line 2: write \" instead" },
		{ "dash", "<cluster>\n<!\xe2\x80\x94 note --></cluster>", 'E', 2, "U+2014 at line 2: write -- instead" },
		{ "blank", "<cluster>\n<lans\xc2\xa0port=\"1\"/></cluster>", 'E', 2, "U+00A0 at line 2: write a plain blank instead" },
		{ "each line", "<cluster>\n<lans port=\xe2\x80\x9d" "1\xe2\x80\x9d/>\n<x a=\xe2\x80\x9d" "1\xe2\x80\x9d/></cluster>", 'E', 3, "at line 3" },
		{ "not in a comment", "<cluster>\n<!-- a=\xe2\x80\x9d -->\n<lans></cluster>", 'E', 3, "not well-formed" },
		{ "not in CDATA", "<cluster>\n<![CDATA[<a b=\xe2\x80\x9d>]]>\n<lans></cluster>", 'E', 3, "not well-formed" },
		{ "what is before stays", "<cluster>&foo;\n<lans port=\xe2\x80\x9d" "1\xe2\x80\x9d/></cluster>", 'E', 1, "foo" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rules); i++)
		run_rule(&rules[i], conf_cluster_parse("x.xml", rules[i].text, strlen(rules[i].text), &cluster, &errs));
	assert_int_equal(conf_cluster_load(DATA "cluster-typographic.xml", &cluster, &errs), -1);
	assert_int_equal(errs.count, 1);	/* not the cascade behind it */
	expect("cluster", 'E', 7, "typographic quote U+201D at line 7: write \" instead");
	assert_string_equal(errs.e[0].file, DATA "cluster-typographic.xml");
	assert_int_equal(conf_module_load(DATA "module-typographic.xml", NULL, &module, &errs), -1);
	assert_int_equal(errs.count, 1);
	expect("module", 'E', 9, "U+201D");
	/* inside a value they are text */
	assert_int_equal(conf_module_parse("x.xml", "<safe><macro name=\"a\" value=\"\xe2\x80\x9dx\xe2\x80\x9d\"/><service mode=\"light\"/></safe>",
	    strlen("<safe><macro name=\"a\" value=\"\xe2\x80\x9dx\xe2\x80\x9d\"/><service mode=\"light\"/></safe>"), NULL, &module, &errs), 0);
	assert_int_equal(errs.count, 0);
	conf_module_free(&module);
}

static void
test_cluster_signature(void **state)
{
	static const char one[] = "<cluster><lans><lan name=\"a\" console=\"on\"><node name=\"n\" addr=\"a\"/></lan></lans></cluster>";
	static const char same[] = "<?xml version=\"1.0\"?>\n<!DOCTYPE cluster>\n<!-- x -->\n<cluster>\n <lans>\n\t<lan console='on'  name='a'>"
	    "<!-- y --><node\naddr=\"a\" name=\"n\"></node></lan></lans>\n</cluster>\n";
	static const char other[] = "<cluster><lans><lan name=\"a\"><node name=\"n\" addr=\"a\"/></lan></lans></cluster>";
	char signature[65];

	assert_int_equal(conf_cluster_parse("x", one, strlen(one), &cluster, &errs), 0);
	memcpy(signature, cluster.signature, sizeof(signature));
	assert_int_equal(conf_cluster_parse("x", same, strlen(same), &cluster, &errs), 0);
	assert_string_equal(cluster.signature, signature);
	assert_int_equal(conf_cluster_parse("x", other, strlen(other), &cluster, &errs), 0);
	assert_string_not_equal(cluster.signature, signature);
}

static void
test_module_documented_examples(void **state)
{
	load_cluster("cluster-examples.xml");
	load_module("module-mirror.xml", &cluster);
	assert_int_equal(errs.count, 1);
	expect("Windows", 'W', 11, "iotimeout of <rfs>: for Windows only, without effect here");
	assert_int_equal(module.mode, MODE_MIRROR);
	assert_true(module.failover && module.user && module.userlog);
	assert_string_equal(module.defaultprim, "alone");
	assert_int_equal(module.maxloop, 3);
	assert_int_equal(module.loop_interval_ms, 24 * 3600 * 1000);
	assert_int_equal(module.hb_count, 1);
	assert_string_equal(module.hb[0].lan, "default");
	assert_string_equal(module.hb[0].ident, "flow");
	assert_int_equal(module.nicestop_ms, 300000);
	conf_module_free(&module);

	load_module("module-heart.xml", NULL);
	assert_int_equal(errs.count, 1);
	expect("no cluster", 'W', 2, "no cluster configuration");
	assert_int_equal(module.hb_count, 2);
	assert_string_equal(module.hb[1].ident, "Hb2");
	assert_int_equal(module.vars_count, 1);
	assert_string_equal(module.vars[0].name, "VARENV");
	assert_string_equal(module.vars[0].value, "V1");
	conf_module_free(&module);

	load_module("module-errd.xml", &cluster);
	assert_int_equal(errs.count, 0);
	assert_int_equal(module.hb[0].timeout_ms, 10000);
	assert_int_equal(module.procs_count, 3);
	assert_int_equal(module.procs[2].action, DO_EXEC);
	assert_string_equal(module.procs[2].exec, "restart_myappli");
	assert_string_equal(module.procs[2].class_name, "myappli");
	assert_int_equal(module.procs[2].when, WHEN_OTHER);
	conf_module_free(&module);

	load_module("module-farm.xml", NULL);
	assert_int_equal(errs.count, 1);
	expect("no cluster", 'W', 4, "no cluster configuration");
	assert_int_equal(module.mode, MODE_FARM);
	assert_int_equal(module.farm.lans_count, 2);
	assert_string_equal(module.farm.lans[1], "net3");
	assert_int_equal(module.groups_count, 1);
	conf_module_free(&module);
}

static void
test_module_defaults(void **state)
{
	static const char text[] = "<safe><service mode=\"mirror\"><heart><heartbeat name=\"default\"/></heart></service></safe>";

	load_cluster("cluster-two-lans.xml");
	assert_int_equal(conf_module_parse("x.xml", text, strlen(text), &cluster, &module, &errs), 0);
	assert_int_equal(errs.count, 0);
	assert_true(module.failover);
	assert_string_equal(module.defaultprim, "alone");
	assert_int_equal(module.maxloop, 3);
	assert_int_equal(module.loop_interval_ms, 86400000);
	assert_false(module.automatic_reboot);
	assert_int_equal(module.boot, BOOT_IGNORE);
	assert_int_equal(module.boot_delay_ms, 0);
	assert_int_equal(module.polltimer_ms, 30000);
	assert_int_equal(module.period_ms, 5000);
	assert_int_equal(module.handle_ms, 15000);
	assert_int_equal(module.checks_count + module.procs_count + module.vhosts_count, 0);
	assert_int_equal(module.rules_count, 1);
	assert_int_equal(module.rules[0].origin, RULES_DEFAULT);
	assert_string_equal(module.hb[0].ident, "default");
	assert_int_equal(module.hb[0].port, 0);
	assert_int_equal(module.hb[0].pulse_ms, 700);
	assert_int_equal(module.hb[0].timeout_ms, 30000);
	assert_true(module.hb[0].permanent_arp);
	assert_false(module.user);
	assert_int_equal(module.nicestop_ms, 300000);
	assert_int_equal(module.forcestop_ms, 300000);
	assert_true(module.userlog);
	assert_int_equal(module.userlogsize_kb, 2048);
	assert_int_equal(module.vars_count, 0);
	assert_string_equal(module.signature, "");
	conf_module_free(&module);

	load_module("module-light.xml", NULL);
	assert_int_equal(errs.count, 0);
	assert_int_equal(module.mode, MODE_LIGHT);
	assert_int_equal(module.boot, BOOT_ON);
	assert_int_equal(module.hb_count, 0);
	assert_true(module.user);
	conf_module_free(&module);
}

static void
test_module_every_attribute_and_macros(void **state)
{
	load_cluster("cluster-two-lans.xml");
	setenv("T_CONF_ENV", "env<\"&", 1);
	setenv("NET", "the macro wins", 1);
	unsetenv("T_CONF_UNSET");
	load_module("module-all.xml", &cluster);
	expect("unset in a value", 'W', 11, "%T_CONF_UNSET% is neither a macro");
	expect("permanent_arp", 'W', 6, "permanent_arp of <heart>");
	expect("permanent_arp", 'W', 8, "permanent_arp of <heartbeat>");
	expect("Windows", 'W', 41, "iotimeout, allocthreshold, nfsbox_options of <rfs>: for Windows only");
	assert_int_equal(errs.count, 4);
	assert_false(module.failover);
	assert_string_equal(module.defaultprim, "node2");
	assert_int_equal(module.maxloop, 0);
	assert_int_equal(module.loop_interval_ms, 90 * 60 * 1000);
	assert_true(module.automatic_reboot);
	assert_int_equal(module.boot, BOOT_AUTO);
	assert_int_equal(module.boot_delay_ms, 120000);
	assert_int_equal(module.hb_count, 2);
	assert_int_equal(module.hb[0].port, 9000);	/* inherited */
	assert_int_equal(module.hb[0].pulse_ms, 1000);
	assert_int_equal(module.hb[0].timeout_ms, 5000);
	assert_false(module.hb[0].permanent_arp);
	assert_string_equal(module.hb[1].lan, "repli");
	assert_string_equal(module.hb[1].ident, "hb_repli");
	assert_int_equal(module.hb[1].port, 9001);
	assert_int_equal(module.hb[1].pulse_ms, 10);
	assert_int_equal(module.hb[1].timeout_ms, 50);
	assert_true(module.hb[1].permanent_arp);
	assert_int_equal(module.nicestop_ms, 10000);
	assert_int_equal(module.forcestop_ms, 60000);
	assert_false(module.userlog);
	assert_int_equal(module.userlogsize_kb, 1);
	assert_int_equal(module.vars_count, 2);
	assert_string_equal(module.vars[0].value, "repli/env<\"&/%T_CONF_UNSET%/100% of 20%");
	assert_string_equal(module.vars[1].value, "  <hb_repli> &");
	conf_module_free(&module);
	unsetenv("NET");
	unsetenv("T_CONF_ENV");
}

static void
test_servers_of_before_7_2(void **state)
{
	load_cluster("cluster-two-lans.xml");
	load_module("module-servers.xml", &cluster);
	assert_int_equal(errs.count, 2);
	expect("first", 'W', 4, "taken as name=\"repli\"");
	expect("second", 'W', 8, "taken as name=\"default\"");
	assert_string_equal(module.hb[0].ident, "repli");
	assert_string_equal(module.hb[1].lan, "default");
	assert_string_equal(module.hb[1].ident, "old");
	conf_module_free(&module);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cluster_documented_examples),
		cmocka_unit_test(test_cluster_every_attribute),
		cmocka_unit_test(test_cluster_rules),
		cmocka_unit_test(test_cluster_limits),
		cmocka_unit_test(test_cluster_signature),
		cmocka_unit_test(test_typographic_characters),
		cmocka_unit_test(test_module_documented_examples),
		cmocka_unit_test(test_module_defaults),
		cmocka_unit_test(test_module_every_attribute_and_macros),
		cmocka_unit_test(test_servers_of_before_7_2),
	};
	int rc;

	conf_failover_file(TEST_SRCDIR "/engine/conf/failover.xml");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xmlCleanupParser();
	return rc;
}
