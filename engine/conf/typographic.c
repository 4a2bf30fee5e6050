/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * typographic.c: finds the quotes, dashes and blanks that a manual in PDF or a word processor puts where XML wants plain ones.
 * Asked only after libxml2 has refused the file: inside a well-formed value or text these characters are just text.
 * Called by: xml.c.  Never does: decide that a file is wrong by itself, look into comments or CDATA.
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
	struct conf_errors *errs;
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
	if (line == s->last_said)
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
	int in_value_line = 0;
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
		} else if ((o = odd_at(s)) != NULL) {
			say(s, o, s->line);
		}
	}
}

int
conf_typographic(const char *file, const char *data, size_t len, struct conf_errors *errs)
{
	struct scan s = { .p = data, .end = data + len, .file = file, .line = 1, .errs = errs };

	while (s.p < s.end) {
		if (*s.p != '<') {
			step(&s);
		} else if (starts(&s, "<!--")) {
			skip_past(&s, "-->");
		} else if (starts(&s, "<![CDATA[")) {
			skip_past(&s, "]]>");
		} else if (starts(&s, "<?")) {
			skip_past(&s, "?>");
		} else {
			s.p++;
			scan_tag(&s);
		}
	}
	return s.first;
}
