/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.c: one run of safekit: checks what the verb asks for, speaks to safeadmin for all verbs, keeps the command log around them.
 */
#include "config.h"
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_SECONDS	10	/* for safeadmin to come up: one dot per second (UG 4.1 shows ten dots); SAFE_WAIT_SECONDS changes it */
#define WAIT_DOTS	10

static void __attribute__((format(printf, 2, 0)))
say(const char *prefix, const char *fmt, va_list ap)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, ap);
	fflush(stdout);		/* in the order in which things happened */
	fputs(prefix, stderr);
	show_safe(stderr, text);
	fputc('\n', stderr);
}

void
cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("Error: ", fmt, ap);
	va_end(ap);
}

void
cli_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

int
cli_wait_ms(void)
{
	const char *text = getenv("SAFE_WAIT_SECONDS");
	uint64_t seconds;

	if (text == NULL || !str_to_u64(text, 0, 3600, &seconds))
		seconds = WAIT_SECONDS;
	return (int)seconds * 1000;
}

bool
cli_connect(struct cli *c)
{
	static const char absent[] = "Error: safeadmin administrator daemon not running";
	int step = cli_wait_ms() / WAIT_DOTS, dots;
	char err[256];

	sk_close(c->conn);
	c->conn = sk_connect(err, sizeof(err));
	if (c->conn != NULL)
		return true;
	if (strcmp(err, absent) != 0) {		/* waiting would not change it */
		fprintf(stderr, "%s\n", err);
		return false;
	}
	fflush(stdout);
	fputs("Waiting for safeadmin ", stderr);
	for (dots = 0; dots < WAIT_DOTS; dots++) {
		fputc('.', stderr);
		poll(NULL, 0, step);
		c->conn = sk_connect(err, sizeof(err));
		if (c->conn != NULL || strcmp(err, absent) != 0)
			break;
	}
	fputc('\n', stderr);
	if (c->conn == NULL)
		fprintf(stderr, "%s\n", err);
	return c->conn != NULL;
}

json_t *
cli_ask(struct cli *c, json_t *req, char code[16], const char *quiet_code)
{
	char err[512], mine[16];
	json_t *reply;

	if (code == NULL)
		code = mine;
	if (c->conn == NULL) {
		json_decref(req);
		str_copy(code, 16, "unreachable");
		cli_error("safeadmin administrator daemon not running");
		return NULL;
	}
	reply = sk_ask(c->conn, req, ASK_MS, code, err, sizeof(err));
	if (reply == NULL && (quiet_code == NULL || strcmp(code, quiet_code) != 0))
		cli_error("%s", err);
	return reply;
}

bool
cli_module_report(struct cli *c, const char *module, struct rpt_module *out, bool *found)
{
	char code[16], err[256];
	json_t *reply = cli_ask(c, json_pack("{s:s,s:s,s:s}", "op", "get", "what", "modules", "module", module), code, "notfound");
	json_t *row;
	size_t i;

	*found = false;
	memset(out, 0, sizeof(*out));
	if (reply == NULL)
		return strcmp(code, "notfound") == 0;
	json_array_foreach(json_object_get(reply, "rows"), i, row) {
		struct rpt_module m;

		memset(&m, 0, sizeof(m));
		if (!report_decode(&rpt_module_type, row, &m, err, sizeof(err))) {
			cli_error("safeadmin sent a module that is not understood: %s", err);
			json_decref(reply);
			return false;
		}
		if (strcmp(m.name, module) == 0) {
			*out = m;
			*found = true;
		}
	}
	json_decref(reply);
	return true;
}

const char *
cli_node(struct cli *c, char buf[SK_NAME_MAX])
{
	const char *name;
	char code[16], err[256], host[256];
	json_t *reply;

	buf[0] = '\0';
	reply = c->conn == NULL ? NULL
	    : sk_ask(c->conn, json_pack("{s:s,s:s}", "op", "hello", "client", "safekit"), ASK_MS, code, err, sizeof(err));
	name = json_string_value(json_object_get(reply, "node"));
	if (name != NULL)
		str_copy(buf, SK_NAME_MAX, name);
	json_decref(reply);
	if (buf[0] == '\0' && gethostname(host, sizeof(host)) == 0) {
		host[sizeof(host) - 1] = '\0';
		str_copy(buf, SK_NAME_MAX, host);
	}
	return buf;
}

/* Who runs this: -i first, as the detectors say it (UG 13.2.3), then -u (the web console), then the custom checker that runs us
 * (SAFECHECKER, which its process has from checkd), then the login name as in "Action start called by SYSTEM/root" (UG 4.2) */
static void
set_by(struct cli *c)
{
	const char *checker = getenv("SAFECHECKER");
	struct passwd *pw = NULL;
	uid_t uid = getuid();

	c->detector = true;
	if (c->opt['i'] != NULL)
		str_copy(c->by, sizeof(c->by), c->opt['i']);
	else if (c->opt['u'] == NULL && checker != NULL && cli_plain_text(checker))
		str_copy(c->by, sizeof(c->by), checker);
	else
		c->detector = false;
	if (c->detector) {
		str_make_utf8(c->by);
		return;
	}
	if (c->opt['u'] != NULL)
		str_copy(c->by, sizeof(c->by), c->opt['u']);
	else if (uid == 0)
		str_copy(c->by, sizeof(c->by), "SYSTEM/root");
	/* cppcheck-suppress getpwuidCalled ; one thread */
	else if ((pw = getpwuid(uid)) != NULL)
		(void)path_format(c->by, sizeof(c->by), "SYSTEM/%s", pw->pw_name);
	else
		(void)path_format(c->by, sizeof(c->by), "SYSTEM/%lu", (unsigned long)uid);
	str_make_utf8(c->by);
}

/* The command as typed, one line: a line break in an argument must not make a second line in the log */
static void
set_command(struct cli *c, int argc, char **argv)
{
	size_t used = 0;
	int i;
	char *p;

	for (i = 1; i < argc && used < sizeof(c->command); i++) {
		str_copy(c->command + used, sizeof(c->command) - used, i > 1 ? " " : "");
		used += strlen(c->command + used);
		str_copy(c->command + used, sizeof(c->command) - used, argv[i]);
		used += strlen(c->command + used);
	}
	for (p = c->command; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	str_make_utf8(c->command);
}

static int
run_verb(struct cli *c)
{
	unsigned flags = c->verb->flags;
	char err[256];
	uint64_t seq;
	int status;

	if ((flags & V_ROOT) && geteuid() != 0) {
		cli_error("safekit %s: only root may do that", c->verb->name);
		return EXIT_FAILED;
	}
	if ((flags & V_ADMIN) && !cli_connect(c))
		return flags & V_ANSWERS ? EXIT_ANSWER_NONE : EXIT_FAILED;
	if (flags & V_TRIES)
		c->conn = sk_connect(err, sizeof(err));
	if (!(flags & V_LOGGED) && !((flags & V_FAR_LOGGED) && c->opt['o'] != NULL))
		return c->verb->run(c);
	seq = cmdlog_begin(c);
	status = c->verb->run(c);
	cmdlog_end(c, seq, status);
	return status;
}

int
cli_main(int argc, char **argv)
{
	struct cli c;
	char err[1024];
	int status;

	memset(&c, 0, sizeof(c));
	diag_init("safekit", 0);
	if (!cli_parse(&c, argc, argv, getenv("SAFEMODULE"), err, sizeof(err))) {
		bool answers = c.verb != NULL && (c.verb->flags & V_ANSWERS)
		    && (strcmp(c.verb->name, "state") != 0 || c.opt['q'] != NULL);

		cli_error("%s", err);
		return c.denied ? EXIT_DENIED : answers ? EXIT_ANSWER_TYPING : EXIT_TYPING;
	}
	if (c.opt['h'] != NULL) {
		c.words[0] = c.verb->name;
		c.nwords = 1;
		return do_help(&c);
	}
	set_by(&c);
	set_command(&c, argc, argv);
	status = run_verb(&c);
	sk_close(c.conn);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		warn_errno("stdout");
		if (status == EXIT_DONE)
			status = EXIT_FAILED;
	}
	return status;
}
