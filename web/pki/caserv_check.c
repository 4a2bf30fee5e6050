/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caserv_check.c: the table of actions, and is a request one of them?
 */
#include "config.h"
#include "web/pki/caserv.h"

#include <stdio.h>
#include <string.h>

#define PEM	CASERV_FIELD_BYTES
#define WORD	256

const struct caserv_action caserv_actions[] = {
	{ "signrequest", { { "name", WORD }, { "servercsr", PEM }, { "usercsr", PEM } } },
	{ "initca", { { "subject", WORD }, { "adminpassword", WORD }, { "controlpassword", WORD }, { "monitorpassword", WORD } } },
	{ "initreq", { { "server", WORD }, { "password", WORD }, { "fingerprint", WORD } } },
	{ "usercert", { { "name", WORD }, { "role", WORD }, { "password", WORD } } },
	{ "install", { { "servercrt", PEM }, { "serverkey", PEM }, { "admincrt", PEM }, { "adminkey", PEM }, { "cacrt", PEM }, { "clcacrt", PEM } } },
	{ "get", { { "file", WORD } } },
	{ "list", { { NULL, 0 } } },
	{ "https", { { NULL, 0 } } },
	{ "firewall", { { "value", WORD } } },
	{ NULL, { { NULL, 0 } } },
};

const struct caserv_action *
caserv_find(const char *name)
{
	const struct caserv_action *a;

	for (a = caserv_actions; a->name != NULL; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

const struct caserv_field *
caserv_field(const struct caserv_action *a, const char *name)
{
	size_t i;

	for (i = 0; i < CASERV_FIELDS_MAX && a->fields[i].name != NULL; i++)
		if (strcmp(a->fields[i].name, name) == 0)
			return &a->fields[i];
	return NULL;
}

/* Texts of one line have no control characters; PEM has those that end its lines */
static bool
good_text(const char *s, size_t len, bool lines)
{
	size_t i;

	if (strlen(s) != len)
		return false;
	for (i = 0; i < len; i++)
		if (((unsigned char)s[i] < ' ' || s[i] == 127) && !(lines && (s[i] == '\n' || s[i] == '\r' || s[i] == '\t')))
			return false;
	return true;
}

const struct caserv_action *
caserv_check(const json_t *request, char *err, size_t errsize)
{
	const char *name = json_string_value(json_object_get(request, "action")), *key;
	json_t *fields = json_object_get(request, "fields"), *v;
	const struct caserv_action *a = name != NULL ? caserv_find(name) : NULL;

	if (a == NULL || !json_is_object(fields) || json_object_size(request) != 2) {
		(void)snprintf(err, errsize, "action: expected signrequest, initca, initreq, usercert, install, get, list, https or firewall");
		return NULL;
	}
	json_object_foreach(fields, key, v) {
		const struct caserv_field *f = caserv_field(a, key);

		if (f == NULL) {
			(void)snprintf(err, errsize, "action %s has no such field", a->name);
			return NULL;
		}
		if (!json_is_string(v) || json_string_length(v) > f->max ||
		    !good_text(json_string_value(v), json_string_length(v), f->max == PEM)) {
			(void)snprintf(err, errsize, "%s: expected a text of at most %zu bytes without control characters", f->name, f->max);
			return NULL;
		}
	}
	return a;
}

bool
caserv_same_site(const char *host, const char *origin, const char *fetch_site)
{
	static const char https[] = "https://";

	if (fetch_site != NULL && strcmp(fetch_site, "same-origin") != 0 && strcmp(fetch_site, "none") != 0)
		return false;
	if (origin == NULL)
		return true;
	return host != NULL && strncmp(origin, https, sizeof(https) - 1) == 0 && strcmp(origin + sizeof(https) - 1, host) == 0;
}

bool
caserv_is_file(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < 160 && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") == n && name[0] != '.' &&
	    strstr(name, "..") == NULL;
}
