/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exercise.h: what is done to a replicated folder and to a bare one, and compared.  Each returns the number of differences or failures; what they
 * were is on stderr.
 */
#ifndef TEST_RFS_EXERCISE_H
#define TEST_RFS_EXERCISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int posix_run(const char *dir, const char *bare);		/* posix.c: a table of calls, results and errors compared */
/* random.c: ops random operations on files and names, each done to both, results compared; data and trees compared at the end and between */
int random_run(const char *dir, const char *bare, uint64_t seed, uint64_t ops);
/* compare.c: names, types, modes, owners, sizes, links, xattrs, data; mtimes where told */
int tree_compare(const char *a, const char *b, bool times);
/* load.c: threads that write, read, make, rename and delete for ms, and check what they read; errors of calls and wrong bytes are counted.
 * ops (may be NULL): how many calls were made */
int load_run(const char *dir, int threads, int64_t ms, uint64_t seed, uint64_t *ops);

#endif
