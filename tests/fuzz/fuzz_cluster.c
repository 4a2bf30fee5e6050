/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_cluster: any bytes as cluster.xml.  Aborts where the contract is broken: an answer without a reason, an unprintable finding, a
 * cluster that is empty or points outside itself.
 */
#include "config.h"
#include "conf/xml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf_cluster c;
	static struct conf_errors errs;
	int rc = conf_cluster_parse("fuzz.xml", (const char *)data, size, &c, &errs), i, k;

	if ((rc == 0) == conf_has_errors(&errs) || errs.count > CONF_ERRORS_MAX)
		abort();
	for (i = 0; i < errs.count; i++)
		if (errs.e[i].text[0] == '\0' || errs.e[i].line < 0 || !xmlCheckUTF8((const unsigned char *)errs.e[i].text))
			abort();
	if (rc != 0)
		return 0;
	if (c.nodes_count < 1 || c.nodes_count > SK_NODES_MAX || c.lans_count < 1 || c.lans_count > SK_LANS_MAX || strlen(c.signature) != 64)
		abort();
	for (i = 0; i < c.lans_count; i++)
		for (k = 0; k < c.lans[i].count; k++)
			if (c.lans[i].at[k].node < 0 || c.lans[i].at[k].node >= c.nodes_count || c.lans[i].at[k].addr[0] == '\0')
				abort();
	return 0;
}
