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
