/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apart.c: calls into a mount of our own, made by a child that holds nothing of it. */
#include "config.h"
#include "rfs/apart.h"

#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

pid_t
apart_start(int (*fn)(const char *path), const char *path)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	close_range(0, ~0U, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* what it was to do is another one's turn then */
	_exit(getppid() == parent ? fn(path) & 0xff : EIO);
}

static int
value_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

int
apart_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return EIO;
	return value_of(status);
}

int
apart_poll(pid_t pid)
{
	int status;
	pid_t got = waitpid(pid, &status, WNOHANG);

	if (got == 0 || (got == -1 && errno == EINTR))
		return -1;
	return got == pid ? value_of(status) : EIO;
}

int
apart(int (*fn)(const char *path), const char *path)
{
	pid_t pid = apart_start(fn, path);

	return pid == -1 ? errno : apart_end(pid);
}

int
apart_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 || syncfs(fd) == -1 ? errno : 0;
}

int
apart_look(const char *path)
{
	struct statvfs v;

	return statvfs(path, &v) == -1 ? errno : 0;
}
