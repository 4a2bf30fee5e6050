/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * typographic.c: looks at the tags of a file as characters, which no tree can show.  Finds the quotes, dashes and blanks that a
 * manual in PDF or a word processor puts where XML wants plain ones.  That is asked only after libxml2 has refused the file: inside
 * a well-formed value or text these characters are just text.
 * Also counts attributes before libxml2 does, whose time grows with the square of their number, and finds where a text begins, which
 * libxml2 does not note.
 * Called by: xml.c, failover.c.  Never does: decide that a file is wrong by itself, look into comments or CDATA.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdio.h>
#include <string.h>

static const struct odd { const char bytes[4], *what, *instead; } odds[] = {
	{ "\xe2\x80\x9c", "typographic quote U+201C", "\"" },
	{ "\xe2\x80\x9d", "typographic quote U+201D", "\"" },
	{ "\xe2\x80\x98", "typographic quote U+2018", "'" },
	{ "\xe2\x80\x99", "typographic quote U+2019", "'" },
	{ "\xe2\x80\x93", "typographic dash U+2013", "--" },
	{ "\xe2\x80\x94", "typographic dash U+2014", "--" },
	{ "\xc2\xa0", "no-break space U+00A0", "a plain blank" },
};

struct scan {
	const char *p, *end, *file;
	int line, first, last_said;
	int widest, widest_line;	/* most attributes of one tag, and where */
	struct conf_errors *errs;	/* NULL: nothing is said */
};

static const struct odd *
odd_at(const struct scan *s)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(odds); i++)
		if ((size_t)(s->end - s->p) >= strlen(odds[i].bytes) && memcmp(s->p, odds[i].bytes, strlen(odds[i].bytes)) == 0)
			return &odds[i];
	return NULL;
}

static void
say(struct scan *s, const struct odd *o, int line)
{
	if (s->errs == NULL || line == s->last_said)
		return;
	s->last_said = line;
	if (s->first == 0)
		s->first = line;
	conf_complain(s->errs, 'E', s->file, line, "%s at line %d: write %s instead", o->what, line, o->instead);
}

static bool
starts(const struct scan *s, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, with, n) == 0;
}

static void
step(struct scan *s)
{
	if (*s->p++ == '\n')
		s->line++;
}

static void
skip_past(struct scan *s, const char *what)
{
	while (s->p < s->end && !starts(s, what))
		step(s);
	s->p += s->p < s->end ? strlen(what) : 0;
}

/* In a tag, behind '<'.  Returns at '>' or at the '<' of the next tag. */
static void
scan_tag(struct scan *s)
{
	const struct odd *o, *in_value = NULL;
	int in_value_line = 0, attrs = 0, begin = s->line;
	char quote = '\0';

	for (; s->p < s->end; step(s)) {
		if (*s->p == '<') {
			/* a value never holds '<': it was opened by a plain quote and closed by another one */
			if (in_value != NULL)
				say(s, in_value, in_value_line);
			return;
		}
		if (quote != '\0') {
			if (*s->p == quote) {
				quote = '\0';
				in_value = NULL;
			} else if (in_value == NULL && (in_value = odd_at(s)) != NULL) {
				in_value_line = s->line;
			}
		} else if (*s->p == '>') {
			return;
		} else if (*s->p == '"' || *s->p == '\'') {
			quote = *s->p;
		} else if (*s->p == '=') {
			if (++attrs > s->widest) {
				s->widest = attrs;
				s->widest_line = begin;
			}
		} else if ((o = odd_at(s)) != NULL) {
			say(s, o, s->line);
		}
	}
}

static void
scan_file(struct scan *s)
{
	while (s->p < s->end) {
		if (*s->p != '<') {
			step(s);
		} else if (starts(s, "<!--")) {
			skip_past(s, "-->");
		} else if (starts(s, "<![CDATA[")) {
			skip_past(s, "]]>");
		} else if (starts(s, "<?")) {
			skip_past(s, "?>");
		} else {
			s->p++;
			scan_tag(s);
		}
	}
}

int
conf_typographic(const char *file, const char *data, size_t len, struct conf_errors *errs)
{
	struct scan s = { .p = data, .end = data + len, .file = file, .line = 1, .errs = errs };

	scan_file(&s);
	return s.first;
}

int
conf_widest_tag(const char *data, size_t len, int *line)
{
	struct scan s = { .p = data, .end = data + len, .line = 1 };

	scan_file(&s);
	*line = s.widest_line;
	return s.widest;
}

/* Blanks in front of a text are no part of its place when nothing but blanks follows. */
static bool
is_blank(const char *p, const char *end)
{
	for (; p < end; p++)
		if (strchr(" \t\r\n", *p) == NULL || *p == '\0')
			return false;
	return true;
}

static int
column_of(const struct scan *s, const char *data)
{
	const char *p = s->p;

	while (p > data && p[-1] != '\n')
		p--;
	return (int)(s->p - p) + 1;
}

/* One piece of text from here to what; true: it is not blank and was noted. */
static bool
text_place(struct scan *s, const char *data, const char *until, struct conf_place *out)
{
	struct scan end = *s;
	bool blank;

	while (end.p < end.end && !starts(&end, until))
		step(&end);
	blank = is_blank(s->p, end.p);
	if (!blank)
		*out = (struct conf_place){ s->line, column_of(s, data) };
	*s = end;
	return !blank;
}

static bool
at_tag(struct scan *s, const char *tag)
{
	size_t n = strlen(tag);

	return starts(s, "<") && (size_t)(s->end - s->p) > n + 1 && memcmp(s->p + 1, tag, n) == 0 && strchr(" \t\r\n>", s->p[n + 1]) != NULL;
}

/* Past '<' and its tag, to behind '>' */
static void
pass_tag(struct scan *s)
{
	s->p++;
	scan_tag(s);
	if (s->p < s->end && *s->p == '>')
		s->p++;
}

int
conf_text_places(const char *data, size_t len, const char *tag, struct conf_place *out, int max)
{
	struct scan s = { .p = data, .end = data + len, .line = 1 };
	bool inside = false;
	int n = 0;

	while (s.p < s.end && n < max) {
		if (starts(&s, "<!--")) {
			skip_past(&s, "-->");
		} else if (starts(&s, "<?")) {
			skip_past(&s, "?>");
		} else if (starts(&s, "<![CDATA[")) {
			s.p += strlen("<![CDATA[");
			if (inside)
				n += text_place(&s, data, "]]>", &out[n]);
			skip_past(&s, "]]>");
		} else if (!inside && at_tag(&s, tag)) {
			pass_tag(&s);
			inside = s.p[-2] != '/';
		} else if (starts(&s, "<")) {
			if (inside)
				break;
			pass_tag(&s);
		} else if (inside) {
			n += text_place(&s, data, "<", &out[n]);
		} else {
			step(&s);
		}
	}
	return n;
}
