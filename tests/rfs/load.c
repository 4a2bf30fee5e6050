/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c: threads that do what applications do, each in a folder of its own, and know what has to come out: every call must succeed, every byte that is
 * read must be the last one written there, every name must be there or not.
 */
#include "config.h"
#include "rfs/exercise.h"
#include "sim/rng.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAMES	24
#define RECORD	4096
#define RECORDS	64

struct worker {
	struct rng rng;
	pthread_t thread;
	int	 dir, data;
	char	 path[600];
	int64_t	 until;
	uint64_t calls;
	int	 bad;
	uint32_t version[RECORDS];	/* of each record, 0: never written */
	uint8_t	 there[NAMES];		/* 0 no, 1 file, 2 folder, 3 link, 4 hard link of "data" */
	uint32_t size[NAMES];
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

static void
wrong(struct worker *w, const char *what, const char *name)
{
	if (w->bad++ < 5)
		fprintf(stderr, "%s: %s %s: %s\n", w->path, what, name, strerror(errno));
}

static void
fill(char *buf, uint32_t which, uint32_t version)
{
	uint32_t v[RECORD / 4], i;

	for (i = 0; i < RECORD / 4; i++)
		v[i] = version * 2654435761u + which * 97 + i;
	memcpy(buf, v, RECORD);
}

static void
write_record(struct worker *w)
{
	uint32_t i = rng_below(&w->rng, RECORDS);
	char buf[RECORD];

	fill(buf, i, ++w->version[i]);
	errno = 0;
	if (pwrite(w->data, buf, RECORD, (off_t)i * RECORD) != RECORD)
		wrong(w, "pwrite", "data");
	if (rng_below(&w->rng, 3) == 0 && fdatasync(w->data) == -1)
		wrong(w, "fdatasync", "data");
}

static void
read_record(struct worker *w)
{
	uint32_t i = rng_below(&w->rng, RECORDS);
	char buf[RECORD], is[RECORD];

	if (w->version[i] == 0)
		return;
	if (rng_below(&w->rng, 2) == 0)
		posix_fadvise(w->data, 0, 0, POSIX_FADV_DONTNEED);
	fill(is, i, w->version[i]);
	errno = 0;
	if (pread(w->data, buf, RECORD, (off_t)i * RECORD) != RECORD || memcmp(buf, is, RECORD) != 0)
		wrong(w, "pread", "data");
}

static void
make(struct worker *w, unsigned k, const char *name)
{
	char text[256];
	int fd;

	switch (rng_below(&w->rng, 4)) {
	case 0:
		if (mkdirat(w->dir, name, 0755) == -1)
			wrong(w, "mkdir", name);
		w->there[k] = 2;
		return;
	case 1:
		if (symlinkat("somewhere", w->dir, name) == -1)
			wrong(w, "symlink", name);
		w->there[k] = 3;
		return;
	case 2:
		if (linkat(w->dir, "data", w->dir, name, 0) == -1)
			wrong(w, "link", name);
		w->there[k] = 4;
		return;
	default:
		fd = openat(w->dir, name, O_RDWR | O_CREAT | O_EXCL, 0644);
		w->size[k] = rng_below(&w->rng, sizeof(text));
		memset(text, (int)k + 'A', sizeof(text));
		if (fd == -1 || write(fd, text, w->size[k]) != (ssize_t)w->size[k] || fsetxattr(fd, "user.k", name, strlen(name), XATTR_CREATE) == -1 ||
		    close(fd) == -1)
			wrong(w, "create", name);
		w->there[k] = 1;
	}
}

static void
check(struct worker *w, unsigned k, const char *name)
{
	static const mode_t types[] = { 0, S_IFREG, S_IFDIR, S_IFLNK, S_IFREG };
	struct stat st;
	int rc;

	errno = 0;
	rc = fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW);
	if ((rc == 0) != (w->there[k] != 0) || (rc == 0 && (st.st_mode & S_IFMT) != types[w->there[k]]) ||
	    (rc == 0 && w->there[k] == 1 && st.st_size != w->size[k]))
		wrong(w, "stat", name);
}

static void
take(struct worker *w, unsigned k, const char *name)
{
	char buf[256], is[256];
	int fd = -1;

	memset(is, (int)k + 'A', sizeof(is));
	if (w->there[k] == 1)
		fd = openat(w->dir, name, O_RDWR);
	if (unlinkat(w->dir, name, w->there[k] == 2 ? AT_REMOVEDIR : 0) == -1)
		wrong(w, "unlink", name);
	if (w->there[k] == 1 && (fd == -1 || pread(fd, buf, sizeof(buf), 0) != (ssize_t)w->size[k] || memcmp(buf, is, w->size[k]) != 0))
		wrong(w, "read of an unlinked file", name);
	if (fd != -1 && (pwrite(fd, "xxxx", 4, 1000) != 4 || fsync(fd) == -1 || close(fd) == -1))
		wrong(w, "write to an unlinked file", name);
	w->there[k] = 0;
}

/* Onto another name that may be there */
static void
move(struct worker *w, unsigned k, const char *name)
{
	unsigned to = rng_below(&w->rng, NAMES);
	bool swap = rng_below(&w->rng, 4) == 0;
	uint8_t was = w->there[to];
	uint32_t size = w->size[to];
	char other[16];

	/* what is in a file says which name it had */
	if (to == k || w->there[k] == 0 || w->there[k] == 1 || was == 1 || (w->there[k] == 4 && was == 4) || (swap && was == 0) ||
	    (!swap && was != 0 && (w->there[k] == 2) != (was == 2)))
		return;
	snprintf(other, sizeof(other), "n%u", to);
	if (renameat2(w->dir, name, w->dir, other, swap ? RENAME_EXCHANGE : 0) == -1)
		wrong(w, "rename", name);
	w->there[to] = w->there[k];
	w->size[to] = w->size[k];
	w->there[k] = swap ? was : 0;
	w->size[k] = size;
}

static void
list(struct worker *w)
{
	unsigned n = 1, seen = 0, k;
	char text[64];
	DIR *d = opendir(w->path);
	struct dirent *e;

	for (k = 0; k < NAMES; k++)
		n += w->there[k] != 0;
	while (d != NULL && (errno = 0, e = readdir(d)) != NULL)
		seen += e->d_name[0] != '.';
	if (seen != n) {
		snprintf(text, sizeof(text), "%u names, %u", n, seen);
		wrong(w, "readdir", text);
	}
	if (d != NULL)
		closedir(d);
}

static void
attributes(struct worker *w, unsigned k, const char *name)
{
	struct timespec ts[2] = { { .tv_sec = k }, { .tv_sec = k, .tv_nsec = 5 } };
	struct stat st;

	if (w->there[k] == 0 || w->there[k] == 4)
		return;
	if (utimensat(w->dir, name, ts, AT_SYMLINK_NOFOLLOW) == -1 || (w->there[k] != 3 && fchmodat(w->dir, name, k % 2 ? 0755 : 0700, 0) == -1) ||
	    fchownat(w->dir, name, k, k, AT_SYMLINK_NOFOLLOW) == -1 || fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || st.st_uid != k ||
	    st.st_mtim.tv_sec != (time_t)k)
		wrong(w, "attributes", name);
}

static void *
working(void *arg)
{
	struct worker *w = arg;
	char name[16];
	unsigned k;

	w->data = openat(w->dir, "data", O_RDWR | O_CREAT, 0644);
	while (w->bad < 5 && now_ms() < w->until) {
		k = rng_below(&w->rng, NAMES);
		snprintf(name, sizeof(name), "n%u", k);
		switch (rng_below(&w->rng, 10)) {
		case 0: case 1: case 2:
			write_record(w);
			break;
		case 3:
			read_record(w);
			break;
		case 4:
			check(w, k, name);
			break;
		case 5:
			move(w, k, name);
			break;
		case 6:
			list(w);
			break;
		case 7:
			attributes(w, k, name);
			break;
		default:
			if (w->there[k] == 0)
				make(w, k, name);
			else
				take(w, k, name);
		}
		w->calls++;
	}
	for (k = 0; k < RECORDS; k++)
		read_record(w);
	close(w->data);
	return NULL;
}

int
load_run(const char *dir, int threads, int64_t ms, uint64_t seed, uint64_t *ops)
{
	struct worker *w = calloc((size_t)threads, sizeof(*w));
	int i, bad = 0;

	for (i = 0; i < threads; i++) {
		rng_seed(&w[i].rng, seed * 1000 + (uint64_t)i);
		w[i].until = now_ms() + ms;
		snprintf(w[i].path, sizeof(w[i].path), "%s/load-%llu-%d", dir, (unsigned long long)seed, i);
		if (mkdir(w[i].path, 0755) == -1 || (w[i].dir = open(w[i].path, O_RDONLY | O_DIRECTORY)) == -1 ||
		    pthread_create(&w[i].thread, NULL, working, &w[i]) != 0) {
			fprintf(stderr, "%s: %s\n", w[i].path, strerror(errno));
			exit(1);
		}
	}
	for (i = 0; i < threads; i++) {
		pthread_join(w[i].thread, NULL);
		close(w[i].dir);
		bad += w[i].bad;
		if (ops != NULL)
			*ops += w[i].calls;
	}
	free(w);
	return bad;
}
