/* SPDX-License-Identifier: GPL-2.0-or-later */
/* states.c: prints doc/STATES.md from the tables. */
#include "config.h"
#include "fsm/fsm.h"

#include <stdio.h>

int
main(void)
{
	fsm_print_doc(stdout);
	return 0;
}
