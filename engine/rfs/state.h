/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.h: what a server remembers of its data: whose it is, how old, whether it is whole.  VAR/rfs/state.json, replaced as a whole and on the
 * disk (fsync of file and folder) before anything relies on it.  Owned by the keeper; pure but for load and save.
 *
 * A *generation* is a random number made each time a server begins to acknowledge writes that the other one does not get.  Two servers with
 * the same generation have lived through the same history up to what their change maps say.
 */
#ifndef SK_RFS_STATE_H
#define SK_RFS_STATE_H

#include "rfs/rfs.h"
#include <jansson.h>

#define STATE_HISTORY	32
struct rfs_state {
	bool	 uptodate;	/* may start as primary by itself.  Down before a secondary may take over, up before writes are acknowledged alone */
	bool	 lastprim;	/* was primary last */
	bool	 inconsistent;	/* stopped in the midst of a synchronisation: half old, half new */
	bool	 degraded;
	bool	 paired;	/* primary: the secondary is needed.  second: synchronised since this start */
	bool	 full;		/* the next synchronisation copies everything (rfssync full, primforce, first start, another pairing) */
	uint64_t gen;		/* 0: never had data of a pair */
	uint64_t base;		/* the generation that the secondary had when our map began; = gen while paired */
	uint64_t from;		/* inconsistent: generation that it was being synchronised from */
	uint64_t history[STATE_HISTORY];	/* former ones, newest first, 0 ends */
	char	 peer[SK_NAME_MAX];
	int64_t	 synced_ms;	/* wall clock: last instant at which both were known to be equal (syncdelta) */
	int64_t	 open_ms, alive_ms;	/* this term's begin; last sign of life: between a term's last sign and the next one's begin nobody watched */
	char	 policy[12], policy_role[12], policy_uid[25];	/* usersetting.rfssync*: "default" | "full" | "external" */
	char	 boot[48];	/* path_node_boot_id() of that sign of life */
	int64_t	 policy_ms;	/* external: when the source's map began */
	bool	 nodetect;	/* rfssync -d: what changes until the next start of the module is not looked for */
	bool	 syncat_down;	/* synchronised as scheduled: rfs.syncat is down until the next time */
	int	 gaps_count;
	struct rfs_gap gaps[RFS_GAPS_MAX];
};
void state_init(struct rfs_state *s);
/* false: there, and not readable (err): counts as not up to date and blind.  None: state_init(), true. */
bool state_load(const char *folder, struct rfs_state *s, char *err, size_t errsize);
bool state_save(const char *folder, const struct rfs_state *s, char *err, size_t errsize);
/* The secondary's worker, before its first change of the tree: on the disk that this server is half old, half new from now on (folder/syncing,
 * read by state_load()).  false: errno.  The keeper ends it when that is over. */
bool state_begin_sync(const char *folder, uint64_t from);
void state_end_sync(const char *folder);
void state_alive(const char *folder);	/* now: the time of folder/alive, not forced to the disk: after a loss of power the gap begins earlier */
void state_gap(struct rfs_state *s, int64_t from_ms, int64_t to_ms);	/* one more; to before from: the clock went back, everything counts */
uint64_t state_generation(void);	/* a new one, never 0 */
uint64_t state_generation_of(const char *uid);	/* of an external synchronisation */
void state_next(struct rfs_state *s, uint64_t gen);	/* gen is the generation from now on, the former one history */
json_t *state_to_json(const struct rfs_state *s);
bool state_from_json(const json_t *o, struct rfs_state *s, char *err, size_t errsize);	/* strict */

/* What a synchronisation has to look at.  p: the primary's, s: the secondary's state. */
enum state_match {
	MATCH_MAPS,	/* same history: zones of both maps */
	MATCH_RESUME,	/* an interrupted synchronisation from this very history goes on: what is done is done */
	MATCH_BLIND,	/* nothing known in common: every file by hash */
	MATCH_FULL,	/* told so */
	MATCH_FORK,	/* both went on alone: what the secondary wrote since is thrown away (said); zones of both maps */
	MATCH_REFUSE	/* the secondary's is newer (it has the primary's generation in its past): the primary must not be one */
};
enum state_match state_match(const struct rfs_state *p, const struct rfs_state *s);

#endif
