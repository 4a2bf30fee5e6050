/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * posix.c: a table of calls with names, modes, links, times, attributes and their errors.  Each group runs in an empty folder of its own, on the mount and on
 * a bare one; what every call gave is written down, and the two lists have to be equal.
 */
#include "config.h"
#include "rfs/exercise.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAID_MAX (1u << 20)
static struct said { size_t len; char text[SAID_MAX]; } *said;	/* shared with children */

static void __attribute__((format(printf, 1, 2)))
say(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(said->text + said->len, SAID_MAX - said->len, fmt, ap);
	va_end(ap);
	if (n > 0 && said->len + (size_t)n < SAID_MAX)
		said->len += (size_t)n;
}

/* A call, what it gave, its errno */
#define DO(call) do { long rc_; errno = 0; rc_ = (long)(call); \
	say("%d %s = %ld%s%s\n", __LINE__, #call, rc_, rc_ == -1 ? " " : "", rc_ == -1 ? strerrorname_np(errno) : ""); } while (0)
/* the same of what gives a descriptor: which one is of no interest */
#define FD(fd, call) do { errno = 0; (fd) = (call); \
	say("%d %s = %s\n", __LINE__, #call, (fd) == -1 ? strerrorname_np(errno) : "fd"); } while (0)

static void
say_stat(const char *what, const struct stat *st)
{
	say("%s: mode %o nlink %lu uid %u gid %u size %ld rdev %lx\n", what, st->st_mode, (unsigned long)st->st_nlink, st->st_uid, st->st_gid,
		S_ISDIR(st->st_mode) ? 0L : (long)st->st_size, (unsigned long)st->st_rdev);
}

static void
look(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		say("%s: %s\n", path, strerrorname_np(errno));
	else
		say_stat(path, &st);
}

static void
make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say("make %s: %s\n", path, strerrorname_np(errno));
	if (fd != -1)
		close(fd);
}

static void
show(const char *path)
{
	char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd != -1 ? read(fd, buf, sizeof(buf) - 1) : -1;

	say("%s: '%.*s' %s\n", path, n > 0 ? (int)n : 0, buf, n == -1 ? strerrorname_np(errno) : "");
	if (fd != -1)
		close(fd);
}

/* In a child with these ids */
static void
as(uid_t uid, gid_t gid, void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 || setresuid(uid, uid, uid) == -1)
			say("ids: %s\n", strerrorname_np(errno));
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("child %d\n", status);
}

/* ---- names ---- */

static void
names(void)
{
	char n255[256], n256[257], any[256];
	int i, fd;

	memset(n255, 'x', 255);
	n255[255] = '\0';
	memset(n256, 'x', 256);
	n256[256] = '\0';
	DO(mkdir(n255, 0755));
	DO(mkdir(n256, 0755));
	DO(mknod(n255, S_IFREG | 0644, 0));
	DO(rename(n255, n256));
	DO(symlink(n256, "to256"));
	DO(rmdir(n255));
	DO(open(n256, O_CREAT | O_RDWR, 0644));
	for (i = 1; i < 256; i++) {
		if (i == '/')
			continue;
		snprintf(any, sizeof(any), "%c-%c", i, i);
		FD(fd, open(any, O_CREAT | O_EXCL | O_RDWR, 0600));
		close(fd);
		look(any);
	}
	DO(mkdir("..", 0755));
	DO(mkdir(".", 0755));
	DO(rmdir("."));
	DO(rmdir(".."));
	DO(unlink("."));
	DO(mkdir("", 0755));
	DO(mkdir("no/such", 0755));
	make("file", "x");
	DO(mkdir("file/x", 0755));
	DO(open("file/", O_RDONLY));
	DO(mkdir("slash/", 0755));
	look("slash");
	DO(access("Slash", F_OK));
	make("\xff\xfe not utf-8 \n", "x");
	look("\xff\xfe not utf-8 \n");
}

static void
modes(void)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };
	static const mode_t list[] = { 0, 0644, 0777, 01777, 02755, 04755, 06777, 07777 };
	char path[64];
	size_t i, k;
	int fd;

	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		for (k = 0; k < sizeof(list) / sizeof(list[0]); k++) {
			umask(masks[i]);
			snprintf(path, sizeof(path), "f%zu-%zu", i, k);
			FD(fd, open(path, O_CREAT | O_EXCL | O_RDWR, list[k]));
			close(fd);
			look(path);
			path[0] = 'd';
			DO(mkdir(path, list[k]));
			look(path);
			path[0] = 'n';
			DO(mknod(path, S_IFREG | list[k], 0));
			look(path);
			path[0] = 'p';
			DO(mkfifo(path, list[k]));
			look(path);
			path[0] = 'f';
			DO(chmod(path, list[k]));
			look(path);
		}
	umask(022);
	DO(chmod("none", 0644));
	DO(symlink("f0-0", "link"));
	DO(fchmodat(AT_FDCWD, "link", 0600, AT_SYMLINK_NOFOLLOW));
	DO(chmod("link", 0600));
	look("f0-0");
	look("link");
	DO(lchown("link", 5, 6));
	look("link");
	look("f0-0");
}

static void
as_user_creates(void)
{
	int fd;

	FD(fd, open("u", O_CREAT | O_EXCL | O_RDWR, 06755));
	DO(write(fd, "x", 1));
	close(fd);
	look("u");
	DO(mkdir("ud", 0777));
	look("ud");
	DO(symlink("x", "ul"));
	look("ul");
	DO(mkfifo("up", 0666));
	look("up");
	FD(fd, open("setgid/u", O_CREAT | O_EXCL | O_RDWR, 02775));
	close(fd);
	look("setgid/u");
	DO(mkdir("setgid/d", 0755));
	look("setgid/d");
	DO(chmod("setgid/u", 02775));
	look("setgid/u");
	DO(unlink("sticky/root"));
	DO(rename("sticky/root", "sticky/mine"));
	DO(open("secret", O_RDONLY));
	DO(open("secret", O_WRONLY));
	DO(chmod("secret", 0666));
	DO(chown("secret", 1000, 1000));
	DO(chown("u", 0, 0));
	DO(chown("u", 1000, 1001));
	DO(truncate("secret", 0));
	DO(utimensat(AT_FDCWD, "secret", NULL, 0));
	DO(link("secret", "mine"));
	DO(mkdir("closed/d", 0755));
	DO(access("closed", R_OK));
	DO(unlink("closed/f"));
	DO(setxattr("secret", "user.x", "1", 1, 0));
	DO(setxattr("u", "user.x", "1", 1, 0));
	DO(setxattr("u", "trusted.x", "1", 1, 0));
	DO(mknod("dev", S_IFCHR | 0600, makedev(1, 3)));
	fd = open("suid", O_WRONLY);
	DO(write(fd, "y", 1));
	DO(fsync(fd));
	close(fd);
	look("suid");
	DO(truncate("suid2", 1));
	look("suid2");
}

static void
owners(void)
{
	umask(022);
	chmod(".", 0777);
	DO(mkdir("setgid", 0755));
	DO(chown("setgid", 0, 77));
	DO(chmod("setgid", 02777));
	DO(mkdir("sticky", 0755));
	DO(chmod("sticky", 01777));
	make("sticky/root", "x");
	make("secret", "s");
	DO(chmod("secret", 0600));
	DO(mkdir("closed", 0700));
	make("closed/f", "x");
	make("suid", "xxxx");
	DO(chmod("suid", 06777));
	make("suid2", "xxxx");
	DO(chmod("suid2", 06777));
	as(1000, 1000, as_user_creates);
	look("suid");
	look("suid2");
	DO(chmod("suid", 06755));
	DO(chown("suid", 7, 8));
	look("suid");
	DO(chmod("suid", 06755));
	make("suid", "root");
	look("suid");
	DO(chown("setgid", (uid_t)-1, 78));
	look("setgid");
	DO(mknod("null", S_IFCHR | 0600, makedev(1, 3)));
	DO(mknod("big", S_IFBLK | 0600, makedev(300, 70000)));
	look("null");
	look("big");
	look(".");
}

/* ---- links ---- */

static void
links(void)
{
	char buf[5000], target[4097];
	int fd, i;

	make("a", "a");
	DO(link("a", "b"));
	look("a");
	DO(link("a", "b"));
	DO(link("none", "c"));
	DO(mkdir("d", 0755));
	DO(link("d", "e"));
	DO(link("a", "d/a"));
	look("b");
	DO(unlink("a"));
	look("b");
	DO(symlink("b", "s"));
	DO(link("s", "s2"));
	look("s2");
	DO(readlink("s2", buf, sizeof(buf)));
	DO(readlink("b", buf, sizeof(buf)));
	DO(readlink("s", buf, 0));
	memset(target, 't', 4096);
	target[4096] = '\0';
	DO(symlink(target, "toolong"));
	target[4095] = '\0';
	DO(symlink(target, "long"));
	DO(readlink("long", buf, sizeof(buf)));
	DO(symlink("", "empty"));
	DO(symlink("s", "s"));
	DO(symlink("loop", "loop"));
	DO(open("loop", O_RDONLY));
	DO(open("s", O_RDONLY | O_NOFOLLOW));
	DO(open("dangling", O_CREAT | O_EXCL, 0600));
	DO(symlink("nowhere", "dangling2"));
	DO(open("dangling2", O_CREAT | O_EXCL, 0600));
	FD(fd, open("dangling2", O_CREAT | O_RDWR, 0600));
	close(fd);
	look("nowhere");
	for (i = 0; i < 20; i++) {
		snprintf(buf, sizeof(buf), "h%d", i);
		DO(link("b", buf));
	}
	look("b");
	for (i = 0; i < 20; i += 2) {
		snprintf(buf, sizeof(buf), "h%d", i);
		unlink(buf);
	}
	look("b");
	DO(unlink("d"));
	DO(rmdir("b"));
	DO(rmdir("d"));
	DO(unlink("d/a"));
	DO(rmdir("d"));
	DO(rmdir("d"));
	DO(unlink("none"));
}

/* ---- rename: every kind onto every kind, with every flag ---- */

static void
set_up(const char *path, int kind)
{
	char sub[64];

	switch (kind) {
	case 0: return;
	case 1: make(path, path); return;
	case 2: DO(mkdir(path, 0755)); return;
	case 3:
		mkdir(path, 0755);
		snprintf(sub, sizeof(sub), "%s/x", path);
		make(sub, path);
		return;
	case 4: DO(symlink("somewhere", path)); return;
	case 5: mkfifo(path, 0600); return;
	default: make(path, path); DO(link(path, path[0] == 'f' ? "from2" : "to2")); return;
	}
}

static void
clear_up(void)
{
	static const char *const all[] = { "from", "to", "from2", "to2", "from/x", "to/x", "to/from" };
	size_t i;

	for (i = 0; i < 7; i++)
		if (unlink(all[i]) == -1)
			rmdir(all[i]);
	rmdir("from");
	rmdir("to");
}

static void
renames(void)
{
	static const unsigned flags[] = { 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_NOREPLACE | RENAME_EXCHANGE, RENAME_WHITEOUT, 0x80 };
	size_t i;
	int from, to;

	for (from = 0; from < 7; from++)
		for (to = 0; to < 7; to++)
			for (i = 0; i < (sizeof(flags) / sizeof(flags[0])); i++) {
				/* a whiteout is a device file of the bare file system, which we do not make */
				if (flags[i] == RENAME_WHITEOUT)
					continue;
				set_up("from", from);
				set_up("to", to);
				say("%d onto %d, %x: ", from, to, flags[i]);
				DO(renameat2(AT_FDCWD, "from", AT_FDCWD, "to", flags[i]));
				look("from");
				look("to");
				look("from2");
				look("to2");
				look("from/x");
				look("to/x");
				clear_up();
			}
	make("a", "a");
	DO(link("a", "b"));
	DO(rename("a", "b"));
	look("a");
	look("b");
	DO(rename("a", "a"));
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	DO(rename("d", "d/e/f"));
	DO(rename("d/e", "d"));
	DO(rename("d/e", "e"));
	look("d");
	look("e");
	DO(rename("a", "e/a"));
	look("e/a");
	DO(rename("e/.", "x"));
	DO(rename("none", "x"));
	DO(rename("e/a", "none/x"));
}

/* ---- open files without a name ---- */

static void
nameless(void)
{
	char buf[16] = "";
	struct stat st;
	int a, b, dir;

	make("a", "hello");
	FD(a, open("a", O_RDWR));
	DO(unlink("a"));
	DO(fstat(a, &st));
	say_stat("unlinked", &st);
	DO(pread(a, buf, 5, 0));
	say("%s\n", buf);
	DO(pwrite(a, "world", 5, 5));
	DO(fsync(a));
	DO(posix_fadvise(a, 0, 0, POSIX_FADV_DONTNEED));
	DO(pread(a, buf, 10, 0));
	say("%s\n", buf);
	DO(ftruncate(a, 3));
	DO(fchmod(a, 0600));
	DO(fsetxattr(a, "user.x", "1", 1, 0));
	DO(fgetxattr(a, "user.x", buf, sizeof(buf)));
	DO(fallocate(a, 0, 0, 10000));
	DO(fstat(a, &st));
	say_stat("unlinked", &st);
	make("b", "over");
	make("c", "c");
	FD(b, open("b", O_RDWR));
	DO(rename("c", "b"));
	show("b");
	DO(posix_fadvise(b, 0, 0, POSIX_FADV_DONTNEED));
	memset(buf, 0, sizeof(buf));
	DO(pread(b, buf, 4, 0));
	say("%s\n", buf);
	DO(pwrite(b, "xx", 2, 0));
	DO(fsync(b));
	DO(fstat(b, &st));
	say_stat("replaced", &st);
	show("b");
	close(b);
	close(a);
	make("a", "new");
	look("a");
	mkdir("d", 0755);
	FD(dir, open("d", O_RDONLY | O_DIRECTORY));
	DO(rmdir("d"));
	DO(fstat(dir, &st));
	say_stat("removed", &st);
	DO(mkdirat(dir, "x", 0755));
	DO(openat(dir, "x", O_CREAT | O_RDWR, 0600));
	close(dir);
	/* two names, both go */
	make("l", "l");
	DO(link("l", "m"));
	FD(a, open("l", O_RDWR));
	DO(unlink("l"));
	DO(fstat(a, &st));
	say_stat("one left", &st);
	DO(unlink("m"));
	DO(fstat(a, &st));
	say_stat("none left", &st);
	DO(pread(a, buf, 1, 0));
	DO(linkat(a, "", AT_FDCWD, "again", AT_EMPTY_PATH));
	close(a);
	DO(open(".", O_TMPFILE | O_RDWR, 0600) == -1 ? 0 : 0);
}

/* ---- data ---- */

static void
data(void)
{
	static char big[300000], back[300000];
	char *p;
	struct stat st;
	size_t i;
	int fd, fd2;

	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	FD(fd, open("f", O_CREAT | O_RDWR, 0644));
	DO(pwrite(fd, big, sizeof(big), 12345));
	DO(pread(fd, back, sizeof(back), 12345));
	DO(memcmp(big, back, sizeof(big)));
	DO(fsync(fd));
	DO(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	DO(pread(fd, back, sizeof(back), 12345));
	DO(memcmp(big, back, sizeof(big)));
	DO(pread(fd, back, 100, 1000000));
	DO(pread(fd, back, 100, -1));
	DO(pwrite(fd, "x", 1, 1L << 40));
	DO(fstat(fd, &st));
	say_stat("sparse", &st);
	DO(fsync(fd));
	DO(lseek(fd, 0, SEEK_HOLE));
	DO(lseek(fd, 400000, SEEK_DATA));
	DO(lseek(fd, 0, SEEK_DATA));
	DO(lseek(fd, 1L << 41, SEEK_DATA));
	DO(ftruncate(fd, 20000));
	DO(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
	DO(fstat(fd, &st));
	say_stat("kept", &st);
	DO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 13000, 3000));
	DO(pread(fd, back, 20000, 0));
	for (i = 13000; i < 16000 && back[i] == 0; i++)
		;
	say("punched to %zu\n", i);
	DO(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 30000));
	DO(fallocate(fd, 0, 50000, 50000));
	DO(fstat(fd, &st));
	say_stat("grown", &st);
	DO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
	DO(fallocate(fd, 0, 0, 0));
	DO(fallocate(fd, 0, -1, 10));
	close(fd);
	FD(fd, open("f", O_RDONLY));
	DO(write(fd, "x", 1));
	DO(ftruncate(fd, 0));
	close(fd);
	FD(fd, open("f", O_WRONLY | O_APPEND));
	FD(fd2, open("f", O_WRONLY | O_APPEND));
	DO(write(fd, "one", 3));
	DO(write(fd2, "two", 3));
	DO(write(fd, "three", 5));
	DO(lseek(fd, 0, SEEK_CUR));
	close(fd);
	close(fd2);
	look("f");
	FD(fd, open("f", O_RDWR | O_TRUNC));
	DO(fstat(fd, &st));
	say_stat("truncated", &st);
	DO(pwrite(fd, big, 100000, 0));
	p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		memcpy(p + 5000, "mapped", 6);
		DO(msync(p, 100000, MS_SYNC));
		munmap(p, 100000);
	}
	DO(pread(fd, back, 6, 5000));
	say("%.6s\n", back);
	close(fd);
	if (posix_memalign((void **)&p, 4096, 65536) == 0) {
		memset(p, 'D', 65536);
		FD(fd, open("direct", O_CREAT | O_RDWR | O_DIRECT, 0644));
		DO(pwrite(fd, p, 65536, 0));
		DO(pwrite(fd, p, 4096, 131072));
		DO(pread(fd, p, 65536, 65536));
		say("%d\n", p[0]);
		DO(fstat(fd, &st));
		say_stat("direct", &st);
		FD(fd2, open("direct", O_RDWR));
		DO(pwrite(fd2, "cached", 6, 100));
		DO(pread(fd, p, 4096, 0));
		say("%.6s\n", p + 100);
		close(fd2);
		close(fd);
		free(p);
	}
	DO(truncate("direct", 10));
	DO(truncate("direct", 100000));
	look("direct");
	DO(truncate("direct", -1));
	DO(truncate("none", 0));
	DO(truncate(".", 0));
	DO(open(".", O_WRONLY));
	FD(fd, open("copy", O_CREAT | O_RDWR, 0644));
	FD(fd2, open("f", O_RDONLY));
	DO(copy_file_range(fd2, NULL, fd, NULL, 100000, 0));
	close(fd2);
	close(fd);
	look("copy");
	DO(system("cmp f copy"));
}

/* ---- times ---- */

static void
say_times(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		say("%s: %ld.%09ld %ld.%09ld\n", path, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void
times(void)
{
	struct timespec ts[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } }, old[2] = { { -1000, 5 }, { -2000, 6 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 5, 0 } };
	struct stat a, b;
	int fd;

	make("f", "x");
	mkdir("d", 0755);
	DO(symlink("f", "s"));
	DO(utimensat(AT_FDCWD, "f", ts, 0));
	say_times("f");
	DO(utimensat(AT_FDCWD, "d", ts, 0));
	say_times("d");
	DO(utimensat(AT_FDCWD, "s", ts, AT_SYMLINK_NOFOLLOW));
	say_times("s");
	DO(utimensat(AT_FDCWD, "f", old, 0));
	say_times("f");
	DO(utimensat(AT_FDCWD, "f", omit, 0));
	say_times("f");
	FD(fd, open("f", O_RDWR));
	DO(futimens(fd, ts));
	close(fd);
	say_times("f");
	lstat("f", &a);
	make("f", "more");
	lstat("f", &b);
	say("later %d\n", b.st_mtim.tv_sec > a.st_mtim.tv_sec);
	/* a folder's time moves with its names, not with what is in its files */
	utimensat(AT_FDCWD, "d", ts, 0);
	make("d/x", "x");
	lstat("d", &a);
	say("d moved %d\n", a.st_mtim.tv_sec > ts[1].tv_sec);
	utimensat(AT_FDCWD, "d", ts, 0);
	FD(fd, open("d/x", O_RDWR));
	DO(write(fd, "yy", 2));
	close(fd);
	say_times("d");
	DO(rename("d/x", "d/y"));
	lstat("d", &a);
	say("d moved %d\n", a.st_mtim.tv_sec > ts[1].tv_sec);
	utimensat(AT_FDCWD, "d/y", ts, 0);
	DO(chmod("d/y", 0600));
	DO(link("d/y", "d/z"));
	say_times("d/y");
	utimensat(AT_FDCWD, "d/y", NULL, 0);
	lstat("d/y", &a);
	say("now %d\n", a.st_mtim.tv_sec > ts[1].tv_sec);
}

/* ---- extended attributes ---- */

static void
say_xattr(const char *path, const char *name)
{
	char buf[70000];
	ssize_t n = lgetxattr(path, name, buf, sizeof(buf)), i;
	unsigned sum = 0;

	for (i = 0; i < n; i++)
		sum = sum * 31 + (unsigned char)buf[i];
	say("%s %s: %zd %x %s\n", path, name, n, sum, n == -1 ? strerrorname_np(errno) : "");
}

static void
xattrs(void)
{
	/* version 2: user rw, group r, mask rw, other none, and user 1000 rw */
	static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 6, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
		16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255 };
	char value[70000], list[1000];
	ssize_t n;
	int fd;

	memset(value, 'v', sizeof(value));
	make("f", "x");
	mkdir("d", 0755);
	DO(symlink("f", "s"));
	DO(setxattr("f", "user.a", "1", 1, 0));
	DO(setxattr("f", "user.a", "2", 1, XATTR_CREATE));
	DO(setxattr("f", "user.b", "2", 1, XATTR_REPLACE));
	DO(setxattr("f", "user.a", "33", 2, XATTR_REPLACE));
	DO(setxattr("f", "user.empty", "", 0, 0));
	DO(setxattr("f", "user.big", value, 3000, 0));
	DO(setxattr("f", "user.toobig", value, 70000, 0));
	DO(setxattr("f", "trusted.t", "t", 1, 0));
	DO(setxattr("f", "strange.t", "t", 1, 0));
	DO(setxattr("d", "user.d", "d", 1, 0));
	DO(lsetxattr("s", "user.s", "s", 1, 0));
	DO(lsetxattr("s", "trusted.s", "s", 1, 0));
	say_xattr("f", "user.a");
	say_xattr("f", "user.empty");
	say_xattr("f", "user.big");
	say_xattr("f", "user.none");
	say_xattr("s", "trusted.s");
	say_xattr("s", "user.a");
	DO(getxattr("f", "user.big", list, 10));
	DO(getxattr("f", "user.big", NULL, 0));
	n = listxattr("f", list, sizeof(list));
	say("list %zd\n", n);
	DO(listxattr("f", list, 3));
	DO(removexattr("f", "user.a"));
	DO(removexattr("f", "user.a"));
	say_xattr("f", "user.a");
	DO(setxattr("f", "system.posix_acl_access", acl, sizeof(acl), 0));
	look("f");
	say_xattr("f", "system.posix_acl_access");
	DO(setxattr("d", "system.posix_acl_default", acl, sizeof(acl), 0));
	DO(setxattr("f", "system.posix_acl_default", acl, sizeof(acl), 0));
	DO(setxattr("f", "system.posix_acl_access", acl, 7, 0));
	umask(077);
	FD(fd, open("d/inherits", O_CREAT | O_RDWR, 0666));
	close(fd);
	look("d/inherits");
	say_xattr("d/inherits", "system.posix_acl_access");
	DO(mkdir("d/folder", 0777));
	look("d/folder");
	say_xattr("d/folder", "system.posix_acl_access");
	say_xattr("d/folder", "system.posix_acl_default");
	umask(022);
	DO(chmod("f", 0640));
	say_xattr("f", "system.posix_acl_access");
	DO(chmod("f", 0644));
	DO(removexattr("f", "system.posix_acl_access"));
	look("f");
	say_xattr("f", "system.posix_acl_access");
}

/* ---- folders ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_names(DIR *d, bool types)
{
	char *all[20000];
	struct dirent *e;
	size_t n = 0, i;
	unsigned long sum = 0;

	while ((e = readdir(d)) != NULL && n < 20000)
		if (asprintf(&all[n], "%s%c%d", e->d_name, types ? ':' : '\0', e->d_type) > 0)
			n++;
	qsort(all, n, sizeof(all[0]), by_name);
	for (i = 0; i < n; i++) {
		const char *p;

		for (p = all[i]; *p != '\0'; p++)
			sum = sum * 31 + (unsigned char)*p;
		if (n < 20)
			say("%s ", all[i]);
		free(all[i]);
	}
	say("%zu names, %lx\n", n, sum);
}

static void
folders(void)
{
	char path[64];
	struct dirent *e;
	struct stat st;
	long at = 0;
	DIR *d;
	int i, seen = 0;

	mkdir("d", 0755);
	d = opendir("d");
	list_names(d, true);
	make("d/file", "x");
	mkdir("d/folder", 0755);
	DO(symlink("x", "d/link"));
	mkfifo("d/fifo", 0600);
	mknod("d/dev", S_IFCHR | 0600, makedev(1, 3));
	rewinddir(d);
	list_names(d, true);
	closedir(d);
	lstat("d", &st);
	say_stat("d", &st);
	mkdir("many", 0755);
	for (i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "many/a-rather-long-name-so-that-blocks-are-filled-%d", i);
		mknod(path, S_IFREG | 0600, 0);
	}
	d = opendir("many");
	list_names(d, false);
	/* from each place where it once was */
	rewinddir(d);
	for (i = 0; i < 2500 && (e = readdir(d)) != NULL; i++)
		at = telldir(d);
	seekdir(d, at);
	while ((e = readdir(d)) != NULL)
		seen++;
	say("%d after the place\n", seen);
	/* all go while it is read */
	rewinddir(d);
	seen = 0;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "many/%.50s", e->d_name);
			seen += unlink(path) == 0;
		}
	say("%d deleted\n", seen);
	rewinddir(d);
	list_names(d, true);
	closedir(d);
	DO(rmdir("many"));
	DO(rmdir("d"));
	/* names that come while it is read */
	d = opendir(".");
	make("new", "x");
	e = readdir(d);
	make("new2", "x");
	rewinddir(d);
	list_names(d, true);
	closedir(d);
	mkdir("deep", 0755);
	for (i = 0; i < 30; i++) {
		DO(chdir("deep"));
		DO(mkdir("deep", 0755));
	}
	DO(mkdir("../deep", 0755));
}

/* ---- locks, statfs, sockets ---- */

static void
locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "socket" };
	struct statvfs v;
	int a, b, s, status;
	pid_t pid;

	make("f", "0123456789012345678901234567890");
	FD(a, open("f", O_RDWR));
	FD(b, open("f", O_RDWR));
	DO(flock(a, LOCK_EX | LOCK_NB));
	DO(flock(b, LOCK_EX | LOCK_NB));
	DO(flock(a, LOCK_UN));
	DO(flock(b, LOCK_SH | LOCK_NB));
	DO(flock(a, LOCK_SH | LOCK_NB));
	DO(fcntl(a, F_SETLK, &l));
	pid = fork();
	if (pid == 0) {
		DO(fcntl(b, F_SETLK, &l));
		l.l_start = 20;
		DO(fcntl(b, F_SETLK, &l));
		l.l_start = 0;
		l.l_len = 0;
		DO(fcntl(b, F_GETLK, &l));
		say("lock %d %ld %ld\n", l.l_type, (long)l.l_start, (long)l.l_len);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	DO(fcntl(a, F_OFD_SETLK, &l) == -1 ? errno : 0);
	close(a);
	close(b);
	DO(statvfs(".", &v));
	say("name %lu block %lu\n", v.f_namemax, v.f_frsize);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	DO(bind(s, (struct sockaddr *)&un, sizeof(un)));
	DO(listen(s, 1));
	look("socket");
	a = socket(AF_UNIX, SOCK_STREAM, 0);
	DO(connect(a, (struct sockaddr *)&un, sizeof(un)));
	close(a);
	close(s);
	DO(mkfifo("fifo", 0600));
	FD(a, open("fifo", O_RDWR));
	DO(write(a, "x", 1));
	close(a);
	DO(open("socket", O_RDWR));
	DO(unlink("socket"));
}

/* ---- the table ---- */

static const struct { const char *name; void (*fn)(void); } groups[] = {
	{ "names", names }, { "modes", modes }, { "owners", owners }, { "links", links }, { "renames", renames }, { "nameless", nameless }, { "data", data },
	{ "times", times }, { "xattrs", xattrs }, { "folders", folders }, { "locks", locks },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static char *
run(const char *dir, size_t i)
{
	char path[600];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/posix-%s", dir, groups[i].name);
	said->len = 0;
	pid = fork();
	if (pid == 0) {
		umask(022);
		if (mkdir(path, 0755) == -1 || chdir(path) == -1)
			say("%s: %s\n", path, strerrorname_np(errno));
		groups[i].fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say("status %x\n", status);
	if (getenv("POSIX_SAY") != NULL)
		fprintf(stderr, "== %s in %s\n%s", groups[i].name, dir, said->text);
	return strdup(said->text);
}

/* The first lines that differ */
static int
compare(const char *group, char *a, char *b)
{
	char *sa, *sb, *la = strtok_r(a, "\n", &sa), *lb = strtok_r(b, "\n", &sb);
	int n = 0;

	while (la != NULL || lb != NULL) {
		if (la == NULL || lb == NULL || strcmp(la, lb) != 0) {
			if (n++ < 10)
				fprintf(stderr, "%s: here: %s\n%*s  bare: %s\n", group, la != NULL ? la : "(end)", (int)strlen(group), "", lb != NULL ? lb : "(end)");
		}
		la = la != NULL ? strtok_r(NULL, "\n", &sa) : NULL;
		lb = lb != NULL ? strtok_r(NULL, "\n", &sb) : NULL;
	}
	return n;
}

int
posix_run(const char *dir, const char *bare)
{
	char *a, *b;
	int n = 0;
	size_t i;

	said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (said == MAP_FAILED)
		return 1;
	for (i = 0; i < GROUPS; i++) {
		a = run(dir, i);
		b = run(bare, i);
		n += compare(groups[i].name, a, b);
		free(a);
		free(b);
	}
	munmap(said, sizeof(*said));
	return n;
}
