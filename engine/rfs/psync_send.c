/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_send.c: what the primary's end of a synchronisation sends, how much of it may be on its way, and what comes back.
 *
 * Owns: the window of each connection (bytes sent, bytes applied there), the inbox.  Called by: the threads of a run; psync_frame() by the stream's readers, which
 * never wait here.  Never does: decide what is to be sent.
 */
#include "config.h"
#include "rfs/psync_impl.h"

#include <stdlib.h>
#include <string.h>

static int
conn_of(const struct psync *p, int conn, uint64_t node)
{
	return conn >= 0 ? conn : stream_conn_of(repl_stream(p->c.repl), node);
}

static void
ping(struct psync *p, int conn, uint64_t upto)
{
	const struct frame f = { .type = FR_SYNC, .flags = SY_PING, .aux = upto };

	stream_send(repl_stream(p->c.repl), conn, &f);
}

bool
psync_send(struct psync *p, int conn, uint8_t kind, uint8_t dir, uint64_t node, uint64_t aux, const void *body, size_t len, const void *body2, size_t len2)
{
	const struct frame f = { .type = FR_SYNC, .flags = kind, .dir = dir, .node = node, .aux = aux, .body = body, .body_len = (uint32_t)len,
		.body2 = body2, .body2_len = (uint32_t)len2 };
	uint64_t upto = 0;

	conn = conn_of(p, conn, node);
	if (!stream_send(repl_stream(p->c.repl), conn, &f))
		return false;
	pthread_mutex_lock(&p->lock);
	p->sent[conn] += FRAME_HEAD + len + len2;
	if (p->sent[conn] - p->pinged[conn] >= SYNC_PING)
		upto = p->pinged[conn] = p->sent[conn];
	pthread_mutex_unlock(&p->lock);
	if (upto > 0)
		ping(p, conn, upto);
	return true;
}

/* reiallowedbw: tokens of a tenth of a second may gather */
static void
take_tokens(struct psync *p, size_t len)
{
	int kbs = atomic_load(&p->allowed_kbs);

	while (kbs > 0 && !p->stop) {
		int64_t now = clock_mono_ms();

		p->tokens += (double)(now - p->tokens_ms) * kbs * 1.024;
		p->tokens_ms = now;
		if (p->tokens > kbs * 102.4)
			p->tokens = kbs * 102.4;
		if (p->tokens > 0) {
			p->tokens -= (double)len;	/* below 0 for a piece larger than that: the next one waits for it */
			return;
		}
		psync_wait(p, 1 + (int64_t)(-p->tokens / kbs / 1.024));
		kbs = atomic_load(&p->allowed_kbs);
	}
}

void
psync_window(struct psync *p, uint64_t node, size_t len)
{
	int conn = conn_of(p, -1, node);
	uint64_t upto = 0;

	pthread_mutex_lock(&p->lock);
	take_tokens(p, len);
	while (!p->stop && p->sent[conn] - p->applied[conn] > SYNC_WINDOW) {
		if (p->pinged[conn] <= p->applied[conn]) {	/* nobody has asked for more than what is known */
			upto = p->pinged[conn] = p->sent[conn];
			pthread_mutex_unlock(&p->lock);
			ping(p, conn, upto);
			pthread_mutex_lock(&p->lock);
			continue;
		}
		psync_wait(p, 1000);
	}
	pthread_mutex_unlock(&p->lock);
}

bool
psync_barrier(struct psync *p)
{
	int n = stream_conns(repl_stream(p->c.repl)), i;
	uint64_t upto[REPL_CONNS_MAX];
	int64_t since = clock_mono_ms();
	bool ok;

	pthread_mutex_lock(&p->lock);
	memcpy(upto, p->sent, sizeof(upto));
	for (i = 0; i < n; i++)
		p->pinged[i] = upto[i];
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < n; i++)
		ping(p, i, upto[i]);
	pthread_mutex_lock(&p->lock);
	for (i = 0; i < n && !p->stop; )
		if (p->applied[i] >= upto[i]) {
			i++;
		} else if (clock_mono_ms() - since > atomic_load(&p->rei_ms)) {
			pthread_mutex_unlock(&p->lock);
			psync_fail(p, true, "no answer within %lld s (reitimeout)", (long long)(atomic_load(&p->rei_ms) / 1000));
			pthread_mutex_lock(&p->lock);
		} else {
			psync_wait(p, 1000);
		}
	ok = !p->stop;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

/* ---- what comes back ---- */
static void
into_inbox(struct psync *p, const struct frame *f)
{
	struct msg *m = malloc(sizeof(*m) + f->body_len);
	bool wanted, room;

	if (m == NULL) {
		stream_drop(repl_stream(p->c.repl), "no memory");
		return;
	}
	*m = (struct msg){ .kind = f->flags, .dir = f->dir, .node = f->node, .aux = f->aux, .len = f->body_len };
	if (f->body_len > 0)
		memcpy(m->body, f->body, f->body_len);
	pthread_mutex_lock(&p->lock);
	wanted = f->flags == SY_CHECKED ? p->checking : !p->stop;	/* else of what is over */
	room = p->inbox_bytes + m->len + sizeof(*m) <= SYNC_INBOX;
	if (wanted && room) {
		p->inbox_bytes += m->len + sizeof(*m);
		if (f->flags == SY_CHECKED) {
			m->next = p->checked;
			p->checked = m;
		} else {
			*p->last = m;
			p->last = &m->next;
		}
		pthread_cond_broadcast(&p->cond);
	}
	pthread_mutex_unlock(&p->lock);
	if (!wanted || !room)
		free(m);
	if (wanted && !room)
		stream_drop(repl_stream(p->c.repl), "more answers than can be looked at");
}

static void
hashed(struct psync *p, const struct frame *f)
{
	size_t i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < ARRAY_LEN(p->hashes); i++) {
		struct hashes *h = p->hashes[i];

		if (h == NULL || h->id != f->aux || h->ready)
			continue;
		if (f->body_len == (uint32_t)h->n * SYNC_HASH) {
			memcpy(h->hash, f->body, f->body_len);
			h->ready = true;
			pthread_cond_broadcast(&p->cond);
			pthread_mutex_unlock(&p->lock);
			return;
		}
	}
	pthread_mutex_unlock(&p->lock);	/* else of a run that is over */
}

void
psync_frame(struct psync *p, int conn, const struct frame *f)
{
	if (conn < 0 || conn >= REPL_CONNS_MAX || f->dir >= p->c.dirs) {
		stream_drop(repl_stream(p->c.repl), "a folder that there is not");
		return;
	}
	switch (f->flags) {
	case SY_LISTED: case SY_CHECKED: case SY_ASK:
		into_inbox(p, f);
		return;
	case SY_HASHED:
		hashed(p, f);
		return;
	case SY_VERIFY:
		psync_check_asked(p);
		return;
	case SY_BEGUN: case SY_PONG: case SY_COMMITTED: case SY_FINISHED:
		pthread_mutex_lock(&p->lock);
		if (f->flags == SY_PONG && f->aux <= p->sent[conn] && f->aux > p->applied[conn])
			p->applied[conn] = f->aux;
		if (f->flags == SY_BEGUN)
			p->begun = f->aux > 4095 ? 1 : (int)f->aux;
		if (f->flags == SY_COMMITTED)
			p->committed = f->aux;
		if (f->flags == SY_FINISHED)
			p->finished = f->aux;
		pthread_cond_broadcast(&p->cond);
		pthread_mutex_unlock(&p->lock);
		return;
	default:
		stream_drop(repl_stream(p->c.repl), "an answer of synchronisation that there is not");
	}
}

struct msg *
psync_inbox_take(struct psync *p)
{
	struct msg *m = p->first;

	if (m != NULL) {
		p->inbox_bytes -= m->len + sizeof(*m);
		p->first = m->next;
		if (p->first == NULL)
			p->last = &p->first;
	}
	return m;
}

void
psync_inbox_clear(struct psync *p)
{
	struct msg *m;

	while ((m = psync_inbox_take(p)) != NULL)
		free(m);
}
