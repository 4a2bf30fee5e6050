/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * networks.c: the networks of this server's interfaces, in the order of the kernel, for the checkers that <vip check="on"> makes (user's
 * guide 15.10).  Called by: config, confcheck, before userconfig.xml is read.  Never does: decide which one an address belongs to (conf/).
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#define NETWORKS_MAX	1024	/* of a server (ours); more are not looked at */

static int
bits_of(const uint8_t *mask, size_t len)
{
	int bits = 0;
	size_t i;

	for (i = 0; i < len; i++)
		bits += __builtin_popcount(mask[i]);
	return bits;
}

static bool
network_of(const struct ifaddrs *a, struct conf_network *out)
{
	const void *addr, *mask;
	size_t len;

	if (a->ifa_addr == NULL || a->ifa_netmask == NULL || (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
		return false;
	if (a->ifa_addr->sa_family == AF_INET) {
		addr = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		mask = &((const struct sockaddr_in *)(const void *)a->ifa_netmask)->sin_addr;
		len = sizeof(struct in_addr);
	} else {
		addr = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		mask = &((const struct sockaddr_in6 *)(const void *)a->ifa_netmask)->sin6_addr;
		len = sizeof(struct in6_addr);
	}
	out->prefix = bits_of(mask, len);
	return str_copy(out->intf, sizeof(out->intf), a->ifa_name) && inet_ntop(a->ifa_addr->sa_family, addr, out->addr, sizeof(out->addr)) != NULL;
}

void
networks_tell(void)
{
	static struct conf_network list[NETWORKS_MAX];
	struct ifaddrs *all, *a;
	int count = 0;

	if (getifaddrs(&all) == -1) {
		warn_errno("the addresses of this server cannot be read");
		conf_set_networks(NULL, 0);
		return;
	}
	for (a = all; a != NULL && count < NETWORKS_MAX; a = a->ifa_next)
		if ((a->ifa_flags & IFF_LOOPBACK) == 0 && network_of(a, &list[count]))
			count++;
	freeifaddrs(all);
	conf_set_networks(list, count);
}
