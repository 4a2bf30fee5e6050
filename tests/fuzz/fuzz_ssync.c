/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile primary with the key: the secondary's handlers (second*.c, ssync*.c) get a series of frames of synchronisation, operations and control made of the
 * bytes.  Nothing but its tree may change, nobody may die, memory stays bounded (libFuzzer's -rss_limit_mb).
 */
#include "config.h"
#include "recipe.h"
#include "rfs/second_impl.h"
#include "rfs/ssync_impl.h"

#include <linux/falloc.h>

#define STEPS_MAX	300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t body[FRAME_BODY_MAX];

static void
sync_frame(struct recipe *r, struct hand *h)
{
	static const char *const JSONS[] = { "{\"gen\":\"0000000000000005\",\"zone\":16384}", "{\"gen\":\"5\"}", "[", "{\"key\":3,\"text\":\"x\"}", "{\"why\":\"because\",\"again\":true}",
		"{\"dir\":\"/data\",\"phase\":\"tree\",\"files\":1}", "{\"gen\":\"000000000000000g\"}", "{\"why\":\"because\"}" };
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	uint8_t how = take(r), kind = 1 + how % SY_KINDS, n;
	uint64_t node = take_node(r), aux = 0;
	char name[300];
	struct sync_zone z;

	if (how >= 224) {
		take_raw(r, &o);
		aux = take_number(r);
	} else {
		switch (kind) {
		case SY_BEGIN: case SY_LOG: case SY_PROGRESS: case SY_FAIL:
			n = take(r) % ARRAY_LEN(JSONS);
			out_bytes(&o, JSONS[n], strlen(JSONS[n]));
			break;
		case SY_LIST: case SY_CHECK:
			aux = take(r);
			for (n = take(r) % 6; n > 0; n--)
				take_entry(r, &o);
			break;
		case SY_DIR_END: case SY_CHECK_END:
			take_entry(r, &o);
			break;
		case SY_FINAL:
			take_entry(r, &o);
			aux = take(r) % 2;
			if (aux != 0)
				take_raw(r, &o);
			break;
		case SY_LIMBO:
			out_64(&o, take_node(r));
			out_64(&o, take_number(r));
			take_name(r, name);
			out_bytes(&o, name, strlen(name) + 1);
			break;
		case SY_HASH:
			aux = take(r);
			for (n = take(r) % 6; n > 0; n--) {
				z = (struct sync_zone){ take_node(r), take_number(r), (uint32_t)take_number(r) % (HAND_ZONE + 2) };
				sync_put_zone(&o, &z);
			}
			break;
		case SY_DATA:
			aux = take_number(r);
			take_raw(r, &o);
			break;
		case SY_PUNCH:
			aux = take_number(r);
			out_64(&o, take_number(r));
			break;
		case SY_DONE:
			for (n = take(r) % 6; n > 0; n--)
				out_64(&o, take_node(r));
			break;
		case SY_CHECK_FILE:
			take_entry(r, &o);
			z = (struct sync_zone){ node, take_number(r), (uint32_t)take_number(r) % (HAND_ZONE + 2) };
			sync_put_zone(&o, &z);
			out_bytes(&o, "0123456789abcdef", SYNC_HASH);
			break;
		default:
			aux = take_number(r);
			break;
		}
	}
	hand_sync(h, how % 3 == 0 ? 1 : 0, kind, node, aux, o.buf, o.len);
}

static void
operation(struct recipe *r, struct hand *h)
{
	static const uint32_t HOWS[] = { 0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_INSERT_RANGE, UINT32_MAX };
	static const char *const ATTRS[] = { "user.a", "trusted.b", "system.posix_acl_access", "security.capability", "nothing", "a/b", ".." };
	static uint8_t data[256];
	char name[300], newname[300];
	uint8_t how = take(r);
	struct rfs_op op = { .type = (uint8_t)(1 + how % (OP_TYPES - 1)) };
	struct sync_out o = { .buf = data, .size = sizeof(data) };

	op.node = take_node(r);
	op.parent = take_node(r);
	op.child = take_node(r);
	op.mtime_ns = op.parent_mtime_ns = INT64_C(1600000000000000000);
	if (op.type == OP_SETXATTR || op.type == OP_REMOVEXATTR)
		snprintf(name, sizeof(name), "%s", ATTRS[take(r) % ARRAY_LEN(ATTRS)]);
	else if (op.type < OP_WRITE)
		take_name(r, name);
	op.name = name;
	op.name_len = (uint16_t)(op.type < OP_WRITE || op.type >= OP_SETXATTR ? strlen(name) : 0);
	switch (op.type) {
	case OP_CREATE: case OP_MKDIR:
		op.mode = take_mode(r);
		op.uid = take(r) % 3;
		op.umask = take(r);
		break;
	case OP_SYMLINK:
		snprintf((char *)data, sizeof(data), "%.250s", take_name(r, newname));
		op.data = data;
		op.data_len = (uint32_t)strlen((char *)data);
		break;
	case OP_RENAME:
		op.newparent = take_node(r);
		op.newname = take_name(r, newname);
		op.newname_len = (uint16_t)strlen(newname);
		op.other = take_node(r);
		op.flags = take(r) % 5;
		break;
	case OP_WRITE: case OP_SETXATTR:
		take_raw(r, &o);
		op.data = data;
		op.data_len = (uint32_t)o.len;
		op.off = take_number(r);
		op.flags = take(r) % 4;
		break;
	case OP_SETATTR:
		op.valid = take(r);
		op.size = take_number(r);
		op.mode = take_mode(r);
		op.uid = (uint32_t)take_number(r);
		op.mtime_ns = (int64_t)take_number(r);
		break;
	case OP_FALLOCATE: case OP_COPY:
		op.flags = HOWS[take(r) % ARRAY_LEN(HOWS)];
		op.other = take_node(r);
		op.off = take_number(r);
		op.off2 = take_number(r);
		op.len = take_number(r);
		break;
	default:
		break;
	}
	hand_op(h, how % 3 == 0 ? 1 : 0, &op);
}

static void
control(struct recipe *r, struct hand *h)
{
	static const uint8_t TYPES[] = { FR_CUT, FR_CUT_COMMIT, FR_PAIRED, FR_GIVE, FR_OUT, FR_ACK, FR_CUT_DONE, FR_GIVEN, FR_OP };
	struct sync_out o = { .buf = body, .size = SK_TEXT_MAX };
	uint8_t how = take(r);
	struct frame f = { .type = TYPES[how % ARRAY_LEN(TYPES)], .dir = how >= 240 ? 3 : 0, .aux = take(r), .body = body };

	if (f.type == FR_OP || f.type == FR_OUT)
		take_raw(r, &o);
	f.seq = h->seq[how % HAND_CONNS] + (how >= 200);
	f.body_len = (uint32_t)o.len;
	hand_frame(h, how % HAND_CONNS, &f);
	if (f.type == FR_OP)
		h->seq[how % HAND_CONNS] = h->s->tables.shm->ledger[how % HAND_CONNS].applied;
}

/* What is done by threads of their own is done */
static void
settle(struct hand *h)
{
	struct ssync *y = h->s->sync;
	const struct timespec t = { .tv_nsec = 200000 };
	int tries;
	bool busy = true;

	for (tries = 0; busy && tries < 1000; tries++) {
		pthread_mutex_lock(&y->lock);
		busy = y->first != NULL || y->slow_first != NULL;
		pthread_mutex_unlock(&y->lock);
		if (busy)
			nanosleep(&t, NULL);
	}
}

static void
step(struct recipe *r, struct hand *h)
{
	switch (take(r) % 16) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
		sync_frame(r, h);
		break;
	case 7: case 8: case 9: case 10: case 11:
		operation(r, h);
		break;
	case 12:
		control(r, h);
		break;
	case 13:
		hand_idle(h, take(r) % HAND_CONNS);
		hand_deaf(second_stream(h->s));
		break;
	case 14:
		settle(h);
		if (h->s->tables.shm->whole != 0)
			h->pair = true;		/* else it would not be followed after a break */
		break;
	default:
		hand_down(h);
		hand_up(h);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *base;
	static bool looked;
	struct recipe r = { data, size, { 0 }, "" };
	struct hand h;
	uint8_t first;
	int steps;

	if (!looked)
		base = hand_scratch();
	looked = true;
	if (base == NULL)
		return 0;
	strangers(&r, base);
	hand_new(&h, base);
	first = take(&r);
	if (first > 0)
		hand_must(hand_begin(&h), "it does not begin");
	if (first > 128)
		hand_must(hand_finish(&h), "it does not become whole");
	for (steps = 0; r.left > 0 && steps < STEPS_MAX && atomic_load(&h.left) == 0; steps++)
		step(&r, &h);
	settle(&h);
	hand_end(&h);
	return 0;
}
