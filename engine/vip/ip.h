/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ip.h: IP addresses as values: text, comparison, the 16 bytes of the filter's tables.  Pure.
 *
 * An address here is a struct sockaddr_storage with AF_INET or AF_INET6 and port 0; the scope of a link-local one is kept apart (ifindex).
 */
#ifndef SK_VIP_IP_H
#define SK_VIP_IP_H

#include "base/base.h"
#include <netinet/in.h>
#include <sys/socket.h>

#define IP_TEXT_MAX	INET6_ADDRSTRLEN

bool ip_parse(const char *text, struct sockaddr_storage *out);	/* numeric */
void ip_set(struct sockaddr_storage *out, int family, const void *bytes);	/* 4 or 16 */
const char *ip_text(const struct sockaddr_storage *ip, char buf[IP_TEXT_MAX]);
const uint8_t *ip_raw(const struct sockaddr_storage *ip, size_t *len);	/* network byte order; NULL: neither IPv4 nor IPv6 */
bool ip_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
void ip_bytes(const struct sockaddr_storage *ip, uint8_t out[16]);	/* IPv6, or IPv4 mapped (::ffff:a.b.c.d) */
int ip_bits(const struct sockaddr_storage *ip);		/* 32 or 128 */
bool ip_in(const struct sockaddr_storage *ip, const struct sockaddr_storage *net, int prefix);
void ip_network(const struct sockaddr_storage *ip, int prefix, struct sockaddr_storage *out);
bool ip_mac_parse(const char *text, uint8_t mac[6]);	/* 5a:fe:0a:01:00:64 */
/* 5A:FE and the first virtual address (user's guide 13.5): the 4 bytes of an IPv4 one, the last 4 of an IPv6 one (ours) */
void ip_default_vmac(const struct sockaddr_storage *first, uint8_t mac[6]);

#endif
