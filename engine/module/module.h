/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module.h: one instance of a module: const configuration + state.  Asks fsm/ what to do, has it done through hooks.
 *
 * Owns: the state (the only place where it is written), what is known of the peer, heartbeat timing, maxloop, actions and their
 * outcome, the module's report.  Called by: heart's main loop, and tests/sim with a virtual clock and network.
 * Never does: I/O, reading a clock, allocating after mod_init().  Times are monotonic ms given by the caller unless named wall.
 */
#ifndef SK_MODULE_H
#define SK_MODULE_H

#include "fsm/fsm.h"
#include "fsm/rules.h"
#include "wire/beat.h"
#include "wire/message.h"
#include "wire/report.h"

#define MOD_HB_MAX	8	/* = CONF_HB_MAX */
#define MOD_LOOP_MAX	64	/* largest maxloop (ours) */
#define FAILOVER_PERIOD_MS 5000	/* user's guide 13.18: period of the failover machine */
#define FAILOVER_HANDLE_MS 15000	/* and how long an action must be the same before it is taken */

enum mod_defaultprim { DP_ALONE, DP_LASTPRIM, DP_ME, DP_PEER };

struct mod_hb_conf { char ident[SK_NAME_MAX]; int pulse_ms, timeout_ms; };
struct mod_conf {
	char	 name[SK_NAME_MAX];
	uint16_t id;
	int	 mode;
	int	 self;			/* our node index; lower wins ties */
	int	 peer;			/* -1: not known yet (more than two nodes in the lan): the first to answer is it */
	char	 nodes[SK_NODES_MAX][SK_NAME_MAX];
	int	 hb_count;
	struct mod_hb_conf hb[MOD_HB_MAX];
	bool	 failover;
	int	 defaultprim;
	int	 maxloop;
	int64_t	 loop_interval_ms;
	bool	 automatic_reboot;
	int	 boot;
	bool	 encryption;
	bool	 rfs;			/* replicates folders */
	char	 signature[65];
	int64_t	 config_ms;
	int64_t	 period_ms, handle_ms;	/* of the failover machine; 0: the defaults */
	char	 witness[SK_RES_MAX];	/* resource of the splitbrain checker, "" = none */
};

/* What survives the process: written by the owner whenever persist() asks. */
struct mod_record {
	bool	 running;		/* the module is not in STOP */
	bool	 wanted;		/* it was started and nobody stopped it but the end of the server: for boot="auto" */
	int	 lastprim;		/* 1 we were primary last, 0 the other was, -1 not known */
	int	 rank;			/* of a clean halt without peer, else 0 */
	bool	 split_out;		/* cut off from the other server and from the witness: the other goes on (splitbrain.uptodate down) */
	bool	 checkers_off, errd_off;	/* what "safekit checker|errd off" set: stays until on */
	int	 failover;		/* what "safekit failover" set: -1 nothing, 0 off, 1 on */
	int	 loops;			/* filled entries of loop_ms */
	int64_t	 loop_ms[MOD_LOOP_MAX + 1];	/* wall clock of the last counted actions, oldest first */
	char	 peer[SK_NAME_MAX];	/* learned peer */
	uint64_t life;			/* last incarnation used */
};

struct mod;
struct mod_hooks {
	void *ctx;
	void (*send)(void *ctx, int hb, const struct beat *b);
	/* run the plan's scripts in order, then mod_script_done(seq); action: third argument of the scripts */
	void (*run)(void *ctx, enum fsm_plan plan, uint32_t seq, const char *action);
	void (*kill)(void *ctx);	/* kill what runs; its done is not waited for */
	void (*log)(void *ctx, enum message m, const char *text);
	void (*report)(void *ctx, const struct rpt_module *r);
	void (*resource)(void *ctx, const char *name, const char *value, const char *by);
	void (*notice)(void *ctx, int type, const char *object, const char *from, const char *to, const char *text);
	void (*persist)(void *ctx, const struct mod_record *r);
	void (*reboot)(void *ctx);
	/* of rfsd: writes may be acknowledged without the other server (it is lost, or has said that it is no secondary any more) */
	void (*rfs_alone)(void *ctx);
	/* and it will not be told so while it leaves: what waits for the other server fails */
	void (*rfs_refuse)(void *ctx);
	/* prim (primforce: true) was ordered: this server's data counts */
	void (*rfs_force)(void *ctx, bool primforce);
	int64_t (*wall_ms)(void *ctx);
};

/* What rfsd has told (wire/rfsline.h) */
struct mod_rfs {
	bool	 synced;		/* this synchronisation is complete; forgotten when the role changes */
	bool	 inconsistent;		/* prim is refused, primforce is not */
	bool	 ask;			/* the secondary cannot be reached: F_DROP until granted */
	bool	 full, nosync;		/* what was asked for with second fullsync, swap nosync */
	int64_t	 date_ms;		/* secondforce -d; 0 none */
	bool	 fullsync_prim;		/* prim fullsync */
	/* what the module makes of it */
	int	 role;			/* enum fsm_rfs: what was ordered last */
	bool	 known;			/* rfsd has told its facts since the start */
	int	 uptodate, lastprim;	/* enum rpt_health of rfs.uptodate, rfs.lastprimstate */
	bool	 paired;		/* primary: writes need the secondary; false from the moment on that it is ordered otherwise */
	bool	 parting;		/* and until rfsd has heard that: what it tells meanwhile is older */
	bool	 ordered;		/* by a plan, whose end says that it has; else it says that it is not paired */
	bool	 said_paired;		/* rfsd, last */
	bool	 dropped;		/* syncing or second: the primary goes on without us; until the next synchronisation */
	bool	 taken;			/* swap: the other one has claimed what we gave */
	bool	 stale;			/* we did not run for a while: not confirmed by the other server since */
	bool	 refused;		/* rfs_refuse() of this way out */
	bool	 primforce;		/* prim was ordered as primforce */
};
/* What comes with prim, second, swap and secondforce: kept for the next mod_action() */
struct mod_options { bool full, nosync; int64_t date_ms; };

enum mod_hb_state { HB_INIT, HB_UP, HB_DOWN };
struct mod_hb { int state; int64_t last_rx, next_tx; uint64_t incarnation, seq; };	/* seq: newest of that lan */

struct mod_peer {
	int	 view;			/* enum beat_sees: how we see it */
	bool	 heard;			/* beat is valid */
	struct beat beat;		/* the newest */
	int	 state, status;		/* last published */
};

/* Why a module stays in WAIT although it might go on */
enum mod_hold { HOLD_NONE, HOLD_PENDING /* a first verdict */, HOLD_RULE };
#define NO_RULE	(-1)
#define WAKE_RULE (-2)		/* the implicit rule: no wait() applies any more */
/* The failover machine (user's guide 13.18) */
struct mod_failover {
	struct rules *rules;		/* the owner's; NULL: none */
	int	 candidate;		/* the rule whose action is about to be taken, NO_RULE or WAKE_RULE */
	int64_t	 candidate_ms;		/* since when its action is the same */
	int64_t	 next_ms;		/* the next evaluation at the latest */
	bool	 dirty;			/* something that rules look at has changed */
	int	 hold;			/* enum mod_hold */
	int	 hold_rule;		/* HOLD_RULE: which; HOLD_PENDING: one of those that have no verdict */
	int64_t	 hold_wall_ms;
	int64_t	 since_wall_ms[RULES_MAX];	/* since when each rule has its value */
	uint8_t	 value[RULES_MAX], at_once[RULES_MAX];	/* at_once: on the splitbrain class only: acts without handle_time */
};

struct mod {
	struct mod_conf conf;
	struct mod_failover fo;
	struct mod_rfs rfs;
	struct mod_options options;	/* for the next action */
	int	 witness;		/* enum rpt_health */
	bool	 split_judge;		/* the peer was lost, the witness has not spoken since */
	char	 hold_text[SK_TEXT_MAX];	/* what a rule waits for, in words */
	struct mod_hooks hooks;
	struct mod_record rec;
	struct rpt_module report;
	enum fsm_state state;
	int	 goal;			/* A_GOAL_* */
	bool	 forced_prim, forced_second;
	bool	 ask, split_seen, hold, autoswap;
	int	 rank;
	enum fsm_event deferred;
	uint32_t run_seq;		/* of the plan that runs; 0 none */
	uint32_t last_run_seq;
	int	 run_failures;
	const char *action_word;	/* third argument for scripts */
	char	 cause[SK_TEXT_MAX];	/* why the next transition happens */
	struct mod_hb hb[MOD_HB_MAX];
	struct mod_peer peer;
	uint64_t incarnation, seq;
	uint32_t sc;
	int64_t	 sc_ms;			/* since when sc has its value: an acknowledgement of a claim counts for lease_ms */
	int64_t	 lease_ms;		/* shortest heartbeat timeout */
	int64_t	 start_ms;		/* when we began to listen */
	int64_t	 known_ms;		/* since when we hear the peer */
	int64_t	 wake_ms;		/* end of a hold without rule; 0 none */
	int64_t	 now;
	char	 waits_for[SK_TEXT_MAX];	/* last said */
	bool	 send_now, in_eval;
};

/* incarnation: not 0, greater than those of earlier lives of this module on this server.  revive: the record says running although no shutdown of the server ended it. */
void mod_init(struct mod *m, const struct mod_conf *conf, const struct mod_hooks *hooks, const struct mod_record *rec,
    uint64_t incarnation, int64_t now);
/* Say "Previous halt unexpected" where the record says so; revive: same boot of the server, so what ran may still run. */
void mod_born(struct mod *m, bool revive);
/* New configuration; only in STOP (false otherwise). */
bool mod_reconfigure(struct mod *m, const struct mod_conf *conf);
/* Configuration changed while the module runs, in ALONE or WAIT: the caller has seen that only what may change does (false: not now). */
bool mod_change(struct mod *m, const struct mod_conf *conf, int64_t now);

/* The rules that count from now on; the caller keeps them until it has given others (or NULL), and fills in resources anew. */
void mod_set_rules(struct mod *m, struct rules *rules);
/* A resource has a value: published, and seen by the rules.  health: what rules take it for (enum rpt_health); own: its checker has an
 * action of its own.  The caller decides with mod_settle() when it has handed in all that came together. */
void mod_resource(struct mod *m, const char *name, const char *value, int health, bool own, const char *by);
bool mod_settled(const struct mod *m);	/* ALONE, PRIM, SECOND or UP and nothing runs: what a detector orders makes sense */

/* An operator's, script's or rule's wish.  by: who, for log and report; identity: NULL for a person (resets maxloop), else the detector
 * (counts).  0 = refused with the reason in err; else the action's number. */
uint32_t mod_action(struct mod *m, enum rpt_verb verb, const char *by, const char *identity, int64_t now, char *err, size_t errsize);
/* Take note of a heartbeat.  Decides nothing: hand in all that have come, then call mod_settle(), so that a server that was frozen
 * does not act on the older words among them. */
void mod_receive(struct mod *m, int hb, const struct beat *b, int64_t now);
void mod_settle(struct mod *m, int64_t now);
void mod_script_done(struct mod *m, uint32_t seq, int failures, int64_t now);
void mod_script_failed(struct mod *m);	/* one script failed: counted at once */
void mod_tick(struct mod *m, int64_t now);
int64_t mod_next(const struct mod *m);	/* when mod_tick() is due */
/* rfsd: each followed by mod_settle() */
void mod_rfs_synced(struct mod *m);
void mod_rfs_failed(struct mod *m, const char *why, bool again);	/* this synchronisation has failed; again: WAIT and once more, else STOP */
void mod_rfs_ask(struct mod *m, const char *why);
void mod_rfs_out(struct mod *m, const char *why);		/* as secondary: cannot follow */
void mod_rfs_inconsistent(struct mod *m, bool yes);
void mod_rfs_acked(struct mod *m);	/* what was ordered last is so */
void mod_rfs_paired(struct mod *m, bool yes);	/* as primary: the secondary has all and is needed from now on; or no longer */
/* a folder cannot be served here: as forcestop, or, again, started anew (counted) */
void mod_rfs_lost(struct mod *m, const char *why, bool again, int64_t now);
void mod_options(struct mod *m, const struct mod_options *o);
bool mod_set_failover(struct mod *m, bool on, const char *by, char *err, size_t errsize);
void mod_set_watch(struct mod *m, bool errd, bool on, const char *by);	/* what safekit errd|checker on|off sets: kept */
enum mod_loop { LOOP_INC, LOOP_RESET, LOOP_CHECK };
bool mod_loop(struct mod *m, enum mod_loop what);	/* true: maxloop reached within loop_interval */
void mod_set_boot(struct mod *m, int boot);
bool mod_holds(const struct mod *m);
unsigned mod_conditions(const struct mod *m);	/* what perceive() is given: for tests and explain */
const char *mod_waits_for(const struct mod *m);	/* in WAIT: in words */
/* For explain: what acts on the module and why, see ctl/safekit.h (new reference).  resource(): what the owner knows of a resource besides
 * its health: {"value","since_ms","by","why"}, new reference or NULL. */
struct mod_lookup { void *ctx; json_t *(*resource)(void *ctx, const char *name); void (*each)(void *ctx, void (*fn)(void *arg, const char *name), void *arg); };
json_t *mod_explain(const struct mod *m, int64_t now, const struct mod_lookup *l);

#endif
