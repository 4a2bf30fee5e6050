/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second_table.c: the secondary's memory that outlives its worker: what was applied, and which file of ours is which of the primary's.
 *
 * Owns: the shared memory of the term.  Called by: second.c, second_apply.c.  A worker may be killed at any instruction: an entry is written behind its
 * value, a larger table is built aside and counts when one word says so.  Open addressing; a place is never used again for another file before the table
 * is built anew.
 */
#include "config.h"
#include "rfs/second_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC		UINT64_C(0x736b72667332310a)
#define HEAD_SIZE	65536u
#define FIRST_CAP	1024u
#define CAP_MAX		(UINT64_C(1) << 32)

_Static_assert(sizeof(struct second_shm) <= HEAD_SIZE, "the head fits");

static uint64_t
hash(uint64_t node)
{
	node ^= node >> 32;
	node *= UINT64_C(0xd6e8feb86659fd93);
	node ^= node >> 32;
	node *= UINT64_C(0xd6e8feb86659fd93);
	return node ^ node >> 32;
}

static struct entry *
map_region(const struct tables *t, const struct region *r)
{
	void *p = mmap(NULL, r->cap * sizeof(struct entry), PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, (off_t)r->off);

	if (p == MAP_FAILED)
		return NULL;
	return p;
}

static bool
region_ok(const struct second_shm *shm, const struct region *r)
{
	return r->cap >= FIRST_CAP && r->cap <= CAP_MAX && (r->cap & (r->cap - 1)) == 0 && r->off >= HEAD_SIZE && r->off % 4096 == 0 &&
	    r->off <= shm->end && r->cap * sizeof(struct entry) <= shm->end - r->off;
}

bool
tables_open(struct tables *t, int fd, uint64_t session, char *err, size_t errsize)
{
	off_t size = lseek(fd, 0, SEEK_END);
	int i;

	memset(t, 0, sizeof(*t));
	t->fd = fd;
	if (size < 0 || (size < (off_t)HEAD_SIZE && ftruncate(fd, HEAD_SIZE) != 0)) {
		snprintf(err, errsize, "shared memory: %s", strerror(errno));
		return false;
	}
	t->shm = mmap(NULL, HEAD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t->shm == MAP_FAILED) {
		t->shm = NULL;
		snprintf(err, errsize, "shared memory: %s", strerror(errno));
		return false;
	}
	pthread_rwlock_init(&t->lock, NULL);
	if (t->shm->magic != MAGIC || (session != 0 && t->shm->session != session)) {
		t->shm->magic = 0;
		memset((uint8_t *)t->shm + sizeof(t->shm->magic), 0, sizeof(*t->shm) - sizeof(t->shm->magic));
		t->shm->session = session != 0 ? session : state_generation();
		t->shm->end = HEAD_SIZE;
		__atomic_store_n(&t->shm->magic, MAGIC, __ATOMIC_RELEASE);
	}
	for (i = 0; i < RFS_DIRS_MAX; i++) {
		const struct table_head *h = &t->shm->heads[i];
		const struct region *r = &h->regions[h->cur & 1];

		if (r->cap == 0)
			continue;
		t->map[i] = region_ok(t->shm, r) && (off_t)(r->off + r->cap * sizeof(struct entry)) <= size ? map_region(t, r) : NULL;
		if (t->map[i] == NULL) {
			snprintf(err, errsize, "shared memory of a former worker is damaged");
			tables_close(t);
			return false;
		}
		t->cap[i] = r->cap;
	}
	return true;
}

void
tables_close(struct tables *t)
{
	int i;

	if (t->shm == NULL)
		return;
	for (i = 0; i < RFS_DIRS_MAX; i++)
		if (t->map[i] != NULL)
			munmap(t->map[i], t->cap[i] * sizeof(struct entry));
	munmap(t->shm, HEAD_SIZE);
	pthread_rwlock_destroy(&t->lock);
	memset(t, 0, sizeof(*t));
}

/* The place of a node, or the free one where it would be */
static struct entry *
find(struct entry *map, uint64_t cap, uint64_t theirs)
{
	uint64_t i = hash(theirs) & (cap - 1), k;

	while ((k = __atomic_load_n(&map[i].theirs, __ATOMIC_ACQUIRE)) != 0 && k != theirs)
		i = (i + 1) & (cap - 1);
	return &map[i];
}

uint64_t
tables_get(struct tables *t, int dir, uint64_t theirs)
{
	uint64_t ours = 0;

	if (theirs == RFS_ROOT)
		return RFS_ROOT;
	if (theirs == 0)
		return 0;
	pthread_rwlock_rdlock(&t->lock);
	if (t->map[dir] != NULL)
		ours = __atomic_load_n(&find(t->map[dir], t->cap[dir], theirs)->ours, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&t->lock);
	return ours;
}

/* A table of that many places behind all others; what it replaces is given back */
static bool
rebuild(struct tables *t, int dir, uint64_t cap)
{
	struct table_head *h = &t->shm->heads[dir];
	struct region old = h->regions[h->cur & 1], r = { t->shm->end, cap };
	uint64_t i, used = 0;
	struct entry *map;

	if (cap > CAP_MAX || ftruncate(t->fd, (off_t)(r.off + cap * sizeof(struct entry))) != 0)
		return false;
	/* what a killed worker began to build here is no entry */
	if (fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)r.off, (off_t)(cap * sizeof(struct entry))) != 0)
		return false;
	map = map_region(t, &r);
	if (map == NULL)
		return false;
	for (i = 0; i < t->cap[dir]; i++) {
		if (t->map[dir][i].theirs == 0 || t->map[dir][i].ours == 0)
			continue;
		*find(map, cap, t->map[dir][i].theirs) = t->map[dir][i];
		used++;
	}
	h->regions[(h->cur & 1) ^ 1] = r;
	t->shm->end = r.off + cap * sizeof(struct entry);
	__atomic_store_n(&h->cur, (h->cur & 1) ^ 1, __ATOMIC_RELEASE);
	h->used = used;		/* one that is too large only builds anew too early */
	if (t->map[dir] != NULL) {
		munmap(t->map[dir], t->cap[dir] * sizeof(struct entry));
		if (fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)old.off, (off_t)(old.cap * sizeof(struct entry))) != 0)
			warn_errno("shared memory");
	}
	t->map[dir] = map;
	t->cap[dir] = cap;
	return true;
}

static uint64_t
living(const struct tables *t, int dir)
{
	uint64_t i, n = 0;

	for (i = 0; i < t->cap[dir]; i++)
		n += t->map[dir][i].theirs != 0 && t->map[dir][i].ours != 0;
	return n;
}

bool
tables_set(struct tables *t, int dir, uint64_t theirs, uint64_t ours)
{
	struct entry *e;
	bool ok = true;

	if (theirs == 0 || theirs == RFS_ROOT)
		return true;
	pthread_rwlock_wrlock(&t->lock);
	if (t->map[dir] == NULL && ours != 0)
		ok = rebuild(t, dir, FIRST_CAP);
	else if (ours != 0 && (t->shm->heads[dir].used + 1) * 4 > t->cap[dir] * 3)
		ok = rebuild(t, dir, living(t, dir) * 2 > t->cap[dir] ? t->cap[dir] * 2 : t->cap[dir]);
	if (ok && t->map[dir] != NULL) {
		e = find(t->map[dir], t->cap[dir], theirs);
		if (e->theirs != 0 || ours != 0)
			__atomic_store_n(&e->ours, ours, __ATOMIC_RELEASE);
		if (e->theirs == 0 && ours != 0) {
			t->shm->heads[dir].used++;
			__atomic_store_n(&e->theirs, theirs, __ATOMIC_RELEASE);
		}
	}
	pthread_rwlock_unlock(&t->lock);
	return ok;
}

void
tables_clear(struct tables *t)
{
	int i;

	pthread_rwlock_wrlock(&t->lock);
	for (i = 0; i < RFS_DIRS_MAX; i++) {
		if (t->map[i] == NULL)
			continue;
		memset(t->map[i], 0, t->cap[i] * sizeof(struct entry));
		t->shm->heads[i].used = 0;
	}
	pthread_rwlock_unlock(&t->lock);
}
