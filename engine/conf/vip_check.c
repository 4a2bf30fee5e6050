/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip_check.c: the checkers that check="on" of <interface> and <virtual_addr> makes (UG 13.5, 15.10, 15.11).  Owns: their names, and which
 * network of this server a virtual address belongs to.  Called by: vip.c.  Never does: ask the system (conf_set_networks() gave it), make
 * a checker that the user wrote himself.
 */
#include "config.h"
#include "conf/rows.h"
#include "conf/xml.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MS	10000	/* UG 13.14 */
#define TIMEOUT_MS	5000	/* as of <check> */

static const struct conf_network *networks;
static int networks_count;

void
conf_set_networks(const struct conf_network *list, int count)
{
	networks = list;
	networks_count = list != NULL ? count : 0;
}

/* Family and length of the bytes; 0: no address (a name) */
static int
parse(const char *text, uint8_t out[16], size_t *len)
{
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	*len = family == AF_INET6 ? 16 : 4;
	return inet_pton(family, text, out) == 1 ? family : 0;
}

static void
cut(uint8_t *bytes, size_t len, int prefix)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (prefix <= 0)
			bytes[i] = 0;
		else if (prefix < 8)
			bytes[i] &= (uint8_t)(0xff << (8 - prefix));
		prefix -= 8;
	}
}

static bool
is_virtual(const struct conf_module *m, int family, const uint8_t *bytes, size_t len)
{
	uint8_t other[16];
	size_t n;
	int i;

	for (i = 0; i < m->vaddrs_count; i++)
		if (parse(m->vaddrs[i].addr, other, &n) == family && memcmp(other, bytes, len) == 0)
			return true;
	return false;
}

/* Does it have the address?  network: its first address, as text */
static bool
has(const struct conf_module *m, const struct conf_network *net, const struct conf_vintf *intf, const struct conf_vaddr *v, char *network, size_t size)
{
	uint8_t want[16], own[16];
	size_t len, n;
	int family = parse(v->addr, want, &len);

	if (family == 0 || parse(net->addr, own, &n) != family || net->prefix < 0 || (size_t)net->prefix >= 8 * len ||
	    (intf->name[0] != '\0' && strcmp(intf->name, net->intf) != 0) || is_virtual(m, family, own, len))
		return false;
	cut(want, len, net->prefix);
	cut(own, len, net->prefix);
	return memcmp(want, own, len) == 0 && inet_ntop(family, own, network, (socklen_t)size) != NULL;
}

/* The narrowest one, the first of equals; with netmask= rather the first one of that mask */
static const struct conf_network *
find(const struct conf_module *m, const struct conf_vintf *intf, const struct conf_vaddr *v, char *network, size_t size)
{
	const struct conf_network *best = NULL, *n;
	char text[INET6_ADDRSTRLEN];
	int i;

	for (i = 0; i < networks_count; i++) {
		n = &networks[i];
		if (!has(m, n, intf, v, text, sizeof(text)) || (best != NULL && best->prefix == v->prefix))
			continue;
		if (best == NULL || n->prefix > best->prefix || n->prefix == v->prefix) {
			best = n;
			str_copy(network, size, text);
		}
	}
	return best;
}

/* What cannot stand in a name (the colons of IPv6) is written as _ */
static bool
name_after(char ident[SK_NAME_MAX], const char *text)
{
	size_t i;

	if (!str_copy(ident, SK_NAME_MAX, text))
		return false;
	for (i = 0; ident[i] != '\0'; i++)
		if (ident[i] == ':')
			ident[i] = '_';
	return str_is_name(ident);
}

static const struct conf_check *
find_check(const struct conf_made *made, int kind, const char *ident)
{
	int i;

	for (i = 0; i < made->m->checks_count; i++)
		if (made->m->checks[i].kind == kind && strcmp(made->m->checks[i].ident, ident) == 0)
			return &made->m->checks[i];
	return NULL;
}

/* The user has written it under another name */
static bool
is_written(const struct conf_made *made, int kind, int when, const char *addr)
{
	int i;

	for (i = 0; i < made->users; i++)
		if (made->m->checks[i].kind == kind && made->m->checks[i].when == when && strcmp(made->m->checks[i].addr, addr) == 0)
			return true;
	return false;
}

static struct conf_check *
add(struct conf_made *made, xmlNode *node, int kind, const char *ident, int when, const char *addr)
{
	struct conf_module *m = made->m;
	struct conf_check *c;

	if (m->checks_count == CONF_CHECKS_MAX) {
		conf_say(made->d, 'E', node, "one checker too many with those of check=\"on\": expected at most %d", CONF_CHECKS_MAX);
		return NULL;
	}
	c = conf_grow(made->d, node, (void **)&m->checks, m->checks_count, sizeof(*c));
	if (c == NULL)
		return NULL;
	m->checks_count++;
	*c = (struct conf_check){ .kind = kind, .when = when, .action = DO_DEFAULT, .interval_ms = INTERVAL_MS, .timeout_ms = TIMEOUT_MS,
		.addr = strdup(addr), .exec = strdup(""), .arg = strdup("") };
	str_copy(c->ident, sizeof(c->ident), ident);
	if (c->addr == NULL || c->exec == NULL || c->arg == NULL)
		conf_say(made->d, 'E', node, "no memory to keep the checkers");
	return c;
}

void
conf_make_ip(struct conf_made *made, xmlNode *node, const struct conf_vaddr *v)
{
	int when = v->one_side ? WHEN_PRIM : WHEN_BOTH;
	char ident[SK_NAME_MAX];

	if (!name_after(ident, v->addr))
		conf_say(made->d, 'E', node, "addr=\"" CONF_SHOW "\" of <virtual_addr check=\"on\">: its checker is named after it: expected at most %d "
		    "characters, or check=\"off\"", v->addr, SK_NAME_MAX - 1);
	else if (find_check(made, CHECK_IP, ident) == NULL && !is_written(made, CHECK_IP, when, v->addr))
		add(made, node, CHECK_IP, ident, when, v->addr);
}

/* No network of this server has the address (another server of the module may have one), or none is known */
static void
make_unknown(struct conf_made *made, xmlNode *node, const struct conf_vintf *intf, const struct conf_vaddr *v)
{
	struct conf_check *c;
	char ident[SK_NAME_MAX];

	if (!name_after(ident, v->addr)) {
		conf_say(made->d, 'E', node, "<interface check=\"on\">: its checker is named after \"" CONF_SHOW "\": expected at most %d characters, or "
		    "check=\"off\"", v->addr, SK_NAME_MAX - 1);
		return;
	}
	if (networks != NULL && intf->name[0] != '\0')
		conf_say(made->d, 'W', node, "<interface name=\"%s\">: this server has no interface %s with an address in the network of %s: the checker "
		    "intf.%s watches its link only", intf->name, intf->name, v->addr, ident);
	else if (networks != NULL)
		conf_say(made->d, 'W', node, "no interface of this server has an address in the network of %s: expected one; the checker intf.%s looks for "
		    "it when the module starts", v->addr, ident);
	if (find_check(made, CHECK_INTF, ident) != NULL)
		return;
	c = add(made, node, CHECK_INTF, ident, WHEN_PRE, intf->name[0] != '\0' ? "" : v->addr);
	if (c == NULL)
		return;
	c->network = intf->name[0] == '\0';
	str_copy(c->intf, sizeof(c->intf), intf->name);
}

/* check="off".  An interface that is named may be without an address; a host name is looked up when it is set */
void
conf_find_network(struct conf_made *made, xmlNode *node, const struct conf_vintf *intf, const struct conf_vaddr *v)
{
	char network[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	size_t len;

	if (networks != NULL && intf->name[0] == '\0' && parse(v->addr, bytes, &len) != 0 && find(made->m, intf, v, network, sizeof(network)) == NULL)
		conf_say(made->d, 'W', node, "no interface of this server has an address in the network of %s: expected one, or <interface name=...>",
		    v->addr);
}

void
conf_make_intf(struct conf_made *made, xmlNode *node, const struct conf_vintf *intf, const struct conf_vaddr *v)
{
	char network[INET6_ADDRSTRLEN], ident[SK_NAME_MAX], other[2 * SK_NAME_MAX];
	const struct conf_network *net = find(made->m, intf, v, network, sizeof(network));
	const struct conf_check *there;
	struct conf_check *c;

	if (net == NULL) {
		make_unknown(made, node, intf, v);
		return;
	}
	name_after(ident, network);	/* 39 characters at most */
	there = find_check(made, CHECK_INTF, ident);
	if (there != NULL && there >= made->m->checks + made->users && strcmp(there->intf, net->intf) != 0) {
		/* two interfaces in one network */
		snprintf(other, sizeof(other), "%s_%s", ident, net->intf);
		if (!name_after(ident, other))
			return;
		there = find_check(made, CHECK_INTF, ident);
	}
	if (there != NULL || is_written(made, CHECK_INTF, WHEN_PRE, net->addr))
		return;
	c = add(made, node, CHECK_INTF, ident, WHEN_PRE, net->addr);
	if (c != NULL)
		str_copy(c->intf, sizeof(c->intf), net->intf);
}
