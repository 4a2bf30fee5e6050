/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compose.c: writes a mail.  See compose.h. */
#include "config.h"
#include "notifier/compose.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_QP	75	/* and the "=" of a soft line break */
#define WORD_MAX	39	/* bytes of text in one encoded word: 52 in base64; a line that has one is at most 76 long */
#define PLAIN_MAX	60	/* of a word in a header that is not encoded */
#define COLUMN_MAX	72	/* characters that the column of messages is filled up to */

static const char *const titles[] = { "Node", "Module", "Timestamp", "Origin", "Level", "Message", "Message key" };
enum { COLUMNS = ARRAY_LEN(titles), MESSAGE_COLUMN = 5, KEY_COLUMN = 6 };

/* ---- encodings ---- */
static void
quoted_printable(FILE *to, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t at = 0;

	for (; *p != '\0'; p++) {
		bool end = p[1] == '\0' || p[1] == '\n';
		bool plain = (*p > 0x20 && *p < 0x7f && *p != '=') || (*p == ' ' && !end);
		size_t n = plain ? 1 : 3;

		if (*p == '\n') {
			fputs("\r\n", to);
			at = 0;
			continue;
		}
		if (at + n > LINE_MAX_QP) {
			fputs("=\r\n", to);
			at = 0;
		}
		/* a dot at a line's begin is doubled by SMTP, and "From " is changed by old mailboxes: neither happens to =2E and =46 */
		if (!plain || (at == 0 && (*p == '.' || strncmp((const char *)p, "From ", 5) == 0))) {
			fprintf(to, "=%02X", *p);
			at += 3;
		} else {
			putc(*p, to);
			at++;
		}
	}
}

static void
base64(FILE *to, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; n > 0; p += 3, n -= n < 3 ? n : 3) {
		unsigned v = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		putc(digits[v >> 18], to);
		putc(digits[v >> 12 & 63], to);
		putc(n > 1 ? digits[v >> 6 & 63] : '=', to);
		putc(n > 2 ? digits[v & 63] : '=', to);
	}
}

/* ASCII as it is, folded at blanks; false when that cannot be: another alphabet, or a word too long for a line */
static bool
plain_header(FILE *to, const char *name, const char *text)
{
	size_t i, word = 0, n = strlen(text), line;
	const char *p, *end;

	for (i = 0; i < n; i++) {
		word = text[i] == ' ' ? 0 : word + 1;
		if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e || word > PLAIN_MAX || (text[i] == ' ' && (i == 0 || i + 1 == n || text[i + 1] == ' ')))
			return false;
	}
	if (strstr(text, "=?") != NULL)
		return false;
	line = (size_t)fprintf(to, "%s:", name);
	for (p = text; *p != '\0'; p = *end == ' ' ? end + 1 : end) {
		end = p + strcspn(p, " ");
		if (line + 1 + (size_t)(end - p) > 76)
			line = 0, fputs("\r\n", to);
		line += (size_t)fprintf(to, " %.*s", (int)(end - p), p);
	}
	fputs("\r\n", to);
	return true;
}

/* A header whose value is a text: as it is when that can be, else in encoded words of RFC 2047, cut between characters */
static void
header_text(FILE *to, const char *name, const char *text)
{
	size_t n = strlen(text), i, take;

	if (plain_header(to, name, text))
		return;
	fprintf(to, "%s:", name);
	for (i = 0; i < n; i += take) {
		take = n - i < WORD_MAX ? n - i : WORD_MAX;
		while (i + take < n && take > 1 && ((unsigned char)text[i + take] & 0xc0) == 0x80)
			take--;
		fputs(i == 0 ? " =?UTF-8?B?" : "\r\n =?UTF-8?B?", to);
		base64(to, (const unsigned char *)text + i, take);
		fputs("?=", to);
	}
	fputs("\r\n", to);
}

static void
escaped(FILE *to, const char *s)
{
	for (; *s != '\0'; s++)
		switch (*s) {
		case '&': fputs("&amp;", to); break;
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '"': fputs("&quot;", to); break;
		default: putc(*s, to);
		}
}

/* ---- rows ---- */
static void
cells(const struct mail_event *ev, const char *node, char key[16], char level[2], char when[40], const char *cell[COLUMNS])
{
	snprintf(key, 16, "%" PRIu32, ev->key);
	level[0] = ev->level;
	level[1] = '\0';
	cell[0] = ev->node[0] != '\0' ? ev->node : node;
	cell[1] = ev->module;
	cell[2] = event_time(ev->time_us, when, 40);
	cell[3] = ev->origin;
	cell[4] = level;
	cell[5] = ev->message;
	cell[6] = ev->key != 0 ? key : "";
}

static size_t
characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		if (((unsigned char)*s & 0xc0) != 0x80)
			n++;
	return n;
}

static void
padded(FILE *to, const char *s, size_t width)
{
	size_t n = characters(s);

	fputs(s, to);
	for (; n < width; n++)
		putc(' ', to);
}

static void
text_row(FILE *to, const char *const cell[COLUMNS], const size_t width[COLUMNS])
{
	int i;

	for (i = 0; i < KEY_COLUMN; i++) {
		padded(to, cell[i], width[i]);
		fputs("  ", to);
	}
	fprintf(to, "%s\n", cell[KEY_COLUMN]);
}

static void
text_table(FILE *to, const struct compose *c)
{
	const char *cell[COLUMNS];
	char key[16], level[2], when[40];
	size_t width[COLUMNS], i, n;
	int col;

	for (col = 0; col < COLUMNS; col++)
		width[col] = strlen(titles[col]);
	for (i = 0; i < c->window->rows; i++) {
		cells(&c->window->row[i], c->node, key, level, when, cell);
		for (col = 0; col < COLUMNS; col++) {
			n = characters(cell[col]);
			if (n > width[col])
				width[col] = col == MESSAGE_COLUMN && n > COLUMN_MAX ? COLUMN_MAX : n;
		}
	}
	text_row(to, titles, width);
	for (i = c->window->rows; i-- > 0;) {	/* the newest first, as documented */
		cells(&c->window->row[i], c->node, key, level, when, cell);
		text_row(to, cell, width);
	}
}

static void
html_table(FILE *to, const struct compose *c)
{
	const char *cell[COLUMNS];
	char key[16], level[2], when[40];
	size_t i;
	int col;

	fputs("<table border=\"1\" cellpadding=\"4\" cellspacing=\"0\" style=\"border-collapse:collapse;font-family:sans-serif;font-size:13px\">\n<tr>", to);
	for (col = 0; col < COLUMNS; col++)
		fprintf(to, "<th align=\"left\">%s</th>", titles[col]);
	fputs("</tr>\n", to);
	for (i = c->window->rows; i-- > 0;) {
		cells(&c->window->row[i], c->node, key, level, when, cell);
		fputs(cell[4][0] == 'C' ? "<tr style=\"background:#f8d7da\">" : "<tr>", to);
		for (col = 0; col < COLUMNS; col++) {
			fputs("<td>", to);
			escaped(to, cell[col]);
			fputs("</td>", to);
		}
		fputs("</tr>\n", to);
	}
	fputs("</table>\n", to);
}

static uint64_t
summed(const struct window *w)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < w->sums; i++)
		n += w->sum[i].count;
	return n;
}

static void
sums(FILE *to, const struct compose *c, bool html)
{
	const struct window *w = c->window;
	char first[40], last[40];
	size_t i;

	if (w->sums == 0)
		return;
	fprintf(to, html ? "<p>Summed up, %" PRIu64 " more:</p>\n<ul>\n" : "\nSummed up, %" PRIu64 " more:\n", summed(w));
	for (i = 0; i < w->sums; i++) {
		const struct sum *s = &w->sum[i];

		event_time(s->first_us, first, sizeof(first));
		event_time(s->last_us, last, sizeof(last));
		fprintf(to, html ? "<li>%" PRIu64 " &times; " : "  %" PRIu64 " x ", s->count);
		if (html) {
			escaped(to, s->node);
			putc(' ', to);
			escaped(to, s->module);
			putc(' ', to);
			escaped(to, s->origin);
			fprintf(to, " %c %" PRIu32 ", %s to %s, last: ", s->level, s->key, first, last);
			escaped(to, s->message);
			fputs("</li>\n", to);
		} else {
			fprintf(to, "%s %s %s %c %" PRIu32 ", %s to %s, last: %s\n", s->node, s->module, s->origin, s->level, s->key, first, last, s->message);
		}
	}
	if (html)
		fputs("</ul>\n", to);
}

/* ---- the whole ---- */
/* RFC 2046 does not take an @ in a boundary, and at most 70 characters */
static int
boundary_length(const struct compose *c)
{
	size_t n = strcspn(c->id, "@");

	return n < 60 ? (int)n : 60;
}

static const char *
subject_node(const struct compose *c)
{
	const struct mail_event *worst = window_worst(c->window);

	return worst != NULL && worst->node[0] != '\0' ? worst->node : c->node;
}

static void
make_subject(const struct compose *c, char *buf, size_t size)
{
	const struct mail_event *worst = window_worst(c->window);
	char text[COMPOSE_SUBJECT_MAX * 4];
	size_t room = size > 40 ? size - 40 : size, n;

	if (worst == NULL)
		snprintf(text, sizeof(text), "%s: %" PRIu64 " SafeKit message(s)", c->node, c->window->events);
	else if (worst->module[0] != '\0' && worst->key != KEY_REMINDER && worst->key != KEY_RECOVERY)
		snprintf(text, sizeof(text), "%s: %s: %s", subject_node(c), worst->module, worst->message);
	else
		snprintf(text, sizeof(text), "%s: %s", subject_node(c), worst->message);
	event_clean(text);
	str_copy(buf, room, text);
	n = strlen(buf);
	if (c->window->events > 1)
		snprintf(buf + n, size - n, " (+%" PRIu64 ")", c->window->events - 1);
}

static void
headers(FILE *to, const struct compose *c, const char *subject)
{
	static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t sec = (time_t)(c->now_us / 1000000);
	const struct mail_event *worst = window_worst(c->window);
	char zone[8];
	struct tm tm;
	uint32_t i;

	if (localtime_r(&sec, &tm) == NULL || strftime(zone, sizeof(zone), "%z", &tm) == 0) {
		sec = 0;
		gmtime_r(&sec, &tm);
		str_copy(zone, sizeof(zone), "+0000");
	}
	fprintf(to, "Date: %s, %d %s %d %02d:%02d:%02d %s\r\n", day[tm.tm_wday], tm.tm_mday, month[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, zone);
	fprintf(to, "From: %s\r\nTo: ", c->from);
	for (i = 0; i < c->rule->to_count; i++)
		fprintf(to, "%s%s", i == 0 ? "" : ",\r\n ", c->rule->to[i]);
	fprintf(to, "\r\nMessage-ID: <%s>\r\n", c->id);
	header_text(to, "Subject", subject);
	fputs("Auto-Submitted: auto-generated\r\n", to);
	if (worst != NULL && worst->level == 'C')
		fputs("Importance: high\r\nX-Priority: 1\r\n", to);
	fprintf(to, "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"=_%.*s\"\r\n\r\n", boundary_length(c), c->id);
}

static void
body(FILE *to, const struct compose *c, bool html)
{
	const struct window *w = c->window;
	char line[SK_NAME_MAX + 128];

	snprintf(line, sizeof(line), "The following %" PRIu64 " noteworthy message%s been emitted on %s:", w->events, w->events == 1 ? " has" : "s have",
	    subject_node(c));
	if (html) {
		fputs("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n<p>", to);
		escaped(to, line);
		fputs("</p>\n", to);
		html_table(to, c);
	} else {
		fprintf(to, "%s\n\n", line);
		text_table(to, c);
	}
	sums(to, c, html);
	if (c->trouble[0] != '\0') {
		fputs(html ? "<p>" : "\n", to);
		(html ? escaped(to, c->trouble) : (void)fputs(c->trouble, to));
		fputs(html ? "</p>\n" : "\n", to);
	}
	fprintf(to, html ? "<p><small>safemail on %s, rule %s</small></p>\n</body></html>\n" : "\n-- \nsafemail on %s, rule %s\n", c->node, c->rule->name);
}

static bool
part(FILE *to, const struct compose *c, bool html)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return false;
	body(f, c, html);
	if (fclose(f) != 0) {
		free(text);
		return false;
	}
	fprintf(to, "--=_%.*s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", boundary_length(c), c->id,
	    html ? "html" : "plain");
	quoted_printable(to, text);
	fputs("\r\n", to);
	free(text);
	return true;
}

bool
compose_mail(const struct compose *c, struct mail_text *mail)
{
	FILE *to;
	bool good;

	memset(mail, 0, sizeof(*mail));
	make_subject(c, mail->subject, sizeof(mail->subject));
	to = open_memstream(&mail->data, &mail->len);
	if (to == NULL)
		return false;
	headers(to, c, mail->subject);
	good = part(to, c, false) && part(to, c, true);
	fprintf(to, "--=_%.*s--\r\n", boundary_length(c), c->id);
	if (fclose(to) != 0 || !good) {
		free(mail->data);
		mail->data = NULL;
		return false;
	}
	return true;
}
