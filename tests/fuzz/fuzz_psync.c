/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile secondary with the key: a primary's synchronisation (psync*.c) of a small tree, whose answers and questions are made of the bytes: honest ones, some that are
 * wrong, some that nobody asked for.  The secondary is told of nothing but the tree, nobody dies, memory stays bounded (libFuzzer's -rss_limit_mb).
 */
#include "config.h"
#include "recipe.h"
#include "rfs/by_hand_primary.h"

#define STEPS_MAX	400
#define QUIET_MS	15		/* nothing is said for so long: it is over, or waits for what a liar will not answer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t body[FRAME_BODY_MAX];

/* A node of the primary's: of the tree, or not */
static uint64_t
some_node(struct recipe *r, const struct prim *m)
{
	static const char *const NAMES[] = { "p/a", "p/a/b", "p/a/b/large", "p/empty", "p/link", "p/a/small" };
	uint8_t k = take(r);

	if (k < 64)
		return RFS_ROOT;
	if (k < 128)
		return hand_node(m->base, NAMES[k % ARRAY_LEN(NAMES)]);
	if (k < 192)
		return m->forbidden[k % ARRAY_LEN(m->forbidden)];
	return take_node(r);
}

static void
wrong_answer(struct recipe *r, struct prim *m, const struct said *q)
{
	struct sync_out o = { .buf = body, .size = sizeof(body) };
	uint8_t how = take(r), kind = (uint8_t)(SY_BEGUN + take(r) % (SY_KINDS - SY_BEGUN + 1));
	static const uint8_t ZONES[64] = { 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255, 0, 1, 0, 0, 127, 255, 255, 255 };
	struct sync_result res = { .zones = ZONES };
	int n;

	switch (how % 4) {
	case 0:
		take_raw(r, &o);
		break;
	case 1:		/* results that may be some */
		for (n = take(r) % 8; n > 0; n--) {
			res.flags = take(r);
			res.size = take_number(r);
			res.mtime_ns = (int64_t)take_number(r);
			res.zones_count = take(r) % 16;
			sync_put_result(&o, &res);
		}
		break;
	case 2:
		for (n = take(r); n > 0; n--)
			out_bytes(&o, "0123456789abcdef", SYNC_HASH);
		break;
	default:
		break;
	}
	prim_say(m, how % 3 == 0 ? 1 : 0, kind, some_node(r, m), how < 128 ? q->f.aux : take_number(r), o.buf, o.len);
}

static void
question(struct recipe *r, struct prim *m)
{
	char name[300];

	switch (take(r) % 4) {
	case 0: case 1:
		take_name(r, name);
		if (take(r) < 64)
			snprintf(name, sizeof(name), "%s", take(r) % 2 == 0 ? "file" : take(r) % 2 == 0 ? "secret" : "private");
		prim_say(m, 0, SY_ASK, some_node(r, m), 0, name, strlen(name) + 1);
		break;
	case 2:
		prim_say(m, 0, SY_VERIFY, 0, 0, NULL, 0);
		break;
	default:
		prim_say(m, take(r) % 2, SY_PONG, 0, take_number(r), NULL, 0);
	}
}

static void
run(struct recipe *r, struct prim *m)
{
	struct said *q;
	int steps;

	for (steps = 0; !atomic_load(&m->repl.stream->dropped); steps++) {
		bool lies = steps < STEPS_MAX && r->left > 0;

		q = hand_hear(m->repl.stream, QUIET_MS);
		if (q == NULL && (!lies || atomic_load(&m->repl.ended) > 0))
			break;
		if (q != NULL)
			prim_look(m, &q->f);
		if (q == NULL || (lies && take(r) >= 192))
			question(r, m);
		if (q != NULL && lies && take(r) >= 216)
			wrong_answer(r, m, q);
		else if (q != NULL)
			prim_answer(m, q, lies ? take(r) : 0);
		free(q);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *base;
	static bool looked;
	static struct conf_notrep not[] = { { .text = (char *)(uintptr_t)"private" } };
	const struct conf_replicated c = { .not_count = 1, .not = not };
	struct recipe r = { data, size, { 0 }, "" };
	static struct prim m;
	struct match *match;

	if (!looked)
		base = hand_scratch();
	looked = true;
	if (base == NULL)
		return 0;
	strangers(&r, base);
	match = take(&r) % 2 == 0 ? NULL : match_new(&c);
	prim_new(&m, base, match);
	prim_up(&m, NULL);
	run(&r, &m);
	prim_end(&m);
	match_free(match);
	return 0;
}
