/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * redact.h: takes passwords and keys out of texts that leave the server.
 *
 * Owns: what counts as secret.  Called by: cli_dump.c.  Never does: read or write a file.
 */
#ifndef SK_REDACT_H
#define SK_REDACT_H

#include "base/base.h"

struct redact { char **secrets; int n; unsigned hidden; };	/* hidden: how many values were replaced so far; begin with zeros */

/* A text of a user's: configuration, script, environment, arguments.  New text with *** for the value of every name that has pass, secret,
 * key, token or pwd in it; these are remembered, as is one that stands before its name (value= name=): redact_known() after it.  NULL: no memory.  Text need not end with NUL; without NUL inside. */
char *redact_text(struct redact *r, const char *text, size_t len);
char *redact_known(struct redact *r, const char *text, size_t len);	/* any text: what was remembered becomes *** */
void redact_remember(struct redact *r, const char *secret, size_t n);
void redact_free(struct redact *r);

#endif
