/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_attr.h: attributes, extended attributes and contents of one file, as both ends of a synchronisation look at them.
 *
 * Called by: psync*.c, ssync*.c.  Never does: send, lock.
 */
#ifndef SK_RFS_SYNC_ATTR_H
#define SK_RFS_SYNC_ATTR_H

#include "rfs/sync_frame.h"

int64_t sync_mtime(const struct stat *st);
int64_t sync_ctime_ns(const struct stat *st);
/* Into a blob of sync_frame.h, sorted; path is of a name (follow false: not through a link at its end) or of /proc/self/fd.  Length or -errno.  acl: also
 * system.posix_acl_* */
int sync_xattrs_read(const char *path, bool follow, bool acl, uint8_t *buf, size_t size);
/* So that there are these and no others; 0 or -errno */
int sync_xattrs_write(const char *path, bool follow, bool acl, const uint8_t *blob, size_t len);
/* all of e but name, node, target and xattrs */
void sync_entry_stat(struct sync_entry *e, const struct stat *st);
/* Owner, mode and, with times, mtime (size: regular files, with times) of the file behind fd (any kind of descriptor), where they differ from have; 0 or -errno */
int sync_set_attr(int fd, const struct stat *have, const struct sync_entry *e, bool times);
bool sync_same_attr(const struct stat *have, const struct sync_entry *e);	/* type, mode, owner, device */
/* Of the bytes there are; what is a hole is not read.  buf has len bytes at least.  0 or -errno */
int sync_hash(int fd, uint64_t off, uint32_t len, uint8_t *buf, uint8_t hash[SYNC_HASH]);

#endif
