/* SPDX-License-Identifier: GPL-2.0-or-later */
/* custom_run.c: what a custom checker is started with, and how it becomes a process. */
#include "config.h"
#include "check/custom.h"

#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- what children are started with ---- */

static void
free_texts(struct customs *s)
{
	size_t i;

	for (i = 0; s->env != NULL && s->env[i] != NULL; i++)
		free(s->env[i]);
	free(s->env);
	free(s->module);
	free(s->bin);
	free(s->var);
}

void
customs_closed(uv_handle_t *h)
{
	free_texts(h->data);
	free(h->data);
}

static char **
copy_env(char **env)
{
	size_t n = 0, i;
	char **copy;

	while (env != NULL && env[n] != NULL)
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (i = 0; copy != NULL && i < n; i++)
		copy[i] = strdup(env[i]);
	return copy;
}

bool
customs_setup(struct customs *s, const struct check_setup *from)
{
	char *module = strdup(from->module), *bin = strdup(from->bin), *var = strdup(from->var), **env = copy_env(from->env);

	if (module == NULL || bin == NULL || var == NULL || env == NULL) {
		free(module);
		free(bin);
		free(var);
		free(env);
		return false;
	}
	free_texts(s);
	s->module = module;
	s->bin = bin;
	s->var = var;
	s->env = env;
	s->userlog = from->userlog;
	s->userlogsize_kb = from->userlogsize_kb;
	return true;
}

/* ---- making a process ---- */

static int
open_log(const struct customs *s, const char *name)
{
	char path[1024], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int fd;

	if (!s->userlog)
		return -1;
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H%M%S", &tm);
	if (!path_format(path, sizeof(path), "%s/userlog_%s_%s.ulog", s->var, when, name))
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd == -1)
		warn_errno("%s", path);
	return fd;
}

/* After fork(), with threads around: nothing but system calls */
static _Noreturn void
become(const struct customs *s, const char *file, char **argv, char **env, int out, pid_t parent, int report)
{
	static const int spared[] = { SIGKILL, SIGSTOP };
	sigset_t none;
	size_t i;
	int sig, null = open("/dev/null", O_RDWR), err;

	for (sig = 1; sig < NSIG; sig++) {
		for (i = 0; i < ARRAY_LEN(spared) && sig != spared[i]; i++)
			;
		if (i == ARRAY_LEN(spared))
			signal(sig, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_NOFILE, &s->files);
	if (getppid() != parent)
		_exit(127);
	dup2(null, 0);
	dup2(out != -1 ? out : null, 1);
	dup2(1, 2);
	if (null > 2)
		close(null);
	if (chdir(s->bin) == 0)
		execve(file, argv, env);
	err = errno;
	(void)!write(report, &err, sizeof(err));
	_exit(127);
}

/* argv: program, module, resource, words of arg.  One allocation for the array; the texts belong to others. */
static char **
make_argv(const struct customs *s, const struct row *r, char *file, char **words, int n)
{
	char **argv = calloc((size_t)n + 4, sizeof(*argv));
	int i;

	if (argv == NULL)
		return NULL;
	argv[0] = file;
	argv[1] = s->module;
	argv[2] = (char *)(uintptr_t)r->name;
	for (i = 0; i < n; i++)
		argv[3 + i] = words[i];
	return argv;
}

/* The environment with SAFECHECKER: an array of our own, texts borrowed but the last */
static char **
make_env(const struct customs *s, char *checker)
{
	size_t i, n = 0, k = 0;
	char **env;

	while (s->env != NULL && s->env[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		if (strncmp(s->env[i], "SAFECHECKER=", 12) != 0)
			env[k++] = s->env[i];
	env[k] = checker;
	return env;
}

/* Fork; whether exec works is seen when the child ends (exec_fd), so that a file server that hangs does not hold us.  Signals wait
 * meanwhile: libuv's handlers in the child would speak to our loop.  0 or errno. */
static int
spawn(struct child *c, const char *file, char **argv, char **env)
{
	pid_t pid, parent = getpid();
	sigset_t all, before;
	int pipefd[2], err = 0;

	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK) == -1)
		return errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(c->of, file, argv, env, c->log_fd, parent, pipefd[1]);
	if (pid == -1)
		err = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(pipefd[1]);
	if (pid == -1) {
		close(pipefd[0]);
		return err;
	}
	c->exec_fd = pipefd[0];
	c->pid = pid;
	return 0;
}

void
child_shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static bool
program_path(const struct child *c, char *file, size_t size)
{
	const char *exec = c->row->conf.exec;

	return path_format(file, size, "%s%s%s", exec[0] == '/' ? "" : c->of->bin, exec[0] == '/' ? "" : "/", exec);
}

bool
child_program(const struct child *c, struct stat *st)
{
	char file[1024];

	return program_path(c, file, sizeof(file)) && stat(file, st) == 0;
}

int
child_run(struct child *c)
{
	const struct row *r = c->row;
	char file[1024], checker[SK_NAME_MAX + 16], **words, **argv = NULL, **env = NULL;
	int n, err = EINVAL;

	if (!program_path(c, file, sizeof(file)))
		return ENAMETOOLONG;
	if (!child_program(c, &c->program))
		memset(&c->program, 0, sizeof(c->program));	/* starting it tells */
	words = words_split(r->conf.arg, &n);
	if (words == NULL)
		return n < 0 ? EINVAL : ENOMEM;
	snprintf(checker, sizeof(checker), "SAFECHECKER=%s", r->by);
	argv = make_argv(c->of, r, file, words, n);
	env = make_env(c->of, checker);
	if (c->log_fd == -1)
		c->log_fd = open_log(c->of, r->name);
	err = argv != NULL && env != NULL ? spawn(c, file, argv, env) : ENOMEM;
	free(argv);
	free(env);
	free(words);
	return err;
}
