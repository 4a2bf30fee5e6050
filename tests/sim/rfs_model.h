/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs_model.h: two rfsds and what they replicate, as wire/rfsline.h says, for rfs_sim.
 *
 * Data is a set of writes.  A write is acknowledged when it is on the primary's disk and (paired) in the secondary's memory.  All takes time: what one
 * server does the other one sees at its next step; a line of heart and one back need time too.  What is on the disk survives the loss of power.
 */
#ifndef SIM_RFS_MODEL_H
#define SIM_RFS_MODEL_H

#include "fsm/fsm.h"
#include "sim/rng.h"

#define MODEL_WORDS	64
struct bits { uint64_t w[MODEL_WORDS]; };

enum told { TOLD_ACK, TOLD_CANNOT, TOLD_SYNCED, TOLD_FAILED, TOLD_ASK, TOLD_PAIRED, TOLD_UNPAIRED, TOLD_FACTS, TOLD_UPTODATE, TOLD_LASTPRIM };
struct told_line { enum told what; uint32_t seq; int value; };

/* What the model asks of the world */
struct model_world {
	struct rng *rng;
	void	(*tell)(int node, struct told_line line);	/* to heart, in order, some time later */
	void	(*broken)(const char *why);
	void	(*story)(int node, const char *what);
};
void model_start(const struct model_world *w, bool strict);
void model_power_off(int node);
void model_freeze(int node, bool yes);		/* the whole server, not only heart */
void model_born(int node);			/* heart starts its rfsd, or has found it again: facts and resources are told */
void model_end(int node);			/* the module is in STOP */
void model_want(int node, enum fsm_rfs role, uint32_t seq);
void model_grant(int node);
void model_force(int node, bool primforce);
void model_assign(int node);			/* a rule says rfs.uptodate=up */
void model_link(bool up);			/* the replication's network, not the heartbeats' */
void model_step(int node, int64_t ms, bool app);	/* ms passed; app: the application runs and writes */
bool model_alive(int node);
bool model_begun(void);				/* somebody was primary */
bool model_equal(void);				/* both have the same, and that is all that was acknowledged */
bool model_uptodate(int node);			/* on the disk */
bool model_lastprim(int node);
bool model_inconsistent(int node);
long model_count(int what);			/* 0 acknowledged, 1 pairings, 2 takeovers with data, 3 grants */

#endif
