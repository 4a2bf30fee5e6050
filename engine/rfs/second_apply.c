/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second_apply.c: one operation of the primary, from its frame to our tree.
 *
 * Called by: second.c in the reader of a connection, in order.  Exactly once: the ledger says what was applied, and of the one at hand what its names were before.
 * Nothing of a frame is believed: frame_op_decode() has checked it, nodes are ours by the table, and op_apply() does not leave the tree.
 */
#include "config.h"
#include "rfs/second_impl.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

bool
second_strict(const struct second *s)
{
	return __atomic_load_n(&s->tables.shm->whole, __ATOMIC_ACQUIRE) != 0 || !ssync_busy(s->sync);
}

/* Does it concern one file, and no name? */
static bool
of_a_file(const struct rfs_op *op)
{
	switch (op->type) {
	case OP_WRITE:
	case OP_SETATTR:
	case OP_FALLOCATE:
	case OP_COPY:
	case OP_FSYNC:
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		return true;
	default:
		return false;
	}
}

static void
translate(struct second *s, struct rfs_op *op)
{
	op->node = tables_get(&s->tables, op->dir, op->node);
	op->other = tables_get(&s->tables, op->dir, op->other);
	op->parent = tables_get(&s->tables, op->dir, op->parent);
	op->newparent = tables_get(&s->tables, op->dir, op->newparent);
}

/* ---- what was before ---- */
static uint64_t
node_named(struct tree *t, uint64_t parent, const char *name)
{
	struct tree_fd *d = tree_get(t, parent, TREE_DIR);
	uint64_t node = 0;

	if (d == NULL)
		return 0;
	if (tree_lookup(t, d->fd, name, &node, NULL) != 0)
		node = 0;
	tree_put(t, d);
	return node;
}

static uint64_t
has_xattr(struct tree *t, const struct rfs_op *op)
{
	struct tree_fd *f = tree_any(t, op->node);
	char path[TREE_PROC_MAX];
	bool has;

	if (f == NULL)
		return 0;
	has = getxattr(tree_proc(f->fd, path), op->name, NULL, 0) >= 0;
	tree_put(t, f);
	return has;
}

static void
look_before(struct tree *t, const struct rfs_op *op, struct ledger *led)
{
	struct stat st;

	led->pre = led->pre2 = 0;
	switch (op->type) {
	case OP_FALLOCATE:
		if (tree_stat(t, op->node, &st) == 0)
			led->pre = (uint64_t)st.st_size;
		break;
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		led->pre = has_xattr(t, op);
		break;
	case OP_RENAME:
		led->pre2 = node_named(t, op->newparent, op->newname);
		led->pre = node_named(t, op->parent, op->name);
		break;
	default:
		if (!of_a_file(op))
			led->pre = node_named(t, op->parent, op->name);
		break;
	}
}

/* ---- our map ---- */
static bool
touch(struct second *s, const struct rfs_op *op)
{
	struct map *m = s->conf.maps[op->dir];
	struct stat st;
	uint64_t old;

	if (m == NULL)
		return true;
	switch (op->type) {
	case OP_WRITE:
		return op->data_len == 0 || map_touch(m, op->node, op->off, op->data_len);
	case OP_FALLOCATE:
		if ((op->flags & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0)
			return map_touch_all(m, op->node, false);
		__attribute__((fallthrough));
	case OP_COPY:
		return op->len == 0 || map_touch(m, op->node, op->off, op->len);
	case OP_SETATTR:
		if ((op->valid & OP_SET_SIZE) == 0 || tree_stat(s->conf.trees[op->dir], op->node, &st) != 0)
			return true;
		old = (uint64_t)st.st_size;
		return old == op->size || map_touch(m, op->node, old < op->size ? old : op->size, old < op->size ? op->size - old : old - op->size);
	default:
		return true;
	}
}

/* ---- after it ---- */
/* The last name of a file may be gone: nothing of it is needed any more */
static void
gone(struct second *s, uint8_t dir, uint64_t theirs)
{
	uint64_t ours = tables_get(&s->tables, dir, theirs);
	struct stat st;

	if (ours == 0 || ours == RFS_ROOT || (tree_stat(s->conf.trees[dir], ours, &st) == 0 && st.st_nlink > 0))
		return;
	tables_set(&s->tables, dir, theirs, 0);
	tree_forget(s->conf.trees[dir], ours);
	if (s->conf.maps[dir] != NULL)
		map_drop(s->conf.maps[dir], ours);
}

/* A name was made or moved: the file under it is another one (map.h) */
static bool
touch_name(struct second *s, const struct rfs_op *op, uint64_t child)
{
	struct map *m = s->conf.maps[op->dir];

	if (m == NULL)
		return true;
	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_SYMLINK:
		return child == 0 || map_touch_all(m, child, true);
	case OP_LINK:
		return op->node == 0 || map_touch_all(m, op->node, true);
	case OP_RENAME:
		return (op->node == 0 || map_touch_all(m, op->node, true)) &&
		    ((op->flags & RENAME_EXCHANGE) == 0 || op->other == 0 || map_touch_all(m, op->other, true));
	default:
		return true;
	}
}

static void
note(struct second *s, int conn, const struct rfs_op *theirs, const struct rfs_op *op, const struct rfs_result *res)
{
	bool made = op->type == OP_CREATE || op->type == OP_MKDIR || op->type == OP_SYMLINK;

	if (made || op->type == OP_LINK) {
		if (theirs->child != 0 && res->child != 0 && !tables_set(&s->tables, op->dir, theirs->child, res->child))
			second_leave(s, "no memory for the table of files", false);
		if (op->type == OP_MKDIR || S_ISREG(op->mode))	/* others: with their folder */
			second_pending(s, conn, op->dir, res->child, PENDING_ALL);
	}
	if (!touch_name(s, op, res->child))
		second_leave(s, "the change map cannot be written", false);
	if (op->type == OP_UNLINK || op->type == OP_RMDIR)
		gone(s, op->dir, theirs->node);
	if (op->type == OP_RENAME)
		gone(s, op->dir, theirs->other);
	if (of_a_file(op)) {
		second_pending(s, conn, op->dir, op->node, op->type == OP_WRITE || op->type == OP_FALLOCATE ? PENDING_DATA : PENDING_ALL);
	} else {
		second_pending(s, conn, op->dir, op->parent, PENDING_ALL);
		second_pending(s, conn, op->dir, op->newparent, PENDING_ALL);
	}
}

/* Is this an error that says that we are not as the primary is, or cannot be? */
static bool
serious(const struct rfs_op *op, int err, bool strict)
{
	switch (err) {
	case 0:
		return false;
	case ESTALE:
	case ENOENT:
		return strict && !of_a_file(op);	/* of a file that is deleted here, and held open there */
	case ENODATA:
		return strict && op->type != OP_REMOVEXATTR;
	case EEXIST:
	case ENOTEMPTY:
	case ENOTDIR:
	case EISDIR:
		return strict;		/* while synchronising the walk puts it right */
	default:
		return true;
	}
}

static const char *
word(int type)
{
	static const char *const WORDS[OP_TYPES] = { [OP_CREATE] = "create", [OP_MKDIR] = "mkdir", [OP_SYMLINK] = "symlink", [OP_LINK] = "link",
		[OP_UNLINK] = "unlink", [OP_RMDIR] = "rmdir", [OP_RENAME] = "rename", [OP_WRITE] = "write", [OP_SETATTR] = "setattr",
		[OP_FALLOCATE] = "fallocate", [OP_COPY] = "copy", [OP_FSYNC] = "fsync", [OP_SETXATTR] = "setxattr",
		[OP_REMOVEXATTR] = "removexattr" };

	return WORDS[type];
}

static void
fail(struct second *s, const struct rfs_op *op, int err)
{
	const char *dir = s->conf.names[op->dir] != NULL ? s->conf.names[op->dir] : "";
	char why[SK_TEXT_MAX];

	snprintf(why, sizeof(why), "%s%s%s in %s: %s", word(op->type), op->name != NULL && !of_a_file(op) ? " " : "",
	    op->name != NULL && !of_a_file(op) ? op->name : "", dir, strerror(err));
	second_leave(s, why, false);
}

static bool
acl(const struct rfs_op *op)
{
	return (op->type == OP_SETXATTR || op->type == OP_REMOVEXATTR) && strncmp(op->name, "system.posix_acl_", 17) == 0;
}

/* true: it is done, or nothing is to be done */
static bool
apply(struct second *s, int conn, uint64_t seq, const struct rfs_op *theirs)
{
	struct ledger *led = &s->tables.shm->ledger[conn];
	struct rfs_again again = { .maybe = led->applying == seq, .pre = led->pre, .pre2 = led->pre2 };
	struct tree *t = s->conf.trees[theirs->dir];
	bool strict = second_strict(s), ready;
	struct rfs_op op = *theirs;
	struct rfs_result res;

	translate(s, &op);
	if (op.type == OP_FSYNC && !s->conf.on_disk)
		return true;
	if (!s->conf.acl && acl(&op))
		return true;
	if (!strict && !ssync_before(s->sync, theirs, &op))
		return true;
	if (of_a_file(&op) && (op.node == 0 || (op.type == OP_COPY && op.other == 0)))
		return true;	/* deleted here, held open there */
	ready = of_a_file(&op) || (op.parent != 0 && (op.type != OP_RENAME || op.newparent != 0) && (op.type != OP_LINK || op.node != 0));
	if (!ready) {
		if (strict)
			fail(s, &op, ENOENT);
		return !strict;
	}
	if (!again.maybe) {
		look_before(t, &op, led);
		again.pre = led->pre;
		again.pre2 = led->pre2;
		__atomic_store_n(&led->applying, seq, __ATOMIC_RELEASE);
	}
	if (!touch(s, &op)) {
		fail(s, &op, errno != 0 ? errno : EIO);
		return false;
	}
	memset(&res, 0, sizeof(res));
	op_apply(t, &op, false, &again, &res);
	if (serious(&op, res.err, strict)) {
		fail(s, &op, res.err);
		return false;
	}
	if (res.err == 0)
		note(s, conn, theirs, &op, &res);
	if (!strict)
		ssync_after(s->sync, &op, &res);
	return !atomic_load(&s->out);
}

void
second_apply(struct second *s, int conn, const struct frame *f)
{
	struct ledger *led = &s->tables.shm->ledger[conn];
	char err[SK_TEXT_MAX];
	struct rfs_op op;

	if (f->seq == 0 || f->seq > led->applied + 1) {
		stream_drop(s->stream, "operations of the primary are missing");
		return;
	}
	s->lanes[conn].ack = true;
	if (f->seq <= led->applied)
		return;		/* sent again */
	if (!frame_op_decode(f, &op, err, sizeof(err)) || (op.dir >= s->conf.dirs && snprintf(err, sizeof(err), "operation in an unknown folder"))) {
		s->lanes[conn].ack = false;
		stream_drop(s->stream, err);
		return;
	}
	if (!apply(s, conn, f->seq, &op)) {
		s->lanes[conn].ack = false;
		return;
	}
	__atomic_store_n(&led->applied, f->seq, __ATOMIC_RELEASE);
}
