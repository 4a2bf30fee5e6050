/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner.h: runs the scripts of a plan, one after the other, in a thread of its own.
 *
 * Owns: the script that runs (its process group), its log file, its timeout.  Called by: heart, from its loop thread; all calls return
 * at once.  Never does: decide what runs; keep the heartbeat waiting: spawning, opening files, waiting all happen in the thread.
 */
#ifndef SK_RUNNER_H
#define SK_RUNNER_H

#include "base/base.h"
#include "fsm/fsm.h"

#define RUNNER_LOGS_KEPT	200	/* userlog_* files kept per module (ours) */

struct runner_conf {
	char	 module[SK_NAME_MAX];
	char	 bin_dir[512];		/* SAFEUSERBIN */
	char	 log_dir[512];		/* SAFEUSERVAR */
	bool	 scripts;		/* <user> is there; otherwise plans end at once */
	bool	 userlog;		/* output to a file per run; otherwise to /dev/null */
	int64_t	 nice_ms, force_ms;	/* timeouts of stop scripts (user's guide 13.7) */
	char	**env;			/* for the scripts; the runner takes it (script_env_free) */
};

enum runner_what { RUN_BEGIN, RUN_EXIT, RUN_SIGNAL, RUN_TIMEOUT, RUN_ERROR, RUN_DONE };
struct runner_event {
	enum runner_what what;
	uint32_t	 seq;		/* of the plan */
	char		 script[32];
	bool		 force;
	int		 value;		/* exit status, signal, seconds of the timeout, errno, or (RUN_DONE) number of failures */
};

struct runner;
/* wake: called from the thread when runner_poll() has something (uv_async_send).  NULL: no memory or thread. */
struct runner *runner_new(void (*wake)(void *ctx), void *ctx);
void runner_free(struct runner *r);	/* kills what runs */
void runner_configure(struct runner *r, const struct runner_conf *conf);
/* from, to, action: arguments of the scripts.  A plan that is still running is killed first. */
void runner_run(struct runner *r, enum fsm_plan plan, uint32_t seq, const char *action);
void runner_kill(struct runner *r);	/* the plan that runs: its scripts get SIGKILL, its RUN_DONE still comes */
bool runner_poll(struct runner *r, struct runner_event *ev);	/* next event, in order; false: none */

#endif
