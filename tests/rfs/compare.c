/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare.c: are two trees equal: names, types, modes, owners, link counts, mtimes, targets, extended attributes, data. */
#include "config.h"
#include "rfs/exercise.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 100000

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t
list(const char *path, char **names)
{
	DIR *d = opendir(path);
	struct dirent *e;
	size_t n = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL && n < NAMES_MAX)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, ".safekit_rfs") != 0)
			names[n++] = strdup(e->d_name);
	closedir(d);
	qsort(names, n, sizeof(names[0]), by_name);
	return n;
}

static int
differ(const char *a, const char *what)
{
	fprintf(stderr, "%s: %s differs\n", a, what);
	return 1;
}

static int
compare_data(const char *a, const char *b)
{
	static char x[1 << 16], y[1 << 16];
	int fa = open(a, O_RDONLY | O_NOFOLLOW), fb = open(b, O_RDONLY | O_NOFOLLOW), bad = fa == -1 || fb == -1;
	ssize_t n = 1, m;

	while (!bad && n > 0) {
		n = read(fa, x, sizeof(x));
		m = read(fb, y, sizeof(y));
		bad = n != m || n == -1 || memcmp(x, y, (size_t)n) != 0;
	}
	close(fa);
	close(fb);
	return bad ? differ(a, "data") : 0;
}

static int
compare_xattrs(const char *a, const char *b)
{
	char la[65536], va[65536], vb[65536], *p;
	ssize_t n = llistxattr(a, la, sizeof(la)), m = llistxattr(b, vb, sizeof(vb)), x, y;

	if (n != m)
		return differ(a, "list of extended attributes");
	for (p = la; p < la + n; p += strlen(p) + 1) {
		x = lgetxattr(a, p, va, sizeof(va));
		y = lgetxattr(b, p, vb, sizeof(vb));
		if (x != y || (x > 0 && memcmp(va, vb, (size_t)x) != 0))
			return differ(a, p);
	}
	return 0;
}

static int
compare_one(const char *a, const char *b, struct stat *sa, bool times)
{
	char ta[4097] = "", tb[4097] = "";
	struct stat sb;
	int n = 0;

	if (lstat(a, sa) == -1 || lstat(b, &sb) == -1)
		return differ(a, "existence");
	if (sa->st_mode != sb.st_mode || sa->st_uid != sb.st_uid || sa->st_gid != sb.st_gid || sa->st_rdev != sb.st_rdev) {
		fprintf(stderr, "%s: %o %u %u, %o %u %u\n", a, sa->st_mode, sa->st_uid, sa->st_gid, sb.st_mode, sb.st_uid, sb.st_gid);
		n++;
	}
	if (!S_ISDIR(sa->st_mode) && (sa->st_size != sb.st_size || sa->st_nlink != sb.st_nlink)) {
		fprintf(stderr, "%s: %ld bytes %lu links, %ld %lu\n", a, (long)sa->st_size, (unsigned long)sa->st_nlink, (long)sb.st_size, (unsigned long)sb.st_nlink);
		n++;
	}
	if (times && (sa->st_mtim.tv_sec != sb.st_mtim.tv_sec || sa->st_mtim.tv_nsec != sb.st_mtim.tv_nsec)) {
		fprintf(stderr, "%s: mtime %ld.%09ld, %ld.%09ld\n", a, (long)sa->st_mtim.tv_sec, sa->st_mtim.tv_nsec, (long)sb.st_mtim.tv_sec, sb.st_mtim.tv_nsec);
		n++;
	}
	if (S_ISLNK(sa->st_mode) && (readlink(a, ta, 4096) != readlink(b, tb, 4096) || strcmp(ta, tb) != 0))
		n += differ(a, "target");
	n += compare_xattrs(a, b);
	if (S_ISREG(sa->st_mode) && sa->st_size == sb.st_size)
		n += compare_data(a, b);
	return n;
}

/* top: the folders themselves are not compared (one has a hidden entry) */
static int
compare(const char *a, const char *b, bool top, bool times)
{
	char **na, **nb, pa[4096], pb[4096];
	size_t n, m, i;
	struct stat st = { .st_mode = S_IFDIR };
	int bad = top ? 0 : compare_one(a, b, &st, times);

	if (!S_ISDIR(st.st_mode))
		return bad;
	na = calloc(NAMES_MAX, sizeof(na[0]));
	nb = calloc(NAMES_MAX, sizeof(nb[0]));
	n = list(a, na);
	m = list(b, nb);
	for (i = 0; i < n && i < m && strcmp(na[i], nb[i]) == 0; i++) {
		snprintf(pa, sizeof(pa), "%s/%s", a, na[i]);
		snprintf(pb, sizeof(pb), "%s/%s", b, nb[i]);
		bad += compare(pa, pb, false, times);
	}
	if (i < n || i < m) {
		fprintf(stderr, "%s: %s, %s\n", a, i < n ? na[i] : "(end)", i < m ? nb[i] : "(end)");
		bad++;
	}
	while (n > 0)
		free(na[--n]);
	while (m > 0)
		free(nb[--m]);
	free(na);
	free(nb);
	return bad;
}

int
tree_compare(const char *a, const char *b, bool times)
{
	return compare(a, b, true, times);
}
