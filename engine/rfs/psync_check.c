/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_check.c: rfsverify at the primary: both trees are compared while the application works.
 *
 * Exact where it counts: what is read and sent under the lock of a folder (names: connection 0) or of a file (attributes, a zone: its own connection) is
 * compared by the secondary in order with what is replicated of it, so a difference is one.  Zones are hashed without a lock first; only where these
 * differ once more with it.  Names that the secondary has besides are told exactly for folders of up to PIECES frames, of larger ones they are asked for
 * ROUNDS times.
 * Owns: one thread, from SY_VERIFY to the last SY_TOLD.  Never does: change anything; hold a lock while it waits for an answer.
 */
#include "config.h"
#include "rfs/check_log.h"
#include "rfs/psync_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECES		16
#define ROUNDS		3
#define ROUND_MS	300		/* between two of them: what is under way arrives (ours) */
#define ATTR_TRIES	4		/* looks at a folder that changes (ours) */
#define BATCH_ZONES	64
#define BATCH_BYTES	(32u << 20)
#define WHY_MAX		200

struct item { struct listed l; uint64_t zones, bytes; bool look, attr; char name[RFS_NAME_LEN + 1]; };
struct piece { uint64_t id; int first, n; };
struct check {
	struct psync *p;
	struct check_log log;
	uint8_t	 dir;
	struct wheres folders;
	uint8_t	*buf, *xattrs, *zone;
	struct item *items;
	int	 n;
	struct piece pieces[PIECES];
	int	 pieces_n;
	struct hashes h;
	struct sync_zone z[BATCH_ZONES];
	struct item *of[BATCH_ZONES];
	int	 zones;
	size_t	 bytes;
	char	 rel[8192];
	char	 why[WHY_MAX];		/* of the end before the end */
};

static bool
stopped(struct check *c)
{
	bool stop;

	pthread_mutex_lock(&c->p->lock);
	stop = c->p->check_stop;
	pthread_mutex_unlock(&c->p->lock);
	return stop || c->why[0] != '\0';
}

static void
fail(struct check *c, const char *what, int error)
{
	if (c->why[0] == '\0')
		snprintf(c->why, sizeof(c->why), "%.100s%s%.80s", what, error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
}

/* ---- questions and answers ---- */

static uint64_t
ask(struct check *c, int conn, uint8_t kind, uint64_t node, const struct sync_out *o)
{
	struct psync *p = c->p;
	uint64_t id;

	pthread_mutex_lock(&p->lock);
	id = ++p->next_id;
	pthread_mutex_unlock(&p->lock);
	if (o->bad || !psync_send(p, conn, kind, c->dir, node, id, o->buf, o->len, NULL, 0))
		fail(c, o->bad ? "a name or attributes that are too long" : "the connection was lost", 0);
	return id;
}

/* Freed by the caller; NULL: none (why is set, or it is to stop) */
static struct msg *
answer(struct check *c, uint64_t id)
{
	struct psync *p = c->p;
	int64_t since = clock_mono_ms();
	struct msg **at, *m = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->check_stop && c->why[0] == '\0') {
		for (at = &p->checked; *at != NULL && (*at)->aux != id; at = &(*at)->next)
			;
		m = *at;
		if (m != NULL) {
			*at = m->next;
			p->inbox_bytes -= m->len + sizeof(*m);
			break;
		}
		if (clock_mono_ms() - since > atomic_load(&p->rei_ms))
			fail(c, "no answer within reitimeout", 0);
		else
			psync_wait(p, 1000);
	}
	pthread_mutex_unlock(&p->lock);
	return m;
}

/* ---- one file, exactly ---- */

/* Its attributes, and with len a zone of it, as they are now; 0: alike, or gone; else SR_* */
static int
exactly(struct check *c, uint64_t node, uint64_t off, uint32_t len)
{
	struct psync *p = c->p;
	struct sync_out o = { .buf = c->buf, .size = FRAME_BODY_MAX };
	struct sync_entry e = { .node = node };
	const struct sync_zone z = { .node = node, .off = off, .len = len };
	uint8_t hash[SYNC_HASH] = { 0 };
	char path[TREE_PROC_MAX];
	struct sync_result r = { .flags = 0 };
	struct sync_in in;
	struct tree_fd *t;
	struct stat st;
	struct msg *m;
	uint64_t id = 0;
	int n = 0, rc = 0;

	p->c.lock(p->c.ctx, c->dir, node);
	t = len > 0 ? tree_get(p->c.trees[c->dir], node, TREE_READ) : tree_any(p->c.trees[c->dir], node);
	if (t == NULL || fstat(t->fd, &st) != 0)
		rc = -errno;
	if (rc == 0)
		n = sync_xattrs_read(tree_proc(t->fd, path), true, p->c.acl, c->xattrs, SYNC_XATTRS_MAX);
	if (rc == 0 && len > 0)
		rc = sync_hash(t->fd, off, len, c->zone, hash);
	if (rc == 0) {
		sync_entry_stat(&e, &st);
		e.xattrs = c->xattrs;
		e.xattrs_len = n > 0 ? (uint32_t)n : 0;
		sync_put_entry(&o, &e);
		sync_put_zone(&o, &z);
		out_bytes(&o, hash, sizeof(hash));
		id = ask(c, S_ISDIR(st.st_mode) ? 0 : -1, SY_CHECK_FILE, node, &o);	/* what changes names goes over 0 */
	}
	tree_put(p->c.trees[c->dir], t);
	p->c.unlock(p->c.ctx, c->dir, node);
	if (rc != 0) {
		if (rc != -ESTALE && rc != -ENOENT)
			fail(c, "reading a file", -rc);
		return 0;
	}
	m = answer(c, id);
	if (m == NULL)
		return 0;
	in = (struct sync_in){ .buf = m->body, .len = m->len };
	if (!sync_get_result(&in, &r) || !in_end(&in))
		fail(c, "an answer that is not one", 0);
	free(m);
	return (r.flags & SR_MISSING) != 0 ? 0 : r.flags;	/* by its name it was there: deleted meanwhile, and perhaps still open here */
}

/* A folder's own attributes and its names go over two connections: what is on its way over one of them is looked at again */
static bool
attributes_differ(struct check *c, uint64_t node)
{
	int i;

	for (i = 0; i < ATTR_TRIES; i++)
		if ((exactly(c, node, 0, 0) & SR_ATTR) == 0)
			return false;
	return true;
}

/* ---- data ---- */

static void
settle(struct check *c)
{
	struct psync *p = c->p;
	uint8_t body[BATCH_ZONES * 20], mine[BATCH_ZONES][SYNC_HASH];
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	int64_t since = clock_mono_ms();
	int i, n = c->zones;

	c->zones = 0;
	c->bytes = 0;
	if (n == 0 || stopped(c))
		return;
	for (i = 0; i < n; i++)
		sync_put_zone(&o, &c->z[i]);
	pthread_mutex_lock(&p->lock);
	c->h.id = p->next_id + 1;	/* ask() takes the next one: nobody else asks while the pair is whole */
	c->h.n = n;
	c->h.ready = false;
	p->hashes[0] = &c->h;
	pthread_mutex_unlock(&p->lock);
	ask(c, -1, SY_HASH, c->z[0].node, &o);
	for (i = 0; i < n; i++) {
		struct tree_fd *t = tree_get(p->c.trees[c->dir], c->z[i].node, TREE_READ);

		memset(mine[i], 0, SYNC_HASH);
		if (t != NULL)
			sync_hash(t->fd, c->z[i].off, c->z[i].len, c->zone, mine[i]);
		tree_put(p->c.trees[c->dir], t);
	}
	pthread_mutex_lock(&p->lock);
	while (!c->h.ready && !p->check_stop && c->why[0] == '\0') {
		if (clock_mono_ms() - since > atomic_load(&p->rei_ms))
			fail(c, "no answer within reitimeout", 0);
		else
			psync_wait(p, 1000);
	}
	p->hashes[0] = NULL;
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < n && !stopped(c); i++) {
		if (memcmp(mine[i], c->h.hash[i], SYNC_HASH) == 0 || (exactly(c, c->z[i].node, c->z[i].off, c->z[i].len) & SR_DIFFERS) == 0)
			continue;
		c->of[i]->zones++;
		c->of[i]->bytes += c->z[i].len;
	}
}

static void
contents(struct check *c, struct item *it)
{
	uint64_t off;

	for (off = 0; off < it->l.size && !stopped(c); off += c->p->c.zone) {
		uint32_t len = it->l.size - off < c->p->c.zone ? (uint32_t)(it->l.size - off) : c->p->c.zone;

		if (c->zones == BATCH_ZONES || (c->zones > 0 && c->bytes + len > BATCH_BYTES))
			settle(c);
		c->z[c->zones] = (struct sync_zone){ .node = it->l.node, .off = off, .len = len };
		c->of[c->zones++] = it;
		c->bytes += len;
	}
}

/* ---- a folder ---- */

static DIR *
open_folder(struct psync *p, uint8_t dir, uint64_t node)
{
	struct tree_fd *f = tree_get(p->c.trees[dir], node, TREE_DIR);
	int fd;
	DIR *d;

	if (f == NULL)
		return NULL;
	fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);	/* with a position of its own */
	tree_put(p->c.trees[dir], f);
	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL && fd >= 0)
		close(fd);
	return d;
}

static bool
skipped(struct psync *p, uint8_t dir, uint64_t folder, DIR *d, const struct dirent *e)
{
	struct stat st;
	bool is_folder = e->d_type == DT_DIR;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || tree_is_hidden(folder, e->d_name, strlen(e->d_name)))
		return true;
	if (!match_any(p->c.matches[dir]))
		return false;
	if (e->d_type == DT_UNKNOWN)
		is_folder = fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	return psync_is_private(p, dir, folder, e->d_name, is_folder);
}

/* A frame of names.  Under the folder's lock.  false: that was the last */
static bool
piece(struct check *c, uint64_t node, DIR *d)
{
	struct sync_out o = { .buf = c->buf, .size = FRAME_BODY_MAX };
	struct piece *q = &c->pieces[c->pieces_n];
	struct dirent *de = NULL;

	*q = (struct piece){ .first = c->n };
	while (q->n < SYNC_ENTRIES_MAX && o.len < SYNC_LIST_BYTES && (de = readdir(d)) != NULL) {
		struct sync_entry e = { .flags = 0 };
		struct item *it = &c->items[c->n];

		if (skipped(c->p, c->dir, node, d, de))
			continue;
		memset(it, 0, sizeof(*it));
		if (!psync_entry(c->p, c->dir, dirfd(d), de->d_name, &o, c->xattrs, &e, &it->l))
			continue;
		str_copy(it->name, sizeof(it->name), de->d_name);
		c->n++;
		q->n++;
	}
	if (q->n > 0) {
		q->id = ask(c, 0, SY_CHECK, node, &o);
		c->pieces_n++;
	}
	return de != NULL;
}

static uint64_t
folder_end(struct check *c, uint64_t node, DIR *d)
{
	struct sync_out o = { .buf = c->buf, .size = FRAME_BODY_MAX };
	struct sync_entry e = { .node = node };
	char path[TREE_PROC_MAX];
	struct stat st;
	int n = sync_xattrs_read(tree_proc(dirfd(d), path), true, c->p->c.acl, c->xattrs, SYNC_XATTRS_MAX);

	if (fstat(dirfd(d), &st) != 0)
		fail(c, "reading a folder", errno);
	else
		sync_entry_stat(&e, &st);
	e.xattrs = c->xattrs;
	e.xattrs_len = n > 0 ? (uint32_t)n : 0;
	sync_put_entry(&o, &e);
	return ask(c, 0, SY_CHECK_END, node, &o);
}

static void
one_answered(struct check *c, struct item *it, const struct sync_result *r, bool report)
{
	const struct listed *l = &it->l;

	if (l->keep)
		return;
	if (S_ISDIR(l->mode) && (r->flags & (SR_MISSING | SR_TYPE)) == 0 && report && !wheres_add(&c->folders, c->dir, l->node))
		fail(c, "no memory", 0);
	if (!report)
		return;
	if ((r->flags & SR_MISSING) != 0)
		check_log_file(&c->log, c->rel, it->name, "missing", l->size, 0, l->size, "");
	else if ((r->flags & SR_TYPE) != 0)
		check_log_file(&c->log, c->rel, it->name, "differs", l->size, 0, l->size, "type");
	else if ((r->flags & SR_DIFFERS) != 0)
		check_log_file(&c->log, c->rel, it->name, "differs", l->size, 0, 0, S_ISLNK(l->mode) ? "target" : "another file");
	else if (!S_ISDIR(l->mode))
		it->look = true;
	if (it->look && ((r->flags & SR_ATTR) != 0 || (S_ISREG(l->mode) && (r->size != l->size || r->mtime_ns != l->mtime_ns))))
		it->bytes = 1;		/* to be asked exactly */
}

/* Answers to all frames of names that were sent */
static void
answered(struct check *c, bool report)
{
	struct sync_result r;
	int i, k;

	for (i = 0; i < c->pieces_n; i++) {
		struct msg *m = answer(c, c->pieces[i].id);
		struct sync_in in = { .buf = m != NULL ? m->body : NULL, .len = m != NULL ? m->len : 0 };

		for (k = 0; m != NULL && k < c->pieces[i].n && c->why[0] == '\0'; k++) {
			if (!sync_get_result(&in, &r))
				fail(c, "an answer that is not one", 0);
			else
				one_answered(c, &c->items[c->pieces[i].first + k], &r, report);
		}
		free(m);
	}
	c->pieces_n = 0;
}

/* Attributes first, then contents, of the files that are there on both sides */
static void
look_at_files(struct check *c)
{
	int i;

	for (i = 0; i < c->n && !stopped(c); i++) {
		struct item *it = &c->items[i];
		bool ask_exactly = it->bytes != 0;

		it->bytes = 0;
		if (!it->look)
			continue;
		c->log.files += S_ISREG(it->l.mode);
		c->log.total_bytes += it->l.size;
		it->attr = ask_exactly && attributes_differ(c, it->l.node);
		if (S_ISREG(it->l.mode))
			contents(c, it);
	}
	settle(c);
	for (i = 0; i < c->n; i++) {
		const struct item *it = &c->items[i];
		const char *why = it->zones == 0 ? "attributes" : it->attr ? "contents, attributes" : "contents";

		if (it->look && (it->zones > 0 || it->attr))	/* one line a file: it counts once */
			check_log_file(&c->log, c->rel, it->name, "differs", it->l.size, it->zones, it->bytes, why);
	}
	c->n = 0;
}

/* The folder itself, and what the secondary has in it besides.  false: to be asked again */
static bool
end_answered(struct check *c, uint64_t node, const struct msg *m, bool exact)
{
	struct sync_in in = { .buf = m->body, .len = m->len };
	struct sync_result r;
	const char *name;

	if (!sync_get_result(&in, &r)) {
		fail(c, "an answer that is not one", 0);
		return true;
	}
	if (in.at < in.len && !exact)
		return false;
	if ((r.flags & (SR_ATTR | SR_DIFFERS)) != 0 && attributes_differ(c, node))
		check_log_file(&c->log, c->rel, "", "differs", 0, 0, 0, "attributes");
	while (in.at < in.len && (name = sync_get_name(&in)) != NULL)
		check_log_file(&c->log, c->rel, name, "extra", 0, 0, 0, "");
	return true;
}

/* false: it has to be gone through once more for the names that are there besides */
static bool
round_of(struct check *c, uint64_t node, DIR *d, bool first, bool last)
{
	struct psync *p = c->p;
	bool more = true, exact = true, settled = true;
	struct msg *m;
	uint64_t id;

	c->n = c->pieces_n = 0;
	p->c.lock(p->c.ctx, c->dir, node);
	while (more && !stopped(c)) {
		more = piece(c, node, d);
		if (!more || c->pieces_n < PIECES)
			continue;
		p->c.unlock(p->c.ctx, c->dir, node);
		exact = false;		/* names may come and go between two frames of one list */
		answered(c, first);
		if (first)
			look_at_files(c);
		c->n = 0;
		p->c.lock(p->c.ctx, c->dir, node);
	}
	id = folder_end(c, node, d);
	p->c.unlock(p->c.ctx, c->dir, node);
	answered(c, first);
	m = answer(c, id);
	if (m != NULL)
		settled = end_answered(c, node, m, exact || last);
	free(m);
	if (first)
		look_at_files(c);
	return settled;
}

static void
folder(struct check *c, uint64_t node)
{
	DIR *d = open_folder(c->p, c->dir, node);
	int i;

	if (d == NULL) {
		if (errno != ESTALE && errno != ENOENT)		/* else it was removed meanwhile */
			fail(c, "reading a folder", errno);
		return;
	}
	if (tree_rel(c->p->c.trees[c->dir], dirfd(d), c->rel, sizeof(c->rel)) != 0)
		str_copy(c->rel, sizeof(c->rel), "?");
	for (i = 0; i < ROUNDS && !stopped(c); i++) {
		if (round_of(c, node, d, i == 0, i == ROUNDS - 1))
			break;
		rewinddir(d);
		pthread_mutex_lock(&c->p->lock);
		if (!c->p->check_stop)
			psync_wait(c->p, ROUND_MS);
		pthread_mutex_unlock(&c->p->lock);
	}
	closedir(d);
}

/* ---- all ---- */

static void
told(void *ctx, const char *text, size_t len)
{
	struct check *c = ctx;

	psync_send(c->p, 0, SY_TOLD, 0, 0, 0, text, len, NULL, 0);
}

static void
result(struct check *c)
{
	const struct check_log *l = &c->log;
	uint64_t wrong = l->differs + l->missing + l->extra + l->errors;
	char text[512], *json;
	json_t *o;

	if (c->why[0] != '\0')
		snprintf(text, sizeof(text), "Verification was not finished: %s", c->why);
	else if (wrong == 0)
		snprintf(text, sizeof(text), "%" PRIu64 " files with %" PRIu64 " KB compared: no difference", l->files, l->total_bytes / 1024);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " files with %" PRIu64 " KB compared: %" PRIu64 " differ, %" PRIu64 " missing on the secondary, %" PRIu64
		    " there besides", l->files, l->total_bytes / 1024, l->differs, l->missing, l->extra);
	o = json_pack("{s:b,s:s}", "ok", c->why[0] == '\0', "text", text);
	json = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	if (json != NULL)
		psync_send(c->p, 0, SY_TOLD, 0, 0, 1, json, strlen(json), NULL, 0);
	free(json);
	json_decref(o);
}

static void
check_free(struct check *c)
{
	if (c == NULL)
		return;
	free(c->buf);
	free(c->xattrs);
	free(c->zone);
	free(c->items);
	free(c->folders.w);
	free(c);
}

static struct check *
check_new(struct psync *p)
{
	struct check *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->p = p;
	c->log.put = told;
	c->log.ctx = c;
	c->buf = malloc(FRAME_BODY_MAX);
	c->xattrs = malloc(SYNC_XATTRS_MAX);
	c->zone = malloc(p->c.zone);
	c->items = calloc(PIECES * SYNC_ENTRIES_MAX, sizeof(*c->items));
	if (c->buf != NULL && c->xattrs != NULL && c->zone != NULL && c->items != NULL)
		return c;
	check_free(c);
	return NULL;
}

/* Answers that nobody has taken.  p->lock is held */
static void
checked_clear(struct psync *p)
{
	struct msg *m;

	while ((m = p->checked) != NULL) {
		p->checked = m->next;
		p->inbox_bytes -= m->len + sizeof(*m);
		free(m);
	}
}

static void *
checker(void *arg)
{
	struct psync *p = arg;
	struct check *c = check_new(p);
	bool busy;
	int i;

	pthread_mutex_lock(&p->lock);
	busy = p->running && !p->stop;
	pthread_mutex_unlock(&p->lock);
	if (c != NULL) {
		if (busy)
			fail(c, "a synchronization is going on", 0);
		check_log_begin(&c->log, "verify");
		for (i = 0; i < p->c.dirs && !stopped(c); i++) {
			c->dir = (uint8_t)i;
			check_log_dir(&c->log, p->c.names[i]);
			if (!wheres_add(&c->folders, c->dir, RFS_ROOT))
				fail(c, "no memory", 0);
			while (c->folders.n > 0 && !stopped(c))
				folder(c, c->folders.w[--c->folders.n].node);
		}
		check_log_end(&c->log, -1, c->why);
		result(c);
		check_free(c);
	}
	pthread_mutex_lock(&p->lock);
	p->checking = false;
	checked_clear(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* By a reader of the stream: only begins it */
void
psync_check_asked(struct psync *p)
{
	bool join;

	pthread_mutex_lock(&p->lock);
	if (p->checking || p->check_stop) {		/* heart asks for one at a time */
		pthread_mutex_unlock(&p->lock);
		return;
	}
	join = p->has_checker;
	p->has_checker = false;
	p->checking = true;
	pthread_mutex_unlock(&p->lock);
	if (join)
		pthread_join(p->checker, NULL);
	pthread_mutex_lock(&p->lock);
	p->has_checker = p->checking = pthread_create(&p->checker, NULL, checker, p) == 0;
	pthread_mutex_unlock(&p->lock);
}

void
psync_check_stop(struct psync *p)
{
	bool join;

	pthread_mutex_lock(&p->lock);
	p->check_stop = true;
	join = p->has_checker;
	p->has_checker = false;
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	if (join)
		pthread_join(p->checker, NULL);
	pthread_mutex_lock(&p->lock);
	checked_clear(p);
	p->check_stop = false;
	pthread_mutex_unlock(&p->lock);
}
