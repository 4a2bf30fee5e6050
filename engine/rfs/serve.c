/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.c: the shared memory, its slots, the threads that read the kernel's requests into them, answers, and what a killed worker left.
 *
 * A thread takes a free slot, reads a request straight into it and handles it.  What waits for the secondary keeps its slot, not its thread: the thread takes
 * another one, and whoever comes last (the thread with the local part, repl's with the acknowledgement) answers.
 */
#include "config.h"
#include "rfs/serve_impl.h"
#include "rfs/psync.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23		/* Linux 5.14 */
#endif
#define WAKE_SIGNAL	SIGURG		/* ends a read() of a thread that is to stop; ignored otherwise */

/* ---- slots ---- */

static void
clear(struct slot *z)
{
	SERVE_POINT(8);
	__atomic_store_n(&slot_head(z)->len, 0, __ATOMIC_RELEASE);	/* first: from here on there is nothing in it */
	SERVE_POINT(9);
	__atomic_store_n(&z->ticket.seq, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&z->stage, ST_IDLE, __ATOMIC_RELEASE);
}

static void
give_slot(struct serve *s, struct slot *z)
{
	pthread_mutex_lock(&s->lock);
	s->free_slots[s->free_count++] = (int)(z - s->slots);
	pthread_cond_signal(&s->freed);
	pthread_mutex_unlock(&s->lock);
}

/* The slot's memory is there and stays: from the first use in this process on, as all of it at once would make a new worker wait */
static void
settle_down(struct serve *s, struct slot *z)
{
	bool *there = &s->there[z - s->slots];

	/* both: a process that may lock nothing (and one under a sanitizer, where mlock() does nothing) has the pages there at least */
	if (!*there && (madvise(z, sizeof(*z), MADV_POPULATE_WRITE) == -1 || mlock(z, sizeof(*z)) == -1))
		warn_errno("lock %zu bytes of memory", sizeof(*z));
	*there = true;
}

/* NULL: it stops */
static struct slot *
take_slot(struct serve *s)
{
	struct slot *z = NULL;

	pthread_mutex_lock(&s->lock);
	while (s->free_count == 0 && !s->stop)
		pthread_cond_wait(&s->freed, &s->lock);
	if (!s->stop)
		z = &s->slots[s->free_slots[--s->free_count]];
	pthread_mutex_unlock(&s->lock);
	if (z != NULL)
		settle_down(s, z);
	return z;
}

/* ---- answers ---- */

/* ENOENT: answered before, or nobody waits any more; ENODEV: unmounted */
static void
send_out(struct serve *s, struct slot *z, const void *out, size_t len)
{
	ssize_t n;

	do
		n = write(s->conf.fuse_fd[z->dir], out, len);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno != ENOENT && errno != ENODEV)
		warn_errno("answer of %zu bytes to request %u", len, slot_head(z)->opcode);
}

void
serve_out(struct slot *z, int err, const void *body, size_t len)
{
	size_t n = sizeof(z->out.h) + (err == 0 ? len : 0);

	z->out.h = (struct fuse_out_header){ .len = (uint32_t)n, .error = -err, .unique = slot_head(z)->unique };
	if (n > sizeof(z->out.h))
		memcpy(z->out.bytes + sizeof(z->out.h), body, len);
	z->out_len = (uint32_t)n;
}

void
serve_answer(struct serve *s, struct slot *z)
{
	if (z->ticket.state == REPL_REFUSED)
		serve_out(z, EIO, NULL, 0);	/* done here, but it cannot be promised */
	__atomic_store_n(&z->stage, ST_DONE, __ATOMIC_RELEASE);
	SERVE_POINT(10);
	if (z->ticket.ahead == 0)
		send_out(s, z, &z->out, z->out_len);
	clear(z);
}

/* Killed between the two: the successor knows nothing of it and answers, perhaps again, which the kernel takes once */
void
serve_answer_ahead(struct serve *s, struct slot *z)
{
	__atomic_store_n(&z->ticket.ahead, 1, __ATOMIC_RELEASE);
	SERVE_POINT(13);
	send_out(s, z, &z->out, z->out_len);
}

void
serve_reply(struct serve *s, struct slot *z, int err, const void *body, size_t len)
{
	serve_out(z, err, body, len);
	send_out(s, z, &z->out, z->out_len);
	clear(z);
}

void
serve_reply_data(struct serve *s, struct slot *z, size_t len)
{
	uint8_t *at = z->in + SLOT_DATA - sizeof(struct fuse_out_header);
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + len), .unique = slot_head(z)->unique };

	memcpy(at, &h, sizeof(h));
	send_out(s, z, at, h.len);
	clear(z);
}

/* The secondary has it, or nobody needs it any more.  In any thread */
void
serve_done(void *serve, struct repl_ticket *t)
{
	struct slot *z = (struct slot *)(void *)((uint8_t *)t - offsetof(struct slot, ticket));
	struct serve *s = serve;

	SERVE_POINT(11);
	if (__atomic_sub_fetch(&z->left, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	serve_answer(s, z);
	give_slot(s, z);
}

/* ---- threads ---- */

/* true: answered, the slot is empty again */
static bool
handle(struct serve *s, struct slot *z)
{
	switch (slot_head(z)->opcode) {
	case FUSE_CREATE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_WRITE:
	case FUSE_SETATTR:
	case FUSE_FALLOCATE:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_SETXATTR:
	case FUSE_REMOVEXATTR:
		return serve_change(s, z);
	default:
		serve_read(s, z);
		return true;
	}
}

static void *
serving(void *arg)
{
	struct serving *me = arg;
	struct serve *s = me->s;
	int fd = s->conf.fuse_fd[me->dir];
	struct slot *z = NULL;
	ssize_t n;

	op_thread_init();
	while (!__atomic_load_n(&s->stop, __ATOMIC_SEQ_CST)) {
		if (z == NULL) {
			z = take_slot(s);
			if (z == NULL)
				break;
		}
		z->dir = (uint8_t)me->dir;
		n = read(fd, z->in, SLOT_IN);
		if (n == -1 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header)) {
			if (n != -1 || errno != ENODEV)
				warn_errno("a request of the kernel");
			break;
		}
		SERVE_POINT(12);
		if (!handle(s, z))
			z = NULL;
	}
	if (z != NULL)
		give_slot(s, z);
	__atomic_store_n(&me->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void
woken(int sig)
{
}

static bool
start_threads(struct serve *s, char *err, size_t errsize)
{
	struct sigaction sa = { .sa_handler = woken };
	int per = s->conf.dirs == 1 ? SERVE_THREADS : s->conf.dirs <= 4 ? SERVE_THREADS / 2 : 2, dir, i, rc;

	sigaction(WAKE_SIGNAL, &sa, NULL);
	for (dir = 0; dir < s->conf.dirs; dir++)
		for (i = 0; i < per; i++) {
			struct serving *t = &s->threads[s->threads_count];

			*t = (struct serving){ .s = s, .dir = dir };
			rc = pthread_create(&t->thread, NULL, serving, t);
			if (rc != 0) {
				snprintf(err, errsize, "thread: %s", strerror(rc));
				return false;
			}
			s->threads_count++;
		}
	return true;
}

/* ---- what a killed worker left ---- */

/* First what has a number, in its order; then what had begun, as it held its locks; then what waited for them,
 * whatever the kernel's numbers say (each CPU counts its own) */
static int
rank(const struct slot *z)
{
	return z->ticket.seq != 0 ? 0 : z->stage == ST_APPLYING || z->stage == ST_APPLIED ? 1 : 2;
}

static int
in_order(const void *a, const void *b)
{
	const struct slot *x = *(struct slot *const *)a, *y = *(struct slot *const *)b;
	uint64_t sx = x->ticket.seq, sy = y->ticket.seq, ux, uy;

	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	if (sx != sy)
		return sx < sy ? -1 : 1;
	ux = ((const struct fuse_in_header *)(const void *)x->in)->unique;
	uy = ((const struct fuse_in_header *)(const void *)y->in)->unique;
	return ux < uy ? -1 : ux > uy;
}

static void
replay(struct serve *s)
{
	struct slot *left[SERVE_SLOTS];
	int i, n = 0;
	bool mine;

	for (i = SERVE_SLOTS - 1; i >= 0; i--) {
		struct slot *z = &s->slots[i];

		if (slot_head(z)->len == 0 || z->dir >= s->conf.dirs) {
			clear(z);
			give_slot(s, z);
		} else {
			settle_down(s, z);
			left[n++] = z;
		}
	}
	qsort(left, (size_t)n, sizeof(left[0]), in_order);
	for (i = 0; i < n; i++) {
		mine = true;
		if (left[i]->stage == ST_DONE)
			serve_answer(s, left[i]);
		else if (left[i]->stage == ST_IDLE)
			mine = handle(s, left[i]);
		else
			mine = serve_again(s, left[i]);
		if (mine)
			give_slot(s, left[i]);
	}
	if (n > 0)
		debug_text("%d requests of the former worker finished", n);
}

/* ---- begin and end ---- */

#define SHM_SIZE (SHM_HEAD + (size_t)SERVE_SLOTS * SLOT_SIZE)

static bool
map_shm(struct serve *s, char *err, size_t errsize)
{
	struct stat st;
	void *p;

	if (fstat(s->conf.shm_fd, &st) == -1 || (st.st_size != (off_t)SHM_SIZE && ftruncate(s->conf.shm_fd, (off_t)SHM_SIZE) == -1)) {
		snprintf(err, errsize, "shared memory: %s", strerror(errno));
		return false;
	}
	p = mmap(NULL, SHM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->conf.shm_fd, 0);
	if (p == MAP_FAILED) {
		snprintf(err, errsize, "shared memory: %s", strerror(errno));
		return false;
	}
	s->shm = p;
	s->slots = (struct slot *)(void *)((uint8_t *)p + SHM_HEAD);
	if (s->shm->magic == 0) {
		s->shm->version = SHM_VERSION;
		s->shm->slots = SERVE_SLOTS;
		__atomic_store_n(&s->shm->magic, SHM_MAGIC, __ATOMIC_RELEASE);
	}
	if (s->shm->magic != SHM_MAGIC || s->shm->version != SHM_VERSION || s->shm->slots != SERVE_SLOTS) {
		snprintf(err, errsize, "shared memory of another version (%u)", s->shm->version);
		return false;
	}
	return true;
}

static void
free_serve(struct serve *s)
{
	int i;

	if (s->shm != NULL)
		munmap(s->shm, SHM_SIZE);
	for (i = 0; i < STRIPES; i++)
		pthread_mutex_destroy(&s->stripes[i].lock);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->freed);
	free(s);
}

struct serve *
serve_new(const struct serve_conf *conf, char *err, size_t errsize)
{
	struct serve *s = calloc(1, sizeof(*s));
	int i;

	if (s == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	s->conf = *conf;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->freed, NULL);
	for (i = 0; i < STRIPES; i++)
		pthread_mutex_init(&s->stripes[i].lock, NULL);
	if (!map_shm(s, err, errsize)) {
		free_serve(s);
		return NULL;
	}
	return s;
}

struct repl_shm *
serve_shm(struct serve *s)
{
	return &s->shm->repl;
}

bool
serve_start(struct serve *s, struct repl *r, struct psync *ps, char *err, size_t errsize)
{
	s->repl = r;
	signal(SIGXFSZ, SIG_IGN);
	if (!orphans_start(s, err, errsize) || !refused_start(s, err, errsize))
		return false;
	op_thread_init();
	replay(s);
	return start_threads(s, err, errsize);
}

void
serve_settle(void *serve)
{
	struct timespec tick = { .tv_nsec = 200000 };
	struct serve *s = serve;
	uint32_t was[SERVE_SLOTS];
	int i;

	for (i = 0; i < SERVE_SLOTS; i++)
		was[i] = __atomic_load_n(&s->turn[i], __ATOMIC_SEQ_CST);
	for (i = 0; i < SERVE_SLOTS; i++)
		while ((was[i] & 1) != 0 && __atomic_load_n(&s->turn[i], __ATOMIC_SEQ_CST) == was[i])
			nanosleep(&tick, NULL);
}

void
serve_stop(struct serve *s)
{
	struct timespec tick = { .tv_nsec = 1000000 };
	int i;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->freed);
	pthread_mutex_unlock(&s->lock);
	for (i = 0; i < s->threads_count; i++) {
		/* the signal may come just before the read(): again until it has ended */
		while (!__atomic_load_n(&s->threads[i].over, __ATOMIC_SEQ_CST)) {
			pthread_kill(s->threads[i].thread, WAKE_SIGNAL);
			nanosleep(&tick, NULL);
		}
		pthread_join(s->threads[i].thread, NULL);
	}
	refused_stop(s);
	orphans_stop(s);
}
