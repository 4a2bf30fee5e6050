/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hook.c: packets.  Hands each frame that comes to the verdict (filter_core.h) and does what it says: leave alone, take, drop, send on.
 * Frames that leave get the virtual MAC into ARP and neighbour discovery (invisible).  Runs in softirq, under RCU.
 * Never does: sleep, take a lock of its own, change a frame that others see too.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/checksum.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "safevip.h"

/* The table of connections moved into the network namespace in 6.1, and its users stopped naming it in 6.18. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
#define LOOKUP_TABLE(net)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#define LOOKUP_TABLE(net)	(net)->ipv4.tcp_death_row.hashinfo,
#else
#define LOOKUP_TABLE(net)	&tcp_hashinfo,
#endif

/* A frame of a VLAN is for the interface above.  0 is none, but a frame that has a priority. */
static bool
has_vlan(const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) && skb_vlan_tag_get_id(skb) != 0;
}

static void
count(const struct safevip *f, int what)
{
	this_cpu_inc(f->counts->n[what]);
}

/* Does this host hold the connection?  Listeners are not looked at.  A TIME_WAIT answers its own segments, but a new connection of the
 * same addresses and ports is the owner's. */
static int
ask_socket(struct net *net, int ifindex, const struct filter_key *key)
{
	struct sock *sk = NULL;
	int held;

	if (!key->v6) {
		__be32 src, dst;

		memcpy(&src, (const u8 *)key->src + 12, sizeof(src));
		memcpy(&dst, (const u8 *)key->dst + 12, sizeof(dst));
		sk = __inet_lookup_established(net, LOOKUP_TABLE(net) src, (__force __be16)key->sport, dst, ntohs((__force __be16)key->dport),
		    ifindex, 0);
	}
#if IS_ENABLED(CONFIG_IPV6)
	else {
		struct in6_addr src, dst;

		memcpy(&src, key->src, sizeof(src));
		memcpy(&dst, key->dst, sizeof(dst));
		sk = __inet6_lookup_established(net, LOOKUP_TABLE(net) &src, (__force __be16)key->sport, &dst,
		    ntohs((__force __be16)key->dport), ifindex, 0);
	}
#endif
	if (sk == NULL)
		return FILTER_NOT_HELD;
	switch (sk->sk_state) {
	case TCP_NEW_SYN_RECV:
		held = FILTER_HALF_OPEN;
		break;
	case TCP_TIME_WAIT:
		held = key->fresh ? FILTER_NOT_HELD : FILTER_HELD;
		break;
	default:
		held = FILTER_HELD;
	}
	sock_gen_put(sk);
	return held;
}

/* skb is ours, its data at the network header: out of the interface it came by, from our MAC to `to`.  Eats it. */
static void
send_on(const struct safevip *f, struct sk_buff *skb, struct net_device *dev, const u8 *to)
{
	struct ethhdr *eth;

	if (skb_cow_head(skb, ETH_HLEN) < 0) {
		kfree_skb(skb);
		return;
	}
	skb_push(skb, ETH_HLEN);
	skb_reset_mac_header(skb);
	eth = eth_hdr(skb);
	ether_addr_copy(eth->h_dest, to);
	ether_addr_copy(eth->h_source, f->conf.mac);
	eth->h_proto = skb->protocol;	/* a copy begins at the network header */
	skb_scrub_packet(skb, true);	/* no route, mark or time of how it came */
	skb_forward_csum(skb);
	skb->dev = dev;
	skb->priority = 0;
	dev_queue_xmit(skb);
	count(f, FILTER_C_SENT);
}

/* Copies to all of `to`.  Returns true when the last one was skb itself (`mine`): it is gone then. */
static bool
send_copies(const struct safevip *f, const struct filter_tables *t, struct sk_buff *skb, struct net_device *dev, u32 to, bool mine)
{
	struct sk_buff *copy;
	int node;

	to &= t->known & ~(1u << (f->conf.self & 31));
	while (to != 0) {
		node = __ffs(to);
		to &= to - 1;
		if (to == 0 && mine) {
			send_on(f, skb, dev, t->mac[node]);
			return true;
		}
		copy = pskb_copy(skb, GFP_ATOMIC);
		if (copy != NULL)
			send_on(f, copy, dev, t->mac[node]);
	}
	return false;
}

/* What the verdict may look at, in one piece: `room` when skb has it in several */
static const void *
frame_head(const struct sk_buff *skb, void *room, unsigned int *len)
{
	*len = min_t(unsigned int, skb->len + ETH_HLEN, FILTER_HEAD);
	if (skb_headlen(skb) + ETH_HLEN >= *len)
		return skb_mac_header(skb);
	return skb_copy_bits(skb, -ETH_HLEN, room, *len) < 0 ? NULL : room;
}

unsigned int
safevip_in(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct safevip *f = priv;
	const struct filter_tables *t;
	struct filter_verdict v;
	struct filter_key key;
	u8 room[FILTER_HEAD];
	const u8 *frame;
	unsigned int len;
	int held = FILTER_NOT_HELD;

	if (has_vlan(skb) || !skb_mac_header_was_set(skb) || skb->data - skb_mac_header(skb) != ETH_HLEN)
		return NF_ACCEPT;
	frame = frame_head(skb, room, &len);
	if (frame == NULL)
		return NF_ACCEPT;
	t = f->tables[smp_load_acquire(&f->control.active) & 1];
	filter_look(&f->conf, t, frame, frame + len, &key);
	if (filter_asks_socket(&f->conf, t, &key))
		held = ask_socket(state->net, skb->dev->ifindex, &key);
	v = filter_judge(&f->conf, t, &f->control, ktime_get_ns(), &key, frame + ETH_ALEN, held);
	count(f, v.count);
	if (v.pass)
		return NF_ACCEPT;
	if (v.to != 0 && send_copies(f, t, skb, skb->dev, v.to, !v.take && !skb_shared(skb)))
		return NF_STOLEN;
	if (!v.take)
		return NF_DROP;
	if (skb->pkt_type == PACKET_OTHERHOST)
		skb->pkt_type = PACKET_HOST;
	return NF_ACCEPT;
}

unsigned int
safevip_out(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct safevip *f = priv;
	struct filter_spot spot;
	u8 room[FILTER_HEAD], before[ETH_ALEN];
	unsigned int len = min_t(unsigned int, skb->len, FILTER_HEAD);
	const u8 *frame = skb->data;
	__sum16 *sum;
	u8 *at;
	int i;

	if (has_vlan(skb) || (skb->protocol != htons(ETH_P_ARP) && skb->protocol != htons(ETH_P_IPV6)))
		return NF_ACCEPT;
	if (skb_headlen(skb) < len) {
		if (skb_copy_bits(skb, 0, room, len) < 0)
			return NF_ACCEPT;
		frame = room;
	}
	if (!filter_disguise(&f->conf, frame, frame + len, &spot))
		return NF_ACCEPT;
	/* better no answer than one with the MAC of one server */
	if (skb_shared(skb) || skb_ensure_writable(skb, max_t(unsigned int, spot.at + ETH_ALEN, spot.checksum_at + 2)) < 0)
		return NF_DROP;
	at = skb->data + spot.at;
	memcpy(before, at, ETH_ALEN);
	memcpy(at, f->conf.vmac, ETH_ALEN);
	if (spot.checksum_at != 0) {
		sum = (__sum16 *)(skb->data + spot.checksum_at);
		for (i = 0; i < ETH_ALEN; i += 2) {
			__be16 was, is;

			memcpy(&was, before + i, 2);
			memcpy(&is, f->conf.vmac + i, 2);
			inet_proto_csum_replace2(sum, skb, was, is, false);
		}
	}
	return NF_ACCEPT;
}
