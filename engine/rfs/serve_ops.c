/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve_ops.c: requests that change the tree: what is found before, the locks, here and to the secondary in the right order, the answer.
 *
 * Locks: one per folder whose names change and per file whose data or attributes do, in stripes, taken in ascending order.  The kernel itself lets only one
 * change at a time into a folder, so what a name stands for does not change between a look at it and the lock.
 */
#include "config.h"
#include "rfs/serve_impl.h"

#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCKS_MAX 4

/* ---- locks ---- */

static uint16_t
stripe_of(uint8_t dir, uint64_t node)
{
	uint64_t h = (node ^ (uint64_t)dir << 56) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint16_t)((h ^ h >> 32) % STRIPES);
}

void
serve_lock(void *serve, uint8_t dir, uint64_t node)
{
	pthread_mutex_lock(&((struct serve *)serve)->stripes[stripe_of(dir, node)].lock);
}

void
serve_unlock(void *serve, uint8_t dir, uint64_t node)
{
	pthread_mutex_unlock(&((struct serve *)serve)->stripes[stripe_of(dir, node)].lock);
}

struct locks { int count; uint16_t stripe[LOCKS_MAX]; };

static void
add_lock(struct locks *l, uint8_t dir, uint64_t node)
{
	uint16_t s = stripe_of(dir, node);
	int i, k;

	if (node == 0)
		return;
	for (i = 0; i < l->count && l->stripe[i] < s; i++)
		;
	if (i < l->count && l->stripe[i] == s)
		return;
	for (k = l->count++; k > i; k--)
		l->stripe[k] = l->stripe[k - 1];
	l->stripe[i] = s;
}

static void
lock_all(struct serve *s, struct locks *l, const struct rfs_op *op)
{
	int i;

	l->count = 0;
	add_lock(l, op->dir, op->parent);
	add_lock(l, op->dir, op->newparent);
	add_lock(l, op->dir, op->node);
	add_lock(l, op->dir, op->other);
	for (i = 0; i < l->count; i++)
		pthread_mutex_lock(&s->stripes[l->stripe[i]].lock);
}

static void
unlock_all(struct serve *s, struct locks *l)
{
	while (l->count > 0)
		pthread_mutex_unlock(&s->stripes[l->stripe[--l->count]].lock);
}

/* ---- what is found before ---- */

static int
look_make(struct serve *s, struct slot *z, struct rfs_op *op, bool folder_private)
{
	struct tree_fd *dir;

	if (tree_is_hidden(op->parent, op->name, op->name_len))
		return EPERM;
	dir = tree_get(s->conf.trees[z->dir], op->parent, TREE_DIR);
	if (dir == NULL)
		return errno;
	if (tree_lookup(s->conf.trees[z->dir], dir->fd, op->name, &z->pre, NULL) != 0)
		z->pre = 0;
	z->child_private = serve_is_private(s, z->dir, dir->fd, folder_private, op->name, op->type == OP_MKDIR);
	tree_put(s->conf.trees[z->dir], dir);
	z->local = z->child_private;
	return 0;
}

/* A file that loses its last name stays for those who have it open */
static bool
last_name(const struct stat *st)
{
	return !S_ISDIR(st->st_mode) && st->st_nlink == 1;
}

/* What is there under a name: node (0 nothing), attributes, private */
static int
look_name(struct serve *s, struct slot *z, uint64_t parent, bool folder_private, const char *name, struct stat *st, uint64_t *node, bool *private)
{
	struct tree *t = s->conf.trees[z->dir];
	struct tree_fd *dir;
	int rc;

	if (tree_is_hidden(parent, name, strlen(name)))
		return EPERM;
	dir = tree_get(t, parent, TREE_DIR);
	if (dir == NULL)
		return errno;
	rc = tree_lookup(t, dir->fd, name, node, st);
	if (rc == -ENOENT) {
		*node = 0;
		rc = 0;
	}
	/* of nothing: as what will be there, by the type that the caller has put into st */
	*private = serve_is_private(s, z->dir, dir->fd, folder_private, name, S_ISDIR(st->st_mode));
	tree_put(t, dir);
	return -rc;
}

static int
look_remove(struct serve *s, struct slot *z, struct rfs_op *op, bool folder_private)
{
	struct stat st = { .st_mode = 0 };
	int err = look_name(s, z, op->parent, folder_private, op->name, &st, &z->pre, &z->local);

	if (err != 0 || z->pre == 0)
		return err != 0 ? err : ENOENT;
	op->node = z->node = z->pre;
	op->orphan = z->orphan = op->type == OP_UNLINK && last_name(&st);
	return 0;
}

static int
look_rename(struct serve *s, struct slot *z, struct rfs_op *op, bool from_private, bool to_private)
{
	struct stat st = { .st_mode = 0 }, over;
	bool a, b;
	int err;

	if ((op->flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0)
		return EINVAL;
	err = look_name(s, z, op->parent, from_private, op->name, &st, &z->pre, &a);
	if (err != 0 || z->pre == 0)
		return err != 0 ? err : ENOENT;
	over = (struct stat){ .st_mode = st.st_mode };
	err = look_name(s, z, op->newparent, to_private, op->newname, &over, &z->pre2, &b);
	if (err != 0)
		return err;
	if (a != b)
		return EXDEV;
	z->local = a;
	op->node = z->node = z->pre;
	op->other = z->other = z->pre2;
	op->orphan = z->orphan = (op->flags & RENAME_EXCHANGE) == 0 && z->pre2 != 0 && z->pre2 != z->pre && last_name(&over) && !S_ISDIR(st.st_mode);
	return 0;
}

static int
look_link(struct serve *s, struct slot *z, struct rfs_op *op, bool folder_private, bool file_private)
{
	int err = look_make(s, z, op, folder_private);

	if (err == 0 && z->child_private != file_private)
		return EXDEV;
	z->node = op->node;
	return err;
}

static int
look_xattr(struct serve *s, struct slot *z, const struct rfs_op *op)
{
	struct tree *t = s->conf.trees[z->dir];
	char proc[TREE_PROC_MAX];
	struct tree_fd *f;

	if (op->type == OP_SETXATTR && (op->flags & XATTR_CREATE) == 0)
		return 0;
	f = tree_any(t, op->node);
	if (f == NULL)
		return errno;
	z->pre = getxattr(tree_proc(f->fd, proc), op->name, NULL, 0) >= 0;
	tree_put(t, f);
	return 0;
}

/* The request as a change, of the tree's nodes; 0 or an errno for the application */
static int
look(struct serve *s, struct slot *z, struct rfs_op *op, uint64_t second)
{
	uint64_t id = slot_head(z)->nodeid;
	bool private = serve_nodeid_private(s, z->dir, id), private2 = serve_nodeid_private(s, z->dir, second);

	z->local = private;
	z->orphan = z->child_private = false;
	z->pre = z->pre2 = z->node = z->other = 0;
	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_SYMLINK:
		return look_make(s, z, op, private);
	case OP_LINK:
		return look_link(s, z, op, private, private2);
	case OP_UNLINK:
	case OP_RMDIR:
		return look_remove(s, z, op, private);
	case OP_RENAME:
		return look_rename(s, z, op, private, private2);
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		z->local |= orphans_has(s, z->dir, op->node);
		return look_xattr(s, z, op);
	default:
		z->local |= orphans_has(s, z->dir, op->node);
		return 0;
	}
}

/* From the kernel's nodeids to the tree's nodes */
static bool
understand(struct serve *s, struct slot *z, struct rfs_op *op, uint64_t *second)
{
	if (!serve_parse(z, op, second))
		return false;
	op->parent = serve_node(s, z->dir, op->parent);
	op->node = serve_node(s, z->dir, op->node);
	if (op->type == OP_LINK)
		op->node = serve_node(s, z->dir, *second);
	else if (op->type == OP_RENAME)
		op->newparent = serve_node(s, z->dir, *second);
	return true;
}

/* ---- the answer ---- */

static void
build(struct serve *s, struct slot *z, const struct rfs_op *op, const struct rfs_result *res)
{
	struct { struct fuse_entry_out e; struct fuse_open_out o; } made = { .o.open_flags = FOPEN_KEEP_CACHE };
	struct fuse_write_out w = { .size = (uint32_t)res->done };
	struct fuse_attr_out a = { .attr_valid = VALID_S };
	int err = res->err;

	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_SYMLINK:
	case OP_LINK:
		if (err == 0)
			err = serve_entry(s, z->dir, res->child, z->child_private, &res->st, &made.e);
		serve_out(z, err, &made, slot_head(z)->opcode == FUSE_CREATE ? sizeof(made) : sizeof(made.e));
		return;
	case OP_WRITE:
		/* also where some of it fitted: of less than all the kernel makes EIO (FUSE_ASYNC_DIO) */
		serve_out(z, err, &w, sizeof(w));
		return;
	case OP_SETATTR:
		if (err == 0 && !res->has_st)
			err = EIO;
		if (err == 0)
			serve_attr(s, z->dir, op->node, &res->st, &a.attr);
		serve_out(z, err, &a, sizeof(a));
		return;
	default:
		serve_out(z, err, NULL, 0);
	}
}

/* What has to be remembered of a change that went well */
static void
after(struct serve *s, struct slot *z, struct rfs_op *op, const struct stat *gone)
{
	uint64_t lost = op->type == OP_UNLINK ? op->node : op->other;

	if (z->orphan && (op->type == OP_UNLINK || op->type == OP_RENAME))
		orphans_add(s, z->dir, lost, op->orphan);
	op->orphan = false;
	if (gone->st_nlink != 0) {
		dead_add(s, z->dir, op->type == OP_RMDIR ? op->node : op->other, gone);
		tree_forget(s->conf.trees[z->dir], op->type == OP_RMDIR ? op->node : op->other);
	}
}

/* Attributes of a folder that may be removed now, for those who are in it */
static void
look_folder(struct serve *s, const struct rfs_op *op, struct stat *st)
{
	uint64_t node = op->type == OP_RMDIR ? op->node : op->type == OP_RENAME && (op->flags & RENAME_EXCHANGE) == 0 ? op->other : 0;

	if (node == 0 || tree_stat(s->conf.trees[op->dir], node, st) != 0 || !S_ISDIR(st->st_mode))
		st->st_nlink = 0;
}

/* ---- a change from its beginning to what can be said at once ---- */

/* Into and out of what serve_settle() waits for */
static void
turn(struct serve *s, const struct slot *z)
{
	__atomic_fetch_add(&s->turn[z - s->slots], 1, __ATOMIC_SEQ_CST);
}

/* Both have been here: answered.  true: by us */
static bool
finish(struct serve *s, struct slot *z, enum repl_sent sent)
{
	int n = sent == REPL_LOCAL ? 2 : 1;

	if (__atomic_sub_fetch(&z->left, n, __ATOMIC_SEQ_CST) != 0)
		return false;
	serve_answer(s, z);
	return true;
}

/* The times that the kernel kept of a file it has written, which come behind each write: the connection has them behind the data, which the secondary has
 * already; an fsync will wait for the rest.  Close and what comes next do not: a round trip less for each file that is made */
static bool
ahead(const struct slot *z, const struct rfs_op *op, enum repl_sent sent)
{
	const struct fuse_setattr_in *in = slot_arg((struct slot *)(uintptr_t)z);

	return sent == REPL_SENT && op->type == OP_SETATTR && z->err == 0 && (in->valid & ~(uint32_t)FATTR_FH) == (FATTR_MTIME | FATTR_CTIME);
}

/* A write that the disk has refused: the secondary, if it has it, gets what is here; the kernel, if its cache has taken it, is not believed any more */
static void
refused(struct serve *s, struct slot *z, const struct rfs_op *op, enum repl_sent sent, size_t done)
{
	bool cached = (((const struct fuse_write_in *)slot_arg(z))->write_flags & FUSE_WRITE_CACHE) != 0, grown = cached && refused_size(s, op);

	if (sent != REPL_LOCAL)
		repl_repair(s->repl, op->dir, op->node, op->off + done, op->data_len - done);
	else if (grown && !z->local)
		repl_repair(s->repl, op->dir, op->node, op->off, 0);
	if (cached)
		refused_pages(s, z->dir, slot_head(z)->nodeid);
}

/* op is in the ticket, what look() found in the slot.  again: it may have been done before */
static bool
carry_out(struct serve *s, struct slot *z, bool again)
{
	struct rfs_op *op = &z->ticket.op;
	struct rfs_again a = { .maybe = again, .pre = z->pre, .pre2 = z->pre2 };
	enum repl_sent sent = REPL_LOCAL;
	struct stat gone = { .st_nlink = 0 };
	struct rfs_result res = { .err = 0 };
	struct locks locks;

	look_folder(s, op, &gone);
	lock_all(s, &locks, op);
	turn(s, z);
	res.err = z->local ? 0 : repl_prepare(s->repl, op);
	if (!again)
		op_keep_mtime(s->conf.trees[z->dir], op);
	z->left = 2;
	z->ticket.state = z->ticket.ahead = 0;
	SERVE_POINT(1);
	__atomic_store_n(&z->stage, ST_APPLYING, __ATOMIC_RELEASE);
	SERVE_POINT(2);
	if (res.err == 0 && op->type == OP_WRITE && !z->local)
		sent = repl_submit(s->repl, &z->ticket);
	SERVE_POINT(3);
	if (op->type == OP_FSYNC)
		unlock_all(s, &locks);
	if (res.err == 0)
		op_apply(s->conf.trees[z->dir], op, true, &a, &res);
	SERVE_POINT(4);
	turn(s, z);
	if (res.err == 0)
		after(s, z, op, &gone);
	else if (op->type == OP_WRITE)
		refused(s, z, op, sent, res.done);
	op->orphan = false;
	z->err = res.err;
	build(s, z, op, &res);
	SERVE_POINT(5);
	__atomic_store_n(&z->stage, ST_APPLIED, __ATOMIC_RELEASE);
	SERVE_POINT(6);
	if (res.err == 0 && op->type != OP_WRITE && !z->local)
		sent = repl_submit(s->repl, &z->ticket);
	SERVE_POINT(7);
	unlock_all(s, &locks);
	if (ahead(z, op, sent))
		serve_answer_ahead(s, z);
	return finish(s, z, sent);
}

/* Nothing but the change of the inode's times that no other system can set */
static bool
nothing(struct serve *s, struct slot *z, const struct rfs_op *op)
{
	struct fuse_attr_out a = { .attr_valid = VALID_S };
	struct stat st;
	int err;

	if (op->type != OP_SETATTR || (op->valid & ~(uint32_t)OP_SET_KILL) != 0)
		return false;
	err = -tree_stat(s->conf.trees[z->dir], op->node, &st);
	if (err == 0)
		serve_attr(s, z->dir, op->node, &st, &a.attr);
	serve_reply(s, z, err, &a, sizeof(a));
	return true;
}

bool
serve_change(struct serve *s, struct slot *z)
{
	struct rfs_op *op = &z->ticket.op;
	uint64_t second;
	int err;

	if (!understand(s, z, op, &second)) {
		serve_reply(s, z, ENOSYS, NULL, 0);
		return true;
	}
	if (nothing(s, z, op))
		return true;
	err = look(s, z, op, second);
	if (err != 0) {
		serve_reply(s, z, err, NULL, 0);
		return true;
	}
	return carry_out(s, z, false);
}

/* ---- what a killed worker left ---- */

/* Applied and answer built: what is missing is the secondary */
static bool
send_again(struct serve *s, struct slot *z)
{
	struct rfs_op *op = &z->ticket.op;
	enum repl_sent sent = REPL_LOCAL;
	struct locks locks;

	z->left = 2;
	lock_all(s, &locks, op);
	if (!z->local && (z->err == 0 || (op->type == OP_WRITE && z->ticket.seq != 0)))
		sent = repl_submit(s->repl, &z->ticket);
	if (op->type == OP_WRITE && z->err != 0)
		refused(s, z, op, sent, 0);
	unlock_all(s, &locks);
	return finish(s, z, sent);
}

bool
serve_again(struct serve *s, struct slot *z)
{
	struct rfs_op *op = &z->ticket.op, was = *op;
	uint64_t second;

	if (!understand(s, z, op, &second)) {
		serve_reply(s, z, EIO, NULL, 0);
		return true;
	}
	z->ticket.next = NULL;
	z->ticket.state = z->ticket.ahead = 0;	/* who was answered ahead hears nothing of a second answer */
	if (z->stage == ST_APPLIED) {
		was.name = op->name;
		was.newname = op->newname;
		was.data = op->data;
		*op = was;
		return send_again(s, z);
	}
	if (op->type == OP_WRITE || op->type == OP_FALLOCATE || op->type == OP_SETATTR) {	/* the file may have another mtime by now */
		op->mtime_ns = was.mtime_ns;
		op->valid = was.valid;
	}
	if (z->node != 0)
		op->node = z->node;
	if (z->other != 0)
		op->other = z->other;
	op->orphan = z->orphan;
	return carry_out(s, z, true);
}
