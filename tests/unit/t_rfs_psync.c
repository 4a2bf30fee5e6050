/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synchronisation (engine/rfs/psync*.c, ssync*.c) between two real ends: whatever the application does meanwhile, and wherever it is interrupted,
 * both trees are equal in the end.
 */
#include "config.h"
#include "rfs_sync_world.h"

static int seeds = 6;

static bool
logged(const struct end *e, const char *text)
{
	int i;

	for (i = 0; i < e->logs; i++)
		if (strncmp(e->log[i], text, strlen(text)) == 0)
			return true;
	return false;
}

/* ---- first ---- */
static void
test_first(void **state)
{
	struct world w;

	world_new(&w, 1);
	world_shell(&w, "mkdir -p p/a/b p/empty && echo hello >p/a/b/file && : >p/none && ln -s target p/link && ln p/a/b/file p/hard && mkfifo p/fifo &&"
	    "chown 3:4 p/a p/fifo && chown -h 5:6 p/link && chmod 4711 p/hard && setfattr -n user.x -v 1 p/a && truncate -s 1M p/sparse &&"
	    "echo x | dd of=p/sparse bs=1 seek=500000 conv=notrunc status=none && head -c 300000 /dev/urandom >p/large && touch -d 2001-01-01 p/a p/large p/none");
	/* what the secondary has of its own */
	world_shell(&w, "mkdir -p s/a/b/deep s/none s/extra/x && echo other >s/a/b/file && echo other >s/extra/x/y && echo z >s/a/gone && mkfifo s/link &&"
	    "head -c 300000 /dev/urandom >s/large");
	world_primary(&w);
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	assert_true(logged(&w.se, "Updating directory tree from /replicated"));
	assert_true(logged(&w.se, "Copied 3 files, "));
	assert_true(logged(&w.se, "Reintegration ended (synchronize)"));
	assert_true(logged(&w.se, "Reintegrated /replicated/large: 292 KB"));
	assert_int_equal(w.se.begun, 1);
	assert_false(map_blind(w.pm));
	assert_false(map_blind(w.sm));
	world_free(&w);
}

/* Nothing to copy: nothing is said to be */
static void
test_nothing(void **state)
{
	struct world w;

	world_new(&w, 2);
	world_shell(&w, "mkdir -p p/a && echo hello >p/a/file && cp -a p/a s/");
	world_primary(&w);
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	assert_false(logged(&w.se, "Copied"));
	assert_int_equal(psync_bytes(w.ps), 0);
	world_free(&w);
}

/* Zones only: of a file that is large, as many as were changed */
static void
test_zones(void **state)
{
	struct world w;
	struct rfs_op op = { .type = OP_WRITE, .data = "changed", .data_len = 7 };
	uint64_t before;
	int i;

	world_new(&w, 2);
	world_shell(&w, "head -c 10M /dev/urandom >p/large");
	world_primary(&w);
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	world_alone(&w);
	op.node = find(&w, RFS_ROOT, "large", NULL);
	for (i = 0; i < 5; i++) {
		op.off = (uint64_t)(i * 100 + 7) * ZONE + 100;
		assert_int_equal(do_op(&w, &op, NULL), 0);
	}
	assert_int_not_equal(world_differences(&w, true), 0);
	before = psync_bytes(w.ps);
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	assert_int_equal(psync_bytes(w.ps) - before, 5 * ZONE);
	world_free(&w);
}

/* ---- changes at random ---- */
static void
rounds(uint64_t seed)
{
	struct world w;
	struct app a;
	struct rng r;
	int round, i;

	print_message("seed %llu\n", (unsigned long long)seed);
	rng_seed(&r, seed);
	world_new(&w, 1 + (int)(seed % 3));
	world_primary(&w);
	for (i = 0; i < 300; i++)
		some_change(&w, &r);
	for (round = 0; round < 4; round++) {
		app_start(&a, &w, seed * 100 + (uint64_t)round, 1000000);
		world_second(&w);
		world_synced(&w);
		while (atomic_load(&a.count) < 300)	/* and as a pair */
			sched_yield();
		app_stop(&a);
		if (world_differences(&w, false) != 0 || count_limbo(&w) != 0)
			fail_msg("seed %llu, round %d, %s: %s", (unsigned long long)seed, round, w.dir, w.se.why);
		world_alone(&w);
		for (i = 0; i < 200; i++)
			some_change(&w, &r);
	}
	world_free(&w);
}

static void
test_random(void **state)
{
	uint64_t first = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 1, seed;

	for (seed = first; seed < first + (uint64_t)(getenv("SEED") != NULL ? 1 : seeds); seed++)
		rounds(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first), cmocka_unit_test(test_nothing), cmocka_unit_test(test_zones), cmocka_unit_test(test_random),
	};

	trace = getenv("TRACE") != NULL;
	if (getenv("SEEDS") != NULL)
		seeds = atoi(getenv("SEEDS"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
