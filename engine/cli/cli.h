/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h: the command "safekit": one run of one verb.
 *
 * Owns: the words users type, what they are told, exit statuses, SAFE/modules and SAFE/private/modules, SAFEVAR/cluster.
 * Called by: users, scripts of modules, cron.  Never does: decide what a module becomes (that is heart's, by way of safeadmin).
 *
 * The way of a command: parse.c finds the row of verbs.c and sorts the words; cli.c checks what the row asks for (root, safeadmin,
 * a module), notes the command in the command log and calls the row's function; the function returns the exit status.
 */
#ifndef SK_CLI_H
#define SK_CLI_H

#include "base/base.h"
#include "ctl/safekit.h"
#include "wire/report.h"
#include <jansson.h>
#include <stdio.h>

/* Exit statuses.  Verbs whose exit status is an answer (V_ANSWERS: state -lq, incloop, checkloop) say their errors with 64 and 69, the
 * numbers of sysexits.h, so that no error looks like an answer. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_TYPING = 2, EXIT_ANSWER_TYPING = 64, EXIT_ANSWER_NONE = 69 };
#define EXIT_CHANGED	75	/* module putfile, delfile: the file is not any more what the caller thinks */
#define EXIT_DENIED	77	/* the role given with --role may not do that, whatever the verb */

#define ASK_MS		10000	/* how long a command waits for one answer of safeadmin (ours) */
#define WORDS_MAX	1024	/* words after the verb (ours; -r passes them on, printi joins them) */

enum verb_flags {
	V_ROOT	  = 1,		/* writes below SAFE or SAFEVAR: root only */
	V_ADMIN	  = 2,		/* cannot work without safeadmin */
	V_TRIES	  = 4,		/* uses safeadmin when it is there */
	V_LOGGED  = 8,		/* changes something: goes to the command log (UG 10.10) */
	V_MODULE  = 16,		/* needs -m AM or SAFEMODULE */
	V_ANSWERS = 32,		/* the exit status is an answer */
	V_HIDDEN  = 64,		/* works, not shown */
	/* who may run it from elsewhere (--role, given by the web service): this role and those above it; without one of them nobody */
	V_MONITOR = 256, V_CONTROL = 512, V_ADMINISTER = 1024,
	V_FAR_LOGGED = 4096,	/* changes something that has no line in the command log here, but gets one with --role: who was it? */
	V_LOOKS	  = 2048,	/* without words, or with check, list or one that ends with status, it only shows: Monitor may */
};

struct cli;
struct verb {
	const char *name;	/* one or two words */
	const char *syntax;	/* what follows, as help shows it */
	const char *options;	/* keys of options[] in parse.c that it takes; ':' after a key: with a value */
	int	    min, max;	/* words after the verb */
	const char *words;	/* for completion: words that may follow, blanks between; "/" = a file */
	unsigned    flags;
	int	  (*run)(struct cli *c);
	const char *brief;	/* one line, begins with a verb, no full stop */
	const char *text;	/* more, "" when the line says it all */
};
extern const struct verb verbs[];
extern const size_t verbs_count;

struct cli {
	const struct verb *verb;
	const char *opt[128];	/* by key; NULL absent; "" a flag that is set */
	const char *words[WORDS_MAX];
	int	    nwords;
	const char *module;	/* -m or SAFEMODULE; NULL */
	bool	    json;
	bool	    denied;	/* cli_parse() was false because of --role */
	char	by[SK_NAME_MAX];	/* who: -i, -u, SAFECHECKER or SYSTEM/<user>, see set_by() */
	bool	detector;		/* by is the identity of a detector: -i, or SAFECHECKER of a custom checker */
	char	    command[SK_TEXT_MAX];	/* as typed, for the command log */
	struct sk_conn *conn;	/* NULL: no safeadmin */
};

/* ---- parse.c: words -> struct cli.  Pure, but for SAFEMODULE, which the caller gives ---- */
/* false: a typing error, told in err in one line; c->verb is set when the verb was recognised.  argv[0] is not looked at. */
bool cli_parse(struct cli *c, int argc, char **argv, const char *safemodule, char *err, size_t errsize);
const struct verb *verb_find(const char *name);
const char *verb_nearest(const char *name);	/* NULL: nothing near */
const char *option_name(char key);
bool cli_plain_text(const char *s);	/* 1 to 63 printable characters: what may go to logs as a name */

/* ---- cli.c ---- */
int cli_main(int argc, char **argv);	/* one run: exit status */
void cli_error(const char *fmt, ...) PRINTFLIKE(1, 2);	/* "Error: text" on stderr */
void cli_note(const char *fmt, ...) PRINTFLIKE(1, 2);	/* a remark on stderr that is not an error */
int cli_wait_ms(void);		/* how long to wait for the engine: SAFE_WAIT_SECONDS */
/* Wait for safeadmin as documented (UG 4.1); false when it did not come (told) */
bool cli_connect(struct cli *c);
/* Ask safeadmin: reply (caller's reference) or NULL, told.  code may be NULL; with quiet_code, that code is not told. */
json_t *cli_ask(struct cli *c, json_t *req, char code[16], const char *quiet_code);
bool cli_module_report(struct cli *c, const char *module, struct rpt_module *out, bool *found);	/* false: told */
const char *cli_node(struct cli *c, char buf[SK_NAME_MAX]);	/* name of this server: safeadmin's, else the host's */

/* ---- cmdlog.c: SAFEVAR/commandlog and safeadmin's command table ---- */
uint64_t cmdlog_begin(struct cli *c);
void cmdlog_end(struct cli *c, uint64_t seq, int status);

/* ---- show.c: one writer for tables, lines and JSON ---- */
struct column { const char *field; const char *title; };
void show_json(const json_t *value);
/* Rows as a table.  A field that type says is a time is shown as a date; type may be NULL. */
void show_table(const struct report_type *type, const json_t *rows, const struct column *columns, size_t n);
size_t show_control(const char *text);	/* bytes of the control character (UTF-8) that text begins with, 0: none; text is not empty */
void show_safe(FILE *to, const char *text);	/* text of others: control characters become '?' */
char *show_share(const json_t *row, char *buf, size_t size);	/* buckets of 256 of a rpt_share: "50.0 %" */
char *show_time(int64_t wall_us, bool micro, char sep, char *buf, size_t size);	/* "2016-05-20T17:06:45[.ffffff]", "-" for 0 */

/* ---- tree.c: folders of modules ---- */
#define TREE_ENTRIES_MAX 10000		/* files and folders of a module (ours) */
#define TREE_BYTES_MAX	 (256ull << 20)	/* bytes of a module, unpacked (ours) */
#define TREE_DEPTH_MAX	 16
struct tree_limits { unsigned entries; uint64_t bytes; };	/* what was used up so far */
/* Copy regular files and folders (modes kept); anything else, or more than the limits, is refused with err */
bool tree_copy(const char *from, const char *to, char *err, size_t errsize);
bool tree_remove(const char *dir, char *err, size_t errsize);	/* absent is fine; never follows a link */
bool tree_executable(const char *dir);		/* chmod 0755 of the regular files directly in dir; absent is fine */
bool tree_sync(const char *dir, char *err, size_t errsize);	/* everything below has reached the disk */
/* dir becomes what next is, at one instant (rename, or exchange when dir exists); the old one is removed afterwards */
bool tree_replace(const char *next, const char *dir, char *err, size_t errsize);
bool tree_sync_folder(const char *dir);		/* the names in dir have */
int64_t tree_newest_ms(const char *dir);	/* newest mtime of regular files below, 0 when there is none */
int tree_lock(void);				/* SAFEVAR/run/config.lock; -1 told.  close() gives it back */
/* Names of the folders in dir that are module names, sorted; -1: errno (ENOENT gives 0).  Caller frees with tree_names_free() */
int tree_names(const char *dir, char ***names);
void tree_names_free(char **names, int n);

/* ---- zip.c ---- */
bool zip_unpack(const char *file, const char *to, char *err, size_t errsize);	/* to: an empty folder */
/* Replaces file whole.  password: NULL, or its entries are encrypted with it and only the owner may read the file */
bool zip_pack(const char *dir, const char *file, const char *password, char *err, size_t errsize);
struct zip_member { const char *name; char *data; size_t len; };
/* Read the named members, each at most max bytes; a missing one gives data NULL.  Free data with free(). */
bool zip_read_members(const char *file, struct zip_member *m, int n, size_t max, char *err, size_t errsize);
bool zip_write_members(const char *file, const struct zip_member *m, int n, char *err, size_t errsize);	/* 0600 */

/* ---- cli_keep.c: SAFEVAR/snapshot/modules/AM ---- */
#define KEPT_MAX	3	/* configurations and dumps that are kept (UG 9.7) */
bool keep_dir(char *buf, size_t size, const char *module);
bool keep_config(const char *module, const char *active);	/* a copy of the configuration that config replaces; false: told */
void keep_prune(const char *dir, const char *prefix);	/* all but the last KEPT_MAX folders whose names begin so are removed */
/* dir/tmp gets its name: <prefix><date>, told in to.  false: told */
bool keep_rename(const char *dir, const char *tmp, const char *prefix, char *to, size_t size);

/* ---- cli_key.c: the key of a module ---- */
#define MODULE_KEY	"module.key"
#define KEY_TEXT_MAX	66	/* 64 hex digits, line break, NUL */
bool key_random(char hex[KEY_TEXT_MAX]);			/* with a line break; false: told */
bool key_apply(const char *module, const char *dir);		/* the wanted key, or none, into this configuration; false: told */
bool key_differs(const char *module, bool *differs);		/* wanted and active; false: told */

/* ---- cli_cluster.c, cli_module.c: for -E and -G (remote.h).  The zip of cluster export; false: told */
bool cluster_write(const char *zip);
int cluster_take(struct cli *c, const char *zip, bool check);		/* apply it; check: could it be?  exit status */
int module_take(struct cli *c, const char *package, bool check);	/* under tree_lock(): install it, over what is there; exit status */

/* ---- wrapper.c: AM_start_wrapper.sh, AM_stop_wrapper.sh in dir/bin; vip: the module has virtual addresses; false: told ---- */
bool wrapper_write(const char *dir, const char *module, int mode, bool vip);

/* ---- rules_check.c: are the failover rules understood?  false: in errs ---- */
struct conf_module;
struct conf_errors;
bool rules_check(const struct conf_module *m, const char *userconfig, struct conf_errors *errs);

/* ---- exec_check.c: are the programs there that it names?  What is not: in errs ---- */
void exec_check(const struct conf_module *m, const char *bin, const char *userconfig, struct conf_errors *errs);

/* ---- replicated.c: the folders of <rfs>, for a module in STOP, under the lock.  false: told ---- */
bool replicated_check(const char *module, const struct conf_module *m);	/* could they be moved?  Changes nothing */
bool replicated_apply(const char *module, const struct conf_module *m, bool quiet);	/* all, or as it was */
bool replicated_can_leave(const char *module);	/* nothing is mounted */
bool replicated_leave(const char *module, const struct conf_module *keep, bool quiet);	/* those that keep does not name; NULL: all */

/* ---- firewall.c: opens or closes a module's ports where the firewall is kept by firewallcfg; without the lock of tree_lock() ---- */
void firewall_follow(const char *module, bool configured);

/* ---- networks.c: tells conf/ the networks of this server ---- */
void networks_tell(void);
void addresses_check(const char *module, const struct conf_module *m, const char *userconfig, struct conf_errors *errs);

/* ---- script.c: run a script of a module for the CLI and wait for it ---- */
struct conf_var;
struct script_call {
	const char *module, *dir, *name;	/* dir: the module's folder, script is dir/bin/name */
	const char *state, *next, *action;	/* its three arguments (UG 14.1) */
	const struct conf_var *vars;
	int nvars;
	bool capture;				/* collect its output in out (told as lines by the caller) instead of passing it on */
	char *out;				/* caller frees */
};
/* exit status (128 + signal when killed); 0 when there is no such script; -1 it cannot be run (told) */
int script_call(struct cli *c, struct script_call *s);

/* ---- vhost.c: the environment files of <vhost> (UG 13.8); a relative one goes to bin_dir ---- */
struct conf_module;
bool vhost_write(const struct conf_module *m, const char *bin_dir, char *err, size_t errsize);	/* false: err says which and why */
bool vhost_remove(const char *dir, char *err, size_t errsize);	/* those below dir/bin that dir/module.json names */

/* ---- modules.c: what is installed and configured here ---- */
bool module_dir(char *buf, size_t size, const char *module);		/* SAFE/modules/AM */
bool module_private_dir(char *buf, size_t size, const char *module);	/* SAFE/private/modules/AM */
bool module_exists(const char *module);		/* installed */
uint32_t module_id(const char *module);		/* 0: none */
void module_compare_id(const struct cli *c);	/* says when another server has it with another id (cli_module.c) */
bool module_take_id(struct cli *c, int id);	/* of a configuration that asks for it (0: for none); false: told (cli_module.c) */
/* true when safeadmin says STOP, or does not know the module; else told with what */
bool module_is_stopped(struct cli *c, const char *what);
/* The state as safeadmin says it, STOP when it does not know the module; false: told */
bool module_state(struct cli *c, const char *what, struct rpt_module *m);
/* the active configuration (module.json); false: none or unreadable (err) */
bool module_active(const char *module, struct conf_module *out, int64_t *config_ms, char *err, size_t errsize);
void show_findings(const struct conf_errors *errs);	/* file:line[:column]: text, one per line on stderr */
json_t *findings_json(const struct conf_errors *errs);

/* ---- the verbs ---- */
int do_help(struct cli *c);
int do_man(struct cli *c);
int do_completion(struct cli *c);
int do_action(struct cli *c);		/* cli_control.c */
int do_shutdown(struct cli *c);
/* Wait until the process of c->module has said its state (it was just started, or safeadmin was); false: not in time, not told */
bool wait_known(struct cli *c);
int do_waitstart(struct cli *c);
int do_waitstop(struct cli *c);
int do_waitstate(struct cli *c);
int do_set(struct cli *c);
int do_loop(struct cli *c);
int do_failover(struct cli *c);
int do_clean(struct cli *c);
int do_checker(struct cli *c);
int do_update(struct cli *c);
int do_errd(struct cli *c);
int do_rfssync(struct cli *c);		/* cli_rfs.c */
int do_rfscheck(struct cli *c);
#define CLI_DATES "YYYY-MM-DD[Z], \"YYYY-MM-DD hh:mm:ss[Z]\" or YYYY-MM-DDThh:mm:ss[Z]"
bool cli_date(const char *text, int64_t *wall_ms);	/* one of CLI_DATES, local time without Z */
void sync_show(const json_t *resources, const char *module, const char *state);	/* one line while a synchronization is going on */
int do_explain(struct cli *c);		/* cli_explain.c */
/* The object of op explain in words, as of now_ms (wall clock) */
void explain_show(FILE *to, const json_t *explain, const char *module, int64_t now_ms);
int do_state(struct cli *c);		/* cli_state.c */
int do_level(struct cli *c);
int do_log(struct cli *c);		/* cli_log.c */
int do_logview(struct cli *c);
int do_logsave(struct cli *c);
int do_print(struct cli *c);
int do_cmdlog(struct cli *c);
int do_module_install(struct cli *c);	/* cli_module.c */
int do_module_uninstall(struct cli *c);
int do_module_list(struct cli *c);
int do_module_package(struct cli *c);
int do_module_getports(struct cli *c);
int do_dump(struct cli *c);		/* cli_dump.c */
int do_snapshot(struct cli *c);
int do_module_key(struct cli *c);	/* cli_key.c */
int do_module_files(struct cli *c);	/* cli_files.c */
int do_module_getfile(struct cli *c);
int do_module_putfile(struct cli *c);
int do_module_delfile(struct cli *c);
int do_module_restore(struct cli *c);	/* cli_keep.c */
int do_config(struct cli *c);		/* cli_config.c */
int do_deconfig(struct cli *c);
int do_confcheck(struct cli *c);
int do_confinfo(struct cli *c);
int config_remove(struct cli *c);	/* deconfig without its checks, under the lock; exit status */
int do_cluster_config(struct cli *c);	/* cli_cluster.c */
int do_cluster_confcheck(struct cli *c);
int do_cluster_confinfo(struct cli *c);
int do_cluster_deconfig(struct cli *c);
int do_cluster_state(struct cli *c);
int do_cluster_key(struct cli *c);
int do_cluster_export(struct cli *c);
int do_remote(struct cli *c);		/* cli_remote.c: -H */
int do_deploy(struct cli *c);		/* cli_deploy.c: -E, -G */
int do_cluster_receive(struct cli *c);	/* cli_receive.c */
int do_module_receive(struct cli *c);
int do_boot(struct cli *c);		/* cli_misc.c */
int do_service(struct cli *c);		/* cli_service.c: webserver, safeagent */
int boot_service(struct cli *c, const char *word);	/* webon ... snmpstatus */
int show_boot(struct cli *c, const char *name, const char *value);
int do_paths(struct cli *c);
int do_kill(struct cli *c);		/* cli_proc.c */
int do_run(struct cli *c);

#endif
