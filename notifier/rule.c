/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule.c: what a rule says of an event, a module and an hour.  See conf.h. */
#include "config.h"
#include "notifier/conf.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>
#include <time.h>

bool
conf_is_address(const char *s)
{
	const char *at = strrchr(s, '@');
	size_t n = strlen(s);

	if (n == 0 || n >= CONF_ADDRESS_MAX || at == s || (at != NULL && (at[1] == '\0' || strchr(s, '@') != at)) || s[0] == '-')
		return false;
	for (; *s != '\0'; s++)
		if (!isascii((unsigned char)*s) || !isgraph((unsigned char)*s) || strchr("<>()[]\\,;:\"", *s) != NULL)
			return false;
	return true;
}

bool
rule_has_module(const struct mail_rule *r, const char *module)
{
	bool wanted = true, named = false, positive = false;
	uint32_t i;

	for (i = 0; i < r->module_count; i++) {
		const char *pattern = r->modules[i];

		if (pattern[0] == '!') {
			if (fnmatch(pattern + 1, module, 0) == 0)
				wanted = false;
		} else {
			positive = true;
			if (fnmatch(pattern, module, 0) == 0)
				named = true;
		}
	}
	return wanted && (named || !positive);
}

bool
rule_opens(const struct mail_rule *r, const struct mail_event *ev)
{
	uint32_t i;

	if (strchr(r->levels, ev->level) != NULL)
		return true;
	for (i = 0; i < r->key_count; i++)
		if (ev->key >= r->keys[i].from && ev->key <= r->keys[i].to)
			return true;
	return false;
}

bool
rule_gathers(const struct mail_rule *r, const struct mail_event *ev)
{
	return strchr(r->gather, ev->level) != NULL || rule_opens(r, ev);
}

int64_t
rule_quiet_until(const struct mail_rule *r, int64_t now_us)
{
	time_t now = (time_t)(now_us / 1000000), end;
	int minute, from = r->quiet[0], to = r->quiet[1];
	struct tm tm;

	if (from == to || localtime_r(&now, &tm) == NULL)
		return 0;
	minute = tm.tm_hour * 60 + tm.tm_min;
	if (from < to ? minute < from || minute >= to : minute < from && minute >= to)
		return 0;
	if (minute >= to)	/* ends tomorrow */
		tm.tm_mday++;
	tm.tm_hour = to / 60;
	tm.tm_min = to % 60;
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	end = mktime(&tm);
	return end > now ? (int64_t)end * 1000000 : now_us + 60000000;	/* an hour that is there twice in autumn */
}

uint32_t
server_port(const struct mail_server *s)
{
	return s->port != 0 ? s->port : s->tls == TLS_ON ? 465 : s->user[0] != '\0' ? 587 : 25;
}
