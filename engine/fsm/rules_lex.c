/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_lex.c: the characters of failover rules as words and signs, with line and column.
 *
 * Owns: what a word, a text in quotes, a comment and a blank are; what to say of characters that a manual in PDF, a word processor or an
 * XML habit puts in their place.  Called by: rules_parse.c.  Never does: allocate, know a keyword, read behind the NUL.
 */
#include "config.h"
#include "fsm/rules_impl.h"

#include <stdio.h>
#include <string.h>

static const struct sign { const char *text; enum token_kind kind; } signs[] = {	/* the longer ones first */
	{ "==", TK_EQUAL }, { "!=", TK_DIFFER }, { "&&", TK_AND }, { "||", TK_OR }, { "(", TK_OPEN }, { ")", TK_CLOSE }, { ":", TK_COLON },
	{ ";", TK_SEMICOLON }, { "=", TK_ASSIGN }, { "!", TK_NOT },
};

static const struct odd { const char *bytes, *what, *instead; } odds[] = {
	{ "\xe2\x80\x9c", "typographic quote U+201C", "\"" },
	{ "\xe2\x80\x9d", "typographic quote U+201D", "\"" },
	{ "\xe2\x80\x9e", "typographic quote U+201E", "\"" },
	{ "\xe2\x80\x98", "typographic quote U+2018", "\"" },
	{ "\xe2\x80\x99", "typographic quote U+2019", "\"" },
	{ "\xc2\xab", "typographic quote U+00AB", "\"" },
	{ "\xc2\xbb", "typographic quote U+00BB", "\"" },
	{ "\xe2\x80\x93", "typographic dash U+2013", "-" },
	{ "\xe2\x80\x94", "typographic dash U+2014", "-" },
	{ "\xc2\xa0", "no-break space U+00A0", "a plain blank" },
	{ "'", "'", "\"" },
	{ "&amp;", "&amp;", "&& (in CDATA nothing is escaped)" },
	{ "&quot;", "&quot;", "\" (in CDATA nothing is escaped)" },
	{ "&", "a single &", "&&" },
	{ "|", "a single |", "||" },
	{ "//", "//", "a comment as /* ... */ or <!-- ... -->" },
	{ "#", "#", "a comment as /* ... */ or <!-- ... -->" },
	{ "<", "<", "== or != (there is no order among states)" },
	{ ">", ">", "== or != (there is no order among states)" },
};

static const struct comment { const char *open, *close; } comments[] = { { "/*", "*/" }, { "<!--", "-->" } };

static bool
starts(const char *p, const char *with)
{
	return strncmp(p, with, strlen(with)) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool
is_word(const char *p, bool label)
{
	char c = *p;

	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
		return true;
	if (c == '\0' || (c == '/' && p[1] == '*'))
		return false;
	return strchr(label ? ".-" : ".-*?:/@%+", c) != NULL;
}

static bool
begins_word(const char *p, bool label)
{
	return is_word(p, label) && *p != ':' && *p != '/' && *p != '%' && *p != '+' && *p != '@';
}

static const struct comment *
comment_at(const char *p)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(comments); i++)
		if (starts(p, comments[i].open))
			return &comments[i];
	return NULL;
}

static void
step(struct lexer *x, size_t n)
{
	for (; n > 0 && *x->p != '\0'; n--, x->p++) {
		if (*x->p == '\n') {
			x->line++;
			x->column = 1;
		} else if (((unsigned char)x->p[1] & 0xc0) != 0x80) {
			x->column++;	/* counted in characters: behind the last byte of one */
		}
	}
}

static void
bad(struct lexer *x, struct token *t, const char *what, const char *expected)
{
	t->kind = TK_BAD;
	snprintf(x->why, sizeof(x->why), "%s: expected %s", what, expected);
}

/* False: a comment that does not end, said in t */
static bool
skip_blanks(struct lexer *x, struct token *t)
{
	const struct comment *c;
	const char *end;

	for (;;) {
		while (is_blank(*x->p))
			step(x, 1);
		c = comment_at(x->p);
		if (c == NULL)
			return true;
		end = strstr(x->p + strlen(c->open), c->close);
		if (end == NULL) {
			*t = (struct token){ .at = x->p, .len = (int)strlen(c->open), .line = x->line, .column = x->column };
			bad(x, t, "a comment that does not end", c->close);
			return false;
		}
		step(x, (size_t)(end - x->p) + strlen(c->close));
	}
}

/* x stands on the opening quote */
static void
lex_string(struct lexer *x, struct token *t)
{
	const char *end = ++t->at;

	while ((unsigned char)*end >= 0x20 && *end != '"' && *end != 0x7f)
		end++;
	t->len = (int)(end - t->at);
	if (*end != '"')
		bad(x, t, "a text in quotes that does not end in its line", "\"");
	else if (t->len >= RULES_STRING_MAX)
		bad(x, t, "a text in quotes of more than 255 bytes", "a host name");
	else
		t->kind = TK_STRING;
	if (t->kind == TK_STRING)
		step(x, (size_t)t->len + 2);
}

static void
lex_odd(struct lexer *x, struct token *t)
{
	char what[32];
	size_t i;

	for (i = 0; i < ARRAY_LEN(odds); i++)
		if (starts(x->p, odds[i].bytes)) {
			bad(x, t, odds[i].what, odds[i].instead);
			return;
		}
	if ((unsigned char)*x->p > 0x20 && (unsigned char)*x->p < 0x7f)
		snprintf(what, sizeof(what), "'%c'", *x->p);
	else
		snprintf(what, sizeof(what), "byte 0x%02x", (unsigned char)*x->p);
	bad(x, t, what, "a word, a text in quotes or one of ( ) : ; = == != ! && ||");
}

void
lex_start(struct lexer *x, const struct rules_part *part)
{
	*x = (struct lexer){ .p = part->text, .line = part->line > 0 ? part->line : 1, .column = part->column > 0 ? part->column : 1 };
}

void
lex_next(struct lexer *x, struct token *t, bool label)
{
	size_t i;

	if (!skip_blanks(x, t))
		return;
	*t = (struct token){ .kind = TK_END, .at = x->p, .line = x->line, .column = x->column };
	if (*x->p == '\0')
		return;
	if (*x->p == '"') {
		lex_string(x, t);
		return;
	}
	if (begins_word(x->p, label)) {
		while (is_word(x->p + t->len, label))
			t->len++;
		t->kind = TK_WORD;
		step(x, (size_t)t->len);
		return;
	}
	for (i = 0; i < ARRAY_LEN(signs); i++)
		if (starts(x->p, signs[i].text)) {
			t->kind = signs[i].kind;
			t->len = (int)strlen(signs[i].text);
			step(x, (size_t)t->len);
			return;
		}
	lex_odd(x, t);
}

void
lex_squeeze(const char *from, const char *to, char *out)
{
	char *o = out;

	while (from < to) {
		const struct comment *c = comment_at(from);

		if (c != NULL || is_blank(*from)) {
			const char *end = c != NULL ? strstr(from + strlen(c->open), c->close) : NULL;

			from = end != NULL ? end + strlen(c->close) : from + 1;
			if (o > out && o[-1] != ' ')
				*o++ = ' ';
			continue;
		}
		if (*from == '"')	/* what stands in quotes stays as it is */
			do
				*o++ = *from++;
			while (from < to && *from != '"');
		if (from < to)
			*o++ = *from++;
	}
	if (o > out && o[-1] == ' ')
		o--;
	*o = '\0';
}
