/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict on noise: nothing beyond the frame or FILTER_HEAD is read, and what must hold of every verdict holds.
 * Input: a byte for the world (configuration, mode), one for what the socket lookup finds, one for the owner, one for the holders, then the frame.
 */
#include "filter_core.h"
#include "lib/filter_vectors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t zero[6];
	static struct filter_conf conf;
	static struct filter_tables tables;
	struct filter_control control = { 0, 0, 2 };
	struct fv_vector v = { .owner = 0 };
	struct filter_verdict d, late;
	struct filter_key k, again;
	struct filter_spot s;
	uint8_t *frame;
	size_t len;
	static uint32_t owner = 1000, holders, group;
	int held;

	if (size < 4)
		return 0;
	fv_conf((enum fv_world)(data[0] % FV_WORLDS), &conf);
	held = data[1] % 3;
	v.owner = data[2] % 5 == 4 ? FILTER_NOBODY : data[2] % 5;
	v.holders = data[3];
	v.group = (uint8_t)(data[1] / 3 % 3);
	if (owner != v.owner || holders != v.holders || group != v.group) {	/* 64 KiB: not for every frame */
		fv_tables(&v, &tables);
		owner = v.owner;
		holders = v.holders;
		group = v.group;
	}
	len = size - 4;
	frame = malloc(len > 0 ? len : 1);	/* to its end, so that the sanitizer sees a byte too much */
	if (frame == NULL)
		return 0;
	memcpy(frame, data + 4, len);
	memset(&k, 0, sizeof(k));
	memset(&again, 0, sizeof(again));
	filter_look(&conf, &tables, frame, frame + len, &k);
	must(k.kind <= FILTER_K_BAD && k.addr < FILTER_ADDRS);
	if (len > FILTER_HEAD) {
		filter_look(&conf, &tables, frame, frame + FILTER_HEAD, &again);
		must(memcmp(&k, &again, sizeof(k)) == 0);
	}
	if (len > FILTER_LINEAR) {
		filter_look(&conf, &tables, frame, frame + FILTER_LINEAR, &again);
		must(again.kind == k.kind || again.kind == FILTER_K_BAD);
	}
	if (k.kind == FILTER_K_RULE || (k.kind == FILTER_K_ARP && k.group != FILTER_ANY))
		must(k.group < conf.groups);
	d = filter_judge(&conf, &tables, &control, 1, &k, len >= 12 ? frame + 6 : zero, held);
	must(d.count < FILTER_COUNTS && d.count != FILTER_C_LEASE && d.pass == (k.kind == FILTER_K_PASS) && !(d.pass && d.take));
	must(d.to == 0 || (conf.mode == FILTER_DIRECTED && (d.to & ~tables.known) == 0 && (d.to & 1) == 0));
	must(d.to == 0 || len < 12 || frame[11] > 3 || memcmp(frame + 6, tables.mac[0], 5) != 0);	/* from a member: never sent on */
	late = filter_judge(&conf, &tables, &control, 2, &k, len >= 12 ? frame + 6 : zero, held);
	must(k.kind == FILTER_K_PASS || k.kind == FILTER_K_ALL || (!late.take && late.to == 0));
	if (filter_disguise(&conf, frame, frame + len, &s)) {
		must(conf.mode == FILTER_INVISIBLE && s.at + 6u <= len && (s.checksum_at == 0 || s.checksum_at + 2u <= len));
		memcpy(frame + s.at, conf.vmac, 6);
		must(!filter_disguise(&conf, frame, frame + len, &s));
	}
	free(frame);
	return 0;
}
