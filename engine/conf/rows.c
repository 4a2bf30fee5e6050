/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rows.c: structs <-> JSON objects, one row per member; the decoder takes exactly these, in range.
 * Called by: module_json.c, check_json.c.  Never does: fill in a default: a run form is complete.
 */
#include "config.h"
#include "conf/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *
conf_rows_encode(const struct conf_row *rows, size_t count, const void *in)
{
	json_t *obj = json_object(), *v;
	size_t i;

	for (i = 0; i < count && obj != NULL; i++) {
		const void *p = (const char *)in + rows[i].off;

		switch (rows[i].kind) {
		case CONF_INT: v = json_integer(*(const int *)p); break;
		case CONF_PORT: v = json_integer(*(const uint16_t *)p); break;
		case CONF_MS: v = json_integer(*(const int64_t *)p); break;
		case CONF_BOOL: v = json_boolean(*(const bool *)p); break;
		case CONF_WORD: v = json_string(rows[i].words[*(const int *)p]); break;
		case CONF_TEXT_PTR: v = json_string(CONF_TEXT(*(char *const *)p)); break;
		default: v = json_string(p); break;
		}
		if (json_object_set_new(obj, rows[i].name, v) == -1) {
			json_decref(obj);
			return NULL;
		}
	}
	return obj;
}

static bool
decode_integer(const struct conf_row *row, const json_t *v, void *p)
{
	int64_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < row->min || n > row->max)
		return false;
	if (row->kind == CONF_INT)
		*(int *)p = (int)n;
	else if (row->kind == CONF_PORT)
		*(uint16_t *)p = (uint16_t)n;
	else
		*(int64_t *)p = n;
	return true;
}

static bool
decode_text(const struct conf_row *row, const json_t *v, void *p)
{
	const char *s = json_string_value(v);
	uint8_t digest[32];
	int word;

	if (s == NULL || strlen(s) != json_string_length(v))
		return false;
	switch (row->kind) {
	case CONF_WORD:
		word = rpt_lookup(row->words, (int)row->max, s);
		if (word >= 0)
			*(int *)p = word;
		return word >= 0;
	case CONF_SIGNATURE:
		return (s[0] == '\0' || str_from_hex(s, digest, sizeof(digest))) && str_copy(p, 65, s);
	case CONF_TEXT_PTR:
		if ((int64_t)strlen(s) < row->min || (int64_t)strlen(s) > row->max)
			return false;
		*(char **)p = strdup(s);
		return *(char **)p != NULL;
	case CONF_TEXT_BUF:
		return (int64_t)strlen(s) >= row->min && str_copy(p, (size_t)row->max + 1, s);
	case CONF_ID:
		return conf_is_id(s) && str_copy(p, SK_NAME_MAX, s);
	default:
		return ((row->kind == CONF_NAME0 && s[0] == '\0') || str_is_name(s)) && str_copy(p, SK_NAME_MAX, s);
	}
}

static const char *
expected(const struct conf_row *row, char *buf, size_t size)
{
	switch (row->kind) {
	case CONF_BOOL:
		return "true or false";
	case CONF_NAME:
	case CONF_ID:
		return "a name";
	case CONF_NAME0:
		return "a name or nothing";
	case CONF_TEXT_PTR:
	case CONF_TEXT_BUF:
		snprintf(buf, size, "a text of %lld to %lld bytes", (long long)row->min, (long long)row->max);
		return buf;
	case CONF_SIGNATURE:
		return "64 hex digits or nothing";
	case CONF_WORD:
		snprintf(buf, size, "one of %s ... %s", row->words[0], row->words[row->max - 1]);
		return buf;
	default:
		snprintf(buf, size, "a number from %lld to %lld", (long long)row->min, (long long)row->max);
		return buf;
	}
}

/* extra: members of obj that are not rows */
bool
conf_rows_decode(const struct conf_row *rows, size_t count, size_t extra, const json_t *obj, void *out, char *err, size_t errsize)
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

		if (rows[i].kind == CONF_BOOL) {
			ok = json_is_boolean(v);
			if (ok)
				*(bool *)p = json_is_true(v);
		} else if (rows[i].kind == CONF_INT || rows[i].kind == CONF_PORT || rows[i].kind == CONF_MS) {
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
