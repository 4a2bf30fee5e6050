/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redact.c: takes passwords and keys out of texts that leave the server (dump, snapshot).  Pure: text -> text.
 *
 * Two nets.  redact_text() knows how configurations look: what follows a name that has pass, secret, key or token in it - an attribute or
 * a <var name="..." value="..."/>, a member of JSON, a shell variable, an option, an element of XML - becomes ***, and is remembered.
 * redact_known() takes what was remembered out of any text: logs, outputs of scripts, lists of processes.
 */
#include "config.h"
#include "cli/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET_MIN	4	/* bytes: shorter ones would blacken half of a log (ours) */
#define WORD_MAX	8	/* letters (ours) */
#define SECRET_MAX	4096
#define SECRETS_MAX	1000

struct out { char *data; size_t len, size; bool failed; };

struct scan {
	struct redact *r;
	const char *text;
	size_t len;
	bool	named;		/* name="...password..." was seen: the next value= in this element is one */
	const char *value;	/* of the last value= in this element, for a name= that comes after it */
	size_t	value_len;
	struct out *out;
};

static void
put(struct out *o, const char *data, size_t n)
{
	char *more;

	if (o->failed || n == 0)
		return;
	if (o->len + n + 1 > o->size) {
		size_t size = (o->len + n + 1) * 2;

		more = realloc(o->data, size);
		if (more == NULL) {
			o->failed = true;
			return;
		}
		o->data = more;
		o->size = size;
	}
	memcpy(o->data + o->len, data, n);
	o->len += n;
	o->data[o->len] = '\0';
}

static char *
finish(struct out *o)
{
	put(o, "", 1);		/* an empty text is a text too */
	if (o->failed) {
		free(o->data);
		return NULL;
	}
	return o->data;
}

/* ---- what is secret ---- */

static bool
is_sensitive(const char *name, size_t n)
{
	static const char *const words[] = { "pass", "secret", "key", "token", "pwd" };
	size_t i, k;

	for (i = 0; i < ARRAY_LEN(words); i++)
		for (k = 0; k + strlen(words[i]) <= n; k++)
			if (strncasecmp(name + k, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

/* References to values, switches and numbers tell nothing */
static bool
is_harmless(const char *v, size_t n)
{
	static const char *const words[] = { "true", "false", "on", "off", "yes", "no", "none", "null", "***" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (n == strlen(words[i]) && strncasecmp(v, words[i], n) == 0)
			return true;
	return n == 0 || v[0] == '$' || v[0] == '`' || (n > 2 && v[0] == '%' && v[n - 1] == '%');
}

void
redact_remember(struct redact *r, const char *secret, size_t n)
{
	char **more;
	int i;

	if (n < SECRET_MIN || n > SECRET_MAX || r->n == SECRETS_MAX)
		return;
	for (i = 0; i < r->n; i++)
		if (strlen(r->secrets[i]) == n && memcmp(r->secrets[i], secret, n) == 0)
			return;
	more = realloc(r->secrets, (size_t)(r->n + 1) * sizeof(*more));
	if (more == NULL)
		return;
	r->secrets = more;
	more[r->n] = strndup(secret, n);
	if (more[r->n] != NULL)
		r->n++;
}

/* "The key: see below" in a comment must not blacken every "see" of a log: a short word of letters is remembered only when it is quoted */
static bool
is_word(const char *v, size_t n)
{
	size_t i;

	for (i = 0; i < n && isalpha((unsigned char)v[i]); i++)
		;
	return i == n && n < WORD_MAX;
}

/* Also as it looks once the entities of XML are resolved: so it stands in module.json and in environments */
static void
remember_value(struct redact *r, const char *v, size_t n)
{
	static const struct { const char *entity; char c; } entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
	    { "&quot;", '"' }, { "&apos;", '\'' } };
	char plain[SECRET_MAX];
	size_t i, k = 0, e;

	redact_remember(r, v, n);
	if (n > sizeof(plain) || memchr(v, '&', n) == NULL)
		return;
	for (i = 0; i < n; k++) {
		for (e = 0; e < ARRAY_LEN(entities); e++)
			if (n - i >= strlen(entities[e].entity) && strncmp(v + i, entities[e].entity, strlen(entities[e].entity)) == 0)
				break;
		plain[k] = e < ARRAY_LEN(entities) ? entities[e].c : v[i];
		i += e < ARRAY_LEN(entities) ? strlen(entities[e].entity) : 1;
	}
	redact_remember(r, plain, k);
}

/* ---- how configurations look ---- */

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static size_t
skip_blanks(const struct scan *s, size_t at)
{
	while (at < s->len && (s->text[at] == ' ' || s->text[at] == '\t'))
		at++;
	return at;
}

/* Where the value of the name that ends at "at" begins; 0: there is none.  *end: one past it */
static size_t
find_value(const struct scan *s, size_t begin, size_t at, size_t *end)
{
	const char *t = s->text, *stop = " \t\r\n;,}<>&|)\"'";
	bool quoted = at < s->len && (t[at] == '"' || t[at] == '\''), json = false;
	size_t p;

	if (!quoted && begin > 0 && t[begin - 1] == '<' && at < s->len && t[at] == '>') {	/* <password>...</password> */
		for (*end = at + 1; *end < s->len && t[*end] != '<'; ++*end)
			;
		return at + 1;
	}
	p = skip_blanks(s, at + quoted);
	if (p < s->len && (t[p] == '=' || t[p] == ':') && !(p + 1 < s->len && t[p + 1] == '=')) {
		json = quoted && t[p] == ':';
		p = skip_blanks(s, p + 1);
	} else if (quoted || t[begin] != '-' || p == at || p >= s->len || t[p] == '-') {	/* --password word */
		return 0;
	}
	if (p >= s->len)
		return 0;
	if (t[p] == '"' || t[p] == '\'') {
		for (*end = p + 1; *end < s->len && t[*end] != t[p]; ++*end)
			if (json && t[*end] == '\\' && *end + 1 < s->len)
				++*end;
		return p + 1;
	}
	for (*end = p; *end < s->len && strchr(stop, t[*end]) == NULL; ++*end)
		;
	return p;
}

/* name="...": the value= that follows is secret; one that came before it is remembered, so that redact_known() finds it */
static void
take_var_name(struct scan *s, const char *name, size_t n)
{
	s->named = is_sensitive(name, n);
	if (s->named && s->value != NULL && !is_harmless(s->value, s->value_len))
		remember_value(s->r, s->value, s->value_len);
}

/* Takes the name at begin..at; where to go on */
static size_t
take_name(struct scan *s, size_t begin, size_t at)
{
	const char *t = s->text;
	size_t value, end = 0, n = at - begin;
	bool sensitive = is_sensitive(t + begin, n);

	value = find_value(s, begin, at, &end);
	if (value != 0 && n == 4 && strncasecmp(t + begin, "name", n) == 0)
		take_var_name(s, t + value, end - value);
	else if (value != 0 && s->named && n == 5 && strncasecmp(t + begin, "value", n) == 0)
		sensitive = true;
	if (value != 0 && n == 5 && strncasecmp(t + begin, "value", n) == 0) {
		s->value = t + value;
		s->value_len = end - value;
	}
	if (value == 0 || !sensitive || is_harmless(t + value, end - value)) {
		put(s->out, t + begin, n);
		return at;
	}
	if (strchr("\"'>", t[value - 1]) != NULL || !is_word(t + value, end - value))
		remember_value(s->r, t + value, end - value);
	s->r->hidden++;
	put(s->out, t + begin, value - begin);
	put(s->out, "***", 3);
	return end;
}

char *
redact_text(struct redact *r, const char *text, size_t len)
{
	struct out out = { 0 };
	struct scan s = { .r = r, .text = text, .len = len, .out = &out };
	size_t at = 0, begin;

	while (at < len && !out.failed) {
		if (!is_name_char(text[at])) {
			if (strchr("<>{}", text[at]) != NULL) {
				s.named = false;
				s.value = NULL;
			}
			put(&out, text + at++, 1);
			continue;
		}
		for (begin = at; at < len && is_name_char(text[at]); at++)
			;
		at = take_name(&s, begin, at);
	}
	return finish(&out);
}

char *
redact_known(struct redact *r, const char *text, size_t len)
{
	bool first[256] = { false };
	struct out out = { 0 };
	size_t at = 0, from = 0, n;
	int i;

	for (i = 0; i < r->n; i++)
		first[(unsigned char)r->secrets[i][0]] = true;
	while (at < len) {
		n = 0;
		for (i = 0; first[(unsigned char)text[at]] && i < r->n; i++) {
			size_t k = strlen(r->secrets[i]);

			if (k > n && k <= len - at && memcmp(text + at, r->secrets[i], k) == 0)
				n = k;		/* the longest one: a password may begin like another */
		}
		if (n == 0) {
			at++;
			continue;
		}
		put(&out, text + from, at - from);
		put(&out, "***", 3);
		r->hidden++;
		at += n;
		from = at;
	}
	put(&out, text + from, len - from);
	return finish(&out);
}

void
redact_free(struct redact *r)
{
	while (r->n > 0) {
		r->n--;
		explicit_bzero(r->secrets[r->n], strlen(r->secrets[r->n]));
		free(r->secrets[r->n]);
	}
	free(r->secrets);
	r->secrets = NULL;
}
