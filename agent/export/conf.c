/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf.c: reads the configuration file.  One row per name; what is wrong is told with its line and what was expected.
 */
#include "config.h"
#include "agent/export/accept.h"
#include "agent/export/conf.h"
#include "agent/export/sink.h"

#include <sys/socket.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX	65536	/* bytes of a configuration file (ours) */
#define PORT		"9480"

enum item_type { I_TEXT, I_ONOFF, I_SIZE, I_SECONDS, I_NUMBER, I_TYPE };
struct item { const char *name; enum item_type type; size_t off, size; uint64_t min, max; };

#define G(m) offsetof(struct export_conf, m), sizeof(((struct export_conf *)0)->m)
#define S(m) offsetof(struct sink_conf, m), sizeof(((struct sink_conf *)0)->m)
#define DAYS	86400u
static const struct item global_items[] = {
	{ "listen", I_TEXT, G(listen), 0, 0 }, { "tls_certificate", I_TEXT, G(tls_certificate), 0, 0 }, { "tls_key", I_TEXT, G(tls_key), 0, 0 },
	{ "auth_file", I_TEXT, G(auth_file), 0, 0 }, { "spool", I_TEXT, G(spool), 0, 0 },
	{ "spool_size", I_SIZE, G(spool_size), 1 << 20, (uint64_t)1 << 40 }, { "spool_age", I_SECONDS, G(spool_age_s), 60, 3660 * DAYS },
};
static const struct item sink_items[] = {
	{ "type", I_TYPE, 0, 0, 0, 0 }, { "url", I_TEXT, S(url), 0, 0 }, { "user", I_TEXT, S(user), 0, 0 },
	{ "password_file", I_TEXT, S(password_file), 0, 0 }, { "token_file", I_TEXT, S(token_file), 0, 0 }, { "ca_file", I_TEXT, S(ca_file), 0, 0 },
	{ "cert_file", I_TEXT, S(cert_file), 0, 0 }, { "key_file", I_TEXT, S(key_file), 0, 0 }, { "database", I_TEXT, S(database), 0, 0 },
	{ "gzip", I_ONOFF, S(gzip), 0, 0 }, { "batch", I_NUMBER, S(batch), 1, 20000 }, { "timeout", I_SECONDS, S(timeout_s), 1, 3600 },
	{ "retry", I_SECONDS, S(retry_s), 1, 3600 }, { "hold", I_SECONDS, S(hold_s), 0, 3600 },
};

void
conf_defaults(struct export_conf *c)
{
	memset(c, 0, sizeof(*c));
	str_copy(c->listen, sizeof(c->listen), "127.0.0.1:" PORT);
	path_format(c->spool, sizeof(c->spool), "%s/export/spool.db", path_safevar());
	c->spool_size = 256 << 20;
	c->spool_age_s = 7 * DAYS;
}

struct sink_conf *
conf_add_sink(struct export_conf *c, const char *name, char *err, size_t errsize)
{
	struct sink_conf *s;
	size_t i;

	for (i = 0; i < c->sinks && strcmp(c->sink[i].name, name) != 0; i++)
		;
	if (!str_is_name(name) || i < c->sinks || i == SINKS_MAX) {
		snprintf(err, errsize, "sink %s: expected a name of letters, digits, _ . and -, each once, at most %d", name, SINKS_MAX);
		return NULL;
	}
	s = &c->sink[c->sinks++];
	memset(s, 0, sizeof(*s));
	str_copy(s->name, sizeof(s->name), name);
	s->gzip = true;
	s->batch = 5000;
	s->timeout_s = 30;
	s->retry_s = 30;
	s->hold_s = -1;
	return s;
}

/* A number with a unit: each one is a letter of units and its factor; none: 1 */
static bool
scaled(const char *value, const char *units, const uint64_t *factors, uint64_t *n)
{
	char digits[32];
	size_t len = strlen(value);
	const char *unit = len > 0 && !isdigit((unsigned char)value[len - 1]) ? strchr(units, value[len - 1]) : NULL;
	uint64_t factor = unit != NULL ? factors[unit - units] : 1;

	if (!path_format(digits, sizeof(digits), "%.*s", (int)(len - (unit != NULL)), value) || !str_to_u64(digits, 0, UINT64_MAX / factor, n))
		return false;
	*n *= factor;
	return true;
}

static bool
set_number(const struct item *it, char *at, const char *value, char *err, size_t errsize)
{
	static const uint64_t sizes[] = { 1 << 10, 1 << 20, 1 << 30 }, times[] = { 1, 60, 3600, DAYS };
	bool size = it->type == I_SIZE, good;
	uint64_t n;

	good = size ? scaled(value, "KMG", sizes, &n) : it->type == I_SECONDS ? scaled(value, "smhd", times, &n) : scaled(value, "", times, &n);
	if (!good || n < it->min || n > it->max) {
		snprintf(err, errsize, "%s = %s: expected %s from %llu to %llu", it->name, value, size ? "bytes (also K, M, G)" :
		    it->type == I_SECONDS ? "a time in s, m, h or d" : "a number", (unsigned long long)it->min, (unsigned long long)it->max);
		return false;
	}
	if (it->size == sizeof(uint64_t))
		memcpy(at, &n, sizeof(n));
	else
		memcpy(at, &(uint32_t){ (uint32_t)n }, sizeof(uint32_t));
	return true;
}

static bool
set_item(const struct item *it, void *conf, struct sink_conf *sink, const char *value, char *err, size_t errsize)
{
	char *at = (char *)conf + it->off;
	bool on = strcmp(value, "on") == 0;

	switch (it->type) {
	case I_TEXT:
		if (str_copy(at, it->size, value))
			return true;
		snprintf(err, errsize, "%s: expected at most %zu bytes", it->name, it->size - 1);
		return false;
	case I_ONOFF:
		if (on || strcmp(value, "off") == 0) {
			memcpy(at, &on, sizeof(on));
			return true;
		}
		snprintf(err, errsize, "%s = %s: expected on or off", it->name, value);
		return false;
	case I_TYPE:
		if (sink_find(value) == NULL) {
			snprintf(err, errsize, "type = %s: expected kairosdb, influxdb or victoriametrics", value);
			return false;
		}
		sink->kind = sink_find(value);
		return true;
	default:
		return set_number(it, at, value, err, errsize);
	}
}

bool
conf_set(struct export_conf *c, struct sink_conf *sink, const char *name, const char *value, char *err, size_t errsize)
{
	const struct item *items = sink != NULL ? sink_items : global_items;
	size_t i, count = sink != NULL ? ARRAY_LEN(sink_items) : ARRAY_LEN(global_items);

	for (i = 0; i < count; i++)
		if (strcmp(items[i].name, name) == 0)
			return set_item(&items[i], sink != NULL ? (void *)sink : (void *)c, sink, value, err, errsize);
	snprintf(err, errsize, "%s: no such name %s", name, sink != NULL ? "in a section [sink ...]" : "before the first [sink ...]");
	return false;
}

static char *
trimmed(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	for (n = strlen(s); n > 0 && strchr(" \t\r", s[n - 1]) != NULL; n--)
		s[n - 1] = '\0';
	return s;
}

static bool
read_line(struct export_conf *c, struct sink_conf **sink, char *line, char *err, size_t errsize)
{
	char *s = trimmed(line), *equal;
	size_t n = strlen(s);

	if (s[0] == '\0' || s[0] == '#')
		return true;
	if (strncmp(s, "[sink ", 6) == 0 && s[n - 1] == ']') {
		s[n - 1] = '\0';
		*sink = conf_add_sink(c, trimmed(s + 6), err, errsize);
		return *sink != NULL;
	}
	equal = strchr(s, '=');
	if (equal == NULL) {
		snprintf(err, errsize, "%.40s: expected name = value or [sink NAME]", s);
		return false;
	}
	*equal = '\0';
	return conf_set(c, *sink, trimmed(s), trimmed(equal + 1), err, errsize);
}

bool
conf_read(struct export_conf *c, const char *file, char *err, size_t errsize)
{
	struct sink_conf *sink = NULL;
	char *text, *line, *next, why[256];
	ssize_t n = path_read(file, &text, FILE_MAX);
	unsigned number = 0;
	bool good = true;

	if (n == -1) {
		snprintf(err, errsize, "%s: %s", file, strerror(errno));
		return false;
	}
	for (line = text; line != NULL && good; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		number++;
		good = read_line(c, &sink, line, why, sizeof(why));
		if (!good)
			snprintf(err, errsize, "%s:%u: %s", file, number, why);
	}
	free(text);
	return good;
}

bool
conf_secret_path(const char *file, char *path, size_t size)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (credentials == NULL || strchr(file, '/') != NULL)
		return path_format(path, size, "%s", file);
	return path_format(path, size, "%s/%s", credentials, file);
}

bool
conf_check(const struct export_conf *c, char *err, size_t errsize)
{
	struct sockaddr_storage sa;
	char why[256];
	bool loopback;
	size_t i;

	err[0] = '\0';
	if ((c->tls_certificate[0] == '\0') != (c->tls_key[0] == '\0'))
		snprintf(err, errsize, "tls_certificate and tls_key: expected both or none");
	if (c->listen[0] != '\0' && !accept_address(c->listen, &sa, &loopback))
		snprintf(err, errsize, "listen = %s: expected ADDRESS:PORT or [ADDRESS]:PORT, in numbers", c->listen);
	if (c->listen[0] == '\0' && c->sinks == 0)
		snprintf(err, errsize, "nothing to do: neither listen nor a [sink ...]");
	for (i = 0; i < c->sinks && err[0] == '\0'; i++) {
		const struct sink_conf *s = &c->sink[i];
		const char *host = strstr(s->url, "://");

		if (s->kind == NULL)
			snprintf(err, errsize, "sink %s: type is missing", s->name);
		else if (strncmp(s->url, "http://", 7) != 0 && strncmp(s->url, "https://", 8) != 0)
			snprintf(err, errsize, "sink %s: url: expected http:// or https://", s->name);
		else if (strcspn(host + 3, "@") < strcspn(host + 3, "/?"))
			snprintf(err, errsize, "sink %s: url: a password belongs into password_file, not into the URL", s->name);
		else if (!sink_check(s, why, sizeof(why)))
			snprintf(err, errsize, "sink %s: %s", s->name, why);
		else if (s->user[0] != '\0' && s->password_file[0] == '\0')
			snprintf(err, errsize, "sink %s: user without password_file", s->name);
		else if ((s->cert_file[0] == '\0') != (s->key_file[0] == '\0'))
			snprintf(err, errsize, "sink %s: cert_file and key_file: expected both or none", s->name);
	}
	return err[0] == '\0';
}
