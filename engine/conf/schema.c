/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schema.c: is this tree what the schema (.rng) describes?  And if not, in words that help.
 *
 * The .rng is the only list of tags, attributes and words.  It is read as what it is, XML, and the file is walked beside it: each
 * unknown tag, unknown or missing attribute, unexpected value or text is said with what is known at that place.  libxml2's own validator
 * is not asked: its time doubles with each optional attribute that is there (<rfs> has 23) and grows with the square of the tags in a
 * tag; this walk is linear, and each tag of the schema is looked up once per file.
 * It reads the patterns that our schemas use: element, attribute, ref, optional, zeroOrMore, oneOrMore, interleave, group, choice (of
 * tags, or of words), value, text, empty.  Tags may stand in any order; t_guide compares its verdicts with those of libxml2.
 * Called by: cluster.c, module.c.  Never does: look at what a value means.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>

#define KNOWN_MAX	32	/* attributes or tags of one tag in our schemas */
#define WORDS_MAX	16	/* words that one attribute may hold */
#define LIST_MAX	400	/* bytes of "a, b, c" in a message */

struct item {
	const xmlNode	*pattern;
	char		*name;
	bool		 required, repeated;
	int		 words_count;
	char		*words[WORDS_MAX];
};
/* What one <element> of the schema allows; made when it is met first, kept in the pattern's _private. */
struct known {
	struct item	attrs[KNOWN_MAX], tags[KNOWN_MAX];
	int		attrs_count, tags_count;
	bool		text;
	struct known	*next;
};
struct walker { const struct conf_doc *d; struct known *made; bool good; };

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

/* The words an attribute may hold; none: any text. */
static void
add_words(const xmlNode *pattern, struct item *it)
{
	const xmlNode *p, *def;

	for (p = pattern->children; p != NULL; p = p->next) {
		if (is(p, "value") && it->words_count < WORDS_MAX)
			it->words[it->words_count++] = (char *)xmlNodeGetContent(p);
		else if (is(p, "ref") && (def = definition(p)) != NULL)
			add_words(def, it);
		else if (is(p, "choice"))
			add_words(p, it);
	}
}

static void
add(struct item *items, int *count, const xmlNode *pattern, bool optional, bool repeated)
{
	struct item *it = &items[*count];

	if (*count == KNOWN_MAX)
		fatal("a schema with more than %d attributes or tags in one tag", KNOWN_MAX);	/* ours is wrong: every test says so */
	it->pattern = pattern;
	it->name = (char *)xmlGetNoNsProp((xmlNode *)(uintptr_t)pattern, (const xmlChar *)"name");
	it->required = !optional;
	it->repeated = repeated;
	if (is(pattern, "attribute"))
		add_words(pattern, it);
	++*count;
}

/* What a pattern allows one level down. */
static void
collect(const xmlNode *pattern, bool optional, bool repeated, struct known *k)
{
	const xmlNode *p, *def;

	for (p = pattern->children; p != NULL; p = p->next) {
		if (is(p, "attribute"))
			add(k->attrs, &k->attrs_count, p, optional, repeated);
		else if (is(p, "element"))
			add(k->tags, &k->tags_count, p, optional, repeated);
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

static const struct known *
known_of(struct walker *w, const xmlNode *pattern)
{
	struct known *k = pattern->_private;

	if (k != NULL)
		return k;
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		conf_say(w->d, 'E', w->d->root, "no memory to validate it");
		w->good = false;
		return NULL;
	}
	collect(pattern, false, false, k);
	((xmlNode *)(uintptr_t)pattern)->_private = k;
	k->next = w->made;
	w->made = k;
	return k;
}

static void
forget_items(struct item *items, int count)
{
	int i, word;

	for (i = 0; i < count; i++) {
		xmlFree(items[i].name);
		for (word = 0; word < items[i].words_count; word++)
			xmlFree(items[i].words[word]);
	}
}

static void
forget(struct walker *w)
{
	struct known *k;

	while ((k = w->made) != NULL) {
		w->made = k->next;
		forget_items(k->attrs, k->attrs_count);
		forget_items(k->tags, k->tags_count);
		free(k);
	}
}

static void
list_add(char list[LIST_MAX], const char *before, const char *name, const char *after)
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

static int
find(const struct item *items, int count, const xmlChar *name)
{
	int i;

	for (i = 0; i < count && !xmlStrEqual((const xmlChar *)items[i].name, name); i++)
		;
	return i;
}

static void
check_words(struct walker *w, xmlNode *node, const struct item *it)
{
	char list[LIST_MAX] = "", text[256];
	int i;

	if (it->words_count == 0)
		return;
	if (!conf_attr_text(w->d, node, it->name, text, sizeof(text))) {
		w->good = false;
		return;
	}
	for (i = 0; i < it->words_count; i++) {
		if (xmlStrEqual((const xmlChar *)it->words[i], (const xmlChar *)text))
			return;
		list_add(list, "", it->words[i], "");
	}
	conf_say(w->d, 'E', node, "%s=\"" CONF_SHOW "\" of <%s>: expected %s%s", it->name, text, node->name, it->words_count > 1 ? "one of " : "", list);
	w->good = false;
}

static void
check_attributes(struct walker *w, xmlNode *node, const struct known *k)
{
	bool seen[KNOWN_MAX] = { false };
	char list[LIST_MAX];
	const xmlAttr *a;
	int i;

	for (a = node->properties; a != NULL; a = a->next) {
		i = a->ns == NULL ? find(k->attrs, k->attrs_count, a->name) : k->attrs_count;
		if (i < k->attrs_count) {
			seen[i] = true;
			check_words(w, node, &k->attrs[i]);
			continue;
		}
		conf_say(w->d, 'E', node, "unknown attribute %s%s" CONF_SHOW " of <%s>; known there: %s", a->ns != NULL && a->ns->prefix != NULL ?
		    (const char *)a->ns->prefix : "", a->ns != NULL ? ":" : "", a->name, node->name,
		    list_of(k->attrs, k->attrs_count, "", "", list));
		w->good = false;
	}
	for (i = 0; i < k->attrs_count; i++) {
		if (!k->attrs[i].required || seen[i])
			continue;
		conf_say(w->d, 'E', node, "<%s> lacks the attribute %s", node->name, k->attrs[i].name);
		w->good = false;
	}
}

static void check(struct walker *w, xmlNode *node, const xmlNode *pattern);

static void
check_tag(struct walker *w, xmlNode *node, const struct known *k, int seen_line[KNOWN_MAX])
{
	int i = node->ns == NULL ? find(k->tags, k->tags_count, node->name) : k->tags_count;
	char list[LIST_MAX];

	if (i == k->tags_count) {
		conf_say(w->d, 'E', node, "unknown tag <" CONF_SHOW "> in <%s>; known there: %s", node->name, node->parent->name,
		    list_of(k->tags, k->tags_count, "<", ">", list));
		w->good = false;
		return;
	}
	if (seen_line[i] != 0 && !k->tags[i].repeated) {
		conf_say(w->d, 'E', node, "<%s> again in <%s> (the first is at line %d): expected one", node->name, node->parent->name,
		    seen_line[i]);
		w->good = false;
	}
	seen_line[i] = conf_xml_line(node);
	check(w, node, k->tags[i].pattern);
}

/* Depth: libxml2 refuses more than 256 levels, our schemas have seven. */
static void
check(struct walker *w, xmlNode *node, const xmlNode *pattern)
{
	const struct known *k = known_of(w, pattern);
	int seen_line[KNOWN_MAX] = { 0 }, i;
	char list[LIST_MAX];
	xmlNode *n;

	if (k == NULL)
		return;
	check_attributes(w, node, k);
	for (n = node->children; n != NULL && !w->d->errs->more; n = n->next) {
		if (n->type == XML_ELEMENT_NODE) {
			check_tag(w, n, k, seen_line);
		} else if ((n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE) && !k->text) {
			conf_say(w->d, 'E', node, "text \"" CONF_SHOW "\" in <%s>; known there: %s", n->content, node->name,
			    list_of(k->tags, k->tags_count, "<", ">", list));
			w->good = false;
		}
	}
	for (i = 0; i < k->tags_count; i++) {
		if (!k->tags[i].required || seen_line[i] != 0)
			continue;
		conf_say(w->d, 'E', node, "<%s> lacks <%s>", node->name, k->tags[i].name);
		w->good = false;
	}
}

static void
check_root(struct walker *w, const xmlNode *grammar)
{
	struct known start;

	memset(&start, 0, sizeof(start));
	collect(conf_xml_child(grammar, "start"), false, false, &start);
	if (start.tags_count > 0 && w->d->root->ns == NULL && xmlStrEqual((const xmlChar *)start.tags[0].name, w->d->root->name)) {
		check(w, w->d->root, start.tags[0].pattern);
	} else {
		conf_say(w->d, 'E', w->d->root, "unknown tag <" CONF_SHOW ">: expected the file to be one <%s>", w->d->root->name,
		    start.tags[0].name);
		w->good = false;
	}
	forget_items(start.tags, start.tags_count);
}

bool
conf_schema_check(struct conf_doc *d, const unsigned char *rng, size_t len)
{
	struct walker w = { .d = d, .good = true };
	xmlDoc *schema = xmlReadMemory((const char *)rng, (int)len, NULL, NULL,
	    XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);

	if (schema == NULL) {
		conf_say(d, 'E', d->root, "no memory to validate it");
		return false;
	}
	check_root(&w, xmlDocGetRootElement(schema));
	forget(&w);
	xmlFreeDoc(schema);
	return w.good;
}
