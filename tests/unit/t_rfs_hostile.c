/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer that has the key and bad intent: a primary whose frames want out of the secondary's tree (rfs/second*.c, rfs/ssync*.c), a secondary that wants to
 * know what is beside the primary's (rfs/psync*.c).  Refused or harmless; nobody dies; memory is bounded.  tests/fuzz looks for more of it.
 */
#include "config.h"
#include "rfs/by_hand.h"
#include "rfs/by_hand_primary.h"
#include "rfs/ssync_impl.h"

#include <linux/falloc.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <cmocka.h>

static const char *base;

/* ---- operations ---- */
enum outcome { DROPPED, LEFT, DONE };
enum { FOLDER = 100, FILE_, OUT, UP, OTHER, FIFO, BEYOND };
#define NAME(s)	.name = (s), .name_len = sizeof(s) - 1
#define NEW(s)	.newname = (s), .newname_len = sizeof(s) - 1
#define LONG_51 "555555555555555555555555555555555555555555555555555"
#define LONG_255 LONG_51 LONG_51 LONG_51 LONG_51 LONG_51

static void
prepare(struct hand *h)
{
	struct rfs_op ops[] = {
		{ .type = OP_MKDIR, .parent = RFS_ROOT, NAME("d"), .child = FOLDER, .mode = S_IFDIR | 0755 },
		{ .type = OP_CREATE, .parent = FOLDER, NAME("f"), .child = FILE_, .mode = S_IFREG | 0644 },
		{ .type = OP_SYMLINK, .parent = RFS_ROOT, NAME("out"), .child = OUT },
		{ .type = OP_SYMLINK, .parent = RFS_ROOT, NAME("up"), .child = UP, .data = "..", .data_len = 2 },
		{ .type = OP_CREATE, .parent = RFS_ROOT, NAME("g"), .child = OTHER, .mode = S_IFREG | 0600 },
		{ .type = OP_CREATE, .parent = RFS_ROOT, NAME("p"), .child = FIFO, .mode = S_IFIFO | 0600 },
	};
	char target[130];
	size_t i;

	ops[2].data_len = (uint32_t)snprintf(target, sizeof(target), "%s/canary", base);
	ops[2].data = target;
	for (i = 0; i < ARRAY_LEN(ops); i++)
		assert_true(hand_op(h, 0, &ops[i]));
	assert_int_equal(atomic_load(&h->left), 0);
}

static void
test_operations(void **state)
{
	static const struct { enum outcome strict, lenient; struct rfs_op op; } ROWS[] = {
		/* names that are none */
		{ DROPPED, DROPPED, { .type = OP_CREATE, .parent = RFS_ROOT, NAME("a/b"), .child = 500, .mode = S_IFREG | 0644 } },
		{ DROPPED, DROPPED, { .type = OP_CREATE, .parent = FOLDER, NAME("../x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ DROPPED, DROPPED, { .type = OP_CREATE, .parent = FOLDER, NAME("/tmp/x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ DROPPED, DROPPED, { .type = OP_MKDIR, .parent = FOLDER, NAME(".."), .child = 500 } },
		{ DROPPED, DROPPED, { .type = OP_RMDIR, .parent = FOLDER, NAME(".") } },
		{ DROPPED, DROPPED, { .type = OP_MKDIR, .parent = FOLDER, NAME("") , .child = 500 } },
		{ DROPPED, DROPPED, { .type = OP_MKDIR, .parent = FOLDER, NAME("a\0b"), .child = 500 } },
		{ DROPPED, DROPPED, { .type = OP_MKDIR, .parent = FOLDER, NAME(LONG_255 "1"), .child = 500 } },
		{ DONE, DONE, { .type = OP_MKDIR, .parent = FOLDER, NAME(LONG_255), .child = 500 } },
		{ DROPPED, DROPPED, { .type = OP_RENAME, .parent = FOLDER, NAME("f"), .node = FILE_, .newparent = FOLDER, NEW("..") } },
		{ DROPPED, DROPPED, { .type = OP_RENAME, .parent = FOLDER, NAME("f"), .node = FILE_, .newparent = FOLDER, NEW("../../canary/file") } },
		{ DROPPED, DROPPED, { .type = OP_RENAME, .parent = RFS_ROOT, NAME(RFS_HIDDEN), .newparent = FOLDER, NEW("mine") } },
		{ DROPPED, DROPPED, { .type = OP_RENAME, .parent = FOLDER, NAME("f"), .node = FILE_, .newparent = RFS_ROOT, NEW(RFS_HIDDEN) } },
		{ DROPPED, DROPPED, { .type = OP_RMDIR, .parent = RFS_ROOT, NAME(RFS_HIDDEN) } },
		{ DONE, DONE, { .type = OP_MKDIR, .parent = FOLDER, NAME(RFS_HIDDEN), .child = 500 } },	/* a name like others there */
		/* through symbolic links, out of files, into what nobody has told of */
		{ LEFT, DONE, { .type = OP_CREATE, .parent = OUT, NAME("x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ LEFT, DONE, { .type = OP_UNLINK, .parent = OUT, NAME("file") } },
		{ LEFT, DONE, { .type = OP_CREATE, .parent = UP, NAME("x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ LEFT, DONE, { .type = OP_RENAME, .parent = FOLDER, NAME("f"), .node = FILE_, .newparent = OUT, NEW("x") } },
		{ LEFT, DONE, { .type = OP_CREATE, .parent = FILE_, NAME("x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ LEFT, DONE, { .type = OP_CREATE, .parent = 999, NAME("x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ LEFT, DONE, { .type = OP_CREATE, .parent = BEYOND, NAME("x"), .child = 500, .mode = S_IFREG | 0644 } },
		{ LEFT, DONE, { .type = OP_UNLINK, .parent = BEYOND, NAME("file") } },
		{ DONE, DONE, { .type = OP_WRITE, .node = BEYOND, .data = "x", .data_len = 1 } },
		{ DONE, DONE, { .type = OP_SETATTR, .node = BEYOND, .valid = OP_SET_MODE, .mode = 0777 } },
		{ LEFT, DONE, { .type = OP_LINK, .node = BEYOND, .parent = RFS_ROOT, NAME("mine"), .child = BEYOND } },
		{ DONE, DONE, { .type = OP_COPY, .node = FILE_, .other = BEYOND, .len = 17 } },
		{ LEFT, LEFT, { .type = OP_WRITE, .node = OUT, .data = "x", .data_len = 1 } },
		{ LEFT, LEFT, { .type = OP_SETATTR, .node = OUT, .valid = OP_SET_SIZE, .size = 1 } },
		{ DONE, DONE, { .type = OP_SETATTR, .node = OUT, .valid = OP_SET_UID | OP_SET_MTIME, .uid = 7, .mtime_ns = 5 } },
		{ LEFT, LEFT, { .type = OP_SETATTR, .node = OUT, .valid = OP_SET_MODE, .mode = 0777 } },
		{ LEFT, LEFT, { .type = OP_SETXATTR, .node = OUT, NAME("user.x"), .data = "v", .data_len = 1 } },
		{ DONE, DONE, { .type = OP_LINK, .node = OUT, .parent = FOLDER, NAME("out2"), .child = OUT } },
		{ LEFT, LEFT, { .type = OP_LINK, .node = FOLDER, .parent = FOLDER, NAME("loop"), .child = FOLDER } },
		{ LEFT, LEFT, { .type = OP_RENAME, .node = FOLDER, .parent = RFS_ROOT, NAME("d"), .newparent = FOLDER, NEW("d") } },
		/* sizes that there are not */
		{ DROPPED, DROPPED, { .type = OP_SETATTR, .node = FILE_, .valid = OP_SET_SIZE, .size = UINT64_C(1) << 63 } },
		{ LEFT, LEFT, { .type = OP_SETATTR, .node = FILE_, .valid = OP_SET_SIZE, .size = INT64_MAX } },
		{ LEFT, DONE, { .type = OP_SETATTR, .node = FOLDER, .valid = OP_SET_SIZE, .size = 0 } },
		{ DROPPED, DROPPED, { .type = OP_WRITE, .node = FILE_, .off = INT64_MAX, .data = "x", .data_len = 1 } },
		{ DROPPED, DROPPED, { .type = OP_WRITE, .node = FILE_, .off = UINT64_MAX, .data = "x", .data_len = 1 } },
		{ LEFT, LEFT, { .type = OP_WRITE, .node = FILE_, .off = INT64_C(1) << 62, .data = "x", .data_len = 1 } },
		{ LEFT, LEFT, { .type = OP_FALLOCATE, .node = FILE_, .len = UINT64_C(1) << 50 } },
		{ LEFT, LEFT, { .type = OP_FALLOCATE, .node = FILE_, .off = INT64_MAX - 4096, .len = 4096 } },
		{ DROPPED, DROPPED, { .type = OP_FALLOCATE, .node = FILE_, .off = INT64_MAX, .len = 4096 } },
		{ LEFT, LEFT, { .type = OP_FALLOCATE, .node = FILE_, .len = 4096, .flags = UINT32_MAX } },
		{ LEFT, LEFT, { .type = OP_FALLOCATE, .node = FILE_, .off = 4096, .len = 4096, .flags = FALLOC_FL_COLLAPSE_RANGE } },
		{ LEFT, LEFT, { .type = OP_COPY, .node = FILE_, .other = OTHER, .len = UINT64_C(1) << 62 } },
		{ DROPPED, DROPPED, { .type = OP_COPY, .node = FILE_, .other = OTHER, .off2 = INT64_MAX, .len = 2 } },
		/* what is no file of that kind */
		{ LEFT, DONE, { .type = OP_UNLINK, .parent = RFS_ROOT, NAME("d"), .node = FOLDER } },
		{ LEFT, DONE, { .type = OP_RMDIR, .parent = RFS_ROOT, NAME("g"), .node = OTHER } },
		{ LEFT, DONE, { .type = OP_WRITE, .node = FOLDER, .data = "x", .data_len = 1 } },
		{ LEFT, LEFT, { .type = OP_WRITE, .node = FIFO, .data = "x", .data_len = 1 } },
		{ LEFT, DONE, { .type = OP_WRITE, .node = RFS_ROOT, .data = "x", .data_len = 1 } },
		{ DROPPED, DROPPED, { .type = OP_CREATE, .parent = RFS_ROOT, NAME("x"), .child = 500, .mode = S_IFDIR | 0755 } },
		{ DROPPED, DROPPED, { .type = OP_CREATE, .parent = RFS_ROOT, NAME("x"), .child = 500, .mode = S_IFLNK | 0755 } },
		{ DROPPED, DROPPED, { .type = OP_RENAME, .parent = RFS_ROOT, NAME("g"), .newparent = RFS_ROOT, NEW("h"), .flags = 4 /* RENAME_WHITEOUT */ } },
		{ DROPPED, DROPPED, { .type = OP_SYMLINK, .parent = RFS_ROOT, NAME("x"), .child = 500, .data = "a\0b", .data_len = 3 } },
	};
	struct hand h;
	size_t i;
	int strict;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ROWS); i++)
		for (strict = 0; strict < 2; strict++) {
			enum outcome expected = strict ? ROWS[i].strict : ROWS[i].lenient, is;
			struct rfs_op op = ROWS[i].op;
			uint64_t beyond;

			hand_new(&h, base);
			assert_true(hand_begin(&h));
			prepare(&h);
			if (strict)
				assert_true(hand_finish(&h));
			beyond = hand_node(base, "canary");
			op.parent = op.parent == BEYOND ? beyond : op.parent;
			op.node = op.node == BEYOND ? hand_node(base, "canary/file") : op.node;
			op.other = op.other == BEYOND ? hand_node(base, "canary/file") : op.other;
			is = hand_op(&h, 0, &op) ? DONE : DROPPED;
			is = atomic_load(&h.left) > 0 ? LEFT : is;
			if (is != expected)
				fail_msg("row %d (operation %d, %s), strict %d: %d, expected %d: %s", (int)i, op.type, op.name != NULL ? op.name : "", strict, is, expected, h.why);
			hand_end(&h);
		}
}

/* A device of the replicated folder is a name, not a device */
static void
test_device(void **state)
{
	struct rfs_op make = { .type = OP_CREATE, .parent = RFS_ROOT, NAME("null"), .child = 500, .mode = S_IFCHR | 0666, .rdev = (uint32_t)makedev(1, 3) };
	struct rfs_op put = { .type = OP_WRITE, .node = 500, .data = "x", .data_len = 1 };
	struct hand h;

	(void)state;
	hand_new(&h, base);
	assert_true(hand_begin(&h));
	assert_true(hand_op(&h, 0, &make));
	assert_int_equal(atomic_load(&h.left), 0);
	hand_op(&h, 0, &put);
	assert_int_equal(atomic_load(&h.left), 1);
	hand_end(&h);
}

/* ---- a name that becomes a link while its mode is set: connections that disagree ---- */
struct swap { struct tree *tree; atomic_bool stop; int made; };

static void *
swap_make(void *arg)
{
	struct swap *x = arg;
	struct rfs_op make = { .type = OP_CREATE, .parent = RFS_ROOT, NAME("x"), .mode = S_IFIFO | 0666, .umask = 0777 };
	struct rfs_result res;

	op_thread_init();
	while (!atomic_load(&x->stop)) {
		op_apply(x->tree, &make, false, NULL, &res);
		x->made++;
	}
	return NULL;
}

static void
test_mode_of_what_became_a_link(void **state)
{
	struct rfs_op link = { .type = OP_SYMLINK, .parent = RFS_ROOT, NAME("y") };
	struct rfs_op over = { .type = OP_RENAME, .parent = RFS_ROOT, NAME("y"), .newparent = RFS_ROOT, NEW("x") };
	struct rfs_op gone = { .type = OP_UNLINK, .parent = RFS_ROOT, NAME("x") };
	struct swap x = { .tree = NULL };
	struct rfs_result res;
	char target[130];
	struct hand h;
	pthread_t id;
	int i;

	(void)state;
	hand_new(&h, base);
	x.tree = h.tree;
	link.data_len = (uint32_t)snprintf(target, sizeof(target), "%s/canary/file", base);
	link.data = target;
	assert_int_equal(pthread_create(&id, NULL, swap_make, &x), 0);
	for (i = 0; i < 5000; i++) {
		op_apply(h.tree, &link, false, NULL, &res);
		op_apply(h.tree, &over, false, NULL, &res);
		op_apply(h.tree, &gone, false, NULL, &res);
	}
	atomic_store(&x.stop, true);
	pthread_join(id, NULL);
	hand_end(&h);		/* looks at the canary */
}

/* ---- a synchronisation ---- */
static bool
list(struct hand *h, uint64_t folder, const struct sync_entry *e)
{
	uint8_t body[1024];
	struct sync_out o = { .buf = body, .size = sizeof(body) };

	sync_put_entry(&o, e);
	return hand_sync(h, 0, SY_LIST, folder, 1, o.buf, o.len);
}

static void
test_names_of_lists(void **state)
{
	static const char *const BAD[] = { "..", ".", "", "a/b", "../canary/file", "/tmp/x", RFS_HIDDEN };
	struct sync_entry e = { .mode = S_IFREG | 0600, .node = 300 };
	uint8_t body[1024];
	char target[130];
	struct hand h;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(BAD); i++) {
		struct sync_out o = { .buf = body, .size = sizeof(body) };

		hand_new(&h, base);
		assert_true(hand_begin(&h));
		e.name = BAD[i];
		assert_false(list(&h, RFS_ROOT, &e));
		assert_true(hand_begin(&h));
		sync_put_entry(&o, &e);
		assert_false(hand_sync(&h, 0, SY_CHECK, RFS_ROOT, 1, o.buf, o.len));	/* nor is it looked at */
		assert_true(hand_begin(&h));
		o.len = 0;
		out_64(&o, RFS_ROOT);
		out_64(&o, 0);
		out_bytes(&o, BAD[i], strlen(BAD[i]) + 1);
		assert_false(hand_sync(&h, 0, SY_LIMBO, 300, 0, o.buf, o.len));
		hand_end(&h);
	}
	/* as the place it came from it is nothing; a link to a folder is no folder */
	hand_new(&h, base);
	assert_true(hand_begin(&h));
	snprintf(target, sizeof(target), "%s/canary", base);
	e = (struct sync_entry){ .node = 301, .mode = S_IFLNK | 0777, .name = "out", .target = target };
	assert_true(list(&h, RFS_ROOT, &e));
	e = (struct sync_entry){ .node = 302, .mode = S_IFREG | 0600, .name = "mine", .from = RFS_ROOT };
	for (i = 0; i < ARRAY_LEN(BAD); i++) {
		e.from_name = BAD[i];
		assert_true(list(&h, RFS_ROOT, &e));
	}
	e.from = 301;
	e.from_name = "file";
	assert_true(list(&h, RFS_ROOT, &e));
	e = (struct sync_entry){ .node = 303, .mode = S_IFREG | 0777, .name = "file" };
	assert_true(list(&h, 301, &e));
	assert_true(hand_sync(&h, 0, SY_DIR, 301, 0, NULL, 0));
	assert_true(hand_sync(&h, 0, SY_FILE, 301, 0, NULL, 0));
	hand_end(&h);
}

/* A folder of folders of folders: removed without a descriptor for each */
static void
test_deep_folder(void **state)
{
	struct rfs_op op = { .type = OP_MKDIR, .parent = RFS_ROOT, NAME("d"), .mode = S_IFDIR | 0755 };
	struct rlimit was, few = { .rlim_cur = 3000 };	/* the tree keeps 2048 open */
	uint8_t body[64];
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	struct dirent *e;
	struct hand h;
	int i, left = 0;
	DIR *d;

	(void)state;
	hand_new(&h, base);
	assert_true(hand_begin(&h));
	for (i = 0; i < 4000; i++) {
		op.child = (uint64_t)(1000 + i);
		assert_true(hand_op(&h, 0, &op));
		op.parent = op.child;
	}
	assert_int_equal(atomic_load(&h.left), 0);
	out_64(&o, RFS_ROOT);
	out_64(&o, 0);
	out_bytes(&o, "d", 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(hand_sync(&h, 0, SY_LIMBO, 5, 0, o.buf, o.len));	/* another one's than was told: it goes */
	assert_true(hand_finish(&h));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(atomic_load(&h.left), 0);
	d = fdopendir(openat(tree_hidden(h.tree, "limbo"), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		left += e->d_name[0] != '.';
	closedir(d);
	assert_int_equal(left, 0);
	hand_end(&h);
}

static size_t
memory(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* What waits for a thread of its own is kept: only as much as it needs, and not more of it than a primary of ours would ask for */
static void
test_too_much_at_once(void **state)
{
	static uint8_t body[FRAME_BODY_MAX];
	static const uint8_t KINDS[] = { SY_COMMIT, SY_FINISH, SY_HASH };
	struct hand h;
	size_t i, k;

	(void)state;
	hand_new(&h, base);
	for (k = 0; k < ARRAY_LEN(KINDS); k++) {
		assert_true(hand_begin(&h));
		assert_false(hand_sync(&h, 0, KINDS[k], 0, 1, body, sizeof(body) / 20 * 20));
	}
	for (k = 0; k < 2; k++) {
		size_t before = memory(), most = 0;
		bool taken = true;

		assert_true(hand_begin(&h));
		for (i = 0; taken && i < 30000; i++) {
			taken = k == 0 ? hand_sync(&h, 0, SY_COMMIT, 0, i, NULL, 0) : hand_sync(&h, 0, SY_HASH, 0, i, body, SYNC_ZONES_MAX * 20);
			most = memory() > before + most ? memory() - before : most;
			hand_deaf(second_stream(h.s));
		}
		assert_true(most < (120u << 20));
	}
	assert_int_equal(atomic_load(&h.left), 0);
	hand_end(&h);
}

/* What breaks a rule is noticed by a thread of its own when the worker ends already.  (An address sanitizer sees more of it.) */
static void
test_freed_while_it_hashes(void **state)
{
	static const uint8_t zones[] = "no zones at all";
	struct hand h;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		hand_new(&h, base);
		assert_true(hand_begin(&h));
		hand_sync(&h, 0, SY_HASH, 0, 1, zones, sizeof(zones));
		hand_sync(&h, 0, SY_HASH, 0, 1, zones, sizeof(zones));
		hand_end(&h);
	}
}

/* ---- a secondary that wants to know ---- */
static void
serve_until_end(struct prim *m)
{
	int64_t until = clock_mono_ms() + 20000;
	struct said *q;

	while (atomic_load(&m->repl.ended) == 0 && !atomic_load(&m->repl.stream->dropped) && clock_mono_ms() < until) {
		q = hand_hear(m->repl.stream, 20);
		if (q == NULL)
			continue;
		prim_look(m, &q->f);
		prim_answer(m, q, 0);
		free(q);
	}
}

static void
test_honest_secondary(void **state)
{
	struct prim m;

	(void)state;
	prim_new(&m, base, NULL);
	prim_up(&m, NULL);
	serve_until_end(&m);
	assert_int_equal(atomic_load(&m.repl.ended), 1);
	prim_end(&m);
}

/* SY_ASK with a file handle of something that is not in the replicated folder, or is not replicated */
static void
test_asks_for_what_is_beside(void **state)
{
	static struct conf_notrep not[] = { { .text = (char *)(uintptr_t)"private" } };
	const struct conf_replicated c = { .not_count = 1, .not = not };
	static const struct { const char *folder, *name; } ROWS[] = { { "canary", "file" }, { ".", "canary" }, { "canary", "folder" }, { NULL, RFS_HIDDEN },
		{ "p/" RFS_HIDDEN, "orphan" }, { "p/" RFS_HIDDEN "/orphan", "gone" }, { "p/private", "secret" }, { NULL, "private" }, { "p/a", ".." }, { "p/a", "../../canary" } };
	struct match *match = match_new(&c);
	struct said *q;
	struct prim m;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ROWS); i++) {
		prim_new(&m, base, match);
		prim_up(&m, NULL);
		q = hand_hear(m.repl.stream, 20000);	/* what is said before the folders */
		while (q != NULL && q->f.flags != SY_LIST) {
			prim_look(&m, &q->f);
			prim_answer(&m, q, 0);
			free(q);
			q = hand_hear(m.repl.stream, 20000);
		}
		assert_non_null(q);
		prim_say(&m, 0, SY_ASK, ROWS[i].folder != NULL ? hand_node(base, ROWS[i].folder) : RFS_ROOT, 0, ROWS[i].name, strlen(ROWS[i].name) + 1);
		prim_look(&m, &q->f);
		prim_answer(&m, q, 0);
		free(q);
		serve_until_end(&m);
		prim_end(&m);
	}
	match_free(match);
}

static void
test_answers_that_nobody_asked_for(void **state)
{
	static uint8_t body[FRAME_BODY_MAX];
	static const uint8_t KINDS[] = { SY_LISTED, SY_CHECKED, SY_ASK, SY_LISTED };
	struct prim m;
	size_t before, i, k;

	(void)state;
	for (k = 0; k < ARRAY_LEN(KINDS); k++) {
		prim_new(&m, base, NULL);
		if (k == 3)
			prim_up(&m, NULL);	/* and nobody answers its first question */
		before = memory();
		for (i = 0; i < 300 && !atomic_load(&m.repl.stream->dropped); i++)
			prim_say(&m, 0, KINDS[k], RFS_ROOT, i, body, sizeof(body));
		assert_true(memory() - before < (128u << 20));
		prim_end(&m);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operations), cmocka_unit_test(test_device), cmocka_unit_test(test_mode_of_what_became_a_link),
		cmocka_unit_test(test_names_of_lists), cmocka_unit_test(test_deep_folder), cmocka_unit_test(test_too_much_at_once), cmocka_unit_test(test_freed_while_it_hashes),
		cmocka_unit_test(test_honest_secondary), cmocka_unit_test(test_asks_for_what_is_beside),
		cmocka_unit_test(test_answers_that_nobody_asked_for),
	};

	base = hand_scratch();
	if (base == NULL) {
		puts("1..0 # SKIP needs root and ext4 in TMPDIR, /tmp or /var/tmp (file handles of 8 bytes)");
		return 0;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
