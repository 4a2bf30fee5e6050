/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter.c: which filter this kernel gets. */
#include "config.h"
#include "vip/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct filter_kind_ops *
filter_choose(char *err, size_t errsize)
{
	static const struct filter_kind_ops *const kinds[] = { &filter_bpf, &filter_module };
	const char *wanted = getenv("SAFE_VIP_FILTER");
	size_t i, used = 0;
	bool known = false;

	if (wanted != NULL && wanted[0] == '\0')
		wanted = NULL;
	err[0] = '\0';
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char why[256] = "";
		int n;

		if (wanted != NULL && strcmp(wanted, kinds[i]->name) != 0)
			continue;
		known = true;
		if (kinds[i]->usable(why, sizeof(why))) {
			err[0] = '\0';
			return kinds[i];
		}
		n = snprintf(err + used, errsize - used, "%s%s: %s", used > 0 ? "; " : "", kinds[i]->name, why);
		used = n < 0 || (size_t)n >= errsize - used ? errsize - 1 : used + (size_t)n;
	}
	if (!known)
		snprintf(err, errsize, "SAFE_VIP_FILTER=%s: expected bpf or module", wanted);
	return NULL;
}
