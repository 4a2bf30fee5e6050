/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm_info.c: what nodes of a farm tell each other, as bytes.  All big-endian, no padding; one form for one meaning:
 *
 *   version 1 (1), hash 4 (of the configuration that must be equal), view 4, leader 1, knows 4 (a bit per node whose MACs its filters
 *   know: it will not send on what comes from them), interfaces 1, groups 1,
 *   MAC 6 per interface (0: none),
 *   per group: 0 = may hold nothing, 1 = may hold all, 2 + 32 bytes: a bit per bucket, lowest first
 *
 * Called by: vip/farm_node.c, tests, fuzz.  Pure.
 */
#include "config.h"
#include "vip/farm_impl.h"

#include <endian.h>
#include <string.h>

#define INFO_VERSION	1
#define HEAD_LEN	16
enum { HOLDS_NONE, HOLDS_ALL, HOLDS_SOME };

static uint32_t
hash_bytes(uint32_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0)
		h = (h ^ *p++) * UINT32_C(16777619);	/* FNV-1a */
	return h;
}

uint32_t
farm_hash(const struct farm_conf *conf)
{
	uint32_t h = UINT32_C(2166136261), be;
	uint16_t power;
	uint8_t n[2] = { (uint8_t)conf->nodes, (uint8_t)conf->groups };
	int g, i;

	h = hash_bytes(h, n, sizeof(n));
	for (g = 0; g < conf->groups; g++) {
		h = hash_bytes(h, conf->group[g].name, strnlen(conf->group[g].name, SK_NAME_MAX - 1) + 1);
		be = htobe32(conf->group[g].seed);
		h = hash_bytes(h, &be, sizeof(be));
		for (i = 0; i < conf->nodes; i++) {
			power = htobe16(conf->group[g].power[i]);
			h = hash_bytes(h, &power, sizeof(power));
		}
	}
	return h;
}

static bool
is_all(const uint8_t bits[FILTER_BUCKETS / 8], uint8_t byte)
{
	int i;

	for (i = 0; i < FILTER_BUCKETS / 8; i++)
		if (bits[i] != byte)
			return false;
	return true;
}

bool
farm_info(struct farm *f, const uint8_t **info, size_t *len)
{
	uint8_t *p = f->info;
	uint32_t be;
	int g, kind;

	if (!f->info_changed)
		return false;
	f->info_changed = false;
	*p++ = INFO_VERSION;
	be = htobe32(f->hash);
	memcpy(p, &be, 4);
	be = htobe32(f->view.number);
	memcpy(p + 4, &be, 4);
	p += 8;
	*p++ = (uint8_t)(f->view.leader < 0 ? 255 : f->view.leader);
	be = htobe32(farm_knows(f));
	memcpy(p, &be, 4);
	p += 4;
	*p++ = (uint8_t)f->conf.intfs;
	*p++ = (uint8_t)f->conf.groups;
	memcpy(p, f->conf.mac, (size_t)f->conf.intfs * 6);
	p += f->conf.intfs * 6;
	for (g = 0; g < f->conf.groups; g++) {
		kind = is_all(f->may[g], 0) ? HOLDS_NONE : is_all(f->may[g], 0xff) ? HOLDS_ALL : HOLDS_SOME;
		*p++ = (uint8_t)kind;
		if (kind == HOLDS_SOME) {
			memcpy(p, f->may[g], sizeof(f->may[g]));
			p += sizeof(f->may[g]);
		}
	}
	*info = f->info;
	*len = (size_t)(p - f->info);
	return true;
}

/* false: not understood; then *s is half filled */
static bool
decode(const struct farm_conf *conf, uint32_t hash, const uint8_t *p, size_t len, struct farm_said *s)
{
	const uint8_t *end = p + len;
	uint32_t be;
	int g, intfs;

	if (len < HEAD_LEN || p[0] != INFO_VERSION)
		return false;
	memcpy(&be, p + 1, 4);
	if (be32toh(be) != hash)
		return false;
	memcpy(&be, p + 5, 4);
	s->number = be32toh(be);
	s->leader = p[9];
	memcpy(&be, p + 10, 4);
	s->knows = be32toh(be);
	intfs = p[14];
	if ((s->leader >= conf->nodes && !(s->leader == 255 && s->number == 0)) || intfs > FARM_INTFS || p[15] != conf->groups)
		return false;
	p += HEAD_LEN;
	if (end - p < intfs * 6)
		return false;
	memset(s->mac, 0, sizeof(s->mac));
	memcpy(s->mac, p, (size_t)intfs * 6);
	p += intfs * 6;
	for (g = 0; g < conf->groups; g++) {
		if (p == end || *p > HOLDS_SOME)
			return false;
		memset(s->may[g], *p == HOLDS_ALL ? 0xff : 0, sizeof(s->may[g]));
		if (*p++ != HOLDS_SOME)
			continue;
		if ((size_t)(end - p) < sizeof(s->may[g]))
			return false;
		memcpy(s->may[g], p, sizeof(s->may[g]));
		if (is_all(s->may[g], 0) || is_all(s->may[g], 0xff))
			return false;
		p += sizeof(s->may[g]);
	}
	return p == end;
}

bool
farm_hear(struct farm *f, int node, const uint8_t *info, size_t len)
{
	struct farm_said s = { .known = true };

	if (node < 0 || node >= f->conf.nodes || node == f->conf.self)
		return false;
	f->generation++;
	if (!decode(&f->conf, f->hash, info, len, &s)) {
		f->said[node].known = false;
		return false;
	}
	if (!f->said[node].met)
		f->info_changed = true;		/* now we know its MACs: it may send us frames */
	s.met = true;
	f->said[node] = s;
	return true;
}
