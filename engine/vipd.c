/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vipd.c: the process that owns virtual addresses and farm of one module.  Wiring only: lines from heart become calls of vip/vipd.h, and what
 * that tells becomes lines to heart.
 *
 * Started by heart: vipd -m AM with a socket as descriptor 3 (wire/vipline.h).  When the socket ends, or on SIGTERM: everything down, and
 * the end.  Killed, it leaves all as it is: the next one takes it over.
 * By hand, while the module is stopped: vipd -m AM --set | --unset | --clean (vip/once.c).
 */
#include "config.h"
#include "base/talk.h"
#include "vip/vipd.h"
#include "wire/vipline.h"

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

#define FORMER_MS	2000	/* for a former vipd to take down what it has and end; then it is killed, well before heart kills us (ours) */
#define USAGE		"usage: vipd -m MODULE (started by heart), or vipd -m MODULE --set | --unset | --clean while the module is stopped"

static struct {
	uv_loop_t	*loop;
	const char	*module;
	struct talk	*talk;
	struct vipd	*vipd;
	uv_signal_t	 term, orphan;
	pid_t		 heart;
	bool		 ending;
	int		 status;
} D;

/* ---- to heart ---- */

static void
hook_resource(void *ctx, const char *name, const char *value)
{
	if (value == NULL)
		talk_send(D.talk, json_pack("{s:s}", "resource-gone", name));
	else
		talk_send(D.talk, json_pack("{s:s,s:s,s:s,s:s}", "resource", name, "value", value, "by", "vipd", "why", ""));
}

static void
hook_share(void *ctx, const struct rpt_share *share)
{
	talk_send(D.talk, json_pack("{s:o}", "share", report_encode(&rpt_share_type, share)));
}

static void
hook_log(void *ctx, int message, const char *text)
{
	char clean[SK_TEXT_MAX];

	str_copy(clean, sizeof(clean), text);
	str_make_utf8(clean);
	talk_send(D.talk, json_pack("{s:i,s:s,s:s}", "log", (int)message_rows[message].key, "origin", "vipd", "text", clean));
}

static void
hook_ack(void *ctx, int64_t seq, const char *why)
{
	talk_send(D.talk, json_pack("{s:I,s:s}", "ack", (json_int_t)seq, "why", why));
}

/* ---- the end ---- */

static void
finish(int status)
{
	if (D.ending)
		return;
	D.ending = true;
	D.status = status;
	vipd_down(D.vipd);
	vipd_free(D.vipd);
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
	static char err[SK_TEXT_MAX];
	struct vip_setup *s = vip_setup_decode(o, err, sizeof(err));

	if (s == NULL)
		return err;
	if (strcmp(s->module, D.module) != 0) {
		vip_setup_free(s);
		return "setup: expected module (ours)";
	}
	vipd_setup(D.vipd, s);
	malloc_trim(0);		/* the text of a large configuration */
	return NULL;
}

static const char *
order_want(const json_t *o)
{
	const json_t *seq = json_object_get(o, "seq"), *addresses = json_object_get(o, "addresses"), *serve = json_object_get(o, "serve");

	if (!json_is_integer(seq) || !json_is_boolean(addresses) || !json_is_boolean(serve))
		return "want: expected seq, addresses and serve";
	vipd_want(D.vipd, json_integer_value(seq), json_is_true(addresses), json_is_true(serve));
	return NULL;
}

static const char *
order_announce(const json_t *o)
{
	vipd_announce(D.vipd);
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
		{ "setup", order_setup }, { "want", order_want }, { "announce", order_announce }, { "quit", order_quit },
	};
	const char *op = json_string_value(json_object_get(o, "op")), *wrong = "expected an op of wire/vipline.h";
	size_t i;

	for (i = 0; i < ARRAY_LEN(orders); i++)
		if (op != NULL && strcmp(op, orders[i].op) == 0)
			wrong = orders[i].run(o);
	if (wrong == NULL)
		return;
	warn_text("heart of %s says what vipd does not understand: %s", D.module, wrong);
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

static int
run(void)
{
	struct vipd_hooks hooks = { NULL, hook_resource, hook_share, hook_log, hook_ack };
	struct talk_hooks lines = { NULL, on_object, on_line_end };
	char var[PATH_MAX], err[SK_TEXT_MAX];
	struct stat st;

	if (fstat(VIP_LINE_FD, &st) == -1 || !S_ISSOCK(st.st_mode))
		fatal("%s", USAGE);
	mallopt(M_ARENA_MAX, 1);
	umask(022);
	keep_standard_files();
	if (!path_format(var, sizeof(var), "%s/modules/%s", path_safevar(), D.module))
		fatal("%s: too long", path_safevar());
	if (!vipd_lock(var, FORMER_MS))
		warn_text("%s: another vipd still has what it has set", D.module);
	D.loop = uv_default_loop();
	take_signals();
	D.vipd = vipd_new(D.loop, D.module, var, &hooks, err, sizeof(err));
	if (D.vipd == NULL)
		fatal("vipd %s: %s", D.module, err);
	D.talk = talk_open(D.loop, VIP_LINE_FD, VIP_LINE_MAX, &lines);
	if (D.talk == NULL)
		fatal("vipd %s: no memory", D.module);
	while (!D.ending)
		uv_run(D.loop, UV_RUN_ONCE);
	while (open_handles() > 0)
		uv_run(D.loop, UV_RUN_ONCE);
	if (uv_loop_close(D.loop) != 0)
		_exit(D.status);	/* a thread waits for a name server: exit() would wait for it */
	return D.status;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "set", no_argument, NULL, 's' }, { "unset", no_argument, NULL, 'u' }, { "clean", no_argument, NULL, 'c' }, { NULL, 0, NULL, 0 },
	};
	int c, once = -1;

	while ((c = getopt_long(argc, argv, "m:", options, NULL)) != -1) {
		if (c == 'm')
			D.module = optarg;
		else if (c != '?' && once == -1)
			once = c == 's' ? ONCE_SET : c == 'u' ? ONCE_UNSET : ONCE_CLEAN;
		else {
			fprintf(stderr, "%s\n", USAGE);
			return 2;
		}
	}
	diag_init("vipd", getenv("SAFE_DEBUG") != NULL);
	if (D.module == NULL || !str_is_name(D.module) || optind != argc)
		fatal("%s", USAGE);
	return once != -1 ? vipd_once(D.module, (enum once)once) : run();
}
