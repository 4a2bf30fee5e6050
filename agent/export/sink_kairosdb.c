/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink_kairosdb.c: KairosDB's REST interface (/api/v1/datapoints), with the names of SafeKit 7.4 (user's guide 10.7).
 *
 * Types are always said: without, a text that looks like a number would be stored as one.  An answer 400 means that what is not named in it is
 * stored.  204 means that the points are in its queue, which dies with it.
 */
#include "config.h"
#include "agent/export/sink.h"

#include <ctype.h>
#include <stdio.h>

#define METRICS_MAX	65536	/* objects that an answer may name */

static void
quoted(struct text *t, const char *s)
{
	char code[8];

	text_add(t, "\"", 1);
	for (; *s != '\0'; s++)
		if (*s == '"' || *s == '\\') {
			text_add(t, "\\", 1);
			text_add(t, s, 1);
		} else if ((unsigned char)*s < ' ') {
			snprintf(code, sizeof(code), "\\u%04x", (unsigned)(unsigned char)*s);
			text_put(t, code);
		} else {
			text_add(t, s, 1);
		}
	text_add(t, "\"", 1);
}

/* Names and tags: what every release takes */
static void
plain(struct text *t, const char *s)
{
	for (; *s != '\0'; s++)
		text_add(t, isalnum((unsigned char)*s) || strchr("._/-", *s) != NULL ? s : "_", 1);
}

/* ,{"name":"safekit.state.local","type":"string","tags":{"node":"n1","module":"web"},"datapoints":[[1700000000000, */
static void
open_metric(const struct change *c, const char *type, const char *behind, struct text *out)
{
	text_put(out, out->p[out->len - 1] == '[' ? "{\"name\":\"safekit." : ",{\"name\":\"safekit.");
	plain(out, c->resource);
	text_put(out, behind);
	text_put(out, "\",\"type\":\"");
	text_put(out, type);
	text_put(out, "\",\"tags\":{\"module\":\"");
	plain(out, c->module);
	if (c->node[0] != '\0') {
		text_put(out, "\",\"node\":\"");
		plain(out, c->node);
	}
	text_put(out, "\"},\"datapoints\":[[");
	text_i64(out, c->time_ms);
	text_put(out, ",");
}

/* JSON has no 007 and no -06.5 */
static void
digits(struct text *t, const char *value)
{
	if (*value == '-')
		text_add(t, value++, 1);
	while (value[0] == '0' && isdigit((unsigned char)value[1]))
		value++;
	text_put(t, value);
}

static size_t
body(const struct change *c, size_t n, struct text *out)
{
	size_t i, points = 0;
	double number;

	text_put(out, "[");
	for (i = 0; i < n && !out->failed; i++) {
		enum value_kind kind = value_number(c[i].value, &number);
		bool text = kind == VALUE_TEXT || kind == VALUE_WORD;

		open_metric(&c[i], text ? "string" : kind == VALUE_REAL ? "double" : "long", "", out);
		if (text)
			quoted(out, c[i].value);
		else
			digits(out, c[i].value);
		text_put(out, "]]}");
		points++;
		if (kind != VALUE_WORD)
			continue;
		open_metric(&c[i], "long", ".number", out);
		text_i64(out, (int64_t)number);
		text_put(out, "]]}");
		points++;
	}
	text_put(out, "]");
	return points;
}

/* {"errors":["metric[0](name=x).tags count must be greater than or equal to 1.", ...]}: how many objects are named */
static size_t
named(const char *answer)
{
	static const char mark[] = "\"metric[";
	unsigned long n, last = METRICS_MAX;
	size_t count = 0;
	const char *p;

	for (p = answer; (p = strstr(p, mark)) != NULL; p += sizeof(mark) - 1) {
		n = strtoul(p + sizeof(mark) - 1, NULL, 10);
		count += n != last;
		last = n;
	}
	return count;
}

static enum push_result
judge(long status, const char *answer, size_t *refused)
{
	*refused = status == 400 ? named(answer) : 0;
	if (*refused > 0)
		return PUSH_PARTLY;
	return status == 400 && strstr(answer, "\"errors\"") != NULL ? PUSH_SPLIT : sink_judge_status(status);
}

const struct sink_kind sink_kairosdb = {
	.name = "kairosdb", .path = "/api/v1/datapoints", .content_type = "application/json", .hold_s = 10, .body = body, .judge = judge,
};
