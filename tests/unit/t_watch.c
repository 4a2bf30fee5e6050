/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_watch.c: heart's end of the line to a checkd that dies, hangs or cannot be started: shell scripts in its place. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "act/watch.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct { int resources, acks, deaths, lost, answers; char how[128]; } Seen;
static char Dir[64], Program[128];
static uv_loop_t Loop;
static struct watch *W;

static void
on_resource(void *ctx, const char *name, const char *value, const char *by, const char *why)
{
	Seen.resources++;
}

static void
on_action(void *ctx, const char *verb, const char *by, const char *identity)
{
}

static void
on_log(void *ctx, unsigned key, const char *origin, const char *text)
{
}

static void
on_reply(void *ctx, uint32_t id, json_t *answer)
{
	if (answer == NULL)
		Seen.lost++;
	else
		Seen.answers++;
}

static void
on_acked(void *ctx)
{
	Seen.acks++;
}

static void
on_died(void *ctx, const char *how)
{
	Seen.deaths++;
	str_copy(Seen.how, sizeof(Seen.how), how);
}

static void
begin(const char *script)
{
	static const struct watch_hooks hooks = { NULL, on_resource, on_action, on_log, on_reply, on_acked, on_died };
	FILE *f;

	memset(&Seen, 0, sizeof(Seen));
	strcpy(Dir, "/tmp/t_watch.XXXXXX");
	assert_non_null(mkdtemp(Dir));
	snprintf(Program, sizeof(Program), "%s/checkd", Dir);
	if (script != NULL) {
		f = fopen(Program, "w");
		assert_non_null(f);
		fprintf(f, "#!/bin/sh\n%s\n", script);
		fclose(f);
		assert_int_equal(chmod(Program, 0755), 0);
	}
	assert_int_equal(uv_loop_init(&Loop), 0);
	W = watch_new(&Loop, Program, "m", &hooks);
	assert_non_null(W);
}

static void
finish(void)
{
	watch_free(W);
	uv_run(&Loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&Loop), 0);
	unlink(Program);
	rmdir(Dir);
}

static void
wake(uv_timer_t *t)
{
}

/* Until *count is n; bounded */
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
	assert_int_equal(*count, n);
}

static json_t *
op(const char *word)
{
	return json_pack("{s:s,s:i}", "op", word, "id", 1);
}

static void
test_an_answer(void **state)
{
	begin("read -r setup <&3; read -r classes <&3; read -r errd <&3; echo '{\"reply\":1,\"ok\":true}' >&3; read -r quit <&3");
	watch_start(W, op("setup"));
	assert_true(watch_ask(W, op("errd")));
	until(&Seen.answers, 1);
	watch_stop(W);
	until(&Seen.lost, 1);	/* told once it is gone, for whatever it was asked */
	assert_int_equal(Seen.deaths, 0);
	finish();
}

/* It was told to quit and does without a word: who asked it learns that no answer comes */
static void
test_no_answer_comes(void **state)
{
	begin("sleep 0.2");
	watch_start(W, op("setup"));
	assert_true(watch_ask(W, op("errd")));
	watch_stop(W);
	until(&Seen.lost, 1);
	assert_int_equal(Seen.deaths, 0);
	finish();
}

/* What waits for an acknowledgement goes on when checkd dies instead */
static void
test_death_acknowledges(void **state)
{
	begin("sleep 0.2; kill -KILL $$");
	watch_start(W, op("setup"));
	assert_false(watch_classes(W, 1, true, true));
	assert_true(watch_classes(W, 0, true, true));
	until(&Seen.acks, 1);
	until(&Seen.deaths, 1);
	assert_string_equal(Seen.how, "signal 9");
	finish();
}

/* One that hangs is replaced: what waits for its acknowledgement goes on, and somebody watches again */
static void
test_one_that_hangs_is_killed(void **state)
{
	begin("exec sleep 60");
	watch_start(W, op("setup"));
	assert_false(watch_classes(W, 1, true, true));
	assert_true(watch_classes(W, 0, true, true));
	until(&Seen.acks, 1);
	until(&Seen.deaths, 1);
	assert_string_equal(Seen.how, "signal 9");
	finish();
}

/* One that cannot be started is tried again, ever more rarely */
static void
test_restarts_are_spaced(void **state)
{
	int64_t at;

	begin(NULL);
	at = clock_mono_ms();
	watch_start(W, op("setup"));
	until(&Seen.deaths, 3);
	assert_true(clock_mono_ms() - at >= 1000 + 2000 - 10);
	assert_non_null(strstr(Seen.how, "cannot be started"));
	finish();
}

/* Stopped and started again before the first has ended: one after the other */
static void
test_stop_and_start(void **state)
{
	begin("echo x >>\"$0.lives\"; read -r setup <&3; read -r classes <&3; read -r quit <&3; sleep 0.2");
	watch_start(W, op("setup"));
	watch_stop(W);
	watch_start(W, op("setup"));
	until(&Seen.lost, 1);	/* the first */
	assert_true(watch_running(W));
	watch_stop(W);
	until(&Seen.lost, 2);
	assert_int_equal(Seen.deaths, 0);
	assert_false(watch_running(W));
	strcat(Program, ".lives");
	unlink(Program);
	Program[strlen(Program) - strlen(".lives")] = '\0';
	finish();
}

/* heart ends although its checkd does not */
static void
test_free_does_not_hang(void **state)
{
	begin("trap '' TERM; echo '{\"resource\":\"tcp.x\",\"value\":\"up\",\"by\":\"tcpcheck\",\"why\":\"\"}' >&3; exec sleep 86400");
	watch_start(W, op("setup"));
	until(&Seen.resources, 1);	/* it ignores the signal now */
	finish();		/* a hang is a day: tests/run ends it as a failure */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer), cmocka_unit_test(test_no_answer_comes), cmocka_unit_test(test_death_acknowledges),
		cmocka_unit_test(test_restarts_are_spaced), cmocka_unit_test(test_stop_and_start), cmocka_unit_test(test_free_does_not_hang),
		cmocka_unit_test(test_one_that_hangs_is_killed),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
