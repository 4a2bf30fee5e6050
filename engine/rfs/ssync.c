/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync.c: the secondary's end of a synchronisation: begin, end, and which frame is whose.
 *
 * Owns: the state of a run.  Called by: second.c (frames and operations, in the readers of the connections).  Never does: believe what a frame says without a check, leave the
 * tree, take over.
 */
#include "config.h"
#include "rfs/ssync_impl.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
ssync_bad(struct ssync *y, const char *what)
{
	stream_drop(second_stream(y->s), what);
}

void
ssync_error(struct ssync *y, uint8_t dir, const char *what, int error)
{
	char why[SK_TEXT_MAX];

	snprintf(why, sizeof(why), "%s in %s: %s", what, y->c->names[dir] != NULL ? y->c->names[dir] : "", strerror(error < 0 ? -error : error));
	second_out(y->s, why);
}

void
ssync_answer(struct ssync *y, int conn, uint8_t kind, uint8_t dir, uint64_t node, uint64_t aux, const void *body, size_t len)
{
	const struct frame f = { .type = FR_SYNC, .flags = kind, .dir = dir, .node = node, .aux = aux, .body = body, .body_len = (uint32_t)len };

	stream_send(second_stream(y->s), conn, &f);
}

static json_t *
json_of(const struct frame *f)
{
	return json_loadb(f->body, f->body_len, 0, NULL);
}

static void
tell(struct ssync *y, json_t *event)
{
	if (event != NULL)
		y->c->event(y->c->ctx, event);
}

/* ---- begin and end ---- */
static int
begin(struct ssync *y, uint64_t gen, bool external)
{
	char text[17];
	int i;

	second_whole(y->s, false);
	if (!state_begin_sync(y->c->folder, gen))
		return errno;
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)gen);
	tell(y, json_pack("{s:s, s:s}", "event", "begin", "from", text));
	atomic_store(&y->busy, true);
	ssync_forget(y);
	y->external = external;
	second_unpair_all(y->s);
	for (i = 0; i < y->c->dirs; i++) {
		second_pair(y->s, (uint8_t)i, RFS_ROOT, RFS_ROOT);
		if (!ssync_limbo_clear(y, (uint8_t)i))
			return errno;
		if (y->c->maps[i] != NULL)
			map_cut_begin(y->c->maps[i]);
	}
	return ssync_task(y, TASK_SWEEP, 0, NULL) ? 0 : ENOMEM;
}

static void
fr_begin(struct ssync *y, int conn, const struct frame *f)
{
	json_t *o = json_of(f);
	const char *gen = json_string_value(json_object_get(o, "gen"));
	char *end = NULL;
	uint64_t n = gen != NULL ? strtoull(gen, &end, 16) : 0;
	int rc;

	if (gen == NULL || *end != '\0' || strlen(gen) != 16) {
		ssync_bad(y, "a synchronisation without a generation");
	} else {
		rc = begin(y, n, json_is_true(json_object_get(o, "external")));
		ssync_answer(y, conn, SY_BEGUN, 0, 0, (uint64_t)rc, NULL, 0);
	}
	json_decref(o);
}

static void
fr_log(struct ssync *y, const struct frame *f)
{
	json_t *o = json_of(f);
	const char *text = json_string_value(json_object_get(o, "text"));

	if (text != NULL && strlen(text) < SK_TEXT_MAX)
		tell(y, json_pack("{s:s, s:I, s:s, s:s}", "event", "log", "key", json_integer_value(json_object_get(o, "key")),
		    "origin", "reintegre", "text", text));
	json_decref(o);
}

static void
fr_progress(struct ssync *y, const struct frame *f)
{
	static const char *const numbers[] = { "files", "files_total", "bytes", "bytes_total", "sent", "rate_kbs", "left_s" };
	json_t *o = json_of(f), *e = json_pack("{s:s}", "event", "progress");
	const char *dir = json_string_value(json_object_get(o, "dir")), *phase = json_string_value(json_object_get(o, "phase"));
	size_t i;

	if (e != NULL && dir != NULL && phase != NULL && strlen(dir) < 4096 && strlen(phase) < 32) {
		json_object_set_new(e, "dir", json_string(dir));
		json_object_set_new(e, "phase", json_string(phase));
		for (i = 0; i < ARRAY_LEN(numbers); i++)
			json_object_set_new(e, numbers[i], json_integer(json_integer_value(json_object_get(o, numbers[i]))));
		tell(y, json_incref(e));
	}
	json_decref(e);
	json_decref(o);
}

static void
fr_fail(struct ssync *y, const struct frame *f)
{
	json_t *o = json_of(f);
	const char *why = json_string_value(json_object_get(o, "why"));

	/* what makes sense again begins by itself: the stream comes back */
	if (why != NULL && strlen(why) < SK_TEXT_MAX && !json_is_true(json_object_get(o, "again")))
		tell(y, json_pack("{s:s, s:s, s:b}", "event", "sync-failed", "why", why, "again", 0));
	json_decref(o);
}

static void
fr_done(struct ssync *y, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	uint64_t node;

	while (!in.bad && in.at < in.len && y->c->maps[f->dir] != NULL) {
		node = second_node(y->s, f->dir, in_64(&in));
		if (node != 0)
			map_done(y->c->maps[f->dir], node);
	}
}

static void
fr_finish(struct ssync *y, int conn, const struct frame *f)
{
	int i;

	for (i = 0; i < y->c->dirs; i++) {
		ssync_limbo_clear(y, (uint8_t)i);	/* what never came back is not there any more */
		if (y->c->maps[i] != NULL)
			map_cut_begin(y->c->maps[i]);
	}
	if (!ssync_task(y, TASK_FINISH, conn, f))
		ssync_bad(y, "too much is asked for at once");
}

void
ssync_frame(struct ssync *y, int conn, const struct frame *f)
{
	if (f->dir >= y->c->dirs) {
		ssync_bad(y, "synchronisation of a folder that there is not");
		return;
	}
	switch (f->flags) {
	case SY_CHECK: case SY_CHECK_END: case SY_CHECK_FILE:
		ssync_check(y, conn, f);
		return;
	case SY_TOLD:
		ssync_verify_told(y, f);
		return;
	case SY_HASH:
		if (!ssync_task(y, TASK_HASH, conn, f))
			ssync_bad(y, "too much is asked for at once");
		return;
	case SY_PING:
		ssync_answer(y, conn, SY_PONG, 0, 0, f->aux, NULL, 0);
		return;
	case SY_BEGIN:
		fr_begin(y, conn, f);
		return;
	case SY_FAIL:
		fr_fail(y, f);
		return;
	case SY_LOG:
		fr_log(y, f);
		return;
	case SY_PROGRESS:
		fr_progress(y, f);
		return;
	default:
		break;
	}
	if (!atomic_load(&y->busy) && f->flags != SY_FINAL) {	/* attributes of a folder may come a little late */
		ssync_bad(y, "synchronisation that did not begin");
		return;
	}
	switch (f->flags) {
	case SY_DIR:
		ssync_begin_folder(y, f->dir, f->node);
		break;
	case SY_LIST:
		ssync_list(y, conn, f);
		break;
	case SY_DIR_END:
		ssync_end_folder(y, f);
		break;
	case SY_LIMBO:
		ssync_limbo(y, f);
		break;
	case SY_FILE:
		ssync_file(y, f);
		break;
	case SY_DATA:
		ssync_write(y, f);
		break;
	case SY_PUNCH:
		ssync_punch(y, f);
		break;
	case SY_FINAL:
		ssync_final(y, f);
		break;
	case SY_COMMIT:
		if (!ssync_task(y, TASK_COMMIT, conn, f))
			ssync_bad(y, "too much is asked for at once");
		break;
	case SY_DONE:
		fr_done(y, f);
		break;
	case SY_FINISH:
		fr_finish(y, conn, f);
		break;
	default:
		ssync_bad(y, "synchronisation with a word that there is not");
	}
}

/* ---- operations while it goes on ---- */
/* The primary tells it anew */
static void
ask(struct ssync *y, const struct rfs_op *theirs, uint64_t folder, const char *name)
{
	ssync_answer(y, 0, SY_ASK, theirs->dir, folder, 0, name, strlen(name) + 1);
}

static uint64_t
named(struct ssync *y, uint8_t dir, int dirfd, const char *name)
{
	uint64_t node;

	return tree_lookup(y->c->trees[dir], dirfd, name, &node, NULL) == 0 ? node : 0;
}

static void
free_name(struct ssync *y, uint8_t dir, int dirfd, const char *name)
{
	int rc = ssync_displace(y, dir, dirfd, name);

	if (rc != 0)
		ssync_error(y, dir, name, rc);
}

static bool
before_exchange(struct ssync *y, const struct rfs_op *theirs, const struct rfs_op *op, int from, int to)
{
	uint64_t a = named(y, op->dir, from, op->name), b = named(y, op->dir, to, op->newname);

	if (a != 0 && b != 0 && a == op->node && b == op->other)
		return true;
	ssync_out_of(y, op->dir, from, op->name, theirs->node, op->node);
	ssync_out_of(y, op->dir, to, op->newname, theirs->other, op->other);
	ask(y, theirs, theirs->parent, op->name);
	ask(y, theirs, theirs->newparent, op->newname);
	return false;
}

static bool
before_rename(struct ssync *y, const struct rfs_op *theirs, const struct rfs_op *op, int from, int to)
{
	uint64_t have = named(y, op->dir, from, op->name), there = named(y, op->dir, to, op->newname);

	if (have != 0 && have == there && have == op->node)
		return false;	/* two names of one file, or one name: rename(2) does nothing */
	if (there != 0 && (there != op->node || op->node == 0))
		free_name(y, op->dir, to, op->newname);
	if (have != 0 && have == op->node)
		return true;
	/* not where the primary has it: by what it is */
	if (op->node == 0 || (there != op->node && ssync_place(y, op->dir, theirs->node, op->node, to, op->newname) != 0))
		ask(y, theirs, theirs->newparent, op->newname);
	if (have != 0)
		free_name(y, op->dir, from, op->name);
	return false;
}

static bool
before(struct ssync *y, const struct rfs_op *theirs, struct rfs_op *op, int from, int to)
{
	struct tree *t = y->c->trees[op->dir];
	uint64_t node;
	struct stat st;
	int rc = tree_lookup(t, from, op->name, &node, &st);

	switch (op->type) {
	case OP_LINK:
		if (rc == 0 && (op->node == 0 || node != op->node))
			free_name(y, op->dir, from, op->name);
		if (op->node == 0)
			ask(y, theirs, theirs->parent, op->name);
		return op->node != 0 && (rc != 0 || node != op->node);
	case OP_CREATE: case OP_MKDIR: case OP_SYMLINK:
		if (rc == 0)
			free_name(y, op->dir, from, op->name);
		return true;
	case OP_UNLINK:
		if (rc == 0 && !S_ISDIR(st.st_mode))
			return true;
		if (rc == 0)
			free_name(y, op->dir, from, op->name);
		return false;
	case OP_RMDIR:
		if (rc == 0 && S_ISDIR(st.st_mode) && unlinkat(from, op->name, AT_REMOVEDIR) == 0) {
			tree_forget(t, node);
			return false;
		}
		if (rc == 0)
			free_name(y, op->dir, from, op->name);
		return false;
	case OP_RENAME:
		if ((op->flags & RENAME_EXCHANGE) != 0)
			return before_exchange(y, theirs, op, from, to);
		return before_rename(y, theirs, op, from, to);
	default:
		return true;
	}
}

bool
ssync_before(struct ssync *y, const struct rfs_op *theirs, struct rfs_op *op)
{
	struct tree *t = y->c->trees[op->dir];
	struct tree_fd *from, *to = NULL;
	bool go = false;

	switch (op->type) {
	case OP_CREATE: case OP_MKDIR: case OP_SYMLINK: case OP_LINK: case OP_UNLINK: case OP_RMDIR: case OP_RENAME:
		break;
	default:
		return true;
	}
	if (op->parent == 0 || (op->type == OP_RENAME && op->newparent == 0))
		return false;
	from = tree_get(t, op->parent, TREE_DIR);
	if (from != NULL && op->type == OP_RENAME)
		to = tree_get(t, op->newparent, TREE_DIR);
	if (from != NULL && (op->type != OP_RENAME || to != NULL)) {
		if (op->type == OP_RENAME) {
			ssync_told_op(y, op->dir, op->newparent, op->newname);
			if ((op->flags & RENAME_EXCHANGE) != 0)
				ssync_told_op(y, op->dir, op->parent, op->name);
		} else if (op->type != OP_UNLINK && op->type != OP_RMDIR) {
			ssync_told_op(y, op->dir, op->parent, op->name);
		}
		go = before(y, theirs, op, from->fd, to != NULL ? to->fd : -1);
		if (!go) {	/* else the operation itself does that */
			ssync_parent_time(from->fd, op->parent_mtime_ns);
			if (to != NULL)
				ssync_parent_time(to->fd, op->newparent_mtime_ns);
		}
	}
	tree_put(t, from);
	tree_put(t, to);
	return go;
}

void
ssync_after(struct ssync *y, const struct rfs_op *op, const struct rfs_result *res)
{
	(void)y;
	(void)op;
	(void)res;
}

/* ---- begin and end of the worker ---- */
bool
ssync_busy(const struct ssync *y)
{
	return atomic_load(&y->busy);
}

void
ssync_down(struct ssync *y)
{
	pthread_mutex_lock(&y->lock);
	y->life++;
	y->verified = y->verifying;
	pthread_cond_broadcast(&y->cond);
	pthread_mutex_unlock(&y->lock);
	atomic_store(&y->busy, false);
}

struct ssync *
ssync_new(struct second *s)
{
	struct ssync *y = calloc(1, sizeof(*y));

	if (y == NULL)
		return NULL;
	y->s = s;
	y->c = second_conf_of(s);
	y->last = &y->first;
	y->slow_last = &y->slow_first;
	atomic_init(&y->names_made, (uint_fast64_t)clock_wall_us());	/* not those of a former worker */
	pthread_mutex_init(&y->lock, NULL);
	pthread_cond_init(&y->cond, NULL);
	for (; y->threads <= SSYNC_THREADS; y->threads++)
		if (pthread_create(&y->thread[y->threads], NULL, y->threads == SSYNC_THREADS ? ssync_sweeper : ssync_hasher, y) != 0) {
			ssync_free(y);
			return NULL;
		}
	return y;
}

void
ssync_free(struct ssync *y)
{
	struct task *t;

	if (y == NULL)
		return;
	pthread_mutex_lock(&y->lock);
	y->stop = true;
	pthread_cond_broadcast(&y->cond);
	pthread_mutex_unlock(&y->lock);
	while (y->threads > 0)
		pthread_join(y->thread[--y->threads], NULL);
	for (t = y->first; t != NULL; t = y->first) {
		y->first = t->next;
		free(t);
	}
	for (t = y->slow_first; t != NULL; t = y->slow_first) {
		y->slow_first = t->next;
		free(t);
	}
	ssync_forget(y);
	ssync_check_forget(y);
	free(y->xml);
	pthread_cond_destroy(&y->cond);
	pthread_mutex_destroy(&y->lock);
	free(y);
}
