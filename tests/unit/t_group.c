/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine/cluster: the codec, and the protocol case by case.  What happens between many nodes is tests/sim/group_sim's. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cluster/group.h"

#define PULSE 1000
#define B(i) (UINT32_C(1) << (i))

/* ---- codec ---- */

static void
fill(struct group_msg *m, int type)
{
	int i;

	memset(m, 0, sizeof(*m));
	m->type = (uint8_t)type;
	m->from = 31;
	m->view = 0x01020304;
	m->leader = type == GM_VIEW ? 0 : GROUP_NOBODY;
	m->members = 0x80000001u;
	m->heard = 0x7ffffffeu;
	switch (type) {
	case GM_VIEW:
		m->info_version[0] = 0xfffffffe;
		m->acked = 0x80000000u;
		/* fall through */
	case GM_ALIVE:
		m->info_version[31] = 0x0a0b0c0d;
		m->word[0] = 0xff00ff00u;
		m->word[31] = 0x80000001u;
		break;
	case GM_INFO:
		m->piece = 58;
		m->pieces = 60;
		m->len = GROUP_PIECE_MAX;
		for (i = 0; i < m->len; i++)
			m->data[i] = (uint8_t)i;
		/* fall through */
	case GM_WANT:
		m->about = 7;
		m->version = 99;
		if (type == GM_WANT)
			m->missing = UINT64_C(0x8123456789abcdef);
	}
}

static void
test_codec_round_trips(void **state)
{
	static const size_t sizes[] = { [GM_ALIVE] = 27, [GM_VIEW] = 35, [GM_WANT] = 28, [GM_INFO] = 26 + GROUP_PIECE_MAX, [GM_LEAVE] = 15 };
	struct group_msg in, out;
	uint8_t buf[1200];
	int type;

	for (type = GM_ALIVE; type <= GM_LEAVE; type++) {
		fill(&in, type);
		assert_int_equal(group_encode(&in, buf, sizeof(buf)), sizes[type]);
		assert_int_equal(group_encode(&in, buf, sizes[type]), sizes[type]);
		assert_int_equal(group_encode(&in, buf, sizes[type] - 1), 0);
		memset(&out, 0, sizeof(out));
		assert_true(group_decode(buf, sizes[type], &out));
		assert_memory_equal(&in, &out, sizeof(in));
	}
	fill(&in, GM_VIEW);
	in.members = UINT32_MAX;
	assert_int_equal(group_encode(&in, buf, sizeof(buf)), 15 + 32 * 8 + 4);	/* the largest view is a small packet */
	fill(&in, GM_ALIVE);
	in.members = UINT32_MAX;
	assert_int_equal(group_encode(&in, buf, sizeof(buf)), 15 + 4 + 32 * 4);
	in.members = 1;		/* not even itself: nonsense, but one form */
	assert_int_equal(group_encode(&in, buf, sizeof(buf)), 15 + 4 + 8);
}

static void
test_codec_refuses(void **state)
{
	struct group_msg m;
	uint8_t buf[1200], more[1300] = { 0 };
	size_t len, n;
	int type;

	for (type = GM_ALIVE; type <= GM_LEAVE; type++) {
		fill(&m, type);
		len = group_encode(&m, buf, sizeof(buf));
		for (n = 0; n < len; n++) {
			uint8_t *cut = malloc(n == 0 ? 1 : n);	/* exactly as long, for the sanitizer */

			memcpy(cut, buf, n);
			assert_false(group_decode(cut, n, &m));
			free(cut);
		}
		memcpy(more, buf, len);
		assert_false(group_decode(more, len + 1, &m));
		assert_false(group_decode(more, sizeof(more), &m));
	}
	fill(&m, GM_LEAVE);
	len = group_encode(&m, buf, sizeof(buf));
	buf[0] = 0;
	assert_false(group_decode(buf, len, &m));
	buf[0] = 6;
	assert_false(group_decode(buf, len, &m));
	buf[0] = GM_LEAVE;
	buf[1] = 32;	/* from */
	assert_false(group_decode(buf, len, &m));
	buf[1] = 31;
	buf[6] = 32;	/* leader */
	assert_false(group_decode(buf, len, &m));
	buf[6] = 31;
	assert_true(group_decode(buf, len, &m));
	fill(&m, GM_INFO);
	m.len = GROUP_PIECE_MAX + 1;
	assert_int_equal(group_encode(&m, buf, sizeof(buf)), 0);
	m.type = 77;
	assert_int_equal(group_encode(&m, buf, sizeof(buf)), 0);
	fill(&m, GM_ALIVE);
	m.from = 32;
	assert_int_equal(group_encode(&m, buf, sizeof(buf)), 0);
}

/* ---- one node under test: number 2 of 0..4 ---- */

struct probe {
	struct group *g;
	int64_t now;
	uint32_t sent[6];	/* by type: to whom since the last step that acts */
	struct group_msg last[6];
	int count[6];		/* of all time */
	uint32_t acked;		/* as the hook said */
	int acks;
	int views, infos, info_node;
	uint32_t info_version;
	size_t info_len;
	uint8_t info[GROUP_INFO_MAX];
	uint8_t served[GROUP_INFO_MAX];	/* INFO pieces it sent */
	uint64_t served_bits;
	int served_count;
};

static void
on_send(void *ctx, int to, const struct group_msg *m)
{
	struct probe *p = ctx;

	assert_in_range(m->type, GM_ALIVE, GM_LEAVE);
	assert_int_not_equal(to, m->from);
	p->sent[m->type] |= B(to);
	p->last[m->type] = *m;
	p->count[m->type]++;
	if (m->type == GM_INFO) {
		memcpy(p->served + (size_t)m->piece * GROUP_PIECE_MAX, m->data, m->len);
		p->served_bits |= UINT64_C(1) << m->piece;
		p->served_count++;
	}
}

static void
on_view(void *ctx, uint32_t number, int leader, uint32_t members)
{
	((struct probe *)ctx)->views++;
}

static void
on_info(void *ctx, int node, uint32_t version, const uint8_t *info, size_t len)
{
	struct probe *p = ctx;

	p->infos++;
	p->info_node = node;
	p->info_version = version;
	p->info_len = len;
	memcpy(p->info, info, len);
}

static void
on_acked(void *ctx, uint32_t number, uint32_t members)
{
	struct probe *p = ctx;

	p->acks++;
	p->acked = members;
}

static void
probe_start(struct probe *p, int self)
{
	struct group_hooks hooks = { p, on_send, on_view, on_info, on_acked };
	struct group_conf conf = { 5, self, PULSE, 3, 5, 100, 7 };

	memset(p, 0, sizeof(*p));
	p->now = 50000;
	p->g = group_new(&conf, &hooks, p->now);
	assert_non_null(p->g);
}

static void
act(struct probe *p)
{
	memset(p->sent, 0, sizeof(p->sent));
}

static void
ticks(struct probe *p, int n)
{
	act(p);
	while (n-- > 0) {
		p->now = group_next(p->g);
		group_tick(p->g, p->now);
	}
}

static void
hear(struct probe *p, int type, int from, uint32_t number, int leader, uint32_t members)
{
	struct group_msg m = { .type = (uint8_t)type, .from = (uint8_t)from, .view = number, .leader = (uint8_t)leader, .members = members };

	act(p);
	m.info_version[from] = 1;
	group_receive(p->g, &m, p->now);
}

/* t: n pulses pass.  v: VIEW.  a: ALIVE.  l: LEAVE.  g: group_leave().  =: the view must be.  >: who must have been sent `type` in the
 * step before.  A follower hears its leader in each pulse of 'k' (n pulses, from, number, -, members). */
struct step { char what; int n, from; uint32_t number; int leader; uint32_t members; };
#define T(n)			{ 't', n }
#define K(n, f, num, mem)	{ 'k', n, f, num, f, mem }
#define V(f, num, mem)		{ 'v', 0, f, num, f, mem }
#define A(f, num, l, mem)	{ 'a', 0, f, num, l, mem }
#define L(f, num)		{ 'l', 0, f, num, f, 0 }
#define LEAVES			{ 'g' }
#define IS(num, l, mem)		{ '=', 0, 0, num, l, mem }
#define SENT(type, to)		{ '>', type, 0, 0, 0, to }

struct proto_case { const char *name; int self; struct step steps[14]; };
static const struct proto_case cases[] = {
	{ "listens, then is alone", 2, { IS(0, -1, 4), T(2), IS(0, -1, 4), SENT(GM_VIEW, 0), T(1), IS(101, 2, 4), SENT(GM_VIEW, 0x1b),
	    SENT(GM_ALIVE, 0) } },
	{ "joins a lower leader at once", 2, { V(0, 500, 3), SENT(GM_ALIVE, 1), IS(0, -1, 4), V(0, 501, 7), IS(501, 0, 7), T(1),
	    SENT(GM_ALIVE, 1), SENT(GM_VIEW, 0) } },
	{ "does not follow a higher one, counts on from it", 2, { V(3, 500, 0x18), SENT(GM_ALIVE, 0), T(3), IS(501, 2, 4) } },
	{ "a leader led before: takes its members up again", 2, { A(3, 400, 2, 0x1c), T(1), IS(401, 2, 0x1c) } },
	{ "but not when they have found another leader", 2, { A(3, 400, 2, 0x1c), L(4, 400), T(1), IS(401, 2, 4) } },
	{ "admits who asks, with its fellows", 2, { T(3), A(4, 300, 3, 0x18), IS(101, 2, 4), T(1), IS(301, 2, 0x1c),
	    SENT(GM_VIEW, 0x1b) } },
	{ "drops the silent after slost pulses", 2, { T(3), A(3, 0, GROUP_NOBODY, 8), T(1), IS(102, 2, 0xc), T(5), IS(102, 2, 0xc), T(1),
	    IS(103, 2, 4) } },
	{ "drops who says goodbye at the next pulse", 2, { T(3), A(3, 0, GROUP_NOBODY, 8), T(1), IS(102, 2, 0xc), L(3, 102), T(1),
	    IS(103, 2, 4) } },
	{ "a goodbye from before the admission counts not", 2, { T(3), A(3, 50, 3, 8), T(1), L(3, 50), T(1), IS(102, 2, 0xc) } },
	{ "a member that took over is out", 2, { T(3), A(3, 0, GROUP_NOBODY, 8), T(1), V(3, 103, 8), T(1), IS(102, 2, 0xc),
	    T(1), V(3, 103, 8), T(1), IS(104, 2, 4) } },
	{ "renews its number for a member that has a higher one", 2, { T(3), A(3, 0, GROUP_NOBODY, 8), T(1), A(3, 900, 3, 8), T(1),
	    IS(901, 2, 0xc), A(3, 900, 3, 8), T(1), IS(901, 2, 0xc) } },
	{ "renews it when a member knows another view of that name", 2, { T(3), A(3, 0, GROUP_NOBODY, 8), T(1), IS(102, 2, 0xc),
	    A(3, 102, 2, 0x1c), T(1), IS(103, 2, 0xc) } },
	{ "the second takes over when the leader is silent", 1, { V(0, 500, 0x1f), IS(500, 0, 0x1f), T(3), IS(500, 0, 0x1f), T(1),
	    IS(501, 1, 0x1e), SENT(GM_VIEW, 0x1d) } },
	{ "the third waits two pulses for the second", 2, { V(0, 500, 0x1f), T(5), IS(500, 0, 0x1f), T(1), IS(501, 2, 0x1c) } },
	{ "the last waits three pulses, no more", 4, { V(0, 500, 0x1f), T(6), IS(500, 0, 0x1f), T(1), IS(501, 4, 0x10) } },
	{ "the third waits for the second that it hears, but not for ever", 2, { V(0, 500, 0x1f), T(3), V(1, 501, 0x1a), T(1),
	    SENT(GM_ALIVE, 3), K(3, 1, 501, 0x1a), IS(500, 0, 0x1f), T(1), IS(502, 2, 0x1c) } },
	{ "the third follows the second", 2, { V(0, 500, 0x1f), T(4), V(1, 501, 0x1e), IS(501, 1, 0x1e), T(1), SENT(GM_ALIVE, 2) } },
	{ "a leader that comes back in time is kept", 2, { V(0, 500, 0x1f), T(4), V(0, 500, 0x1f), T(3), IS(500, 0, 0x1f) } },
	{ "goodbye of the leader: the second does not wait", 1, { V(0, 500, 0x1f), L(0, 500), T(1), IS(501, 1, 0x1e) } },
	{ "an old goodbye of the leader counts not", 1, { V(0, 500, 0x1f), L(0, 499), T(1), IS(500, 0, 0x1f) } },
	{ "excluded: alone, and asks on", 2, { V(0, 500, 0x1f), V(0, 501, 0x1b), T(1), IS(502, 2, 4), SENT(GM_ALIVE, 1), T(1),
	    SENT(GM_ALIVE, 1), V(0, 503, 0x1f), IS(503, 0, 0x1f) } },
	{ "an overtaken view changes nothing", 2, { V(0, 500, 0x1f), V(0, 499, 0x1b), T(1), IS(500, 0, 0x1f), V(0, 499, 0xf),
	    IS(500, 0, 0x1f) } },
	{ "goes over to a lower leader, and tells the old one", 2, { V(1, 500, 0x1e), V(0, 300, 1), SENT(GM_ALIVE, 1), IS(500, 1, 0x1e),
	    V(0, 501, 0x1f), SENT(GM_LEAVE, 2), IS(501, 0, 0x1f) } },
	{ "stays where it is until the lower leader takes it", 2, { V(1, 500, 6), V(0, 300, 1), K(9, 1, 500, 6), IS(500, 1, 6) } },
	{ "equal numbers: the lower leader's view is newer", 2, { V(1, 500, 6), V(0, 500, 5), IS(500, 0, 5) } },
	{ "a lower number is not adopted, but answered", 2, { V(1, 500, 6), V(0, 499, 5), IS(500, 1, 6), SENT(GM_ALIVE, 1) } },
	{ "a higher leader that counts us in is told no", 2, { V(0, 500, 5), V(1, 600, 6), IS(500, 0, 5), SENT(GM_LEAVE, 0), T(1),
	    SENT(GM_ALIVE, 1), V(0, 500, 5), V(1, 600, 6), SENT(GM_LEAVE, 2), IS(500, 0, 5) } },
	{ "but not while our leader is late", 2, { V(0, 500, 7), K(3, 1, 600, 6), SENT(GM_LEAVE, 0), IS(500, 0, 7), K(1, 1, 600, 6),
	    IS(600, 1, 6) } },
	{ "a leader goes over: members that the new view lacks are told", 2, { T(3), A(3, 0, GROUP_NOBODY, 8), A(4, 0, GROUP_NOBODY, 0x10),
	    T(1), IS(102, 2, 0x1c), V(0, 600, 0xd), IS(600, 0, 0xd), SENT(GM_LEAVE, 0x10) } },
	{ "its followers are told when they still take it for their leader", 2, { V(0, 600, 5), A(4, 102, 2, 0x14), SENT(GM_LEAVE, 0x10),
	    A(3, 102, 3, 8), SENT(GM_LEAVE, 0) } },
	{ "goodbye of a follower goes to its leader", 2, { V(0, 500, 0x1f), LEAVES, SENT(GM_LEAVE, 1), T(3), SENT(GM_ALIVE, 0) } },
	{ "goodbye of a leader goes to its members", 2, { T(3), A(4, 0, GROUP_NOBODY, 0x10), T(1), LEAVES, SENT(GM_LEAVE, 0x10) } },
	{ "senseless views are ignored", 2, { V(1, 500, 5), V(0, 500, 0x25), V(0, 500, 6), { 'v', 0, 1, 500, 0, 7 }, V(1, 500, 7),
	    V(2, 500, 0x1c), V(9, 500, 0x21c), V(0, 0xffffffff, 7), IS(0, -1, 4), SENT(GM_ALIVE, 0) } },
};

static void
run_step(struct probe *p, const struct step *s)
{
	int i;

	switch (s->what) {
	case 't':
		ticks(p, s->n);
		break;
	case 'k':
		for (i = 0; i < s->n; i++) {
			ticks(p, 1);
			hear(p, GM_VIEW, s->from, s->number, s->leader, s->members);
		}
		break;
	case 'v':
		hear(p, GM_VIEW, s->from, s->number, s->leader, s->members);
		break;
	case 'a':
		hear(p, GM_ALIVE, s->from, s->number, s->leader, s->members);
		break;
	case 'l':
		hear(p, GM_LEAVE, s->from, s->number, s->leader, s->members);
		break;
	case 'g':
		act(p);
		group_leave(p->g);
		break;
	case '=':
		assert_int_equal(group_view(p->g), s->number);
		assert_int_equal(group_leader(p->g), s->leader);
		assert_int_equal(group_members(p->g), s->members);
		break;
	case '>':
		assert_int_equal(p->sent[s->n], s->members);
		break;
	}
}

static void
test_protocol_cases(void **state)
{
	static struct probe p;
	size_t c, i;

	for (c = 0; c < ARRAY_LEN(cases); c++) {
		print_message("# %s\n", cases[c].name);
		probe_start(&p, cases[c].self);
		for (i = 0; i < ARRAY_LEN(cases[c].steps) && cases[c].steps[i].what != '\0'; i++)
			run_step(&p, &cases[c].steps[i]);
		group_free(p.g);
	}
}

/* A leader that was stopped for a minute does not drop those whose messages wait in its socket. */
static void
test_a_gap_of_our_own_is_nobodys_silence(void **state)
{
	static struct probe p;

	probe_start(&p, 2);
	ticks(&p, 3);
	hear(&p, GM_ALIVE, 3, 0, GROUP_NOBODY, 8);
	ticks(&p, 1);
	assert_int_equal(group_members(p.g), 0xc);
	p.now += 60000;
	group_tick(p.g, p.now);
	assert_int_equal(group_members(p.g), 0xc);
	assert_in_range(group_next(p.g), p.now + 1, p.now + PULSE);	/* one pulse, not sixty */
	ticks(&p, 6);
	assert_int_equal(group_members(p.g), 4);	/* but this is */
	group_free(p.g);
}

/* ---- words and acknowledgements ---- */

/* ALIVE with words: `word` is the sender's, `others` that of all other members of its view */
static void
alive(struct probe *p, int from, uint32_t number, int leader, uint32_t members, uint32_t word, uint32_t others)
{
	struct group_msg m = { .type = GM_ALIVE, .from = (uint8_t)from, .view = number, .leader = (uint8_t)leader, .members = members };
	int i;

	act(p);
	for (i = 0; i < SK_NODES_MAX; i++)
		m.word[i] = others;
	m.word[from] = word;
	group_receive(p->g, &m, p->now);
}

static void
view_with_acks(struct probe *p, uint32_t number, uint32_t members, uint32_t word, uint32_t acked)
{
	struct group_msg m = { .type = GM_VIEW, .from = 0, .view = number, .leader = 0, .members = members, .acked = acked };
	int i;

	act(p);
	for (i = 0; i < SK_NODES_MAX; i++)
		m.word[i] = word;
	group_receive(p->g, &m, p->now);
}

static void
test_a_leader_collects_words(void **state)
{
	static struct probe p;

	probe_start(&p, 2);
	group_set_word(p.g, 9);
	assert_int_equal(group_word(p.g, 2), 0);	/* no view, no word */
	ticks(&p, 3);
	assert_int_equal(group_word(p.g, 2), 9);
	assert_int_equal(p.last[GM_VIEW].word[2], 9);
	alive(&p, 4, 50, 3, 0x18, 5, 6);	/* brings node 3 along, with the word of its view */
	ticks(&p, 1);
	assert_int_equal(group_members(p.g), 0x1c);
	assert_int_equal(group_word(p.g, 4), 5);
	assert_int_equal(group_word(p.g, 3), 6);
	assert_int_equal(group_view(p.g), 102);
	alive(&p, 3, 102, 2, 0x1c, 7, 0);	/* says otherwise; that the others' words are wrong means another view of that name */
	ticks(&p, 1);
	assert_int_equal(group_view(p.g), 103);
	assert_int_equal(group_word(p.g, 3), 7);
	/* one new view per pulse, however many words change */
	group_set_word(p.g, 1);
	group_set_word(p.g, 2);
	assert_int_equal(p.sent[GM_VIEW] | p.sent[GM_ALIVE], p.sent[GM_VIEW]);
	alive(&p, 3, 102, 2, 0x1c, 8, 0);
	alive(&p, 4, 102, 2, 0x1c, 8, 0);
	alive(&p, 4, 102, 2, 0x1c, 5, 0);	/* overtaken on its way */
	assert_int_equal(group_view(p.g), 103);
	ticks(&p, 1);
	assert_int_equal(group_view(p.g), 104);
	assert_int_equal(group_word(p.g, 2) << 16 | group_word(p.g, 3) << 8 | group_word(p.g, 4), 0x020808);
	ticks(&p, 1);
	assert_int_equal(group_view(p.g), 104);
	/* who spoke itself is not overruled by a fellow */
	ticks(&p, 6);
	assert_int_equal(group_members(p.g), 4);
	alive(&p, 3, 50, 3, 0x18, 1, 2);
	alive(&p, 4, 50, 3, 0x18, 3, 4);
	ticks(&p, 1);
	assert_int_equal(group_word(p.g, 3) << 8 | group_word(p.g, 4), 0x0103);
	group_free(p.g);
}

static void
test_a_leader_collects_acknowledgements(void **state)
{
	static struct probe p;
	int views;

	probe_start(&p, 2);
	ticks(&p, 3);
	assert_int_equal(group_acked(p.g), 4);
	alive(&p, 3, 0, GROUP_NOBODY, 8, 0, 0);
	alive(&p, 4, 0, GROUP_NOBODY, 0x10, 0, 0);
	ticks(&p, 1);
	assert_int_equal(p.last[GM_VIEW].acked, 4);
	alive(&p, 3, 101, 2, 0xc, 0, 0);	/* an older view */
	alive(&p, 3, 102, 3, 0x1c, 0, 0);	/* of another leader: that one makes a new number */
	assert_int_equal(group_acked(p.g), 4);
	ticks(&p, 1);
	assert_int_equal(group_view(p.g), 103);
	alive(&p, 3, 103, 2, 0x1c, 0, 0);
	assert_int_equal(p.sent[GM_VIEW], 0);
	assert_int_equal(group_acked(p.g), 0xc);
	assert_int_equal(p.acked, 0xc);
	alive(&p, 4, 103, 2, 0x1c, 0, 0);
	assert_int_equal(group_acked(p.g), 0x1c);
	assert_int_equal(p.sent[GM_VIEW], 0x18);	/* at once, to members only */
	assert_int_equal(p.last[GM_VIEW].acked, 0x1c);
	views = p.count[GM_VIEW];
	alive(&p, 4, 103, 2, 0x1c, 0, 0);	/* twice, late, again: no storm */
	alive(&p, 3, 103, 2, 0x1c, 0, 0);
	assert_int_equal(p.count[GM_VIEW], views);
	assert_int_equal(p.acks, 2);
	/* a new view begins anew */
	group_set_word(p.g, 1);
	ticks(&p, 1);
	assert_int_equal(group_view(p.g), 104);
	assert_int_equal(group_acked(p.g), 4);
	/* who goes before it has said so is not waited for */
	alive(&p, 4, 104, 2, 0x1c, 0, 1);	/* words: those of 2 and 3 in its view; 3 has 0 */
	hear(&p, GM_LEAVE, 3, 104, 3, 8);
	ticks(&p, 1);
	assert_int_equal(group_members(p.g), 0x14);
	alive(&p, 4, 105, 2, 0x14, 0, 1);
	assert_int_equal(group_acked(p.g), 0x14);
	group_free(p.g);
}

static void
test_a_member_acknowledges(void **state)
{
	static struct probe p;

	probe_start(&p, 2);
	group_set_word(p.g, 3);
	view_with_acks(&p, 500, 7, 0, 1);
	assert_int_equal(p.sent[GM_ALIVE], 1);	/* at once */
	assert_int_equal(p.last[GM_ALIVE].view, 500);
	assert_int_equal(p.last[GM_ALIVE].word[2], 3);
	assert_int_equal(group_word(p.g, 2), 0);	/* not in this view */
	assert_int_equal(group_acked(p.g), 5);
	assert_int_equal(p.acks, 0);		/* the view hook tells as much */
	view_with_acks(&p, 500, 7, 0, 3);
	assert_int_equal(p.sent[GM_ALIVE], 0);
	assert_int_equal(p.acked, 7);
	view_with_acks(&p, 500, 7, 0, 0xffffffe1u);	/* overtaken, and some that are not members */
	assert_int_equal(group_acked(p.g), 7);
	assert_int_equal(p.acks, 1);
	view_with_acks(&p, 500, 7, 1, 7);	/* another life of the leader, the same name: not that view */
	assert_int_equal(group_word(p.g, 0), 0);
	view_with_acks(&p, 501, 7, 1, 1);
	assert_int_equal(group_acked(p.g), 5);
	assert_int_equal(group_word(p.g, 0), 1);
	act(&p);
	group_set_word(p.g, 4);
	assert_int_equal(p.sent[GM_ALIVE], 1);	/* at once */
	act(&p);
	group_set_word(p.g, 4);
	assert_int_equal(p.sent[GM_ALIVE], 0);
	/* the leader is lost: the words go on */
	ticks(&p, 8);
	assert_int_equal(group_leader(p.g), 2);
	assert_int_equal(group_word(p.g, 2), 4);
	group_leave(p.g);
	assert_int_equal(group_word(p.g, 2), 0);
	assert_int_equal(group_acked(p.g), 4);
	group_free(p.g);
}

/* Whose view would we rather be in, and who of it has a bit of the word? */
static void
test_rivals(void **state)
{
	static struct probe p;

	probe_start(&p, 2);
	ticks(&p, 3);
	assert_int_equal(group_rivals(p.g, 1, p.now), 0);
	view_with_acks(&p, 50, 0xb, 3, 0);	/* a lower leader, without us */
	assert_int_equal(group_rivals(p.g, 1, p.now), 0xb);
	assert_int_equal(group_rivals(p.g, 4, p.now), 0);
	ticks(&p, 3);
	assert_int_equal(group_rivals(p.g, 1, p.now), 0xb);
	ticks(&p, 1);
	assert_int_equal(group_rivals(p.g, 1, p.now), 0);	/* silent */
	view_with_acks(&p, 200, 0xf, 3, 0);
	assert_int_equal(group_leader(p.g), 0);
	assert_int_equal(group_rivals(p.g, 1, p.now), 0);
	view_with_acks(&p, 201, 0xb, 1, 0);	/* it put us out */
	assert_int_equal(group_rivals(p.g, 1, p.now), 0xb);
	ticks(&p, 1);
	assert_int_equal(group_leader(p.g), 2);
	assert_int_equal(group_rivals(p.g, 1, p.now), 0xb);
	group_free(p.g);
}

/* Half a pulse before it misses the leader itself, but not earlier, nor for a view that has the leader */
static void
test_successor(void **state)
{
	static struct probe p;

	probe_start(&p, 2);
	hear(&p, GM_VIEW, 0, 500, 0, 0x1f);
	ticks(&p, 3);
	hear(&p, GM_VIEW, 1, 501, 1, 0x1e);
	assert_int_equal(group_leader(p.g), 0);
	p.now += 1;
	hear(&p, GM_VIEW, 1, 499, 1, 0x1e);
	hear(&p, GM_VIEW, 1, 501, 1, 0x1a);
	assert_int_equal(group_leader(p.g), 0);
	hear(&p, GM_VIEW, 1, 501, 1, 0x1e);
	assert_int_equal(group_leader(p.g), 1);
	assert_int_equal(p.sent[GM_ALIVE], B(1));
	group_free(p.g);
}

/* ---- info ---- */

static struct group_msg
piece_of(int from, int about, uint32_t version, const uint8_t *info, size_t len, int piece)
{
	struct group_msg m = { .type = GM_INFO, .from = (uint8_t)from, .leader = 0, .members = 5, .view = 500, .about = (uint8_t)about,
	    .version = version, .piece = (uint16_t)piece };
	size_t at = (size_t)piece * GROUP_PIECE_MAX;

	m.pieces = (uint16_t)(len == 0 ? 1 : (len + GROUP_PIECE_MAX - 1) / GROUP_PIECE_MAX);
	m.len = (uint16_t)(len - at < GROUP_PIECE_MAX ? len - at : GROUP_PIECE_MAX);
	memcpy(m.data, info + at, m.len);
	return m;
}

static void
view_with_version(struct probe *p, uint32_t version)
{
	struct group_msg m = { .type = GM_VIEW, .from = 0, .view = 500, .leader = 0, .members = 7 };

	m.info_version[1] = version;
	group_receive(p->g, &m, p->now);
}

static void
test_info_is_fetched_piece_by_piece(void **state)
{
	static uint8_t info[GROUP_INFO_MAX];
	static struct probe p;
	struct group_msg m;
	uint64_t want;
	int i, rounds = 0;

	for (i = 0; i < GROUP_INFO_MAX; i++)
		info[i] = (uint8_t)(i / 255 + i);
	probe_start(&p, 2);
	view_with_version(&p, 77);
	ticks(&p, 1);
	assert_int_equal(p.sent[GM_WANT], B(1));	/* the owner first */
	view_with_version(&p, 77);
	ticks(&p, 1);
	assert_int_equal(p.sent[GM_WANT], B(0));	/* then the leader */
	while (p.infos == 0) {
		want = p.last[GM_WANT].missing;
		assert_int_equal(p.last[GM_WANT].about, 1);
		assert_int_equal(p.last[GM_WANT].version, 77);
		assert_in_range(__builtin_popcountll(want), 1, GROUP_BURST);
		assert_in_range(++rounds, 1, 4);
		for (i = 63; i >= 0; i--)
			if ((want & UINT64_C(1) << i) != 0 && i < GROUP_PIECES) {
				m = piece_of(0, 1, 77, info, sizeof(info), i);
				group_receive(p.g, &m, p.now);
				group_receive(p.g, &m, p.now);	/* twice: no matter */
			}
	}
	assert_int_equal(p.infos, 1);
	assert_int_equal(p.info_node, 1);
	assert_int_equal(p.info_len, sizeof(info));
	assert_memory_equal(p.info, info, sizeof(info));
	/* a lower version is another life: fetched as well; empty info is one piece of nothing */
	view_with_version(&p, 5);
	ticks(&p, 1);
	assert_int_equal(p.last[GM_WANT].version, 5);
	m = piece_of(1, 1, 5, info, 0, 0);
	group_receive(p.g, &m, p.now);
	assert_int_equal(p.infos, 2);
	assert_int_equal(p.info_len, 0);
	/* back in the view with the version in hand: told again, not fetched again */
	hear(&p, GM_VIEW, 0, 501, 0, 5);
	hear(&p, GM_VIEW, 0, 502, 0, 7);
	m = (struct group_msg){ .type = GM_VIEW, .from = 0, .view = 502, .leader = 0, .members = 7 };
	m.info_version[1] = 5;
	group_receive(p.g, &m, p.now);
	assert_int_equal(p.infos, 3);
	ticks(&p, 1);
	assert_int_equal(p.sent[GM_WANT] & B(1), 0);
	group_free(p.g);
}

static void
test_info_refuses_nonsense(void **state)
{
	static uint8_t info[GROUP_INFO_MAX];
	static struct probe p;
	struct group_msg good, m;

	probe_start(&p, 2);
	view_with_version(&p, 77);
	ticks(&p, 1);
	good = piece_of(1, 1, 77, info, 3000, 0);
	m = good, m.version = 78, group_receive(p.g, &m, p.now);
	m = good, m.about = 2, group_receive(p.g, &m, p.now);	/* about ourselves */
	m = good, m.about = 3, group_receive(p.g, &m, p.now);	/* no member */
	m = good, m.about = 200, group_receive(p.g, &m, p.now);
	m = good, m.pieces = 0, group_receive(p.g, &m, p.now);
	m = good, m.pieces = 61, group_receive(p.g, &m, p.now);
	m = good, m.piece = 3, group_receive(p.g, &m, p.now);
	m = good, m.len = 5, group_receive(p.g, &m, p.now);		/* short, and not the last */
	m = good, m.pieces = 60, m.piece = 59, group_receive(p.g, &m, p.now);	/* beyond GROUP_INFO_MAX */
	m = good, m.piece = 2, m.len = 0, group_receive(p.g, &m, p.now);
	group_receive(p.g, &good, p.now);
	m = piece_of(1, 1, 77, info, 3000, 1), group_receive(p.g, &m, p.now);
	assert_int_equal(p.infos, 0);
	m = piece_of(1, 1, 77, info, 3000, 2), group_receive(p.g, &m, p.now);
	assert_int_equal(p.infos, 1);
	assert_int_equal(p.info_len, 3000);
	group_free(p.g);
}

static void
test_own_info_is_served(void **state)
{
	static uint8_t info[GROUP_INFO_MAX + 1];
	static struct probe p;
	struct group_msg m = { .type = GM_WANT, .from = 4, .leader = 4, .members = 16, .about = 2, .version = 8, .missing = UINT64_MAX };
	int i;

	for (i = 0; i < (int)sizeof(info); i++)
		info[i] = (uint8_t)(i * 3 + i / 256);
	probe_start(&p, 2);
	assert_false(group_set_info(p.g, info, GROUP_INFO_MAX + 1));
	group_receive(p.g, &m, p.now);
	assert_int_equal(p.served_count, 0);	/* there is none yet */
	assert_true(group_set_info(p.g, info, GROUP_INFO_MAX));
	ticks(&p, 3);
	assert_int_equal(p.last[GM_VIEW].info_version[2], 8);	/* first_info + 1 */
	group_receive(p.g, &m, p.now);
	assert_int_equal(p.served_count, GROUP_BURST);	/* however many are asked for */
	for (i = 0; i < 4; i++) {
		m.missing = ~p.served_bits;
		group_receive(p.g, &m, p.now);
	}
	assert_int_equal(p.served_count, GROUP_PIECES);
	assert_memory_equal(p.served, info, GROUP_INFO_MAX);
	/* a storm of questions gets at most GROUP_BUDGET pieces per pulse */
	m.missing = UINT64_MAX;
	for (i = 0; i < 1000; i++)
		group_receive(p.g, &m, p.now);
	assert_int_equal(p.served_count, GROUP_BUDGET);
	ticks(&p, 1);
	group_receive(p.g, &m, p.now);
	assert_int_equal(p.served_count, GROUP_BUDGET + GROUP_BURST);
	m.version = 7;
	group_receive(p.g, &m, p.now);
	m.about = 77;
	group_receive(p.g, &m, p.now);
	assert_int_equal(p.served_count, GROUP_BUDGET + GROUP_BURST);
	group_free(p.g);
}

static void
test_senseless_confs(void **state)
{
	static struct probe p;
	struct group_hooks hooks = { &p, on_send, on_view, on_info };
	static const struct group_conf bad[] = { { 0, 0, 1000, 3, 5 }, { 33, 0, 1000, 3, 5 }, { 2, 2, 1000, 3, 5 }, { 2, -1, 1000, 3, 5 },
	    { 2, 0, 0, 3, 5 }, { 2, 0, 1000, 0, 5 }, { 2, 0, 1000, 3, 0 } };
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(group_new(&bad[i], &hooks, 0));
	group_free(NULL);
}

/* A cluster of one node is a cluster. */
static void
test_one_node(void **state)
{
	static struct probe p;
	struct group_hooks hooks = { &p, on_send, on_view, on_info };
	struct group_conf conf = { 1, 0, PULSE, 3, 5, 0, 0 };

	memset(&p, 0, sizeof(p));
	p.g = group_new(&conf, &hooks, 0);
	ticks(&p, 10);
	assert_int_equal(group_members(p.g), 1);
	assert_int_equal(group_leader(p.g), 0);
	assert_int_equal(p.views, 1);
	group_free(p.g);
}

/* Found by a reviewer: with a clock of December 2019 a node gave a number above GROUP_VIEW_MAX, which nobody hears */
static void
test_first_view_of_any_clock(void **state)
{
	const int64_t second = 1000000;

	assert_int_equal(group_first_view(0), 1);
	assert_int_equal(group_first_view(-second), 1);
	assert_int_equal(group_first_view(1577836799 * second), 1);
	assert_int_equal(group_first_view(1577836802 * second), 2);
	assert_int_equal(group_first_view(INT64_MAX), GROUP_VIEW_MAX / 2);
	assert_int_equal(group_first_view(INT64_MIN), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codec_round_trips),
		cmocka_unit_test(test_codec_refuses),
		cmocka_unit_test(test_protocol_cases),
		cmocka_unit_test(test_a_gap_of_our_own_is_nobodys_silence),
		cmocka_unit_test(test_a_leader_collects_words),
		cmocka_unit_test(test_a_leader_collects_acknowledgements),
		cmocka_unit_test(test_a_member_acknowledges),
		cmocka_unit_test(test_rivals),
		cmocka_unit_test(test_successor),
		cmocka_unit_test(test_info_is_fetched_piece_by_piece),
		cmocka_unit_test(test_info_refuses_nonsense),
		cmocka_unit_test(test_own_info_is_served),
		cmocka_unit_test(test_senseless_confs),
		cmocka_unit_test(test_one_node),
		cmocka_unit_test(test_first_view_of_any_clock),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
