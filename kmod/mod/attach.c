/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attach.c: which filters there are.  One list per network namespace; a filter lives from ATTACH until DETACH, until its interface goes
 * (also to another namespace), or until the module is unloaded, whichever comes first.  vipd may come and go.
 *
 * Tables: two, as filter_abi.h says.  Before the idle ones are written a grace period has passed since they were in force, so no packet
 * sees a half-written table and a write allocates nothing.
 */
#include <linux/if_arp.h>
#include <linux/netfilter_netdev.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/netns/generic.h>

#include "safevip.h"

/* before any rule of the administrator's at this place, as the other kind of filter is (tc) */
#define PRIORITY	(-500)

struct safevip_net { struct list_head list; };
static unsigned int net_id;

struct list_head *
safevip_list(struct net *net)
{
	struct safevip_net *n = net_generic(net, net_id);

	return &n->list;
}

struct safevip *
safevip_find(struct net *net, int ifindex, u32 module_id)
{
	struct safevip *f;

	list_for_each_entry_rcu(f, safevip_list(net), list, lockdep_rtnl_is_held())
		if (f->ifindex == ifindex && f->module_id == module_id)
			return f;
	return NULL;
}

int
safevip_check_conf(const struct filter_conf *conf)
{
	int i;

	if (conf->abi != FILTER_ABI)
		return -EPROTO;
	if ((conf->mode != FILTER_INVISIBLE && conf->mode != FILTER_DIRECTED) || conf->self >= FILTER_NODES || conf->addrs > FILTER_ADDRS ||
	    conf->groups > FILTER_GROUPS || conf->rules > FILTER_RULES)
		return -EINVAL;
	for (i = 0; i < conf->rules; i++) {
		const struct filter_rule *r = &conf->rule[i];

		if (r->group >= conf->groups || (r->addr != FILTER_ANY && r->addr >= conf->addrs) || r->by > FILTER_ON_IPID ||
		    (r->proto != FILTER_TCP && r->proto != FILTER_UDP && r->proto != FILTER_ARP))
			return -EINVAL;
	}
	return 0;
}

int
safevip_check_tables(const struct filter_conf *conf, const struct filter_tables *t)
{
	int g, b;

	for (g = 0; g < conf->groups; g++)
		for (b = 0; b < FILTER_BUCKETS; b++)
			if (t->group[g].bucket[b].owner >= FILTER_NODES && t->group[g].bucket[b].owner != FILTER_NOBODY)
				return -EINVAL;
	return 0;
}

static void
free_parts(struct safevip *f)
{
	free_percpu(f->counts);
	kvfree(f->tables[0]);
	kvfree(f->tables[1]);
	kfree(f);
}

static void
free_later(struct rcu_head *rcu)
{
	free_parts(container_of(rcu, struct safevip, rcu));
}

static struct safevip *
make(struct net *net, struct net_device *dev, u32 module_id, const struct filter_conf *conf)
{
	struct safevip *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (f == NULL)
		return NULL;
	f->net = net;
	f->ifindex = dev->ifindex;
	f->module_id = module_id;
	f->conf = *conf;
	f->tables[0] = kvzalloc(sizeof(*f->tables[0]), GFP_KERNEL);
	f->tables[1] = kvzalloc(sizeof(*f->tables[1]), GFP_KERNEL);
	f->counts = alloc_percpu(struct filter_counts);
	if (f->tables[0] == NULL || f->tables[1] == NULL || f->counts == NULL) {
		free_parts(f);
		return NULL;
	}
	f->grace = get_state_synchronize_rcu();
	f->in = (struct nf_hook_ops){ .hook = safevip_in, .priv = f, .dev = dev, .pf = NFPROTO_NETDEV, .hooknum = NF_NETDEV_INGRESS,
		.priority = PRIORITY };
	f->out = (struct nf_hook_ops){ .hook = safevip_out, .priv = f, .dev = dev, .pf = NFPROTO_NETDEV, .hooknum = NF_NETDEV_EGRESS,
		.priority = -PRIORITY };
	f->has_out = conf->mode == FILTER_INVISIBLE;
	return f;
}

void
safevip_detach(struct safevip *f)
{
	ASSERT_RTNL();
	list_del_rcu(&f->list);
	nf_unregister_net_hook(f->net, &f->in);
	if (f->has_out)
		nf_unregister_net_hook(f->net, &f->out);
	call_rcu(&f->rcu, free_later);
}

/* One with another conf is replaced: the new one is there before the old one goes, and stands behind it; it has no lease yet. */
int
safevip_attach(struct net *net, int ifindex, u32 module_id, const struct filter_conf *conf, bool *kept)
{
	struct safevip *old, *f;
	struct net_device *dev;
	int err;

	ASSERT_RTNL();
	*kept = false;
	err = safevip_check_conf(conf);
	if (err < 0)
		return err;
	dev = __dev_get_by_index(net, ifindex);
	if (dev == NULL)
		return -ENODEV;
	if (dev->type != ARPHRD_ETHER)
		return -EMEDIUMTYPE;
	old = safevip_find(net, ifindex, module_id);
	if (old != NULL && memcmp(&old->conf, conf, sizeof(*conf)) == 0) {
		*kept = true;
		return 0;
	}
	f = make(net, dev, module_id, conf);
	if (f == NULL)
		return -ENOMEM;
	err = nf_register_net_hook(net, &f->in);
	if (err < 0)
		goto out_free;
	if (f->has_out) {
		err = nf_register_net_hook(net, &f->out);
		if (err < 0)
			goto out_in;
	}
	if (old != NULL)
		safevip_detach(old);
	list_add_tail_rcu(&f->list, safevip_list(net));
	return 0;

out_in:
	nf_unregister_net_hook(net, &f->in);
	synchronize_rcu();
out_free:
	free_parts(f);
	return err;
}

struct filter_tables *
safevip_idle_tables(struct safevip *f)
{
	ASSERT_RTNL();
	cond_synchronize_rcu(f->grace);
	return f->tables[!f->control.active];
}

void
safevip_switch(struct safevip *f)
{
	ASSERT_RTNL();
	smp_store_release(&f->control.active, !f->control.active);
	f->grace = get_state_synchronize_rcu();
}

static int
on_netdev(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	struct safevip *f, *next;

	if (event == NETDEV_UNREGISTER)
		list_for_each_entry_safe(f, next, safevip_list(dev_net(dev)), list)
			if (f->ifindex == dev->ifindex)
				safevip_detach(f);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_notifier = { .notifier_call = on_netdev };

static int __net_init
net_begin(struct net *net)
{
	INIT_LIST_HEAD(safevip_list(net));
	return 0;
}

static void __net_exit
net_end(struct net *net)
{
	/* its interfaces went before it, and each took its filters along */
	WARN_ON_ONCE(!list_empty(safevip_list(net)));
}

static struct pernet_operations net_ops = {
	.init = net_begin,
	.exit = net_end,
	.id = &net_id,
	.size = sizeof(struct safevip_net),
};

int
safevip_attach_init(void)
{
	int err;

	err = register_pernet_subsys(&net_ops);
	if (err < 0)
		goto out;
	err = register_netdevice_notifier(&netdev_notifier);
	if (err < 0)
		goto out_net;
	return 0;

out_net:
	unregister_pernet_subsys(&net_ops);
out:
	return err;
}

/* To go, the notifier hears of every interface as if it went: so every filter is taken off. */
void
safevip_attach_exit(void)
{
	unregister_netdevice_notifier(&netdev_notifier);
	unregister_pernet_subsys(&net_ops);
	rcu_barrier();
}
