/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * impl.h: what the files of vipd share.
 *
 *	want.c	what shall be so: setup, want, the ack, trying again
 *	place.c	one virtual address: name, interface, set, announced, taken away
 *	face.c	one <virtual_interface>: filter and promiscuous mode
 *	load.c	the farm: tables and leases of the filters, shares, whose connections
 *	left.c	what stands on this server, for the next life
 */
#ifndef SK_VIP_IMPL_H
#define SK_VIP_IMPL_H

#include "vip/addr.h"
#include "vip/carrier.h"
#include "vip/farm_net.h"
#include "vip/filter.h"
#include "vip/ip.h"
#include "vip/left.h"
#include "vip/resolve.h"
#include "vip/sockets.h"
#include "vip/vipd.h"

#define NAMES_MS	3000	/* patience with a name server before want is answered without the address (ours) */
#define RETRY_MS	5000	/* an address that could not be set is tried again (ours) */
#define PREPARE_MS	100	/* after everything is down, the filters of the next time are loaded, one by one (ours) */
#define COUNT_MS	1000	/* own sockets are counted so often while the farm asks for it (ours) */
#define CONNECTIONS_MS	10000	/* 8.2 notes 2.3.4.2 */
#define WHY_MAX		240

struct place {
	struct vipd	*v;
	int		 index;		/* in the configuration */
	const struct conf_vaddr *conf;
	struct face	*face;
	bool		 known;		/* ip */
	struct sockaddr_storage ip;
	struct resolve	*resolve;	/* runs */
	bool		 found;		/* on */
	struct addr_on	 on;
	bool		 set;
	char		 why[WHY_MAX];	/* not set */
	bool		 said;		/* MSG_VIP_ERROR */
	int		 sent;		/* announcements of the first second */
	int64_t		 due_ms, since_ms;	/* next announcement (0: none); the first one */
	bool		 counted;	/* its connections resource exists */
	int		 connections;
};

struct face {
	struct vipd	*v;
	int		 index;
	const struct conf_vintf *conf;
	bool		 open;
	int		 ifindex;
	char		 intf[SK_NAME_MAX];
	uint8_t		 mac[6], vmac[6];
	struct filter	*filter;
	struct filter_conf fconf;	/* as attached */
	bool		 promisc, before;	/* as of left_intf */
	bool		 taken;		/* they are those of a former life */
	bool		 cut;		/* its interface has no carrier */
	struct filter_tables *tables;	/* of the farm: last told; NULL: none yet */
};

struct vipd {
	uv_loop_t	*loop;
	struct vipd_hooks hooks;
	char		 module[SK_NAME_MAX], var[PATH_MAX];
	struct vip_setup *s;		/* NULL before setup */
	struct addr	*addr;
	const struct filter_kind_ops *kind;	/* chosen at first use */
	int		 places_count, faces_count;
	struct place	 place[CONF_VADDRS_MAX];
	struct face	 face[CONF_VINTFS_MAX];
	struct left	 left;		/* of a former life, not yet taken over or taken down */
	uv_timer_t	 retry, announce, count, prepare;
	int		 handles;	/* open */
	struct carrier	*carrier;	/* of a farm */
	struct sockets	*sockets;	/* opened at first use */
	struct walk	*walk;		/* under way */
	int64_t		 connections_ms;	/* when they were counted last */
	/* want */
	bool		 wanted, addresses, serve;
	bool		 ack_due, patience_over, down, by_hand;
	int64_t		 ack_seq;
	/* load.c */
	struct load	*load;
};

/* ---- want.c ---- */
void want_pursue(struct vipd *v);	/* something may go on now */
void vip_log(struct vipd *v, int message, ...);	/* the texts of the message's format, each const char * */
const char *vip_at(const struct place *p);	/* address as configured */

/* ---- place.c ---- */
void place_begin(struct place *p);		/* its name is asked for */
bool place_pending(const struct place *p);	/* waits for the name server */
void place_find(struct place *p);		/* found, or why */
void place_set(struct place *p);		/* set, or why */
void place_unset(struct place *p);
void place_announce(struct place *p);		/* now, and then as arpinterval and arpelapse say */
void place_end(struct place *p);		/* forgotten; what is set stays */
void place_fail(struct place *p, const char *why);	/* says it once */
void announce_plan(struct vipd *v);		/* the timer */

/* ---- face.c ---- */
bool face_virtual(const struct face *f);
/* Where it is, from the addresses found so far; places of it that cannot be there have the reason.  False: not to be opened */
bool face_prepare(struct face *f);
bool face_open(struct face *f);		/* filter and promiscuous mode; false: places of it have the reason */
void face_close(struct face *f);
void face_news(void *vipd, int ifindex, bool there);	/* of carrier.h */
void face_drop(struct vipd *v, const struct left_intf *l);	/* of a former life */
void face_take(struct face *f, const struct left_intf *l);	/* its filter and promiscuous mode are ours now */
void face_begin(struct vipd *v);	/* a filter is chosen */
bool face_ready(struct vipd *v);	/* one filter more is at hand; true: as many as the faces need */
void face_mac(struct face *f, uint8_t mac[6]);	/* its interface's own, 0 when not known yet */

/* ---- keep.c: v->left and vip.json ---- */
bool keep_write(struct vipd *v);	/* what is found or set, and what is left */
bool keep_take(struct place *p);	/* a former life has set it so, and so it is: ours now */
void keep_take_face(struct face *f);	/* promiscuous mode of a former life: ours now */
void keep_stuck(const struct place *p);	/* it could not be taken away: left, until it can */
void keep_drop_addrs(struct vipd *v, bool all);	/* takes down what is left; not all: what the configuration has otherwise, or not */
void keep_drop_faces(struct vipd *v);	/* what no face has taken */

/* ---- load.c ---- */
bool load_is_farm(const struct vipd *v);
int load_groups(const struct vipd *v);		/* of the filter: 0 in a mirror; a farm without groups has one without a name */
void load_setup(struct vipd *v, bool again);	/* again: perhaps another key or other lans */
void load_serve(struct vipd *v, bool serve);
bool load_served(const struct vipd *v);		/* as ordered last */
void load_carrier(struct vipd *v);		/* face.cut has changed: a server whom no client reaches has no share */
void load_faces(struct vipd *v);		/* interfaces are known now */
void load_tables(struct face *f, bool kept);	/* into a filter just attached */
void announce_again(struct vipd *v);
bool load_announces(const struct vipd *v);	/* we are the lowest that serve */
bool load_must_count(const struct vipd *v);
uint32_t load_view(const struct vipd *v);
void load_holds(struct vipd *v, uint32_t counted_in, uint8_t (*bits)[FILTER_BUCKETS / 8]);
/* Group and bucket of a connection as the filter of f sees it; false: no rule.  bucket -1: any of them (by IP identifier) */
bool load_bucket(const struct face *f, const struct sockets_row *r, int *group, int *bucket);
void load_end(struct vipd *v);

/* ---- count.c: own sockets ---- */
void count_plan(struct vipd *v);		/* the timer runs while somebody asks */
void count_end(struct vipd *v);

#endif
