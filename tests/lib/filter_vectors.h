/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_vectors.h: frames, and what the filter has to say of each.  One table for all that the verdict is compiled for: plain C (t_filter),
 * the BPF program (t_filter_bpf), the loadable module (tests/kernel).  And an endless supply of more, from a seed, without expectations: to compare two
 * compilations with each other.
 *
 * Owns: nothing; fills what it is given.
 */
#ifndef FILTER_VECTORS_H
#define FILTER_VECTORS_H

#include "filter_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FV_FRAME_MAX	512

/* Who is who: node 0 is this one, 0..3 are members with MAC 02:00:00:00:00:<node>; the client is 02:00:00:00:00:c1 */
enum fv_mac { FV_VMAC, FV_OURS, FV_EVERYBODY, FV_SOLICITED /* 33:33:ff... */, FV_CLIENT, FV_MEMBER2, FV_STRANGER };
enum fv_at { FV_A_CLIENT, FV_A_VIP, FV_A_VIP2, FV_A_VIP3, FV_A_OTHER, FV_A_NONE /* 0.0.0.0, :: */ };	/* in IPv4 and IPv6 */
enum fv_what { FV_IP4, FV_IP6, FV_ARP, FV_ALIEN };

struct fv_frame {
	uint8_t what, to, from;		/* enum fv_what, fv_mac, fv_mac */
	uint8_t src, dst;		/* enum fv_at; ARP: who asks, whom he asks for; ND: target is dst */
	uint8_t proto;			/* 6, 17, 1, 58, ... */
	uint8_t flags;			/* of TCP */
	uint8_t type;			/* of ICMP; ARP: operation */
	uint8_t ihl;			/* IPv4: 0 means 5; 1 means 0: no sense */
	uint8_t version;		/* 0: the right one */
	uint8_t ext[10];		/* IPv6: extension headers, ended by 255; 254 is hop by hop (0); also within an ICMPv6 error with inner_ext */
	uint8_t inner;			/* ICMP error: protocol of the datagram within, from inner_src to inner_dst */
	uint8_t inner_src, inner_dst, inner_ihl;
	uint16_t inner_offset;
	bool inner_ext, padded;		/* padded: to the 60 bytes of Ethernet */
	uint16_t sport, dport;		/* of what counts: ICMP error: of the datagram within */
	uint16_t id, offset;		/* IPv4, IPv6 fragment header: in units of 8 bytes */
	bool more;
	uint16_t cut;			/* only so many bytes of it are there; 0: all */
};

enum fv_world { FV_INVISIBLE, FV_DIRECTED, FV_MIRROR, FV_NO_ARP_RULE, FV_DIRECTED_NO_ARP_RULE, FV_WORLDS };

struct fv_vector {
	const char *name;
	enum fv_world world;
	struct fv_frame frame;
	uint8_t owner;			/* of all buckets of the group that counts; others: FILTER_NOBODY */
	uint32_t holders, deaf;
	uint8_t group;
	bool lease_over;
	uint8_t held;			/* enum filter_held: what the socket lookup finds */
	/* expected */
	uint8_t kind;			/* enum filter_kind */
	bool asks;			/* for a socket */
	uint8_t pass, take, count;
	uint32_t to;
};
extern const struct fv_vector fv_vectors[];
extern const size_t fv_count;

void fv_conf(enum fv_world w, struct filter_conf *c);
void fv_tables(const struct fv_vector *v, struct filter_tables *t);
size_t fv_build(const struct fv_frame *f, uint8_t out[FV_FRAME_MAX]);
void fv_name(const struct fv_vector *v, char *out, size_t size);

/* Random, but near to what matters: most frames are for our addresses, some are cut, bent or noise.  The same from a seed on every machine. */
struct fv_random { uint64_t x; };
void fv_random_conf(struct fv_random *r, struct filter_conf *c);
void fv_random_tables(struct fv_random *r, struct filter_tables *t);
size_t fv_random_frame(struct fv_random *r, const struct filter_conf *c, uint8_t out[FV_FRAME_MAX]);

#endif
