/* SPDX-License-Identifier: GPL-2.0-or-later */
/* other.c: what the state of another module means for us.  Pure. */
#include "config.h"
#include "check/other.h"

static bool
has_role(const struct other_sight *s)
{
	return s->exists && (s->state == RS_PRIM || s->state == RS_ALONE || s->state == RS_UP);
}

enum other_verdict
other_judge(struct other_sight *before, const struct other_sight *now, bool *stopstart, const char **why)
{
	static const struct other_sight none;
	bool served = has_role(before), same = before->state == now->state, moved = before->since_ms != now->since_ms;
	bool reborn = before->counters_ms != now->counters_ms;

	*stopstart = false;
	*why = "";
	if (now->exists && now->status == ST_UNKNOWN) {
		*why = "its process does not answer";
		return OTHER_UNKNOWN;
	}
	if (!has_role(now)) {
		*stopstart = served;
		*why = !now->exists ? "it is not configured on that server" : now->state == RS_STOP ? "it is stopped" :
		    now->state == RS_WAIT ? "it waits, starts or stops" : "it is secondary on that server";
		*before = none;
		return OTHER_DOWN;
	}
	if (now->status == ST_READY) {
		*stopstart = served && (reborn || (same && moved && before->status == ST_READY));
		*before = *now;
		return OTHER_UP;
	}
	if (served && !reborn && (!same || !moved || before->status != ST_READY)) {
		*before = *now;	/* a change of role */
		return OTHER_UP;
	}
	*stopstart = served;
	*why = served ? "it is stopping or restarting" : "it is starting";
	*before = none;
	return OTHER_DOWN;
}
