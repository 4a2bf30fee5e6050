/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper_event.c: what a worker tells (rfs.h): written down where something hangs on it, then answered, then told to heart. */
#include "config.h"
#include "rfs/keeper_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static void
ev_ready(struct keeper *k, const json_t *o)
{
	char text[SK_TEXT_MAX];

	k->w.ready = true;
	if (k->died_ms != 0) {
		snprintf(text, sizeof(text), "Process nfsbox ended unexpectedly (%s): another one took over in %" PRId64 " ms", k->died_how,
		    clock_mono_ms() - k->died_ms);
		keep_log(k, MSG_RFS_WORKER_DIED, text);
		k->died_ms = 0;
	}
}

static void
ev_failed(struct keeper *k, const json_t *o)
{
	str_copy(k->w.failed, sizeof(k->w.failed), text_of(o, "why"));
	str_make_utf8(k->w.failed);
}

/* It served already when this keeper began */
static void
ev_adopted(struct keeper *k, const json_t *o)
{
	const json_t *blob = json_object_get(o, "blob"), *sync = json_object_get(blob, "sync");
	bool other = false;
	int i;

	k->w.adopting = false;
	for (i = 0; i < KEEP_ROLES; i++) {
		if (strcmp(text_of(blob, "role"), keep_role_names[i]) == 0)
			k->role = (enum keep_role)i;
		if (strcmp(text_of(blob, "goal"), keep_role_names[i]) == 0 && !k->has_want)
			k->goal = (enum keep_role)i;
	}
	if (k->listen_known && strcmp(k->words, text_of(blob, "words")) != 0)
		other = true;	/* the setup changed while no keeper was there */
	if (!k->listen_known)
		str_copy(k->words, sizeof(k->words), text_of(blob, "words"));
	str_copy(k->session, sizeof(k->session), text_of(blob, "session"));
	k->synced = json_is_true(json_object_get(blob, "synced"));
	k->taken = json_is_true(json_object_get(blob, "taken"));
	k->given = json_is_true(json_object_get(blob, "given"));
	k->holds = keep_primary(k->role) || k->synced;
	if (k->sync == NULL && json_is_object(sync))
		k->sync = json_deep_copy(sync);
	k->w.ready = json_is_true(json_object_get(o, "ready"));
	if (k->kind == ROLE_PRIMARY && json_is_true(json_object_get(o, "pair")) && !k->st.paired)
		keep_told_alone(k);	/* written down, but the former keeper died before it could say so */
	if (k->refused)
		keep_worker_send(k, json_pack("{s:s}", "op", "refuse"));
	if (other)
		keep_worker_replace(k);
}

static void
ev_peer(struct keeper *k, const json_t *o)
{
	const char *node = text_of(o, "node")[0] != '\0' ? text_of(o, "node") : k->peer;
	bool up = json_is_true(json_object_get(o, "up"));
	char text[SK_TEXT_MAX];

	snprintf(text, sizeof(text), "Replication with %.63s: %.400s", node, up ? "connected" : text_of(o, "why"));
	keep_log(k, up ? MSG_RFS_PEER_UP : MSG_RFS_PEER_DOWN, text);
}

static void
ev_ask_alone(struct keeper *k, const json_t *o)
{
	bool degraded = json_is_true(json_object_get(o, "degraded"));

	if (k->kind != ROLE_PRIMARY)
		return;
	if (degraded)
		k->st.degraded = true;
	str_copy(k->alone_why, sizeof(k->alone_why), text_of(o, "why"));
	str_make_utf8(k->alone_why);
	k->asked = true;
	if (!keep_primary(k->goal) && !uv_is_active((uv_handle_t *)&k->give_timer))
		keep_leave_late(k, GRANT_MS);
	keep_say(k, json_pack("{s:s,s:I,s:s,s:b}", "ask", "alone", "seq", (json_int_t)k->seq, "why", k->alone_why, "degraded", degraded));
}

/* What waited for the secondary has failed.  It cannot be given anything any more */
static void
ev_refused(struct keeper *k, const json_t *o)
{
	if (!k->refused || k->cut_off)
		return;
	k->cut_off = true;
	keep_log(k, MSG_RFS_ERROR, "Writes that wait for the other server fail: this server stops, and may not go on alone");
}

/* The secondary has all.  It is told so when this disk says that it is needed. */
static void
ev_pair(struct keeper *k, const json_t *o)
{
	if (k->kind != ROLE_PRIMARY || !keep_primary(k->goal))
		return;
	k->pair_waits = true;
	keep_told_paired(k);
}

static void
ev_begin(struct keeper *k, const json_t *o)
{
	uint64_t from;

	if (k->kind == ROLE_SECOND && keep_gen(json_object_get(o, "from"), &from))
		keep_state_begin(k, from);
}

static void
ev_full_begun(struct keeper *k, const json_t *o)
{
	if (k->kind == ROLE_PRIMARY)
		keep_state_full_begun(k);
}

static void
ev_synced(struct keeper *k, const json_t *o)
{
	uint64_t gen;

	if (k->kind != ROLE_SECOND || !keep_gen(json_object_get(o, "gen"), &gen))
		return;
	if (!keep_state_synced(k, gen)) {
		keep_say(k, json_pack("{s:I,s:s,s:b}", "sync-failed", (json_int_t)k->seq, "why", "what is so cannot be written to the disk", "again", 1));
		return;
	}
	k->synced = k->holds = true;
	k->sync_failed = false;
	keep_blob(k);
	if (k->goal == KEEP_SYNC || k->goal == KEEP_SECOND)
		keep_say(k, json_pack("{s:I}", "synced", (json_int_t)k->seq));
}

static void
ev_sync_failed(struct keeper *k, const json_t *o)
{
	bool again = json_is_true(json_object_get(o, "again"));
	char text[SK_TEXT_MAX], why[SK_TEXT_MAX - 64];

	str_copy(why, sizeof(why), text_of(o, "why"));
	str_make_utf8(why);
	snprintf(text, sizeof(text), "Reintegration failed: %s", why);
	keep_log(k, MSG_RFS_SYNC_FAILED, text);
	k->holds = false;
	k->sync_failed = !again;
	keep_say(k, json_pack("{s:I,s:s,s:b}", "sync-failed", (json_int_t)k->seq, "why", why, "again", again));
}

static void
ev_out(struct keeper *k, const json_t *o)
{
	char text[SK_TEXT_MAX], why[SK_TEXT_MAX - 64];

	str_copy(why, sizeof(why), text_of(o, "why"));
	str_make_utf8(why);
	snprintf(text, sizeof(text), "This server cannot follow the primary: %s", why);
	keep_log(k, MSG_RFS_OUT, text);
	k->holds = false;
	keep_say(k, json_pack("{s:I,s:s}", "out", (json_int_t)k->seq, "why", why));
}

static void
ev_given(struct keeper *k, const json_t *o)
{
	k->given = true;
	keep_blob(k);
}

static void
ev_taken(struct keeper *k, const json_t *o)
{
	k->taken = true;
	keep_blob(k);
}

static void
ev_progress(struct keeper *k, const json_t *o)
{
	json_t *p = json_copy((json_t *)(uintptr_t)o);

	json_object_del(p, "event");
	keep_say(k, json_pack("{s:o}", "progress", p));
}

static void
ev_bandwidth(struct keeper *k, const json_t *o)
{
	static const char *const names[] = { "rep_kbs", "rei_kbs", "in_kbs", "out_kbs" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++)
		k->kbs[i] = json_integer_value(json_object_get(o, names[i]));
}

static void
ev_log(struct keeper *k, const json_t *o)
{
	char text[SK_TEXT_MAX];

	str_copy(text, sizeof(text), text_of(o, "text"));
	str_make_utf8(text);
	keep_say(k, json_pack("{s:I,s:s,s:s}", "log", json_integer_value(json_object_get(o, "key")), "origin",
	    text_of(o, "origin")[0] != '\0' ? text_of(o, "origin") : "nfsbox", "text", text));
}

static void
ev_reply(struct keeper *k, const json_t *o)
{
	keep_worker_asked(k, json_object_get(o, "n"), false);
	keep_say(k, json_pack("{s:O,s:b,s:s}", "reply", json_object_get(o, "n"), "ok", json_is_true(json_object_get(o, "ok")), "text", text_of(o, "text")));
}

static void
ev_told(struct keeper *k, const json_t *o)
{
	keep_say(k, json_pack("{s:O,s:s}", "told", json_object_get(o, "n"), "text", text_of(o, "text")));
}

/* What it was born with has changed, and it has done its part */
static void
ev_again(struct keeper *k, const json_t *o)
{
	keep_worker_replace(k);
}

void
keep_event(struct keeper *k, const json_t *o)
{
	static const struct { const char *word; void (*run)(struct keeper *k, const json_t *o); } events[] = {
		{ "ready", ev_ready }, { "failed", ev_failed }, { "adopted", ev_adopted }, { "peer", ev_peer }, { "ask-alone", ev_ask_alone },
		{ "refused", ev_refused }, { "pair", ev_pair }, { "begin", ev_begin }, { "full-begun", ev_full_begun }, { "synced", ev_synced }, { "sync-failed", ev_sync_failed }, { "out", ev_out },
		{ "given", ev_given }, { "taken", ev_taken }, { "progress", ev_progress }, { "bandwidth", ev_bandwidth }, { "log", ev_log },
		{ "reply", ev_reply }, { "told", ev_told },
		{ "again", ev_again },
	};
	const char *word = text_of(o, "event");
	size_t i;

	for (i = 0; i < ARRAY_LEN(events); i++)
		if (strcmp(events[i].word, word) == 0)
			break;
	if (i == ARRAY_LEN(events)) {
		warn_text("%s: nfsbox says what is not known: %s", k->module, word);
		return;
	}
	events[i].run(k, o);
	keep_publish(k);
	keep_advance(k);
}
