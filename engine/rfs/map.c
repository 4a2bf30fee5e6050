/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * map.c: the change map in memory: per epoch (from one cut to the next) which zones of which nodes were touched.
 *
 * 64 shards, each with its lock; in each a table per epoch (16 bytes per file: a node and one word: up to 61 zones inline, else a bit map) and the
 * set of nodes that are done.  A touch first looks whether its zones are hot (in the newest epoch): then it needs nothing.  Else it appends a record to the
 * newest segment (map_log.c), waits for the disk together with all who wait, and only then makes the zone hot: what is hot is on the disk.
 * An epoch belongs to the segment of its number; a shard that is looked at under a newer one is rotated first.
 * Called by: see map.h.  Never does: open a replicated file, wait for a network.
 */
#include "config.h"
#include "rfs/map_impl.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS		64
#define EPOCHS		4		/* kept apart; what is older is one with the oldest of them */
#define RANGE_MAX	64		/* zones of one touch beyond which the whole file counts */
#define COMPACT_MIN	(UINT64_C(4) << 20)	/* records of a segment before it may be written anew (64 MB) */

#define V_ALL	UINT64_C(1)		/* the whole file */
#define V_BIG	UINT64_C(2)		/* the rest is a pointer to struct zones */
#define INLINE_ZONES 61			/* bits 3.. */

struct zones { uint32_t words; uint64_t w[]; };
struct ent { uint64_t node, v; };
struct table { struct ent *e; uint32_t mask, used; uint64_t big_bytes; };
struct nodes { uint64_t *n; uint32_t mask, used; };
struct shard {
	pthread_mutex_t lock;
	uint64_t seq[EPOCHS];		/* 0 is the newest */
	struct table t[EPOCHS];
	struct nodes done;
};
struct map {
	struct maplog log;
	uint32_t zone;
	_Atomic uint64_t seq;		/* of the newest epoch and its segment */
	atomic_bool blind;
	uint64_t committed;		/* cut that was committed last, under the log's lock */
	uint64_t compacted;		/* records of the segment when that was last thought of, under the log's lock */
	struct shard shard[SHARDS];
};

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0x9E3779B97F4A7C15);
	return x ^ x >> 29;
}

static struct shard *
shard_of(struct map *m, uint64_t node)
{
	return &m->shard[mix(node) >> 58];
}

/* ---- the sets of done nodes ---- */
static bool
nodes_has(const struct nodes *s, uint64_t node)
{
	uint32_t i;

	for (i = (uint32_t)mix(node) & s->mask; s->n != NULL && s->n[i] != 0; i = (i + 1) & s->mask)
		if (s->n[i] == node)
			return true;
	return false;
}

static bool
nodes_add(struct nodes *s, uint64_t node)
{
	uint32_t i;

	if (nodes_has(s, node))
		return true;
	if (s->n == NULL || s->used >= (s->mask + 1) / 4 * 3) {
		uint32_t size = s->n == NULL ? 16 : (s->mask + 1) * 2, old = s->n == NULL ? 0 : s->mask + 1;
		uint64_t *n = calloc(size, sizeof(*n)), *from = s->n;

		if (n == NULL)
			return false;
		s->n = n;
		s->mask = size - 1;
		s->used = 0;
		for (i = 0; i < old; i++)
			if (from[i] != 0)
				nodes_add(s, from[i]);
		free(from);
	}
	for (i = (uint32_t)mix(node) & s->mask; s->n[i] != 0; i = (i + 1) & s->mask)
		;
	s->n[i] = node;
	s->used++;
	return true;
}

static void
nodes_clear(struct nodes *s)
{
	free(s->n);
	memset(s, 0, sizeof(*s));
}

/* ---- tables ---- */
static struct zones *
big_of(uint64_t v)
{
	return (struct zones *)(uintptr_t)(v & ~UINT64_C(7));
}

static void
v_free(struct table *t, uint64_t v)
{
	if ((v & V_BIG) != 0) {
		t->big_bytes -= sizeof(struct zones) + big_of(v)->words * sizeof(uint64_t);
		free(big_of(v));
	}
}

static struct ent *
table_find(const struct table *t, uint64_t node)
{
	uint32_t i;

	for (i = (uint32_t)mix(node) & t->mask; t->e != NULL && t->e[i].node != 0; i = (i + 1) & t->mask)
		if (t->e[i].node == node)
			return &t->e[i];
	return NULL;
}

static struct ent *
table_need(struct table *t, uint64_t node)
{
	struct ent *e = table_find(t, node);
	uint32_t i, j;

	if (e != NULL)
		return e;
	if (t->e == NULL || t->used >= (t->mask + 1) / 4 * 3) {
		uint32_t size = t->e == NULL ? 16 : (t->mask + 1) * 2, old = t->e == NULL ? 0 : t->mask + 1;
		struct ent *n = calloc(size, sizeof(*n));

		if (n == NULL)
			return NULL;
		for (i = 0; i < old; i++) {
			if (t->e[i].node == 0)
				continue;
			for (j = (uint32_t)mix(t->e[i].node) & (size - 1); n[j].node != 0; j = (j + 1) & (size - 1))
				;
			n[j] = t->e[i];
		}
		free(t->e);
		t->e = n;
		t->mask = size - 1;
	}
	for (i = (uint32_t)mix(node) & t->mask; t->e[i].node != 0; i = (i + 1) & t->mask)
		;
	t->e[i].node = node;
	t->used++;
	return &t->e[i];
}

static void
table_remove(struct table *t, uint64_t node)
{
	struct ent *e = table_find(t, node);
	uint32_t i, j, home;

	if (e == NULL)
		return;
	v_free(t, e->v);
	t->used--;
	i = (uint32_t)(e - t->e);
	for (j = (i + 1) & t->mask; t->e[j].node != 0; j = (j + 1) & t->mask) {
		home = (uint32_t)mix(t->e[j].node) & t->mask;
		if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
			t->e[i] = t->e[j];
			i = j;
		}
	}
	t->e[i] = (struct ent){ 0 };
}

static void
table_free(struct table *t)
{
	uint32_t i;

	for (i = 0; t->e != NULL && i <= t->mask; i++)
		if (t->e[i].node != 0)
			v_free(t, t->e[i].v);
	free(t->e);
	memset(t, 0, sizeof(*t));
}

static bool
v_has(uint64_t v, uint32_t zone)
{
	if ((v & V_ALL) != 0)
		return true;
	if ((v & V_BIG) != 0)
		return zone / 64 < big_of(v)->words && (big_of(v)->w[zone / 64] >> zone % 64 & 1) != 0;
	return zone < INLINE_ZONES && (v >> (3 + zone) & 1) != 0;
}

static void
ent_all(struct table *t, struct ent *e)
{
	v_free(t, e->v);
	e->v = V_ALL;
}

/* zone UINT32_MAX, or beyond MAP_FILE_ZONES, or no memory for a bit map: the whole file */
static void
ent_add(struct table *t, struct ent *e, uint32_t zone)
{
	struct zones *z = (e->v & V_BIG) != 0 ? big_of(e->v) : NULL, *n;
	uint32_t words = 2, i;

	if (v_has(e->v, zone))
		return;
	if (zone >= MAP_FILE_ZONES) {
		ent_all(t, e);
		return;
	}
	if (z == NULL && zone < INLINE_ZONES) {
		e->v |= UINT64_C(1) << (3 + zone);
		return;
	}
	if (z == NULL || zone / 64 >= z->words) {
		while (words <= zone / 64)
			words *= 2;
		n = calloc(1, sizeof(*n) + words * sizeof(uint64_t));
		if (n == NULL) {
			ent_all(t, e);
			return;
		}
		n->words = words;
		if (z != NULL)
			memcpy(n->w, z->w, z->words * sizeof(uint64_t));
		else
			for (i = 0; i < INLINE_ZONES; i++)
				n->w[0] |= (e->v >> (3 + i) & 1) << i;
		v_free(t, e->v);
		t->big_bytes += sizeof(*n) + words * sizeof(uint64_t);
		e->v = (uint64_t)(uintptr_t)n | V_BIG;
		z = n;
	}
	z->w[zone / 64] |= UINT64_C(1) << zone % 64;
}

static bool
table_add(struct table *t, uint64_t node, uint32_t zone)
{
	struct ent *e = table_need(t, node);

	if (e != NULL)
		ent_add(t, e, zone);
	return e != NULL;
}

/* fn of each zone of e, UINT32_MAX for the whole file */
static void
ent_each(const struct ent *e, void (*fn)(void *arg, uint64_t node, uint32_t zone), void *arg)
{
	uint32_t i, n = (e->v & V_BIG) != 0 ? big_of(e->v)->words * 64 : INLINE_ZONES;

	if ((e->v & V_ALL) != 0) {
		fn(arg, e->node, UINT32_MAX);
		return;
	}
	for (i = 0; i < n; i++)
		if (v_has(e->v, i))
			fn(arg, e->node, i);
}

static void
table_each(const struct table *t, void (*fn)(void *arg, uint64_t node, uint32_t zone), void *arg)
{
	uint32_t i;

	for (i = 0; t->e != NULL && i <= t->mask; i++)
		if (t->e[i].node != 0)
			ent_each(&t->e[i], fn, arg);
}

static void
add_to_table(void *arg, uint64_t node, uint32_t zone)
{
	table_add(arg, node, zone);
}

static void
table_merge(struct table *into, struct table *from)
{
	if (into->e == NULL) {
		*into = *from;
		memset(from, 0, sizeof(*from));
		return;
	}
	table_each(from, add_to_table, into);
	table_free(from);
}

/* ---- shards ---- */
static void
shard_rotate(struct shard *s, uint64_t seq)
{
	if (s->seq[0] == seq)
		return;
	if (s->t[EPOCHS - 1].e != NULL)		/* what the younger one of two knows is forgotten later: safe */
		table_merge(&s->t[EPOCHS - 2], &s->t[EPOCHS - 1]);
	memmove(&s->seq[1], &s->seq[0], sizeof(s->seq[0]) * (EPOCHS - 1));
	memmove(&s->t[1], &s->t[0], sizeof(s->t[0]) * (EPOCHS - 1));
	memset(&s->t[0], 0, sizeof(s->t[0]));
	s->seq[0] = seq;
}

static struct shard *
enter(struct map *m, uint64_t node)
{
	struct shard *s = shard_of(m, node);

	pthread_mutex_lock(&s->lock);
	shard_rotate(s, atomic_load(&m->seq));
	return s;
}

static void
leave(struct shard *s)
{
	pthread_mutex_unlock(&s->lock);
}

static bool
is_hot(struct map *m, uint64_t node, uint32_t first, uint32_t last)
{
	struct shard *s = enter(m, node);
	const struct ent *e = table_find(&s->t[0], node);
	bool hot = e != NULL;

	for (; hot && first <= last; first++) {
		hot = v_has(e->v, first);
		if (first == last)
			break;
	}
	leave(s);
	return hot;
}

/* false: meanwhile another epoch began */
static bool
make_hot(struct map *m, uint64_t seq, uint64_t node, uint32_t first, uint32_t last)
{
	struct shard *s = enter(m, node);
	bool same = s->seq[0] == seq;
	struct ent *e = same ? table_need(&s->t[0], node) : NULL;

	for (; e != NULL && first <= last; first++) {
		ent_add(&s->t[0], e, first);
		if (first == last)
			break;
	}
	leave(s);
	return same;
}

/* ---- segments written anew ---- */
static void
put_entry(void *arg, uint64_t node, uint32_t zone)
{
	struct rec r = { .node = node, .zone = zone == UINT32_MAX ? 0 : zone, .type = zone == UINT32_MAX ? REC_ALL : REC_ZONE };

	segment_put(arg, &r);
}

struct anew { struct map *m; int epochs; bool done; };

static void
put_everything(void *arg, struct segment_writer *w)
{
	struct anew *a = arg;
	int i, k;
	uint32_t j;

	for (i = 0; i < SHARDS; i++) {
		const struct shard *s = &a->m->shard[i];

		for (j = 0; a->done && s->done.n != NULL && j <= s->done.mask; j++)
			if (s->done.n[j] != 0) {
				struct rec r = { .node = s->done.n[j], .type = REC_DONE };

				segment_put(w, &r);
			}
		for (k = 0; k < a->epochs; k++)
			table_each(&s->t[k], put_entry, w);
	}
}

/* One new segment that alone counts.  keep: with what older epochs and done marks say; else only what was touched since the last cut.  Log is locked. */
static bool
write_anew(struct map *m, uint64_t gen, bool blind, bool keep)
{
	struct anew a = { m, keep ? EPOCHS : 1, keep && blind };
	struct seg_head h = m->log.head;
	int i, k;
	bool ok;

	for (i = 0; i < SHARDS; i++) {	/* rotated, and held: nothing becomes hot meanwhile */
		pthread_mutex_lock(&m->shard[i].lock);
		shard_rotate(&m->shard[i], atomic_load(&m->seq));
	}
	h.gen = gen;
	h.seq++;
	h.base = h.seq;
	h.blind = blind;
	ok = maplog_rotate(&m->log, &h, put_everything, &a);
	for (i = 0; i < SHARDS; i++) {
		struct shard *s = &m->shard[i];

		for (k = 1; k < EPOCHS && !keep; k++) {
			table_free(&s->t[k]);
			s->seq[k] = 0;
		}
		if (!keep || !blind)
			nodes_clear(&s->done);
		if (ok)
			s->seq[0] = h.seq;
	}
	atomic_store(&m->blind, blind);
	if (ok)
		atomic_store(&m->seq, h.seq);
	for (i = 0; i < SHARDS; i++)
		pthread_mutex_unlock(&m->shard[i].lock);
	if (ok)
		maplog_unlink_before(&m->log, h.seq);
	return ok;
}

/* A file system where files come and go while this server is alone would fill the log for ever */
static void
compact(struct map *m)
{
	uint64_t live = 0;
	int i, k;

	for (i = 0; i < SHARDS; i++) {
		struct shard *s = &m->shard[i];

		pthread_mutex_lock(&s->lock);
		for (k = 0; k < EPOCHS; k++)
			live += s->t[k].used + s->t[k].big_bytes / 2;
		live += s->done.used;
		pthread_mutex_unlock(&s->lock);
	}
	if (m->log.records > 4 * live)
		write_anew(m, m->log.head.gen, atomic_load(&m->blind), true);
	m->compacted = m->log.records;
}

/* A record that nobody waits for, but that is with the kernel: a killed process does not lose it */
static bool
append(struct map *m, const struct rec *r, bool wait, uint64_t *seq)
{
	bool ok;

	pthread_mutex_lock(&m->log.lock);
	if (m->log.records >= COMPACT_MIN && m->log.records >= 2 * m->compacted)
		compact(m);
	*seq = m->log.head.seq;
	ok = maplog_append(&m->log, r);
	if (ok && wait)
		ok = maplog_wait(&m->log, m->log.appended);
	pthread_mutex_unlock(&m->log.lock);
	return ok;
}

/* ---- what others call ---- */
bool
map_touch(struct map *m, uint64_t node, uint64_t off, uint64_t len)
{
	uint64_t first = off / m->zone, last = len == 0 ? first : (off + len - 1) / m->zone, seq, z;
	struct rec r = { .node = node, .type = REC_ZONE };
	bool all;

	if (off + len < off)
		last = UINT64_MAX;
	all = last >= MAP_FILE_ZONES || last - first >= RANGE_MAX;
	if (all) {
		first = last = UINT32_MAX;
		r.type = REC_ALL;
	}
	for (;;) {
		bool ok = true;

		if (is_hot(m, node, (uint32_t)first, (uint32_t)last))
			return true;
		if (all || first == last) {
			r.zone = all ? 0 : (uint32_t)first;
			ok = append(m, &r, true, &seq);
		} else {
			pthread_mutex_lock(&m->log.lock);
			seq = m->log.head.seq;
			for (z = first; ok && z <= last; z++) {
				r.zone = (uint32_t)z;
				ok = maplog_append(&m->log, &r);
			}
			ok = ok && maplog_wait(&m->log, m->log.appended);
			pthread_mutex_unlock(&m->log.lock);
		}
		if (!ok)
			return false;
		if (make_hot(m, seq, node, (uint32_t)first, (uint32_t)last))
			return true;
	}
}

static bool
touch_whole(struct map *m, uint64_t node, bool wait)
{
	struct rec r = { .node = node, .type = REC_ALL };
	uint64_t seq;

	do {
		if (is_hot(m, node, UINT32_MAX, UINT32_MAX))
			return true;
		if (!append(m, &r, wait, &seq))
			return false;
	} while (!make_hot(m, seq, node, UINT32_MAX, UINT32_MAX));
	return true;
}

bool
map_touch_all(struct map *m, uint64_t node, bool made)
{
	return touch_whole(m, node, !made);
}

void
map_flush(struct map *m)
{
	pthread_mutex_lock(&m->log.lock);
	maplog_wait(&m->log, m->log.appended);
	pthread_mutex_unlock(&m->log.lock);
}

void
map_drop(struct map *m, uint64_t node)
{
	struct rec r = { .node = node, .type = REC_DROP };
	struct shard *s = enter(m, node);
	bool known = false;
	uint64_t seq;
	int k;

	for (k = 0; k < EPOCHS; k++) {
		known = known || table_find(&s->t[k], node) != NULL;
		table_remove(&s->t[k], node);
	}
	leave(s);
	if (known)
		append(m, &r, false, &seq);
}

uint64_t
map_cut_begin(struct map *m)
{
	struct seg_head h;
	uint64_t seq;

	pthread_mutex_lock(&m->log.lock);
	if (m->log.records > m->log.marks) {	/* else nothing was touched since the last one: it is this one */
		h = m->log.head;
		h.seq++;
		if (maplog_rotate(&m->log, &h, NULL, NULL))
			atomic_store(&m->seq, h.seq);
	}
	seq = m->log.head.seq;
	pthread_mutex_unlock(&m->log.lock);
	return seq;
}

void
map_cut_commit(struct map *m, uint64_t cut)
{
	struct rec r = { .type = REC_BASE };
	uint64_t before;
	int i, k;

	pthread_mutex_lock(&m->log.lock);
	if (cut > m->log.head.seq || cut < m->committed) {
		pthread_mutex_unlock(&m->log.lock);
		return;
	}
	before = m->committed;		/* a whole round later, see map.h; the same cut again: nothing was touched for a round */
	m->committed = cut;
	r.node = before;
	if (before <= m->log.head.base || !maplog_append(&m->log, &r) || !maplog_wait(&m->log, m->log.appended)) {
		pthread_mutex_unlock(&m->log.lock);
		return;
	}
	m->log.marks++;
	m->log.head.base = before;
	maplog_unlink_before(&m->log, before);
	pthread_mutex_unlock(&m->log.lock);
	for (i = 0; i < SHARDS; i++) {
		struct shard *s = &m->shard[i];

		pthread_mutex_lock(&s->lock);
		for (k = 0; k < EPOCHS; k++)
			if (s->seq[k] < before && s->t[k].e != NULL)
				table_free(&s->t[k]);
		pthread_mutex_unlock(&s->lock);
	}
}

int
map_zones(struct map *m, uint64_t node, uint32_t *zones, int max)
{
	struct shard *s = enter(m, node);
	struct table all = { 0 };
	const struct ent *e;
	int n = 0, k;
	uint32_t z;

	if (atomic_load(&m->blind) && !nodes_has(&s->done, node))
		n = MAP_ALL;
	for (k = 0; k < EPOCHS && n != MAP_ALL; k++) {
		e = table_find(&s->t[k], node);
		if (e != NULL && (e->v & V_ALL) != 0)
			n = MAP_ALL;
		else if (e != NULL)
			ent_each(e, add_to_table, &all);
	}
	leave(s);
	e = n == MAP_ALL ? NULL : table_find(&all, node);
	for (z = 0; e != NULL && n != MAP_ALL && z < MAP_FILE_ZONES; z++)
		if (v_has(e->v, z)) {
			if (n == max || (e->v & V_ALL) != 0)
				n = MAP_ALL;
			else
				zones[n++] = z;
		}
	table_free(&all);
	return n;
}

/* Not of this epoch: what map_done() says is also of this */
bool
map_add(struct map *m, uint64_t node, uint32_t zone)
{
	struct rec r = { .node = node, .zone = zone & 0x0fffffff, .type = REC_ADD };
	const struct ent *e;
	struct shard *s;
	uint64_t seq;
	bool known, ok;
	int k;

	if (zone >= MAP_FILE_ZONES) {
		zone = UINT32_MAX;
		r.zone = REC_ADD_ALL;
	}
	s = enter(m, node);
	for (k = 0, known = false; k < EPOCHS && !known; k++) {
		e = table_find(&s->t[k], node);
		known = e != NULL && v_has(e->v, zone);
	}
	leave(s);
	if (known)
		return true;
	if (!append(m, &r, false, &seq))
		return false;
	s = enter(m, node);
	ok = table_add(&s->t[1], node, zone);
	if (s->seq[1] == 0)
		s->seq[1] = s->seq[0] - 1;
	leave(s);
	return ok;
}

void
map_done(struct map *m, uint64_t node)
{
	struct rec r = { .node = node, .type = REC_DONE };
	struct shard *s;
	uint64_t seq;
	int k;

	pthread_mutex_lock(&m->log.lock);	/* in the segment of the epoch that stays */
	seq = m->log.head.seq;
	if (maplog_append(&m->log, &r)) {
		s = enter(m, node);
		for (k = 0; k < EPOCHS; k++)
			if (s->seq[k] < seq)
				table_remove(&s->t[k], node);
		if (atomic_load(&m->blind))
			nodes_add(&s->done, node);
		leave(s);
	}
	pthread_mutex_unlock(&m->log.lock);
}

bool
map_is_done(const struct map *cm, uint64_t node)
{
	struct map *m = (struct map *)(uintptr_t)cm;
	struct shard *s = enter(m, node);
	bool done = atomic_load(&m->blind) && nodes_has(&s->done, node);

	leave(s);
	return done;
}

void
map_reset(struct map *m, uint64_t gen)
{
	pthread_mutex_lock(&m->log.lock);
	if (!write_anew(m, gen, false, false))
		warn_errno("%s: change map of folder %u", m->log.folder, m->log.head.dir);
	m->committed = 0;
	pthread_mutex_unlock(&m->log.lock);
}

bool
map_begin_blind(struct map *m)
{
	bool ok;
	int i;

	pthread_mutex_lock(&m->log.lock);
	for (i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&m->shard[i].lock);
		nodes_clear(&m->shard[i].done);
		pthread_mutex_unlock(&m->shard[i].lock);
	}
	ok = write_anew(m, m->log.head.gen, true, true);
	pthread_mutex_unlock(&m->log.lock);
	return ok;
}

void
map_each(struct map *m, void (*fn)(void *arg, uint64_t node, uint32_t zone), void *arg)
{
	int i, k;

	for (i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&m->shard[i].lock);
		for (k = 0; k < EPOCHS; k++)
			table_each(&m->shard[i].t[k], fn, arg);
		pthread_mutex_unlock(&m->shard[i].lock);
	}
}

size_t
map_bytes(const struct map *cm)
{
	struct map *m = (struct map *)(uintptr_t)cm;
	size_t n = sizeof(*m);
	int i, k;

	for (i = 0; i < SHARDS; i++) {
		struct shard *s = &m->shard[i];

		pthread_mutex_lock(&s->lock);
		for (k = 0; k < EPOCHS; k++)
			n += (s->t[k].e != NULL ? (s->t[k].mask + 1) * sizeof(struct ent) : 0) + s->t[k].big_bytes;
		n += s->done.n != NULL ? (s->done.mask + 1) * sizeof(uint64_t) : 0;
		pthread_mutex_unlock(&s->lock);
	}
	return n;
}

bool
map_blind(const struct map *m)
{
	return atomic_load(&m->blind);
}

/* ---- opening ---- */
struct loading { struct map *m; bool whole; /* zones have another size now: the whole file */ };

static void
load_next(void *arg)
{
	struct loading *l = arg;
	int i;

	for (i = 0; i < SHARDS; i++)		/* what DONE says concerns former segments: those are epoch 1 while loading */
		if (l->m->shard[i].t[0].e != NULL)
			table_merge(&l->m->shard[i].t[1], &l->m->shard[i].t[0]);
}

static void
load_record(void *arg, const struct rec *r)
{
	struct loading *l = arg;
	struct shard *s = shard_of(l->m, r->node);

	if (r->node == 0)
		return;
	if (r->type == REC_ZONE || r->type == REC_ALL) {
		table_add(&s->t[0], r->node, r->type == REC_ALL || l->whole ? UINT32_MAX : r->zone);
	} else if (r->type == REC_ADD) {
		table_add(&s->t[1], r->node, r->zone == REC_ADD_ALL || l->whole ? UINT32_MAX : r->zone);
	} else if (r->type == REC_DROP) {
		table_remove(&s->t[0], r->node);
		table_remove(&s->t[1], r->node);
	} else if (r->type == REC_DONE) {
		table_remove(&s->t[1], r->node);
		nodes_add(&s->done, r->node);
	}
}

static void
forget_all(struct map *m)
{
	int i, k;

	for (i = 0; i < SHARDS; i++) {
		for (k = 0; k < EPOCHS; k++)
			table_free(&m->shard[i].t[k]);
		nodes_clear(&m->shard[i].done);
	}
}

static bool
recover(struct map *m, uint64_t gen, bool fresh, uint64_t *last)
{
	struct seg_head h = { .zone = m->zone };
	struct loading l = { m, false };
	const struct seg_reader r = { &l, load_next, load_record };	/* twice, where the zones had another size */
	char why[128] = "nothing is there";
	int got, i;

	got = maplog_read(&m->log, &r, &h, last, why, sizeof(why));
	if (got == 0 && h.zone != m->zone) {
		forget_all(m);
		l.whole = true;
		got = maplog_read(&m->log, &r, &h, last, why, sizeof(why));
	}
	if (got == 0 && h.gen != gen) {
		snprintf(why, sizeof(why), "of generation %016llx, not %016llx", (unsigned long long)h.gen, (unsigned long long)gen);
		got = -1;
	}
	if (got != 0 || fresh) {
		forget_all(m);
		if (!fresh)
			warn_text("%s: change map of folder %u: %s", m->log.folder, m->log.head.dir, why);
		return !fresh;
	}
	for (i = 0; i < SHARDS; i++) {
		table_merge(&m->shard[i].t[0], &m->shard[i].t[1]);
		if (!h.blind)
			nodes_clear(&m->shard[i].done);
	}
	return h.blind;
}

struct map *
map_open(const char *folder, int dir, uint64_t gen, uint32_t zone, bool fresh, char *err, size_t errsize)
{
	struct map *m = calloc(1, sizeof(*m));
	uint64_t last = 0;
	bool blind;
	int i;

	if (m == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	for (i = 0; i < SHARDS; i++)
		pthread_mutex_init(&m->shard[i].lock, NULL);
	m->zone = zone > 0 ? zone : 8388608;
	if (!maplog_init(&m->log, folder, dir, err, errsize)) {
		map_close(m);
		return NULL;
	}
	blind = recover(m, gen, fresh, &last);
	m->log.head.seq = last;		/* of the one that is there; the first one of this life follows it */
	m->log.head.zone = m->zone;
	atomic_store(&m->seq, last);
	for (i = 0; i < SHARDS; i++)
		m->shard[i].seq[0] = last;
	pthread_mutex_lock(&m->log.lock);
	if (!write_anew(m, gen, blind, true)) {
		snprintf(err, errsize, "%s: %s", folder, strerror(errno));
		pthread_mutex_unlock(&m->log.lock);
		map_close(m);
		return NULL;
	}
	pthread_mutex_unlock(&m->log.lock);
	return m;
}

void
map_close(struct map *m)
{
	int i;

	if (m == NULL)
		return;
	if (m->log.fd >= 0)
		map_flush(m);
	forget_all(m);
	for (i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&m->shard[i].lock);
	maplog_free(&m->log);
	free(m);
}
