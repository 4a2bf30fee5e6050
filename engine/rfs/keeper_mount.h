/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_mount.h: what stands at the place of each replicated folder: a link (module stopped), the FUSE mount (primary), a bind mount (secondary).
 *
 * All of it blocks (umount, syncfs): called in a thread of the keeper's pool, one job at a time; only that thread touches the job until it is done.
 * Never does: remove or move a file of the application.
 */
#ifndef SK_RFS_KEEPER_MOUNT_H
#define SK_RFS_KEEPER_MOUNT_H

#include "conf/conf.h"
#include "rfs/rfs.h"
#include "wire/message.h"

#include <limits.h>

enum mount_kind { MOUNT_LINK, MOUNT_FUSE, MOUNT_BIND };
#define MOUNT_SAID	16		/* messages of one job (ours) */
struct mount_dir { char dir[PATH_MAX], backing[PATH_MAX]; bool read_only; int tocheck_count; char **tocheck; };
struct mount_job {
	enum mount_kind to;
	char	 source[SK_NAME_MAX + 16];	/* first column of /proc/mounts */
	int	 dirs;
	struct mount_dir d[RFS_DIRS_MAX];
	bool	 served;		/* FUSE that is mounted is ours, not of a former life, */
	bool	 flush;			/* and has a worker: it is synced before it is taken away */
	int	 fuse_fd[RFS_DIRS_MAX];	/* MOUNT_FUSE: out, one for each folder; -1 none */
	bool	 on_disk;		/* out: it was ours, and the folders behind are on the disk */
	bool	 broken;		/* out: a former life's mount was there, and nobody served it */
	char	 why[SK_TEXT_MAX];	/* out: "" done; else nothing of what was to be mounted is */
	int	 said;
	struct { enum message key; char text[SK_TEXT_MAX]; } say[MOUNT_SAID];
};
bool mount_job_fill(struct mount_job *j, const char *module, const struct conf_rfs *rfs);	/* folders; false: a path is too long */
void mount_job_free(struct mount_job *j);
void mount_job_run(struct mount_job *j);

#endif
