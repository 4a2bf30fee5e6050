/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every XML example and fragment of chapters 4, 13 and 15 of the user's guide (tests/data/guide; fragments in the smallest userconfig.xml
 * around them): each loads, or is refused for the reason that the index gives.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include "conf/xml.h"

#define DATA	TEST_SRCDIR "/tests/data/guide/"

static struct conf_errors errs;
static struct conf_cluster cluster;
static struct conf_module module;

static void
show(void)
{
	int i;

	for (i = 0; i < errs.count; i++)
		printf("# %c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
}

static bool
says(char level, int line, const char *text)
{
	int i;

	for (i = 0; i < errs.count; i++)
		if (errs.e[i].level == level && errs.e[i].line == line && strstr(errs.e[i].text, text) != NULL)
			return true;
	return false;
}

static void
both_ways(const char *name)
{
	json_t *obj = conf_module_to_json(&module), *again;
	struct conf_module back;
	char err[256] = "", why[256];

	if (obj == NULL || !conf_module_from_json(obj, &back, err, sizeof(err)))
		fail_msg("%s: run form: %s", name, err);
	again = conf_module_to_json(&back);
	assert_true(json_equal(obj, again));
	if (!conf_module_dynamic(&module, &back, why, sizeof(why)))
		fail_msg("%s: differs from itself in %s", name, why);
	json_decref(again);
	json_decref(obj);
	conf_module_free(&back);
}

/* One line: "FILE loads", "FILE warns LINE TEXT" or "FILE fails LINE TEXT" */
static void
one(char *row)
{
	char file[PATH_MAX], *save = NULL, *name = strtok_r(row, " ", &save), *verdict = strtok_r(NULL, " ", &save);
	char *line = verdict != NULL && strcmp(verdict, "loads") != 0 ? strtok_r(NULL, " ", &save) : NULL;
	bool fails = verdict != NULL && strcmp(verdict, "fails") == 0;
	int rc;

	assert_non_null(verdict);
	snprintf(file, sizeof(file), DATA "%s", name);
	rc = conf_module_load(file, &cluster, &module, &errs);
	if (rc != (fails ? -1 : 0) || (line != NULL && !says(fails ? 'E' : 'W', atoi(line), save))) {
		show();
		fail_msg("%s: %s, index: %s %s %s", name, rc == 0 ? "loads" : "fails", verdict, line != NULL ? line : "", save);
	}
	if (rc == 0) {
		both_ways(name);
		conf_module_free(&module);
	}
}

static bool
is_named(const char *index, const char *name)
{
	const char *p;
	size_t n = strlen(name);

	for (p = index; p != NULL; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, n) == 0 && p[n] == ' ')
			return true;
	return false;
}

static void
test_index(void **state)
{
	char *index, *rows, *row, *save = NULL;
	struct dirent *e;
	DIR *dir = opendir(DATA);

	assert_true(path_read(DATA "index", &index, 1 << 20) > 0);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		if (strstr(e->d_name, ".xml") != NULL && strcmp(e->d_name, "cluster.xml") != 0 && !is_named(index, e->d_name))
			fail_msg("%s is not in the index", e->d_name);
	closedir(dir);
	rows = strdup(index);
	for (row = strtok_r(rows, "\n", &save); row != NULL; row = strtok_r(NULL, "\n", &save))
		if (row[0] != '#')
			one(row);
	free(rows);
	free(index);
}

static void
test_cluster_of_chapter_15(void **state)
{
	assert_int_equal(conf_cluster_load(DATA "cluster.xml", &cluster, &errs), 0);
	assert_int_equal(cluster.lans_count, 3);
	assert_int_equal(cluster.nodes_count, 3);
	assert_string_equal(cluster.lans[0].name, "net3");
	assert_false(cluster.lans[2].console);
}

static void
quiet(void *ctx, conf_xml_error err)
{
}

/* Our walk through the schema and libxml2's validator are of one mind wherever libxml2's time allows to ask it. */
static void
same_verdict(const char *file, xmlRelaxNG *schema)
{
	xmlRelaxNGValidCtxt *valid;
	struct conf_doc d;
	char *data;
	size_t len;
	bool ours, theirs;

	memset(&errs, 0, sizeof(errs));
	assert_true(conf_xml_read(file, &data, &len, &errs));
	if (conf_xml_parse(&d, file, data, len, &errs)) {
		conf_macros(&d);
		ours = conf_schema_check(&d, conf_userconfig_rng, conf_userconfig_rng_len);
		valid = xmlRelaxNGNewValidCtxt(schema);
		xmlRelaxNGSetValidStructuredErrors(valid, quiet, NULL);
		theirs = xmlRelaxNGValidateDoc(valid, d.doc) == 0;
		xmlRelaxNGFreeValidCtxt(valid);
		if (ours != theirs) {
			show();
			fail_msg("%s: valid for us: %d, for libxml2: %d", file, ours, theirs);
		}
		conf_xml_free(&d);
	}
	free(data);
}

static void
test_schema_as_libxml2_reads_it(void **state)
{
	xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt((const char *)conf_userconfig_rng, (int)conf_userconfig_rng_len);
	xmlRelaxNG *schema = xmlRelaxNGParse(parser);
	char file[PATH_MAX];
	struct dirent *e;
	DIR *dir = opendir(DATA);

	assert_non_null(schema);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (strstr(e->d_name, ".xml") == NULL)
			continue;
		snprintf(file, sizeof(file), DATA "%s", e->d_name);
		same_verdict(file, schema);
	}
	closedir(dir);
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(parser);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cluster_of_chapter_15),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_schema_as_libxml2_reads_it),
	};
	int rc;

	conf_failover_file(TEST_SRCDIR "/engine/conf/failover.xml");
	unsetenv("SAFEBIN");	/* 15.12 asks for it */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	xmlCleanupParser();
	return rc;
}
