/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place.h: where a test puts folders that are replicated: on a file system with handles of 8 bytes (ext4), which tree.c opens as root.
 *
 * Called by: main() of tests, before anything else: PLACE_OR_SKIP().  The temporary folder of a machine may be in memory.
 */
#ifndef TESTS_RFS_PLACE_H
#define TESTS_RFS_PLACE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLACE_MAX 32		/* bytes of its name: the worlds of tests have short paths */

static inline bool
place_fits(const char *path)
{
	union { struct file_handle h; char room[sizeof(struct file_handle) + 8]; } u = { .h = { .handle_bytes = 8 } };
	int id;

	return path != NULL && strlen(path) < PLACE_MAX && access(path, W_OK) == 0 && name_to_handle_at(AT_FDCWD, path, &u.h, &id, 0) == 0 &&
	    u.h.handle_bytes == 8 && u.h.handle_type == 1;
}

/* NULL: there is none */
static inline const char *
place(void)
{
	const char *all[] = { getenv("TMPDIR"), "/tmp", "/var/tmp" };
	size_t i;

	if (geteuid() != 0)
		return NULL;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (place_fits(all[i]))
			return all[i];
	return NULL;
}

#define PLACE_OR_SKIP() \
	do { \
		if (place() == NULL) { \
			puts("1..0 # SKIP needs root and ext4 in TMPDIR, /tmp or /var/tmp (file handles of 8 bytes)"); \
			return 0; \
		} \
	} while (0)

#endif
