/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfsverify and rfsdiff (engine/rfs/psync_check.c, psync_diff.c, ssync_check.c) between two real ends: every kind of difference is found and named, none is while the
 * application works, and the log is what flatlogdump reads.
 */
#include "config.h"
#include "rfs_sync_world.h"

static char text[1024];

static char *
xml_of(const struct world *w, const char *name)
{
	char path[128], *xml;

	path_format(path, sizeof(path), "%s/%s", w->dir, name);
	assert_true(path_read(path, &xml, 1 << 24) > 0);
	return xml;
}

/* The log of a verification; freed by the caller */
static char *
verify(struct world *w)
{
	char path[128];

	path_format(path, sizeof(path), "%s/verify.xml", w->dir);
	if (!second_verify(w->s, path, text, sizeof(text)))
		fail_msg("%s (primary: %s, secondary: %s)", text, w->pe.why, w->se.why);
	return xml_of(w, "verify.xml");
}

static void
has(const char *xml, const char *part)
{
	if (strstr(xml, part) == NULL)
		fail_msg("no %s in\n%s", part, xml);
}

static void
begin(struct world *w, int conns, int empty_ones)
{
	char command[64];

	world_new(w, conns);
	world_shell(w, "mkdir -p p/a/b p/empty && echo hello >p/a/b/file && echo same >p/same && ln -s target p/link && ln p/a/b/file p/hard && mkfifo p/fifo &&"
	    "setfattr -n user.x -v 1 p/a p/same && truncate -s 1M p/sparse && head -c 300000 /dev/urandom >p/large && printf x >'p/100% \xc3\xa9'");
	snprintf(command, sizeof(command), "for i in $(seq %d); do : >p/empty/$i; done", empty_ones);
	world_shell(w, command);
	world_primary(w);
	world_second(w);
	world_synced(w);
	world_same(w);
}

static void
test_same(void **state)
{
	struct world w;
	char *xml;

	begin(&w, 2, 9000);	/* more than is asked for under one lock */
	xml = verify(&w);
	assert_null(strstr(xml, "<file "));
	has(xml, "<rfslog version=\"1\" kind=\"verify\" date=\"2");
	has(xml, "<dir path=\"/replicated\">\n</dir>");
	has(xml, "differs=\"0\" changed=\"0\" missing=\"0\" extra=\"0\" errors=\"0\" bytes=\"0\"");
	has(xml, "complete=\"true\" why=\"\"/>\n</rfslog>\n");
	assert_non_null(strstr(text, "9006 files with "));
	assert_non_null(strstr(text, ": no difference"));
	free(xml);
	world_free(&w);
}

/* What somebody does to the secondary's folder behind our back.  round: those that go together */
static void
test_every_difference(void **state)
{
	static const struct { int round; const char *command, *file; } rows[] = {
		{ 0, "touch -r s/large s/ref && printf XX | dd of=s/large bs=1 seek=70000 conv=notrunc status=none && touch -r s/ref s/large && rm s/ref",
		    "<file path=\"large\" result=\"differs\" size=\"300000\" zones=\"1\" bytes=\"16384\" why=\"contents\"/>" },
		{ 0, "printf HELLO | dd of=s/a/b/file conv=notrunc status=none",
		    "<file path=\"a/b/file\" result=\"differs\" size=\"6\" zones=\"1\" bytes=\"6\" why=\"contents, attributes\"/>" },
		{ 0, "rm 's/100% \xc3\xa9'", "<file path=\"100%25 %C3%A9\" result=\"missing\" size=\"1\" bytes=\"1\"/>" },
		{ 0, "touch s/a/b/more", "<file path=\"a/b/more\" result=\"extra\" size=\"0\"/>" },
		{ 0, "touch s/empty/more s/empty/much", "<file path=\"empty/more\" result=\"extra\" size=\"0\"/>" },
		{ 0, NULL, "<file path=\"empty/much\" result=\"extra\" size=\"0\"/>" },
		{ 0, "rm s/link && ln -s other s/link", "<file path=\"link\" result=\"differs\" size=\"0\" why=\"target\"/>" },
		{ 0, "rm s/fifo && touch s/fifo", "<file path=\"fifo\" result=\"differs\" size=\"0\" why=\"type\"/>" },
		{ 0, "chmod 600 s/same", "<file path=\"same\" result=\"differs\" size=\"5\" why=\"attributes\"/>" },
		{ 0, "chmod 700 s/a/b", "<file path=\"a/b\" result=\"differs\" size=\"0\" why=\"attributes\"/>" },
		{ 0, "setfattr -x user.x s/a", "<file path=\"a\" result=\"differs\" size=\"0\" why=\"attributes\"/>" },
		{ 1, "rm -r s/a", "<file path=\"a\" result=\"missing\" size=\"0\"/>" },
		{ 1, "chown 3:4 s/fifo", "<file path=\"fifo\" result=\"differs\" size=\"0\" why=\"attributes\"/>" },
		{ 1, "setfattr -n user.x -v 2 s/same", "<file path=\"same\" result=\"differs\" size=\"5\" why=\"attributes\"/>" },
		{ 1, "truncate -s 5 s/sparse", "<file path=\"sparse\" result=\"differs\" size=\"1048576\" zones=\"64\" bytes=\"1048576\" why=\"contents, attributes\"/>" },
		{ 2, "cp -p s/hard s/x && mv s/x s/hard", "result=\"differs\" size=\"6\" why=\"another file\"/>" },
		{ 2, "touch -d 2001-01-01 s/same", "<file path=\"same\" result=\"differs\" size=\"5\" why=\"attributes\"/>" },
	};
	struct world w;
	char *xml;
	int round;
	size_t i;

	for (round = 0; round < 3; round++) {
		begin(&w, 1 + round, 5);
		for (i = 0; i < ARRAY_LEN(rows); i++)
			if (rows[i].round == round && rows[i].command != NULL)
				world_shell(&w, rows[i].command);
		xml = verify(&w);
		for (i = 0; i < ARRAY_LEN(rows); i++)
			if (rows[i].round == round)
				has(xml, rows[i].file);
		has(xml, "complete=\"true\"");
		assert_null(strstr(text, "no difference"));
		free(xml);
		world_free(&w);
	}
}

/* The application goes on: what is under way is no difference */
static void
test_while_working(void **state)
{
	struct world w;
	struct rng r;
	struct app a;
	int i, seed;
	char *xml;

	for (seed = 1; seed <= 3; seed++) {
		rng_seed(&r, (uint64_t)seed);
		world_new(&w, seed);
		world_primary(&w);
		for (i = 0; i < 400; i++)
			some_change(&w, &r);
		world_second(&w);
		world_synced(&w);
		app_start(&a, &w, (uint64_t)seed, 1000000);
		for (i = 0; i < 10; i++) {
			xml = verify(&w);
			if (strstr(xml, "<file ") != NULL) {
				app_stop(&a);
				fail_msg("seed %d, %d: %d differences now: %s", seed, i, world_differences(&w, false), xml);
			}
			free(xml);
		}
		app_stop(&a);
		world_same(&w);
		world_free(&w);
	}
}

/* A primary that is not paired says so; one that goes is told */
static void
test_without_the_primary(void **state)
{
	struct world w;

	begin(&w, 1, 5);
	world_stop_primary(&w);
	assert_false(second_verify(w.s, "/nowhere/x", text, sizeof(text)));
	assert_string_equal(text, "the connection to the primary was lost");
	world_free(&w);
}

static void
nothing(void *ctx, const char *what)
{
}

static void
test_diff(void **state)
{
	struct rfs_op op = { .type = OP_WRITE, .data = "changed", .data_len = 7 };
	struct world w;
	char path[128], *xml;

	begin(&w, 1, 5);
	path_format(path, sizeof(path), "%s/diff.xml", w.dir);
	world_alone(&w);
	op.node = find(&w, RFS_ROOT, "large", NULL);
	op.off = 5 * ZONE + 1;
	assert_int_equal(do_op(&w, &op, NULL), 0);
	op.off = 17 * ZONE;
	assert_int_equal(do_op(&w, &op, NULL), 0);
	if (!psync_diff(w.ps, path, text, sizeof(text), nothing, NULL))
		fail_msg("%s", text);
	xml = xml_of(&w, "diff.xml");
	has(xml, "<file path=\"large\" result=\"changed\" size=\"300000\" zones=\"2\" bytes=\"32768\"/>");
	has(xml, "changed=\"1\"");
	has(text, "1 of 11 files changed: 32 KB of ");
	free(xml);
	assert_false(psync_diff(w.ps, "/nowhere/x", text, sizeof(text), nothing, NULL));
	has(text, "/nowhere/x: No such file");
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same), cmocka_unit_test(test_every_difference), cmocka_unit_test(test_while_working),
		cmocka_unit_test(test_without_the_primary), cmocka_unit_test(test_diff),
	};

	PLACE_OR_SKIP();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
