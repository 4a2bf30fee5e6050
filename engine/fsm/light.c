/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * light.c: what a light module does: one server, start, stop, restart (user's guide 6.2).  First matching row wins.
 */
#include "config.h"
#include "fsm/mirror.h"

#define LEAVING	(BIT(S_LEAVE_UP) | BIT(S_FORCE) | BIT(S_POSTSTOP))
#define WAITING	(BIT(S_WAIT) | BIT(S_BLOCKED))
#define BUSY	(BIT(S_TO_UP) | BIT(S_RESTART_UP))
#define UPWARD	(BIT(S_UP) | BUSY | WAITING | BIT(S_PRESTART))
#define ANY	(UPWARD | LEAVING | BIT(S_STOP))

static const struct fsm_see light_see[] = {
	/* while in		we know		and not		so */
	{ BIT(S_WAIT),		C_HOLD,		0,		E_BLOCK },
	{ BIT(S_WAIT),		C_PENDING,	0,		E_NONE },	/* a checker's first verdict */
	{ BIT(S_WAIT),		0,		0,		E_GO_UP },
	{ BIT(S_BLOCKED),	0,		C_HOLD,		E_WAKE },
};

static const struct fsm_row light_rows[] = {
	/* while in		this happens	do at once				run			and become */
	{ BIT(S_STOP),		E_START,	0,					P_PRESTART,		S_PRESTART },
	{ BIT(S_STOP),		E_STOPSTART,	0,					P_PRESTART,		S_PRESTART },
	{ BIT(S_STOP),		E_REVIVE,	A_GOAL_AGAIN,				P_FORCE,		S_FORCE },
	{ BIT(S_STOP),		E_STOP,		0,					P_NONE,			SAME },
	{ BIT(S_PRESTART),	E_DONE,		0,					P_NONE,			S_WAIT },
	{ BIT(S_WAIT),		E_BLOCK,	0,					P_NONE,			S_BLOCKED },
	{ BIT(S_WAIT),		E_GO_UP,	0,					P_START_UP,		S_TO_UP },
	{ BIT(S_WAIT),		E_STOPWAIT,	0,					P_NONE,			S_BLOCKED },
	{ BIT(S_BLOCKED),	E_STOPWAIT,	0,					P_NONE,			SAME },
	{ BIT(S_BLOCKED),	E_WAKE,		A_SAY_WAKEUP,				P_NONE,			S_WAIT },
	{ BIT(S_TO_UP),		E_DONE,		0,					P_NONE,			S_UP },
	{ BIT(S_UP),		E_RESTART,	0,					P_RESTART_UP,		S_RESTART_UP },
	{ BIT(S_RESTART_UP),	E_DONE,		0,					P_NONE,			S_UP },
	{ BIT(S_UP),		E_STOP,		A_GOAL_STOP,				P_LEAVE_UP,		S_LEAVE_UP },
	{ BIT(S_UP),		E_STOPSTART,	A_GOAL_AGAIN,				P_LEAVE_UP,		S_LEAVE_UP },
	{ BIT(S_UP),		E_STOPWAIT,	A_GOAL_WAIT,				P_LEAVE_UP_WAIT,	S_LEAVE_UP },
	{ WAITING,		E_STOP,		A_GOAL_STOP,				P_FORCE,		S_FORCE },
	{ WAITING,		E_STOPSTART,	A_GOAL_AGAIN,				P_FORCE,		S_FORCE },
	{ BIT(S_LEAVE_UP),	E_DONE_STOP,	0,					P_FORCE,		S_FORCE },
	{ BIT(S_LEAVE_UP),	E_DONE_AGAIN,	0,					P_FORCE,		S_FORCE },
	{ BIT(S_LEAVE_UP),	E_DONE_WAIT,	0,					P_NONE,			S_BLOCKED },
	{ BIT(S_FORCE),		E_DONE_STOP,	0,					P_POSTSTOP,		S_POSTSTOP },
	{ BIT(S_FORCE),		E_DONE_AGAIN,	0,					P_POSTSTOP,		S_POSTSTOP },
	{ BIT(S_FORCE),		E_DONE_WAIT,	0,					P_NONE,			S_BLOCKED },
	{ BIT(S_POSTSTOP),	E_DONE_STOP,	A_SAY_END_OF_STOP,			P_NONE,			S_STOP },
	{ BIT(S_POSTSTOP),	E_DONE_AGAIN,	A_SAY_AUTO_START,			P_PRESTART,		S_PRESTART },
	{ LEAVING,		E_STOP,		A_GOAL_STOP,				P_NONE,			SAME },
	{ LEAVING,		E_START,	A_GOAL_AGAIN,				P_NONE,			SAME },
	{ LEAVING,		E_STOPSTART,	A_GOAL_AGAIN,				P_NONE,			SAME },
	{ BIT(S_POSTSTOP) | BIT(S_FORCE), E_STOPWAIT, A_GOAL_AGAIN,			P_NONE,			SAME },
	{ BIT(S_LEAVE_UP),	E_STOPWAIT,	0,					P_NONE,			SAME },
	{ ANY,			E_FORCESTOP,	A_KILL | A_GOAL_STOP,			P_FORCE,		S_FORCE },
	{ BUSY | BIT(S_PRESTART), E_STOP,	A_DEFER,				P_NONE,			SAME },
	{ BUSY | BIT(S_PRESTART), E_STOPSTART,	A_DEFER,				P_NONE,			SAME },
	{ BUSY | BIT(S_PRESTART), E_STOPWAIT,	A_DEFER,				P_NONE,			SAME },
	{ UPWARD,		E_START,	0,					P_NONE,			SAME },
	{ ANY,			E_RESTART,	A_REFUSE,				P_NONE,			SAME },
	{ ANY,			E_SWAP,		A_REFUSE,				P_NONE,			SAME },
	{ ANY,			E_PRIM,		A_REFUSE,				P_NONE,			SAME },
	{ ANY,			E_SECOND,	A_REFUSE,				P_NONE,			SAME },
	{ BIT(S_STOP),		E_STOPWAIT,	A_REFUSE,				P_NONE,			SAME },
	{ ANY,			E_REVIVE,	0,					P_NONE,			SAME },
};

const struct fsm_tables fsm_light = {
	light_see, ARRAY_LEN(light_see), light_rows, ARRAY_LEN(light_rows), ANY,
};
