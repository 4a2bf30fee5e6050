/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setup.c: reads what safeadmin sends and what heart kept. */
#include "config.h"
#include "module/setup.h"

#include <stdio.h>
#include <string.h>

static const char *
text_of(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : "";
}

static bool
complain(char *err, size_t errsize, const char *what)
{
	snprintf(err, errsize, "setup: %s", what);
	return false;
}

static int
node_named(const struct mod_conf *m, int count, const char *name)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(m->nodes[i], name) == 0)
			return i;
	return -1;
}

static int
defaultprim_of(const struct setup *s, int nodes)
{
	const char *dp = s->conf.defaultprim;

	if (strcmp(dp, "alone") == 0)
		return DP_ALONE;
	if (strcmp(dp, "lastprim") == 0)
		return DP_LASTPRIM;
	return node_named(&s->mod, nodes, dp) == s->mod.self ? DP_ME : DP_PEER;
}

/* The lan of that name: addresses with this port */
static bool
lan_decode(const json_t *lans, const char *name, uint16_t port, int self, struct link_conf *out)
{
	const json_t *lan, *at;
	size_t i, k;

	json_array_foreach(lans, i, lan) {
		if (strcmp(text_of(lan, "name"), name) != 0)
			continue;
		str_copy(out->lan, sizeof(out->lan), name);
		if (!link_address(text_of(lan, "local"), port, &out->local))
			return false;
		out->count = 0;
		json_array_foreach(json_object_get(lan, "at"), k, at) {
			json_int_t node = json_integer_value(json_object_get(at, "node"));

			if (node == self)
				continue;
			if (node < 0 || node >= SK_NODES_MAX || out->count == SK_NODES_MAX ||
			    !link_address(text_of(at, "ip"), port, &out->peers[out->count].addr))
				return false;
			out->peers[out->count++].node = (int)node;
		}
		return true;
	}
	return false;
}

static bool
heartbeats_decode(const json_t *obj, struct setup *s, char *err, size_t errsize)
{
	int i, k, only = -1, seen = 0;
	uint32_t nodes = 0;

	for (i = 0; i < s->conf.hb_count; i++) {
		const struct conf_heartbeat *hb = &s->conf.hb[i];
		/* 8888 + id - 1: user's guide 10.2 */
		uint16_t port = hb->port != 0 ? hb->port : (uint16_t)(8888 + s->mod.id - 1);

		str_copy(s->mod.hb[i].ident, sizeof(s->mod.hb[i].ident), hb->ident);
		s->mod.hb[i].pulse_ms = hb->pulse_ms;
		s->mod.hb[i].timeout_ms = hb->timeout_ms;
		if (!lan_decode(json_object_get(obj, "lans"), hb->lan, port, s->mod.self, &s->lan[i]))
			return complain(err, errsize, "a heartbeat names a lan without usable addresses of this server");
		for (k = 0; k < s->lan[i].count; k++)
			nodes |= 1u << s->lan[i].peers[k].node;
	}
	s->mod.hb_count = s->lans = s->conf.hb_count;
	for (i = 0; i < SK_NODES_MAX; i++)
		if ((nodes & 1u << i) != 0) {
			only = i;
			seen++;
		}
	if (s->mod.peer < 0 && seen == 1)
		s->mod.peer = only;
	return true;
}

static bool
names_lan(const struct conf_farm *f, const char *name)
{
	int i;

	for (i = 0; i < f->lans_count; i++)
		if (strcmp(f->lans[i], name) == 0)
			return true;
	return f->lans_count == 0;	/* the syntax before cluster.xml: every lan */
}

/* The lans of the farm's group, as they came: vipd opens the sockets */
static bool
farm_decode(const json_t *obj, struct setup *s, char *err, size_t errsize)
{
	const struct conf_farm *f = &s->conf.farm;
	struct link_conf usable;
	json_t *lan;
	size_t i;

	s->farm_lans = json_array();
	json_array_foreach(json_object_get(obj, "lans"), i, lan) {
		const char *name = text_of(lan, "name");

		if (!names_lan(f, name))
			continue;
		if (lan_decode(json_object_get(obj, "lans"), name, 1, s->mod.self, &usable))
			json_array_append(s->farm_lans, lan);
		else if (f->lans_count > 0)
			return complain(err, errsize, "the farm names a lan without usable addresses of this server");
	}
	if (json_array_size(s->farm_lans) < (size_t)f->lans_count || json_array_size(s->farm_lans) == 0)
		return complain(err, errsize, "the farm has no lan of this server, or names one that is not there");
	return true;
}

bool
setup_has_vip(const struct setup *s)
{
	return s->conf.vaddrs_count > 0 || s->conf.has_farm;
}

json_t *
setup_vip_line(const struct setup *s, const char *var)
{
	json_t *nodes = json_array();
	int i;

	for (i = 0; i < SK_NODES_MAX && s->mod.nodes[i][0] != '\0'; i++)
		json_array_append_new(nodes, json_string(s->mod.nodes[i]));
	return json_pack("{s:s,s:s,s:i,s:s,s:i,s:o,s:s,s:s,s:o,s:O*}", "op", "setup", "module", s->mod.name, "id", (int)s->mod.id, "node",
	    s->mod.nodes[s->mod.self], "self", s->mod.self, "nodes", nodes, "key", s->has_key ? s->key_hex : "", "var", var,
	    "config", conf_module_to_json(&s->conf), "lans", s->farm_lans);
}

static bool
rfs_decode(const json_t *obj, struct setup *s, char *err, size_t errsize)
{
	const char *name = conf_rfs_lan(&s->conf);
	struct link_conf usable;
	json_t *lan;
	size_t i;

	json_array_foreach(json_object_get(obj, "lans"), i, lan)
		if (strcmp(text_of(lan, "name"), name) == 0 && lan_decode(json_object_get(obj, "lans"), name, 1, s->mod.self, &usable))
			s->rfs_lan = json_incref(lan);
	return s->rfs_lan != NULL || complain(err, errsize, "the replication names a lan without usable addresses of this server");
}

bool
setup_has_rfs(const struct setup *s)
{
	return s->conf.has_rfs;
}

json_t *
setup_rfs_line(const struct setup *s, int peer, const char *var)
{
	const char *ip = "";
	const json_t *at;
	json_t *lan;
	size_t i;

	json_array_foreach(json_object_get(s->rfs_lan, "at"), i, at)
		if (peer >= 0 && json_integer_value(json_object_get(at, "node")) == peer)
			ip = text_of(at, "ip");
	lan = json_pack("{s:s,s:s,s:s}", "name", text_of(s->rfs_lan, "name"), "local", text_of(s->rfs_lan, "local"), "peer", ip);
	return json_pack("{s:s,s:s,s:i,s:s,s:i,s:s,s:s,s:s,s:o,s:o}", "op", "setup", "module", s->mod.name, "id", (int)s->mod.id, "node",
	    s->mod.nodes[s->mod.self], "self", s->mod.self, "peer", peer >= 0 ? s->mod.nodes[peer] : "", "key", s->has_key ? s->key_hex : "",
	    "var", var, "config", conf_module_to_json(&s->conf), "lan", lan);
}

bool
setup_decode(const json_t *obj, struct setup *s, char *err, size_t errsize)
{
	const json_t *nodes = json_object_get(obj, "nodes"), *name;
	json_int_t id = json_integer_value(json_object_get(obj, "id")), self = json_integer_value(json_object_get(obj, "self"));
	size_t i, n = json_array_size(nodes);

	memset(s, 0, sizeof(*s));
	if (n > SK_NODES_MAX || id < 1 || id > SK_MODULES_MAX || self < 0 || self >= SK_NODES_MAX ||
	    (n > 0 && self >= (json_int_t)n))
		return complain(err, errsize, "node or module number out of range");
	if (!conf_module_from_json(json_object_get(obj, "module"), &s->conf, err, errsize))
		return false;
	if (!str_is_name(text_of(obj, "name")))
		return complain(err, errsize, "no module name");
	str_copy(s->mod.name, sizeof(s->mod.name), text_of(obj, "name"));
	s->mod.id = (uint16_t)id;
	s->mod.self = (int)self;
	json_array_foreach(nodes, i, name)
		str_copy(s->mod.nodes[i], sizeof(s->mod.nodes[i]), json_string_value(name) != NULL ? json_string_value(name) : "");
	s->mod.mode = s->conf.mode;
	s->mod.peer = s->mod.mode == MODE_MIRROR && text_of(obj, "peer")[0] != '\0' ? node_named(&s->mod, (int)n, text_of(obj, "peer")) : -1;
	s->mod.failover = s->conf.failover;
	s->mod.defaultprim = defaultprim_of(s, (int)n);
	s->mod.maxloop = s->conf.maxloop;
	s->mod.loop_interval_ms = s->conf.loop_interval_ms;
	s->mod.automatic_reboot = s->conf.automatic_reboot;
	s->mod.period_ms = s->conf.period_ms;
	s->mod.handle_ms = s->conf.handle_ms;
	for (i = 0; i < (size_t)s->conf.checks_count; i++)
		if (s->conf.checks[i].kind == CHECK_SPLITBRAIN)
			snprintf(s->mod.witness, sizeof(s->mod.witness), "splitbrain.%s", s->conf.checks[i].ident);
	s->mod.boot = rpt_lookup(rpt_boot_names, BOOT_COUNT, text_of(obj, "boot"));
	if (s->mod.boot < 0)
		s->mod.boot = BOOT_OFF;
	s->mod.encryption = json_is_true(json_object_get(obj, "encryption"));
	str_copy(s->mod.signature, sizeof(s->mod.signature), text_of(obj, "signature"));
	s->mod.config_ms = json_integer_value(json_object_get(obj, "config_ms"));
	s->running = json_is_true(json_object_get(obj, "running"));
	s->has_key = str_from_hex(text_of(obj, "key"), s->key, sizeof(s->key));
	if (s->has_key)
		str_copy(s->key_hex, sizeof(s->key_hex), text_of(obj, "key"));
	if (s->conf.has_farm && !farm_decode(obj, s, err, errsize))
		return false;
	s->mod.rfs = s->conf.has_rfs;
	if (s->conf.has_rfs && !rfs_decode(obj, s, err, errsize))
		return false;
	return s->conf.mode != MODE_MIRROR || heartbeats_decode(obj, s, err, errsize);
}

void
setup_free(struct setup *s)
{
	conf_module_free(&s->conf);
	json_decref(s->farm_lans);
	json_decref(s->rfs_lan);
	memset(s, 0, sizeof(*s));
}

json_t *
record_encode(const struct mod_record *r, const char *boot)
{
	json_t *loops = json_array();
	int i;

	for (i = 0; i < r->loops; i++)
		json_array_append_new(loops, json_integer(r->loop_ms[i]));
	return json_pack("{s:b,s:b,s:b,s:b,s:b,s:i,s:i,s:i,s:o,s:s,s:I,s:s}", "split_out", r->split_out, "checkers_off", r->checkers_off,
	    "errd_off", r->errd_off, "running", r->running, "wanted", r->wanted, "lastprim", r->lastprim, "rank", r->rank, "failover",
	    r->failover, "loops", loops, "peer", r->peer, "life", (json_int_t)r->life, "boot", boot);
}

static int
number_within(const json_t *obj, const char *name, int min, int max, int otherwise)
{
	const json_t *v = json_object_get(obj, name);

	return json_is_integer(v) && json_integer_value(v) >= min && json_integer_value(v) <= max ? (int)json_integer_value(v) : otherwise;
}

void
record_decode(const json_t *obj, struct mod_record *r, char *boot, size_t bootsize)
{
	const json_t *t;
	size_t i;

	memset(r, 0, sizeof(*r));
	r->running = json_is_true(json_object_get(obj, "running"));
	r->wanted = json_is_true(json_object_get(obj, "wanted"));
	r->split_out = json_is_true(json_object_get(obj, "split_out"));
	r->checkers_off = json_is_true(json_object_get(obj, "checkers_off"));
	r->errd_off = json_is_true(json_object_get(obj, "errd_off"));
	r->lastprim = number_within(obj, "lastprim", -1, 1, -1);
	r->rank = number_within(obj, "rank", 0, 2, 0);
	r->failover = number_within(obj, "failover", -1, 1, -1);
	json_array_foreach(json_object_get(obj, "loops"), i, t)
		if (i < ARRAY_LEN(r->loop_ms) && json_is_integer(t))
			r->loop_ms[r->loops++] = json_integer_value(t);
	if (str_is_name(text_of(obj, "peer")))
		str_copy(r->peer, sizeof(r->peer), text_of(obj, "peer"));
	if (json_integer_value(json_object_get(obj, "life")) > 0)
		r->life = (uint64_t)json_integer_value(json_object_get(obj, "life"));
	str_copy(boot, bootsize, text_of(obj, "boot"));
}
