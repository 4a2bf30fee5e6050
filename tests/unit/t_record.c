/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_record.c: each change is written down once, whatever of a history and of what is told meanwhile overlaps; milliseconds that have several
 * changes included.  The engine is this file: sk_send() is here.
 */
#include "config.h"
#include "agent/export/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#define AT	INT64_C(4102444800000)	/* after the spool is made */

static const char *const sinks[] = { "s" };
static const struct spool_limits wide = { 1 << 28, 86400 };
static char dir[] = "/tmp/t_recordXXXXXX";
static struct spool *spool;
static struct record *record;
static json_int_t asked;	/* id of the last question about a history, 0: none */

bool
sk_send(struct sk_conn *c, json_t *req)
{
	assert_string_equal(json_string_value(json_object_get(req, "op")), "history");
	assert_string_equal(json_string_value(json_object_get(req, "module")), "m");
	assert_string_equal(json_string_value(json_object_get(req, "resource")), "r");
	asked = json_integer_value(json_object_get(req, "id"));
	json_decref(req);
	return true;
}

static void
tell(const char *value, int64_t t, bool live)
{
	struct rpt_resource res = { .module_id = 1, .index = 1, .since_ms = AT + t };

	str_copy(res.module, sizeof(res.module), "m");
	str_copy(res.name, sizeof(res.name), "r");
	str_copy(res.value, sizeof(res.value), value);
	record_resource(record, &res, live);
}

/* rows: letters, each with the digit of its millisecond: "a1b1c2" */
static void
answer(const char *rows)
{
	json_t *list = json_array();
	json_int_t id = asked;

	assert_int_not_equal(id, 0);
	asked = 0;
	for (; rows[0] != '\0'; rows += 2)
		json_array_append_new(list, json_pack("{s:I, s:s%, s:s}", "time_ms", (json_int_t)(AT + rows[1] - '0'), "value", rows, (size_t)1, "by", "x"));
	list = json_pack("{s:I, s:b, s:o}", "id", id, "ok", 1, "rows", list);
	record_answer(record, id, list);
	json_decref(list);
}

static void
connected(void)
{
	static int somebody;

	asked = 0;
	record_connected(record, (struct sk_conn *)(void *)&somebody, "n");
}

/* All that was written down so far, as letters */
static void
is_written(const char *expected)
{
	struct text texts = { .p = NULL };
	struct change c[64];
	char got[65] = "";
	size_t i, n;

	assert_true(record_turn(record));
	n = spool_read(spool, 0, c, ARRAY_LEN(c), &texts);
	for (i = 0; i < n; i++) {
		got[i] = c[i].value[0];
		if (i > 0)
			assert_true(c[i].time_ms > c[i - 1].time_ms);	/* each has a point of its own */
	}
	assert_string_equal(got, expected);
	text_free(&texts);
}

static void
live(void **state)
{
	tell("a", 1, false);
	assert_true(record_turn(record));
	answer("a1");
	tell("a", 1, true);
	tell("b", 1, true);
	tell("c", 2, true);
	is_written("abc");
	assert_int_equal(asked, 0);
}

static void
after_a_break(void **state)
{
	tell("a", 1, true);
	tell("b", 1, true);
	is_written("ab");
	connected();
	tell("d", 2, false);
	is_written("ab");
	answer("a1b1c1d2");
	is_written("abcd");
	connected();
	tell("d", 2, false);	/* nothing happened */
	is_written("abcd");
	assert_int_equal(asked, 0);
}

static void
told_while_it_is_asked(void **state)
{
	tell("a", 1, true);
	is_written("a");
	connected();
	tell("b", 2, false);
	assert_true(record_turn(record));
	tell("c", 2, true);	/* in the answer, and in the same millisecond as what was in the picture */
	tell("d", 3, true);	/* not in the answer */
	answer("a1b2c2");
	is_written("abcd");
	/* and the place is found again */
	connected();
	tell("g", 4, false);
	assert_true(record_turn(record));
	answer("a1b2c2d3e3f3g4");
	is_written("abcdefg");
}

static void
histories_that_do_not_have_it(void **state)
{
	tell("a", 1, true);
	is_written("a");
	connected();
	tell("b", 2, false);
	assert_true(record_turn(record));
	answer("");	/* refused: what was told is there */
	is_written("ab");
	connected();
	tell("z", 9, false);
	assert_true(record_turn(record));
	answer("x7y8z9");	/* more happened than is kept */
	is_written("abxyz");
	connected();
	tell("p", 9, false);	/* the engine lost its journal and has fewer at that time than we */
	assert_true(record_turn(record));
	answer("z9p9");
	is_written("abxyzp");
}

static void
new_while_away(void **state)
{
	tell("b", 2, false);
	assert_true(record_turn(record));
	answer("a1b2");
	is_written("ab");
}

static void
a_lost_connection(void **state)
{
	tell("a", 1, true);
	is_written("a");
	connected();
	tell("c", 3, false);
	assert_true(record_turn(record));
	record_connected(record, NULL, "");
	tell("d", 4, true);	/* of nobody */
	connected();
	tell("c", 3, false);
	assert_true(record_turn(record));
	record_answer(record, RECORD_FIRST_ID, NULL);	/* an answer of the former connection */
	is_written("a");
	answer("a1b2c3");
	is_written("abc");
}

static int
begin(void **state)
{
	char file[64];
	static int n;

	snprintf(file, sizeof(file), "%s/%d.db", dir, ++n);
	spool = spool_new(file, &wide, sinks, 1);
	record = record_new(spool);
	assert_true(spool != NULL && record != NULL);
	connected();
	return 0;
}

static int
end(void **state)
{
	record_free(record);
	spool_free(spool);
	return 0;
}

static int
make_dir(void **state)
{
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
drop_dir(void **state)
{
	char line[64];

	snprintf(line, sizeof(line), "rm -r %s", dir);
	return system(line);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(live, begin, end), cmocka_unit_test_setup_teardown(after_a_break, begin, end),
		cmocka_unit_test_setup_teardown(told_while_it_is_asked, begin, end),
		cmocka_unit_test_setup_teardown(histories_that_do_not_have_it, begin, end),
		cmocka_unit_test_setup_teardown(new_while_away, begin, end), cmocka_unit_test_setup_teardown(a_lost_connection, begin, end),
	};

	diag_init("t_record", 0);
	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
