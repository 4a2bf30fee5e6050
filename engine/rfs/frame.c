/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.c: frames, operations and greetings to bytes and back.  Pure; whatever comes in is checked here, once, for all.
 *
 * An operation's body: its type (1), then what that type has, in the order of enum part, each big-endian; names as length (2), bytes, NUL;
 * data last, up to the end of the body.  Nothing else may follow or be missing.
 */
#include "config.h"
#include "rfs/frame.h"

#include <endian.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_JSON_MAX	65536
#define HELLO_FIXED	(2 + 2 + 1 + 1 + 2 + 2 + 2 + 8 + 8 + 8 + 1 + 4)
#define XATTR_DATA_MAX	65536u
#define TARGET_MAX	4095u

enum part {
	P_NODE = 1 << 0, P_PARENT = 1 << 1, P_NEWPARENT = 1 << 2, P_OTHER = 1 << 3, P_CHILD = 1 << 4, P_MODE = 1 << 5, P_RDEV = 1 << 6,
	P_OWNER = 1 << 7, P_FLAGS = 1 << 8, P_VALID = 1 << 9, P_OFF = 1 << 10, P_OFF2 = 1 << 11, P_LEN = 1 << 12, P_SIZE = 1 << 13,
	P_TIMES = 1 << 14, P_PTIME = 1 << 15, P_NPTIME = 1 << 16, P_NAME = 1 << 17, P_NEWNAME = 1 << 18, P_DATA = 1 << 19,
};
static const struct { uint32_t parts, data_max; } LAYOUT[OP_TYPES] = {
	[OP_CREATE] = { P_PARENT | P_CHILD | P_MODE | P_RDEV | P_OWNER | P_TIMES | P_PTIME | P_NAME, 0 },
	[OP_MKDIR] = { P_PARENT | P_CHILD | P_MODE | P_OWNER | P_TIMES | P_PTIME | P_NAME, 0 },
	[OP_SYMLINK] = { P_PARENT | P_CHILD | P_OWNER | P_TIMES | P_PTIME | P_NAME | P_DATA, TARGET_MAX },
	[OP_LINK] = { P_NODE | P_PARENT | P_CHILD | P_TIMES | P_PTIME | P_NAME, 0 },
	[OP_UNLINK] = { P_NODE | P_PARENT | P_TIMES | P_PTIME | P_NAME, 0 },
	[OP_RMDIR] = { P_NODE | P_PARENT | P_TIMES | P_PTIME | P_NAME, 0 },
	[OP_RENAME] = { P_NODE | P_PARENT | P_NEWPARENT | P_OTHER | P_FLAGS | P_TIMES | P_PTIME | P_NPTIME | P_NAME | P_NEWNAME, 0 },
	[OP_WRITE] = { P_NODE | P_FLAGS | P_OFF | P_TIMES | P_DATA, RFS_DATA_MAX },
	[OP_SETATTR] = { P_NODE | P_MODE | P_OWNER | P_VALID | P_SIZE | P_TIMES, 0 },
	[OP_FALLOCATE] = { P_NODE | P_FLAGS | P_OFF | P_LEN | P_TIMES, 0 },
	[OP_COPY] = { P_NODE | P_OTHER | P_OFF | P_OFF2 | P_LEN | P_TIMES, 0 },
	[OP_FSYNC] = { P_NODE | P_FLAGS, 0 },
	[OP_SETXATTR] = { P_NODE | P_FLAGS | P_TIMES | P_NAME | P_DATA, XATTR_DATA_MAX },
	[OP_REMOVEXATTR] = { P_NODE | P_TIMES | P_NAME, 0 },
};
static const uint32_t BODY_MAX[FR_TYPES] = {	/* of the other types: 0 */
	[FR_HELLO] = HELLO_FIXED + SK_NAME_MAX + HELLO_JSON_MAX, [FR_OP] = FRAME_BODY_MAX, [FR_SYNC] = FRAME_BODY_MAX, [FR_OUT] = SK_TEXT_MAX,
};

static bool PRINTFLIKE(3, 4)
wrong(char *err, size_t errsize, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errsize, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- writing ---- */
struct out { uint8_t *p; size_t left; bool full; };

static void
put(struct out *o, const void *data, size_t len)
{
	if (o->full || len > o->left) {
		o->full = true;
		return;
	}
	if (len > 0)
		memcpy(o->p, data, len);
	o->p += len;
	o->left -= len;
}

static void
put_int(struct out *o, uint64_t v, int bytes)
{
	uint64_t be = htobe64(v);

	put(o, (const uint8_t *)&be + 8 - bytes, (size_t)bytes);
}

static void
put_name(struct out *o, const char *name, size_t len)
{
	put_int(o, len, 2);
	put(o, name, len);
	put_int(o, 0, 1);
}

/* ---- reading ---- */
struct in { const uint8_t *p; size_t left; bool bad; };

static const void *
get(struct in *in, size_t len)
{
	const void *p = in->p;

	if (in->bad || len > in->left) {
		in->bad = true;
		return NULL;
	}
	in->p += len;
	in->left -= len;
	return p;
}

static uint64_t
get_int(struct in *in, int bytes)
{
	uint64_t be = 0;
	const void *p = get(in, (size_t)bytes);

	if (p == NULL)
		return 0;
	memcpy((uint8_t *)&be + 8 - bytes, p, (size_t)bytes);
	return be64toh(be);
}

static const char *
get_name(struct in *in, uint16_t *len)
{
	size_t n = (size_t)get_int(in, 2);
	const char *p = get(in, n + 1);

	if (p == NULL || n == 0 || n > RFS_NAME_LEN || p[n] != '\0' || memchr(p, '\0', n) != NULL) {
		in->bad = true;
		return NULL;
	}
	*len = (uint16_t)n;
	return p;
}

/* ---- head ---- */
void
frame_head(const struct frame *f, uint8_t out[FRAME_HEAD])
{
	struct out o = { out, FRAME_HEAD, false };

	put_int(&o, (uint64_t)f->body_len + f->body2_len, 4);
	put_int(&o, f->type, 1);
	put_int(&o, FRAME_VERSION, 1);
	put_int(&o, f->dir, 1);
	put_int(&o, f->flags, 1);
	put_int(&o, f->seq, 8);
	put_int(&o, f->node, 8);
	put_int(&o, f->aux, 8);
}

bool
frame_parse_head(const uint8_t *buf, struct frame *f, size_t *need, char *err, size_t errsize)
{
	struct in in = { buf, FRAME_HEAD, false };
	int version;

	memset(f, 0, sizeof(*f));
	f->body_len = (uint32_t)get_int(&in, 4);
	f->type = (uint8_t)get_int(&in, 1);
	version = (int)get_int(&in, 1);
	f->dir = (uint8_t)get_int(&in, 1);
	f->flags = (uint8_t)get_int(&in, 1);
	f->seq = get_int(&in, 8);
	f->node = get_int(&in, 8);
	f->aux = get_int(&in, 8);
	if (version != FRAME_VERSION)
		return wrong(err, errsize, "frame of version %d (expected %d)", version, FRAME_VERSION);
	if (f->type == 0 || f->type >= FR_TYPES)
		return wrong(err, errsize, "frame of unknown type %d", f->type);
	if (f->body_len > BODY_MAX[f->type])
		return wrong(err, errsize, "frame of type %d with %u bytes (expected at most %u)", f->type, f->body_len, BODY_MAX[f->type]);
	if (f->dir >= RFS_DIRS_MAX)
		return wrong(err, errsize, "frame of folder %d (expected less than %d)", f->dir, RFS_DIRS_MAX);
	*need = FRAME_HEAD + (size_t)f->body_len;
	return true;
}

/* ---- operations ---- */
size_t
frame_op_encode(const struct rfs_op *op, uint8_t *buf, size_t size)
{
	struct out o = { buf, size, false };
	const struct { uint32_t part; uint64_t v; int bytes; } ints[] = {
		{ P_NODE, op->node, 8 }, { P_PARENT, op->parent, 8 }, { P_NEWPARENT, op->newparent, 8 }, { P_OTHER, op->other, 8 },
		{ P_CHILD, op->child, 8 }, { P_MODE, op->mode, 4 }, { P_RDEV, op->rdev, 4 }, { P_OWNER, op->umask, 4 }, { P_OWNER, op->uid, 4 },
		{ P_OWNER, op->gid, 4 }, { P_FLAGS, op->flags, 4 }, { P_VALID, op->valid, 4 }, { P_OFF, op->off, 8 }, { P_OFF2, op->off2, 8 },
		{ P_LEN, op->len, 8 }, { P_SIZE, op->size, 8 }, { P_TIMES, (uint64_t)op->atime_ns, 8 }, { P_TIMES, (uint64_t)op->mtime_ns, 8 },
		{ P_PTIME, (uint64_t)op->parent_mtime_ns, 8 }, { P_NPTIME, (uint64_t)op->newparent_mtime_ns, 8 },
	};
	uint32_t parts;
	size_t i;

	if (op->type == 0 || op->type >= OP_TYPES)
		return 0;
	parts = LAYOUT[op->type].parts;
	put_int(&o, op->type, 1);
	for (i = 0; i < ARRAY_LEN(ints); i++)
		if ((parts & ints[i].part) != 0)
			put_int(&o, ints[i].v, ints[i].bytes);
	if ((parts & P_NAME) != 0)
		put_name(&o, op->name, op->name_len);
	if ((parts & P_NEWNAME) != 0)
		put_name(&o, op->newname, op->newname_len);
	return o.full ? 0 : size - o.left;
}

/* As tree_name_ok() and tree_is_hidden(): one component that is not ours */
static bool
component(const char *name, size_t len, uint64_t parent)
{
	if (memchr(name, '/', len) != NULL || (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return false;
	return parent != RFS_ROOT || strcmp(name, RFS_HIDDEN) != 0;
}

static bool
range_ok(uint64_t off, uint64_t len)
{
	return off <= INT64_MAX && len <= INT64_MAX - off;
}

static bool
type_ok(const struct rfs_op *op)
{
	uint32_t type = op->mode & S_IFMT;

	switch (op->type) {
	case OP_CREATE:
		return type == S_IFREG || type == S_IFIFO || type == S_IFSOCK || type == S_IFCHR || type == S_IFBLK;
	case OP_MKDIR:
		return type == 0 || type == S_IFDIR;
	default:
		return true;
	}
}

static bool
flags_ok(const struct rfs_op *op)
{
	switch (op->type) {
	case OP_RENAME:
		return op->flags <= 2;	/* nothing, RENAME_NOREPLACE or RENAME_EXCHANGE */
	case OP_SETXATTR:
		return (op->flags & ~OP_XATTR_KILL) <= 2;	/* nothing, XATTR_CREATE or XATTR_REPLACE */
	case OP_WRITE:
		return op->flags <= OP_WRITE_KILL;
	case OP_FSYNC:
		return op->flags <= 1;
	case OP_SETATTR:
		return (op->valid & ~(uint32_t)(OP_SET_MODE | OP_SET_UID | OP_SET_GID | OP_SET_SIZE | OP_SET_ATIME | OP_SET_MTIME | OP_SET_KILL)) == 0;
	default:
		return true;
	}
}

static bool
op_check(const struct rfs_op *op, uint32_t parts, char *err, size_t errsize)
{
	bool xattr = op->type == OP_SETXATTR || op->type == OP_REMOVEXATTR;

	if (((parts & P_NAME) != 0 && !xattr && !component(op->name, op->name_len, op->parent)) ||
	    ((parts & P_NEWNAME) != 0 && !component(op->newname, op->newname_len, op->newparent)))
		return wrong(err, errsize, "operation of type %d with a name that is none", op->type);
	if (((parts & P_PARENT) != 0 && op->parent == 0) || ((parts & P_NEWPARENT) != 0 && op->newparent == 0))
		return wrong(err, errsize, "operation of type %d without a folder", op->type);
	if (!range_ok(op->off, op->type == OP_WRITE ? op->data_len : op->len) || !range_ok(op->off2, op->len) || op->size > INT64_MAX)
		return wrong(err, errsize, "operation of type %d beyond the end of any file", op->type);
	if (!type_ok(op) || !flags_ok(op))
		return wrong(err, errsize, "operation of type %d with mode %o, flags %x, valid %x", op->type, op->mode, op->flags, op->valid);
	if (op->type == OP_SYMLINK && (op->data_len == 0 || memchr(op->data, '\0', op->data_len) != NULL))
		return wrong(err, errsize, "symbolic link without a target");
	return true;
}

bool
frame_op_decode(const struct frame *f, struct rfs_op *op, char *err, size_t errsize)
{
	struct in in = { f->body, f->body_len, false };
	uint32_t parts;

	memset(op, 0, sizeof(*op));
	op->dir = f->dir;
	op->type = (uint8_t)get_int(&in, 1);
	if (op->type == 0 || op->type >= OP_TYPES)
		return wrong(err, errsize, "operation of unknown type %d", op->type);
	parts = LAYOUT[op->type].parts;
#define GET(part, member, type, bytes) do { if ((parts & (part)) != 0) op->member = (type)get_int(&in, bytes); } while (0)
	GET(P_NODE, node, uint64_t, 8);
	GET(P_PARENT, parent, uint64_t, 8);
	GET(P_NEWPARENT, newparent, uint64_t, 8);
	GET(P_OTHER, other, uint64_t, 8);
	GET(P_CHILD, child, uint64_t, 8);
	GET(P_MODE, mode, uint32_t, 4);
	GET(P_RDEV, rdev, uint32_t, 4);
	GET(P_OWNER, umask, uint32_t, 4);
	GET(P_OWNER, uid, uint32_t, 4);
	GET(P_OWNER, gid, uint32_t, 4);
	GET(P_FLAGS, flags, uint32_t, 4);
	GET(P_VALID, valid, uint32_t, 4);
	GET(P_OFF, off, uint64_t, 8);
	GET(P_OFF2, off2, uint64_t, 8);
	GET(P_LEN, len, uint64_t, 8);
	GET(P_SIZE, size, uint64_t, 8);
	GET(P_TIMES, atime_ns, int64_t, 8);
	GET(P_TIMES, mtime_ns, int64_t, 8);
	GET(P_PTIME, parent_mtime_ns, int64_t, 8);
	GET(P_NPTIME, newparent_mtime_ns, int64_t, 8);
#undef GET
	if ((parts & P_NAME) != 0)
		op->name = get_name(&in, &op->name_len);
	if ((parts & P_NEWNAME) != 0)
		op->newname = get_name(&in, &op->newname_len);
	if (in.bad || in.left > LAYOUT[op->type].data_max)
		return wrong(err, errsize, "operation of type %d with %u bytes, which are too %s", op->type, f->body_len, in.bad ? "few" : "many");
	if ((parts & P_DATA) != 0) {
		op->data = in.p;
		op->data_len = (uint32_t)in.left;
	}
	return op_check(op, parts, err, errsize);
}

/* ---- greetings ---- */
size_t
frame_hello_encode(const struct frame_hello *h, uint8_t *buf, size_t size)
{
	struct out o = { buf, size, false };
	size_t node = strnlen(h->node, SK_NAME_MAX - 1), json = h->json != NULL ? strlen(h->json) : 0;

	if (json > HELLO_JSON_MAX)
		return 0;
	put_int(&o, h->version, 2);
	put_int(&o, h->module_id, 2);
	put_int(&o, h->primary, 1);
	put_int(&o, 0, 1);
	put_int(&o, (uint64_t)h->conn, 2);
	put_int(&o, (uint64_t)h->conns, 2);
	put_int(&o, 0, 2);
	put_int(&o, h->session, 8);
	put_int(&o, h->peer_session, 8);
	put_int(&o, h->applied, 8);
	put_int(&o, node, 1);
	put(&o, h->node, node);
	put_int(&o, json, 4);
	put(&o, h->json, json);
	return o.full ? 0 : size - o.left;
}

bool
frame_hello_decode(const struct frame *f, struct frame_hello *h, char *err, size_t errsize)
{
	struct in in = { f->body, f->body_len, false };
	const void *p;
	size_t n;

	memset(h, 0, sizeof(*h));
	if (f->type != FR_HELLO)
		return wrong(err, errsize, "frame of type %d (expected a greeting)", f->type);
	h->version = (uint16_t)get_int(&in, 2);
	h->module_id = (uint16_t)get_int(&in, 2);
	h->primary = get_int(&in, 1) == 1;
	get_int(&in, 1);
	h->conn = (int)get_int(&in, 2);
	h->conns = (int)get_int(&in, 2);
	get_int(&in, 2);
	h->session = get_int(&in, 8);
	h->peer_session = get_int(&in, 8);
	h->applied = get_int(&in, 8);
	n = (size_t)get_int(&in, 1);
	p = get(&in, n);
	if (p == NULL || n >= sizeof(h->node) || memchr(p, '\0', n) != NULL)
		return wrong(err, errsize, "greeting with a name of %zu bytes", n);
	memcpy(h->node, p, n);
	str_make_utf8(h->node);
	n = (size_t)get_int(&in, 4);
	if (in.bad || n != in.left || n > HELLO_JSON_MAX || memchr(in.p, '\0', n) != NULL)
		return wrong(err, errsize, "greeting of %u bytes, which do not fit its lengths", f->body_len);
	if (h->conns < 1 || h->conn >= h->conns)
		return wrong(err, errsize, "greeting of connection %d of %d", h->conn, h->conns);
	h->json = malloc(n + 1);
	if (h->json == NULL)
		return wrong(err, errsize, "no memory");
	memcpy(h->json, in.p, n);
	h->json[n] = '\0';
	return true;
}
