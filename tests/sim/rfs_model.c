/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rfs_model.c: see rfs_model.h. */
#include "config.h"
#include "sim/rfs_model.h"

#include <stdio.h>
#include <string.h>

#define OUT_MAX		32	/* writes that wait for the secondary; then the application waits */
#define SEND_MS		3000	/* sendtimeout */

struct disk { bool up, last, inconsistent, paired; struct bits data; };
struct rfsd {
	struct disk disk;
	struct bits cache;
	bool	 alive, frozen, lost_memory;
	enum fsm_rfs role;		/* what is so */
	enum fsm_rfs want;
	uint32_t seq;
	int	 stage;			/* of the want: 0 done, 1 come, 2 on the disk */
	bool	 forced, assigned;
	/* primary */
	bool	 pair;			/* nothing is acknowledged alone */
	bool	 granted;		/* come, not yet carried out */
	long	 session;		/* of the pair; follower: the one it belongs to */
	long	 term;			/* grows when what it serves begins anew */
	int	 out[OUT_MAX], nout;
	int64_t	 waits_ms;
	bool	 asked;
	/* secondary */
	bool	 begun, copied, synced;
	long	 source;		/* term of the primary that it copies from */
	int64_t	 left_ms;
	int	 said_up, said_last;
};
static struct {
	struct model_world w;
	bool	 strict, link, forked, begun;
	struct rfsd r[2];
	struct bits acked;
	int	 writes;
	long	 sessions, counts[4];
} M;

static bool has(const struct bits *b, int n) { return (b->w[n / 64] >> (n % 64) & 1) != 0; }
static void add(struct bits *b, int n) { b->w[n / 64] |= UINT64_C(1) << (n % 64); }

static bool
within(const struct bits *a, const struct bits *b)
{
	int i;

	for (i = 0; i < MODEL_WORDS; i++)
		if ((a->w[i] & ~b->w[i]) != 0)
			return false;
	return true;
}

static void
keep_only(struct bits *a, const struct bits *b)
{
	int i;

	for (i = 0; i < MODEL_WORDS; i++)
		a->w[i] &= b->w[i];
}

static void
tell(int i, enum told what, int value)
{
	M.w.tell(i, (struct told_line){ what, M.r[i].seq, value });
}

static bool
serves(const struct rfsd *r)
{
	return r->alive && (r->role == RF_ALONE || r->role == RF_PRIM);
}

/* What heart publishes */
static void
publish(int i, bool all)
{
	struct rfsd *r = &M.r[i];
	int up = r->role == RF_ALONE || r->role == RF_PRIM || r->role == RF_GIVEN || r->role == RF_SECOND || r->assigned ||
	    (r->disk.up && !r->disk.inconsistent), last = r->disk.last;

	if (all || last != r->said_last)
		tell(i, TOLD_LASTPRIM, last);
	if (all || up != r->said_up)
		tell(i, TOLD_UPTODATE, up);
	r->said_up = up;
	r->said_last = last;
}

void
model_start(const struct model_world *w, bool strict)
{
	memset(M.r, 0, sizeof(M.r));
	memset(&M.acked, 0, sizeof(M.acked));
	M.forked = M.begun = false;
	M.w = *w;
	M.strict = strict;
	M.link = true;
	M.writes = 0;
	M.sessions = 0;
}

void
model_power_off(int i)
{
	struct rfsd *r = &M.r[i];
	struct disk disk = r->disk;

	if (rng_below(M.w.rng, 2) == 0)		/* what the kernel has written meanwhile, or nothing */
		disk.data = r->alive ? r->cache : disk.data;
	memset(r, 0, sizeof(*r));
	r->disk = disk;
	r->cache = disk.data;
	r->role = r->want = RF_OFF;
}

void
model_freeze(int i, bool yes)
{
	M.r[i].frozen = yes;
}

void
model_born(int i)
{
	struct rfsd *r = &M.r[i];

	if (!r->alive) {
		r->alive = true;
		r->role = r->want = RF_OFF;
		r->stage = 0;
		r->pair = r->granted = r->assigned = r->forced = r->asked = r->synced = r->begun = r->copied = false;
		r->nout = 0;
	}
	r->asked = false;
	tell(i, r->pair ? TOLD_PAIRED : TOLD_UNPAIRED, 0);
	tell(i, TOLD_FACTS, r->disk.inconsistent);
	publish(i, true);
}

void
model_end(int i)
{
	M.r[i].alive = false;
}

void
model_want(int i, enum fsm_rfs role, uint32_t seq)
{
	struct rfsd *r = &M.r[i];

	r->want = role;
	r->seq = seq;
	r->stage = 1;
}

void
model_grant(int i)
{
	M.r[i].granted = true;
}

void
model_force(int i, bool primforce)
{
	struct rfsd *r = &M.r[i];

	r->forced = true;
	if (r->disk.inconsistent && !primforce)
		M.w.broken("prim was not refused with inconsistent data");
}

void
model_assign(int i)
{
	M.r[i].assigned = true;
	publish(i, false);
}

void
model_link(bool up)
{
	M.link = up;
}

/* Both ends of the stream work at this instant */
static bool
reach(void)
{
	return M.link && M.r[0].alive && M.r[1].alive && !M.r[0].frozen && !M.r[1].frozen;
}

/* The follower of the primary p's pair */
static bool
follower(const struct rfsd *p, const struct rfsd *s)
{
	return s->alive && s->session == p->session && (s->role == RF_SECOND || (s->role == RF_SYNC && s->copied));
}

static void
alone(int i, const char *how, bool by_itself)
{
	struct rfsd *r = &M.r[i], *o = &M.r[1 - i];
	char why[160];

	M.begun = true;
	if (by_itself && M.strict && !M.forked && !within(&M.acked, &r->cache)) {
		snprintf(why, sizeof(why), "n%d acknowledges alone (%s) without all that was acknowledged", i + 1, how);
		M.w.broken(why);
	}
	if (!by_itself && (!within(&M.acked, &r->cache) || o->disk.up || (o->alive && serves(o) && !o->pair)))
		M.forked = true;
	keep_only(&M.acked, &r->cache);
	r->disk.data = r->cache;	/* syncfs */
	r->disk.up = r->disk.last = true;
	r->disk.paired = r->disk.inconsistent = false;
	r->pair = r->assigned = r->forced = r->asked = r->granted = false;
	r->waits_ms = 0;
	r->term = ++M.sessions;
	while (r->nout > 0)
		add(&M.acked, r->out[--r->nout]);
	M.w.story(i, how);
}

/* First half of a want: what has to be on the disk */
static void
carry_out(int i)
{
	struct rfsd *r = &M.r[i];
	bool was_pair = r->pair;

	switch (r->want) {
	case RF_ALONE:
		if (r->role == RF_OFF && !r->forced && (r->disk.inconsistent || (!r->disk.up && !r->assigned))) {
			M.w.broken("a server that is not up to date starts as primary by itself");
			break;
		}
		if (r->role == RF_SECOND)
			M.counts[2]++;	/* also in a swap */
		if (r->role != RF_ALONE || r->pair)
			alone(i, r->role == RF_SECOND ? "takes over" : r->role == RF_GIVEN ? "takes back" : r->role == RF_OFF ? "starts alone" :
			    "is told alone", !r->forced);
		if (was_pair)
			tell(i, TOLD_UNPAIRED, 0);
		break;
	case RF_PRIM:
		if (!r->pair) {
			r->role = r->want;
			r->stage = 0;
			tell(i, TOLD_CANNOT, RF_PRIM);
			return;
		}
		break;
	case RF_GIVEN:
		if (r->pair && r->nout > 0) {
			if (r->waits_ms > 3 * SEND_MS) {
				r->stage = 0;
				tell(i, TOLD_CANNOT, RF_GIVEN);
			}
			return;		/* model_step() goes on */
		}
		r->disk.data = r->cache;
		break;
	case RF_SYNC:
		r->pair = false;
		r->begun = r->copied = r->synced = r->assigned = false;
		break;
	case RF_SECOND:
		r->disk.last = false;
		r->pair = false;
		break;
	case RF_OFF:
		r->pair = r->assigned = r->forced = false;
		r->nout = 0;		/* never acknowledged: EIO */
		r->disk.data = r->cache;
		break;
	default:
		break;
	}
	r->role = r->want;
	r->stage = 2;
	publish(i, false);
}

/* As secondary: one step of copying, and what comes of it */
static void
copy(int i, int64_t ms)
{
	struct rfsd *r = &M.r[i], *p = &M.r[1 - i];

	if (r->synced)
		return;
	if (!reach() || !serves(p)) {
		if (r->begun && !r->copied && rng_below(M.w.rng, 20) == 0)
			tell(i, TOLD_FAILED, 1);
		return;
	}
	if (r->copied) {	/* FR_PAIRED is on its way, if that was for us */
		if (p->pair && p->session == r->session) {
			r->disk.inconsistent = false;
			r->synced = true;
			r->disk.data = r->cache;
			tell(i, TOLD_SYNCED, 0);
		} else if (!p->pair || p->session != r->session) {
			r->copied = r->begun = false;
		}
		return;
	}
	if (p->pair)
		return;		/* it waits for another one, or does not know yet that we are new: refused */
	if (!r->begun || r->source != p->term) {
		r->begun = true;
		r->source = p->term;
		r->left_ms = rng_below(M.w.rng, 3) == 0 ? rng_below(M.w.rng, 20000) : rng_below(M.w.rng, 1000);
		r->disk.inconsistent = true;
		r->disk.up = r->disk.last = false;	/* not before: the new primary of a swap is up now, on its disk */
		tell(i, TOLD_FACTS, 1);
	}
	r->left_ms -= ms;
	r->cache.w[rng_below(M.w.rng, MODEL_WORDS)] = 0;	/* half old, half new */
}

/* As primary: the secondary has all */
static void
pair(int i)
{
	struct rfsd *p = &M.r[i], *s = &M.r[1 - i];

	if (p->pair || p->stage != 0 || p->granted || p->role != RF_ALONE || !reach() || s->role != RF_SYNC || !s->begun || s->copied || s->left_ms > 0 ||
	    s->source != p->term)
		return;
	p->disk.up = false;
	p->disk.paired = true;
	p->pair = true;
	p->session = s->session = ++M.sessions * 1000;
	s->cache = s->disk.data = p->cache;
	s->copied = true;
	if (M.strict && !M.forked && !within(&M.acked, &p->cache))
		M.w.broken("a synchronisation throws away what was acknowledged");
	keep_only(&M.acked, &p->cache);
	M.forked = false;
	M.counts[1]++;
	M.w.story(i, "is paired");
	tell(i, TOLD_PAIRED, 0);
}

static void
write_and_wait(int i, int64_t ms, bool app)
{
	struct rfsd *p = &M.r[i], *s = &M.r[1 - i];
	bool there = reach() && follower(p, s);
	int k, n = 0;

	if (p->pair && there) {
		for (k = 0; k < p->nout; k++)
			if (has(&s->cache, p->out[k])) {	/* it said so */
				add(&M.acked, p->out[k]);
				M.counts[0]++;
			} else {
				p->out[n++] = p->out[k];
			}
		p->nout = n;
	}
	p->waits_ms = p->pair && p->nout > 0 && !there ? p->waits_ms + ms : 0;
	if (p->waits_ms > SEND_MS && !p->asked) {
		p->asked = true;
		tell(i, TOLD_ASK, 0);
	}
	if (!app || p->role == RF_GIVEN || p->want == RF_GIVEN || M.writes >= MODEL_WORDS * 64 || p->nout == OUT_MAX || rng_below(M.w.rng, 10) != 0)
		return;
	add(&p->cache, M.writes);
	add(&p->disk.data, M.writes);
	if (p->pair)
		p->out[p->nout++] = M.writes;
	else
		add(&M.acked, M.writes);
	M.writes++;
}

void
model_step(int i, int64_t ms, bool app)
{
	struct rfsd *r = &M.r[i], *o = &M.r[1 - i];
	int k;

	if (!r->alive || r->frozen)
		return;
	if (r->granted) {
		r->granted = false;
		if (r->pair && (serves(r) || r->want == RF_GIVEN)) {
			M.counts[3]++;
			alone(i, "is granted alone", true);
			tell(i, TOLD_UNPAIRED, 0);
		}
	}
	if (r->stage == 2) {
		r->stage = 0;
		tell(i, TOLD_ACK, r->want);
	} else if (r->stage == 1) {
		carry_out(i);
	}
	if (serves(r)) {
		pair(i);
		write_and_wait(i, ms, app);
	}
	if (r->role == RF_SYNC)
		copy(i, ms);
	if (serves(o) && o->pair && reach() && follower(o, r))
		for (k = 0; k < o->nout; k++)
			add(&r->cache, o->out[k]);
	publish(i, false);
}

bool
model_alive(int i)
{
	return M.r[i].alive;
}

bool
model_begun(void)
{
	return M.begun;
}

bool
model_equal(void)
{
	return memcmp(&M.r[0].cache, &M.r[1].cache, sizeof(M.r[0].cache)) == 0 && within(&M.acked, &M.r[0].cache);
}

bool
model_uptodate(int i)
{
	return M.r[i].disk.up;
}

bool
model_lastprim(int i)
{
	return M.r[i].disk.last;
}

bool
model_inconsistent(int i)
{
	return M.r[i].disk.inconsistent;
}

long
model_count(int what)
{
	return M.counts[what];
}
