/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow_file.c: a file that a syslog daemon writes, through its rotations.
 *
 * The cursor is "INODE OFFSET LENGTH HASH": of the file, and of its first LENGTH bytes, so that a number that the file system gave to another
 * file is not taken for it.  A file that was rotated while nobody followed is found among its siblings (syslog.1 ...) and read to its end
 * before the newer ones; one that was already compressed or removed is told and passed over.  A file cut in place begins again.
 * A file that has another name now is left when something was written to a newer one: until then its writer may still have it open (logrotate
 * makes the new one first and asks the syslog daemon to use it later).  A line counts when its newline is there.
 */
#include "config.h"
#include "notifier/follow.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE	(64 * 1024)
#define HEAD_MAX	256	/* bytes of a file that know it again */
#define LOOK_MS		1000	/* where inotify does not tell (a network file system) */

struct follow {
	char	 path[CONF_PATH_MAX], node[SK_NAME_MAX];
	int	 fd, notify;		/* fd -1: no file yet */
	ino_t	 ino;
	off_t	 offset;		/* behind the last whole line given */
	size_t	 head_len;
	uint64_t head_hash;
	bool	 rotated;		/* the writer went on to a newer file: read this one to its end */
	struct timespec mtime;		/* of fd, when it was seen that it is not the file of that path any more */
	bool	 told;			/* that the file of that path cannot be read */
	char	 buf[BUFFER_SIZE];
	size_t	 fill, at;		/* buf holds the file from offset - at on */
	bool	 skipping;		/* in a line longer than buf */
};

static uint64_t
hash_head(int fd, size_t len)
{
	unsigned char head[HEAD_MAX];
	ssize_t n = pread(fd, head, len, 0), i;
	uint64_t h = 14695981039346656037ULL;	/* FNV-1a */

	for (i = 0; i < n; i++)
		h = (h ^ head[i]) * 1099511628211ULL;
	return n == (ssize_t)len ? h : 0;
}

static void
know_again(struct follow *f)
{
	struct stat st;

	if (f->head_len < HEAD_MAX && fstat(f->fd, &st) == 0 && st.st_size > (off_t)f->head_len) {
		f->head_len = st.st_size < HEAD_MAX ? (size_t)st.st_size : HEAD_MAX;
		f->head_hash = hash_head(f->fd, f->head_len);
	}
}

static void
use_file(struct follow *f, int fd, ino_t ino, off_t offset)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = fd;
	f->ino = ino;
	f->offset = offset;
	f->fill = f->at = f->head_len = 0;
	f->skipping = f->rotated = false;
	know_again(f);
}

static int
open_regular(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd != -1 && (fstat(fd, st) == -1 || !S_ISREG(st->st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static bool
younger(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static bool
is_sibling(const char *name, const char *base)
{
	size_t n = strlen(base), len = strlen(name);

	if (strncmp(name, base, n) != 0 || (name[n] != '.' && name[n] != '-'))
		return false;
	return len < 4 || (strcmp(name + len - 3, ".gz") != 0 && strcmp(name + len - 3, ".xz") != 0 && strcmp(name + len - 4, ".zst") != 0 &&
	    strcmp(name + len - 4, ".bz2") != 0);
}

/* What logrotate appends: numbers and dates.  Not somebody's copy, whose lines were read already. */
static bool
is_rotated_name(const char *name, const char *base)
{
	return name[strlen(base)] != '\0' && strspn(name + strlen(base), "0123456789.-_") == strlen(name + strlen(base));
}

/* The file that a cursor means: 2 = that one, 1 = a copy that logrotate made before it cut that one (copytruncate), 0 = neither */
struct known { ino_t ino; off_t offset; size_t len; uint64_t hash; };

static int
is_known(const struct known *k, int fd, const struct stat *st, bool rotated_name)
{
	if (st->st_size < k->offset || (k->len > 0 && hash_head(fd, k->len) != k->hash))
		return 0;
	return st->st_ino == k->ino ? 2 : k->len > 0 && rotated_name ? 1 : 0;
}

/* Among the files of that folder: the known one, or (known NULL) the oldest rotated one younger than ours that is not empty.  -1: none */
static int
open_sibling(const struct follow *f, const struct known *known, struct stat *best)
{
	char dir[CONF_PATH_MAX], base[CONF_PATH_MAX], name[CONF_PATH_MAX + 260];
	int best_fd = -1, best_rank = 0, rank, fd;
	const char *file;
	const struct dirent *e;
	struct stat st;
	bool rotated;
	DIR *d;

	str_copy(dir, sizeof(dir), f->path);
	str_copy(base, sizeof(base), f->path);
	file = basename(base);
	d = opendir(dirname(dir));
	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		rotated = is_sibling(e->d_name, file) && is_rotated_name(e->d_name, file);
		if (known == NULL ? !rotated : !is_sibling(e->d_name, file) && strcmp(e->d_name, file) != 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", dir, e->d_name);
		fd = open_regular(name, &st);
		if (fd == -1)
			continue;
		if (known != NULL)
			rank = is_known(known, fd, &st, rotated);
		else
			rank = st.st_ino != f->ino && st.st_size > 0 && younger(&st.st_mtim, &f->mtime) && (best_fd == -1 || younger(&best->st_mtim, &st.st_mtim)) ?
			    best_rank + 1 : 0;
		if (rank > best_rank) {
			if (best_fd != -1)
				close(best_fd);
			best_fd = fd;
			best_rank = rank;
			*best = st;
		} else {
			close(fd);
		}
	}
	closedir(d);
	return best_fd;
}

/* Where the cursor says; false when that file is not there any more, or the cursor is not one of files (*ours) */
static bool
resume(struct follow *f, const char *cursor, bool *ours)
{
	uint64_t ino, offset, len, hash;
	struct known known;
	struct stat st;
	int fd;

	*ours = sscanf(cursor, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNx64, &ino, &offset, &len, &hash) == 4 && len <= HEAD_MAX;
	if (!*ours)
		return false;
	if (ino == 0)
		return true;	/* there was no file: the one that comes is read from its begin */
	known = (struct known){ (ino_t)ino, (off_t)offset, (size_t)len, hash };
	fd = open_sibling(f, &known, &st);
	if (fd == -1)
		return false;
	use_file(f, fd, st.st_ino, (off_t)offset);
	return true;
}

static void
file_close(struct follow *f)
{
	if (f->fd != -1)
		close(f->fd);
	if (f->notify != -1)
		close(f->notify);
	free(f);
}

static struct follow *
file_open(const struct mail_conf *conf, const char *node, const char *cursor, int64_t since_us, char *why, size_t whysize)
{
	struct follow *f = calloc(1, sizeof(*f));
	char dir[CONF_PATH_MAX];
	bool lost = false;
	struct stat st;
	int fd;

	if (f == NULL)
		return NULL;
	f->fd = -1;
	str_copy(f->path, sizeof(f->path), conf->source_path);
	str_copy(dir, sizeof(dir), conf->source_path);
	str_copy(f->node, sizeof(f->node), node);
	f->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->notify != -1 && inotify_add_watch(f->notify, dirname(dir), IN_MODIFY | IN_CREATE | IN_MOVED_TO) == -1) {
		close(f->notify);
		f->notify = -1;
	}
	if (since_us == 0 && resume(f, cursor, &lost))
		return f;
	fd = open_regular(f->path, &st);
	if (fd == -1 && errno != ENOENT) {
		snprintf(why, whysize, "%.200s: %s", f->path, strerror(errno));
		file_close(f);
		return NULL;
	}
	if (fd != -1) {
		if (lost)
			warn_text("%s: the file that was read last is not there any more: this one from its begin", f->path);
		use_file(f, fd, st.st_ino, lost || since_us > 0 ? 0 : st.st_size);
	}
	return f;
}

/* Our file has another name now, and a newer one has lines */
static bool
left_behind(struct follow *f)
{
	struct stat st;
	int fd;

	if (fstat(f->fd, &st) == 0)
		f->mtime = st.st_mtim;
	if (stat(f->path, &st) == 0 && (st.st_ino == f->ino || st.st_size > 0))
		return st.st_ino != f->ino;
	fd = open_sibling(f, NULL, &st);
	if (fd != -1)
		close(fd);
	return fd != -1;
}

/* The file of that path is another one, or shorter: what is to be read next.  true: something changed */
static bool
rotation(struct follow *f)
{
	struct stat st;
	int fd;

	if (f->fd != -1 && !f->rotated) {
		if (fstat(f->fd, &st) == 0 && st.st_size < f->offset) {	/* cut in place */
			f->offset = 0;
			f->fill = f->at = f->head_len = 0;
			know_again(f);
			return true;
		}
		f->rotated = left_behind(f);
		return f->rotated;	/* once more to its end: the writer added to it until it began the newer one */
	}
	fd = f->rotated ? open_sibling(f, NULL, &st) : -1;
	if (fd == -1)
		fd = open_regular(f->path, &st);
	if (fd == -1) {
		if (errno != ENOENT && !f->told)
			warn_errno("%s", f->path);
		f->told = true;
		return false;
	}
	use_file(f, fd, st.st_ino, 0);
	f->told = false;
	return true;
}

/* A whole line in buf, its newline replaced; NULL: no more now */
static char *
next_line(struct follow *f)
{
	for (;;) {
		char *line = f->buf + f->at, *end = memchr(line, '\n', f->fill - f->at);
		ssize_t n;

		if (end != NULL) {
			bool skipped = f->skipping;

			*end = '\0';
			f->offset += end + 1 - line;
			f->at += (size_t)(end + 1 - line);
			f->skipping = false;
			if (skipped)
				continue;
			return line;
		}
		memmove(f->buf, line, f->fill - f->at);
		f->fill -= f->at;
		f->at = 0;
		if (f->fill == BUFFER_SIZE) {	/* nobody of ours writes such a line */
			f->offset += (off_t)f->fill;
			f->fill = 0;
			f->skipping = true;
		}
		n = pread(f->fd, f->buf + f->fill, BUFFER_SIZE - f->fill, f->offset + (off_t)f->fill);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		f->fill += (size_t)n;
	}
}

static int
file_next(struct follow *f, struct mail_event *ev)
{
	char drained[4096];
	char *line;

	while (f->notify != -1 && read(f->notify, drained, sizeof(drained)) > 0)
		;
	for (;;) {
		while (f->fd != -1 && (line = next_line(f)) != NULL)
			if (event_from_line(line, clock_wall_us(), f->node, ev))
				return 1;
		if (!rotation(f))
			return 0;
	}
}

static bool
file_cursor(struct follow *f, char *buf, size_t size)
{
	if (f->fd != -1)
		know_again(f);
	return path_format(buf, size, "%" PRIu64 " %" PRIu64 " %zu %" PRIx64, f->fd != -1 ? (uint64_t)f->ino : 0, (uint64_t)f->offset, f->head_len, f->head_hash);
}

static int
file_fd(struct follow *f, short *events)
{
	*events = POLLIN;
	return f->notify;
}

static int
file_wait(struct follow *f)
{
	return LOOK_MS;
}

const struct follow_source follow_file = { "file", file_open, file_close, file_next, file_cursor, file_fd, file_wait };
