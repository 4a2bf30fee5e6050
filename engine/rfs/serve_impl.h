/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve_impl.h: what the files of the kernel's side share: the shared memory, slots, the worker; nobody else includes it.
 *
 * The life of a slot.  ST_IDLE with a request in it (len not 0): read, nothing done.  ST_APPLYING: again, local, node, other, orphan say what was found before;
 * from here on the change may have been applied.  ST_APPLIED: it was, and the answer is built.  ticket.seq not 0: it was sent.  ST_DONE: the answer is on
 * its way.  len 0: answered.  Requests that change nothing stay ST_IDLE and are done again.  Whoever is killed leaves the slots, serve_start() finishes them.
 */
#ifndef SK_RFS_SERVE_IMPL_H
#define SK_RFS_SERVE_IMPL_H

#include "rfs/serve.h"

#include <linux/fuse.h>
#include <pthread.h>

#define SHM_MAGIC	UINT32_C(0x52465331)
#define SHM_VERSION	2
#define SHM_HEAD	(64u << 10)
#define SLOT_META	4096u
#define SLOT_DATA	4096u				/* offset in the request's buffer of what READ and others answer */
#define SLOT_IN		(SLOT_DATA + RFS_DATA_MAX)
#define SLOT_SIZE	(SLOT_META + SLOT_IN)
#define DEAD_MAX	256				/* removed folders that somebody may still be in (ours) */
#define VALID_S		86400				/* names and attributes: nobody but us changes the tree */
#define STRIPES		1024
#define PRIVATE_BIT	UINT64_C(0x80000000)		/* of a nodeid of the kernel: serve_read.c */

/* Where a kill would hurt: tests/unit/t_rfs_serve.c compiles these files with something else in its place */
#ifndef SERVE_POINT
#define SERVE_POINT(n) ((void)0)
#else
void serve_point(int n);
#endif

enum stage { ST_IDLE, ST_APPLYING, ST_APPLIED, ST_DONE };

struct slot {
	uint32_t stage;
	uint8_t	 dir;
	bool	 local;			/* never sent: of a name that is not replicated, or of an orphan */
	bool	 orphan;		/* op's */
	bool	 child_private;
	int32_t	 err;			/* ST_APPLIED: how it went here */
	uint64_t pre, pre2;		/* struct rfs_again */
	uint64_t node, other;		/* op's, as found */
	int	 left;			/* who has to come before it is answered: the one who applies, the secondary */
	struct repl_ticket ticket;
	uint32_t out_len;
	union { struct fuse_out_header h; uint8_t bytes[512]; } out;
	_Alignas(SLOT_META) uint8_t in[SLOT_IN];
};
_Static_assert(sizeof(struct slot) == SLOT_SIZE, "a slot's request begins at a page");

struct dead { uint64_t node; uint32_t dir; struct fuse_attr attr; };
struct shm {
	uint32_t magic, version, slots, dead_next;
	struct repl_shm repl;
	struct dead dead[DEAD_MAX];
};
_Static_assert(sizeof(struct shm) <= SHM_HEAD, "head of the shared memory");

struct orphans;
struct refusals;
struct serve {
	struct serve_conf conf;
	struct shm	*shm;
	struct slot	*slots;
	struct repl	*repl;
	struct orphans	*orphans;
	struct refusals	*refusals;
	struct { pthread_mutex_t lock; } stripes[STRIPES];
	bool		 there[SERVE_SLOTS];	/* of a slot: in memory */
	uint32_t	 turn[SERVE_SLOTS];	/* odd: between repl_prepare() and applied */
	pthread_mutex_t	 lock;			/* of what follows */
	pthread_cond_t	 freed;
	int		 free_count;
	int		 free_slots[SERVE_SLOTS];
	bool		 stop;
	int		 threads_count, running;
	struct serving { struct serve *s; int dir; pthread_t thread; bool over; } threads[SERVE_THREADS + 2 * RFS_DIRS_MAX];
};

static inline struct fuse_in_header *
slot_head(struct slot *z)
{
	return (struct fuse_in_header *)(void *)z->in;
}
static inline void *
slot_arg(struct slot *z)
{
	return z->in + sizeof(struct fuse_in_header);
}

/* serve.c */
void serve_answer(struct serve *s, struct slot *z);	/* writes z->out */
void serve_answer_ahead(struct serve *s, struct slot *z);	/* the slot stays until the secondary has it: serve_answer() then is silent */
void serve_reply(struct serve *s, struct slot *z, int err, const void *body, size_t len);	/* err: errno or 0; of what changed nothing */
/* the answer's body is at slot->in + SLOT_DATA already */
void serve_reply_data(struct serve *s, struct slot *z, size_t len);
void serve_out(struct slot *z, int err, const void *body, size_t len);		/* builds z->out, does not send */

/* serve_parse.c: the change that a request asks for; false: it asks for none.  other: nodeid besides the request's own (0 none) */
bool serve_parse(struct slot *z, struct rfs_op *op, uint64_t *other);

/* serve_ops.c: true: answered, the slot is the caller's again; false: it will be, by serve_done() */
bool serve_change(struct serve *s, struct slot *z);
bool serve_again(struct serve *s, struct slot *z);	/* of a killed worker, ST_APPLYING or ST_APPLIED */

/* serve_read.c */
void serve_read(struct serve *s, struct slot *z);	/* everything that changes nothing */
bool serve_nodeid_private(const struct serve *s, int dir, uint64_t nodeid);
uint64_t serve_node(const struct serve *s, int dir, uint64_t nodeid);	/* what the tree calls it */
bool serve_is_private(const struct serve *s, int dir, int dirfd, bool parent_private, const char *name, bool folder);
/* 0 or an errno: EOVERFLOW: not to be told apart from a private one */
int serve_entry(struct serve *s, int dir, uint64_t node, bool private, const struct stat *st, struct fuse_entry_out *e);
void serve_attr(struct serve *s, int dir, uint64_t node, const struct stat *st, struct fuse_attr *a);

/* serve_orphan.c: files without a name that the kernel still holds */
bool orphans_start(struct serve *s, char *err, size_t errsize);
void orphans_stop(struct serve *s);
bool orphans_has(struct serve *s, int dir, uint64_t node);
void orphans_add(struct serve *s, int dir, uint64_t node, bool named);	/* named: it is in the hidden folder; false: there was no room, a descriptor holds it */
void orphans_forget(struct serve *s, int dir, uint64_t node);		/* the kernel has forgotten it, perhaps */
void dead_add(struct serve *s, int dir, uint64_t node, const struct stat *st);
bool dead_get(struct serve *s, int dir, uint64_t node, struct fuse_attr *a);

/* serve_refused.c: the kernel has taken it before, and the disk has not */
bool refused_start(struct serve *s, char *err, size_t errsize);
void refused_stop(struct serve *s);
bool refused_size(struct serve *s, const struct rfs_op *op);	/* the file is as long as the kernel has told; true: it has become so.  The node is held */
void refused_pages(struct serve *s, int dir, uint64_t nodeid);	/* the kernel forgets them, soon */

#endif
