/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module.c: the module checker (user's guide 13.16): asks safeadmin of this server for the state of another module, over libsafekit without
 * waiting, the web service of another server for one there (far.c); other.c judges.
 */
#include "config.h"
#include "check/far.h"
#include "check/impl.h"
#include "check/other.h"
#include "ctl/safekit.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS		1000	/* a question on this server costs little, and a short restart must be seen (ours) */
#define FIRST_ID	1000000	/* of sk_send(): below is sk_ask()'s */

struct peek {
	struct table	*t;
	struct sk_conn	*conn;		/* NULL: none */
	uv_poll_t	*poll;
	json_int_t	 last_id;
	struct other	*first;		/* rows that are on */
};

struct other {
	struct row	*row;
	struct other	*next;
	json_int_t	 id;		/* of the question that waits, 0 none */
	struct other_sight before;
	struct far_look	*look;		/* NULL: it has always been on this server */
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- the connection ---- */

static void
free_poll(uv_handle_t *h)
{
	free(h);
}

static void
disconnect(struct peek *p)
{
	if (p->conn == NULL)
		return;
	uv_close((uv_handle_t *)p->poll, free_poll);
	sk_close(p->conn);
	p->conn = NULL;
	p->poll = NULL;
}

static bool
connect_it(struct peek *p, char *err, size_t errsize)
{
	if (p->conn != NULL)
		return true;
	p->poll = malloc(sizeof(*p->poll));
	p->conn = p->poll != NULL ? sk_connect(err, errsize) : NULL;
	if (p->conn != NULL && uv_poll_init(table_loop(p->t), p->poll, sk_fd(p->conn)) != 0) {
		sk_close(p->conn);
		p->conn = NULL;
		str_copy(err, errsize, "no descriptor for safeadmin's socket");
	}
	if (p->conn == NULL) {
		free(p->poll);
		p->poll = NULL;
		return false;
	}
	p->poll->data = p;
	return true;
}

static void
arm(struct peek *p)
{
	uv_poll_start(p->poll, UV_READABLE | (sk_wants_write(p->conn) ? UV_WRITABLE : 0), on_poll);
}

/* What is to be thought of it */
static void
judge(struct other *x, const struct other_sight *now)
{
	const struct check_hooks *h = table_hooks(x->row->t);
	const char *why;
	bool stopstart;
	enum other_verdict v = other_judge(&x->before, now, &stopstart, &why);

	if (stopstart)
		h->action(h->ctx, "stopstart", x->row->by, x->row->by);
	row_verdict(x->row, v == OTHER_UP ? ROW_UP : v == OTHER_DOWN ? ROW_DOWN : ROW_UNKNOWN, "%s%s%s", v == OTHER_UP ? "" : x->row->conf.module,
	    v == OTHER_UP ? "" : ": ", why);
}

static void
answered(struct other *x, const json_t *reply)
{
	const json_t *row = json_array_get(json_object_get(reply, "rows"), 0);
	const char *code = json_string_value(json_object_get(reply, "code"));
	struct other_sight now = { .exists = row != NULL };
	struct rpt_module m;
	char err[SK_TEXT_MAX] = "an answer without a module";

	x->id = 0;
	memset(&m, 0, sizeof(m));
	if (row != NULL ? !report_decode(&rpt_module_type, row, &m, err, sizeof(err)) : code == NULL || strcmp(code, "notfound") != 0) {
		row_verdict(x->row, ROW_UNKNOWN, "safeadmin: %.120s", err);
		return;
	}
	now.state = m.state;
	now.status = m.status;
	now.since_ms = m.since_ms;
	now.counters_ms = m.counters_ms;
	judge(x, &now);
}

/* The web service of another server has answered, or has not */
static void
seen_there(struct row *r, const struct far_seen *s)
{
	const struct check_hooks *h = table_hooks(r->t);
	struct other *x = r->priv;

	if (s->by_state) {
		judge(x, &s->sight);
		return;
	}
	memset(&x->before, 0, sizeof(x->before));
	if (s->restarted)
		h->action(h->ctx, "stopstart", r->by, r->by);
	if (s->value == ROW_UP)
		row_verdict(r, ROW_UP, "%s", "");
	else
		row_verdict(r, s->value, "%.40s on %.60s: %s", r->conf.module, r->conf.addr, s->why);
}

static void
lost(struct peek *p)
{
	struct other *x;

	disconnect(p);
	for (x = p->first; x != NULL; x = x->next)
		if (x->id != 0) {
			x->id = 0;
			row_verdict(x->row, ROW_UNKNOWN, "safeadmin: connection lost");
		}
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct peek *p = poll->data;
	struct other *x;
	json_t *obj;
	char err[SK_TEXT_MAX];
	int rc;

	while ((rc = sk_next(p->conn, &obj, 0, err, sizeof(err))) == 1) {
		json_int_t id = json_integer_value(json_object_get(obj, "id"));

		for (x = p->first; x != NULL && (id == 0 || x->id != id); x = x->next)
			;
		if (x != NULL)
			answered(x, obj);
		json_decref(obj);
	}
	if (rc == -1)
		lost(p);
	else
		arm(p);
}

/* ---- which server? ---- */

static bool
is_ours(const union addr *a)
{
	struct ifaddrs *list, *i;
	bool ours = a->sa.sa_family == AF_INET ? (ntohl(a->in.sin_addr.s_addr) >> 24) == 127 : IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);

	if (ours || getifaddrs(&list) == -1)
		return ours;
	for (i = list; i != NULL && !ours; i = i->ifa_next)
		if (i->ifa_addr != NULL && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6))
			ours = addr_same((const union addr *)(const void *)i->ifa_addr, a);
	freeifaddrs(list);
	return ours;
}

static bool
is_local(const struct row *r)
{
	union addr addrs[ADDRS_MAX];
	int i, n;

	if (r->ntargets == 0)
		return true;	/* user's guide: the default is the local server */
	n = row_addrs(r, addrs, ADDRS_MAX);
	for (i = 0; i < n; i++)
		if (is_ours(&addrs[i]))
			return true;
	return false;
}

/* ---- a row ---- */

static void
module_probe(struct row *r)
{
	struct peek *p = table_shared(r->t)->peek;
	struct other *x = r->priv;
	char err[SK_TEXT_MAX] = "no memory";

	r->as_configured = !is_local(r);
	if (r->as_configured) {
		if (!far_begin(r, &x->look, seen_there, err, sizeof(err)))
			row_verdict(r, ROW_UNKNOWN, "%.40s on %.60s: %.60s", r->conf.module, r->conf.addr, err);
		return;
	}
	if (!connect_it(p, err, sizeof(err))) {
		row_verdict(r, ROW_UNKNOWN, "%.120s", strncmp(err, "Error: ", 7) == 0 ? err + 7 : err);
		return;
	}
	x->id = FIRST_ID + p->last_id++;
	if (!sk_send(p->conn, json_pack("{s:I,s:s,s:s,s:s}", "id", x->id, "op", "get", "what", "modules", "module", r->conf.module))) {
		lost(p);
		return;
	}
	arm(p);
}

static void
module_expire(struct row *r)
{
	if (r->as_configured)
		row_verdict(r, ROW_DOWN, "%.40s on %.60s: no answer within %lld ms", r->conf.module, r->conf.addr, (long long)row_timeout(r));
	else
		row_verdict(r, ROW_UNKNOWN, "safeadmin does not answer within %lld ms", (long long)row_timeout(r));
}

static void
module_stop(struct row *r)
{
	struct other *x = r->priv;

	if (x == NULL)
		return;
	x->id = 0;
	far_stop(x->look);
}

static bool
module_begin(struct row *r)
{
	struct shared *sh = table_shared(r->t);
	struct other *x = calloc(1, sizeof(*x));

	if (x != NULL && sh->peek == NULL && (sh->peek = calloc(1, sizeof(*sh->peek))) != NULL)
		sh->peek->t = r->t;
	if (x == NULL || sh->peek == NULL) {
		free(x);
		return false;
	}
	x->row = r;
	x->next = sh->peek->first;
	sh->peek->first = x;
	r->priv = x;
	return true;
}

static void
module_end(struct row *r)
{
	struct peek *p = table_shared(r->t)->peek;
	struct other **at;

	if (r->priv == NULL)
		return;
	for (at = &p->first; *at != r->priv; at = &(*at)->next)
		;
	far_end((*at)->look);
	*at = (*at)->next;
	free(r->priv);
	r->priv = NULL;
	if (p->first == NULL)
		disconnect(p);
}

void
peek_free(struct peek *p)
{
	if (p != NULL)
		disconnect(p);
	free(p);
}

const struct kind check_module = {
	.kind = CHECK_MODULE, .names = true, .interval_max = LOOK_MS, .begin = module_begin, .probe = module_probe,
	.expire = module_expire, .stop = module_stop, .end = module_end,
};
