/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rules_check.c: failover rules compiled for config and confcheck, so that a module that starts has rules that are understood: a fault is
 * told with the place in the file that the user edits.  What the rules order is heart's business.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"
#include "fsm/rules.h"

#include <limits.h>
#include <string.h>

struct naming { const struct conf_module *m; const struct rule_row *row; const char *userconfig; struct conf_errors *errs; };

/* Is there a tag that keeps class.id?  True for classes that others may keep: custom (safekit set), heartbeat, rfs, those of <vip>... */
static bool
is_kept(const struct conf_module *m, const char *class, size_t n, const char *id)
{
	static const int kinds[] = { CHECK_TCP, CHECK_PING, CHECK_MODULE };
	size_t k;
	int i;

	for (k = 0; k < ARRAY_LEN(kinds); k++) {
		if (strlen(conf_check_classes[kinds[k]]) != n || strncmp(conf_check_classes[kinds[k]], class, n) != 0)
			continue;
		for (i = 0; i < m->checks_count; i++)
			if (m->checks[i].kind == kinds[k] && strcmp(m->checks[i].ident, id) == 0)
				return true;
		return false;
	}
	if (n != 4 || strncmp(class, "proc", 4) != 0)
		return true;
	for (i = 0; i < m->procs_count; i++)
		if (strcmp(m->procs[i].name, id) == 0)
			return true;
	return false;
}

/* A rule about a check that is not there never acts: mostly a name that was changed at one place only */
static void
look_at_name(void *ctx, const char *ref, bool remote, unsigned healths)
{
	const struct naming *n = ctx;
	const char *name = ref, *dot;

	if (remote)
		return;		/* the other server's file may differ until it is configured, too */
	if (strncmp(name, "local.", 6) == 0)
		name += 6;
	dot = strchr(name, '.');
	if (dot == NULL || strcmp(dot, ".?") == 0 || strcmp(dot, ".*") == 0 || is_kept(n->m, name, (size_t)(dot - name), dot + 1))
		return;
	conf_complain(n->errs, 'W', n->userconfig, n->row->line, "rule %s names %s, which no <%.*s> of this module has: it stays unknown",
	    n->row->label, name, (int)(dot - name), name);
	if (n->errs->count > 0)
		n->errs->e[n->errs->count - 1].column = n->row->column;
}

static void
look_at_names(const struct conf_module *m, const struct rules *rules, const char *userconfig, struct conf_errors *errs)
{
	struct naming n = { m, NULL, userconfig, errs };
	int i;

	for (i = 0; i < rules_count(rules); i++) {
		n.row = rules_row(rules, i);
		if (n.row->origin == RULES_USER)
			rules_refs(rules, i, look_at_name, &n);
	}
}

bool
rules_check(const struct conf_module *m, const char *userconfig, struct conf_errors *errs)
{
	struct rules_part parts[CONF_RULES_MAX];
	struct rules_error re = { 0 };
	char defaults[PATH_MAX];
	struct rules *rules;
	const char *file;
	int i;

	for (i = 0; i < m->rules_count; i++)
		parts[i] = (struct rules_part){ .text = m->rules[i].text, .line = m->rules[i].line, .column = m->rules[i].column,
		    .origin = m->rules[i].origin };
	rules = rules_compile(parts, m->rules_count, &re);
	if (rules != NULL) {
		look_at_names(m, rules, userconfig, errs);
		rules_free(rules);
		return true;
	}
	file = userconfig;
	if (re.part >= 0 && re.part < m->rules_count && m->rules[re.part].origin == RULES_DEFAULT
	    && path_format(defaults, sizeof(defaults), "%s/private/conf/include/failover.xml", path_safe()))
		file = defaults;
	conf_complain(errs, 'E', file, re.line, "%s", re.text);
	if (errs->count > 0)
		errs->e[errs->count - 1].column = re.column;
	return false;
}
