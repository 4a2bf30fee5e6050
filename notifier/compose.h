/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compose.h: one mail out of one window: text and HTML in one multipart message (RFC 5322, 2045-2047), the documented table in both.
 *
 * Called by: run.c, --test, --dry-run.  Pure.  Never does: let a text end a line: headers are made of clean texts, cut to their size and
 * encoded when they are not ASCII; bodies are quoted-printable, so that what is sent is 7 bit and no line is longer than 76.
 */
#ifndef SK_NOTIFIER_COMPOSE_H
#define SK_NOTIFIER_COMPOSE_H

#include "notifier/gather.h"

#define COMPOSE_SUBJECT_MAX	200	/* bytes with NUL, before it is encoded */

struct mail_text {
	char	 subject[COMPOSE_SUBJECT_MAX];
	char	*data;		/* the whole message with CRLF; the caller frees it */
	size_t	 len;
};
struct compose {
	const struct mail_conf *conf;
	const struct mail_rule *rule;
	const struct window *window;
	const char *node;	/* of this server: sender, and events without a node */
	const char *from;	/* checked address */
	const char *id;		/* Message-ID without <>; its characters also make the boundary */
	int64_t	 now_us;
	const char *trouble;	/* what the reader should know of safemail itself, "" = nothing */
};
/* false: out of memory */
bool compose_mail(const struct compose *c, struct mail_text *mail);

#endif
