/* SPDX-License-Identifier: GPL-2.0-or-later */
/* row.c: rows are made from the configuration, compared with it, and freed. */
#include "config.h"
#include "check/impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS	" \t\r\n"

static void
conf_free(struct conf_check *c)
{
	free(c->addr);
	free(c->exec);
	free(c->arg);
}

static bool
conf_copy(struct conf_check *to, const struct conf_check *from)
{
	*to = *from;
	to->addr = strdup(from->addr != NULL ? from->addr : "");
	to->exec = strdup(from->exec != NULL ? from->exec : "");
	to->arg = strdup(from->arg != NULL ? from->arg : "");
	return to->addr != NULL && to->exec != NULL && to->arg != NULL;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool
row_conf_same(const struct conf_check *a, const struct conf_check *b)
{
	return a->kind == b->kind && strcmp(a->ident, b->ident) == 0 && a->when == b->when && same_text(a->addr, b->addr) &&
	    strcmp(a->intf, b->intf) == 0 && a->network == b->network && a->port == b->port && a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms &&
	    strcmp(a->module, b->module) == 0 && a->secure == b->secure && same_text(a->exec, b->exec) && same_text(a->arg, b->arg);
}

static void
row_close(uv_handle_t *h)
{
	struct row *r = h->data;
	int i;

	for (i = 0; i < r->ntargets; i++)
		free(r->targets[i].text);
	free(r->targets);
	conf_free(&r->conf);
	free(r);
}

void
row_free(struct row *r)
{
	int i;

	for (i = 0; i < r->ntargets; i++)
		name_put(r->targets[i].name);
	uv_close((uv_handle_t *)&r->timer, row_close);
}

/* addr of the configuration: one name or address; several with blanks between for witnesses */
static bool
make_targets(struct row *r, struct names *names)
{
	const char *s = r->conf.addr;
	struct target *x;
	size_t n;

	if (!r->kind->names)
		return true;
	for (s += strspn(s, BLANKS); *s != '\0' && r->ntargets < TARGETS_MAX; s += strspn(s, BLANKS)) {
		n = strcspn(s, BLANKS);
		x = reallocarray(r->targets, (size_t)r->ntargets + 1, sizeof(*x));
		if (x == NULL)
			return false;
		r->targets = x;
		x += r->ntargets;
		memset(x, 0, sizeof(*x));
		x->text = strndup(s, n);
		if (x->text == NULL)
			return false;
		r->ntargets++;
		x->numeric = addr_parse(x->text, r->conf.port, &x->addr);
		if (!x->numeric && (x->name = name_get(names, x->text)) == NULL)
			return false;
		s += n;
	}
	return true;
}

struct row *
row_new(struct table *t, struct names *names, uint32_t serial, const struct conf_check *c)
{
	struct row *r = calloc(1, sizeof(*r));
	const char *by;

	if (r == NULL)
		return NULL;
	r->t = t;
	r->serial = serial;
	r->kind = check_kinds[c->kind];
	uv_timer_init(table_loop(t), &r->timer);
	r->timer.data = r;
	snprintf(r->name, sizeof(r->name), "%s.%s", conf_check_classes[c->kind], c->ident);
	by = conf_check_origins[c->kind];
	if (by[0] == '\0' && c->exec != NULL) {
		by = strrchr(c->exec, '/');
		by = by != NULL ? by + 1 : c->exec;
	}
	str_copy(r->by, sizeof(r->by), by);
	str_make_utf8(r->by);
	if (conf_copy(&r->conf, c) && make_targets(r, names))
		return r;
	row_free(r);
	return NULL;
}
