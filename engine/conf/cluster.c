/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cluster.c: cluster.xml -> struct conf_cluster (UG 12.1).  Owns: what the tags mean together.
 * Called by: safeadmin, the CLI.  Never does: resolve a name, look at an interface.
 */
#include "config.h"
#include "conf/xml.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PORT_DEFAULT	4800	/* UG 12.1 */
#define PULSE_DEFAULT	1000	/* ms (ours; UG gives none) */
#define PULSE_MIN	10	/* ms (ours) */
#define PULSE_MAX	60000	/* ms (ours) */
#define MLOST_DEFAULT	3	/* periods (ours) */
#define SLOST_DEFAULT	5	/* periods (ours) */
#define LOST_MAX	1000	/* periods (ours) */
#define HOST_MAX	253	/* bytes of a host name (RFC 1035 2.3.4 in text form) */
#define LABEL_MAX	63	/* bytes of one part of it (same place) */

/* Letters, digits, '-' and '_' in parts of 1..63; a last part of digits only would be an IPv4 address, and is none. */
static bool
is_host_name(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n, len = strlen(s);

	if (len == 0 || len > HOST_MAX)
		return false;
	for (;;) {
		n = strspn(s, letters);
		if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (s[n] == '\0' || strcmp(s + n, ".") == 0)
			return strspn(s, "0123456789") != n;
		if (s[n] != '.')
			return false;
		s += n + 1;
	}
}

/* One host can be reached there: not 0.0.0.0, ::, multicast or the broadcast of all. */
static bool
is_unicast(int family, const void *addr)
{
	const uint8_t *b = addr;
	static const uint8_t zero[16];

	if (family == AF_INET)
		return b[0] != 0 && b[0] < 224;
	return b[0] != 0xff && memcmp(b, zero, 16) != 0;
}

static void
read_address(const struct conf_doc *d, xmlNode *node, const char *name, char *out, size_t size)
{
	uint8_t addr[16];
	int family;

	if (!conf_attr_text(d, node, name, out, size))
		return;
	family = inet_pton(AF_INET, out, addr) == 1 ? AF_INET : inet_pton(AF_INET6, out, addr) == 1 ? AF_INET6 : AF_UNSPEC;
	if (family == AF_UNSPEC ? is_host_name(out) : is_unicast(family, addr))
		return;
	conf_say(d, 'E', node, "%s=\"" CONF_SHOW "\" of <node>: expected the IPv4 address, IPv6 address or host name of one server", name, out);
	out[0] = '\0';
}

/* Index of the node, a new one at its first appearance; -1 when there are too many. */
static int
node_index(struct conf_cluster *c, const char *name)
{
	int i;

	for (i = 0; i < c->nodes_count; i++)
		if (strcmp(c->nodes[i], name) == 0)
			return i;
	if (c->nodes_count == SK_NODES_MAX)
		return -1;
	str_copy(c->nodes[c->nodes_count], SK_NAME_MAX, name);
	return c->nodes_count++;
}

static void
read_node(const struct conf_doc *d, xmlNode *node, struct conf_cluster *c, struct conf_lan *lan)
{
	struct conf_lan_node *at;
	char name[SK_NAME_MAX];
	int i, index;

	if (!conf_attr_name(d, node, "name", name))
		return;
	index = node_index(c, name);
	if (index == -1) {
		conf_say(d, 'E', node, "node \"%s\" is one too many: expected at most %d nodes", name, SK_NODES_MAX);
		return;
	}
	for (i = 0; i < lan->count; i++) {
		if (lan->at[i].node == index) {
			conf_say(d, 'E', node, "node \"%s\" again in lan \"%s\": expected each node once", name, lan->name);
			return;
		}
	}
	at = &lan->at[lan->count];	/* fewer than SK_NODES_MAX: each index is there once */
	at->node = index;
	read_address(d, node, "addr", at->addr, sizeof(at->addr));
	read_address(d, node, "laddr", at->laddr, sizeof(at->laddr));
	for (i = 0; i < lan->count; i++)
		if (at->addr[0] != '\0' && strcasecmp(lan->at[i].addr, at->addr) == 0)
			conf_say(d, 'W', node, "nodes \"%s\" and \"%s\" have the same addr %s in lan \"%s\": only one of them will be reached",
			    c->nodes[lan->at[i].node], name, at->addr, lan->name);
	lan->count++;
}

static void
read_lan(const struct conf_doc *d, xmlNode *node, struct conf_cluster *c)
{
	struct conf_lan *lan;
	xmlNode *n;
	bool connect, admin;
	int i;

	if (c->lans_count == SK_LANS_MAX) {
		conf_say(d, 'E', node, "one <lan> too many: expected at most %d", SK_LANS_MAX);
		return;
	}
	lan = &c->lans[c->lans_count];
	lan->console = lan->framework = true;
	conf_attr_name(d, node, "name", lan->name);
	for (i = 0; i < c->lans_count; i++)
		if (lan->name[0] != '\0' && strcmp(c->lans[i].name, lan->name) == 0)
			conf_say(d, 'E', node, "lan \"%s\" again: expected each lan to have a name of its own", lan->name);
	if (conf_attr_on(d, node, "admin", &admin)) {	/* 7.4 notes 2.2: the console connects where admin="on" */
		lan->console = admin;
		conf_say(d, 'W', node, "admin of <lan> is obsolete: expected console=\"%s\" instead", admin ? "on" : "off");
	}
	conf_attr_on(d, node, "console", &lan->console);
	conf_attr_on(d, node, "framework", &lan->framework);
	conf_attr_on(d, node, "command", &lan->command);
	if (conf_attr_on(d, node, "connect", &connect))
		conf_say(d, 'W', node, "connect of <lan> is obsolete (8.2 notes 4.1.1.7): accepted without effect");
	for (n = conf_xml_child(node, "node"); n != NULL; n = conf_xml_next(n, "node"))
		read_node(d, n, c, lan);
	c->lans_count++;
}

/* "node3, node4": who is not in the lan; false when everybody is */
static bool
lacks_nodes(const struct conf_cluster *c, const struct conf_lan *lan, char *list, size_t size)
{
	bool there[SK_NODES_MAX] = { false };
	size_t len = 0;
	int i;

	list[0] = '\0';
	for (i = 0; i < lan->count; i++)
		there[lan->at[i].node] = true;
	for (i = 0; i < c->nodes_count && len < size; i++)
		if (!there[i])
			len += (size_t)snprintf(list + len, size - len, "%s%s", len > 0 ? ", " : "", c->nodes[i]);
	return list[0] != '\0';
}

/* All lans are read: what they must be together.  node: the <lan> of the same number. */
static void
check_lans(const struct conf_doc *d, xmlNode *lans, struct conf_cluster *c)
{
	struct conf_lan *first = NULL, *command = NULL, *lan;
	xmlNode *node = conf_xml_child(lans, "lan"), *first_node = NULL;
	char missing[200];
	bool whole = false, lacking;
	int i;

	for (i = 0; i < c->lans_count; i++, node = conf_xml_next(node, "lan")) {
		lan = &c->lans[i];
		lacking = lacks_nodes(c, lan, missing, sizeof(missing));
		if (lan->console && lacking)
			conf_say(d, 'E', node, "lan \"%s\" has console=\"on\" (the default) but lacks %s: expected all nodes of the cluster, or "
			    "console=\"off\"", lan->name, missing);
		if (lan->framework && first == NULL) {
			first = lan;
			first_node = node;
		}
		whole |= lan->framework && !lacking;
		if (!lan->command)
			continue;
		if (command != NULL)
			conf_say(d, 'E', node, "lans \"%s\" and \"%s\" both have command=\"on\": expected it on one lan", command->name, lan->name);
		command = lan;
		if (!lan->framework)
			conf_say(d, 'E', node, "lan \"%s\" has command=\"on\" and framework=\"off\": expected framework=\"on\"", lan->name);
		if (lacking)
			conf_say(d, 'E', node, "lan \"%s\" has command=\"on\" but lacks %s: expected all nodes of the cluster", lan->name, missing);
	}
	if (!whole)
		conf_say(d, 'E', lans, "no lan with framework=\"on\" includes all nodes: expected at least one");
	if (command == NULL && first != NULL) {
		first->command = true;
		if (whole && lacks_nodes(c, first, missing, sizeof(missing)))
			conf_say(d, 'W', first_node, "commands go through lan \"%s\", the first with framework=\"on\", which lacks %s: set "
			    "command=\"on\" on a lan that includes all nodes", first->name, missing);
	}
}

static void
read_lans(const struct conf_doc *d, xmlNode *lans, struct conf_cluster *c)
{
	int64_t pulse = PULSE_DEFAULT;
	int port = PORT_DEFAULT;
	xmlNode *n;

	c->mlost_count = MLOST_DEFAULT;
	c->slost_count = SLOST_DEFAULT;
	conf_attr_number(d, lans, "port", 1, UINT16_MAX, &port);
	conf_attr_duration(d, lans, "pulse", 1, PULSE_MIN, PULSE_MAX, &pulse);
	conf_attr_number(d, lans, "mlost_count", 1, LOST_MAX, &c->mlost_count);
	conf_attr_number(d, lans, "slost_count", 1, LOST_MAX, &c->slost_count);
	c->port = (uint16_t)port;
	c->pulse_ms = (int)pulse;
	for (n = conf_xml_child(lans, "lan"); n != NULL; n = conf_xml_next(n, "lan"))
		read_lan(d, n, c);
	if (conf_has_errors(d->errs))
		return;		/* what is missing may be what was refused */
	check_lans(d, lans, c);
	if (c->nodes_count < 2)
		conf_say(d, 'W', lans, "one node only: expected at least 2 nodes, except for light modules");
}

int
conf_cluster_parse(const char *file, const char *data, size_t len, struct conf_cluster *out, struct conf_errors *errs)
{
	struct conf_cluster *c;
	struct conf_doc d;
	int rc = -1;

	memset(errs, 0, sizeof(*errs));
	if (!conf_xml_parse(&d, file, data, len, errs))
		return -1;
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		conf_complain(errs, 'E', file, 0, "no memory to read it");
	} else if (conf_schema_check(&d, conf_cluster_rng, conf_cluster_rng_len)) {
		str_copy(c->signature, sizeof(c->signature), d.signature);
		read_lans(&d, conf_xml_child(d.root, "lans"), c);
		if (!conf_has_errors(errs)) {
			*out = *c;
			rc = 0;
		}
	}
	free(c);
	conf_xml_free(&d);
	return rc;
}

int
conf_cluster_load(const char *file, struct conf_cluster *out, struct conf_errors *errs)
{
	char *data;
	size_t len;
	int rc;

	memset(errs, 0, sizeof(*errs));
	if (!conf_xml_read(file, &data, &len, errs))
		return -1;
	rc = conf_cluster_parse(file, data, len, out, errs);
	free(data);
	return rc;
}
