/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_journal.c: what the journal costs its caller, and how many rows a second reach the disk.
 *
 * usage: bench_journal [directory on the disk to be measured, default .]
 * Prints a table; nothing is asserted.  The limit beside it: one write + fdatasync of the same bytes per commit, same directory.
 */
#include "config.h"
#include "pub/journal.h"

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int wake_fd;
static bool answered;

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
on_wake(void *ctx)
{
	uint64_t one = 1;

	(void)!write(wake_fd, &one, sizeof(one));
}

static void
on_trouble(void *ctx, int message, const char *text)
{
	warn_text("%s", text);
}

static void
on_rows(void *ctx, json_t *rows)
{
	answered = true;
}

static double
flush(struct journal *j, const char *module, int last)	/* us until all rows so far are on the disk and asked back */
{
	double t = now_us();
	uint64_t n;

	answered = false;
	journal_ask_log(j, module, "A", last, 0, on_rows, NULL);
	while (!answered) {
		(void)!read(wake_fd, &n, sizeof(n));
		journal_poll(j);
	}
	return now_us() - t;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
put(struct journal *j, int i)
{
	struct rpt_log row = { .time_us = clock_wall_us(), .module = "AM", .origin = "heart", .level = "E", .key = 514 };

	snprintf(row.message, sizeof(row.message), "Resource custom.r%d set to down by customscript", i);
	journal_log(j, &row);
}

/* rounds of n rows, each waited for */
static void
batches(struct journal *j, const char *dir, int n, int rounds)
{
	double begin = now_us(), ours, limit;
	char file[PATH_MAX + 8], *bytes = calloc(1, (size_t)n * 120 + 1);	/* a packed row of this text is about 120 bytes */
	int i, r, fd;

	for (r = 0; r < rounds; r++) {
		for (i = 0; i < n; i++)
			put(j, i);
		flush(j, "AM", 1);
	}
	ours = now_us() - begin;
	snprintf(file, sizeof(file), "%s/limit", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	begin = now_us();
	for (r = 0; r < rounds && fd != -1; r++)
		if (write(fd, bytes, (size_t)n * 120) == -1 || fdatasync(fd) == -1)
			break;
	limit = now_us() - begin;
	close(fd);
	unlink(file);
	free(bytes);
	printf("%-34s %12.0f %12.0f %8.2f\n", n == 1 ? "rows/s, commits of 1" : n == 100 ? "rows/s, commits of 100" : "rows/s, commits of 4096",
	    n * 1e6 * rounds / ours, n * 1e6 * rounds / limit, limit / ours);
}

static pid_t
disturb(const char *dir)	/* another program that keeps the disk busy */
{
	char file[PATH_MAX + 8];
	static char zero[1 << 20];
	pid_t pid;
	int fd;

	snprintf(file, sizeof(file), "%s/busy", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid = fork();
	if (pid == 0)
		while (pwrite(fd, zero, sizeof(zero), 0) != -1 && fsync(fd) != -1)
			;
	if (pid == 0)
		_exit(1);
	close(fd);
	return pid;
}

static void
caller_cost(struct journal *j)
{
	enum { N = 50000 };
	double *us = calloc(N, sizeof(double)), begin;
	int i;

	if (us == NULL)
		return;
	for (i = 0; i < N; i++) {
		begin = now_us();
		put(j, i);
		us[i] = now_us() - begin;
	}
	qsort(us, N, sizeof(double), by_value);
	printf("%-34s %12.2f %12.2f %8.1f\n", "journal_log() us: p50 p99.9 max", us[N / 2], us[N - N / 1000], us[N - 1]);
	printf("%-34s %12.0f\n", "then until on disk, us", flush(j, "AM", 1));
	free(us);
}

static void
index_cost(struct journal *j)
{
	enum { N = 100000 };
	char name[SK_RES_MAX];
	double begin = now_us(), give, find;
	int i;

	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "custom.r%d", i);
		journal_index(j, "AM", name);
	}
	give = (now_us() - begin) / N;
	begin = now_us();
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "custom.r%d", i);
		journal_index(j, "AM", name);
	}
	find = (now_us() - begin) / N;
	printf("%-34s %12.2f %12.2f\n", "journal_index() us: new, known", give, find);
	printf("%-34s %12.0f\n", "then until on disk, us", flush(j, "AM", 1));
}

int
main(int argc, char **argv)
{
	struct journal_hooks hooks = { NULL, on_wake, on_trouble };
	char dir[PATH_MAX], path[PATH_MAX + 300];
	struct journal *j;
	struct dirent *e;
	double begin;
	pid_t busy;
	DIR *d;

	diag_init("bench_journal", 0);
	wake_fd = eventfd(0, EFD_CLOEXEC);
	if (!path_format(dir, sizeof(dir), "%s/bench_journalXXXXXX", argc > 1 ? argv[1] : ".") || mkdtemp(dir) == NULL)
		fatal("%s: %s", dir, strerror(errno));
	j = journal_new(dir, &hooks);
	if (j == NULL)
		fatal("no memory");
	printf("%-34s %12s %12s %8s\n", "", "journal", "fdatasync", "ratio");
	batches(j, dir, 1, 200);
	batches(j, dir, 100, 100);
	batches(j, dir, 4096, 20);
	caller_cost(j);
	busy = disturb(dir);
	if (busy != -1) {
		printf("%s\n", "the same while another program syncs 1 MB in a loop:");
		caller_cost(j);
		kill(busy, SIGKILL);
		waitpid(busy, NULL, 0);
	}
	index_cost(j);
	printf("%-34s %12.0f %12.0f\n", "last 300, last 100000 rows, us", flush(j, "AM", 300), flush(j, "AM", 100000));
	journal_free(j);
	begin = now_us();
	j = journal_new(dir, &hooks);
	printf("%-34s %12.0f\n", "open with 100000 indexes, us", now_us() - begin);
	journal_free(j);
	for (d = opendir(dir); d != NULL && (e = readdir(d)) != NULL; ) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(dir);
	return 0;
}
