/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.c: folders of modules: copy, remove, reach the disk, and the lock of those who change them.  Everything below a module is a plain
 * file or a folder; a link or a device in it is refused, so that root never follows what somebody left there.
 */
#include "config.h"
#include "cli/cli.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
fail(char *err, size_t errsize, const char *path)
{
	snprintf(err, errsize, "%.400s: %s", path, strerror(errno));
	return false;
}

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* ---- copy ---- */

static bool
copy_file(const char *from, const char *to, mode_t mode, struct tree_limits *used, char *err, size_t errsize)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), out;
	char buf[65536];
	ssize_t n;
	bool ok = true;

	if (in == -1)
		return fail(err, errsize, from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out == -1) {
		close(in);
		return fail(err, errsize, to);
	}
	while (ok && (n = read(in, buf, sizeof(buf))) != 0) {
		if (n == -1) {
			ok = fail(err, errsize, from);
		} else if ((used->bytes += (uint64_t)n) > TREE_BYTES_MAX) {
			snprintf(err, errsize, "%.300s: more than %llu MiB in all", from, (unsigned long long)(TREE_BYTES_MAX >> 20));
			ok = false;
		} else if (write(out, buf, (size_t)n) != n) {	/* a short write on a plain file is a full disk */
			errno = errno != 0 ? errno : ENOSPC;
			ok = fail(err, errsize, to);
		}
	}
	if (ok && fchmod(out, mode & 0777) == -1)
		ok = fail(err, errsize, to);
	close(in);
	if (close(out) == -1 && ok)
		ok = fail(err, errsize, to);
	return ok;
}

static bool
copy_folder(const char *from, const char *to, int depth, struct tree_limits *used, char *err, size_t errsize)
{
	char a[PATH_MAX], b[PATH_MAX];
	struct dirent *e;
	struct stat st;
	bool ok = true;
	DIR *d;

	if (depth > TREE_DEPTH_MAX) {
		snprintf(err, errsize, "%.300s: more than %d folders deep", from, TREE_DEPTH_MAX);
		return false;
	}
	if ((d = opendir(from)) == NULL)
		return fail(err, errsize, from);
	while (ok && (e = readdir(d)) != NULL) {
		if (is_dot(e->d_name))
			continue;
		if (!path_format(a, sizeof(a), "%s/%s", from, e->d_name) || !path_format(b, sizeof(b), "%s/%s", to, e->d_name)) {
			errno = ENAMETOOLONG;
			ok = fail(err, errsize, from);
		} else if (++used->entries > TREE_ENTRIES_MAX) {
			snprintf(err, errsize, "%.300s: more than %d files", from, TREE_ENTRIES_MAX);
			ok = false;
		} else if (lstat(a, &st) == -1) {
			ok = fail(err, errsize, a);
		} else if (S_ISDIR(st.st_mode)) {
			ok = mkdir(b, 0755) == 0 ? copy_folder(a, b, depth + 1, used, err, errsize) : fail(err, errsize, b);
		} else if (S_ISREG(st.st_mode)) {
			ok = copy_file(a, b, st.st_mode, used, err, errsize);
		} else {
			snprintf(err, errsize, "%.300s: expected a plain file or a folder (links and devices are refused)", a);
			ok = false;
		}
	}
	closedir(d);
	return ok;
}

bool
tree_copy(const char *from, const char *to, char *err, size_t errsize)
{
	struct tree_limits used = { 0, 0 };

	if (mkdir(to, 0755) == -1)
		return fail(err, errsize, to);
	return copy_folder(from, to, 0, &used, err, errsize);
}

/* ---- remove ---- */

static bool
remove_at(int dirfd, const char *name, const char *shown, char *err, size_t errsize)
{
	struct dirent *e;
	bool ok = true;
	DIR *d;
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return fail(err, errsize, shown);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		ok = fail(err, errsize, shown);
		if (fd != -1)
			close(fd);
		return ok;
	}
	while (ok && (e = readdir(d)) != NULL)
		if (!is_dot(e->d_name))
			ok = remove_at(fd, e->d_name, shown, err, errsize);
	closedir(d);
	if (ok && unlinkat(dirfd, name, AT_REMOVEDIR) == -1)
		ok = fail(err, errsize, shown);
	return ok;
}

bool
tree_remove(const char *dir, char *err, size_t errsize)
{
	return remove_at(AT_FDCWD, dir, dir, err, errsize);
}

/* ---- small ones ---- */

bool
tree_executable(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool ok = true;
	struct stat st;

	if (d == NULL)
		return errno == ENOENT;
	while ((e = readdir(d)) != NULL)
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
		    && fchmodat(dirfd(d), e->d_name, 0755, 0) == -1)
			ok = false;
	closedir(d);
	return ok;
}

bool
tree_sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd != -1 && fsync(fd) == 0;

	if (fd != -1)
		close(fd);
	return ok;
}

/* One call for up to 10,000 files instead of an fsync each; it may wait for the writes of others, which a command may */
bool
tree_sync(const char *dir, char *err, size_t errsize)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd != -1 && syncfs(fd) == 0;

	if (!ok)
		fail(err, errsize, dir);
	if (fd != -1)
		close(fd);
	return ok;
}

bool
tree_replace(const char *next, const char *dir, char *err, size_t errsize)
{
	char parent[PATH_MAX];
	struct stat st;
	bool was = lstat(dir, &st) == 0;

	if (!tree_sync(next, err, errsize))
		return false;
	if (renameat2(AT_FDCWD, next, AT_FDCWD, dir, was ? RENAME_EXCHANGE : RENAME_NOREPLACE) == -1) {
		if (errno == EINVAL || errno == EXDEV) {
			snprintf(err, errsize, "%.300s: its file system cannot exchange two folders at one instant: expected a local "
			    "file system such as ext4, xfs or btrfs", dir);
			return false;
		}
		return fail(err, errsize, dir);
	}
	str_copy(parent, sizeof(parent), dir);
	*strrchr(parent, '/') = '\0';
	if (!tree_sync_folder(parent))
		return fail(err, errsize, parent);
	return !was || tree_remove(next, err, errsize);
}

int64_t
tree_newest_ms(const char *dir)
{
	char path[PATH_MAX];
	DIR *d = opendir(dir);
	int64_t newest = 0, ms;
	struct dirent *e;
	struct stat st;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		if (is_dot(e->d_name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		ms = 0;
		if (S_ISREG(st.st_mode))
			ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
		else if (S_ISDIR(st.st_mode) && path_format(path, sizeof(path), "%s/%s", dir, e->d_name))
			ms = tree_newest_ms(path);
		if (ms > newest)
			newest = ms;
	}
	closedir(d);
	return newest;
}

int
tree_lock(void)
{
	char dir[PATH_MAX], file[PATH_MAX];
	int fd = -1;

	if (!path_format(dir, sizeof(dir), "%s/run", path_safevar()) || !path_format(file, sizeof(file), "%s/config.lock", dir)) {
		errno = ENAMETOOLONG;
	} else if (path_mkdirs(dir, 0755) == 0) {
		fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1 && errno == EWOULDBLOCK) {
			cli_note("Waiting for another safekit command that changes the configuration");
			if (flock(fd, LOCK_EX) == 0)
				return fd;
		} else if (fd != -1) {
			return fd;
		}
	}
	warn_errno("%s/run/config.lock", path_safevar());
	if (fd != -1)
		close(fd);
	return -1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
tree_names(const char *dir, char ***names)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	int n = 0;

	*names = NULL;
	if (d == NULL)
		return errno == ENOENT ? 0 : -1;
	while ((e = readdir(d)) != NULL) {
		char **more;

		if (!str_is_name(e->d_name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 || !S_ISDIR(st.st_mode))
			continue;
		more = realloc(*names, (size_t)(n + 1) * sizeof(*more));
		if (more == NULL || (more[n] = strdup(e->d_name)) == NULL) {
			*names = more != NULL ? more : *names;
			tree_names_free(*names, n);
			closedir(d);
			errno = ENOMEM;
			return -1;
		}
		*names = more;
		n++;
	}
	closedir(d);
	if (n > 0)
		qsort(*names, (size_t)n, sizeof(**names), by_name);
	return n;
}

void
tree_names_free(char **names, int n)
{
	while (n > 0)
		free(names[--n]);
	free(names);
}
