/* SPDX-License-Identifier: GPL-2.0-or-later */
/* custom.h: what custom.c (the life of a child) and custom_run.c (how it is made) share. */
#ifndef SK_CHECK_CUSTOM_H
#define SK_CHECK_CUSTOM_H

#include "check/impl.h"
#include <sys/resource.h>
#include <sys/stat.h>

struct customs {
	struct table	*t;
	char		*module, *bin, *var;
	char		**env;
	bool		 userlog;
	int		 userlogsize_kb;
	struct child	*first;
	int		 dying;
	uv_signal_t	 sigchld;
	struct rlimit	 files;		/* as we found it: children get that */
	bool		 end;		/* free when the last child has gone */
};

struct child {
	struct customs	*of;
	struct child	*next;
	struct row	*row;		/* NULL: dying, its row is off or gone */
	char		 name[SK_RES_MAX];
	pid_t		 pid;		/* 0: not running */
	pid_t		 group;		/* what is left of it after pid, 0: nothing */
	int		 log_fd;	/* output, one file as long as the row is on; -1: none */
	int		 exec_fd;	/* errno of an exec that failed comes here; -1: none */
	struct stat	 program;	/* as it was when it was started */
	int64_t		 started_ms, again_ms, killed_ms, look_ms;
	enum { WAIT_START, RUNS, TERMED, KILLED, GROUP } state;
	uv_timer_t	 timer;
};

/* Starts c->row's program; its output goes to c->log_fd, opened at the first start.  0 with pid and exec_fd, or errno; EINVAL: a quote in
 * its arguments is not closed. */
int child_run(struct child *c);
bool child_program(const struct child *c, struct stat *st);	/* what its program is now; false: not there */
void child_shut(int *fd);	/* closes what is open */
void customs_closed(uv_handle_t *h);	/* frees h->data, a struct customs */

#endif
