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

bool
conf_is_id(const char *s)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-@:+";
	size_t n = strlen(s);

	return n > 0 && n < SK_NAME_MAX && strspn(s, chars) == n && strchr(".-@:+", s[0]) == NULL && strstr(s, "..") == NULL;
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
	for (i = 0; i < m->rules_count; i++)
		free(m->rules[i].text);
	for (i = 0; i < m->vhosts_count; i++)
		free(m->vhosts[i].envfile);
	free(m->vhosts);
	m->vhosts = NULL;
	m->vars_count = m->rules_count = m->vhosts_count = 0;
}
