/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter_vectors.c: the table of filter_vectors.h: every rule of the verdict (kmod/filter_core.h), from both sides. */
#include "filter_vectors.h"
#include "filter_core.h"

#include <stdio.h>

/* a row says what differs from the usual frame */
#pragma GCC diagnostic ignored "-Woverride-init"

#define SYN 0x02
#define ACK 0x10
#define RST 0x04

#define TCP4(...) { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 6, .flags = ACK, .sport = 40000, .dport = 80, __VA_ARGS__ }
#define TCP6(...) { .what = FV_IP6, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 6, .flags = ACK, .sport = 40000, .dport = 80, __VA_ARGS__ }
#define UDP4(...) { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP2, .proto = 17, .sport = 40000, .dport = 53, .id = 77, __VA_ARGS__ }
#define UDP6(...) { .what = FV_IP6, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP2, .proto = 17, .sport = 40000, .dport = 53, __VA_ARGS__ }
#define PING4(...) { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 1, .type = 8, __VA_ARGS__ }
#define PING6(...) { .what = FV_IP6, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 58, .type = 128, __VA_ARGS__ }
/* an error about a datagram that a VIP sent to the client; it comes from a router as often as from him */
#define ERR4(...) { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .src = FV_A_OTHER, .dst = FV_A_VIP, .proto = 1, .type = 3, .inner = 6, \
	.inner_src = FV_A_VIP, .inner_dst = FV_A_CLIENT, .sport = 40000, .dport = 80, __VA_ARGS__ }
#define ERR6(...) { .what = FV_IP6, .to = FV_VMAC, .from = FV_CLIENT, .src = FV_A_OTHER, .dst = FV_A_VIP, .proto = 58, .type = 1, .inner = 6, \
	.inner_src = FV_A_VIP, .inner_dst = FV_A_CLIENT, .sport = 40000, .dport = 80, __VA_ARGS__ }
#define ARP(...) { .what = FV_ARP, .to = FV_EVERYBODY, .from = FV_CLIENT, .type = 1, .dst = FV_A_VIP, .padded = true, __VA_ARGS__ }
#define ND(...) { .what = FV_IP6, .to = FV_SOLICITED, .from = FV_CLIENT, .proto = 58, .type = 135, .dst = FV_A_VIP, __VA_ARGS__ }

#define PASS .kind = FILTER_K_PASS, .pass = 1, .count = FILTER_C_OTHER
#define TAKE_ALL .kind = FILTER_K_ALL, .take = 1, .count = FILTER_C_ALL
#define BAD .kind = FILTER_K_BAD, .count = FILTER_C_BAD
#define OWNED .kind = FILTER_K_RULE, .take = 1, .count = FILTER_C_OWNED
#define HELD .kind = FILTER_K_RULE, .take = 1, .count = FILTER_C_HELD
#define NOT_OURS .kind = FILTER_K_RULE, .count = FILTER_C_NOT_OURS
#define LEASE .lease_over = true, .count = FILTER_C_LEASE
#define PIECE .kind = FILTER_K_PIECE, .take = 1, .count = FILTER_C_ALL
#define NOBODY .owner = FILTER_NOBODY

const struct fv_vector fv_vectors[] = {
	/* not for us */
	{ "another MAC", FV_INVISIBLE, TCP4(.to = FV_STRANGER), PASS },
	{ "invisible: our own MAC", FV_INVISIBLE, TCP4(.to = FV_OURS), PASS },
	{ "directed: the virtual MAC", FV_DIRECTED, TCP4(.to = FV_VMAC), PASS },
	{ "directed: another MAC", FV_DIRECTED, TCP4(.to = FV_MEMBER2), PASS },
	{ "another address", FV_INVISIBLE, TCP4(.dst = FV_A_OTHER), PASS },
	{ "another address, directed", FV_DIRECTED, TCP4(.to = FV_OURS, .dst = FV_A_OTHER), PASS },
	{ "another address, IPv6", FV_INVISIBLE, TCP6(.dst = FV_A_OTHER), PASS },
	{ "broadcast", FV_INVISIBLE, TCP4(.to = FV_EVERYBODY), PASS },
	{ "multicast", FV_INVISIBLE, TCP6(.to = FV_SOLICITED), PASS },
	{ "multicast, directed", FV_DIRECTED, TCP6(.to = FV_SOLICITED), PASS },
	{ "another protocol", FV_INVISIBLE, { .what = FV_ALIEN, .to = FV_VMAC, .from = FV_CLIENT }, PASS },
	{ "version", FV_INVISIBLE, TCP4(.version = 5), PASS },
	{ "version 0", FV_INVISIBLE, TCP6(.version = 1), PASS },
	{ "no IP header", FV_INVISIBLE, TCP4(.cut = 33), PASS },
	{ "no IPv6 header", FV_INVISIBLE, TCP6(.cut = 53), PASS },
	{ "not even Ethernet", FV_INVISIBLE, TCP4(.cut = 13), PASS },

	/* new connections */
	{ "SYN, ours", FV_INVISIBLE, TCP4(.flags = SYN), OWNED },
	{ "SYN, ours, IPv6", FV_INVISIBLE, TCP6(.flags = SYN), OWNED },
	{ "SYN, ours, others hold", FV_INVISIBLE, TCP4(.flags = SYN), .holders = 6, OWNED },
	{ "SYN with ECN, ours, others hold", FV_INVISIBLE, TCP4(.flags = SYN | 0xc0), .holders = 6, OWNED },
	{ "SYN, another's", FV_INVISIBLE, TCP4(.flags = SYN), .owner = 2, NOT_OURS },
	{ "SYN, another's, IPv6", FV_INVISIBLE, TCP6(.flags = SYN), .owner = 2, NOT_OURS },
	{ "SYN, nobody's", FV_INVISIBLE, TCP4(.flags = SYN), NOBODY, NOT_OURS },
	{ "SYN, another's, we may hold, do not", FV_INVISIBLE, TCP4(.flags = SYN), .owner = 2, .holders = 1, .asks = true, NOT_OURS },
	{ "SYN, another's, we are half way", FV_INVISIBLE, TCP4(.flags = SYN), .owner = 2, .holders = 1, .held = FILTER_HALF_OPEN, .asks = true, HELD },
	{ "SYN, another's, we have an old one", FV_INVISIBLE, TCP4(.flags = SYN), .owner = 2, .holders = 1, .held = FILTER_HELD, .asks = true, NOT_OURS },
	{ "SYN, lease over", FV_INVISIBLE, TCP4(.flags = SYN), .kind = FILTER_K_RULE, LEASE },
	{ "SYN with options", FV_INVISIBLE, TCP4(.flags = SYN, .ihl = 15), OWNED },
	{ "SYN and ACK is no new one", FV_INVISIBLE, TCP4(.flags = SYN | ACK), .owner = 2, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },

	/* connections */
	{ "segment, ours", FV_INVISIBLE, TCP4(), OWNED },
	{ "segment, ours, we alone hold", FV_INVISIBLE, TCP4(), .holders = 1, OWNED },
	{ "segment, ours, others may hold, not known here", FV_INVISIBLE, TCP4(), .holders = 5, .asks = true, NOT_OURS },
	{ "segment, ours, others may hold, known here", FV_INVISIBLE, TCP4(), .holders = 5, .held = FILTER_HELD, .asks = true, OWNED },
	{ "segment, ours, others may hold, half open here", FV_INVISIBLE, TCP4(), .holders = 4, .held = FILTER_HALF_OPEN, .asks = true, OWNED },
	{ "segment, another's", FV_INVISIBLE, TCP4(), .owner = 2, NOT_OURS },
	{ "segment, another's, a third holds", FV_INVISIBLE, TCP4(), .owner = 2, .holders = 2, NOT_OURS },
	{ "segment, another's, we may hold, do not", FV_INVISIBLE, TCP4(), .owner = 2, .holders = 1, .asks = true, NOT_OURS },
	{ "segment, another's, we hold", FV_INVISIBLE, TCP4(), .owner = 2, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },
	{ "segment, another's, we hold, IPv6", FV_INVISIBLE, TCP6(), .owner = 2, .holders = 3, .held = FILTER_HELD, .asks = true, HELD },
	{ "ACK of a handshake, another's by now", FV_INVISIBLE, TCP4(), .owner = 2, .holders = 1, .held = FILTER_HALF_OPEN, .asks = true, HELD },
	{ "segment, nobody's, we hold", FV_INVISIBLE, TCP4(), NOBODY, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },
	{ "reset, another's, we hold", FV_INVISIBLE, TCP4(.flags = RST), .owner = 2, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },
	{ "segment, we hold, lease over", FV_INVISIBLE, TCP4(), .owner = 2, .holders = 1, .held = FILTER_HELD, .asks = true, .kind = FILTER_K_RULE, LEASE },
	{ "no port and flags", FV_INVISIBLE, TCP4(.cut = 34 + 13), BAD },
	{ "just the flags", FV_INVISIBLE, TCP4(.cut = 34 + 14), OWNED },
	{ "no port and flags, no rule", FV_INVISIBLE, { .what = FV_IP4, .to = FV_VMAC, .from = FV_CLIENT, .dst = FV_A_VIP, .proto = 47, .cut = 34 }, TAKE_ALL },
	{ "header length without sense", FV_INVISIBLE, TCP4(.ihl = 1), BAD },
	{ "header length 4", FV_INVISIBLE, TCP4(.ihl = 4), BAD },
	{ "options longer than the frame", FV_INVISIBLE, TCP4(.ihl = 15, .cut = 60), BAD },

	/* rules: first match */
	{ "no rule for the port", FV_INVISIBLE, TCP4(.dport = 8080), NOBODY, TAKE_ALL },
	{ "no rule for the port at this address", FV_INVISIBLE, TCP4(.dport = 443), NOBODY, TAKE_ALL },
	{ "no rule, lease over", FV_INVISIBLE, TCP4(.dport = 8080), .lease_over = true, TAKE_ALL },
	{ "a rule of one address", FV_INVISIBLE, TCP4(.dst = FV_A_VIP2, .dport = 443), .group = 1, OWNED },
	{ "a rule of one address, IPv6", FV_INVISIBLE, TCP6(.dst = FV_A_VIP2, .dport = 443), .group = 1, OWNED },
	{ "a rule of every address", FV_INVISIBLE, TCP4(.dst = FV_A_VIP3), OWNED },
	{ "a rule of every port", FV_INVISIBLE, TCP4(.dst = FV_A_VIP3, .dport = 81), .group = 2, OWNED },
	{ "the source port is not the service", FV_INVISIBLE, TCP4(.sport = 80, .dport = 8080), NOBODY, TAKE_ALL },
	{ "TCP is not UDP", FV_INVISIBLE, TCP4(.dst = FV_A_VIP2, .dport = 53), NOBODY, TAKE_ALL },
	{ "protocol 255 is not ARP", FV_INVISIBLE, UDP4(.proto = 255), NOBODY, TAKE_ALL },

	/* UDP */
	{ "UDP, ours", FV_INVISIBLE, UDP4(), .group = 2, OWNED },
	{ "UDP, ours, whoever holds", FV_INVISIBLE, UDP4(), .group = 2, .holders = 7, OWNED },
	{ "UDP, another's", FV_INVISIBLE, UDP4(), .group = 2, .owner = 2, .holders = 7, NOT_OURS },
	{ "UDP, IPv6, ours", FV_INVISIBLE, UDP6(), .group = 2, OWNED },
	{ "UDP, IPv6, another's", FV_INVISIBLE, UDP6(), .group = 2, .owner = 1, NOT_OURS },
	{ "UDP by identification", FV_INVISIBLE, UDP4(.dst = FV_A_VIP), .group = 1, OWNED },
	{ "UDP by identification, another's", FV_INVISIBLE, UDP4(.dst = FV_A_VIP), .group = 1, .owner = 3, NOT_OURS },
	{ "UDP by identification, IPv6", FV_INVISIBLE, UDP6(.dst = FV_A_VIP), .group = 1, OWNED },
	{ "UDP, lease over", FV_INVISIBLE, UDP4(), .group = 2, .kind = FILTER_K_RULE, LEASE },
	{ "UDP without ports", FV_INVISIBLE, UDP4(.cut = 34 + 3), BAD },
	{ "UDP, no rule", FV_INVISIBLE, UDP4(.dst = FV_A_VIP, .dport = 54), NOBODY, TAKE_ALL },

	/* fragments */
	{ "first fragment", FV_INVISIBLE, UDP4(.dst = FV_A_VIP, .more = true), .group = 1, OWNED },
	{ "first fragment, another's", FV_INVISIBLE, UDP4(.dst = FV_A_VIP, .more = true), .group = 1, .owner = 1, NOT_OURS },
	{ "first fragment cut short", FV_INVISIBLE, UDP4(.more = true, .cut = 37), BAD },
	{ "following, a rule with a port", FV_INVISIBLE, UDP4(.dst = FV_A_VIP, .offset = 100), NOBODY, PIECE },
	{ "following, a rule with a port, lease over", FV_INVISIBLE, UDP4(.dst = FV_A_VIP, .offset = 100), .kind = FILTER_K_PIECE, LEASE },
	{ "following, every port, by address, ours", FV_INVISIBLE, UDP4(.offset = 100, .more = true), .group = 2, OWNED },
	{ "following, every port, by address, another's", FV_INVISIBLE, UDP4(.offset = 100), .group = 2, .owner = 1, NOT_OURS },
	{ "following, every port, by address, IPv6", FV_INVISIBLE, UDP6(.ext = { 44, 255 }, .offset = 100), .group = 2, .owner = 1, NOT_OURS },
	{ "following, every port, by identification", FV_INVISIBLE, UDP4(.dst = FV_A_VIP3, .offset = 1), .group = 1, .owner = 1, NOT_OURS },
	{ "following, every port, by port", FV_INVISIBLE, UDP6(.dst = FV_A_VIP3, .ext = { 44, 255 }, .offset = 1), NOBODY, PIECE },
	{ "following, TCP", FV_INVISIBLE, TCP4(.dst = FV_A_VIP3, .offset = 1), NOBODY, PIECE },
	{ "following, no rule of the protocol", FV_INVISIBLE, PING4(.offset = 1), NOBODY, TAKE_ALL },
	{ "first, IPv6", FV_INVISIBLE, UDP6(.dst = FV_A_VIP, .ext = { 44, 255 }, .more = true), .group = 1, .owner = 1, NOT_OURS },
	{ "not fragmented with a fragment header", FV_INVISIBLE, TCP6(.ext = { 44, 255 }), .owner = 1, NOT_OURS },
	{ "following, ports behind more headers", FV_INVISIBLE, TCP6(.ext = { 44, 60, 255 }, .offset = 2), NOBODY, PIECE },

	/* IPv6 extension headers */
	{ "hop by hop", FV_INVISIBLE, TCP6(.ext = { 254, 255 }), .owner = 1, NOT_OURS },
	{ "routing, destination", FV_INVISIBLE, TCP6(.ext = { 43, 60, 255 }), .owner = 1, NOT_OURS },
	{ "authentication", FV_INVISIBLE, TCP6(.ext = { 51, 255 }), .owner = 1, NOT_OURS },
	{ "as many as there may be", FV_INVISIBLE, TCP6(.ext = { 254, 60, 43, 44, 51, 60, 255 }), .owner = 1, NOT_OURS },
	{ "one too many", FV_INVISIBLE, TCP6(.ext = { 254, 60, 43, 44, 51, 60, 60, 255 }), BAD },
	{ "one that nobody knows", FV_INVISIBLE, TCP6(.ext = { 140, 255 }), NOBODY, TAKE_ALL },
	{ "cut within", FV_INVISIBLE, TCP6(.ext = { 254, 255 }, .cut = 54 + 7), BAD },
	{ "no next header", FV_INVISIBLE, TCP6(.proto = 59), NOBODY, TAKE_ALL },

	/* ping, and errors */
	{ "ping", FV_INVISIBLE, PING4(), NOBODY, TAKE_ALL },
	{ "ping, IPv6", FV_INVISIBLE, PING6(), NOBODY, TAKE_ALL },
	{ "ping, lease over", FV_INVISIBLE, PING4(), .lease_over = true, TAKE_ALL },
	{ "error of our connection", FV_INVISIBLE, ERR4(), OWNED },
	{ "error of another's connection", FV_INVISIBLE, ERR4(), .owner = 1, NOT_OURS },
	{ "error of a connection that we hold", FV_INVISIBLE, ERR4(), .owner = 1, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },
	{ "error of a connection that another holds", FV_INVISIBLE, ERR4(), .holders = 2, .asks = true, NOT_OURS },
	{ "time exceeded", FV_INVISIBLE, ERR4(.type = 11), .owner = 1, NOT_OURS },
	{ "source quench", FV_INVISIBLE, ERR4(.type = 4), .owner = 1, NOT_OURS },
	{ "parameter problem", FV_INVISIBLE, ERR4(.type = 12), .owner = 1, NOT_OURS },
	{ "a redirect is no error", FV_INVISIBLE, ERR4(.type = 5), .owner = 1, TAKE_ALL },
	{ "error, options", FV_INVISIBLE, ERR4(.ihl = 8, .inner_ihl = 7), .owner = 1, NOT_OURS },
	{ "error, IPv6: unreachable", FV_INVISIBLE, ERR6(), .owner = 1, NOT_OURS },
	{ "error, IPv6: too big", FV_INVISIBLE, ERR6(.type = 2), .owner = 1, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },
	{ "error, IPv6: time exceeded", FV_INVISIBLE, ERR6(.type = 3), .owner = 1, NOT_OURS },
	{ "error, IPv6: parameter problem", FV_INVISIBLE, ERR6(.type = 4), .owner = 1, NOT_OURS },
	{ "error, IPv6, headers within and without", FV_INVISIBLE, ERR6(.ext = { 60, 255 }, .inner_ext = true), .owner = 1, NOT_OURS },
	{ "error, UDP", FV_INVISIBLE, ERR4(.dst = FV_A_VIP2, .inner_src = FV_A_VIP2, .inner = 17, .dport = 53), .group = 2, .owner = 1, .holders = 7, NOT_OURS },
	{ "error, UDP by identification", FV_INVISIBLE, ERR4(.inner = 17, .dport = 53), .group = 1, .owner = 1, PIECE },
	{ "error, UDP by identification, IPv6", FV_INVISIBLE, ERR6(.inner = 17, .dport = 53), .group = 1, .owner = 1, NOT_OURS },
	{ "error, a fragment", FV_INVISIBLE, ERR4(.inner_offset = 1), .owner = 1, PIECE },
	{ "error, a fragment, IPv6", FV_INVISIBLE, ERR6(.ext = { 44, 255 }, .inner_ext = true, .inner_offset = 1), .owner = 1, PIECE },
	{ "error, no rule", FV_INVISIBLE, ERR4(.dport = 8080), .owner = 1, TAKE_ALL },
	{ "error about a ping", FV_INVISIBLE, ERR4(.inner = 1), .owner = 1, TAKE_ALL },
	{ "error about somebody else's", FV_INVISIBLE, ERR4(.inner_src = FV_A_OTHER), .owner = 1, TAKE_ALL },
	{ "error about another address of ours", FV_INVISIBLE, ERR6(.inner_src = FV_A_VIP2), .owner = 1, TAKE_ALL },
	{ "error, 8 bytes of it", FV_INVISIBLE, ERR4(.cut = 34 + 8 + 20 + 8), .owner = 1, NOT_OURS },
	{ "error, no ports", FV_INVISIBLE, ERR4(.cut = 34 + 8 + 20 + 3), .owner = 1, BAD },
	{ "error, no header", FV_INVISIBLE, ERR4(.cut = 34 + 8 + 19), .owner = 1, BAD },
	{ "error, no header, IPv6", FV_INVISIBLE, ERR6(.cut = 54 + 8 + 39), .owner = 1, BAD },
	{ "ICMP without a type", FV_INVISIBLE, PING4(.cut = 34), BAD },
	{ "ICMP without a type, IPv6", FV_INVISIBLE, PING6(.cut = 54), BAD },
	{ "error, following fragment", FV_INVISIBLE, ERR4(.offset = 3), .owner = 1, TAKE_ALL },

	/* who has */
	{ "ARP, rule, ours", FV_INVISIBLE, ARP(), .group = 1, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_OWNED },
	{ "ARP, rule, another's", FV_INVISIBLE, ARP(), .group = 1, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ARP, rule, nobody's", FV_INVISIBLE, ARP(), .group = 1, NOBODY, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ARP, rule of every address", FV_INVISIBLE, ARP(.dst = FV_A_VIP2), .group = 2, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_OWNED },
	{ "ARP, rule, holders do not matter", FV_INVISIBLE, ARP(), .group = 1, .owner = 1, .holders = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ARP to the virtual MAC", FV_INVISIBLE, ARP(.to = FV_VMAC), .group = 1, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ARP to another MAC", FV_INVISIBLE, ARP(.to = FV_STRANGER), .group = 1, PASS },
	{ "ARP for another", FV_INVISIBLE, ARP(.dst = FV_A_OTHER), .group = 1, PASS },
	{ "ARP, lease over", FV_INVISIBLE, ARP(), .group = 1, .kind = FILTER_K_ARP, LEASE },
	{ "ARP, duplicate detection", FV_INVISIBLE, ARP(.src = FV_A_NONE), NOBODY, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_ALL },
	{ "ARP, announced", FV_INVISIBLE, ARP(.src = FV_A_VIP, .from = FV_MEMBER2), .group = 1, PASS },
	{ "ARP, no rule", FV_NO_ARP_RULE, ARP(), NOBODY, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_ALL },
	{ "ARP, no rule, lease over", FV_NO_ARP_RULE, ARP(), .kind = FILTER_K_ARP, LEASE },
	{ "ARP, answered to us", FV_INVISIBLE, ARP(.to = FV_VMAC, .type = 2), NOBODY, TAKE_ALL },
	{ "ARP, answered to all", FV_INVISIBLE, ARP(.type = 2), NOBODY, PASS },
	{ "ARP, another operation", FV_INVISIBLE, ARP(.to = FV_VMAC, .type = 3), NOBODY, PASS },
	{ "ARP, cut", FV_INVISIBLE, ARP(.cut = 41), NOBODY, PASS },
	{ "ARP, directed, rule, ours", FV_DIRECTED, ARP(), .group = 1, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_OWNED },
	{ "ARP, directed, rule, another's", FV_DIRECTED, ARP(), .group = 1, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ARP, directed, no rule, ours", FV_DIRECTED_NO_ARP_RULE, ARP(), .group = 0, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_OWNED },
	{ "ARP, directed, no rule, another's", FV_DIRECTED_NO_ARP_RULE, ARP(), .group = 0, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ARP, directed, we are in his cache", FV_DIRECTED, ARP(.to = FV_OURS), .group = 1, .owner = 1, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_ALL },
	{ "ARP, directed, we are in his cache, lease over", FV_DIRECTED, ARP(.to = FV_OURS), .group = 1, .kind = FILTER_K_ARP, LEASE },
	{ "ND, rule, ours", FV_INVISIBLE, ND(), .group = 2, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_OWNED },
	{ "ND, rule, another's", FV_INVISIBLE, ND(), .group = 2, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ND to the virtual MAC", FV_INVISIBLE, ND(.to = FV_VMAC), .group = 2, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ND for another", FV_INVISIBLE, ND(.dst = FV_A_OTHER), .group = 2, PASS },
	{ "ND, lease over", FV_INVISIBLE, ND(), .group = 2, .kind = FILTER_K_ARP, LEASE },
	{ "ND, duplicate detection", FV_INVISIBLE, ND(.src = FV_A_NONE), NOBODY, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_ALL },
	{ "ND, no rule", FV_NO_ARP_RULE, ND(), NOBODY, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_ALL },
	{ "ND, directed, no rule, another's", FV_DIRECTED_NO_ARP_RULE, ND(), .group = 0, .owner = 1, .kind = FILTER_K_ARP, .count = FILTER_C_NOT_OURS },
	{ "ND, directed, we are in his cache", FV_DIRECTED, ND(.to = FV_OURS), .group = 2, .owner = 1, .kind = FILTER_K_ARP, .take = 1, .count = FILTER_C_ALL },
	{ "ND, cut", FV_INVISIBLE, ND(.cut = 54 + 23), NOBODY, PASS },
	{ "ND, answered to us", FV_INVISIBLE, ND(.to = FV_VMAC, .type = 136), NOBODY, TAKE_ALL },

	/* directed: sent on */
	{ "directed, SYN, ours", FV_DIRECTED, TCP4(.to = FV_OURS, .flags = SYN), OWNED },
	{ "directed, SYN, another's", FV_DIRECTED, TCP4(.to = FV_OURS, .flags = SYN), .owner = 2, .holders = 8, NOT_OURS, .to = 4 },
	{ "directed, SYN, another's, IPv6", FV_DIRECTED, TCP6(.to = FV_OURS, .flags = SYN), .owner = 2, NOT_OURS, .to = 4 },
	{ "directed, SYN, from a member", FV_DIRECTED, TCP4(.to = FV_OURS, .from = FV_MEMBER2, .flags = SYN), .owner = 3, NOT_OURS },
	{ "directed, SYN, we are half way", FV_DIRECTED, TCP4(.to = FV_OURS, .flags = SYN), .owner = 2, .holders = 1, .held = FILTER_HALF_OPEN, .asks = true, HELD },
	{ "directed, SYN, nobody's", FV_DIRECTED, TCP4(.to = FV_OURS, .flags = SYN), NOBODY, .holders = 14, NOT_OURS },
	{ "directed, SYN, owner is not known here", FV_DIRECTED, TCP4(.to = FV_OURS, .flags = SYN), .owner = 9, NOT_OURS },
	{ "directed, SYN, owner does not know us yet", FV_DIRECTED, TCP4(.to = FV_OURS, .flags = SYN), .owner = 2, .deaf = 4, NOT_OURS },
	{ "directed, segment, a holder does not know us yet", FV_DIRECTED, TCP4(.to = FV_OURS), .owner = 2, .holders = 10, .deaf = 8, NOT_OURS, .to = 6 },
	{ "directed, segment, another's", FV_DIRECTED, TCP4(.to = FV_OURS), .owner = 2, NOT_OURS, .to = 4 },
	{ "directed, segment, another's and a holder's", FV_DIRECTED, TCP4(.to = FV_OURS), .owner = 2, .holders = 10, NOT_OURS, .to = 14 },
	{ "directed, segment, holders are not known here", FV_DIRECTED, TCP4(.to = FV_OURS), .owner = 2, .holders = 0xf0, NOT_OURS, .to = 4 },
	{ "directed, segment, nobody's, a holder's", FV_DIRECTED, TCP4(.to = FV_OURS), NOBODY, .holders = 8, NOT_OURS, .to = 8 },
	{ "directed, segment, ours, others may hold", FV_DIRECTED, TCP4(.to = FV_OURS), .holders = 6, .asks = true, NOT_OURS, .to = 6 },
	{ "directed, segment, ours, others may hold, from a member", FV_DIRECTED, TCP4(.to = FV_OURS, .from = FV_MEMBER2), .holders = 6, .asks = true, NOT_OURS },
	{ "directed, segment, ours and held", FV_DIRECTED, TCP4(.to = FV_OURS), .holders = 6, .held = FILTER_HELD, .asks = true, OWNED },
	{ "directed, segment, held", FV_DIRECTED, TCP4(.to = FV_OURS), .owner = 1, .holders = 7, .held = FILTER_HELD, .asks = true, HELD },
	{ "directed, segment, held, from a member", FV_DIRECTED, TCP4(.to = FV_OURS, .from = FV_MEMBER2), .owner = 2, .holders = 1, .held = FILTER_HELD, .asks = true, HELD },
	{ "directed, segment, not held, from a member", FV_DIRECTED, TCP4(.to = FV_OURS, .from = FV_MEMBER2), .owner = 3, .holders = 1, .asks = true, NOT_OURS },
	{ "directed, UDP, another's", FV_DIRECTED, UDP4(.to = FV_OURS), .group = 2, .owner = 1, .holders = 8, NOT_OURS, .to = 2 },
	{ "directed, UDP, from a member", FV_DIRECTED, UDP4(.to = FV_OURS, .from = FV_MEMBER2), .group = 2, .owner = 1, NOT_OURS },
	{ "directed, following fragment", FV_DIRECTED, UDP4(.to = FV_OURS, .dst = FV_A_VIP, .offset = 1), .group = 1, .owner = 1, PIECE, .to = 14 },
	{ "directed, following fragment, one does not know us yet", FV_DIRECTED, UDP4(.to = FV_OURS, .dst = FV_A_VIP, .offset = 1), .group = 1, .owner = 1, .deaf = 2,
		PIECE, .to = 12 },
	{ "directed, following fragment, from a member", FV_DIRECTED, UDP4(.to = FV_OURS, .from = FV_MEMBER2, .dst = FV_A_VIP, .offset = 1), .group = 1, .owner = 1, PIECE },
	{ "directed, error, another's", FV_DIRECTED, ERR4(.to = FV_OURS), .owner = 3, .holders = 4, NOT_OURS, .to = 12 },
	{ "directed, ping", FV_DIRECTED, PING4(.to = FV_OURS), .owner = 3, TAKE_ALL },
	{ "directed, no rule", FV_DIRECTED, TCP4(.to = FV_OURS, .dport = 8080), .owner = 3, TAKE_ALL },
	{ "directed, lease over", FV_DIRECTED, TCP4(.to = FV_OURS), .owner = 3, .kind = FILTER_K_RULE, LEASE },
	{ "directed, lease over, ours", FV_DIRECTED, TCP4(.to = FV_OURS), .kind = FILTER_K_RULE, LEASE },

	/* a mirror's address */
	{ "mirror, segment", FV_MIRROR, TCP4(), NOBODY, .lease_over = true, TAKE_ALL },
	{ "mirror, IPv6", FV_MIRROR, TCP6(.flags = SYN), NOBODY, .lease_over = true, TAKE_ALL },
	{ "mirror, cut", FV_MIRROR, UDP4(.cut = 36), NOBODY, .lease_over = true, TAKE_ALL },
	{ "mirror, ARP", FV_MIRROR, ARP(), NOBODY, .lease_over = true, TAKE_ALL },
	{ "mirror, ND", FV_MIRROR, ND(), NOBODY, .lease_over = true, TAKE_ALL },
	{ "mirror, another address", FV_MIRROR, TCP4(.dst = FV_A_OTHER), PASS },
	{ "mirror, our own MAC", FV_MIRROR, TCP4(.to = FV_OURS), PASS },
};
const size_t fv_count = sizeof(fv_vectors) / sizeof(fv_vectors[0]);

void
fv_name(const struct fv_vector *v, char *out, size_t size)
{
	snprintf(out, size, "row %d: %s", (int)(v - fv_vectors) + 1, v->name);
}
