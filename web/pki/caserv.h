/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * caserv.h: safecaserv, what the CA web service does behind Apache: two processes.
 *
 *   http (caserv_http.c)  unprivileged: speaks HTTP on SAFEVAR/run/web/caserv.sock with the Apache of httpd.caserv.conf, which has checked the
 *                         password of CA_admin; reads forms; asks the other one.
 *   keeper (caserv.c)     root, no network: takes one frame, checks it again (caserv_check), puts the fields into files of a private folder and
 *                         runs SAFE/private/bin/caserv_action on it, one at a time, with a limit on time and output.
 * Both end when one ends.  The frames between them are those of wire/ctlmsg.h.
 */
#ifndef SK_WEB_CASERV_H
#define SK_WEB_CASERV_H

#include "base/base.h"
#include <jansson.h>

#define CASERV_FIELDS_MAX	8
#define CASERV_FIELD_BYTES	(64 * 1024)	/* longest value: a chain of certificates (ours) */
#define CASERV_OUTPUT_BYTES	(256 * 1024)	/* longest answer of an action (ours) */
#define CASERV_SECONDS		120		/* an action takes at most so long (ours) */
#define CASERV_SOCKET		"run/web/caserv.sock"

struct caserv_field { const char *name; size_t max; };
struct caserv_action { const char *name; struct caserv_field fields[CASERV_FIELDS_MAX]; };
extern const struct caserv_action caserv_actions[];

/* ---- caserv_check.c: pure ---- */
const struct caserv_action *caserv_find(const char *name);		/* NULL: no such action */
const struct caserv_field *caserv_field(const struct caserv_action *a, const char *name);
/* {"action":A,"fields":{NAME:TEXT,...}}: the action, or NULL with err */
const struct caserv_action *caserv_check(const json_t *request, char *err, size_t errsize);
/* A request that a page of another site made the browser send: Origin and Sec-Fetch-Site say so.  Each may be NULL. */
bool caserv_same_site(const char *host, const char *origin, const char *fetch_site);
/* A name that may stand in a Content-Disposition */
bool caserv_is_file(const char *name);

/* ---- caserv_frame.c: whole frames over the pair, blocking.  NULL/false: the other one is gone or talks nonsense ---- */
json_t *caserv_receive(int fd, size_t max);
bool caserv_send(int fd, const json_t *obj);

/* ---- caserv_run.c: an action, as root -> {"status":N,"text":T[,"name":FILE,"type":MIME,"hex":DATA]} ---- */
json_t *caserv_run(const struct caserv_action *a, const json_t *fields);

/* ---- caserv_http.c: until the pair ends; never returns to root ---- */
_Noreturn void caserv_http(int listener, int pair);

#endif
