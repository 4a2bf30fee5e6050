/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve_orphan.c: files that have lost their last name while the kernel may hold them: they stay in RFS_HIDDEN/orphan until it does not.
 *
 * When the kernel forgets a file it says so, but such a word may be an old one of a former life of that inode in its cache.  So it is asked before the
 * file is deleted: the invalidation of attributes of an inode that it does not hold is answered ENOENT.  A thread does that, as it may wait for
 * an inode that is just being thrown out.  And folders that have been removed: attributes for those who are still in them.
 */
#include "config.h"
#include "rfs/serve_impl.h"

#include <sys/uio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHAINS 1024

struct orphan {
	uint64_t node;
	int	 dir;
	int	 fd;			/* -1: it is in the hidden folder */
	bool	 asked;			/* in the queue */
	struct orphan *next, *queue;
};

struct orphans {
	pthread_mutex_t	 lock;
	pthread_cond_t	 work;
	int		 count;		/* also read without the lock: 0 is the rule */
	struct orphan	*chain[CHAINS];
	struct orphan	*first, **last;
	bool		 stop;
	pthread_t	 thread;
};

static struct orphan **
find(struct orphans *o, int dir, uint64_t node)
{
	struct orphan **p = &o->chain[(node ^ node >> 32) % CHAINS];

	while (*p != NULL && ((*p)->node != node || (*p)->dir != dir))
		p = &(*p)->next;
	return p;
}

bool
orphans_has(struct serve *s, int dir, uint64_t node)
{
	struct orphans *o = s->orphans;
	bool has;

	if (__atomic_load_n(&o->count, __ATOMIC_SEQ_CST) == 0)
		return false;
	pthread_mutex_lock(&o->lock);
	has = *find(o, dir, node) != NULL;
	pthread_mutex_unlock(&o->lock);
	return has;
}

static void
ask(struct orphans *o, struct orphan *p)
{
	if (p->asked)
		return;
	p->asked = true;
	p->queue = NULL;
	*o->last = p;
	o->last = &p->queue;
	pthread_cond_signal(&o->work);
}

static void
add(struct serve *s, int dir, uint64_t node, int fd, bool check)
{
	struct orphans *o = s->orphans;
	struct orphan **p, *n = calloc(1, sizeof(*n));

	if (n == NULL) {
		warn_text("no memory for a deleted file that is still open");
		if (fd != -1)
			close(fd);
		return;
	}
	*n = (struct orphan){ .node = node, .dir = dir, .fd = fd };
	pthread_mutex_lock(&o->lock);
	p = find(o, dir, node);
	if (*p == NULL) {
		*p = n;
		__atomic_fetch_add(&o->count, 1, __ATOMIC_SEQ_CST);
		n = NULL;
		fd = -1;
	}
	if (check)
		ask(o, *p);
	pthread_mutex_unlock(&o->lock);
	free(n);
	if (fd != -1)
		close(fd);
}

void
orphans_add(struct serve *s, int dir, uint64_t node, bool named)
{
	struct tree *t = s->conf.trees[dir];
	struct tree_fd *f = named ? NULL : tree_get(t, node, TREE_WRITE);
	int fd = f != NULL ? fcntl(f->fd, F_DUPFD_CLOEXEC, 3) : -1;

	tree_put(t, f);
	if (named || fd != -1)
		add(s, dir, node, fd, false);
}

void
orphans_forget(struct serve *s, int dir, uint64_t node)
{
	struct orphans *o = s->orphans;
	struct orphan **p;

	if (__atomic_load_n(&o->count, __ATOMIC_SEQ_CST) == 0)
		return;
	pthread_mutex_lock(&o->lock);
	p = find(o, dir, node);
	if (*p != NULL)
		ask(o, *p);
	pthread_mutex_unlock(&o->lock);
}

/* ---- the thread ---- */

static bool
kernel_holds(struct serve *s, int dir, uint64_t nodeid)
{
	struct { struct fuse_out_header h; struct fuse_notify_inval_inode_out n; } m = {
		.h = { .len = sizeof(m), .error = FUSE_NOTIFY_INVAL_INODE },
		.n = { .ino = nodeid, .off = -1 },	/* attributes only */
	};
	ssize_t n;

	do
		n = write(s->conf.fuse_fd[dir], &m, sizeof(m));
	while (n == -1 && errno == EINTR);
	return n != -1 || (errno != ENOENT && errno != ENODEV && errno != ENOTCONN);
}

static void
delete(struct serve *s, struct orphan *p)
{
	struct tree *t = s->conf.trees[p->dir];
	char name[TREE_ORPHAN_MAX];

	tree_forget(t, p->node);
	if (p->fd != -1)
		close(p->fd);
	tree_orphan_name(p->node, name);
	if (p->fd == -1 && unlinkat(tree_hidden(t, "orphan"), name, 0) == -1 && errno != ENOENT)
		warn_errno("%s/%s/orphan/%s", tree_path(t), RFS_HIDDEN, name);
}

static void *
caring(void *arg)
{
	struct serve *s = arg;
	struct orphans *o = s->orphans;
	struct orphan *p, **at;
	bool held;

	pthread_mutex_lock(&o->lock);
	while (!o->stop) {
		p = o->first;
		if (p == NULL) {
			pthread_cond_wait(&o->work, &o->lock);
			continue;
		}
		o->first = p->queue;
		if (o->first == NULL)
			o->last = &o->first;
		p->asked = false;	/* another word may come from here on */
		pthread_mutex_unlock(&o->lock);
		held = kernel_holds(s, p->dir, p->node) || (serve_node(s, p->dir, PRIVATE_BIT) == 0 && kernel_holds(s, p->dir, p->node | PRIVATE_BIT));
		pthread_mutex_lock(&o->lock);
		if (held || p->asked)
			continue;
		at = find(o, p->dir, p->node);
		*at = p->next;
		pthread_mutex_unlock(&o->lock);
		delete(s, p);
		free(p);
		pthread_mutex_lock(&o->lock);
		__atomic_fetch_sub(&o->count, 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* What is in the hidden folder: of a former worker, or of a former term.  One that still has another name: its change was cut off, it is no orphan */
static void
gather(struct serve *s, int dir)
{
	int at = tree_hidden(s->conf.trees[dir], "orphan"), fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct stat st;
	char *end;
	uint64_t node;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		node = strtoull(e->d_name, &end, 16);
		if (e->d_name[0] == '.' || fstatat(at, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (*end != '\0' || st.st_nlink > 1 || (uint32_t)node != st.st_ino)
			unlinkat(at, e->d_name, 0);
		else
			add(s, dir, node, -1, true);
	}
	closedir(d);
}

bool
orphans_start(struct serve *s, char *err, size_t errsize)
{
	struct orphans *o = calloc(1, sizeof(*o));
	int i, rc;

	if (o == NULL) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->work, NULL);
	o->last = &o->first;
	s->orphans = o;
	for (i = 0; i < s->conf.dirs; i++)
		gather(s, i);
	rc = pthread_create(&o->thread, NULL, caring, s);
	if (rc != 0) {
		snprintf(err, errsize, "thread: %s", strerror(rc));
		free(o);
		s->orphans = NULL;
	}
	return rc == 0;
}

void
orphans_stop(struct serve *s)
{
	struct orphans *o = s->orphans;
	struct orphan *p, *next;
	int i;

	if (o == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_signal(&o->work);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	for (i = 0; i < CHAINS; i++)
		for (p = o->chain[i]; p != NULL; p = next) {
			next = p->next;
			if (p->fd != -1)
				close(p->fd);
			free(p);
		}
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->work);
	free(o);
	s->orphans = NULL;
}

/* ---- removed folders ---- */

void
dead_add(struct serve *s, int dir, uint64_t node, const struct stat *st)
{
	struct dead *d = &s->shm->dead[__atomic_fetch_add(&s->shm->dead_next, 1, __ATOMIC_SEQ_CST) % DEAD_MAX];

	pthread_mutex_lock(&s->orphans->lock);
	d->node = node;
	d->dir = (uint32_t)dir;
	serve_attr(s, dir, node, st, &d->attr);
	d->attr.nlink = 0;
	pthread_mutex_unlock(&s->orphans->lock);
}

bool
dead_get(struct serve *s, int dir, uint64_t node, struct fuse_attr *a)
{
	bool found = false;
	int i;

	pthread_mutex_lock(&s->orphans->lock);
	for (i = 0; i < DEAD_MAX && !found; i++)
		if (s->shm->dead[i].node == node && s->shm->dead[i].dir == (uint32_t)dir) {
			*a = s->shm->dead[i].attr;
			found = true;
		}
	pthread_mutex_unlock(&s->orphans->lock);
	return found;
}
