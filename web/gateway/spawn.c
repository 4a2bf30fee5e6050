/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawn.c: starts SAFE/safekit for a user of the web service: a clean environment, no standard input, a group of its own.
 */
#include "config.h"
#include "web/gateway/parent.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Variables that say where and which server this is, of our own environment; nothing else of it */
static char **
environment(void)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8", home[] = "HOME=/", space[4][PATH_MAX + 16];
	static char *env[8];
	static const char *const ours[] = { "SAFE_BOOT_ID", "TZ" };
	size_t i, n = 0;

	env[n++] = path;
	env[n++] = lang;
	env[n++] = home;
	if (path_format(space[0], sizeof(space[0]), "SAFE=%s", path_safe()))
		env[n++] = space[0];
	if (path_format(space[1], sizeof(space[1]), "SAFEVAR=%s", path_safevar()))
		env[n++] = space[1];
	for (i = 0; i < ARRAY_LEN(ours); i++) {
		const char *value = getenv(ours[i]);

		if (value != NULL && path_format(space[2 + i], sizeof(space[2]), "%s=%s", ours[i], value))
			env[n++] = space[2 + i];
	}
	env[n] = NULL;
	return env;
}

/* In the new process.  SIGPIPE is ignored: when we die the command goes on, whatever its state. */
static _Noreturn void
become(const char *file, const char *const *argv, char **env, int out, int err)
{
	int nothing = open("/dev/null", O_RDONLY), sig;
	sigset_t none;

	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, sig == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)umask(022);
	if (setsid() == -1 || chdir("/") == -1 || nothing == -1 || dup2(nothing, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1 ||
	    close_range(3, ~0u, 0) == -1)
		_exit(126);
	(void)execve(file, (char *const *)(uintptr_t)argv, env);
	dprintf(2, "Error: %s: %s\n", file, strerror(errno));
	_exit(127);
}

pid_t
spawn_safekit(const char *const *argv, int out, int err)
{
	char file[PATH_MAX], **env = environment();
	pid_t pid;

	if (!path_format(file, sizeof(file), "%s/safekit", path_safe())) {
		errno = ENAMETOOLONG;
		return -1;
	}
	pid = fork();
	if (pid == 0)
		become(file, argv, env, out, err);
	return pid;
}
