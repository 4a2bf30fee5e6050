/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.c: <check> -> the checkers of a module (UG 13.10-13.17, RN 2.1.5-2.1.8).  Owns: their defaults, and that no two of a class have
 * one name.  Called by: module.c, after the schema has been asked (which has seen to the words).  Never does: resolve a name, look for
 * an interface or a program.
 */
#include "config.h"
#include "conf/rows.h"
#include "conf/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/hash.h>

#define SECOND_MS		1000
#define INTERVAL_DEFAULT	(10 * SECOND_MS)	/* UG 13.11 */
#define INTERVAL_MIN		100			/* ms (ours) */
#define INTERVAL_MAX		(24 * 3600 * SECOND_MS)	/* ours */
#define TIMEOUT_DEFAULT		(5 * SECOND_MS)		/* UG 13.11 */
#define TIMEOUT_MIN		10			/* ms (ours) */
#define TIMEOUT_MAX		(3600 * SECOND_MS)	/* ours */
#define MODULE_PORT		9010			/* UG 13.16 */
#define LOCAL_SERVER		"127.0.0.1"		/* UG 15.14 */
#define INTF_NAME_MAX		15			/* bytes of an interface's name (Linux) */
#define WITNESSES_MAX		16			/* ours */
#define RULE_IDENT_MAX		61			/* with t_, p_ or c_ it is a label (fsm/rules.h) */

struct reader { const struct conf_doc *d; struct conf_module *m; xmlHashTable *names; bool splitbrain, full; };

static int
word_of(const struct conf_doc *d, xmlNode *node, const char *name, const char *const *words, int count, int otherwise)
{
	char text[32];
	int i;

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return otherwise;
	for (i = 0; i < count && strcmp(words[i], text) != 0; i++)
		;
	return i < count ? i : otherwise;
}

/* Names are one per class: tcp.web and ping.web are two resources.  c is the last of m->checks. */
static void
claim_name(struct reader *r, xmlNode *node, const struct conf_check *c)
{
	const char *class = conf_check_classes[c->kind];
	char name[SK_RES_MAX];

	if (c->ident[0] == '\0')
		return;		/* said */
	snprintf(name, sizeof(name), "%s.%s", class, c->ident);
	if (xmlHashLookup(r->names, (xmlChar *)name) != NULL)
		conf_say(r->d, 'E', node, "resource %s again: expected each <%s> to have its own %s", name, class,
		    c->kind == CHECK_MODULE ? "ident (or, without ident, another name or address)" : "ident");
	else
		xmlHashAddEntry(r->names, (xmlChar *)name, r);	/* any pointer */
}

static struct conf_check *
add_check(struct reader *r, xmlNode *node, int kind)
{
	struct conf_module *m = r->m;
	struct conf_check *c;

	if (m->checks_count == CONF_CHECKS_MAX) {
		if (!r->full)
			conf_say(r->d, 'E', node, "one checker too many: expected at most %d", CONF_CHECKS_MAX);
		r->full = true;
		return NULL;
	}
	c = conf_grow(r->d, node, (void **)&m->checks, m->checks_count, sizeof(*m->checks));
	if (c == NULL)
		return NULL;
	m->checks_count++;
	c->kind = kind;
	c->interval_ms = INTERVAL_DEFAULT;
	c->timeout_ms = TIMEOUT_DEFAULT;
	c->when = word_of(r->d, node, "when", conf_when_names, WHEN_OTHER, kind == CHECK_IP ? WHEN_PRIM : WHEN_PRE);
	conf_when_fits(r->d, node, c->when, m->mode);
	c->action = word_of(r->d, node, "action", conf_do_names, DO_EXEC, DO_DEFAULT);
	conf_attr_name(r->d, node, "ident", c->ident);
	if (c->action > DO_NOACTION && strlen(c->ident) > RULE_IDENT_MAX)
		conf_say(r->d, 'E', node, "ident=\"%s\" of <%s> with action: expected at most %d characters (its rule is named after it)", c->ident,
		    node->name, RULE_IDENT_MAX);
	return c;
}

/* addr, port, interval, timeout of <to> */
static void
read_to(struct reader *r, xmlNode *to, struct conf_check *c)
{
	char addr[CONF_HOST_MAX] = "";
	int port = c->port;

	conf_attr_host(r->d, to, "addr", addr);
	c->addr = strdup(addr);
	if (c->addr == NULL)
		conf_say(r->d, 'E', to, "no memory to keep an address");
	conf_attr_number(r->d, to, "port", 1, UINT16_MAX, &port);
	c->port = (uint16_t)port;
	conf_attr_duration(r->d, to, "interval", SECOND_MS, INTERVAL_MIN, INTERVAL_MAX, &c->interval_ms);
	conf_attr_duration(r->d, to, "timeout", SECOND_MS, TIMEOUT_MIN, TIMEOUT_MAX, &c->timeout_ms);
}

/* tcp, ping, ip */
static void
read_plain(struct reader *r, xmlNode *node, int kind)
{
	struct conf_check *c = add_check(r, node, kind);

	if (c == NULL)
		return;
	read_to(r, conf_xml_child(node, "to"), c);
	claim_name(r, node, c);
}

static void
read_intf(struct reader *r, xmlNode *node, int kind)
{
	struct conf_check *c = add_check(r, node, kind);
	xmlNode *to = conf_xml_child(node, "to");

	if (c == NULL)
		return;
	conf_attr_copy(r->d, to, "local_addr", 1, CONF_HOST_MAX - 1, &c->addr);
	if (c->addr != NULL && c->addr[0] != '\0' && !conf_is_ip(c->addr))
		conf_say(r->d, 'E', to, "local_addr=\"" CONF_SHOW "\" of <to>: expected an IPv4 or IPv6 address", c->addr);
	if (conf_attr_text(r->d, node, "intf", c->intf, sizeof(c->intf)) &&
	    (c->intf[0] == '\0' || strlen(c->intf) > INTF_NAME_MAX || strpbrk(c->intf, "/ \t\r\n{}") != NULL))
		conf_say(r->d, 'E', node, "intf=\"" CONF_SHOW "\" of <intf>: expected the name of a network interface of at most %d characters, "
		    "such as eth2", c->intf, INTF_NAME_MAX);
	claim_name(r, node, c);
}

/* "..." and '...' keep words together, as where the program is started (doc/CHECKERS.md); only a pair of the same kind ends */
static bool
quotes_close(const char *text)
{
	char open = '\0';

	for (; *text != '\0'; text++) {
		if (open == *text)
			open = '\0';
		else if (open == '\0' && (*text == '"' || *text == '\''))
			open = *text;
		else if (*text == '\\' && open != '\'' && text[1] != '\0')
			text++;
	}
	return open == '\0';
}

static void
read_custom(struct reader *r, xmlNode *node, int kind)
{
	struct conf_check *c = add_check(r, node, kind);

	if (c == NULL)
		return;
	conf_attr_copy(r->d, node, "exec", 1, CONF_EXEC_MAX, &c->exec);
	conf_attr_copy(r->d, node, "arg", 0, CONF_ARG_MAX, &c->arg);
	if (c->arg != NULL && !quotes_close(c->arg))
		conf_say(r->d, 'E', node, "arg=\"" CONF_SHOW "\" of <custom>: a quote is not closed: expected it twice, around the words that it keeps "
		    "together", c->arg);
	claim_name(r, node, c);
}

/* "name_addr" (UG 13.16); what cannot stand in a name (the colons of IPv6) is written as _ */
static void
name_module(struct reader *r, xmlNode *node, struct conf_check *c)
{
	char text[SK_NAME_MAX + CONF_HOST_MAX];
	size_t i;

	snprintf(text, sizeof(text), "%s_%s", c->module, CONF_TEXT(c->addr));
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] == ':' || text[i] == '%')
			text[i] = '_';
	if (!str_copy(c->ident, sizeof(c->ident), text))
		conf_say(r->d, 'E', node, "ident of <module name=\"%s\"> would be longer than %d characters: write ident", c->module, SK_NAME_MAX - 1);
}

/* One <to>, or NULL: the local server */
static void
read_module_at(struct reader *r, xmlNode *node, xmlNode *to, bool only)
{
	struct conf_check *c = add_check(r, node, CHECK_MODULE);

	if (c == NULL)
		return;
	c->port = MODULE_PORT;
	conf_attr_name(r->d, node, "name", c->module);
	if (to != NULL) {
		read_to(r, to, c);
		conf_attr_on(r->d, to, "secure", &c->secure);
	} else {
		c->addr = strdup(LOCAL_SERVER);
		if (c->addr == NULL)
			conf_say(r->d, 'E', node, "no memory to keep an address");
	}
	if (!conf_attr_has(node, "ident"))
		name_module(r, node, c);
	else if (!only && to != conf_xml_child(node, "to"))
		conf_say(r->d, 'E', to, "<module ident=\"%s\"> has several <to>: expected no ident (each is then name_addr), or one <module> for each "
		    "<to>", c->ident);
	claim_name(r, to != NULL ? to : node, c);
}

static void
read_module_check(struct reader *r, xmlNode *node, int kind)
{
	xmlNode *to = conf_xml_child(node, "to");
	bool only = to == NULL || conf_xml_next(to, "to") == NULL;

	do {
		read_module_at(r, node, to, only);
		to = to != NULL ? conf_xml_next(to, "to") : NULL;
	} while (to != NULL && !r->full);
}

/* "a  b" -> "a b", each of them a host */
static void
read_witnesses(struct reader *r, xmlNode *node, struct conf_check *c)
{
	char *text, *word, *save = NULL;
	size_t len = 0;
	int n = 0;

	if (!conf_attr_copy(r->d, node, "arg", 0, CONF_ADDRS_MAX, &text) || (c->addr = calloc(1, strlen(text) + 1)) == NULL) {
		free(text);
		return;
	}
	for (word = strtok_r(text, " \t\r\n", &save); word != NULL; word = strtok_r(NULL, " \t\r\n", &save), n++) {
		if (!conf_is_host(word))
			conf_say(r->d, 'E', node, "arg of <splitbrain>: \"" CONF_SHOW "\" is not an address: expected IPv4 or IPv6 addresses or host "
			    "names with blanks between", word);
		len += (size_t)sprintf(c->addr + len, "%s%s", n > 0 ? " " : "", word);	/* never longer than text */
	}
	if (n < 1 || n > WITNESSES_MAX)
		conf_say(r->d, 'E', node, "arg of <splitbrain> names %d witnesses: expected 1 to %d", n, WITNESSES_MAX);
	free(text);
}

static void
read_splitbrain(struct reader *r, xmlNode *node, int kind)
{
	struct conf_check *c;

	if (r->splitbrain)
		conf_say(r->d, 'E', node, "<splitbrain> again: expected only one (it may have several witnesses in arg)");
	r->splitbrain = true;
	if (r->m->mode != MODE_MIRROR)
		conf_say(r->d, 'E', node, "<splitbrain> is for a mirror module: expected none in a %s one", rpt_mode_names[r->m->mode]);
	c = add_check(r, node, kind);
	if (c == NULL)
		return;
	read_witnesses(r, node, c);
	claim_name(r, node, c);
}

static void (*const readers[CHECK_KINDS])(struct reader *, xmlNode *, int) = {
	[CHECK_TCP] = read_plain, [CHECK_PING] = read_plain, [CHECK_INTF] = read_intf, [CHECK_IP] = read_plain, [CHECK_CUSTOM] = read_custom,
	[CHECK_MODULE] = read_module_check, [CHECK_SPLITBRAIN] = read_splitbrain,
};

/* What a kind has no use for is "", so that who reads the struct never meets NULL. */
static void
complete(struct reader *r, xmlNode *node)
{
	struct conf_check *c;
	int i;

	for (i = 0; i < r->m->checks_count; i++) {
		c = &r->m->checks[i];
		if ((c->addr == NULL && (c->addr = strdup("")) == NULL) || (c->exec == NULL && (c->exec = strdup("")) == NULL) ||
		    (c->arg == NULL && (c->arg = strdup("")) == NULL)) {
			conf_say(r->d, 'E', node, "no memory to keep the checkers");
			return;
		}
	}
}

void
conf_check(const struct conf_doc *d, xmlNode *check, struct conf_module *m)
{
	struct reader r = { .d = d, .m = m };
	xmlNode *n;
	int kind;

	if (check == NULL)
		return;
	r.names = xmlHashCreate(1024);
	if (r.names == NULL) {
		conf_say(d, 'E', check, "no memory to keep the checkers");
		return;
	}
	for (n = check->children; n != NULL && !r.full; n = n->next)
		for (kind = 0; kind < CHECK_KINDS; kind++)
			if (conf_xml_is(n, conf_check_classes[kind]))
				readers[kind](&r, n, kind);
	complete(&r, check);
	xmlHashFree(r.names, NULL);
}
