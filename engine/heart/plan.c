/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.c: what stands around the scripts of a plan: before them what they stop is no longer watched, virtual addresses and replicated folders are
 * as the plan wants them and the health check file is gone (ordered together, all awaited); after them addresses, load and folders again, then what they
 * started is watched, and the module hears that the plan is done.
 */
#include "config.h"
#include "heart/heart.h"

enum phase { PH_NONE, PH_BEFORE, PH_SCRIPTS, PH_AFTER };
static struct plan { enum phase phase; enum fsm_plan plan; uint32_t seq; char action[16]; int failures; } P;

static void
end(void)
{
	struct plan done = P;

	P.phase = PH_NONE;	/* what the module hears now may begin the next one */
	heart_check_on(done.plan);
	mod_script_done(&H.mod, done.seq, done.failures, clock_mono_ms());
	heart_at_rest();
}

void
heart_plan_go(void)
{
	if (P.phase == PH_BEFORE && !heart_check_waits() && !heart_vip_waits() && !heart_rfs_waits() && !heart_ready_waits()) {
		P.phase = PH_SCRIPTS;
		runner_run(H.runner, P.plan, P.seq, P.action);
	} else if (P.phase == PH_AFTER && !heart_vip_waits() && !heart_rfs_waits()) {
		end();
	}
}

void
heart_run(enum fsm_plan plan, uint32_t seq, const char *action)
{
	P.phase = PH_BEFORE;
	P.plan = plan;
	P.seq = seq;
	P.failures = 0;
	str_copy(P.action, sizeof(P.action), action);
	if (plan == P_PRESTART) {
		heart_vip_start();
		heart_rfs_prestart();
	}
	heart_rfs_order(fsm_plan_rfs_before(plan));
	heart_vip_order(fsm_plan_vip_before(plan));	/* first: nobody waits for an address because a checker ends slowly */
	if (plan == P_SEC_ON)
		heart_vip_announce();	/* the other one may have had the addresses (split brain), and neighbours believe it */
	if (plan == P_PRESTART)
		heart_check_start();
	heart_check_off(plan);
	heart_plan_go();
}

void
heart_run_killed(void)
{
	P.phase = PH_NONE;
	heart_vip_order(FV_NONE);
	heart_rfs_killed();
}

void
heart_run_done(uint32_t seq, int failures)
{
	if (P.phase != PH_SCRIPTS || seq != P.seq)
		return;		/* of a plan that was given up */
	P.failures += failures;
	P.phase = PH_AFTER;
	heart_vip_order(fsm_plan_vip_after(P.plan));
	heart_rfs_order(fsm_plan_rfs_after(P.plan));
	heart_plan_go();
}

void
heart_plan_failed(void)
{
	P.failures++;
	mod_script_failed(&H.mod);
}
