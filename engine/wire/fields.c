/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fields.c: describes every published field, one row each; encodes and decodes reports from these rows.
 */
#include "config.h"
#include "wire/report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

const char *const rpt_state_names[RS_COUNT] = {
	[RS_STOP] = "STOP", [RS_WAIT] = "WAIT", [RS_ALONE] = "ALONE", [RS_PRIM] = "PRIM", [RS_SECOND] = "SECOND", [RS_UP] = "UP",
	[RS_UNKNOWN] = "UNKNOWN",
};
const char *const rpt_status_names[ST_COUNT] = {
	[ST_NOTREADY] = "NotReady", [ST_TRANSIENT] = "Transient", [ST_READY] = "Ready", [ST_UNKNOWN] = "Unknown",
};
const char *const rpt_mode_names[MODE_COUNT] = { [MODE_MIRROR] = "mirror", [MODE_FARM] = "farm", [MODE_LIGHT] = "light" };
const char *const rpt_health_names[RH_COUNT] = {
	[RH_UNKNOWN] = "unknown", [RH_INIT] = "init", [RH_UP] = "up", [RH_DOWN] = "down", [RH_OTHER] = "other",
};
const char *const rpt_boot_names[BOOT_COUNT] = {
	[BOOT_OFF] = "off", [BOOT_ON] = "on", [BOOT_AUTO] = "auto", [BOOT_IGNORE] = "ignore",
};
const char *const rpt_verb_names[VERB_COUNT] = {
	[VERB_NONE] = "none", [VERB_START] = "start", [VERB_STOP] = "stop", [VERB_RESTART] = "restart", [VERB_SWAP] = "swap",
	[VERB_STOPSTART] = "stopstart", [VERB_PRIM] = "prim", [VERB_SECOND] = "second", [VERB_FORCESTOP] = "forcestop",
	[VERB_STOPWAIT] = "stopwait", [VERB_SHUTDOWN] = "shutdown", [VERB_PRIMFORCE] = "primforce",
	[VERB_SECONDFORCE] = "secondforce",
};
const char *const rpt_outcome_names[OUT_COUNT] = {
	[OUT_NONE] = "none", [OUT_RUNNING] = "running", [OUT_DONE] = "done", [OUT_FAILED] = "failed", [OUT_REFUSED] = "refused",
	[OUT_SUPERSEDED] = "superseded",
};
const char *const rpt_notice_names[NT_COUNT] = {
	[NT_LOG] = "log", [NT_STATE] = "state", [NT_FAILOVER_BEGIN] = "failover-begin", [NT_FAILOVER_END] = "failover-end",
	[NT_RESOURCE] = "resource", [NT_HB_LOST] = "heartbeat-lost", [NT_HB_RESTORED] = "heartbeat-restored",
	[NT_SPLITBRAIN] = "split-brain", [NT_ACTION] = "action", [NT_MAXLOOP] = "maxloop",
};
static const char *const node_state_names[NS_COUNT] = { [NS_UNKNOWN] = "unknown", [NS_UP] = "up", [NS_DOWN] = "down" };
static const char *const conf_match_names[CM_COUNT] = { [CM_UNKNOWN] = "unknown", [CM_SAME] = "same", [CM_DIFFERS] = "differs" };

/* One macro per type keeps a row on one line: member, unit, help. */
#define AT(m)		offsetof(struct REPORT, m), sizeof(((struct REPORT *)0)->m)
#define U32(m, u, h)	{ #m, F_U32, AT(m), NULL, 0, u, h }
#define U64(m, u, h)	{ #m, F_U64, AT(m), NULL, 0, u, h }
#define TMS(m, h)	{ #m, F_TIME_MS, AT(m), NULL, 0, "ms", h }
#define TUS(m, h)	{ #m, F_TIME_US, AT(m), NULL, 0, "us", h }
#define STR(m, h)	{ #m, F_STR, AT(m), NULL, 0, "", h }
#define BOOL(m, h)	{ #m, F_BOOL, AT(m), NULL, 0, "", h }
#define ENUM(m, n, h)	{ #m, F_ENUM, AT(m), n, ARRAY_LEN(n), "", h }

#define REPORT rpt_module
static const struct field module_fields[] = {
	U32(id, "", "module id, the same on all servers"),
	STR(name, "module name"),
	ENUM(mode, rpt_mode_names, "mirror, farm or light"),
	ENUM(state, rpt_state_names, "state on this server"),
	ENUM(status, rpt_status_names, "NotReady (red), Transient (magenta), Ready (green); Unknown: its engine process does not answer"),
	STR(peer, "the other server of a mirror"),
	ENUM(peer_state, rpt_state_names, "state of the other server as heartbeats tell it"),
	ENUM(peer_status, rpt_status_names, "status of the other server as heartbeats tell it"),
	TMS(since_ms, "when state or status last changed"),
	STR(reason, "why the last transition happened"),
	ENUM(prev_state, rpt_state_names, "state before the last transition"),
	U64(transitions, "count", "changes of state"),
	U64(failovers, "count", "takeovers begun on this server"),
	U64(script_failures, "count", "scripts that failed, were killed or ran into their timeout"),
	TMS(counters_ms, "when the counters began"),
	U32(loop_count, "count", "automatic actions counted against maxloop"),
	U32(loop_max, "count", "maxloop"),
	BOOL(failover, "automatic failover is on"),
	ENUM(boot, rpt_boot_names, "start at boot"),
	BOOL(encryption, "the module has a key of its own"),
	U32(heartbeats, "count", "heartbeats configured"),
	U32(heartbeats_up, "count", "heartbeats up"),
	U32(action_seq, "", "number of the last accepted action"),
	ENUM(action_verb, rpt_verb_names, "the last accepted action"),
	ENUM(action_outcome, rpt_outcome_names, "what became of it"),
	STR(action_by, "who asked for it"),
	STR(action_message, "its result in words"),
	TMS(action_begin_ms, "when it began"),
	TMS(action_end_ms, "when it ended"),
	STR(signature, "signature of the active configuration"),
	TMS(config_ms, "when the configuration was applied"),
	U32(pid, "", "process that owns the module, 0 when none"),
};
#undef REPORT

#define REPORT rpt_resource
static const struct field resource_fields[] = {
	U32(module_id, "", "module id"),
	U32(index, "", "stable index within the module"),
	STR(module, "module name"),
	STR(name, "class.id"),
	STR(value, "value"),
	ENUM(health, rpt_health_names, "health that the value means"),
	TMS(since_ms, "when the value last changed"),
	TMS(assigned_ms, "when a value was last assigned"),
	STR(by, "who assigned it"),
	U64(changes, "count", "changes of the value"),
};
#undef REPORT

#define REPORT rpt_node
static const struct field node_fields[] = {
	U32(index, "", "place in cluster.xml, from 1"),
	STR(name, "node name"),
	BOOL(self, "this server"),
	ENUM(state, node_state_names, "in the membership or not"),
	BOOL(leader, "leads the membership"),
	STR(addr, "address on the first framework lan"),
	TMS(since_ms, "when state last changed"),
	STR(signature, "signature of its cluster configuration"),
	TMS(config_ms, "when its cluster configuration was applied"),
	BOOL(locked, "its cluster configuration is locked"),
	ENUM(conf_match, conf_match_names, "its cluster configuration against ours"),
	STR(why, "why we do not talk"),
};
#undef REPORT

#define REPORT rpt_remote
static const struct field remote_fields[] = {
	STR(node, "node name"),
	STR(module, "module name"),
	U32(id, "", "module id there"),
	ENUM(mode, rpt_mode_names, "mode there"),
	ENUM(state, rpt_state_names, "state there"),
	ENUM(status, rpt_status_names, "status there"),
	TMS(config_ms, "when the module was configured there"),
	STR(signature, "signature of its configuration there"),
};
#undef REPORT

#define REPORT rpt_share
static const struct field share_fields[] = {
	U32(module_id, "", "module id"),
	U32(index, "", "place of the group in the configuration, from 1"),
	STR(module, "module name"),
	STR(group, "load balancing group"),
	U32(buckets, "count", "buckets of 256 that this server takes"),
	U32(view, "", "number of the farm's membership view, 0: none"),
	U32(serving, "count", "servers that take load"),
	STR(members, "their names"),
	TMS(since_ms, "when the share or the servers last changed"),
};
#undef REPORT

#define REPORT rpt_notice
static const struct field notice_fields[] = {
	U64(seq, "", "sequence number, never reused"),
	TMS(time_ms, "when it happened"),
	ENUM(type, rpt_notice_names, "what kind of thing happened"),
	U32(module_id, "", "module id"),
	STR(module, "module name"),
	STR(object, "resource, heartbeat or verb"),
	STR(from, "value before"),
	STR(to, "value after"),
	STR(message, "log message"),
	STR(level, "U E C S I or d"),
	U32(key, "", "message key"),
};
#undef REPORT

#define REPORT rpt_log
static const struct field log_fields[] = {
	U64(seq, "", "sequence number, never reused"),
	TUS(time_us, "when"),
	STR(module, "module name"),
	STR(origin, "part of the engine that speaks"),
	STR(level, "U E C S I or d"),
	U32(key, "", "message key"),
	STR(message, "text"),
};
#undef REPORT

#define REPORT rpt_command
static const struct field command_fields[] = {
	U64(seq, "", "sequence number, never reused"),
	TUS(time_us, "when"),
	U32(pid, "", "process of the command"),
	STR(status, "running, then return <value>"),
	STR(user, "who ran it"),
	STR(command, "command with its arguments"),
};
#undef REPORT

#define REPORT rpt_engine
static const struct field engine_fields[] = {
	STR(node, "name of this server"),
	STR(version, "version"),
	U32(pid, "", "process id of safeadmin"),
	TMS(started_ms, "when safeadmin started"),
	U32(modules, "count", "configured modules"),
	U32(nodes_up, "count", "nodes in the membership"),
	U32(nodes, "count", "nodes in cluster.xml"),
	U64(notice_seq, "", "last notice"),
	U32(view, "", "number of the membership view"),
	STR(leader, "leader of the membership"),
	STR(signature, "signature of the cluster configuration"),
	U64(journal_lost, "count", "journal rows lost"),
};
#undef REPORT

const struct report_type
	rpt_module_type = { "module", sizeof(struct rpt_module), module_fields, ARRAY_LEN(module_fields) },
	rpt_resource_type = { "resource", sizeof(struct rpt_resource), resource_fields, ARRAY_LEN(resource_fields) },
	rpt_node_type = { "node", sizeof(struct rpt_node), node_fields, ARRAY_LEN(node_fields) },
	rpt_remote_type = { "remote", sizeof(struct rpt_remote), remote_fields, ARRAY_LEN(remote_fields) },
	rpt_notice_type_type = { "notice", sizeof(struct rpt_notice), notice_fields, ARRAY_LEN(notice_fields) },
	rpt_log_type = { "log", sizeof(struct rpt_log), log_fields, ARRAY_LEN(log_fields) },
	rpt_command_type = { "command", sizeof(struct rpt_command), command_fields, ARRAY_LEN(command_fields) },
	rpt_engine_type = { "engine", sizeof(struct rpt_engine), engine_fields, ARRAY_LEN(engine_fields) },
	rpt_share_type = { "share", sizeof(struct rpt_share), share_fields, ARRAY_LEN(share_fields) };

int
rpt_lookup(const char *const *names, int count, const char *word)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return -1;
}

int
rpt_health_of(const char *value)
{
	int h = rpt_lookup(rpt_health_names, RH_OTHER, value);

	return h < 0 ? RH_OTHER : h;
}

static json_t *
field_encode(const struct field *f, const char *at)
{
	switch (f->type) {
	case F_U32: return json_integer(*(const uint32_t *)(const void *)at);
	case F_U64: return json_integer((json_int_t)*(const uint64_t *)(const void *)at);
	case F_TIME_MS: case F_TIME_US: return json_integer(*(const int64_t *)(const void *)at);
	case F_STR: {
		json_t *s = json_string(at);
		char clean[SK_TEXT_MAX];

		if (s != NULL)
			return s;
		str_copy(clean, sizeof(clean), at);	/* not UTF-8: shown as far as it can be */
		str_make_utf8(clean);
		return json_string(clean);
	}
	case F_BOOL: return json_boolean(*(const int *)(const void *)at);
	case F_ENUM: {
		int v = *(const int *)(const void *)at;

		return json_string(v >= 0 && v < f->count ? f->names[v] : "?");
	}
	}
	return NULL;
}

json_t *
report_encode(const struct report_type *type, const void *rpt)
{
	json_t *obj = json_object();
	size_t i;

	for (i = 0; obj != NULL && i < type->count; i++)
		if (json_object_set_new_nocheck(obj, type->fields[i].name,
		    field_encode(&type->fields[i], (const char *)rpt + type->fields[i].off)) == -1) {
			json_decref(obj);
			return NULL;
		}
	return obj;
}

static const char *
field_decode(const struct field *f, const json_t *v, char *at)
{
	switch (f->type) {
	case F_U32:
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > UINT32_MAX)
			return "a number 0..4294967295";
		*(uint32_t *)(void *)at = (uint32_t)json_integer_value(v);
		return NULL;
	case F_U64:
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return "a number from 0";
		*(uint64_t *)(void *)at = (uint64_t)json_integer_value(v);
		return NULL;
	case F_TIME_MS: case F_TIME_US:
		if (!json_is_integer(v))
			return "a time as a number";
		*(int64_t *)(void *)at = json_integer_value(v);
		return NULL;
	case F_STR:
		if (!json_is_string(v) || json_string_length(v) >= f->size || strlen(json_string_value(v)) != json_string_length(v))
			return "a text that fits";
		memset(at, 0, f->size);
		memcpy(at, json_string_value(v), json_string_length(v));
		return NULL;
	case F_BOOL:
		if (!json_is_boolean(v))
			return "true or false";
		*(int *)(void *)at = json_is_true(v);
		return NULL;
	case F_ENUM: {
		int n = json_is_string(v) ? rpt_lookup(f->names, f->count, json_string_value(v)) : -1;

		if (n < 0)
			return "one of the known words";
		*(int *)(void *)at = n;
		return NULL;
	}
	}
	return "a known type";
}

bool
report_decode(const struct report_type *type, const json_t *obj, void *rpt, char *err, size_t errsize)
{
	size_t i;

	if (!json_is_object(obj)) {
		snprintf(err, errsize, "%s: an object was expected", type->name);
		return false;
	}
	for (i = 0; i < type->count; i++) {
		const struct field *f = &type->fields[i];
		const json_t *v = json_object_get(obj, f->name);
		const char *expected = v == NULL ? NULL : field_decode(f, v, (char *)rpt + f->off);

		if (expected != NULL) {
			snprintf(err, errsize, "%s.%s: expected %s", type->name, f->name, expected);
			return false;
		}
	}
	return true;
}
