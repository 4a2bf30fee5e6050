/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink_influx.c: the line protocol, for InfluxDB (/write) and VictoriaMetrics, which has no texts.
 *
 * InfluxDB answers 400 (InfluxDB 2 also 422) with "partial write" when all but some lines are stored.  It writes a log before it answers; VictoriaMetrics keeps the
 * last seconds in memory.
 */
#include "config.h"
#include "agent/export/sink.h"

#include <stdio.h>

/* ,name=value of a tag; one without value must not be there */
static void
tag(struct text *t, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	text_put(t, name);
	for (; *value != '\0'; value++)
		if (*value == ',' || *value == '=' || *value == ' ') {
			text_add(t, "\\", 1);
			text_add(t, value, 1);
		} else {
			/* a backslash would quote what follows the tag */
			text_add(t, (unsigned char)*value < ' ' || *value == '\\' ? "_" : value, 1);
		}
}

static void
quoted(struct text *t, const char *s)
{
	text_add(t, "\"", 1);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			text_add(t, "\\", 1);
		text_add(t, *s == '\n' ? " " : s, 1);
	}
	text_add(t, "\"", 1);
}

static size_t
lines(const struct change *c, size_t n, bool texts, struct text *out)
{
	size_t i, points = 0;
	char digits[40];
	double number;

	for (i = 0; i < n && !out->failed; i++) {
		enum value_kind kind = value_number(c[i].value, &number);
		bool text = texts && (kind == VALUE_TEXT || kind == VALUE_WORD);

		if (kind == VALUE_TEXT && !text)
			continue;
		text_put(out, "safekit_change");
		tag(out, ",module=", c[i].module);
		tag(out, ",node=", c[i].node);
		tag(out, ",resource=", c[i].resource);
		text_put(out, " ");
		if (text) {
			text_put(out, "text=");
			quoted(out, c[i].value);
		}
		if (kind != VALUE_TEXT) {
			snprintf(digits, sizeof(digits), "%svalue=%.17g", text ? "," : "", number);
			text_put(out, digits);
		}
		text_put(out, " ");
		text_i64(out, c[i].time_ms);
		text_put(out, "\n");
		points++;
	}
	return points;
}

static size_t
body_of_influxdb(const struct change *c, size_t n, struct text *out)
{
	return lines(c, n, true, out);
}

static size_t
body_of_victoriametrics(const struct change *c, size_t n, struct text *out)
{
	return lines(c, n, false, out);
}

/* {"error":"partial write: field type conflict: ... dropped=2"}, {"error":"partial write: unable to parse '...': ...\nunable to parse ..."} */
static enum push_result
judge(long status, const char *answer, size_t *refused)
{
	static const char unparsed[] = "unable to parse";
	const char *p = strstr(answer, "dropped=");

	*refused = 0;
	if (status != 400 && status != 422)
		return sink_judge_status(status);
	if (strstr(answer, "partial write") == NULL)	/* "database is required": nothing is wrong with the lines */
		return strstr(answer, unparsed) != NULL ? PUSH_SPLIT : PUSH_FAILED;
	if (p != NULL)
		*refused = strtoul(p + 8, NULL, 10);
	for (p = answer; (p = strstr(p, unparsed)) != NULL; p += sizeof(unparsed) - 1)
		++*refused;
	return PUSH_PARTLY;
}

const struct sink_kind sink_influxdb = {
	.name = "influxdb", .path = "/write", .precision = "precision", .database = "db", .content_type = "text/plain; charset=utf-8", .hold_s = 0,
	.body = body_of_influxdb, .judge = judge,
};
const struct sink_kind sink_victoriametrics = {
	.name = "victoriametrics", .path = "/write", .precision = "precision", .database = "db", .content_type = "text/plain; charset=utf-8", .hold_s = 10,
	.body = body_of_victoriametrics, .judge = judge,
};
