/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mirror.h: the tables of each mode, for fsm.c only. */
#ifndef SK_FSM_MIRROR_H
#define SK_FSM_MIRROR_H

#include "fsm/fsm.h"

extern const struct fsm_tables fsm_mirror, fsm_light;

#endif
