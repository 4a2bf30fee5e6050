/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * procs.h: the processes of this server as /proc tells them: who runs under which name, with which arguments.
 *
 * Called by: errd (check), safekit kill, processtree and errdpoll_running (cli).  Never does: wait, remember what it saw, judge it.
 * A pid alone names nobody, as it is used again: pid and start together do, and proc_open() turns them into a descriptor that stays right.
 * Thread: every function may be called from any thread.
 */
#ifndef SK_PROCS_H
#define SK_PROCS_H

#include "base/base.h"
#include <regex.h>

#define PROC_NAME_MAX	256		/* bytes with NUL of a command name */
#define PROC_ARGS_MAX	65536		/* bytes with NUL of an argument list; what is longer is cut (ours) */

struct proc {
	pid_t	 pid, ppid;
	uint64_t start;			/* clock ticks from boot of the server to its birth */
	char	 name[PROC_NAME_MAX];	/* command name: /proc/PID/comm.  The kernel cuts that at 15 bytes: a name of 15 is completed from the
					 * base name of argv[0], argv[1], argv[2] (scripts) or of the exe link, whichever begins with it */
	char	 comm[PROC_NAME_MAX];	/* as the kernel has it */
	char	 script[PROC_NAME_MAX];	/* base name of argv[1] where the command is an interpreter (sh, python3...), "" = none */
	const char *args;		/* argument list with the executable, joined by blanks; the command name where a process has none;
					 * ends with the visit */
};

/* Calls visit for every process that is neither a kernel thread nor a zombie, in the order of /proc, until visit says false.  root NULL:
 * /proc.  What ends during the scan may be missing.  0 or -1 with errno (root cannot be read, no memory). */
int procs_scan(const char *root, bool (*visit)(void *ctx, const struct proc *p), void *ctx);

/* Is name its command name (whole or as the kernel cut it) or that of its script? */
bool proc_is(const struct proc *p, const char *name);
bool proc_name_matches(const struct proc *p, const regex_t *re);	/* search in each of the same names */

/* pidfd of that very process, close-on-exec; -1 errno: ESRCH it ended (also as zombie), others from the system */
int proc_open(pid_t pid, uint64_t start);
/* 0 and its start, or -1 with errno ESRCH when it ended or is a zombie */
int proc_start(pid_t pid, uint64_t *start);

#endif
