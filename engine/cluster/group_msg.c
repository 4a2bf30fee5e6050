/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group_msg.c: membership messages <-> bytes.  All big-endian, no padding:
 *
 *   type 1, from 1, view 4, leader 1, members 4, heard 4, then by type
 *   ALIVE  version 4, word 4, then word 4 for every bit of members but the sender's, lowest first
 *   VIEW   version 4 for every bit of members, lowest first, word 4 likewise, acked 4
 *   WANT   about 1, version 4, missing 8
 *   INFO   about 1, version 4, piece 2, pieces 2, len 2, data len
 *   LEAVE  nothing
 *
 * Called by: the daemon around its packets, tests.  Pure.  Never does: judge what a message means (group.c does).
 */
#include "config.h"
#include "cluster/group_impl.h"

#include <endian.h>
#include <string.h>

#define HEAD_LEN	15
#define INFO_LEN	11	/* of INFO before its data */

static uint8_t *
put16(uint8_t *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static uint8_t *
put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static uint8_t *
put_words(uint8_t *p, const struct group_msg *m, uint32_t nodes)
{
	for (; nodes != 0; nodes &= nodes - 1)
		p = put32(p, m->word[__builtin_ctz(nodes)]);
	return p;
}

static const uint8_t *
get_words(const uint8_t *p, struct group_msg *m, uint32_t nodes)
{
	for (; nodes != 0; nodes &= nodes - 1, p += 4)
		m->word[__builtin_ctz(nodes)] = get32(p);
	return p;
}

/* Bytes of a message after its head; 0 with *ok false when the type or a length is wrong */
static size_t
body_len(int type, int from, uint32_t members, uint16_t data_len, bool *ok)
{
	*ok = true;
	switch (type) {
	case GM_ALIVE:
		return 8 + 4 * (size_t)__builtin_popcount(members & ~BIT(from));
	case GM_VIEW:
		return 8 * (size_t)__builtin_popcount(members) + 4;
	case GM_WANT:
		return 13;
	case GM_INFO:
		*ok = data_len <= GROUP_PIECE_MAX;
		return INFO_LEN + (size_t)data_len;
	case GM_LEAVE:
		return 0;
	}
	*ok = false;
	return 0;
}

size_t
group_encode(const struct group_msg *m, uint8_t *buf, size_t size)
{
	uint8_t *p = buf;
	size_t len;
	bool ok;
	int i;

	if (m->from >= SK_NODES_MAX)
		return 0;
	len = HEAD_LEN + body_len(m->type, m->from, m->members, m->len, &ok);
	if (!ok || len > size)
		return 0;
	*p++ = m->type;
	*p++ = m->from;
	p = put32(p, m->view);
	*p++ = m->leader;
	p = put32(p, m->members);
	p = put32(p, m->heard);
	switch (m->type) {
	case GM_ALIVE:
		p = put32(p, m->info_version[m->from]);
		p = put32(p, m->word[m->from]);
		p = put_words(p, m, m->members & ~BIT(m->from));
		break;
	case GM_VIEW:
		for (i = 0; i < SK_NODES_MAX; i++)
			if ((m->members & BIT(i)) != 0)
				p = put32(p, m->info_version[i]);
		p = put_words(p, m, m->members);
		p = put32(p, m->acked);
		break;
	case GM_WANT:
		*p++ = m->about;
		p = put32(p, m->version);
		p = put64(p, m->missing);
		break;
	case GM_INFO:
		*p++ = m->about;
		p = put32(p, m->version);
		p = put16(p, m->piece);
		p = put16(p, m->pieces);
		p = put16(p, m->len);
		memcpy(p, m->data, m->len);
		p += m->len;
		break;
	}
	return (size_t)(p - buf);
}

bool
group_decode(const uint8_t *buf, size_t len, struct group_msg *m)
{
	const uint8_t *p = buf + HEAD_LEN;
	bool ok;
	int i;

	if (len < HEAD_LEN)
		return false;
	memset(m, 0, offsetof(struct group_msg, data));	/* data: only what len covers counts */
	m->type = buf[0];
	m->from = buf[1];
	m->view = get32(buf + 2);
	m->leader = buf[6];
	m->members = get32(buf + 7);
	m->heard = get32(buf + 11);
	if (m->type == GM_INFO && len >= HEAD_LEN + INFO_LEN)
		m->len = get16(p + INFO_LEN - 2);
	if (m->from >= SK_NODES_MAX || (m->leader >= SK_NODES_MAX && m->leader != GROUP_NOBODY) ||
	    len != HEAD_LEN + body_len(m->type, m->from, m->members, m->len, &ok) || !ok)
		return false;
	switch (m->type) {
	case GM_ALIVE:
		m->info_version[m->from] = get32(p);
		m->word[m->from] = get32(p + 4);
		get_words(p + 8, m, m->members & ~BIT(m->from));
		break;
	case GM_VIEW:
		for (i = 0; i < SK_NODES_MAX; i++)
			if ((m->members & BIT(i)) != 0) {
				m->info_version[i] = get32(p);
				p += 4;
			}
		p = get_words(p, m, m->members);
		m->acked = get32(p);
		break;
	case GM_WANT:
		m->about = p[0];
		m->version = get32(p + 1);
		m->missing = get64(p + 5);
		break;
	case GM_INFO:
		m->about = p[0];
		m->version = get32(p + 1);
		m->piece = get16(p + 5);
		m->pieces = get16(p + 7);
		memcpy(m->data, p + INFO_LEN, m->len);
		break;
	}
	return true;
}
