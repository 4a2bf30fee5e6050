/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heart.c: <heart> -> the heartbeats of a mirror module (UG 13.3).  Owns: inheritance from <heart> to <heartbeat>, the syntax from
 * before 7.2, and which lans a heartbeat may use.  Called by: module.c.  Never does: choose a port (0 = by the module's id).
 */
#include "config.h"
#include "conf/xml.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PULSE_DEFAULT	700	/* ms, UG 13.3 */
#define PULSE_MIN	10	/* ms (ours) */
#define PULSE_MAX	60000	/* ms (ours) */
#define TIMEOUT_DEFAULT	30000	/* ms, UG 13.3 */
#define TIMEOUT_MIN	50	/* ms (ours) */
#define TIMEOUT_MAX	3600000	/* ms (ours) */
#define OLD_SERVERS_MAX	8	/* <server> in one <heartbeat> (UG 13.3 has two) */

/* port, pulse, timeout, permanent_arp: the same on both tags */
static void
read_beat(const struct conf_doc *d, xmlNode *node, struct conf_heartbeat *hb)
{
	int64_t pulse = hb->pulse_ms, timeout = hb->timeout_ms;
	int port = hb->port;
	bool good;

	conf_attr_number(d, node, "port", 1, UINT16_MAX, &port);
	good = conf_attr_duration(d, node, "pulse", 1, PULSE_MIN, PULSE_MAX, &pulse);
	good |= conf_attr_duration(d, node, "timeout", 1, TIMEOUT_MIN, TIMEOUT_MAX, &timeout);
	if (conf_attr_on(d, node, "permanent_arp", &hb->permanent_arp))
		conf_say(d, 'W', node, "permanent_arp of <%s> is accepted but has no effect in this version", node->name);
	hb->port = (uint16_t)port;
	hb->pulse_ms = (int)pulse;
	hb->timeout_ms = (int)timeout;
	/* said where it is written; a <heartbeat> that changes nothing inherits what was said of <heart> */
	if (good && timeout < 2 * pulse)
		conf_say(d, 'E', node, "timeout of <%s> is %d ms with a pulse of %d ms: expected at least two pulses (%d ms), or one late packet "
		    "is a failover", node->name, hb->timeout_ms, hb->pulse_ms, 2 * hb->pulse_ms);
}

static const struct conf_lan *
find_lan(const struct conf_cluster *c, const char *name)
{
	int i;

	for (i = 0; i < c->lans_count; i++)
		if (strcmp(c->lans[i].name, name) == 0)
			return &c->lans[i];
	return NULL;
}

bool
conf_check_lan(const struct conf_doc *d, xmlNode *node, const struct conf_cluster *c, const char *name)
{
	const struct conf_lan *lan = find_lan(c, name);
	char list[300] = "";
	size_t len = 0;
	int i;

	if (lan != NULL && lan->framework)
		return true;
	for (i = 0; i < c->lans_count && len < sizeof(list); i++)
		if (c->lans[i].framework)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "", c->lans[i].name);
	if (lan == NULL)
		conf_say(d, 'E', node, "lan \"%s\" of <%s> is not in the cluster: expected one of %s", name, node->name, list);
	else
		conf_say(d, 'E', node, "lan \"%s\" of <%s> has framework=\"off\" in the cluster: expected one of %s", name, node->name, list);
	return false;
}

static bool
same_address(const char *a, const char *b)
{
	uint8_t x[16], y[16];

	if (inet_pton(AF_INET6, a, x) == 1 && inet_pton(AF_INET6, b, y) == 1)
		return memcmp(x, y, sizeof(x)) == 0;
	return strcasecmp(a, b) == 0;
}

static bool
lan_has(const struct conf_lan *lan, const char *addr)
{
	int i;

	for (i = 0; i < lan->count; i++)
		if (same_address(lan->at[i].addr, addr) || same_address(lan->at[i].laddr, addr))
			return true;
	return false;
}

void
conf_map_servers(const struct conf_doc *d, xmlNode *node, const struct conf_cluster *c, char lan[SK_NAME_MAX])
{
	char addrs[OLD_SERVERS_MAX][256];
	xmlNode *n;
	int i, k, count = 0;

	for (n = conf_xml_child(node, "server"); n != NULL && count < OLD_SERVERS_MAX; n = conf_xml_next(n, "server"))
		count += conf_attr_text(d, n, "addr", addrs[count], sizeof(addrs[0]));
	if (n != NULL) {
		conf_say(d, 'E', node, "<%s> has more than %d <server>: expected two", node->name, OLD_SERVERS_MAX);
		return;
	}
	if (c == NULL) {
		conf_say(d, 'E', node, "<server> in <%s> (the syntax before 7.2) needs a cluster configuration to find its lan: write "
		    "<%s name=\"lan\"/> instead", node->name, node->name);
		return;
	}
	for (i = 0; i < c->lans_count; i++) {
		for (k = 0; k < count && lan_has(&c->lans[i], addrs[k]); k++)
			;
		if (k == count && c->lans[i].framework)
			break;
	}
	if (i == c->lans_count) {
		conf_say(d, 'E', node, "<server> in <%s> (the syntax before 7.2): no lan of the cluster with framework=\"on\" has all these "
		    "addresses: write <%s name=\"lan\"/> instead", node->name, node->name);
		return;
	}
	str_copy(lan, SK_NAME_MAX, c->lans[i].name);
	conf_say(d, 'W', node, "<server> in <%s> is the syntax before 7.2: taken as name=\"%s\"", node->name, lan);
}

static void
read_heartbeat(const struct conf_doc *d, xmlNode *node, const struct conf_cluster *c, struct conf_module *m, bool old)
{
	struct conf_heartbeat *hb = &m->hb[m->hb_count];
	xmlChar *name = conf_attr_raw(node, "name");
	bool has_name = name != NULL, has_server = conf_xml_child(node, "server") != NULL;
	int i;

	xmlFree(name);
	read_beat(d, node, hb);
	if (has_server != old || (has_name && has_server)) {
		conf_say(d, 'E', node, "<heartbeat> with name and <heartbeat> with <server> (the syntax before 7.2) in one file: expected only "
		    "the one with name");
	} else if (has_server) {
		conf_map_servers(d, node, c, hb->lan);
	} else if (!has_name) {
		conf_say(d, 'E', node, "<heartbeat> lacks the attribute name: expected the name of a lan of the cluster");
	} else if (conf_attr_name(d, node, "name", hb->lan) && c != NULL) {
		conf_check_lan(d, node, c, hb->lan);
	}
	str_copy(hb->ident, sizeof(hb->ident), hb->lan);
	conf_attr_name(d, node, "ident", hb->ident);
	for (i = 0; i < m->hb_count; i++) {
		if (hb->ident[0] != '\0' && strcmp(m->hb[i].ident, hb->ident) == 0)
			conf_say(d, 'E', node, "ident \"%s\" again (without ident it is the name): expected each <heartbeat> to have its own",
			    hb->ident);
		else if (hb->lan[0] != '\0' && strcmp(m->hb[i].lan, hb->lan) == 0)
			conf_say(d, 'W', node, "two heartbeats on lan \"%s\": they will be lost together", hb->lan);
	}
	m->hb_count++;
}

void
conf_heart(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *cluster, struct conf_module *m)
{
	xmlNode *heart = conf_xml_child(service, "heart"), *n;
	struct conf_heartbeat common = { .pulse_ms = PULSE_DEFAULT, .timeout_ms = TIMEOUT_DEFAULT, .permanent_arp = true };
	bool old;

	if (heart == NULL) {
		conf_say(d, 'E', service, "a mirror module lacks <heart>: expected <heart> with at least one <heartbeat name=\"lan\"/>");
		return;
	}
	read_beat(d, heart, &common);
	n = conf_xml_child(heart, "heartbeat");		/* the schema wants at least one */
	old = conf_xml_child(n, "server") != NULL;
	for (; n != NULL; n = conf_xml_next(n, "heartbeat")) {
		if (m->hb_count == CONF_HB_MAX) {
			conf_say(d, 'E', n, "one <heartbeat> too many: expected at most %d", CONF_HB_MAX);
			return;
		}
		m->hb[m->hb_count] = common;
		read_heartbeat(d, n, cluster, m, old);
		if (strcmp(m->hb[m->hb_count - 1].ident, "flow") == 0 && conf_xml_child(service, "rfs") == NULL)
			conf_say(d, 'W', n, "ident=\"flow\" without <rfs>: \"If you set ident=\"flow\" without <rfs> configuration, the module start "
			    "blocks in WAIT state\" (user's guide 13.3)");
	}
}
