/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper_impl.h: what the files of the keeper share.  Thread: the loop thread, all of it; a mount job belongs to its thread while it runs. */
#ifndef SK_RFS_KEEPER_IMPL_H
#define SK_RFS_KEEPER_IMPL_H

#include "base/talk.h"
#include "rfs/keeper.h"
#include "rfs/keeper_mount.h"

#define DEATHS_MAX	5	/* of a worker within DEATHS_MS: then it is not started again like that (ours) */
#define DEATHS_MS	10000
#define BACKOFF_MS	1000	/* between lives of a worker that replicates nothing and dies still (ours) */
#define QUIT_MS		20000	/* for a worker to finish what is at hand (ours) */
#define GRANT_MS	10000	/* folders are to be left, writes wait for a lost secondary: for heart to grant; then they fail (ours) */
#define TICK_MS		1000
#define LISTEN_TICKS	5	/* between attempts to listen (ours) */
#define RESOURCES_MAX	20

enum keep_role { KEEP_OFF, KEEP_ALONE, KEEP_PRIM, KEEP_GIVEN, KEEP_SYNC, KEEP_SECOND, KEEP_ROLES };
extern const char *const keep_role_names[KEEP_ROLES];
enum keep_force { FORCE_NONE, FORCE_PRIM, FORCE_PRIMFORCE };

struct keep_worker {			/* the process */
	bool	 on;			/* there, or not collected yet */
	bool	 adopted;		/* no child of ours */
	bool	 adopting;		/* it has not told yet what it is */
	bool	 ready, quitting, replaced, line_ended, dead;
	pid_t	 pid;
	int	 pidfd, status;
	uv_poll_t *poll;
	struct talk *talk;
	char	 failed[SK_TEXT_MAX];	/* it has said why it cannot serve */
	json_t	*asked;			/* numbers of verify, diff that it has not answered; NULL none */
};
struct keeper {
	uv_loop_t *loop;
	struct keeper_hooks hooks;
	char	 module[SK_NAME_MAX], folder[PATH_MAX];	/* folder: VAR/rfs */
	uv_timer_t tick, quit_timer, give_timer, spawn_timer, check_timer, check_end;
	/* of heart's first line */
	json_t	*setup;
	struct conf_module conf;
	struct conf_cron cron;
	int	 id;
	char	 local[46], peer[SK_NAME_MAX];
	bool	 listen_known;		/* a setup has come in this life */
	char	 words[17];		/* of it; of the adopted worker's until one has come */
	/* what is remembered */
	struct rfs_state st;
	bool	 pair_waits, alone_waits;	/* to be written before it is told */
	char	 alone_why[SK_TEXT_MAX];
	/* what shall be so */
	bool	 has_want, acked, resync, quitting, nosync, nosync_next;
	int64_t	 seq;
	enum keep_role want, goal;	/* goal: of the moment; off after a failure */
	json_t	*sync;
	char	 why[SK_TEXT_MAX];	/* of the failure */
	enum keep_force force;
	/* what is so */
	enum keep_role role;
	bool	 mounts_known, broken;	/* broken: what the application has open is of a mount that nobody serves any more */
	enum mount_kind mounts;
	int	 fuse_fd[RFS_DIRS_MAX], listen_fd, shm_fd;
	struct mount_job *job;
	uv_work_t work;
	bool	 term;			/* a role is under way, with a worker or without one for the moment */
	enum rfs_role kind;
	char	 session[17];		/* of the term, 16 hex: by it the other server knows it again */
	bool	 holds;			/* what is here is up to date because of the role, whatever the disk says */
	bool	 synced, taken, give_sent, given, asked, uptodate_set, sync_failed;
	bool	 refused;		/* primary, leaving: nobody will grant */
	bool	 cut_off;		/* and the secondary is not there */
	struct keep_worker w;
	int64_t	 deaths[DEATHS_MAX];
	int	 deaths_next;
	int64_t	 died_ms;		/* of the one whose successor is not ready yet; 0 none */
	char	 died_how[64];
	int	 listen_ticks, silent;
	bool	 unflushed, flush_runs;	/* after a takeover: the disk may lack what the primary had acknowledged */
	/* check of the mounts */
	uv_work_t check_work;
	bool	 check_runs;
	int	 check_dir;
	char	 check_path[PATH_MAX];
	/* what heart was told */
	struct { char name[SK_RES_MAX], value[SK_VALUE_MAX]; } told[RESOURCES_MAX];
	int	 told_count;
	bool	 facts_told, told_inconsistent, told_paired;
	time_t	 minute;		/* the last one that syncat was looked up for */
	int64_t	 kbs[4];		/* rep, rei, in, out */
};

static inline bool
keep_primary(enum keep_role r)
{
	return r == KEEP_ALONE || r == KEEP_PRIM;
}

/* keeper.c */
void keep_advance(struct keeper *k);
void keep_log(struct keeper *k, enum message key, const char *text);
void keep_say(struct keeper *k, json_t *line);
void keep_fail(struct keeper *k, const char *why);	/* the want cannot be: off, then told */
void keep_go_alone(struct keeper *k, const char *why);
void keep_told_alone(struct keeper *k);
void keep_told_paired(struct keeper *k);
void keep_leave_late(struct keeper *k, int64_t ms);
void keep_quit_late(struct keeper *k);

/* keeper_check.c: a null request at each mount now and then */
void keep_check_start(struct keeper *k);
void keep_check_stop(struct keeper *k);

/* keeper_flush.c */
void keep_flush(struct keeper *k);	/* after a takeover: all on the disk, then "up to date" */
void keep_flush_now(struct keeper *k);	/* before keep_state_off() saves */

/* keeper_worker.c */
bool keep_spawn(struct keeper *k);
void keep_spawn_sure(struct keeper *k);		/* now, or as soon as it can be */
void keep_worker_send(struct keeper *k, json_t *line);	/* stolen */
void keep_worker_quit(struct keeper *k);
void keep_worker_replace(struct keeper *k);	/* killed, and another one at once: with other words */
void keep_worker_asked(struct keeper *k, const json_t *n, bool waits);	/* verify, diff: the worker owes an answer, or has given it */
void keep_blob(struct keeper *k);		/* what the next keeper has to know is left with it */
bool keep_adopt(struct keeper *k);		/* true: one was there */
void keep_listen(struct keeper *k);
void keep_close_fds(struct keeper *k);

/* keeper_event.c: what a worker tells */
void keep_event(struct keeper *k, const json_t *o);

/* keeper_state.c */
void keep_load(struct keeper *k);
bool keep_save(struct keeper *k, char *err, size_t errsize);
bool keep_save_or(struct keeper *k, const struct rfs_state *before, char *err, size_t errsize);	/* before: again where that fails */
void keep_set_policy(struct rfs_state *s, const char *mode, const char *role, const char *uid);
bool keep_state_primary(struct keeper *k, char *err, size_t errsize);	/* before a term begins */
bool keep_state_second(struct keeper *k, char *err, size_t errsize);
bool keep_state_alone(struct keeper *k);	/* on the disk: what is acknowledged from now on is here only */
bool keep_state_paired(struct keeper *k);
void keep_state_begin(struct keeper *k, uint64_t from);
void keep_state_full_begun(struct keeper *k);	/* the maps know now that everything is to be copied */
bool keep_state_synced(struct keeper *k, uint64_t gen);
void keep_state_off(struct keeper *k);
void keep_publish(struct keeper *k);
void keep_tick(struct keeper *k);
void keep_set(struct keeper *k, const char *name, const char *value);
bool keep_gen(const json_t *v, uint64_t *gen);	/* 16 hex */

void keep_policy(struct keeper *k, const json_t *order);	/* keeper_policy.c */

#endif
