/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_core.h: the verdict on one frame.  Compiled three times: tc-BPF (kmod/bpf), loadable module (kmod/mod), plain C (vipd, tests), with
 * the same answer each time (tests/unit/t_filter*, tests/fuzz/fuzz_filter.c).
 *
 * Owns: which frame is whose.  Pure: no side effect, every loop bounded, looks at [data, end) only and at FILTER_HEAD bytes of it at most.
 * Never does: look up a socket (the caller does, when filter_asks_socket() says so, and hands in what it found), touch the frame.
 *
 *	filter_look(conf, data, end, &key)		what is it?
 *	if (filter_asks_socket(conf, tables, &key))	held = (look the connection up)
 *	filter_judge(conf, tables, control, now, &key, held)	whose is it?
 *
 * Rules of the verdict
 *  - A frame for none of our addresses, or (invisible) not to the virtual MAC, or (directed) not to our MAC: PASS.
 *  - New connection (TCP with SYN and without ACK): the owner of its bucket takes it, and a node that holds a half-open one of the same
 *    addresses and ports (FILTER_HALF_OPEN).
 *  - Any other TCP segment: the node that holds the connection, whatever the bucket's owner.  Only where the tables say that somebody may
 *    hold connections of a bucket that is not his (holders) is a socket asked for.  The owner takes segments without connection
 *    (and answers with a reset) only while nobody else may hold it; else it drops them.
 *  - UDP: the owner.  Fragments: the first one by its ports (cut short before them: BAD), the following ones are for every node (who
 *    lacks the first one forgets them); on_addr and on_ipid need no ports: all fragments by that.
 *  - ICMP errors (3, 4, 11, 12; ICMPv6 1..4): by the datagram within, read backwards: for whom the connection is.
 *  - ARP requests and neighbour solicitations for our addresses: by the rule proto="arp", on the asker's address; without such a rule all
 *    answer (invisible), or the owner in the first group (directed).  Not solicitations from :: (duplicate detection): for all.
 *  - No rule: taken by every node that sees it.
 *  - Directed, not ours: sent on to the owner, and where it is no new connection to the holders as well; a frame that comes from
 *    a member's MAC is never sent on, whatever the tables say: so loops are impossible.  Following fragments go to all members.
 *  - Past the lease: what a rule names, and ARP/ND for our addresses, is dropped.  groups == 0: no lease, all is taken.
 */
#ifndef SK_FILTER_CORE_H
#define SK_FILTER_CORE_H

#include "filter_abi.h"

enum filter_kind {
	FILTER_K_PASS,		/* not for us */
	FILTER_K_ALL,		/* for our addresses, no rule */
	FILTER_K_RULE,		/* group and bucket are valid */
	FILTER_K_PIECE,		/* a following fragment of something that a rule names */
	FILTER_K_ARP,		/* somebody asks for an address of ours; group and bucket are valid */
	FILTER_K_BAD,
};
/* What a frame is.  Addresses and ports: of the connection as the client sent it (ICMP errors are turned round). */
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
	__u8	src[16], dst[16];	/* IPv6, or IPv4 mapped */
};
enum filter_held { FILTER_NOT_HELD, FILTER_HALF_OPEN, FILTER_HELD };	/* a listener is NOT_HELD */

struct filter_verdict {
	__u8	pass;		/* leave it alone; else: */
	__u8	take;		/* it is for our stack (invisible: change its type to "for this host") */
	__u8	count;		/* enum filter_count: what to count; SENT in addition, per copy */
	__u32	to;		/* bit per node that gets a copy, source MAC ours, destination MAC the node's */
};

/* static inline void filter_look(const struct filter_conf *, const void *data, const void *end, struct filter_key *);
 * static inline int filter_asks_socket(const struct filter_conf *, const struct filter_tables *, const struct filter_key *);
 * static inline struct filter_verdict filter_judge(const struct filter_conf *, const struct filter_tables *, const struct filter_control *,
 *	__u64 now_ns, const struct filter_key *, const __u8 source_mac[6], int held);
 * static inline __u8 filter_bucket(__u32 seed, int by, const __u8 src[16], __u16 sport, __u16 ipid);
 *
 * Frames that leave (invisible only): where the virtual MAC has to stand.  ARP: the sender's hardware address of a packet whose sender's
 * protocol address is ours; ND: the link-layer address option of advertisements for, and solicitations from, an address of ours.
 * The Ethernet source stays as it is.
 * static inline int filter_disguise(const struct filter_conf *, const void *data, const void *end, struct filter_spot *);	1: yes
 */
struct filter_spot { __u16 at; __u16 checksum_at; };	/* offsets in the frame; checksum_at 0: none to mend (ARP) */

#endif
