/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_export: any bytes as what safeexport is told: by the first byte an Accept header, an address, lines of a configuration file, the answer of
 * a store, or a change.
 * Aborts where the contract is broken: a refusal without a reason; more refused than there can be; a body that is no JSON, or whose lines are
 * not as many as its points; a resource that gets out of its tag.
 */
#include "config.h"
#include "agent/export/accept.h"
#include "agent/export/sink.h"

#include <sys/socket.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sink_kind *const kinds[] = { &sink_kairosdb, &sink_influxdb, &sink_victoriametrics };

static void
configuration(char *text)
{
	struct export_conf c;
	struct sink_conf *sink = NULL;
	char err[512], url[1024], *line, *save = NULL, *equal;
	size_t i;

	conf_defaults(&c);
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		bool good;

		err[0] = '\0';
		equal = strchr(line, '=');
		if (equal == NULL) {
			struct sink_conf *s = conf_add_sink(&c, line, err, sizeof(err));

			good = s != NULL;
			sink = good ? s : sink;
		} else {
			*equal = '\0';
			good = conf_set(&c, sink, line, equal + 1, err, sizeof(err));
		}
		if (!good && err[0] == '\0')
			abort();
	}
	if (!conf_check(&c, err, sizeof(err)) && err[0] == '\0')
		abort();
	for (i = 0; err[0] == '\0' && i < c.sinks; i++)
		if (!sink_url(&c.sink[i], url, sizeof(url)))
			abort();
}

static void
answer(const char *text, long status)
{
	size_t i, refused;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i]->judge(status, text, &refused) != PUSH_PARTLY && refused != 0)
			abort();
}

static size_t
lines(const struct text *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->len; i++)
		n += t->p[i] == '\n';
	return n;
}

/* module, resource and value with NUL between */
static void
change(char *text, const char *end)
{
	struct change c[2];
	struct text t = { .p = NULL };
	size_t points, i;
	json_t *body;
	double n;

	memset(c, 0, sizeof(c));
	c[0].node = "n";
	c[0].module = text;
	c[0].resource = text + strlen(text) < end ? text + strlen(text) + 1 : end;
	c[0].value = c[0].resource + strlen(c[0].resource) < end ? c[0].resource + strlen(c[0].resource) + 1 : end;
	c[0].time_ms = 1700000000000;
	c[1] = c[0];
	str_make_utf8(text);
	str_make_utf8((char *)(uintptr_t)c[0].resource);
	str_make_utf8((char *)(uintptr_t)c[0].value);
	(void)value_number(c[0].value, &n);
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		t.len = 0;
		points = kinds[i]->body(c, 2, &t);
		if (kinds[i] != &sink_kairosdb) {
			if (lines(&t) != points)
				abort();
			continue;
		}
		body = json_loadb(t.p, t.len, 0, NULL);
		if (json_array_size(body) != points || points < 2)
			abort();
		json_decref(body);
	}
	text_free(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_storage sa;
	bool loopback;
	char *text;

	if (size < 2)
		return 0;
	text = calloc(1, size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data + 2, size - 2);
	switch (data[0] % 5) {
	case 0: (void)accept_openmetrics(text); break;
	case 1: (void)accept_address(text, &sa, &loopback); break;
	case 2: configuration(text); break;
	case 3: answer(text, data[1] * 4); break;
	default: change(text, text + size - 2); break;
	}
	free(text);
	return 0;
}
