/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_diff.c: rfsdiff on a primary that is alone: what the next synchronisation would have to compare and copy, by the change map.
 *
 * An estimate: names and attributes are compared then; what changes meanwhile is not seen.  Called by: worker.c, in a thread of its own.  Never does: lock; read
 * the data of a file.
 */
#include "config.h"
#include "rfs/check_log.h"
#include "rfs/psync_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOLD_MS	5000	/* between two words on how far it is (ours) */

struct diff {
	struct psync *p;
	struct check_log log;
	uint8_t	 dir;
	struct wheres folders;
	uint32_t *zones;
	FILE	*out;
	bool	 bad;
	int64_t	 told_ms;
	char	 rel[8192];
};

static void
put(void *ctx, const char *text, size_t len)
{
	struct diff *d = ctx;

	if (fwrite(text, 1, len, d->out) != len)
		d->bad = true;
}

/* Bytes of it that may differ; *zones: how many zones, 0: all of it */
static uint64_t
changed(struct diff *d, uint64_t node, const struct stat *st, uint64_t *zones)
{
	struct psync *p = d->p;
	uint64_t size = (uint64_t)st->st_size, sum = 0, off;
	int n = map_zones(p->c.maps[d->dir], node, d->zones, MAP_FILE_ZONES), i;

	*zones = 0;
	if (n == MAP_ALL || rfs_in_gaps(p->c.gaps, p->c.gaps_count, sync_ctime_ns(st) / 1000000))
		return size;
	for (i = 0; i < n; i++) {
		off = (uint64_t)d->zones[i] * p->c.zone;
		sum += off >= size ? 0 : size - off < p->c.zone ? size - off : p->c.zone;
	}
	*zones = (uint64_t)n;
	return sum;
}

static void
one(struct diff *d, uint64_t folder, int dirfd, const char *name)
{
	struct psync *p = d->p;
	uint64_t node, zones, bytes;
	struct stat st;

	if (tree_lookup(p->c.trees[d->dir], dirfd, name, &node, &st) != 0 || psync_is_private(p, d->dir, folder, name, S_ISDIR(st.st_mode)))
		return;
	if (S_ISDIR(st.st_mode))
		d->bad = !wheres_add(&d->folders, d->dir, node) || d->bad;
	if (!S_ISREG(st.st_mode))
		return;
	d->log.files++;
	d->log.total_bytes += (uint64_t)st.st_size;
	bytes = changed(d, node, &st, &zones);
	if (bytes > 0 || zones > 0)
		check_log_file(&d->log, d->rel, name, "changed", (uint64_t)st.st_size, zones, bytes, "");
}

static void
folder(struct diff *d, uint64_t node)
{
	struct tree *t = d->p->c.trees[d->dir];
	struct tree_fd *f = tree_get(t, node, TREE_DIR);
	int fd = f != NULL ? openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	tree_put(t, f);
	if (dir == NULL) {		/* removed meanwhile */
		if (fd >= 0)
			close(fd);
		return;
	}
	if (tree_rel(t, fd, d->rel, sizeof(d->rel)) != 0)
		str_copy(d->rel, sizeof(d->rel), "?");
	while (!d->bad && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !tree_is_hidden(node, e->d_name, strlen(e->d_name)))
			one(d, node, fd, e->d_name);
	closedir(dir);
}

static void
walk(struct diff *d, void (*told)(void *ctx, const char *text), void *ctx)
{
	char text[128];

	check_log_dir(&d->log, d->p->c.names[d->dir]);
	d->bad = !wheres_add(&d->folders, d->dir, RFS_ROOT) || d->bad;
	while (d->folders.n > 0 && !d->bad) {
		folder(d, d->folders.w[--d->folders.n].node);
		if (clock_mono_ms() - d->told_ms < TOLD_MS)
			continue;
		d->told_ms = clock_mono_ms();
		snprintf(text, sizeof(text), "%" PRIu64 " files looked at", d->log.files);
		told(ctx, text);
	}
}

static void
summary(struct diff *d, int64_t seconds, char *text, size_t textsize)
{
	size_t n;
	int i;

	n = (size_t)snprintf(text, textsize, "%" PRIu64 " of %" PRIu64 " files changed: %" PRIu64 " KB of %" PRIu64 " KB to be compared and copied",
	    d->log.changed, d->log.files, d->log.bytes / 1024, d->log.total_bytes / 1024);
	if (n < textsize && seconds >= 0)
		n += (size_t)snprintf(text + n, textsize - n, ", in about %" PRId64 " s", seconds);
	for (i = 0; i < d->p->c.dirs; i++)
		if (n < textsize && map_blind(d->p->c.maps[i]))
			n += (size_t)snprintf(text + n, textsize - n, "; nothing is known of %s on the other server: all of it is compared", d->p->c.names[i]);
}

bool
psync_diff(struct psync *p, const char *xml, char *text, size_t textsize, void (*told)(void *ctx, const char *text), void *ctx)
{
	struct diff *d = calloc(1, sizeof(*d));
	int kbs = atomic_load(&p->last_kbs), i;
	char tmp[4096];
	int64_t seconds;
	bool ok = false;

	snprintf(text, textsize, "no memory");
	if (d == NULL || !path_format(tmp, sizeof(tmp), "%s.tmp", xml) || (d->zones = malloc(MAP_FILE_ZONES * sizeof(*d->zones))) == NULL) {
		free(d);
		return false;
	}
	d->p = p;
	d->log.put = put;
	d->log.ctx = d;
	d->told_ms = clock_mono_ms();
	d->out = fopen(tmp, "we");
	if (d->out != NULL) {
		check_log_begin(&d->log, "diff");
		for (i = 0; i < p->c.dirs; i++) {
			d->dir = (uint8_t)i;
			walk(d, told, ctx);
		}
		seconds = kbs > 0 ? (int64_t)(d->log.bytes / 1024 / (uint64_t)kbs) : -1;
		check_log_end(&d->log, seconds, d->bad ? "no memory, or the log cannot be written" : "");
		ok = fflush(d->out) == 0 && !d->bad;
		ok = fclose(d->out) == 0 && ok && rename(tmp, xml) == 0;
		if (ok)
			summary(d, seconds, text, textsize);
	}
	if (!ok)
		snprintf(text, textsize, "%.300s: %s", xml, strerror(errno));
	free(d->folders.w);
	free(d->zones);
	free(d);
	return ok;
}
