/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve_init.c: the first words between the kernel and a new mount: INIT, which the keeper answers, as a worker that is killed in its midst would leave the
 * mount without an end; and one OPEN each of a folder and of a file, so that the kernel learns that there is nothing to open or to release.
 */
#include "config.h"
#include "rfs/apart.h"
#include "rfs/serve.h"

#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER		(RFS_DATA_MAX + 65536)
#define PATIENCE_MS	10000			/* of a kernel that asks for nothing (ours) */
#define PROBE		".safekit_rfs_open"	/* a file that is there for one instant */
#define PROBE_NODE	UINT64_C(0xffffffffffffffff)
#define BACKGROUND	64			/* writes and reads ahead that the kernel has under way (ours) */

/* What we want of it, where it can: the cache writes back; changes of the cache's pages are the kernel's alone, so nothing is invalidated by itself; locks
 * are its own (not asked for); umask and ACLs are applied by the folder behind; setuid bits are taken away by us, in the same change. */
#define WANTED (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_WRITEBACK_CACHE | \
	FUSE_PARALLEL_DIROPS | FUSE_POSIX_ACL | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS | FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT)
#define NEEDED (FUSE_WRITEBACK_CACHE | FUSE_DONT_MASK | FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_SETXATTR_EXT)

static int
answer(int fd, uint64_t unique, int err, const void *body, size_t len)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + (err == 0 ? len : 0)), .error = -err, .unique = unique };
	struct iovec v[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)body, len } };

	return writev(fd, v, err == 0 && len > 0 ? 2 : 1) == -1 ? -errno : 0;
}

static ssize_t
request(int fd, void *buf)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int rc;

	do {
		rc = poll(&p, 1, PATIENCE_MS);
		if (rc == 0)
			return -ETIMEDOUT;
		n = rc == -1 ? -1 : read(fd, buf, BUFFER);
	} while (n == -1 && (errno == EINTR || errno == ENOENT || errno == EAGAIN));
	return n == -1 ? -errno : n;
}

static int
first_words(int fd, uint8_t *buf)
{
	const struct fuse_in_header *h = (const void *)buf;
	const struct fuse_init_in *in = (const void *)(h + 1);
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION };
	ssize_t n = request(fd, buf);

	if (n < 0)
		return (int)n;
	if (h->opcode != FUSE_INIT || in->major != FUSE_KERNEL_VERSION || in->minor < 31 || (in->flags & NEEDED) != NEEDED) {
		answer(fd, h->unique, EPROTO, NULL, 0);
		return -EPROTO;
	}
	if (in->minor < out.minor)
		out.minor = in->minor;
	out.flags = in->flags & WANTED;
	out.max_readahead = in->max_readahead < RFS_DATA_MAX ? in->max_readahead : RFS_DATA_MAX;
	out.max_background = BACKGROUND;
	out.congestion_threshold = BACKGROUND * 3 / 4;
	out.max_write = RFS_DATA_MAX;
	out.max_pages = RFS_DATA_MAX / 4096;
	out.time_gran = 1;
	return answer(fd, h->unique, 0, &out, sizeof(out));
}

/* ---- OPEN ---- */

/* In a process of its own (apart.h) */
static int
open_both(const char *mounted)
{
	int fd = open(mounted, O_RDONLY | O_DIRECTORY | O_CLOEXEC), file;

	if (fd == -1)
		return errno;
	file = openat(fd, PROBE, O_RDONLY | O_CLOEXEC);
	if (file != -1)
		close(file);
	close(fd);
	return 0;
}

/* A tree with nothing in it but that file; nothing of what is said here is kept by the kernel */
static void
pretend(int fd, const struct fuse_in_header *h)
{
	struct fuse_attr attr = { .ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096 };
	struct fuse_entry_out e = { .nodeid = PROBE_NODE };
	struct fuse_attr_out a = { 0 };

	if (h->nodeid == PROBE_NODE || h->opcode == FUSE_LOOKUP)
		attr = (struct fuse_attr){ .ino = 2, .mode = S_IFREG | 0400, .nlink = 1, .blksize = 4096 };
	a.attr = e.attr = attr;
	switch (h->opcode) {
	case FUSE_LOOKUP:
		answer(fd, h->unique, strcmp((const char *)(h + 1), PROBE) == 0 ? 0 : ENOENT, &e, sizeof(e));
		return;
	case FUSE_GETATTR:
		answer(fd, h->unique, 0, &a, sizeof(a));
		return;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
	case FUSE_FLUSH:
		answer(fd, h->unique, ENOSYS, NULL, 0);
		return;
	case FUSE_GETXATTR:
		answer(fd, h->unique, ENODATA, NULL, 0);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		answer(fd, h->unique, EAGAIN, NULL, 0);
	}
}

static int
teach_open(int fd, const char *mounted, uint8_t *buf)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	pid_t opener = apart_start(open_both, mounted);
	bool dead = false;
	ssize_t n;

	if (opener == -1)
		return -errno;
	while (!dead && apart_poll(opener) == -1) {
		if (poll(&p, 1, 1) <= 0 || (p.revents & POLLIN) == 0)
			continue;
		n = request(fd, buf);
		if (n < 0) {
			dead = n == -ENODEV;
			continue;
		}
		pretend(fd, (const void *)buf);
	}
	if (dead)
		apart_end(opener);
	return 0;
}

int
serve_init(int fuse_fd, const char *mounted)
{
	uint8_t *buf = malloc(BUFFER);
	int rc = buf != NULL ? first_words(fuse_fd, buf) : -ENOMEM;

	if (rc == 0 && mounted != NULL)
		rc = teach_open(fuse_fd, mounted, buf);
	free(buf);
	return rc;
}
