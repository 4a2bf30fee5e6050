/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_rfs_io.c: what an application does to a folder, and how fast that was.  Prints one number.  Called by: bench_rfs.py, in the lab.
 *	create DIR N BYTES	files per second: create, write, close
 *	commit FILE N BYTES	per second: write at the next offset of a file that is there, fdatasync
 *	write FILE MIB		MB/s: 1 MiB writes in order, one fsync at the end
 *	read FILE		MB/s, in order; random FILE N BYTES: per second.  Nothing of it is cached: see drop
 *	drop FILE...		forget what is cached of them
 *	stat DIR N		per second, of what create made
 */
#include "config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB	(1 << 20)
static char data[MIB];

static void die(const char *what)
{
	fprintf(stderr, "bench_rfs_io: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	return fd;
}

static void put(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		die("write");
}

static double create(const char *dir, int n, size_t bytes)
{
	char path[4096];
	double t;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		die(dir);
	t = seconds();
	for (int i = 0; i < n; i++) {
		int fd;

		snprintf(path, sizeof path, "%s/%d", dir, i);
		fd = opened(path, O_WRONLY | O_CREAT | O_EXCL);
		put(fd, data, bytes);
		close(fd);
	}
	return n / (seconds() - t);
}

static double stats(const char *dir, int n)
{
	char path[4096];
	struct stat st;
	double t = seconds();

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%d", dir, i);
		if (stat(path, &st) < 0)
			die(path);
	}
	return n / (seconds() - t);
}

static double commit(const char *file, int n, size_t bytes)
{
	int fd = opened(file, O_RDWR | O_CREAT);
	double t;

	for (size_t off = 0; off < 16 * MIB; off += MIB)
		if (pwrite(fd, data, MIB, (off_t)off) != MIB)
			die(file);
	if (fsync(fd) < 0)
		die("fsync");
	t = seconds();
	for (int i = 0; i < n; i++)
		if (pwrite(fd, data, bytes, (off_t)((size_t)i * bytes % (16 * MIB))) != (ssize_t)bytes || fdatasync(fd) < 0)
			die(file);
	return n / (seconds() - t);
}

static double sequential(const char *file, int mib)
{
	int fd = opened(file, O_WRONLY | O_CREAT | O_TRUNC);
	double t = seconds();

	for (int i = 0; i < mib; i++)
		put(fd, data, MIB);
	if (fsync(fd) < 0)
		die("fsync");
	return mib * (MIB / 1e6) / (seconds() - t);
}

static double reading(const char *file)
{
	int fd = opened(file, O_RDONLY);
	double t = seconds(), bytes = 0;

	for (ssize_t n; (n = read(fd, data, MIB)) != 0; bytes += (double)n)
		if (n < 0)
			die(file);
	return bytes / 1e6 / (seconds() - t);
}

static double random_reading(const char *file, int n, size_t bytes)
{
	int fd = opened(file, O_RDONLY);
	uint64_t blocks = (uint64_t)lseek(fd, 0, SEEK_END) / bytes, x = 88172645463325252u;
	double t;

	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	t = seconds();
	for (int i = 0; i < n; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		if (pread(fd, data, bytes, (off_t)(x % blocks * bytes)) != (ssize_t)bytes)
			die(file);
	}
	return n / (seconds() - t);
}

static void drop(const char *file)
{
	int fd = opened(file, O_RDONLY);

	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *word = argc > 2 ? argv[1] : "";
	int n = argc > 3 ? atoi(argv[3]) : 0;
	size_t bytes = argc > 4 ? (size_t)atoi(argv[4]) : 4096;
	double result;

	if (bytes > MIB)
		return 2;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	if (!strcmp(word, "drop")) {
		for (int i = 2; i < argc; i++)
			drop(argv[i]);
		return 0;
	}
	if (!strcmp(word, "create"))
		result = create(argv[2], n, bytes);
	else if (!strcmp(word, "stat"))
		result = stats(argv[2], n);
	else if (!strcmp(word, "commit"))
		result = commit(argv[2], n, bytes);
	else if (!strcmp(word, "write"))
		result = sequential(argv[2], n);
	else if (!strcmp(word, "read"))
		result = reading(argv[2]);
	else if (!strcmp(word, "random"))
		result = random_reading(argv[2], n, bytes);
	else
		return 2;
	printf("%.2f\n", result);
	return 0;
}
