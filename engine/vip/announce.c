/* SPDX-License-Identifier: GPL-2.0-or-later */
/* announce.c: gratuitous ARP and unsolicited neighbour advertisements: frames and their sending. */
#include "config.h"
#include "vip/announce.h"
#include "vip/ip.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <net/if_arp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOPS	255	/* RFC 4861: else a router may have sent it on */

static size_t
put(uint8_t *out, size_t at, const void *what, size_t n)
{
	memcpy(out + at, what, n);
	return at + n;
}

static size_t
arp_frame(const uint8_t ip[4], const uint8_t mac[6], const uint8_t says[6], uint8_t *out)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, nobody[6];
	static const uint8_t head[10] = { ETHERTYPE_ARP >> 8, ETHERTYPE_ARP & 0xff, 0, ARPHRD_ETHER, ETHERTYPE_IP >> 8, ETHERTYPE_IP & 0xff,
	    6, 4, 0, ARPOP_REQUEST };
	size_t n = 0;

	n = put(out, n, everybody, 6);
	n = put(out, n, mac, 6);
	n = put(out, n, head, sizeof(head));
	n = put(out, n, says, 6);
	n = put(out, n, ip, 4);
	n = put(out, n, nobody, 6);
	return put(out, n, ip, 4);
}

static uint32_t
add_words(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

/* RFC 4443 2.3: with the pseudo-header */
static uint16_t
icmp6_checksum(const struct ip6_hdr *ip, const void *body, size_t n)
{
	uint32_t sum = add_words(0, &ip->ip6_src, 32) + (uint32_t)n + IPPROTO_ICMPV6;

	sum = add_words(sum, body, n);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t
advert_frame(const uint8_t ip[16], const uint8_t mac[6], const uint8_t says[6], uint8_t *out)
{
	static const uint8_t nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 }, nodes_ip[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t type[2] = { ETHERTYPE_IPV6 >> 8, ETHERTYPE_IPV6 & 0xff };
	struct { struct nd_neighbor_advert na; uint8_t option[8]; } body = { .option = { ND_OPT_TARGET_LINKADDR, 1 } };
	struct ip6_hdr h = { .ip6_flow = htonl(6u << 28), .ip6_plen = htons(sizeof(body)), .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = HOPS };
	size_t n = 0;

	memcpy(&h.ip6_src, ip, 16);
	memcpy(&h.ip6_dst, nodes_ip, 16);
	body.na.nd_na_type = ND_NEIGHBOR_ADVERT;
	body.na.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&body.na.nd_na_target, ip, 16);
	memcpy(body.option + 2, says, 6);
	body.na.nd_na_cksum = icmp6_checksum(&h, &body, sizeof(body));
	n = put(out, n, nodes_mac, 6);
	n = put(out, n, mac, 6);
	n = put(out, n, type, sizeof(type));
	n = put(out, n, &h, sizeof(h));
	return put(out, n, &body, sizeof(body));
}

size_t
announce_frame(const struct sockaddr_storage *ip, const uint8_t mac[6], const uint8_t says[6], uint8_t out[ANNOUNCE_FRAME_MAX])
{
	size_t len;
	const uint8_t *raw = ip_raw(ip, &len);

	if (raw == NULL)
		return 0;
	return len == 4 ? arp_frame(raw, mac, says, out) : advert_frame(raw, mac, says, out);
}

bool
announce_send(int ifindex, const struct sockaddr_storage *ip, const uint8_t mac[6], const uint8_t says[6], char *err, size_t errsize)
{
	uint8_t frame[ANNOUNCE_FRAME_MAX];
	size_t n = announce_frame(ip, mac, says, frame);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = 6 };
	int fd;
	bool ok;

	if (n == 0) {
		snprintf(err, errsize, "announcement: neither IPv4 nor IPv6");
		return false;
	}
	to.sll_protocol = htons(ip->ss_family == AF_INET ? ETHERTYPE_ARP : ETHERTYPE_IPV6);
	memcpy(to.sll_addr, frame, 6);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);	/* protocol 0: receives nothing */
	ok = fd != -1 && sendto(fd, frame, n, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) == (ssize_t)n;
	if (!ok)
		snprintf(err, errsize, "announcement on interface %d: %s", ifindex, strerror(errno));
	if (fd != -1)
		close(fd);
	return ok;
}
