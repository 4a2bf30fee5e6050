/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * point.c: numbers of values (doc/METRICS.md 2).
 */
#include "config.h"
#include "agent/export/point.h"
#include "wire/report.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX	18	/* a whole number of 18 digits fits int64_t */

enum value_kind
value_number(const char *value, double *number)
{
	static const struct { const char *word; double number; } words[] = { { "down", 0 }, { "up", 1 }, { "init", 2 }, { "unknown", 3 } };
	const char *p = value + (*value == '-');
	size_t i, digits = 0, points = 0;
	int state;

	for (; isdigit((unsigned char)*p) || (*p == '.' && digits > 0 && isdigit((unsigned char)p[1])); p++)
		*p == '.' ? points++ : digits++;
	if (*p == '\0' && digits > 0 && digits <= DIGITS_MAX && points <= 1) {
		*number = strtod(value, NULL);	/* the program stays in the locale C */
		return points > 0 ? VALUE_REAL : VALUE_WHOLE;
	}
	for (i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].word, value) == 0) {
			*number = words[i].number;
			return VALUE_WORD;
		}
	state = rpt_lookup(rpt_state_names, RS_COUNT, value);
	if (state < 0)
		return VALUE_TEXT;
	*number = state;
	return VALUE_WORD;
}
