/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errors.c: the list of findings.  Owns: making text that came from outside fit to be shown (UTF-8, no control characters).
 * Called by: all of conf/ and those who add findings of their own.  Never does: print.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 character at s, 0 when there is none. */
static size_t
utf8_length(const unsigned char *s)
{
	size_t i, n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* A value may hold anything: what would move a terminal's cursor or break the JSON of a report becomes '?'. */
static void
make_showable(char *text)
{
	unsigned char *s = (unsigned char *)text;
	size_t n;

	while (*s != '\0') {
		n = utf8_length(s);
		if (n == 0 || *s < ' ' || *s == 0x7f || (n == 2 && s[0] == 0xc2 && s[1] < 0xa0)) {
			*s = *s == '\n' || *s == '\t' ? ' ' : '?';
			n = 1;
		}
		s += n;
	}
}

static void PRINTFLIKE(5, 0)
complain_va(struct conf_errors *errs, char level, const char *file, int line, const char *fmt, va_list ap)
{
	char text[2 * SK_TEXT_MAX];
	struct conf_error *e;

	if (errs->count == CONF_ERRORS_MAX) {
		errs->more = true;
		/* a file full of warnings must still be refused by its first error */
		if (level != 'E' || conf_has_errors(errs))
			return;
		errs->count--;
	}
	vsnprintf(text, sizeof(text), fmt, ap);
	make_showable(text);
	e = &errs->e[errs->count++];
	e->level = level;
	e->line = line;
	e->column = 0;
	str_copy(e->file, sizeof(e->file), file != NULL ? file : "");
	make_showable(e->file);
	str_copy(e->text, sizeof(e->text), text);
}

void
conf_complain(struct conf_errors *errs, char level, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain_va(errs, level, file, line, fmt, ap);
	va_end(ap);
}

void
conf_say(const struct conf_doc *d, char level, const xmlNode *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain_va(d->errs, level, d->file, conf_xml_line(node), fmt, ap);
	va_end(ap);
}

bool
conf_has_errors(const struct conf_errors *errs)
{
	int i;

	for (i = 0; i < errs->count; i++)
		if (errs->e[i].level == 'E')
			return true;
	return false;
}
