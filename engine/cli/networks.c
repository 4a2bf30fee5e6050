/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * networks.c: the networks of this server's interfaces, in the order of the kernel, for the checkers that <vip check="on"> makes (user's
 * guide 15.10); and whether another module of this server has the same virtual address.  Called by: config, confcheck.  Never does: decide
 * which network an address belongs to (conf/).
 */
#include "config.h"
#include "cli/cli.h"
#include "conf/conf.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

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

static bool
same_address(const char *a, const char *b)
{
	uint8_t x[16], y[16];

	if (inet_pton(AF_INET6, a, x) == 1 && inet_pton(AF_INET6, b, y) == 1)
		return memcmp(x, y, sizeof(x)) == 0;
	return strcasecmp(a, b) == 0;
}

/* Said, not refused: the two may never run at the same time */
static void
compare_addresses(const struct conf_module *m, const struct conf_module *other, const char *name, const char *userconfig, struct conf_errors *errs)
{
	int i, k;

	for (i = 0; i < m->vaddrs_count; i++)
		for (k = 0; k < other->vaddrs_count; k++)
			if (same_address(m->vaddrs[i].addr, other->vaddrs[k].addr))
				conf_complain(errs, 'W', userconfig, 0, "%s of <virtual_addr> is an address of module %s, too: expected each module to have its "
				    "own (user's guide 13.5): the one that stops takes it away from the other", m->vaddrs[i].addr, name);
}

void
addresses_check(const char *module, const struct conf_module *m, const char *userconfig, struct conf_errors *errs)
{
	char dir[PATH_MAX], err[512], **names;
	struct conf_module other;
	int64_t date;
	int i, n;

	if (m->vaddrs_count == 0 || !path_format(dir, sizeof(dir), "%s/private/modules", path_safe()) || (n = tree_names(dir, &names)) == -1)
		return;
	for (i = 0; i < n; i++) {
		if (strcmp(names[i], module) == 0 || !module_active(names[i], &other, &date, err, sizeof(err)))
			continue;
		compare_addresses(m, &other, names[i], userconfig, errs);
		conf_module_free(&other);
	}
	tree_names_free(names, n);
}
