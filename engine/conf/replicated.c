/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replicated.c: <replicated> of <rfs>: which folders, what of them is not replicated, what must be there (UG 13.6, RN 2.1.4.1).
 * Called by: rfs.c.  Never does: look at a folder (cli/replicated.c and rfsd do).
 */
#include "config.h"
#include "conf/xml.h"

#include <ctype.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* "//a/./b/" -> "/a/b", in place; a relative path stays one */
static void
squeeze(char *path)
{
	char *in = path, *out = path;

	while (*in != '\0') {
		if (*in == '/' && in[1] == '/') {
			in++;
		} else if (*in == '/' && in[1] == '.' && (in[2] == '/' || in[2] == '\0')) {
			in += 2;
		} else {
			*out++ = *in++;
		}
	}
	while (out > path && out[-1] == '/')
		out--;
	*out = '\0';
}

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

bool
conf_is_suffix(const char *s)
{
	return s[0] != '\0' && strchr(s, '/') == NULL && is_printable(s);
}

/* ---- <notreplicated>, <tocheck> ---- */

/* What stands behind "!" must compile by itself: "!*a" does as a whole */
static bool
read_regex(const struct conf_doc *d, xmlNode *node, struct conf_notrep *n)
{
	regex_t re;

	n->regex = true;
	if (!conf_attr_regex(d, node, "regexpath", &n->text))
		return false;
	if (n->text[0] != '!')
		return true;
	n->only = true;
	memmove(n->text, n->text + 1, strlen(n->text));
	if (n->text[0] == '\0' || regcomp(&re, n->text, REG_EXTENDED | REG_NOSUB) != 0) {
		conf_say(d, 'E', node, "regexpath=\"!" CONF_SHOW "\" of <%s>: expected a POSIX extended regular expression after !", n->text, node->name);
		return false;
	}
	regfree(&re);
	return true;
}

static bool
read_path(const struct conf_doc *d, xmlNode *node, char **out)
{
	if (!conf_attr_copy(d, node, "path", 1, CONF_EXEC_MAX, out))
		return false;
	squeeze(*out);
	if (conf_is_inside(*out) && strcmp(*out, ".") != 0 && is_printable(*out)) {
		if (strncmp(*out, "./", 2) == 0)
			memmove(*out, *out + 2, strlen(*out + 2) + 1);
		return true;
	}
	conf_say(d, 'E', node, "path=\"" CONF_SHOW "\" of <%s>: expected a path relative to the replicated folder, and inside it", *out, node->name);
	return false;
}

static void
read_child(const struct conf_doc *d, xmlNode *node, struct conf_replicated *r)
{
	bool check = conf_xml_is(node, "tocheck"), path = conf_attr_has(node, "path");
	void *list = check ? (void *)r->tocheck : (void *)r->not, *slot;
	int *count = check ? &r->tocheck_count : &r->not_count;

	if (path == conf_attr_has(node, "regexpath")) {
		conf_say(d, 'E', node, "<%s>: expected either path or regexpath", node->name);
		return;
	}
	if (*count == CONF_NOTREP_MAX) {
		conf_say(d, 'E', node, "one <%s> too many: expected at most %d", node->name, CONF_NOTREP_MAX);
		return;
	}
	slot = conf_grow(d, node, &list, *count, check ? sizeof(*r->tocheck) : sizeof(*r->not));
	if (check)
		r->tocheck = list;
	else
		r->not = list;
	if (slot == NULL)
		return;
	++*count;		/* counts before it is read: what a refused one holds is freed with the module */
	if (check)
		read_path(d, node, slot);
	else if (path)
		read_path(d, node, &((struct conf_notrep *)slot)->text);
	else
		read_regex(d, node, slot);
}

/* ---- the folder ---- */

/* a and b are one folder, or one is in the other */
bool
conf_is_within(const char *a, const char *b)
{
	size_t n = strlen(a);

	return strncmp(a, b, n) == 0 && (b[n] == '\0' || b[n] == '/');
}

static bool
is_windows(const char *dir)
{
	return (isalpha((unsigned char)dir[0]) && dir[1] == ':') || strchr(dir, '\\') == dir;
}

static bool
read_dir(const struct conf_doc *d, xmlNode *node, const char *suffix, char **out)
{
	char *dir;

	if (!conf_attr_copy(d, node, "dir", 1, CONF_EXEC_MAX, out))
		return false;
	dir = *out;
	if (is_windows(dir)) {
		conf_say(d, 'E', node, "dir=\"" CONF_SHOW "\" of <replicated> is a path of Windows: expected one of Linux, such as /safedir", dir);
		return false;
	}
	squeeze(dir);
	if (dir[0] != '/' || !conf_is_inside(dir + 1) || !is_printable(dir)) {
		conf_say(d, 'E', node, "dir=\"" CONF_SHOW "\" of <replicated>: expected an absolute path such as /safedir, not / and without ..", dir);
		return false;
	}
	if (strlen(strrchr(dir, '/') + 1) + strlen(suffix) > NAME_MAX || strlen(dir) + strlen(suffix) >= PATH_MAX) {
		conf_say(d, 'E', node, "dir=\"" CONF_SHOW "...\" of <replicated> is too long: with \"" CONF_SHOW "\" behind it expected at most %d bytes in a "
		    "name", dir, suffix, NAME_MAX);
		return false;
	}
	return true;
}

/* Is what dir needs (itself, and dir with the suffix) apart from what another one needs? */
static bool
are_apart(const char *a, const char *b, const char *suffix)
{
	char moved_a[PATH_MAX * 2], moved_b[PATH_MAX * 2];

	return path_format(moved_a, sizeof(moved_a), "%s%s", a, suffix) && path_format(moved_b, sizeof(moved_b), "%s%s", b, suffix) &&
	    !conf_is_within(a, b) && !conf_is_within(b, a) && !conf_is_within(moved_a, b) && !conf_is_within(b, moved_a) &&
	    !conf_is_within(moved_b, a) && !conf_is_within(a, moved_b);
}

static void
compare(const struct conf_doc *d, xmlNode *node, const struct conf_rfs *r, const char *dir)
{
	int i;

	for (i = 0; i < r->dirs_count - 1; i++)
		if (r->dirs[i].dir != NULL && !are_apart(r->dirs[i].dir, dir, r->suffix))
			conf_say(d, 'E', node, "dir=\"" CONF_SHOW "\" of <replicated> and " CONF_SHOW " are one within the other: expected folders apart, also "
			    "with \"" CONF_SHOW "\" behind their names", dir, r->dirs[i].dir, r->suffix);
}

void
conf_replicated(const struct conf_doc *d, xmlNode *rfs, struct conf_rfs *r)
{
	struct conf_replicated *one;
	xmlNode *n, *p;

	r->dirs = calloc(CONF_REPLICATED_MAX, sizeof(*r->dirs));
	if (r->dirs == NULL) {
		conf_say(d, 'E', rfs, "no memory to keep <replicated>");
		return;
	}
	for (n = conf_xml_child(rfs, "replicated"); n != NULL; n = conf_xml_next(n, "replicated")) {
		if (r->dirs_count == CONF_REPLICATED_MAX) {
			conf_say(d, 'E', n, "one <replicated> too many: expected at most %d", CONF_REPLICATED_MAX);
			return;
		}
		one = &r->dirs[r->dirs_count++];
		one->read_only = conf_attr_has(n, "mode");	/* the schema has seen to read_only */
		for (p = n->children; p != NULL; p = p->next)
			if (p->type == XML_ELEMENT_NODE)
				read_child(d, p, one);
		if (read_dir(d, n, r->suffix, &one->dir))
			compare(d, n, r, one->dir);
	}
}
