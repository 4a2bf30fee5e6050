/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sse.c: streams of server-sent events.  Each listener is a place in the ring of events and nothing more: one that reads slowly keeps nobody
 * waiting, and one that is too far behind is told "reset" (it asks for a snapshot and goes on from there).
 *
 * Owns: the listeners.  A stream ends after STREAM_S, so that somebody whose rights were taken away is not told for ever; browsers come back by
 * themselves, with Last-Event-ID.
 */
#include "config.h"
#include "web/gateway/gateway.h"
#include "web/gateway/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TELL_MS		20	/* listeners are woken at most so often (ours) */
#define PING_MS		15000	/* a comment when nothing happens, so that dead connections are found (ours) */
#define STREAM_S	900	/* of a stream (ours) */
#define FIRST_MAX	192

struct listener {
	struct request *r;
	char	 module[SK_NAME_MAX];	/* "": all */
	bool	 logs;
	uint64_t seq;			/* of the next event */
	size_t	 off;			/* bytes of it that were told */
	char	 first[FIRST_MAX];	/* a frame of its own that goes before: hello, reset, a comment */
	size_t	 first_len, first_off;
	int64_t	 told_ms, end_ms;
	bool	 asleep;
	struct listener *next;
};
static struct listener *listeners;
static int count;
static uint64_t told_upto = 1;
static int64_t told_ms;

static void
set_first(struct listener *l, const char *kind, const char *data)
{
	char id[64];

	ring_id(l->seq - 1, id, sizeof(id));
	if (kind == NULL)
		str_copy(l->first, sizeof(l->first), ": still here\n\n");
	else
		snprintf(l->first, sizeof(l->first), "id: %s\nevent: %s\ndata: %s\n\n", id, kind, data);
	l->first_len = strlen(l->first);
	l->first_off = 0;
}

static bool
wants(const struct listener *l, const struct event *e)
{
	return (!e->log || l->logs) && (l->module[0] == '\0' || e->module[0] == '\0' || strcmp(e->module, l->module) == 0);
}

/* As much of *from at *off as fits */
static size_t
copy(char *to, size_t room, const char *from, size_t len, size_t *off)
{
	size_t n = len - *off < room ? len - *off : room;

	memcpy(to, from + *off, n);
	*off += n;
	return n;
}

static size_t
fill(struct listener *l, char *buf, size_t room)
{
	size_t used = 0;

	while (used < room) {
		const struct event *e = ring_at(l->seq);

		if (l->first_off < l->first_len) {
			used += copy(buf + used, room - used, l->first, l->first_len, &l->first_off);
			continue;
		}
		if (e == NULL && l->seq >= ring_next())
			break;
		if (e == NULL) {	/* forgotten: in the middle of a frame an empty line ends it, and its half is not valid JSON to anybody */
			if (l->off > 0)
				return used;
			l->seq = ring_next();
			set_first(l, "reset", "{\"connected\":true}");
			continue;
		}
		if (wants(l, e))
			used += copy(buf + used, room - used, e->text, e->len, &l->off);
		if (!wants(l, e) || l->off == e->len) {
			l->seq++;
			l->off = 0;
		}
	}
	return used;
}

static ssize_t
on_read(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct listener *l = ctx;
	int64_t now = clock_mono_ms();
	size_t n;

	if (now >= l->end_ms && l->off == 0 && l->first_off == l->first_len)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (l->off > 0 && ring_at(l->seq) == NULL)
		return MHD_CONTENT_READER_END_WITH_ERROR;	/* half of an event was told and the rest is forgotten: it reads too slowly */
	n = fill(l, buf, max);
	if (n > 0) {
		l->told_ms = now;
		return (ssize_t)n;
	}
	l->asleep = true;
	l->r->suspended = true;
	MHD_suspend_connection(l->r->conn);
	return 0;
}

static void
wake(struct listener *l)
{
	if (!l->asleep)
		return;
	l->asleep = false;
	request_resume(l->r);
}

void
do_events(struct request *r)
{
	const char *module = arg_text(r, "module"), *last = MHD_lookup_connection_value(r->conn, MHD_HEADER_KIND, "Last-Event-ID");
	struct MHD_Response *m;
	struct listener *l;

	if (count >= LISTENERS_MAX || (l = calloc(1, sizeof(*l))) == NULL) {
		problem(r, 503, "more than %d listen already", LISTENERS_MAX);
		return;
	}
	l->r = r;
	l->logs = arg_true(r, "logs");
	str_copy(l->module, sizeof(l->module), module != NULL ? module : "");
	l->told_ms = clock_mono_ms();
	l->end_ms = l->told_ms + STREAM_S * 1000;
	if (last == NULL || !ring_after(last, &l->seq)) {
		l->seq = ring_next();
		set_first(l, last == NULL ? "hello" : "reset", feed_connected() ? "{\"connected\":true}" : "{\"connected\":false}");
	}
	m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_read, l, NULL);
	if (m == NULL) {
		free(l);
		problem(r, 503, "no memory");
		return;
	}
	MHD_add_response_header(m, "Content-Type", "text/event-stream");
	MHD_add_response_header(m, "Cache-Control", "no-store");
	MHD_add_response_header(m, "X-Accel-Buffering", "no");
	l->next = listeners;
	listeners = l;
	r->listener = l;
	count++;
	answer_response(r, 200, m);
}

void
events_gone(struct request *r)
{
	struct listener **pp, *l = r->listener;

	if (l == NULL)
		return;
	for (pp = &listeners; *pp != l; pp = &(*pp)->next)
		;
	*pp = l->next;
	r->listener = NULL;
	count--;
	free(l);
}

int
events_count(void)
{
	return count;
}

static bool
something_new(void)
{
	return told_upto != ring_next();
}

int
events_timeout(void)
{
	int64_t left;

	if (count == 0)
		return -1;
	if (!something_new())
		return 1000;
	left = told_ms + TELL_MS - clock_mono_ms();
	return left > 0 ? (int)left : 0;
}

void
events_turn(void)
{
	bool news = something_new() && clock_mono_ms() - told_ms >= TELL_MS;
	int64_t now = clock_mono_ms();
	struct listener *l, *next;

	if (news) {
		told_upto = ring_next();
		told_ms = now;
	}
	for (l = listeners; l != NULL; l = next) {
		next = l->next;
		if (l->asleep && now - l->told_ms >= PING_MS && l->first_off == l->first_len) {
			set_first(l, NULL, NULL);
			wake(l);
		} else if (news || now >= l->end_ms) {
			wake(l);
		}
	}
}
