/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.c: finds the route of a request and checks what it brings (contract: route.h).
 */
#include "config.h"
#include "web/gateway/route.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const role_names[ROLE_COUNT] = { "", "Monitor", "Control", "Admin" };

enum role
role_of(const char *name)
{
	int i;

	for (i = ROLE_MONITOR; name != NULL && i < ROLE_COUNT; i++)
		if (strcmp(role_names[i], name) == 0)
			return (enum role)i;
	return ROLE_NONE;
}

/* ---- path and query ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place what ends at end; plus: '+' is a blank.  false: not %XX, or a character that no name of ours has */
static bool
decode(char *s, const char *end, bool plus)
{
	char *to = s;

	for (; s < end; s++) {
		int c = (unsigned char)*s;

		if (c == '%') {
			int hi = end - s < 3 ? -1 : hex_digit(s[1]), lo = hi < 0 ? -1 : hex_digit(s[2]);

			if (lo < 0)
				return false;
			c = hi * 16 + lo;
			s += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		*to++ = (char)c;
	}
	*to = '\0';
	return true;
}

static bool
take_query(struct uri *u, char *text, char *err, size_t errsize)
{
	char *next, *value;

	for (; text != NULL; text = next) {
		size_t i;

		next = strchr(text, '&');
		if (next != NULL)
			*next++ = '\0';
		if (*text == '\0')
			continue;
		value = strchr(text, '=');
		if (value != NULL)
			*value++ = '\0';
		else
			value = text + strlen(text);
		if (!decode(text, text + strlen(text), true) || !decode(value, value + strlen(value), true)) {
			snprintf(err, errsize, "query: expected printable characters and %%XX");
			return false;
		}
		for (i = 0; i < u->queries; i++)
			if (strcmp(u->query[i].name, text) == 0) {
				snprintf(err, errsize, "query: \"%.40s\" twice", text);
				return false;
			}
		if (u->queries == QUERY_MAX) {
			snprintf(err, errsize, "query: more than %d parameters", QUERY_MAX);
			return false;
		}
		u->query[u->queries].name = text;
		u->query[u->queries++].value = value;
	}
	return true;
}

bool
uri_parse(const char *raw, struct uri *out, char *err, size_t errsize)
{
	char *path = out->buf, *query, *next;

	memset(out, 0, sizeof(*out));
	if (raw[0] != '/' || !str_copy(out->buf, sizeof(out->buf), raw)) {
		snprintf(err, errsize, "path: expected a path of at most %d bytes that begins with /", URI_MAX);
		return false;
	}
	query = strchr(path, '?');
	if (query != NULL)
		*query++ = '\0';
	for (path++; path != NULL; path = next) {
		next = strchr(path, '/');
		if (next != NULL)
			*next++ = '\0';
		if (!decode(path, path + strlen(path), false) || path[0] == '\0' || strchr(path, '/') != NULL || strcmp(path, ".") == 0 ||
		    strcmp(path, "..") == 0 || out->segments == SEGMENTS_MAX) {
			snprintf(err, errsize, "path: expected at most %d names of printable characters, none of them empty, . or ..", SEGMENTS_MAX);
			return false;
		}
		out->segment[out->segments++] = path;
	}
	return query == NULL || take_query(out, query, err, errsize);
}

/* ---- routes ---- */

static const struct param *
param_of(const struct route *r, enum param_in in, const char *name, size_t n)
{
	const struct param *p;

	for (p = r->params; p != NULL && p->type != P_END; p++)
		if (p->in == in && strlen(p->name) == n && strncmp(p->name, name, n) == 0)
			return p;
	return NULL;
}

/* Does the path of the route fit?  values gets what stands for each parameter, in their order in the path */
static bool
path_fits(const struct route *r, const struct uri *u, size_t skip)
{
	const char *at = r->path;
	size_t i = skip;

	while (*at == '/') {
		size_t n = strcspn(++at, "/");

		if (i == u->segments)
			return false;
		if (at[0] == '{') {
			const struct param *p = param_of(r, IN_PATH, at + 1, n - 2);

			if (p != NULL && p->type == P_PATH)
				return true;
		} else if (strlen(u->segment[i]) != n || strncmp(u->segment[i], at, n) != 0) {
			return false;
		}
		i++;
		at += n;
	}
	return i == u->segments;
}

const struct route *
route_find(const char *method, const struct uri *u, size_t skip, unsigned *status, char *allow, size_t allowsize)
{
	const char *want = strcmp(method, "HEAD") == 0 ? "GET" : method;
	size_t i, used = 0;

	*status = 404;
	allow[0] = '\0';
	for (i = 0; i < routes_count; i++) {
		if (!path_fits(&routes[i], u, skip))
			continue;
		if (strcmp(routes[i].method, want) == 0)
			return &routes[i];
		*status = 405;
		snprintf(allow + used, allowsize - used, "%s%s%s", used > 0 ? ", " : "", routes[i].method,
		    strcmp(routes[i].method, "GET") == 0 ? ", HEAD" : "");
		used = strlen(allow);
	}
	return NULL;
}

/* ---- values ---- */

static bool
is_listed(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = list; n > 0 && *p != '\0'; p += strcspn(p, " "), p += strspn(p, " "))
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static bool
is_plain(const char *s, size_t min, size_t max)
{
	size_t n = strlen(s);

	if (n < min || n > max)
		return false;
	for (; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

static bool
is_token(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

/* What safekit takes as a date; whether there is such a day is its to judge */
static bool
is_date(const char *s)
{
	return strlen(s) >= 10 && strlen(s) <= 20 && strspn(s, "0123456789-:TZ ") == strlen(s) && isdigit((unsigned char)s[0]);
}

/* A file of a module: names of str_is_name(), slashes between */
static bool
is_module_path(const char *s)
{
	char name[SK_NAME_MAX];

	if (strlen(s) >= 512)
		return false;
	for (;;) {
		size_t n = strcspn(s, "/");

		if (n == 0 || n >= sizeof(name))
			return false;
		memcpy(name, s, n);
		name[n] = '\0';
		if (!str_is_name(name))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static void
expected(const struct param *p, char *err, size_t errsize)
{
	switch (p->type) {
	case P_MODULE: snprintf(err, errsize, "%s: expected a module's name: letters, digits, _ . - (at most %d)", p->name, SK_NAME_MAX - 1); break;
	case P_RESOURCE: snprintf(err, errsize, "%s: expected a resource's name, class.id (at most %d bytes)", p->name, SK_RES_MAX - 1); break;
	case P_TOKEN: snprintf(err, errsize, "%s: expected 32 hex digits, as POST /files gave them", p->name); break;
	case P_PATH: snprintf(err, errsize, "%s: expected the path of a file in the module, as conf/userconfig.xml", p->name); break;
	case P_INT: snprintf(err, errsize, "%s: expected a number from %ld to %ld", p->name, p->min, p->max); break;
	case P_BOOL: snprintf(err, errsize, "%s: expected true or false", p->name); break;
	case P_WORD: snprintf(err, errsize, "%s: expected one of %s", p->name, p->words); break;
	case P_TEXT: snprintf(err, errsize, "%s: expected a text of %ld to %ld printable characters", p->name, p->min, p->max); break;
	case P_DATE: snprintf(err, errsize, "%s: expected a date, as 2026-05-20T17:06:45Z", p->name); break;
	default: snprintf(err, errsize, "%s: expected 1 to %d texts of at most %d bytes, without NUL", p->name, ARGV_MAX, ARG_MAX_BYTES); break;
	}
}

/* A text of path or query as the value that it means; NULL: not that */
static json_t *
from_text(const struct param *p, const char *s)
{
	uint64_t n;
	bool good;

	switch (p->type) {
	case P_MODULE: good = str_is_name(s); break;
	case P_RESOURCE: good = is_plain(s, 1, SK_RES_MAX - 1); break;
	case P_TOKEN: good = is_token(s); break;
	case P_PATH: good = is_module_path(s); break;
	case P_WORD: good = is_listed(p->words, s); break;
	case P_TEXT: good = is_plain(s, (size_t)p->min, (size_t)p->max); break;
	case P_DATE: good = is_date(s); break;
	case P_INT: return str_to_u64(s, (uint64_t)p->min, (uint64_t)p->max, &n) ? json_integer((json_int_t)n) : NULL;
	case P_BOOL: return strcmp(s, "true") == 0 ? json_true() : strcmp(s, "false") == 0 ? json_false() : NULL;
	default: return NULL;
	}
	return good ? json_string(s) : NULL;	/* NULL, too, where it is not UTF-8 */
}

static bool
is_argv(const json_t *v)
{
	const json_t *word;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) < 1 || json_array_size(v) > ARGV_MAX)
		return false;
	json_array_foreach(v, i, word)
		if (!json_is_string(word) || json_string_length(word) > ARG_MAX_BYTES ||
		    strlen(json_string_value(word)) != json_string_length(word))
			return false;
	return true;
}

/* A member of a body; a new reference, NULL: not that */
static json_t *
from_json(const struct param *p, json_t *v)
{
	switch (p->type) {
	case P_INT: return json_is_integer(v) && json_integer_value(v) >= p->min && json_integer_value(v) <= p->max ? json_incref(v) : NULL;
	case P_BOOL: return json_is_boolean(v) ? json_incref(v) : NULL;
	case P_ARGV: return is_argv(v) ? json_incref(v) : NULL;
	default:
		if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
			return NULL;
		return from_text(p, json_string_value(v));
	}
}

/* ---- requests ---- */

static bool
put(json_t *args, const struct param *p, json_t *value, char *err, size_t errsize)
{
	if (value == NULL) {
		expected(p, err, errsize);
		return false;
	}
	return json_object_set_new(args, p->name, value) == 0;
}

/* "bin/start_prim" of the segments from i on */
static void
join(const struct uri *u, size_t i, char *buf, size_t size)
{
	size_t used = 0;

	for (buf[0] = '\0'; i < u->segments && used < size; i++) {
		snprintf(buf + used, size - used, "%s%s", used > 0 ? "/" : "", u->segment[i]);
		used = strlen(buf);
	}
}

static bool
path_params(const struct route *r, const struct uri *u, size_t skip, json_t *args, char *err, size_t errsize)
{
	const char *at = r->path;
	char whole[URI_MAX + 1];
	size_t i = skip;

	while (*at == '/') {
		size_t n = strcspn(++at, "/");
		const struct param *p = at[0] == '{' ? param_of(r, IN_PATH, at + 1, n - 2) : NULL;

		if (p != NULL && p->type == P_PATH) {
			join(u, i, whole, sizeof(whole));
			return put(args, p, from_text(p, whole), err, errsize);
		}
		if (p != NULL && !put(args, p, from_text(p, u->segment[i]), err, errsize))
			return false;
		i++;
		at += n;
	}
	return true;
}

static bool
required_are_there(const struct route *r, enum param_in in, const json_t *args, char *err, size_t errsize)
{
	const struct param *p;

	for (p = r->params; p != NULL && p->type != P_END; p++)
		if (p->in == in && p->required && json_object_get(args, p->name) == NULL) {
			expected(p, err, errsize);
			return false;
		}
	return true;
}

json_t *
route_params(const struct route *r, const struct uri *u, size_t skip, unsigned *status, char *err, size_t errsize)
{
	json_t *args = json_object();
	size_t i;

	*status = 404;
	if (args == NULL || !path_params(r, u, skip, args, err, errsize)) {
		json_decref(args);
		return NULL;
	}
	*status = 400;
	for (i = 0; i < u->queries; i++) {
		const struct param *p = param_of(r, IN_QUERY, u->query[i].name, strlen(u->query[i].name));

		if (p == NULL)
			snprintf(err, errsize, "query: unknown parameter \"%.40s\"", u->query[i].name);
		if (p == NULL || !put(args, p, from_text(p, u->query[i].value), err, errsize)) {
			json_decref(args);
			return NULL;
		}
	}
	if (!required_are_there(r, IN_QUERY, args, err, errsize)) {
		json_decref(args);
		return NULL;
	}
	return args;
}

bool
route_body(const struct route *r, const char *body, size_t len, json_t *args, unsigned *status, char *err, size_t errsize)
{
	json_error_t why;
	json_t *obj = json_loadb(body, len, JSON_REJECT_DUPLICATES, &why), *v;
	const char *name;
	bool good = true;

	*status = 400;
	if (obj == NULL) {
		snprintf(err, errsize, "body: expected JSON: line %d, column %d: %.100s", why.line, why.column, why.text);
		str_make_utf8(err);
		return false;
	}
	*status = 422;
	if (!json_is_object(obj)) {
		snprintf(err, errsize, "body: expected a JSON object");
		json_decref(obj);
		return false;
	}
	json_object_foreach(obj, name, v) {
		const struct param *p = param_of(r, IN_BODY, name, strlen(name));

		if (p == NULL)
			snprintf(err, errsize, "body: unknown member \"%.40s\"", name);
		if (p == NULL || !put(args, p, from_json(p, v), err, errsize)) {
			good = false;
			break;
		}
	}
	json_decref(obj);
	return good && required_are_there(r, IN_BODY, args, err, errsize);
}
