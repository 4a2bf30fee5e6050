/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wrapper.c: AM_start_wrapper.sh and AM_stop_wrapper.sh (8.2 notes 2.3.5): config writes them to bin/ of the active configuration, so that
 * an administrator runs the application of a stopped module by hand, as the module would.  They ask safekit for everything: the state
 * (expected STOP) and the environment of scripts (safekit -r).
 *
 * Scripts and their order are those of the automaton (UG 14.2) between STOP and the state in which the application runs without a peer.
 * Virtual addresses are set before the start scripts and taken away after the stop scripts (vipd --set, --unset; in a farm this server takes all).
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <limits.h>
#include <string.h>

struct wrapper { const char *name, *scripts, *arguments, *again; };	/* again: the second pass, with force */

/* A command whose status counts unless there is one already */
#define COUNTED	" || { rc=$?; [ $status != 0 ] || status=$rc; }\n"

/* Within single quotes for sh */
static bool
quote(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (n + 5 >= size)
			return false;
		if (*text == '\'') {
			memcpy(buf + n, "'\\''", 4);
			n += 4;
		} else {
			buf[n++] = *text;
		}
	}
	buf[n] = '\0';
	return true;
}

static int
write_script(char *buf, size_t size, const struct wrapper *w, const char *module, bool vip)
{
	char safe[PATH_MAX], var[PATH_MAX], addresses[SK_NAME_MAX + 128] = "";
	bool start = strcmp(w->name, "start") == 0;

	if (!quote(path_safe(), safe, sizeof(safe)) || !quote(path_safevar(), var, sizeof(var)))
		return (int)size;
	if (vip)
		snprintf(addresses, sizeof(addresses), "\"$SAFE/private/bin/vipd\" -m '%s' --%s" COUNTED, module, start ? "set" : "unset");
	return snprintf(buf, size,
	    "#!/bin/sh\n"
	    "# Made by safekit config: runs %s of module %s by hand, while the module is stopped.\n"
	    "SAFE='%s' SAFEVAR='%s'\n"
	    "export SAFE SAFEVAR\n"
	    "if [ \"$(id -u)\" != 0 ]; then echo \"$0: only root may do that\" >&2; exit 1; fi\n"
	    "state=$(SAFE_WAIT_SECONDS=0 \"$SAFE/safekit\" state -m '%s' -lq 2>/dev/null)\n"
	    "if [ \"$state\" != STOP ]; then\n"
	    "\techo \"$0: module %s is in state ${state:-not known (safeadmin does not answer)}: expected STOP\" >&2\n"
	    "\texit 1\n"
	    "fi\n"
	    "status=0\n"
	    "call() {\n"
	    "\t[ -f \"$SAFE/private/modules/%s/bin/$1\" ] || return 0\n"
	    "\t\"$SAFE/safekit\" -m '%s' -r \"$SAFE/private/modules/%s/bin/$@\"" COUNTED
	    "}\n"
	    "cd \"$SAFE/private/modules/%s/bin\" || exit\n"
	    "%s"
	    "for script in %s; do\n"
	    "\tcall $script %s\n"
	    "%s"
	    "done\n"
	    "%s"
	    "exit $status\n",
	    w->scripts, module, safe, var, module, module, module, module, module, module, start ? addresses : "", w->scripts, w->arguments, w->again,
	    start ? "" : addresses);
}

bool
wrapper_write(const char *dir, const char *module, int mode, bool vip)
{
	static const struct wrapper mirror[] = {
		{ "start", "start_both start_prim", "WAIT ALONE start", "" },
		{ "stop", "stop_prim stop_both", "ALONE WAIT stop", "\tcall $script force WAIT STOP stop\n" },
	}, others[] = {
		{ "start", "start_both", "WAIT UP start", "" },
		{ "stop", "stop_both", "UP WAIT stop", "\tcall $script force WAIT STOP stop\n" },
	};
	const struct wrapper *wrappers = mode == MODE_MIRROR ? mirror : others;
	char bin[PATH_MAX], file[PATH_MAX], text[16384];
	size_t i;
	int n;

	if (!path_format(bin, sizeof(bin), "%s/bin", dir) || path_mkdirs(bin, 0755) == -1) {
		warn_errno("%s/bin", dir);
		return false;
	}
	for (i = 0; i < ARRAY_LEN(mirror); i++) {
		const struct wrapper *w = &wrappers[i];

		n = write_script(text, sizeof(text), w, module, vip);
		if (n < 0 || (size_t)n >= sizeof(text) || !path_format(file, sizeof(file), "%s/%s_%s_wrapper.sh", bin, module, w->name)
		    || path_write_atomic(file, text, (size_t)n, 0755) == -1) {
			warn_errno("%s/%s_%s_wrapper.sh", bin, module, w->name);
			return false;
		}
	}
	return true;
}
