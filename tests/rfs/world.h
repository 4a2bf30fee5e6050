/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h: a replicated folder without a second server, for tests: a mount, a keeper (the caller) and its worker (a child that can be killed), with
 * stand-ins for repl.h: nothing is sent, or every change is applied to another tree ("the secondary") by a thread that answers later.
 *
 * The caller is root and alone (no threads), and does nothing on the mount itself: it holds /dev/fuse, and a request of its own that no worker answers
 * would keep it from ending.  world_during() is for that.  Everything is below one folder, in a mount namespace of its own.
 */
#ifndef TEST_RFS_WORLD_H
#define TEST_RFS_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum world_repl {
	WORLD_LOCAL,		/* REPL_LOCAL */
	WORLD_WAIT,		/* REPL_WAIT, answered by another thread, nothing else */
	WORLD_LATE,		/* REPL_WAIT, answered when serve_stop() has returned */
	WORLD_TIMES_LATE,	/* REPL_SENT, answered by another thread; SETATTR and what is behind it when an FSYNC is */
	WORLD_SECOND		/* REPL_SENT, and applied to the folder second */
};
struct ledger;			/* what the secondary remembers, whoever plays it */
struct world {
	struct ledger *ledger;
	char	base[256], backing[300], mounted[300], second[300], bare[300];
	enum world_repl repl;
	const char *private;	/* regexpath that is not replicated, NULL none */
	int	fuse_fd, shm_fd;
	pid_t	worker;
	int	line;		/* worker: end of file is "stop" */
};
bool world_possible(void);	/* can a mount namespace be made here? */
/* Makes the folders and the mount, starts a worker.  Ends the process where that is not possible */
void world_begin(struct world *w, enum world_repl repl, const char *private);
void world_kill(struct world *w);	/* kill -9, and a new worker at once */
/* Runs load in a child and gives what it returned (0..255; 0 is well); meanwhile the worker is killed each kill_ms (0: not), and started again whenever it has died.
 * deaths: how often */
int world_during(struct world *w, int (*load)(const struct world *w, void *arg), void *arg, int kill_ms, unsigned *deaths);
void world_end(struct world *w);	/* unmounts, the worker ends by itself, removes the folders */

#endif
