/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssync_impl.h: what the files of the secondary's end of a synchronisation share.
 *
 * Frames are handled in the reader of their connection, in order with the operations that come there; only hashes, flushes and the removal of whole folders are
 * done by threads of our own (ssync_slow.c): nothing an application waits for waits for those.
 */
#ifndef SK_RFS_SSYNC_IMPL_H
#define SK_RFS_SSYNC_IMPL_H

#include "rfs/psync.h"
#include "rfs/second.h"
#include "rfs/sync_attr.h"

#include <pthread.h>
#include <stdatomic.h>

#define SSYNC_THREADS	3		/* that hash (ours) */
#define SSYNC_TASKS_MAX	4096		/* asked for and not answered: more is no primary of ours */
#define SSYNC_ZONE_BYTES 20		/* of an SY_HASH */

/* A folder that is being told: names that were listed or forwarded since, as hashes of 128 bits */
struct telling { struct telling *next; uint64_t node; uint8_t dir; uint64_t (*names)[2]; uint32_t mask, used; };
struct owner { uint64_t ours, theirs; };
struct owners { struct owner *o; uint32_t mask, used; };

enum task_kind { TASK_HASH, TASK_COMMIT, TASK_FINISH, TASK_SWEEP, TASK_CHECK, TASK_WRITEBACK };
struct task { struct task *next; uint64_t life; uint8_t kind, dir, frame; int conn; uint64_t aux, node; size_t len; uint8_t body[]; };

struct ssync {
	struct second *s;
	const struct second_conf *c;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	atomic_bool busy;
	bool	 stop;
	uint64_t life;			/* of the stream: what was asked before a break is not answered */
	bool	 external;
	atomic_uint_fast64_t names_made;	/* in limbo */
	atomic_uint_fast64_t unwritten;		/* bytes of data since the disk was last asked to begin */
	atomic_bool asking;			/* it waits in the queue */
	struct telling *telling;
	struct owners owners[RFS_DIRS_MAX];	/* of our files with several names: who is it? */
	struct task *first, **last;
	struct task *slow_first, **slow_last;
	int	 tasks, slow_tasks;	/* that wait */
	int	 threads;
	pthread_t thread[SSYNC_THREADS + 1];
	/* rfsverify */
	struct telling *check;		/* of connection 0's reader */
	bool	 verifying, verified, verify_ok;
	char	 verify_text[1024];
	char	*xml;
	size_t	 xml_len, xml_size;
};

/* ssync.c */
void ssync_bad(struct ssync *y, const char *what);		/* the primary breaks a rule */
void ssync_error(struct ssync *y, uint8_t dir, const char *what, int error);	/* this server cannot follow */
void ssync_answer(struct ssync *y, int conn, uint8_t kind, uint8_t dir, uint64_t node, uint64_t aux, const void *body, size_t len);
/* ssync_names.c */
struct telling *ssync_telling(struct ssync *y, uint8_t dir, uint64_t ours);
bool ssync_told(struct telling *t, const char *name, bool add);
void ssync_told_op(struct ssync *y, uint8_t dir, uint64_t folder, const char *name);
void ssync_begin_folder(struct ssync *y, uint8_t dir, uint64_t theirs);
void ssync_end_folder(struct ssync *y, const struct frame *f);
void ssync_forget(struct ssync *y);
uint64_t ssync_owner(struct owners *o, uint64_t ours, uint64_t theirs);	/* whose it is; theirs != 0: from now on, unless it is somebody's */
int ssync_displace(struct ssync *y, uint8_t dir, int dirfd, const char *name);	/* so that the name is free; 0 or -errno */
int ssync_place(struct ssync *y, uint8_t dir, uint64_t theirs, uint64_t ours, int dirfd, const char *name);	/* a file we have gets that name */
/* The name goes: into limbo if it is that of a file which the primary still has elsewhere; 0 or -errno */
int ssync_out_of(struct ssync *y, uint8_t dir, int dirfd, const char *name, uint64_t theirs, uint64_t ours);
void ssync_limbo(struct ssync *y, const struct frame *f);
void ssync_limbo_name(uint64_t theirs, char buf[24]);
int ssync_parent_time(int dirfd, int64_t mtime_ns);
bool ssync_private(struct ssync *y, uint8_t dir, int dirfd, const char *name, bool folder);
/* ssync_entry.c */
void ssync_list(struct ssync *y, int conn, const struct frame *f);
/* ssync_data.c */
void ssync_file(struct ssync *y, const struct frame *f);
void ssync_write(struct ssync *y, const struct frame *f);
void ssync_writeback(struct ssync *y, uint8_t dir, uint64_t theirs);	/* in the sweeper: the disk begins with what is written of that file */
void ssync_punch(struct ssync *y, const struct frame *f);
void ssync_final(struct ssync *y, const struct frame *f);
/* ssync_slow.c */
bool ssync_task(struct ssync *y, enum task_kind kind, int conn, const struct frame *f);
void *ssync_hasher(void *y);
void *ssync_sweeper(void *y);
int ssync_move_up(struct ssync *y, int dirfd, const char *name, int limbo);	/* into limbo, to be removed by the sweeper; 0 or -errno */
bool ssync_limbo_clear(struct ssync *y, uint8_t dir);	/* what is in limbo gets names under which nobody looks for it */
/* ssync_check.c */
void ssync_check(struct ssync *y, int conn, const struct frame *f);
void ssync_check_forget(struct ssync *y);
void ssync_verify_told(struct ssync *y, const struct frame *f);

#endif
