/* SPDX-License-Identifier: GPL-2.0-or-later */
/* act/writer: the newest text reaches the file, and who waits is told. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "act/writer.h"

static char dir[] = "/tmp/t_writerXXXXXX", file[64];

static int
setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/f", dir);
	return 0;
}

static int
teardown(void **state)
{
	unlink(file);
	return rmdir(dir);	/* fails when something was left */
}

static void
wait_idle(struct writer *w)
{
	while (!writer_idle(w)) {
		struct pollfd p = { .fd = writer_fd(w), .events = POLLIN };
		uint64_t n;

		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_int_equal(read(writer_fd(w), &n, sizeof(n)), sizeof(n));
	}
}

static void
content_is(const char *expected)
{
	char *text;

	assert_true(path_read(file, &text, 1000) >= 0);
	assert_string_equal(text, expected);
	free(text);
}

static void
test_the_newest_wins(void **state)
{
	struct writer *w = writer_new(file, 0600, true);
	char text[16];
	int i;

	assert_non_null(w);
	assert_true(writer_idle(w));
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "%d", i);
		writer_put(w, strdup(text));
	}
	wait_idle(w);
	content_is("999");
	writer_put(w, NULL);	/* no memory for a text: nothing to do */
	assert_true(writer_idle(w));
	writer_free(w);
}

static void
test_the_end_writes_what_waits(void **state)
{
	struct writer *w = writer_new(file, 0600, true);

	writer_put(w, strdup("one"));
	writer_put(w, strdup("last"));
	writer_free(w);
	content_is("last");
}

static void
test_a_disk_that_refuses_is_told_and_goes_on(void **state)
{
	struct writer *w = writer_new("/proc/nowhere/f", 0600, true);

	assert_non_null(w);
	writer_put(w, strdup("x"));
	wait_idle(w);
	writer_free(w);
	writer_free(NULL);
}

static void
test_one_that_comes_and_goes(void **state)
{
	struct writer *w = writer_new(file, 0644, false);
	char tmp[80];
	int i;

	snprintf(tmp, sizeof(tmp), "%s.new", file);
	for (i = 0; i < 1000; i++) {
		writer_put(w, strdup("OK\n"));
		writer_remove(w);
	}
	wait_idle(w);
	assert_int_equal(access(file, F_OK), -1);
	for (i = 0; i < 1000; i++) {
		writer_remove(w);	/* also when it is not there */
		writer_put(w, strdup("OK\n"));
	}
	wait_idle(w);
	content_is("OK\n");
	assert_int_equal(access(tmp, F_OK), -1);
	writer_remove(w);
	writer_free(w);
	assert_int_equal(access(file, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_wins),
		cmocka_unit_test(test_the_end_writes_what_waits),
		cmocka_unit_test(test_one_that_comes_and_goes),
		cmocka_unit_test(test_a_disk_that_refuses_is_told_and_goes_on),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
