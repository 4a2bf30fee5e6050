/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c: the words of struct conf_module, and what it owns.
 * Called by: everybody who has one.  Never does: link libxml2 (heart and checkd).
 */
#include "config.h"
#include "conf/rows.h"

#include <stdlib.h>
#include <string.h>

const char *const conf_when_names[WHEN_COUNT] = {
	[WHEN_PRE] = "pre", [WHEN_PRIM] = "prim", [WHEN_SECOND] = "second", [WHEN_SEC] = "sec", [WHEN_BOTH] = "both", [WHEN_OTHER] = "other",
};
const char *const conf_do_names[DO_COUNT] = {
	[DO_DEFAULT] = "", [DO_NOACTION] = "noaction", [DO_WAIT] = "wait", [DO_RESTART] = "restart", [DO_STOPSTART] = "stopstart",
	[DO_STOP] = "stop", [DO_SWAP] = "swap", [DO_EXEC] = "exec",
};
const char *const conf_check_classes[CHECK_KINDS] = {
	[CHECK_TCP] = "tcp", [CHECK_PING] = "ping", [CHECK_INTF] = "intf", [CHECK_IP] = "ip", [CHECK_CUSTOM] = "custom",
	[CHECK_MODULE] = "module", [CHECK_SPLITBRAIN] = "splitbrain",
};
const char *const conf_check_origins[CHECK_KINDS] = {
	[CHECK_TCP] = "tcpcheck", [CHECK_PING] = "pingcheck", [CHECK_INTF] = "intfcheck", [CHECK_IP] = "ipcheck", [CHECK_CUSTOM] = "",
	[CHECK_MODULE] = "modulecheck", [CHECK_SPLITBRAIN] = "splitbraincheck",
};
const char *const conf_rules_names[RULES_ORIGINS] = {
	[RULES_USER] = "user", [RULES_GENERATED] = "generated", [RULES_DEFAULT] = "default",
};
const char *const conf_vtype_names[VIP_TYPES] = {
	[VIP_REAL] = "real", [VIP_DIRECTED] = "vmac_directed", [VIP_INVISIBLE] = "vmac_invisible",
};
const char *const conf_lb_proto_names[LB_PROTOS] = { [LB_TCP] = "tcp", [LB_UDP] = "udp", [LB_ARP] = "arp" };
const char *const conf_lb_filter_names[LB_FILTERS] = { [LB_ON_ADDR] = "on_addr", [LB_ON_PORT] = "on_port", [LB_ON_IPID] = "on_ipid" };

bool
conf_is_id(const char *s)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-@:+";
	size_t n = strlen(s);

	return n > 0 && n < SK_NAME_MAX && strspn(s, chars) == n && strchr(".-@:+", s[0]) == NULL && strstr(s, "..") == NULL;
}

/* Six pairs of hex digits; a unicast address is even in the first one */
bool
conf_is_mac(const char *s)
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
free_vip(struct conf_module *m)
{
	int i;

	for (i = 0; i < m->vaddrs_count; i++)
		free(m->vaddrs[i].addr);
	for (i = 0; i < m->groups_count; i++)
		free(m->groups[i].hosts);
	free(m->vintfs);
	free(m->vaddrs);
	free(m->groups);
	free(m->lbrules);
	m->vintfs = NULL;
	m->vaddrs = NULL;
	m->groups = NULL;
	m->lbrules = NULL;
	m->vintfs_count = m->vaddrs_count = m->groups_count = m->lbrules_count = 0;
}

static void
free_checks(struct conf_module *m)
{
	int i;

	for (i = 0; i < m->checks_count; i++) {
		free(m->checks[i].addr);
		free(m->checks[i].exec);
		free(m->checks[i].arg);
	}
	for (i = 0; i < m->procs_count; i++) {
		free(m->procs[i].nameregex);
		free(m->procs[i].argregex);
		free(m->procs[i].exec);
	}
	free(m->checks);
	free(m->procs);
	m->checks = NULL;
	m->procs = NULL;
	m->checks_count = m->procs_count = 0;
}

void
conf_module_free(struct conf_module *m)
{
	int i;

	for (i = 0; i < m->vars_count; i++) {
		free(m->vars[i].name);
		free(m->vars[i].value);
	}
	free_checks(m);
	free_vip(m);
	conf_rfs_free(&m->rfs);
	for (i = 0; i < m->rules_count; i++)
		free(m->rules[i].text);
	for (i = 0; i < m->vhosts_count; i++)
		free(m->vhosts[i].envfile);
	free(m->vhosts);
	m->vhosts = NULL;
	m->vars_count = m->rules_count = m->vhosts_count = 0;
}
