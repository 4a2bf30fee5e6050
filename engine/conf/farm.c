/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm.c: <farm> of a farm module (UG 13.4).  Owns: which values it may have, and its defaults.  Called by: module.c, after the schema has
 * been asked.  Never does: choose a port (0 = by the module's id) or an address.
 */
#include "config.h"
#include "conf/xml.h"

#include <string.h>

#define PULSE_DEFAULT	250	/* ms (ours; UG gives none) */
#define PULSE_MIN	10	/* ms (ours, as of <heart>) */
#define PULSE_MAX	60000
#define MLOST_DEFAULT	3	/* periods (ours): with slost_count enough for two groups to find together (cluster/group.h) */
#define SLOST_DEFAULT	4
#define LOST_MAX	1000	/* ours */
#define LOST_SUM_MIN	5

static void
check_nodes(const struct conf_doc *d, xmlNode *lan)
{
	char name[SK_NAME_MAX], addr[CONF_HOST_MAX];
	xmlNode *n;

	for (n = conf_xml_child(lan, "node"); n != NULL; n = conf_xml_next(n, "node")) {
		conf_attr_name(d, n, "name", name);
		conf_attr_host(d, n, "addr", addr);
	}
}

static bool
is_listed(const struct conf_farm *f, const char *name)
{
	int i;

	for (i = 0; i < f->lans_count; i++)
		if (strcmp(f->lans[i], name) == 0)
			return true;
	return false;
}

/* No names at all (the syntax before 7.2): lans_count stays 0 */
static void
read_lans(const struct conf_doc *d, xmlNode *farm, const struct conf_cluster *cluster, struct conf_farm *f)
{
	char name[SK_NAME_MAX];
	xmlNode *n;
	bool old, first_old = conf_xml_child(conf_xml_child(farm, "lan"), "node") != NULL;

	for (n = conf_xml_child(farm, "lan"); n != NULL; n = conf_xml_next(n, "lan")) {
		old = conf_xml_child(n, "node") != NULL;
		check_nodes(d, n);
		if (old != first_old || (old && conf_attr_has(n, "name"))) {
			conf_say(d, 'E', n, "<lan> with name and <lan> with <node> (the syntax before 7.2) in one file: expected only the one with name");
		} else if (old) {
			continue;
		} else if (!conf_attr_has(n, "name")) {
			conf_say(d, 'E', n, "<lan> lacks the attribute name: expected the name of a lan of the cluster");
		} else if (conf_attr_name(d, n, "name", name) && (cluster == NULL || conf_check_lan(d, n, cluster, name))) {
			if (is_listed(f, name))
				conf_say(d, 'E', n, "lan \"%s\" again: expected each <lan> once", name);
			else if (f->lans_count == SK_LANS_MAX)
				conf_say(d, 'E', n, "one <lan> of <farm> too many: expected at most %d", SK_LANS_MAX);
			else
				str_copy(f->lans[f->lans_count++], SK_NAME_MAX, name);
		}
	}
	if (first_old)
		conf_say(d, 'W', farm, "<lan> with <node> (the syntax before 7.2): the farm uses every lan of the cluster with framework=\"on\"; write "
		    "<lan name=\"lan\"/> to choose");
}

void
conf_farm(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *cluster, struct conf_module *m)
{
	xmlNode *farm = conf_xml_child(service, "farm");
	struct conf_farm *f = &m->farm;
	int64_t pulse = PULSE_DEFAULT;
	int port = 0;

	f->pulse_ms = PULSE_DEFAULT;
	f->mlost_count = MLOST_DEFAULT;
	f->slost_count = SLOST_DEFAULT;
	if (m->mode == MODE_FARM && farm == NULL)
		conf_say(d, 'E', service, "a farm module lacks <farm>: expected <farm> with at least one <lan name=\"lan\"/>");
	if (farm == NULL)
		return;
	if (m->mode != MODE_FARM) {
		conf_say(d, 'E', farm, "<farm> in a %s module: expected it only with mode=\"farm\"", rpt_mode_names[m->mode]);
		return;
	}
	m->has_farm = true;
	conf_attr_number(d, farm, "port", 1, UINT16_MAX, &port);
	f->port = (uint16_t)port;
	conf_attr_duration(d, farm, "pulse", 1, PULSE_MIN, PULSE_MAX, &pulse);
	f->pulse_ms = (int)pulse;
	conf_attr_number(d, farm, "mlost_count", 1, LOST_MAX, &f->mlost_count);
	conf_attr_number(d, farm, "slost_count", 1, LOST_MAX, &f->slost_count);
	if (f->mlost_count + f->slost_count < LOST_SUM_MIN)
		conf_say(d, 'W', farm, "mlost_count and slost_count of <farm> are %d and %d: expected at least %d together, or servers that lose packets "
		    "may need several tries to find together", f->mlost_count, f->slost_count, LOST_SUM_MIN);
	read_lans(d, farm, cluster, f);
	conf_node_signature(d, farm, NULL, 0, m->farm_signature);
}
