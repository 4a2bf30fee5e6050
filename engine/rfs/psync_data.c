/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_data.c: the contents of files, several threads at a time.
 *
 * A thread asks the secondary for the hashes of up to 64 zones (of one file or of many), and while these are made it makes its own of the zones before: so both
 * read at once and no file waits for a round trip.  A zone that differs is sent in pieces; each is read and handed to the stream under the node's lock: it comes
 * there in order with what the application changes.  A file that the secondary has just made is sent without being asked for.
 * Called by: the threads of a run; psync_job() by the driver.  Never does: hold two locks of nodes.
 */
#include "config.h"
#include "rfs/psync_impl.h"
#include "wire/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_ZONES	64
#define ASK_BYTES	(32u << 20)

struct file {
	struct job j;
	uint64_t size, next, copied, counted;	/* counted: of j.size, in what is told of the progress */
	uint32_t *zones;
	int	 n;			/* zones, MAP_ALL: all up to size */
	int	 open;			/* asked for, not settled */
	bool	 asked;			/* all of them */
	bool	 failed;
};
struct batch { struct hashes h; struct sync_zone z[ASK_ZONES]; struct file *f[ASK_ZONES]; int n; size_t bytes; };
struct copier { struct psync *p; int number; struct file *cur; struct batch *b[2]; uint8_t *zone, *piece, *xattrs; };

void
psync_job(struct psync *p, uint8_t dir, uint64_t node, uint64_t size, enum job_how how)
{
	pthread_mutex_lock(&p->lock);
	if (p->jobs_at > 4096 && p->jobs_at * 2 > p->jobs_n) {
		memmove(p->jobs, p->jobs + p->jobs_at, (p->jobs_n - p->jobs_at) * sizeof(*p->jobs));
		p->jobs_n -= p->jobs_at;
		p->jobs_at = 0;
	}
	if (p->jobs_n == p->jobs_size) {
		size_t n = p->jobs_size > 0 ? p->jobs_size * 2 : 1024;
		struct job *j = realloc(p->jobs, n * sizeof(*j));

		if (j == NULL) {
			p->stop = true;
			pthread_mutex_unlock(&p->lock);
			return;
		}
		p->jobs = j;
		p->jobs_size = n;
	}
	p->jobs[p->jobs_n++] = (struct job){ .node = node, .size = size, .dir = dir, .how = (uint8_t)how };
	p->stats.files_total++;
	p->stats.bytes_total += size;
	if (p->jobs_n - p->jobs_at <= SYNC_THREADS_MAX)
		pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
}

/* false: none now (wait: the run ends) */
static bool
job_take(struct copier *c, struct job *j, bool wait)
{
	struct psync *p = c->p;
	bool got;

	pthread_mutex_lock(&p->lock);
	while (wait && !p->stop && (p->jobs_at == p->jobs_n || c->number >= atomic_load(&p->nbrei)))
		psync_wait(p, 1000);
	got = !p->stop && p->jobs_at < p->jobs_n && c->number < atomic_load(&p->nbrei);
	if (got) {
		*j = p->jobs[p->jobs_at++];
		p->files_open++;
	}
	pthread_mutex_unlock(&p->lock);
	return got;
}

static bool
fail_here(struct copier *c, const struct file *f, int error)
{
	if (error != ESTALE && error != ENOENT)	/* else it is gone */
		psync_fail(c->p, false, "reading a file of %s: %s", c->p->c.names[f->j.dir], strerror(error));
	return false;
}

static void
detail(struct copier *c, const struct file *f, int fd)
{
	char link[4200], path[TREE_PROC_MAX];
	ssize_t n = readlink(tree_proc(fd, path), link, sizeof(link) - 1);

	if (n <= 0)
		return;
	link[n] = '\0';
	str_make_utf8(link);
	psync_log(c->p, MSG_RFS_DETAIL, "Reintegrated %s%s: %llu KB", c->p->c.names[f->j.dir], link, (unsigned long long)(f->copied / 1024));
}

/* So much of it is compared or sent: a large file is not one step of the bar */
static void
went_on(struct psync *p, struct file *f, uint64_t n)
{
	if (n > f->j.size - f->counted)		/* it grew meanwhile */
		n = f->j.size - f->counted;
	f->counted += n;
	pthread_mutex_lock(&p->lock);
	p->stats.bytes += n;
	pthread_mutex_unlock(&p->lock);
}

static void
file_free(struct copier *c, struct file *f, bool done)
{
	struct psync *p = c->p;

	pthread_mutex_lock(&p->lock);
	p->files_open--;
	p->stats.files++;
	p->stats.bytes += f->j.size - f->counted;
	if (f->copied > 0) {
		p->stats.copied++;
		p->stats.sent += f->copied;
	}
	if (done && !wheres_add(&p->completed, f->j.dir, f->j.node))
		p->stop = true;
	if (p->files_open == 0 && p->jobs_at == p->jobs_n)
		pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	free(f->zones);
	free(f);
}

/* How it is now, after all its data: taken and sent under its lock.  small: with the data, which the secondary has none of */
static bool
send_final(struct copier *c, struct file *f, bool small)
{
	struct psync *p = c->p;
	struct sync_entry e = { .node = f->j.node, .flags = SE_DATA };
	uint8_t head[1024], *buf = head;
	struct sync_out o = { .buf = head, .size = sizeof(head) };
	char path[TREE_PROC_MAX];
	struct tree_fd *t;
	struct stat st;
	bool ok = false;
	ssize_t n = 0;
	int len;

	psync_window(p, f->j.node, small ? f->size : 0);
	p->c.lock(p->c.ctx, f->j.dir, f->j.node);
	t = tree_get(p->c.trees[f->j.dir], f->j.node, TREE_READ);
	if (t == NULL || fstat(t->fd, &st) != 0) {
		fail_here(c, f, errno);
	} else if (small && st.st_size > SYNC_SMALL) {
		small = false;		/* it grew meanwhile: what follows is as for any file */
	} else {
		len = sync_xattrs_read(tree_proc(t->fd, path), true, p->c.acl, c->xattrs, SYNC_XATTRS_MAX);
		if (len > 256) {
			buf = malloc(SYNC_XATTRS_MAX + 1024);
			o = (struct sync_out){ .buf = buf, .size = buf != NULL ? SYNC_XATTRS_MAX + 1024 : 0 };
		}
		sync_entry_stat(&e, &st);
		e.xattrs = c->xattrs;
		e.xattrs_len = len > 0 ? (uint32_t)len : 0;
		sync_put_entry(&o, &e);
		if (small && st.st_size > 0)
			n = pread(t->fd, c->piece, (size_t)st.st_size, 0);
		if (n < 0)
			fail_here(c, f, errno);
		else
			ok = !o.bad && psync_send(p, -1, SY_FINAL, f->j.dir, f->j.node, small, o.buf, o.len, c->piece, (size_t)n);
		if (ok && small) {
			f->copied += (uint64_t)n;
			atomic_fetch_add(&p->bytes, (uint64_t)n);
		}
		if (ok && f->copied > 0 && atomic_load(&p->detail))
			detail(c, f, t->fd);
	}
	tree_put(p->c.trees[f->j.dir], t);
	p->c.unlock(p->c.ctx, f->j.dir, f->j.node);
	if (buf != head)
		free(buf);
	return ok;
}

/* One piece from off on, before end: a hole as such, else data.  Bytes gone through; 0: the end of the file; -1: not to be had */
static int64_t
copy_piece(struct copier *c, struct file *f, uint64_t off, uint64_t end, bool empty)
{
	struct psync *p = c->p;
	struct tree_fd *t;
	int64_t done = -1;
	off_t data;
	ssize_t n;

	psync_window(p, f->j.node, end - off < RFS_DATA_MAX ? end - off : RFS_DATA_MAX);
	p->c.lock(p->c.ctx, f->j.dir, f->j.node);
	t = tree_get(p->c.trees[f->j.dir], f->j.node, TREE_READ);
	data = t != NULL ? lseek(t->fd, (off_t)off, SEEK_DATA) : -1;
	if (t == NULL || (data < 0 && errno != ENXIO)) {
		fail_here(c, f, errno);
	} else if (data < 0 || (uint64_t)data > off) {
		off_t eof = data < 0 ? lseek(t->fd, 0, SEEK_END) : data;
		uint64_t stop = (uint64_t)eof < end ? (uint64_t)eof : end;
		uint8_t len[8];
		struct sync_out o = { .buf = len, .size = sizeof(len) };

		done = stop > off ? (int64_t)(stop - off) : 0;
		out_64(&o, (uint64_t)done);
		if (done > 0 && !empty && !psync_send(p, -1, SY_PUNCH, f->j.dir, f->j.node, off, len, sizeof(len), NULL, 0))
			done = -1;
	} else {
		off_t hole = lseek(t->fd, data, SEEK_HOLE);
		size_t len = end - off < RFS_DATA_MAX ? (size_t)(end - off) : RFS_DATA_MAX;

		if (hole > data && (uint64_t)(hole - data) < len)
			len = (size_t)(hole - data);
		n = pread(t->fd, c->piece, len, (off_t)off);
		if (n < 0) {
			fail_here(c, f, errno);
		} else if (n == 0) {
			done = 0;
		} else if (psync_send(p, -1, SY_DATA, f->j.dir, f->j.node, off, c->piece, (size_t)n, NULL, 0)) {
			done = n;
			f->copied += (uint64_t)n;
			atomic_fetch_add(&p->bytes, (uint64_t)n);
			pthread_mutex_lock(&p->lock);
			p->progress_sent += (uint64_t)n;
			pthread_mutex_unlock(&p->lock);
		}
	}
	tree_put(p->c.trees[f->j.dir], t);
	p->c.unlock(p->c.ctx, f->j.dir, f->j.node);
	return done;
}

static bool
copy_range(struct copier *c, struct file *f, uint64_t off, uint64_t len, bool empty)
{
	uint64_t end = off + len;
	int64_t n = 0;

	while (off < end && !psync_stopped(c->p) && (n = copy_piece(c, f, off, end, empty)) > 0) {
		off += (uint64_t)n;
		went_on(c->p, f, (uint64_t)n);
	}
	return n >= 0 && !psync_stopped(c->p);
}

static void
copy_new(struct copier *c, struct file *f)
{
	struct psync *p = c->p;
	struct stat st;
	bool ok = f->size <= SYNC_SMALL && send_final(c, f, true);

	if (!ok) {
		p->c.lock(p->c.ctx, f->j.dir, f->j.node);	/* what was under way when the node was paired is over now */
		ok = tree_stat(p->c.trees[f->j.dir], f->j.node, &st) == 0;
		p->c.unlock(p->c.ctx, f->j.dir, f->j.node);
		ok = ok && copy_range(c, f, 0, (uint64_t)st.st_size, true) && send_final(c, f, false);
	}
	file_free(c, f, ok);
}

/* The secondary's gets our size; what was under way when the node was paired is over now, as its lock was ours */
static bool
begin_file(struct copier *c, struct file *f)
{
	struct psync *p = c->p;
	struct tree_fd *t;
	struct stat st;
	bool ok = false;

	p->c.lock(p->c.ctx, f->j.dir, f->j.node);
	t = tree_get(p->c.trees[f->j.dir], f->j.node, TREE_READ);
	if (t == NULL || fstat(t->fd, &st) != 0) {
		fail_here(c, f, errno);
	} else {
		f->size = (uint64_t)st.st_size;
		ok = psync_send(p, -1, SY_FILE, f->j.dir, f->j.node, f->size, NULL, 0, NULL, 0);
	}
	tree_put(p->c.trees[f->j.dir], t);
	p->c.unlock(p->c.ctx, f->j.dir, f->j.node);
	if (!ok)
		return false;
	f->n = MAP_ALL;
	if (f->j.how == JOB_ZONES) {
		uint64_t most = f->size / p->c.zone + 1;
		int max = most < MAP_FILE_ZONES ? (int)most : MAP_FILE_ZONES;

		f->zones = malloc((size_t)max * sizeof(*f->zones));
		f->n = f->zones != NULL ? map_zones(p->c.maps[f->j.dir], f->j.node, f->zones, max) : MAP_ALL;
	}
	return true;
}

/* The next zone to ask for, of folder dir (-1 any); false: none without waiting (wait: the run ends) */
static bool
next_zone(struct copier *c, struct sync_zone *z, struct file **of, bool wait, int dir)
{
	struct psync *p = c->p;

	while (!psync_stopped(p)) {
		struct file *f = c->cur;
		struct job j;
		uint64_t zone;

		if (f == NULL) {
			if (!job_take(c, &j, wait))
				return false;
			f = calloc(1, sizeof(*f));
			if (f == NULL) {
				psync_fail(p, true, "no memory");
				return false;
			}
			f->j = j;
			f->size = j.size;
			if (j.how == JOB_NEW)
				copy_new(c, f);
			else if (!begin_file(c, f))
				file_free(c, f, false);
			else
				c->cur = f;
			continue;
		}
		if (dir >= 0 && f->j.dir != dir)
			return false;
		zone = f->n == MAP_ALL ? f->next : f->next < (uint64_t)f->n ? f->zones[f->next] : UINT64_MAX;
		if (zone == UINT64_MAX || zone * p->c.zone >= f->size) {
			if (f->n != MAP_ALL && f->next < (uint64_t)f->n) {	/* behind the end */
				f->next = (uint64_t)f->n;
				continue;
			}
			f->asked = true;
			c->cur = NULL;
			if (f->open == 0)
				file_free(c, f, !f->failed && send_final(c, f, false));
			continue;
		}
		f->next++;
		f->open++;
		*of = f;
		*z = (struct sync_zone){ .node = f->j.node, .off = zone * p->c.zone, .len = p->c.zone };
		if (f->size - z->off < z->len)
			z->len = (uint32_t)(f->size - z->off);
		return true;
	}
	return false;
}

/* Asks for as much as fits.  false: nothing to ask */
static bool
ask(struct copier *c, struct batch *b, bool wait)
{
	uint8_t body[ASK_ZONES * 20];
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	struct psync *p = c->p;
	uint8_t dir = 0;

	b->n = 0;
	b->bytes = 0;
	while (b->n < ASK_ZONES && b->bytes < ASK_BYTES) {
		if (!next_zone(c, &b->z[b->n], &b->f[b->n], wait && b->n == 0, b->n > 0 ? dir : -1))
			break;
		dir = b->f[b->n]->j.dir;
		sync_put_zone(&o, &b->z[b->n]);
		b->bytes += b->z[b->n].len;
		b->n++;
	}
	if (b->n == 0)
		return false;
	pthread_mutex_lock(&p->lock);
	b->h.id = ++p->next_id;
	b->h.dir = dir;
	b->h.n = b->n;
	b->h.ready = false;
	b->h.at_ms = clock_mono_ms();
	pthread_mutex_unlock(&p->lock);
	psync_send(p, -1, SY_HASH, dir, b->z[0].node, b->h.id, o.buf, o.len, NULL, 0);
	return true;
}

static bool
answered(struct copier *c, struct batch *b)
{
	struct psync *p = c->p;
	bool ok;

	pthread_mutex_lock(&p->lock);
	while (!b->h.ready && !p->stop) {
		if (clock_mono_ms() - b->h.at_ms > atomic_load(&p->rei_ms)) {
			pthread_mutex_unlock(&p->lock);
			psync_fail(p, true, "no answer within %lld s (reitimeout)", (long long)(atomic_load(&p->rei_ms) / 1000));
			pthread_mutex_lock(&p->lock);
			continue;
		}
		psync_wait(p, 1000);
	}
	ok = b->h.ready && !p->stop;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static void
settle(struct copier *c, struct batch *b)
{
	static const uint8_t no_hash[SYNC_HASH];
	uint8_t mine[ASK_ZONES][SYNC_HASH];
	int i, rc = 0;

	for (i = 0; i < b->n; i++) {
		struct file *f = b->f[i];
		bool skip = f->failed || psync_stopped(c->p);
		struct tree_fd *t = skip ? NULL : tree_get(c->p->c.trees[f->j.dir], f->j.node, TREE_READ);

		memcpy(mine[i], no_hash, SYNC_HASH);
		rc = skip ? 0 : t == NULL ? -errno : sync_hash(t->fd, b->z[i].off, b->z[i].len, c->zone, mine[i]);
		if (rc != 0) {
			fail_here(c, f, -rc);
			f->failed = true;
		}
		tree_put(c->p->c.trees[f->j.dir], t);
	}
	rc = answered(c, b) ? 0 : -1;
	for (i = 0; i < b->n; i++) {
		struct file *f = b->f[i];

		if (rc != 0)
			f->failed = true;
		if (!f->failed && memcmp(mine[i], b->h.hash[i], SYNC_HASH) == 0)
			went_on(c->p, f, b->z[i].len);
		else if (!f->failed && !copy_range(c, f, b->z[i].off, b->z[i].len, false))
			f->failed = true;
		if (--f->open == 0 && f->asked)
			file_free(c, f, !f->failed && send_final(c, f, false));
	}
	b->n = 0;
}

void *
psync_data(void *thread)
{
	struct data_thread *t = thread;
	struct psync *p = t->p;
	struct copier c = { .p = p, .number = t->number };
	int k = 0, i;

	c.b[0] = calloc(1, sizeof(*c.b[0]));
	c.b[1] = calloc(1, sizeof(*c.b[1]));
	c.zone = malloc(p->c.zone);
	c.piece = malloc(RFS_DATA_MAX);
	c.xattrs = malloc(SYNC_XATTRS_MAX);
	if (c.b[0] == NULL || c.b[1] == NULL || c.zone == NULL || c.piece == NULL || c.xattrs == NULL) {
		psync_fail(p, true, "no memory");
	} else {
		pthread_mutex_lock(&p->lock);
		for (i = 0; i < 2; i++)
			p->hashes[t->number * 2 + i] = &c.b[i]->h;
		pthread_mutex_unlock(&p->lock);
		for (;;) {
			bool asked = ask(&c, c.b[k], c.b[1 - k]->n == 0);

			if (c.b[1 - k]->n > 0)
				settle(&c, c.b[1 - k]);
			else if (!asked)
				break;
			k = 1 - k;
		}
		if (c.cur != NULL)
			file_free(&c, c.cur, false);
		pthread_mutex_lock(&p->lock);
		for (i = 0; i < 2; i++)
			p->hashes[t->number * 2 + i] = NULL;
		pthread_mutex_unlock(&p->lock);
	}
	free(c.b[0]);
	free(c.b[1]);
	free(c.zone);
	free(c.piece);
	free(c.xattrs);
	return NULL;
}
