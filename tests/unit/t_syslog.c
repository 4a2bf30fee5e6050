/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to the system's log: a datagram socket in a directory of the test plays journald, another one /dev/log. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "pub/syslog.h"

static char dir[32], journal[64], devlog[64];

static int
setup(void **state)
{
	strcpy(dir, "/tmp/t_syslogXXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(journal, sizeof(journal), "%s/journal", dir);
	snprintf(devlog, sizeof(devlog), "%s/devlog", dir);
	unsetenv("SAFE_JOURNAL_SOCKET");
	unsetenv("SAFE_DEVLOG");
	return 0;
}

static int
teardown(void **state)
{
	unlink(journal);
	unlink(devlog);
	return rmdir(dir);
}

static int
listen_on(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd != -1);
	str_copy(a.sun_path, sizeof(a.sun_path), path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static struct rpt_log
row_of(const char *message)
{
	struct rpt_log r = { .seq = 1, .time_us = 1700000000000000, .module = "AM", .origin = "heart", .level = "C", .key = 533 };

	str_copy(r.message, sizeof(r.message), message);
	return r;
}

/* ---- a receiver's view of the native protocol, written from its documentation ---- */
struct received {
	char	 name[16][32];
	char	 value[16][SK_TEXT_MAX];
	size_t	 count;
};

static bool
receive(int fd, struct received *r)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);
	size_t at = 0, len;

	memset(r, 0, sizeof(*r));
	if (n == -1)
		return false;
	while (at < (size_t)n) {
		char *start = buf + at, *end = memchr(start, '\n', (size_t)n - at), *equal;

		assert_non_null(end);
		assert_true(r->count < 16);
		equal = memchr(start, '=', (size_t)(end - start));
		if (equal != NULL) {
			snprintf(r->name[r->count], 32, "%.*s", (int)(equal - start), start);
			len = (size_t)(end - equal) - 1;
			memcpy(r->value[r->count], equal + 1, len);
			at = (size_t)(end - buf) + 1;
		} else {
			size_t i;

			snprintf(r->name[r->count], 32, "%.*s", (int)(end - start), start);
			for (len = 0, i = 0; i < 8; i++)
				len |= (size_t)(unsigned char)end[1 + i] << (8 * i);
			at = (size_t)(end - buf) + 9;
			assert_true(len < SK_TEXT_MAX && at + len < (size_t)n);
			memcpy(r->value[r->count], buf + at, len);
			assert_int_equal(buf[at + len], '\n');
			at += len + 1;
		}
		r->count++;
	}
	return true;
}

static const char *
value_of(const struct received *r, const char *name)
{
	const char *found = NULL;
	size_t i;

	for (i = 0; i < r->count; i++)
		if (strcmp(r->name[i], name) == 0) {
			assert_null(found);	/* once */
			found = r->value[i];
		}
	return found;
}

static void
test_native_fields(void **state)
{
	static const struct { const char *level, *priority; } map[] = { { "C", "2" }, { "E", "5" }, { "U", "5" }, { "S", "6" }, { "I", "6" }, { "d", "7" } };
	struct syslog_out *s = syslog_new("node1", journal, devlog);
	int fd = listen_on(journal), fd2 = listen_on(devlog);
	struct received r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(map); i++) {
		struct rpt_log row = row_of("Reason of failover: no heartbeat");

		strcpy(row.level, map[i].level);
		syslog_put(s, &row);
		assert_true(receive(fd, &r));
		assert_int_equal(r.count, 9);
		assert_string_equal(value_of(&r, "MESSAGE"), "Reason of failover: no heartbeat");
		assert_string_equal(value_of(&r, "SYSLOG_IDENTIFIER"), "safekit");
		assert_string_equal(value_of(&r, "PRIORITY"), map[i].priority);
		assert_string_equal(value_of(&r, "NODE"), "node1");
		assert_string_equal(value_of(&r, "MODULE"), "AM");
		assert_string_equal(value_of(&r, "LEVEL"), map[i].level);
		assert_string_equal(value_of(&r, "ORIGIN"), "heart");
		assert_string_equal(value_of(&r, "KEY"), "533");
		assert_string_equal(value_of(&r, "TIME_US"), "1700000000000000");
	}
	assert_false(receive(fd2, &r));		/* the journal is preferred */
	syslog_free(s);
	close(fd);
	close(fd2);
}

static void
test_newline_forges_nothing(void **state)
{
	struct syslog_out *s = syslog_new("node1", journal, devlog);
	int fd = listen_on(journal);
	struct rpt_log row = row_of("x\nPRIORITY=0\n_UID=1000\nMESSAGE\n");
	struct received r;

	str_copy(row.module, sizeof(row.module), "AM\nNODE=other");
	syslog_put(s, &row);
	assert_true(receive(fd, &r));
	assert_int_equal(r.count, 9);
	assert_string_equal(value_of(&r, "MESSAGE"), "x\nPRIORITY=0\n_UID=1000\nMESSAGE\n");
	assert_string_equal(value_of(&r, "MODULE"), "AM\nNODE=other");
	assert_string_equal(value_of(&r, "PRIORITY"), "2");
	assert_string_equal(value_of(&r, "NODE"), "node1");
	close(fd);
	unlink(journal);

	fd = listen_on(devlog);
	syslog_put(s, &row);
	{
		char buf[2048];
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		assert_true(n > 0);
		assert_null(memchr(buf, '\n', (size_t)n));
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), -1);
	}
	syslog_free(s);
	close(fd);
}

static void
test_longest_texts_fit(void **state)
{
	struct syslog_out *s = syslog_new("node1", journal, devlog);
	struct rpt_log row = row_of("");
	int fd = listen_on(journal);
	struct received r;

	memset(row.message, '\n', sizeof(row.message) - 1);
	memset(row.module, '\n', sizeof(row.module) - 1);
	memset(row.origin, '\n', sizeof(row.origin) - 1);
	row.key = UINT32_MAX;
	syslog_put(s, &row);
	assert_true(receive(fd, &r));
	assert_int_equal(r.count, 9);
	assert_string_equal(value_of(&r, "MESSAGE"), row.message);
	assert_string_equal(value_of(&r, "KEY"), "4294967295");
	syslog_free(s);
	close(fd);
}

static void
test_devlog_line(void **state)
{
	struct syslog_out *s;
	int fd = listen_on(devlog), stale = listen_on(journal);
	struct rpt_log row = row_of("End of stop");
	char buf[2048];
	ssize_t n;

	setenv("TZ", "UTC", 1);
	tzset();
	close(stale);	/* a name nobody listens on */
	setenv("SAFE_DEVLOG", devlog, 1);
	s = syslog_new("node1", journal, "/nonexistent/devlog");
	unsetenv("SAFE_DEVLOG");
	syslog_put(s, &row);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, "<26>Nov 14 22:13:20 safekit: | AM | heart | C | End of stop | 533");	/* 3 << 3 | 2 */
	assert_int_equal(syslog_waiting(s), 0);
	syslog_free(s);
	close(fd);
}

static void
test_absent_receiver_is_waited_for(void **state)
{
	struct syslog_out *s = syslog_new("node1", journal, devlog);
	struct received r;
	char text[32];
	int fd, i;

	for (i = 0; i < 1024 + 10; i++) {
		struct rpt_log row;

		snprintf(text, sizeof(text), "message %d", i);
		row = row_of(text);
		syslog_put(s, &row);
	}
	assert_int_equal(syslog_waiting(s), 1024);
	assert_int_equal(syslog_dropped(s), 10);	/* the oldest */
	syslog_flush(s);
	assert_int_equal(syslog_waiting(s), 1024);
	fd = listen_on(journal);
	for (i = 10; i < 1024 + 10; i++) {
		syslog_flush(s);	/* the kernel takes only some at a time */
		assert_true(receive(fd, &r));
		snprintf(text, sizeof(text), "message %d", i);
		assert_string_equal(value_of(&r, "MESSAGE"), text);
	}
	assert_int_equal(syslog_waiting(s), 0);
	assert_false(receive(fd, &r));
	assert_int_equal(syslog_dropped(s), 10);
	syslog_free(s);
	close(fd);
}

static void
test_receiver_that_does_not_read(void **state)
{
	struct syslog_out *s = syslog_new("node1", journal, devlog);
	int fd = listen_on(journal), i, got = 0, last = -1;
	struct received r;
	char text[32];

	alarm(20);	/* a call that blocks ends the test */
	for (i = 0; syslog_dropped(s) == 0; i++) {
		struct rpt_log row;

		snprintf(text, sizeof(text), "%d", i);
		row = row_of(text);
		syslog_put(s, &row);
		assert_true(i < 100000);
	}
	while (receive(fd, &r)) {	/* in order, only the dropped one is missing */
		int n = atoi(value_of(&r, "MESSAGE"));

		assert_true(n > last);
		last = n;
		got++;
		syslog_flush(s);
	}
	alarm(0);
	assert_int_equal(last, i - 1);
	assert_int_equal(got, i - 1);
	assert_int_equal(syslog_waiting(s), 0);
	syslog_free(s);
	close(fd);
}

static void
test_restarted_receiver_is_found(void **state)
{
	struct syslog_out *s = syslog_new("node1", journal, devlog);
	int fd = listen_on(journal);
	struct rpt_log row = row_of("one");
	struct received r;

	syslog_put(s, &row);
	assert_true(receive(fd, &r));
	close(fd);
	syslog_put(s, &row);
	assert_int_equal(syslog_waiting(s), 1);
	unlink(journal);
	fd = listen_on(journal);
	row = row_of("two");
	syslog_put(s, &row);
	assert_true(receive(fd, &r));
	assert_string_equal(value_of(&r, "MESSAGE"), "one");
	assert_true(receive(fd, &r));
	assert_string_equal(value_of(&r, "MESSAGE"), "two");
	syslog_free(s);
	close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_native_fields), T(test_newline_forges_nothing), T(test_longest_texts_fit), T(test_devlog_line),
		T(test_absent_receiver_is_waited_for), T(test_receiver_that_does_not_read), T(test_restarted_receiver_is_found),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("syslog", tests, NULL, NULL);
}
