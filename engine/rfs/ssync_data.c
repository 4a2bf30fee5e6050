/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_data.c: data of a file, holes, and how it is in the end, on the secondary.
 *
 * Called by: ssync.c in the reader of the node's connection, in order with what the primary's applications change.  A node that is not known any more was
 * deleted meanwhile: nothing to do.  Never does: touch the map (what is being synchronised is in it until it is done).
 */
#include "config.h"
#include "rfs/ssync_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <unistd.h>

#define WRITEBACK_BYTES	(32u << 20)	/* of data, then the disk is asked to begin (ours) */

static struct tree_fd *
file_of(struct ssync *y, const struct frame *f, enum tree_how how)
{
	uint64_t node = second_node(y->s, f->dir, f->node);
	struct tree_fd *t = node != 0 ? tree_get(y->c->trees[f->dir], node, how) : NULL;

	if (node != 0 && t == NULL && errno != ESTALE && errno != ENOENT)
		ssync_error(y, f->dir, "a file", errno);
	return t;
}

void
ssync_file(struct ssync *y, const struct frame *f)
{
	struct tree_fd *t = file_of(y, f, TREE_WRITE);
	struct stat st;

	if (t != NULL && f->aux <= INT64_MAX && (fstat(t->fd, &st) != 0 || ((uint64_t)st.st_size != f->aux && ftruncate(t->fd, (off_t)f->aux) != 0)))
		ssync_error(y, f->dir, "the size of a file", errno);
	tree_put(y->c->trees[f->dir], t);
}

static int
write_all(int fd, const uint8_t *data, size_t len, uint64_t off)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		data += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* The disk begins while more comes: the flush at the end, which the server is not SECOND before, finds little left */
static void
begin_writeback(struct ssync *y, const struct frame *f)
{
	struct frame which = { .dir = f->dir, .node = f->node };

	if (atomic_fetch_add(&y->unwritten, f->body_len) + f->body_len < WRITEBACK_BYTES || atomic_exchange(&y->asking, true))
		return;
	atomic_store(&y->unwritten, 0);
	if (!ssync_task(y, TASK_WRITEBACK, 0, &which))
		atomic_store(&y->asking, false);	/* too much waits already: later */
}

void
ssync_writeback(struct ssync *y, uint8_t dir, uint64_t theirs)
{
	uint64_t node = second_node(y->s, dir, theirs);
	struct tree_fd *t = node != 0 ? tree_get(y->c->trees[dir], node, TREE_WRITE) : NULL;

	atomic_store(&y->asking, false);
	if (t != NULL)
		sync_file_range(t->fd, 0, 0, SYNC_FILE_RANGE_WRITE);	/* what fails fails in the flush again, and is said there */
	tree_put(y->c->trees[dir], t);
}

void
ssync_write(struct ssync *y, const struct frame *f)
{
	struct tree_fd *t;
	int rc;

	if (f->aux > (uint64_t)INT64_MAX - FRAME_BODY_MAX) {
		ssync_bad(y, "data behind the end of the world");
		return;
	}
	t = file_of(y, f, TREE_WRITE);
	rc = t != NULL ? write_all(t->fd, f->body, f->body_len, f->aux) : 0;
	if (rc != 0)
		ssync_error(y, f->dir, "the data of a file", rc);
	else if (t != NULL)
		begin_writeback(y, f);
	tree_put(y->c->trees[f->dir], t);
}

void
ssync_punch(struct ssync *y, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	uint64_t len = in_64(&in);
	struct tree_fd *t;

	if (!in_end(&in) || len == 0 || len > INT64_MAX || f->aux > INT64_MAX - len) {
		ssync_bad(y, "a hole that is not one");
		return;
	}
	t = file_of(y, f, TREE_WRITE);
	if (t != NULL && fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->aux, (off_t)len) != 0)
		ssync_error(y, f->dir, "a hole of a file", errno);
	tree_put(y->c->trees[f->dir], t);
}

void
ssync_final(struct ssync *y, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	struct sync_entry e, keep;
	char path[TREE_PROC_MAX];
	struct tree_fd *t;
	struct stat st;
	int rc = 0;

	if (!sync_get_entry(&in, &e) || (f->aux == 0 && !in_end(&in)) || (f->aux != 0 && (f->body_len - in.at > SYNC_SMALL || !S_ISREG(e.mode)))) {
		ssync_bad(y, "a file that is not one");
		return;
	}
	t = file_of(y, f, S_ISREG(e.mode) && f->aux != 0 ? TREE_WRITE : TREE_PATH);
	if (t == NULL)
		return;
	if (fstat(t->fd, &st) != 0)
		rc = -errno;
	if (rc == 0 && (st.st_mode & S_IFMT) != (e.mode & S_IFMT)) {
		ssync_bad(y, "a file that is another one here");
		rc = 0;
	} else if (rc == 0) {
		if (f->aux != 0) {
			rc = write_all(t->fd, (const uint8_t *)f->body + in.at, f->body_len - in.at, 0);
			st.st_size = st.st_size > (off_t)(f->body_len - in.at) ? st.st_size : (off_t)(f->body_len - in.at);
			st.st_mtim.tv_nsec = -1;	/* it has changed */
		}
		if (rc == 0)
			rc = sync_xattrs_write(tree_proc(t->fd, path), true, y->c->acl, e.xattrs, e.xattrs_len);
		keep = e;
		if (S_ISREG(e.mode) && (e.flags & SE_DATA) == 0)
			keep.size = (uint64_t)st.st_size;	/* its attributes only */
		if (rc == 0)
			rc = sync_set_attr(t->fd, &st, &keep, true);
	}
	if (rc != 0)
		ssync_error(y, f->dir, "the attributes of a file", rc);
	tree_put(y->c->trees[f->dir], t);
}
