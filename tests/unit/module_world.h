/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module_world.h: two servers with the real module.c and pulse.c, a virtual clock, cables to cut, scripts that end when told.
 * Included by t_module.c and t_failover.c.  A beat needs 1 ms; a script 5 ms unless the side holds its scripts.
 */
#ifndef TEST_MODULE_WORLD_H
#define TEST_MODULE_WORLD_H

#include "module/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAYBE_UNUSED	__attribute__((unused))	/* not by each of those who include this */
#define LANS		2
#define PULSE		100
#define TIMEOUT		1000
#define NET_MS		1
#define SCRIPT_MS	5
#define WIRE_MAX	512
#define LOG_MAX		512
#define BUSY_MAX	500	/* rounds of the loop in one virtual ms: more is a busy loop */

struct said { char text[SK_TEXT_MAX]; };
struct told { int type; char object[SK_RES_MAX], from[SK_VALUE_MAX], to[SK_VALUE_MAX]; };
struct side {
	struct world *w;
	int	 index;
	bool	 alive, hold_scripts;
	struct mod m;
	struct mod_record disk;
	uint32_t running;	/* plan's number, 0 none */
	int64_t	 script_end;
	int	 script_failures;	/* what the next plans report */
	int	 kills, reboots;
	int	 alones, refuses, forces;	/* what rfsd was told */
	bool	 slow_rfsd;
	enum fsm_plan plans[LOG_MAX];
	int	 plans_count;
	char	 words[LOG_MAX][16];	/* third argument of each plan */
	struct said log[LOG_MAX];
	int	 log_count;
	struct told notices[LOG_MAX];
	int	 notices_count;
	struct beat last_beat;
	char	 hb_value[LANS][16];
};
struct flying { int64_t at; int from, hb; struct beat b; };
struct world {
	int64_t	 now, wall;
	struct side s[2];
	bool	 cut[2][LANS];	/* from side, lan */
	struct flying wire[WIRE_MAX];
	int	 wire_count;
};
static struct world W;

static void
hook_send(void *ctx, int hb, const struct beat *b)
{
	struct side *s = ctx;
	struct flying *f;
	uint8_t bytes[BEAT_MAX];

	if (!beat_decode(bytes, beat_encode(b, bytes), &s->last_beat))
		fail_msg("n%d tells what the other one does not understand", s->index + 1);
	if (s->w->cut[s->index][hb] || !s->w->s[1 - s->index].alive)
		return;
	assert_true(s->w->wire_count < WIRE_MAX);
	f = &s->w->wire[s->w->wire_count++];
	*f = (struct flying){ s->w->now + NET_MS, s->index, hb, s->last_beat };
}

static void
hook_run(void *ctx, enum fsm_plan plan, uint32_t seq, const char *action)
{
	struct side *s = ctx;

	if (plan == P_SYNC && !s->m.conf.rfs) {	/* nothing to do */
		mod_script_done(&s->m, seq, 0, s->w->now);
		return;
	}
	if (s->m.conf.rfs && fsm_plan_rfs_before(plan) == RF_ALONE && !s->slow_rfsd)
		mod_rfs_paired(&s->m, false);
	assert_true(s->plans_count < LOG_MAX);
	str_copy(s->words[s->plans_count], sizeof(s->words[0]), action);
	s->plans[s->plans_count++] = plan;
	s->running = seq;
	s->script_end = s->w->now + SCRIPT_MS;
}

static void
hook_kill(void *ctx)
{
	struct side *s = ctx;

	s->running = 0;
	s->kills++;
}

static void
hook_log(void *ctx, enum message m, const char *text)
{
	struct side *s = ctx;

	if (m == MSG_DEBUG)
		fail_msg("n%d: %s", s->index + 1, text);	/* a missing row, or tables that do not settle */
	assert_true(s->log_count < LOG_MAX);
	str_copy(s->log[s->log_count++].text, SK_TEXT_MAX, text);
}

static void
hook_report(void *ctx, const struct rpt_module *r)
{
	assert_true(r->state >= 0 && r->state < RS_COUNT && r->status >= 0 && r->status < ST_COUNT);
}

static void
hook_resource(void *ctx, const char *name, const char *value, const char *by)
{
	struct side *s = ctx;
	char hb[SK_RES_MAX];
	int i;

	for (i = 0; i < LANS; i++) {
		snprintf(hb, sizeof(hb), "heartbeat.lan%d", i);
		if (strcmp(hb, name) == 0)
			str_copy(s->hb_value[i], sizeof(s->hb_value[i]), value);
	}
}

static void
hook_notice(void *ctx, int type, const char *object, const char *from, const char *to, const char *text)
{
	struct side *s = ctx;
	struct told *t;

	assert_true(s->notices_count < LOG_MAX);
	t = &s->notices[s->notices_count++];
	t->type = type;
	str_copy(t->object, sizeof(t->object), object);
	str_copy(t->from, sizeof(t->from), from);
	str_copy(t->to, sizeof(t->to), to);
}

static void
hook_persist(void *ctx, const struct mod_record *r)
{
	((struct side *)ctx)->disk = *r;
}

static void
hook_reboot(void *ctx)
{
	((struct side *)ctx)->reboots++;
}

static void
hook_rfs_alone(void *ctx)
{
	struct side *s = ctx;

	s->alones++;
	if (!s->slow_rfsd)
		mod_rfs_paired(&s->m, false);
}

static void
hook_rfs_refuse(void *ctx)
{
	((struct side *)ctx)->refuses++;
}

static void
hook_rfs_force(void *ctx, bool primforce)
{
	((struct side *)ctx)->forces += primforce ? 100 : 1;
}

static int64_t
hook_wall(void *ctx)
{
	return ((struct side *)ctx)->w->wall;
}

static struct mod_conf
conf_of(int index)
{
	struct mod_conf c = { .name = "m", .id = 7, .mode = MODE_MIRROR, .self = index, .peer = 1 - index, .hb_count = LANS, .failover = true,
		.maxloop = 3, .loop_interval_ms = 24 * 3600000LL, .boot = BOOT_OFF };
	int i;

	str_copy(c.nodes[0], sizeof(c.nodes[0]), "n1");
	str_copy(c.nodes[1], sizeof(c.nodes[1]), "n2");
	for (i = 0; i < LANS; i++) {
		snprintf(c.hb[i].ident, sizeof(c.hb[i].ident), "lan%d", i);
		c.hb[i].pulse_ms = PULSE;
		c.hb[i].timeout_ms = TIMEOUT;
	}
	return c;
}

/* Server i is switched on: a new life on its disk */
static void
power_on(int i, const struct mod_conf *conf)
{
	static const struct mod_hooks hooks = { NULL, hook_send, hook_run, hook_kill, hook_log, hook_report, hook_resource, hook_notice,
		hook_persist, hook_reboot, hook_rfs_alone, hook_rfs_refuse, hook_rfs_force, hook_wall };
	struct side *s = &W.s[i];
	struct mod_hooks h = hooks;
	struct mod_record rec = s->disk;

	h.ctx = s;
	s->w = &W;
	s->index = i;
	s->alive = true;
	s->running = 0;
	rec.life++;
	s->disk = rec;
	mod_init(&s->m, conf, &h, &rec, rec.life, W.now);
}

static void
power_off(int i)
{
	W.s[i].alive = false;
	W.s[i].running = 0;
}

static int
world_setup(void **state)
{
	memset(&W, 0, sizeof(W));
	W.now = 1000;
	W.wall = 1700000000000;
	W.s[0].disk.lastprim = W.s[1].disk.lastprim = -1;
	W.s[0].disk.failover = W.s[1].disk.failover = -1;
	return 0;
}

static void
both_on(void)
{
	struct mod_conf a = conf_of(0), b = conf_of(1);

	power_on(0, &a);
	power_on(1, &b);
}

static void
deliver(void)
{
	int i, left = 0, n = W.wire_count;
	static struct flying due[WIRE_MAX];
	int count = 0;

	for (i = 0; i < n; i++)
		if (W.wire[i].at <= W.now)
			due[count++] = W.wire[i];
		else
			W.wire[left++] = W.wire[i];
	W.wire_count = left;
	for (i = 0; i < count; i++) {
		struct side *to = &W.s[1 - due[i].from];

		if (to->alive && !W.cut[due[i].from][due[i].hb])
			mod_receive(&to->m, due[i].hb, &due[i].b, W.now);
	}
	for (i = 0; i < 2 && count > 0; i++)
		if (W.s[i].alive)
			mod_settle(&W.s[i].m, W.now);
}

static int64_t
next_of(void)
{
	int64_t next = INT64_MAX;
	int i;

	for (i = 0; i < W.wire_count; i++)
		if (W.wire[i].at < next)
			next = W.wire[i].at;
	for (i = 0; i < 2; i++) {
		const struct side *s = &W.s[i];

		if (s->alive && mod_next(&s->m) < next)
			next = mod_next(&s->m);
		if (s->alive && s->running != 0 && !s->hold_scripts && s->script_end < next)
			next = s->script_end;
	}
	return next;
}

static void
end_script(struct side *s)
{
	uint32_t seq = s->running;

	s->running = 0;
	mod_script_done(&s->m, seq, s->script_failures, W.now);
}

/* Let ms pass.  A module whose next tick never comes into the future would spin: that fails. */
static void
pass(int64_t ms)
{
	int64_t end = W.now + ms, next;
	int i, rounds = 0;

	while ((next = next_of()) <= end) {
		if (next > W.now) {
			W.wall += next - W.now;
			W.now = next;
			rounds = 0;
		} else if (++rounds > BUSY_MAX) {
			fail_msg("busy loop at %lld", (long long)W.now);
		}
		deliver();
		for (i = 0; i < 2; i++) {
			struct side *s = &W.s[i];

			if (s->alive && s->running != 0 && !s->hold_scripts && s->script_end <= W.now)
				end_script(s);
			if (s->alive && mod_next(&s->m) <= W.now) {
				mod_tick(&s->m, W.now);
				assert_true(mod_next(&s->m) > W.now);
			}
		}
	}
	W.wall += end - W.now;
	W.now = end;
}

static uint32_t
act_as(int i, enum rpt_verb verb, const char *identity)
{
	char err[SK_TEXT_MAX] = "";

	return mod_action(&W.s[i].m, verb, identity != NULL ? identity : "SYSTEM/root", identity, W.now, err, sizeof(err));
}

static uint32_t
act(int i, enum rpt_verb verb)
{
	return act_as(i, verb, NULL);
}

static int
said(int i, const char *text)
{
	int k, n = 0;

	for (k = 0; k < W.s[i].log_count; k++)
		n += strcmp(W.s[i].log[k].text, text) == 0;
	return n;
}

static int
ran(int i, enum fsm_plan plan)
{
	int k, n = 0;

	for (k = 0; k < W.s[i].plans_count; k++)
		n += W.s[i].plans[k] == plan;
	return n;
}

static int MAYBE_UNUSED
noticed(int i, int type, const char *to)
{
	int k, n = 0;

	for (k = 0; k < W.s[i].notices_count; k++)
		n += W.s[i].notices[k].type == type && (to == NULL || strcmp(W.s[i].notices[k].to, to) == 0);
	return n;
}

static void
state_is(int i, enum fsm_state want)
{
	if (W.s[i].m.state != want)
		fail_msg("n%d is in %s, expected %s", i + 1, fsm_states[W.s[i].m.state].name, fsm_states[want].name);
}

static void
cut(int from, bool yes)
{
	int i;

	for (i = 0; i < LANS; i++)
		W.cut[from][i] = yes;
}

/* n1 PRIM, n2 SECOND */
static void MAYBE_UNUSED
pair_up(void)
{
	both_on();
	pass(500);
	act(0, VERB_START);
	pass(500);
	act(1, VERB_START);
	pass(500);
	state_is(0, S_PRIM);
	state_is(1, S_SECOND);
}

#endif
