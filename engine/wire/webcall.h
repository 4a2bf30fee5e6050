/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * webcall.h: one question to the web service of a server, signed with this server's credential (wire/webauth.h), many at once.
 *
 * Owns: the challenge that goes before a signed request, the choice among our keys (a server that does not know one answers 401, then
 * the next is tried), TLS: who must be verified, and with what; limits of time and size.
 * Called by: safekit -H, -E, -G (webcalls_run), checkd's module checker (its own loop).  Never does: follow a redirection, use a proxy,
 * send a password, block (but for webcalls_run).
 */
#ifndef SK_WEBCALL_H
#define SK_WEBCALL_H

#include "base/base.h"
#include "base/curl.h"
#include "wire/webauth.h"

#define WEBCALL_URL_MAX	   320			/* "https://[address]:port", NUL */
#define WEBCALL_WHY_MAX	   320			/* bytes with NUL of a reason (ours) */
#define WEBCALL_ANSWER_MAX (32u << 20)		/* bytes of an answer: 4 MiB of output, each byte an escape of six, twice (ours) */
#define WEBCALL_CONNECT_MS 5000			/* patience with a connection (ours) */
#define WEBCALL_REPLY_MS   10000		/* patience with an answer that needs no work: the challenge (ours) */
#define WEBCALL_NODE	   "/node"		/* before the paths of the interface where servers show their credential */

struct webcalls;
struct webcall {
	/* asked; the caller's, and to stay until done() */
	const char *url;		/* "http://10.0.0.1:9010" */
	const char *method;		/* "GET", "POST", "DELETE" */
	const char *path;		/* "/node/api/v1/..." */
	const void *body;		/* of POST */
	size_t	    len;
	const char *type;		/* of the body: "application/json" */
	int64_t	    timeout_ms;		/* for the answer, connection and challenge aside */
	bool	    open;		/* no credential: asked as it is */
	const char *resolve;		/* "name:port:address,address" when the caller has resolved it; NULL: libcurl does */
	const struct webauth_key *key;	/* NULL: try ours; set to the one that the server took */
	void	  (*done)(struct webcall *c);	/* may begin another call, also this one */
	void	   *ctx;
	/* answered */
	long	    status;		/* of HTTP; 0: no answer, why tells */
	char	   *answer;		/* NUL behind it; NULL: none; gone with the next begin and webcall_end() */
	size_t	    answer_len;
	char	    tag[80];		/* ETag, else Last-Modified, of the answer; "" none */
	char	    why[WEBCALL_WHY_MAX];
	bool	    tls_refused;	/* no answer: one side does not take the certificate of the other */
	bool	    no_challenge;	/* no answer: it is there, and is no web service of this suite, or not one that runs */
	bool	    unknown;		/* the request went out and no answer to it came: it may have been done */
	/* ours; zeroed before the first begin */
	struct webcalls *of;
	void	   *easy, *headers, *resolved;
	size_t	    room, given;
	int	    attempt;		/* which of our keys */
	bool	    asking;		/* the challenge */
	bool	    running, too_long;
	char	    hash[65];		/* of the body, hex */
	char	    error[CURL_ERROR_SIZE];
};

/* node: name of this server, for the command logs of the others.  The keys are read when the first call needs them, again when
 * webcalls_reread() was called.  NULL: err. */
struct webcalls *webcalls_new(const char *node, char *err, size_t errsize);
void webcalls_free(struct webcalls *w);		/* calls that run are given up without done(); end them all first */
void webcalls_reread(struct webcalls *w);
/* False: it cannot even begin (c->why); done() is then not called */
bool webcall_begin(struct webcalls *w, struct webcall *c);
void webcall_cancel(struct webcall *c);		/* done() will not be called */
void webcall_end(struct webcall *c);		/* cancelled, memory free; may be begun anew */
/* Until all calls are done */
void webcalls_run(struct webcalls *w);
/* For a loop of one's own: curl's multi, and what to do after each curl_multi_socket_action() */
CURLM *webcalls_multi(struct webcalls *w);
const struct curl_fn *webcalls_curl(struct webcalls *w);
void webcalls_reap(struct webcalls *w);
/* The status of HTTP in words: of a body of application/problem+json its title and detail */
void webcall_refusal(const struct webcall *c, char *buf, size_t size);

#endif
