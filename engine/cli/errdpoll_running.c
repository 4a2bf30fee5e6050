/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errdpoll_running.c: special command: which names and arguments do processes have, for the <proc> of a userconfig.xml (UG 13.9.4).
 * Writes SAFEVAR/errdpoll_reserrd, whole, one line per process, and says where.
 */
#include "config.h"
#include "cli/plist.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
	char file[PATH_MAX], *text = NULL;
	size_t size = 0, i;
	struct plist l;
	FILE *f;

	diag_init("errdpoll_running", 0);
	if (argc != 1) {
		warn_text("expected: errdpoll_running, without arguments");
		return 2;
	}
	if (!plist_read(&l, NULL, NULL, NULL))
		fatal("/proc: %s", strerror(errno));
	if (!path_format(file, sizeof(file), "%s/errdpoll_reserrd", path_safevar()))
		fatal("SAFEVAR is too long");
	f = open_memstream(&text, &size);
	for (i = 0; f != NULL && i < l.n; i++)
		plist_print(f, &l.rows[i]);
	if (f == NULL || fclose(f) != 0)
		fatal("no memory");
	if (path_write_atomic(file, text, size, 0640) == -1)	/* arguments may hold secrets */
		fatal("%s: %s", file, strerror(errno));
	printf("%zu processes in %s\n", l.n, file);
	free(text);
	plist_free(&l);
	return fflush(stdout) == EOF ? 1 : 0;
}
