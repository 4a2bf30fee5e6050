/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink.c: the kinds of stores there are.
 */
#include "config.h"
#include "agent/export/sink.h"

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
	/* 400: cannot be understood; 413: too large; 422: understood and refused */
	return status == 400 || status == 413 || status == 422 ? PUSH_SPLIT : PUSH_FAILED;
}

bool
sink_url(const struct sink_conf *c, char *url, size_t size)
{
	const char *host = strstr(c->url, "://"), *path = host != NULL ? strpbrk(host + 3, "/?") : NULL;
	size_t n = strlen(c->url);
	const char *p;
	bool good;

	if (path != NULL && (path[0] == '?' || path[1] != '\0'))
		return path_format(url, size, "%s", c->url);	/* it says all */
	while (n > 0 && c->url[n - 1] == '/')
		n--;
	good = path_format(url, size, "%.*s%s", (int)n, c->url, c->kind->path);
	if (!good || c->database[0] == '\0' || c->kind->database == NULL)
		return good;
	n = strlen(url);
	good = path_format(url + n, size - n, "&%s=", c->kind->database);
	for (p = c->database; good && *p != '\0'; p++) {
		n += strlen(url + n);
		good = path_format(url + n, size - n, "%%%02X", (unsigned char)*p);
	}
	return good;
}
