/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second.h: the secondary's worker: applies what the primary sends.
 *
 * Owns: the table from the primary's nodes to ours and the ledger of what was applied (both in the shared memory: a killed worker's successor goes on), its
 * maps.  An operation is acknowledged when it is applied (async="second"), or on the disk (async="none": what is in one batch is flushed together).
 * An error here that the primary did not have (disk full, read-only, I/O): "out", nothing after it is applied or acknowledged.
 */
#ifndef SK_RFS_SECOND_H
#define SK_RFS_SECOND_H

#include "rfs/map.h"
#include "rfs/match.h"
#include "rfs/psync.h"
#include "rfs/state.h"
#include "rfs/stream.h"

struct second;
struct second_conf {
	struct stream_conf stream;
	int	 shm_fd;
	int	 dirs;
	struct tree *trees[RFS_DIRS_MAX];
	struct map *maps[RFS_DIRS_MAX];
	struct match *matches[RFS_DIRS_MAX];
	const char *names[RFS_DIRS_MAX];
	const char *folder;		/* VAR/rfs: for state_begin_sync() */
	bool	 on_disk;		/* async="none" */
	bool	 acl;
	uint32_t zone;
	struct rfs_state state;
	json_t	*sync;			/* of the want, or NULL: continues (after "given", or a killed worker of a synchronised one) */
	int	 gaps_count;
	struct rfs_gap gaps[RFS_GAPS_MAX];
	void	(*event)(void *ctx, json_t *event);
	void	*ctx;
};
struct second *second_new(const struct second_conf *conf, char *err, size_t errsize);
bool second_start(struct second *s, char *err, size_t errsize);
bool second_verify(struct second *s, const char *xml, char *text, size_t textsize);	/* rfsverify, by any thread: ssync_verify() */
/* Before the end of the process: what was received whole is applied, nothing more comes.  Questions may be under way: the memory stays */
void second_stop(struct second *s);
void second_free(struct second *s);		/* what was received whole is applied first */

/* ---- for ssync.c ---- */
const struct second_conf *second_conf_of(const struct second *s);
struct stream *second_stream(struct second *s);
uint64_t second_node(struct second *s, uint8_t dir, uint64_t primary_node);	/* 0: not known */
void second_pair(struct second *s, uint8_t dir, uint64_t primary_node, uint64_t node);
void second_unpair(struct second *s, uint8_t dir, uint64_t primary_node);
void second_unpair_all(struct second *s);
/* The tree is whole and on the disk (before the primary is told so): from now on operations are applied strictly, a break is continued and does not
 * begin anew; false: a synchronisation begins (again). */
void second_whole(struct second *s, bool whole);
void second_out(struct second *s, const char *why);

#endif
