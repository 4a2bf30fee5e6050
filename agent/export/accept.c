/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * accept.c: parsers of what comes from a network.
 */
#include "config.h"
#include "agent/export/accept.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_MAX	1024	/* of an Accept header; what is behind is not looked at (ours) */

/* A parameter of a media range; NULL: it has none of that name */
static const char *
parameter(char *range, const char *name, char *buf, size_t size)
{
	char *p, *save = NULL;
	size_t n = strlen(name);

	str_copy(buf, size, range);
	for (p = strtok_r(buf, ";", &save); p != NULL; p = strtok_r(NULL, ";", &save)) {
		p += strspn(p, " \t");
		if (strncasecmp(p, name, n) == 0 && p[n] == '=')
			return p + n + 1 + (p[n + 1] == '"');
	}
	return NULL;
}

/* 0..1000 */
static int
quality(const char *q)
{
	int value = 0, factor = 1000;

	if (q == NULL || q[0] == '1')
		return 1000;
	if (q[0] != '0')
		return 0;
	if (q[1] == '.')
		for (q += 2; *q >= '0' && *q <= '9' && factor > 1; q++) {
			factor /= 10;
			value += (*q - '0') * factor;
		}
	return value;
}

bool
accept_openmetrics(const char *accept)
{
	char header[HEADER_MAX], range[HEADER_MAX], buf[HEADER_MAX], *p, *save = NULL;
	int open = 0, text = -1, any = -1;

	if (accept == NULL)
		return false;
	str_copy(header, sizeof(header), accept);
	for (p = strtok_r(header, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
		size_t n;
		int q;

		str_copy(range, sizeof(range), p + strspn(p, " \t"));
		q = quality(parameter(range, "q", buf, sizeof(buf)));
		n = strcspn(range, "; \t");
		if (n == 28 && strncasecmp(range, "application/openmetrics-text", n) == 0) {
			const char *version = parameter(range, "version", buf, sizeof(buf));

			if ((version == NULL || strncmp(version, "1.0.0", 5) == 0) && q > open)
				open = q;
		} else if (n == 10 && strncasecmp(range, "text/plain", n) == 0) {
			text = q > text ? q : text;
		} else if (n == 3 && strncmp(range, "*/*", n) == 0) {
			any = q > any ? q : any;
		}
	}
	return open > 0 && open >= (text >= 0 ? text : any);
}

bool
accept_password(const char *lines, const char *user, const char *password)
{
	struct crypt_data *data = NULL;
	char hash[256];
	const char *p, *made;
	size_t n = strlen(user), i;
	unsigned differ = 1;

	for (p = lines; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
		if (n > 0 && strncmp(p, user, n) == 0 && p[n] == ':')
			break;
	if (*p == '\0' || !path_format(hash, sizeof(hash), "%.*s", (int)strcspn(p + n + 1, ":\r\n"), p + n + 1) || hash[0] == '\0')
		return false;
	data = calloc(1, sizeof(*data));
	made = data != NULL ? crypt_r(password, hash, data) : NULL;
	if (made != NULL && made[0] != '*' && strlen(made) == strlen(hash))
		for (i = 0, differ = 0; made[i] != '\0'; i++)
			differ |= (unsigned char)made[i] ^ (unsigned char)hash[i];
	if (data != NULL)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return differ == 0;
}

bool
accept_address(const char *text, struct sockaddr_storage *sa, bool *loopback)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)sa;
	const char *colon = strrchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;
	bool bracket = n > 2 && text[0] == '[' && text[n - 1] == ']';
	char host[64];
	uint64_t port;

	memset(sa, 0, sizeof(*sa));
	if (n == 0 || !str_to_u64(colon + 1, 0, 65535, &port) ||
	    !path_format(host, sizeof(host), "%.*s", (int)(bracket ? n - 2 : n), text + bracket))
		return false;
	if (!bracket && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
		return true;
	}
	if (!bracket || inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	return true;
}
