/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_rfs.c: verbs of file replication: rfssync, rfsverify, rfsdiff (UG 13.6.4), the dates of secondforce, the bar of a synchronization.
 * rfsverify and rfsdiff take as long as reading the folders takes: they are waited for without a limit.
 * Never does: read a replicated folder; safeadmin, heart and rfsd do the work.
 */
#include "config.h"
#include "cli/cli.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUEST_ID	1000000		/* the first that sk_ask() does not use */
#define LOOK_MS		3600000		/* of one sk_next(); there is no end of waiting */
#define UID_MAX		24		/* UG 13.6.4.9 */
#define BAR		20		/* marks of the bar */

/* ---- dates ---- */

/* Two or four digits at p; -1: they are not */
static int
digits(const char *p, int n)
{
	int v = 0, i;

	for (i = 0; i < n; i++) {
		if (!isdigit((unsigned char)p[i]))
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* Is there such a day? */
static bool
is_day(int year, int month, int day)
{
	struct tm t = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = 12 };

	return year >= 1970 && month >= 1 && day >= 1 && timegm(&t) != -1 && t.tm_mon == month - 1 && t.tm_mday == day;
}

bool
cli_date(const char *text, int64_t *wall_ms)
{
	size_t n = strlen(text), date = strlen("YYYY-MM-DD"), full = strlen("YYYY-MM-DDThh:mm:ss");
	bool utc = n > 0 && text[n - 1] == 'Z', clock;
	struct tm t = { .tm_isdst = -1 };
	time_t when;

	n -= utc;
	clock = n == full;
	if ((n != date && n != full) || text[4] != '-' || text[7] != '-')
		return false;
	if (clock && ((text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':'))
		return false;
	t.tm_year = digits(text, 4);
	t.tm_mon = digits(text + 5, 2);
	t.tm_mday = digits(text + 8, 2);
	t.tm_hour = clock ? digits(text + 11, 2) : 0;
	t.tm_min = clock ? digits(text + 14, 2) : 0;
	t.tm_sec = clock ? digits(text + 17, 2) : 0;
	if (!is_day(t.tm_year, t.tm_mon, t.tm_mday) || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 59)
		return false;
	t.tm_year -= 1900;
	t.tm_mon--;
	when = utc ? timegm(&t) : mktime(&t);
	*wall_ms = (int64_t)when * 1000;
	return when >= 0;
}

/* ---- asking ---- */

/* The answer of op rfs, whenever it comes; what is told before goes to stderr.  NULL: told */
static json_t *
ask_rfs(struct cli *c, const char *verb, json_t *words)
{
	json_t *req = json_pack("{s:i,s:s,s:s,s:s,s:s,s:b,s:o*}", "id", REQUEST_ID, "op", "rfs", "module", c->module, "verb", verb, "by", c->by, "told", 1,
	    "words", words), *obj;
	const char *text;
	char err[512];
	int rc;

	if (req == NULL || !sk_send(c->conn, req)) {
		cli_error("%s", req == NULL ? "words are expected in UTF-8" : "connection to safeadmin lost");
		return NULL;
	}
	while ((rc = sk_next(c->conn, &obj, LOOK_MS, err, sizeof(err))) != -1) {
		if (rc == 0)
			continue;
		text = json_string_value(json_object_get(obj, "told"));
		if (json_integer_value(json_object_get(obj, "id")) == REQUEST_ID && text != NULL) {
			cli_note("%s", text);
		} else if (json_integer_value(json_object_get(obj, "id")) == REQUEST_ID) {
			if (json_is_true(json_object_get(obj, "ok")))
				return obj;
			text = json_string_value(json_object_get(obj, "message"));
			cli_error("%s", text != NULL ? text : "safeadmin gave no reason");
			json_decref(obj);
			return NULL;
		}
		json_decref(obj);
	}
	cli_error("%s", err);
	return NULL;
}

static int
show_answer(struct cli *c, json_t *reply)
{
	const char *text = json_string_value(json_object_get(reply, "text"));
	json_t *show;

	if (reply == NULL)
		return EXIT_FAILED;
	if (c->json) {
		show = json_pack("{s:s,s:s}", "module", c->module, "text", text != NULL ? text : "");
		show_json(show);
		json_decref(show);
	} else if (text != NULL && text[0] != '\0') {
		const char *p = text, *end;

		for (; *p != '\0'; p = *end != '\0' ? end + 1 : end) {	/* lines; what else controls a terminal does not get there */
			char line[SK_TEXT_MAX * 2];

			end = p + strcspn(p, "\n");
			str_copy(line, (size_t)(end - p) < sizeof(line) ? (size_t)(end - p) + 1 : sizeof(line), p);
			show_safe(stdout, line);
			putchar('\n');
		}
	}
	json_decref(reply);
	return EXIT_DONE;
}

/* prim|second uid; NULL: told */
static json_t *
external(struct cli *c, const char *how, const char *role, const char *uid)
{
	if (role == NULL || uid == NULL || (strcmp(role, "prim") != 0 && strcmp(role, "second") != 0))
		cli_error("safekit rfssync: expected: safekit rfssync %s", c->verb->syntax);
	else if (strlen(uid) > UID_MAX || !cli_plain_text(uid))
		cli_error("safekit rfssync: uid \"%.60s\": expected 1 to %d printable characters", uid, UID_MAX);
	else
		return json_pack("[s,s,s]", how, role, uid);
	return NULL;
}

int
do_rfssync(struct cli *c)
{
	const char *first = c->nwords > 0 ? c->words[0] : "", *role = c->opt['d'];
	json_t *words = NULL, *reply;
	uint64_t seq = 0;
	int status;

	if (role != NULL && c->nwords == 1)
		words = external(c, "nodetect", role, first);
	else if (role == NULL && c->nwords == 0)
		words = json_array();
	else if (role == NULL && c->nwords == 1 && strcmp(first, "full") == 0)
		words = json_pack("[s]", first);
	else if (role == NULL && c->nwords == 3 && strcmp(first, "external") == 0)
		words = external(c, first, c->words[1], c->words[2]);
	else
		cli_error("safekit rfssync: expected: safekit rfssync %s", c->verb->syntax);
	if (words == NULL)
		return EXIT_TYPING;
	if (json_array_size(words) > 0)		/* asking is not changing */
		seq = cmdlog_begin(c);
	reply = ask_rfs(c, "policy", words);
	status = show_answer(c, reply);
	if (seq != 0)
		cmdlog_end(c, seq, status);
	return status;
}

/* rfsverify, rfsdiff: the protocol's words are what follows "rfs" */
int
do_rfscheck(struct cli *c)
{
	return show_answer(c, ask_rfs(c, c->verb->name + strlen("rfs"), NULL));
}

/* ---- the bar ---- */

static const char *
resource(const json_t *rows, const char *module, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		const char *of = json_string_value(json_object_get(row, "module")), *is = json_string_value(json_object_get(row, "name"));

		if (of != NULL && is != NULL && strcmp(of, module) == 0 && strcmp(is, name) == 0)
			return json_string_value(json_object_get(row, "value"));
	}
	return NULL;
}

static const char *
in_units(uint64_t n, char *buf, size_t size)
{
	static const char *const units[] = { "bytes", "KB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)n;
	size_t u = 0;

	for (; v >= 1000 && u < ARRAY_LEN(units) - 1; u++)
		v /= 1000;
	snprintf(buf, size, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
	return buf;
}

/* "12/34" */
static bool
two_numbers(const char *text, uint64_t *a, uint64_t *b)
{
	return text != NULL && sscanf(text, "%" SCNu64 "/%" SCNu64, a, b) == 2;
}

void
sync_show(const json_t *resources, const char *module, const char *state)
{
	const char *phase = resource(resources, module, "rfs_sync.phase"), *dir = resource(resources, module, "rfs_sync.dir");
	const char *progress = resource(resources, module, "rfs_sync.progress"), *rate = resource(resources, module, "rfs_sync.rate");
	const char *left = resource(resources, module, "rfs_sync.left");
	char text[1024], a[32], b[32], bar[BAR + 1];
	int percent = progress != NULL ? atoi(progress) : 0, i;
	uint64_t n, of;
	size_t len;

	if (phase == NULL)
		return;
	percent = percent < 0 ? 0 : percent > 100 ? 100 : percent;
	for (i = 0; i < BAR; i++)
		bar[i] = i < percent * BAR / 100 ? '#' : '.';
	bar[BAR] = '\0';
	len = (size_t)snprintf(text, sizeof(text), "%.64s (%.16s): synchronization of %.300s: %d %% [%s]", module, state, dir != NULL ? dir : "all", percent,
	    bar);
	if (two_numbers(resource(resources, module, "rfs_sync.bytes"), &n, &of))
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s of %s", in_units(n, a, sizeof(a)), in_units(of, b, sizeof(b)));
	if (two_numbers(resource(resources, module, "rfs_sync.files"), &n, &of))
		len += (size_t)snprintf(text + len, sizeof(text) - len, ", %" PRIu64 " of %" PRIu64 " files", n, of);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.40s%s%.40s%s", rate != NULL ? ", " : "", rate != NULL ? rate : "", left != NULL ? ", " : "",
	    left != NULL ? left : "", left != NULL ? " left" : "");
	snprintf(text + len, sizeof(text) - len, " (%.60s)", phase);
	show_safe(stdout, text);
	putchar('\n');
}
