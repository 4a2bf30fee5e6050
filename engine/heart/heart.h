/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heart.h: what the files of the process heart share: its one state, and who does what.  Thread: the loop thread, all of it. */
#ifndef SK_HEART_H
#define SK_HEART_H

#include "act/runner.h"
#include "act/watch.h"
#include "act/writer.h"
#include "module/setup.h"
#include "ctl/uplink.h"
#include "wire/packet.h"

struct heart {
	uv_loop_t	*loop;
	struct mod	 mod;
	struct setup	 setup;
	struct runner	*runner;
	struct uplink	*up;
	struct link	*links[MOD_HB_MAX];
	struct packet_seal *seal;
	struct packet_seal *old_seal;	/* of the key before, while the other server may not have the new one yet */
	uv_timer_t	 old_seal_end, link_retry;
	uv_timer_t	 timer;
	uv_poll_t	 runner_poll, writer_poll;
	int		 runner_fd;	/* eventfd: the script thread has news (not uv_async: see act/writer.h) */
	struct writer	*writer;
	uv_signal_t	 term;
	char		 record_file[512];
	bool		 quitting;
	bool		 strange_said[SK_NODES_MAX];
	json_t		*pending;	/* a setup that waits for the module to stop */
	json_t		*resources;	/* last value of each, to publish anew when safeadmin comes back */
	json_t		*notes;		/* name -> {"since_ms","why"}: what explain tells besides */
	struct rules	*rules;
	struct watch	*watch;
	json_t		*watched;	/* resource of a check or a process -> {"when","own","by"} */
	char		 peer[SK_NAME_MAX];	/* the other server, as reported last */
	json_t		*asked;		/* number -> the order that waits for checkd's answer */
	uint32_t	 asked_last;
	unsigned	 classes;	/* watched now: bits 1 << enum conf_when */
	bool		 ack_waits;	/* for checkd's word that what was turned off says nothing any more */
};
extern struct heart H;

/* heart.c */
void heart_rearm(void);
void heart_log(enum message m, const char *origin, const char *message);
void heart_notice(int type, const char *object, const char *from, const char *to, const char *text);
bool heart_apply(const json_t *setup, const char **code, char *err, size_t errsize);	/* code: usage or refused */
void heart_quit(void);
void heart_at_rest(void);			/* scripts have ended: what waits for the module's stop may be its turn */

/* orders.c: what safeadmin passes on */
void heart_order(void *ctx, json_t *o);
void heart_reply(const json_t *order, bool ok, const char *code, const char *message, json_t *more);	/* more: stolen, may be NULL */

/* heart/check.c: resources, rules, checkd */
bool heart_check_init(const char *am);
void heart_check_free(void);
void heart_check_setup(void);			/* H.setup is new */
void heart_check_start(void);			/* prestart: checkd, where there is something to watch */
void heart_check_off(enum fsm_plan plan);	/* what its scripts stop is no longer watched; */
bool heart_check_waits(void);			/* true: that is not said yet, heart_plan_go() follows */
void heart_check_on(enum fsm_plan plan);	/* what its scripts have started is watched */
void heart_check_stopped(void);			/* the module is in STOP: nothing is watched */
void heart_say(unsigned key, const char *origin, const char *text);	/* what a helper logs; key: of wire/message.h */
void heart_resource_gone(const char *name);	/* nobody sets it any more: not shown, unknown to the rules */
void heart_set(const char *name, const char *value, const char *by, const char *why);	/* from outside of the module */
void heart_watch_set(bool errd, bool on, const char *by);	/* safekit checker|errd on|off */
bool heart_ask_checkd(json_t *order, json_t *what);	/* order: answered when checkd has; what: what it is asked, stolen */
json_t *heart_explain(void);

/* heart/plan.c: what stands around the scripts of a plan */
void heart_run(enum fsm_plan plan, uint32_t seq, const char *action);
void heart_run_killed(void);
void heart_run_done(uint32_t seq, int failures);	/* of the scripts */
void heart_plan_go(void);			/* something that a plan may wait for has happened */
void heart_plan_failed(void);			/* counts as a script of the plan at hand that failed */

/* heart/vip.c: vipd */
bool heart_vip_init(const char *am);
void heart_vip_free(void);
void heart_vip_setup(void);			/* H.setup is new */
void heart_vip_start(void);			/* prestart: vipd, where there is something for it to do */
void heart_vip_order(enum fsm_vip what);	/* of the plan at hand; */
void heart_vip_announce(void);	/* again what is set */
bool heart_vip_waits(void);			/* true: it is not so yet, heart_plan_go() follows */
void heart_vip_stopped(void);			/* the module is in STOP: vipd ends when all is down */
void heart_vip_publish(void);			/* its rows of load, anew */

/* heart/rfs.c, rfs_told.c: rfsd */
bool heart_rfs_init(const char *am);
void heart_rfs_born(void);			/* mod_born() has decided */
void heart_rfs_free(void);
void heart_rfs_setup(void);			/* H.setup is new, or the other server is known now */
void heart_rfs_prestart(void);			/* rfsd, where there is something for it to do; what it tells counts for the rules */
void heart_rfs_order(enum fsm_rfs what);	/* of the plan at hand; RF_NONE: nothing */
void heart_rfs_killed(void);			/* the plan was given up: what it waited for is not waited for any more */
bool heart_rfs_waits(void);			/* true: it is not so yet, heart_plan_go() follows */
void heart_rfs_drain(void);			/* all that it has said by now is heard; the caller settles */
void heart_rfs_stopped(void);			/* the module is in STOP: rfsd ends */
void heart_rfs_granted(void);			/* hooks of the module: the primary needs no secondary any more; */
void heart_rfs_refused(void);			/* it will not be told so; */
void heart_rfs_force(bool primforce);		/* this server's data counts */
bool heart_rfs_busy(const char *verb);		/* a verify or diff runs */
void heart_rfs_ask(const json_t *order, const char *verb, json_t *words);	/* answered when rfsd has; words: borrowed, may be NULL */
void heart_rfs_assigned(const char *name, const char *value, const char *by);	/* a resource has a new value: rfsd's is told to it */
json_t *heart_rfs_explain(void);		/* new reference, NULL: nothing replicated */

/* heart/ready.c: the health check file */
void heart_ready_born(const char *am);		/* on the disk, now */
bool heart_ready_init(const char *am);
void heart_ready_report(const struct rpt_module *r);
bool heart_ready_waits(void);			/* true: it is not gone yet, heart_plan_go() follows */
void heart_ready_free(void);

#endif
