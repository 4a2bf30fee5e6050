/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * announce.h: who has the address now: gratuitous ARP (RFC 5227: a broadcast ARP announcement) and unsolicited neighbour advertisements (RFC
 * 4861: override, to all nodes).  Frames are built here (pure, announce_frame) and sent over a packet socket per interface.
 *
 * Called by: vipd's loop thread.  Never blocks: a frame that the kernel does not take is lost, the next one comes.
 */
#ifndef SK_VIP_ANNOUNCE_H
#define SK_VIP_ANNOUNCE_H

#include "base/base.h"
#include <sys/socket.h>

#define ANNOUNCE_FRAME_MAX 128
/* mac: the interface's own, source of the frame; says: the address that neighbours shall take (mac, or the virtual MAC) */
size_t announce_frame(const struct sockaddr_storage *ip, const uint8_t mac[6], const uint8_t says[6], uint8_t out[ANNOUNCE_FRAME_MAX]);
bool announce_send(int ifindex, const struct sockaddr_storage *ip, const uint8_t mac[6], const uint8_t says[6], char *err, size_t errsize);

#endif
