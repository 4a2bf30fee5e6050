/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal as its owner sees it: rows come back, in order, after kill -9, damage and removal. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include "journal_owner.h"

/* ---- plain life ---- */
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
		T(test_rows_come_back), T(test_filters), T(test_forget), T(test_old_rows_go), T(test_end_answers_every_question),
		T(test_indexes_stay), T(test_sequences_without_their_file), T(test_kill_at_any_moment), T(test_damage_between_lives),
		T(test_damage_while_open), T(test_removed_while_open), T(test_two_owners), T(test_directory_is_made),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
