/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * member.c: this server's place in the cluster: cluster.xml and key from SAFEVAR/cluster, the membership group over every framework lan,
 * nodes and their modules in the picture.
 *
 * Payload of a membership packet: 8 bytes of the sender's configuration signature, then a group message (cluster/group.h).  Servers with
 * another key or another configuration do not talk; both say why.
 */
#include "config.h"
#include "ctl/admin.h"
#include "cluster/group.h"
#include "cluster/link.h"
#include "conf/conf.h"
#include "wire/packet.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RELOAD_MS	5000	/* between attempts while names do not resolve or none of our addresses is there */
#define SIG_LEN		8

/* What a look into SAFEVAR/cluster gives; filled in the pool, because names may have to be resolved */
struct look {
	bool		 configured, has_key, complete;	/* complete: all addresses known, self found */
	int		 self;
	struct conf_cluster conf;
	char		 ip[SK_LANS_MAX][SK_NODES_MAX][INET6_ADDRSTRLEN];	/* numeric; "" = not known */
	char		 local[SK_LANS_MAX][INET6_ADDRSTRLEN];		/* of self */
	uint8_t		 key[PACKET_KEY_LEN];
	int64_t		 config_ms;
	bool		 locked;
	char		 why[SK_TEXT_MAX];		/* why not complete */
};

struct member {
	struct admin	*admin;
	struct look	 look;
	struct look	*pending;	/* being filled */
	bool		 again;
	uv_work_t	 work;
	uv_timer_t	 reload, pulse;
	struct group	*group;
	struct packet_seal *seal;
	struct link	*links[SK_LANS_MAX];
	uint8_t		 sig[SIG_LEN];
	char		 node[SK_NAME_MAX];
	struct rpt_node	 rows[SK_NODES_MAX];
	struct rpt_remote *remotes;
	size_t		 remotes_count;
	uint8_t		 said[SK_NODES_MAX];	/* enum packet_verdict + 1 of the last complaint */
};

/* ---- looking ---- */

static void
resolve(struct look *l, int lan, const struct conf_lan_node *at, const char *name, char out[INET6_ADDRSTRLEN])
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG }, *res = NULL;
	struct sockaddr_storage sa;
	int rc;

	out[0] = '\0';
	if (link_address(name, 0, &sa)) {
		str_copy(out, INET6_ADDRSTRLEN, name);
		return;
	}
	rc = getaddrinfo(name, NULL, &hints, &res);
	if (rc != 0)
		snprintf(l->why, sizeof(l->why), "cluster.xml: lan %s, node %s: %.128s: %s", l->conf.lans[lan].name,
		    l->conf.nodes[at->node], name, gai_strerror(rc));
	else
		getnameinfo(res->ai_addr, res->ai_addrlen, out, INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST);
	if (res != NULL)
		freeaddrinfo(res);
}

static bool
is_local(const struct ifaddrs *list, const char *ip)
{
	char text[INET6_ADDRSTRLEN];
	const struct ifaddrs *i;

	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, text, sizeof(text));
		else if (i->ifa_addr->sa_family == AF_INET6)
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr, text, sizeof(text));
		else
			continue;
		if (strcmp(text, ip) == 0)
			return true;
	}
	return false;
}

/* Which node are we?  The one whose address (laddr behind a NAT) an interface of ours has; else the one with our host name. */
static void
find_self(struct look *l)
{
	char host[SK_NAME_MAX] = "", locals[SK_LANS_MAX][SK_NODES_MAX][INET6_ADDRSTRLEN];
	struct ifaddrs *list = NULL;
	int lan, k, self = -1;

	memset(locals, 0, sizeof(locals));
	(void)!getifaddrs(&list);
	gethostname(host, sizeof(host) - 1);
	for (lan = 0; lan < l->conf.lans_count; lan++)
		for (k = 0; k < l->conf.lans[lan].count; k++) {
			const struct conf_lan_node *at = &l->conf.lans[lan].at[k];
			char *local = locals[lan][at->node];

			if (at->laddr[0] != '\0')
				resolve(l, lan, at, at->laddr, local);
			else
				str_copy(local, INET6_ADDRSTRLEN, l->ip[lan][at->node]);
			if (self < 0 && local[0] != '\0' && is_local(list, local))
				self = at->node;
		}
	if (list != NULL)
		freeifaddrs(list);
	for (k = 0; self < 0 && k < l->conf.nodes_count; k++)
		if (strcmp(l->conf.nodes[k], host) == 0)
			self = k;
	l->self = self;
	for (lan = 0; self >= 0 && lan < l->conf.lans_count; lan++)
		str_copy(l->local[lan], sizeof(l->local[lan]), locals[lan][self]);
	if (self < 0)
		snprintf(l->why, sizeof(l->why), "cluster.xml: no node has an address or the name (%s) of this server", host);
}

static void
read_state(struct look *l)
{
	char file[512], *text;
	json_t *state;

	path_format(file, sizeof(file), "%s/cluster/state.json", path_safevar());
	if (path_read(file, &text, 65536) < 0)
		return;
	state = json_loads(text, 0, NULL);
	free(text);
	l->config_ms = json_integer_value(json_object_get(state, "config_ms"));
	l->locked = json_is_true(json_object_get(state, "locked"));
	json_decref(state);
}

static void
look_now(struct look *l)
{
	char file[512], *text;
	struct conf_errors *errs = calloc(1, sizeof(*errs));
	int lan, k;

	memset(l, 0, sizeof(*l));
	l->self = -1;
	path_format(file, sizeof(file), "%s/cluster/cluster.xml", path_safevar());
	if (errs == NULL || access(file, F_OK) == -1) {
		free(errs);
		return;
	}
	if (conf_cluster_load(file, &l->conf, errs) == -1) {
		snprintf(l->why, sizeof(l->why), "cluster.xml:%d: %.400s", errs->e[0].line, errs->e[0].text);
		memset(&l->conf, 0, sizeof(l->conf));
		free(errs);
		return;
	}
	free(errs);
	l->configured = true;
	read_state(l);
	path_format(file, sizeof(file), "%s/cluster/cluster.key", path_safevar());
	if (path_read(file, &text, 1024) >= 0) {
		text[strcspn(text, "\r\n")] = '\0';
		l->has_key = str_from_hex(text, l->key, sizeof(l->key));
		free(text);
	}
	for (lan = 0; lan < l->conf.lans_count; lan++)
		for (k = 0; k < l->conf.lans[lan].count; k++)
			resolve(l, lan, &l->conf.lans[lan].at[k], l->conf.lans[lan].at[k].addr, l->ip[lan][l->conf.lans[lan].at[k].node]);
	find_self(l);
	l->complete = l->why[0] == '\0';
}

/* ---- nodes in the picture ---- */

static void
publish_engine(struct member *m)
{
	struct rpt_engine *e = &m->admin->picture.engine;
	int i, leader = m->group != NULL ? group_leader(m->group) : -1;

	str_copy(e->node, sizeof(e->node), m->node);
	e->nodes = (uint32_t)m->look.conf.nodes_count;
	e->nodes_up = 0;
	for (i = 0; i < m->look.conf.nodes_count; i++)
		e->nodes_up += m->rows[i].state == NS_UP;
	e->view = m->group != NULL ? group_view(m->group) : 0;
	str_copy(e->leader, sizeof(e->leader), leader >= 0 ? m->look.conf.nodes[leader] : "");
	str_copy(e->signature, sizeof(e->signature), m->look.conf.signature);
	picture_touch_engine(&m->admin->picture);
}

static void
init_rows(struct member *m)
{
	int64_t now = clock_wall_us() / 1000;
	int i, lan;

	memset(m->rows, 0, sizeof(m->rows));
	for (i = 0; i < m->look.conf.nodes_count; i++) {
		struct rpt_node *n = &m->rows[i];

		n->index = (uint32_t)i + 1;
		str_copy(n->name, sizeof(n->name), m->look.conf.nodes[i]);
		n->self = i == m->look.self;
		n->since_ms = now;
		for (lan = 0; lan < m->look.conf.lans_count && n->addr[0] == '\0'; lan++)
			if (m->look.conf.lans[lan].framework)
				str_copy(n->addr, sizeof(n->addr), m->look.ip[lan][i]);
		if (n->self) {
			n->state = NS_UP;
			str_copy(n->signature, sizeof(n->signature), m->look.conf.signature);
			n->config_ms = m->look.config_ms;
			n->locked = m->look.locked;
			n->conf_match = CM_SAME;
			if (!m->look.has_key)
				str_copy(n->why, sizeof(n->why), "no cluster key: apply the cluster configuration");
		}
	}
	picture_put_nodes(&m->admin->picture, m->rows, m->look.conf.nodes_count);
}

static void
drop_remotes(struct member *m, int node)
{
	size_t i, keep = 0;

	for (i = 0; i < m->remotes_count; i++)
		if (node >= 0 && strcmp(m->remotes[i].node, m->look.conf.nodes[node]) != 0)
			m->remotes[keep++] = m->remotes[i];
	m->remotes_count = keep;
}

/* ---- the group's hooks ---- */

static void
send_payload(struct member *m, int to, const uint8_t *payload, size_t len)
{
	uint8_t pkt[PACKET_MAX];
	size_t n = packet_close(m->seal, to, payload, len, pkt);
	int lan;

	for (lan = 0; n > 0 && lan < SK_LANS_MAX; lan++)
		if (m->links[lan] != NULL)
			link_send(m->links[lan], to, pkt, n);
}

static void
hook_send(void *ctx, int to, const struct group_msg *msg)
{
	struct member *m = ctx;
	uint8_t payload[PACKET_PAYLOAD_MAX];
	size_t n;

	memcpy(payload, m->sig, SIG_LEN);
	n = group_encode(msg, payload + SIG_LEN, sizeof(payload) - SIG_LEN);
	if (n > 0)
		send_payload(m, to, payload, SIG_LEN + n);
}

static void
hook_view(void *ctx, uint32_t number, int leader, uint32_t members)
{
	struct member *m = ctx;
	char list[SK_TEXT_MAX] = "", view[16];
	size_t len = 0;
	bool gone = false;
	int i;

	for (i = 0; i < m->look.conf.nodes_count; i++) {
		struct rpt_node *n = &m->rows[i];
		int state = (members & 1u << i) != 0 ? NS_UP : NS_DOWN;

		if (state == NS_UP && len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? " " : "", n->name);
		if (n->state != state) {
			if (state == NS_UP || n->state == NS_UP)
				admin_say(m->admin, "", state == NS_UP ? MSG_NODE_UP : MSG_NODE_DOWN, n->name);
			n->state = state;
			n->since_ms = clock_wall_us() / 1000;
		}
		if (state == NS_UP && i != m->look.self) {
			n->why[0] = '\0';
			m->said[i] = 0;
			n->conf_match = CM_SAME;
		} else if (state == NS_DOWN) {
			if (n->why[0] == '\0')
				str_copy(n->why, sizeof(n->why), "no answer");
			drop_remotes(m, i);
			gone = true;
		}
		n->leader = i == leader;
		picture_put_node(&m->admin->picture, n);
	}
	snprintf(view, sizeof(view), "%u", number);
	admin_say(m->admin, "", MSG_VIEW, list, view, leader >= 0 ? m->look.conf.nodes[leader] : "none");
	if (gone)
		picture_put_remotes(&m->admin->picture, m->remotes, m->remotes_count);
	publish_engine(m);
}

static void
take_remote(struct member *m, int node, const json_t *row)
{
	struct rpt_remote r = { 0 }, *more;
	char err[128];

	if (m->remotes_count >= (size_t)SK_NODES_MAX * SK_MODULES_MAX || !report_decode(&rpt_remote_type, row, &r, err, sizeof(err)))
		return;
	str_copy(r.node, sizeof(r.node), m->look.conf.nodes[node]);
	more = reallocarray(m->remotes, m->remotes_count + 1, sizeof(*more));
	if (more == NULL)
		return;
	m->remotes = more;
	m->remotes[m->remotes_count++] = r;
}

static void
hook_info(void *ctx, int node, uint32_t version, const uint8_t *info, size_t len)
{
	struct member *m = ctx;
	json_t *obj, *row;
	const char *signature;
	size_t i;

	if (node == m->look.self || node < 0 || node >= m->look.conf.nodes_count)
		return;
	obj = json_loadb((const char *)info, len, JSON_REJECT_DUPLICATES, NULL);
	if (obj == NULL)
		return;
	drop_remotes(m, node);
	json_array_foreach(json_object_get(obj, "modules"), i, row)
		take_remote(m, node, row);
	signature = json_string_value(json_object_get(obj, "signature"));
	str_copy(m->rows[node].signature, sizeof(m->rows[node].signature), signature != NULL ? signature : "");
	m->rows[node].config_ms = json_integer_value(json_object_get(obj, "config_ms"));
	m->rows[node].locked = json_is_true(json_object_get(obj, "locked"));
	json_decref(obj);
	picture_put_node(&m->admin->picture, &m->rows[node]);
	picture_put_remotes(&m->admin->picture, m->remotes, m->remotes_count);
}

/* ---- packets ---- */

static void
complain(struct member *m, int from, int what, const char *why)
{
	struct rpt_node *n = &m->rows[from];

	if (n->state == NS_UP)
		return;		/* it talks to us: an old packet */
	str_copy(n->why, sizeof(n->why), why);
	if (what == PACKET_VERDICTS)
		n->conf_match = CM_DIFFERS;
	picture_put_node(&m->admin->picture, n);
	if (m->said[from] != what + 1)
		admin_say(m->admin, "", MSG_NODE_OTHER, n->name, why);
	m->said[from] = (uint8_t)(what + 1);
}

static void
on_packet(void *ctx, int lan, int from, const uint8_t *data, size_t len)
{
	struct member *m = ctx;
	uint8_t payload[PACKET_PAYLOAD_MAX];
	struct group_msg msg;
	size_t n;

	if (from < 0 || m->seal == NULL)
		return;
	switch (packet_open(m->seal, from, data, len, payload, &n)) {
	case PACKET_FRESH:
		if (n < SIG_LEN)
			return;
		if (memcmp(payload, m->sig, SIG_LEN) != 0)
			complain(m, from, PACKET_VERDICTS, "it has another cluster configuration: apply the same on all nodes");
		else if (group_decode(payload + SIG_LEN, n - SIG_LEN, &msg) && msg.from == from)
			group_receive(m->group, &msg, clock_mono_ms());
		break;
	case PACKET_STRANGER:
		send_payload(m, from, m->sig, SIG_LEN);	/* any answer tells it our session; its next packet is fresh */
		break;
	case PACKET_OTHER_KEY:
		complain(m, from, PACKET_OTHER_KEY, "it has another cluster key: apply the same cluster configuration on all nodes");
		break;
	default:
		break;
	}
}

static void on_pulse(uv_timer_t *t);

static void
rearm(struct member *m)
{
	int64_t now = clock_mono_ms(), next;

	if (m->group == NULL)
		return;
	next = group_next(m->group);
	uv_update_time(m->admin->loop);
	uv_timer_start(&m->pulse, on_pulse, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void
on_settled(void *ctx)
{
	rearm(ctx);
}

static void
on_pulse(uv_timer_t *t)
{
	struct member *m = t->data;
	int lan;

	for (lan = 0; lan < SK_LANS_MAX; lan++)
		if (m->links[lan] != NULL)
			link_drain(m->links[lan]);
	if (m->group == NULL)
		return;
	group_tick(m->group, clock_mono_ms());
	rearm(m);
}

/* ---- applying ---- */

static void
take_down(struct member *m)
{
	int lan;

	if (m->group != NULL)
		group_leave(m->group);
	group_free(m->group);
	m->group = NULL;
	packet_seal_free(m->seal);
	m->seal = NULL;
	for (lan = 0; lan < SK_LANS_MAX; lan++) {
		link_close(m->links[lan]);
		m->links[lan] = NULL;
	}
	uv_timer_stop(&m->pulse);
	free(m->remotes);
	m->remotes = NULL;
	m->remotes_count = 0;
	memset(m->said, 0, sizeof(m->said));
}

static void
open_lan(struct member *m, int lan)
{
	const struct conf_lan *cl = &m->look.conf.lans[lan];
	struct link_conf lc = { .count = 0 };
	char err[256];
	int k;

	if (!cl->framework || m->look.local[lan][0] == '\0' || !link_address(m->look.local[lan], m->look.conf.port, &lc.local))
		return;
	str_copy(lc.lan, sizeof(lc.lan), cl->name);
	for (k = 0; k < cl->count; k++)
		if (cl->at[k].node != m->look.self && m->look.ip[lan][cl->at[k].node][0] != '\0' &&
		    link_address(m->look.ip[lan][cl->at[k].node], m->look.conf.port, &lc.peers[lc.count].addr))
			lc.peers[lc.count++].node = cl->at[k].node;
	m->links[lan] = link_open(m->admin->loop, lan, &lc, on_packet, on_settled, m, err, sizeof(err));
	if (m->links[lan] == NULL)
		warn_text("membership: %s", err);
}

static void
bring_up(struct member *m)
{
	const struct conf_cluster *c = &m->look.conf;
	struct group_conf gc = { .nodes = c->nodes_count, .self = m->look.self, .pulse_ms = c->pulse_ms, .mlost_count = c->mlost_count,
	    .slost_count = c->slost_count, .first_view = group_first_view(clock_wall_us()),
	    .first_info = (uint32_t)clock_wall_us() };
	struct group_hooks hooks = { m, hook_send, hook_view, hook_info };
	char head[2 * SIG_LEN + 1];
	int lan;

	str_copy(head, sizeof(head), c->signature);
	str_from_hex(head, m->sig, SIG_LEN);
	m->seal = packet_seal_new(m->look.key, PACKET_MEMBERSHIP, m->look.self, SK_NODES_MAX);
	m->group = group_new(&gc, &hooks, clock_mono_ms());
	if (m->seal == NULL || m->group == NULL) {
		warn_text("membership: cannot be started");
		take_down(m);
		return;
	}
	for (lan = 0; lan < c->lans_count; lan++)
		open_lan(m, lan);
	member_info_changed(m->admin);
	rearm(m);
}

/* Is all as it was that membership stands on?  Whoever applies the same configuration again must not part the nodes for the seconds of a
 * group's start: they would log each other down and up, and failover rules on nodes would see it. */
static bool
same_ground(const struct look *a, const struct look *b)
{
	return a->configured == b->configured && a->self == b->self && a->complete == b->complete && a->has_key == b->has_key &&
	    memcmp(a->key, b->key, sizeof(a->key)) == 0 && strcmp(a->conf.signature, b->conf.signature) == 0 &&
	    memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && memcmp(a->local, b->local, sizeof(a->local)) == 0;
}

/* The same configuration, applied or locked anew: only what is told of it changes */
static void
apply_again(struct member *m, const struct look *l)
{
	bool applied = m->look.config_ms != l->config_ms;
	int lan;

	m->look.config_ms = l->config_ms;
	m->look.locked = l->locked;
	if (l->self >= 0) {
		m->rows[l->self].config_ms = l->config_ms;
		m->rows[l->self].locked = l->locked;
		picture_put_node(&m->admin->picture, &m->rows[l->self]);
	}
	for (lan = 0; m->group != NULL && lan < l->conf.lans_count; lan++)
		if (m->links[lan] == NULL)	/* could not be opened; perhaps that is why it is applied again */
			open_lan(m, lan);
	member_info_changed(m->admin);
	if (applied && l->configured)
		admin_say(m->admin, "", MSG_CLUSTER_CONFIG, l->conf.signature);
}

/* First look or a new one: is anything different from what runs?  true: what modules are set up with is, too */
static bool
apply(struct member *m, const struct look *l)
{
	bool running = m->group != NULL || !l->configured || l->self < 0 || !l->has_key;

	if (l->why[0] != '\0' && strcmp(l->why, m->look.why) != 0)
		warn_text("%s", l->why);
	if (running && same_ground(&m->look, l)) {
		if (m->look.locked != l->locked || m->look.config_ms != l->config_ms)
			apply_again(m, l);
		return false;
	}
	take_down(m);
	m->look = *l;
	if (l->self >= 0) {
		str_copy(m->node, sizeof(m->node), l->conf.nodes[l->self]);
	} else {
		gethostname(m->node, sizeof(m->node) - 1);
	}
	init_rows(m);
	picture_put_remotes(&m->admin->picture, NULL, 0);
	publish_engine(m);
	if (l->configured)
		admin_say(m->admin, "", MSG_CLUSTER_CONFIG, l->conf.signature);
	if (l->configured && l->self >= 0 && l->has_key)
		bring_up(m);
	return true;
}

static void
work_look(uv_work_t *w)
{
	struct member *m = w->data;

	look_now(m->pending);
}

static void
on_reload(uv_timer_t *t)
{
	member_reload(((struct member *)t->data)->admin);
}

static void
work_done(uv_work_t *w, int status)
{
	struct member *m = w->data;
	struct look *l = m->pending;
	bool changed;

	m->pending = NULL;
	if (m->admin->ending || status != 0) {
		free(l);
		return;
	}
	changed = apply(m, l);
	if (l->configured && !l->complete)
		uv_timer_start(&m->reload, on_reload, RELOAD_MS, 0);
	free(l);
	if (m->admin->started && changed)	/* a heart opens its links anew for it */
		registry_cluster_changed(m->admin);
	if (!m->admin->started) {
		registry_start(m->admin);
		server_open(m->admin->server);
	}
	m->admin->started = true;
	if (m->again) {
		m->again = false;
		member_reload(m->admin);
	}
}

void
member_reload(struct admin *a)
{
	struct member *m = a->member;

	if (m->pending != NULL) {
		m->again = true;
		return;
	}
	m->pending = calloc(1, sizeof(*m->pending));
	if (m->pending == NULL)
		return;
	m->work.data = m;
	if (uv_queue_work(a->loop, &m->work, work_look, work_done) != 0) {
		free(m->pending);
		m->pending = NULL;
	}
}

struct member *
member_new(struct admin *a)
{
	struct member *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->admin = a;
	a->member = m;
	m->look.self = -1;
	uv_timer_init(a->loop, &m->reload);
	uv_timer_init(a->loop, &m->pulse);
	m->reload.data = m->pulse.data = m;
	gethostname(m->node, sizeof(m->node) - 1);
	publish_engine(m);
	return m;
}

void
member_leave(struct admin *a)
{
	take_down(a->member);
}

void
member_free(struct member *m)
{
	take_down(m);
	uv_close((uv_handle_t *)&m->reload, NULL);
	uv_close((uv_handle_t *)&m->pulse, NULL);
}

/* ---- what others ask ---- */

void
member_info_changed(struct admin *a)
{
	struct member *m = a->member;
	json_t *obj;
	char *text;

	if (m == NULL || m->group == NULL)
		return;
	obj = json_pack("{s:s,s:I,s:b,s:o}", "signature", m->look.conf.signature, "config_ms", (json_int_t)m->look.config_ms, "locked",
	    m->look.locked, "modules", registry_info(a));
	text = json_dumps(obj, JSON_COMPACT);
	json_decref(obj);
	if (text == NULL || !group_set_info(m->group, (const uint8_t *)text, strlen(text)))
		warn_text("membership: what the other nodes should know of our modules is too long");
	free(text);
}

const char *
member_node(struct admin *a)
{
	return a->member->node;
}

int
member_self(struct admin *a)
{
	return a->member->look.self >= 0 ? a->member->look.self : 0;
}

json_t *
member_setup(struct admin *a, const char *module)
{
	const struct look *l = &a->member->look;
	json_t *nodes = json_array(), *lans = json_array();
	char label[SK_NAME_MAX + 16], hex[2 * PACKET_KEY_LEN + 1] = "";
	uint8_t key[PACKET_KEY_LEN];
	int i, k;

	for (i = 0; i < l->conf.nodes_count; i++)
		json_array_append_new(nodes, json_string(l->conf.nodes[i]));
	if (l->conf.nodes_count == 0)
		json_array_append_new(nodes, json_string(a->member->node));
	for (i = 0; i < l->conf.lans_count; i++) {
		const struct conf_lan *cl = &l->conf.lans[i];
		json_t *at = json_array();

		for (k = 0; k < cl->count; k++)
			if (l->ip[i][cl->at[k].node][0] != '\0')
				json_array_append_new(at, json_pack("{s:i,s:s}", "node", cl->at[k].node, "ip", l->ip[i][cl->at[k].node]));
		json_array_append_new(lans, json_pack("{s:s,s:s,s:o}", "name", cl->name, "local", l->local[i], "at", at));
	}
	snprintf(label, sizeof(label), "module %s", module);
	if (l->has_key && packet_derive(l->key, label, key))
		str_to_hex(key, sizeof(key), hex);
	return json_pack("{s:s,s:i,s:o,s:o,s:s}", "node", a->member->node, "self", member_self(a), "nodes", nodes, "lans", lans, "key", hex);
}

json_t *
member_confinfo(struct admin *a)
{
	json_t *rows = json_array();
	int i;

	for (i = 0; i < a->picture.nodes_count; i++) {
		const struct rpt_node *n = &a->picture.nodes[i];

		if (n->state == NS_UP)
			json_array_append_new(rows, json_pack("{s:s,s:s,s:I,s:b}", "node", n->name, "signature", n->signature, "config_ms",
			    (json_int_t)n->config_ms, "locked", n->locked));
	}
	return rows;
}
