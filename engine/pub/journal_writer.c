/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal_writer.c: the thread that brings rows to the disk.
 *
 * It takes all that waits (at most JOURNAL_BATCH_MAX) into one transaction.  A row leaves the queue when its commit has returned, and
 * even then the last JOURNAL_KEPT_ROWS stay in memory for the case that the file is damaged.  Questions are answered after the rows
 * queued before them, or, while the disk does not work, from the database and from memory together.
 * Called by: nobody but pthread_create(); journal_new() uses some of it before the thread exists.  Never does: hold the lock during a
 * disk operation, give up.
 */
#include "config.h"
#include "pub/journal_impl.h"
#include "wire/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TOLD_AGAIN_MS	60000	/* so that a disk that is full on and off does not fill the log */

/* ---- told to the loop thread ---- */
static void
wake(struct journal *j)
{
	pthread_mutex_lock(&j->lock);	/* so that journal_free() knows that nobody is inside the hook */
	if (!j->abandoned && j->hooks.wake != NULL)
		j->hooks.wake(j->hooks.ctx);
	pthread_mutex_unlock(&j->lock);
}

void
journal_trouble(struct journal *j, int message, const char *fmt, ...)
{
	struct jtrouble *t = calloc(1, sizeof(*t));
	va_list ap;

	if (t == NULL)
		return;
	t->message = message;
	va_start(ap, fmt);
	vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&j->lock);
	TAILQ_INSERT_TAIL(&j->troubles, t, all);
	pthread_mutex_unlock(&j->lock);
	wake(j);
}

/* One result of a disk operation: an episode of failures is told once, and a disk that comes and goes once a minute; each failure
 * sets the time of the next try. */
bool
jwriter_succeeded(struct journal *j, enum jresult r)
{
	if (r == JR_OK)
		return true;
	j->retry_ms = clock_mono_ms() + JOURNAL_RETRY_MS;
	j->failing = true;
	if (!j->told && (j->told_ms == 0 || clock_mono_ms() - j->told_ms >= TOLD_AGAIN_MS)) {
		j->told = true;
		j->told_ms = clock_mono_ms();
		journal_trouble(j, MSG_JOURNAL_WRITE, "Journal cannot be written: %s", j->why);
	}
	return false;
}

/* ---- writer: the database ready for use ---- */
static bool
writer_ready(struct journal *j)
{
	enum jresult r = JR_OK;
	int tries;

	for (tries = 0; tries < 2; tries++) {	/* the second time on the new file */
		r = j->db == NULL ? jdb_open(j) : jdb_present(j);
		if (r == JR_OK && j->unclean)
			r = jdb_check(j);
		if (r != JR_DAMAGED)
			break;
		r = jdb_set_aside(j);
		if (r != JR_OK)
			break;
	}
	return jwriter_succeeded(j, r);
}

/* After a failure: a damaged file goes; after an I/O error a new connection looks at the disk as it is then. */
bool
jwriter_failed(struct journal *j, enum jresult r)
{
	if (r == JR_DAMAGED) {
		r = jdb_set_aside(j);
		if (r == JR_OK)
			return true;
	} else if (j->reopen) {
		jdb_close(j);
	}
	return jwriter_succeeded(j, r);
}

static bool
reserve_due(const struct journal *j)	/* under lock */
{
	int i;

	for (i = 0; i < JK_TABLES; i++)
		if (j->next[i] + JOURNAL_RESERVE / 2 > j->reserved[i])
			return true;
	return false;
}

bool
jwriter_reserve(struct journal *j)
{
	uint64_t want[JK_TABLES];
	bool due;
	int i;

	pthread_mutex_lock(&j->lock);
	due = reserve_due(j);
	for (i = 0; i < JK_TABLES; i++)
		want[i] = j->next[i] + JOURNAL_RESERVE;
	pthread_mutex_unlock(&j->lock);
	if (!due)
		return true;
	if (jsequence_write(j->sequence_file, want) == -1) {
		snprintf(j->why, sizeof(j->why), "%.200s: %s", j->sequence_file, strerror(errno));
		return jwriter_succeeded(j, JR_WAIT);
	}
	pthread_mutex_lock(&j->lock);
	memcpy(j->reserved, want, sizeof(want));
	pthread_mutex_unlock(&j->lock);
	return true;
}

/* names[from..] as they are now; they never change, only the array moves */
static struct jname **
names_after(struct journal *j, size_t from, size_t *n)
{
	struct jname **copy = NULL;

	pthread_mutex_lock(&j->lock);
	*n = j->names.count - from;
	if (*n > 0) {
		copy = malloc(*n * sizeof(struct jname *));
		if (copy != NULL)
			memcpy(copy, j->names.all + from, *n * sizeof(struct jname *));
		else
			*n = 0;
	}
	pthread_mutex_unlock(&j->lock);
	return copy;
}

static bool
writer_index_file(struct journal *j)
{
	struct jname **names;
	int rc = 0;
	size_t n;

	if (j->index_in_file > 0 && access(j->index_file, F_OK) == -1 && errno == ENOENT)
		j->index_in_file = 0;
	names = names_after(j, j->index_in_file, &n);
	if (n > 0)
		rc = j->index_in_file == 0 ? jindex_write(j->index_file, names, n) : jindex_append(j->index_file, names, n);
	free(names);
	if (rc == -1) {
		snprintf(j->why, sizeof(j->why), "%.200s: %s", j->index_file, strerror(errno));
		return jwriter_succeeded(j, JR_WAIT);
	}
	j->index_in_file += n;
	return true;
}

/* ---- writer: rows ---- */
static void
flight_take(struct journal *j, size_t max)
{
	pthread_mutex_lock(&j->lock);
	j->flight_count += jqueue_take(&j->queue, max, &j->flight);
	pthread_mutex_unlock(&j->lock);
}

static void
flight_return(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	jqueue_return(&j->queue, &j->flight);
	j->flight_count = 0;
	while (j->queue.count > JOURNAL_QUEUE_MAX && jqueue_drop(&j->queue))
		j->lost++;
	pthread_mutex_unlock(&j->lock);
}

static void
flight_done(struct journal *j)
{
	struct jrow *row;

	while ((row = TAILQ_FIRST(&j->flight)) != NULL) {
		TAILQ_REMOVE(&j->flight, row, all);
		TAILQ_INSERT_TAIL(&j->kept, row, all);
		j->kept_count++;
	}
	while (j->kept_count > JOURNAL_KEPT_ROWS) {
		row = TAILQ_FIRST(&j->kept);
		TAILQ_REMOVE(&j->kept, row, all);
		free(row);
		j->kept_count--;
	}
	pthread_mutex_lock(&j->lock);
	j->flight_count = 0;
	pthread_mutex_unlock(&j->lock);
}

/* Everything that is to be on the disk, one transaction of it.  false: the disk does not work now. */
static bool
writer_write(struct journal *j)
{
	struct jname **names;
	enum jresult r;
	bool ok;
	size_t n;

	if (!writer_ready(j))
		return false;
	ok = jwriter_reserve(j);
	ok &= writer_index_file(j);
	names = names_after(j, j->index_in_db, &n);
	flight_take(j, JOURNAL_BATCH_MAX);
	r = n > 0 || j->rewrite || !TAILQ_EMPTY(&j->flight) ? jdb_write(j, names, n, &j->flight) : JR_OK;
	free(names);
	if (r != JR_OK) {
		flight_return(j);
		return jwriter_failed(j, r);
	}
	j->index_in_db += n;
	flight_done(j);
	if (ok)
		j->failing = j->told = false;
	return ok;
}

/* ---- writer: questions ---- */
/* r of a read.  true: ask the new file once more */
static bool
read_again(struct journal *j, enum jresult r)
{
	struct jrows none = TAILQ_HEAD_INITIALIZER(none);

	if (r == JR_OK || !jwriter_failed(j, r) || !writer_ready(j))
		return false;
	return jdb_write(j, NULL, 0, &none) == JR_OK;	/* the rows that memory still has */
}

static void
writer_answer(struct journal *j, struct jask *q)
{
	flight_take(j, SIZE_MAX);	/* so that the loop thread cannot drop them meanwhile */
	/* rows of a file that exists but is not open cannot be known; where there is no file, memory is all there is */
	if (j->db != NULL || (access(j->file, F_OK) == -1 && errno == ENOENT)) {
		enum jresult r = jquery_run(j, q, &j->flight);

		if (read_again(j, r))
			jquery_run(j, q, &j->flight);
	}
	flight_return(j);
	pthread_mutex_lock(&j->lock);
	TAILQ_INSERT_TAIL(&j->answered, q, all);
	pthread_mutex_unlock(&j->lock);
	wake(j);
}

/* The first question if it can be answered now; disk_works: only after all rows that were there before it are written. */
static struct jask *
ask_take(struct journal *j, bool disk_works)
{
	struct jrow *row;
	struct jask *q;

	pthread_mutex_lock(&j->lock);
	q = TAILQ_FIRST(&j->asked);
	row = TAILQ_FIRST(&j->queue.all);
	if (q != NULL && disk_works && row != NULL && row->order <= q->mark)
		q = NULL;
	if (q != NULL)
		TAILQ_REMOVE(&j->asked, q, all);
	pthread_mutex_unlock(&j->lock);
	return q;
}

/* ---- writer: the thread ---- */
/* Waits for work; returns whether the journal is to end. */
static bool
writer_wait(struct journal *j)
{
	struct timespec until;
	bool stop;

	pthread_mutex_lock(&j->lock);
	while (!j->stop && TAILQ_EMPTY(&j->asked)) {
		bool todo = j->queue.count > 0 || j->names.count > j->index_in_file || j->names.count > j->index_in_db ||
		    j->db == NULL || j->failing || j->rewrite || j->unclean || reserve_due(j);

		if (todo && clock_mono_ms() >= j->retry_ms)
			break;
		until.tv_sec = j->retry_ms / 1000;
		until.tv_nsec = j->retry_ms % 1000 * 1000000;
		if (todo)
			pthread_cond_timedwait(&j->work, &j->lock, &until);
		else
			pthread_cond_wait(&j->work, &j->lock);
	}
	stop = j->stop;
	pthread_mutex_unlock(&j->lock);
	return stop;
}

static bool
queue_is_empty(struct journal *j)
{
	bool empty;

	pthread_mutex_lock(&j->lock);
	empty = j->queue.count == 0;
	pthread_mutex_unlock(&j->lock);
	return empty;
}

static void
writer_end(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	if (j->queue.count > 0)
		warn_text("journal: %zu rows could not be written: %s", j->queue.count, j->why);
	j->lost += j->queue.count;
	pthread_mutex_unlock(&j->lock);
	if (j->db != NULL)	/* a clean end skips no numbers */
		jsequence_write(j->sequence_file, j->next);
	jdb_close(j);
}

void *
jwriter_main(void *arg)
{
	struct journal *j = arg;
	bool stop, disk_works;
	struct jask *q;

	for (;;) {
		stop = writer_wait(j);
		disk_works = false;
		if (stop || clock_mono_ms() >= j->retry_ms)
			disk_works = writer_write(j);
		while ((q = ask_take(j, disk_works)) != NULL)
			writer_answer(j, q);
		if (stop && (!disk_works || queue_is_empty(j) || clock_mono_ms() >= j->stop_ms))
			break;
	}
	writer_end(j);
	return NULL;
}
