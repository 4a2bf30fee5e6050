/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve.c: names of virtual addresses. */
#include "config.h"
#include "vip/ip.h"
#include "vip/resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
	uv_getaddrinfo_t req;
	resolve_done	 done;		/* NULL: given up */
	void		*ctx;
};

bool
resolve_pick(const struct addrinfo *list, struct sockaddr_storage *out)
{
	const struct addrinfo *ai;
	struct sockaddr_storage ip;
	const uint8_t *a, *b;
	bool found = false;
	size_t n;

	for (ai = list; ai != NULL; ai = ai->ai_next) {
		if (ai->ai_family == AF_INET)
			ip_set(&ip, AF_INET, &((const struct sockaddr_in *)(const void *)ai->ai_addr)->sin_addr);
		else if (ai->ai_family == AF_INET6)
			ip_set(&ip, AF_INET6, &((const struct sockaddr_in6 *)(const void *)ai->ai_addr)->sin6_addr);
		else
			continue;
		b = ip_raw(out, &n);
		a = ip_raw(&ip, &n);
		if (!found || (ip.ss_family == AF_INET && out->ss_family == AF_INET6) ||
		    (ip.ss_family == out->ss_family && memcmp(a, b, n) < 0))
			*out = ip;
		found = true;
	}
	return found;
}

static void
on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct resolve *r = req->data;
	struct sockaddr_storage ip = { 0 };
	bool found = status == 0 && resolve_pick(list, &ip);

	uv_freeaddrinfo(list);
	if (r->done != NULL)
		r->done(r->ctx, found ? &ip : NULL, found ? "" : status == 0 || status == UV_EAI_NONAME || status == UV_EAI_NODATA ?
		    "no such host" : "the name service does not answer");
	free(r);
}

struct resolve *
resolve_start(uv_loop_t *loop, const char *name, resolve_done done, void *ctx)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct resolve *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->done = done;
	r->ctx = ctx;
	r->req.data = r;
	if (uv_getaddrinfo(loop, &r->req, on_answer, name, NULL, &hints) == 0)
		return r;
	free(r);
	return NULL;
}

void
resolve_cancel(struct resolve *r)
{
	if (r == NULL)
		return;
	r->done = NULL;
	uv_cancel((uv_req_t *)&r->req);		/* succeeds where no thread has it yet; on_answer() follows in any case */
}
