/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setup.c: reads the line setup of heart. */
#include "config.h"
#include "vip/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FARM_PORT(id)	((uint16_t)(4803 + ((id) - 1) * 3))	/* user's guide 10.2 */

static const char *
text_of(const json_t *obj, const char *name)
{
	const char *s = json_string_value(json_object_get(obj, name));

	return s != NULL ? s : "";
}

static bool
lan_decode(const json_t *lans, const char *name, uint16_t port, const struct vip_setup *s, struct link_conf *out)
{
	const json_t *lan, *at;
	size_t i, k;

	json_array_foreach(lans, i, lan) {
		if (strcmp(text_of(lan, "name"), name) != 0)
			continue;
		str_copy(out->lan, sizeof(out->lan), name);
		if (!link_address(text_of(lan, "local"), port, &out->local))
			return false;
		json_array_foreach(json_object_get(lan, "at"), k, at) {
			const json_t *number = json_object_get(at, "node");
			json_int_t node = json_integer_value(number);

			if (!json_is_integer(number) || node < 0 || node >= s->nodes || out->count == SK_NODES_MAX)
				return false;
			if (node == s->self)
				continue;
			if (!link_address(text_of(at, "ip"), port, &out->peers[out->count].addr))
				return false;
			out->peers[out->count++].node = (int)node;
		}
		return true;
	}
	return false;
}

/* The lans of <farm>; none (the syntax before 7.2): all that heart names */
static bool
lans_decode(const json_t *o, struct vip_setup *s, char *err, size_t errsize)
{
	const struct conf_farm *farm = &s->conf.farm;
	const json_t *lans = json_object_get(o, "lans"), *said = json_object_get(o, "port");
	uint16_t port = farm->port != 0 ? farm->port : FARM_PORT(s->id);
	size_t i, n = farm->lans_count > 0 ? (size_t)farm->lans_count : json_array_size(lans);
	const char *name;

	if (json_is_integer(said) && json_integer_value(said) > 0 && json_integer_value(said) <= UINT16_MAX)
		port = (uint16_t)json_integer_value(said);
	for (i = 0; i < n && i < SK_LANS_MAX; i++) {
		name = farm->lans_count > 0 ? farm->lans[i] : text_of(json_array_get(lans, i), "name");
		if (!lan_decode(lans, name, port, s, &s->lan[s->lans++])) {
			snprintf(err, errsize, "setup: lan %.63s of <farm> has no usable addresses of this server and of others", name);
			return false;
		}
	}
	return true;
}

static bool
names_decode(const json_t *o, struct vip_setup *s)
{
	const json_t *nodes = json_object_get(o, "nodes"), *name, *id = json_object_get(o, "id"), *self = json_object_get(o, "self");
	size_t i, n = json_array_size(nodes);

	if (!json_is_integer(id) || json_integer_value(id) < 1 || json_integer_value(id) > SK_MODULES_MAX || !json_is_array(nodes) ||
	    n < 1 || n > SK_NODES_MAX || !json_is_integer(self) || json_integer_value(self) < 0 || json_integer_value(self) >= (json_int_t)n)
		return false;
	json_array_foreach(nodes, i, name)
		if (!json_is_string(name) || !str_copy(s->names[i], SK_NAME_MAX, json_string_value(name)))
			return false;
	s->nodes = (int)n;
	s->id = (int)json_integer_value(id);
	s->self = (int)json_integer_value(self);
	return str_copy(s->module, sizeof(s->module), text_of(o, "module")) && str_is_name(s->module) &&
	    str_copy(s->var, sizeof(s->var), text_of(o, "var")) && s->var[0] == '/';
}

static bool
decode(const json_t *o, struct vip_setup *s, char *err, size_t errsize)
{
	const char *key = text_of(o, "key");

	if (!names_decode(o, s)) {
		snprintf(err, errsize, "setup: expected module, id, nodes, self (index into nodes) and var (a path)");
		return false;
	}
	s->has_key = key[0] != '\0';
	if (s->has_key && !str_from_hex(key, s->key, sizeof(s->key))) {
		snprintf(err, errsize, "setup: expected key of 64 hexadecimal digits, or \"\"");
		return false;
	}
	if (!conf_module_from_json(json_object_get(o, "config"), &s->conf, err, errsize))
		return false;
	return !s->conf.has_farm || lans_decode(o, s, err, errsize);
}

struct vip_setup *
vip_setup_decode(const json_t *line, char *err, size_t errsize)
{
	struct vip_setup *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(err, errsize, "no memory");
		return NULL;
	}
	if (decode(line, s, err, errsize))
		return s;
	vip_setup_free(s);
	return NULL;
}

void
vip_setup_free(struct vip_setup *s)
{
	if (s == NULL)
		return;
	conf_module_free(&s->conf);
	free(s);
}
