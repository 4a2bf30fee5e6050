/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recipe.h: a byte string as a series of choices, for the targets that need frames which are nearly right: names, nodes, numbers and entries out of short tables of
 * what is usual and what is nasty, now and then bytes as they come.  Used up: every choice is the first one.
 */
#ifndef TEST_FUZZ_RECIPE_H
#define TEST_FUZZ_RECIPE_H

#include "rfs/by_hand.h"

struct recipe { const uint8_t *p; size_t left; uint64_t strange[6]; char canary[200]; };

static inline uint8_t
take(struct recipe *r)
{
	if (r->left == 0)
		return 0;
	r->left--;
	return *r->p++;
}

static inline uint64_t
take_64(struct recipe *r)
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | take(r);
	return v;
}

static inline uint64_t
take_number(struct recipe *r)
{
	static const uint64_t NUMBERS[] = { 0, 1, 2, 100, 4096, 16384, 65536, 1 << 20, UINT64_C(1) << 31, UINT32_MAX, UINT64_C(1) << 40, INT64_MAX - 1, INT64_MAX,
		UINT64_C(1) << 63, UINT64_MAX };
	uint8_t k = take(r);

	return k < ARRAY_LEN(NUMBERS) ? NUMBERS[k] : k < 250 ? k * 512u : take_64(r);
}

/* The primary's: few, so that they meet again; and such as nobody has told of */
static inline uint64_t
take_node(struct recipe *r)
{
	uint8_t k = take(r);

	if (k < 200)
		return k % 16 == 0 ? RFS_ROOT : 100 + k % 16;
	return k < 200 + ARRAY_LEN(r->strange) ? r->strange[k - 200] : k < 250 ? k : take_64(r);
}

static inline const char *
take_name(struct recipe *r, char buf[300])
{
	static const char *const NAMES[] = { ".", "..", "", "a/b", RFS_HIDDEN, "../canary/file", "/", RFS_HIDDEN "/limbo", "t1", "0000000000000065", "orphan" };
	uint8_t k = take(r), i;

	if (k < 128)
		snprintf(buf, 300, "%c", 'a' + k % 8);
	else if (k - 128u < ARRAY_LEN(NAMES))
		snprintf(buf, 300, "%s", NAMES[k - 128]);
	else if (k == 200)
		snprintf(buf, 300, "%s/file", r->canary);
	else if (k == 201)
		snprintf(buf, 300, "%0255d", 7);
	else if (k == 202)
		snprintf(buf, 300, "%0256d", 7);
	else {
		for (i = 0; i < k % 16 && r->left > 0; i++)
			buf[i] = (char)take(r);
		buf[i] = '\0';
	}
	return buf;
}

static inline uint32_t
take_mode(struct recipe *r)
{
	static const uint32_t TYPES[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFREG, S_IFDIR, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, 0, S_IFMT };
	uint8_t k = take(r);

	return TYPES[k % ARRAY_LEN(TYPES)] | (k < 128 ? 0700 : (uint32_t)take(r) << 4 | 0100);
}

/* A blob of extended attributes */
static inline size_t
take_xattrs(struct recipe *r, uint8_t *buf, size_t size)
{
	static const char *const ATTRS[] = { "user.a", "user.b", "trusted.t", "system.posix_acl_access", "system.posix_acl_default", "security.capability", "user.", "nothing" };
	static const uint8_t ACL[] = { 2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255 };
	struct sync_out o = { .buf = buf, .size = size };
	int n = take(r);

	for (n = n < 192 ? 0 : n % 4; n > 0; n--) {
		const char *name = ATTRS[take(r) % ARRAY_LEN(ATTRS)];
		size_t len = take(r) % sizeof(ACL);

		out_8(&o, (uint8_t)strlen(name));
		out_bytes(&o, name, strlen(name) + 1);
		out_32(&o, (uint32_t)(len == 0 ? sizeof(ACL) : len));
		out_bytes(&o, ACL, len == 0 ? sizeof(ACL) : len);
	}
	return o.len;
}

static inline void
take_entry(struct recipe *r, struct sync_out *o)
{
	char name[300], from[300], target[300];
	uint8_t xattrs[512];
	struct sync_entry e = { .node = take_node(r), .mode = take_mode(r), .name = take_name(r, name) };
	uint8_t more = take(r);

	e.xattrs = xattrs;
	e.mtime_ns = INT64_C(1600000000000000000);
	if (S_ISLNK(e.mode))
		e.target = take_name(r, target);
	if ((more & 1) != 0)
		e.flags = take(r);
	if ((more & 2) != 0) {
		e.from = take_node(r);
		e.from_name = take_name(r, from);
		e.from_mtime_ns = (int64_t)take_number(r);
	}
	if ((more & 4) != 0)
		e.size = take_number(r);
	if ((more & 8) != 0) {
		e.mtime_ns = (int64_t)take_number(r);
		e.parent_mtime_ns = (int64_t)take_number(r);
	}
	if ((more & 16) != 0) {
		e.uid = (uint32_t)take_number(r);
		e.gid = (uint32_t)take_number(r);
		e.rdev = (uint32_t)take_number(r);
	}
	if ((more & 32) != 0)
		e.xattrs_len = (uint32_t)take_xattrs(r, xattrs, sizeof(xattrs));
	sync_put_entry(o, &e);
}

static inline void
take_raw(struct recipe *r, struct sync_out *o)
{
	int n = take(r);

	while (n-- > 0 && r->left > 0)
		out_8(o, take(r));
}

static inline void
strangers(struct recipe *r, const char *base)
{
	snprintf(r->canary, sizeof(r->canary), "%s/canary", base);
	r->strange[0] = hand_node(base, ".");
	r->strange[1] = hand_node(base, "canary");
	r->strange[2] = hand_node(base, "canary/file");
	r->strange[3] = UINT64_MAX;
	r->strange[4] = 2;
	r->strange[5] = hand_node(base, "canary/folder");
}

#endif
