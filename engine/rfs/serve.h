/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.h: the primary's worker towards the kernel: requests of /dev/fuse (raw protocol), one slot of shared memory each until it is answered.
 *
 * A request is read straight into a slot; its state there says how far it is (read, applied, sent, answered), so that the worker's successor finishes what
 * the killed one had at hand: nothing is lost, nothing is done twice.  Threads read requests; what waits for the secondary does not hold a thread.
 * Buffers are resident (mlock): by the kernel's source a page fault refused because SIGKILL is pending would end the request with EIO.
 */
#ifndef SK_RFS_SERVE_H
#define SK_RFS_SERVE_H

#include "rfs/match.h"
#include "rfs/repl.h"

#define SERVE_SLOTS	48		/* requests at hand at once, all folders (ours): 48 MB */
#define SERVE_THREADS	8		/* that read and apply (ours) */

struct serve;
struct serve_conf {
	int	 dirs;
	struct tree *trees[RFS_DIRS_MAX];
	struct match *matches[RFS_DIRS_MAX];
	int	 fuse_fd[RFS_DIRS_MAX];
	int	 shm_fd;
};
/* Maps the shared memory (makes it where it is empty); repl_shm for repl_conf is in it. */
struct serve *serve_new(const struct serve_conf *conf, char *err, size_t errsize);
struct repl_shm *serve_shm(struct serve *s);
void serve_done(void *serve, struct repl_ticket *t);	/* repl_hooks.done */
bool serve_start(struct serve *s, struct repl *r, struct psync *ps, char *err, size_t errsize);	/* first what the former worker left, then new ones */
void serve_lock(void *serve, uint8_t dir, uint64_t node);
void serve_unlock(void *serve, uint8_t dir, uint64_t node);
/* Returns when every change that was prepared (repl_prepare) before the call is applied here or has failed: between map_cut_begin() and syncfs() */
void serve_settle(void *serve);
/* The mounts are gone, or the process ends: nothing more is read and applied.  What waits for the secondary may be answered still, from repl's threads: the
 * memory stays until the end of the process */
void serve_stop(struct serve *s);

/* What the keeper needs of the protocol (serve_init.c): answers INIT on a new descriptor before any worker is there.  mounted: where it is mounted, there
 * a folder and a file are opened once so that ENOSYS of OPEN is known (NULL: not done).  0 or -errno.  options for mount(2) are made by the keeper. */
#define SERVE_MOUNT_OPTIONS "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other,max_read=1048576"
int serve_init(int fuse_fd, const char *mounted);

#endif
