/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c: the farm of the module: what its group says goes into the filters (tables, lease) and to heart (messages, resources, shares).
 *
 * Owns: the farm's group (farm_net.h) of this module.  A farm without load balancing groups has one without a name: its buckets serve to
 * say who answers ARP (vmac_directed) and who announces; of its share nothing is published, and the message of its members names no group.
 */
#include "config.h"
#include "filter_core.h"
#include "vip/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct group_said { bool ever; uint32_t serving; int buckets; struct rpt_share share; };
struct load {
	struct farm_net	*net;
	struct farm_net_conf conf;
	uint64_t	 lease_ns;
	bool		 ordered, served;	/* of the last farm_net_serve(): it is in force */
	bool		 serve;
	bool		 wish;		/* heart's: serve is that, but for a cable that is out */
	bool		 out;		/* a face has no carrier */
	bool		 cut;		/* and so the share was given back */
	bool		 failed;		/* said: it cannot be opened */
	struct group_said said[FILTER_GROUPS];
};

bool
load_is_farm(const struct vipd *v)
{
	return v->s != NULL && v->s->conf.has_farm && v->s->conf.mode == MODE_FARM;
}

int
load_groups(const struct vipd *v)
{
	if (!load_is_farm(v) || v->load == NULL)
		return 0;
	return v->load->conf.farm.groups;
}

/* ---- to heart ---- */

static void
names(const struct vipd *v, uint32_t bits, char *out, size_t size)
{
	size_t n = 0;
	int i;

	out[0] = '\0';
	for (i = 0; i < v->s->nodes && n < size - 1; i++)
		if ((bits & 1u << i) != 0)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? " " : "", v->s->names[i]);
}

static void
say_members(struct vipd *v, int group, const char *members)
{
	char text[SK_TEXT_MAX];

	if (v->s->conf.groups_count > 0) {
		vip_log(v, MSG_FARM_MEMBERSHIP, members, v->s->conf.groups[group].name);
		return;
	}
	snprintf(text, sizeof(text), "farm membership: %.480s", members);
	v->hooks.log(v->hooks.ctx, MSG_FARM_MEMBERSHIP, text);
}

static void
publish(struct vipd *v, int group, uint32_t serving, int buckets, uint32_t view, const char *members)
{
	struct group_said *g = &v->load->said[group];
	char name[SK_RES_MAX], value[32];
	const char *of = v->s->conf.groups[group].name;

	snprintf(name, sizeof(name), "lbgroup.%s_%d", of, group);
	snprintf(value, sizeof(value), "%.1f %%", buckets * 100.0 / FILTER_BUCKETS);
	if (!g->ever || g->buckets != buckets)
		v->hooks.resource(v->hooks.ctx, name, value);
	if (!g->ever || g->buckets != buckets || g->serving != serving)
		g->share.since_ms = clock_wall_us() / 1000;
	g->share.module_id = (uint32_t)v->s->id;
	g->share.index = (uint32_t)group + 1;
	str_copy(g->share.module, sizeof(g->share.module), v->module);
	str_copy(g->share.group, sizeof(g->share.group), of);
	g->share.buckets = (uint32_t)buckets;
	g->share.view = view;
	g->share.serving = (uint32_t)__builtin_popcount(serving);
	str_copy(g->share.members, sizeof(g->share.members), members);
	v->hooks.share(v->hooks.ctx, &g->share);
}

static void
on_share(void *ctx, int group, uint32_t serving, int buckets, uint32_t view)
{
	struct vipd *v = ctx;
	struct group_said *g = &v->load->said[group];
	bool named = v->s->conf.groups_count > 0, us = (serving & 1u << v->s->self) != 0;
	bool was = g->ever && (g->serving & 1u << v->s->self) != 0;
	char members[SK_TEXT_MAX], count[16];

	names(v, serving, members, sizeof(members));
	snprintf(count, sizeof(count), "%d", buckets);
	if ((us || was) && g->serving != serving)
		say_members(v, group, serving != 0 ? members : "none");
	if (named && (us || was) && (g->buckets != buckets || !was))
		vip_log(v, MSG_FARM_LOAD, count, v->s->conf.groups[group].name);
	if (named)
		publish(v, group, serving, buckets, view, members);
	g->ever = true;
	g->buckets = buckets;
	if (g->serving == serving)
		return;
	g->serving = serving;
	if (v->load->cut && v->carrier != NULL)
		carrier_later(v->carrier);	/* not from within the farm's own event */
	if (group == 0 && !v->down)
		announce_again(v);
}

/* vmac_directed: who had the address of a server that is gone learns of one that is there */
void
announce_again(struct vipd *v)
{
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].set && v->place[i].face->conf->type == VIP_DIRECTED)
			place_announce(&v->place[i]);
}

bool
load_announces(const struct vipd *v)
{
	uint32_t serving = v->load != NULL ? v->load->said[0].serving : 0;

	if (!load_is_farm(v))
		return true;
	return serving != 0 && __builtin_ctz(serving) == v->s->self;
}

/* ---- to the filters ---- */

static void
write_tables(struct face *f)
{
	if (!f->v->kind->write(f->filter, f->tables))
		vip_log(f->v, MSG_FARM_ERROR, "tables of the filter cannot be written");
}

/* f->tables: what the farm says now; false: nothing new */
static bool
fetch(struct face *f)
{
	struct load *l = f->v->load;
	int i, k;

	if (f->tables == NULL) {
		f->tables = calloc(1, sizeof(*f->tables));
		if (f->tables == NULL)
			return false;
		for (i = 0; i < FILTER_GROUPS; i++)
			for (k = 0; k < FILTER_BUCKETS; k++)
				f->tables->group[i].bucket[k].owner = FILTER_NOBODY;
		if (l->net == NULL)
			return true;
		farm_tables(farm_net_farm(l->net), f->index, f->tables);
		return true;
	}
	return l->net != NULL && farm_tables(farm_net_farm(l->net), f->index, f->tables);
}

static void
on_tables(void *ctx)
{
	struct vipd *v = ctx;
	int i;

	for (i = 0; i < v->faces_count; i++) {
		struct face *f = &v->face[i];

		if (f->filter == NULL || !fetch(f))
			continue;
		/* taken over: what a former life wrote holds until there is a view */
		if (load_view(v) != 0)
			write_tables(f);
	}
	count_plan(v);
}

void
load_tables(struct face *f, bool kept)
{
	struct vipd *v = f->v;

	if (!load_is_farm(v) || v->load == NULL)
		return;
	fetch(f);
	if (f->tables != NULL && (!kept || load_view(v) != 0))
		write_tables(f);
	if (v->load->lease_ns != 0)
		v->kind->lease(f->filter, v->load->lease_ns);
}

static void
on_lease(void *ctx, uint64_t until_ns)
{
	struct vipd *v = ctx;
	int i;

	v->load->lease_ns = until_ns;
	for (i = 0; i < v->faces_count; i++)
		if (v->face[i].filter != NULL)
			v->kind->lease(v->face[i].filter, until_ns);
}

/* ---- connections ---- */

bool
load_must_count(const struct vipd *v)
{
	return v->load != NULL && v->load->net != NULL && farm_must_count(farm_net_farm(v->load->net));
}

uint32_t
load_view(const struct vipd *v)
{
	return v->load != NULL && v->load->net != NULL ? farm_net_view(v->load->net) : 0;
}

void
load_holds(struct vipd *v, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8])
{
	if (v->load != NULL && v->load->net != NULL)
		farm_net_holds(v->load->net, counted_in, bits);
}

bool
load_bucket(const struct face *f, const struct sockets_row *r, int *group, int *bucket)
{
	__u8 g, b;

	if (f->filter == NULL || f->tables == NULL || f->fconf.groups == 0 ||
	    !filter_connection(&f->fconf, f->tables, r->local, r->sport, r->remote, r->dport, &g, &b))
		return false;
	*group = g;
	*bucket = b;
	return true;
}

/* ---- the group ---- */

static void
on_served(void *ctx, bool serve)
{
	struct vipd *v = ctx;

	if (serve != v->load->serve)
		return;
	v->load->served = true;
	want_pursue(v);
}

static void
on_log(void *ctx, int message, const char *text)
{
	struct vipd *v = ctx;

	v->hooks.log(v->hooks.ctx, message, text);
}

static int
power_of(const struct conf_lb_group *g, const char *node)
{
	int i;

	if (g->hosts_count == 0)
		return 1;
	for (i = 0; i < g->hosts_count; i++)
		if (strcmp(g->hosts[i].name, node) == 0)
			return g->hosts[i].power;
	return 0;
}

/* FNV-1a over module and group: the same on all servers, another one for each group */
static uint32_t
seed_of(const char *module, const char *group)
{
	uint32_t h = 2166136261u;
	const char *p;

	for (p = module; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	h = (h ^ '/') * 16777619u;
	for (p = group; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	return h;
}

static void
conf_of(struct vipd *v, struct farm_net_conf *c)
{
	const struct vip_setup *s = v->s;
	int i, k;

	memset(c, 0, sizeof(*c));
	c->farm.nodes = s->nodes;
	c->farm.self = s->self;
	c->farm.groups = s->conf.groups_count > 0 ? s->conf.groups_count : 1;
	c->farm.intfs = v->faces_count;
	for (i = 0; i < c->farm.groups; i++) {
		const struct conf_lb_group *g = s->conf.groups_count > 0 ? &s->conf.groups[i] : NULL;
		struct farm_group_conf *to = &c->farm.group[i];

		str_copy(to->name, sizeof(to->name), g != NULL ? g->name : "");
		to->seed = seed_of(s->module, to->name);
		for (k = 0; k < s->nodes; k++)
			to->power[k] = (uint16_t)(g != NULL ? power_of(g, s->names[k]) : 1);
	}
	for (i = 0; i < v->faces_count; i++)
		face_mac(&v->face[i], c->farm.mac[i]);
	memcpy(c->nodes, s->names, sizeof(c->nodes));
	c->lans = s->lans;
	memcpy(c->lan, s->lan, sizeof(c->lan));
	c->has_key = s->has_key;
	memcpy(c->key, s->key, sizeof(c->key));
	c->pulse_ms = s->conf.farm.pulse_ms;
	c->mlost_count = s->conf.farm.mlost_count;
	c->slost_count = s->conf.farm.slost_count;
}

static void
open_net(struct vipd *v)
{
	const struct farm_net_hooks hooks = { v, on_tables, on_lease, on_share, on_served, on_log };
	struct load *l = v->load;
	char err[WHY_MAX];

	conf_of(v, &l->conf);
	l->net = farm_net_open(v->loop, &l->conf, &hooks, err, sizeof(err));
	if (l->net == NULL && !l->failed)
		vip_log(v, MSG_FARM_ERROR, err);
	l->failed = l->net == NULL;
	l->served = l->net == NULL;	/* nothing to wait for: heart is told by the message */
	if (l->net != NULL && l->ordered)
		farm_net_serve(l->net, l->serve);
}

static void
reopen(struct vipd *v)
{
	if (v->load->net != NULL)
		farm_net_close(v->load->net);
	open_net(v);
}

void
load_setup(struct vipd *v, bool again)
{
	struct farm_net_conf *c;

	if (!load_is_farm(v))
		return;
	if (v->load == NULL) {
		v->load = calloc(1, sizeof(*v->load));
		if (v->carrier == NULL)
			v->carrier = carrier_open(v->loop, face_news, v);	/* without it the interface checker sees the cable, later */
		if (v->load != NULL)
			open_net(v);
		return;
	}
	c = malloc(sizeof(*c));
	if (c == NULL || !again)
		return;
	conf_of(v, c);
	if (v->load->net == NULL || c->lans != v->load->conf.lans || memcmp(c->lan, v->load->conf.lan, sizeof(c->lan)) != 0 ||
	    c->has_key != v->load->conf.has_key)
		reopen(v);
	else if (memcmp(c->key, v->load->conf.key, sizeof(c->key)) != 0)
		farm_net_key(v->load->net, c->key);
	v->load->conf = *c;
	free(c);
}

void
load_faces(struct vipd *v)
{
	uint8_t mac[6];
	bool other = false;
	int i;

	if (v->load == NULL)
		return;
	for (i = 0; i < v->faces_count; i++) {
		face_mac(&v->face[i], mac);
		other |= v->face[i].ifindex != 0 && memcmp(mac, v->load->conf.farm.mac[i], 6) != 0;
	}
	if (other)
		reopen(v);
}

static void
order(struct vipd *v)
{
	struct load *l = v->load;

	l->serve = l->wish && !l->cut;
	l->served = l->net == NULL || l->serve != l->wish;	/* for a cable nobody waits */
	if (l->net != NULL)
		farm_net_serve(l->net, l->serve);
}

void
load_serve(struct vipd *v, bool serve)
{
	struct load *l = v->load;

	if (l == NULL)
		return;
	if (l->net == NULL)
		open_net(v);	/* a network that was not there */
	l->ordered = true;
	l->wish = serve;
	order(v);
}

static uint32_t
who_serves(const struct vipd *v)
{
	uint32_t nodes = 0;
	int i;

	for (i = 0; i < FILTER_GROUPS; i++)
		nodes |= v->load->said[i].serving;
	return nodes;
}

/* To the others, if there are any: a server that is all alone (split brain) goes on, as each side does */
void
load_carrier(struct vipd *v)
{
	struct load *l = v->load;
	const struct face *out = NULL;
	bool was, cut;
	char text[SK_TEXT_MAX];
	int i;

	for (i = 0; i < v->faces_count && out == NULL; i++)
		if (v->face[i].open && v->face[i].cut)
			out = &v->face[i];
	if (l == NULL)
		return;
	was = l->out;
	l->out = out != NULL;
	if (out == NULL)
		cut = false;
	else if (!was)
		cut = (who_serves(v) & ~(1u << v->s->self)) != 0;
	else
		cut = l->cut && who_serves(v) != 0;
	if (cut == l->cut)
		return;
	l->cut = cut;
	if (!l->ordered || !l->wish)
		return;
	if (cut)
		snprintf(text, sizeof(text), "%s has no carrier: this server leaves its share to the others", out->intf);
	else
		snprintf(text, sizeof(text), "%s: this server takes its share again", out == NULL ? "the carrier is back" : "nobody else serves");
	vip_log(v, MSG_FARM_ERROR, text);
	order(v);
}

bool
load_served(const struct vipd *v)
{
	return v->load == NULL || !v->load->ordered || v->load->served;
}

void
load_end(struct vipd *v)
{
	struct load *l = v->load;
	char name[SK_RES_MAX];
	int i;

	if (l == NULL)
		return;
	if (l->net != NULL)
		farm_net_close(l->net);
	for (i = 0; v->s != NULL && i < v->s->conf.groups_count; i++) {
		if (!l->said[i].ever)
			continue;
		snprintf(name, sizeof(name), "lbgroup.%s_%d", v->s->conf.groups[i].name, i);
		v->hooks.resource(v->hooks.ctx, name, NULL);
		l->said[i].share.view = l->said[i].share.buckets = l->said[i].share.serving = 0;
		l->said[i].share.members[0] = '\0';
		v->hooks.share(v->hooks.ctx, &l->said[i].share);
	}
	v->load = NULL;
	free(l);
}
