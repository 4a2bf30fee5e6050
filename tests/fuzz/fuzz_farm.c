/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a node of a farm says of itself, as noise: decoded in a live farm; what is understood is what this node could have said.
 * Input: a byte (its lowest bits: how many groups), then the info.
 */
#include "config.h"
#include "vip/farm.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES 5

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct filter_tables tables;
	struct farm_conf c = { .nodes = NODES, .self = 1, .intfs = 1 };
	struct farm_view v = { 100, 0, 7, 7, 7, 0, false };
	const uint8_t *own;
	struct farm *f;
	uint32_t hash;
	size_t len;
	uint8_t *info;
	int g, b;
	bool understood;

	if (size < 1)
		return 0;
	c.groups = 1 + data[0] % 4;
	for (g = 0; g < c.groups; g++)
		for (b = 0; b < NODES; b++)
			c.group[g].power[b] = (uint16_t)(1 + g * b);
	f = farm_new(&c);
	if (f == NULL)
		return 0;
	farm_view(f, &v);
	must(farm_info(f, &own, &len));
	data++;
	size--;
	info = malloc(size > 0 ? size : 1);	/* exactly as long; with the hash that is expected, which noise would never find */
	if (info == NULL)
		abort();
	memcpy(info, data, size);
	hash = __builtin_bswap32(farm_hash(&c));
	if (size >= 5)
		memcpy(info + 1, &hash, 4);
	understood = farm_hear(f, 0, info, size);
	must(farm_tables(f, 0, &tables));
	for (g = 0; g < c.groups; g++)
		for (b = 0; b < FILTER_BUCKETS; b++) {
			const struct filter_bucket *o = &tables.group[g].bucket[b];

			must(o->owner < 3 && (o->holders >> o->owner & 1) == 0);
			must((o->holders & ~UINT32_C(7)) == 0);
			must(understood || o->owner == 0 || (o->holders & 1) != 0);	/* may hold anything */
		}
	free(info);
	farm_free(f);
	return 0;
}
