/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * macro.c: %name% -> value, on the parsed tree: a macro can change a text, never the markup (UG 13.1).
 *
 * A macro counts from its <macro> on, so that its value can use earlier ones only and nothing recurs.  A name that no macro has
 * is looked up in the environment; one that is nowhere stays as it is, with a warning.
 * Called by: module.c.  Never does: expand twice.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdlib.h>
#include <string.h>
#include <libxml/hash.h>

struct expander {
	struct conf_doc	*d;
	xmlHashTable	*macros;	/* name -> value, owned */
	size_t		 grown;		/* bytes that all expansions have made */
	bool		 failed;
};

struct buffer { char *data; size_t len, room; };

static void
free_value(void *value, const xmlChar *name)
{
	free(value);
}

static bool
append(struct buffer *b, const char *data, size_t len)
{
	char *more;

	if (b->len + len >= b->room) {
		size_t room = (b->len + len + 1) * 2;

		more = realloc(b->data, room);
		if (more == NULL)
			return false;
		b->data = more;
		b->room = room;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return true;
}

/* Length of the identifier between two %, 0 when what follows the first % is just text ("100% of 20%"). */
static size_t
identifier(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n < SK_NAME_MAX && s[n] == '%' ? n : 0;
}

static const char *
value_of(struct expander *x, const xmlNode *node, const char *name)
{
	const char *value = xmlHashLookup(x->macros, (const xmlChar *)name);

	if (value != NULL)
		return value;
	value = getenv(name);
	if (value == NULL) {
		conf_say(x->d, 'W', node, "%%%s%% is neither a macro defined above nor an environment variable: left as it is", name);
	} else if (!xmlCheckUTF8((const unsigned char *)value)) {
		conf_say(x->d, 'W', node, "%%%s%%: the environment variable is not UTF-8: left as it is", name);
		value = NULL;
	}
	return value;
}

/* New text, or NULL: nothing to replace, or failed (said). */
static char *
expand(struct expander *x, const xmlNode *node, const char *text)
{
	struct buffer b = { NULL, 0, 0 };
	const char *percent, *value;
	char name[SK_NAME_MAX];
	bool changed = false, ok = true;
	size_t n;

	for (; ok && (percent = strchr(text, '%')) != NULL; ) {
		n = identifier(percent + 1);
		if (n == 0) {
			ok = append(&b, text, (size_t)(percent + 1 - text));
			text = percent + 1;
			continue;
		}
		memcpy(name, percent + 1, n);
		name[n] = '\0';
		value = value_of(x, node, name);
		ok = append(&b, text, (size_t)(percent - text)) &&
		    (value != NULL ? append(&b, value, strlen(value)) : append(&b, percent, n + 2));
		changed |= value != NULL;
		text = percent + n + 2;
		x->grown += value != NULL ? strlen(value) : 0;
		if (changed && (b.len > CONF_MACRO_VALUE_MAX || x->grown > CONF_FILE_MAX)) {
			conf_say(x->d, 'E', node, "%%%s%% in <%s> makes more than is accepted: expected at most %u bytes in one value and %u in the "
			    "file after replacing macros", name, node->name, CONF_MACRO_VALUE_MAX, CONF_FILE_MAX);
			x->failed = true;
			free(b.data);
			return NULL;
		}
	}
	ok = ok && append(&b, text, strlen(text));
	if (ok && changed)
		return b.data;
	if (!ok) {
		conf_say(x->d, 'E', node, "no memory to replace macros");
		x->failed = true;
	}
	free(b.data);
	return NULL;
}

static void
expand_attributes(struct expander *x, xmlNode *node)
{
	xmlAttr *a, *next;
	xmlChar *raw;
	char *text;

	for (a = node->properties; a != NULL && !x->failed; a = next) {
		next = a->next;
		raw = xmlNodeListGetString(node->doc, a->children, 1);
		if (raw == NULL || strchr((char *)raw, '%') == NULL) {
			xmlFree(raw);
			continue;
		}
		text = expand(x, node, (char *)raw);
		if (text != NULL && xmlSetNsProp(node, a->ns, a->name, (xmlChar *)text) == NULL) {
			conf_say(x->d, 'E', node, "no memory to replace macros");
			x->failed = true;
		}
		free(text);
		xmlFree(raw);
	}
}

static void
define(struct expander *x, xmlNode *node)
{
	char name[SK_NAME_MAX], *copy;
	xmlChar *value = conf_attr_raw(node, "value"), *raw = conf_attr_raw(node, "name");
	size_t n = raw != NULL ? strlen((char *)raw) : 0;

	if (value == NULL || raw == NULL)
		goto out;	/* the schema will say it */
	memcpy(name, raw, n < sizeof(name) ? n : 0);
	if (n == 0 || n >= sizeof(name) - 1 || (name[n] = '%', name[n + 1] = '\0', identifier(name) != n)) {
		conf_say(x->d, 'E', node, "macro name \"" CONF_SHOW "\": expected 1 to %d letters, digits, _ . or -", raw, SK_NAME_MAX - 2);
		x->failed = true;
		goto out;
	}
	if (strlen((char *)value) > CONF_MACRO_VALUE_MAX || xmlHashSize(x->macros) >= CONF_MACROS_MAX) {
		conf_say(x->d, 'E', node, "macro " CONF_SHOW ": expected at most %d macros of at most %u bytes", raw, CONF_MACROS_MAX,
		    CONF_MACRO_VALUE_MAX);
		x->failed = true;
		goto out;
	}
	if (xmlHashLookup(x->macros, raw) != NULL)
		conf_say(x->d, 'W', node, "macro %s is defined again: the new value counts from here on", raw);
	copy = strdup((char *)value);
	if (copy == NULL || xmlHashUpdateEntry(x->macros, raw, copy, free_value) != 0) {
		conf_say(x->d, 'E', node, "no memory to keep a macro");
		x->failed = true;
		free(copy);
	}
out:
	xmlFree(value);
	xmlFree(raw);
}

static void
walk(struct expander *x, xmlNode *node)
{
	char *text;

	for (; node != NULL && !x->failed; node = node->next) {
		if (node->type == XML_ELEMENT_NODE) {
			expand_attributes(x, node);
			if (!x->failed && conf_xml_is(node, "macro") && node->parent == x->d->root)
				define(x, node);
			walk(x, node->children);
		} else if ((node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) && node->content != NULL &&
		    strchr((char *)node->content, '%') != NULL) {
			text = expand(x, node->parent, (char *)node->content);
			if (text != NULL)
				xmlNodeSetContent(node, (xmlChar *)text);	/* of a text node: taken as it is */
			free(text);
		}
	}
}

bool
conf_macros(struct conf_doc *d)
{
	struct expander x = { .d = d, .macros = xmlHashCreate(64) };

	if (x.macros == NULL) {
		conf_say(d, 'E', d->root, "no memory to keep macros");
		return false;
	}
	walk(&x, d->root);
	xmlHashFree(x.macros, free_value);
	return !x.failed;
}
