/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folder.c: the steps between the forms of a replicated folder; folder.h tells what they are.
 */
#include "config.h"
#include "conf/folder.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HANDLE_BYTES	8	/* inode number and generation */
#define HANDLE_TYPE	1	/* FILEID_INO32_GEN of the kernel */

const char *const folder_names[FOLDER_FORMS] = {
	[FOLDER_PLAIN] = "plain", [FOLDER_LINKED] = "linked", [FOLDER_OPEN] = "open", [FOLDER_HALF] = "half", [FOLDER_NONE] = "none",
	[FOLDER_MOUNTED] = "mounted", [FOLDER_WRONG] = "wrong",
};

/* The names of one folder: what the application uses, where the files are, and one for the time of a step */
struct names { char dir[PATH_MAX], backing[PATH_MAX], tmp[PATH_MAX], parent[PATH_MAX]; };

static bool
fail(char *err, size_t errsize, const char *path)
{
	snprintf(err, errsize, "%.350s: %s", path, strerror(errno));
	return false;
}

bool
folder_backing(const char *dir, const char *suffix, char *buf, size_t size)
{
	return path_format(buf, size, "%s%s", dir, suffix);
}

static const char *
base_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* tmp: short whatever the name is, and the same each time, so that the next step finds it */
static bool
name_all(const char *dir, const char *suffix, struct names *n, char *err, size_t errsize)
{
	uint32_t hash = 2166136261u;
	const char *p;

	if (dir[0] == '/' && str_copy(n->dir, sizeof(n->dir), dir) && folder_backing(dir, suffix, n->backing, sizeof(n->backing)) &&
	    str_copy(n->parent, sizeof(n->parent), dir)) {
		for (p = base_of(n->backing); *p != '\0'; p++)
			hash = (hash ^ (unsigned char)*p) * 16777619u;
		n->parent[base_of(n->parent) - n->parent - (base_of(n->parent) - n->parent > 1)] = '\0';
		if (path_format(n->tmp, sizeof(n->tmp), "%s/.safekit_%08x", n->parent, hash))
			return true;
	}
	snprintf(err, errsize, "%.300s: expected an absolute path that is not too long", dir);
	return false;
}

/* The names in the folder above have reached the disk */
static bool
sync_parent(const struct names *n, char *err, size_t errsize)
{
	int fd = open(n->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd != -1 && fsync(fd) == 0;

	if (!ok)
		fail(err, errsize, n->parent);
	if (fd != -1)
		close(fd);
	return ok;
}

/* What stands there, without a question to a file system that may not answer (FUSE without its server).  -1: errno */
static int
stand(const char *path, mode_t *mode, bool *mount)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == -1) {
		if (errno != ENOTCONN)
			return -1;
		*mode = S_IFDIR;	/* a FUSE mount whose server is gone for good */
		*mount = true;
		return 0;
	}
	*mode = st.stx_mode;
	*mount = (st.stx_attributes_mask & st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	return 0;
}

bool
folder_is_mount(const char *path)
{
	mode_t mode;
	bool mount;

	return stand(path, &mode, &mount) == 0 && mount;
}

/* Is this a link to the backing folder, as we write it (its name) or as somebody has restored it (its path)?  text has PATH_MAX. */
static bool
leads_to(const char *link, const char *target, char *text)
{
	ssize_t n = readlink(link, text, PATH_MAX - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 && (strcmp(text, base_of(target)) == 0 || strcmp(text, target) == 0);
}

static bool
is_empty(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	bool empty = d != NULL;

	while (empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		closedir(d);
	return empty;
}

/* What a step that was killed has left beside: a link of the backing's name to itself, a link or an empty folder under tmp */
static bool
sweep(const struct names *n, char *err, size_t errsize)
{
	char text[PATH_MAX];

	if (leads_to(n->backing, n->backing, text) && unlink(n->backing) == -1)
		return fail(err, errsize, n->backing);
	if (leads_to(n->tmp, n->backing, text) ? unlink(n->tmp) == -1 : rmdir(n->tmp) == -1 && errno != ENOENT)
		return fail(err, errsize, n->tmp);
	return true;
}

static enum folder_form
look(const struct names *n, char *err, size_t errsize)
{
	char text[PATH_MAX];
	mode_t dir, backing;
	bool mount, ignored, has_backing = stand(n->backing, &backing, &ignored) == 0;

	if (!has_backing && errno != ENOENT) {
		fail(err, errsize, n->backing);
	} else if (has_backing && !S_ISDIR(backing)) {
		snprintf(err, errsize, "%.300s is no folder: expected nothing there, or the folder with the files", n->backing);
	} else if (stand(n->dir, &dir, &mount) == -1) {
		if (errno == ENOENT)
			return has_backing ? FOLDER_HALF : FOLDER_NONE;
		fail(err, errsize, n->dir);
	} else if (S_ISLNK(dir)) {
		if (!leads_to(n->dir, n->backing, text))
			snprintf(err, errsize, "%.200s is a link to %.200s: expected a folder, or a link to %s", n->dir, text, base_of(n->backing));
		else if (has_backing)
			return FOLDER_LINKED;
		else
			snprintf(err, errsize, "%.200s is a link to %s, which is not there: expected the folder with the files", n->dir, base_of(n->backing));
	} else if (!S_ISDIR(dir)) {
		snprintf(err, errsize, "%.300s is a file: expected a folder", n->dir);
	} else if (!has_backing) {
		return FOLDER_PLAIN;
	} else if (mount) {
		return FOLDER_MOUNTED;
	} else if (is_empty(n->dir)) {
		return FOLDER_OPEN;
	} else {
		snprintf(err, errsize, "%.200s and %.200s are both there: expected one of them, or the first one to be empty: keep what counts",
		    n->dir, n->backing);
	}
	return FOLDER_WRONG;
}

enum folder_form
folder_look(const char *dir, const char *suffix, char *err, size_t errsize)
{
	struct names n;

	return name_all(dir, suffix, &n, err, errsize) && sweep(&n, err, errsize) ? look(&n, err, errsize) : FOLDER_WRONG;
}

/* ---- steps ---- */

/* EBUSY: one of both is a mount point (UG 13.6.4.2) */
static bool
exchange(const struct names *n, const char *a, const char *b, char *err, size_t errsize)
{
	if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0)
		return true;
	if (errno == EBUSY)
		snprintf(err, errsize, "%s: %.150s is a mount point: expected it to be unmounted (see replicating a mount point, user's guide "
		    "13.6.4.2)", strerror(EBUSY), folder_is_mount(n->backing) ? n->backing : n->dir);
	else if (errno == EINVAL || errno == EXDEV)
		snprintf(err, errsize, "%.300s: its file system cannot exchange two names at one instant: expected a local one such as ext4", n->dir);
	else
		fail(err, errsize, n->dir);
	return false;
}

/* The link is made under the backing's name, then both exchange their names */
static bool
plain_to_linked(const struct names *n, char *err, size_t errsize)
{
	if (symlink(base_of(n->backing), n->backing) == -1)
		return fail(err, errsize, n->backing);
	if (exchange(n, n->dir, n->backing, err, errsize))
		return sync_parent(n, err, errsize);
	unlink(n->backing);
	return false;
}

static bool
open_to_linked(const struct names *n, char *err, size_t errsize)
{
	if (symlink(base_of(n->backing), n->tmp) == -1)
		return fail(err, errsize, n->tmp);
	if (!exchange(n, n->tmp, n->dir, err, errsize)) {
		unlink(n->tmp);
		return false;
	}
	if (rmdir(n->tmp) == 0)
		return sync_parent(n, err, errsize);
	fail(err, errsize, n->dir);		/* somebody has put something into it: it was not empty after all */
	if (renameat2(AT_FDCWD, n->tmp, AT_FDCWD, n->dir, RENAME_EXCHANGE) == 0)
		unlink(n->tmp);
	return false;
}

static bool
linked_to_open(const struct names *n, char *err, size_t errsize)
{
	if (mkdir(n->tmp, 0555) == -1)
		return fail(err, errsize, n->tmp);
	if (!exchange(n, n->tmp, n->dir, err, errsize)) {
		rmdir(n->tmp);
		return false;
	}
	return unlink(n->tmp) == 0 ? sync_parent(n, err, errsize) : fail(err, errsize, n->tmp);
}

static bool
linked_to_plain(const struct names *n, char *err, size_t errsize)
{
	if (!exchange(n, n->dir, n->backing, err, errsize))
		return false;
	return unlink(n->backing) == 0 ? sync_parent(n, err, errsize) : fail(err, errsize, n->backing);
}

static bool
half_to_linked(const struct names *n, char *err, size_t errsize)
{
	return symlink(base_of(n->backing), n->dir) == 0 ? sync_parent(n, err, errsize) : fail(err, errsize, n->dir);
}

static bool
none_to_linked(const struct names *n, char *err, size_t errsize)
{
	if (mkdir(n->backing, 0755) == -1)
		return fail(err, errsize, n->backing);
	return half_to_linked(n, err, errsize);
}

static bool
half_to_plain(const struct names *n, char *err, size_t errsize)
{
	if (renameat2(AT_FDCWD, n->backing, AT_FDCWD, n->dir, RENAME_NOREPLACE) == -1)
		return fail(err, errsize, n->backing);
	return sync_parent(n, err, errsize);
}

static bool
is_mounted(const struct names *n, char *err, size_t errsize)
{
	snprintf(err, errsize, "%s: something is mounted on %.300s: expected the module to be stopped, and nothing mounted there", strerror(EBUSY),
	    n->dir);
	return false;
}

bool
folder_link(const char *dir, const char *suffix, char *err, size_t errsize)
{
	struct names n;

	if (!name_all(dir, suffix, &n, err, errsize) || !sweep(&n, err, errsize))
		return false;
	switch (look(&n, err, errsize)) {
	case FOLDER_LINKED:
		return true;
	case FOLDER_PLAIN:
		return plain_to_linked(&n, err, errsize);
	case FOLDER_OPEN:
		return open_to_linked(&n, err, errsize);
	case FOLDER_HALF:
		return half_to_linked(&n, err, errsize);
	case FOLDER_NONE:
		return none_to_linked(&n, err, errsize);
	case FOLDER_MOUNTED:
		return is_mounted(&n, err, errsize);
	default:
		return false;
	}
}

bool
folder_open(const char *dir, const char *suffix, char *err, size_t errsize)
{
	struct names n;

	if (!name_all(dir, suffix, &n, err, errsize) || !sweep(&n, err, errsize))
		return false;
	switch (look(&n, err, errsize)) {
	case FOLDER_OPEN:
		return true;
	case FOLDER_LINKED:
		return linked_to_open(&n, err, errsize);
	case FOLDER_HALF:
		return half_to_linked(&n, err, errsize) && linked_to_open(&n, err, errsize);
	case FOLDER_MOUNTED:
		return is_mounted(&n, err, errsize);
	case FOLDER_PLAIN:
	case FOLDER_NONE:
		snprintf(err, errsize, "%.250s is not there: expected safekit config to have made it", n.backing);
		return false;
	default:
		return false;
	}
}

bool
folder_restore(const char *dir, const char *suffix, char *err, size_t errsize)
{
	struct names n;

	if (!name_all(dir, suffix, &n, err, errsize) || !sweep(&n, err, errsize))
		return false;
	switch (look(&n, err, errsize)) {
	case FOLDER_PLAIN:
	case FOLDER_NONE:
		return true;
	case FOLDER_LINKED:
		return linked_to_plain(&n, err, errsize);
	case FOLDER_OPEN:
		return open_to_linked(&n, err, errsize) && linked_to_plain(&n, err, errsize);
	case FOLDER_HALF:
		return half_to_plain(&n, err, errsize);
	case FOLDER_MOUNTED:
		return is_mounted(&n, err, errsize);
	default:
		return false;
	}
}

bool
folder_handles(const char *path, char *err, size_t errsize)
{
	struct { struct file_handle h; unsigned char bytes[HANDLE_BYTES]; } f = { .h = { .handle_bytes = HANDLE_BYTES } };
	int mount;

	errno = 0;
	if (name_to_handle_at(AT_FDCWD, path, &f.h, &mount, 0) == 0 && f.h.handle_bytes == HANDLE_BYTES && f.h.handle_type == HANDLE_TYPE)
		return true;
	if (errno != 0 && errno != EOVERFLOW && errno != EOPNOTSUPP)
		return fail(err, errsize, path);
	snprintf(err, errsize, "%.300s: its file system cannot be replicated: expected one whose file handles have %d bytes, as ext4", path, HANDLE_BYTES);
	return false;
}
