/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.c: what a server remembers of its replicated data, as JSON in VAR/rfs/state.json.
 *
 * Called by: the keeper's loop thread; the secondary's worker (state_begin_sync()), both servers' synchronisation (JSON, gaps).  Never does:
 * decide what follows from it.
 */
#include "config.h"
#include "rfs/state.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_BYTES_MAX	65536	/* of the file (ours) */
#define GRACE_MS	2000	/* around a gap: signs of life come each second, clocks of files are coarse (ours) */

void
state_init(struct rfs_state *s)
{
	memset(s, 0, sizeof(*s));
	s->full = true;
	str_copy(s->policy, sizeof(s->policy), "full");
	str_copy(s->policy_role, sizeof(s->policy_role), "default");
	str_copy(s->policy_uid, sizeof(s->policy_uid), "default");
}

/* ---- generations, gaps ---- */

uint64_t
state_generation(void)
{
	uint64_t gen = 0;

	while (gen == 0)
		if (getrandom(&gen, sizeof(gen), 0) != sizeof(gen))
			gen = (uint64_t)clock_wall_us() << 8 | (uint64_t)getpid() % 256;	/* no kernel of ours */
	return gen;
}

uint64_t
state_generation_of(const char *uid)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);	/* FNV-1a: both servers make the same number of the same word */

	while (*uid != '\0')
		h = (h ^ (uint8_t)*uid++) * UINT64_C(0x100000001b3);
	return h != 0 ? h : 1;
}

void
state_next(struct rfs_state *s, uint64_t gen)
{
	if (gen == s->gen)
		return;
	if (s->gen != 0) {
		memmove(s->history + 1, s->history, sizeof(s->history) - sizeof(s->history[0]));
		s->history[0] = s->gen;
	}
	s->gen = gen;
}

static int64_t
hole_between(const struct rfs_gap *a, const struct rfs_gap *b)
{
	return b->from_ms > a->to_ms ? b->from_ms - a->to_ms : 0;
}

/* The two that are nearest to each other become one */
static void
join_gaps(struct rfs_state *s)
{
	int i, best = 0;

	for (i = 1; i + 1 < s->gaps_count; i++)
		if (hole_between(&s->gaps[i], &s->gaps[i + 1]) < hole_between(&s->gaps[best], &s->gaps[best + 1]))
			best = i;
	if (s->gaps[best + 1].to_ms > s->gaps[best].to_ms)
		s->gaps[best].to_ms = s->gaps[best + 1].to_ms;
	if (s->gaps[best + 1].from_ms < s->gaps[best].from_ms)
		s->gaps[best].from_ms = s->gaps[best + 1].from_ms;
	s->gaps_count--;
	memmove(&s->gaps[best + 1], &s->gaps[best + 2], (size_t)(s->gaps_count - best - 1) * sizeof(s->gaps[0]));
}

void
state_gap(struct rfs_state *s, int64_t from_ms, int64_t to_ms)
{
	if (s->gaps_count == RFS_GAPS_MAX)
		join_gaps(s);
	if (to_ms < from_ms) {		/* the clock went back meanwhile: no time says anything */
		s->gaps[s->gaps_count++] = (struct rfs_gap){ 0, INT64_MAX };
		return;
	}
	s->gaps[s->gaps_count++] = (struct rfs_gap){ from_ms > GRACE_MS ? from_ms - GRACE_MS : 0, to_ms + GRACE_MS };
}

bool
rfs_in_gaps(const struct rfs_gap *gaps, int count, int64_t ctime_ms)
{
	int i;

	for (i = 0; i < count; i++)
		if (ctime_ms >= gaps[i].from_ms && ctime_ms <= gaps[i].to_ms)
			return true;
	return false;
}

/* ---- JSON ---- */

static const struct { const char *name; size_t at; } bools[] = {
	{ "uptodate", offsetof(struct rfs_state, uptodate) }, { "lastprim", offsetof(struct rfs_state, lastprim) },
	{ "inconsistent", offsetof(struct rfs_state, inconsistent) }, { "degraded", offsetof(struct rfs_state, degraded) },
	{ "paired", offsetof(struct rfs_state, paired) }, { "full", offsetof(struct rfs_state, full) },
	{ "nodetect", offsetof(struct rfs_state, nodetect) }, { "syncat_down", offsetof(struct rfs_state, syncat_down) },
}, gens[] = {
	{ "gen", offsetof(struct rfs_state, gen) }, { "base", offsetof(struct rfs_state, base) }, { "from", offsetof(struct rfs_state, from) },
}, times[] = {
	{ "synced_ms", offsetof(struct rfs_state, synced_ms) }, { "open_ms", offsetof(struct rfs_state, open_ms) },
	{ "alive_ms", offsetof(struct rfs_state, alive_ms) }, { "policy_ms", offsetof(struct rfs_state, policy_ms) },
};
static const struct { const char *name; size_t at, size; } texts[] = {
	{ "boot", offsetof(struct rfs_state, boot), sizeof(((struct rfs_state *)0)->boot) },
	{ "peer", offsetof(struct rfs_state, peer), sizeof(((struct rfs_state *)0)->peer) },
	{ "policy", offsetof(struct rfs_state, policy), sizeof(((struct rfs_state *)0)->policy) },
	{ "policy_role", offsetof(struct rfs_state, policy_role), sizeof(((struct rfs_state *)0)->policy_role) },
	{ "policy_uid", offsetof(struct rfs_state, policy_uid), sizeof(((struct rfs_state *)0)->policy_uid) },
};

static json_t *
hex_of(uint64_t gen)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, gen);
	return json_string(text);
}

static bool
hex_to(const json_t *v, uint64_t *gen)
{
	const char *s = json_string_value(v);
	uint8_t bytes[8];
	int i;

	if (s == NULL || !str_from_hex(s, bytes, sizeof(bytes)))
		return false;
	*gen = 0;
	for (i = 0; i < 8; i++)
		*gen = *gen << 8 | bytes[i];
	return true;
}

static json_t *
gaps_to_json(const struct rfs_state *s)
{
	json_t *list = json_array();
	int i;

	for (i = 0; i < s->gaps_count; i++)
		json_array_append_new(list, json_pack("{s:I,s:I}", "from_ms", (json_int_t)s->gaps[i].from_ms, "to_ms", (json_int_t)s->gaps[i].to_ms));
	return list;
}

json_t *
state_to_json(const struct rfs_state *s)
{
	json_t *o = json_object(), *history = json_array();
	const char *base = (const char *)s;
	size_t i;

	for (i = 0; i < ARRAY_LEN(bools); i++)
		json_object_set_new(o, bools[i].name, json_boolean(*(const bool *)(base + bools[i].at)));
	for (i = 0; i < ARRAY_LEN(gens); i++)
		json_object_set_new(o, gens[i].name, hex_of(*(const uint64_t *)(const void *)(base + gens[i].at)));
	for (i = 0; i < ARRAY_LEN(times); i++)
		json_object_set_new(o, times[i].name, json_integer(*(const int64_t *)(const void *)(base + times[i].at)));
	for (i = 0; i < ARRAY_LEN(texts); i++)
		json_object_set_new(o, texts[i].name, json_string(base + texts[i].at));
	for (i = 0; i < STATE_HISTORY && s->history[i] != 0; i++)
		json_array_append_new(history, hex_of(s->history[i]));
	json_object_set_new(o, "history", history);
	json_object_set_new(o, "gaps", gaps_to_json(s));
	return o;
}

static bool
bad(const char *what, char *err, size_t errsize)
{
	snprintf(err, errsize, "expected %s", what);
	return false;
}

static bool
lists_from_json(const json_t *o, struct rfs_state *s, char *err, size_t errsize)
{
	const json_t *history = json_object_get(o, "history"), *gaps = json_object_get(o, "gaps"), *v;
	size_t i;

	if (!json_is_array(history) || json_array_size(history) > STATE_HISTORY)
		return bad("history", err, errsize);
	json_array_foreach(history, i, v)
		if (!hex_to(v, &s->history[i]) || s->history[i] == 0)
			return bad("history of generations", err, errsize);
	if (!json_is_array(gaps) || json_array_size(gaps) > RFS_GAPS_MAX)
		return bad("gaps", err, errsize);
	json_array_foreach(gaps, i, v) {
		const json_t *from = json_object_get(v, "from_ms"), *to = json_object_get(v, "to_ms");

		if (!json_is_integer(from) || !json_is_integer(to) || json_integer_value(from) < 0 || json_integer_value(to) < json_integer_value(from))
			return bad("gaps with from_ms and to_ms", err, errsize);
		s->gaps[s->gaps_count++] = (struct rfs_gap){ json_integer_value(from), json_integer_value(to) };
	}
	return true;
}

bool
state_from_json(const json_t *o, struct rfs_state *s, char *err, size_t errsize)
{
	char *base = (char *)s;
	const json_t *v;
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < ARRAY_LEN(bools); i++) {
		v = json_object_get(o, bools[i].name);
		if (!json_is_boolean(v))
			return bad(bools[i].name, err, errsize);
		*(bool *)(base + bools[i].at) = json_is_true(v);
	}
	for (i = 0; i < ARRAY_LEN(gens); i++)
		if (!hex_to(json_object_get(o, gens[i].name), (uint64_t *)(void *)(base + gens[i].at)))
			return bad(gens[i].name, err, errsize);
	for (i = 0; i < ARRAY_LEN(times); i++) {
		v = json_object_get(o, times[i].name);
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return bad(times[i].name, err, errsize);
		*(int64_t *)(void *)(base + times[i].at) = json_integer_value(v);
	}
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		v = json_object_get(o, texts[i].name);
		if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v) ||
		    !str_copy(base + texts[i].at, texts[i].size, json_string_value(v)))
			return bad(texts[i].name, err, errsize);
	}
	return lists_from_json(o, s, err, errsize);
}

/* ---- the disk ---- */

static int64_t
alive_of(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;

	if (!path_format(path, sizeof(path), "%s/alive", folder) || stat(path, &st) == -1)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

/* An interrupted synchronisation.  One whose mark cannot be read counts as one, from nobody knows what. */
static void
load_mark(const char *folder, struct rfs_state *s)
{
	char path[PATH_MAX], *text;
	uint64_t from = 0;
	json_t *v;

	if (!path_format(path, sizeof(path), "%s/syncing", folder))
		return;
	if (path_read(path, &text, 256) < 0) {
		if (errno == ENOENT)
			return;
	} else {
		text[strcspn(text, "\n")] = '\0';
		v = json_string(text);
		if (!hex_to(v, &from))
			from = 0;
		json_decref(v);
		free(text);
	}
	if (from != 0 && from == s->gen && s->paired)
		return;		/* it was complete; the mark outlived it */
	s->inconsistent = true;
	s->uptodate = s->lastprim = false;
	s->from = from;
}

bool
state_load(const char *folder, struct rfs_state *s, char *err, size_t errsize)
{
	char path[PATH_MAX], *text = NULL;
	json_t *o = NULL;
	json_error_t e;
	bool ok = false;

	state_init(s);
	if (!path_format(path, sizeof(path), "%s/state.json", folder)) {
		snprintf(err, errsize, "%s: too long", folder);
	} else if (path_read(path, &text, STATE_BYTES_MAX) < 0) {
		ok = errno == ENOENT;
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
	} else {
		o = json_loads(text, JSON_REJECT_DUPLICATES, &e);
		if (!json_is_object(o))
			snprintf(err, errsize, "%s: %s", path, o == NULL ? e.text : "expected an object");
		else
			ok = state_from_json(o, s, err, errsize);
	}
	free(text);
	json_decref(o);
	if (!ok)
		state_init(s);
	load_mark(folder, s);
	if (alive_of(folder) > s->alive_ms)
		s->alive_ms = alive_of(folder);
	return ok;
}

bool
state_save(const char *folder, const struct rfs_state *s, char *err, size_t errsize)
{
	char path[PATH_MAX], *text;
	json_t *o = state_to_json(s);
	bool ok;

	text = o != NULL ? json_dumps(o, JSON_INDENT(1)) : NULL;
	json_decref(o);
	if (text == NULL || !path_format(path, sizeof(path), "%s/state.json", folder)) {
		snprintf(err, errsize, "%s", text == NULL ? "no memory" : "path too long");
		free(text);
		return false;
	}
	ok = path_write_atomic(path, text, strlen(text), 0600) == 0;
	if (!ok)
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
	free(text);
	return ok;
}

bool
state_begin_sync(const char *folder, uint64_t from)
{
	char path[PATH_MAX], text[20];

	if (!path_format(path, sizeof(path), "%s/syncing", folder)) {
		errno = ENAMETOOLONG;
		return false;
	}
	snprintf(text, sizeof(text), "%016" PRIx64 "\n", from);
	return path_write_atomic(path, text, strlen(text), 0600) == 0;
}

void
state_end_sync(const char *folder)
{
	char path[PATH_MAX];

	if (path_format(path, sizeof(path), "%s/syncing", folder))
		unlink(path);
}

void
state_alive(const char *folder)
{
	char path[PATH_MAX];
	int fd;

	if (!path_format(path, sizeof(path), "%s/alive", folder))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return;
	futimens(fd, NULL);
	close(fd);
}
