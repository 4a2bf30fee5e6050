/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal as its owner sees it: rows come back, in order, after everything that may happen to a disk. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
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
#include <malloc.h>
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
	unsigned char *junk = malloc(len);
	unsigned seed = 4711;
	size_t i;

	assert_true(fd != -1 && junk != NULL);
	for (i = 0; i < len; i++)
		junk[i] = (unsigned char)rand_r(&seed);
	assert_int_equal(pwrite(fd, junk, len, at), len);
	free(junk);
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

static void
test_forget(void **state)
{
	struct owner o;
	json_t *rows;

	owner_open(&o, *state);
	fill_one_of_each(&o);
	assert_int_equal(journal_index(o.j, "AM", "tcp.web"), 1);
	journal_forget(o.j, "AM", true, false);
	put(&o, "AM", 'E', "after");
	rows = ask_log(&o, "AM", "A", 10, 0);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(text_of(rows, 0, "message"), "after");
	json_decref(rows);
	rows = ask_log(&o, "", "A", 10, 0);
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
	rows = ask_history(&o, "AM", "tcp.web", 10);
	assert_int_equal(json_array_size(rows), 2);
	json_decref(rows);
	journal_forget(o.j, "AM", false, true);
	rows = ask_history(&o, "AM", "tcp.web", 10);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	assert_int_equal(journal_index(o.j, "AM", "tcp.db"), 2);
	owner_close(&o);
}

static int64_t
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

static void
test_old_rows_go(void **state)
{
	struct owner o;
	json_t *rows;
	int i;

	owner_open(&o, *state);
	for (i = 1; i <= 3500; i++)
		put_resource(&o, "custom.x", i % 2 == 0 ? "up" : "down", i);
	for (i = 1; i <= 13500; i++)
		put_notice(&o, "x");
	put(&o, "BM", 'E', "of another module");
	for (i = 1; i <= 103500; i++) {
		put(&o, "AM", 'E', "text");
		if (i % 30000 == 0)
			json_decref(ask_commands(&o, 1));	/* let the writer come along */
	}
	rows = ask_history(&o, "AM", "custom.x", 0);
	assert_int_equal(json_array_size(rows), JOURNAL_HISTORY_ROWS);
	assert_int_equal(number_of(rows, JOURNAL_HISTORY_ROWS - 1, "time_ms"), 3500);
	json_decref(rows);
	assert_int_equal(journal_lost(o.j), 0);
	owner_close(&o);
	i = (int)count_in_file(*state, "SELECT count(*) FROM history");
	assert_in_range(i, JOURNAL_HISTORY_ROWS, JOURNAL_HISTORY_ROWS + 100);
	i = (int)count_in_file(*state, "SELECT count(*) FROM notice");
	assert_in_range(i, JOURNAL_NOTICE_ROWS, JOURNAL_NOTICE_ROWS + 1000);
	i = (int)count_in_file(*state, "SELECT count(*) FROM log WHERE module='AM'");
	assert_in_range(i, JOURNAL_LOG_ROWS, JOURNAL_LOG_ROWS + 1000);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM log WHERE module='BM'"), 1);
}

static void
test_end_answers_every_question(void **state)
{
	struct answer a[3] = { { false, NULL }, { false, NULL }, { false, NULL } };
	struct owner o;
	size_t i;

	owner_open(&o, *state);
	put(&o, "AM", 'E', "x");
	for (i = 0; i < ARRAY_LEN(a); i++)
		journal_ask_log(o.j, "AM", "A", 1, 0, on_answer, &a[i]);
	owner_close(&o);
	for (i = 0; i < ARRAY_LEN(a); i++)
		assert_true(a[i].done);
}

/* ---- indexes ---- */
#define RESOURCES 500

static void
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

static void
test_indexes_stay(void **state)
{
	struct owner o;
	int fd;

	owner_open(&o, *state);
	check_indexes(&o);
	owner_close(&o);
	unlink(in_dir(*state, "journal.db"));	/* either file alone is enough */
	owner_open(&o, *state);
	check_indexes(&o);
	owner_close(&o);
	unlink(in_dir(*state, "index"));
	owner_open(&o, *state);
	check_indexes(&o);
	owner_close(&o);
	unlink(in_dir(*state, "journal.db"));
	fd = open(in_dir(*state, "index"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "no line\nAM\tx\t0\nAM\tdouble\t7\nAM\ty\t99999999999\nAM\t%zz\t5\nAM\tcut\t6", 61), 61);
	close(fd);
	owner_open(&o, *state);
	assert_int_equal(journal_index(o.j, "AM", "cut"), RESOURCES + 2);	/* double got the one before */
	assert_int_not_equal(journal_index(o.j, "AM", "double"), journal_index(o.j, "AM", "custom.r7"));
	assert_int_equal(journal_index(o.j, "BM", "custom.r7"), 7);
	owner_close(&o);
	unlink(in_dir(*state, "journal.db"));
	owner_open(&o, *state);
	assert_int_equal(journal_index(o.j, "AM", "cut"), RESOURCES + 2);
	unlink(in_dir(*state, "index"));	/* while open: the next one brings them all back */
	assert_int_equal(journal_index(o.j, "AM", "another"), RESOURCES + 3);
	owner_close(&o);
	assert_int_equal(access(in_dir(*state, "index"), F_OK), 0);
	unlink(in_dir(*state, "journal.db"));
	owner_open(&o, *state);
	assert_int_equal(journal_index(o.j, "AM", "another"), RESOURCES + 3);
	assert_int_equal(journal_index(o.j, "BM", "custom.r8"), 8);
	owner_close(&o);
}

/* ---- sequence numbers ---- */
static void
test_sequences_without_their_file(void **state)
{
	struct owner o;
	uint64_t before, now;
	int fd, i;

	owner_open(&o, *state);
	before = put(&o, "AM", 'E', "x");
	owner_close(&o);
	for (i = 0; i < 3; i++) {
		if (i == 2)
			unlink(in_dir(*state, "journal.db"));
		if (i == 0) {
			unlink(in_dir(*state, "sequence"));
		} else {
			fd = open(in_dir(*state, "sequence"), O_WRONLY | O_TRUNC);
			assert_int_equal(write(fd, "log 1\nnotice -5\n", 16), 16);
			close(fd);
		}
		owner_open(&o, *state);
		now = put(&o, "AM", 'E', "x");
		assert_true(now > before && now >= 1600000000000);
		assert_true(put_notice(&o, "x") >= 1600000000000);
		before = now;
		owner_close(&o);
	}
}

struct shared { volatile uint64_t given, confirmed; };

static void
confirmed(void *ctx, json_t *rows)
{
	struct shared *s = ctx;
	size_t n = json_array_size(rows);

	if (n > 0)
		s->confirmed = (uint64_t)json_integer_value(json_object_get(json_array_get(rows, n - 1), "seq"));
}

static _Noreturn void
victim(const char *dir, struct shared *s, int fd)
{
	struct owner o = { .wake = eventfd(0, EFD_CLOEXEC) };
	struct journal_hooks hooks = { &o, on_wake, on_trouble };
	uint64_t n;

	o.j = journal_new(dir, &hooks);
	for (;;) {
		uint64_t before = s->confirmed;
		int i;

		for (i = 0; i < 17; i++) {
			char text[32];

			snprintf(text, sizeof(text), "%d", i);
			s->given = put(&o, "AM", 'E', text);
		}
		journal_ask_log(o.j, "AM", "A", 1, 0, confirmed, s);
		while (s->confirmed == before) {
			(void)!read(o.wake, &n, sizeof(n));
			journal_poll(o.j);
		}
		(void)!write(fd, "x", 1);
	}
}

static void
test_kill_at_any_moment(void **state)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = 815;
	uint64_t all = 0;
	int round;

	for (round = 0; round < 12; round++) {
		int fds[2], i, wait_for = 1 + rand_r(&seed) % 40;
		uint64_t first, j;
		struct owner o;
		json_t *rows;
		pid_t pid;
		char c;

		s->given = s->confirmed = 0;
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			victim(*state, s, fds[1]);
		close(fds[1]);
		for (i = 0; i < wait_for; i++)
			assert_int_equal(read(fds[0], &c, 1), 1);
		if (round % 3 == 0)
			for (i = rand_r(&seed) % 200000; i > 0; i--)	/* not just after an answer */
				__asm__ volatile("");
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(fds[0]);
		owner_open(&o, *state);
		rows = ask_log(&o, "AM", "A", 0, all);	/* of this round */
		assert_non_null(rows);
		assert_ascending(rows);
		first = number_of(rows, 0, "seq");
		assert_true(s->confirmed >= first && json_array_size(rows) >= s->confirmed - first + 1);
		for (j = first; j <= s->confirmed; j++)
			assert_int_equal(number_of(rows, j - first, "seq"), j);
		json_decref(rows);
		all = put(&o, "AM", 'E', "after");
		assert_true(all > s->given);
		assert_int_equal(o.rebuilt + o.unwritable, 0);
		owner_close(&o);
	}
	munmap(s, sizeof(*s));
}

/* ---- damage ---- */
static void
fill_much(struct owner *o, int rows)
{
	int i;

	for (i = 0; i < rows; i++)
		put(o, "AM", 'E', "a text that is long enough to need many pages of the file, more than the cache of SQLite holds at once");
	json_decref(ask_log(o, "AM", "A", 1, 0));
}

static void
test_damage_between_lives(void **state)
{
	static const struct { off_t scribble_at, cut_at; } damage[] = { { 0, -1 }, { -1, 0 }, { -1, 5000 }, { -1, 1 }, { 20, -1 } };
	uint64_t before, now = 0;
	struct owner o;
	json_t *rows;
	size_t i;

	owner_open(&o, *state);
	check_indexes(&o);
	fill_much(&o, 1000);
	before = put(&o, "AM", 'E', "x");
	owner_close(&o);
	for (i = 0; i < ARRAY_LEN(damage); i++) {
		if (damage[i].scribble_at >= 0)
			scribble(in_dir(*state, "journal.db"), damage[i].scribble_at, 4000);
		else
			assert_int_equal(truncate(in_dir(*state, "journal.db"), damage[i].cut_at), 0);
		owner_open(&o, *state);
		now = put(&o, "AM", 'E', "after damage");
		assert_true(now > before);
		before = now;
		rows = ask_log(&o, "AM", "A", 1, 0);
		assert_int_equal(json_array_size(rows), 1);
		assert_string_equal(text_of(rows, 0, "message"), "after damage");
		json_decref(rows);
		check_indexes(&o);
		if (o.rebuilt != 1)
			fail_msg("damage %zu: rebuilt %d times", i, o.rebuilt);
		assert_non_null(strstr(o.text, "set aside as journal.db.damaged-"));
		assert_int_equal(o.unwritable, 0);
		fill_much(&o, 1000);
		before += 1000;
		owner_close(&o);
	}
	assert_int_equal(count_files(*state, "journal.db.damaged-"), 3);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM resource_index"), 2 * RESOURCES + 2);
}

static void
test_damage_while_open(void **state)
{
	uint64_t last;
	struct owner o;
	struct stat st;
	json_t *rows;
	size_t n;

	owner_open(&o, *state);
	check_indexes(&o);
	fill_much(&o, 30000);
	last = put(&o, "AM", 'E', "the last one");
	json_decref(ask_commands(&o, 1));
	assert_int_equal(stat(in_dir(*state, "journal.db"), &st), 0);
	assert_true(st.st_size > 3000000);
	scribble(in_dir(*state, "journal.db"), 8192, (size_t)st.st_size / 2);
	rows = ask_log(&o, "AM", "A", 0, 0);
	n = json_array_size(rows);
	assert_true(n >= 4096);		/* what memory still had; header: JOURNAL_KEPT_ROWS */
	assert_int_equal(number_of(rows, n - 1, "seq"), last);
	assert_string_equal(text_of(rows, n - 1, "message"), "the last one");
	assert_ascending(rows);
	json_decref(rows);
	journal_poll(o.j);
	assert_int_equal(o.rebuilt, 1);
	assert_int_equal(count_files(*state, "journal.db.damaged-"), 2);	/* with its -wal */
	check_indexes(&o);
	assert_int_equal(put(&o, "AM", 'E', "next"), last + 1);
	owner_close(&o);
	owner_open(&o, *state);
	check_indexes(&o);
	rows = ask_log(&o, "AM", "A", 0, 0);
	assert_int_equal(json_array_size(rows), n + 1);
	json_decref(rows);
	assert_int_equal(o.rebuilt, 0);
	owner_close(&o);
}

static void
test_removed_while_open(void **state)
{
	struct owner o;
	json_t *rows;

	owner_open(&o, *state);
	check_indexes(&o);
	fill_one_of_each(&o);
	check_one_of_each(&o);
	unlink(in_dir(*state, "journal.db-wal"));	/* alone: nothing is lost */
	put(&o, "BM", 'E', "one");
	json_decref(ask_commands(&o, 1));
	assert_int_equal(o.rebuilt, 0);
	assert_int_equal(access(in_dir(*state, "journal.db-wal"), F_OK), 0);
	owner_close(&o);
	owner_open(&o, *state);
	check_one_of_each(&o);
	json_decref(ask_log(&o, "BM", "A", 10, 0));
	owner_close(&o);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM log"), 4);
	dir_empty(*state);
	owner_open(&o, *state);
	fill_one_of_each(&o);
	check_indexes(&o);
	put(&o, "BM", 'E', "one");
	check_one_of_each(&o);
	dir_empty(*state);	/* everything */
	put(&o, "BM", 'E', "two");
	check_one_of_each(&o);
	rows = ask_log(&o, "BM", "A", 10, 0);
	assert_int_equal(json_array_size(rows), 2);
	json_decref(rows);
	assert_int_equal(o.rebuilt, 1);
	check_indexes(&o);
	owner_close(&o);
	owner_open(&o, *state);
	check_one_of_each(&o);
	check_indexes(&o);
	assert_int_equal(put(&o, "BM", 'E', "three"), 6);
	owner_close(&o);
}

static void
test_two_owners(void **state)
{
	struct owner o, second;
	json_t *rows;

	owner_open(&o, *state);
	fill_one_of_each(&o);
	check_one_of_each(&o);
	owner_open(&second, *state);
	assert_null(ask_log(&second, "AM", "A", 10, 0));	/* not half an answer */
	journal_poll(second.j);
	assert_int_equal(second.unwritable, 1);
	owner_close(&second);
	check_one_of_each(&o);
	assert_int_equal(put(&o, "AM", 'E', "still here"), 4);
	rows = ask_log(&o, "AM", "A", 1, 0);
	assert_string_equal(text_of(rows, 0, "message"), "still here");
	json_decref(rows);
	assert_int_equal(o.rebuilt + o.unwritable, 0);
	owner_close(&o);
}

/* ---- a file system of our own that is full or read-only; the mount namespace ends with this process ---- */
static const char *no_mounts;

static void
own_mounts(void)
{
	if (geteuid() != 0)
		no_mounts = "needs root";
	else if (unshare(CLONE_NEWNS) == -1 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == -1)
		no_mounts = "no mount namespace";
}

static int
disk_make(void **state)
{
	if (dir_make(state) == -1)
		return -1;
	return no_mounts == NULL && mount("t_journal", *state, "tmpfs", 0, "size=2m") == -1 ? -1 : 0;
}

static int
disk_remove(void **state)
{
	if (no_mounts == NULL && umount2(*state, 0) == -1)
		return -1;
	return dir_remove(state);
}

#define NEED_MOUNTS() do { if (no_mounts != NULL) { print_message("# skipped: %s\n", no_mounts); skip(); } } while (0)

static void
disk_fill(const char *dir)
{
	static const char zero[4096];
	int fd = open(in_dir(dir, "ballast"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd != -1);
	while (write(fd, zero, sizeof(zero)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static int
watch(const char *dir)
{
	int fd = inotify_init1(IN_CLOEXEC);

	assert_true(fd != -1 && inotify_add_watch(fd, dir, IN_MODIFY | IN_CREATE) != -1);
	return fd;
}

static void
wait_for_file(int fd, const char *name)	/* until it was written */
{
	int64_t deadline = clock_mono_ms() + PATIENCE_MS;
	char buf[4096] __attribute__((aligned(8)));

	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		ssize_t n, at;

		assert_int_equal(poll(&p, 1, (int)(deadline - clock_mono_ms())), 1);
		n = read(fd, buf, sizeof(buf));
		for (at = 0; at < n; ) {
			const struct inotify_event *e = (const void *)(buf + at);

			if (strcmp(e->name, name) == 0)
				return;
			at += (ssize_t)sizeof(*e) + e->len;
		}
	}
}

static void
wait_unwritable(struct owner *o)
{
	int64_t deadline = clock_mono_ms() + PATIENCE_MS;

	while (o->unwritable == 0)
		owner_turn(o, deadline);
}

static void
test_full_disk_delays(void **state)
{
	struct owner o;
	json_t *rows;
	int fd, i;

	NEED_MOUNTS();
	owner_open(&o, *state);
	fill_one_of_each(&o);
	check_one_of_each(&o);
	check_indexes(&o);
	disk_fill(*state);
	for (i = 0; i < 5000; i++)
		assert_int_equal(put(&o, "FULL", 'E', "on a full disk"), 4 + i);
	assert_int_equal(journal_index(o.j, "AM", "given.while.full"), RESOURCES + 1);
	wait_unwritable(&o);
	assert_non_null(strstr(o.text, "Journal cannot be written: "));
	assert_true(strstr(o.text, "disk is full") != NULL || strstr(o.text, "No space left") != NULL);
	rows = ask_log(&o, "FULL", "A", 0, 0);
	assert_int_equal(json_array_size(rows), 5000);
	assert_ascending(rows);
	json_decref(rows);
	journal_forget(o.j, "AM", true, true);	/* counts for answers although it waits */
	rows = ask_log(&o, "AM", "A", 0, 0);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	rows = ask_history(&o, "AM", "tcp.web", 0);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	journal_command_end(o.j, 1, "return 9");
	rows = ask_commands(&o, 0);
	assert_string_equal(text_of(rows, 0, "status"), "return 9");
	json_decref(rows);
	fd = watch(*state);
	unlink(in_dir(*state, "ballast"));
	wait_for_file(fd, "journal.db-wal");	/* by itself */
	close(fd);
	assert_int_equal(o.unwritable, 1);
	assert_int_equal(journal_lost(o.j), 0);
	owner_close(&o);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM log WHERE module='FULL'"), 5000);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM log WHERE module='AM'"), 0);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM command WHERE status='return 9'"), 1);
	owner_open(&o, *state);
	assert_int_equal(journal_index(o.j, "AM", "given.while.full"), RESOURCES + 1);
	check_indexes(&o);
	owner_close(&o);
}

static void
test_overflow_drops_the_least(void **state)
{
	struct owner o;
	size_t memory;
	uint64_t seq = 0, now;
	json_t *rows;
	int i;

	NEED_MOUNTS();
	owner_open(&o, *state);
	fill_one_of_each(&o);
	check_one_of_each(&o);
	disk_fill(*state);
	memory = mallinfo2().uordblks;
	for (i = 0; i < 20000; i++) {
		put(&o, "Q", 'd', "debug");
		put(&o, "Q", 'I', "info");
	}
	assert_int_equal(put_notice(&o, "kept"), 2);
	for (i = 0; i < 30000; i++)
		put(&o, "Q", 'E', "event");
	wait_unwritable(&o);
	/* what could still be written before the disk was full is not counted: all or nothing of a batch, so none of these */
	assert_int_equal(journal_lost(o.j), 70001 - JOURNAL_QUEUE_MAX);
	rows = ask_log(&o, "Q", "E", 0, 0);
	assert_int_equal(json_array_size(rows), 30000);
	json_decref(rows);
	rows = ask_log(&o, "Q", "dI", 0, 0);
	assert_int_equal(json_array_size(rows), JOURNAL_QUEUE_MAX - 30001);
	json_decref(rows);
	for (i = 0; i < 70000; i++) {	/* beyond what is reserved on the disk: they go on all the same */
		now = put(&o, "Q", 'E', "event");
		assert_true(now > seq);
		seq = now;
	}
	assert_int_equal(journal_lost(o.j), 140001 - JOURNAL_QUEUE_MAX);
	rows = ask_log(&o, "Q", "A", 0, 0);
	assert_int_equal(json_array_size(rows), JOURNAL_QUEUE_MAX - 1);
	assert_int_equal(number_of(rows, JOURNAL_QUEUE_MAX - 2, "seq"), seq);
	json_decref(rows);
	rows = ask_notices(&o, 1, 0);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(text_of(rows, 0, "object"), "kept");
	json_decref(rows);
	if (mallinfo2().uordblks > memory)	/* 0 under valgrind and the sanitizers */
		assert_true(mallinfo2().uordblks - memory < JOURNAL_QUEUE_MAX * sizeof(struct rpt_log));
	owner_close(&o);
}

static void
test_read_only(void **state)
{
	uint64_t seq;
	struct owner o;
	json_t *rows;
	int fd;

	NEED_MOUNTS();
	assert_int_equal(mount("t_journal", *state, "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0);
	owner_open(&o, *state);		/* never had a file: memory is all there is */
	seq = put(&o, "AM", 'E', "before there was a file");
	check_indexes(&o);
	rows = ask_log(&o, "AM", "A", 0, 0);
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
	wait_unwritable(&o);
	fd = watch(*state);
	assert_int_equal(mount("t_journal", *state, "tmpfs", MS_REMOUNT, "size=2m"), 0);
	wait_for_file(fd, "journal.db-wal");
	close(fd);
	owner_close(&o);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM log"), 1);
	assert_int_equal(mount("t_journal", *state, "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0);
	owner_open(&o, *state);
	wait_unwritable(&o);
	assert_true(put(&o, "AM", 'E', "second") > seq);
	check_indexes(&o);
	assert_null(ask_log(&o, "AM", "A", 0, 0));
	fd = watch(*state);
	assert_int_equal(mount("t_journal", *state, "tmpfs", MS_REMOUNT, "size=2m"), 0);
	wait_for_file(fd, "journal.db-wal");
	close(fd);
	rows = ask_log(&o, "AM", "A", 0, 0);
	assert_int_equal(json_array_size(rows), 2);
	assert_ascending(rows);
	json_decref(rows);
	assert_int_equal(o.unwritable, 1);
	owner_close(&o);
	assert_int_equal(count_in_file(*state, "SELECT count(*) FROM resource_index"), 2 * RESOURCES + 2);
}

static void
test_directory_is_made(void **state)
{
	char dir[PATH_MAX];
	struct owner o;

	assert_true(path_format(dir, sizeof(dir), "%s/a/db", (const char *)*state));
	owner_open(&o, dir);
	fill_one_of_each(&o);
	check_one_of_each(&o);
	owner_close(&o);
	dir_empty(dir);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(rmdir(in_dir(*state, "a")), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, dir_make, dir_remove)
#define D(f) cmocka_unit_test_setup_teardown(f, disk_make, disk_remove)
		T(test_rows_come_back), T(test_filters), T(test_forget), T(test_old_rows_go), T(test_end_answers_every_question),
		T(test_indexes_stay), T(test_sequences_without_their_file), T(test_kill_at_any_moment), T(test_damage_between_lives),
		T(test_damage_while_open), T(test_removed_while_open), T(test_two_owners), D(test_full_disk_delays),
		D(test_overflow_drops_the_least), D(test_read_only), T(test_directory_is_made),
	};

	own_mounts();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
