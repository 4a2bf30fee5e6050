/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module_json.c: struct conf_module <-> its run form (module.json).  One row per member; the decoder takes exactly these, in range.
 * Called by: the CLI (config writes it), safeadmin and heart (read it).  Never does: fill in a default: a run form is complete.
 */
#include "config.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { K_INT, K_PORT, K_MS, K_BOOL, K_NAME, K_WORD, K_SIGNATURE };
struct row { const char *name; enum kind kind; size_t off; int64_t min, max; const char *const *words; };

#define YEAR_MS		(366LL * 86400 * 1000)	/* no duration of a module is longer (module.c) */
#define VALUE_MAX	(64u << 10)		/* bytes of a variable (CONF_MACRO_VALUE_MAX) */
#define M(member)	offsetof(struct conf_module, member)
#define H(member)	offsetof(struct conf_heartbeat, member)

static const struct row module_rows[] = {
	{ "mode", K_WORD, M(mode), 0, MODE_COUNT, rpt_mode_names },
	{ "failover", K_BOOL, M(failover) },
	{ "defaultprim", K_NAME, M(defaultprim) },
	{ "maxloop", K_INT, M(maxloop), 0, INT32_MAX },
	{ "loop_interval_ms", K_MS, M(loop_interval_ms), 0, YEAR_MS },
	{ "automatic_reboot", K_BOOL, M(automatic_reboot) },
	{ "boot", K_WORD, M(boot), 0, BOOT_COUNT, rpt_boot_names },
	{ "boot_delay_ms", K_MS, M(boot_delay_ms), 0, YEAR_MS },
	{ "user", K_BOOL, M(user) },
	{ "nicestop_ms", K_MS, M(nicestop_ms), 1, YEAR_MS },
	{ "forcestop_ms", K_MS, M(forcestop_ms), 1, YEAR_MS },
	{ "userlog", K_BOOL, M(userlog) },
	{ "userlogsize_kb", K_INT, M(userlogsize_kb), 1, INT32_MAX },
	{ "signature", K_SIGNATURE, M(signature) },
};
static const struct row heartbeat_rows[] = {
	{ "lan", K_NAME, H(lan) },
	{ "ident", K_NAME, H(ident) },
	{ "port", K_PORT, H(port), 0, UINT16_MAX },
	{ "pulse_ms", K_INT, H(pulse_ms), 10, 60000 },		/* heart.c: what userconfig.xml may say */
	{ "timeout_ms", K_INT, H(timeout_ms), 50, 3600000 },
	{ "permanent_arp", K_BOOL, H(permanent_arp) },
};

void
conf_module_free(struct conf_module *m)
{
	int i;

	for (i = 0; i < m->vars_count; i++) {
		free(m->vars[i].name);
		free(m->vars[i].value);
	}
	m->vars_count = 0;
}

static json_t *
encode_rows(const struct row *rows, size_t count, const void *in)
{
	json_t *obj = json_object(), *v;
	size_t i;

	for (i = 0; i < count && obj != NULL; i++) {
		const void *p = (const char *)in + rows[i].off;

		switch (rows[i].kind) {
		case K_INT: v = json_integer(*(const int *)p); break;
		case K_PORT: v = json_integer(*(const uint16_t *)p); break;
		case K_MS: v = json_integer(*(const int64_t *)p); break;
		case K_BOOL: v = json_boolean(*(const bool *)p); break;
		case K_WORD: v = json_string(rows[i].words[*(const int *)p]); break;
		default: v = json_string(p); break;
		}
		if (json_object_set_new(obj, rows[i].name, v) == -1) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

json_t *
conf_module_to_json(const struct conf_module *m)
{
	json_t *obj = encode_rows(module_rows, ARRAY_LEN(module_rows), m), *beats = json_array(), *vars = json_array();
	bool ok = obj != NULL && beats != NULL && vars != NULL;
	int i;

	for (i = 0; i < m->hb_count && ok; i++)
		ok = json_array_append_new(beats, encode_rows(heartbeat_rows, ARRAY_LEN(heartbeat_rows), &m->hb[i])) == 0;
	for (i = 0; i < m->vars_count && ok; i++)
		ok = json_array_append_new(vars, json_pack("{s:s,s:s}", "name", m->vars[i].name, "value", m->vars[i].value)) == 0;
	ok = ok && json_object_set(obj, "heartbeats", beats) == 0 && json_object_set(obj, "vars", vars) == 0;
	json_decref(beats);
	json_decref(vars);
	if (ok)
		return obj;
	json_decref(obj);
	return NULL;
}

static bool
decode_integer(const struct row *row, const json_t *v, void *p)
{
	int64_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < row->min || n > row->max)
		return false;
	if (row->kind == K_INT)
		*(int *)p = (int)n;
	else if (row->kind == K_PORT)
		*(uint16_t *)p = (uint16_t)n;
	else
		*(int64_t *)p = n;
	return true;
}

static bool
decode_text(const struct row *row, const json_t *v, void *p)
{
	const char *s = json_string_value(v);
	uint8_t digest[32];
	int word;

	if (s == NULL || strlen(s) != json_string_length(v))
		return false;
	switch (row->kind) {
	case K_WORD:
		word = rpt_lookup(row->words, (int)row->max, s);
		if (word >= 0)
			*(int *)p = word;
		return word >= 0;
	case K_SIGNATURE:
		return (s[0] == '\0' || str_from_hex(s, digest, sizeof(digest))) && str_copy(p, 65, s);
	default:
		return str_is_name(s) && str_copy(p, SK_NAME_MAX, s);
	}
}

static const char *
expected(const struct row *row, char *buf, size_t size)
{
	switch (row->kind) {
	case K_BOOL:
		return "true or false";
	case K_NAME:
		return "a name";
	case K_SIGNATURE:
		return "64 hex digits or nothing";
	case K_WORD:
		snprintf(buf, size, "one of %s ... %s", row->words[0], row->words[row->max - 1]);
		return buf;
	default:
		snprintf(buf, size, "a number from %lld to %lld", (long long)row->min, (long long)row->max);
		return buf;
	}
}

/* extra: members of obj that are not rows */
static bool
decode_rows(const struct row *rows, size_t count, size_t extra, const json_t *obj, void *out, char *err, size_t errsize)
{
	char text[64];
	size_t i;
	bool ok;

	if (!json_is_object(obj) || json_object_size(obj) != count + extra) {
		snprintf(err, errsize, "expected an object of %zu members", count + extra);
		return false;
	}
	for (i = 0; i < count; i++) {
		const json_t *v = json_object_get(obj, rows[i].name);
		void *p = (char *)out + rows[i].off;

		if (rows[i].kind == K_BOOL) {
			ok = json_is_boolean(v);
			if (ok)
				*(bool *)p = json_is_true(v);
		} else if (rows[i].kind == K_INT || rows[i].kind == K_PORT || rows[i].kind == K_MS) {
			ok = decode_integer(&rows[i], v, p);
		} else {
			ok = decode_text(&rows[i], v, p);
		}
		if (!ok) {
			snprintf(err, errsize, "%s: expected %s", rows[i].name, expected(&rows[i], text, sizeof(text)));
			return false;
		}
	}
	return true;
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
		if (!decode_rows(heartbeat_rows, ARRAY_LEN(heartbeat_rows), 0, v, &m->hb[i], err, errsize))
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

bool
conf_module_from_json(const json_t *obj, struct conf_module *out, char *err, size_t errsize)
{
	struct conf_module *m = calloc(1, sizeof(*m));
	bool ok;

	if (m == NULL) {
		snprintf(err, errsize, "no memory to read it");
		return false;
	}
	ok = decode_rows(module_rows, ARRAY_LEN(module_rows), 2, obj, m, err, errsize) &&
	    decode_heartbeats(json_object_get(obj, "heartbeats"), m, err, errsize) &&
	    decode_vars(json_object_get(obj, "vars"), m, err, errsize);
	if (ok)
		*out = *m;
	else
		conf_module_free(m);
	free(m);
	return ok;
}
