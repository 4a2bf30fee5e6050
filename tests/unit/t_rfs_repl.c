/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rfs/repl*.c against rfs/second*.c: what was answered is on both, whatever breaks. */
#include "config.h"
#include "rfs_world.h"
#include "rfs/repl_impl.h"
#define lane second_lane
#include "rfs/second_impl.h"
#undef lane

#include <linux/falloc.h>
#include <sys/xattr.h>

/* ---- what serve.c does ---- */
#define TICKETS 32
static struct repl_ticket tickets[TICKETS];
static uint8_t slots[TICKETS][RFS_DATA_MAX / 4];
static char names[TICKETS][2][64];

/* A free slot with the operation copied into it */
static struct repl_ticket *
slot(const struct rfs_op *op)
{
	struct repl_ticket *t = NULL;
	int i;

	pthread_mutex_lock(&world_lock);
	for (i = 0; i < TICKETS && t == NULL; i++)
		if (tickets[i].state == TICKET_NEW || tickets[i].state == 99)
			t = &tickets[i];
	pthread_mutex_unlock(&world_lock);
	assert_non_null(t);
	i = (int)(t - tickets);
	memset(t, 0, sizeof(*t));
	t->op = *op;
	t->state = 50;
	if (op->data_len > 0) {
		assert_true(op->data_len <= sizeof(slots[i]));
		memcpy(slots[i], op->data, op->data_len);
		t->op.data = slots[i];
	}
	if (op->name != NULL) {
		strcpy(names[i][0], op->name);
		t->op.name = names[i][0];
		t->op.name_len = (uint16_t)strlen(op->name);
	}
	if (op->newname != NULL) {
		strcpy(names[i][1], op->newname);
		t->op.newname = names[i][1];
		t->op.newname_len = (uint16_t)strlen(op->newname);
	}
	return t;
}

static void
finish_local(struct repl_ticket *t)
{
	pthread_mutex_lock(&world_lock);
	t->state = 99;
	pthread_mutex_unlock(&world_lock);
}

/* Applied here, sent; not waited for.  0 or an errno. */
static int
begin_op(struct world *w, const struct rfs_op *op, struct repl_ticket **out, uint64_t *child)
{
	struct repl_ticket *t = slot(op);
	struct rfs_result res;
	enum repl_sent sent = REPL_LOCAL;

	*out = t;
	assert_int_equal(repl_prepare(w->r, &t->op), 0);
	if (op->type == OP_WRITE) {
		t->op.mtime_ns = INT64_C(1700000000123456789) + rand() % 1000;
		sent = repl_submit(w->r, t);
	}
	op_apply(w->pt, &t->op, true, NULL, &res);
	if (res.err != 0) {
		assert_int_not_equal(op->type, OP_WRITE);
		finish_local(t);
		return res.err;
	}
	if (child != NULL)
		*child = res.child;
	if (op->type != OP_WRITE)
		sent = repl_submit(w->r, t);
	if (sent == REPL_LOCAL)
		finish_local(t);
	return 0;
}

static int
do_op(struct world *w, const struct rfs_op *op, uint64_t *child)
{
	struct repl_ticket *t;
	int rc = begin_op(w, op, &t, child);

	wait_until(t->state == 99);
	return rc;
}

/* What a new worker does with what it finds */
static void
replay(struct world *w)
{
	struct repl_ticket *next;
	uint64_t last[8] = { 0 };
	int i;

	do {
		for (next = NULL, i = 0; i < TICKETS; i++) {
			struct repl_ticket *t = &tickets[i];

			if (t->seq > last[t->conn] && t->state != 99 && (next == NULL || t->seq < next->seq))
				next = t;
		}
		if (next == NULL)
			break;
		last[next->conn] = next->seq;
		if (repl_submit(w->r, next) == REPL_LOCAL)
			world_done(w, next);
	} while (true);
}

static void
kill_primary(struct world *w, bool pair)
{
	world_end_primary(w);
	w->rc.pair = pair;
	world_primary(w);
	replay(w);
}

static void
kill_second(struct world *w)
{
	second_free(w->s);
	world_second(w);
}

/* It stands still in the midst of an operation */
static void
second_hang(struct world *w, bool hang)
{
	if (hang)
		pthread_rwlock_wrlock(&w->s->tables.lock);
	else
		pthread_rwlock_unlock(&w->s->tables.lock);
}

/* ---- operations of all kinds, by chance ---- */
#define FILES 40
static struct { uint64_t node, parent; char name[16]; int kind; } files[FILES];	/* kind: 0 none, else an enum rfs_op_type */

static int
pick(int kind)
{
	int i = rand() % FILES, n;

	for (n = 0; n < FILES; n++, i = (i + 1) % FILES)
		if (files[i].kind == kind)
			return i;
	return -1;
}

static uint64_t
folder(void)
{
	int i = rand() % 3 != 0 ? pick(OP_MKDIR) : -1;

	return i < 0 ? RFS_ROOT : files[i].node;
}

static bool
has_children(uint64_t node)
{
	int i;

	for (i = 0; i < FILES; i++)
		if (files[i].kind != 0 && files[i].parent == node)
			return true;
	return false;
}

static bool
make_op(struct rfs_op *op, int *which)
{
	static char data[RFS_DATA_MAX / 4];
	static int serial;
	static char name[16], xname[24];
	int f = pick(OP_CREATE), d, i;

	memset(op, 0, sizeof(*op));
	*which = -1;
	op->type = (uint8_t)(1 + rand() % (OP_TYPES - 1));
	for (i = 0; i < 64; i++)
		data[rand() % (int)sizeof(data)] = (char)rand();
	snprintf(name, sizeof(name), "f%d", serial++);
	op->uid = op->gid = 0;
	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_SYMLINK:
	case OP_LINK:
		*which = pick(0);
		if (*which < 0 || (op->type == OP_LINK && f < 0))
			return false;
		op->parent = folder();
		op->name = name;
		op->mode = op->type == OP_MKDIR ? S_IFDIR | 0755 : S_IFREG | (mode_t)(0600 + rand() % 0200);
		op->uid = (uint32_t)(rand() % 3);
		if (op->type == OP_CREATE && rand() % 6 == 0)
			op->mode = S_IFIFO | 0600;
		if (op->type == OP_SYMLINK) {
			op->data = "../anything/../at all";
			op->data_len = (uint32_t)strlen(op->data);
		}
		if (op->type == OP_LINK)
			op->node = files[f].node;
		files[*which].parent = op->parent;
		strcpy(files[*which].name, name);
		return true;
	case OP_UNLINK:
		*which = rand() % 4 == 0 ? pick(OP_SYMLINK) : f;
		if (*which < 0)
			return false;
		break;
	case OP_RMDIR:
		*which = pick(OP_MKDIR);
		if (*which < 0 || has_children(files[*which].node))
			return false;
		break;
	case OP_RENAME:
		if (f < 0)
			return false;
		*which = f;
		op->newparent = folder();
		d = rand() % 3 == 0 ? pick(OP_CREATE) : -1;
		op->newname = name;
		if (d >= 0 && d != f && files[d].node != files[f].node) {
			op->newparent = files[d].parent;
			op->newname = files[d].name;
			op->other = files[d].node;
		}
		break;
	default:
		if (f < 0)
			return false;
		d = rand() % 4 == 0 ? pick(rand() % 2 == 0 ? OP_MKDIR : OP_SYMLINK) : -1;
		if (d >= 0 && op->type == OP_SETATTR) {	/* folders, and links, which have no mode and no size */
			op->node = files[d].node;
			op->valid = OP_SET_UID | OP_SET_GID | OP_SET_ATIME | OP_SET_MTIME | (files[d].kind == OP_MKDIR ? (uint32_t)OP_SET_MODE : 0);
			op->mode = (mode_t)(rand() % 01000);
			op->uid = (uint32_t)(rand() % 5);
			op->mtime_ns = INT64_C(1600000000000000000) + rand();
			return true;
		}
		op->node = files[f].node;
		op->off = (uint64_t)(rand() % 300000);
		op->len = (uint64_t)(1 + rand() % 100000);
		if (op->type == OP_WRITE) {
			op->data = data;
			op->data_len = (uint32_t)(1 + rand() % (rand() % 8 == 0 ? (int)sizeof(data) : 5000));
		} else if (op->type == OP_SETATTR) {
			op->valid = (uint32_t)(rand() % 64);
			op->mode = (mode_t)(rand() % 01000);
			op->size = (uint64_t)(rand() % 400000);
			op->atime_ns = op->mtime_ns = INT64_C(1600000000000000000) + rand();
		} else if (op->type == OP_FALLOCATE) {
			op->flags = rand() % 2 == 0 ? 0 : FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		} else if (op->type == OP_COPY) {
			return false;	/* never sent */
		} else if (op->type == OP_SETXATTR || op->type == OP_REMOVEXATTR) {
			snprintf(xname, sizeof(xname), "user.x%d", rand() % 3);
			op->name = xname;
			op->data = op->type == OP_SETXATTR ? data : NULL;
			op->data_len = op->type == OP_SETXATTR ? (uint32_t)(rand() % 100) : 0;
		}
		return true;
	}
	op->parent = files[*which].parent;
	op->name = files[*which].name;
	op->node = files[*which].node;
	return true;
}

static void
forget_name(uint64_t parent, const char *name)
{
	int i;

	for (i = 0; i < FILES; i++)
		if (files[i].kind != 0 && files[i].parent == parent && strcmp(files[i].name, name) == 0)
			files[i].kind = 0;
}

/* What the table of files says afterwards */
static void
learn(const struct rfs_op *op, int which, uint64_t child)
{
	char newname[16];

	switch (op->type) {
	case OP_CREATE:
	case OP_MKDIR:
	case OP_SYMLINK:
		files[which].kind = S_ISFIFO(op->mode) ? OP_SYMLINK : op->type;	/* a fifo has no data either */
		files[which].node = child;
		break;
	case OP_LINK:
		files[which].kind = OP_CREATE;
		files[which].node = op->node;
		break;
	case OP_UNLINK:
	case OP_RMDIR:
		files[which].kind = 0;
		break;
	case OP_RENAME:
		str_copy(newname, sizeof(newname), op->newname);
		files[which].kind = 0;
		forget_name(op->newparent, newname);
		files[which].kind = OP_CREATE;
		files[which].parent = op->newparent;
		strcpy(files[which].name, newname);
		break;
	default:
		break;
	}
}

static void
random_ops(struct world *w, int n)
{
	struct rfs_op op;
	uint64_t child;
	int which;

	while (n > 0) {
		if (!make_op(&op, &which))
			continue;
		n--;
		if (do_op(w, &op, &child) == 0)
			learn(&op, which, child);
		else if (op.type != OP_REMOVEXATTR)
			fail_msg("type %d failed", op.type);
	}
}

static void
begin(struct world *w, int conns, bool key)
{
	memset(files, 0, sizeof(files));
	memset(tickets, 0, sizeof(tickets));
	atomic_store(&ssync_holds, false);
	world_new(w, conns, key);
	w->ps.route = ROUTE_SEND;
}

/* ---- tests ---- */
static void
everything(int conns, bool key, bool on_disk)
{
	struct world w;

	begin(&w, conns, key);
	w.sc.on_disk = on_disk;
	world_pair(&w);
	random_ops(&w, 800);
	world_same(&w);
	assert_int_equal(w.pe.asked + w.se.out + w.se.failed, 0);
	world_free(&w);
}

static void test_one(void **state) { (void)state; everything(1, false, false); }
static void test_one_key(void **state) { (void)state; everything(1, true, false); }
static void test_four_key(void **state) { (void)state; everything(4, true, false); }
static void test_on_disk(void **state) { (void)state; everything(2, false, true); }

/* What it stands for was acknowledged before: it takes no number, and does not wait for a secondary that is not there at the moment */
static void
test_fsync_sends_nothing(void **state)
{
	struct rfs_op op = { .type = OP_FSYNC };
	struct repl_ticket *t;
	struct world w;
	uint64_t before;
	int f;

	begin(&w, 1, true);
	world_pair(&w);
	random_ops(&w, 40);
	f = pick(OP_CREATE);
	assert_true(f >= 0);
	op.node = files[f].node;
	before = w.shm->next_seq[0];
	assert_true(before > 1);
	t = slot(&op);
	assert_int_equal(repl_prepare(w.r, &t->op), 0);
	assert_int_equal(repl_submit(w.r, t), REPL_LOCAL);
	assert_int_equal(t->seq, 0);
	finish_local(t);
	assert_int_equal(w.shm->next_seq[0], before);
	world_same(&w);
	world_free(&w);
}

/* What was answered ahead of its acknowledgement an fsync waits for; fdatasync, and fsync of another file, do not */
static void
test_fsync_waits_for_what_was_answered_ahead(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 }, sync = { .type = OP_FSYNC };
	struct rfs_op times = { .type = OP_SETATTR, .valid = OP_SET_MTIME, .mtime_ns = INT64_C(1600000000000000000) };
	struct repl_ticket *t, *ahead, *data, *other;
	struct world w;

	begin(&w, 1, true);
	world_pair(&w);
	assert_int_equal(do_op(&w, &op, &times.node), 0);
	sync.node = times.node;
	second_hang(&w, true);
	ahead = slot(&times);
	assert_int_equal(repl_prepare(w.r, &ahead->op), 0);
	assert_int_equal(repl_submit(w.r, ahead), REPL_SENT);
	ahead->ahead = 1;
	t = slot(&sync);
	assert_int_equal(repl_prepare(w.r, &t->op), 0);
	assert_int_equal(repl_submit(w.r, t), REPL_SENT);
	data = slot(&sync);
	data->op.flags = OP_FSYNC_DATA;
	assert_int_equal(repl_submit(w.r, data), REPL_LOCAL);
	finish_local(data);
	other = slot(&sync);
	other->op.node = RFS_ROOT;
	assert_int_equal(repl_submit(w.r, other), REPL_LOCAL);
	finish_local(other);
	assert_int_not_equal(t->state, 99);
	second_hang(&w, false);
	wait_until(t->state == 99);
	assert_int_equal(ahead->state, 99);
	world_free(&w);
}

/* A break, a killed worker on either side, between any two operations and in the midst of many */
static void
broken(int conns)
{
	struct repl_ticket *t;
	struct rfs_op op;
	struct world w;
	int round, i, f;

	begin(&w, conns, true);
	world_pair(&w);
	random_ops(&w, 60);
	for (round = 0; round < 24; round++) {
		random_ops(&w, 5);
		if (round % 4 == 3)
			stream_drop(round % 8 == 3 ? repl_stream(w.r) : second_stream(w.s), "the test");
		/* some that nobody waits for, and then it happens */
		for (i = 0; i < 10 && (f = pick(OP_CREATE)) >= 0; i++) {
			op = (struct rfs_op){ .type = OP_WRITE, .node = files[f].node, .off = (uint64_t)i * 1000, .data = "0123456789", .data_len = 10 };
			assert_int_equal(begin_op(&w, &op, &t, NULL), 0);
		}
		if (round % 4 == 0)
			kill_primary(&w, true);
		else if (round % 4 == 1)
			kill_second(&w);
		else if (round % 4 == 2)
			stream_drop(repl_stream(w.r), "the test");
		random_ops(&w, 5);
		assert_true(repl_wait_idle(w.r, PATIENCE_S * 1000));
	}
	world_same(&w);
	assert_int_equal(w.pe.asked + w.se.out + w.se.failed, 0);
	assert_int_equal(w.pe.pair, 1);
	world_free(&w);
}

static void test_broken_one(void **state) { (void)state; broken(1); }
static void test_broken_four(void **state) { (void)state; broken(4); }

/* Without the secondary nothing is answered until heart says so; afterwards it is in the map */
static void
test_alone(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 }, wr;
	struct repl_ticket *t;
	uint64_t node;
	uint32_t zones[8];
	struct world w;

	(void)state;
	begin(&w, 1, true);
	w.rc.stream.send_ms = 400;
	world_pair(&w);
	assert_int_equal(do_op(&w, &op, &node), 0);
	repl_wait_idle(w.r, PATIENCE_S * 1000);
	second_free(w.s);
	w.s = NULL;
	wr = (struct rfs_op){ .type = OP_WRITE, .node = node, .data = "x", .data_len = 1 };
	assert_int_equal(begin_op(&w, &wr, &t, NULL), 0);
	wait_until(w.pe.asked == 1);
	assert_non_null(strstr(w.pe.why, "no connection"));
	assert_int_not_equal(t->state, 99);
	repl_alone(w.r, 6);
	wait_until(t->state == 99);
	assert_int_not_equal(map_zones(w.pm, node, zones, 8), 0);
	assert_int_equal(do_op(&w, &wr, NULL), 0);
	assert_int_equal(w.shm->paired, 0);
	world_free(&w);
}

/* Leave to go on will not come: what waits for a secondary that is gone fails, and that is for good */
static void
test_refused(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 }, wr;
	struct repl_ticket *t;
	uint64_t node;
	uint32_t zones[8];
	struct world w;

	(void)state;
	begin(&w, 2, true);
	world_pair(&w);
	assert_int_equal(do_op(&w, &op, &node), 0);
	second_free(w.s);
	wait_until(w.pe.peer_down == 1);
	wr = (struct rfs_op){ .type = OP_WRITE, .node = node, .data = "x", .data_len = 1 };
	assert_int_equal(begin_op(&w, &wr, &t, NULL), 0);
	assert_int_not_equal(t->state, 99);
	repl_refuse(w.r);
	wait_until(t->state == 99);
	assert_int_equal(w.refused, 1);
	assert_int_not_equal(map_zones(w.pm, node, zones, 8), 0);
	assert_int_equal(repl_prepare(w.r, &wr), EIO);
	t = slot(&wr);
	t->seq = 0;
	assert_int_equal(repl_submit(w.r, t), REPL_LOCAL);	/* was prepared before */
	assert_int_equal(t->state, REPL_REFUSED);
	finish_local(t);
	world_second(&w);		/* lacks that write: it does not come in again */
	wait_until(w.pe.peer_up == 2);
	assert_int_equal(repl_prepare(w.r, &wr), EIO);
	assert_int_equal(w.pe.asked, 0);
	w.rc.refused = true;		/* and so it is for the next worker */
	kill_primary(&w, true);
	assert_int_equal(repl_prepare(w.r, &wr), EIO);
	repl_alone(w.r, 6);		/* after all */
	assert_int_equal(do_op(&w, &wr, NULL), 0);
	world_free(&w);
}

/* The same while it is there: what it has is good.  One that does not answer is gone. */
static void
test_refused_while_connected(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 }, wr;
	struct repl_ticket *t;
	uint64_t node;
	struct world w;

	(void)state;
	begin(&w, 1, true);
	w.rc.lock_ms = 300;
	world_pair(&w);
	repl_refuse(w.r);
	assert_int_equal(do_op(&w, &op, &node), 0);
	assert_int_equal(w.refused, 0);
	wr = (struct rfs_op){ .type = OP_WRITE, .node = node, .data = "x", .data_len = 1 };
	second_hang(&w, true);
	assert_int_equal(begin_op(&w, &wr, &t, NULL), 0);
	wait_until(t->state == 99);
	assert_int_equal(w.refused, 1);
	assert_int_equal(w.pe.asked, 0);
	assert_int_equal(repl_prepare(w.r, &wr), EIO);
	second_hang(&w, false);
	world_free(&w);
}

/* It answers nothing, though connected: locktimeout */
static void
test_no_answer(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 };
	struct repl_ticket *t;
	struct world w;

	(void)state;
	begin(&w, 1, false);
	w.rc.lock_ms = 300;
	world_pair(&w);
	second_hang(&w, true);
	assert_int_equal(begin_op(&w, &op, &t, NULL), 0);
	wait_until(w.pe.asked == 1);
	assert_non_null(strstr(w.pe.why, "no answer"));
	assert_int_not_equal(t->state, 99);
	second_hang(&w, false);
	wait_until(t->state == 99);
	world_free(&w);
}

/* A secondary of another session is not ours: it gets nothing, and what waits goes on waiting */
static void
test_stranger(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 };
	struct repl_ticket *t;
	struct world w;

	(void)state;
	begin(&w, 2, true);
	world_pair(&w);
	second_free(w.s);
	w.sc.stream.session = 23;
	assert_int_equal(begin_op(&w, &op, &t, NULL), 0);
	world_second(&w);
	wait_until(w.pe.asked == 1);
	assert_non_null(strstr(w.pe.why, "anew"));
	assert_int_not_equal(t->state, 99);
	repl_alone(w.r, 6);
	wait_until(t->state == 99);
	wait_until(w.pe.pair == 2);	/* it is synchronised now */
	world_free(&w);
}

/* The one that was left behind is told so */
static void
test_left_behind(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1, true);
	world_pair(&w);
	repl_alone(w.r, 6);
	wait_until(w.se.out == 1);
	assert_non_null(strstr(w.se.why, "went on without"));
	world_free(&w);
}

/* The pair's handshake breaks at each of its points */
static void
test_pair_breaks(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 };
	struct repl_ticket *t;
	struct world w;
	int point;

	(void)state;
	for (point = 0; point < 5; point++) {
		begin(&w, 2, true);
		atomic_store(&ssync_holds, point == 0);
		world_primary(&w);
		world_second(&w);
		if (point == 0) {	/* before it is whole: it begins anew, and what waits is let go */
			wait_until(w.ps.up);
			while (atomic_load(&w.r->mode) != MODE_SYNC)
				usleep(1000);
			assert_int_equal(begin_op(&w, &op, &t, NULL), 0);
			atomic_store(&ssync_holds, false);
			stream_drop(repl_stream(w.r), "the test");
			wait_until(t->state == 99);
			wait_until(w.pe.pair == 1);
			world_shell(&w, "rm -f p/a s/a");	/* a real synchronisation would see to it */
		}
		wait_until(w.pe.pair == 1);
		if (point == 1) {	/* the keeper writes it down meanwhile: what is asked waits */
			stream_drop(second_stream(w.s), "the test");
			assert_int_equal(begin_op(&w, &op, &t, NULL), 0);
			wait_until(t->state == 99);	/* it comes back, and is still the one */
			assert_int_equal(w.se.synced, 0);
		} else if (point == 2) {	/* the worker dies, the keeper has not written: as if nothing was */
			kill_primary(&w, false);
			wait_until(w.pe.pair == 2);
		} else if (point == 3) {	/* it dies, the keeper has written */
			kill_primary(&w, true);
			wait_until(w.se.synced == 1);
		} else if (point == 4) {	/* the other one's worker dies */
			kill_second(&w);
		}
		repl_paired(w.r, 5);
		wait_until(w.se.synced >= 1);
		random_ops(&w, 20);
		world_same(&w);
		assert_int_equal(w.pe.asked + w.se.out + w.se.failed, 0);
		world_free(&w);
	}
}

/* A full disk there: it leaves, nothing more is applied, and heart is asked */
static void
test_out(void **state)
{
	struct rfs_op op = { .type = OP_MKDIR, .parent = RFS_ROOT, .name = "d", .mode = S_IFDIR | 0755 };
	struct repl_ticket *t;
	struct world w;
	uint64_t node;

	(void)state;
	begin(&w, 2, true);
	world_pair(&w);
	world_shell(&w, "mkdir s/d && touch s/d/x");	/* not as the primary's: what comes cannot be done */
	assert_int_equal(begin_op(&w, &op, &t, &node), 0);
	wait_until(w.se.out == 1 && w.pe.asked == 1);
	assert_non_null(strstr(w.se.why, "mkdir d"));
	assert_non_null(strstr(w.pe.why, "mkdir d"));
	assert_int_not_equal(t->state, 99);
	/* its worker dies: the next one says the same */
	kill_second(&w);
	wait_until(w.se.out == 2);
	repl_alone(w.r, 6);
	wait_until(t->state == 99);
	world_free(&w);
}

static void
test_swap(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 3, true);
	world_pair(&w);
	random_ops(&w, 50);
	repl_give(w.r);
	wait_until(w.pe.given == 1 && w.se.taken == 1);
	world_same(&w);
	world_free(&w);
}

/* What both disks have is forgotten, what came later is not */
static void
test_cuts(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 }, wr;
	uint64_t node, other;
	uint32_t zones[8];
	struct world w;
	int64_t until;

	(void)state;
	begin(&w, 3, true);
	world_pair(&w);
	assert_int_equal(do_op(&w, &op, &node), 0);
	wr = (struct rfs_op){ .type = OP_WRITE, .node = node, .data = "x", .data_len = 1 };
	assert_int_equal(do_op(&w, &wr, NULL), 0);
	assert_int_not_equal(map_zones(w.pm, node, zones, 8), 0);
	pthread_mutex_lock(&w.r->lock);
	w.r->cut_ms = 50;
	pthread_cond_broadcast(&w.r->cond);
	pthread_mutex_unlock(&w.r->lock);
	other = second_node(w.s, 0, node);
	until = clock_mono_ms() + PATIENCE_S * 1000;
	while (map_zones(w.pm, node, zones, 8) != 0 || map_zones(w.sm, other, zones, 8) != 0) {
		assert_true(clock_mono_ms() < until);
		usleep(10000);
	}
	pthread_mutex_lock(&w.r->lock);
	w.r->cut_ms = 1000000;
	pthread_mutex_unlock(&w.r->lock);
	world_free(&w);
}

/* What this disk refused and the other one took: the other one gets what is here */
static void
test_repair(void **state)
{
	struct rfs_op op = { .type = OP_CREATE, .parent = RFS_ROOT, .name = "a", .mode = S_IFREG | 0644 };
	struct repl_ticket *t;
	uint64_t node;
	struct world w;

	(void)state;
	begin(&w, 2, true);
	world_pair(&w);
	assert_int_equal(do_op(&w, &op, &node), 0);
	op = (struct rfs_op){ .type = OP_WRITE, .node = node, .data = "0123456789", .data_len = 10 };
	assert_int_equal(do_op(&w, &op, NULL), 0);
	/* sent, and not done here */
	op = (struct rfs_op){ .type = OP_WRITE, .node = node, .off = 5, .data = "abcdefghij", .data_len = 10 };
	t = slot(&op);
	assert_int_equal(repl_prepare(w.r, &t->op), 0);
	assert_int_not_equal(repl_submit(w.r, t), REPL_LOCAL);
	wait_until(t->state == 99);
	repl_repair(w.r, 0, node, 5, 10);
	world_shell(&w, "touch -r p/a s/a");
	world_same(&w);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one), cmocka_unit_test(test_one_key), cmocka_unit_test(test_four_key), cmocka_unit_test(test_on_disk),
		cmocka_unit_test(test_fsync_sends_nothing), cmocka_unit_test(test_fsync_waits_for_what_was_answered_ahead),
		cmocka_unit_test(test_broken_one), cmocka_unit_test(test_broken_four), cmocka_unit_test(test_alone), cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_refused_while_connected),
		cmocka_unit_test(test_stranger), cmocka_unit_test(test_left_behind), cmocka_unit_test(test_pair_breaks), cmocka_unit_test(test_out),
		cmocka_unit_test(test_swap), cmocka_unit_test(test_cuts), cmocka_unit_test(test_repair),
	};

	PLACE_OR_SKIP();
	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
