/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c: names of servers, resolved by getaddrinfo in libuv's threads.  What was known last stays good while a new answer is awaited and
 * while the name service is away; an answer that there is no such name is believed.
 */
#include "config.h"
#include "check/impl.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS	1000	/* rows of one name ask at most so often (ours) */

struct names {
	uv_loop_t	*loop;
	void		(*changed)(void *ctx, const struct name *n);
	void		*ctx;
	struct name	*first;
	int		 running;	/* requests */
	bool		 end;
};

struct name {
	struct names	*of;
	struct name	*next;
	char		*text;
	int		 refs;
	bool		 busy, asked;
	int64_t		 asked_ms;
	enum name_state	 state;
	int		 error;		/* UV_EAI_... of NAME_FAILED */
	int		 count;
	union addr	 addrs[ADDRS_MAX];
	uv_getaddrinfo_t req;
};

struct names *
names_new(uv_loop_t *loop, void (*changed)(void *ctx, const struct name *n), void *ctx)
{
	struct names *ns = calloc(1, sizeof(*ns));

	if (ns == NULL)
		return NULL;
	ns->loop = loop;
	ns->changed = changed;
	ns->ctx = ctx;
	return ns;
}

void
names_free(struct names *ns)
{
	if (ns == NULL)
		return;
	ns->end = true;
	if (ns->running == 0)
		free(ns);
}

static void
name_free(struct name *n)
{
	struct name **p;

	for (p = &n->of->first; *p != n; p = &(*p)->next)
		;
	*p = n->next;
	free(n->text);
	free(n);
}

struct name *
name_get(struct names *ns, const char *text)
{
	struct name *n;

	for (n = ns->first; n != NULL; n = n->next)
		if (strcmp(n->text, text) == 0) {
			n->refs++;
			return n;
		}
	n = calloc(1, sizeof(*n));
	if (n == NULL || (n->text = strdup(text)) == NULL) {
		free(n);
		return NULL;
	}
	n->of = ns;
	n->refs = 1;
	n->next = ns->first;
	ns->first = n;
	return n;
}

void
name_put(struct name *n)
{
	if (n != NULL && --n->refs == 0 && !n->busy)
		name_free(n);
}

/* What tells something about the name, and not about the name service */
static bool
is_final(int error)
{
	return error == UV_EAI_NONAME || error == UV_EAI_NODATA || error == UV_EAI_ADDRFAMILY || error == UV_EAI_FAMILY;
}

static void
take_answer(struct name *n, const struct addrinfo *list)
{
	const struct addrinfo *ai;

	n->count = 0;
	for (ai = list; ai != NULL && n->count < ADDRS_MAX; ai = ai->ai_next) {
		if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) || ai->ai_addrlen > sizeof(union addr))
			continue;
		memset(&n->addrs[n->count], 0, sizeof(n->addrs[0]));
		memcpy(&n->addrs[n->count++], ai->ai_addr, ai->ai_addrlen);
	}
	n->state = n->count > 0 ? NAME_KNOWN : NAME_FAILED;
	n->error = n->count > 0 ? 0 : UV_EAI_NODATA;
}

static void
on_answer(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct name *n = req->data;
	struct names *ns = n->of;

	n->busy = false;
	ns->running--;
	if (status == 0) {
		take_answer(n, list);
	} else if (n->state != NAME_KNOWN || is_final(status)) {
		n->state = NAME_FAILED;
		n->error = status;
		n->count = 0;
	}
	uv_freeaddrinfo(list);
	if (!ns->end && n->refs > 0)
		ns->changed(ns->ctx, n);
	if (n->refs == 0)
		name_free(n);
	if (ns->end && ns->running == 0)
		free(ns);
}

void
name_refresh(struct name *n)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	int rc;

	if (n->busy || (n->asked && uv_now(n->of->loop) - (uint64_t)n->asked_ms < AGAIN_MS))
		return;
	if (n->state == NAME_FAILED)
		n->state = NAME_PENDING;	/* who needs it waits for the new answer */
	n->asked = true;
	n->asked_ms = (int64_t)uv_now(n->of->loop);
	n->req.data = n;
	rc = uv_getaddrinfo(n->of->loop, &n->req, on_answer, n->text, NULL, &hints);
	if (rc == 0) {
		n->busy = true;
		n->of->running++;
	} else if (n->state != NAME_KNOWN) {	/* a text that cannot be a name, or no memory */
		n->state = NAME_FAILED;
		n->error = rc;
	}
}

enum name_state
name_state(const struct name *n)
{
	return n->state;
}

int
name_addrs(const struct name *n, uint16_t port, union addr out[ADDRS_MAX])
{
	int i;

	for (i = 0; i < n->count; i++) {
		out[i] = n->addrs[i];
		if (out[i].sa.sa_family == AF_INET)
			out[i].in.sin_port = htons(port);
		else
			out[i].in6.sin6_port = htons(port);
	}
	return n->count;
}

const char *
name_error(const struct name *n)
{
	return is_final(n->error) || n->error == UV_EINVAL || n->error == UV_ENAMETOOLONG ? "no such host" : "the name service does not answer";
}
