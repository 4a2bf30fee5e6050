/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pulse.c: keeps the module's heartbeats: when to send, what the peer told, when it counts as lost.
 */
#include "config.h"
#include "module/module.h"
#include "module/internal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The owner's part of the report, from the configuration */
static void
report_conf(struct mod *m)
{
	struct rpt_module *r = &m->report;
	const struct mod_conf *c = &m->conf;

	r->id = c->id;
	str_copy(r->name, sizeof(r->name), c->name);
	r->mode = c->mode;
	r->loop_max = (uint32_t)c->maxloop;
	r->failover = m->rec.failover >= 0 ? m->rec.failover : c->failover;
	r->boot = c->boot;
	r->encryption = c->encryption;
	r->heartbeats = (uint32_t)c->hb_count;
	str_copy(r->peer, sizeof(r->peer), c->peer >= 0 ? c->nodes[c->peer] : "");
	str_copy(r->signature, sizeof(r->signature), c->signature);
	r->config_ms = c->config_ms;
}

static void
publish_settings(struct mod *m)
{
	char name[SK_RES_MAX];
	int i;

	mod_own_resource(m, "state.local", rpt_state_names[m->report.state], "heart");
	mod_own_resource(m, "usersetting.checker", m->rec.checkers_off ? "off" : "on", "heart");
	mod_own_resource(m, "usersetting.errd", m->rec.errd_off ? "off" : "on", "heart");
	if (m->conf.witness[0] != '\0')
		mod_own_resource(m, "splitbrain.uptodate", m->rec.split_out ? "down" : "up", "splitbraincheck");
	if (m->conf.mode == MODE_MIRROR) {
		mod_own_resource(m, "state.remote", rpt_state_names[m->report.peer_state], "heart");
		mod_own_resource(m, "usersetting.failover", m->report.failover ? "on" : "off", "heart");
	}
	mod_own_resource(m, "usersetting.boot", rpt_boot_names[m->conf.boot], "heart");
	mod_own_resource(m, "usersetting.encryption", m->conf.encryption ? "on" : "off", "heart");
	for (i = 0; i < m->conf.hb_count; i++) {
		snprintf(name, sizeof(name), "heartbeat.%s", m->conf.hb[i].ident);
		mod_own_resource(m, name, m->hb[i].state == HB_UP ? "up" : m->hb[i].state == HB_DOWN ? "down" : "init", "heart");
	}
}

static void
listen_anew(struct mod *m)
{
	int i;

	memset(m->hb, 0, sizeof(m->hb));
	memset(&m->peer, 0, sizeof(m->peer));
	m->peer.state = RS_UNKNOWN;
	m->peer.status = ST_UNKNOWN;
	m->report.peer_state = RS_UNKNOWN;
	m->report.peer_status = ST_UNKNOWN;
	m->report.heartbeats_up = 0;
	m->start_ms = m->sc_ms = m->now;
	m->lease_ms = INT64_MAX;
	for (i = 0; i < m->conf.hb_count; i++) {
		m->hb[i].next_tx = m->now;
		if (m->conf.hb[i].timeout_ms < m->lease_ms)
			m->lease_ms = m->conf.hb[i].timeout_ms;
	}
}

void
mod_init(struct mod *m, const struct mod_conf *conf, const struct mod_hooks *hooks, const struct mod_record *rec,
    uint64_t incarnation, int64_t now)
{
	memset(m, 0, sizeof(*m));
	m->conf = *conf;
	m->hooks = *hooks;
	m->rec = *rec;
	m->incarnation = incarnation;
	m->now = now;
	m->state = S_STOP;
	m->sc = 1;
	m->goal = A_GOAL_STOP;
	m->action_word = "start";
	m->report.state = m->report.prev_state = RS_STOP;
	m->report.status = ST_NOTREADY;
	m->report.since_ms = m->report.counters_ms = hooks->wall_ms(hooks->ctx);
	m->report.loop_count = (uint32_t)rec->loops;
	if (m->conf.maxloop > MOD_LOOP_MAX)
		m->conf.maxloop = MOD_LOOP_MAX;
	report_conf(m);
	listen_anew(m);
	mod_failover_reset(m);
	mod_publish(m);
	publish_settings(m);
}

void
mod_born(struct mod *m, bool revive)
{
	if (!m->rec.running)
		return;
	mod_say(m, MSG_PREVIOUS_HALT);
	str_copy(m->cause, sizeof(m->cause), message_rows[MSG_PREVIOUS_HALT].format);
	m->rec.rank = 0;
	if (!revive) {
		m->rec.running = false;
		mod_persist(m);
		return;
	}
	m->rfs.stale = m->conf.rfs;	/* for how long was it dead? */
	/* our predecessor died under a running application: stop what may run, then start again; counted like a detector's stopstart */
	if (mod_loop(m, LOOP_INC)) {
		char err[SK_TEXT_MAX];

		mod_say(m, MSG_STOPPING_LOOP);
		m->hooks.notice(m->hooks.ctx, NT_MAXLOOP, "stopstart", "", "heart", "Stopping loop");
		mod_post(m, E_REVIVE);
		mod_action(m, VERB_STOP, "heart", "heart", m->now, err, sizeof(err));
		return;
	}
	mod_post(m, E_REVIVE);
}

bool
mod_reconfigure(struct mod *m, const struct mod_conf *conf)
{
	if (m->state != S_STOP)
		return false;
	m->conf = *conf;
	if (m->conf.maxloop > MOD_LOOP_MAX)
		m->conf.maxloop = MOD_LOOP_MAX;
	m->rec.failover = -1;
	mod_persist(m);
	report_conf(m);
	listen_anew(m);
	mod_tell(m);
	mod_publish(m);
	publish_settings(m);
	return true;
}

bool
mod_change(struct mod *m, const struct mod_conf *conf, int64_t now)
{
	bool same_beats = m->conf.hb_count == conf->hb_count && memcmp(m->conf.hb, conf->hb, sizeof(conf->hb)) == 0;
	int failover = m->rec.failover;

	m->now = now;
	if (m->run_seq != 0 || (m->state != S_ALONE && m->state != S_BLOCKED && m->state != S_WAIT))
		return false;
	m->conf = *conf;
	if (m->conf.maxloop > MOD_LOOP_MAX)
		m->conf.maxloop = MOD_LOOP_MAX;
	m->rec.failover = failover;
	report_conf(m);
	if (!same_beats)
		listen_anew(m);
	mod_tell(m);
	mod_publish(m);
	publish_settings(m);
	return true;
}

/* ---- sending ---- */

/* How we answer what the other server's rules call remote: they are the same as ours */
static void
fill_words(const struct mod *m, struct beat *b)
{
	struct rules_word w[RULES_REMOTE_MAX];
	int i, n = m->fo.rules != NULL ? rules_words(m->fo.rules, w) : 0;

	b->words = (uint8_t)n;
	for (i = 0; i < n; i++)
		b->word[i] = (struct beat_word){ w[i].key, w[i].healths };
}

static void
fill_beat(struct mod *m, struct beat *b)
{
	const struct fsm_state_row *row = &fsm_states[m->state];
	char head[2 * sizeof(b->signature) + 1];

	memset(b, 0, offsetof(struct beat, word));	/* as many words as there are follow */
	b->from = (uint8_t)m->conf.self;
	b->module_id = m->conf.id;
	b->incarnation = m->incarnation;
	b->seq = ++m->seq;
	b->sc = m->sc;
	if (m->peer.heard) {
		b->ack_incarnation = m->peer.beat.incarnation;
		b->ack_sc = m->peer.beat.sc;
	}
	b->flags = (uint16_t)(mod_rfs_flags(m, row->flags) | (m->ask ? F_ASK : 0));
	b->state = (uint8_t)row->state;
	b->status = (uint8_t)row->status;
	b->bid = (uint8_t)mod_bid(m);
	b->rank = (uint8_t)mod_rfs_rank(m);
	b->sees = (uint8_t)m->peer.view;
	b->failover = (uint8_t)m->report.failover;
	str_copy(head, sizeof(head), m->conf.signature);
	if (!str_from_hex(head, b->signature, sizeof(b->signature)))
		memset(b->signature, 0, sizeof(b->signature));
	fill_words(m, b);
}

static void
beat_one(struct mod *m, int hb)
{
	struct beat b;

	fill_beat(m, &b);
	m->hb[hb].next_tx = m->now + m->conf.hb[hb].pulse_ms;
	m->hooks.send(m->hooks.ctx, hb, &b);
}

void
mod_beat_all(struct mod *m)
{
	int i;

	m->send_now = false;
	for (i = 0; i < m->conf.hb_count; i++)
		beat_one(m, i);
}

/* ---- receiving ---- */

static void
remote_state(struct mod *m, int state, int status)
{
	struct rpt_module *r = &m->report;

	if (m->peer.state == state && m->peer.status == status)
		return;
	m->peer.state = state;
	m->peer.status = status;
	mod_say(m, MSG_REMOTE_STATE, rpt_state_names[state], rpt_status_names[status]);
	if (r->peer_state != state)
		mod_own_resource(m, "state.remote", rpt_state_names[state], "heart");
	r->peer_state = state;
	r->peer_status = status;
	mod_publish(m);
}

static void
hb_change(struct mod *m, int hb, int state)
{
	const char *ident = m->conf.hb[hb].ident, *value = state == HB_UP ? "up" : "down";
	const char *from = m->hb[hb].state == HB_UP ? "up" : m->hb[hb].state == HB_DOWN ? "down" : "init";
	char name[SK_RES_MAX], text[SK_TEXT_MAX];
	int i, up = 0, down = 0;

	m->hb[hb].state = state;
	snprintf(name, sizeof(name), "heartbeat.%s", ident);
	mod_say(m, MSG_RESOURCE, name, value, "heart");
	mod_own_resource(m, name, value, "heart");
	snprintf(text, sizeof(text), "Resource %s set to %s by heart", name, value);
	m->hooks.notice(m->hooks.ctx, state == HB_UP ? NT_HB_RESTORED : NT_HB_LOST, ident, from, value, text);
	for (i = 0; i < m->conf.hb_count; i++) {
		up += m->hb[i].state == HB_UP;
		down += m->hb[i].state == HB_DOWN;
	}
	m->report.heartbeats_up = (uint32_t)up;
	if (up > 0) {
		if (m->peer.view != BEAT_KNOWN)
			m->known_ms = m->now;
		m->peer.view = BEAT_KNOWN;
		mod_split_found(m);
	} else if (down == m->conf.hb_count) {
		m->peer.view = BEAT_LOST;
		m->split_seen = false;
		remote_state(m, RS_UNKNOWN, ST_UNKNOWN);
		mod_failover_remote(m);
		mod_split_lost(m);
	}
	mod_publish(m);
}

/*
 * A life of the peer with a greater incarnation replaces the one that we know; late packets of an earlier life are not news.  Only
 * while the peer is not alive for us any other life may begin (its clock and its record may both have been lost).
 */
static bool
is_old_life(const struct mod *m, const struct beat *b)
{
	return m->peer.heard && m->peer.view == BEAT_KNOWN && b->incarnation < m->peer.beat.incarnation;
}

static bool
is_news(const struct mod *m, const struct beat *b)
{
	return !m->peer.heard || b->incarnation != m->peer.beat.incarnation || b->seq > m->peer.beat.seq;
}

void
mod_receive(struct mod *m, int hb, const struct beat *b, int64_t now)
{
	bool changed, news, words;

	mod_rfs_clock(m, now);
	if (m->conf.mode != MODE_MIRROR || hb < 0 || hb >= m->conf.hb_count || b->from == m->conf.self || b->module_id != m->conf.id)
		return;
	if (m->conf.peer < 0) {
		m->conf.peer = b->from;
		str_copy(m->report.peer, sizeof(m->report.peer), m->conf.nodes[b->from]);
		str_copy(m->rec.peer, sizeof(m->rec.peer), m->conf.nodes[b->from]);
		mod_persist(m);
	}
	if (b->from != m->conf.peer || is_old_life(m, b))
		return;
	/* a lan is alive by what is new on it: a late or doubled packet is no sign of life */
	if (m->hb[hb].incarnation == b->incarnation && b->seq <= m->hb[hb].seq)
		return;
	m->hb[hb].incarnation = b->incarnation;
	m->hb[hb].seq = b->seq;
	news = is_news(m, b);
	changed = news && (!m->peer.heard || b->sc != m->peer.beat.sc || b->incarnation != m->peer.beat.incarnation);
	words = news && (!m->peer.heard || m->peer.view != BEAT_KNOWN || b->words != m->peer.beat.words ||
	    memcmp(b->word, m->peer.beat.word, b->words * sizeof(b->word[0])) != 0);
	if (news) {
		memcpy(&m->peer.beat, b, offsetof(struct beat, word) + b->words * sizeof(b->word[0]));
		m->peer.heard = true;
		if ((b->flags & F_HELD) == 0)
			m->split_seen = false;
		mod_rfs_heard(m);
	}
	m->hb[hb].last_rx = now;
	if (m->hb[hb].state != HB_UP)
		hb_change(m, hb, HB_UP);
	if (news)
		remote_state(m, b->state, b->status);
	if (words)
		mod_failover_remote(m);
	if (changed)
		m->send_now = true;	/* acknowledge at once */
}

void
mod_settle(struct mod *m, int64_t now)
{
	mod_rfs_clock(m, now);
	mod_eval(m);
}

static bool
claims(const struct mod *m)
{
	return (fsm_states[m->state].flags & F_CLAIM) != 0;
}

void
mod_tick(struct mod *m, int64_t now)
{
	int i;

	mod_rfs_clock(m, now);
	if (m->wake_ms != 0 && now >= m->wake_ms) {
		m->wake_ms = 0;
		m->hold = false;
	}
	for (i = 0; i < m->conf.hb_count; i++) {
		int64_t since = m->hb[i].state == HB_INIT ? m->start_ms : m->hb[i].last_rx;

		if (m->hb[i].state != HB_DOWN && now - since >= m->conf.hb[i].timeout_ms)
			hb_change(m, i, HB_DOWN);
	}
	if (claims(m) && now - m->sc_ms >= m->lease_ms / 2)
		mod_tell(m);	/* an older claim is worth nothing: claim anew */
	mod_eval(m);
	for (i = 0; i < m->conf.hb_count; i++)
		if (now >= m->hb[i].next_tx)
			beat_one(m, i);
}

int64_t
mod_next(const struct mod *m)
{
	int64_t next = m->wake_ms != 0 ? m->wake_ms : INT64_MAX;
	int i;

	if (mod_failover_next(m) < next)
		next = mod_failover_next(m);
	if (claims(m) && m->sc_ms + m->lease_ms / 2 < next)
		next = m->sc_ms + m->lease_ms / 2;
	for (i = 0; i < m->conf.hb_count; i++) {
		int64_t since = m->hb[i].state == HB_INIT ? m->start_ms : m->hb[i].last_rx;

		if (m->hb[i].next_tx < next)
			next = m->hb[i].next_tx;
		if (m->hb[i].state != HB_DOWN && since + m->conf.hb[i].timeout_ms < next)
			next = since + m->conf.hb[i].timeout_ms;
	}
	return next;
}
