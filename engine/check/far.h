/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * far.h: looks at a module of another server through the web service there (UG 13.16), for module.c.
 *
 * First with the credential of the cluster: GET /node/api/v1/modules/AM tells state and since when.  A server that does not know it (another
 * cluster), or whose interface does not answer, is asked for /var/modules/AM/ready.txt, which needs none.
 */
#ifndef SK_CHECK_FAR_H
#define SK_CHECK_FAR_H

#include "check/impl.h"
#include "check/other.h"

struct far;		/* of a table: the transfers on its loop */
struct far_look;	/* of a row */
/* What it saw.  sight: by state, to be judged (other.h); else up, or down with why; restarted: up, and was not so all the time. */
struct far_seen { bool by_state; struct other_sight sight; enum row_value value; bool restarted; char why[WHY_MAX]; };

/* Begins a look; seen() is called once, later, or never after far_stop().  False: err */
bool far_begin(struct row *r, struct far_look **look, void (*seen)(struct row *r, const struct far_seen *s), char *err, size_t errsize);
void far_stop(struct far_look *look);
void far_end(struct far_look *look);

/* ---- pure, for the unit test ---- */
/* A module as the interface tells it; false: it is none, err */
bool far_parse(const char *text, size_t len, struct other_sight *out, char *err, size_t errsize);

#endif
