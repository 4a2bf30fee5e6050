/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * who_text.c: what is pure in who.c: names for logs, and whether a page is of this server.
 */
#include "config.h"
#include "web/gateway/who.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void
who_text(const char *user, const char *addr, char *buf, size_t size)
{
	size_t room = size - strlen(addr) - 2, n;
	char name[SK_NAME_MAX];

	str_copy(name, room + 1 < sizeof(name) ? room + 1 : sizeof(name), user);
	for (n = strspn(name, "-"); n > 0; n--)
		name[n - 1] = '_';
	while (strncmp(name, "\xe2\x80\x93", 3) == 0)
		memcpy(name, "___", 3);
	snprintf(buf, size, "%s@%s", name, addr);
	str_make_utf8(buf);
}

bool
origin_fits(const char *origin, const char *host)
{
	const char *at = strstr(origin, "://"), *last = strrchr(host, ',');
	size_t n;

	if (at == NULL)
		return false;	/* "null" among them */
	at += 3;
	host = last != NULL ? last + 1 : host;
	host += strspn(host, " \t");
	n = strcspn(host, " \t");
	return n > 0 && strlen(at) == n && strncasecmp(at, host, n) == 0;
}
