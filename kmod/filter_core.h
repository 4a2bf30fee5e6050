/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_core.h: the verdict on one frame.  Compiled three times: tc-BPF (kmod/bpf), loadable module (kmod/mod), plain C (vipd, tests), with
 * the same answer each time (tests/unit/t_filter*, tests/fuzz/fuzz_filter.c).
 *
 * Owns: which frame is whose.  Pure: no side effect, every loop bounded, looks at [data, end) only and at FILTER_HEAD bytes of it at most.
 * Never does: look up a socket (the caller does, when filter_asks_socket() says so, and hands in what it found), touch the frame.
 * The frame begins with its Ethernet header; a VLAN tag is not in it (kernels keep it beside).  Where only the first FILTER_LINEAR bytes of a longer
 * frame are at hand, the only answer that more of them could change is FILTER_K_BAD: then get the rest and look again.
 *
 *	filter_look(conf, tables, data, end, &key)	what is it?
 *	if (filter_asks_socket(conf, tables, &key))	held = (look the connection up)
 *	filter_judge(conf, tables, control, now, &key, source_mac, held)	whose is it?
 *
 * Rules of the verdict
 *  - A frame for none of our addresses, or (invisible) not to the virtual MAC, or (directed) not to our MAC: PASS.
 *  - New connection (TCP with SYN and without ACK): the owner of its bucket takes it, and a node that holds a half-open one of the same
 *    addresses and ports (FILTER_HALF_OPEN), which does not send it on.
 *  - Any other TCP segment: the node that holds the connection, whatever the bucket's owner.  Only where the tables say that somebody may
 *    hold connections of a bucket that is not his (holders) is a socket asked for.  The owner takes segments without connection
 *    (and answers with a reset) only while nobody else may hold it; else it drops them.
 *  - UDP: the owner.  Fragments: the first one by its ports (cut short before them: BAD).  The following ones tell no port: by the address or
 *    the identification where the first rule that can be theirs is of UDP, has no port and needs none (on_addr, on_ipid), else they are for every node (who lacks
 *    the first one forgets them).
 *  - ICMP errors (3, 4, 11, 12; ICMPv6 1..4): by the datagram within, read backwards: for whom the connection is.  The
 *    identification within is ours, not the client's: on_ipid, for every node.
 *  - ARP requests and neighbour solicitations for our addresses: by the rule proto="arp", on the asker's address; without such a rule all
 *    answer (invisible), or the owner in the first group (directed).  For all: from 0.0.0.0 or :: (duplicate detection), and, directed,
 *    to our MAC alone (somebody who has us in his cache makes sure of it: whom he asks answers).
 *  - ARP replies to the virtual MAC (we asked, disguised) are for every node.  Announcements by a member are left alone (PASS).
 *  - No rule: taken by every node that sees it.
 *  - on_ipid has no sense for TCP and for IPv6 (user's guide 13.5): there it is on_port.
 *  - Directed, not ours: sent on to the owner, and where it is no new connection to the holders as well; a frame that comes from
 *    a member's MAC is never sent on, whatever the tables say: so loops are impossible.  Following fragments go to all members.
 *  - Past the lease: what a rule names, and ARP/ND for our addresses, is dropped.  groups == 0: no lease, all is taken.
 */
#ifndef SK_FILTER_CORE_H
#define SK_FILTER_CORE_H

#include "filter_abi.h"

#define FILTER_INLINE static inline __attribute__((always_inline, unused))
#define FILTER_LINEAR	78	/* Ethernet, IPv6, and a neighbour solicitation */
#define FILTER_EXT	6	/* IPv6 extension headers before what we look for; more: BAD (ours; RFC 8200 knows six, each once but one) */

enum filter_kind {
	FILTER_K_PASS,		/* not for us */
	FILTER_K_ALL,		/* for our addresses, no rule */
	FILTER_K_RULE,		/* group and bucket are valid */
	FILTER_K_PIECE,		/* something that a rule names without ports: for every node */
	FILTER_K_ARP,		/* somebody asks for an address of ours; group (FILTER_ANY: no rule, all answer) and bucket are valid */
	FILTER_K_BAD,
};
/* What a frame is.  Addresses and ports: of the connection as the client sent it (ICMP errors are turned round).  Ports: with K_RULE only. */
struct filter_key {
	__u8	kind;		/* enum filter_kind */
	__u8	proto;		/* FILTER_TCP, FILTER_UDP, or 0 */
	__u8	fresh;		/* a new connection: SYN without ACK */
	__u8	v6;
	__u8	addr;		/* which of ours */
	__u8	group;
	__u8	bucket;
	__u8	pad;
	__u16	sport, dport;	/* network byte order */
	__u32	src[4], dst[4];	/* bytes: IPv6, or IPv4 mapped */
};
enum filter_held { FILTER_NOT_HELD, FILTER_HALF_OPEN, FILTER_HELD };	/* a listener is NOT_HELD; TIME_WAIT is HELD, but NOT_HELD for a SYN */

struct filter_verdict {
	__u8	pass;		/* leave it alone; else: */
	__u8	take;		/* it is for our stack (invisible: change its type to "for this host") */
	__u8	count;		/* enum filter_count: what to count; SENT in addition, per copy */
	__u32	to;		/* bit per node that gets a copy, source MAC ours, destination MAC the node's */
};
struct filter_spot { __u16 at; __u16 checksum_at; };	/* offsets in the frame; checksum_at 0: none to mend (ARP) */

/* ---- reading bytes, in network byte order as they are; the BPF verifier wants single loads, and to see that pointers are not recomputed ---- */

#ifdef __bpf__
#define FILTER_OPAQUE(x) __asm__ volatile("" : "+r"(x))
/* x is below mask + 1, and what else the verifier knows of it shall be forgotten: or it follows each path that leads here on its own.
 * FILTER_ZERO: of the program that includes this: a 0 of which the verifier does not know that it is one */
#define FILTER_FORGET(x, mask) ((x) = ((x) + FILTER_ZERO) & (mask))
#define FILTER_U16(p) (*(const __u16 *)(p))
#define FILTER_U32(p) (*(const __u32 *)(p))
#else
#define FILTER_OPAQUE(x) ((void)0)
#define FILTER_FORGET(x, mask) ((void)0)
FILTER_INLINE __u16 filter_u16(const void *p) { __u16 v; __builtin_memcpy(&v, p, sizeof(v)); return v; }
FILTER_INLINE __u32 filter_u32(const void *p) { __u32 v; __builtin_memcpy(&v, p, sizeof(v)); return v; }
#define FILTER_U16(p) filter_u16(p)
#define FILTER_U32(p) filter_u32(p)
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FILTER_N16(x) ((__u16)__builtin_bswap16((__u16)(x)))	/* host <-> network */
#define FILTER_N32(x) ((__u32)__builtin_bswap32(x))
#else
#define FILTER_N16(x) ((__u16)(x))
#define FILTER_N32(x) ((__u32)(x))
#endif

/* n bytes of the frame from off, or NULL.  n is a constant. */
FILTER_INLINE const __u8 *
filter_at(const void *data, const void *end, __u32 off, __u32 n)
{
	const __u8 *p;

	FILTER_OPAQUE(off);
	if (off > FILTER_HEAD - n)
		return 0;
	p = (const __u8 *)data + off;
	FILTER_OPAQUE(p);
	return p + n > (const __u8 *)end ? 0 : p;
}

/* ---- the bucket ---- */

/* Multilinear (odd constants: the first numbers of SplitMix64 from 0), then its finaliser (S. Vigna, public domain algorithm): neighbours
 * in addresses and ports fall as if thrown.  src: bytes; sport, ipid: as numbers. */
FILTER_INLINE __u8
filter_hash(__u32 seed, const __u32 src[4], __u32 more)
{
	__u64 h = (__u64)seed * 0xe220a8397b1dcdafULL + (__u64)FILTER_N32(src[0]) * 0x6e789e6aa1b965f5ULL +
	    (__u64)FILTER_N32(src[1]) * 0x06c45d188009454fULL + (__u64)FILTER_N32(src[2]) * 0xf88bb8a8724c81edULL +
	    (__u64)FILTER_N32(src[3]) * 0x1b39896a51a8749bULL + (__u64)more * 0x53cb9f0c747ea2ebULL;

	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ h >> 27) * 0x94d049bb133111ebULL;
	return (__u8)(h >> 56);
}

FILTER_INLINE __u8
filter_bucket(__u32 seed, int by, const __u8 src[16], __u16 sport, __u16 ipid)
{
	__u32 a[4];

	__builtin_memcpy(a, src, sizeof(a));
	return filter_hash(seed, a, by == FILTER_ON_PORT ? sport : by == FILTER_ON_IPID ? ipid : 0);
}

/* ---- the configuration ---- */

/* Which of our addresses; FILTER_ANY: none */
FILTER_INLINE __u32
filter_ours(const struct filter_conf *conf, const __u32 a[4])
{
	__u32 i, n = conf->addrs;

	for (i = 0; i < FILTER_ADDRS && i < n; i++) {
		const __u8 *o = conf->addr[i];

		if (FILTER_U32(o + 12) == a[3] && FILTER_U32(o + 8) == a[2] && FILTER_U32(o + 4) == a[1] && FILTER_U32(o) == a[0])
			return i;
	}
	return FILTER_ANY;
}

enum filter_ports { FILTER_P_KNOWN, FILTER_P_FOLLOWS /* a following fragment: unknown */, FILTER_P_CUT };

/* What names it: FILTER_K_RULE with group and by, PIECE, BAD, or ALL; packed, because the BPF program has it as a function of its own, which
 * the verifier walks once and not on every path that leads to it (FILTER_SCAN) */
#define FILTER_NAMED(kind, group, by) ((__u32)(kind) | (__u32)(group) << 8 | (__u32)(by) << 16)
#define FILTER_NAMED_KIND(n) ((n) & 0xff)
#define FILTER_NAMED_GROUP(n) ((n) >> 8 & (FILTER_GROUPS - 1))
#define FILTER_NAMED_BY(n) ((n) >> 16 & 0xff)
FILTER_INLINE __u32
filter_scan(const struct filter_conf *conf, __u32 proto, __u32 addr, __u32 known, __u32 port)
{
	__u32 i, kind, n = conf->rules;

	for (i = 0; i < FILTER_RULES && i < n; i++) {
		const struct filter_rule *r = &conf->rule[i];
		__u32 p = r->port;

		if (p != port && p != 0 && known == FILTER_P_KNOWN)
			continue;
		if (r->proto != proto || (r->addr != addr && r->addr != FILTER_ANY))
			continue;
		if (known == FILTER_P_KNOWN)
			kind = FILTER_K_RULE;
		else if (known == FILTER_P_CUT)
			kind = FILTER_K_BAD;
		else
			kind = p == 0 && proto == FILTER_UDP && r->by != FILTER_ON_PORT ? FILTER_K_RULE : FILTER_K_PIECE;
		return FILTER_NAMED(kind, r->group, r->by);
	}
	return FILTER_NAMED(FILTER_K_ALL, 0, 0);
}
#ifndef FILTER_SCAN
#define FILTER_SCAN(conf, proto, addr, known, port) filter_scan(conf, proto, addr, known, port)
#endif

/* Group and bucket of a TCP connection of ours (vipd counts its sockets with it); 0: no rule names it.  Addresses: bytes; ports: as numbers. */
FILTER_INLINE int
filter_connection(const struct filter_conf *conf, const struct filter_tables *tables, const __u8 dst[16], __u16 dport, const __u8 src[16],
    __u16 sport, __u8 *group, __u8 *bucket)
{
	__u32 a[4], i, named;

	__builtin_memcpy(a, dst, sizeof(a));
	i = filter_ours(conf, a);
	if (i == FILTER_ANY)
		return 0;
	named = filter_scan(conf, FILTER_TCP, i, FILTER_P_KNOWN, dport);
	if (FILTER_NAMED_KIND(named) != FILTER_K_RULE)
		return 0;
	*group = FILTER_NAMED_GROUP(named);
	*bucket = filter_bucket(tables->group[*group].seed, FILTER_NAMED_BY(named) == FILTER_ON_ADDR ? FILTER_ON_ADDR : FILTER_ON_PORT, src, sport, 0);
	return 1;
}

/* ---- what is it? ---- */

#define FILTER_ETH	14
enum { FILTER_TO_NONE, FILTER_TO_ONE /* to our MAC, or the virtual one */, FILTER_TO_MANY };

FILTER_INLINE int
filter_destination(const struct filter_conf *conf, const __u8 *frame)
{
	const __u8 *mac = conf->mode == FILTER_INVISIBLE ? conf->vmac : conf->mac;

	if (FILTER_U32(frame) == FILTER_U32(mac) && FILTER_U16(frame + 4) == FILTER_U16(mac + 4))
		return FILTER_TO_ONE;
	return frame[0] & 1 ? FILTER_TO_MANY : FILTER_TO_NONE;
}

/* Past IPv6's extension headers, from *off, *next on */
FILTER_INLINE enum filter_ports
filter_past(const void *data, const void *end, __u32 *off, __u32 *next)
{
	__u32 o = *off, h = *next, i;

	for (i = 0; i <= FILTER_EXT; i++) {
		const __u8 *p;

		if (h != 0 && h != 43 && h != 44 && h != 51 && h != 60) {	/* hop by hop, routing, fragment, authentication, destination */
			*off = o;
			*next = h;
			return FILTER_P_KNOWN;
		}
		p = filter_at(data, end, o, 8);
		if (p == 0)
			break;
		if (h == 44 && (FILTER_U16(p + 2) & FILTER_N16(0xfff8)) != 0) {
			*next = p[0];
			return FILTER_P_FOLLOWS;
		}
		o += h == 44 ? 8 : h == 51 ? (p[1] + 2u) * 4 : (p[1] + 1u) * 8;
		h = p[0];
		if (o > FILTER_HEAD)
			break;
		FILTER_FORGET(o, 2 * FILTER_HEAD - 1);
	}
	return FILTER_P_CUT;
}

/* Somewhere in the frame begins what carries ports */
struct filter_upper { __u32 off, proto, ipid; enum filter_ports known; __u32 turned; };

/* ICMP error about a datagram of ours: the client is to whom that one went, its ports are where ours are in others.  false: about something else */
FILTER_INLINE int
filter_turn4(const void *data, const void *end, struct filter_upper *u, struct filter_key *k)
{
	const __u8 *p = filter_at(data, end, u->off, 8 + 20);

	if (p == 0) {
		u->known = FILTER_P_CUT;
		u->proto = 0;
		return 1;
	}
	if (p[8] >> 4 != 4 || (p[8] & 15) < 5 || FILTER_U32(p + 8 + 12) != k->dst[3])
		return 0;
	k->src[3] = FILTER_U32(p + 8 + 16);
	u->proto = p[8 + 9];
	u->known = FILTER_U16(p + 8 + 6) & FILTER_N16(0x1fff) ? FILTER_P_FOLLOWS : FILTER_P_KNOWN;
	u->off += 8 + (p[8] & 15) * 4u;
	u->turned = 1;
	return 1;
}

FILTER_INLINE int
filter_turn6(const void *data, const void *end, struct filter_upper *u, struct filter_key *k)
{
	const __u8 *p = filter_at(data, end, u->off, 8 + 40);
	int i;

	if (p == 0) {
		u->known = FILTER_P_CUT;
		u->proto = 0;
		return 1;
	}
	if (p[8] >> 4 != 6)
		return 0;
	for (i = 0; i < 4; i++)
		if (FILTER_U32(p + 8 + 8 + 4 * i) != k->dst[i])
			return 0;
	for (i = 0; i < 4; i++)
		k->src[i] = FILTER_U32(p + 8 + 24 + 4 * i);
	u->proto = p[8 + 6];
	u->off += 8 + 40;
	u->known = filter_past(data, end, &u->off, &u->proto);
	u->turned = 1;
	return 1;
}

FILTER_INLINE int
filter_extension(__u32 next)
{
	return next == 0 || next == 43 || next == 51 || next == 60;
}

/* Ports and flags, and which rule; then the bucket */
FILTER_INLINE void
filter_look_upper(const struct filter_conf *conf, const struct filter_tables *tables, const void *data, const void *end,
    struct filter_upper *u, struct filter_key *k)
{
	const __u8 *p;
	__u32 sport = 0, dport = 0, named;

	if (u->proto != FILTER_TCP && u->proto != FILTER_UDP) {
		if (u->known == FILTER_P_FOLLOWS && filter_extension(u->proto))
			k->kind = FILTER_K_PIECE;	/* of IPv6: ports are behind these headers, in the first one */
		else
			k->kind = u->known == FILTER_P_CUT ? FILTER_K_BAD : FILTER_K_ALL;
		return;
	}
	if (u->known == FILTER_P_KNOWN) {
		/* TCP's flags say whether it is new; within an ICMP error 8 bytes are all that is promised */
		if (u->proto == FILTER_TCP && !u->turned) {
			p = filter_at(data, end, u->off, 14);
			k->fresh = p != 0 && (p[13] & 0x12) == 0x02;
		} else {
			p = filter_at(data, end, u->off, 4);
		}
		if (p == 0) {
			u->known = FILTER_P_CUT;
		} else {
			k->sport = FILTER_U16(p + (u->turned ? 2 : 0));
			k->dport = FILTER_U16(p + (u->turned ? 0 : 2));
			sport = FILTER_N16(k->sport);
			dport = FILTER_N16(k->dport);
		}
	}
	named = FILTER_SCAN(conf, u->proto, k->addr, u->known, dport);
	k->kind = FILTER_NAMED_KIND(named);
	if (k->kind != FILTER_K_RULE)
		return;
	if (FILTER_NAMED_BY(named) == FILTER_ON_ADDR) {
		sport = 0;
	} else if (FILTER_NAMED_BY(named) == FILTER_ON_IPID && u->proto == FILTER_UDP && !k->v6) {
		if (u->turned) {
			k->kind = FILTER_K_PIECE;
			return;
		}
		sport = u->ipid;
	}
	k->proto = (__u8)u->proto;
	k->group = FILTER_NAMED_GROUP(named);
	k->bucket = filter_hash(tables->group[k->group].seed, k->src, sport);
}

/* Somebody asks for an address of ours */
FILTER_INLINE void
filter_look_asked(const struct filter_conf *conf, const struct filter_tables *tables, int to, struct filter_key *k)
{
	__u32 named;

	k->kind = FILTER_K_ARP;
	k->group = FILTER_ANY;
	if (k->src[3] == 0 && k->src[1] == 0 && k->src[0] == 0 && (!k->v6 || k->src[2] == 0))
		return;
	if (conf->mode == FILTER_DIRECTED && to == FILTER_TO_ONE)
		return;
	named = FILTER_SCAN(conf, FILTER_ARP, k->addr, FILTER_P_KNOWN, 0);
	if (FILTER_NAMED_KIND(named) != FILTER_K_RULE && conf->mode != FILTER_DIRECTED)
		return;
	k->group = FILTER_NAMED_GROUP(named);	/* directed without rule: the first, 0 */
	k->bucket = filter_hash(tables->group[k->group].seed, k->src, 0);
}

enum { FILTER_A_PACKET, FILTER_A_ASK, FILTER_A_REPLY };

FILTER_INLINE void
filter_look(const struct filter_conf *conf, const struct filter_tables *tables, const void *data, const void *end, struct filter_key *k)
{
	struct filter_upper u = { 0, 0, 0, FILTER_P_KNOWN, 0 };
	const __u8 *p;
	int to, what = FILTER_A_PACKET;
	__u32 type, i;

	k->kind = FILTER_K_PASS;
	k->proto = k->fresh = k->v6 = k->group = k->bucket = k->pad = 0;
	k->sport = k->dport = 0;
	p = filter_at(data, end, 0, FILTER_ETH + 20);
	if (p == 0)
		return;
	to = filter_destination(conf, p);
	if (to == FILTER_TO_NONE)
		return;
	type = FILTER_U16(p + 12);
	k->src[0] = k->src[1] = k->dst[0] = k->dst[1] = 0;
	k->src[2] = k->dst[2] = FILTER_N32(0xffff);
	if (type == FILTER_N16(0x0800)) {
		if (to == FILTER_TO_MANY || p[14] >> 4 != 4)
			return;
		k->src[3] = FILTER_U32(p + FILTER_ETH + 12);
		k->dst[3] = FILTER_U32(p + FILTER_ETH + 16);
	} else if (type == FILTER_N16(0x86dd)) {
		p = filter_at(data, end, FILTER_ETH, 40);
		if (p == 0 || p[0] >> 4 != 6)
			return;
		k->v6 = 1;
		for (i = 0; i < 4; i++) {
			k->src[i] = FILTER_U32(p + 8 + 4 * i);
			k->dst[i] = FILTER_U32(p + 24 + 4 * i);
		}
		u.proto = p[6];
		if (u.proto == 58 && (p = filter_at(data, end, FILTER_ETH + 40, 24)) != 0 && p[0] == 135) {	/* neighbour solicitation */
			what = FILTER_A_ASK;
			for (i = 0; i < 4; i++)
				k->dst[i] = FILTER_U32(p + 8 + 4 * i);
		} else if (to == FILTER_TO_MANY) {
			return;
		}
	} else if (type == FILTER_N16(0x0806)) {
		p = filter_at(data, end, FILTER_ETH, 28);
		if (p == 0 || FILTER_U32(p) != FILTER_N32(0x00010800) || FILTER_U16(p + 4) != FILTER_N16(0x0604))
			return;
		what = FILTER_U16(p + 6) == FILTER_N16(1) ? FILTER_A_ASK : FILTER_A_REPLY;
		k->src[3] = FILTER_U32(p + 14);
		k->dst[3] = FILTER_U32(p + 24);
		if (what == FILTER_A_REPLY && (to == FILTER_TO_MANY || FILTER_U16(p + 6) != FILTER_N16(2)))
			return;
		if (k->src[3] == k->dst[3])	/* an announcement */
			return;
	} else {
		return;
	}
	i = filter_ours(conf, k->dst);
	if (i == FILTER_ANY)
		return;
	FILTER_FORGET(i, FILTER_ADDRS - 1);
	k->addr = (__u8)i;
	k->kind = FILTER_K_ALL;
	if (conf->groups == 0 || what == FILTER_A_REPLY)
		return;
	if (what == FILTER_A_ASK) {
		filter_look_asked(conf, tables, to, k);
		return;
	}
	if (k->v6) {
		u.off = FILTER_ETH + 40;
		u.known = filter_past(data, end, &u.off, &u.proto);
		if (u.proto == 58 && u.known == FILTER_P_KNOWN) {
			p = filter_at(data, end, u.off, 1);
			if (p == 0)
				u.known = FILTER_P_CUT;
			else if (p[0] >= 1 && p[0] <= 4 && !filter_turn6(data, end, &u, k))
				return;
		}
	} else {
		p = filter_at(data, end, FILTER_ETH, 20);
		if (p == 0)
			return;
		u.proto = p[9];
		u.ipid = FILTER_N16(FILTER_U16(p + 4));
		u.off = FILTER_ETH + (p[0] & 15) * 4u;
		if ((p[0] & 15) < 5) {
			k->kind = FILTER_K_BAD;
			return;
		}
		if ((FILTER_U16(p + 6) & FILTER_N16(0x1fff)) != 0) {
			u.known = FILTER_P_FOLLOWS;
		} else if (u.proto == 1) {
			p = filter_at(data, end, u.off, 1);
			if (p == 0)
				u.known = FILTER_P_CUT;
			else if ((p[0] == 3 || p[0] == 4 || p[0] == 11 || p[0] == 12) && !filter_turn4(data, end, &u, k))
				return;
		}
	}
	if (u.off > FILTER_HEAD)
		u.known = FILTER_P_CUT;
	FILTER_FORGET(u.off, 2 * FILTER_HEAD - 1);
	filter_look_upper(conf, tables, data, end, &u, k);
}

/* ---- whose is it? ---- */

FILTER_INLINE struct filter_bucket
filter_bucket_of(const struct filter_tables *tables, const struct filter_key *k)
{
	union { __u64 n; struct filter_bucket b; } u;

	u.n = *(const volatile __u64 *)&tables->group[k->group & (FILTER_GROUPS - 1)].bucket[k->bucket];
	return u.b;
}

FILTER_INLINE int
filter_asks_socket(const struct filter_conf *conf, const struct filter_tables *tables, const struct filter_key *k)
{
	struct filter_bucket b;
	__u32 self = 1u << (conf->self & 31);

	if (k->kind != FILTER_K_RULE || k->proto != FILTER_TCP)
		return 0;
	b = filter_bucket_of(tables, k);
	if (b.owner == conf->self)
		return !k->fresh && (b.holders & ~self) != 0;
	return (b.holders & self) != 0;
}

/* The frame comes from a member */
FILTER_INLINE int
filter_from_member(const struct filter_tables *tables, const __u8 mac[6])
{
	__u32 i, high = FILTER_U32(mac), low = FILTER_U16(mac + 4);

	for (i = 0; i < FILTER_NODES; i++)
		if ((tables->known >> i & 1) != 0 && FILTER_U32(tables->mac[i]) == high && FILTER_U16(tables->mac[i] + 4) == low)
			return 1;
	return 0;
}

FILTER_INLINE struct filter_verdict
filter_judge(const struct filter_conf *conf, const struct filter_tables *tables, const struct filter_control *control, __u64 now_ns,
    const struct filter_key *k, const __u8 source_mac[6], int held)
{
	struct filter_verdict v = { 0, 0, FILTER_C_NOT_OURS, 0 };
	__u32 self = 1u << (conf->self & 31), others;
	struct filter_bucket b;

	if (k->kind == FILTER_K_PASS) {
		v.pass = 1;
		v.count = FILTER_C_OTHER;
		return v;
	}
	if (k->kind == FILTER_K_ALL) {
		v.take = 1;
		v.count = FILTER_C_ALL;
		return v;
	}
	if (k->kind == FILTER_K_BAD) {
		v.count = FILTER_C_BAD;
		return v;
	}
	if (now_ns >= control->lease_ns) {
		v.count = FILTER_C_LEASE;
		return v;
	}
	if (k->kind == FILTER_K_PIECE || k->group == FILTER_ANY) {
		v.take = 1;
		v.count = FILTER_C_ALL;
		v.to = k->kind == FILTER_K_PIECE ? ~0u : 0;
	} else {
		b = filter_bucket_of(tables, k);
		others = k->proto == FILTER_TCP && !k->fresh ? b.holders & ~self : 0;
		if (b.owner == conf->self) {
			v.take = held != FILTER_NOT_HELD || others == 0;
			v.count = v.take ? FILTER_C_OWNED : FILTER_C_NOT_OURS;
		} else if (held != FILTER_NOT_HELD && (!k->fresh || held == FILTER_HALF_OPEN)) {
			v.take = 1;
			v.count = FILTER_C_HELD;
		}
		if (!v.take && k->kind == FILTER_K_RULE)
			v.to = others | (b.owner < FILTER_NODES ? 1u << b.owner : 0);
	}
	v.to &= tables->known & ~tables->deaf & ~self;
	if (v.to != 0 && (conf->mode != FILTER_DIRECTED || filter_from_member(tables, source_mac)))
		v.to = 0;
	return v;
}

/* ---- frames that leave (invisible only): where the virtual MAC has to stand ---- */

/* ARP: the sender's hardware address where the sender's protocol address is ours; ND: the link-layer address option of
 * advertisements for, and solicitations from, an address of ours.  The Ethernet source stays as it is.  1: it is not there yet. */
FILTER_INLINE int
filter_disguise(const struct filter_conf *conf, const void *data, const void *end, struct filter_spot *spot)
{
	const __u8 *p = filter_at(data, end, 0, FILTER_ETH + 28);
	__u32 a[4], i, off, option;

	spot->at = spot->checksum_at = 0;
	if (p == 0 || conf->mode != FILTER_INVISIBLE)
		return 0;
	if (FILTER_U16(p + 12) == FILTER_N16(0x0806)) {
		if (FILTER_U32(p + 14) != FILTER_N32(0x00010800) || FILTER_U16(p + 18) != FILTER_N16(0x0604))
			return 0;
		a[0] = a[1] = 0;
		a[2] = FILTER_N32(0xffff);
		a[3] = FILTER_U32(p + 28);
		if (filter_ours(conf, a) == FILTER_ANY)
			return 0;
		off = 22;
		goto found;
	}
	if (FILTER_U16(p + 12) != FILTER_N16(0x86dd) || p[14] >> 4 != 6 || p[20] != 58)
		return 0;
	p = filter_at(data, end, FILTER_ETH, 40 + 24);
	if (p == 0 || (p[40] != 135 && p[40] != 136))
		return 0;
	option = p[40] == 135 ? 1 : 2;	/* solicitation: source, advertisement: target */
	p += p[40] == 135 ? 8 : 48;	/* who says it: the sender, the target */
	for (i = 0; i < 4; i++)
		a[i] = FILTER_U32(p + 4 * i);
	if (filter_ours(conf, a) == FILTER_ANY)
		return 0;
	off = FILTER_ETH + 40 + 24;
	for (i = 0; i < FILTER_EXT; i++) {
		p = filter_at(data, end, off, 8);
		if (p == 0 || p[1] == 0)
			return 0;
		if (p[0] == option && p[1] == 1) {
			off += 2;
			spot->checksum_at = FILTER_ETH + 40 + 2;
			goto found;
		}
		off += p[1] * 8u;
	}
	return 0;
found:
	spot->at = (__u16)off;
	p = filter_at(data, end, off, 6);
	return p != 0 && (FILTER_U32(p) != FILTER_U32(conf->vmac) || FILTER_U16(p + 4) != FILTER_U16(conf->vmac + 4));
}

/* A one's complement checksum (RFC 1624) as it stands in the packet, after 6 bytes under it became others */
FILTER_INLINE __u16
filter_mended(__u16 checksum, const __u8 was[6], const __u8 is[6])
{
	__u32 sum = (__u16)~checksum, i;

	for (i = 0; i < 6; i += 2)
		sum += (__u16)~FILTER_U16(was + i) + (__u32)FILTER_U16(is + i);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

#endif
