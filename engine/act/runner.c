/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner.c: the script thread.  One job at a time; the loop thread hands over a job and gets events back through a queue.
 */
#include "config.h"
#include "act/runner.h"
#include "act/thread.h"
#include "act/script_env.h"

#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS	20

struct queued { struct runner_event ev; struct queued *next; };

struct job { enum fsm_plan plan; uint32_t seq; char action[32]; };

struct runner {
	pthread_t	 thread;
	pthread_mutex_t	 lock;		/* all below up to `thread only`; never held across I/O */
	pthread_cond_t	 more;
	bool		 end, have_job;
	struct job	 job;
	struct runner_conf conf, next_conf;
	bool		 have_conf;
	struct queued	*head, **tail;
	uint32_t	 kill_seq;	/* jobs up to this number are given up */
	int		 kill_fd;	/* eventfd: readable while the running job is given up */
	void		(*wake)(void *ctx);
	void		*wake_ctx;
};

static void
emit(struct runner *r, const struct job *job, enum runner_what what, const struct fsm_step *step, int value)
{
	struct queued *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return;		/* heart is out of memory: its next allocation tells */
	q->ev.what = what;
	q->ev.seq = job->seq;
	q->ev.value = value;
	if (step != NULL) {
		str_copy(q->ev.script, sizeof(q->ev.script), step->script);
		q->ev.force = step->force;
	}
	pthread_mutex_lock(&r->lock);
	*r->tail = q;
	r->tail = &q->next;
	pthread_mutex_unlock(&r->lock);
	r->wake(r->wake_ctx);
}

static bool
given_up(struct runner *r, const struct job *job)
{
	bool yes;

	pthread_mutex_lock(&r->lock);
	yes = r->end || job->seq <= r->kill_seq;
	pthread_mutex_unlock(&r->lock);
	return yes;
}

/* ---- log files ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names hold their time: the oldest sort first. */
static void
forget_old_logs(const char *dir)
{
	char *names[4096], path[1024];
	size_t n = 0, i;
	struct dirent *d;
	DIR *dp = opendir(dir);

	if (dp == NULL)
		return;
	while (n < ARRAY_LEN(names) && (d = readdir(dp)) != NULL)
		if (strncmp(d->d_name, "userlog_", 8) == 0 && (names[n] = strdup(d->d_name)) != NULL)
			n++;
	closedir(dp);
	qsort(names, n, sizeof(names[0]), by_name);
	for (i = 0; i < n; i++) {
		if (n - i > RUNNER_LOGS_KEPT && path_format(path, sizeof(path), "%s/%s", dir, names[i]))
			unlink(path);
		free(names[i]);
	}
}

/* userlog_AAAA_MM_DDThhmmss_<script>.ulog (8.2 notes 2.1.3.3; its example writes the date with dashes, as we do); "_2" and so on when the
 * same script runs twice in a second, so that a run never writes into another's file */
static void
log_name(const struct runner_conf *c, const struct fsm_step *step, char *path, size_t size)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	struct stat st;
	int i;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H%M%S", &tm);
	for (i = 1; i < 100; i++) {
		char again[8] = "";

		if (i > 1)
			snprintf(again, sizeof(again), "_%d", i);
		path_format(path, size, "%s/userlog_%s_%s%s%s.ulog", c->log_dir, when, step->script, step->force ? "_force" : "", again);
		if (lstat(path, &st) == -1)
			return;
	}
}

/* -1 where that cannot be: a full disk or a lost folder takes the output, never the script (a stop script least of all) */
static int
open_log(const struct runner_conf *c, const struct fsm_step *step)
{
	char log[1024];
	int fd;

	log_name(c, step, log, sizeof(log));
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd == -1)
		warn_errno("%s", log);
	return fd;
}

/* ---- one script ---- */

static int
spawn(const struct runner_conf *c, const struct job *job, const struct fsm_step *step, const char *file, pid_t *pid)
{
	const struct fsm_plan_row *plan = &fsm_plans[job->plan];
	const char *argv[6];
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	int n = 0, rc, out = -1;

	argv[n++] = file;
	if (step->force)
		argv[n++] = "force";
	argv[n++] = rpt_state_names[plan->from];
	argv[n++] = rpt_state_names[plan->to];
	argv[n++] = job->action;
	argv[n] = NULL;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (c->userlog)
		out = open_log(c, step);
	if (out != -1)
		posix_spawn_file_actions_adddup2(&fa, out, 1);
	else
		posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, 1, 2);
	posix_spawn_file_actions_addchdir_np(&fa, c->bin_dir);
	posix_spawnattr_init(&at);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(pid, file, &fa, &at, (char *const *)(const void *)argv, c->env);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	if (out != -1)
		close(out);
	return rc;
}

static bool
has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid == pid;
}

/* Wait for the script, its timeout, or the end of the job.  Returns what happened; *value as in runner_event.  Without a pidfd (no
 * descriptor left) we look again every LOOK_MS: a timeout is kept all the same. */
static enum runner_what
await(struct runner *r, pid_t pid, int64_t timeout_ms, int *value)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status = 0;
	int64_t deadline = timeout_ms > 0 ? clock_mono_ms() + timeout_ms : 0;
	enum runner_what what = RUN_EXIT;
	bool killed = false;

	while (!has_ended(pid)) {
		struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = r->kill_fd, .events = POLLIN } };
		int64_t left = deadline == 0 ? -1 : deadline - clock_mono_ms();
		int n;

		if (deadline != 0 && left < 0)
			left = 0;
		if (killed)
			left = -1;
		if (pidfd == -1 && (left < 0 || left > LOOK_MS))
			left = LOOK_MS;
		n = poll(p, killed ? 1 : 2, left > INT32_MAX ? INT32_MAX : (int)left);
		if (killed || p[0].revents != 0 || n == -1)
			continue;
		if (n == 0 && (deadline == 0 || clock_mono_ms() < deadline))
			continue;
		if (n == 0)
			what = RUN_TIMEOUT;
		kill(-pid, SIGKILL);	/* its whole group: it was made its leader */
		killed = true;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (pidfd != -1)
		close(pidfd);
	if (what == RUN_TIMEOUT) {
		*value = (int)(timeout_ms / 1000);
	} else if (WIFSIGNALED(status)) {
		what = RUN_SIGNAL;
		*value = WTERMSIG(status);
	} else {
		*value = WEXITSTATUS(status);
	}
	return what;
}

/* 1 when it failed */
static int
run_step(struct runner *r, const struct job *job, const struct fsm_step *step)
{
	const struct runner_conf *c = &r->conf;
	enum runner_what what;
	char file[1024];
	int rc, value = 0;
	pid_t pid;

	if (!path_format(file, sizeof(file), "%s/%s", c->bin_dir, step->script) || access(file, F_OK) == -1)
		return 0;	/* this module does not have it */
	emit(r, job, RUN_BEGIN, step, 0);
	rc = spawn(c, job, step, file, &pid);
	if (rc != 0) {
		emit(r, job, RUN_ERROR, step, rc);
		return 1;
	}
	what = await(r, pid, !step->stop ? 0 : step->force ? c->force_ms : c->nice_ms, &value);
	emit(r, job, what, step, value);
	return what != RUN_EXIT || value != 0;
}

static void
run_job(struct runner *r, const struct job *job)
{
	const struct fsm_plan_row *plan = &fsm_plans[job->plan];
	int i, failures = 0;

	if (r->conf.scripts) {
		if (job->plan == P_PRESTART)
			forget_old_logs(r->conf.log_dir);
		for (i = 0; i < PLAN_STEPS_MAX && plan->steps[i].script != NULL && !given_up(r, job); i++)
			failures += run_step(r, job, &plan->steps[i]);
	}
	emit(r, job, RUN_DONE, NULL, failures);
}

static void *
runner_thread(void *arg)
{
	struct runner *r = arg;
	uint64_t drain;

	pthread_mutex_lock(&r->lock);
	while (!r->end) {
		struct job job;

		if (r->have_conf) {
			script_env_free(r->conf.env);
			r->conf = r->next_conf;
			r->have_conf = false;
		}
		if (!r->have_job) {
			pthread_cond_wait(&r->more, &r->lock);
			continue;
		}
		job = r->job;
		r->have_job = false;
		if (job.seq > r->kill_seq)
			(void)!read(r->kill_fd, &drain, sizeof(drain));	/* non-blocking: an older job's kill is over */
		pthread_mutex_unlock(&r->lock);
		run_job(r, &job);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- loop thread ---- */

struct runner *
runner_new(void (*wake)(void *ctx), void *ctx)
{
	struct runner *r = calloc(1, sizeof(*r));
	pthread_attr_t at;

	if (r == NULL)
		return NULL;
	r->wake = wake;
	r->wake_ctx = ctx;
	r->tail = &r->head;
	r->kill_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread_mutex_init(&r->lock);
	pthread_cond_init(&r->more, NULL);
	pthread_attr_init(&at);
	pthread_attr_setstacksize(&at, 256 * 1024);	/* the deepest frame holds 4096 pointers of log names */
	if (r->kill_fd == -1 || pthread_create(&r->thread, &at, runner_thread, r) != 0) {
		free(r);
		r = NULL;
	}
	pthread_attr_destroy(&at);
	return r;
}

static void
give_up(struct runner *r, uint32_t upto)
{
	uint64_t one = 1;

	if (upto > r->kill_seq)
		r->kill_seq = upto;
	(void)!write(r->kill_fd, &one, sizeof(one));
}

void
runner_free(struct runner *r)
{
	struct runner_event ev;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->end = true;
	give_up(r, UINT32_MAX);
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	while (runner_poll(r, &ev))
		;
	script_env_free(r->conf.env);
	if (r->have_conf)
		script_env_free(r->next_conf.env);
	close(r->kill_fd);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->more);
	free(r);
}

void
runner_configure(struct runner *r, const struct runner_conf *conf)
{
	pthread_mutex_lock(&r->lock);
	if (r->have_conf)
		script_env_free(r->next_conf.env);
	r->next_conf = *conf;
	r->have_conf = true;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}

void
runner_run(struct runner *r, enum fsm_plan plan, uint32_t seq, const char *action)
{
	pthread_mutex_lock(&r->lock);
	if (seq > 1)
		give_up(r, seq - 1);
	r->job.plan = plan;
	r->job.seq = seq;
	str_copy(r->job.action, sizeof(r->job.action), action);
	r->have_job = true;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}

void
runner_kill(struct runner *r)
{
	pthread_mutex_lock(&r->lock);
	give_up(r, r->job.seq);
	r->have_job = false;
	pthread_mutex_unlock(&r->lock);
}

bool
runner_poll(struct runner *r, struct runner_event *ev)
{
	struct queued *q;

	pthread_mutex_lock(&r->lock);
	q = r->head;
	if (q != NULL) {
		r->head = q->next;
		if (r->head == NULL)
			r->tail = &r->head;
	}
	pthread_mutex_unlock(&r->lock);
	if (q == NULL)
		return false;
	*ev = q->ev;
	free(q);
	return true;
}
