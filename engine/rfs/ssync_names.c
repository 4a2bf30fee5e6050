/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_names.c: names on the secondary while it synchronises: what stands in the way, what nobody told of, what is on its way elsewhere.
 *
 * Owns: for each folder that is being told the names listed or forwarded since; RFS_HIDDEN/limbo: files and folders that left a forwarded folder for one that is
 * not yet walked, by the primary's node, and whole folders to remove, under numbers.  Called by: ssync*.c, in the reader of connection 0.  Never does: remove a folder
 * with all that is in it (ssync_slow.c does).
 */
#include "config.h"
#include "rfs/ssync_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- names of a folder ---- */
struct telling *
ssync_telling(struct ssync *y, uint8_t dir, uint64_t ours)
{
	struct telling *t;

	for (t = y->telling; t != NULL; t = t->next)
		if (t->node == ours && t->dir == dir)
			return t;
	return NULL;
}

static bool
put(uint64_t (*names)[2], uint32_t mask, const uint64_t h[2], bool *was)
{
	uint32_t i;

	for (i = (uint32_t)h[0] & mask; names[i][0] != 0 || names[i][1] != 0; i = (i + 1) & mask)
		if (names[i][0] == h[0] && names[i][1] == h[1]) {
			*was = true;
			return false;
		}
	*was = false;
	names[i][0] = h[0];
	names[i][1] = h[1];
	return true;
}

static bool
grow(struct telling *t)
{
	uint32_t old = t->names != NULL ? t->mask + 1 : 0, size = old > 0 ? old * 2 : 64, i;
	uint64_t (*n)[2] = calloc(size, sizeof(*n));
	bool was;

	if (n == NULL)
		return false;
	for (i = 0; i < old; i++)
		if (t->names[i][0] != 0 || t->names[i][1] != 0)
			put(n, size - 1, t->names[i], &was);
	free(t->names);
	t->names = n;
	t->mask = size - 1;
	return true;
}

bool
ssync_told(struct telling *t, const char *name, bool add)
{
	XXH128_hash_t x = XXH3_128bits(name, strlen(name));
	const uint64_t h[2] = { x.low64, x.high64 };
	bool was = false;
	uint32_t i;

	if (add) {
		if ((t->names == NULL || t->used >= (t->mask + 1) / 3 * 2) && !grow(t))
			return false;
		if (put(t->names, t->mask, h, &was))
			t->used++;
		return true;
	}
	for (i = (uint32_t)h[0] & t->mask; t->names != NULL && (t->names[i][0] != 0 || t->names[i][1] != 0); i = (i + 1) & t->mask)
		if (t->names[i][0] == h[0] && t->names[i][1] == h[1])
			return true;
	return false;
}

void
ssync_told_op(struct ssync *y, uint8_t dir, uint64_t folder, const char *name)
{
	struct telling *t = ssync_telling(y, dir, folder);

	if (t != NULL && !ssync_told(t, name, true))
		second_out(y->s, "no memory");
}

void
ssync_begin_folder(struct ssync *y, uint8_t dir, uint64_t theirs)
{
	uint64_t ours = second_node(y->s, dir, theirs);
	struct telling *t;

	if (ours == 0 || ssync_telling(y, dir, ours) != NULL)
		return;
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		second_out(y->s, "no memory");
		return;
	}
	t->node = ours;
	t->dir = dir;
	t->next = y->telling;
	y->telling = t;
}

static void
telling_end(struct ssync *y, const struct telling *t)
{
	struct telling **at;

	for (at = &y->telling; *at != NULL && *at != t; at = &(*at)->next)
		;
	if (*at != NULL) {
		struct telling *gone = *at;

		*at = gone->next;
		free(gone->names);
		free(gone);
	}
}

void
ssync_forget(struct ssync *y)
{
	int i;

	while (y->telling != NULL)
		telling_end(y, y->telling);
	for (i = 0; i < RFS_DIRS_MAX; i++) {
		free(y->owners[i].o);
		memset(&y->owners[i], 0, sizeof(y->owners[i]));
	}
}

/* ---- files with several names ---- */
uint64_t
ssync_owner(struct owners *o, uint64_t ours, uint64_t theirs)
{
	uint32_t i;

	for (i = (uint32_t)(ours * UINT64_C(0x9E3779B97F4A7C15) >> 32) & o->mask; o->o != NULL && o->o[i].ours != 0; i = (i + 1) & o->mask)
		if (o->o[i].ours == ours)
			return o->o[i].theirs;
	if (theirs == 0)
		return 0;
	if (o->o == NULL || o->used >= (o->mask + 1) / 3 * 2) {
		uint32_t old = o->o != NULL ? o->mask + 1 : 0, size = old > 0 ? old * 2 : 64;
		struct owner *from = o->o, *n = calloc(size, sizeof(*n));

		if (n == NULL)
			return 0;
		o->o = n;
		o->mask = size - 1;
		o->used = 0;
		for (i = 0; i < old; i++)
			if (from[i].ours != 0)
				ssync_owner(o, from[i].ours, from[i].theirs);
		free(from);
		return ssync_owner(o, ours, theirs);
	}
	o->o[i] = (struct owner){ ours, theirs };
	o->used++;
	return theirs;
}

/* ---- limbo ---- */
void
ssync_limbo_name(uint64_t theirs, char buf[24])
{
	snprintf(buf, 24, "%016llx", (unsigned long long)theirs);
}

/* To be removed by the sweeper */
static int
away(struct ssync *y, uint8_t dir, int dirfd, const char *name)
{
	int rc = ssync_move_up(y, dirfd, name, tree_hidden(y->c->trees[dir], "limbo"));

	return rc != 0 ? rc : ssync_task(y, TASK_SWEEP, 0, NULL) ? 0 : -ENOMEM;
}

int
ssync_displace(struct ssync *y, uint8_t dir, int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? away(y, dir, dirfd, name) : -errno;
}

bool
ssync_limbo_clear(struct ssync *y, uint8_t dir)
{
	int limbo = tree_hidden(y->c->trees[dir], "limbo"), fd;
	struct dirent *e;
	DIR *d;

	fd = openat(limbo, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && e->d_name[0] != 't' && unlinkat(limbo, e->d_name, 0) != 0)
			away(y, dir, limbo, e->d_name);
	closedir(d);
	return true;
}

int
ssync_place(struct ssync *y, uint8_t dir, uint64_t theirs, uint64_t ours, int dirfd, const char *name)
{
	struct tree *t = y->c->trees[dir];
	int limbo = tree_hidden(t, "limbo"), rc;
	char from[24], path[TREE_PROC_MAX];
	struct tree_fd *f;
	uint64_t node;
	struct stat st;

	ssync_limbo_name(theirs, from);
	if (theirs != 0 && tree_lookup(t, limbo, from, &node, &st) == 0 && node == ours)
		return renameat2(limbo, from, dirfd, name, RENAME_NOREPLACE) == 0 ? 0 : -errno;
	f = tree_any(t, ours);
	if (f == NULL)
		return -errno;
	rc = fstat(f->fd, &st) != 0 ? -errno : 0;
	if (rc == 0 && (S_ISDIR(st.st_mode) || st.st_nlink == 0))
		rc = -ESTALE;		/* a folder that is somewhere in what was not walked: it is told anew */
	else if (rc == 0 && linkat(AT_FDCWD, tree_proc(f->fd, path), dirfd, name, AT_SYMLINK_FOLLOW) != 0)
		rc = -errno;
	tree_put(t, f);
	return rc;
}

int
ssync_out_of(struct ssync *y, uint8_t dir, int dirfd, const char *name, uint64_t theirs, uint64_t ours)
{
	uint64_t node;
	char to[24];
	int rc = tree_lookup(y->c->trees[dir], dirfd, name, &node, NULL);

	if (rc != 0)
		return rc == -ENOENT ? 0 : rc;
	ssync_limbo_name(theirs, to);
	if (ours != 0 && node == ours && renameat2(dirfd, name, tree_hidden(y->c->trees[dir], "limbo"), to, RENAME_NOREPLACE) == 0)
		return 0;
	rc = ssync_displace(y, dir, dirfd, name);	/* it has another name there already, or is not what was told */
	if (rc != 0)
		ssync_error(y, dir, name, rc);
	return rc;
}

void
ssync_limbo(struct ssync *y, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	struct tree *t = y->c->trees[f->dir];
	uint64_t folder = second_node(y->s, f->dir, in_64(&in));
	int64_t mtime_ns = (int64_t)in_64(&in);
	const char *name = sync_get_name(&in);
	struct tree_fd *d;

	if (name == NULL || !in_end(&in) || tree_is_hidden(folder, name, strlen(name))) {
		ssync_bad(y, "a name that is not one");
		return;
	}
	d = folder != 0 ? tree_get(t, folder, TREE_DIR) : NULL;
	if (d == NULL)
		return;
	ssync_out_of(y, f->dir, d->fd, name, f->node, second_node(y->s, f->dir, f->node));
	ssync_parent_time(d->fd, mtime_ns);
	tree_put(t, d);
}

int
ssync_parent_time(int dirfd, int64_t mtime_ns)
{
	struct sync_entry e = { .mtime_ns = mtime_ns };
	struct stat st;

	if (mtime_ns == 0 || fstat(dirfd, &st) != 0)
		return 0;
	sync_entry_stat(&e, &st);
	e.mtime_ns = mtime_ns;
	return sync_set_attr(dirfd, &st, &e, true);
}

/* ---- the end of a folder ---- */
bool
ssync_private(struct ssync *y, uint8_t dir, int dirfd, const char *name, bool folder)
{
	char rel[8192];
	size_t n;

	if (!match_any(y->c->matches[dir]) || tree_rel(y->c->trees[dir], dirfd, rel, sizeof(rel) - RFS_NAME_LEN - 2) != 0)
		return false;
	n = strlen(rel);
	snprintf(rel + n, sizeof(rel) - n, "%s%s", n > 0 ? "/" : "", name);
	return match_private(y->c->matches[dir], rel, folder);
}

static int
remove_extras(struct ssync *y, uint8_t dir, const struct telling *t, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct stat st;

	if (d == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || tree_is_hidden(t->node, e->d_name, strlen(e->d_name)) ||
		    ssync_told((struct telling *)(uintptr_t)t, e->d_name, false))
			continue;
		if (match_any(y->c->matches[dir]) && fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    ssync_private(y, dir, dirfd, e->d_name, S_ISDIR(st.st_mode)))
			continue;
		rc = ssync_displace(y, dir, dirfd, e->d_name);
	}
	closedir(d);
	return rc;
}

void
ssync_end_folder(struct ssync *y, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	struct tree *tree = y->c->trees[f->dir];
	uint64_t ours = second_node(y->s, f->dir, f->node);
	struct telling *t = ssync_telling(y, f->dir, ours);
	char path[TREE_PROC_MAX];
	struct sync_entry e;
	struct tree_fd *d;
	struct stat st;
	int rc;

	if (!sync_get_entry(&in, &e) || !in_end(&in) || !S_ISDIR(e.mode)) {
		ssync_bad(y, "the end of a folder that is not one");
		return;
	}
	if (ours == 0 || t == NULL)
		return;		/* it was removed meanwhile */
	d = tree_get(tree, ours, TREE_DIR);
	rc = d != NULL ? 0 : errno == ESTALE ? 0 : -errno;
	if (d != NULL) {
		rc = remove_extras(y, f->dir, t, d->fd);
		if (rc == 0)
			rc = sync_xattrs_write(tree_proc(d->fd, path), true, y->c->acl, e.xattrs, e.xattrs_len);
		if (rc == 0)
			rc = fstat(d->fd, &st) == 0 ? sync_set_attr(d->fd, &st, &e, true) : -errno;
		tree_put(tree, d);
	}
	telling_end(y, t);
	if (rc != 0)
		ssync_error(y, f->dir, "a folder", rc);
}
