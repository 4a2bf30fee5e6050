/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_child.c: a helper process that heart keeps alive, and its line: shell scripts in its place.  t_watch has what checkd's end adds. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "act/child.h"

#include <sys/stat.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct { int births, lines, deaths, ends, lines_at_end; char how[128], said[64]; } Seen;
static char Dir[64], Program[128];
static uv_loop_t Loop;
static struct child *C;
static size_t Long;	/* bytes of the first line to it */

static void
on_born(void *ctx)
{
	json_t *o;
	char *pad = calloc(1, Long + 1);

	assert_non_null(pad);
	memset(pad, 'x', Long);
	Seen.births++;
	o = json_pack("{s:s,s:s}", "op", "setup", "pad", pad);
	child_send(C, o);
	json_decref(o);
	free(pad);
}

static void
on_line(void *ctx, json_t *obj)
{
	const char *s = json_string_value(json_object_get(obj, "say"));

	Seen.lines++;
	str_copy(Seen.said, sizeof(Seen.said), s != NULL ? s : "");
}

static void
on_gone(void *ctx, const char *how)
{
	Seen.lines_at_end = Seen.lines;
	if (how == NULL) {
		Seen.ends++;
	} else {
		Seen.deaths++;
		str_copy(Seen.how, sizeof(Seen.how), how);
	}
}

static void
begin(const char *script, uint64_t first, uint64_t longest)
{
	static const struct child_hooks hooks = { NULL, on_born, on_line, on_gone };
	struct child_conf conf = { .name = "helper", .program = Program, .module = "m", .fd = 3, .line_max = 65536, .restart_ms = first,
	    .restart_max_ms = longest };
	FILE *f;

	memset(&Seen, 0, sizeof(Seen));
	Long = 0;
	strcpy(Dir, "/tmp/t_child.XXXXXX");
	assert_non_null(mkdtemp(Dir));
	snprintf(Program, sizeof(Program), "%s/helper", Dir);
	f = fopen(Program, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	assert_int_equal(chmod(Program, 0755), 0);
	assert_int_equal(uv_loop_init(&Loop), 0);
	C = child_new(&Loop, &conf, &hooks);
	assert_non_null(C);
}

static void
finish(void)
{
	child_free(C);
	uv_run(&Loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&Loop), 0);
	unlink(Program);
	rmdir(Dir);
}

static void
wake(uv_timer_t *t)
{
}

static void
until(const int *count, int n)
{
	int64_t end = clock_mono_ms() + 20000;
	uv_timer_t t;

	uv_timer_init(&Loop, &t);
	uv_timer_start(&t, wake, 20, 20);
	while (*count < n && clock_mono_ms() < end)
		uv_run(&Loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&Loop, UV_RUN_NOWAIT);
	assert_true(*count >= n);
}

/* What it said before its end is heard before its end */
static void
test_last_words(void **state)
{
	begin("read -r setup <&3; read -r quit <&3; [ \"$quit\" = '{\"op\":\"quit\"}' ] || exit 9; i=0; while [ $i -lt 100 ]; do\n"
	    "echo '{\"say\":\"one\"}' >&3; i=$((i + 1)); done; echo '{\"say\":\"last\"}' >&3", 100, 5000);
	child_start(C);
	assert_true(child_running(C));
	child_stop(C);
	assert_false(child_running(C));
	until(&Seen.ends, 1);
	assert_int_equal(Seen.lines_at_end, 101);
	assert_string_equal(Seen.said, "last");
	assert_int_equal(Seen.deaths, 0);
	finish();
}

static void
test_pauses_grow_to_the_longest(void **state)
{
	int64_t at = clock_mono_ms();

	begin("exit 3", 20, 80);
	child_start(C);
	until(&Seen.deaths, 6);
	assert_true(clock_mono_ms() - at >= 20 + 40 + 80 + 80 + 80);
	assert_string_equal(Seen.how, "status 3");
	child_stop(C);
	child_start(C);		/* wanted anew: without a pause */
	assert_true(child_running(C));
	finish();
}

static void
test_killed_and_replaced(void **state)
{
	begin("read -r setup <&3; echo '{\"say\":\"here\"}' >&3; exec sleep 60", 20, 80);
	child_start(C);
	until(&Seen.lines, 1);
	child_kill(C);
	until(&Seen.lines, 2);
	assert_int_equal(Seen.births, 2);
	assert_string_equal(Seen.how, "signal 9");
	child_kill(C);
	until(&Seen.deaths, 2);
	finish();
}

/* child_kill() came before the thread knew the process: it lived on (found by test_killed_and_replaced on a loaded machine) */
static void
test_killed_before_it_is_known(void **state)
{
	int i;

	begin("exec sleep 60", 60000, 60000);
	for (i = 1; i <= 20; i++) {
		child_start(C);
		child_kill(C);
		until(&Seen.deaths, i);
		assert_string_equal(Seen.how, "signal 9");
		child_stop(C);		/* no next life by itself */
	}
	finish();
}

static void
test_a_long_line_to_it(void **state)
{
	begin("n=$(head -c 4000000 <&3 | wc -c); echo \"{\\\"say\\\":\\\"$n\\\"}\" >&3; read -r rest <&3; read -r quit <&3", 20, 80);
	Long = 4000000;
	child_start(C);
	until(&Seen.lines, 1);
	assert_int_equal(strtol(Seen.said, NULL, 10), 4000000);
	child_stop(C);
	until(&Seen.ends, 1);
	finish();
}

/* A line without end is not kept without end */
static void
test_a_line_without_end(void **state)
{
	begin("head -c 10000000 /dev/zero | tr '\\0' x >&3; exec sleep 60", 20, 80);
	child_start(C);
	until(&Seen.deaths, 1);		/* CHILD_END_MS */
	assert_string_equal(Seen.how, "signal 9");
	assert_int_equal(Seen.lines, 0);
	finish();
}

/* What is no object is left out, what follows is heard */
static void
test_nonsense(void **state)
{
	begin("echo '[1]' >&3; echo nonsense >&3; echo >&3; echo '{\"say\":\"sense\"}' >&3; read -r quit <&3", 20, 80);
	child_start(C);
	until(&Seen.lines, 1);
	assert_string_equal(Seen.said, "sense");
	finish();
}

/* Without SIGTERM: end of file, and time to do what it has to */
static void
test_time_to_end(void **state)
{
	char mark[160];

	begin("trap 'exit 1' TERM; read -r setup <&3; echo '{\"say\":\"here\"}' >&3; read -r more <&3; sleep 0.3; : >\"$0.done\"", 20, 80);
	child_start(C);
	until(&Seen.lines, 1);
	snprintf(mark, sizeof(mark), "%s.done", Program);
	child_free(C);
	assert_int_equal(access(mark, F_OK), 0);
	unlink(mark);
	C = NULL;
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_words), cmocka_unit_test(test_pauses_grow_to_the_longest), cmocka_unit_test(test_killed_and_replaced), cmocka_unit_test(test_killed_before_it_is_known),
		cmocka_unit_test(test_a_long_line_to_it), cmocka_unit_test(test_a_line_without_end), cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_time_to_end),
	};

	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
