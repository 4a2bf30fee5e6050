/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_check.c: rfsverify at the secondary: asks the primary, compares what it tells with what is here, in the reader of the connection and so in order
 * with what is replicated; collects the log and writes it.
 * Called by: ssync.c (frames), second.c (the user's question, in a thread of its own).  Never does: change a replicated folder.
 */
#include "config.h"
#include "rfs/ssync_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XML_MAX	(64u << 20)	/* bytes of a log (ours) */

/* The names of a folder that is being told, on connection 0 */
static struct telling *
told_of(struct ssync *y, uint8_t dir, uint64_t ours)
{
	struct telling *t = y->check;

	if (t != NULL && t->node == ours && t->dir == dir)
		return t;
	ssync_check_forget(y);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->node = ours;
	t->dir = dir;
	y->check = t;
	return t;
}

void
ssync_check_forget(struct ssync *y)
{
	if (y->check != NULL)
		free(y->check->names);
	free(y->check);
	y->check = NULL;
}

static bool
same_xattrs(struct ssync *y, const char *path, bool follow, const struct sync_entry *e)
{
	uint8_t *buf = malloc(SYNC_XATTRS_MAX);
	int n = buf != NULL ? sync_xattrs_read(path, follow, y->c->acl, buf, SYNC_XATTRS_MAX) : -ENOMEM;
	bool same = n >= 0 && (uint32_t)n == e->xattrs_len && (n == 0 || memcmp(buf, e->xattrs, (size_t)n) == 0);

	free(buf);
	return same;
}

static bool
same_target(int dirfd, const struct sync_entry *e)
{
	char target[4096];
	ssize_t n = readlinkat(dirfd, e->name, target, sizeof(target));

	return n >= 0 && (size_t)n == strlen(e->target) && memcmp(target, e->target, (size_t)n) == 0;
}

static void
compare_name(struct ssync *y, uint8_t dir, int dirfd, const struct sync_entry *e, struct sync_result *r)
{
	char path[TREE_PROC_MAX + RFS_NAME_LEN + 2];
	uint64_t node, paired;
	struct stat st;
	int rc = tree_lookup(y->c->trees[dir], dirfd, e->name, &node, &st);

	if (rc != 0) {
		r->flags |= SR_MISSING;
		return;
	}
	r->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	r->mtime_ns = sync_mtime(&st);
	if ((st.st_mode & S_IFMT) != (e->mode & S_IFMT)) {
		r->flags |= SR_TYPE;
		return;
	}
	paired = second_node(y->s, dir, e->node);
	if ((paired != 0 && paired != node) || (S_ISLNK(e->mode) && !same_target(dirfd, e)))
		r->flags |= SR_DIFFERS;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, e->name);
	if (!S_ISDIR(e->mode) && (!sync_same_attr(&st, e) || !same_xattrs(y, path, false, e)))
		r->flags |= SR_ATTR;
}

static void
names(struct ssync *y, int conn, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	uint64_t ours = second_node(y->s, f->dir, f->node);
	struct tree_fd *d = ours != 0 ? tree_get(y->c->trees[f->dir], ours, TREE_DIR) : NULL;
	struct telling *t = d != NULL ? told_of(y, f->dir, ours) : NULL;
	uint8_t body[SYNC_ENTRIES_MAX * 32];
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	struct sync_entry e;
	int n = 0;

	while (n < SYNC_ENTRIES_MAX && in.at < in.len && sync_get_entry(&in, &e)) {
		struct sync_result r = { .flags = d == NULL ? SR_MISSING : 0 };

		if (!tree_name_ok(e.name, strlen(e.name)) || tree_is_hidden(ours, e.name, strlen(e.name))) {
			in.bad = true;
			break;
		}
		if (t != NULL && !ssync_told(t, e.name, true))
			break;
		if (d != NULL && (e.flags & SE_KEEP) == 0)
			compare_name(y, f->dir, d->fd, &e, &r);
		sync_put_result(&o, &r);
		n++;
	}
	tree_put(y->c->trees[f->dir], d);
	if (!in_end(&in) || o.bad)
		ssync_bad(y, "names to be compared that are none");
	else
		ssync_answer(y, conn, SY_CHECKED, f->dir, f->node, f->aux, o.buf, o.len);
}

/* Names that nobody has told: as many as fit an answer */
static void
besides(struct ssync *y, uint8_t dir, uint64_t ours, int dirfd, struct telling *t, struct sync_out *o)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL && o->len < SYNC_LIST_BYTES) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || tree_is_hidden(ours, e->d_name, strlen(e->d_name)) ||
		    ssync_told(t, e->d_name, false))
			continue;
		if (match_any(y->c->matches[dir]) && fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    ssync_private(y, dir, dirfd, e->d_name, S_ISDIR(st.st_mode)))
			continue;
		out_bytes(o, e->d_name, strlen(e->d_name) + 1);
	}
	closedir(d);
}

static void
folder_end(struct ssync *y, int conn, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	uint64_t ours = second_node(y->s, f->dir, f->node);
	struct tree_fd *d = ours != 0 ? tree_get(y->c->trees[f->dir], ours, TREE_DIR) : NULL;
	struct telling *t = d != NULL ? told_of(y, f->dir, ours) : NULL;
	struct sync_result r = { .flags = 0 };
	uint8_t *buf = malloc(SYNC_LIST_BYTES + 4096);
	struct sync_out o = { .buf = buf, .size = buf != NULL ? SYNC_LIST_BYTES + 4096 : 0 };
	char path[TREE_PROC_MAX];
	struct sync_entry e;
	struct stat st;

	if (!sync_get_entry(&in, &e) || !in_end(&in)) {
		ssync_bad(y, "the end of a folder that is not one");
	} else {
		if (d == NULL)
			r.flags |= SR_MISSING;
		else if (fstat(d->fd, &st) != 0 || !sync_same_attr(&st, &e) || !same_xattrs(y, tree_proc(d->fd, path), true, &e))
			r.flags |= SR_ATTR;
		else if (sync_mtime(&st) != e.mtime_ns && !match_any(y->c->matches[f->dir]))	/* private names change it on one side */
			r.flags |= SR_DIFFERS;
		sync_put_result(&o, &r);
		if (t != NULL)
			besides(y, f->dir, ours, d->fd, t, &o);
		ssync_answer(y, conn, SY_CHECKED, f->dir, f->node, f->aux, o.buf, o.len);
	}
	ssync_check_forget(y);
	tree_put(y->c->trees[f->dir], d);
	free(buf);
}

static bool
same_zone(struct ssync *y, int fd, const struct sync_zone *z, const uint8_t *hash)
{
	uint8_t *buf = malloc(z->len), mine[SYNC_HASH];
	bool same = buf != NULL && sync_hash(fd, z->off, z->len, buf, mine) == 0 && memcmp(mine, hash, SYNC_HASH) == 0;

	free(buf);
	return same;
}

static void
file(struct ssync *y, int conn, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	uint64_t ours = second_node(y->s, f->dir, f->node);
	struct tree *tree = y->c->trees[f->dir];
	uint8_t body[64], *hash;
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	struct sync_result r = { .flags = 0 };
	struct tree_fd *t = NULL;
	char path[TREE_PROC_MAX];
	struct sync_entry e;
	struct sync_zone z;
	struct stat st;

	if (!sync_get_entry(&in, &e) || !sync_get_zone(&in, &z) || (hash = (uint8_t *)(uintptr_t)in_bytes(&in, SYNC_HASH)) == NULL || !in_end(&in) ||
	    z.len > y->c->zone) {
		ssync_bad(y, "a file to be compared that is none");
		return;
	}
	if (ours != 0)
		t = z.len > 0 ? tree_get(tree, ours, TREE_READ) : tree_any(tree, ours);
	if (t == NULL || fstat(t->fd, &st) != 0) {
		r.flags |= SR_MISSING | SR_ATTR | SR_DIFFERS;
	} else {
		bool folder = S_ISDIR(e.mode) && match_any(y->c->matches[f->dir]);

		r.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
		r.mtime_ns = sync_mtime(&st);
		if (!sync_same_attr(&st, &e) || r.size != e.size || (r.mtime_ns != e.mtime_ns && !folder && !S_ISLNK(e.mode)) ||
		    (!S_ISLNK(e.mode) && !same_xattrs(y, tree_proc(t->fd, path), true, &e)))
			r.flags |= SR_ATTR;
		if (z.len > 0 && !same_zone(y, t->fd, &z, hash))
			r.flags |= SR_DIFFERS;
	}
	tree_put(tree, t);
	sync_put_result(&o, &r);
	ssync_answer(y, conn, SY_CHECKED, f->dir, f->node, f->aux, o.buf, o.len);
}

void
ssync_check(struct ssync *y, int conn, const struct frame *f)
{
	if (f->flags == SY_CHECK_FILE)
		file(y, conn, f);
	else if (conn != 0)
		ssync_bad(y, "names on the connection of a file");
	else if (f->flags == SY_CHECK)
		names(y, conn, f);
	else
		folder_end(y, conn, f);
}

/* ---- the log ---- */

static void
keep(struct ssync *y, const void *text, size_t len)
{
	size_t room = y->xml_size > 0 ? y->xml_size : 65536;
	char *more;

	if (!y->verifying || y->verified || y->xml_len + len > XML_MAX)
		return;
	while (room < y->xml_len + len)
		room *= 2;
	more = room != y->xml_size ? realloc(y->xml, room) : y->xml;
	if (more == NULL)
		return;
	y->xml = more;
	y->xml_size = room;
	memcpy(y->xml + y->xml_len, text, len);
	y->xml_len += len;
}

void
ssync_verify_told(struct ssync *y, const struct frame *f)
{
	json_t *o = f->aux == 1 ? json_loadb(f->body, f->body_len, 0, NULL) : NULL;
	const char *text = json_string_value(json_object_get(o, "text"));

	pthread_mutex_lock(&y->lock);
	if (f->aux != 1) {
		keep(y, f->body, f->body_len);
	} else if (y->verifying && !y->verified) {
		y->verified = true;
		y->verify_ok = json_is_true(json_object_get(o, "ok"));
		str_copy(y->verify_text, sizeof(y->verify_text), text != NULL ? text : "the primary gave no result");
		pthread_cond_broadcast(&y->cond);
	}
	pthread_mutex_unlock(&y->lock);
	json_decref(o);
}

bool
ssync_verify(struct ssync *y, const char *xml, char *text, size_t textsize)
{
	const struct frame question = { .type = FR_SYNC, .flags = SY_VERIFY };
	size_t len = 0;
	char *log = NULL;
	bool ok = false, sent;

	pthread_mutex_lock(&y->lock);
	if (y->verifying) {
		pthread_mutex_unlock(&y->lock);
		snprintf(text, textsize, "a verification is going on");
		return false;
	}
	y->verifying = true;
	y->verified = y->verify_ok = false;
	y->xml_len = 0;
	str_copy(y->verify_text, sizeof(y->verify_text), "the connection to the primary was lost");
	pthread_mutex_unlock(&y->lock);
	sent = stream_send(second_stream(y->s), 0, &question);
	pthread_mutex_lock(&y->lock);
	while (sent && !y->verified && !y->stop)
		pthread_cond_wait(&y->cond, &y->lock);
	ok = y->verify_ok;
	str_copy(text, textsize, y->verify_text);
	log = y->xml;
	len = y->xml_len;
	y->xml = NULL;
	y->xml_len = y->xml_size = 0;
	y->verifying = false;
	pthread_mutex_unlock(&y->lock);
	if (len > 0 && path_write_atomic(xml, log, len, 0600) != 0) {
		snprintf(text, textsize, "%.300s: %s", xml, strerror(errno));
		ok = false;
	}
	free(log);
	return ok;
}
