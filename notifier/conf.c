/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conf.c: reads safemail.conf: one row per word of the language, one function per type of value.  See conf.h. */
#include "config.h"
#include "notifier/conf.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WINDOW_MAX_S	86400
#define REMINDER_MAX_S	(31 * 86400)

enum section { SEC_NONE = 0, SEC_SERVER, SEC_MAIL, SEC_RULE };
struct word {
	enum section section;
	const char *name;
	/* puts value at `at` (size bytes); false with what was expected in err */
	bool	(*set)(void *at, size_t size, char *value, char *err, size_t errsize);
	size_t	 off, size;
};

static bool
expected(char *err, size_t errsize, const char *value, const char *what)
{
	snprintf(err, errsize, "\"%.80s\": expected %s", value, what);
	return false;
}

static char *
trim(char *s)
{
	char *end;

	while (*s == ' ' || *s == '\t')
		s++;
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	return s;
}

/* ---- types of values ---- */
static bool
plain_text(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool
set_text(void *at, size_t size, char *value, char *err, size_t errsize)
{
	if (value[0] == '\0' || !plain_text(value) || !str_copy(at, size, value))
		return expected(err, errsize, value, "a text without control characters");
	return true;
}

static bool
set_path(void *at, size_t size, char *value, char *err, size_t errsize)
{
	if (value[0] != '/' || !plain_text(value) || !str_copy(at, size, value))
		return expected(err, errsize, value, "an absolute path");
	return true;
}

static bool
set_name(void *at, size_t size, char *value, char *err, size_t errsize)
{
	if (!str_is_name(value) || !str_copy(at, size, value))
		return expected(err, errsize, value, "a name of letters, digits, _ . -");
	return true;
}

static bool
set_host(void *at, size_t size, char *value, char *err, size_t errsize)
{
	const char *p;

	for (p = value; isascii((unsigned char)*p) && (isalnum((unsigned char)*p) || strchr(".-_:", *p) != NULL) && *p != '\0'; p++)
		;
	if (p == value || *p != '\0' || !str_copy(at, size, value))
		return expected(err, errsize, value, "a host name or an address (IPv6 without brackets)");
	return true;
}

static bool
set_port(void *at, size_t size, char *value, char *err, size_t errsize)
{
	uint64_t n;

	if (!str_to_u64(value, 1, 65535, &n))
		return expected(err, errsize, value, "a port, 1..65535");
	*(uint32_t *)at = (uint32_t)n;
	return true;
}

static bool
set_count(void *at, size_t size, char *value, char *err, size_t errsize)
{
	uint64_t n;

	if (!str_to_u64(value, 0, 1000000, &n))
		return expected(err, errsize, value, "a number, 0..1000000");
	*(uint32_t *)at = (uint32_t)n;
	return true;
}

static bool
set_hour(void *at, size_t size, char *value, char *err, size_t errsize)
{
	uint64_t n;

	if (!str_to_u64(value, 0, 1000, &n))
		return expected(err, errsize, value, "a number of mails, 0..1000");
	*(uint32_t *)at = (uint32_t)n;
	return true;
}

static bool
set_rows(void *at, size_t size, char *value, char *err, size_t errsize)
{
	uint64_t n;

	if (!str_to_u64(value, 1, 10000, &n))
		return expected(err, errsize, value, "a number of rows, 1..10000");
	*(uint32_t *)at = (uint32_t)n;
	return true;
}

static bool
duration(const char *value, int64_t max_s, int64_t *us)
{
	char number[16];
	size_t n = strspn(value, "0123456789");
	int64_t unit = 1;
	uint64_t v;

	if (n == 0 || n >= sizeof(number))
		return false;
	memcpy(number, value, n);
	number[n] = '\0';
	switch (value[n]) {
	case '\0': break;
	case 's': break;
	case 'm': unit = 60; break;
	case 'h': unit = 3600; break;
	case 'd': unit = 86400; break;
	default: return false;
	}
	if ((value[n] != '\0' && value[n + 1] != '\0') || !str_to_u64(number, 0, (uint64_t)(max_s / unit), &v))
		return false;
	*us = (int64_t)v * unit * 1000000;
	return true;
}

static bool
set_window(void *at, size_t size, char *value, char *err, size_t errsize)
{
	return duration(value, WINDOW_MAX_S, at) || expected(err, errsize, value, "a time such as 30s, 1m, 2h; at most 1d");
}

static bool
set_reminder(void *at, size_t size, char *value, char *err, size_t errsize)
{
	int64_t us;

	if (strcmp(value, "no") == 0)
		us = 0;
	else if (!duration(value, REMINDER_MAX_S, &us) || (us != 0 && us < 60000000))
		return expected(err, errsize, value, "no or a time such as 30m, 4h, 1d; at least 1m, at most 31d");
	*(int64_t *)at = us;
	return true;
}

static bool
set_retry(void *at, size_t size, char *value, char *err, size_t errsize)
{
	int64_t us;

	if (!duration(value, WINDOW_MAX_S, &us) || us == 0)
		return expected(err, errsize, value, "a time such as 30s, 5m; at most 1d");
	*(int64_t *)at = us;
	return true;
}

static bool
set_seconds(void *at, size_t size, char *value, char *err, size_t errsize)
{
	int64_t us;

	if (!duration(value, 3600, &us) || us == 0)
		return expected(err, errsize, value, "a time such as 30s, 1m; at most 1h");
	*(uint32_t *)at = (uint32_t)(us / 1000000);
	return true;
}

static bool
set_yes(void *at, size_t size, char *value, char *err, size_t errsize)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return expected(err, errsize, value, "yes or no");
	*(bool *)at = value[0] == 'y';
	return true;
}

static bool
set_tls(void *at, size_t size, char *value, char *err, size_t errsize)
{
	static const char *const names[] = { [TLS_STARTTLS] = "starttls", [TLS_ON] = "on", [TLS_TRY] = "try", [TLS_NONE] = "none" };
	int i;

	for (i = 0; i < (int)ARRAY_LEN(names); i++)
		if (strcmp(value, names[i]) == 0) {
			*(int *)at = i;
			return true;
		}
	return expected(err, errsize, value, "starttls, on, try or none");
}

static bool
set_levels(void *at, size_t size, char *value, char *err, size_t errsize)
{
	char *to = at;
	size_t n = 0;
	const char *p;

	if (strcmp(value, "none") == 0)
		value[0] = '\0';
	for (p = value; *p != '\0'; p++) {
		if (*p == ' ' || *p == ',')
			continue;
		if (strchr(EVENT_LEVELS, *p) == NULL)
			return expected(err, errsize, value, "none or letters of CEUSId");
		if (memchr(to, *p, n) == NULL)
			to[n++] = *p;
	}
	to[n] = '\0';
	return true;
}

static bool
set_quiet(void *at, size_t size, char *value, char *err, size_t errsize)
{
	int *minutes = at, h1, m1, h2, m2, end = 0;

	if (strcmp(value, "no") == 0) {
		minutes[0] = minutes[1] = 0;
		return true;
	}
	if (sscanf(value, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &end) != 4 || value[end] != '\0' || h1 < 0 || h1 > 23 || h2 < 0 || h2 > 24 ||
	    m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 || (h2 == 24 && m2 != 0) || h1 * 60 + m1 == (h2 * 60 + m2) % 1440)
		return expected(err, errsize, value, "no or two times such as 22:00-07:00");
	minutes[0] = h1 * 60 + m1;
	minutes[1] = (h2 * 60 + m2) % 1440;
	return true;
}

static bool
set_address(void *at, size_t size, char *value, char *err, size_t errsize)
{
	if (!conf_is_address(value) || !str_copy(at, size, value))
		return expected(err, errsize, value, "one address such as admin@example.org");
	return true;
}

static bool
set_source(void *at, size_t size, char *value, char *err, size_t errsize)
{
	static const char *const names[] = { [SOURCE_AUTO] = "auto", [SOURCE_JOURNAL] = "journal", [SOURCE_FILE] = "file", [SOURCE_SOCKET] = "socket" };
	struct mail_conf *c = at;
	char *path = strchr(value, ':');
	int i;

	if (path != NULL)
		*path++ = '\0';
	for (i = 0; i < (int)ARRAY_LEN(names); i++)
		if (strcmp(value, names[i]) == 0)
			break;
	if (i == ARRAY_LEN(names) || (i == SOURCE_AUTO && path != NULL) || (i >= SOURCE_FILE && path == NULL) ||
	    (path != NULL && (path[0] != '/' || !str_copy(c->source_path, sizeof(c->source_path), path))))
		return expected(err, errsize, value, "auto, journal, journal:/FOLDER, file:/PATH or socket:/PATH");
	c->source = i;
	return true;
}

/* ---- lists of a rule: `at` is the rule ---- */
static char *
next_item(char **rest)
{
	char *item;

	while ((item = strsep(rest, ", \t")) != NULL)
		if (item[0] != '\0')
			return item;
	return NULL;
}

static bool
has_recipient(const struct mail_rule *r, const char *address)
{
	uint32_t i;

	for (i = 0; i < r->to_count; i++)
		if (strcasecmp(r->to[i], address) == 0)
			return true;
	return false;
}

static bool
set_to(void *at, size_t size, char *value, char *err, size_t errsize)
{
	struct mail_rule *r = at;
	char *item;

	while ((item = next_item(&value)) != NULL) {
		if (has_recipient(r, item))	/* named twice, told once */
			continue;
		if (r->to_count == CONF_TO_MAX || !conf_is_address(item))
			return expected(err, errsize, item, "an address such as admin@example.org, at most 32 of them");
		str_copy(r->to[r->to_count++], CONF_ADDRESS_MAX, item);
	}
	return true;
}

static bool
set_modules(void *at, size_t size, char *value, char *err, size_t errsize)
{
	struct mail_rule *r = at;
	char *item;

	while ((item = next_item(&value)) != NULL)
		if (r->module_count == CONF_MODULES_MAX || !plain_text(item) || !str_copy(r->modules[r->module_count++], SK_NAME_MAX + 1, item))
			return expected(err, errsize, item, "a module's name or a pattern such as db*, ! in front to leave out, at most 64 of them");
	return true;
}

static bool
set_keys(void *at, size_t size, char *value, char *err, size_t errsize)
{
	struct mail_rule *r = at;
	char *item;

	r->key_count = 0;
	if (strcmp(value, "none") == 0)
		return true;
	while ((item = next_item(&value)) != NULL) {
		char *dash = strchr(item, '-');
		uint64_t from, to;

		if (dash != NULL)
			*dash = '\0';
		if (r->key_count == CONF_KEYS_MAX || !str_to_u64(item, 1, UINT32_MAX, &from) ||
		    !str_to_u64(dash != NULL ? dash + 1 : item, from, UINT32_MAX, &to))
			return expected(err, errsize, item, "none, or message keys such as 512 or 610-619, at most 64 of them");
		r->keys[r->key_count++] = (struct key_range){ (uint32_t)from, (uint32_t)to };
	}
	return true;
}

/* ---- the language ---- */
#define W(sec, n, f, type, member)	{ sec, n, f, offsetof(struct type, member), sizeof(((struct type *)NULL)->member) }
static const struct word words[] = {
	W(SEC_SERVER, "host", set_host, mail_server, host), W(SEC_SERVER, "port", set_port, mail_server, port),
	W(SEC_SERVER, "tls", set_tls, mail_server, tls), W(SEC_SERVER, "user", set_text, mail_server, user),
	W(SEC_SERVER, "password-file", set_path, mail_server, password_file), W(SEC_SERVER, "credential", set_name, mail_server, credential),
	W(SEC_SERVER, "ca-file", set_path, mail_server, ca_file), W(SEC_SERVER, "connect-timeout", set_seconds, mail_server, connect_s),
	W(SEC_SERVER, "timeout", set_seconds, mail_server, timeout_s),
	W(SEC_MAIL, "from", set_address, mail_conf, from), W(SEC_MAIL, "node", set_name, mail_conf, node),
	{ SEC_MAIL, "source", set_source, 0, sizeof(struct mail_conf) }, W(SEC_MAIL, "any-user", set_yes, mail_conf, any_user),
	W(SEC_MAIL, "queue-max", set_count, mail_conf, queue_max), W(SEC_MAIL, "retry", set_retry, mail_conf, retry_us),
	{ SEC_RULE, "to", set_to, 0, sizeof(struct mail_rule) }, { SEC_RULE, "keys", set_keys, 0, sizeof(struct mail_rule) },
	{ SEC_RULE, "modules", set_modules, 0, sizeof(struct mail_rule) },
	W(SEC_RULE, "levels", set_levels, mail_rule, levels), W(SEC_RULE, "gather", set_levels, mail_rule, gather),
	W(SEC_RULE, "urgent", set_levels, mail_rule, urgent), W(SEC_RULE, "window", set_window, mail_rule, window_us),
	W(SEC_RULE, "reminder", set_reminder, mail_rule, reminder_us), W(SEC_RULE, "recovery", set_yes, mail_rule, recovery),
	W(SEC_RULE, "quiet", set_quiet, mail_rule, quiet), W(SEC_RULE, "max-per-hour", set_hour, mail_rule, max_per_hour),
	W(SEC_RULE, "rows", set_rows, mail_rule, rows),
};

struct parse { struct mail_conf *conf; enum section section; void *at; char *err; size_t errsize; };

static bool
new_rule(struct parse *p, char *name)
{
	struct mail_conf *c = p->conf;
	struct mail_rule *r = &c->rule[c->rules];
	uint32_t i;

	if (!str_is_name(name))
		return expected(p->err, p->errsize, name, "[rule NAME] with a name of letters, digits, _ . -");
	for (i = 0; i < c->rules; i++)
		if (strcmp(c->rule[i].name, name) == 0)
			return expected(p->err, p->errsize, name, "a name that no rule before has");
	if (c->rules == CONF_RULES_MAX)
		return expected(p->err, p->errsize, name, "at most 32 rules");
	*r = (struct mail_rule){ .levels = "C", .gather = "UEC", .urgent = "C", .keys = { { KEY_LOCAL_STATE, KEY_LOCAL_STATE } }, .key_count = 1,
	    .window_us = 60000000, .recovery = true, .max_per_hour = 12, .rows = 200 };
	str_copy(r->name, sizeof(r->name), name);
	c->rules++;
	p->section = SEC_RULE;
	p->at = r;
	return true;
}

static bool
new_section(struct parse *p, char *line)
{
	char *end = strchr(line, ']');
	struct mail_conf *c = p->conf;

	if (end == NULL || end[1] != '\0')
		return expected(p->err, p->errsize, line, "[server], [mail] or [rule NAME]");
	*end = '\0';
	line = trim(line + 1);
	if (strcmp(line, "mail") == 0) {
		p->section = SEC_MAIL;
		p->at = c;
	} else if (strcmp(line, "server") == 0) {
		if (c->servers == CONF_SERVERS_MAX)
			return expected(p->err, p->errsize, line, "at most 8 servers");
		p->section = SEC_SERVER;
		p->at = &c->server[c->servers];
		c->server[c->servers++] = (struct mail_server){ .connect_s = 30, .timeout_s = 60 };
	} else if (strncmp(line, "rule", 4) == 0 && (line[4] == ' ' || line[4] == '\t')) {
		return new_rule(p, trim(line + 4));
	} else {
		return expected(p->err, p->errsize, line, "[server], [mail] or [rule NAME]");
	}
	return true;
}

static bool
parse_line(struct parse *p, char *line)
{
	char *value;
	size_t i;

	line = trim(line);
	if (line[0] == '\0' || line[0] == '#')
		return true;
	if (line[0] == '[')
		return new_section(p, line);
	value = strchr(line, '=');
	if (value == NULL || p->section == SEC_NONE)
		return expected(p->err, p->errsize, line, p->section == SEC_NONE ? "[server], [mail] or [rule NAME] before it" : "WORD = VALUE");
	*value++ = '\0';
	line = trim(line);
	value = trim(value);
	for (i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].section == p->section && strcmp(words[i].name, line) == 0)
			return words[i].set((char *)p->at + words[i].off, words[i].size, value, p->err, p->errsize);
	return expected(p->err, p->errsize, line, "a word of this section (safemail(8))");
}

static bool
complete(const struct mail_conf *c, char *err, size_t errsize)
{
	uint32_t i;

	for (i = 0; i < c->servers; i++) {
		const struct mail_server *s = &c->server[i];
		int places = (s->password_file[0] != '\0') + (s->credential[0] != '\0');

		if (s->host[0] == '\0')
			snprintf(err, errsize, "server %u: expected host", i + 1);
		else if (places != (s->user[0] != '\0'))
			snprintf(err, errsize, "server %s: expected user together with one of password-file and credential", s->host);
		else if (s->user[0] != '\0' && s->tls != TLS_STARTTLS && s->tls != TLS_ON)
			snprintf(err, errsize, "server %s: expected tls = starttls or on: a password is not sent in clear", s->host);
		else
			continue;
		return false;
	}
	for (i = 0; i < c->rules; i++) {
		if (c->rule[i].to_count == 0)
			snprintf(err, errsize, "rule %s: expected to", c->rule[i].name);
		else if (c->rule[i].to_count > c->queue_max)
			snprintf(err, errsize, "rule %s: expected queue-max of at least %u, as it has so many recipients", c->rule[i].name, c->rule[i].to_count);
		else
			continue;
		return false;
	}
	if (c->servers == 0 || c->rules == 0) {
		snprintf(err, errsize, "expected at least one [server] and one [rule NAME]");
		return false;
	}
	return true;
}

struct mail_conf *
conf_parse(const char *text, char *err, size_t errsize)
{
	struct mail_conf *c = calloc(1, sizeof(*c));
	char *copy = strdup(text), *rest = copy, *line, why[256] = "";
	struct parse p = { .conf = c, .err = why, .errsize = sizeof(why) };
	bool good = c != NULL && copy != NULL;
	unsigned number = 0;

	snprintf(err, errsize, "out of memory");
	if (good) {
		c->queue_max = 10000;
		c->retry_us = 300000000;
		while (good && (line = strsep(&rest, "\n")) != NULL) {
			number++;
			good = parse_line(&p, line);
		}
		if (!good)
			snprintf(err, errsize, "line %u: %s", number, why);
		else
			good = complete(c, err, errsize);
	}
	free(copy);
	if (good)
		return c;
	free(c);
	return NULL;
}
