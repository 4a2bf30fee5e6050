/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * processtree.c: special command of scripts: processtree list|kill [all|NAME] [REGEX] (UG 14.5): the processes of a command name whose
 * argument list matches, as a tree, all of them as a list; kill also ends them: SIGTERM, and SIGKILL for what is left KILL_MS later.
 */
#include "config.h"
#include "cli/plist.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define KILL_MS	5000	/* between SIGTERM and SIGKILL (ours) */
#define END_MS	2000	/* for the end after SIGKILL (ours) */
#define USAGE	"expected: processtree list [all|NAME] [REGEX] | kill NAME [REGEX] | kill all REGEX"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_TYPING = 2 };

static int
kill_them(const struct plist *l)
{
	size_t failures, left;

	if (plist_count(l, true) > 0)
		warn_text("%zu spared: programs of the suite, or what this command was started by", plist_count(l, true));
	failures = plist_signal(l, SIGTERM);
	left = plist_wait(l, KILL_MS);
	if (left > 0) {
		plist_signal(l, SIGKILL);
		left = plist_wait(l, END_MS);
	}
	printf("%zu killed\n", plist_count(l, false) - left);
	return failures > 0 || left > 0 ? STATUS_FAILED : STATUS_DONE;
}

static int
typing_error(void)
{
	warn_text("%s", USAGE);
	return STATUS_TYPING;
}

int
main(int argc, char **argv)
{
	const char *name = argc > 2 ? argv[2] : NULL;
	bool all, kills;
	struct plist l;
	regex_t re;
	int status = STATUS_DONE;

	diag_init("processtree", 0);
	if (argc < 2 || argc > 4 || (strcmp(argv[1], "list") != 0 && strcmp(argv[1], "kill") != 0))
		return typing_error();
	kills = argv[1][0] == 'k';
	all = name != NULL && strcmp(name, "all") == 0;
	if (kills && (name == NULL || (all && argc < 4)))	/* nobody means all processes of a server */
		return typing_error();
	if (argc == 4 && !plist_regex(&re, argv[3], "processtree"))
		return STATUS_TYPING;
	if (plist_read(&l, NULL, all ? NULL : name, argc == 4 ? &re : NULL)) {
		size_t i;

		if (!all)
			plist_print_tree(stdout, &l);
		for (i = 0; all && i < l.n; i++)
			if (l.rows[i].selected)
				plist_print(stdout, &l.rows[i]);
		if (kills)
			status = kill_them(&l);
	} else {
		warn_errno("/proc");
		status = STATUS_FAILED;
	}
	plist_free(&l);
	if (argc == 4)
		regfree(&re);
	if (fflush(stdout) == EOF)
		fatal("stdout: %s", strerror(errno));
	return status;
}
