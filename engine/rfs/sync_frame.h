/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_frame.h: the bodies of FR_SYNC frames.  Pure: bytes <-> structs; what is decoded points into the body.
 *
 * The frame's flags say which of these it is; dir, node and aux are those of its head.  Numbers are big-endian.  doc/REPLICATION.md has the layout.
 */
#ifndef SK_RFS_SYNC_FRAME_H
#define SK_RFS_SYNC_FRAME_H

#include "rfs/frame.h"

enum sync_kind {
	/* primary to secondary */
	SY_BEGIN = 1,	/* body: JSON {"gen","mode","zone"}; answered SY_BEGUN */
	SY_DIR,		/* node: from here on changes in that folder are forwarded */
	SY_LIST,	/* node: folder, aux: number of the request, body: entries; answered SY_LISTED */
	SY_DIR_END,	/* node: folder, body: one entry (its own attributes): what was neither listed nor forwarded goes */
	SY_REMOVE,	/* node: folder, aux: its mtime afterwards, body: name */
	SY_LIMBO,	/* node: what left a forwarded folder for another one: into limbo.  body: folder, its mtime, name */
	SY_FILE,	/* node: data follow; aux: its size now */
	SY_HASH,	/* aux: number of the request, body: zones; answered SY_HASHED */
	SY_DATA,	/* node, aux: offset; body: data */
	SY_PUNCH,	/* node, aux: offset; body: length (8) of a hole */
	SY_FINAL,	/* node, body: one entry: so it is, data included.  aux 1: the data follow the entry, all of them */
	SY_PING,	/* aux: number; answered SY_PONG when all that came before it on its connection is applied */
	SY_COMMIT,	/* aux: number; answered SY_COMMITTED: on the disk */
	SY_DONE,	/* dir, body: nodes (8 each) that are compared, copied and committed */
	SY_FINISH,	/* aux: number; answered SY_FINISHED: whole and on the disk */
	SY_LOG,		/* body: JSON {"key","text"} for the secondary's log */
	SY_PROGRESS,	/* body: JSON */
	SY_FAIL,	/* body: JSON {"why","again"} */
	SY_TOLD,	/* verification: body: a piece of the XML log; aux 1: JSON of its result, the last */
	SY_CHECK,	/* as SY_LIST, compares only; answered SY_CHECKED */
	SY_CHECK_END,	/* as SY_DIR_END: names that are there besides; answered SY_CHECKED */
	SY_CHECK_FILE,	/* node, body: entry and a zone: compared here and now, in order; answered SY_CHECKED */
	/* secondary to primary */
	SY_BEGUN,	/* aux: 0 or an errno */
	SY_LISTED,	/* aux: of the request, body: a result for each entry */
	SY_HASHED,	/* aux, body: a hash (16) for each zone */
	SY_PONG, SY_COMMITTED, SY_FINISHED,
	SY_ASK,		/* node: folder, body: name: what an operation named is not here, so it is to be told again */
	SY_VERIFY,	/* asks for a verification */
	SY_CHECKED,	/* aux, body: for SY_CHECK_END names, else a result for each */
	SY_KINDS
};

#define SYNC_ENTRIES_MAX 256		/* of one frame */
#define SYNC_LIST_BYTES	(512u * 1024)	/* of their body, about */
#define SYNC_ZONES_MAX	1024		/* of one SY_HASH */
#define SYNC_XATTRS_MAX	(128u * 1024)	/* of one file */
#define SYNC_SMALL	65536u		/* a file up to that is sent within its SY_FINAL */
#define SYNC_HASH	16

struct sync_entry {
	uint64_t node;
	uint8_t	 flags;			/* SE_* */
	uint32_t mode, uid, gid, rdev;
	uint64_t size;
	int64_t	 mtime_ns, parent_mtime_ns;	/* parent: of an SE_ONE, else 0 */
	const char *name, *target;	/* with NUL; target "" but of a symbolic link */
	uint64_t from;			/* SE_ONE: the folder it came from, 0 none */
	const char *from_name;
	int64_t	 from_mtime_ns;
	const uint8_t *xattrs;		/* of sync_xattrs_*() */
	uint32_t xattrs_len;
};
enum {
	SE_KEEP = 1,	/* the name stays as it is (of another file system) */
	SE_ONE = 2,	/* not of a list: its folder is forwarded already */
	SE_DATA = 4,	/* SY_FINAL: data were sent */
};
struct sync_result {
	uint8_t	 flags;			/* SR_* */
	uint64_t size;
	int64_t	 mtime_ns;
	uint32_t zones_count;
	const uint8_t *zones;		/* 4 bytes each: sync_zone() */
};
enum {
	SR_NEW = 1,	/* made now, empty */
	SR_ALL = 2,	/* the secondary's map: the whole file */
	SR_GAP = 4,	/* changed while the secondary did not watch */
	SR_SKIPPED = 8,	/* the folder is not known: nothing was done */
	SR_PAIRED = 16,	/* SY_LISTED: it was known by another name already */
	SR_DIFFERS = 16, SR_MISSING = 32, SR_TYPE = 64, SR_ATTR = 128	/* SY_CHECKED */
};
struct sync_zone { uint64_t node, off; uint32_t len; };

struct sync_out { uint8_t *buf; size_t len, size; bool bad; };
struct sync_in { const uint8_t *buf; size_t len, at; bool bad; };

void out_8(struct sync_out *o, uint8_t v);
void out_32(struct sync_out *o, uint32_t v);
void out_64(struct sync_out *o, uint64_t v);
void out_bytes(struct sync_out *o, const void *p, size_t n);
uint8_t in_8(struct sync_in *i);
uint32_t in_32(struct sync_in *i);
uint64_t in_64(struct sync_in *i);
const uint8_t *in_bytes(struct sync_in *i, size_t n);	/* NULL: bad */
bool in_end(const struct sync_in *i);			/* all read, nothing bad */

void sync_put_entry(struct sync_out *o, const struct sync_entry *e);
/* false: not one, or (bad) not what it should be: names are single components, sizes within bounds */
bool sync_get_entry(struct sync_in *i, struct sync_entry *e);
void sync_put_result(struct sync_out *o, const struct sync_result *r);
bool sync_get_result(struct sync_in *i, struct sync_result *r);
uint32_t sync_zone(const struct sync_result *r, uint32_t index);
void sync_put_zone(struct sync_out *o, const struct sync_zone *z);
bool sync_get_zone(struct sync_in *i, struct sync_zone *z);
/* The next name of a body, with NUL; NULL: it is not one */
const char *sync_get_name(struct sync_in *i);

/* xattrs in one blob, sorted by name: name length (1), name with NUL, length (4), value */
struct sync_xattr { const char *name; const uint8_t *value; uint32_t len; };
bool sync_get_xattr(struct sync_in *i, struct sync_xattr *x);

#endif
