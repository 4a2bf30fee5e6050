/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keep.c: what stands on this server: written for the next life, and what a former life left: taken over, or taken down and said. */
#include "config.h"
#include "vip/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static struct left_addr *
add_place(struct left *l, const struct place *p)
{
	struct left_addr *a;

	if (l->addrs_count == LEFT_ADDRS)
		return NULL;
	a = &l->addrs[l->addrs_count++];
	memset(a, 0, sizeof(*a));
	str_copy(a->addr, sizeof(a->addr), vip_at(p));
	ip_text(&p->ip, a->ip);
	str_copy(a->intf, sizeof(a->intf), p->on.intf);
	a->index = p->on.ifindex;
	a->prefix = p->on.prefix;
	return a;
}

static void
add_face(struct left *l, const struct face *f)
{
	struct left_intf *x;

	if (!face_virtual(f) || f->ifindex == 0 || l->intfs_count == LEFT_INTFS)
		return;
	x = &l->intfs[l->intfs_count++];
	memset(x, 0, sizeof(*x));
	str_copy(x->intf, sizeof(x->intf), f->intf);
	x->index = f->ifindex;
	str_copy(x->filter, sizeof(x->filter), f->v->kind != NULL ? f->v->kind->name : "");
	x->promisc = f->promisc;
	x->before = f->before;
}

static void
add_names(struct left *l, const struct vip_setup *s)
{
	int i;

	l->id = s->id;
	l->self = s->self;
	l->nodes_count = s->nodes;
	memcpy(l->nodes, s->names, sizeof(l->nodes));
	l->groups_count = s->conf.groups_count < CONF_GROUPS_MAX ? s->conf.groups_count : CONF_GROUPS_MAX;
	for (i = 0; i < l->groups_count; i++)
		str_copy(l->groups[i], SK_NAME_MAX, s->conf.groups[i].name);
}

bool
keep_write(struct vipd *v)
{
	struct left *l = malloc(sizeof(*l));
	bool ok;
	int i;

	if (l == NULL)
		return false;
	*l = v->left;		/* what is still left stands on the server, too */
	str_copy(l->module, sizeof(l->module), v->module);
	if (v->s != NULL)
		add_names(l, v->s);
	for (i = 0; i < v->places_count; i++)
		if (v->place[i].found || v->place[i].set)
			add_place(l, &v->place[i]);
	for (i = 0; i < v->faces_count; i++)
		add_face(l, &v->face[i]);
	ok = left_write(v->var, l);
	if (!ok)
		warn_errno("%s/vip.json", v->var);
	free(l);
	return ok;
}

/* ---- taking over ---- */

static void
forget_addr(struct left *l, int i)
{
	l->addrs[i] = l->addrs[--l->addrs_count];
}

static bool
same_place(const struct left_addr *a, const struct place *p)
{
	struct sockaddr_storage ip;

	return ip_parse(a->ip, &ip) && ip_same(&ip, &p->ip) && a->index == p->on.ifindex && a->prefix == p->on.prefix;
}

bool
keep_take(struct place *p)
{
	struct left *l = &p->v->left;
	bool stuck;
	int i;

	for (i = 0; i < l->addrs_count; i++)
		if (same_place(&l->addrs[i], p)) {
			stuck = l->addrs[i].stuck;
			forget_addr(l, i);
			return !stuck && addr_is_set(p->v->addr, p->on.ifindex, &p->ip);
		}
	return false;
}

void
keep_take_face(struct face *f)
{
	struct left *l = &f->v->left;
	int i;

	for (i = 0; i < l->intfs_count; i++)
		if (l->intfs[i].index == f->ifindex) {
			face_take(f, &l->intfs[i]);
			l->intfs[i--] = l->intfs[--l->intfs_count];
		}
}

/* ---- taking down ---- */

/* The number may be that of another interface by now */
static bool
is_there(struct vipd *v, int index, const char *name)
{
	struct addr_link l;

	return addr_link(v->addr, index, NULL, &l) && strcmp(l.name, name) == 0;
}

/* false: it is there still */
static bool
drop(struct vipd *v, struct left_addr *a)
{
	struct sockaddr_storage ip;
	char err[WHY_MAX], count[16];
	int n;

	if (!ip_parse(a->ip, &ip) || !is_there(v, a->index, a->intf) || !addr_is_set(v->addr, a->index, &ip))
		return true;
	n = v->s == NULL || v->s->conf.tcpreset ? sockets_reset(&ip, err, sizeof(err)) : 0;
	snprintf(count, sizeof(count), "%d", n);
	if (n > 0)
		vip_log(v, MSG_VIP_RESET, count, a->addr);
	if (addr_unset(v->addr, a->index, &ip, a->prefix, err, sizeof(err))) {
		vip_log(v, v->by_hand || a->stuck ? MSG_VIP_UNSET : MSG_VIP_LEFT, a->addr, v->module);
		return true;
	}
	if (!a->stuck)
		warn_text("%s on %s: %s", a->addr, a->intf, err);
	a->stuck = true;
	return false;
}

void
keep_stuck(const struct place *p)
{
	struct left_addr *a = add_place(&p->v->left, p);

	if (a != NULL)
		a->stuck = true;
}

static bool
is_ours(const struct vipd *v, const struct left_addr *a)
{
	int i;

	for (i = 0; i < v->places_count; i++) {
		const struct place *p = &v->place[i];

		if (p->found || p->set ? same_place(a, p) : strcmp(a->addr, vip_at(p)) == 0)
			return true;
	}
	return false;
}

void
keep_drop_addrs(struct vipd *v, bool all)
{
	int i;

	for (i = v->left.addrs_count - 1; i >= 0; i--)
		if ((all || !is_ours(v, &v->left.addrs[i])) && drop(v, &v->left.addrs[i]))
			forget_addr(&v->left, i);
}

void
keep_drop_faces(struct vipd *v)
{
	struct left_intf l;

	while (v->left.intfs_count > 0) {
		l = v->left.intfs[--v->left.intfs_count];
		if (is_there(v, l.index, l.intf))
			face_drop(v, &l);
	}
}
