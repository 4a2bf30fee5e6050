/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safekit.h: libsafekit, the only door to the engine for CLI, agents and whoever comes later.
 *
 * Owns: one connection to safeadmin.  Blocking calls with a deadline (for programs that ask and end) and a non-blocking side
 * (a descriptor to poll, frames out and in) for programs that live.  A struct sk_conn belongs to one thread at a time.
 *
 * What is said: doc/PROTOCOL.md.  The picture has modules, resources, nodes, remotes, shares (rpt_share: a row for each load balancing group of
 * a farm, as long as it is configured; view 0 while this server takes no part; events "share", "share-gone") and the engine.
 */
#ifndef SAFEKIT_H
#define SAFEKIT_H

#include <jansson.h>
#include "wire/report.h"

struct sk_conn;

/* Connect; NULL with the reason in err (no such socket: "Error: safeadmin administrator daemon not running"). */
struct sk_conn *sk_connect(char *err, size_t errsize);
void sk_close(struct sk_conn *c);
int  sk_fd(const struct sk_conn *c);

/* Ask and wait for the answer at most timeout_ms (monotonic).  req is stolen (json_pack result); "id" is added here.
 * Returns the reply (caller's reference) when "ok" is true; else NULL, code (16 bytes at least) and err filled.
 * Events that arrive meanwhile are kept for sk_next(). */
json_t *sk_ask(struct sk_conn *c, json_t *req, int timeout_ms, char *code, char *err, size_t errsize);

/* Send without waiting for the answer; id is chosen by the caller (>= 1,000,000; below is sk_ask's).  false: connection lost.
 * Never blocks: what the kernel does not take is kept (at most 4 MiB, then false) and sent by sk_next(). */
bool sk_send(struct sk_conn *c, json_t *req);
/* Next event or reply: 1 and *obj (caller's reference); 0 nothing within timeout_ms (0 = do not wait); -1 connection lost (err). */
int sk_next(struct sk_conn *c, json_t **obj, int timeout_ms, char *err, size_t errsize);
bool sk_wants_write(const struct sk_conn *c);	/* poll for POLLOUT too, then call sk_next(c, &o, 0, ...) */

#endif
