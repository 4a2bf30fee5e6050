/* SPDX-License-Identifier: GPL-2.0-or-later */
/* act/runner.c with real scripts in a folder of its own: order, arguments, environment, timeouts, kills, logs, descriptors. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "act/runner.h"
#include "act/script_env.h"

#define LONG_MS	60000	/* a wait that ends the test instead of hanging it */
#define EVENTS	64

static char top[64];
static struct runner *R;
static int wakeup;
static struct runner_event ev[EVENTS];
static int ev_count;

static void
wake(void *ctx)
{
	uint64_t one = 1;

	assert_int_equal(write(wakeup, &one, sizeof(one)), sizeof(one));
}

static const char *
in_top(const char *name)
{
	static char path[4][256];
	static int at;

	at = (at + 1) % 4;
	assert_true(path_format(path[at], sizeof(path[at]), "%s/%s", top, name));
	return path[at];
}

static void
script(const char *name, const char *text, mode_t mode)
{
	char file[128];

	snprintf(file, sizeof(file), "bin/%s", name);
	assert_int_equal(path_write_atomic(in_top(file), text, strlen(text), mode), 0);
	assert_int_equal(chmod(in_top(file), mode), 0);
}

static char *
text_of(const char *name)
{
	char *text;

	return path_read(in_top(name), &text, 1u << 24) >= 0 ? text : strdup("");
}

static void
file_is(const char *name, const char *want)
{
	char *text = text_of(name);

	assert_string_equal(text, want);
	free(text);
}

static void
configure(bool userlog, int64_t nice_ms, int64_t force_ms)
{
	struct runner_conf c = { .module = "m", .scripts = true, .userlog = userlog, .nice_ms = nice_ms, .force_ms = force_ms };

	str_copy(c.bin_dir, sizeof(c.bin_dir), in_top("bin"));
	str_copy(c.log_dir, sizeof(c.log_dir), in_top("log"));
	c.env = calloc(1, sizeof(*c.env));
	assert_non_null(c.env);
	assert_true(script_env_set(&c.env, "PATH", "/usr/bin:/bin"));
	assert_true(script_env_set(&c.env, "OUT", in_top("out")));
	assert_true(script_env_set(&c.env, "TOP", top));
	runner_configure(R, &c);
}

static int
setup(void **state)
{
	str_copy(top, sizeof(top), "/tmp/t_runner.XXXXXX");
	if (mkdtemp(top) == NULL || mkdir(in_top("bin"), 0755) == -1 || mkdir(in_top("log"), 0755) == -1)
		return -1;
	ev_count = 0;
	wakeup = eventfd(0, EFD_CLOEXEC);
	R = runner_new(wake, NULL);
	return R == NULL ? -1 : 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	return remove(path);
}

static int
teardown(void **state)
{
	runner_free(R);
	close(wakeup);
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Collect events until one of that kind; its index */
static int
until(enum runner_what what, uint32_t seq)
{
	struct pollfd p = { .fd = wakeup, .events = POLLIN };
	int64_t end = clock_mono_ms() + LONG_MS;
	uint64_t drain;

	for (;;) {
		struct runner_event e;

		while (runner_poll(R, &e)) {
			assert_true(ev_count < EVENTS);
			ev[ev_count++] = e;
			if (e.what == what && e.seq == seq)
				return ev_count - 1;
		}
		if (clock_mono_ms() >= end || poll(&p, 1, LONG_MS) <= 0 || read(wakeup, &drain, sizeof(drain)) == -1)
			fail_msg("no event %d of plan %u", (int)what, seq);
	}
}

/* Wait until a script has told through the fifo TOP/fifo that it is as far as that; the text that it wrote */
static void
hear(char *buf, size_t size)
{
	int fd = open(in_top("fifo"), O_RDONLY);
	ssize_t n;

	assert_int_not_equal(fd, -1);
	n = read(fd, buf, size - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	close(fd);
}

static void
make_fifo(void)
{
	assert_int_equal(mkfifo(in_top("fifo"), 0600), 0);
}

/* Wait for the end of a process that is not our child */
static bool
ends(pid_t pid)
{
	int64_t end = clock_mono_ms() + LONG_MS;
	char file[64], *text;
	bool gone = false;

	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	while (!gone && clock_mono_ms() < end) {
		gone = path_read(file, &text, 4096) < 0;
		if (!gone) {	/* a zombie that init has not buried yet is dead enough */
			gone = strstr(text, ") Z") != NULL;
			free(text);
		}
		if (!gone)
			poll(NULL, 0, 5);
	}
	return gone;
}

static void
test_order_arguments_environment(void **state)
{
	static const char say[] = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$OUT\"\n";

	script("transition", say, 0755);
	script("stop_sec", say, 0755);
	script("stop_second", "#!/bin/sh\necho \"${0##*/} $*\" >>\"$OUT\"\nexit 3\n", 0755);
	script("start_prim", "#!/bin/sh\necho \"${0##*/} $* $PWD $SECRET_OF_THE_TEST\" >>\"$OUT\"\n", 0755);
	assert_int_equal(setenv("SECRET_OF_THE_TEST", "seen", 1), 0);
	configure(false, LONG_MS, LONG_MS);
	runner_run(R, P_TAKEOVER, 1, "start");
	until(RUN_DONE, 1);
	assert_int_equal(ev[ev_count - 1].value, 2);	/* stop_second failed twice */
	{
		char want[512];

		snprintf(want, sizeof(want), "stop_sec SECOND ALONE start\nstop_second SECOND ALONE start\nstop_sec force SECOND ALONE start\n"
		    "stop_second force SECOND ALONE start\ntransition SECOND ALONE start\nstart_prim SECOND ALONE start %s \n", in_top("bin"));
		file_is("out", want);
	}
	assert_int_equal(ev[2].what, RUN_BEGIN);
	assert_int_equal(ev[3].what, RUN_EXIT);
	assert_int_equal(ev[3].value, 3);
	assert_string_equal(ev[3].script, "stop_second");
	assert_false(ev[3].force);
	assert_true(ev[7].force);
}

static void
test_nothing_of_ours_leaks(void **state)
{
	char *text, *line, *save;

	/* what its standard input, output and error are, and which other descriptors it has (ls has one for the folder) */
	script("prestart", "#!/bin/sh\nreadlink /proc/self/fd/0 >\"$OUT\"\nls /proc/self/fd >>\"$OUT\"\n"
	    "grep -E 'Sig(Blk|Ign)' /proc/self/status >>\"$OUT\"\n", 0755);
	configure(false, LONG_MS, LONG_MS);
	runner_run(R, P_PRESTART, 1, "start");
	until(RUN_DONE, 1);
	text = text_of("out");
	line = strtok_r(text, "\n", &save);
	assert_string_equal(line, "/dev/null");
	while ((line = strtok_r(NULL, "\n", &save)) != NULL) {
		if (line[0] == 'S')	/* no signal blocked or ignored, but for glibc's own two (32, 33) */
			assert_int_equal(strtoull(strchr(line, ':') + 1, NULL, 16) & ~UINT64_C(0x180000000), 0);
		else
			assert_true(strcmp(line, "3") <= 0 && strlen(line) == 1);
	}
	free(text);
}

static void
test_timeouts_kill_the_group(void **state)
{
	char child[32];
	pid_t pid;

	make_fifo();
	script("stop_both", "#!/bin/sh\n[ \"$1\" = force ] && exit 0\nsleep 1000 &\necho $! >\"$TOP/fifo\"\nwait\n", 0755);
	configure(false, 200, LONG_MS);
	runner_run(R, P_RESTART_UP, 1, "restart");
	hear(child, sizeof(child));
	pid = (pid_t)atoi(child);
	assert_true(pid > 1);
	until(RUN_DONE, 1);
	assert_int_equal(ev[1].what, RUN_TIMEOUT);
	assert_int_equal(ev[1].value, 0);	/* whole seconds of 200 ms */
	assert_int_equal(ev[3].what, RUN_EXIT);	/* the force call came all the same */
	assert_true(ev[3].force);
	assert_int_equal(ev[ev_count - 1].value, 1);
	assert_true(ends(pid));
}

static void
test_start_scripts_have_no_timeout(void **state)
{
	char word[32];

	make_fifo();
	script("start_both", "#!/bin/sh\necho go >\"$TOP/fifo\"\nread x <\"$TOP/fifo2\"\nexit 0\n", 0755);
	assert_int_equal(mkfifo(in_top("fifo2"), 0600), 0);
	configure(false, 20, 20);
	runner_run(R, P_START_UP, 1, "start");
	hear(word, sizeof(word));
	poll(NULL, 0, 200);	/* ten times the timeout of stop scripts; nothing must happen, so there is nothing to wait for */
	{
		int fd = open(in_top("fifo2"), O_WRONLY);

		assert_int_equal(write(fd, "x\n", 2), 2);
		close(fd);
	}
	until(RUN_DONE, 1);
	assert_int_equal(ev[1].what, RUN_EXIT);
	assert_int_equal(ev[1].value, 0);
}

static void
test_kill_and_run_again(void **state)
{
	char word[32];

	make_fifo();
	script("transition", "#!/bin/sh\necho go >\"$TOP/fifo\"\nexec sleep 1000\n", 0755);
	script("start_both", "#!/bin/sh\necho never >>\"$OUT\"\n", 0755);
	script("stop_both", "#!/bin/sh\necho \"stop $*\" >>\"$OUT\"\n", 0755);
	configure(false, LONG_MS, LONG_MS);
	runner_run(R, P_START_UP, 1, "start");
	hear(word, sizeof(word));
	runner_kill(R);
	runner_run(R, P_FORCE, 2, "stop");
	until(RUN_DONE, 2);
	assert_int_equal(ev[1].what, RUN_SIGNAL);
	assert_int_equal(ev[1].value, SIGKILL);
	assert_int_equal(ev[1].seq, 1);
	assert_int_equal(ev[2].what, RUN_DONE);	/* of the killed plan */
	assert_int_equal(ev[2].seq, 1);
	file_is("out", "stop force WAIT STOP stop\n");
	/* without a kill: a new plan gives up the one that runs */
	runner_run(R, P_START_UP, 3, "start");
	hear(word, sizeof(word));
	runner_run(R, P_FORCE, 4, "stop");
	until(RUN_DONE, 4);
	file_is("out", "stop force WAIT STOP stop\nstop force WAIT STOP stop\n");
	/* a kill while nothing runs does not hit the next plan */
	runner_kill(R);
	runner_run(R, P_FORCE, 5, "stop");
	until(RUN_DONE, 5);
	assert_int_equal(ev[ev_count - 1].value, 0);
}

static void
test_the_end_kills_what_runs(void **state)
{
	char child[32];

	make_fifo();
	script("transition", "#!/bin/sh\necho $$ >\"$TOP/fifo\"\nexec sleep 1000\n", 0755);
	configure(false, LONG_MS, LONG_MS);
	runner_run(R, P_START_UP, 1, "start");
	hear(child, sizeof(child));
	runner_free(R);
	assert_true(ends((pid_t)atoi(child)));
	R = runner_new(wake, NULL);
	assert_non_null(R);
}

/* valgrind makes a fork of posix_spawn's vfork: the child cannot tell its errno and exits with a status */
static void
could_not(int i, int error)
{
	const char *preload = getenv("LD_PRELOAD");
	bool valgrind = preload != NULL && strstr(preload, "vgpreload") != NULL;

	assert_int_equal(ev[i].what, valgrind ? RUN_EXIT : RUN_ERROR);
	assert_true(valgrind ? ev[i].value != 0 : ev[i].value == error);
}

static void
test_what_cannot_run(void **state)
{
	script("transition", "#!/bin/sh\nexit 0\n", 0644);			/* not executable */
	script("start_both", "#!/no/such/interpreter\nexit 0\n", 0755);
	configure(false, LONG_MS, LONG_MS);
	runner_run(R, P_START_UP, 1, "start");
	until(RUN_DONE, 1);
	assert_int_equal(ev_count, 5);
	could_not(1, EACCES);
	could_not(3, ENOENT);
	assert_int_equal(ev[4].value, 2);
	/* scripts that are not there are not failures; nor is a plan without any */
	ev_count = 0;
	runner_run(R, P_POSTSTOP, 2, "stop");
	until(RUN_DONE, 2);
	assert_int_equal(ev_count, 3);	/* transition again */
	assert_int_equal(ev[2].value, 1);
}

static void
test_signals(void **state)
{
	script("poststop", "#!/bin/sh\nkill -TERM $$\n", 0755);
	configure(false, LONG_MS, LONG_MS);
	runner_run(R, P_POSTSTOP, 1, "stop");
	until(RUN_DONE, 1);
	assert_int_equal(ev[1].what, RUN_SIGNAL);
	assert_int_equal(ev[1].value, SIGTERM);
	assert_int_equal(ev[2].value, 1);
}

static int
logs(char *last, size_t size)
{
	struct dirent *d;
	DIR *dp = opendir(in_top("log"));
	int n = 0;

	assert_non_null(dp);
	while ((d = readdir(dp)) != NULL)
		if (strncmp(d->d_name, "userlog_", 8) == 0) {
			n++;
			snprintf(last, size, "log/%s", d->d_name);
		}
	closedir(dp);
	return n;
}

static void
test_huge_output_goes_to_a_file(void **state)
{
	char last[300];
	struct stat st;

	script("prestart", "#!/bin/sh\nhead -c 5000000 /dev/zero\nhead -c 1000000 /dev/zero >&2\n", 0755);
	configure(true, LONG_MS, LONG_MS);
	runner_run(R, P_PRESTART, 1, "start");
	until(RUN_DONE, 1);
	assert_int_equal(ev[1].what, RUN_EXIT);
	assert_int_equal(logs(last, sizeof(last)), 1);
	assert_int_equal(stat(in_top(last), &st), 0);
	assert_int_equal(st.st_size, 6000000);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_non_null(strstr(last, "_prestart.ulog"));
}

static void
test_old_logs_go(void **state)
{
	char name[128], last[300];
	int i;

	for (i = 0; i < RUNNER_LOGS_KEPT + 50; i++) {
		snprintf(name, sizeof(name), "log/userlog_2001-01-01T%06d_x.ulog", i);
		assert_int_equal(path_write_atomic(in_top(name), "", 0, 0640), 0);
	}
	assert_int_equal(path_write_atomic(in_top("log/other"), "", 0, 0640), 0);
	configure(true, LONG_MS, LONG_MS);
	runner_run(R, P_PRESTART, 1, "start");
	until(RUN_DONE, 1);
	assert_int_equal(logs(last, sizeof(last)), RUNNER_LOGS_KEPT);
	assert_int_equal(access(in_top("log/userlog_2001-01-01T000049_x.ulog"), F_OK), -1);	/* the oldest went */
	assert_int_equal(access(in_top("log/userlog_2001-01-01T000050_x.ulog"), F_OK), 0);
	assert_int_equal(access(in_top("log/other"), F_OK), 0);
}

/* No log is no reason not to stop an application */
static void
test_a_log_that_cannot_be(void **state)
{
	script("stop_both", "#!/bin/sh\necho out\necho ran >>\"$OUT\"\n", 0755);
	configure(true, LONG_MS, LONG_MS);
	assert_int_equal(rmdir(in_top("log")), 0);
	runner_run(R, P_FORCE, 1, "stop");
	until(RUN_DONE, 1);
	assert_int_equal(ev[1].what, RUN_EXIT);
	assert_int_equal(ev[2].value, 0);
	file_is("out", "ran\n");
}

static void
test_a_daemon_survives(void **state)
{
	char child[32];
	pid_t pid;

	make_fifo();
	script("transition", "#!/bin/sh\nexit 0\n", 0755);
	script("start_both", "#!/bin/sh\n(sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >\"$TOP/fifo\")\n", 0755);
	configure(true, LONG_MS, LONG_MS);
	runner_run(R, P_START_UP, 1, "start");
	hear(child, sizeof(child));
	pid = (pid_t)atoi(child);
	until(RUN_DONE, 1);	/* is not kept waiting by it */
	runner_kill(R);
	runner_run(R, P_POSTSTOP, 2, "stop");
	until(RUN_DONE, 2);
	assert_true(pid > 1 && kill(pid, 0) == 0);
	kill(pid, SIGKILL);
	assert_true(ends(pid));
}

static void
test_without_user(void **state)
{
	struct runner_conf c = { .scripts = false };

	script("transition", "#!/bin/sh\necho ran >>\"$OUT\"\n", 0755);
	runner_configure(R, &c);
	runner_run(R, P_START_UP, 1, "start");
	until(RUN_DONE, 1);
	assert_int_equal(ev_count, 1);
	assert_int_equal(ev[0].value, 0);
	file_is("out", "");
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(test_order_arguments_environment), STORY(test_nothing_of_ours_leaks), STORY(test_timeouts_kill_the_group),
		STORY(test_start_scripts_have_no_timeout), STORY(test_kill_and_run_again), STORY(test_the_end_kills_what_runs),
		STORY(test_what_cannot_run), STORY(test_signals), STORY(test_huge_output_goes_to_a_file), STORY(test_old_logs_go),
		STORY(test_a_log_that_cannot_be), STORY(test_a_daemon_survives), STORY(test_without_user),
	};

	close_range(3, ~0U, 0);	/* what whoever started us left open */
	signal(SIGPIPE, SIG_IGN);	/* as heart does: scripts must not inherit it */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
