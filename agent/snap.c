/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snap.c: keeps the agent's picture sorted, so that an SNMP walk finds each row by bisection.
 *
 * Owns: the rows.  Called under the mutex of struct agent.  Never does: I/O, JSON, SNMP.
 */
#include "config.h"
#include "agent/snap.h"

#include <sys/random.h>
#include <stdlib.h>
#include <string.h>

/* ---- one table ---- */

void
rowset_init(struct rowset *set, size_t size)
{
	memset(set, 0, sizeof(*set));
	set->size = size;
}

void
rowset_free(struct rowset *set)
{
	size_t i;

	for (i = 0; i < set->count; i++)
		free(set->rows[i].data);
	free(set->rows);
	rowset_init(set, set->size);
}

/* Place of the first row whose key is not smaller; a walk finds it without bisection. */
static size_t
rowset_place(struct rowset *set, uint64_t key)
{
	size_t low = 0, high = set->count, at = set->hint;

	if (at < high && set->rows[at].key < key && (at + 1 == high || set->rows[at + 1].key >= key))
		return set->hint = at + 1;
	if (at < high && set->rows[at].key == key)
		return at;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (set->rows[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return set->hint = low;
}

const struct snap_row *
rowset_from(struct rowset *set, uint64_t key)
{
	size_t at = rowset_place(set, key);

	return at < set->count ? &set->rows[at] : NULL;
}

void *
rowset_get(struct rowset *set, uint64_t key)
{
	const struct snap_row *row = rowset_from(set, key);

	return row != NULL && row->key == key ? row->data : NULL;
}

bool
rowset_put(struct rowset *set, uint64_t key, const void *data, bool *changed)
{
	size_t at = rowset_place(set, key);
	void *copy;

	if (at < set->count && set->rows[at].key == key) {
		*changed = memcmp(set->rows[at].data, data, set->size) != 0;
		if (*changed)
			memcpy(set->rows[at].data, data, set->size);
		return true;
	}
	if (set->count == set->room) {
		size_t room = set->room == 0 ? 64 : set->room * 2;
		struct snap_row *rows = realloc(set->rows, room * sizeof(*rows));

		if (rows == NULL)
			return false;
		set->rows = rows;
		set->room = room;
	}
	copy = malloc(set->size);
	if (copy == NULL)
		return false;
	memcpy(copy, data, set->size);
	memmove(&set->rows[at + 1], &set->rows[at], (set->count - at) * sizeof(set->rows[0]));
	set->rows[at] = (struct snap_row){ key, copy };
	set->count++;
	*changed = true;
	/* cppcheck-suppress memleak ; the row has it */
	return true;
}

/* Rows [at, at + n) go */
static void
rowset_cut(struct rowset *set, size_t at, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(set->rows[at + i].data);
	memmove(&set->rows[at], &set->rows[at + n], (set->count - at - n) * sizeof(set->rows[0]));
	set->count -= n;
}

bool
rowset_drop(struct rowset *set, uint64_t key)
{
	size_t at = rowset_place(set, key);

	if (at >= set->count || set->rows[at].key != key)
		return false;
	rowset_cut(set, at, 1);
	return true;
}

/* ---- the picture ---- */

static void
tables_init(struct snap *s)
{
	rowset_init(&s->set[SNAP_MODULES], sizeof(struct rpt_module));
	rowset_init(&s->set[SNAP_RESOURCES], sizeof(struct rpt_resource));
	rowset_init(&s->set[SNAP_NODES], sizeof(struct rpt_node));
	rowset_init(&s->set[SNAP_NOTICE], sizeof(struct rpt_notice));
	rowset_init(&s->set[SNAP_SHARES], sizeof(struct rpt_share));
}

bool
snap_init(struct snap *s, int64_t now_ms)
{
	uint32_t start[SK_MODULES_MAX + 1];
	size_t i;

	memset(s, 0, sizeof(*s));
	tables_init(s);
	s->heard_ms = now_ms;
	s->started_ms = clock_wall_us() / 1000;
	for (i = 0; i < SNAP_TABLES; i++)
		s->changed_ms[i] = now_ms;
	/* getrandom() gives up to 256 bytes whole; more may be cut short by a signal */
	for (i = 0; i < ARRAY_LEN(start); i++) {
		if (getrandom(&start[i], sizeof(start[i]), 0) != (ssize_t)sizeof(start[i]))
			return false;
		s->action[i].lock = (int32_t)(start[i] & INT32_MAX);
	}
	return true;
}

void
snap_free(struct snap *s)
{
	size_t i;

	for (i = SNAP_NONE + 1; i < SNAP_TABLES; i++)
		rowset_free(&s->set[i]);
}

bool
snap_reachable(const struct snap *s, int64_t now_ms)
{
	return s->connected && now_ms - s->heard_ms <= SNAP_SILENCE_MS;
}

static bool
snap_put(struct snap *s, enum snap_table table, uint64_t key, const void *data, int64_t now_ms)
{
	bool changed;

	if (!rowset_put(&s->set[table], key, data, &changed))
		return false;
	if (changed)
		s->changed_ms[table] = now_ms;
	return true;
}

bool
snap_put_module(struct snap *s, const struct rpt_module *m, int64_t now_ms)
{
	const struct rpt_module *old;

	if (m->id < 1 || m->id > SK_MODULES_MAX)
		return false;
	old = snap_module(s, m->id);
	/* another process owns the module now: it counts its actions anew, so the answer of the old one says nothing */
	if (old != NULL && old->pid != m->pid && s->action[m->id].ask == ASK_ACCEPTED)
		s->action[m->id].ask = ASK_NONE;
	return snap_put(s, SNAP_MODULES, m->id, m, now_ms);
}

/* Rows of a module */
static void
drop_rows(struct snap *s, enum snap_table table, uint32_t id, int64_t now_ms)
{
	struct rowset *set = &s->set[table];
	size_t from = rowset_place(set, snap_key2(id, 0)), to = rowset_place(set, snap_key2(id + 1, 0));

	if (to > from) {
		rowset_cut(set, from, to - from);
		s->changed_ms[table] = now_ms;
	}
}

void
snap_drop_module(struct snap *s, uint32_t id, int64_t now_ms)
{
	if (id > SK_MODULES_MAX || !rowset_drop(&s->set[SNAP_MODULES], id))
		return;
	s->changed_ms[SNAP_MODULES] = now_ms;
	s->action[id].ask = ASK_NONE;
	drop_rows(s, SNAP_RESOURCES, id, now_ms);
	drop_rows(s, SNAP_SHARES, id, now_ms);
}

bool
snap_put_resource(struct snap *s, const struct rpt_resource *r, int64_t now_ms)
{
	if (r->module_id < 1 || r->module_id > SK_MODULES_MAX || r->index < 1)
		return false;
	return snap_put(s, SNAP_RESOURCES, snap_key2(r->module_id, r->index), r, now_ms);
}

void
snap_drop_resource(struct snap *s, uint32_t module, uint32_t index, int64_t now_ms)
{
	if (rowset_drop(&s->set[SNAP_RESOURCES], snap_key2(module, index)))
		s->changed_ms[SNAP_RESOURCES] = now_ms;
}

bool
snap_put_share(struct snap *s, const struct rpt_share *r, int64_t now_ms)
{
	if (r->module_id < 1 || r->module_id > SK_MODULES_MAX || r->index < 1)
		return false;
	return snap_put(s, SNAP_SHARES, snap_key2(r->module_id, r->index), r, now_ms);
}

void
snap_drop_share(struct snap *s, uint32_t module, uint32_t index, int64_t now_ms)
{
	if (rowset_drop(&s->set[SNAP_SHARES], snap_key2(module, index)))
		s->changed_ms[SNAP_SHARES] = now_ms;
}

bool
snap_put_node(struct snap *s, const struct rpt_node *n, int64_t now_ms)
{
	return n->index >= 1 && snap_put(s, SNAP_NODES, n->index, n, now_ms);
}

void
snap_reset_nodes(struct snap *s, int64_t now_ms)
{
	rowset_free(&s->set[SNAP_NODES]);
	s->changed_ms[SNAP_NODES] = now_ms;
}

bool
snap_put_notice(struct snap *s, const struct rpt_notice *n, int64_t now_ms)
{
	struct rowset *set = &s->set[SNAP_NOTICE];

	if (n->seq <= s->notice_seq)
		return false;
	/* the index has 32 bits: where they begin anew, order would be lost */
	if (n->seq >> 32 != s->notice_seq >> 32)
		rowset_free(set);
	if (!snap_put(s, SNAP_NOTICE, (uint32_t)n->seq, n, now_ms))
		return false;
	s->notice_seq = n->seq;
	if (set->count > SNAP_NOTICES)
		rowset_cut(set, 0, set->count - SNAP_NOTICES);
	return true;
}

void
snap_reset_notices(struct snap *s)
{
	rowset_free(&s->set[SNAP_NOTICE]);
	s->notice_seq = 0;
}

static bool
same_rows(const struct rowset *a, const struct rowset *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (a->rows[i].key != b->rows[i].key || memcmp(a->rows[i].data, b->rows[i].data, a->size) != 0)
			return false;
	return true;
}

void
snap_exchange(struct snap *s, struct snap *fresh, int64_t now_ms)
{
	static const enum snap_table tables[] = { SNAP_MODULES, SNAP_RESOURCES, SNAP_NODES, SNAP_SHARES };
	size_t i;

	for (i = 0; i < ARRAY_LEN(tables); i++) {
		struct rowset old = s->set[tables[i]];

		if (!same_rows(&old, &fresh->set[tables[i]]))
			s->changed_ms[tables[i]] = now_ms;
		s->set[tables[i]] = fresh->set[tables[i]];
		fresh->set[tables[i]] = old;
	}
	s->engine = fresh->engine;
	s->connected = true;
	s->heard_ms = now_ms;
	/* what the engine accepted before is in its reports by now, or it forgot it */
	for (i = 0; i < ARRAY_LEN(s->action); i++)
		if (s->action[i].ask == ASK_ACCEPTED)
			s->action[i].ask = ASK_NONE;
}

void
snap_lost(struct snap *s, int64_t now_wall_ms)
{
	uint32_t i;

	s->connected = false;
	for (i = 1; i <= SK_MODULES_MAX; i++)
		if (s->action[i].ask == ASK_SENT)
			snap_ended(s, i, OUT_FAILED, "connection to the engine lost before it answered: it may have begun the action",
			    now_wall_ms);
}

/* ---- SNMP actions ---- */

struct rpt_module *
snap_module(struct snap *s, uint32_t id)
{
	return rowset_get(&s->set[SNAP_MODULES], id);
}

bool
snap_asked(struct snap *s, uint32_t id)
{
	const struct rpt_module *m = snap_module(s, id);
	const struct snap_action *a = &s->action[id];

	if (m == NULL)
		return false;
	switch (a->ask) {
	case ASK_NONE: return false;
	case ASK_SENT: return true;
	case ASK_ACCEPTED: return (int32_t)(a->seq - m->action_seq) > 0;	/* numbers grow, modulo 2^32 */
	case ASK_ENDED: return m->action_seq == a->seq;	/* no other action was accepted since */
	}
	return false;
}

int
snap_running(struct snap *s, uint32_t id)
{
	const struct rpt_module *m = snap_module(s, id);

	if (m == NULL)
		return VERB_NONE;
	if (snap_asked(s, id) && s->action[id].outcome == OUT_RUNNING)
		return s->action[id].verb;
	return m->action_outcome == OUT_RUNNING ? m->action_verb : VERB_NONE;
}

void
snap_ask(struct snap *s, uint32_t id, int verb, int64_t wall_ms)
{
	const struct rpt_module *m = snap_module(s, id);
	struct snap_action *a = &s->action[id];

	a->ask = ASK_SENT;
	a->seq = m != NULL ? m->action_seq : 0;
	a->verb = verb;
	a->outcome = OUT_RUNNING;
	a->begin_ms = wall_ms;
	a->end_ms = 0;
	a->message[0] = '\0';
}

void
snap_accepted(struct snap *s, uint32_t id, uint32_t seq)
{
	struct snap_action *a = &s->action[id];

	if (a->ask != ASK_SENT)
		return;
	a->ask = ASK_ACCEPTED;
	a->seq = seq;
}

void
snap_ended(struct snap *s, uint32_t id, int outcome, const char *message, int64_t wall_ms)
{
	struct snap_action *a = &s->action[id];

	if (a->ask != ASK_SENT)
		return;
	a->ask = ASK_ENDED;
	a->outcome = outcome;
	a->end_ms = wall_ms;
	str_copy(a->message, sizeof(a->message), message);
}
