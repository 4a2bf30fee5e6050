/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal as its owner sees it: rows come back, in order, after everything that may happen to a disk. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include "pub/journal.h"
#include "wire/message.h"

#define PATIENCE_MS	20000	/* longest wait for something that must happen */

/* ---- an owner with the smallest loop ---- */
struct owner {
	struct journal *j;
	int	 wake;
	int	 rebuilt, unwritable;
	char	 text[SK_TEXT_MAX];	/* of the last trouble */
};

static void
on_wake(void *ctx)
{
	uint64_t one = 1;

	(void)!write(((struct owner *)ctx)->wake, &one, sizeof(one));
}

static void
on_trouble(void *ctx, int message, const char *text)
{
	struct owner *o = ctx;

	o->rebuilt += message == MSG_JOURNAL_REBUILT;
	o->unwritable += message == MSG_JOURNAL_WRITE;
	str_copy(o->text, sizeof(o->text), text);
}

static void
owner_open(struct owner *o, const char *dir)
{
	struct journal_hooks hooks = { o, on_wake, on_trouble };

	memset(o, 0, sizeof(*o));
	o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(o->wake != -1);
	o->j = journal_new(dir, &hooks);
	assert_non_null(o->j);
}

static void
owner_close(struct owner *o)
{
	journal_free(o->j);
	close(o->wake);
}

static void
owner_turn(struct owner *o, int64_t deadline)	/* waits for one wake-up */
{
	struct pollfd p = { o->wake, POLLIN, 0 };
	int64_t left = deadline - clock_mono_ms();
	uint64_t n;

	assert_true(left > 0);
	assert_true(poll(&p, 1, (int)left) >= 0);
	(void)!read(o->wake, &n, sizeof(n));
	journal_poll(o->j);
}

struct answer {
	bool	 done;
	json_t	*rows;
};

static void
on_answer(void *ctx, json_t *rows)
{
	struct answer *a = ctx;

	assert_false(a->done);
	a->done = true;
	a->rows = json_incref(rows);
}

static json_t *
wait_answer(struct owner *o, struct answer *a)
{
	int64_t deadline = clock_mono_ms() + PATIENCE_MS;

	while (!a->done)
		owner_turn(o, deadline);
	return a->rows;
}

static json_t *
ask_log(struct owner *o, const char *module, const char *levels, int last, uint64_t after)
{
	struct answer a = { false, NULL };

	journal_ask_log(o->j, module, levels, last, after, on_answer, &a);
	return wait_answer(o, &a);
}

static json_t *
ask_history(struct owner *o, const char *module, const char *resource, int last)
{
	struct answer a = { false, NULL };

	journal_ask_history(o->j, module, resource, last, on_answer, &a);
	return wait_answer(o, &a);
}

static json_t *
ask_notices(struct owner *o, uint64_t after, int last)
{
	struct answer a = { false, NULL };

	journal_ask_notices(o->j, after, last, on_answer, &a);
	return wait_answer(o, &a);
}

static json_t *
ask_commands(struct owner *o, int last)
{
	struct answer a = { false, NULL };

	journal_ask_commands(o->j, last, on_answer, &a);
	return wait_answer(o, &a);
}

static uint64_t
put(struct owner *o, const char *module, char level, const char *text)
{
	struct rpt_log row = { .time_us = clock_wall_us(), .level = { level, '\0' }, .key = 590 };

	str_copy(row.module, sizeof(row.module), module);
	str_copy(row.origin, sizeof(row.origin), "heart");
	str_copy(row.message, sizeof(row.message), text);
	return journal_log(o->j, &row);
}

static uint64_t
put_notice(struct owner *o, const char *object)
{
	struct rpt_notice n = { .time_ms = clock_wall_us() / 1000, .type = NT_RESOURCE, .module_id = 3, .key = 514, .level = "E" };

	str_copy(n.module, sizeof(n.module), "AM");
	str_copy(n.object, sizeof(n.object), object);
	str_copy(n.from, sizeof(n.from), "up");
	str_copy(n.to, sizeof(n.to), "down");
	str_copy(n.message, sizeof(n.message), "Resource set");
	return journal_notice(o->j, &n);
}

static void
put_resource(struct owner *o, const char *name, const char *value, int64_t when)
{
	struct rpt_resource r = { .since_ms = when };

	str_copy(r.module, sizeof(r.module), "AM");
	str_copy(r.name, sizeof(r.name), name);
	str_copy(r.value, sizeof(r.value), value);
	str_copy(r.by, sizeof(r.by), "tcpcheck");
	journal_resource(o->j, &r);
}

static const char *
text_of(const json_t *rows, size_t i, const char *member)
{
	const char *s = json_string_value(json_object_get(json_array_get(rows, i), member));

	assert_non_null(s);
	return s;
}

static uint64_t
number_of(const json_t *rows, size_t i, const char *member)
{
	const json_t *v = json_object_get(json_array_get(rows, i), member);

	assert_true(json_is_integer(v));
	return (uint64_t)json_integer_value(v);
}

static void
assert_ascending(const json_t *rows)
{
	size_t i;

	for (i = 1; i < json_array_size(rows); i++)
		assert_true(number_of(rows, i, "seq") > number_of(rows, i - 1, "seq"));
}

/* ---- a directory of its own for each test ---- */
static int
dir_make(void **state)
{
	char *dir = strdup("/tmp/t_journalXXXXXX");

	*state = dir;
	return dir == NULL || mkdtemp(dir) == NULL ? -1 : 0;
}

static void
dir_empty(const char *dir)
{
	struct dirent *e;
	char path[PATH_MAX];
	DIR *d = opendir(dir);

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && path_format(path, sizeof(path), "%s/%s", dir, e->d_name))
			unlink(path);
	if (d != NULL)
		closedir(d);
}

static int
dir_remove(void **state)
{
	int rc;

	dir_empty(*state);
	rc = rmdir(*state);
	free(*state);
	return rc;
}

static const char *
in_dir(const char *dir, const char *name)
{
	static char path[PATH_MAX];

	assert_true(path_format(path, sizeof(path), "%s/%s", dir, name));
	return path;
}

static size_t
count_files(const char *dir, const char *prefix)
{
	struct dirent *e;
	size_t n = 0;
	DIR *d = opendir(dir);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

static void
scribble(const char *file, off_t at, size_t len)
{
	int fd = open(file, O_WRONLY);
	unsigned seed = 4711;
	size_t i;

	assert_true(fd != -1);
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)rand_r(&seed);

		assert_int_equal(pwrite(fd, &c, 1, at + (off_t)i), 1);
	}
	close(fd);
}

/* ---- plain life ---- */
static void
fill_one_of_each(struct owner *o)
{
	struct rpt_command c = { .time_us = 1700000000000000, .pid = 4242, .status = "running", .user = "root", .command = "safekit start -m AM" };

	assert_int_equal(put(o, "AM", 'E', "first"), 1);
	assert_int_equal(put(o, "", 'U', "of the node"), 2);
	assert_int_equal(put(o, "AM", 'd', "quote ' and \"\nnewline"), 3);
	assert_int_equal(put_notice(o, "tcp.web"), 1);
	assert_int_equal(journal_command(o->j, &c), 1);
	assert_int_equal(c.seq, 1);
	journal_command_end(o->j, 1, "return 0");
	put_resource(o, "tcp.web", "up", 1000);
	put_resource(o, "tcp.web", "down", 2000);
	put_resource(o, "tcp.db", "up", 3000);
}

static void
check_one_of_each(struct owner *o)
{
	json_t *rows = ask_log(o, "AM", "A", 100, 0);

	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(text_of(rows, 0, "message"), "first");
	assert_string_equal(text_of(rows, 0, "origin"), "heart");
	assert_string_equal(text_of(rows, 0, "level"), "E");
	assert_int_equal(number_of(rows, 0, "key"), 590);
	assert_string_equal(text_of(rows, 1, "message"), "quote ' and \"\nnewline");
	assert_int_equal(number_of(rows, 1, "seq"), 3);
	json_decref(rows);
	rows = ask_log(o, "", "A", 100, 0);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(text_of(rows, 0, "message"), "of the node");
	json_decref(rows);
	rows = ask_notices(o, 0, 10);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(text_of(rows, 0, "object"), "tcp.web");
	assert_string_equal(text_of(rows, 0, "type"), rpt_notice_names[NT_RESOURCE]);
	assert_string_equal(text_of(rows, 0, "from"), "up");
	assert_string_equal(text_of(rows, 0, "to"), "down");
	assert_int_equal(number_of(rows, 0, "module_id"), 3);
	json_decref(rows);
	rows = ask_commands(o, 10);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(text_of(rows, 0, "status"), "return 0");
	assert_string_equal(text_of(rows, 0, "command"), "safekit start -m AM");
	assert_int_equal(number_of(rows, 0, "pid"), 4242);
	json_decref(rows);
	rows = ask_history(o, "AM", "tcp.web", 10);
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(text_of(rows, 0, "value"), "up");
	assert_int_equal(number_of(rows, 1, "time_ms"), 2000);
	assert_string_equal(text_of(rows, 1, "by"), "tcpcheck");
	assert_int_equal(json_object_size(json_array_get(rows, 1)), 3);
	json_decref(rows);
}

static void
test_rows_come_back(void **state)
{
	struct owner o;

	owner_open(&o, *state);
	fill_one_of_each(&o);
	check_one_of_each(&o);
	assert_int_equal(journal_last_notice(o.j), 1);
	owner_close(&o);
	owner_open(&o, *state);
	check_one_of_each(&o);
	assert_int_equal(journal_last_notice(o.j), 1);
	assert_int_equal(put(&o, "AM", 'I', "next"), 4);	/* a clean end skips nothing */
	assert_int_equal(put_notice(&o, "x"), 2);
	assert_int_equal(o.rebuilt + o.unwritable, 0);
	assert_int_equal(journal_lost(o.j), 0);
	owner_close(&o);
	assert_int_equal(access(in_dir(*state, "journal.db-wal"), F_OK), -1);
}

static void
test_filters(void **state)
{
	static const char levels[] = "UECSId";
	struct owner o;
	json_t *rows;
	int i;

	owner_open(&o, *state);
	for (i = 0; i < 600; i++)
		put(&o, i % 2 == 0 ? "AM" : "BM", levels[i % 6], "x");
	rows = ask_log(&o, "AM", "UC", 1000, 0);	/* places 0, 2, 4 of levels: U C I */
	assert_int_equal(json_array_size(rows), 200);
	assert_ascending(rows);
	json_decref(rows);
	rows = ask_log(&o, "AM", "I", 7, 0);
	assert_int_equal(json_array_size(rows), 7);
	assert_int_equal(number_of(rows, 6, "seq"), 599);
	assert_ascending(rows);
	json_decref(rows);
	rows = ask_log(&o, "BM", "A", 1000, 590);
	assert_int_equal(json_array_size(rows), 5);
	assert_int_equal(number_of(rows, 0, "seq"), 592);
	json_decref(rows);
	rows = ask_log(&o, "BM", "A", 0, 0);
	assert_int_equal(json_array_size(rows), 300);
	json_decref(rows);
	rows = ask_log(&o, "CM", "A", 1000, 0);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	rows = ask_log(&o, "AM' OR ''='", "A", 1000, 0);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	owner_close(&o);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, dir_make, dir_remove)
		T(test_rows_come_back), T(test_filters),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
