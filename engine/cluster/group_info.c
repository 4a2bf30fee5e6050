/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group_info.c: brings every member's info to every member: who lacks a version asks for its missing pieces.
 *
 * Owns: one buffer per node, at most GROUP_INFO_MAX rounded up to whole pieces, taken when the first piece of a version comes.  The
 * older version is given up then: its reader was told of it, and nobody asks for it any more.
 * Called by: group.c.  Never does: decide who is a member.
 */
#include "config.h"
#include "cluster/group_impl.h"

#include <stdlib.h>
#include <string.h>

static bool
info_lacking(const struct group *g, int i)
{
	const struct group_info *in = &g->info[i];

	return i != g->conf.self && (g->members & BIT(i)) != 0 && in->announced != 0 && !(in->whole && in->version == in->announced);
}

static uint64_t
pieces_mask(unsigned pieces)
{
	return pieces >= 64 ? UINT64_MAX : (UINT64_C(1) << pieces) - 1;
}

static void
info_tell(struct group *g, int i)
{
	struct group_info *in = &g->info[i];

	if (in->told || !in->whole || in->version != in->announced || (g->members & BIT(i)) == 0 || i == g->conf.self)
		return;
	in->told = true;
	g->hooks.info(g->hooks.ctx, i, in->version, in->buf, in->len);
}

void
group_info_announced(struct group *g, int node, uint32_t version)
{
	if (version == 0 || node == g->conf.self)
		return;
	g->info[node].announced = version;
	info_tell(g, node);
}

void
group_info_view(struct group *g, uint32_t gone)
{
	int i;

	for (i = 0; i < g->conf.nodes; i++)
		if ((gone & BIT(i)) != 0) {
			g->info[i].told = false;
			g->info[i].announced = 0;	/* it may come back with another */
			g->info[i].tries = 0;
		}
}

/* Ask for the lowest missing pieces.  The owner and the leader in turn: the owner may be out of our reach. */
static void
info_ask(struct group *g, int i, int64_t now)
{
	struct group_info *in = &g->info[i];
	uint64_t missing = pieces_mask(GROUP_PIECES);
	int n, to = i;
	struct group_msg m;

	if (in->version == in->announced && !in->whole && in->pieces > 0)
		missing = pieces_mask(in->pieces) & ~in->got;
	in->asked = 0;
	for (n = 0; n < GROUP_BURST && missing != 0; n++) {
		in->asked |= missing & -missing;
		missing &= missing - 1;
	}
	in->waiting = true;
	if ((in->tries & 1) != 0 && g->leader >= 0 && g->leader != g->conf.self)
		to = g->leader;
	group_fill(g, &m, GM_WANT, now);
	m.about = (uint8_t)i;
	m.version = in->announced;
	m.missing = in->asked;
	g->hooks.send(g->hooks.ctx, to, &m);
}

static void
info_ask_more(struct group *g, int64_t now)
{
	int i, k, busy = 0;

	for (i = 0; i < g->conf.nodes; i++)
		busy += g->info[i].waiting;
	for (k = 0; k < g->conf.nodes && busy < GROUP_WANTS; k++) {
		i = (g->info_first + k) % g->conf.nodes;
		if (!info_lacking(g, i) || g->info[i].waiting)
			continue;
		info_ask(g, i, now);
		busy++;
	}
	g->info_first = (g->info_first + k) % g->conf.nodes;
}

void
group_info_tick(struct group *g, int64_t now)
{
	int i;

	g->info_budget = GROUP_BUDGET;
	for (i = 0; i < g->conf.nodes; i++)
		if (g->info[i].waiting) {
			g->info[i].waiting = false;
			g->info[i].tries++;
		}
	info_ask_more(g, now);
}

void
group_info_want(struct group *g, const struct group_msg *m, int64_t now)
{
	const struct group_info *in;
	struct group_msg out;
	unsigned i, sent = 0;

	if (m->about >= g->conf.nodes)
		return;
	in = &g->info[m->about];
	if (!in->whole || in->version != m->version || in->version == 0)
		return;
	group_fill(g, &out, GM_INFO, now);
	out.about = m->about;
	out.version = in->version;
	out.pieces = in->pieces;
	for (i = 0; i < in->pieces && sent < GROUP_BURST && g->info_budget > 0; i++) {
		size_t at = (size_t)i * GROUP_PIECE_MAX, left = in->len - at;

		if ((m->missing & (UINT64_C(1) << i)) == 0)
			continue;
		out.piece = (uint16_t)i;
		out.len = (uint16_t)(left < GROUP_PIECE_MAX ? left : GROUP_PIECE_MAX);
		if (out.len > 0)
			memcpy(out.data, in->buf + at, out.len);
		sent++;
		g->info_budget--;
		g->hooks.send(g->hooks.ctx, m->from, &out);
	}
}

/* Make room for another version.  false: no memory; it is asked again at the next pulse */
static bool
info_begin(struct group_info *in, const struct group_msg *m)
{
	size_t room = (size_t)m->pieces * GROUP_PIECE_MAX;

	if (room > in->room) {
		uint8_t *buf = realloc(in->buf, room);

		if (buf == NULL)
			return false;
		in->buf = buf;
		in->room = room;
	}
	in->version = m->version;
	in->pieces = m->pieces;
	in->whole = in->told = false;
	in->got = 0;
	in->len = 0;
	return true;
}

void
group_info_piece(struct group *g, const struct group_msg *m, int64_t now)
{
	struct group_info *in;
	size_t at = (size_t)m->piece * GROUP_PIECE_MAX;
	bool last;

	if (m->about >= g->conf.nodes || m->pieces == 0 || m->pieces > GROUP_PIECES || m->piece >= m->pieces)
		return;
	last = m->piece == m->pieces - 1;
	if (m->len > GROUP_PIECE_MAX || (!last && m->len != GROUP_PIECE_MAX) || (last && m->len == 0 && m->pieces > 1) ||
	    at + m->len > GROUP_INFO_MAX)
		return;
	in = &g->info[m->about];
	if (!info_lacking(g, m->about) || m->version != in->announced)
		return;
	if ((in->version != m->version || in->whole || in->pieces != m->pieces) && !info_begin(in, m))
		return;
	memcpy(in->buf + at, m->data, m->len);
	in->got |= UINT64_C(1) << m->piece;
	if (last)
		in->len = at + m->len;
	if (in->got == pieces_mask(in->pieces)) {
		in->whole = true;
		in->waiting = false;
		in->tries = 0;
		info_tell(g, m->about);
		info_ask_more(g, now);
	} else if (in->waiting && (in->asked & pieces_mask(in->pieces) & ~in->got) == 0) {
		info_ask(g, m->about, now);
	}
}

bool
group_set_info(struct group *g, const uint8_t *info, size_t len)
{
	struct group_info *in = &g->info[g->conf.self];

	if (len > GROUP_INFO_MAX)
		return false;
	if (len > in->room) {
		uint8_t *buf = realloc(in->buf, len);

		if (buf == NULL)
			return false;
		in->buf = buf;
		in->room = len;
	}
	if (len > 0)
		memcpy(in->buf, info, len);
	in->len = len;
	in->pieces = (uint16_t)(len == 0 ? 1 : (len + GROUP_PIECE_MAX - 1) / GROUP_PIECE_MAX);
	in->whole = true;
	if (++in->version == 0)
		in->version = 1;
	in->announced = in->version;
	return true;
}

void
group_info_free(struct group *g)
{
	int i;

	for (i = 0; i < g->conf.nodes; i++)
		free(g->info[i].buf);
}
