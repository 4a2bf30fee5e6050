/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_state.c: when what is written down, and what of it is published.
 *
 * The order is the promise.  "Paired, not up to date" is on the primary's disk before its secondary may become one; a new generation is on the
 * disk before a write is acknowledged that the other server does not have, "up to date" with it, after a takeover when the disk has all (keeper_flush.c); the secondary's disk says "not up to date" as long as it follows.
 */
#include "config.h"
#include "rfs/keeper_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT_GRACE_MS	60000	/* the clock may have been set soon after the boot (ours) */

static int64_t
now_ms(void)
{
	return clock_wall_us() / 1000;
}

bool
keep_gen(const json_t *v, uint64_t *gen)
{
	const char *s = json_string_value(v);
	uint8_t bytes[8];
	int i;

	if (s == NULL || !str_from_hex(s, bytes, sizeof(bytes)))
		return false;
	for (*gen = 0, i = 0; i < 8; i++)
		*gen = *gen << 8 | bytes[i];
	return true;
}

void
keep_set_policy(struct rfs_state *s, const char *mode, const char *role, const char *uid)
{
	str_copy(s->policy, sizeof(s->policy), mode);
	str_copy(s->policy_role, sizeof(s->policy_role), role);
	str_copy(s->policy_uid, sizeof(s->policy_uid), uid);
	s->full = strcmp(mode, "full") == 0;
}

bool
keep_save(struct keeper *k, char *err, size_t errsize)
{
	if (state_save(k->folder, &k->st, err, errsize))
		return true;
	warn_text("%s: %s", k->module, err);
	return false;
}

/* Nothing hangs on this one: what is not on the disk is found out in another way, more slowly */
static void
save_lazily(struct keeper *k)
{
	char err[SK_TEXT_MAX];

	(void)keep_save(k, err, sizeof(err));
}

/* Keeps the old one where the new one cannot be written */
bool
keep_save_or(struct keeper *k, const struct rfs_state *before, char *err, size_t errsize)
{
	if (keep_save(k, err, errsize))
		return true;
	k->st = *before;
	return false;
}

void
keep_load(struct keeper *k)
{
	char err[SK_TEXT_MAX], text[SK_TEXT_MAX + 64], flag[PATH_MAX + 8];

	if (!state_load(k->folder, &k->st, err, sizeof(err))) {
		snprintf(text, sizeof(text), "Data may be inconsistent: what was remembered cannot be read: %.400s", err);
		keep_log(k, MSG_RFS_ERROR, text);
	}
	if (k->st.paired && k->st.alive_ms > k->st.synced_ms)
		k->st.synced_ms = k->st.alive_ms;
	snprintf(flag, sizeof(flag), "%s/full", k->folder);	/* configured anew */
	if (access(flag, F_OK) != 0)
		return;
	keep_set_policy(&k->st, "full", "default", "default");
	if (keep_save(k, err, sizeof(err)))
		unlink(flag);
}

/* ---- roles ---- */

/* Since when nobody watched: what happened before this server's boot happened before the last sign of life, or not at all (the time of the
 * sign that came back from the disk may be an old one) */
static int64_t
unwatched_since(const struct rfs_state *s)
{
	struct timespec up;
	int64_t boot_ms;

	if (strcmp(s->boot, path_node_boot_id()) == 0 || s->boot[0] == '\0' || clock_gettime(CLOCK_BOOTTIME, &up) == -1)
		return s->alive_ms;
	boot_ms = s->open_ms - (int64_t)up.tv_sec * 1000 - BOOT_GRACE_MS;
	return boot_ms > s->alive_ms ? boot_ms : s->alive_ms;
}

/* The folders were there for everybody until now */
static void
open_term(struct keeper *k)
{
	struct rfs_state *s = &k->st;

	s->open_ms = now_ms();
	if (s->alive_ms != 0 && !s->nodetect)
		state_gap(s, unwatched_since(s), s->open_ms);
	s->nodetect = false;
	str_copy(s->boot, sizeof(s->boot), path_node_boot_id());
	s->alive_ms = s->open_ms;
	state_alive(k->folder);
}

/* This server's data counts from now on */
static void
become_alone(struct keeper *k)
{
	struct rfs_state *s = &k->st;

	if (s->paired || !s->uptodate || s->gen == 0 || s->gen == s->base)
		state_next(s, state_generation());
	s->paired = false;
	s->lastprim = true;
	s->uptodate = !k->unflushed;	/* keep_flush() */
}

static void
apply_force(struct keeper *k)
{
	struct rfs_state *s = &k->st;

	if (k->force == FORCE_PRIMFORCE) {
		keep_set_policy(s, "full", "default", "default");
		if (s->inconsistent)
			s->base = 0;	/* of no history */
		s->inconsistent = false;
		s->from = 0;
	}
	if (k->force != FORCE_NONE)
		s->uptodate = false;	/* a new generation, whatever it was */
	k->force = FORCE_NONE;
}

bool
keep_state_primary(struct keeper *k, char *err, size_t errsize)
{
	struct rfs_state *s = &k->st, before = *s;

	if (k->role == KEEP_OFF)
		open_term(k);
	if ((k->role == KEEP_SECOND || k->role == KEEP_SYNC) && !k->conf.rfs.async_none)
		k->unflushed = true;
	apply_force(k);
	s->lastprim = true;
	s->syncat_down = false;
	/* also where the other server has just given: it follows once it is synchronised.  Not where keeper and worker died under a primary that had
	 * a secondary: that one may take over until heart says otherwise */
	if (k->goal != KEEP_PRIM || !s->paired)
		become_alone(k);
	if (!keep_save_or(k, &before, err, errsize))
		return false;
	state_end_sync(k->folder);
	return true;
}

bool
keep_state_second(struct keeper *k, char *err, size_t errsize)
{
	struct rfs_state *s = &k->st, before = *s;

	if (k->role == KEEP_OFF)
		open_term(k);
	if (k->goal == KEEP_SYNC) {	/* uptodate and lastprim stay until it has begun: a primary that serves has answered then */
		s->paired = false;
		if (strcmp(json_string_value(json_object_get(k->sync, "mode")) != NULL ? json_string_value(json_object_get(k->sync, "mode")) : "",
			"full") == 0)
			keep_set_policy(s, "full", "default", "default");
	} else {
		s->uptodate = s->lastprim = false;
	}
	return keep_save_or(k, &before, err, errsize);
}

bool
keep_state_alone(struct keeper *k)
{
	struct rfs_state before = k->st;
	char err[SK_TEXT_MAX];

	become_alone(k);
	if (memcmp(&before, &k->st, sizeof(before)) == 0)
		return true;
	k->st.alive_ms = now_ms();
	return keep_save_or(k, &before, err, sizeof(err));
}

static void
whole(struct rfs_state *s, const char *peer)
{
	s->paired = true;
	s->uptodate = s->inconsistent = s->nodetect = false;
	s->from = 0;
	s->gaps_count = 0;
	s->synced_ms = s->alive_ms = now_ms();
	str_copy(s->peer, sizeof(s->peer), peer);
	keep_set_policy(s, "default", "default", "default");
}

bool
keep_state_paired(struct keeper *k)
{
	struct rfs_state before = k->st;
	char err[SK_TEXT_MAX];

	if (k->st.paired && k->st.base == k->st.gen && !k->st.uptodate)
		return true;
	whole(&k->st, k->peer);
	k->st.base = k->st.gen;
	return keep_save_or(k, &before, err, sizeof(err));
}

void
keep_state_begin(struct keeper *k, uint64_t from)
{
	struct rfs_state *s = &k->st;

	if (s->inconsistent && s->from == from && !s->uptodate && !s->lastprim && !s->full)
		return;
	s->inconsistent = true;
	s->from = from;
	s->uptodate = s->paired = s->lastprim = false;
	s->full = false;	/* from here on what is done is noted, and an interruption goes on there */
	save_lazily(k);		/* folder/syncing says it already */
}

void
keep_state_full_begun(struct keeper *k)
{
	if (!k->st.full)
		return;
	k->st.full = false;
	save_lazily(k);
}

bool
keep_state_synced(struct keeper *k, uint64_t gen)
{
	struct rfs_state before = k->st;
	char err[SK_TEXT_MAX];

	whole(&k->st, k->peer);
	k->st.lastprim = false;
	state_next(&k->st, gen);
	k->st.base = gen;
	k->st.syncat_down = k->conf.rfs.syncat[0] != '\0';
	if (!keep_save_or(k, &before, err, sizeof(err)))
		return false;
	state_end_sync(k->folder);
	return true;
}

void
keep_state_off(struct keeper *k)
{
	keep_flush_now(k);
	k->st.alive_ms = now_ms();
	if (k->st.paired)
		k->st.synced_ms = k->st.alive_ms;
	k->st.degraded = false;
	save_lazily(k);
}

/* ---- resources ---- */

static void
tell(struct keeper *k, const char *name, const char *value, bool log)
{
	int i;

	for (i = 0; i < k->told_count; i++)
		if (strcmp(k->told[i].name, name) == 0)
			break;
	if (i == RESOURCES_MAX || (i < k->told_count && strcmp(k->told[i].value, value) == 0))
		return;
	if (i == k->told_count)
		str_copy(k->told[k->told_count++].name, SK_RES_MAX, name);
	str_copy(k->told[i].value, SK_VALUE_MAX, value);
	keep_say(k, json_pack("{s:s,s:s,s:s,s:s,s:b}", "resource", name, "value", value, "by", "nfsadmin", "why", "", "log", log));
}

static void
untell(struct keeper *k, const char *name)
{
	int i;

	for (i = 0; i < k->told_count; i++)
		if (strcmp(k->told[i].name, name) == 0) {
			k->told[i] = k->told[--k->told_count];
			keep_say(k, json_pack("{s:s}", "resource-gone", name));
			return;
		}
}

static void
tell_flag(struct keeper *k, const char *name, bool up, bool log)
{
	tell(k, name, up ? "up" : "down", log);
}

static bool
is_synced(struct keeper *k)
{
	if (k->holds)
		return true;
	return !k->st.inconsistent && k->st.synced_ms != 0 && now_ms() - k->st.synced_ms < k->conf.rfs.syncdelta_ms;
}

static void
tell_kbs(struct keeper *k)
{
	/* the first two by the names of 7.4 and of 8.2 */
	static const struct { const char *name; int at; bool primary; } rows[] = {
		{ "rfs_bandwidth.replication", 0, true }, { "rfs_bandwidth.reintegration", 1, true }, { "rfs.rep_bandwidth", 0, true },
		{ "rfs.rei_bandwidth", 1, true }, { "rfs.netin_bandwidth", 2, false }, { "rfs.netout_bandwidth", 3, false },
	};
	char text[24];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(text, sizeof(text), "%" PRId64, k->kbs[rows[i].at]);
		if (k->term && (!rows[i].primary || k->kind == ROLE_PRIMARY))
			tell(k, rows[i].name, text, false);
		else
			untell(k, rows[i].name);
	}
}

static void
tell_facts(struct keeper *k)
{
	bool paired = k->st.paired && k->term && k->kind == ROLE_PRIMARY;

	if (k->facts_told && k->told_inconsistent == k->st.inconsistent && k->told_paired == paired)
		return;
	k->facts_told = true;
	k->told_inconsistent = k->st.inconsistent;
	k->told_paired = paired;
	keep_say(k, json_pack("{s:{s:b,s:b}}", "facts", "inconsistent", k->st.inconsistent, "paired", paired));
}

void
keep_publish(struct keeper *k)
{
	const struct rfs_state *s = &k->st;

	if (k->setup == NULL)
		return;
	tell_facts(k);
	tell_flag(k, "rfs.uptodate", k->holds || s->uptodate || k->uptodate_set, true);
	tell_flag(k, "rfs.lastprimstate", s->lastprim, false);
	tell_flag(k, "rfs.swapping", k->taken, false);
	tell_flag(k, "rfs.degraded", s->degraded, true);
	if (k->conf.rfs.syncdelta_ms > 60000)
		tell_flag(k, "rfs.synced", is_synced(k), false);
	if (k->conf.rfs.syncat[0] != '\0')
		tell_flag(k, "rfs.syncat", !s->syncat_down || keep_primary(k->role), true);
	tell_flag(k, "rfs.rfssync", !k->sync_failed || strcmp(s->policy, "external") != 0, false);
	tell(k, "usersetting.rfssyncmode", s->policy, false);
	tell(k, "usersetting.rfssyncrole", s->policy_role, false);
	tell(k, "usersetting.rfssyncuid", s->policy_uid, false);
	tell_kbs(k);
}

/* Set by a rule or with safekit set: what is published.  The disk says "up to date" when this server is alone, not before. */
void
keep_set(struct keeper *k, const char *name, const char *value)
{
	bool up = strcmp(value, "up") == 0;

	if (strcmp(name, "rfs.uptodate") == 0)
		k->uptodate_set = up && !k->st.inconsistent;
	else if (strcmp(name, "rfs.syncat") == 0 && k->conf.rfs.syncat[0] != '\0')
		k->st.syncat_down = !up;
	k->told_count = 0;	/* whoever set it may have published what is not so */
	keep_publish(k);
}

/* ---- time ---- */

/* At the minutes of syncat; one that was missed (suspended, the clock was set) is not made up for */
static void
look_up_syncat(struct keeper *k)
{
	time_t minute = (time_t)(now_ms() / 60000);
	time_t at = minute * 60;
	struct tm tm;

	if (k->conf.rfs.syncat[0] == '\0' || minute == k->minute)
		return;
	k->minute = minute;
	if (!k->st.syncat_down || k->st.synced_ms / 60000 == (int64_t)minute || localtime_r(&at, &tm) == NULL || !conf_cron_is_due(&k->cron, &tm))
		return;		/* this keeper may be younger than what was done in this minute */
	k->st.syncat_down = false;
	save_lazily(k);
}

void
keep_tick(struct keeper *k)
{
	if (k->term || k->role != KEEP_OFF) {
		state_alive(k->folder);
		k->st.alive_ms = now_ms();
		if (k->st.paired)
			k->st.synced_ms = k->st.alive_ms;
	}
	keep_flush(k);
	look_up_syncat(k);
	keep_publish(k);
}
