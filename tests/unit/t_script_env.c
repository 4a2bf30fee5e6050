/* SPDX-License-Identifier: GPL-2.0-or-later */
/* act/script_env.c: what scripts find in their environment. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "act/script_env.h"
#include "conf/conf.h"

static const char *
get(char **env, const char *name)
{
	const char *found = NULL;
	size_t i, n = strlen(name);

	for (i = 0; env[i] != NULL; i++) {
		if (strncmp(env[i], name, n) == 0 && env[i][n] == '=') {
			assert_null(found);	/* each name once */
			found = env[i] + n + 1;
		}
	}
	return found;
}

static char *
text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void
test_documented_names(void **state)
{
	char **env;

	setenv("SAFE", "/s", 1);
	setenv("SAFEVAR", "/v", 1);
	env = script_env_build("mirror", "node1", NULL, 0);
	assert_non_null(env);
	assert_string_equal(get(env, "SAFE"), "/s");
	assert_string_equal(get(env, "SAFEVAR"), "/v");
	assert_string_equal(get(env, "SAFEBIN"), "/s/private/bin");
	assert_string_equal(get(env, "SAFEUSERBIN"), "/s/private/modules/mirror/bin");
	assert_string_equal(get(env, "SAFEUSERVAR"), "/v/modules/mirror");
	assert_string_equal(get(env, "SAFEMODULE"), "mirror");
	assert_string_equal(get(env, "SAFENODE"), "node1");
	assert_true(script_env_set(&env, "SAFENODE", "node2"));
	assert_string_equal(get(env, "SAFENODE"), "node2");
	script_env_free(env);
	env = script_env_build(NULL, NULL, NULL, 0);
	assert_null(get(env, "SAFEMODULE"));
	assert_null(get(env, "SAFENODE"));
	script_env_free(env);
}

static void
test_vars_of_the_user(void **state)
{
	struct conf_var vars[] = { { text("COLOR"), text("blue") }, { text("PATH"), text("/mine") }, { text("SAFEMODULE"), text("x") },
	    { text(""), text("x") }, { text("A=B"), text("x") }, { text("COLOR"), text("red") }, { text("EMPTY"), text("") }, { NULL, NULL } };
	char **env;

	setenv("SECRET_OF_THE_CALLER", "x", 1);
	env = script_env_build("mirror", NULL, vars, ARRAY_LEN(vars));
	assert_non_null(env);
	assert_string_equal(get(env, "COLOR"), "red");
	assert_string_equal(get(env, "PATH"), "/mine");
	assert_string_equal(get(env, "SAFEMODULE"), "mirror");
	assert_string_equal(get(env, "EMPTY"), "");
	assert_null(get(env, "A"));
	assert_null(get(env, "SECRET_OF_THE_CALLER"));	/* only what is in the list is passed on */
	script_env_free(env);
}

static void
test_a_daemon_without_environment(void **state)
{
	char **env;

	unsetenv("PATH");
	env = script_env_build("mirror", NULL, NULL, 0);
	assert_non_null(strstr(get(env, "PATH"), "/usr/bin"));
	script_env_free(env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documented_names),
		cmocka_unit_test(test_vars_of_the_user),
		cmocka_unit_test(test_a_daemon_without_environment),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
