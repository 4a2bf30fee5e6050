/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr.h: virtual addresses on interfaces: which interface, set, take away, promiscuous mode.  rtnetlink through libmnl.
 *
 * Owns: a netlink socket.  Called by: vipd (loop thread), vip_if_ctrl -L, the wrappers' one-shot run of vipd.  Blocks only for the kernel's answer.
 * Never does: decide when, resolve a name, log.
 */
#ifndef SK_VIP_ADDR_H
#define SK_VIP_ADDR_H

#include "base/base.h"
#include <sys/socket.h>

struct addr_link { int index; char name[SK_NAME_MAX]; uint8_t mac[6]; bool ether, up, running /* has carrier */, promisc; };
struct addr_row { int index, prefix; unsigned flags; /* IFA_F_... */ struct sockaddr_storage ip; };
struct addr_on { int ifindex; char intf[SK_NAME_MAX]; int prefix; uint8_t mac[6]; bool ether, up; };
#define ADDR_IGNORE	96
struct addr;
struct addr *addr_open(char *err, size_t errsize);
void addr_close(struct addr *a);
/* Virtual addresses with a mask of their own: addr_find() takes them for no network from now on */
void addr_ignore(struct addr *a, const struct sockaddr_storage *ips, int n);
/* Where ip belongs: on `name`, or on the interface whose network has it (the longest prefix; a virtual address of ours is no network:
 * /32 and /128 do not count).  prefix: as given, -1: that of the network.  false with the reason. */
bool addr_find(struct addr *a, const struct sockaddr_storage *ip, const char *name, int prefix, struct addr_on *on, char *err, size_t errsize);
/* IPv6 without duplicate detection: whoever sets it knows that it is his.  Set already: *was is set and that is no error. */
bool addr_set(struct addr *a, const struct addr_on *on, const struct sockaddr_storage *ip, bool *was, char *err, size_t errsize);
bool addr_unset(struct addr *a, int ifindex, const struct sockaddr_storage *ip, int prefix, char *err, size_t errsize);	/* not there: no error */
bool addr_is_set(struct addr *a, int ifindex, const struct sockaddr_storage *ip);
/* An interface by its number, or (0) by its name; false: there is none */
bool addr_link(struct addr *a, int ifindex, const char *name, struct addr_link *out);
/* Every address of this server, of a family or (AF_UNSPEC) of both; each() must not use a.
 * Asked again when something changed meanwhile: then a row comes twice.  false with errno */
typedef void (*addr_row_fn)(void *ctx, const struct addr_row *row);
bool addr_each(struct addr *a, int family, addr_row_fn each, void *ctx);
bool addr_promisc(struct addr *a, int ifindex, bool on, bool *was, char *err, size_t errsize);	/* IFF_PROMISC: outlives us */

#endif
