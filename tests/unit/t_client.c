/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libsafekit (ctl/client.c) against a safeadmin that the test plays: one thread, so the server's side of a blocking call is written
 * before the call.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctl/safekit.h"
#include "wire/ctlmsg.h"

struct server {
	char	 dir[32];
	struct sockaddr_un sa;
	int	 listener, fd;
	struct ctl_decoder in;
	struct sk_conn *client;
};

static int
setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));
	char err[SK_TEXT_MAX], run[64];

	strcpy(s->dir, "/tmp/t_clientXXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	snprintf(run, sizeof(run), "%s/run", s->dir);
	setenv("SAFEVAR", s->dir, 1);
	s->sa.sun_family = AF_UNIX;
	snprintf(s->sa.sun_path, sizeof(s->sa.sun_path), "%s/safeadmin.sock", run);
	s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (path_mkdirs(run, 0700) == -1 || bind(s->listener, (struct sockaddr *)&s->sa, sizeof(s->sa)) == -1
	    || listen(s->listener, 1) == -1)
		return -1;
	s->client = sk_connect(err, sizeof(err));
	s->fd = accept(s->listener, NULL, NULL);
	ctl_decoder_init(&s->in, CTL_FRAME_MAX_SERVER);
	*state = s;
	return s->client != NULL && s->fd != -1 ? 0 : -1;
}

static int
teardown(void **state)
{
	struct server *s = *state;
	char run[64];

	sk_close(s->client);
	sk_close(NULL);		/* allowed, like free() */
	if (s->fd != -1)
		close(s->fd);
	close(s->listener);
	ctl_decoder_free(&s->in);
	unlink(s->sa.sun_path);
	snprintf(run, sizeof(run), "%s/run", s->dir);
	rmdir(run);
	rmdir(s->dir);
	free(s);
	return 0;
}

static void
server_says(struct server *s, json_t *obj)
{
	char *frame;
	size_t n = ctl_encode(obj, &frame);

	assert_int_not_equal(n, 0);
	assert_int_equal(write(s->fd, frame, n), n);
	free(frame);
	json_decref(obj);
}

/* What the client sent: 1 and the object, 0 nothing (more) yet */
static int
server_hears(struct server *s, json_t **obj)
{
	char buf[65536], err[SK_TEXT_MAX];

	for (;;) {
		int rc = ctl_decoder_next(&s->in, obj, err, sizeof(err));
		ssize_t n;

		assert_int_not_equal(rc, -1);
		if (rc == 1)
			return 1;
		n = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0)
			return 0;
		assert_true(ctl_decoder_add(&s->in, buf, (size_t)n));
	}
}

static void
assert_text(json_t *obj, const char *member, const char *want)
{
	const char *text = json_string_value(json_object_get(obj, member));

	assert_non_null(text);
	assert_string_equal(text, want);
}

static void
test_ask_finds_its_reply_and_keeps_the_rest_in_order(void **state)
{
	struct server *s = *state;
	char code[16], err[SK_TEXT_MAX];
	json_t *reply, *obj;

	server_says(s, json_pack("{s:s}", "event", "tick"));
	server_says(s, json_pack("{s:i, s:b}", "id", 1000000, "ok", 1));	/* of an earlier sk_send() */
	server_says(s, json_pack("{s:i, s:b, s:s}", "id", 1, "ok", 1, "node", "n1"));
	server_says(s, json_pack("{s:s}", "event", "engine"));
	reply = sk_ask(s->client, json_pack("{s:s}", "op", "hello"), 5000, code, err, sizeof(err));
	assert_non_null(reply);
	assert_text(reply, "node", "n1");
	json_decref(reply);

	assert_int_equal(server_hears(s, &obj), 1);
	assert_text(obj, "op", "hello");
	assert_int_equal(json_integer_value(json_object_get(obj, "id")), 1);
	json_decref(obj);

	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 1);
	assert_text(obj, "event", "tick");
	json_decref(obj);
	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 1);
	assert_int_equal(json_integer_value(json_object_get(obj, "id")), 1000000);
	json_decref(obj);
	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 1);
	assert_text(obj, "event", "engine");
	json_decref(obj);
	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 0);
}

static void
test_ask_tells_why_it_was_refused(void **state)
{
	struct server *s = *state;
	char code[16], err[SK_TEXT_MAX];

	server_says(s, json_pack("{s:i, s:b, s:s, s:s}", "id", 1, "ok", 0, "code", "notfound", "message", "no module named x"));
	assert_null(sk_ask(s->client, json_pack("{s:s}", "op", "action"), 5000, code, err, sizeof(err)));
	assert_string_equal(code, "notfound");
	assert_string_equal(err, "no module named x");

	/* a server that gives neither */
	server_says(s, json_pack("{s:i}", "id", 2));
	assert_null(sk_ask(s->client, json_pack("{s:s}", "op", "action"), 5000, code, err, sizeof(err)));
	assert_string_equal(code, "internal");
	assert_string_not_equal(err, "");
}

static void
test_ask_gives_up_at_its_deadline(void **state)
{
	struct server *s = *state;
	char code[16], err[SK_TEXT_MAX];
	int64_t begin = clock_mono_ms();
	json_t *reply, *obj;

	assert_null(sk_ask(s->client, json_pack("{s:s}", "op", "get"), 40, code, err, sizeof(err)));
	assert_true(clock_mono_ms() - begin >= 40);
	assert_string_equal(code, "unreachable");
	assert_non_null(strstr(err, "40 ms"));

	/* the late answer is not taken for that of the next question */
	server_says(s, json_pack("{s:i, s:b, s:s}", "id", 1, "ok", 1, "what", "late"));
	server_says(s, json_pack("{s:i, s:b, s:s}", "id", 2, "ok", 1, "what", "mine"));
	reply = sk_ask(s->client, json_pack("{s:s}", "op", "get"), 5000, code, err, sizeof(err));
	assert_non_null(reply);
	assert_text(reply, "what", "mine");
	json_decref(reply);
	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 1);
	assert_text(obj, "what", "late");
	json_decref(obj);
}

static void
test_a_frame_in_pieces(void **state)
{
	struct server *s = *state;
	char *frame, err[SK_TEXT_MAX];
	json_t *event = json_pack("{s:s}", "event", "tick"), *obj;
	size_t n = ctl_encode(event, &frame), i;

	json_decref(event);
	for (i = 0; i < n; i++) {
		assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 0);
		assert_int_equal(write(s->fd, frame + i, 1), 1);
	}
	free(frame);
	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 1);
	assert_text(obj, "event", "tick");
	json_decref(obj);
}

static void
test_a_lost_connection_is_told(void **state)
{
	struct server *s = *state;
	char code[16], err[SK_TEXT_MAX] = "";
	json_t *obj;

	assert_true(sk_fd(s->client) >= 0);
	server_says(s, json_pack("{s:s}", "event", "tick"));
	close(s->fd);
	s->fd = -1;
	/* what had come before is still given */
	assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 1);
	json_decref(obj);
	assert_int_equal(sk_next(s->client, &obj, 5000, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "lost"));
	assert_false(sk_send(s->client, json_pack("{s:i, s:s}", "id", 1000000, "op", "hello")));
	assert_null(sk_ask(s->client, json_pack("{s:s}", "op", "hello"), 5000, code, err, sizeof(err)));
	assert_string_equal(code, "unreachable");
}

static void
test_what_is_no_frame_ends_it(void **state)
{
	struct server *s = *state;
	char err[SK_TEXT_MAX] = "";
	json_t *obj;

	assert_int_equal(write(s->fd, "\0\0\0\5hello", 9), 9);
	assert_int_equal(sk_next(s->client, &obj, 5000, err, sizeof(err)), -1);
	assert_string_not_equal(err, "");
}

static void
test_send_never_blocks_and_loses_nothing_it_took(void **state)
{
	struct server *s = *state;
	char *big = malloc(100001), err[SK_TEXT_MAX];
	long sent = 0, heard = 0;
	json_t *obj;
	int rc;

	memset(big, 'x', 100000);
	big[100000] = '\0';
	assert_false(sk_wants_write(s->client));
	/* nobody reads: the kernel's buffer, then 4 MiB of ours, then false */
	while (sk_send(s->client, json_pack("{s:I, s:s, s:s}", "id", (json_int_t)(1000000 + sent), "op", "print", "message", big)))
		assert_true(++sent < 200);
	assert_true(sent * 100000 > 3 << 20);
	assert_true(sk_wants_write(s->client));
	for (;;) {
		rc = server_hears(s, &obj);
		if (rc == 1) {
			assert_int_equal(json_integer_value(json_object_get(obj, "id")), 1000000 + heard);
			json_decref(obj);
			heard++;
			continue;
		}
		if (!sk_wants_write(s->client))
			break;
		assert_int_equal(sk_next(s->client, &obj, 0, err, sizeof(err)), 0);	/* sends on */
	}
	assert_int_equal(heard, sent);
	free(big);
}

static void
test_no_daemon(void **state)
{
	char err[SK_TEXT_MAX] = "";

	setenv("SAFEVAR", "/nonexistent", 1);
	assert_null(sk_connect(err, sizeof(err)));
	assert_string_equal(err, "Error: safeadmin administrator daemon not running");
}

static void
test_too_long_a_path(void **state)
{
	char dir[200] = "/", err[SK_TEXT_MAX] = "";

	memset(dir + 1, 'd', sizeof(dir) - 2);
	setenv("SAFEVAR", dir, 1);
	assert_null(sk_connect(err, sizeof(err)));
	assert_non_null(strstr(err, "too long"));
}

#define WITH_SERVER(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(test_ask_finds_its_reply_and_keeps_the_rest_in_order),
		WITH_SERVER(test_ask_tells_why_it_was_refused),
		WITH_SERVER(test_ask_gives_up_at_its_deadline),
		WITH_SERVER(test_a_frame_in_pieces),
		WITH_SERVER(test_a_lost_connection_is_told),
		WITH_SERVER(test_what_is_no_frame_ends_it),
		WITH_SERVER(test_send_never_blocks_and_loses_nothing_it_took),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_too_long_a_path),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
