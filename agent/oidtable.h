/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oidtable.h: the MIB as a table of leaves: where each object is, of what kind, and how it is read from the picture.
 *
 * Owns: the mapping from numbers below the module identity to values.  Called by: the AgentX thread under the mutex; tests.
 * Never does: I/O, SNMP encoding, allocation.
 */
#ifndef SK_AGENT_OIDTABLE_H
#define SK_AGENT_OIDTABLE_H

#include "agent/snap.h"
#include "agent/trap.h"

#define OID_DEPTH	8	/* most numbers of a leaf below the module identity, with its instance */

enum value_type { VALUE_INTEGER, VALUE_UNSIGNED, VALUE_COUNTER, VALUE_TICKS, VALUE_TEXT };
struct value {
	enum value_type type;
	uint32_t number;
	size_t	 len;		/* of VALUE_TEXT */
	char	 text[256];	/* SnmpAdminString has 255 octets at most */
};

/* What a request is answered from */
struct view {
	struct snap	*snap;
	const struct trap_queue *traps;
	int64_t		 now_ms;	/* monotonic */
	uint32_t	 uptime_cs;	/* sysUpTime at now_ms, for TimeStamp */
	bool		 reachable;	/* snap_reachable() at now_ms */
	bool		 control;
};

struct leaf;
typedef void (*leaf_get)(const struct view *v, const struct leaf *leaf, uint64_t key, const void *row, struct value *out);
struct leaf {
	const char	*name;		/* as in the MIB */
	uint32_t	 oid[OID_DEPTH];
	uint8_t		 len;
	enum snap_table	 table;		/* SNAP_NONE: a scalar */
	enum value_type	 type;
	leaf_get	 get;
	uint16_t	 off;		/* of the member in the row */
	int8_t		 add;		/* number in the MIB minus our number */
	bool		 writable;
};
extern const struct leaf oid_leaves[];	/* in the order of their numbers */
extern const size_t oid_leaf_count;

enum oid_found { OID_FOUND, OID_NO_OBJECT, OID_NO_INSTANCE };
/* oid: numbers below the module identity, as they came from the manager */
enum oid_found oid_get(const struct view *v, const unsigned long *oid, size_t len, struct value *out);
/* The next instance after oid; numbers of it in next (OID_DEPTH + 2 at most) and *next_len.  false: there is none */
bool oid_next(const struct view *v, const unsigned long *oid, size_t len, unsigned long *next, size_t *next_len, struct value *out);
/* Leaf whose instance oid could be; *key as in snap.h.  NULL: no such object; *instance false: not the form of an instance */
const struct leaf *oid_leaf(const unsigned long *oid, size_t len, uint64_t *key, bool *instance);

/* DateAndTime of RFC 2579 in local time, 11 octets (8 of zero where the time is not positive); returns the length */
size_t oid_date(int64_t wall_ms, char *out);

#endif
