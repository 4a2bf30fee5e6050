/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_errd.c: from the death of a process to what errd says of it, and what polling 500 processes costs.
 *
 * usage: bench_errd [rounds, default 50] [processes, default 500]
 * Prints a table; the status is 1 when the median of the deaths is over LIMIT_MS.
 */
#include "config.h"
#include "check/errd.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS	50
#define ROUNDS_MAX	10000
#define PROCS_MAX	100000
#define POLLS		100
#define NEVER_MS	3600000

/* libconf is not linked: errd needs these words of it only */
const char *const conf_do_names[DO_COUNT] = { "", "noaction", "wait", "restart", "stopstart", "stop", "swap", "exec" };

static bool up, down;
static double down_at;
static int events;

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double
cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void
resource(void *ctx, const char *name, const char *value, const char *by, const char *why)
{
	if (strcmp(name, "proc.bench-one") != 0)
		return;
	up = strcmp(value, "up") == 0;
	down = strcmp(value, "down") == 0;
	if (down)
		down_at = now_ms();
}

static void
action(void *ctx, const char *verb, const char *by, const char *identity)
{
	events++;
}

static void
said(void *ctx, int message, const char *origin, const char *text)
{
}

static void
tick(uv_timer_t *t)
{
}

/* UV_RUN_ONCE that runs a timer which is already due waits for one more event afterwards: the tick of main() is that event */
static void
run_until(uv_loop_t *loop, const bool *flag)
{
	while (!*flag)
		uv_run(loop, UV_RUN_ONCE);
}

static pid_t
child(const char *name)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready) == -1 || (pid = fork()) == -1)
		fatal("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	if (read(ready[0], &byte, 1) != 1)
		fatal("a child did not start");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct conf_proc
row(const char *name, int act)
{
	struct conf_proc c = { .atleast = 1, .atmax = -1, .when = WHEN_PRIM, .action = act };

	str_copy(c.name, sizeof(c.name), name);
	str_copy(c.class_name, sizeof(c.class_name), "prim");
	return c;
}

static int
by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double
deaths(struct errd *e, uv_loop_t *loop, int rounds)
{
	static double took[ROUNDS_MAX];
	int i;

	for (i = 0; i < rounds; i++) {
		struct timespec pause_between = { .tv_nsec = 60000000 };	/* errd looks more rarely at a storm of deaths */
		pid_t pid = child("bench-one");
		double began;

		nanosleep(&pause_between, NULL);
		errd_classes(e, 1u << WHEN_PRIM, true);
		up = false;
		run_until(loop, &up);
		began = now_ms();
		kill(pid, SIGKILL);
		run_until(loop, &down);
		took[i] = down_at - began;
		waitpid(pid, NULL, 0);
		errd_classes(e, 0, true);
		down = false;
	}
	qsort(took, (size_t)rounds, sizeof(took[0]), by_value);
	printf("%-44s %9.2f %9.2f %9.2f\n", "death to down, ms: median, 95 %, worst", took[rounds / 2], took[rounds * 95 / 100],
	    took[rounds - 1]);
	return took[rounds / 2];
}

static double
polls(struct errd *e, uv_loop_t *loop, const struct conf_proc *rows, int n, const char *what)
{
	char *env[] = { NULL };
	double began;

	errd_classes(e, 0, true);
	errd_setup(e, rows, n, 30, "bench", "/", "", env);
	errd_classes(e, 1u << WHEN_PRIM, true);
	for (events = 0; events == 0; )		/* the last row is missing: an event per poll */
		uv_run(loop, UV_RUN_ONCE);
	began = cpu_ms();
	for (events = 0; events < POLLS; )
		uv_run(loop, UV_RUN_ONCE);
	began = (cpu_ms() - began) / POLLS;
	printf("%-44s %9.2f %9.4f\n", what, began, began / 300);
	return began;
}

int
main(int argc, char **argv)
{
	struct errd_hooks hooks = { NULL, resource, action, said };
	struct conf_proc one = row("bench-one", DO_NOACTION), many[21];
	uint64_t rounds = 50, n = 500, i;
	char *env[] = { NULL };
	uv_timer_t ticker;
	uv_loop_t loop;
	struct errd *e;
	pid_t *pids;
	double median;

	diag_init("bench_errd", 0);
	if ((argc > 1 && !str_to_u64(argv[1], 1, ROUNDS_MAX, &rounds)) || (argc > 2 && !str_to_u64(argv[2], 1, PROCS_MAX, &n)))
		fatal("expected: bench_errd [rounds] [processes]");
	pids = calloc(n, sizeof(*pids));
	uv_loop_init(&loop);
	e = errd_new(&loop, &hooks);
	if (e == NULL || pids == NULL)
		fatal("no memory");
	uv_timer_init(&loop, &ticker);
	uv_timer_start(&ticker, tick, 100, 100);
	errd_setup(e, &one, 1, NEVER_MS, "bench", "/", "", env);
	deaths(e, &loop, (int)rounds);
	for (i = 0; i < n; i++)
		pids[i] = child("bench-many");
	printf("with %d more processes:\n", (int)n);
	median = deaths(e, &loop, (int)rounds);
	for (i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = row("bench-many", DO_NOACTION);
		many[i].argregex = i % 2 == 1 ? (char[]){ "bench.*" } : NULL;
	}
	many[20] = row("bench-none", DO_RESTART);
	printf("%-44s %9s %9s\n", "a poll, CPU", "ms", "% of 30 s");
	polls(e, &loop, many + 20, 1, "one row, none of them its own");
	polls(e, &loop, many + 19, 2, "a row that holds them all by pidfd");
	polls(e, &loop, many, 21, "20 rows that hold them all");
	errd_free(e);
	uv_close((uv_handle_t *)&ticker, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	for (i = 0; i < n; i++)
		end(pids[i]);
	free(pids);
	return median > LIMIT_MS;
}
