/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smtp.h: deliveries to servers, several at once, by libcurl.
 *
 * Owns: connections and the transfers under way.  Called by: run.c, --test; one thread.  Never does: block (but for a password's file), keep a
 * password longer than libcurl needs it, write the spool: what came of a delivery is told, and the caller decides.
 * A delivery goes to the servers in their order until one takes it.  A server that cannot be reached is passed over for a minute while
 * there is another one.  Refused for ever (5xx to this mail or this recipient) is what no server said "later" to and at least one refused.
 */
#ifndef SK_NOTIFIER_SMTP_H
#define SK_NOTIFIER_SMTP_H

#include "notifier/spool.h"

#define SMTP_AT_ONCE	8	/* deliveries under way (ours) */
#define SMTP_PER_HOST	4	/* connections to one server */

enum smtp_end { SMTP_SENT = 0, SMTP_LATER, SMTP_REFUSED };
struct smtp;

/* node: our name in EHLO.  NULL without memory. */
struct smtp *smtp_new(const struct mail_conf *conf, const char *node, bool verbose);
void smtp_free(struct smtp *s);	/* ends all; deliveries under way are freed, the spool still has them */
/* Takes the delivery over until smtp_ended() gives it back */
bool smtp_start(struct smtp *s, struct delivery *d);
/* Waits for something to do, at most ms, also for fds (may be 0 of them) */
void smtp_wait(struct smtp *s, const int *fds, const short *events, size_t count, int ms);
/* Goes on with what is under way; the next delivery that ended, NULL when none did.  d->why says what the last server said. */
struct delivery *smtp_ended(struct smtp *s, enum smtp_end *how);
size_t smtp_busy(const struct smtp *s, int64_t ids[SMTP_AT_ONCE]);	/* how many, and which */

/* Whether a reply to this mail is final.  result: CURLcode, code: last SMTP reply, begun: the server asked for the text */
enum smtp_end smtp_judge(int result, long code, bool begun);

#endif
