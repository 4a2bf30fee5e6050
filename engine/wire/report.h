/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h: the one picture.  Plain structs that the engine fills and every reader sees (CLI, SNMP, metrics, later HTTP).
 *
 * Owns: the meaning of each published field.  fields.c has one row per field (name, type, unit, help, offset); JSON on the
 * control socket, CLI output and MIB columns follow from those rows.  A new published field is one member and one row.
 * Never does: hold pointers, or anything that is not published.
 */
#ifndef SK_REPORT_H
#define SK_REPORT_H

#include "base/base.h"

/* Module states that users know; numbers 0..4 are those of "safekit state -lq" (user's guide 9.5), where UP is 2 as well. */
enum rpt_state { RS_STOP = 0, RS_WAIT = 1, RS_ALONE = 2, RS_PRIM = 3, RS_SECOND = 4, RS_UP = 5, RS_UNKNOWN = 6, RS_COUNT };
/* red, magenta, green of 7.x; words of 8.2 */
enum rpt_status { ST_NOTREADY = 0, ST_TRANSIENT = 1, ST_READY = 2, ST_UNKNOWN = 3, ST_COUNT };
enum rpt_mode { MODE_MIRROR = 0, MODE_FARM = 1, MODE_LIGHT = 2, MODE_COUNT };
/* Health has three values, and init before the first verdict; other = a value that is not a health (a number, a text) */
enum rpt_health { RH_UNKNOWN = 0, RH_INIT = 1, RH_UP = 2, RH_DOWN = 3, RH_OTHER = 4, RH_COUNT };
enum rpt_boot { BOOT_OFF = 0, BOOT_ON = 1, BOOT_AUTO = 2, BOOT_IGNORE = 3, BOOT_COUNT };
enum rpt_verb { VERB_NONE = 0, VERB_START, VERB_STOP, VERB_RESTART, VERB_SWAP, VERB_STOPSTART, VERB_PRIM, VERB_SECOND,
	VERB_FORCESTOP, VERB_STOPWAIT, VERB_SHUTDOWN, VERB_PRIMFORCE, VERB_SECONDFORCE, VERB_COUNT };
enum rpt_outcome { OUT_NONE = 0, OUT_RUNNING, OUT_DONE, OUT_FAILED, OUT_REFUSED, OUT_SUPERSEDED, OUT_COUNT };
enum rpt_notice_type { NT_LOG = 0, NT_STATE, NT_FAILOVER_BEGIN, NT_FAILOVER_END, NT_RESOURCE, NT_HB_LOST, NT_HB_RESTORED,
	NT_SPLITBRAIN, NT_ACTION, NT_MAXLOOP, NT_COUNT };

struct rpt_module {
	uint32_t id;		/* 1..256, same on all servers */
	char	 name[SK_NAME_MAX];
	int	 mode;		/* enum rpt_mode */
	int	 state;		/* enum rpt_state, here */
	int	 status;	/* enum rpt_status, here; ST_UNKNOWN: the process that owns the module does not answer */
	char	 peer[SK_NAME_MAX];	/* node name of the other server of a mirror, "" otherwise */
	int	 peer_state;	/* as seen from here by heartbeat */
	int	 peer_status;
	int64_t	 since_ms;	/* wall clock of the last change of state or status */
	char	 reason[SK_TEXT_MAX];	/* why the last transition happened */
	int	 prev_state;	/* state before the last transition */
	uint64_t transitions;	/* changes of state since the counters began (heart's birth: counters_ms) */
	uint64_t failovers;	/* takeovers begun on this server */
	uint64_t script_failures;	/* scripts that exited non-zero, were killed, or ran into their timeout */
	int64_t	 counters_ms;	/* wall clock when the counters were zero */
	uint32_t loop_count;	/* maxloop counter now */
	uint32_t loop_max;
	int	 failover;	/* bool */
	int	 boot;		/* enum rpt_boot: what is in force */
	int	 encryption;	/* bool: the module has a key of its own */
	uint32_t heartbeats;	/* configured */
	uint32_t heartbeats_up;
	uint32_t action_seq;	/* number of the last accepted action, 0 = none since boot of heart */
	int	 action_verb;	/* enum rpt_verb */
	int	 action_outcome;	/* enum rpt_outcome */
	char	 action_by[SK_NAME_MAX];	/* "SYSTEM/root", "snmp", "web@<IP>/..." or an identity (-i) */
	char	 action_message[SK_TEXT_MAX];
	int64_t	 action_begin_ms, action_end_ms;	/* wall clock; end 0 while running */
	char	 signature[SK_SIG_MAX];	/* of the active configuration */
	int64_t	 config_ms;	/* when it was applied */
	uint32_t pid;		/* of heart, 0 = not running */
};

struct rpt_resource {
	uint32_t module_id;
	uint32_t index;		/* stable across reloads and restarts (kept in the journal database) */
	char	 module[SK_NAME_MAX];
	char	 name[SK_RES_MAX];	/* class.id */
	char	 value[SK_VALUE_MAX];
	int	 health;	/* enum rpt_health, derived from value */
	int64_t	 since_ms;	/* value unchanged since */
	int64_t	 assigned_ms;	/* last assignment, changed or not (7.5's meaning of the displayed date) */
	char	 by[SK_NAME_MAX];	/* who assigned it: heart, a checker, a user */
	uint64_t changes;
};

enum rpt_node_state { NS_UNKNOWN = 0, NS_UP = 1, NS_DOWN = 2, NS_COUNT };
enum rpt_conf_match { CM_UNKNOWN = 0, CM_SAME = 1, CM_DIFFERS = 2, CM_COUNT };
struct rpt_node {
	uint32_t index;		/* 1.. in the order of cluster.xml */
	char	 name[SK_NAME_MAX];
	int	 self;		/* bool */
	int	 state;		/* enum rpt_node_state */
	int	 leader;	/* bool: leads the membership group */
	char	 addr[SK_NAME_MAX];	/* on the first framework lan */
	int64_t	 since_ms;
	char	 signature[SK_SIG_MAX];	/* of its cluster configuration, hex */
	int64_t	 config_ms;
	int	 locked;	/* bool */
	int	 conf_match;	/* enum rpt_conf_match against ours */
	char	 why[SK_TEXT_MAX];	/* why we do not talk, "" when we do */
};

/* One module on another server, as cluster membership tells it ("safekit cluster state") */
struct rpt_remote {
	char	 node[SK_NAME_MAX];
	char	 module[SK_NAME_MAX];
	uint32_t id;
	int	 mode, state, status;
	int64_t	 config_ms;
	char	 signature[SK_SIG_MAX];
};

/* The share of network load that this server takes in one load balancing group of a farm module */
struct rpt_share {
	uint32_t module_id;
	uint32_t index;		/* 1.., order of the groups in the configuration */
	char	 module[SK_NAME_MAX];
	char	 group[SK_NAME_MAX];
	uint32_t buckets;	/* 0..256 that are ours in the view */
	uint32_t view;		/* number of the view, the same on all its members; 0: none (the module is stopped) */
	uint32_t serving;	/* servers that take load in this view */
	char	 members[SK_TEXT_MAX];	/* their names, blanks between */
	int64_t	 since_ms;	/* wall clock of the last change of buckets or members */
};

/* Something that happened and that a manager is told: one kind of row for notifications, log table and mail. */
struct rpt_notice {
	uint64_t seq;		/* 1.., never reused on this server */
	int64_t	 time_ms;	/* wall clock */
	int	 type;		/* enum rpt_notice_type */
	uint32_t module_id;
	char	 module[SK_NAME_MAX];
	char	 object[SK_RES_MAX];	/* resource name, heartbeat ident, verb; "" where there is none */
	char	 from[SK_VALUE_MAX], to[SK_VALUE_MAX];
	char	 message[SK_TEXT_MAX];
	char	 level[2];	/* U E C S I or d */
	uint32_t key;		/* message key, see wire/message.h */
};

struct rpt_log {
	uint64_t seq;
	int64_t	 time_us;	/* wall clock */
	char	 module[SK_NAME_MAX];
	char	 origin[SK_NAME_MAX];	/* heart, errd, tcpcheck, safeadmin, ... */
	char	 level[2];
	uint32_t key;
	char	 message[SK_TEXT_MAX];
};

struct rpt_command {		/* the command log (10.10) */
	uint64_t seq;
	int64_t	 time_us;
	uint32_t pid;
	char	 status[SK_NAME_MAX];	/* "running", then "return <value>" */
	char	 user[SK_NAME_MAX];
	char	 command[SK_TEXT_MAX];
};

struct rpt_engine {
	char	 node[SK_NAME_MAX];
	char	 version[SK_NAME_MAX];
	uint32_t pid;
	int64_t	 started_ms;
	uint32_t modules, nodes_up, nodes;
	uint64_t notice_seq;	/* last given */
	uint32_t view;		/* number of the membership view */
	char	 leader[SK_NAME_MAX];
	char	 signature[SK_SIG_MAX];	/* of our cluster configuration, "" = none */
	uint64_t journal_lost;	/* rows that could not be written or kept */
};

/* ---- fields.c: one row per published field ---- */
enum field_type { F_U32, F_U64, F_TIME_MS, F_TIME_US, F_STR, F_ENUM, F_BOOL };
struct field {
	const char	*name;	/* JSON and metric name: lower_case */
	enum field_type	 type;
	size_t		 off, size;
	const char	*const *names;	/* F_ENUM: words by number */
	int		 count;		/* F_ENUM: how many */
	const char	*unit;		/* "" or ms, us, count */
	const char	*help;
};
struct report_type { const char *name; size_t size; const struct field *fields; size_t count; };
extern const struct report_type rpt_module_type, rpt_resource_type, rpt_node_type, rpt_remote_type, rpt_notice_type_type,
	rpt_log_type, rpt_command_type, rpt_engine_type, rpt_share_type;
extern const char *const rpt_state_names[RS_COUNT];	/* "STOP" ... "UP", "UNKNOWN" */
extern const char *const rpt_status_names[ST_COUNT];	/* "NotReady", "Transient", "Ready", "Unknown" */
extern const char *const rpt_mode_names[MODE_COUNT];
extern const char *const rpt_health_names[RH_COUNT];
extern const char *const rpt_boot_names[BOOT_COUNT];
extern const char *const rpt_verb_names[VERB_COUNT];	/* "none", "start", ... */
extern const char *const rpt_outcome_names[OUT_COUNT];
extern const char *const rpt_notice_names[NT_COUNT];

/* number of a word in such a list, -1 when it is not there */
int rpt_lookup(const char *const *names, int count, const char *word);
int rpt_health_of(const char *value);	/* "up" -> RH_UP ...; any other text -> RH_OTHER */

#include <jansson.h>
/* struct -> JSON object (new reference, NULL only without memory) */
json_t *report_encode(const struct report_type *type, const void *rpt);
/* JSON object -> struct.  Members that are absent keep what *rpt holds (so an update may be partial); a member of the wrong
 * type, a text that does not fit or a number out of range gives false with the reason in err.  Unknown members are ignored
 * (a newer peer may have more). */
bool report_decode(const struct report_type *type, const json_t *obj, void *rpt, char *err, size_t errsize);

#endif
