/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fsm.c: finds the row.  States and events have their names here; what they lead to is in mirror.c and light.c.
 */
#include "config.h"
#include "fsm/mirror.h"

#include <stdio.h>

const struct fsm_state_row fsm_states[S_COUNT] = {
	[S_STOP]	= { "STOP", RS_STOP, ST_NOTREADY, 0, "stopped, ready to be started" },
	[S_PRESTART]	= { "PRESTART", RS_WAIT, ST_TRANSIENT, F_DECIDING, "transition and prestart run" },
	[S_WAIT]	= { "WAIT", RS_WAIT, ST_TRANSIENT, F_DECIDING, "decides about its role" },
	[S_BLOCKED]	= { "BLOCKED", RS_WAIT, ST_NOTREADY, 0, "held by a rule, a stopwait or failover off" },
	[S_CLAIM]	= { "CLAIM", RS_WAIT, ST_TRANSIENT, F_DECIDING | F_CLAIM, "wants to be primary, waits for the other's word" },
	[S_FORCE]	= { "FORCE", RS_WAIT, ST_TRANSIENT, 0, "stop scripts run with force" },
	[S_FORCE_HELD]	= { "FORCE_HELD", RS_WAIT, ST_TRANSIENT, F_HELD | F_LEAVING,
	    "stop scripts run with force; until they end the application may run" },
	[S_POSTSTOP]	= { "POSTSTOP", RS_WAIT, ST_TRANSIENT, 0, "poststop and transition run" },
	[S_TO_ALONE]	= { "TO_ALONE", RS_ALONE, ST_TRANSIENT, F_HELD, "start_prim runs" },
	[S_ALONE]	= { "ALONE", RS_ALONE, ST_READY, F_HELD | F_ACCEPT | F_STABLE, "primary without secondary" },
	[S_LEAVE_ALONE]	= { "LEAVE_ALONE", RS_ALONE, ST_TRANSIENT, F_HELD | F_LEAVING, "stop_prim runs" },
	[S_RESTART_ALONE] = { "RESTART_ALONE", RS_ALONE, ST_TRANSIENT, F_HELD, "restart: stop_prim, start_prim" },
	[S_TO_PRIM]	= { "TO_PRIM", RS_PRIM, ST_TRANSIENT, F_HELD, "a secondary came: start_sec runs" },
	[S_PRIM]	= { "PRIM", RS_PRIM, ST_READY, F_HELD | F_STABLE, "primary with secondary" },
	[S_LOSE_SECOND]	= { "LOSE_SECOND", RS_ALONE, ST_TRANSIENT, F_HELD, "the secondary left: stop_sec runs" },
	[S_LEAVE_PRIM]	= { "LEAVE_PRIM", RS_PRIM, ST_TRANSIENT, F_HELD | F_LEAVING, "stop_prim runs" },
	[S_RESTART_PRIM] = { "RESTART_PRIM", RS_PRIM, ST_TRANSIENT, F_HELD, "restart: stop_prim, start_prim; no failover" },
	[S_SYNC]	= { "SYNC", RS_SECOND, ST_TRANSIENT, 0, "replicated files are brought up to date from the primary" },
	[S_TO_SECOND]	= { "TO_SECOND", RS_SECOND, ST_TRANSIENT, F_SECOND, "start_second runs" },
	[S_SECOND]	= { "SECOND", RS_SECOND, ST_READY, F_SECOND | F_STABLE, "secondary, ready to take over" },
	[S_SECOND_CLAIM] = { "SECOND_CLAIM", RS_SECOND, ST_TRANSIENT, F_SECOND | F_CLAIM,
	    "the primary has released: wants to take over, waits for its word" },
	[S_TAKEOVER]	= { "TAKEOVER", RS_ALONE, ST_TRANSIENT, F_HELD, "failover: stop_second, start_prim run" },
	[S_LEAVE_SECOND] = { "LEAVE_SECOND", RS_SECOND, ST_TRANSIENT, 0, "stop_second runs" },
	[S_RESTART_SECOND] = { "RESTART_SECOND", RS_SECOND, ST_TRANSIENT, F_SECOND, "restart: stop_second, start_second" },
	[S_SWAP_OUT]	= { "SWAP_OUT", RS_PRIM, ST_TRANSIENT, F_HELD, "swap: stop_prim runs" },
	[S_SWAP_GIVEN]	= { "SWAP_GIVEN", RS_SECOND, ST_TRANSIENT, F_SECOND | F_GIVEN, "swap: released, the other may take" },
	[S_SWAP_CLAIM]	= { "SWAP_CLAIM", RS_SECOND, ST_TRANSIENT, F_SECOND | F_CLAIM, "swap: the other went away, wants to be primary again" },
	[S_TAKEBACK]	= { "TAKEBACK", RS_ALONE, ST_TRANSIENT, F_HELD, "swap failed: start_prim runs again" },
	[S_SWAP_TAKE]	= { "SWAP_TAKE", RS_SECOND, ST_TRANSIENT, F_SECOND | F_CLAIM, "swap: the primary has released, waits for its word" },
	[S_SWAP_IN]	= { "SWAP_IN", RS_PRIM, ST_TRANSIENT, F_HELD, "swap: stop_second, start_prim run" },
	[S_SWAP_SYNC]	= { "SWAP_SYNC", RS_SECOND, ST_TRANSIENT, F_SECOND, "swap: replicated files follow the new primary's" },
	[S_SWAP_SECOND]	= { "SWAP_SECOND", RS_SECOND, ST_TRANSIENT, F_SECOND, "swap: start_second runs" },
	[S_TO_UP]	= { "TO_UP", RS_UP, ST_TRANSIENT, 0, "start_both runs" },
	[S_UP]		= { "UP", RS_UP, ST_READY, F_STABLE, "application started" },
	[S_RESTART_UP]	= { "RESTART_UP", RS_UP, ST_TRANSIENT, 0, "restart: stop_both, start_both" },
	[S_LEAVE_UP]	= { "LEAVE_UP", RS_UP, ST_TRANSIENT, 0, "stop_both runs" },
};

const char *const fsm_event_names[E_COUNT] = {
	[E_NONE] = "none", [E_START] = "start", [E_PRIM] = "prim", [E_SECOND] = "second", [E_STOP] = "stop",
	[E_FORCESTOP] = "forcestop", [E_STOPSTART] = "stopstart", [E_STOPWAIT] = "stopwait", [E_RESTART] = "restart",
	[E_SWAP] = "swap", [E_REVIVE] = "revive", [E_DONE] = "done", [E_DONE_STOP] = "done(stop)", [E_DONE_AGAIN] = "done(again)",
	[E_DONE_WAIT] = "done(wait)", [E_GO_UP] = "go-up", [E_BLOCK] = "block", [E_BLOCK_FAILOVER] = "block-failover-off",
	[E_WAKE] = "wake", [E_CLAIM] = "claim", [E_TAKE_LOST] = "take(peer lost)", [E_TAKE] = "take", [E_YIELD] = "yield",
	[E_FOLLOW] = "follow", [E_ABORT_PRIM] = "abort-prim", [E_ABORT_SECOND] = "abort-second", [E_SECOND_CAME] = "second-came",
	[E_SECOND_LEFT] = "second-left", [E_LOST] = "peer-lost", [E_RELEASED] = "peer-released", [E_SPLIT_STAY] = "split-stay",
	[E_SPLIT_EXIT] = "split-exit", [E_SWAP_ASKED] = "swap-asked", [E_SWAP_GIVEN] = "swap-given", [E_SWAPPED] = "swapped",
	[E_AUTOSWAP] = "autoswap", [E_SYNCED] = "synced", [E_DROPPED] = "dropped", [E_SYNC_FAILED] = "sync-failed",
	[E_SYNC_AGAIN] = "sync-again", [E_STALE] = "stale", [E_INCONSISTENT] = "inconsistent",
};

const struct fsm_tables *
fsm_tables(int mode)
{
	return mode == MODE_MIRROR ? &fsm_mirror : &fsm_light;
}

enum fsm_event
fsm_perceive(int mode, enum fsm_state s, unsigned conds)
{
	const struct fsm_tables *t = fsm_tables(mode);
	size_t i;

	for (i = 0; i < t->nsee; i++) {
		const struct fsm_see *r = &t->see[i];

		if ((r->states & BIT(s)) != 0 && (conds & r->all) == r->all && (conds & r->none) == 0)
			return r->event;
	}
	return E_NONE;
}

const struct fsm_row *
fsm_step(int mode, enum fsm_state s, enum fsm_event e, bool *missing)
{
	static const struct fsm_row nothing = { 0, E_NONE, 0, P_NONE, SAME };
	const struct fsm_tables *t = fsm_tables(mode);
	size_t i;

	if (missing != NULL)
		*missing = false;
	for (i = 0; i < t->nrows; i++)
		if (t->rows[i].event == e && (t->rows[i].states & BIT(s)) != 0)
			return &t->rows[i];
	if (missing != NULL)
		*missing = true;
	return &nothing;
}

unsigned
fsm_bid(enum fsm_state s, int forced_prim, int forced_second, bool failover, int lastprim, bool preferred)
{
	/* continuity first: who is secondary or was primary a moment ago goes before who starts; an operator's "prim" before all */
	if (forced_prim)
		return 64;
	if (s == S_SWAP_CLAIM || s == S_SWAP_GIVEN)
		return 33;
	if (s == S_SECOND_CLAIM || s == S_SWAP_TAKE || s == S_SECOND)
		return 32;
	if (forced_second)
		return 0;
	/* lastprim: 1 yes, 0 no, -1 not known.  Without failover the application stays where it was (user's guide 5.7). */
	if (!failover)
		return lastprim == 0 ? 0 : 1 + (lastprim == 1 ? 4 : 0) + (preferred ? 2 : 0);
	return 1 + (preferred ? 4 : 0) + (lastprim == 1 ? 2 : 0);
}

/* ---- doc/STATES.md ---- */

static const struct { unsigned bit; const char *text; } cond_names[] = {
	{ C_KNOWN, "peer alive" }, { C_LOST, "peer lost" }, { C_PHELD, "peer holds" }, { C_PLEAVING, "peer is leaving" },
	{ C_PACCEPT, "peer accepts a secondary" }, { C_PSECOND, "peer is secondary" }, { C_PSTABLE, "peer is stable" },
	{ C_PCLAIM, "peer claims" }, { C_PGIVEN, "peer has released for the swap" }, { C_PDECIDING, "peer decides" },
	{ C_PASK, "peer asks for a swap" }, { C_PSTARTING, "peer starts and may become primary" }, { C_ACK, "peer has seen this state" },
	{ C_WIN, "our bid wins" }, { C_WINSPLIT, "our rank wins" }, { C_FPRIM, "started by prim" }, { C_FSECOND, "started by second" },
	{ C_NOBID, "may not become primary by itself" }, { C_FAILOFF, "failover off" }, { C_HOLD, "held in WAIT" },
	{ C_AUTOSWAP, "defaultprim wants us primary" }, { C_ASKED, "swap asked" }, { C_SPLITSEEN, "split brain seen" },
	{ C_PDEAF, "peer has lost us" }, { C_NOWITNESS, "no witness" }, { C_PENDING, "first verdicts pending" }, { C_TOLD, "peer had time to see our state" },
	{ C_WHOLE, "both have all that is acknowledged" }, { C_APART, "one acknowledges alone" },
	{ C_INCONSISTENT, "files are inconsistent" }, { C_STALE, "we were frozen" },
};
static const struct { unsigned bit; const char *text; } act_names[] = {
	{ A_GOAL_STOP, "goal stop" }, { A_GOAL_AGAIN, "goal start again" }, { A_GOAL_WAIT, "goal wait" }, { A_FORGET_FORCED, "forget prim/second" },
	{ A_FORCE_PRIM, "remember prim" }, { A_FORCE_SECOND, "remember second" }, { A_KILL, "kill the script" }, { A_DEFER, "later" },
	{ A_REFUSE, "refuse" }, { A_ASK, "ask for the swap" }, { A_RANK_START, "rank 0" }, { A_RANK_TAKEOVER, "rank 1" }, { A_RANK_PRIM, "rank 2" },
	{ A_SAY_NOHB, "say: no heartbeat" }, { A_SAY_REMOTE_STOP, "say: remote stop" }, { A_SAY_FAILOVER_OFF, "say: failover-off" },
	{ A_SAY_SPLIT_STAY, "say: staying alone" }, { A_SAY_SPLIT_EXIT, "say: exiting alone" }, { A_SAY_PRIM_ABORTED, "say: prim aborted" },
	{ A_SAY_SECOND_ABORTED, "say: second aborted" }, { A_SAY_SWAP_BEGIN, "say: begin of swap" }, { A_SAY_SWAP_END, "say: end of swap" },
	{ A_SAY_END_OF_STOP, "say: end of stop" }, { A_SAY_AUTO_START, "say: started automatically" }, { A_SAY_SWAP_SYSTEM, "say: swap from SYSTEM" },
	{ A_SAY_SWAP_DEFAULTPRIM, "say: swap from defaultprim" }, { A_SAY_WAKEUP, "say: wakeup" }, { A_LASTPRIM_YES, "last primary: us" },
	{ A_LASTPRIM_NO, "last primary: the other" }, { A_FAILOVER_END, "failover ended" }, { A_SAY_INCONSISTENT, "say: inconsistent" },
};

static const char *const vip_words[] = { [FV_NONE] = "", [FV_ON] = "addresses set", [FV_SERVE] = "share of the load taken",
    [FV_DRAIN] = "share given up", [FV_OFF] = "addresses taken away" };

static const char *const rfs_words[] = { [RF_NONE] = "", [RF_OFF] = "folders not mounted", [RF_ALONE] = "folders mounted, alone",
    [RF_PRIM] = "folders mounted, with secondary", [RF_GIVEN] = "folders given to the other", [RF_SYNC] = "synchronising begun",
    [RF_SECOND] = "folders follow the primary" };

static void
print_around(FILE *f, enum fsm_vip vip, enum fsm_rfs rfs)
{
	fprintf(f, "%s%s%s", vip_words[vip], vip_words[vip][0] != '\0' && rfs_words[rfs][0] != '\0' ? ", " : "", rfs_words[rfs]);
}

static void
print_states(FILE *f, uint64_t states, uint64_t all)
{
	const char *sep = "";
	int s;

	if (states == all) {
		fputs("any", f);
		return;
	}
	for (s = 0; s < S_COUNT; s++)
		if ((states & BIT(s)) != 0) {
			fprintf(f, "%s%s", sep, fsm_states[s].name);
			sep = ", ";
		}
}

static void
print_bits(FILE *f, unsigned bits, const void *names, size_t n)
{
	const struct { unsigned bit; const char *text; } *row = names;
	const char *sep = "";
	size_t i;

	for (i = 0; i < n; i++)
		if ((bits & row[i].bit) != 0) {
			fprintf(f, "%s%s", sep, row[i].text);
			sep = ", ";
		}
}

static void
print_mode(FILE *f, const char *title, const struct fsm_tables *t)
{
	size_t i;
	int s;

	fprintf(f, "\n## %s\n\n| state | users see | others hear | meaning |\n|---|---|---|---|\n", title);
	for (s = 0; s < S_COUNT; s++)
		if ((t->states & BIT(s)) != 0)
			fprintf(f, "| %s | %s %s | %s%s%s | %s |\n", fsm_states[s].name, rpt_state_names[fsm_states[s].state],
			    rpt_status_names[fsm_states[s].status], (fsm_states[s].flags & F_HELD) ? "holds " : "",
			    (fsm_states[s].flags & F_CLAIM) ? "claims " : "", (fsm_states[s].flags & F_SECOND) ? "secondary" : "",
			    fsm_states[s].meaning);
	fputs("\n### What we see\nFirst matching row wins.\n\n| while in | we know | and not | so |\n|---|---|---|---|\n", f);
	for (i = 0; i < t->nsee; i++) {
		fputs("| ", f);
		print_states(f, t->see[i].states, t->states);
		fputs(" | ", f);
		print_bits(f, t->see[i].all, cond_names, ARRAY_LEN(cond_names));
		fputs(" | ", f);
		print_bits(f, t->see[i].none, cond_names, ARRAY_LEN(cond_names));
		fprintf(f, " | %s |\n", fsm_event_names[t->see[i].event]);
	}
	fputs("\n### What we do\n\n| while in | this happens | do at once | run | and become |\n|---|---|---|---|---|\n", f);
	for (i = 0; i < t->nrows; i++) {
		fputs("| ", f);
		print_states(f, t->rows[i].states, t->states);
		fprintf(f, " | %s | ", fsm_event_names[t->rows[i].event]);
		print_bits(f, t->rows[i].acts, act_names, ARRAY_LEN(act_names));
		fprintf(f, " | %s | %s |\n", t->rows[i].plan == P_NONE ? "" : fsm_plans[t->rows[i].plan].name,
		    t->rows[i].next == SAME ? "(same)" : fsm_states[t->rows[i].next].name);
	}
}

void
fsm_print_doc(void *file)
{
	FILE *f = file;
	int p, i;

	fputs("# States\n\nPrinted by `make states-doc` from the tables in engine/fsm; do not edit.\n\n"
	    "A server *holds* while its application may run as primary. Invariants, checked by tests/sim after every step:\n\n"
	    "1. A server begins to hold only when the other one is lost (no heartbeat for the timeout, or it tells that it has lost us), or\n"
	    "   while the other one does not hold. So there are never two primaries without a partition.\n"
	    "2. A server whose secondary role was last (failover off) never becomes primary by itself.\n"
	    "3. Of two primaries that meet after a partition the one with the lower rank leaves (2: stayed primary of the pair, 1: took\n"
	    "   over, 0: was started alone), on a tie the later one in cluster.xml; the other stays, and exactly one leaves.\n"
	    "4. After healing the pair converges to PRIM/SECOND; a stopped module stays stopped.\n"
	    "5. Automatic actions stop at maxloop. Every script run belongs to a row; every state that runs a plan has a way on.\n"
	    "6. Where files are replicated: who becomes primary by itself has everything that was acknowledged, unless the network was cut.\n"
	    "   A primary that was told that its secondary has all (paired) lets nothing be acknowledged alone before the other one is lost\n"
	    "   or has heard that it is dropped and is none; a secondary whose primary no longer tells that it is paired leaves.\n", f);
	print_mode(f, "Mirror", &fsm_mirror);
	print_mode(f, "Light and farm", &fsm_light);
	fputs("\n## Script plans\nScripts get: `[force] from to action`. Virtual addresses, the farm's load and (where files are replicated)\n"
	    "folders: what is true before the first script runs, what is ordered after the last one and true before the plan counts as done.\n\n"
	    "| plan | from | to | before | scripts | after |\n|---|---|---|---|---|---|\n", f);
	for (p = 1; p < P_COUNT; p++) {
		fprintf(f, "| %s | %s | %s | ", fsm_plans[p].name, rpt_state_names[fsm_plans[p].from], rpt_state_names[fsm_plans[p].to]);
		print_around(f, fsm_plan_vip_before(p), fsm_plan_rfs_before(p));
		fputs(" | ", f);
		for (i = 0; i < PLAN_STEPS_MAX && fsm_plans[p].steps[i].script != NULL; i++)
			fprintf(f, "%s%s%s", i > 0 ? ", " : "", fsm_plans[p].steps[i].script, fsm_plans[p].steps[i].force ? " force" : "");
		fputs(" | ", f);
		print_around(f, fsm_plan_vip_after(p), fsm_plan_rfs_after(p));
		fputs(" |\n", f);
	}
}
