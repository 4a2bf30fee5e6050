/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink.h: a kind of time series store: how changes become the body of a request, and what its answer means.
 *
 * A new kind is one file like sink_influx.c and its row in sink.c.  Called by: the thread of a sink (push.c), tests.
 * Never does: I/O; keep anything: all functions are pure.
 */
#ifndef SK_EXPORT_SINK_H
#define SK_EXPORT_SINK_H

#include "agent/export/conf.h"
#include "agent/export/point.h"

struct sink_kind {
	const char *name;	/* "type" of the configuration file */
	const char *path;	/* behind a URL that has none */
	const char *precision;	/* name of the query's parameter for the unit of times, which is ms; NULL: it has none */
	const char *database;	/* name of the query's parameter for the database; NULL: it has none */
	const char *content_type;
	int	 hold_s;	/* how long it may lose what it took when it is killed; 0: what it took is on its disk */
	/* Append the body for these changes; returns how many points it has, which may be 0 */
	size_t (*body)(const struct change *c, size_t n, struct text *out);
	/* What an answer means.  PUSH_PARTLY: all but *refused points are stored.  PUSH_SPLIT: some of them is at fault, and it cannot be said
	 * which.  PUSH_FAILED: try the same again later.  answer: at most 64 KiB of it, with NUL. */
	enum push_result (*judge)(long status, const char *answer, size_t *refused);
};
extern const struct sink_kind sink_kairosdb, sink_influxdb, sink_victoriametrics;

const struct sink_kind *sink_find(const char *type);	/* NULL: none */
/* What all stores mean alike: taken, too large, or later */
enum push_result sink_judge_status(long status);
/* The URL to post to, with what its queries need; false: too long */
bool sink_url(const struct sink_conf *c, char *url, size_t size);
/* Whether the URL fits the kind; false: why not */
bool sink_check(const struct sink_conf *c, char *why, size_t size);

#endif
