/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.h: one backing folder: files by node, and their open descriptors.
 *
 * Owns: the descriptor of the root, a bounded cache of descriptors by node.  Called by: any thread of a worker.  Never leaves the folder: names
 * are single components, nodes are file handles of this mount only, and what a peer sends is checked by its caller with tree_name_ok().
 * The folder is seen through a private clone of its mount (nodev, nosuid, noexec, noatime): a device file that is opened by mistake or malice is
 * no device, paths of /proc/self/fd begin at the folder, and what is mounted inside is another mount, which is refused (EXDEV).  Who renames or links
 * does it with descriptors of this tree on both sides: to the kernel the folder's own path is another mount (EXDEV).
 */
#ifndef SK_RFS_TREE_H
#define SK_RFS_TREE_H

#include "rfs/rfs.h"
#include <sys/stat.h>

struct tree;
/* backing: the folder (dir + mountoversuffix).  NULL with the reason: no such folder, file handles that do not fit (expected ext4), no
 * right to open by handle.  Makes RFS_HIDDEN and its folders. */
struct tree *tree_open(const char *backing, char *err, size_t errsize);
void tree_close(struct tree *t);
const char *tree_path(const struct tree *t);
int tree_hidden(const struct tree *t, const char *which);	/* descriptor of RFS_HIDDEN/which (orphan, limbo, tmp), the tree's */

enum tree_how { TREE_DIR /* O_RDONLY|O_DIRECTORY */, TREE_READ /* O_RDONLY; or one of TREE_WRITE */, TREE_WRITE /* O_RDWR */, TREE_PATH /* O_PATH: any type */ };
struct tree_fd { int fd; uint64_t node; int how; };	/* members besides are private to tree.c: it is embedded there */
/* A descriptor of the node, from the cache or opened; NULL with errno (ESTALE: no such file any more).  Balanced by tree_put(). */
struct tree_fd *tree_get(struct tree *t, uint64_t node, enum tree_how how);
void tree_put(struct tree *t, struct tree_fd *f);
void tree_forget(struct tree *t, uint64_t node);	/* close what is cached of it: it was deleted */
struct tree_fd *tree_any(struct tree *t, uint64_t node);	/* whatever is cached, else TREE_PATH */
/* fd of a node that was just made becomes one of the cache: taken, closed where there is no room */
void tree_adopt(struct tree *t, uint64_t node, enum tree_how how, int fd);
int tree_node_of(struct tree *t, int fd, uint64_t *node);	/* of an open descriptor; -errno */
/* path relative to the tree of an open folder, "" the root; -errno */
int tree_rel(struct tree *t, int dirfd, char *buf, size_t size);
/* /proc/self/fd/N: for calls that take no O_PATH descriptor */
#define TREE_PROC_MAX	32
const char *tree_proc(int fd, char buf[TREE_PROC_MAX]);
#define TREE_ORPHAN_MAX	20
void tree_orphan_name(uint64_t node, char buf[TREE_ORPHAN_MAX]);	/* below RFS_HIDDEN/orphan */
void tree_sweep(struct tree *t);	/* deletes the orphans of a former term; on a primary serve_start() does that */
/* node and attributes of a name in an open folder, not following links; -errno.  st may be NULL. */
int tree_lookup(struct tree *t, int dirfd, const char *name, uint64_t *node, struct stat *st);
int tree_stat(struct tree *t, uint64_t node, struct stat *st);	/* -errno */
bool tree_name_ok(const char *name, size_t len);	/* one component: 1..255 bytes, no / and no NUL, not . or .. */
bool tree_is_hidden(uint64_t parent, const char *name, size_t len);	/* RFS_HIDDEN in the root */

#endif
