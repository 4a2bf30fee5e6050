/* SPDX-License-Identifier: GPL-2.0-or-later */
/* duration.c: a number with a unit <-> milliseconds.  Pure. */
#include "config.h"
#include "conf/xml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct unit { const char *name; int64_t ms; } units[] = {	/* largest first */
	{ "d", 24 * 3600 * 1000 }, { "h", 3600 * 1000 }, { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 },
};

/* XML's blanks; isspace() would ask the locale */
static const char blanks[] = " \t\r\n";

bool
conf_duration(const char *text, int64_t unit_ms, int64_t max_ms, int64_t *out_ms)
{
	int64_t number = 0;
	size_t i, len;

	text += strspn(text, blanks);
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *text - '0', &number))
			return false;
	text += strspn(text, blanks);
	len = strcspn(text, blanks);
	if (text[len + strspn(text + len, blanks)] != '\0')
		return false;
	if (len > 0) {
		for (i = 0; i < ARRAY_LEN(units); i++)
			if (strlen(units[i].name) == len && strncasecmp(text, units[i].name, len) == 0)
				break;
		if (i == ARRAY_LEN(units))
			return false;
		unit_ms = units[i].ms;
	}
	if (__builtin_mul_overflow(number, unit_ms, &number) || number > max_ms)
		return false;
	*out_ms = number;
	return true;
}

char *
conf_duration_text(int64_t ms, char *buf, size_t size)
{
	size_t i = 0;

	while (i < ARRAY_LEN(units) - 1 && (ms == 0 || ms % units[i].ms != 0))
		i++;
	snprintf(buf, size, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
	return buf;
}
