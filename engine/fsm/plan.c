/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.c: which scripts a transition runs, in which order (user's guide 14.2; where its drawing is silent doc/ARCHITECTURE.md
 * says what we chose).  A script that the module does not have is skipped.  Stop scripts are called twice: without and with force.
 */
#include "config.h"
#include "conf/conf.h"
#include "fsm/fsm.h"

#include <string.h>

#define RUN(s)		{ s, false, false }
#define NICE(s)		{ s, true, false }
#define HARD(s)		{ s, true, true }

const struct fsm_plan_row fsm_plans[P_COUNT] = {
	[P_NONE]	= { "none", RS_STOP, RS_STOP, { { NULL } } },
	[P_PRESTART]	= { "prestart", RS_STOP, RS_WAIT, { RUN("transition"), RUN("prestart") } },
	[P_START_ALONE]	= { "start-alone", RS_WAIT, RS_ALONE, { RUN("transition"), RUN("start_both"), RUN("start_prim") } },
	[P_SYNC]	= { "sync", RS_WAIT, RS_SECOND, { { NULL } } },
	[P_START_SECOND] = { "start-second", RS_WAIT, RS_SECOND,
	    { RUN("transition"), RUN("start_both"), RUN("start_second"), RUN("start_sec") } },
	[P_SEC_ON]	= { "second-came", RS_ALONE, RS_PRIM, { RUN("transition"), RUN("start_sec") } },
	[P_SEC_OFF]	= { "second-left", RS_PRIM, RS_ALONE, { NICE("stop_sec"), HARD("stop_sec"), RUN("transition") } },
	[P_TAKEOVER]	= { "takeover", RS_SECOND, RS_ALONE, { NICE("stop_sec"), NICE("stop_second"), HARD("stop_sec"),
	    HARD("stop_second"), RUN("transition"), RUN("start_prim") } },
	[P_SWAP_OUT]	= { "swap-out", RS_PRIM, RS_SECOND, { NICE("stop_prim"), HARD("stop_prim") } },
	[P_SWAP_SECOND]	= { "swap-second", RS_PRIM, RS_SECOND, { RUN("transition"), RUN("start_second") } },
	[P_SWAP_IN]	= { "swap-in", RS_SECOND, RS_PRIM,
	    { NICE("stop_second"), HARD("stop_second"), RUN("transition"), RUN("start_prim") } },
	[P_TAKEBACK]	= { "takeback", RS_PRIM, RS_ALONE,
	    { NICE("stop_sec"), HARD("stop_sec"), RUN("transition"), RUN("start_prim") } },
	[P_RESTART_ALONE] = { "restart-alone", RS_ALONE, RS_ALONE, { NICE("stop_prim"), NICE("stop_both"), HARD("stop_prim"),
	    HARD("stop_both"), RUN("start_both"), RUN("start_prim") } },
	[P_RESTART_PRIM] = { "restart-prim", RS_PRIM, RS_PRIM, { NICE("stop_sec"), NICE("stop_prim"), NICE("stop_both"),
	    HARD("stop_sec"), HARD("stop_prim"), HARD("stop_both"), RUN("start_both"), RUN("start_prim"), RUN("start_sec") } },
	[P_RESTART_SECOND] = { "restart-second", RS_SECOND, RS_SECOND, { NICE("stop_sec"), NICE("stop_second"), NICE("stop_both"),
	    HARD("stop_sec"), HARD("stop_second"), HARD("stop_both"), RUN("start_both"), RUN("start_second"), RUN("start_sec") } },
	[P_LEAVE_ALONE]	= { "leave-alone", RS_ALONE, RS_WAIT, { NICE("stop_prim"), NICE("stop_both"), RUN("transition") } },
	[P_LEAVE_PRIM]	= { "leave-prim", RS_PRIM, RS_WAIT,
	    { NICE("stop_sec"), NICE("stop_prim"), NICE("stop_both"), RUN("transition") } },
	[P_LEAVE_SECOND] = { "leave-second", RS_SECOND, RS_WAIT,
	    { NICE("stop_sec"), NICE("stop_second"), NICE("stop_both"), RUN("transition") } },
	[P_LEAVE_ALONE_WAIT] = { "leave-alone-wait", RS_ALONE, RS_WAIT,
	    { NICE("stop_prim"), NICE("stop_both"), HARD("stop_prim"), HARD("stop_both"), RUN("transition") } },
	[P_LEAVE_PRIM_WAIT] = { "leave-prim-wait", RS_PRIM, RS_WAIT, { NICE("stop_sec"), NICE("stop_prim"), NICE("stop_both"),
	    HARD("stop_sec"), HARD("stop_prim"), HARD("stop_both"), RUN("transition") } },
	[P_LEAVE_SECOND_WAIT] = { "leave-second-wait", RS_SECOND, RS_WAIT, { NICE("stop_sec"), NICE("stop_second"), NICE("stop_both"),
	    HARD("stop_sec"), HARD("stop_second"), HARD("stop_both"), RUN("transition") } },
	[P_FORCE]	= { "force", RS_WAIT, RS_STOP,
	    { HARD("stop_sec"), HARD("stop_prim"), HARD("stop_second"), HARD("stop_both") } },
	[P_POSTSTOP]	= { "poststop", RS_WAIT, RS_STOP, { RUN("poststop"), RUN("transition") } },
	[P_START_UP]	= { "start-up", RS_WAIT, RS_UP, { RUN("transition"), RUN("start_both") } },
	[P_RESTART_UP]	= { "restart-up", RS_UP, RS_UP, { NICE("stop_both"), HARD("stop_both"), RUN("start_both") } },
	[P_LEAVE_UP]	= { "leave-up", RS_UP, RS_WAIT, { NICE("stop_both"), RUN("transition") } },
	[P_LEAVE_UP_WAIT] = { "leave-up-wait", RS_UP, RS_WAIT, { NICE("stop_both"), HARD("stop_both"), RUN("transition") } },
};

static const struct { const char *start, *stop; unsigned classes; } watched[] = {
	{ "prestart", "poststop", 1u << WHEN_PRE },
	{ "start_prim", "stop_prim", 1u << WHEN_PRIM },
	{ "start_second", "stop_second", 1u << WHEN_SECOND },
	{ "start_sec", "stop_sec", 1u << WHEN_SEC },
	{ "start_both", "stop_both", 1u << WHEN_BOTH },
};

static unsigned
classes_of(enum fsm_plan plan, bool start)
{
	const struct fsm_step *s;
	unsigned classes = 0;
	size_t i;

	for (s = fsm_plans[plan].steps; s < fsm_plans[plan].steps + PLAN_STEPS_MAX && s->script != NULL; s++)
		for (i = 0; i < ARRAY_LEN(watched); i++)
			if (strcmp(s->script, start ? watched[i].start : watched[i].stop) == 0)
				classes |= watched[i].classes;
	return classes;
}

unsigned
fsm_plan_off(enum fsm_plan plan)
{
	return classes_of(plan, false);
}

unsigned
fsm_plan_on(enum fsm_plan plan)
{
	return classes_of(plan, true);
}

/* SECOND has no addresses; a restart leaves them where they are, in a farm without their share */
static const struct { enum fsm_vip before, after; } vips[P_COUNT] = {
	[P_START_ALONE]	= { FV_ON, FV_NONE },
	[P_TAKEOVER]	= { FV_ON, FV_NONE },
	[P_SWAP_IN]	= { FV_ON, FV_NONE },
	[P_TAKEBACK]	= { FV_ON, FV_NONE },
	[P_SWAP_OUT]	= { FV_NONE, FV_OFF },
	[P_LEAVE_ALONE]	= { FV_NONE, FV_OFF },
	[P_LEAVE_PRIM]	= { FV_NONE, FV_OFF },
	[P_LEAVE_ALONE_WAIT] = { FV_NONE, FV_OFF },
	[P_LEAVE_PRIM_WAIT] = { FV_NONE, FV_OFF },
	[P_FORCE]	= { FV_NONE, FV_OFF },		/* whatever was killed in its midst */
	[P_START_UP]	= { FV_ON, FV_SERVE },
	[P_RESTART_UP]	= { FV_DRAIN, FV_SERVE },
	[P_LEAVE_UP]	= { FV_DRAIN, FV_NONE },	/* force follows */
	[P_LEAVE_UP_WAIT] = { FV_DRAIN, FV_OFF },
};

enum fsm_vip
fsm_plan_vip_before(enum fsm_plan plan)
{
	return vips[plan].before;
}

enum fsm_vip
fsm_plan_vip_after(enum fsm_plan plan)
{
	return vips[plan].after;
}

/* Files: who becomes primary has them before its scripts run; who leaves a pair gives the secondary all before it says that it holds no more;
 * what was killed in its midst ends with OFF, when the scripts with force have ended. */
static const struct { enum fsm_rfs before, after; } folders[P_COUNT] = {
	[P_START_ALONE]	= { RF_ALONE, RF_NONE },
	[P_SYNC]	= { RF_SYNC, RF_NONE },
	[P_START_SECOND] = { RF_SECOND, RF_NONE },
	[P_SEC_ON]	= { RF_PRIM, RF_NONE },
	[P_SEC_OFF]	= { RF_ALONE, RF_NONE },
	[P_TAKEOVER]	= { RF_ALONE, RF_NONE },
	[P_SWAP_OUT]	= { RF_NONE, RF_GIVEN },
	[P_SWAP_SECOND]	= { RF_SECOND, RF_NONE },
	[P_SWAP_IN]	= { RF_ALONE, RF_NONE },	/* the other one has to synchronise first */
	[P_TAKEBACK]	= { RF_ALONE, RF_NONE },
	[P_LEAVE_PRIM]	= { RF_NONE, RF_GIVEN },
	[P_LEAVE_PRIM_WAIT] = { RF_NONE, RF_OFF },
	[P_LEAVE_ALONE_WAIT] = { RF_NONE, RF_OFF },
	[P_LEAVE_SECOND_WAIT] = { RF_NONE, RF_OFF },
	[P_FORCE]	= { RF_NONE, RF_OFF },
};

const char *const fsm_rfs_names[RF_SECOND + 1] = { [RF_OFF] = "off", [RF_ALONE] = "alone", [RF_PRIM] = "prim", [RF_GIVEN] = "given",
    [RF_SYNC] = "sync", [RF_SECOND] = "second" };

enum fsm_rfs
fsm_plan_rfs_before(enum fsm_plan plan)
{
	return folders[plan].before;
}

enum fsm_rfs
fsm_plan_rfs_after(enum fsm_plan plan)
{
	return folders[plan].after;
}
