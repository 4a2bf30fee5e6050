/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kmod/filter_core.h in plain C: every row of the vectors, the disguise of frames that leave, the spread over buckets. */
#include "filter_core.h"
#include "lib/filter_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1000000u

static struct filter_conf conf;
static struct filter_tables tables;

/* A frame at the very end of what may be read: valgrind and ASan see a byte too much */
static struct filter_verdict
judged(const struct fv_vector *v, const uint8_t *bytes, size_t len, struct filter_key *k)
{
	struct filter_control control = { 0, 0, v->lease_over ? NOW : NOW + 1 };
	uint8_t *frame = malloc(len > 0 ? len : 1);
	struct filter_verdict d;

	assert_non_null(frame);
	memcpy(frame, bytes, len);
	filter_look(&conf, &tables, frame, frame + len, k);
	d = filter_judge(&conf, &tables, &control, NOW, k, len >= 12 ? frame + 6 : (const uint8_t *)"\0\0\0\0\0\0", v->held);
	free(frame);
	return d;
}

static void
test_vectors(void **state)
{
	uint8_t frame[FV_FRAME_MAX];
	size_t i;
	int bad = 0;

	for (i = 0; i < fv_count; i++) {
		const struct fv_vector *v = &fv_vectors[i];
		struct filter_verdict d;
		struct filter_key k;
		char name[120];
		int asks;

		fv_conf(v->world, &conf);
		fv_tables(v, &tables);
		memset(&k, 0xaa, sizeof(k));
		d = judged(v, frame, fv_build(&v->frame, frame), &k);
		asks = filter_asks_socket(&conf, &tables, &k);
		if (k.kind == v->kind && asks == v->asks && d.pass == v->pass && d.take == v->take && d.count == v->count && d.to == v->to)
			continue;
		fv_name(v, name, sizeof(name));
		print_error("%s: kind %u asks %d pass %u take %u count %u to %x; expected kind %u asks %d pass %u take %u count %u to %x\n", name, k.kind, asks,
		    d.pass, d.take, d.count, d.to, v->kind, v->asks, v->pass, v->take, v->count, v->to);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* Every count that there is, and every kind, is expected by some row */
static void
test_vectors_are_complete(void **state)
{
	unsigned counts = 0, kinds = 0, worlds = 0;
	size_t i;

	for (i = 0; i < fv_count; i++) {
		counts |= 1u << fv_vectors[i].count;
		kinds |= 1u << fv_vectors[i].kind;
		worlds |= 1u << fv_vectors[i].world;
		if (fv_vectors[i].to != 0)
			counts |= 1u << FILTER_C_SENT;
	}
	assert_int_equal(counts, (1u << FILTER_COUNTS) - 1);
	assert_int_equal(kinds, (1u << (FILTER_K_BAD + 1)) - 1);
	assert_int_equal(worlds, (1u << FV_WORLDS) - 1);
}

static void
look(const struct fv_frame *f, struct filter_key *k)
{
	uint8_t frame[FV_FRAME_MAX];
	size_t len = fv_build(f, frame);

	filter_look(&conf, &tables, frame, frame + len, k);
}

static void
world(enum fv_world w)
{
	struct fv_vector v = { .owner = 0 };

	fv_conf(w, &conf);
	fv_tables(&v, &tables);
}

/* The same connection has one bucket: its segments, errors about it, whoever sent them; and vipd computes the same */
static void
test_one_connection_one_bucket(void **state)
{
	struct fv_frame f = { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 6, .dport = 80 };
	int v6, port, other = 0;

	world(FV_INVISIBLE);
	for (v6 = 0; v6 < 2; v6++)
		for (port = 1; port < 2000; port += 7) {
			struct fv_frame e;
			struct filter_key a, b;
			uint8_t group, bucket, src[16], dst[16];

			f.what = v6 ? FV_IP6 : FV_IP4;
			f.sport = (uint16_t)port;
			f.flags = 0x02;
			look(&f, &a);
			assert_int_equal(a.kind, FILTER_K_RULE);
			assert_int_equal(a.fresh, 1);
			f.flags = 0x18;
			f.id++;
			look(&f, &b);
			assert_int_equal(b.fresh, 0);
			b.fresh = 1;
			assert_memory_equal(&a, &b, sizeof(a));
			e = f;
			e.proto = v6 ? 58 : 1;
			e.type = v6 ? 2 : 3;
			e.src = FV_A_OTHER;
			e.inner = 6;
			e.inner_src = FV_A_VIP;
			e.inner_dst = FV_A_CLIENT;
			look(&e, &b);
			b.fresh = 1;
			assert_memory_equal(&a, &b, sizeof(a));
			assert_int_equal(FILTER_N16(a.sport), port);
			assert_int_equal(FILTER_N16(a.dport), 80);
			memcpy(src, a.src, 16);
			memcpy(dst, a.dst, 16);
			assert_int_equal(filter_connection(&conf, &tables, dst, 80, src, (uint16_t)port, &group, &bucket), 1);
			assert_int_equal(group, a.group);
			assert_int_equal(bucket, a.bucket);
			assert_int_equal(filter_bucket(tables.group[0].seed, FILTER_ON_PORT, src, (uint16_t)port, 0), bucket);
			assert_int_equal(filter_connection(&conf, &tables, dst, 81, src, (uint16_t)port, &group, &bucket), 0);
			assert_int_equal(filter_connection(&conf, &tables, src, 80, dst, (uint16_t)port, &group, &bucket), 0);
			tables.group[0].seed++;
			look(&f, &b);
			other += b.bucket != a.bucket;
			tables.group[0].seed--;
		}
	assert_true(other > 500);	/* of 572: the seed matters */
}

/* What a bucket hangs on, and what not */
static void
test_by(void **state)
{
	static const struct { uint8_t dst, proto; uint16_t dport; bool v6; int src, sport, id; } rows[] = {
		{ FV_A_VIP, 6, 80, false, 1, 1, 0 },	/* on_port */
		{ FV_A_VIP, 6, 80, true, 1, 1, 0 },
		{ FV_A_VIP2, 6, 443, false, 1, 0, 0 },	/* on_addr */
		{ FV_A_VIP2, 6, 443, true, 1, 0, 0 },
		{ FV_A_VIP2, 17, 53, false, 1, 0, 0 },
		{ FV_A_VIP, 17, 53, false, 1, 0, 1 },	/* on_ipid */
		{ FV_A_VIP, 17, 53, true, 1, 1, 0 },	/* on_ipid in IPv6: as on_port */
	};
	size_t i;

	world(FV_INVISIBLE);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fv_frame f = { .what = rows[i].v6 ? FV_IP6 : FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = rows[i].dst, .proto = rows[i].proto,
			.dport = rows[i].dport };
		int seen[3] = { 0, 0, 0 }, n;
		struct filter_key first, k;

		look(&f, &first);
		assert_int_equal(first.kind, FILTER_K_RULE);
		for (n = 1; n < 50; n++) {
			f.sport = (uint16_t)n;
			look(&f, &k);
			seen[1] += k.bucket != first.bucket;
			f.sport = 0;
			f.id = (uint16_t)n;
			look(&f, &k);
			seen[2] += k.bucket != first.bucket;
			f.id = 0;
		}
		f.src = FV_A_OTHER;
		look(&f, &k);
		seen[0] = k.bucket != first.bucket;
		assert_int_equal(seen[0], rows[i].src);
		assert_int_equal(seen[1] > 40, rows[i].sport);
		assert_int_equal(seen[1] > 0, rows[i].sport);
		assert_int_equal(seen[2] > 40, rows[i].id);
		assert_int_equal(seen[2] > 0, rows[i].id);
	}
}

/* TCP with on_ipid: its segments would have a bucket each; so it is on_port */
static void
test_tcp_on_ipid(void **state)
{
	struct fv_frame f = { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 6, .dport = 80, .sport = 5 };
	struct filter_key a, b;

	world(FV_INVISIBLE);
	look(&f, &a);
	conf.rule[0].by = FILTER_ON_IPID;
	f.id = 99;
	look(&f, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

/* What lies behind FILTER_HEAD is as if it were cut off */
static void
test_head(void **state)
{
	struct fv_frame f = { .what = FV_IP6, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 6, .dport = 80, .ext = { 60, 255 } };
	uint8_t frame[FV_FRAME_MAX], longer[FV_FRAME_MAX + 300];
	size_t len = fv_build(&f, frame);
	struct filter_key k;
	int units, bad = 0, good = 0;

	world(FV_INVISIBLE);
	for (units = 1; units < 32; units++) {	/* the header grows */
		size_t grown = (size_t)(units + 1) * 8, end = len - 16 + grown;

		memset(longer, 0, sizeof(longer));
		memcpy(longer, frame, 54 + 16);
		longer[54 + 1] = (uint8_t)units;
		memcpy(longer + 54 + grown, frame + 54 + 16, len - 54 - 16);
		filter_look(&conf, &tables, longer, longer + end, &k);
		assert_int_equal(k.kind, 54 + grown + 14 <= FILTER_HEAD ? FILTER_K_RULE : FILTER_K_BAD);
		*(k.kind == FILTER_K_BAD ? &bad : &good) += 1;
	}
	assert_true(bad > 0 && good > 0);
}

/* ---- what leaves ---- */

static uint16_t
icmp6_checksum(const uint8_t *frame, size_t len)
{
	uint32_t sum = (uint32_t)(len - 54) + 58;
	size_t i;

	for (i = 14 + 8; i + 1 < len; i += 2)	/* both addresses, and all behind */
		if (i != 56)
			sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
test_disguise(void **state)
{
	static const struct { struct fv_frame f; enum fv_world w; int yes, at, sum; } rows[] = {
		{ { .what = FV_ARP, .to = FV_EVERYBODY, .from = FV_OURS, .type = 1, .src = FV_A_VIP, .dst = FV_A_CLIENT }, 0, 1, 22, 0 },
		{ { .what = FV_ARP, .to = FV_CLIENT, .from = FV_OURS, .type = 2, .src = FV_A_VIP2, .dst = FV_A_CLIENT }, 0, 1, 22, 0 },
		{ { .what = FV_ARP, .to = FV_EVERYBODY, .from = FV_OURS, .type = 1, .src = FV_A_VIP, .dst = FV_A_VIP }, 0, 1, 22, 0 },
		{ { .what = FV_ARP, .to = FV_EVERYBODY, .from = FV_OURS, .type = 1, .src = FV_A_VIP, .dst = FV_A_VIP }, FV_MIRROR, 1, 22, 0 },
		{ { .what = FV_ARP, .to = FV_EVERYBODY, .from = FV_VMAC, .type = 1, .src = FV_A_VIP, .dst = FV_A_VIP }, 0, 0, 22, 0 },	/* it says so already */
		{ { .what = FV_ARP, .to = FV_CLIENT, .from = FV_OURS, .type = 2, .src = FV_A_OTHER, .dst = FV_A_VIP }, 0, 0, 0, 0 },
		{ { .what = FV_ARP, .to = FV_CLIENT, .from = FV_OURS, .type = 2, .src = FV_A_VIP, .dst = FV_A_CLIENT, .cut = 41 }, 0, 0, 0, 0 },
		{ { .what = FV_ARP, .to = FV_CLIENT, .from = FV_OURS, .type = 2, .src = FV_A_VIP, .dst = FV_A_CLIENT }, FV_DIRECTED, 0, 0, 0 },
		{ { .what = FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .proto = 58, .type = 136, .src = FV_A_OTHER, .dst = FV_A_VIP }, 0, 1, 80, 56 },
		{ { .what = FV_IP6, .to = FV_SOLICITED, .from = FV_OURS, .proto = 58, .type = 135, .src = FV_A_VIP2, .dst = FV_A_CLIENT }, 0, 1, 80, 56 },
		{ { .what = FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .proto = 58, .type = 136, .src = FV_A_VIP, .dst = FV_A_OTHER }, 0, 0, 0, 0 },
		{ { .what = FV_IP6, .to = FV_SOLICITED, .from = FV_OURS, .proto = 58, .type = 135, .src = FV_A_OTHER, .dst = FV_A_VIP }, 0, 0, 0, 0 },
		{ { .what = FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .proto = 58, .type = 136, .dst = FV_A_VIP, .cut = 78 }, 0, 0, 0, 0 },	/* no option */
		{ { .what = FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .proto = 58, .type = 128, .src = FV_A_VIP, .dst = FV_A_VIP }, 0, 0, 0, 0 },
		{ { .what = FV_IP4, .to = FV_CLIENT, .from = FV_OURS, .proto = 6, .src = FV_A_VIP, .dst = FV_A_CLIENT }, 0, 0, 0, 0 },
		{ { .what = FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .proto = 58, .type = 136, .dst = FV_A_VIP }, FV_DIRECTED, 0, 0, 0 },
	};
	uint8_t frame[FV_FRAME_MAX], before[FV_FRAME_MAX];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = fv_build(&rows[i].f, frame);
		struct filter_spot s;
		uint16_t sum;
		int yes;

		world(rows[i].w);
		if (rows[i].sum != 0) {
			sum = icmp6_checksum(frame, len);
			frame[56] = (uint8_t)(sum >> 8);
			frame[57] = (uint8_t)sum;
		}
		memcpy(before, frame, len);
		yes = filter_disguise(&conf, frame, frame + len, &s);
		if (yes != rows[i].yes || s.at != rows[i].at || s.checksum_at != rows[i].sum)
			fail_msg("row %d: %d, at %u, checksum at %u", (int)i + 1, yes, s.at, s.checksum_at);
		assert_memory_equal(frame, before, len);
		if (!yes)
			continue;
		assert_memory_equal(frame + s.at, conf.mac, 6);
		if (s.checksum_at != 0) {
			memcpy(&sum, frame + s.checksum_at, 2);
			sum = filter_mended(sum, frame + s.at, conf.vmac);
			memcpy(frame + s.checksum_at, &sum, 2);
		}
		memcpy(frame + s.at, conf.vmac, 6);
		assert_int_equal(filter_disguise(&conf, frame, frame + len, &s), 0);
		if (rows[i].sum != 0)
			assert_int_equal(frame[56] << 8 | frame[57], icmp6_checksum(frame, len));
	}
}

/* An option before the one that counts, one without length, too many */
static void
test_disguise_options(void **state)
{
	struct fv_frame f = { .what = FV_IP6, .to = FV_CLIENT, .from = FV_OURS, .proto = 58, .type = 136, .dst = FV_A_VIP };
	uint8_t frame[FV_FRAME_MAX], option[8];
	struct filter_spot s;
	size_t len;
	int n;

	world(FV_INVISIBLE);
	for (n = 0; n < 8; n++) {
		len = fv_build(&f, frame);
		memcpy(option, frame + 78, 8);
		memset(frame + 78, 0, (size_t)n * 8);
		for (len = 78; len < 78 + (size_t)n * 8; len += 8) {
			frame[len] = 14;	/* a nonce */
			frame[len + 1] = 1;
		}
		memcpy(frame + len, option, 8);
		assert_int_equal(filter_disguise(&conf, frame, frame + len + 8, &s), n < FILTER_EXT);
		if (n < FILTER_EXT)
			assert_int_equal(s.at, len + 2);
		assert_int_equal(filter_disguise(&conf, frame, frame + len + 7, &s), 0);
	}
	frame[79] = 0;
	assert_int_equal(filter_disguise(&conf, frame, frame + len + 8, &s), 0);
}

/* ---- the spread ---- */

#define SEEDS	50

/* Chi-square of 10,000 clients over 256 buckets: 255 degrees of freedom, 1 %: 310.46 */
static double
chi_square(const unsigned n[FILTER_BUCKETS], unsigned total)
{
	double mean = total / (double)FILTER_BUCKETS, sum = 0;
	int i;

	for (i = 0; i < FILTER_BUCKETS; i++)
		sum += (n[i] - mean) * (n[i] - mean) / mean;
	return sum;
}

static void
client(int how, unsigned i, struct fv_random *r, uint8_t a[16], uint16_t *port)
{
	uint32_t ip = 0;
	bool v6 = how >= 6;

	*port = 40000;
	switch (how % 6) {
	case 0: ip = 0x0a000001 + i; break;				/* neighbours */
	case 1: ip = 0x0a010001; *port = (uint16_t)(1024 + i); break;	/* one client, port after port */
	case 2: r->x += 0x9e3779b97f4a7c15u; ip = (uint32_t)(r->x * 0xd1342543de82ef95u >> 32); *port = (uint16_t)(r->x >> 40); break;
	case 3: ip = i << 16 | 1; break;				/* /16 after /16 */
	case 4: ip = 0x0a000000 + i / 100; *port = (uint16_t)(32768 + i % 100 * 2); break;	/* 100 clients, every other port */
	case 5: ip = 0xc0a80000 + i * 256 + 7; break;			/* /24 after /24 */
	}
	memset(a, 0, 16);
	if (v6) {
		a[0] = 0x20;
		a[1] = 1;
		a[8] = (uint8_t)(ip >> 24);	/* the network differs as well as the host */
		a[6] = (uint8_t)(ip >> 16);
	} else {
		a[10] = a[11] = 0xff;
		a[12] = (uint8_t)(ip >> 24);
		a[13] = (uint8_t)(ip >> 16);
	}
	a[14] = (uint8_t)(ip >> 8);
	a[15] = (uint8_t)ip;
}

static void
test_spread(void **state)
{
	static const char *const names[] = { "addresses in a row", "ports in a row", "random", "/16 strides", "clients with even ports", "/24 strides" };
	unsigned n[FILTER_BUCKETS], i;
	int how, by, tests = 0, rejected = 0;
	uint32_t seed;

	for (how = 0; how < 12; how++)
		for (by = FILTER_ON_ADDR; by <= FILTER_ON_PORT; by++)
			for (seed = 0; seed < SEEDS; seed++) {
				struct fv_random r = { 1 };
				double x;

				if (by == FILTER_ON_ADDR && (how % 6 == 1 || how % 6 == 4))
					continue;	/* one client, or a hundred */
				memset(n, 0, sizeof(n));
				for (i = 0; i < 10000; i++) {
					uint8_t a[16];
					uint16_t port;

					client(how, i, &r, a, &port);
					n[filter_bucket(seed * 0x01000193u, by, a, port, 0)]++;
				}
				x = chi_square(n, 10000);
				tests++;
				rejected += x > 310.46;
				if (seed == 0 && x > 310.46)
					fail_msg("rejected: %s, %s, %s: %.1f", names[how % 6], how >= 6 ? "IPv6" : "IPv4", by == FILTER_ON_ADDR ? "on_addr" : "on_port", x);
				if (x > 400)	/* 6 sigma: no chance, whatever the seed */
					fail_msg("%s, %s, %s, seed %u: %.1f", names[how % 6], how >= 6 ? "IPv6" : "IPv4", by == FILTER_ON_ADDR ? "on_addr" : "on_port", seed, x);
			}
	assert_int_equal(tests, 20 * SEEDS);
	print_message("# chi-square above the 1 %% limit: %d of %d\n", rejected, tests);
	assert_in_range(rejected, 0, tests * 2 / 100);	/* chance: 1 % */
}

/* And shares of nodes, not only of buckets: half of the buckets is half of the clients */
static void
test_halves(void **state)
{
	unsigned low = 0, i;

	for (i = 0; i < 10000; i++) {
		struct fv_random r = { 1 };
		uint8_t a[16];
		uint16_t port;

		client(0, i, &r, a, &port);
		low += filter_bucket(1, FILTER_ON_ADDR, a, port, 0) < 128;
	}
	assert_in_range(low, 4871, 5129);	/* 2.58 sigma: 1 % */
}

/* ---- random frames: nothing beyond [data, end) is looked at, verdicts keep to what must hold always ---- */

static void
test_random(void **state)
{
	struct filter_control control = { 0, 0, NOW + 1 };
	struct fv_random r = { 20261122 };
	unsigned kinds[FILTER_K_BAD + 1] = { 0 }, sent = 0, i, n;

	for (i = 0; i < 300; i++) {
		fv_random_conf(&r, &conf);
		fv_random_tables(&r, &tables);
		for (n = 0; n < 100; n++) {
			uint8_t frame[FV_FRAME_MAX], padded[FV_FRAME_MAX + 64];
			size_t len = fv_random_frame(&r, &conf, frame);
			uint8_t *exact = malloc(len > 0 ? len : 1);
			struct filter_key a, b;
			struct filter_spot s;
			struct filter_verdict d;
			int held;

			assert_non_null(exact);
			memcpy(exact, frame, len);
			memset(padded, 0x5c, sizeof(padded));
			memcpy(padded, frame, len);
			memset(&a, 0, sizeof(a));
			memset(&b, 0, sizeof(b));
			filter_look(&conf, &tables, exact, exact + len, &a);
			filter_look(&conf, &tables, padded, padded + len, &b);
			assert_int_equal(a.kind, b.kind);
			if (a.kind != FILTER_K_PASS)
				assert_memory_equal(&a, &b, sizeof(a));
			kinds[a.kind]++;
			if (len > FILTER_LINEAR) {	/* with less of it at hand: the same, or BAD */
				filter_look(&conf, &tables, exact, exact + FILTER_LINEAR, &b);
				assert_true(b.kind == a.kind || b.kind == FILTER_K_BAD);
				assert_true((b.kind != FILTER_K_RULE && b.kind != FILTER_K_ARP) || memcmp(&a, &b, sizeof(a)) == 0);
			}
			filter_disguise(&conf, exact, exact + len, &s);
			assert_true(s.at + 6u <= len || s.at == 0);
			for (held = FILTER_NOT_HELD; held <= FILTER_HELD; held++) {
				d = filter_judge(&conf, &tables, &control, NOW, &a, len >= 12 ? exact + 6 : frame, held);
				assert_int_equal(d.pass, a.kind == FILTER_K_PASS);
				assert_true(d.to == 0 || conf.mode == FILTER_DIRECTED);
				assert_int_equal(d.to & (~tables.known | tables.deaf), 0);
				assert_int_equal(d.to >> conf.self & 1, 0);
				assert_true(d.to == 0 || !d.take || a.kind == FILTER_K_PIECE);
				sent += d.to != 0;
			}
			free(exact);
		}
	}
	for (i = 0; i <= FILTER_K_BAD; i++)
		assert_true(kinds[i] > 100);	/* the generator reaches everything */
	assert_true(sent > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_vectors_are_complete),
		cmocka_unit_test(test_one_connection_one_bucket),
		cmocka_unit_test(test_by),
		cmocka_unit_test(test_tcp_on_ipid),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_disguise),
		cmocka_unit_test(test_disguise_options),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
