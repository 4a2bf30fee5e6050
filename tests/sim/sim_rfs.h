/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_rfs.h: part of sim.c: what heart does between the module and its rfsd (rfs_model.h), lines that need time and wait for who is frozen. */

static void
hear_line(int i, struct told_line l)
{
	struct node *n = &S.n[i];
	bool waits = n->want_waits && l.seq == n->want_seq;

	switch (l.what) {
	case TOLD_ACK:
		n->want_done = n->want_done || l.seq == n->want_seq;
		if (l.seq == n->want_seq)
			mod_rfs_acked(&n->mod);
		if (!waits)
			break;
		n->want_waits = false;
		if (n->want_after)
			script_over(n, n->script_seq, n->failures);
		else
			hook_run(n, n->script_plan, n->script_seq, "rfs");
		break;
	case TOLD_CANNOT:
		story(i, "rfsd cannot: %s", fsm_rfs_names[l.value]);
		if (!waits)
			break;
		n->want_waits = false;
		if (l.value == RF_PRIM) {
			mod_rfs_ask(&n->mod, "cannot");
			hook_run(n, n->script_plan, n->script_seq, "rfs");
		} else {
			mod_rfs_lost(&n->mod, "cannot", l.value == RF_GIVEN, node_now(n));
		}
		break;
	case TOLD_SYNCED:
		if (n->want == RF_SYNC && l.seq == n->want_seq)
			mod_rfs_synced(&n->mod);
		break;
	case TOLD_FAILED:
		if (n->want == RF_SYNC && l.seq == n->want_seq)
			mod_rfs_failed(&n->mod, "interrupted", l.value != 0);
		break;
	case TOLD_ASK:
		mod_rfs_ask(&n->mod, "no stream");
		break;
	case TOLD_PAIRED: case TOLD_UNPAIRED:
		mod_rfs_paired(&n->mod, l.what == TOLD_PAIRED);
		break;
	case TOLD_FACTS:
		mod_rfs_inconsistent(&n->mod, l.value != 0);
		break;
	case TOLD_UPTODATE: case TOLD_LASTPRIM:
		story(i, "rfsd says %s %s", l.what == TOLD_UPTODATE ? "uptodate" : "lastprim", l.value ? "up" : "down");
		if (l.what == TOLD_LASTPRIM)
			n->lastprim_said = l.value != 0;
		if (n->mod.state != S_STOP)
			mod_resource(&n->mod, l.what == TOLD_UPTODATE ? "rfs.uptodate" : "rfs.lastprimstate", l.value ? "up" : "down",
			    l.value ? RH_UP : RH_DOWN, false, "nfsadmin");
		break;
	}
	mod_settle(&n->mod, node_now(n));
}

static void
hear_lines(int i)
{
	struct node *n = &S.n[i];

	while (n->lines > 0 && n->power && n->heart && !n->frozen) {
		struct told_line l = n->line[0];

		memmove(n->line, n->line + 1, (size_t)--n->lines * sizeof(l));
		hear_line(i, l);
	}
}

static void
rfsd_tells(int i, struct told_line l)
{
	struct item it = { .at = S.now + rng_below(&S.rng, 20), .what = W_LINE, .node = i, .life = S.n[i].life };

	if (!S.n[i].heart || S.n[i].lines == LINES_MAX)
		return;
	S.n[i].line[S.n[i].lines++] = l;
	push(it);
}

static void
rfsd_broken(const char *why)
{
	broken("%s", why);
}

/* What happens in the very moment of a hand-over is what breaks protocols. */
static void
maybe_fault(void)
{
	struct item it = { .at = S.now + rng_below(&S.rng, 60), .what = W_FAULT, .node = (int)rng_below(&S.rng, 2) };

	if (!S.calm && rng_below(&S.rng, 6) == 0)
		push(it);
}

static void
fault(int i)
{
	struct node *n = &S.n[i];

	if (S.calm || !n->power)
		return;
	switch (rng_below(&S.rng, 4)) {
	case 0:
		power_off(i);
		break;
	case 1:
		heart_dies(i);
		break;
	case 2:
		freeze(i);
		break;
	default:
		story(-1, "replication's network DOWN");
		model_link(false);
	}
}

static void
rfsd_story(int i, const char *what)
{
	maybe_fault();
	story(i, "rfsd %s (%ld acknowledged)", what, model_count(0));
}

/* It lives from the start of the module until STOP; its resources are seen as long. */
static void
rfsd_live(int i)
{
	static const char *const names[] = { "rfs.uptodate", "rfs.lastprimstate" };
	struct node *n = &S.n[i];
	size_t k;

	if (!WITH_RFS || !n->power || !n->heart)
		return;
	if (n->mod.state != S_STOP && !n->shown) {
		n->shown = true;
		model_born(i);
	} else if (n->mod.state == S_STOP && n->shown) {
		n->shown = n->want_done = false;
		n->lines = 0;
		model_end(i);
		for (k = 0; k < ARRAY_LEN(names); k++)
			mod_resource(&n->mod, names[k], "unknown", RH_UNKNOWN, false, "heart");
	}
}

static void
rfsd_step(int i)
{
	struct node *n = &S.n[i];
	struct item again = { .at = S.now + 5 + rng_below(&S.rng, 60), .what = W_RFSD, .node = i };

	model_step(i, S.now - n->stepped_ms, n->power && n->app && S.now < S.quiet_ms);
	n->stepped_ms = S.now;
	push(again);
}
