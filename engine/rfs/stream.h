/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream.h: the connections between a primary's worker and a secondary's: frames in order, encrypted, acknowledged, sent again after a break.
 *
 * The secondary connects to the primary's port (nbremconn connections), TLS 1.3 with a pre-shared key derived from the module's key (plain where the module
 * has none); the first frame each way is HELLO (version, module, node, role, session, what was applied last); then frames.  What concerns one node
 * goes over one connection, in order.  One reader thread per connection; senders write directly where the socket takes it, what it does not take waits in
 * a bounded queue (a sender beyond that waits, at most sendtimeout).
 * Frames (frame.h): length, type, flags, seq, folder, body; every length is checked before it is believed.  A peer that breaks a rule is said and dropped.
 */
#ifndef SK_RFS_STREAM_H
#define SK_RFS_STREAM_H

#include "rfs/frame.h"

struct stream;
struct stream_conf {
	bool	 primary;
	int	 listen_fd;		/* primary */
	char	 local[46], peer[46];	/* numeric addresses; second: connects from local to peer */
	uint16_t port;
	int	 conns;			/* nbremconn */
	uint16_t module_id;
	char	 node[SK_NAME_MAX];
	bool	 has_key;
	uint8_t	 key[32];
	int64_t	 send_ms;		/* sendtimeout */
	uint64_t session;		/* of this term: the same for all workers of the term */
};
struct stream_hooks {
	void *ctx;
	/* All connections are there.  hello: the other side's, one for each connection, with its state as JSON text.  Nothing is read before it
	 * returns, and nothing after down() was called; both are called in the stream's own thread. */
	void (*up)(void *ctx, const struct frame_hello *hello);
	void (*down)(void *ctx, const char *why);	/* one of them broke: all are closed; the secondary connects again by itself */
	void (*frame)(void *ctx, int conn, const struct frame *f);	/* in the reader thread of that connection; f and its body are borrowed */
	void (*idle)(void *ctx, int conn);	/* likewise, or NULL: what had come is told, before it waits for more */
	void (*reader)(void *ctx);		/* or NULL: a reader thread begins */
	void (*cannot)(void *ctx, const char *why);	/* or NULL: the secondary has not been able to connect for a while; now and then, in the stream's thread */
};
struct stream *stream_new(const struct stream_conf *conf, const struct stream_hooks *hooks);
/* What is said first: of connection mine->conn, -1 all; before stream_start() and whenever it changes (module, node, role, session, conns are filled in) */
void stream_hello(struct stream *s, const struct frame_hello *mine);
bool stream_start(struct stream *s, char *err, size_t errsize);
/* Into the connection of that node's hash (conn -1: by node).  Copies.  false: down (the caller keeps what must not be lost). */
bool stream_send(struct stream *s, int conn, const struct frame *f);
int stream_conn_of(const struct stream *s, uint64_t node);
int stream_conns(const struct stream *s);
void stream_drop(struct stream *s, const char *why);	/* the peer broke a rule, or is not wanted: down() follows */
void stream_stats(const struct stream *s, uint64_t *bytes_in, uint64_t *bytes_out);
void stream_stop(struct stream *s);			/* closes, and joins its threads: no hook is called any more */
void stream_free(struct stream *s);

#endif
