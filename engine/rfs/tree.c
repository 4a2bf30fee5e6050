/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.c: files by node, over open_by_handle_at, and a bounded cache of their descriptors.
 *
 * Owns: a private clone of the folder's mount (tree.h), its root, the hidden folders, the cache (in shards: one lock each, held for a few instructions).
 * Called by: any thread.  Never does: look at what is in a file.
 */
#include "config.h"
#include "rfs/tree.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARDS		16
#define CHAINS		256		/* of a shard */
#define FDS_MAX		2048		/* descriptors that a tree keeps (ours) */
#define FDS_SPARE	512		/* for sockets, maps and what is at hand (ours) */
#define HANDLE_TYPE	1		/* FILEID_INO32_GEN: inode number, generation */

struct item {
	struct tree_fd	 f;
	unsigned	 refs;
	bool		 dead;		/* out of its chain: closed with the last reference */
	struct item	*next;		/* of the chain */
	struct item	*older, *newer;	/* while nobody holds it */
};

struct shard {
	pthread_mutex_t	 lock;
	struct item	*chain[CHAINS];
	struct item	*oldest, *newest;
	int		 count;
};

struct tree {
	char		*path;
	int		 mount;		/* the clone; it lives as long as this descriptor */
	int		 root;
	int		 mount_id;
	int		 hidden[3];
	int		 fds_max;	/* of a shard */
	struct shard	 shards[SHARDS];
};

static const char *const hidden_names[3] = { "orphan", "limbo", "tmp" };

struct handle { struct file_handle h; uint32_t ino, gen; };	/* f_handle's bytes follow the head */

static uint64_t
node_of(const struct handle *h)
{
	return (uint64_t)h->gen << 32 | h->ino;
}

/* Node of a name, or of the descriptor itself (name ""); -errno */
static int
name_to_node(const struct tree *t, int dirfd, const char *name, uint64_t *node)
{
	struct handle h = { .h.handle_bytes = 8 };
	int id;

	if (name_to_handle_at(dirfd, name, &h.h, &id, *name == '\0' ? AT_EMPTY_PATH : 0) == -1)	/* longer handles, or none: not of our file system */
		return errno == EOVERFLOW || errno == EOPNOTSUPP ? -EXDEV : -errno;
	if (id != t->mount_id)
		return -EXDEV;
	if (h.h.handle_type != HANDLE_TYPE || h.h.handle_bytes != 8)
		return -EOVERFLOW;
	*node = node_of(&h);
	return 0;
}

int
tree_node_of(struct tree *t, int fd, uint64_t *node)
{
	return name_to_node(t, fd, "", node);
}

static int
open_node(const struct tree *t, uint64_t node, int how)
{
	static const int flags[] = { [TREE_DIR] = O_RDONLY | O_DIRECTORY, [TREE_READ] = O_RDONLY | O_NONBLOCK, [TREE_WRITE] = O_RDWR | O_NONBLOCK,
		[TREE_PATH] = O_PATH };
	struct handle h = { .h = { .handle_bytes = 8, .handle_type = HANDLE_TYPE }, .ino = (uint32_t)node, .gen = (uint32_t)(node >> 32) };

	if (node == RFS_ROOT)
		return openat(t->root, ".", flags[how] | O_CLOEXEC);
	return open_by_handle_at(t->root, &h.h, flags[how] | O_CLOEXEC | O_NOFOLLOW);
}

/* ---- the cache ---- */

static uint64_t
mix(uint64_t node)
{
	node *= UINT64_C(0x9e3779b97f4a7c15);
	return node ^ node >> 29;
}

static struct shard *
shard_of(struct tree *t, uint64_t node)
{
	return &t->shards[mix(node) % SHARDS];
}

static struct item **
chain_of(struct shard *s, uint64_t node)
{
	return &s->chain[(mix(node) >> 8) % CHAINS];
}

/* into (held false) and out of the order of those that nobody holds */
static void
rest(struct shard *s, struct item *i)
{
	i->newer = NULL;
	i->older = s->newest;
	*(s->newest != NULL ? &s->newest->newer : &s->oldest) = i;
	s->newest = i;
}

static void
wake(struct shard *s, struct item *i)
{
	*(i->older != NULL ? &i->older->newer : &s->oldest) = i->newer;
	*(i->newer != NULL ? &i->newer->older : &s->newest) = i->older;
}

static void
unchain(struct shard *s, struct item *i)
{
	struct item **p = chain_of(s, i->f.node);

	while (*p != i)
		p = &(*p)->next;
	*p = i->next;
	s->count--;
}

static struct item *
find(struct shard *s, uint64_t node, int how)
{
	struct item *i;

	for (i = *chain_of(s, node); i != NULL; i = i->next)
		if (i->f.node == node && (i->f.how == how || how == -1 || (how == TREE_READ && i->f.how == TREE_WRITE) ||
		    (how == TREE_PATH)))
			return i;
	return NULL;
}

static struct tree_fd *
hold(struct shard *s, struct item *i)
{
	if (i->refs++ == 0)
		wake(s, i);
	return &i->f;
}

/* Takes fd.  Another thread may have been faster: then its one is held.  NULL: no memory, fd is closed */
static struct item *
insert(struct tree *t, uint64_t node, int how, int fd, bool held)
{
	struct shard *s = shard_of(t, node);
	struct item *i = calloc(1, sizeof(*i)), *is, *old = NULL;
	int spare = -1;

	if (i == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	i->f = (struct tree_fd){ .fd = fd, .node = node, .how = how };
	pthread_mutex_lock(&s->lock);
	is = find(s, node, how);
	if (is != NULL) {
		spare = fd;
		old = i;
		i = is;
	} else {
		struct item **c = chain_of(s, node);

		i->next = *c;
		*c = i;
		rest(s, i);
		if (++s->count > t->fds_max && s->oldest != i) {
			old = s->oldest;
			wake(s, old);
			unchain(s, old);
			spare = old->f.fd;
		}
	}
	if (held)
		hold(s, i);
	pthread_mutex_unlock(&s->lock);
	if (spare != -1)
		close(spare);
	free(old);
	return i;
}

struct tree_fd *
tree_get(struct tree *t, uint64_t node, enum tree_how how)
{
	struct shard *s = shard_of(t, node);
	struct tree_fd *f = NULL;
	struct item *i;
	int fd;

	pthread_mutex_lock(&s->lock);
	i = find(s, node, (int)how);
	if (i != NULL)
		f = hold(s, i);
	pthread_mutex_unlock(&s->lock);
	if (f != NULL)
		return f;
	fd = open_node(t, node, (int)how);
	if (fd == -1)
		return NULL;
	i = insert(t, node, (int)how, fd, true);
	return i != NULL ? &i->f : NULL;
}

struct tree_fd *
tree_any(struct tree *t, uint64_t node)
{
	return tree_get(t, node, TREE_PATH);	/* find() takes any for that */
}

void
tree_adopt(struct tree *t, uint64_t node, enum tree_how how, int fd)
{
	insert(t, node, (int)how, fd, false);
}

void
tree_put(struct tree *t, struct tree_fd *f)
{
	struct item *i = (struct item *)f, *old = NULL;
	struct shard *s;

	if (f == NULL)
		return;
	s = shard_of(t, f->node);
	pthread_mutex_lock(&s->lock);
	if (--i->refs == 0) {
		if (i->dead) {
			old = i;
		} else {
			rest(s, i);
			if (s->count > t->fds_max) {
				old = s->oldest;
				wake(s, old);
				unchain(s, old);
			}
		}
	}
	pthread_mutex_unlock(&s->lock);
	if (old != NULL) {
		close(old->f.fd);
		free(old);
	}
}

void
tree_forget(struct tree *t, uint64_t node)
{
	struct shard *s = shard_of(t, node);
	struct item *gone = NULL, *i;

	pthread_mutex_lock(&s->lock);
	while ((i = find(s, node, -1)) != NULL) {
		unchain(s, i);
		if (i->refs > 0) {
			i->dead = true;
			continue;
		}
		wake(s, i);
		i->next = gone;
		gone = i;
	}
	pthread_mutex_unlock(&s->lock);
	while (gone != NULL) {
		i = gone;
		gone = i->next;
		close(i->f.fd);
		free(i);
	}
}

/* ---- names ---- */

int
tree_lookup(struct tree *t, int dirfd, const char *name, uint64_t *node, struct stat *st)
{
	int tries, rc;

	for (tries = 0; tries < 8; tries++) {
		rc = name_to_node(t, dirfd, name, node);
		if (rc != 0 || st == NULL)
			return rc;
		if (fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW) == -1)
			return -errno;
		if (st->st_ino == (uint32_t)*node)
			return 0;	/* both of the same file: the name did not change its meaning in between */
	}
	return -EBUSY;
}

int
tree_stat(struct tree *t, uint64_t node, struct stat *st)
{
	struct tree_fd *f = tree_any(t, node);
	int rc;

	if (f == NULL)
		return -errno;
	rc = fstat(f->fd, st) == -1 ? -errno : 0;
	tree_put(t, f);
	return rc;
}

bool
tree_name_ok(const char *name, size_t len)
{
	if (len < 1 || len > RFS_NAME_LEN || memchr(name, '/', len) != NULL || memchr(name, '\0', len) != NULL)
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

bool
tree_is_hidden(uint64_t parent, const char *name, size_t len)
{
	return parent == RFS_ROOT && len == sizeof(RFS_HIDDEN) - 1 && memcmp(name, RFS_HIDDEN, len) == 0;
}

const char *
tree_proc(int fd, char buf[TREE_PROC_MAX])
{
	snprintf(buf, TREE_PROC_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

int
tree_rel(struct tree *t, int dirfd, char *buf, size_t size)
{
	char proc[TREE_PROC_MAX];
	ssize_t n = readlink(tree_proc(dirfd, proc), buf, size);

	if (n == -1)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	if (n < 1 || buf[0] != '/')
		return -ESTALE;
	buf[n] = '\0';
	memmove(buf, buf + 1, (size_t)n);
	return 0;
}

const char *
tree_path(const struct tree *t)
{
	return t->path;
}

int
tree_hidden(const struct tree *t, const char *which)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(hidden_names); i++)
		if (strcmp(which, hidden_names[i]) == 0)
			return t->hidden[i];
	return -1;
}

void
tree_orphan_name(uint64_t node, char buf[TREE_ORPHAN_MAX])
{
	snprintf(buf, TREE_ORPHAN_MAX, "%016" PRIx64, node);
}

void
tree_sweep(struct tree *t)
{
	int fd = openat(t->hidden[0], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(t->hidden[0], e->d_name, 0);
	closedir(d);
}

/* ---- open, close ---- */

/* A mount of its own for this process: of the folder and what is mounted below */
static bool
clone_mount(struct tree *t, char *err, size_t errsize)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME,
		.attr_clr = MOUNT_ATTR__ATIME, .propagation = MS_PRIVATE };

	t->mount = open_tree(AT_FDCWD, t->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
	if (t->mount == -1) {
		snprintf(err, errsize, "%s: %s", t->path, strerror(errno));
		return false;
	}
	if (mount_setattr(t->mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) == -1) {
		snprintf(err, errsize, "%s: mount attributes: %s", t->path, strerror(errno));
		return false;
	}
	t->root = openat(t->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->root == -1) {
		snprintf(err, errsize, "%s: %s", t->path, strerror(errno));
		return false;
	}
	return true;
}

/* Does its file system have handles that fit into a node, and may we open by them? */
static bool
try_handles(struct tree *t, char *err, size_t errsize)
{
	struct handle h = { .h.handle_bytes = 8 };
	int fd;

	if (name_to_handle_at(t->root, "", &h.h, &t->mount_id, AT_EMPTY_PATH) == -1 && errno != EOVERFLOW) {
		snprintf(err, errsize, "%s: file handles: %s (a file system such as ext4 is needed)", t->path, strerror(errno));
		return false;
	}
	if (h.h.handle_bytes != 8 || h.h.handle_type != HANDLE_TYPE) {
		snprintf(err, errsize, "%s: the file system's handles have %u bytes, type %d, not 8 of type 1 (ext4 is needed)", t->path, h.h.handle_bytes,
			h.h.handle_type);
		return false;
	}
	fd = open_by_handle_at(t->root, &h.h, O_PATH | O_CLOEXEC);
	if (fd == -1) {
		snprintf(err, errsize, "%s: open by handle: %s", t->path, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static int
make_folder(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == -1 && errno != EEXIST)
		return -1;
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool
make_hidden(struct tree *t, char *err, size_t errsize)
{
	int fd = make_folder(t->root, RFS_HIDDEN);
	size_t i;

	for (i = 0; fd != -1 && i < ARRAY_LEN(hidden_names); i++) {
		t->hidden[i] = make_folder(fd, hidden_names[i]);
		if (t->hidden[i] == -1)
			break;
	}
	if (fd == -1 || i < ARRAY_LEN(hidden_names))
		snprintf(err, errsize, "%s/%s: %s", t->path, RFS_HIDDEN, strerror(errno));
	if (fd != -1)
		close(fd);
	return fd != -1 && i == ARRAY_LEN(hidden_names);
}

/* How many descriptors may be kept: the limit is raised as far as it goes */
static int
room(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1)
		return 64;
	if (l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
		getrlimit(RLIMIT_NOFILE, &l);
	}
	if (l.rlim_cur >= (rlim_t)FDS_MAX * RFS_DIRS_MAX + FDS_SPARE)
		return FDS_MAX;
	return l.rlim_cur > FDS_SPARE + 64 * RFS_DIRS_MAX ? (int)(l.rlim_cur - FDS_SPARE) / RFS_DIRS_MAX : 64;
}

struct tree *
tree_open(const char *backing, char *err, size_t errsize)
{
	struct tree *t = calloc(1, sizeof(*t));
	size_t i;

	if (t == NULL || (t->path = strdup(backing)) == NULL) {
		free(t);
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	t->mount = t->root = t->hidden[0] = t->hidden[1] = t->hidden[2] = -1;
	t->fds_max = room() / SHARDS;
	for (i = 0; i < SHARDS; i++)
		pthread_mutex_init(&t->shards[i].lock, NULL);
	if (!clone_mount(t, err, errsize) || !try_handles(t, err, errsize) || !make_hidden(t, err, errsize)) {
		tree_close(t);
		return NULL;
	}
	return t;
}

void
tree_close(struct tree *t)
{
	struct item *i, *next;
	size_t s, c;

	if (t == NULL)
		return;
	for (s = 0; s < SHARDS; s++) {
		for (c = 0; c < CHAINS; c++)
			for (i = t->shards[s].chain[c]; i != NULL; i = next) {
				next = i->next;
				close(i->f.fd);
				free(i);
			}
		pthread_mutex_destroy(&t->shards[s].lock);
	}
	for (s = 0; s < ARRAY_LEN(t->hidden); s++)
		if (t->hidden[s] != -1)
			close(t->hidden[s]);
	if (t->root != -1)
		close(t->root);
	if (t->mount != -1)
		close(t->mount);
	free(t->path);
	free(t);
}
