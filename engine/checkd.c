/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checkd.c: the process that checks for one module.  Wiring only: lines from heart become calls of the table of checkers and of errd, and
 * what these find becomes lines to heart.
 *
 * Started by heart: checkd -m AM with a socket as descriptor 3 (wire/checkline.h).  Ends with it: when the socket ends, or on SIGTERM.
 */
#include "config.h"
#include "act/script_env.h"
#include "base/talk.h"
#include "check/check.h"
#include "check/errd.h"
#include "wire/checkline.h"
#include "wire/message.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITNESS_MAX_MS	3600000	/* the longest heartbeat timeout (conf/heart.c) */

static struct checkd {
	uv_loop_t	*loop;
	const char	*module;
	struct talk	*talk;
	struct table	*table;
	struct errd	*errd;
	uv_signal_t	 term, orphan;
	pid_t		 heart;
	bool		 set_up, ending;
	int		 status;
} D;

/* ---- to heart ---- */

static void
hook_resource(void *ctx, const char *name, const char *value, const char *by, const char *why)
{
	talk_send(D.talk, json_pack("{s:s,s:s,s:s,s:s}", "resource", name, "value", value, "by", by, "why", why));
}

static void
hook_action(void *ctx, const char *verb, const char *by, const char *identity)
{
	talk_send(D.talk, json_pack("{s:s,s:s,s:s}", "action", verb, "by", by, "identity", identity));
}

static void
hook_log(void *ctx, int message, const char *origin, const char *text)
{
	talk_send(D.talk, json_pack("{s:i,s:s,s:s}", "log", (int)message_rows[message].key, "origin", origin, "text", text));
}

static void
hook_ack(void *ctx, int64_t seq)
{
	talk_send(D.talk, json_pack("{s:I}", "ack", (json_int_t)seq));
}

/* ---- the end ---- */

static void
finish(int status)
{
	if (D.ending)
		return;
	D.ending = true;
	D.status = status;
	table_kill(D.table);
	table_free(D.table);
	errd_free(D.errd);
	talk_close(D.talk);
	uv_close((uv_handle_t *)&D.term, NULL);
	uv_close((uv_handle_t *)&D.orphan, NULL);
}

static void
on_line_end(void *ctx, const char *why)
{
	if (why[0] != '\0')
		warn_text("heart of %s: %s", D.module, why);
	finish(why[0] != '\0');
}

/* ---- orders of heart; NULL or what was expected ---- */

static const char *
order_setup(const json_t *o)
{
	struct conf_module *conf = calloc(1, sizeof(*conf));
	const char *node = json_string_value(json_object_get(o, "node")), *bin = json_string_value(json_object_get(o, "bin"));
	const char *var = json_string_value(json_object_get(o, "var")), *module = json_string_value(json_object_get(o, "module"));
	static char err[SK_TEXT_MAX];
	struct check_setup s;
	char **env;
	bool ok;

	if (conf == NULL || node == NULL || bin == NULL || var == NULL || module == NULL || strcmp(module, D.module) != 0) {
		free(conf);
		return "setup: expected module (ours), node, bin, var and config";
	}
	if (!conf_module_from_json(json_object_get(o, "config"), conf, err, sizeof(err))) {
		free(conf);
		return err;
	}
	env = script_env_build(module, node, conf->vars, conf->vars_count);
	s = (struct check_setup){ module, bin, var, env, conf->userlog, conf->userlogsize_kb };
	ok = env != NULL && table_setup(D.table, &s, conf->checks, conf->checks_count, err, sizeof(err));
	if (ok)
		errd_setup(D.errd, conf->procs, conf->procs_count, conf->polltimer_ms, module, bin, var, env);
	script_env_free(env);
	conf_module_free(conf);
	free(conf);
	malloc_trim(0);		/* the text of a large configuration */
	D.set_up = ok;
	return ok ? NULL : err;
}

static const char *
order_classes(const json_t *o)
{
	const json_t *seq = json_object_get(o, "seq"), *on = json_object_get(o, "on"), *word;
	const json_t *checkers = json_object_get(o, "checkers"), *errd = json_object_get(o, "errd");
	unsigned bits = 0;
	size_t i;
	int when;

	if (!D.set_up || !json_is_integer(seq) || !json_is_array(on) || !json_is_boolean(checkers) || !json_is_boolean(errd))
		return "classes: expected seq, on, checkers and errd, after setup";
	json_array_foreach(on, i, word) {
		when = json_is_string(word) ? rpt_lookup(conf_when_names, WHEN_COUNT, json_string_value(word)) : -1;
		if (when < 0)
			return "classes: expected words of when in on";
		bits |= 1u << when;
	}
	errd_classes(D.errd, bits, json_is_true(errd));
	if (!table_classes(D.table, json_integer_value(seq), json_is_true(checkers) ? bits : 0))
		return "classes: expected to be waited for";
	return NULL;
}

static const char *
order_errd(const json_t *o)
{
	const json_t *id = json_object_get(o, "id");
	const char *verb = json_string_value(json_object_get(o, "verb")), *class_name = json_string_value(json_object_get(o, "class"));
	char err[SK_TEXT_MAX] = "";
	bool ok;

	if (!json_is_integer(id) || verb == NULL)
		return "errd: expected id and verb";
	if (strcmp(verb, "list") == 0) {
		talk_send(D.talk, json_pack("{s:O,s:b,s:o}", "reply", id, "ok", 1, "procs", errd_list(D.errd)));
		return NULL;
	}
	if (class_name == NULL || (strcmp(verb, "enable") != 0 && strcmp(verb, "disable") != 0))
		return "errd: expected enable or disable with a class, or list";
	ok = errd_enable(D.errd, class_name, strcmp(verb, "enable") == 0, err, sizeof(err));
	str_make_utf8(err);
	talk_send(D.talk, json_pack("{s:O,s:b,s:s}", "reply", id, "ok", ok, "message", err));
	return NULL;
}

static const char *
order_witness(const json_t *o)
{
	const json_t *ms = json_object_get(o, "ms");

	if (!json_is_integer(ms) || json_integer_value(ms) < 1 || json_integer_value(ms) > WITNESS_MAX_MS)
		return "witness: expected ms from 1 to 3600000";
	table_witness(D.table, json_integer_value(ms));
	return NULL;
}

static const char *
order_quit(const json_t *o)
{
	finish(0);
	return NULL;
}

static void
on_object(void *ctx, const json_t *o)
{
	static const struct { const char *op; const char *(*run)(const json_t *o); } orders[] = {
		{ "setup", order_setup }, { "classes", order_classes }, { "errd", order_errd }, { "witness", order_witness },
		{ "quit", order_quit },
	};
	const char *op = json_string_value(json_object_get(o, "op")), *wrong = "expected an op of wire/checkline.h";
	size_t i;

	for (i = 0; i < ARRAY_LEN(orders); i++)
		if (op != NULL && strcmp(op, orders[i].op) == 0)
			wrong = orders[i].run(o);
	if (wrong == NULL)
		return;
	warn_text("heart of %s says what checkd does not understand: %s", D.module, wrong);
	finish(1);
}

/* ---- start ---- */

static void
on_term(uv_signal_t *s, int signum)
{
	finish(0);
}

/* The thread that started us has ended: with heart, or without */
static void
on_orphan(uv_signal_t *s, int signum)
{
	if (getppid() != D.heart)
		finish(0);
}

static void
take_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	uv_signal_init(D.loop, &D.term);
	uv_signal_start(&D.term, on_term, SIGTERM);
	uv_signal_init(D.loop, &D.orphan);
	uv_signal_start(&D.orphan, on_orphan, SIGUSR1);
	D.heart = getppid();
	prctl(PR_SET_PDEATHSIG, SIGUSR1);	/* heart gone before this: descriptor 3 tells */
}

static void
keep_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd != -1 && fd < 3);
	if (fd != -1)
		close(fd);
}

static void
count_handle(uv_handle_t *h, void *arg)
{
	++*(int *)arg;
}

static int
open_handles(void)
{
	int n = 0;

	uv_walk(D.loop, count_handle, &n);
	return n;
}

int
main(int argc, char **argv)
{
	struct check_hooks checks = { NULL, hook_resource, hook_action, hook_log, hook_ack };
	struct errd_hooks procs = { NULL, hook_resource, hook_action, hook_log };
	struct talk_hooks lines = { NULL, on_object, on_line_end };
	struct stat st;
	int c;

	while ((c = getopt(argc, argv, "m:")) != -1) {
		if (c != 'm') {
			fprintf(stderr, "usage: checkd -m MODULE (started by heart)\n");
			return 2;
		}
		D.module = optarg;
	}
	diag_init("checkd", getenv("SAFE_DEBUG") != NULL);
	if (D.module == NULL || !str_is_name(D.module))
		fatal("usage: checkd -m MODULE (started by heart)");
	if (fstat(CHECK_LINE_FD, &st) == -1 || !S_ISSOCK(st.st_mode))
		fatal("checkd is started by heart, with a socket as descriptor %d", CHECK_LINE_FD);
	mallopt(M_ARENA_MAX, 1);
	umask(022);
	keep_standard_files();
	D.loop = uv_default_loop();
	take_signals();
	D.table = table_new(D.loop, &checks);
	D.errd = errd_new(D.loop, &procs);
	D.talk = talk_open(D.loop, CHECK_LINE_FD, CHECK_LINE_MAX, &lines);
	if (D.table == NULL || D.errd == NULL || D.talk == NULL)
		fatal("checkd %s: no memory", D.module);
	while (!D.ending)
		uv_run(D.loop, UV_RUN_ONCE);
	while (open_handles() > 0)
		uv_run(D.loop, UV_RUN_ONCE);
	if (uv_loop_close(D.loop) != 0)
		_exit(D.status);	/* a thread waits for a name server: exit() would wait for it */
	return D.status;
}
