/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow.h: where events come from: systemd's journal, a file or a socket of syslog.  One table of functions per source.
 *
 * Owns: the open log and the position in it.  Called by: run.c, --dry-run; one thread.  Never does: keep anything across a restart: the
 * cursor is a text that the caller stores together with the events before it and gives back.
 */
#ifndef SK_NOTIFIER_FOLLOW_H
#define SK_NOTIFIER_FOLLOW_H

#include "notifier/conf.h"

struct follow;
struct follow_source {
	const char *name;
	/* cursor "": from now on.  since_us > 0: from then on instead (dry run).  NULL with the reason in why (worth another try later). */
	struct follow *(*open)(const struct mail_conf *conf, const char *node, const char *cursor, int64_t since_us, char *why, size_t whysize);
	void	(*close)(struct follow *f);
	/* 1 = *ev is the next one, 0 = no more now, -1 = cannot go on: close and open again */
	int	(*next)(struct follow *f, struct mail_event *ev);
	/* Behind the event that next() gave last (or where it began) */
	bool	(*cursor)(struct follow *f, char *buf, size_t size);
	int	(*fd)(struct follow *f, short *events);	/* to wait for; -1: none */
	int	(*wait_ms)(struct follow *f);		/* look again at the latest then; -1: when the fd says so */
};
extern const struct follow_source follow_journal, follow_file, follow_socket;

/* What the configuration says; auto: the journal where this was built with it and there is one, else /var/log/syslog or messages.  path: a place
 * for the file's name.  NULL with the reason. */
const struct follow_source *follow_choose(struct mail_conf *conf, char *why, size_t whysize);

#endif
