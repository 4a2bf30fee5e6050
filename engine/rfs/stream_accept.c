/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream_accept.c: the primary's way to be connected: who knocks is a candidate until it has shown the key and greeted; when all connections of one
 * attempt of a secondary have, they take the place of what was there.
 *
 * Called by: stream.c's thread.  Bounded: candidates, their bytes before the greeting, their time.
 */
#include "config.h"
#include "rfs/stream_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CANDIDATES_MAX	(2 * STREAM_CONNS_MAX + 8)
#define HALF_OPEN_MAX	8		/* beyond the connections of one secondary (ours) */

enum stage { ST_FREE, ST_TLS, ST_HELLO, ST_READY };
struct candidate {
	enum stage stage;
	int	 fd;
	SSL	*ssl;
	short	 events;
	int64_t	 since;
	uint8_t	*buf;
	size_t	 have;
	uint64_t attempt;
	struct frame_hello hello;
};

static void
candidate_free(struct candidate *k)
{
	if (k->stage == ST_FREE)
		return;
	SSL_free(k->ssl);
	if (k->fd >= 0)
		close(k->fd);
	free(k->buf);
	free(k->hello.json);
	memset(k, 0, sizeof(*k));
}

static void
refuse(struct stream *s, struct candidate *k, const char *why)
{
	stream_say(s, why);
	candidate_free(k);
}

/* A free place; when there is none, that of the one who has been silent for the longest */
static struct candidate *
place(struct stream *s, struct candidate *all)
{
	struct candidate *k = NULL;
	int i, busy = 0, max = 2 * s->conf.conns + HALF_OPEN_MAX;

	for (i = 0; i < CANDIDATES_MAX; i++) {
		if (all[i].stage == ST_FREE)
			continue;
		busy++;
		if (all[i].stage != ST_READY && (k == NULL || all[i].since < k->since))
			k = &all[i];
	}
	if (busy >= max && k != NULL) {
		refuse(s, k, "too many connections that say nothing");
		return k;
	}
	for (i = 0; i < CANDIDATES_MAX; i++)
		if (all[i].stage == ST_FREE)
			return &all[i];
	return NULL;
}

static void
knock(struct stream *s, struct candidate *all)
{
	int fd = accept4(s->conf.listen_fd, NULL /* cppcheck-suppress nullPointer ; accept(2) allows it */, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct candidate *k;

	if (fd < 0)
		return;
	k = place(s, all);
	if (k == NULL) {
		close(fd);
		return;
	}
	stream_socket(s, fd);
	k->fd = fd;
	k->since = clock_mono_ms();
	k->events = POLLIN;
	k->stage = s->tls != NULL ? ST_TLS : ST_HELLO;
	if (s->tls != NULL && (k->ssl = tls_new(s->tls, fd, true)) == NULL)
		refuse(s, k, "no memory for a connection");
}

/* What it says until it has greeted */
static void
listen_to(struct stream *s, struct candidate *k)
{
	char err[SK_TEXT_MAX] = "";
	struct frame f;
	bool more = true;
	size_t need;
	ssize_t n;

	if (k->buf == NULL && (k->buf = malloc(CONN_HELLO_BUF)) == NULL) {
		refuse(s, k, "no memory for a connection");
		return;
	}
	while (more && k->have < CONN_HELLO_BUF) {
		n = conn_read(k->ssl, k->fd, k->buf + k->have, CONN_HELLO_BUF - k->have, &more, err, sizeof(err));
		if (n < 0) {
			candidate_free(k);	/* gone: not worth a word */
			return;
		}
		if (n == 0)
			break;
		k->have += (size_t)n;
	}
	if (k->have < FRAME_HEAD)
		return;
	if (!frame_parse_head(k->buf, &f, &need, err, sizeof(err)) || f.type != FR_HELLO) {
		refuse(s, k, err[0] != '\0' ? err : "a connection that does not greet");
		return;
	}
	if (k->have < need)
		return;
	f.body = k->buf + FRAME_HEAD;
	if (k->have > need || !frame_hello_decode(&f, &k->hello, err, sizeof(err)) || !stream_check_hello(s, &k->hello, err, sizeof(err))) {
		refuse(s, k, err[0] != '\0' ? err : "a connection that talks before it is answered");
		return;
	}
	k->attempt = f.aux;
	k->stage = ST_READY;
}

static void
go_on(struct stream *s, struct candidate *k)
{
	char err[SK_TEXT_MAX];
	int rc;

	if (k->stage == ST_TLS) {
		rc = tls_handshake(k->ssl, &k->events, err, sizeof(err));
		if (rc < 0)
			refuse(s, k, err);
		if (rc <= 0)
			return;
		k->events = POLLIN;
		k->stage = ST_HELLO;
	}
	if (k->stage == ST_HELLO)
		listen_to(s, k);
	else if (k->stage == ST_READY)
		candidate_free(k);	/* it has nothing to say now: it is gone, or breaks the rules */
}

/* Answers all greetings; the candidates become the connections */
static void
promote(struct stream *s, struct candidate *all, uint64_t attempt, uint64_t session)
{
	char err[SK_TEXT_MAX];
	bool ok = true;
	uint8_t *buf;
	size_t n;
	int i;

	if (s->live)
		stream_break(s, "the secondary has connected anew");
	stream_end(s);
	stream_begin(s);
	for (i = 0; i < CANDIDATES_MAX; i++) {
		struct candidate *k = &all[i];
		int conn = k->hello.conn;

		if (k->stage != ST_READY || k->attempt != attempt || k->hello.session != session)
			continue;
		s->theirs[conn] = k->hello;
		conn_open(&s->conns[conn], k->fd, k->ssl);
		k->hello.json = NULL;
		k->fd = -1;
		k->ssl = NULL;
		candidate_free(k);
	}
	for (i = 0; i < s->conf.conns && ok; i++) {
		struct frame f = { .type = FR_HELLO, .aux = attempt };

		n = stream_greeting(s, i, attempt, &buf);
		ok = n > 0;
		if (!ok)
			break;
		f.body = buf + FRAME_HEAD;
		f.body_len = (uint32_t)(n - FRAME_HEAD);
		ok = conn_send(&s->conns[i], &f, s->conf.send_ms, err, sizeof(err));
		free(buf);
	}
	if (ok)
		stream_live(s);
	else
		stream_end(s);
}

/* Is one attempt whole?  Every connection once */
static void
look_for_whole(struct stream *s, struct candidate *all)
{
	int i, j, found;

	for (i = 0; i < CANDIDATES_MAX; i++) {
		if (all[i].stage != ST_READY || all[i].hello.conn != 0)
			continue;
		for (found = 0, j = 0; j < CANDIDATES_MAX; j++)
			if (all[j].stage == ST_READY && all[j].attempt == all[i].attempt && all[j].hello.session == all[i].hello.session)
				found++;
		if (found == s->conf.conns) {
			promote(s, all, all[i].attempt, all[i].hello.session);
			return;
		}
	}
}

/* The same connection twice in one attempt: the first is wrong */
static void
drop_twins(struct candidate *all, const struct candidate *k)
{
	int j;

	for (j = 0; j < CANDIDATES_MAX; j++)
		if (&all[j] != k && all[j].stage == ST_READY && all[j].attempt == k->attempt && all[j].hello.session == k->hello.session &&
		    all[j].hello.conn == k->hello.conn)
			candidate_free(&all[j]);
}

static void
serve(struct stream *s, struct candidate *all, const struct pollfd *p, const int *who, int count)
{
	int64_t now = clock_mono_ms();
	int i;

	for (i = 2; i < count; i++) {
		struct candidate *k = &all[who[i]];

		if (p[i].revents != 0)
			go_on(s, k);
		else if (now - k->since > STREAM_GREET_MS)
			refuse(s, k, "a connection that did not greet in time");
		if (k->stage == ST_READY)
			drop_twins(all, k);
	}
	look_for_whole(s, all);
	if (p[1].revents != 0)
		knock(s, all);
}

void
stream_accept(struct stream *s)
{
	struct candidate *all = calloc(CANDIDATES_MAX, sizeof(*all));
	struct pollfd *p = calloc(CANDIDATES_MAX + 2, sizeof(*p));
	int who[CANDIDATES_MAX + 2], i, n;

	while (all != NULL && p != NULL && !stream_stopping(s)) {
		p[1] = (struct pollfd){ .fd = s->conf.listen_fd, .events = POLLIN };
		for (n = 2, i = 0; i < CANDIDATES_MAX; i++) {
			if (all[i].stage == ST_FREE)
				continue;
			who[n] = i;
			p[n++] = (struct pollfd){ .fd = all[i].fd, .events = all[i].events };
		}
		stream_rest(s, p, n, n > 2 ? 1000 : -1);
		if (stream_stopping(s))
			break;
		if (s->live && stream_broken(s))
			stream_end(s);
		serve(s, all, p, who, n);
	}
	for (i = 0; all != NULL && i < CANDIDATES_MAX; i++)
		candidate_free(&all[i]);
	free(all);
	free(p);
}
