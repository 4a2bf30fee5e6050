/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_slow.c: what takes long on the secondary, in threads of its own: hashes of zones; flushes, their beginning, and the removal of folders.
 *
 * Owns: two queues.  Called by: ssync.c puts tasks in.  An answer that belongs to a stream that is gone is not sent.  Never does: change a file that has a name.
 */
#include "config.h"
#include "rfs/ssync_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is there one already that has not begun?  It does for both. */
static bool
will_sweep(const struct ssync *y)
{
	const struct task *t;

	for (t = y->slow_first; t != NULL; t = t->next)
		if (t->kind == TASK_SWEEP && t->life == y->life)
			return true;
	return false;
}

bool
ssync_task(struct ssync *y, enum task_kind kind, int conn, const struct frame *f)
{
	size_t len = f != NULL ? f->body_len : 0;
	bool slow = kind != TASK_HASH;
	struct task *t;

	if (len > (slow ? 0 : SYNC_ZONES_MAX * SSYNC_ZONE_BYTES))
		return false;
	t = malloc(sizeof(*t) + len);
	if (t == NULL)
		return false;
	memset(t, 0, sizeof(*t));
	t->kind = (uint8_t)kind;
	t->conn = conn;
	t->len = len;
	if (f != NULL) {
		t->dir = f->dir;
		t->aux = f->aux;
		t->node = f->node;
		t->frame = f->flags;
		if (len > 0)
			memcpy(t->body, f->body, len);
	}
	pthread_mutex_lock(&y->lock);
	if (kind == TASK_SWEEP && will_sweep(y)) {
		pthread_mutex_unlock(&y->lock);
		free(t);
		return true;
	}
	if ((slow ? y->slow_tasks : y->tasks) >= SSYNC_TASKS_MAX) {
		pthread_mutex_unlock(&y->lock);
		free(t);
		return false;
	}
	*(slow ? &y->slow_tasks : &y->tasks) += 1;
	t->life = y->life;
	if (slow) {
		*y->slow_last = t;
		y->slow_last = &t->next;
	} else {
		*y->last = t;
		y->last = &t->next;
	}
	pthread_cond_broadcast(&y->cond);
	pthread_mutex_unlock(&y->lock);
	return true;
}

static struct task *
take(struct ssync *y, struct task **first, struct task ***last, int *count)
{
	struct task *t;

	pthread_mutex_lock(&y->lock);
	while (*first == NULL && !y->stop)
		pthread_cond_wait(&y->cond, &y->lock);
	t = y->stop ? NULL : *first;
	if (t != NULL) {
		*first = t->next;
		if (*first == NULL)
			*last = first;
		(*count)--;
	}
	pthread_mutex_unlock(&y->lock);
	return t;
}

static bool
wanted(struct ssync *y, const struct task *t)
{
	bool is;

	pthread_mutex_lock(&y->lock);
	is = t->life == y->life && !y->stop;
	pthread_mutex_unlock(&y->lock);
	return is;
}

/* ---- hashes ---- */
static bool
hash(struct ssync *y, const struct task *t, uint8_t *buf, uint8_t *out, size_t *n)
{
	struct sync_in in = { .buf = t->body, .len = t->len };
	struct sync_zone z;

	*n = 0;
	while (sync_get_zone(&in, &z)) {
		uint64_t node;
		struct tree_fd *f;
		int rc = 0;

		if (*n == SYNC_ZONES_MAX || z.len > y->c->zone)
			return false;
		memset(out + *n * SYNC_HASH, 0, SYNC_HASH);
		node = wanted(y, t) ? second_node(y->s, t->dir, z.node) : 0;
		f = node != 0 ? tree_get(y->c->trees[t->dir], node, TREE_READ) : NULL;
		if (f != NULL)
			rc = sync_hash(f->fd, z.off, z.len, buf, out + *n * SYNC_HASH);
		tree_put(y->c->trees[t->dir], f);
		if (rc != 0)
			ssync_error(y, t->dir, "reading a file", rc);
		(*n)++;
	}
	return in_end(&in);
}

void *
ssync_hasher(void *arg)
{
	struct ssync *y = arg;
	uint8_t *buf = malloc(y->c->zone), *out = malloc(SYNC_ZONES_MAX * SYNC_HASH);
	struct task *t;
	size_t n;

	while (buf != NULL && out != NULL && (t = take(y, &y->first, &y->last, &y->tasks)) != NULL) {
		if (!hash(y, t, buf, out, &n))
			ssync_bad(y, "zones that are not some");
		else if (wanted(y, t))
			ssync_answer(y, t->conn, SY_HASHED, t->dir, t->node, t->aux, out, n * SYNC_HASH);
		free(t);
	}
	free(buf);
	free(out);
	return NULL;
}

/* ---- flushes, and what goes ---- */
/* Into limbo, under a name of what goes */
int
ssync_move_up(struct ssync *y, int dirfd, const char *name, int limbo)
{
	char to[32];

	for (;;) {
		snprintf(to, sizeof(to), "t%llu", (unsigned long long)atomic_fetch_add(&y->names_made, 1));
		if (renameat2(dirfd, name, limbo, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
}

/* What is in a folder of limbo goes; folders in it that hold something come into limbo themselves: so no depth takes more than one descriptor, and no stack */
static int
empty(struct ssync *y, int limbo, const char *name)
{
	int fd = openat(limbo, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (d == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			rc = -errno;
		else if (unlinkat(fd, e->d_name, AT_REMOVEDIR) != 0)
			rc = errno == ENOTEMPTY || errno == EEXIST ? ssync_move_up(y, fd, e->d_name, limbo) : -errno;
	}
	closedir(d);
	return rc;
}

static int
remove_one(struct ssync *y, int limbo, const char *name)
{
	int rc;

	if (unlinkat(limbo, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	rc = empty(y, limbo, name);
	return rc == 0 && unlinkat(limbo, name, AT_REMOVEDIR) != 0 && errno != ENOENT ? -errno : rc;
}

static void
sweep(struct ssync *y, uint8_t dir)
{
	int limbo = tree_hidden(y->c->trees[dir], "limbo"), fd = openat(limbo, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	bool more = true;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (; more && rc == 0; rewinddir(d))	/* what came into limbo meanwhile, too */
		for (more = false; rc == 0 && (e = readdir(d)) != NULL; )	/* "t...": what nobody looks for any more */
			if (e->d_name[0] == 't') {
				more = true;
				rc = remove_one(y, limbo, e->d_name);
			}
	closedir(d);
	if (rc != 0)
		ssync_error(y, dir, "removing a folder", rc);
}

static bool
on_disk(struct ssync *y)
{
	int i;

	for (i = 0; i < y->c->dirs; i++)
		if (syncfs(tree_hidden(y->c->trees[i], "limbo")) != 0) {
			ssync_error(y, (uint8_t)i, "flushing", errno);
			return false;
		}
	return true;
}

void *
ssync_sweeper(void *arg)
{
	struct ssync *y = arg;
	struct task *t;
	bool ok;
	int i;

	while ((t = take(y, &y->slow_first, &y->slow_last, &y->slow_tasks)) != NULL) {
		if (t->kind == TASK_WRITEBACK) {
			ssync_writeback(y, t->dir, t->node);
			free(t);
			continue;
		}
		for (i = 0; t->kind != TASK_COMMIT && i < y->c->dirs; i++)
			sweep(y, (uint8_t)i);
		ok = t->kind != TASK_SWEEP && wanted(y, t) && on_disk(y) && wanted(y, t);
		if (ok && t->kind == TASK_FINISH) {
			second_whole(y->s, true);
			atomic_store(&y->busy, false);
		}
		if (ok)
			ssync_answer(y, t->conn, t->kind == TASK_FINISH ? SY_FINISHED : SY_COMMITTED, 0, 0, t->aux, NULL, 0);
		free(t);
	}
	return NULL;
}
