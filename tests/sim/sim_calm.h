/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_calm.h: part of sim.c: the end of a history: everything is repaired, and what has to come of that. */

/* Everything is repaired; whoever is stopped is started: what then? */
static void
calm_down(void)
{
	int i, r;

	S.calm = true;
	memset(S.cut, 0, sizeof(S.cut));
	S.drop = S.dup = 0;
	S.delay = 5;
	S.quiet_ms = S.now + 20000;
	model_link(true);
	story(-1, "---- calm ----");
	for (i = 0; i < 2; i++) {
		struct node *n = &S.n[i];

		if (n->frozen)
			thaw(i);
		if (!n->power) {
			n->power = true;
			heart_born(i, false);
		}
		n->on = rng_below(&S.rng, 8) != 0;
		for (r = 0; r < RESOURCES; r++)
			set_health(i, r, RH_UP);
	}
}

static void
keep_wish(void)
{
	char err[SK_TEXT_MAX];
	int i;

	for (i = 0; i < 2; i++) {
		struct node *n = &S.n[i];

		if (S.calm && n->heart && !n->on && !n->told) {
			n->told = true;
			mod_action(&n->mod, VERB_STOP, "SYSTEM/root", NULL, node_now(n), err, sizeof(err));
		}
		if (S.calm && n->heart && n->on && n->mod.state == S_STOP && n->mod.run_seq == 0)
			mod_action(&n->mod, VERB_START, "SYSTEM/root", NULL, node_now(n), err, sizeof(err));
	}
}

/* What the end should be; NULL when it is so, else what is wrong */
static const char *
not_settled(void)
{
	static char why[128];
	enum fsm_state a = S.n[0].mod.state, b = S.n[1].mod.state;
	int on = S.n[0].on + S.n[1].on, i;

	for (i = 0; i < 2; i++) {
		struct node *n = &S.n[i];

		snprintf(why, sizeof(why), "n%d was stopped and is %s", i + 1, fsm_states[n->mod.state].name);
		if (!n->on && n->mod.state != S_STOP)
			return why;
		snprintf(why, sizeof(why), "n%d: application %s in state %s", i + 1, n->app ? "runs" : "does not run", fsm_states[n->mod.state].name);
		if (n->app != mod_holds(&n->mod))
			return why;
		snprintf(why, sizeof(why), "the only started server is %s", fsm_states[n->mod.state].name);
		if (on == 1 && n->on && n->mod.state != S_ALONE &&
		    !(n->mod.state == S_BLOCKED && (mod_conditions(&n->mod) & C_NOBID) != 0))
			return why;
	}
	snprintf(why, sizeof(why), "no pair after healing: n1 %s, n2 %s", fsm_states[a].name, fsm_states[b].name);
	if (WITH_RFS && on == 2 && a == S_BLOCKED && b == S_BLOCKED && !model_uptodate(0) && !model_uptodate(1) &&
	    model_lastprim(0) == model_lastprim(1) && (!S.strict || !model_begun()))
		return NULL;	/* an operator has to say whose data counts */
	if (on == 2 && !((a == S_PRIM && b == S_SECOND) || (a == S_SECOND && b == S_PRIM)) &&
	    !(a == S_BLOCKED && b == S_BLOCKED && S.n[0].mod.rec.lastprim == 0 && S.n[1].mod.rec.lastprim == 0))
		return why;
	snprintf(why, sizeof(why), "the servers do not have the same data");
	if (WITH_RFS && on == 2 && a != S_BLOCKED && !model_equal())
		return why;
	return NULL;
}

static void
judge_end(void)
{
	const char *why = not_settled();

	story(-1, "end: n1 %s, n2 %s", fsm_states[S.n[0].mod.state].name, fsm_states[S.n[1].mod.state].name);
	if (why != NULL)
		broken("%s", why);
	S.stuck += WITH_RFS && S.n[0].on && S.n[1].on && S.n[0].mod.state == S_BLOCKED && S.n[1].mod.state == S_BLOCKED;
}

/* The end may come as soon as it has been as it should for long enough to show that nothing is on its way. */
static bool
rests(void)
{
	if (!S.calm || not_settled() != NULL) {
		S.rest_ms = S.now;
		return false;
	}
	return S.now - S.rest_ms > 2 * S.timeout + 2000;
}
