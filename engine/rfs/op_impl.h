/* SPDX-License-Identifier: GPL-2.0-or-later */
/* op_impl.h: what op.c (data and attributes of a file, the table) and op_names.c (names) share; nobody else includes it. */
#ifndef SK_RFS_OP_IMPL_H
#define SK_RFS_OP_IMPL_H

#include "rfs/op.h"

struct change {			/* one op_apply() */
	struct tree	*t;
	struct rfs_op	*op;
	bool		 primary;
	struct rfs_again again;		/* maybe false: for the first time */
	struct rfs_result *res;
};
/* 0 or an errno */
typedef int op_fn(struct change *c);
op_fn op_create, op_mkdir, op_symlink, op_link, op_unlink, op_rmdir, op_rename;

struct timespec op_ts(int64_t ns);	/* 0: UTIME_OMIT */
void op_become(const struct rfs_op *op);	/* the thread makes files as op's uid, gid and umask say */
/* mtime of an open file or folder, ns 0: leave */
void op_set_mtime(int fd, int64_t ns);

#endif
