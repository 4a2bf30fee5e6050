/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check/errd*.c with real processes, handlers and a systemctl of ours: what is told, in which order, and what is not. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check/errd.h"

#define LONG_MS	20000	/* a wait that ends the test instead of hanging it */
#define NEVER_MS 600000	/* a polltimer that does not come */
#define TOLD_MAX 256

/* libconf is not linked: errd needs these words of it only */
const char *const conf_do_names[DO_COUNT] = { "", "noaction", "wait", "restart", "stopstart", "stop", "swap", "exec" };

static char top[64];
static uv_loop_t loop;
static struct errd *E;
static char told[TOLD_MAX][600];
static int told_count, read_upto;
static char appli[16], other[16];
static pid_t children[64];
static int children_count;

/* ---- what errd tells ---- */

static void
tell(const char *fmt, ...)
{
	va_list ap;

	assert_true(told_count < TOLD_MAX);
	va_start(ap, fmt);
	vsnprintf(told[told_count++], sizeof(told[0]), fmt, ap);
	va_end(ap);
}

static void
resource(void *ctx, const char *name, const char *value, const char *by, const char *why)
{
	assert_string_equal(by, "errd");
	tell("%s %s%s%s", name, value, why[0] != '\0' ? ": " : "", why);
}

static void
action(void *ctx, const char *verb, const char *by, const char *identity)
{
	tell("action %s by %s as %s", verb, by, identity);
}

static void
said(void *ctx, int message, const char *origin, const char *text)
{
	tell("%s %u %s", origin, message_rows[message].key, text);
}

static void
tick(uv_timer_t *t)
{
}

/* UV_RUN_ONCE that runs a timer which is already due waits for one more event afterwards: the tick is that event */
static void
expect_like(const char *want)
{
	int64_t until = clock_mono_ms() + LONG_MS;
	uv_timer_t t;

	uv_timer_init(&loop, &t);
	uv_update_time(&loop);
	uv_timer_start(&t, tick, 5, 5);
	while (read_upto == told_count && clock_mono_ms() < until)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	if (read_upto == told_count)
		fail_msg("nothing came, expected \"%s\"", want);
	assert_string_equal(told[read_upto++], want);
}

/* The next thing told, with the name of a process in it */
static void
expect(const char *fmt, const char *name)
{
	char want[600];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(want, sizeof(want), fmt, name);
#pragma GCC diagnostic pop
	expect_like(want);
}

static void
expect_no_more(void)
{
	if (read_upto < told_count)
		fail_msg("told too much: %s", told[read_upto]);
}

/* ---- processes with a name ---- */

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
script(const char *name, const char *fmt, const char *arg)
{
	char text[1024];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), fmt, arg);
#pragma GCC diagnostic pop
	assert_int_equal(path_write_atomic(in_top(name), text, strlen(text), 0755), 0);
	assert_int_equal(chmod(in_top(name), 0755), 0);
}

static pid_t
remember(pid_t pid, const char *comm)
{
	char file[64], *text, want[32];
	int64_t end = clock_mono_ms() + LONG_MS;
	bool there = false;

	assert_true(pid > 0 && children_count < (int)ARRAY_LEN(children));
	children[children_count++] = pid;
	snprintf(file, sizeof(file), "/proc/%d/comm", (int)pid);
	snprintf(want, sizeof(want), "%.15s\n", comm);
	while (!there) {
		assert_true(clock_mono_ms() < end);
		assert_true(path_read(file, &text, 4096) >= 0);
		there = strcmp(text, want) == 0;
		free(text);
	}
	return pid;
}

/* name: a link to sleep, so the command's name is the link's */
static pid_t
start(const char *name, const char *arg)
{
	pid_t pid;

	if (symlink("/bin/sleep", in_top(name)) == -1)
		assert_int_equal(errno, EEXIST);
	pid = fork();
	if (pid == 0) {
		execl(in_top(name), in_top(name), "1000", arg, (char *)NULL);
		_exit(127);
	}
	return remember(pid, name);
}

static void
end(pid_t pid)
{
	int i;

	for (i = 0; i < children_count && children[i] != pid; i++)
		;
	assert_true(i < children_count);
	children[i] = children[--children_count];
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- rows ---- */

static struct conf_proc
row(const char *name, int when, int act)
{
	static const char *const names[] = { "pre", "prim", "second", "sec", "both", "mine" };
	struct conf_proc c = { .atleast = 1, .atmax = -1, .when = when, .action = act };

	str_copy(c.name, sizeof(c.name), name);
	str_copy(c.class_name, sizeof(c.class_name), names[when]);
	return c;
}

static void
configure(const struct conf_proc *procs, int n, int64_t polltimer)
{
	char path[] = "PATH=/usr/bin:/bin", module[] = "SAFEMODULE=am", *env[] = { path, module, NULL };

	errd_setup(E, procs, n, polltimer, "am", top, top, env);
}

#define PRIM	(1u << WHEN_PRIM)

/* One row of class prim, on, its process found */
static pid_t
one_up(const struct conf_proc *c, int64_t polltimer)
{
	pid_t pid = start(c->name, NULL);

	configure(c, 1, polltimer);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", c->name);
	expect("proc.%s up", c->name);
	return pid;
}

static int
setup(void **state)
{
	struct errd_hooks hooks = { NULL, resource, action, said };

	str_copy(top, sizeof(top), "/tmp/t_errd.XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(appli, sizeof(appli), "ap%d", (int)getpid());
	snprintf(other, sizeof(other), "ot%d", (int)getpid());
	told_count = read_upto = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	E = errd_new(&loop, &hooks);
	assert_non_null(E);
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
	errd_free(E);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);	/* no handle is left */
	while (children_count > 0)
		end(children[0]);
	nftw(top, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* ---- processes ---- */

static void
t_death(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_RESTART);
	pid_t pid = one_up(&c, NEVER_MS);

	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect_like("action restart by errd as errd");
	expect_no_more();
}

static void
t_missing_is_repeated_each_poll(void **state)
{
	struct conf_proc c[2] = { row(appli, WHEN_PRIM, DO_STOP), row(other, WHEN_SECOND, DO_NOACTION) };
	pid_t pid;
	int i;

	configure(c, 1, 30);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	for (i = 0; i < 3; i++) {
		expect("errd 600 event atleast on proc %s", appli);
		expect_like("action stop by errd as errd");
	}
	errd_classes(E, 0, true);
	read_upto = told_count;
	/* noaction: told once, and up again when a poll finds it */
	configure(c, 2, 30);
	errd_classes(E, 1u << WHEN_SECOND, true);
	expect("proc.%s init", other);
	expect("proc.%s down: 0 running, expected at least 1", other);
	expect("errd 600 event atleast on proc %s", other);
	pid = start(other, NULL);
	expect("proc.%s up", other);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", other);
	expect("errd 600 event atleast on proc %s", other);
}

static void
t_number(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_DEFAULT);
	pid_t a = start(appli, NULL), b = start(appli, NULL), d;

	c.atleast = 2;
	d = one_up(&c, NEVER_MS);
	end(a);
	end(b);
	expect("proc.%s down: 1 running, expected at least 2", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect_like("action stopstart by errd as errd");
	start(appli, NULL);
	end(d);		/* the look after this death finds the new one: still one, and nothing is repeated before the poll */
	start(appli, NULL);
	errd_classes(E, 0, true);
	expect("proc.%s init", appli);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	expect_no_more();
}

static void
t_atmax(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_NOACTION);
	pid_t pid;

	c.atleast = -1;
	c.atmax = 0;
	configure(&c, 1, 30);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	pid = start(appli, NULL);
	expect("proc.%s down: 1 running, expected at most 0", appli);
	expect("errd 600 event atmax on proc %s", appli);
	end(pid);
	expect("proc.%s up", appli);
}

static void
t_selection(void **state)
{
	char regex[64], longname[40];
	struct conf_proc c = row(appli, WHEN_PRIM, DO_NOACTION), l;
	pid_t pid, wrong;

	/* arguments: searched in the whole line, the executable included */
	snprintf(regex, sizeof(regex), "/%s 1000 20[0-9]1$", appli);
	c.argregex = regex;
	wrong = start(appli, "2002");
	pid = start(appli, "2001");
	configure(&c, 1, NEVER_MS);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	end(wrong);
	/* a name that the kernel cuts; another one that begins with the same 15 bytes is not it */
	snprintf(longname, sizeof(longname), "%s-longer-than-15-b", appli);
	wrong = start(longname, NULL);
	longname[strlen(longname) - 1] = 'a';
	l = row(longname, WHEN_PRIM, DO_NOACTION);
	configure(&l, 1, NEVER_MS);
	expect("proc.%s init", appli);		/* the old row */
	expect("proc.%s init", longname);
	pid = start(longname, NULL);
	expect("proc.%s up", longname);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", longname);
	end(wrong);
}

static void
t_row_names(void **state)
{
	char regex[64], name[64];
	struct conf_proc c = row("any", WHEN_PRIM, DO_NOACTION);
	pid_t pid;

	snprintf(regex, sizeof(regex), "^%s_.*$", appli);
	snprintf(name, sizeof(name), "%s_x", appli);
	c.nameregex = regex;
	pid = start(name, NULL);
	configure(&c, 1, NEVER_MS);
	errd_classes(E, PRIM, true);
	expect_like("proc.any init");
	expect_like("proc.any up");
	end(pid);
	expect_like("proc.any down: 0 running, expected at least 1");
	expect_like("errd 600 event atleast on proc any");
	c.nameregex = (char[]){ "a(" };
	configure(&c, 1, NEVER_MS);
	expect_like("proc.any init");		/* the old row */
	expect_like("proc.any init");
	expect_like("proc.any unknown: nameregex: Unmatched ( or \\(");
	expect_like("errd 609 Checker any cannot run: nameregex: Unmatched ( or \\(");
	expect_no_more();
}

/* sh SCRIPT: the script's name counts, as does the interpreter's */
static void
t_script(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_NOACTION);
	int in[2];
	pid_t pid;

	script(appli, "read -r line\n%s", "");
	assert_int_equal(pipe(in), 0);
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		close(in[1]);
		execl("/bin/sh", "sh", in_top(appli), (char *)NULL);
		_exit(127);
	}
	remember(pid, "sh");
	configure(&c, 1, NEVER_MS);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	close(in[0]);
	close(in[1]);
}

static void
t_start_after(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_NOACTION);
	int64_t began = clock_mono_ms();

	c.start_after = 4;
	configure(&c, 1, 100);
	start(appli, NULL);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	assert_true(clock_mono_ms() - began >= 300);
}

/* ---- classes ---- */

static void
t_off_is_silent(void **state)
{
	struct conf_proc c[2] = { row(appli, WHEN_PRIM, DO_RESTART), row(other, WHEN_BOTH, DO_NOACTION) };
	pid_t a = start(appli, NULL), b = start(other, NULL);
	unsigned both = 1u << WHEN_BOTH;

	configure(c, 2, NEVER_MS);
	errd_classes(E, PRIM | both, true);
	expect("proc.%s init", appli);
	expect("proc.%s init", other);
	expect("proc.%s up", appli);
	expect("proc.%s up", other);
	end(a);			/* dead, and errd has not seen it yet */
	errd_classes(E, both, true);
	expect("proc.%s init", appli);
	end(b);
	expect("proc.%s down: 0 running, expected at least 1", other);
	expect("errd 600 event atleast on proc %s", other);
	expect_no_more();
	errd_classes(E, both, false);	/* suspended */
	expect("proc.%s init", other);
	errd_classes(E, both, true);
	expect("proc.%s init", other);
	expect_no_more();
}

static void
t_enable(void **state)
{
	struct conf_proc c[2] = { row(appli, WHEN_OTHER, DO_RESTART), row(other, WHEN_PRIM, DO_NOACTION) };
	char err[SK_TEXT_MAX] = "";

	start(appli, NULL);
	start(other, NULL);
	configure(c, 2, NEVER_MS);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", other);
	expect("proc.%s up", other);
	assert_false(errd_enable(E, "yours", true, err, sizeof(err)));
	assert_string_equal(err, "no process of class \"yours\": expected one that a <proc> of <errd> names");
	assert_true(errd_enable(E, "mine", true, err, sizeof(err)));
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	errd_classes(E, 0, true);	/* not a word of the user's class */
	expect("proc.%s init", other);
	errd_classes(E, PRIM, false);
	expect("proc.%s init", appli);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s init", other);
	expect("proc.%s up", appli);
	expect("proc.%s up", other);
	assert_true(errd_enable(E, "prim", false, err, sizeof(err)));
	expect("proc.%s init", other);
	errd_classes(E, PRIM | 1u << WHEN_BOTH, true);	/* its bit did not change: stays disabled */
	assert_true(errd_enable(E, "mine", false, err, sizeof(err)));
	expect("proc.%s init", appli);
	expect_no_more();
}

/* A dynamic configuration: what is the same goes on without a word, classes stay on, what is gone ends with init */
static void
t_reconfigure(void **state)
{
	struct conf_proc c[3] = { row(appli, WHEN_OTHER, DO_RESTART), row(other, WHEN_PRIM, DO_NOACTION), row(other, WHEN_OTHER, DO_STOP) };
	char err[SK_TEXT_MAX];
	pid_t pid = start(appli, NULL);

	start(other, NULL);
	configure(c, 2, NEVER_MS);
	errd_classes(E, PRIM, true);
	errd_enable(E, "mine", true, err, sizeof(err));
	expect("proc.%s init", other);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	expect("proc.%s up", other);
	c[1] = c[2];
	configure(c, 2, NEVER_MS);
	expect("proc.%s init", other);
	expect("proc.%s init", other);
	expect("proc.%s up", other);
	configure(c, 1, NEVER_MS);
	expect("proc.%s init", other);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect_like("action restart by errd as errd");
	expect_no_more();
}

static void
t_list(void **state)
{
	struct conf_proc c[2] = { row(appli, WHEN_PRIM, DO_RESTART), row(other, WHEN_OTHER, DO_EXEC) };
	char want[512], *text;
	json_t *list, *wanted;
	pid_t pid;

	c[1].exec = (char[]){ "handler" };
	pid = one_up(&c[0], NEVER_MS);
	configure(c, 2, NEVER_MS);
	list = errd_list(E);
	snprintf(want, sizeof(want), "[{\"name\":\"%s\",\"class\":\"prim\",\"atleast\":1,\"atmax\":-1,\"action\":\"restart\",\"pids\":[%d],"
	    "\"watched\":true,\"value\":\"up\"},{\"name\":\"%s\",\"class\":\"mine\",\"atleast\":1,\"atmax\":-1,\"action\":\"handler\","
	    "\"pids\":[],\"watched\":false,\"value\":\"init\"}]", appli, (int)pid, other);
	wanted = json_loads(want, 0, NULL);
	assert_true(json_equal(list, wanted));
	json_decref(list);
	json_decref(wanted);
	assert_true(path_read(in_top("errdlist"), &text, 4096) > 0);
	snprintf(want, sizeof(want), "# module am: name class atleast atmax action value pids\n%s prim 1 -1 restart up %d\n"
	    "%s mine 1 -1 handler suspended\n", appli, (int)pid, other);
	assert_string_equal(text, want);
	free(text);
}

/* ---- handlers ---- */

static void
handler_case(const char *text, const char *end_of_it, bool stopstart)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_EXEC);
	char want[200];
	pid_t pid;

	script("on_death", text, top);
	c.exec = (char[]){ "on_death" };
	pid = one_up(&c, NEVER_MS);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect("errd 606 Handler on_death of proc %s started", appli);
	snprintf(want, sizeof(want), "errd 606 Handler on_death of proc %s %s", appli, end_of_it);
	expect_like(want);
	if (stopstart)
		expect_like("action stopstart by errd as errd");
	expect_no_more();
}

static void
t_handler(void **state)
{
	char *text;

	handler_case("#!/bin/sh\necho said\necho $SAFECHECKER $SAFEMODULE $(pwd) >%s/called\n", "returned 0", false);
	assert_true(path_read(in_top("called"), &text, 4096) > 0);
	assert_memory_equal(text, "on_death am /", 13);
	assert_non_null(strstr(text, top));
	free(text);
	assert_true(path_format(told[0], sizeof(told[0]), "%s/errd_%s.ulog", top, appli));
	assert_int_equal(path_read(told[0], &text, 4096), 5);
	free(text);
}

static void
t_handler_fails(void **state)
{
	handler_case("#!/bin/sh\nexit 3\n%.0s", "returned 3", true);
}

static void
t_handler_killed(void **state)
{
	handler_case("#!/bin/sh\nkill -9 $$\n%.0s", "killed by signal 9", true);
}

static void
t_handler_cannot_run(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_EXEC);
	pid_t pid;

	c.exec = (char[]){ "none" };
	pid = one_up(&c, NEVER_MS);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect("errd 606 Handler none of proc %s cannot be run: no such file or directory", appli);
	expect_like("action stopstart by errd as errd");
	expect_no_more();
}

/* A handler that waits: its row is left alone until it ended, however often it is polled; then what it started is seen */
static void
t_handler_holds_judgement(void **state)
{
	struct conf_proc c[2] = { row(appli, WHEN_PRIM, DO_EXEC), row(other, WHEN_PRIM, DO_RESTART) };
	char err[SK_TEXT_MAX];
	pid_t pid;
	int i, fd;

	assert_int_equal(mkfifo(in_top("go"), 0600), 0);
	script("on_death", "#!/bin/sh\nread -r line <%s/go\nexit 1\n", top);
	c[0].exec = (char[]){ "on_death" };
	pid = one_up(&c[0], 30);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect("errd 606 Handler on_death of proc %s started", appli);
	configure(c, 2, 30);		/* three polls of another row */
	expect("proc.%s init", other);
	expect("proc.%s down: 0 running, expected at least 1", other);
	for (i = 0; i < 3; i++) {
		expect("errd 600 event atleast on proc %s", other);
		expect_like("action restart by errd as errd");
	}
	assert_true(errd_enable(E, "prim", false, err, sizeof(err)));
	read_upto = told_count;
	fd = open(in_top("go"), O_WRONLY);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	/* disabled by whom the handler calls: its failure still counts (UG 13.9.3) */
	expect("errd 606 Handler on_death of proc %s returned 1", appli);
	expect_like("action stopstart by errd as errd");
	expect_no_more();
}

static void
t_handler_times_out(void **state)
{
	handler_case("#!/bin/sh\nsleep 1000\n%.0s", "timed out after 2 s: killed", true);
}

/* Its class went off by heart's word: the end is logged, no action comes */
static void
t_handler_of_class_off(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_EXEC);
	pid_t pid;
	int fd;

	assert_int_equal(mkfifo(in_top("go"), 0600), 0);
	script("on_death", "#!/bin/sh\nread -r line <%s/go\nexit 1\n", top);
	c.exec = (char[]){ "on_death" };
	pid = one_up(&c, NEVER_MS);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect("errd 606 Handler on_death of proc %s started", appli);
	errd_classes(E, 0, true);
	expect("proc.%s init", appli);
	fd = open(in_top("go"), O_WRONLY);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	expect("errd 606 Handler on_death of proc %s returned 1", appli);
	expect_no_more();
}

/* errd_free() while it waits: teardown's loop ends, and nothing is left */
static void
t_handler_killed_at_the_end(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_EXEC);
	pid_t pid;

	assert_int_equal(mkfifo(in_top("go"), 0600), 0);
	script("on_death", "#!/bin/sh\nread -r line <%s/go\n", top);
	c.exec = (char[]){ "on_death" };
	pid = one_up(&c, NEVER_MS);
	end(pid);
	expect("proc.%s down: 0 running, expected at least 1", appli);
	expect("errd 600 event atleast on proc %s", appli);
	expect("errd 606 Handler on_death of proc %s started", appli);
}

/* ---- units ---- */

/* Says what the file unit says, "failed" when the process it names is gone */
#define SYSTEMCTL \
	"#!/bin/sh\n" \
	"[ \"$*\" = \"show --property=ActiveState,MainPID -- web\" ] || exit 9\n" \
	"cd %s || exit 8\n" \
	". ./unit\n" \
	"[ $pid = 0 ] || kill -0 $pid 2>/dev/null || { state=failed pid=0; }\n" \
	"echo MainPID=$pid\necho ActiveState=$state\nexit $status\n"

static void
unit(const char *state, pid_t pid, int status)
{
	char text[64];

	snprintf(text, sizeof(text), "state=%s pid=%d status=%d\n", state, (int)pid, status);
	assert_int_equal(path_write_atomic(in_top("unit"), text, strlen(text), 0644), 0);
}

static void
t_service(void **state)
{
	char path[256], *was = strdup(getenv("PATH"));
	struct conf_proc c = row("web", WHEN_PRIM, DO_RESTART);
	pid_t pid = start(appli, NULL);

	snprintf(path, sizeof(path), "%s:%s", top, was);
	setenv("PATH", path, 1);
	script("systemctl", SYSTEMCTL, top);
	unit("active", pid, 0);
	c.service = true;
	configure(&c, 1, NEVER_MS);
	errd_classes(E, PRIM, true);
	expect_like("proc.web init");
	expect_like("proc.web up");
	end(pid);		/* seen through its pidfd: no poll comes */
	expect_like("proc.web down: unit is failed");
	expect_like("errd 600 event atleast on proc web");
	expect_like("action restart by errd as errd");
	expect_no_more();
	errd_classes(E, 0, true);
	expect_like("proc.web init");
	configure(&c, 1, 30);
	unit("active", 0, 0);
	errd_classes(E, PRIM, true);
	expect_like("proc.web init");
	expect_like("proc.web up");
	unit("active", 0, 4);
	expect_like("proc.web unknown: systemctl show: exit status 4");
	expect_like("errd 609 Checker web cannot run: systemctl show: exit status 4");
	unit("active", 0, 0);
	expect_like("proc.web up");
	setenv("PATH", in_top("none"), 1);
	expect_like("proc.web unknown: systemctl: no such file or directory");
	expect_like("errd 609 Checker web cannot run: systemctl: no such file or directory");
	setenv("PATH", path, 1);
	expect_like("proc.web up");
	expect_no_more();
	setenv("PATH", was, 1);
	free(was);
}

/* A systemctl that does not answer, and whose output somebody else holds open */
static void
t_service_times_out(void **state)
{
	char path[256], *was = strdup(getenv("PATH"));
	struct conf_proc c = row("web", WHEN_PRIM, DO_RESTART);
	char *text;
	uint64_t holder;

	snprintf(path, sizeof(path), "%s:%s", top, was);
	setenv("PATH", path, 1);
	script("systemctl", "#!/bin/sh\nsetsid sleep 1000 &\necho $! >%s/holder\nsleep 1000\n", top);
	c.service = true;
	configure(&c, 1, NEVER_MS);
	errd_classes(E, PRIM, true);
	expect_like("proc.web init");
	expect_like("proc.web unknown: systemctl show: no answer within 2 s");
	expect_like("errd 609 Checker web cannot run: systemctl show: no answer within 2 s");
	expect_no_more();
	setenv("PATH", was, 1);
	free(was);
	assert_true(path_read(in_top("holder"), &text, 4096) > 0);
	text[strcspn(text, "\n")] = '\0';
	assert_true(str_to_u64(text, 2, INT32_MAX, &holder));
	kill((pid_t)holder, SIGKILL);
	free(text);
}

/* Deaths faster than looks: nothing is held twice or lost, and the class still ends with init */
static void
t_storm(void **state)
{
	struct conf_proc c = row(appli, WHEN_PRIM, DO_NOACTION);
	int i;

	c.atleast = 2;
	start(appli, NULL);
	configure(&c, 1, NEVER_MS);
	start(appli, NULL);
	errd_classes(E, PRIM, true);
	expect("proc.%s init", appli);
	expect("proc.%s up", appli);
	for (i = 0; i < 40; i++) {
		end(children[children_count - 1]);
		start(appli, NULL);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	while (read_upto < told_count)		/* up and down, as the looks met it */
		assert_non_null(strstr(told[read_upto++], appli));
	end(children[children_count - 1]);
	end(children[children_count - 1]);
	start(appli, NULL);
	errd_classes(E, 0, true);
	assert_string_equal(told[told_count - 1] + strlen("proc.") + strlen(appli), " init");
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(t_death), T(t_missing_is_repeated_each_poll), T(t_number), T(t_atmax), T(t_selection), T(t_row_names), T(t_script),
		T(t_start_after), T(t_off_is_silent), T(t_enable), T(t_reconfigure), T(t_list), T(t_handler), T(t_handler_fails),
		T(t_handler_killed), T(t_handler_cannot_run), T(t_handler_holds_judgement), T(t_handler_of_class_off),
		T(t_handler_times_out), T(t_handler_killed_at_the_end), T(t_service),
		T(t_service_times_out), T(t_storm),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
