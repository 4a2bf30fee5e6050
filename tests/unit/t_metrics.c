/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * t_metrics.c: the table of metrics keeps the rules of Prometheus, and doc/METRICS.md says what the table says.
 */
#include "config.h"
#include "agent/export/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static void
names_keep_the_rules(void **state)
{
	static const char *const never[] = { "_total", "_info", "_created", "_bucket", "_count", "_sum" };
	size_t i, j;
	const char *p;

	for (i = 0; i < metrics_count; i++) {
		const struct metric *m = &metrics[i];

		assert_int_equal(strncmp(m->name, "safekit_", 8), 0);
		for (p = m->name; *p != '\0'; p++)
			assert_true(islower((unsigned char)*p) || *p == '_');
		for (j = 0; j < ARRAY_LEN(never); j++)
			assert_false(ends_in(m->name, never[j]));
		if (m->unit[0] != '\0')
			assert_true(ends_in(m->name, m->unit));
		assert_null(strpbrk(m->help, "\\\n\"|"));
		assert_int_equal(strncmp(m->labels, "node", 4), 0);
		assert_true(m->type != MT_STATESET || m->special == MX_HEALTH || m->states_count > 1);
		for (j = 0; j < i; j++)
			assert_string_not_equal(m->name, metrics[j].name);
	}
}

static void
document_has_the_table(void **state)
{
	char *made = NULL, *doc = NULL;
	size_t made_size;
	FILE *f = open_memstream(&made, &made_size);

	assert_non_null(f);
	metrics_markdown(f);
	fclose(f);
	assert_true(path_read(TEST_SRCDIR "/doc/METRICS.md", &doc, 1 << 20) > 0);
	if (strstr(doc, made) == NULL)
		fprintf(stderr, "doc/METRICS.md: expected this table (safeexport --metrics):\n%s", made);
	assert_non_null(strstr(doc, made));
	free(doc);
	free(made);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_keep_the_rules), cmocka_unit_test(document_has_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
