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
	json_t		*asked;		/* number -> the order that waits for checkd's answer */
	uint32_t	 asked_last;
	unsigned	 classes;	/* watched now: bits 1 << enum conf_when */
	struct { enum fsm_plan plan; uint32_t seq; char action[16]; } plan;	/* the last one ordered */
	bool		 plan_waits;	/* for the acknowledgement that nothing it stops is watched any more */
	bool		 ack_waits;
};
extern struct heart H;

/* heart.c */
void heart_rearm(void);
void heart_log(enum message m, const char *origin, const char *message);
void heart_notice(int type, const char *object, const char *from, const char *to, const char *text);
bool heart_apply(const json_t *setup, const char **code, char *err, size_t errsize);	/* code: usage or refused */
void heart_quit(void);

/* orders.c: what safeadmin passes on */
void heart_order(void *ctx, json_t *o);
void heart_reply(const json_t *order, bool ok, const char *code, const char *message, json_t *more);	/* more: stolen, may be NULL */

/* heart/check.c: resources, rules, checkd */
bool heart_check_init(const char *am);
void heart_check_free(void);
void heart_check_setup(void);			/* H.setup is new */
void heart_run(enum fsm_plan plan, uint32_t seq, const char *action);	/* scripts, after what they stop is no longer watched */
void heart_run_killed(void);
void heart_run_done(uint32_t seq);		/* what they started is watched */
void heart_stopped(void);			/* the module is in STOP: nothing is watched */
void heart_set(const char *name, const char *value, const char *by, const char *why);	/* from outside of the module */
void heart_watch_set(bool errd, bool on, const char *by);	/* safekit checker|errd on|off */
bool heart_ask_checkd(json_t *order, json_t *what);	/* order: answered when checkd has; what: what it is asked, stolen */
json_t *heart_explain(void);

#endif
