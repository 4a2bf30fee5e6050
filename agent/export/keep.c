/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep.c: counts notices.  A scrape every 15 s does not see an ALONE of 5 s; a counter does.
 */
#include "config.h"
#include "agent/export/keep.h"

const char *const drop_reason_names[DROP_COUNT] = { [DROP_SIZE] = "size", [DROP_AGE] = "age", [DROP_REFUSED] = "refused" };
const char *const push_result_names[PUSH_COUNT] = {
	[PUSH_TAKEN] = "taken", [PUSH_PARTLY] = "partly", [PUSH_SPLIT] = "split", [PUSH_FAILED] = "failed",
};

bool
keep_init(struct keep *k)
{
	memset(k, 0, sizeof(*k));
	pthread_mutex_init(&k->mutex, NULL);
	return snap_init(&k->snap, clock_mono_ms());
}

void
keep_free(struct keep *k)
{
	snap_free(&k->snap);
	pthread_mutex_destroy(&k->mutex);
}

static void
count_for(struct keep *k, uint32_t id, const char *name)
{
	if (strcmp(k->counted[id], name) == 0)
		return;
	memset(k->transitions[id], 0, sizeof(k->transitions[id]));
	memset(k->events[id], 0, sizeof(k->events[id]));
	str_copy(k->counted[id], sizeof(k->counted[id]), name);
}

void
keep_modules(struct keep *k)
{
	uint32_t id;

	for (id = 1; id <= SK_MODULES_MAX; id++) {
		const struct rpt_module *m = snap_module(&k->snap, id);

		count_for(k, id, m != NULL ? m->name : "");
	}
}

void
keep_notice(struct keep *k, const struct rpt_notice *n)
{
	int from, to;

	if (!snap_put_notice(&k->snap, n, clock_mono_ms()) || n->module_id < 1 || n->module_id > SK_MODULES_MAX)
		return;
	count_for(k, n->module_id, n->module);
	k->events[n->module_id][n->type]++;
	if (n->type != NT_STATE)
		return;
	from = rpt_lookup(rpt_state_names, RS_COUNT, n->from);
	to = rpt_lookup(rpt_state_names, RS_COUNT, n->to);
	if (from >= 0 && to >= 0)
		k->transitions[n->module_id][from][to]++;
}
