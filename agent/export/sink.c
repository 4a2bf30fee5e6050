/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink.c: the kinds of stores there are.
 */
#include "config.h"
#include "agent/export/sink.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct sink_kind *const kinds[] = { &sink_kairosdb, &sink_influxdb, &sink_victoriametrics };

const struct sink_kind *
sink_find(const char *type)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i]->name, type) == 0)
			return kinds[i];
	return NULL;
}

enum push_result
sink_judge_status(long status)
{
	if (status >= 200 && status < 300)
		return PUSH_TAKEN;
	/* 413: too large.  400: only a kind knows whether the store says it of what was sent, or somebody else of how (http to a port of https) */
	return status == 413 ? PUSH_SPLIT : PUSH_FAILED;
}

/* Whether the URL says more than where the store is */
static const char *
path_of(const char *url)
{
	const char *host = strstr(url, "://"), *path = host != NULL ? strpbrk(host + 3, "/?") : NULL;

	return path != NULL && (path[0] == '?' || path[1] != '\0') ? path : NULL;
}

/* The value of a parameter of the query; NULL: it has none of that name */
static const char *
parameter(const char *url, const char *name)
{
	const char *p = strchr(url, '?');
	size_t n = strlen(name);

	for (; p != NULL; p = strchr(p + 1, '&'))
		if (strncmp(p + 1, name, n) == 0 && p[1 + n] == '=')
			return p + 1 + n + 1;
	return NULL;
}

/* Another one, if it is not there */
static bool
add_parameter(char *url, size_t size, const char *name, const char *value)
{
	size_t n = strlen(url);
	bool good;

	if (parameter(url, name) != NULL)
		return true;
	good = path_format(url + n, size - n, "%c%s=", strchr(url, '?') != NULL ? '&' : '?', name);
	for (; good && *value != '\0'; value++) {
		n = strlen(url);
		good = path_format(url + n, size - n, isalnum((unsigned char)*value) ? "%c" : "%%%02X", (unsigned char)*value);
	}
	return good;
}

bool
sink_url(const struct sink_conf *c, char *url, size_t size)
{
	const char *path = path_of(c->url);
	size_t n = strlen(c->url);

	while (path == NULL && n > 0 && c->url[n - 1] == '/')
		n--;
	return path_format(url, size, "%.*s%s", (int)n, c->url, path == NULL ? c->kind->path : "") &&
	    (c->kind->precision == NULL || add_parameter(url, size, c->kind->precision, "ms")) &&
	    (c->kind->database == NULL || c->database[0] == '\0' || parameter(url, "bucket") != NULL ||
	    add_parameter(url, size, c->kind->database, c->database));
}

bool
sink_check(const struct sink_conf *c, char *why, size_t size)
{
	char url[1024];
	const char *precision;

	why[0] = '\0';
	if (!sink_url(c, url, sizeof(url))) {
		snprintf(why, size, "url and database are too long");
		return false;
	}
	precision = c->kind->precision != NULL ? parameter(url, c->kind->precision) : NULL;
	if (precision != NULL && (strcspn(precision, "&") != 2 || strncmp(precision, "ms", 2) != 0))
		snprintf(why, size, "url: expected %s=ms, or none", c->kind->precision);
	return why[0] == '\0';
}
