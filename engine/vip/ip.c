/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip.c: IP addresses as values.  Pure. */
#include "config.h"
#include "vip/ip.h"

#include <arpa/inet.h>
#include <string.h>

void
ip_set(struct sockaddr_storage *out, int family, const void *bytes)
{
	memset(out, 0, sizeof(*out));
	out->ss_family = (sa_family_t)family;
	if (family == AF_INET)
		memcpy(&((struct sockaddr_in *)out)->sin_addr, bytes, 4);
	else
		memcpy(&((struct sockaddr_in6 *)out)->sin6_addr, bytes, 16);
}

bool
ip_parse(const char *text, struct sockaddr_storage *out)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		ip_set(out, AF_INET, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		ip_set(out, AF_INET6, bytes);
	else
		return false;
	return true;
}

const uint8_t *
ip_raw(const struct sockaddr_storage *ip, size_t *len)
{
	*len = ip->ss_family == AF_INET ? 4 : 16;
	if (ip->ss_family == AF_INET)
		return (const uint8_t *)&((const struct sockaddr_in *)ip)->sin_addr;
	if (ip->ss_family == AF_INET6)
		return (const uint8_t *)&((const struct sockaddr_in6 *)ip)->sin6_addr;
	return NULL;
}

const char *
ip_text(const struct sockaddr_storage *ip, char buf[IP_TEXT_MAX])
{
	size_t len;
	const uint8_t *raw = ip_raw(ip, &len);

	if (raw == NULL || inet_ntop(ip->ss_family, raw, buf, IP_TEXT_MAX) == NULL)
		buf[0] = '\0';
	return buf;
}

bool
ip_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	size_t n, m;
	const uint8_t *x = ip_raw(a, &n), *y = ip_raw(b, &m);

	return x != NULL && y != NULL && a->ss_family == b->ss_family && memcmp(x, y, n) == 0;
}

void
ip_bytes(const struct sockaddr_storage *ip, uint8_t out[16])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	size_t len;
	const uint8_t *raw = ip_raw(ip, &len);

	memset(out, 0, 16);
	if (raw == NULL)
		return;
	if (len == 4)
		memcpy(out, mapped, sizeof(mapped));
	memcpy(out + 16 - len, raw, len);
}

int
ip_bits(const struct sockaddr_storage *ip)
{
	return ip->ss_family == AF_INET ? 32 : 128;
}

static uint8_t
mask_byte(int prefix, size_t i)
{
	int bits = prefix - (int)i * 8;

	return bits >= 8 ? 0xff : bits <= 0 ? 0 : (uint8_t)(0xff << (8 - bits));
}

bool
ip_in(const struct sockaddr_storage *ip, const struct sockaddr_storage *net, int prefix)
{
	size_t len, other, i;
	const uint8_t *a = ip_raw(ip, &len), *b = ip_raw(net, &other);

	if (a == NULL || b == NULL || ip->ss_family != net->ss_family)
		return false;
	for (i = 0; i < len; i++)
		if (((a[i] ^ b[i]) & mask_byte(prefix, i)) != 0)
			return false;
	return true;
}

void
ip_network(const struct sockaddr_storage *ip, int prefix, struct sockaddr_storage *out)
{
	uint8_t bytes[16];
	size_t len, i;
	const uint8_t *raw = ip_raw(ip, &len);

	*out = *ip;
	if (raw == NULL)
		return;
	for (i = 0; i < len; i++)
		bytes[i] = raw[i] & mask_byte(prefix, i);
	ip_set(out, ip->ss_family, bytes);
}

bool
ip_mac_parse(const char *text, uint8_t mac[6])
{
	char pair[3] = "";
	int i;

	for (i = 0; i < 6; i++, text += 3) {
		if (strnlen(text, 3) < (i < 5 ? 3u : 2u) || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		memcpy(pair, text, 2);
		if (!str_from_hex(pair, &mac[i], 1))
			return false;
	}
	return true;
}

void
ip_default_vmac(const struct sockaddr_storage *first, uint8_t mac[6])
{
	size_t len;
	const uint8_t *raw = ip_raw(first, &len);

	memset(mac, 0, 6);
	mac[0] = 0x5a;
	mac[1] = 0xfe;
	if (raw != NULL)
		memcpy(mac + 2, raw + len - 4, 4);
}
