/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exercise.c: the exercises on folders that are there (in the lab: a replicated one).
 *	exercise posix DIR BARE			a table of calls, results compared with those on a bare folder
 *	exercise random DIR BARE SEED OPS	random operations, likewise
 *	exercise load DIR THREADS MS SEED	threads that check what they read; prints the number of calls
 *	exercise compare A B			are two trees equal (mtimes too)
 * Exit status 0: no difference, nothing wrong.  What is wrong is on stderr.
 */
#include "config.h"
#include "rfs/exercise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
usage(void)
{
	fprintf(stderr, "usage: exercise posix DIR BARE | random DIR BARE SEED OPS | load DIR THREADS MS SEED | compare A B\n");
	return 2;
}

int
main(int argc, char **argv)
{
	uint64_t calls = 0;
	int bad;

	if (argc == 4 && strcmp(argv[1], "posix") == 0)
		bad = posix_run(argv[2], argv[3]);
	else if (argc == 6 && strcmp(argv[1], "random") == 0)
		bad = random_run(argv[2], argv[3], strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
	else if (argc == 6 && strcmp(argv[1], "load") == 0)
		bad = load_run(argv[2], atoi(argv[3]), atoll(argv[4]), strtoull(argv[5], NULL, 10), &calls);
	else if (argc == 4 && strcmp(argv[1], "compare") == 0)
		bad = tree_compare(argv[2], argv[3], true);
	else
		return usage();
	if (calls > 0)
		printf("%llu calls\n", (unsigned long long)calls);
	if (bad > 0)
		fprintf(stderr, "%d wrong\n", bad);
	return bad > 0;
}
