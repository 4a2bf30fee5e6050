/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep.h: what the exporter knows: the picture of the engine, what it counted of the notices, and how its sinks do.
 *
 * Owns: the picture (agent/snap.h) and the counters.  Called by: the feed thread, which changes it, and the HTTP thread, which makes /metrics
 * of it; both hold the mutex, for milliseconds.  Sinks put their figures in under the same mutex.  Never does: I/O, waiting, JSON.
 */
#ifndef SK_EXPORT_KEEP_H
#define SK_EXPORT_KEEP_H

#include <pthread.h>
#include "agent/export/text.h"
#include "agent/snap.h"

#define SINKS_MAX	8

enum drop_reason { DROP_SIZE, DROP_AGE, DROP_REFUSED, DROP_COUNT };
enum push_result { PUSH_TAKEN, PUSH_PARTLY, PUSH_SPLIT, PUSH_FAILED, PUSH_COUNT };
extern const char *const drop_reason_names[DROP_COUNT];
extern const char *const push_result_names[PUSH_COUNT];

struct sink_figures {
	char	 name[SK_NAME_MAX];
	bool	 up, tried;	/* it took what was last sent; something was sent */
	uint64_t points, dropped[DROP_COUNT], requests[PUSH_COUNT];
	uint64_t waiting;	/* changes */
	int64_t	 oldest_ms;	/* wall clock: since when the oldest of them waits; 0: none */
};

struct keep {
	pthread_mutex_t	 mutex;		/* of all that follows */
	struct snap	 snap;
	bool		 counting;	/* a first picture came: what is older than that is not counted */
	uint64_t	 transitions[SK_MODULES_MAX + 1][RS_COUNT][RS_COUNT];	/* by module id, from, to */
	uint64_t	 events[SK_MODULES_MAX + 1][NT_COUNT];
	char		 counted[SK_MODULES_MAX + 1][SK_NAME_MAX];	/* module that these count; "" = none */

	bool		 spooling;	/* there are sinks: what follows means something */
	bool		 spool_up;
	uint64_t	 spool_bytes, spool_limit, changes;
	size_t		 sinks;
	struct sink_figures sink[SINKS_MAX];
};

bool keep_init(struct keep *k);	/* false: no memory */
void keep_free(struct keep *k);

/* A notice of the engine, under the mutex: counted when it is newer than the last one */
void keep_notice(struct keep *k, const struct rpt_notice *n);
/* Under the mutex, after a whole picture: counters of modules that are no more begin anew */
void keep_modules(struct keep *k);

/* /metrics, in OpenMetrics 1.0 or Prometheus text 0.0.4.  Takes the mutex. */
void render(struct keep *k, bool openmetrics, struct text *out);

#endif
