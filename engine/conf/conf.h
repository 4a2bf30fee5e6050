/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.h: text -> const struct, or a list of errors with file and line.
 *
 * Owns: cluster.xml and userconfig.xml: reading (libxml2), validation by the RELAX NG schemas, macros, durations, defaults, meaning checks.
 * Called by: the CLI (config, confcheck), safeadmin (cluster.xml).  Never does: open a socket, resolve a name, decide.
 * Numbers that are not ours carry the section of the user's guide (UG) or of the 8.2 notes (RN).
 */
#ifndef SK_CONF_H
#define SK_CONF_H

#include "base/base.h"
#include "wire/report.h"
#include <jansson.h>

#define CONF_FILE_MAX	(4u << 20)	/* bytes of an XML file (ours) */
#define CONF_HB_MAX	8		/* heartbeats of a module (ours) */
#define CONF_VARS_MAX	256
#define CONF_ERRORS_MAX	32

/* One finding.  level 'E' refuses the file, 'W' is said and accepted.  column: 0 not known. */
struct conf_error { char level; int line, column; char file[256]; char text[SK_TEXT_MAX]; };
struct conf_errors { int count; struct conf_error e[CONF_ERRORS_MAX]; bool more; };
void conf_complain(struct conf_errors *errs, char level, const char *file, int line, const char *fmt, ...) PRINTFLIKE(5, 6);
bool conf_has_errors(const struct conf_errors *errs);	/* any of level E */

/* ---- cluster.xml (UG 12.1) ---- */
struct conf_lan_node { int node; char addr[256]; char laddr[256]; };	/* node: index into nodes; laddr "" = addr */
struct conf_lan {
	char	name[SK_NAME_MAX];
	bool	console, framework, command;	/* defaults on, on, off; command falls to the first framework lan */
	int	count;
	struct conf_lan_node at[SK_NODES_MAX];
};
struct conf_cluster {
	uint16_t port;			/* 4800 (UG 12.1) */
	int	 pulse_ms;		/* default 1000 (ours; UG gives none) */
	int	 mlost_count;		/* periods without the leader before electing: default 3 (ours) */
	int	 slost_count;		/* periods without a follower before it is offline: default 5 (ours) */
	int	 nodes_count;
	char	 nodes[SK_NODES_MAX][SK_NAME_MAX];	/* in the order of first appearance */
	int	 lans_count;
	struct conf_lan lans[SK_LANS_MAX];
	char	 signature[65];		/* SHA-256, hex, of the canonical XML (C14N without comments): blanks and comments do not change it */
};
/* 0, or -1 with errors.  *out is filled only on success (warnings may be in errs as well).  The list is started anew. */
int conf_cluster_load(const char *file, struct conf_cluster *out, struct conf_errors *errs);

/* ---- userconfig.xml ---- */
struct conf_heartbeat {
	char	 lan[SK_NAME_MAX], ident[SK_NAME_MAX];	/* ident defaults to the lan's name (UG 13.3) */
	uint16_t port;					/* 0 = 8888 + id - 1 (UG 10.2) */
	int	 pulse_ms, timeout_ms;			/* 700, 30000 (UG 13.3) */
	bool	 permanent_arp;				/* accepted, no effect yet: said by confcheck */
};
struct conf_var { char *name, *value; };

/* When a checker or a process of errd is watched: after the start script of that name, until its stop script (UG 13.9, 13.11).
 * WHEN_OTHER: a class of the user's (errd), switched with safekit errd enable|disable. */
enum conf_when { WHEN_PRE, WHEN_PRIM, WHEN_SECOND, WHEN_SEC, WHEN_BOTH, WHEN_OTHER, WHEN_COUNT };
extern const char *const conf_when_names[WHEN_COUNT];	/* "pre" ... "both", "other" */
/* What an error orders.  DO_DEFAULT: nothing said: the default rules judge.  DO_EXEC: a handler of the user's (errd only). */
enum conf_do { DO_DEFAULT, DO_NOACTION, DO_WAIT, DO_RESTART, DO_STOPSTART, DO_STOP, DO_SWAP, DO_EXEC, DO_COUNT };
extern const char *const conf_do_names[DO_COUNT];	/* "", "noaction", "wait", ... "exec" */

/* ---- <check> (UG 13.10-13.17, RN 2.1.5-2.1.7) ---- */
#define CONF_CHECKS_MAX	4096	/* checks of a module (ours: heart keeps as many resources) */
enum conf_check_kind { CHECK_TCP, CHECK_PING, CHECK_INTF, CHECK_IP, CHECK_CUSTOM, CHECK_MODULE, CHECK_SPLITBRAIN, CHECK_KINDS };
extern const char *const conf_check_classes[CHECK_KINDS];	/* resource classes: "tcp", "ping", "intf", "ip", "custom", "module",
								 * "splitbrain" */
extern const char *const conf_check_origins[CHECK_KINDS];	/* who speaks in the log: "tcpcheck", "pingcheck", ...; custom: "" (the
								 * program's name) */
#define CONF_ADDRS_MAX	1023	/* bytes of the witnesses of a splitbrain checker; one address: 255 (ours) */
#define CONF_EXEC_MAX	4095	/* bytes of a path (Linux) */
#define CONF_ARG_MAX	(64u << 10)	/* bytes of the arguments of a custom checker (ours) */
struct conf_check {
	int	 kind;			/* enum conf_check_kind */
	int	 when;			/* enum conf_when; default pre for ping, intf, module, splitbrain, prim for ip */
	int	 action;		/* enum conf_do (tcp, ping, custom): what the generated rule orders, see rules below */
	char	 ident[SK_NAME_MAX];	/* resource is class.ident; module: default name_addr (UG 13.16) */
	char	*addr;			/* tcp, ping, ip, module: name or address; intf: local_addr; splitbrain: the witnesses, blanks between;
					 * custom: "" */
	char	 intf[SK_NAME_MAX];	/* intf: name of the interface, "" = the one that has local_addr (UG 15.10) */
	bool	 network;		/* intf (made from <interface check="on">): addr is a virtual address: the interface is the one whose network
					 * has it */
	uint16_t port;			/* tcp, module (9010) */
	int64_t	 interval_ms, timeout_ms;	/* 10 s, 5 s */
	char	 module[SK_NAME_MAX];	/* module: which one */
	bool	 secure;		/* module: https */
	char	*exec, *arg;		/* custom: program (absolute, or relative to SAFEUSERBIN) and its arguments as one text */
};

/* ---- <errd> (UG 13.9) ---- */
#define CONF_PROCS_MAX	1024	/* processes of a module (ours) */
#define CONF_REGEX_MAX	4095	/* bytes of a regular expression (ours) */
struct conf_proc {
	char	 name[SK_NAME_MAX];	/* resource proc.name; command name unless nameregex, unit name if service */
	char	*nameregex, *argregex;	/* POSIX extended, "" = none */
	bool	 service;		/* a systemd unit */
	int	 atleast, atmax;	/* 1, -1; -1: no such criterion */
	int	 start_after;		/* polls before it is watched: n delays by (n - 1) * polltimer; 0 at once */
	int	 when;			/* enum conf_when */
	char	 class_name[SK_NAME_MAX];	/* "prim", ... or the user's word */
	int	 action;		/* enum conf_do: noaction, restart, stopstart (default), stop, exec */
	char	*exec;			/* handler: absolute, or relative to SAFEUSERBIN */
};

/* ---- <failover> (UG 13.18) ---- */
enum conf_rules_origin { RULES_USER, RULES_GENERATED, RULES_DEFAULT, RULES_ORIGINS };
extern const char *const conf_rules_names[RULES_ORIGINS];	/* "user", "generated", "default" */
/* Text of rules in the order in which they count: the user's, those generated from action=, the default ones (SAFE/private/conf/include/
 * failover.xml; without those on rfs while the module replicates nothing; none with extends="no").  line, column: where text begins in
 * its file, for messages. */
#define CONF_RULES_MAX	3
#define CONF_RULES_TEXT_MAX	(1u << 20)	/* bytes of one part (ours: fsm/rules.h) */
struct conf_rules { int origin; int line, column; char *text; };

/* ---- <vhost> (UG 13.8) ---- */
#define CONF_VHOSTS_MAX	64	/* virtual hostnames of a module (ours) */
struct conf_vhost { char name[SK_NAME_MAX]; char *envfile; int when; /* WHEN_PRIM (default), WHEN_SECOND, WHEN_BOTH */ };

/* ---- <farm> (UG 13.4) ---- */
struct conf_farm {
	uint16_t port;			/* 0 = 4803 + (id - 1) * 3 (UG 10.2) */
	int	 pulse_ms;		/* default 250 (ours; UG gives none) */
	int	 mlost_count, slost_count;	/* periods: default 3 and 4 (ours) */
	int	 lans_count;		/* 0: every framework lan of the cluster (the syntax before 7.2) */
	char	 lans[SK_LANS_MAX][SK_NAME_MAX];
};

/* ---- <vip> (UG 13.5, RN 2.2.1, 2.3.4.2) ---- */
#define CONF_VINTFS_MAX	8	/* interfaces (rows) of a module (ours) */
#define CONF_VADDRS_MAX	32	/* virtual addresses of a module (= FILTER_ADDRS) */
#define CONF_GROUPS_MAX	32	/* load balancing groups (= FILTER_GROUPS) */
#define CONF_LBRULES_MAX 255	/* rules of all groups (= FILTER_RULES - 1: vipd has one of its own) */
#define CONF_POWER_MAX	256	/* of a server in a group (= FILTER_BUCKETS, UG 13.5.7.4) */
enum conf_vtype { VIP_REAL, VIP_DIRECTED, VIP_INVISIBLE, VIP_TYPES };
enum conf_lb_proto { LB_TCP, LB_UDP, LB_ARP, LB_PROTOS };
enum conf_lb_filter { LB_ON_ADDR, LB_ON_PORT, LB_ON_IPID, LB_FILTERS };	/* numbers of enum filter_by */
extern const char *const conf_vtype_names[VIP_TYPES];	/* "real", "vmac_directed", "vmac_invisible" */
extern const char *const conf_lb_proto_names[LB_PROTOS], *const conf_lb_filter_names[LB_FILTERS];
/* One row per <real_interface> and <virtual_interface>; an <interface> with several gives several with the same attributes */
struct conf_vintf {
	int	 type;			/* enum conf_vtype; <virtual_interface> without type: vmac_directed */
	char	 name[SK_NAME_MAX];	/* of the network interface, "" = the one whose network has the addresses */
	char	 mac[18];		/* virtual MAC "5a:fe:..", "" = 5A:FE and the first address (vmac_invisible) */
	bool	 arpreroute;		/* off */
	int64_t	 arpinterval_ms, arpelapse_ms;	/* 60 s, 1200 s */
};
struct conf_vaddr {
	int	 intf;			/* index into vintfs */
	char	*addr;			/* name or address */
	int	 prefix;		/* from netmask (IPv4); -1: that of the interface's network */
	bool	 one_side;		/* where="one_side_alias": set while the module is PRIM or ALONE; else while it is UP */
	bool	 connections;		/* off */
};
struct conf_lb_host { char name[SK_NAME_MAX]; int power; };	/* 0..CONF_POWER_MAX */
struct conf_lb_group { char name[SK_NAME_MAX]; int hosts_count; struct conf_lb_host *hosts; };	/* none: all servers, power 1 */
struct conf_lb_rule { int group, proto, filter; int vaddr; /* index, -1: every one */ uint16_t port; /* 0: every one */ };
/* The networks of this server's interfaces, for the checkers that check="on" of <interface> and <virtual_addr> makes (UG 15.10: the
 * interface, its network and its first address there).  Given by the caller of conf_module_load(), who asked the system; without
 * them, and where no network has the address, the interface checker is intf.<virtual address> and looks for the address's network when it runs. */
struct conf_network { char intf[SK_NAME_MAX]; char addr[46]; int prefix; };
void conf_set_networks(const struct conf_network *list, int count);	/* borrowed until it is called again; (NULL, 0) at first: not known */

/* ---- <rfs> (UG 13.6, RN 2.1.4, 2.4.2) ---- */
#define CONF_REPLICATED_MAX 16	/* replicated folders of a module (= RFS_DIRS_MAX) */
#define CONF_NOTREP_MAX	64	/* <notreplicated> and <tocheck> of one of them (ours) */
struct conf_notrep { bool regex; bool only; /* "!": regexpath of what alone is replicated */ char *text; /* without the "!" */ };
struct conf_replicated {
	char	*dir;			/* absolute, without a slash at the end */
	bool	 read_only;		/* mode="read_only" */
	int	 tocheck_count, not_count;
	char	**tocheck;
	struct conf_notrep *not;
};
struct conf_rfs {
	bool	 acl;			/* off */
	bool	 async_none;		/* async="none"; default second */
	char	 suffix[65];		/* _For_SafeKit_Replication */
	int64_t	 locktimeout_ms, sendtimeout_ms, reitimeout_ms;	/* 100 s, 30 s, 150 s */
	int	 nbrei, nbremconn;	/* 3, 1 */
	int	 packet_bytes;		/* reipacketsize (packetsize where that is less): 8388608 */
	int	 zone_bytes;		/* ruzone_blocksize: that of reipacketsize, else 8388608 */
	int	 reicommit;		/* 0 */
	bool	 reidetail;		/* off */
	bool	 scripts;		/* off */
	int64_t	 checktime_ms, checkintv_ms;	/* 220 s, 120 s */
	int	 reiallowedbw;		/* KB/s, 0: no limit */
	int64_t	 syncdelta_ms;		/* 0 */
	char	 syncat[256];		/* "" or five fields of crontab(5) */
	char	 flow[SK_NAME_MAX];	/* lan of <flow>, "" none */
	int	 dirs_count;
	struct conf_replicated *dirs;
};
bool conf_is_within(const char *a, const char *b);	/* b is a, or in the folder a (absolute paths as conf_replicated has them) */
/* syncat: is it time?  Asked once in each minute (t: local time). */
#define CONF_CRON_FIELDS 5
struct conf_cron { uint64_t bits[CONF_CRON_FIELDS]; bool star[CONF_CRON_FIELDS]; };
bool conf_cron_parse(const char *text, struct conf_cron *out, char *err, size_t errsize);
struct tm;
bool conf_cron_is_due(const struct conf_cron *c, const struct tm *t);

struct conf_module {
	int	 mode;			/* enum rpt_mode */
	bool	 failover;		/* on (UG 13.2) */
	char	 defaultprim[SK_NAME_MAX];	/* "alone" (default), "lastprim" or a node name */
	int	 id;			/* that the module asks for (notes of 7.4, 4.4.3.2): the CLI gives it; 0: none; not in the run form */
	int	 maxloop;		/* 3 */
	int64_t	 loop_interval_ms;	/* 24 h; 0: counter inactive */
	bool	 automatic_reboot;	/* off */
	int	 boot;			/* enum rpt_boot, default BOOT_IGNORE (RN 2.3.4.1) */
	int64_t	 boot_delay_ms;		/* 0 */
	int	 hb_count;
	struct conf_heartbeat hb[CONF_HB_MAX];
	bool	 user;			/* <user> present: scripts are run (UG 14) */
	int64_t	 nicestop_ms, forcestop_ms;	/* 300 s each (UG 13.7), also without <user> */
	bool	 userlog;		/* logging="userlog" */
	int	 userlogsize_kb;	/* 2048 */
	int	 vars_count;
	struct conf_var vars[CONF_VARS_MAX];
	int	 checks_count;
	struct conf_check *checks;	/* as the file has them, then those made from check="on" in <vip> */
	int64_t	 polltimer_ms;		/* of errd: 30 s (UG 13.9.3) */
	int	 procs_count;
	struct conf_proc *procs;
	int64_t	 period_ms, handle_ms;	/* of the failover machine: 5000, 15000 (UG 13.18) */
	int	 rules_count;
	struct conf_rules rules[CONF_RULES_MAX];
	int	 vhosts_count;
	struct conf_vhost *vhosts;
	bool	 has_farm;
	struct conf_farm farm;
	bool	 tcpreset;		/* on */
	int	 vintfs_count, vaddrs_count, groups_count, lbrules_count;
	struct conf_vintf *vintfs;
	struct conf_vaddr *vaddrs;
	struct conf_lb_group *groups;
	struct conf_lb_rule *lbrules;	/* in the order of the file: the first match counts */
	bool	 has_rfs;
	struct conf_rfs rfs;
	/* What cannot change while the module runs: SHA-256, hex, of the canonical XML after macros, "": no
	 * such tag.  rfs: without async, nbrei, reitimeout, reidetail and <flow>, which can (UG 13.6). */
	char	 farm_signature[65], vip_signature[65], rfs_signature[65];
	char	 signature[65];		/* of conf_module_signature(), which the caller fills in; "" after conf_module_load() */
};
/* cluster may be NULL (lan names are then not checked; confcheck without a cluster warns).  The environment supplies %NAME% where
 * no <macro> does. */
int conf_module_load(const char *file, const struct conf_cluster *cluster, struct conf_module *out, struct conf_errors *errs);
void conf_module_free(struct conf_module *m);	/* frees what it points to; the struct is the caller's */
/* The lan of the replication: <flow>, else that of heartbeat ident="flow", else that of the first heartbeat (UG 13.6) */
const char *conf_rfs_lan(const struct conf_module *m);
/* Which attributes differ that a running module (ALONE, WAIT) cannot take (UG 13: each tag says what can be changed with a dynamic
 * configuration): "defaultprim of <service>, <failover>, ..." in why; true: none does. */
bool conf_module_dynamic(const struct conf_module *now, const struct conf_module *next, char *why, size_t whysize);

/* "700", "700ms", "30s", "5m", "24h", "1d" -> ms.  A number without a unit counts in unit_ms (1 for pulse and timeout, 1000 for
 * nicestoptimeout, 3600000 for loop_interval).  false: not a duration, negative, or beyond max_ms. */
bool conf_duration(const char *text, int64_t unit_ms, int64_t max_ms, int64_t *out_ms);

/* The run form of a module's configuration: what config writes to SAFE/private/modules/AM/module.json and safeadmin hands to
 * heart, so that neither parses XML.  New reference. */
json_t *conf_module_to_json(const struct conf_module *m);
/* Strict: a missing or wrong member is an error (err). */
bool conf_module_from_json(const json_t *obj, struct conf_module *out, char *err, size_t errsize);
/* Signature of a module directory (conf/userconfig.xml canonical + every file below bin/ with name and mode; what is hashed and how:
 * signature.c), 64 hex + NUL.  -1 errno: EBADMSG userconfig.xml is not XML, ELOOP a link leaves bin/ (or too deep), EINVAL a device,
 * pipe or socket, EFBIG more than 64 MiB or 4096 files, others from the system. */
int conf_module_signature(const char *module_dir, char out[65]);

#endif
