/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second_flush.c: to the disk: what an acknowledgement stands for when async="none", and whole file systems for a cut.
 *
 * Called by: second.c, second_apply.c; a connection's batch only in its reader.
 */
#include "config.h"
#include "rfs/second_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
second_pending(struct second *s, int conn, uint8_t dir, uint64_t node, enum pending_what what)
{
	struct lane *l = &s->lanes[conn];
	int i;

	if (!s->conf.on_disk || node == 0)
		return;
	for (i = 0; i < l->batch_count && i < BATCH_MAX; i++)
		if (l->batch[i].dir == dir && l->batch[i].node == node) {
			l->batch[i].all = l->batch[i].all || what != PENDING_DATA;
			return;
		}
	if (l->batch_count < BATCH_MAX)
		l->batch[l->batch_count] = (struct pending){ dir, what != PENDING_DATA, node };
	if (l->batch_count <= BATCH_MAX)
		l->batch_count++;
}

bool
second_flush_all(struct second *s)
{
	int i;

	for (i = 0; i < s->conf.dirs; i++)
		if (s->conf.trees[i] != NULL && syncfs(tree_hidden(s->conf.trees[i], "tmp")) != 0)
			return false;
	return true;
}

static bool
gone(int err)
{
	return err == ESTALE || err == ENOENT;
}

/* false: errno, and what it was about to do */
static bool
flush_one(struct second *s, const struct pending *p, const char **what)
{
	struct tree *t = s->conf.trees[p->dir];
	struct tree_fd *f;
	struct stat st;
	bool ok;
	int rc = tree_stat(t, p->node, &st);

	*what = "attributes of a file";
	if (rc != 0) {	/* deleted meanwhile: its folder is in the batch as well */
		errno = -rc;
		return gone(errno);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {	/* links, fifos, devices: fsync() is not for them */
		*what = "the file system";
		return second_flush_all(s);
	}
	*what = S_ISDIR(st.st_mode) ? "opening a folder" : "opening a file";
	f = tree_get(t, p->node, S_ISDIR(st.st_mode) ? TREE_DIR : TREE_READ);
	if (f == NULL)
		return gone(errno);
	*what = S_ISDIR(st.st_mode) ? "a folder" : "a file";
	ok = p->all ? fsync(f->fd) == 0 : fdatasync(f->fd) == 0;
	tree_put(t, f);
	return ok;
}

bool
second_flush(struct second *s, int conn)
{
	struct lane *l = &s->lanes[conn];
	int i, count = l->batch_count;
	const char *what = "the file system";
	char why[SK_TEXT_MAX];
	bool ok = true;

	l->batch_count = 0;
	if (count > BATCH_MAX)
		ok = second_flush_all(s);
	for (i = 0; count <= BATCH_MAX && i < count && ok; i++)
		ok = flush_one(s, &l->batch[i], &what);
	if (!ok) {
		snprintf(why, sizeof(why), "writing %s to the disk: %s", what, strerror(errno));
		second_leave(s, why, false);
	}
	return ok;
}
