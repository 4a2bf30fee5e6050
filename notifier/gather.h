/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gather.h: windows.  Events come in; for each rule they are gathered until the window ends; what a window holds becomes one mail.
 *
 * Owns: the open window of each rule, the mails made in the last hour, which modules are down, whom that was told.  All of it is small and
 * bounded: a window keeps 2 * rows events (critical ones, others) and counts the rest by kind.
 * Called by: run.c, and --dry-run with the events' own time.  Pure: time comes from the caller (wall clock: windows outlive the process).
 * Persistence: spool.c writes what is marked unsaved and reads it back; nothing here knows of a disk.
 *
 * A module is down from "Local state ... NotReady" to the next "Ready", except stopped by somebody's action.  Reminders and the mail of its
 * recovery go to rules that were told of it.
 * A clock that is set back does not keep a window open: what lies ahead of now is taken as now.
 */
#ifndef SK_NOTIFIER_GATHER_H
#define SK_NOTIFIER_GATHER_H

#include "notifier/conf.h"

#define GATHER_SUMS_MAX		1000	/* kinds of events that are counted apart (ours); more fall into one */
#define GATHER_DOWN_MAX		1024	/* modules of all nodes that are remembered (ours; a server has at most 256) */

struct sum {			/* events of one kind that found no row */
	char	 node[SK_NAME_MAX], module[SK_NAME_MAX], origin[SK_NAME_MAX];
	char	 level;
	uint32_t key;
	uint64_t count;
	int64_t	 first_us, last_us;
	char	 message[SK_TEXT_MAX];	/* the last one's */
	bool	 unsaved;
};
struct window {
	bool	 open, urgent, unsaved;
	bool	 emptied;		/* since the last save: what the disk holds of it is over */
	int64_t	 opened_us;
	uint64_t events;
	struct mail_event *row;		/* in the order in which they came */
	size_t	 rows, rows_size, saved;	/* the first `saved` are on the disk */
	size_t	 critical;		/* of the rows */
	struct sum *sum;
	size_t	 sums, sums_size;
	int64_t *made;			/* when the mails of the last hour were made, oldest first */
	size_t	 made_count;
	bool	 made_unsaved;
};
struct gone {			/* a module that is down, or about to be stopped */
	char	 node[SK_NAME_MAX], module[SK_NAME_MAX];
	bool	 asked;			/* the stop that comes is somebody's wish */
	int64_t	 since_us;		/* 0: not down */
	char	 state[16];
	int64_t	 told_us[CONF_RULES_MAX];	/* when a window of that rule heard of it last; 0: never */
	bool	 unsaved;
};
struct gather {
	const struct mail_conf *conf;
	struct window window[CONF_RULES_MAX];
	struct gone *gone;
	size_t	 gones, gones_size;
};

/* conf is borrowed and must outlive g. */
void gather_init(struct gather *g, const struct mail_conf *conf);
void gather_free(struct gather *g);
/* false: without memory (nothing was changed that could be half done; the caller starts again from the disk) */
bool gather_event(struct gather *g, const struct mail_event *ev, int64_t now_us);
/* An event of safemail's own for the rules whose module pattern takes it: opens a window of each. */
bool gather_own(struct gather *g, uint32_t key, const char *node, const char *text, int64_t now_us);
/* Reminders that are due now become events.  Call before gather_due(). */
bool gather_remind(struct gather *g, const char *node, int64_t now_us);
/* Whether the window of that rule is to become a mail now */
bool gather_due(struct gather *g, uint32_t rule, int64_t now_us);
/* The mail was made: the window is closed and empty, and counts for the hour. */
bool gather_taken(struct gather *g, uint32_t rule, int64_t now_us);
/* When to look again; INT64_MAX: nothing waits */
int64_t gather_next(struct gather *g, int64_t now_us);
/* For spool.c: put back what was saved. */
bool gather_put_row(struct window *w, const struct mail_event *ev);
struct sum *gather_put_sum(struct window *w);
struct gone *gather_put_gone(struct gather *g, const char *node, const char *module);
bool gather_put_made(struct window *w, int64_t us);

/* What the subject names: the worst event of the window, the first of several; NULL: no row */
const struct mail_event *window_worst(const struct window *w);

#endif
