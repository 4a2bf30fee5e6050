/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.h: one backing folder: files by node, and their open descriptors.
 *
 * Owns: the descriptor of the root, a bounded cache of descriptors by node.  Called by: any thread of a worker.  Never leaves the folder: names
 * are single components, nodes are file handles of this mount only, and what a peer sends is checked by its caller with tree_name_ok().
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

enum tree_how { TREE_DIR /* O_RDONLY|O_DIRECTORY */, TREE_READ /* O_RDONLY|O_NOATIME */, TREE_WRITE /* O_RDWR|O_NOATIME */, TREE_PATH /* O_PATH: any type */ };
struct tree_fd { int fd; uint64_t node; int how; };	/* members besides are private to tree.c: it is embedded there */
/* A descriptor of the node, from the cache or opened; NULL with errno (ESTALE: no such file any more).  Balanced by tree_put(). */
struct tree_fd *tree_get(struct tree *t, uint64_t node, enum tree_how how);
void tree_put(struct tree *t, struct tree_fd *f);
void tree_forget(struct tree *t, uint64_t node);	/* close what is cached of it: it was deleted */
/* node and attributes of a name in an open folder, not following links; -errno.  st may be NULL. */
int tree_lookup(struct tree *t, int dirfd, const char *name, uint64_t *node, struct stat *st);
int tree_stat(struct tree *t, uint64_t node, struct stat *st);	/* -errno */
bool tree_name_ok(const char *name, size_t len);	/* one component: 1..255 bytes, no / and no NUL, not . or .. */
bool tree_is_hidden(uint64_t parent, const char *name, size_t len);	/* RFS_HIDDEN in the root */

#endif
