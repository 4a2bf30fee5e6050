/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_frames.c: frames and configurations built from the short words of filter_vectors.h, and random ones.  Knows the protocols by
 * itself: nothing of filter_core.h is used here.
 */
#include "filter_vectors.h"

#include <string.h>

/* ---- worlds ---- */

static const uint8_t macs[][6] = {
	[FV_VMAC] = { 0x5a, 0xfe, 10, 1, 0, 100 }, [FV_OURS] = { 2, 0, 0, 0, 0, 0 }, [FV_EVERYBODY] = { 255, 255, 255, 255, 255, 255 },
	[FV_SOLICITED] = { 0x33, 0x33, 0xff, 0, 1, 0 }, [FV_CLIENT] = { 2, 0, 0, 0, 0, 0xc1 }, [FV_MEMBER2] = { 2, 0, 0, 0, 0, 2 },
	[FV_STRANGER] = { 0x5a, 0xfe, 10, 1, 0, 99 },
};

static void
address(int at, bool v6, uint8_t out[16])
{
	static const uint8_t last[] = { [FV_A_CLIENT] = 1, [FV_A_VIP] = 100, [FV_A_VIP2] = 101, [FV_A_VIP3] = 102, [FV_A_OTHER] = 103, [FV_A_NONE] = 0 };

	memset(out, 0, 16);
	if (v6) {
		if (at == FV_A_NONE)
			return;
		out[0] = 0xfd;
		out[3] = 1;
		out[15] = last[at];
	} else {
		out[10] = out[11] = 0xff;
		if (at == FV_A_NONE)
			return;
		out[12] = 10;
		out[13] = 1;
		out[15] = last[at];
	}
}

/* Addresses: VIP, VIP2, VIP3 in IPv4 are 0 1 2, in IPv6 3 4 5 */
static const struct filter_rule rules[] = {
	{ FILTER_TCP, FILTER_ON_PORT, FILTER_ANY, 0, 80, 0 },
	{ FILTER_TCP, FILTER_ON_ADDR, 1, 1, 443, 0 },
	{ FILTER_TCP, FILTER_ON_ADDR, 4, 1, 443, 0 },
	{ FILTER_TCP, FILTER_ON_ADDR, 2, 2, 0, 0 },
	{ FILTER_UDP, FILTER_ON_IPID, 0, 1, 53, 0 },
	{ FILTER_UDP, FILTER_ON_IPID, 3, 1, 53, 0 },
	{ FILTER_UDP, FILTER_ON_ADDR, 1, 2, 0, 0 },
	{ FILTER_UDP, FILTER_ON_ADDR, 4, 2, 0, 0 },
	{ FILTER_UDP, FILTER_ON_IPID, 2, 1, 0, 0 },
	{ FILTER_UDP, FILTER_ON_PORT, 5, 1, 0, 0 },
	{ FILTER_UDP, FILTER_ON_PORT, FILTER_ANY, 0, 53, 0 },	/* never for VIP: an earlier one matches */
	{ FILTER_ARP, FILTER_ON_ADDR, 0, 1, 0, 0 },
	{ FILTER_ARP, FILTER_ON_ADDR, FILTER_ANY, 2, 0, 0 },
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

void
fv_conf(enum fv_world w, struct filter_conf *c)
{
	int i;

	memset(c, 0, sizeof(*c));
	c->abi = FILTER_ABI;
	c->mode = w == FV_DIRECTED || w == FV_DIRECTED_NO_ARP_RULE ? FILTER_DIRECTED : FILTER_INVISIBLE;
	memcpy(c->vmac, macs[FV_VMAC], 6);
	memcpy(c->mac, macs[FV_OURS], 6);
	c->addrs = 6;
	for (i = 0; i < 6; i++)
		address(FV_A_VIP + i % 3, i >= 3, c->addr[i]);
	if (w == FV_MIRROR)
		return;
	c->groups = 3;
	c->rules = RULES - (w == FV_NO_ARP_RULE || w == FV_DIRECTED_NO_ARP_RULE ? 2 : 0);
	memcpy(c->rule, rules, c->rules * sizeof(rules[0]));
}

void
fv_tables(const struct fv_vector *v, struct filter_tables *t)
{
	int i, g, b;

	memset(t, 0, sizeof(*t));
	t->known = 0xf;
	t->deaf = v->deaf;
	for (i = 0; i < 4; i++) {
		memcpy(t->mac[i], macs[FV_OURS], 6);
		t->mac[i][5] = (uint8_t)i;
	}
	for (g = 0; g < FILTER_GROUPS; g++) {
		t->group[g].seed = (uint32_t)g * 77 + 1;
		for (b = 0; b < FILTER_BUCKETS; b++) {
			t->group[g].bucket[b].owner = g == v->group ? v->owner : FILTER_NOBODY;
			t->group[g].bucket[b].holders = g == v->group ? v->holders : 0;
		}
	}
}

/* ---- frames ---- */

struct out { uint8_t *p; size_t n; };

static void
put(struct out *o, const void *bytes, size_t n)
{
	if (o->n + n > FV_FRAME_MAX)
		n = FV_FRAME_MAX - o->n;
	memcpy(o->p + o->n, bytes, n);
	o->n += n;
}
static void put8(struct out *o, unsigned v) { uint8_t b = (uint8_t)v; put(o, &b, 1); }
static void put16(struct out *o, unsigned v) { put8(o, v >> 8); put8(o, v & 255); }
static void put_zero(struct out *o, size_t n) { while (n-- > 0) put8(o, 0); }

static void
put_address(struct out *o, int at, bool v6)
{
	uint8_t a[16];

	address(at, v6, a);
	if (v6)
		put(o, a, 16);
	else
		put(o, a + 12, 4);
}

static void
put_ports(struct out *o, const struct fv_frame *f, unsigned proto, bool turned)
{
	put16(o, turned ? f->dport : f->sport);
	put16(o, turned ? f->sport : f->dport);
	if (proto == 17) {
		put16(o, 8 + 16);
		put_zero(o, 2 + (turned ? 0 : 16));
	} else {
		put16(o, 0x1122);
		put16(o, 0x3344);
		if (turned)
			return;
		put_zero(o, 4);
		put8(o, 5 << 4);
		put8(o, f->flags);
		put_zero(o, 6 + 16);
	}
}

static void
put_ip4(struct out *o, const struct fv_frame *f, bool inner)
{
	unsigned ihl = inner ? f->inner_ihl : f->ihl, proto = inner ? f->inner : f->proto;

	if (ihl == 0)
		ihl = 5;
	put8(o, (f->version != 0 && !inner ? f->version : 4) << 4 | (ihl == 1 ? 0 : ihl));
	put8(o, 0);
	put16(o, 0);	/* total length: nobody looks */
	put16(o, inner ? 0x9999 : f->id);
	put16(o, (f->more && !inner ? 0x2000 : 0) | (inner ? f->inner_offset : f->offset));
	put8(o, 64);
	put8(o, proto);
	put16(o, 0);
	put_address(o, inner ? f->inner_src : f->src, false);
	put_address(o, inner ? f->inner_dst : f->dst, false);
	if (ihl > 5)
		put_zero(o, (ihl - 5) * 4);
}

static void
put_ip6(struct out *o, const struct fv_frame *f, bool inner)
{
	unsigned proto = inner ? f->inner : f->proto, i, n = 0;
	uint8_t chain[sizeof(f->ext) + 2];

	if (!inner || f->inner_ext)
		for (; n < sizeof(f->ext) && f->ext[n] != 255 && (n > 0 || f->ext[0] != 0); n++)
			chain[n] = f->ext[n] == 254 ? 0 : f->ext[n];
	chain[n] = (uint8_t)proto;
	put8(o, (f->version != 0 && !inner ? f->version : 6) << 4);
	put_zero(o, 5);
	put8(o, chain[0]);
	put8(o, 255);
	put_address(o, inner ? f->inner_src : f->src, true);
	if (!inner && proto == 58 && f->type == 135 && f->to == FV_SOLICITED) {
		static const uint8_t all[16] = { 0xff, 2, [11] = 1, 0xff, 0, 1, 0 };

		put(o, all, 16);
	} else {
		put_address(o, inner ? f->inner_dst : f->dst, true);
	}
	for (i = 0; i < n; i++) {
		put8(o, chain[i + 1]);
		if (chain[i] == 44) {
			put8(o, 0);
			put16(o, (inner ? f->inner_offset : f->offset) * 8u | (f->more && !inner));
			put_zero(o, 4);
		} else {	/* 16 bytes long */
			put8(o, chain[i] == 51 ? 2 : 1);
			put_zero(o, 14);
		}
	}
}

size_t
fv_build(const struct fv_frame *f, uint8_t out[FV_FRAME_MAX])
{
	static const uint16_t types[] = { [FV_IP4] = 0x0800, [FV_IP6] = 0x86dd, [FV_ARP] = 0x0806, [FV_ALIEN] = 0x88b5 };
	struct out o = { out, 0 };
	bool v6 = f->what == FV_IP6;

	memset(out, 0, FV_FRAME_MAX);
	put(&o, macs[f->to], 6);
	put(&o, macs[f->from], 6);
	put16(&o, types[f->what]);
	if (f->what == FV_ARP) {
		put16(&o, 1);
		put16(&o, 0x0800);
		put16(&o, 0x0604);
		put16(&o, f->type);
		put(&o, macs[f->from], 6);
		put_address(&o, f->src, false);
		put_zero(&o, 6);
		put_address(&o, f->dst, false);
	} else if (f->what == FV_ALIEN) {
		put_zero(&o, 46);
	} else {
		if (v6)
			put_ip6(&o, f, false);
		else
			put_ip4(&o, f, false);
		if (f->offset != 0) {
			put_zero(&o, 32);
		} else if (f->proto == 6 || f->proto == 17) {
			put_ports(&o, f, f->proto, false);
		} else if (f->proto == 58 && (f->type == 135 || f->type == 136)) {
			put8(&o, f->type);
			put_zero(&o, 7);
			put_address(&o, f->dst, true);
			put8(&o, f->type == 135 ? 1 : 2);
			put8(&o, 1);
			put(&o, macs[f->from], 6);
		} else if (f->proto == 1 || f->proto == 58) {
			put8(&o, f->type);
			put_zero(&o, 7);
			if (f->inner != 0) {
				if (v6)
					put_ip6(&o, f, true);
				else
					put_ip4(&o, f, true);
				if (f->inner_offset != 0)
					put_zero(&o, 8);
				else
					put_ports(&o, f, f->inner, true);
			} else {
				put_zero(&o, 48);
			}
		} else {
			put_zero(&o, 32);
		}
	}
	if (f->padded && o.n < 60)
		put_zero(&o, 60 - o.n);
	if (f->cut != 0 && f->cut < o.n) {
		memset(out + f->cut, 0xee, o.n - f->cut);
		o.n = f->cut;
	}
	return o.n;
}

/* ---- random: SplitMix64 (S. Vigna, public domain algorithm) ---- */

static uint32_t
below(struct fv_random *r, uint32_t n)
{
	uint64_t z = r->x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return (uint32_t)((z >> 32) * n >> 32);
}

void
fv_random_conf(struct fv_random *r, struct filter_conf *c)
{
	static const uint8_t protos[] = { FILTER_TCP, FILTER_TCP, FILTER_UDP, FILTER_UDP, FILTER_ARP };
	static const uint16_t ports[] = { 0, 53, 80, 443, 9010 };
	uint32_t i;

	fv_conf((enum fv_world)below(r, FV_WORLDS), c);
	c->self = (uint8_t)below(r, 4);
	memcpy(c->mac, macs[FV_OURS], 6);
	if (c->groups == 0 || below(r, 4) == 0)
		return;
	c->groups = (uint8_t)(1 + below(r, FILTER_GROUPS));
	c->rules = (uint16_t)(below(r, 8) == 0 ? FILTER_RULES : below(r, 20));
	for (i = 0; i < c->rules; i++) {
		struct filter_rule *u = &c->rule[i];

		u->proto = protos[below(r, 5)];
		u->by = (uint8_t)below(r, 3);
		u->addr = (uint8_t)(below(r, 2) == 0 ? FILTER_ANY : below(r, c->addrs));
		u->group = (uint8_t)below(r, c->groups);
		u->port = u->proto == FILTER_ARP ? 0 : c->rules == FILTER_RULES ? (uint16_t)(9000 + i) : ports[below(r, 5)];
	}
}

void
fv_random_tables(struct fv_random *r, struct filter_tables *t)
{
	uint32_t i, g, b;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < 4; i++) {
		memcpy(t->mac[i], macs[FV_OURS], 6);
		t->mac[i][5] = (uint8_t)i;
		t->known |= (below(r, 8) != 0) * 1u << i;
		t->deaf |= (below(r, 8) == 0) * 1u << i;
	}
	for (g = 0; g < FILTER_GROUPS; g++) {
		uint32_t kind = below(r, 4);

		t->group[g].seed = below(r, 0xffffffff);
		for (b = 0; b < FILTER_BUCKETS; b++) {
			t->group[g].bucket[b].owner = (uint8_t)(below(r, 16) == 0 ? FILTER_NOBODY : below(r, 4));
			t->group[g].bucket[b].holders = kind == 0 ? 0 : below(r, 16) & below(r, 16);
		}
	}
}

size_t
fv_random_frame(struct fv_random *r, const struct filter_conf *c, uint8_t out[FV_FRAME_MAX])
{
	static const uint8_t protos[] = { 6, 6, 6, 17, 17, 17, 1, 58, 1, 58, 47, 59 };
	static const uint8_t types4[] = { 0, 3, 4, 5, 8, 11, 12 }, types6[] = { 1, 2, 3, 4, 128, 129, 135, 136 };
	static const uint8_t exts[] = { 254, 43, 44, 51, 60, 44, 135 };
	static const uint16_t ports[] = { 53, 80, 443, 9010 };
	struct fv_frame f;
	uint32_t i, n;
	size_t len;

	memset(&f, 0, sizeof(f));
	i = below(r, 16);
	f.what = (uint8_t)(i < 7 ? FV_IP4 : i < 13 ? FV_IP6 : i < 15 ? FV_ARP : FV_ALIEN);
	f.to = (uint8_t)(below(r, 8) == 0 ? below(r, FV_STRANGER + 1) : c->mode == FILTER_INVISIBLE ? FV_VMAC : FV_OURS);
	f.from = (uint8_t)(below(r, 4) == 0 ? FV_MEMBER2 : FV_CLIENT);
	f.src = (uint8_t)(below(r, 8) == 0 ? below(r, FV_A_NONE + 1) : FV_A_CLIENT);
	f.dst = (uint8_t)(below(r, 8) == 0 ? below(r, FV_A_NONE + 1) : FV_A_VIP + below(r, 3));
	f.proto = protos[below(r, sizeof(protos))];
	f.flags = (uint8_t)(below(r, 3) == 0 ? 0x02 : below(r, 3) == 0 ? below(r, 256) : 0x10);
	f.type = f.what == FV_ARP ? (uint8_t)(1 + below(r, 8) / 7) : f.proto == 58 ? types6[below(r, sizeof(types6))] : types4[below(r, sizeof(types4))];
	if (f.what == FV_ARP && below(r, 2) == 0)
		f.to = FV_EVERYBODY;
	if (f.what == FV_IP6 && f.proto == 58 && f.type == 135 && below(r, 2) == 0)
		f.to = FV_SOLICITED;
	f.ihl = (uint8_t)(below(r, 6) == 0 ? 5 + below(r, 11) : below(r, 60) == 0);
	f.version = (uint8_t)(below(r, 60) == 0 ? 1 + below(r, 15) : 0);
	if (f.what == FV_IP6 && below(r, 3) == 0) {
		n = below(r, 4) == 0 ? below(r, sizeof(f.ext)) : 1 + below(r, 2);
		for (i = 0; i < sizeof(f.ext); i++)
			f.ext[i] = i < n ? exts[below(r, sizeof(exts))] : 255;
	}
	f.inner = (uint8_t)(below(r, 3) == 0 ? 17 : 6);
	f.inner_src = (uint8_t)(below(r, 8) == 0 ? below(r, FV_A_NONE + 1) : f.dst);
	f.inner_dst = f.src;
	f.inner_ihl = (uint8_t)(below(r, 8) == 0 ? 1 + below(r, 15) : 0);
	f.inner_offset = (uint16_t)(below(r, 8) == 0);
	f.inner_ext = below(r, 2) == 0;
	f.padded = below(r, 2) == 0;
	f.sport = (uint16_t)below(r, 65536);
	f.dport = (uint16_t)(below(r, 4) == 0 ? 9000 + below(r, 256) : ports[below(r, 4)]);
	f.id = (uint16_t)below(r, 65536);
	f.offset = (uint16_t)(below(r, 6) == 0 ? below(r, 0x2000) : 0);
	f.more = below(r, 6) == 0;
	len = fv_build(&f, out);
	if (below(r, 6) == 0)
		len = below(r, (uint32_t)len + 1);
	for (i = below(r, 10) == 0 ? 1 + below(r, 4) : 0; i > 0 && len > 0; i--)
		out[below(r, (uint32_t)len)] = (uint8_t)below(r, 256);
	return len;
}
