/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_link.h: what stream.c and the two ways to become connected (stream_accept.c, stream_connect.c) share. */
#ifndef SK_RFS_STREAM_LINK_H
#define SK_RFS_STREAM_LINK_H

#include "rfs/stream_impl.h"
#include <poll.h>

#define STREAM_CONNS_MAX	64	/* nbremconn (as REPL_CONNS_MAX) */
#define STREAM_GREET_MS		5000	/* for the encryption and the greeting (ours) */

struct stream {
	struct stream_conf conf;
	struct stream_hooks hooks;
	SSL_CTX	*tls;
	pthread_t thread;
	int	 wake;			/* eventfd of the thread */
	bool	 started, failed, live;
	atomic_bool broken, stop;
	pthread_mutex_t lock;		/* of why, mine, applied */
	char	 why[SK_TEXT_MAX];
	struct frame_hello mine;
	uint64_t applied[STREAM_CONNS_MAX];
	struct frame_hello theirs[STREAM_CONNS_MAX];
	struct conn conns[STREAM_CONNS_MAX];
	char	 said[SK_TEXT_MAX];
	int64_t	 said_ms;
};

/* Only in the stream's thread */
bool stream_stopping(const struct stream *s);
void stream_rest(struct stream *s, struct pollfd *p, int count, int ms);	/* p[0] is its own */
void stream_say(struct stream *s, const char *what);
void stream_socket(const struct stream *s, int fd);
size_t stream_greeting(struct stream *s, int index, uint64_t attempt, uint8_t **out);	/* 0: no memory; out: the caller's to free */
bool stream_check_hello(struct stream *s, const struct frame_hello *h, char *err, size_t errsize);
void stream_begin(struct stream *s);	/* nothing is broken any more: before conn_open() */
void stream_live(struct stream *s);	/* up(), and readers */
void stream_end(struct stream *s);	/* breaks, waits for the readers, closes, down() if it was up */
void stream_accept(struct stream *s);	/* until stopping */
void stream_connect(struct stream *s);

#endif
