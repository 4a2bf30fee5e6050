/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module_json.c: struct conf_module <-> its run form (module.json): its own members, <farm>, heartbeats and variables; check_json.c has the rest.
 * Called by: the CLI (config writes it), safeadmin and heart (read it).  Never does: fill in a default: a run form is complete.
 */
#include "config.h"
#include "conf/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX	(64u << 10)		/* bytes of a variable (CONF_MACRO_VALUE_MAX) */
#define M(member)	offsetof(struct conf_module, member)
#define H(member)	offsetof(struct conf_heartbeat, member)

static const struct conf_row module_rows[] = {
	{ "mode", CONF_WORD, M(mode), 0, MODE_COUNT, rpt_mode_names },
	{ "failover", CONF_BOOL, M(failover) },
	{ "defaultprim", CONF_NAME, M(defaultprim) },
	{ "maxloop", CONF_INT, M(maxloop), 0, INT32_MAX },
	{ "loop_interval_ms", CONF_MS, M(loop_interval_ms), 0, CONF_YEAR_MS },
	{ "automatic_reboot", CONF_BOOL, M(automatic_reboot) },
	{ "boot", CONF_WORD, M(boot), 0, BOOT_COUNT, rpt_boot_names },
	{ "boot_delay_ms", CONF_MS, M(boot_delay_ms), 0, CONF_YEAR_MS },
	{ "user", CONF_BOOL, M(user) },
	{ "nicestop_ms", CONF_MS, M(nicestop_ms), 1, CONF_YEAR_MS },
	{ "forcestop_ms", CONF_MS, M(forcestop_ms), 1, CONF_YEAR_MS },
	{ "userlog", CONF_BOOL, M(userlog) },
	{ "userlogsize_kb", CONF_INT, M(userlogsize_kb), 1, INT32_MAX },
	{ "polltimer_ms", CONF_MS, M(polltimer_ms), 1, CONF_YEAR_MS },
	{ "period_ms", CONF_MS, M(period_ms), 1, CONF_YEAR_MS },
	{ "handle_ms", CONF_MS, M(handle_ms), 1, CONF_YEAR_MS },
	{ "has_farm", CONF_BOOL, M(has_farm) },
	{ "farm_port", CONF_PORT, M(farm.port), 0, UINT16_MAX },
	{ "farm_pulse_ms", CONF_INT, M(farm.pulse_ms), 10, 60000 },	/* farm.c: what userconfig.xml may say; the defaults without <farm> */
	{ "farm_mlost_count", CONF_INT, M(farm.mlost_count), 1, 1000 },
	{ "farm_slost_count", CONF_INT, M(farm.slost_count), 1, 1000 },
	{ "tcpreset", CONF_BOOL, M(tcpreset) },
	{ "farm_signature", CONF_SIGNATURE, M(farm_signature) },
	{ "vip_signature", CONF_SIGNATURE, M(vip_signature) },
	{ "rfs_signature", CONF_SIGNATURE, M(rfs_signature) },
	{ "signature", CONF_SIGNATURE, M(signature) },
};
static const struct conf_row heartbeat_rows[] = {
	{ "lan", CONF_NAME, H(lan) },
	{ "ident", CONF_NAME, H(ident) },
	{ "port", CONF_PORT, H(port), 0, UINT16_MAX },
	{ "pulse_ms", CONF_INT, H(pulse_ms), 10, 60000 },		/* heart.c: what userconfig.xml may say */
	{ "timeout_ms", CONF_INT, H(timeout_ms), 50, 3600000 },
	{ "permanent_arp", CONF_BOOL, H(permanent_arp) },
};

json_t *
conf_module_to_json(const struct conf_module *m)
{
	json_t *obj = conf_rows_encode(module_rows, ARRAY_LEN(module_rows), m), *beats = json_array(), *vars = json_array(),
	    *lans = json_array();
	bool ok = obj != NULL && beats != NULL && vars != NULL && lans != NULL;
	int i;

	for (i = 0; i < m->hb_count && ok; i++)
		ok = json_array_append_new(beats, conf_rows_encode(heartbeat_rows, ARRAY_LEN(heartbeat_rows), &m->hb[i])) == 0;
	for (i = 0; i < m->vars_count && ok; i++)
		ok = json_array_append_new(vars, json_pack("{s:s,s:s}", "name", m->vars[i].name, "value", m->vars[i].value)) == 0;
	for (i = 0; i < m->farm.lans_count && ok; i++)
		ok = json_array_append_new(lans, json_string(m->farm.lans[i])) == 0;
	ok = ok && json_object_set(obj, "heartbeats", beats) == 0 && json_object_set(obj, "vars", vars) == 0 &&
	    json_object_set(obj, "farm_lans", lans) == 0 && json_object_set_new(obj, "rfs", conf_rfs_encode(m)) == 0 && conf_lists_encode(obj, m);
	json_decref(lans);
	json_decref(beats);
	json_decref(vars);
	if (ok)
		return obj;
	json_decref(obj);
	return NULL;
}

static bool
decode_heartbeats(const json_t *list, struct conf_module *m, char *err, size_t errsize)
{
	const json_t *v;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > CONF_HB_MAX) {
		snprintf(err, errsize, "heartbeats: expected a list of at most %d", CONF_HB_MAX);
		return false;
	}
	json_array_foreach(list, i, v) {
		if (!conf_rows_decode(heartbeat_rows, ARRAY_LEN(heartbeat_rows), 0, v, &m->hb[i], err, errsize))
			return false;
		m->hb_count++;
	}
	return true;
}

static bool
decode_vars(const json_t *list, struct conf_module *m, char *err, size_t errsize)
{
	const json_t *o, *name, *value;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > CONF_VARS_MAX) {
		snprintf(err, errsize, "vars: expected a list of at most %d", CONF_VARS_MAX);
		return false;
	}
	json_array_foreach(list, i, o) {
		name = json_object_get(o, "name");
		value = json_object_get(o, "value");
		if (json_object_size(o) != 2 || !json_is_string(name) || !json_is_string(value) || json_string_length(name) == 0 ||
		    strlen(json_string_value(name)) != json_string_length(name) || strchr(json_string_value(name), '=') != NULL ||
		    strlen(json_string_value(value)) != json_string_length(value) || json_string_length(value) > VALUE_MAX) {
			snprintf(err, errsize, "vars: expected name and value of a variable at number %zu", i);
			return false;
		}
		m->vars[i].name = strdup(json_string_value(name));
		m->vars[i].value = strdup(json_string_value(value));
		m->vars_count++;
		if (m->vars[i].name == NULL || m->vars[i].value == NULL) {
			snprintf(err, errsize, "no memory to keep the variables");
			return false;
		}
	}
	return true;
}

static bool
decode_lans(const json_t *list, struct conf_farm *f, char *err, size_t errsize)
{
	const json_t *v;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > SK_LANS_MAX) {
		snprintf(err, errsize, "farm_lans: expected a list of at most %d", SK_LANS_MAX);
		return false;
	}
	json_array_foreach(list, i, v) {
		if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v) || !str_is_name(json_string_value(v))) {
			snprintf(err, errsize, "farm_lans: expected a name at number %zu", i);
			return false;
		}
		str_copy(f->lans[f->lans_count++], SK_NAME_MAX, json_string_value(v));
	}
	return true;
}

bool
conf_module_from_json(const json_t *obj, struct conf_module *out, char *err, size_t errsize)
{
	struct conf_module *m = calloc(1, sizeof(*m));
	bool ok;

	if (m == NULL) {
		snprintf(err, errsize, "no memory to read it");
		return false;
	}
	ok = conf_rows_decode(module_rows, ARRAY_LEN(module_rows), 4 + CONF_LISTS, obj, m, err, errsize) &&
	    decode_heartbeats(json_object_get(obj, "heartbeats"), m, err, errsize) &&
	    decode_vars(json_object_get(obj, "vars"), m, err, errsize) &&
	    decode_lans(json_object_get(obj, "farm_lans"), &m->farm, err, errsize) && conf_rfs_decode(obj, m, err, errsize) &&
	    conf_lists_decode(obj, m, err, errsize);
	if (ok)
		*out = *m;
	else
		conf_module_free(m);
	free(m);
	return ok;
}
