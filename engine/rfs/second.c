/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second.c: the secondary's end of the stream: whom it follows, what it acknowledges, cuts, the swap, when it leaves.
 *
 * Owns: the stream, the memory of the term, ssync's object.  Called by: worker.c, the stream's threads, ssync.c.  Never does: decide that this server takes over;
 * when it is freed nothing of the former primary is applied any more.
 */
#include "config.h"
#include "rfs/second_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
event(struct second *s, json_t *o)
{
	if (o != NULL)
		s->conf.event(s->conf.ctx, o);
}

static bool
flag(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE) != 0;
}

static void
set_flag(uint32_t *p, bool v)
{
	__atomic_store_n(p, v ? 1u : 0u, __ATOMIC_RELEASE);
}

/* ---- greeting ---- */
static char *
hello_json(struct second *s)
{
	const struct second_shm *shm = s->tables.shm;
	json_t *gaps = json_array(), *o;
	char *text;
	int i;

	for (i = 0; i < s->conf.gaps_count; i++)
		json_array_append_new(gaps, json_pack("{s:I, s:I}", "from_ms", (json_int_t)s->conf.gaps[i].from_ms,
		    "to_ms", (json_int_t)s->conf.gaps[i].to_ms));
	o = json_pack("{s:o*, s:O*, s:o*, s:b, s:b}", "state", state_to_json(&s->conf.state), "sync", s->conf.sync, "gaps", gaps,
	    "whole", flag(&shm->whole), "synced", flag(&shm->synced));
	text = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return text;
}

static void
greet(struct second *s)
{
	struct frame_hello h = { .peer_session = s->tables.shm->peer_session };
	int i;

	h.json = hello_json(s);
	for (i = 0; i < s->lanes_count; i++) {
		h.conn = i;
		h.applied = s->tables.shm->ledger[i].applied;
		stream_hello(s->stream, &h);
	}
	free(h.json);
}

/* ---- leaving ---- */
static void
send_out(struct second *s)
{
	struct frame f = { .type = FR_OUT, .body = s->tables.shm->why };

	f.body_len = (uint32_t)strnlen(s->tables.shm->why, sizeof(s->tables.shm->why) - 1);
	stream_send(s->stream, 0, &f);
}

static void
tell_out(struct second *s, bool again)
{
	if (flag(&s->tables.shm->synced))
		event(s, json_pack("{s:s, s:s}", "event", "out", "why", s->tables.shm->why));
	else
		event(s, json_pack("{s:s, s:s, s:b}", "event", "sync-failed", "why", s->tables.shm->why, "again", again));
}

void
second_leave(struct second *s, const char *why, bool again)
{
	if (atomic_exchange(&s->out, true))
		return;
	str_copy(s->tables.shm->why, sizeof(s->tables.shm->why), why);
	str_make_utf8(s->tables.shm->why);
	s->tables.shm->pad = again;
	set_flag(&s->tables.shm->out, true);
	send_out(s);
	tell_out(s, again);
}

void
second_out(struct second *s, const char *why)
{
	second_leave(s, why, false);
}

/* ---- the stream ---- */
static bool
told(const struct frame_hello *h, const char *what)
{
	json_t *o = h->json != NULL ? json_loads(h->json, 0, NULL) : NULL;
	bool yes = json_is_true(json_object_get(o, what));

	json_decref(o);
	return yes;
}

/* A primary that is alone: it will synchronise us, with numbers behind those of its greeting */
static void
begin_anew(struct second *s, const struct frame_hello *hello)
{
	struct second_shm *shm = s->tables.shm;
	int i;

	set_flag(&shm->whole, false);
	shm->peer_session = 0;
	for (i = 0; i < s->lanes_count; i++) {
		shm->ledger[i].applying = 0;
		shm->ledger[i].applied = hello[i].applied;
	}
	shm->peer_session = hello[0].session;
	atomic_store(&s->follows, true);
}

static void
up(void *ctx, const struct frame_hello *hello)
{
	struct second *s = ctx;
	struct second_shm *shm = s->tables.shm;
	bool pair = told(&hello[0], "pair"), same = shm->peer_session == hello[0].session;
	int i;

	pthread_mutex_lock(&s->lock);
	for (i = 0; i < s->lanes_count; i++) {
		s->lanes[i].ack = s->lanes[i].give = false;
		s->lanes[i].cut = 0;
	}
	s->cut = s->cut_done = 0;
	pthread_mutex_unlock(&s->lock);
	atomic_store(&s->follows, false);
	event(s, json_pack("{s:s, s:b, s:s, s:s}", "event", "peer", "up", true, "node", hello[0].node, "why", ""));
	if (atomic_load(&s->out))
		send_out(s);
	else if (pair && same && flag(&shm->whole))
		atomic_store(&s->follows, true);
	else if (!flag(&shm->synced)) {
		if (!pair)
			begin_anew(s, hello);	/* else it waits for another one, and will tell when it does not any more */
	} else
		second_leave(s, same ? "the primary went on without this server" : "the primary began anew", true);
}

static void
not_written(struct second *s)
{
	char why[SK_TEXT_MAX];

	snprintf(why, sizeof(why), "writing the replicated folders to the disk: %s", strerror(errno));
	second_leave(s, why, false);
}

static void
down(void *ctx, const char *why)
{
	struct second *s = ctx;

	atomic_store(&s->follows, false);
	ssync_down(s->sync);
	/* what the greeting says to be applied is acknowledged with it */
	if (s->conf.on_disk && !second_flush_all(s))
		not_written(s);
	greet(s);
	event(s, json_pack("{s:s, s:b, s:s, s:s}", "event", "peer", "up", false, "node", "", "why", why));
}

static void
cannot(void *ctx, const char *why)
{
	event(ctx, json_pack("{s:s, s:b, s:s, s:s}", "event", "peer", "up", false, "node", "", "why", why));
}

static void
reader(void *ctx)
{
	(void)ctx;
	op_thread_init();
}

static void
idle(void *ctx, int conn)
{
	struct second *s = ctx;
	struct frame f = { .type = FR_ACK };

	if (!s->lanes[conn].ack || atomic_load(&s->out))
		return;
	s->lanes[conn].ack = false;
	f.seq = s->tables.shm->ledger[conn].applied;
	if (s->conf.on_disk && !second_flush(s, conn))
		return;
	stream_send(s->stream, conn, &f);
}

/* ---- frames ---- */
static void
paired(struct second *s, uint64_t gen)
{
	struct second_shm *shm = s->tables.shm;
	char text[17];
	int i;

	if (!flag(&shm->whole)) {
		stream_drop(s->stream, "the primary says that we are whole, and we are not");
		return;
	}
	if (flag(&shm->synced))
		return;		/* said again after a break */
	for (i = 0; i < s->conf.dirs; i++)
		if (s->conf.maps[i] != NULL)
			map_reset(s->conf.maps[i], gen);
	shm->gen = gen;
	set_flag(&shm->synced, true);
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)gen);
	event(s, json_pack("{s:s, s:s}", "event", "synced", "gen", text));
}

/* Has it come over all connections? */
static void
cut(struct second *s, int conn, uint64_t number)
{
	int i, count = 0;

	pthread_mutex_lock(&s->lock);
	s->lanes[conn].cut = number;
	for (i = 0; i < s->lanes_count; i++)
		count += s->lanes[i].cut == number;
	if (count == s->lanes_count && number != 0) {
		s->cut = number;
		pthread_cond_broadcast(&s->cond);	/* a disk may take long: not in this thread */
	}
	pthread_mutex_unlock(&s->lock);
}

static void
commit(struct second *s, uint64_t number)
{
	int i;

	pthread_mutex_lock(&s->lock);
	if (number != 0 && number == s->cut_done)
		for (i = 0; i < s->conf.dirs; i++)
			if (s->conf.maps[i] != NULL)
				map_cut_commit(s->conf.maps[i], s->cut_maps[i]);
	pthread_mutex_unlock(&s->lock);
}

static void
wait_second(struct second *s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_cond_timedwait(&s->cond, &s->lock, &until);
}

static void *
cutter(void *arg)
{
	struct second *s = arg;
	struct frame f = { .type = FR_CUT_DONE };
	uint64_t maps[RFS_DIRS_MAX] = { 0 };
	int i;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		if (s->cut == s->cut_done) {
			wait_second(s);
			pthread_mutex_unlock(&s->lock);
			for (i = 0; i < s->conf.dirs; i++)	/* names that were made or moved: nobody waits for their records */
				if (s->conf.maps[i] != NULL)
					map_flush(s->conf.maps[i]);
			pthread_mutex_lock(&s->lock);
			continue;
		}
		f.aux = s->cut;
		pthread_mutex_unlock(&s->lock);
		for (i = 0; i < s->conf.dirs; i++)
			if (s->conf.maps[i] != NULL)
				maps[i] = map_cut_begin(s->conf.maps[i]);
		if (!second_flush_all(s))
			not_written(s);
		pthread_mutex_lock(&s->lock);
		if (s->cut == f.aux) {
			memcpy(s->cut_maps, maps, sizeof(maps));
			s->cut_done = f.aux;
			pthread_mutex_unlock(&s->lock);
			if (!atomic_load(&s->out))
				stream_send(s->stream, 0, &f);
			pthread_mutex_lock(&s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void
give(struct second *s, int conn)
{
	struct frame f = { .type = FR_GIVEN };
	bool all = true;
	int i;

	idle(s, conn);		/* what was before it is acknowledged before it */
	pthread_mutex_lock(&s->lock);
	s->lanes[conn].give = true;
	for (i = 0; i < s->lanes_count; i++)
		all = all && s->lanes[i].give;
	s->taken = s->taken || all;
	pthread_mutex_unlock(&s->lock);
	if (!all)
		return;
	if (!flag(&s->tables.shm->synced)) {
		stream_drop(s->stream, "the primary gives what this server does not have");
		return;
	}
	if (stream_send(s->stream, 0, &f))
		event(s, json_pack("{s:s}", "event", "taken"));
}

static void
frame(void *ctx, int conn, const struct frame *f)
{
	struct second *s = ctx;
	char why[SK_TEXT_MAX];

	if (f->type == FR_OUT) {
		snprintf(why, sizeof(why), "%.*s", (int)(f->body_len < 400 ? f->body_len : 400), (const char *)f->body);
		second_leave(s, why, true);
		return;
	}
	if (atomic_load(&s->out) || !atomic_load(&s->follows))
		return;
	switch (f->type) {
	case FR_OP:
		second_apply(s, conn, f);
		break;
	case FR_SYNC:
		ssync_frame(s->sync, conn, f);
		break;
	case FR_CUT:
		cut(s, conn, f->aux);
		break;
	case FR_CUT_COMMIT:
		commit(s, f->aux);
		break;
	case FR_PAIRED:
		paired(s, f->aux);
		break;
	case FR_GIVE:
		give(s, conn);
		break;
	default:
		stream_drop(s->stream, "a primary that speaks as a secondary");
	}
}

/* ---- begin and end ---- */
struct second *
second_new(const struct second_conf *conf, char *err, size_t errsize)
{
	struct stream_hooks hooks = { .up = up, .down = down, .frame = frame, .idle = idle, .reader = reader, .cannot = cannot };
	struct second *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	s->conf = *conf;
	s->conf.sync = json_incref(conf->sync);
	s->lanes_count = conf->stream.conns;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	if (!tables_open(&s->tables, conf->shm_fd, conf->stream.session, err, errsize)) {
		second_free(s);
		return NULL;
	}
	s->conf.stream.session = s->tables.shm->session;
	atomic_store(&s->out, flag(&s->tables.shm->out));
	hooks.ctx = s;
	s->stream = stream_new(&s->conf.stream, &hooks);
	s->sync = s->stream != NULL ? ssync_new(s) : NULL;
	if (s->sync == NULL) {
		snprintf(err, errsize, "no memory");
		second_free(s);
		return NULL;
	}
	return s;
}

bool
second_start(struct second *s, char *err, size_t errsize)
{
	if (s->conf.on_disk && !second_flush_all(s)) {
		snprintf(err, errsize, "replicated folders: %s", strerror(errno));
		return false;
	}
	greet(s);
	if (atomic_load(&s->out))
		tell_out(s, s->tables.shm->pad != 0);	/* the former worker may have been killed before it could */
	s->cutter_runs = pthread_create(&s->cutter, NULL, cutter, s) == 0;
	if (!s->cutter_runs) {
		snprintf(err, errsize, "no thread for the replication");
		return false;
	}
	return stream_start(s->stream, err, errsize);
}

void
second_stop(struct second *s)
{
	stream_stop(s->stream);
}

void
second_free(struct second *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
	if (s->stream != NULL)
		stream_stop(s->stream);
	if (s->cutter_runs)
		pthread_join(s->cutter, NULL);
	ssync_free(s->sync);
	stream_free(s->stream);		/* until here its threads may want to send */
	tables_close(&s->tables);
	json_decref(s->conf.sync);
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- for ssync.c ---- */
const struct second_conf *
second_conf_of(const struct second *s)
{
	return &s->conf;
}

struct stream *
second_stream(struct second *s)
{
	return s->stream;
}

uint64_t
second_node(struct second *s, uint8_t dir, uint64_t primary_node)
{
	return dir < s->conf.dirs ? tables_get(&s->tables, dir, primary_node) : 0;
}

void
second_pair(struct second *s, uint8_t dir, uint64_t primary_node, uint64_t node)
{
	if (dir < s->conf.dirs && !tables_set(&s->tables, dir, primary_node, node))
		second_leave(s, "no memory for the table of files", false);
}

void
second_unpair(struct second *s, uint8_t dir, uint64_t primary_node)
{
	if (dir < s->conf.dirs)
		tables_set(&s->tables, dir, primary_node, 0);
}

void
second_unpair_all(struct second *s)
{
	tables_clear(&s->tables);
}

void
second_whole(struct second *s, bool whole)
{
	set_flag(&s->tables.shm->whole, whole);
}

bool
second_verify(struct second *s, const char *xml, char *text, size_t textsize)
{
	return ssync_verify(s->sync, xml, text, textsize);
}
