/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim_rules.h: part of sim.c: failover rules made at random. */

static void PRINTFLIKE(2, 3)
add_text(size_t *len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*len += (size_t)vsnprintf(S.rules + *len, sizeof(S.rules) - *len, fmt, ap);
	va_end(ap);
}

/* One thing that is not so while everything is well: what a calm end has to come to */
static void
random_atom(size_t *len)
{
	static const char *const classes[] = { "ping", "tcp", "intf", "custom", "heartbeat", "?" }, *const ids[] = { "a", "b", "c", "?" };
	const unsigned n = ARRAY_LEN(classes) - WITH_RFS;	/* some of rfs.* are always down */
	const char *class_name = classes[rng_below(&S.rng, n)], *id = ids[rng_below(&S.rng, ARRAY_LEN(ids))];
	const char *where = rng_below(&S.rng, 3) == 0 ? "remote." : rng_below(&S.rng, 4) == 0 ? "local." : "";

	switch (rng_below(&S.rng, 6)) {
	case 0:
		add_text(len, "cluster() == down");
		break;
	case 1:
		add_text(len, "(hostname() == \"n%u\" && %stcp.a == down)", 1 + rng_below(&S.rng, 2), where);
		break;
	case 2:
		add_text(len, "!(ping.%s == up || ping.%s == unknown)", id[0] == '?' ? "a" : "b", "zz");
		break;
	case 3:
		add_text(len, "(%s%s.%s == init && TRUE)", where, class_name, id);
		break;
	default:
		add_text(len, "%s%s.%s == %s", where, class_name, id, rng_below(&S.rng, 3) == 0 ? "DOWN" : "down");
	}
}

static void
random_rules(void)
{
	static const char *const actions[] = { "wait()", "wait()", "restart()", "stopstart()", "swap()", "stop()", "custom.d = up", "ping.b = up" };
	size_t len = 0;
	int i, k, n = 1 + (int)rng_below(&S.rng, 6), atoms;

	for (i = 0; i < n; i++) {
		add_text(&len, "r%d: if (", i);
		atoms = 1 + (int)rng_below(&S.rng, 3);
		for (k = 0; k < atoms; k++) {
			if (k > 0)
				add_text(&len, rng_below(&S.rng, 2) == 0 ? " && " : " || ");
			random_atom(&len);
		}
		add_text(&len, ") then %s;\n", actions[rng_below(&S.rng, ARRAY_LEN(actions))]);
	}
}
