/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_spool.c: the spool writes each change down once, knows over a restart what is done and what was dropped, and keeps its bounds.
 */
#include "config.h"
#include "agent/export/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT	INT64_C(1700000000000)

static const char *const names[] = { "a", "b" };
static const struct spool_limits wide = { 1 << 28, 86400 };
static char dir[] = "/tmp/t_spoolXXXXXX", file[64];
static struct text texts;

static struct spool *
open_spool(size_t sinks, const struct spool_limits *limits)
{
	struct spool *s = spool_new(file, limits, names, sinks);

	assert_non_null(s);
	assert_true(spool_up(s));
	return s;
}

static int
fresh(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[80];
	size_t i;

	for (i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof(path), "%s%s", file, ends[i]);
		unlink(path);
	}
	return 0;
}

static void
put(struct spool *s, const char *resource, const char *value, int64_t t, enum spool_result expected)
{
	assert_int_equal(spool_put(s, "n1", "m", resource, value, t), expected);
}

static size_t
read_all(struct spool *s, int64_t after, struct change *c, size_t max)
{
	return spool_read(s, after, c, max, &texts);
}

static void
each_change_once(void **state)
{
	struct spool *s = open_spool(1, &wide);
	struct spool_last last;
	struct change c[8];
	int64_t at;

	assert_true(spool_last(s, "n1", "m", "r", &last));
	assert_false(last.known);
	put(s, "r", "up", AT, SPOOL_PUT);
	put(s, "r", "up", AT, SPOOL_SAME);
	put(s, "r", "down", AT, SPOOL_PUT);	/* in the same millisecond */
	put(s, "r", "up", AT + 1, SPOOL_PUT);	/* whose place the former one took */
	put(s, "other", "1", AT, SPOOL_PUT);
	assert_true(spool_last(s, "n1", "m", "r", &last));
	assert_true(last.known && last.time_ms == AT + 1 && last.count == 1 && strcmp(last.value, "up") == 0);
	assert_true(spool_commit(s));
	assert_true(spool_commit(s));	/* nothing to do */

	at = spool_position(s, 0);
	assert_int_equal(read_all(s, at, c, 8), 4);
	assert_true(c[0].time_ms == AT && c[1].time_ms == AT + 1 && c[2].time_ms == AT + 2 && c[3].time_ms == AT);
	assert_string_equal(c[1].value, "down");
	assert_string_equal(c[3].resource, "other");
	assert_string_equal(c[3].node, "n1");
	assert_string_equal(c[3].module, "m");
	assert_int_equal(read_all(s, c[1].seq, c, 1), 1);
	assert_string_equal(c[0].value, "up");
	spool_free(s);
}

static void
done_outlives_a_restart(void **state)
{
	struct spool *s = open_spool(1, &wide);
	struct change c[8];
	int64_t at = spool_position(s, 0);

	put(s, "r", "1", AT, SPOOL_PUT);
	put(s, "r", "2", AT + 1, SPOOL_PUT);
	put(s, "r", "3", AT + 2, SPOOL_PUT);
	assert_true(spool_commit(s));
	assert_int_equal(read_all(s, at, c, 8), 3);
	spool_refused(s, 0, 5);
	assert_true(spool_done(s, 0, c[0].seq));
	spool_sent(s, 0, c[1].seq);	/* taken, but not for good */
	spool_free(s);

	s = open_spool(1, &wide);
	assert_int_equal(spool_position(s, 0), c[0].seq);
	assert_int_equal(read_all(s, spool_position(s, 0), c, 8), 2);
	put(s, "r", "3", AT + 2, SPOOL_SAME);
	assert_true(spool_commit(s));
	spool_trim(s, AT);
	assert_int_equal(read_all(s, 0, c, 8), 2);	/* what is done is gone */
	spool_free(s);
}

static void
what_is_not_committed_was_not(void **state)
{
	struct spool *s = open_spool(1, &wide), *other;
	struct change c[8];
	char line[300];

	put(s, "r", "1", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	put(s, "r", "2", AT + 1, SPOOL_PUT);
	/* killed here: what the next process finds */
	snprintf(line, sizeof(line), "cp %s %s.copy && cp %s-wal %s.copy-wal", file, file, file, file);
	assert_int_equal(system(line), 0);
	snprintf(line, sizeof(line), "%s.copy", file);
	other = spool_new(line, &wide, names, 1);
	assert_true(other != NULL && spool_up(other));
	assert_int_equal(read_all(other, 0, c, 8), 1);
	spool_free(other);
	assert_true(spool_commit(s));
	spool_free(s);
}

static void
a_new_sink_gets_what_is(void **state)
{
	struct spool *s = open_spool(1, &wide);
	struct change c[8];

	put(s, "r", "1", AT, SPOOL_PUT);
	put(s, "r", "2", AT, SPOOL_PUT);
	put(s, "q", "up", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	assert_int_equal(read_all(s, 0, c, 8), 3);
	assert_true(spool_done(s, 0, c[2].seq));
	spool_trim(s, AT);
	spool_free(s);

	s = open_spool(2, &wide);
	assert_int_equal(read_all(s, spool_position(s, 1), c, 8), 2);
	assert_string_equal(c[0].value, "2");
	assert_true(c[0].time_ms == AT + 1);	/* the same point as before: the first sink takes it as that */
	assert_int_equal(read_all(s, spool_position(s, 0), c, 8), 2);
	spool_free(s);
	s = open_spool(2, &wide);	/* not again */
	assert_int_equal(read_all(s, 0, c, 8), 2);
	spool_free(s);
}

static void
size_and_age_are_kept(void **state)
{
	const struct spool_limits small = { 1 << 20, 60 };
	static struct keep k;
	struct spool *s;
	char value[24];
	int i, round;
	int64_t now = clock_wall_us() / 1000;

	fresh(NULL);
	s = open_spool(2, &small);
	for (round = 0, i = 0; round < 6; round++) {
		for (; i < (round + 1) * 10000; i++) {
			snprintf(value, sizeof(value), "%d", i);
			put(s, "r", value, AT + i, SPOOL_PUT);
		}
		assert_true(spool_commit(s));
		if (round == 0)
			assert_true(spool_done(s, 1, spool_position(s, 1) + 10000));	/* it has the first ones */
		spool_trim(s, now);
	}
	assert_true(keep_init(&k));
	k.sinks = 2;
	spool_figures(s, &k);
	assert_in_range(k.spool_bytes, 500000, 1 << 20);
	assert_int_equal(k.sink[0].dropped[DROP_SIZE] + k.sink[0].waiting, 60000);
	assert_int_equal(k.sink[1].dropped[DROP_SIZE] + k.sink[1].waiting, 50000);
	assert_true(k.sink[0].dropped[DROP_SIZE] > 0);
	spool_trim(s, now + 61000 + 3600000);
	spool_figures(s, &k);
	assert_int_equal(k.sink[0].waiting, 0);
	assert_int_equal(k.sink[0].dropped[DROP_SIZE] + k.sink[0].dropped[DROP_AGE], 60000);
	assert_true(k.sink[0].dropped[DROP_AGE] > 0);
	spool_free(s);

	s = open_spool(2, &small);	/* the counts are on the disk */
	spool_figures(s, &k);
	assert_int_equal(k.sink[1].dropped[DROP_SIZE] + k.sink[1].dropped[DROP_AGE], 50000);
	spool_free(s);
	keep_free(&k);
}

static void
a_damaged_file_is_set_aside(void **state)
{
	struct spool *s = open_spool(1, &wide);
	int64_t before = spool_position(s, 0);
	char line[200];

	spool_free(s);
	fresh(NULL);
	assert_int_equal(path_write_atomic(file, "this is no database, and long enough to be looked at as one", 60, 0600), 0);
	s = open_spool(1, &wide);
	assert_true(spool_position(s, 0) > before);	/* numbers go on */
	spool_free(s);
	snprintf(line, sizeof(line), "rm -f %s.damaged-*", file);
	assert_int_equal(system(line), 0);
}

static void
a_folder_that_is_none_is_waited_for(void **state)
{
	const char *sinks[] = { "a" };
	char path[80];
	struct spool *s;

	snprintf(path, sizeof(path), "%s/in", dir);
	assert_int_equal(path_write_atomic(path, "", 0, 0600), 0);
	snprintf(path, sizeof(path), "%s/in/spool.db", dir);
	s = spool_new(path, &wide, sinks, 1);
	assert_non_null(s);
	assert_false(spool_up(s));
	assert_int_equal(spool_put(s, "n", "m", "r", "1", AT), SPOOL_FAILED);
	assert_false(spool_commit(s));
	snprintf(path, sizeof(path), "%s/in", dir);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	spool_revive(s);
	assert_true(spool_up(s));
	put(s, "r", "1", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	spool_free(s);
}

static void
sinks_with_long_names(void **state)
{
	char name[SINKS_MAX][SK_NAME_MAX];
	const char *all[SINKS_MAX];
	struct change c[2];
	struct spool *s;
	int64_t last;
	size_t i;

	for (i = 0; i < SINKS_MAX; i++) {
		memset(name[i], 'a' + (int)i, SK_NAME_MAX - 1);
		name[i][SK_NAME_MAX - 1] = '\0';
		all[i] = name[i];
	}
	s = spool_new(file, &wide, all, SINKS_MAX);
	assert_true(s != NULL && spool_up(s));
	put(s, "r", "1", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	assert_int_equal(read_all(s, 0, c, 2), 1);
	last = c[0].seq;
	assert_true(spool_done(s, SINKS_MAX - 1, last));
	spool_free(s);
	s = spool_new(file, &wide, all, SINKS_MAX);
	assert_int_equal(spool_position(s, SINKS_MAX - 1), last);
	spool_free(s);
}

/* A resource that stays what it is for a year is written down once: not again at each start */
static void
an_old_value_is_known(void **state)
{
	struct spool *s = open_spool(1, &wide);
	struct spool_last last;
	struct change c[2];

	put(s, "r", "1", AT, SPOOL_PUT);	/* years ago */
	assert_true(spool_commit(s));
	assert_int_equal(read_all(s, 0, c, 2), 1);
	assert_true(spool_done(s, 0, c[0].seq));
	spool_trim(s, AT);
	spool_free(s);
	s = open_spool(1, &wide);
	assert_true(spool_last(s, "n1", "m", "r", &last));
	assert_true(last.known && last.time_ms == AT);
	assert_true(spool_commit(s));
	spool_free(s);
}

/* What a later release made is not written into */
static void
a_file_of_a_later_release_is_set_aside(void **state)
{
	struct spool *s = open_spool(1, &wide);
	sqlite3 *db;
	char line[200];

	spool_free(s);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99; DROP TABLE change", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	s = open_spool(1, &wide);
	put(s, "r", "1", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	spool_free(s);
	snprintf(line, sizeof(line), "test -f %s.version-99-* && rm %s.version-99-*", file, file);
	assert_int_equal(system(line), 0);
}

/* Somebody tries a store out while the service runs */
static void
a_file_is_for_one(void **state)
{
	static const char *const other[] = { "other" };
	struct spool *s = open_spool(1, &wide), *second;
	struct change c[2];

	put(s, "r", "1", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	second = spool_new(file, &wide, other, 1);
	assert_non_null(second);
	assert_false(spool_up(second));
	spool_trim(second, AT);
	assert_int_equal(read_all(s, spool_position(s, 0), c, 2), 1);
	spool_free(s);
	spool_revive(second);
	assert_true(spool_up(second));
	spool_free(second);
}

/* The last values of many resources alone are more than a small bound: not all that waits goes for that */
static void
many_resources_leave_room(void **state)
{
	const struct spool_limits small = { 1 << 20, 86400 };
	struct spool *s = open_spool(1, &small);
	static struct keep k;
	char name[SK_RES_MAX];
	int i;

	for (i = 0; i < 6000; i++) {
		snprintf(name, sizeof(name), "%0100d", i);
		put(s, name, "a value of some length, as texts of resources are", AT + i, SPOOL_PUT);
	}
	assert_true(spool_commit(s));
	for (i = 0; i < 20; i++)
		spool_trim(s, clock_wall_us() / 1000);
	assert_true(keep_init(&k));
	k.sinks = 1;
	spool_figures(s, &k);
	assert_in_range(k.sink[0].waiting, 1000, 6000);
	keep_free(&k);
	spool_free(s);
}

/* A full disk opens well and fails at each write: that is no "works again", each second, and no safekit_export_spool_up 1 */
static void
a_full_disk_is_not_up(void **state)
{
	const struct rlimit small = { 100000, RLIM_INFINITY }, wide_again = { RLIM_INFINITY, RLIM_INFINITY };
	struct spool *s = open_spool(1, &wide);
	static struct keep k;
	int i, round;
	char value[24];

	assert_true(keep_init(&k));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 10000; i++) {
			snprintf(value, sizeof(value), "%d", i);
			spool_put(s, "n1", "m", "r", value, AT + i);
		}
		assert_false(spool_commit(s));
		assert_false(spool_up(s));
		spool_revive(s);
		assert_true(spool_up(s));
		spool_figures(s, &k);
		assert_false(k.spool_up);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &wide_again), 0);
	put(s, "r", "1", AT, SPOOL_PUT);
	assert_true(spool_commit(s));
	spool_figures(s, &k);
	assert_true(k.spool_up);
	spool_free(s);
	keep_free(&k);
}

static int
make_dir(void **state)
{
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/spool.db", dir);
	return 0;
}

static int
drop_dir(void **state)
{
	char line[80];

	text_free(&texts);
	snprintf(line, sizeof(line), "rm -r %s", dir);
	return system(line);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_change_once, fresh), cmocka_unit_test_setup(done_outlives_a_restart, fresh),
		cmocka_unit_test_setup(what_is_not_committed_was_not, fresh), cmocka_unit_test_setup(a_new_sink_gets_what_is, fresh),
		cmocka_unit_test_setup(size_and_age_are_kept, fresh), cmocka_unit_test_setup(a_damaged_file_is_set_aside, fresh),
		cmocka_unit_test_setup(a_folder_that_is_none_is_waited_for, fresh), cmocka_unit_test_setup(sinks_with_long_names, fresh),
		cmocka_unit_test_setup(an_old_value_is_known, fresh), cmocka_unit_test_setup(a_file_of_a_later_release_is_set_aside, fresh),
		cmocka_unit_test_setup(a_full_disk_is_not_up, fresh), cmocka_unit_test_setup(a_file_is_for_one, fresh),
		cmocka_unit_test_setup(many_resources_leave_room, fresh),
	};

	diag_init("t_spool", 0);
	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
