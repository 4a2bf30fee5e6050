/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_proc.c: safekit kill (UG 13.9.4): which processes have that name and those arguments, and a signal to them.  It works on /proc alone:
 * neither the module nor errd needs to run.
 */
#include "config.h"
#include "cli/cli.h"
#include "cli/plist.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const struct { const char *word; int sig; const char *name; } levels[] = {
	{ "test", 0, "" }, { "terminate", SIGTERM, "SIGTERM" }, { "15", SIGTERM, "SIGTERM" }, { "9", SIGKILL, "SIGKILL" },
};

static void
show(struct cli *c, const struct plist *l)
{
	json_t *list = c->json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct plist_row *row = &l->rows[i];

		if (!row->selected || row->spared)
			continue;
		if (!c->json) {
			plist_print(stdout, row);
			continue;
		}
		str_make_utf8(row->name);
		str_make_utf8(row->args);
		json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:s}", "pid", (int)row->pid, "parent", (int)row->ppid, "name", row->name,
		    "args", row->args));
	}
	if (c->json)
		show_json(list);
	json_decref(list);
}

static int
send(struct cli *c, const struct plist *l, int sig, const char *name)
{
	uint64_t seq = cmdlog_begin(c);
	size_t failures = plist_signal(l, sig), n = plist_count(l, false);
	int status = failures > 0 ? EXIT_FAILED : EXIT_DONE;

	if (!c->json)
		printf("%s sent to %zu process%s\n", name, n - failures, n - failures == 1 ? "" : "es");
	cmdlog_end(c, seq, status);
	return status;
}

int
do_kill(struct cli *c)
{
	const char *level = c->opt['L'], *args = c->opt['R'];
	struct plist l;
	regex_t re;
	size_t i;
	int status = EXIT_DONE;

	for (i = 0; level != NULL && i < ARRAY_LEN(levels) && strcmp(levels[i].word, level) != 0; i++)
		;
	if (level == NULL || i == ARRAY_LEN(levels)) {
		cli_error("safekit kill: option -level= expects test, terminate, 9 or 15%s%s%s", level != NULL ? ", not \"" : "",
		    level != NULL ? level : "", level != NULL ? "\"" : "");
		return EXIT_TYPING;
	}
	if (c->opt['N'] == NULL) {
		cli_error("safekit kill: which processes? expected: safekit kill %s", c->verb->syntax);
		return EXIT_TYPING;
	}
	if (args != NULL && !plist_regex(&re, args, "-argregex="))
		return EXIT_TYPING;
	if (plist_read(&l, NULL, c->opt['N'], args != NULL ? &re : NULL)) {
		show(c, &l);
		if (levels[i].sig != 0 && plist_count(&l, false) > 0)
			status = send(c, &l, levels[i].sig, levels[i].name);
		if (plist_count(&l, true) > 0)
			cli_note("%zu spared: programs of the suite, or what this command was started by", plist_count(&l, true));
	} else {
		warn_errno("/proc");
		status = EXIT_FAILED;
	}
	plist_free(&l);
	if (args != NULL)
		regfree(&re);
	return status;
}
