/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * count.c: own TCP sockets, for the farm (whose buckets they are in, while it asks) and for connections="on".  One walk serves both, a turn
 * of the loop per slice.
 */
#include "config.h"
#include "vip/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct vipd	*v;
	uint32_t	 counted_in;
	bool		 connections, farm;
	uint8_t		 bits[FILTER_GROUPS][FILTER_BUCKETS / 8];
};

static void on_count(uv_timer_t *timer);

static bool
has_connections(const struct vipd *v)
{
	int i;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].set && v->place[i].conf->connections)
			return true;
	return false;
}

void
count_plan(struct vipd *v)
{
	bool connections = has_connections(v), farm = load_must_count(v), runs = uv_is_active((uv_handle_t *)&v->count);
	uint64_t every = farm ? COUNT_MS : CONNECTIONS_MS, wait = 0;
	int64_t left;

	if (v->down || (!connections && !farm)) {
		uv_timer_stop(&v->count);
		return;
	}
	if (runs && uv_timer_get_repeat(&v->count) == every)
		return;
	if (!farm && v->connections_ms != 0) {
		left = v->connections_ms + CONNECTIONS_MS - clock_mono_ms();
		wait = left > 0 ? (uint64_t)left : 0;
	}
	uv_timer_start(&v->count, on_count, wait, every);
}

static void
on_row(void *ctx, const struct sockets_row *r)
{
	struct walk *w = ctx;
	uint8_t ip[16];
	int i, group, bucket;

	for (i = 0; i < w->v->places_count; i++) {
		struct place *p = &w->v->place[i];

		ip_bytes(&p->ip, ip);
		if (!p->set || memcmp(ip, r->local, 16) != 0)
			continue;
		p->connections += r->established;
		if (!w->farm || !load_bucket(p->face, r, &group, &bucket))
			continue;
		if (bucket >= 0)
			w->bits[group][bucket / 8] |= (uint8_t)(1u << (bucket % 8));
		else
			memset(w->bits[group], 0xff, sizeof(w->bits[group]));
	}
}

static void
publish(struct vipd *v)
{
	char name[SK_RES_MAX], value[16];
	int i;

	for (i = 0; i < v->places_count; i++) {
		struct place *p = &v->place[i];

		if (!p->set || !p->conf->connections)
			continue;
		p->counted = true;
		snprintf(name, sizeof(name), "connections.%.100s", vip_at(p));
		snprintf(value, sizeof(value), "%d", p->connections);
		v->hooks.resource(v->hooks.ctx, name, value);
	}
}

static void
on_done(void *ctx, bool complete)
{
	struct walk *w = ctx;
	struct vipd *v = w->v;

	if (complete && w->farm)
		load_holds(v, w->counted_in, w->bits);
	if (complete && w->connections)
		publish(v);
	v->walk = NULL;
	free(w);
	count_plan(v);
}

static void
on_count(uv_timer_t *timer)
{
	struct vipd *v = timer->data;
	struct sockaddr_storage ips[CONF_VADDRS_MAX];
	int64_t now = clock_mono_ms();
	int i, n = 0;
	struct walk *w;

	for (i = 0; i < v->places_count; i++)
		if (v->place[i].set)
			ips[n++] = v->place[i].ip;
	if (v->sockets == NULL)
		v->sockets = sockets_open(v->loop);
	w = v->sockets != NULL ? calloc(1, sizeof(*w)) : NULL;
	if (w == NULL)
		return;		/* again in a second */
	w->v = v;
	w->farm = load_must_count(v);
	w->counted_in = load_view(v);
	w->connections = has_connections(v) && (v->connections_ms == 0 || now - v->connections_ms >= CONNECTIONS_MS - COUNT_MS / 2);
	if (n == 0 && w->farm) {	/* no address, no connection */
		load_holds(v, w->counted_in, w->bits);
		free(w);
		return;
	}
	if (!w->farm && !w->connections) {
		free(w);
		return;
	}
	if (!sockets_walk(v->sockets, ips, n, on_row, on_done, w)) {	/* one is under way */
		free(w);
		return;
	}
	v->walk = w;
	for (i = 0; i < v->places_count; i++)
		v->place[i].connections = 0;
	if (w->connections)
		v->connections_ms = now;
}

void
count_end(struct vipd *v)
{
	sockets_close(v->sockets);	/* a walk that runs is not answered any more */
	v->sockets = NULL;
	free(v->walk);
	v->walk = NULL;
}
