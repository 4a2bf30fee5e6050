/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter.bpf.c: the filter as tc programs on clsact: filter_in on ingress, filter_out on egress (invisible only).  UAPI headers, no CO-RE: one object for
 * kernels from 5.10 on.
 *
 * Owns: what the verdict (filter_core.h) means to a packet: type, drop, copies, counts, the socket lookup.  Loaded and attached by
 * engine/vip/filter_bpf.c.  Never does: decide.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "filter_state.h"

extern struct filter_state state;
#define FILTER_ZERO (*(volatile __u32 *)&state.zero)
__u32 scan_rules(__u32 proto, __u32 addr, __u32 known, __u32 port);
#define FILTER_SCAN(conf, proto, addr, known, port) scan_rules(proto, addr, known, port)

#include "filter_core.h"

struct filter_state state;	/* .bss: zero until the writer has filled it in, before it is attached */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct filter_counts);
} counts SEC(".maps");

__attribute__((noinline)) __u32
scan_rules(__u32 proto, __u32 addr, __u32 known, __u32 port)
{
	return filter_scan(&state.conf, proto, addr, known, port);
}

static __always_inline void
count(__u32 what, __u32 n)
{
	__u32 zero = 0;
	struct filter_counts *c = bpf_map_lookup_elem(&counts, &zero);

	FILTER_OPAQUE(what);
	if (c != NULL)
		c->n[what & (FILTER_COUNTS - 1)] += n;
}

_Static_assert((FILTER_COUNTS & (FILTER_COUNTS - 1)) == 0, "a mask");

/* States of TCP (UAPI has no names for the programs that see them): include/net/tcp_states.h */
enum { S_SYN_RECV = 3, S_TIME_WAIT = 6, S_CLOSE = 7, S_LISTEN = 10, S_NEW_SYN_RECV = 12 };

static __always_inline int
held(struct __sk_buff *skb, const struct filter_key *k)
{
	struct bpf_sock_tuple t = {};
	struct bpf_sock *sk;
	__u32 state_is;

	if (k->v6) {
		__builtin_memcpy(t.ipv6.saddr, k->src, 16);
		__builtin_memcpy(t.ipv6.daddr, k->dst, 16);
		t.ipv6.sport = k->sport;
		t.ipv6.dport = k->dport;
		sk = bpf_skc_lookup_tcp(skb, &t, sizeof(t.ipv6), BPF_F_CURRENT_NETNS, 0);
	} else {
		t.ipv4.saddr = k->src[3];
		t.ipv4.daddr = k->dst[3];
		t.ipv4.sport = k->sport;
		t.ipv4.dport = k->dport;
		sk = bpf_skc_lookup_tcp(skb, &t, sizeof(t.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	if (sk == NULL)
		return FILTER_NOT_HELD;
	state_is = sk->state;
	bpf_sk_release(sk);
	if (state_is == S_LISTEN || state_is == S_CLOSE || (state_is == S_TIME_WAIT && k->fresh))
		return FILTER_NOT_HELD;
	return state_is == S_SYN_RECV || state_is == S_NEW_SYN_RECV ? FILTER_HALF_OPEN : FILTER_HELD;
}

#define TICK_NS	10000000ULL	/* the longest jiffy: HZ=100 */

/* CLOCK_MONOTONIC, read once a jiffy (38 ns a packet otherwise) and so that a lease ends too early rather than too late */
static __always_inline __u64
now(void)
{
	__u64 tick = bpf_jiffies64();

	if (*(volatile __u64 *)&state.tick != tick) {
		*(volatile __u64 *)&state.now_ns = bpf_ktime_get_ns() + TICK_NS;
		*(volatile __u64 *)&state.tick = tick;
	}
	return *(volatile __u64 *)&state.now_ns;
}

/* Of a VLAN: for the interface above.  0 is none, but a frame that has a priority. */
static __always_inline int
has_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present && (skb->vlan_tci & 0xfff) != 0;
}

struct macs { __u8 dst[6], src[6]; };

/* A copy to each node; the frame itself is put back as it was when we take it.  How many */
static __always_inline __u32
send_on(struct __sk_buff *skb, const struct filter_tables *t, __u32 to, int put_back)
{
	struct macs was, m;
	__u32 i, n = 0;

	if (bpf_skb_load_bytes(skb, 0, &was, sizeof(was)) != 0)
		return 0;
	__builtin_memcpy(m.src, was.dst, 6);	/* directed: it came to our MAC */
	for (i = 0; i < FILTER_NODES; i++) {
		if ((to >> i & 1) == 0)
			continue;
		__builtin_memcpy(m.dst, t->mac[i], 6);
		if (bpf_skb_store_bytes(skb, 0, &m, sizeof(m), 0) == 0 && bpf_clone_redirect(skb, skb->ifindex, 0) == 0)
			n++;
	}
	if (put_back)
		bpf_skb_store_bytes(skb, 0, &was, sizeof(was), 0);
	return n;
}

SEC("tc")
int
filter_in(struct __sk_buff *skb)
{
	const struct filter_tables *t = &state.tables[*(volatile __u32 *)&state.control.active & 1];
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct filter_verdict v;
	struct filter_key k;
	int i, found = FILTER_NOT_HELD;

	if (has_vlan(skb) || data + FILTER_ETH > end || filter_destination(&state.conf, data) == FILTER_TO_NONE)
		return TC_ACT_UNSPEC;
	for (i = 0; i < 2; i++) {
		/* what is at hand may be less than the frame: then the second time there is all of what counts */
		__u32 want = i == 0 ? FILTER_LINEAR : FILTER_HEAD;

		if (want > skb->len)
			want = skb->len;
		if (data + want > end) {
			if (bpf_skb_pull_data(skb, want) != 0)
				return TC_ACT_SHOT;
			data = (void *)(long)skb->data;
			end = (void *)(long)skb->data_end;
			if (data + FILTER_ETH > end)
				return TC_ACT_SHOT;
		}
		filter_look(&state.conf, t, data, end, &k);
		if (k.kind != FILTER_K_BAD)
			break;
	}
	if (k.kind == FILTER_K_PASS)
		return TC_ACT_UNSPEC;
	if (filter_asks_socket(&state.conf, t, &k))
		found = held(skb, &k);
	v = filter_judge(&state.conf, t, &state.control, state.conf.groups != 0 ? now() : 0, &k, data + 6, found);
	count(v.count, 1);
	if (v.to != 0)
		count(FILTER_C_SENT, send_on(skb, t, v.to, v.take));
	if (!v.take)
		return TC_ACT_SHOT;
	if (skb->pkt_type == PACKET_OTHERHOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int
filter_out(struct __sk_buff *skb)
{
	void *data, *end;
	struct filter_spot s;
	__u8 was[6];
	__u16 sum;

	if (has_vlan(skb) || (skb->protocol != FILTER_N16(0x0806) && skb->protocol != FILTER_N16(0x86dd)))
		return TC_ACT_UNSPEC;
	if (skb->len < FILTER_HEAD)	/* what we look for is shorter than that, and in one piece */
		bpf_skb_pull_data(skb, skb->len);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (!filter_disguise(&state.conf, data, end, &s))
		return TC_ACT_UNSPEC;
	if (s.checksum_at != 0 && bpf_skb_load_bytes(skb, s.at, was, sizeof(was)) == 0 && bpf_skb_load_bytes(skb, s.checksum_at, &sum, sizeof(sum)) == 0) {
		sum = filter_mended(sum, was, state.conf.vmac);
		bpf_skb_store_bytes(skb, s.checksum_at, &sum, sizeof(sum), 0);
	}
	bpf_skb_store_bytes(skb, s.at, state.conf.vmac, 6, 0);
	return TC_ACT_UNSPEC;
}

char licence[] SEC("license") = "GPL";
