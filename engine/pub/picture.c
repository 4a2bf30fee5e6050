/* SPDX-License-Identifier: GPL-2.0-or-later */
/* picture.c: keeps the rows and tells the listener. */
#include "config.h"
#include "pub/picture.h"

#include <stdlib.h>
#include <string.h>

void
picture_init(struct picture *p, picture_listener listener, void *ctx)
{
	memset(p, 0, sizeof(*p));
	p->listener = listener;
	p->ctx = ctx;
}

void
picture_free(struct picture *p)
{
	size_t i;

	for (i = 0; i < p->count; i++) {
		free(p->modules[i].res);
		free(p->modules[i].shares);
	}
	free(p->modules);
	free(p->remotes);
	memset(p, 0, sizeof(*p));
}

struct picture_module *
picture_find(struct picture *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->count; i++)
		if (strcmp(p->modules[i].report.name, name) == 0)
			return &p->modules[i];
	return NULL;
}

static bool
grow(void **rows, size_t *room, size_t count, size_t size)
{
	void *more;

	if (count < *room)
		return true;
	more = reallocarray(*rows, *room == 0 ? 8 : *room * 2, size);
	if (more == NULL)
		return false;
	*rows = more;
	*room = *room == 0 ? 8 : *room * 2;
	return true;
}

struct picture_module *
picture_put_module(struct picture *p, const struct rpt_module *r)
{
	size_t i;

	for (i = 0; i < p->count && p->modules[i].report.id < r->id; i++)
		;
	if (i == p->count || p->modules[i].report.id != r->id) {
		if (!grow((void **)&p->modules, &p->room, p->count, sizeof(p->modules[0])))
			return NULL;
		memmove(&p->modules[i + 1], &p->modules[i], (p->count - i) * sizeof(p->modules[0]));
		memset(&p->modules[i], 0, sizeof(p->modules[i]));
		p->count++;
	} else if (memcmp(&p->modules[i].report, r, sizeof(*r)) == 0) {
		return &p->modules[i];
	}
	p->modules[i].report = *r;
	p->listener(p->ctx, PC_MODULE, r);
	return &p->modules[i];
}

static void
drop_rows(struct picture *p, struct picture_module *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		p->listener(p->ctx, PC_RESOURCE_GONE, &m->res[i]);
	m->count = 0;
}

static void
drop_share(struct picture *p, struct picture_module *m, size_t i)
{
	p->listener(p->ctx, PC_SHARE_GONE, &m->shares[i]);
	m->shares_count--;
	memmove(&m->shares[i], &m->shares[i + 1], (m->shares_count - i) * sizeof(m->shares[0]));
}

void
picture_drop_module(struct picture *p, uint32_t id)
{
	size_t i;

	for (i = 0; i < p->count && p->modules[i].report.id != id; i++)
		;
	if (i == p->count)
		return;
	drop_rows(p, &p->modules[i]);
	while (p->modules[i].shares_count > 0)
		drop_share(p, &p->modules[i], p->modules[i].shares_count - 1);
	p->listener(p->ctx, PC_MODULE_GONE, &p->modules[i].report);
	free(p->modules[i].res);
	free(p->modules[i].shares);
	p->count--;
	memmove(&p->modules[i], &p->modules[i + 1], (p->count - i) * sizeof(p->modules[0]));
}

void
picture_drop_resources(struct picture *p, const char *module)
{
	struct picture_module *m = picture_find(p, module);

	if (m != NULL)
		drop_rows(p, m);
}

/* first row whose name is not below */
static size_t
place(const struct picture_module *m, const char *name)
{
	size_t lo = 0, hi = m->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(m->res[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
picture_drop_resource(struct picture *p, const char *module, const char *name)
{
	struct picture_module *m = picture_find(p, module);
	size_t i = m != NULL ? place(m, name) : 0;

	if (m == NULL || i == m->count || strcmp(m->res[i].name, name) != 0)
		return;
	p->listener(p->ctx, PC_RESOURCE_GONE, &m->res[i]);
	m->count--;
	memmove(&m->res[i], &m->res[i + 1], (m->count - i) * sizeof(m->res[0]));
}

const struct rpt_resource *
picture_put_resource(struct picture *p, const char *module, const char *longname, const char *longvalue, const char *by,
    int64_t assigned_ms, uint32_t (*index)(void *ctx, const char *module, const char *name), void *index_ctx, bool *changed)
{
	struct picture_module *m = picture_find(p, module);
	char name[SK_RES_MAX], value[SK_VALUE_MAX];
	struct rpt_resource *r;
	size_t i;

	*changed = false;
	if (m == NULL)
		return NULL;
	str_copy(name, sizeof(name), longname);		/* cut before they are compared with what was cut */
	str_copy(value, sizeof(value), longvalue);
	i = place(m, name);
	if (i == m->count || strcmp(m->res[i].name, name) != 0) {
		if (m->count >= PICTURE_RESOURCES_MAX || !grow((void **)&m->res, &m->room, m->count, sizeof(m->res[0])))
			return NULL;
		memmove(&m->res[i + 1], &m->res[i], (m->count - i) * sizeof(m->res[0]));
		m->count++;
		r = &m->res[i];
		memset(r, 0, sizeof(*r));
		r->module_id = m->report.id;
		r->index = index(index_ctx, module, name);
		str_copy(r->module, sizeof(r->module), module);
		str_copy(r->name, sizeof(r->name), name);
		*changed = true;
	}
	r = &m->res[i];
	if (strcmp(r->value, value) != 0) {
		*changed = true;
		if (r->value[0] != '\0')
			r->changes++;
	}
	if (*changed) {
		str_copy(r->value, sizeof(r->value), value);
		r->health = rpt_health_of(value);
		r->since_ms = assigned_ms;
	}
	r->assigned_ms = assigned_ms;
	str_copy(r->by, sizeof(r->by), by);
	p->listener(p->ctx, PC_RESOURCE, r);
	return r;
}

static size_t
share_place(const struct picture_module *m, uint32_t index)
{
	size_t i;

	for (i = 0; i < m->shares_count && m->shares[i].index < index; i++)
		;
	return i;
}

bool
picture_put_share(struct picture *p, const char *module, const struct rpt_share *r)
{
	struct picture_module *m = picture_find(p, module);
	size_t i = m != NULL ? share_place(m, r->index) : 0;

	if (m == NULL || r->index < 1 || r->index > PICTURE_SHARES_MAX)
		return false;
	if (i == m->shares_count || m->shares[i].index != r->index) {
		if (!grow((void **)&m->shares, &m->shares_room, m->shares_count, sizeof(m->shares[0])))
			return false;
		memmove(&m->shares[i + 1], &m->shares[i], (m->shares_count - i) * sizeof(m->shares[0]));
		m->shares_count++;
	} else if (memcmp(&m->shares[i], r, sizeof(*r)) == 0) {
		return true;
	}
	m->shares[i] = *r;
	p->listener(p->ctx, PC_SHARE, &m->shares[i]);
	return true;
}

void
picture_drop_share(struct picture *p, const char *module, uint32_t index)
{
	struct picture_module *m = picture_find(p, module);
	size_t i = m != NULL ? share_place(m, index) : 0;

	if (m != NULL && i < m->shares_count && m->shares[i].index == index)
		drop_share(p, m, i);
}

void
picture_void_shares(struct picture *p, const char *module, int64_t at_ms)
{
	struct picture_module *m = picture_find(p, module);
	size_t i;

	for (i = 0; m != NULL && i < m->shares_count; i++) {
		struct rpt_share *s = &m->shares[i];

		if (s->view == 0 && s->buckets == 0)
			continue;
		s->view = s->buckets = s->serving = 0;
		memset(s->members, 0, sizeof(s->members));
		s->since_ms = at_ms;
		p->listener(p->ctx, PC_SHARE, s);
	}
}

void
picture_put_nodes(struct picture *p, const struct rpt_node *nodes, int count)
{
	int i;

	p->nodes_count = count;
	memcpy(p->nodes, nodes, (size_t)count * sizeof(nodes[0]));
	p->listener(p->ctx, PC_NODES_RESET, NULL);
	for (i = 0; i < count; i++)
		p->listener(p->ctx, PC_NODE, &p->nodes[i]);
}

void
picture_put_node(struct picture *p, const struct rpt_node *n)
{
	if (n->index < 1 || n->index > (uint32_t)p->nodes_count || memcmp(&p->nodes[n->index - 1], n, sizeof(*n)) == 0)
		return;
	p->nodes[n->index - 1] = *n;
	p->listener(p->ctx, PC_NODE, n);
}

void
picture_put_remotes(struct picture *p, const struct rpt_remote *rows, size_t count)
{
	struct rpt_remote *copy = NULL;

	if (count > 0) {
		copy = reallocarray(NULL, count, sizeof(*copy));
		if (copy == NULL)
			return;
		memcpy(copy, rows, count * sizeof(*copy));
	}
	free(p->remotes);
	p->remotes = copy;
	p->remotes_count = count;
	p->listener(p->ctx, PC_REMOTES, NULL);
}

void
picture_touch_engine(struct picture *p)
{
	p->listener(p->ctx, PC_ENGINE, &p->engine);
}
