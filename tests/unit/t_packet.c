/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire/packet.c: the seal, its handshake and its replay window.  Includes the source to reach the counter. */
#include "wire/packet.c"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>
#include <openssl/hmac.h>

static const uint8_t key1[PACKET_KEY_LEN] = "0123456789abcdef0123456789abcde";
static const uint8_t key2[PACKET_KEY_LEN] = "0123456789abcdef0123456789abcdF";

struct pkt { uint8_t b[PACKET_MAX]; size_t len; };

static struct packet_seal *
seal(int self)
{
	struct packet_seal *s = packet_seal_new(key1, PACKET_MEMBERSHIP, self, 3);

	assert_non_null(s);
	return s;
}

static struct pkt
closed(struct packet_seal *s, int to, const char *text)
{
	struct pkt p;

	p.len = packet_close(s, to, (const uint8_t *)text, strlen(text), p.b);
	assert_int_equal(p.len, PACKET_HEADER + strlen(text) + PACKET_TAG);
	return p;
}

static enum packet_verdict
opened(struct packet_seal *s, int from, const struct pkt *p, const char *expected)
{
	uint8_t out[PACKET_PAYLOAD_MAX];
	size_t n = 9999;
	enum packet_verdict v;

	memset(out, 0xee, sizeof(out));
	v = packet_open(s, from, p->b, p->len, out, &n);
	if (v == PACKET_FRESH) {
		assert_int_equal(n, strlen(expected));
		assert_memory_equal(out, expected, n);
	} else {
		assert_int_equal(n, 9999);
		assert_int_equal(out[0], 0xee);
		assert_int_equal(out[sizeof(out) - 1], 0xee);
	}
	return v;
}

static void
send_expect(struct packet_seal *a, int ia, struct packet_seal *b, int ib, enum packet_verdict v)
{
	struct pkt p = closed(a, ib, "hello");

	assert_int_equal(opened(b, ia, &p, "hello"), v);
}

static void
introduce(struct packet_seal *a, int ia, struct packet_seal *b, int ib)
{
	send_expect(a, ia, b, ib, PACKET_STRANGER);
	send_expect(b, ib, a, ia, PACKET_FRESH);
	send_expect(a, ia, b, ib, PACKET_FRESH);
}

static void
test_first_contact(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);

	assert_false(packet_confirmed(a, 1));
	introduce(a, 0, b, 1);
	assert_true(packet_confirmed(a, 1));
	assert_true(packet_confirmed(b, 0));
	assert_false(packet_confirmed(a, 2));
	send_expect(b, 1, a, 0, PACKET_FRESH);
	send_expect(b, 1, a, 0, PACKET_FRESH);
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_any_length(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	uint8_t in[PACKET_PAYLOAD_MAX + 1], out[PACKET_PAYLOAD_MAX], pkt[PACKET_MAX];
	size_t i, n, len;

	introduce(a, 0, b, 1);
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	for (i = 0; i <= PACKET_PAYLOAD_MAX; i++) {
		len = packet_close(a, 1, in, i, pkt);
		assert_int_equal(len, PACKET_HEADER + i + PACKET_TAG);
		assert_int_equal(packet_open(b, 0, pkt, len, out, &n), PACKET_FRESH);
		assert_int_equal(n, i);
		assert_memory_equal(in, out, n);
	}
	assert_int_equal(packet_close(a, 1, in, PACKET_PAYLOAD_MAX + 1, pkt), 0);
	assert_int_equal(packet_close(a, 0, in, 1, pkt), 0);	/* to ourselves, to nobody */
	assert_int_equal(packet_close(a, 3, in, 1, pkt), 0);
	assert_int_equal(packet_close(a, -1, in, 1, pkt), 0);
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_replay_of_the_same_packet(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt p;

	introduce(a, 0, b, 1);
	p = closed(a, 1, "once");
	assert_int_equal(opened(b, 0, &p, "once"), PACKET_FRESH);
	assert_int_equal(opened(b, 0, &p, "once"), PACKET_REPLAY);
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_replay_after_restart_of_the_receiver(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt p;

	introduce(a, 0, b, 1);
	p = closed(a, 1, "old");
	assert_int_equal(opened(b, 0, &p, "old"), PACKET_FRESH);
	packet_seal_free(b);
	b = seal(1);
	assert_int_equal(opened(b, 0, &p, "old"), PACKET_STRANGER);
	/* a lives and is believed (the recording even told b its cookie); the recording is not */
	send_expect(b, 1, a, 0, PACKET_FRESH);
	send_expect(a, 0, b, 1, PACKET_FRESH);
	assert_int_equal(opened(b, 0, &p, "old"), PACKET_REPLAY);
	send_expect(b, 1, a, 0, PACKET_FRESH);
	packet_seal_free(a);
	packet_seal_free(b);
}

/* Recordings of the sender's earlier lives, made while the receiver was the same: neither taken nor able to push the live one out. */
static void
test_replay_of_an_earlier_session_of_the_sender(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt old[3];
	int i, life;

	introduce(a, 0, b, 1);
	old[0] = closed(a, 1, "old");
	assert_int_equal(opened(b, 0, &old[0], "old"), PACKET_FRESH);
	old[1] = closed(a, 1, "never arrived");	/* sealed with everything right, kept back by the attacker */
	for (life = 0; life < 5; life++) {
		packet_seal_free(a);
		a = seal(0);
		send_expect(a, 0, b, 1, PACKET_STRANGER);
		send_expect(b, 1, a, 0, PACKET_FRESH);
		send_expect(a, 0, b, 1, PACKET_FRESH);
		old[2] = closed(a, 1, "of this life");
		assert_int_equal(opened(b, 0, &old[2], "of this life"), PACKET_FRESH);
		for (i = 0; i < 10; i++) {
			assert_int_equal(opened(b, 0, &old[i % 2], "old"), PACKET_STRANGER);
			if (i > 4)	/* the answer goes to the live one, with the echo of the dead one: it is understood */
				send_expect(b, 1, a, 0, PACKET_FRESH);
			send_expect(a, 0, b, 1, PACKET_FRESH);
			send_expect(b, 1, a, 0, PACKET_FRESH);
		}
		assert_int_equal(opened(b, 0, &old[2], ""), PACKET_REPLAY);
	}
	packet_seal_free(a);
	packet_seal_free(b);
}

/* A packet sent before the peer knew that we live may be older than our life. */
static void
test_packets_from_before_the_handshake(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt before[2], after[2];

	before[0] = closed(a, 1, "before");
	before[1] = closed(a, 1, "before");
	assert_int_equal(opened(b, 0, &before[0], ""), PACKET_STRANGER);
	send_expect(b, 1, a, 0, PACKET_FRESH);
	after[0] = closed(a, 1, "one");
	after[1] = closed(a, 1, "two");
	assert_int_equal(opened(b, 0, &after[1], "two"), PACKET_FRESH);
	assert_int_equal(opened(b, 0, &before[1], ""), PACKET_REPLAY);
	assert_int_equal(opened(b, 0, &after[0], "one"), PACKET_FRESH);	/* same echo, so as fresh as the other */
	assert_int_equal(opened(b, 0, &after[0], ""), PACKET_REPLAY);
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_window(void **state)
{
	static struct pkt p[PACKET_WINDOW * 2 + 1];
	struct packet_seal *a = seal(0), *b = seal(1);
	int i, j, n = (int)ARRAY_LEN(p);

	introduce(a, 0, b, 1);
	for (i = 0; i < n; i++)
		p[i] = closed(a, 1, "x");
	/* newest first, then every one older in a scrambled order: exactly those inside the window once */
	assert_int_equal(opened(b, 0, &p[n - 1], "x"), PACKET_FRESH);
	for (j = 0; j < n - 1; j++) {
		i = (int)((long)j * 997 % (n - 1));	/* 997 and 2048 have no common divisor */
		assert_int_equal(opened(b, 0, &p[i], "x"), n - 1 - i < PACKET_WINDOW ? PACKET_FRESH : PACKET_REPLAY);
	}
	for (i = 0; i < n; i++)
		assert_int_equal(opened(b, 0, &p[i], "x"), PACKET_REPLAY);
	/* in small and large steps forward, each twice */
	for (i = 1; i < 3000; i += 61) {
		for (j = 0; j < i; j++)
			p[0] = closed(a, 1, "y");
		assert_int_equal(opened(b, 0, &p[0], "y"), PACKET_FRESH);
		assert_int_equal(opened(b, 0, &p[0], "y"), PACKET_REPLAY);
		p[1] = closed(a, 1, "z");
		p[2] = closed(a, 1, "z");
		assert_int_equal(opened(b, 0, &p[2], "z"), PACKET_FRESH);
		assert_int_equal(opened(b, 0, &p[1], "z"), PACKET_FRESH);
	}
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_every_flipped_bit_is_refused(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt p, q;
	size_t bit;

	introduce(a, 0, b, 1);
	p = closed(a, 1, "every bit of this counts");
	for (bit = 0; bit < p.len * 8; bit++) {
		enum packet_verdict v;

		q = p;
		q.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		v = opened(b, 0, &q, "");
		assert_int_equal(v, bit < 32 ? PACKET_NOT_OURS : bit < 64 ? PACKET_OTHER_KEY : PACKET_DAMAGED);
	}
	/* none of them changed anything */
	send_expect(b, 1, a, 0, PACKET_FRESH);
	assert_int_equal(opened(b, 0, &p, "every bit of this counts"), PACKET_FRESH);
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_every_other_length_is_refused(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt p, q;
	uint8_t out[PACKET_PAYLOAD_MAX], big[PACKET_MAX + 1] = { 0 };
	size_t n;

	introduce(a, 0, b, 1);
	p = closed(a, 1, "cut me");
	for (n = 0; n < p.len; n++) {
		q = p;
		q.len = n;
		assert_int_equal(opened(b, 0, &q, ""), n < PACKET_HEADER + PACKET_TAG ? PACKET_NOT_OURS : PACKET_DAMAGED);
	}
	q = p;
	q.b[q.len++] = 0;
	assert_int_equal(opened(b, 0, &q, ""), PACKET_DAMAGED);
	memcpy(big, p.b, p.len);
	assert_int_equal(packet_open(b, 0, big, sizeof(big), out, &n), PACKET_NOT_OURS);
	assert_int_equal(opened(b, 0, &p, "cut me"), PACKET_FRESH);
	packet_seal_free(a);
	packet_seal_free(b);
}

static void
test_who_and_what(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1), *c = seal(2);
	struct packet_seal *other = packet_seal_new(key2, PACKET_MEMBERSHIP, 1, 3);
	struct packet_seal *beat = packet_seal_new(key1, PACKET_HEARTBEAT, 1, 3);
	struct pkt p;

	introduce(a, 0, b, 1);
	introduce(a, 0, c, 2);
	p = closed(a, 1, "for b");
	assert_int_equal(opened(other, 0, &p, ""), PACKET_OTHER_KEY);
	assert_int_equal(opened(beat, 0, &p, ""), PACKET_NOT_OURS);
	p.b[AT_KIND] = PACKET_HEARTBEAT;	/* relabelled: the key derivation knows */
	assert_int_equal(opened(beat, 0, &p, ""), PACKET_DAMAGED);
	p.b[AT_KIND] = PACKET_MEMBERSHIP;
	memcpy(p.b + AT_KEYID, other->keyid, 4);
	assert_int_equal(opened(other, 0, &p, ""), PACKET_DAMAGED);
	memcpy(p.b + AT_KEYID, a->keyid, 4);
	assert_int_equal(opened(c, 0, &p, ""), PACKET_DAMAGED);	/* sent on to another node */
	assert_int_equal(opened(b, 2, &p, ""), PACKET_DAMAGED);	/* under another sender's address */
	assert_int_equal(opened(a, 1, &p, ""), PACKET_DAMAGED);	/* back to its sender */
	assert_int_equal(opened(a, 0, &p, ""), PACKET_NOT_OURS);	/* said to come from ourselves */
	assert_int_equal(opened(b, 3, &p, ""), PACKET_NOT_OURS);
	assert_int_equal(opened(b, -1, &p, ""), PACKET_NOT_OURS);
	assert_int_equal(opened(b, 0, &p, "for b"), PACKET_FRESH);
	packet_seal_free(a);
	packet_seal_free(b);
	packet_seal_free(c);
	packet_seal_free(other);
	packet_seal_free(beat);
}

static void
test_both_restart_at_once(void **state)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	struct pkt ab, ba, olda, oldb;

	introduce(a, 0, b, 1);
	olda = closed(a, 1, "old");
	oldb = closed(b, 0, "old");
	packet_seal_free(a);
	packet_seal_free(b);
	a = seal(0);
	b = seal(1);
	/* what was under way arrives, and their first packets cross */
	assert_int_equal(opened(b, 0, &olda, ""), PACKET_STRANGER);
	assert_int_equal(opened(a, 1, &oldb, ""), PACKET_STRANGER);
	ab = closed(a, 1, "1");
	ba = closed(b, 0, "1");
	assert_int_equal(opened(b, 0, &ab, ""), PACKET_STRANGER);
	assert_int_equal(opened(a, 1, &ba, ""), PACKET_STRANGER);
	ab = closed(a, 1, "2");
	ba = closed(b, 0, "2");
	assert_int_equal(opened(b, 0, &ab, "2"), PACKET_FRESH);
	assert_int_equal(opened(a, 1, &ba, "2"), PACKET_FRESH);
	ab = closed(a, 1, "3");
	ba = closed(b, 0, "3");
	assert_int_equal(opened(b, 0, &ab, "3"), PACKET_FRESH);
	assert_int_equal(opened(a, 1, &ba, "3"), PACKET_FRESH);
	packet_seal_free(a);
	packet_seal_free(b);
}

/* One restarts while the other goes on sending and the network loses packets: it always ends well. */
static void
test_restart_under_loss(void **state)
{
	struct packet_seal *n[2] = { seal(0), seal(1) };
	unsigned int rnd = 1, i, step, dead = 0;
	struct pkt p;

	for (i = 0; i < 200; i++) {
		for (step = 0; step < 40; step++) {
			int from = (int)(step & 1);

			p = closed(n[from], !from, "x");
			rnd = rnd * 1103515245u + 12345u;
			if ((rnd >> 16) % 3 != 0)
				opened(n[!from], from, &p, "x");
		}
		send_expect(n[0], 0, n[1], 1, PACKET_FRESH);
		send_expect(n[1], 1, n[0], 0, PACKET_FRESH);
		packet_seal_free(n[dead]);
		n[dead] = seal((int)dead);
		rnd = rnd * 1103515245u + 12345u;
		dead = (rnd >> 16) & 1;
	}
	packet_seal_free(n[0]);
	packet_seal_free(n[1]);
}

static void
test_a_nonce_never_comes_twice(void **state)
{
	struct packet_seal *a = seal(0), *again = seal(0);
	uint64_t last = 0, counter;
	struct pkt p;
	int i;

	assert_int_not_equal(a->id, again->id);	/* so each life has a key of its own */
	packet_seal_free(again);
	for (i = 0; i < 1000; i++) {
		p = closed(a, 1 + i % 2, "x");	/* one counter for all peers: they share the key */
		counter = get64(p.b + AT_COUNTER);
		assert_true(counter > last);
		assert_int_equal(get64(p.b + AT_SESSION), a->id);
		last = counter;
		if (i == 500)	/* a packet that is refused costs no counter; one that is sealed always does */
			assert_int_equal(packet_close(a, 1, p.b, PACKET_PAYLOAD_MAX + 1, p.b), 0);
	}
	a->counter = PACKET_COUNTER_END - 2;
	p = closed(a, 1, "last");
	assert_int_equal(get64(p.b + AT_COUNTER), PACKET_COUNTER_END - 1);
	for (i = 0; i < 3; i++)
		assert_int_equal(packet_close(a, 1, (const uint8_t *)"x", 1, p.b), 0);
	packet_seal_free(a);
}

static void
test_derive(void **state)
{
	uint8_t a[PACKET_KEY_LEN], b[PACKET_KEY_LEN], c[PACKET_KEY_LEN];

	assert_true(packet_derive(key1, "module mirror", a));
	assert_true(packet_derive(key1, "module mirror", b));
	assert_memory_equal(a, b, sizeof(a));
	assert_true(packet_derive(key1, "module farm", b));
	assert_true(packet_derive(key2, "module mirror", c));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a, c, sizeof(a));
	assert_memory_not_equal(a, key1, sizeof(a));
}

/* Against RFC 5869 written out with HMAC: PRK = HMAC(salt, key), output = HMAC(PRK, info and 1) */
static void
test_hkdf_is_rfc5869(void **state)
{
	static const uint8_t ikm[] = { 0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f, 0x0d, 0xc4, 0x7b, 0xba, 0x63, 0x90,
	    0xb6, 0xc7, 0x3b, 0xb5, 0x0f, 0x9c, 0x31, 0x22, 0xec, 0x84, 0x4a, 0xd7, 0xc2, 0xb3, 0xe5 };
	EVP_KDF_CTX *ctx = hkdf_new();
	uint8_t prk[32], out[32], expected[32], t1[9];
	unsigned int n;

	assert_non_null(HMAC(EVP_sha256(), "salt", 4, ikm, sizeof(ikm), prk, &n));
	memcpy(t1, "infoinfo\1", 9);
	assert_non_null(HMAC(EVP_sha256(), prk, 32, t1, sizeof(t1), expected, &n));
	assert_true(hkdf(ctx, ikm, "salt", 4, "infoinfo", 8, out));
	assert_memory_equal(out, expected, 32);
	EVP_KDF_CTX_free(ctx);
}

static void
test_senseless_seals(void **state)
{
	assert_null(packet_seal_new(key1, 0, 0, 2));
	assert_null(packet_seal_new(key1, PACKET_FARM + 1, 0, 2));
	assert_null(packet_seal_new(key1, PACKET_HEARTBEAT, 2, 2));
	assert_null(packet_seal_new(key1, PACKET_HEARTBEAT, -1, 2));
	assert_null(packet_seal_new(key1, PACKET_HEARTBEAT, 0, 257));
	packet_seal_free(NULL);
}

/* "t_packet bench": cost of one packet, printed, not judged */
static int
bench(void)
{
	struct packet_seal *a = seal(0), *b = seal(1);
	enum { N = 200000 };
	static struct pkt p[1000];
	uint8_t in[200] = { 1 }, out[PACKET_PAYLOAD_MAX];
	struct timespec t0, t1, t2;
	double c = 0, o = 0;
	size_t n;
	int i, j;

	introduce(a, 0, b, 1);
	for (i = 0; i < N; i += 1000) {
		clock_gettime(CLOCK_MONOTONIC, &t0);
		for (j = 0; j < 1000; j++)
			p[j].len = packet_close(a, 1, in, sizeof(in), p[j].b);
		clock_gettime(CLOCK_MONOTONIC, &t1);
		for (j = 0; j < 1000; j++)
			if (packet_open(b, 0, p[j].b, p[j].len, out, &n) != PACKET_FRESH)
				return 1;
		clock_gettime(CLOCK_MONOTONIC, &t2);
		c += (double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec);
		o += (double)(t2.tv_sec - t1.tv_sec) * 1e9 + (double)(t2.tv_nsec - t1.tv_nsec);
	}
	printf("packet_close %.0f ns, packet_open %.0f ns (200 byte payload)\n", c / N, o / N);
	packet_seal_free(a);
	packet_seal_free(b);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_contact),
		cmocka_unit_test(test_any_length),
		cmocka_unit_test(test_replay_of_the_same_packet),
		cmocka_unit_test(test_replay_after_restart_of_the_receiver),
		cmocka_unit_test(test_replay_of_an_earlier_session_of_the_sender),
		cmocka_unit_test(test_packets_from_before_the_handshake),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_every_flipped_bit_is_refused),
		cmocka_unit_test(test_every_other_length_is_refused),
		cmocka_unit_test(test_who_and_what),
		cmocka_unit_test(test_both_restart_at_once),
		cmocka_unit_test(test_restart_under_loss),
		cmocka_unit_test(test_a_nonce_never_comes_twice),
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_hkdf_is_rfc5869),
		cmocka_unit_test(test_senseless_seals),
	};

	if (argc > 1 && strcmp(argv[1], "bench") == 0)
		return bench();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
