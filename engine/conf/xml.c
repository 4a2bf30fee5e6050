/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xml.c: text -> tree, through libxml2.
 *
 * Owns: what the parser may do: nothing but read the bytes it is given.  No network, no DTD, no entity but the five of XML and
 * character references: any declaration inside <!DOCTYPE> is refused when it is met, so nothing can multiply.
 * Called by: cluster.c, module.c, signature.c.  Never does: know a tag.
 * Thread: libxml2's error handler is per thread; it is ours during a call and given back.
 */
#include "config.h"
#include "conf/xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/SAX2.h>

struct reader {
	struct conf_doc	*d;
	struct conf_errors found;	/* of the parser; what is told in the end may be less */
	bool		 refused;
};

bool
conf_xml_read(const char *file, char **data, size_t *len, struct conf_errors *errs)
{
	ssize_t n = path_read(file, data, CONF_FILE_MAX);

	if (n >= 0) {
		*len = (size_t)n;
		return true;
	}
	if (errno == EFBIG)
		conf_complain(errs, 'E', file, 0, "the file is larger than %u bytes: expected a configuration", CONF_FILE_MAX);
	else
		conf_complain(errs, 'E', file, 0, "cannot be read: %s", strerror(errno));
	return false;
}

/* The parser's words are for those who know XML; these two are what people meet who write rules */
static const char *
hint_of(int code)
{
	switch (code) {
	case XML_ERR_NAME_REQUIRED:
	case XML_ERR_ENTITYREF_SEMICOL_MISSING:
		return " (& is special: write &amp;, and rules within <![CDATA[ and ]]>)";
	case XML_ERR_LT_IN_ATTRIBUTE:
		return " (< is special: write &lt;)";
	default:
		return "";
	}
}

static void
on_error(void *ctx, conf_xml_error err)
{
	xmlParserCtxt *ctxt = ctx;
	struct reader *r = ctxt->_private;
	const char *text = err->message != NULL ? err->message : "unknown error";

	if (r->refused)
		return;		/* we stopped it; what it says about that is noise */
	conf_complain(&r->found, err->level == XML_ERR_WARNING ? 'W' : 'E', r->d->file, err->line, "not well-formed XML: %.*s%s",
	    (int)strcspn(text, "\n"), text, hint_of(err->code));
}

/* What libxml2 says without a context (no memory, unknown encoding...).  Never to stderr. */
static void
on_stray_error(void *ctx, conf_xml_error err)
{
	struct reader *r = ctx;
	const char *text = err->message != NULL ? err->message : "unknown error";

	if (!r->refused)
		conf_complain(&r->found, err->level == XML_ERR_WARNING ? 'W' : 'E', r->d->file, err->line, "not readable as XML: %.*s",
		    (int)strcspn(text, "\n"), text);
}

static void
refuse(void *ctx, const char *what)
{
	xmlParserCtxt *ctxt = ctx;
	struct reader *r = ctxt->_private;

	if (r->refused)
		return;
	conf_complain(&r->found, 'E', r->d->file, ctxt->input != NULL ? ctxt->input->line : 0,
	    "%s is refused: expected at most a bare <!DOCTYPE name> and no entities but &lt; &gt; &amp; &quot; &apos;", what);
	r->refused = true;
	xmlStopParser(ctxt);
}

static void
on_internal_subset(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	if (public_id != NULL || system_id != NULL)
		refuse(ctx, "a <!DOCTYPE> with SYSTEM or PUBLIC");
	else
		xmlSAX2InternalSubset(ctx, name, public_id, system_id);
}

static void
on_entity(void *ctx, const xmlChar *name, int type, const xmlChar *public_id, const xmlChar *system_id, xmlChar *content)
{
	refuse(ctx, "an entity declaration");
}

static void
on_unparsed_entity(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id, const xmlChar *notation)
{
	refuse(ctx, "an entity declaration");
}

static void
on_notation(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	refuse(ctx, "a notation declaration");
}

static void
on_attribute_declaration(void *ctx, const xmlChar *elem, const xmlChar *fullname, int type, int def, const xmlChar *value,
    xmlEnumerationPtr tree)
{
	xmlFreeEnumeration(tree);	/* the callee owns it */
	refuse(ctx, "an attribute declaration");
}

static void
on_element_declaration(void *ctx, const xmlChar *name, int type, xmlElementContentPtr content)
{
	refuse(ctx, "an element declaration");
}

static void
on_reference(void *ctx, const xmlChar *name)
{
	refuse(ctx, "an entity reference");
}

/* libxml2 notes the line where a start tag ends, and nothing above 65535.  We keep the line where it begins in _private. */
static void
on_start_element(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_ns, const xmlChar **ns, int n_attrs,
    int n_defaulted, const xmlChar **attrs)
{
	xmlParserCtxt *ctxt = ctx;
	const xmlChar *p;
	int line;

	xmlSAX2StartElementNs(ctx, name, prefix, uri, n_ns, ns, n_attrs, n_defaulted, attrs);
	if (ctxt->node == NULL || ctxt->input == NULL)
		return;
	line = ctxt->input->line;
	for (p = ctxt->input->cur; p > ctxt->input->base && *p != '<'; p--)
		if (*p == '\n')
			line--;
	ctxt->node->_private = (void *)(intptr_t)line;
}

int
conf_xml_line(const xmlNode *node)
{
	for (; node != NULL; node = node->parent)
		if (node->type == XML_ELEMENT_NODE && node->_private != NULL)
			return (int)(intptr_t)node->_private;
	return 0;
}

/* Blanks between tags and comments mean nothing, neither to us nor to the signature. */
static void
strip(xmlNode *node)
{
	xmlNode *next;

	for (; node != NULL; node = next) {
		next = node->next;
		if (node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE || (node->type == XML_TEXT_NODE && xmlIsBlankNode(node))) {
			xmlUnlinkNode(node);
			xmlFreeNode(node);
		} else if (node->type == XML_ELEMENT_NODE) {
			strip(node->children);	/* libxml2 refuses more than 256 levels */
		}
	}
}

static void
tidy(xmlDoc *doc)
{
	xmlDtd *dtd = xmlGetIntSubset(doc);

	if (dtd != NULL) {
		xmlUnlinkNode((xmlNode *)dtd);
		xmlFreeDtd(dtd);
	}
	strip(doc->children);
}

/* Tell what the parser found.  A quote that is none makes it stumble over everything behind: only what is before stays. */
static void
tell(struct reader *r, const char *data, size_t len)
{
	struct conf_doc *d = r->d;
	int i, odd = 0;

	if (conf_has_errors(&r->found) && !r->refused)
		odd = conf_typographic(d->file, data, len, d->errs);
	for (i = 0; i < r->found.count; i++)
		if (odd == 0 || r->found.e[i].line < odd)
			conf_complain(d->errs, r->found.e[i].level, d->file, r->found.e[i].line, "%s", r->found.e[i].text);
	d->errs->more |= r->found.more;
}

static xmlDoc *
parse(struct reader *r, const char *data, size_t len)
{
	xmlParserCtxt *ctxt = xmlNewParserCtxt();
	xmlDoc *doc;
	bool good;

	if (ctxt == NULL)
		return NULL;
	ctxt->_private = r;
	ctxt->sax->serror = on_error;
	ctxt->sax->internalSubset = on_internal_subset;
	ctxt->sax->entityDecl = on_entity;
	ctxt->sax->unparsedEntityDecl = on_unparsed_entity;
	ctxt->sax->notationDecl = on_notation;
	ctxt->sax->attributeDecl = on_attribute_declaration;
	ctxt->sax->elementDecl = on_element_declaration;
	ctxt->sax->reference = on_reference;
	ctxt->sax->startElementNs = on_start_element;
	doc = xmlCtxtReadMemory(ctxt, data, (int)len, NULL, NULL, XML_PARSE_NONET);
	if (ctxt->hasPErefs)
		refuse(ctxt, "a parameter entity");
	good = ctxt->wellFormed && !r->refused && !conf_has_errors(&r->found);
	xmlFreeParserCtxt(ctxt);
	if (good && doc != NULL && xmlDocGetRootElement(doc) != NULL)
		return doc;
	xmlFreeDoc(doc);
	return NULL;
}

bool
conf_xml_parse(struct conf_doc *d, const char *file, const char *data, size_t len, struct conf_errors *errs)
{
	xmlStructuredErrorFunc saved = xmlStructuredError;
	void *saved_context = xmlStructuredErrorContext;
	struct reader *r;
	int n, line;

	memset(d, 0, sizeof(*d));
	d->file = file;
	d->errs = errs;
	d->data = data;
	d->len = len;
	if (len > CONF_FILE_MAX) {
		conf_complain(errs, 'E', file, 0, "the file is larger than %u bytes: expected a configuration", CONF_FILE_MAX);
		return false;
	}
	n = conf_widest_tag(data, len, &line);
	if (n > CONF_ATTRS_MAX) {
		conf_complain(errs, 'E', file, line, "a tag with %d attributes: expected at most %d", n, CONF_ATTRS_MAX);
		return false;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		conf_complain(errs, 'E', file, 0, "no memory to read it");
		return false;
	}
	r->d = d;
	xmlInitParser();
	xmlSetStructuredErrorFunc(r, on_stray_error);
	d->doc = parse(r, data, len);
	if (d->doc != NULL) {
		tidy(d->doc);
		if (conf_xml_signature(d->doc, d->signature)) {
			d->root = xmlDocGetRootElement(d->doc);
		} else {
			conf_complain(&r->found, 'E', file, 0, "its canonical form cannot be made (are all namespaces absolute?)");
			conf_xml_free(d);
		}
	}
	xmlSetStructuredErrorFunc(saved_context, saved);
	if (d->doc == NULL && !conf_has_errors(&r->found))
		conf_complain(&r->found, 'E', file, 1, "not well-formed XML: expected one tag with its content");
	tell(r, data, len);
	free(r);
	return d->doc != NULL;
}

void
conf_xml_free(struct conf_doc *d)
{
	xmlFreeDoc(d->doc);
	d->doc = NULL;
	d->root = NULL;
}

bool
conf_xml_is(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

xmlNode *
conf_xml_child(const xmlNode *parent, const char *name)
{
	xmlNode *n = parent->children;

	while (n != NULL && !conf_xml_is(n, name))
		n = n->next;
	return n;
}

xmlNode *
conf_xml_next(const xmlNode *node, const char *name)
{
	xmlNode *n = node->next;

	while (n != NULL && !conf_xml_is(n, name))
		n = n->next;
	return n;
}
