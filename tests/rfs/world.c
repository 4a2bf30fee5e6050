/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.c: see world.h */
#include "config.h"
#include "rfs/world.h"
#include "rfs/place.h"
#include "rfs/serve.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(99);
}

/* ---- repl.h: what stands for the secondary ---- */

#define PAIRS (1u << 17)
struct ledger {			/* in memory that outlives the worker */
	uint64_t applied, applying;	/* numbers of changes */
	struct rfs_again again;		/* of the one that is being applied */
	struct { uint64_t p, s; } pairs[PAIRS];	/* the primary's node, the second's */
};
struct repl {
	enum world_repl how;
	struct serve	*serve;
	struct tree	*second;
	struct ledger	*ledger;
	pthread_mutex_t	 lock;
	pthread_cond_t	 work;
	struct repl_ticket *first, **last;
	bool		 stopped;
	struct repl_shm	*shm;
};

static uint64_t *
pair(struct repl *r, uint64_t p)
{
	size_t i = (p ^ p >> 32) * 2654435761u % PAIRS;

	while (r->ledger->pairs[i].p != 0 && r->ledger->pairs[i].p != p)
		i = (i + 1) % PAIRS;
	r->ledger->pairs[i].p = p;
	return &r->ledger->pairs[i].s;
}

static uint64_t
theirs(struct repl *r, uint64_t p)
{
	return p == 0 || p == RFS_ROOT ? p : *pair(r, p);
}

static uint64_t
there(struct repl *r, uint64_t parent, const char *name)
{
	struct tree_fd *dir = parent != 0 && name != NULL ? tree_get(r->second, parent, TREE_DIR) : NULL;
	uint64_t node = 0;

	if (dir != NULL && tree_lookup(r->second, dir->fd, name, &node, NULL) != 0)
		node = 0;
	tree_put(r->second, dir);
	return node;
}

/* As a secondary does: each number once, in order; the one that was cut off again */
static void
apply(struct repl *r, uint64_t seq, const struct rfs_op *sent)
{
	struct ledger *l = r->ledger;
	struct rfs_op op = *sent;
	struct rfs_result res;

	if (seq <= l->applied)
		return;
	if (seq != l->applied + 1) {
		fprintf(stderr, "second: %llu after %llu\n", (unsigned long long)seq, (unsigned long long)l->applied);
		abort();
	}
	op.node = theirs(r, sent->node);
	op.other = theirs(r, sent->other);
	op.parent = theirs(r, sent->parent);
	op.newparent = theirs(r, sent->newparent);
	l->again.maybe = l->applying == seq;
	if (!l->again.maybe) {
		l->again.pre = there(r, op.parent, op.name);
		l->again.pre2 = there(r, op.newparent, op.newname);
		if (op.type == OP_SETXATTR || op.type == OP_REMOVEXATTR)
			l->again.pre = op.type == OP_REMOVEXATTR;
		__atomic_store_n(&l->applying, seq, __ATOMIC_RELEASE);
	}
	if (sent->node == 0 || op.node != 0) {
		op_apply(r->second, &op, false, &l->again, &res);
		/* a file that is gone here was unlinked, and is open there */
		if (res.err != 0 && res.err != ESTALE) {
			fprintf(stderr, "second: op %d %s (%llx)%s: %s\n", op.type, op.name != NULL ? op.name : "", (unsigned long long)sent->node,
				l->again.maybe ? " again" : "", strerror(res.err));
			abort();
		}
		if (sent->child != 0)
			*pair(r, sent->child) = res.child;
	}
	__atomic_store_n(&l->applied, seq, __ATOMIC_RELEASE);
}

/* lock is held */
static bool
held(const struct repl *r)
{
	const struct repl_ticket *t = r->first;

	if (r->how == WORLD_TIMES_LATE && t != NULL && t->op.type == OP_SETATTR)
		while (t != NULL && t->op.type != OP_FSYNC)
			t = t->next;
	return t == NULL || r->how == WORLD_LATE;
}

static void *
answering(void *arg)
{
	struct repl *r = arg;
	struct repl_ticket *t;

	op_thread_init();
	for (;;) {
		pthread_mutex_lock(&r->lock);
		while (held(r) && !r->stopped)
			pthread_cond_wait(&r->work, &r->lock);
		if (r->first == NULL)
			break;
		t = r->first;
		r->first = t->next;
		if (r->first == NULL)
			r->last = &r->first;
		pthread_mutex_unlock(&r->lock);
		if (r->how == WORLD_SECOND)
			apply(r, t->seq, &t->op);
		serve_done(r->serve, t);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int
repl_prepare(struct repl *r, const struct rfs_op *op)
{
	return 0;
}

enum repl_sent
repl_submit(struct repl *r, struct repl_ticket *t)
{
	if (r->how == WORLD_LOCAL)
		return REPL_LOCAL;
	pthread_mutex_lock(&r->lock);
	if (t->seq == 0)
		__atomic_store_n(&t->seq, r->shm->next_seq[0] + 1, __ATOMIC_RELEASE);
	if (r->shm->next_seq[0] < t->seq)
		r->shm->next_seq[0] = t->seq;
	t->next = NULL;
	*r->last = t;
	r->last = &t->next;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	return r->how >= WORLD_TIMES_LATE ? REPL_SENT : REPL_WAIT;
}

void
repl_repair(struct repl *r, uint8_t dir, uint64_t node, uint64_t off, uint64_t len)
{
}

/* ---- the worker ---- */

static _Noreturn void
work(struct world *w, int line)
{
	struct conf_notrep no = { .regex = true };
	struct conf_replicated rep = { .dir = w->mounted, .not_count = w->private != NULL, .not = &no };
	struct serve_conf conf = { .dirs = 1, .shm_fd = w->shm_fd, .fuse_fd = { w->fuse_fd } };
	struct repl r = { .how = w->repl };
	char err[512], c;
	pthread_t thread;

	no.text = (char *)(uintptr_t)w->private;
	conf.trees[0] = tree_open(w->backing, err, sizeof(err));
	conf.matches[0] = match_new(&rep);
	r.serve = conf.trees[0] != NULL ? serve_new(&conf, err, sizeof(err)) : NULL;
	if (r.serve == NULL) {
		fprintf(stderr, "worker: %s\n", err);
		_exit(1);
	}
	r.shm = serve_shm(r.serve);
	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.work, NULL);
	r.last = &r.first;
	if (w->repl == WORLD_SECOND) {
		r.ledger = w->ledger;
		r.second = tree_open(w->second, err, sizeof(err));
	}
	if (w->repl != WORLD_LOCAL)
		pthread_create(&thread, NULL, answering, &r);
	if (!serve_start(r.serve, &r, NULL, err, sizeof(err))) {
		fprintf(stderr, "worker: %s\n", err);
		_exit(1);
	}
	while (read(line, &c, 1) == -1 && errno == EINTR)
		;
	serve_stop(r.serve);
	pthread_mutex_lock(&r.lock);
	r.stopped = true;
	pthread_cond_signal(&r.work);
	pthread_mutex_unlock(&r.lock);
	if (w->repl != WORLD_LOCAL)
		pthread_join(thread, NULL);
	tree_close(conf.trees[0]);
	match_free(conf.matches[0]);
	_exit(0);
}

static void
start_worker(struct world *w)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		die("pipe");
	w->worker = fork();
	if (w->worker == -1)
		die("fork");
	if (w->worker == 0) {
		close(ends[1]);
		if (w->line != -1)
			close(w->line);
		work(w, ends[0]);
	}
	close(ends[0]);
	if (w->line != -1)
		close(w->line);
	w->line = ends[1];
}

/* ---- begin, kill, end ---- */

bool
world_possible(void)
{
	int status = 1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ? 1 : 0);
	return pid != -1 && waitpid(pid, &status, 0) == pid && status == 0;
}

void
world_begin(struct world *w, enum world_repl repl, const char *private)
{
	const char *tmp = place();
	char options[256];
	int rc;

	*w = (struct world){ .repl = repl, .private = private, .line = -1 };
	snprintf(w->base, sizeof(w->base), "%s/rfs-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(w->base) == NULL || chmod(w->base, 0755) == -1)
		die(w->base);
	snprintf(w->backing, sizeof(w->backing), "%s/backing", w->base);
	snprintf(w->mounted, sizeof(w->mounted), "%s/mounted", w->base);
	snprintf(w->second, sizeof(w->second), "%s/second", w->base);
	snprintf(w->bare, sizeof(w->bare), "%s/bare", w->base);
	if (mkdir(w->backing, 0755) == -1 || mkdir(w->mounted, 0755) == -1 || mkdir(w->second, 0755) == -1 || mkdir(w->bare, 0755) == -1)
		die(w->base);
	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		die("mount namespace");
	w->fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (w->fuse_fd == -1)
		die("/dev/fuse");
	snprintf(options, sizeof(options), SERVE_MOUNT_OPTIONS, w->fuse_fd);
	if (mount("rfs", w->mounted, "fuse.rfs", 0, options) == -1)
		die("mount");
	w->shm_fd = memfd_create("rfs", MFD_CLOEXEC);
	w->ledger = mmap(NULL, sizeof(*w->ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w->ledger == MAP_FAILED)
		die("memory");
	rc = serve_init(w->fuse_fd, w->mounted);
	if (rc != 0) {
		errno = -rc;
		die("serve_init");
	}
	start_worker(w);
}

void
world_kill(struct world *w)
{
	kill(w->worker, SIGKILL);
	waitpid(w->worker, NULL, 0);
	start_worker(w);
}

int
world_during(struct world *w, int (*load)(const struct world *w, void *arg), void *arg, int kill_ms, unsigned *deaths)
{
	struct timespec wait = { .tv_sec = kill_ms / 1000, .tv_nsec = kill_ms % 1000 * 1000000L };
	sigset_t child, old;
	int status = 0;
	pid_t pid, who;

	/* deaths are told by SIGCHLD, for which this waits instead of sleeping */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &old);
	*deaths = 0;
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		/* who holds these and waits for the mount would keep it from ending when all else is dead */
		close(w->line);
		close(w->fuse_fd);
		close(w->shm_fd);
		_exit(load(w, arg));
	}
	for (;;) {
		if (sigtimedwait(&child, NULL, kill_ms > 0 ? &wait : NULL) == -1 && errno == EAGAIN)
			kill(w->worker, SIGKILL);
		while ((who = waitpid(-1, &status, WNOHANG)) > 0) {
			if (who == pid) {
				sigprocmask(SIG_SETMASK, &old, NULL);
				return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
			}
			if (who == w->worker) {
				if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
					printf("Bail out! the worker ended with status %x\n", (unsigned)status);
					kill(pid, SIGKILL);
					umount2(w->mounted, MNT_FORCE | MNT_DETACH);
					exit(99);
				}
				++*deaths;
				start_worker(w);
			}
		}
	}
}

void
world_end(struct world *w)
{
	char command[320];
	int status = 0;

	if (umount2(w->mounted, 0) == -1)
		die("umount");
	close(w->line);
	if (waitpid(w->worker, &status, 0) == -1 || status != 0) {
		printf("Bail out! the worker ended with status %x\n", (unsigned)status);
		exit(99);
	}
	close(w->fuse_fd);
	close(w->shm_fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->base);
	if (system(command) != 0)
		die(command);
}
