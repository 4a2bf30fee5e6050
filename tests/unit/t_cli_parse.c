/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/parse.c and the table of verbs: options anywhere, typing errors, and that the table agrees with itself. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/cli.h"

/* Parses a line, words separated by blanks, into c; err as told */
static bool
parse(struct cli *c, const char *line, const char *safemodule, char *err, size_t errsize)
{
	static char buf[1024];
	static char *argv[64];
	int argc = 0;
	char *save, *w;

	memset(c, 0, sizeof(*c));
	err[0] = '\0';
	argv[argc++] = (char *)(uintptr_t)"safekit";
	assert_true(str_copy(buf, sizeof(buf), line));
	for (w = strtok_r(buf, " ", &save); w != NULL && argc < 63; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return cli_parse(c, argc, argv, safemodule, err, errsize);
}

static void
test_options_stand_anywhere(void **state)
{
	static const char *const same[] = { "second fullsync -m AM -i errd", "second -m AM fullsync -i errd", "-m AM -i errd second fullsync",
	    "-m AM second -i errd fullsync", "second -m AM -i errd -- fullsync", "\xe2\x80\x93m AM second \xe2\x80\x93i errd fullsync" };
	struct cli c;
	char err[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(same); i++) {
		assert_true(parse(&c, same[i], NULL, err, sizeof(err)));
		assert_string_equal(c.verb->name, "second");
		assert_string_equal(c.module, "AM");
		assert_string_equal(c.opt['i'], "errd");
		assert_int_equal(c.nwords, 1);
		assert_string_equal(c.words[0], "fullsync");
	}
}

static void
test_verbs_of_two_words(void **state)
{
	static const char *const same[] = { "module install -r -m AM -M 3 f.safe", "-m AM module install -M 3 -r f.safe",
	    "module -m AM install f.safe -r -M 3" };
	struct cli c;
	char err[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(same); i++) {
		assert_true(parse(&c, same[i], NULL, err, sizeof(err)));
		assert_string_equal(c.verb->name, "module install");
		assert_string_equal(c.opt['M'], "3");
		assert_string_equal(c.opt['r'], "");
		assert_int_equal(c.nwords, 1);
	}
	assert_true(parse(&c, "cluster config lock", NULL, err, sizeof(err)));
	assert_string_equal(c.verb->name, "cluster config");
}

/* The same letter is a flag of one verb and takes a value with another */
static void
test_a_key_means_what_the_verb_says(void **state)
{
	struct cli c;
	char err[512];

	assert_true(parse(&c, "state -v -m AM", NULL, err, sizeof(err)));
	assert_string_equal(c.opt['v'], "");
	assert_true(parse(&c, "set -r custom.x -v up -m AM", NULL, err, sizeof(err)));
	assert_string_equal(c.opt['v'], "up");
	assert_string_equal(c.opt['r'], "custom.x");
	assert_true(parse(&c, "state -m AM -lq", NULL, err, sizeof(err)));
	assert_non_null(c.opt['q']);
	assert_true(parse(&c, "log -m AM -l en", NULL, err, sizeof(err)));
	assert_string_equal(c.opt['l'], "en");
}

/* safekit kill: -name=value is one word, with the dash of the guide too, and a value may be long and hold "=" */
static void
test_assigned_options(void **state)
{
	static const char *const same[] = { "kill -name=vi -argregex=.*my=file.* -level=9 -m AM", "-level=9 kill -argregex=.*my=file.* -name=vi",
	    "kill \xe2\x80\x93name=vi \xe2\x80\x93" "argregex=.*my=file.* \xe2\x80\x93level=9" };
	struct cli c;
	char err[512], line[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(same); i++) {
		assert_true(parse(&c, same[i], NULL, err, sizeof(err)));
		assert_string_equal(c.verb->name, "kill");
		assert_string_equal(c.opt['N'], "vi");
		assert_string_equal(c.opt['R'], ".*my=file.*");
		assert_string_equal(c.opt['L'], "9");
		assert_int_equal(c.nwords, 0);
	}
	snprintf(line, sizeof(line), "kill \xe2\x80\x93" "argregex=%0100d -level=test", 7);
	assert_true(parse(&c, line, NULL, err, sizeof(err)));
	assert_int_equal(strlen(c.opt['R']), 100);
	assert_false(parse(&c, "kill -name vi -level=9", NULL, err, sizeof(err)));
	assert_non_null(strstr(err, "unknown option -name: expected: safekit kill -name=process_name"));
	assert_false(parse(&c, "kill -name= -level=9", NULL, err, sizeof(err)));
	assert_non_null(strstr(err, "option -name= needs a value"));
	assert_false(parse(&c, "start -m AM -name=x", NULL, err, sizeof(err)));
}

static void
test_run_keeps_its_words(void **state)
{
	struct cli c;
	char err[512];

	assert_true(parse(&c, "-m AM -r boundcmd 30 ls -m --json -- x", NULL, err, sizeof(err)));
	assert_string_equal(c.verb->name, "-r");
	assert_string_equal(c.module, "AM");
	assert_int_equal(c.nwords, 7);
	assert_string_equal(c.words[3], "-m");
	assert_null(c.opt['J']);
	assert_false(parse(&c, "-r", NULL, err, sizeof(err)));
}

static void
test_module_from_the_environment(void **state)
{
	struct cli c;
	char err[512];

	assert_true(parse(&c, "start", "AM", err, sizeof(err)));
	assert_string_equal(c.module, "AM");
	assert_true(parse(&c, "start -m other", "AM", err, sizeof(err)));
	assert_string_equal(c.module, "other");
	assert_false(parse(&c, "start", "", err, sizeof(err)));
	assert_false(parse(&c, "start", "../x", err, sizeof(err)));
	assert_true(parse(&c, "module list", "AM", err, sizeof(err)));
	assert_null(c.module);
}

static void
test_typing_errors_say_what_was_expected(void **state)
{
	static const char *const bad[][2] = {
		{ "strat -m AM", "perhaps: safekit start" }, { "stat -m AM", "perhaps: safekit state" }, { "restrat", "safekit restart" },
		{ "logwiev -m AM", "perhaps: safekit logview" }, { "module lst", "perhaps: safekit module list" },
		{ "cluster conf info", "perhaps: safekit cluster config" }, { "cluster zzzzz", "expected one of config" }, { "start", "which module?" }, { "start -m", "needs a value" },
		{ "start -m AM -m AM", "twice" }, { "start -m AM --jsno", "unknown option --jsno" }, { "start -m .x", "not a module name" },
		{ "failover maybe -m AM", "expected one of on off" }, { "cluster confcheck", "expected: safekit cluster confcheck FILE.xml" },
		{ "cluster confcheck a b", "one word too many" }, { "", "expected a command" }, { "-x", "expected a command" },
		{ "--", "expected a command" },
	};
	struct cli c;
	char err[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(parse(&c, bad[i][0], NULL, err, sizeof(err)));
		if (strstr(err, bad[i][1]) == NULL)
			fail_msg("\"%s\": %s", bad[i][0], err);
		assert_null(strchr(err, '\n'));
	}
}

/* Options of a row and of its syntax are the same; lines for users have one form */
static void
test_the_table_agrees_with_itself(void **state)
{
	size_t i, j;
	const char *p;

	for (i = 0; i < verbs_count; i++) {
		const struct verb *v = &verbs[i];

		assert_non_null(v->run);
		assert_true(v->min <= v->max);
		for (j = 0; j < i; j++)
			assert_string_not_equal(v->name, verbs[j].name);
		for (p = v->options; *p != '\0'; p++) {
			if (*p == ':' || *p == 'J')
				continue;
			if (strstr(v->syntax, option_name(*p)) == NULL && strcmp(v->name, "-r") != 0)	/* -m before -r */
				fail_msg("%s: option %c is not in \"%s\"", v->name, *p, v->syntax);
		}
		for (p = v->syntax; (p = strchr(p, '-')) != NULL; p++) {
			bool option = (p == v->syntax || strchr(" [|", p[-1]) != NULL) && p[strcspn(p, "= ]|")] != '=';

			/* what follows -H is another command, with options of its own */
			if (option && strcmp(v->name, "-H") != 0 && strncmp(p, "-lq", 3) != 0 && strchr(v->options, p[1]) == NULL)
				fail_msg("%s: -%c of \"%s\" is not taken", v->name, p[1], v->syntax);
		}
		if (v->flags & V_HIDDEN)
			continue;
		assert_true(isupper((unsigned char)v->brief[0]));
		assert_true(v->brief[strlen(v->brief) - 1] != '.');
		assert_true(v->text[0] == '\0' || v->text[strlen(v->text) - 1] == '.');
		if (v->flags & V_MODULE)
			assert_non_null(strchr(v->options, 'm'));
	}
}

/* Any words at all: an answer or one line, never more, and what is accepted keeps to the table */
static void
test_any_words(void **state)
{
	static const char *const some[] = { "-m", "-i", "-u", "-s", "-t", "-l", "-M", "-A", "-I", "-v", "-lq", "-r", "-h", "--json", "--from",
	    "-name=", "-name=x", "\xe2\x80\x93level=9", "-argregex", "kill", "--", "-", "\xe2\x80\x93m", "\xe2\x80\x93", "AM", "on", "off", "x", "module", "cluster", "install", "config", "lock", "7", "/f",
	    "-p", "help", "start", "state", "set", "boot", "log", "printi", "waitstate", "PRIM",
	    "a-word-that-is-much-longer-than-any-word-safekit-knows-and-any-buffer-it-may-have-for-one-of-them" };
	char *argv[10];
	int round, i;

	srand(7);
	for (round = 0; round < 200000; round++) {
		int argc = 1 + rand() % 9;
		struct cli c = { 0 };
		char err[1024] = "";

		argv[0] = (char *)(uintptr_t)"safekit";
		for (i = 1; i < argc; i++)
			argv[i] = (char *)(uintptr_t)some[(size_t)rand() % ARRAY_LEN(some)];
		argv[argc] = NULL;
		if (!cli_parse(&c, argc, argv, NULL, err, sizeof(err))) {
			assert_true(err[0] != '\0' && strchr(err, '\n') == NULL);
			continue;
		}
		assert_non_null(c.verb);
		if (c.opt['h'] != NULL)
			continue;
		assert_true(c.nwords >= c.verb->min && c.nwords <= c.verb->max);
		assert_true(!(c.verb->flags & V_MODULE) || (c.module != NULL && str_is_name(c.module)));
	}
}

static void
test_roles(void **state)
{
	static const struct { const char *line; bool may; } rows[] = {
		{ "--role Monitor -u a@10.0.0.1 state", true }, { "state --role Monitor -u a@10.0.0.1", true },
		{ "--role Monitor -u a@10.0.0.1 start -m AM", false }, { "--role Control -u a@10.0.0.1 start -m AM", true },
		{ "--role Control -u a@10.0.0.1 config -m AM", false }, { "--role Admin -u a@10.0.0.1 config -m AM", true },
		{ "--role Monitor -u a boot status -m AM", true }, { "--role Monitor -u a boot", true }, { "--role Control -u a boot -m AM on", false },
		{ "--role Monitor -u a errd list -m AM", true }, { "--role Monitor -u a errd suspend -m AM", false },
		{ "--role Monitor -u a errd enable list -m AM", false }, { "--role Monitor -u a rfssync -m AM", true },
		{ "--role Monitor -u a rfssync list -m AM", false }, { "--role Monitor -u a rfssync prim -d x -m AM", false },
		{ "--role Monitor -u a safeagent check", true }, { "--role Control -u a safeagent stop", false },
		/* a role for each verb that somebody may run from elsewhere; the rest nobody */
		{ "--role Admin -u a -r id", false }, { "--role Admin -u a -p", false }, { "--role Admin -u a -m AM -r id", false }, { "--role Admin -u a logview", false },
		{ "--role Admin -u a incloop -m AM -i x", false }, { "--role Admin -u a --pack /tmp x", false }, { "--role Admin -u a -H * state", false },
		/* who says it twice, or for a detector */
		{ "--role Monitor -u a --role Admin stop -m AM", false }, { "--role Monitor -u a stop -m AM --role Admin", false },
		{ "--role Admin -u a stop -u b -m AM", false }, { "--role Admin -u a stop -m AM -i errd", false },
		{ "--role Admin -u a stop -m AM \xe2\x80\x93i errd", false }, { "--role Admin -u a module getports -i 3", true },
		{ "--role Admin stop -m AM", false }, { "--role root -u a state", false }, { "--role admin -u a state", false }, { "--role", false },
		/* what looks like one verb and would run another */
		{ "--role Monitor -u a -v state stop -m AM", false }, { "--role Monitor -u a help stop", true },
		{ "--role Monitor -u a -- stop -m AM", false }, { "--role Monitor -u a -m state stop", false },
	};
	struct cli c;
	char err[512];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		if (parse(&c, rows[i].line, NULL, err, sizeof(err)) != rows[i].may || (!rows[i].may && err[0] == '\0'))
			fail_msg("%s: %s", rows[i].line, err);
	assert_false(parse(&c, "--role Monitor -u a stop -m AM", NULL, err, sizeof(err)));
	assert_true(c.denied);
	assert_string_equal(err, "safekit stop: role Monitor may not do that: expected Control or Admin");
	for (i = 0; i < verbs_count; i++)	/* what only shows says with which words */
		assert_true(!(verbs[i].flags & V_LOOKS) || (verbs[i].flags & (V_CONTROL | V_ADMINISTER)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_options_stand_anywhere),
		cmocka_unit_test(test_verbs_of_two_words),
		cmocka_unit_test(test_a_key_means_what_the_verb_says),
		cmocka_unit_test(test_assigned_options),
		cmocka_unit_test(test_run_keeps_its_words),
		cmocka_unit_test(test_module_from_the_environment),
		cmocka_unit_test(test_typing_errors_say_what_was_expected),
		cmocka_unit_test(test_the_table_agrees_with_itself),
		cmocka_unit_test(test_any_words),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
