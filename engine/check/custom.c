/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * custom.c: checkers of the user's, as children (user's guide 13.15, 15.13).  A child has a session of its own, the environment of scripts
 * plus SAFECHECKER, and dies with us (PR_SET_PDEATHSIG).  It sets its resource itself; when it ends although it should run it is
 * started again, later and later.
 *
 * A child that is to end gets SIGTERM with its group, and SIGKILL after TERM_MS.  It counts as gone when nothing of its group is left:
 * a "safekit set" that it had just begun must not speak after it.
 */
#include "config.h"
#include "check/impl.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TERM_MS		1000	/* from SIGTERM to SIGKILL: an order to heart waits for it (ours) */
#define GROUP_MS	500	/* for what SIGKILL leaves of a group to disappear (ours) */
#define LOOK_MS		10
#define AGAIN_MS	1000	/* before the first new start, doubled up to AGAIN_MAX_MS (ours) */
#define AGAIN_MAX_MS	60000
#define LIVED_MS	60000	/* who lived so long begins with AGAIN_MS again (ours) */
#define LOG_LOOK_MS	10000	/* how often the size of outputs is looked at (ours) */

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
	int64_t		 started_ms, again_ms, killed_ms;
	enum { WAIT_START, RUNS, TERMED, KILLED, GROUP } state;
	uv_timer_t	 timer;
};

static void start(struct child *c);
static void say(struct child *c, enum message m, const char *fmt, ...) PRINTFLIKE(3, 4);

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

static void
shut(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
run(struct child *c)
{
	const struct row *r = c->row;
	char file[1024], checker[SK_NAME_MAX + 16], **words, **argv = NULL, **env = NULL;
	int n, err = EINVAL;

	if (!path_format(file, sizeof(file), "%s%s%s", r->conf.exec[0] == '/' ? "" : c->of->bin, r->conf.exec[0] == '/' ? "" : "/",
	    r->conf.exec))
		return ENAMETOOLONG;
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

/* ---- a child's life ---- */

static void
free_child(uv_handle_t *h)
{
	free(h->data);
}

static void
free_customs(uv_handle_t *h)
{
	struct customs *s = h->data;
	size_t i;

	for (i = 0; s->env != NULL && s->env[i] != NULL; i++)
		free(s->env[i]);
	free(s->env);
	free(s->module);
	free(s->bin);
	free(s->var);
	free(s);
}

static struct child *
of_name(struct customs *s, const char *name, const struct child *but)
{
	struct child *c;

	for (c = s->first; c != NULL; c = c->next)
		if (c != but && strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Nothing of it is left, and its row is off */
static void
gone(struct child *c)
{
	struct customs *s = c->of;
	struct child **p, *waits;

	for (p = &s->first; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	shut(&c->log_fd);
	shut(&c->exec_fd);
	uv_close((uv_handle_t *)&c->timer, free_child);
	s->dying--;
	waits = of_name(s, c->name, c);	/* its row went on again meanwhile */
	if (waits != NULL && waits->state == WAIT_START && waits->row != NULL)
		start(waits);
	if (s->end && s->first == NULL)
		uv_close((uv_handle_t *)&s->sigchld, free_customs);
	else if (s->dying == 0 && !s->end)
		table_quiet(s->t);
}

static void
say(struct child *c, enum message m, const char *fmt, ...)
{
	const struct check_hooks *h = table_hooks(c->of->t);
	char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_make_utf8(text);
	h->log(h->ctx, m, c->row->by, text);
}

/* It cannot be started: said once, until it runs */
static void
say_cannot(struct child *c, int err)
{
	if (!c->row->said)
		say(c, MSG_CHECK_ERROR, "Checker %s cannot run: %.200s: %s", c->name, c->row->conf.exec,
		    err == EINVAL ? "a quote in its arguments is not closed" : strerror(err));
	c->row->said = true;
}

static void
say_ended(struct child *c, int status)
{
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "status %d", WEXITSTATUS(status));
	c->row->said = false;
	say(c, MSG_CUSTOM_ENDED, "Custom checker %s ended unexpectedly (%s): started again", c->name, how);
}

static void on_again(uv_timer_t *timer);
static void on_group(uv_timer_t *timer);

static void
again(struct child *c)
{
	c->state = WAIT_START;
	c->again_ms = c->again_ms == 0 ? AGAIN_MS : c->again_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : c->again_ms * 2;
	uv_timer_start(&c->timer, on_again, (uint64_t)c->again_ms, 0);
}

/* An output that grows for months would fill the disk: it is emptied at its limit (of user's guide 13.7, there at the start only) */
static void
on_log_look(uv_timer_t *timer)
{
	struct child *c = timer->data;
	struct stat st;

	if (fstat(c->log_fd, &st) == 0 && st.st_size > (off_t)c->of->userlogsize_kb * 1024 && ftruncate(c->log_fd, 0) == -1)
		warn_errno("output of %s", c->name);
}

static void
start(struct child *c)
{
	const struct check_hooks *h = table_hooks(c->of->t);
	int err;

	if (of_name(c->of, c->name, c) != NULL)
		return;		/* its predecessor: gone() calls us */
	if (c->again_ms != 0)
		h->resource(h->ctx, c->name, "init", c->row->by, "");
	err = run(c);
	c->started_ms = clock_mono_ms();
	if (err != 0) {
		say_cannot(c, err);
		again(c);
		return;
	}
	c->state = RUNS;
	if (c->log_fd != -1 && c->of->userlogsize_kb > 0)
		uv_timer_start(&c->timer, on_log_look, LOG_LOOK_MS, LOG_LOOK_MS);
}

static void
on_again(uv_timer_t *timer)
{
	start(timer->data);
}

/* Its group got SIGKILL; wait for it to disappear */
static void
watch_group(struct child *c)
{
	c->state = GROUP;
	c->killed_ms = clock_mono_ms();
	uv_timer_start(&c->timer, on_group, 0, LOOK_MS);
}

static void
on_group(uv_timer_t *timer)
{
	struct child *c = timer->data;

	if (kill(-c->group, 0) == 0 && clock_mono_ms() - c->killed_ms < GROUP_MS)
		return;
	uv_timer_stop(timer);
	c->group = 0;
	if (c->row == NULL)
		gone(c);
	else
		again(c);
}

/* The first process has ended: its zombie keeps the group's number ours until here */
static void
ended(struct child *c)
{
	int status = 0, err = 0;

	kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) == -1 && errno == EINTR)
		;
	c->group = c->pid;
	c->pid = 0;
	uv_timer_stop(&c->timer);
	if (c->row != NULL && read(c->exec_fd, &err, sizeof(err)) == (ssize_t)sizeof(err)) {
		say_cannot(c, err);
	} else if (c->row != NULL) {
		say_ended(c, status);
		if (clock_mono_ms() - c->started_ms >= LIVED_MS)
			c->again_ms = 0;
	}
	shut(&c->exec_fd);
	watch_group(c);
}

static void
on_sigchld(uv_signal_t *sig, int signum)
{
	struct customs *s = sig->data;
	struct child *c, *next;

	for (c = s->first; c != NULL; c = next) {
		siginfo_t info = { 0 };

		next = c->next;
		if (c->pid > 0 && waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == c->pid)
			ended(c);
	}
}

static void
on_term_over(uv_timer_t *timer)
{
	struct child *c = timer->data;

	c->state = KILLED;
	if (c->pid > 0)
		kill(-c->pid, SIGKILL);
}

/* ---- a row ---- */

static bool
custom_begin(struct row *r)
{
	struct customs *s = table_shared(r->t)->customs;
	struct child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->of = s;
	c->row = r;
	c->log_fd = c->exec_fd = -1;
	c->state = WAIT_START;
	str_copy(c->name, sizeof(c->name), r->name);
	uv_timer_init(table_loop(s->t), &c->timer);
	c->timer.data = c;
	c->next = s->first;
	s->first = c;
	r->priv = c;
	start(c);
	return true;
}

static void
custom_end(struct row *r)
{
	struct child *c = r->priv;

	r->priv = NULL;
	if (c == NULL)
		return;
	c->row = NULL;
	c->of->dying++;
	uv_timer_stop(&c->timer);
	if (c->state == GROUP) {
		uv_timer_start(&c->timer, on_group, 0, LOOK_MS);
	} else if (c->pid > 0) {
		c->state = TERMED;
		kill(-c->pid, SIGTERM);
		uv_timer_start(&c->timer, on_term_over, TERM_MS, 0);
	} else {
		gone(c);
	}
}

const struct kind check_custom = { .kind = CHECK_CUSTOM, .begin = custom_begin, .end = custom_end };

/* ---- all of them ---- */

struct customs *
customs_new(struct table *t)
{
	struct customs *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->t = t;
	getrlimit(RLIMIT_NOFILE, &s->files);
	uv_signal_init(table_loop(t), &s->sigchld);
	s->sigchld.data = s;
	uv_signal_start(&s->sigchld, on_sigchld, SIGCHLD);
	uv_unref((uv_handle_t *)&s->sigchld);
	return s;
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
	size_t i;

	if (module == NULL || bin == NULL || var == NULL || env == NULL) {
		free(module);
		free(bin);
		free(var);
		free(env);
		return false;
	}
	for (i = 0; s->env != NULL && s->env[i] != NULL; i++)
		free(s->env[i]);
	free(s->env);
	free(s->module);
	free(s->bin);
	free(s->var);
	s->module = module;
	s->bin = bin;
	s->var = var;
	s->env = env;
	s->userlog = from->userlog;
	s->userlogsize_kb = from->userlogsize_kb;
	return true;
}

int
customs_dying(const struct customs *s)
{
	return s->dying;
}

void
customs_kill(struct customs *s)
{
	struct child *c;

	for (c = s->first; c != NULL; c = c->next)
		if (c->pid > 0)
			kill(-c->pid, SIGKILL);
}

void
customs_free(struct customs *s)
{
	if (s == NULL)
		return;
	s->end = true;
	uv_ref((uv_handle_t *)&s->sigchld);	/* children on their way out are waited for */
	if (s->first == NULL)
		uv_close((uv_handle_t *)&s->sigchld, free_customs);
}
