/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip.c: <vip> -> interfaces, virtual addresses, load balancing groups and rules (UG 13.5, RN 2.3.4.2).  Owns: their values and defaults,
 * and what is for a mirror and what for a farm.  Called by: module.c, after the schema has been asked (which has seen to the words) and
 * after conf_check().  Never does: resolve a name, choose an interface or a MAC address.
 */
#include "config.h"
#include "conf/rows.h"
#include "conf/xml.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS		1000
#define ARPINTERVAL_DEFAULT	(60 * SECOND_MS)	/* UG 13.5 */
#define ARPELAPSE_DEFAULT	(1200 * SECOND_MS)	/* UG 13.5 */
#define ARP_MAX			(24 * 3600 * SECOND_MS)	/* ours */
#define INTF_NAME_MAX		15	/* bytes of an interface's name (Linux) */

/* An <interface>: what its rows share */
struct interface { struct conf_vintf row; bool check; };

struct reader {
	const struct conf_doc *d;
	const struct conf_cluster *cluster;
	struct conf_module *m;
	xmlNode *intf[CONF_VINTFS_MAX];		/* <interface> of each row */
	bool	 intf_check[CONF_VINTFS_MAX];	/* its check="on" */
	xmlNode *addr_check[CONF_VADDRS_MAX];	/* <virtual_addr check="on">, likewise */
};

static int
word_of(const struct conf_doc *d, xmlNode *node, const char *name, const char *const *words, int count, int otherwise)
{
	char text[32];
	int i;

	if (!conf_attr_text(d, node, name, text, sizeof(text)))
		return otherwise;
	i = rpt_lookup(words, count, text);
	return i >= 0 ? i : otherwise;
}

/* 255.255.255.0: ones, then zeros.  How many ones; -1: no mask */
static int
prefix_of(const char *s)
{
	struct in_addr a;
	uint32_t bits;

	if (inet_pton(AF_INET, s, &a) != 1)
		return -1;
	bits = ~ntohl(a.s_addr);
	return bits != UINT32_MAX && (bits & (bits + 1)) == 0 ? 32 - __builtin_popcount(bits) : -1;
}

static bool
same_addr(const char *a, const char *b)
{
	uint8_t x[16], y[16];

	if ((inet_pton(AF_INET6, a, x) == 1 && inet_pton(AF_INET6, b, y) == 1))
		return memcmp(x, y, sizeof(x)) == 0;
	return strcmp(a, b) == 0;
}

/* -1: none of this module */
static int
find_vaddr(const struct conf_module *m, const char *addr)
{
	int i;

	for (i = 0; i < m->vaddrs_count; i++)
		if (same_addr(m->vaddrs[i].addr, addr))
			return i;
	return -1;
}

static void
read_where(struct reader *r, xmlNode *node, bool real)
{
	const char *expected = real || r->m->mode == MODE_MIRROR ? "one_side_alias" : "alias";
	char where[32];

	if (conf_attr_text(r->d, node, "where", where, sizeof(where)) && strcmp(where, expected) != 0)
		conf_say(r->d, 'E', node, "where=\"%s\" of <virtual_addr> in <%s> of a %s module: expected %s", where, node->parent->name,
		    rpt_mode_names[r->m->mode], expected);
}

static int
read_netmask(struct reader *r, xmlNode *node, const char *addr)
{
	uint8_t bytes[16];
	char mask[64];
	int prefix;

	if (!conf_attr_text(r->d, node, "netmask", mask, sizeof(mask)))
		return -1;
	prefix = prefix_of(mask);
	if (prefix < 0)
		conf_say(r->d, 'E', node, "netmask=\"" CONF_SHOW "\" of <virtual_addr>: expected an IPv4 mask such as 255.255.255.0", mask);
	if (inet_pton(AF_INET6, addr, bytes) != 1)
		return prefix;
	conf_say(r->d, 'W', node, "netmask of <virtual_addr addr=\"%s\"> has no effect: it is for IPv4 (user's guide 13.5)", addr);
	return -1;
}

/* An address that a server has for itself would be taken from it at the module's stop */
static bool
is_of_server(struct reader *r, xmlNode *node, const char *addr)
{
	const struct conf_cluster *c = r->cluster;
	const struct conf_lan_node *at;
	int i, k;

	for (i = 0; c != NULL && i < c->lans_count; i++)
		for (k = 0; k < c->lans[i].count; k++) {
			at = &c->lans[i].at[k];
			if (!same_addr(at->addr, addr) && !same_addr(at->laddr, addr))
				continue;
			conf_say(r->d, 'E', node, "addr=\"%s\" of <virtual_addr> is the address of a server (lan %s of cluster.xml): expected one that "
			    "no server has for itself", addr, c->lans[i].name);
			return true;
		}
	return false;
}

static void
read_virtual_addr(struct reader *r, xmlNode *node, int intf)
{
	struct conf_module *m = r->m;
	char addr[CONF_HOST_MAX] = "";
	struct conf_vaddr *v;
	bool check = true;
	int prefix;

	read_where(r, node, m->vintfs[intf].type == VIP_REAL);
	prefix = read_netmask(r, node, conf_attr_host(r->d, node, "addr", addr) ? addr : "");
	conf_attr_on(r->d, node, "check", &check);
	if (addr[0] == '\0')
		return;		/* said */
	if (find_vaddr(m, addr) >= 0) {
		conf_say(r->d, 'E', node, "addr=\"%s\" of <virtual_addr> again: expected each address once", addr);
		return;
	}
	if (is_of_server(r, node, addr))
		return;
	if (m->vaddrs_count == CONF_VADDRS_MAX) {
		conf_say(r->d, 'E', node, "one <virtual_addr> too many: expected at most %d", CONF_VADDRS_MAX);
		return;
	}
	v = conf_grow(r->d, node, (void **)&m->vaddrs, m->vaddrs_count, sizeof(*v));
	if (v == NULL)
		return;
	*v = (struct conf_vaddr){ .intf = intf, .addr = strdup(addr), .prefix = prefix, .one_side = m->mode == MODE_MIRROR };
	conf_attr_on(r->d, node, "connections", &v->connections);
	if (v->addr == NULL)
		conf_say(r->d, 'E', node, "no memory to keep an address");
	else
		r->addr_check[m->vaddrs_count++] = check ? node : NULL;
}

static void
read_mac(struct reader *r, xmlNode *node, struct conf_vintf *row)
{
	char mac[64];

	if (!conf_attr_text(r->d, node, "addr", mac, sizeof(mac)))
		return;
	if (!conf_is_mac(mac))
		conf_say(r->d, 'E', node, "addr=\"" CONF_SHOW "\" of <virtual_interface>: expected a unicast MAC address such as 5a:fe:c0:a8:01:32", mac);
	else if (row->type == VIP_DIRECTED)
		conf_say(r->d, 'W', node, "addr of <virtual_interface> has no effect with type=\"vmac_directed\" (user's guide 13.5)");
	else
		str_copy(row->mac, sizeof(row->mac), mac);
}

/* <real_interface> or <virtual_interface> */
static void
read_row(struct reader *r, xmlNode *node, const struct interface *of)
{
	struct conf_module *m = r->m;
	struct conf_vintf *row;
	xmlNode *n;

	if (m->vintfs_count == CONF_VINTFS_MAX) {
		conf_say(r->d, 'E', node, "one <%s> too many: expected at most %d in all", node->name, CONF_VINTFS_MAX);
		return;
	}
	row = conf_grow(r->d, node, (void **)&m->vintfs, m->vintfs_count, sizeof(*row));
	if (row == NULL)
		return;
	*row = of->row;
	row->type = conf_xml_is(node, "real_interface") ? VIP_REAL : word_of(r->d, node, "type", conf_vtype_names, VIP_TYPES, VIP_DIRECTED);
	r->intf[m->vintfs_count] = node->parent;
	r->intf_check[m->vintfs_count] = of->check;
	m->vintfs_count++;
	if (row->type == VIP_REAL && m->mode == MODE_FARM)
		conf_say(r->d, 'E', node, "<real_interface> in a farm module: expected <virtual_interface> (real ones are for a mirror)");
	if (row->type != VIP_REAL)
		read_mac(r, node, row);
	for (n = conf_xml_child(node, "virtual_addr"); n != NULL; n = conf_xml_next(n, "virtual_addr"))
		read_virtual_addr(r, n, m->vintfs_count - 1);
}

static void
read_interface(struct reader *r, xmlNode *node)
{
	struct interface of = { .row = { .arpinterval_ms = ARPINTERVAL_DEFAULT, .arpelapse_ms = ARPELAPSE_DEFAULT }, .check = true };
	char name[SK_NAME_MAX];
	xmlNode *n;

	conf_attr_on(r->d, node, "check", &of.check);
	conf_attr_on(r->d, node, "arpreroute", &of.row.arpreroute);
	conf_attr_duration(r->d, node, "arpinterval", SECOND_MS, SECOND_MS, ARP_MAX, &of.row.arpinterval_ms);
	conf_attr_duration(r->d, node, "arpelapse", SECOND_MS, 0, ARP_MAX, &of.row.arpelapse_ms);
	if (conf_attr_text(r->d, node, "name", name, sizeof(name))) {
		if (name[0] == '\0' || strlen(name) > INTF_NAME_MAX || strpbrk(name, "/ \t\r\n{}") != NULL)
			conf_say(r->d, 'E', node, "name=\"" CONF_SHOW "\" of <interface>: expected the name of a network interface of at most %d characters, "
			    "such as bond0", name, INTF_NAME_MAX);
		else
			str_copy(of.row.name, sizeof(of.row.name), name);
	}
	for (n = node->children; n != NULL; n = n->next)
		if (n->type == XML_ELEMENT_NODE)
			read_row(r, n, &of);
}

static void
check_node(struct reader *r, xmlNode *n, const char *name)
{
	const struct conf_cluster *c = r->cluster;
	char list[512] = "";
	size_t len = 0;
	int i;

	for (i = 0; c != NULL && i < c->nodes_count; i++) {
		if (strcmp(c->nodes[i], name) == 0)
			return;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "", c->nodes[i]);
	}
	if (c != NULL)
		conf_say(r->d, 'E', n, "name=\"%s\" of <host> is no node of the cluster: expected one of %s", name, list);
}

static void
read_host(struct reader *r, xmlNode *n, struct conf_lb_group *g)
{
	struct conf_lb_host *host;
	char name[SK_NAME_MAX];
	int power = 0, i;

	conf_attr_number(r->d, n, "power", 0, CONF_POWER_MAX, &power);
	if (!conf_attr_name(r->d, n, "name", name))
		return;
	check_node(r, n, name);
	for (i = 0; i < g->hosts_count && strcmp(g->hosts[i].name, name) != 0; i++)
		;
	if (i < g->hosts_count) {
		conf_say(r->d, 'E', n, "<host name=\"%s\"> again: expected each node once", name);
	} else if (g->hosts_count == SK_NODES_MAX) {
		conf_say(r->d, 'E', n, "one <host> too many: expected at most %d", SK_NODES_MAX);
	} else {
		host = conf_grow(r->d, n, (void **)&g->hosts, g->hosts_count, sizeof(*host));
		if (host == NULL)
			return;
		host->power = power;
		str_copy(host->name, sizeof(host->name), name);
		g->hosts_count++;
	}
}

static void
read_hosts(struct reader *r, xmlNode *cluster, struct conf_lb_group *g)
{
	xmlNode *n;
	int i, sum = 0;

	for (n = conf_xml_child(cluster, "host"); n != NULL; n = conf_xml_next(n, "host"))
		read_host(r, n, g);
	for (i = 0; i < g->hosts_count; i++)
		sum += g->hosts[i].power;
	if (sum == 0)
		conf_say(r->d, 'W', cluster, "every power of <group name=\"%s\"> is 0: no server takes its load", g->name);
}

static void
read_rule(struct reader *r, xmlNode *node, int group)
{
	struct conf_lb_rule rule = { .group = group, .vaddr = -1 }, *out;
	char addr[CONF_HOST_MAX], text[64] = "*";
	int port = 0;

	rule.proto = word_of(r->d, node, "proto", conf_lb_proto_names, LB_PROTOS, LB_TCP);
	rule.filter = word_of(r->d, node, "filter", conf_lb_filter_names, LB_FILTERS, LB_ON_ADDR);
	if (conf_attr_text(r->d, node, "port", text, sizeof(text)) && strcmp(text, "*") != 0)
		conf_attr_number(r->d, node, "port", 1, UINT16_MAX, &port);
	rule.port = (uint16_t)port;
	if (rule.proto == LB_ARP && (strcmp(text, "*") != 0 || rule.filter != LB_ON_ADDR))
		conf_say(r->d, 'E', node, "<rule proto=\"arp\">: expected no port and filter=\"on_addr\" (ARP knows addresses only)");
	if (conf_attr_text(r->d, node, "virtual_addr", addr, sizeof(addr)) && strcmp(addr, "*") != 0) {
		rule.vaddr = find_vaddr(r->m, addr);
		if (rule.vaddr < 0)
			conf_say(r->d, 'E', node, "virtual_addr=\"" CONF_SHOW "\" of <rule>: expected * or the addr of a <virtual_addr> of this module", addr);
	}
	if (rule.filter == LB_ON_IPID && rule.proto == LB_TCP)
		conf_say(r->d, 'W', node, "<rule proto=\"tcp\" filter=\"on_ipid\">: \"No sense for TCP\" (user's guide 13.5)");
	else if (rule.filter == LB_ON_IPID && rule.vaddr >= 0 && strchr(r->m->vaddrs[rule.vaddr].addr, ':') != NULL)
		conf_say(r->d, 'W', node, "<rule filter=\"on_ipid\"> of an IPv6 address: IPv6 packets have no such number (user's guide 13.5)");
	if (r->m->lbrules_count == CONF_LBRULES_MAX) {
		conf_say(r->d, 'E', node, "one <rule> too many: expected at most %d in all groups", CONF_LBRULES_MAX);
		return;
	}
	out = conf_grow(r->d, node, (void **)&r->m->lbrules, r->m->lbrules_count, sizeof(*out));
	if (out == NULL)
		return;
	*out = rule;
	r->m->lbrules_count++;
}

static void
read_group(struct reader *r, xmlNode *n)
{
	struct conf_module *m = r->m;
	struct conf_lb_group *g;
	char name[SK_NAME_MAX] = "";
	xmlNode *rule;
	int i;

	conf_attr_name(r->d, n, "name", name);
	for (i = 0; i < m->groups_count; i++)
		if (name[0] != '\0' && strcmp(m->groups[i].name, name) == 0)
			conf_say(r->d, 'E', n, "<group name=\"%s\"> again: expected each name once", name);
	g = conf_grow(r->d, n, (void **)&m->groups, m->groups_count, sizeof(*g));
	if (g == NULL)
		return;
	m->groups_count++;
	str_copy(g->name, sizeof(g->name), name);
	if (conf_xml_child(n, "cluster") != NULL)
		read_hosts(r, conf_xml_child(n, "cluster"), g);
	for (rule = conf_xml_child(n, "rule"); rule != NULL; rule = conf_xml_next(rule, "rule"))
		read_rule(r, rule, m->groups_count - 1);
}

static void
read_groups(struct reader *r, xmlNode *list)
{
	xmlNode *n;

	if (r->m->mode != MODE_FARM)
		conf_say(r->d, 'E', list, "<loadbalancing_list> in a %s module: expected it only with mode=\"farm\"", rpt_mode_names[r->m->mode]);
	for (n = conf_xml_child(list, "group"); n != NULL; n = conf_xml_next(n, "group")) {
		if (r->m->groups_count == CONF_GROUPS_MAX) {
			conf_say(r->d, 'E', n, "one <group> too many: expected at most %d", CONF_GROUPS_MAX);
			return;
		}
		read_group(r, n);
	}
}

static void
add_checks(struct reader *r)
{
	const struct conf_module *m = r->m;
	struct conf_made made = { .d = r->d, .m = r->m, .users = m->checks_count };
	int i, on;

	for (i = 0; i < m->vaddrs_count; i++) {
		on = m->vaddrs[i].intf;
		if (r->intf_check[on])
			conf_make_intf(&made, r->intf[on], &m->vintfs[on], &m->vaddrs[i]);
		else
			conf_find_network(&made, r->intf[on], &m->vintfs[on], &m->vaddrs[i]);
		if (r->addr_check[i] != NULL)
			conf_make_ip(&made, r->addr_check[i], &m->vaddrs[i]);
	}
}

void
conf_vip(const struct conf_doc *d, xmlNode *vip, const struct conf_cluster *cluster, struct conf_module *m)
{
	struct reader r = { .d = d, .cluster = cluster, .m = m };
	xmlNode *n, *groups;

	m->tcpreset = true;
	if (vip == NULL)
		return;
	if (m->mode == MODE_LIGHT) {
		conf_say(d, 'E', vip, "<vip> in a light module, which runs on one server: expected it only with mode=\"mirror\" or \"farm\"");
		return;
	}
	conf_attr_on(d, vip, "tcpreset", &m->tcpreset);
	n = conf_xml_child(conf_xml_child(vip, "interface_list"), "interface");
	for (; n != NULL; n = conf_xml_next(n, "interface"))
		read_interface(&r, n);
	groups = conf_xml_child(vip, "loadbalancing_list");
	if (groups != NULL)
		read_groups(&r, groups);
	else if (m->mode == MODE_FARM && m->vaddrs_count > 0)
		conf_say(d, 'W', vip, "<vip> of a farm module without <loadbalancing_list>: every server takes every packet to its addresses");
	add_checks(&r);
	conf_node_signature(d, vip, NULL, 0, m->vip_signature);
}
