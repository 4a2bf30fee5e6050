/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privilege.c: from root to an ordinary user.
 *
 * Called by: the mains of safeagent, safeexport and safewebgate, once.  Never does: keep a way back.
 */
#include "config.h"
#include "base/privilege.h"
#include "base/base.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define PRIVILEGE_USER	"safekit"

void
privilege_drop(void)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return;
	errno = 0;
	/* cppcheck-suppress getpwnamCalled ; one thread */
	pw = getpwnam(PRIVILEGE_USER);
	if (pw == NULL) {
		warn_text("there is no user %s: staying root", PRIVILEGE_USER);
		return;
	}
	if (initgroups(PRIVILEGE_USER, pw->pw_gid) == -1 || setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1)
		fatal("cannot become user %s: %s", PRIVILEGE_USER, strerror(errno));
	if (setuid(0) == 0)
		fatal("still root after becoming user %s", PRIVILEGE_USER);
}
