/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * links.h: the interfaces and addresses of this server, as rtnetlink tells them.
 *
 * links.c is pure: messages in, a picture out.  rt.c owns the socket: events as they come, and a whole dump at the start, after a loss
 * (ENOBUFS), and now and then as a safety net.
 */
#ifndef SK_CHECK_LINKS_H
#define SK_CHECK_LINKS_H

#include "check/impl.h"

struct nlmsghdr;

struct link_row { int index; char name[SK_NAME_MAX]; unsigned flags; int operstate; unsigned round; };
struct link_addr { int index; union addr addr; unsigned flags; int prefix; unsigned round; };	/* flags: IFA_F_...; scope of link-local ones set */
struct links {
	struct link_row	*rows;
	struct link_addr *addrs;
	int		 nrows, rows_room, naddrs, addrs_room;
	unsigned	 round;		/* of the dump that runs or ran last */
	bool		 known;		/* a whole dump was taken */
};

/* One message (RTM_NEWLINK, DELLINK, NEWADDR, DELADDR; others are ignored).  True: the picture has changed.  False also for what is
 * malformed, and without memory: *lost is set then, and only a new dump helps. */
bool links_take(struct links *l, const struct nlmsghdr *nlh, bool *lost);
void links_begin(struct links *l);	/* a dump begins */
bool links_finish(struct links *l);	/* it is complete: what it did not name is gone; true: something has changed */
void links_free(struct links *l);

const struct link_row *links_name(const struct links *l, const char *name);
const struct link_row *links_index(const struct links *l, int index);
const struct link_addr *links_addr(const struct links *l, const union addr *a, int index);	/* index 0: on any interface */
/* The address whose network has a, the narrowest; a itself and single hosts (/32, /128) are no network.  NULL: none */
const struct link_addr *links_network(const struct links *l, const union addr *a);
/* "" when packets can pass, else why not: "eth0 is switched off", "eth0 has no carrier (cable)" */
void links_reason(const struct link_row *row, char *why, size_t size);

/* ---- rt.c ---- */
struct rt *rt_get(struct table *t, char *err, size_t errsize);	/* opened at first use; NULL: it cannot be (err) */
const struct links *rt_links(const struct rt *rt);
void rt_refresh(struct rt *rt);		/* safety net: a whole dump soon, at most one a second */

#endif
