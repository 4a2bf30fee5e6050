/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_json.c: the lists of the run form: checks, procs, rules, vhosts, and those of <vip>.  One row per member, bounded, strict.
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
#define I(member)	offsetof(struct conf_vintf, member)
#define A(member)	offsetof(struct conf_vaddr, member)
#define G(member)	offsetof(struct conf_lb_group, member)
#define H(member)	offsetof(struct conf_lb_host, member)
#define L(member)	offsetof(struct conf_lb_rule, member)

static const struct conf_row check_rows[] = {
	{ "kind", CONF_WORD, C(kind), 0, CHECK_KINDS, conf_check_classes },
	{ "when", CONF_WORD, C(when), 0, WHEN_OTHER, conf_when_names },
	{ "action", CONF_WORD, C(action), 0, DO_EXEC, conf_do_names },
	{ "ident", CONF_NAME, C(ident) },
	{ "addr", CONF_TEXT_PTR, C(addr), 0, CONF_ADDRS_MAX },
	{ "intf", CONF_TEXT_BUF, C(intf), 0, SK_NAME_MAX - 1 },
	{ "network", CONF_BOOL, C(network) },
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
static const struct conf_row vintf_rows[] = {
	{ "type", CONF_WORD, I(type), 0, VIP_TYPES, conf_vtype_names },
	{ "name", CONF_TEXT_BUF, I(name), 0, SK_NAME_MAX - 1 },
	{ "mac", CONF_TEXT_BUF, I(mac), 0, sizeof(((struct conf_vintf *)0)->mac) - 1 },
	{ "arpreroute", CONF_BOOL, I(arpreroute) },
	{ "arpinterval_ms", CONF_MS, I(arpinterval_ms), 1, CONF_YEAR_MS },
	{ "arpelapse_ms", CONF_MS, I(arpelapse_ms), 0, CONF_YEAR_MS },
};
static const struct conf_row vaddr_rows[] = {
	{ "intf", CONF_INT, A(intf), 0, CONF_VINTFS_MAX - 1 },
	{ "addr", CONF_TEXT_PTR, A(addr), 1, 255 },
	{ "prefix", CONF_INT, A(prefix), -1, 32 },	/* netmask is for IPv4 */
	{ "one_side", CONF_BOOL, A(one_side) },
	{ "connections", CONF_BOOL, A(connections) },
};
static const struct conf_row group_rows[] = {	/* and hosts: a list */
	{ "name", CONF_NAME, G(name) },
};
static const struct conf_row host_rows[] = {
	{ "name", CONF_NAME, H(name) },
	{ "power", CONF_INT, H(power), 0, CONF_POWER_MAX },
};
static const struct conf_row lbrule_rows[] = {
	{ "group", CONF_INT, L(group), 0, CONF_GROUPS_MAX - 1 },
	{ "proto", CONF_WORD, L(proto), 0, LB_PROTOS, conf_lb_proto_names },
	{ "filter", CONF_WORD, L(filter), 0, LB_FILTERS, conf_lb_filter_names },
	{ "vaddr", CONF_INT, L(vaddr), -1, CONF_VADDRS_MAX - 1 },
	{ "port", CONF_PORT, L(port), 0, UINT16_MAX },
};

#define ROWS(r)	r, ARRAY_LEN(r)

struct list {
	const char		*name;
	const struct conf_row	*rows;
	size_t			 rows_count, size;	/* size: of one item */
	int			 max;
	void			*items;
	int			*count;
	void			**alloc;	/* where items is kept, NULL: an array in the module */
};

/* The lists of m, items NULL until decoded but for rules.  hosts are within groups, which have an item more than rows. */
static void
lists_of(struct conf_module *m, struct list out[CONF_LISTS])
{
	out[0] = (struct list){ "checks", ROWS(check_rows), sizeof(*m->checks), CONF_CHECKS_MAX, m->checks, &m->checks_count, (void **)&m->checks };
	out[1] = (struct list){ "procs", ROWS(proc_rows), sizeof(*m->procs), CONF_PROCS_MAX, m->procs, &m->procs_count, (void **)&m->procs };
	out[2] = (struct list){ "rules", ROWS(rules_rows), sizeof(m->rules[0]), CONF_RULES_MAX, m->rules, &m->rules_count, NULL };
	out[3] = (struct list){ "vhosts", ROWS(vhost_rows), sizeof(*m->vhosts), CONF_VHOSTS_MAX, m->vhosts, &m->vhosts_count, (void **)&m->vhosts };
	out[4] = (struct list){ "vintfs", ROWS(vintf_rows), sizeof(*m->vintfs), CONF_VINTFS_MAX, m->vintfs, &m->vintfs_count, (void **)&m->vintfs };
	out[5] = (struct list){ "vaddrs", ROWS(vaddr_rows), sizeof(*m->vaddrs), CONF_VADDRS_MAX, m->vaddrs, &m->vaddrs_count, (void **)&m->vaddrs };
	out[6] = (struct list){ "groups", ROWS(group_rows), sizeof(*m->groups), CONF_GROUPS_MAX, m->groups, &m->groups_count, (void **)&m->groups };
	out[7] = (struct list){ "lbrules", ROWS(lbrule_rows), sizeof(*m->lbrules), CONF_LBRULES_MAX, m->lbrules, &m->lbrules_count,
		(void **)&m->lbrules };
}

static struct list
hosts_of(struct conf_lb_group *g)
{
	return (struct list){ "hosts", ROWS(host_rows), sizeof(*g->hosts), SK_NODES_MAX, g->hosts, &g->hosts_count, (void **)&g->hosts };
}

static bool
encode_list(json_t *obj, const struct list *l)
{
	json_t *array = json_array(), *item;
	struct list hosts;
	int i;

	if (array == NULL || json_object_set_new(obj, l->name, array) == -1)
		return false;
	for (i = 0; i < *l->count; i++) {
		char *at = (char *)l->items + (size_t)i * l->size;

		item = conf_rows_encode(l->rows, l->rows_count, at);
		if (json_array_append_new(array, item) == -1)
			return false;
		if (l->rows != group_rows)
			continue;
		hosts = hosts_of((struct conf_lb_group *)(void *)at);
		if (!encode_list(item, &hosts))
			return false;
	}
	return true;
}

bool
conf_lists_encode(json_t *obj, const struct conf_module *m)
{
	struct list lists[CONF_LISTS];
	size_t l;

	lists_of((struct conf_module *)(uintptr_t)m, lists);	/* read only */
	for (l = 0; l < CONF_LISTS; l++)
		if (!encode_list(obj, &lists[l]))
			return false;
	return true;
}

static bool
decode_list(struct list *l, const json_t *obj, char *err, size_t errsize)
{
	const json_t *array = json_object_get(obj, l->name), *v;
	char why[256];
	size_t i, extra = l->rows == group_rows ? 1 : 0;

	if (!json_is_array(array) || json_array_size(array) > (size_t)l->max) {
		snprintf(err, errsize, "%s: expected a list of at most %d", l->name, l->max);
		return false;
	}
	if (l->alloc != NULL && (l->items = *l->alloc = calloc(json_array_size(array) + 1, l->size)) == NULL) {
		snprintf(err, errsize, "no memory to read it (%zu %s expected)", json_array_size(array), l->name);
		return false;
	}
	json_array_foreach(array, i, v) {
		char *at = (char *)l->items + i * l->size;
		bool ok;

		++*l->count;	/* counts before it is read: what a refused item holds already is freed with the module */
		ok = conf_rows_decode(l->rows, l->rows_count, extra, v, at, why, sizeof(why));
		if (ok && extra > 0) {
			struct list hosts = hosts_of((struct conf_lb_group *)(void *)at);

			ok = decode_list(&hosts, v, why, sizeof(why));
		}
		if (!ok) {
			snprintf(err, errsize, "%s: number %zu: %s", l->name, i + 1, why);
			return false;
		}
	}
	return true;
}

/* What one row cannot tell: that indices lead somewhere.  What reads the struct relies on it. */
static bool
fits_together(const struct conf_module *m, char *err, size_t errsize)
{
	int i;

	for (i = 0; i < m->vintfs_count; i++) {
		if (m->vintfs[i].mac[0] != '\0' && !conf_is_mac(m->vintfs[i].mac)) {
			snprintf(err, errsize, "vintfs: number %d: mac: expected a unicast MAC address or nothing", i + 1);
			return false;
		}
	}
	for (i = 0; i < m->vaddrs_count; i++) {
		if (m->vaddrs[i].intf >= m->vintfs_count) {
			snprintf(err, errsize, "vaddrs: number %d: intf: expected an index into vintfs", i + 1);
			return false;
		}
	}
	for (i = 0; i < m->lbrules_count; i++) {
		if (m->lbrules[i].group >= m->groups_count || m->lbrules[i].vaddr >= m->vaddrs_count) {
			snprintf(err, errsize, "lbrules: number %d: expected group and vaddr to be indices into groups and vaddrs", i + 1);
			return false;
		}
	}
	return true;
}

bool
conf_lists_decode(const json_t *obj, struct conf_module *m, char *err, size_t errsize)
{
	struct list lists[CONF_LISTS];
	size_t l;

	lists_of(m, lists);
	for (l = 0; l < CONF_LISTS; l++)
		if (!decode_list(&lists[l], obj, err, errsize))
			return false;
	return fits_together(m, err, errsize);
}
