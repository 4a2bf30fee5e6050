/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_misc.c: start at boot, -p and -r (UG 9.2, 9.7, 10.9).
 */
#include "config.h"
#include "cli/cli.h"
#include "act/script_env.h"
#include "conf/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- boot ---- */

static int
boot_all(struct cli *c)
{
	static const struct column columns[] = { { "name", "Module" }, { "boot", "Boot" } };
	json_t *reply, *rows, *row;
	size_t i;

	if (!cli_connect(c) || (reply = cli_ask(c, json_pack("{s:s,s:s}", "op", "get", "what", "modules"), NULL, NULL)) == NULL)
		return EXIT_FAILED;
	rows = json_array();
	json_array_foreach(json_object_get(reply, "rows"), i, row)
		json_array_append_new(rows, json_pack("{s:O?,s:O?}", "name", json_object_get(row, "name"), "boot",
		    json_object_get(row, "boot")));
	if (c->json)
		show_json(rows);
	else
		show_table(NULL, rows, columns, ARRAY_LEN(columns));
	json_decref(rows);
	json_decref(reply);
	return EXIT_DONE;
}

static int
boot_module(struct cli *c, const char *value)
{
	const char *boot;
	json_t *reply;
	uint64_t seq = 0;
	int status = EXIT_FAILED;
	bool change = strcmp(value, "status") != 0;

	if (!cli_connect(c))
		return EXIT_FAILED;
	if (change)		/* asking is not changing: only on and off go to the command log */
		seq = cmdlog_begin(c);
	reply = cli_ask(c, json_pack("{s:s,s:s,s:s}", "op", "boot", "module", c->module, "value", value), NULL, NULL);
	boot = json_string_value(json_object_get(reply, "boot"));
	if (reply != NULL && boot == NULL)
		cli_error("safeadmin did not say what is in force");
	else if (reply != NULL)
		status = show_boot(c, c->module, boot);
	json_decref(reply);
	if (change)
		cmdlog_end(c, seq, status);
	return status;
}

int
do_boot(struct cli *c)
{
	const char *word = c->nwords > 0 ? c->words[0] : "status";

	if (strncmp(word, "web", 3) == 0 || strncmp(word, "snmp", 4) == 0)
		return boot_service(c, word);
	if (c->module != NULL)
		return boot_module(c, word);
	if (strcmp(word, "status") == 0)
		return boot_all(c);
	cli_error("safekit boot %s: which module? expected: safekit boot -m AM on|off|status", word);
	return EXIT_TYPING;
}

/* ---- -p, -r ---- */

int
do_paths(struct cli *c)
{
	json_t *show;

	if (!c->json) {
		printf("SAFE=%s\nSAFEVAR=%s\nSAFEBIN=%s/private/bin\n", path_safe(), path_safevar(), path_safe());
		return EXIT_DONE;
	}
	show = json_pack("{s:s,s:s,s:o}", "SAFE", path_safe(), "SAFEVAR", path_safevar(), "SAFEBIN", json_sprintf("%s/private/bin",
	    path_safe()));
	show_json(show);
	json_decref(show);
	return EXIT_DONE;
}

/* The command takes our place, with the environment scripts have (UG 14.5).  The guide also writes it as one word: -r "command args". */
int
do_run(struct cli *c)
{
	char path[PATH_MAX], err[256], first[PATH_MAX], node[SK_NAME_MAX];
	struct conf_module conf;
	char **env, **argv;
	bool loaded;
	int64_t date;
	int i, extra = 0;

	argv = calloc((size_t)c->nwords + 1 + strlen(c->words[0]), sizeof(*argv));
	if (argv == NULL || !str_copy(first, sizeof(first), c->words[0])) {
		cli_error("the command is too long");
		free(argv);
		return EXIT_FAILED;
	}
	if (c->nwords == 1) {
		char *save, *word = strtok_r(first, " \t", &save);

		for (; word != NULL; word = strtok_r(NULL, " \t", &save))
			argv[extra++] = word;
	} else {
		argv[extra++] = first;
		for (i = 1; i < c->nwords; i++)
			argv[extra++] = (char *)(uintptr_t)c->words[i];
	}
	if (extra == 0 || !(argv[0][0] == '/' ? str_copy(path, sizeof(path), argv[0])
	    : path_format(path, sizeof(path), "%s/private/bin/%s", path_safe(), argv[0]))) {
		cli_error("safekit -r: expected a command of SAFEBIN or an absolute path");
		free(argv);
		return EXIT_TYPING;
	}
	loaded = c->module != NULL && module_active(c->module, &conf, &date, err, sizeof(err));
	env = script_env_build(c->module, cli_node(c, node), loaded ? conf.vars : NULL, loaded ? conf.vars_count : 0);
	if (loaded)
		conf_module_free(&conf);
	fflush(stdout);
	if (env != NULL)
		execve(path, argv, env);
	warn_errno("%s", path);
	script_env_free(env);
	free(argv);
	return errno == ENOENT ? 127 : 126;	/* as shells say it */
}
