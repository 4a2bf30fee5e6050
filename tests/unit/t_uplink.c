/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl/uplink.c against a safeadmin of ours in a thread: away, frozen, back.  The loop thread must never wait for it.
 * The server does what it is told through a pipe and answers each word; nothing here is a matter of time: a call that waits is one in which
 * the kernel put the thread to sleep.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/uplink.h"
#include "wire/ctlmsg.h"

#define SLEEPS_MAX	50	/* of 10,000 calls: for memory that the other thread asks for at the same moment; one that waits for a frozen
				 * safeadmin does so in nearly each */
#define LONG_MS		30000
#define ROWS_MAX	20000

static struct {
	char	 dir[64];
	int	 words[2];	/* to the thread: 'r' read on, 'f' freeze, 'd' drop the connection, 'o' order, 'q' quit */
	int	 answers[2];
	pthread_t thread;
	int	 listener, conn;
	struct ctl_decoder in;
	bool	 frozen, refuse;
	int	 hellos;
	int	 seqs[ROWS_MAX];
	int	 rows;
} S;

static struct { struct uplink *u; uv_loop_t loop; int agains, orders, sleeps; } C;

/* ---- the server ---- */

static void
server_say(json_t *obj)
{
	char *frame;
	size_t n = ctl_encode(obj, &frame);

	json_decref(obj);
	if (n > 0 && send(S.conn, frame, n, MSG_NOSIGNAL) == -1)
		perror("send");
	free(frame);
}

static void
server_take(const json_t *obj)
{
	const char *op = json_string_value(json_object_get(obj, "op"));

	if (op != NULL && strcmp(op, "heart") == 0) {
		S.hellos++;
		if (S.refuse)
			server_say(json_pack("{s:O,s:b,s:s,s:s}", "id", json_object_get(obj, "id"), "ok", 0, "code", "refused", "message", "not yet"));
		else
			server_say(json_pack("{s:O,s:b,s:{s:i}}", "id", json_object_get(obj, "id"), "ok", 1, "setup", "n", S.hellos));
	} else if (S.rows < ROWS_MAX) {
		S.seqs[S.rows++] = (int)json_integer_value(json_object_get(obj, "n"));
	}
}

static void
server_drop(void)
{
	if (S.conn != -1)
		close(S.conn);
	S.conn = -1;
	ctl_decoder_free(&S.in);
	ctl_decoder_init(&S.in, CTL_FRAME_MAX_SERVER);
}

static void
server_read(void)
{
	char buf[65536], err[128];
	ssize_t n = recv(S.conn, buf, sizeof(buf), 0);
	json_t *obj;

	if (n <= 0 || !ctl_decoder_add(&S.in, buf, (size_t)n)) {
		server_drop();
		return;
	}
	while (S.conn != -1 && ctl_decoder_next(&S.in, &obj, err, sizeof(err)) == 1) {
		server_take(obj);
		json_decref(obj);
	}
}

static void
server_listen(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/run/safeadmin.sock", S.dir);
	unlink(sa.sun_path);
	S.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(S.listener, (struct sockaddr *)&sa, sizeof(sa)) == -1 || listen(S.listener, 1) == -1)
		perror("listen");
}

static bool
server_word(char word)
{
	switch (word) {
	case 'f': S.frozen = true; break;
	case 'r': S.frozen = false; break;
	case 'd': server_drop(); break;
	case 'o': server_say(json_pack("{s:i,s:s}", "id", 1, "op", "set")); break;
	case 'a':	/* away */
		server_drop();
		close(S.listener);
		S.listener = -1;
		break;
	case 'b':	/* back */
		server_listen();
		break;
	default: break;
	}
	(void)!write(S.answers[1], &word, 1);
	return word != 'q';
}

static void *
server_thread(void *arg)
{
	bool on = true;

	while (on) {
		struct pollfd p[3] = { { .fd = S.words[0], .events = POLLIN }, { .fd = S.frozen ? -1 : S.listener, .events = POLLIN },
		    { .fd = S.frozen ? -1 : S.conn, .events = POLLIN } };
		char word;

		poll(p, 3, -1);
		if (p[0].revents != 0 && read(S.words[0], &word, 1) == 1) {
			on = server_word(word);
			continue;
		}
		if (p[1].revents != 0) {
			server_drop();
			S.conn = accept4(S.listener, NULL, NULL, SOCK_CLOEXEC);
		} else if (p[2].revents != 0) {
			server_read();
		}
	}
	return NULL;
}

static void
tell(char word)
{
	char answer = 0;

	assert_int_equal(write(S.words[1], &word, 1), 1);
	assert_int_equal(read(S.answers[0], &answer, 1), 1);
	assert_int_equal(answer, word);
}

/* ---- the client ---- */

static void
on_order(void *ctx, json_t *order)
{
	C.orders++;
}

static void
on_again(void *ctx, json_t *setup)
{
	C.agains++;
}

static int
setup(void **state)
{
	const struct uplink_hooks hooks = { NULL, on_order, on_again };
	char err[SK_TEXT_MAX], run[96];
	json_t *got = NULL;

	memset(&S, 0, sizeof(S));
	memset(&C, 0, sizeof(C));
	S.conn = -1;
	ctl_decoder_init(&S.in, CTL_FRAME_MAX_SERVER);
	str_copy(S.dir, sizeof(S.dir), getenv("SAFEVAR"));
	snprintf(run, sizeof(run), "%s/run", S.dir);
	if (path_mkdirs(run, 0755) == -1 || pipe(S.words) == -1 || pipe(S.answers) == -1)
		return -1;
	server_listen();
	pthread_create(&S.thread, NULL, server_thread, NULL);
	uv_loop_init(&C.loop);
	C.u = uplink_open(&C.loop, "m", LONG_MS, &got, err, sizeof(err));
	if (C.u == NULL)
		return -1;
	json_decref(got);
	uplink_start(C.u, &hooks);
	return 0;
}

static int
teardown(void **state)
{
	char file[128];

	uplink_close(C.u);
	uv_run(&C.loop, UV_RUN_DEFAULT);
	uv_loop_close(&C.loop);
	tell('q');
	pthread_join(S.thread, NULL);
	server_drop();
	if (S.listener != -1)
		close(S.listener);
	close(S.words[0]), close(S.words[1]), close(S.answers[0]), close(S.answers[1]);
	snprintf(file, sizeof(file), "%s/run/safeadmin.sock", S.dir);
	unlink(file);
	snprintf(file, sizeof(file), "%s/run", S.dir);
	return rmdir(file);
}

static bool
under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

/* What a call took by the clock; valgrind's clock says nothing.  Where the machine takes the CPU away (getrusage: involuntary switches) the call is not judged. */
static void
send_row(int n, size_t padding, bool keep)
{
	struct rusage a, b;
	char *text = malloc(padding + 1);

	assert_non_null(text);
	memset(text, 'x', padding);
	text[padding] = '\0';
	getrusage(RUSAGE_THREAD, &a);
	uplink_send(C.u, json_pack("{s:i,s:s}", "n", n, "text", text), keep);
	getrusage(RUSAGE_THREAD, &b);
	free(text);
	if (b.ru_nvcsw != a.ru_nvcsw && !under_valgrind())
		C.sleeps++;
}

/* Run the loop until *count reaches want */
static void
loop_until(const int *count, int want)
{
	int64_t end = clock_mono_ms() + LONG_MS;

	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < want) {
		if (clock_mono_ms() > end)
			fail_msg("waited for %d, have %d", want, *count);
		uv_run(&C.loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
}

static void
loop_until_row(int n)
{
	int64_t end = clock_mono_ms() + LONG_MS;
	int rows;

	while ((rows = __atomic_load_n(&S.rows, __ATOMIC_SEQ_CST)) == 0 || S.seqs[rows - 1] != n) {
		if (clock_mono_ms() > end)
			fail_msg("row %d did not come", n);
		uv_run(&C.loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
	tell('r');
}

static void
loop_until_connected(bool want)
{
	int64_t end = clock_mono_ms() + LONG_MS;

	while (uplink_connected(C.u) != want) {
		if (clock_mono_ms() > end)
			fail_msg("still %sconnected", want ? "not " : "");
		uv_run(&C.loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 1);
	}
}

static void
rows_are(int first, int count)
{
	int i;

	loop_until(&S.rows, count);
	tell('r');	/* the thread has nothing half done */
	assert_int_equal(S.rows, count);
	for (i = 0; i < count; i++)
		assert_int_equal(S.seqs[i], first + i);
}

/* ---- stories ---- */

static void
test_rows_up_orders_down(void **state)
{
	int i;

	for (i = 0; i < 100; i++)
		send_row(i, 10, true);
	rows_are(0, 100);
	tell('o');
	loop_until(&C.orders, 1);
	assert_int_equal(S.hellos, 1);
	assert_int_equal(C.agains, 0);
}

static void
test_away_and_back(void **state)
{
	int i;

	tell('a');
	loop_until_connected(false);
	for (i = 0; i < 300; i++) {
		send_row(i, 10, true);
		send_row(1000000 + i, 10, false);	/* will be published anew: not kept */
	}
	tell('b');
	loop_until(&C.agains, 1);
	rows_are(0, 300);
	assert_int_equal(S.hellos, 2);
}

/* What does not fit is dropped from the oldest on; the newest 4096 arrive in order */
static void
test_what_waits_is_bounded(void **state)
{
	int i;

	tell('a');
	loop_until_connected(false);
	for (i = 0; i < UPLINK_WAITING_MAX + 500; i++)
		send_row(i, 10, true);
	tell('b');
	loop_until(&C.agains, 1);
	rows_are(500, UPLINK_WAITING_MAX);
}

/* It is stopped (SIGSTOP) and goes on: the line holds, what the kernel had and the newest 4096 arrive, in order, none twice */
static void
test_frozen(void **state)
{
	int i, gaps = 0;

	tell('f');
	for (i = 0; i < 10000; i++) {
		send_row(i, 2000, true);
		if (i % 100 == 0)
			uv_run(&C.loop, UV_RUN_NOWAIT);
	}
	assert_true(uplink_connected(C.u));
	assert_true(C.sleeps <= SLEEPS_MAX);
	tell('r');
	loop_until_row(9999);
	assert_true(S.rows >= UPLINK_WAITING_MAX);
	for (i = 1; i < S.rows; i++) {
		assert_true(S.seqs[i] > S.seqs[i - 1]);
		gaps += S.seqs[i] != S.seqs[i - 1] + 1;
	}
	assert_int_equal(S.seqs[0], 0);
	assert_int_equal(gaps, 1);	/* what was dropped, and said */
	assert_int_equal(S.hellos, 1);
}

/* Stopped for so long that what need not be kept fills 4 MiB: the line counts as lost, is made anew, and the kept rows survive that */
static void
test_frozen_for_long(void **state)
{
	int i;

	tell('f');
	for (i = 0; i < 10000 && uplink_connected(C.u); i++)
		send_row(ROWS_MAX + i, 2000, false);
	assert_false(uplink_connected(C.u));
	assert_true(i > 4000000 / 2100);
	for (i = 0; i < 200; i++) {
		send_row(i, 10, true);
		if (i % 10 == 0)
			uv_run(&C.loop, UV_RUN_NOWAIT);
	}
	assert_true(C.sleeps <= SLEEPS_MAX);
	tell('r');
	loop_until(&C.agains, 1);
	loop_until_row(199);
	for (i = 0; i < 200; i++)
		assert_int_equal(S.seqs[S.rows - 200 + i], i);
}

/* A new safeadmin that does not know our module yet refuses the hello: we ask again */
static void
test_refused_at_first(void **state)
{
	S.refuse = true;
	tell('d');
	loop_until_connected(false);
	send_row(1, 10, true);
	loop_until(&S.hellos, 3);
	assert_int_equal(S.rows, 0);
	tell('f');
	S.refuse = false;
	tell('r');
	loop_until(&C.agains, 1);
	rows_are(1, 1);
}

static void
test_garbage_from_above(void **state)
{
	char junk[64];

	memset(junk, 0xff, sizeof(junk));
	tell('f');
	assert_int_equal(send(S.conn, junk, sizeof(junk), MSG_NOSIGNAL), sizeof(junk));
	tell('r');
	loop_until(&C.agains, 1);	/* the line was given up and made anew */
	send_row(5, 10, true);
	rows_are(5, 1);
}

#define STORY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(test_rows_up_orders_down), STORY(test_away_and_back), STORY(test_what_waits_is_bounded), STORY(test_frozen),
		STORY(test_frozen_for_long),
		STORY(test_refused_at_first), STORY(test_garbage_from_above),
	};
	char dir[] = "/tmp/t_uplink.XXXXXX";
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(dir) == NULL || setenv("SAFEVAR", dir, 1) == -1)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return rc;
}
