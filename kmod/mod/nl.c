/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nl.c: vipd's words (filter_genl.h).  Checks every size and number before anything is touched; what it refuses changes nothing.
 */
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "safevip.h"

#define EXACTLY(type)	NLA_POLICY_EXACT_LEN(sizeof(type))

static const struct nla_policy policy[FILTER_GENL_A_MAX + 1] = {
	[FILTER_GENL_A_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[FILTER_GENL_A_MODULE] = { .type = NLA_U32 },
	[FILTER_GENL_A_CONF] = EXACTLY(struct filter_conf),
	[FILTER_GENL_A_HEAD] = EXACTLY(struct filter_genl_head),
	[FILTER_GENL_A_GROUP] = EXACTLY(struct filter_group),
	[FILTER_GENL_A_LEASE] = { .type = NLA_U64 },
#ifdef SAFEVIP_TRY
	[FILTER_GENL_A_CONTROL] = EXACTLY(struct filter_control),
	[FILTER_GENL_A_FRAME] = { .type = NLA_BINARY, .len = 65000 },
	[FILTER_GENL_A_NOW] = { .type = NLA_U64 },
	[FILTER_GENL_A_HELD] = NLA_POLICY_MAX(NLA_U8, FILTER_HELD),
#endif
};
static struct genl_family family;

static bool
has(const struct genl_info *info, int attr)
{
	return info->attrs[attr] != NULL;
}

/* Under RTNL or RCU: the filter that is spoken of, or an error */
static struct safevip *
meant(const struct genl_info *info)
{
	struct safevip *f;

	if (!has(info, FILTER_GENL_A_IFINDEX) || !has(info, FILTER_GENL_A_MODULE))
		return ERR_PTR(-EINVAL);
	f = safevip_find(genl_info_net((struct genl_info *)info), nla_get_u32(info->attrs[FILTER_GENL_A_IFINDEX]),
	    nla_get_u32(info->attrs[FILTER_GENL_A_MODULE]));
	return f != NULL ? f : ERR_PTR(-ENOENT);
}

static struct sk_buff *
answer(struct genl_info *info, size_t size, int command, void **head)
{
	struct sk_buff *msg = genlmsg_new(size, GFP_KERNEL);

	if (msg == NULL)
		return NULL;
	*head = genlmsg_put_reply(msg, info, &family, 0, command);
	if (*head == NULL) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int
do_attach(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	bool kept;
	void *head;
	int err;

	if (!has(info, FILTER_GENL_A_IFINDEX) || !has(info, FILTER_GENL_A_MODULE) || !has(info, FILTER_GENL_A_CONF))
		return -EINVAL;
	msg = answer(info, nla_total_size(sizeof(u8)), FILTER_GENL_ATTACH, &head);
	if (msg == NULL)
		return -ENOMEM;
	rtnl_lock();
	err = safevip_attach(genl_info_net(info), nla_get_u32(info->attrs[FILTER_GENL_A_IFINDEX]),
	    nla_get_u32(info->attrs[FILTER_GENL_A_MODULE]), nla_data(info->attrs[FILTER_GENL_A_CONF]), &kept);
	rtnl_unlock();
	if (err == 0)
		err = nla_put_u8(msg, FILTER_GENL_A_KEPT, kept);
	if (err < 0) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, head);
	return genlmsg_reply(msg, info);
}

static int
do_detach(struct sk_buff *skb, struct genl_info *info)
{
	struct safevip *f;

	rtnl_lock();
	f = meant(info);
	if (!IS_ERR(f))
		safevip_detach(f);
	rtnl_unlock();
	return PTR_ERR_OR_ZERO(f);
}

/* HEAD and GROUPs of a message into t, which nobody reads; exactly as many groups as conf has */
static int
take_tables(struct genl_info *info, const struct filter_conf *conf, struct filter_tables *t)
{
	const struct filter_genl_head *head;
	const struct nlattr *a;
	int rem, groups = 0;

	if (!has(info, FILTER_GENL_A_HEAD))
		return -EINVAL;
	head = nla_data(info->attrs[FILTER_GENL_A_HEAD]);
	t->known = head->known;
	t->deaf = head->deaf;
	memcpy(t->mac, head->mac, sizeof(t->mac));
	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(a) != FILTER_GENL_A_GROUP)
			continue;
		if (groups == conf->groups)
			return -E2BIG;
		memcpy(&t->group[groups++], nla_data(a), sizeof(t->group[0]));
	}
	return groups == conf->groups ? safevip_check_tables(conf, t) : -EINVAL;
}

static int
do_write(struct sk_buff *skb, struct genl_info *info)
{
	struct safevip *f;
	int err;

	rtnl_lock();
	f = meant(info);
	err = PTR_ERR_OR_ZERO(f);
	if (err == 0)
		err = take_tables(info, &f->conf, safevip_idle_tables(f));
	if (err == 0)
		safevip_switch(f);
	rtnl_unlock();
	return err;
}

/* Once a pulse: waits for no lock that others may hold for long */
static int
do_lease(struct sk_buff *skb, struct genl_info *info)
{
	struct safevip *f;

	if (!has(info, FILTER_GENL_A_LEASE))
		return -EINVAL;
	rcu_read_lock();
	f = meant(info);
	if (!IS_ERR(f))
		WRITE_ONCE(f->control.lease_ns, nla_get_u64(info->attrs[FILTER_GENL_A_LEASE]));
	rcu_read_unlock();
	return PTR_ERR_OR_ZERO(f);
}

static void
sum_counts(const struct safevip *f, struct filter_counts *sum)
{
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu)
		for (i = 0; i < FILTER_COUNTS; i++)
			sum->n[i] += READ_ONCE(per_cpu_ptr(f->counts, cpu)->n[i]);
}

static int
put_all(struct sk_buff *msg, const struct safevip *f)
{
	const struct filter_tables *t = f->tables[f->control.active & 1];
	struct filter_genl_head head = { .known = t->known, .deaf = t->deaf };
	struct filter_counts counts;
	int g;

	memcpy(head.mac, t->mac, sizeof(head.mac));
	sum_counts(f, &counts);
	if (nla_put_u32(msg, FILTER_GENL_A_ABI, FILTER_ABI) < 0 || nla_put(msg, FILTER_GENL_A_CONF, sizeof(f->conf), &f->conf) < 0 ||
	    nla_put(msg, FILTER_GENL_A_CONTROL, sizeof(f->control), &f->control) < 0 ||
	    nla_put(msg, FILTER_GENL_A_COUNTS, sizeof(counts), &counts) < 0 || nla_put(msg, FILTER_GENL_A_HEAD, sizeof(head), &head) < 0)
		return -EMSGSIZE;
	for (g = 0; g < f->conf.groups; g++)
		if (nla_put(msg, FILTER_GENL_A_GROUP, sizeof(t->group[g]), &t->group[g]) < 0)
			return -EMSGSIZE;
	return 0;
}

static int
do_read(struct sk_buff *skb, struct genl_info *info)
{
	size_t most = nla_total_size(sizeof(u32)) + nla_total_size(sizeof(struct filter_conf)) + nla_total_size(sizeof(struct filter_control)) +
	    nla_total_size(sizeof(struct filter_counts)) + nla_total_size(sizeof(struct filter_genl_head));
	struct sk_buff *msg = NULL;
	struct safevip *f;
	void *head;
	int err;

	rtnl_lock();
	f = meant(info);
	err = PTR_ERR_OR_ZERO(f);
	if (err == 0) {
		msg = answer(info, most + f->conf.groups * nla_total_size(sizeof(struct filter_group)), FILTER_GENL_READ, &head);
		err = msg != NULL ? put_all(msg, f) : -ENOMEM;
	}
	rtnl_unlock();
	if (err < 0) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, head);
	return genlmsg_reply(msg, info);
}

/* cb->args[0]: how many were told already */
static int
do_list(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct safevip *f;
	long n = 0;
	void *head;

	rtnl_lock();
	list_for_each_entry(f, safevip_list(sock_net(skb->sk)), list) {
		if (n++ < cb->args[0])
			continue;
		head = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &family, NLM_F_MULTI, FILTER_GENL_LIST);
		if (head == NULL)
			break;
		if (nla_put_u32(skb, FILTER_GENL_A_IFINDEX, f->ifindex) < 0 || nla_put_u32(skb, FILTER_GENL_A_MODULE, f->module_id) < 0 ||
		    nla_put_u32(skb, FILTER_GENL_A_ABI, FILTER_ABI) < 0) {
			genlmsg_cancel(skb, head);
			break;
		}
		genlmsg_end(skb, head);
		cb->args[0] = n;
	}
	rtnl_unlock();
	return skb->len;
}

#ifdef SAFEVIP_TRY
struct trial {
	struct filter_conf conf;
	struct filter_tables tables;
	struct filter_control control;
	struct filter_key key;
	struct filter_verdict verdict;
	u64 now;
	u8 asks, held;
};

static int
try_it(struct trial *y, struct genl_info *info, struct sk_buff *msg)
{
	const u8 *frame = nla_data(info->attrs[FILTER_GENL_A_FRAME]);
	int len = min(nla_len(info->attrs[FILTER_GENL_A_FRAME]), FILTER_HEAD), err;
	u8 none[ETH_ALEN] = { 0 };
	struct filter_spot spot;

	memcpy(&y->conf, nla_data(info->attrs[FILTER_GENL_A_CONF]), sizeof(y->conf));
	memcpy(&y->control, nla_data(info->attrs[FILTER_GENL_A_CONTROL]), sizeof(y->control));
	y->now = nla_get_u64(info->attrs[FILTER_GENL_A_NOW]);
	y->held = nla_get_u8(info->attrs[FILTER_GENL_A_HELD]);
	err = safevip_check_conf(&y->conf);
	if (err == 0)
		err = take_tables(info, &y->conf, &y->tables);
	if (err < 0)
		return err;
	filter_look(&y->conf, &y->tables, frame, frame + len, &y->key);
	y->asks = filter_asks_socket(&y->conf, &y->tables, &y->key) != 0;
	y->verdict = filter_judge(&y->conf, &y->tables, &y->control, y->now, &y->key, len >= 2 * ETH_ALEN ? frame + ETH_ALEN : none, y->held);
	if (nla_put(msg, FILTER_GENL_A_KEY, sizeof(y->key), &y->key) < 0 || nla_put_u8(msg, FILTER_GENL_A_ASKS, y->asks) < 0 ||
	    nla_put(msg, FILTER_GENL_A_VERDICT, sizeof(y->verdict), &y->verdict) < 0)
		return -EMSGSIZE;
	if (y->conf.mode == FILTER_INVISIBLE && filter_disguise(&y->conf, frame, frame + len, &spot))
		return nla_put(msg, FILTER_GENL_A_SPOT, sizeof(spot), &spot);
	return 0;
}

static int
do_try(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct trial *y;
	void *head;
	int err;

	if (!has(info, FILTER_GENL_A_CONF) || !has(info, FILTER_GENL_A_CONTROL) || !has(info, FILTER_GENL_A_FRAME) ||
	    !has(info, FILTER_GENL_A_NOW) || !has(info, FILTER_GENL_A_HELD))
		return -EINVAL;
	y = kvzalloc(sizeof(*y), GFP_KERNEL);
	msg = answer(info, NLMSG_DEFAULT_SIZE, FILTER_GENL_TRY, &head);
	err = y != NULL && msg != NULL ? try_it(y, info, msg) : -ENOMEM;
	kvfree(y);
	if (err < 0) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, head);
	return genlmsg_reply(msg, info);
}
#endif

static const struct genl_ops ops[] = {
	{ .cmd = FILTER_GENL_ATTACH, .flags = GENL_ADMIN_PERM, .doit = do_attach },
	{ .cmd = FILTER_GENL_DETACH, .flags = GENL_ADMIN_PERM, .doit = do_detach },
	{ .cmd = FILTER_GENL_WRITE, .flags = GENL_ADMIN_PERM, .doit = do_write },
	{ .cmd = FILTER_GENL_LEASE, .flags = GENL_ADMIN_PERM, .doit = do_lease },
	{ .cmd = FILTER_GENL_READ, .flags = GENL_ADMIN_PERM, .doit = do_read },
	{ .cmd = FILTER_GENL_LIST, .flags = GENL_ADMIN_PERM, .dumpit = do_list },
#ifdef SAFEVIP_TRY
	{ .cmd = FILTER_GENL_TRY, .flags = GENL_ADMIN_PERM, .doit = do_try },
#endif
};

static struct genl_family family = {
	.name = FILTER_GENL_NAME,
	.version = FILTER_GENL_VERSION,
	.maxattr = FILTER_GENL_A_MAX,
	.netnsok = true,
	.parallel_ops = true,	/* else the lease waits for all other families, and for RTNL that one of their commands waits for */
	.module = THIS_MODULE,
	.policy = policy,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
};

int
safevip_nl_init(void)
{
	return genl_register_family(&family);
}

void
safevip_nl_exit(void)
{
	genl_unregister_family(&family);
}
