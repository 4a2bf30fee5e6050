/* SPDX-License-Identifier: GPL-2.0-or-later */
/* match.h: what is not replicated (<notreplicated>, with 8.2's "!regex").  Pure after match_new(); any thread. */
#ifndef SK_RFS_MATCH_H
#define SK_RFS_MATCH_H

#include "conf/conf.h"

struct match;
struct match *match_new(const struct conf_replicated *r);	/* NULL: no memory */
void match_free(struct match *m);
bool match_any(const struct match *m);		/* false: everything is replicated, no path is needed */
/* rel: path relative to the replicated folder, without a slash in front; folder: "!" expressions are about other entries only */
bool match_private(const struct match *m, const char *rel, bool folder);

#endif
