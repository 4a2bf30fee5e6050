/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rfs/second*.c against a primary that is made by hand: kills in the midst of each operation, what is sent twice, what is sent in malice. */
#include "config.h"
#include "rfs_world.h"
#include "rfs/second_impl.h"

#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* ---- a primary by hand ---- */
struct hand { struct stream *stream; int ups, downs, whole, outs, cut_dones; uint64_t acked, seq; struct world *w; bool pair; };
static struct hand hand;

static void
hand_up(void *ctx, const struct frame_hello *hello)
{
	struct frame begin = { .type = FR_SYNC, .flags = SYNC_BEGIN };

	(void)ctx;
	(void)hello;
	pthread_mutex_lock(&world_lock);
	hand.ups++;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
	if (!hand.pair)
		stream_send(hand.stream, 0, &begin);
}

static void
hand_down(void *ctx, const char *why)
{
	(void)ctx;
	(void)why;
	pthread_mutex_lock(&world_lock);
	hand.downs++;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
}

static void
hand_frame(void *ctx, int conn, const struct frame *f)
{
	(void)ctx;
	(void)conn;
	pthread_mutex_lock(&world_lock);
	if (f->type == FR_ACK)
		hand.acked = f->seq;
	else if (f->type == FR_SYNC)
		hand.whole++;
	else if (f->type == FR_OUT)
		hand.outs++;
	else if (f->type == FR_CUT_DONE)
		hand.cut_dones++;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
}

static void
hand_say(bool pair)
{
	struct frame_hello h = { .conn = -1 };
	char yes[] = "{\"pair\":true}", no[] = "{\"pair\":false}";

	hand.pair = pair;
	h.json = pair ? yes : no;
	stream_hello(hand.stream, &h);
}

static void
begin(struct world *w)
{
	struct stream_hooks hooks = { .up = hand_up, .down = hand_down, .frame = hand_frame };
	struct frame paired = { .type = FR_PAIRED, .aux = 5 };
	char err[SK_TEXT_MAX];

	world_new(w, 1, false);
	memset(&hand, 0, sizeof(hand));
	hand.w = w;
	hand.stream = stream_new(&w->rc.stream, &hooks);
	hand_say(false);
	assert_true(stream_start(hand.stream, err, sizeof(err)));
	world_second(w);
	wait_until(hand.whole == 1);
	hand_say(true);
	assert_true(stream_send(hand.stream, 0, &paired));
	wait_until(w->se.synced == 1);
}

static void
end(struct world *w)
{
	second_free(w->s);
	w->s = NULL;
	stream_free(hand.stream);
	world_free(w);
}

static bool
send_seq(uint64_t seq, const struct rfs_op *op)
{
	static uint8_t buf[4096];
	struct frame f = { .type = FR_OP, .dir = op->dir, .seq = seq, .node = op->node, .body = buf, .body2 = op->data, .body2_len = op->data_len };

	f.body_len = (uint32_t)frame_op_encode(op, buf, sizeof(buf));
	return stream_send(hand.stream, 0, &f);
}

/* Sent, and acknowledged */
static void
done(const struct rfs_op *op)
{
	assert_true(send_seq(++hand.seq, op));
	wait_until(hand.acked == hand.seq);
}

static struct ledger
ledger_of(const struct world *w)
{
	return w->s->tables.shm->ledger[0];
}

/* The worker is killed after the operation, before the ledger says that it was done; the next one gets it again */
static void
done_killed(struct world *w, const struct rfs_op *op)
{
	int ups = hand.ups;
	struct second_shm *shm;
	struct ledger led;

	done(op);
	led = ledger_of(w);
	assert_int_equal(led.applied, hand.seq);
	second_free(w->s);
	shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE, MAP_SHARED, w->memfd, 0);
	assert_ptr_not_equal(shm, MAP_FAILED);
	shm->ledger[0].applied = hand.seq - 1;
	shm->ledger[0].applying = hand.seq;
	munmap(shm, sizeof(*shm));
	if (op->child != 0) {	/* nor does the table know its child */
		struct tables t;
		char err[SK_TEXT_MAX];

		assert_true(tables_open(&t, w->memfd, 0, err, sizeof(err)));
		assert_int_not_equal(tables_get(&t, 0, op->child), 0);
		if (op->type != OP_LINK)
			tables_set(&t, 0, op->child, 0);
		tables_close(&t);
	}
	hand.acked = 0;
	world_second(w);
	wait_until(hand.ups > ups);
	assert_true(send_seq(hand.seq, op));
	wait_until(hand.acked == hand.seq);
	if (op->child != 0)
		assert_int_not_equal(second_node(w->s, 0, op->child), 0);
}

static struct rfs_op
named(int type, uint64_t parent, const char *name, uint64_t child)
{
	return (struct rfs_op){ .type = (uint8_t)type, .parent = parent, .name = name, .name_len = (uint16_t)strlen(name), .child = child,
		.mode = type == OP_MKDIR ? S_IFDIR | 0750 : S_IFREG | 0640, .mtime_ns = INT64_C(1600000000000000001) };
}

static void
test_killed_in_each(void **state)
{
	struct rfs_op op;
	struct world w;
	struct stat st;
	char path[128];

	(void)state;
	begin(&w);
	op = named(OP_MKDIR, RFS_ROOT, "d", 100);
	done_killed(&w, &op);
	op = named(OP_CREATE, 100, "f", 101);
	done_killed(&w, &op);
	op = named(OP_SYMLINK, 100, "l", 102);
	op.data = "to somewhere";
	op.data_len = 12;
	done_killed(&w, &op);
	op = named(OP_LINK, RFS_ROOT, "hard", 101);
	op.node = 101;
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_WRITE, .node = 101, .off = 3, .data = "hello", .data_len = 5, .mtime_ns = 7 };
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_SETATTR, .node = 101, .valid = OP_SET_MODE | OP_SET_SIZE, .mode = 0600, .size = 6 };
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_FALLOCATE, .node = 101, .off = 0, .len = 100 };
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_FALLOCATE, .node = 101, .off = 0, .len = 4096, .flags = FALLOC_FL_INSERT_RANGE };
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_SETXATTR, .node = 101, .name = "user.x", .name_len = 6, .data = "v", .data_len = 1, .flags = XATTR_CREATE };
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_REMOVEXATTR, .node = 101, .name = "user.x", .name_len = 6 };
	done_killed(&w, &op);
	op = (struct rfs_op){ .type = OP_FSYNC, .node = 101 };
	done_killed(&w, &op);
	op = named(OP_CREATE, RFS_ROOT, "victim", 103);
	done(&op);
	op = named(OP_RENAME, 100, "f", 0);
	op.newparent = RFS_ROOT;
	op.newname = "victim";
	op.newname_len = 6;
	op.node = 101;
	op.other = 103;
	done_killed(&w, &op);
	assert_int_equal(second_node(w.s, 0, 103), 0);
	op = named(OP_UNLINK, RFS_ROOT, "hard", 0);
	op.node = 101;
	done_killed(&w, &op);
	assert_int_not_equal(second_node(w.s, 0, 101), 0);	/* it has another name */
	op = named(OP_UNLINK, 100, "l", 0);
	op.node = 102;
	done_killed(&w, &op);
	op = named(OP_RMDIR, RFS_ROOT, "d", 0);
	op.node = 100;
	done_killed(&w, &op);
	path_format(path, sizeof(path), "%s/s/victim", w.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 100 + 4096);
	assert_int_equal(st.st_nlink, 1);
	world_shell(&w, "test \"$(ls -A s | tr '\\n' ' ')\" = '" RFS_HIDDEN " victim '");
	/* what is written to a file that is deleted there and held open is done */
	op = (struct rfs_op){ .type = OP_WRITE, .node = 103, .data = "x", .data_len = 1 };
	done(&op);
	assert_int_equal(w.se.out + w.se.failed, 0);
	end(&w);
}

static void
test_twice_and_missing(void **state)
{
	struct rfs_op op = named(OP_CREATE, RFS_ROOT, "a", 100);
	struct world w;
	char name[16];
	uint64_t i;

	(void)state;
	begin(&w);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d", (int)i);
		op = named(OP_CREATE, RFS_ROOT, name, 100 + i);
		done(&op);
	}
	hand.acked = 0;
	for (i = 1; i <= 20; i++)	/* all of them again: acknowledged, not done */
		assert_true(send_seq(i, &op));
	wait_until(hand.acked == 20);
	world_shell(&w, "test $(ls s | wc -l) = 20");
	assert_true(send_seq(22, &op));		/* 21 is missing */
	wait_until(hand.downs == 1);
	wait_until(hand.ups == 2);
	op = named(OP_CREATE, RFS_ROOT, "more", 300);
	done(&op);
	end(&w);
}

/* A primary with the key and bad intent: dropped or left, nothing outside, nobody dies */
static void
test_malice(void **state)
{
	static const struct { const char *name; int type; } OPS[] = { { "..", OP_UNLINK }, { "a/b", OP_CREATE }, { RFS_HIDDEN, OP_RMDIR },
		{ "../../etc", OP_MKDIR }, { ".", OP_SYMLINK } };
	struct frame f = { .type = FR_OP };
	struct rfs_op op;
	struct world w;
	uint8_t junk[300];
	size_t i, j;
	int types[] = { FR_ACK, FR_CUT_DONE, FR_GIVEN };

	(void)state;
	begin(&w);
	op = named(OP_SYMLINK, RFS_ROOT, "out", 200);
	op.data = "/tmp";
	op.data_len = 4;
	done(&op);
	for (i = 0; i < ARRAY_LEN(OPS); i++) {
		int downs = hand.downs, ups = hand.ups;

		op = named(OPS[i].type, RFS_ROOT, OPS[i].name, 500);
		op.data = OPS[i].type == OP_SYMLINK ? "x" : NULL;
		op.data_len = OPS[i].type == OP_SYMLINK ? 1 : 0;
		assert_true(send_seq(hand.seq + 1, &op));
		wait_until(hand.downs > downs && hand.ups > ups);
	}
	srand(7);
	for (i = 0; i < 40; i++) {	/* noise in the place of an operation */
		int downs = hand.downs, ups = hand.ups;

		for (j = 0; j < sizeof(junk); j++)
			junk[j] = (uint8_t)rand();
		f.seq = hand.seq + 1;
		f.dir = i % 2 == 0 ? 0 : 7;
		f.body = junk;
		f.body_len = 1 + (uint32_t)rand() % (sizeof(junk) - 1);
		junk[0] = (uint8_t)(1 + rand() % (OP_TYPES - 1));
		junk[1] = 0;
		assert_true(stream_send(hand.stream, 0, &f));
		if (i % 2 != 0 || hand.acked == f.seq)
			wait_until(hand.downs > downs && hand.ups > ups);
		else
			wait_until((hand.downs > downs && hand.ups > ups) || hand.acked == f.seq || w.se.out > 0);
		if (hand.acked == f.seq)
			hand.seq = f.seq;
		if (w.se.out > 0)
			break;
	}
	end(&w);
	for (i = 0; i < ARRAY_LEN(types); i++) {
		struct frame g = { .type = (uint8_t)types[i], .seq = 1 };

		begin(&w);
		assert_true(stream_send(hand.stream, 0, &g));
		wait_until(hand.downs == 1);
		end(&w);
	}
	/* through a symbolic link as a folder: there is no such folder, so it leaves, and nothing is made in /tmp */
	begin(&w);
	op = named(OP_SYMLINK, RFS_ROOT, "out", 200);
	op.data = "/tmp";
	op.data_len = 4;
	done(&op);
	op = named(OP_CREATE, 200, "t_rfs_second_was_here", 201);
	assert_true(send_seq(hand.seq + 1, &op));
	wait_until(w.se.out == 1 && hand.outs == 1);
	assert_int_equal(access("/tmp/t_rfs_second_was_here", F_OK), -1);
	end(&w);
}

/* A node that nobody has told of */
static void
test_unknown_folder(void **state)
{
	struct rfs_op op = named(OP_CREATE, 999, "a", 100);
	struct world w;

	(void)state;
	begin(&w);
	assert_true(send_seq(1, &op));
	wait_until(w.se.out == 1 && hand.outs == 1);
	assert_int_equal(hand.acked, 0);
	op = named(OP_CREATE, RFS_ROOT, "b", 101);	/* nothing more is applied, nor acknowledged */
	assert_true(send_seq(2, &op));
	second_free(w.s);
	w.s = NULL;
	world_shell(&w, "test ! -e s/b");
	assert_int_equal(hand.acked, 0);
	stream_free(hand.stream);
	world_free(&w);
}

static void
test_cut(void **state)
{
	struct frame cut = { .type = FR_CUT, .aux = 1 }, commit = { .type = FR_CUT_COMMIT, .aux = 1 };
	struct rfs_op op = named(OP_CREATE, RFS_ROOT, "a", 100);
	struct world w;
	int i;

	(void)state;
	begin(&w);
	done(&op);
	for (i = 1; i <= 3; i++) {
		cut.aux = commit.aux = (uint64_t)i;
		assert_true(stream_send(hand.stream, 0, &cut));
		wait_until(hand.cut_dones == i);
		assert_true(stream_send(hand.stream, 0, &commit));
	}
	commit.aux = 77;	/* nobody began it */
	assert_true(stream_send(hand.stream, 0, &commit));
	op = named(OP_CREATE, RFS_ROOT, "b", 101);
	done(&op);
	end(&w);
}

/* ---- the table ---- */
static void
test_table(void **state)
{
	int fd = memfd_create("t", MFD_CLOEXEC), round;
	struct tables t;
	char err[SK_TEXT_MAX];
	struct stat st;
	uint64_t i, n = 200000;

	(void)state;
	assert_true(tables_open(&t, fd, 1, err, sizeof(err)));
	assert_int_equal(tables_get(&t, 0, 5), 0);
	assert_int_equal(tables_get(&t, 0, RFS_ROOT), RFS_ROOT);
	for (i = 2; i < n; i++)
		assert_true(tables_set(&t, (int)(i % 2), i << 32 | i, i + 7));
	for (round = 0; round < 2; round++) {
		for (i = 2; i < n; i++) {
			assert_int_equal(tables_get(&t, (int)(i % 2), i << 32 | i), i + 7);
			assert_int_equal(tables_get(&t, (int)((i + 1) % 2), i << 32 | i), 0);
		}
		tables_close(&t);
		assert_true(tables_open(&t, fd, 1, err, sizeof(err)));
	}
	/* 16 bytes an entry, at most three eighths of it empty besides; what was replaced is given back */
	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 < n * 48);
	/* coming and going does not grow it */
	for (i = n; i < 3 * n; i++) {
		assert_true(tables_set(&t, 0, i << 32 | i, i));
		assert_true(tables_set(&t, 0, i << 32 | i, 0));
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 < n * 96);
	assert_int_equal(tables_get(&t, 0, UINT64_C(4) << 32 | 4), 11);
	tables_clear(&t);
	assert_int_equal(tables_get(&t, 0, UINT64_C(4) << 32 | 4), 0);
	assert_true(tables_set(&t, 0, 9, 10));
	tables_close(&t);
	/* another session begins anew; what is damaged is refused */
	assert_true(tables_open(&t, fd, 2, err, sizeof(err)));
	assert_int_equal(tables_get(&t, 0, 9), 0);
	assert_true(tables_set(&t, 0, 9, 10));
	t.shm->heads[0].regions[t.shm->heads[0].cur & 1].cap = UINT64_C(1) << 40;
	tables_close(&t);
	assert_false(tables_open(&t, fd, 2, err, sizeof(err)));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_killed_in_each), cmocka_unit_test(test_twice_and_missing),
		cmocka_unit_test(test_malice), cmocka_unit_test(test_unknown_folder), cmocka_unit_test(test_cut),
	};

	PLACE_OR_SKIP();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
