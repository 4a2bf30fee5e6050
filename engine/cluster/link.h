/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link.h: UDP sockets of a node, one per lan, and who is behind which address.
 *
 * Owns: the sockets.  Called by: heart (heartbeats) and safeadmin (membership).  Never does: block, resolve a name, look into a packet.
 * A lan whose address is not there yet (cable, boot) is bound all the same (IP_FREEBIND) and works when it comes.
 */
#ifndef SK_LINK_H
#define SK_LINK_H

#include "base/base.h"
#include <sys/socket.h>
#include <uv.h>

struct link_peer { int node; struct sockaddr_storage addr; };	/* numeric, with port */
struct link_conf {
	char	 lan[SK_NAME_MAX];
	struct sockaddr_storage local;	/* numeric, with port */
	int	 count;
	struct link_peer peers[SK_NODES_MAX];
};
struct link;
/* from: node index by source address, -1 when the address is nobody's */
typedef void (*link_receive)(void *ctx, int lan, int from, const uint8_t *data, size_t len);
typedef void (*link_settle)(void *ctx);	/* all that had come has been handed out */

/* NULL with the reason in err */
struct link *link_open(uv_loop_t *loop, int lan, const struct link_conf *conf, link_receive receive, link_settle settle, void *ctx,
    char *err, size_t errsize);
void link_close(struct link *l);
/* node: to whom; false when it could not be handed to the kernel (which means nothing about arrival) */
bool link_send(struct link *l, int node, const uint8_t *data, size_t len);
/* Hand out what waits in the socket, now (before a timeout is judged). */
void link_drain(struct link *l);
/* "10.1.0.11" or "fd00:1::11" and port -> sockaddr; false when it is not a numeric address */
bool link_address(const char *text, uint16_t port, struct sockaddr_storage *out);

#endif
