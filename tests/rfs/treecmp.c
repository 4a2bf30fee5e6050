/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * treecmp.c: are two trees equal?  Names, types, content, sizes, modes, owners, times of change of the data, targets, devices, extended attributes, and which
 * names are links of one file.  Prints what differs, one line each ("a/b: mode 644, 600"), at most MAX; status 0 equal, 1 not, 2 cannot tell.
 *
 *	treecmp [-a] [-t] [-s] [-x NAME]... A B
 *	-a  with ACLs (else system.posix_acl_* is not looked at); -t  times are not looked at; -s  only what is in A has to be in B (missing, not extra)
 *	-x  this name, at the top, is not looked at.  .safekit_rfs at the top never is.
 *
 * Called by: tests/lab/t-rfs*, tests/rfs/nemesis, benches.  Owns nothing, changes nothing (O_NOATIME).
 */
#include "config.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX		40		/* lines */
#define PIECE		(1u << 20)
#define EXCEPT_MAX	32

static bool with_acl, without_times, one_way;
static const char *except[EXCEPT_MAX] = { ".safekit_rfs" };
static int excepts = 1;
static long differences, entries;
static char *buf_a, *buf_b;

/* ---- hard links: the first path under which a file with several names was seen ---- */
struct seen { dev_t dev; ino_t ino; char *path; };
struct seen_list { struct seen *v; size_t n, size; };
static struct seen_list links_a, links_b;

static const char *first_path(struct seen_list *l, const struct stat *st, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].ino == st->st_ino && l->v[i].dev == st->st_dev)
			return l->v[i].path;
	if (l->n == l->size) {
		l->size = l->size ? 2 * l->size : 64;
		l->v = realloc(l->v, l->size * sizeof *l->v);
		if (!l->v)
			abort();
	}
	l->v[l->n] = (struct seen){ st->st_dev, st->st_ino, strdup(path) };
	return l->v[l->n++].path;
}

static void print_path(const char *path)
{
	for (const unsigned char *p = (const unsigned char *)(*path ? path : "."); *p; p++) {
		if (*p < ' ' || *p >= 127 || *p == '%')
			printf("%%%02X", *p);
		else
			putchar(*p);
	}
}

__attribute__((format(printf, 2, 3))) static void differ(const char *path, const char *format, ...)
{
	__builtin_va_list args;

	if (++differences > MAX)
		return;
	print_path(path);
	printf(": ");
	__builtin_va_start(args, format);
	vprintf(format, args);
	__builtin_va_end(args);
	putchar('\n');
}

static void die(const char *path, const char *what)
{
	fprintf(stderr, "treecmp: %s: %s: %s\n", path, what, strerror(errno));
	exit(2);
}

static int open_at(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC) : fd;
}

/* ---- one pair ---- */

static void compare_content(const char *path, int a, int b)
{
	for (uint64_t off = 0;;) {
		ssize_t n = read(a, buf_a, PIECE), m = 0;

		while (n > 0 && m < n) {
			ssize_t k = read(b, buf_b + m, (size_t)(n - m));

			if (k < 0)
				die(path, "read");
			if (!k)
				break;
			m += k;
		}
		if (n < 0)
			die(path, "read");
		if (n == 0)
			return;
		if (m != n || memcmp(buf_a, buf_b, (size_t)n)) {
			uint64_t at = 0;

			while (at < (uint64_t)m && buf_a[at] == buf_b[at])
				at++;
			differ(path, "content differs from byte %llu on", (unsigned long long)(off + at));
			return;
		}
		off += (uint64_t)n;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the extended attributes, sorted; of a path below /proc/self/fd, so that links are not followed by mistake. */
static size_t xattr_names(const char *proc, char *list, size_t size, char **names, size_t max)
{
	ssize_t n = llistxattr(proc, list, size);
	size_t count = 0;

	if (n < 0) {
		if (errno != ENOTSUP)
			die(proc, "listxattr");
		return 0;
	}
	for (char *p = list; p < list + n && count < max; p += strlen(p) + 1)
		if (with_acl || strncmp(p, "system.posix_acl_", 17))
			names[count++] = p;
	qsort(names, count, sizeof *names, by_name);
	return count;
}

#define XATTRS	256
static void compare_xattrs(const char *path, const char *pa, const char *pb)
{
	static char list_a[65536], list_b[65536];
	char *a[XATTRS], *b[XATTRS];
	size_t na = xattr_names(pa, list_a, sizeof list_a, a, XATTRS), nb = xattr_names(pb, list_b, sizeof list_b, b, XATTRS);

	for (size_t i = 0, j = 0; i < na || j < nb;) {
		int c = i == na ? 1 : j == nb ? -1 : strcmp(a[i], b[j]);

		if (c < 0) {
			differ(path, "attribute %s is missing", a[i++]);
		} else if (c > 0) {
			differ(path, "attribute %s is too much", b[j++]);
		} else {
			ssize_t va = lgetxattr(pa, a[i], buf_a, PIECE), vb = lgetxattr(pb, b[j], buf_b, PIECE);

			if (va != vb || (va > 0 && memcmp(buf_a, buf_b, (size_t)va)))
				differ(path, "attribute %s differs", a[i]);
			i++, j++;
		}
	}
}

static char kind(const struct stat *st)
{
	return "?pc?d?b?-?l?s???"[(st->st_mode & S_IFMT) >> 12];
}

static void compare_stat(const char *path, const struct stat *a, const struct stat *b)
{
	if ((a->st_mode ^ b->st_mode) & 07777)
		differ(path, "mode %o, %o", a->st_mode & 07777, b->st_mode & 07777);
	if (a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		differ(path, "owner %u:%u, %u:%u", a->st_uid, a->st_gid, b->st_uid, b->st_gid);
	if (S_ISREG(a->st_mode) && a->st_size != b->st_size)
		differ(path, "size %lld, %lld", (long long)a->st_size, (long long)b->st_size);
	if (!without_times && (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec))
		differ(path, "mtime %lld.%09ld, %lld.%09ld", (long long)a->st_mtim.tv_sec, a->st_mtim.tv_nsec, (long long)b->st_mtim.tv_sec, b->st_mtim.tv_nsec);
	if ((S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev)
		differ(path, "device %u:%u, %u:%u", major(a->st_rdev), minor(a->st_rdev), major(b->st_rdev), minor(b->st_rdev));
}

static void compare_links(const char *path, const struct stat *a, const struct stat *b)
{
	const char *fa, *fb;

	if (S_ISDIR(a->st_mode) || one_way)
		return;
	if (a->st_nlink != b->st_nlink)
		differ(path, "%lu names, %lu", (unsigned long)a->st_nlink, (unsigned long)b->st_nlink);
	if (a->st_nlink < 2 && b->st_nlink < 2)
		return;
	fa = first_path(&links_a, a, path);
	fb = first_path(&links_b, b, path);
	if (strcmp(fa, fb))
		differ(path, "another file's link: of %s, of %s", fa, fb);
}

static void compare_folder(const char *path, int a, int b, bool top);

static void compare_open(const char *path, int dir_a, int dir_b, const char *name, const struct stat *st)
{
	int flags = S_ISDIR(st->st_mode) ? O_RDONLY | O_DIRECTORY : O_RDONLY;
	int a = open_at(dir_a, name, flags), b = open_at(dir_b, name, flags);

	if (a < 0 || b < 0)
		die(path, "open");
	if (S_ISDIR(st->st_mode))
		compare_folder(path, a, b, false);
	else
		compare_content(path, a, b);
	close(a);
	close(b);
}

static void compare_entry(const char *folder, int dir_a, int dir_b, const char *name)
{
	char *path, pa[64 + 256], pb[64 + 256];
	struct stat a, b;

	if (asprintf(&path, "%s%s%s", folder, *folder ? "/" : "", name) < 0)
		abort();
	entries++;
	if (fstatat(dir_a, name, &a, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(dir_b, name, &b, AT_SYMLINK_NOFOLLOW) < 0)
		die(path, "stat");
	if ((a.st_mode ^ b.st_mode) & S_IFMT) {
		differ(path, "type %c, %c", kind(&a), kind(&b));
		goto out;
	}
	compare_stat(path, &a, &b);
	compare_links(path, &a, &b);
	snprintf(pa, sizeof pa, "/proc/self/fd/%d/%s", dir_a, name);
	snprintf(pb, sizeof pb, "/proc/self/fd/%d/%s", dir_b, name);
	compare_xattrs(path, pa, pb);
	if (S_ISLNK(a.st_mode)) {
		ssize_t n = readlinkat(dir_a, name, buf_a, PIECE), m = readlinkat(dir_b, name, buf_b, PIECE);

		if (n != m || n < 0 || memcmp(buf_a, buf_b, (size_t)n))
			differ(path, "another target");
	}
	if (S_ISDIR(a.st_mode) || (S_ISREG(a.st_mode) && a.st_size == b.st_size))
		compare_open(path, dir_a, dir_b, name, &a);
out:
	free(path);
}

/* ---- folders ---- */

static char **names_of(const char *path, int dir, bool top, size_t *count)
{
	int fd = dup(dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char **names = NULL;
	size_t n = 0, size = 0;

	if (!d)
		die(path, "opendir");
	for (struct dirent *e; (errno = 0, e = readdir(d));) {
		bool skip = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");

		for (int i = 0; top && i < excepts; i++)
			skip = skip || !strcmp(e->d_name, except[i]);
		if (skip)
			continue;
		if (n == size) {
			size = size ? 2 * size : 64;
			names = realloc(names, size * sizeof *names);
			if (!names)
				abort();
		}
		names[n++] = strdup(e->d_name);
	}
	if (errno)
		die(path, "readdir");
	closedir(d);
	if (n)
		qsort(names, n, sizeof *names, by_name);
	*count = n;
	return names;
}

static void compare_folder(const char *path, int a, int b, bool top)
{
	size_t na, nb;
	char **in_a = names_of(path, a, top, &na), **in_b = names_of(path, b, top, &nb);

	for (size_t i = 0, j = 0; i < na || j < nb;) {
		int c = i == na ? 1 : j == nb ? -1 : strcmp(in_a[i], in_b[j]);
		char *name = c > 0 ? in_b[j] : in_a[i], *full;

		if (c == 0) {
			compare_entry(path, a, b, name);
		} else if (c < 0 || !one_way) {
			if (asprintf(&full, "%s%s%s", path, *path ? "/" : "", name) < 0)
				abort();
			differ(full, c < 0 ? "missing" : "too much");
			free(full);
		}
		if (c <= 0)
			free(in_a[i++]);
		if (c >= 0)
			free(in_b[j++]);
	}
	free(in_a);
	free(in_b);
}

int main(int argc, char **argv)
{
	int o, a, b;
	struct stat sa, sb;

	while ((o = getopt(argc, argv, "atsx:")) >= 0) {
		if (o == 'a')
			with_acl = true;
		else if (o == 't')
			without_times = true;
		else if (o == 's')
			one_way = true;
		else if (o == 'x' && excepts < EXCEPT_MAX)
			except[excepts++] = optarg;
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	buf_a = malloc(PIECE);
	buf_b = malloc(PIECE);
	a = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b = open(argv[optind + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!buf_a || !buf_b || a < 0 || fstat(a, &sa) < 0)
		die(argv[optind], "open");
	if (b < 0 || fstat(b, &sb) < 0)
		die(argv[optind + 1], "open");
	compare_stat("", &sa, &sb);
	compare_xattrs("", argv[optind], argv[optind + 1]);
	compare_folder("", a, b, true);
	printf("%ld entries, %ld differences\n", entries, differences);
	return differences ? 1 : 0;
}
