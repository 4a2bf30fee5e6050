/* SPDX-License-Identifier: GPL-2.0-or-later */
/* farm_world.c: clock, network, servers, processes, kernels (tables, lease, sockets), clients, and the judge; see farm_sim.c. */
#include "config.h"
#include "sim/farm_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EV_TICK, EV_PACKET, EV_COUNT, EV_COUNTED, EV_RESUME, EV_RESTART, EV_SERVE, EV_CLIENT };

struct world sim;

int
rnd(int n)
{
	return (int)rng_below(&sim.rng, (unsigned)n);
}

void
story(const char *fmt, ...)
{
	va_list ap;

	if (!sim.verbose)
		return;
	printf("# %7.3f ", (double)sim.now / PULSE);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
fail(const char *fmt, ...)
{
	va_list ap;

	if (sim.failed)
		return;
	sim.failed = true;
	va_start(ap, fmt);
	vsnprintf(sim.why, sizeof(sim.why), fmt, ap);
	va_end(ap);
	story("FAILED: %s", sim.why);
}

/* ---- time ---- */

static int64_t
local(const struct server *s)
{
	return s->offset + sim.now + sim.now * s->drift / 100000;
}

static void
plan(int kind, int i, int64_t after)
{
	struct event e = { .at = sim.now + (after < 1 ? 1 : after), .kind = kind, .to = i, .life = sim.server[i].life };

	events_push(&sim.events, e);
}

static void
plan_tick(int i)
{
	struct server *s = &sim.server[i];

	plan(EV_TICK, i, farm_node_next(s->node) - local(s));
}

/* ---- the kernels ---- */

static bool
lease_holds(const struct server *s)
{
	return s->up && s->attached && local(s) < s->lease;
}

static bool
same_view(int i, int k)
{
	const struct server *a = &sim.server[i], *b = &sim.server[k];

	if (a->node == NULL || b->node == NULL)
		return false;
	return group_view(farm_node_group(a->node)) == group_view(farm_node_group(b->node)) &&
	    group_leader(farm_node_group(a->node)) == group_leader(farm_node_group(b->node)) && farm_node_view(a->node) != 0;
}

/* What the kernel of a server does with a frame.  from: server that sent it on, -1: the client */
static struct filter_verdict
verdict(int i, bool fresh, int group, int bucket, bool held, int from)
{
	struct server *s = &sim.server[i];
	struct filter_key key = { .kind = FILTER_K_RULE, .proto = FILTER_TCP, .fresh = fresh, .group = (uint8_t)group, .bucket = (uint8_t)bucket };
	struct filter_control control = { .lease_ns = (uint64_t)s->lease };
	uint8_t mac[6] = { 2, 0, 0, 0, 1, 0 };
	int socket = FILTER_NOT_HELD;

	if (from >= 0)
		mac[4] = 0, mac[5] = (uint8_t)(from + 1);
	if (filter_asks_socket(&s->fconf, &s->tables, &key) && held)
		socket = FILTER_HELD;
	return filter_judge(&s->fconf, &s->tables, &control, (uint64_t)local(s), &key, mac, socket);
}

/* The stack of i gets a segment of c: answers, or resets */
static void
judge_taken(int i, const struct conn *c)
{
	if (c->holder == i || !lease_holds(&sim.server[c->holder]) || (sim.rough && !same_view(i, c->holder))) {
		sim.resets += c->holder != i;
		return;
	}
	fail("server %d would reset a connection of server %d (group %d, bucket %d)", i, c->holder, c->group, c->bucket);
}

/* Segments of all connections, as they would be treated by server i now */
static void
judge_segments(int i)
{
	const struct server *s = &sim.server[i];
	int k;

	for (k = 0; k < sim.conns && lease_holds(s); k++) {
		const struct conn *c = &sim.conn[k];
		struct filter_verdict v;

		if (!c->open)
			continue;
		v = verdict(i, false, c->group, c->bucket, c->holder == i, -1);
		if (v.take)
			judge_taken(i, c);
		else if (c->holder == i)
			fail("server %d drops a segment of its own connection (group %d, bucket %d)", i, c->group, c->bucket);
	}
}

static void
judge_owners(int i)
{
	const struct server *s = &sim.server[i];
	int k, g, w;

	for (k = 0; k < sim.nodes && lease_holds(s); k++) {
		const struct server *o = &sim.server[k];

		if (k == i || !lease_holds(o) || (sim.rough && !same_view(i, k)))
			continue;
		for (g = 0; g < GROUPS; g++)
			for (w = 0; w < WORDS; w++)
				if ((s->takes[g][w] & o->takes[g][w]) != 0)
					fail("servers %d and %d both take bucket %d of group %d", i, k,
					    64 * w + __builtin_ctzll(s->takes[g][w] & o->takes[g][w]), g);
	}
}

static void
forget_conns(int i)
{
	int k;

	for (k = 0; k < sim.conns; k++)
		if (sim.conn[k].holder == i)
			sim.conn[k].open = false;
}

/* ---- hooks of a node ---- */

/* Gentle: never the same from one to another in min(mlost, slost) pulses in a row: that would be taken for its death, as it should be.
 * With processes that are stopped: not in two, and not the first after that (the lease counts on one of two pulses). */
static bool
is_lost(int from, int to, int type)
{
	int64_t *since = &sim.losing[from][to][type];
	int least = sim.mlost < sim.slost ? sim.mlost : sim.slost;
	bool lost = rnd(100) < sim.loss;

	if (!sim.rough && *since >= 0 && sim.now - *since > (sim.pauses ? 1 : 2 * least - 3) * PULSE / 2)
		lost = false;
	if (!sim.rough && sim.now < sim.server[from].sure_until)
		lost = false;
	if (!lost)
		*since = -1;
	else if (*since < 0)
		*since = sim.now;
	return lost;
}

static void
on_send(void *ctx, int to, const struct group_msg *m)
{
	struct server *s = ctx;
	int from = (int)(s - sim.server), copies = 1;
	uint8_t buf[1200];
	size_t len = group_encode(m, buf, sizeof(buf));

	if (len == 0 || to < 0 || to >= sim.nodes || to == from)
		fail("server %d sends nonsense", from);
	if ((sim.reach[from] & BIT(to)) == 0 || is_lost(from, to, m->type))
		return;
	if (rnd(100) < sim.dup)
		copies = 2;
	while (copies-- > 0) {
		int late = sim.slow > 0 && rnd(100) < sim.slow ? STALE_MAX : PULSE / 4;
		struct event e = { .at = sim.now + 1 + rnd(late), .kind = EV_PACKET, .from = from, .to = to, .life = sim.server[to].life,
		    .len = len, .data = malloc(len) };

		if (e.data == NULL)
			fatal("no memory");
		memcpy(e.data, buf, len);
		events_push(&sim.events, e);
	}
}

/* As vipd does: what a former life wrote holds until there is a view */
static void
on_tables(void *ctx)
{
	struct server *s = ctx;
	int i = (int)(s - sim.server), g, b;

	if (farm_tables(farm_node_farm(s->node), 0, &s->tables) && farm_node_view(s->node) != 0) {
		memset(s->takes, 0, sizeof(s->takes));
		for (g = 0; g < GROUPS; g++)
			for (b = 0; b < FILTER_BUCKETS; b++)
				if (s->tables.group[g].bucket[b].owner == i)
					s->takes[g][b / 64] |= UINT64_C(1) << b % 64;
		if (!s->ordered && s->takes[0][0] + s->takes[0][1] + s->takes[0][2] + s->takes[0][3] != 0)
			fail("server %d takes buckets before its application runs", i);
		judge_owners(i);
		judge_segments(i);
	}
	if (!s->planned && farm_must_count(farm_node_farm(s->node))) {
		s->planned = true;
		plan(EV_COUNT, i, 1 + rnd(COUNT_MS));
	}
}

static void
on_lease(void *ctx, int64_t until)
{
	struct server *s = ctx;
	bool was = lease_holds(s);

	s->lease = until;
	if (!was) {
		forget_conns((int)(s - sim.server));	/* they were dropped meanwhile, and maybe reset by the others */
		judge_owners((int)(s - sim.server));
		judge_segments((int)(s - sim.server));
	}
}

static void
on_share(void *ctx, int group, uint32_t serving, int buckets, uint32_t view)
{
	struct server *s = ctx;

	story("server %d: group %d serving %x, ours %d, view %u", (int)(s - sim.server), group, serving, buckets, view);
}

static void
on_served(void *ctx, bool serve)
{
	struct server *s = ctx;

	if (!s->asked)
		fail("server %d: served without a wish", (int)(s - sim.server));
	s->asked = false;
	s->served = serve;
	story("server %d: %s", (int)(s - sim.server), serve ? "serves" : "drained");
}

static void
on_anew(void *ctx)
{
	((struct server *)ctx)->anew = true;
}

static void
on_differs(void *ctx, uint32_t nodes)
{
	(void)ctx;
	(void)nodes;
}

/* ---- lives ---- */

static void
start_vipd(int i)
{
	struct farm_node_hooks hooks = { &sim.server[i], on_send, on_tables, on_lease, on_share, on_served, on_anew, on_differs };
	struct server *s = &sim.server[i];
	int g, k;

	memset(&s->conf, 0, sizeof(s->conf));
	s->conf.farm.nodes = sim.nodes;
	s->conf.farm.self = i;
	s->conf.farm.groups = GROUPS;
	s->conf.farm.intfs = 1;
	s->conf.farm.mac[0][0] = 2;
	s->conf.farm.mac[0][5] = (uint8_t)(i + 1);
	for (g = 0; g < GROUPS; g++) {
		s->conf.farm.group[g].seed = (uint32_t)g + 1;
		for (k = 0; k < sim.nodes; k++)
			s->conf.farm.group[g].power[k] = sim.power[g][k];
	}
	s->conf.pulse_ms = PULSE;
	s->conf.mlost_count = sim.mlost;
	s->conf.slost_count = sim.slost;
	s->conf.first_view = (uint32_t)(1000 + sim.now / 1000);	/* seconds of a clock, as the daemon gives them */
	s->conf.first_info = (uint32_t)rng_next(&sim.rng);
	s->life++;
	s->counting = s->planned = s->paused = s->asked = s->served = s->ordered = false;
	s->node = farm_node_new(&s->conf, &hooks, local(s));
	if (s->node == NULL)
		fatal("no memory");
	s->attached = true;
	s->fconf.mode = sim.directed ? FILTER_DIRECTED : FILTER_INVISIBLE;
	s->fconf.self = (uint8_t)i;
	s->fconf.groups = GROUPS;
	plan_tick(i);
}

void
serve(int i, bool on)
{
	struct server *s = &sim.server[i];

	s->wish = on;
	s->asked = s->ordered = true;
	farm_node_serve(s->node, on, local(s));
}

static void
drop_waiting(struct server *s)
{
	while (s->waiting_count > 0)
		free(s->waiting[--s->waiting_count].data);
}

static void
stop_vipd(int i, bool goodbye)
{
	struct server *s = &sim.server[i];

	if (goodbye)
		farm_node_leave(s->node);
	farm_node_free(s->node);
	s->node = NULL;
	s->life++;
	drop_waiting(s);
}

/* The module starts: vipd, and after a while the application serves */
void
start(int i)
{
	struct server *s = &sim.server[i];

	story("server %d: start", i);
	if (!s->up) {
		s->up = true;
		s->offset = rnd(1000000);
		s->drift = rnd(201) - 100;	/* 1 per mille: far worse than any quartz */
	}
	memset(&s->tables, 0xff, sizeof(s->tables));
	memset(s->takes, 0, sizeof(s->takes));
	s->lease = INT64_MIN;
	s->wish = false;
	start_vipd(i);
	plan(EV_SERVE, i, rnd(3 * PULSE));
}

void
power_off(int i)
{
	struct server *s = &sim.server[i];

	story("server %d: power off", i);
	if (s->node != NULL)
		stop_vipd(i, false);
	s->up = s->attached = false;
	forget_conns(i);
}

/* After the application was stopped */
void
stop(int i)
{
	story("server %d: stop", i);
	forget_conns(i);
	stop_vipd(i, true);
	sim.server[i].attached = false;
}

void
kill_vipd(int i)
{
	story("server %d: vipd killed", i);
	stop_vipd(i, false);
	plan(EV_RESTART, i, 1 + rnd(rnd(4) == 0 ? 8 * PULSE : PULSE / 4));
}

void
pause_vipd(int i, int ms)
{
	struct server *s = &sim.server[i];

	story("server %d: vipd stopped for %d ms", i, ms);
	s->paused = true;
	plan(EV_RESUME, i, ms);
}

/* ---- clients ---- */

/* A segment of c comes to server i, which may send it on.  path: who has sent it on already.  A server whose vipd was started again may
 * not know a MAC for a moment that others think it knows: then a frame goes two steps, but never round. */
static bool
deliver(const struct conn *c, int i, int from, uint32_t path)
{
	struct filter_verdict v;
	bool arrived = false;
	int k;

	if (!sim.server[i].up || !sim.server[i].attached || (from >= 0 && (sim.reach[from] & BIT(i)) == 0))
		return false;
	v = verdict(i, false, c->group, c->bucket, c->holder == i, from);
	if (v.take) {
		judge_taken(i, c);
		arrived = c->holder == i;
	}
	if (v.to != 0 && (path & BIT(i)) != 0) {
		fail("a frame comes round to server %d (path %x)", i, path);
		return false;
	}
	for (; v.to != 0; v.to &= v.to - 1) {
		k = __builtin_ctz(v.to);
		arrived = deliver(c, k, i, path | BIT(i)) || arrived;
	}
	return arrived;
}

static int
any_server(void)
{
	int i = rnd(sim.nodes), k;

	for (k = 0; k < sim.nodes; k++, i = (i + 1) % sim.nodes)
		if (lease_holds(&sim.server[i]))
			return i;
	return -1;
}

static void
open_conn(struct conn *c)
{
	int i, entry = any_server(), takers = 0;
	uint32_t to = 0;

	c->group = (uint8_t)rnd(GROUPS);
	c->bucket = (uint8_t)rnd(FILTER_BUCKETS);
	if (entry < 0)
		return;
	if (sim.directed)
		to = BIT(entry) | verdict(entry, true, c->group, c->bucket, false, -1).to;
	for (i = 0; i < sim.nodes; i++) {
		if (!lease_holds(&sim.server[i]) || (sim.directed && (to & BIT(i)) == 0) ||
		    !verdict(i, true, c->group, c->bucket, false, sim.directed && i != entry ? entry : -1).take)
			continue;
		c->holder = i;
		takers++;
	}
	if (takers > 1 && !sim.rough)
		fail("%d servers accept one connection (group %d, bucket %d)", takers, c->group, c->bucket);
	c->open = takers == 1;
	sim.opened += takers == 1;
	sim.refused += takers == 0;
}

static void
client(void)
{
	struct conn *c = &sim.conn[rnd(sim.conns)];
	int entry;

	if (!c->open) {
		open_conn(c);
	} else if (rnd(10) == 0) {
		c->open = false;
	} else if (sim.directed) {
		entry = any_server();
		sim.segments++;
		if (entry >= 0)
			deliver(c, entry, -1, 0);
	}
}

/* ---- the run ---- */

static void
count_begins(int i)
{
	struct server *s = &sim.server[i];
	int k;

	s->planned = false;
	if (s->counting || !farm_must_count(farm_node_farm(s->node)))
		return;
	s->counting = true;
	s->counted_in = farm_node_view(s->node);
	memset(s->bits, 0, sizeof(s->bits));
	for (k = 0; k < sim.conns; k++)
		if (sim.conn[k].open && sim.conn[k].holder == i)
			s->bits[sim.conn[k].group][sim.conn[k].bucket / 8] |= (uint8_t)(1u << sim.conn[k].bucket % 8);
	plan(EV_COUNTED, i, 1 + rnd(PULSE / 2));
}

static void
count_ends(int i)
{
	struct server *s = &sim.server[i];

	s->counting = false;
	farm_node_holds(s->node, s->counted_in, s->bits);
	if (!s->planned && farm_must_count(farm_node_farm(s->node))) {
		s->planned = true;
		plan(EV_COUNT, i, COUNT_MS);
	}
}

static void
wait_with(struct server *s, struct event *e)
{
	if (s->waiting_count == s->waiting_room) {
		s->waiting_room = s->waiting_room == 0 ? 64 : 2 * s->waiting_room;
		s->waiting = realloc(s->waiting, s->waiting_room * sizeof(*e));
		if (s->waiting == NULL)
			fatal("no memory");
	}
	s->waiting[s->waiting_count++] = *e;
	e->data = NULL;
}

static void
handle(struct event *e)
{
	struct server *s = &sim.server[e->to];
	struct group_msg m;

	switch (e->kind) {
	case EV_TICK:
		farm_node_tick(s->node, local(s));
		plan_tick(e->to);
		break;
	case EV_PACKET:
		if (!group_decode(e->data, e->len, &m))
			fail("a message of server %d does not decode", e->from);
		else
			farm_node_receive(s->node, &m, local(s));
		break;
	case EV_COUNT:
		count_begins(e->to);
		break;
	case EV_COUNTED:
		count_ends(e->to);
		break;
	case EV_SERVE:
		serve(e->to, true);
		break;
	}
}

static void
resume(int i)
{
	struct server *s = &sim.server[i];
	size_t k;

	story("server %d: vipd goes on", i);
	s->paused = s->anew = false;
	s->sure_until = sim.now + PULSE + PULSE / 4;
	for (k = 0; k < s->waiting_count && !sim.failed; k++)
		if (s->waiting[k].kind == EV_PACKET && !s->anew)	/* else of a session that is no more */
			handle(&s->waiting[k]);
	for (k = 0; k < s->waiting_count && !sim.failed; k++)
		if (s->waiting[k].kind != EV_PACKET)	/* sockets are read before a pulse */
			handle(&s->waiting[k]);
	drop_waiting(s);
}

void
run_until(int64_t end)
{
	while (sim.events.count > 0 && sim.events.heap[0].at <= end && !sim.failed) {
		struct event e = events_pop(&sim.events);
		struct server *s = &sim.server[e.to];

		sim.now = e.at;
		if (e.kind == EV_CLIENT) {
			if (sim.conns > 0)
				client();
			plan(EV_CLIENT, 0, 1 + rnd(sim.conns > 0 ? 2 * PULSE / sim.conns : PULSE));
		} else if (e.life == s->life && e.kind == EV_RESTART) {
			start_vipd(e.to);
			serve(e.to, s->wish);
		} else if (e.life == s->life && s->node != NULL) {
			if (e.kind == EV_RESUME)
				resume(e.to);
			else if (s->paused)
				wait_with(s, &e);
			else
				handle(&e);
		}
		free(e.data);
	}
	sim.now = end;
}

/* ---- begin and end ---- */

void
links_all(void)
{
	int i;

	for (i = 0; i < SK_NODES_MAX; i++)
		sim.reach[i] = UINT32_MAX;
}

void
world_clear(void)
{
	int i;

	sim.now = 0;
	sim.failed = false;
	memset(sim.conn, 0, sizeof(sim.conn));
	memset(sim.losing, 0xff, sizeof(sim.losing));
	for (i = 0; i < SK_NODES_MAX; i++) {
		struct server *s = &sim.server[i];
		struct event *waiting = s->waiting;
		size_t room = s->waiting_room;

		memset(s, 0, sizeof(*s));
		s->waiting = waiting;
		s->waiting_room = room;
	}
	links_all();
	plan(EV_CLIENT, 0, 1);
}

void
world_end(void)
{
	int i;

	for (i = 0; i < sim.nodes; i++)
		if (sim.server[i].node != NULL)
			stop_vipd(i, false);
	events_clear(&sim.events);
}

/* Who is there serves, with the same powers */
static void
make_peace(void)
{
	int i, alive = 0;

	story("peace");
	links_all();
	sim.loss = sim.dup = sim.slow = 0;
	for (i = 0; i < sim.nodes; i++) {
		struct server *s = &sim.server[i];

		if (s->node != NULL && memcmp(s->conf.farm.group[1].power, sim.power[1], (size_t)sim.nodes * sizeof(sim.power[1][0])) != 0)
			stop(i);	/* the new powers are applied */
		if (s->node == NULL && !s->attached && (rnd(2) == 0 || i == sim.nodes - 1))
			start(i);
		else if (s->node != NULL && !s->wish && !s->paused)
			serve(i, true);
		else
			s->wish = true;
		alive += s->attached;
	}
}

static void
judge_end(void)
{
	uint32_t members = 0, holds[FILTER_BUCKETS];
	int i, k, g, b, owners, first = -1;

	for (i = 0; i < sim.nodes; i++)
		if (sim.server[i].node != NULL)
			members |= BIT(i);
	for (i = 0; i < sim.nodes; i++) {
		struct server *s = &sim.server[i];

		if (s->node == NULL)
			continue;
		if (first < 0)
			first = i;
		if (group_members(farm_node_group(s->node)) != members || !same_view(i, first))
			fail("server %d: members %x, there are %x", i, group_members(farm_node_group(s->node)), members);
		if (!s->served || s->asked)
			fail("server %d does not serve", i);
		if (!lease_holds(s))
			fail("server %d has no lease", i);
		if (s->tables.known != members && (s->tables.known & members) != members)
			fail("server %d knows the MACs of %x only", i, s->tables.known);
	}
	for (g = 0; g < GROUPS && !sim.failed; g++) {
		memset(holds, 0, sizeof(holds));
		for (k = 0; k < sim.conns; k++)
			if (sim.conn[k].open && sim.conn[k].group == g)
				holds[sim.conn[k].bucket] |= BIT(sim.conn[k].holder);
		for (b = 0; b < FILTER_BUCKETS; b++) {
			const struct filter_bucket *a = &sim.server[first].tables.group[g].bucket[b];
			uint32_t power = 0;

			for (i = 0, owners = 0; i < sim.nodes; i++) {
				const struct filter_bucket *o = &sim.server[i].tables.group[g].bucket[b];

				if ((members & BIT(i)) == 0)
					continue;
				power += sim.power[g][i];
				owners += o->owner == i;
				if (o->owner != a->owner)
					fail("group %d bucket %d: server %d has %d, server %d has %d", g, b, first, a->owner, i, o->owner);
				if (o->owner < SK_NODES_MAX && (o->holders & ~(holds[b] & ~BIT(o->owner))) != 0)
					fail("group %d bucket %d: server %d thinks that %x hold it, %x do", g, b, i, o->holders, holds[b]);
			}
			if (owners != (power > 0))
				fail("group %d bucket %d has %d owners", g, b, owners);
		}
	}
}

void
world_settle(void)
{
	int i, bound;

	/* who is stopped wakes up; a vipd that is about to be started again is */
	run_until(sim.now + 3 * (sim.mlost + sim.slost) * PULSE);
	if (!sim.failed)
		make_peace();
	/* one view: 2 * (mlost + slost); nobody waits for others longer than mlost + slost; then words, acknowledgements, info; and late packets */
	bound = 3 * (sim.mlost + sim.slost) + 6;
	run_until(sim.now + STALE_MAX + bound * PULSE);
	for (i = 0; i < sim.conns; i++)
		sim.conn[i].open = sim.conn[i].open && rnd(2) == 0;
	sim.conns = 0;		/* nothing new, for who holds what can be compared */
	run_until(sim.now + 4 * COUNT_MS + 3 * PULSE);
	sim.conns = CONNS;
	if (!sim.failed)
		judge_end();
}
