/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * face.c: one <virtual_interface>: its filter, and promiscuous mode where it needs that.  Attached before the first address is set and
 * detached after the last one is gone, so that no packet for an address meets no filter.
 */
#include "config.h"
#include "vip/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
face_virtual(const struct face *f)
{
	return f->conf->type != VIP_REAL;
}

static const struct filter_kind_ops *const kinds[] = { &filter_bpf, &filter_module };

/* A filter of a former life that is there: then this kernel can do that kind */
static const struct filter_kind_ops *
kind_left(const struct vipd *v)
{
	const char *wanted = getenv("SAFE_VIP_FILTER");
	struct filter *f;
	size_t i;
	int k;

	for (k = 0; k < v->left.intfs_count; k++)
		for (i = 0; i < ARRAY_LEN(kinds); i++) {
			if (strcmp(kinds[i]->name, v->left.intfs[k].filter) != 0 || kinds[i]->find == NULL ||
			    (wanted != NULL && wanted[0] != '\0' && strcmp(wanted, kinds[i]->name) != 0) ||
			    (f = kinds[i]->find(v->left.intfs[k].index, v->left.id)) == NULL)
				continue;
			kinds[i]->release(f);
			return kinds[i];
		}
	return NULL;
}

static bool
choose(struct vipd *v, char *err, size_t errsize)
{
	if (v->kind == NULL)
		v->kind = kind_left(v);		/* without the time that trying takes: the lease is short */
	if (v->kind == NULL)
		v->kind = filter_choose(err, errsize);
	return v->kind != NULL;
}

static void
fail(struct face *f, const char *why)
{
	struct vipd *v = f->v;
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].face == f && v->place[i].found && !v->place[i].set) {
			v->place[i].found = false;
			place_fail(&v->place[i], why);
		}
}

/* ---- where ---- */

static const struct place *
first_found(const struct face *f)
{
	const struct vipd *v = f->v;
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].face == f && v->place[i].found)
			return &v->place[i];
	return NULL;
}

static void
refuse_others(struct face *f, const struct addr_on *on)
{
	struct vipd *v = f->v;
	char why[WHY_MAX];
	int i;

	for (i = 0; i < v->places_count; i++) {
		struct place *p = &v->place[i];

		if (p->face != f || !p->found || p->on.ifindex == on->ifindex)
			continue;
		snprintf(why, sizeof(why), "its network is on %.60s, that of the other addresses of its <virtual_interface> on %.60s", p->on.intf,
		    on->intf);
		p->found = false;
		place_fail(p, why);
	}
}

static bool
taken_by_other(const struct face *f, int ifindex)
{
	const struct vipd *v = f->v;
	int i;

	for (i = 0; i < v->faces_count; i++)
		if (&v->face[i] != f && face_virtual(&v->face[i]) && v->face[i].ifindex == ifindex)
			return true;
	return false;
}

/* The virtual MAC: as configured, or from the first address of the configuration: the same on all servers */
static bool
virtual_mac(struct face *f)
{
	const struct vipd *v = f->v;
	int i;

	if (f->conf->mac[0] != '\0')
		return ip_mac_parse(f->conf->mac, f->vmac);
	for (i = 0; i < v->places_count && v->place[i].face != f; i++)
		;
	if (i == v->places_count || !v->place[i].known)
		return false;
	ip_default_vmac(&v->place[i].ip, f->vmac);
	return true;
}

bool
face_prepare(struct face *f)
{
	const struct place *p = face_virtual(f) ? first_found(f) : NULL;
	char why[WHY_MAX];

	if (p == NULL)
		return false;
	refuse_others(f, &p->on);
	why[0] = '\0';
	if (f->open && f->ifindex != p->on.ifindex)
		snprintf(why, sizeof(why), "its network has moved to %.60s while %.60s is in use", p->on.intf, f->intf);
	else if (!p->on.ether)
		snprintf(why, sizeof(why), "%.60s is no Ethernet interface: expected one for <virtual_interface>", p->on.intf);
	else if (taken_by_other(f, p->on.ifindex))
		snprintf(why, sizeof(why), "another <virtual_interface> of the module is on %.60s: expected one per network interface", p->on.intf);
	else if (f->conf->type == VIP_INVISIBLE && !virtual_mac(f))
		snprintf(why, sizeof(why), "the first address of its <virtual_interface> is not known, and so its virtual MAC address");
	if (why[0] != '\0') {
		fail(f, why);
		return false;
	}
	f->ifindex = p->on.ifindex;
	str_copy(f->intf, sizeof(f->intf), p->on.intf);
	memcpy(f->mac, p->on.mac, 6);
	if (!choose(f->v, why, sizeof(why))) {
		fail(f, why);
		return false;
	}
	keep_take_face(f);
	f->promisc = f->conf->type == VIP_INVISIBLE;
	return true;
}

void
face_mac(struct face *f, uint8_t mac[6])
{
	struct vipd *v = f->v;
	struct addr_on on;
	char err[WHY_MAX];
	int i;

	memset(mac, 0, 6);
	if (!face_virtual(f))
		return;
	if (f->ifindex != 0) {
		memcpy(mac, f->mac, 6);
		return;
	}
	for (i = 0; i < v->places_count; i++)
		if (v->place[i].face == f && v->place[i].known &&
		    addr_find(v->addr, &v->place[i].ip, f->conf->name, v->place[i].conf->prefix, &on, err, sizeof(err))) {
			memcpy(mac, on.mac, 6);
			return;
		}
}

/* ---- configuration of the filter ---- */

/* After the rules of the configuration one of ours: TCP that none of them names goes to one server, by the client's address.  Taken by all, a
 * connection would be reset by those who did not win it. */
static void
add_rules(const struct face *f, const int *at, struct filter_conf *c)
{
	static const uint8_t protos[LB_PROTOS] = { [LB_TCP] = FILTER_TCP, [LB_UDP] = FILTER_UDP, [LB_ARP] = FILTER_ARP };
	const struct conf_module *m = &f->v->s->conf;
	int i;

	for (i = 0; i < m->lbrules_count && c->rules < FILTER_RULES - 1; i++) {
		const struct conf_lb_rule *r = &m->lbrules[i];

		if (r->vaddr >= 0 && at[r->vaddr] < 0)
			continue;	/* an address of another interface */
		c->rule[c->rules++] = (struct filter_rule){ .proto = protos[r->proto], .by = (uint8_t)r->filter,
			.addr = r->vaddr >= 0 ? (uint8_t)at[r->vaddr] : FILTER_ANY, .group = (uint8_t)r->group, .port = r->port };
	}
	c->rule[c->rules++] = (struct filter_rule){ .proto = FILTER_TCP, .by = FILTER_ON_ADDR, .addr = FILTER_ANY, .group = 0, .port = 0 };
}

static void
filter_conf_of(const struct face *f, struct filter_conf *c)
{
	const struct vipd *v = f->v;
	int at[CONF_VADDRS_MAX], i;

	memset(c, 0, sizeof(*c));
	c->abi = FILTER_ABI;
	c->mode = f->conf->type == VIP_INVISIBLE ? FILTER_INVISIBLE : FILTER_DIRECTED;
	c->self = (uint8_t)v->s->self;
	c->groups = (uint8_t)load_groups(v);
	if (f->conf->type == VIP_INVISIBLE)
		memcpy(c->vmac, f->vmac, 6);
	memcpy(c->mac, f->mac, 6);
	for (i = 0; i < v->places_count; i++) {
		const struct place *p = &v->place[i];

		at[i] = -1;
		if (p->face != f || (!p->found && !p->set) || c->addrs == FILTER_ADDRS)
			continue;
		at[i] = c->addrs;
		ip_bytes(&p->ip, c->addr[c->addrs++]);
	}
	if (c->groups > 0)
		add_rules(f, at, c);
}

/* ---- promiscuous mode: vip.json, by which others judge, is written under the lock as well ---- */

static bool
promisc_on(struct face *f, char *err, size_t errsize)
{
	struct vipd *v = f->v;
	bool was, ok, before = false;
	int lock = left_lock();

	ok = addr_promisc(v->addr, f->ifindex, true, &was, err, errsize);
	if (ok && was && !f->open && !f->taken)
		f->before = !left_other_needs(v->module, f->ifindex, &before) || before;
	keep_write(v);
	left_unlock(lock);
	return ok;
}

static void
promisc_off(struct vipd *v, int ifindex, bool before)
{
	char err[WHY_MAX];
	bool was, other;
	int lock = left_lock();

	if (!left_other_needs(v->module, ifindex, &other) && !before && !addr_promisc(v->addr, ifindex, false, &was, err, sizeof(err)))
		warn_text("%s", err);
	keep_write(v);		/* without it: the caller has seen to that */
	left_unlock(lock);
}

/* ---- open, closed ---- */

bool
face_open(struct face *f)
{
	struct vipd *v = f->v;
	struct filter_conf c;
	char why[WHY_MAX];
	bool kept = false;
	struct filter *now;

	if (!face_virtual(f) || f->ifindex == 0 || first_found(f) == NULL)
		return false;
	filter_conf_of(f, &c);
	if (f->open && memcmp(&c, &f->fconf, sizeof(c)) == 0)
		return true;
	now = v->kind->attach(f->ifindex, v->s->id, &c, &kept, why, sizeof(why));
	if (now == NULL) {
		fail(f, why);
		return false;
	}
	if (f->filter != NULL)
		v->kind->release(f->filter);	/* replaced: an address came in addition */
	f->filter = now;
	f->fconf = c;
	load_tables(f, kept);
	if (f->promisc && !promisc_on(f, why, sizeof(why))) {
		fail(f, why);
		face_close(f);
		return false;
	}
	f->open = true;
	face_news(v, 0, false);
	return true;
}

void
face_close(struct face *f)
{
	bool promisc = f->open && f->promisc, before = f->before;
	int ifindex = f->ifindex;

	if (f->filter != NULL)
		f->v->kind->detach(f->filter);
	f->filter = NULL;
	f->open = f->promisc = f->before = f->taken = f->cut = false;
	f->ifindex = 0;
	if (promisc)
		promisc_off(f->v, ifindex, before);
}

void
face_news(void *vipd, int ifindex, bool there)
{
	struct vipd *v = vipd;
	struct addr_link l;
	int i;

	for (i = 0; i < v->faces_count; i++) {
		struct face *f = &v->face[i];

		if (!f->open || (ifindex != 0 && ifindex != f->ifindex))
			continue;
		f->cut = !(ifindex != 0 ? there : addr_link(v->addr, f->ifindex, NULL, &l) && l.up && l.running);
	}
	load_carrier(v);
}

/* A filter of a former life */
static void
detach_left(const struct vipd *v, const struct left_intf *l)
{
	struct filter *f;
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i]->name, l->filter) == 0 && kinds[i]->find != NULL && (f = kinds[i]->find(l->index, v->left.id)) != NULL)
			kinds[i]->detach(f);
}

void
face_drop(struct vipd *v, const struct left_intf *l)
{
	detach_left(v, l);
	if (l->promisc)
		promisc_off(v, l->index, l->before);
}

void
face_take(struct face *f, const struct left_intf *l)
{
	if (strcmp(l->filter, f->v->kind->name) != 0 || f->v->left.id != f->v->s->id)
		detach_left(f->v, l);	/* another kind of filter, or another number of the module: attach() would not find it */
	f->taken = l->promisc;
	f->before = l->before;
}

void
face_begin(struct vipd *v)
{
	char err[WHY_MAX];
	int i;

	for (i = 0; i < v->faces_count; i++)
		if (face_virtual(&v->face[i])) {
			choose(v, err, sizeof(err));	/* loads a program to try it: not while somebody waits for the address */
			return;
		}
}

/* Of a mirror: loading takes a good part of the time that a takeover may take.  A farm serves nobody before it has its share. */
bool
face_ready(struct vipd *v)
{
	int i, n = 0;

	for (i = 0; i < v->faces_count; i++)
		n += face_virtual(&v->face[i]) && v->face[i].filter == NULL;
	return n == 0 || load_is_farm(v) || v->kind == NULL || v->kind->prepare == NULL || v->kind->prepare(n);
}
