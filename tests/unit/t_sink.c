/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_sink.c: numbers of values, bodies of requests, what answers mean, URLs, the configuration, and parsers of what comes over HTTP.
 */
#include "config.h"
#include "agent/export/accept.h"
#include "agent/export/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>

#define AT	INT64_C(1700000000123)

static void
values_have_numbers(void **state)
{
	static const struct { const char *value; enum value_kind kind; double number; } cases[] = {
		{ "0", VALUE_WHOLE, 0 }, { "-12", VALUE_WHOLE, -12 }, { "007", VALUE_WHOLE, 7 }, { "1.50", VALUE_REAL, 1.5 }, { "-0.5", VALUE_REAL, -0.5 },
		{ "123456789012345678", VALUE_WHOLE, 123456789012345678. }, { "1234567890123456789", VALUE_TEXT, 0 },
		{ "", VALUE_TEXT, 0 }, { "-", VALUE_TEXT, 0 }, { ".5", VALUE_TEXT, 0 }, { "5.", VALUE_TEXT, 0 }, { "1e5", VALUE_TEXT, 0 },
		{ "0x10", VALUE_TEXT, 0 }, { " 1", VALUE_TEXT, 0 }, { "1 ", VALUE_TEXT, 0 }, { "nan", VALUE_TEXT, 0 }, { "inf", VALUE_TEXT, 0 },
		{ "1.2.3", VALUE_TEXT, 0 }, { "12/34", VALUE_TEXT, 0 }, { "+1", VALUE_TEXT, 0 }, { "--1", VALUE_TEXT, 0 },
		{ "up", VALUE_WORD, 1 }, { "down", VALUE_WORD, 0 }, { "init", VALUE_WORD, 2 }, { "unknown", VALUE_WORD, 3 },
		{ "STOP", VALUE_WORD, 0 }, { "WAIT", VALUE_WORD, 1 }, { "ALONE", VALUE_WORD, 2 }, { "PRIM", VALUE_WORD, 3 },
		{ "SECOND", VALUE_WORD, 4 }, { "UP", VALUE_WORD, 5 }, { "UNKNOWN", VALUE_WORD, 6 }, { "Up", VALUE_TEXT, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		double number = 0;

		assert_int_equal(value_number(cases[i].value, &number), cases[i].kind);
		assert_true(number == cases[i].number);
	}
}

static const struct change changes[] = {
	{ 1, AT, "n1", "web", "state.local", "PRIM" }, { 2, AT + 1, "n1", "web", "rfs_bandwidth.replication", "012" },
	{ 3, AT + 2, "", "web", "custom.a b", "q\"\\\n=, \xc3\xa9" }, { 4, AT + 3, "n1", "web", "load", "-01.25" },
};

static void
body_is(const struct sink_kind *kind, size_t points, const char *expected)
{
	struct text t = { .p = NULL };

	assert_int_equal(kind->body(changes, ARRAY_LEN(changes), &t), points);
	text_add(&t, "", 1);
	assert_string_equal(t.p, expected);
	text_free(&t);
}

static void
bodies(void **state)
{
	body_is(&sink_kairosdb, 5,
	    "[{\"name\":\"safekit.state.local\",\"type\":\"string\",\"tags\":{\"module\":\"web\",\"node\":\"n1\"},\"datapoints\":[[1700000000123,\"PRIM\"]]}"
	    ",{\"name\":\"safekit.state.local.number\",\"type\":\"long\",\"tags\":{\"module\":\"web\",\"node\":\"n1\"},\"datapoints\":[[1700000000123,3]]}"
	    ",{\"name\":\"safekit.rfs_bandwidth.replication\",\"type\":\"long\",\"tags\":{\"module\":\"web\",\"node\":\"n1\"},\"datapoints\":[[1700000000124,12]]}"
	    ",{\"name\":\"safekit.custom.a_b\",\"type\":\"string\",\"tags\":{\"module\":\"web\"},\"datapoints\":[[1700000000125,\"q\\\"\\\\\\u000a=, \xc3\xa9\"]]}"
	    ",{\"name\":\"safekit.load\",\"type\":\"double\",\"tags\":{\"module\":\"web\",\"node\":\"n1\"},\"datapoints\":[[1700000000126,-1.25]]}]");
	body_is(&sink_influxdb, 4,
	    "safekit_change,module=web,node=n1,resource=state.local text=\"PRIM\",value=3 1700000000123\n"
	    "safekit_change,module=web,node=n1,resource=rfs_bandwidth.replication value=12 1700000000124\n"
	    "safekit_change,module=web,resource=custom.a\\ b text=\"q\\\"\\\\ =, \xc3\xa9\" 1700000000125\n"
	    "safekit_change,module=web,node=n1,resource=load value=-1.25 1700000000126\n");
	body_is(&sink_victoriametrics, 3,
	    "safekit_change,module=web,node=n1,resource=state.local value=3 1700000000123\n"
	    "safekit_change,module=web,node=n1,resource=rfs_bandwidth.replication value=12 1700000000124\n"
	    "safekit_change,module=web,node=n1,resource=load value=-1.25 1700000000126\n");
}

/* JSON has no 00.5 either */
static void
leading_zeros(void **state)
{
	static const struct { const char *value, *json; } cases[] = {
		{ "00.50", ",0.50]]}]" }, { "-007.25", ",-7.25]]}]" }, { "0.5", ",0.5]]}]" }, { "-0.0", ",-0.0]]}]" }, { "010", ",10]]}]" }, { "100.5", ",100.5]]}]" },
	};
	struct text t = { .p = NULL };
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct change c = { 1, AT, "n1", "web", "load", cases[i].value };

		t.len = 0;
		assert_int_equal(sink_kairosdb.body(&c, 1, &t), 1);
		text_add(&t, "", 1);
		assert_string_equal(strrchr(t.p, ','), cases[i].json);
	}
	text_free(&t);
}

static void
answers(void **state)
{
	/* said by somebody who did not look at what was sent: nothing may be dropped for it */
	static const char nginx[] = "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>";
	static const char go[] = "Client sent an HTTP request to an HTTPS server.\n";
	static const struct { const struct sink_kind *kind; long status; const char *answer; enum push_result result; size_t refused; } cases[] = {
		{ &sink_kairosdb, 400, nginx, PUSH_FAILED, 0 }, { &sink_influxdb, 400, nginx, PUSH_FAILED, 0 }, { &sink_victoriametrics, 400, nginx, PUSH_FAILED, 0 },
		{ &sink_influxdb, 400, go, PUSH_FAILED, 0 }, { &sink_victoriametrics, 400, go, PUSH_FAILED, 0 },
		{ &sink_influxdb, 400, "{\"error\":\"database is required\"}", PUSH_FAILED, 0 }, { &sink_influxdb, 413, "", PUSH_SPLIT, 0 },
		{ &sink_kairosdb, 204, "", PUSH_TAKEN, 0 }, { &sink_kairosdb, 500, "{\"errors\":[\"x\"]}", PUSH_FAILED, 0 },
		{ &sink_kairosdb, 400, "{\"errors\":[\"metric[0](name=x).tags count must be greater than or equal to 1.\",\"metric[0](name=x).value y\",\"metric[7].z\"]}",
		    PUSH_PARTLY, 2 },
		{ &sink_kairosdb, 400, "{\"errors\":[\"Invalid json\"]}", PUSH_SPLIT, 0 }, { &sink_kairosdb, 413, "", PUSH_SPLIT, 0 },
		{ &sink_kairosdb, 404, "", PUSH_FAILED, 0 }, { &sink_kairosdb, 401, "", PUSH_FAILED, 0 }, { &sink_kairosdb, 301, "", PUSH_FAILED, 0 },
		{ &sink_influxdb, 204, "", PUSH_TAKEN, 0 },
		{ &sink_influxdb, 400, "{\"error\":\"partial write: field type conflict: input field \\\"value\\\" dropped=3\"}", PUSH_PARTLY, 3 },
		{ &sink_influxdb, 400, "{\"error\":\"partial write: unable to parse 'x': missing fields\\nunable to parse 'y': z dropped=0\"}", PUSH_PARTLY, 2 },
		{ &sink_influxdb, 400, "{\"error\":\"unable to parse 'x': missing fields\"}", PUSH_SPLIT, 0 },
		{ &sink_influxdb, 422, "{\"code\":\"unprocessable entity\",\"message\":\"failure writing points to database: partial write: points beyond retention policy dropped=4\"}",
		    PUSH_PARTLY, 4 },
		{ &sink_influxdb, 404, "{\"error\":\"database not found\"}", PUSH_FAILED, 0 }, { &sink_victoriametrics, 503, "", PUSH_FAILED, 0 },
	};
	size_t i, refused;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(cases[i].kind->judge(cases[i].status, cases[i].answer, &refused), cases[i].result);
		assert_int_equal(refused, cases[i].refused);
	}
}

static void
configuration(void **state)
{
	static const struct { bool sink; const char *name, *value; bool good; } cases[] = {
		{ false, "listen", "[::1]:9480", true }, { false, "spool_size", "3M", true }, { false, "spool_size", "3", false },
		{ false, "spool_size", "99999999999G", false }, { false, "spool_age", "2d", true }, { false, "spool_age", "2w", false },
		{ false, "spool_age", "", false }, { false, "batch", "1", false }, { true, "batch", "100", true }, { true, "batch", "100000", false },
		{ true, "gzip", "yes", false }, { true, "gzip", "off", true }, { true, "hold", "0", true }, { true, "type", "influxdb", true },
		{ true, "type", "", false }, { true, "database", "a&b", true },
	};
	struct export_conf c;
	struct sink_conf *s;
	char err[512], url[256];
	size_t i;

	conf_defaults(&c);
	assert_true(conf_check(&c, err, sizeof(err)));
	s = conf_add_sink(&c, "x", err, sizeof(err));
	assert_non_null(s);
	assert_null(conf_add_sink(&c, "x", err, sizeof(err)));
	assert_null(conf_add_sink(&c, "it's", err, sizeof(err)));
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(conf_set(&c, cases[i].sink ? s : NULL, cases[i].name, cases[i].value, err, sizeof(err)), cases[i].good);
	assert_true(c.spool_size == 3 << 20 && c.spool_age_s == 172800 && s->batch == 100 && !s->gzip && s->hold_s == 0);
	assert_false(conf_check(&c, err, sizeof(err)));	/* no url */
	str_copy(s->url, sizeof(s->url), "http://h:8086/");
	assert_true(conf_check(&c, err, sizeof(err)) && sink_url(s, url, sizeof(url)));
	assert_string_equal(url, "http://h:8086/write?precision=ms&db=a%26b");
	str_copy(s->url, sizeof(s->url), "http://h:8086/api/v2/write?bucket=b&precision=ms");
	assert_true(sink_url(s, url, sizeof(url)));
	assert_string_equal(url, s->url);
	/* a path without a precision would have milliseconds taken for nanoseconds: all of it would be in 1970 */
	str_copy(s->url, sizeof(s->url), "http://h:8086/api/v2/write?bucket=b");
	assert_true(sink_url(s, url, sizeof(url)));
	assert_string_equal(url, "http://h:8086/api/v2/write?bucket=b&precision=ms");
	str_copy(s->url, sizeof(s->url), "http://h:8086/insert/0/influx/write");
	assert_true(sink_url(s, url, sizeof(url)));
	assert_string_equal(url, "http://h:8086/insert/0/influx/write?precision=ms&db=a%26b");
	str_copy(s->url, sizeof(s->url), "http://h:8086/write?precision=s");
	assert_false(conf_check(&c, err, sizeof(err)));
	str_copy(s->url, sizeof(s->url), "http://h:8086/write?db=x");	/* which the URL says wins */
	assert_true(conf_check(&c, err, sizeof(err)) && sink_url(s, url, sizeof(url)));
	assert_string_equal(url, "http://h:8086/write?db=x&precision=ms");
	assert_true(conf_set(&c, NULL, "listen", "localhost:9480", err, sizeof(err)));
	assert_false(conf_check(&c, err, sizeof(err)));
	assert_true(conf_set(&c, NULL, "listen", "", err, sizeof(err)) && conf_check(&c, err, sizeof(err)));
	str_copy(s->url, sizeof(s->url), "http://user:pass@h/");
	assert_false(conf_check(&c, err, sizeof(err)));
	str_copy(s->url, sizeof(s->url), "file:///etc/passwd");
	assert_false(conf_check(&c, err, sizeof(err)));
}

static void
what_clients_say(void **state)
{
	static const char users[] = "bob:$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1\nempty:\nnobody:*\n";
	static const struct { const char *accept; bool open; } cases[] = {
		{ NULL, false }, { "", false }, { "*/*", false }, { "text/plain", false }, { "application/openmetrics-text", true },
		{ "application/openmetrics-text;q=0", false }, { "application/openmetrics-text; version=0.0.1", false },
		{ "application/openmetrics-text; version=1.0.0; q=0.5, text/plain; q=0.6", false },
		{ "text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.75,*/*;q=0.8", true }, { ",,;;q=,", false },
	};
	struct sockaddr_storage sa;
	bool loopback;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(accept_openmetrics(cases[i].accept), cases[i].open);
	assert_false(accept_password(users, "bob", ""));
	assert_false(accept_password(users, "empty", ""));
	assert_false(accept_password(users, "nobody", "*"));
	assert_false(accept_password(users, "", ""));
	assert_false(accept_password("", "bob", "x"));
	assert_true(accept_address("127.0.0.1:1", &sa, &loopback) && loopback && sa.ss_family == AF_INET);
	assert_true(accept_address("[::1]:1", &sa, &loopback) && loopback && sa.ss_family == AF_INET6);
	assert_true(accept_address("0.0.0.0:65535", &sa, &loopback) && !loopback);
	assert_false(accept_address("127.0.0.1", &sa, &loopback));
	assert_false(accept_address("127.0.0.1:65536", &sa, &loopback));
	assert_false(accept_address("::1:80", &sa, &loopback));
	assert_false(accept_address(":80", &sa, &loopback));
	assert_false(accept_address("localhost:80", &sa, &loopback));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_numbers), cmocka_unit_test(bodies), cmocka_unit_test(leading_zeros), cmocka_unit_test(answers), cmocka_unit_test(configuration),
		cmocka_unit_test(what_clients_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
