/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serve_parse.c: from a request of the kernel to the change that it asks for.  Pure; pointers go into the slot. */
#include "config.h"
#include "rfs/serve_impl.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <string.h>
#include <time.h>

static const char *
set_name(struct rfs_op *op, const char *name)
{
	op->name = name;
	op->name_len = (uint16_t)strlen(name);
	return name + op->name_len + 1;
}

static void
set_newname(struct rfs_op *op, const char *name)
{
	op->newname = name;
	op->newname_len = (uint16_t)strlen(name);
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);	/* what the file system would take */
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int64_t
to_ns(uint64_t s, uint32_t ns)
{
	return (int64_t)s * INT64_C(1000000000) + ns;
}

static void
parse_setattr(struct rfs_op *op, const struct fuse_setattr_in *in)
{
	static const struct { uint32_t fuse, op; } bits[] = {
		{ FATTR_MODE, OP_SET_MODE }, { FATTR_UID, OP_SET_UID }, { FATTR_GID, OP_SET_GID }, { FATTR_SIZE, OP_SET_SIZE },
		{ FATTR_ATIME | FATTR_ATIME_NOW, OP_SET_ATIME }, { FATTR_MTIME | FATTR_MTIME_NOW, OP_SET_MTIME }, { FATTR_KILL_SUIDGID, OP_SET_KILL },
	};
	size_t i;

	op->type = OP_SETATTR;
	for (i = 0; i < ARRAY_LEN(bits); i++)
		if ((in->valid & bits[i].fuse) != 0)
			op->valid |= bits[i].op;
	op->mode = in->mode;
	op->uid = in->uid;
	op->gid = in->gid;
	op->size = in->size;
	op->atime_ns = (in->valid & FATTR_ATIME_NOW) != 0 ? now_ns() : to_ns(in->atime, in->atimensec);
	op->mtime_ns = (in->valid & FATTR_MTIME_NOW) != 0 ? now_ns() : to_ns(in->mtime, in->mtimensec);
}

static void
parse_write(struct rfs_op *op, const struct fuse_write_in *in)
{
	op->type = OP_WRITE;
	op->off = in->offset;
	op->len = op->data_len = in->size;
	op->data = in + 1;
	op->flags = (in->write_flags & FUSE_WRITE_KILL_SUIDGID) != 0 ? OP_WRITE_KILL : 0;
}

static void
parse_setxattr(struct rfs_op *op, const struct fuse_setxattr_in *in)
{
	op->type = OP_SETXATTR;
	op->data = set_name(op, (const char *)(in + 1));
	op->data_len = in->size;
	op->flags = in->flags & (XATTR_CREATE | XATTR_REPLACE);
	if ((in->setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID) != 0)
		op->flags |= OP_XATTR_KILL;
}

static void
parse_make(struct rfs_op *op, uint32_t mode, uint32_t rdev, uint32_t mask, const char *name)
{
	op->type = S_ISDIR(mode) ? OP_MKDIR : OP_CREATE;
	op->mode = mode;
	op->rdev = rdev;
	op->umask = mask;
	set_name(op, name);
}

/* What makes, moves and removes names; its nodeid is the folder */
static bool
parse_names(struct rfs_op *op, uint32_t opcode, const void *arg, uint64_t *other)
{
	const struct fuse_create_in *create = arg;
	const struct fuse_mknod_in *mknod = arg;
	const struct fuse_mkdir_in *mkdir = arg;
	const struct fuse_rename2_in *move = arg;

	switch (opcode) {
	case FUSE_CREATE:
		parse_make(op, (create->mode & 07777) | S_IFREG, 0, create->umask, (const char *)(create + 1));
		return true;
	case FUSE_MKNOD:
		parse_make(op, (mknod->mode & S_IFMT) != 0 ? mknod->mode : mknod->mode | S_IFREG, mknod->rdev, mknod->umask, (const char *)(mknod + 1));
		return true;
	case FUSE_MKDIR:
		parse_make(op, (mkdir->mode & 07777) | S_IFDIR, 0, mkdir->umask, (const char *)(mkdir + 1));
		return true;
	case FUSE_SYMLINK:
		op->type = OP_SYMLINK;
		op->data = set_name(op, arg);
		op->data_len = (uint32_t)strlen(op->data);
		return true;
	case FUSE_LINK:
		op->type = OP_LINK;
		*other = ((const struct fuse_link_in *)arg)->oldnodeid;
		set_name(op, (const char *)arg + sizeof(struct fuse_link_in));
		return true;
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		op->type = opcode == FUSE_UNLINK ? OP_UNLINK : OP_RMDIR;
		set_name(op, arg);
		return true;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		op->type = OP_RENAME;
		*other = move->newdir;
		op->flags = opcode == FUSE_RENAME2 ? move->flags : 0;
		set_newname(op, set_name(op, (const char *)arg + (opcode == FUSE_RENAME2 ? sizeof(*move) : sizeof(struct fuse_rename_in))));
		return true;
	default:
		return false;
	}
}

bool
serve_parse(struct slot *z, struct rfs_op *op, uint64_t *other)
{
	const struct fuse_in_header *h = slot_head(z);
	const void *arg = slot_arg(z);
	const struct fuse_fallocate_in *fallocate = arg;

	memset(op, 0, sizeof(*op));
	*other = 0;
	op->dir = z->dir;
	op->uid = h->uid;
	op->gid = h->gid;
	if (parse_names(op, h->opcode, arg, other)) {
		op->parent = h->nodeid;
		return true;
	}
	op->node = h->nodeid;
	switch (h->opcode) {
	case FUSE_WRITE:
		parse_write(op, arg);
		return true;
	case FUSE_SETATTR:
		parse_setattr(op, arg);
		return true;
	case FUSE_FALLOCATE:
		op->type = OP_FALLOCATE;
		op->off = fallocate->offset;
		op->len = fallocate->length;
		op->flags = fallocate->mode;
		return true;
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		op->type = OP_FSYNC;
		op->flags = (((const struct fuse_fsync_in *)arg)->fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? OP_FSYNC_DATA : 0;
		return true;
	case FUSE_SETXATTR:
		parse_setxattr(op, arg);
		return true;
	case FUSE_REMOVEXATTR:
		op->type = OP_REMOVEXATTR;
		set_name(op, arg);
		return true;
	default:
		return false;
	}
}
