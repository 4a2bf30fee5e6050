/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decodes noise as membership messages and feeds them into a live group between its pulses.
 * Input: a byte that chooses our index, then records: 0 = a pulse passes, 1 = info and word of our own change, n = a message of n - 1
 * bytes, 255 = one of the longest, a whole INFO piece.
 */
#include "config.h"
#include "cluster/group.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NODES 8

struct life { struct group *g; int self, leader; uint32_t number, members, acked; };

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
on_send(void *ctx, int to, const struct group_msg *m)
{
	const struct life *l = ctx;
	uint8_t buf[1200];
	size_t len = group_encode(m, buf, sizeof(buf));
	struct group_msg back;

	must(len > 0 && to >= 0 && to < NODES && to != l->self && m->from == l->self && group_decode(buf, len, &back));
}

static void
on_view(void *ctx, uint32_t number, int leader, uint32_t members)
{
	struct life *l = ctx;

	must(number > l->number || (number == l->number && leader < l->leader));
	must((members >> l->self & 1) != 0 && leader >= 0 && leader <= l->self && members >> NODES == 0);
	must((members >> leader & 1) != 0 && (members & ((UINT32_C(1) << leader) - 1)) == 0);
	l->number = number;
	l->leader = leader;
	l->members = members;
	l->acked = 0;
}

static void
on_acked(void *ctx, uint32_t number, uint32_t members)
{
	struct life *l = ctx;

	must(number == l->number && (members & ~l->members) == 0 && (members >> l->self & 1) != 0);
	must((l->acked & ~members) == 0 && l->acked != members);
	l->acked = members;
}

static void
on_info(void *ctx, int node, uint32_t version, const uint8_t *info, size_t len)
{
	const struct life *l = ctx;

	must(node >= 0 && node < NODES && node != l->self && version != 0 && len <= GROUP_INFO_MAX);
	must(len == 0 || info[len - 1] == info[len - 1]);	/* all of it can be read */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct life l = { .leader = NODES };
	struct group_hooks hooks = { &l, on_send, on_view, on_info, on_acked };
	struct group_conf conf = { NODES, 0, 1000, 3, 5, 100, 1 };
	uint8_t buf[1200];
	struct group_msg m;
	size_t len;

	if (size < 1)
		return 0;
	if (group_decode(data, size, &m)) {	/* one form only */
		len = group_encode(&m, buf, sizeof(buf));
		must(len == size && memcmp(buf, data, len) == 0);
	}
	conf.self = l.self = data[0] % NODES;
	l.g = group_new(&conf, &hooks, 0);
	if (l.g == NULL)
		return 0;
	for (data++, size--; size > 0; data += len, size -= len) {
		int64_t now = group_next(l.g);

		len = *data++;
		size--;
		if (len == 0) {
			group_tick(l.g, now);
		} else if (len == 1) {
			group_set_word(l.g, size > 0 ? UINT32_C(0x01000001) * data[0] : 0);
			must(group_set_info(l.g, data, size < GROUP_INFO_MAX ? size : GROUP_INFO_MAX));
			len = 0;
			continue;
		}
		len = len == 255 ? 26 + GROUP_PIECE_MAX : len > 0 ? len - 1 : 0;
		if (len > size)
			len = size;
		if (len > 0 && group_decode(data, len, &m))
			group_receive(l.g, &m, now - 500);
	}
	must((group_members(l.g) >> l.self & 1) != 0 && (group_acked(l.g) & ~group_members(l.g)) == 0);
	must((group_rivals(l.g, 1, group_next(l.g)) >> l.self & 1) == 0);
	group_free(l.g);
	return 0;
}
