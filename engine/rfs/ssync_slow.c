/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_slow.c: what takes long on the secondary, in threads of its own: hashes of zones; flushes and the removal of folders.
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

bool
ssync_task(struct ssync *y, enum task_kind kind, int conn, const struct frame *f)
{
	size_t len = f != NULL ? f->body_len : 0;
	struct task *t = malloc(sizeof(*t) + len);
	bool slow = kind != TASK_HASH;

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
	if (!slow && y->tasks >= SSYNC_TASKS_MAX) {
		pthread_mutex_unlock(&y->lock);
		free(t);
		return false;
	}
	y->tasks += !slow;
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
take(struct ssync *y, struct task **first, struct task ***last)
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

	while (buf != NULL && out != NULL && (t = take(y, &y->first, &y->last)) != NULL) {
		pthread_mutex_lock(&y->lock);
		y->tasks--;
		pthread_mutex_unlock(&y->lock);
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
/* A folder with all that is in it.  The depth is bounded by what the kernel opens: each level holds a descriptor. */
static int
remove_below(int dirfd, const char *name)
{
	int fd, rc = 0;
	struct dirent *e;
	DIR *d;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (rc = remove_below(fd, e->d_name)) != 0)
			break;
	closedir(d);
	if (rc == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) != 0)
		rc = -errno;
	return rc;
}

static void
sweep(struct ssync *y, uint8_t dir)
{
	int limbo = tree_hidden(y->c->trees[dir], "limbo"), fd = openat(limbo, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)	/* "t...": what nobody looks for any more */
		if (e->d_name[0] == 't' && rc == 0)
			rc = remove_below(limbo, e->d_name);
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

	while ((t = take(y, &y->slow_first, &y->slow_last)) != NULL) {
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
