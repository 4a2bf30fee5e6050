/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.c: one virtual address: its name, its interface, set and announced, taken away. */
#include "config.h"
#include "vip/announce.h"
#include "vip/impl.h"

#include <stdio.h>
#include <string.h>

/* ms after the address was set: the first announcements; a lost one shall not cost an arpinterval (ours) */
static const int early_ms[] = { 0, 300, 1000 };

const char *
vip_at(const struct place *p)
{
	return p->conf->addr;
}

void
place_fail(struct place *p, const char *why)
{
	str_copy(p->why, sizeof(p->why), why);
	if (p->said)
		return;
	p->said = true;
	vip_log(p->v, MSG_VIP_ERROR, vip_at(p), p->v->s->module, why);
}

/* ---- name ---- */

static void
on_name(void *ctx, const struct sockaddr_storage *ip, const char *why)
{
	struct place *p = ctx;
	char text[WHY_MAX];

	p->resolve = NULL;
	if (ip != NULL) {
		p->known = true;
		p->ip = *ip;
	} else {
		snprintf(text, sizeof(text), "the name cannot be resolved: %s", why);
		place_fail(p, text);
	}
	want_pursue(p->v);
}

void
place_begin(struct place *p)
{
	if (p->known || p->resolve != NULL)
		return;
	p->known = ip_parse(p->conf->addr, &p->ip);
	if (p->known)
		return;
	p->resolve = resolve_start(p->v->loop, p->conf->addr, on_name, p);
	if (p->resolve == NULL)
		place_fail(p, "expected an address or a name of a host");
}

bool
place_pending(const struct place *p)
{
	return p->resolve != NULL;
}

/* ---- interface ---- */

void
place_find(struct place *p)
{
	struct vipd *v = p->v;
	char why[WHY_MAX];

	p->found = addr_find(v->addr, &p->ip, p->face->conf->name, p->conf->prefix, &p->on, why, sizeof(why));
	if (!p->found)
		place_fail(p, why);
}

/* ---- set ---- */

static const uint8_t *
says(const struct place *p)
{
	return p->face->conf->type == VIP_INVISIBLE ? p->face->vmac : p->on.mac;
}

static bool
announces(const struct place *p)
{
	return p->on.ether && (p->face->conf->type != VIP_DIRECTED || (p->face->conf->arpreroute && load_announces(p->v)));
}

static void
send_one(struct place *p, int64_t now)
{
	char err[WHY_MAX];

	if (announces(p) && !announce_send(p->on.ifindex, &p->ip, p->on.mac, says(p), err, sizeof(err)))
		debug_text("%s", err);
	p->sent++;
	if (p->sent < (int)ARRAY_LEN(early_ms))
		p->due_ms = p->since_ms + early_ms[p->sent];
	else
		p->due_ms = now + p->face->conf->arpinterval_ms;
	if (p->sent >= (int)ARRAY_LEN(early_ms) && (!p->face->conf->arpreroute || p->due_ms > p->since_ms + p->face->conf->arpelapse_ms))
		p->due_ms = 0;
}

void
place_announce(struct place *p)
{
	p->sent = 0;
	p->since_ms = clock_mono_ms();
	send_one(p, p->since_ms);
	announce_plan(p->v);
}

static void
on_announce(uv_timer_t *timer)
{
	struct vipd *v = timer->data;
	int64_t now = clock_mono_ms();
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].set && v->place[i].due_ms != 0 && v->place[i].due_ms <= now)
			send_one(&v->place[i], now);
	announce_plan(v);
}

void
announce_plan(struct vipd *v)
{
	int64_t now = clock_mono_ms(), due = INT64_MAX;
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].set && v->place[i].due_ms != 0 && v->place[i].due_ms < due)
			due = v->place[i].due_ms;
	if (due == INT64_MAX)
		uv_timer_stop(&v->announce);
	else
		uv_timer_start(&v->announce, on_announce, due > now ? (uint64_t)(due - now) : 0, 0);
}

void
place_set(struct place *p)
{
	struct vipd *v = p->v;
	char err[WHY_MAX], text[WHY_MAX];
	bool was;

	if (keep_take(p)) {		/* nothing on the wire: neighbours know where it is */
		p->set = true;
		p->why[0] = '\0';
		return;
	}
	if (!addr_set(v->addr, &p->on, &p->ip, &was, err, sizeof(err))) {
		place_fail(p, err);
		return;
	}
	p->set = true;
	p->said = false;
	p->why[0] = '\0';
	if (was) {
		snprintf(text, sizeof(text), "Virtual IP %.100s was on %.60s already, set by somebody else: taken over", vip_at(p), p->on.intf);
		vip_log(v, MSG_USER_I, text);
	}
	vip_log(v, MSG_VIP_SET, vip_at(p), v->s->module);
	place_announce(p);
}

/* ---- away ---- */

static void
reset(struct place *p)
{
	char err[WHY_MAX] = "", count[16];
	int n = sockets_reset(&p->ip, err, sizeof(err));

	snprintf(count, sizeof(count), "%d", n);
	if (n > 0)
		vip_log(p->v, MSG_VIP_RESET, count, vip_at(p));
	else if (n < 0)
		vip_log(p->v, MSG_USER_I, err);
}

void
place_unset(struct place *p)
{
	struct vipd *v = p->v;
	char err[WHY_MAX], text[WHY_MAX];

	p->due_ms = 0;
	if (!p->set)
		return;
	if (v->s->conf.tcpreset)
		reset(p);
	p->set = p->found = p->said = false;
	p->why[0] = '\0';
	if (addr_unset(v->addr, p->on.ifindex, &p->ip, p->on.prefix, err, sizeof(err))) {
		vip_log(v, MSG_VIP_UNSET, vip_at(p), v->s->module);
	} else {
		snprintf(text, sizeof(text), "Virtual IP %.60s cannot be taken away: %.120s", vip_at(p), err);
		vip_log(v, MSG_USER_E, text);
		keep_stuck(p);
	}
	if (p->counted) {
		char name[SK_RES_MAX];

		p->counted = false;
		snprintf(name, sizeof(name), "connections.%.100s", vip_at(p));
		v->hooks.resource(v->hooks.ctx, name, NULL);
	}
}

void
place_end(struct place *p)
{
	resolve_cancel(p->resolve);
	p->resolve = NULL;
}
