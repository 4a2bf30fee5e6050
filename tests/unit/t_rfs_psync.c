/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Synchronisation (engine/rfs/psync*.c, ssync*.c) between two real ends: whatever the application does meanwhile, and wherever it is interrupted,
 * both trees are equal in the end.
 */
#include "config.h"
#include "rfs_sync_world.h"
#include "rfs/psync_impl.h"

static int seeds = 3;

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

/* The secondary goes in the midst of it, again and again; what is there then goes on from there */
static void
test_interrupted(void **state)
{
	struct world w;
	struct app a;
	int tries, i;

	world_new(&w, 2);
	w.nbrei = 2;
	world_primary(&w);
	for (i = 0; i < 40; i++) {
		char command[160];

		snprintf(command, sizeof(command), "mkdir -p p/k%d && for x in 1 2 3 4 5; do head -c %d /dev/urandom >p/k%d/f$x; done", i, 9000 + i * 3000, i);
		world_shell(&w, command);
	}
	app_start(&a, &w, 5, 1000000);
	for (tries = 0; tries < 6; tries++) {
		int before = w.se.begun, logs = w.se.logs;

		world_second(&w);
		wait_until(w.se.begun > before);
		if (tries > 0)
			wait_until(w.se.logs > logs + tries * 3 || w.se.logs >= 60 || w.pe.pair > 0);
		if (w.pe.pair > 0)
			break;
		world_stop_second(&w);
		w.se.logs = 0;
		w.sstate.inconsistent = true;	/* as state_begin_sync() has it */
		w.sstate.from = w.pstate.gen;
	}
	if (w.pe.pair == 0) {
		world_second(&w);
		world_synced(&w);
		app_stop(&a);
		world_same(&w);
	} else {	/* it was too fast for us: as a pair it goes on */
		w.pstate.base = w.pstate.gen;
		repl_paired(w.r, w.pstate.gen);
		wait_until(w.se.synced > 0);
		app_stop(&a);
		world_same(&w);
	}
	world_free(&w);
}

/* Both were primaries: what the secondary wrote alone goes, by its own map */
static void
test_fork(void **state)
{
	struct world w;
	struct rfs_op op = { .type = OP_WRITE, .data = "primary", .data_len = 7 };
	uint64_t node;
	struct tree_fd *f, *d;

	world_new(&w, 1);
	world_shell(&w, "head -c 1M /dev/urandom >p/large; echo 1 >p/small");
	world_primary(&w);
	world_second(&w);
	world_synced(&w);
	world_alone(&w);
	op.node = find(&w, RFS_ROOT, "large", NULL);
	assert_int_equal(do_op(&w, &op, NULL), 0);
	/* the other one, alone as well: same size, and then the same mtime */
	d = tree_get(w.st, RFS_ROOT, TREE_DIR);
	assert_int_equal(tree_lookup(w.st, d->fd, "small", &node, NULL), 0);
	tree_put(w.st, d);
	assert_true(map_touch(w.sm, node, 0, 2));
	f = tree_get(w.st, node, TREE_WRITE);
	assert_int_equal(pwrite(f->fd, "2", 1, 0), 1);
	tree_put(w.st, f);
	world_shell(&w, "touch -r p/small s/small && ! cmp -s p/small s/small && echo new >s/theirs");
	next_gen(&w.sstate, 999);
	w.se.logs = 0;
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	assert_true(logged(&w.se, "Histories have forked"));
	world_free(&w);
}

/* Changed while nobody watched, with the same size and times: by its ctime */
static void
test_gap(void **state)
{
	struct world w;

	world_new(&w, 1);
	world_shell(&w, "echo 1 >p/a; echo 1 >p/b; echo 1 >p/c");
	world_primary(&w);
	world_second(&w);
	world_synced(&w);
	world_alone(&w);
	world_shell(&w, "echo 2 >s/a && touch -r p/a s/a && ! cmp -s p/a s/a");
	w.sgap = (struct rfs_gap){ 1, INT64_MAX / 2 };
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	world_free(&w);
}

/* One may not follow who is older */
static void
test_refused(void **state)
{
	struct world w;

	world_new(&w, 1);
	world_shell(&w, "echo 1 >p/a");
	w.pstate.base = 100;
	w.sstate = (struct rfs_state){ .gen = 200, .base = 100, .history = { 100 } };
	world_primary(&w);
	world_second(&w);
	wait_until(w.se.failed > 0);
	assert_string_equal(w.se.why, "the data of the secondary are newer than those of the primary");
	assert_int_equal(w.se.begun, 0);
	world_free(&w);
}

/* "rfssync full" and "secondforce -d" */
static void
test_modes(void **state)
{
	struct world w;

	world_new(&w, 1);
	world_shell(&w, "echo 1 >p/old; echo 1 >p/young; touch -d 2001-01-01 p/old; cp -p p/old p/young s/; echo 2 >s/old; echo 2 >s/young; touch -r p/old s/old; touch -r p/young s/young");
	world_primary(&w);
	w.want = json_pack("{s:s, s:I}", "mode", "date", "date_ms", (json_int_t)1500000000000);
	world_second(&w);
	world_synced(&w);
	world_shell(&w, "! cmp -s p/old s/old && cmp p/young s/young");
	world_alone(&w);
	json_decref(w.want);
	w.want = json_pack("{s:s}", "mode", "full");
	world_second(&w);
	world_synced(&w);
	world_same(&w);
	assert_int_equal(w.pe.full_begun, 1);
	world_free(&w);
}

/* What is not replicated stays, on both sides, and is not told */
static void
test_private(void **state)
{
	struct conf_notrep not[] = { { .text = (char *)(uintptr_t)"log" }, { .regex = true, .text = (char *)(uintptr_t)".*\\.tmp" } };
	struct conf_replicated r = { .not_count = 2, .not = not };
	struct world w;

	world_new(&w, 1);
	w.pmatch = match_new(&r);
	w.smatch = match_new(&r);
	world_shell(&w, "mkdir p/log p/d s/log && echo p >p/log/x && echo s >s/log/y && echo p >p/d/a.tmp && echo p >p/d/b && echo s >s/c.tmp");
	world_primary(&w);
	world_second(&w);
	world_synced(&w);
	world_shell(&w, "test -f s/log/y && test ! -e s/log/x && test ! -e s/d/a.tmp && cmp p/d/b s/d/b && test -f s/c.tmp");
	assert_true(psync_is_private(w.ps, 0, RFS_ROOT, "log", true));
	assert_true(psync_is_private(w.ps, 0, find(&w, RFS_ROOT, "d", NULL), "z.tmp", false));
	assert_false(psync_is_private(w.ps, 0, find(&w, RFS_ROOT, "d", NULL), "z", false));
	world_free(&w);
}

/* reiallowedbw: 2 MB at 1000 KB/s take about two seconds */
static void
test_bandwidth(void **state)
{
	struct world w;
	int64_t began;

	world_new(&w, 1);
	world_shell(&w, "head -c 2000K /dev/urandom >p/large");
	w.kbs = 1000;
	world_primary(&w);
	began = clock_mono_ms();
	world_second(&w);
	world_synced(&w);
	assert_true(clock_mono_ms() - began >= 1700);
	world_same(&w);
	world_free(&w);
}

/* A file comes from a folder that was not told yet and takes the name of one whose data are on their way: these are not its data */
static void
test_renamed_over_one_that_is_copied(void **state)
{
	struct rfs_op make = { .type = OP_CREATE, .name = "new", .name_len = 3, .mode = S_IFREG | 0644, .umask = 022 },
		write = { .type = OP_WRITE, .data = "new", .data_len = 3 },
		move = { .type = OP_RENAME, .name = "new", .name_len = 3, .newname = "large", .newname_len = 5 };
	struct tree_fd *held;
	struct world w;

	world_new(&w, 4);
	world_shell(&w, "mkdir -p p/told p/other s/told && head -c 1500K /dev/urandom >p/told/large && echo old >s/told/large");
	w.kbs = 1000;
	world_primary(&w);
	world_second(&w);
	while (psync_bytes(w.ps) == 0)
		sched_yield();
	make.parent = move.parent = find(&w, RFS_ROOT, "other", NULL);
	move.newparent = find(&w, RFS_ROOT, "told", NULL);
	move.other = find(&w, move.newparent, "large", NULL);
	held = tree_get(w.pt, move.other, TREE_READ);	/* somebody has it open */
	pthread_mutex_lock(&w.ps->lock);
	nodeset_clear(&w.ps->forwarded[0]);	/* "other" was not told yet */
	assert_true(nodeset_add(&w.ps->forwarded[0], RFS_ROOT) && nodeset_add(&w.ps->forwarded[0], move.newparent));
	pthread_mutex_unlock(&w.ps->lock);
	assert_int_equal(do_op(&w, &make, &write.node), 0);
	assert_int_equal(do_op(&w, &write, NULL), 0);
	move.node = write.node;
	assert_int_equal(do_op(&w, &move, NULL), 0);
	world_synced(&w);
	tree_put(w.pt, held);
	world_same(&w);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first), cmocka_unit_test(test_nothing), cmocka_unit_test(test_zones), cmocka_unit_test(test_random),
		cmocka_unit_test(test_interrupted), cmocka_unit_test(test_fork), cmocka_unit_test(test_gap), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_modes), cmocka_unit_test(test_private), cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_renamed_over_one_that_is_copied),
	};

	trace = getenv("TRACE") != NULL;
	if (getenv("SEEDS") != NULL)
		seeds = atoi(getenv("SEEDS"));
	PLACE_OR_SKIP();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
