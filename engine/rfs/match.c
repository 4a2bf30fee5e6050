/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * match.c: what of a replicated folder is not replicated (<notreplicated>).
 *
 * Owns: the compiled expressions.  Called by: psync.c (walk, routing of changes), ssync.c (what is no extra).  Never does: look at a file.
 *
 * The path is relative to the replicated folder.
 *	path="a/b"		that file or folder and everything below it
 *	regexpath="exp"		whatever exp matches as a whole path, or the path of a folder above it.  POSIX extended (regex(7))
 *	regexpath="!exp"	once one is there: an entry that is no folder is replicated only where one of them matches its path; folders always are (they
 *				hold what may be), unless one of the others excludes them
 * An exclusion wins over "!".
 */
#include "config.h"
#include "rfs/match.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule { bool regex, only, ready; char *text; size_t len; regex_t re; };
struct match { int n; bool any_only; struct rule r[]; };

void
match_free(struct match *m)
{
	int i;

	if (m == NULL)
		return;
	for (i = 0; i < m->n; i++) {
		if (m->r[i].ready)
			regfree(&m->r[i].re);
		free(m->r[i].text);
	}
	free(m);
}

static bool
rule_make(struct rule *r, const struct conf_notrep *c)
{
	size_t size = strlen(c->text) + 8;
	char *whole;

	r->regex = c->regex;
	r->only = c->regex && c->only;
	if (!c->regex) {
		const char *t = c->text;

		while (t[0] == '/' || (t[0] == '.' && t[1] == '/'))
			t++;
		r->text = strdup(t);
		if (r->text == NULL)
			return false;
		r->len = strlen(r->text);
		while (r->len > 0 && r->text[r->len - 1] == '/')
			r->text[--r->len] = '\0';
		return true;
	}
	whole = malloc(size);
	if (whole == NULL)
		return false;
	snprintf(whole, size, "^(%s)$", c->text);
	r->ready = regcomp(&r->re, whole, REG_EXTENDED | REG_NOSUB) == 0;
	free(whole);
	return r->ready;
}

struct match *
match_new(const struct conf_replicated *c)
{
	int n = c != NULL ? c->not_count : 0, i;
	struct match *m = calloc(1, sizeof(*m) + (size_t)n * sizeof(m->r[0]));

	if (m == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		m->n = i + 1;
		if (!rule_make(&m->r[i], &c->not[i])) {
			match_free(m);
			return NULL;
		}
		m->any_only = m->any_only || m->r[i].only;
	}
	return m;
}

bool
match_any(const struct match *m)
{
	return m != NULL && m->n > 0;
}

/* Does the exclusion name rel or a folder above it?  buf: rel, which is cut and mended */
static bool
excludes(const struct rule *r, char *buf)
{
	char *cut = buf;
	bool hit = false;

	if (!r->regex)
		return r->len > 0 && strncmp(buf, r->text, r->len) == 0 && (buf[r->len] == '\0' || buf[r->len] == '/');
	while (!hit) {
		cut = strchr(cut, '/');
		if (cut != NULL)
			*cut = '\0';
		hit = regexec(&r->re, buf, 0, NULL, 0) == 0;
		if (cut == NULL)
			break;
		*cut++ = '/';
	}
	return hit;
}

bool
match_private(const struct match *m, const char *rel, bool folder)
{
	char small[512], *buf = small;
	size_t len;
	bool is = false, wanted = false;
	int i;

	if (!match_any(m))
		return false;
	len = strlen(rel) + 1;
	if (len > sizeof(small) && (buf = malloc(len)) == NULL)
		return false;
	memcpy(buf, rel, len);
	for (i = 0; i < m->n && !is; i++)
		if (!m->r[i].only)
			is = excludes(&m->r[i], buf);
		else if (!wanted)
			wanted = regexec(&m->r[i].re, rel, 0, NULL, 0) == 0;
	if (buf != small)
		free(buf);
	return is || (m->any_only && !folder && !wanted);
}
