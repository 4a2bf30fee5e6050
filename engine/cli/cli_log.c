/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_log.c: the logs of modules: log, logview, logsave, printi, printe, and the command log: cmdlog (UG 9.5, 10.10).
 *
 * logview shows each row once and leaves none out: it subscribes first, asks for the past afterwards, and skips what the past already
 * had; a row's sequence number is never reused.  After a lost connection it asks for what came after the last row it has shown.
 */
#include "config.h"
#include "cli/cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define LAST_DEFAULT	300	/* UG 9.5 */
#define LAST_MAX	100000	/* doc/PROTOCOL.md */
#define SAVE_MAX	50000	/* rows in one answer: 16 MiB (doc/PROTOCOL.md) / 50,000 is 335 bytes, twice a common row (ours) */
#define MAIN_LEVELS	"UECS"	/* users' actions, events, critical, scripts: what a user has to know */

struct query {
	char	 levels[16];
	uint64_t last;
};

static bool
read_query(struct cli *c, uint64_t fallback, struct query *q)
{
	const char *l = c->opt['l'];

	q->last = fallback;
	if (c->opt['s'] != NULL && !str_to_u64(c->opt['s'], strcmp(c->verb->name, "logview") == 0 ? 0 : 1, LAST_MAX, &q->last)) {
		cli_error("safekit %s: option -s expects a number of messages up to %d, not \"%s\"", c->verb->name, LAST_MAX, c->opt['s']);
		return false;
	}
	if (l != NULL && strcmp(l, "en") != 0 && strcmp(l, "fr") != 0) {
		cli_error("safekit %s: option -l expects en or fr, not \"%s\"", c->verb->name, l);
		return false;
	}
	if (l != NULL && strcmp(l, "fr") == 0)
		cli_note("messages are in English only in this version");
	str_copy(q->levels, sizeof(q->levels), c->opt['A'] != NULL ? "A" : c->opt['I'] != NULL ? MAIN_LEVELS "I" : MAIN_LEVELS);
	return true;
}

static bool
wanted(const struct query *q, const struct rpt_log *row)
{
	return strcmp(q->levels, "A") == 0 || (row->level[0] != '\0' && strchr(q->levels, row->level[0]) != NULL);
}

/* "| 2023-10-12 10:15:42.447000 | heart | E | Local state PRIM Ready" */
static void
put_row(FILE *to, const struct rpt_log *row)
{
	char date[40];

	fprintf(to, "| %s | ", show_time(row->time_us, true, ' ', date, sizeof(date)));
	show_safe(to, row->origin);
	fprintf(to, " | %s | ", row->level);
	show_safe(to, row->message);
	fputc('\n', to);
}

/* Without -m: what safeadmin says of this server */
static const char *
of_module(const struct cli *c)
{
	return c->module != NULL ? c->module : "";
}

static json_t *
ask_log(struct cli *c, const struct query *q, uint64_t after)
{
	json_t *req = json_pack("{s:s,s:s,s:s,s:I}", "op", "log", "module", of_module(c), "levels", q->levels, "last", (json_int_t)q->last);

	if (after > 0)
		json_object_set_new(req, "after", json_integer((json_int_t)after));
	return cli_ask(c, req, NULL, NULL);
}

/* No row: perhaps the name is mistyped.  The log of a module outlives its configuration, so this is asked last. */
static bool
says_nothing(struct cli *c, const json_t *reply)
{
	struct rpt_module m;
	bool found;

	if (c->module == NULL || json_array_size(json_object_get(reply, "rows")) > 0)
		return false;
	if (!cli_module_report(c, c->module, &m, &found) || found)
		return false;
	cli_error("module %s is not configured on this server and has no log", c->module);
	return true;
}

static bool
decode_row(const json_t *obj, struct rpt_log *row)
{
	char err[256];

	memset(row, 0, sizeof(*row));
	if (report_decode(&rpt_log_type, obj, row, err, sizeof(err)))
		return true;
	cli_error("safeadmin sent a log row that is not understood: %s", err);
	return false;
}

static void
put_rows(FILE *to, const json_t *rows)
{
	struct rpt_log row;
	const json_t *obj;
	size_t i;

	json_array_foreach(rows, i, obj)
		if (decode_row(obj, &row))
			put_row(to, &row);
}

int
do_log(struct cli *c)
{
	struct query q;
	json_t *reply;
	bool nothing;

	if (!read_query(c, LAST_DEFAULT, &q))
		return EXIT_TYPING;
	if (!cli_connect(c) || (reply = ask_log(c, &q, 0)) == NULL)
		return EXIT_FAILED;
	nothing = says_nothing(c, reply);
	if (c->json)
		show_json(json_object_get(reply, "rows"));
	else
		put_rows(stdout, json_object_get(reply, "rows"));
	json_decref(reply);
	return nothing ? EXIT_FAILED : EXIT_DONE;
}

int
do_logsave(struct cli *c)
{
	size_t len = 0;
	struct query q;
	json_t *reply;
	char *text = NULL;
	FILE *mem;
	int rc;

	if (!read_query(c, SAVE_MAX, &q))
		return EXIT_TYPING;
	if (c->words[0][0] != '/') {
		cli_error("safekit logsave: expected an absolute path, as in /tmp/f.txt, not \"%s\"", c->words[0]);
		return EXIT_TYPING;
	}
	if (!cli_connect(c) || (reply = ask_log(c, &q, 0)) == NULL)
		return EXIT_FAILED;
	if (says_nothing(c, reply)) {
		json_decref(reply);
		return EXIT_FAILED;
	}
	mem = open_memstream(&text, &len);
	if (mem != NULL && c->json)
		json_dumpf(json_object_get(reply, "rows"), mem, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	else if (mem != NULL)
		put_rows(mem, json_object_get(reply, "rows"));
	json_decref(reply);
	if (mem == NULL || fclose(mem) == EOF) {
		cli_error("out of memory");
		free(text);
		return EXIT_FAILED;
	}
	rc = path_write_atomic(c->words[0], text, len, 0640);
	if (rc == -1)
		warn_errno("%s", c->words[0]);
	free(text);
	return rc == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- logview ---- */

struct view {
	struct cli *c;
	struct query q;
	uint64_t shown;		/* seq of the last row shown or skipped as shown */
};

static void
view_row(struct view *v, const json_t *obj)
{
	struct rpt_log row;

	if (!decode_row(obj, &row) || row.seq <= v->shown || strcmp(row.module, of_module(v->c)) != 0 || !wanted(&v->q, &row))
		return;
	v->shown = row.seq;
	if (v->c->json) {
		json_dumpf(obj, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		put_row(stdout, &row);
	}
}

/* Subscribe, then the past: what is said in between comes both ways, and view_row() takes it once */
static bool
view_begin(struct view *v, bool again)
{
	struct query past = v->q;
	json_t *reply, *obj;
	size_t i;

	reply = cli_ask(v->c, json_pack("{s:s,s:b,s:s*}", "op", "subscribe", "logs", 1, "module", v->c->module), NULL, NULL);
	json_decref(reply);
	if (reply == NULL)
		return false;
	if (again)
		past.last = SAVE_MAX;
	else if (past.last == 0)
		return true;
	reply = ask_log(v->c, &past, again ? v->shown : 0);
	if (reply == NULL)
		return false;
	json_array_foreach(json_object_get(reply, "rows"), i, obj)
		view_row(v, obj);
	json_decref(reply);
	return true;
}

int
do_logview(struct cli *c)
{
	struct view v = { .c = c };
	char err[256];
	json_t *event;

	if (!read_query(c, LAST_DEFAULT, &v.q))
		return EXIT_TYPING;
	if (!cli_connect(c) || !view_begin(&v, false))
		return EXIT_FAILED;
	for (;;) {
		int rc = sk_next(c->conn, &event, 0, err, sizeof(err));

		if (rc == 0) {		/* nothing at hand: what was printed is seen before we wait */
			if (fflush(stdout) == EOF)
				return EXIT_FAILED;
			rc = sk_next(c->conn, &event, 60000, err, sizeof(err));
		}
		if (rc == 1) {
			const char *kind = json_string_value(json_object_get(event, "event"));

			if (kind != NULL && strcmp(kind, "log") == 0)
				view_row(&v, json_object_get(event, "data"));
			json_decref(event);
		} else if (rc == -1) {
			fflush(stdout);
			poll(NULL, 0, 200);	/* not a tight loop when safeadmin closes us at once again and again (ours) */
			if (!cli_connect(c) || !view_begin(&v, true))
				return EXIT_FAILED;
		}
	}
}

/* ---- printi, printe: the words as one message ---- */

int
do_print(struct cli *c)
{
	char text[SK_TEXT_MAX], level[2] = { strcmp(c->verb->name, "printi") == 0 ? 'I' : 'E', '\0' };
	size_t used = 0;
	json_t *reply;
	int i;

	text[0] = '\0';
	for (i = 0; i < c->nwords && used + 1 < sizeof(text); i++) {
		if (i > 0)
			text[used++] = ' ';
		str_copy(text + used, sizeof(text) - used, c->words[i]);
		used += strlen(text + used);
	}
	for (i = 0; text[i] != '\0'; i++)	/* one row, one line */
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
	str_make_utf8(text);
	reply = cli_ask(c, json_pack("{s:s,s:s,s:s,s:s,s:s}", "op", "print", "module", c->module, "level", level, "message", text, "by",
	    c->by), NULL, NULL);
	json_decref(reply);
	return reply != NULL ? EXIT_DONE : EXIT_FAILED;
}

/* "^ 2013-12-02T11:17:22.836104 | 28088 | running | webserver start sync" */
int
do_cmdlog(struct cli *c)
{
	struct rpt_command row;
	struct query q;
	char date[40], err[256];
	json_t *reply, *obj;
	size_t i;

	if (!read_query(c, LAST_DEFAULT, &q))
		return EXIT_TYPING;
	if (!cli_connect(c) || (reply = cli_ask(c, json_pack("{s:s,s:I}", "op", "cmdlog", "last", (json_int_t)q.last), NULL, NULL)) == NULL)
		return EXIT_FAILED;
	if (c->json)
		show_json(json_object_get(reply, "rows"));
	json_array_foreach(json_object_get(reply, "rows"), i, obj) {
		memset(&row, 0, sizeof(row));
		if (c->json)
			break;
		if (!report_decode(&rpt_command_type, obj, &row, err, sizeof(err))) {
			cli_error("safeadmin sent a command that is not understood: %s", err);
			continue;
		}
		printf("^ %s | %u | ", show_time(row.time_us, true, 'T', date, sizeof(date)), row.pid);
		show_safe(stdout, row.status);
		fputs(" | ", stdout);
		show_safe(stdout, row.command);
		putchar('\n');
	}
	json_decref(reply);
	return EXIT_DONE;
}
