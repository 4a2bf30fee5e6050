/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_entry.c: one name of a folder, on the secondary: it becomes what the primary says, but for the data of a file.
 *
 * A file of that name and type is taken for the primary's (pair), unless it is another one's already (hard links); what is of another type goes; what is not there is made,
 * empty.  A node that is paired already gets the name: from limbo, by a rename, or as one more link.  Size and mtime of a file stay as they are until its data are
 * there: who interrupts this finds them different.
 * Called by: ssync.c in the reader of connection 0.  Never does: read or write data.
 */
#include "config.h"
#include "rfs/ssync_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ZONES_TOLD	4096	/* of one file */

struct place { struct ssync *y; struct tree *t; uint8_t dir; int fd; const struct sync_entry *e; uint64_t node; struct stat st; bool there, made, paired; int child; };

static int
look(struct place *p)
{
	int rc = tree_lookup(p->t, p->fd, p->e->name, &p->node, &p->st);

	p->there = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

static int
clear(struct place *p)
{
	int rc = p->there ? ssync_displace(p->y, p->dir, p->fd, p->e->name) : 0;

	if (p->there && rc == 0)
		tree_forget(p->t, p->node);
	p->there = false;
	return rc;
}

static bool
same_kind(const struct place *p)
{
	const struct sync_entry *e = p->e;
	char target[4096];
	ssize_t n;

	if ((p->st.st_mode & S_IFMT) != (e->mode & S_IFMT))
		return false;
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
		return (uint32_t)p->st.st_rdev == e->rdev;
	if (!S_ISLNK(e->mode))
		return true;
	n = readlinkat(p->fd, e->name, target, sizeof(target));
	return n >= 0 && (size_t)n == strlen(e->target) && memcmp(target, e->target, (size_t)n) == 0;
}

static int
make(struct place *p)
{
	const struct sync_entry *e = p->e;
	int rc;

	if (S_ISREG(e->mode)) {
		p->child = openat(p->fd, e->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, e->mode & 07777);
		rc = p->child < 0 ? -errno : 0;
	} else if (S_ISDIR(e->mode)) {
		rc = mkdirat(p->fd, e->name, e->mode & 07777) != 0 ? -errno : 0;
	} else if (S_ISLNK(e->mode)) {
		rc = symlinkat(e->target, p->fd, e->name) != 0 ? -errno : 0;
	} else {
		rc = mknodat(p->fd, e->name, e->mode, (dev_t)e->rdev) != 0 ? -errno : 0;
	}
	p->made = rc == 0;
	return rc != 0 ? rc : look(p);
}

/* Where it was before a rename there, if what is there is of that kind and nobody else's */
static int
bring(struct place *p, uint64_t ours)
{
	uint64_t folder = second_node(p->y->s, p->dir, p->e->from), node;
	const char *name = p->e->from_name;
	struct tree_fd *d;
	struct stat st;
	int rc = 0;

	if (folder == 0 || !tree_name_ok(name, strlen(name)) || tree_is_hidden(folder, name, strlen(name)))
		return 0;
	d = tree_get(p->t, folder, TREE_DIR);
	if (d == NULL)
		return 0;
	if (tree_lookup(p->t, d->fd, name, &node, &st) == 0 && !(p->there && node == p->node)) {
		bool ok = ours != 0 ? node == ours : (st.st_mode & S_IFMT) == (p->e->mode & S_IFMT) && st.st_nlink == 1;

		if (ours == 0 && S_ISDIR(st.st_mode))
			ok = S_ISDIR(p->e->mode);
		if (ok) {
			rc = clear(p);
			if (rc == 0 && renameat2(d->fd, name, p->fd, p->e->name, RENAME_NOREPLACE) != 0)
				rc = -errno;
			if (rc == 0)
				rc = look(p);
		} else {
			rc = ssync_displace(p->y, p->dir, d->fd, name);
		}
	}
	ssync_parent_time(d->fd, p->e->from_mtime_ns);
	tree_put(p->t, d);
	return rc;
}

/* The name is that of a file of ours which is the primary's; p->made if it had to be made */
static int
settle(struct place *p)
{
	const struct sync_entry *e = p->e;
	uint64_t ours = second_node(p->y->s, p->dir, e->node), owner;
	int rc = look(p);

	if (rc == 0 && e->from != 0 && !(ours != 0 && p->there && p->node == ours))
		rc = bring(p, ours);
	if (rc != 0)
		return rc;
	if (ours != 0) {
		p->paired = true;
		if (p->there && p->node == ours)
			return 0;
		rc = clear(p);
		if (rc == 0)
			rc = ssync_place(p->y, p->dir, e->node, ours, p->fd, e->name);
		if (rc == 0)
			return look(p);
		if (rc != -ESTALE && rc != -ENOENT)
			return rc;
		p->paired = false;
		second_unpair(p->y->s, p->dir, e->node);	/* it is not here any more */
		rc = look(p);
		if (rc != 0)
			return rc;
	}
	if (p->there && p->st.st_nlink > 1 && !S_ISDIR(p->st.st_mode)) {
		owner = ssync_owner(&p->y->owners[p->dir], p->node, e->node);
		if (owner != e->node) {
			rc = clear(p);
			if (rc != 0)
				return rc;
		}
	}
	if (p->there && !same_kind(p)) {
		rc = clear(p);
		if (rc != 0)
			return rc;
	}
	if (!p->there)
		rc = make(p);
	if (rc == 0)
		second_pair(p->y->s, p->dir, e->node, p->node);
	return rc;
}

static int
attributes(struct place *p)
{
	char path[TREE_PROC_MAX + RFS_NAME_LEN + 2];
	const struct sync_entry *e = p->e;
	bool file = S_ISREG(e->mode), times = !file && !S_ISDIR(e->mode);
	int rc = 0, fd = p->child;

	if (!sync_same_attr(&p->st, e) || (times && sync_mtime(&p->st) != e->mtime_ns)) {
		if (fd < 0)
			fd = openat(p->fd, e->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		rc = fd < 0 ? -errno : sync_set_attr(fd, &p->st, e, times);
		if (fd >= 0 && fd != p->child)
			close(fd);
	}
	if (rc == 0 && (!p->made || e->xattrs_len > 0 || times)) {	/* what is made may have an ACL of its folder; files and folders are looked at later */
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", p->fd, e->name);
		rc = sync_xattrs_write(path, false, p->y->c->acl, e->xattrs, e->xattrs_len);
	}
	return rc;
}

static void
result(const struct place *p, struct sync_result *r, uint32_t *zones, uint8_t *wire)
{
	struct map *m = p->y->c->maps[p->dir];
	struct sync_out o = { .buf = wire, .size = ZONES_TOLD * 4 };
	int n = 0, i;

	r->flags = (uint8_t)((p->made ? SR_NEW : 0) | (p->paired ? SR_PAIRED : 0));
	r->size = S_ISREG(p->st.st_mode) ? (uint64_t)p->st.st_size : 0;
	r->mtime_ns = sync_mtime(&p->st);
	if (p->made || (!S_ISREG(p->st.st_mode) && !S_ISDIR(p->st.st_mode)))
		return;
	/* what is made in a folder changes both its times; a rename only one */
	if (rfs_in_gaps(p->y->c->gaps, p->y->c->gaps_count, sync_ctime_ns(&p->st) / 1000000) &&
	    (!S_ISDIR(p->st.st_mode) || sync_ctime_ns(&p->st) != sync_mtime(&p->st)))
		r->flags |= SR_GAP;
	if (m == NULL || (S_ISDIR(p->st.st_mode) && map_blind(m)))
		return;
	n = map_zones(m, p->node, zones, ZONES_TOLD);
	if (n == MAP_ALL) {
		r->flags |= SR_ALL;
		return;
	}
	for (i = 0; i < n; i++)
		out_32(&o, zones[i]);
	r->zones = wire;
	r->zones_count = (uint32_t)n;
}

void
ssync_list(struct ssync *y, int conn, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	uint64_t folder = second_node(y->s, f->dir, f->node);
	struct tree_fd *d = folder != 0 ? tree_get(y->c->trees[f->dir], folder, TREE_DIR) : NULL;
	struct telling *t = ssync_telling(y, f->dir, folder);
	size_t size = SYNC_ENTRIES_MAX * 32 + SYNC_LIST_BYTES;
	uint8_t *buf = malloc(size), *wire = malloc(ZONES_TOLD * 4);
	uint32_t *zones = malloc(ZONES_TOLD * sizeof(*zones));
	struct sync_out o = { .buf = buf, .size = size };
	struct sync_entry e;
	int count = 0, rc = buf != NULL && wire != NULL && zones != NULL ? 0 : -ENOMEM;

	while (rc == 0 && sync_get_entry(&in, &e) && count++ < SYNC_ENTRIES_MAX) {
		struct place p = { .y = y, .t = y->c->trees[f->dir], .dir = f->dir, .fd = d != NULL ? d->fd : -1, .e = &e, .child = -1 };
		struct sync_result r = { .flags = SR_SKIPPED };

		if (!tree_name_ok(e.name, strlen(e.name)) || tree_is_hidden(folder, e.name, strlen(e.name))) {
			in.bad = true;
			break;
		}
		if (t != NULL && !ssync_told(t, e.name, true))
			rc = -ENOMEM;
		if (rc == 0 && d != NULL && (e.flags & SE_KEEP) == 0) {
			rc = settle(&p);
			if (rc == 0)
				result(&p, &r, zones, wire);
			if (rc == 0)
				rc = attributes(&p);
			if (p.child >= 0)
				tree_adopt(p.t, p.node, TREE_WRITE, p.child);
			if ((e.flags & SE_ONE) != 0)
				ssync_parent_time(d->fd, e.parent_mtime_ns);
		}
		if (rc == 0) {
			if (o.size - o.len < (size_t)r.zones_count * 4 + 32 * (SYNC_ENTRIES_MAX - (size_t)count + 1)) {
				r.zones_count = 0;
				r.flags |= SR_ALL;
			}
			sync_put_result(&o, &r);
		} else {
			ssync_error(y, f->dir, e.name, rc);
		}
	}
	if (rc == 0 && (!in_end(&in) || o.bad))
		ssync_bad(y, "a list of names that is not one");
	else if (rc == 0)
		ssync_answer(y, conn, SY_LISTED, f->dir, f->node, f->aux, o.buf, o.len);
	tree_put(y->c->trees[f->dir], d);
	free(buf);
	free(wire);
	free(zones);
}
