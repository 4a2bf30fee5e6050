/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attr.c: typed attributes of a tag.  Owns: the sentences about a wrong value: what it is, where, what was expected.
 * Called by: cluster.c, module.c and its tags' files, after the schema has been asked.  Never does: know a tag.
 */
#include "config.h"
#include "conf/xml.h"

#include <arpa/inet.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define REPEAT_MAX	1000	/* of one {m,n} in a regular expression (ours) */
#define REPEATS_MAX	65536	/* of all in one expression (ours) */

xmlChar *
conf_attr_raw(xmlNode *node, const char *name)
{
	return xmlGetNoNsProp(node, (const xmlChar *)name);
}

/* Blanks around a value mean nothing: the schema's own comparison ignores them, too. */
static bool
copy_trimmed(char *out, size_t size, const char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n");
	len = strlen(s);
	while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL)
		len--;
	if (len >= size)
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	return true;
}

bool
conf_attr_text(const struct conf_doc *d, xmlNode *node, const char *name, char *out, size_t size)
{
	xmlChar *raw = conf_attr_raw(node, name);
	bool fits;

	if (raw == NULL)
		return false;
	fits = copy_trimmed(out, size, (const char *)raw);
	if (!fits)
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "...\" of <%s> is too long: expected at most %zu bytes", name, raw, node->name, size - 1);
	xmlFree(raw);
	return fits;
}

bool
conf_attr_name(const struct conf_doc *d, xmlNode *node, const char *name, char out[SK_NAME_MAX])
{
	char text[256];

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return false;
	if (!str_is_name(text)) {
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s> is not a name: expected 1 to %d letters, digits, _ . or -, the first one a "
		    "letter, a digit or _", name, text, node->name, SK_NAME_MAX - 1);
		return false;
	}
	return str_copy(out, SK_NAME_MAX, text);
}

bool
conf_attr_on(const struct conf_doc *d, xmlNode *node, const char *name, bool *out)
{
	char text[16];

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return false;
	*out = strcmp(text, "on") == 0;	/* the schema has seen to on and off */
	return true;
}

bool
conf_attr_number(const struct conf_doc *d, xmlNode *node, const char *name, int min, int max, int *out)
{
	char text[64];
	uint64_t v;
	bool minus;

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return false;
	minus = text[0] == '-';
	if (!str_to_u64(text + minus, 0, INT32_MAX, &v) || (minus ? -(int)v : (int)v) < min || (minus ? -(int)v : (int)v) > max) {
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: expected a number from %d to %d", name, text, node->name, min, max);
		return false;
	}
	*out = minus ? -(int)v : (int)v;
	return true;
}

bool
conf_attr_duration(const struct conf_doc *d, xmlNode *node, const char *name, int64_t unit_ms, int64_t min_ms, int64_t max_ms,
    int64_t *out_ms)
{
	char text[64], from[32], to[32], unit[32];
	int64_t v;

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return false;
	if (!conf_duration(text, unit_ms, max_ms, &v) || v < min_ms) {
		conf_duration_text(unit_ms, unit, sizeof(unit));
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: expected a duration from %s to %s (units ms, s, m, h, d; without one: %s)",
		    name, text, node->name, conf_duration_text(min_ms, from, sizeof(from)), conf_duration_text(max_ms, to, sizeof(to)),
		    unit + 1);	/* "1s" -> "s" */
		return false;
	}
	*out_ms = v;
	return true;
}

bool
conf_attr_has(xmlNode *node, const char *name)
{
	return xmlHasNsProp(node, (const xmlChar *)name, NULL) != NULL;
}

bool
conf_attr_copy(const struct conf_doc *d, xmlNode *node, const char *name, size_t min, size_t max, char **out)
{
	xmlChar *raw = conf_attr_raw(node, name);
	size_t len = raw != NULL ? strlen((char *)raw) : 0;
	char *text = calloc(1, len + 1);
	bool good = false;

	if (text == NULL) {
		conf_say(d, 'E', node, "no memory to keep %s", name);
	} else if (raw != NULL) {
		copy_trimmed(text, len + 1, (char *)raw);
		len = strlen(text);
		good = len >= min && len <= max;
		if (len < min)
			conf_say(d, 'E', node, "%s of <%s> is empty", name, node->name);
		else if (len > max)
			conf_say(d, 'E', node, "%s=\"" CONF_SHOW "...\" of <%s> is too long: expected at most %zu bytes", name, text, node->name, max);
	}
	xmlFree(raw);
	if (text != NULL && !good)
		text[0] = '\0';
	*out = text;
	return good;
}

bool
conf_is_ip(const char *s)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

/* A host name as a resolver takes it.  Digits and dots alone are an address, and then a right one. */
bool
conf_is_host(const char *s)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t n = strlen(s);

	if (conf_is_ip(s))
		return true;
	return n > 0 && n < CONF_HOST_MAX && strspn(s, chars) == n && s[0] != '-' && s[0] != '.' && strstr(s, "..") == NULL &&
	    strspn(s, "0123456789.") != n;
}

bool
conf_attr_host(const struct conf_doc *d, xmlNode *node, const char *name, char out[CONF_HOST_MAX])
{
	char text[CONF_HOST_MAX];

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return false;
	if (!conf_is_host(text)) {
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: expected an IPv4 or IPv6 address or a host name", name, text, node->name);
		return false;
	}
	return str_copy(out, CONF_HOST_MAX, text);
}

/* regcomp() copies what {m,n} and a + behind a group repeat: nested, that takes gigabytes (22 times ")+": 2 GB).  Counts how many copies the
 * whole expression can make, as if all of them were nested; 0: one {} alone is too much. */
static unsigned long
copies_of(const char *re)
{
	unsigned long copies = 1, n, biggest;
	const char *p;

	for (p = re; *p != '\0' && copies <= REPEATS_MAX; p++) {
		if (*p == '+' && p > re && p[-1] == ')')
			copies *= 2;
		if (*p != '{')
			continue;
		for (biggest = 0; p[1] != '\0' && strchr("0123456789,", p[1]) != NULL; p++) {
			n = strtoul(p + 1, NULL, 10);	/* at a comma: 0 */
			biggest = n > biggest ? n : biggest;
		}
		if (biggest > REPEAT_MAX)
			return 0;
		copies *= biggest > 1 ? biggest : 1;
	}
	return copies;
}

bool
conf_attr_regex(const struct conf_doc *d, xmlNode *node, const char *name, char **out)
{
	unsigned long copies;
	char why[128];
	regex_t re;
	int rc;

	if (!conf_attr_copy(d, node, name, 1, CONF_REGEX_MAX, out))
		return false;
	copies = copies_of(*out);
	if (copies == 0 || copies > REPEATS_MAX) {
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s> repeats too much: expected at most %d in one {} and %d in all that are nested", name,
		    *out, node->name, REPEAT_MAX, REPEATS_MAX);
		return false;
	}
	rc = regcomp(&re, *out, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		regfree(&re);
		return true;
	}
	regerror(rc, &re, why, sizeof(why));
	conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: %s: expected a POSIX extended regular expression", name, *out, node->name, why);
	return false;
}

void
conf_when_fits(const struct conf_doc *d, const xmlNode *node, int when, int mode)
{
	if (mode != MODE_MIRROR && (when == WHEN_PRIM || when == WHEN_SECOND || when == WHEN_SEC))
		conf_say(d, 'W', node, "<%s> of class %s never starts in a %s module, whose scripts are start_both and stop_both: expected both or pre",
		    node->name, conf_when_names[when], rpt_mode_names[mode]);
}

/* What a relative path may not do: leave its folder. */
bool
conf_is_inside(const char *path)
{
	const char *p;

	if (path[0] == '/' || path[0] == '\0')
		return false;
	for (p = path; ; p++) {
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
			return false;
		p = strchr(p, '/');
		if (p == NULL)
			return true;
	}
}

void *
conf_grow(const struct conf_doc *d, const xmlNode *node, void **list, int count, size_t size)
{
	void *more;

	if ((count & (count - 1)) == 0) {	/* room for 1, 2, 4, 8 ... */
		more = realloc(*list, (size_t)(count > 0 ? 2 * count : 1) * size);
		if (more == NULL) {
			conf_say(d, 'E', node, "no memory to keep <%s>", node->name);
			return NULL;
		}
		*list = more;
	}
	return memset((char *)*list + (size_t)count * size, 0, size);
}
