/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schema.c: asks RELAX NG, and says what it found in words that help.
 *
 * libxml2 decides whether a file is valid.  Its own sentences seldom name the tag that is wrong, so when it refuses, the schema is
 * read a second time as what it is, XML: the file is walked beside it, and each unknown tag, unknown or missing attribute and
 * unexpected value is said with what is known at that place.  The .rng stays the only list of tags.
 * It reads the patterns that our schemas use: element, attribute, ref, optional, zeroOrMore, oneOrMore, interleave, group, choice,
 * value, text, anyName.
 * Called by: cluster.c, module.c.  Never does: accept what RELAX NG refuses.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>

#define KNOWN_MAX	32	/* attributes or tags of one tag in our schemas */
#define LIST_MAX	256	/* bytes of "a, b, c" in a message */
#define TAGS_MAX	2048	/* tags in one tag (ours): libxml2's time grows with their square, this many take 15 ms */

struct item { const xmlNode *pattern; char *name; bool required, repeated; int seen_line; };
struct known {
	struct item	attrs[KNOWN_MAX], tags[KNOWN_MAX];
	int		attrs_count, tags_count;
	bool		anything, text;
};

static bool
is(const xmlNode *pattern, const char *name)
{
	return conf_xml_is(pattern, name);
}

static const xmlNode *
definition(const xmlNode *ref)
{
	xmlChar *name = xmlGetNoNsProp((xmlNode *)(uintptr_t)ref, (const xmlChar *)"name"), *its;
	xmlNode *n = xmlDocGetRootElement(ref->doc)->children;

	for (; n != NULL; n = n->next) {
		if (!is(n, "define"))
			continue;
		its = xmlGetNoNsProp(n, (const xmlChar *)"name");
		if (xmlStrEqual(its, name)) {
			xmlFree(its);
			break;
		}
		xmlFree(its);
	}
	xmlFree(name);
	return n;
}

static void
add(struct item *items, int *count, const xmlNode *pattern, bool optional, bool repeated, bool *anything)
{
	xmlChar *name = xmlGetNoNsProp((xmlNode *)(uintptr_t)pattern, (const xmlChar *)"name");

	if (name == NULL || *count == KNOWN_MAX) {
		*anything = true;	/* anyName */
		xmlFree(name);
		return;
	}
	items[*count] = (struct item){ .pattern = pattern, .name = (char *)name, .required = !optional, .repeated = repeated };
	++*count;
}

/* What a pattern allows one level down. */
static void
collect(const xmlNode *pattern, bool optional, bool repeated, struct known *k)
{
	const xmlNode *p, *def;

	for (p = pattern->children; p != NULL; p = p->next) {
		if (is(p, "attribute"))
			add(k->attrs, &k->attrs_count, p, optional, repeated, &k->anything);
		else if (is(p, "element"))
			add(k->tags, &k->tags_count, p, optional, repeated, &k->anything);
		else if (is(p, "ref") && (def = definition(p)) != NULL)
			collect(def, optional, repeated, k);
		else if (is(p, "optional") || is(p, "choice"))
			collect(p, true, repeated, k);
		else if (is(p, "zeroOrMore"))
			collect(p, true, true, k);
		else if (is(p, "oneOrMore"))
			collect(p, optional, true, k);
		else if (is(p, "interleave") || is(p, "group"))
			collect(p, optional, repeated, k);
		else if (is(p, "text"))
			k->text = true;
	}
}

static void
forget(struct known *k)
{
	int i;

	for (i = 0; i < k->attrs_count; i++)
		xmlFree(k->attrs[i].name);
	for (i = 0; i < k->tags_count; i++)
		xmlFree(k->tags[i].name);
}

static void
list_add(char *list, const char *before, const char *name, const char *after)
{
	size_t len = strlen(list);

	snprintf(list + len, LIST_MAX - len, "%s%s%s%s", len > 0 ? ", " : "", before, name, after);
}

static const char *
list_of(const struct item *items, int count, const char *before, const char *after, char list[LIST_MAX])
{
	int i;

	list[0] = '\0';
	for (i = 0; i < count; i++)
		list_add(list, before, items[i].name, after);
	return count > 0 ? list : "none";
}

/* The words an attribute may hold, "" = any text. */
static void
words_of(const xmlNode *pattern, char list[LIST_MAX], const char *looked_for, bool *found)
{
	const xmlNode *p, *def;
	xmlChar *word;

	for (p = pattern->children; p != NULL; p = p->next) {
		if (is(p, "value")) {
			word = xmlNodeGetContent(p);
			list_add(list, "", (char *)word, "");
			*found |= strcmp((char *)word, looked_for) == 0;
			xmlFree(word);
		} else if (is(p, "ref") && (def = definition(p)) != NULL) {
			words_of(def, list, looked_for, found);
		} else if (is(p, "choice")) {
			words_of(p, list, looked_for, found);
		}
	}
}

static void
explain_attributes(const struct conf_doc *d, xmlNode *node, struct known *k)
{
	char list[LIST_MAX], text[256];
	bool found;
	xmlAttr *a;
	int i;

	for (a = node->properties; a != NULL; a = a->next) {
		for (i = 0; i < k->attrs_count; i++)
			if (a->ns == NULL && strcmp(k->attrs[i].name, (const char *)a->name) == 0)
				break;
		if (i == k->attrs_count) {
			conf_say(d, 'E', node, "unknown attribute %s%s" CONF_SHOW " of <%s>; known there: %s", a->ns != NULL && a->ns->prefix != NULL ?
			    (const char *)a->ns->prefix : "", a->ns != NULL ? ":" : "", a->name, node->name,
			    list_of(k->attrs, k->attrs_count, "", "", list));
			continue;
		}
		k->attrs[i].seen_line = 1;
		list[0] = '\0';
		found = false;
		if (!conf_attr_text(d, node, k->attrs[i].name, text, sizeof(text)))
			continue;
		words_of(k->attrs[i].pattern, list, text, &found);
		if (list[0] != '\0' && !found)
			conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: expected one of %s", k->attrs[i].name, text, node->name, list);
	}
	for (i = 0; i < k->attrs_count; i++)
		if (k->attrs[i].required && k->attrs[i].seen_line == 0)
			conf_say(d, 'E', node, "<%s> lacks the attribute %s", node->name, k->attrs[i].name);
}

static void explain(const struct conf_doc *d, xmlNode *node, const xmlNode *pattern);

static void
explain_tag(const struct conf_doc *d, xmlNode *node, struct known *k)
{
	char list[LIST_MAX];
	int i;

	for (i = 0; i < k->tags_count; i++)
		if (node->ns == NULL && strcmp(k->tags[i].name, (const char *)node->name) == 0)
			break;
	if (i == k->tags_count) {
		conf_say(d, 'E', node, "unknown tag <" CONF_SHOW "> in <%s>; known there: %s", node->name, node->parent->name,
		    list_of(k->tags, k->tags_count, "<", ">", list));
		return;
	}
	if (k->tags[i].seen_line != 0 && !k->tags[i].repeated)
		conf_say(d, 'E', node, "<%s> again in <%s> (the first is at line %d): expected one", node->name, node->parent->name,
		    k->tags[i].seen_line);
	k->tags[i].seen_line = conf_xml_line(node);
	explain(d, node, k->tags[i].pattern);
}

static void
explain(const struct conf_doc *d, xmlNode *node, const xmlNode *pattern)
{
	char list[LIST_MAX];
	struct known k;
	xmlNode *n;
	int i;

	memset(&k, 0, sizeof(k));
	collect(pattern, false, false, &k);
	if (!k.anything)
		explain_attributes(d, node, &k);
	for (n = node->children; n != NULL && !k.anything; n = n->next) {
		if (n->type == XML_ELEMENT_NODE)
			explain_tag(d, n, &k);
		else if ((n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) && !k.text)
			conf_say(d, 'E', node, "text \"" CONF_SHOW "\" in <%s>; known there: %s", n->content, node->name,
			    list_of(k.tags, k.tags_count, "<", ">", list));
	}
	for (i = 0; i < k.tags_count && !k.anything; i++)
		if (k.tags[i].required && k.tags[i].seen_line == 0)
			conf_say(d, 'E', node, "<%s> lacks <%s>", node->name, k.tags[i].name);
	forget(&k);
}

static void
explain_root(const struct conf_doc *d, const xmlNode *grammar)
{
	const xmlNode *start = conf_xml_child(grammar, "start");
	struct known k;

	memset(&k, 0, sizeof(k));
	collect(start, false, false, &k);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a grammar of ours has a start */
	if (d->root->ns == NULL && strcmp(k.tags[0].name, (const char *)d->root->name) == 0)
		explain(d, d->root, k.tags[0].pattern);
	else
		conf_say(d, 'E', d->root, "unknown tag <" CONF_SHOW ">: expected the file to be one <%s>", d->root->name, k.tags[0].name);
	forget(&k);
}

/* libxml2's own words: told only where ours have found nothing */
static void
on_schema_error(void *ctx, conf_xml_error err)
{
	struct conf_errors *errs = ctx;
	const char *text = err->message != NULL ? err->message : "unknown error";

	conf_complain(errs, 'E', "", err->node != NULL ? conf_xml_line(err->node) : 0, "%.*s", (int)strcspn(text, "\n"), text);
}

static bool
validate(const struct conf_doc *d, const unsigned char *rng, size_t len, struct conf_errors *theirs)
{
	xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt((const char *)rng, (int)len);
	xmlRelaxNGValidCtxt *valid = NULL;
	xmlRelaxNG *schema = NULL;
	bool ok = false;

	if (parser != NULL) {
		xmlRelaxNGSetParserStructuredErrors(parser, on_schema_error, theirs);
		schema = xmlRelaxNGParse(parser);
	}
	if (schema != NULL)
		valid = xmlRelaxNGNewValidCtxt(schema);
	if (valid != NULL) {
		xmlRelaxNGSetValidStructuredErrors(valid, on_schema_error, theirs);
		ok = xmlRelaxNGValidateDoc(valid, d->doc) == 0;
	}
	xmlRelaxNGFreeValidCtxt(valid);
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(parser);
	return ok;
}

/* No tag is so full that to validate it would take long. */
static bool
is_bounded(const struct conf_doc *d, xmlNode *node)
{
	int tags = 0;
	xmlNode *n;

	for (n = node->children; n != NULL; n = n->next)
		tags += n->type == XML_ELEMENT_NODE;
	if (tags > TAGS_MAX) {
		conf_say(d, 'E', node, "<" CONF_SHOW "> has %d tags: expected at most %d", node->name, tags, TAGS_MAX);
		return false;
	}
	for (n = node->children; n != NULL; n = n->next)
		if (n->type == XML_ELEMENT_NODE && !is_bounded(d, n))
			return false;
	return true;
}

bool
conf_schema_check(struct conf_doc *d, const unsigned char *rng, size_t len)
{
	xmlStructuredErrorFunc saved = xmlStructuredError;
	void *saved_context = xmlStructuredErrorContext;
	struct conf_errors *theirs = calloc(1, sizeof(*theirs));
	xmlDoc *schema = NULL;
	bool ok;
	int i;

	if (!is_bounded(d, d->root)) {
		free(theirs);
		return false;
	}
	if (theirs == NULL) {
		conf_say(d, 'E', d->root, "no memory to validate it");
		return false;
	}
	xmlSetStructuredErrorFunc(theirs, on_schema_error);
	ok = validate(d, rng, len, theirs);
	if (!ok) {
		schema = xmlReadMemory((const char *)rng, (int)len, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOBLANKS);
		if (schema != NULL)
			explain_root(d, xmlDocGetRootElement(schema));
		xmlFreeDoc(schema);
	}
	xmlSetStructuredErrorFunc(saved_context, saved);
	if (!ok && !conf_has_errors(d->errs))
		for (i = 0; i < theirs->count; i++)
			conf_complain(d->errs, 'E', d->file, theirs->e[i].line, "not valid: %s", theirs->e[i].text);
	if (!ok && !conf_has_errors(d->errs))
		conf_say(d, 'E', d->root, "not valid (no memory?)");
	free(theirs);
	return ok;
}
