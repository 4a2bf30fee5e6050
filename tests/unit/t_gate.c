/* SPDX-License-Identifier: GPL-2.0-or-later */
/* web/gateway: paths, the table of routes, what a request may bring, events, numbers to sign, words between the two processes. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "web/gateway/gateway.h"
#include "web/gateway/handlers.h"
#include "web/gateway/who.h"

#define STUB(name) void name(struct request *r) { }
HANDLERS(STUB)

static void
test_paths(void **state)
{
	static const char *const bad[] = { "", "api", "/", "//api", "/api//v1", "/api/./v1", "/api/../v1", "/api/%2e%2e/v1", "/api/%2E/x", "/a%2fb", "/a%00b",
	    "/a%0ab", "/a%", "/a%4", "/a%zz", "/a\x01", "/a\x7f", "/a/?x=%", "/a?x=1&x=2", "/a?x=%00", "/a/",
	    "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25",
	    "/a?1=&2=&3=&4=&5=&6=&7=&8=&9=&10=&11=&12=&13=&14=&15=&16=&17=" };
	char err[256], longest[URI_MAX + 3];
	struct uri u;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		err[0] = '\0';
		if (uri_parse(bad[i], &u, err, sizeof(err)) || err[0] == '\0')
			fail_msg("%s was taken", bad[i]);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_false(uri_parse(longest, &u, err, sizeof(err)));
	longest[URI_MAX] = '\0';
	assert_true(uri_parse(longest, &u, err, sizeof(err)));
	assert_true(uri_parse("/api/v1/modules/a%2Db/%7e+x?last=3&&q=a+b%20%26&e", &u, err, sizeof(err)));
	assert_int_equal(u.segments, 5);
	assert_string_equal(u.segment[3], "a-b");
	assert_string_equal(u.segment[4], "~+x");
	assert_int_equal(u.queries, 3);
	assert_string_equal(u.query[1].value, "a b &");
	assert_string_equal(u.query[2].name, "e");
	assert_string_equal(u.query[2].value, "");
}

static const struct route *
find(const char *method, const char *path, unsigned *status, char *allow, struct uri *u)
{
	char err[256];

	assert_true(uri_parse(path, u, err, sizeof(err)));
	return route_find(method, u, 0, status, allow, 64);
}

static void
test_routes(void **state)
{
	const struct route *r;
	struct uri u;
	unsigned status;
	char allow[64], err[256];
	json_t *args;

	r = find("GET", "/modules/AM", &status, allow, &u);
	assert_string_equal(r->id, "getModule");
	r = find("HEAD", "/modules/AM", &status, allow, &u);
	assert_string_equal(r->id, "getModule");
	assert_null(find("POST", "/modules/AM", &status, allow, &u));
	assert_int_equal(status, 405);
	assert_string_equal(allow, "GET, HEAD");
	assert_null(find("GET", "/module/AM", &status, allow, &u));
	assert_int_equal(status, 404);
	assert_null(find("GET", "/modules/AM/nothing", &status, allow, &u));
	assert_int_equal(status, 404);
	r = find("PUT", "/modules/AM/files/bin/start_prim", &status, allow, &u);
	assert_string_equal(r->id, "putFile");
	args = route_params(r, &u, 0, &status, err, sizeof(err));
	assert_string_equal(json_string_value(json_object_get(args, "path")), "bin/start_prim");
	assert_string_equal(json_string_value(json_object_get(args, "module")), "AM");
	json_decref(args);
}

static void
test_the_table_agrees_with_itself(void **state)
{
	size_t i, j;

	for (i = 0; i < routes_count; i++) {
		const struct route *r = &routes[i];
		const struct param *p;
		const char *at;

		assert_non_null(r->run);
		assert_true(strlen(r->summary) > 0);
		/* nothing but the challenge is open, and what changes something is not for Monitors, but for commands, which have a table of their own */
		assert_true(r->role != ROLE_NONE || strcmp(r->id, "getChallenge") == 0);
		assert_true(r->role >= ROLE_CONTROL || strcmp(r->method, "GET") == 0 || strcmp(r->id, "postCommand") == 0);
		assert_true(r->body == BODY_NONE || strcmp(r->method, "GET") != 0);
		for (j = 0; j < i; j++) {
			assert_string_not_equal(r->id, routes[j].id);
			assert_true(strcmp(r->path, routes[j].path) != 0 || strcmp(r->method, routes[j].method) != 0);
		}
		/* each {name} of the path is a parameter of it */
		for (at = r->path; (at = strchr(at, '{')) != NULL; at++) {
			for (p = r->params; p->type != P_END && (p->in != IN_PATH || strncmp(p->name, at + 1, strlen(p->name)) != 0); p++)
				;
			assert_int_not_equal(p->type, P_END);
		}
		for (p = r->params; p != NULL && p->type != P_END; p++) {
			assert_true(p->in != IN_PATH || p->required);
			assert_true(p->type != P_WORD || strlen(p->words) > 0);
			assert_true(p->type != P_INT || p->min < p->max);
			assert_true(strlen(p->help) > 0);
		}
	}
}

static void
test_parameters(void **state)
{
	static const struct { const char *method, *path; unsigned status; } bad[] = {
		{ "GET", "/modules/-m", 404 }, { "GET", "/modules/a%20b", 404 }, { "GET", "/modules/..a", 404 }, { "GET", "/log?last=0", 400 },
		{ "GET", "/log?last=10001", 400 }, { "GET", "/log?last=-1", 400 }, { "GET", "/log?last=1e3", 400 }, { "GET", "/log?last=", 400 },
		{ "GET", "/log?levels=X", 400 }, { "GET", "/log?more=1", 400 }, { "GET", "/events?logs=yes", 400 }, { "DELETE", "/files/abc", 404 },
		{ "DELETE", "/files/ABCDEF0123456789abcdef0123456789", 404 }, { "GET", "/modules/AM/files/conf/.hidden", 404 },
		{ "GET", "/modules/AM/files/conf/-x", 404 }, { "PUT", "/modules/AM/package?id=257", 400 }, { "GET", "/resources?module=%ff", 400 },
	};
	char err[256], allow[64];
	struct uri u;
	unsigned status;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		const struct route *r = find(bad[i].method, bad[i].path, &status, allow, &u);

		assert_non_null(r);
		err[0] = '\0';
		assert_null(route_params(r, &u, 0, &status, err, sizeof(err)));
		assert_int_equal(status, bad[i].status);
		assert_true(strstr(err, "expected") != NULL || strstr(err, "unknown") != NULL);
	}
}

static void
test_bodies(void **state)
{
	static const struct { const char *path, *body; unsigned status; } rows[] = {
		{ "/commands", "{\"argv\":[\"state\"]}", 0 }, { "/commands", "", 400 }, { "/commands", "{", 400 }, { "/commands", "[]", 422 },
		{ "/commands", "{\"argv\":[]}", 422 }, { "/commands", "{\"argv\":\"state\"}", 422 }, { "/commands", "{\"argv\":[1]}", 422 },
		{ "/commands", "{\"argv\":[\"a\\u0000b\"]}", 400 }, { "/commands", "{}", 422 }, { "/commands", "{\"argv\":[\"a\"],\"argv\":[\"b\"]}", 400 },
		{ "/commands", "{\"argv\":[\"a\"],\"role\":\"Admin\"}", 422 }, { "/modules/AM/actions", "{\"action\":\"start\"}", 0 },
		{ "/modules/AM/actions", "{\"action\":\"boom\"}", 422 }, { "/modules/AM/actions", "{\"action\":\"prim\",\"fullsync\":1}", 422 },
		{ "/modules/AM/actions", "{\"action\":\"secondforce\",\"date\":\"-x\"}", 422 },
		{ "/modules/AM/actions", "{\"action\":\"secondforce\",\"date\":\"2026-01-01T00:00:00Z\"}", 0 },
	};
	char err[256], allow[64], *deep = malloc(20001);
	const struct route *r;
	struct uri u;
	unsigned status;
	json_t *args;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		bool good;

		r = find("POST", rows[i].path, &status, allow, &u);
		args = route_params(r, &u, 0, &status, err, sizeof(err));
		err[0] = '\0';
		good = route_body(r, rows[i].body, strlen(rows[i].body), args, &status, err, sizeof(err));
		if (good != (rows[i].status == 0) || (!good && (status != rows[i].status || err[0] == '\0')))
			fail_msg("%s: %u %s", rows[i].body, status, err);
		json_decref(args);
	}
	/* deeper than anybody needs: refused, not a stack that overflows */
	assert_non_null(deep);
	memset(deep, '[', 20000);
	r = find("POST", "/commands", &status, allow, &u);
	args = json_object();
	assert_false(route_body(r, deep, 20000, args, &status, err, sizeof(err)));
	assert_int_equal(status, 400);
	json_decref(args);
	free(deep);
}

static void
test_origins(void **state)
{
	assert_true(origin_fits("https://h:9453", "h:9453"));
	assert_true(origin_fits("http://H:9010", "other, h:9010"));
	assert_false(origin_fits("https://h", "h:9453"));
	assert_false(origin_fits("https://h:9453.evil.example", "h:9453"));
	assert_false(origin_fits("https://evil.example", "h:9453"));
	assert_false(origin_fits("null", "h"));
	assert_false(origin_fits("https://", ""));
}

static void
test_names(void **state)
{
	char buf[SK_NAME_MAX];

	who_text("admin", "10.0.0.1", buf, sizeof(buf));
	assert_string_equal(buf, "admin@10.0.0.1");
	who_text("--role", "::1", buf, sizeof(buf));
	assert_string_equal(buf, "__role@::1");
	who_text("\xe2\x80\x93u", "::1", buf, sizeof(buf));
	assert_string_equal(buf, "___u@::1");
	who_text("CN=somebody with a very long name,OU=a unit,O=an organisation,C=FR", "2001:db8:1234:5678:9abc:def0:1234:5678", buf, sizeof(buf));
	assert_true(strlen(buf) < sizeof(buf));
	assert_non_null(strstr(buf, "@2001:db8:1234:5678:9abc:def0:1234:5678"));
}

static void
test_numbers_to_sign(void **state)
{
	static const uint8_t secret[32] = { 1, 2, 3 };
	char n[WEBAUTH_NONCE_MAX], other[WEBAUTH_NONCE_MAX];
	int i;

	nonce_secret(secret);
	assert_true(nonce_make(1000, n));
	assert_true(nonce_make(1000, other));
	assert_string_not_equal(n, other);
	assert_true(nonce_good(n, 1000));
	assert_true(nonce_good(n, 1000 + NONCE_S - 1));
	assert_false(nonce_good(n, 1000 + NONCE_S));
	assert_false(nonce_good(n, 999));
	assert_true(nonce_use(n, 1001));
	assert_false(nonce_good(n, 1001));
	assert_false(nonce_use(n, 1001));
	assert_true(nonce_use(other, 1001));
	other[20] = other[20] == '0' ? '1' : '0';
	assert_false(nonce_good(other, 1001));
	assert_false(nonce_good("", 1001));
	assert_false(nonce_good("00", 1001));
	/* another process's */
	assert_true(nonce_make(1000, n));
	nonce_secret((const uint8_t[32]){ 9 });
	assert_false(nonce_good(n, 1000));
	/* bounded, and room again when they are too old to be used */
	for (i = 0; i < NONCES_USED; i++) {
		assert_true(nonce_make(2000, n));
		assert_true(nonce_use(n, 2000));
	}
	assert_true(nonce_make(2000, n));
	assert_false(nonce_use(n, 2000));
	assert_true(nonce_make(2000 + NONCE_S, n));
	assert_true(nonce_use(n, 2000 + NONCE_S));
}

static void
test_events(void **state)
{
	char id[64], big[70000];
	uint64_t seq, first;
	int i;

	ring_put("module", "AM", "{\"a\":1}");
	seq = ring_next() - 1;
	ring_id(seq, id, sizeof(id));
	assert_non_null(strstr(ring_at(seq)->text, id));
	assert_non_null(strstr(ring_at(seq)->text, "\nevent: module\ndata: {\"a\":1}\n\n"));
	assert_true(ring_after(id, &first));
	assert_int_equal(first, ring_next());
	/* not given out yet, of another process, or no id */
	ring_id(ring_next(), id, sizeof(id));
	assert_false(ring_after(id, &first));
	assert_false(ring_after("0123456789abcdef-1", &first));
	assert_false(ring_after("", &first));
	ring_id(seq, id, sizeof(id));
	for (i = 0; i < RING_ENTRIES + 10; i++)
		ring_put("log", "", "{}");
	assert_null(ring_at(seq));
	assert_false(ring_after(id, &first));
	assert_int_equal(ring_next() - ring_first(), RING_ENTRIES);
	assert_true(ring_at(ring_first())->log);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	for (i = 0; i < 300; i++)
		ring_put("log", "", big);
	assert_in_range((ring_next() - ring_first()) * sizeof(big), RING_BYTES / 2, RING_BYTES + 2 * sizeof(big));
	ring_free();
}

static json_t *
resource(int module, int index, const char *value)
{
	return json_pack("{s:i,s:i,s:s+,s:s}", "module_id", module, "index", index, "module", "m", module == 1 ? "1" : "2", "value", value);
}

static void
put_resource(int module, int index, const char *value)
{
	json_t *row = resource(module, index, value);

	assert_true(picture_put(L_RESOURCES, row));
	json_decref(row);
}

static size_t
rows_of(enum list l, const char *module)
{
	size_t len, n;
	char *text = picture_rows(l, module, &len);
	json_t *rows = json_loadb(text, len, 0, NULL);

	assert_non_null(rows);
	n = json_array_size(rows);
	json_decref(rows);
	free(text);
	return n;
}

static void
test_picture(void **state)
{
	json_t *m1 = json_pack("{s:i,s:s}", "id", 1, "name", "m1"), *bad = json_pack("{s:s}", "id", "x");
	uint64_t before = picture_version(L_RESOURCES);
	size_t len;
	char *text;

	assert_int_equal(rows_of(L_RESOURCES, NULL), 0);
	assert_true(picture_put(L_MODULES, m1));
	assert_false(picture_put(L_MODULES, bad));
	put_resource(1, 2, "up");
	put_resource(2, 1, "up");
	put_resource(1, 1, "up");
	put_resource(1, 2, "down");
	assert_int_equal(rows_of(L_RESOURCES, NULL), 3);
	assert_int_equal(rows_of(L_RESOURCES, "m1"), 2);
	assert_int_equal(rows_of(L_RESOURCES, "m3"), 0);
	assert_true(picture_version(L_RESOURCES) > before);
	assert_non_null(strstr(picture_text(L_RESOURCES, 1, 2), "down"));
	text = picture_module("m1", &len);
	assert_string_equal(text, "{\"id\":1,\"name\":\"m1\"}");
	free(text);
	assert_null(picture_module("m2", &len));
	picture_drop(L_RESOURCES, 1, 7);
	assert_int_equal(rows_of(L_RESOURCES, NULL), 3);
	/* what is the module's goes with it */
	picture_drop(L_MODULES, 1, 0);
	assert_int_equal(rows_of(L_RESOURCES, NULL), 1);
	assert_false(picture_has_module("m1"));
	picture_clear(L_RESOURCES);
	assert_int_equal(rows_of(L_RESOURCES, NULL), 0);
	json_decref(m1);
	json_decref(bad);
}

static void
test_talk(void **state)
{
	static struct talk t;
	char many[TALK_WORDS * 2 + 2];
	int pair[2], fds[2], i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(talk_receive(pair[1], &t), 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(talk_send(pair[0], (const char *const[]){ "1", "run", "", "x y", NULL }, fds, 2), 1);
	assert_int_equal(talk_receive(pair[1], &t), 1);
	assert_int_equal(t.words, 4);
	assert_string_equal(t.word[2], "");
	assert_string_equal(t.word[3], "x y");
	assert_int_equal(t.fds, 2);
	talk_close(&t);
	/* not words: no NUL at the end, too many */
	assert_int_equal(send(pair[0], "abc", 3, 0), 3);
	assert_int_equal(talk_receive(pair[1], &t), -1);
	for (i = 0; i <= TALK_WORDS; i++)
		memcpy(many + 2 * i, "w", 2);
	assert_int_equal(send(pair[0], many, (size_t)i * 2, 0), i * 2);
	assert_int_equal(talk_receive(pair[1], &t), -1);
	/* descriptors with a datagram that is no message are closed, not kept */
	close(pair[0]);
	assert_int_equal(talk_receive(pair[1], &t), -1);
	close(pair[1]);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths), cmocka_unit_test(test_routes), cmocka_unit_test(test_the_table_agrees_with_itself),
		cmocka_unit_test(test_parameters), cmocka_unit_test(test_bodies), cmocka_unit_test(test_origins), cmocka_unit_test(test_names),
		cmocka_unit_test(test_numbers_to_sign), cmocka_unit_test(test_events), cmocka_unit_test(test_picture), cmocka_unit_test(test_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
