/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.c: the last events, once for all listeners, by number.  Bounded by count and by bytes; what is too old is forgotten, and who wanted it
 * is told so by sse.c.
 */
#include "config.h"
#include "web/gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static struct event ring[RING_ENTRIES];
static uint64_t first = 1, next = 1;
static size_t bytes;
static char epoch[17];

const char *
ring_epoch(void)
{
	uint8_t raw[8] = { 0 };

	if (epoch[0] == '\0') {
		if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
			fatal("getrandom");
		str_to_hex(raw, sizeof(raw), epoch);
	}
	return epoch;
}

uint64_t
ring_first(void)
{
	return first;
}

uint64_t
ring_next(void)
{
	return next;
}

const struct event *
ring_at(uint64_t seq)
{
	return seq >= first && seq < next ? &ring[seq % RING_ENTRIES] : NULL;
}

void
ring_id(uint64_t seq, char *buf, size_t size)
{
	snprintf(buf, size, "%s-%llu", ring_epoch(), (unsigned long long)seq);
}

bool
ring_after(const char *id, uint64_t *from)
{
	const char *e = ring_epoch();
	size_t n = strlen(e);
	uint64_t seq;

	/* 0 is what came before the first: at most what was given out */
	if (strncmp(id, e, n) != 0 || id[n] != '-' || !str_to_u64(id + n + 1, 0, next - 1, &seq) || seq + 1 < first)
		return false;
	*from = seq + 1;
	return true;
}

static void
forget(void)
{
	struct event *e = &ring[first % RING_ENTRIES];

	bytes -= e->len;
	free(e->text);
	e->text = NULL;
	first++;
}

void
ring_put(const char *kind, const char *module, const char *data)
{
	size_t room = strlen(data) + strlen(kind) + 80;
	char *text = malloc(room);
	struct event *e;

	if (text == NULL)
		return;
	while (first < next && (next - first >= RING_ENTRIES || bytes + room > RING_BYTES))
		forget();
	e = &ring[next % RING_ENTRIES];
	e->len = (size_t)snprintf(text, room, "id: %s-%llu\nevent: %s\ndata: %s\n\n", ring_epoch(), (unsigned long long)next, kind, data);
	e->text = text;
	e->log = strcmp(kind, "log") == 0;
	str_copy(e->module, sizeof(e->module), module);
	bytes += e->len;
	next++;
}

void
ring_free(void)
{
	while (first < next)
		forget();
}
