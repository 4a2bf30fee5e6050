/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_attr.c: attributes, extended attributes and hashes of one file (sync_attr.h).
 *
 * Owns: nothing.  Called by: both ends of a synchronisation, any thread.  Never does: follow a link that a replicated folder holds.
 */
#include "config.h"
#include "rfs/sync_attr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xxhash.h>

int64_t
sync_mtime(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int64_t
sync_ctime_ns(const struct stat *st)
{
	return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

void
sync_entry_stat(struct sync_entry *e, const struct stat *st)
{
	e->mode = st->st_mode;
	e->uid = st->st_uid;
	e->gid = st->st_gid;
	e->rdev = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? (uint32_t)st->st_rdev : 0;
	e->size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	e->mtime_ns = sync_mtime(st);
}

bool
sync_same_attr(const struct stat *have, const struct sync_entry *e)
{
	return have->st_mode == e->mode && have->st_uid == e->uid && have->st_gid == e->gid &&
	    ((!S_ISCHR(e->mode) && !S_ISBLK(e->mode)) || (uint32_t)have->st_rdev == e->rdev);
}

static bool
wanted(const char *name, bool acl)
{
	return acl || strncmp(name, "system.posix_acl_", 17) != 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

#define NAMES_MAX 512
/* The names of a file's xattrs, sorted, pointing into list (65536 bytes); count or -errno */
static int
names_of(const char *path, bool follow, bool acl, char *list, const char *names[NAMES_MAX])
{
	ssize_t n = follow ? listxattr(path, list, 65536) : llistxattr(path, list, 65536), at;
	int count = 0;

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (at = 0; at < n; at += (ssize_t)strlen(list + at) + 1) {
		if (!wanted(list + at, acl))
			continue;
		if (count == NAMES_MAX)
			return -E2BIG;
		names[count++] = list + at;
	}
	if (count > 1)
		qsort(names, (size_t)count, sizeof(*names), by_name);
	return count;
}

int
sync_xattrs_read(const char *path, bool follow, bool acl, uint8_t *buf, size_t size)
{
	struct sync_out o = { .buf = buf, .size = size };
	const char *names[NAMES_MAX];
	char one[4], *list = NULL;
	int count, i, rc = 0;

	/* most files have none */
	if ((follow ? listxattr(path, one, 0) : llistxattr(path, one, 0)) <= 0)
		return 0;
	list = malloc(65536 * 2);
	if (list == NULL)
		return -ENOMEM;
	count = names_of(path, follow, acl, list, names);
	for (i = 0; i < count && rc == 0; i++) {
		char *value = list + 65536;
		ssize_t n = follow ? getxattr(path, names[i], value, 65536) : lgetxattr(path, names[i], value, 65536);

		if (n < 0) {
			rc = errno == ENODATA ? 0 : -errno;
			continue;
		}
		out_8(&o, (uint8_t)strlen(names[i]));
		out_bytes(&o, names[i], strlen(names[i]) + 1);
		out_32(&o, (uint32_t)n);
		out_bytes(&o, value, (size_t)n);
		if (o.bad)
			rc = -E2BIG;
	}
	free(list);
	return count < 0 ? count : rc < 0 ? rc : (int)o.len;
}

static bool
in_blob(const uint8_t *blob, size_t len, const char *name)
{
	struct sync_in i = { .buf = blob, .len = len };
	struct sync_xattr x;

	while (sync_get_xattr(&i, &x))
		if (strcmp(x.name, name) == 0)
			return true;
	return false;
}

static int
write_one(const char *path, bool follow, const struct sync_xattr *x, char *value)
{
	ssize_t n = follow ? getxattr(path, x->name, value, 65536) : lgetxattr(path, x->name, value, 65536);

	if (n >= 0 && (size_t)n == x->len && (n == 0 || memcmp(value, x->value, x->len) == 0))
		return 0;
	if ((follow ? setxattr(path, x->name, x->value, x->len, 0) : lsetxattr(path, x->name, x->value, x->len, 0)) != 0)
		return -errno;
	return 0;
}

int
sync_xattrs_write(const char *path, bool follow, bool acl, const uint8_t *blob, size_t len)
{
	struct sync_in in = { .buf = blob, .len = len };
	const char *names[NAMES_MAX];
	struct sync_xattr x;
	char one[4], *list;
	int count, i, rc = 0;

	if (len == 0 && (follow ? listxattr(path, one, 0) : llistxattr(path, one, 0)) <= 0)
		return 0;
	list = malloc(65536 * 2);
	if (list == NULL)
		return -ENOMEM;
	count = names_of(path, follow, acl, list, names);
	for (i = 0; i < count; i++)
		if (!in_blob(blob, len, names[i]) && (follow ? removexattr(path, names[i]) : lremovexattr(path, names[i])) != 0 && errno != ENODATA)
			rc = -errno;
	while (rc == 0 && sync_get_xattr(&in, &x))
		if (wanted(x.name, acl))
			rc = write_one(path, follow, &x, list + 65536);
	free(list);
	return count < 0 ? count : rc;
}

int
sync_set_attr(int fd, const struct stat *have, const struct sync_entry *e, bool times)
{
	char proc[TREE_PROC_MAX];
	bool owner = have->st_uid != e->uid || have->st_gid != e->gid;

	if (owner && fchownat(fd, "", e->uid, e->gid, AT_EMPTY_PATH) != 0)
		return -errno;
	/* a change of the owner takes set-uid bits away */
	if (!S_ISLNK(e->mode) && (have->st_mode != e->mode || (owner && (e->mode & 06000) != 0)) && chmod(tree_proc(fd, proc), e->mode & 07777) != 0)
		return -errno;
	if (times && S_ISREG(e->mode) && (uint64_t)have->st_size != e->size && truncate(tree_proc(fd, proc), (off_t)e->size) != 0)
		return -errno;
	if (times && (sync_mtime(have) != e->mtime_ns || (S_ISREG(e->mode) && (uint64_t)have->st_size != e->size))) {
		struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT } };

		ts[1].tv_sec = e->mtime_ns / 1000000000;
		ts[1].tv_nsec = e->mtime_ns % 1000000000;
		if (ts[1].tv_nsec < 0) {	/* before 1970 */
			ts[1].tv_nsec += 1000000000;
			ts[1].tv_sec--;
		}
		if (utimensat(fd, "", ts, AT_EMPTY_PATH) != 0)
			return -errno;
	}
	return 0;
}

/* Bytes read; less at the end of the file; -errno */
static ssize_t
read_all(int fd, uint8_t *buf, size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done, off + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int
sync_hash(int fd, uint64_t off, uint32_t len, uint8_t *buf, uint8_t hash[SYNC_HASH])
{
	off_t data = lseek(fd, (off_t)off, SEEK_DATA), end;
	XXH128_canonical_t c;
	ssize_t n;

	if (data < 0 && errno != ENXIO && errno != EINVAL)
		return -errno;
	if (data < 0 || (uint64_t)data >= off + len) {	/* nothing but a hole: zeros, as many as the file has there */
		end = lseek(fd, 0, SEEK_END);
		n = end <= (off_t)off ? 0 : end - (off_t)off < (off_t)len ? end - (off_t)off : (off_t)len;
		memset(buf, 0, (size_t)n);
	} else {
		n = read_all(fd, buf, len, (off_t)off);
		if (n < 0)
			return (int)n;
	}
	XXH128_canonicalFromHash(&c, XXH3_128bits(buf, (size_t)n));
	memcpy(hash, c.digest, SYNC_HASH);
	return 0;
}
