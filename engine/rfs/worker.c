/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.c: the process that moves the data of one role: wiring.
 *
 * Primary: trees, maps and expressions, serve (the kernel's requests), repl and psync (the stream to the secondary).  Second: second, which makes its
 * ssync itself.  It may be killed at any instruction; what has to be known afterwards is in the shared memory or on the disk.  So there is no way
 * down but the end of the process.
 */
#include "config.h"
#include "rfs/keeper.h"
#include "rfs/second.h"
#include "rfs/serve.h"
#include "rfs/worker_line.h"

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPAN	3		/* seconds that bandwidths are averaged over (user's guide 13.6) */

static struct {
	bool	 primary;
	char	 module[SK_NAME_MAX], folder[PATH_MAX];
	struct worker_line *line;
	struct conf_module conf;
	struct rfs_state state;
	int	 dirs;
	char	 names[RFS_DIRS_MAX][PATH_MAX];
	struct tree *trees[RFS_DIRS_MAX];
	struct map *maps[RFS_DIRS_MAX];
	struct match *matches[RFS_DIRS_MAX];
	struct serve *serve;
	struct repl *repl;
	struct psync *psync;
	struct second *second;
	bool	 degraded, giving, quitting;
	uint64_t in[SPAN + 1], out[SPAN + 1];
	int	 ticks;
} W;

static void
event(void *ctx, json_t *o)
{
	worker_tell(W.line, o);
}

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

/* ---- what the keeper says ---- */

static bool
hex_of(const json_t *o, const char *name, uint64_t *gen)
{
	const char *s = text_of(o, name);
	uint8_t bytes[8];
	int i;

	if (!str_from_hex(s, bytes, sizeof(bytes)))
		return false;
	for (*gen = 0, i = 0; i < 8; i++)
		*gen = *gen << 8 | bytes[i];
	return true;
}

static void
take_state(const json_t *o)
{
	struct rfs_state s;
	char err[SK_TEXT_MAX];

	if (!state_from_json(json_object_get(o, "state"), &s, err, sizeof(err))) {
		warn_text("%s: the keeper's state: %s", W.module, err);
		return;
	}
	W.state = s;
	psync_state(W.psync, &s);
}

static void
order_alone(const json_t *o)
{
	uint64_t gen;

	if (!W.primary || !hex_of(o, "gen", &gen))
		return;
	take_state(o);
	worker_line_pair(W.line, false);
	repl_alone(W.repl, gen);
}

static void
order_paired(const json_t *o)
{
	uint64_t gen;

	if (!W.primary || !hex_of(o, "gen", &gen))
		return;
	take_state(o);
	worker_line_pair(W.line, true);
	repl_paired(W.repl, gen);
}

static void
order_refuse(const json_t *o)
{
	if (W.primary)
		repl_refuse(W.repl);
}

static void
order_give(const json_t *o)
{
	if (!W.primary)
		return;
	W.giving = true;
	repl_give(W.repl);
}

/* An external synchronisation: this is the instant at which the copy is made */
static void
order_policy(const json_t *o)
{
	uint64_t gen;
	int i;

	for (i = 0; hex_of(o, "base", &gen) && i < W.dirs; i++)
		map_reset(W.maps[i], gen);
	worker_tell(W.line, json_pack("{s:s}", "event", "again"));
}

struct asked { json_t *n; };

static void
told(void *ctx, const char *text)
{
	struct asked *a = ctx;

	worker_tell(W.line, json_pack("{s:s,s:O,s:s}", "event", "told", "n", a->n, "text", text));
}

/* In a thread of its own: it takes as long as reading the trees does */
static void *
run_asked(void *arg)
{
	struct asked *a = arg;
	char text[4096] = "", xml[PATH_MAX];
	bool ok;

	op_thread_init();
	(void)path_format(xml, sizeof(xml), "%s/../%s", W.folder, W.primary ? "rfsdifflog.xml" : "rfsverifylog.xml");
	ok = W.primary ? psync_diff(W.psync, xml, text, sizeof(text), told, a) : second_verify(W.second, xml, text, sizeof(text));
	str_make_utf8(text);
	worker_tell(W.line, json_pack("{s:s,s:O,s:b,s:s}", "event", "reply", "n", a->n, "ok", ok, "text", text));
	json_decref(a->n);
	free(a);
	return NULL;
}

static void
order_asked(const json_t *o)
{
	struct asked *a = calloc(1, sizeof(*a));
	pthread_attr_t at;
	pthread_t thread;

	if (a == NULL)
		return;
	a->n = json_incref(json_object_get(o, "n"));
	pthread_attr_init(&at);
	pthread_attr_setdetachstate(&at, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &at, run_asked, a) != 0) {
		worker_tell(W.line, json_pack("{s:s,s:o,s:b,s:s}", "event", "reply", "n", a->n, "ok", 0, "text", "no thread"));
		free(a);
	}
	pthread_attr_destroy(&at);
}

static void
order_blob(const json_t *o)
{
	worker_line_blob(W.line, json_object_get(o, "blob"));
}

static void
order_quit(const json_t *o)
{
	W.quitting = true;
	if (W.serve != NULL)
		serve_stop(W.serve);
	if (W.second != NULL)
		second_stop(W.second);
	worker_line_end(W.line);
}

static void
on_order(void *ctx, const json_t *o)
{
	static const struct { const char *op; void (*run)(const json_t *o); } orders[] = {
		{ "alone", order_alone }, { "refuse", order_refuse }, { "paired", order_paired }, { "give", order_give }, { "policy", order_policy }, { "verify", order_asked },
		{ "diff", order_asked }, { "blob", order_blob }, { "quit", order_quit },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(orders) && !W.quitting; i++)
		if (strcmp(text_of(o, "op"), orders[i].op) == 0)
			orders[i].run(o);
}

/* ---- bandwidth ---- */

static int64_t
kbs(const uint64_t *ring)
{
	uint64_t now = ring[W.ticks % (SPAN + 1)], before = ring[(W.ticks + 1) % (SPAN + 1)];

	return now > before ? (int64_t)((now - before) / SPAN / 1024) : 0;
}

/* The primary's are repl's */
static void
on_tick(void *ctx)
{
	struct stream *s = W.primary ? NULL : second_stream(W.second);
	static int64_t last[2] = { -1, -1 };
	int at;

	if (s == NULL)
		return;
	at = ++W.ticks % (SPAN + 1);
	stream_stats(s, &W.in[at], &W.out[at]);
	if (W.ticks <= SPAN || (kbs(W.in) == last[0] && kbs(W.out) == last[1]))
		return;
	last[0] = kbs(W.in);
	last[1] = kbs(W.out);
	worker_tell(W.line, json_pack("{s:s,s:i,s:i,s:I,s:I}", "event", "bandwidth", "rep_kbs", 0, "rei_kbs", 0, "in_kbs", (json_int_t)last[0],
	    "out_kbs", (json_int_t)last[1]));
}

/* ---- birth ---- */

static bool
open_folders(const json_t *setup, char *err, size_t errsize)
{
	const struct conf_rfs *r = &W.conf.rfs;
	const json_t *dirs = json_object_get(setup, "dirs"), *d;
	size_t i;

	json_array_foreach(dirs, i, d) {
		if (i == RFS_DIRS_MAX || i >= (size_t)r->dirs_count)
			break;
		str_copy(W.names[i], sizeof(W.names[i]), text_of(d, "dir"));
		W.trees[i] = tree_open(text_of(d, "backing"), err, errsize);
		if (W.trees[i] == NULL)
			return false;
		W.maps[i] = map_open(W.folder, (int)i, W.state.base, (uint32_t)r->zone_bytes, false, err, errsize);
		if (W.maps[i] == NULL)
			return false;
		W.matches[i] = match_new(&r->dirs[i]);
		if (W.matches[i] == NULL) {
			snprintf(err, errsize, "%s: no memory, or an expression that is none", W.names[i]);
			return false;
		}
		W.dirs = (int)i + 1;
	}
	return true;
}

static bool
stream_of(const json_t *setup, struct stream_conf *s, char *err, size_t errsize)
{
	const json_t *lan = json_object_get(setup, "lan");
	const char *key = text_of(setup, "key");
	int id = (int)json_integer_value(json_object_get(setup, "id"));

	s->primary = W.primary;
	s->listen_fd = W.primary ? RFS_FD_LISTEN : -1;
	str_copy(s->local, sizeof(s->local), text_of(lan, "local"));
	str_copy(s->peer, sizeof(s->peer), text_of(lan, "peer"));
	s->port = RFS_PORT(id);
	s->conns = W.conf.rfs.nbremconn > 0 ? W.conf.rfs.nbremconn : 1;
	s->module_id = (uint16_t)id;
	str_copy(s->node, sizeof(s->node), text_of(setup, "node"));
	s->has_key = key[0] != '\0';
	s->send_ms = W.conf.rfs.sendtimeout_ms;
	if (!hex_of(setup, "session", &s->session) || s->session == 0)
		s->session = state_generation();
	if (s->has_key && !str_from_hex(key, s->key, sizeof(s->key))) {
		snprintf(err, errsize, "setup: expected key of 64 hexadecimal digits, or \"\"");
		return false;
	}
	return true;
}

static bool
read_setup(const json_t *setup, char *err, size_t errsize)
{
	const json_t *id = json_object_get(setup, "id");

	if (!json_is_integer(id) || json_integer_value(id) < 1 || json_integer_value(id) > SK_MODULES_MAX) {
		snprintf(err, errsize, "setup: expected the id of a module");
		return false;
	}
	W.degraded = json_is_true(json_object_get(setup, "degraded"));
	return conf_module_from_json(json_object_get(setup, "config"), &W.conf, err, errsize) &&
	    state_from_json(json_object_get(setup, "state"), &W.state, err, errsize) && open_folders(setup, err, errsize);
}

static void
fill_psync(struct psync_conf *c)
{
	const struct conf_rfs *r = &W.conf.rfs;
	int i;

	c->repl = W.repl;
	c->dirs = W.dirs;
	for (i = 0; i < W.dirs; i++) {
		c->trees[i] = W.trees[i];
		c->maps[i] = W.maps[i];
		c->matches[i] = W.matches[i];
		c->names[i] = W.names[i];
	}
	c->zone = (uint32_t)r->zone_bytes;
	c->nbrei = r->nbrei;
	c->allowed_kbs = r->reiallowedbw;
	c->rei_ms = r->reitimeout_ms;
	c->acl = r->acl;
	c->detail = r->reidetail;
	c->state = W.state;
	c->gaps_count = W.state.gaps_count;
	memcpy(c->gaps, W.state.gaps, sizeof(c->gaps));
	c->event = event;
	c->ctx = W.serve;
	c->lock = serve_lock;
	c->unlock = serve_unlock;
}

static bool
start_primary(const json_t *setup, char *err, size_t errsize)
{
	struct serve_conf sc = { .dirs = W.dirs, .shm_fd = RFS_FD_SHM };
	struct repl_conf rc = { .dirs = W.dirs };
	struct psync_conf pc = { 0 };
	struct repl_hooks hooks = { .done = serve_done, .event = event, .settle = serve_settle };
	int i;

	for (i = 0; i < W.dirs; i++) {
		sc.trees[i] = rc.trees[i] = W.trees[i];
		sc.matches[i] = W.matches[i];
		sc.fuse_fd[i] = RFS_FD_FUSE + i;
		rc.maps[i] = W.maps[i];
	}
	W.serve = serve_new(&sc, err, errsize);
	if (W.serve == NULL || !stream_of(setup, &rc.stream, err, errsize))
		return false;
	rc.shm = serve_shm(W.serve);
	rc.lock_ms = W.conf.rfs.locktimeout_ms;
	rc.pair = json_is_true(json_object_get(setup, "pair"));
	rc.refused = json_is_true(json_object_get(setup, "refused"));
	rc.degraded = W.degraded;
	hooks.ctx = W.serve;
	W.repl = repl_new(&rc, &hooks);
	fill_psync(&pc);
	W.psync = W.repl != NULL ? psync_new(&pc) : NULL;
	if (W.psync == NULL) {
		snprintf(err, errsize, "no memory");
		return false;
	}
	worker_line_pair(W.line, rc.pair);
	repl_set_sync(W.repl, W.psync);
	return repl_start(W.repl, err, errsize) && serve_start(W.serve, W.repl, W.psync, err, errsize);
}

static bool
start_second(const json_t *setup, char *err, size_t errsize)
{
	struct second_conf c = { .shm_fd = RFS_FD_SHM, .dirs = W.dirs };
	json_t *sync = json_object_get(setup, "sync");
	int i;

	if (!stream_of(setup, &c.stream, err, errsize))
		return false;
	for (i = 0; i < W.dirs; i++) {
		c.trees[i] = W.trees[i];
		c.maps[i] = W.maps[i];
		c.matches[i] = W.matches[i];
		c.names[i] = W.names[i];
	}
	c.folder = W.folder;
	c.on_disk = W.conf.rfs.async_none;
	c.acl = W.conf.rfs.acl;
	c.zone = (uint32_t)W.conf.rfs.zone_bytes;
	c.state = W.state;
	c.sync = json_is_object(sync) ? json_incref(sync) : NULL;
	c.gaps_count = W.state.gaps_count;
	memcpy(c.gaps, W.state.gaps, sizeof(c.gaps));
	c.event = event;
	W.second = second_new(&c, err, errsize);
	return W.second != NULL && second_start(W.second, err, errsize);
}

/* Two of them would write into the same folders: the one before is waited for */
static void
lock(void)
{
	char path[PATH_MAX];
	int fd;

	if (!path_format(path, sizeof(path), "%s/%s", W.folder, WORKER_LOCK))
		return;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		fatal("%s: %s", path, strerror(errno));
	while (fd != -1 && flock(fd, LOCK_EX) == -1 && errno == EINTR)
		;
}	/* kept until the end of the process */

static void
keep_descriptors(int fuse)
{
	int i;

	for (i = RFS_FD_LINE; i < RFS_FD_FUSE + fuse; i++)
		(void)fcntl(i, F_SETFD, FD_CLOEXEC);
}

static int
fuse_count(void)
{
	int n = 0;

	while (n < RFS_DIRS_MAX && fcntl(RFS_FD_FUSE + n, F_GETFD) != -1)
		n++;
	return n;
}

int
worker_run(const char *module, bool primary)
{
	struct worker_line_hooks hooks = { NULL, on_order, on_tick };
	int fuse = primary ? fuse_count() : 0;
	char err[SK_TEXT_MAX] = "";
	json_t *setup;
	bool ok;

	signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_NAME, "rfsd");	/* not "exe", as it was started */
	W.primary = primary;
	str_copy(W.module, sizeof(W.module), module);
	keep_descriptors(fuse);
	if (!path_format(W.folder, sizeof(W.folder), "%s/modules/%s/rfs", path_safevar(), module))
		fatal("%s: too long", path_safevar());
	lock();
	W.line = worker_line_new(W.folder, primary, fuse, &hooks, err, sizeof(err));
	if (W.line == NULL)
		fatal("rfsd %s: %s", module, err);
	setup = worker_line_first(W.line);
	if (setup == NULL)
		return 0;	/* the keeper has gone before it began */
	op_thread_init();
	worker_line_blob(W.line, json_object_get(setup, "blob"));
	ok = read_setup(setup, err, sizeof(err)) && (primary ? start_primary(setup, err, sizeof(err)) : start_second(setup, err, sizeof(err)));
	json_decref(setup);
	malloc_trim(0);
	if (!ok) {
		str_make_utf8(err);
		worker_tell(W.line, json_pack("{s:s,s:s}", "event", "failed", "why", err));
		worker_line_flush(W.line);
		_exit(1);
	}
	worker_tell(W.line, json_pack("{s:s}", "event", "ready"));
	worker_line_run(W.line);
	worker_line_flush(W.line);
	_exit(0);	/* threads that wait for the kernel or the network are not waited for */
}
