/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf/: a row per rule of userconfig.xml, macros and their bounds, the run form, signatures, durations, the list of findings. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
static struct conf_cluster cluster;	/* lans default, public (framework off); nodes node1, node2 */
static struct conf_module module;

static int
load_public_cluster(void **state)
{
	return conf_cluster_load(DATA "cluster-public.xml", &cluster, &errs);
}

static void
show(void)
{
	int i;

	for (i = 0; i < errs.count; i++)
		printf("# %c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
}

static int
count_of(char level, int line, const char *word)
{
	int i, n = 0;

	for (i = 0; i < errs.count; i++)
		n += errs.e[i].level == level && errs.e[i].line == line && strstr(errs.e[i].text, word) != NULL;
	return n;
}

static void
expect(const char *what, char level, int line, const char *word)
{
	if (count_of(level, line, word) == 0) {
		show();
		fail_msg("%s: no %c at line %d with \"%s\"", what, level, line, word);
	}
}

static int
parse(const char *text, const struct conf_cluster *c)
{
	return conf_module_parse("x.xml", text, strlen(text), c, &module, &errs);
}

struct rule { const char *what, *text; char level; int line; const char *word; bool without_cluster; };

#define SERVICE(a)	"<safe>\n<service mode=\"mirror\" " a "><heart><heartbeat name=\"default\"/></heart></service></safe>"
#define HEART(a, in)	"<safe><service mode=\"mirror\">\n<heart " a ">\n" in "</heart></service></safe>"
#define HB(a)		"<heartbeat " a "/>\n"
#define USER(a, in)	"<safe><service mode=\"light\">\n<user " a ">\n" in "</user></service></safe>"
#define MACRO(m)	"<safe>\n" m "\n<service mode=\"light\"/></safe>"
#define S64		"0123456789012345678901234567890123456789012345678901234567890123"

static const struct rule rules[] = {
	{ "root", "<service mode=\"light\"/>", 'E', 1, "expected the file to be one <safe>" },
	{ "no service", "<safe/>", 'E', 1, "<safe> lacks <service>" },
	{ "two services", "<safe><service mode=\"light\"/>\n<service mode=\"light\"/></safe>", 'E', 2, "<service> again in <safe>" },
	{ "no mode", "<safe>\n<service/></safe>", 'E', 2, "<service> lacks the attribute mode" },
	{ "mode", "<safe>\n<service mode=\"Mirror\"/></safe>", 'E', 2, "mode=\"Mirror\" of <service>: expected one of mirror, farm, light" },
	{ "farm", "<safe>\n<service mode=\"farm\"/></safe>", 'E', 2, "a farm module lacks <farm>" },
	{ "unknown tag", "<safe><service mode=\"light\">\n<hearbeat/></service></safe>", 'E', 2,
	    "unknown tag <hearbeat> in <service>; known there: <heart>, <user>, <farm>, <vip>, <rfs>, <vhost>, <errd>, <check>, <failover>" },
	{ "unknown attribute", SERVICE("max_loop=\"3\""), 'E', 2, "unknown attribute max_loop of <service>; known there: mode, failover" },
	{ "text", "<safe><service mode=\"light\">\nhello\n</service></safe>", 'E', 1, "hello" },
	{ "failover", SERVICE("failover=\"no\""), 'E', 2, "failover=\"no\" of <service>: expected one of on, off" },
	{ "automatic_reboot", SERVICE("automatic_reboot=\"1\""), 'E', 2, "automatic_reboot=\"1\"" },
	{ "boot", SERVICE("boot=\"yes\""), 'E', 2, "boot=\"yes\" of <service>: expected one of off, on, auto, ignore" },
	{ "boot_delay", SERVICE("boot_delay=\"2d\""), 'E', 2, "expected a duration from 0ms to 1d (units ms, s, m, h, d; without one: s)" },
	{ "maxloop", SERVICE("maxloop=\"-1\""), 'E', 2, "maxloop=\"-1\" of <service>: expected a number from 0 to" },
	{ "loop_interval", SERVICE("loop_interval=\"24x\""), 'E', 2, "loop_interval=\"24x\" of <service>: expected a duration" },
	{ "defaultprim", SERVICE("defaultprim=\"node9\""), 'E', 2, "node9\" of <service> is no node of the cluster: expected one of alone, "
	    "lastprim, node1, node2" },
	{ "defaultprim name", SERVICE("defaultprim=\"a/b\""), 'E', 2, "is not a name" },
	{ "too long", SERVICE("maxloop=\"" S64 "\""), 'E', 2, "too long: expected at most 63 bytes" },
	{ "light failover", "<safe>\n<service mode=\"light\" failover=\"on\"/></safe>", 'W', 2, "no effect in a light one" },
	{ "light heart", "<safe><service mode=\"light\">\n<heart><heartbeat name=\"x\"/></heart></service></safe>", 'W', 2, "<heart> has no effect" },
	{ "mirror without heart", "<safe>\n<service mode=\"mirror\"/></safe>", 'E', 2, "a mirror module lacks <heart>" },
	{ "heart without heartbeat", HEART("", ""), 'E', 2, "<heart> lacks <heartbeat>" },
	{ "two hearts", "<safe><service mode=\"light\"><heart><heartbeat name=\"x\"/></heart>\n<heart><heartbeat name=\"x\"/></heart></service></safe>",
	    'E', 2, "<heart> again" },
	{ "heartbeat without name", HEART("", HB("ident=\"flow\"")), 'E', 3, "<heartbeat> lacks the attribute name" },
	{ "heartbeat name", HEART("", HB("name=\"a b\"")), 'E', 3, "is not a name" },
	{ "heartbeat ident", HEART("", HB("name=\"default\" ident=\"a b\"")), 'E', 3, "ident=\"a b\" of <heartbeat> is not a name" },
	{ "lan unknown", HEART("", HB("name=\"net9\"")), 'E', 3, "lan \"net9\" of <heartbeat> is not in the cluster: expected one of default" },
	{ "lan framework off", HEART("", HB("name=\"public\"")), 'E', 3, "has framework=\"off\" in the cluster: expected one of default" },
	{ "ident twice", HEART("", HB("name=\"default\"") HB("name=\"public\" ident=\"default\"")), 'E', 4, "ident \"default\" again" },
	{ "lan twice", HEART("", HB("name=\"default\"") HB("name=\"default\" ident=\"x\"")), 'W', 4, "two heartbeats on lan" },
	{ "too many", HEART("", HB("name=\"default\"") HB("name=\"default\"") HB("name=\"default\"") HB("name=\"default\"") HB("name=\"default\"")
	    HB("name=\"default\"") HB("name=\"default\"") HB("name=\"default\"") HB("name=\"default\"")), 'E', 11, "expected at most 8" },
	{ "port", HEART("port=\"0\"", HB("name=\"default\"")), 'E', 2, "port=\"0\" of <heart>: expected a number from 1 to 65535" },
	{ "pulse low", HEART("pulse=\"9\"", HB("name=\"default\"")), 'E', 2, "expected a duration from 10ms to 1m" },
	{ "pulse high", HEART("", HB("name=\"default\" pulse=\"60001\"")), 'E', 3, "pulse=\"60001\" of <heartbeat>" },
	{ "timeout low", HEART("timeout=\"49\" pulse=\"10\"", HB("name=\"default\"")), 'E', 2, "expected a duration from 50ms to 1h" },
	{ "timeout high", HEART("timeout=\"61m\"", HB("name=\"default\"")), 'E', 2, "timeout=\"61m\"" },
	{ "two pulses", HEART("timeout=\"1399\"", HB("name=\"default\"")), 'E', 2, "at least two pulses (1400 ms)" },
	{ "two pulses inherited", HEART("pulse=\"10s\"", HB("name=\"default\" timeout=\"19s\"")), 'E', 3, "at least two pulses (20000 ms)" },
	{ "permanent_arp", HEART("permanent_arp=\"on\"", HB("name=\"default\"")), 'W', 2, "permanent_arp of <heart> is accepted" },
	{ "flow", HEART("", HB("name=\"default\" ident=\"flow\"")), 'W', 3, "ident=\"flow\" without <rfs>" },
	{ "no cluster", SERVICE(""), 'W', 2, "no cluster configuration", true },
	{ "server unknown", HEART("", "<heartbeat><server addr=\"10.9.9.9\"/></heartbeat>"), 'E', 3, "no lan of the cluster" },
	{ "server without cluster", HEART("", "<heartbeat><server addr=\"10.9.9.9\"/></heartbeat>"), 'E', 3, "needs a cluster", true },
	{ "server and name", HEART("", "<heartbeat name=\"default\"><server addr=\"192.168.1.67\"/></heartbeat>"), 'E', 3, "in one file" },
	{ "both syntaxes", HEART("", "<heartbeat><server addr=\"192.168.1.67\"/></heartbeat>\n<heartbeat name=\"default\"/>"), 'E', 4, "in one file" },
	{ "framework off by server", HEART("", "<heartbeat><server addr=\"node1.mydomain.com\"/></heartbeat>"), 'E', 3, "no lan of the cluster" },
	{ "server by address", HEART("", "<heartbeat>\n<server addr=\"192.168.1.67\"/>\n<server addr=\"192.168.1.68\"/></heartbeat>"), 'W', 3,
	    "taken as name=\"default\"" },
	{ "nicestoptimeout", USER("nicestoptimeout=\"0\"", ""), 'E', 2, "nicestoptimeout=\"0\" of <user>: expected a duration from 1s to 1d" },
	{ "forcestoptimeout", USER("forcestoptimeout=\"x\"", ""), 'E', 2, "forcestoptimeout=\"x\"" },
	{ "logging", USER("logging=\"on\"", ""), 'E', 2, "logging=\"on\" of <user>: expected one of userlog, none" },
	{ "userlogsize", USER("userlogsize=\"2M\"", ""), 'E', 2, "userlogsize=\"2M\"" },
	{ "var name", USER("", "<var name=\"1A\" value=\"\"/>"), 'E', 3, "name=\"1A\" of <var> is no name of an environment variable" },
	{ "var without value", USER("", "<var name=\"A\"/>"), 'E', 3, "<var> lacks the attribute value" },
	{ "var twice", USER("", "<var name=\"A\" value=\"1\"/>\n<var name=\"A\" value=\"2\"/>"), 'W', 4, "variable A is defined again" },
	{ "two users", "<safe><service mode=\"light\"><user/>\n<user/></service></safe>", 'E', 2, "<user> again" },
	{ "farm tag", "<safe><service mode=\"light\">\n<farm><lan name=\"x\"/></farm></service></safe>", 'E', 2, "<farm> in a light module" },
	{ "any order", "<safe><service mode=\"light\">\n<errd/><check/></service><macro name=\"a\" value=\"b\"/></safe>", 'W', 2, "<errd> requires" },
	{ "macro without name", MACRO("<macro value=\"x\"/>"), 'E', 2, "<macro> lacks the attribute name" },
	{ "macro name", MACRO("<macro name=\"a b\" value=\"x\"/>"), 'E', 2, "macro name \"a b\"" },
	{ "macro name empty", MACRO("<macro name=\"\" value=\"x\"/>"), 'E', 2, "macro name \"\"" },
	{ "macro name length", MACRO("<macro name=\"" S64 "\" value=\"x\"/>"), 'E', 2, "expected 1 to 62" },
	{ "macro again", MACRO("<macro name=\"a\" value=\"x\"/>\n<macro name=\"a\" value=\"y\"/>"), 'W', 3, "macro a is defined again" },
	{ "macro in place", "<safe><service mode=\"light\">\n<macro name=\"a\" value=\"x\"/></service></safe>", 'E', 2, "unknown tag <macro>" },
	{ "macro of itself", MACRO("<macro name=\"a\" value=\"%a%\"/>"), 'W', 2, "%a% is neither" },
	{ "macro not yet", MACRO("<macro name=\"a\" value=\"%b%\"/>\n<macro name=\"b\" value=\"%a%\"/>"), 'W', 2, "%b% is neither" },
	{ "macro makes text, not markup", "<safe><macro name=\"a\" value=\"&lt;user/>\"/>\n<service mode=\"light\">%a%</service></safe>", 'E', 2,
	    "text \"<user/>\" in <service>" },
	{ "entity", "<!DOCTYPE safe [\n<!ENTITY a \"b\">]>\n<safe/>", 'E', 2, "entity declaration is refused" },
};

static void
test_module_rules(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];
		int rc = parse(r->text, r->without_cluster ? NULL : &cluster);

		if (rc != (r->level == 'E' ? -1 : 0)) {
			show();
			fail_msg("%s: returned %d", r->what, rc);
		}
		expect(r->what, r->level, r->line, r->word);
		assert_string_equal(errs.e[0].file, "x.xml");
		assert_int_equal(conf_has_errors(&errs), r->level == 'E');
		if (rc == 0)
			conf_module_free(&module);
	}
}

static void
test_lines_beyond_65535(void **state)
{
	size_t lines = 70000, len = 6 + lines;
	char *text = malloc(len + 128);

	memcpy(text, "<safe>", 6);
	memset(text + 6, '\n', lines);
	strcpy(text + len, "<service mode=\"light\" foo=\"1\"><bar/></service></safe>");
	assert_int_equal(parse(text, NULL), -1);
	expect("attribute", 'E', (int)lines + 1, "foo");
	expect("tag", 'E', (int)lines + 1, "<bar>");
	free(text);
}

static void
test_file_bounds(void **state)
{
	char dir[] = "/tmp/t_confXXXXXX", file[64];
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/f", dir);
	assert_int_equal(conf_module_load(file, NULL, &module, &errs), -1);
	expect("absent", 'E', 0, "No such file");
	assert_string_equal(errs.e[0].file, file);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(fd, CONF_FILE_MAX + 1), 0);
	close(fd);
	assert_int_equal(conf_module_load(file, NULL, &module, &errs), -1);
	expect("too large", 'E', 0, "larger than");
	assert_int_equal(conf_cluster_load(file, &cluster, &errs), -1);
	expect("too large", 'E', 0, "larger than");
	assert_int_equal(conf_cluster_load(dir, &cluster, &errs), -1);
	expect("a folder", 'E', 0, "Is a directory");
	unlink(file);
	rmdir(dir);
}

/* n times "%a%" in one value, a being size bytes */
static int
multiply(size_t size, size_t n, size_t values)
{
	size_t room = size + values * (n * 3 + 80) + 200, len, i, v;
	char *text = malloc(room);
	int rc;

	len = (size_t)snprintf(text, room, "<safe><macro name=\"a\" value=\"");
	memset(text + len, 'x', size);
	len += size;
	len += (size_t)snprintf(text + len, room - len, "\"/><service mode=\"light\"><check>");
	for (v = 0; v < values; v++) {
		len += (size_t)snprintf(text + len, room - len, "<custom ident=\"c%zu\" when=\"pre\" exec=\"x\" arg=\"", v);
		for (i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, room - len, "%%a%%");
		len += (size_t)snprintf(text + len, room - len, "\"/>");
	}
	len += (size_t)snprintf(text + len, room - len, "</check></service></safe>");
	rc = conf_module_parse("x.xml", text, len, NULL, &module, &errs);
	if (rc == 0)
		conf_module_free(&module);
	free(text);
	return rc;
}

static void
test_macros_are_bounded(void **state)
{
	assert_int_equal(multiply(CONF_MACRO_VALUE_MAX, 1, 1), 0);
	assert_int_equal(multiply(CONF_MACRO_VALUE_MAX + 1, 1, 1), -1);
	expect("long macro", 'E', 1, "at most 1024 macros of at most 65536 bytes");
	assert_int_equal(multiply(1024, 64, 1), 0);
	assert_int_equal(multiply(1024, 65, 1), -1);
	expect("one value", 'E', 1, "makes more than is accepted");
	assert_int_equal(multiply(1024, 64, 64), 0);
	assert_int_equal(multiply(1024, 64, 65), -1);
	expect("all values", 'E', 1, "makes more than is accepted");
}

/* count times piece between head and tail */
static int
repeat(const char *head, const char *piece, size_t count, const char *tail)
{
	size_t n = strlen(piece), i, len = strlen(head);
	char *text = malloc(len + n * count + strlen(tail) + 1);
	int rc;

	strcpy(text, head);
	for (i = 0; i < count; i++, len += n)
		memcpy(text + len, piece, n);
	strcpy(text + len, tail);
	rc = conf_module_parse("x.xml", text, strlen(text), NULL, &module, &errs);
	free(text);
	return rc;
}

/* Of this thread on a processor: what others do there does not count */
static int64_t
spent_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
time_of(size_t count)
{
	int64_t best = INT64_MAX, begin, took;
	int i;

	for (i = 0; i < 3; i++) {
		begin = spent_ms();
		assert_int_equal(repeat("<safe><service mode=\"light\"><user>", "<var name=\"A\" value=\"\"/>", count, "</user></service></safe>"), 0);
		conf_module_free(&module);
		took = spent_ms() - begin;
		best = took < best ? took : best;
	}
	return best;
}

/* RELAX NG by libxml2 and the parser alone take minutes for files of 4 MiB like these.  Four times as much may take some four times as
 * long, on any machine; were it the square, it would be 16 times. */
static void
test_full_files_are_answered_soon(void **state)
{
	int64_t quarter = time_of(20000), whole = time_of(80000);

	if (whole > 10 * (quarter + 5))
		fail_msg("20000 tags: %" PRId64 " ms, 80000 tags: %" PRId64 " ms", quarter, whole);
	assert_int_equal(repeat("<safe><service mode=\"light\">", "<x y=\"\"><z/></x>", 200000, "</service></safe>"), -1);
	expect("tags", 'E', 1, "unknown tag <x> in <service>");
	assert_true(errs.more);
	assert_int_equal(repeat("<safe>\n<service mode=\"light\"", " a=\"1\"", 400000, "/></safe>"), -1);
	expect("attributes", 'E', 2, "a tag with 400001 attributes: expected at most 64");
}

static void
test_environment_that_is_not_utf8(void **state)
{
	setenv("T_CONF_LATIN1", "\xe9", 1);
	assert_int_equal(parse(USER("", "<var name=\"A\" value=\"%T_CONF_LATIN1%\"/>"), NULL), 0);
	expect("latin1", 'W', 3, "not UTF-8");
	assert_string_equal(module.vars[0].value, "%T_CONF_LATIN1%");
	conf_module_free(&module);
	unsetenv("T_CONF_LATIN1");
}

static void
test_var_bounds(void **state)
{
	size_t room = 64 * 1024 * 20, len;
	char *text = malloc(room);
	int i, n;

	for (n = CONF_VARS_MAX; n <= CONF_VARS_MAX + 1; n++) {
		len = (size_t)snprintf(text, room, "<safe><service mode=\"light\"><user>");
		for (i = 1; i <= n; i++)
			len += (size_t)snprintf(text + len, room - len, "\n<var name=\"V%d\" value=\"\"/>", i);
		snprintf(text + len, room - len, "</user></service></safe>");
		assert_int_equal(parse(text, NULL), n <= CONF_VARS_MAX ? 0 : -1);
		if (n <= CONF_VARS_MAX)
			conf_module_free(&module);
	}
	expect("257 variables", 'E', CONF_VARS_MAX + 2, "at most 256");
	len = (size_t)snprintf(text, room, "<safe><service mode=\"light\"><user>");
	for (i = 1; i <= 17; i++)	/* 17 times 64000 bytes: more than 1 MiB */
		len += (size_t)snprintf(text + len, room - len, "\n<var name=\"V%d\" value=\"%064000d\"/>", i, 0);
	snprintf(text + len, room - len, "</user></service></safe>");
	assert_int_equal(parse(text, NULL), -1);
	expect("1 MiB", 'E', 18, "1048576 in all");
	free(text);
}

static void
test_findings_are_bounded_and_showable(void **state)
{
	int i;

	memset(&errs, 0, sizeof(errs));
	for (i = 0; i < CONF_ERRORS_MAX; i++)
		conf_complain(&errs, 'W', "f", i, "w");
	assert_false(errs.more);
	conf_complain(&errs, 'W', "f", i, "w");
	assert_true(errs.more);
	assert_false(conf_has_errors(&errs));
	conf_complain(&errs, 'E', "f", 99, "e");	/* takes the place of a warning */
	assert_int_equal(errs.count, CONF_ERRORS_MAX);
	assert_true(conf_has_errors(&errs));
	conf_complain(&errs, 'E', "f", 100, "e");
	assert_int_equal(errs.e[CONF_ERRORS_MAX - 1].line, 99);
	memset(&errs, 0, sizeof(errs));
	conf_complain(&errs, 'E', "a\x1b", 1, "%s", "\x1b[2J\xc3\xa9 \xc3\x7f \xff\n\xc2\x9b\xe2\x82");
	assert_string_equal(errs.e[0].text, "?[2J\xc3\xa9 ?? ? ????");
	assert_string_equal(errs.e[0].file, "a?");
}

static void
test_durations(void **state)
{
	static const struct { const char *text; int64_t unit, max, ms; } rows[] = {	/* ms -1: refused */
		{ "700", 1, 100000, 700 }, { "700ms", 1000, 100000, 700 }, { "30s", 1, 100000, 30000 }, { "5m", 1, 1000000, 300000 },
		{ "24h", 1, 86400000, 86400000 }, { "1d", 1, 86400000, 86400000 }, { "24", 3600000, 86400000, 86400000 },
		{ "300", 1000, 300000, 300000 }, { "0", 3600000, 0, 0 }, { "  5 M\t", 1, 300000, 300000 }, { "1H", 1, 3600000, 3600000 },
		{ "7Ms", 1, 7, 7 }, { "7mS", 1, 7, 7 }, { "007", 1, 7, 7 },
		{ "9223372036854775807", 1, INT64_MAX, INT64_MAX },
		{ "", 1, 10, -1 }, { " ", 1, 10, -1 }, { "s", 1, 10, -1 }, { "-1", 1, 10, -1 }, { "+1", 1, 10, -1 }, { "1.5s", 1, 10000, -1 },
		{ "1 2", 1, 100, -1 }, { "1sec", 1, 10000, -1 }, { "1w", 1, INT64_MAX, -1 }, { "1 s s", 1, INT64_MAX, -1 }, { "0x10", 1, 100, -1 },
		{ "11", 1, 10, -1 }, { "2s", 1, 1999, -1 }, { "9223372036854775808", 1, INT64_MAX, -1 },
		{ "9223372036854775807s", 1, INT64_MAX, -1 }, { "99999999999999999999999999", 1, INT64_MAX, -1 },
		{ "106751991168d", 1, INT64_MAX, -1 },
	};
	char text[32];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ms = 4242;
		bool ok = conf_duration(rows[i].text, rows[i].unit, rows[i].max, &ms);

		if (ok != (rows[i].ms >= 0) || ms != (ok ? rows[i].ms : 4242))
			fail_msg("\"%s\": %d, %" PRId64 " ms", rows[i].text, ok, ms);
	}
	assert_string_equal(conf_duration_text(86400000, text, sizeof(text)), "1d");
	assert_string_equal(conf_duration_text(90 * 60000, text, sizeof(text)), "90m");
	assert_string_equal(conf_duration_text(700, text, sizeof(text)), "700ms");
	assert_string_equal(conf_duration_text(0, text, sizeof(text)), "0ms");
}

static void
full_module(void)
{
	struct conf_cluster two;

	assert_int_equal(conf_cluster_load(DATA "cluster-two-lans.xml", &two, &errs), 0);
	assert_int_equal(conf_module_load(DATA "module-all.xml", &two, &module, &errs), 0);
	memset(module.signature, 'a', 64);
}

static void
test_run_form_round_trip(void **state)
{
	struct conf_module back;
	json_t *obj, *again;
	char err[256] = "";

	full_module();
	obj = conf_module_to_json(&module);
	assert_non_null(obj);
	memset(&back, 0x5a, sizeof(back));
	assert_true(conf_module_from_json(obj, &back, err, sizeof(err)));
	again = conf_module_to_json(&back);
	assert_true(json_equal(obj, again));
	/* the JSON says all: apart from the variables' addresses the structs are the same */
	assert_int_equal(back.vars_count, 2);
	assert_string_equal(back.vars[1].value, module.vars[1].value);
	assert_memory_equal(&module, &back, offsetof(struct conf_module, vars));
	assert_string_equal(back.signature, module.signature);
	conf_module_free(&back);
	conf_module_free(&module);
	json_decref(again);
	json_decref(obj);
}

/* Every member, at every depth: absent, null or of another type is refused; so is one that we do not know. */
static void
spoil_each(json_t *root, json_t *obj)
{
	struct conf_module out;
	const char *key;
	char err[256];
	json_t *copy = json_copy(obj), *v;	/* shallow: keys and values as they were */

	json_object_foreach(copy, key, v) {
		json_t *wrong[] = { json_null(), json_real(1.5), json_string(""), json_string("a\tb"), json_integer(-1), json_object(),
		    json_stringn("a\0b", 3) };
		size_t i;

		for (i = 0; i <= ARRAY_LEN(wrong); i++) {
			if (i == ARRAY_LEN(wrong))
				json_object_del(obj, key);
			else if ((strstr(key, "signature") != NULL || strcmp(key, "value") == 0) && json_is_string(wrong[i]) &&
			    json_string_length(wrong[i]) == strlen(json_string_value(wrong[i])) &&
			    (strcmp(key, "value") == 0 || json_string_length(wrong[i]) == 0))
				continue;	/* an empty signature and any text of a variable are right */
			else if (strcmp(key, "name") == 0 && json_is_string(wrong[i]) && strcmp(json_string_value(wrong[i]), "a\tb") == 0)
				continue;
			else
				json_object_set(obj, key, wrong[i]);
			err[0] = '\0';
			if (conf_module_from_json(root, &out, err, sizeof(err)))
				fail_msg("%s: wrong value %zu is taken", key, i);
			assert_true(strstr(err, "expected") != NULL);
			json_object_set(obj, key, v);
		}
		for (i = 0; i < ARRAY_LEN(wrong); i++)
			json_decref(wrong[i]);
	}
	json_object_set_new(obj, "unknown", json_true());
	assert_false(conf_module_from_json(root, &out, err, sizeof(err)));
	json_object_del(obj, "unknown");
	json_decref(copy);
}

static void
test_run_form_is_strict(void **state)
{
	struct conf_module out;
	json_t *root, *list;
	char err[256];
	int i;

	full_module();
	root = conf_module_to_json(&module);
	conf_module_free(&module);
	spoil_each(root, root);
	spoil_each(root, json_array_get(json_object_get(root, "heartbeats"), 1));
	spoil_each(root, json_array_get(json_object_get(root, "vars"), 0));
	assert_false(conf_module_from_json(json_null(), &out, err, sizeof(err)));
	assert_false(conf_module_from_json(NULL, &out, err, sizeof(err)));
	list = json_object_get(root, "heartbeats");
	for (i = 2; i <= CONF_HB_MAX; i++)
		json_array_append_new(list, json_deep_copy(json_array_get(list, 0)));
	assert_false(conf_module_from_json(root, &out, err, sizeof(err)));
	assert_non_null(strstr(err, "at most 8"));
	json_decref(root);
}

/* ---- signature of a module's directory ---- */
static char top[64];

static void
put(const char *name, const char *text, mode_t mode)
{
	char file[PATH_MAX];

	assert_true(path_format(file, sizeof(file), "%s/%s", top, name));
	assert_int_equal(path_write_atomic(file, text, strlen(text), mode), 0);
}

static void
del(const char *name)
{
	char file[PATH_MAX];

	assert_true(path_format(file, sizeof(file), "%s/%s", top, name));
	if (unlink(file) == -1)
		assert_int_equal(rmdir(file), 0);
}

static void
dir(const char *name)
{
	char file[PATH_MAX];

	assert_true(path_format(file, sizeof(file), "%s/%s", top, name));
	assert_int_equal(mkdir(file, 0700), 0);
}

static void
link_to(const char *target, const char *name)
{
	char file[PATH_MAX];

	assert_true(path_format(file, sizeof(file), "%s/%s", top, name));
	assert_int_equal(symlink(target, file), 0);
}

static const char *
sign(void)
{
	static char turns[4][65];
	static int turn;
	char *out = turns[turn++ % 4];

	if (conf_module_signature(top, out) == -1)
		fail_msg("%s", strerror(errno));
	return out;
}

static void
sign_fails(int error)
{
	char out[65];

	errno = 0;
	assert_int_equal(conf_module_signature(top, out), -1);
	assert_int_equal(errno, error);
}

static void
test_module_signature(void **state)
{
	char first[65], file[PATH_MAX];

	strcpy(top, "/tmp/t_confXXXXXX");
	assert_non_null(mkdtemp(top));
	sign_fails(ENOENT);
	dir("conf");
	put("conf/userconfig.xml", "<safe>", 0600);
	sign_fails(EBADMSG);
	put("conf/userconfig.xml", "<safe><service mode=\"light\"/></safe>", 0600);
	strcpy(first, sign());		/* a module without scripts */
	put("conf/userconfig.xml", "<!DOCTYPE safe>\n<safe>\n\t<!-- x --><service  mode='light'></service></safe>", 0600);
	assert_string_equal(sign(), first);
	dir("bin");
	assert_string_equal(sign(), first);
	put("bin/start", "a", 0700);
	assert_string_not_equal(sign(), first);
	strcpy(first, sign());
	assert_string_equal(sign(), first);
	put("bin/start", "b", 0700);	/* content */
	assert_string_not_equal(sign(), first);
	put("bin/start", "a", 0600);	/* may it be run */
	assert_string_not_equal(sign(), first);
	put("bin/start", "a", 0755);	/* who else may: no matter */
	assert_string_equal(sign(), first);
	put("bin/stop", "a", 0700);	/* name */
	del("bin/start");
	assert_string_not_equal(sign(), first);
	put("bin/start", "a", 0700);
	strcpy(first, sign());
	del("bin/start");		/* order of creation does not count */
	put("bin/start", "a", 0700);
	assert_string_equal(sign(), first);
	dir("bin/d");
	put("bin/d/x", "1", 0600);
	assert_string_not_equal(sign(), first);
	strcpy(first, sign());
	link_to("d/x", "bin/l");	/* inside */
	assert_string_not_equal(sign(), first);
	del("bin/l");
	link_to("../conf/userconfig.xml", "bin/l");
	sign_fails(ELOOP);
	del("bin/l");
	link_to("/etc", "bin/l");
	sign_fails(ELOOP);
	del("bin/l");
	link_to("nowhere", "bin/l");
	sign_fails(ENOENT);
	del("bin/l");
	assert_true(path_format(file, sizeof(file), "%s/bin/fifo", top));
	assert_int_equal(mkfifo(file, 0600), 0);
	sign_fails(EINVAL);		/* and nobody waits for a writer */
	del("bin/fifo");
	put("bin/big", "", 0600);
	assert_true(path_format(file, sizeof(file), "%s/bin/big", top));
	assert_int_equal(truncate(file, (64 << 20) + 1), 0);
	sign_fails(EFBIG);
	del("bin/big");
	assert_string_equal(sign(), first);
	del("bin/d/x");
	del("bin/d");
	del("bin/start");
	del("bin/stop");
	del("bin");
	del("conf/userconfig.xml");
	del("conf");
	assert_int_equal(rmdir(top), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_module_rules, load_public_cluster),
		cmocka_unit_test(test_lines_beyond_65535),
		cmocka_unit_test(test_file_bounds),
		cmocka_unit_test(test_macros_are_bounded),
		cmocka_unit_test(test_full_files_are_answered_soon),
		cmocka_unit_test(test_environment_that_is_not_utf8),
		cmocka_unit_test(test_var_bounds),
		cmocka_unit_test(test_findings_are_bounded_and_showable),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_run_form_round_trip),
		cmocka_unit_test(test_run_form_is_strict),
		cmocka_unit_test(test_module_signature),
	};
	int rc;

	conf_failover_file(TEST_SRCDIR "/engine/conf/failover.xml");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xmlCleanupParser();
	return rc;
}
