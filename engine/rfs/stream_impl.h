/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_impl.h: what stream.c (who is connected), stream_conn.c (bytes of one connection) and stream_tls.c (its encryption) share. */
#ifndef SK_RFS_STREAM_IMPL_H
#define SK_RFS_STREAM_IMPL_H

#include "rfs/stream.h"
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#define CONN_QUEUE_MAX	(64u << 20)	/* bytes that wait for the socket; beyond, senders wait (ours) */
#define CONN_HELLO_BUF	(FRAME_HEAD + 65536u + 512u)	/* what may come before we know the other side */
#define CONN_BUF	(2u * (FRAME_HEAD + FRAME_BODY_MAX))

struct chunk { struct chunk *next; size_t len, done; uint8_t data[]; };

struct conn {
	struct stream *stream;
	int	 index;
	pthread_mutex_t lock;		/* senders: order, the queue, sealed, open; never held while the socket is waited for */
	pthread_mutex_t crypt;		/* ssl; inside of lock, and never held while the socket is written to */
	bool	 open;
	int	 fd, wake;		/* wake: eventfd of its reader */
	SSL	*ssl;			/* NULL: plain */
	BIO	*records;		/* what ssl writes */
	uint8_t	*sealed;		/* records on their way from there to the socket */
	size_t	 sealed_len, sealed_size;
	struct chunk *queue, **queue_end;
	size_t	 queued;
	uint8_t	*buf;			/* reader's: what came, have bytes of which used are told */
	size_t	 have, used, size;
	pthread_t thread;
	bool	 running;
	int64_t	 in_ms;			/* reader's: last sign of life */
	uint64_t life;			/* counts conn_open() */
	atomic_uint_fast64_t bytes_in, bytes_out;
};

/* ---- stream_tls.c ---- */
SSL_CTX *tls_context(bool primary, const uint8_t key[32]);	/* NULL: OpenSSL's error queue has why */
void tls_context_free(SSL_CTX *ctx);		/* after the last connection */
SSL *tls_new(SSL_CTX *ctx, int fd, bool primary);
/* 1 done, 0 wait for *events (poll), -1 failed: err */
int tls_handshake(SSL *ssl, short *events, char *err, size_t errsize);

/* ---- stream_conn.c ---- */
bool conn_init(struct conn *c, struct stream *s, int index);
void conn_destroy(struct conn *c);
void conn_open(struct conn *c, int fd, SSL *ssl);	/* takes both */
void conn_close(struct conn *c);			/* no reader runs any more */
void conn_wake(struct conn *c);
/* Bytes into buf: > 0, 0 nothing now, -1 broken or the end (err).  *more: there may be more at once. */
ssize_t conn_read(SSL *ssl, int fd, void *buf, size_t size, bool *more, char *err, size_t errsize);
/* The next whole frame of what came: 1, 0 none yet, -1 breaks a rule (err) */
int conn_next(struct conn *c, struct frame *f, char *err, size_t errsize);
/* Sends, or queues what the socket does not take; waits when too much waits.  false: broken (err), or not open (err "") */
bool conn_send(struct conn *c, const struct frame *f, int64_t send_ms, char *err, size_t errsize);
void conn_run(struct conn *c);				/* the reader, until the stream breaks */

/* ---- stream.c, for stream_conn.c ---- */
void stream_break(struct stream *s, const char *why);	/* from any thread */
bool stream_broken(const struct stream *s);
const struct stream_conf *stream_conf_of(const struct stream *s);
const struct stream_hooks *stream_hooks_of(const struct stream *s);

#endif
