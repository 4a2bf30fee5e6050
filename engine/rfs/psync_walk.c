/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_walk.c: folders: their changes begin to be forwarded, their names are told, and what the secondary answers says which files' data may differ.
 *
 * A name is read and sent under the lock of its folder, over connection 0, so that it comes there in order with what is forwarded of that folder.  Changes of a node's own
 * attributes take another way: until the answer is here (the node is *paired*) they are not forwarded, and then it is looked whether there were any.
 * Called by: the driver (walk, answers), applications' threads through psync_route.c (psync_one).  Never does: read data.
 */
#include "config.h"
#include "rfs/psync_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ASKED_MAX	65536		/* names told and not answered, beyond which nobody is told more (ours) */

static int64_t
wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Link target and xattrs of a name.  0 or -errno */
static int
read_more(const struct psync *p, int dirfd, const char *name, struct sync_entry *e, char target[4096], uint8_t *xattrs)
{
	char path[TREE_PROC_MAX + RFS_NAME_LEN + 2];
	ssize_t n;
	int len;

	if (S_ISLNK(e->mode)) {
		n = readlinkat(dirfd, name, target, 4095);
		if (n < 0)
			return -errno;
		target[n] = '\0';
		e->target = target;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, name);
	len = sync_xattrs_read(path, false, p->c.acl, xattrs, SYNC_XATTRS_MAX);
	if (len < 0)
		return len;
	e->xattrs = xattrs;
	e->xattrs_len = (uint32_t)len;
	return 0;
}

/* One name of an open folder, as it is now, behind what is in o.  false: it is gone, or not replicated.  e has flags, from and parent_mtime_ns already */
bool
psync_entry(struct psync *p, uint8_t dir, int dirfd, const char *name, struct sync_out *o, uint8_t *xattrs, struct sync_entry *e, struct listed *l)
{
	char target[4096];
	struct stat st;
	int rc;

	memset(l, 0, sizeof(*l));
	e->name = name;
	rc = tree_lookup(p->c.trees[dir], dirfd, name, &e->node, &st);
	if (rc == -EXDEV || rc == -EOVERFLOW) {	/* something else is mounted there: the name stays as it is on the secondary */
		e->node = 1;
		e->flags |= SE_KEEP;
		l->keep = true;
		sync_put_entry(o, e);
		return !o->bad;
	}
	if (rc != 0)
		return false;
	sync_entry_stat(e, &st);
	rc = read_more(p, dirfd, name, e, target, xattrs);
	if (rc == -ENOENT)
		return false;
	if (rc != 0) {
		psync_fail(p, false, "%s in %s: %s", name, p->c.names[dir], strerror(-rc));
		return false;
	}
	sync_put_entry(o, e);
	*l = (struct listed){ .node = e->node, .size = e->size, .mtime_ns = e->mtime_ns, .ctime_ns = sync_ctime_ns(&st), .mode = e->mode };
	pthread_mutex_lock(&p->lock);
	l->paired = nodeset_has(&p->paired[dir], e->node);
	pthread_mutex_unlock(&p->lock);
	return !o->bad;
}

static struct request *
request_new(struct psync *p, uint8_t dir, uint64_t folder, int max)
{
	struct request *r = calloc(1, sizeof(*r) + (size_t)max * sizeof(r->item[0]));

	if (r != NULL) {
		r->dir = dir;
		r->folder = folder;
		r->kind = SY_LIST;
		r->wall_ns = wall_ns();
	}
	return r;
}

/* Takes r */
static bool
request_send(struct psync *p, struct request *r, const struct sync_out *o)
{
	uint64_t id;

	pthread_mutex_lock(&p->lock);
	id = r->id = ++p->next_id;
	r->at_ms = clock_mono_ms();
	r->suspect = nodeset_has(&p->suspect[r->dir], r->folder);
	r->next = p->requests;
	p->requests = r;
	p->lists_out++;
	pthread_mutex_unlock(&p->lock);
	return psync_send(p, 0, SY_LIST, r->dir, r->folder, id, o->buf, o->len, NULL, 0);
}

static bool
is_private(struct psync *p, uint8_t dir, int dirfd, const char *name, bool folder)
{
	char rel[8192];
	size_t n;

	if (!match_any(p->c.matches[dir]) || tree_rel(p->c.trees[dir], dirfd, rel, sizeof(rel) - RFS_NAME_LEN - 2) != 0)
		return false;
	n = strlen(rel);
	snprintf(rel + n, sizeof(rel) - n, "%s%s", n > 0 ? "/" : "", name);
	return match_private(p->c.matches[dir], rel, folder);
}

bool
psync_is_private(struct psync *p, uint8_t dir, uint64_t parent, const char *name, bool folder)
{
	struct tree_fd *f;
	bool is;

	if (!match_any(p->c.matches[dir]) || (f = tree_get(p->c.trees[dir], parent, TREE_DIR)) == NULL)
		return false;
	is = is_private(p, dir, f->fd, name, folder);
	tree_put(p->c.trees[dir], f);
	return is;
}

struct walk { struct psync *p; uint8_t dir; uint64_t node; DIR *d; bool end; uint8_t *buf, *xattrs; };

static bool
skipped(struct walk *w, const struct dirent *e)
{
	struct stat st;
	bool folder = e->d_type == DT_DIR;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || tree_is_hidden(w->node, e->d_name, strlen(e->d_name)))
		return true;
	if (!match_any(w->p->c.matches[w->dir]))
		return false;
	if (e->d_type == DT_UNKNOWN)
		folder = fstatat(dirfd(w->d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	return is_private(w->p, w->dir, dirfd(w->d), e->d_name, folder);
}

/* A piece of a folder.  Under its lock */
static void
walk_piece(struct walk *w)
{
	struct sync_out o = { .buf = w->buf, .size = FRAME_BODY_MAX };
	struct request *r = request_new(w->p, w->dir, w->node, SYNC_ENTRIES_MAX);
	struct dirent *de;
	struct stat st;

	if (r == NULL) {
		psync_fail(w->p, true, "no memory");
		return;
	}
	w->p->c.lock(w->p->c.ctx, w->dir, w->node);
	while (r->n < SYNC_ENTRIES_MAX && o.len < SYNC_LIST_BYTES) {
		struct sync_entry e = { .flags = 0 };

		errno = 0;
		de = readdir(w->d);
		if (de == NULL) {
			w->end = true;
			break;
		}
		if (!skipped(w, de) && psync_entry(w->p, w->dir, dirfd(w->d), de->d_name, &o, w->xattrs, &e, &r->item[r->n]))
			r->n++;
	}
	if (w->end && errno != 0)
		psync_fail(w->p, false, "reading a folder of %s: %s", w->p->c.names[w->dir], strerror(errno));
	if (r->n > 0)
		request_send(w->p, r, &o);
	else
		free(r);
	if (w->end && fstat(dirfd(w->d), &st) == 0) {
		struct sync_entry e = { .node = w->node };
		char path[TREE_PROC_MAX];
		int len = sync_xattrs_read(tree_proc(dirfd(w->d), path), true, w->p->c.acl, w->xattrs, SYNC_XATTRS_MAX);

		sync_entry_stat(&e, &st);
		e.xattrs = w->xattrs;
		e.xattrs_len = len > 0 ? (uint32_t)len : 0;
		o.len = 0;
		sync_put_entry(&o, &e);
		psync_send(w->p, 0, SY_DIR_END, w->dir, w->node, 0, o.buf, o.len, NULL, 0);
	}
	w->p->c.unlock(w->p->c.ctx, w->dir, w->node);
}

void
psync_late(struct psync *p)
{
	int64_t oldest = INT64_MAX, ms = atomic_load(&p->rei_ms);
	const struct request *r;

	pthread_mutex_lock(&p->lock);
	for (r = p->requests; r != NULL; r = r->next)
		oldest = r->at_ms < oldest ? r->at_ms : oldest;
	pthread_mutex_unlock(&p->lock);
	if (oldest != INT64_MAX && clock_mono_ms() - oldest > ms)
		psync_fail(p, true, "no answer within %lld s (reitimeout)", (long long)(ms / 1000));
}

/* Answers are looked at while there are too many open questions */
static void
walk_room(struct psync *p)
{
	struct msg *m;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && (p->lists_out >= SYNC_LISTS_MAX || p->first != NULL)) {
		m = psync_inbox_take(p);
		if (m == NULL)
			psync_wait(p, 500);
		pthread_mutex_unlock(&p->lock);
		if (m != NULL)
			psync_message(p, m);
		else
			psync_late(p);
		free(m);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

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

void
psync_walk(struct psync *p)
{
	struct where at;
	struct walk w = { .p = p };
	bool known;

	pthread_mutex_lock(&p->lock);
	at = p->folders.w[--p->folders.n];
	known = nodeset_has(&p->forwarded[at.dir], at.node);
	pthread_mutex_unlock(&p->lock);
	if (known)
		return;
	w.dir = at.dir;
	w.node = at.node;
	w.d = open_folder(p, at.dir, at.node);
	if (w.d == NULL) {
		if (errno != ESTALE && errno != ENOENT)	/* else it was removed meanwhile */
			psync_fail(p, errno != EIO, "a folder of %s: %s", p->c.names[at.dir], strerror(errno));
		return;
	}
	w.buf = malloc(FRAME_BODY_MAX);
	w.xattrs = malloc(SYNC_XATTRS_MAX);
	if (w.buf == NULL || w.xattrs == NULL) {
		psync_fail(p, true, "no memory");
	} else {
		p->c.lock(p->c.ctx, at.dir, at.node);
		psync_send(p, 0, SY_DIR, at.dir, at.node, 0, NULL, 0, NULL, 0);
		pthread_mutex_lock(&p->lock);
		if (!nodeset_add(&p->forwarded[at.dir], at.node))
			p->stop = true;
		pthread_mutex_unlock(&p->lock);
		p->c.unlock(p->c.ctx, at.dir, at.node);
		while (!w.end && !psync_stopped(p)) {
			walk_room(p);
			walk_piece(&w);
		}
	}
	free(w.buf);
	free(w.xattrs);
	closedir(w.d);
}

/* One name by itself, in a folder that is forwarded: as it is now.  Under the lock of its names */
bool
psync_one(struct psync *p, uint8_t dir, uint64_t parent, const char *name, int64_t mtime_ns, const struct rfs_op *moved)
{
	struct sync_entry e = { .flags = SE_ONE, .parent_mtime_ns = mtime_ns };
	size_t size = SYNC_XATTRS_MAX + 16384;
	struct tree_fd *f = tree_get(p->c.trees[dir], parent, TREE_DIR);
	struct request *r = request_new(p, dir, parent, 1);
	uint8_t *buf = malloc(size), *xattrs = malloc(SYNC_XATTRS_MAX);
	struct sync_out o = { .buf = buf, .size = buf != NULL ? size : 0 };
	bool ok = false;

	if (moved != NULL) {
		e.from = moved->parent;
		e.from_name = moved->name;
		e.from_mtime_ns = moved->parent_mtime_ns;
	}
	if (f != NULL && r != NULL && buf != NULL && xattrs != NULL && psync_entry(p, dir, f->fd, name, &o, xattrs, &e, &r->item[0])) {
		r->n = 1;
		ok = request_send(p, r, &o);
		r = NULL;
	}
	tree_put(p->c.trees[dir], f);
	free(r);
	free(buf);
	free(xattrs);
	return ok;
}

/* What a node is like now: over its own connection, a folder in order with its names */
bool
psync_send_attr(struct psync *p, uint8_t dir, uint64_t node, bool locked)
{
	uint8_t *buf = malloc(SYNC_XATTRS_MAX * 2 + 16384);
	struct sync_entry e = { .node = node };
	struct sync_out o = { .buf = buf, .size = buf != NULL ? SYNC_XATTRS_MAX + 16384 : 0 };
	uint8_t *xattrs;
	char path[TREE_PROC_MAX];
	struct tree_fd *f;
	struct stat st;
	bool ok = false;
	int len;

	if (buf == NULL)
		return false;
	xattrs = buf + SYNC_XATTRS_MAX + 16384;
	if (!locked)
		p->c.lock(p->c.ctx, dir, node);
	f = tree_any(p->c.trees[dir], node);
	if (f != NULL && fstat(f->fd, &st) == 0) {
		len = sync_xattrs_read(tree_proc(f->fd, path), true, p->c.acl, xattrs, SYNC_XATTRS_MAX);
		sync_entry_stat(&e, &st);
		e.xattrs = xattrs;
		e.xattrs_len = len > 0 ? (uint32_t)len : 0;
		sync_put_entry(&o, &e);
		ok = psync_send(p, S_ISDIR(st.st_mode) ? 0 : -1, SY_FINAL, dir, node, 0, o.buf, o.len, NULL, 0);
	}
	tree_put(p->c.trees[dir], f);
	if (!locked)
		p->c.unlock(p->c.ctx, dir, node);
	free(buf);
	return ok;
}

/* ---- answers ---- */

/* What the walk knows speaks for a file that is another one, or was changed unseen */
static bool
doubtful(struct psync *p, const struct request *r, const struct listed *l, const struct sync_result *s)
{
	return r->suspect || (s->flags & (SR_ALL | SR_GAP)) != 0 || rfs_in_gaps(p->c.gaps, p->c.gaps_count, l->ctime_ns / 1000000);
}

static void
listed_folder(struct psync *p, const struct request *r, const struct listed *l, const struct sync_result *s)
{
	uint32_t none;
	/* a folder that was renamed, here or there, has another one's files behind it; what is made in a folder changes both its times */
	bool other = r->suspect || (s->flags & (SR_ALL | SR_GAP)) != 0 || map_zones(p->c.maps[r->dir], l->node, &none, 0) != 0 ||
	    (rfs_in_gaps(p->c.gaps, p->c.gaps_count, l->ctime_ns / 1000000) && l->ctime_ns != l->mtime_ns);
	bool lost;

	pthread_mutex_lock(&p->lock);
	lost = (s->flags & SR_PAIRED) == 0 && nodeset_has(&p->forwarded[r->dir], l->node);
	if (!nodeset_add(&p->paired[r->dir], l->node) || (other && !nodeset_add(&p->suspect[r->dir], l->node)) ||
	    (!nodeset_has(&p->forwarded[r->dir], l->node) && !wheres_add(&p->folders, r->dir, l->node)))
		p->stop = true;
	pthread_mutex_unlock(&p->lock);
	if (lost)
		psync_fail(p, true, "the secondary has lost a folder that was told");
}

/* true: its data are looked at */
static bool
listed_file(struct psync *p, const struct request *r, const struct listed *l, const struct sync_result *s)
{
	struct map *m = p->c.maps[r->dir];
	uint32_t i;
	bool differs = s->size != l->size || s->mtime_ns != l->mtime_ns, whole;
	struct stat st;
	int n;

	whole = doubtful(p, r, l, s);
	n = map_zones(m, l->node, NULL, 0);
	if (p->mode == MODE_DATE)	/* what is older is believed */
		whole = l->mtime_ns > p->date_ns || s->size != l->size;
	else if (n == 0 && s->zones_count == 0 && differs)
		whole = true;		/* no map explains it */
	/* what follows may be interrupted, and until then the file may become alike in size and times: the map keeps it (a blind one does anyway) */
	if ((whole || (s->flags & SR_NEW) != 0) && (!map_blind(m) || map_is_done(m, l->node)))
		map_add(m, l->node, UINT32_MAX);
	for (i = 0; i < s->zones_count && !whole && p->mode != MODE_DATE; i++)
		map_add(m, l->node, sync_zone(s, i));
	pthread_mutex_lock(&p->lock);
	if (!nodeset_add(&p->paired[r->dir], l->node))
		p->stop = true;
	pthread_mutex_unlock(&p->lock);
	/* from here on changes are forwarded; those before are in the map */
	if (tree_stat(p->c.trees[r->dir], l->node, &st) != 0)
		return true;
	if ((s->flags & SR_NEW) != 0) {
		psync_job(p, r->dir, l->node, (uint64_t)st.st_size, JOB_NEW);
		return true;
	}
	if (p->mode == MODE_DATE && !whole)
		return false;
	n = map_zones(m, l->node, NULL, 0);
	if (whole || n != 0 || (uint64_t)st.st_size != s->size || sync_mtime(&st) != s->mtime_ns) {
		psync_job(p, r->dir, l->node, (uint64_t)st.st_size, whole ? JOB_WHOLE : JOB_ZONES);
		return true;
	}
	return false;
}

static void
listed_one(struct psync *p, const struct request *r, const struct listed *l, const struct sync_result *s)
{
	struct stat st;
	bool data = false;

	if (l->keep || (s->flags & SR_SKIPPED) != 0)
		return;
	if (S_ISDIR(l->mode)) {
		listed_folder(p, r, l, s);
	} else if (S_ISREG(l->mode) && (s->flags & SR_PAIRED) == 0) {
		if (l->paired) {	/* its last name there went away: what was copied went with it */
			pthread_mutex_lock(&p->lock);
			if (!nodeset_add(&p->twice[r->dir], l->node))
				p->stop = true;
			pthread_mutex_unlock(&p->lock);
		}
		data = listed_file(p, r, l, s);
	} else {
		pthread_mutex_lock(&p->lock);
		if (!nodeset_add(&p->paired[r->dir], l->node))
			p->stop = true;
		pthread_mutex_unlock(&p->lock);
	}
	/* Was it changed between being read and being paired?  (A clock that stands still for a moment tells nothing.) */
	if (!data && tree_stat(p->c.trees[r->dir], l->node, &st) == 0 &&
	    (sync_ctime_ns(&st) != l->ctime_ns || sync_ctime_ns(&st) > r->wall_ns - SYNC_TICK_NS || (S_ISREG(l->mode) && s->mtime_ns != sync_mtime(&st))))
		psync_send_attr(p, r->dir, l->node, false);
}

/* May the secondary be told of that name?  It asks with a number that opens any file of the file system: only for folders that it was told of itself. */
static bool
askable(struct psync *p, const struct msg *m, const char *name)
{
	struct tree_fd *f;
	struct stat st;
	bool known, folder, ok;

	pthread_mutex_lock(&p->lock);
	known = nodeset_has(&p->forwarded[m->dir], m->node) && p->lists_out < ASKED_MAX;
	pthread_mutex_unlock(&p->lock);
	if (!known || tree_is_hidden(m->node, name, strlen(name)))
		return false;
	if (!match_any(p->c.matches[m->dir]))
		return true;
	f = tree_get(p->c.trees[m->dir], m->node, TREE_DIR);
	if (f == NULL)
		return false;
	folder = fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
	ok = !is_private(p, m->dir, f->fd, name, folder);
	tree_put(p->c.trees[m->dir], f);
	return ok;
}

/* An operation named what the secondary does not have any more (it had another name only, which went) */
static void
asked(struct psync *p, const struct msg *m)
{
	struct sync_in in = { .buf = m->body, .len = m->len };
	const char *name = sync_get_name(&in);

	if (name == NULL || !in_end(&in)) {
		psync_fail(p, true, "a name that is not one");
		return;
	}
	p->c.lock(p->c.ctx, m->dir, m->node);
	if (askable(p, m, name))
		psync_one(p, m->dir, m->node, name, 0, NULL);
	p->c.unlock(p->c.ctx, m->dir, m->node);
}

static void
listed(struct psync *p, const struct msg *m)
{
	struct sync_in in = { .buf = m->body, .len = m->len };
	struct request **at, *r;
	struct sync_result s;
	int i;

	pthread_mutex_lock(&p->lock);
	for (at = &p->requests; *at != NULL && (*at)->id != m->aux; at = &(*at)->next)
		;
	r = *at;
	if (r != NULL) {
		*at = r->next;
		p->lists_out--;
		r->suspect = r->suspect || nodeset_has(&p->suspect[r->dir], r->folder);
	}
	pthread_mutex_unlock(&p->lock);
	if (r == NULL) {
		psync_fail(p, true, "an answer that nobody asked for");
		return;
	}
	for (i = 0; i < r->n && !psync_stopped(p); i++) {
		if (!sync_get_result(&in, &s)) {
			psync_fail(p, true, "an answer that is not one");
			break;
		}
		listed_one(p, r, &r->item[i], &s);
	}
	free(r);
}

void
psync_message(struct psync *p, const struct msg *m)
{
	if (m->kind == SY_ASK)
		asked(p, m);
	else
		listed(p, m);
}
