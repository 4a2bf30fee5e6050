/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve_refused.c: what the kernel's cache took and the disk refused later.
 *
 * A write goes to the kernel's memory before we are asked whether there is room for it.  When the disk refuses it, who waits (fsync, close) is told, but the
 * kernel keeps the pages, as if they had been written, and the size.  Whoever looks again, as a database that recovers does, would see what no disk has, here
 * or on the other server.  So the file gets that size, as a hole, and the kernel is asked to forget the pages: who reads sees what is on the disk.
 * The kernel waits meanwhile for pages that are being read or written, that is for us: a child of its own asks, which nobody waits for when this worker is
 * killed, and which holds nothing but that descriptor.
 * Owns: a thread, what is to be asked.  Called by: serve_ops.c.  Rare: a full or broken disk.
 */
#include "config.h"
#include "rfs/serve_impl.h"

#include <sys/wait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS	10000000	/* between two looks at the child (ours) */

struct refused { int dir; uint64_t nodeid; struct refused *next; };
struct refusals {
	pthread_mutex_t	 lock;
	pthread_cond_t	 work;
	struct refused	*first, **last;
	bool		 stop;
	pthread_t	 thread;
};

bool
refused_size(struct serve *s, const struct rfs_op *op)
{
	struct tree *t = s->conf.trees[op->dir];
	struct tree_fd *f = tree_get(t, op->node, TREE_WRITE);
	struct timespec ts[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;
	bool grown = false;

	if (f != NULL && fstat(f->fd, &st) == 0 && (uint64_t)st.st_size < op->off + op->data_len) {
		grown = ftruncate(f->fd, (off_t)(op->off + op->data_len)) == 0;
		ts[1] = st.st_mtim;
		futimens(f->fd, ts);
	}
	tree_put(t, f);
	return grown;
}

void
refused_pages(struct serve *s, int dir, uint64_t nodeid)
{
	struct refusals *r = s->refusals;
	struct refused *n = calloc(1, sizeof(*n)), *p;

	if (n == NULL)
		return;
	*n = (struct refused){ .dir = dir, .nodeid = nodeid };
	pthread_mutex_lock(&r->lock);
	for (p = r->first; p != NULL && (p->nodeid != nodeid || p->dir != dir); p = p->next)
		;
	if (p == NULL) {
		*r->last = n;
		r->last = &n->next;
		pthread_cond_signal(&r->work);
	} else {
		free(n);
	}
	pthread_mutex_unlock(&r->lock);
}

/* The child: nothing but system calls, as other threads of ours may have held any lock */
static _Noreturn void
ask(int fuse_fd, const void *message, size_t len)
{
	if (fuse_fd > 0)
		close_range(0, (unsigned)fuse_fd - 1, 0);
	close_range((unsigned)fuse_fd + 1, ~0u, 0);
	_exit(write(fuse_fd, message, len) == -1 ? 1 : 0);
}

static bool
stopping(struct refusals *r)
{
	bool stop;

	pthread_mutex_lock(&r->lock);
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return stop;
}

static void
forget_pages(struct serve *s, const struct refused *p)
{
	struct { struct fuse_out_header h; struct fuse_notify_inval_inode_out n; } m = {
		.h = { .len = sizeof(m), .error = FUSE_NOTIFY_INVAL_INODE },
		.n = { .ino = p->nodeid },	/* all of it */
	};
	struct timespec tick = { .tv_nsec = TICK_NS };
	pid_t pid = fork();

	if (pid == 0)
		ask(s->conf.fuse_fd[p->dir], &m, sizeof(m));
	if (pid == -1)
		warn_errno("pages that the disk has refused");
	while (pid != -1 && waitpid(pid, NULL, WNOHANG) == 0 && !stopping(s->refusals))
		nanosleep(&tick, NULL);
}

static void *
caring(void *arg)
{
	struct serve *s = arg;
	struct refusals *r = s->refusals;
	struct refused *p;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		p = r->first;
		if (p == NULL) {
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		r->first = p->next;
		if (r->first == NULL)
			r->last = &r->first;
		pthread_mutex_unlock(&r->lock);
		forget_pages(s, p);
		free(p);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

bool
refused_start(struct serve *s, char *err, size_t errsize)
{
	struct refusals *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	r->last = &r->first;
	s->refusals = r;
	rc = pthread_create(&r->thread, NULL, caring, s);
	if (rc != 0) {
		snprintf(err, errsize, "thread: %s", strerror(rc));
		free(r);
		s->refusals = NULL;
	}
	return rc == 0;
}

void
refused_stop(struct serve *s)
{
	struct refusals *r = s->refusals;
	struct refused *p;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	while ((p = r->first) != NULL) {
		r->first = p->next;
		free(p);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->work);
	free(r);
	s->refusals = NULL;
}
