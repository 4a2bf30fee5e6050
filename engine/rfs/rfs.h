/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfs.h: the words that the files of this room share.
 *
 * Two kinds of process, one program:
 *   rfsd -m AM			the keeper (rfs/keeper*.c): one loop thread; holds what must outlive a worker (the descriptors of /dev/fuse, a
 *				shared memory file, the listening socket), mounts, remembers (state.c), speaks with heart (wire/rfsline.h)
 *   rfsd -m AM --worker ROLE	the worker: serves one role for one term, may be killed at any instruction and is started again by the
 *				keeper at once: primary (serve.c: /dev/fuse -> op.c -> repl.c -> stream) or second (second.c: stream -> op.c).
 * Nothing is acknowledged to the application before it is applied here and on the secondary, unless heart has said that this server is alone.
 *
 * A *node* is a file of the primary's tree: its file handle (generation << 32 | inode number), stable over restarts of everything, never used
 * again for another file.  It is what the kernel calls nodeid (the root is 1 there), and what a file is called on the wire: the secondary keeps
 * a table from the primary's nodes to its own (second.c).  File systems whose handles are longer than 8 bytes are refused when the tree is opened.
 */
#ifndef SK_RFS_H
#define SK_RFS_H

#include "base/base.h"

#define RFS_DIRS_MAX	16		/* replicated folders of a module (ours) */
#define RFS_HIDDEN	".safekit_rfs"	/* in each backing folder: orphan/ (unlinked, still open), limbo/ (moved out while synchronising),
					 * tmp/; seen by nobody through the mount, never replicated */
#define RFS_DATA_MAX	(1u << 20)	/* bytes of one write or of one piece of a zone (FUSE's largest request) */
#define RFS_NAME_LEN	255
#define RFS_ROOT	UINT64_C(1)	/* node of a tree's root on both sides */

/* A span in which nobody watched the folder: files whose ctime lies in one are compared as a whole.  Kept until both servers are equal again. */
#define RFS_GAPS_MAX	8
struct rfs_gap { int64_t from_ms, to_ms; };
bool rfs_in_gaps(const struct rfs_gap *gaps, int count, int64_t ctime_ms);	/* state.c */

enum rfs_role { ROLE_PRIMARY, ROLE_SECOND };
/* descriptors a worker is born with */
#define RFS_FD_LINE	3		/* to the keeper: JSON lines, below */
#define RFS_FD_SHM	4		/* memfd of this term: empty at first, whatever the workers of the term put into it */
#define RFS_FD_LISTEN	5		/* primary: listening TCP socket of port 5600 + (id - 1) * 4; second: /dev/null */
#define RFS_FD_FUSE	6		/* primary: 6 + index of the folder: /dev/fuse, mounted, INIT done by the keeper */

/*
 * keeper -> worker
 *	{"op":"setup", all of rfsline.h's setup, "dirs":[{"dir","backing"}],"state":{state_to_json},"gaps":[{"from_ms","to_ms"}],"session":16 hex (of the term),
 *	 "degraded":bool,"pair":bool,"sync":{...}}	first line.  pair (primary): a former worker of this term had a secondary: nothing is acknowledged without it
 *	{"op":"alone","gen":16 hex,"state":{}}	primary: from now on no secondary is needed; gen: the new generation, on the disk already
 *	{"op":"paired","gen":16 hex,"state":{}}	answer to "pair": on the disk; the secondary may be told
 *	{"op":"config",...}		what a dynamic configuration may change
 *	{"op":"give"}			primary, after the mounts are gone: everything to the secondary, then {"event":"given"}
 *	{"op":"policy","words":[...],"base":16 hex or ""}	base: as source of an external synchronisation: the maps begin anew at this instant, with that
 *				generation (map_reset)
 *	{"op":"verify"|"diff","n":id}
 *	{"op":"quit"}			finish what is at hand, exit 0
 * worker -> keeper: {"event":word,...}
 *	"ready"				serves
 *	"peer" {"up":bool,"node":name,"why"}	the stream
 *	"ask-alone" {"why","degraded"}	writes wait
 *	"pair"				the secondary has all: write down that it is needed, answer "paired"
 *	"synced" {"gen"}		second: the primary has written it down
 *	"begin" {"from":gen}		second: its first change is about to be made, from the primary's generation; state_begin_sync() has been called
 *	"sync-failed" {"why","again"} | "out" {"why"}	second
 *	"given" | "taken"		primary: all is there and the stream is closed; second: the primary has given
 *	"progress" {...} | "bandwidth" {"rep_kbs","rei_kbs","in_kbs","out_kbs"} | "log" {"key","origin","text"} | "reply" {...} | "told" {...}
 *	"full-begun"			primary: the maps know that everything is to be copied; an interruption goes on from there
 *	"again"				after "policy": a worker with the new state is to take its place
 */

#endif
