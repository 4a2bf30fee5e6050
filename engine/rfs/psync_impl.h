/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_impl.h: what the files of the primary's end of a synchronisation share.
 *
 * Threads of one run: the driver (psync.c: begin, end, requests answered; psync_walk.c: folders), nbrei data threads (psync_data.c).  The stream's readers
 * only put what came where a thread of the run finds it (psync_inbox.c): they never wait.  Applications' threads come through psync_route.c.
 * Order of locks: serve's lock of a node, then psync's; psync's is never held while something is sent.
 */
#ifndef SK_RFS_PSYNC_IMPL_H
#define SK_RFS_PSYNC_IMPL_H

#include "rfs/psync.h"
#include "rfs/sync_attr.h"

#include <pthread.h>
#include <stdatomic.h>

#define SYNC_LISTS_MAX	16		/* lists sent and not answered */
#define SYNC_WINDOW	(8u << 20)	/* bytes of a connection sent and not applied there */
#define SYNC_PING	(1u << 20)	/* after so many bytes it is asked how far it is */
#define SYNC_INBOX	(64u << 20)	/* bytes of answers that wait to be looked at: more is no secondary of ours */
#define SYNC_THREADS_MAX 32
#define SYNC_TICK_NS	20000000	/* a clock of a kernel may stand still so long */

struct nodeset { uint64_t *n; uint32_t mask, used; };
bool nodeset_has(const struct nodeset *s, uint64_t node);
bool nodeset_add(struct nodeset *s, uint64_t node);
void nodeset_clear(struct nodeset *s);

enum job_how { JOB_NEW, JOB_WHOLE, JOB_ZONES };
struct job { uint64_t node, size; uint8_t dir, how; };
struct where { uint64_t node; uint8_t dir; };
struct wheres { struct where *w; size_t n, size; };
bool wheres_add(struct wheres *l, uint8_t dir, uint64_t node);

/* One entry that was sent, until it is answered */
struct listed { uint64_t node, size; int64_t mtime_ns, ctime_ns; uint32_t mode; bool paired, keep; };
struct request {			/* of a list */
	struct request *next;
	uint64_t id, folder;
	uint8_t	 dir, kind;
	bool	 suspect;		/* what is below that folder may be another one's */
	int64_t	 at_ms;
	int64_t	 wall_ns;		/* when it was made */
	int	 n;
	struct listed item[];
};
struct hashes {				/* of a data thread */
	uint64_t id;
	uint8_t	 dir;
	int	 n;
	bool	 ready;
	int64_t	 at_ms;
	uint8_t	 hash[SYNC_ZONES_MAX][SYNC_HASH];
};
struct msg { struct msg *next; uint8_t kind, dir; uint64_t node, aux; size_t len; uint8_t body[]; };

enum sync_mode { MODE_MAPS, MODE_FULL, MODE_DATE, MODE_EXTERNAL };
struct sync_stats { uint64_t files, files_total, bytes, bytes_total, sent, copied; int64_t begun_ms; };

struct psync {
	struct psync_conf c;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	pthread_t driver;
	bool	 has_driver;
	bool	 stop;			/* the run ends: stream gone, failed, or psync_free() */
	bool	 running;		/* changes are routed */
	bool	 all;			/* everything is forwarded: the walk is over */
	char	 why[256];
	/* of the run */
	struct rfs_state other;
	enum sync_mode mode;
	enum state_match match;
	int64_t	 date_ns;
	struct nodeset paired[RFS_DIRS_MAX], forwarded[RFS_DIRS_MAX], suspect[RFS_DIRS_MAX];
	struct nodeset twice[RFS_DIRS_MAX];	/* files whose first data went to a file that is gone there: not done by that */
	struct wheres folders;		/* to walk, last first */
	struct wheres again;		/* files to compare once more as a whole */
	struct wheres completed;	/* files done, not committed yet */
	struct wheres committing;
	uint64_t next_id;
	struct request *requests;
	int	 lists_out;
	struct msg *first, **last;
	size_t	 inbox_bytes;		/* of these, and of checked */
	struct job *jobs;
	size_t	 jobs_at, jobs_n, jobs_size;
	int	 files_open;		/* taken by a data thread */
	bool	 walking;
	struct hashes *hashes[SYNC_THREADS_MAX * 2];
	uint64_t sent[REPL_CONNS_MAX], applied[REPL_CONNS_MAX], pinged[REPL_CONNS_MAX];
	int	 begun;			/* -1: no answer yet */
	uint64_t committed, commit_id, finished;
	int64_t	 commit_ms;
	uint8_t	 dir;			/* at hand */
	struct sync_stats stats;
	int64_t	 progress_ms;
	uint64_t progress_sent;
	int	 rate_kbs;
	double	 tokens;		/* reiallowedbw */
	int64_t	 tokens_ms;
	atomic_uint_fast64_t bytes;	/* of data, ever: psync_bytes() */
	atomic_int last_kbs;		/* rate of the last synchronisation, for the estimate of rfsdiff */
	atomic_int nbrei, allowed_kbs;
	_Atomic int64_t rei_ms;
	atomic_bool detail;
	/* verification: one at a time */
	pthread_t checker;
	bool	 has_checker, checking, check_stop;
	uint64_t check_id;
	struct msg *checked;
};

/* psync.c */
void psync_fail(struct psync *p, bool again, const char *fmt, ...) PRINTFLIKE(3, 4);	/* the run ends; the first one counts */
bool psync_stopped(struct psync *p);
void psync_log(struct psync *p, int message, const char *fmt, ...) PRINTFLIKE(3, 4);	/* in the secondary's log */
void psync_wait(struct psync *p, int64_t ms);	/* p->lock is held */
/* psync_send.c */
bool psync_send(struct psync *p, int conn, uint8_t kind, uint8_t dir, uint64_t node, uint64_t aux, const void *body, size_t len, const void *body2, size_t len2);
void psync_window(struct psync *p, uint64_t node, size_t len);	/* before a lock is taken: until there is room for so many bytes */
bool psync_barrier(struct psync *p);		/* all that was sent is applied there */
void psync_inbox_clear(struct psync *p);
struct msg *psync_inbox_take(struct psync *p);	/* p->lock is held; NULL: nothing */
/* psync_walk.c */
bool psync_entry(struct psync *p, uint8_t dir, int dirfd, const char *name, struct sync_out *o, uint8_t *xattrs, struct sync_entry *e, struct listed *l);
void psync_walk(struct psync *p);		/* one folder of p->folders */
void psync_message(struct psync *p, const struct msg *m);	/* SY_LISTED, SY_ASK */
void psync_late(struct psync *p);		/* a list that is not answered for too long ends the run */
bool psync_send_attr(struct psync *p, uint8_t dir, uint64_t node, bool locked);	/* locked: the caller has the lock of the node */
/* moved: where it came from, NULL nowhere */
bool psync_one(struct psync *p, uint8_t dir, uint64_t parent, const char *name, int64_t mtime_ns, const struct rfs_op *moved);
/* psync_data.c */
void psync_job(struct psync *p, uint8_t dir, uint64_t node, uint64_t size, enum job_how how);
void *psync_data(void *thread);
struct data_thread { struct psync *p; int number; pthread_t id; };
/* psync_check.c */
void psync_check_asked(struct psync *p);
void psync_check_stop(struct psync *p);

#endif
