/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs_world.h: two folders, two ends of a stream over 127.0.0.1, and a synchronisation that has nothing to do (both begin empty): for the tests of
 * rfs/repl*.c and rfs/second*.c.  As root only: files are opened by handle.
 */
#ifndef SK_RFS_WORLD_H
#define SK_RFS_WORLD_H

#include "rfs/psync.h"
#include "rfs/second.h"
#include "rfs/place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_S	60
#define ZONE		65536u
enum { SYNC_BEGIN = 1, SYNC_WHOLE = 2 };

/* ---- what was seen, with patience ---- */
static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t world_cond = PTHREAD_COND_INITIALIZER;
struct events { int pair, synced, asked, out, given, taken, failed, peer_up, peer_down; char why[SK_TEXT_MAX]; uint64_t gen; };

#define wait_until(condition) do { \
	struct timespec until_; \
	clock_gettime(CLOCK_REALTIME, &until_); \
	until_.tv_sec += PATIENCE_S; \
	pthread_mutex_lock(&world_lock); \
	while (!(condition)) \
		if (pthread_cond_timedwait(&world_cond, &world_lock, &until_) != 0) { \
			pthread_mutex_unlock(&world_lock); \
			fail_msg("%s:%d: never: %s", __FILE__, __LINE__, #condition); \
		} \
	pthread_mutex_unlock(&world_lock); \
} while (0)

static void
world_event(void *ctx, json_t *o)
{
	struct events *e = ctx;
	const char *word = json_string_value(json_object_get(o, "event")), *why = json_string_value(json_object_get(o, "why"));
	static const struct { const char *word; size_t at; } COUNTERS[] = {
		{ "pair", offsetof(struct events, pair) }, { "synced", offsetof(struct events, synced) }, { "ask-alone", offsetof(struct events, asked) },
		{ "out", offsetof(struct events, out) }, { "given", offsetof(struct events, given) }, { "taken", offsetof(struct events, taken) },
		{ "sync-failed", offsetof(struct events, failed) },
	};
	size_t i;

	pthread_mutex_lock(&world_lock);
	if (strcmp(word, "peer") == 0)
		(*(json_is_true(json_object_get(o, "up")) ? &e->peer_up : &e->peer_down))++;
	else if (why != NULL)
		str_copy(e->why, sizeof(e->why), why);
	for (i = 0; i < ARRAY_LEN(COUNTERS); i++)
		if (strcmp(word, COUNTERS[i].word) == 0)
			(*(int *)(void *)((char *)e + COUNTERS[i].at))++;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
	json_decref(o);
}

/* ---- a synchronisation of what is equal ---- */
struct psync { struct repl *repl; pthread_t thread; bool runs, up, whole; enum psync_route route; };

static void *
psync_main(void *arg)
{
	struct psync *p = arg;
	struct frame f = { .type = FR_SYNC, .flags = SYNC_BEGIN };

	repl_sync_begin(p->repl);
	stream_send(repl_stream(p->repl), 0, &f);
	pthread_mutex_lock(&world_lock);
	while (p->up && !p->whole)
		pthread_cond_wait(&world_cond, &world_lock);
	pthread_mutex_unlock(&world_lock);
	if (p->whole)
		repl_sync_end(p->repl);
	return NULL;
}

static void
psync_join(struct psync *p)
{
	if (p->runs)
		pthread_join(p->thread, NULL);
	p->runs = false;
}

void
psync_up(struct psync *p, const struct frame_hello *second)
{
	(void)second;
	psync_join(p);
	pthread_mutex_lock(&world_lock);
	p->up = true;
	p->whole = false;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
	p->runs = pthread_create(&p->thread, NULL, psync_main, p) == 0;
}

void
psync_down(struct psync *p)
{
	pthread_mutex_lock(&world_lock);
	p->up = false;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
}

void
psync_frame(struct psync *p, int conn, const struct frame *f)
{
	(void)conn;
	assert_int_equal(f->flags, SYNC_WHOLE);
	pthread_mutex_lock(&world_lock);
	p->whole = true;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
}

enum psync_route
psync_route(struct psync *p, const struct rfs_op *op)
{
	(void)op;
	return p->route;
}

struct ssync { struct second *second; bool busy; };

struct ssync *
ssync_new(struct second *s)
{
	struct ssync *y = calloc(1, sizeof(*y));

	y->second = s;
	return y;
}

void ssync_free(struct ssync *y) { free(y); }
bool ssync_verify(struct ssync *y, const char *xml, char *text, size_t size) { (void)y; (void)xml; (void)text; (void)size; return false; }
void ssync_down(struct ssync *y) { (void)y; }
bool ssync_busy(const struct ssync *y) { return y->busy; }
bool ssync_before(struct ssync *y, const struct rfs_op *theirs, struct rfs_op *op) { (void)y; (void)theirs; return op->parent != 0 || op->node != 0; }
void ssync_after(struct ssync *y, const struct rfs_op *op, const struct rfs_result *res) { (void)y; (void)op; (void)res; }
static atomic_bool ssync_holds;			/* the tests say when it is whole */

void
ssync_frame(struct ssync *y, int conn, const struct frame *f)
{
	struct frame whole = { .type = FR_SYNC, .flags = SYNC_WHOLE };

	(void)conn;
	assert_int_equal(f->flags, SYNC_BEGIN);
	second_whole(y->second, false);
	y->busy = true;
	if (atomic_load(&ssync_holds))
		return;
	y->busy = false;
	second_whole(y->second, true);
	stream_send(second_stream(y->second), 0, &whole);
}

/* ---- the two servers ---- */
struct world {
	char	 dir[64];
	struct tree *pt, *st;
	struct map *pm, *sm;
	struct repl_conf rc;
	struct second_conf sc;
	struct repl_shm *shm;
	struct repl *r;
	struct second *s;
	struct psync ps;
	struct events pe, se;
	int	 listen_fd, memfd;
	int	 done, refused;
};

static void
world_done(void *ctx, struct repl_ticket *t)
{
	struct world *w = ctx;

	pthread_mutex_lock(&world_lock);
	__atomic_store_n(&t->seq, 0, __ATOMIC_RELEASE);
	w->refused += t->state == REPL_REFUSED;
	t->state = 99;
	w->done++;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
}

static void
world_shell(const struct world *w, const char *command)
{
	char text[1024];

	assert_true(path_format(text, sizeof(text), "cd %s && %s", w->dir, command));
	assert_int_equal(system(text), 0);
}

static struct tree *
world_tree(const struct world *w, const char *name, struct map **m)
{
	char path[128], err[SK_TEXT_MAX];
	struct tree *t;

	path_format(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(path_mkdirs(path, 0755), 0);
	t = tree_open(path, err, sizeof(err));
	if (t == NULL)
		fail_msg("%s", err);
	path_format(path, sizeof(path), "%s/%s.map", w->dir, name);
	*m = map_open(path, 0, 1, ZONE, true, err, sizeof(err));
	if (*m == NULL)
		fail_msg("%s", err);
	return t;
}

static void
world_new(struct world *w, int conns, bool key)
{
	struct stream_conf c = { .conns = conns, .module_id = 3, .has_key = key, .send_ms = 20000, .peer = "127.0.0.1", .local = "127.0.0.1" };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "%s/t_rfs.XXXXXX", place());
	assert_non_null(mkdtemp(w->dir));
	w->pt = world_tree(w, "p", &w->pm);
	w->st = world_tree(w, "s", &w->sm);
	w->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bind(w->listen_fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(w->listen_fd, 64) == 0);
	assert_int_equal(getsockname(w->listen_fd, (struct sockaddr *)&a, &len), 0);
	c.port = ntohs(a.sin_port);
	memset(c.key, 3, sizeof(c.key));
	w->shm = calloc(1, sizeof(*w->shm));
	w->memfd = memfd_create("second", MFD_CLOEXEC);
	w->rc = (struct repl_conf){ .stream = c, .shm = w->shm, .dirs = 1, .trees = { w->pt }, .maps = { w->pm }, .lock_ms = 20000 };
	w->rc.stream.primary = true;
	w->rc.stream.listen_fd = w->listen_fd;
	w->rc.stream.session = 11;
	str_copy(w->rc.stream.node, sizeof(c.node), "first");
	w->sc = (struct second_conf){ .stream = c, .shm_fd = w->memfd, .dirs = 1, .trees = { w->st }, .maps = { w->sm }, .names = { "/data" },
		.acl = true, .zone = ZONE, .event = world_event, .ctx = &w->se };
	w->sc.stream.session = 22;
	str_copy(w->sc.stream.node, sizeof(c.node), "second");
}

static void
world_repl_event(void *ctx, json_t *o)
{
	struct world *w = ctx;

	world_event(&w->pe, o);
}

static void __attribute__((unused))
world_primary(struct world *w)
{
	struct repl_hooks h = { .ctx = w, .done = world_done, .event = world_repl_event };
	char err[SK_TEXT_MAX];

	w->r = repl_new(&w->rc, &h);
	assert_non_null(w->r);
	w->ps.repl = w->r;
	repl_set_sync(w->r, &w->ps);
	assert_true(repl_start(w->r, err, sizeof(err)));
}

static void
world_second(struct world *w)
{
	char err[SK_TEXT_MAX];

	w->s = second_new(&w->sc, err, sizeof(err));
	if (w->s == NULL)
		fail_msg("%s", err);
	assert_true(second_start(w->s, err, sizeof(err)));
}

static void
world_end_primary(struct world *w)
{
	if (w->r != NULL)
		repl_stop(w->r);
	psync_join(&w->ps);
	repl_free(w->r);
	w->r = NULL;
}

/* Both are there and equal */
static void __attribute__((unused))
world_pair(struct world *w)
{
	int pairs = w->pe.pair, synced = w->se.synced;

	world_primary(w);
	world_second(w);
	wait_until(w->pe.pair > pairs);
	repl_paired(w->r, 5);
	wait_until(w->se.synced > synced);
	psync_join(&w->ps);
}

/* Are both folders equal: names, types, modes, owners, sizes, links, times, xattrs, data?  Folders' sizes are nobody's business. */
static void __attribute__((unused))
world_same(struct world *w)
{
	world_shell(w, "for x in p s; do (cd $x && find . -path ./" RFS_HIDDEN " -prune -o -type d -printf '%p %y %m %U %G %T@\\n' -o -printf "
	    "'%p %y %m %U %G %s %n %l %T@\\n' | grep -v '^\\. ' | sort; cd $OLDPWD/$x && find . -path ./" RFS_HIDDEN " -prune -o -type f -exec md5sum {} + | sort -k 2; "
	    "getfattr -R -h -d -m user . 2>/dev/null | grep -v safekit) >$x.list; done; diff p.list s.list");
}

static void
world_free(struct world *w)
{
	second_free(w->s);
	world_end_primary(w);
	tree_close(w->pt);
	tree_close(w->st);
	map_close(w->pm);
	map_close(w->sm);
	close(w->listen_fd);
	close(w->memfd);
	free(w->shm);
	world_shell(w, "rm -rf p s p.map s.map p.list s.list && rmdir $PWD");
}

#endif
