/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_engine.c: stands in for safeadmin on the control socket (doc/PROTOCOL.md 1), for tests of those who read it.
 *
 * usage: fake_engine [-n NODE] [-m MODULES] [-r RESOURCES_PER_MODULE] [-a ACTIONS_FILE] [-s SEQ] [-b BEFORE_FIRST_BURST]   < commands
 * It serves $SAFEVAR/run/safeadmin.sock, says "ready" on stdout when it listens, and obeys lines on stdin, each answered by "ok":
 *   module ID MEMBER VALUE		change a member of a module (JSON name; number, true, false or word) and tell it
 *   module-add ID / module-del ID	module m<ID>
 *   resource MODULE INDEX VALUE	assign a value, and tell it
 *   resource-add MODULE INDEX / resource-del MODULE INDEX
 *   notice TYPE MODULE LEVEL [TEXT]	a notice; TYPE is a word of the protocol
 *   notices N				N resource notices at once
 *   churn N				N turns of adding and dropping resource 1000000 + i of module 1, and of changing others
 *   finish MODULE OUTCOME		end the action that runs, with its notice
 *   refuse CODE TEXT | accept		answer actions with an error from now on; no more
 *   silent | talk			no ticks; ticks again
 *   late				the next answer to "notices" comes behind a new notice
 *   drop				close all connections
 *   nodes N				N nodes
 *   node NAME				another name of this server (cluster.xml was applied)
 *   share MODULE INDEX BUCKETS / share-del MODULE INDEX	group g<INDEX>; module 2 has one with 128 from the beginning
 *   raw TEXT				send TEXT as a frame to all subscribers
 *   quit
 * Each action and each command-log operation is a line of ACTIONS_FILE.
 */
#include "config.h"
#include "wire/ctlmsg.h"
#include "wire/report.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS		8
#define FIRST_FRAME	50000	/* resources in the answer to subscribe: more would not fit its 16 MiB and follow as events */
#define TICK_MS		2000
#define KEPT		2000	/* notices */
#define PAST		(1u << 20)	/* assignments, for "history" */

struct client { int fd; bool subscribed; struct ctl_decoder in; };

static struct client clients[CLIENTS];
static struct rpt_module modules[SK_MODULES_MAX + 1];	/* id 0 = not there */
static struct rpt_resource *resources;
static size_t resource_count, resource_room;
static struct rpt_node nodes[SK_NODES_MAX];
static struct rpt_share shares[16];
static size_t share_count;
static size_t node_count = 2;
static struct rpt_engine engine;
static struct rpt_notice kept[KEPT];	/* ring by seq */
static uint64_t command_seq;
static FILE *actions;
static bool silent, late;
static struct { uint32_t module, index; int64_t time_ms; char value[24]; } *past;	/* ring */
static size_t past_count;
static uint64_t burst_number;
static char refuse_code[32], refuse_text[256];

static int64_t
wall_ms(void)
{
	return clock_wall_us() / 1000;
}

static void
send_frame(struct client *c, json_t *obj)
{
	char *frame;
	size_t n = ctl_encode(obj, &frame), done = 0;

	json_decref(obj);
	while (n > 0 && done < n && c->fd != -1) {
		ssize_t w = send(c->fd, frame + done, n - done, MSG_NOSIGNAL);

		if (w == -1 && errno != EINTR) {
			close(c->fd);
			c->fd = -1;
		} else if (w > 0) {
			done += (size_t)w;
		}
	}
	if (n > 0)
		free(frame);
}

static void
tell(json_t *obj)
{
	size_t i;

	for (i = 0; i < CLIENTS; i++)
		if (clients[i].fd != -1 && clients[i].subscribed)
			send_frame(&clients[i], json_incref(obj));
	json_decref(obj);
}

static void
tell_report(const char *event, const struct report_type *type, const void *rpt)
{
	tell(json_pack("{s:s, s:o}", "event", event, "data", report_encode(type, rpt)));
}

static void
remember(const struct rpt_resource *r)
{
	size_t i = past_count++ % PAST;

	if (past == NULL && (past = calloc(PAST, sizeof(*past))) == NULL)
		fatal("out of memory");
	past[i].module = r->module_id;
	past[i].index = r->index;
	past[i].time_ms = r->since_ms;
	str_copy(past[i].value, sizeof(past[i].value), r->value);
}

/* ---- the picture ---- */

static void
make_module(uint32_t id)
{
	struct rpt_module *m = &modules[id];

	memset(m, 0, sizeof(*m));
	m->id = id;
	snprintf(m->name, sizeof(m->name), "m%u", id);
	m->mode = MODE_MIRROR;
	m->state = RS_PRIM;
	m->status = ST_READY;
	str_copy(m->peer, sizeof(m->peer), "node2");
	m->peer_state = RS_SECOND;
	m->peer_status = ST_READY;
	m->since_ms = 1741343315598;
	str_copy(m->reason, sizeof(m->reason), "Action start called by SYSTEM/root");
	m->prev_state = RS_WAIT;
	m->transitions = 3;
	m->failovers = 1;
	m->script_failures = 2;
	m->counters_ms = 1741343000000;
	m->loop_max = 3;
	m->failover = 1;
	m->boot = BOOT_ON;
	m->encryption = 1;
	m->heartbeats = 2;
	m->heartbeats_up = 1;
	str_copy(m->signature, sizeof(m->signature), "0a1b2c");
	m->config_ms = 1741342000000;
	m->pid = 4000 + id;
}

static struct rpt_resource *
find_resource(uint32_t module, uint32_t index)
{
	size_t i;

	for (i = 0; i < resource_count; i++)
		if (resources[i].module_id == module && resources[i].index == index)
			return &resources[i];
	return NULL;
}

static struct rpt_resource *
make_resource(uint32_t module, uint32_t index)
{
	struct rpt_resource *r;

	if (resource_count == resource_room) {
		resource_room = resource_room == 0 ? 1024 : resource_room * 2;
		resources = realloc(resources, resource_room * sizeof(*resources));
		if (resources == NULL)
			fatal("out of memory");
	}
	r = &resources[resource_count++];
	memset(r, 0, sizeof(*r));
	r->module_id = module;
	r->index = index;
	snprintf(r->module, sizeof(r->module), "m%u", module);
	snprintf(r->name, sizeof(r->name), "intf.10.%u.%u.0", index >> 8 & 255, index & 255);
	str_copy(r->value, sizeof(r->value), "up");
	r->health = RH_UP;
	r->since_ms = 1741343315000;
	r->assigned_ms = 1741343316000;
	str_copy(r->by, sizeof(r->by), "intfcheck");
	r->changes = 1;
	return r;
}

static struct rpt_share *
make_share(uint32_t module, uint32_t index, uint32_t buckets)
{
	struct rpt_share *s;
	size_t i;

	for (i = 0; i < share_count && (shares[i].module_id != module || shares[i].index != index); i++)
		;
	if (i == ARRAY_LEN(shares))
		fatal("too many shares");
	s = &shares[i];
	if (i == share_count) {
		share_count++;
		memset(s, 0, sizeof(*s));
		s->module_id = module;
		s->index = index;
		snprintf(s->module, sizeof(s->module), "m%u", module);
		snprintf(s->group, sizeof(s->group), "g%u", index);
		str_copy(s->members, sizeof(s->members), "node1 node2");
		s->serving = 2;
		s->since_ms = 1741343315000;
	}
	s->buckets = buckets;
	s->view++;
	return s;
}

static void
drop_share(uint32_t module, uint32_t index)
{
	size_t i;

	for (i = 0; i < share_count; i++)
		if (shares[i].module_id == module && shares[i].index == index)
			shares[i--] = shares[--share_count];
}

static void
make_nodes(void)
{
	size_t i;

	memset(nodes, 0, sizeof(nodes));
	for (i = 0; i < node_count; i++) {
		nodes[i].index = (uint32_t)i + 1;
		snprintf(nodes[i].name, sizeof(nodes[i].name), "node%zu", i + 1);
		nodes[i].self = i == 0;
		nodes[i].state = i < 2 ? NS_UP : NS_DOWN;
		nodes[i].leader = i == 0;
		snprintf(nodes[i].addr, sizeof(nodes[i].addr), "10.1.0.%zu", i + 11);
		nodes[i].since_ms = 1741343315598;
		str_copy(nodes[i].signature, sizeof(nodes[i].signature), "beef");
		nodes[i].config_ms = 1741342000000;
		nodes[i].conf_match = CM_SAME;
	}
}

static void
picture(struct client *c, json_int_t id)
{
	json_t *ms = json_array(), *rs = json_array(), *ns = json_array(), *ss = json_array();
	size_t i;

	for (i = 1; i <= SK_MODULES_MAX; i++)
		if (modules[i].id != 0)
			json_array_append_new(ms, report_encode(&rpt_module_type, &modules[i]));
	for (i = 0; i < resource_count && i < FIRST_FRAME; i++)
		json_array_append_new(rs, report_encode(&rpt_resource_type, &resources[i]));
	for (i = 0; i < node_count; i++)
		json_array_append_new(ns, report_encode(&rpt_node_type, &nodes[i]));
	for (i = 0; i < share_count; i++)
		json_array_append_new(ss, report_encode(&rpt_share_type, &shares[i]));
	c->subscribed = true;
	send_frame(c, json_pack("{s:I, s:b, s:o, s:o, s:o, s:[], s:o, s:o, s:I}", "id", id, "ok", 1, "modules", ms, "resources", rs,
	    "nodes", ns, "remotes", "shares", ss, "engine", report_encode(&rpt_engine_type, &engine), "notice_seq", (json_int_t)engine.notice_seq));
	for (i = FIRST_FRAME; i < resource_count; i++)
		send_frame(c, json_pack("{s:s, s:o}", "event", "resource", "data", report_encode(&rpt_resource_type, &resources[i])));
}

static void
give_notice(int type, uint32_t module, const char *object, const char *from, const char *to, const char *level, const char *text)
{
	struct rpt_notice n;

	memset(&n, 0, sizeof(n));
	n.seq = ++engine.notice_seq;
	n.time_ms = wall_ms();
	n.type = type;
	n.module_id = module;
	str_copy(n.module, sizeof(n.module), module <= SK_MODULES_MAX ? modules[module].name : "");
	str_copy(n.object, sizeof(n.object), object);
	str_copy(n.from, sizeof(n.from), from);
	str_copy(n.to, sizeof(n.to), to);
	str_copy(n.message, sizeof(n.message), text);
	str_copy(n.level, sizeof(n.level), level);
	n.key = 504;
	kept[n.seq % KEPT] = n;
	tell_report("notice", &rpt_notice_type_type, &n);
}

/* ---- requests ---- */

static void write_down(const char *fmt, ...) PRINTFLIKE(1, 2);
static void
write_down(const char *fmt, ...)
{
	va_list ap;

	if (actions == NULL)
		return;
	va_start(ap, fmt);
	vfprintf(actions, fmt, ap);
	va_end(ap);
	fputc('\n', actions);
	fflush(actions);
}

static void
on_action(struct client *c, json_int_t id, const json_t *req)
{
	const char *name = json_string_value(json_object_get(req, "module")), *verb = json_string_value(json_object_get(req, "verb")),
	    *by = json_string_value(json_object_get(req, "by"));
	uint32_t i;

	write_down("action %s %s %s", verb, name, by);
	if (refuse_code[0] != '\0') {
		send_frame(c, json_pack("{s:I, s:b, s:s, s:s}", "id", id, "ok", 0, "code", refuse_code, "message", refuse_text));
		return;
	}
	for (i = 1; i <= SK_MODULES_MAX; i++) {
		struct rpt_module *m = &modules[i];

		if (m->id == 0 || strcmp(m->name, name) != 0)
			continue;
		m->action_seq++;
		m->action_verb = rpt_lookup(rpt_verb_names, VERB_COUNT, verb);
		m->action_outcome = OUT_RUNNING;
		str_copy(m->action_by, sizeof(m->action_by), by);
		m->action_message[0] = '\0';
		m->action_begin_ms = wall_ms();
		m->action_end_ms = 0;
		send_frame(c, json_pack("{s:I, s:b, s:I}", "id", id, "ok", 1, "seq", (json_int_t)m->action_seq));
		tell_report("module", &rpt_module_type, m);
		return;
	}
	send_frame(c, json_pack("{s:I, s:b, s:s, s:s}", "id", id, "ok", 0, "code", "notfound", "message", "no such module"));
}

/* The last assignments of a resource, oldest first */
static json_t *
history(const char *module, const char *resource, size_t last)
{
	size_t i, n = past_count < PAST ? past_count : PAST, r;
	json_t *rows = json_array();

	for (r = 0; r < resource_count && (strcmp(resources[r].module, module) != 0 || strcmp(resources[r].name, resource) != 0); r++)
		;
	for (i = past_count - n; r < resource_count && i < past_count; i++)
		if (past[i % PAST].module == resources[r].module_id && past[i % PAST].index == resources[r].index)
			json_array_append_new(rows, json_pack("{s:I, s:s, s:s}", "time_ms", (json_int_t)past[i % PAST].time_ms, "value",
			    past[i % PAST].value, "by", "fake"));
	while (json_array_size(rows) > last)
		json_array_remove(rows, 0);
	return rows;
}

static json_t *
log_row(json_int_t seq, const char *module)
{
	struct rpt_log row = { .seq = (uint64_t)seq, .time_us = clock_wall_us(), .key = 1 };

	str_copy(row.module, sizeof(row.module), module);
	str_copy(row.origin, sizeof(row.origin), "heart");
	str_copy(row.level, sizeof(row.level), "E");
	snprintf(row.message, sizeof(row.message), "line %lld", (long long)seq);
	return report_encode(&rpt_log_type, &row);
}

/* What readers ask for now and then: rows that are the same each time */
static bool
on_reading(struct client *c, json_int_t id, const char *op, const json_t *req)
{
	const char *module = json_string_value(json_object_get(req, "module"));
	json_int_t i, last = json_integer_value(json_object_get(req, "last"));
	json_t *rows = json_array();
	uint32_t k;

	if (strcmp(op, "log") == 0) {
		for (i = last < 10 ? 11 - last : 1; i <= 10; i++)
			json_array_append_new(rows, log_row(i, module != NULL ? module : ""));
	} else if (strcmp(op, "confinfo") == 0 || strcmp(op, "cmdlog") == 0) {
		json_array_append_new(rows, json_pack("{s:s}", "node", engine.node));
	} else if (strcmp(op, "get") == 0) {
		for (k = 1; k <= SK_MODULES_MAX; k++)
			if (modules[k].id != 0 && (module == NULL || strcmp(module, modules[k].name) == 0))
				json_array_append_new(rows, report_encode(&rpt_module_type, &modules[k]));
	} else if (strcmp(op, "explain") != 0 && strcmp(op, "set") != 0 && strcmp(op, "hello") != 0) {
		json_decref(rows);
		return false;
	}
	if (strcmp(op, "set") == 0)
		write_down("set %s %s", module, json_string_value(json_object_get(req, "by")));
	send_frame(c, json_pack("{s:I, s:b, s:o, s:{s:s}, s:s}", "id", id, "ok", 1, "rows", rows, "explain", "module", module != NULL ? module : "",
	    "node", engine.node));
	return true;
}

static void
on_request(struct client *c, const json_t *req)
{
	json_int_t id = json_integer_value(json_object_get(req, "id")), after, last;
	const char *op = json_string_value(json_object_get(req, "op"));
	uint64_t seq;
	json_t *rows;

	if (op == NULL)
		return;
	if (strcmp(op, "subscribe") == 0) {
		picture(c, id);
	} else if (strcmp(op, "action") == 0) {
		on_action(c, id, req);
	} else if (strcmp(op, "command") == 0) {
		bool begin = json_object_get(req, "command") != NULL;

		if (begin)
			write_down("command %s", json_string_value(json_object_get(req, "command")));
		else
			write_down("command-end %s", json_string_value(json_object_get(req, "status")));
		send_frame(c, json_pack("{s:I, s:b, s:I}", "id", id, "ok", 1, "seq", (json_int_t)(begin ? ++command_seq : command_seq)));
	} else if (strcmp(op, "history") == 0) {
		send_frame(c, json_pack("{s:I, s:b, s:o}", "id", id, "ok", 1, "rows", history(json_string_value(json_object_get(req, "module")),
		    json_string_value(json_object_get(req, "resource")), (size_t)json_integer_value(json_object_get(req, "last")))));
	} else if (strcmp(op, "notices") == 0) {
		after = json_integer_value(json_object_get(req, "after"));
		last = json_integer_value(json_object_get(req, "last"));
		rows = json_array();
		for (seq = (uint64_t)after + 1; seq <= engine.notice_seq; seq++)
			if (seq + (uint64_t)last > engine.notice_seq && kept[seq % KEPT].seq == seq)
				json_array_append_new(rows, report_encode(&rpt_notice_type_type, &kept[seq % KEPT]));
		if (late)
			give_notice(NT_MAXLOOP, 1, "start", "", "", "C", "overtakes the older ones");
		late = false;
		send_frame(c, json_pack("{s:I, s:b, s:o}", "id", id, "ok", 1, "rows", rows));
	} else if (!on_reading(c, id, op, req)) {
		send_frame(c, json_pack("{s:I, s:b, s:s, s:s}", "id", id, "ok", 0, "code", "usage", "message", "not served by fake_engine"));
	}
}

static void
on_client(struct client *c)
{
	char buf[65536], err[256];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
	json_t *obj;
	int rc = -1;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && ctl_decoder_add(&c->in, buf, (size_t)n))
		while ((rc = ctl_decoder_next(&c->in, &obj, err, sizeof(err))) == 1) {
			on_request(c, obj);
			json_decref(obj);
		}
	if (rc == -1 && c->fd != -1) {
		close(c->fd);
		c->fd = -1;
	}
}

/* ---- commands ---- */

static bool
change_module(uint32_t id, const char *member, const char *value)
{
	json_t *v = json_loads(value, JSON_DECODE_ANY, NULL), *obj;
	char err[256];
	bool good;

	obj = json_pack("{s:o}", member, v != NULL ? v : json_string(value));
	good = id >= 1 && id <= SK_MODULES_MAX && modules[id].id != 0 && report_decode(&rpt_module_type, obj, &modules[id], err, sizeof(err));
	json_decref(obj);
	if (good)
		tell_report("module", &rpt_module_type, &modules[id]);
	return good;
}

static void
drop_resource(uint32_t module, uint32_t index)
{
	struct rpt_resource *r = find_resource(module, index);

	if (r == NULL)
		return;
	*r = resources[--resource_count];
	tell(json_pack("{s:s, s:I, s:I}", "event", "resource-gone", "module_id", (json_int_t)module, "index", (json_int_t)index));
}

static void
assign(struct rpt_resource *r, const char *value)
{
	str_copy(r->value, sizeof(r->value), value);
	r->health = rpt_health_of(value);
	r->assigned_ms = r->since_ms = wall_ms();
	r->changes++;
	remember(r);
	tell_report("resource", &rpt_resource_type, r);
}

static void
churn(unsigned turns)
{
	unsigned i;

	for (i = 0; i < turns; i++) {
		uint32_t index = 1000000 + i % 50;

		if (find_resource(1, index) != NULL)
			drop_resource(1, index);
		else
			tell_report("resource", &rpt_resource_type, make_resource(1, index));
		if (resource_count > 0)
			assign(&resources[i % resource_count], i % 2 ? "down" : "up");
	}
}

static bool
finish(uint32_t id, const char *outcome)
{
	int out = rpt_lookup(rpt_outcome_names, OUT_COUNT, outcome);
	struct rpt_module *m = &modules[id];
	char seq[16];

	if (id < 1 || id > SK_MODULES_MAX || m->id == 0 || out < 0)
		return false;
	m->action_outcome = out;
	m->action_end_ms = wall_ms();
	snprintf(m->action_message, sizeof(m->action_message), "Action %s: %s", rpt_verb_names[m->action_verb], outcome);
	tell_report("module", &rpt_module_type, m);
	snprintf(seq, sizeof(seq), "%u", m->action_seq);
	give_notice(NT_ACTION, id, rpt_verb_names[m->action_verb], seq, outcome, "E", m->action_message);
	return true;
}

static void
raw(const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	unsigned char head[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };
	size_t i;

	for (i = 0; i < CLIENTS; i++)
		if (clients[i].fd != -1 && clients[i].subscribed && (send(clients[i].fd, head, 4, MSG_NOSIGNAL) != 4 ||
		    send(clients[i].fd, text, n, MSG_NOSIGNAL) != (ssize_t)n))
			close(clients[i].fd), clients[i].fd = -1;
}

static bool
obey(char *line)
{
	unsigned a = 0, b = 0, i;
	char w[64] = "", x[64] = "";
	int at = 0, type;

	if (sscanf(line, "module %u %63s %n", &a, w, &at) == 2 && at > 0)
		return change_module(a, w, line + at);
	if (sscanf(line, "module-add %u", &a) == 1 && a >= 1 && a <= SK_MODULES_MAX) {
		make_module(a);
		tell_report("module", &rpt_module_type, &modules[a]);
	} else if (sscanf(line, "module-del %u", &a) == 1 && a >= 1 && a <= SK_MODULES_MAX) {
		for (i = (unsigned)resource_count; i > 0; i--)
			if (resources[i - 1].module_id == a)
				resources[i - 1] = resources[--resource_count];
		for (i = 1; i <= ARRAY_LEN(shares); i++)
			drop_share(a, i);
		modules[a].id = 0;
		tell(json_pack("{s:s, s:i}", "event", "module-gone", "id", (int)a));
	} else if (sscanf(line, "burst %u", &a) == 1) {
		for (i = 0; i < a && resource_count > 0; i++) {
			snprintf(w, sizeof(w), "%llu", (unsigned long long)++burst_number);
			assign(&resources[burst_number % resource_count], w);
		}
	} else if (sscanf(line, "resource-add %u %u", &a, &b) == 2) {
		tell_report("resource", &rpt_resource_type, make_resource(a, b));
	} else if (sscanf(line, "resource-del %u %u", &a, &b) == 2) {
		drop_resource(a, b);
	} else if (sscanf(line, "resource %u %u %63s", &a, &b, w) == 3) {
		if (find_resource(a, b) == NULL)
			return false;
		assign(find_resource(a, b), w);
	} else if (sscanf(line, "notice %63s %u %63s %n", w, &a, x, &at) == 3) {
		type = rpt_lookup(rpt_notice_names, NT_COUNT, w);
		if (type < 0)
			return false;
		give_notice(type, a, "object.1", "from", "to", x, at > 0 ? line + at : "");
	} else if (sscanf(line, "transition %u %63s %63s", &a, w, x) == 3) {
		if (!change_module(a, "state", x))
			return false;
		give_notice(NT_STATE, a, "", w, x, "E", "Local state");
	} else if (sscanf(line, "notices %u", &a) == 1) {
		for (i = 0; i < a; i++)
			give_notice(NT_RESOURCE, 1, "intf.10.0.1.0", "up", "down", "E", "Resource intf.10.0.1.0 set to down by intfcheck");
	} else if (sscanf(line, "churn %u", &a) == 1) {
		churn(a);
	} else if (sscanf(line, "finish %u %63s", &a, w) == 2) {
		return finish(a, w);
	} else if (sscanf(line, "refuse %31s %255[^\n]", refuse_code, refuse_text) == 2 || strcmp(line, "accept") == 0) {
		if (line[0] == 'a')
			refuse_code[0] = '\0';
	} else if (strcmp(line, "silent") == 0 || strcmp(line, "talk") == 0) {
		silent = line[0] == 's';
	} else if (strcmp(line, "late") == 0) {
		late = true;
	} else if (strcmp(line, "drop") == 0) {
		for (i = 0; i < CLIENTS; i++)
			if (clients[i].fd != -1)
				close(clients[i].fd), clients[i].fd = -1;
	} else if (sscanf(line, "nodes %u", &a) == 1 && a <= SK_NODES_MAX) {
		node_count = a;
		make_nodes();
		tell(json_pack("{s:s}", "event", "nodes-reset"));
		for (i = 0; i < a; i++)
			tell_report("node", &rpt_node_type, &nodes[i]);
	} else if (sscanf(line, "node %63s", w) == 1) {
		str_copy(engine.node, sizeof(engine.node), w);
		tell_report("engine", &rpt_engine_type, &engine);
	} else if (sscanf(line, "share %u %u %u", &a, &b, &i) == 3) {
		tell_report("share", &rpt_share_type, make_share(a, b, i));
	} else if (sscanf(line, "share-del %u %u", &a, &b) == 2) {
		drop_share(a, b);
		tell(json_pack("{s:s, s:i, s:i}", "event", "share-gone", "module_id", (int)a, "index", (int)b));
	} else if (strncmp(line, "raw ", 4) == 0) {
		raw(line + 4);
	} else {
		return false;
	}
	return true;
}

/* Lines of stdin; false: quit */
static bool
on_stdin(void)
{
	static char buf[4096];
	static size_t len;
	ssize_t n = read(0, buf + len, sizeof(buf) - 1 - len);
	char *nl;

	if (n <= 0)
		return n == -1 && errno == EINTR;
	len += (size_t)n;
	buf[len] = '\0';
	while ((nl = memchr(buf, '\n', len)) != NULL) {
		*nl = '\0';
		if (strcmp(buf, "quit") == 0)
			return false;
		printf("%s\n", obey(buf) ? "ok" : "not understood");
		fflush(stdout);
		len -= (size_t)(nl + 1 - buf);
		memmove(buf, nl + 1, len + 1);
	}
	return true;
}

/* ---- the socket ---- */

static int
listen_socket(char *path, size_t size)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (!path_format(path, size, "%s/run", path_safevar()) || path_mkdirs(path, 0755) == -1 ||
	    !path_format(path, size, "%s/run/safeadmin.sock", path_safevar()) || !str_copy(sa.sun_path, sizeof(sa.sun_path), path))
		fatal("%s: no such folder or name too long", path);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1 || listen(fd, 8) == -1 || chmod(path, 0666) == -1)
		fatal("%s: %s", path, strerror(errno));
	return fd;
}

static void
serve(int listener)
{
	int64_t tick = clock_mono_ms();
	bool input = true;

	for (;;) {
		struct pollfd p[CLIENTS + 2] = { { .fd = listener, .events = POLLIN }, { .fd = input ? 0 : -1, .events = POLLIN } };
		int64_t left = tick + TICK_MS - clock_mono_ms();
		size_t i;

		for (i = 0; i < CLIENTS; i++)
			p[i + 2] = (struct pollfd){ .fd = clients[i].fd, .events = POLLIN };
		if (poll(p, CLIENTS + 2, left > 0 ? (int)left : 0) == -1)
			continue;
		for (i = 0; i < CLIENTS; i++)
			if (p[i + 2].revents != 0 && clients[i].fd == p[i + 2].fd && clients[i].fd != -1)
				on_client(&clients[i]);
		for (i = 0; p[0].revents != 0 && i < CLIENTS; i++)
			if (clients[i].fd == -1) {
				ctl_decoder_free(&clients[i].in);
				ctl_decoder_init(&clients[i].in, CTL_FRAME_MAX_CLIENT);
				clients[i].subscribed = false;
				clients[i].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
				break;
			}
		if (p[1].revents != 0 && !on_stdin())
			return;
		if (clock_mono_ms() - tick >= TICK_MS) {
			tick = clock_mono_ms();
			if (!silent)
				tell(json_pack("{s:s}", "event", "tick"));
		}
	}
}

int
main(int argc, char **argv)
{
	unsigned module_count = 2, per_module = 3, i, j;
	char path[256];
	int c, fd;

	diag_init("fake_engine", 0);
	str_copy(engine.node, sizeof(engine.node), "node1");
	while ((c = getopt(argc, argv, "n:m:r:a:s:b:")) != -1) {
		switch (c) {
		case 'n': str_copy(engine.node, sizeof(engine.node), optarg); break;
		case 'm': module_count = (unsigned)atoi(optarg); break;
		case 'r': per_module = (unsigned)atoi(optarg); break;
		case 'a': actions = fopen(optarg, "a"); break;
		case 'b': burst_number = strtoull(optarg, NULL, 10); break;
		case 's': engine.notice_seq = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	str_copy(engine.version, sizeof(engine.version), "0.1.0");
	engine.pid = (uint32_t)getpid();
	engine.started_ms = wall_ms();
	engine.modules = module_count;
	engine.nodes = engine.nodes_up = 2;
	engine.view = 7;
	str_copy(engine.leader, sizeof(engine.leader), "node1");
	str_copy(engine.signature, sizeof(engine.signature), "beef");
	make_nodes();
	make_share(2, 1, 128);
	for (i = 1; i <= module_count && i <= SK_MODULES_MAX; i++) {
		make_module(i);
		for (j = 1; j <= per_module; j++)
			make_resource(i, j);
	}
	for (i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	fd = listen_socket(path, sizeof(path));
	printf("ready\n");
	fflush(stdout);
	serve(fd);
	unlink(path);
	return 0;
}
