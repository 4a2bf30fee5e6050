/* SPDX-License-Identifier: GPL-2.0-or-later */
/* want.c: what shall be so: brought about step by step as names, interfaces and the farm allow, and answered. */
#include "config.h"
#include "vip/impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
vip_log(struct vipd *v, int message, ...)
{
	char text[SK_TEXT_MAX];
	va_list ap;

	va_start(ap, message);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	vsnprintf(text, sizeof(text), message_rows[message].format, ap);	/* formats of the catalogue: %s only */
#pragma GCC diagnostic pop
	va_end(ap);
	v->hooks.log(v->hooks.ctx, message, text);
}

/* ---- up ---- */

static bool
face_pending(const struct face *f)
{
	const struct vipd *v = f->v;
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].face == f && place_pending(&v->place[i]))
			return true;
	return false;
}

static bool
any_pending(const struct vipd *v)
{
	int i;

	for (i = 0; i < v->places_count; i++)
		if (place_pending(&v->place[i]))
			return true;
	return false;
}

/* All addresses of a virtual interface before its filter: the first one gives the virtual MAC, and the filter names them all */
static bool
may_go(const struct place *p)
{
	return !p->set && p->known && (!face_virtual(p->face) || p->v->patience_over || !face_pending(p->face));
}

static void
ignore_virtual(struct vipd *v)
{
	struct sockaddr_storage ips[CONF_VADDRS_MAX + LEFT_ADDRS];
	int i, n = 0;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].known)
			ips[n++] = v->place[i].ip;
	for (i = 0; i < v->left.addrs_count; i++)
		n += ip_parse(v->left.addrs[i].ip, &ips[n]);
	addr_ignore(v->addr, ips, n);
}

static void
bring_up(struct vipd *v)
{
	bool go[CONF_VADDRS_MAX], any = false;
	int i;

	ignore_virtual(v);
	for (i = 0; i < v->places_count; i++) {
		go[i] = may_go(&v->place[i]);
		any |= go[i];
		if (go[i])
			place_find(&v->place[i]);
	}
	if (!any)
		return;
	for (i = 0; i < v->faces_count; i++)
		face_prepare(&v->face[i]);
	keep_drop_addrs(v, false);
	load_faces(v);
	keep_write(v);
	for (i = 0; i < v->faces_count; i++)
		face_open(&v->face[i]);
	for (i = 0; i < v->places_count; i++)
		if (go[i] && v->place[i].found && (!face_virtual(v->place[i].face) || v->place[i].face->open))
			place_set(&v->place[i]);
	if (!any_pending(v))
		keep_drop_faces(v);
	keep_write(v);		/* once more: what could not be opened */
}

/* ---- down ---- */

static void
bring_down(struct vipd *v)
{
	int i;

	for (i = 0; i < v->places_count; i++)
		place_unset(&v->place[i]);
	for (i = 0; i < v->faces_count; i++)
		face_close(&v->face[i]);
	keep_drop_addrs(v, true);
	keep_drop_faces(v);
	for (i = 0; i < v->places_count; i++)
		v->place[i].found = false;
	keep_write(v);
	announce_plan(v);
	v->connections_ms = 0;
}

static void
on_prepare(uv_timer_t *timer)
{
	struct vipd *v = timer->data;

	if (face_ready(v))
		uv_timer_stop(timer);
}

/* ---- answer ---- */

static void
answer(struct vipd *v)
{
	char why[SK_TEXT_MAX] = "";
	size_t n = 0;
	int i;

	for (i = 0; v->addresses && i < v->places_count && n < sizeof(why) - 1; i++)
		if (!v->place[i].set)
			n += (size_t)snprintf(why + n, sizeof(why) - n, "%s%s: %s", n > 0 ? "; " : "", vip_at(&v->place[i]), v->place[i].why[0] != '\0' ?
			    v->place[i].why : "the name server has not answered");
	for (i = 0; !v->addresses && i < v->left.addrs_count && n < sizeof(why) - 1; i++)
		n += (size_t)snprintf(why + n, sizeof(why) - n, "%s%s: still on %s", n > 0 ? "; " : "", v->left.addrs[i].addr, v->left.addrs[i].intf);
	str_make_utf8(why);
	v->ack_due = false;
	v->hooks.ack(v->hooks.ctx, v->ack_seq, why);
}

static bool
all_set(const struct vipd *v)
{
	int i;

	for (i = 0; i < v->places_count; i++)
		if (!v->place[i].set)
			return false;
	return true;
}

static void
on_retry(uv_timer_t *timer)
{
	struct vipd *v = timer->data;
	int i;

	v->patience_over = true;
	if (!v->addresses) {
		keep_drop_addrs(v, true);
		keep_write(v);
	}
	for (i = 0; v->addresses && i < v->places_count; i++)
		if (!v->place[i].set)
			place_begin(&v->place[i]);
	want_pursue(v);
}

void
want_pursue(struct vipd *v)
{
	bool waits;

	if (v->s == NULL || !v->wanted || v->down)
		return;
	if (v->addresses)
		bring_up(v);
	waits = v->addresses && any_pending(v) && !v->patience_over;
	if (v->ack_due && !waits && load_served(v))
		answer(v);
	if (v->addresses ? all_set(v) : v->left.addrs_count == 0)
		uv_timer_stop(&v->retry);
	else if (!uv_is_active((uv_handle_t *)&v->retry))
		uv_timer_start(&v->retry, on_retry, waits ? NAMES_MS : RETRY_MS, 0);
	count_plan(v);
}

void
vipd_want(struct vipd *v, int64_t seq, bool addresses, bool serve)
{
	addresses |= serve;
	if (addresses != v->addresses) {
		v->patience_over = false;
		uv_timer_stop(&v->retry);
	}
	uv_timer_stop(&v->prepare);
	v->wanted = true;
	v->addresses = addresses;
	v->serve = serve;
	v->ack_seq = seq;
	v->ack_due = false;	/* the farm may say at once that it is so: addresses are not yet */
	if (!serve)
		load_serve(v, false);
	if (!addresses && v->s != NULL)
		bring_down(v);
	if (addresses && v->s != NULL)
		bring_up(v);	/* before the share: nobody is sent to where the address is not */
	v->ack_due = true;
	if (serve)
		load_serve(v, true);
	want_pursue(v);
	if (!addresses && v->s != NULL)
		uv_timer_start(&v->prepare, on_prepare, PREPARE_MS, 1);
}

void
vipd_announce(struct vipd *v)
{
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].set)
			place_announce(&v->place[i]);
}

/* ---- setup ---- */

static void
begin(struct vipd *v)
{
	const struct conf_module *c = &v->s->conf;
	int i;

	memset(v->place, 0, sizeof(v->place));
	memset(v->face, 0, sizeof(v->face));
	v->faces_count = c->vintfs_count;
	v->places_count = c->vaddrs_count;
	for (i = 0; i < v->faces_count; i++) {
		v->face[i].v = v;
		v->face[i].index = i;
		v->face[i].conf = &c->vintfs[i];
	}
	for (i = 0; i < v->places_count; i++) {
		v->place[i].v = v;
		v->place[i].index = i;
		v->place[i].conf = &c->vaddrs[i];
		v->place[i].face = &v->face[c->vaddrs[i].intf];
		place_begin(&v->place[i]);
	}
}

/* What is set was made from these */
static bool
same(const struct vip_setup *a, const struct vip_setup *b)
{
	return a->id == b->id && a->self == b->self && a->nodes == b->nodes && memcmp(a->names, b->names, sizeof(a->names)) == 0 &&
	    a->conf.mode == b->conf.mode && strcmp(a->conf.vip_signature, b->conf.vip_signature) == 0 &&
	    strcmp(a->conf.farm_signature, b->conf.farm_signature) == 0 && a->conf.vaddrs_count == b->conf.vaddrs_count &&
	    a->conf.vintfs_count == b->conf.vintfs_count && a->conf.groups_count == b->conf.groups_count &&
	    a->conf.lbrules_count == b->conf.lbrules_count;
}

static void
forget(struct vipd *v)
{
	int i;

	load_end(v);
	bring_down(v);
	for (i = 0; i < v->places_count; i++)
		place_end(&v->place[i]);
	for (i = 0; i < v->faces_count; i++)
		free(v->face[i].tables);
	v->places_count = v->faces_count = 0;
}

void
vipd_setup(struct vipd *v, struct vip_setup *s)
{
	struct vip_setup *former = v->s;
	int i;

	if (former != NULL && same(former, s)) {
		v->s = s;
		for (i = 0; i < v->places_count; i++)
			v->place[i].conf = &s->conf.vaddrs[i];
		for (i = 0; i < v->faces_count; i++)
			v->face[i].conf = &s->conf.vintfs[i];
		load_setup(v, true);
		vip_setup_free(former);
		return;
	}
	if (former != NULL)
		forget(v);	/* the CLI refuses that while the module runs */
	v->s = s;
	vip_setup_free(former);
	begin(v);
	face_begin(v);
	ignore_virtual(v);
	keep_drop_addrs(v, false);
	load_setup(v, false);
	if (v->wanted)
		load_serve(v, v->serve);
	want_pursue(v);
}

/* ---- life ---- */

struct vipd *
vipd_new(uv_loop_t *loop, const char *module, const char *var, const struct vipd_hooks *hooks, char *err, size_t errsize)
{
	struct vipd *v = calloc(1, sizeof(*v));
	uv_timer_t *timers[4];
	size_t i;

	if (v == NULL || !str_copy(v->module, sizeof(v->module), module) || !str_copy(v->var, sizeof(v->var), var)) {
		snprintf(err, errsize, "no memory");
		free(v);
		return NULL;
	}
	v->addr = addr_open(err, errsize);
	if (v->addr == NULL) {
		free(v);
		return NULL;
	}
	v->loop = loop;
	v->hooks = *hooks;
	timers[0] = &v->retry;
	timers[1] = &v->announce;
	timers[2] = &v->count;
	timers[3] = &v->prepare;
	for (i = 0; i < ARRAY_LEN(timers); i++) {
		uv_timer_init(loop, timers[i]);
		timers[i]->data = v;
		v->handles++;
	}
	left_read(var, &v->left);
	return v;
}

void
vipd_by_hand(struct vipd *v)
{
	v->by_hand = true;
}

void
vipd_down(struct vipd *v)
{
	if (v->down)
		return;
	uv_timer_stop(&v->prepare);
	v->addresses = v->serve = false;
	v->down = true;
	load_end(v);
	bring_down(v);
}

static void
closed(uv_handle_t *h)
{
	struct vipd *v = h->data;
	int i;

	if (--v->handles > 0)
		return;
	for (i = 0; i < v->faces_count; i++) {
		if (v->face[i].filter != NULL)
			v->kind->release(v->face[i].filter);
		free(v->face[i].tables);
	}
	if (v->kind != NULL && v->kind->prepare != NULL)
		v->kind->prepare(0);
	vip_setup_free(v->s);
	addr_close(v->addr);
	free(v);
}

void
vipd_free(struct vipd *v)
{
	int i;

	if (v == NULL)
		return;
	v->down = true;
	load_end(v);
	count_end(v);
	carrier_close(v->carrier);
	for (i = 0; i < v->places_count; i++)
		place_end(&v->place[i]);
	uv_close((uv_handle_t *)&v->retry, closed);
	uv_close((uv_handle_t *)&v->announce, closed);
	uv_close((uv_handle_t *)&v->count, closed);
	uv_close((uv_handle_t *)&v->prepare, closed);
}
