/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * map_log.c: the change map on the disk: segments that are only appended to, and how they are read back.
 *
 * A segment is made under a name of its own, flushed, and renamed, so that its head is whole or it is not there.  A record is 12 bytes and a check
 * sum that knows the segment and its place in it.  What ends in the midst of a record, or in records that never reached the disk, was not waited for by anyone; what is
 * damaged before a sound record, and a missing segment (every head tells the first one that counts, every seal the next one) is said: the map is blind then.
 * Called by: map.c.  Never does: know what a file or a zone is.
 */
#include "config.h"
#include "rfs/map_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static const char magic[8] = "SKMAP001";

static void
put64(uint8_t *p, uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
rec_sum(const struct seg_head *h, uint64_t index, const uint8_t *in)
{
	uint64_t seed = h->nonce ^ (index + 1) * UINT64_C(0x9E3779B97F4A7C15);

	return XXH32(in, 12, (uint32_t)(seed ^ seed >> 32));
}

void
rec_encode(const struct seg_head *h, uint64_t index, const struct rec *r, uint8_t out[SEG_RECORD])
{
	put64(out, r->node);
	put32(out + 8, (uint32_t)r->type << 28 | (r->zone & 0x0fffffff));
	put32(out + 12, rec_sum(h, index, out));
}

bool
rec_decode(const struct seg_head *h, uint64_t index, const uint8_t in[SEG_RECORD], struct rec *r)
{
	uint32_t v = get32(in + 8);

	r->node = get64(in);
	r->zone = v & 0x0fffffff;
	r->type = (uint8_t)(v >> 28);
	return get32(in + 12) == rec_sum(h, index, in) && r->type > 0 && r->type < REC_TYPES;
}

void
seg_head_encode(const struct seg_head *h, uint8_t out[SEG_HEAD])
{
	memset(out, 0, SEG_HEAD);
	memcpy(out, magic, sizeof(magic));
	put64(out + 8, h->gen);
	put64(out + 16, h->seq);
	put64(out + 24, h->base);
	put64(out + 32, h->nonce);
	put32(out + 40, h->zone);
	put32(out + 44, h->dir);
	put32(out + 48, h->blind ? 1 : 0);
	put64(out + 56, XXH64(out, 56, 0));
}

bool
seg_head_decode(const uint8_t in[SEG_HEAD], struct seg_head *h)
{
	if (memcmp(in, magic, sizeof(magic)) != 0 || get64(in + 56) != XXH64(in, 56, 0))
		return false;
	h->gen = get64(in + 8);
	h->seq = get64(in + 16);
	h->base = get64(in + 24);
	h->nonce = get64(in + 32);
	h->zone = get32(in + 40);
	h->dir = get32(in + 44);
	h->blind = (get32(in + 48) & 1) != 0;
	return h->zone > 0 && h->base <= h->seq;
}

/* ---- writing ---- */
bool
maplog_init(struct maplog *l, const char *folder, int dir, char *err, size_t errsize)
{
	memset(l, 0, sizeof(*l));
	l->fd = l->dir_fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);
	l->head.dir = (uint32_t)dir;
	if (!str_copy(l->folder, sizeof(l->folder), folder)) {
		snprintf(err, errsize, "%s: name too long", folder);
		return false;
	}
	if (path_mkdirs(folder, 0700) != 0 || (l->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		snprintf(err, errsize, "%s: %s", folder, strerror(errno));
		return false;
	}
	return true;
}

void
maplog_free(struct maplog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->dir_fd >= 0)
		close(l->dir_fd);
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->lock);
}

static bool
write_all(int fd, const void *data, size_t len, off_t at)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENOSPC;
			return false;
		}
		p += n, at += n, len -= (size_t)n;
	}
	return true;
}

bool
maplog_append(struct maplog *l, const struct rec *r)
{
	uint8_t b[SEG_RECORD];

	if (l->broken != 0 || l->fd < 0) {
		errno = l->broken != 0 ? l->broken : EIO;
		return false;
	}
	/* at its own place: a write that was cut short is written over by the next one */
	rec_encode(&l->head, l->records, r, b);
	if (!write_all(l->fd, b, sizeof(b), (off_t)(SEG_HEAD + l->records * SEG_RECORD)))
		return false;
	l->records++;
	l->appended++;
	return true;
}

bool
maplog_wait(struct maplog *l, uint64_t upto)
{
	while (l->synced < upto && l->broken == 0) {
		uint64_t target = l->appended;
		int fd = l->fd, e;

		if (l->syncing) {
			pthread_cond_wait(&l->cond, &l->lock);
			continue;
		}
		l->syncing = true;	/* maplog_rotate() waits for that: fd stays */
		pthread_mutex_unlock(&l->lock);
		e = fdatasync(fd) != 0 ? errno : 0;
		pthread_mutex_lock(&l->lock);
		l->syncing = false;
		if (e != 0)
			l->broken = e;
		else if (l->synced < target)
			l->synced = target;
		pthread_cond_broadcast(&l->cond);
	}
	if (l->synced >= upto)
		return true;
	errno = l->broken;
	return false;
}

struct segment_writer { const struct seg_head *h; int fd; uint64_t records; size_t len; int err; uint8_t buf[64 * 1024]; };

static void
writer_flush(struct segment_writer *w)
{
	off_t at = (off_t)(SEG_HEAD + w->records * SEG_RECORD - w->len);

	if (w->err == 0 && w->len > 0 && !write_all(w->fd, w->buf, w->len, at))
		w->err = errno;
	w->len = 0;
}

void
segment_put(struct segment_writer *w, const struct rec *r)
{
	if (w->len == sizeof(w->buf))
		writer_flush(w);
	rec_encode(w->h, w->records++, r, w->buf + w->len);
	w->len += SEG_RECORD;
}

/* A whole new file, on the disk with its name; -1 errno */
static int
segment_make(struct maplog *l, const struct seg_head *h, void (*fill)(void *arg, struct segment_writer *w), void *arg, uint64_t *records)
{
	struct segment_writer *w = calloc(1, sizeof(*w));
	char tmp[40], name[64];
	uint8_t head[SEG_HEAD];
	int fd = -1, e = 0;

	snprintf(tmp, sizeof(tmp), "map.%u.new", h->dir);
	snprintf(name, sizeof(name), "map.%u.%llu", h->dir, (unsigned long long)h->seq);
	if (w == NULL)
		return -1;
	seg_head_encode(h, head);
	fd = openat(l->dir_fd, tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !write_all(fd, head, sizeof(head), 0))
		e = errno;
	if (e == 0 && fill != NULL) {
		w->h = h;
		w->fd = fd;
		fill(arg, w);
		writer_flush(w);
		e = w->err;
	}
	*records = w->records;
	free(w);
	if (e == 0 && (fsync(fd) != 0 || renameat(l->dir_fd, tmp, l->dir_fd, name) != 0 || fsync(l->dir_fd) != 0))
		e = errno;
	if (e != 0) {
		if (fd >= 0)
			close(fd);
		unlinkat(l->dir_fd, tmp, 0);
		errno = e;
		return -1;
	}
	return fd;
}

bool
maplog_rotate(struct maplog *l, const struct seg_head *h, void (*fill)(void *arg, struct segment_writer *w), void *arg)
{
	struct seg_head next = *h;
	uint64_t records = 0;
	int fd;

	while (l->syncing)
		pthread_cond_wait(&l->cond, &l->lock);
	if (getrandom(&next.nonce, sizeof(next.nonce), 0) != (ssize_t)sizeof(next.nonce))
		next.nonce = (uint64_t)clock_wall_us();
	fd = segment_make(l, &next, fill, arg, &records);
	if (fd < 0)
		return false;
	if (l->fd >= 0) {
		struct rec seal = { .node = next.seq, .type = REC_SEAL };

		maplog_append(l, &seal);
		if (fdatasync(l->fd) != 0)
			l->broken = errno;
		close(l->fd);
	}
	if (fill != NULL && next.base == next.seq)
		l->broken = 0;		/* everything is in the new one: what became of the old one does not matter any more */
	l->fd = fd;
	l->head = next;
	l->records = records;
	l->marks = 0;
	l->synced = l->appended;
	pthread_cond_broadcast(&l->cond);
	return true;
}

/* ---- reading ---- */
struct seen { uint64_t *seq; size_t n, size; };

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool
segments(struct maplog *l, struct seen *s)
{
	int fd = openat(l->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	char prefix[24];
	struct dirent *e;

	memset(s, 0, sizeof(*s));
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	snprintf(prefix, sizeof(prefix), "map.%u.", l->head.dir);
	while ((e = readdir(d)) != NULL) {
		uint64_t seq;

		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || !str_to_u64(e->d_name + strlen(prefix), 1, UINT64_MAX - 1, &seq))
			continue;
		if (s->n == s->size) {
			size_t size = s->size > 0 ? s->size * 2 : 16;
			uint64_t *p = realloc(s->seq, size * sizeof(*p));

			if (p == NULL)
				break;
			s->seq = p;
			s->size = size;
		}
		s->seq[s->n++] = seq;
	}
	closedir(d);
	if (s->n > 0)
		qsort(s->seq, s->n, sizeof(*s->seq), by_number);
	return true;
}

void
maplog_unlink_before(struct maplog *l, uint64_t seq)
{
	struct seen s;
	char name[64];
	size_t i;

	if (!segments(l, &s))
		return;
	for (i = 0; i < s.n && s.seq[i] < seq; i++) {
		snprintf(name, sizeof(name), "map.%u.%llu", l->head.dir, (unsigned long long)s.seq[i]);
		unlinkat(l->dir_fd, name, 0);
	}
	free(s.seq);
}

/* The records of one segment.  false: damaged */
static bool
read_segment(const uint8_t *data, size_t len, const struct seg_head *h, const struct seg_reader *r, uint64_t *sealed, uint64_t *base)
{
	size_t n = (len - SEG_HEAD) / SEG_RECORD, i, good = 0;
	struct rec rec;

	for (i = 0; i < n; i++)		/* a record that never came to the disk may be followed by nothing but such ones */
		if (rec_decode(h, i, data + SEG_HEAD + i * SEG_RECORD, &rec)) {
			if (good != i)
				return false;
			good = i + 1;
		}
	for (i = 0; i < good; i++) {
		if (!rec_decode(h, i, data + SEG_HEAD + i * SEG_RECORD, &rec))
			return false;
		if (rec.type == REC_SEAL)
			*sealed = rec.node;
		else if (rec.type == REC_BASE && rec.node > *base)
			*base = rec.node;
		else if (r != NULL && rec.type != REC_BASE)
			r->record(r->arg, &rec);
	}
	return true;
}

static ssize_t
load(struct maplog *l, uint64_t seq, char **data, struct seg_head *h)
{
	char file[400];
	ssize_t n;

	if (!path_format(file, sizeof(file), "%s/map.%u.%llu", l->folder, l->head.dir, (unsigned long long)seq))
		return -1;
	n = path_read(file, data, (size_t)1 << 31);
	if (n < 0)
		return -1;
	if (n >= SEG_HEAD && seg_head_decode((const uint8_t *)*data, h) && h->seq == seq && h->dir == l->head.dir)
		return n;
	free(*data);
	return -1;
}

int
maplog_read(struct maplog *l, const struct seg_reader *r, struct seg_head *head, uint64_t *last, char *why, size_t whysize)
{
	uint64_t sealed = 0, base = 0, seq;
	struct seg_head h;
	struct seen s;
	char *data;
	ssize_t n;
	bool ok;

	*last = 0;
	if (!segments(l, &s) || s.n == 0) {
		free(s.seq);
		return 1;
	}
	*last = s.seq[s.n - 1];
	free(s.seq);
	n = load(l, *last, &data, head);
	if (n < 0) {
		snprintf(why, whysize, "segment %llu cannot be read", (unsigned long long)*last);
		return -1;
	}
	base = head->base;
	ok = read_segment((const uint8_t *)data, (size_t)n, head, NULL, &sealed, &base);
	free(data);
	if (!ok || sealed != 0) {
		snprintf(why, whysize, ok ? "segment %llu is followed by one that is missing" : "segment %llu is damaged", (unsigned long long)*last);
		return -1;
	}
	for (seq = base; seq <= *last; seq++) {
		uint64_t ignored = 0;

		n = load(l, seq, &data, &h);
		if (n < 0 || h.gen != head->gen) {
			if (n >= 0)
				free(data);
			snprintf(why, whysize, "segment %llu is missing or damaged", (unsigned long long)seq);
			return -1;
		}
		r->next(r->arg);
		ok = read_segment((const uint8_t *)data, (size_t)n, &h, r, &ignored, &ignored);
		free(data);
		if (!ok) {
			snprintf(why, whysize, "segment %llu is damaged", (unsigned long long)seq);
			return -1;
		}
	}
	return 0;
}
