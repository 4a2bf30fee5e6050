/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any JSON as any report: refused with a reason, or a struct whose JSON decodes to the same struct. */
#include "config.h"
#include "wire/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct report_type *const types[] = { &rpt_module_type, &rpt_resource_type, &rpt_node_type, &rpt_remote_type,
		&rpt_notice_type_type, &rpt_log_type, &rpt_command_type, &rpt_engine_type, &rpt_share_type };
	static union { struct rpt_module module; struct rpt_resource resource; struct rpt_node node; struct rpt_remote remote;
		struct rpt_notice notice; struct rpt_log log; struct rpt_command command; struct rpt_engine engine; struct rpt_share share; } a, b;
	const struct report_type *type;
	json_t *obj, *back, *again;
	char err[256] = "";

	if (size < 1)
		return 0;
	type = types[data[0] % ARRAY_LEN(types)];
	obj = json_loadb((const char *)data + 1, size - 1, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (!report_decode(type, obj, &a, err, sizeof(err))) {
		must(err[0] != '\0' && strlen(err) < sizeof(err));
	} else {
		back = report_encode(type, &a);
		must(back != NULL);
		must(report_decode(type, back, &b, err, sizeof(err)));
		must(memcmp(&a, &b, type->size) == 0);
		again = report_encode(type, &b);
		must(json_equal(back, again));
		json_decref(back);
		json_decref(again);
	}
	json_decref(obj);
	return 0;
}
