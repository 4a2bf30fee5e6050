/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sockets.h: the TCP connections of this server's virtual addresses: counted, looked at bucket by bucket, reset.  sock_diag through libmnl.
 *
 * Called by: vipd's loop thread: the kernel's dump is read in slices, so that thousands of sockets do not hold up a pulse.
 * Never does: decide which bucket is whose.
 */
#ifndef SK_VIP_SOCKETS_H
#define SK_VIP_SOCKETS_H

#include "base/base.h"
#include <sys/socket.h>
#include <uv.h>

struct sockets_row { bool v6, established; uint16_t sport, dport; /* host order: sport ours, dport the client's */ uint8_t local[16], remote[16]; /* IPv6 or mapped */ };
struct sockets;
struct sockets *sockets_open(uv_loop_t *loop);
/* Every TCP socket that has a peer (not listeners), local address one of ips; then done(ctx, complete).  One walk at a time: false when one is under way */
bool sockets_walk(struct sockets *s, const struct sockaddr_storage *ips, int count, void (*row)(void *ctx, const struct sockets_row *r),
    void (*done)(void *ctx, bool complete), void *ctx);
/* Reset (SOCK_DESTROY) every connection of ip, at once; how many, -1 with the reason when the kernel cannot */
int sockets_reset(const struct sockaddr_storage *ip, char *err, size_t errsize);
void sockets_close(struct sockets *s);

#endif
