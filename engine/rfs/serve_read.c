/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve_read.c: requests that change nothing: names, attributes, data, folders, extended attributes; and how the kernel calls a file.
 *
 * The kernel's nodeid is the tree's node, but for a file that is not replicated: that one has PRIVATE_BIT set (the highest bit of the inode number, which is
 * 0 up to 2^31 inodes; a file system with more is refused where names are not replicated).  So what a node is does not have to be remembered anywhere.
 */
#include "config.h"
#include "rfs/serve_impl.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READDIR_LOCKS 64		/* the offset of an open folder is one for all (ours) */
static pthread_mutex_t readdir_locks[READDIR_LOCKS] = { [0 ... READDIR_LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER };

/* ---- how files are called ---- */

static bool
some_private(const struct serve *s, int dir)
{
	return s->conf.matches[dir] != NULL && match_any(s->conf.matches[dir]);
}

bool
serve_nodeid_private(const struct serve *s, int dir, uint64_t nodeid)
{
	return (nodeid & PRIVATE_BIT) != 0 && some_private(s, dir);
}

uint64_t
serve_node(const struct serve *s, int dir, uint64_t nodeid)
{
	return some_private(s, dir) ? nodeid & ~PRIVATE_BIT : nodeid;
}

bool
serve_is_private(const struct serve *s, int dir, int dirfd, bool parent_private, const char *name, bool folder)
{
	char rel[PATH_MAX + RFS_NAME_LEN + 2];
	size_t n;

	if (!some_private(s, dir))
		return false;
	if (parent_private)
		return true;
	if (tree_rel(s->conf.trees[dir], dirfd, rel, PATH_MAX) != 0)
		return false;
	n = strlen(rel);
	snprintf(rel + n, sizeof(rel) - n, "%s%s", n > 0 ? "/" : "", name);
	return match_private(s->conf.matches[dir], rel, folder);
}

static uint32_t
to_rdev(dev_t d)
{
	return (minor(d) & 0xff) | major(d) << 8 | (minor(d) & ~0xffu) << 12;
}

void
serve_attr(struct serve *s, int dir, uint64_t node, const struct stat *st, struct fuse_attr *a)
{
	*a = (struct fuse_attr){
		.ino = st->st_ino, .size = (uint64_t)st->st_size, .blocks = (uint64_t)st->st_blocks, .mode = st->st_mode, .nlink = (uint32_t)st->st_nlink,
		.atime = (uint64_t)st->st_atim.tv_sec, .mtime = (uint64_t)st->st_mtim.tv_sec, .ctime = (uint64_t)st->st_ctim.tv_sec,
		.atimensec = (uint32_t)st->st_atim.tv_nsec, .mtimensec = (uint32_t)st->st_mtim.tv_nsec, .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
		.uid = st->st_uid, .gid = st->st_gid, .rdev = to_rdev(st->st_rdev), .blksize = (uint32_t)st->st_blksize,
	};
	if (!S_ISDIR(st->st_mode) && st->st_nlink == 1 && orphans_has(s, dir, node))
		a->nlink = 0;
	if (node == RFS_ROOT && st->st_nlink > 2)
		a->nlink--;	/* RFS_HIDDEN */
}

int
serve_entry(struct serve *s, int dir, uint64_t node, bool private, const struct stat *st, struct fuse_entry_out *e)
{
	memset(e, 0, sizeof(*e));
	if (some_private(s, dir)) {
		if ((node & PRIVATE_BIT) != 0)
			return EOVERFLOW;
		node |= private ? PRIVATE_BIT : 0;
	}
	e->nodeid = node;
	e->entry_valid = e->attr_valid = VALID_S;
	serve_attr(s, dir, node & ~(private ? PRIVATE_BIT : 0), st, &e->attr);
	return 0;
}

/* ---- requests ---- */

struct request {
	struct serve	*s;
	struct slot	*z;
	struct tree	*t;
	uint64_t	 node;
	const void	*arg;
	uint8_t		*data;		/* for the answer: RFS_DATA_MAX bytes */
};

static void
reply_err(struct request *q, int err)
{
	serve_reply(q->s, q->z, err, NULL, 0);
}

static void
read_lookup(struct request *q)
{
	uint64_t id = slot_head(q->z)->nodeid, node;
	struct fuse_entry_out e = { .entry_valid = VALID_S };	/* nodeid 0: there is none, and that stays so */
	const char *name = q->arg;
	struct tree_fd *dir;
	struct stat st;
	bool private;
	int err;

	if (tree_is_hidden(q->node, name, strlen(name))) {
		serve_reply(q->s, q->z, 0, &e, sizeof(e));
		return;
	}
	dir = tree_get(q->t, q->node, TREE_DIR);
	if (dir == NULL) {
		reply_err(q, errno);
		return;
	}
	err = -tree_lookup(q->t, dir->fd, name, &node, &st);
	if (err == 0) {
		private = serve_is_private(q->s, q->z->dir, dir->fd, serve_nodeid_private(q->s, q->z->dir, id), name, S_ISDIR(st.st_mode));
		err = serve_entry(q->s, q->z->dir, node, private, &st, &e);
	} else if (err == ENOENT) {
		err = 0;
	}
	tree_put(q->t, dir);
	serve_reply(q->s, q->z, err, &e, sizeof(e));
}

static void
read_getattr(struct request *q)
{
	struct fuse_attr_out a = { .attr_valid = VALID_S };
	struct stat st;
	int err = -tree_stat(q->t, q->node, &st);

	if (err == 0)
		serve_attr(q->s, q->z->dir, q->node, &st, &a.attr);
	else if (err == ESTALE && dead_get(q->s, q->z->dir, q->node, &a.attr))
		err = 0;
	serve_reply(q->s, q->z, err, &a, sizeof(a));
}

static void
read_readlink(struct request *q)
{
	struct tree_fd *f = tree_any(q->t, q->node);
	ssize_t n = f != NULL ? readlinkat(f->fd, "", (char *)q->data, PATH_MAX) : -1;
	int err = errno;

	tree_put(q->t, f);
	if (n == -1)
		reply_err(q, err);
	else
		serve_reply_data(q->s, q->z, (size_t)n);
}

static void
read_data(struct request *q)
{
	const struct fuse_read_in *in = q->arg;
	struct tree_fd *f = tree_get(q->t, q->node, TREE_READ);
	size_t size = in->size < RFS_DATA_MAX ? in->size : RFS_DATA_MAX, done = 0;
	ssize_t n = 1;
	int err = errno;

	while (f != NULL && done < size && n > 0) {
		n = pread(f->fd, q->data + done, size - done, (off_t)(in->offset + done));
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n > 0)
			done += (size_t)n;
		else if (n == -1)
			err = errno;
	}
	tree_put(q->t, f);
	if (f == NULL || (n == -1 && done == 0))
		reply_err(q, err);
	else
		serve_reply_data(q->s, q->z, done);
}

static void
read_statfs(struct request *q)
{
	struct fuse_statfs_out out = { 0 };
	struct tree_fd *f = tree_get(q->t, RFS_ROOT, TREE_DIR);
	struct statvfs v;
	int err = 0;

	if (f == NULL || fstatvfs(f->fd, &v) == -1)
		err = errno;
	else
		out.st = (struct fuse_kstatfs){ .blocks = v.f_blocks, .bfree = v.f_bfree, .bavail = v.f_bavail, .files = v.f_files, .ffree = v.f_ffree,
			.bsize = (uint32_t)v.f_bsize, .namelen = (uint32_t)v.f_namemax, .frsize = (uint32_t)v.f_frsize };
	tree_put(q->t, f);
	serve_reply(q->s, q->z, err, &out, sizeof(out));
}

static void
read_lseek(struct request *q)
{
	const struct fuse_lseek_in *in = q->arg;
	struct tree_fd *f = tree_get(q->t, q->node, TREE_READ);
	struct fuse_lseek_out out = { 0 };
	off_t at = -1;
	int err;

	if (f != NULL)
		at = lseek(f->fd, (off_t)in->offset, (int)in->whence);
	err = at == -1 ? errno : 0;
	out.offset = (uint64_t)at;
	tree_put(q->t, f);
	serve_reply(q->s, q->z, err, &out, sizeof(out));
}

/* One value, or the list of names where name is NULL */
static void
read_xattr(struct request *q, const char *name, size_t size)
{
	struct fuse_getxattr_out out = { 0 };
	struct tree_fd *f = tree_any(q->t, q->node);
	char proc[TREE_PROC_MAX];
	ssize_t n = -1;
	int err = errno;

	if (size > XATTR_SIZE_MAX)
		size = XATTR_SIZE_MAX;
	if (f != NULL) {
		tree_proc(f->fd, proc);
		n = name != NULL ? getxattr(proc, name, q->data, size) : listxattr(proc, (char *)q->data, size);
		err = errno;
		tree_put(q->t, f);
	}
	out.size = (uint32_t)n;
	if (n == -1)
		reply_err(q, err);
	else if (size == 0)
		serve_reply(q->s, q->z, 0, &out, sizeof(out));
	else
		serve_reply_data(q->s, q->z, (size_t)n);
}

static void
read_getxattr(struct request *q)
{
	const struct fuse_getxattr_in *in = q->arg;

	read_xattr(q, (const char *)(in + 1), in->size);
}

static void
read_listxattr(struct request *q)
{
	read_xattr(q, NULL, ((const struct fuse_getxattr_in *)q->arg)->size);
}

/* ---- folders ---- */

struct raw { uint64_t ino; int64_t off; uint16_t len; uint8_t type; char name[]; };	/* getdents64() */

/* One entry of the folder at to, which has room bytes; 0: does not fit */
static size_t
put_entry(const struct raw *d, void *to, size_t room)
{
	struct fuse_dirent *e = to;
	size_t n = strlen(d->name), len = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + n);

	if (len > room)
		return 0;
	memset((uint8_t *)to + len - 8, 0, 8);	/* what aligns it */
	e->ino = d->ino;
	e->off = (uint64_t)d->off;
	e->namelen = (uint32_t)n;
	e->type = d->type;
	memcpy(e->name, d->name, n);
	return len;
}

static size_t
put_entry_plus(struct request *q, int dirfd, const struct raw *d, void *to, size_t room)
{
	struct fuse_direntplus *p = to;
	uint64_t id = slot_head(q->z)->nodeid, node;
	size_t head = sizeof(p->entry_out), len = room > head ? put_entry(d, (uint8_t *)to + head, room - head) : 0;
	struct stat st;
	bool private;

	if (len == 0)
		return 0;
	memset(&p->entry_out, 0, head);		/* nodeid 0: the kernel asks when it wants to know */
	if (!tree_name_ok(d->name, strlen(d->name)) || tree_lookup(q->t, dirfd, d->name, &node, &st) != 0)
		return head + len;
	private = serve_is_private(q->s, q->z->dir, dirfd, serve_nodeid_private(q->s, q->z->dir, id), d->name, S_ISDIR(st.st_mode));
	if (serve_entry(q->s, q->z->dir, node, private, &st, &p->entry_out) != 0)
		memset(&p->entry_out, 0, head);
	return head + len;
}

static ssize_t
list(struct request *q, int dirfd, const struct fuse_read_in *in, bool plus)
{
	uint8_t raw[32768] __attribute__((aligned(8)));
	size_t size = in->size < RFS_DATA_MAX ? in->size : RFS_DATA_MAX, done = 0, want, len, i;
	const struct raw *d;
	ssize_t n;

	/* the end.  Not only to save a call: ext4 that is read first there finds nothing at the beginning afterwards (6.18, ext4_dx_readdir() returns before
	 * it notes the place that its descriptor's search was made for) */
	if (in->offset == INT64_MAX)
		return 0;
	/* as many as fit: what has been read too much is read again */
	want = plus ? size / 5 : size;
	want = want < 512 ? 512 : want > sizeof(raw) ? sizeof(raw) : want;
	if (lseek(dirfd, (off_t)in->offset, SEEK_SET) == -1)
		return -errno;
	for (;;) {
		n = getdents64(dirfd, raw, want);
		if (n <= 0)
			return n == -1 && done == 0 ? -errno : (ssize_t)done;
		for (i = 0; i < (size_t)n; i += d->len) {
			d = (const struct raw *)(const void *)(raw + i);
			if (tree_is_hidden(q->node, d->name, strlen(d->name)))
				continue;
			len = plus ? put_entry_plus(q, dirfd, d, q->data + done, size - done) : put_entry(d, q->data + done, size - done);
			if (len == 0)
				return done > 0 ? (ssize_t)done : -EINVAL;
			done += len;
		}
		if (size - done < 1024)
			return (ssize_t)done;
		want = plus ? 512 : size - done < 512 ? 512 : size - done < sizeof(raw) ? size - done : sizeof(raw);
	}
}

static void
read_folder(struct request *q, bool plus)
{
	pthread_mutex_t *lock = &readdir_locks[(q->node ^ q->node >> 32) % READDIR_LOCKS];
	struct tree_fd *dir = tree_get(q->t, q->node, TREE_DIR);
	ssize_t n;

	if (dir == NULL) {
		reply_err(q, errno);
		return;
	}
	pthread_mutex_lock(lock);
	n = list(q, dir->fd, q->arg, plus);
	pthread_mutex_unlock(lock);
	tree_put(q->t, dir);
	if (n < 0)
		reply_err(q, (int)-n);
	else
		serve_reply_data(q->s, q->z, (size_t)n);
}

static void
read_readdir(struct request *q)
{
	read_folder(q, false);
}

static void
read_readdirplus(struct request *q)
{
	read_folder(q, true);
}

/* ---- the rest ---- */

static void
read_forget(struct request *q)
{
	orphans_forget(q->s, q->z->dir, q->node);
	slot_head(q->z)->len = 0;		/* no answer */
}

static void
read_batch_forget(struct request *q)
{
	const struct fuse_batch_forget_in *in = q->arg;
	const struct fuse_forget_one *one = (const void *)(in + 1);
	uint32_t i;

	for (i = 0; i < in->count; i++)
		orphans_forget(q->s, q->z->dir, serve_node(q->s, q->z->dir, one[i].nodeid));
	slot_head(q->z)->len = 0;
}

static void
read_interrupt(struct request *q)
{
	slot_head(q->z)->len = 0;		/* what has begun is finished */
}

static void
read_well(struct request *q)
{
	reply_err(q, 0);
}

static void
read_ioctl(struct request *q)
{
	reply_err(q, ENOTTY);
}

typedef void read_fn(struct request *q);
/* What is not here is ENOSYS, which the kernel remembers: OPEN, OPENDIR, FLUSH (nothing to do), ACCESS (default_permissions), COPY_FILE_RANGE (it copies through
 * its cache), STATX, TMPFILE and what is newer */
static read_fn *const table[] = {
	[FUSE_LOOKUP] = read_lookup, [FUSE_GETATTR] = read_getattr, [FUSE_READLINK] = read_readlink, [FUSE_READ] = read_data, [FUSE_STATFS] = read_statfs,
	[FUSE_LSEEK] = read_lseek, [FUSE_GETXATTR] = read_getxattr, [FUSE_LISTXATTR] = read_listxattr, [FUSE_READDIR] = read_readdir,
	[FUSE_READDIRPLUS] = read_readdirplus, [FUSE_FORGET] = read_forget, [FUSE_BATCH_FORGET] = read_batch_forget, [FUSE_INTERRUPT] = read_interrupt,
	[FUSE_RELEASE] = read_well, [FUSE_RELEASEDIR] = read_well, [FUSE_DESTROY] = read_well, [FUSE_IOCTL] = read_ioctl,
};

void
serve_read(struct serve *s, struct slot *z)
{
	const struct fuse_in_header *h = slot_head(z);
	struct request q = { .s = s, .z = z, .t = s->conf.trees[z->dir], .node = serve_node(s, z->dir, h->nodeid), .arg = slot_arg(z),
		.data = z->in + SLOT_DATA };

	if (h->opcode < ARRAY_LEN(table) && table[h->opcode] != NULL)
		table[h->opcode](&q);
	else
		serve_reply(s, z, ENOSYS, NULL, 0);
}
