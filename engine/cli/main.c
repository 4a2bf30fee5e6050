/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c: the program safekit.  Everything else is in libcli.a, so that tests run it too. */
#include "config.h"
#include "cli/cli.h"

int
main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
