/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oidtable.c: one row per object of the MIB; GET and GETNEXT are look-ups in these rows and in the picture.
 *
 * Owns: the rows.  The numbers come from mib/SAFEKIT-MIB.txt through oids.h.  Never does: I/O, SNMP encoding, allocation.
 */
#include "config.h"
#include "agent/oidtable.h"
#include "agent/oids.h"

#include <string.h>
#include <time.h>

/* ---- values ---- */

static void
put_text(struct value *out, const char *text)
{
	size_t len = strnlen(text, SK_TEXT_MAX);

	if (len >= sizeof(out->text)) {
		/* never leave half of an UTF-8 character behind */
		len = sizeof(out->text) - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out->text, text, len);
	out->len = len;
}

size_t
oid_date(int64_t wall_ms, char *out)
{
	time_t sec = (time_t)(wall_ms / 1000);
	long off;
	struct tm tm;

	if (wall_ms <= 0 || localtime_r(&sec, &tm) == NULL || tm.tm_year + 1900 > 65535) {
		memset(out, 0, 8);
		return 8;
	}
	off = tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff;
	out[0] = (char)((tm.tm_year + 1900) >> 8);
	out[1] = (char)((tm.tm_year + 1900) & 255);
	out[2] = (char)(tm.tm_mon + 1);
	out[3] = (char)tm.tm_mday;
	out[4] = (char)tm.tm_hour;
	out[5] = (char)tm.tm_min;
	out[6] = (char)tm.tm_sec;
	out[7] = (char)(wall_ms % 1000 / 100);
	out[8] = tm.tm_gmtoff < 0 ? '-' : '+';
	out[9] = (char)(off / 3600);
	out[10] = (char)(off / 60 % 60);
	return 11;
}

static const void *
member(const struct leaf *leaf, const void *row)
{
	return (const char *)row + leaf->off;
}

static void
get_text(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_text(out, member(leaf, row));
}

static void
get_u32(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = *(const uint32_t *)member(leaf, row);
}

/* the low half: what a counter of 32 bits shows of one of 64 */
static void
get_u64(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)*(const uint64_t *)member(leaf, row);
}

static void
get_enum(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)(*(const int *)member(leaf, row) + leaf->add);
}

static void
put_truth(struct value *out, bool truth)
{
	out->number = truth ? 1 : 2;	/* TruthValue, RFC 2579 */
}

static void
get_bool(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_truth(out, *(const int *)member(leaf, row) != 0);
}

static void
get_date(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->len = oid_date(*(const int64_t *)member(leaf, row), out->text);
}

/* Values that are only worth something while the engine talks to us */
static void
get_status(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)((v->reachable ? *(const int *)member(leaf, row) : ST_UNKNOWN) + leaf->add);
}

static void
get_health(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)((v->reachable ? *(const int *)member(leaf, row) : RH_UNKNOWN) + leaf->add);
}

static void
get_membership(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)((v->reachable ? *(const int *)member(leaf, row) : NS_UNKNOWN) + leaf->add);
}

/* ---- the last action: the module's report, or what SNMP asked for since ---- */

static void
get_action(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct rpt_module *m = row;
	int verb = VERB_NONE;

	if (snap_asked(v->snap, m->id))
		verb = v->snap->action[m->id].outcome == OUT_RUNNING ? v->snap->action[m->id].verb : VERB_NONE;
	else if (m->action_outcome == OUT_RUNNING && strcmp(m->action_by, "snmp") == 0 && m->action_verb <= VERB_FORCESTOP)
		verb = m->action_verb;
	out->number = (uint32_t)(verb + leaf->add);
}

static void
get_lock(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)v->snap->action[key].lock;
}

/* what SNMP asked for and the module's report does not tell yet; NULL: the report tells all */
static const struct snap_action *
asked(const struct view *v, uint64_t key)
{
	return snap_asked(v->snap, (uint32_t)key) ? &v->snap->action[key] : NULL;
}

static void
get_action_seq(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct snap_action *a = asked(v, key);

	out->number = a != NULL ? a->seq : ((const struct rpt_module *)row)->action_seq;
}

static void
get_last_verb(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct snap_action *a = asked(v, key);

	out->number = (uint32_t)((a != NULL ? a->verb : ((const struct rpt_module *)row)->action_verb) + leaf->add);
}

static void
get_last_outcome(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct snap_action *a = asked(v, key);

	out->number = (uint32_t)((a != NULL ? a->outcome : ((const struct rpt_module *)row)->action_outcome) + leaf->add);
}

static void
get_last_by(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_text(out, asked(v, key) != NULL ? "snmp" : ((const struct rpt_module *)row)->action_by);
}

static void
get_last_message(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct snap_action *a = asked(v, key);

	put_text(out, a != NULL ? a->message : ((const struct rpt_module *)row)->action_message);
}

static void
get_last_begin(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct snap_action *a = asked(v, key);

	out->len = oid_date(a != NULL ? a->begin_ms : ((const struct rpt_module *)row)->action_begin_ms, out->text);
}

static void
get_last_end(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	const struct snap_action *a = asked(v, key);

	out->len = oid_date(a != NULL ? a->end_ms : ((const struct rpt_module *)row)->action_end_ms, out->text);
}

/* ---- notices ---- */

static void
get_notice_node(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_text(out, v->snap->engine.node);
}

/* ---- scalars ---- */

static void
get_version(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_text(out, PACKAGE_VERSION);
}

static void
get_reachable(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_truth(out, v->reachable);
}

static void
get_age(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	int64_t age = v->now_ms - v->snap->heard_ms;

	out->number = age < 0 ? 0 : age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

static void
get_control(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	put_truth(out, v->control);
}

static void
get_started(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->len = oid_date(v->snap->started_ms, out->text);
}

/* add of a counting leaf is the table it counts */
static void
get_count(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)v->snap->set[leaf->add].count;
}

static void
get_changed(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	int64_t ago_cs = (v->now_ms - v->snap->changed_ms[leaf->add]) / 10;

	/* snmpd may be younger than the change: RFC 2579 asks for 0 then */
	out->number = ago_cs >= v->uptime_cs ? 0 : v->uptime_cs - (uint32_t)ago_cs;
}

static void
get_notice_last(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)v->snap->notice_seq;
}

static void
get_rate(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = v->traps->rate;
}

static void
get_burst(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = v->traps->burst;
}

static void
get_sent(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = v->traps->sent;
}

static void
get_suppressed(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = v->traps->suppressed;
}

static void
get_queued(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->number = (uint32_t)v->traps->count;
}

/* ---- the rows ---- */

#define LEAF(name)	#name, { OID_##name }, sizeof((const uint32_t[]){ OID_##name }) / sizeof(uint32_t)
#define ROW(name, type, get, member, add) \
	{ LEAF(name), TABLE, VALUE_##type, get, offsetof(struct REPORT, member), add, false }
#define TEXT(name, member)	ROW(name, TEXT, get_text, member, 0)
#define DATE(name, member)	ROW(name, TEXT, get_date, member, 0)
#define U32(name, member)	ROW(name, UNSIGNED, get_u32, member, 0)
#define LOW32(name, member)	ROW(name, UNSIGNED, get_u64, member, 0)
#define COUNTER(name, member)	ROW(name, COUNTER, get_u64, member, 0)
#define ENUM(name, member, add)	ROW(name, INTEGER, get_enum, member, add)
#define TRUTH(name, member)	ROW(name, INTEGER, get_bool, member, 0)
#define CALC(name, type, get, add)	{ LEAF(name), TABLE, VALUE_##type, get, 0, add, false }
#define SET(name, get, add)	{ LEAF(name), TABLE, VALUE_INTEGER, get, 0, add, true }

/* Numbers of ours begin at 0, those of the MIB at 1, but for the documented state */
#define FROM_ONE	1

const struct leaf oid_leaves[] = {
#define TABLE SNAP_MODULES
#define REPORT rpt_module
	TEXT(skModuleName, name),
	ENUM(skModuleCurrentState, state, 0),
	ROW(skModuleStatus, INTEGER, get_status, status, FROM_ONE),
	ENUM(skModuleMode, mode, FROM_ONE),
	TEXT(skModulePeer, peer),
	ENUM(skModulePeerState, peer_state, 0),
	ROW(skModulePeerStatus, INTEGER, get_status, peer_status, FROM_ONE),
	DATE(skModuleSince, since_ms),
	ENUM(skModulePreviousState, prev_state, 0),
	TEXT(skModuleReason, reason),
	COUNTER(skModuleTransitions, transitions),
	COUNTER(skModuleFailovers, failovers),
	COUNTER(skModuleScriptFailures, script_failures),
	DATE(skModuleCountersSince, counters_ms),
	U32(skModuleLoopCount, loop_count),
	U32(skModuleLoopMax, loop_max),
	TRUTH(skModuleFailoverEnabled, failover),
	ENUM(skModuleBoot, boot, FROM_ONE),
	TRUTH(skModuleEncryption, encryption),
	U32(skModuleHeartbeats, heartbeats),
	U32(skModuleHeartbeatsUp, heartbeats_up),
	TEXT(skModuleSignature, signature),
	DATE(skModuleConfigTime, config_ms),
	U32(skModulePid, pid),
	SET(skModuleAction, get_action, FROM_ONE),
	SET(skModuleActionSpinLock, get_lock, 0),
	CALC(skModuleActionSeq, UNSIGNED, get_action_seq, 0),
	CALC(skModuleLastAction, INTEGER, get_last_verb, FROM_ONE),
	CALC(skModuleLastOutcome, INTEGER, get_last_outcome, FROM_ONE),
	CALC(skModuleLastBy, TEXT, get_last_by, 0),
	CALC(skModuleLastMessage, TEXT, get_last_message, 0),
	CALC(skModuleLastBegin, TEXT, get_last_begin, 0),
	CALC(skModuleLastEnd, TEXT, get_last_end, 0),
#undef TABLE
#undef REPORT
#define TABLE SNAP_RESOURCES
#define REPORT rpt_resource
	TEXT(skResourceName, name),
	TEXT(skResourceValue, value),
	ROW(skResourceHealth, INTEGER, get_health, health, FROM_ONE),
	DATE(skResourceSince, since_ms),
	DATE(skResourceAssigned, assigned_ms),
	TEXT(skResourceBy, by),
	COUNTER(skResourceChanges, changes),
#undef TABLE
#undef REPORT
	/* scalars; a scalar with a member is read from the engine's report */
#define TABLE SNAP_NONE
#define REPORT rpt_engine
	CALC(skAgentVersion, TEXT, get_version, 0),
	CALC(skAgentEngineReachable, INTEGER, get_reachable, 0),
	CALC(skAgentSnapshotAge, UNSIGNED, get_age, 0),
	CALC(skControlEnabled, INTEGER, get_control, 0),
	TEXT(skEngineNode, node),
	TEXT(skEngineVersion, version),
	DATE(skEngineStarted, started_ms),
	CALC(skModuleCount, UNSIGNED, get_count, SNAP_MODULES),
	CALC(skResourceCount, UNSIGNED, get_count, SNAP_RESOURCES),
	CALC(skModuleLastChange, TICKS, get_changed, SNAP_MODULES),
	CALC(skResourceLastChange, TICKS, get_changed, SNAP_RESOURCES),
	CALC(skNodeLastChange, TICKS, get_changed, SNAP_NODES),
	U32(skEngineNodes, nodes),
	U32(skEngineNodesUp, nodes_up),
	U32(skEngineView, view),
	TEXT(skEngineLeader, leader),
	TEXT(skEngineSignature, signature),
	COUNTER(skEngineJournalLost, journal_lost),
	CALC(skAgentStarted, TEXT, get_started, 0),
	CALC(skShareLastChange, TICKS, get_changed, SNAP_SHARES),
#undef TABLE
#undef REPORT
#define TABLE SNAP_NODES
#define REPORT rpt_node
	TEXT(skNodeName, name),
	TRUTH(skNodeSelf, self),
	ROW(skNodeState, INTEGER, get_membership, state, FROM_ONE),
	TRUTH(skNodeLeader, leader),
	TEXT(skNodeAddress, addr),
	DATE(skNodeSince, since_ms),
	TEXT(skNodeSignature, signature),
	DATE(skNodeConfigTime, config_ms),
	TRUTH(skNodeLocked, locked),
	ENUM(skNodeConfMatch, conf_match, FROM_ONE),
	TEXT(skNodeWhy, why),
#undef TABLE
#undef REPORT
#define TABLE SNAP_NONE
	CALC(skNoticeLastSeq, UNSIGNED, get_notice_last, 0),
	CALC(skNotificationRate, UNSIGNED, get_rate, 0),
	CALC(skNotificationBurst, UNSIGNED, get_burst, 0),
	CALC(skNotificationsSent, COUNTER, get_sent, 0),
	CALC(skNotificationsSuppressed, COUNTER, get_suppressed, 0),
	CALC(skNotificationsQueued, UNSIGNED, get_queued, 0),
#undef TABLE
#define TABLE SNAP_NOTICE
#define REPORT rpt_notice
	LOW32(skNoticeSeq, seq),
	DATE(skNoticeTime, time_ms),
	ENUM(skNoticeType, type, FROM_ONE),
	U32(skNoticeModuleId, module_id),
	TEXT(skNoticeModule, module),
	TEXT(skNoticeObject, object),
	TEXT(skNoticeFrom, from),
	TEXT(skNoticeTo, to),
	TEXT(skNoticeMessage, message),
	CALC(skNoticeNode, TEXT, get_notice_node, 0),
	TEXT(skNoticeLevel, level),
	U32(skNoticeKey, key),
#undef TABLE
#undef REPORT
#define TABLE SNAP_SHARES
#define REPORT rpt_share
	TEXT(skShareGroup, group),
	U32(skShareBuckets, buckets),
	U32(skShareView, view),
	U32(skShareServing, serving),
	TEXT(skShareMembers, members),
	DATE(skShareSince, since_ms),
#undef TABLE
#undef REPORT
};
const size_t oid_leaf_count = ARRAY_LEN(oid_leaves);

/* ---- look-up ---- */

/* module and a number within it */
static bool
has_two_numbers(const struct leaf *leaf)
{
	return leaf->table == SNAP_RESOURCES || leaf->table == SNAP_SHARES;
}

/* -1, 0, 1; a leaf that is the beginning of oid counts as equal */
static int
leaf_compare(const struct leaf *leaf, const unsigned long *oid, size_t len)
{
	size_t i;

	for (i = 0; i < leaf->len && i < len; i++)
		if (leaf->oid[i] != oid[i])
			return leaf->oid[i] < oid[i] ? -1 : 1;
	return i < leaf->len ? 1 : 0;
}

/* first leaf that is the beginning of oid, or behind it */
static const struct leaf *
leaf_from(const unsigned long *oid, size_t len)
{
	size_t low = 0, high = oid_leaf_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (leaf_compare(&oid_leaves[mid], oid, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return &oid_leaves[low];
}

static void
read_leaf(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out)
{
	out->type = leaf->type;
	out->len = 0;
	leaf->get(v, leaf, key, row, out);
}

const struct leaf *
oid_leaf(const unsigned long *oid, size_t len, uint64_t *key, bool *instance)
{
	const struct leaf *leaf = leaf_from(oid, len);
	const unsigned long *rest;

	if (leaf == oid_leaves + oid_leaf_count || leaf_compare(leaf, oid, len) != 0)
		return NULL;
	rest = oid + leaf->len;
	*instance = len - leaf->len == (has_two_numbers(leaf) ? 2 : 1) && rest[0] <= UINT32_MAX;
	if (*instance && has_two_numbers(leaf)) {
		*instance = rest[1] <= UINT32_MAX;
		*key = *instance ? snap_key2((uint32_t)rest[0], (uint32_t)rest[1]) : 0;
	} else if (*instance) {
		*instance = leaf->table != SNAP_NONE || rest[0] == 0;
		*key = rest[0];
	}
	return leaf;
}

enum oid_found
oid_get(const struct view *v, const unsigned long *oid, size_t len, struct value *out)
{
	const void *row = &v->snap->engine;
	const struct leaf *leaf;
	uint64_t key = 0;
	bool instance;

	leaf = oid_leaf(oid, len, &key, &instance);
	if (leaf == NULL)
		return OID_NO_OBJECT;
	if (!instance)
		return OID_NO_INSTANCE;
	if (leaf->table != SNAP_NONE && (row = rowset_get(&v->snap->set[leaf->table], key)) == NULL)
		return OID_NO_INSTANCE;
	read_leaf(v, leaf, key, row, out);
	return OID_FOUND;
}

/* Smallest key whose instance is behind rest; false: none can be */
static bool
key_behind(const struct leaf *leaf, const unsigned long *rest, size_t n, uint64_t *key)
{
	if (n == 0) {
		*key = 0;
		return true;
	}
	if (!has_two_numbers(leaf)) {
		*key = (uint64_t)rest[0] + 1;
		return rest[0] < UINT32_MAX;
	}
	if (n > 1 && rest[1] < UINT32_MAX) {
		*key = rest[0] <= UINT32_MAX ? snap_key2((uint32_t)rest[0], (uint32_t)rest[1] + 1) : 0;
		return rest[0] <= UINT32_MAX;
	}
	if (n > 1) {
		*key = rest[0] < UINT32_MAX ? snap_key2((uint32_t)rest[0] + 1, 0) : 0;
		return rest[0] < UINT32_MAX;
	}
	*key = rest[0] <= UINT32_MAX ? snap_key2((uint32_t)rest[0], 0) : 0;
	return rest[0] <= UINT32_MAX;
}

bool
oid_next(const struct view *v, const unsigned long *oid, size_t len, unsigned long *next, size_t *next_len, struct value *out)
{
	const struct leaf *leaf = leaf_from(oid, len);

	for (; leaf < oid_leaves + oid_leaf_count; leaf++) {
		bool inside = leaf_compare(leaf, oid, len) == 0;
		const struct snap_row *row;
		uint64_t key = 0;
		size_t i;

		if (leaf->table == SNAP_NONE && inside && len > leaf->len)
			continue;	/* .0 or behind it */
		if (leaf->table != SNAP_NONE) {
			if (inside && !key_behind(leaf, oid + leaf->len, len - leaf->len, &key))
				continue;
			row = rowset_from(&v->snap->set[leaf->table], key);
			if (row == NULL)
				continue;
			key = row->key;
			read_leaf(v, leaf, key, row->data, out);
		} else {
			read_leaf(v, leaf, 0, &v->snap->engine, out);
		}
		for (i = 0; i < leaf->len; i++)
			next[i] = leaf->oid[i];
		if (has_two_numbers(leaf))
			next[i++] = (unsigned long)(key >> 32);
		next[i++] = (unsigned long)(key & UINT32_MAX);
		*next_len = i;
		return true;
	}
	return false;
}
