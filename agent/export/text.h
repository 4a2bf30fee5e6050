/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h: a text that grows: answers of /metrics and bodies of requests.
 *
 * Owns: its memory.  Called by: one thread at a time.  Never does: grow beyond max; what does not fit sets failed, and the rest is not written.
 */
#ifndef SK_EXPORT_TEXT_H
#define SK_EXPORT_TEXT_H

#include <stdlib.h>
#include <string.h>
#include "base/base.h"

#define TEXT_MAX	(256u << 20)	/* 100,000 resources are 60 MB of /metrics (ours) */

struct text { char *p; size_t len, room; bool failed; };

/* Room for n more bytes; NULL: none */
static inline char *
text_room(struct text *t, size_t n)
{
	if (t->failed || n > TEXT_MAX - t->len) {
		t->failed = true;
		return NULL;
	}
	if (t->len + n > t->room) {
		size_t room = t->room < 4096 ? 4096 : t->room;
		char *p;

		while (room < t->len + n)
			room *= 2;
		p = realloc(t->p, room);
		if (p == NULL) {
			t->failed = true;
			return NULL;
		}
		t->p = p;
		t->room = room;
	}
	return t->p + t->len;
}

static inline void
text_add(struct text *t, const char *s, size_t n)
{
	char *to = text_room(t, n);

	if (to != NULL && n > 0) {
		memcpy(to, s, n);
		t->len += n;
	}
}

static inline void
text_put(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

static inline void
text_u64(struct text *t, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	text_add(t, digits + i, sizeof(digits) - i);
}

static inline void
text_i64(struct text *t, int64_t v)
{
	if (v < 0)
		text_put(t, "-");
	text_u64(t, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static inline void
text_free(struct text *t)
{
	free(t->p);
	memset(t, 0, sizeof(*t));
}

#endif
