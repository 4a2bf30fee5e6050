/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repl.c: operations on their way to the secondary, and the modes that say who waits for what (repl.h).
 *
 * Called by: serve.c's threads, worker.c, psync.c.  An operation gets its number and goes to the socket in the thread that submits it, under the order lock of its
 * connection; it stays in the list of the connection until the secondary has it, or nobody needs it any more.
 */
#include "config.h"
#include "rfs/psync.h"
#include "rfs/repl_impl.h"

#include <errno.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the thread has prepared, for the submission that follows */
static _Thread_local struct { const struct repl *r; uint64_t epoch; } prepared;

void
repl_lock_all(struct repl *r)
{
	int i;

	for (i = 0; i < r->lanes_count; i++)
		pthread_mutex_lock(&r->lanes[i].order);
}

void
repl_unlock_all(struct repl *r)
{
	int i;

	for (i = r->lanes_count - 1; i >= 0; i--)
		pthread_mutex_unlock(&r->lanes[i].order);
}

/* ---- lists ---- */
static void
append(struct lane *l, struct repl_ticket *t)
{
	pthread_mutex_lock(&l->list);
	t->next = NULL;
	if (l->head == NULL)
		l->since = clock_mono_ms();
	*l->tail = t;
	l->tail = &t->next;
	pthread_mutex_unlock(&l->list);
}

struct repl_ticket *
repl_take(struct repl *r, int lane, uint64_t upto)
{
	struct lane *l = &r->lanes[lane];
	struct repl_ticket *first = NULL, **end = &first, *t;

	pthread_mutex_lock(&l->list);
	while ((t = l->head) != NULL && t->seq <= upto) {
		l->head = t->next;
		t->next = NULL;
		*end = t;
		end = &t->next;
	}
	if (l->head == NULL)
		l->tail = &l->head;
	if (first != NULL)
		l->since = clock_mono_ms();
	if (upto != UINT64_MAX && upto > l->acked)
		l->acked = upto;
	pthread_mutex_unlock(&l->list);
	return first;
}

void
repl_finish(struct repl *r, struct repl_ticket *list)
{
	struct repl_ticket *t;
	bool any = list != NULL;

	while ((t = list) != NULL) {
		list = t->next;
		if (t->state == TICKET_OURS) {
			pthread_mutex_lock(&r->lock);
			t->state = TICKET_OURS_DONE;
			pthread_cond_broadcast(&r->cond);
			pthread_mutex_unlock(&r->lock);
		} else {
			r->hooks.done(r->hooks.ctx, t);
		}
	}
	if (any && r->giving) {
		pthread_mutex_lock(&r->lock);
		pthread_cond_broadcast(&r->cond);
		pthread_mutex_unlock(&r->lock);
	}
}

bool
repl_idle(struct repl *r)
{
	bool idle = true;
	int i;

	for (i = 0; i < r->lanes_count && idle; i++) {
		pthread_mutex_lock(&r->lanes[i].list);
		idle = r->lanes[i].head == NULL;
		pthread_mutex_unlock(&r->lanes[i].list);
	}
	return idle;
}

/* ---- events ---- */
static void
event(struct repl *r, json_t *o)
{
	if (o != NULL)
		r->hooks.event(r->hooks.ctx, o);
}

void
repl_ask(struct repl *r, const char *why, bool degraded)
{
	bool again;

	pthread_mutex_lock(&r->lock);
	again = r->asked && (!degraded || r->degraded);
	r->asked = true;
	r->degraded = r->degraded || degraded;
	pthread_mutex_unlock(&r->lock);
	if (again)
		return;
	if (atomic_load(&r->refused))
		stream_drop(r->stream, why);	/* repl_down() does the rest */
	else
		event(r, json_pack("{s:s, s:s, s:b}", "event", "ask-alone", "why", why, "degraded", degraded));
}

void
repl_greet(struct repl *r)
{
	bool pair = atomic_load(&r->mode) == MODE_PAIR;
	struct frame_hello h = { .peer_session = pair ? r->conf.shm->peer_session : 0 };
	char json[] = "{\"pair\":false}";
	int i;

	if (pair)
		strcpy(json, "{\"pair\":true}");
	h.json = json;
	for (i = 0; i < r->lanes_count; i++) {
		h.conn = i;
		h.applied = r->conf.shm->next_seq[i] - 1;
		stream_hello(r->stream, &h);
	}
}

/* ---- the map ---- */
static bool
touch_size(struct repl *r, const struct rfs_op *op)
{
	struct map *m = r->conf.maps[op->dir];
	uint64_t old, from, to;
	struct stat st;

	if (tree_stat(r->conf.trees[op->dir], op->node, &st) != 0 || !S_ISREG(st.st_mode))
		return true;	/* it will fail here as well */
	old = (uint64_t)st.st_size;
	from = old < op->size ? old : op->size;
	to = old < op->size ? op->size : old;
	return from == to || map_touch(m, op->node, from, to - from);
}

static bool
touch(struct repl *r, const struct rfs_op *op)
{
	struct map *m = r->conf.maps[op->dir];

	switch (op->type) {
	case OP_WRITE:
		return op->data_len == 0 || map_touch(m, op->node, op->off, op->data_len);
	case OP_FALLOCATE:
		if ((op->flags & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0)
			return map_touch_all(m, op->node, false);
		__attribute__((fallthrough));
	case OP_COPY:
		return op->len == 0 || map_touch(m, op->node, op->off, op->len);
	case OP_SETATTR:
		return (op->valid & OP_SET_SIZE) == 0 || touch_size(r, op);
	default:
		return true;
	}
}

/* A name was made or moved here: what the other one has under it is another file, whatever its size and times say.  Nothing to wait for. */
static bool
touch_name(struct repl *r, const struct rfs_op *op)
{
	struct map *m = r->conf.maps[op->dir];
	struct stat st;

	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_SYMLINK:
		return op->child == 0 || map_touch_all(m, op->child, true);
	case OP_LINK:
		return map_touch_all(m, op->node, true);
	case OP_RENAME:
		return (op->node == 0 || map_touch_all(m, op->node, true)) &&
		    ((op->flags & RENAME_EXCHANGE) == 0 || op->other == 0 || map_touch_all(m, op->other, true));
	case OP_UNLINK:
	case OP_RMDIR:
		if (op->node != 0 && tree_stat(r->conf.trees[op->dir], op->node, &st) == -ESTALE)
			map_drop(m, op->node);
		return true;
	default:
		return true;
	}
}

/* A cut came between: what is sent behind it belongs to the next one.  It was done here already, so it cannot be refused: a map that cannot be
 * written any more refuses the next one. */
void
repl_touch_again(struct repl *r, const struct rfs_op *op)
{
	struct map *m = r->conf.maps[op->dir];
	bool ok = true;

	if (m == NULL)
		return;
	if (op->type < OP_WRITE)
		ok = touch_name(r, op);
	else if (op->type == OP_SETATTR && (op->valid & OP_SET_SIZE) != 0)
		ok = map_touch_all(m, op->node, false);	/* its former size is not known any more */
	else if (op->type != OP_SETATTR)
		ok = touch(r, op);
	if (!ok)
		warn_errno("change map of folder %d", op->dir);
}

static bool
is_cut_off(const struct repl *r)
{
	return atomic_load_explicit(&r->refused, memory_order_relaxed) && atomic_load(&r->mode) == MODE_PAIR && !atomic_load(&r->up);
}

int
repl_prepare(struct repl *r, const struct rfs_op *op)
{
	struct map *m = op->dir < r->conf.dirs ? r->conf.maps[op->dir] : NULL;

	prepared.r = r;
	prepared.epoch = atomic_load(&r->epoch);
	if (m == NULL)
		return 0;
	if (is_cut_off(r))
		return EIO;
	if (op->type == OP_FSYNC) {
		map_flush(m);
		return 0;
	}
	errno = 0;
	if (!touch(r, op) && !r->conf.degraded)
		return errno != 0 ? errno : EIO;
	return 0;
}

/* ---- submission ---- */
static int
lane_of(const struct repl *r, const struct rfs_op *op)
{
	switch (op->type) {
	case OP_WRITE:
	case OP_SETATTR:
	case OP_FALLOCATE:
	case OP_COPY:
	case OP_FSYNC:
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		return stream_conn_of(r->stream, op->node);
	default:
		return 0;
	}
}

static bool
send_frame(struct repl *r, int lane, uint64_t seq, const struct rfs_op *op, bool again)
{
	uint8_t head[2048];
	struct frame f = { .type = FR_OP, .dir = op->dir, .flags = again ? 1 : 0, .seq = seq, .node = op->node, .body = head,
		.body2 = op->data, .body2_len = op->data_len };

	f.body_len = (uint32_t)frame_op_encode(op, head, sizeof(head));
	if (f.body_len == 0) {
		stream_drop(r->stream, "an operation that cannot be told");
		return false;
	}
	atomic_fetch_add_explicit(&r->op_bytes, FRAME_HEAD + f.body_len + f.body2_len, memory_order_relaxed);
	return stream_send(r->stream, lane, &f);
}

/* Numbers whose operation nobody has any more (a repair of a worker that was killed) become operations that do nothing. */
static bool
fill_holes(struct repl *r, int lane, uint64_t upto)
{
	struct rfs_op nothing = { .type = OP_FSYNC, .node = RFS_ROOT };
	struct lane *l = &r->lanes[lane];

	if (upto > l->sent + HOLES_MAX) {
		stream_drop(r->stream, "the secondary lacks what it had acknowledged");
		return false;
	}
	while (l->sent < upto) {
		l->sent++;
		if (!send_frame(r, lane, l->sent, &nothing, true))
			return false;
	}
	return true;
}

bool
repl_send_op(struct repl *r, int lane, const struct repl_ticket *t, bool again)
{
	struct lane *l = &r->lanes[lane];

	if (t->seq <= l->sent)
		return true;
	if (!fill_holes(r, lane, t->seq - 1))
		return false;
	l->sent = t->seq;	/* first: the answer may be faster than we come back */
	return send_frame(r, lane, t->seq, &t->op, again);
}

/* Its place in the list, under its number or a new one; false: the secondary has it already */
static bool
number(struct repl *r, int lane, struct repl_ticket *t)
{
	struct repl_shm *shm = r->conf.shm;
	struct lane *l = &r->lanes[lane];

	if (t->seq == 0) {
		/* in this order: who is killed between the two has an operation whose number is found again */
		t->conn = (uint32_t)lane;
		__atomic_store_n(&t->seq, shm->next_seq[lane], __ATOMIC_RELEASE);
		__atomic_store_n(&shm->next_seq[lane], t->seq + 1, __ATOMIC_RELEASE);
	} else if (t->seq >= shm->next_seq[lane]) {
		__atomic_store_n(&shm->next_seq[lane], t->seq + 1, __ATOMIC_RELEASE);
	} else if (atomic_load(&r->up) && t->seq <= l->acked) {
		return false;
	}
	append(l, t);
	return true;
}

/* Is something of this file on its way that was answered already? */
static bool
ahead(struct repl *r, int lane, const struct rfs_op *op)
{
	struct lane *l = &r->lanes[lane];
	const struct repl_ticket *t;
	bool is = false;

	pthread_mutex_lock(&l->list);
	for (t = l->head; t != NULL && !is; t = t->next)
		is = __atomic_load_n(&t->ahead, __ATOMIC_ACQUIRE) != 0 && t->op.dir == op->dir && t->op.node == op->node;
	pthread_mutex_unlock(&l->list);
	return is;
}

/* Does it concern this server only?  What was answered when it was acknowledged is there already, with async="none" on the disk; what was answered ahead of
 * that is before an fsync of the file on the same connection */
static bool
needs_nobody(struct repl *r, int lane, const struct repl_ticket *t)
{
	if (t->op.dir >= r->conf.dirs)
		return true;
	return t->op.type == OP_FSYNC && t->seq == 0 && ((t->op.flags & OP_FSYNC_DATA) != 0 || !ahead(r, lane, &t->op));
}

enum repl_sent
repl_submit(struct repl *r, struct repl_ticket *t)
{
	bool again = t->seq != 0;
	int lane = again && t->conn < (uint32_t)r->lanes_count ? (int)t->conn : lane_of(r, &t->op);
	struct lane *l = &r->lanes[lane];
	int mode = atomic_load(&r->mode);
	enum repl_sent sent;

	if (needs_nobody(r, lane, t))
		return REPL_LOCAL;
	if (mode == MODE_SYNC && !again && psync_route(r->ps, &t->op) == ROUTE_SKIP) {
		repl_touch_again(r, &t->op);
		return REPL_LOCAL;
	}
	pthread_mutex_lock(&l->order);
	if (t->op.type < OP_WRITE || prepared.r != r || prepared.epoch != atomic_load(&r->epoch))
		repl_touch_again(r, &t->op);
	prepared.r = NULL;
	atomic_store_explicit(&r->touched, true, memory_order_relaxed);
	mode = atomic_load(&r->mode);
	if (mode == MODE_ALONE || (mode == MODE_SYNC && !atomic_load(&r->up))) {
		pthread_mutex_unlock(&l->order);
		return REPL_LOCAL;
	}
	if (t->state != TICKET_OURS)
		t->state = is_cut_off(r) ? REPL_REFUSED : TICKET_WAITS;
	if (is_cut_off(r)) {
		pthread_mutex_unlock(&l->order);
		return REPL_LOCAL;
	}
	if (!number(r, lane, t)) {
		pthread_mutex_unlock(&l->order);
		return REPL_LOCAL;
	}
	/* what does not go now goes when the stream is back, or is let go */
	sent = atomic_load(&r->up) && repl_send_op(r, lane, t, again) && !again && mode == MODE_PAIR ? REPL_SENT : REPL_WAIT;
	pthread_mutex_unlock(&l->order);
	return sent;
}

/* ---- modes ---- */
void
repl_alone(struct repl *r, uint64_t gen)
{
	struct repl_ticket *t, *u;
	int i;

	repl_lock_all(r);
	atomic_store(&r->mode, MODE_ALONE);
	atomic_store(&r->up, false);
	atomic_store(&r->refused, false);
	r->conf.shm->paired = 0;
	r->conf.shm->peer_session = 0;
	repl_greet(r);
	repl_unlock_all(r);
	pthread_mutex_lock(&r->lock);
	r->gen = gen;
	r->asked = r->confirmed = r->give_sent = false;
	r->giving = false;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
	stream_drop(r->stream, "this server goes on alone");
	for (i = 0; i < r->lanes_count; i++) {
		t = repl_take(r, i, UINT64_MAX);
		for (u = t; u != NULL; u = u->next)
			repl_touch_again(r, &u->op);	/* the secondary may not have it: in the map, whatever cuts have said */
		repl_finish(r, t);
	}
}

void
repl_fail(struct repl *r)
{
	struct repl_ticket *t, *u;
	int i;

	for (i = 0; i < r->lanes_count; i++) {
		t = repl_take(r, i, UINT64_MAX);
		for (u = t; u != NULL; u = u->next) {
			repl_touch_again(r, &u->op);	/* it may be here, and not there */
			if (u->state != TICKET_OURS)
				u->state = REPL_REFUSED;
		}
		repl_finish(r, t);
	}
	event(r, json_pack("{s:s}", "event", "refused"));
}

void
repl_refuse(struct repl *r)
{
	bool down;

	repl_lock_all(r);
	atomic_store(&r->refused, true);
	down = is_cut_off(r);
	repl_unlock_all(r);
	pthread_mutex_lock(&r->lock);
	r->asked = false;	/* one who is connected and does not answer is asked about anew, and dropped */
	pthread_mutex_unlock(&r->lock);
	if (down)
		repl_fail(r);
}

void
repl_paired(struct repl *r, uint64_t gen)
{
	struct frame f = { .type = FR_PAIRED, .aux = gen };
	int d;

	if (atomic_load(&r->mode) != MODE_PAIR)
		return;
	for (d = 0; d < r->conf.dirs; d++)
		if (r->conf.maps[d] != NULL)
			map_reset(r->conf.maps[d], gen);
	pthread_mutex_lock(&r->lock);
	r->gen = gen;
	r->confirmed = true;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
	if (atomic_load(&r->up))
		stream_send(r->stream, 0, &f);	/* if it breaks, repl_up() says it again */
}

void
repl_sync_begin(struct repl *r)
{
	repl_lock_all(r);
	if (atomic_load(&r->mode) == MODE_ALONE && atomic_load(&r->up))
		atomic_store(&r->mode, MODE_SYNC);
	repl_unlock_all(r);
}

bool
repl_sync_end(struct repl *r)
{
	bool ok;

	repl_lock_all(r);
	ok = atomic_load(&r->mode) == MODE_SYNC && atomic_load(&r->up);
	if (ok) {
		r->conf.shm->peer_session = r->their_session;
		r->conf.shm->session = r->conf.stream.session;
		__atomic_store_n(&r->conf.shm->paired, 1, __ATOMIC_RELEASE);
		r->confirmed = false;
		atomic_store(&r->mode, MODE_PAIR);
		repl_greet(r);
	}
	repl_unlock_all(r);
	if (!ok)
		return false;
	event(r, json_pack("{s:s, s:s}", "event", "pair", "why", ""));
	pthread_mutex_lock(&r->lock);
	while (!r->confirmed && !r->stop && atomic_load(&r->mode) == MODE_PAIR)
		pthread_cond_wait(&r->cond, &r->lock);
	ok = r->confirmed;
	pthread_mutex_unlock(&r->lock);
	return ok;
}

void
repl_give(struct repl *r)
{
	pthread_mutex_lock(&r->lock);
	r->giving = true;
	pthread_cond_broadcast(&r->cond);	/* the timer does it */
	pthread_mutex_unlock(&r->lock);
}

bool
repl_wait_idle(struct repl *r, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	struct timespec nap = { 0, 1000000 };

	while (!repl_idle(r)) {
		if (clock_mono_ms() >= until)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

/* ---- begin and end ---- */
struct repl *
repl_new(const struct repl_conf *conf, const struct repl_hooks *hooks)
{
	struct stream_hooks sh = { .up = repl_up, .down = repl_down, .frame = repl_frame };
	struct repl *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	int i;

	if (r == NULL)
		return NULL;
	r->conf = *conf;
	if (r->conf.stream.session == 0)
		r->conf.stream.session = conf->shm->session != 0 ? conf->shm->session : state_generation();
	conf = &r->conf;
	r->hooks = *hooks;
	r->lanes_count = conf->stream.conns;
	r->cut_ms = CUT_MS;
	r->down_ms = clock_mono_ms();
	sh.ctx = r;
	r->stream = stream_new(&conf->stream, &sh);
	if (r->stream == NULL || r->lanes_count > REPL_CONNS_MAX) {
		stream_free(r->stream);
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->cond, &attr);
	pthread_condattr_destroy(&attr);
	for (i = 0; i < r->lanes_count; i++) {
		pthread_mutex_init(&r->lanes[i].order, NULL);
		pthread_mutex_init(&r->lanes[i].list, NULL);
		r->lanes[i].tail = &r->lanes[i].head;
		if (conf->shm->next_seq[i] == 0 || conf->shm->session != conf->stream.session)
			conf->shm->next_seq[i] = 1;
	}
	if (conf->shm->session != conf->stream.session) {
		conf->shm->paired = 0;
		conf->shm->peer_session = 0;
		conf->shm->session = conf->stream.session;
	}
	conf->shm->conns = (uint32_t)r->lanes_count;
	atomic_store(&r->epoch, 1);
	atomic_store(&r->mode, conf->pair ? MODE_PAIR : MODE_ALONE);
	r->confirmed = conf->pair;
	repl_greet(r);
	return r;
}

void
repl_set_sync(struct repl *r, struct psync *ps)
{
	r->ps = ps;
}

bool
repl_start(struct repl *r, char *err, size_t errsize)
{
	r->timer_runs = pthread_create(&r->timer, NULL, repl_timer, r) == 0;
	if (r->conf.refused)
		repl_refuse(r);
	if (r->conf.degraded)
		return r->timer_runs;
	r->cutter_runs = pthread_create(&r->cutter, NULL, repl_cutter, r) == 0;
	if (!r->timer_runs || !r->cutter_runs) {
		str_copy(err, errsize, "no threads for the replication");
		return false;
	}
	return stream_start(r->stream, err, errsize);
}

struct stream *
repl_stream(struct repl *r)
{
	return r->stream;
}

void
repl_stop(struct repl *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
	stream_stop(r->stream);
}

void
repl_free(struct repl *r)
{
	int i;

	if (r == NULL)
		return;
	repl_stop(r);
	if (r->cutter_runs)
		pthread_join(r->cutter, NULL);
	if (r->timer_runs)
		pthread_join(r->timer, NULL);
	stream_free(r->stream);
	for (i = 0; i < r->lanes_count; i++) {
		pthread_mutex_destroy(&r->lanes[i].order);
		pthread_mutex_destroy(&r->lanes[i].list);
	}
	pthread_cond_destroy(&r->cond);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
