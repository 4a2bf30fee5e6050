/* SPDX-License-Identifier: GPL-2.0-or-later */
/* beat.c: packs and unpacks a heartbeat. */
#include "config.h"
#include "wire/beat.h"
#include "wire/report.h"

#include <string.h>

static uint8_t *
put(uint8_t *p, uint64_t v, int bytes)
{
	while (bytes-- > 0)
		*p++ = (uint8_t)(v >> (8 * bytes));
	return p;
}

static uint64_t
get(const uint8_t **p, int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | *(*p)++;
	return v;
}

size_t
beat_encode(const struct beat *b, uint8_t buf[BEAT_MAX])
{
	uint8_t *p = buf;
	int i;

	p = put(p, BEAT_VERSION, 1);
	p = put(p, b->from, 1);
	p = put(p, b->module_id, 2);
	p = put(p, b->incarnation, 8);
	p = put(p, b->seq, 8);
	p = put(p, b->sc, 4);
	p = put(p, b->ack_incarnation, 8);
	p = put(p, b->ack_sc, 4);
	p = put(p, b->flags, 2);
	p = put(p, b->state, 1);
	p = put(p, b->status, 1);
	p = put(p, b->bid, 1);
	p = put(p, b->rank, 1);
	p = put(p, b->sees, 1);
	p = put(p, b->failover, 1);
	memcpy(p, b->signature, sizeof(b->signature));
	p += sizeof(b->signature);
	p = put(p, b->words, 1);
	for (i = 0; i < b->words; i++) {
		p = put(p, b->word[i].key, 4);
		p = put(p, b->word[i].healths, 1);
	}
	return (size_t)(p - buf);
}

bool
beat_decode(const uint8_t *buf, size_t len, struct beat *b)
{
	const uint8_t *p = buf, *end = buf + len;
	int i;

	if (len < BEAT_LEN || get(&p, 1) != BEAT_VERSION)
		return false;
	b->from = (uint8_t)get(&p, 1);
	b->module_id = (uint16_t)get(&p, 2);
	b->incarnation = get(&p, 8);
	b->seq = get(&p, 8);
	b->sc = (uint32_t)get(&p, 4);
	b->ack_incarnation = get(&p, 8);
	b->ack_sc = (uint32_t)get(&p, 4);
	b->flags = (uint16_t)get(&p, 2);
	b->state = (uint8_t)get(&p, 1);
	b->status = (uint8_t)get(&p, 1);
	b->bid = (uint8_t)get(&p, 1);
	b->rank = (uint8_t)get(&p, 1);
	b->sees = (uint8_t)get(&p, 1);
	b->failover = (uint8_t)get(&p, 1);
	memcpy(b->signature, p, sizeof(b->signature));
	p += sizeof(b->signature);
	b->words = p < end ? (uint8_t)get(&p, 1) : 0;	/* none: of a version before the words */
	if (b->words > BEAT_WORDS_MAX || end - p < 5 * b->words)
		return false;
	for (i = 0; i < b->words; i++) {
		b->word[i].key = (uint32_t)get(&p, 4);
		b->word[i].healths = (uint8_t)get(&p, 1);
	}
	return b->from < SK_NODES_MAX && b->state < RS_COUNT && b->status < ST_COUNT && b->rank <= BEAT_RANK_MAX && b->sees <= BEAT_LOST &&
	    b->failover <= 1;
}
