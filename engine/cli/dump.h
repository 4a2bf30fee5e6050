/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump.h: a dump in the making: shared by cli_dump.c (files, folder) and dump_commands.c (what programs say).
 */
#ifndef SK_DUMP_H
#define SK_DUMP_H

#include "cli/cli.h"
#include "cli/redact.h"
#include <limits.h>

#define SNAPSHOT_PASSWORD "safekit"	/* since 8.2.4 (RN 2.1.16): no secret */

struct dump {
	struct cli *c;
	char	kept[PATH_MAX];		/* SAFEVAR/snapshot/modules/AM */
	char	dir[PATH_MAX];		/* the folder that is being filled */
	struct redact redact;
	FILE   *readme;
	char   *readme_text;
	size_t	readme_len;
};

void dump_note(struct dump *d, const char *fmt, ...) PRINTFLIKE(2, 3);	/* a line of README.txt */
/* A file of the dump: name with folders; structured: it is or quotes a configuration, a command line, an environment */
void dump_put(struct dump *d, const char *name, const char *text, size_t len, bool structured);
void dump_commands(struct dump *d);	/* runs the table of commands, each with bounds of time and size */

#endif
