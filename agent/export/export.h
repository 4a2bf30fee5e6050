/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * export.h: what the threads of safeexport share.
 *
 * The feed thread (feed.c, the main thread) listens to the engine.  HTTP has a thread of libmicrohttpd's (http.c).  Each may be stuck
 * when its other side is silent, and so may the thread of each sink (push.c); none waits for another: mutexes are held for look-ups, copies and single transactions of the spool only.
 */
#ifndef SK_EXPORT_EXPORT_H
#define SK_EXPORT_EXPORT_H

#include "agent/export/conf.h"
#include "agent/export/keep.h"

struct spool;
struct exporter {
	struct keep	 keep;
	struct export_conf conf;	/* set before the threads exist */
	struct spool	*spool;		/* NULL: there are no sinks */
	int		 wake_feed;	/* eventfd: quit */
};

extern volatile int export_quit;	/* set by a signal (main.c); __atomic access */
static inline bool
export_quitting(void)
{
	return __atomic_load_n(&export_quit, __ATOMIC_RELAXED) != 0;
}

void feed_run(struct exporter *e);	/* until export_quitting() */

/* Serve /metrics as conf says; false: said why.  http_stop(NULL) is fine. */
struct http;
struct http *http_start(struct exporter *e);
void http_stop(struct http *h);

#endif
