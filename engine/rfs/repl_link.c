/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repl_link.c: what the stream tells the primary: a secondary is there, is gone, has applied.
 *
 * Called by: the stream's own thread (up, down) and its readers.  Who comes back with the session that we paired with gets what it lacks, in order; anybody else
 * synchronises when this server is alone, and waits until then.
 */
#include "config.h"
#include "rfs/psync.h"
#include "rfs/repl_impl.h"

#include <stdio.h>
#include <string.h>

static bool
told(const struct frame_hello *h, const char *word)
{
	json_t *o = h->json != NULL ? json_loads(h->json, 0, NULL) : NULL;
	bool yes = json_is_true(json_object_get(o, word));

	json_decref(o);
	return yes;
}

static void
tell_peer(struct repl *r, bool up, const char *node, const char *why)
{
	json_t *o = json_pack("{s:s, s:b, s:s, s:s}", "event", "peer", "up", up, "node", node, "why", why);

	if (o != NULL)
		r->hooks.event(r->hooks.ctx, o);
}

/* All that it lacks, over all connections; the order of all is held */
static bool
resend(struct repl *r, const struct frame_hello *hello, struct repl_ticket **done)
{
	struct frame paired = { .type = FR_PAIRED, .aux = r->gen };
	struct repl_ticket *t;
	int i;

	for (i = 0; i < r->lanes_count; i++) {
		done[i] = repl_take(r, i, hello[i].applied);
		r->lanes[i].sent = hello[i].applied;
	}
	for (i = 0; i < r->lanes_count; i++)
		for (t = r->lanes[i].head; t != NULL; t = t->next)
			if (!repl_send_op(r, i, t, true))
				return false;
	return !r->confirmed || stream_send(r->stream, 0, &paired);
}

/* Did it apply what it has acknowledged, and nothing that was not sent? */
static bool
plausible(struct repl *r, const struct frame_hello *hello)
{
	int i;

	for (i = 0; i < r->lanes_count; i++)
		if (hello[i].applied >= r->conf.shm->next_seq[i] || hello[i].applied < r->lanes[i].acked)
			return false;
	return true;
}

static void
up_paired(struct repl *r, const struct frame_hello *hello, struct repl_ticket **done)
{
	bool ours;

	if (atomic_load(&r->refused)) {		/* what has failed meanwhile it lacks */
		atomic_store(&r->stranger, true);
		repl_unlock_all(r);
		return;
	}
	ours = hello[0].session == r->conf.shm->peer_session && hello[0].peer_session == r->conf.stream.session && told(&hello[0], "whole");

	if (!ours || !plausible(r, hello)) {
		atomic_store(&r->stranger, true);
		repl_unlock_all(r);
		repl_ask(r, ours ? "the secondary lacks what it had acknowledged" : "the secondary began anew", false);
		return;
	}
	if (resend(r, hello, done))
		atomic_store(&r->up, true);
	pthread_mutex_lock(&r->lock);
	r->asked = false;
	r->give_sent = false;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
	repl_unlock_all(r);
}

static void
up_alone(struct repl *r, const struct frame_hello *hello)
{
	const char *why = "the primary went on without this server";
	struct frame out = { .type = FR_OUT, .body = why, .body_len = (uint32_t)strlen(why) };
	bool stale = told(&hello[0], "synced") && hello[0].peer_session == r->conf.stream.session;
	int i;

	for (i = 0; i < r->lanes_count; i++) {
		r->lanes[i].sent = r->conf.shm->next_seq[i] - 1;
		r->lanes[i].acked = r->lanes[i].sent;
	}
	atomic_store(&r->stranger, stale || r->ps == NULL);
	atomic_store(&r->up, !stale && r->ps != NULL);
	repl_unlock_all(r);
	if (stale)
		stream_send(r->stream, 0, &out);
	else if (r->ps != NULL)
		psync_up(r->ps, &hello[0]);
}

void
repl_up(void *ctx, const struct frame_hello *hello)
{
	struct repl *r = ctx;
	struct repl_ticket *done[REPL_CONNS_MAX] = { NULL };
	int i;

	repl_lock_all(r);
	r->their_session = hello[0].session;
	r->life++;
	tell_peer(r, true, hello[0].node, "");
	if (atomic_load(&r->mode) == MODE_PAIR)
		up_paired(r, hello, done);
	else
		up_alone(r, hello);
	for (i = 0; i < r->lanes_count; i++)
		repl_finish(r, done[i]);
}

void
repl_down(void *ctx, const char *why)
{
	struct repl *r = ctx;
	struct repl_ticket *gone[REPL_CONNS_MAX] = { NULL };
	bool syncing, refused;
	int i;

	repl_lock_all(r);
	atomic_store(&r->up, false);
	atomic_store(&r->stranger, false);
	syncing = atomic_load(&r->mode) == MODE_SYNC;
	if (syncing) {
		atomic_store(&r->mode, MODE_ALONE);
		for (i = 0; i < r->lanes_count; i++)
			gone[i] = repl_take(r, i, UINT64_MAX);
	}
	refused = atomic_load(&r->refused) && atomic_load(&r->mode) == MODE_PAIR;
	repl_greet(r);
	repl_unlock_all(r);
	for (i = 0; i < r->lanes_count; i++)
		repl_finish(r, gone[i]);
	if (refused)
		repl_fail(r);
	pthread_mutex_lock(&r->lock);
	r->down_ms = clock_mono_ms();
	r->life++;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
	if (r->ps != NULL)
		psync_down(r->ps);
	tell_peer(r, false, "", why);
}

/* ---- frames ---- */
static void
left(struct repl *r, const char *why)
{
	if (atomic_load(&r->mode) == MODE_PAIR)
		repl_ask(r, why, false);
	else
		stream_drop(r->stream, why);
}

static void
acknowledged(struct repl *r, int conn, const struct frame *f)
{
	struct lane *l = &r->lanes[conn];
	char why[SK_TEXT_MAX];

	if (!atomic_load(&r->up))
		return;
	if (f->seq > l->sent) {
		stream_drop(r->stream, "the secondary acknowledges what was not sent");
		return;
	}
	if (f->aux == 0) {
		repl_finish(r, repl_take(r, conn, f->seq));
		return;
	}
	if (f->seq > 0)
		repl_finish(r, repl_take(r, conn, f->seq - 1));
	snprintf(why, sizeof(why), "the secondary cannot follow: %s", strerror((int)(f->aux < 4096 ? f->aux : 0)));
	left(r, why);
}

static void
out(struct repl *r, const struct frame *f)
{
	char text[SK_TEXT_MAX], why[SK_TEXT_MAX];

	snprintf(text, sizeof(text), "%.*s", (int)(f->body_len < 400 ? f->body_len : 400), (const char *)f->body);
	str_make_utf8(text);
	snprintf(why, sizeof(why), "the secondary has left: %.400s", text);
	left(r, why);
}

static void
given(struct repl *r)
{
	bool now;

	pthread_mutex_lock(&r->lock);
	now = r->give_sent && !r->given;
	r->given = r->given || now;
	pthread_mutex_unlock(&r->lock);
	if (!now || !repl_idle(r)) {
		stream_drop(r->stream, "the secondary has taken what was not given");
		return;
	}
	r->hooks.event(r->hooks.ctx, json_pack("{s:s}", "event", "given"));
}

void
repl_frame(void *ctx, int conn, const struct frame *f)
{
	struct repl *r = ctx;

	switch (f->type) {
	case FR_ACK:
		acknowledged(r, conn, f);
		break;
	case FR_SYNC:
		if (r->ps != NULL && atomic_load(&r->up))
			psync_frame(r->ps, conn, f);
		break;
	case FR_CUT_DONE:
		pthread_mutex_lock(&r->lock);
		if (f->aux <= r->cut && f->aux > r->cut_done)
			r->cut_done = f->aux;
		pthread_cond_broadcast(&r->cond);
		pthread_mutex_unlock(&r->lock);
		break;
	case FR_GIVEN:
		given(r);
		break;
	case FR_OUT:
		out(r, f);
		break;
	default:
		stream_drop(r->stream, "a secondary that speaks as a primary");
	}
}
