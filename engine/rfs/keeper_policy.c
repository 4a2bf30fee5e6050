/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper_policy.c: safekit rfssync: what the next synchronisation copies (user's guide 13.6, external synchronization). */
#include "config.h"
#include "rfs/keeper_impl.h"
#include "rfs/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EXTERNAL_UID_MAX 24	/* user's guide 13.6.4.9 */

static void
answer(struct keeper *k, const json_t *order, bool ok, const char *text)
{
	keep_say(k, json_pack("{s:O,s:b,s:s}", "reply", json_object_get(order, "n"), "ok", ok, "text", text));
}

static const char *
word(const json_t *words, size_t i)
{
	const char *s = json_string_value(json_array_get(words, i));

	return s != NULL ? s : "";
}

/* The primary's map begins now, with a generation that the other server makes of the same word.  What was before it is in the copy. */
static void
external(struct keeper *k, bool source, const char *uid, bool nodetect)
{
	struct rfs_state *s = &k->st;
	uint64_t gen = state_generation_of(uid);

	keep_set_policy(s, "external", source ? "prim" : "second", uid);
	s->policy_ms = s->alive_ms = clock_wall_us() / 1000;
	s->gaps_count = 0;
	s->nodetect = nodetect && !k->term;
	if (source) {
		s->base = gen;
		if (s->gen == 0)
			s->gen = state_generation();
	} else {
		state_next(s, gen);
		s->base = gen;
		s->inconsistent = s->uptodate = s->paired = false;
		s->from = 0;
	}
}

/* Nobody writes: what is there now is what is copied */
static bool
empty_maps(struct keeper *k, char *err, size_t errsize)
{
	int i;

	for (i = 0; i < k->conf.rfs.dirs_count; i++) {
		struct map *m = map_open(k->folder, i, k->st.base, (uint32_t)k->conf.rfs.zone_bytes, true, err, errsize);

		if (m == NULL)
			return false;
		map_close(m);
	}
	return true;
}

static const char *
refuse_external(const struct keeper *k, bool source, const char *uid)
{
	if (uid[0] == '\0' || strlen(uid) > EXTERNAL_UID_MAX)
		return "expected a uid of 1 to 24 characters";
	if (source && k->term && (k->kind != ROLE_PRIMARY || k->st.paired))
		return "the module must be stopped or ALONE";
	if (!source && (k->term || k->role != KEEP_OFF))
		return "the module must be stopped";
	return NULL;
}

static void
set_external(struct keeper *k, const json_t *order, const json_t *words, bool nodetect)
{
	bool source = strcmp(word(words, 1), "prim") == 0;
	const char *uid = word(words, 2), *refused = refuse_external(k, source, uid);
	struct rfs_state before = k->st;
	char err[SK_TEXT_MAX], base[17], text[SK_TEXT_MAX];

	if (!source && strcmp(word(words, 1), "second") != 0)
		refused = "expected prim or second";
	if (refused != NULL) {
		answer(k, order, false, refused);
		return;
	}
	external(k, source, uid, nodetect);
	if (!keep_save_or(k, &before, err, sizeof(err)) || (!k->term && !empty_maps(k, err, sizeof(err)))) {
		answer(k, order, false, err);
		return;
	}
	if (!source)
		state_end_sync(k->folder);
	if (k->term) {
		snprintf(base, sizeof(base), "%016" PRIx64, k->st.base);
		keep_worker_send(k, json_pack("{s:s,s:O,s:s}", "op", "policy", "words", words, "base", base));
	}
	snprintf(text, sizeof(text), "Synchronization policy set to external %s %s by safekit rfssync", k->st.policy_role, uid);
	keep_log(k, MSG_RFS_POLICY, text);
	answer(k, order, true, "");
}

static void
set_full(struct keeper *k, const json_t *order)
{
	struct rfs_state before = k->st;
	char err[SK_TEXT_MAX];

	keep_set_policy(&k->st, "full", "default", "default");
	if (!keep_save_or(k, &before, err, sizeof(err))) {
		answer(k, order, false, err);
		return;
	}
	keep_worker_replace(k);		/* it is born with the new state */
	keep_log(k, MSG_RFS_POLICY, "Synchronization policy set to full by safekit rfssync");
	answer(k, order, true, "");
}

void
keep_policy(struct keeper *k, const json_t *order)
{
	const json_t *words = json_object_get(order, "words");
	const char *first = word(words, 0);
	char text[SK_TEXT_MAX];

	k->sync_failed = false;
	if (json_array_size(words) == 0) {
		snprintf(text, sizeof(text), "usersetting.rfssyncmode=\"%s\" usersetting.rfssyncrole=\"%s\" usersetting.rfssyncuid=\"%s\"",
		    k->st.policy, k->st.policy_role, k->st.policy_uid);
		answer(k, order, true, text);
	} else if (strcmp(first, "full") == 0) {
		set_full(k, order);
	} else if (strcmp(first, "external") == 0 || strcmp(first, "nodetect") == 0) {
		set_external(k, order, words, first[0] == 'n');
	} else {
		answer(k, order, false, "expected external prim|second UID, nodetect prim|second UID, full, or nothing");
	}
	keep_publish(k);
}
