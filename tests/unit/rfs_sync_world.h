/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs_sync_world.h: two folders, both ends of a stream over 127.0.0.1 and of real synchronisations, and an application that changes the primary's folder
 * as serve.c would: for the tests of rfs/psync*.c and rfs/ssync*.c.  As root only: files are opened by handle.
 */
#ifndef SK_RFS_SYNC_WORLD_H
#define SK_RFS_SYNC_WORLD_H

#include "rfs/psync.h"
#include "rfs/second.h"
#include "rfs/place.h"
#include "sim/rng.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
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
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_S	(getenv("PATIENCE") != NULL ? atoi(getenv("PATIENCE")) : 60)
#define ZONE		16384u
#define LOCKS		64

struct end { int up, pair, synced, failed, out, begun, full_begun; char why[SK_TEXT_MAX], log[64][200]; int logs; };
struct world {
	char	 dir[64], pvar[100], svar[100];
	struct tree *pt, *st;
	struct map *pm, *sm;
	struct match *pmatch, *smatch;
	struct rfs_state pstate, sstate;
	struct repl_shm *shm;
	struct repl *r;
	struct psync *ps;
	struct second *s;
	struct end pe, se;
	int	 listen_fd, memfd, conns;
	uint16_t port;
	uint64_t session;
	pthread_mutex_t locks[LOCKS];
	int	 done;
	int	 kbs, nbrei;
	struct rfs_gap pgap, sgap;
	json_t	*want;
};
static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t world_cond = PTHREAD_COND_INITIALIZER;

#define wait_until(condition) do { \
	struct timespec until_; \
	clock_gettime(CLOCK_REALTIME, &until_); \
	until_.tv_sec += PATIENCE_S; \
	pthread_mutex_lock(&world_lock); \
	while (!(condition)) \
		if (pthread_cond_timedwait(&world_cond, &world_lock, &until_) != 0) { \
			pthread_mutex_unlock(&world_lock); \
			fprintf(stderr, "%s:%d: never: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	pthread_mutex_unlock(&world_lock); \
} while (0)

static bool trace;

static void
end_event(struct end *e, json_t *o)
{
	const char *word = json_string_value(json_object_get(o, "event")), *why = json_string_value(json_object_get(o, "why"));
	const char *text = json_string_value(json_object_get(o, "text"));

	if (trace && strcmp(word, "progress") != 0) {
		char *line = json_dumps(o, JSON_COMPACT);

		fprintf(stderr, "event %p %s\n", (void *)e, line);
		free(line);
	}
	pthread_mutex_lock(&world_lock);
	if (strcmp(word, "peer") == 0)
		e->up += json_is_true(json_object_get(o, "up")) ? 1 : -1;
	e->pair += strcmp(word, "pair") == 0;
	e->synced += strcmp(word, "synced") == 0;
	e->failed += strcmp(word, "sync-failed") == 0;
	e->out += strcmp(word, "out") == 0;
	e->begun += strcmp(word, "begin") == 0;
	e->full_begun += strcmp(word, "full-begun") == 0;
	if (why != NULL && why[0] != '\0' && strcmp(word, "peer") != 0)
		str_copy(e->why, sizeof(e->why), why);
	if (strcmp(word, "log") == 0 && text != NULL && e->logs < 64)
		str_copy(e->log[e->logs++], sizeof(e->log[0]), text);
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
	json_decref(o);
}

static void p_event(void *ctx, json_t *o) { end_event(&((struct world *)ctx)->pe, o); }
static void s_event(void *ctx, json_t *o) { end_event(&((struct world *)ctx)->se, o); }

static void
done(void *ctx, struct repl_ticket *t)
{
	pthread_mutex_lock(&world_lock);
	t->state = 99;
	pthread_cond_broadcast(&world_cond);
	pthread_mutex_unlock(&world_lock);
}

static void
world_shell(const struct world *w, const char *command)
{
	char text[2048];

	assert_true(path_format(text, sizeof(text), "cd %s && %s", w->dir, command));
	if (system(text) != 0)
		fail_msg("%s", text);
}

static struct tree *
world_tree(const struct world *w, const char *name)
{
	char path[128], err[SK_TEXT_MAX];
	struct tree *t;

	path_format(path, sizeof(path), "%s/%s", w->dir, name);
	path_mkdirs(path, 0755);
	t = tree_open(path, err, sizeof(err));
	if (t == NULL)
		fail_msg("%s", err);
	return t;
}

static struct map *
world_map(const char *var, uint64_t base, bool fresh)
{
	char err[SK_TEXT_MAX];
	struct map *m = map_open(var, 0, base, ZONE, fresh, err, sizeof(err));

	if (m == NULL)
		fail_msg("%s", err);
	return m;
}

static void
world_new(struct world *w, int conns)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int i;

	memset(w, 0, sizeof(*w));
	w->conns = conns;
	w->nbrei = 3;
	snprintf(w->dir, sizeof(w->dir), "%s/t_sync.XXXXXX", place());
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->pvar, sizeof(w->pvar), "%s/pvar", w->dir);
	snprintf(w->svar, sizeof(w->svar), "%s/svar", w->dir);
	for (i = 0; i < LOCKS; i++)
		pthread_mutex_init(&w->locks[i], NULL);
	w->pt = world_tree(w, "p");
	w->st = world_tree(w, "s");
	w->pstate = (struct rfs_state){ .gen = 100, .base = 0, .uptodate = true };
	w->pm = world_map(w->pvar, 0, true);
	w->sm = world_map(w->svar, 0, true);
	w->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(bind(w->listen_fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(w->listen_fd, 64) == 0);
	assert_int_equal(getsockname(w->listen_fd, (struct sockaddr *)&a, &len), 0);
	w->port = ntohs(a.sin_port);
	w->shm = calloc(1, sizeof(*w->shm));
	w->memfd = -1;
	w->session = 10;
	op_thread_init();
}

static int lock_of(uint64_t node) { return (int)((node ^ node >> 32) * 2654435761u % LOCKS); }
static void lock_node(void *ctx, uint8_t dir, uint64_t node) { pthread_mutex_lock(&((struct world *)ctx)->locks[lock_of(node)]); }
static void unlock_node(void *ctx, uint8_t dir, uint64_t node) { pthread_mutex_unlock(&((struct world *)ctx)->locks[lock_of(node)]); }

static struct stream_conf
stream_of(const struct world *w, bool primary)
{
	struct stream_conf c = { .primary = primary, .listen_fd = primary ? w->listen_fd : -1, .conns = w->conns, .module_id = 3, .send_ms = 20000,
		.peer = "127.0.0.1", .local = "127.0.0.1", .port = w->port };

	str_copy(c.node, sizeof(c.node), primary ? "first" : "second");
	return c;
}

static void
world_primary(struct world *w)
{
	struct repl_conf rc = { .stream = stream_of(w, true), .shm = w->shm, .dirs = 1, .trees = { w->pt }, .maps = { w->pm }, .lock_ms = 60000 };
	struct repl_hooks h = { .ctx = w, .done = done, .event = p_event };
	struct psync_conf pc = { .dirs = 1, .trees = { w->pt }, .maps = { w->pm }, .matches = { w->pmatch }, .names = { "/replicated" }, .zone = ZONE,
		.nbrei = w->nbrei, .allowed_kbs = w->kbs, .rei_ms = 60000, .acl = true, .detail = true, .event = p_event, .ctx = w,
		.lock = lock_node, .unlock = unlock_node };
	char err[SK_TEXT_MAX];

	rc.stream.session = ++w->session;
	w->r = repl_new(&rc, &h);
	assert_non_null(w->r);
	pc.repl = w->r;
	pc.state = w->pstate;
	pc.gaps_count = w->pgap.to_ms != 0;
	pc.gaps[0] = w->pgap;
	w->ps = psync_new(&pc);
	assert_non_null(w->ps);
	repl_set_sync(w->r, w->ps);
	assert_true(repl_start(w->r, err, sizeof(err)));
}

static void
world_second(struct world *w)
{
	struct second_conf sc = { .stream = stream_of(w, false), .dirs = 1, .trees = { w->st }, .maps = { w->sm }, .matches = { w->smatch },
		.names = { "/replicated" }, .folder = w->svar, .acl = true, .zone = ZONE, .sync = w->want, .event = s_event, .ctx = w };
	char err[SK_TEXT_MAX];

	if (w->memfd >= 0)
		close(w->memfd);
	w->memfd = memfd_create("second", MFD_CLOEXEC);
	sc.shm_fd = w->memfd;
	sc.stream.session = ++w->session;
	sc.state = w->sstate;
	sc.gaps_count = w->sgap.to_ms != 0;
	sc.gaps[0] = w->sgap;
	w->s = second_new(&sc, err, sizeof(err));
	if (w->s == NULL)
		fail_msg("%s", err);
	assert_true(second_start(w->s, err, sizeof(err)));
}

static void
world_stop_second(struct world *w)
{
	second_free(w->s);
	w->s = NULL;
	if (w->r != NULL)
		wait_until(w->pe.up == 0);
}

static void
world_stop_primary(struct world *w)
{
	if (w->r != NULL)
		repl_stop(w->r);
	psync_free(w->ps);
	repl_free(w->r);
	w->r = NULL;
	w->ps = NULL;
}

static void
next_gen(struct rfs_state *s, uint64_t gen)
{
	if (s->gen != 0 && s->history[0] != s->gen) {
		memmove(&s->history[1], &s->history[0], sizeof(s->history) - sizeof(s->history[0]));
		s->history[0] = s->gen;
	}
	s->gen = gen;
}

/* Until both are equal and say so */
static void
world_synced(struct world *w)
{
	int pairs = w->pe.pair, synced = w->se.synced;

	wait_until(w->pe.pair > pairs || w->se.failed > 0 || w->se.out > 0);
	if (w->pe.pair == pairs)
		fail_msg("%s", w->se.why);
	w->pstate.base = w->pstate.gen;
	w->pstate.full = false;
	repl_paired(w->r, w->pstate.gen);
	wait_until(w->se.synced > synced);
	w->sstate = (struct rfs_state){ .gen = w->pstate.gen, .base = w->pstate.gen };
	memcpy(w->sstate.history, w->pstate.history, sizeof(w->sstate.history));
}

/* The secondary goes, the primary goes on */
static void
world_alone(struct world *w)
{
	world_stop_second(w);
	next_gen(&w->pstate, w->pstate.gen + 1);
	psync_state(w->ps, &w->pstate);
	repl_alone(w->r, w->pstate.gen);
}

static void
world_free(struct world *w)
{
	int i;

	world_stop_second(w);
	world_stop_primary(w);
	tree_close(w->pt);
	tree_close(w->st);
	map_close(w->pm);
	map_close(w->sm);
	match_free(w->pmatch);
	match_free(w->smatch);
	close(w->listen_fd);
	if (w->memfd >= 0)
		close(w->memfd);
	free(w->shm);
	json_decref(w->want);
	for (i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&w->locks[i]);
	world_shell(w, "cd / && rm -rf $OLDPWD");
}

/* ---- are two trees equal? ---- */
struct compare { const struct world *w; int differences; bool quiet; };

static void
differs(struct compare *c, const char *path, const char *what)
{
	if (c->differences++ < 10 && !c->quiet)
		fprintf(stderr, "differs: %s: %s\n", path, what);
}

static void
compare_xattrs(struct compare *c, const char *a, const char *b, const char *rel)
{
	char la[4096], lb[4096], va[4096], vb[4096];
	ssize_t na = llistxattr(a, la, sizeof(la)), nb = llistxattr(b, lb, sizeof(lb)), at, x, y;

	if (na != nb)
		differs(c, rel, "number of xattrs");
	for (at = 0; at < na; at += (ssize_t)strlen(la + at) + 1) {
		x = lgetxattr(a, la + at, va, sizeof(va));
		y = lgetxattr(b, la + at, vb, sizeof(vb));
		if (x != y || (x > 0 && memcmp(va, vb, (size_t)x) != 0))
			differs(c, rel, la + at);
	}
}

static void
compare_data(struct compare *c, const char *a, const char *b, const char *rel)
{
	static char x[65536], y[65536];
	int fa = open(a, O_RDONLY | O_CLOEXEC), fb = open(b, O_RDONLY | O_CLOEXEC);
	char what[64];
	ssize_t n;
	off_t at = 0;

	while ((n = pread(fa, x, sizeof(x), at)) > 0 && pread(fb, y, sizeof(y), at) == n && memcmp(x, y, (size_t)n) == 0)
		at += n;
	if (n != 0) {
		snprintf(what, sizeof(what), "data from %lld on", (long long)at);
		differs(c, rel, what);
	}
	close(fa);
	close(fb);
}

static void
compare_trees(struct compare *c, const char *a, const char *b, const char *rel)
{
	char pa[4096], pb[4096], pr[2048];
	struct dirent *e;
	DIR *d = opendir(b);

	while (d != NULL && (e = readdir(d)) != NULL) {	/* what is there only */
		snprintf(pa, sizeof(pa), "%.1800s/%s", a, e->d_name);
		if (strcmp(e->d_name, "..") != 0 && faccessat(AT_FDCWD, pa, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			differs(c, pa, "only on the secondary");
	}
	closedir(d);
	d = opendir(a);
	while (d != NULL && (e = readdir(d)) != NULL) {
		struct stat x, y;

		if (strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, RFS_HIDDEN) == 0)
			continue;
		snprintf(pa, sizeof(pa), "%.1800s/%s", a, e->d_name);
		snprintf(pb, sizeof(pb), "%.1800s/%s", b, e->d_name);
		snprintf(pr, sizeof(pr), "%.1700s/%s", rel, e->d_name);
		if (lstat(pa, &x) != 0 || lstat(pb, &y) != 0) {
			differs(c, pr, "only on the primary");
			continue;
		}
		if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid || x.st_rdev != y.st_rdev)
			differs(c, pr, "mode, owner or device");
		if (!S_ISDIR(x.st_mode) && (x.st_size != y.st_size || x.st_nlink != y.st_nlink))
			differs(c, pr, "size or links");
		if (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
			differs(c, pr, S_ISDIR(x.st_mode) ? "mtime (folder)" : "mtime");
		compare_xattrs(c, pa, pb, pr);
		if (S_ISREG(x.st_mode))
			compare_data(c, pa, pb, pr);
		if (S_ISLNK(x.st_mode)) {
			char ta[256], tb[256];
			ssize_t na = readlink(pa, ta, sizeof(ta)), nb = readlink(pb, tb, sizeof(tb));

			if (na != nb || memcmp(ta, tb, (size_t)na) != 0)
				differs(c, pr, "target");
		}
		if (S_ISDIR(x.st_mode) && strcmp(e->d_name, ".") != 0)
			compare_trees(c, pa, pb, pr);
	}
	closedir(d);
}

static int
count_limbo(const struct world *w)
{
	char path[200];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof(path), "%s/s/%s/limbo", w->dir, RFS_HIDDEN);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static int
world_differences(const struct world *w, bool quiet)
{
	struct compare c = { w, 0, quiet };
	char a[100], b[100];

	snprintf(a, sizeof(a), "%s/p", w->dir);
	snprintf(b, sizeof(b), "%s/s", w->dir);
	compare_trees(&c, a, b, "");
	return c.differences;
}

static void
world_same(const struct world *w)
{
	assert_int_equal(world_differences(w, false), 0);
	assert_int_equal(count_limbo(w), 0);
}

/* ---- an application ---- */
static void
lock_set(struct world *w, const struct rfs_op *op, bool lock)
{
	const uint64_t nodes[4] = { op->node, op->parent, op->newparent, op->other };
	bool wanted[LOCKS] = { false };
	int i;

	for (i = 0; i < 4; i++)
		if (nodes[i] != 0)
			wanted[lock_of(nodes[i])] = true;
	for (i = 0; i < LOCKS; i++)
		if (wanted[i]) {
			if (lock)
				pthread_mutex_lock(&w->locks[i]);
			else
				pthread_mutex_unlock(&w->locks[i]);
		}
}

/* As serve.c does it; 0 or an errno */
static int
do_op(struct world *w, struct rfs_op *given, uint64_t *child)
{
	struct repl_ticket t = { .op = *given, .state = 50 };
	struct rfs_op held = *given;
	enum repl_sent sent = REPL_LOCAL;
	struct rfs_result res;
	int rc;

	memset(&res, 0, sizeof(res));
	lock_set(w, &held, true);
	rc = repl_prepare(w->r, &t.op);
	if (rc == 0) {
		if (given->type == OP_WRITE) {
			struct timespec ts;

			clock_gettime(CLOCK_REALTIME, &ts);
			t.op.mtime_ns = ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
			sent = repl_submit(w->r, &t);
		}
		op_apply(w->pt, &t.op, true, NULL, &res);
		rc = res.err;
		if (rc == 0 && given->type != OP_WRITE)
			sent = repl_submit(w->r, &t);
	}
	lock_set(w, &held, false);
	if (trace)
		fprintf(stderr, "op %d node %llx parent %llx %s -> %llx %s off %llu len %u/%llu valid %x flags %x child %llx mtime %lld: %d %s\n", given->type,
		    (unsigned long long)given->node, (unsigned long long)given->parent, given->name != NULL ? given->name : "",
		    (unsigned long long)given->newparent, given->newname != NULL ? given->newname : "", (unsigned long long)given->off, given->data_len,
		    (unsigned long long)given->len, given->valid, given->flags, (unsigned long long)res.child, (long long)t.op.mtime_ns, rc,
		    sent != REPL_LOCAL ? "sent" : "local");
	if (sent != REPL_LOCAL) {
		wait_until(t.state == 99 || w->se.out > 0);
		if (t.state != 99) {
			fprintf(stderr, "the secondary left: %s\n", w->se.why);
			abort();
		}
	}
	if (child != NULL)
		*child = res.child;
	return rc;
}

static uint64_t
find(struct world *w, uint64_t folder, const char *name, struct stat *st)
{
	struct tree_fd *d = tree_get(w->pt, folder, TREE_DIR);
	uint64_t node = 0;

	if (d == NULL || tree_lookup(w->pt, d->fd, name, &node, st) != 0)
		node = 0;
	tree_put(w->pt, d);
	return node;
}

/* A folder: the root, or some steps down */
static uint64_t
some_folder(struct world *w, struct rng *r)
{
	uint64_t at = RFS_ROOT, next;
	char name[8];
	struct stat st;
	int depth = (int)rng_below(r, 4), tries;

	while (depth-- > 0)
		for (tries = 0; tries < 4; tries++) {
			snprintf(name, sizeof(name), "d%u", rng_below(r, 5));
			next = find(w, at, name, &st);
			if (next != 0 && S_ISDIR(st.st_mode)) {
				at = next;
				break;
			}
		}
	return at;
}

static const char *
some_name(struct rng *r, char buf[8])
{
	if (rng_below(r, 4) == 0)
		snprintf(buf, 8, "d%u", rng_below(r, 5));
	else
		snprintf(buf, 8, "f%u", rng_below(r, 8));
	return buf;
}

static uint64_t
some_file(struct world *w, struct rng *r)
{
	struct stat st;
	char name[8];
	int tries;

	for (tries = 0; tries < 8; tries++) {
		uint64_t node = find(w, some_folder(w, r), some_name(r, name), &st);

		if (node != 0 && S_ISREG(st.st_mode))
			return node;
	}
	return 0;
}

static void
change_names(struct world *w, struct rng *r, uint8_t type)
{
	char name[8], newname[8], target[16];
	struct rfs_op op = { .type = type, .parent = some_folder(w, r), .name = some_name(r, name), .uid = rng_below(r, 3), .gid = rng_below(r, 3), .umask = 022 };
	struct stat st, st2;

	op.name_len = (uint16_t)strlen(name);
	switch (type) {
	case OP_CREATE:
		op.mode = rng_below(r, 12) > 0 ? S_IFREG | 0644 : S_IFIFO | 0600;
		break;
	case OP_MKDIR:
		snprintf(name, sizeof(name), "d%u", rng_below(r, 5));
		op.mode = S_IFDIR | 0755;
		break;
	case OP_SYMLINK:
		snprintf(target, sizeof(target), "to%u", rng_below(r, 100));
		op.data = target;
		op.data_len = (uint32_t)strlen(target);
		break;
	case OP_LINK:
		op.node = some_file(w, r);
		if (op.node == 0)
			return;
		break;
	case OP_UNLINK: case OP_RMDIR:
		op.node = find(w, op.parent, name, &st);
		break;
	case OP_RENAME:
		op.newparent = rng_below(r, 2) == 0 ? op.parent : some_folder(w, r);
		op.newname = some_name(r, newname);
		op.newname_len = (uint16_t)strlen(newname);
		op.node = find(w, op.parent, name, &st);
		op.other = find(w, op.newparent, newname, &st2);
		op.flags = rng_below(r, 4) == 0 && op.other != 0 ? RENAME_EXCHANGE : rng_below(r, 4) == 0 ? RENAME_NOREPLACE : 0;
		if (op.node == 0)
			return;
		break;
	default:
		break;
	}
	do_op(w, &op, NULL);
}

static void
change_data(struct world *w, struct rng *r, uint8_t type)
{
	static const uint32_t how[] = { 0, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_COLLAPSE_RANGE };
	struct rfs_op op = { .type = type, .node = some_file(w, r) };
	uint8_t data[3000];
	struct stat st;
	size_t i;

	if (op.node == 0 || tree_stat(w->pt, op.node, &st) != 0)
		return;
	switch (type) {
	case OP_WRITE:
		op.off = rng_below(r, 4) == 0 ? rng_below(r, 10 * ZONE) : rng_below(r, (unsigned)st.st_size + 1);
		op.data_len = rng_below(r, sizeof(data)) + 1;
		for (i = 0; i < op.data_len; i++)
			data[i] = (uint8_t)rng_next(r);
		op.data = data;
		break;
	case OP_FALLOCATE:
		op.flags = how[rng_below(r, 4)];
		op.off = rng_below(r, 8) * 4096;
		op.len = (1 + rng_below(r, 4)) * 4096;
		if (op.flags == FALLOC_FL_COLLAPSE_RANGE && op.off + op.len >= (uint64_t)st.st_size)
			return;		/* what fails changes the mtime all the same */
		break;
	case OP_COPY:
		op.other = some_file(w, r);
		op.off = (uint64_t)rng_below(r, 4) * 4096;
		op.off2 = (uint64_t)rng_below(r, 4) * 4096;
		op.len = 4096;
		if (op.other == 0 || op.other == op.node || tree_stat(w->pt, op.other, &st) != 0 || (uint64_t)st.st_size < op.off2 + op.len)
			return;
		break;
	default:
		break;
	}
	do_op(w, &op, NULL);
}

static void
change_attr(struct world *w, struct rng *r, uint8_t type)
{
	struct rfs_op op = { .type = type, .node = rng_below(r, 4) == 0 ? some_folder(w, r) : some_file(w, r) };
	char name[16];
	struct stat st;

	if (op.node == 0 || tree_stat(w->pt, op.node, &st) != 0)
		return;
	if (type == OP_SETATTR) {
		op.valid = 1u << rng_below(r, 6);
		if (op.valid == OP_SET_SIZE && !S_ISREG(st.st_mode))
			return;
		op.mode = 0600 | rng_below(r, 0200);
		op.uid = rng_below(r, 5);
		op.gid = rng_below(r, 5);
		op.size = rng_below(r, 6 * ZONE);
		op.mtime_ns = INT64_C(1000000000) * (1 + rng_below(r, 1000000000));
		op.atime_ns = op.mtime_ns;
	} else {
		snprintf(name, sizeof(name), "user.x%u", rng_below(r, 3));
		op.name = name;
		op.name_len = (uint16_t)strlen(name);
		op.data = type == OP_SETXATTR ? "some value of it" : NULL;
		op.data_len = type == OP_SETXATTR ? rng_below(r, 16) : 0;
	}
	do_op(w, &op, NULL);
}

static void
some_change(struct world *w, struct rng *r)
{
	static const struct { void (*fn)(struct world *w, struct rng *r, uint8_t type); uint8_t type, weight; } changes[] = {
		{ change_names, OP_CREATE, 10 }, { change_names, OP_MKDIR, 5 }, { change_names, OP_SYMLINK, 2 }, { change_names, OP_LINK, 3 },
		{ change_names, OP_UNLINK, 5 }, { change_names, OP_RMDIR, 2 }, { change_names, OP_RENAME, 10 }, { change_data, OP_WRITE, 25 },
		{ change_data, OP_FALLOCATE, 3 }, { change_data, OP_COPY, 2 }, { change_attr, OP_SETATTR, 8 }, { change_attr, OP_SETXATTR, 3 },
		{ change_attr, OP_REMOVEXATTR, 1 },
	};
	unsigned total = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_LEN(changes); i++)
		total += changes[i].weight;
	at = rng_below(r, total);
	for (i = 0; at >= changes[i].weight; i++)
		at -= changes[i].weight;
	changes[i].fn(w, r, changes[i].type);
}

/* In a thread of its own, until it is told to stop */
struct app { struct world *w; struct rng r; pthread_t id; atomic_bool stop; atomic_int count; int max; };

static void *
app_main(void *arg)
{
	struct app *a = arg;

	op_thread_init();
	while (!atomic_load(&a->stop) && atomic_load(&a->count) < a->max) {
		some_change(a->w, &a->r);
		atomic_fetch_add(&a->count, 1);
	}
	return NULL;
}

static void
app_start(struct app *a, struct world *w, uint64_t seed, int max)
{
	memset(a, 0, sizeof(*a));
	a->w = w;
	a->max = max;
	rng_seed(&a->r, seed);
	assert_int_equal(pthread_create(&a->id, NULL, app_main, a), 0);
}

static void
app_stop(struct app *a)
{
	atomic_store(&a->stop, true);
	pthread_join(a->id, NULL);
}

#endif
