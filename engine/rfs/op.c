/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * op.c: the table of changes; data, attributes and extended attributes of one file.  op_names.c: names.
 *
 * What a second application of the same change finds, when the first one was cut off by a kill at any instruction (each system call here is done or
 * not done, but for WRITE and FALLOCATE, which may be half done):
 *	CREATE MKDIR SYMLINK LINK	the name is there, was not before (pre 0): success, it is ours
 *	UNLINK RMDIR			the name is gone, was there before (pre): success
 *	RENAME				what was under the old name is under the new one: success
 *	FALLOCATE collapse, insert	the size has changed already: success.  Other modes: done again
 *	SETXATTR create / REMOVEXATTR	was not there and is / was there and is not: success
 *	WRITE SETATTR COPY FSYNC	done again: the same comes out
 */
#include "config.h"
#include "rfs/op_impl.h"

#include <linux/falloc.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static __thread struct { bool ready; uid_t uid; gid_t gid; mode_t umask; } self;

void
op_thread_init(void)
{
	if (unshare(CLONE_FS) == -1)
		warn_errno("a thread's own umask");
	/* so that setfsuid() takes no capability away: what the application may is for the kernel to say (default_permissions) */
	if (prctl(PR_SET_SECUREBITS, prctl(PR_GET_SECUREBITS) | SECBIT_NO_SETUID_FIXUP) == -1)
		warn_errno("secure bits");
	self.umask = umask(0);
	umask(self.umask);
	self.uid = geteuid();
	self.gid = getegid();
	self.ready = true;
}

void
op_become(const struct rfs_op *op)
{
	if (!self.ready)
		op_thread_init();
	if (self.uid != op->uid) {
		setfsuid(op->uid);
		self.uid = op->uid;
	}
	if (self.gid != op->gid) {
		setfsgid(op->gid);
		self.gid = op->gid;
	}
	if (self.umask != (op->umask & 0777)) {
		umask(op->umask & 0777);
		self.umask = op->umask & 0777;
	}
}

struct timespec
op_ts(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	if (ns == 0)
		ts.tv_nsec = UTIME_OMIT;
	if (ns < 0 && ts.tv_nsec < 0) {
		ts.tv_sec--;
		ts.tv_nsec += 1000000000;
	}
	return ts;
}

void
op_set_mtime(int fd, int64_t ns)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, op_ts(ns) };

	if (ns != 0)
		futimens(fd, ts);
}

/* What a write by somebody without CAP_FSETID takes away */
static void
kill_bits(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	if ((st.st_mode & S_ISUID) != 0 || (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		fchmod(fd, st.st_mode & 07777 & ~(mode_t)(S_ISUID | ((st.st_mode & S_IXGRP) != 0 ? S_ISGID : 0)));
}

/* mtime afterwards: the primary's for the other one, or the primary's here */
static void
keep_mtime(struct change *c, int fd)
{
	struct stat st;

	if (!c->primary)
		op_set_mtime(fd, c->op->mtime_ns);
	else if (fstat(fd, &st) == 0)
		c->op->mtime_ns = op_ns(&st.st_mtim);
}

/* All of it, or what fitted and why no more */
static int
write_all(int fd, const char *data, size_t len, off_t off, size_t *done)
{
	ssize_t n;

	for (*done = 0; *done < len; *done += (size_t)n) {
		n = pwrite(fd, data + *done, len - *done, off + (off_t)*done);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n == 0 ? EIO : errno;
	}
	return 0;
}

static int
op_write(struct change *c)
{
	struct tree_fd *f = tree_get(c->t, c->op->node, TREE_WRITE);
	size_t done;
	int err;

	if (f == NULL)
		return errno;
	err = write_all(f->fd, c->op->data, c->op->data_len, (off_t)c->op->off, &done);
	c->res->done = done;
	if ((c->op->flags & OP_WRITE_KILL) != 0)
		kill_bits(f->fd);
	op_set_mtime(f->fd, c->op->mtime_ns);
	tree_put(c->t, f);
	return err;
}

static int
set_mode(int fd, mode_t mode)
{
	char proc[TREE_PROC_MAX];

	if (fchmod(fd, mode & 07777) == 0)
		return 0;
	return errno == EBADF && chmod(tree_proc(fd, proc), mode & 07777) == 0 ? 0 : errno;
}

static int
set_times(int fd, const struct rfs_op *op)
{
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	/* 0 is an instant like others here */
	if ((op->valid & OP_SET_ATIME) != 0)
		ts[0] = op->atime_ns != 0 ? op_ts(op->atime_ns) : (struct timespec){ 0 };
	if ((op->valid & OP_SET_MTIME) != 0)
		ts[1] = op->mtime_ns != 0 ? op_ts(op->mtime_ns) : (struct timespec){ 0 };
	return utimensat(fd, "", ts, AT_EMPTY_PATH) == -1 ? errno : 0;
}

static int
op_setattr(struct change *c)
{
	struct rfs_op *op = c->op;
	bool sized = (op->valid & OP_SET_SIZE) != 0;
	struct tree_fd *f = sized ? tree_get(c->t, op->node, TREE_WRITE) : tree_any(c->t, op->node);
	int err = 0;

	if (f == NULL)
		return errno;
	if (sized && ftruncate(f->fd, (off_t)op->size) == -1)
		err = errno;
	if (err == 0 && sized && (op->valid & OP_SET_KILL) != 0)
		kill_bits(f->fd);
	if (err == 0 && (op->valid & (OP_SET_UID | OP_SET_GID)) != 0 && fchownat(f->fd, "", (op->valid & OP_SET_UID) != 0 ? op->uid : (uid_t)-1,
	    (op->valid & OP_SET_GID) != 0 ? op->gid : (gid_t)-1, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == -1)
		err = errno;
	if (err == 0 && (op->valid & OP_SET_MODE) != 0)
		err = set_mode(f->fd, op->mode);
	if (err == 0 && (op->valid & (OP_SET_ATIME | OP_SET_MTIME)) != 0)
		err = set_times(f->fd, op);
	if (err == 0 && fstat(f->fd, &c->res->st) == 0)
		c->res->has_st = true;
	tree_put(c->t, f);
	return err;
}

/* The mtime goes back also when it fails: ext4 moves it then, and nothing is sent */
static int
op_fallocate(struct change *c)
{
	struct rfs_op *op = c->op;
	struct tree_fd *f = tree_get(c->t, op->node, TREE_WRITE);
	struct stat st = { .st_size = 0 };
	int err = 0;

	if (f == NULL)
		return errno;
	if (fstat(f->fd, &st) == -1)
		err = errno;
	else if (c->again.maybe && (op->flags & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0 && (uint64_t)st.st_size != c->again.pre)
		;
	else if (fallocate(f->fd, (int)op->flags, (off_t)op->off, (off_t)op->len) == -1)
		err = errno;
	op_set_mtime(f->fd, op->mtime_ns);
	tree_put(c->t, f);
	return err;
}

static int
op_copy(struct change *c)
{
	struct rfs_op *op = c->op;
	struct tree_fd *to = tree_get(c->t, op->node, TREE_WRITE), *from = to != NULL ? tree_get(c->t, op->other, TREE_READ) : NULL;
	off_t in = (off_t)op->off2, out = (off_t)op->off;
	uint64_t left = op->len;
	ssize_t n = 1;
	int err = from != NULL ? 0 : errno;

	while (err == 0 && left > 0 && n > 0) {
		n = copy_file_range(from->fd, &in, to->fd, &out, left, 0);
		if (n == -1)
			err = errno;
		else
			left -= (uint64_t)n;
	}
	if (err == 0 && left > 0)
		err = EIO;
	if (err == 0)
		keep_mtime(c, to->fd);
	tree_put(c->t, from);
	tree_put(c->t, to);
	return err;
}

static int
op_fsync(struct change *c)
{
	struct tree_fd *f = tree_get(c->t, c->op->node, TREE_WRITE);
	int err;

	if (f == NULL && errno == EISDIR)
		f = tree_get(c->t, c->op->node, TREE_DIR);
	if (f == NULL && (errno == EPERM || errno == EROFS || errno == ETXTBSY))
		f = tree_get(c->t, c->op->node, TREE_READ);
	if (f == NULL)
		return errno;
	err = ((c->op->flags & OP_FSYNC_DATA) != 0 ? fdatasync(f->fd) : fsync(f->fd)) == -1 ? errno : 0;
	tree_put(c->t, f);
	return err;
}

static int
op_setxattr(struct change *c)
{
	struct rfs_op *op = c->op;
	struct tree_fd *f = tree_any(c->t, op->node);
	int flags = (int)(op->flags & (XATTR_CREATE | XATTR_REPLACE)), err = 0;
	char proc[TREE_PROC_MAX];
	struct stat st;

	if (f == NULL)
		return errno;
	if (setxattr(tree_proc(f->fd, proc), op->name, op->data, op->data_len, flags) == -1)
		err = errno;
	if (err == EEXIST && c->again.maybe && c->again.pre == 0)
		err = 0;
	if (err == 0 && (op->flags & OP_XATTR_KILL) != 0 && fstat(f->fd, &st) == 0 && (st.st_mode & S_ISGID) != 0)
		err = set_mode(f->fd, st.st_mode & ~(mode_t)S_ISGID);
	tree_put(c->t, f);
	return err;
}

static int
op_removexattr(struct change *c)
{
	struct tree_fd *f = tree_any(c->t, c->op->node);
	char proc[TREE_PROC_MAX];
	int err = 0;

	if (f == NULL)
		return errno;
	if (removexattr(tree_proc(f->fd, proc), c->op->name) == -1)
		err = errno;
	if (err == ENODATA && c->again.maybe && c->again.pre != 0)
		err = 0;
	tree_put(c->t, f);
	return err;
}

/* ---- the table ---- */

static op_fn *const table[OP_TYPES] = {
	[OP_CREATE] = op_create, [OP_MKDIR] = op_mkdir, [OP_SYMLINK] = op_symlink, [OP_LINK] = op_link, [OP_UNLINK] = op_unlink, [OP_RMDIR] = op_rmdir,
	[OP_RENAME] = op_rename, [OP_WRITE] = op_write, [OP_SETATTR] = op_setattr, [OP_FALLOCATE] = op_fallocate, [OP_COPY] = op_copy,
	[OP_FSYNC] = op_fsync, [OP_SETXATTR] = op_setxattr, [OP_REMOVEXATTR] = op_removexattr,
};

void
op_keep_mtime(struct tree *t, struct rfs_op *op)
{
	bool size = op->type == OP_SETATTR && (op->valid & (OP_SET_SIZE | OP_SET_MTIME)) == OP_SET_SIZE;
	bool data = (op->type == OP_WRITE || op->type == OP_FALLOCATE) && op->mtime_ns == 0;
	struct tree_fd *f = size || data ? tree_get(t, op->node, TREE_WRITE) : NULL;
	struct stat st;

	if (f != NULL && fstat(f->fd, &st) == 0) {
		op->mtime_ns = op_ns(&st.st_mtim);
		if (size)
			op->valid |= OP_SET_MTIME;
	}
	tree_put(t, f);
}

void
op_apply(struct tree *t, struct rfs_op *op, bool primary, const struct rfs_again *again, struct rfs_result *res)
{
	struct change c = { .t = t, .op = op, .primary = primary, .res = res };

	memset(res, 0, sizeof(*res));
	if (primary)
		op_keep_mtime(t, op);
	if (again != NULL)
		c.again = *again;
	res->err = op->type < OP_TYPES && table[op->type] != NULL ? table[op->type](&c) : EINVAL;
}

static bool
same_name(uint64_t dir1, const char *n1, uint64_t dir2, const char *n2)
{
	return dir1 != 0 && dir1 == dir2 && n1 != NULL && n2 != NULL && strcmp(n1, n2) == 0;
}

/* Is one of them, not 0, a folder that the other one works in, or its file? */
static bool
touches(uint64_t node, const struct rfs_op *b)
{
	return node != 0 && (node == b->node || node == b->other || node == b->child || node == b->parent || node == b->newparent);
}

bool
op_same_file(const struct rfs_op *a, const struct rfs_op *b)
{
	if (a->dir != b->dir)
		return false;
	if (touches(a->node, b) || touches(a->other, b) || touches(a->child, b) || touches(b->node, a) || touches(b->other, a) || touches(b->child, a))
		return true;
	return same_name(a->parent, a->name, b->parent, b->name) || same_name(a->parent, a->name, b->newparent, b->newname) ||
	    same_name(a->newparent, a->newname, b->parent, b->name) || same_name(a->newparent, a->newname, b->newparent, b->newname);
}
