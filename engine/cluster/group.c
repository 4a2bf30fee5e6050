/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group.c: who is here: the membership protocol that group.h describes.
 *
 * Owns: the state machine of one node.  What arrives is noted or, when it is a view of a lower leader, adopted; everything that this
 * node decides itself it decides in group_tick(), so at most once per pulse.
 * Called by: the daemon's loop and the simulation.  Never does: I/O, read a clock, trust a message's content.
 */
#include "config.h"
#include "cluster/group_impl.h"

#include <stdlib.h>
#include <string.h>

#define NEVER	(INT64_MIN / 2)
#define ABOVE(i) (~(BIT(i) | (BIT(i) - 1)))	/* all indexes higher than i */

static uint32_t
all_nodes(const struct group *g)
{
	return g->conf.nodes == 32 ? UINT32_MAX : BIT(g->conf.nodes) - 1;
}

/* Nothing for count pulses, with half a pulse for a network that wavers */
static bool
is_silent(const struct group *g, int64_t last, int count, int64_t now)
{
	return now - last > (int64_t)count * g->conf.pulse_ms + g->conf.pulse_ms / 2;
}

uint32_t
group_heard(const struct group *g, int64_t now)
{
	uint32_t heard = 0;
	int i;

	for (i = 0; i < g->conf.nodes; i++)
		if (i != g->conf.self && !is_silent(g, g->heard_at[i], g->conf.slost_count, now))
			heard |= BIT(i);
	return heard;
}

static int
least_count(const struct group *g)
{
	return g->conf.mlost_count < g->conf.slost_count ? g->conf.mlost_count : g->conf.slost_count;
}

/* Until a group that lost its leader has another one that speaks to everybody: missed, then up to 5 pulses of patience, and one */
static int64_t
successor_ms(const struct group *g)
{
	return (int64_t)(g->conf.mlost_count + 6) * g->conf.pulse_ms;
}

uint32_t
group_near(const struct group *g, int64_t now)
{
	int64_t least = (int64_t)least_count(g) * g->conf.pulse_ms;
	uint32_t near = 0;
	int i;

	for (i = 0; i < g->conf.nodes; i++)
		if (i != g->conf.self && (now - g->heard_at[i] <= least || now - g->went_at[i] <= successor_ms(g)))
			near |= BIT(i);
	if (now - g->told_near_at <= successor_ms(g))
		near |= g->told_near & ~BIT(g->conf.self);
	return near;
}

void
group_fill(const struct group *g, struct group_msg *m, int type, int64_t now)
{
	memset(m, 0, offsetof(struct group_msg, data));
	m->type = (uint8_t)type;
	m->from = (uint8_t)g->conf.self;
	m->view = g->number;
	m->leader = g->leader < 0 ? GROUP_NOBODY : (uint8_t)g->leader;
	m->members = g->members;
	memcpy(m->word, g->word, sizeof(m->word));
	m->heard = group_heard(g, now);
}

static uint32_t
own_version(const struct group *g)
{
	const struct group_info *own = &g->info[g->conf.self];

	return own->whole ? own->version : 0;
}

static void
send_alive(struct group *g, int to, int64_t now)
{
	struct group_msg m;

	g->asked_at[to] = now;
	group_fill(g, &m, GM_ALIVE, now);
	m.info_version[g->conf.self] = own_version(g);
	m.word[g->conf.self] = g->own_word;
	g->hooks.send(g->hooks.ctx, to, &m);
}

/* Ask a leader that we hear for the first time to take us in; from then on group_tick() asks, once per pulse */
static void
ask_to_join(struct group *g, int leader, int64_t now)
{
	if (now - g->asked_at[leader] > g->conf.pulse_ms)
		send_alive(g, leader, now);
}

/* To a leader that counts us in: we are not, or no longer, in its view `number`.  To a member: this leader is gone. */
static void
send_leave(struct group *g, int to, uint32_t number)
{
	struct group_msg m;

	group_fill(g, &m, GM_LEAVE, 0);
	m.heard = 0;	/* not said here: a shutdown knows no time */
	m.view = number;
	g->hooks.send(g->hooks.ctx, to, &m);
}

static void
send_view(struct group *g, uint32_t to, int64_t now)
{
	struct group_msg m;
	int i;

	group_fill(g, &m, GM_VIEW, now);
	m.heard = group_near(g, now);
	for (i = 0; i < g->conf.nodes; i++)
		if ((g->members & BIT(i)) != 0)
			m.info_version[i] = i == g->conf.self ? own_version(g) : g->info[i].announced;
	m.acked = g->acked;
	for (i = 0; i < g->conf.nodes; i++)
		if (i != g->conf.self && (to & BIT(i)) != 0)
			g->hooks.send(g->hooks.ctx, i, &m);
}

/* The only place where the view changes */
static void
set_view(struct group *g, uint32_t number, int leader, uint32_t members, const uint32_t word[SK_NODES_MAX], uint32_t acked)
{
	uint32_t gone = g->members & ~members;
	int i;

	for (i = 0; i < g->conf.nodes; i++)
		g->told[i] = g->word[i] = (members & BIT(i)) != 0 ? word[i] : 0;
	g->acked = (acked | BIT(g->conf.self)) & members;
	g->acks_told = false;
	g->number = number;
	g->leader = leader;
	g->members = members;
	g->said_goodbye = false;
	if (number > g->highest)
		g->highest = number;
	group_info_view(g, gone);
	g->hooks.view(g->hooks.ctx, number, leader, members);
}

/* These have said that they have our view */
static void
add_acked(struct group *g, uint32_t acked)
{
	acked = (acked | g->acked) & g->members;
	if (acked == g->acked)
		return;
	g->acked = acked;
	if (g->hooks.acked != NULL)
		g->hooks.acked(g->hooks.ctx, g->number, acked);
}

/* Two views of one name, of two lives of their leader, differ.  skip: whose word may be another. */
static bool
is_other_view(const struct group *g, const struct group_msg *m, int skip)
{
	int i;

	if (m->members != g->members)
		return true;
	for (i = 0; i < g->conf.nodes; i++)
		if (i != skip && (g->members & BIT(i)) != 0 && m->word[i] != g->word[i])
			return true;
	return false;
}

/* A lower leader than this one attracts us: our own while we hear it, else ourselves */
static int
current_leader(const struct group *g)
{
	return g->state == GS_FOLLOW && !g->excluded ? g->leader : g->conf.self;
}

/* Is a lower leader's view newer than ours?  With equal numbers the lower leader's is: else two leaders that count in step would
 * never meet. */
static bool
is_newer(const struct group *g, const struct group_msg *m)
{
	return m->view > g->number || (m->view == g->number && m->leader < g->leader);
}

/* ---- deciding: only from group_tick() ---- */

static void
decide(struct group *g, uint32_t members, int64_t now)
{
	uint32_t word[SK_NODES_MAX];
	int i;

	memcpy(word, g->told, sizeof(word));
	word[g->conf.self] = g->own_word;
	g->highest++;
	for (i = 0; i < g->conf.nodes; i++)
		if ((members & ~g->members & BIT(i)) != 0 || (g->state != GS_LEAD && (members & BIT(i)) != 0)) {
			g->alive_at[i] = now;
			g->admitted[i] = g->highest;
		}
	g->state = GS_LEAD;
	g->excluded = g->renew = false;
	g->joining = g->leaving = 0;
	set_view(g, g->highest, g->conf.self, members, word, 0);
}

/* A lower leader was heard first at most 3 pulses ago (one to ask, one for its decision, one to spare): it will take us all in.  Until
 * then we do not count those as lost who went over before us. */
static bool
is_merging(const struct group *g, int64_t now)
{
	int i;

	for (i = 0; i < g->conf.self; i++)
		if (!is_silent(g, g->claim_at[i], 1, now) && now - g->claim_since[i] <= 3 * (int64_t)g->conf.pulse_ms)
			return true;
	return false;
}

static void
lead_tick(struct group *g, int64_t now)
{
	uint32_t members = (g->members | g->joining) & ~g->leaving;
	int i;

	if (is_merging(g, now))
		return;
	for (i = 0; i < g->conf.nodes; i++) {
		if ((g->members & members & BIT(i)) == 0)
			continue;
		if (i != g->conf.self && is_silent(g, g->alive_at[i], g->conf.slost_count, now))
			members &= ~BIT(i);
		else if (g->word[i] != (i == g->conf.self ? g->own_word : g->told[i]))
			g->renew = true;
	}
	if (members != g->members || g->renew)
		decide(g, members, now);
	g->joining = g->leaving = 0;
}

/* The leader is lost: how many pulses do lower members get to take over before we do? */
static void
leader_lost(struct group *g)
{
	uint32_t lower = g->members & (BIT(g->conf.self) - 1);

	if (g->leader >= 0)
		lower &= ~BIT(g->leader);
	g->state = GS_LOST;
	g->wait = lower == 0 ? 0 : (lower & (lower - 1)) == 0 ? 2 : 3;
	/* A goodbye: without a lower one that does not take over only when it has been silent for long enough to know it (its lease) */
	if (lower != 0 && g->said_goodbye)
		g->wait += least_count(g) - 1;
}

static bool
hears_successor(const struct group *g, int64_t now)
{
	int i;

	for (i = 0; i < g->conf.self; i++)
		if (i != g->leader && !is_silent(g, g->claim_at[i], 1, now))
			return true;
	return false;
}

static void
follow_tick(struct group *g, int64_t now)
{
	uint32_t self = BIT(g->conf.self);

	if (g->excluded) {
		decide(g, self, now);
		return;
	}
	if (g->state == GS_FOLLOW && is_silent(g, g->leader_at, g->conf.mlost_count, now))
		leader_lost(g);
	if (g->state != GS_LOST)
		return;
	/* a successor that spoke before we missed the leader speaks again within a pulse: two pulses for that */
	if (g->wait <= 0 && (g->wait <= -2 || !hears_successor(g, now)))
		decide(g, self | (g->members & ABOVE(g->conf.self)), now);
	else
		g->wait--;
}

/* We were stopped for `gap`: what others did meanwhile waits in the socket and is not their silence */
static void
take_gap_out(struct group *g, int64_t gap)
{
	int i;

	g->leader_at += gap;
	for (i = 0; i < g->conf.nodes; i++) {
		g->alive_at[i] += gap;
		g->claim_at[i] += gap;
		g->heard_at[i] += gap;
	}
}

void
group_tick(struct group *g, int64_t now)
{
	int i;

	if (g->state == GS_LEFT || now < g->next)
		return;
	g->last = now;
	if (now - g->next > g->conf.pulse_ms)
		take_gap_out(g, now - g->next);
	g->next += g->conf.pulse_ms;
	if (g->next <= now)
		g->next = now + g->conf.pulse_ms;

	if (g->state == GS_LISTEN && --g->wait <= 0)
		decide(g, BIT(g->conf.self) | g->joining, now);
	else if (g->state == GS_FOLLOW || g->state == GS_LOST)
		follow_tick(g, now);
	else if (g->state == GS_LEAD)
		lead_tick(g, now);

	if (g->state == GS_LEAD)
		send_view(g, UINT32_MAX, now);
	for (i = 0; i < g->conf.self; i++)
		if (((g->state == GS_FOLLOW || g->state == GS_LOST) && i == g->leader) ||
		    (i < current_leader(g) && !is_silent(g, g->claim_at[i], g->conf.mlost_count, now)))
			send_alive(g, i, now);
	group_info_tick(g, now);
}

/* ---- receiving ---- */

static void
versions_of_view(struct group *g, const struct group_msg *m)
{
	int i;

	for (i = 0; i < g->conf.nodes; i++)
		if ((m->members & BIT(i)) != 0)
			group_info_announced(g, i, m->info_version[i]);
}

/* Who lives outside of the view only its leader knows.  What a VIEW says that was overtaken must not undo it: added, for half a pulse. */
static void
take_near(struct group *g, const struct group_msg *m, int64_t now)
{
	g->told_near = m->heard | (now - g->told_near_at < g->conf.pulse_ms / 2 ? g->told_near : 0);
	g->told_near_at = now;
}

/* A lower leader counts us in: go over */
static void
adopt(struct group *g, const struct group_msg *m, int64_t now)
{
	int i, old = g->leader, was = g->state;
	uint32_t members = g->members, number = g->number;

	g->state = GS_FOLLOW;
	g->excluded = g->renew = false;
	g->joining = g->leaving = 0;
	g->leader_at = now;
	take_near(g, m, now);
	set_view(g, m->view, m->from, m->members, m->word, m->acked | BIT(m->from));
	versions_of_view(g, m);
	send_alive(g, m->from, now);	/* that we have it */
	if ((was == GS_FOLLOW || was == GS_LOST) && old >= 0 && old != m->from)
		send_leave(g, old, number);
	if (was == GS_LEAD)
		for (i = 0; i < g->conf.nodes; i++)
			if ((members & ~m->members & BIT(i)) != 0)
				send_leave(g, i, number);
}

static void
view_of_our_leader(struct group *g, const struct group_msg *m, bool mine, int64_t now)
{
	if (m->view < g->number || (g->said_goodbye && m->view == g->number))
		return;		/* overtaken on its way, by the goodbye too; or a new life of the leader, which our ALIVE tells about our number */
	if (!mine) {
		if (m->view > g->number) {
			g->excluded = true;
			ask_to_join(g, m->from, now);
		}
		return;
	}
	if (m->view == g->number && is_other_view(g, m, -1))
		return;		/* as before: two lives of the leader */
	if (m->view > g->number) {
		adopt(g, m, now);
		return;
	}
	if (g->excluded)
		return;		/* older than the view that excluded us */
	g->state = GS_FOLLOW;
	g->leader_at = now;
	take_near(g, m, now);
	versions_of_view(g, m);
	add_acked(g, m->acked);
}

/* A fellow member has missed our leader and counts us in; our own patience ends within half a pulse */
static bool
is_successor(const struct group *g, const struct group_msg *m, int64_t now)
{
	return g->state == GS_FOLLOW && !g->excluded && (g->members & BIT(m->from)) != 0 && (m->members & BIT(g->leader)) == 0 &&
	    m->view > g->number && now - g->leader_at > (int64_t)g->conf.mlost_count * g->conf.pulse_ms;
}

/* A higher leader counts us in.  It may be the successor of our leader, whom we have not missed yet: we say no only when our leader
 * has spoken since. */
static void
refuse(struct group *g, const struct group_msg *m, int64_t now)
{
	int64_t *counted = &g->counted_at[m->from];

	if (is_silent(g, *counted, 2, now))
		*counted = now;
	else if (g->leader_at > *counted)
		send_leave(g, m->from, m->view);
}

static void
receive_view(struct group *g, const struct group_msg *m, int64_t now)
{
	bool mine = (m->members & BIT(g->conf.self)) != 0;

	if (m->leader != m->from || (m->members & BIT(m->from)) == 0 || (m->members & (BIT(m->from) - 1)) != 0)
		return;		/* a leader is the lowest of its members */
	if (is_silent(g, g->claim_at[m->from], g->conf.mlost_count, now))
		g->claim_since[m->from] = now;
	g->claim_at[m->from] = now;
	g->claim_members[m->from] = m->members;
	memcpy(g->claim_word[m->from], m->word, sizeof(g->claim_word[0]));
	if (g->state == GS_LISTEN)
		g->joining = 0;		/* as when they say LEAVE */
	if (g->state == GS_LEAD && (g->members & BIT(m->from)) != 0 && m->view > g->admitted[m->from] &&
	    is_silent(g, g->alive_at[m->from], 1, now)) {
		g->leaving |= BIT(m->from);	/* it took over and asks us no more: it does not hear us */
		g->joining &= ~BIT(m->from);
	}
	if ((g->state == GS_FOLLOW || g->state == GS_LOST) && m->from == g->leader) {
		view_of_our_leader(g, m, mine, now);
	} else if (m->from < current_leader(g)) {
		if (mine && is_newer(g, m))
			adopt(g, m, now);
		else
			ask_to_join(g, m->from, now);
	} else if (mine && is_successor(g, m, now)) {
		adopt(g, m, now);
	} else if (mine) {
		refuse(g, m, now);
	}
}

/* A word that was overtaken by a newer one must not undo it: for half a pulse after a change the sender is not believed another one */
static void
take_word(struct group *g, const struct group_msg *m, int64_t now)
{
	uint32_t *told = &g->told[m->from];

	if (*told == m->word[m->from] || ((g->members & BIT(m->from)) != 0 && now - g->told_at[m->from] < g->conf.pulse_ms / 2))
		return;
	*told = m->word[m->from];
	g->told_at[m->from] = now;
}

static void
receive_alive(struct group *g, const struct group_msg *m, int64_t now)
{
	uint32_t bit = BIT(m->from), fellows = m->members & ABOVE(g->conf.self) & ~g->members & ~bit;
	int i;

	if (m->from < g->conf.self || (m->members & bit) == 0)
		return;		/* lower nodes do not ask us */
	if (m->leader == g->conf.self && g->left[m->from] != 0 && m->view <= g->left[m->from])
		return;		/* overtaken by its LEAVE */
	if (g->state == GS_FOLLOW && m->leader == g->conf.self && (g->members & bit) == 0)
		send_leave(g, m->from, m->view);	/* it takes us for its leader, and we follow one that does not have it */
	if (g->state != GS_LEAD && g->state != GS_LISTEN)
		return;
	if (g->state == GS_LISTEN && m->leader != g->conf.self)
		return;
	if (g->state == GS_LISTEN)
		g->wait = 1;	/* we led them in an earlier life (the first to speak brings all): go on at the next pulse */
	g->alive_at[m->from] = now;
	g->leaving &= ~bit;
	take_word(g, m, now);
	if (g->state == GS_LEAD)
		group_info_announced(g, m->from, m->info_version[m->from]);
	if ((g->members & bit) == 0) {
		for (i = 0; i < g->conf.nodes; i++)
			if ((fellows & ~g->joining & BIT(i)) != 0)
				g->told[i] = m->word[i];	/* until it speaks itself */
		g->joining |= bit | fellows;
	} else if (m->view > g->number || (m->view == g->number && (m->leader != g->conf.self || is_other_view(g, m, m->from)))) {
		g->renew = true;
	} else if (m->view == g->number && g->state == GS_LEAD) {
		add_acked(g, bit);
		if (g->acked == g->members && !g->acks_told)
			send_view(g, g->members, now);
		g->acks_told = g->acked == g->members;
	}
}

static void
receive_leave(struct group *g, const struct group_msg *m, int64_t now)
{
	if (m->leader == g->conf.self || m->leader == m->from)
		g->heard_at[m->from] = NEVER;	/* a goodbye; who goes over to another leader names that one */
	else
		g->went_at[m->from] = now;
	g->claim_at[m->from] = NEVER;
	if (g->state == GS_LISTEN) {
		g->joining = 0;		/* they have found another leader: they will come together */
	} else if (g->state == GS_LEAD) {
		if (m->view > g->left[m->from])
			g->left[m->from] = m->view;
		if ((g->members & BIT(m->from)) != 0 && m->view >= g->admitted[m->from]) {
			/* it went over; if we hear that leader too, it will take us as well.  Only its first LEAVE: this must end. */
			if (m->leader < g->conf.self && (g->leaving & BIT(m->from)) == 0)
				g->claim_since[m->leader] = now;
			g->leaving |= BIT(m->from);
			g->joining &= ~BIT(m->from);
		}
	} else if (g->state == GS_FOLLOW && m->from == g->leader && m->view >= g->number) {
		g->said_goodbye = true;
		leader_lost(g);
	}
}

void
group_receive(struct group *g, const struct group_msg *m, int64_t now)
{
	if (g->state == GS_LEFT || m->from >= g->conf.nodes || m->from == g->conf.self || m->view > GROUP_VIEW_MAX ||
	    (m->members & ~all_nodes(g)) != 0)
		return;
	g->last = now;
	g->heard_at[m->from] = now;
	if (m->view > g->highest)
		g->highest = m->view;
	switch (m->type) {
	case GM_ALIVE:
		receive_alive(g, m, now);
		break;
	case GM_VIEW:
		receive_view(g, m, now);
		break;
	case GM_LEAVE:
		receive_leave(g, m, now);
		break;
	case GM_WANT:
		group_info_want(g, m, now);
		break;
	case GM_INFO:
		group_info_piece(g, m, now);
		break;
	}
}

/* ---- life ---- */

uint32_t
group_first_view(int64_t wall_us)
{
	const int64_t epoch_2020 = 1577836800;
	int64_t s = wall_us / 1000000 - epoch_2020;

	return s < 1 ? 1 : s > GROUP_VIEW_MAX / 2 ? GROUP_VIEW_MAX / 2 : (uint32_t)s;
}

struct group *
group_new(const struct group_conf *conf, const struct group_hooks *hooks, int64_t now)
{
	struct group *g;
	int i;

	if (conf->nodes < 1 || conf->nodes > SK_NODES_MAX || conf->self < 0 || conf->self >= conf->nodes || conf->pulse_ms < 1 ||
	    conf->mlost_count < 1 || conf->slost_count < 1 || conf->mlost_count > 1000000 || conf->slost_count > 1000000)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return NULL;
	g->conf = *conf;
	g->hooks = *hooks;
	g->state = GS_LISTEN;
	g->leader = -1;
	g->members = g->acked = BIT(conf->self);
	g->last = now;
	g->highest = conf->first_view < GROUP_VIEW_MAX ? conf->first_view : GROUP_VIEW_MAX;
	g->wait = conf->mlost_count;
	g->next = now + conf->pulse_ms;
	g->leader_at = g->told_near_at = NEVER;
	for (i = 0; i < conf->nodes; i++)
		g->alive_at[i] = g->claim_at[i] = g->heard_at[i] = g->asked_at[i] = g->counted_at[i] = g->told_at[i] = g->went_at[i] = NEVER;
	g->info[conf->self].version = conf->first_info;
	g->info_budget = GROUP_BUDGET;
	return g;
}

void
group_free(struct group *g)
{
	if (g == NULL)
		return;
	group_info_free(g);
	free(g);
}

int64_t
group_next(const struct group *g)
{
	return g->state == GS_LEFT ? INT64_MAX : g->next;
}

void
group_leave(struct group *g)
{
	int i;

	if (g->state == GS_LEFT)
		return;
	if (g->state == GS_FOLLOW || g->state == GS_LOST)
		send_leave(g, g->leader, g->number);
	else if (g->state == GS_LEAD)
		for (i = 0; i < g->conf.nodes; i++)
			if ((g->members & BIT(i)) != 0 && i != g->conf.self)
				send_leave(g, i, g->number);
	g->state = GS_LEFT;
	g->members = g->acked = BIT(g->conf.self);
	memset(g->word, 0, sizeof(g->word));
	g->leader = -1;
}

void
group_set_word(struct group *g, uint32_t word)
{
	if (g->own_word == word)
		return;
	g->own_word = word;
	if (g->state == GS_FOLLOW)
		send_alive(g, g->leader, g->last);
}

uint32_t
group_word(const struct group *g, int node)
{
	return g->word[node];
}

uint32_t
group_acked(const struct group *g)
{
	return g->acked;
}

uint32_t
group_rivals(const struct group *g, uint32_t mask, int64_t now)
{
	uint32_t rivals = 0, self = BIT(g->conf.self);
	int i, k;

	for (i = 0; i < g->conf.self; i++) {
		if (is_silent(g, g->claim_at[i], g->conf.mlost_count, now) ||
		    (g->excluded && i == g->leader ? (g->claim_members[i] & self) != 0 : i >= current_leader(g)))
			continue;
		for (k = 0; k < g->conf.nodes; k++)
			if ((g->claim_members[i] & BIT(k)) != 0 && (g->claim_word[i][k] & mask) != 0)
				rivals |= BIT(k);
	}
	return rivals & ~self;	/* an older view of theirs may have our name: we are no rival of ourselves */
}

uint32_t
group_members(const struct group *g)
{
	return g->members;
}

int
group_leader(const struct group *g)
{
	return g->leader;
}

uint32_t
group_view(const struct group *g)
{
	return g->number;
}
