/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip.c: heart's vipd (wire/vipline.h): its life along the module's, what it shall have in force, what it tells.
 *
 * It runs from prestart until the module is in STOP and it has said that everything is down; and after heart's birth where a former life
 * of it left something (vip.json).  One that dies is started again with the same words.  One that does not answer is killed and
 * started again; a plan waits for two such spans, then it goes on, and this is said: heart does not hang with its vipd.
 */
#include "config.h"
#include "act/child.h"
#include "wire/vipline.h"
#include "heart/heart.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESTART_MS	100	/* the others of a farm wait for the lease (vip/farm_net.h), mlost_count pulses, before they take over (ours) */
#define RESTART_MAX_MS	5000
#define ACK_MS		5000	/* one answer: some netlink calls, in a farm a new view besides (ours) */
#define LATES_MAX	2	/* spans without an answer until a plan goes on (ours) */
#define RESOURCES_MAX	256	/* that it tells: groups, addresses (ours) */

static struct {
	struct child	*child;
	uv_timer_t	 late;
	bool		 on;		/* it shall run */
	json_t		*setup;		/* the newest first line */
	bool		 addresses, serve;	/* the last want, */
	uint32_t	 seq;		/* its number, */
	bool		 acked, failed;	/* and what came of it */
	bool		 plan_waits;
	int		 lates;		/* since the last answer, or the last order that was another one */
	bool		 killed, died_said;
	json_t		*names;		/* resources that it has told */
	int		 shares_count;	/* of the configuration in force */
	struct rpt_share shares[CONF_GROUPS_MAX];
} V;

static void on_late(uv_timer_t *t);

/* ---- load ---- */

static void
publish(const struct rpt_share *s)
{
	uplink_send(H.up, json_pack("{s:o}", "share", report_encode(&rpt_share_type, s)), false);
}

void
heart_vip_publish(void)
{
	int i;

	for (i = 0; i < V.shares_count; i++)
		publish(&V.shares[i]);
}

static void
no_share(int i)
{
	struct rpt_share *s = &V.shares[i];

	s->buckets = s->view = s->serving = 0;
	s->members[0] = '\0';
	s->since_ms = clock_wall_us() / 1000;
	publish(s);
}

/* The groups of a new configuration: a row each from the beginning, those of the former one go */
static void
list_shares(void)
{
	int i, before = V.shares_count;

	V.shares_count = H.setup.conf.has_farm ? H.setup.conf.groups_count : 0;
	for (i = V.shares_count; i < before; i++)
		uplink_send(H.up, json_pack("{s:i}", "share-gone", i + 1), false);
	for (i = 0; i < V.shares_count; i++) {
		struct rpt_share *s = &V.shares[i];

		if (i < before && s->module_id == H.setup.mod.id && strcmp(s->group, H.setup.conf.groups[i].name) == 0)
			continue;
		memset(s, 0, sizeof(*s));
		s->module_id = H.setup.mod.id;
		s->index = (uint32_t)i + 1;
		str_copy(s->module, sizeof(s->module), H.setup.mod.name);
		str_copy(s->group, sizeof(s->group), H.setup.conf.groups[i].name);
		no_share(i);
	}
}

static void
take_share(const json_t *obj)
{
	struct rpt_share s = { 0 };
	char err[256];

	if (!report_decode(&rpt_share_type, obj, &s, err, sizeof(err))) {
		warn_text("%s: vipd: %s", H.setup.mod.name, err);
		return;
	}
	if (s.index < 1 || s.index > (uint32_t)V.shares_count || strcmp(s.group, V.shares[s.index - 1].group) != 0)
		return;		/* of a configuration before */
	s.module_id = H.setup.mod.id;
	memcpy(s.module, V.shares[s.index - 1].module, sizeof(s.module));
	V.shares[s.index - 1] = s;
	publish(&s);
}

/* ---- resources ---- */

/* No log and no notice: vipd says itself what is worth it; a count of connections is not */
static void
take_resource(const json_t *obj)
{
	const char *name = json_string_value(json_object_get(obj, "resource")), *value = json_string_value(json_object_get(obj, "value"));
	const char *why = json_string_value(json_object_get(obj, "why"));

	if (name == NULL || value == NULL || strchr(name, '.') == NULL || strlen(name) >= SK_RES_MAX || value[0] == '\0' ||
	    strlen(value) >= SK_VALUE_MAX || json_object_get(H.watched, name) != NULL || json_object_size(V.names) >= RESOURCES_MAX)
		return;
	json_object_set_new(V.names, name, json_true());
	mod_resource(&H.mod, name, value, rpt_health_of(value), false, "vipd");
	json_object_set_new(json_object_get(H.notes, name), "why", json_string(why != NULL ? why : ""));
	mod_settle(&H.mod, clock_mono_ms());
	heart_rearm();
}

static void
forget_resources(void)
{
	const char *name;
	json_t *v;

	json_object_foreach(V.names, name, v)
		heart_resource_gone(name);
	json_object_clear(V.names);
}

/* ---- orders and answers ---- */

static uint64_t
patience(void)
{
	const struct conf_farm *f = &H.setup.conf.farm;

	/* farm_net_serve(): its answer comes within that many pulses */
	return ACK_MS + (H.setup.conf.has_farm ? 2 * (uint64_t)(f->mlost_count + f->slost_count) * (uint64_t)f->pulse_ms : 0);
}

static void
send_want(void)
{
	json_t *o;

	V.acked = false;
	V.seq++;
	if (!child_running(V.child))
		return;		/* told when it is born */
	o = json_pack("{s:s,s:I,s:b,s:b}", "op", "want", "seq", (json_int_t)V.seq, "addresses", V.addresses, "serve", V.serve);
	child_send(V.child, o);
	json_decref(o);
}

/* It has ended because it was told to: what it told is no more */
static void
ended(void)
{
	int i;

	forget_resources();
	for (i = 0; i < V.shares_count; i++)
		no_share(i);
}

static void
end(void)
{
	bool runs = child_running(V.child);

	V.on = false;
	uv_timer_stop(&V.late);
	child_stop(V.child);
	if (!runs)
		ended();
}

/* Nothing is set any more, and nothing will be */
static void
end_if_idle(void)
{
	if (V.on && V.acked && !V.addresses && !V.serve && (H.mod.state == S_STOP || !setup_has_vip(&H.setup)))
		end();
}

static void
go_on(bool failed)
{
	if (!V.plan_waits)
		return;
	V.plan_waits = false;
	if (failed)
		heart_plan_failed();
	heart_plan_go();
}

static void
take_ack(const json_t *obj)
{
	const char *why = json_string_value(json_object_get(obj, "why"));

	if (json_integer_value(json_object_get(obj, "ack")) != V.seq || V.acked)
		return;
	V.acked = true;
	V.failed = why != NULL && why[0] != '\0';
	V.lates = 0;
	V.died_said = false;
	uv_timer_stop(&V.late);
	go_on(V.failed);
	end_if_idle();
}

static void
on_late(uv_timer_t *t)
{
	V.lates++;
	V.killed = child_running(V.child);
	if (V.killed)
		child_kill(V.child);
	uv_timer_start(&V.late, on_late, patience(), 0);
	if (V.lates >= LATES_MAX && V.plan_waits) {
		heart_log(MSG_VIPD_LATE, "heart", message_rows[MSG_VIPD_LATE].format);
		go_on(true);
	}
}

static void
on_line(void *ctx, json_t *obj)
{
	const json_t *part;
	const char *text;

	if (json_object_get(obj, "ack") != NULL) {
		take_ack(obj);
	} else if (json_object_get(obj, "resource") != NULL) {
		take_resource(obj);
	} else if ((text = json_string_value(json_object_get(obj, "resource-gone"))) != NULL) {
		if (json_object_get(V.names, text) != NULL) {
			heart_resource_gone(text);
			json_object_del(V.names, text);
		}
	} else if ((part = json_object_get(obj, "share")) != NULL) {
		take_share(part);
	} else if ((part = json_object_get(obj, "log")) != NULL && (text = json_string_value(json_object_get(obj, "text"))) != NULL) {
		heart_say((unsigned)json_integer_value(part), "vipd", text);
	}
}

static void
on_born(void *ctx)
{
	V.killed = false;
	child_send(V.child, V.setup);
	send_want();
	if (!uv_is_active((uv_handle_t *)&V.late))	/* one that dies again and again gives no time by that */
		uv_timer_start(&V.late, on_late, patience(), 0);
}

static void
on_gone(void *ctx, const char *how)
{
	char text[SK_TEXT_MAX], late[64];

	V.acked = false;
	if (how == NULL) {
		ended();
		return;
	}
	snprintf(late, sizeof(late), "killed: no answer for %u s", (unsigned)(patience() / 1000));
	snprintf(text, sizeof(text), "Process vipd ended unexpectedly (%s): restarted", V.killed ? late : how);
	if (!V.died_said)
		heart_log(MSG_VIPD_DIED, "heart", text);
	V.died_said = true;	/* again when it has answered in between */
	if (H.mod.state == S_STOP && strncmp(how, "cannot be started", strlen("cannot be started")) == 0)
		end();		/* nobody is there to take anything down */
}

/* ---- the owner ---- */

void
heart_vip_start(void)
{
	if (!setup_has_vip(&H.setup) || V.on)
		return;
	V.on = true;
	V.addresses = V.serve = false;
	V.lates = 0;
	child_start(V.child);
}

void
heart_vip_order(enum fsm_vip what)
{
	bool addresses = what != FV_OFF, serve = what == FV_SERVE;

	V.plan_waits = false;
	if (what == FV_NONE || (!V.on && what == FV_OFF) || (!setup_has_vip(&H.setup) && what != FV_OFF))
		return;
	heart_vip_start();
	if (addresses == V.addresses && serve == V.serve && V.acked && !V.failed)
		return;		/* it is so */
	V.plan_waits = true;
	if (addresses != V.addresses || serve != V.serve || V.acked) {
		V.addresses = addresses;
		V.serve = serve;
		V.lates = 0;	/* of what was ordered before */
		send_want();
		uv_timer_start(&V.late, on_late, patience(), 0);
	}
}

void
heart_vip_announce(void)
{
	json_t *o;

	if (!child_running(V.child) || !V.addresses)
		return;
	o = json_pack("{s:s}", "op", "announce");
	child_send(V.child, o);
	json_decref(o);
}

bool
heart_vip_waits(void)
{
	return V.plan_waits;
}

void
heart_vip_stopped(void)
{
	end_if_idle();
}

/* Does the new line tell a vipd that runs something? */
static bool
differs(const json_t *a, const json_t *b)
{
	static const char *const members[] = { "key", "self", "node", "nodes", "lans" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *x = json_object_get(a, members[i]), *y = json_object_get(b, members[i]);

		if (x != y && (x == NULL || y == NULL || !json_equal(x, y)))
			return true;
	}
	return false;
}

void
heart_vip_setup(void)
{
	json_t *before = V.setup;
	char var[512];

	path_format(var, sizeof(var), "%s/modules/%s", path_safevar(), H.setup.mod.name);
	V.setup = setup_vip_line(&H.setup, var);
	if (child_running(V.child) && differs(before, V.setup))
		child_send(V.child, V.setup);
	json_decref(before);
	list_shares();
}

bool
heart_vip_init(const char *am)
{
	struct child_conf conf = { .name = "vipd", .module = am, .fd = VIP_LINE_FD, .line_max = VIP_LINE_MAX, .restart_ms = RESTART_MS,
	    .restart_max_ms = RESTART_MAX_MS };
	static const struct child_hooks hooks = { NULL, on_born, on_line, on_gone };
	char program[512], left[512];

	path_format(program, sizeof(program), "%s/private/bin/vipd", path_safe());
	path_format(left, sizeof(left), "%s/modules/%s/vip.json", path_safevar(), am);
	conf.program = program;
	V.names = json_object();
	V.child = child_new(H.loop, &conf, &hooks);
	if (V.child == NULL || V.names == NULL)
		return false;
	uv_timer_init(H.loop, &V.late);
	heart_vip_setup();
	if (access(left, F_OK) == 0) {	/* also when the module has no address any more: setup and want tell that nothing is to be set */
		V.on = true;
		child_start(V.child);
	}
	return true;
}

void
heart_vip_free(void)
{
	child_free(V.child);
	uv_close((uv_handle_t *)&V.late, NULL);
	json_decref(V.setup);
	json_decref(V.names);
}
