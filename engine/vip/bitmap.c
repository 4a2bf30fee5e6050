/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bitmap.c: the tables of a filter in words. */
#include "config.h"
#include "vip/bitmap.h"

#include <string.h>

#define WORDS	(FILTER_BUCKETS / 32)

const char *const filter_count_names[FILTER_COUNTS] = {
	[FILTER_C_OTHER] = "other", [FILTER_C_ALL] = "no_rule", [FILTER_C_OWNED] = "owned", [FILTER_C_HELD] = "held",
	[FILTER_C_NOT_OURS] = "not_ours", [FILTER_C_SENT] = "sent_on", [FILTER_C_LEASE] = "lease_over", [FILTER_C_BAD] = "bad",
};

void
bitmap_text(const struct filter_group *g, int node, char buf[BITMAP_TEXT_MAX])
{
	uint32_t words[WORDS] = { 0 };
	size_t n = (size_t)snprintf(buf, BITMAP_TEXT_MAX, "Bitmap %d", node + 1);
	int b, w;

	for (b = 0; b < FILTER_BUCKETS; b++)
		if (g->bucket[b].owner == node)
			words[b / 32] |= 1u << (b % 32);
	for (w = WORDS - 1; w >= 0; w--)
		n += (size_t)snprintf(buf + n, BITMAP_TEXT_MAX - n, ":%08x", words[w]);
}

uint32_t
bitmap_owners(const struct filter_group *g)
{
	uint32_t nodes = 0;
	int b;

	for (b = 0; b < FILTER_BUCKETS; b++)
		if (g->bucket[b].owner < FILTER_NODES)
			nodes |= 1u << g->bucket[b].owner;
	return nodes;
}

static void
print_group(FILE *out, const struct bitmap_view *v, int i)
{
	const struct filter_group *g = &v->tables->group[i];
	bool directed = v->conf->mode == FILTER_DIRECTED;
	uint32_t nodes = 1u << (v->conf->self % FILTER_NODES) | (directed ? bitmap_owners(g) : 0);
	char text[BITMAP_TEXT_MAX];
	int node;

	for (node = 0; node < FILTER_NODES; node++)
		if ((nodes & 1u << node) != 0) {
			bitmap_text(g, node, text);
			fprintf(out, "%s\n", text);
		}
}

static void
print_head(FILE *out, const struct bitmap_view *v, const char *group)
{
	fprintf(out, "module %s, ", v->module);
	if (group[0] != '\0')
		fprintf(out, "group %s, ", group);
	fprintf(out, "interface %s (%s, %s)", v->intf, v->conf->mode == FILTER_DIRECTED ? "vmac_directed" : "vmac_invisible", v->kind);
	if (v->conf->groups > 0 && v->control->lease_ns <= v->now_ns)
		fprintf(out, ": the lease is over, nothing is taken");
	fprintf(out, "\n");
}

void
bitmap_print(FILE *out, const struct bitmap_view *v)
{
	static struct filter_group all;
	char text[BITMAP_TEXT_MAX];
	int i;

	for (i = 0; i < v->conf->groups && i < FILTER_GROUPS; i++) {
		print_head(out, v, v->group(v->ctx, i));
		print_group(out, v, i);
	}
	if (v->conf->groups == 0) {	/* of a mirror: all that comes is ours */
		for (i = 0; i < FILTER_BUCKETS; i++)
			all.bucket[i].owner = v->conf->self;
		print_head(out, v, "");
		bitmap_text(&all, v->conf->self, text);
		fprintf(out, "%s\n", text);
	}
	for (i = 0; v->counts != NULL && i < FILTER_COUNTS; i++)
		fprintf(out, "%s%s %llu", i > 0 ? ", " : "frames: ", filter_count_names[i], (unsigned long long)v->counts->n[i]);
	if (v->counts != NULL)
		fprintf(out, "\n");
}
