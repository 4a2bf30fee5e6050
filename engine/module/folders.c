/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folders.c: the module's part in replicating files: what rfsd told, whether the pair is whole, and when a primary may acknowledge alone.
 *
 * Owns: struct mod_rfs, what our beats say of it.  Called by: heart (what rfsd says), mod_eval(), pulse.c.  Never does: write the state, speak
 * with rfsd but through hooks.
 *
 * The promise that this keeps: a server that takes over by itself has all that was acknowledged.  A primary is *paired* from the moment on at
 * which rfsd says so (before the secondary can know) until heart lets it acknowledge alone: when the other one is lost, or was told (F_DROP)
 * and is no secondary.  Paired is told in every beat, and a secondary that hears of a primary that is not paired leaves: it may have been frozen
 * when it was given up.  Who did not run for half a timeout (clock) trusts nothing of before until the other one has answered.
 */
#include "config.h"
#include "module/module.h"
#include "module/internal.h"

#include <stdio.h>
#include <string.h>

#define UPTODATE	"rfs.uptodate"

static bool
syncs(const struct mod *m)
{
	return m->state == S_SYNC || m->state == S_SWAP_SYNC;
}

static bool
gives(const struct mod *m)
{
	return m->state == S_SWAP_GIVEN || m->state == S_SWAP_CLAIM;
}

/* A secondary whose files are the primary's: it may take over */
static bool
follows(const struct mod *m)
{
	return (fsm_states[m->state].flags & F_SECOND) != 0 && !syncs(m) && !gives(m);
}

static bool
answered(const struct mod *m)
{
	return m->peer.beat.ack_incarnation == m->incarnation && m->peer.beat.ack_sc == m->sc;
}

static bool
pair_primary(const struct beat *b)
{
	return (b->flags & (F_HELD | F_GIVEN)) != 0 && (b->flags & F_PAIRED) != 0;
}

/* ---- what others hear ---- */

unsigned
mod_rfs_flags(const struct mod *m, unsigned flags)
{
	if (!m->conf.rfs)
		return flags;
	if (m->rfs.dropped || m->state == S_SWAP_SYNC)
		flags &= ~(unsigned)(F_SECOND | F_GIVEN);
	if (m->rfs.paired)
		flags |= F_PAIRED;
	if (m->rfs.ask)
		flags |= F_DROP;
	return flags;
}

/* Of two primaries that meet, the one that waits for its secondary has acknowledged nothing since that one took over. */
int
mod_rfs_rank(const struct mod *m)
{
	if (!m->conf.rfs)
		return m->rank;
	return m->rfs.paired ? 0 : m->rank + 1;
}

/* ---- what we know ---- */

unsigned
mod_rfs_conditions(const struct mod *m)
{
	const struct mod_rfs *f = &m->rfs;
	const struct beat *b = &m->peer.beat;
	bool heard = m->peer.view == BEAT_KNOWN;
	unsigned c = 0;

	if (syncs(m) && m->run_seq == 0 && (!m->conf.rfs || (f->synced && heard && pair_primary(b))))
		c |= C_WHOLE;
	if (!m->conf.rfs)
		return c;
	if (mod_holds(m))
		c |= f->paired ? C_WHOLE : C_APART;
	else if (f->dropped || (m->state == S_WAIT && heard && (b->flags & F_DROP) != 0))
		c |= C_APART;
	else if (gives(m) && f->taken && (!heard || (b->flags & (F_SECOND | F_HELD)) == 0))
		c |= C_APART;
	if (m->forced_prim && f->inconsistent && !f->primforce)
		c |= C_INCONSISTENT;
	if (f->stale)
		c |= C_STALE;
	if (!f->known || (!m->forced_prim && f->uptodate != RH_UP && f->uptodate != RH_DOWN))
		c |= C_PENDING;
	return c;
}

/* May it become primary by itself?  Not with data that another server may have newer. */
bool
mod_rfs_eligible(const struct mod *m)
{
	return !m->conf.rfs || m->forced_prim || m->rfs.uptodate == RH_UP;
}

/* Was it primary last?  Its data knows better than what heart remembers, where there is data. */
int
mod_rfs_lastprim(const struct mod *m)
{
	if (!m->conf.rfs || (m->rfs.lastprim != RH_UP && m->rfs.lastprim != RH_DOWN))
		return m->rec.lastprim;
	return m->rfs.lastprim == RH_UP;
}

/* prim says that this server's data counts; to the disk it goes when the claim is won. */
void
mod_rfs_tell_rules(struct mod *m)
{
	if (m->conf.rfs && m->fo.rules != NULL && rules_set(m->fo.rules, UPTODATE, m->forced_prim ? RH_UP : m->rfs.uptodate, false))
		m->fo.dirty = true;
}

bool
mod_rfs_resource(struct mod *m, const char *name, int health)
{
	if (m->conf.rfs && strcmp(name, "rfs.lastprimstate") == 0)
		m->rfs.lastprim = health;
	if (!m->conf.rfs || strcmp(name, UPTODATE) != 0)
		return false;
	m->rfs.uptodate = health;
	mod_rfs_tell_rules(m);
	return true;
}

/* Our clock stood still: were we frozen? */
void
mod_rfs_clock(struct mod *m, int64_t now)
{
	if (m->conf.rfs && now - m->now >= m->lease_ms / 2 && (follows(m) || gives(m) || syncs(m) || m->rfs.paired)) {
		m->rfs.stale = true;
		mod_tell(m);	/* an answer to this is one of now */
	}
	m->now = now;
}

/* A newer beat of the other server has come. */
void
mod_rfs_heard(struct mod *m)
{
	const struct beat *b = &m->peer.beat;
	struct mod_rfs *f = &m->rfs;
	bool primary = (b->flags & (F_HELD | F_GIVEN)) != 0, drop = false;

	if (!m->conf.rfs)
		return;
	if (syncs(m))
		drop = (b->flags & F_DROP) != 0 || (f->synced && primary && answered(m) && (b->flags & F_PAIRED) == 0);
	else if (follows(m))	/* who leaves acknowledges nothing more: heart may have died there, and not know yet */
		drop = primary && ((b->flags & F_DROP) != 0 || (b->flags & (F_PAIRED | F_LEAVING)) == 0);
	if (gives(m) && (b->flags & (F_SECOND | F_HELD)) != 0)	/* whose claim we acknowledged may have taken, without our hearing of it */
		f->taken = (b->flags & (F_CLAIM | F_HELD)) != 0;
	if (drop && !f->dropped) {
		f->dropped = true;
		mod_say(m, MSG_RFS_OUT, "the primary goes on without this server");
		mod_tell(m);
	}
	if (f->stale && answered(m) && (f->paired ? (b->flags & F_SECOND) != 0 : pair_primary(b)))
		f->stale = false;
}

/* ---- alone ---- */

static bool
is_free(const struct mod *m)
{
	const struct beat *b = &m->peer.beat;

	if (m->rfs.stale)
		return false;
	if (m->peer.view == BEAT_LOST)
		return (mod_conditions(m) & C_NOWITNESS) == 0;
	return m->peer.view == BEAT_KNOWN && (b->flags & (F_SECOND | F_GIVEN | F_HELD)) == 0 && (answered(m) || b->sees == BEAT_LOST);
}

static void
part(struct mod *m)
{
	m->rfs.parting = true;
	m->rfs.paired = m->rfs.ask = m->rfs.refused = false;
}

/* Leaving, and the other one is where no leave to go on alone can come from in time: it is the primary, or is cut off from us, who are the ones to
 * stop.  The application is being stopped on these folders; what it writes cannot be acknowledged any more. */
static bool
is_cut_off(const struct mod *m)
{
	unsigned flags = m->peer.beat.flags;

	if ((fsm_states[m->state].flags & F_LEAVING) == 0)
		return false;
	if (m->peer.view == BEAT_LOST)
		return !is_free(m);
	return m->peer.view == BEAT_KNOWN && ((flags & F_HELD) != 0 || (m->rfs.stale && (flags & (F_SECOND | F_GIVEN)) == 0));
}

/* The other one is no secondary (any more): nobody has to wait for rfsd to notice. */
static bool
left(const struct mod *m)
{
	const struct beat *b = &m->peer.beat;

	if (m->peer.view != BEAT_KNOWN)
		return m->peer.view == BEAT_LOST;
	return (b->flags & (F_SECOND | F_GIVEN | F_HELD)) == 0 && (m->state == S_PRIM || b->state != RS_SECOND);
}

void
mod_rfs_grant(struct mod *m)
{
	if (!m->conf.rfs || !mod_holds(m) || !m->rfs.paired)
		return;
	if (!m->rfs.ask && left(m)) {
		m->rfs.ask = true;
		mod_tell(m);
	}
	if (!m->rfs.refused && is_cut_off(m)) {
		m->rfs.refused = true;
		m->hooks.rfs_refuse(m->hooks.ctx);
	}
	if (!m->rfs.ask || !is_free(m))
		return;
	part(m);
	mod_tell(m);
	m->hooks.rfs_alone(m->hooks.ctx);
}

/* A plan begins: what it orders of rfsd is so from now on for all who ask us. */
void
mod_rfs_plan(struct mod *m, enum fsm_plan plan)
{
	enum fsm_rfs role = m->conf.rfs ? fsm_plan_rfs_before(plan) : RF_NONE, was = m->rfs.role;

	if (role != RF_NONE)
		m->rfs.role = role;
	if (m->conf.rfs && fsm_plan_rfs_after(plan) != RF_NONE)
		m->rfs.role = fsm_plan_rfs_after(plan);
	switch (role) {
	case RF_ALONE:
		if (was == RF_ALONE && !m->rfs.paired)
			break;		/* it is so already; it may just become paired */
		part(m);
		m->rfs.ordered = true;
		break;
	case RF_PRIM:
		m->rfs.paired = true;	/* only ordered where it is so */
		break;
	case RF_SYNC:
		m->rfs.synced = m->rfs.dropped = m->rfs.stale = m->rfs.paired = false;
		break;
	case RF_SECOND:
		m->rfs.full = false;
		m->rfs.date_ms = 0;
		m->rfs.paired = false;
		break;
	default:
		break;
	}
}

void
mod_rfs_become(struct mod *m, enum fsm_state next)
{
	struct mod_rfs *f = &m->rfs;
	bool given = next == S_SWAP_GIVEN || next == S_SWAP_CLAIM, leaves = (fsm_states[next].flags & (F_HELD | F_SECOND)) == 0;

	/* Half of a pair is up to date only as long as it is one; rfsd says so itself in a moment. */
	if (leaves && m->conf.rfs && (follows(m) || gives(m) || f->paired)) {
		f->uptodate = RH_DOWN;
		mod_rfs_tell_rules(m);
	}
	if ((fsm_states[next].flags & F_HELD) == 0) {
		f->ask = false;
		if (!given)
			f->paired = f->parting = f->ordered = f->said_paired = f->refused = false;
	}
	if (leaves && next != S_SYNC)
		f->dropped = f->stale = f->synced = false;
	if (next == S_SWAP_OUT)
		f->taken = false;
	if (next == S_STOP)
		*f = (struct mod_rfs){ .uptodate = RH_UNKNOWN, .lastprim = RH_UNKNOWN };
}

/* ---- what an operator says ---- */

void
mod_options(struct mod *m, const struct mod_options *o)
{
	m->options = *o;
}

void
mod_rfs_wish(struct mod *m, enum rpt_verb verb, const struct mod_options *o)
{
	bool prim = verb == VERB_PRIM || verb == VERB_PRIMFORCE, second = verb == VERB_SECOND || verb == VERB_SECONDFORCE;

	if (verb == VERB_SWAP)
		m->rfs.nosync = o->nosync;
	if (!prim && !second && verb != VERB_START)
		return;
	m->rfs.primforce = verb == VERB_PRIMFORCE;
	m->rfs.fullsync_prim = prim && o->full;
	m->rfs.full = second && o->full;
	m->rfs.date_ms = verb == VERB_SECONDFORCE ? o->date_ms : 0;
}

/* ---- what rfsd says, and has logged ---- */

void
mod_rfs_synced(struct mod *m)
{
	if (!syncs(m) || m->rfs.synced)
		return;
	m->rfs.synced = true;
	mod_tell(m);		/* what is said in answer to this is said by one who knows */
}

void
mod_rfs_failed(struct mod *m, const char *why, bool again)
{
	if (!syncs(m))
		return;
	snprintf(m->cause, sizeof(m->cause), "Reintegration failed: %.*s", SK_TEXT_MAX / 2, why);
	mod_post(m, again ? E_SYNC_AGAIN : E_SYNC_FAILED);
}

void
mod_rfs_ask(struct mod *m, const char *why)
{
	if (!mod_holds(m))
		return;
	if (!m->rfs.paired && m->rfs.known) {	/* it is so already */
		m->hooks.rfs_alone(m->hooks.ctx);
		return;
	}
	if (m->rfs.ask)
		return;
	m->rfs.ask = true;
	mod_tell(m);
}

/* The cause is said and counted like a detector's stopstart. */
void
mod_rfs_lost(struct mod *m, const char *why, bool again, int64_t now)
{
	mod_rfs_clock(m, now);
	str_copy(m->cause, sizeof(m->cause), why);
	mod_break_off(m, again, why);
}

void
mod_rfs_out(struct mod *m, const char *why)
{
	char err[SK_TEXT_MAX];

	if (!follows(m) && !syncs(m))
		return;
	mod_action(m, VERB_STOPSTART, "nfsadmin", "nfsadmin", m->now, err, sizeof(err));
}

void
mod_rfs_inconsistent(struct mod *m, bool yes)
{
	m->rfs.known = true;
	m->rfs.inconsistent = yes;
}

void
mod_rfs_paired(struct mod *m, bool yes)
{
	m->rfs.said_paired = yes;
	if (!yes)
		m->rfs.parting = false;
	if (!yes || m->rfs.parting || m->rfs.paired || !mod_holds(m))
		return;
	m->rfs.paired = true;
	mod_tell(m);
}

/* rfsd has answered the newest order (a plan that has ended says that as well): what it said last is so. */
void
mod_rfs_acked(struct mod *m)
{
	if (!m->rfs.parting || !m->rfs.ordered)
		return;
	m->rfs.parting = m->rfs.ordered = false;
	if (m->rfs.said_paired)
		mod_rfs_paired(m, true);
}
