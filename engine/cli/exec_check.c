/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_check.c: are the programs there that the configuration names: custom checkers and handlers of errd?  A module that starts and then
 * cannot run its checker is found out at night.  Called by: config, confcheck.  Never does: run one.
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <sys/stat.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static void
check_one(const char *bin, const char *place, const char *tag, const char *name, const char *exec, const char *userconfig, struct conf_errors *errs)
{
	char path[PATH_MAX];
	struct stat st;
	bool own = exec[0] != '/';

	if (!path_format(path, sizeof(path), "%s%s%s", own ? bin : "", own ? "/" : "", exec)) {
		conf_complain(errs, 'E', userconfig, 0, "%s %s: the path of its program is too long", tag, name);
	} else if (stat(path, &st) == -1) {
		/* one elsewhere may come with a file system that is not mounted now */
		conf_complain(errs, own ? 'E' : 'W', userconfig, 0, "%s %s: program %s: %s: expected it in %s", tag, name, exec, strerror(errno),
		    own ? place : "this place when the module starts");
	} else if (!S_ISREG(st.st_mode)) {
		conf_complain(errs, 'E', userconfig, 0, "%s %s: %s is no file that can be run", tag, name, exec);
	} else if (!own && access(path, X_OK) == -1) {
		conf_complain(errs, 'W', userconfig, 0, "%s %s: program %s: %s", tag, name, exec, strerror(errno));
	}
}

void
exec_check(const struct conf_module *m, const char *bin, const char *userconfig, struct conf_errors *errs)
{
	int i;

	for (i = 0; i < m->checks_count; i++)
		if (m->checks[i].kind == CHECK_CUSTOM)
			check_one(bin, "bin/ of the module", "<custom>", m->checks[i].ident, m->checks[i].exec, userconfig, errs);
	for (i = 0; i < m->procs_count; i++)
		if (m->procs[i].action == DO_EXEC)
			check_one(bin, "bin/ of the module (or restart, stopstart, stop, noaction)", "<proc>", m->procs[i].name,
			    m->procs[i].exec, userconfig, errs);
}
