/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_rfs_op.c: changes of a tree: each once on one tree and twice on another (as after a kill), which have to be equal; what the primary fills in
 * makes the same on a secondary; names and nodes that must not be believed; the cache of descriptors.
 */
#include "config.h"
#include "rfs/op.h"
#include "rfs/exercise.h"
#include "rfs/place.h"

#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct world { char base[64], path[2][80]; struct tree *t[2]; };

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char err[512];
	int i;

	umask(022);
	snprintf(w->base, sizeof(w->base), "%s/t_rfs_op-XXXXXX", place());
	assert_non_null(mkdtemp(w->base));
	for (i = 0; i < 2; i++) {
		snprintf(w->path[i], sizeof(w->path[i]), "%s/%d", w->base, i);
		assert_int_equal(mkdir(w->path[i], 0755), 0);
		w->t[i] = tree_open(w->path[i], err, sizeof(err));
		if (w->t[i] == NULL)
			print_message("%s\n", err);
		assert_non_null(w->t[i]);
	}
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	char command[100];

	tree_close(w->t[0]);
	tree_close(w->t[1]);
	snprintf(command, sizeof(command), "rm -rf %s", w->base);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* Node of a path like "d/f", "" the root; 0: not there */
static uint64_t
node(struct tree *t, const char *path)
{
	uint64_t n = RFS_ROOT;
	char part[256];
	size_t len;

	while (path != NULL && *path != '\0') {
		struct tree_fd *dir = tree_get(t, n, TREE_DIR);

		len = strcspn(path, "/");
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		if (dir == NULL || tree_lookup(t, dir->fd, part, &n, NULL) != 0)
			n = 0;
		tree_put(t, dir);
		if (n == 0)
			return 0;
		path += len + (path[len] == '/');
	}
	return path == NULL ? 0 : n;
}

/* A change by paths */
struct step {
	const char *what;
	uint8_t	 type;
	const char *file, *parent, *name, *newparent, *newname, *other;
	struct rfs_op op;		/* the rest */
	int	 second;		/* errno when it is done twice without a word about it */
};

static struct rfs_op
to_op(struct tree *t, const struct step *s, struct rfs_again *again)
{
	struct rfs_op op = s->op;
	char path[256];

	op.type = s->type;
	op.node = node(t, s->file);
	op.parent = node(t, s->parent);
	op.newparent = node(t, s->newparent);
	op.other = node(t, s->other);
	op.name = s->name;
	op.newname = s->newname;
	op.name_len = (uint16_t)(s->name != NULL ? strlen(s->name) : 0);
	op.newname_len = (uint16_t)(s->newname != NULL ? strlen(s->newname) : 0);
	op.mtime_ns = op.mtime_ns != 0 ? op.mtime_ns : 1000000000123456789;
	op.parent_mtime_ns = op.newparent_mtime_ns = 1100000000987654321;
	memset(again, 0, sizeof(*again));
	if (s->parent != NULL) {
		snprintf(path, sizeof(path), "%s/%s", s->parent, s->name);
		again->pre = node(t, *s->parent != '\0' ? path : s->name);
	}
	if (s->newparent != NULL) {
		snprintf(path, sizeof(path), "%s/%s", s->newparent, s->newname);
		again->pre2 = node(t, *s->newparent != '\0' ? path : s->newname);
	}
	if (s->type == OP_REMOVEXATTR)
		again->pre = 1;
	if (s->type == OP_FALLOCATE) {
		struct stat st;

		assert_int_equal(tree_stat(t, op.node, &st), 0);
		again->pre = (uint64_t)st.st_size;
	}
	return op;
}

/* What there is before: d, e folders; d/x, f, g files with data; l a link of f; s a symbolic link */
static void
furnish(struct tree *t)
{
	static const char text[] = "text of a file";
	static const struct step steps[] = {
		{ .type = OP_MKDIR, .parent = "", .name = "d", .op = { .mode = S_IFDIR | 0755 } },
		{ .type = OP_MKDIR, .parent = "", .name = "e", .op = { .mode = S_IFDIR | 0700, .uid = 5, .gid = 6 } },
		{ .type = OP_MKDIR, .parent = "", .name = "empty", .op = { .mode = S_IFDIR | 0755 } },
		{ .type = OP_CREATE, .parent = "d", .name = "x", .op = { .mode = S_IFREG | 0644 } },
		{ .type = OP_CREATE, .parent = "", .name = "f", .op = { .mode = S_IFREG | 0600, .uid = 7, .gid = 8 } },
		{ .type = OP_CREATE, .parent = "", .name = "g", .op = { .mode = S_IFREG | 06755 } },
		{ .type = OP_LINK, .file = "f", .parent = "", .name = "l" },
		{ .type = OP_SYMLINK, .parent = "", .name = "s", .op = { .data = "../target", .data_len = 9 } },
		{ .type = OP_WRITE, .file = "f", .op = { .data = text, .data_len = sizeof(text), .off = 100000 } },
		{ .type = OP_WRITE, .file = "g", .op = { .data = text, .data_len = sizeof(text) } },
		{ .type = OP_SETXATTR, .file = "g", .name = "user.there", .op = { .data = "1", .data_len = 1 } },
	};
	struct rfs_again again;
	struct rfs_result res;
	size_t i;

	for (i = 0; i < ARRAY_LEN(steps); i++) {
		struct rfs_op op = to_op(t, &steps[i], &again);

		op_apply(t, &op, false, NULL, &res);
		if (res.err != 0)
			print_message("furnish %zu: %s\n", i, strerror(res.err));
		assert_int_equal(res.err, 0);
	}
}

static char zeros[8192];
static const struct step table[] = {
	{ "create", OP_CREATE, .parent = "d", .name = "new", .op = { .mode = S_IFREG | 0640, .uid = 3, .gid = 4 }, .second = EEXIST },
	{ "create fifo", OP_CREATE, .parent = "", .name = "new", .op = { .mode = S_IFIFO | 0640, .umask = 077 }, .second = EEXIST },
	{ "create device", OP_CREATE, .parent = "", .name = "new", .op = { .mode = S_IFBLK | 0640, .rdev = 0x12345678 }, .second = EEXIST },
	{ "mkdir", OP_MKDIR, .parent = "d", .name = "new", .op = { .mode = S_IFDIR | 01777, .umask = 022 }, .second = EEXIST },
	{ "symlink", OP_SYMLINK, .parent = "e", .name = "new", .op = { .data = "a\nb", .data_len = 3, .uid = 9 }, .second = EEXIST },
	{ "link", OP_LINK, .file = "f", .parent = "d", .name = "new", .second = EEXIST },
	{ "link of a link", OP_LINK, .file = "s", .parent = "d", .name = "new", .second = EEXIST },
	{ "unlink", OP_UNLINK, .parent = "d", .name = "x", .file = "d/x", .second = ENOENT },
	{ "unlink one of two", OP_UNLINK, .parent = "", .name = "l", .second = ENOENT },
	{ "unlink, orphan", OP_UNLINK, .parent = "", .name = "g", .file = "g", .op = { .orphan = true }, .second = ENOENT },
	{ "rmdir", OP_RMDIR, .parent = "", .name = "empty", .file = "empty", .second = ENOENT },
	{ "rename", OP_RENAME, .parent = "", .name = "g", .newparent = "d", .newname = "g2", .file = "g", .second = ENOENT },
	{ "rename over", OP_RENAME, .parent = "", .name = "g", .newparent = "d", .newname = "x", .file = "g", .other = "d/x", .second = ENOENT },
	{ "rename over, orphan", OP_RENAME, .parent = "", .name = "g", .newparent = "d", .newname = "x", .file = "g", .other = "d/x", .op = { .orphan = true },
		.second = ENOENT },
	{ "rename to itself", OP_RENAME, .parent = "", .name = "f", .newparent = "", .newname = "l", .file = "f", .other = "l" },
	{ "rename a folder", OP_RENAME, .parent = "", .name = "d", .newparent = "empty", .newname = "in", .file = "d", .second = ENOENT },
	{ "rename over a folder", OP_RENAME, .parent = "", .name = "d", .newparent = "", .newname = "empty", .file = "d", .other = "empty", .second = ENOENT },
	{ "rename, noreplace", OP_RENAME, .parent = "", .name = "g", .newparent = "d", .newname = "n", .file = "g", .op = { .flags = RENAME_NOREPLACE },
		.second = ENOENT },
	{ "exchange", OP_RENAME, .parent = "", .name = "g", .newparent = "", .newname = "d", .file = "g", .other = "d", .op = { .flags = RENAME_EXCHANGE } },
	{ "write", OP_WRITE, .file = "f", .op = { .data = zeros, .data_len = sizeof(zeros), .off = 99000 } },
	{ "write, kill", OP_WRITE, .file = "g", .op = { .data = zeros, .data_len = 1, .off = 3, .flags = OP_WRITE_KILL } },
	{ "size", OP_SETATTR, .file = "f", .op = { .valid = OP_SET_SIZE | OP_SET_MTIME, .size = 50000 } },
	{ "size, kill", OP_SETATTR, .file = "g", .op = { .valid = OP_SET_SIZE | OP_SET_KILL | OP_SET_MTIME, .size = 3 } },
	{ "mode", OP_SETATTR, .file = "d", .op = { .valid = OP_SET_MODE, .mode = 02770 } },
	{ "owner", OP_SETATTR, .file = "s", .op = { .valid = OP_SET_UID | OP_SET_GID, .uid = 70000, .gid = 70001 } },
	{ "group", OP_SETATTR, .file = "g", .op = { .valid = OP_SET_GID, .gid = 70001 } },
	{ "times", OP_SETATTR, .file = "s", .op = { .valid = OP_SET_ATIME | OP_SET_MTIME, .atime_ns = -1000000001, .mtime_ns = -5 } },
	{ "fallocate", OP_FALLOCATE, .file = "g", .op = { .off = 10, .len = 100000 } },
	{ "punch", OP_FALLOCATE, .file = "f", .op = { .off = 100001, .len = 5, .flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE } },
	{ "insert", OP_FALLOCATE, .file = "f", .op = { .off = 4096, .len = 8192, .flags = FALLOC_FL_INSERT_RANGE } },
	{ "collapse", OP_FALLOCATE, .file = "f", .op = { .off = 4096, .len = 8192, .flags = FALLOC_FL_COLLAPSE_RANGE } },
	{ "copy", OP_COPY, .file = "g", .other = "f", .op = { .off = 2, .off2 = 100000, .len = 10 } },
	{ "fsync", OP_FSYNC, .file = "f" },
	{ "fdatasync", OP_FSYNC, .file = "g", .op = { .flags = OP_FSYNC_DATA } },
	{ "fsync of a folder", OP_FSYNC, .file = "d" },
	{ "xattr, create", OP_SETXATTR, .file = "f", .name = "user.new", .op = { .data = "abc", .data_len = 3, .flags = XATTR_CREATE }, .second = EEXIST },
	{ "xattr, replace", OP_SETXATTR, .file = "g", .name = "user.there", .op = { .data = "abc", .data_len = 3, .flags = XATTR_REPLACE } },
	{ "xattr of a link", OP_SETXATTR, .file = "s", .name = "trusted.t", .op = { .data = "abc", .data_len = 3 } },
	{ "xattr, kill", OP_SETXATTR, .file = "g", .name = "user.there", .op = { .flags = OP_XATTR_KILL } },
	{ "xattr away", OP_REMOVEXATTR, .file = "g", .name = "user.there", .second = ENODATA },
};

/* "again" says that it may have been done: success, and the same as once */
static void
t_again(void **state)
{
	struct world *w;
	struct rfs_again a[2];
	struct rfs_result res;
	struct rfs_op op[2];
	void *own;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		set_up(&own);
		w = own;
		furnish(w->t[0]);
		furnish(w->t[1]);
		op[0] = to_op(w->t[0], &table[i], &a[0]);
		op[1] = to_op(w->t[1], &table[i], &a[1]);
		op_apply(w->t[0], &op[0], false, NULL, &res);
		if (res.err != 0)
			print_message("%s: %s\n", table[i].what, strerror(res.err));
		assert_int_equal(res.err, 0);
		op_apply(w->t[1], &op[1], false, NULL, &res);
		assert_int_equal(res.err, 0);
		a[1].maybe = true;
		op[1].orphan = table[i].op.orphan;
		op_apply(w->t[1], &op[1], false, &a[1], &res);
		if (res.err != 0 || tree_compare(w->path[0], w->path[1], true) != 0)
			print_message("%s again: %s\n", table[i].what, strerror(res.err));
		assert_int_equal(res.err, 0);
		assert_int_equal(tree_compare(w->path[0], w->path[1], true), 0);
		/* the same, but nobody says that it was done: as anybody's second try */
		op[0].orphan = table[i].op.orphan;
		op_apply(w->t[0], &op[0], false, NULL, &res);
		if (res.err != table[i].second)
			print_message("%s twice: %s\n", table[i].what, strerror(res.err));
		assert_int_equal(res.err, table[i].second);
		tear_down(&own);
	}
}

/* "again", but it was not done: it is done now */
static void
t_again_first(void **state)
{
	struct world *w;
	struct rfs_again a;
	struct rfs_result res;
	struct rfs_op op[2];
	void *own;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		set_up(&own);
		w = own;
		furnish(w->t[0]);
		furnish(w->t[1]);
		op[0] = to_op(w->t[0], &table[i], &a);
		op_apply(w->t[0], &op[0], false, NULL, &res);
		op[1] = to_op(w->t[1], &table[i], &a);
		a.maybe = true;
		op_apply(w->t[1], &op[1], false, &a, &res);
		assert_int_equal(res.err, 0);
		if (tree_compare(w->path[0], w->path[1], true) != 0)
			print_message("%s\n", table[i].what);
		assert_int_equal(tree_compare(w->path[0], w->path[1], true), 0);
		tear_down(&own);
	}
}

/* "again" is no licence: what somebody else made is not ours */
static void
t_again_not_ours(void **state)
{
	struct world *w = *state;
	struct rfs_again a = { .maybe = true };
	struct rfs_result res;
	struct rfs_op op;
	static const struct step make = { .type = OP_MKDIR, .parent = "", .name = "d", .op = { .mode = S_IFDIR | 0755 } };
	static const struct step link = { .type = OP_LINK, .file = "g", .parent = "", .name = "l" };
	static const struct step gone = { .type = OP_UNLINK, .parent = "", .name = "none" };

	furnish(w->t[0]);
	op = to_op(w->t[0], &make, &a);
	a.maybe = true;
	op_apply(w->t[0], &op, false, &a, &res);
	assert_int_equal(res.err, EEXIST);
	op = to_op(w->t[0], &link, &a);
	a = (struct rfs_again){ .maybe = true };	/* the name belongs to another file */
	op_apply(w->t[0], &op, false, &a, &res);
	assert_int_equal(res.err, EEXIST);
	op = to_op(w->t[0], &gone, &a);
	a.maybe = true;
	op_apply(w->t[0], &op, false, &a, &res);
	assert_int_equal(res.err, ENOENT);
}

/* The primary's change, with what it has filled in, makes the same on the secondary: owners, setgid folders, umask, times */
static void
t_primary(void **state)
{
	struct world *w = *state;
	static const struct step steps[] = {
		{ "setgid folder", OP_SETATTR, .file = "e", .op = { .valid = OP_SET_MODE | OP_SET_GID, .mode = 02777, .gid = 77 } },
		{ "mkdir", OP_MKDIR, .parent = "e", .name = "sub", .op = { .mode = S_IFDIR | 0777, .umask = 027, .uid = 1000, .gid = 1000 } },
		{ "create", OP_CREATE, .parent = "e/sub", .name = "file", .op = { .mode = S_IFREG | 02777, .umask = 02, .uid = 1000, .gid = 1000 } },
		{ "socket", OP_CREATE, .parent = "e/sub", .name = "sock", .op = { .mode = S_IFSOCK | 0777, .umask = 077, .uid = 1001, .gid = 1000 } },
		{ "symlink", OP_SYMLINK, .parent = "e/sub", .name = "link", .op = { .data = "x", .data_len = 1, .uid = 1001 } },
		{ "rename", OP_RENAME, .parent = "e/sub", .name = "file", .newparent = "d", .newname = "x", .file = "e/sub/file", .other = "d/x" },
		{ "size", OP_SETATTR, .file = "f", .op = { .valid = OP_SET_SIZE, .size = 7 } },
		{ "fallocate", OP_FALLOCATE, .file = "g", .op = { .off = 10, .len = 100000 } },
		{ "unlink", OP_UNLINK, .parent = "", .name = "l" },
	};
	struct rfs_again a;
	struct rfs_result res;
	struct rfs_op op, to;
	size_t i;

	furnish(w->t[0]);
	furnish(w->t[1]);
	for (i = 0; i < ARRAY_LEN(steps); i++) {
		op = to_op(w->t[0], &steps[i], &a);
		to = to_op(w->t[1], &steps[i], &a);
		op.mtime_ns = op.parent_mtime_ns = op.newparent_mtime_ns = 0;
		op_apply(w->t[0], &op, true, NULL, &res);
		if (res.err != 0)
			print_message("%s: %s\n", steps[i].what, strerror(res.err));
		assert_int_equal(res.err, 0);
		op.node = to.node;
		op.parent = to.parent;
		op.newparent = to.newparent;
		op.other = to.other;
		op_apply(w->t[1], &op, false, NULL, &res);
		assert_int_equal(res.err, 0);
	}
	assert_int_equal(tree_compare(w->path[0], w->path[1], true), 0);
}

/* ---- the tree ---- */

static void
t_names(void **state)
{
	char longest[257];

	memset(longest, 'x', 256);
	assert_true(tree_name_ok(longest, 255));
	assert_false(tree_name_ok(longest, 256));
	assert_false(tree_name_ok("", 0));
	assert_false(tree_name_ok(".", 1));
	assert_false(tree_name_ok("..", 2));
	assert_true(tree_name_ok("...", 3));
	assert_false(tree_name_ok("a/b", 3));
	assert_false(tree_name_ok("a\0b", 3));
	assert_true(tree_name_ok("\xff\n", 2));
	assert_true(tree_is_hidden(RFS_ROOT, RFS_HIDDEN, strlen(RFS_HIDDEN)));
	assert_false(tree_is_hidden(2, RFS_HIDDEN, strlen(RFS_HIDDEN)));
	assert_false(tree_is_hidden(RFS_ROOT, RFS_HIDDEN "x", strlen(RFS_HIDDEN) + 1));
}

static void
t_nodes(void **state)
{
	struct world *w = *state;
	struct tree_fd *f, *g;
	uint64_t n;
	struct stat st;
	char rel[4096];

	furnish(w->t[0]);
	n = node(w->t[0], "f");
	assert_true(n > RFS_ROOT);
	assert_int_equal(n, node(w->t[0], "l"));
	f = tree_get(w->t[0], n, TREE_WRITE);
	g = tree_get(w->t[0], n, TREE_READ);
	assert_ptr_equal(f, g);		/* one that writes reads as well */
	tree_forget(w->t[0], n);
	assert_int_equal(fstat(f->fd, &st), 0);	/* held: closed with the last one */
	tree_put(w->t[0], g);
	tree_put(w->t[0], f);
	/* another generation of that inode, another inode, nothing at all */
	errno = 0;
	assert_null(tree_get(w->t[0], n ^ UINT64_C(1) << 40, TREE_READ));
	assert_int_equal(errno, ESTALE);
	assert_null(tree_get(w->t[0], n + 1000000, TREE_READ));
	assert_null(tree_get(w->t[0], 0, TREE_PATH));
	assert_int_equal(tree_stat(w->t[0], ~UINT64_C(0), &st), -ESTALE);
	/* a folder is no file, a file no folder */
	assert_null(tree_get(w->t[0], node(w->t[0], "d"), TREE_WRITE));
	assert_int_equal(errno, EISDIR);
	assert_null(tree_get(w->t[0], n, TREE_DIR));
	assert_int_equal(errno, ENOTDIR);
	assert_null(tree_get(w->t[0], node(w->t[0], "s"), TREE_WRITE));
	/* gone */
	assert_int_equal(system("true"), 0);
	f = tree_get(w->t[0], node(w->t[0], "d"), TREE_DIR);
	assert_int_equal(tree_rel(w->t[0], f->fd, rel, sizeof(rel)), 0);
	assert_string_equal(rel, "d");
	assert_int_equal(tree_rel(w->t[0], f->fd, rel, 1), -ENAMETOOLONG);
	n = node(w->t[0], "d/x");
	assert_int_equal(unlinkat(f->fd, "x", 0), 0);
	tree_forget(w->t[0], n);
	assert_null(tree_get(w->t[0], n, TREE_READ));
	assert_int_equal(errno, ESTALE);
	tree_put(w->t[0], f);
	f = tree_get(w->t[0], RFS_ROOT, TREE_DIR);
	assert_int_equal(tree_rel(w->t[0], f->fd, rel, sizeof(rel)), 0);
	assert_string_equal(rel, "");
	tree_put(w->t[0], f);
}

/* More files than the cache keeps */
static void
t_cache(void **state)
{
	struct world *w = *state;
	static uint64_t nodes[5000];
	struct tree_fd *dir = tree_get(w->t[0], RFS_ROOT, TREE_DIR), *f;
	char name[32], c;
	int i, round;

	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		int fd = openat(dir->fd, name, O_RDWR | O_CREAT, 0600);

		assert_int_equal(write(fd, name, 2 + (size_t)(i % 7 == 0)), 2 + (i % 7 == 0));
		assert_int_equal(tree_node_of(w->t[0], fd, &nodes[i]), 0);
		tree_adopt(w->t[0], nodes[i], TREE_WRITE, fd);
	}
	for (round = 0; round < 3; round++)
		for (i = 0; i < 5000; i++) {
			f = tree_get(w->t[0], nodes[i], round == 1 ? TREE_PATH : TREE_READ);
			assert_non_null(f);
			if (round != 1)
				assert_int_equal(pread(f->fd, &c, 1, 1), 1);
			tree_put(w->t[0], f);
		}
	tree_put(w->t[0], dir);
}

/* A device file of the tree is none to us, and what a peer calls a file need not be one */
static void
t_no_device(void **state)
{
	struct world *w = *state;
	static const struct step make = { .type = OP_CREATE, .parent = "", .name = "null", .op = { .mode = S_IFCHR | 0666, .rdev = 1 << 8 | 3 } };
	struct rfs_op op, write = { .type = OP_WRITE, .data = "x", .data_len = 1 };
	struct rfs_again a;
	struct rfs_result res;
	struct stat st;

	op = to_op(w->t[0], &make, &a);
	op_apply(w->t[0], &op, true, NULL, &res);
	assert_int_equal(res.err, 0);
	assert_int_equal(res.st.st_rdev, makedev(1, 3));
	write.node = res.child;
	op_apply(w->t[0], &write, false, NULL, &res);
	assert_int_equal(res.err, EACCES);
	write.type = 200;
	op_apply(w->t[0], &write, false, NULL, &res);
	assert_int_equal(res.err, EINVAL);
	assert_int_equal(tree_stat(w->t[0], op.child, &st), 0);
}

static void
t_same_file(void **state)
{
	struct rfs_op a = { .type = OP_WRITE, .node = 10 }, b = { .type = OP_SETATTR, .node = 10 }, c = { .type = OP_CREATE, .parent = 20, .name = "x", .child = 30 },
		d = { .type = OP_UNLINK, .parent = 20, .name = "y", .node = 40 }, e = { .type = OP_RENAME, .parent = 21, .name = "x", .newparent = 20,
		.newname = "y", .node = 50 };

	assert_true(op_same_file(&a, &b));
	b.dir = 1;
	assert_false(op_same_file(&a, &b));
	assert_false(op_same_file(&a, &c));
	assert_false(op_same_file(&c, &d));
	assert_true(op_same_file(&d, &e));
	assert_false(op_same_file(&c, &e));
	a.node = 30;
	assert_true(op_same_file(&a, &c));
	assert_true(op_same_file(&c, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_again), cmocka_unit_test(t_again_first),
		cmocka_unit_test_setup_teardown(t_again_not_ours, set_up, tear_down), cmocka_unit_test_setup_teardown(t_primary, set_up, tear_down),
		cmocka_unit_test(t_names), cmocka_unit_test_setup_teardown(t_nodes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(t_cache, set_up, tear_down), cmocka_unit_test_setup_teardown(t_no_device, set_up, tear_down),
		cmocka_unit_test(t_same_file),
	};

	PLACE_OR_SKIP();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
