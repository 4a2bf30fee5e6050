/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_frame.c: the bodies of FR_SYNC frames to bytes and back (sync_frame.h).
 *
 * Owns: nothing.  Called by: psync*.c, ssync*.c, the fuzzer.  Never does: believe a length, allocate.
 */
#include "config.h"
#include "rfs/sync_frame.h"

#include <string.h>

void
out_bytes(struct sync_out *o, const void *p, size_t n)
{
	if (o->bad || n > o->size - o->len) {
		o->bad = true;
		return;
	}
	if (n > 0)
		memcpy(o->buf + o->len, p, n);
	o->len += n;
}

void
out_8(struct sync_out *o, uint8_t v)
{
	out_bytes(o, &v, 1);
}

void
out_32(struct sync_out *o, uint32_t v)
{
	const uint8_t b[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	out_bytes(o, b, sizeof(b));
}

void
out_64(struct sync_out *o, uint64_t v)
{
	out_32(o, (uint32_t)(v >> 32));
	out_32(o, (uint32_t)v);
}

const uint8_t *
in_bytes(struct sync_in *i, size_t n)
{
	const uint8_t *p = i->buf + i->at;

	if (i->bad || n > i->len - i->at) {
		i->bad = true;
		return NULL;
	}
	i->at += n;
	return p;
}

uint8_t
in_8(struct sync_in *i)
{
	const uint8_t *p = in_bytes(i, 1);

	return p != NULL ? *p : 0;
}

uint32_t
in_32(struct sync_in *i)
{
	const uint8_t *p = in_bytes(i, 4);

	return p != NULL ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

uint64_t
in_64(struct sync_in *i)
{
	uint64_t high = in_32(i);

	return high << 32 | in_32(i);
}

bool
in_end(const struct sync_in *i)
{
	return !i->bad && i->at == i->len;
}

static void
out_16(struct sync_out *o, size_t v)
{
	if (v > UINT16_MAX)
		o->bad = true;
	out_8(o, (uint8_t)(v >> 8));
	out_8(o, (uint8_t)v);
}

static size_t
in_16(struct sync_in *i)
{
	size_t high = in_8(i);

	return high << 8 | in_8(i);
}

/* Length (2), bytes, NUL */
static void
out_text(struct sync_out *o, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	out_16(o, n);
	out_bytes(o, n > 0 ? s : "", n + 1);
}

static const char *
in_text(struct sync_in *i, size_t max)
{
	size_t n = in_16(i);
	const char *s = (const char *)in_bytes(i, n + 1);

	if (s == NULL || n > max || s[n] != '\0' || memchr(s, '\0', n) != NULL) {
		i->bad = true;
		return "";
	}
	return s;
}

void
sync_put_entry(struct sync_out *o, const struct sync_entry *e)
{
	out_64(o, e->node);
	out_8(o, e->flags);
	out_32(o, e->mode);
	out_32(o, e->uid);
	out_32(o, e->gid);
	out_32(o, e->rdev);
	out_64(o, e->size);
	out_64(o, (uint64_t)e->mtime_ns);
	out_64(o, (uint64_t)e->parent_mtime_ns);
	out_text(o, e->name);
	out_text(o, e->target);
	out_64(o, e->from);
	out_text(o, e->from_name);
	out_64(o, (uint64_t)e->from_mtime_ns);
	out_32(o, e->xattrs_len);
	out_bytes(o, e->xattrs, e->xattrs_len);
}

bool
sync_get_entry(struct sync_in *i, struct sync_entry *e)
{
	struct sync_in x;
	struct sync_xattr attr;

	if (i->bad || i->at == i->len)
		return false;
	memset(e, 0, sizeof(*e));
	e->node = in_64(i);
	e->flags = in_8(i);
	e->mode = in_32(i);
	e->uid = in_32(i);
	e->gid = in_32(i);
	e->rdev = in_32(i);
	e->size = in_64(i);
	e->mtime_ns = (int64_t)in_64(i);
	e->parent_mtime_ns = (int64_t)in_64(i);
	e->name = in_text(i, RFS_NAME_LEN);
	e->target = in_text(i, 4095);
	e->from = in_64(i);
	e->from_name = in_text(i, RFS_NAME_LEN);
	e->from_mtime_ns = (int64_t)in_64(i);
	e->xattrs_len = in_32(i);
	if (e->xattrs_len > SYNC_XATTRS_MAX)
		i->bad = true;
	e->xattrs = in_bytes(i, e->xattrs_len);
	if (e->size > INT64_MAX || e->node == 0)
		i->bad = true;
	x = (struct sync_in){ .buf = e->xattrs, .len = e->xattrs_len, .bad = i->bad };
	while (sync_get_xattr(&x, &attr))
		;
	if (!in_end(&x))
		i->bad = true;
	return !i->bad;
}

bool
sync_get_xattr(struct sync_in *i, struct sync_xattr *x)
{
	size_t n;

	if (i->bad || i->at == i->len)
		return false;
	n = in_8(i);
	x->name = (const char *)in_bytes(i, n + 1);
	if (x->name == NULL || n == 0 || x->name[n] != '\0' || memchr(x->name, '\0', n) != NULL) {
		i->bad = true;
		return false;
	}
	x->len = in_32(i);
	x->value = in_bytes(i, x->len);
	return !i->bad;
}

void
sync_put_result(struct sync_out *o, const struct sync_result *r)
{
	out_8(o, r->flags);
	out_64(o, r->size);
	out_64(o, (uint64_t)r->mtime_ns);
	out_32(o, r->zones_count);
	out_bytes(o, r->zones, (size_t)r->zones_count * 4);
}

bool
sync_get_result(struct sync_in *i, struct sync_result *r)
{
	if (i->bad || i->at == i->len)
		return false;
	r->flags = in_8(i);
	r->size = in_64(i);
	r->mtime_ns = (int64_t)in_64(i);
	r->zones_count = in_32(i);
	if (r->zones_count > FRAME_BODY_MAX / 4)
		i->bad = true;
	r->zones = in_bytes(i, (size_t)r->zones_count * 4);
	return !i->bad;
}

uint32_t
sync_zone(const struct sync_result *r, uint32_t index)
{
	struct sync_in i = { .buf = r->zones, .len = (size_t)r->zones_count * 4, .at = (size_t)index * 4 };

	return in_32(&i);
}

void
sync_put_zone(struct sync_out *o, const struct sync_zone *z)
{
	out_64(o, z->node);
	out_64(o, z->off);
	out_32(o, z->len);
}

bool
sync_get_zone(struct sync_in *i, struct sync_zone *z)
{
	if (i->bad || i->at == i->len)
		return false;
	z->node = in_64(i);
	z->off = in_64(i);
	z->len = in_32(i);
	if (z->off > INT64_MAX - UINT32_MAX)
		i->bad = true;
	return !i->bad;
}

const char *
sync_get_name(struct sync_in *i)
{
	const uint8_t *end = i->bad || i->at == i->len ? NULL : memchr(i->buf + i->at, '\0', i->len - i->at);
	const char *s = end != NULL ? (const char *)in_bytes(i, (size_t)(end - (i->buf + i->at)) + 1) : NULL;

	if (s == NULL || !tree_name_ok(s, strlen(s))) {
		i->bad = true;
		return NULL;
	}
	return s;
}
