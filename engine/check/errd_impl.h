/* SPDX-License-Identifier: GPL-2.0-or-later */
/* errd_impl.h: what errd.c, errd_watch.c, errd_child.c and errd_setup.c share; nobody else includes it. */
#ifndef SK_ERRD_IMPL_H
#define SK_ERRD_IMPL_H

#include "check/errd.h"
#include "base/procs.h"

#define ERRD_SETTLE_MS	1000	/* after its enable a process that is missing gets so long to appear (ours): fork is seen before exec */
#define ERRD_RESCAN_MS	20	/* between two looks because of deaths (ours)... */
#define ERRD_BURST	20	/* ... for so many of them in a second; then */
#define ERRD_STORM_MS	200	/* so long: something dies all the time, and a look costs about 10 ms beside 500 processes */
#ifndef ERRD_HANDLER_MS		/* the unit test does not wait that long */
#define ERRD_HANDLER_MS	300000	/* for a handler (ours) */
#define ERRD_SYSTEMCTL_MS 10000	/* for systemctl (ours) */
#endif
#define ERRD_ANSWER_MAX	4096	/* bytes of its answer (ours) */
#define ERRD_PIDS_MAX	4096	/* processes of a row with a pidfd (ours); those beyond are counted at the polls */

enum errd_value { ERRD_INIT, ERRD_UP, ERRD_DOWN, ERRD_UNKNOWN };

/* A process found */
struct errd_watch {
	uv_poll_t	 poll;
	int		 fd;		/* pidfd; -1: no descriptor left, so only the polls see its end */
	pid_t		 pid;
	uint64_t	 start;
	bool		 seen;		/* in this look */
	struct errd_row	*row;
	struct errd_watch *next;
};

/* A handler or a systemctl */
struct errd_child {
	uv_process_t	 process;
	uv_timer_t	 timer;
	uv_pipe_t	 out;		/* systemctl */
	int		 closing;	/* handles that still have to close */
	bool		 asks, exited, eof;	/* systemctl: runs; has ended; so has its output */
	bool		 timed_out, muted;
	int64_t		 status;
	int		 signal;
	size_t		 len;
	char		 answer[ERRD_ANSWER_MAX];
	struct errd_row	*row;		/* NULL: nobody wants to know */
};

struct errd_row {
	struct errd	*e;
	struct conf_proc conf;		/* its strings are ours */
	bool		 has_name_re, has_args_re;
	regex_t		 name_re, args_re;
	char		 broken[128];	/* why this row cannot be watched, "" = it can */
	bool		 enabled, watched;	/* its class is on; and errd is not suspended */
	bool		 settled;	/* was judged once since it is watched */
	bool		 acted;		/* since the last poll */
	bool		 told_error;	/* MSG_CHECK_ERROR since it is watched */
	int64_t		 due;		/* not judged before */
	enum errd_value	 value;
	int		 count;		/* processes found, with or without pidfd */
	struct errd_watch *watches;
	struct errd_child *handler, *systemctl;
	bool		 again;		/* systemctl: once more when this one ends */
	int		 tries;		/* systemctl says active, its main process is gone: so often in a row */
	char		 unit_state[32];	/* "failed" */
};

struct errd {
	uv_loop_t	*loop;
	struct errd_hooks hooks;
	uv_timer_t	*timer;		/* of its own memory: it closes after us */
	int64_t		 polltimer, next_poll, next_look, last_look;	/* next_look: INT64_MAX none */
	int64_t		 burst_began;
	int		 burst;		/* looks because of deaths in the second from burst_began */
	unsigned	 when_on;
	bool		 on;
	struct errd_row	**rows;
	int		 n;
	char		*module, *bin, *var;
	char		**env;
};

/* ---- errd.c ---- */
void errd_set_value(struct errd_row *r, enum errd_value value, const char *why);
const char *errd_value_name(const struct errd_row *r);
void errd_judge(struct errd_row *r, int64_t now);	/* by what r->count says */
void errd_watch_row(struct errd_row *r, bool on);	/* begin or end, with init */
void errd_look_soon(struct errd *e, int64_t delay_ms);
void errd_arm(struct errd *e);
void errd_log(struct errd *e, int message, const char *a, const char *b, const char *c);
void errd_cannot(struct errd_row *r, const char *why);	/* unknown, and said once */

/* ---- errd_watch.c ---- */
bool errd_scan(struct errd *e);	/* counts the processes of every watched row and holds their pidfds; false: cannot (said) */
void errd_watch_only(struct errd_row *r, pid_t pid);	/* this one only (0: none): the main process of a unit */
void errd_unwatch(struct errd_row *r);

/* ---- errd_child.c ---- */
bool errd_handler_start(struct errd_row *r);	/* false: cannot be run (said) */
void errd_handler_let_go(struct errd_row *r, bool kill_it);
void errd_systemctl_ask(struct errd_row *r);
void errd_systemctl_let_go(struct errd_row *r);

/* ---- errd_setup.c ---- */
void errd_row_free(struct errd_row *r);

#endif
