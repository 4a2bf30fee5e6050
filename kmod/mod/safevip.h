/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * safevip.h: the rooms of the loadable module and what they show each other.
 *
 * main.c: comes and goes.  attach.c: which filters there are, per network namespace.  hook.c: packets.  nl.c: vipd's words.
 * Locks: the lists are changed under RTNL; packets and the lease see a filter under RCU, and it is freed after a grace period.
 */
#ifndef SAFEVIP_H
#define SAFEVIP_H

#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <linux/version.h>
#include <net/net_namespace.h>

#include "../filter_abi.h"
#include "../filter_core.h"
#include "../filter_genl.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 16, 0)
#error "the netfilter hook for frames that leave came with Linux 5.16"
#endif
#if !defined(CONFIG_NETFILTER_INGRESS) || !defined(CONFIG_NETFILTER_EGRESS)
#error "this kernel is built without CONFIG_NETFILTER_INGRESS or CONFIG_NETFILTER_EGRESS"
#endif

/* One attached filter: a module of the suite on an interface.  conf never changes; tables[] and control by attach.c, see there. */
struct safevip {
	struct list_head list;		/* of its network namespace */
	struct net *net;		/* no reference: its interface goes before it */
	int ifindex;
	u32 module_id;
	struct filter_conf conf;
	struct filter_control control;
	struct filter_tables *tables[2];
	unsigned long grace;		/* since the last switch: who reads the idle tables is gone when it is over */
	struct filter_counts __percpu *counts;
	struct nf_hook_ops in, out;
	bool has_out;
	struct rcu_head rcu;
};

/* attach.c: under RTNL; safevip_find() under RCU too */
int safevip_attach_init(void);
void safevip_attach_exit(void);
struct safevip *safevip_find(struct net *net, int ifindex, u32 module_id);
struct list_head *safevip_list(struct net *net);
int safevip_attach(struct net *net, int ifindex, u32 module_id, const struct filter_conf *conf, bool *kept);
void safevip_detach(struct safevip *f);
struct filter_tables *safevip_idle_tables(struct safevip *f);	/* to write into; may sleep until nobody reads them */
void safevip_switch(struct safevip *f);				/* they are in force from now on */
int safevip_check_conf(const struct filter_conf *conf);
int safevip_check_tables(const struct filter_conf *conf, const struct filter_tables *t);

/* hook.c */
unsigned int safevip_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);
unsigned int safevip_out(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/* nl.c */
int safevip_nl_init(void);
void safevip_nl_exit(void);

#endif
