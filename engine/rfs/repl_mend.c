/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repl_mend.c: a write that the secondary has and this server has not, because its own disk refused it: the secondary gets what is here.
 *
 * Called by: serve.c, with the node held, before it answers the application.  Rare: a full or broken disk.
 */
#include "config.h"
#include "rfs/repl_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
submit_and_wait(struct repl *r, struct repl_ticket *t)
{
	t->state = TICKET_OURS;
	if (repl_submit(r, t) == REPL_LOCAL)
		return;
	pthread_mutex_lock(&r->lock);
	while (t->state != TICKET_OURS_DONE)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

static void
send_piece(struct repl *r, uint8_t dir, uint64_t node, uint64_t off, const void *data, size_t len, int64_t mtime_ns)
{
	struct repl_ticket t = { .op = { .type = OP_WRITE, .dir = dir, .node = node, .off = off, .data = data, .data_len = (uint32_t)len, .mtime_ns = mtime_ns } };

	submit_and_wait(r, &t);
}

static void
send_size(struct repl *r, uint8_t dir, uint64_t node, uint64_t size, int64_t mtime_ns)
{
	struct repl_ticket t = { .op = { .type = OP_SETATTR, .dir = dir, .node = node, .valid = OP_SET_SIZE | OP_SET_MTIME, .size = size,
		.mtime_ns = mtime_ns } };

	submit_and_wait(r, &t);
}

/* false: it cannot be read here (errno) */
static bool
mend(struct repl *r, struct tree_fd *f, uint8_t dir, uint64_t off, uint64_t len, void *buf)
{
	struct stat st;
	size_t want;
	ssize_t n;

	if (fstat(f->fd, &st) != 0)
		return false;
	while (len > 0) {
		want = len < RFS_DATA_MAX ? (size_t)len : RFS_DATA_MAX;
		n = pread(f->fd, buf, want, (off_t)off);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		send_piece(r, dir, f->node, off, buf, (size_t)n, op_ns(&st.st_mtim));
		off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	send_size(r, dir, f->node, (uint64_t)st.st_size, op_ns(&st.st_mtim));	/* nobody else changes it meanwhile */
	return true;
}

void
repl_repair(struct repl *r, uint8_t dir, uint64_t node, uint64_t off, uint64_t len)
{
	struct tree *tree = dir < r->conf.dirs ? r->conf.trees[dir] : NULL;
	struct tree_fd *f = tree != NULL ? tree_get(tree, node, TREE_READ) : NULL;
	void *buf = malloc(RFS_DATA_MAX);
	char why[SK_TEXT_MAX];

	if (f == NULL || buf == NULL || !mend(r, f, dir, off, len, buf)) {
		snprintf(why, sizeof(why), "what this server could not write it cannot read either: %s", strerror(errno));
		repl_ask(r, why, true);
	}
	free(buf);
	if (f != NULL)
		tree_put(tree, f);
}
