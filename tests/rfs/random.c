/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.c: random operations on a few files and names, each done on the mount and on a bare folder; results, errors and what is read have to be equal, and
 * in the end the trees.  A seed gives the same run again.
 */
#include "config.h"
#include "rfs/exercise.h"
#include "sim/rng.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES	6
#define SIZE_MAX_ (400u << 10)
#define PIECE	(64u << 10)

/* [0] the mount, [1] bare */
struct run {
	struct rng rng;
	uint64_t op;
	int	 bad;
	int	 dir[2];
	int	 fd[FILES][2];
	char	*buf[2];		/* PIECE bytes, aligned */
	const char *what;
};

static unsigned
upto(struct run *r, unsigned n)
{
	return rng_below(&r->rng, n);
}

static void
bad(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void
bad(struct run *r, const char *fmt, ...)
{
	va_list ap;

	if (r->bad++ >= 20)
		return;
	fprintf(stderr, "operation %llu, %s: ", (unsigned long long)r->op, r->what);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Both gave the same */
static void
same(struct run *r, const long rc[2], const int err[2])
{
	if (rc[0] != rc[1] || (rc[0] == -1 && err[0] != err[1]))
		bad(r, "%ld %s, bare %ld %s", rc[0], rc[0] == -1 ? strerrorname_np(err[0]) : "", rc[1], rc[1] == -1 ? strerrorname_np(err[1]) : "");
}

#define BOTH(r, call) do { long rc_[2]; int err_[2], i; (r)->what = #call; \
	for (i = 0; i < 2; i++) { errno = 0; rc_[i] = (long)(call); err_[i] = errno; } same(r, rc_, err_); } while (0)

/* ---- data ---- */

static void
fill(struct run *r, unsigned len)
{
	unsigned k, v = (unsigned)rng_next(&r->rng);

	for (k = 0; k < len; k++)
		r->buf[0][k] = r->buf[1][k] = (char)(v + k * 17 + (k >> 8));
}

static void
read_both(struct run *r, const int fd[2], unsigned off, unsigned len)
{
	ssize_t n[2];
	unsigned k;
	int i;

	r->what = "pread";
	for (i = 0; i < 2; i++)
		n[i] = pread(fd[i], r->buf[i], len, off);
	if (n[0] != n[1]) {
		bad(r, "%zd bytes at %u, bare %zd", n[0], off, n[1]);
	} else if (n[0] > 0 && memcmp(r->buf[0], r->buf[1], (size_t)n[0]) != 0) {
		for (k = 0; r->buf[0][k] == r->buf[1][k]; k++)
			;
		bad(r, "byte %u (read from %u, %u bytes): %02x, bare %02x", off + k, off, len, (unsigned char)r->buf[0][k], (unsigned char)r->buf[1][k]);
	}
}

static void
map_both(struct run *r, int f, unsigned off, unsigned len, bool write)
{
	struct stat st;
	unsigned k, start = off & ~4095u;
	char *p;
	int i;

	r->what = "mmap";
	if (fstat(r->fd[f][1], &st) == -1 || (unsigned)st.st_size <= off)
		return;
	if (off + len > (unsigned)st.st_size)
		len = (unsigned)st.st_size - off;
	for (i = 0; i < 2; i++) {
		p = mmap(NULL, off + len - start, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd[f][i], start);
		if (p == MAP_FAILED) {
			bad(r, "%s", strerror(errno));
			return;
		}
		for (k = 0; k < len; k++)
			if (write)
				p[off - start + k] = (char)(k * 3 + off);
			else
				r->buf[i][k] = p[off - start + k];
		munmap(p, off + len - start);
	}
	if (!write && memcmp(r->buf[0], r->buf[1], len) != 0)
		bad(r, "file %d: %u bytes at %u", f, len, off);
}

static void
open_both(struct run *r, int f)
{
	static const int flags[] = { 0, 0, 0, O_APPEND, O_DSYNC };
	char path[32];
	int i, flag = flags[upto(r, 5)];

	r->what = "open";
	snprintf(path, sizeof(path), "file%d", f);
	for (i = 0; i < 2; i++) {
		if (r->fd[f][i] != -1)
			close(r->fd[f][i]);
		r->fd[f][i] = openat(r->dir[i], path, O_RDWR | O_CREAT | flag, 0644);
		if (r->fd[f][i] == -1)
			bad(r, "%s: %s", path, strerror(errno));
	}
}

static void
direct_both(struct run *r, int f, unsigned off)
{
	char path[32];
	int k, fd[2];

	snprintf(path, sizeof(path), "file%d", f);
	fill(r, PIECE);
	for (k = 0; k < 2; k++)
		fd[k] = openat(r->dir[k], path, O_RDWR | O_DIRECT);
	if (fd[0] != -1 && fd[1] != -1) {
		if (upto(r, 2) == 0)
			BOTH(r, pwrite(fd[i], r->buf[i], 16384, off & ~4095u));
		else
			read_both(r, fd, off & ~4095u, 16384);
	}
	for (k = 0; k < 2; k++)
		if (fd[k] != -1)
			close(fd[k]);
}

static void
copy_both(struct run *r, int from, int to, unsigned off, unsigned off2, unsigned len)
{
	off_t in, out;
	long rc[2];
	int i, err[2];

	r->what = "copy_file_range";
	if ((fcntl(r->fd[to][0], F_GETFL) & O_APPEND) != 0 || from == to)
		return;
	for (i = 0; i < 2; i++) {
		in = off;
		out = off2;
		rc[i] = copy_file_range(r->fd[from][i], &in, r->fd[to][i], &out, len, 0);
		err[i] = errno;
	}
	same(r, rc, err);
}

static void
data_op(struct run *r)
{
	int f = (int)upto(r, FILES);
	unsigned off = upto(r, SIZE_MAX_), len = 1 + upto(r, upto(r, 4) == 0 ? PIECE : 5000);

	switch (upto(r, 22)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		fill(r, len);
		BOTH(r, pwrite(r->fd[f][i], r->buf[i], len, off));
		return;
	case 6: case 7: case 8: case 9:
		read_both(r, r->fd[f], off, len);
		return;
	case 10:
		BOTH(r, ftruncate(r->fd[f][i], off));
		return;
	case 11:
		map_both(r, f, off, len, true);
		return;
	case 12:
		map_both(r, f, off, len, false);
		return;
	case 13:
		BOTH(r, fsync(r->fd[f][i]));
		return;
	case 14:
		BOTH(r, fdatasync(r->fd[f][i]));
		return;
	case 15:
		open_both(r, f);
		return;
	case 16:
		direct_both(r, f, off);
		return;
	case 17:
		copy_both(r, f, (int)upto(r, FILES), off, upto(r, SIZE_MAX_), len);
		return;
	case 18: {
		static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
			FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
		int mode = modes[upto(r, 5)];

		BOTH(r, fallocate(r->fd[f][i], mode, off, len));
		return;
	}
	case 19:
		BOTH(r, posix_fadvise(r->fd[f][i], 0, 0, POSIX_FADV_DONTNEED));
		return;
	case 20:
		BOTH(r, lseek(r->fd[f][i], 0, SEEK_END));
		return;
	default:
		fill(r, len);
		if ((fcntl(r->fd[f][0], F_GETFL) & O_APPEND) != 0)
			BOTH(r, write(r->fd[f][i], r->buf[i], len % 3000));
		return;
	}
}

/* ---- names ---- */

static void
name(struct run *r, char *buf, size_t size)
{
	unsigned k = upto(r, 24), d = upto(r, 4);

	if (d == 0)
		snprintf(buf, size, "n%u", k);
	else
		snprintf(buf, size, "d%u/%s%u", d, k % 5 == 0 ? "d" : "n", k);
}

static void
look_both(struct run *r, const char *path)
{
	struct stat st[2];
	int i, rc[2];

	r->what = "fstatat";
	for (i = 0; i < 2; i++)
		rc[i] = fstatat(r->dir[i], path, &st[i], AT_SYMLINK_NOFOLLOW);
	if (rc[0] != rc[1] || (rc[0] == 0 && (st[0].st_mode != st[1].st_mode || st[0].st_nlink != st[1].st_nlink || st[0].st_uid != st[1].st_uid ||
	    st[0].st_gid != st[1].st_gid || (!S_ISDIR(st[0].st_mode) && st[0].st_size != st[1].st_size))))
		bad(r, "%s: %d %o %lu %ld, bare %d %o %lu %ld", path, rc[0], st[0].st_mode, (unsigned long)st[0].st_nlink, (long)st[0].st_size,
			rc[1], st[1].st_mode, (unsigned long)st[1].st_nlink, (long)st[1].st_size);
}

static int
make_file(int dir, const char *path, unsigned flags)
{
	int fd = openat(dir, path, O_RDWR | O_NONBLOCK | O_CREAT | (int)flags, 0666);

	if (fd == -1)
		return -1;
	if (write(fd, path, strlen(path)) == -1)
		return -2;
	return close(fd);
}

static int
set_attr(int dir, const char *path, const char *attr, const char *value, int how)
{
	int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), rc, e;

	if (fd == -1)
		return -1;
	rc = how == 3 ? fremovexattr(fd, attr) : fsetxattr(fd, attr, value, strlen(value), how);
	e = errno;
	close(fd);
	errno = e;
	return rc;
}

static void
name_op(struct run *r)
{
	static const unsigned rename_flags[] = { 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
	char a[64], b[64];
	unsigned v = upto(r, 1000), how = upto(r, 4), flags = rename_flags[upto(r, 5)];
	struct timespec ts[2] = { { .tv_sec = v }, { .tv_sec = v, .tv_nsec = v } };

	name(r, a, sizeof(a));
	name(r, b, sizeof(b));
	switch (upto(r, 16)) {
	case 0: case 1: case 2:
		BOTH(r, make_file(r->dir[i], a, how == 0 ? O_EXCL : how == 1 ? O_TRUNC : 0));
		break;
	case 3:
		BOTH(r, mkdirat(r->dir[i], a, 0777));
		break;
	case 4:
		BOTH(r, unlinkat(r->dir[i], a, 0));
		break;
	case 5:
		BOTH(r, unlinkat(r->dir[i], a, AT_REMOVEDIR));
		break;
	case 6: case 7: case 8:
		BOTH(r, renameat2(r->dir[i], a, r->dir[i], b, flags));
		break;
	case 9:
		BOTH(r, linkat(r->dir[i], a, r->dir[i], b, 0));
		break;
	case 10:
		BOTH(r, symlinkat(a, r->dir[i], b));
		break;
	case 11:
		BOTH(r, mknodat(r->dir[i], a, (how == 0 ? S_IFIFO : how == 1 ? S_IFSOCK : S_IFREG) | 0640, 0));
		break;
	case 12:
		BOTH(r, fchownat(r->dir[i], a, v % 3, v % 7, AT_SYMLINK_NOFOLLOW));
		break;
	case 13:
		BOTH(r, fchmodat(r->dir[i], a, v & 07777, 0));
		break;
	case 14:
		BOTH(r, utimensat(r->dir[i], a, ts, AT_SYMLINK_NOFOLLOW));
		break;
	default:
		BOTH(r, set_attr(r->dir[i], a, v % 2 ? "user.a" : "user.b", b, (int)how));
	}
	look_both(r, a);
	look_both(r, b);
}

/* ---- all ---- */

static void
begin(struct run *r)
{
	char path[32];
	int k;

	for (k = 1; k < 4; k++) {
		snprintf(path, sizeof(path), "d%d", k);
		BOTH(r, mkdirat(r->dir[i], path, 0755));
	}
	for (k = 0; k < FILES; k++) {
		r->fd[k][0] = r->fd[k][1] = -1;
		open_both(r, k);
	}
}

int
random_run(const char *dir, const char *bare, uint64_t seed, uint64_t ops)
{
	struct run r = { .op = 0 };
	char path[2][600];
	int i, k;

	rng_seed(&r.rng, seed);
	for (i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/random-%llu", i == 0 ? dir : bare, (unsigned long long)seed);
		if (mkdir(path[i], 0755) == -1 || (r.dir[i] = open(path[i], O_RDONLY | O_DIRECTORY)) == -1 ||
		    posix_memalign((void **)&r.buf[i], 4096, PIECE) != 0) {
			fprintf(stderr, "%s: %s\n", path[i], strerror(errno));
			return 1;
		}
	}
	begin(&r);
	for (r.op = 0; r.op < ops && r.bad < 20; r.op++)
		if (upto(&r, 3) == 0)
			name_op(&r);
		else
			data_op(&r);
	for (k = 0; k < FILES; k++)
		for (i = 0; i < 2; i++)
			close(r.fd[k][i]);
	for (i = 0; i < 2; i++) {
		close(r.dir[i]);
		free(r.buf[i]);
	}
	return r.bad + tree_compare(path[0], path[1], false);
}
