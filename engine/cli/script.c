/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * script.c: runs one script of a module for a command of the user and waits for it: config, deconfig, confcheck, state, level (UG 14.3).
 * The scripts of a running module are heart's business.
 */
#include "config.h"
#include "cli/cli.h"
#include "act/script_env.h"
#include "conf/conf.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX	(1u << 20)	/* bytes kept of a script's output; what is more is read and dropped (ours) */

/* Reads until everybody who has the other end is gone, so that the script never blocks on us */
static char *
collect(int fd)
{
	size_t len = 0;
	char *text = NULL, buf[4096], *more;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n == -1 && errno == EINTR)) {
		if (n <= 0 || len + (size_t)n > OUTPUT_MAX || (more = realloc(text, len + (size_t)n + 1)) == NULL)
			continue;
		text = more;
		memcpy(text + len, buf, (size_t)n);
		len += (size_t)n;
		text[len] = '\0';
	}
	if (text != NULL)
		str_make_utf8(text);
	return text;
}

static _Noreturn void
child(struct script_call *s, const char *path, const char *bin, char **env, int out)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)s->state, (char *)(uintptr_t)s->next,
	    (char *)(uintptr_t)s->action, NULL };

	if (out != -1) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
	}
	if (chdir(bin) == 0)
		execve(path, argv, env);
	warn_errno("%s", path);
	_exit(126);	/* as shells say it: found, not runnable */
}

static char **
environment(struct cli *c, const struct script_call *s, const char *bin)
{
	char node[SK_NAME_MAX];
	char **env = script_env_build(s->module, cli_node(c, node), s->vars, s->nvars);

	/* a configuration that is being prepared is not yet where SAFEUSERBIN points to */
	if (env != NULL && !script_env_set(&env, "SAFEUSERBIN", bin)) {
		script_env_free(env);
		env = NULL;
	}
	return env;
}

int
script_call(struct cli *c, struct script_call *s)
{
	char path[PATH_MAX], bin[PATH_MAX];
	int fds[2] = { -1, -1 }, status;
	char **env = NULL;
	struct stat st;
	pid_t pid;

	s->out = NULL;
	if (!path_format(bin, sizeof(bin), "%s/bin", s->dir) || !path_format(path, sizeof(path), "%s/%s", bin, s->name)
	    || lstat(path, &st) == -1 || !S_ISREG(st.st_mode))
		return 0;
	env = environment(c, s, bin);
	if (env == NULL || (s->capture && pipe2(fds, O_CLOEXEC) == -1)) {
		warn_errno("%s", path);
		script_env_free(env);
		return -1;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(s, path, bin, env, fds[1]);
	script_env_free(env);
	if (fds[1] != -1)
		close(fds[1]);
	if (fds[0] != -1) {
		if (pid != -1)
			s->out = collect(fds[0]);
		close(fds[0]);
	}
	if (pid == -1) {
		warn_errno("%s", path);
		return -1;
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
