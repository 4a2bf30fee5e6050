/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs_json.c: struct conf_rfs <-> its member of the run form: "rfs": [], or [{...}] with <rfs>: complete and strict.  Also what it owns, and which
 * lan it uses.  Called by: module_json.c, names.c, everybody who has one.  Never does: link libxml2, compile a regular expression.
 */
#include "config.h"
#include "conf/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define R(member)	offsetof(struct conf_rfs, member)
#define D(member)	offsetof(struct conf_replicated, member)
#define N(member)	offsetof(struct conf_notrep, member)
#define ROWS(r)		r, ARRAY_LEN(r)

static const struct conf_row rfs_rows[] = {	/* and dirs: a list */
	{ "acl", CONF_BOOL, R(acl) },
	{ "async_none", CONF_BOOL, R(async_none) },
	{ "suffix", CONF_TEXT_BUF, R(suffix), 1, sizeof(((struct conf_rfs *)0)->suffix) - 1 },
	{ "locktimeout_ms", CONF_MS, R(locktimeout_ms), 1, CONF_YEAR_MS },
	{ "sendtimeout_ms", CONF_MS, R(sendtimeout_ms), 1, CONF_YEAR_MS },
	{ "reitimeout_ms", CONF_MS, R(reitimeout_ms), 1, CONF_YEAR_MS },
	{ "nbrei", CONF_INT, R(nbrei), 1, 64 },
	{ "nbremconn", CONF_INT, R(nbremconn), 1, 64 },
	{ "packet_bytes", CONF_INT, R(packet_bytes), 4096, 1 << 30 },	/* rfs.c: what userconfig.xml may say */
	{ "zone_bytes", CONF_INT, R(zone_bytes), 4096, 1 << 30 },
	{ "reicommit", CONF_INT, R(reicommit), 0, INT32_MAX },
	{ "reidetail", CONF_BOOL, R(reidetail) },
	{ "scripts", CONF_BOOL, R(scripts) },
	{ "checktime_ms", CONF_MS, R(checktime_ms), 1, CONF_YEAR_MS },
	{ "checkintv_ms", CONF_MS, R(checkintv_ms), 1, CONF_YEAR_MS },
	{ "reiallowedbw", CONF_INT, R(reiallowedbw), 0, INT32_MAX },
	{ "syncdelta_ms", CONF_MS, R(syncdelta_ms), 0, CONF_YEAR_MS },
	{ "syncat", CONF_TEXT_BUF, R(syncat), 0, sizeof(((struct conf_rfs *)0)->syncat) - 1 },
	{ "flow", CONF_NAME0, R(flow) },
};
static const struct conf_row dir_rows[] = {	/* and tocheck, not: lists */
	{ "dir", CONF_TEXT_PTR, D(dir), 2, CONF_EXEC_MAX },
	{ "read_only", CONF_BOOL, D(read_only) },
};
static const struct conf_row not_rows[] = {
	{ "regex", CONF_BOOL, N(regex) },
	{ "only", CONF_BOOL, N(only) },
	{ "text", CONF_TEXT_PTR, N(text), 1, CONF_REGEX_MAX },
};

static json_t *
encode_dir(const struct conf_replicated *r)
{
	json_t *obj = conf_rows_encode(ROWS(dir_rows), r), *tocheck = json_array(), *not = json_array();
	bool ok = obj != NULL && json_object_set_new(obj, "tocheck", tocheck) == 0;
	int i;

	ok = json_object_set_new(obj, "not", not) == 0 && ok;
	for (i = 0; i < r->tocheck_count && ok; i++)
		ok = json_array_append_new(tocheck, json_string(r->tocheck[i])) == 0;
	for (i = 0; i < r->not_count && ok; i++)
		ok = json_array_append_new(not, conf_rows_encode(ROWS(not_rows), &r->not[i])) == 0;
	if (ok)
		return obj;
	json_decref(obj);
	return NULL;
}

static json_t *
encode(const struct conf_rfs *r)
{
	json_t *obj = conf_rows_encode(ROWS(rfs_rows), r), *dirs = json_array();
	bool ok = obj != NULL && json_object_set_new(obj, "dirs", dirs) == 0;
	int i;

	for (i = 0; i < r->dirs_count && ok; i++)
		ok = json_array_append_new(dirs, encode_dir(&r->dirs[i])) == 0;
	if (ok)
		return obj;
	json_decref(obj);
	return NULL;
}

json_t *
conf_rfs_encode(const struct conf_module *m)
{
	json_t *list = json_array();

	if (list == NULL || !m->has_rfs || json_array_append_new(list, encode(&m->rfs)) == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* ---- decoding: counts grow before an item is read, so that what a refused one holds is freed with the module ---- */

/* A list of at most max; *items: room for all of them */
static bool
open_list(const json_t *obj, const char *name, size_t max, size_t size, const json_t **list, void **items, char *err, size_t errsize)
{
	*list = json_object_get(obj, name);
	if (!json_is_array(*list) || json_array_size(*list) > max) {
		snprintf(err, errsize, "%s: expected a list of at most %zu", name, max);
		return false;
	}
	*items = calloc(json_array_size(*list) + 1, size);
	if (*items == NULL)
		snprintf(err, errsize, "no memory to read it (%zu %s)", json_array_size(*list), name);
	return *items != NULL;
}

static bool
is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool
is_text(const json_t *v, size_t max)
{
	const char *s = json_string_value(v);

	return s != NULL && strlen(s) == json_string_length(v) && s[0] != '\0' && strlen(s) <= max && is_printable(s);
}

/* "." and "..": nowhere in a path that is opened */
static bool
is_dir(const char *dir)
{
	return dir[0] == '/' && dir[1] != '/' && dir[strlen(dir) - 1] != '/' && strstr(dir, "//") == NULL && strstr(dir, "/../") == NULL &&
	    is_printable(dir) && (strlen(dir) < 3 || strcmp(dir + strlen(dir) - 3, "/..") != 0);
}

static bool
decode_dir(const json_t *o, struct conf_replicated *r, char *err, size_t errsize)
{
	const json_t *list, *v;
	size_t i;

	if (!conf_rows_decode(ROWS(dir_rows), 2, o, r, err, errsize))
		return false;
	if (!is_dir(r->dir)) {
		snprintf(err, errsize, "dir: expected an absolute path without ..");
		return false;
	}
	if (!open_list(o, "tocheck", CONF_NOTREP_MAX, sizeof(*r->tocheck), &list, (void **)&r->tocheck, err, errsize))
		return false;
	json_array_foreach(list, i, v) {
		if (!is_text(v, CONF_EXEC_MAX) || (r->tocheck[i] = strdup(json_string_value(v))) == NULL) {
			snprintf(err, errsize, "tocheck: expected a text of 1 to %d bytes", CONF_EXEC_MAX);
			return false;
		}
		r->tocheck_count++;
	}
	if (!open_list(o, "not", CONF_NOTREP_MAX, sizeof(*r->not), &list, (void **)&r->not, err, errsize))
		return false;
	json_array_foreach(list, i, v) {
		r->not_count++;
		if (!conf_rows_decode(ROWS(not_rows), 0, v, &r->not[i], err, errsize))
			return false;
	}
	return true;
}

/* What one row cannot tell */
static bool
is_whole(const struct conf_rfs *r, char *err, size_t errsize)
{
	struct conf_cron cron;
	char why[64];

	if (strchr(r->suffix, '/') != NULL || !is_printable(r->suffix))
		snprintf(err, errsize, "suffix: expected the end of a file name");
	else if (r->syncat[0] != '\0' && !conf_cron_parse(r->syncat, &cron, why, sizeof(why)))
		snprintf(err, errsize, "syncat: %s: expected five fields", why);
	else if (r->dirs_count == 0)
		snprintf(err, errsize, "dirs: expected at least one");
	else
		return true;
	return false;
}

static bool
decode(const json_t *o, struct conf_rfs *r, char *err, size_t errsize)
{
	const json_t *list, *v;
	char why[200];
	size_t i;

	if (!conf_rows_decode(ROWS(rfs_rows), 1, o, r, err, errsize) ||
	    !open_list(o, "dirs", CONF_REPLICATED_MAX, sizeof(*r->dirs), &list, (void **)&r->dirs, err, errsize))
		return false;
	json_array_foreach(list, i, v) {
		r->dirs_count++;
		if (!decode_dir(v, &r->dirs[i], why, sizeof(why))) {
			snprintf(err, errsize, "dirs: number %zu: %s", i + 1, why);
			return false;
		}
	}
	return is_whole(r, err, errsize);
}

bool
conf_rfs_decode(const json_t *obj, struct conf_module *m, char *err, size_t errsize)
{
	const json_t *list = json_object_get(obj, "rfs");
	char why[256];

	if (!json_is_array(list) || json_array_size(list) > 1) {
		snprintf(err, errsize, "rfs: expected a list of at most 1");
		return false;
	}
	m->has_rfs = json_array_size(list) == 1;
	if (!m->has_rfs || decode(json_array_get(list, 0), &m->rfs, why, sizeof(why)))
		return true;
	snprintf(err, errsize, "rfs: %s", why);
	return false;
}

void
conf_rfs_free(struct conf_rfs *r)
{
	int i, k;

	for (i = 0; i < r->dirs_count; i++) {
		struct conf_replicated *d = &r->dirs[i];

		for (k = 0; k < d->tocheck_count; k++)
			free(d->tocheck[k]);
		for (k = 0; k < d->not_count; k++)
			free(d->not[k].text);
		free(d->tocheck);
		free(d->not);
		free(d->dir);
	}
	free(r->dirs);
	r->dirs = NULL;
	r->dirs_count = 0;
}

const char *
conf_rfs_lan(const struct conf_module *m)
{
	int i;

	if (m->rfs.flow[0] != '\0')
		return m->rfs.flow;
	for (i = 0; i < m->hb_count; i++)
		if (strcmp(m->hb[i].ident, "flow") == 0)
			return m->hb[i].lan;
	return m->hb_count > 0 ? m->hb[0].lan : "";
}
