/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire/beat.c: what goes in comes out; what is cut, of another version or out of range is refused. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include "wire/beat.h"
#include "wire/report.h"

static const struct beat sample = { .from = 31, .module_id = 0x0102, .incarnation = 0x1112131415161718, .seq = 0x2122232425262728,
	.sc = 0x31323334, .ack_incarnation = 0x4142434445464748, .ack_sc = 0x51525354, .flags = 0x6162, .state = RS_SECOND,
	.status = ST_READY, .bid = 64, .rank = 2, .sees = BEAT_LOST, .failover = 1,
	.signature = { 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7 } };

static void
assert_same(const struct beat *a, const struct beat *b)
{
	assert_int_equal(a->from, b->from);
	assert_int_equal(a->module_id, b->module_id);
	assert_int_equal(a->incarnation, b->incarnation);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->sc, b->sc);
	assert_int_equal(a->ack_incarnation, b->ack_incarnation);
	assert_int_equal(a->ack_sc, b->ack_sc);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->bid, b->bid);
	assert_int_equal(a->rank, b->rank);
	assert_int_equal(a->sees, b->sees);
	assert_int_equal(a->failover, b->failover);
	assert_memory_equal(a->signature, b->signature, sizeof(a->signature));
}

static void
test_round_trip(void **state)
{
	static const struct beat zero = { 0 };
	uint8_t buf[BEAT_MAX + 8] = { 0 };
	struct beat out;

	assert_int_equal(beat_encode(&sample, buf), BEAT_LEN + 1);
	assert_true(beat_decode(buf, BEAT_LEN + 1, &out));
	assert_same(&sample, &out);
	assert_true(beat_decode(buf, BEAT_LEN + 8, &out));	/* a later version may add */
	assert_same(&sample, &out);
	assert_true(beat_decode(buf, BEAT_LEN, &out));		/* one before the words */
	assert_same(&sample, &out);
	assert_int_equal(beat_encode(&zero, buf), BEAT_LEN + 1);
	assert_true(beat_decode(buf, BEAT_LEN, &out));
	assert_same(&zero, &out);
}

/* The layout that beat.h promises: another implementation reads by these offsets */
static void
test_layout(void **state)
{
	static const uint8_t want[BEAT_LEN] = { BEAT_VERSION, 31, 0x01, 0x02, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
	    0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
	    0x51, 0x52, 0x53, 0x54, 0x61, 0x62, RS_SECOND, ST_READY, 64, 2, BEAT_LOST, 1, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7 };
	uint8_t buf[BEAT_MAX];

	beat_encode(&sample, buf);
	assert_memory_equal(buf, want, BEAT_LEN);
}

static void
test_every_truncation_is_refused(void **state)
{
	uint8_t buf[BEAT_MAX];
	struct beat out;
	size_t n;

	beat_encode(&sample, buf);
	for (n = 0; n < BEAT_LEN; n++)
		assert_false(beat_decode(buf, n, &out));
}

static void
test_ranges(void **state)
{
	static const struct { size_t off; unsigned good, bad; } cases[] = {
		{ 0, BEAT_VERSION, BEAT_VERSION + 1 }, { 0, BEAT_VERSION, 0 }, { 1, SK_NODES_MAX - 1, SK_NODES_MAX }, { 1, 0, 255 },
		{ 38, RS_COUNT - 1, RS_COUNT }, { 38, 0, 255 }, { 39, ST_COUNT - 1, ST_COUNT }, { 39, 0, 255 }, { 41, BEAT_RANK_MAX, BEAT_RANK_MAX + 1 }, { 41, 0, 255 },
		{ 42, BEAT_LOST, BEAT_LOST + 1 }, { 42, 0, 255 }, { 43, 1, 2 }, { 43, 0, 255 },
	};
	uint8_t buf[BEAT_MAX];
	struct beat out;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		beat_encode(&sample, buf);
		buf[cases[i].off] = (uint8_t)cases[i].good;
		assert_true(beat_decode(buf, BEAT_LEN, &out));
		buf[cases[i].off] = (uint8_t)cases[i].bad;
		assert_false(beat_decode(buf, BEAT_LEN, &out));
	}
}

/* The health of resources that rules call remote: as many as fit, and no more than is there */
static void
test_words(void **state)
{
	struct beat in = sample, out;
	uint8_t buf[BEAT_MAX];
	size_t len;
	int i;

	in.words = BEAT_WORDS_MAX;
	for (i = 0; i < BEAT_WORDS_MAX; i++)
		in.word[i] = (struct beat_word){ 0x01020304u * (unsigned)(i + 1), (uint8_t)(i & 31) };
	len = beat_encode(&in, buf);
	assert_int_equal(len, BEAT_MAX);
	assert_true(beat_decode(buf, len, &out));
	assert_int_equal(out.words, BEAT_WORDS_MAX);
	for (i = 0; i < BEAT_WORDS_MAX; i++)
		assert_true(out.word[i].key == in.word[i].key && out.word[i].healths == in.word[i].healths);
	assert_false(beat_decode(buf, len - 1, &out));
	buf[BEAT_LEN] = BEAT_WORDS_MAX + 1;
	assert_false(beat_decode(buf, len, &out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
