/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gateway.h: the half of safewebgate that speaks HTTP, as the user safekit, in one thread and one loop.
 *
 * The way of a request: http.c (who, what, is it allowed, its body) -> a handler (handlers.h), which answers at once (answer.c) or later:
 * after the engine (feed.c), the parent (ask.c) or a command (run.c) has.  Meanwhile its connection is suspended: nobody waits for anybody.
 * Nothing of a stranger is kept without a bound; the bounds are where the things are.
 */
#ifndef SK_WEB_GATEWAY_H
#define SK_WEB_GATEWAY_H

#include "base/base.h"
#include "web/gateway/parent.h"
#include "web/gateway/route.h"
#include "web/gateway/talk.h"
#include "wire/webauth.h"
#include <jansson.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <stdio.h>

#define CONNECTIONS_MAX	1280	/* of Apache to us */
#define LISTENERS_MAX	1024	/* of them, streams of events */
#define OUTPUT_MAX	(4u << 20)	/* bytes of stdout, and of stderr, that are kept of a command */

/* ---- requests (http.c) ---- */
struct upload {
	bool	 asked, kept_asked, kept, stays, unsigned_body;
	int	 fd;			/* -1: not yet, or no more */
	int64_t	 begin_ms;
	size_t	 size;
	uint8_t	 first[4];
	char	 token[KEPT_TOKEN];
};
struct request {
	struct MHD_Connection *conn;
	char	*raw;			/* path and query as in the request line */
	struct uri uri;
	const struct route *route;
	json_t	*args;			/* parameters of path, query and body, checked */
	bool	 begun, suspended, dispatched;
	bool	 cut;			/* the command said more than is kept */
	/* who */
	bool	 node, verified, verify_asked;
	enum role role;
	char	 user[SK_NAME_MAX], addr[SK_NAME_MAX], login[16];
	char	 who[SK_NAME_MAX];	/* user@addr, cut to fit */
	bool	 tls;
	struct webauth auth;
	char	 told_hash[WEBAUTH_HEX_MAX];	/* X-Safekit-Body: the hash of a body that comes; "" */
	/* the body */
	char	*body;
	size_t	 body_len, swallowed;
	EVP_MD_CTX *hash;
	struct upload up;
	/* the answer */
	struct MHD_Response *response;
	bool	 shared;		/* not ours alone: state.c's */
	unsigned status;
	void	*listener;		/* sse.c */
};
bool http_start(int listener);
void http_stop(void);
int http_fd(void);			/* to poll for input, then http_turn() */
int http_timeout(void);			/* milliseconds, -1: none */
void http_turn(void);
void request_resume(struct request *r);	/* something happened that it waits for */

/* ---- answer.c: each gives the request its answer and lets it go on ---- */
const char *arg_text(const struct request *r, const char *name);	/* NULL: absent */
json_int_t arg_int(const struct request *r, const char *name, json_int_t otherwise);
bool arg_true(const struct request *r, const char *name);
struct MHD_Response *response_text(const char *text, size_t len, const char *type);	/* a copy */
struct MHD_Response *response_own(char *text, size_t len, const char *type);		/* text is freed; NULL: too much is on the way */
void answer_response(struct request *r, unsigned status, struct MHD_Response *response);	/* keeps it */
void answer_json(struct request *r, unsigned status, json_t *value);	/* steals value */
void problem(struct request *r, unsigned status, const char *fmt, ...) PRINTFLIKE(3, 4);

/* ---- the parent (ask.c) ---- */
typedef void (*parent_reply)(void *ctx, const struct talk *t, bool ok, const char *reason, const char *text);	/* t may give its descriptors away */
/* false: the parent cannot be asked now.  words: without the ID, NULL at the end */
bool parent_ask(const char *const *words, const int *fds, int nfds, parent_reply then, void *ctx);
bool parent_hear(int sock);		/* all that it says; false: it is gone */
void parent_at(int sock);

/* ---- the engine (feed.c) ---- */
bool feed_connected(void);
int feed_fd(short *events);		/* -1: no connection */
int feed_timeout(void);
void feed_turn(void);
typedef void (*engine_reply)(struct request *r, const json_t *reply);	/* of an answer that is ok; the others become problems */
void engine_ask(struct request *r, json_t *req, engine_reply then);	/* steals req */

/* ---- the picture (picture.c): rows as JSON texts ---- */
enum list { L_ENGINE, L_MODULES, L_RESOURCES, L_NODES, L_REMOTES, L_SHARES, L_COUNT };
void picture_clear(enum list l);
bool picture_put(enum list l, const json_t *row);	/* false: no number in it, or no memory */
void picture_drop(enum list l, uint32_t id, uint32_t index);
const char *picture_text(enum list l, uint32_t id, uint32_t index);	/* of a row; NULL */
const char *picture_module_name(uint32_t id);		/* "" when there is none */
bool picture_has_module(const char *name);
/* Rows of one module (NULL: all) as a JSON array; caller frees; NULL: no memory */
char *picture_rows(enum list l, const char *module, size_t *len);
char *picture_module(const char *name, size_t *len);	/* NULL: none */
uint64_t picture_version(enum list l);			/* L_COUNT: of all */

/* ---- events (ring.c: pure; sse.c) ---- */
#define RING_ENTRIES	8192
#define RING_BYTES	(8u << 20)
struct event { char module[SK_NAME_MAX]; bool log; char *text; size_t len; };	/* text: the frame, ends with an empty line */
void ring_put(const char *kind, const char *module, const char *data);
const struct event *ring_at(uint64_t seq);		/* NULL: forgotten, or not yet */
uint64_t ring_first(void), ring_next(void);		/* numbers of the oldest event and of the next one */
const char *ring_epoch(void);				/* which process gave the numbers */
void ring_id(uint64_t seq, char *buf, size_t size);	/* "epoch-seq": of the events up to seq */
/* Where to go on after that id; false: it is none of ours, or forgotten */
bool ring_after(const char *id, uint64_t *next);
void ring_free(void);
void events_turn(void);			/* tells the listeners, not too often */
int events_timeout(void);
void events_gone(struct request *r);
int events_count(void);

/* ---- commands (run.c) ---- */
#define RUN_PIPES	(RUNS_MAX * 2)
typedef void (*run_reply)(struct request *r, int status, const char *note, const char *token, const char *out, size_t out_len, const char *err);
/* Words after safekit, NULL at the end.  then is called with what came of it; where the command could not be run the request gets a problem */
void run_command(struct request *r, const char *const *argv, run_reply then);
int run_fds(int *fds, int max);		/* pipes to poll for input */
void run_read(int fd);

/* ---- openapi.c ---- */
json_t *openapi_document(void);
void openapi_markdown(FILE *to);	/* doc/API.md's table */

/* ---- nonce.c: pure but for the clock that it is given ---- */
#define NONCE_S		60
#define NONCES_USED	4096		/* used ones that are remembered: a server that was let in may make so many requests a minute */
void nonce_secret(const uint8_t secret[32]);
bool nonce_make(int64_t now_s, char out[WEBAUTH_NONCE_MAX]);
bool nonce_good(const char *nonce, int64_t now_s);	/* ours, not too old, not used */
bool nonce_use(const char *nonce, int64_t now_s);	/* false: used meanwhile, or too many */

#endif
