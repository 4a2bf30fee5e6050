/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_json.c: the lists of the run form: checks, procs, rules, vhosts.  One row per member, bounded, strict.
 * Called by: module_json.c.  Never does: fill in a default, compile a rule or a regular expression.
 */
#include "config.h"
#include "conf/rows.h"

#include <stdio.h>
#include <stdlib.h>

#define C(member)	offsetof(struct conf_check, member)
#define P(member)	offsetof(struct conf_proc, member)
#define R(member)	offsetof(struct conf_rules, member)
#define V(member)	offsetof(struct conf_vhost, member)

static const struct conf_row check_rows[] = {
	{ "kind", CONF_WORD, C(kind), 0, CHECK_KINDS, conf_check_classes },
	{ "when", CONF_WORD, C(when), 0, WHEN_OTHER, conf_when_names },
	{ "action", CONF_WORD, C(action), 0, DO_EXEC, conf_do_names },
	{ "ident", CONF_NAME, C(ident) },
	{ "addr", CONF_TEXT_PTR, C(addr), 0, CONF_ADDRS_MAX },
	{ "intf", CONF_TEXT_BUF, C(intf), 0, SK_NAME_MAX - 1 },
	{ "port", CONF_PORT, C(port), 0, UINT16_MAX },
	{ "interval_ms", CONF_MS, C(interval_ms), 1, CONF_YEAR_MS },
	{ "timeout_ms", CONF_MS, C(timeout_ms), 1, CONF_YEAR_MS },
	{ "module", CONF_NAME0, C(module) },
	{ "secure", CONF_BOOL, C(secure) },
	{ "exec", CONF_TEXT_PTR, C(exec), 0, CONF_EXEC_MAX },
	{ "arg", CONF_TEXT_PTR, C(arg), 0, CONF_ARG_MAX },
};
static const struct conf_row proc_rows[] = {
	{ "name", CONF_ID, P(name) },
	{ "nameregex", CONF_TEXT_PTR, P(nameregex), 0, CONF_REGEX_MAX },
	{ "argregex", CONF_TEXT_PTR, P(argregex), 0, CONF_REGEX_MAX },
	{ "service", CONF_BOOL, P(service) },
	{ "atleast", CONF_INT, P(atleast), -1, INT32_MAX },
	{ "atmax", CONF_INT, P(atmax), -1, INT32_MAX },
	{ "start_after", CONF_INT, P(start_after), 0, INT32_MAX },
	{ "when", CONF_WORD, P(when), 0, WHEN_COUNT, conf_when_names },
	{ "class", CONF_NAME, P(class_name) },
	{ "action", CONF_WORD, P(action), 0, DO_COUNT, conf_do_names },
	{ "exec", CONF_TEXT_PTR, P(exec), 0, CONF_EXEC_MAX },
};
static const struct conf_row rules_rows[] = {
	{ "origin", CONF_WORD, R(origin), 0, RULES_ORIGINS, conf_rules_names },
	{ "line", CONF_INT, R(line), 1, INT32_MAX },
	{ "column", CONF_INT, R(column), 1, INT32_MAX },
	{ "text", CONF_TEXT_PTR, R(text), 0, CONF_RULES_TEXT_MAX },
};
static const struct conf_row vhost_rows[] = {
	{ "name", CONF_NAME, V(name) },
	{ "envfile", CONF_TEXT_PTR, V(envfile), 1, CONF_EXEC_MAX },
	{ "when", CONF_WORD, V(when), 0, WHEN_OTHER, conf_when_names },
};

struct list {
	const char		*name;
	const struct conf_row	*rows;
	size_t			 rows_count, size;	/* size: of one item */
	int			 max;
	void			*items;
	int			*count;
};

/* The lists of m.  rules is an array in m, the others are allocated (items NULL until decoded). */
static void
lists_of(struct conf_module *m, struct list out[CONF_LISTS])
{
	out[0] = (struct list){ "checks", check_rows, ARRAY_LEN(check_rows), sizeof(*m->checks), CONF_CHECKS_MAX, m->checks, &m->checks_count };
	out[1] = (struct list){ "procs", proc_rows, ARRAY_LEN(proc_rows), sizeof(*m->procs), CONF_PROCS_MAX, m->procs, &m->procs_count };
	out[2] = (struct list){ "rules", rules_rows, ARRAY_LEN(rules_rows), sizeof(m->rules[0]), CONF_RULES_MAX, m->rules, &m->rules_count };
	out[3] = (struct list){ "vhosts", vhost_rows, ARRAY_LEN(vhost_rows), sizeof(*m->vhosts), CONF_VHOSTS_MAX, m->vhosts, &m->vhosts_count };
}

bool
conf_lists_encode(json_t *obj, const struct conf_module *m)
{
	struct list lists[CONF_LISTS];
	json_t *array;
	size_t l;
	int i;

	lists_of((struct conf_module *)(uintptr_t)m, lists);	/* read only */
	for (l = 0; l < CONF_LISTS; l++) {
		array = json_array();
		if (array == NULL || json_object_set_new(obj, lists[l].name, array) == -1)
			return false;
		for (i = 0; i < *lists[l].count; i++)
			if (json_array_append_new(array, conf_rows_encode(lists[l].rows, lists[l].rows_count,
			    (const char *)lists[l].items + (size_t)i * lists[l].size)) == -1)
				return false;
	}
	return true;
}

static bool
decode_list(const struct list *l, const json_t *array, char *err, size_t errsize)
{
	char why[256];
	const json_t *v;
	size_t i;

	json_array_foreach(array, i, v) {
		++*l->count;	/* counts before it is read: what a refused item holds already is freed with the module */
		if (!conf_rows_decode(l->rows, l->rows_count, 0, v, (char *)l->items + i * l->size, why, sizeof(why))) {
			snprintf(err, errsize, "%s: number %zu: %s", l->name, i + 1, why);
			return false;
		}
	}
	return true;
}

bool
conf_lists_decode(const json_t *obj, struct conf_module *m, char *err, size_t errsize)
{
	struct list lists[CONF_LISTS];
	size_t n[CONF_LISTS], l;

	lists_of(m, lists);
	for (l = 0; l < CONF_LISTS; l++) {
		const json_t *array = json_object_get(obj, lists[l].name);

		n[l] = json_array_size(array);
		if (!json_is_array(array) || n[l] > (size_t)lists[l].max) {
			snprintf(err, errsize, "%s: expected a list of at most %d", lists[l].name, lists[l].max);
			return false;
		}
	}
	m->checks = calloc(n[0] + 1, sizeof(*m->checks));
	m->procs = calloc(n[1] + 1, sizeof(*m->procs));
	m->vhosts = calloc(n[3] + 1, sizeof(*m->vhosts));
	if (m->checks == NULL || m->procs == NULL || m->vhosts == NULL) {
		snprintf(err, errsize, "no memory to read it (%zu checks expected)", n[0]);
		return false;
	}
	lists_of(m, lists);
	for (l = 0; l < CONF_LISTS; l++)
		if (!decode_list(&lists[l], json_object_get(obj, lists[l].name), err, errsize))
			return false;
	return true;
}
