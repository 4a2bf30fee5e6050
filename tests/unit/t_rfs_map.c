/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The change map (engine/rfs/map.c): what it says, what of it survives kill -9 and a torn end, and what it cannot know it says.
 */
#include "config.h"
#include "rfs/map_impl.h"
#include "sim/rng.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ZONE	4096
static char folder[64];

static int
setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/t_rfs_map.XXXXXX");
	return mkdtemp(folder) == NULL;
}

static int
teardown(void **state)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
	return system(cmd);
}

static struct map *
open_map(uint64_t gen, bool fresh)
{
	char err[200];
	struct map *m = map_open(folder, 0, gen, ZONE, fresh, err, sizeof(err));

	if (m == NULL)
		fail_msg("%s", err);
	return m;
}

static void
is(struct map *m, uint64_t node, const char *want)
{
	uint32_t z[64];
	char text[400] = "";
	int n = map_zones(m, node, z, 64), i;

	if (n == MAP_ALL)
		snprintf(text, sizeof(text), "all");
	for (i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i > 0 ? " " : "", z[i]);
	assert_string_equal(text, want);
}

static void
test_zones(void **state)
{
	struct map *m = open_map(1, true);

	assert_false(map_blind(m));
	is(m, 5, "");
	assert_true(map_touch(m, 5, 0, 1));
	assert_true(map_touch(m, 5, ZONE * 3 - 1, 2));
	assert_true(map_touch(m, 5, ZONE * 60, ZONE * 2));	/* beyond what is kept inline */
	is(m, 5, "0 2 3 60 61");
	assert_true(map_touch(m, 5, ZONE * 1000, 0));
	is(m, 5, "0 2 3 60 61 1000");
	assert_true(map_touch(m, 6, 0, ZONE * 1000));	/* too many to list */
	is(m, 6, "all");
	assert_true(map_touch(m, 7, (uint64_t)ZONE * MAP_FILE_ZONES, 1));
	is(m, 7, "all");
	assert_true(map_touch(m, 9, UINT64_MAX - 5, UINT64_MAX));
	is(m, 9, "all");
	assert_true(map_touch_all(m, 8, true));
	is(m, 8, "all");
	map_close(m);
	m = open_map(1, false);
	assert_false(map_blind(m));
	is(m, 5, "0 2 3 60 61 1000");
	is(m, 6, "all");
	is(m, 7, "all");
	is(m, 8, "all");
	map_drop(m, 5);
	is(m, 5, "");
	map_close(m);
	m = open_map(1, false);
	is(m, 5, "");
	is(m, 6, "all");
	map_close(m);
}

static void
test_cuts(void **state)
{
	struct map *m = open_map(1, true);
	uint64_t a, b, c;

	map_touch(m, 5, 0, 1);
	a = map_cut_begin(m);
	map_touch(m, 5, ZONE, 1);
	is(m, 5, "0 1");
	map_cut_commit(m, a);	/* one round later is what a change that was on its way needs */
	is(m, 5, "0 1");
	b = map_cut_begin(m);
	map_touch(m, 5, 2 * ZONE, 1);
	map_cut_commit(m, b);
	is(m, 5, "1 2");
	map_close(m);
	m = open_map(1, false);
	is(m, 5, "1 2");
	a = map_cut_begin(m);
	map_cut_commit(m, a);
	c = map_cut_begin(m);
	assert_true(c == a);	/* nothing was touched */
	map_cut_commit(m, c);
	is(m, 5, "");
	map_close(m);
	m = open_map(1, false);
	is(m, 5, "");
	assert_false(map_blind(m));
	map_close(m);
}

static void
test_many_cuts(void **state)
{
	struct map *m = open_map(1, true);
	uint64_t cut = 0;
	int i;

	for (i = 0; i < 20; i++) {	/* begun and never committed: nothing is forgotten */
		map_touch(m, 5, (uint64_t)i * ZONE, 1);
		cut = map_cut_begin(m);
	}
	is(m, 5, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19");
	map_cut_commit(m, cut);
	map_touch(m, 6, 0, 1);
	map_cut_commit(m, map_cut_begin(m));
	is(m, 5, "");
	is(m, 6, "0");
	map_close(m);
}

static void
test_blind(void **state)
{
	struct map *m = open_map(1, false);	/* it should have been there */

	assert_true(map_blind(m));
	is(m, 5, "all");
	map_done(m, 5);
	assert_true(map_is_done(m, 5));
	is(m, 5, "");
	map_touch(m, 5, ZONE, 1);
	is(m, 5, "1");
	map_close(m);
	m = open_map(1, false);
	assert_true(map_blind(m));
	assert_true(map_is_done(m, 5));
	assert_false(map_is_done(m, 6));
	is(m, 5, "1");
	is(m, 6, "all");
	map_reset(m, 2);
	assert_false(map_blind(m));
	map_close(m);
	m = open_map(2, false);
	assert_false(map_blind(m));
	is(m, 6, "");
	map_close(m);
	m = open_map(3, false);		/* of another history */
	assert_true(map_blind(m));
	map_close(m);
}

/* A synchronisation: what is done is void, what was touched since it began is not */
static void
test_done(void **state)
{
	struct map *m = open_map(1, true);
	int round;

	map_touch(m, 5, 0, 1);
	map_touch(m, 6, 0, 1);
	map_cut_begin(m);
	map_add(m, 5, 3);
	map_add(m, 7, UINT32_MAX);
	map_touch(m, 5, ZONE, 1);
	map_touch(m, 7, ZONE, 1);
	is(m, 5, "0 1 3");
	is(m, 7, "all");
	map_done(m, 5);
	map_done(m, 7);
	for (round = 0; round < 3; round++) {
		is(m, 5, "1");
		is(m, 6, "0");
		is(m, 7, "1");
		map_close(m);
		m = open_map(1, false);
		assert_false(map_blind(m));
	}
	/* the pair is whole: what was touched since the last cut stays */
	map_cut_begin(m);
	map_touch(m, 9, 0, 1);
	map_reset(m, 2);
	is(m, 5, "");
	is(m, 9, "0");
	map_close(m);
	m = open_map(2, false);
	is(m, 5, "");
	is(m, 9, "0");
	map_close(m);
}

static void
test_begin_blind(void **state)
{
	struct map *m = open_map(1, true);

	map_touch(m, 5, 0, 1);
	assert_true(map_begin_blind(m));
	is(m, 6, "all");
	map_cut_begin(m);
	map_done(m, 6);
	map_close(m);
	m = open_map(1, false);
	assert_true(map_blind(m));
	is(m, 6, "");
	assert_true(map_begin_blind(m));	/* from the beginning again */
	is(m, 6, "all");
	map_close(m);
}

static void
test_other_zones(void **state)
{
	struct map *m = open_map(1, true);
	char err[200];

	map_touch(m, 5, ZONE, 1);
	map_close(m);
	m = map_open(folder, 0, 1, ZONE * 2, false, err, sizeof(err));
	assert_non_null(m);
	assert_false(map_blind(m));
	is(m, 5, "all");
	is(m, 6, "");
	map_close(m);
}

/* ---- the disk ---- */
static int
segments(char names[][300], int max)
{
	struct dirent *e;
	DIR *d = opendir(folder);
	int n = 0;

	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] == 'm' && n < max)
			snprintf(names[n++], 300, "%s/%.200s", folder, e->d_name);
	closedir(d);
	return n;
}

static void
write_file(const char *file, const char *data, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* One segment of touches of nodes 100..109, whose bytes are given; the map is closed.  None may be known before the head is whole. */
static char *
ten(size_t *len, char file[300])
{
	struct map *m = open_map(1, true);
	char names[4][300], *data;
	uint64_t i;

	for (i = 0; i < 10; i++)
		assert_true(map_touch(m, 100 + i, 0, 1));
	map_close(m);
	assert_int_equal(segments(names, 4), 1);
	memcpy(file, names[0], 300);
	*len = (size_t)path_read(file, &data, 1 << 20);
	assert_int_equal(*len, SEG_HEAD + 10 * SEG_RECORD);
	return data;
}

static void
test_torn(void **state)
{
	char file[300], names[4][300], *data;
	size_t len, cut, known;
	struct map *m;
	uint64_t i;

	data = ten(&len, file);
	for (cut = 0; cut <= len; cut++) {
		for (i = 0; i < (uint64_t)segments(names, 4); i++)
			unlink(names[i]);
		write_file(file, data, cut);
		m = open_map(1, false);
		assert_int_equal(map_blind(m), cut < SEG_HEAD);
		known = cut < SEG_HEAD ? 10 : (cut - SEG_HEAD) / SEG_RECORD;
		for (i = 0; i < 10; i++)
			assert_int_equal(map_zones(m, 100 + i, NULL, 0) != 0, i < known);
		map_close(m);
	}
	free(data);
}

/* Any byte of it, changed */
static void
test_damaged(void **state)
{
	char file[300], names[4][300], *data;
	struct map *m;
	size_t len, at;
	uint64_t i;

	data = ten(&len, file);
	for (at = 0; at < len; at++) {
		for (i = 0; i < (uint64_t)segments(names, 4); i++)
			unlink(names[i]);
		data[at] = (char)(data[at] ^ 0x10);
		write_file(file, data, len);
		data[at] = (char)(data[at] ^ 0x10);
		m = open_map(1, false);
		/* the last record cannot be told from one that never reached the disk */
		assert_int_equal(map_blind(m), at < len - SEG_RECORD);
		for (i = 0; i < 9; i++)
			assert_int_not_equal(map_zones(m, 100 + i, NULL, 0), 0);
		map_close(m);
	}
	free(data);
}

static void
test_missing(void **state)
{
	char names[8][300], *data[8];
	struct map *m = open_map(1, true);
	ssize_t len[8];
	int n, i, j;

	for (i = 0; i < 3; i++) {
		map_touch(m, 5, (uint64_t)i * ZONE, 1);
		map_cut_begin(m);
	}
	map_touch(m, 5, 10 * ZONE, 1);
	map_flush(m);
	n = segments(names, 8);
	assert_int_equal(n, 4);
	for (i = 0; i < n; i++)
		len[i] = path_read(names[i], &data[i], 1 << 20);
	map_close(m);
	for (i = 0; i <= n; i++) {	/* i: which one is lost; n: none */
		char now[8][300];
		int left = segments(now, 8);

		for (j = 0; j < left; j++)
			unlink(now[j]);
		for (j = 0; j < n; j++)
			if (j != i)
				write_file(names[j], data[j], (size_t)len[j]);
		m = open_map(1, false);
		assert_int_equal(map_blind(m), i < n);
		if (i == n)
			is(m, 5, "0 1 2 10");
		map_close(m);
	}
	for (i = 0; i < n; i++)
		free(data[i]);
}

/* A process that touches and tells each touch that returned, killed at any time: what it told is there */
struct told { volatile uint32_t done; uint64_t seed; };

static void
toucher(struct told *t)
{
	struct rng r;
	struct map *m = open_map(1, false);
	uint32_t i;

	rng_seed(&r, t->seed);
	for (i = t->done; i < 100000; i++) {
		if (i % 97 == 0)
			map_cut_begin(m);
		if (i % 3 == 0 ? !map_touch_all(m, 1000 + i, true) : !map_touch(m, 1000 + i, (uint64_t)(i % 50) * ZONE, 1))
			_exit(1);
		t->done = i + 1;
	}
	_exit(0);
}

static void
test_kill(void **state)
{
	struct told *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t i, before = 0;
	struct map *m = open_map(1, true);
	int round;

	map_close(m);
	for (round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (pid == 0)
			toucher(t);
		while (t->done < before + 30 + (uint32_t)round * 3)
			;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		before = t->done;
		m = open_map(1, false);
		assert_false(map_blind(m));
		for (i = 0; i < t->done; i++) {
			uint32_t z;
			int n = map_zones(m, 1000 + i, &z, 1);

			assert_int_equal(n, i % 3 == 0 ? MAP_ALL : 1);
			if (n == 1)
				assert_int_equal(z, i % 50);
		}
		map_close(m);
	}
	munmap(t, sizeof(*t));
}

/* Against a simple model, with reopening */
#define NODES	40
#define ZONES	70
static void
test_random(void **state)
{
	uint64_t seed;

	for (seed = 1; seed <= 30; seed++) {
		static bool now[NODES][ZONES], old[NODES][ZONES], older[NODES][ZONES];
		struct map *m = open_map(seed, true);
		struct rng r;
		int i, n, z;

		rng_seed(&r, seed);
		memset(now, 0, sizeof(now));
		memset(old, 0, sizeof(old));
		memset(older, 0, sizeof(older));
		for (i = 0; i < 400; i++) {
			n = (int)rng_below(&r, NODES);
			z = (int)rng_below(&r, ZONES);
			switch (rng_below(&r, 24)) {
			case 0:		/* a cut that is committed at once */
				map_cut_commit(m, map_cut_begin(m));
				memcpy(older, old, sizeof(old));
				memcpy(old, now, sizeof(now));
				memset(now, 0, sizeof(now));
				break;
			case 1:		/* all that is known belongs to now, so far as is known */
				map_close(m);
				m = open_map(seed, false);
				for (n = 0; n < NODES; n++)
					for (z = 0; z < ZONES; z++)
						now[n][z] |= old[n][z];
				memset(old, 0, sizeof(old));
				break;
			case 2:
				map_drop(m, (uint64_t)n + 100);
				memset(now[n], 0, sizeof(now[n]));
				memset(old[n], 0, sizeof(old[n]));
				break;
			default:
				assert_true(map_touch(m, (uint64_t)n + 100, (uint64_t)z * ZONE, 1));
				now[n][z] = true;
			}
		}
		assert_false(map_blind(m));
		for (n = 0; n < NODES; n++) {
			uint32_t zones[ZONES];
			bool has[ZONES] = { false };
			int count = map_zones(m, (uint64_t)n + 100, zones, ZONES);

			assert_int_not_equal(count, MAP_ALL);
			for (i = 0; i < count; i++)
				has[zones[i]] = true;
			for (z = 0; z < ZONES; z++)	/* never less; and no more than a round more */
				if (now[n][z] || old[n][z])
					assert_true(has[z]);
				else if (has[z])
					assert_true(older[n][z]);
		}
		map_close(m);
	}
}

/* A limit of the size of files stands for a full disk */
static void
test_full_disk(void **state)
{
	struct map *m = open_map(1, true);
	struct rlimit was, now;

	assert_true(map_touch(m, 5, 0, 1));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	now = was;
	now.rlim_cur = SEG_HEAD + SEG_RECORD + 7;	/* also in the midst of a record */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	assert_false(map_touch(m, 5, ZONE, 1));
	assert_false(map_touch_all(m, 6, true));
	assert_true(map_touch(m, 5, 0, 1));	/* it is known */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	is(m, 5, "0");
	is(m, 6, "");
	assert_true(map_touch(m, 5, ZONE, 1));
	map_close(m);
	m = open_map(1, false);
	assert_false(map_blind(m));
	is(m, 5, "0 1");
	map_close(m);
}

static void
test_memory(void **state)
{
	struct map *m = open_map(1, true);
	uint64_t i;

	for (i = 1; i <= 200000; i++)
		map_add(m, i << 32 | 12, 0);
	assert_true(map_bytes(m) < 200000 * 300 / 2);
	assert_true(map_begin_blind(m));
	map_cut_begin(m);
	for (i = 1; i <= 200000; i++)
		map_done(m, i << 32 | 12);
	assert_true(map_bytes(m) < 200000 * 300 / 2);
	map_close(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_zones), T(test_cuts), T(test_many_cuts), T(test_blind), T(test_done), T(test_begin_blind), T(test_other_zones), T(test_torn),
		T(test_damaged), T(test_missing), T(test_kill), T(test_random), T(test_full_disk), T(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
