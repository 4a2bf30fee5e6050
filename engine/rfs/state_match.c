/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state_match.c: what a synchronisation has to look at, from what both servers remember.  Pure.
 *
 * The first row that fits:
 *	p or s is told to copy everything				FULL
 *	p was stopped in the midst of a synchronisation (forced)	BLIND
 *	s was, from a generation that p has or had			RESUME
 *	s was, from another one						BLIND
 *	either never had the data of a pair				BLIND
 *	s and p have the same generation				MAPS
 *	s has the one that p's map began with				MAPS	(p went on alone, s did not)
 *	s's map began with p's generation, or s had it before		REFUSE	(s went on alone, p did not)
 *	both maps began with the same generation			FORK	(both went on alone)
 *	else								BLIND	(a copy from long ago, or of something else)
 * A generation of 0 equals none.
 */
#include "config.h"
#include "rfs/state.h"

static bool
had(const struct rfs_state *x, uint64_t gen)
{
	int i;

	if (gen == 0)
		return false;
	for (i = 0; i < STATE_HISTORY && x->history[i] != 0; i++)
		if (x->history[i] == gen)
			return true;
	return x->gen == gen || x->base == gen;
}

enum state_match
state_match(const struct rfs_state *p, const struct rfs_state *s)
{
	if (p->full || s->full)
		return MATCH_FULL;
	if (p->inconsistent)
		return MATCH_BLIND;
	if (s->inconsistent)
		return had(p, s->from) ? MATCH_RESUME : MATCH_BLIND;
	if (p->gen == 0 || s->gen == 0)
		return MATCH_BLIND;
	if (s->gen == p->gen || s->gen == p->base)
		return MATCH_MAPS;
	if (had(s, p->gen))
		return MATCH_REFUSE;
	return s->base != 0 && s->base == p->base ? MATCH_FORK : MATCH_BLIND;
}
