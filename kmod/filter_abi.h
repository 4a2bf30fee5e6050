/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_abi.h: the contract between vipd and the filter in the kernel, whichever of the two it is (tc-BPF, loadable module).
 *
 * Owns: the structs that both sides see, all in host byte order unless said otherwise.  Included by: kmod/, engine/vip/, tests.  Includes
 * linux/types.h only.  A change of any struct is a change of FILTER_ABI; sides with different numbers refuse each other.
 *
 * One filter is attached per (module, interface) that has virtual addresses of type vmac_invisible or vmac_directed.  It has
 *   one struct filter_conf	written before it is attached, never changed after
 *   two struct filter_tables	vipd writes the one that is not in force, then filter_control.active: a packet sees either or
 *   one struct filter_control
 */
#ifndef SK_FILTER_ABI_H
#define SK_FILTER_ABI_H

#include <linux/types.h>

#define FILTER_ABI	1
#define FILTER_BUCKETS	256	/* user's guide 13.5.7.4 */
#define FILTER_NODES	32	/* = SK_NODES_MAX */
#define FILTER_GROUPS	32	/* load balancing groups of a module (ours) */
#define FILTER_RULES	256	/* rules of a module, of all groups (ours) */
#define FILTER_ADDRS	32	/* virtual addresses on one interface (ours) */
#define FILTER_NOBODY	255	/* owner of a bucket that nobody has, or not yet: new connections are dropped (the client tries again) */
#define FILTER_ANY	255	/* filter_rule.addr: every address of filter_conf */
#define FILTER_HEAD	256	/* bytes of a frame that a verdict may look at; what lies behind is as if it were cut off */

enum filter_mode {
	FILTER_INVISIBLE = 1,	/* every node sees every frame to the virtual MAC */
	FILTER_DIRECTED = 2,	/* a frame comes to one node, which sends it on to the owner */
};
enum filter_proto { FILTER_TCP = 6, FILTER_UDP = 17, FILTER_ARP = 255 /* ARP and neighbour discovery */ };
enum filter_by { FILTER_ON_ADDR = 0, FILTER_ON_PORT = 1, FILTER_ON_IPID = 2 };

/* First match wins.  Without a match the packet is for every node (invisible) or for whom it reached (directed). */
struct filter_rule {
	__u8	proto;		/* enum filter_proto */
	__u8	by;		/* enum filter_by */
	__u8	addr;		/* index into filter_conf.addr, or FILTER_ANY */
	__u8	group;		/* index into filter_tables.group */
	__u16	port;		/* of the service: destination port; 0: every one */
	__u16	pad;
};

struct filter_conf {
	__u32	abi;		/* FILTER_ABI */
	__u8	mode;		/* enum filter_mode */
	__u8	self;		/* our node index */
	__u8	addrs;
	__u8	groups;		/* 0: a mirror's address: all that comes to the virtual MAC is ours, no lease */
	__u16	rules;
	__u16	pad;		/* all pads are 0: configurations are compared as bytes; and they align what is compared with frames */
	__u8	vmac[6];	/* FILTER_INVISIBLE */
	__u16	pad2;
	__u8	mac[6];		/* the interface's own */
	__u16	pad3[3];
	__u8	addr[FILTER_ADDRS][16];	/* IPv6, or IPv4 mapped (::ffff:a.b.c.d) */
	struct filter_rule rule[FILTER_RULES];
};

/* holders: bit per node that may still hold connections of this bucket although it is not (or no longer) the owner.
 * 8 bytes, aligned: written and read at once, so that no packet sees one half changed. */
struct filter_bucket { __u32 holders; __u8 owner; __u8 pad[3]; } __attribute__((aligned(8)));
struct filter_group {
	__u32	seed;		/* of the hash: the same on all nodes */
	__u32	pad;
	struct filter_bucket bucket[FILTER_BUCKETS];
};
struct filter_tables {
	__u32	known;		/* bit per node whose MAC is in mac[] */
	__u32	deaf;		/* of known: may not know our MAC yet; so nothing is sent on to them (they would send it on again) */
	__u8	mac[FILTER_NODES][6];	/* FILTER_DIRECTED: of the members on this interface's network, ours too */
	struct filter_group group[FILTER_GROUPS];
};

struct filter_control {
	__u32	active;		/* which tables are in force: 0, 1 */
	__u32	pad;
	__u64	lease_ns;	/* CLOCK_MONOTONIC: until then; after it nothing that a rule names is answered, nor ARP for our addresses */
};

enum filter_count {
	FILTER_C_OTHER,		/* not for our addresses: left alone */
	FILTER_C_ALL,		/* for our addresses, no rule: taken */
	FILTER_C_OWNED,		/* taken: our bucket */
	FILTER_C_HELD,		/* taken: another's bucket, our connection */
	FILTER_C_NOT_OURS,	/* dropped: another node takes it */
	FILTER_C_SENT,		/* sent on (directed); each copy counts */
	FILTER_C_LEASE,		/* dropped: the lease is over */
	FILTER_C_BAD,		/* dropped: no sense, or cut off where a rule has to look */
	FILTER_COUNTS
};
struct filter_counts { __u64 n[FILTER_COUNTS]; };

#endif
