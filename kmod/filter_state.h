/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_state.h: what the tc-BPF filter and its writer (engine/vip/filter_bpf.c) share: one map, mapped into both. */
#ifndef SK_FILTER_STATE_H
#define SK_FILTER_STATE_H

#include "filter_abi.h"

#define FILTER_STATE_MAGIC	0x5afe0f17

struct filter_state {
	__u32 magic, module_id;	/* these two stay where they are, whatever FILTER_ABI: a successor must recognise what it replaces */
	struct filter_control control;
	__u64 tick, now_ns;	/* the programs': CLOCK_MONOTONIC when this jiffy began */
	struct filter_conf conf;
	__u64 build;		/* hash of the object that runs: another one replaces it */
	__u32 made_qdisc;	/* clsact was not there before */
	__u32 zero;		/* for FILTER_FORGET (filter_core.h) */
	struct filter_tables tables[2];
};

#endif
