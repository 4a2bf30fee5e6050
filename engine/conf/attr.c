/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attr.c: typed attributes of a tag.  Owns: the sentences about a wrong value: what it is, where, what was expected.
 * Called by: cluster.c, module.c, heart.c, after the schema has been asked.  Never does: know a tag.
 */
#include "config.h"
#include "conf/xml.h"

#include <string.h>

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

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return false;
	if (!str_to_u64(text, (uint64_t)min, (uint64_t)max, &v)) {
		conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: expected a number from %d to %d", name, text, node->name, min, max);
		return false;
	}
	*out = (int)v;
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
