/* SPDX-License-Identifier: GPL-2.0-or-later */
/* op_names.c: changes of names: what is made, linked, moved and removed.  The folders are open, a name is one component, links are not followed. */
#include "config.h"
#include "rfs/op_impl.h"

#include <sys/sysmacros.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder's mtime: for the other one, or as the other one had it */
static void
keep_parent(struct change *c, int fd, int64_t *ns)
{
	struct stat st;

	if (!c->primary)
		op_set_mtime(fd, *ns);
	else if (fstat(fd, &st) == 0)
		*ns = op_ns(&st.st_mtim);
}

/* Mode and owner as the primary has them.  By a descriptor of the very file: its name may be another one's by now, and a link is followed by chmod(2). */
static int
make_equal(const struct rfs_op *op, int dirfd, int fd, const struct stat *st)
{
	bool owner = st->st_uid != op->uid || st->st_gid != op->gid, mode = !S_ISLNK(st->st_mode) && (st->st_mode & 07777) != (op->mode & 07777);
	char proc[TREE_PROC_MAX];
	struct stat is;
	int path = -1, err = 0;

	if (!owner && !mode)
		return 0;
	if (fd == -1) {
		path = openat(dirfd, op->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (path == -1)
			return errno;
		fd = path;
		if (fstat(fd, &is) == -1)
			err = errno;
		else if (is.st_ino != st->st_ino)
			err = ESTALE;
	}
	if (err == 0 && owner && fchownat(fd, "", op->uid, op->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == -1)
		err = errno;
	if (err == 0 && mode && chmod(tree_proc(fd, proc), op->mode & 07777) == -1)
		err = errno;
	if (path != -1)
		close(path);
	return err;
}

/* What was made: on the primary, for the one who makes it next; there, equal to what the primary has.  fd -1: by its name */
static int
keep_child(struct change *c, int dirfd, int fd)
{
	struct rfs_op *op = c->op;
	struct stat *st = &c->res->st;
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, op_ts(op->mtime_ns) };
	int err;

	err = fd != -1 ? -tree_node_of(c->t, fd, &c->res->child) : -tree_lookup(c->t, dirfd, op->name, &c->res->child, st);
	if (err == 0 && fd != -1 && fstat(fd, st) == -1)
		err = errno;
	if (err != 0)
		return err;
	c->res->has_st = true;
	if (c->primary) {
		op->child = c->res->child;
		op->mode = st->st_mode;
		op->uid = st->st_uid;
		op->gid = st->st_gid;
		op->umask = 0;
		op->mtime_ns = op_ns(&st->st_mtim);
		return 0;
	}
	err = make_equal(op, dirfd, fd, st);
	if (err != 0)
		return err;
	if (op->mtime_ns != 0 && (fd != -1 ? futimens(fd, ts) : utimensat(dirfd, op->name, ts, AT_SYMLINK_NOFOLLOW)) == -1)
		return errno;
	return 0;
}

static int
open_parent(struct change *c, uint64_t node, struct tree_fd **f)
{
	*f = tree_get(c->t, node, TREE_DIR);
	return *f == NULL ? errno : 0;
}

/* EEXIST, but it was this very change that made it */
static bool
ours(const struct change *c, int err)
{
	return err == EEXIST && c->again.maybe && c->again.pre == 0;
}

/* The rest of what makes something, after its system call gave err */
static int
made(struct change *c, struct tree_fd *dir, int fd, int err)
{
	if (ours(c, err))
		err = 0;
	if (err == 0)
		err = keep_child(c, dir->fd, fd);
	if (err == 0)
		keep_parent(c, dir->fd, &c->op->parent_mtime_ns);
	tree_put(c->t, dir);
	return err;
}

int
op_create(struct change *c)
{
	const struct rfs_op *op = c->op;
	struct tree_fd *dir;
	int fd = -1, err;

	err = open_parent(c, op->parent, &dir);
	if (err != 0)
		return err;
	op_become(op);
	if (S_ISREG(op->mode)) {
		fd = openat(dir->fd, op->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, op->mode & 07777);
		if (fd == -1)
			err = errno;
	} else if (mknodat(dir->fd, op->name, op->mode, makedev(op->rdev >> 8 & 0xfff, (op->rdev & 0xff) | (op->rdev >> 12 & 0xfff00))) == -1) {
		err = errno;
	}
	err = made(c, dir, fd, err);
	if (fd != -1 && err == 0)
		tree_adopt(c->t, c->res->child, TREE_WRITE, fd);
	else if (fd != -1)
		close(fd);
	return err;
}

int
op_mkdir(struct change *c)
{
	const struct rfs_op *op = c->op;
	struct tree_fd *dir;
	int err;

	err = open_parent(c, op->parent, &dir);
	if (err != 0)
		return err;
	op_become(op);
	return made(c, dir, -1, mkdirat(dir->fd, op->name, op->mode & 07777) == -1 ? errno : 0);
}

int
op_symlink(struct change *c)
{
	const struct rfs_op *op = c->op;
	char target[PATH_MAX];
	struct tree_fd *dir;
	int err;

	if (op->data_len == 0 || op->data_len >= sizeof(target) || memchr(op->data, '\0', op->data_len) != NULL)
		return EINVAL;
	memcpy(target, op->data, op->data_len);
	target[op->data_len] = '\0';
	err = open_parent(c, op->parent, &dir);
	if (err != 0)
		return err;
	op_become(op);
	return made(c, dir, -1, symlinkat(target, dir->fd, op->name) == -1 ? errno : 0);
}

int
op_link(struct change *c)
{
	const struct rfs_op *op = c->op;
	struct tree_fd *dir, *f;
	uint64_t node;
	int err;

	err = open_parent(c, op->parent, &dir);
	if (err != 0)
		return err;
	f = tree_any(c->t, op->node);
	if (f == NULL || linkat(f->fd, "", dir->fd, op->name, AT_EMPTY_PATH) == -1)
		err = errno;
	if (ours(c, err) && tree_lookup(c->t, dir->fd, op->name, &node, NULL) == 0 && node == op->node)
		err = 0;
	if (err == 0) {
		c->res->child = op->node;
		c->res->has_st = fstat(f->fd, &c->res->st) == 0;
		keep_parent(c, dir->fd, &c->op->parent_mtime_ns);
	}
	tree_put(c->t, f);
	tree_put(c->t, dir);
	return err;
}

/* The name's file goes on without a name */
static int
to_orphan(struct change *c, int dirfd)
{
	struct rfs_op *op = c->op;
	char name[TREE_ORPHAN_MAX];

	tree_orphan_name(op->node, name);
	if (renameat(dirfd, op->name, tree_hidden(c->t, "orphan"), name) == 0)
		return 0;
	if (errno != ENOSPC && errno != EDQUOT)
		return errno;
	op->orphan = false;	/* a full disk must not keep anybody from deleting */
	return unlinkat(dirfd, op->name, 0) == -1 ? errno : 0;
}

static int
take_away(struct change *c, int flags)
{
	struct rfs_op *op = c->op;
	struct tree_fd *dir;
	int err;

	err = open_parent(c, op->parent, &dir);
	if (err != 0)
		return err;
	if (op->orphan)
		err = to_orphan(c, dir->fd);
	else if (unlinkat(dir->fd, op->name, flags) == -1)
		err = errno;
	if (err == ENOENT && c->again.maybe && c->again.pre != 0)
		err = 0;
	if (err == 0)
		keep_parent(c, dir->fd, &op->parent_mtime_ns);
	tree_put(c->t, dir);
	if (err == 0 && op->node != 0 && !op->orphan && (!c->primary || flags != 0))
		tree_forget(c->t, op->node);
	return err;
}

int
op_unlink(struct change *c)
{
	return take_away(c, 0);
}

int
op_rmdir(struct change *c)
{
	return take_away(c, AT_REMOVEDIR);
}

/* Has it been done already?  pre was under the old name, pre2 under the new one */
static bool
renamed(struct change *c, int from, int to)
{
	const struct rfs_op *op = c->op;
	uint64_t was, is;

	if (!c->again.maybe || c->again.pre == 0 || c->again.pre == c->again.pre2 || tree_lookup(c->t, to, op->newname, &is, NULL) != 0 ||
	    is != c->again.pre)
		return false;
	if (tree_lookup(c->t, from, op->name, &was, NULL) != 0)
		return true;
	return (op->flags & RENAME_EXCHANGE) != 0 && was == c->again.pre2;
}

static int
move(struct change *c, int from, int to)
{
	struct rfs_op *op = c->op;
	char name[TREE_ORPHAN_MAX];
	int err = 0, orphans = tree_hidden(c->t, "orphan");

	if (renamed(c, from, to))
		return 0;
	if (op->orphan) {
		tree_orphan_name(op->other, name);
		if (linkat(to, op->newname, orphans, name, 0) == -1 && errno != EEXIST) {
			if (errno != ENOSPC && errno != EDQUOT && errno != EMLINK)
				return errno;
			op->orphan = false;
		}
	}
	if (renameat2(from, op->name, to, op->newname, op->flags) == -1)
		err = errno;
	if (err != 0 && op->orphan)
		unlinkat(orphans, name, 0);
	return err;
}

int
op_rename(struct change *c)
{
	struct rfs_op *op = c->op;
	struct tree_fd *from, *to;
	int err;

	if ((op->flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0)
		return EINVAL;
	err = open_parent(c, op->parent, &from);
	if (err != 0)
		return err;
	err = open_parent(c, op->newparent, &to);
	if (err == 0) {
		err = move(c, from->fd, to->fd);
		if (err == 0) {
			keep_parent(c, from->fd, &op->parent_mtime_ns);
			keep_parent(c, to->fd, &op->newparent_mtime_ns);
		}
		tree_put(c->t, to);
	}
	tree_put(c->t, from);
	if (err == 0 && op->other != 0 && !op->orphan && !c->primary && (op->flags & RENAME_EXCHANGE) == 0)
		tree_forget(c->t, op->other);
	return err;
}
