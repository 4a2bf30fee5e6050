/* SPDX-License-Identifier: GPL-2.0-or-later */
/* farm_node.c: a group and a farm put together; see farm_node.h */
#include "config.h"
#include "vip/farm_node.h"

#include <stdlib.h>
#include <string.h>

struct farm_node {
	struct farm_node_conf  conf;
	struct farm_node_hooks hooks;
	struct group *group;
	struct farm *farm;
	uint32_t serves;	/* our word when we serve */
	bool	 wish;		/* farm_node_serve() */
	bool	 waiting;	/* for hooks.served */
	bool	 served;	/* the wish of this life was in force: from then on it may serve at once */
	bool	 left;
	int64_t	 give_up;	/* until when we wait for the wish */
	int64_t	 born;
	int64_t	 pulse_at;	/* the last of our pulses, or our birth */
	uint32_t lives;
	int64_t	 now;		/* the latest that the caller gave */
	struct { uint32_t number, members; int leader; int64_t at; } view;	/* in force */
	int64_t	 first_at;	/* when the first view of this life came into force */
	/* Members of a former leader's view, or of one before views that we missed, who are in none of ours now: nobody knows whether they
	 * were silent.  Until their lease would be over. */
	uint32_t lapsing;
	int64_t	 lapsed_at;
	uint32_t differs, refused;	/* members with another word than ours or the winning one's; whose info was refused */
	struct { uint32_t serving; int buckets; bool told; } share[FILTER_GROUPS];
};

static int64_t
pulses(const struct farm_node *n, int count)
{
	return (int64_t)count * n->conf.pulse_ms;
}

static int
least_count(const struct farm_node *n)
{
	return n->conf.mlost_count < n->conf.slost_count ? n->conf.mlost_count : n->conf.slost_count;
}

/* Who misses us waits half a pulse longer than its count, and may not have got what we said with our last pulse */
static int64_t
lease_ms(const struct farm_node *n)
{
	return least_count(n) > 1 ? pulses(n, least_count(n)) - n->conf.pulse_ms / 2 : n->conf.pulse_ms + n->conf.pulse_ms / 4;
}

/* ---- hooks of the group ---- */

static void
on_send(void *ctx, int to, const struct group_msg *m)
{
	struct farm_node *n = ctx;

	n->hooks.send(n->hooks.ctx, to, m);
}

/* Who serves: of the members that say so those whose configuration most have */
static uint32_t
serving(const struct farm_node *n, uint32_t members, uint32_t *differs)
{
	uint32_t best = 0, same, rest, all = 0;
	int i, k;

	for (i = 0; i < n->conf.farm.nodes; i++)
		if ((members >> i & 1) != 0 && (group_word(n->group, i) & FARM_SERVES) != 0)
			all |= UINT32_C(1) << i;
	for (rest = all; rest != 0; rest &= ~same) {
		k = __builtin_ctz(rest);
		for (same = 0, i = k; i < n->conf.farm.nodes; i++)
			if ((rest >> i & 1) != 0 && group_word(n->group, i) == group_word(n->group, k))
				same |= UINT32_C(1) << i;
		if (__builtin_popcount(same) > __builtin_popcount(best))
			best = same;
	}
	for (*differs = 0, i = 0; i < n->conf.farm.nodes; i++)
		if ((all >> i & 1) != 0 && i != n->conf.farm.self && group_word(n->group, i) != n->serves)
			*differs |= UINT32_C(1) << i;
	return best;
}

static void
tell_shares(struct farm_node *n)
{
	int g;

	for (g = 0; g < n->conf.farm.groups; g++) {
		uint32_t nodes = farm_serving(n->farm, g);
		int buckets = farm_share(n->farm, g, n->conf.farm.self);

		if (n->share[g].told && n->share[g].serving == nodes && n->share[g].buckets == buckets)
			continue;
		n->share[g].told = true;
		n->share[g].serving = nodes;
		n->share[g].buckets = buckets;
		n->hooks.share(n->hooks.ctx, g, nodes, buckets, group_view(n->group));
	}
}

static void
tell_differs(struct farm_node *n, uint32_t words)
{
	uint32_t was = n->differs;

	n->differs = (words | n->refused) & group_members(n->group);
	if (n->differs != was)
		n->hooks.differs(n->hooks.ctx, n->differs);
}

/* The filter first, then the others are told: with a view, else once per pulse (who asks for a version gets no other) */
static void
publish(struct farm_node *n, bool info_too)
{
	const uint8_t *info;
	size_t len;

	if (farm_changed(n->farm))
		n->hooks.tables(n->hooks.ctx);
	if (info_too && farm_info(n->farm, &info, &len))
		group_set_info(n->group, info, len);	/* its size is bounded; without memory the older view in it means: may hold anything */
}

static uint32_t
lapsing(const struct farm_node *n)
{
	return n->now < n->lapsed_at ? n->lapsing : 0;
}

/* Who may own something outside of our view.  Not for ever: it may be that it hears us as little as we are in its view */
static uint32_t
near_outside(const struct farm_node *n)
{
	uint32_t near = n->now - n->view.at > pulses(n, n->conf.mlost_count + n->conf.slost_count + 6) ? 0 : group_near(n->group, n->now);

	return (near | lapsing(n)) & ~group_members(n->group);
}

static void
note_view(struct farm_node *n)
{
	uint32_t members = group_members(n->group);
	int leader = group_leader(n->group);

	if (n->view.leader >= 0 && (leader != n->view.leader || group_view(n->group) != n->view.number + 1)) {
		n->lapsing = lapsing(n) | n->view.members;
		if (leader != n->view.leader)
			n->lapsing &= ~(UINT32_C(1) << n->view.leader);		/* that one was missed, said goodbye, or is heard */
		n->lapsed_at = n->now + pulses(n, least_count(n) + 1);
	}
	n->lapsing &= ~members;
	if (n->view.leader < 0)
		n->first_at = n->now;
	n->view.number = group_view(n->group);
	n->view.members = members;
	n->view.leader = leader;
	n->view.at = n->now;
}

/* The view or who has it, as the farm has to know it */
static void
view_to_farm(struct farm_node *n)
{
	struct farm_view v = { group_view(n->group), group_leader(n->group), group_members(n->group), 0, group_acked(n->group), near_outside(n), false,
	    group_heard(n->group, n->now) | near_outside(n) };
	uint32_t words;

	v.serving = serving(n, v.members, &words);
	v.foreign = v.serving != 0 && group_word(n->group, __builtin_ctz(v.serving)) != n->serves;
	if (group_word(n->group, n->conf.farm.self) != n->serves)
		v.serving &= ~(UINT32_C(1) << n->conf.farm.self);	/* of a former life, with another configuration */
	/* A former life of ours is counted in: until we serve ourselves, nobody may think that we took anything. */
	if ((v.serving >> n->conf.farm.self & 1) != 0 && !n->wish && !n->served)
		v.acked = 0;
	farm_view(n->farm, &v);
	publish(n, true);
	tell_differs(n, words);
}

static void
on_view(void *ctx, uint32_t number, int leader, uint32_t members)
{
	struct farm_node *n = ctx;

	(void)number;
	(void)leader;
	(void)members;
	note_view(n);
	view_to_farm(n);
	tell_shares(n);
	/* A former life of ours was serving in this view, and so do we */
	if (n->wish && !n->served && group_word(n->group, n->conf.farm.self) == n->serves) {
		n->served = true;
		group_set_word(n->group, n->serves);
	}
}

static void
on_acked(void *ctx, uint32_t number, uint32_t members)
{
	(void)number;
	(void)members;
	view_to_farm(ctx);
}

static void
on_info(void *ctx, int node, uint32_t version, const uint8_t *info, size_t len)
{
	struct farm_node *n = ctx;
	uint32_t bit = UINT32_C(1) << node, words;

	(void)version;
	if (farm_hear(n->farm, node, info, len))
		n->refused &= ~bit;
	else
		n->refused |= bit;
	serving(n, group_members(n->group), &words);
	tell_differs(n, words);
	publish(n, false);
}

/* ---- life ---- */

static struct group *
new_group(struct farm_node *n, uint32_t first_view, int64_t now)
{
	struct group_hooks hooks = { n, on_send, on_view, on_info, on_acked };
	struct group_conf conf = { n->conf.farm.nodes, n->conf.farm.self, n->conf.pulse_ms, n->conf.mlost_count, n->conf.slost_count,
	    first_view, n->conf.first_info + n->lives * UINT32_C(0x9e3779b9) };

	n->lives++;
	n->born = now;
	return group_new(&conf, &hooks, now);
}

/* This process was stopped for longer than the lease: what we know is of another time, and what waits in the sockets is, too */
static void
begin_anew(struct farm_node *n, int64_t now)
{
	uint32_t first = group_view(n->group);
	struct group *fresh = new_group(n, first > n->conf.first_view ? first : n->conf.first_view, now);

	if (fresh == NULL)
		return;		/* again with what comes next; without a pulse there is no lease */
	n->hooks.anew(n->hooks.ctx);
	group_free(n->group);
	n->group = fresh;
	n->pulse_at = now;
	n->view.leader = -1;
	n->lapsing = 0;
	n->served = false;
	n->refused = 0;
	farm_view(n->farm, NULL);
	farm_outside(n->farm, 0, 0, 0);
	publish(n, true);
}

static void
give_lease(struct farm_node *n)
{
	if (group_view(n->group) == 0)
		return;
	n->hooks.lease(n->hooks.ctx, n->pulse_at + lease_ms(n));
}

/* In a view that serves already: now.  Else there may be others that serve and did not speak yet: who lost their leader need up to
 * mlost + 5 pulses and a half, who began with us speak a pulse after us. */
static bool
may_begin(const struct farm_node *n, int64_t now)
{
	if (group_view(n->group) == 0)
		return false;
	if (now - n->first_at < pulses(n, least_count(n) + 1))
		return false;	/* members of this farm that we never met may have a lease still */
	return n->conf.farm.nodes <= 1 || farm_serves(n->farm) != 0 || now - n->born >= pulses(n, n->conf.mlost_count + 6);
}

/* After anything that happened: what the farm sees outside of the view, our word, whether the wish has come true */
static void
update(struct farm_node *n, int64_t now)
{
	uint32_t members = group_members(n->group), outside = group_heard(n->group, now) & ~members;
	bool in_force;

	farm_outside(n->farm, outside | near_outside(n), near_outside(n), group_view(n->group) != 0 ? group_rivals(n->group, FARM_SERVES, now) : 0);
	publish(n, false);
	group_set_word(n->group, n->wish && (n->served || may_begin(n, now)) ? n->serves : 0);
	in_force = group_view(n->group) == 0 ? !n->wish : group_word(n->group, n->conf.farm.self) == (n->wish ? n->serves : 0);
	if (in_force && n->wish)
		n->served = true;
	if (n->waiting && (in_force || now >= n->give_up)) {
		n->waiting = false;
		n->hooks.served(n->hooks.ctx, n->wish);
	}
}

/* false: the lease was over, or would have been */
static bool
is_awake(struct farm_node *n, int64_t now)
{
	n->now = now;
	/* A life that did not speak yet knows a view of a former one only from what waited: it may not wait long */
	if (now - n->pulse_at < (n->pulse_at == n->born ? n->conf.pulse_ms + n->conf.pulse_ms / 4 : lease_ms(n)))
		return true;
	begin_anew(n, now);
	return false;
}

void
farm_node_serve(struct farm_node *n, bool serve, int64_t now)
{
	if (n->left)
		return;
	n->wish = serve;
	n->waiting = true;
	is_awake(n, now);
	n->give_up = now + 2 * pulses(n, n->conf.mlost_count + n->conf.slost_count);
	if (!serve)
		n->served = false;
	if (group_view(n->group) != 0)
		view_to_farm(n);	/* what a former life of ours owns in it was not ours until now */
	update(n, now);
}

void
farm_node_receive(struct farm_node *n, const struct group_msg *m, int64_t now)
{
	if (n->left)
		return;
	if (!is_awake(n, now))
		return;
	group_receive(n->group, m, now);
	update(n, now);
}

void
farm_node_tick(struct farm_node *n, int64_t now)
{
	if (n->left)
		return;
	if (!is_awake(n, now) || now < group_next(n->group))
		return;
	n->pulse_at = now;
	publish(n, true);
	group_tick(n->group, now);
	give_lease(n);
	update(n, now);
}

void
farm_node_check(struct farm_node *n, int64_t now)
{
	if (n->left)
		return;
	n->now = n->pulse_at = now;
	update(n, now);
}

int64_t
farm_node_next(const struct farm_node *n)
{
	return n->left ? INT64_MAX : group_next(n->group);
}

void
farm_node_holds(struct farm_node *n, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8])
{
	if (n->left)
		return;
	farm_holds(n->farm, counted_in, bits);
	publish(n, false);
}

void
farm_node_leave(struct farm_node *n)
{
	if (n->left)
		return;
	group_leave(n->group);
	n->left = true;
}

uint32_t
farm_node_view(const struct farm_node *n)
{
	return group_view(n->group);
}

struct farm *
farm_node_farm(struct farm_node *n)
{
	return n->farm;
}

const struct group *
farm_node_group(const struct farm_node *n)
{
	return n->group;
}

struct farm_node *
farm_node_new(const struct farm_node_conf *conf, const struct farm_node_hooks *hooks, int64_t now)
{
	struct farm_node *n = calloc(1, sizeof(*n));
	const uint8_t *info;
	size_t len;

	if (n == NULL)
		return NULL;
	n->conf = *conf;
	n->hooks = *hooks;
	n->now = n->pulse_at = now;
	n->view.leader = -1;
	n->serves = FARM_SERVES | farm_hash(&conf->farm) << 1;
	n->farm = farm_new(&conf->farm);
	if (n->farm != NULL)
		n->group = new_group(n, conf->first_view, now);
	if (n->group == NULL) {
		farm_node_free(n);
		return NULL;
	}
	if (farm_info(n->farm, &info, &len))
		group_set_info(n->group, info, len);
	return n;		/* tables are told with what happens first: the caller does not have us yet */
}

void
farm_node_free(struct farm_node *n)
{
	if (n == NULL)
		return;
	group_free(n->group);
	farm_free(n->farm);
	free(n);
}
