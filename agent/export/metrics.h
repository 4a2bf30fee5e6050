/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.h: the table of metrics: one row per metric that /metrics serves.
 *
 * Owns: names, types, units, help, labels and where a value comes from.  render.c walks the rows, doc/METRICS.md is made of them, and a
 * test compares it.  Called by: any thread (constant data).  Never does: hold values.
 */
#ifndef SK_EXPORT_METRICS_H
#define SK_EXPORT_METRICS_H

#include <stdio.h>
#include "wire/report.h"

enum metric_type { MT_GAUGE, MT_COUNTER, MT_STATESET, MT_INFO, MT_COUNT };
/* What there is one sample (a state set: one per state) for */
enum metric_scope { MS_EXPORTER, MS_ENGINE, MS_MODULE, MS_REPLICATION, MS_RESOURCE, MS_NODE, MS_SHARE, MS_SINK, MS_COUNT };
/* How the value is read.  The first ones: the member of the report at off; the others are functions of render.c */
enum metric_how { MH_U32, MH_U64, MH_BOOL, MH_TIME, MH_ENUM, MH_SPECIAL };
enum metric_special {
	MX_NONE, MX_UP, MX_BUILD, MX_AGE, MX_DURATION, MX_ENGINE_INFO, MX_MODULE_INFO, MX_PEER, MX_TRANSITIONS, MX_EVENTS, MX_KBYTES, MX_FLAG,
	MX_DONE, MX_WHOLE, MX_HEALTH, MX_NUMBER, MX_RATIO, MX_SAME, MX_POINTS, MX_DROPPED, MX_REQUESTS, MX_SINK_UP, MX_WAITING, MX_DELAY,
	MX_SPOOL_BYTES, MX_SPOOL_LIMIT, MX_CHANGES, MX_SPOOL_UP
};
struct metric {
	const char	*name;		/* of the family: without _total and _info */
	enum metric_type type;
	const char	*unit;		/* base unit that the name ends in; "" = none */
	const char	*help;
	const char	*labels;	/* blanks between; the state's own label of a state set is not named */
	const char	*source;	/* in words, for the document; MS_REPLICATION: the resource */
	enum metric_scope scope;
	enum metric_how	 how;
	size_t		 off;
	const char	*const *states;	/* MT_STATESET */
	int		 states_count;
	enum metric_special special;
};
extern const struct metric metrics[];
extern const size_t metrics_count;
extern const char *const metric_type_names[MT_COUNT];	/* of OpenMetrics */
extern const char *const metric_node_states[NS_COUNT];
extern const char *const metric_healths[4];	/* by enum rpt_health, without other */

/* "_total", "_info" or "": what a sample's name has behind that of its family */
const char *metric_suffix(const struct metric *m);
/* The table as it is in doc/METRICS.md */
void metrics_markdown(FILE *to);

#endif
