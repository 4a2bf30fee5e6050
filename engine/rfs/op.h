/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * op.h: one change of a tree.  The primary applies it to its folder, sends it, and the secondary applies the same struct to its own: one
 * function for both (op_apply), so that both do the same.
 *
 * Called by: serve.c, second.c, both in any thread; the caller holds what keeps two changes of one node or one name apart.  Never does:
 * follow a symbolic link, leave the tree, wait for a network.
 */
#ifndef SK_RFS_OP_H
#define SK_RFS_OP_H

#include "rfs/tree.h"

/* numbers of the wire */
enum rfs_op_type {
	OP_CREATE = 1,	/* parent, name, mode (with type: regular, fifo, socket, device), rdev, umask, uid, gid; child */
	OP_MKDIR,	/* parent, name, mode, umask, uid, gid; child */
	OP_SYMLINK,	/* parent, name, data: target (data_len bytes, no NUL); uid, gid; child */
	OP_LINK,	/* node; parent, name */
	OP_UNLINK,	/* parent, name; node: the file that it was (0 not known); orphan: it stays open here (never sent with orphan set) */
	OP_RMDIR,	/* parent, name; node likewise */
	OP_RENAME,	/* parent, name, newparent, newname, flags (RENAME_NOREPLACE, RENAME_EXCHANGE); node: what moves, other: what was there (0 none) */
	OP_WRITE,	/* node, off, data */
	OP_SETATTR,	/* node, valid (OP_SET_*), size, mode, uid, gid, times */
	OP_FALLOCATE,	/* node, flags (FALLOC_FL_*), off, len */
	OP_COPY,	/* copy_file_range: node, off <- other, off2, len; the length copied is the primary's: all of it or an error */
	OP_FSYNC,	/* node, flags 1: fdatasync */
	OP_SETXATTR,	/* node, name, data, flags (XATTR_CREATE, XATTR_REPLACE) */
	OP_REMOVEXATTR,	/* node, name */
	OP_TYPES
};
static inline int64_t
op_ns(const struct timespec *ts)
{
	return ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec;
}
enum { OP_SET_MODE = 1, OP_SET_UID = 2, OP_SET_GID = 4, OP_SET_SIZE = 8, OP_SET_ATIME = 16, OP_SET_MTIME = 32,
	OP_SET_KILL = 64 };		/* with OP_SET_SIZE: the one who does it loses the file's setuid and setgid bits */
#define OP_WRITE_KILL	1u		/* flags of OP_WRITE: likewise */
#define OP_XATTR_KILL	0x100u		/* flags of OP_SETXATTR (an ACL): likewise the setgid bit */
#define OP_FSYNC_DATA	1u

struct rfs_op {
	uint8_t	 type;
	uint8_t	 dir;			/* index of the folder */
	bool	 orphan;
	uint64_t node, parent, newparent, other, child;	/* the primary's nodes; child: of what was made, filled in by the primary once it is */
	const char *name, *newname;	/* NUL-terminated, borrowed */
	uint16_t name_len, newname_len;
	uint32_t mode, rdev, umask, uid, gid, flags, valid;
	uint64_t off, off2, len, size;
	const void *data;		/* borrowed */
	uint32_t data_len;
	/* SETATTR: to set.  WRITE, FALLOCATE: to set on both sides after it, 0 leave (op_keep_mtime()).
	 * Others: of the changed file as the primary had it after the change, 0 leave: so that times
	 * are equal on both */
	int64_t	 atime_ns, mtime_ns;
	int64_t	 parent_mtime_ns, newparent_mtime_ns;	/* of the folders likewise */
};
struct rfs_result {
	int	 err;			/* 0 or an errno */
	size_t	 done;			/* of WRITE: bytes, all of them unless err */
	uint64_t child;			/* of CREATE, MKDIR, SYMLINK, LINK: in this tree */
	struct stat st;			/* of the child, or of node after SETATTR */
	bool	 has_st;
};
/* On the primary (primary true) fills in op's child, node and times for the one who gets it next, and for what was made its mode, uid and gid as they
 * came out (umask 0: default ACLs and setgid folders have been regarded).  On the secondary makes these so and sets the times.  What op->orphan
 * preserves goes to RFS_HIDDEN/orphan; op->orphan false afterwards: it was not possible (disk full), the file is gone but for open descriptors.  again: this very change may have been applied before by a worker that was killed in its midst: what it would find done counts as success
 * (pre: node under op->name before, pre2: under newname; 0 none), by the rules of op.c's table. */
struct rfs_again { bool maybe; uint64_t pre, pre2; };	/* xattrs: pre 1: was there.  FALLOCATE: pre: size before */
void op_apply(struct tree *t, struct rfs_op *op, bool primary, const struct rfs_again *again, struct rfs_result *res);
/* The kernel keeps the mtime of a file that is written, and tells it by SETATTR, before or after the data that it belongs to; if that is the very one that we
 * have, or if none moves (truncate(2) to the size that the file has), it does not tell it at all.  So what changes data or size and says no time leaves the
 * mtime as it was, here and there: this fills it in, before op is applied for the first time. */
void op_keep_mtime(struct tree *t, struct rfs_op *op);
/* Do both name the same file, or does one change a name that the other needs?  For the order in which they are sent. */
bool op_same_file(const struct rfs_op *a, const struct rfs_op *b);
void op_thread_init(void);		/* once in each thread that applies: own umask, capabilities kept over setfsuid() */

#endif
