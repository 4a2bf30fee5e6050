/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repl_time.c: what the primary does because time went by: asks to go on alone, tells bandwidths, gives, cuts the map.
 *
 * Called by: two threads of its own.  A cut (map.h): the maps of both begin anew; when the secondary's disk has all that was sent before, and ours
 * has it too, what was touched before is forgotten.
 */
#include "config.h"
#include "rfs/psync.h"
#include "rfs/repl_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RATES	3		/* seconds of a mean bandwidth (ours) */

bool
repl_wait_ms(struct repl *r, int64_t ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return pthread_cond_timedwait(&r->cond, &r->lock, &ts) != ETIMEDOUT;
}

/* ---- timeouts ---- */
static void
look_at_time(struct repl *r)
{
	int64_t now = clock_mono_ms(), since = INT64_MAX;
	int mode = atomic_load(&r->mode), i;
	char why[SK_TEXT_MAX];

	for (i = 0; i < r->lanes_count; i++) {
		struct lane *l = &r->lanes[i];

		pthread_mutex_lock(&l->list);
		if (l->head != NULL && l->since < since)
			since = l->since;
		pthread_mutex_unlock(&l->list);
	}
	if (mode == MODE_PAIR && !atomic_load(&r->up) && !atomic_load(&r->stranger) && now - r->down_ms >= r->conf.stream.send_ms) {
		snprintf(why, sizeof(why), "no connection with the secondary for %d s", (int)(r->conf.stream.send_ms / 1000));
		repl_ask(r, why, false);
	} else if (since != INT64_MAX && now - since >= r->conf.lock_ms) {
		snprintf(why, sizeof(why), "no answer of the secondary for %d s", (int)(r->conf.lock_ms / 1000));
		if (mode == MODE_PAIR)
			repl_ask(r, why, false);
		else
			stream_drop(r->stream, why);
	}
}

/* ---- swap ---- */
static void
give(struct repl *r)
{
	struct frame f = { .type = FR_GIVE };
	int i;

	repl_lock_all(r);
	if (atomic_load(&r->mode) == MODE_PAIR && atomic_load(&r->up) && repl_idle(r)) {
		pthread_mutex_lock(&r->lock);
		r->give_sent = true;
		pthread_mutex_unlock(&r->lock);
		for (i = 0; i < r->lanes_count; i++)
			stream_send(r->stream, i, &f);
	}
	repl_unlock_all(r);
}

/* ---- bandwidth ---- */
struct rate { uint64_t at[RATES + 1]; };	/* newest first */

static int64_t
rate(struct rate *h, uint64_t total)
{
	memmove(h->at + 1, h->at, sizeof(h->at) - sizeof(h->at[0]));
	h->at[0] = total;
	return (int64_t)((h->at[0] - h->at[RATES]) / RATES / 1024);
}

struct rates { struct rate in, out, ops; int64_t last[4]; };

static void
tell_rates(struct repl *r, struct rates *h)
{
	uint64_t bytes_in, bytes_out, ops = atomic_load(&r->op_bytes);
	int64_t now[4];

	stream_stats(r->stream, &bytes_in, &bytes_out);
	now[0] = rate(&h->ops, ops);
	now[2] = rate(&h->in, bytes_in);
	now[3] = rate(&h->out, bytes_out);
	now[1] = now[3] > now[0] ? now[3] - now[0] : 0;
	if (memcmp(now, h->last, sizeof(now)) == 0)
		return;
	memcpy(h->last, now, sizeof(now));
	r->hooks.event(r->hooks.ctx, json_pack("{s:s, s:I, s:I, s:I, s:I}", "event", "bandwidth", "rep_kbs", (json_int_t)now[0],
	    "rei_kbs", (json_int_t)now[1], "in_kbs", (json_int_t)now[2], "out_kbs", (json_int_t)now[3]));
}

void *
repl_timer(void *arg)
{
	struct repl *r = arg;
	int64_t told = clock_mono_ms(), every = r->conf.stream.send_ms < r->conf.lock_ms ? r->conf.stream.send_ms : r->conf.lock_ms;
	struct rates h = { 0 };
	bool giving;
	int i;

	every = every / 4 > 250 ? 250 : every / 4 < 10 ? 10 : every / 4;
	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		repl_wait_ms(r, every);
		giving = r->giving && !r->give_sent && !r->given;
		pthread_mutex_unlock(&r->lock);
		look_at_time(r);
		if (giving)
			give(r);
		if (clock_mono_ms() - told >= 1000) {
			told += 1000;
			tell_rates(r, &h);
			for (i = 0; i < r->conf.dirs; i++)	/* names that were made or moved: nobody waits for their records */
				if (r->conf.maps[i] != NULL)
					map_flush(r->conf.maps[i]);
		}
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- cuts ---- */
struct cut { uint64_t number, life; uint64_t maps[RFS_DIRS_MAX]; bool open /* sent over all connections */; };

static bool
whole(struct repl *r)
{
	return atomic_load(&r->mode) == MODE_PAIR && atomic_load(&r->up) && r->confirmed;
}

static void
begin_cut(struct repl *r, struct cut *c)
{
	struct frame f = { .type = FR_CUT };
	int i;

	atomic_store(&r->touched, false);
	pthread_mutex_lock(&r->lock);
	c->number = f.aux = ++r->cut;
	c->life = r->life;
	pthread_mutex_unlock(&r->lock);
	for (i = 0; i < r->conf.dirs; i++)
		if (r->conf.maps[i] != NULL)
			c->maps[i] = map_cut_begin(r->conf.maps[i]);
	atomic_fetch_add(&r->epoch, 1);
	if (r->hooks.settle != NULL)
		r->hooks.settle(r->hooks.ctx);
	c->open = true;
	for (i = 0; i < r->lanes_count && c->open; i++) {
		pthread_mutex_lock(&r->lanes[i].order);
		c->open = stream_send(r->stream, i, &f);
		pthread_mutex_unlock(&r->lanes[i].order);
	}
}

/* Both disks have what was before: forgotten here and there */
static void
commit_cut(struct repl *r, const struct cut *c)
{
	struct frame f = { .type = FR_CUT_COMMIT, .aux = c->number };
	bool ok;
	int i;

	for (i = 0; i < r->conf.dirs; i++)
		if (r->conf.trees[i] != NULL && syncfs(tree_hidden(r->conf.trees[i], "tmp")) != 0) {
			warn_errno("replicated folder %s", tree_path(r->conf.trees[i]));
			return;
		}
	pthread_mutex_lock(&r->lock);
	while (!r->stop && r->life == c->life && r->cut_done < c->number)
		pthread_cond_wait(&r->cond, &r->lock);
	ok = r->cut_done == c->number && r->life == c->life;
	pthread_mutex_unlock(&r->lock);
	if (!ok || !whole(r))
		return;
	for (i = 0; i < r->conf.dirs; i++)
		if (r->conf.maps[i] != NULL)
			map_cut_commit(r->conf.maps[i], c->maps[i]);
	stream_send(r->stream, 0, &f);
}

/* When the pair was idle there is one more, as a commit forgets what was before the cut before it (map.h). */
void *
repl_cutter(void *arg)
{
	struct repl *r = arg;
	struct cut c;
	int64_t since, left;
	int more = 0;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		since = clock_mono_ms();
		while (!r->stop && (left = since + r->cut_ms - clock_mono_ms()) > 0)
			repl_wait_ms(r, left);
		if (r->stop || !whole(r))
			continue;
		more = atomic_load(&r->touched) ? 1 : more - 1;
		if (more < 0)
			continue;
		pthread_mutex_unlock(&r->lock);
		begin_cut(r, &c);
		if (c.open)
			commit_cut(r, &c);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}
