/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h: what the files of module/ share. */
#ifndef SK_MODULE_INTERNAL_H
#define SK_MODULE_INTERNAL_H

#include "module/module.h"

void mod_say(struct mod *m, enum message msg, ...);	/* const char * arguments, as many as the message's format has */
void mod_publish(struct mod *m);
void mod_persist(struct mod *m);
void mod_tell(struct mod *m);
void mod_eval(struct mod *m);		/* ask the tables until they have nothing to say */
void mod_post(struct mod *m, enum fsm_event e);
unsigned mod_bid(const struct mod *m);
void mod_own_resource(struct mod *m, const char *name, const char *value, const char *by);	/* one that the module itself publishes */
/* failover.c */
void mod_failover_reset(struct mod *m);
void mod_failover_remote(struct mod *m);	/* what is heard of the peer has changed */
void mod_failover(struct mod *m);		/* judge, and act where it is time */
int64_t mod_failover_due(const struct mod *m);	/* when the candidate's action is taken; INT64_MAX without one */
int64_t mod_failover_next(const struct mod *m);	/* when it wants to be asked again */
bool mod_failover_holds(const struct mod *m, int kind);
void mod_split_lost(struct mod *m);		/* the other server was lost */
void mod_split_found(struct mod *m);
/* module.c: an action that a rule orders: same way as an operator's, other words */
uint32_t mod_rule_action(struct mod *m, enum rpt_verb verb, const char *label);
bool mod_pair_ready(const struct mod *m);
void mod_beat_all(struct mod *m);	/* a heartbeat on every lan, now */
/* folders.c */
unsigned mod_rfs_flags(const struct mod *m, unsigned flags);	/* what our beats say */
int mod_rfs_rank(const struct mod *m);
unsigned mod_rfs_conditions(const struct mod *m);
bool mod_rfs_eligible(const struct mod *m);
int mod_rfs_lastprim(const struct mod *m);
void mod_rfs_tell_rules(struct mod *m);		/* forced_prim has changed */
bool mod_rfs_resource(struct mod *m, const char *name, int health);	/* true: it was one that folders.c hands to the rules itself */
void mod_rfs_clock(struct mod *m, int64_t now);	/* m->now = now */
void mod_rfs_heard(struct mod *m);
void mod_rfs_grant(struct mod *m);
void mod_rfs_plan(struct mod *m, enum fsm_plan plan);
void mod_rfs_wish(struct mod *m, enum rpt_verb verb, const struct mod_options *o);	/* an action was accepted */
void mod_rfs_become(struct mod *m, enum fsm_state next);
/* module.c: as forcestop; again: and start anew, if maxloop allows */
void mod_break_off(struct mod *m, bool again, const char *why);

#endif
