/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snap.h: the agent's picture of the engine: what the manager is answered from.
 *
 * Owns: rows of modules, resources, nodes, notices and shares of load sorted by index; whether the engine talks to us; what SNMP actions wait for.
 * Called by: the feed thread, which changes it, and the AgentX thread, which reads it; both hold the mutex of struct agent.
 * Never does: I/O, waiting, JSON, SNMP.  A look-up is O(log n), an update of a row that exists as well; a new or lost row moves the
 * rest of the index (16 bytes each), which at 100,000 resources is 1.6 MB at most.
 */
#ifndef SK_AGENT_SNAP_H
#define SK_AGENT_SNAP_H

#include "wire/report.h"

#define SNAP_NOTICES	512	/* rows of skNoticeTable, as its description says */
#define SNAP_SILENCE_MS	6000	/* three ticks of 2 s (doc/PROTOCOL.md) without a word: the engine does not talk */

/* One row: key is the index of the row, (module << 32 | index) where it has two numbers */
struct snap_row { uint64_t key; void *data; };
struct rowset {
	struct snap_row	*rows;
	size_t		 count, room, size;	/* size: bytes of a row's data */
	size_t		 hint;		/* where the last look-up ended: a walk goes on there */
};
void rowset_init(struct rowset *set, size_t size);
void rowset_free(struct rowset *set);
/* Copy data in, over the row of the same key where there is one.  false: no memory.  *changed: whether anything differs now */
bool rowset_put(struct rowset *set, uint64_t key, const void *data, bool *changed);
bool rowset_drop(struct rowset *set, uint64_t key);	/* false: no such row */
void *rowset_get(struct rowset *set, uint64_t key);	/* NULL: no such row */
const struct snap_row *rowset_from(struct rowset *set, uint64_t key);	/* first row whose key is not smaller; NULL */

enum snap_table { SNAP_NONE, SNAP_MODULES, SNAP_RESOURCES, SNAP_NODES, SNAP_NOTICE, SNAP_SHARES, SNAP_TABLES };

/* What came of the last action that SNMP asked for, until the module's own report tells it */
enum snap_ask { ASK_NONE, ASK_SENT, ASK_ACCEPTED, ASK_ENDED };
struct snap_action {
	int32_t	 lock;		/* skModuleActionSpinLock, 0..2147483647 */
	enum snap_ask ask;
	uint32_t seq;		/* ASK_ACCEPTED: number that the engine gave; else the module's number when it was asked */
	int	 verb, outcome;	/* enum rpt_verb, enum rpt_outcome */
	int64_t	 begin_ms, end_ms;
	char	 message[SK_TEXT_MAX];
};

struct snap {
	struct rowset	 set[SNAP_TABLES];	/* [SNAP_NONE] is unused */
	int64_t		 changed_ms[SNAP_TABLES];	/* monotonic */
	struct rpt_engine engine;
	bool		 connected;	/* the picture came over a connection that stands */
	int64_t		 heard_ms;	/* monotonic: last message from the engine, or start */
	int64_t		 started_ms;	/* wall clock: start of the agent */
	uint64_t	 notice_seq;	/* last notice in the table, 0 = none */
	struct snap_action action[SK_MODULES_MAX + 1];	/* by module id */
};

/* false: no memory or no random numbers for the locks */
bool snap_init(struct snap *s, int64_t now_ms);
void snap_free(struct snap *s);
bool snap_reachable(const struct snap *s, int64_t now_ms);

bool snap_put_module(struct snap *s, const struct rpt_module *m, int64_t now_ms);	/* false: id out of range, or no memory */
void snap_drop_module(struct snap *s, uint32_t id, int64_t now_ms);	/* with its resources and shares */
bool snap_put_resource(struct snap *s, const struct rpt_resource *r, int64_t now_ms);
void snap_drop_resource(struct snap *s, uint32_t module, uint32_t index, int64_t now_ms);
bool snap_put_share(struct snap *s, const struct rpt_share *r, int64_t now_ms);
void snap_drop_share(struct snap *s, uint32_t module, uint32_t index, int64_t now_ms);
bool snap_put_node(struct snap *s, const struct rpt_node *n, int64_t now_ms);
void snap_reset_nodes(struct snap *s, int64_t now_ms);
/* A notice that is not newer than the last one is not taken (false): it was in the picture already */
bool snap_put_notice(struct snap *s, const struct rpt_notice *n, int64_t now_ms);
void snap_reset_notices(struct snap *s);

/* A whole picture arrived: exchange the tables with those of fresh, whose rows the caller frees.  Notices and locks stay. */
void snap_exchange(struct snap *s, struct snap *fresh, int64_t now_ms);
void snap_lost(struct snap *s, int64_t now_wall_ms);	/* the connection ended: values stay; actions without answer have failed */

/* ---- SNMP actions ---- */
struct rpt_module *snap_module(struct snap *s, uint32_t id);	/* NULL: not configured */
int snap_running(struct snap *s, uint32_t id);	/* enum rpt_verb that runs on the module, VERB_NONE */
bool snap_asked(struct snap *s, uint32_t id);	/* the module's report is older than what its struct snap_action says */
void snap_ask(struct snap *s, uint32_t id, int verb, int64_t wall_ms);
void snap_accepted(struct snap *s, uint32_t id, uint32_t seq);
void snap_ended(struct snap *s, uint32_t id, int outcome, const char *message, int64_t wall_ms);

static inline uint64_t
snap_key2(uint32_t module, uint32_t index)
{
	return (uint64_t)module << 32 | index;
}

#endif
