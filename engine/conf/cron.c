/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cron.c: the five fields of crontab(5), for syncat of <rfs>: minute hour day-of-month month day-of-week, each with *, lists, ranges and steps,
 * months and days also by their English names; when both days are restricted, either fits.
 * Called by: rfs.c (is it right?), rfsd (is it time?).  Pure.  Never does: read a clock.
 */
#include "config.h"
#include "conf/conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };
/* max of the day of the week: 7 is Sunday, too */
static const struct { const char *name; int min, max; const char *const *names; } fields[CONF_CRON_FIELDS] = {
	{ "minute", 0, 59, NULL }, { "hour", 0, 23, NULL }, { "day of month", 1, 31, NULL }, { "month", 1, 12, months },
	{ "day of week", 0, 7, days },
};

/* A number or a name at *p; -1: neither, or out of range */
static int
read_value(const char **p, int field)
{
	int i, v;

	if (isdigit((unsigned char)**p)) {
		for (v = 0; isdigit((unsigned char)**p) && v < 1000; ++*p)
			v = v * 10 + (**p - '0');
		return v >= fields[field].min && v <= fields[field].max ? v : -1;
	}
	for (i = 0; fields[field].names != NULL && fields[field].names[i] != NULL; i++) {
		if (strncasecmp(*p, fields[field].names[i], 3) == 0 && !isalpha((unsigned char)(*p)[3])) {
			*p += 3;
			return i + fields[field].min;
		}
	}
	return -1;
}

/* "*", "5", "1-5", "mon-fri/2", "*" with "/5" */
static bool
read_range(const char **p, int field, uint64_t *bits)
{
	int from = fields[field].min, to = fields[field].max, step = 1, v;
	bool one = false;

	if (**p == '*') {
		++*p;
	} else {
		from = to = read_value(p, field);
		one = true;
		if (from < 0)
			return false;
		if (**p == '-') {
			++*p;
			to = read_value(p, field);
			one = false;
		}
	}
	if (**p == '/') {
		char *end;

		step = isdigit((unsigned char)(*p)[1]) ? (int)strtol(*p + 1, &end, 10) : 0;
		if (step < 1 || step > 60)
			return false;
		*p = end;
		to = one ? fields[field].max : to;
	}
	for (v = from; v <= to; v += step)
		*bits |= UINT64_C(1) << v;
	return to >= from;
}

static bool
read_field(const char *text, int field, struct conf_cron *out)
{
	const char *p = text;
	uint64_t bits = 0;

	do {
		if (p > text)
			p++;
		if (!read_range(&p, field, &bits))
			return false;
	} while (*p == ',');
	if (field == CONF_CRON_FIELDS - 1 && (bits & 1 << 7))
		bits |= 1;
	out->bits[field] = bits;
	out->star[field] = text[0] == '*';
	return *p == '\0';
}

bool
conf_cron_parse(const char *text, struct conf_cron *out, char *err, size_t errsize)
{
	char copy[256], *word, *save = NULL;
	int n = 0;

	memset(out, 0, sizeof(*out));
	if (!str_copy(copy, sizeof(copy), text)) {
		snprintf(err, errsize, "too long");
		return false;
	}
	for (word = strtok_r(copy, " \t\r\n", &save); word != NULL; word = strtok_r(NULL, " \t\r\n", &save), n++) {
		if (n < CONF_CRON_FIELDS && !read_field(word, n, out)) {
			snprintf(err, errsize, "\"%.40s\" is no %s", word, fields[n].name);
			return false;
		}
	}
	if (n != CONF_CRON_FIELDS)
		snprintf(err, errsize, "%d fields", n);
	return n == CONF_CRON_FIELDS;
}

bool
conf_cron_is_due(const struct conf_cron *c, const struct tm *t)
{
	bool mday = c->bits[2] >> t->tm_mday & 1, wday = c->bits[4] >> t->tm_wday & 1;

	return (c->bits[0] >> t->tm_min & 1) && (c->bits[1] >> t->tm_hour & 1) && (c->bits[3] >> (t->tm_mon + 1) & 1) &&
	    (c->star[2] || c->star[4] ? mday && wday : mday || wday);
}
