/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.c: the table.  Names follow the rules of Prometheus (prefix, base units, unit at the end, counters end in _total).
 */
#include "config.h"
#include "agent/export/metrics.h"

const char *const metric_type_names[MT_COUNT] = { [MT_GAUGE] = "gauge", [MT_COUNTER] = "counter", [MT_STATESET] = "stateset", [MT_INFO] = "info" };
const char *const metric_node_states[NS_COUNT] = { [NS_UNKNOWN] = "unknown", [NS_UP] = "up", [NS_DOWN] = "down" };
const char *const metric_healths[4] = { [RH_UNKNOWN] = "unknown", [RH_INIT] = "init", [RH_UP] = "up", [RH_DOWN] = "down" };

#define N	"node"
#define NM	"node module"
#define NR	"node module resource"
#define NG	"node module group"
#define AT(type, m) offsetof(struct type, m)
#define MOD(name, type, unit, how, member, help) \
	{ name, type, unit, help, NM, "module." #member, MS_MODULE, how, AT(rpt_module, member), NULL, 0, MX_NONE }
#define STATES(name, scope, labels, report, member, words, help) \
	{ name, MT_STATESET, "", help, labels, #report "." #member, scope, MH_ENUM, AT(rpt_##report, member), words, ARRAY_LEN(words), MX_NONE }
#define SPECIAL(name, type, unit, scope, labels, x, source, help) \
	{ name, type, unit, help, labels, source, scope, MH_SPECIAL, 0, NULL, 0, x }
#define REP(name, unit, x, resource, help) \
	{ name, MT_GAUGE, unit, help, NM, resource, MS_REPLICATION, MH_SPECIAL, 0, NULL, 0, x }
#define ROW(name, type, unit, scope, labels, how, report, member, help) \
	{ name, type, unit, help, labels, #report "." #member, scope, how, AT(rpt_##report, member), NULL, 0, MX_NONE }
#define PEER(name, member, words, help) \
	{ name, MT_STATESET, "", help, NM, "module." #member, MS_MODULE, MH_ENUM, AT(rpt_module, member), words, ARRAY_LEN(words), MX_PEER }

const struct metric metrics[] = {
	SPECIAL("safekit_up", MT_GAUGE, "", MS_EXPORTER, N, MX_UP, "exporter",
	    "1 while the engine (safeadmin) talks to the exporter; at 0 all that follows is what was last known"),
	SPECIAL("safekit_build", MT_INFO, "", MS_EXPORTER, N " version", MX_BUILD, "exporter", "version of the exporter"),
	SPECIAL("safekit_picture_age_seconds", MT_GAUGE, "seconds", MS_EXPORTER, N, MX_AGE, "exporter", "time since the last word of the engine, which speaks every 2 s at least"),
	SPECIAL("safekit_engine", MT_INFO, "", MS_ENGINE, N " version leader", MX_ENGINE_INFO, "engine.version, engine.leader", "version of the engine and leader of the cluster as it sees it"),
	ROW("safekit_engine_start_timestamp_seconds", MT_GAUGE, "seconds", MS_ENGINE, N, MH_TIME, engine, started_ms, "when the engine started"),
	ROW("safekit_engine_journal_lost", MT_COUNTER, "", MS_ENGINE, N, MH_U64, engine, journal_lost, "rows of the engine's journal that could not be written or kept"),
	ROW("safekit_cluster_nodes", MT_GAUGE, "", MS_ENGINE, N, MH_U32, engine, nodes, "nodes in cluster.xml"),
	ROW("safekit_cluster_nodes_up", MT_GAUGE, "", MS_ENGINE, N, MH_U32, engine, nodes_up, "nodes in the membership of this server"),
	ROW("safekit_cluster_view", MT_GAUGE, "", MS_ENGINE, N, MH_U32, engine, view, "number of the membership view, the same on all its members"),

	STATES("safekit_node_state", MS_NODE, "node member", node, state, metric_node_states, "whether a node of the cluster is in the membership of this server"),
	ROW("safekit_node_leader", MT_GAUGE, "", MS_NODE, "node member", MH_BOOL, node, leader, "1: leads the membership"),
	SPECIAL("safekit_node_config_same", MT_GAUGE, "", MS_NODE, "node member", MX_SAME, "node.conf_match", "1: has the cluster configuration of this server; 0: another one; absent: unknown"),
	ROW("safekit_node_since_timestamp_seconds", MT_GAUGE, "seconds", MS_NODE, "node member", MH_TIME, node, since_ms, "when the node's state last changed"),

	SPECIAL("safekit_module", MT_INFO, "", MS_MODULE, NM " mode peer boot signature", MX_MODULE_INFO, "module.mode, peer, boot, signature",
	    "mirror, farm or light; the other server of a mirror; start at boot; signature of the active configuration"),
	STATES("safekit_module_state", MS_MODULE, NM, module, state, rpt_state_names, "state of the module on this server"),
	STATES("safekit_module_availability", MS_MODULE, NM, module, status, rpt_status_names, "status of the module on this server; Unknown: its engine process does not answer"),
	PEER("safekit_module_peer_state", peer_state, rpt_state_names, "state on the other server of a mirror, as heartbeats tell it"),
	PEER("safekit_module_peer_availability", peer_status, rpt_status_names, "status on the other server of a mirror, as heartbeats tell it"),
	MOD("safekit_module_state_since_timestamp_seconds", MT_GAUGE, "seconds", MH_TIME, since_ms, "when state or status last changed"),
	SPECIAL("safekit_module_transitions", MT_COUNTER, "", MS_MODULE, NM " from to", MX_TRANSITIONS, "notices of type state",
	    "changes of state since the exporter started, none missed while it was not connected"),
	SPECIAL("safekit_module_events", MT_COUNTER, "", MS_MODULE, NM " event", MX_EVENTS, "notices",
	    "what managers are told of, since the exporter started: failovers, heartbeats, split brain, maxloop, actions, resources"),
	MOD("safekit_module_state_changes", MT_COUNTER, "", MH_U64, transitions, "changes of state, as the engine counts them"),
	MOD("safekit_module_failovers", MT_COUNTER, "", MH_U64, failovers, "takeovers begun on this server"),
	MOD("safekit_module_script_failures", MT_COUNTER, "", MH_U64, script_failures, "scripts that failed, were killed or ran into their timeout"),
	MOD("safekit_module_counters_start_timestamp_seconds", MT_GAUGE, "seconds", MH_TIME, counters_ms, "when the engine's counters of the module began"),
	MOD("safekit_module_loop_actions", MT_GAUGE, "", MH_U32, loop_count, "automatic actions counted against maxloop"),
	MOD("safekit_module_loop_limit", MT_GAUGE, "", MH_U32, loop_max, "maxloop"),
	MOD("safekit_module_failover_enabled", MT_GAUGE, "", MH_BOOL, failover, "1: automatic failover is on"),
	MOD("safekit_module_config_timestamp_seconds", MT_GAUGE, "seconds", MH_TIME, config_ms, "when the configuration was applied"),
	MOD("safekit_heartbeat_links", MT_GAUGE, "", MH_U32, heartbeats, "heartbeats configured (each one is a resource heartbeat.* too)"),
	MOD("safekit_heartbeat_links_up", MT_GAUGE, "", MH_U32, heartbeats_up, "heartbeats up"),

	REP("safekit_replication_uptodate", "", MX_FLAG, "rfs.uptodate", "1: the replicated folders of this server are up to date"),
	REP("safekit_replication_degraded", "", MX_FLAG, "rfs.degraded", "1: this primary does not replicate until it is stopped and started"),
	REP("safekit_replication_write_bytes_per_second", "bytes_per_second", MX_KBYTES, "rfs.rep_bandwidth", "replication of writes, average of 3 s; on the primary"),
	REP("safekit_replication_sync_bytes_per_second", "bytes_per_second", MX_KBYTES, "rfs.rei_bandwidth", "synchronization (reintegration), average of 3 s; on the primary"),
	REP("safekit_replication_received_bytes_per_second", "bytes_per_second", MX_KBYTES, "rfs.netin_bandwidth", "received from the other server"),
	REP("safekit_replication_sent_bytes_per_second", "bytes_per_second", MX_KBYTES, "rfs.netout_bandwidth", "sent to the other server"),
	REP("safekit_replication_sync_done_bytes", "bytes", MX_DONE, "rfs_sync.bytes", "done of the synchronization that is going on"),
	REP("safekit_replication_sync_size_bytes", "bytes", MX_WHOLE, "rfs_sync.bytes", "size of the synchronization that is going on"),
	REP("safekit_replication_sync_done_files", "files", MX_DONE, "rfs_sync.files", "files done of the synchronization that is going on"),
	REP("safekit_replication_sync_size_files", "files", MX_WHOLE, "rfs_sync.files", "files of the synchronization that is going on"),

	SPECIAL("safekit_resource_state", MT_STATESET, "", MS_RESOURCE, NR, MX_HEALTH, "resource.health", "health of a resource whose value is a health (up, down, init, unknown)"),
	SPECIAL("safekit_resource_value", MT_GAUGE, "", MS_RESOURCE, NR, MX_NUMBER, "resource.value", "value of a resource that is a number, in the unit of the resource"),
	ROW("safekit_resource_changes", MT_COUNTER, "", MS_RESOURCE, NR, MH_U64, resource, changes, "changes of the value"),
	ROW("safekit_resource_since_timestamp_seconds", MT_GAUGE, "seconds", MS_RESOURCE, NR, MH_TIME, resource, since_ms, "when the value last changed"),

	ROW("safekit_share_buckets", MT_GAUGE, "", MS_SHARE, NG, MH_U32, share, buckets, "buckets of 256 of a load balancing group that this server takes"),
	SPECIAL("safekit_share_ratio", MT_GAUGE, "ratio", MS_SHARE, NG, MX_RATIO, "share.buckets", "share of the network load of a group that this server takes, 0 to 1"),
	ROW("safekit_share_serving_nodes", MT_GAUGE, "", MS_SHARE, NG, MH_U32, share, serving, "servers that take load"),
	ROW("safekit_share_view", MT_GAUGE, "", MS_SHARE, NG, MH_U32, share, view, "number of the farm's membership view, the same on all its members; 0: none"),

	SPECIAL("safekit_export_changes", MT_COUNTER, "", MS_EXPORTER, N, MX_CHANGES, "exporter", "changes of resources written to the spool"),
	SPECIAL("safekit_export_spool_up", MT_GAUGE, "", MS_EXPORTER, N, MX_SPOOL_UP, "exporter", "0: the spool cannot be written; what happens meanwhile is fetched from the engine later"),
	SPECIAL("safekit_export_spool_bytes", MT_GAUGE, "bytes", MS_EXPORTER, N, MX_SPOOL_BYTES, "exporter", "what waits in the spool for the sinks, with its indexes"),
	SPECIAL("safekit_export_spool_limit_bytes", MT_GAUGE, "bytes", MS_EXPORTER, N, MX_SPOOL_LIMIT, "exporter", "when the oldest are dropped"),
	SPECIAL("safekit_export_sink_up", MT_GAUGE, "", MS_SINK, "node sink", MX_SINK_UP, "exporter", "1: the sink took what was last sent; 0: it did not; absent: nothing was sent since the exporter started"),
	SPECIAL("safekit_export_points", MT_COUNTER, "", MS_SINK, "node sink", MX_POINTS, "exporter", "points that a sink took, repeated ones included"),
	SPECIAL("safekit_export_dropped", MT_COUNTER, "", MS_SINK, "node sink reason", MX_DROPPED, "exporter", "changes that a sink will never get: size and age (the bounds of the spool), refused (by the sink)"),
	SPECIAL("safekit_export_requests", MT_COUNTER, "", MS_SINK, "node sink result", MX_REQUESTS, "exporter", "requests to a sink: taken, partly, split, failed"),
	SPECIAL("safekit_export_waiting_changes", MT_GAUGE, "", MS_SINK, "node sink", MX_WAITING, "exporter", "changes that wait for a sink"),
	SPECIAL("safekit_export_delay_seconds", MT_GAUGE, "seconds", MS_SINK, "node sink", MX_DELAY, "exporter", "age of the oldest change that a sink has not got"),

	/* last: it measures all before */
	SPECIAL("safekit_scrape_duration_seconds", MT_GAUGE, "seconds", MS_EXPORTER, N, MX_DURATION, "exporter", "time that making this answer took"),
};
const size_t metrics_count = ARRAY_LEN(metrics);

const char *
metric_suffix(const struct metric *m)
{
	return m->type == MT_COUNTER ? "_total" : m->type == MT_INFO ? "_info" : "";
}

void
metrics_markdown(FILE *to)
{
	size_t i;
	int j;

	fprintf(to, "| sample | type | unit | labels | what | from |\n|---|---|---|---|---|---|\n");
	for (i = 0; i < metrics_count; i++) {
		const struct metric *m = &metrics[i];
		const char *p;

		fprintf(to, "| `%s%s` | %s | %s | `", m->name, metric_suffix(m), metric_type_names[m->type], m->unit);
		for (p = m->labels; *p != '\0'; p++)
			if (*p == ' ')
				fprintf(to, "` `");
			else
				fputc(*p, to);
		fprintf(to, "`");
		if (m->type == MT_STATESET) {
			int count = m->special == MX_HEALTH ? (int)ARRAY_LEN(metric_healths) : m->states_count;
			const char *const *words = m->special == MX_HEALTH ? metric_healths : m->states;

			fprintf(to, " `%s` (", m->name);
			for (j = 0; j < count; j++)
				fprintf(to, "%s%s", j > 0 ? ", " : "", words[j]);
			fprintf(to, ")");
		}
		fprintf(to, " | %s | %s%s%s |\n", m->help, m->scope == MS_REPLICATION ? "resource `" : "", m->source,
		    m->scope == MS_REPLICATION ? "`" : "");
	}
}
