/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libvhost.c: a host name for one application (UG 13.8): preloaded into its programs, gethostname() and uname() answer $SAFE_VHOSTNAME.
 *
 * Owns: those two functions of libc, and the one that fortified programs call instead.  Called by: any program started with what
 * engine/cli/vhost.c wrote.  Never does: allocate, lock, keep anything between calls, ask the loader for the functions that it replaces (the
 * kernel is asked instead), so that it may be called from a signal handler as those may.  Without a usable $SAFE_VHOSTNAME all is as if it
 * were not there.  What does not ask libc is not reached: programs linked statically, and those with privileges of their own (setuid),
 * for which the loader preloads nothing.
 */
#include "config.h"

#include <sys/syscall.h>
#include <sys/utsname.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

SHOWN int __gethostname_chk(char *name, size_t len, size_t room);

/* NULL: the name of the machine stands.  A name that the kernel would not take either (HOST_NAME_MAX) is none. */
static const char *
virtual_name(void)
{
	const char *name = getenv("SAFE_VHOSTNAME");

	return name != NULL && name[0] != '\0' && strnlen(name, HOST_NAME_MAX + 1) <= HOST_NAME_MAX ? name : NULL;
}

SHOWN int
uname(struct utsname *out)
{
	const char *name = virtual_name();

	if (syscall(SYS_uname, out) == -1)
		return -1;
	if (name != NULL)
		memcpy(out->nodename, name, strlen(name) + 1);
	return 0;
}

/* As glibc says it: what fits is copied, and a name that was cut is an error */
SHOWN int
gethostname(char *name, size_t len)
{
	struct utsname u;
	size_t need;

	if (uname(&u) == -1)
		return -1;
	need = strlen(u.nodename) + 1;
	memcpy(name, u.nodename, len < need ? len : need);
	if (len >= need)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Programs built with _FORTIFY_SOURCE call this one: room is what the compiler knows of the buffer */
SHOWN int
__gethostname_chk(char *name, size_t len, size_t room)
{
	if (len > room)
		abort();
	return gethostname(name, len);
}
