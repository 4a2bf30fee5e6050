/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runform.c: userconfig.xml on the command line, its run form (what checkd is given) on stdout: for tests that drive checkd themselves. */
#include "config.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	static struct conf_errors errs;
	static struct conf_module m;
	json_t *obj;
	int i;

	if (argc != 2)
		return 2;
	if (conf_module_load(argv[1], NULL, &m, &errs) == -1) {
		for (i = 0; i < errs.count; i++)
			fprintf(stderr, "%c %s:%d: %s\n", errs.e[i].level, errs.e[i].file, errs.e[i].line, errs.e[i].text);
		return 1;
	}
	obj = conf_module_to_json(&m);
	json_dumpf(obj, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(obj);
	conf_module_free(&m);
	return 0;
}
