/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_rfs_serve.c: a real mount, served by a real worker, without a second server (rfs/world.h): what applications see on it is what they see on a bare
 * folder; what the secondary gets makes an equal tree; and neither is harmed by kills of the worker, at any place.
 */
#include "config.h"
#include "rfs/exercise.h"
#include "rfs/world.h"
#include "rfs/place.h"
#include "rfs/rfs.h"
#include "rfs/serve_impl.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- kills at places ---- */

static int kill_at;		/* this place, 0: any */
static double kill_often;	/* how likely */

void serve_point(int n);
void
serve_point(int n)
{
	static __thread unsigned seed;

	if (kill_often == 0 || (kill_at != 0 && kill_at != n))
		return;
	if (seed == 0)
		seed = (unsigned)getpid() * 7919u + (unsigned)(uintptr_t)&seed;
	if (rand_r(&seed) < kill_often * RAND_MAX)
		kill(getpid(), SIGKILL);
}

/* In a child (world.h): asserts are for the parent */
#define CHECK(what) do { errno = 0; if (!(what)) { fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #what, strerror(errno)); return 1; } } while (0)

static void
on(struct world *w, int (*body)(const struct world *w, void *arg), void *arg)
{
	unsigned deaths;

	assert_int_equal(world_during(w, body, arg, 0, &deaths), 0);
}

/* Once the kernel has told what it had, the mount shows what is in the folder behind it, times too; and the secondary has the same */
static int
all_equal(const struct world *w, void *arg)
{
	int fd = open(w->mounted, O_RDONLY | O_DIRECTORY);

	CHECK(syncfs(fd) == 0);
	close(fd);
	CHECK(tree_compare(w->mounted, w->backing, true) == 0);
	CHECK(w->repl != WORLD_SECOND || tree_compare(w->backing, w->second, true) == 0);
	return 0;
}

/* ---- as a bare folder ---- */

static int
posix(const struct world *w, void *arg)
{
	return posix_run(w->mounted, w->bare) != 0;
}

static void
t_posix(void **state)
{
	struct world w;

	world_begin(&w, WORLD_SECOND, NULL);
	on(&w, posix, NULL);
	on(&w, all_equal, NULL);
	world_end(&w);
}

struct random { enum world_repl repl; uint64_t seed, ops; };

static int
random_ops(const struct world *w, void *arg)
{
	const struct random *r = arg;

	return random_run(w->mounted, w->bare, r->seed, r->ops) != 0;
}

static void
t_random(void **state)
{
	static struct random runs[] = { { WORLD_LOCAL, 1, 10000 }, { WORLD_SECOND, 2, 10000 } };
	struct world w;
	size_t i;

	for (i = 0; i < ARRAY_LEN(runs); i++) {
		world_begin(&w, runs[i].repl, NULL);
		on(&w, random_ops, &runs[i]);
		on(&w, all_equal, NULL);
		world_end(&w);
	}
}

/* ---- kills ---- */

struct load { int64_t ms; uint64_t seed; };

static int
load(const struct world *w, void *arg)
{
	const struct load *l = arg;

	return load_run(w->mounted, 4, l->ms, l->seed, NULL) != 0;
}

static void
under_load(enum world_repl repl, int64_t ms, int kill_ms, int at, double often)
{
	struct load l = { .ms = ms, .seed = (uint64_t)at + 1 };
	unsigned deaths;
	struct world w;
	int bad;

	kill_at = at;
	kill_often = often;
	world_begin(&w, repl, NULL);
	bad = world_during(&w, load, &l, kill_ms, &deaths);
	kill_often = 0;
	world_kill(&w);		/* one that lives on */
	if (bad != 0 || deaths == 0)
		print_message("place %d, every %d ms: %u deaths\n", at, kill_ms, deaths);
	assert_int_equal(bad, 0);
	assert_true(deaths > 0);
	on(&w, all_equal, NULL);
	world_end(&w);
}

static void
t_killed(void **state)
{
	under_load(WORLD_LOCAL, 3000, 40, 0, 0);
	under_load(WORLD_WAIT, 3000, 40, 0, 0);
	under_load(WORLD_SECOND, 3000, 40, 0, 0);
}

static void
t_killed_at_each_place(void **state)
{
	int at;

	for (at = 1; at <= 13; at++)
		under_load(WORLD_SECOND, 700, 0, at, 0.02);
	under_load(WORLD_LOCAL, 2000, 0, 0, 0.002);
}

/* ---- times ---- */

static int
same_times(const struct world *w, const char *name)
{
	char path[1200];
	struct stat seen, below, there;

	snprintf(path, sizeof(path), "%s/%s", w->mounted, name);
	CHECK(stat(path, &seen) == 0);
	snprintf(path, sizeof(path), "%s/%s", w->backing, name);
	CHECK(stat(path, &below) == 0);
	snprintf(path, sizeof(path), "%s/%s", w->second, name);
	CHECK(stat(path, &there) == 0);
	CHECK(seen.st_mtim.tv_sec == 1000000007);
	CHECK(below.st_mtim.tv_sec == seen.st_mtim.tv_sec && below.st_mtim.tv_nsec == seen.st_mtim.tv_nsec);
	CHECK(there.st_mtim.tv_sec == seen.st_mtim.tv_sec && there.st_mtim.tv_nsec == seen.st_mtim.tv_nsec);
	return 0;
}

/* truncate(2) to the size that the file has asks for a size and no time: the kernel keeps the mtime that it knows, and tells nobody */
static int
truncate_in_place(const struct world *w, void *arg)
{
	static const struct timespec then[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000000007, .tv_nsec = 5 } };
	char path[1200];
	int fd;

	snprintf(path, sizeof(path), "%s/empty", w->mounted);
	CHECK((fd = open(path, O_RDWR | O_CREAT, 0644)) != -1 && close(fd) == 0);
	CHECK(utimensat(AT_FDCWD, path, then, 0) == 0 && truncate(path, 0) == 0);
	CHECK(same_times(w, "empty") == 0);
	snprintf(path, sizeof(path), "%s/some", w->mounted);
	CHECK((fd = open(path, O_RDWR | O_CREAT, 0644)) != -1 && write(fd, "some", 4) == 4 && close(fd) == 0);
	CHECK(utimensat(AT_FDCWD, path, then, 0) == 0 && truncate(path, 4) == 0);
	CHECK(same_times(w, "some") == 0);
	return 0;
}

static void
t_mtime_of_a_truncate_to_the_same_size(void **state)
{
	struct world w;

	world_begin(&w, WORLD_SECOND, NULL);
	on(&w, truncate_in_place, NULL);
	on(&w, all_equal, NULL);
	world_end(&w);
}

/* close(2) does not wait for the times that the kernel flushes behind the data, fsync(2) does: the one who would answer for the times waits for it */
static int
close_and_fsync(const struct world *w, void *arg)
{
	char path[1200];
	int fd;

	snprintf(path, sizeof(path), "%s/f", w->mounted);
	CHECK((fd = open(path, O_RDWR | O_CREAT, 0644)) != -1 && write(fd, "some", 4) == 4 && close(fd) == 0);
	CHECK((fd = open(path, O_RDWR)) != -1 && fsync(fd) == 0 && close(fd) == 0);
	return 0;
}

static void
t_times_are_answered_ahead(void **state)
{
	struct world w;

	world_begin(&w, WORLD_TIMES_LATE, NULL);
	on(&w, close_and_fsync, NULL);
	world_end(&w);
}

struct left { struct shm *shm; struct slot *slots; uint64_t node; };

static int
make_old(const struct world *w, void *arg)
{
	static const struct timespec then[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1000000007, .tv_nsec = 5 } };
	char path[1200];
	int fd;

	snprintf(path, sizeof(path), "%s/f", w->mounted);
	CHECK((fd = open(path, O_RDWR | O_CREAT, 0644)) != -1 && write(fd, "data", 4) == 4 && close(fd) == 0);
	CHECK(utimensat(AT_FDCWD, path, then, 0) == 0);
	return 0;
}

/* The memory of a worker that is about to be killed, and the file's node */
static void
look_left(const struct world *w, struct left *l)
{
	char err[512];
	struct tree *t = tree_open(w->backing, err, sizeof(err));
	struct tree_fd *root = t != NULL ? tree_get(t, RFS_ROOT, TREE_DIR) : NULL;

	assert_non_null(root);
	assert_int_equal(tree_lookup(t, root->fd, "f", &l->node, NULL), 0);
	tree_put(t, root);
	tree_close(t);
	l->shm = mmap(NULL, SHM_HEAD + (size_t)SERVE_SLOTS * SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w->shm_fd, 0);
	assert_true(l->shm != MAP_FAILED);
	l->slots = (struct slot *)(void *)((uint8_t *)l->shm + SHM_HEAD);
}

/* A request that the kernel has not sent: nobody hears the answer */
static struct slot *
put_left(const struct left *l, int i, uint32_t opcode, uint64_t unique, const void *arg, size_t len, enum stage stage)
{
	struct slot *z = &l->slots[SERVE_SLOTS - 1 - i];	/* the first ones are in use */

	memset(z, 0, offsetof(struct slot, in));
	*slot_head(z) = (struct fuse_in_header){ .len = (uint32_t)(sizeof(struct fuse_in_header) + len), .opcode = opcode, .unique = unique, .nodeid = l->node };
	memcpy(slot_arg(z), arg, len);
	z->stage = stage;
	z->ticket.op.mtime_ns = INT64_C(1000000007000000005);
	return z;
}

/* A new worker, which finishes them */
static void
replace_worker(struct world *w, const struct left *l, int count)
{
	world_kill(w);
	while (count-- > 0)
		while (__atomic_load_n(&slot_head(&l->slots[SERVE_SLOTS - 1 - count])->len, __ATOMIC_ACQUIRE) != 0)
			usleep(1000);
}

static int
old_times(const struct world *w, void *arg)
{
	return same_times(w, "f");
}

/* A write that had begun puts the mtime back to what it was before it; a SETATTR that waited for it comes after it, whatever its number is */
static void
t_mtime_set_behind_a_write_that_was_killed(void **state)
{
	struct { struct fuse_write_in in; char data[4]; } write = { .in = { .size = 4 }, .data = "new" };
	struct fuse_setattr_in set = { .valid = FATTR_MTIME | FATTR_CTIME, .mtime = 1000000007, .mtimensec = 5 };
	struct world w;
	struct left l;

	world_begin(&w, WORLD_SECOND, NULL);
	on(&w, make_old, NULL);
	look_left(&w, &l);
	put_left(&l, 0, FUSE_WRITE, UINT64_C(1) << 40, &write, sizeof(write), ST_APPLYING)->ticket.op.mtime_ns = 999;
	put_left(&l, 1, FUSE_SETATTR, UINT64_C(1) << 39, &set, sizeof(set), ST_IDLE);
	replace_worker(&w, &l, 2);
	on(&w, old_times, NULL);
	world_end(&w);
}

/* What was killed between its system call and the one that puts the mtime back */
static void
t_mtime_of_a_change_that_was_killed_halfway(void **state)
{
	struct { struct fuse_write_in in; char data[4]; } write = { .in = { .size = 4 }, .data = "new" };
	struct fuse_fallocate_in room = { .length = 10000 };
	struct fuse_setattr_in size = { .valid = FATTR_SIZE, .size = 10000 };
	struct { uint32_t opcode; const void *arg; size_t len; } cases[] = {
		{ FUSE_WRITE, &write, sizeof(write) }, { FUSE_FALLOCATE, &room, sizeof(room) }, { FUSE_SETATTR, &size, sizeof(size) },
	};
	char path[1200];
	struct world w;
	struct slot *z;
	struct left l;
	size_t i;

	world_begin(&w, WORLD_SECOND, NULL);
	on(&w, make_old, NULL);
	look_left(&w, &l);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(path, sizeof(path), "%s/f", w.backing);
		assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
		z = put_left(&l, 0, cases[i].opcode, UINT64_C(1) << 40, cases[i].arg, cases[i].len, ST_APPLYING);
		z->ticket.op.valid = OP_SET_SIZE | OP_SET_MTIME;	/* op_keep_mtime() has been there */
		replace_worker(&w, &l, 1);
		on(&w, old_times, NULL);
	}
	world_end(&w);
}

/* ---- a full disk ---- */

#define LARGE 300000

/* What is read, and how long it is, is what the folder behind the mount has */
static int
as_below(const struct world *w, const char *name)
{
	static char seen[LARGE + 1], below[LARGE + 1];
	char path[1200];
	int one, two;
	bool same;

	snprintf(path, sizeof(path), "%s/%s", w->mounted, name);
	CHECK((one = open(path, O_RDONLY)) != -1);
	snprintf(path, sizeof(path), "%s/%s", w->backing, name);
	CHECK((two = open(path, O_RDONLY)) != -1);
	CHECK(pread(one, seen, sizeof(seen), 0) == LARGE && pread(two, below, sizeof(below), 0) == LARGE);
	same = memcmp(seen, below, LARGE) == 0;
	return close(one) == -1 || close(two) == -1 || !same;
}

/* The kernel takes what there is no room for; who waits hears it, and nobody sees it afterwards */
static int
write_too_much(const struct world *w, void *arg)
{
	static char buf[LARGE];
	off_t size = 0, step = 16 << 20;
	char path[1200];
	int fd, ballast, direct, i;
	void *aligned;

	snprintf(path, sizeof(path), "%s/f", w->mounted);
	CHECK((fd = open(path, O_RDWR | O_CREAT, 0644)) != -1 && write(fd, "old", 3) == 3 && fsync(fd) == 0);
	snprintf(path, sizeof(path), "%s/ballast", w->base);
	CHECK((ballast = open(path, O_RDWR | O_CREAT, 0600)) != -1);
	while (step >= 1024)
		if (posix_fallocate(ballast, size, step) == 0)
			size += step;
		else
			step /= 2;
	memset(buf, 'n', sizeof(buf));
	CHECK(pwrite(fd, buf, sizeof(buf), 0) == sizeof(buf));
	CHECK(fsync(fd) == -1 && errno == ENOSPC);
	for (i = 0; i < 10000 && as_below(w, "f") != 0; i++)	/* it is asked to forget beside the answer */
		usleep(1000);
	CHECK(as_below(w, "f") == 0);
	CHECK(pread(fd, buf, sizeof(buf), 0) == sizeof(buf) && buf[LARGE - 1] == 0);
	/* past the cache, where its first block has a place and its second one none */
	snprintf(path, sizeof(path), "%s/f", w->mounted);
	CHECK((direct = open(path, O_WRONLY | O_DIRECT)) != -1 && posix_memalign(&aligned, 4096, 8192) == 0);
	memset(aligned, 'd', 8192);
	CHECK(pwrite(direct, aligned, 8192, 0) == -1 && errno == ENOSPC);
	CHECK(close(direct) == 0);
	free(aligned);
	CHECK(ftruncate(ballast, 0) == 0 && close(ballast) == 0);
	memset(buf, 'm', sizeof(buf));
	CHECK(pwrite(fd, buf, sizeof(buf), 0) == sizeof(buf) && fsync(fd) == 0 && close(fd) == 0);
	CHECK(as_below(w, "f") == 0);
	return 0;
}

static void
t_pages_that_a_full_disk_refused(void **state)
{
	char dir[] = "/tmp/rfs-full-XXXXXX", command[600], *tmp = getenv("TMPDIR");
	struct world w;

	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), "truncate -s 24M %s.img && mkfs.ext4 -q -m 0 %s.img && mount -o loop %s.img %s", dir, dir, dir, dir);
	if (system(command) == 0) {
		tmp = tmp != NULL ? strdup(tmp) : NULL;
		setenv("TMPDIR", dir, 1);
		world_begin(&w, WORLD_LOCAL, NULL);
		on(&w, write_too_much, NULL);
		world_end(&w);
		if (tmp != NULL)
			setenv("TMPDIR", tmp, 1);
		else
			unsetenv("TMPDIR");
		free(tmp);
	} else {
		print_message("no loop device here\n");
	}
	snprintf(command, sizeof(command), "umount %s 2>/dev/null; rmdir %s; rm -f %s.img", dir, dir, dir);
	assert_int_equal(system(command), 0);
}

/* ---- our own ---- */

#define AT(buf, name) (snprintf(buf, sizeof(buf), "%s/" name, w->mounted), buf)

/* What is not replicated stays here, also what is done to it by its descriptor; nothing goes across */
static int
make_private(const struct world *w, void *arg)
{
	char path[1200], other[1200];
	int fd;

	CHECK((fd = open(AT(path, "a.tmp"), O_RDWR | O_CREAT, 0644)) != -1);
	CHECK(write(fd, "mine", 4) == 4 && fsync(fd) == 0 && close(fd) == 0);
	CHECK(mkdir(AT(path, "private"), 0755) == 0 && mkdir(AT(path, "private/d"), 0755) == 0);
	CHECK((fd = open(AT(path, "private/d/file"), O_RDWR | O_CREAT, 0644)) != -1);
	CHECK(write(fd, "mine", 4) == 4 && fchmod(fd, 0600) == 0 && close(fd) == 0);
	CHECK((fd = open(AT(path, "all"), O_RDWR | O_CREAT, 0644)) != -1);
	CHECK(write(fd, "ours", 4) == 4 && close(fd) == 0);
	CHECK(rename(AT(path, "all"), AT(other, "all.tmp")) == -1 && errno == EXDEV);
	CHECK(rename(AT(path, "a.tmp"), AT(other, "a")) == -1 && errno == EXDEV);
	CHECK(link(AT(path, "all"), AT(other, "private/all")) == -1 && errno == EXDEV);
	CHECK(link(AT(path, "private/d/file"), AT(other, "file")) == -1 && errno == EXDEV);
	CHECK(rename(AT(path, "private/d/file"), AT(other, "b.tmp")) == 0);
	CHECK(rename(AT(path, "b.tmp"), AT(other, "a.tmp")) == 0);
	CHECK(link(AT(path, "a.tmp"), AT(other, "private/d/link")) == 0);
	return 0;
}

static int
write_private(const struct world *w, void *arg)
{
	char path[1200];
	int fd;

	CHECK((fd = open(AT(path, "a.tmp"), O_RDWR | O_APPEND)) != -1);
	CHECK(write(fd, "more", 4) == 4 && fsync(fd) == 0 && close(fd) == 0);
	snprintf(path, sizeof(path), "cd %s && test \"$(find . ! -path './" RFS_HIDDEN "*' | sort | tr '\\n' ' ')\" = '. ./all ' && cmp all %s/all", w->second,
		w->mounted);
	CHECK(system(path) == 0);
	snprintf(path, sizeof(path), "test \"$(cat %s/private/d/link)\" = minemore", w->mounted);
	CHECK(system(path) == 0);
	return 0;
}

static void
t_private(void **state)
{
	struct world w;

	world_begin(&w, WORLD_SECOND, "(.*/)?[^/]*\\.tmp|private");
	on(&w, make_private, NULL);
	world_kill(&w);		/* the successor knows as well which is which */
	on(&w, write_private, NULL);
	world_end(&w);
}

static int
hidden(const struct world *w, void *arg)
{
	char path[1200], other[1200];

	CHECK(access(AT(path, RFS_HIDDEN), F_OK) == -1 && errno == ENOENT);
	CHECK(mkdir(AT(path, RFS_HIDDEN), 0755) == -1 && errno == EPERM);
	CHECK(mkdir(AT(path, "d"), 0755) == 0);
	CHECK(rename(AT(path, "d"), AT(other, RFS_HIDDEN)) == -1 && errno == EPERM);
	CHECK(mkdir(AT(path, "d/" RFS_HIDDEN), 0755) == 0);
	snprintf(path, sizeof(path), "test \"$(ls -A %s)\" = d && test \"$(stat -c %%h %s)\" = 3", w->mounted, w->mounted);
	CHECK(system(path) == 0);
	return 0;
}

static void
t_hidden(void **state)
{
	struct world w;

	world_begin(&w, WORLD_LOCAL, NULL);
	on(&w, hidden, NULL);
	world_end(&w);
}

/* Holds a file open that has no name, while the worker is killed a few times.  In a process of its own: a worker is forked from the test's */
static int
hold_open(const struct world *w, void *arg)
{
	char path[1200], buf[8] = "";
	int fd = open(AT(path, "f"), O_RDWR | O_CREAT, 0644), i, bad = 0;

	bad |= fd == -1 || write(fd, "12345", 5) != 5 || unlink(path) == -1;
	for (i = 0; i < 20 && !bad; i++) {
		usleep(10000);
		bad |= fsync(fd) == -1 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0 || pread(fd, buf, 5, 0) != 5 || strcmp(buf, "12345") != 0 ||
		    pwrite(fd, "67890", 5, 5 + 5 * i) != 5;
	}
	snprintf(path, sizeof(path), "test \"$(ls %s/" RFS_HIDDEN "/orphan | wc -l)\" = 1", w->backing);
	bad |= system(path) != 0;
	bad |= close(fd) == -1;
	/* it goes when the kernel has forgotten it */
	snprintf(path, sizeof(path), "until test -z \"$(ls %s/" RFS_HIDDEN "/orphan)\"; do sleep 0.01; done", w->backing);
	return bad || system(path) != 0;
}

static int
kept(const struct world *w, void *arg)
{
	char path[1200];

	CHECK(access(AT(path, "kept"), F_OK) == 0);
	snprintf(path, sizeof(path), "test -z \"$(ls %s/" RFS_HIDDEN "/orphan)\"", w->backing);
	CHECK(system(path) == 0);
	return 0;
}

static void
t_orphans(void **state)
{
	char path[1200];
	unsigned deaths;
	struct world w;

	world_begin(&w, WORLD_LOCAL, NULL);
	assert_int_equal(world_during(&w, hold_open, NULL, 40, &deaths), 0);
	assert_true(deaths > 0);
	/* of a change that was cut off: the file has its name still */
	snprintf(path, sizeof(path), "touch %s/" RFS_HIDDEN "/orphan/0000000100000002 && ln %s/" RFS_HIDDEN "/orphan/0000000100000002 %s/kept", w.backing,
		w.backing, w.backing);
	assert_int_equal(system(path), 0);
	world_kill(&w);
	on(&w, kept, NULL);
	world_end(&w);
}

/* An acknowledgement of the secondary that comes when the worker has read its last request: answered, and nothing falls to pieces */
static void
t_late_acknowledgement(void **state)
{
	char path[1200], behind[400];
	int status = -1, left = 10000;
	siginfo_t info;
	struct world w;
	pid_t pid;

	world_begin(&w, WORLD_LATE, NULL);
	snprintf(path, sizeof(path), "%s/late", w.mounted);
	snprintf(behind, sizeof(behind), "%s/late", w.backing);
	pid = fork();
	if (pid == 0) {
		close(w.line);
		close(w.fuse_fd);
		close(w.shm_fd);
		_exit(mkdir(path, 0755) == -1);
	}
	while (access(behind, F_OK) == -1 && left-- > 0)
		usleep(1000);
	close(w.line);
	w.line = -1;
	assert_int_equal(waitid(P_PID, (id_t)w.worker, &info, WEXITED | WNOWAIT), 0);	/* world_kill() collects it */
	assert_int_equal(info.si_code, CLD_EXITED);
	while (waitpid(pid, &status, WNOHANG) == 0 && left-- > 0)
		usleep(1000);
	assert_true(left > 0);
	assert_int_equal(status, 0);
	w.repl = WORLD_LOCAL;
	world_kill(&w);			/* a worker to unmount with */
	world_end(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_posix), cmocka_unit_test(t_random), cmocka_unit_test(t_killed), cmocka_unit_test(t_killed_at_each_place),
		cmocka_unit_test(t_private), cmocka_unit_test(t_hidden), cmocka_unit_test(t_orphans),
		cmocka_unit_test(t_late_acknowledgement),
		cmocka_unit_test(t_times_are_answered_ahead), cmocka_unit_test(t_mtime_of_a_truncate_to_the_same_size), cmocka_unit_test(t_mtime_set_behind_a_write_that_was_killed),
		cmocka_unit_test(t_mtime_of_a_change_that_was_killed_halfway), cmocka_unit_test(t_pages_that_a_full_disk_refused),
	};

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0) {
		printf("1..0 # SKIP needs root and /dev/fuse\n");
		return 0;
	}
	PLACE_OR_SKIP();
	if (!world_possible()) {
		puts("1..0 # SKIP no mount namespace can be made here");
		return 0;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
