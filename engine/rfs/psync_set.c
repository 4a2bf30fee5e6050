/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psync_set.c: sets and lists of nodes that live as long as a synchronisation: 8 bytes for a node, two thirds full at most.
 *
 * Owns: nothing.  Called by: psync*.c, ssync*.c.  Never does: lock.
 */
#include "config.h"
#include "rfs/psync_impl.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
slot(uint64_t node)
{
	node ^= node >> 32;
	node *= UINT64_C(0x9E3779B97F4A7C15);
	return (uint32_t)(node >> 32);
}

bool
nodeset_has(const struct nodeset *s, uint64_t node)
{
	uint32_t i;

	for (i = slot(node) & s->mask; s->n != NULL && s->n[i] != 0; i = (i + 1) & s->mask)
		if (s->n[i] == node)
			return true;
	return false;
}

static void
put(uint64_t *n, uint32_t mask, uint64_t node)
{
	uint32_t i;

	for (i = slot(node) & mask; n[i] != 0; i = (i + 1) & mask)
		;
	n[i] = node;
}

bool
nodeset_add(struct nodeset *s, uint64_t node)
{
	uint32_t old = s->n != NULL ? s->mask + 1 : 0, size = old > 0 ? old * 2 : 64, i;
	uint64_t *n;

	if (node == 0 || nodeset_has(s, node))
		return true;
	if (s->n == NULL || s->used >= old / 3 * 2) {
		n = calloc(size, sizeof(*n));
		if (n == NULL)
			return false;
		for (i = 0; i < old; i++)
			if (s->n[i] != 0)
				put(n, size - 1, s->n[i]);
		free(s->n);
		s->n = n;
		s->mask = size - 1;
	}
	put(s->n, s->mask, node);
	s->used++;
	return true;
}

void
nodeset_clear(struct nodeset *s)
{
	free(s->n);
	memset(s, 0, sizeof(*s));
}

bool
wheres_add(struct wheres *l, uint8_t dir, uint64_t node)
{
	if (l->n == l->size) {
		size_t size = l->size > 0 ? l->size * 2 : 64;
		struct where *w = realloc(l->w, size * sizeof(*w));

		if (w == NULL)
			return false;
		l->w = w;
		l->size = size;
	}
	l->w[l->n++] = (struct where){ .node = node, .dir = dir };
	return true;
}
