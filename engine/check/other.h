/* SPDX-License-Identifier: GPL-2.0-or-later */
/* other.h: what the state of another module means for us (user's guide 13.16).  Pure. */
#ifndef SK_CHECK_OTHER_H
#define SK_CHECK_OTHER_H

#include "wire/report.h"

/* One look at it.  since_ms: of its last change of state or status; counters_ms: of the birth of its heart. */
struct other_sight { bool exists; int state, status; int64_t since_ms, counters_ms; };
enum other_verdict { OTHER_UP, OTHER_DOWN, OTHER_UNKNOWN };

/* It serves while it is PRIM, ALONE or UP and ready; a change of role between PRIM and ALONE (the other server of its pair comes or goes)
 * leaves the application alone and counts as serving.  *stopstart: it served when last seen (before) and is stopping now, or was
 * restarted in between.  before is brought up to date; zeroed: not seen serving yet. */
enum other_verdict other_judge(struct other_sight *before, const struct other_sight *now, bool *stopstart, const char **why);

#endif
