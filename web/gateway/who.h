/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * who.h: who asks, what he may, and whether it is really he who asks.
 *
 * Each gives the request a problem where it says no.
 */
#ifndef SK_WEB_WHO_H
#define SK_WEB_WHO_H

#include "web/gateway/gateway.h"

/* The user, as Apache tells him on our socket; *skip: segments of the path before the route's.  false: a problem */
bool who_is(struct request *r, size_t *skip);
/* Not a page of another site that sends what its reader's browser is made to send (CSRF).  false: a problem */
bool who_is_no_trick(struct request *r, const char *method);
/* Does his role reach?  false: a problem */
bool who_may(struct request *r, const char *method);
/* A server's signature (doc/API.md): true: good, or not needed, or not yet to be looked at (the body is still coming).  false: wait, or a problem */
bool who_proves(struct request *r, const char *method, bool all_here);

/* ---- pure, for tests and the fuzz target ---- */
bool origin_fits(const char *origin, const char *host);	/* "https://h:1" and the host that the browser asked; the last one of a list */
/* user@addr, cut so that it fits, never like an option */
void who_text(const char *user, const char *addr, char *buf, size_t size);

#endif
