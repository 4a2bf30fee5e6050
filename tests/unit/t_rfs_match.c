/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a replicated folder is not replicated (engine/rfs/match.c). */
#include "config.h"
#include "rfs/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define PLAIN(t)	{ .text = (char *)(uintptr_t)(t) }
#define REGEX(t)	{ .regex = true, .text = (char *)(uintptr_t)(t) }
#define ONLY(t)		{ .regex = true, .only = true, .text = (char *)(uintptr_t)(t) }

static struct match *
make(struct conf_notrep *not, int n)
{
	struct conf_replicated r = { .not_count = n, .not = not };
	struct match *m = match_new(&r);

	assert_non_null(m);
	return m;
}

static void
test_none(void **state)
{
	struct match *m = make(NULL, 0);

	assert_false(match_any(m));
	assert_false(match_private(m, "a", false));
	match_free(m);
}

static void
test_path(void **state)
{
	struct conf_notrep not[] = { PLAIN("log/"), PLAIN("/conf/a.tmp") };
	struct match *m = make(not, 2);

	assert_true(match_any(m));
	assert_true(match_private(m, "log", true));
	assert_true(match_private(m, "log/x/y", false));
	assert_false(match_private(m, "log2", true));
	assert_false(match_private(m, "x/log", true));
	assert_true(match_private(m, "conf/a.tmp", false));
	assert_false(match_private(m, "conf/a.tmp.bak", false));
	match_free(m);
}

/* The example of the guide (13.6) */
static void
test_regex(void **state)
{
	struct conf_notrep not[] = { REGEX(".*\\.tmp") };
	struct match *m = make(not, 1);

	assert_true(match_private(m, "conf/config.tmp", false));
	assert_true(match_private(m, "log.tmp", false));
	assert_false(match_private(m, "conf/config.tmp.bak", false));
	/* of a folder: with what is in it */
	assert_true(match_private(m, "x.tmp", true));
	assert_true(match_private(m, "x.tmp/inside", false));
	match_free(m);
}

static void
test_alternatives(void **state)
{
	struct conf_notrep not[] = { REGEX("a|b") };
	struct match *m = make(not, 1);

	assert_true(match_private(m, "a", false));
	assert_true(match_private(m, "b", false));
	assert_false(match_private(m, "ab", false));
	match_free(m);
}

/* 8.2: "!": what alone is replicated; folders are */
static void
test_only(void **state)
{
	struct conf_notrep not[] = { ONLY(".*\\.db"), ONLY("keep/.*") };
	struct match *m = make(not, 2);

	assert_false(match_private(m, "a.db", false));
	assert_false(match_private(m, "sub/a.db", false));
	assert_false(match_private(m, "keep/anything", false));
	assert_true(match_private(m, "a.txt", false));
	assert_true(match_private(m, "sub/a.txt", false));
	assert_false(match_private(m, "sub", true));
	match_free(m);
}

static void
test_both(void **state)
{
	struct conf_notrep not[] = { ONLY(".*\\.db"), REGEX("old/.*"), PLAIN("tmp") };
	struct match *m = make(not, 3);

	assert_false(match_private(m, "a.db", false));
	assert_true(match_private(m, "old/a.db", false));
	assert_true(match_private(m, "tmp", true));
	assert_true(match_private(m, "tmp/a.db", false));
	assert_false(match_private(m, "old", true));
	assert_true(match_private(m, "x", false));
	match_free(m);
}

static void
test_long(void **state)
{
	struct conf_notrep not[] = { REGEX("b+") };
	struct match *m = make(not, 1);
	char path[3000];
	int i;

	for (i = 0; i < 2999; i++)
		path[i] = i % 100 == 99 ? '/' : 'a';
	path[2999] = '\0';
	assert_false(match_private(m, path, false));
	path[0] = 'b';
	path[1] = '/';
	assert_true(match_private(m, path, false));
	match_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none), cmocka_unit_test(test_path), cmocka_unit_test(test_regex), cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_only), cmocka_unit_test(test_both), cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
