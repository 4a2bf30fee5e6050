/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rfs/frame.c: what is written is read back, and nothing else is read. */
#include "config.h"
#include "rfs/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t buf[FRAME_BODY_MAX];
static char err[SK_TEXT_MAX];

/* As on the wire: head, body, data in one piece */
static struct frame
through(const struct frame *f, uint8_t *whole)
{
	struct frame g;
	size_t need;

	frame_head(f, whole);
	memcpy(whole + FRAME_HEAD, f->body, f->body_len);
	if (f->body2_len > 0)
		memcpy(whole + FRAME_HEAD + f->body_len, f->body2, f->body2_len);
	assert_true(frame_parse_head(whole, &g, &need, err, sizeof(err)));
	assert_int_equal(need, FRAME_HEAD + f->body_len + f->body2_len);
	g.body = whole + FRAME_HEAD;
	return g;
}

static struct rfs_op
sample(int type)
{
	struct rfs_op op = { .type = (uint8_t)type, .dir = 3, .node = UINT64_C(0x0102030405060708), .parent = 77, .newparent = 78, .other = 79, .child = 80,
		.name = "a name", .name_len = 6, .newname = "b", .newname_len = 1, .mode = S_IFREG | 0640, .rdev = 5, .umask = 022, .uid = 1000,
		.gid = 1001, .flags = 1, .valid = 63, .off = 4096, .off2 = 8192, .len = 12, .size = UINT64_C(1) << 40, .atime_ns = 11, .mtime_ns = -12,
		.parent_mtime_ns = 13, .newparent_mtime_ns = 14 };

	if (type == OP_MKDIR)
		op.mode = 0750;
	if (type == OP_WRITE || type == OP_SYMLINK || type == OP_SETXATTR) {
		op.data = "some data";
		op.data_len = 9;
	}
	return op;
}

static struct frame
framed(const struct rfs_op *op)
{
	struct frame f = { .type = FR_OP, .dir = op->dir, .seq = 9, .node = op->node, .body = buf, .body2 = op->data, .body2_len = op->data_len };

	f.body_len = (uint32_t)frame_op_encode(op, buf, sizeof(buf));
	assert_int_not_equal(f.body_len, 0);
	return f;
}

static bool
reads(const struct rfs_op *op, struct rfs_op *got, uint8_t *whole)
{
	struct frame f = framed(op), g = through(&f, whole);

	return frame_op_decode(&g, got, err, sizeof(err));
}

static void
test_every_operation(void **state)
{
	uint8_t *whole = malloc(FRAME_HEAD + FRAME_BODY_MAX);
	struct rfs_op got;
	int type;

	(void)state;
	for (type = OP_CREATE; type < OP_TYPES; type++) {
		struct rfs_op op = sample(type);
		bool file = type >= OP_WRITE;

		if (!reads(&op, &got, whole))
			fail_msg("type %d: %s", type, err);
		assert_int_equal(got.type, type);
		assert_int_equal(got.dir, 3);
		if (file || type == OP_LINK || type == OP_RENAME)
			assert_int_equal(got.node, op.node);
		if (type <= OP_RENAME) {
			assert_int_equal(got.parent, 77);
			assert_string_equal(got.name, "a name");
			assert_int_equal(got.name_len, 6);
			assert_int_equal(got.parent_mtime_ns, 13);
		}
		if (type != OP_FSYNC)
			assert_int_equal(got.mtime_ns, -12);
		assert_int_equal(got.data_len, op.data_len);
		if (op.data_len > 0)
			assert_memory_equal(got.data, "some data", 9);
		if (type == OP_RENAME) {
			assert_string_equal(got.newname, "b");
			assert_int_equal(got.newparent, 78);
			assert_int_equal(got.other, 79);
			assert_int_equal(got.newparent_mtime_ns, 14);
		}
		if (type == OP_SETATTR)
			assert_int_equal(got.size, UINT64_C(1) << 40);
	}
	free(whole);
}

/* Cut anywhere, or with a byte more: refused (data at the end is what may be of any length) */
static void
test_every_length(void **state)
{
	uint8_t *whole = malloc(FRAME_HEAD + FRAME_BODY_MAX);
	struct rfs_op got;
	int type;

	(void)state;
	for (type = OP_CREATE; type < OP_TYPES; type++) {
		struct rfs_op op = sample(type);
		struct frame f = framed(&op), g = through(&f, whole);
		uint32_t full = g.body_len, fixed = f.body_len;

		for (g.body_len = 0; g.body_len < fixed; g.body_len++)
			assert_false(frame_op_decode(&g, &got, err, sizeof(err)));
		if (op.data == NULL) {
			g.body_len = full + 1;
			assert_false(frame_op_decode(&g, &got, err, sizeof(err)));
		}
	}
	free(whole);
}

static void
refused(struct rfs_op op)
{
	uint8_t *whole = malloc(FRAME_HEAD + FRAME_BODY_MAX);
	struct rfs_op got;

	assert_false(reads(&op, &got, whole));
	assert_string_not_equal(err, "");
	free(whole);
}

static void
test_names(void **state)
{
	static const char *const BAD[] = { ".", "..", "a/b", "/", "../x" };
	struct rfs_op op = sample(OP_UNLINK);
	char longest[300];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(BAD); i++) {
		op.name = BAD[i];
		op.name_len = (uint16_t)strlen(BAD[i]);
		refused(op);
	}
	op.name = "a\0b";
	op.name_len = 3;
	refused(op);
	op.name_len = 0;
	refused(op);
	memset(longest, 'x', sizeof(longest));
	op.name = longest;
	op.name_len = 256;
	refused(op);
	op = sample(OP_UNLINK);
	op.name = RFS_HIDDEN;
	op.name_len = (uint16_t)strlen(RFS_HIDDEN);
	op.parent = RFS_ROOT;
	refused(op);
	op = sample(OP_RENAME);
	op.newname = RFS_HIDDEN;
	op.newname_len = (uint16_t)strlen(RFS_HIDDEN);
	op.newparent = RFS_ROOT;
	refused(op);
}

static void
test_values(void **state)
{
	struct rfs_op op = sample(OP_WRITE);

	(void)state;
	op.off = (uint64_t)INT64_MAX - 3;
	refused(op);
	op = sample(OP_FALLOCATE);
	op.off = UINT64_MAX;
	refused(op);
	op = sample(OP_FALLOCATE);
	op.len = UINT64_MAX;
	refused(op);
	op = sample(OP_SETATTR);
	op.size = UINT64_MAX;
	refused(op);
	op = sample(OP_SETATTR);
	op.valid = 1u << 20;
	refused(op);
	op = sample(OP_CREATE);
	op.mode = S_IFDIR | 0755;
	refused(op);
	op = sample(OP_CREATE);
	op.parent = 0;
	refused(op);
	op = sample(OP_RENAME);
	op.flags = 4;
	refused(op);
	op = sample(OP_SYMLINK);
	op.data_len = 0;
	refused(op);
	op = sample(OP_SYMLINK);
	op.data = "a\0b";
	op.data_len = 3;
	refused(op);
}

static void
test_heads(void **state)
{
	struct frame f = { .type = FR_OP, .dir = 1, .flags = 1, .seq = 2, .node = 3, .aux = 4, .body_len = 5 }, g;
	uint8_t head[FRAME_HEAD];
	size_t need;

	(void)state;
	frame_head(&f, head);
	assert_true(frame_parse_head(head, &g, &need, err, sizeof(err)));
	assert_int_equal(need, FRAME_HEAD + 5);
	assert_int_equal(g.type, FR_OP);
	assert_int_equal(g.dir, 1);
	assert_int_equal(g.flags, 1);
	assert_int_equal(g.seq, 2);
	assert_int_equal(g.node, 3);
	assert_int_equal(g.aux, 4);
	head[5] = 2;	/* version */
	assert_false(frame_parse_head(head, &g, &need, err, sizeof(err)));
	f.type = 0;
	frame_head(&f, head);
	assert_false(frame_parse_head(head, &g, &need, err, sizeof(err)));
	f.type = FR_TYPES;
	frame_head(&f, head);
	assert_false(frame_parse_head(head, &g, &need, err, sizeof(err)));
	f.type = FR_OP;
	f.body_len = FRAME_BODY_MAX + 1;
	frame_head(&f, head);
	assert_false(frame_parse_head(head, &g, &need, err, sizeof(err)));
	f.type = FR_ACK;	/* has no body */
	f.body_len = 1;
	frame_head(&f, head);
	assert_false(frame_parse_head(head, &g, &need, err, sizeof(err)));
	f.body_len = 0;
	f.dir = RFS_DIRS_MAX;
	frame_head(&f, head);
	assert_false(frame_parse_head(head, &g, &need, err, sizeof(err)));
}

static void
test_greeting(void **state)
{
	char json[] = "{\"a\":1}";
	struct frame_hello h = { .version = FRAME_VERSION, .module_id = 7, .node = "node1", .primary = true, .session = 1, .peer_session = 2, .conn = 1,
		.conns = 4, .applied = 99, .json = json }, g;
	struct frame f = { .type = FR_HELLO, .body = buf };
	uint32_t full;

	(void)state;
	f.body_len = full = (uint32_t)frame_hello_encode(&h, buf, sizeof(buf));
	assert_true(frame_hello_decode(&f, &g, err, sizeof(err)));
	assert_int_equal(g.module_id, 7);
	assert_true(g.primary);
	assert_string_equal(g.node, "node1");
	assert_int_equal(g.session, 1);
	assert_int_equal(g.peer_session, 2);
	assert_int_equal(g.conn, 1);
	assert_int_equal(g.conns, 4);
	assert_int_equal(g.applied, 99);
	assert_string_equal(g.json, json);
	free(g.json);
	for (f.body_len = 0; f.body_len < full; f.body_len++)
		assert_false(frame_hello_decode(&f, &g, err, sizeof(err)));
	f.body_len = full + 1;
	assert_false(frame_hello_decode(&f, &g, err, sizeof(err)));
	h.conn = 4;
	f.body_len = (uint32_t)frame_hello_encode(&h, buf, sizeof(buf));
	assert_false(frame_hello_decode(&f, &g, err, sizeof(err)));
	assert_int_equal(frame_hello_encode(&h, buf, 20), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_operation), cmocka_unit_test(test_every_length), cmocka_unit_test(test_names), cmocka_unit_test(test_values),
		cmocka_unit_test(test_heads), cmocka_unit_test(test_greeting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
