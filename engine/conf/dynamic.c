/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dynamic.c: may a running module take this configuration?  (UG 13: each tag says what a dynamic configuration can change.)
 * Called by: the CLI, safeadmin.  Never does: link libxml2; ask what state the module is in.
 */
#include "config.h"
#include "conf/rows.h"

#include <stdio.h>
#include <string.h>

/* The texts that <failover> decides: those made from <check> may change with it. */
static const struct conf_rules *
rules_of(const struct conf_module *m, int origin)
{
	int i;

	for (i = 0; i < m->rules_count; i++)
		if (m->rules[i].origin == origin)
			return &m->rules[i];
	return NULL;
}

static bool
same_rules(const struct conf_module *a, const struct conf_module *b, int origin)
{
	const struct conf_rules *x = rules_of(a, origin), *y = rules_of(b, origin);

	return (x == NULL) == (y == NULL) && (x == NULL || strcmp(x->text, y->text) == 0);
}

static bool
same_mode(const struct conf_module *a, const struct conf_module *b)
{
	return a->mode == b->mode;
}

static bool
same_failover_attribute(const struct conf_module *a, const struct conf_module *b)
{
	return a->failover == b->failover;
}

static bool
same_defaultprim(const struct conf_module *a, const struct conf_module *b)
{
	return strcmp(a->defaultprim, b->defaultprim) == 0;
}

static bool
same_farm(const struct conf_module *a, const struct conf_module *b)
{
	return strcmp(a->farm_signature, b->farm_signature) == 0;
}

static bool
same_vip(const struct conf_module *a, const struct conf_module *b)
{
	return strcmp(a->vip_signature, b->vip_signature) == 0;
}

static bool
same_rfs(const struct conf_module *a, const struct conf_module *b)
{
	return strcmp(a->rfs_signature, b->rfs_signature) == 0;
}

static bool
same_vhosts(const struct conf_module *a, const struct conf_module *b)
{
	int i;

	if (a->vhosts_count != b->vhosts_count)
		return false;
	for (i = 0; i < a->vhosts_count; i++)
		if (strcmp(a->vhosts[i].name, b->vhosts[i].name) != 0 || strcmp(a->vhosts[i].envfile, b->vhosts[i].envfile) != 0 ||
		    a->vhosts[i].when != b->vhosts[i].when)
			return false;
	return true;
}

static bool
same_failover_tag(const struct conf_module *a, const struct conf_module *b)
{
	return a->period_ms == b->period_ms && a->handle_ms == b->handle_ms && same_rules(a, b, RULES_USER) &&
	    (a->has_rfs != b->has_rfs || same_rules(a, b, RULES_DEFAULT));	/* <rfs> itself brings rules */
}

static const struct fixed { const char *name; bool (*same)(const struct conf_module *, const struct conf_module *); } fixed[] = {
	{ "mode of <service>", same_mode },				/* UG 13.2 */
	{ "failover of <service>", same_failover_attribute },
	{ "defaultprim of <service>", same_defaultprim },
	{ "<farm>", same_farm },					/* UG 13.4 */
	{ "<vip>", same_vip },						/* UG 13.5 */
	{ "<rfs> (but for async, nbrei, reitimeout, reidetail and <flow>)", same_rfs },	/* UG 13.6 */
	{ "<vhost>", same_vhosts },					/* UG 13.8 */
	{ "<failover>", same_failover_tag },				/* UG 13.18 */
};

bool
conf_module_dynamic(const struct conf_module *now, const struct conf_module *next, char *why, size_t whysize)
{
	bool dynamic = true;
	size_t i, len = 0;

	if (whysize > 0)
		why[0] = '\0';
	for (i = 0; i < ARRAY_LEN(fixed); i++) {
		if (fixed[i].same(now, next))
			continue;
		if (len < whysize)
			len += (size_t)snprintf(why + len, whysize - len, "%s%s", dynamic ? "" : ", ", fixed[i].name);
		dynamic = false;
	}
	return dynamic;
}
