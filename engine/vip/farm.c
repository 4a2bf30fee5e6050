/* SPDX-License-Identifier: GPL-2.0-or-later */
/* farm.c: owners and holders of buckets; see farm.h.  What nodes tell each other of them is farm_info.c. */
#include "config.h"
#include "vip/assign.h"
#include "vip/farm_impl.h"

#include <stdlib.h>
#include <string.h>

static void
changed(struct farm *f)
{
	f->generation++;
}

/* ---- who owns ---- */

/* Does the view that we give way to serve this group? */
static bool
gives_way(const struct farm *f, int g)
{
	uint32_t rivals = f->rivals;

	for (; rivals != 0; rivals &= rivals - 1)
		if (f->conf.group[g].power[__builtin_ctz(rivals)] > 0)
			return true;
	return false;
}

static void
lose(struct farm *f, int g, int b)
{
	CLEAR(f->mine[g], b);
	f->lost_in[g][b] = f->view.number;
	f->info_changed = true;
	changed(f);
}

static void
take(struct farm *f, int g, int b)
{
	SET(f->mine[g], b);
	if (!HAS(f->may[g], b))
		f->info_changed = true;
	SET(f->may[g], b);
	changed(f);
}

/* What is ours now */
static void
settle(struct farm *f)
{
	int g, b;

	for (g = 0; g < f->conf.groups; g++) {
		bool way = gives_way(f, g);

		for (b = 0; b < FILTER_BUCKETS; b++) {
			bool ours = f->view.number != 0 && f->target[g][b] == f->conf.self && !way;

			f->hazard[g][b] &= ~f->view.acked;
			if (HAS(f->mine[g], b) && !ours) {
				f->skip_count = f->skip_count || !f->viewing;
				lose(f, g, b);
			} else if (!HAS(f->mine[g], b) && ours && (f->hazard[g][b] & (f->view.members | f->view.near)) == 0) {
				take(f, g, b);
			}
		}
	}
}

/* A new view: who may have a bucket besides its new owner? */
static void
change_view(struct farm *f, const struct farm_view *v)
{
	bool next = f->view.number != 0 && v->leader == f->view.leader && v->number == f->view.number + 1 &&
	    !f->view.foreign;
	uint32_t self = BIT(f->conf.self), fresh = v->members & ~f->view.members;
	uint8_t was;
	int g, b;

	if (v->number == f->view.number)
		f->skip_count = true;	/* a count under way began in the other view of that number */
	f->view = *v;
	f->heard = (f->heard | v->heard) & ~(v->members | self);
	f->viewing = true;
	for (g = 0; g < f->conf.groups; g++) {
		assign_buckets(f->conf.group[g].power, v->serving, f->next_target);
		for (b = 0; b < FILTER_BUCKETS; b++) {
			was = f->target[g][b];
			f->target[g][b] = f->next_target[b];
			if (next)
				f->hazard[g][b] |= fresh | (was < SK_NODES_MAX ? BIT(was) : 0);
			else
				f->hazard[g][b] = UINT32_MAX;	/* views that we missed, or do not understand, may have given it to anybody */
			f->hazard[g][b] &= ~self;
			if (!next && HAS(f->mine[g], b) && (f->hazard[g][b] & (v->members | v->near) & ~v->acked) != 0)
				lose(f, g, b);
		}
	}
	settle(f);
	f->viewing = false;
	f->info_changed = true;		/* it tells of which view it speaks */
	changed(f);
}

void
farm_view(struct farm *f, const struct farm_view *v)
{
	struct farm_view none = { .leader = -1 };

	if (v == NULL) {
		f->view = none;
		memset(f->target, FILTER_NOBODY, sizeof(f->target));
		settle(f);
		memset(f->lost_in, 0, sizeof(f->lost_in));	/* views of the next life may have lower numbers */
		f->skip_count = true;
		changed(f);
		return;
	}
	if (v->number != f->view.number || v->leader != f->view.leader) {
		change_view(f, v);
	} else if ((v->acked & ~f->view.acked) != 0 || v->near != f->view.near) {
		f->view.acked |= v->acked;
		f->view.near = v->near;
		settle(f);
	}
}

void
farm_outside(struct farm *f, uint32_t heard, uint32_t near, uint32_t rivals)
{
	heard &= ~(f->view.members | BIT(f->conf.self));
	if (heard == f->heard && near == f->view.near && rivals == f->rivals)
		return;
	if (heard != f->heard)
		changed(f);
	f->heard = heard;
	f->view.near = near;
	f->rivals = rivals;
	settle(f);
}

/* ---- who may hold ---- */

void
farm_holds(struct farm *f, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8])
{
	int g, b;

	if (f->view.number == 0 || counted_in == 0)
		return;		/* the filter may have the tables of a former life */
	if (f->skip_count) {	/* something was lost within a view, maybe while this count was under way; the next one begins later */
		f->skip_count = false;
		return;
	}
	for (g = 0; g < f->conf.groups; g++)
		for (b = 0; b < FILTER_BUCKETS; b++)
			if (HAS(f->may[g], b) && !HAS(f->mine[g], b) && !HAS(bits[g], b) && counted_in >= f->lost_in[g][b]) {
				CLEAR(f->may[g], b);
				f->info_changed = true;
				changed(f);
			}
}

bool
farm_must_count(const struct farm *f)
{
	int g, i;

	if (f->view.number == 0)
		return false;
	for (g = 0; g < f->conf.groups; g++)
		for (i = 0; i < FILTER_BUCKETS / 8; i++)
			if ((f->may[g][i] & ~f->mine[g][i]) != 0)
				return true;
	return false;
}

/* Did it speak of our view, or of a newer one? */
static bool
is_current(const struct farm *f, const struct farm_said *s)
{
	return s->known && f->view.number != 0 &&
	    (s->number > f->view.number || (s->number == f->view.number && s->leader <= f->view.leader));
}

/* ---- for the filter ---- */

static void
fill_group(const struct farm *f, int g, uint32_t silent, uint32_t current, struct filter_group *out)
{
	uint32_t holders, rest;
	int b, owner;

	out->seed = f->conf.group[g].seed;
	out->pad = 0;
	for (b = 0; b < FILTER_BUCKETS; b++) {
		holders = silent;
		for (rest = current; rest != 0; rest &= rest - 1)
			if (HAS(f->said[__builtin_ctz(rest)].may[g], b))
				holders |= rest & -rest;
		if (HAS(f->may[g], b))
			holders |= BIT(f->conf.self);
		owner = f->target[g][b];
		if (owner == f->conf.self && !HAS(f->mine[g], b))
			owner = FILTER_NOBODY;
		if (owner < SK_NODES_MAX)
			holders &= ~BIT(owner);
		out->bucket[b] = (struct filter_bucket){ .holders = holders, .owner = (uint8_t)owner };
	}
}

uint32_t
farm_knows(const struct farm *f)
{
	uint32_t nodes = BIT(f->conf.self);
	int i;

	for (i = 0; i < f->conf.nodes; i++)
		if (f->said[i].met)
			nodes |= BIT(i);
	return nodes;
}

bool
farm_changed(const struct farm *f)
{
	int i;

	for (i = 0; i < f->conf.intfs; i++)
		if (f->told[i] != f->generation)
			return true;
	return false;
}

bool
farm_tables(struct farm *f, int intf, struct filter_tables *t)
{
	static const uint8_t none[6];
	uint32_t current = 0, others;
	int i, g;

	if (intf < 0 || intf >= f->conf.intfs || f->told[intf] == f->generation)
		return false;
	f->told[intf] = f->generation;
	memset(t, 0, offsetof(struct filter_tables, group));
	others = f->view.members & ~BIT(f->conf.self);
	for (i = 0; i < f->conf.nodes; i++) {
		const uint8_t *mac = i == f->conf.self ? f->conf.mac[intf] : f->said[i].mac[intf];

		/* a MAC once known stays known: what comes from it is never sent on */
		if (memcmp(mac, none, sizeof(none)) != 0) {
			t->known |= BIT(i);
			memcpy(t->mac[i], mac, sizeof(none));
			if (i != f->conf.self && (f->said[i].knows & BIT(f->conf.self)) == 0)
				t->deaf |= BIT(i);
		}
		if ((others & BIT(i)) != 0 && is_current(f, &f->said[i]))
			current |= BIT(i);
	}
	for (g = 0; g < f->conf.groups; g++)
		fill_group(f, g, (others & ~current) | f->heard, current, &t->group[g]);
	return true;
}

int
farm_share(const struct farm *f, int group, int node)
{
	int b, n = 0;

	for (b = 0; b < FILTER_BUCKETS; b++)
		n += f->target[group][b] == node;
	return n;
}

uint32_t
farm_serving(const struct farm *f, int group)
{
	uint32_t nodes = 0;
	int i;

	for (i = 0; i < f->conf.nodes; i++)
		if ((f->view.serving & BIT(i)) != 0 && f->conf.group[group].power[i] > 0)
			nodes |= BIT(i);
	return nodes;
}

uint32_t
farm_serves(const struct farm *f)
{
	return f->view.serving;
}

/* ---- life ---- */

struct farm *
farm_new(const struct farm_conf *conf)
{
	struct farm *f;
	int g, i;

	if (conf->nodes < 1 || conf->nodes > SK_NODES_MAX || conf->self < 0 || conf->self >= conf->nodes || conf->groups < 0 ||
	    conf->groups > FILTER_GROUPS || conf->intfs < 0 || conf->intfs > FARM_INTFS)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->conf = *conf;
	for (g = 0; g < conf->groups; g++)
		for (i = conf->nodes; i < SK_NODES_MAX; i++)
			f->conf.group[g].power[i] = 0;
	f->hash = farm_hash(&f->conf);
	f->view.leader = -1;
	f->generation = 1;
	f->info_changed = true;
	memset(f->target, FILTER_NOBODY, sizeof(f->target));
	memset(f->may, 0xff, sizeof(f->may));	/* a former life of ours may have had anything */
	return f;
}

void
farm_free(struct farm *f)
{
	free(f);
}
