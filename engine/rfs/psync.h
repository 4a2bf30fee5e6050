/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync.h: synchronisation while the application works.  The primary drives (psync*.c), the secondary answers (ssync*.c).
 *
 * A folder at a time: first its changes begin to be forwarded, then its names are listed in pieces and compared there (missing ones are made, others
 * removed when the whole folder has been told, attributes and xattrs set), which tells the pairs of nodes; then the files whose data may differ are
 * compared zone by zone (hash first) and copied, nbrei at a time, within reiallowedbw.  Which files: state_match() and both maps, sizes and times, and what
 * changed while nobody watched (ctime within a gap).  What is done is remembered (map_done), so that an interrupted one goes on.
 * doc/REPLICATION.md has the table of what happens to a change between folders of which one is forwarded and the other is not yet.
 */
#ifndef SK_RFS_PSYNC_H
#define SK_RFS_PSYNC_H

#include "rfs/match.h"
#include "rfs/repl.h"
#include "rfs/state.h"

struct psync;
struct psync_conf {
	struct repl *repl;
	int	 dirs;
	struct tree *trees[RFS_DIRS_MAX];
	struct map *maps[RFS_DIRS_MAX];
	struct match *matches[RFS_DIRS_MAX];
	const char *names[RFS_DIRS_MAX];	/* "/replicated": for "Updating directory tree from ..." */
	uint32_t zone;			/* ruzone_blocksize */
	int	 nbrei;
	int	 allowed_kbs;		/* reiallowedbw, 0 no limit */
	int64_t	 rei_ms;		/* reitimeout */
	bool	 acl, detail;
	struct rfs_state state;		/* the primary's */
	int	 gaps_count;
	struct rfs_gap gaps[RFS_GAPS_MAX];
	void	(*event)(void *ctx, json_t *event);	/* progress, log: to the keeper */
	void	*ctx;
	/* keeps other changes of that node out: serve.c's lock of the node */
	void	(*lock)(void *ctx, uint8_t dir, uint64_t node);
	void	(*unlock)(void *ctx, uint8_t dir, uint64_t node);
};
struct psync *psync_new(const struct psync_conf *conf);
void psync_free(struct psync *p);
void psync_state(struct psync *p, const struct rfs_state *now);	/* the keeper has written another one: alone, paired */
void psync_up(struct psync *p, const struct frame_hello *second);	/* the stream is there: in a thread of its own it does all until repl_sync_end() */
void psync_down(struct psync *p);
void psync_frame(struct psync *p, int conn, const struct frame *f);	/* FR_SYNC from the secondary */
/* A change while synchronising, under the lock of its names: is it for the secondary?  Sends what has to be sent besides, notes what is to be done later. */
enum psync_route { ROUTE_SEND, ROUTE_SKIP };
enum psync_route psync_route(struct psync *p, const struct rfs_op *op);
/* Always, also when the pair is whole: is this name one that is not replicated? */
bool psync_is_private(struct psync *p, uint8_t dir, uint64_t parent, const char *name, bool folder);
void psync_config(struct psync *p, int nbrei, int64_t rei_ms, bool detail, int allowed_kbs);	/* what a dynamic configuration may change */
uint64_t psync_bytes(const struct psync *p);	/* data sent, ever: for rfs_bandwidth.reintegration */
/* safekit rfsverify (asked on the secondary, done by the primary), rfsdiff: xml to file, text to the user */
bool psync_diff(struct psync *p, const char *xml, char *text, size_t textsize, void (*told)(void *ctx, const char *text), void *ctx);

/* ---- the secondary's end ---- */
struct ssync;
struct second;
struct ssync *ssync_new(struct second *s);
void ssync_free(struct ssync *y);
void ssync_down(struct ssync *y);
void ssync_frame(struct ssync *y, int conn, const struct frame *f);	/* FR_SYNC from the primary, in order with the operations of its connection */
bool ssync_busy(const struct ssync *y);		/* not paired yet: second.c applies operations leniently (ssync_before()) */
/* theirs: the operation as the primary sent it; op: its node, parent, newparent, other are ours (0: not known here).
 * Before an operation is applied while synchronising: what stands in its way (a stale file of that name) is moved away; what it names and is not there
 * is not an error.  false: skip it. */
bool ssync_before(struct ssync *y, const struct rfs_op *theirs, struct rfs_op *op);
void ssync_after(struct ssync *y, const struct rfs_op *op, const struct rfs_result *res);
bool ssync_verify(struct ssync *y, const char *xml, char *text, size_t textsize);	/* rfsverify on this side */

#endif
