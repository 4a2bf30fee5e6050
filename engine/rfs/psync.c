/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync.c: a synchronisation from its begin to its end, at the primary.
 *
 * Owns: the run (one at a time, from psync_up() to repl_sync_end() or psync_down()) and its driver.  Called by: repl.c, worker.c.  Never does: acknowledge anything to an
 * application; change a file of this server.
 *
 * A run: what has to be looked at is decided (state_match.c) and said; the maps begin a new epoch; folder by folder the trees are walked while the data threads
 * copy; what is done and on the secondary's disk is noted in the map now and then; at the end a last cut, both disks, and repl_sync_end().
 */
#include "config.h"
#include "rfs/psync_impl.h"
#include "wire/message.h"

#include <jansson.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMIT_MS	20000		/* at least between two notes of what is done (ours) */
#define COMMIT_FILES	20000		/* or after so many */
#define PROGRESS_MS	500

void
psync_wait(struct psync *p, int64_t ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_cond_timedwait(&p->cond, &p->lock, &ts);
}

bool
psync_stopped(struct psync *p)
{
	bool stop;

	pthread_mutex_lock(&p->lock);
	stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return stop;
}

static void
send_json(struct psync *p, uint8_t kind, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	if (text != NULL)
		psync_send(p, 0, kind, 0, 0, 0, text, strlen(text), NULL, 0);
	free(text);
	json_decref(o);
}

void
psync_fail(struct psync *p, bool again, const char *fmt, ...)
{
	char why[256];
	va_list ap;
	bool first;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	str_make_utf8(why);
	pthread_mutex_lock(&p->lock);
	first = !p->stop;
	p->stop = true;
	if (first)
		str_copy(p->why, sizeof(p->why), why);
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	if (!first)
		return;
	send_json(p, SY_FAIL, json_pack("{s:s, s:b}", "why", why, "again", again));
	stream_drop(repl_stream(p->c.repl), why);
}

void
psync_log(struct psync *p, int message, const char *fmt, ...)
{
	char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_make_utf8(text);
	send_json(p, SY_LOG, json_pack("{s:i, s:s}", "key", (int)message_rows[message].key, "text", text));
}

/* ---- progress ---- */
static void
progress(struct psync *p, const char *phase, bool now)
{
	int64_t ms = clock_mono_ms(), left = -1;
	struct sync_stats s;
	uint64_t sent;
	json_t *o;

	pthread_mutex_lock(&p->lock);
	s = p->stats;
	sent = p->progress_sent;
	if (!now && ms - p->progress_ms < PROGRESS_MS) {
		pthread_mutex_unlock(&p->lock);
		return;
	}
	p->rate_kbs = ms > s.begun_ms ? (int)(sent / 1024 * 1000 / (uint64_t)(ms - s.begun_ms)) : 0;
	p->progress_ms = ms;
	pthread_mutex_unlock(&p->lock);
	if (s.bytes > 0 && s.bytes_total >= s.bytes)
		left = (int64_t)((double)(s.bytes_total - s.bytes) * (double)(ms - s.begun_ms) / (double)s.bytes / 1000);
	o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:I}", "event", "progress", "dir", p->c.names[p->dir], "phase", phase,
	    "files", (json_int_t)s.files, "files_total", (json_int_t)s.files_total, "bytes", (json_int_t)s.bytes, "bytes_total",
	    (json_int_t)s.bytes_total, "sent", (json_int_t)sent, "rate_kbs", p->rate_kbs, "left_s", (json_int_t)left);
	if (o == NULL)
		return;
	send_json(p, SY_PROGRESS, json_incref(o));
	p->c.event(p->c.ctx, o);
}

/* ---- the end of files ---- */
static void
done_marks(struct psync *p, const struct wheres *w)
{
	uint8_t body[4096];
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	bool twice;
	size_t i;

	for (i = 0; i < w->n; i++) {
		pthread_mutex_lock(&p->lock);
		twice = nodeset_has(&p->twice[w->w[i].dir], w->w[i].node);
		pthread_mutex_unlock(&p->lock);
		if (!twice) {
			map_done(p->c.maps[w->w[i].dir], w->w[i].node);
			out_64(&o, w->w[i].node);
		}
		if (o.len == sizeof(body) || i + 1 == w->n || w->w[i + 1].dir != w->w[i].dir) {
			if (o.len > 0)
				psync_send(p, 0, SY_DONE, w->w[i].dir, 0, 0, body, o.len, NULL, 0);
			o.len = 0;
		}
	}
}

/* What is done is on the secondary's disk: it is not looked at again if this is interrupted.  Asks, and comes back for the answer later. */
static void
commit(struct psync *p)
{
	int64_t now = clock_mono_ms();
	struct wheres w;
	uint64_t id;
	bool due;

	pthread_mutex_lock(&p->lock);
	if (p->committing.n > 0) {
		if (p->committed < p->commit_id) {
			due = now - p->commit_ms > atomic_load(&p->rei_ms);
			pthread_mutex_unlock(&p->lock);
			if (due)
				psync_fail(p, true, "no answer within %lld s (reitimeout)", (long long)(atomic_load(&p->rei_ms) / 1000));
			return;
		}
		w = p->committing;
		memset(&p->committing, 0, sizeof(p->committing));
		pthread_mutex_unlock(&p->lock);
		done_marks(p, &w);
		free(w.w);
		return;
	}
	due = p->completed.n > 0 && (now - p->commit_ms > COMMIT_MS || p->completed.n > COMMIT_FILES);
	if (!due) {
		pthread_mutex_unlock(&p->lock);
		return;
	}
	p->committing = p->completed;
	memset(&p->completed, 0, sizeof(p->completed));
	p->commit_ms = now;
	id = p->commit_id = ++p->next_id;
	pthread_mutex_unlock(&p->lock);
	if (psync_barrier(p))
		psync_send(p, 0, SY_COMMIT, 0, 0, id, NULL, 0, NULL, 0);
}

/* Files that were changed in a way that moves data from place to place */
static bool
once_more(struct psync *p)
{
	struct wheres w;
	struct stat st;
	size_t i;

	pthread_mutex_lock(&p->lock);
	w = p->again;
	memset(&p->again, 0, sizeof(p->again));
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < w.n; i++)
		if (tree_stat(p->c.trees[w.w[i].dir], w.w[i].node, &st) == 0)
			psync_job(p, w.w[i].dir, w.w[i].node, (uint64_t)st.st_size, JOB_WHOLE);
	free(w.w);
	return w.n > 0;
}

/* Walks what is to be walked, until all is told, answered and copied */
static void
drive(struct psync *p)
{
	struct msg *m;
	bool idle;

	for (;;) {
		commit(p);
		progress(p, p->folders.n > 0 ? "tree" : "data", false);
		pthread_mutex_lock(&p->lock);
		m = p->stop ? NULL : psync_inbox_take(p);
		if (p->stop) {
			pthread_mutex_unlock(&p->lock);
			return;
		}
		idle = m == NULL && p->folders.n == 0 && p->lists_out == 0 && p->jobs_at == p->jobs_n && p->files_open == 0;
		if (m == NULL && p->folders.n == 0 && !idle)
			psync_wait(p, 100);
		pthread_mutex_unlock(&p->lock);
		if (m != NULL) {
			psync_message(p, m);
			free(m);
		} else if (p->folders.n > 0) {
			psync_walk(p);
		} else {
			psync_late(p);
		}
		if (idle && !once_more(p))
			return;
	}
}

static void
folder(struct psync *p, int dir)
{
	uint64_t files, sent;
	int64_t began = clock_mono_ms(), ms;

	p->dir = (uint8_t)dir;
	psync_log(p, MSG_RFS_TREE, "Updating directory tree from %s", p->c.names[dir]);
	pthread_mutex_lock(&p->lock);
	files = p->stats.copied;
	sent = p->stats.sent;
	if (!wheres_add(&p->folders, (uint8_t)dir, RFS_ROOT))
		p->stop = true;
	pthread_mutex_unlock(&p->lock);
	drive(p);
	if (!psync_barrier(p))
		return;
	ms = clock_mono_ms() - began;
	pthread_mutex_lock(&p->lock);
	files = p->stats.copied - files;
	sent = p->stats.sent - sent;
	pthread_mutex_unlock(&p->lock);
	if (files > 0) {
		atomic_store(&p->last_kbs, (int)(sent / 1024 * 1000 / (uint64_t)(ms > 0 ? ms : 1)));
		psync_log(p, MSG_RFS_COPIED, "Copied %llu file%s, %llu KB in %lld.%03lld s (%d KB/sec) from %s", (unsigned long long)files, files > 1 ? "s" : "",
		    (unsigned long long)(sent / 1024), (long long)(ms / 1000), (long long)(ms % 1000), atomic_load(&p->last_kbs), p->c.names[dir]);
	}
}

/* ---- begin ---- */
static bool
wait_until(struct psync *p, bool (*is)(const struct psync *p, uint64_t what), uint64_t what)
{
	int64_t since = clock_mono_ms();
	bool ok;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !is(p, what)) {
		if (clock_mono_ms() - since > atomic_load(&p->rei_ms)) {
			pthread_mutex_unlock(&p->lock);
			psync_fail(p, true, "no answer within %lld s (reitimeout)", (long long)(atomic_load(&p->rei_ms) / 1000));
			return false;
		}
		psync_wait(p, 1000);
	}
	ok = !p->stop;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static bool
has_begun(const struct psync *p, uint64_t what)
{
	(void)what;
	return p->begun >= 0;
}

static bool
has_finished(const struct psync *p, uint64_t id)
{
	return p->finished == id;
}

/* What the secondary asks for.  false: it cannot be */
static bool
wish(struct psync *p, const char *text)
{
	json_t *o = text != NULL ? json_loads(text, 0, NULL) : NULL;
	const char *mode = json_string_value(json_object_get(json_object_get(o, "sync"), "mode"));
	char err[SK_TEXT_MAX] = "no state";
	bool ok;

	ok = state_from_json(json_object_get(o, "state"), &p->other, err, sizeof(err));
	p->mode = MODE_MAPS;
	if (mode != NULL && strcmp(mode, "full") == 0)
		p->mode = MODE_FULL;
	if (mode != NULL && strcmp(mode, "date") == 0) {
		p->mode = MODE_DATE;
		p->date_ns = json_integer_value(json_object_get(json_object_get(o, "sync"), "date_ms")) * 1000000;
	}
	json_decref(o);
	if (!ok)
		psync_fail(p, true, "greeting of the secondary: %s", err);
	return ok;
}

static bool
external(struct psync *p)
{
	const struct rfs_state *a = &p->c.state, *b = &p->other;
	bool mine = strcmp(a->policy, "external") == 0, its = strcmp(b->policy, "external") == 0;

	if (p->mode != MODE_MAPS || (!mine && !its))
		return true;
	if (!mine || !its || strcmp(a->policy_role, "prim") != 0 || strcmp(b->policy_role, "second") != 0 || strcmp(a->policy_uid, b->policy_uid) != 0) {
		psync_fail(p, false, "external synchronization cannot be applied: the policies of the two nodes do not match");
		return false;
	}
	p->mode = MODE_EXTERNAL;
	return true;
}

/* What is looked at.  The map is on the disk as it has to be if this is interrupted. */
static bool
decide(struct psync *p)
{
	static const char *const words[] = { [MATCH_MAPS] = "changed zones", [MATCH_RESUME] = "changed zones, continued", [MATCH_BLIND] = "all files",
		[MATCH_FULL] = "full", [MATCH_FORK] = "changed zones of both histories" };
	int i;

	p->match = p->mode == MODE_FULL ? MATCH_FULL : state_match(&p->c.state, &p->other);
	if (p->match == MATCH_FULL && p->mode == MODE_DATE)
		p->match = MATCH_BLIND;		/* a date is asked for because there is nothing else */
	if (p->match == MATCH_REFUSE) {
		psync_fail(p, false, "the data of the secondary are newer than those of the primary");
		return false;
	}
	for (i = 0; i < p->c.dirs; i++) {
		if ((p->match == MATCH_BLIND || p->match == MATCH_FULL) && p->mode != MODE_DATE && !map_begin_blind(p->c.maps[i])) {
			psync_fail(p, false, "change map of %s: %s", p->c.names[i], strerror(errno));
			return false;
		}
		map_cut_begin(p->c.maps[i]);
	}
	if (p->match == MATCH_FULL)
		p->c.event(p->c.ctx, json_pack("{s:s}", "event", "full-begun"));
	for (i = 0; i < p->c.dirs; i++)
		psync_log(p, MSG_RFS_MODE, "Reintegration of %s: %s", p->c.names[i],
		    p->mode == MODE_DATE ? "files changed since a date" : p->mode == MODE_EXTERNAL ? "external" : words[p->match]);
	if (p->match == MATCH_FORK)
		psync_log(p, MSG_RFS_FORK, "Histories have forked: what this server wrote alone is replaced by the primary's data");
	return true;
}

static bool
begin(struct psync *p)
{
	char gen[17];
	bool ok;
	int i;

	if (!external(p) || !decide(p))
		return false;
	snprintf(gen, sizeof(gen), "%016llx", (unsigned long long)p->c.state.gen);
	send_json(p, SY_BEGIN, json_pack("{s:s, s:i, s:b}", "gen", gen, "zone", (int)p->c.zone, "external", p->mode == MODE_EXTERNAL));
	if (!wait_until(p, has_begun, 0))
		return false;
	if (p->begun != 0) {
		psync_fail(p, false, "the secondary cannot begin: %s", strerror(p->begun));
		return false;
	}
	repl_sync_begin(p->c.repl);
	pthread_mutex_lock(&p->lock);
	ok = !p->stop;
	for (i = 0; i < p->c.dirs; i++)
		ok = ok && nodeset_add(&p->paired[i], RFS_ROOT);
	p->running = ok;
	pthread_mutex_unlock(&p->lock);
	return ok;
}

static bool
finish(struct psync *p)
{
	uint64_t id;
	int i;

	pthread_mutex_lock(&p->lock);
	p->all = !p->stop;	/* every folder is forwarded, every node paired */
	id = ++p->next_id;
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->c.dirs; i++)
		map_cut_begin(p->c.maps[i]);
	if (!psync_barrier(p))
		return false;
	psync_send(p, 0, SY_FINISH, 0, 0, id, NULL, 0, NULL, 0);
	for (i = 0; i < p->c.dirs; i++)
		if (syncfs(tree_hidden(p->c.trees[i], "tmp")) != 0) {
			psync_fail(p, false, "%s: %s", p->c.names[i], strerror(errno));
			return false;
		}
	if (!wait_until(p, has_finished, id))
		return false;
	psync_log(p, MSG_RFS_ENDED, "Reintegration ended (synchronize)");
	return true;
}

/* ---- a run ---- */
static void
forget(struct psync *p)
{
	int i;

	for (i = 0; i < RFS_DIRS_MAX; i++) {
		nodeset_clear(&p->paired[i]);
		nodeset_clear(&p->forwarded[i]);
		nodeset_clear(&p->suspect[i]);
		nodeset_clear(&p->twice[i]);
	}
	while (p->requests != NULL) {
		struct request *r = p->requests;

		p->requests = r->next;
		free(r);
	}
	psync_inbox_clear(p);
	free(p->folders.w);
	free(p->again.w);
	free(p->completed.w);
	free(p->committing.w);
	free(p->jobs);
	memset(&p->folders, 0, sizeof(p->folders));
	memset(&p->again, 0, sizeof(p->again));
	memset(&p->completed, 0, sizeof(p->completed));
	memset(&p->committing, 0, sizeof(p->committing));
	p->jobs = NULL;
	p->jobs_at = p->jobs_n = p->jobs_size = 0;
	p->lists_out = p->files_open = 0;
}

static void *
driver(void *arg)
{
	struct psync *p = arg;
	struct data_thread t[SYNC_THREADS_MAX];
	int n = 0, dir, i, want = atomic_load(&p->nbrei);

	if (begin(p)) {
		/* nbrei may grow while they run */
		for (want = want < 8 ? 8 : want; n < want && n < SYNC_THREADS_MAX; n++) {
			t[n] = (struct data_thread){ .p = p, .number = n };
			if (pthread_create(&t[n].id, NULL, psync_data, &t[n]) != 0)
				break;
		}
		if (n == 0)
			psync_fail(p, true, "no thread");
		for (dir = 0; dir < p->c.dirs && !psync_stopped(p); dir++)
			folder(p, dir);
		if (!psync_stopped(p))
			drive(p);	/* what the last folder's end has brought for the ones before */
		if (!psync_stopped(p) && finish(p)) {
			progress(p, "", true);
			repl_sync_end(p->c.repl);
		}
	}
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < n; i++)
		pthread_join(t[i].id, NULL);
	pthread_mutex_lock(&p->lock);
	forget(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
end_run(struct psync *p)
{
	bool was;

	pthread_mutex_lock(&p->lock);
	was = p->has_driver;
	p->stop = true;
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	if (was)
		pthread_join(p->driver, NULL);
	pthread_mutex_lock(&p->lock);
	p->has_driver = p->running = p->all = false;
	forget(p);
	pthread_mutex_unlock(&p->lock);
}

void
psync_up(struct psync *p, const struct frame_hello *second)
{
	end_run(p);
	pthread_mutex_lock(&p->lock);
	p->stop = false;
	p->begun = -1;
	p->why[0] = '\0';
	p->committed = p->finished = p->commit_id = 0;
	p->commit_ms = clock_mono_ms();
	memset(p->sent, 0, sizeof(p->sent));
	memset(p->applied, 0, sizeof(p->applied));
	memset(p->pinged, 0, sizeof(p->pinged));
	memset(&p->stats, 0, sizeof(p->stats));
	p->stats.begun_ms = p->tokens_ms = clock_mono_ms();
	p->progress_sent = 0;
	p->tokens = 0;
	pthread_mutex_unlock(&p->lock);
	if (!wish(p, second->json))
		return;
	pthread_mutex_lock(&p->lock);
	p->has_driver = pthread_create(&p->driver, NULL, driver, p) == 0;
	pthread_mutex_unlock(&p->lock);
	if (!p->has_driver)
		psync_fail(p, true, "no thread");
}

void
psync_down(struct psync *p)
{
	psync_check_stop(p);
	end_run(p);
}

struct psync *
psync_new(const struct psync_conf *conf)
{
	struct psync *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (p == NULL)
		return NULL;
	p->c = *conf;
	p->stop = true;
	p->last = &p->first;
	if (p->c.zone == 0)
		p->c.zone = 8388608;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cond, &attr);
	pthread_condattr_destroy(&attr);
	psync_config(p, conf->nbrei, conf->rei_ms, conf->detail, conf->allowed_kbs);
	return p;
}

void
psync_config(struct psync *p, int nbrei, int64_t rei_ms, bool detail, int allowed_kbs)
{
	atomic_store(&p->nbrei, nbrei < 1 ? 3 : nbrei > SYNC_THREADS_MAX ? SYNC_THREADS_MAX : nbrei);
	atomic_store(&p->rei_ms, rei_ms > 0 ? rei_ms : 150000);
	atomic_store(&p->detail, detail);
	atomic_store(&p->allowed_kbs, allowed_kbs);
}

uint64_t
psync_bytes(const struct psync *p)
{
	return atomic_load(&p->bytes);
}

void
psync_state(struct psync *p, const struct rfs_state *state)
{
	pthread_mutex_lock(&p->lock);
	p->c.state = *state;
	pthread_mutex_unlock(&p->lock);
}

void
psync_free(struct psync *p)
{
	if (p == NULL)
		return;
	psync_down(p);
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
