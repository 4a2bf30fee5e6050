/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apart.h: calls into a mount of our own, made by a process that holds nothing of it.
 *
 * Who holds /dev/fuse must never wait for an answer of its own mount: a call whose request a killed worker had read cannot be interrupted, so its
 * process would never end, /dev/fuse would never be closed, and the kernel would never give up the mount: everybody who uses it hangs for
 * ever.  Called by: the keeper, from threads that may wait.
 */
#ifndef SK_RFS_APART_H
#define SK_RFS_APART_H

#include <sys/types.h>

/* In a child with no descriptor but its own; only what is safe after fork() may be called in fn.  fn's value is the exit status, an errno or 0. */
pid_t apart_start(int (*fn)(const char *path), const char *path);	/* -1 with errno */
int apart_end(pid_t pid);		/* waits: fn's value, EIO when it was killed */
int apart_poll(pid_t pid);		/* as apart_end(), -1 while it runs */
int apart(int (*fn)(const char *path), const char *path);	/* both; errno of fork as its value */

int apart_sync(const char *path);	/* fn: syncfs of the mount */
int apart_look(const char *path);	/* fn: statvfs */

#endif
