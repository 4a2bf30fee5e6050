/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal on a disk that is full or read-only: rows wait, are answered, and arrive.  Needs root (mount namespace). */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/inotify.h>
#include <sys/mount.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include "journal_owner.h"

/* ---- a file system of our own that is full or read-only; the mount namespace ends with this process ---- */
static const char *no_mounts;

static void
own_mounts(void)
{
	if (geteuid() != 0)
		no_mounts = "needs root";
	/* in a chroot "/" is no mount point (EINVAL): what is mounted below our own temporary folder stays in the namespace all the same,
	 * as whoever made the chroot is trusted to have made its mounts private */
	else if (unshare(CLONE_NEWNS) == -1 || (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == -1 && errno != EINVAL))
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
	for (i = 0; i < 10000; i++)	/* older than all that is dropped */
		put(&o, "Q", 'E', "event");
	for (i = 0; i < 20000; i++) {
		put(&o, "Q", 'd', "debug");
		put(&o, "Q", 'I', "info");
	}
	assert_int_equal(put_notice(&o, "kept"), 2);
	for (i = 0; i < 20000; i++)
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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define D(f) cmocka_unit_test_setup_teardown(f, disk_make, disk_remove)
		D(test_full_disk_delays), D(test_overflow_drops_the_least), D(test_read_only),
	};

	own_mounts();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("journal_disk", tests, NULL, NULL);
}
