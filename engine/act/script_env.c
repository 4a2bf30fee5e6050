/* SPDX-License-Identifier: GPL-2.0-or-later */
/* script_env.c: builds the environment of scripts. */
#include "config.h"
#include "act/script_env.h"
#include "conf/conf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What scripts get from the environment of the program that runs them.  SAFE_BOOT_ID: which boot this is, for commands of ours. */
static const char *const passed_on[] = { "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TERM", "TMPDIR",
    "LD_LIBRARY_PATH", "SAFE_BOOT_ID" };

/* A daemon may have been started without any */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

bool
script_env_set(char ***env, const char *name, const char *value)
{
	size_t i, n = strlen(name);
	char *text, **more;

	if (asprintf(&text, "%s=%s", name, value) == -1)
		return false;
	for (i = 0; (*env)[i] != NULL; i++) {
		if (strncmp((*env)[i], name, n) == 0 && (*env)[i][n] == '=') {
			free((*env)[i]);
			(*env)[i] = text;
			return true;
		}
	}
	more = realloc(*env, (i + 2) * sizeof(*more));
	if (more == NULL) {
		free(text);
		return false;
	}
	more[i] = text;
	more[i + 1] = NULL;
	*env = more;
	return true;
}

void
script_env_free(char **env)
{
	size_t i;

	for (i = 0; env != NULL && env[i] != NULL; i++)
		free(env[i]);
	free(env);
}

static bool
set_vars(char ***env, const struct conf_var *vars, int nvars)
{
	int i;

	for (i = 0; i < nvars; i++) {
		if (vars[i].name == NULL || vars[i].value == NULL || vars[i].name[0] == '\0' || strchr(vars[i].name, '=') != NULL
		    || strncmp(vars[i].name, "SAFE", 4) == 0)
			continue;
		if (!script_env_set(env, vars[i].name, vars[i].value))
			return false;
	}
	return true;
}

static bool
set_path(char ***env, const char *name, const char *dir, const char *between, const char *module, const char *after)
{
	char path[PATH_MAX];

	return path_format(path, sizeof(path), "%s%s%s%s", dir, between, module, after) && script_env_set(env, name, path);
}

char **
script_env_build(const char *module, const char *node, const struct conf_var *vars, int nvars)
{
	char **env = calloc(1, sizeof(*env));
	bool ok = env != NULL && script_env_set(&env, "PATH", DEFAULT_PATH);
	size_t i;

	for (i = 0; ok && i < ARRAY_LEN(passed_on); i++)
		if (getenv(passed_on[i]) != NULL)
			ok = script_env_set(&env, passed_on[i], getenv(passed_on[i]));
	ok = ok && set_vars(&env, vars, nvars);
	ok = ok && script_env_set(&env, "SAFE", path_safe()) && script_env_set(&env, "SAFEVAR", path_safevar());
	ok = ok && set_path(&env, "SAFEBIN", path_safe(), "/private/bin", "", "");
	if (ok && module != NULL)
		ok = script_env_set(&env, "SAFEMODULE", module)
		    && set_path(&env, "SAFEUSERBIN", path_safe(), "/private/modules/", module, "/bin")
		    && set_path(&env, "SAFEUSERVAR", path_safevar(), "/modules/", module, "");
	if (ok && node != NULL)
		ok = script_env_set(&env, "SAFENODE", node);
	if (ok)
		return env;
	script_env_free(env);
	return NULL;
}
