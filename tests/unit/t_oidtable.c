/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent/oidtable.c against the MIB, against the published fields, and GETNEXT against a naive search. */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "agent/oidtable.h"
#include "agent/oids.h"

/* ---- the MIB ---- */

struct mib_object { const char *name, *syntax, *access; uint32_t oid[OID_DEPTH]; size_t len; };
static const struct mib_object objects[] = {
#define X(name, syntax, access, ...) { #name, syntax, access, { __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t) },
	MIB_OBJECTS(X)
#undef X
};

static enum value_type
type_of_syntax(const char *syntax)
{
	if (strcmp(syntax, "Counter32") == 0)
		return VALUE_COUNTER;
	if (strcmp(syntax, "Gauge32") == 0 || strcmp(syntax, "Unsigned32") == 0)
		return VALUE_UNSIGNED;	/* one tag on the wire */
	if (strcmp(syntax, "TimeStamp") == 0)
		return VALUE_TICKS;
	if (strcmp(syntax, "SnmpAdminString") == 0 || strcmp(syntax, "DateAndTime") == 0)
		return VALUE_TEXT;
	return VALUE_INTEGER;	/* INTEGER, TruthValue, TestAndIncr and our own */
}

static void
test_every_object_of_the_mib_has_its_leaf(void **state)
{
	size_t i, j;

	assert_int_equal(ARRAY_LEN(objects), oid_leaf_count);
	for (i = 0; i < ARRAY_LEN(objects); i++) {
		const struct leaf *leaf = NULL;

		for (j = 0; j < oid_leaf_count; j++)
			if (strcmp(oid_leaves[j].name, objects[i].name) == 0)
				leaf = &oid_leaves[j];
		if (leaf == NULL)
			fail_msg("%s is not served", objects[i].name);
		assert_int_equal(leaf->len, objects[i].len);
		assert_memory_equal(leaf->oid, objects[i].oid, objects[i].len * sizeof(uint32_t));
		if (leaf->type != type_of_syntax(objects[i].syntax))
			fail_msg("%s: type %d for %s", leaf->name, leaf->type, objects[i].syntax);
		assert_int_equal(leaf->writable, strcmp(objects[i].access, "read-write") == 0);
	}
}

static void
test_leaves_are_in_order(void **state)
{
	size_t i, k;

	for (i = 1; i < oid_leaf_count; i++) {
		const struct leaf *a = &oid_leaves[i - 1], *b = &oid_leaves[i];

		for (k = 0; k < a->len && k < b->len && a->oid[k] == b->oid[k]; k++)
			;
		/* none is the beginning of another one */
		assert_true(k < a->len && k < b->len);
		if (a->oid[k] >= b->oid[k])
			fail_msg("%s before %s", a->name, b->name);
	}
}

/* ---- the published fields ---- */

/* Conventions of the MIB that stand for lists of words of fields.c; offset = number in the MIB minus ours */
static const struct { const char *convention; const struct report_type *type; const char *field; int offset; } words[] = {
	{ "SkState", &rpt_module_type, "state", 0 },	/* documented numbers */
	{ "SkStatus", &rpt_module_type, "status", 1 },
	{ "SkMode", &rpt_module_type, "mode", 1 },
	{ "SkBoot", &rpt_module_type, "boot", 1 },
	{ "SkVerb", &rpt_module_type, "action_verb", 1 },
	{ "SkOutcome", &rpt_module_type, "action_outcome", 1 },
	{ "SkHealth", &rpt_resource_type, "health", 1 },
	{ "SkMembership", &rpt_node_type, "state", 1 },
	{ "SkConfMatch", &rpt_node_type, "conf_match", 1 },
	{ "SkNoticeKind", &rpt_notice_type_type, "type", 1 },
};
static const struct { const char *convention, *label; int number; } labels[] = {
#define X(convention, label, number) { #convention, #label, number },
	MIB_LABELS(X)
#undef X
};

/* failover-begin and failoverBegin are one word */
static bool
same_word(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == '-')
			a++;
		while (*b == '-')
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (*a == '\0')
			return true;
	}
}

static void
test_labels_are_the_words_of_the_fields(void **state)
{
	size_t w, i, f;
	int n, found;

	for (w = 0; w < ARRAY_LEN(words); w++) {
		const struct field *field = NULL;

		for (f = 0; f < words[w].type->count; f++)
			if (strcmp(words[w].type->fields[f].name, words[w].field) == 0)
				field = &words[w].type->fields[f];
		assert_non_null(field);
		for (i = 0, found = 0; i < ARRAY_LEN(labels); i++)
			found += strcmp(labels[i].convention, words[w].convention) == 0;
		assert_int_equal(found, field->count);
		for (n = 0; n < field->count; n++) {
			for (i = 0; i < ARRAY_LEN(labels); i++)
				if (strcmp(labels[i].convention, words[w].convention) == 0 && labels[i].number == n + words[w].offset)
					break;
			if (i == ARRAY_LEN(labels) || !same_word(labels[i].label, field->names[n]))
				fail_msg("%s: no label %s(%d)", words[w].convention, field->names[n], n + words[w].offset);
		}
	}
	/* the action column has the numbers of SkVerb */
	for (i = 0; i < ARRAY_LEN(labels); i++)
		if (strcmp(labels[i].convention, "skModuleAction") == 0)
			assert_true(same_word(labels[i].label, rpt_verb_names[labels[i].number - 1]));
	assert_int_equal(skModuleAction_forcestop, VERB_FORCESTOP + 1);
	/* the numbers that the user's guide prints */
	assert_int_equal(SkState_stop, 0);
	assert_int_equal(SkState_wait, 1);
	assert_int_equal(SkState_prim, 3);
	assert_int_equal(SkState_second, 4);
}

static void
test_enum_columns_add_what_their_convention_says(void **state)
{
	size_t i, j, w;

	for (i = 0; i < ARRAY_LEN(objects); i++)
		for (w = 0; w < ARRAY_LEN(words); w++)
			for (j = 0; j < oid_leaf_count && strcmp(objects[i].syntax, words[w].convention) == 0; j++)
				if (strcmp(oid_leaves[j].name, objects[i].name) == 0)
					assert_int_equal(oid_leaves[j].add, words[w].offset);
}

static void
test_notifications_have_the_numbers_of_their_kind(void **state)
{
	static const struct { const char *name; int number; } traps[] = {
#define X(name, number) { #name, number },
		MIB_NOTIFICATIONS(X)
#undef X
	};
	static const char *const expect[NT_COUNT] = { "skTrapLogMesg", "skModuleStateChange", "skFailoverBegin", "skFailoverEnd",
	    "skResourceChange", "skHeartbeatLost", "skHeartbeatRestored", "skSplitBrain", "skActionCompleted", "skMaxloopReached" };
	int i;

	assert_int_equal(ARRAY_LEN(traps), NT_COUNT);
	for (i = 0; i < NT_COUNT; i++) {
		assert_string_equal(traps[i].name, expect[i]);
		assert_int_equal(traps[i].number, i + 1);
	}
}

static void
test_every_published_field_has_an_object(void **state)
{
	static const struct { enum snap_table table; const struct report_type *type; } tables[] = {
		{ SNAP_MODULES, &rpt_module_type }, { SNAP_RESOURCES, &rpt_resource_type }, { SNAP_NODES, &rpt_node_type },
		{ SNAP_NOTICE, &rpt_notice_type_type }, { SNAP_NONE, &rpt_engine_type }, { SNAP_SHARES, &rpt_share_type },
	};
	/* indexes, what other objects say, and the columns of the last action, which are computed */
	static const char *const apart[] = { "module.id", "resource.module_id", "resource.index", "resource.module", "node.index",
	    "share.module_id", "share.index", "share.module",
	    "engine.pid", "engine.modules", "engine.notice_seq", "module.action_seq", "module.action_verb", "module.action_outcome",
	    "module.action_by", "module.action_message", "module.action_begin_ms", "module.action_end_ms" };
	char name[64];
	size_t t, f, i;

	for (t = 0; t < ARRAY_LEN(tables); t++)
		for (f = 0; f < tables[t].type->count; f++) {
			const struct field *field = &tables[t].type->fields[f];
			bool there = false;

			snprintf(name, sizeof(name), "%s.%s", tables[t].type->name, field->name);
			for (i = 0; i < ARRAY_LEN(apart); i++)
				there = there || strcmp(apart[i], name) == 0;
			for (i = 0; i < oid_leaf_count && !there; i++)
				there = oid_leaves[i].table == tables[t].table && oid_leaves[i].off == field->off;
			if (!there)
				fail_msg("%s is published and not in the MIB", name);
		}
}

/* ---- look-up ---- */

static struct snap snap;
static struct trap_queue traps;
static struct view view = { .snap = &snap, .traps = &traps, .now_ms = 5000, .uptime_cs = 400, .reachable = true, .control = true };

#define MODULES		3
#define PER_MODULE	4
static struct instance { unsigned long oid[OID_DEPTH + 2]; size_t len; } instances[2000];
static size_t instance_count;

static int
setup(void **state)
{
	/* indexes with holes, small and very large */
	static const uint32_t ids[MODULES] = { 1, 7, 256 }, indexes[PER_MODULE] = { 1, 2, 77, UINT32_MAX };
	size_t i, j;

	if (!snap_init(&snap, 1000) || !trap_init(&traps, TRAP_RATE, TRAP_BURST, "UEC", 0))
		return -1;
	for (i = 0; i < MODULES; i++) {
		struct rpt_module m = { .id = ids[i] };

		snprintf(m.name, sizeof(m.name), "m%u", ids[i]);
		snap_put_module(&snap, &m, 2000);
		for (j = 0; j < PER_MODULE; j++) {
			struct rpt_resource r = { .module_id = ids[i], .index = indexes[j], .health = RH_UP };

			snprintf(r.name, sizeof(r.name), "r%u", indexes[j]);
			snap_put_resource(&snap, &r, 3000);
		}
		for (j = 0; j < 2; j++) {
			struct rpt_share s = { .module_id = ids[i], .index = indexes[2 * j], .buckets = 128, .view = 7, .serving = 2 };

			snprintf(s.group, sizeof(s.group), "g%u", indexes[2 * j]);
			snap_put_share(&snap, &s, 4000);
		}
	}
	for (i = 1; i <= 3; i++) {
		struct rpt_node n = { .index = (uint32_t)i };
		struct rpt_notice t = { .seq = UINT32_MAX - 3 + i };

		snap_put_node(&snap, &n, 0);
		snap_put_notice(&snap, &t, 0);
	}
	return 0;
}

static int
teardown(void **state)
{
	snap_free(&snap);
	trap_free(&traps);
	return 0;
}

static int
compare(const unsigned long *a, size_t an, const unsigned long *b, size_t bn)
{
	size_t i;

	for (i = 0; i < an && i < bn; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return an == bn ? 0 : an < bn ? -1 : 1;
}

static void
test_a_walk_is_increasing_and_complete(void **state)
{
	unsigned long oid[OID_DEPTH + 2] = { 0 };
	struct value next_value, get_value;
	size_t len = 0, columns = 0, i;

	memset(&next_value, 0, sizeof(next_value));
	memset(&get_value, 0, sizeof(get_value));
	for (instance_count = 0;; instance_count++) {
		struct instance *in = &instances[instance_count];

		assert_true(instance_count < ARRAY_LEN(instances));
		if (!oid_next(&view, oid, len, in->oid, &in->len, &next_value))
			break;
		assert_true(compare(oid, len, in->oid, in->len) < 0);
		assert_int_equal(oid_get(&view, in->oid, in->len, &get_value), OID_FOUND);
		assert_int_equal(next_value.type, get_value.type);
		if (next_value.type == VALUE_TEXT) {
			assert_int_equal(next_value.len, get_value.len);
			assert_memory_equal(next_value.text, get_value.text, get_value.len);
		} else {
			assert_int_equal(next_value.number, get_value.number);
		}
		memcpy(oid, in->oid, sizeof(oid));
		len = in->len;
	}
	for (i = 0; i < oid_leaf_count; i++)
		columns += oid_leaves[i].table == SNAP_NONE ? 1 : snap.set[oid_leaves[i].table].count;
	assert_int_equal(instance_count, columns);
}

static void
test_next_of_any_name_is_the_smallest_behind_it(void **state)
{
	static const unsigned long odd[] = { 0, 1, 2, 3, 7, 8, 76, 77, 255, 256, 257, UINT32_MAX - 1ul, UINT32_MAX };
	unsigned turn, seed = 7;
	struct value val;

	assert_true(instance_count > 100);	/* of the test before */
	for (turn = 0; turn < 200000; turn++) {
		unsigned long oid[OID_DEPTH + 2], next[OID_DEPTH + 2];
		size_t len, i, next_len;
		bool found;

		/* a known name, cut or bent or lengthened */
		seed = seed * 1664525 + 1013904223;
		const struct instance *in = &instances[(seed >> 8) % instance_count];
		memcpy(oid, in->oid, sizeof(oid));
		len = in->len;
		seed = seed * 1664525 + 1013904223;
		switch ((seed >> 8) % 4) {
		case 0: len = (seed >> 12) % (in->len + 1); break;
		case 1: oid[(seed >> 12) % in->len] = odd[(seed >> 20) % ARRAY_LEN(odd)]; break;
		case 2: oid[len++] = odd[(seed >> 20) % ARRAY_LEN(odd)]; break;
		default: break;
		}
		found = oid_next(&view, oid, len, next, &next_len, &val);
		for (i = 0; i < instance_count && compare(instances[i].oid, instances[i].len, oid, len) <= 0; i++)
			;
		assert_int_equal(found, i < instance_count);
		if (found)
			assert_int_equal(compare(next, next_len, instances[i].oid, instances[i].len), 0);
		/* and GET finds it if and only if the walk did */
		for (i = 0; i < instance_count && compare(instances[i].oid, instances[i].len, oid, len) != 0; i++)
			;
		assert_int_equal(oid_get(&view, oid, len, &val) == OID_FOUND, i < instance_count);
	}
}

static uint32_t
number(unsigned long *oid, size_t len)
{
	struct value val;

	assert_int_equal(oid_get(&view, oid, len, &val), OID_FOUND);
	return val.number;
}
#define NUMBER(...)	number((unsigned long[]){ __VA_ARGS__ }, sizeof((unsigned long[]){ __VA_ARGS__ }) / sizeof(unsigned long))

static void
test_unknown_while_the_engine_is_away(void **state)
{
	snap_module(&snap, 7)->state = RS_PRIM;
	snap_module(&snap, 7)->status = ST_READY;
	((struct rpt_node *)rowset_get(&snap.set[SNAP_NODES], 2))->state = NS_UP;
	assert_int_equal(NUMBER(OID_skModuleStatus, 7), SkStatus_ready);
	assert_int_equal(NUMBER(OID_skResourceHealth, 7, 77), SkHealth_up);
	assert_int_equal(NUMBER(OID_skNodeState, 2), SkMembership_up);
	view.reachable = false;
	assert_int_equal(NUMBER(OID_skModuleCurrentState, 7), SkState_prim);
	assert_int_equal(NUMBER(OID_skModuleStatus, 7), SkStatus_unknown);
	assert_int_equal(NUMBER(OID_skResourceHealth, 7, 77), SkHealth_unknown);
	assert_int_equal(NUMBER(OID_skNodeState, 2), SkMembership_unknown);
	assert_int_equal(NUMBER(OID_skShareBuckets, 7, 77), 128);	/* the last known, as its description says */
	assert_int_equal(NUMBER(OID_skAgentEngineReachable, 0), 2);
	view.reachable = true;
}

static void
test_time_stamps(void **state)
{
	/* now is 5000 ms and sysUpTime 4 s: the change at 3000 ms was at 2 s; that at 1000 ms was when snmpd started or before */
	assert_int_equal(NUMBER(OID_skResourceLastChange, 0), 200);
	assert_int_equal(NUMBER(OID_skModuleLastChange, 0), 100);
	assert_int_equal(NUMBER(OID_skShareLastChange, 0), 300);
	view.uptime_cs = 50;
	assert_int_equal(NUMBER(OID_skModuleLastChange, 0), 0);
	view.uptime_cs = 400;
}

static void
test_dates(void **state)
{
	static const struct { const char *tz; int64_t ms; unsigned char expect[11]; size_t len; } rows[] = {
		{ "UTC", 1741343315598, { 0x07, 0xe9, 3, 7, 10, 28, 35, 5, '+', 0, 0 }, 11 },
		{ "XXX-5:30", 1741343315598, { 0x07, 0xe9, 3, 7, 15, 58, 35, 5, '+', 5, 30 }, 11 },
		{ "XXX3:30", 1741343315598, { 0x07, 0xe9, 3, 7, 6, 58, 35, 5, '-', 3, 30 }, 11 },
		{ "UTC", 0, { 0 }, 8 }, { "UTC", -1, { 0 }, 8 }, { "UTC", INT64_MAX, { 0 }, 8 },
	};
	char out[11];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		setenv("TZ", rows[i].tz, 1);
		tzset();
		assert_int_equal(oid_date(rows[i].ms, out), rows[i].len);
		assert_memory_equal(out, rows[i].expect, rows[i].len);
	}
}

static void
test_long_texts_are_cut_at_a_character(void **state)
{
	struct rpt_module *m = snap_module(&snap, 1);
	unsigned long oid[] = { OID_skModuleReason, 1 };
	struct value val;

	memset(m->reason, 'x', 254);
	strcpy(m->reason + 254, "\xc3\xa9 and more");	/* octets 255 and 256 are one character */
	assert_int_equal(oid_get(&view, oid, sizeof(oid) / sizeof(oid[0]), &val), OID_FOUND);
	assert_int_equal(val.len, 254);
	memset(m->reason, 'x', sizeof(m->reason));	/* no NUL: cannot come from a decoder, and must not be read behind */
	assert_int_equal(oid_get(&view, oid, sizeof(oid) / sizeof(oid[0]), &val), OID_FOUND);
	assert_int_equal(val.len, 255);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_object_of_the_mib_has_its_leaf),
		cmocka_unit_test(test_leaves_are_in_order),
		cmocka_unit_test(test_labels_are_the_words_of_the_fields),
		cmocka_unit_test(test_enum_columns_add_what_their_convention_says),
		cmocka_unit_test(test_notifications_have_the_numbers_of_their_kind),
		cmocka_unit_test(test_every_published_field_has_an_object),
		cmocka_unit_test(test_a_walk_is_increasing_and_complete),
		cmocka_unit_test(test_next_of_any_name_is_the_smallest_behind_it),
		cmocka_unit_test(test_unknown_while_the_engine_is_away),
		cmocka_unit_test(test_time_stamps),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_long_texts_are_cut_at_a_character),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
