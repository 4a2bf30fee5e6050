/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_files.c: the files of a module's current configuration (SAFE/modules/AM), one by one: module files, getfile, putfile, delfile.  The web
 * service is made of these; config applies what was changed.
 *
 * A path is names of str_is_name() with slashes between, and is walked folder by folder without following a link.  Changes are whole files,
 * under the lock of those who change configurations, and may hang on what the file was when it was read (its SHA-256).
 */
#include "config.h"
#include "cli/cli.h"

#include <openssl/sha.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX	(1u << 20)	/* of one file (ours: what is larger comes with module install) */
#define NEXT_NAME	".next"		/* a file in the making: no name of str_is_name() */

/* The folder of a path, opened, and its last name.  make: folders that are missing are made.  -1: told */
static int
open_folder(struct cli *c, const char *path, bool make, char name[SK_NAME_MAX])
{
	char dir[PATH_MAX];
	int fd = module_dir(dir, sizeof(dir), c->module) ? open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1, next, depth;

	if (fd == -1) {
		cli_error("module %s is not installed on this server", c->module);
		return -1;
	}
	for (depth = 0; ; depth++) {
		size_t n = strcspn(path, "/");

		name[0] = '\0';
		if (n < SK_NAME_MAX)
			str_copy(name, n + 1, path);
		if (!str_is_name(name) || depth > TREE_DEPTH_MAX) {
			cli_error("\"%s\" is not a file of a module: expected names of letters, digits, _ . - with / between", c->words[0]);
			break;
		}
		if (path[n] == '\0')
			return fd;
		path += n + 1;
		if (make && mkdirat(fd, name, 0755) == -1 && errno != EEXIST)
			cli_error("%s: %s", name, strerror(errno));
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next == -1) {
			cli_error("module %s has no file %s", c->module, c->words[0]);
			break;
		}
		close(fd);
		fd = next;
	}
	close(fd);
	return -1;
}

/* A plain file, whole; -1 with errno.  *data is the caller's */
static ssize_t
read_at(int dir, const char *name, char **data, struct stat *st)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1, got;

	*data = NULL;
	if (fd == -1)
		return -1;
	errno = EFBIG;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size <= FILE_BYTES_MAX && (*data = malloc((size_t)st->st_size + 1)) != NULL)
		for (n = 0; n < st->st_size && (got = read(fd, *data + n, (size_t)(st->st_size - n))) > 0; )
			n += got;
	close(fd);
	return n;
}

static void
hash_of(const char *data, size_t len, char hex[SK_SIG_MAX])
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)data, len, sum);
	str_to_hex(sum, sizeof(sum), hex);
}

/* ---- module files ---- */

static void
list_folder(int dir, const char *prefix, int depth, json_t *rows)
{
	char path[PATH_MAX], hex[SK_SIG_MAX], *data;
	DIR *d = fdopendir(dir);
	const struct dirent *e;
	struct stat st;
	ssize_t n;
	int next;

	while (d != NULL && (e = readdir(d)) != NULL && json_array_size(rows) < TREE_ENTRIES_MAX) {
		if (!str_is_name(e->d_name) || !path_format(path, sizeof(path), "%s%s", prefix, e->d_name))
			continue;
		next = depth < TREE_DEPTH_MAX ? openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
		if (next != -1) {
			str_copy(path + strlen(path), sizeof(path) - strlen(path), "/");
			list_folder(next, path, depth + 1, rows);
			continue;
		}
		n = read_at(dir, e->d_name, &data, &st);
		if (n >= 0) {
			hash_of(data, (size_t)n, hex);
			json_array_append_new(rows, json_pack("{s:s,s:I,s:I,s:s,s:b}", "path", path, "size", (json_int_t)n, "modified_ms",
			    (json_int_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000, "sha256", hex, "executable", (st.st_mode & 0100) != 0));
		}
		free(data);
	}
	if (d != NULL)
		closedir(d);
	else
		close(dir);
}

static int
by_path(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;

	return strcmp(json_string_value(json_object_get(*x, "path")), json_string_value(json_object_get(*y, "path")));
}

int
do_module_files(struct cli *c)
{
	char dir[PATH_MAX];
	int fd = module_dir(dir, sizeof(dir), c->module) ? open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	json_t *rows = json_array(), *sorted = json_array(), **list;
	size_t i, n;

	if (fd == -1) {
		cli_error("module %s is not installed on this server", c->module);
		json_decref(rows);
		json_decref(sorted);
		return EXIT_FAILED;
	}
	list_folder(fd, "", 0, rows);
	n = json_array_size(rows);
	list = calloc(n + 1, sizeof(json_t *));
	for (i = 0; list != NULL && i < n; i++)
		list[i] = json_array_get(rows, i);
	if (list != NULL)
		qsort(list, n, sizeof(json_t *), by_path);
	for (i = 0; list != NULL && i < n; i++)
		json_array_append(sorted, list[i]);
	if (c->json)
		show_json(sorted);
	for (i = 0; !c->json && i < n; i++)
		puts(json_string_value(json_object_get(json_array_get(sorted, i), "path")));
	free(list);
	json_decref(rows);
	json_decref(sorted);
	return EXIT_DONE;
}

/* ---- module getfile ---- */

int
do_module_getfile(struct cli *c)
{
	char name[SK_NAME_MAX], *data;
	struct stat st;
	int dir = open_folder(c, c->words[0], false, name);
	ssize_t n;

	if (dir == -1)
		return EXIT_FAILED;
	n = read_at(dir, name, &data, &st);
	if (n == -1)
		cli_error("%s of module %s: %s", c->words[0], c->module, errno == EFBIG ? "expected a plain file of at most 1 MiB" : strerror(errno));
	else
		fwrite(data, 1, (size_t)n, stdout);
	free(data);
	close(dir);
	return n == -1 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- module putfile, delfile ---- */

/* Is the file what the caller thinks: "any", "new" (not there), or its hash?  mode gets that of the file, 0 without one */
static int
check_condition(struct cli *c, int dir, const char *name, const char *when, mode_t *mode)
{
	char hex[SK_SIG_MAX], *data;
	struct stat st;
	ssize_t n = read_at(dir, name, &data, &st);
	bool there = n >= 0 || errno != ENOENT;

	*mode = n >= 0 ? st.st_mode & 0777 : 0;
	if (n >= 0)
		hash_of(data, (size_t)n, hex);
	free(data);
	if (strcmp(when, "any") == 0 || (strcmp(when, "new") == 0 && !there) || (n >= 0 && strcmp(when, hex) == 0))
		return EXIT_DONE;
	cli_error("%s of module %s is not any more what it was", c->words[0], c->module);
	return EXIT_CHANGED;
}

static bool
write_at(int dir, const char *name, const char *data, size_t len, mode_t mode)
{
	int fd = -1;
	bool ok;

	(void)unlinkat(dir, NEXT_NAME, 0);
	fd = openat(dir, NEXT_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return false;
	errno = ENOSPC;		/* of a short write */
	ok = write(fd, data, len) == (ssize_t)len && fchmod(fd, mode) == 0 && fsync(fd) == 0;
	ok = close(fd) == 0 && ok && renameat(dir, NEXT_NAME, dir, name) == 0 && fsync(dir) == 0;
	if (!ok)
		(void)unlinkat(dir, NEXT_NAME, 0);
	return ok;
}

static int
change(struct cli *c, const char *data, size_t len, const char *when)
{
	char name[SK_NAME_MAX];
	int lock = tree_lock(), dir = lock == -1 ? -1 : open_folder(c, c->words[0], data != NULL, name), status = EXIT_FAILED;
	mode_t mode;
	bool ok;

	if (dir != -1 && (status = check_condition(c, dir, name, when, &mode)) == EXIT_DONE) {
		if (mode == 0)
			mode = strncmp(c->words[0], "bin/", 4) == 0 ? 0755 : 0644;
		ok = data != NULL ? write_at(dir, name, data, len, mode) : unlinkat(dir, name, 0) == 0 && fsync(dir) == 0;
		if (!ok) {
			cli_error("%s of module %s: %s", c->words[0], c->module, strerror(errno));
			status = EXIT_FAILED;
		}
	}
	if (dir != -1)
		close(dir);
	if (lock != -1)
		close(lock);
	return status;
}

int
do_module_putfile(struct cli *c)
{
	char *data = NULL;
	ssize_t n = path_read(c->words[1], &data, FILE_BYTES_MAX);
	int status;

	if (n == -1) {
		cli_error("%s: %s", c->words[1], errno == EFBIG ? "expected at most 1 MiB" : strerror(errno));
		return EXIT_FAILED;
	}
	status = change(c, data, (size_t)n, c->nwords > 2 ? c->words[2] : "any");
	free(data);
	return status;
}

int
do_module_delfile(struct cli *c)
{
	return change(c, NULL, 0, c->nwords > 1 ? c->words[1] : "any");
}
