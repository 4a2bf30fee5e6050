/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_route.c: a change that an application makes while a secondary synchronises: is it sent?
 *
 * A folder is *on* once its changes are forwarded, a node is *paired* once the secondary is known to have it.  Data and attributes of a node go when it is paired (what
 * was changed before is in the map, or seen when it is paired); what is made in a folder that is on goes and is paired at once.  A rename:
 *	from	to	paired	what happens
 *	on	on	yes	sent as it is
 *	on	on	no	the entry is told at its new place, with the place it came from: a stale file there moves along
 *	on	off	any	out of the tree there: into limbo if it is paired, else away; told again when the other folder is walked
 *	off	on	any	the entry is told at its new place (out of limbo, or by a link where it is paired); what it replaced goes
 *	off	off	any	nothing
 * An exchange of which not all is on and paired: both leave, both are told at their new places.
 * Called by: repl.c, in applications' threads, under the lock of the names.  Never does: wait for an answer.
 */
#include "config.h"
#include "rfs/psync_impl.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

struct sets { bool on, to_on, paired, other_paired, all, running; };

static struct sets
look(struct psync *p, const struct rfs_op *op)
{
	struct sets s;

	pthread_mutex_lock(&p->lock);
	s.all = p->all;
	s.running = p->running && !p->stop;
	s.on = op->parent != 0 && nodeset_has(&p->forwarded[op->dir], op->parent);
	s.to_on = op->newparent != 0 && nodeset_has(&p->forwarded[op->dir], op->newparent);
	s.paired = s.all || (op->node != 0 && nodeset_has(&p->paired[op->dir], op->node));
	s.other_paired = op->other != 0 && nodeset_has(&p->paired[op->dir], op->other);
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void
add(struct psync *p, struct nodeset *set, uint64_t node)
{
	pthread_mutex_lock(&p->lock);
	if (!nodeset_add(set, node))
		p->stop = true;
	pthread_mutex_unlock(&p->lock);
}

static void
once_more(struct psync *p, uint8_t dir, uint64_t node)
{
	map_add(p->c.maps[dir], node, UINT32_MAX);
	pthread_mutex_lock(&p->lock);
	if (!wheres_add(&p->again, dir, node) || !nodeset_add(&p->twice[dir], node))
		p->stop = true;
	pthread_mutex_unlock(&p->lock);
}

/* The name leaves a forwarded folder for one that is not: the secondary knows best whether it has paired what is there */
static void
leaves(struct psync *p, uint8_t dir, uint64_t folder, int64_t mtime_ns, const char *name, uint64_t node)
{
	uint8_t body[RFS_NAME_LEN + 32];
	struct sync_out o = { .buf = body, .size = sizeof(body) };

	out_64(&o, folder);
	out_64(&o, (uint64_t)mtime_ns);
	out_bytes(&o, name, strlen(name) + 1);
	if (!o.bad)
		psync_send(p, 0, SY_LIMBO, dir, node, 0, o.buf, o.len, NULL, 0);
}

static enum psync_route
route_exchange(struct psync *p, const struct rfs_op *op, const struct sets *s)
{
	if (s->on && s->to_on && s->paired && s->other_paired)
		return ROUTE_SEND;
	if (s->on)
		leaves(p, op->dir, op->parent, op->parent_mtime_ns, op->name, op->node);
	if (s->to_on)
		leaves(p, op->dir, op->newparent, op->newparent_mtime_ns, op->newname, op->other);
	if (s->on)
		psync_one(p, op->dir, op->parent, op->name, op->parent_mtime_ns, NULL);
	if (s->to_on)
		psync_one(p, op->dir, op->newparent, op->newname, op->newparent_mtime_ns, NULL);
	return ROUTE_SKIP;
}

static enum psync_route
route_rename(struct psync *p, const struct rfs_op *op, const struct sets *s)
{
	if (op->node != 0 && op->node == op->other)
		return ROUTE_SKIP;	/* two names of one file: rename(2) does nothing */
	if ((op->flags & RENAME_EXCHANGE) != 0)
		return route_exchange(p, op, s);
	if (s->on && s->to_on && s->paired)
		return ROUTE_SEND;
	if (s->to_on) {
		/* what it replaced goes first: taken for the stale file of the one that comes, it would get the data of both */
		if (op->other != 0)
			leaves(p, op->dir, op->newparent, op->newparent_mtime_ns, op->newname, op->other);
		psync_one(p, op->dir, op->newparent, op->newname, op->newparent_mtime_ns, op);
	} else if (s->on) {
		leaves(p, op->dir, op->parent, op->parent_mtime_ns, op->name, op->node);
	}
	return ROUTE_SKIP;
}

enum psync_route
psync_route(struct psync *p, const struct rfs_op *op)
{
	struct sets s = look(p, op);
	struct stat st;

	if (s.all && op->type != OP_SETATTR && op->type != OP_SETXATTR && op->type != OP_REMOVEXATTR)
		return ROUTE_SEND;
	if (!s.running || op->dir >= p->c.dirs)
		return ROUTE_SKIP;
	switch (op->type) {
	case OP_CREATE: case OP_SYMLINK: case OP_MKDIR:
		if (!s.on)
			return ROUTE_SKIP;
		if (op->child == 0) {
			psync_one(p, op->dir, op->parent, op->name, op->parent_mtime_ns, NULL);
			return ROUTE_SKIP;
		}
		add(p, &p->paired[op->dir], op->child);
		if (op->type == OP_MKDIR)	/* empty here and there */
			add(p, &p->forwarded[op->dir], op->child);
		return ROUTE_SEND;
	case OP_LINK:
		if (!s.on || s.paired)
			return s.on ? ROUTE_SEND : ROUTE_SKIP;
		psync_one(p, op->dir, op->parent, op->name, op->parent_mtime_ns, NULL);
		return ROUTE_SKIP;
	case OP_UNLINK: case OP_RMDIR:
		return s.on ? ROUTE_SEND : ROUTE_SKIP;
	case OP_RENAME:
		return route_rename(p, op, &s);
	case OP_FALLOCATE:
		if (!s.paired || (op->flags & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) == 0)
			return s.paired ? ROUTE_SEND : ROUTE_SKIP;
		__attribute__((fallthrough));
	case OP_COPY:	/* what the secondary would move or copy may not be there yet: compared once more as a whole */
		if (s.paired)
			once_more(p, op->dir, op->node);
		return ROUTE_SKIP;
	case OP_SETATTR: case OP_SETXATTR: case OP_REMOVEXATTR:
		if (!s.paired)
			return ROUTE_SKIP;
		/* a folder's: in order with its names, over connection 0 */
		if (tree_stat(p->c.trees[op->dir], op->node, &st) != 0 || !S_ISDIR(st.st_mode))
			return ROUTE_SEND;
		psync_send_attr(p, op->dir, op->node, true);
		return ROUTE_SKIP;
	default:
		return s.paired ? ROUTE_SEND : ROUTE_SKIP;
	}
}
