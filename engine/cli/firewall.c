/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewall.c: where the firewall is kept by firewallcfg ("add" was given, 8.2 notes 2.1.16), a module's ports are opened as soon as it is
 * configured and closed when it is no more.  A firewall that refuses does not make a configuration fail: it is said.
 */
#include "config.h"
#include "cli/cli.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void
firewall_follow(const char *module, bool configured)
{
	char program[PATH_MAX], kept[PATH_MAX];
	char *argv[] = { program, (char *)(uintptr_t)(configured ? "config" : "forget"), (char *)(uintptr_t)module, NULL };
	int rc, status;
	pid_t pid;

	if (!path_format(program, sizeof(program), "%s/private/bin/firewallcfg", path_safe()) ||
	    !path_format(kept, sizeof(kept), "%s/firewall", path_safevar()) || access(kept, F_OK) == -1 || access(program, X_OK) == -1)
		return;
	rc = posix_spawn(&pid, program, NULL, NULL, argv, environ);
	if (rc != 0) {
		errno = rc;
		warn_errno("%s", program);
		return;
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		cli_note("the firewall was not changed for module %s: firewallcfg %s %s", module, configured ? "add" : "del", module);
}
