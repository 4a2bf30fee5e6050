/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * by_hand_primary.h: a primary's end of a synchronisation, real, and a secondary made by hand (by_hand.h has the stream): it may answer what it likes and ask for
 * what it likes.  What is told to it has to be of the tree, and replicated: that is looked at frame by frame.
 *
 * It has the functions of rfs/repl.h that psync*.c needs.
 */
#ifndef TEST_RFS_BY_HAND_PRIMARY_H
#define TEST_RFS_BY_HAND_PRIMARY_H

#include "rfs/by_hand.h"
#include "rfs/psync_impl.h"

#define HAND_LOCKS	64

struct repl { struct stream *stream; atomic_int begun, ended; };

struct stream *repl_stream(struct repl *r) { return r->stream; }
void repl_sync_begin(struct repl *r) { atomic_fetch_add(&r->begun, 1); }

bool
repl_sync_end(struct repl *r)
{
	pthread_mutex_lock(&hand_lock);
	atomic_fetch_add(&r->ended, 1);
	pthread_cond_broadcast(&hand_cond);
	pthread_mutex_unlock(&hand_lock);
	return true;
}

struct prim {
	char	 base[100];
	struct repl repl;
	struct tree *tree;
	struct map *map;
	struct match *match;
	struct psync *ps;
	char	*canary;
	uint64_t forbidden[8];		/* nodes that nobody is told of */
	pthread_mutex_t locks[HAND_LOCKS];
};

static inline void prim_lock(void *ctx, uint8_t dir, uint64_t node) { (void)dir; pthread_mutex_lock(&((struct prim *)ctx)->locks[node % HAND_LOCKS]); }
static inline void prim_unlock(void *ctx, uint8_t dir, uint64_t node) { (void)dir; pthread_mutex_unlock(&((struct prim *)ctx)->locks[node % HAND_LOCKS]); }
static inline void prim_event(void *ctx, json_t *o) { (void)ctx; json_decref(o); }

static inline void
prim_file(const char *base, const char *rel, size_t size)
{
	char path[300];
	FILE *f;
	size_t i;

	snprintf(path, sizeof(path), "%s/p/%s", base, rel);
	f = fopen(path, "we");
	hand_must(f != NULL, path);
	for (i = 0; i < size; i++)
		fputc((int)(i * 7 + i / 251), f);
	hand_must(fclose(f) == 0, path);
}

static inline void
prim_tree(const char *base)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/p/a/b", base);
	hand_must(path_mkdirs(path, 0755) == 0, path);
	snprintf(path, sizeof(path), "%s/p/private", base);
	hand_must(path_mkdirs(path, 0755) == 0, path);
	prim_file(base, "a/small", 100);
	prim_file(base, "a/b/large", 5 * HAND_ZONE + 77);
	prim_file(base, "empty", 0);
	prim_file(base, "private/secret", 10);
	prim_file(base, RFS_HIDDEN "/orphan/gone", 10);
	snprintf(path, sizeof(path), "%s/p/link", base);
	hand_must(symlink("../canary/file", path) == 0, path);
}

/* private: what is not replicated is below "private" */
static inline void
prim_new(struct prim *m, const char *base, struct match *match)
{
	const struct stream_conf c = { .primary = true, .conns = HAND_CONNS };
	struct psync_conf pc = { .dirs = 1, .names = { "/data" }, .zone = HAND_ZONE, .nbrei = 2, .rei_ms = 60000, .acl = true, .detail = true, .event = prim_event,
		.ctx = m, .lock = prim_lock, .unlock = prim_unlock, .state = { .gen = 5, .uptodate = true } };
	static const char *const NAMES[] = { ".", "canary", "canary/file", "canary/folder", "p/" RFS_HIDDEN, "p/" RFS_HIDDEN "/orphan/gone", "p/private", "p/private/secret" };
	size_t i;

	memset(m, 0, sizeof(*m));
	str_copy(m->base, sizeof(m->base), base);
	for (i = 0; i < HAND_LOCKS; i++)
		pthread_mutex_init(&m->locks[i], NULL);
	m->tree = hand_tree(base, "p");
	prim_tree(base);
	m->canary = canary_look(base);
	for (i = 0; i < ARRAY_LEN(NAMES); i++)
		m->forbidden[i] = match == NULL && i >= 6 ? 0 : hand_node(base, NAMES[i]);
	m->map = hand_map(base, "var");
	m->match = match;
	m->repl.stream = stream_new(&c, NULL);
	pc.repl = &m->repl;
	pc.trees[0] = m->tree;
	pc.maps[0] = m->map;
	pc.matches[0] = match;
	m->ps = psync_new(&pc);
	hand_must(m->ps != NULL, "no memory");
}

/* json: what it greets with, NULL: as one that has nothing */
static inline void
prim_up(struct prim *m, const char *json)
{
	struct frame_hello hello[HAND_CONNS];
	struct rfs_state state;
	json_t *o;
	char *text;
	int i;

	memset(hello, 0, sizeof(hello));
	state_init(&state);
	o = json_pack("{s:o}", "state", state_to_json(&state));
	text = json != NULL ? strdup(json) : json_dumps(o, JSON_COMPACT);
	json_decref(o);
	for (i = 0; i < HAND_CONNS; i++)
		hello[i] = (struct frame_hello){ .version = FRAME_VERSION, .session = 22, .conn = i, .conns = HAND_CONNS, .json = text };
	atomic_store(&m->repl.stream->dropped, false);
	psync_up(m->ps, hello);
	free(text);
}

static inline void
prim_down(struct prim *m)
{
	atomic_store(&m->repl.stream->dropped, true);
	psync_down(m->ps);
	hand_deaf(m->repl.stream);
}

static inline void
prim_end(struct prim *m)
{
	char *now;
	int fd;

	prim_down(m);
	psync_free(m->ps);
	now = canary_look(m->base);
	hand_must(strcmp(now, m->canary) == 0, "the canary was touched");
	free(now);
	free(m->canary);
	map_close(m->map);
	tree_close(m->tree);
	stream_free(m->repl.stream);
	fd = open(m->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	hand_must(fd >= 0, "no folder");
	hand_empty(openat(fd, "p", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	hand_empty(openat(fd, "var", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unlinkat(fd, "p", AT_REMOVEDIR);
	unlinkat(fd, "var", AT_REMOVEDIR);
	close(fd);
}

static inline void
prim_allowed(const struct prim *m, uint64_t node)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(m->forbidden); i++)
		hand_must(node == 0 || node != m->forbidden[i], "the secondary is told what is none of its business");
}

/* Entries of a list that was told: how many; nothing is told that must not be */
static inline int
prim_entries(const struct prim *m, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	struct sync_entry e;
	int n = 0;

	for (; sync_get_entry(&in, &e); n++) {
		prim_allowed(m, e.node);
		hand_must(tree_name_ok(e.name, strlen(e.name)) && !tree_is_hidden(f->node, e.name, strlen(e.name)), "a name that is not replicated is told");
	}
	return n;
}

static inline void
prim_look(const struct prim *m, const struct frame *f)
{
	prim_allowed(m, f->node);
	if (f->flags == SY_LIST || f->flags == SY_CHECK)
		prim_entries(m, f);
}

static inline void
prim_say(struct prim *m, int conn, uint8_t kind, uint64_t node, uint64_t aux, const void *body, size_t len)
{
	const struct frame f = { .type = FR_SYNC, .flags = kind, .node = node, .aux = aux, .body = body, .body_len = (uint32_t)len };

	psync_frame(m->ps, conn, &f);
}

/* As an honest secondary that has nothing yet would */
static inline void
prim_answer(struct prim *m, const struct said *q, uint8_t flags)
{
	struct sync_result r = { .flags = flags };
	static uint8_t body[SYNC_ENTRIES_MAX * 32];
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	int n;

	switch (q->f.flags) {
	case SY_BEGIN:
		prim_say(m, q->conn, SY_BEGUN, 0, 0, NULL, 0);
		break;
	case SY_LIST: case SY_CHECK:
		for (n = prim_entries(m, &q->f); n > 0; n--)
			sync_put_result(&o, &r);
		prim_say(m, q->conn, q->f.flags == SY_LIST ? SY_LISTED : SY_CHECKED, q->f.node, q->f.aux, o.buf, o.len);
		break;
	case SY_HASH:
		memset(body, 0, sizeof(body));
		prim_say(m, q->conn, SY_HASHED, q->f.node, q->f.aux, body, q->f.body_len / 20 * SYNC_HASH);
		break;
	case SY_CHECK_END: case SY_CHECK_FILE:
		sync_put_result(&o, &r);
		prim_say(m, q->conn, SY_CHECKED, q->f.node, q->f.aux, o.buf, o.len);
		break;
	case SY_PING:
		prim_say(m, q->conn, SY_PONG, 0, q->f.aux, NULL, 0);
		break;
	case SY_COMMIT:
		prim_say(m, q->conn, SY_COMMITTED, 0, q->f.aux, NULL, 0);
		break;
	case SY_FINISH:
		prim_say(m, q->conn, SY_FINISHED, 0, q->f.aux, NULL, 0);
		break;
	default:
		break;
	}
}

#endif
