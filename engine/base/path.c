/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.c: knows where things are, and replaces files whole. */
#include "config.h"
#include "base/base.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *
path_of(const char *variable, const char *built_in)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] == '/' ? value : built_in;
}

const char *
path_safe(void)
{
	return path_of("SAFE", SAFE_DIR);
}

const char *
path_safevar(void)
{
	return path_of("SAFEVAR", SAFEVAR_DIR);
}

const char *
path_node_boot_id(void)
{
	static char id[64];
	const char *env = getenv("SAFE_BOOT_ID");
	char *text;

	if (id[0] != '\0')
		return id;
	if (env != NULL && env[0] != '\0') {
		str_copy(id, sizeof(id), env);
	} else if (path_read("/proc/sys/kernel/random/boot_id", &text, 64) > 0) {
		text[strcspn(text, "\n")] = '\0';
		str_copy(id, sizeof(id), text);
		free(text);
	} else {
		str_copy(id, sizeof(id), "unknown");
	}
	return id;
}

bool
path_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size;
}

int
path_mkdirs(const char *dir, mode_t mode)
{
	char path[PATH_MAX];
	char *p;

	if (!str_copy(path, sizeof(path), dir)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(path, mode) == -1 && errno != EEXIST)
			return -1;
		*p = '/';
	}
	return mkdir(path, mode) == -1 && errno != EEXIST ? -1 : 0;
}

static int
path_write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int
path_write_atomic(const char *file, const void *data, size_t len, mode_t mode)
{
	char tmp[PATH_MAX], dir[PATH_MAX];
	int fd, saved;
	char *slash;

	if (!path_format(tmp, sizeof(tmp), "%s.new-%d", file, (int)getpid()) || !str_copy(dir, sizeof(dir), file)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	slash = strrchr(dir, '/');
	if (slash == NULL)
		str_copy(dir, sizeof(dir), ".");
	else
		slash[slash == dir ? 1 : 0] = '\0';

	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd == -1)
		return -1;
	if (fchmod(fd, mode) == -1 || path_write_all(fd, data, len) == -1 || fsync(fd) == -1) {
		saved = errno;
		close(fd);
		goto out_unlink;
	}
	if (close(fd) == -1 || rename(tmp, file) == -1) {
		saved = errno;
		goto out_unlink;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fsync(fd) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	close(fd);
	return 0;

out_unlink:
	unlink(tmp);
	errno = saved;
	return -1;
}

ssize_t
path_read(const char *file, char **data, size_t max)
{
	size_t len = 0, room = 4096;
	int saved, fd = open(file, O_RDONLY | O_CLOEXEC);
	char *buf;

	if (fd == -1)
		return -1;
	buf = malloc(room + 1);
	while (buf != NULL) {
		ssize_t n = read(fd, buf + len, room - len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			goto fail;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max) {
			errno = EFBIG;
			goto fail;
		}
		if (len == room) {
			char *more = realloc(buf, room * 2 + 1);

			if (more == NULL)
				goto fail;
			buf = more;
			room *= 2;
		}
	}
	close(fd);
	if (buf == NULL)
		return -1;
	buf[len] = '\0';
	*data = buf;
	return (ssize_t)len;

fail:
	saved = errno;
	free(buf);
	close(fd);
	errno = saved;
	return -1;
}
