/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.c: reads a message of the engine from a line of syslog or from a journal entry.  See event.h. */
#include "config.h"
#include "notifier/event.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEPARATOR	" | "	/* between the fields of a line (engine/pub/syslog.c) */

void
event_clean(char *text)
{
	unsigned char *p;

	str_make_utf8(text);
	for (p = (unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = ' ';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)	/* the same in C1 */
			p[0] = p[1] = ' ';
}

static void
put_text(char *dst, size_t size, const char *src)
{
	str_copy(dst, size, src != NULL ? src : "");
	event_clean(dst);
}

static char
level_of(const char *text)
{
	return text != NULL && text[0] != '\0' && text[1] == '\0' && strchr(EVENT_LEVELS, text[0]) != NULL ? text[0] : 'I';
}

static uint32_t
key_of(const char *text)
{
	uint64_t n;

	return text != NULL && str_to_u64(text, 0, UINT32_MAX, &n) ? (uint32_t)n : 0;
}

/* "| module | origin | level | message | key"; a message may hold the separator, the other fields do not.  text is written to. */
static bool
payload_fields(char *text, struct mail_event *ev)
{
	char *part[4], *p = text + 1, *last, *last_key = NULL;
	int i;

	if (text[0] != '|' || text[1] != ' ')
		return false;
	/* module may be empty: "|  | safeadmin | ..." */
	for (i = 0; i < 3; i++) {
		char *end = strstr(p + (i == 0 ? 1 : 0), SEPARATOR);

		if (end == NULL)
			return false;
		part[i] = p + (i == 0 ? 1 : 0);
		*end = '\0';
		p = end + strlen(SEPARATOR);
	}
	for (last = strstr(p, SEPARATOR); last != NULL; last = strstr(last + 1, SEPARATOR))
		last_key = last;
	if (last_key == NULL)
		return false;
	*last_key = '\0';
	part[3] = last_key + strlen(SEPARATOR);
	put_text(ev->module, sizeof(ev->module), part[0]);
	put_text(ev->origin, sizeof(ev->origin), part[1]);
	ev->level = level_of(part[2]);
	put_text(ev->message, sizeof(ev->message), p);
	ev->key = key_of(part[3]);
	return true;
}

static void
read_payload(const char *payload, struct mail_event *ev)
{
	char text[EVENT_LINE_MAX];

	str_copy(text, sizeof(text), payload);
	if (payload_fields(text, ev))
		return;
	ev->module[0] = ev->origin[0] = '\0';
	ev->level = 'I';
	ev->key = 0;
	put_text(ev->message, sizeof(ev->message), payload);
}

void
event_from_fields(const struct event_fields *f, int64_t received_us, struct mail_event *ev)
{
	uint64_t us;

	memset(ev, 0, sizeof(*ev));
	ev->time_us = f->time_us != NULL && str_to_u64(f->time_us, 1, INT64_MAX, &us) ? (int64_t)us : received_us;
	put_text(ev->node, sizeof(ev->node), f->node != NULL ? f->node : f->hostname);
	if (f->level == NULL) {
		read_payload(f->message != NULL ? f->message : "", ev);
		return;
	}
	put_text(ev->module, sizeof(ev->module), f->module);
	put_text(ev->origin, sizeof(ev->origin), f->origin);
	put_text(ev->message, sizeof(ev->message), f->message);
	ev->level = level_of(f->level);
	ev->key = key_of(f->key);
}

/* ---- lines ---- */
static bool
digits(const char **p, int n, int *out)
{
	int i, v = 0;

	for (i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*p)[i]))
			return false;
		v = v * 10 + ((*p)[i] - '0');
	}
	*p += n;
	*out = v;
	return true;
}

static bool
literal(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* "2026-11-14T22:13:20.123456+01:00", "...Z" */
static bool
time_iso(const char **p, int64_t *us)
{
	int y, mo, d, h, mi, s, oh = 0, om = 0, sign = 0, fraction = 0, scale = 1000000;
	struct tm tm;

	if (!digits(p, 4, &y) || !literal(p, '-') || !digits(p, 2, &mo) || !literal(p, '-') || !digits(p, 2, &d) || !literal(p, 'T') ||
	    !digits(p, 2, &h) || !literal(p, ':') || !digits(p, 2, &mi) || !literal(p, ':') || !digits(p, 2, &s))
		return false;
	if (literal(p, '.'))
		for (; isdigit((unsigned char)**p); (*p)++)
			if (scale > 1) {
				scale /= 10;
				fraction += (**p - '0') * scale;
			}
	if (literal(p, '+'))
		sign = 1;
	else if (literal(p, '-'))
		sign = -1;
	else if (!literal(p, 'Z'))
		return false;
	if (sign != 0 && (!digits(p, 2, &oh) || !literal(p, ':') || !digits(p, 2, &om)))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60)
		return false;
	memset(&tm, 0, sizeof(tm));
	tm.tm_year = y - 1900, tm.tm_mon = mo - 1, tm.tm_mday = d, tm.tm_hour = h, tm.tm_min = mi, tm.tm_sec = s;
	*us = ((int64_t)timegm(&tm) - sign * (oh * 3600 + om * 60)) * 1000000 + fraction;
	return true;
}

/* "Nov 14 22:13:20" in local time, of the year that makes it not lie ahead */
static bool
time_bsd(const char **p, int64_t now_us, int64_t *us)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)(now_us / 1000000), t;
	int mo, d = 0, h, mi, s, back;
	struct tm tm, today;

	for (mo = 0; mo < 12 && strncmp(*p, months + 3 * mo, 3) != 0; mo++)
		;
	if (mo == 12)
		return false;
	*p += 3;
	if (!literal(p, ' ') || !(**p == ' ' ? (*p)++, digits(p, 1, &d) : digits(p, 2, &d)) || !literal(p, ' ') || !digits(p, 2, &h) ||
	    !literal(p, ':') || !digits(p, 2, &mi) || !literal(p, ':') || !digits(p, 2, &s))
		return false;
	if (d < 1 || d > 31 || h > 23 || mi > 59 || s > 60 || localtime_r(&now, &today) == NULL)
		return false;
	for (back = -1; back < 8; back++) {	/* 29 February is not in each year; 31 December is read on 1 January, and the other way round */
		memset(&tm, 0, sizeof(tm));
		tm.tm_year = today.tm_year - back, tm.tm_mon = mo, tm.tm_mday = d, tm.tm_hour = h, tm.tm_min = mi, tm.tm_sec = s, tm.tm_isdst = -1;
		t = mktime(&tm);
		if (tm.tm_mon == mo && t <= now + 86400) {
			*us = (int64_t)t * 1000000;
			return true;
		}
	}
	return false;
}

static const char *
word(const char *p, char *buf, size_t size)
{
	size_t n = strcspn(p, " ");

	if (buf != NULL) {
		size_t keep = n < size ? n : size - 1;

		memcpy(buf, p, keep);
		buf[keep] = '\0';
	}
	p += n;
	return *p == ' ' ? p + 1 : p;
}

static bool
is_tag(const char *w)
{
	size_t n = strlen(EVENT_TAG);

	return strncmp(w, EVENT_TAG, n) == 0 && (strcmp(w + n, ":") == 0 || (w[n] == '[' && w[strlen(w) - 1] == ':'));
}

/* behind "1 ": TIME HOST APP PROCID MSGID DATA MESSAGE */
static const char *
rfc5424(const char *p, struct mail_event *ev)
{
	char app[64];

	if (!time_iso(&p, &ev->time_us) || !literal(&p, ' '))
		return NULL;
	p = word(p, ev->node, sizeof(ev->node));
	p = word(p, app, sizeof(app));
	if (strcmp(app, EVENT_TAG) != 0)
		return NULL;
	p = word(word(p, NULL, 0), NULL, 0);
	if (*p == '[')
		while (*p != '\0' && !(*p == ']' && (p[1] == ' ' || p[1] == '\0')))
			p += *p == '\\' && p[1] != '\0' ? 2 : 1;
	p = word(p, NULL, 0);
	return strncmp(p, "\xef\xbb\xbf", 3) == 0 ? p + 3 : p;
}

bool
event_from_line(const char *line, int64_t now_us, const char *node, struct mail_event *ev)
{
	const char *p = line, *payload, *end;
	char first[SK_NAME_MAX + 16], tag[64];

	memset(ev, 0, sizeof(*ev));
	if (*p == '<') {
		p++;
		p += strspn(p, "0123456789");
		if (!literal(&p, '>'))
			return false;
	}
	if (p[0] == '1' && p[1] == ' ') {
		payload = rfc5424(p + 2, ev);
		if (payload == NULL)
			return false;
	} else {
		if (!time_iso(&p, &ev->time_us) && (p = *line == '<' ? strchr(line, '>') + 1 : line, !time_bsd(&p, now_us, &ev->time_us)))
			return false;
		if (!literal(&p, ' '))
			return false;
		/* the host is there in files and over the network, not in what a local program sends */
		end = word(p, first, sizeof(first));
		if (is_tag(first)) {
			payload = end;
		} else {
			payload = word(end, tag, sizeof(tag));
			if (!is_tag(tag))
				return false;
			put_text(ev->node, sizeof(ev->node), first);
		}
	}
	event_clean(ev->node);
	if (ev->node[0] == '\0' || strcmp(ev->node, "-") == 0)
		put_text(ev->node, sizeof(ev->node), node);
	while (*payload == ' ')
		payload++;
	read_payload(payload, ev);
	return true;
}

/* ---- meaning ---- */
bool
event_state(const struct mail_event *ev, char state[16], char status[16])
{
	return ev->key == KEY_LOCAL_STATE && sscanf(ev->message, "Local state %15s %15s", state, status) == 2;
}

char *
event_time(int64_t time_us, char *buf, size_t size)
{
	time_t sec = (time_t)(time_us / 1000000);
	char date[32], zone[8] = "+0000";
	struct tm tm;

	if (time_us < 0 || localtime_r(&sec, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
	    strftime(zone, sizeof(zone), "%z", &tm) != 5) {
		str_copy(buf, size, "-");
		return buf;
	}
	snprintf(buf, size, "%s.%06d%.3s:%.2s", date, (int)(time_us % 1000000), zone, zone + 3);
	return buf;
}
