/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip.c: <vip> (UG 13.5, RN 2.3.4.2).  Owns: which values it may have, and what is for a mirror and what for a farm.  In this version
 * nothing acts on it.  Called by: module.c, after the schema has been asked.  Never does: keep more of it than its signature.
 */
#include "config.h"
#include "conf/xml.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS	1000
#define ARP_MAX		(24 * 3600 * SECOND_MS)	/* ours */
#define POWER_MAX	256	/* the load balancing hash has 256 bits (UG 13.5.7.4) */
#define INTF_NAME_MAX	15	/* bytes of an interface's name (Linux) */
#define GROUPS_MAX	256	/* load balancing groups of a module (ours) */
#define ADDRS_MAX	256	/* virtual addresses of a module (ours) */

struct reader {
	const struct conf_doc *d;
	const struct conf_cluster *cluster;
	int mode, addrs_count;
	char addrs[ADDRS_MAX][CONF_HOST_MAX];
};

/* 255.255.255.0: ones, then zeros */
static bool
is_netmask(const char *s)
{
	struct in_addr a;
	uint32_t bits;

	if (inet_pton(AF_INET, s, &a) != 1)
		return false;
	bits = ~ntohl(a.s_addr);
	return bits != UINT32_MAX && (bits & (bits + 1)) == 0;
}

/* Six pairs of hex digits; a unicast address is even in the first one */
static bool
is_unicast_mac(const char *s)
{
	uint8_t byte, first = 0;
	char pair[3] = "";
	int i;

	for (i = 0; i < 6; i++, s += 3) {
		if (strnlen(s, 3) < (i < 5 ? 3u : 2u) || s[2] != (i < 5 ? ':' : '\0'))
			return false;
		memcpy(pair, s, 2);
		if (!str_from_hex(pair, &byte, 1))
			return false;
		first = i == 0 ? byte : first;
	}
	return (first & 1) == 0;
}

static void
read_virtual_addr(struct reader *r, xmlNode *node, bool real)
{
	char addr[CONF_HOST_MAX] = "", where[32] = "", mask[64];
	const char *expected = real || r->mode == MODE_MIRROR ? "one_side_alias" : "alias";
	int i;

	if (conf_attr_text(r->d, node, "where", where, sizeof(where)) && strcmp(where, expected) != 0)
		conf_say(r->d, 'E', node, "where=\"%s\" of <virtual_addr> in <%s> of a %s module: expected %s", where, node->parent->name,
		    rpt_mode_names[r->mode], expected);
	if (conf_attr_text(r->d, node, "netmask", mask, sizeof(mask)) && !is_netmask(mask))
		conf_say(r->d, 'E', node, "netmask=\"" CONF_SHOW "\" of <virtual_addr>: expected an IPv4 mask such as 255.255.255.0", mask);
	if (!conf_attr_host(r->d, node, "addr", addr))
		return;
	for (i = 0; i < r->addrs_count; i++) {
		if (strcmp(r->addrs[i], addr) == 0) {
			conf_say(r->d, 'E', node, "addr=\"%s\" of <virtual_addr> again: expected each address once", addr);
			return;
		}
	}
	if (r->addrs_count == ADDRS_MAX)
		conf_say(r->d, 'E', node, "one <virtual_addr> too many: expected at most %d", ADDRS_MAX);
	else
		str_copy(r->addrs[r->addrs_count++], CONF_HOST_MAX, addr);
}

static void
read_kind(struct reader *r, xmlNode *node)
{
	bool real = conf_xml_is(node, "real_interface");
	char mac[64];
	xmlNode *n;

	if (real && r->mode == MODE_FARM)
		conf_say(r->d, 'E', node, "<real_interface> in a farm module: expected <virtual_interface> (real ones are for a mirror)");
	if (conf_attr_text(r->d, node, "addr", mac, sizeof(mac)) && !is_unicast_mac(mac))
		conf_say(r->d, 'E', node, "addr=\"" CONF_SHOW "\" of <virtual_interface>: expected a unicast MAC address such as 5a:fe:c0:a8:01:32", mac);
	for (n = conf_xml_child(node, "virtual_addr"); n != NULL; n = conf_xml_next(n, "virtual_addr"))
		read_virtual_addr(r, n, real);
}

static void
read_interface(struct reader *r, xmlNode *node)
{
	char name[64];
	int64_t ms;
	xmlNode *n;

	conf_attr_duration(r->d, node, "arpinterval", SECOND_MS, SECOND_MS, ARP_MAX, &ms);
	conf_attr_duration(r->d, node, "arpelapse", SECOND_MS, 0, ARP_MAX, &ms);
	if (conf_attr_text(r->d, node, "name", name, sizeof(name)) &&
	    (name[0] == '\0' || strlen(name) > INTF_NAME_MAX || strpbrk(name, "/ \t\r\n{}") != NULL))
		conf_say(r->d, 'E', node, "name=\"" CONF_SHOW "\" of <interface>: expected the name of a network interface of at most %d characters, such "
		    "as bond0", name, INTF_NAME_MAX);
	for (n = node->children; n != NULL; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			read_kind(r, n);
}

static bool
is_node(const struct conf_cluster *c, const char *name)
{
	int i;

	for (i = 0; i < c->nodes_count; i++)
		if (strcmp(c->nodes[i], name) == 0)
			return true;
	return false;
}

static void
read_hosts(struct reader *r, xmlNode *cluster)
{
	char names[SK_NODES_MAX][SK_NAME_MAX], name[SK_NAME_MAX];
	int count = 0, power, i;
	xmlNode *n;

	for (n = conf_xml_child(cluster, "host"); n != NULL; n = conf_xml_next(n, "host")) {
		conf_attr_number(r->d, n, "power", 0, POWER_MAX, &power);
		if (!conf_attr_name(r->d, n, "name", name))
			continue;
		if (r->cluster != NULL && !is_node(r->cluster, name))
			conf_say(r->d, 'E', n, "name=\"%s\" of <host> is no node of the cluster", name);
		for (i = 0; i < count && strcmp(names[i], name) != 0; i++)
			;
		if (i < count)
			conf_say(r->d, 'E', n, "<host name=\"%s\"> again: expected each node once", name);
		else if (count == SK_NODES_MAX)
			conf_say(r->d, 'E', n, "one <host> too many: expected at most %d", SK_NODES_MAX);
		else
			str_copy(names[count++], SK_NAME_MAX, name);
	}
}

static void
read_rule(struct reader *r, xmlNode *node)
{
	char addr[CONF_HOST_MAX], text[64], proto[16] = "", filter[16] = "";
	bool has_port = conf_attr_text(r->d, node, "port", text, sizeof(text));
	int port, i;

	if (has_port && strcmp(text, "*") != 0)
		conf_attr_number(r->d, node, "port", 1, UINT16_MAX, &port);
	conf_attr_text(r->d, node, "proto", proto, sizeof(proto));
	conf_attr_text(r->d, node, "filter", filter, sizeof(filter));
	if (strcmp(proto, "arp") == 0 && ((has_port && strcmp(text, "*") != 0) || strcmp(filter, "on_addr") != 0))
		conf_say(r->d, 'E', node, "<rule proto=\"arp\">: expected no port and filter=\"on_addr\" (ARP knows addresses only)");
	if (strcmp(proto, "tcp") == 0 && strcmp(filter, "on_ipid") == 0)
		conf_say(r->d, 'W', node, "<rule proto=\"tcp\" filter=\"on_ipid\">: \"No sense for TCP\" (user's guide 13.5)");
	if (!conf_attr_text(r->d, node, "virtual_addr", addr, sizeof(addr)) || strcmp(addr, "*") == 0)
		return;
	for (i = 0; i < r->addrs_count && strcmp(r->addrs[i], addr) != 0; i++)
		;
	if (i == r->addrs_count)
		conf_say(r->d, 'E', node, "virtual_addr=\"" CONF_SHOW "\" of <rule>: expected * or the addr of a <virtual_addr> of this module", addr);
}

static void
read_groups(struct reader *r, xmlNode *list)
{
	char names[GROUPS_MAX][SK_NAME_MAX], name[SK_NAME_MAX];
	int count = 0, i;
	xmlNode *n, *rule;

	if (r->mode != MODE_FARM)
		conf_say(r->d, 'E', list, "<loadbalancing_list> in a %s module: expected it only with mode=\"farm\"", rpt_mode_names[r->mode]);
	for (n = conf_xml_child(list, "group"); n != NULL; n = conf_xml_next(n, "group")) {
		if (count == GROUPS_MAX) {
			conf_say(r->d, 'E', n, "one <group> too many: expected at most %d", GROUPS_MAX);
			return;
		}
		if (conf_attr_name(r->d, n, "name", name)) {
			for (i = 0; i < count && strcmp(names[i], name) != 0; i++)
				;
			if (i < count)
				conf_say(r->d, 'E', n, "<group name=\"%s\"> again: expected each name once", name);
			else
				str_copy(names[count++], SK_NAME_MAX, name);
		}
		if (conf_xml_child(n, "cluster") != NULL)
			read_hosts(r, conf_xml_child(n, "cluster"));
		for (rule = conf_xml_child(n, "rule"); rule != NULL; rule = conf_xml_next(rule, "rule"))
			read_rule(r, rule);
	}
}

void
conf_vip(const struct conf_doc *d, xmlNode *vip, const struct conf_cluster *cluster, struct conf_module *m)
{
	struct reader *r;
	xmlNode *n;

	if (vip == NULL)
		return;
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		conf_say(d, 'E', vip, "no memory to read <vip>");
		return;
	}
	r->d = d;
	r->cluster = cluster;
	r->mode = m->mode;
	if (m->mode == MODE_LIGHT)
		conf_say(d, 'E', vip, "<vip> in a light module, which runs on one server: expected it only with mode=\"mirror\" or \"farm\"");
	n = conf_xml_child(conf_xml_child(vip, "interface_list"), "interface");
	for (; n != NULL && m->mode != MODE_LIGHT; n = conf_xml_next(n, "interface"))
		read_interface(r, n);
	n = conf_xml_child(vip, "loadbalancing_list");
	if (n != NULL && m->mode != MODE_LIGHT)
		read_groups(r, n);
	free(r);
	conf_say(d, 'W', vip, "<vip> is accepted but has no effect yet in this version");
	conf_node_signature(d, vip, NULL, 0, m->vip_signature);
}
