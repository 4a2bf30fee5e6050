/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolve.h: names of virtual addresses, resolved in libuv's threads.
 *
 * Called by: vipd's loop thread.  Never does: block, keep an answer (the caller does), ask again by itself.
 */
#ifndef SK_VIP_RESOLVE_H
#define SK_VIP_RESOLVE_H

#include "base/base.h"
#include <sys/socket.h>
#include <uv.h>

struct resolve;
/* ip NULL: why not.  The request is over when it is called. */
typedef void (*resolve_done)(void *ctx, const struct sockaddr_storage *ip, const char *why);
struct resolve *resolve_start(uv_loop_t *loop, const char *name, resolve_done done, void *ctx);	/* NULL: no memory, no such name */
void resolve_cancel(struct resolve *r);	/* done() is not called any more */

/* Of several addresses the same one on every server: IPv4 before IPv6, then the lowest.  False: none */
struct addrinfo;
bool resolve_pick(const struct addrinfo *list, struct sockaddr_storage *out);

#endif
