/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pure.c: what checkers compute without asking anybody: addresses, times, words, reasons. */
#include "config.h"
#include "check/impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

bool
addr_parse(const char *text, uint16_t port, union addr *out)
{
	char host[INET6_ADDRSTRLEN];
	const char *scope = strchr(text, '%');
	size_t n = scope != NULL ? (size_t)(scope - text) : strlen(text);

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(port);
		return true;
	}
	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET6, host, &out->in6.sin6_addr) != 1)
		return false;
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(port);
	if (scope != NULL)
		out->in6.sin6_scope_id = if_nametoindex(scope + 1);
	return scope == NULL || out->in6.sin6_scope_id != 0;
}

bool
addr_same(const union addr *a, const union addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	if (a->in6.sin6_scope_id != 0 && b->in6.sin6_scope_id != 0 && a->in6.sin6_scope_id != b->in6.sin6_scope_id)
		return false;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
}

socklen_t
addr_len(const union addr *a)
{
	return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

int64_t
spread_next(int64_t base, int64_t interval, int rank, int count, int64_t now)
{
	int64_t first = base + (count > 0 ? interval * rank / count : 0);

	if (first > now)
		first -= (first - now - 1) / interval * interval;
	else
		first += ((now - first) / interval + 1) * interval;
	return first;
}

int64_t
spread_tick(int64_t when)
{
	return (when + TICK_MS - 1) / TICK_MS * TICK_MS;
}

#define BLANKS	" \t\r\n"

/* One pass: with out NULL it counts words and bytes; otherwise it writes them.  Returns the words, -1: an open quote. */
static int
split(const char *s, char **words, char *out, size_t *bytes)
{
	int n = 0;
	size_t len = 0;

	for (;;) {
		char quote = '\0';

		s += strspn(s, BLANKS);
		if (*s == '\0')
			break;
		if (words != NULL)
			words[n] = out + len;
		n++;
		for (; *s != '\0' && (quote != '\0' || strchr(BLANKS, *s) == NULL); s++) {
			if (quote != '\0' ? *s == quote : *s == '"' || *s == '\'') {
				quote = quote != '\0' ? '\0' : *s;
				continue;
			}
			if (*s == '\\' && quote != '\'' && s[1] != '\0')
				s++;
			if (out != NULL)
				out[len] = *s;
			len++;
		}
		if (quote != '\0')
			return -1;
		if (out != NULL)
			out[len] = '\0';
		len++;
	}
	*bytes = len;
	return n;
}

char **
words_split(const char *text, int *n)
{
	size_t bytes = 0, head;
	char **words;

	*n = split(text, NULL, NULL, &bytes);
	if (*n < 0)
		return NULL;
	head = ((size_t)*n + 1) * sizeof(*words);
	words = calloc(1, head + bytes);
	if (words != NULL)
		split(text, words, (char *)words + head, &bytes);
	return words;
}

const char *
connect_reason(int err)
{
	static const struct { int err; const char *text; } reasons[] = {
		{ ECONNREFUSED, "connection refused" },
		{ ECONNRESET, "connection reset" },
		{ ETIMEDOUT, "timed out" },
		{ EHOSTUNREACH, "host is not reachable" },
		{ ENETUNREACH, "no route to its network" },
		{ EHOSTDOWN, "host is not reachable" },
		{ ENETDOWN, "network is down" },
		{ EACCES, "forbidden by a firewall here" },
		{ EPERM, "forbidden by a firewall here" },
		{ EINVAL, "not an address to connect to" },
		{ EAFNOSUPPORT, "this server has no such kind of address" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].err == err)
			return reasons[i].text;
	return "";
}
