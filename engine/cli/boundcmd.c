/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boundcmd.c: special command of scripts: boundcmd SECONDS COMMAND [ARGUMENTS] (UG 14.5).  Exit status of the command when it ends in
 * time, else 2 - and then the command and all it started is killed.
 *
 * The command stays in the process group of the script, so that whoever kills the script reaches it too.  What it started in the
 * background becomes our child when it dies (subreaper), which is how it is found.
 */
#include "config.h"
#include "base/base.h"

#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILL_MS	2000	/* between SIGTERM and SIGKILL (ours) */

static int
ended(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			fatal("waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* true when it ended within ms */
static bool
wait_for(struct pollfd *p, int64_t ms)
{
	int64_t deadline = clock_mono_ms() + ms, left;
	int rc;

	while ((left = deadline - clock_mono_ms()) > 0) {
		rc = poll(p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (rc > 0)
			return true;
		if (rc == -1 && errno != EINTR)
			fatal("poll: %s", strerror(errno));
	}
	return poll(p, 1, 0) > 0;
}

/* Our children, and those that become ours when these die, until there is none */
static void
kill_all(void)
{
	char file[64], *list, *p, *end;
	long child;

	snprintf(file, sizeof(file), "/proc/self/task/%d/children", (int)getpid());
	do {
		if (path_read(file, &list, 1 << 20) == -1) {
			warn_errno("%s", file);
			return;
		}
		for (p = list; (child = strtol(p, &end, 10)) > 0 && end != p; p = end)
			kill((pid_t)child, SIGKILL);
		free(list);
	} while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

int
main(int argc, char **argv)
{
	struct pollfd p = { .events = POLLIN };
	uint64_t seconds;
	pid_t pid;

	diag_init("boundcmd", 0);
	if (argc < 3 || !str_to_u64(argv[1], 0, 31536000, &seconds))
		fatal("expected: boundcmd SECONDS COMMAND [ARGUMENTS]");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		warn_errno("%s", argv[2]);
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid == -1 || (p.fd = pidfd_open(pid, 0)) == -1)
		fatal("%s: %s", argv[2], strerror(errno));
	if (wait_for(&p, (int64_t)seconds * 1000))
		return ended(pid);
	kill(pid, SIGTERM);
	wait_for(&p, KILL_MS);
	kill_all();
	warn_text("%s did not end within %llu s: killed", argv[2], (unsigned long long)seconds);
	return 2;
}
