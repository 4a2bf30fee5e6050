/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a change while a secondary synchronises: every row of the table of engine/rfs/psync_route.c, and the bodies of the frames.  The stream is a
 * list of what was sent.
 */
#include "config.h"
#include "rfs/psync_impl.h"
#include "rfs/place.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- the stream ---- */
struct sent { uint8_t kind; uint64_t node; char name[64], from[64]; uint64_t from_folder; };
static struct sent sent[16];
static int sent_n;

struct stream *repl_stream(struct repl *r) { return (struct stream *)r; }
int stream_conn_of(const struct stream *s, uint64_t node) { return 0; }
int stream_conns(const struct stream *s) { return 1; }
void stream_drop(struct stream *s, const char *why) { fail_msg("%s", why); }
void repl_sync_begin(struct repl *r) { }
bool repl_sync_end(struct repl *r) { return false; }

bool
stream_send(struct stream *s, int conn, const struct frame *f)
{
	struct sync_in in = { .buf = f->body, .len = f->body_len };
	struct sent *x = &sent[sent_n++];
	struct sync_entry e;

	memset(x, 0, sizeof(*x));
	x->kind = f->flags;
	x->node = f->node;
	if (f->flags == SY_LIST) {
		assert_true(sync_get_entry(&in, &e) && in_end(&in));
		snprintf(x->name, sizeof(x->name), "%.60s", e.name);
		snprintf(x->from, sizeof(x->from), "%.60s", e.from_name);
		x->from_folder = e.from;
	} else if (f->flags == SY_LIMBO) {
		x->from_folder = in_64(&in);
		in_64(&in);
		snprintf(x->name, sizeof(x->name), "%.60s", sync_get_name(&in));
	}
	return true;
}

/* ---- a folder with two folders and a file in each ---- */
static char dir[64];
static struct psync *p;
static struct psync_conf conf;
static uint64_t a, b, fa, fb;

static void nothing(void *ctx, uint8_t d, uint64_t node) { }
static void no_event(void *ctx, json_t *o) { json_decref(o); }

static uint64_t
node_of(uint64_t folder, const char *name)
{
	struct tree_fd *d = tree_get(conf.trees[0], folder, TREE_DIR);
	uint64_t node;

	assert_int_equal(tree_lookup(conf.trees[0], d->fd, name, &node, NULL), 0);
	tree_put(conf.trees[0], d);
	return node;
}

static int
setup(void **state)
{
	char cmd[200], err[200], path[100];

	snprintf(dir, sizeof(dir), "%s/t_rfs_route.XXXXXX", place());
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p t/a t/b && echo 1 >t/a/x && echo 2 >t/b/y", dir);
	if (system(cmd) != 0)
		return 1;
	snprintf(path, sizeof(path), "%s/t", dir);
	conf = (struct psync_conf){ .repl = (struct repl *)&conf, .dirs = 1, .names = { "/r" }, .event = no_event, .lock = nothing, .unlock = nothing };
	conf.trees[0] = tree_open(path, err, sizeof(err));
	conf.maps[0] = map_open(dir, 0, 1, 4096, true, err, sizeof(err));
	p = conf.trees[0] != NULL && conf.maps[0] != NULL ? psync_new(&conf) : NULL;
	if (p == NULL)
		return 1;
	p->stop = false;
	p->running = true;
	a = node_of(RFS_ROOT, "a");
	b = node_of(RFS_ROOT, "b");
	fa = node_of(a, "x");
	fb = node_of(b, "y");
	return 0;
}

static int
teardown(void **state)
{
	char cmd[100];

	psync_free(p);
	tree_close(conf.trees[0]);
	map_close(conf.maps[0]);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void
given(bool a_on, bool b_on, bool fa_paired, bool fb_paired)
{
	nodeset_clear(&p->forwarded[0]);
	nodeset_clear(&p->paired[0]);
	if (a_on)
		nodeset_add(&p->forwarded[0], a);
	if (b_on)
		nodeset_add(&p->forwarded[0], b);
	if (fa_paired)
		nodeset_add(&p->paired[0], fa);
	if (fb_paired)
		nodeset_add(&p->paired[0], fb);
	sent_n = 0;
}

/* a/x -> b/z: the change is made already */
static enum psync_route
renamed(uint32_t flags)
{
	struct rfs_op op = { .type = OP_RENAME, .parent = a, .name = "x", .newparent = b, .newname = (flags & RENAME_EXCHANGE) != 0 ? "y" : "z", .node = fa,
		.other = (flags & RENAME_EXCHANGE) != 0 ? fb : 0, .flags = flags, .parent_mtime_ns = 1, .newparent_mtime_ns = 2 };
	char from[100], to[100];
	enum psync_route r;

	snprintf(from, sizeof(from), "%s/t/a/x", dir);
	snprintf(to, sizeof(to), "%s/t/b/%s", dir, op.newname);
	assert_int_equal(renameat2(AT_FDCWD, from, AT_FDCWD, to, flags), 0);
	r = psync_route(p, &op);
	assert_int_equal(renameat2(AT_FDCWD, to, AT_FDCWD, from, flags), 0);
	return r;
}

static void
is(int i, uint8_t kind, const char *name, uint64_t folder_or_node)
{
	assert_true(i < sent_n);
	assert_int_equal(sent[i].kind, kind);
	assert_string_equal(sent[i].name, name);
	assert_true(sent[i].node == folder_or_node);
}

static void
test_rename(void **state)
{
	int paired;

	given(true, true, true, false);
	assert_int_equal(renamed(0), ROUTE_SEND);
	assert_int_equal(sent_n, 0);

	given(true, true, false, false);
	assert_int_equal(renamed(0), ROUTE_SKIP);
	assert_int_equal(sent_n, 1);
	is(0, SY_LIST, "z", b);
	assert_string_equal(sent[0].from, "x");
	assert_true(sent[0].from_folder == a);

	for (paired = 0; paired < 2; paired++) {
		given(true, false, paired, false);
		assert_int_equal(renamed(0), ROUTE_SKIP);
		assert_int_equal(sent_n, 1);
		is(0, SY_LIMBO, "x", fa);
		assert_true(sent[0].from_folder == a);

		given(false, true, paired, false);
		assert_int_equal(renamed(0), ROUTE_SKIP);
		assert_int_equal(sent_n, 1);
		is(0, SY_LIST, "z", b);

		given(false, false, paired, false);
		assert_int_equal(renamed(0), ROUTE_SKIP);
		assert_int_equal(sent_n, 0);
	}
}

/* What is replaced goes first: the secondary would take it for the stale file of the one that comes */
static void
test_rename_over(void **state)
{
	char from[100], to[100], again[100];
	int a_on, paired;

	snprintf(from, sizeof(from), "%s/t/a/x", dir);
	snprintf(to, sizeof(to), "%s/t/b/y", dir);
	snprintf(again, sizeof(again), "%s/t/y", dir);
	for (a_on = 0; a_on < 2; a_on++)
		for (paired = 0; paired < 2; paired++) {
			struct rfs_op op = { .type = OP_RENAME, .parent = a, .name = "x", .newparent = b, .newname = "y", .node = fa, .other = fb,
				.parent_mtime_ns = 1, .newparent_mtime_ns = 2 };

			given(a_on, true, false, paired);
			assert_true(link(to, again) == 0 && rename(from, to) == 0);
			assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
			assert_true(rename(to, from) == 0 && rename(again, to) == 0);
			assert_int_equal(sent_n, 2);
			is(0, SY_LIMBO, "y", fb);
			assert_true(sent[0].from_folder == b);
			is(1, SY_LIST, "y", b);
			assert_string_equal(sent[1].from, "x");
		}
}

static void
test_exchange(void **state)
{
	given(true, true, true, true);
	assert_int_equal(renamed(RENAME_EXCHANGE), ROUTE_SEND);
	assert_int_equal(sent_n, 0);

	given(true, true, true, false);
	assert_int_equal(renamed(RENAME_EXCHANGE), ROUTE_SKIP);
	assert_int_equal(sent_n, 4);
	is(0, SY_LIMBO, "x", fa);
	is(1, SY_LIMBO, "y", fb);
	is(2, SY_LIST, "x", a);
	is(3, SY_LIST, "y", b);

	given(true, false, true, true);
	assert_int_equal(renamed(RENAME_EXCHANGE), ROUTE_SKIP);
	assert_int_equal(sent_n, 2);
	is(0, SY_LIMBO, "x", fa);
	is(1, SY_LIST, "x", a);

	given(false, true, true, true);
	assert_int_equal(renamed(RENAME_EXCHANGE), ROUTE_SKIP);
	assert_int_equal(sent_n, 2);
	is(0, SY_LIMBO, "y", fb);
	is(1, SY_LIST, "y", b);

	given(false, false, true, true);
	assert_int_equal(renamed(RENAME_EXCHANGE), ROUTE_SKIP);
	assert_int_equal(sent_n, 0);
}

static void
test_self(void **state)
{
	struct rfs_op op = { .type = OP_RENAME, .parent = a, .name = "x", .newparent = a, .newname = "x", .node = fa, .other = fa };

	given(true, true, true, false);
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	assert_int_equal(sent_n, 0);
}

static void
test_made(void **state)
{
	struct rfs_op op = { .type = OP_MKDIR, .parent = a, .name = "new", .child = 77 };

	given(false, false, false, false);
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	assert_false(nodeset_has(&p->paired[0], 77));
	given(true, false, false, false);
	assert_int_equal(psync_route(p, &op), ROUTE_SEND);
	assert_true(nodeset_has(&p->paired[0], 77));
	assert_true(nodeset_has(&p->forwarded[0], 77));	/* empty here and there */
	op.type = OP_CREATE;
	op.child = 78;
	assert_int_equal(psync_route(p, &op), ROUTE_SEND);
	assert_true(nodeset_has(&p->paired[0], 78));
	assert_false(nodeset_has(&p->forwarded[0], 78));
}

static void
test_link(void **state)
{
	struct rfs_op op = { .type = OP_LINK, .parent = b, .name = "y", .node = fa, .child = fa };

	given(false, false, true, false);
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	assert_int_equal(sent_n, 0);
	given(false, true, true, false);
	assert_int_equal(psync_route(p, &op), ROUTE_SEND);
	given(false, true, false, false);
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	is(0, SY_LIST, "y", b);
}

static void
test_file(void **state)
{
	static const uint8_t types[] = { OP_WRITE, OP_SETATTR, OP_SETXATTR, OP_REMOVEXATTR, OP_FALLOCATE, OP_FSYNC };
	struct rfs_op op = { .node = fa };
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		op.type = types[i];
		given(true, true, false, false);
		assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
		given(false, false, true, false);
		assert_int_equal(psync_route(p, &op), ROUTE_SEND);
		assert_int_equal(sent_n, 0);
	}
	/* a folder's attributes go in order with its names */
	nodeset_add(&p->paired[0], a);
	op = (struct rfs_op){ .type = OP_SETATTR, .node = a };
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	is(0, SY_FINAL, "", a);
}

/* What moves data within a file or between two is looked at once more */
static void
test_moved_data(void **state)
{
	struct rfs_op op = { .type = OP_FALLOCATE, .flags = FALLOC_FL_COLLAPSE_RANGE, .node = fa };

	given(true, true, true, true);
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	assert_int_equal(p->again.n, 1);
	op = (struct rfs_op){ .type = OP_COPY, .node = fa, .other = fb };
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
	assert_int_equal(p->again.n, 2);
	assert_int_equal(map_zones(conf.maps[0], fa, NULL, 0), MAP_ALL);
}

static void
test_over(void **state)
{
	struct rfs_op op = { .type = OP_RENAME, .parent = a, .name = "x", .newparent = b, .newname = "z", .node = fa };

	given(false, false, false, false);
	p->all = true;
	assert_int_equal(psync_route(p, &op), ROUTE_SEND);
	op = (struct rfs_op){ .type = OP_WRITE, .node = fa };
	assert_int_equal(psync_route(p, &op), ROUTE_SEND);
	op.type = OP_SETATTR;	/* of a file that was made after the walk was over */
	assert_int_equal(psync_route(p, &op), ROUTE_SEND);
	p->all = false;
	p->stop = true;
	assert_int_equal(psync_route(p, &op), ROUTE_SKIP);
}

/* ---- bodies ---- */
static void
test_bodies(void **state)
{
	static const uint8_t xattr[] = { 6, 'u', 's', 'e', 'r', '.', 'x', 0, 0, 0, 0, 2, 'h', 'i' };
	struct sync_entry e = { .node = 5, .flags = SE_ONE, .mode = 0100644, .uid = 1, .gid = 2, .size = 3, .mtime_ns = -4, .parent_mtime_ns = 6, .name = "n",
		.from = 7, .from_name = "o", .from_mtime_ns = 8, .xattrs = xattr, .xattrs_len = sizeof(xattr) }, g;
	struct sync_result r = { .flags = SR_NEW, .size = 9, .mtime_ns = 10, .zones_count = 2, .zones = (const uint8_t *)"\0\0\0\1\0\0\1\0" }, s;
	uint8_t buf[512], cut[512];
	struct sync_out o = { .buf = buf, .size = sizeof(buf) };
	struct sync_in in;
	size_t len, n;

	sync_put_entry(&o, &e);
	assert_false(o.bad);
	len = o.len;
	in = (struct sync_in){ .buf = buf, .len = len };
	assert_true(sync_get_entry(&in, &g) && in_end(&in));
	assert_true(g.node == 5 && g.flags == SE_ONE && g.mode == 0100644 && g.uid == 1 && g.gid == 2 && g.size == 3 && g.mtime_ns == -4);
	assert_true(g.parent_mtime_ns == 6 && g.from == 7 && g.from_mtime_ns == 8 && g.xattrs_len == sizeof(xattr));
	assert_string_equal(g.name, "n");
	assert_string_equal(g.from_name, "o");
	assert_string_equal(g.target, "");
	for (n = 0; n < len; n++) {	/* cut anywhere */
		memcpy(cut, buf, n);
		in = (struct sync_in){ .buf = cut, .len = n };
		assert_false(sync_get_entry(&in, &g));
	}
	o = (struct sync_out){ .buf = buf, .size = len - 1 };
	sync_put_entry(&o, &e);
	assert_true(o.bad);

	o = (struct sync_out){ .buf = buf, .size = sizeof(buf) };
	sync_put_result(&o, &r);
	in = (struct sync_in){ .buf = buf, .len = o.len };
	assert_true(sync_get_result(&in, &s) && in_end(&in));
	assert_true(s.flags == SR_NEW && s.size == 9 && s.mtime_ns == 10 && s.zones_count == 2);
	assert_int_equal(sync_zone(&s, 0), 1);
	assert_int_equal(sync_zone(&s, 1), 256);
	memset(buf + 17, 0xff, 4);	/* more zones than there can be */
	in = (struct sync_in){ .buf = buf, .len = o.len };
	assert_false(sync_get_result(&in, &s));
}

static void
test_names(void **state)
{
	static const struct { const char *body; size_t len; bool ok; } rows[] = {
		{ "a", 2, true }, { "a", 1, false }, { "", 1, false }, { ".", 2, false }, { "..", 3, false }, { "a/b", 4, false }, { "a\0b", 4, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct sync_in in = { .buf = (const uint8_t *)rows[i].body, .len = rows[i].len };

		assert_int_equal(sync_get_name(&in) != NULL && in_end(&in), rows[i].ok);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_rename), T(test_rename_over), T(test_exchange), T(test_self), T(test_made), T(test_link), T(test_file), T(test_moved_data), T(test_over),
		cmocka_unit_test(test_bodies), cmocka_unit_test(test_names),
	};

	PLACE_OR_SKIP();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
