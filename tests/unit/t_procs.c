/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base/procs.c: a /proc made of files that we wrote, hostile ones too; and real processes whose numbers must not lie. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/procs.h"

#define PROCS_MAX 32

static char top[64];
static struct proc seen[PROCS_MAX];
static char args[PROCS_MAX][200];
static size_t args_len[PROCS_MAX];
static int count;

static bool
keep(void *ctx, const struct proc *p)
{
	assert_true(count < PROCS_MAX);
	seen[count] = *p;
	args_len[count] = strlen(p->args);
	str_copy(args[count++], sizeof(args[0]), p->args);
	return ctx == NULL || count < *(int *)ctx;
}

static const struct proc *
of(pid_t pid)
{
	int i;

	for (i = 0; i < count; i++)
		if (seen[i].pid == pid)
			return &seen[i];
	return NULL;
}

static const char *
args_of(pid_t pid)
{
	return args[of(pid) - seen];
}

static void
put(int pid, const char *file, const void *data, size_t len)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d", top, pid);
	if (mkdir(path, 0755) == -1)
		assert_int_equal(errno, EEXIST);
	snprintf(path, sizeof(path), "%s/%d/%s", top, pid, file);
	assert_int_equal(path_write_atomic(path, data, len, 0644), 0);
}

/* cmdline: with "|" for NUL */
static void
process(int pid, const char *comm, char state, unsigned long flags, const char *cmdline)
{
	char text[512], *p;

	snprintf(text, sizeof(text), "%d (%s) %c 7 1 1 0 -1 %lu 12 34 0 0 1 2 3 4 20 0 1 0 %d 555 66 18446744073709551615 1 1\n", pid, comm,
	    state, flags, pid * 10);
	put(pid, "stat", text, strlen(text));
	snprintf(text, sizeof(text), "%s", cmdline);
	for (p = text; *p != '\0'; p++)
		if (*p == '|')
			*p = '\0';
	put(pid, "cmdline", text, (size_t)(p - text));
}

static void
link_exe(int pid, const char *to)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%d/exe", top, pid);
	assert_int_equal(symlink(to, path), 0);
}

static void
scan(void)
{
	count = 0;
	assert_int_equal(procs_scan(top, keep, NULL), 0);
}

static int
setup(void **state)
{
	str_copy(top, sizeof(top), "/tmp/t_procs.XXXXXX");
	assert_non_null(mkdtemp(top));
	return 0;
}

static int
unlink_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int
teardown(void **state)
{
	return nftw(top, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
t_fields(void **state)
{
	process(12, "nginx", 'S', 0x400100, "nginx: worker process|");
	process(13, "od) d (x", 'R', 0, "/usr/bin/od|a b||c|");
	process(14, "empty", 'S', 0, "");
	scan();
	assert_int_equal(count, 3);
	assert_int_equal(of(12)->ppid, 7);
	assert_int_equal(of(12)->start, 120);
	assert_string_equal(of(12)->name, "nginx");
	assert_string_equal(args_of(12), "nginx: worker process");
	assert_string_equal(of(13)->name, "od) d (x");
	assert_string_equal(args_of(13), "/usr/bin/od a b  c");
	assert_string_equal(args_of(14), "empty");
}

static void
t_what_does_not_count(void **state)
{
	static const char *const bad[] = { "", "15", "15 (", "15 )x( S 1", "15 (x) S", "15 (x) S 1 2 3 4 5 6", "(((((", "15 (x) \xff \xff" };
	char huge[3000];
	size_t i;

	process(2, "kthreadd", 'S', 0x200000 | 0x40, "");
	process(10, "gone", 'Z', 0, "");
	process(11, "dead", 'X', 0, "");
	for (i = 0; i < ARRAY_LEN(bad); i++)
		put(20 + (int)i, "stat", bad[i], strlen(bad[i]));
	memset(huge, '(', sizeof(huge));
	put(40, "stat", huge, sizeof(huge));
	process(41, "nocmd", 'S', 0, "");
	assert_true(path_format(huge, sizeof(huge), "%s/41/cmdline", top));
	assert_int_equal(unlink(huge), 0);
	assert_true(path_format(huge, sizeof(huge), "%s/self", top));
	assert_int_equal(symlink("10", huge), 0);
	scan();
	assert_int_equal(count, 0);
	assert_int_equal(procs_scan("/nonexistent", keep, NULL), -1);
	assert_int_equal(errno, ENOENT);
}

static void
t_names_that_the_kernel_cut(void **state)
{
	process(1, "exactly-fifteen", 'S', 0, "/opt/exactly-fifteen-and-more|x|");
	process(2, "exactly-fifteen", 'S', 0, "/bin/sh|/opt/exactly-fifteen.sh|");
	process(3, "exactly-fifteen", 'S', 0, "renamed itself|");
	link_exe(3, "/opt/exactly-fifteen-exe (deleted)");
	process(4, "exactly-fifteen", 'S', 0, "something else|");
	process(5, "short", 'S', 0, "/opt/short-and-more|");
	scan();
	assert_string_equal(of(1)->name, "exactly-fifteen-and-more");
	assert_string_equal(of(2)->name, "exactly-fifteen.sh");
	assert_string_equal(of(3)->name, "exactly-fifteen-exe");
	assert_string_equal(of(4)->name, "exactly-fifteen");
	assert_string_equal(of(5)->name, "short");
	assert_true(proc_is(of(1), "exactly-fifteen-and-more"));
	assert_true(proc_is(of(1), "exactly-fifteen"));
	assert_false(proc_is(of(1), "exactly-fifteen-and"));
}

static void
t_scripts(void **state)
{
	regex_t re;

	process(1, "sh", 'S', 0, "sh|/opt/appli|x|");
	process(2, "python3.11", 'S', 0, "/usr/bin/python3|appli.py|");
	process(3, "sh", 'S', 0, "sh|-c|/opt/appli|");
	process(4, "vi", 'S', 0, "vi|/opt/appli|");
	process(5, "shred", 'S', 0, "shred|/opt/appli|");
	process(6, "sh", 'S', 0, "sh|/opt/|");
	scan();
	assert_true(proc_is(of(1), "appli") && proc_is(of(1), "sh"));
	assert_true(proc_is(of(2), "appli.py"));
	assert_false(proc_is(of(3), "appli") || proc_is(of(4), "appli") || proc_is(of(5), "appli"));
	assert_false(proc_is(of(6), ""));
	assert_int_equal(regcomp(&re, "^app", REG_EXTENDED | REG_NOSUB), 0);
	assert_true(proc_name_matches(of(1), &re) && proc_name_matches(of(2), &re) && !proc_name_matches(of(4), &re));
	regfree(&re);
}

static void
t_long_arguments(void **state)
{
	char *huge = malloc(200000);
	int stop_at = 1;

	assert_non_null(huge);
	memset(huge, 'a', 200000);
	process(1, "big", 'S', 0, "");
	put(1, "cmdline", huge, 200000);
	process(2, "nuls", 'S', 0, "");
	memset(huge, 0, 200000);
	put(2, "cmdline", huge, 200000);
	free(huge);
	scan();
	assert_int_equal(args_len[of(1) - seen], PROC_ARGS_MAX - 1);
	assert_string_equal(args_of(2), "nuls");
	count = 0;
	assert_int_equal(procs_scan(top, keep, &stop_at), 0);
	assert_int_equal(count, 1);
}

/* A child: its birth is its own, its pidfd says its end, and afterwards the same number and birth are nobody */
static void
t_real(void **state)
{
	pid_t pid = fork();
	struct pollfd p = { .events = POLLIN };
	uint64_t start;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(proc_start(pid, &start), 0);
	assert_int_equal(proc_open(pid, start + 1), -1);
	assert_int_equal(errno, ESRCH);
	p.fd = proc_open(pid, start);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(pid, SIGKILL);
	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(proc_start(pid, &start), -1);		/* a zombie */
	assert_int_equal(proc_open(pid, start), -1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_open(pid, start), -1);
	assert_int_equal(errno, ESRCH);
	close(p.fd);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(t_fields), T(t_what_does_not_count), T(t_names_that_the_kernel_cut), T(t_scripts), T(t_long_arguments), T(t_real),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
