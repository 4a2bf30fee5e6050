/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_rfs_state.c: what a server remembers of its replicated data: written, read back, refused, and the spans in which nobody watched. */
#include "config.h"
#include "rfs/state.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/t_rfs_state.XXXXXX";

static void
path_of(char *path, size_t size, const char *name)
{
	assert_true(path_format(path, size, "%s/%s", folder, name));
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	path_of(path, sizeof(path), name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
fill(struct rfs_state *s)
{
	int i;

	state_init(s);
	s->uptodate = s->paired = s->nodetect = true;
	s->full = false;
	s->gen = UINT64_C(0x8000000000000001);
	s->base = 2;
	s->from = 3;
	for (i = 0; i < STATE_HISTORY; i++)
		s->history[i] = (uint64_t)i + 10;
	str_copy(s->peer, sizeof(s->peer), "node\"2");
	str_copy(s->policy, sizeof(s->policy), "external");
	str_copy(s->policy_uid, sizeof(s->policy_uid), "abcdefghijklmnopqrstuvwx");
	s->synced_ms = 1700000000123;
	s->alive_ms = 42;
	s->gaps_count = 2;
	s->gaps[0] = (struct rfs_gap){ 5, 10 };
	s->gaps[1] = (struct rfs_gap){ 0, INT64_MAX };
}

static void
t_first(void **state)
{
	struct rfs_state s;
	char err[256];

	assert_true(state_load(folder, &s, err, sizeof(err)));
	assert_false(s.uptodate || s.paired || s.inconsistent || s.lastprim);
	assert_true(s.full);
	assert_string_equal(s.policy, "full");
	assert_true(s.gen == 0 && s.alive_ms == 0);
}

static void
t_round(void **state)
{
	struct rfs_state a, b;
	char err[256];

	memset(&a, 0, sizeof(a));
	fill(&a);
	assert_true(state_save(folder, &a, err, sizeof(err)));
	assert_true(state_load(folder, &b, err, sizeof(err)));
	assert_memory_equal(&a, &b, sizeof(a));
}

/* Each member is needed, each of its type */
static void
t_strict(void **state)
{
	struct rfs_state s;
	json_t *o, *v;
	const char *name;
	char err[256];
	void *it;

	fill(&s);
	o = state_to_json(&s);
	for (it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it)) {
		json_t *without = json_deep_copy(o);

		name = json_object_iter_key(it);
		json_object_del(without, name);
		assert_false(state_from_json(without, &s, err, sizeof(err)));
		json_object_set_new(without, name, json_real(1.5));
		assert_false(state_from_json(without, &s, err, sizeof(err)));
		json_decref(without);
	}
	v = json_deep_copy(o);
	json_object_set_new(v, "gen", json_string("12"));
	assert_false(state_from_json(v, &s, err, sizeof(err)));
	json_object_set_new(v, "gen", json_string("00000000000000zz"));
	assert_false(state_from_json(v, &s, err, sizeof(err)));
	json_object_set_new(v, "gen", json_string("0000000000000001"));
	assert_true(state_from_json(v, &s, err, sizeof(err)));
	json_object_set_new(v, "policy_uid", json_string("abcdefghijklmnopqrstuvwxy"));
	assert_false(state_from_json(v, &s, err, sizeof(err)));
	json_decref(v);
	json_decref(o);
}

static void
t_damaged(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{}", "{\"uptodate\":true}", "null" };
	struct rfs_state s;
	char err[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(texts); i++) {
		write_file("state.json", texts[i]);
		memset(&s, 0xff, sizeof(s));
		assert_false(state_load(folder, &s, err, sizeof(err)));
		assert_true(err[0] != '\0');
		assert_false(s.uptodate);
		assert_true(s.gen == 0 && s.base == 0 && s.full);
	}
}

/* The mark of the worker counts although state.json was written before it; not when what it began is complete */
static void
t_mark(void **state)
{
	struct rfs_state s, t;
	char err[256];

	fill(&s);
	s.paired = false;
	s.lastprim = true;
	assert_true(state_save(folder, &s, err, sizeof(err)));
	assert_true(state_begin_sync(folder, UINT64_C(0xabcdef0123456789)));
	assert_true(state_load(folder, &t, err, sizeof(err)));
	assert_true(t.inconsistent && !t.uptodate && !t.lastprim);
	assert_true(t.from == UINT64_C(0xabcdef0123456789));

	s.gen = UINT64_C(0xabcdef0123456789);
	s.paired = true;
	assert_true(state_save(folder, &s, err, sizeof(err)));
	assert_true(state_load(folder, &t, err, sizeof(err)));
	assert_false(t.inconsistent);

	write_file("syncing", "not a number\n");
	assert_true(state_load(folder, &t, err, sizeof(err)));
	assert_true(t.inconsistent && t.from == 0);
	state_end_sync(folder);
	assert_true(state_load(folder, &t, err, sizeof(err)));
	assert_false(t.inconsistent);
}

static void
t_alive(void **state)
{
	struct timespec times[2] = { { 2000000000, 0 }, { 2000000000, 0 } };
	struct rfs_state s;
	char err[256], path[256];

	fill(&s);
	assert_true(state_save(folder, &s, err, sizeof(err)));
	state_alive(folder);
	assert_true(state_load(folder, &s, err, sizeof(err)));
	assert_true(s.alive_ms > 1700000000000);
	path_of(path, sizeof(path), "alive");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_true(state_load(folder, &s, err, sizeof(err)));
	assert_true(s.alive_ms == INT64_C(2000000000000));
	unlink(path);
}

static void
t_gaps(void **state)
{
	struct rfs_state s;
	int i;

	state_init(&s);
	assert_false(rfs_in_gaps(s.gaps, s.gaps_count, 0));
	state_gap(&s, 100000, 200000);
	assert_true(rfs_in_gaps(s.gaps, s.gaps_count, 98000) && rfs_in_gaps(s.gaps, s.gaps_count, 202000));
	assert_false(rfs_in_gaps(s.gaps, s.gaps_count, 97999) || rfs_in_gaps(s.gaps, s.gaps_count, 202001));
	/* more than fit: nothing that lies in one is lost, what lies far from all stays out */
	for (i = 1; i <= 3 * RFS_GAPS_MAX; i++)
		state_gap(&s, i * 1000000, i * 1000000 + (i % 3) * 100000);
	assert_int_equal(s.gaps_count, RFS_GAPS_MAX);
	assert_true(rfs_in_gaps(s.gaps, s.gaps_count, 150000));
	for (i = 1; i <= 3 * RFS_GAPS_MAX; i++)
		assert_true(rfs_in_gaps(s.gaps, s.gaps_count, i * 1000000));
	assert_false(rfs_in_gaps(s.gaps, s.gaps_count, 50000000));
	/* the clock went back */
	state_gap(&s, 90000000, 80000000);
	assert_true(rfs_in_gaps(s.gaps, s.gaps_count, 1) && rfs_in_gaps(s.gaps, s.gaps_count, INT64_C(1) << 60));
	state_gap(&s, 90000000, 91000000);
	assert_true(rfs_in_gaps(s.gaps, s.gaps_count, 1) && rfs_in_gaps(s.gaps, s.gaps_count, INT64_C(1) << 60));
}

static void
t_generations(void **state)
{
	struct rfs_state s;
	uint64_t a = state_generation(), b = state_generation();
	int i;

	assert_true(a != 0 && b != 0 && a != b);
	assert_true(state_generation_of("uid1") == state_generation_of("uid1"));
	assert_true(state_generation_of("uid1") != state_generation_of("uid2"));
	state_init(&s);
	state_next(&s, 1);
	assert_true(s.gen == 1 && s.history[0] == 0);
	state_next(&s, 1);
	assert_true(s.history[0] == 0);
	for (i = 2; i < 100; i++)
		state_next(&s, (uint64_t)i);
	assert_true(s.gen == 99 && s.history[0] == 98 && s.history[STATE_HISTORY - 1] == 99 - STATE_HISTORY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_first), cmocka_unit_test(t_round), cmocka_unit_test(t_strict), cmocka_unit_test(t_damaged), cmocka_unit_test(t_mark),
		cmocka_unit_test(t_alive), cmocka_unit_test(t_gaps), cmocka_unit_test(t_generations),
	};
	char cmd[64];
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
	(void)!system(cmd);
	return rc;
}
