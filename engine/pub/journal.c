/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal.c: the door of the journal for the loop thread, and its start.
 *
 * Called by: the loop thread.  It gives a row its number, packs it, puts it in the queue and goes on: one short lock, no system call but
 * the wake-up of the writer (journal_writer.c).  Never does: touch the disk after journal_new().
 */
#include "config.h"
#include "pub/journal_impl.h"

#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- start-up: numbers ---- */
static bool
has_past(const struct journal *j)	/* whether a journal ever was in this directory; true when that cannot be known */
{
	struct dirent *e;
	bool past = false;
	DIR *d = opendir(j->dir);

	if (d == NULL)
		return errno != ENOENT;
	while (!past && (e = readdir(d)) != NULL)
		past = strncmp(e->d_name, "journal.db", 10) == 0 || strcmp(e->d_name, "index") == 0 || strcmp(e->d_name, "sequence") == 0;
	closedir(d);
	return past;
}

static void
start_sequences(struct journal *j, bool past)
{
	bool known = jsequence_load(j->sequence_file, j->next) == 0;
	int i;

	for (i = 0; i < JK_TABLES; i++) {
		uint64_t last = j->db == NULL ? 0 : jdb_last_seq(j, (enum jkind)i);

		if (!known)
			j->next[i] = past || j->db == NULL ? (uint64_t)(clock_wall_us() / 1000) : 1;
		if (j->next[i] <= last)
			j->next[i] = last + 1;
		if (i == JK_NOTICE)
			j->last_notice = last > 0 ? last : j->next[i] - 1;
	}
	jwriter_reserve(j);
}

static int
by_module_and_index(const void *a, const void *b)
{
	const struct jname *x = *(struct jname *const *)a, *y = *(struct jname *const *)b;
	int c = strcmp(x->text, y->text);

	return c != 0 ? c : x->index < y->index ? -1 : x->index > y->index;
}

/* Fills modules; two resources with one index (somebody edited the file): one of them gets a new one. */
static bool
start_modules(struct journal *j)
{
	size_t i, n = j->names.count;
	/* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): the count does not wrap */
	struct jname **sorted = malloc((n + 1) * sizeof(struct jname *)), *m;

	if (sorted == NULL)
		return false;
	if (n > 0)
		memcpy(sorted, j->names.all, n * sizeof(struct jname *));
	qsort(sorted, n, sizeof(struct jname *), by_module_and_index);
	for (i = 0; i < n; i++) {
		m = jnames_find(&j->modules, sorted[i]->text, "");
		if (m == NULL)
			m = jnames_add(&j->modules, sorted[i]->text, "", 0);
		if (m == NULL) {
			free(sorted);
			return false;
		}
		m->index = sorted[i]->index;
	}
	for (i = 1; i < n; i++)
		if (strcmp(sorted[i]->text, sorted[i - 1]->text) == 0 && sorted[i]->index == sorted[i - 1]->index) {
			sorted[i - 1]->index = ++jnames_find(&j->modules, sorted[i]->text, "")->index;
			j->index_in_file = j->index_in_db = 0;
		}
	free(sorted);
	return true;
}

static void
start_indexes(struct journal *j)
{
	size_t in_db = 0;
	bool dirty = false;
	enum jresult r;

	if (jindex_load(j->index_file, &j->names, &dirty) == 0)
		j->index_in_file = dirty ? 0 : j->names.count;
	else if (errno != ENOENT) {
		snprintf(j->why, sizeof(j->why), "%.200s: %s", j->index_file, strerror(errno));
		jwriter_succeeded(j, JR_WAIT);
		j->index_in_file = SIZE_MAX;	/* not read: append to it, do not replace it */
	}
	r = j->db == NULL ? JR_OK : jdb_index_load(j, &j->names, &in_db);
	if (r != JR_OK && jwriter_failed(j, r))
		jwriter_succeeded(j, jdb_open(j));
	if (j->index_in_file > j->names.count)
		j->index_in_file = j->names.count;
	j->index_in_db = r == JR_OK && in_db == j->names.count ? in_db : 0;
}

static bool
start(struct journal *j)
{
	bool past = has_past(j);
	struct stat st;
	enum jresult r;

	/* SQLite takes a file below its smallest page (512 bytes) for a new one; we know that there was more */
	if (access(j->sequence_file, F_OK) == 0 && stat(j->file, &st) == 0 && st.st_size < 512)
		r = JR_DAMAGED;
	else
		r = jdb_open(j);
	if (r == JR_DAMAGED && (r = jdb_set_aside(j)) == JR_OK)
		r = jdb_open(j);
	jwriter_succeeded(j, r);
	start_indexes(j);
	if (!start_modules(j))
		return false;
	start_sequences(j, past);
	return true;
}

/* ---- the door ---- */
static void
journal_release(struct journal *j)
{
	struct jtrouble *t;

	while ((t = TAILQ_FIRST(&j->troubles)) != NULL) {
		TAILQ_REMOVE(&j->troubles, t, all);
		free(t);
	}
	jdb_close(j);
	jrows_free(&j->queue.all);
	jrows_free(&j->flight);
	jrows_free(&j->kept);
	jnames_free(&j->names);
	jnames_free(&j->modules);
	jnames_free(&j->trims);
	pthread_cond_destroy(&j->work);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

struct journal *
journal_new(const char *dir, const struct journal_hooks *hooks)
{
	struct journal *j = calloc(1, sizeof(*j));
	pthread_condattr_t attr;
	sigset_t all, before;
	int rc;

	if (j == NULL)
		return NULL;
	json_object_seed(0);	/* before two threads make objects */
	pthread_mutex_init(&j->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&j->work, &attr);
	pthread_condattr_destroy(&attr);
	jqueue_init(&j->queue);
	TAILQ_INIT(&j->asked);
	TAILQ_INIT(&j->answered);
	TAILQ_INIT(&j->troubles);
	TAILQ_INIT(&j->flight);
	TAILQ_INIT(&j->kept);
	j->hooks = *hooks;
	if (!str_copy(j->dir, sizeof(j->dir), dir) || !path_format(j->file, sizeof(j->file), "%s/journal.db", dir) ||
	    !path_format(j->index_file, sizeof(j->index_file), "%s/index", dir) ||
	    !path_format(j->sequence_file, sizeof(j->sequence_file), "%s/sequence", dir) || !start(j)) {
		journal_release(j);
		return NULL;
	}
	sigfillset(&all);	/* signals are for the loop thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&j->thread, NULL, jwriter_main, j);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		journal_release(j);
		return NULL;
	}
	return j;
}

void
journal_free(struct journal *j)
{
	struct jasks open = TAILQ_HEAD_INITIALIZER(open);
	struct timespec until;
	struct jask *q;
	bool stuck;

	if (j == NULL)
		return;
	pthread_mutex_lock(&j->lock);
	j->stop = true;
	j->stop_ms = clock_mono_ms() + JOURNAL_FREE_MS;
	pthread_cond_signal(&j->work);
	pthread_mutex_unlock(&j->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += JOURNAL_FREE_MS / 1000;
	stuck = pthread_timedjoin_np(j->thread, NULL, &until) != 0;
	pthread_mutex_lock(&j->lock);
	j->abandoned = true;
	TAILQ_CONCAT(&open, &j->answered, all);
	TAILQ_CONCAT(&open, &j->asked, all);
	pthread_mutex_unlock(&j->lock);
	while ((q = TAILQ_FIRST(&open)) != NULL) {
		TAILQ_REMOVE(&open, q, all);
		q->done(q->ctx, NULL);
		json_decref(q->rows);
		free(q);
	}
	if (stuck) {	/* in the kernel, with a dead disk: the program ends without the thread, whose memory must stay */
		warn_text("journal: the disk does not answer, rows may be lost");
		pthread_detach(j->thread);
		return;
	}
	journal_release(j);
}

void
journal_poll(struct journal *j)
{
	struct jtroubles troubles = TAILQ_HEAD_INITIALIZER(troubles);
	struct jasks answered = TAILQ_HEAD_INITIALIZER(answered);
	struct jtrouble *t;
	struct jask *q;

	pthread_mutex_lock(&j->lock);
	TAILQ_CONCAT(&troubles, &j->troubles, all);
	TAILQ_CONCAT(&answered, &j->answered, all);
	pthread_mutex_unlock(&j->lock);
	while ((t = TAILQ_FIRST(&troubles)) != NULL) {
		TAILQ_REMOVE(&troubles, t, all);
		if (j->hooks.trouble != NULL)
			j->hooks.trouble(j->hooks.ctx, t->message, t->text);
		free(t);
	}
	while ((q = TAILQ_FIRST(&answered)) != NULL) {
		TAILQ_REMOVE(&answered, q, all);
		q->done(q->ctx, q->rows);
		json_decref(q->rows);
		free(q);
	}
}

/* under lock */
static uint64_t
sequence_give(struct journal *j, enum jkind kind)
{
	/* Past what the disk knows of (it has not worked for long): the wall clock keeps a later life from giving these again. */
	if (j->next[kind] >= j->reserved[kind]) {
		uint64_t ms = (uint64_t)(clock_wall_us() / 1000);

		if (j->next[kind] < ms)
			j->next[kind] = ms;
	}
	return j->next[kind]++;
}

static void
queue_add(struct journal *j, enum jkind kind, const void *rpt)	/* under lock */
{
	struct jrow *row = jrow_pack(kind, rpt);

	if (row == NULL) {
		j->lost++;
		return;
	}
	row->order = ++j->order;
	jqueue_push(&j->queue, row);
	/* a question holds all rows in flight for a moment; then only a batch of them counts here, the rest when they come back */
	while (j->queue.count + (j->flight_count < JOURNAL_BATCH_MAX ? j->flight_count : JOURNAL_BATCH_MAX) > JOURNAL_QUEUE_MAX &&
	    jqueue_drop(&j->queue))
		j->lost++;
	pthread_cond_signal(&j->work);
}

uint64_t
journal_log(struct journal *j, struct rpt_log *row)
{
	pthread_mutex_lock(&j->lock);
	row->seq = sequence_give(j, JK_LOG);
	queue_add(j, JK_LOG, row);
	pthread_mutex_unlock(&j->lock);
	return row->seq;
}

uint64_t
journal_notice(struct journal *j, struct rpt_notice *row)
{
	pthread_mutex_lock(&j->lock);
	row->seq = j->last_notice = sequence_give(j, JK_NOTICE);
	queue_add(j, JK_NOTICE, row);
	pthread_mutex_unlock(&j->lock);
	return row->seq;
}

uint64_t
journal_command(struct journal *j, struct rpt_command *row)
{
	pthread_mutex_lock(&j->lock);
	row->seq = sequence_give(j, JK_COMMAND);
	queue_add(j, JK_COMMAND, row);
	pthread_mutex_unlock(&j->lock);
	return row->seq;
}

void
journal_command_end(struct journal *j, uint64_t seq, const char *status)
{
	struct rpt_command c = { .seq = seq };

	str_copy(c.status, sizeof(c.status), status);
	pthread_mutex_lock(&j->lock);
	queue_add(j, JK_END, &c);
	pthread_mutex_unlock(&j->lock);
}

void
journal_resource(struct journal *j, const struct rpt_resource *row)
{
	struct jhistory h = { .time_ms = row->since_ms != 0 ? row->since_ms : row->assigned_ms };

	str_copy(h.module, sizeof(h.module), row->module);
	str_copy(h.name, sizeof(h.name), row->name);
	str_copy(h.value, sizeof(h.value), row->value);
	str_copy(h.by, sizeof(h.by), row->by);
	pthread_mutex_lock(&j->lock);
	h.seq = sequence_give(j, JK_HISTORY);
	queue_add(j, JK_HISTORY, &h);
	pthread_mutex_unlock(&j->lock);
}

uint32_t
journal_index(struct journal *j, const char *module, const char *resource)
{
	char mod[SK_NAME_MAX], res[SK_RES_MAX];
	struct jname *n, *m;

	str_copy(mod, sizeof(mod), module);	/* as the files hold it */
	str_copy(res, sizeof(res), resource);
	n = jnames_find(&j->names, mod, res);	/* only this thread adds: no lock to look */
	if (n != NULL)
		return n->index;
	m = jnames_find(&j->modules, mod, "");
	if (m == NULL)
		m = jnames_add(&j->modules, mod, "", 0);
	if (m == NULL || m->index == JOURNAL_INDEX_LAST)
		return 0;
	pthread_mutex_lock(&j->lock);
	n = jnames_add(&j->names, mod, res, m->index + 1);
	if (n != NULL)
		m->index++;
	pthread_cond_signal(&j->work);
	pthread_mutex_unlock(&j->lock);
	return n == NULL ? 0 : n->index;
}

void
journal_forget(struct journal *j, const char *module, bool logs, bool resources)
{
	struct jforget f = { .logs = logs, .resources = resources };

	str_copy(f.module, sizeof(f.module), module);
	pthread_mutex_lock(&j->lock);
	queue_add(j, JK_FORGET, &f);
	pthread_mutex_unlock(&j->lock);
}

uint64_t
journal_lost(const struct journal *j)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&j->lock;
	uint64_t lost;

	pthread_mutex_lock(lock);
	lost = j->lost;
	pthread_mutex_unlock(lock);
	return lost;
}

uint64_t
journal_last_notice(const struct journal *j)
{
	return j->last_notice;	/* only this thread changes it */
}

static void
ask(struct journal *j, const struct jask *question)
{
	static const int most[JK_TABLES] = { JOURNAL_LOG_ROWS, JOURNAL_NOTICE_ROWS, JOURNAL_COMMAND_ROWS, JOURNAL_HISTORY_ROWS };
	struct jask *q = malloc(sizeof(*q));

	if (q == NULL) {
		question->done(question->ctx, NULL);
		return;
	}
	*q = *question;
	if (q->last <= 0 || q->last > most[q->kind])
		q->last = most[q->kind];
	pthread_mutex_lock(&j->lock);
	q->mark = j->order;
	TAILQ_INSERT_TAIL(&j->asked, q, all);
	pthread_cond_signal(&j->work);
	pthread_mutex_unlock(&j->lock);
}

void
journal_ask_log(struct journal *j, const char *module, const char *levels, int last, uint64_t after, journal_answer done, void *ctx)
{
	struct jask q = { .kind = JK_LOG, .last = last, .after = after, .done = done, .ctx = ctx };

	str_copy(q.module, sizeof(q.module), module);
	if (strchr(levels, 'A') == NULL)
		str_copy(q.levels, sizeof(q.levels), levels);
	ask(j, &q);
}

void
journal_ask_history(struct journal *j, const char *module, const char *resource, int last, journal_answer done, void *ctx)
{
	struct jask q = { .kind = JK_HISTORY, .last = last, .done = done, .ctx = ctx };

	str_copy(q.module, sizeof(q.module), module);
	str_copy(q.resource, sizeof(q.resource), resource);
	ask(j, &q);
}

void
journal_ask_notices(struct journal *j, uint64_t after, int last, journal_answer done, void *ctx)
{
	struct jask q = { .kind = JK_NOTICE, .last = last, .after = after, .done = done, .ctx = ctx };

	ask(j, &q);
}

void
journal_ask_commands(struct journal *j, int last, journal_answer done, void *ctx)
{
	struct jask q = { .kind = JK_COMMAND, .last = last, .done = done, .ctx = ctx };

	ask(j, &q);
}
