/* SPDX-License-Identifier: GPL-2.0-or-later */
/* t_vip.c: what of vipd is pure: addresses, announcements byte by byte, vip.json, bitmaps in words. */
#include "config.h"
#include "vip/announce.h"
#include "vip/bitmap.h"
#include "vip/ip.h"
#include "vip/left.h"
#include "vip/resolve.h"

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct sockaddr_storage
ip(const char *text)
{
	struct sockaddr_storage a;

	assert_true(ip_parse(text, &a));
	return a;
}

/* ---- ip ---- */

static void
t_ip_text(void **state)
{
	static const char *const good[] = { "10.1.0.100", "fd00::1", "::ffff:10.1.0.1", "0.0.0.0" };
	static const char *const bad[] = { "", "10.1.0", "10.1.0.256", "fd00::g", "host", "10.1.0.1/24", "fe80::1%eth0" };
	struct sockaddr_storage a;
	char buf[IP_TEXT_MAX];
	size_t i;

	for (i = 0; i < ARRAY_LEN(good); i++) {
		a = ip(good[i]);
		assert_string_equal(ip_text(&a, buf), good[i]);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ip_parse(bad[i], &a));
	memset(&a, 0, sizeof(a));
	assert_string_equal(ip_text(&a, buf), "");
}

static void
t_ip_networks(void **state)
{
	static const struct { const char *ip, *net; int prefix; bool in; const char *network; } rows[] = {
		{ "10.1.0.100", "10.1.0.11", 24, true, "10.1.0.0" },
		{ "10.1.1.100", "10.1.0.11", 24, false, "10.1.1.0" },
		{ "10.1.1.100", "10.1.0.11", 23, true, "10.1.0.0" },
		{ "10.1.0.127", "10.1.0.128", 25, false, "10.1.0.0" },
		{ "10.1.0.129", "10.1.0.128", 25, true, "10.1.0.128" },
		{ "192.0.2.1", "10.0.0.1", 0, true, "0.0.0.0" },
		{ "10.1.0.1", "10.1.0.1", 32, true, "10.1.0.1" },
		{ "10.1.0.1", "10.1.0.2", 32, false, "10.1.0.1" },
		{ "fd00::1:2", "fd00::5", 64, true, "fd00::" },
		{ "fd00:0:0:1::1", "fd00::5", 64, false, "fd00:0:0:1::" },
		{ "fd00:0:0:1::1", "fd00::5", 63, true, "fd00::" },
		{ "fd00::1", "10.1.0.1", 0, false, "::" },
	};
	char buf[IP_TEXT_MAX];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct sockaddr_storage a = ip(rows[i].ip), b = ip(rows[i].net), n;

		assert_int_equal(ip_in(&a, &b, rows[i].prefix), rows[i].in);
		ip_network(&a, rows[i].prefix, &n);
		assert_string_equal(ip_text(&n, buf), rows[i].network);
	}
}

static void
t_ip_bytes(void **state)
{
	static const uint8_t four[16] = { [10] = 0xff, 0xff, 10, 1, 0, 100 }, six[16] = { 0xfd, [15] = 1 };
	struct sockaddr_storage a = ip("10.1.0.100"), b = ip("fd00::1");
	uint8_t out[16];

	ip_bytes(&a, out);
	assert_memory_equal(out, four, 16);
	ip_bytes(&b, out);
	assert_memory_equal(out, six, 16);
	assert_int_equal(ip_bits(&a), 32);
	assert_int_equal(ip_bits(&b), 128);
	assert_true(ip_same(&a, &a));
	assert_false(ip_same(&a, &b));
	b = ip("10.1.0.101");
	assert_false(ip_same(&a, &b));
}

/* User's guide 4.3.4: 192.168.56.20 is at 5a-fe-c0-a8-38-14 */
static void
t_vmac(void **state)
{
	static const uint8_t guide[6] = { 0x5a, 0xfe, 0xc0, 0xa8, 0x38, 0x14 }, six[6] = { 0x5a, 0xfe, 0x12, 0x34, 0x56, 0x78 };
	static const char *const bad[] = { "", "5a:fe", "5a:fe:00:00:00:0", "5a:fe:00:00:00:000", "5a-fe-00-00-00-00", "5g:fe:00:00:00:00",
		"5a:fe:00:00:00:00:", "5a:fe:00:00:0000" };
	struct sockaddr_storage a = ip("192.168.56.20"), b = ip("fd00::1234:5678");
	uint8_t mac[6];
	size_t i;

	ip_default_vmac(&a, mac);
	assert_memory_equal(mac, guide, 6);
	ip_default_vmac(&b, mac);
	assert_memory_equal(mac, six, 6);
	assert_true(ip_mac_parse("5a:FE:c0:a8:38:14", mac));
	assert_memory_equal(mac, guide, 6);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ip_mac_parse(bad[i], mac));
}

static void
t_pick(void **state)
{
	static const struct { const char *list[4], *best; } rows[] = {
		{ { "10.9.0.120", "10.9.0.110" }, "10.9.0.110" },
		{ { "fd00::1", "10.9.0.120", "10.9.0.121" }, "10.9.0.120" },
		{ { "10.9.0.120", "fd00::1" }, "10.9.0.120" },
		{ { "fd00::2", "fd00::1" }, "fd00::1" },
		{ { "9.255.0.1", "10.0.0.1" }, "9.255.0.1" },
		{ { NULL }, NULL },
	};
	size_t i;
	int k;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct sockaddr_storage at[4], best;
		struct addrinfo list[4] = { { 0 } };
		char buf[IP_TEXT_MAX];

		for (k = 0; k < 4 && rows[i].list[k] != NULL; k++) {
			at[k] = ip(rows[i].list[k]);
			list[k].ai_family = at[k].ss_family;
			list[k].ai_addr = (struct sockaddr *)&at[k];
			if (k > 0)
				list[k - 1].ai_next = &list[k];
		}
		assert_int_equal(resolve_pick(k > 0 ? list : NULL, &best), rows[i].best != NULL);
		if (rows[i].best != NULL)
			assert_string_equal(ip_text(&best, buf), rows[i].best);
	}
}

/* ---- announcements ---- */

static const uint8_t own[6] = { 0x02, 1, 2, 3, 4, 5 }, virtual_mac[6] = { 0x5a, 0xfe, 10, 1, 0, 100 };

static void
t_arp(void **state)
{
	static const uint8_t expected[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 1, 2, 3, 4, 5, 0x08, 0x06,
		0, 1, 0x08, 0x00, 6, 4, 0, 1,				/* Ethernet, IPv4, request */
		0x5a, 0xfe, 10, 1, 0, 100, 10, 1, 0, 100,		/* sender */
		0, 0, 0, 0, 0, 0, 10, 1, 0, 100,			/* target: the same address */
	};
	struct sockaddr_storage a = ip("10.1.0.100");
	uint8_t out[ANNOUNCE_FRAME_MAX];

	assert_int_equal(announce_frame(&a, own, virtual_mac, out), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
	announce_frame(&a, own, own, out);
	assert_memory_equal(out + 22, own, 6);
	memset(&a, 0, sizeof(a));
	assert_int_equal(announce_frame(&a, own, own, out), 0);
}

static uint16_t
sum_of(const uint8_t *frame)	/* of pseudo-header and message: 0xffff when the checksum is right */
{
	uint32_t sum = 32 + 58;
	int i;

	for (i = 22; i < 86; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void
t_advert(void **state)
{
	static const uint8_t expected[86] = {
		0x33, 0x33, 0, 0, 0, 1, 0x02, 1, 2, 3, 4, 5, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 32, 58, 255,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,	/* from fd00::100 */
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,	/* to all nodes */
		136, 0, 0, 0, 0x20, 0, 0, 0,				/* override, not solicited */
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		2, 1, 0x5a, 0xfe, 10, 1, 0, 100,			/* target link-layer address */
	};
	struct sockaddr_storage a = ip("fd00::100");
	uint8_t out[ANNOUNCE_FRAME_MAX];

	assert_int_equal(announce_frame(&a, own, virtual_mac, out), sizeof(expected));
	assert_int_equal(sum_of(out), 0xffff);
	out[56] = out[57] = 0;
	assert_memory_equal(out, expected, sizeof(expected));
}

/* ---- vip.json ---- */

static void
example(struct left *l)
{
	memset(l, 0, sizeof(*l));
	str_copy(l->module, sizeof(l->module), "am");
	l->id = 7;
	l->self = 1;
	l->nodes_count = 2;
	str_copy(l->nodes[0], SK_NAME_MAX, "n1");
	str_copy(l->nodes[1], SK_NAME_MAX, "n2");
	l->groups_count = 1;
	str_copy(l->groups[0], SK_NAME_MAX, "FarmProto");
	l->addrs_count = 2;
	l->addrs[0] = (struct left_addr){ "vip.test", "10.1.0.100", "eth0", 3, 24 };
	l->addrs[1] = (struct left_addr){ "fd00::1", "fd00::1", "eth1", 4, 64 };
	l->intfs_count = 1;
	l->intfs[0] = (struct left_intf){ "eth0", 3, "bpf", true, false };
}

static void
t_left_round_trip(void **state)
{
	static struct left a, b;
	char err[160] = "x";
	char *text;

	example(&a);
	text = left_encode(&a, "boot-1");
	assert_non_null(text);
	assert_true(left_decode(text, strlen(text), "boot-1", &b, err, sizeof(err)));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_false(left_decode(text, strlen(text), "boot-2", &b, err, sizeof(err)));
	assert_string_equal(err, "");
	free(text);
}

/* Each row: a text in a good vip.json, and what stands there instead */
static void
t_left_wrong(void **state)
{
	static const char *const rows[][2] = {
		{ "\"boot-1\"", "1" }, { "\"am\"", "\"../am\"" }, { "\"am\"", "1" }, { "\"id\": 7", "\"id\": 0" }, { "\"id\": 7", "\"id\": 257" },
		{ "\"self\": 1", "\"self\": 32" }, { "\"self\": 1", "\"self\": \"1\"" }, { "\"n1\"", "1" }, { "\"FarmProto\"", "null" },
		{ "\"addresses\"", "\"addr\"" }, { "\"interfaces\"", "\"intf\"" }, { "\"prefix\": 24", "\"prefix\": 129" },
		{ "\"prefix\": 24", "\"prefix\": -1" }, { "\"index\": 4", "\"index\": 0" }, { "\"eth1\"", "[]" }, { "\"bpf\"", "\"bpfbpfbpfbpfbpfbpf\"" },
		{ "{", "" }, { "\"10.1.0.100\"", "\"0123456789012345678901234567890123456789012345\"" },
	};
	static struct left a;
	char err[160], bad[8192], *text, *at;
	size_t i;

	example(&a);
	text = left_encode(&a, "boot-1");
	assert_non_null(text);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		at = strstr(text, rows[i][0]);
		assert_non_null(at);
		snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - text), text, rows[i][1], at + strlen(rows[i][0]));
		assert_false(left_decode(bad, strlen(bad), "boot-1", &a, err, sizeof(err)));
		assert_string_not_equal(err, "");
	}
	free(text);
	assert_false(left_decode("", 0, "boot-1", &a, err, sizeof(err)));
	assert_false(left_decode("\xff\xfe", 2, "boot-1", &a, err, sizeof(err)));
}

/* ---- bitmaps ---- */

static const char *
group_name(const void *ctx, int i)
{
	return i == 0 ? "FarmProto" : "other";
}

static void
print(const struct bitmap_view *v, char *buf, size_t size)
{
	FILE *f = fmemopen(buf, size, "w");

	assert_non_null(f);
	bitmap_print(f, v);
	fclose(f);
}

#define HALF	"ffffffff:ffffffff:ffffffff:ffffffff"
#define NONE	"00000000:00000000:00000000:00000000"

/* User's guide 4.3.5 */
static void
t_bitmap_guide(void **state)
{
	static struct filter_conf conf = { .mode = FILTER_INVISIBLE, .groups = 1 };
	static struct filter_tables tables;
	struct filter_control control = { .lease_ns = 100 };
	struct bitmap_view v = { "am", "eth0", "bpf", group_name, NULL, &conf, &tables, &control, NULL, 50 };
	char out[1024];
	int b;

	for (b = 0; b < FILTER_BUCKETS; b++)
		tables.group[0].bucket[b].owner = b < 128 ? 0 : 1;
	print(&v, out, sizeof(out));
	assert_string_equal(out, "module am, group FarmProto, interface eth0 (vmac_invisible, bpf)\nBitmap 1:" NONE ":" HALF "\n");
	conf.self = 1;
	print(&v, out, sizeof(out));
	assert_string_equal(out, "module am, group FarmProto, interface eth0 (vmac_invisible, bpf)\nBitmap 2:" HALF ":" NONE "\n");
	conf.mode = FILTER_DIRECTED;
	v.now_ns = 100;
	print(&v, out, sizeof(out));
	assert_string_equal(out, "module am, group FarmProto, interface eth0 (vmac_directed, bpf): the lease is over, nothing is taken\n"
	    "Bitmap 1:" NONE ":" HALF "\nBitmap 2:" HALF ":" NONE "\n");
	conf.groups = 0;
	print(&v, out, sizeof(out));
	assert_string_equal(out, "module am, interface eth0 (vmac_directed, bpf)\nBitmap 2:" HALF ":" HALF "\n");
}

static void
t_bitmap_bits(void **state)
{
	static struct filter_group g;
	char out[BITMAP_TEXT_MAX];
	int b;

	for (b = 0; b < FILTER_BUCKETS; b++)
		g.bucket[b].owner = FILTER_NOBODY;
	assert_int_equal(bitmap_owners(&g), 0);
	g.bucket[0].owner = g.bucket[33].owner = g.bucket[255].owner = 31;
	g.bucket[1].owner = 2;
	bitmap_text(&g, 31, out);
	assert_string_equal(out, "Bitmap 32:80000000:00000000:00000000:00000000:00000000:00000000:00000002:00000001");
	assert_int_equal(bitmap_owners(&g), 1u << 31 | 1u << 2);
}

static void
t_bitmap_counters(void **state)
{
	static struct filter_conf conf = { .mode = FILTER_INVISIBLE };
	static struct filter_tables tables;
	struct filter_control control = { 0 };
	struct filter_counts counts = { { 1, 2, 3, 4, 5, 6, 7, 8 } };
	struct bitmap_view v = { "am", "eth0", "module", group_name, NULL, &conf, &tables, &control, &counts, 0 };
	char out[1024];
	int i;

	for (i = 0; i < FILTER_COUNTS; i++)
		assert_non_null(filter_count_names[i]);
	print(&v, out, sizeof(out));
	assert_non_null(strstr(out, "\nframes: other 1, no_rule 2, owned 3, held 4, not_ours 5, sent_on 6, lease_over 7, bad 8\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_ip_text), cmocka_unit_test(t_ip_networks), cmocka_unit_test(t_ip_bytes), cmocka_unit_test(t_vmac),
		cmocka_unit_test(t_pick), cmocka_unit_test(t_arp), cmocka_unit_test(t_advert), cmocka_unit_test(t_left_round_trip),
		cmocka_unit_test(t_left_wrong), cmocka_unit_test(t_bitmap_guide), cmocka_unit_test(t_bitmap_bits), cmocka_unit_test(t_bitmap_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
