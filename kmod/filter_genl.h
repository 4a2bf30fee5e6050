/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_genl.h: how vipd speaks to the loadable module: a generic netlink family, one set of attributes for all commands.
 *
 * Owns: the numbers.  Included by: kmod/mod, engine/vip/filter_module.c, tests.  Blobs are the structs of filter_abi.h, of exactly their size;
 * a side of another FILTER_ABI is refused (EPROTO).  Every command needs CAP_NET_ADMIN and works in the network namespace of its socket.
 *
 *	ATTACH	IFINDEX MODULE CONF		-> KEPT: 1 where the same conf was there already, with its tables and lease
 *	DETACH	IFINDEX MODULE
 *	WRITE	IFINDEX MODULE HEAD GROUP...	filter_tables in pieces (in one it is longer than an attribute may be): as many groups as conf says
 *	LEASE	IFINDEX MODULE LEASE
 *	READ	IFINDEX MODULE			-> ABI CONF CONTROL COUNTS HEAD GROUP...
 *	LIST	(dump)				-> IFINDEX MODULE ABI, each
 *	TRY	CONF HEAD GROUP... CONTROL FRAME NOW HELD	-> KEY ASKS VERDICT [SPOT]: the verdict alone; in a module built for tests only
 */
#ifndef SK_FILTER_GENL_H
#define SK_FILTER_GENL_H

#include "filter_abi.h"

#define FILTER_GENL_NAME	"safevip"
#define FILTER_GENL_VERSION	FILTER_ABI

enum filter_genl_command {
	FILTER_GENL_UNSPEC,
	FILTER_GENL_ATTACH,
	FILTER_GENL_DETACH,
	FILTER_GENL_WRITE,
	FILTER_GENL_LEASE,
	FILTER_GENL_READ,
	FILTER_GENL_LIST,
	FILTER_GENL_TRY,
};

enum filter_genl_attr {
	FILTER_GENL_A_UNSPEC,
	FILTER_GENL_A_IFINDEX,	/* u32 */
	FILTER_GENL_A_MODULE,	/* u32: the id of the module */
	FILTER_GENL_A_ABI,	/* u32: FILTER_ABI of the kernel's side */
	FILTER_GENL_A_KEPT,	/* u8 */
	FILTER_GENL_A_CONF,	/* struct filter_conf */
	FILTER_GENL_A_HEAD,	/* struct filter_genl_head */
	FILTER_GENL_A_GROUP,	/* struct filter_group; repeated, in order */
	FILTER_GENL_A_CONTROL,	/* struct filter_control */
	FILTER_GENL_A_COUNTS,	/* struct filter_counts */
	FILTER_GENL_A_LEASE,	/* u64, ns of CLOCK_MONOTONIC */
	FILTER_GENL_A_PAD,
	FILTER_GENL_A_FRAME,	/* bytes from the Ethernet header on */
	FILTER_GENL_A_NOW,	/* u64, as LEASE */
	FILTER_GENL_A_HELD,	/* u8: enum filter_held */
	FILTER_GENL_A_KEY,	/* struct filter_key */
	FILTER_GENL_A_ASKS,	/* u8 */
	FILTER_GENL_A_VERDICT,	/* struct filter_verdict */
	FILTER_GENL_A_SPOT,	/* struct filter_spot, where the frame would be disguised when it leaves */
	FILTER_GENL_A_END,
};
#define FILTER_GENL_A_MAX	(FILTER_GENL_A_END - 1)

/* filter_tables without its groups */
struct filter_genl_head { __u32 known, deaf; __u8 mac[FILTER_NODES][6]; };

#endif
