/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * by_hand.h: one end of the replication, real, and the other one made by hand: frames go in and come out without a network.  For tests of what a peer with
 * the key and bad intent can do: beside the tree there is a folder that nobody may touch (the canary).  As root only: files are opened by handle.
 *
 * It has the functions of rfs/stream.h, so who includes it links librfsnet.a without the real ones.
 */
#ifndef TEST_RFS_BY_HAND_H
#define TEST_RFS_BY_HAND_H

#include "rfs/psync.h"
#include "rfs/second.h"
#include "rfs/sync_frame.h"
#include "rfs/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HAND_ZONE	16384u
#define HAND_CONNS	2

static pthread_mutex_t hand_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t hand_cond = PTHREAD_COND_INITIALIZER;

static inline void
hand_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "by hand: %s\n", what);
	abort();
}

/* ---- a stream that is none ---- */
struct said { struct said *next; struct frame f; int conn; uint8_t body[]; };
struct stream { struct stream_conf conf; struct stream_hooks hooks; atomic_bool dropped; char why[SK_TEXT_MAX]; struct said *first, **last; size_t waiting; };

struct stream *
stream_new(const struct stream_conf *conf, const struct stream_hooks *hooks)
{
	struct stream *s = calloc(1, sizeof(*s));

	s->conf = *conf;
	if (hooks != NULL)
		s->hooks = *hooks;
	s->last = &s->first;
	return s;
}

void stream_hello(struct stream *s, const struct frame_hello *mine) { (void)s; (void)mine; }
bool stream_start(struct stream *s, char *err, size_t errsize) { (void)s; (void)err; (void)errsize; return true; }
int stream_conns(const struct stream *s) { return s->conf.conns; }
int stream_conn_of(const struct stream *s, uint64_t node) { return (int)(node % (uint64_t)s->conf.conns); }
void stream_stats(const struct stream *s, uint64_t *in, uint64_t *out) { (void)s; *in = *out = 0; }
void stream_stop(struct stream *s) { (void)s; }

bool
stream_send(struct stream *s, int conn, const struct frame *f)
{
	size_t len = (size_t)f->body_len + f->body2_len;
	struct said *m;

	if (atomic_load(&s->dropped))
		return false;
	m = malloc(sizeof(*m) + len);
	hand_must(m != NULL && len <= FRAME_BODY_MAX, "a frame that is too long is sent");
	*m = (struct said){ .f = *f, .conn = conn >= 0 ? conn : stream_conn_of(s, f->node) };
	m->f.body = m->body;
	m->f.body_len = (uint32_t)len;
	if (f->body_len > 0)
		memcpy(m->body, f->body, f->body_len);
	if (f->body2_len > 0)
		memcpy(m->body + f->body_len, f->body2, f->body2_len);
	pthread_mutex_lock(&hand_lock);
	*s->last = m;
	s->last = &m->next;
	s->waiting += len;
	pthread_cond_broadcast(&hand_cond);
	pthread_mutex_unlock(&hand_lock);
	return true;
}

void
stream_drop(struct stream *s, const char *why)
{
	pthread_mutex_lock(&hand_lock);
	if (!atomic_load(&s->dropped))
		str_copy(s->why, sizeof(s->why), why);
	atomic_store(&s->dropped, true);
	pthread_cond_broadcast(&hand_cond);
	pthread_mutex_unlock(&hand_lock);
}

/* What was said first and not heard yet, freed by the caller; NULL: nothing within that time */
static inline struct said *
hand_hear(struct stream *s, int ms)
{
	struct timespec until;
	struct said *m;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&hand_lock);
	while ((m = s->first) == NULL && !atomic_load(&s->dropped) && ms > 0)
		if (pthread_cond_timedwait(&hand_cond, &hand_lock, &until) != 0)
			break;
	m = s->first;
	if (m != NULL) {
		s->first = m->next;
		if (s->first == NULL)
			s->last = &s->first;
		s->waiting -= m->f.body_len;
	}
	pthread_mutex_unlock(&hand_lock);
	return m;
}

static inline void
hand_deaf(struct stream *s)
{
	struct said *m;

	while ((m = hand_hear(s, 0)) != NULL)
		free(m);
}

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	hand_deaf(s);
	free(s);
}

/* ---- the tree, and what is beside it ---- */
static FILE *hand_out;

static inline int
hand_look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char text[64] = "";
	ssize_t n = -1;
	int fd;

	(void)ftw;
	if (type == FTW_F && (fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOATIME)) >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	} else if (type == FTW_SL) {
		n = readlink(path, text, sizeof(text) - 1);
	}
	fprintf(hand_out, "%s %o %u %u %lu %lld %lld.%09ld %lld.%09ld %zd %s\n", path, st->st_mode, st->st_uid, st->st_gid, (unsigned long)st->st_nlink,
	    (long long)(S_ISDIR(st->st_mode) ? 0 : st->st_size), (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
	    st->st_ctim.tv_nsec, n, text);
	return 0;
}

/* How the canary is: one text, the caller's to free */
static inline char *
canary_look(const char *base)
{
	char path[256], *text = NULL;
	size_t size;

	snprintf(path, sizeof(path), "%s/canary", base);
	hand_out = open_memstream(&text, &size);
	hand_must(hand_out != NULL && nftw(path, hand_look, 16, FTW_PHYS) == 0, "the canary is gone");
	fclose(hand_out);
	return text;
}

static inline void
canary_make(const char *base)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/canary/folder", base);
	hand_must(path_mkdirs(path, 0700) == 0, "no canary");
	snprintf(path, sizeof(path), "%s/canary/file", base);
	f = fopen(path, "we");
	hand_must(f != NULL && fputs("nobody reads this", f) >= 0 && fclose(f) == 0 && chmod(path, 0600) == 0, "no canary");
	snprintf(path, sizeof(path), "%s/canary/link", base);
	hand_must(symlink("file", path) == 0, "no canary");
}

/* ---- where it happens ---- */
static char hand_top[80];

static inline void
hand_top_gone(void)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/fs", hand_top);
	umount2(path, MNT_DETACH);
	umount2(hand_top, MNT_DETACH);
	if (rmdir(hand_top) != 0 && system("rm -rf \"$HAND_TOP\"") != 0)
		perror(hand_top);
}

/* A file system of its own in memory, which ends with this process; where there is none, a folder of place().  NULL: not for us */
static inline const char *
hand_scratch(void)
{
	static char base[100];

	if (place() == NULL)
		return NULL;
	snprintf(hand_top, sizeof(hand_top), "%s/by_hand.XXXXXX", place());
	hand_must(mkdtemp(hand_top) != NULL, "no folder in the place of tests");
	strcpy(base, hand_top);
	setenv("HAND_TOP", hand_top, 1);
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", hand_top, "tmpfs", 0, "size=80m") == 0 &&
	    system("cd \"$HAND_TOP\" && truncate -s 48M image && mkfs.ext4 -q -I 256 -O ^has_journal image && mkdir fs && mount -o loop image fs") == 0)
		strcat(base, "/fs");
	else
		umount2(hand_top, MNT_DETACH);
	atexit(hand_top_gone);
	canary_make(base);
	return base;
}

/* All that is below an open folder; fd is closed */
static inline void
hand_empty(int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int sub;

	hand_must(d != NULL, "no folder to empty");
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(fd, e->d_name, 0) == 0)
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			hand_empty(sub);
		unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

/* The node of a path as the file system of base sees it, wherever it is: what a liar would like to be taken for one of the tree's */
static inline uint64_t
hand_node(const char *base, const char *rel)
{
	struct { struct file_handle h; uint32_t ino, gen; } h = { .h.handle_bytes = 8 };
	char path[300];
	int id;

	snprintf(path, sizeof(path), "%s/%s", base, rel);
	if (name_to_handle_at(AT_FDCWD, path, &h.h, &id, 0) != 0)
		return 0;
	return (uint64_t)h.gen << 32 | h.ino;
}

static inline struct tree *
hand_tree(const char *base, const char *name)
{
	char path[300], err[SK_TEXT_MAX] = "";
	struct tree *t;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	hand_must(path_mkdirs(path, 0755) == 0, path);
	t = tree_open(path, err, sizeof(err));
	hand_must(t != NULL, err);
	return t;
}

static inline struct map *
hand_map(const char *base, const char *name)
{
	char path[300], err[SK_TEXT_MAX] = "";
	struct map *m;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	m = map_open(path, 0, 0, HAND_ZONE, true, err, sizeof(err));
	hand_must(m != NULL, err);
	return m;
}

/* ---- a secondary whose primary is made by hand ---- */
struct hand {
	char	 base[100], var[120];
	struct tree *tree;
	struct map *map;
	struct second *s;
	int	 memfd;
	bool	 pair;			/* the primary says that it needs this server */
	uint64_t seq[HAND_CONNS];
	char	*canary;
	atomic_int left, synced, begun;
	char	 why[SK_TEXT_MAX];
};

static inline void
hand_event(void *ctx, json_t *o)
{
	struct hand *h = ctx;
	const char *word = json_string_value(json_object_get(o, "event")), *why = json_string_value(json_object_get(o, "why"));

	pthread_mutex_lock(&hand_lock);
	if (strcmp(word, "out") == 0 || strcmp(word, "sync-failed") == 0) {
		atomic_fetch_add(&h->left, 1);
		str_copy(h->why, sizeof(h->why), why != NULL ? why : "");
	}
	atomic_fetch_add(&h->synced, strcmp(word, "synced") == 0);
	atomic_fetch_add(&h->begun, strcmp(word, "begin") == 0);
	pthread_cond_broadcast(&hand_cond);
	pthread_mutex_unlock(&hand_lock);
	json_decref(o);
}

static inline void
hand_up(struct hand *h)
{
	struct stream *st = second_stream(h->s);
	struct frame_hello hello[HAND_CONNS];
	char yes[] = "{\"pair\":true}", no[] = "{\"pair\":false}";
	int i;

	memset(hello, 0, sizeof(hello));
	for (i = 0; i < HAND_CONNS; i++) {
		hello[i] = (struct frame_hello){ .version = FRAME_VERSION, .primary = true, .session = 11, .conn = i, .conns = HAND_CONNS, .json = h->pair ? yes : no };
		str_copy(hello[i].node, sizeof(hello[i].node), "first");
		hello[i].applied = h->seq[i];
	}
	atomic_store(&st->dropped, false);
	st->hooks.up(st->hooks.ctx, hello);
}

static inline void
hand_down(struct hand *h)
{
	struct stream *st = second_stream(h->s);

	atomic_store(&st->dropped, true);
	st->hooks.down(st->hooks.ctx, "by hand");
	hand_deaf(st);
}

/* What the tree and its server are, for base, which is there and empty but for a canary */
static inline void
hand_new(struct hand *h, const char *base)
{
	struct second_conf c = { .stream = { .conns = HAND_CONNS, .module_id = 3, .session = 22 }, .dirs = 1, .names = { "/data" }, .acl = true,
		.zone = HAND_ZONE, .event = hand_event, .ctx = h };
	char err[SK_TEXT_MAX] = "";

	memset(h, 0, sizeof(*h));
	str_copy(h->base, sizeof(h->base), base);
	snprintf(h->var, sizeof(h->var), "%s/var", base);
	h->tree = hand_tree(base, "s");
	h->map = hand_map(base, "var");
	h->canary = canary_look(base);
	h->memfd = memfd_create("second", MFD_CLOEXEC);
	c.shm_fd = h->memfd;
	c.trees[0] = h->tree;
	c.maps[0] = h->map;
	c.folder = h->var;
	h->s = second_new(&c, err, sizeof(err));
	hand_must(h->s != NULL && second_start(h->s, err, sizeof(err)), err);
	hand_up(h);
}

/* The canary is as it was, and nothing else has come */
static inline void
hand_check(const struct hand *h)
{
	char *now = canary_look(h->base);
	struct dirent *e;
	DIR *d = opendir(h->base);

	if (strcmp(now, h->canary) != 0) {
		fprintf(stderr, "was\n%sis\n%s", h->canary, now);
		hand_must(false, "the canary was touched");
	}
	free(now);
	hand_must(d != NULL, "no folder");
	while ((e = readdir(d)) != NULL)
		hand_must(e->d_name[0] == '.' || strcmp(e->d_name, "canary") == 0 || strcmp(e->d_name, "var") == 0 || strcmp(e->d_name, "s") == 0 ||
		    strcmp(e->d_name, "p") == 0 || strcmp(e->d_name, "lost+found") == 0, e->d_name);
	closedir(d);
	hand_must(hand_node(h->base, "s/" RFS_HIDDEN "/limbo") != 0 && hand_node(h->base, "s/" RFS_HIDDEN "/orphan") != 0 &&
	    hand_node(h->base, "s/" RFS_HIDDEN "/tmp") != 0, "what is ours in the tree is gone");
}

static inline void
hand_end(struct hand *h)
{
	int fd;

	hand_down(h);
	second_free(h->s);
	hand_check(h);
	map_close(h->map);
	tree_close(h->tree);
	close(h->memfd);
	free(h->canary);
	fd = open(h->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hand_must(fd >= 0, "no folder");
	hand_empty(openat(fd, "s", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	hand_empty(openat(fd, "var", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unlinkat(fd, "s", AT_REMOVEDIR);
	unlinkat(fd, "var", AT_REMOVEDIR);
	close(fd);
}

/* A frame of the primary; who breaks a rule is dropped and connects anew.  true: taken */
static inline bool
hand_frame(struct hand *h, int conn, const struct frame *f)
{
	struct stream *st = second_stream(h->s);

	st->hooks.frame(st->hooks.ctx, conn, f);
	if (!atomic_load(&st->dropped))
		return true;
	hand_down(h);
	hand_up(h);
	return false;
}

static inline void
hand_idle(struct hand *h, int conn)
{
	struct stream *st = second_stream(h->s);

	st->hooks.idle(st->hooks.ctx, conn);
}

/* The next answer of that kind; its aux, UINT64_MAX: there is none */
static inline uint64_t
hand_answer(struct hand *h, uint8_t type, uint8_t kind, struct said **whole)
{
	struct stream *st = second_stream(h->s);
	struct said *m;

	while ((m = hand_hear(st, 20000)) != NULL) {
		uint64_t aux = type == FR_ACK ? m->f.seq : m->f.aux;
		bool is = m->f.type == type && (type != FR_SYNC || m->f.flags == kind);

		if (is && whole != NULL)
			*whole = m;
		else
			free(m);
		if (is)
			return aux;
	}
	return UINT64_MAX;
}

static inline bool
hand_sync(struct hand *h, int conn, uint8_t kind, uint64_t node, uint64_t aux, const void *body, size_t len)
{
	const struct frame f = { .type = FR_SYNC, .flags = kind, .node = node, .aux = aux, .body = body, .body_len = (uint32_t)len };

	return hand_frame(h, conn, &f);
}

static inline bool
hand_begin(struct hand *h)
{
	static const char text[] = "{\"gen\":\"0000000000000005\",\"zone\":16384}";

	return hand_sync(h, 0, SY_BEGIN, 0, 0, text, sizeof(text) - 1) && hand_answer(h, FR_SYNC, SY_BEGUN, NULL) == 0;
}

/* The pair is whole */
static inline bool
hand_finish(struct hand *h)
{
	const struct frame paired = { .type = FR_PAIRED, .aux = 5 };

	if (!hand_sync(h, 0, SY_FINISH, 0, 7, NULL, 0) || hand_answer(h, FR_SYNC, SY_FINISHED, NULL) != 7)
		return false;
	h->pair = true;
	return hand_frame(h, 0, &paired) && atomic_load(&h->synced) > 0;
}

/* An operation, as its bytes are: sent, not waited for */
static inline bool
hand_op(struct hand *h, int conn, const struct rfs_op *op)
{
	static uint8_t buf[FRAME_BODY_MAX];
	struct frame f = { .type = FR_OP, .dir = op->dir, .seq = h->seq[conn] + 1, .node = op->node, .body = buf };
	size_t n = frame_op_encode(op, buf, sizeof(buf));

	hand_must(n > 0 && n + op->data_len <= sizeof(buf), "an operation that is none");
	if (op->data_len > 0)
		memcpy(buf + n, op->data, op->data_len);
	f.body_len = (uint32_t)(n + op->data_len);
	if (!hand_frame(h, conn, &f))
		return false;
	if (atomic_load(&h->left) == 0)
		h->seq[conn]++;
	return true;
}

#endif
