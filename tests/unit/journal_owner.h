/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal_owner.h: an owner of a journal with the smallest loop, and a directory for it.  For t_journal*.c, after cmocka.h. */
#ifndef TEST_JOURNAL_OWNER_H
#define TEST_JOURNAL_OWNER_H

#include <sys/eventfd.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sqlite3.h>
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

static __attribute__((unused)) void
on_wake(void *ctx)
{
	uint64_t one = 1;

	(void)!write(((struct owner *)ctx)->wake, &one, sizeof(one));
}

static __attribute__((unused)) void
on_trouble(void *ctx, int message, const char *text)
{
	struct owner *o = ctx;

	o->rebuilt += message == MSG_JOURNAL_REBUILT;
	o->unwritable += message == MSG_JOURNAL_WRITE;
	str_copy(o->text, sizeof(o->text), text);
}

static __attribute__((unused)) void
owner_open(struct owner *o, const char *dir)
{
	struct journal_hooks hooks = { o, on_wake, on_trouble };

	memset(o, 0, sizeof(*o));
	o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(o->wake != -1);
	o->j = journal_new(dir, &hooks);
	assert_non_null(o->j);
}

static __attribute__((unused)) void
owner_close(struct owner *o)
{
	journal_free(o->j);
	close(o->wake);
}

static __attribute__((unused)) void
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

static __attribute__((unused)) void
on_answer(void *ctx, json_t *rows)
{
	struct answer *a = ctx;

	assert_false(a->done);
	a->done = true;
	a->rows = json_incref(rows);
}

static __attribute__((unused)) json_t *
wait_answer(struct owner *o, struct answer *a)
{
	int64_t deadline = clock_mono_ms() + PATIENCE_MS;

	while (!a->done)
		owner_turn(o, deadline);
	return a->rows;
}

static __attribute__((unused)) json_t *
ask_log(struct owner *o, const char *module, const char *levels, int last, uint64_t after)
{
	struct answer a = { false, NULL };

	journal_ask_log(o->j, module, levels, last, after, on_answer, &a);
	return wait_answer(o, &a);
}

static __attribute__((unused)) json_t *
ask_history(struct owner *o, const char *module, const char *resource, int last)
{
	struct answer a = { false, NULL };

	journal_ask_history(o->j, module, resource, last, on_answer, &a);
	return wait_answer(o, &a);
}

static __attribute__((unused)) json_t *
ask_notices(struct owner *o, uint64_t after, int last)
{
	struct answer a = { false, NULL };

	journal_ask_notices(o->j, after, last, on_answer, &a);
	return wait_answer(o, &a);
}

static __attribute__((unused)) json_t *
ask_commands(struct owner *o, int last)
{
	struct answer a = { false, NULL };

	journal_ask_commands(o->j, last, on_answer, &a);
	return wait_answer(o, &a);
}

static __attribute__((unused)) uint64_t
put(struct owner *o, const char *module, char level, const char *text)
{
	struct rpt_log row = { .time_us = clock_wall_us(), .level = { level, '\0' }, .key = 590 };

	str_copy(row.module, sizeof(row.module), module);
	str_copy(row.origin, sizeof(row.origin), "heart");
	str_copy(row.message, sizeof(row.message), text);
	return journal_log(o->j, &row);
}

static __attribute__((unused)) uint64_t
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

static __attribute__((unused)) void
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

static __attribute__((unused)) uint64_t
number_of(const json_t *rows, size_t i, const char *member)
{
	const json_t *v = json_object_get(json_array_get(rows, i), member);

	assert_true(json_is_integer(v));
	return (uint64_t)json_integer_value(v);
}

static __attribute__((unused)) void
assert_ascending(const json_t *rows)
{
	size_t i;

	for (i = 1; i < json_array_size(rows); i++)
		assert_true(number_of(rows, i, "seq") > number_of(rows, i - 1, "seq"));
}

/* ---- a directory of its own for each test ---- */
static __attribute__((unused)) int
dir_make(void **state)
{
	char *dir = strdup("/tmp/t_journalXXXXXX");

	*state = dir;
	return dir == NULL || mkdtemp(dir) == NULL ? -1 : 0;
}

static __attribute__((unused)) void
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

static __attribute__((unused)) int
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

/* ---- what the tests write and expect ---- */
static __attribute__((unused)) void
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

static __attribute__((unused)) void
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

#define RESOURCES 500

static __attribute__((unused)) void
check_indexes(struct owner *o)	/* the first caller makes them */
{
	char name[SK_RES_MAX];
	uint32_t i;

	for (i = 1; i <= RESOURCES; i++) {
		snprintf(name, sizeof(name), "custom.r%u", i);
		assert_int_equal(journal_index(o->j, "AM", name), i);
		assert_int_equal(journal_index(o->j, "BM", name), i);
	}
	assert_int_equal(journal_index(o->j, "CM", "odd\tname%\n\x01"), 1);
	assert_int_equal(journal_index(o->j, "CM", "odd\tname"), 2);
}

static __attribute__((unused)) int64_t
count_in_file(const char *dir, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(in_dir(dir, "journal.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

#endif
