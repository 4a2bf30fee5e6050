/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safemail.h: what main.c read from the command line, for the service (run.c) and the tools (tool.c).
 */
#ifndef SK_NOTIFIER_SAFEMAIL_H
#define SK_NOTIFIER_SAFEMAIL_H

#include "notifier/conf.h"

struct safemail {
	char	 conf_file[CONF_PATH_MAX], dir[CONF_PATH_MAX];
	struct mail_conf *conf;
	char	 node[SK_NAME_MAX], from[CONF_ADDRESS_MAX];
	int	 verbose;
};

/* Reads the file again; false with the reason on stderr, and *m as it was */
bool safemail_configure(struct safemail *m);

int run_service(struct safemail *m);		/* until SIGTERM; exit status */
int tool_test(struct safemail *m);
int tool_dry_run(struct safemail *m, int64_t since_us);
int tool_queue(struct safemail *m);
int tool_change(struct safemail *m, bool drop, int64_t id);	/* --retry, --drop; id 0: all */

#endif
