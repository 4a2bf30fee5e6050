/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * farm.c: <farm> of a farm module (UG 13.4).  Owns: which values it may have.  In this version nothing acts on it: each server of a farm
 * runs on its own.  Called by: module.c, after the schema has been asked.  Never does: keep more of it than its signature.
 */
#include "config.h"
#include "conf/xml.h"

#include <string.h>

#define LOST_MAX	1000	/* periods (ours) */
#define PULSE_MIN	10	/* ms (ours, as of <heart>) */
#define PULSE_MAX	60000

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

static void
check_lans(const struct conf_doc *d, xmlNode *farm, const struct conf_cluster *cluster)
{
	char names[SK_LANS_MAX][SK_NAME_MAX] = { "" }, name[SK_NAME_MAX];
	int count = 0, i;
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
			for (i = 0; i < count && strcmp(names[i], name) != 0; i++)
				;
			if (i < count)
				conf_say(d, 'E', n, "lan \"%s\" again: expected each <lan> once", name);
			else if (count < SK_LANS_MAX)
				str_copy(names[count++], SK_NAME_MAX, name);
		}
	}
}

void
conf_farm(const struct conf_doc *d, xmlNode *service, const struct conf_cluster *cluster, struct conf_module *m)
{
	xmlNode *farm = conf_xml_child(service, "farm");
	int number;
	int64_t ms;

	if (m->mode == MODE_FARM)
		conf_say(d, 'W', service, "mode=\"farm\": in this version each server of a farm runs on its own (STOP, WAIT, UP with start_both and "
		    "stop_both): no membership and no load balancing yet");
	if (m->mode == MODE_FARM && farm == NULL)
		conf_say(d, 'E', service, "a farm module lacks <farm>: expected <farm> with at least one <lan name=\"lan\"/>");
	if (farm == NULL)
		return;
	if (m->mode != MODE_FARM) {
		conf_say(d, 'E', farm, "<farm> in a %s module: expected it only with mode=\"farm\"", rpt_mode_names[m->mode]);
		return;
	}
	conf_attr_number(d, farm, "port", 1, UINT16_MAX, &number);
	conf_attr_duration(d, farm, "pulse", 1, PULSE_MIN, PULSE_MAX, &ms);
	conf_attr_number(d, farm, "mlost_count", 1, LOST_MAX, &number);
	conf_attr_number(d, farm, "slost_count", 1, LOST_MAX, &number);
	check_lans(d, farm, cluster);
	conf_say(d, 'W', farm, "<farm> is accepted but has no effect yet in this version");
	conf_node_signature(d, farm, NULL, 0, m->farm_signature);
}
