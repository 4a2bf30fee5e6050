/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_control.c: verbs that ask a module to do something, and those that wait until it has (UG 9.4).  A request is accepted or refused
 * by safeadmin and heart; here is only who asks, and what to look for in the picture afterwards.
 */
#include "config.h"
#include "cli/cli.h"

#include <poll.h>
#include <string.h>

#define GRACE_MS	3000	/* a start just accepted may not be in the picture yet (ours) */
#define BIRTH_MS	5000	/* how long the process of a module may take to be born (ours; it takes 30 ms) */
#define AGAIN_MS	1000	/* between two attempts after a lost connection, and the pace of looking at the clock (ours) */

/* The process of a module is there a moment after safeadmin (at boot, after config, when it died): it is waited for.  req is stolen. */
static json_t *
ask_patiently(struct cli *c, json_t *req)
{
	int64_t deadline = clock_mono_ms() + BIRTH_MS;
	json_t *reply;
	char code[16];
	bool last;

	do {
		last = clock_mono_ms() >= deadline;
		reply = cli_ask(c, json_incref(req), code, last ? NULL : "unreachable");
		if (reply != NULL || strcmp(code, "unreachable") != 0)
			break;
	} while (!last && poll(NULL, 0, 50) == 0);	/* no event tells: the heart that dies at once never comes */
	json_decref(req);
	return reply;
}

/* What the words ask for besides the action; false: told */
static bool
action_options(const struct cli *c, json_t **options)
{
	const char *date = c->opt['d'];
	int64_t ms;

	*options = NULL;
	if (c->nwords > 0) {
		*options = json_pack("{s:b}", c->words[0], 1);	/* fullsync, nosync: the table has seen to the words */
	} else if (strcmp(c->verb->name, "secondforce") == 0) {
		if (date == NULL || !cli_date(date, &ms) || ms > clock_wall_us() / 1000) {
			cli_error("safekit secondforce: option -d expects a date of the past, " CLI_DATES "%s%.60s%s", date != NULL ? ", not \"" : "",
			    date != NULL ? date : "", date != NULL ? "\"" : "");
			return false;
		}
		*options = json_pack("{s:I}", "date_ms", (json_int_t)ms);
	}
	return true;
}

int
do_action(struct cli *c)
{
	json_t *req, *args, *reply, *options;
	int i;

	if (!action_options(c, &options))
		return EXIT_TYPING;
	args = json_array();
	for (i = 0; i < c->nwords; i++)
		json_array_append_new(args, json_string(c->words[i]));
	req = json_pack("{s:s,s:s,s:s,s:s,s:o,s:o*}", "op", "action", "module", c->module, "verb", c->verb->name, "by", c->by, "args", args, "options",
	    options);
	if (c->detector)
		json_object_set_new(req, "identity", json_string(c->by));
	reply = ask_patiently(c, req);
	if (reply == NULL)
		return EXIT_FAILED;
	if (c->json) {
		json_t *seq = json_pack("{s:O?}", "seq", json_object_get(reply, "seq"));

		show_json(seq);
		json_decref(seq);
	}
	json_decref(reply);
	return EXIT_DONE;
}

/* ---- waiting: the picture, kept up to date by events, and a question asked after each ---- */

struct wait {
	struct cli *c;
	json_t	*modules;	/* name -> report */
	int64_t	 begin_ms;
	/* exit status, or -1: not yet.  Tells what there is to tell */
	int	(*look)(struct wait *w);
	int	 state;		/* waitstate: wanted */
	bool	 limited;	/* give up silently after cli_wait_ms() */
};

static bool
wait_subscribe(struct wait *w)
{
	json_t *reply, *row;
	size_t i;

	reply = cli_ask(w->c, json_pack("{s:s,s:b}", "op", "subscribe", "logs", 0), NULL, NULL);
	if (reply == NULL)
		return false;
	json_object_clear(w->modules);
	json_array_foreach(json_object_get(reply, "modules"), i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));

		if (name != NULL)
			json_object_set(w->modules, name, row);
	}
	json_decref(reply);
	return true;
}

static void
wait_event(struct wait *w, const json_t *event)
{
	const char *kind = json_string_value(json_object_get(event, "event")), *name;
	json_t *data = json_object_get(event, "data"), *row;
	void *next;

	if (kind == NULL)
		return;
	if (strcmp(kind, "module") == 0) {
		name = json_string_value(json_object_get(data, "name"));
		if (name != NULL)
			json_object_set(w->modules, name, data);
	} else if (strcmp(kind, "module-gone") == 0) {
		json_object_foreach_safe(w->modules, next, name, row)
			if (json_equal(json_object_get(row, "id"), json_object_get(event, "id")))
				json_object_del(w->modules, name);
	}
}

static bool
wait_module(struct wait *w, const char *name, struct rpt_module *m)
{
	const json_t *row = json_object_get(w->modules, name);
	char err[256];

	memset(m, 0, sizeof(*m));
	if (row == NULL)
		return false;
	if (report_decode(&rpt_module_type, row, m, err, sizeof(err)))
		return true;
	cli_error("safeadmin sent a module that is not understood: %s", err);
	return false;
}

static void
say_not_reached(struct wait *w)
{
	struct cli *c = w->c;
	struct rpt_module m;

	if (c->module != NULL && wait_module(w, c->module, &m))
		cli_error("safekit %s: not reached within %s seconds: module %s is in state %s (%s)", c->verb->name, c->opt['t'], m.name,
		    rpt_state_names[m.state], rpt_status_names[m.status]);
	else
		cli_error("safekit %s: not reached within %s seconds", c->verb->name, c->opt['t']);
}

static int
wait_until(struct wait *w)
{
	struct cli *c = w->c;
	uint64_t seconds = 0;
	char err[256];
	int status = -1;
	json_t *event;

	if (c->opt['t'] != NULL && !str_to_u64(c->opt['t'], 1, 10000000, &seconds)) {
		cli_error("safekit %s: option -t expects seconds, 1 to 10000000, not \"%s\"", c->verb->name, c->opt['t']);
		return EXIT_TYPING;
	}
	w->begin_ms = clock_mono_ms();
	w->modules = json_object();
	if (!wait_subscribe(w))
		status = EXIT_FAILED;
	while (status < 0 && (status = w->look(w)) < 0) {
		int rc;

		if (w->limited && clock_mono_ms() - w->begin_ms >= cli_wait_ms()) {
			status = EXIT_FAILED;
			break;
		}
		if (seconds != 0 && clock_mono_ms() - w->begin_ms >= (int64_t)seconds * 1000) {
			say_not_reached(w);
			status = EXIT_FAILED;
			break;
		}
		rc = sk_next(c->conn, &event, AGAIN_MS, err, sizeof(err));
		if (rc == 1) {
			wait_event(w, event);
			json_decref(event);
		} else if (rc == -1) {		/* safeadmin was restarted: modules go on without it */
			poll(NULL, 0, AGAIN_MS);
			if (!cli_connect(c) || !wait_subscribe(w))
				status = EXIT_FAILED;
		}
	}
	json_decref(w->modules);
	return status;
}

static int
not_configured(struct cli *c)
{
	cli_error("module %s is not configured on this server", c->module);
	return EXIT_FAILED;
}

static const char *
or_unsaid(const char *reason)
{
	return reason[0] != '\0' ? reason : "no reason given";
}

static int
look_start(struct wait *w)
{
	struct rpt_module m;

	if (!wait_module(w, w->c->module, &m))
		return not_configured(w->c);
	if (m.status == ST_READY)
		return EXIT_DONE;
	if (m.status != ST_NOTREADY || m.action_outcome == OUT_RUNNING)
		return -1;
	if (m.state == RS_WAIT) {
		cli_error("module %s is blocked in state WAIT: %s", m.name, or_unsaid(m.reason));
		return EXIT_FAILED;
	}
	if (m.state == RS_STOP && clock_mono_ms() - w->begin_ms >= GRACE_MS) {
		cli_error("module %s is in state STOP: %s", m.name, or_unsaid(m.reason));
		return EXIT_FAILED;
	}
	return -1;
}

static int
look_stop(struct wait *w)
{
	struct rpt_module m;

	if (!wait_module(w, w->c->module, &m))
		return not_configured(w->c);
	return m.state == RS_STOP && m.status == ST_NOTREADY ? EXIT_DONE : -1;
}

static int
look_state(struct wait *w)
{
	struct rpt_module m;

	if (!wait_module(w, w->c->module, &m))
		return not_configured(w->c);
	return m.state == w->state && (m.status == ST_READY || m.status == ST_NOTREADY) ? EXIT_DONE : -1;
}

/* A module whose process is gone runs nothing that could be waited for */
static int
look_all_stopped(struct wait *w)
{
	struct rpt_module m;
	const char *name;
	json_t *row;

	json_object_foreach(w->modules, name, row)
		if (wait_module(w, name, &m) && m.pid != 0 && !(m.state == RS_STOP && m.status == ST_NOTREADY))
			return -1;
	return EXIT_DONE;
}

static int
look_known(struct wait *w)
{
	struct rpt_module m;

	return wait_module(w, w->c->module, &m) && m.state != RS_UNKNOWN ? EXIT_DONE : -1;
}

bool
wait_known(struct cli *c)
{
	struct wait w = { .c = c, .look = look_known, .limited = true };

	return wait_until(&w) == EXIT_DONE;
}

int
do_waitstart(struct cli *c)
{
	struct wait w = { .c = c, .look = look_start };

	return wait_until(&w);
}

int
do_waitstop(struct cli *c)
{
	struct wait w = { .c = c, .look = look_stop };

	return wait_until(&w);
}

int
do_waitstate(struct cli *c)
{
	struct wait w = { .c = c, .look = look_state, .state = rpt_lookup(rpt_state_names, RS_COUNT, c->words[0]) };

	return wait_until(&w);
}

/* Called when the server goes down: returns when nothing runs any more, so that the system may go on */
int
do_shutdown(struct cli *c)
{
	struct wait w = { .c = c, .look = look_all_stopped };
	json_t *reply;

	reply = cli_ask(c, json_pack("{s:s,s:s,s:s,s:s,s:[]}", "op", "action", "module", "*", "verb", "shutdown", "by", c->by, "args"),
	    NULL, NULL);
	if (reply == NULL)
		return EXIT_FAILED;
	json_decref(reply);
	return wait_until(&w);
}

/* ---- small requests ---- */

static int
ask_only(struct cli *c, json_t *req)
{
	json_t *reply = cli_ask(c, req, NULL, NULL);

	json_decref(reply);
	return reply != NULL ? EXIT_DONE : EXIT_FAILED;
}

/* "DOWN" is meant as "down": in rules both are the same (doc/RULES.md) */
static const char *
health_word(const char *value)
{
	int i;

	for (i = 0; i < RH_COUNT; i++)
		if (strcasecmp(value, rpt_health_names[i]) == 0)
			return rpt_health_names[i];
	return value;
}

int
do_set(struct cli *c)
{
	const char *name = c->opt['r'], *value = c->opt['v'], *p;
	json_t *req;

	if (name == NULL || value == NULL) {
		cli_error("safekit set: %s is missing: expected: safekit set %s", name == NULL ? "-r class.id" : "-v value", c->verb->syntax);
		return EXIT_TYPING;
	}
	for (p = name; *p != '\0' && (unsigned char)*p > 0x20 && *p != 0x7f; p++)
		;
	if (*p != '\0' || strchr(name, '.') == NULL || name[0] == '.' || strlen(name) >= SK_RES_MAX) {
		cli_error("safekit set: \"%s\" is not a resource: expected class.id, as in custom.mychecker", name);
		return EXIT_TYPING;
	}
	for (p = value; *p != '\0' && (unsigned char)*p >= 0x20 && *p != 0x7f; p++)
		;
	if (*p != '\0' || value[0] == '\0' || strlen(value) >= SK_VALUE_MAX) {
		cli_error("safekit set: option -v expects 1 to %d printable characters, as in up, down, unknown", SK_VALUE_MAX - 1);
		return EXIT_TYPING;
	}
	req = json_pack("{s:s,s:s,s:s,s:s,s:s}", "op", "set", "module", c->module, "resource", name, "value", health_word(value), "by", c->by);
	if (req == NULL) {
		cli_error("safekit set: name and value are expected in UTF-8");
		return EXIT_TYPING;
	}
	return ask_only(c, req);
}

/* incloop, resetloop, checkloop: the first three letters are the protocol's word for the first, "reset" and "check" are the others' */
int
do_loop(struct cli *c)
{
	const char *word = strcmp(c->verb->name, "incloop") == 0 ? "inc" : strcmp(c->verb->name, "resetloop") == 0 ? "reset" : "check";
	json_t *reply, *show;
	bool reached;

	reply = cli_ask(c, json_pack("{s:s,s:s,s:s,s:s}", "op", "loop", "module", c->module, "verb", word, "identity",
	    c->by), NULL, NULL);
	if (reply == NULL)
		return c->verb->flags & V_ANSWERS ? EXIT_ANSWER_NONE : EXIT_FAILED;
	reached = json_is_true(json_object_get(reply, "reached"));
	if (c->json) {
		show = json_pack("{s:b,s:O?,s:O?}", "reached", reached, "count", json_object_get(reply, "count"), "max",
		    json_object_get(reply, "max"));
		show_json(show);
		json_decref(show);
	}
	json_decref(reply);
	return reached && (c->verb->flags & V_ANSWERS) ? 1 : EXIT_DONE;
}

int
do_failover(struct cli *c)
{
	return ask_only(c, json_pack("{s:s,s:s,s:s,s:s}", "op", "failover", "module", c->module, "value", c->words[0], "by", c->by));
}

int
do_clean(struct cli *c)
{
	return ask_only(c, json_pack("{s:s,s:s,s:s}", "op", "clean", "module", c->module, "what", c->nwords > 0 ? c->words[0] : "all"));
}

/* Names of cluster.xml are resolved again, and modules that run take the addresses (8.2 notes 2.4.5) */
int
do_update(struct cli *c)
{
	struct rpt_module m;

	if (!module_state(c, "update", &m))
		return EXIT_FAILED;
	if (m.state != RS_STOP && (m.status != ST_READY || (m.state != RS_UP && m.state != RS_ALONE))) {
		cli_error("safekit update: module %s is in state %s (%s): expected UP or ALONE (Ready), or STOP", c->module,
		    rpt_state_names[m.state], rpt_status_names[m.status]);
		return EXIT_FAILED;
	}
	return ask_only(c, json_pack("{s:s}", "op", "cluster-changed"));
}

int
do_checker(struct cli *c)
{
	return ask_only(c, json_pack("{s:s,s:s,s:s,s:s}", "op", "checker", "module", c->module, "value", c->words[0], "by", c->by));
}

/* ---- errd: the processes that are watched (UG 9.4, 13.9) ---- */

/* A row of the table: numbers that are no criterion are left out, pids become one text */
static json_t *
proc_row(const json_t *proc)
{
	json_t *row = json_copy((json_t *)(uintptr_t)proc), *pid;
	static const char *const limits[] = { "atleast", "atmax" };
	char pids[256] = "";
	size_t i, at;

	for (i = 0; i < ARRAY_LEN(limits); i++)
		if (json_integer_value(json_object_get(proc, limits[i])) < 0)
			json_object_del(row, limits[i]);
	json_array_foreach(json_object_get(proc, "pids"), i, pid) {
		at = strlen(pids);
		if (at + 16 > sizeof(pids)) {
			str_copy(pids + at, sizeof(pids) - at, ",...");
			break;
		}
		snprintf(pids + at, sizeof(pids) - at, "%s%lld", at > 0 ? "," : "", (long long)json_integer_value(pid));
	}
	json_object_set_new(row, "pids", json_string(pids));
	json_object_set_new(row, "watched", json_string(json_is_true(json_object_get(proc, "watched")) ? "yes" : "no"));
	return row;
}

static int
errd_list(struct cli *c, const json_t *reply)
{
	static const struct column columns[] = { { "name", "Process" }, { "class", "Class" }, { "atleast", "AtLeast" }, { "atmax", "AtMax" },
	    { "action", "Action" }, { "watched", "Watched" }, { "value", "Value" }, { "pids", "Pids" } };
	const json_t *procs = json_object_get(reply, "procs"), *proc;
	json_t *rows;
	size_t i;

	if (c->json) {
		show_json(procs);
		return EXIT_DONE;
	}
	rows = json_array();
	json_array_foreach(procs, i, proc)
		json_array_append_new(rows, proc_row(proc));
	show_table(NULL, rows, columns, ARRAY_LEN(columns));
	json_decref(rows);
	return EXIT_DONE;
}

int
do_errd(struct cli *c)
{
	static const struct { const char *word, *verb; bool class_name; } words[] = {
		{ "enable", "enable", true }, { "disable", "disable", true }, { "suspend", "suspend", false }, { "off", "suspend", false },
		{ "resume", "resume", false }, { "on", "resume", false }, { "list", "list", false },
	};
	json_t *reply, *req;
	uint64_t seq = 0;
	int status;
	bool list;
	size_t i;

	for (i = 0; i < ARRAY_LEN(words) && strcmp(words[i].word, c->words[0]) != 0; i++)
		;
	if (i == ARRAY_LEN(words) || c->nwords != 1 + words[i].class_name || (words[i].class_name && !str_is_name(c->words[1]))) {
		cli_error("safekit errd: expected: safekit errd %s", c->verb->syntax);
		return EXIT_TYPING;
	}
	list = strcmp(words[i].verb, "list") == 0;
	req = json_pack("{s:s,s:s,s:s,s:s,s:s*}", "op", "errd", "module", c->module, "verb", words[i].verb, "by", c->by, "class",
	    words[i].class_name ? c->words[1] : NULL);
	if (!list)		/* asking is not changing */
		seq = cmdlog_begin(c);
	reply = cli_ask(c, req, NULL, NULL);
	status = reply == NULL ? EXIT_FAILED : list ? errd_list(c, reply) : EXIT_DONE;
	json_decref(reply);
	if (!list)
		cmdlog_end(c, seq, status);
	return status;
}
