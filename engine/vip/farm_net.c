/* SPDX-License-Identifier: GPL-2.0-or-later */
/* farm_net.c: a node of a farm on the network; see farm_net.h */
#include "config.h"
#include "cluster/link.h"
#include "vip/farm_net.h"
#include "vip/farm_node.h"
#include "wire/message.h"
#include "wire/packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS	1000	/* between attempts to get a port that is taken (ours) */
#define OLD_KEY_MS	600000	/* how long the former key is good after a new one, as for heartbeats (ours) */
#define NS_PER_MS	UINT64_C(1000000)

struct farm_net {
	uv_loop_t	*loop;
	struct farm_net_conf  conf;
	struct farm_net_hooks hooks;
	struct farm_node *node;
	struct packet_seal *seal, *old_seal;
	struct link	*links[SK_LANS_MAX];
	bool		 running;	/* one lan at least was there */
	bool		 closing;
	int		 open;		/* handles */
	uv_timer_t	 pulse, retry, old_key;
	uint32_t	 other_key;	/* nodes of which it was said */
};

static void rearm(struct farm_net *n);

static void
complain(struct farm_net *n, const char *what)
{
	char text[SK_TEXT_MAX];

	snprintf(text, sizeof(text), "farm: %.500s", what);
	n->hooks.log(n->hooks.ctx, MSG_FARM_ERROR, text);
}

/* ---- hooks of the node ---- */

static void
send_sealed(struct farm_net *n, struct packet_seal *seal, int to, const uint8_t *payload, size_t len)
{
	uint8_t pkt[PACKET_MAX];
	size_t size = packet_close(seal, to, payload, len, pkt);
	int i;

	for (i = 0; size > 0 && i < n->conf.lans; i++)
		if (n->links[i] != NULL)
			link_send(n->links[i], to, pkt, size);
}

static void
on_send(void *ctx, int to, const struct group_msg *m)
{
	struct farm_net *n = ctx;
	uint8_t payload[PACKET_PAYLOAD_MAX];
	size_t len;

	if (n->seal == NULL)
		return;
	len = group_encode(m, payload, sizeof(payload));
	if (len == 0)
		return;
	send_sealed(n, n->seal, to, payload, len);
	if (n->old_seal != NULL)
		send_sealed(n, n->old_seal, to, payload, len);
}

static void
on_tables(void *ctx)
{
	struct farm_net *n = ctx;

	n->hooks.tables(n->hooks.ctx);
}

static void
on_lease(void *ctx, int64_t until)
{
	struct farm_net *n = ctx;

	n->hooks.lease(n->hooks.ctx, (uint64_t)until * NS_PER_MS);
}

static void
on_share(void *ctx, int group, uint32_t serving, int buckets, uint32_t view)
{
	struct farm_net *n = ctx;

	n->hooks.share(n->hooks.ctx, group, serving, buckets, view);
}

static void
on_served(void *ctx, bool serve)
{
	struct farm_net *n = ctx;

	n->hooks.served(n->hooks.ctx, serve);
}

static void
on_differs(void *ctx, uint32_t nodes)
{
	struct farm_net *n = ctx;
	char list[SK_TEXT_MAX / 2] = "", text[SK_TEXT_MAX];
	size_t len = 0;
	int i;

	for (i = 0; i < n->conf.farm.nodes && len < sizeof(list) - 1; i++)
		if ((nodes >> i & 1) != 0)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? " " : "", n->conf.nodes[i]);
	if (nodes == 0)
		snprintf(text, sizeof(text), "all servers have the same load balancing groups and powers again");
	else
		snprintf(text, sizeof(text), "%s: other load balancing groups or powers than here: only servers with the configuration that most of those "
		    "UP have take load; apply the same on all", list);
	complain(n, text);
}

/* New sessions: packets that wait in the sockets belong to none that is confirmed, their senders are answered and known again */
static void
on_anew(void *ctx)
{
	struct farm_net *n = ctx;
	struct packet_seal *fresh = n->conf.has_key ? packet_seal_new(n->conf.key, PACKET_FARM, n->conf.farm.self, SK_NODES_MAX) : NULL;

	if (n->conf.has_key && fresh == NULL)
		complain(n, "no new session: out of memory or randomness");
	packet_seal_free(n->old_seal);
	packet_seal_free(n->seal);
	n->old_seal = NULL;
	n->seal = fresh;
}

/* ---- packets ---- */

static void
on_packet(void *ctx, int lan, int from, const uint8_t *data, size_t len)
{
	static const uint8_t answer[1] = { 0 };		/* no message: only the seal says something */
	struct farm_net *n = ctx;
	struct packet_seal *seal = n->seal;
	uint8_t payload[PACKET_PAYLOAD_MAX];
	enum packet_verdict v;
	struct group_msg m;
	char text[SK_TEXT_MAX];
	size_t size;

	(void)lan;
	if (n->closing || from < 0 || from >= n->conf.farm.nodes || from == n->conf.farm.self || seal == NULL)
		return;
	v = packet_open(seal, from, data, len, payload, &size);
	if (v == PACKET_OTHER_KEY && n->old_seal != NULL) {
		seal = n->old_seal;
		v = packet_open(seal, from, data, len, payload, &size);
	}
	switch (v) {
	case PACKET_FRESH:
		n->other_key &= ~(UINT32_C(1) << from);
		if (group_decode(payload, size, &m) && m.from == from)
			farm_node_receive(n->node, &m, clock_mono_ms());
		break;
	case PACKET_STRANGER:
		send_sealed(n, seal, from, answer, sizeof(answer));	/* tells it our session; its next packet is fresh */
		break;
	case PACKET_OTHER_KEY:
		if ((n->other_key >> from & 1) != 0)
			break;
		n->other_key |= UINT32_C(1) << from;
		snprintf(text, sizeof(text), "%s has another key, or another module with this id (safekit module listid): apply the same cluster configuration on all "
		    "servers", n->conf.nodes[from]);
		complain(n, text);
		break;
	default:
		break;
	}
}

static void
on_settled(void *ctx)
{
	rearm(ctx);
}

/* ---- time ---- */

static void
on_pulse(uv_timer_t *t)
{
	struct farm_net *n = t->data;
	int i;

	for (i = 0; i < n->conf.lans; i++)
		if (n->links[i] != NULL)
			link_drain(n->links[i]);
	if (n->closing)
		return;
	farm_node_tick(n->node, clock_mono_ms());
	rearm(n);
}

static void
rearm(struct farm_net *n)
{
	int64_t now = clock_mono_ms(), next;

	if (n->closing || !n->running)
		return;
	next = farm_node_next(n->node);
	uv_update_time(n->loop);
	uv_timer_start(&n->pulse, on_pulse, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void on_retry(uv_timer_t *t);

/* false: some lan is not there yet; err: why */
static bool
open_lans(struct farm_net *n, char *err, size_t errsize)
{
	bool all = true;
	int i;

	for (i = 0; i < n->conf.lans; i++) {
		if (n->links[i] == NULL)
			n->links[i] = link_open(n->loop, i, &n->conf.lan[i], on_packet, on_settled, n, err, errsize);
		if (n->links[i] == NULL)
			all = false;
		else
			n->running = true;
	}
	if (n->conf.lans == 0 || n->conf.farm.nodes == 1)
		n->running = true;	/* nobody to talk to */
	if (!all)
		uv_timer_start(&n->retry, on_retry, RETRY_MS, 0);
	return all;
}

static void
on_retry(uv_timer_t *t)
{
	struct farm_net *n = t->data;
	char err[256];
	bool was = n->running;

	open_lans(n, err, sizeof(err));
	if (!n->running)
		farm_node_check(n->node, clock_mono_ms());
	else if (!was)
		rearm(n);
}

static void
forget_old_key(uv_timer_t *t)
{
	struct farm_net *n = t->data;

	packet_seal_free(n->old_seal);
	n->old_seal = NULL;
}

/* ---- life ---- */

static void
on_closed(uv_handle_t *h)
{
	struct farm_net *n = h->data;

	if (--n->open > 0)
		return;
	farm_node_free(n->node);
	packet_seal_free(n->seal);
	packet_seal_free(n->old_seal);
	free(n);
}

static void
timer_init(struct farm_net *n, uv_timer_t *t)
{
	uv_timer_init(n->loop, t);
	t->data = n;
	n->open++;
}

struct farm_net *
farm_net_open(uv_loop_t *loop, const struct farm_net_conf *conf, const struct farm_net_hooks *hooks, char *err, size_t errsize)
{
	struct farm_node_hooks node_hooks = { .send = on_send, .tables = on_tables, .lease = on_lease, .share = on_share, .served = on_served,
	    .differs = on_differs, .anew = on_anew };
	struct farm_node_conf nc = { .pulse_ms = conf->pulse_ms, .mlost_count = conf->mlost_count, .slost_count = conf->slost_count,
	    .first_view = group_first_view(clock_wall_us()), .first_info = (uint32_t)clock_wall_us() };
	struct farm_net *n = calloc(1, sizeof(*n));
	char why[256];

	if (n == NULL || conf->lans < 0 || conf->lans > SK_LANS_MAX) {
		snprintf(err, errsize, n == NULL ? "out of memory" : "too many lans");
		free(n);
		return NULL;
	}
	n->loop = loop;
	n->conf = *conf;
	n->hooks = *hooks;
	nc.farm = conf->farm;
	node_hooks.ctx = n;
	n->node = farm_node_new(&nc, &node_hooks, clock_mono_ms());
	if (n->node != NULL && conf->has_key)
		n->seal = packet_seal_new(conf->key, PACKET_FARM, conf->farm.self, SK_NODES_MAX);
	if (n->node == NULL || (conf->has_key && n->seal == NULL)) {
		snprintf(err, errsize, "the farm's group cannot be started (memory, randomness or a senseless configuration)");
		farm_node_free(n->node);
		packet_seal_free(n->seal);
		free(n);
		return NULL;
	}
	timer_init(n, &n->pulse);
	timer_init(n, &n->retry);
	timer_init(n, &n->old_key);
	if (!conf->has_key && conf->farm.nodes > 1)
		complain(n, "this server has no cluster key and serves alone: apply the cluster configuration");
	if (!open_lans(n, why, sizeof(why)))
		complain(n, why);
	rearm(n);
	return n;
}

void
farm_net_serve(struct farm_net *n, bool serve)
{
	farm_node_serve(n->node, serve, clock_mono_ms());
}

void
farm_net_holds(struct farm_net *n, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8])
{
	farm_node_holds(n->node, counted_in, bits);
}

uint32_t
farm_net_view(const struct farm_net *n)
{
	return farm_node_view(n->node);
}

void
farm_net_key(struct farm_net *n, const uint8_t key[32])
{
	struct packet_seal *fresh;

	if (n->conf.has_key && memcmp(key, n->conf.key, sizeof(n->conf.key)) == 0)
		return;
	fresh = packet_seal_new(key, PACKET_FARM, n->conf.farm.self, SK_NODES_MAX);
	if (fresh == NULL) {
		complain(n, "the new key cannot be used: out of memory or randomness");
		return;
	}
	packet_seal_free(n->old_seal);
	n->old_seal = n->seal;
	n->seal = fresh;
	n->conf.has_key = true;
	memcpy(n->conf.key, key, sizeof(n->conf.key));
	n->other_key = 0;
	if (n->old_seal != NULL)
		uv_timer_start(&n->old_key, forget_old_key, OLD_KEY_MS, 0);
}

struct farm *
farm_net_farm(struct farm_net *n)
{
	return farm_node_farm(n->node);
}

void
farm_net_close(struct farm_net *n)
{
	int i;

	if (n == NULL || n->closing)
		return;
	farm_node_leave(n->node);
	n->closing = true;
	for (i = 0; i < n->conf.lans; i++) {
		link_close(n->links[i]);
		n->links[i] = NULL;
	}
	uv_close((uv_handle_t *)&n->pulse, on_closed);
	uv_close((uv_handle_t *)&n->retry, on_closed);
	uv_close((uv_handle_t *)&n->old_key, on_closed);
}
